package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cachebench/cachebench/layers"
)

// content is a directory of blobs named by their digests, written as containerd's
// local store writes them (plugins/content/local/writer.go): to an ingest file,
// synced, renamed, and the directory synced.
type content struct {
	blobs, ingest string
}

func newContent(dir string) (content, error) {
	c := content{filepath.Join(dir, "content", "blobs", "sha256"), filepath.Join(dir, "content", "ingest")}
	return c, errors.Join(os.MkdirAll(c.blobs, 0o755), os.MkdirAll(c.ingest, 0o755))
}

func (c content) path(d layers.Digest) string {
	return filepath.Join(c.blobs, strings.TrimPrefix(string(d), "sha256:"))
}

func (c content) has(d layers.Digest) bool {
	_, err := os.Lstat(c.path(d))
	return err == nil
}

// list returns the digests of the blobs, and how many files are there that are not
// blobs.
func (c content) list() (blobs []layers.Digest, others int, err error) {
	names, err := os.ReadDir(c.blobs)
	if err != nil {
		return nil, 0, err
	}
	for _, n := range names {
		d := layers.Digest("sha256:" + n.Name())
		if d.Validate() != nil {
			others++
			continue
		}
		blobs = append(blobs, d)
	}
	ingests, err := os.ReadDir(c.ingest)
	return blobs, others + len(ingests), err
}

// keep removes all blobs but those of want, and what else is there.
func (c content) keep(want func(layers.Digest) bool) error {
	names, err := os.ReadDir(c.blobs)
	if err != nil {
		return err
	}
	var faults []error
	for _, n := range names {
		if !want(layers.Digest("sha256:" + n.Name())) {
			faults = append(faults, removeTree(filepath.Join(c.blobs, n.Name())))
		}
	}
	faults = append(faults, removeTree(c.ingest), os.MkdirAll(c.ingest, 0o755))
	return errors.Join(faults...)
}

// copyBytes is how much is read and written at once, containerd's content.Copy.
const copyBytes = 1 << 20

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, copyBytes); return &b }}

// ingest is a blob being written.
type ingest struct {
	content content
	file    *os.File
}

func (c content) begin(d layers.Digest) (*ingest, error) {
	f, err := os.CreateTemp(c.ingest, strings.TrimPrefix(string(d), "sha256:")[:12]+"-*")
	if err != nil {
		return nil, err
	}
	return &ingest{c, f}, nil
}

// abort removes what was not committed.
func (i *ingest) abort() {
	if i.file != nil {
		i.file.Close()
		os.Remove(i.file.Name())
		i.file = nil
	}
}

// copy writes all of r and commits it as the blob of the given digest and size.
func (i *ingest) copy(ctx context.Context, r io.Reader, d layers.Digest, size int64) error {
	sum := sha256.New()
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	n, err := io.CopyBuffer(io.MultiWriter(i.file, sum), io.LimitReader(untilDone{ctx, r}, size+1), *buf)
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("it has %s, its descriptor says %d: the registry's blob is cut off or another one; push the image again", sizeText(n, size), size)
	}
	if got := layers.Digest("sha256:" + hex.EncodeToString(sum.Sum(nil))); got != d {
		return fmt.Errorf("its content has digest %s: it was changed on the way or in the registry; pull again, and if it stays so, push the image again", got)
	}
	return i.commit(d)
}

func sizeText(n, size int64) string {
	if n > size {
		return "more bytes"
	}
	return fmt.Sprintf("%d bytes", n)
}

func (i *ingest) commit(d layers.Digest) error {
	f := i.file
	i.file = nil
	err := f.Sync()
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Chmod(f.Name(), 0o444)
	}
	if err == nil {
		err = os.Rename(f.Name(), i.content.path(d))
	}
	if err != nil {
		os.Remove(f.Name())
		return err
	}
	return syncDir(i.content.blobs)
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// untilDone ends with a context.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

func (u untilDone) Read(b []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(b)
}
