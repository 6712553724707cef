package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// Archive is an OCI layout in a tar (oci-archive:FILE), as skopeo, podman save
// --format oci-archive, buildx --output type=oci and containerd's ctr images
// export write it, plain or compressed with gzip or zstd.
//
// It is not extracted. A plain tar is read at random. A compressed one is read
// from its beginning: the documents are kept from the first pass, and blobs that
// are read one after the other in the order of Position cost one more pass.
type Archive struct {
	file     string
	contents *contents
	index    *index
}

// OpenArchive lists the contents of the OCI archive in file.
func OpenArchive(ctx context.Context, file string) (*Archive, error) {
	c, err := openTar(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("open OCI archive %s: %w", file, err)
	}
	a, err := newArchive(ctx, file, c)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open OCI archive %s: %w", file, err), c.source.close())
	}
	return a, nil
}

func newArchive(ctx context.Context, file string, c *contents) (*Archive, error) {
	raw, err := c.document(ctx, "index.json", maxIndexBytes)
	switch {
	case IsAbsent(err) && c.has("manifest.json"):
		return nil, fmt.Errorf("it is an archive of docker save: name it docker-archive:%s", file)
	case IsAbsent(err):
		return nil, fmt.Errorf("it has no index.json, so it is not an OCI archive")
	case err != nil:
		return nil, err
	}
	version, err := c.document(ctx, "oci-layout", maxIndexBytes)
	if err == nil {
		err = checkLayoutVersion(version)
	}
	if err != nil && !IsAbsent(err) {
		return nil, err
	}
	index, err := parseIndex(raw)
	if err != nil {
		return nil, err
	}
	return &Archive{file, c, index}, nil
}

func (c *contents) has(name string) bool {
	_, _, err := c.find(name)
	return err == nil
}

// Lookup implements Store; a name is that of an entry of index.json.
func (a *Archive) Lookup(_ context.Context, name string) (Descriptor, error) {
	d, err := a.index.lookup(name)
	if err != nil {
		return Descriptor{}, fmt.Errorf("OCI archive %s: %w", a.file, err)
	}
	return d, nil
}

// Document implements Store.
func (a *Archive) Document(ctx context.Context, digest string, limitBytes int64) ([]byte, error) {
	if digest == digestOf(a.index.raw) {
		return bytes.Clone(a.index.raw), nil
	}
	path, _, err := a.blob(digest)
	if err != nil {
		return nil, err
	}
	raw, err := a.contents.document(ctx, path, limitBytes)
	if err != nil {
		return nil, fmt.Errorf("OCI archive %s: %w", a.file, err)
	}
	return bytes.Clone(raw), nil
}

// Blob implements Store.
func (a *Archive) Blob(ctx context.Context, digest string) (io.ReadCloser, error) {
	_, e, err := a.blob(digest)
	if err != nil {
		return nil, err
	}
	r, err := a.contents.open(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("OCI archive %s: read %s: %w", a.file, digest, err)
	}
	return r, nil
}

// Size returns the length of a digest's content, in bytes. Where there is none the
// error is fs.ErrNotExist.
func (a *Archive) Size(_ context.Context, digest string) (int64, error) {
	_, e, err := a.blob(digest)
	return e.size, err
}

func (a *Archive) blob(digest string) (path string, e entry, err error) {
	path, err = blobPath(digest)
	if err == nil {
		path, e, err = a.contents.find(path)
	}
	switch {
	case IsAbsent(err):
		return "", entry{}, absent("OCI archive %s has no content of %s", a.file, digest)
	case err != nil:
		return "", entry{}, fmt.Errorf("OCI archive %s: %w", a.file, err)
	}
	return path, e, nil
}

// Position returns where the content of a digest lies in the uncompressed
// archive, in bytes, and whether it is there. Who reads many blobs of a
// compressed archive reads them in ascending order, each to its end.
func (a *Archive) Position(digest string) (offsetBytes int64, ok bool) {
	_, e, err := a.blob(digest)
	return e.offset, err == nil
}

// Close implements Store.
func (a *Archive) Close() error { return a.contents.source.close() }
