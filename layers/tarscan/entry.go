package tarscan

import (
	"bytes"
	"errors"
	"path"
	"slices"
)

// entry is the tar entry that is being read.
type entry struct {
	// name is the entry's name as it stands in the tar, path the same relative to
	// the root and without detours ("a/b" for "./a//b/").
	name, path []byte
	link       []byte
	header     header // of its fields, name, link and bodyBytes stand here instead
	bytes      int64  // of its body
	sparse     bool
	marker     marker
	records    []record
}

// beginEntry reads an entry's header with what the extensions before it say.
func (w *walker) beginEntry(h *header, block []byte) {
	x := &w.extension
	if err := x.pax.apply(h); err != nil {
		w.corrupt(err)
		return
	}
	if len(x.longName) > 0 {
		h.prefix, h.name = nil, x.longName
	}
	if len(x.longLink) > 0 {
		h.link = x.longLink
	}
	if x.pax.isSparse() && len(x.pax.sparseName) > 0 {
		h.prefix, h.name = nil, x.pax.sparseName
	}
	w.entry.set(h, &x.pax)
	if !w.allowed() {
		return
	}
	w.encode(&w.entry)
	x.reset()
	w.beginContent(block)
}

// set copies what it keeps: the block is gone when the entry ends.
func (e *entry) set(h *header, pax *paxHeader) {
	e.name = e.name[:0]
	if len(h.prefix) > 0 {
		e.name = append(append(e.name, h.prefix...), '/')
	}
	e.name = append(e.name, h.name...)
	e.path = cleanPath(e.name)
	e.link = append(e.link[:0], h.link...)
	if h.typ == typeRegularV7 {
		h.typ = typeRegular
		if bytes.HasSuffix(e.name, []byte("/")) {
			h.typ = typeDirectory
		}
	}
	e.header = *h
	e.sparse = h.typ == typeSparse || pax.isSparse()
	e.records = pax.kept
	e.bytes = h.bodyBytes
	if !hasBody(h.typ) {
		e.bytes = 0
	}
	e.marker = markerOf(e)
}

// hasBody says whether contents follow a header of this type; its size field
// counts for nothing if not.
func hasBody(typ byte) bool { return typ < typeHardLink || typ > typeFifo }

// isFile says whether runtimes unpack the entry to a regular file.
func (e *entry) isFile() bool {
	return e.marker.kind == noMarker && (e.header.typ == typeRegular || e.header.typ == typeSparse)
}

// allowed checks the limits that an entry may pass.
func (w *walker) allowed() bool {
	e, l := &w.entry, &w.limits
	switch {
	case e.bytes < 0:
		w.corrupt(errNegative)
	case len(e.name) > l.MaxPathBytes:
		w.exceed("bytes of a path", int64(len(e.name)), int64(l.MaxPathBytes))
	case len(e.link) > l.MaxPathBytes:
		w.exceed("bytes of a link's target", int64(len(e.link)), int64(l.MaxPathBytes))
	case w.layer.Entries >= l.MaxEntries:
		w.exceed("entries", w.layer.Entries+1, l.MaxEntries)
	case e.bytes > l.MaxUnpackedBytes:
		w.exceed("bytes of an entry's contents", e.bytes, l.MaxUnpackedBytes)
	}
	return w.err == nil && w.overrun == nil
}

// beginContent goes on to the contents or, in GNU's old sparse format, to the
// map's further blocks.
func (w *walker) beginContent(block []byte) {
	e := &w.entry
	if e.header.typ != typeSparse {
		w.body(inContent, e.bytes)
		return
	}
	if !e.header.gnu {
		w.corrupt(errors.New("a sparse file in a header that is not GNU's"))
		return
	}
	w.content(block[386:482], false)
	w.left = maxExtensionBytes
	w.moreSparseMap(block[482] != 0)
}

// sparseMap takes a further block of a map.
func (w *walker) sparseMap(block []byte) {
	w.content(block[:504], false)
	if w.left -= headerBytes; w.left < 0 {
		w.exceed("bytes of a sparse file's map", maxExtensionBytes+headerBytes, maxExtensionBytes)
		return
	}
	w.moreSparseMap(block[504] != 0)
}

func (w *walker) moreSparseMap(more bool) {
	if w.state = inSparseMap; !more {
		w.body(inContent, w.entry.bytes)
	}
}

// endEntry counts an entry that was read whole.
func (w *walker) endEntry() {
	l, e := w.layer, &w.entry
	l.Entries++
	lazy := e.isFile() && isLazyEntry(e.path)
	w.addEntry(!lazy)
	if lazy {
		l.LazyEntries++
	}
	if e.isFile() {
		l.FileBytes += e.bytes
		w.keepLargest()
		if e.sparse {
			l.SparseFiles++
		}
	}
	*l.counter(e)++
	switch e.marker.kind {
	case whiteout:
		l.Whiteouts++
	case opaque, opaqueAttribute:
		l.OpaqueDirectories++
	}
	if w.recorder != nil && !w.recorder.addEntry(e) {
		w.exceed("paths with the directories that they imply", w.limits.MaxEntries+1, w.limits.MaxEntries)
	}
}

// counter returns the count of the entry's kind.
func (l *Layer) counter(e *entry) *int64 {
	switch {
	case e.marker.kind.only():
		return &l.Markers
	case e.isFile():
		return &l.Files
	}
	switch e.header.typ {
	case typeDirectory:
		return &l.Directories
	case typeSymlink:
		return &l.Symlinks
	case typeHardLink:
		return &l.HardLinks
	case typeChar, typeBlock:
		return &l.Devices
	case typeFifo:
		return &l.Fifos
	}
	return &l.Other
}

// keepLargest puts the entry among the largest files if it is one.
func (w *walker) keepLargest() {
	e := &w.entry
	n := len(w.largest)
	if w.nLargest < 0 || n >= w.nLargest && e.bytes < w.largest[n-1].Bytes {
		return
	}
	file := File{Path: string(e.path), Bytes: e.bytes}
	at, _ := slices.BinarySearchFunc(w.largest, file, compareFiles)
	w.largest = slices.Insert(w.largest, at, file)
	w.largest = w.largest[:min(len(w.largest), w.nLargest)]
}

// summarise fills in what is known of a whole tar only.
func (w *walker) summarise() {
	w.layer.ContentFingerprint = w.fingerprint.sum()
	if w.recorder != nil {
		w.layer.Footprint = w.recorder.footprint()
	}
}

// cleanPath returns name relative to the root, without leading or trailing
// slashes, "." and "..": where runtimes put it. It allocates only if it must.
func cleanPath(name []byte) []byte {
	p := bytes.TrimPrefix(name, []byte("./"))
	p = bytes.TrimPrefix(p, []byte("/"))
	p = bytes.TrimSuffix(p, []byte("/"))
	if isClean(p) {
		return p
	}
	return []byte(path.Clean("/" + string(name)))[1:]
}

// isClean says whether no element of p is empty, "." or "..".
func isClean(p []byte) bool {
	for start := 0; start < len(p); {
		element := p[start:]
		if i := bytes.IndexByte(element, '/'); i >= 0 {
			element = element[:i]
			if start+i+1 == len(p) {
				return false
			}
		}
		if len(element) == 0 || string(element) == "." || string(element) == ".." {
			return false
		}
		start += len(element) + 1
	}
	return true
}
