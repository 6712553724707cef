package docstore

import (
	"cmp"
	"os"
	"path/filepath"
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
	s.alone(func() {
		s.sweep()
		s.prune(0)
		if packs, _ := s.list(); len(s.mergeable(packs)) > 0 {
			s.merge()
		}
	})
}

// alone runs do while no other store begins, removes or merges packs. It returns
// false without having run it if the wait is too long.
func (s *Store) alone(do func()) bool {
	f, err := os.OpenFile(filepath.Join(s.dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		s.fail(err)
		return false
	}
	defer f.Close()
	for start := time.Now(); time.Since(start) < patience; time.Sleep(5 * time.Millisecond) {
		held, err := lock(f)
		if err != nil {
			s.fail(err)
			return false
		}
		if held {
			do()
			return true
		}
	}
	return false
}

// packFile is a pack as the directory lists it.
type packFile struct {
	path string
	// bytes are those of the pack and its index.
	bytes int64
	used  time.Time
	// live packs are being written; their bytes are what they may grow to.
	live bool
}

// list returns the packs, least recently used first, and the size of all files.
func (s *Store) list() (packs []packFile, total int64) {
	files, err := os.ReadDir(s.dir)
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
		path := filepath.Join(s.dir, f.Name())
		bytes[path] = info.Size()
		total += info.Size()
		if strings.HasSuffix(path, packSuffix) {
			packs = append(packs, packFile{path: path, bytes: info.Size(), used: info.ModTime()})
		}
	}
	for i := range packs {
		p := &packs[i]
		index, indexed := bytes[sidecarPath(p.path)]
		if p.live = !indexed && held(p.path); p.live {
			total += max(0, s.reservedBytes()-p.bytes)
			continue
		}
		p.bytes += index
	}
	slices.SortStableFunc(packs, func(a, b packFile) int {
		return cmp.Or(a.used.Compare(b.used), strings.Compare(a.path, b.path))
	})
	return packs, total
}

// held tells whether another open file holds the lock of the one at path.
func held(path string) bool {
	f, err := os.Open(path)
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
		if !p.live && removePack(p.path) {
			total -= p.bytes
			s.forget(p.path)
		}
	}
}

// removePack removes a pack that no one writes. On Windows it fails while
// somebody reads it.
func removePack(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	if free, err := lock(f); err != nil || !free {
		f.Close()
		return false
	}
	err = os.Remove(path)
	f.Close()
	if err != nil {
		err = os.Remove(path)
	}
	if err != nil {
		return false
	}
	_ = os.Remove(sidecarPath(path))
	return true
}

// forget drops a removed pack from this store, so that the disk has it back.
func (s *Store) forget(path string) {
	for i, p := range s.packs {
		if p.path == path && !p.removed {
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
			_ = os.Chtimes(p.path, now, now)
		}
	}
}

// sweep removes what crashes left: temporary files, and indexes without a pack.
func (s *Store) sweep() {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return
	}
	for _, f := range files {
		path := filepath.Join(s.dir, f.Name())
		base, isIndex := strings.CutSuffix(path, sidecarSuffix)
		if isIndex {
			_, err := os.Stat(base + packSuffix)
			isIndex = os.IsNotExist(err)
		}
		if isIndex || strings.HasSuffix(path, tempSuffix) && forgotten(f) {
			_ = os.Remove(path)
		}
	}
}

func forgotten(f os.DirEntry) bool {
	info, err := f.Info()
	return err == nil && time.Since(info.ModTime()) > forgottenAfter
}
