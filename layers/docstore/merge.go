package docstore

import (
	"cmp"
	"os"
	"slices"
	"time"
)

// merge writes small packs anew as one, and damaged ones without their damage.
// The merged pack stands beside its sources until they are removed, so room is
// made for it first.
func (s *Store) merge() error {
	s.prune(s.reservedBytes())
	packs, _ := s.list()
	sources := s.mergeable(packs)
	if len(sources) == 0 {
		return nil
	}
	return s.mergePacks(sources)
}

// mergeable picks the packs to be merged: damaged ones, and if there are too
// many small ones these too, as far as they fit one pack.
func (s *Store) mergeable(packs []packFile) []packFile {
	var sources, small []packFile
	for _, p := range packs {
		switch {
		case p.live:
		case s.isDamaged(p.name):
			sources = append(sources, p)
		case p.bytes <= s.maxPackBytes()/2:
			small = append(small, p)
		}
	}
	if len(small) > mergeAbove {
		slices.SortStableFunc(small, func(a, b packFile) int { return cmp.Compare(a.bytes, b.bytes) })
		sources = append(sources, small...)
	}
	var total int64
	for i, p := range sources {
		if total += p.bytes; total > s.reservedBytes() && i > 0 {
			return sources[:i]
		}
	}
	return sources
}

func (s *Store) isDamaged(name string) bool {
	return slices.ContainsFunc(s.packs, func(p *pack) bool { return p.name == name && p.damaged.Load() })
}

// mergePacks copies what is sound and newest of the sources, and removes them.
func (s *Store) mergePacks(sources []packFile) error {
	slices.SortFunc(sources, func(a, b packFile) int { return cmp.Compare(a.name, b.name) })
	from := &Store{dir: s.dir, opt: s.opt}
	defer from.closePacks()
	var names []string
	var used time.Time
	for _, p := range sources {
		names = append(names, p.name)
		if p.used.After(used) {
			used = p.used
		}
	}
	if vanished := from.openPacks(names); vanished {
		return nil
	}
	if err := s.copyPacks(from, used); err != nil {
		return err
	}
	for _, name := range names {
		s.removePack(name)
	}
	return nil
}

// copyPacks writes the records that from's index names to one new pack.
func (s *Store) copyPacks(from *Store, used time.Time) error {
	places := from.index.places()
	if len(places) == 0 {
		return nil
	}
	temp := tempName()
	f, err := s.dir.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer s.dir.Remove(temp) // no longer there once it is in place
	w := newWriter(f, s.write)
	for _, at := range places {
		if err = from.copyRecord(w, at); err != nil {
			break
		}
	}
	if err == nil {
		err = w.flush()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	name := newPackName(s.opt.Now())
	if err := s.dir.Rename(temp, name); err != nil {
		return err
	}
	_ = s.dir.Chtimes(name, used, used)
	return writeSidecar(s.dir, sidecarName(name), w.mark, w.packBytes(), w.entries)
}

// places lists the records in the order in which they stand.
func (x *index) places() []named {
	list := make([]named, 0, len(x.documents)+len(x.named))
	for _, p := range x.documents {
		list = append(list, named{place: p, keyBytes: uint16(len(sum{}))})
	}
	for _, n := range x.named {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b named) int {
		return cmp.Or(cmp.Compare(a.pack, b.pack), cmp.Compare(a.offset, b.offset))
	})
	return list
}

// copyRecord copies a record if it is sound.
func (s *Store) copyRecord(w *writer, at named) error {
	p := s.packs[at.pack]
	head := recordHeadBytes + int(at.keyBytes)
	b := make([]byte, head+int(at.bodyBytes))
	if _, err := p.file.ReadAt(b, int64(at.offset)); err != nil {
		return nil
	}
	r, ok := parseHead(b[:head], p.mark)
	if !ok || r.bodyBytes != at.bodyBytes || checksum(0, b[head:]) != r.bodyChecksum {
		return nil
	}
	_, err := w.append(&r, r.sum(), b[head:])
	return err
}
