package tarscan

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	stdgzip "compress/gzip"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"
)

// entries is a tar's contents; bodies of regular files are in text.
type entries []struct {
	header tar.Header
	text   string
}

// tarOf writes a tar with the standard library.
func tarOf(t testing.TB, list entries) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range list {
		e.header.Size = int64(len(e.text))
		if err := w.WriteHeader(&e.header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipOf(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := stdgzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstdOf(t testing.TB, b []byte) []byte {
	t.Helper()
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		t.Fatal(err)
	}
	return z.EncodeAll(b, nil)
}

func sum(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

func scanBytes(t testing.TB, blob []byte, opt Options) (*Layer, error) {
	t.Helper()
	return Scan(t.Context(), bytes.NewReader(blob), int64(len(blob)), opt)
}

func mustScan(t testing.TB, blob []byte, opt Options) *Layer {
	t.Helper()
	l, err := scanBytes(t, blob, opt)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// everyKind has an entry of each kind; what it holds is counted by hand in
// TestCounts.
var everyKind = entries{
	{tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755}, ""},
	{tar.Header{Typeflag: tar.TypeDir, Name: "./bin/", Mode: 0o755}, ""},
	{tar.Header{Typeflag: tar.TypeReg, Name: "./bin/tool", Mode: 0o755}, "1234567"},
	{tar.Header{Typeflag: tar.TypeReg, Name: "./bin/empty", Mode: 0o644}, ""},
	{tar.Header{Typeflag: tar.TypeReg, Name: "./" + strings.Repeat("long/", 60) + "name", Mode: 0o644}, strings.Repeat("x", 1000)},
	{tar.Header{Typeflag: tar.TypeReg, Name: "./bin/block", Mode: 0o644, PAXRecords: map[string]string{"SCHILY.xattr.user.a": "b"}}, strings.Repeat("y", 512)},
	{tar.Header{Typeflag: tar.TypeLink, Name: "./bin/hard", Linkname: "bin/tool", Mode: 0o755}, ""},
	{tar.Header{Typeflag: tar.TypeSymlink, Name: "./bin/soft", Linkname: strings.Repeat("t", 200), Mode: 0o777}, ""},
	{tar.Header{Typeflag: tar.TypeChar, Name: "./dev/null", Devmajor: 1, Devminor: 3}, ""},
	{tar.Header{Typeflag: tar.TypeBlock, Name: "./dev/disk"}, ""},
	{tar.Header{Typeflag: tar.TypeFifo, Name: "./run/pipe"}, ""},
	{tar.Header{Typeflag: tar.TypeChar, Name: "./gone-overlay"}, ""},
	{tar.Header{Typeflag: tar.TypeReg, Name: "./etc/.wh.passwd"}, ""},
	{tar.Header{Typeflag: tar.TypeReg, Name: "./var/.wh..wh..opq"}, ""},
	{tar.Header{Typeflag: tar.TypeReg, Name: ".wh..wh.plnk"}, ""},
	{tar.Header{Typeflag: tar.TypeDir, Name: "./opt/", Mode: 0o755, PAXRecords: map[string]string{"SCHILY.xattr.trusted.overlay.opaque": "y"}}, ""},
	{tar.Header{Typeflag: tar.TypeReg, Name: ".prefetch.landmark"}, "\x0f"},
}

func TestCounts(t *testing.T) {
	plain := tarOf(t, everyKind)
	want := &Layer{
		DiffID: sum(plain), UnpackedBytes: int64(len(plain)),
		Entries: 17, FileBytes: 7 + 1000 + 512 + 1,
		Files: 5, Directories: 3, Symlinks: 1, HardLinks: 1, Devices: 2, Fifos: 1, Markers: 4,
		Whiteouts: 2, OpaqueDirectories: 2, LazyEntries: 1, EndMarker: true,
		Largest: []File{{strings.Repeat("long/", 60) + "name", 1000}, {"bin/block", 512}, {"bin/tool", 7}},
	}
	skippable := []byte{0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3}
	half := len(plain) / 2
	for _, test := range []struct {
		name, compression string
		blob              []byte
	}{
		{"plain", None, plain},
		{"gzip", Gzip, gzipOf(t, plain)},
		{"gzip, two members", Gzip, append(gzipOf(t, plain[:half]), gzipOf(t, plain[half:])...)},
		{"gzip, empty members", Gzip, append(append(gzipOf(t, nil), gzipOf(t, plain)...), gzipOf(t, nil)...)},
		{"zstd", Zstd, zstdOf(t, plain)},
		{"zstd, two frames", Zstd, append(zstdOf(t, plain[:half]), zstdOf(t, plain[half:])...)},
		{"zstd, skippable frames", Zstd, append(append(skippable, zstdOf(t, plain)...), skippable...)},
	} {
		t.Run(test.name, func(t *testing.T) {
			want.Compression, want.Digest, want.CompressedBytes = test.compression, sum(test.blob), int64(len(test.blob))
			for _, size := range []int64{want.CompressedBytes, -1} {
				got, err := Scan(t.Context(), iotest.OneByteReader(bytes.NewReader(test.blob)), size, Options{Largest: 3, Footprint: true})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Layer{}, "ContentFingerprint", "Footprint")); diff != "" {
					t.Error(diff)
				}
				if got.ContentFingerprint == "" || got.Footprint.Len() == 0 {
					t.Error("no fingerprint or footprint")
				}
			}
		})
	}
}

// TestEmptyLayers: the empty layer that Docker writes (its digest is well known),
// and blobs without a tar.
func TestEmptyLayers(t *testing.T) {
	wellKnown := []byte{
		31, 139, 8, 0, 0, 9, 110, 136, 0, 255, 98, 24, 5, 163, 96, 20, 140, 88, 0, 8, 0, 0, 255, 255,
		46, 175, 181, 239, 0, 4, 0, 0,
	}
	l := mustScan(t, wellKnown, Options{Footprint: true})
	if l.Digest != "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4" ||
		l.DiffID != "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef" ||
		l.UnpackedBytes != 1024 || l.Entries != 0 || !l.EndMarker || l.Footprint.Len() != 0 {
		t.Errorf("Docker's empty layer: %+v", l)
	}
	for name, blob := range map[string][]byte{"empty": {}, "gzip of nothing": gzipOf(t, nil), "zstd of nothing": zstdOf(t, []byte{})} {
		l, err := scanBytes(t, blob, Options{})
		if err != nil || l.UnpackedBytes != 0 || l.DiffID != sum(nil) || l.EndMarker {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

// TestTrailing: what follows the tar's end is hashed and noted.
func TestTrailing(t *testing.T) {
	plain := tarOf(t, everyKind)
	for _, test := range []struct {
		name      string
		tar       []byte
		endMarker bool
		trailing  int64
	}{
		{"zeros", append(bytes.Clone(plain), make([]byte, 9000)...), true, 0},
		{"garbage after zeros", append(append(bytes.Clone(plain), make([]byte, 900)...), "abc\x00\x00"...), true, 5},
		{"no end marker", plain[:len(plain)-1024], false, 0},
		{"half an end marker", plain[:len(plain)-512], true, 0},
	} {
		l := mustScan(t, gzipOf(t, test.tar), Options{})
		if l.EndMarker != test.endMarker || l.TrailingBytes != test.trailing || l.DiffID != sum(test.tar) || l.Entries != 17 {
			t.Errorf("%s: %+v", test.name, l)
		}
	}
}

// TestErrors damages a layer in each way and looks for the reason, the place, and
// what was counted until then.
func TestErrors(t *testing.T) {
	big := make([]byte, 300_000)
	for i := range big {
		big[i] = byte(i * i >> 8)
	}
	plain := tarOf(t, entries{
		{tar.Header{Typeflag: tar.TypeReg, Name: "first"}, "1"},
		{tar.Header{Typeflag: tar.TypeReg, Name: "second"}, string(big)},
		{tar.Header{Typeflag: tar.TypeReg, Name: "third"}, "3"},
	})
	gz, zs := gzipOf(t, plain), zstdOf(t, plain)
	changed := func(b []byte, at int) []byte {
		b = bytes.Clone(b)
		b[at] ^= 0x55
		return b
	}
	size := func(b []byte) int64 { return int64(len(b)) }
	thirdAt := size(plain) - 1024 - 1024
	boom := errors.New("boom")
	for _, test := range []struct {
		name             string
		blob             io.Reader
		stated           int64
		opt              Options
		want             Error
		entries          int64
		digested, diffed bool
	}{
		{name: "gzip cut", blob: bytes.NewReader(gz[:len(gz)/2]), stated: size(gz),
			want: Error{Reason: Truncated, Offset: size(gz) / 2, Entry: "second"}, entries: 1, digested: true},
		{name: "gzip cut, size unknown", blob: bytes.NewReader(gz[:len(gz)/2]), stated: -1,
			want: Error{Reason: Truncated, Offset: size(gz) / 2, Entry: "second"}, entries: 1, digested: true},
		{name: "gzip cut in its trailer", blob: bytes.NewReader(gz[:len(gz)-3]), stated: size(gz) - 3,
			want: Error{Reason: Truncated, Offset: size(gz) - 3}, entries: 3, digested: true},
		{name: "gzip cut in its header", blob: bytes.NewReader(gz[:5]), stated: 5,
			want: Error{Reason: Truncated, Offset: 5}, digested: true},
		// The zstd decoder keeps a frame's last block back until it is checked.
		{name: "zstd cut", blob: bytes.NewReader(zs[:len(zs)-3]), stated: -1,
			want: Error{Reason: Truncated, Offset: size(zs) - 3, Entry: "second"}, entries: 1, digested: true},
		{name: "gzip checksum", blob: bytes.NewReader(changed(gz, len(gz)-5)), stated: size(gz),
			want: Error{Reason: CorruptCompression, Offset: size(gz)}, entries: 3, digested: true},
		{name: "zstd checksum", blob: bytes.NewReader(changed(zs, len(zs)-1)), stated: size(zs),
			want: Error{Reason: CorruptCompression, Offset: size(zs), Entry: "second"}, entries: 1, digested: true},
		{name: "garbage after gzip", blob: bytes.NewReader(append(bytes.Clone(gz), "garbage, garbage"...)), stated: -1,
			want: Error{Reason: CorruptCompression, Offset: size(gz) + 10}, entries: 3, digested: true},
		{name: "tar header", blob: bytes.NewReader(changed(plain, int(thirdAt)+3)), stated: size(plain),
			want: Error{Reason: CorruptTar, InTar: true, Offset: thirdAt, Entry: "second"}, entries: 2, digested: true, diffed: true},
		{name: "no tar", blob: strings.NewReader(strings.Repeat("not a tar ", 100)), stated: 1000,
			want: Error{Reason: CorruptTar, InTar: true}, digested: true, diffed: true},
		{name: "tar cut", blob: bytes.NewReader(gzipOf(t, plain[:5000])), stated: -1,
			want: Error{Reason: Truncated, InTar: true, Offset: 5000, Entry: "second"}, entries: 1, digested: true, diffed: true},
		{name: "plain cut between entries", blob: bytes.NewReader(plain[:1024]), stated: size(plain),
			want: Error{Reason: Truncated, Offset: 1024, Entry: "first"}, entries: 1, digested: true},
		{name: "longer than stated", blob: bytes.NewReader(gz), stated: size(gz) - 1,
			want: Error{Reason: TooLong, Offset: size(gz) - 1}, entries: 3},
		{name: "reader fails", blob: io.MultiReader(bytes.NewReader(gz[:20_000]), iotest.ErrReader(boom)), stated: -1,
			want: Error{Reason: ReadFailed, Offset: 20_000, Err: boom, Entry: "second"}, entries: 1},
		{name: "body cut by the connection", blob: io.MultiReader(bytes.NewReader(gz[:20_000]), iotest.ErrReader(io.ErrUnexpectedEOF)), stated: size(gz),
			want: Error{Reason: Truncated, Offset: 20_000, Entry: "second"}, entries: 1},
		{name: "bzip2", blob: strings.NewReader("BZh91AY&SY"), stated: 10,
			want: Error{Reason: UnsupportedCompression}, digested: true},
		{name: "unknown inflater", blob: bytes.NewReader(gz), stated: -1, opt: Options{Inflater: "sh"},
			want: Error{Reason: InflaterFailed}, digested: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := Scan(t.Context(), test.blob, test.stated, test.opt)
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("error %v is no *Error", err)
			}
			if test.want.Err != nil && !errors.Is(err, test.want.Err) {
				t.Errorf("cause %v, want %v", got.Err, test.want.Err)
			}
			if diff := cmp.Diff(&test.want, got, cmpopts.IgnoreFields(Error{}, "Err")); diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
			if l.Entries != test.entries || (l.Digest != "") != test.digested || (l.DiffID != "") != test.diffed {
				t.Errorf("layer %+v, want %d entries, digest %t, diffID %t", l, test.entries, test.digested, test.diffed)
			}
			if l.ContentFingerprint != "" {
				t.Error("a layer that was not read whole has a fingerprint")
			}
		})
	}
}

// TestErrorText: hostile names do not reach the terminal as they are.
func TestErrorText(t *testing.T) {
	plain := tarOf(t, entries{{tar.Header{Typeflag: tar.TypeReg, Name: "a\x1b[2J" + strings.Repeat("b", 200)}, "1"}})
	_, err := scanBytes(t, plain[:len(plain)-1024-512], Options{})
	want := `truncated: byte 1536 of the tar, entry "a\x1b[2J` + strings.Repeat("b", 115) + `" and 85 bytes more: the tar ends early: unexpected EOF`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestLimits(t *testing.T) {
	file := func(name, text string) entries {
		return entries{{tar.Header{Typeflag: tar.TypeReg, Name: name}, text}}
	}
	endless := io.MultiReader(bytes.NewReader(tarOf(t, file("a", strings.Repeat("x", 5000)))), zeros{})
	member := gzipOf(t, make([]byte, 1<<20))
	bomb := func() io.Reader { return bytes.NewReader(bytes.Repeat(member, freeBytes>>20+1)) }
	longHeader := tarOf(t, file("f", strings.Repeat("x", 2<<20)))
	longHeader[156] = typeRecords
	setChecksum(longHeader)
	blob := func(list entries) io.Reader { return bytes.NewReader(gzipOf(t, tarOf(t, list))) }
	for _, test := range []struct {
		name       string
		blob       io.Reader
		stated     int64
		limits     Limits
		value, max int64
		limit      string
	}{
		{"ratio", bomb(), 300_000, Limits{}, freeBytes + blockBytes, freeBytes, "unpacked bytes (200 times the compressed ones)"},
		{"ratio, size unknown", bomb(), -1, Limits{}, freeBytes + blockBytes, freeBytes, "unpacked bytes (200 times the compressed ones)"},
		{"unpacked", bomb(), -1, Limits{MaxUnpackedBytes: 1 << 20}, 1<<20 + blockBytes, 1 << 20, "unpacked bytes"},
		{"endless", endless, -1, Limits{MaxUnpackedBytes: 1 << 20}, 1<<20 + 1, 1 << 20, "bytes of a blob of unknown size"},
		{"entries", blob(everyKind), -1, Limits{MaxEntries: 3}, 4, 3, "entries"},
		{"path", blob(file(strings.Repeat("a", 301), "")), -1, Limits{MaxPathBytes: 300}, 301, 300, "bytes of a path"},
		{"link", blob(entries{{tar.Header{Typeflag: tar.TypeSymlink, Name: "l", Linkname: strings.Repeat("a", 301)}, ""}}), -1, Limits{MaxPathBytes: 300}, 301, 300, "bytes of a link's target"},
		{"implied directories", blob(file(strings.Repeat("d/", 20)+"f", "")), -1, Limits{MaxEntries: 5}, 6, 5, "paths with the directories that they imply"},
		{"pax header", bytes.NewReader(longHeader), -1, Limits{}, 2 << 20, 1 << 20, "bytes of an extension header"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Scan(t.Context(), test.blob, test.stated, Options{Limits: test.limits, Footprint: true})
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("error %v is no *Error", err)
			}
			if got.Reason != LimitExceeded || got.Limit != test.limit || got.Value != test.value || got.Max != test.max {
				t.Errorf("%+v, want %s, %d of at most %d", got, test.limit, test.value, test.max)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestHugeEntry: a header that promises more than is allowed is refused at once.
func TestHugeEntry(t *testing.T) {
	plain := tarOf(t, entries{{tar.Header{Typeflag: tar.TypeReg, Name: "huge"}, ""}})
	copy(plain[124:], "\x80\x00\x00\x00\x40\x00\x00\x00\x00\x00\x00\x00") // 2^62
	setChecksum(plain)
	_, err := scanBytes(t, plain, Options{})
	var got *Error
	if !errors.As(err, &got) || got.Reason != LimitExceeded || got.Value != 1<<62 || got.Entry != "huge" {
		t.Errorf("got %v", err)
	}
}

func setChecksum(block []byte) {
	copy(block[148:156], "        ")
	var sum int
	for _, c := range block[:512] {
		sum += int(c)
	}
	copy(block[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

// TestFingerprint changes one thing at a time and looks whether the fingerprint
// tells.
func TestFingerprint(t *testing.T) {
	dir := tar.Header{Typeflag: tar.TypeDir, Name: "d/", Mode: 0o755}
	file := tar.Header{Typeflag: tar.TypeReg, Name: "d/f", Mode: 0o644, Uid: 1, Gid: 2}
	link := tar.Header{Typeflag: tar.TypeSymlink, Name: "d/l", Linkname: "f", Mode: 0o777}
	make := func(change func(e entries)) entries {
		e := entries{{dir, ""}, {file, "contents"}, {link, ""}}
		change(e)
		return e
	}
	base := mustScan(t, tarOf(t, make(func(entries) {})), Options{}).ContentFingerprint
	for _, test := range []struct {
		name   string
		same   bool
		change func(e entries)
	}{
		{"timestamps", true, func(e entries) { e[1].header.ModTime = time.Unix(1e9, 5); e[1].header.Format = tar.FormatPAX }},
		{"owner names", true, func(e entries) { e[1].header.Uname = "root" }},
		{"order", true, func(e entries) { e[0], e[2] = e[2], e[0] }},
		{"dialect", true, func(e entries) { e[1].header.Format = tar.FormatGNU; e[0].header.Format = tar.FormatPAX }},
		{"leading ./", true, func(e entries) { e[0].header.Name = "./d/"; e[1].header.Name = "./d/f" }},
		{"mode of a symlink", true, func(e entries) { e[2].header.Mode = 0o755 }},
		{"path", false, func(e entries) { e[1].header.Name = "d/g" }},
		{"type", false, func(e entries) { e[2].header.Typeflag = tar.TypeLink }},
		{"mode", false, func(e entries) { e[1].header.Mode = 0o4644 }},
		{"owner", false, func(e entries) { e[1].header.Uid = 3 }},
		{"group", false, func(e entries) { e[1].header.Gid = 3 }},
		{"owner and group swapped", false, func(e entries) { e[1].header.Uid, e[1].header.Gid = 2, 1 }},
		{"link target", false, func(e entries) { e[2].header.Linkname = "g" }},
		{"xattr", false, func(e entries) { e[1].header.PAXRecords = map[string]string{"SCHILY.xattr.user.a": "b"} }},
		{"contents", false, func(e entries) { e[1].text = "Contents" }},
		{"length", false, func(e entries) { e[1].text = "contents\x00" }},
		{"an entry twice", false, func(e entries) { e[2] = e[1] }},
	} {
		got := mustScan(t, tarOf(t, make(test.change)), Options{}).ContentFingerprint
		if (got == base) != test.same {
			t.Errorf("%s: %s, before %s, want the same: %t", test.name, got, base, test.same)
		}
	}
	more := append(make(func(entries) {}), entries{{tar.Header{Typeflag: tar.TypeReg, Name: ".no.prefetch.landmark"}, "\x0f"}}...)
	if got := mustScan(t, tarOf(t, more), Options{}).ContentFingerprint; got != base {
		t.Error("a landmark changes the fingerprint")
	}
}

// TestNoGoroutineLeft: synctest fails when a goroutine of the scan outlives it.
func TestNoGoroutineLeft(t *testing.T) {
	plain := tarOf(t, entries{{tar.Header{Typeflag: tar.TypeReg, Name: "a"}, strings.Repeat("0123456789", 1<<18)}})
	gz := gzipOf(t, plain)
	bad := bytes.Clone(gz)
	bad[len(bad)/2] ^= 0xff
	for name, test := range map[string]struct {
		blob   []byte
		limits Limits
	}{
		"whole": {blob: gz}, "plain": {blob: plain}, "zstd": {blob: zstdOf(t, plain)}, "cut": {blob: gz[:len(gz)/2]}, "corrupt": {blob: bad},
		"limit": {blob: gz, limits: Limits{MaxUnpackedBytes: 1000}}, "no tar": {blob: make([]byte, 1<<20)[1:]},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				scanBytes(t, test.blob, Options{Limits: test.limits})
			})
		})
	}
}

// TestCancel ends the context while a read is pending, and while the tar is ahead
// of whoever takes it.
func TestCancel(t *testing.T) {
	gz := gzipOf(t, tarOf(t, entries{{tar.Header{Typeflag: tar.TypeReg, Name: "a"}, strings.Repeat("0123456789", 1<<18)}}))
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("enough"))
		defer cancel()
		l, err := Scan(ctx, io.MultiReader(bytes.NewReader(gz[:len(gz)/2]), pending{ctx}), int64(len(gz)), Options{})
		var got *Error
		if !errors.As(err, &got) || got.Reason != ReadFailed || !strings.Contains(err.Error(), "enough") || l.CompressedBytes != int64(len(gz)/2) {
			t.Errorf("%+v, %v", l, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		l, err := Scan(ctx, bytes.NewReader(gz), int64(len(gz)), Options{})
		if !errors.Is(err, context.Canceled) || l.Digest != "" || l.DiffID != "" {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

// pending is a body whose server says nothing any more.
type pending struct{ ctx context.Context }

func (p pending) Read([]byte) (int, error) {
	<-p.ctx.Done()
	return 0, context.Cause(p.ctx)
}

// TestPrograms scans by programs on PATH: a fake igzip always, the real ones where
// they are installed. The layers are the same as without.
func TestPrograms(t *testing.T) {
	var list entries
	for i := range 300 {
		list = append(list, entries{{tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("f%d", i)}, strings.Repeat(fmt.Sprint(i), i*20)}}...)
	}
	plain := tarOf(t, list)
	blob := append(gzipOf(t, plain[:99_999]), gzipOf(t, plain[99_999:])...)
	want := mustScan(t, blob, Options{})
	gzip, err := exec.LookPath("gzip")
	if err != nil {
		t.Fatal(err)
	}
	fake := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\n[ \"$*\" = '-d -c' ] || exit 9\nexec %s -d -c\n", gzip)
	if err := os.WriteFile(filepath.Join(fake, "igzip"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	type program struct{ name, path string }
	programs := []program{{"igzip", fake}}
	for _, name := range []string{"igzip", "unpigz"} {
		if _, err := exec.LookPath(name); err == nil {
			programs = append(programs, program{name, os.Getenv("PATH")})
		}
	}
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			t.Setenv("PATH", p.path)
			got := mustScan(t, blob, Options{Inflater: p.name})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			bad := bytes.Clone(blob)
			bad[len(bad)-6] ^= 0xff
			for name, test := range map[string]struct {
				blob []byte
				opt  Options
				want Reason
			}{
				"corrupt": {bad, Options{}, CorruptCompression},
				"cut":     {blob[:len(blob)-20], Options{}, Truncated},
				"limit":   {blob, Options{Limits: Limits{MaxUnpackedBytes: 1}}, LimitExceeded},
			} {
				test.opt.Inflater = p.name
				l, err := Scan(t.Context(), bytes.NewReader(test.blob), int64(len(blob)), test.opt)
				var got *Error
				if !errors.As(err, &got) || got.Reason != test.want {
					t.Errorf("%s: %v, want %s; %+v", name, err, test.want, l)
				}
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		l, err := scanBytes(t, blob, Options{Inflater: "igzip"})
		var got *Error
		if !errors.As(err, &got) || got.Reason != InflaterFailed || !errors.Is(err, exec.ErrNotFound) || l.Digest != want.Digest {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

// TestFingerprintByHand adds up the hashes of a symbolic link and ten files with
// big integers; ten are enough for sums that carry.
func TestFingerprintByHand(t *testing.T) {
	hash := func(b string) *big.Int {
		h := xxh3.HashString128(b).Bytes()
		return new(big.Int).SetBytes(h[:])
	}
	bytesOf := func(n *big.Int) string { return string(n.FillBytes(make([]byte, 16))) }
	list := entries{{tar.Header{Typeflag: tar.TypeSymlink, Name: "b", Linkname: "a", Mode: 0o777}, ""}}
	// Numbers are varints in zigzag: 1 is 2, 2 is 4, 0o644 is 840 (0xc8 0x06).
	total := hash("2\x01b\x00\x00\x01a\x00" + bytesOf(hash("")))
	for _, name := range strings.Split("0123456789", "") {
		list = append(list, entries{{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Uid: 1, Gid: 2}, "contents"}}...)
		total.Add(total, hash("0\x01"+name+"\x02\x04\xc8\x06\x10"+bytesOf(hash("contents"))))
	}
	total.Mod(total, new(big.Int).Lsh(big.NewInt(1), 128))
	want := fmt.Sprintf("%032x", hash(bytesOf(total)+"\x0b\x00\x00\x00\x00\x00\x00\x00"))
	if got := mustScan(t, tarOf(t, list), Options{}).ContentFingerprint; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
