package main

import (
	"archive/tar"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

func TestScanTree(t *testing.T) {
	dir := t.TempDir()
	inside := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"a", "a-b", "dev", "etc"} {
		must(os.Mkdir(inside(name), 0o750))
	}
	must(os.WriteFile(inside("a/file"), []byte("text"), 0o640))
	must(os.Link(inside("a/file"), inside("a/same")))
	must(os.Symlink("../a/file", inside("etc/link")))
	must(os.WriteFile(inside("dev/console"), nil, 0o600))
	must(syscall.Mkfifo(inside("fifo"), 0o600))

	nodes, err := scanTree(dir)
	must(err)
	type line struct {
		name, link string
		kind       byte
		size       int64
	}
	var got []line
	for _, n := range nodes {
		got = append(got, line{n.header.Name, n.header.Linkname, n.header.Typeflag, n.header.Size})
	}
	want := []line{
		{"a", "", tar.TypeDir, 0},
		{"a/file", "", tar.TypeReg, 4},
		{"a/same", "a/file", tar.TypeLink, 0},
		{"a-b", "", tar.TypeDir, 0},
		{"dev", "", tar.TypeDir, 0},
		{"etc", "", tar.TypeDir, 0},
		{"etc/link", "../a/file", tar.TypeSymlink, 0},
		{"fifo", "", tar.TypeFifo, 0},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if mode := nodes[1].header.Mode; mode != 0o640 {
		t.Errorf("a/file has the mode %o, want 640", mode)
	}
}

func TestScanTreeWhiteout(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mknod(filepath.Join(dir, "gone"), syscall.S_IFCHR, 0); err != nil {
		t.Skip("this kernel lets nobody but root make a whiteout:", err)
	}
	nodes, err := scanTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(nodes) != 1 || !nodes[0].whiteout || nodes[0].header.Name != "gone" {
		t.Errorf("got %+v, want one whiteout", nodes)
	}
}

func TestScanTreeOpaque(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setxattr(filepath.Join(dir, "a"), "user.overlay.opaque", []byte("y"), 0); err != nil {
		t.Skip("no extended attributes here:", err)
	}
	nodes, err := scanTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(nodes) != 1 || !nodes[0].opaque {
		t.Errorf("got %+v, want one opaque directory", nodes)
	}
}

func TestPackTree(t *testing.T) {
	tree := t.TempDir()
	if err := writeFiles(tree, []file{{path: "app/VERSION", mode: 0o644, data: []byte("1\n")}}); err != nil {
		t.Fatal(err)
	}
	blobs := t.TempDir()
	plain, err := packTree(t.Context(), tree, blobs, gzipped, imageDate)
	if err != nil {
		t.Fatal(err)
	}
	other, err := packTree(t.Context(), tree, blobs, zstandard, imageDate)
	if err != nil {
		t.Fatal(err)
	}
	if plain.diffID != other.diffID || plain.digest == other.digest {
		t.Errorf("the same tree gave %v and %v, want one diffID and two digests", plain, other)
	}
	if plain.entries != 2 || plain.unpackedBytes != 2560 {
		t.Errorf("%d entries and %d bytes, want 2 and 2560", plain.entries, plain.unpackedBytes)
	}
	for _, b := range []blob{plain, other} {
		info, err := os.Stat(filepath.Join(blobs, b.digest.Hex))
		if err != nil || info.Size() != b.compressedBytes {
			t.Errorf("blob %v: %v, want a file of its size", b, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(blobs, "layer-*")); len(left) > 0 {
		t.Errorf("temporary files left: %v", left)
	}
}

func TestDeviceNumbers(t *testing.T) {
	if major, minor := deviceNumbers(0x103); major != 1 || minor != 3 {
		t.Errorf("got %d/%d, want 1/3 as for /dev/null", major, minor)
	}
}
