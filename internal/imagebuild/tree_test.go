package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// entry is what the tests look at in a tar entry.
type entry struct {
	name, link, content string
	kind                byte
	time                int64
}

func TestWriteTree(t *testing.T) {
	source := filepath.Join(t.TempDir(), "hello")
	if err := os.WriteFile(source, []byte("hello\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	old, latest := time.Unix(1000, 0), time.Unix(2000, 0)
	tests := []struct {
		name string
		node node
		want []entry
	}{
		{
			name: "file",
			node: node{source: source, header: tar.Header{Typeflag: tar.TypeReg, Name: "a/hello", Size: 6, ModTime: old}},
			want: []entry{{name: "a/hello", kind: tar.TypeReg, content: "hello\n", time: 1000}},
		},
		{
			name: "newer than the image",
			node: node{header: tar.Header{Typeflag: tar.TypeReg, Name: "new", ModTime: time.Unix(3000, 5)}},
			want: []entry{{name: "new", kind: tar.TypeReg, time: 2000}},
		},
		{
			name: "directory",
			node: node{header: tar.Header{Typeflag: tar.TypeDir, Name: "a", ModTime: old}},
			want: []entry{{name: "a/", kind: tar.TypeDir, time: 1000}},
		},
		{
			name: "hard link",
			node: node{header: tar.Header{Typeflag: tar.TypeLink, Name: "b", Linkname: "a/hello", ModTime: old}},
			want: []entry{{name: "b", kind: tar.TypeLink, link: "a/hello", time: 1000}},
		},
		{
			name: "whiteout",
			node: node{whiteout: true, header: tar.Header{Typeflag: tar.TypeChar, Name: "a/gone", ModTime: old}},
			want: []entry{{name: "a/.wh.gone", kind: tar.TypeReg, time: 1000}},
		},
		{
			name: "whiteout at the top",
			node: node{whiteout: true, header: tar.Header{Typeflag: tar.TypeChar, Name: "gone", ModTime: old}},
			want: []entry{{name: ".wh.gone", kind: tar.TypeReg, time: 1000}},
		},
		{
			name: "opaque directory",
			node: node{opaque: true, header: tar.Header{Typeflag: tar.TypeDir, Name: "a", ModTime: old}},
			want: []entry{
				{name: "a/", kind: tar.TypeDir, time: 1000},
				{name: "a/.wh..wh..opq", kind: tar.TypeReg, time: 1000},
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var b bytes.Buffer
			entries, err := writeTree(t.Context(), &b, []node{test.node}, latest)
			if err != nil {
				t.Fatal(err)
			}
			if got := readTar(t, &b); !slices.Equal(got, test.want) {
				t.Errorf("got  %v\nwant %v", got, test.want)
			}
			if entries != len(test.want) {
				t.Errorf("%d entries counted, want %d", entries, len(test.want))
			}
		})
	}
}

func TestWriteTreeMissingFile(t *testing.T) {
	n := node{source: filepath.Join(t.TempDir(), "none"), header: tar.Header{Typeflag: tar.TypeReg, Name: "none", Size: 1}}
	if _, err := writeTree(t.Context(), io.Discard, []node{n}, imageDate); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want a missing file", err)
	}
}

// readTar lists a tar.
func readTar(t *testing.T, r io.Reader) []entry {
	t.Helper()
	var entries []entry
	in := tar.NewReader(r)
	for {
		header, err := in.Next()
		if err == io.EOF {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry{header.Name, header.Linkname, string(content), header.Typeflag, header.ModTime.Unix()})
	}
}
