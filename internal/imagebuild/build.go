package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// builder runs recipes and packs their layers into a layout.
type builder struct {
	host    *host
	layout  layout
	created time.Time // of every image and layer; no file is newer
	report  func(format string, args ...any)

	images map[string]*image // by name and platform
	done   map[string]string // stage by what made it
	stages int               // made so far

	packing *errgroup.Group
	mu      sync.Mutex
	packed  map[packKey]*blob // nil while being packed
}

// packKey is a stage and how it is stored: one stage can be two blobs.
type packKey struct {
	stage       string
	compression compression
}

// image is a recipe that was run for one platform.
type image struct {
	stages  []string // directories of the layers, below the work directory, base first
	history []v1.History
	config  v1.Config
}

// clone returns a copy to which further steps can be added.
func (i *image) clone() *image {
	copied := *i
	copied.stages = slices.Clone(i.stages)
	copied.history = slices.Clone(i.history)
	copied.config.Env = slices.Clone(i.config.Env)
	copied.config.ExposedPorts = maps.Clone(i.config.ExposedPorts)
	return &copied
}

// newBuilder returns a builder that packs at most two layers at once, beside
// the installation that runs.
func newBuilder(h *host, l layout, created time.Time, report func(string, ...any)) *builder {
	b := &builder{
		host: h, layout: l, created: created, report: report,
		images: map[string]*image{}, done: map[string]string{}, packed: map[packKey]*blob{}, packing: new(errgroup.Group),
	}
	b.packing.SetLimit(2)
	return b
}

// build runs all recipes and returns the layers of the layout it has written.
func (b *builder) build(ctx context.Context, recipes []recipe) ([]layerRow, error) {
	for _, r := range recipes {
		start := time.Now()
		for _, p := range r.targets() {
			if err := b.runRecipe(ctx, r, p); err != nil {
				b.packing.Wait()
				return nil, fmt.Errorf("build %s for %s: %w", r.reference(), p, err)
			}
		}
		b.report("%-32s %6.1f s\n", r.name, time.Since(start).Seconds())
	}
	if err := b.packing.Wait(); err != nil {
		return nil, err
	}
	return b.publish(recipes)
}

// imageKey names an image of one platform.
func imageKey(name string, p v1.Platform) string { return name + " " + p.String() }

// runRecipe runs the steps of a recipe and starts packing its layers.
func (b *builder) runRecipe(ctx context.Context, r recipe, p v1.Platform) error {
	img := new(image)
	if r.from != "" {
		base, ok := b.images[imageKey(r.from, p)]
		if !ok {
			return fmt.Errorf("base %s was not built before", r.from)
		}
		img = base.clone()
	}
	for _, s := range r.steps {
		if err := b.runStep(ctx, img, s, p); err != nil {
			return fmt.Errorf("%s: %w", s.createdBy, err)
		}
	}
	for _, stage := range img.stages {
		b.pack(ctx, packKey{stage, r.compression})
	}
	b.images[imageKey(r.name, p)] = img
	return nil
}

// runStep adds one step to an image.
func (b *builder) runStep(ctx context.Context, img *image, s step, p v1.Platform) error {
	img.history = append(img.history, v1.History{
		Created:    v1.Time{Time: b.created},
		CreatedBy:  s.createdBy,
		EmptyLayer: s.work.none(),
	})
	if s.config != nil {
		s.config(&img.config)
	}
	if s.work.none() {
		return nil
	}
	stage, err := b.reuse(ctx, img.stages, s, p)
	if err != nil {
		return err
	}
	img.stages = append(img.stages, stage)
	return nil
}

// reuse returns the stage that a step makes on the stages below it. The same
// command on the same stages is run once, as a builder's cache would do. Files
// are written anew: the same files give the same layer.
func (b *builder) reuse(ctx context.Context, below []string, s step, p v1.Platform) (string, error) {
	key := strings.Join(below, " ") + " " + p.String() + " " + s.createdBy
	if stage, ok := b.done[key]; ok && len(s.work.files) == 0 {
		return stage, nil
	}
	b.stages++
	stage := fmt.Sprintf("s%03d", b.stages)
	if err := b.perform(ctx, stage, below, s.work, p); err != nil {
		return "", err
	}
	b.done[key] = stage
	return stage, nil
}

// perform does the work of a step in the directory of its stage.
func (b *builder) perform(ctx context.Context, stage string, below []string, w work, p v1.Platform) error {
	lowers := append(slices.Clone(below), "empty")
	slices.Reverse(lowers[:len(below)])
	switch {
	case len(w.bootstrap) > 0:
		return b.host.runStep(ctx, "bootstrap", p.Architecture, nil, stage, debianSuite, w.bootstrap)
	case len(w.extract) > 0:
		return b.host.runStep(ctx, "extract", p.Architecture, lowers, stage, "", w.extract)
	case len(w.files) > 0:
		return writeFiles(filepath.Join(b.host.work, stage), w.files)
	}
	return b.host.runStep(ctx, "install", p.Architecture, lowers, stage, w.shell, w.install)
}

// writeFiles writes the files of a COPY step below dir.
func writeFiles(dir string, files []file) error {
	for _, f := range files {
		name := filepath.Join(dir, filepath.FromSlash(f.path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.data, os.FileMode(f.mode)); err != nil {
			return err
		}
	}
	return nil
}

// pack packs a stage in the background, once. It waits while others are packed.
func (b *builder) pack(ctx context.Context, key packKey) {
	if !b.claim(key) {
		return
	}
	b.packing.Go(func() error {
		layer, err := packTree(ctx, filepath.Join(b.host.work, key.stage), b.layout.blobs(), key.compression, b.created)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.packed[key] = &layer
		return err
	})
}

// claim reports whether nobody has packed the key yet, and marks it.
func (b *builder) claim(key packKey) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, taken := b.packed[key]; taken {
		return false
	}
	b.packed[key] = nil
	return true
}

// publish writes configs, manifests, indexes and index.json.
func (b *builder) publish(recipes []recipe) ([]layerRow, error) {
	rows := newLayerTable()
	var entries []v1.Descriptor
	for _, r := range recipes {
		entry, err := b.publishRecipe(r, rows)
		if err != nil {
			return nil, fmt.Errorf("write documents of %s: %w", r.reference(), err)
		}
		entry.Annotations = map[string]string{refNameAnnotation: r.reference()}
		entries = append(entries, entry)
	}
	return rows.sorted(), b.layout.writeIndex(entries)
}

// publishRecipe writes the documents of one reference and returns the
// descriptor of the outermost one.
func (b *builder) publishRecipe(r recipe, rows layerTable) (v1.Descriptor, error) {
	var children []v1.Descriptor
	for _, p := range r.targets() {
		child, err := b.publishImage(r, p, rows)
		if err != nil {
			return v1.Descriptor{}, err
		}
		if !r.multi {
			return child, nil
		}
		child.Platform = &p
		children = append(children, child)
	}
	if r.attested {
		attestation, err := b.publishAttestation(r, children[0])
		if err != nil {
			return v1.Descriptor{}, err
		}
		children = append(children, attestation)
	}
	return b.layout.writeDocument(r.family.index, v1.IndexManifest{
		SchemaVersion: 2, MediaType: r.family.index, Manifests: children,
	})
}

// publishImage writes config and manifest of one platform.
func (b *builder) publishImage(r recipe, p v1.Platform, rows layerTable) (v1.Descriptor, error) {
	img := b.images[imageKey(r.name, p)]
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: r.family.manifest}
	config := v1.ConfigFile{
		Architecture: p.Architecture, OS: p.OS, Variant: p.Variant,
		Created: v1.Time{Time: b.created},
		Config:  img.config,
		History: img.history,
		RootFS:  v1.RootFS{Type: "layers"},
	}
	for _, stage := range img.stages {
		layer := *b.packed[packKey{stage, r.compression}]
		mediaType := r.family.layer[r.compression]
		manifest.Layers = append(manifest.Layers, v1.Descriptor{
			MediaType: mediaType, Size: layer.compressedBytes, Digest: layer.digest,
		})
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, layer.diffID)
		rows.add(layer, mediaType)
	}
	descriptor, err := b.layout.writeDocument(r.family.config, config)
	if err != nil {
		return v1.Descriptor{}, err
	}
	manifest.Config = descriptor
	return b.layout.writeDocument(r.family.manifest, manifest)
}

// publishAttestation writes a provenance statement about an image, in the
// shape BuildKit gives it: a manifest for the platform unknown/unknown.
// See https://docs.docker.com/build/metadata/attestations/attestation-storage/
func (b *builder) publishAttestation(r recipe, about v1.Descriptor) (v1.Descriptor, error) {
	const predicate = "https://slsa.dev/provenance/v0.2"
	statement, err := json.Marshal(map[string]any{
		"_type":         "https://in-toto.io/Statement/v0.1",
		"predicateType": predicate,
		"subject": []any{map[string]any{
			"name":   "pkg:docker/" + strings.Replace(r.reference(), ":", "@", 1) + "?platform=linux%2Famd64",
			"digest": map[string]string{about.Digest.Algorithm: about.Digest.Hex},
		}},
		"predicate": map[string]any{
			"builder":   map[string]string{"id": ""},
			"buildType": "https://" + registryHost + "/buildtypes/debian-packages@v1",
			"materials": []any{},
		},
	})
	if err != nil {
		return v1.Descriptor{}, err
	}
	layer, err := b.layout.writeBlob("application/vnd.in-toto+json", statement)
	if err != nil {
		return v1.Descriptor{}, err
	}
	layer.Annotations = map[string]string{"in-toto.io/predicate-type": predicate}
	config, err := b.layout.writeDocument(r.family.config, v1.ConfigFile{
		Architecture: "unknown", OS: "unknown",
		RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{layer.Digest}},
	})
	if err != nil {
		return v1.Descriptor{}, err
	}
	manifest, err := b.layout.writeDocument(r.family.manifest, v1.Manifest{
		SchemaVersion: 2, MediaType: r.family.manifest, Config: config, Layers: []v1.Descriptor{layer},
	})
	manifest.Platform = &v1.Platform{OS: "unknown", Architecture: "unknown"}
	manifest.Annotations = map[string]string{
		attestationAnnotation:         "attestation-manifest",
		"vnd.docker.reference.digest": about.Digest.String(),
	}
	return manifest, err
}
