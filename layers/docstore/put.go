package docstore

import (
	"errors"
	"fmt"
	"io"
	"os"
)

func (s *Store) maxPackBytes() int64 { return min(s.opt.MaxBytes/packsPerStore, 1<<30) }

func (s *Store) maxBodyBytes() int64 { return min(s.maxPackBytes(), MaxDocumentBytes) }

// reservedBytes is the room that a pack being written may yet take: a single
// record may be larger than a pack by its head and key.
func (s *Store) reservedBytes() int64 { return s.maxPackBytes() + 2*maxKeyBytes }

// put appends a record to this store's own pack. The caller holds s.mu.
func (s *Store) put(r *record, key sum, body []byte) {
	if s.closed || s.full || s.opt.ReadOnly {
		return
	}
	bytes := recordHeadBytes + int64(len(r.key)+len(body)) + entryBytes
	if s.writer != nil && len(s.writer.entries) > 0 && s.writer.bytes()+bytes > s.maxPackBytes() {
		s.endPack()
	}
	if err := s.beginPack(); err != nil {
		s.stop(err)
	}
	if s.full {
		return
	}
	e, err := s.writer.append(r, key, body)
	if err != nil {
		s.stop(err)
		return
	}
	if r.kind != kindDocument {
		// What is put now holds, whatever the stamp of another record says.
		delete(s.index.named, nameKey{r.kind, key})
	}
	s.index.add(uint32(s.own), e)
}

// beginPack sees to it that there is a pack of this store's own, within the
// bound.
func (s *Store) beginPack() error {
	if s.writer != nil || s.full {
		return nil
	}
	waited, err := s.alone(func() error {
		s.prune(s.reservedBytes())
		return s.newPack()
	})
	if waited {
		// The bound may be passed by one pack, until the next one is begun.
		return s.newPack()
	}
	return err
}

func (s *Store) newPack() error {
	for range 8 {
		name := newPackName(s.opt.Now())
		f, err := s.dir.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		held, err := lock(f)
		if held && s.inPlace(f, name) {
			s.adopt(f, name)
			return nil
		}
		// Somebody who came between took the empty file for a dead one.
		f.Close()
		_ = s.dir.Remove(name)
		if err != nil {
			return err
		}
	}
	return errors.New("every new pack is taken away at once")
}

func (s *Store) adopt(f *os.File, name string) {
	s.writer = newWriter(f, s.write)
	s.own = len(s.packs)
	p := &pack{name: name, file: f, mark: s.writer.mark}
	p.used.Store(true)
	s.packs = append(s.packs, p)
}

// inPlace tells whether f is still the file of its name.
func (s *Store) inPlace(f *os.File, name string) bool {
	own, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := s.dir.Stat(name)
	return err == nil && os.SameFile(own, named)
}

// endPack finishes this store's own pack; its records stay readable.
func (s *Store) endPack() {
	if s.writer == nil {
		return
	}
	p := s.packs[s.own]
	if err := s.writer.finish(s.dir, p.name); err != nil {
		s.stop(err)
		return
	}
	p.bytes = s.writer.bytes()
	s.release()
}

// stop keeps no more in this session: what could not be written is forgotten.
func (s *Store) stop(err error) {
	s.fail(fmt.Errorf("the document store keeps no more in this run: %w", err))
	s.full = true
	if s.writer != nil {
		s.index.dropFrom(uint32(s.own), s.writer.written)
		s.packs[s.own].bytes = s.writer.written
		s.release()
	}
}

func (s *Store) release() {
	unlock(s.writer.file)
	s.writer, s.own = nil, -1
}

// damaged notes that a record of p was unsound or could not be read. The caller
// holds s.mu.
func (s *Store) damaged(p *pack, err error) {
	if errors.Is(err, os.ErrClosed) {
		return
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.fail(fmt.Errorf("read a document store: %w", err))
	}
	p.damaged.Store(true)
	s.healed.Add(1)
}
