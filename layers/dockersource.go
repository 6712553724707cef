package layers

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/cachebench/cachebench/layers/local"
)

// A dockerSource is an image of Docker's that has no manifest: a docker save
// archive's or an engine's.
type dockerSource interface {
	image(ctx context.Context) (*local.DockerImage, error)
}

type archivedImage struct {
	archive *local.DockerArchive
	name    string
}

func (a *archivedImage) image(ctx context.Context) (*local.DockerImage, error) {
	return a.archive.Image(ctx, a.name)
}

// blob opens a layer as the archive keeps it.
func (a *archivedImage) blob(ctx context.Context, l *Layer) (io.ReadCloser, error) {
	img, err := a.image(ctx)
	if err != nil {
		return nil, err
	}
	for _, stored := range img.Layers {
		if stored.DiffID == string(l.DiffID) {
			return a.archive.OpenLayer(ctx, stored)
		}
	}
	return nil, fmt.Errorf("the archive has no layer of diffID %s", l.DiffID)
}

type engineImage struct {
	docker *local.Docker
	name   string
}

func (e *engineImage) image(ctx context.Context) (*local.DockerImage, error) {
	return e.docker.Image(ctx, e.name)
}

// fromDocker takes an image without a manifest: it is one platform's, and known
// by its config.
func (w *worker) fromDocker(ctx context.Context, s dockerSource, into []result) error {
	img, err := s.image(ctx)
	if err != nil {
		return err
	}
	id, ok := parseHash([]byte(img.ID))
	if !ok {
		return fmt.Errorf("the image's ID %q is not sha256: and 64 hex digits", img.ID)
	}
	c, err := w.table.internStored(id, img)
	if err != nil {
		return err
	}
	for i, asked := range w.platforms {
		into[i] = result{content: c, manifest: id}
		if c.platform.OS != "" && !c.platform.serves(asked) {
			into[i].err = fmt.Errorf("the image is for %s, not for %s", c.platform, asked)
		}
	}
	return nil
}

// internStored enters the layers of an image without a manifest. A layer that
// is stored compressed is a blob like any other; one that is not has no blob,
// and is known by its diffID.
func (t *table) internStored(id hash, img *local.DockerImage) (*content, error) {
	c := &content{
		layers: make([]int, len(img.Layers)), created: img.Created.UTC(), config: id, mediaType: dockerConfig,
		platform: platform{img.OS, img.Architecture, img.Variant},
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, l := range img.Layers {
		e, err := storedEntry(id, l)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
		number, known := t.numbers[e.digest]
		if !known {
			number = t.add(e.digest)
		}
		old := t.entries[number]
		if known && old.stored == nil && e.stored == nil {
			old.sizes = old.sizes || old.size != e.size
			old.diffIDs = old.diffIDs || old.diffID != e.diffID
		}
		if !known || e.tells(old) {
			e.sizes, e.diffIDs = old.sizes, old.diffIDs
			if known && oddKind(old.mediaType, old.foreign) != "" {
				e.mediaType, e.foreign, e.kind = old.mediaType, old.foreign, old.kind
			}
			*old = e
		}
		c.layers[i] = number
	}
	return c, nil
}

// tells says whether the entry, of a source without manifests, holds rather than
// another of the same layer: a manifest's word goes first, then a size that is a
// tar's, then the smaller ID, so that the order of reading does not matter.
func (e *tableEntry) tells(other *tableEntry) bool {
	switch {
	case e.stored == nil || other.stored == nil:
		return e.stored == nil && (other.stored != nil || bytes.Compare(e.manifest[:], other.manifest[:]) < 0)
	case e.stored.engine != other.stored.engine:
		return !e.stored.engine
	}
	return bytes.Compare(e.manifest[:], other.manifest[:]) < 0
}

func storedEntry(id hash, l local.DockerLayer) (tableEntry, error) {
	diffID, ok := parseHash([]byte(l.DiffID))
	if !ok {
		return tableEntry{}, fmt.Errorf("diffID %q is not sha256: and 64 hex digits", l.DiffID)
	}
	e := tableEntry{digest: diffID, diffID: diffID, createdBy: l.CreatedBy, manifest: id, kind: id, mediaType: dockerTar}
	stored, ok := parseHash([]byte(l.StoredDigest))
	if ok && l.Compression != "" {
		e.digest, e.size, e.mediaType = stored, l.StoredBytes, v1.MediaTypeImageLayer+"+"+l.Compression
		return e, nil
	}
	e.stored = &storedLayer{unpackedBytes: l.UnpackedBytes}
	if l.UnpackedBytes < 0 && l.FileBytes >= 0 {
		e.stored.unpackedBytes, e.stored.engine = l.FileBytes, true
	}
	return e, nil
}

// sizeStored gives a layer without a compressed blob its sizes: the unpacked one
// as far as the source states it, the compressed one estimated from it. Where
// nothing is stated both are 0 and estimated, until the layer is read.
func (r *resolver) sizeStored(l *Layer, s *storedLayer) {
	if known, ok := r.opt.Known[l.DiffID]; ok && known.CompressedSource != Estimated {
		l.CompressedBytes, l.CompressedSource = known.CompressedBytes, Measured
	}
	if s.unpackedBytes < 0 {
		l.CompressedSource = cmp.Or(l.CompressedSource, Estimated)
		return
	}
	bytes := s.unpackedBytes
	l.UnpackedBytes, l.UnpackedSource = &bytes, Measured
	if s.engine {
		l.UnpackedSource, l.UnpackedMethod = Estimated, Engine
	}
	if l.CompressedSource == "" {
		l.CompressedBytes, l.CompressedSource = int64(float64(bytes)/GzipRatio+0.5), Estimated
	}
}
