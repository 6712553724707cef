package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// recorded are the documents that the repository keeps.
const recorded = layout("../../testdata/images")

// recordedLayers reads the recorded layers.csv by digest.
func recordedLayers(t *testing.T) map[v1.Hash]layerRow {
	t.Helper()
	in, err := os.Open(filepath.Join(string(recorded), "layers.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	rows, err := readLayers(in)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSortedFunc(rows, func(a, b layerRow) int { return strings.Compare(a.digest.Hex, b.digest.Hex) }) {
		t.Error("layers.csv is not sorted by digest")
	}
	table := layerTable{}
	for _, row := range rows {
		table[row.digest] = row
	}
	if len(table) != len(rows) {
		t.Errorf("layers.csv has %d rows for %d layers", len(rows), len(table))
	}
	return table
}

// recordedImage is one manifest that is an image, with its config.
type recordedImage struct {
	child
	reference string
	entry     types.MediaType // of the outermost document
	config    v1.ConfigFile
}

// recordedImages reads every image of every reference, attestations left out.
func recordedImages(t *testing.T) []recordedImage {
	t.Helper()
	entries, err := recorded.entries()
	if err != nil {
		t.Fatal(err)
	}
	var images []recordedImage
	for _, entry := range entries {
		children, err := recorded.children(entry)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range children {
			if c.attestation() {
				continue
			}
			img := recordedImage{child: c, reference: entry.Annotations[refNameAnnotation], entry: entry.MediaType}
			if err := recorded.document(c.manifest.Config, &img.config); err != nil {
				t.Fatal(err)
			}
			images = append(images, img)
		}
	}
	return images
}

func TestRecordedDocuments(t *testing.T) {
	documents, err := recorded.documents()
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, d := range documents {
		named[d.Digest.Hex] = true
		data, err := os.ReadFile(recorded.blob(d.Digest))
		if err != nil {
			t.Error(err)
			continue
		}
		digest, size, err := v1.SHA256(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if digest != d.Digest || size != d.Size {
			t.Errorf("%s of %d bytes has the digest %s and %d bytes", d.Digest, d.Size, digest, size)
		}
		if bytes.Contains(data, []byte("/imagework")) || bytes.Contains(data, []byte("://deb")) {
			t.Errorf("%s names the machine it was built on", d.Digest)
		}
	}
	stored, err := os.ReadDir(recorded.blobs())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range stored {
		if !named[f.Name()] {
			t.Errorf("no document names the blob %s", f.Name())
		}
	}
}

func TestRecordedLayers(t *testing.T) {
	layers := recordedLayers(t)
	used := map[v1.Hash]bool{}
	for _, img := range recordedImages(t) {
		name := img.reference + " " + img.config.Platform().String()
		if len(img.manifest.Layers) != len(img.config.RootFS.DiffIDs) {
			t.Errorf("%s has %d layers and %d diffIDs", name, len(img.manifest.Layers), len(img.config.RootFS.DiffIDs))
			continue
		}
		for i, layer := range img.manifest.Layers {
			used[layer.Digest] = true
			row, ok := layers[layer.Digest]
			if !ok {
				t.Errorf("%s: layer %d is not in layers.csv", name, i)
				continue
			}
			if row.compressedBytes != layer.Size {
				t.Errorf("%s: layer %d has %d bytes, in layers.csv %d", name, i, layer.Size, row.compressedBytes)
			}
			if row.diffID != img.config.RootFS.DiffIDs[i] {
				t.Errorf("%s: layer %d has the diffID %s, in layers.csv %s", name, i, img.config.RootFS.DiffIDs[i], row.diffID)
			}
			if row.entries == 0 || row.unpackedBytes < 1024 || row.unpackedBytes%512 != 0 {
				t.Errorf("%s: layer %d is no tar: %d entries, %d bytes", name, i, row.entries, row.unpackedBytes)
			}
		}
	}
	if len(used) != len(layers) {
		t.Errorf("layers.csv has %d layers, the images %d", len(layers), len(used))
	}
}

func TestRecordedConfigs(t *testing.T) {
	for _, img := range recordedImages(t) {
		var filled int
		for _, h := range img.config.History {
			if !h.EmptyLayer {
				filled++
			}
			if h.CreatedBy == "" || h.Created.IsZero() {
				t.Errorf("%s has a history entry without command or date", img.reference)
			}
		}
		if filled != len(img.manifest.Layers) {
			t.Errorf("%s has %d layers and %d in its history", img.reference, len(img.manifest.Layers), filled)
		}
		if filled == len(img.config.History) {
			t.Errorf("%s has no empty layer in its history", img.reference)
		}
		if img.config.Created.IsZero() || len(img.config.Config.Cmd)+len(img.config.Config.Entrypoint) == 0 {
			t.Errorf("%s has no date or no command", img.reference)
		}
		if p := img.descriptor.Platform; p != nil && !p.Equals(*img.config.Platform()) {
			t.Errorf("%s: index says %s, config %s", img.reference, p, img.config.Platform())
		}
	}
}

// TestRecordedVariety holds what tests elsewhere count on.
func TestRecordedVariety(t *testing.T) {
	layers := recordedLayers(t)
	images := recordedImages(t)
	references := map[string]recordedImage{}
	seen := map[string]bool{}
	diffIDs := map[v1.Hash]v1.Hash{}
	for _, img := range images {
		references[img.reference] = img
		seen[string(img.entry)] = true
		seen[string(img.manifest.MediaType)] = true
		seen[img.config.Platform().String()] = true
		if len(img.manifest.Layers) > 20 {
			seen["more than 20 layers"] = true
		}
		for _, layer := range img.manifest.Layers {
			row := layers[layer.Digest]
			seen[string(layer.MediaType)] = true
			if row.unpackedBytes > 300e6 {
				seen["layer over 300 MB"] = true
			}
			if other, ok := diffIDs[row.diffID]; ok && other != row.digest {
				seen["one diffID under two digests"] = true
			}
			diffIDs[row.diffID] = row.digest
		}
	}
	if len(references) < 12 {
		t.Errorf("%d references, want at least 12", len(references))
	}
	for _, want := range []string{
		"more than 20 layers", "layer over 300 MB", "one diffID under two digests", "linux/arm64/v8",
		string(types.OCIImageIndex), string(types.OCIManifestSchema1), string(types.OCILayer), string(types.OCILayerZStd),
		string(types.DockerManifestList), string(types.DockerManifestSchema2), string(types.DockerLayer),
	} {
		if !seen[want] {
			t.Errorf("no image has: %s", want)
		}
	}
	old := references["registry.example.com/shop/web:1.4.0"].manifest.Layers
	next := references["registry.example.com/shop/web:1.4.1"].manifest.Layers
	if n := len(old); n < 2 || n != len(next) {
		t.Fatalf("the versions of shop/web have %d and %d layers", n, len(next))
	}
	for i := range old {
		if last := i == len(old)-1; (old[i].Digest == next[i].Digest) == last {
			t.Errorf("layer %d of the versions of shop/web: equal is %v", i, !last)
		}
	}
}

func TestRecordedAttestation(t *testing.T) {
	entries, err := recorded.entries()
	if err != nil {
		t.Fatal(err)
	}
	var found int
	for _, entry := range entries {
		children, err := recorded.children(entry)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range children {
			if !c.attestation() {
				continue
			}
			found++
			if p := c.descriptor.Platform; p == nil || p.OS != "unknown" || p.Architecture != "unknown" {
				t.Errorf("the attestation of %s has the platform %v", entry.Annotations[refNameAnnotation], p)
			}
			if about := c.descriptor.Annotations["vnd.docker.reference.digest"]; about != children[0].descriptor.Digest.String() {
				t.Errorf("the attestation is about %s, want %s", about, children[0].descriptor.Digest)
			}
		}
	}
	if found != 1 {
		t.Errorf("%d attestations, want 1", found)
	}
}

func TestDescribe(t *testing.T) {
	want, err := os.ReadFile(filepath.Join(string(recorded), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	table := layerTable(recordedLayers(t))
	got, err := describe(recorded, table.sorted(), recordedImages(t)[0].config.Created.Time)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("README.md of the recorded images is not what describe gives:\n%s", got)
	}
}
