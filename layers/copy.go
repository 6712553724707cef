package layers

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/cachebench/cachebench/layers/distribution"
)

// Copy writes the images of an Inventory, each for the one platform that was
// resolved, to dir as an OCI image layout (OCI image specification v1.1,
// image-layout.md), from wherever they are: their manifests, configs and layers by
// digest, and an index that names each by called(reference), so that a registry on
// this host can serve them. What dir holds already, by its name and size, is not
// copied again; everything that is copied is verified. Docker's archives and
// engines keep no manifests, so their images are refused.
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
	index := v1.Index{MediaType: v1.MediaTypeImageIndex}
	index.SchemaVersion = 2
	for i := range inv.Images {
		img := &inv.Images[i]
		size, err := r.copyDocuments(ctx, img, blobs)
		if err != nil {
			return fmt.Errorf("copy image %s: %w", img.Reference, err)
		}
		index.Manifests = append(index.Manifests, v1.Descriptor{
			MediaType: img.MediaType, Digest: digest.Digest(img.Digest), Size: size,
			Annotations: map[string]string{v1.AnnotationRefName: called(img.Reference)},
		})
	}
	if err := r.copyLayers(ctx, inv, blobs); err != nil {
		return err
	}
	return writeIndex(dir, &index)
}

// copyDocuments copies an image's manifest and config. It returns the manifest's
// size in bytes.
func (r *resolver) copyDocuments(ctx context.Context, img *Image, blobs string) (int64, error) {
	place, docker, err := r.open(ctx, img.Reference)
	if err != nil {
		return 0, err
	}
	if docker != nil {
		return 0, errors.New("an image of Docker's has no manifest to copy: push it to a registry, or save it as an OCI archive")
	}
	manifest, err := place.exact(ctx, img.Digest, true)
	if err != nil {
		return 0, fmt.Errorf("manifest %s: %w", img.Digest, err)
	}
	config, err := place.exact(ctx, img.ConfigDigest, false)
	if err != nil {
		return 0, fmt.Errorf("config %s: %w", img.ConfigDigest, err)
	}
	for named, raw := range map[Digest][]byte{img.Digest: manifest, img.ConfigDigest: config} {
		if got := digestOf(raw); got != named {
			return 0, fmt.Errorf("content of %s has digest %s: it was changed or cut off on the way", named, got)
		}
		if err := os.WriteFile(blobFile(blobs, named), raw, 0o644); err != nil {
			return 0, err
		}
	}
	return int64(len(manifest)), nil
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
			if err := copyBlob(blobFile(blobs, l.Digest), &counted{blob, &r.progress}, l); err != nil {
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
func copyBlob(to string, blob io.Reader, l *Layer) (err error) {
	f, err := os.CreateTemp(filepath.Dir(to), ".copy-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), blob)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if got := hash(sum.Sum(nil)).digest(); got != l.Digest {
		return fmt.Errorf("its content of %d bytes has digest %s: it was changed or cut off on the way", n, got)
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(f.Name(), to)
}

func blobFile(blobs string, digest Digest) string {
	return filepath.Join(blobs, strings.TrimPrefix(string(digest), digestPrefix))
}

// writeIndex writes what makes a directory of blobs a layout.
func writeIndex(dir string, index *v1.Index) error {
	raw, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return err
	}
	version, err := json.Marshal(v1.ImageLayout{Version: v1.ImageLayoutVersion})
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{v1.ImageIndexFile: append(raw, '\n'), v1.ImageLayoutFile: append(version, '\n')} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return fmt.Errorf("write the OCI layout: %w", err)
		}
	}
	return nil
}
