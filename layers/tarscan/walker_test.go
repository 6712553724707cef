package tarscan

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// seen is what a reader of tars says of an entry. Names are as in the tar.
type seen struct {
	typ          byte
	name, link   string
	bytes        int64 // stored; -1 for sparse files, of which archive/tar tells the real size
	mode         int64
	uid, gid     int
	major, minor int64
	xattrs       string
	contents     string
}

// standardSeen reads a tar by archive/tar, up to an error.
func standardSeen(b []byte) (list []seen, err error) {
	r := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := r.Next()
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return list, err
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		s := seen{typ: h.Typeflag, name: h.Name, link: h.Linkname, bytes: h.Size, mode: h.Mode, uid: h.Uid, gid: h.Gid, major: h.Devmajor, minor: h.Devminor}
		kept := maps.Clone(h.PAXRecords)
		maps.DeleteFunc(kept, func(k, _ string) bool { return !strings.HasPrefix(k, recordXattr) })
		s.xattrs = fmt.Sprint(kept)
		switch {
		case !hasBody(h.Typeflag):
			s.bytes = 0
		case h.Typeflag == tar.TypeGNUSparse || isStandardSparse(h):
			s.bytes = -1
		default:
			contents, err := io.ReadAll(r)
			if err != nil {
				return list, err
			}
			s.contents = string(contents)
		}
		list = append(list, s)
	}
}

func isStandardSparse(h *tar.Header) bool {
	p := paxHeader{
		sparseMajor: []byte(h.PAXRecords[recordMajor]), sparseMinor: []byte(h.PAXRecords[recordMinor]),
		hasSparseMap: h.PAXRecords[recordMap] != "",
	}
	return p.isSparse()
}

// walkerSeen reads a tar by a walker that gets it in pieces of n bytes.
func walkerSeen(b []byte, n int) (list []seen, layer *Layer, err error) {
	layer = new(Layer)
	w := newWalker(layer, Limits{MaxPathBytes: 2 << 20}.withDefaults(), Options{Footprint: true})
	var count int64
	var contents []byte
	for len(b) > 0 && w.err == nil && w.overrun == nil {
		// As far as the piece, but stop at whatever ends within it.
		inBody := w.state == inContent
		left := w.left
		took := w.step(b[:min(n, len(b))])
		if inBody {
			contents = append(contents, b[:min(int64(took), left)]...)
		}
		b = b[took:]
		w.offset += int64(took)
		if layer.Entries > count {
			count++
			list = append(list, w.entry.seen(string(contents)))
			contents = contents[:0]
		}
	}
	w.close()
	switch {
	case w.overrun != nil:
		return list, layer, w.overrun
	case w.err != nil:
		return list, layer, w.err
	}
	layer.ContentFingerprint = w.fingerprint.sum()
	layer.Footprint = w.recorder.footprint()
	return list, layer, nil
}

func (e *entry) seen(contents string) seen {
	h := &e.header
	s := seen{typ: h.typ, name: string(e.name), link: string(e.link), bytes: e.bytes, mode: h.mode, uid: int(h.uid), gid: int(h.gid), major: h.major, minor: h.minor, contents: contents}
	kept := make(map[string]string)
	for _, r := range e.records {
		if bytes.HasPrefix(r.key, []byte(recordXattr)) {
			kept[string(r.key)] = string(r.value)
		}
	}
	s.xattrs = fmt.Sprint(kept)
	if e.sparse && hasBody(h.typ) {
		s.bytes, s.contents = -1, ""
	}
	return s
}

// differ compares the two readers on a tar; what archive/tar accepts, the walker
// must read in the same way, however it is cut.
func differ(t *testing.T, b []byte) {
	t.Helper()
	want, wantErr := standardSeen(b)
	got, layer, err := walkerSeen(b, 1<<20)
	var own *Error
	if wantErr == nil {
		if errors.As(err, &own) && own.Reason == LimitExceeded {
			return
		}
		if err != nil {
			t.Fatalf("archive/tar accepts what the walker refuses: %v", err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d entries, want %d", len(got), len(want))
		}
	}
	for i := range min(len(want), len(got)) {
		if got[i] != want[i] {
			t.Fatalf("entry %d: %+v\nwant     %+v", i, got[i], want[i])
		}
	}
	_, again, err2 := walkerSeen(b, 7)
	if fmt.Sprint(err) != fmt.Sprint(err2) {
		t.Fatalf("in one piece: %v; in small ones: %v", err, err2)
	}
	if again.ContentFingerprint != layer.ContentFingerprint || again.Entries != layer.Entries || again.FileBytes != layer.FileBytes {
		t.Fatalf("in one piece: %+v\nin small ones: %+v", layer, again)
	}
	if kinds := layer.Files + layer.Directories + layer.Symlinks + layer.HardLinks + layer.Devices + layer.Fifos + layer.Other + layer.Markers; kinds != layer.Entries {
		t.Fatalf("the kinds add up to %d, there are %d entries", kinds, layer.Entries)
	}
}

// TestStandardTars reads the tars that archive/tar is tested with: every dialect
// and writer, sparse files, base-256, damaged ones.
func TestStandardTars(t *testing.T) {
	for name, b := range standardTars(t) {
		t.Run(name, func(t *testing.T) { differ(t, b) })
	}
}

// standardTars are frozen in testdata; see its README.
func standardTars(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.tar")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d tars in testdata, %v", len(paths), err)
	}
	all := make(map[string][]byte)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = b
	}
	return all
}

// TestHandMade reads headers that no writer at hand makes.
func TestHandMade(t *testing.T) {
	block := func(change func(b []byte)) []byte {
		b := tarOf(t, entries{{tar.Header{Typeflag: tar.TypeReg, Name: "name", Format: tar.FormatUSTAR}, ""}})[:512]
		change(b)
		setChecksum(b)
		return b
	}
	plain := block(func([]byte) {})
	extension := func(typ byte, body string) []byte {
		b := block(func(b []byte) { b[156] = typ; copy(b[124:], fmt.Sprintf("%011o\x00", len(body))) })
		return append(append(b, body...), make([]byte, -len(body)&511)...)
	}
	for name, parts := range map[string][][]byte{
		"global records do not apply":     {extension('g', "14 path=other\n"), plain},
		"a global header forgets":         {extension('L', "long\x00"), extension('g', "14 comment=abc\n"), plain},
		"long name beats records":         {extension('x', "14 path=other\n"), extension('L', "long\x00"), plain},
		"the last record counts":          {extension('x', "14 path=other\n14 path=third\n"), plain},
		"an empty record is none":         {extension('x', "14 path=other\n8 path=\n"), plain},
		"a record with a sign":            {extension('x', "+14 path=othr\n"), plain},
		"a record too long":               {extension('x', "99 path=other\n"), plain},
		"a record without newline":        {extension('x', "14 path=other."), plain},
		"a record with NUL in a path":     {extension('x', "14 path=o\x00her\n"), plain},
		"a record with a bad size":        {extension('x', "11 size=ab\n"), plain},
		"a record with a negative size":   {extension('x', "11 size=-1\n"), plain},
		"a size for a directory":          {block(func(b []byte) { b[156] = '5'; copy(b[124:], "00000001000\x00") }), plain},
		"a size for a hard link":          {block(func(b []byte) { b[156] = '1'; copy(b[124:], "00000001000\x00") }), plain},
		"V7 directory":                    {block(func(b []byte) { b[156] = 0; copy(b, "dir/\x00"); clear(b[257:]) }), plain},
		"unknown type with contents":      {extension('Z', "contents"), plain},
		"contiguous file":                 {extension('7', "contents"), plain},
		"base-256 owner":                  {block(func(b []byte) { copy(b[108:], "\x80\x00\x00\x00\x12\x34\x56\x78") }), plain},
		"negative base-256 owner":         {block(func(b []byte) { copy(b[108:], "\xff\xff\xff\xff\xff\xff\xff\xfe") }), plain},
		"negative base-256 size":          {block(func(b []byte) { copy(b[124:], "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe") }), plain},
		"base-256 that overflows":         {block(func(b []byte) { copy(b[124:], "\x80\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00\x00") }), plain},
		"octal with spaces":               {block(func(b []byte) { copy(b[100:], " 644 \x00\x00\x00") }), plain},
		"no octal":                        {block(func(b []byte) { copy(b[100:], "0000648\x00") }), plain},
		"prefix":                          {block(func(b []byte) { copy(b[345:], "prefix") }), plain},
		"star prefix":                     {block(func(b []byte) { copy(b[345:], "prefix"); copy(b[508:], "tar\x00") }), plain},
		"zero block in between":           {plain, make([]byte, 512), plain},
		"extension at the end":            {plain, extension('x', "14 path=other\n")},
		"cut in a header":                 {plain, plain[:100]},
		"cut in contents":                 {plain, extension('0', "contents")[:515]},
		"cut in padding":                  {plain, extension('0', "contents")[:530]},
		"signed checksum":                 {signedChecksum(block(func(b []byte) { b[0] = 0xe9 })), plain},
		"sparse in a header of no GNU":    {extension('S', "contents"), plain},
		"name of 100 bytes without a NUL": {block(func(b []byte) { copy(b, strings.Repeat("n", 100)) }), plain},
	} {
		t.Run(name, func(t *testing.T) { differ(t, bytes.Join(parts, nil)) })
	}
}

// signedChecksum sets the checksum as old Suns did.
func signedChecksum(b []byte) []byte {
	copy(b[148:156], "        ")
	var sum int
	for _, c := range b[:512] {
		sum += int(int8(c))
	}
	copy(b[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return b
}

// TestSparse: GNU tar wrote the same sparse file in each format (see testdata);
// 2 x 5 bytes of data are stored of it, and in format 1.0 a map of one block.
func TestSparse(t *testing.T) {
	l := mustScan(t, standardTars(t)["sparse-formats.tar"], Options{})
	if l.SparseFiles != 4 || l.Files != 5 {
		t.Errorf("%d sparse files of %d, want 4 of 5", l.SparseFiles, l.Files)
	}
	// Old GNU, 0.0 and 0.1 store 200 bytes each, 1.0 its map beside them; end.txt
	// holds 4.
	if want := int64(3*200 + 200 + 2560 + 4); l.FileBytes > want || l.FileBytes < 3*200+200+512+4 {
		t.Errorf("%d bytes stored, want at most %d", l.FileBytes, want)
	}
}

func FuzzWalk(f *testing.F) {
	for _, b := range standardTars(f) {
		if len(b) < 20_000 {
			f.Add(b, true)
		}
	}
	f.Add(tarOf(f, everyKind), true)
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		if mend {
			b = mended(b)
		}
		differ(t, b)
	})
}

// mended gives every header its checksum, so that fuzzing gets beyond it.
func mended(b []byte) []byte {
	b = bytes.Clone(b)
	for at := 0; at+512 <= len(b); {
		block := b[at : at+512]
		at += 512
		if isZero(block) {
			continue
		}
		setChecksum(block)
		var n numbers
		if size := n.parse("size", block[124:136]); n.err == nil && hasBody(block[156]) && size > 0 && size <= int64(len(b)-at) {
			at += int(size+511) &^ 511
		}
	}
	return b
}

// FuzzScan throws arbitrary blobs at the whole; uncompressed lets fuzzing reach
// the formats through valid compression.
func FuzzScan(f *testing.F) {
	plain := tarOf(f, everyKind)
	for _, b := range [][]byte{plain, gzipOf(f, plain), zstdOf(f, plain), []byte("BZh"), {0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff, 0xff, 0xff}} {
		f.Add(b, int64(len(b)), byte(0))
	}
	f.Add(plain, int64(-1), byte(1))
	f.Add(plain, int64(-1), byte(2))
	f.Fuzz(func(t *testing.T, b []byte, stated int64, wrap byte) {
		switch wrap {
		case 1:
			b = gzipOf(t, b)
		case 2:
			b = zstdOf(t, b)
		}
		opt := Options{Footprint: true, Limits: Limits{MaxUnpackedBytes: 8 << 20, MaxEntries: 1000}}
		l, err := Scan(t.Context(), bytes.NewReader(b), stated, opt)
		var own *Error
		if err != nil && (!errors.As(err, &own) || own.Err == nil || own.Offset < 0) {
			t.Fatalf("error %#v", err)
		}
		if l.Digest != "" && l.Digest != sum(b) {
			t.Fatalf("digest %s of %d bytes", l.Digest, len(b))
		}
		if (stated < 0 || stated == int64(len(b))) && (err == nil || own.Reason != LimitExceeded) && l.Digest == "" {
			t.Fatalf("no digest: %v", err)
		}
		if err == nil && (l.DiffID == "" || l.ContentFingerprint == "" || l.Footprint == nil || l.CompressedBytes != int64(len(b))) {
			t.Fatalf("incomplete: %+v", l)
		}
		if l.UnpackedBytes > opt.Limits.MaxUnpackedBytes+blockBytes || l.Entries > opt.Limits.MaxEntries {
			t.Fatalf("limits passed: %+v", l)
		}
		again, err2 := Scan(t.Context(), bytes.NewReader(b), stated, opt)
		if fmt.Sprint(err) != fmt.Sprint(err2) || again.ContentFingerprint != l.ContentFingerprint || again.Entries != l.Entries {
			t.Fatalf("first %+v, %v\nthen %+v, %v", l, err, again, err2)
		}
	})
}

// TestLazy tells the formats by their footers, which are made here byte by byte
// as their specifications say.
func TestLazy(t *testing.T) {
	stargz := func(extra string) []byte {
		b := append([]byte("\x1f\x8b\x08\x04\x00\x00\x00\x00\x00\xff"), byte(len(extra)), 0)
		return append(append(b, extra...), "\x01\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"...)
	}
	skippable := func(content []byte) []byte {
		b := binary.LittleEndian.AppendUint32([]byte("\x50\x2a\x4d\x18"), uint32(len(content)))
		return append(b, content...)
	}
	chunked := append(make([]byte, 56), "GNUlInUx"...)
	plain := tarOf(t, append(entries{
		{tar.Header{Typeflag: tar.TypeReg, Name: ".no.prefetch.landmark"}, "\x0f"},
		{tar.Header{Typeflag: tar.TypeReg, Name: "stargz.index.json"}, "{}"},
	}, everyKind...))
	for _, test := range []struct {
		name, want string
		blob       []byte
	}{
		{"none", "", gzipOf(t, plain)},
		{"estargz", EStargz, append(gzipOf(t, plain), stargz("SG\x16\x000000000000001234STARGZ")...)},
		{"stargz", EStargz, append(gzipOf(t, plain), stargz("0000000000001234STARGZ")...)},
		{"zstd", "", append(zstdOf(t, plain), skippable(make([]byte, 64))...)},
		{"zstd:chunked", ZstdChunked, append(append(zstdOf(t, plain), skippable([]byte("manifest"))...), skippable(chunked)...)},
		{"zstd:chunked by stargz-snapshotter", ZstdChunked, append(zstdOf(t, plain), skippable(chunked[24:])...)},
	} {
		l := mustScan(t, test.blob, Options{})
		if l.Lazy != test.want || l.LazyEntries != 3 || l.Entries != 19 || l.DiffID != sum(plain) {
			t.Errorf("%s: %+v", test.name, l)
		}
	}
}

func TestCleanPath(t *testing.T) {
	for name, want := range map[string]string{
		"a/b": "a/b", "./a/b/": "a/b", "/a": "a", ".": "", "./": "", "/": "", "": "", "a//b": "a/b", "a/./b": "a/b", "../../a": "a", "a/../b": "b",
		"a/b//": "a/b", "..a/...": "..a/...", "./.a": ".a", ".//a": "a", "a/..": "",
	} {
		if got := string(cleanPath([]byte(name))); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
