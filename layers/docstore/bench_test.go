package docstore

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// benchDocument is a document of 3 KB, which is a manifest's or config's size,
// with its digest.
func benchDocument(n int) (string, []byte) {
	b := make([]byte, 3000)
	copy(b, fmt.Sprint(n))
	return digestOf(b), b
}

func BenchmarkPut(b *testing.B) {
	b.Run("verified=false", func(b *testing.B) { benchPut(b, (*Store).PutDocument) })
	b.Run("verified=true", func(b *testing.B) { benchPut(b, (*Store).PutVerified) })
}

func benchPut(b *testing.B, put func(*Store, string, []byte)) {
	const distinct = 20000
	digests, docs := make([]string, distinct), make([][]byte, distinct)
	for n := range distinct {
		digests[n], docs[n] = benchDocument(n)
	}
	var s *Store
	b.SetBytes(3000)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if n%distinct == 0 {
			b.StopTimer()
			if s != nil {
				closed(b, s)
			}
			s = open(b, b.TempDir(), Options{})
			b.StartTimer()
		}
		put(s, digests[n%distinct], docs[n%distinct])
	}
	closed(b, s)
}

// BenchmarkPutFile is the road not taken: a file for each document.
func BenchmarkPutFile(b *testing.B) {
	dir := b.TempDir()
	_, doc := benchDocument(0)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		path := filepath.Join(dir, fmt.Sprint(n))
		if err := os.WriteFile(path+".tmp", doc, 0o600); err != nil {
			b.Fatal(err)
		}
		if err := os.Rename(path+".tmp", path); err != nil {
			b.Fatal(err)
		}
	}
}

func fillBench(b *testing.B, documents int) (dir string, digests []string) {
	dir = b.TempDir()
	s := open(b, dir, Options{MaxBytes: 1 << 30})
	for n := range documents {
		digest, doc := benchDocument(n)
		s.PutDocument(digest, doc)
		digests = append(digests, digest)
	}
	closed(b, s)
	return dir, digests
}

func BenchmarkGet(b *testing.B) {
	dir, digests := fillBench(b, 20000)
	s := open(b, dir, Options{})
	defer s.Close()
	var buf []byte
	b.SetBytes(3000)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		var ok bool
		if buf, ok = s.Document(digests[n%len(digests)], buf); !ok {
			b.Fatal("a document is missing")
		}
	}
}

func BenchmarkGetMiss(b *testing.B) {
	dir, _ := fillBench(b, 20000)
	s := open(b, dir, Options{})
	defer s.Close()
	digest, _ := benchDocument(-1)
	b.ReportAllocs()
	for b.Loop() {
		s.Document(digest, nil)
	}
}

func BenchmarkMeaning(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	defer s.Close()
	digest, _ := benchDocument(0)
	for n := range 5000 {
		s.PutMeaning(fmt.Sprint("registry.example.com/shop/web:", n), Meaning{digest, "application/vnd.oci.image.index.v1+json", time.Unix(1e9, 0)})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := s.Meaning("registry.example.com/shop/web:77"); !ok {
			b.Fatal("the meaning is missing")
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, documents := range []int{0, 10000, 100000} {
		b.Run(fmt.Sprint("documents=", documents), func(b *testing.B) {
			dir, _ := fillBench(b, documents)
			b.ReportAllocs()
			for b.Loop() {
				s := open(b, dir, Options{ReadOnly: true})
				if got := s.Stats().Documents; got != documents {
					b.Fatalf("%d documents", got)
				}
				closed(b, s)
			}
		})
	}
}

// BenchmarkScan opens a store whose indexes are gone.
func BenchmarkScan(b *testing.B) {
	dir, _ := fillBench(b, 10000)
	for _, path := range files(b, dir, sidecarSuffix) {
		if err := os.Remove(path); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(totalBytes(b, dir))
	b.ReportAllocs()
	for b.Loop() {
		closed(b, open(b, dir, Options{ReadOnly: true}))
	}
}
