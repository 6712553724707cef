package layers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/cachebench/cachebench/layers/distribution"
)

// Copy writes the images of an Inventory, each for the platform that was resolved,
// to dir as an OCI image layout (OCI image specification v1.1, image-layout.md), from
// wherever they are: their manifests, configs and layers by digest, and the index
// that each was chosen from, whose other platforms' images are not copied. So a
// registry on this host can serve them, and is asked as the one that they came from.
//
// The layout's own index names each image by called(reference). Of what it named
// before, images of the same names are replaced and all others stay. Layers that dir
// holds already, by their name and size, are not copied again; everything that is
// copied is verified. Docker's archives and engines keep no manifests, so their
// images are refused.
//
// Two processes may copy to one directory: one waits for the other. What a process
// that was killed left half copied, the next removes; on systems and file systems
// without locks it stays.
func (inv *Inventory) Copy(ctx context.Context, dir string, called func(reference string) string, opt Options) error {
	r, err := newResolver(opt)
	if err != nil {
		return err
	}
	err = r.copyAll(ctx, inv, dir, called)
	return errors.Join(err, r.close())
}

func (r *resolver) copyAll(ctx context.Context, inv *Inventory, dir string, called func(string) string) error {
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return fmt.Errorf("make an OCI layout: %w", err)
	}
	unlock, err := lockCopies(ctx, dir)
	if err != nil {
		return fmt.Errorf("wait for another process that copies to %s: %w", dir, err)
	}
	defer unlock()
	var entries []v1.Descriptor
	for i := range inv.Images {
		img := &inv.Images[i]
		entry, err := r.copyDocuments(ctx, img, blobs)
		if err != nil {
			return fmt.Errorf("copy image %s: %w", img.Reference, err)
		}
		entry.Annotations = map[string]string{v1.AnnotationRefName: called(img.Reference)}
		if entries, err = withEntry(entries, entry); err != nil {
			return fmt.Errorf("copy image %s: %w", img.Reference, err)
		}
	}
	if err := r.copyLayers(ctx, inv, blobs); err != nil {
		return err
	}
	return writeIndex(dir, entries)
}

// copyingPrefix begins the names of files that are being written.
const copyingPrefix = ".copy-"

// lockCopies waits until no other process copies to dir, and removes what those have
// left that were killed. Where there are no locks it does neither.
func lockCopies(ctx context.Context, dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, ".copying"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		busy, err := tryLock(f)
		if err != nil {
			return func() { f.Close() }, nil
		}
		if !busy {
			break
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	for _, in := range []string{dir, filepath.Join(dir, "blobs", "sha256")} {
		left, _ := filepath.Glob(filepath.Join(in, copyingPrefix+"*"))
		for _, file := range left {
			if err := os.Remove(file); err != nil {
				f.Close()
				return nil, fmt.Errorf("remove what a killed process left: %w", err)
			}
		}
	}
	return func() { f.Close() }, nil
}

// withEntry adds an entry of an index, once where two platforms of an image have one
// index.
func withEntry(entries []v1.Descriptor, e v1.Descriptor) ([]v1.Descriptor, error) {
	i := slices.IndexFunc(entries, func(d v1.Descriptor) bool { return nameOf(&d) == nameOf(&e) })
	switch {
	case i < 0:
		return append(entries, e), nil
	case entries[i].Digest != e.Digest:
		return nil, fmt.Errorf("%s and %s would both be called %s: give them two names, or name one platform", entries[i].Digest, e.Digest, nameOf(&e))
	}
	return entries, nil
}

func nameOf(d *v1.Descriptor) string { return d.Annotations[v1.AnnotationRefName] }

// documents writes an image's documents to the directory of blobs.
type documents struct {
	place place
	blobs string
	img   *Image
}

// copyDocuments copies an image's manifest, its config and the index above. It
// returns the descriptor of the topmost.
func (r *resolver) copyDocuments(ctx context.Context, img *Image, blobs string) (v1.Descriptor, error) {
	place, docker, err := r.open(ctx, img.Reference)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if docker != nil {
		return v1.Descriptor{}, errors.New("an image of Docker's has no manifest to copy: push it to a registry, or save it as an OCI archive")
	}
	c := &documents{place, blobs, img}
	manifest, err := c.copy(ctx, img.Digest, true)
	if err != nil {
		return v1.Descriptor{}, err
	}
	if _, err := c.copy(ctx, img.ConfigDigest, false); err != nil {
		return v1.Descriptor{}, err
	}
	top := v1.Descriptor{MediaType: img.MediaType, Digest: digest.Digest(img.Digest), Size: int64(len(manifest))}
	if img.IndexDigest == "" {
		return top, nil
	}
	index, err := c.index(ctx, img.IndexDigest, 0)
	if err != nil {
		return v1.Descriptor{}, err
	}
	return v1.Descriptor{MediaType: index.mediaType, Digest: digest.Digest(img.IndexDigest), Size: index.size}, nil
}

// copy copies one document.
func (c *documents) copy(ctx context.Context, named Digest, manifest bool) ([]byte, error) {
	what := "config"
	if manifest {
		what = "manifest"
	}
	raw, err := c.place.exact(ctx, named, manifest)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", what, named, err)
	}
	if got := digestOf(raw); got != named {
		return nil, fmt.Errorf("content of %s has digest %s: it was changed or cut off on the way", named, got)
	}
	file := blobFile(c.blobs, named)
	if old, err := os.ReadFile(file); err == nil && digestOf(old) == named {
		return raw, nil
	}
	return raw, writeWhole(file, raw)
}

// index copies an index with what is looked at in it before the image is found: the
// indexes in it and images that state no platform.
func (c *documents) index(ctx context.Context, named Digest, depth int) (d descriptor, err error) {
	if depth == 3 {
		return d, errors.New("the index is nested more than 3 levels deep")
	}
	raw, err := c.copy(ctx, named, true)
	if err != nil {
		return d, err
	}
	var doc manifestDocument
	if err := doc.parse(raw, ""); err != nil {
		return d, fmt.Errorf("index %s: %w", named, err)
	}
	d = descriptor{mediaType: doc.mediaType, size: int64(len(raw))}
	before := doc.manifests
	if i := slices.IndexFunc(before, func(m descriptor) bool { return m.hash.digest() == c.img.Digest }); i >= 0 {
		if before[i].platform.OS != "" {
			return d, nil
		}
		before = before[:i]
	}
	for i := range before {
		child := &before[i]
		switch {
		case !child.isImage():
		case child.mediaType == v1.MediaTypeImageIndex || child.mediaType == dockerIndex:
			_, err = c.index(ctx, child.hash.digest(), depth+1)
		case child.platform.OS == "":
			err = c.other(ctx, child.hash.digest())
		}
		if err != nil {
			return d, err
		}
	}
	return d, nil
}

// other copies the manifest and the config of an image that states no platform.
func (c *documents) other(ctx context.Context, at Digest) error {
	raw, err := c.copy(ctx, at, true)
	if err != nil {
		return err
	}
	var doc manifestDocument
	if err := doc.parse(raw, ""); err != nil || doc.isIndex() {
		return nil // of no use to anyone
	}
	_, err = c.copy(ctx, doc.config.hash.digest(), false)
	return err
}

// exact returns a document by its digest alone.
func (p *registryPlace) exact(ctx context.Context, digest Digest, manifest bool) ([]byte, error) {
	if p.store != nil {
		if raw, ok := p.store.Document(string(digest), nil); ok {
			return raw, nil
		}
	}
	if p.offline {
		return nil, fmt.Errorf("not kept here: %w", errOffline)
	}
	if !manifest {
		return p.client.Document(ctx, p.repo, string(digest), -1, nil)
	}
	got, err := p.client.Manifest(ctx, p.repo, string(digest), nil)
	return got.Body, err
}

func (p *storePlace) exact(ctx context.Context, digest Digest, manifest bool) ([]byte, error) {
	limit := int64(distribution.MaxConfigBytes)
	if manifest {
		limit = distribution.MaxManifestBytes
	}
	return p.store.Document(ctx, string(digest), limit)
}

// copyLayers copies the layers that blobs does not hold yet, several at once.
func (r *resolver) copyLayers(ctx context.Context, inv *Inventory, blobs string) error {
	places := r.placesOf(inv)
	var todo []int
	total := int64(0)
	for i := range inv.Layers {
		l := &inv.Layers[i]
		if info, err := os.Stat(blobFile(blobs, l.Digest)); err == nil && info.Size() == l.CompressedBytes {
			continue
		}
		todo, total = append(todo, i), total+l.CompressedBytes
	}
	r.progress.begin("layers", total)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(copyJobs)
	for _, i := range todo {
		group.Go(func() error {
			l := &inv.Layers[i]
			blob, err := places.open(ctx, i)
			if err != nil {
				return fmt.Errorf("copy layer %s: %w", l.Digest, err)
			}
			defer blob.Close()
			if err := copyBlob(ctx, blobFile(blobs, l.Digest), &counted{blob, &r.progress}, l); err != nil {
				return fmt.Errorf("copy layer %s: %w", l.Digest, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// copyJobs is how many layers are copied at once, as many as a runtime fetches.
const copyJobs = 3

// copyBlob writes a layer's blob under its name once it is whole and verified.
func copyBlob(ctx context.Context, to string, blob io.Reader, l *Layer) error {
	return writeFile(to, func(f io.Writer) error {
		sum := sha256.New()
		n, err := io.Copy(io.MultiWriter(f, sum), &untilDone{ctx, blob})
		if err != nil {
			return err
		}
		if got := hash(sum.Sum(nil)).digest(); got != l.Digest {
			return fmt.Errorf("its content of %d bytes has digest %s: it was changed or cut off on the way", n, got)
		}
		return nil
	})
}

func blobFile(blobs string, digest Digest) string {
	return filepath.Join(blobs, strings.TrimPrefix(string(digest), digestPrefix))
}

func writeWhole(to string, data []byte) error {
	return writeFile(to, func(f io.Writer) error { _, err := f.Write(data); return err })
}

// writeFile replaces a file in one step once its content is written.
func writeFile(to string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(to), copyingPrefix+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if err := cmp.Or(write(f), f.Chmod(0o644), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), to)
}

// writeIndex names entries in the index of a directory of blobs, in place of those
// of the same names.
func writeIndex(dir string, entries []v1.Descriptor) error {
	file := filepath.Join(dir, v1.ImageIndexFile)
	index := v1.Index{MediaType: v1.MediaTypeImageIndex}
	index.SchemaVersion = 2
	old, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(old, &index)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the OCI layout's %s, to which images are added: %w; copy to another directory, or remove it", file, err)
	}
	index.Manifests = slices.DeleteFunc(index.Manifests, func(d v1.Descriptor) bool {
		return slices.ContainsFunc(entries, func(e v1.Descriptor) bool { return nameOf(&d) == nameOf(&e) })
	})
	index.Manifests = append(index.Manifests, entries...)
	raw, err := json.MarshalIndent(&index, "", "  ")
	if err != nil {
		return err
	}
	version, err := json.Marshal(v1.ImageLayout{Version: v1.ImageLayoutVersion})
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{v1.ImageIndexFile: append(raw, '\n'), v1.ImageLayoutFile: append(version, '\n')} {
		if err := writeWhole(filepath.Join(dir, name), data); err != nil {
			return fmt.Errorf("write the OCI layout: %w", err)
		}
	}
	return nil
}
