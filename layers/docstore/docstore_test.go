package docstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// digestOf is written without the package's own parser.
func digestOf(body []byte) string {
	h := sha256.Sum256(body)
	return "sha256:" + hex.EncodeToString(h[:])
}

// body is a document of its own for each n, of a manifest's size.
func body(n int) []byte {
	return fmt.Appendf(nil, `{"schemaVersion":2,"n":%d,"pad":%q}`, n, strings.Repeat(string(rune('a'+n%26)), 200+n%1500))
}

func open(t testing.TB, dir string, opt Options) *Store {
	t.Helper()
	s, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// holds fails the test unless the store has the documents.
func holds(t testing.TB, s *Store, bodies ...[]byte) {
	t.Helper()
	for _, want := range bodies {
		got, ok := s.Document(digestOf(want), nil)
		if !ok || !bytes.Equal(got, want) {
			t.Errorf("document %.20q: got %.20q, %t", want, got, ok)
		}
	}
}

func bodies(from, to int) (list [][]byte) {
	for n := from; n < to; n++ {
		list = append(list, body(n))
	}
	return list
}

func put(s *Store, bodies ...[]byte) {
	for _, b := range bodies {
		s.PutDocument(digestOf(b), b)
	}
}

// files lists the store's files of a suffix.
func files(t testing.TB, dir, suffix string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, formatDir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func totalBytes(t testing.TB, dir string) (total int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed meanwhile
		}
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err == nil {
			total += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}

func TestKeepsAcrossRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there", "yet")
	docs := append(bodies(0, 300), []byte{}, bytes.Repeat([]byte("large "), 500<<10)) // one larger than the write buffer
	asked := time.Date(2026, 11, 3, 10, 0, 0, 12345, time.FixedZone("", 3600))
	meaning := Meaning{digestOf(docs[0]), "application/vnd.oci.image.index.v1+json", asked}

	s := open(t, dir, Options{})
	holdsNone(t, s, docs...)
	put(s, docs...)
	s.PutMeaning("registry.example.com/web:1", meaning)
	s.PutFact("size", digestOf(docs[1]), []byte(`{"unpackedBytes":12}`))
	check := func(s *Store) {
		t.Helper()
		holds(t, s, docs...)
		if m, ok := s.Meaning("registry.example.com/web:1"); !ok || m.Digest != meaning.Digest || m.MediaType != meaning.MediaType || !m.At.Equal(asked) {
			t.Errorf("meaning: got %v, %t", m, ok)
		}
		if v, ok := s.Fact("size", digestOf(docs[1])); !ok || string(v) != `{"unpackedBytes":12}` {
			t.Errorf("fact: got %q, %t", v, ok)
		}
		if _, ok := s.Fact("scan", digestOf(docs[1])); ok {
			t.Error("a fact of another kind is present")
		}
		if _, ok := s.Meaning("registry.example.com/web:2"); ok {
			t.Error("a reference never put has a meaning")
		}
	}
	check(s) // before anything is flushed, too
	closed(t, s)
	before := listing(t, dir)
	s = open(t, dir, Options{ReadOnly: true})
	check(s)
	st := s.Stats()
	if st.Documents != len(docs) || st.Meanings != 1 || st.Facts != 1 || st.Packs != 1 || st.Hits != int64(len(docs)+2) || st.Misses != 2 || st.Healed != 0 {
		t.Errorf("stats %+v", st)
	}
	if st.Bytes != totalBytes(t, dir) {
		t.Errorf("stats say %d bytes, the directory holds %d", st.Bytes, totalBytes(t, dir))
	}
	put(s, body(1000))
	closed(t, s)
	if after := listing(t, dir); after != before {
		t.Errorf("a read-only store changed the directory:\n%s\n%s", before, after)
	}
	holdsNone(t, s, docs[0]) // closed
	put(s, docs...)
}

func holdsNone(t testing.TB, s *Store, bodies ...[]byte) {
	t.Helper()
	for _, b := range bodies {
		if got, ok := s.Document(digestOf(b), nil); ok || got != nil || s.Has(digestOf(b)) {
			t.Errorf("document %.20q is present", b)
		}
	}
}

// listing is every file with its mode, size and time.
func listing(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && !d.IsDir() {
			fmt.Fprintln(&b, path, info.Mode(), info.Size(), info.ModTime().UnixNano())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // its access lists are those of the user's directory
	}
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir, Options{})
	put(s, body(1))
	closed(t, s)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %s", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "none"), Options{ReadOnly: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read-only without a directory: %v", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, Options{}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file for a directory: %v", err)
	}
	if _, err := Open(dir, Options{MaxBytes: -1}); err == nil {
		t.Error("a negative bound is taken")
	}
}

func TestRefuses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{MaxBytes: 1 << 20})
	doc := body(1)
	digest := digestOf(doc)
	s.PutDocument(digestOf(body(2)), doc)       // another's digest
	s.PutDocument(strings.ToUpper(digest), doc) // not as digests are written
	s.PutDocument("sha256:"+strings.ToUpper(digest[7:]), doc)
	s.PutDocument(digest[:70], doc)
	s.PutDocument("sha512:"+strings.Repeat("0", 128), doc)
	s.PutDocument("", doc)
	put(s, make([]byte, 1<<16+1)) // more than a sixteenth of the bound
	s.PutMeaning("a", Meaning{Digest: "", At: time.Unix(1, 0)})
	s.PutMeaning("a", Meaning{Digest: "x\ny", At: time.Unix(1, 0)})
	s.PutMeaning("a", Meaning{Digest: digest})
	s.PutMeaning(strings.Repeat("a", 5000), Meaning{Digest: digest, At: time.Unix(1, 0)})
	s.PutFact("a\x00b", "c", nil)
	for _, digest := range []string{"", "sha256:", digest[:70], digest + "0", "sha256:" + strings.Repeat("g", 64)} {
		if _, ok := s.Document(digest, nil); ok || s.Has(digest) {
			t.Errorf("document %q is present", digest)
		}
	}
	if st := s.Stats(); st.Documents+st.Meanings+st.Facts > 0 {
		t.Errorf("kept: %+v", st)
	}
	closed(t, s)
	if packs := files(t, dir, packSuffix); len(packs) > 0 {
		t.Errorf("a store that keeps nothing made %v", packs)
	}
}

func TestBufferIsReused(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	defer s.Close()
	put(s, body(1), body(2))
	buf := make([]byte, 0, 4096)
	got, ok := s.Document(digestOf(body(1)), buf)
	if !ok || &got[:1][0] != &buf[:1][0] {
		t.Error("a document that fits the buffer stands elsewhere")
	}
	if got, ok = s.Document(digestOf(body(2)), got[:0:1]); !ok || !bytes.Equal(got, body(2)) {
		t.Errorf("a document that does not fit the buffer: %.20q", got)
	}
}

// TestPutVerified: a wrong body, whose caller did not check it, is never served.
func TestPutVerified(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	s.PutVerified(digestOf(body(1)), body(1))
	s.PutVerified(digestOf(body(2)), body(3))
	holds(t, s, body(1))
	if got, ok := s.Document(digestOf(body(2)), nil); ok {
		t.Errorf("a wrong body is served: %.20q", got)
	}
	put(s, body(2))
	closed(t, s)
	s = open(t, dir, Options{})
	holds(t, s, body(1), body(2))
	closed(t, s)
}

// TestMeaningRefresh: which of two meanings holds, and that repeated runs do not
// grow the store.
func TestMeaningRefresh(t *testing.T) {
	dir := t.TempDir()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a, b := digestOf([]byte("a")), digestOf([]byte("b"))
	for _, step := range []struct {
		name   string
		put    Meaning
		want   string
		at     time.Duration
		writes bool
	}{
		{"first", Meaning{a, "t", start}, a, 0, true},
		{"the same again", Meaning{a, "t", start}, a, 0, false},
		{"soon after", Meaning{a, "t", start.Add(MeaningRefresh - 1)}, a, 0, false},
		{"later", Meaning{a, "t", start.Add(MeaningRefresh)}, a, MeaningRefresh, true},
		{"moved soon after", Meaning{b, "t", start.Add(MeaningRefresh + 1)}, b, MeaningRefresh + 1, true},
		{"other type", Meaning{b, "u", start.Add(MeaningRefresh + 1)}, b, MeaningRefresh + 1, true},
		{"older news", Meaning{a, "t", start.Add(MeaningRefresh)}, b, MeaningRefresh + 1, false},
	} {
		s := open(t, dir, Options{})
		s.PutMeaning("web:1", step.put)
		if wrote := s.writer != nil; wrote != step.writes {
			t.Errorf("%s: written %t, want %t", step.name, wrote, step.writes)
		}
		closed(t, s)
		s = open(t, dir, Options{ReadOnly: true})
		if m, ok := s.Meaning("web:1"); !ok || m.Digest != step.want || !m.At.Equal(start.Add(step.at)) {
			t.Errorf("%s: got %v, %t, want %s at %s", step.name, m, ok, step.want, step.at)
		}
		closed(t, s)
	}
}

func TestFactIsReplaced(t *testing.T) {
	dir := t.TempDir()
	now := time.Unix(1000, 0)
	clock := func() time.Time { return now }
	for _, value := range []string{"1", "2", "2", "1", ""} {
		s := open(t, dir, Options{Now: clock})
		s.PutFact("size", "sha256:x", []byte(value))
		closed(t, s)
		now = now.Add(-time.Hour) // a clock that is set back
		s = open(t, dir, Options{Now: clock})
		if got, ok := s.Fact("size", "sha256:x"); !ok || string(got) != value {
			t.Errorf("got %q, %t, want %q", got, ok, value)
		}
		closed(t, s)
	}
}

// TestNewerFormatIsLeftAlone: other versions' directories are not touched.
func TestNewerFormatIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "v2", "0000.pack")
	if err := os.MkdirAll(filepath.Dir(other), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	before := listing(t, filepath.Dir(other))
	s := open(t, dir, Options{MaxBytes: 1 << 20})
	put(s, bodies(0, 2000)...)
	closed(t, s)
	if after := listing(t, filepath.Dir(other)); after != before {
		t.Errorf("the other version's directory changed:\n%s\n%s", before, after)
	}
}

// TestEveryByteDamaged flips each byte of each file in turn: what is served is
// right, the rest is a miss, and putting it again heals the store.
func TestEveryByteDamaged(t *testing.T) {
	docs := [][]byte{[]byte("one"), []byte("two, somewhat longer"), []byte("3")}
	meaning := Meaning{digestOf(docs[0]), "type", time.Unix(1e9, 0)}
	fill := func(s *Store) {
		put(s, docs...)
		s.PutMeaning("web:1", meaning)
		s.PutFact("size", "sha256:x", []byte("12"))
	}
	origin := t.TempDir()
	s := open(t, origin, Options{})
	fill(s)
	closed(t, s)

	for _, suffix := range []string{packSuffix, sidecarSuffix} {
		file := files(t, origin, suffix)[0]
		sound, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := range sound {
			for _, alone := range []bool{false, true} { // with and without the index
				if alone && suffix == sidecarSuffix {
					continue
				}
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(origin)); err != nil {
					t.Fatal(err)
				}
				damaged := bytes.Clone(sound)
				damaged[i] ^= 0x41
				if err := os.WriteFile(filepath.Join(dir, formatDir, filepath.Base(file)), damaged, 0o600); err != nil {
					t.Fatal(err)
				}
				if alone {
					_ = os.Remove(files(t, dir, sidecarSuffix)[0])
				}
				missing := damagedStore(t, dir, docs, meaning)
				if (i >= packHeadBytes || suffix == sidecarSuffix) && missing > 1 {
					t.Errorf("%s byte %d: %d records are lost by it", suffix, i, missing)
				}
				s := open(t, dir, Options{})
				present(t, s, docs, meaning) // as a caller asks before it fetches
				fill(s)
				closed(t, s)
				s = open(t, dir, Options{})
				if missing := present(t, s, docs, meaning); missing > 0 {
					t.Errorf("%s byte %d: %d records are not healed", suffix, i, missing)
				}
				if st := s.Stats(); st.Healed > 0 {
					t.Errorf("%s byte %d: damage is still there after it was healed", suffix, i)
				}
				closed(t, s)
			}
		}
	}
}

func damagedStore(t *testing.T, dir string, docs [][]byte, m Meaning) (missing int) {
	t.Helper()
	s := open(t, dir, Options{ReadOnly: true})
	defer closed(t, s)
	return present(t, s, docs, m)
}

// present counts what is absent of what TestEveryByteDamaged puts, and fails on
// a wrong answer.
func present(t *testing.T, s *Store, docs [][]byte, want Meaning) (missing int) {
	t.Helper()
	for _, doc := range docs {
		if got, ok := s.Document(digestOf(doc), nil); !ok {
			missing++
		} else if !bytes.Equal(got, doc) {
			t.Errorf("wrong document %q", got)
		}
	}
	if m, ok := s.Meaning("web:1"); !ok {
		missing++
	} else if m.Digest != want.Digest || m.MediaType != want.MediaType || !m.At.Equal(want.At) {
		t.Errorf("wrong meaning %v", m)
	}
	if v, ok := s.Fact("size", "sha256:x"); !ok {
		missing++
	} else if string(v) != "12" {
		t.Errorf("wrong fact %q", v)
	}
	return missing
}

// TestForgedRecord: a document whose content looks like a record is not taken
// for one when the record before it is damaged.
func TestForgedRecord(t *testing.T) {
	dir := t.TempDir()
	forged := Meaning{"sha256:evil", "", time.Unix(2e9, 0)}
	s := open(t, dir, Options{})
	doc := []byte("x")
	for _, m := range []mark{{}, {1, 2, 3, 4, 5, 6, 7, 8}} {
		value := forged.encode()
		r := record{kind: kindMeaning, key: []byte("web:1"), bodyBytes: uint32(len(value)), stamp: 1, bodyChecksum: checksum(0, value)}
		doc = append(r.appendHead(doc, m), value...)
	}
	put(s, doc)
	s.PutMeaning("web:2", forged)
	closed(t, s)
	pack := files(t, dir, packSuffix)[0]
	flip(t, pack, packHeadBytes+8)
	_ = os.Remove(files(t, dir, sidecarSuffix)[0])
	s = open(t, dir, Options{})
	defer s.Close()
	if m, ok := s.Meaning("web:1"); ok {
		t.Errorf("the document's content became the meaning %v", m)
	}
	if _, ok := s.Meaning("web:2"); !ok {
		t.Error("the record after the damage is lost")
	}
}

func flip(t testing.TB, path string, offset int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[offset] ^= 0xff
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTruncated cuts a pack at every length: what stands before the cut is kept.
func TestTruncated(t *testing.T) {
	dir := t.TempDir()
	docs := [][]byte{[]byte("one"), []byte("two"), []byte("three")}
	s := open(t, dir, Options{})
	put(s, docs...)
	closed(t, s)
	pack := files(t, dir, packSuffix)[0]
	whole, err := os.ReadFile(pack)
	if err != nil {
		t.Fatal(err)
	}
	ends := []int{packHeadBytes + 64 + 3, packHeadBytes + 128 + 6, packHeadBytes + 192 + 11}
	if ends[2] != len(whole) {
		t.Fatalf("the pack has %d bytes, by the format it should have %d", len(whole), ends[2])
	}
	for n := len(whole); n >= 0; n-- {
		if err := os.WriteFile(pack, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, Options{ReadOnly: true})
		for i, doc := range docs {
			if _, ok := s.Document(digestOf(doc), nil); ok != (n >= ends[i]) {
				t.Errorf("cut at %d: document %d present %t", n, i, ok)
			}
		}
		closed(t, s)
	}
}

var errFull = errors.New("no space left on device")

// TestFullDisk: the disk takes some bytes and then no more, in the midst of a
// record.
func TestFullDisk(t *testing.T) {
	for _, room := range []int{0, 10, bufferBytes + 100, 3 * bufferBytes} {
		t.Run(fmt.Sprint("room=", room), func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, Options{})
			left := room
			s.write = func(f *os.File, b []byte) (int, error) {
				n, _ := f.Write(b[:min(left, len(b))])
				if left -= n; n < len(b) {
					return n, &os.PathError{Op: "write", Path: f.Name(), Err: errFull}
				}
				return n, nil
			}
			docs := bodies(0, 1000)
			put(s, docs...)
			for _, doc := range docs {
				if got, ok := s.Document(digestOf(doc), nil); ok && !bytes.Equal(got, doc) {
					t.Fatal("wrong document")
				}
			}
			before := s.Stats()
			err := s.Close()
			if !errors.Is(err, errFull) || strings.Count(err.Error(), "\n") > 0 {
				t.Errorf("error %v, want one that no space is left", err)
			}
			s = open(t, dir, Options{})
			if got := s.Stats().Documents; got != before.Documents || got*body0Bytes > room {
				t.Errorf("%d documents are kept, %d were present before Close, room %d", got, before.Documents, room)
			}
			put(s, docs...)
			closed(t, s)
			s = open(t, dir, Options{})
			holds(t, s, docs...)
			closed(t, s)
		})
	}
}

const body0Bytes = 200 // body's least size

// TestDirectoryGone: the directory is taken away under an open store.
func TestDirectoryGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir, Options{})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	put(s, bodies(0, 10)...)
	holdsNone(t, s, bodies(0, 10)...)
	if err := s.Close(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

// TestBound writes ten times what a store may hold: at no time is it larger, the
// latest documents are there, and the store still takes new ones.
func TestBound(t *testing.T) {
	const maxBytes = 2 << 20
	dir := t.TempDir()
	now := time.Now()
	opt := Options{MaxBytes: maxBytes, Now: func() time.Time { now = now.Add(time.Second); return now }}
	n := 0
	for range 5 {
		s := open(t, dir, opt)
		for range 4000 {
			put(s, body(n))
			n++
			if n%100 == 0 {
				if got := totalBytes(t, dir); got > maxBytes {
					t.Fatalf("after %d documents: %d bytes, bound %d", n, got, maxBytes)
				}
			}
		}
		holds(t, s, bodies(n-500, n)...)
		if st := s.Stats(); st.Bytes > maxBytes || st.Documents > n/2 && n > 5000 {
			t.Errorf("the open store holds on to what is gone: %+v", st)
		}
		closed(t, s)
		if got := totalBytes(t, dir); got > maxBytes || got < maxBytes/2 {
			t.Errorf("%d bytes, bound %d", got, maxBytes)
		}
	}
	s := open(t, dir, opt)
	holds(t, s, bodies(n-500, n)...)
	closed(t, s)
	s = open(t, dir, Options{MaxBytes: maxBytes / 4}) // a smaller bound holds from the next Close on
	closed(t, s)
	if got := totalBytes(t, dir); got > maxBytes/4 {
		t.Errorf("%d bytes, bound %d", got, maxBytes/4)
	}
}

// TestUsedSurvives: documents read lately outlive those put later and not read.
func TestUsedSurvives(t *testing.T) {
	const maxBytes = 2 << 20
	dir := t.TempDir()
	now := time.Now()
	clock := func() time.Time { return now }
	used := bodies(0, 50)
	for run := range 20 {
		now = now.Add(time.Hour)
		s := open(t, dir, Options{MaxBytes: maxBytes, Now: clock})
		if run == 0 {
			put(s, used...)
		}
		holds(t, s, used...)
		put(s, bodies(1000*(run+1), 1000*(run+1)+300)...)
		closed(t, s)
	}
	s := open(t, dir, Options{MaxBytes: maxBytes, Now: clock})
	defer s.Close()
	holdsNone(t, s, bodies(2000, 2010)...)
	if st := s.Stats(); st.Documents > 3000 {
		t.Errorf("nothing was removed: %+v", st)
	}
}

// TestMerge: many short runs leave few packs, nothing is lost, what was
// superseded is gone.
func TestMerge(t *testing.T) {
	dir := t.TempDir()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for run := range 100 {
		s := open(t, dir, Options{})
		put(s, body(run))
		s.PutMeaning("web:latest", Meaning{digestOf(body(run)), "type", start.Add(time.Duration(run) * time.Hour)})
		s.PutFact("runs", "k", []byte(fmt.Sprint(run)))
		closed(t, s)
		if n := len(files(t, dir, packSuffix)); n > mergeAbove+1 {
			t.Fatalf("%d packs after run %d", n, run)
		}
	}
	s := open(t, dir, Options{})
	defer s.Close()
	holds(t, s, bodies(0, 100)...)
	if m, _ := s.Meaning("web:latest"); m.Digest != digestOf(body(99)) {
		t.Errorf("meaning %v is not the last one", m)
	}
	if v, _ := s.Fact("runs", "k"); string(v) != "99" {
		t.Errorf("fact %s is not the last one", v)
	}
	total := totalBytes(t, dir)
	var least int64
	for _, doc := range bodies(0, 100) {
		least += int64(len(doc)) + 200
	}
	if total > least+20<<10 {
		t.Errorf("%d bytes for 100 documents that take about %d", total, least)
	}
}

// TestCrash: packs without an index, as a killed process leaves them, are read,
// indexed by the next store and not touched while their writer lives.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	living := open(t, dir, Options{})
	put(living, bodies(0, 300)...)
	other := open(t, dir, Options{MaxBytes: 64 << 10}) // would remove everything
	closed(t, other)
	if n := len(files(t, dir, sidecarSuffix)); n != 0 {
		t.Errorf("a living writer's pack was indexed by another")
	}
	put(living, bodies(300, 600)...)
	holds(t, living, bodies(0, 600)...)
	closed(t, living)
	s := open(t, dir, Options{})
	holds(t, s, bodies(0, 600)...)
	closed(t, s)

	sidecar := files(t, dir, sidecarSuffix)[0]
	want, err := os.ReadFile(sidecar)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(sidecar); err != nil {
		t.Fatal(err)
	}
	closed(t, open(t, dir, Options{}))
	if got, err := os.ReadFile(sidecar); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the index made by scanning differs from the writer's, or is not there: %v", err)
	}
}

// TestSweep: what crashes left goes when the store tidies up.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	put(s, bodies(0, 300)...)
	closed(t, s)
	old := filepath.Join(dir, formatDir, "123.tmp")
	fresh := filepath.Join(dir, formatDir, "124.tmp")
	orphan := filepath.Join(dir, formatDir, "0000.index")
	foreign := filepath.Join(dir, formatDir, "README")
	for _, path := range []string{old, fresh, orphan, foreign} {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hours := time.Now().Add(-2 * forgottenAfter)
	if err := os.Chtimes(old, hours, hours); err != nil {
		t.Fatal(err)
	}
	closed(t, open(t, dir, Options{MaxBytes: 64 << 10}))
	for path, want := range map[string]bool{old: false, fresh: true, orphan: false, foreign: true} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("%s: there %t, want %t", filepath.Base(path), err == nil, want)
		}
	}
}

// TestGoroutines uses one store, small enough to prune, from many goroutines.
func TestGoroutines(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{MaxBytes: 1 << 20})
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(g)))
			var buf []byte
			for i := range 2000 {
				n := random.IntN(1500)
				doc := body(n)
				digest := digestOf(doc)
				if got, ok := s.Document(digest, buf); ok {
					if buf = got; !bytes.Equal(got, doc) {
						t.Errorf("wrong document %d", n)
					}
				} else {
					s.PutDocument(digest, doc)
				}
				ref := fmt.Sprint("web:", n%50)
				s.PutMeaning(ref, Meaning{digest, ref, time.Unix(int64(i)*1000, 0)})
				if m, ok := s.Meaning(ref); ok && m.MediaType != ref {
					t.Errorf("wrong meaning %v for %s", m, ref)
				}
				s.PutFact("size", digest, []byte(digest))
				if v, ok := s.Fact("size", digest); ok && string(v) != digest {
					t.Errorf("wrong fact %s for %s", v, digest)
				}
				if i%500 == 0 {
					s.Stats()
				}
			}
		})
	}
	group.Wait()
	closed(t, s)
	if got := totalBytes(t, dir); got > 1<<20 {
		t.Errorf("%d bytes", got)
	}
}
