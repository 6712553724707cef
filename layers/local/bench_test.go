package local

import (
	"bytes"
	"io"
	"math/rand"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// compressible is 16 MiB that gzip halves, as layers are about.
func compressible() []byte {
	r := rand.New(rand.NewSource(1))
	content := make([]byte, 16<<20)
	for i := range content {
		content[i] = byte(r.Intn(16)) + 'a'
	}
	return content
}

// BenchmarkOpenArchive lists a docker archive of 16 MiB; "inflate" is the floor
// of the compressed one.
func BenchmarkOpenArchive(b *testing.B) {
	plain := makeTar(b, file{name: "a/layer.tar", content: compressible()}, file{name: "manifest.json", content: []byte("[]")})
	packed := gzipped(b, plain)
	for _, test := range []struct {
		name    string
		content []byte
	}{{"plain", plain}, {"gzip", packed}} {
		b.Run("archive="+test.name, func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := openMemory(b, test.content); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("archive=inflate", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		b.ReportAllocs()
		for b.Loop() {
			r, err := gzip.NewReader(bytes.NewReader(packed))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
