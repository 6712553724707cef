// Package local reads images that are on this machine: in OCI layout
// directories, in archives, in a Docker engine and in containerd's store.
//
// There are two kinds of source. A Store holds documents and blobs by digest, as
// a registry does: OpenLayout (oci:), OpenArchive (oci-archive:) and
// OpenContainerd (containerd:). The others have no manifest, only a config and
// its layers, which may be stored otherwise than a registry would: a
// DockerArchive (docker-archive:) and a Docker engine (docker-daemon:) give a
// DockerImage.
//
// It does not choose a platform, parse manifests or verify digests: the caller
// does. It writes nothing, extracts nothing to disk, and asks a Docker engine
// only to describe or to save an image. What it reads is hostile until verified:
// the size of documents, the number and the names of an archive's entries are
// bounded, and a path in an archive never leads out of the archive.
//
// The rules are those of the OCI Image Layout Specification (image-layout.md),
// Docker's Image Specification v1.2 and what docker save really writes (see
// DockerArchive), the Docker Engine API, containerd's metadata schema (see
// Containerd), and, for names, containers-transports(5).
//
// To read an image: open its source, Lookup or Image, then Document and Blob, or
// OpenLayer.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// Descriptor points at a document or a blob.
type Descriptor struct {
	// MediaType is as the source states it, empty where it does not.
	MediaType string
	// Digest is algorithm:hex.
	Digest string
	// Size is the length in bytes.
	Size int64
}

// A Store holds documents and blobs by digest. Its methods may be called at
// once from several goroutines.
type Store interface {
	// Lookup returns what a name stands for. The empty name means the only
	// image; "@2" the third one; algorithm:hex the image of that digest. The
	// error for a name that is not there gives some that are.
	Lookup(ctx context.Context, name string) (Descriptor, error)
	// Document returns the content of a digest, which the caller verifies; more
	// than limitBytes is an error. Where there is no such content, the error
	// is fs.ErrNotExist.
	Document(ctx context.Context, digest string, limitBytes int64) ([]byte, error)
	// Blob returns the content of a digest, which the caller verifies and
	// closes. Where there is no such content, the error is fs.ErrNotExist.
	Blob(ctx context.Context, digest string) (io.ReadCloser, error)
	Close() error
}

var (
	_ Store = (*Layout)(nil)
	_ Store = (*Archive)(nil)
	_ Store = (*Containerd)(nil)
)

// maxIndexBytes bounds the documents that list a source's images: 16 MiB of
// index.json describe some 50,000 images.
const maxIndexBytes = 16 << 20

// blobPath returns where a layout keeps a digest's content (image-layout.md,
// "Blobs"). Only whole digests of the two registered algorithms pass, so that a
// document cannot name a file elsewhere.
func blobPath(digest string) (string, error) {
	algorithm, hex, _ := strings.Cut(digest, ":")
	digits := map[string]int{"sha256": 64, "sha512": 128}[algorithm]
	if digits == 0 || len(hex) != digits || strings.Trim(hex, "0123456789abcdef") != "" {
		return "", fmt.Errorf("digest %s is neither sha256: with 64 hex digits nor sha512: with 128", quoted(digest))
	}
	return "blobs/" + algorithm + "/" + hex, nil
}

// readDocument reads r to its end and refuses more than limitBytes.
func readDocument(r io.Reader, limitBytes int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limitBytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > limitBytes {
		return nil, fmt.Errorf("it has more than %d bytes", limitBytes)
	}
	return raw, nil
}

// absentError says that a source lacks something.
type absentError struct{ what string }

func (e *absentError) Error() string        { return e.what }
func (e *absentError) Is(target error) bool { return target == fs.ErrNotExist }

func absent(format string, args ...any) error {
	return &absentError{fmt.Sprintf(format, args...)}
}

// IsAbsent says whether an error means that a source lacks what was asked for,
// as a store does whose blobs were dropped or an archive without its layers.
func IsAbsent(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// some lists at most five names.
func some(names []string) string {
	const most = 5
	list := make([]string, 0, most)
	for _, name := range names[:min(most, len(names))] {
		list = append(list, quoted(name))
	}
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(list, ", "), more)
	}
	return strings.Join(list, ", ")
}

// quoted shows a name from outside: short, and with nothing that a terminal
// would obey.
func quoted(name string) string {
	const most = 200
	if len(name) > most {
		return fmt.Sprintf("%+q…", name[:most])
	}
	plain := fmt.Sprintf("%+q", name)
	if plain == `"`+name+`"` && name != "" && !strings.ContainsAny(name, " ,;") {
		return name
	}
	return plain
}
