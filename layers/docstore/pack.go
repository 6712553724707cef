package docstore

import (
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

const (
	packSuffix    = ".pack"
	sidecarSuffix = ".index"
	// tempSuffix is that of files that are not in place yet.
	tempSuffix = ".tmp"
	// maxPackFileBytes is what offsets of 32 bits reach.
	maxPackFileBytes = 1<<32 - 1
)

// pack is one open file of records.
type pack struct {
	name string
	file *os.File
	mark mark
	// bytes are those of the finished pack and its index.
	bytes int64
	// removed packs are closed and in no index.
	removed bool
	// used is whether a record was read in this session, damaged whether one
	// turned out unsound.
	used, damaged atomic.Bool
}

func sidecarName(packName string) string {
	return strings.TrimSuffix(packName, packSuffix) + sidecarSuffix
}

// newPackName is a name that sorts by the time of its making.
func newPackName(now time.Time) string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // it never fails
	return fmt.Sprintf("%016x-%x%s", max(0, now.UnixNano()), random, packSuffix)
}

func tempName() string { return rand.Text() + tempSuffix }

// opener opens packs for reading.
type opener struct {
	dir      *os.Root
	readOnly bool
	buf      []byte
	// damaged counts the damage that scans met.
	damaged int
}

// open opens a pack and calls add for each of its records: by its index, or by
// scanning the pack. A scan's result is kept as the index unless readOnly or the
// pack's writer is still at work.
func (o *opener) open(name string, add func(*entry)) (*pack, error) {
	f, err := o.dir.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	p := &pack{name: name, file: f, bytes: info.Size()}
	if b, err := readSidecar(o.dir, sidecarName(name), info.Size(), o.buf); err == nil {
		o.buf = b
		if m, entries, ok := parseSidecar(b, info.Size()); ok {
			p.mark = m
			p.bytes += int64(len(b))
			parseEntries(entries, info.Size(), add)
			return p, nil
		}
	}
	entries := o.rebuild(p)
	for i := range entries {
		add(&entries[i])
	}
	return p, nil
}

// rebuild scans a pack whose index is missing or damaged.
func (o *opener) rebuild(p *pack) []entry {
	owned := false
	if !o.readOnly {
		owned, _ = lock(p.file)
	}
	// The writer may have finished since the file was opened.
	if info, err := p.file.Stat(); err == nil {
		p.bytes = info.Size()
	}
	m, entries, damaged := scan(p.file, p.bytes)
	p.mark = m
	o.damaged += damaged
	if owned {
		// Without the index the next run scans again: slower, not wrong.
		if err := writeSidecar(o.dir, sidecarName(p.name), m, p.bytes, entries); err == nil {
			p.bytes += sidecarBytes(len(entries))
		}
		unlock(p.file)
	}
	return entries
}

// writer appends records to a pack that is this process's own: while it writes
// it holds the file's lock.
type writer struct {
	file *os.File
	// write is (*os.File).Write, but for tests of a full disk.
	write   func(*os.File, []byte) (int, error)
	mark    mark
	pending []byte
	// written is how much of the file is in place; pending follows it.
	written int64
	entries []entry
}

// bufferBytes is how much a writer gathers before it writes.
const bufferBytes = 128 << 10

func newWriter(f *os.File, write func(*os.File, []byte) (int, error)) *writer {
	w := &writer{file: f, write: write, pending: make([]byte, 0, bufferBytes)}
	_, _ = rand.Read(w.mark[:]) // it never fails
	w.pending = appendPackHead(w.pending, w.mark)
	return w
}

// append adds a record. After an error the writer is of no more use; entries
// from written on are lost.
func (w *writer) append(r *record, s sum, body []byte) (*entry, error) {
	r.bodyBytes, r.bodyChecksum = uint32(len(body)), checksum(0, body)
	e := entry{s, r.kind, uint16(len(r.key)), uint32(w.packBytes()), r.bodyBytes, r.stamp}
	if len(w.pending)+recordHeadBytes+len(r.key)+len(body) > bufferBytes {
		if err := w.flush(); err != nil {
			return nil, err
		}
	}
	w.pending = r.appendHead(w.pending, w.mark)
	if len(w.pending)+len(body) <= bufferBytes {
		w.pending = append(w.pending, body...)
	} else if err := w.flush(); err != nil {
		return nil, err
	} else if err := w.put(body); err != nil {
		return nil, err
	}
	w.entries = append(w.entries, e)
	return &w.entries[len(w.entries)-1], nil
}

func (w *writer) flush() error {
	err := w.put(w.pending)
	w.pending = w.pending[:0]
	return err
}

func (w *writer) put(b []byte) error {
	_, err := w.write(w.file, b)
	if err != nil {
		// A torn record at the end does no harm; without it nobody wonders.
		_ = w.file.Truncate(w.written)
		return err
	}
	w.written += int64(len(b))
	return nil
}

// packBytes is the pack's size once all is written.
func (w *writer) packBytes() int64 { return w.written + int64(len(w.pending)) }

// bytes is that of the pack and its index.
func (w *writer) bytes() int64 {
	return w.packBytes() + sidecarBytes(len(w.entries))
}

// finish writes what is pending, and the index of the pack of that name.
func (w *writer) finish(dir *os.Root, name string) error {
	if err := w.flush(); err != nil {
		return err
	}
	return writeSidecar(dir, sidecarName(name), w.mark, w.packBytes(), w.entries)
}
