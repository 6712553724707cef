package layers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/cachebench/cachebench/layers/distribution"
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
	failed map[held]error
	// looked are by source the layers that were looked for, gone those of them of which
	// there is nothing; stores are by source where they were looked for.
	looked, gone map[string][]int
	stores       map[string]local.Store
}

// held is a layer that a source should hold.
type held struct {
	source string
	layer  int
}

// present lists the layers that layouts and archives on this machine should hold
// and do not, by their sizes, and with Deep by their content too where nothing
// else read it. Registries are not asked: they take a manifest only when its
// blobs are there (OCI distribution specification, error MANIFEST_BLOB_UNKNOWN). A
// layout that is served as one took nothing, so that it is looked through.
func (r *resolver) present(ctx context.Context, inv *Inventory, readAt []string) {
	p := &presence{resolver: r, inv: inv, readAt: readAt, failed: make(map[held]error), looked: make(map[string][]int), gone: make(map[string][]int), stores: make(map[string]local.Store)}
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
	if r.opt.ManifestsAlone && !r.opt.Deep {
		p.takeWord(ctx)
	}
	failures := slices.SortedFunc(maps.Keys(p.failed), func(a, b held) int {
		return cmp.Or(cmp.Compare(a.layer, b.layer), cmp.Compare(a.source, b.source))
	})
	for _, h := range failures {
		digest := inv.Layers[h.layer].Digest
		if !slices.ContainsFunc(inv.Unscanned, func(u Unscanned) bool { return u.Digest == digest }) {
			inv.Unscanned = append(inv.Unscanned, Unscanned{Digest: digest, Reason: reason(p.failed[h]), Absent: true})
		}
	}
}

// holdsManifestsAlone follows the source in the doubt about one that holds no layer.
const holdsManifestsAlone = " holds manifests alone"

// takeWord takes the sources that hold no layer at all at their manifests' word.
func (p *presence) takeWord(ctx context.Context) {
	for _, source := range slices.Sorted(maps.Keys(p.gone)) {
		gone := p.gone[source]
		if len(gone) < len(p.looked[source]) || !isRecording(ctx, p.stores[source]) {
			continue
		}
		p.inv.Doubts = append(p.inv.Doubts, fmt.Sprintf("%s%s, of %d layers none: what they say of layers is taken at its word.", source, holdsManifestsAlone, len(gone)))
		for _, l := range gone {
			delete(p.failed, held{source, l})
		}
	}
}

// fewestRecorded is how many layers a source must lack, and hold none, to be taken for a
// recording of manifests: where a single one is missing, it was lost.
const fewestRecorded = 2

// isRecording says whether a source holds manifests alone: no layer of any image that it
// lists, whichever were asked for.
func isRecording(ctx context.Context, store local.Store) bool {
	holder, ok := store.(sizes)
	if !ok {
		return false
	}
	var listed []string
	for i := 0; ; i++ {
		found, err := store.Lookup(ctx, fmt.Sprintf("@%d", i))
		if err != nil {
			break // there are no more
		}
		listed = append(listed, found.Digest)
	}
	lacking, seen := make(map[string]bool), make(map[string]bool)
	for len(listed) > 0 {
		digest := listed[0]
		listed = listed[1:]
		if seen[digest] {
			continue
		}
		seen[digest] = true
		raw, err := store.Document(ctx, digest, distribution.MaxManifestBytes)
		var doc struct {
			Manifests, Layers []struct{ MediaType, Digest string }
		}
		if err != nil || json.Unmarshal(raw, &doc) != nil {
			continue // what is not there says nothing of layers
		}
		for _, m := range doc.Manifests {
			listed = append(listed, m.Digest)
		}
		for _, l := range doc.Layers {
			// A foreign layer is elsewhere, and what is no tar is an attestation.
			if d := (descriptor{mediaType: l.MediaType}); d.isForeign() || !strings.Contains(l.MediaType, ".tar") || lacking[l.Digest] {
				continue
			}
			if _, err := holder.Size(ctx, l.Digest); !errors.Is(err, fs.ErrNotExist) {
				return false
			}
			lacking[l.Digest] = true
		}
	}
	return len(lacking) >= fewestRecorded
}

// Look notes which layers of an image of an Inventory from a file its layout or archive
// lacks, as Options.Present does of one that is looked up; not of an image whose layers
// were read. A recording of manifests is one where the Inventory says so: of another, whose
// layers were there or were not looked for, what is missing was lost. It says whether that
// is known: where the layout is not on this machine, or
// holds the image no longer, the Inventory's word is all there is.
func (inv *Inventory) Look(ctx context.Context, image int, opt Options) (isKnown bool, err error) {
	img := &inv.Images[image]
	if isRemote(img.Reference) || !slices.ContainsFunc(img.Layers, func(l int) bool { return inv.Layers[l].Scan == nil }) {
		return true, nil
	}
	isTold := func(doubt string) bool {
		return strings.Contains(doubt, holdsManifestsAlone) && inv.IsAbout(doubt, image)
	}
	opt.Present, opt.ManifestsAlone, opt.Deep = true, slices.ContainsFunc(inv.Doubts, isTold), false
	r, err := newResolver(opt)
	if err != nil {
		return false, err
	}
	if isHere, isStore := r.holds(ctx, img); !isHere {
		return !isStore, r.close()
	}
	own := &Inventory{Images: []Image{*img}, Layers: inv.Layers, Unscanned: slices.Clone(inv.Unscanned)}
	r.present(ctx, own, make([]string, len(inv.Layers)))
	inv.Unscanned = own.Unscanned
	return true, errors.Join(ctx.Err(), r.close())
}

// holds says whether the source of an image on this machine has the image's manifest, and
// whether it is one that tells what it holds.
func (r *resolver) holds(ctx context.Context, img *Image) (isHere, isStore bool) {
	switch transport, _ := splitTransport(img.Reference); transport {
	case "oci", "oci-archive":
	default:
		return false, false
	}
	place, _, err := r.open(ctx, img.Reference)
	if err != nil {
		return false, true
	}
	store, ok := place.(*storePlace)
	if !ok {
		return false, true
	}
	holder, ok := store.store.(sizes)
	if !ok {
		return false, true
	}
	_, err = holder.Size(ctx, string(img.Digest))
	return err == nil, true
}

// IsAbout says whether a doubt of the Inventory is about an image: about one of its
// layers, or about the source that it is in.
func (inv *Inventory) IsAbout(doubt string, image int) bool {
	img := &inv.Images[image]
	if source, _, ok := strings.Cut(doubt, holdsManifestsAlone); ok {
		return sourceOf(img.Reference) == source
	}
	return slices.ContainsFunc(img.Layers, func(l int) bool { return strings.Contains(doubt, string(inv.Layers[l].Digest)) })
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
		if err == nil && (p.opt.Deep || p.opt.Hashed) && p.readAt[layer] != source {
			err = l.hashed(store.Blob(ctx, string(l.Digest)))
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // which names the source
		err = fmt.Errorf("%w (in %s)", err, cmp.Or(p.layoutOf(reference), source))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked[source], p.stores[source] = append(p.looked[source], layer), store
	if err != nil {
		p.failed[held{source, layer}] = err
	}
	if errors.Is(err, fs.ErrNotExist) {
		p.gone[source] = append(p.gone[source], layer)
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
