package layers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cachebench/cachebench/layers/local"
)

// sizes is a local source that tells what it holds without reading it. That of
// containerd is none: it may discard the blobs of what it has unpacked.
type sizes interface {
	// Size is the length of a digest's content, in bytes; where there is none the
	// error is fs.ErrNotExist.
	Size(ctx context.Context, digest string) (int64, error)
}

// presence is one run over the blobs that layouts and archives should hold. A
// manifest, a store of earlier runs and another image with the same layer all tell
// what a layer is, and none of them that this source still has it.
type presence struct {
	*resolver
	inv *Inventory
	// readAt are by layer where its content was read and verified in this run;
	// empty where it was not.
	readAt []string
	mu     sync.Mutex
	failed map[int]error
}

// present lists the layers that layouts and archives on this machine should hold
// and do not, by their sizes, and with Deep by their content too where nothing
// else read it. Registries are not asked: they take a manifest only when its
// blobs are there (OCI distribution specification, error MANIFEST_BLOB_UNKNOWN). A
// layout that is served as one took nothing, so that it is looked through.
func (r *resolver) present(ctx context.Context, inv *Inventory, readAt []string) {
	p := &presence{resolver: r, inv: inv, readAt: readAt, failed: make(map[int]error)}
	type held struct {
		source string
		layer  int
	}
	seen := make(map[held]bool)
	var group errgroup.Group
	group.SetLimit(scanJobs())
	for i := range inv.Images {
		source := sourceOf(inv.Images[i].Reference)
		if isRemote(inv.Images[i].Reference) && r.layoutOf(inv.Images[i].Reference) == "" {
			continue
		}
		for _, l := range inv.Images[i].Layers {
			if h := (held{source, l}); !seen[h] {
				seen[h] = true
				group.Go(func() error {
					p.look(ctx, source, inv.Images[i].Reference, l)
					return nil
				})
			}
		}
	}
	group.Wait()
	if ctx.Err() != nil {
		return
	}
	for l := range inv.Layers {
		digest := inv.Layers[l].Digest
		if p.failed[l] != nil && !slices.ContainsFunc(inv.Unscanned, func(u Unscanned) bool { return u.Digest == digest }) {
			inv.Unscanned = append(inv.Unscanned, Unscanned{digest, reason(p.failed[l])})
		}
	}
}

func (p *presence) look(ctx context.Context, source, reference string, layer int) {
	l := &p.inv.Layers[layer]
	// A foreign layer's blob is to be fetched elsewhere.
	if d := (descriptor{mediaType: l.MediaType}); d.isForeign() || l.CompressedSource != "" {
		return
	}
	store, err := p.storeOf(ctx, reference)
	if holder, ok := store.(sizes); ok && err == nil {
		err = l.sizedAs(holder.Size(ctx, string(l.Digest)))
		if err == nil && p.opt.Deep && p.readAt[layer] != source {
			err = l.hashed(store.Blob(ctx, string(l.Digest)))
		}
	}
	if err != nil {
		p.mu.Lock()
		p.failed[layer] = err
		p.mu.Unlock()
	}
}

// storeOf is what should hold the blobs of an image; nil where nothing can be asked.
func (p *presence) storeOf(ctx context.Context, reference string) (local.Store, error) {
	if dir := p.layoutOf(reference); dir != "" {
		s := p.locals.source(ctx, "oci", dir)
		return s.store, s.err
	}
	place, _, err := p.open(ctx, reference)
	if err != nil {
		return nil, nil // then the image is among the unresolved
	}
	if store, ok := place.(*storePlace); ok {
		return store.store, nil
	}
	return nil, nil
}

// layoutOf is the directory of the layout that is served as the registry of a reference;
// empty where there is none.
func (r *resolver) layoutOf(reference string) string {
	transport, rest := splitTransport(reference)
	if transport != "docker" {
		return ""
	}
	p, err := r.registry(reference, rest)
	if err != nil {
		return ""
	}
	return r.opt.Layouts[p.name.Registry]
}

// sizedAs refuses a blob of another size than the manifest states.
func (l *Layer) sizedAs(bytes int64, err error) error {
	if err == nil && bytes != l.CompressedBytes {
		return fmt.Errorf("its blob has %d bytes, the manifest states %d", bytes, l.CompressedBytes)
	}
	return err
}

// hashed refuses a blob of another content, and closes it.
func (l *Layer) hashed(blob io.ReadCloser, err error) error {
	if err != nil {
		return err
	}
	defer blob.Close()
	h := sha256.New()
	if _, err := io.Copy(h, blob); err != nil {
		return err
	}
	if digest := "sha256:" + hex.EncodeToString(h.Sum(nil)); digest != string(l.Digest) {
		return fmt.Errorf("its content has digest %s: it was changed or cut off on the way", digest)
	}
	return nil
}
