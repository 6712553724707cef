// Package docstore keeps small documents (image manifests, indexes, configs),
// what references meant when last looked up, and facts about layers, in a
// directory, so that a second run need not ask for them again.
//
// The model is a log: each process appends records to a pack file of its own,
// and an index beside every finished pack tells where its records are. A record
// is written once and never changed; a newer one of the same key takes its
// place. One file for each document would cost more CPU than fetching them.
//
// Any number of processes and goroutines may use one directory at once. A store
// sees what finished packs held when it was opened, most of what others were
// writing then, and all that it put itself. A pack that vanishes later, or bytes
// that are damaged, are misses: a document is checked against its digest at
// every read, any other record against its checksum. What was dropped so is
// kept again when put again, and Close rewrites damaged packs without it. A full
// disk or a directory that cannot be written never fails a call: the store then
// keeps no more, and Close tells why.
//
// Size is bounded: packs hold a sixteenth of Options.MaxBytes, and before a new
// one is begun, those that were used least recently go. Close also merges packs
// when there are many small ones. Writers hold the lock of their pack file
// (flock; LockFileEx on Windows), which tells the living from those that a
// crash left behind, and whoever removes or merges packs holds that of the file
// "lock". Other systems have no such locks; there a store is only read.
//
// It neither fetches nor parses documents, nor does it decide how long a meaning
// holds. It guards against accidents and against the content of documents, not
// against somebody who can write to the directory. Nothing is synced to the disk:
// a power cut loses the latest records, and checksums find what it tore.
//
// The format is this package's own (record.go, sidecar.go), in a subdirectory
// named for its version; other versions' are left alone.
//
// Use: Open a directory; Document, Meaning and Fact read, PutDocument,
// PutMeaning and PutFact write; Close.
package docstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// formatDir is the subdirectory of this version of the format.
const formatDir = "v1"

// DefaultMaxBytes bounds a store whose options name no bound.
const DefaultMaxBytes = 256 << 20

// packsPerStore is how many full packs fill a store: what is removed at once is
// a sixteenth of it.
const packsPerStore = 16

// maxOpenPacks bounds the open files; there are more packs only after hundreds
// of crashes, and then the oldest are not read until they are merged.
const maxOpenPacks = 256

// Options say how a store is used. The zero value is a store of 256 MiB that is
// read and written.
type Options struct {
	// MaxBytes bounds the size of all files; 0 means DefaultMaxBytes. A document
	// of more than a sixteenth of it is not kept.
	MaxBytes int64
	// ReadOnly stores keep nothing, and leave the directory exactly as it is.
	ReadOnly bool
	// Now tells the time; nil means time.Now.
	Now func() time.Time
}

// Store is an open directory of documents, meanings and facts. All methods may
// be called at once from any goroutines.
type Store struct {
	dir   *os.Root
	opt   Options
	write func(*os.File, []byte) (int, error)

	mu    sync.RWMutex
	index index
	// packs are open until Close; a place names one by its position.
	packs []*pack
	// writer appends to the pack at position own; nil before the first Put.
	writer *writer
	own    int
	// A closed store keeps nothing more, nor does one that is full: its disk
	// refused a write.
	closed, full bool
	errs         []error
	dropped      int

	hits, misses, healed atomic.Int64
}

// Stats tell what a store holds and did since it was opened.
type Stats struct {
	// Documents, Meanings and Facts are counted by distinct keys.
	Documents, Meanings, Facts int
	// Packs and Bytes are the files that the store reads, and their size with
	// their indexes.
	Packs int
	Bytes int64
	// Hits and Misses count Document, Meaning and Fact.
	Hits, Misses int64
	// Healed counts damaged records that were found and dropped.
	Healed int64
}

// Open opens the store in dir, which it makes if need be, for its owner alone.
// A ReadOnly store whose directory does not exist is an error that is
// fs.ErrNotExist.
func Open(dir string, opt Options) (*Store, error) {
	if opt.MaxBytes < 0 {
		return nil, fmt.Errorf("document store %s: a bound of %d bytes is below 0", dir, opt.MaxBytes)
	}
	if opt.MaxBytes == 0 {
		opt.MaxBytes = DefaultMaxBytes
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	dir = filepath.Join(dir, formatDir)
	if !opt.ReadOnly {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("make the document store: %w", err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the document store: %w", err)
	}
	s := &Store{dir: root, opt: opt, own: -1, write: (*os.File).Write}
	if err := s.load(); err != nil {
		root.Close()
		return nil, fmt.Errorf("open the document store: %w", err)
	}
	return s, nil
}

// load opens the packs. One that vanishes meanwhile was merged into another,
// so the directory is listed again.
func (s *Store) load() error {
	for attempt := 0; ; attempt++ {
		names, err := s.packNames()
		if err != nil {
			return err
		}
		if vanished := s.openPacks(names); !vanished || attempt == 3 {
			return nil
		}
		s.closePacks()
	}
}

// packNames lists the packs, oldest first.
func (s *Store) packNames() ([]string, error) {
	files, err := fs.ReadDir(s.dir.FS(), ".")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		if strings.HasSuffix(f.Name(), packSuffix) && f.Type().IsRegular() {
			names = append(names, f.Name())
		}
	}
	return names[max(0, len(names)-maxOpenPacks):], nil
}

func (s *Store) openPacks(names []string) (vanished bool) {
	s.index = newIndex(s.recordsOf(names))
	o := opener{dir: s.dir, readOnly: s.opt.ReadOnly}
	for _, name := range names {
		position := uint32(len(s.packs))
		p, err := o.open(name, func(e *entry) { s.index.add(position, e) })
		switch {
		case errors.Is(err, os.ErrNotExist):
			vanished = true
		case err != nil:
			s.fail(err)
		default:
			s.packs = append(s.packs, p)
		}
	}
	s.healed.Store(int64(o.damaged))
	return vanished
}

// recordsOf guesses how many records the packs hold, by the size of their
// indexes: a map of the right size from the start is filled in half the time.
func (s *Store) recordsOf(packs []string) (records int) {
	for _, name := range packs {
		if info, err := s.dir.Stat(sidecarName(name)); err == nil {
			records += int(min(info.Size()/entryBytes, maxGuess))
		}
	}
	return min(records, maxGuess)
}

// maxGuess keeps a damaged file system from making a huge map.
const maxGuess = 1 << 20

func (s *Store) closePacks() {
	for _, p := range s.packs {
		_ = p.file.Close()
	}
	s.packs = nil
}

// maxErrors is how many errors a store keeps; the rest are counted.
const maxErrors = 4

func (s *Store) fail(err error) {
	if len(s.errs) < maxErrors {
		s.errs = append(s.errs, err)
		return
	}
	s.dropped++
}

// Err returns what went wrong so far with the store's files, joined; nil if
// nothing did. No such fault makes an answer wrong: it costs a later run time.
func (s *Store) Err() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	errs := slices.Clone(s.errs)
	if s.dropped > 0 {
		errs = append(errs, fmt.Errorf("%d more faults of the document store", s.dropped))
	}
	return errors.Join(errs...)
}

// Stats counts what the store holds now.
func (s *Store) Stats() Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st := Stats{
		Documents: len(s.index.documents),
		Hits:      s.hits.Load(), Misses: s.misses.Load(), Healed: s.healed.Load(),
	}
	for k := range s.index.named {
		if k.kind == kindMeaning {
			st.Meanings++
		} else {
			st.Facts++
		}
	}
	for i, p := range s.packs {
		if s.writer != nil && i == s.own {
			st.Bytes += s.writer.bytes()
		}
		if !p.removed {
			st.Packs++
			st.Bytes += p.bytes
		}
	}
	return st
}

// Close writes what is pending, tidies the directory and returns Err. The store
// must not be used afterwards; it then has nothing and keeps nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.endPack()
		if !s.opt.ReadOnly {
			s.touch()
			s.tidy()
		}
		s.closePacks()
		_ = s.dir.Close()
		s.index, s.closed = newIndex(0), true
	}
	s.mu.Unlock()
	return s.Err()
}
