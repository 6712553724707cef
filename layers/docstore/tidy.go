package docstore

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	lockName = "lock"
	// patience is how long a store waits for another that removes or merges
	// packs; then it goes on without, and the next one does its work.
	patience = time.Second
	// mergeAbove is how many small packs may stay unmerged.
	mergeAbove = 8
	// forgottenAfter is when a temporary file must be a crash's.
	forgottenAfter = time.Hour
)

// tidy removes what is too much, and merges small and damaged packs. The caller
// holds s.mu.
func (s *Store) tidy() {
	if packs, total := s.list(); total <= s.opt.MaxBytes && len(s.mergeable(packs)) == 0 {
		return
	}
	_, err := s.alone(func() error {
		s.sweep()
		s.prune(0)
		if packs, _ := s.list(); len(s.mergeable(packs)) > 0 {
			return s.merge()
		}
		return nil
	})
	if err != nil {
		s.fail(fmt.Errorf("tidy the document store: %w", err))
	}
}

// alone runs do while no other store begins, removes or merges packs. If the
// wait for that is too long it returns true without having run it.
func (s *Store) alone(do func() error) (waited bool, err error) {
	f, err := s.dir.OpenFile(lockName, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return false, err
	}
	defer f.Close()
	for start := time.Now(); time.Since(start) < patience; time.Sleep(5 * time.Millisecond) {
		held, err := lock(f)
		if err != nil {
			return false, err
		}
		if held {
			return false, do()
		}
	}
	return true, nil
}

// packFile is a pack as the directory lists it.
type packFile struct {
	name string
	// bytes are those of the pack and its index.
	bytes int64
	used  time.Time
	// live packs are being written; their bytes are what they may grow to.
	live bool
}

// list returns the packs, least recently used first, and the size of all files.
func (s *Store) list() (packs []packFile, total int64) {
	files, err := fs.ReadDir(s.dir.FS(), ".")
	if err != nil {
		s.fail(err)
		return nil, 0
	}
	bytes := make(map[string]int64, len(files))
	for _, f := range files {
		info, err := f.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		bytes[f.Name()] = info.Size()
		total += info.Size()
		if strings.HasSuffix(f.Name(), packSuffix) {
			packs = append(packs, packFile{name: f.Name(), bytes: info.Size(), used: info.ModTime()})
		}
	}
	for i := range packs {
		p := &packs[i]
		index, indexed := bytes[sidecarName(p.name)]
		if p.live = !indexed && s.held(p.name); p.live {
			total += max(0, s.reservedBytes()-p.bytes)
			continue
		}
		p.bytes += index
	}
	slices.SortStableFunc(packs, func(a, b packFile) int {
		return cmp.Or(a.used.Compare(b.used), strings.Compare(a.name, b.name))
	})
	return packs, total
}

// held tells whether another open file holds the lock of the one of that name.
func (s *Store) held(name string) bool {
	f, err := s.dir.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	free, err := lock(f)
	return err == nil && !free
}

// prune removes the packs that were used least recently until there is room.
func (s *Store) prune(roomBytes int64) {
	s.touch()
	packs, total := s.list()
	for _, p := range packs {
		if total+roomBytes <= s.opt.MaxBytes {
			return
		}
		if !p.live && s.removePack(p.name) {
			total -= p.bytes
			s.forget(p.name)
		}
	}
}

// removePack removes a pack that no one writes. Who reads it reads on: os.Root
// opens files so that Windows, too, lets open ones be removed.
func (s *Store) removePack(name string) bool {
	f, err := s.dir.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	if free, err := lock(f); err != nil || !free {
		return false
	}
	if err := s.dir.Remove(name); err != nil {
		return false
	}
	_ = s.dir.Remove(sidecarName(name))
	return true
}

// forget drops a removed pack from this store, so that the disk has it back.
func (s *Store) forget(name string) {
	for i, p := range s.packs {
		if p.name == name && !p.removed {
			s.index.dropFrom(uint32(i), 0)
			_ = p.file.Close()
			p.removed, p.bytes = true, 0
		}
	}
}

// touch marks the packs that were used, by their modification times: access
// times are not kept everywhere.
func (s *Store) touch() {
	now := s.opt.Now()
	for _, p := range s.packs {
		if p.used.Load() && !p.removed {
			// One that vanished meanwhile needs none.
			_ = s.dir.Chtimes(p.name, now, now)
		}
	}
}

// sweep removes what crashes left: temporary files, and indexes without a pack.
func (s *Store) sweep() {
	files, err := fs.ReadDir(s.dir.FS(), ".")
	if err != nil {
		return
	}
	for _, f := range files {
		name := f.Name()
		base, isIndex := strings.CutSuffix(name, sidecarSuffix)
		if isIndex {
			_, err := s.dir.Stat(base + packSuffix)
			isIndex = errors.Is(err, fs.ErrNotExist)
		}
		if isIndex || strings.HasSuffix(name, tempSuffix) && forgotten(f) {
			_ = s.dir.Remove(name)
		}
	}
}

func forgotten(f fs.DirEntry) bool {
	info, err := f.Info()
	return err == nil && time.Since(info.ModTime()) > forgottenAfter
}
