package local

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
)

// metadata is what containerd's meta.db says that is used here.
type metadata struct {
	// images holds, for each namespace, the target of each name.
	images map[string]map[string]Descriptor
	// blobs are the digests that one namespace has content of.
	blobs map[string]bool
}

const (
	// maxMetadataBytes bounds meta.db, which has some 100 MB on a host with
	// thousands of images and snapshots.
	maxMetadataBytes = 2 << 30
	// maxRecords bounds the images, and the blobs, that are listed.
	maxRecords = 1 << 20
)

// readMetadata reads a copy of meta.db. The file itself cannot be opened as a
// database, since containerd holds its lock as long as it runs.
func readMetadata(ctx context.Context, path, namespace string) (*metadata, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, plainPathError(err)
	}
	defer f.Close()
	copied, err := os.CreateTemp("", "cachebench-meta-*.db")
	if err != nil {
		return nil, fmt.Errorf("copy meta.db: %w", err)
	}
	defer os.Remove(copied.Name())
	if err := snapshot(ctx, copied, f); err != nil {
		copied.Close()
		return nil, fmt.Errorf("copy meta.db: %w", err)
	}
	return parseMetadata(copied, namespace)
}

// snapshot copies a bbolt database while another process may write to it.
//
// A transaction writes only to pages that the one before it does not use, and
// then one of the two meta pages, which holds its number. So a copy is whole when
// the same meta page was the newest before and after: what was written meanwhile
// belongs to a transaction that is not in the copy.
func snapshot(ctx context.Context, to, from *os.File) error {
	const attempts = 20
	for range attempts {
		before, err := newestTransaction(from)
		if err == nil {
			err = copyFile(ctx, to, from)
		}
		if err != nil {
			return err
		}
		after, err := newestTransaction(from)
		if err != nil {
			return err
		}
		copied, err := newestTransaction(to)
		if err == nil && before == after && before == copied {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("containerd changed it during each of %d attempts: try again when fewer images are being pulled", attempts)
}

func copyFile(ctx context.Context, to, from *os.File) error {
	info, err := from.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case info.Size() > maxMetadataBytes:
		return fmt.Errorf("it has %d bytes, more than %d", info.Size(), maxMetadataBytes)
	}
	if err := to.Truncate(0); err != nil {
		return err
	}
	source := io.NewSectionReader(from, 0, info.Size())
	read := readFunc(func(p []byte) (int, error) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		return source.Read(p)
	})
	_, err = io.Copy(io.NewOffsetWriter(to, 0), read)
	return err
}

// The layout of bbolt's meta pages (go.etcd.io/bbolt internal/common, Page and
// Meta): after a header of 16 bytes come magic, version, page size, flags
// (uint32 each), root page and sequence, freelist, high-water mark, transaction
// and an FNV-1a checksum of all that (uint64 each), in the host's byte order.
const (
	boltPageHeaderBytes = 16
	boltMetaBytes       = 64
	boltMagic           = 0xed0cdaed
)

// newestTransaction reads the number of the newest transaction of a bbolt file.
func newestTransaction(f io.ReaderAt) (uint64, error) {
	newest, found := uint64(0), false
	// The second meta page's place depends on the page size, which is that of
	// the system that made the file.
	for _, at := range []int64{0, 4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10} {
		var meta [boltMetaBytes]byte
		if _, err := f.ReadAt(meta[:], at+boltPageHeaderBytes); err != nil {
			if errors.Is(err, io.EOF) {
				break
			}
			return 0, err
		}
		pageBytes := int64(binary.NativeEndian.Uint32(meta[8:]))
		if txid, ok := transaction(meta[:]); ok && (at == 0 || at == pageBytes) {
			newest, found = max(newest, txid), true
		}
	}
	if !found {
		return 0, errors.New("it is not a bbolt database, or damaged")
	}
	return newest, nil
}

func transaction(meta []byte) (txid uint64, ok bool) {
	sum := fnv.New64a()
	sum.Write(meta[:56])
	ok = binary.NativeEndian.Uint32(meta) == boltMagic && binary.NativeEndian.Uint64(meta[56:]) == sum.Sum64()
	return binary.NativeEndian.Uint64(meta[48:]), ok
}

// parseMetadata reads a copy of meta.db, which it closes. bbolt trusts its file
// and panics, or touches memory that is not there, where the file is damaged.
func parseMetadata(f *os.File, namespace string) (m *metadata, err error) {
	defer f.Close() // which bbolt does too, unless it panics
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			m, err = nil, fmt.Errorf("meta.db is damaged: %v", fault)
		}
	}()
	open := func(string, int, os.FileMode) (*os.File, error) { return f, nil }
	db, err := bbolt.Open(f.Name(), 0, &bbolt.Options{ReadOnly: true, OpenFile: open})
	if err != nil {
		return nil, fmt.Errorf("open the copy of meta.db: %w", err)
	}
	defer db.Close()
	m = &metadata{images: map[string]map[string]Descriptor{}, blobs: map[string]bool{}}
	err = db.View(func(tx *bbolt.Tx) error {
		root := tx.Bucket([]byte("v1"))
		if root == nil {
			return nil // containerd has just been installed
		}
		return root.ForEachBucket(func(name []byte) error {
			return m.add(string(name), root.Bucket(name), string(name) == namespace)
		})
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// add reads one namespace: v1/<namespace>/images/<name>/target holds the keys
// digest, mediatype and size, v1/<namespace>/content/blob a bucket for each
// digest.
func (m *metadata) add(namespace string, b *bbolt.Bucket, own bool) error {
	if images := b.Bucket([]byte("images")); images != nil {
		found := map[string]Descriptor{}
		m.images[namespace] = found
		err := images.ForEachBucket(func(name []byte) error {
			if target := images.Bucket(name).Bucket([]byte("target")); target != nil {
				found[string(name)] = targetOf(target)
			}
			return bounded(len(found))
		})
		if err != nil {
			return err
		}
	}
	content := b.Bucket([]byte("content"))
	if !own || content == nil || content.Bucket([]byte("blob")) == nil {
		return nil
	}
	return content.Bucket([]byte("blob")).ForEachBucket(func(digest []byte) error {
		m.blobs[string(digest)] = true
		return bounded(len(m.blobs))
	})
}

func bounded(records int) error {
	if records > maxRecords {
		return fmt.Errorf("meta.db lists more than %d images or blobs", maxRecords)
	}
	return nil
}

func targetOf(b *bbolt.Bucket) Descriptor {
	size, _ := binary.Varint(b.Get([]byte("size")))
	return Descriptor{string(b.Get([]byte("mediatype"))), string(b.Get([]byte("digest"))), size}
}
