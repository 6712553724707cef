package docstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"path/filepath"
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
