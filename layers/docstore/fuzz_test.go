package docstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// FuzzFiles opens a store whose pack and index are arbitrary bytes. With repair
// the checksums are made right, so that what stands behind them is reached.
func FuzzFiles(f *testing.F) {
	dir := f.TempDir()
	s := open(f, dir, Options{})
	put(s, []byte("one"), []byte("two"), body(3))
	s.PutMeaning("web:1", Meaning{"sha256:x", "type", time.Unix(1e9, 0)})
	s.PutFact("size", "k", []byte("12"))
	closed(f, s)
	pack, err := os.ReadFile(files(f, dir, packSuffix)[0])
	if err != nil {
		f.Fatal(err)
	}
	index, err := os.ReadFile(files(f, dir, sidecarSuffix)[0])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pack, index, false)
	f.Add(pack, index, true)
	f.Add(pack, []byte{}, true)
	f.Add(pack[:len(pack)-3], index, true)
	f.Add(append(bytes.Clone(pack[:300]), pack...), []byte{}, true)
	f.Add([]byte{}, index, true)
	f.Fuzz(func(t *testing.T, pack, index []byte, repair bool) {
		if repair {
			pack, index = repaired(bytes.Clone(pack), bytes.Clone(index))
		}
		dir := t.TempDir()
		base := filepath.Join(dir, formatDir, "0123456789abcdef-00000000")
		if err := os.MkdirAll(filepath.Dir(base), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(base+packSuffix, pack, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(base+sidecarSuffix, index, 0o600); err != nil {
			t.Fatal(err)
		}
		checkFuzzed(t, dir, len(pack))
		s := open(t, dir, Options{})
		if _, ok := s.Document(digestOf([]byte("new")), nil); !ok {
			put(s, []byte("new"))
		}
		s.PutFact("size", "k", []byte("new"))
		closed(t, s)
		s = open(t, dir, Options{ReadOnly: true})
		holds(t, s, []byte("new"))
		closed(t, s)
	})
}

func checkFuzzed(t *testing.T, dir string, packBytes int) {
	t.Helper()
	s := open(t, dir, Options{ReadOnly: true})
	defer s.Close()
	if st := s.Stats(); st.Documents+st.Meanings+st.Facts > packBytes/recordHeadBytes {
		t.Errorf("a pack of %d bytes holds %+v", packBytes, st)
	}
	for key := range s.index.documents {
		digest := "sha256:" + hexOf(key)
		if got, ok := s.Document(digest, nil); ok && sha256.Sum256(got) != key {
			t.Errorf("document %s is wrong", digest)
		}
	}
	for _, ref := range []string{"web:1", "", "size\x00k"} {
		if m, ok := s.Meaning(ref); ok && m.Digest == "" {
			t.Errorf("meaning %v of %q", m, ref)
		}
	}
	s.Fact("size", "k")
	places := s.index.places()
	for i := range places {
		if end := int(places[i].offset) + int(places[i].bodyBytes); end > packBytes {
			t.Errorf("a record ends at %d, the pack at %d", end, packBytes)
		}
	}
}

func hexOf(key sum) string {
	const digits = "0123456789abcdef"
	var b []byte
	for _, c := range key {
		b = append(b, digits[c>>4], digits[c&15])
	}
	return string(b)
}

// repaired makes every checksum right that can be.
func repaired(pack, index []byte) ([]byte, []byte) {
	if len(pack) >= packHeadBytes {
		copy(pack, packMagic)
		binary.LittleEndian.PutUint32(pack[16:], checksum(0, pack[:16]))
		m := pack[8:16]
		for at := packHeadBytes; at+recordHeadBytes <= len(pack); at++ {
			r := pack[at:]
			head := recordHeadBytes + int(binary.LittleEndian.Uint16(r[10:]))
			if !bytes.Equal(r[:8], m) || head > len(r) {
				continue
			}
			if end := head + int(binary.LittleEndian.Uint32(r[12:])); end <= len(r) {
				binary.LittleEndian.PutUint32(r[24:], checksum(0, r[head:end]))
			}
			binary.LittleEndian.PutUint32(r[28:], checksum(checksum(0, r[:28]), r[recordHeadBytes:head]))
		}
	}
	if n := len(index) - sidecarHeadBytes - sidecarTailBytes; n >= 0 {
		copy(index, sidecarMagic)
		index = index[:len(index)-n%entryBytes]
		binary.LittleEndian.PutUint64(index[16:], uint64(len(pack)))
		binary.LittleEndian.PutUint32(index[24:], uint32(n/entryBytes))
		tail := len(index) - sidecarTailBytes
		binary.LittleEndian.PutUint32(index[tail:], checksum(0, index[:tail]))
	}
	return pack, index
}

// FuzzScan compares scan with a plain reading of the format, over bytes whose
// checksums are made right or left as they are.
func FuzzScan(f *testing.F) {
	m := mark{1, 2, 3, 4, 5, 6, 7, 8}
	pack := appendPackHead(nil, m)
	for _, text := range []string{"one", "two", ""} {
		r := record{kind: kindDocument, key: bytes.Repeat([]byte("k"), 32), bodyBytes: uint32(len(text)), bodyChecksum: checksum(0, []byte(text))}
		pack = append(r.appendHead(pack, m), text...)
	}
	f.Add(pack, []byte{}, true)
	f.Add(pack, pack[30:], false)
	f.Add(append(bytes.Clone(pack), make([]byte, windowBytes)...), pack[packHeadBytes:], false)
	f.Fuzz(func(t *testing.T, pack, more []byte, repair bool) {
		// More stands where the window over the file has to move on.
		pack = append(bytes.Clone(pack), more...)
		if repair {
			pack, more = repaired(pack, bytes.Clone(more))
		}
		_, got, _ := scan(bytes.NewReader(pack), int64(len(pack)))
		if want := plainScan(pack); !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		m, entries, ok := parseSidecar(more, int64(len(pack)))
		if !ok {
			return
		}
		var list []entry
		parseEntries(entries, 1<<40, func(e *entry) { list = append(list, *e) })
		plausible := len(list)*entryBytes == len(entries)
		if back := appendSidecar(nil, m, int64(len(pack)), list); plausible && !bytes.Equal(masked(back), masked(more)) {
			t.Errorf("an index reads as %v, which writes otherwise", list)
		}
	})
}

// masked is an index without what a reader passes over: the zero byte of each
// entry, and the checksum over it.
func masked(index []byte) []byte {
	b := bytes.Clone(index[:len(index)-sidecarTailBytes])
	for at := sidecarHeadBytes + 33; at < len(b); at += entryBytes {
		b[at] = 0
	}
	return b
}

// plainScan reads a pack that is in memory as record.go describes it.
func plainScan(b []byte) (entries []entry) {
	if len(b) < 24 || string(b[:8]) != packMagic || crc32.Checksum(b[:16], crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(b[16:]) {
		return nil
	}
	wasted := 0
	for at := 24; at < len(b) && wasted <= len(b); {
		e, end, bad := plainRecord(b, at)
		wasted += bad
		if end > 0 {
			entries = append(entries, e)
			at = end
			continue
		}
		next := bytes.Index(b[at+1:], b[8:16])
		if next < 0 {
			break
		}
		at += 1 + next
	}
	return entries
}

// plainRecord returns where the record at a place ends, or how large the body of
// one is whose head alone is sound.
func plainRecord(b []byte, at int) (e entry, end, bad int) {
	r := b[at:]
	if len(r) < 32 || !bytes.Equal(r[:8], b[8:16]) {
		return e, 0, 0
	}
	keyBytes, bodyBytes := int(binary.LittleEndian.Uint16(r[10:])), int(binary.LittleEndian.Uint32(r[12:]))
	if keyBytes > 4096 || bodyBytes > 16<<20 || len(r) < 32+keyBytes+bodyBytes || r[8] < 1 || r[8] > 3 || r[8] == 1 && keyBytes != 32 {
		return e, 0, 0
	}
	castagnoli := crc32.MakeTable(crc32.Castagnoli)
	key, body := r[32:32+keyBytes], r[32+keyBytes:32+keyBytes+bodyBytes]
	if crc32.Checksum(append(bytes.Clone(r[:28]), key...), castagnoli) != binary.LittleEndian.Uint32(r[28:]) {
		return e, 0, 0
	}
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(r[24:]) {
		return e, 0, bodyBytes
	}
	e = entry{kind: kind(r[8]), keyBytes: uint16(keyBytes), offset: uint32(at), bodyBytes: uint32(bodyBytes), stamp: int64(binary.LittleEndian.Uint64(r[16:]))}
	if e.sum = sha256.Sum256(append([]byte{r[8]}, key...)); e.kind == kindDocument {
		copy(e.sum[:], key)
	}
	return e, at + 32 + keyBytes + bodyBytes, 0
}
