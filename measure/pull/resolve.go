package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/opencontainers/image-spec/specs-go"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/layers/distribution"
)

// Media types of Docker (Image Manifest Version 2, Schema 2).
const (
	dockerIndex    = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
)

func isIndex(mediaType string) bool {
	return mediaType == v1.MediaTypeImageIndex || mediaType == dockerIndex
}

// mostLayers bounds an image, as layers does: overlayfs takes 500 at most.
const mostLayers = 10_000

// blob is what a descriptor names.
type blob struct {
	mediaType string
	digest    layers.Digest
	size      int64
}

func newBlob(what string, d v1.Descriptor) (blob, error) {
	b := blob{d.MediaType, layers.Digest(d.Digest), d.Size}
	if err := b.digest.Validate(); err != nil {
		return b, fmt.Errorf("%s: %w", what, err)
	}
	if d.Size <= 0 {
		return b, fmt.Errorf("%s %s has a size of %d bytes in its descriptor: push the image again", what, d.Digest, d.Size)
	}
	return b, nil
}

// image is what a reference means on a platform.
type image struct {
	index, manifest, config layers.Digest
	platform                string
	layers                  []layer
}

// layer is one layer in its place.
type layer struct {
	blob
	diffID, chain layers.Digest
}

// resolve asks what the reference means, and stores index, manifest and config.
func (p *pull) resolve(ctx context.Context) (*image, error) {
	top, err := p.head(ctx)
	if err != nil {
		return nil, err
	}
	img := &image{manifest: top.digest, platform: p.host.opt.Platform}
	raw, err := p.document(ctx, top, true)
	if err != nil {
		return nil, err
	}
	// An index may hold indexes; three levels is more than any builder writes.
	for depth := 0; isIndex(documentType(raw, top.mediaType)); depth++ {
		if depth == 3 {
			return nil, fmt.Errorf("the index is nested more than 3 levels deep")
		}
		if img.index == "" {
			img.index = top.digest
		}
		if top, err = chooseManifest(raw, p.host.opt.Platform); err != nil {
			return nil, err
		}
		img.manifest = top.digest
		if raw, err = p.document(ctx, top, true); err != nil {
			return nil, err
		}
	}
	return img, p.readManifest(ctx, raw, img)
}

// head asks for the digest of what the reference names.
func (p *pull) head(ctx context.Context) (blob, error) {
	reference := p.name.Tag
	if p.name.Digest != "" {
		reference = string(p.name.Digest)
	}
	digest, mediaType, size, err := p.client.Head(ctx, p.repo, reference)
	if err != nil {
		return blob{}, err
	}
	b := blob{mediaType, layers.Digest(digest), size}
	if digest != "" && size > 0 && b.digest.Validate() == nil {
		return b, nil
	}
	// A registry that does not say is asked for the whole, as containerd's resolver
	// does.
	doc, err := p.client.Manifest(ctx, p.repo, reference, nil)
	if err != nil {
		return blob{}, err
	}
	sum := sha256.Sum256(doc.Body)
	return blob{doc.ContentType, layers.Digest("sha256:" + hex.EncodeToString(sum[:])), int64(len(doc.Body))}, nil
}

// document stores a manifest, an index or a config, and reads it.
func (p *pull) document(ctx context.Context, b blob, manifest bool) ([]byte, error) {
	if limit := int64(distribution.MaxConfigBytes); b.size > limit {
		return nil, fmt.Errorf("fetch %s: it has %d bytes, more than %d", b.digest, b.size, limit)
	}
	if err := p.fetch(ctx, b, documentFetch{manifest}); err != nil {
		return nil, err
	}
	return os.ReadFile(p.host.content.path(b.digest))
}

// documentType is what a document says it is, else what its descriptor says.
func documentType(raw []byte, stated string) string {
	var d struct {
		MediaType string `json:"mediaType"`
	}
	if json.Unmarshal(raw, &d) == nil && d.MediaType != "" {
		return d.MediaType
	}
	return stated
}

func chooseManifest(raw []byte, platform string) (blob, error) {
	var index struct {
		specs.Versioned
		Manifests []v1.Descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		return blob{}, fmt.Errorf("read the index: %w", err)
	}
	offered := make([]string, len(index.Manifests))
	for i, m := range index.Manifests {
		if q := m.Platform; q != nil {
			offered[i] = strings.TrimSuffix(q.OS+"/"+q.Architecture+"/"+q.Variant, "/")
		}
	}
	i := layers.BestPlatform(offered, platform)
	if i < 0 {
		if len(offered) != 1 || offered[0] != "" {
			return blob{}, fmt.Errorf("the index has no image for %s, only for %s: choose another platform", platform, strings.Join(offered, ", "))
		}
		i = 0 // the config tells
	}
	return newBlob("manifest", index.Manifests[i])
}

// readManifest reads the manifest, then fetches and reads the config.
func (p *pull) readManifest(ctx context.Context, raw []byte, img *image) error {
	var m struct {
		SchemaVersion int             `json:"schemaVersion"`
		Config        v1.Descriptor   `json:"config"`
		Layers        []v1.Descriptor `json:"layers"`
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("read the manifest %s: %w", img.manifest, err)
	}
	if m.SchemaVersion == 1 {
		return fmt.Errorf("the manifest %s is of schema 1, which containerd does not pull: push the image again", img.manifest)
	}
	if len(m.Layers) > mostLayers {
		return fmt.Errorf("the manifest %s has %d layers, more than %d", img.manifest, len(m.Layers), mostLayers)
	}
	config, err := newBlob("config", m.Config)
	if err != nil {
		return err
	}
	img.config = config.digest
	for _, d := range m.Layers {
		b, err := newBlob("layer", d)
		if err != nil {
			return err
		}
		img.layers = append(img.layers, layer{blob: b})
	}
	return p.readConfig(ctx, config, img)
}

func (p *pull) readConfig(ctx context.Context, config blob, img *image) error {
	raw, err := p.document(ctx, config, false)
	if err != nil {
		return err
	}
	var c struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
		Variant      string `json:"variant"`
		RootFS       struct {
			DiffIDs []layers.Digest `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return fmt.Errorf("read the config %s: %w", config.digest, err)
	}
	if c.OS != "" {
		is := strings.TrimSuffix(c.OS+"/"+c.Architecture+"/"+c.Variant, "/")
		asked := p.host.opt.Platform
		if c.Variant == "" { // which a config may leave out
			parts := strings.SplitN(asked, "/", 3)
			asked = parts[0] + "/" + parts[1]
		}
		if layers.BestPlatform([]string{is}, asked) < 0 {
			return fmt.Errorf("the image is for %s, not for %s", is, p.host.opt.Platform)
		}
	}
	return img.number(c.RootFS.DiffIDs)
}

// number gives each layer its diffID and its chainID.
func (img *image) number(diffIDs []layers.Digest) error {
	if len(diffIDs) != len(img.layers) {
		return fmt.Errorf("the manifest %s has %d layers and its config %d diffIDs: push the image again", img.manifest, len(img.layers), len(diffIDs))
	}
	inv := layers.Inventory{Images: []layers.Image{{}}}
	for i, d := range diffIDs {
		if err := d.Validate(); err != nil {
			return fmt.Errorf("read the config %s: %w", img.config, err)
		}
		inv.Layers = append(inv.Layers, layers.Layer{DiffID: d})
		inv.Images[0].Layers = append(inv.Images[0].Layers, i)
	}
	for i, chain := range inv.Chains().IDs() {
		img.layers[i].diffID, img.layers[i].chain = diffIDs[i], chain
	}
	return nil
}
