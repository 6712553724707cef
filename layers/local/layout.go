package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Layout is an OCI layout directory (oci:DIR), as skopeo, crane, buildx and
// Bazel's rules_oci write it. The file oci-layout may be missing.
//
// A blob may be a symbolic link that leads out of the directory, as rules_oci
// makes them: whoever put it there could as well have copied the content, and
// the caller verifies the digest. index.json and oci-layout, which nothing
// verifies, must lie in the directory.
type Layout struct {
	dir   string
	index *index
}

// OpenLayout reads the index of the OCI layout directory dir.
func OpenLayout(dir string) (*Layout, error) {
	l, err := openLayout(dir)
	if err != nil {
		return nil, fmt.Errorf("open OCI layout %s: %w", dir, err)
	}
	return l, nil
}

func openLayout(dir string) (*Layout, error) {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return nil, plainPathError(err)
	case !info.IsDir():
		return nil, fmt.Errorf("it is a file, not a directory: name an archive as oci-archive:%s or docker-archive:%s", dir, dir)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, plainPathError(err)
	}
	defer root.Close()
	raw, err := rootDocument(root, "index.json")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("it has no index.json, so it is not an OCI layout")
	case err != nil:
		return nil, fmt.Errorf("read index.json: %w", err)
	}
	version, err := rootDocument(root, "oci-layout")
	if err == nil {
		err = checkLayoutVersion(version)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	index, err := parseIndex(raw)
	if err != nil {
		return nil, err
	}
	return &Layout{dir, index}, nil
}

func rootDocument(root *os.Root, name string) ([]byte, error) {
	// A named pipe must not hold up the opening.
	info, err := root.Stat(name)
	if err != nil {
		return nil, plainPathError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, plainPathError(err)
	}
	defer f.Close()
	return readDocument(f, maxIndexBytes)
}

// plainPathError drops the path, which the caller names.
func plainPathError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// Lookup implements Store; a name is that of an entry of index.json.
func (l *Layout) Lookup(_ context.Context, name string) (Descriptor, error) {
	d, err := l.index.lookup(name)
	if err != nil {
		return Descriptor{}, fmt.Errorf("OCI layout %s: %w", l.dir, err)
	}
	return d, nil
}

// Document implements Store.
func (l *Layout) Document(ctx context.Context, digest string, limitBytes int64) ([]byte, error) {
	if digest == digestOf(l.index.raw) {
		return bytes.Clone(l.index.raw), nil
	}
	r, err := l.Blob(ctx, digest)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw, err := readDocument(r, limitBytes)
	if err != nil {
		return nil, fmt.Errorf("OCI layout %s: read %s: %w", l.dir, digest, err)
	}
	return raw, nil
}

// Blob implements Store.
func (l *Layout) Blob(_ context.Context, digest string) (io.ReadCloser, error) {
	path, err := blobPath(digest)
	if err != nil {
		return nil, fmt.Errorf("OCI layout %s: %w", l.dir, err)
	}
	f, err := openRegular(filepath.Join(l.dir, filepath.FromSlash(path)))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, absent("OCI layout %s has no content of %s", l.dir, digest)
	case err != nil:
		return nil, fmt.Errorf("OCI layout %s: open %s: %w", l.dir, digest, err)
	}
	return f, nil
}

// Size returns the length of a digest's content, in bytes. Where there is none the
// error is fs.ErrNotExist.
func (l *Layout) Size(ctx context.Context, digest string) (int64, error) {
	r, err := l.Blob(ctx, digest)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	info, err := r.(*os.File).Stat()
	if err != nil {
		return 0, fmt.Errorf("OCI layout %s: %s: %w", l.dir, digest, plainPathError(err))
	}
	return info.Size(), nil
}

// openRegular opens a file that is not a pipe or a device, which could hold the
// reader up for ever.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, plainPathError(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, plainPathError(err)
	}
	return f, nil
}

// Close implements Store.
func (l *Layout) Close() error { return nil }
