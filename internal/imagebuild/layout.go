package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	refNameAnnotation     = "org.opencontainers.image.ref.name"
	attestationAnnotation = "vnd.docker.reference.type"
)

// layout is the directory of an OCI image layout. Written here and not with
// go-containerregistry's layout package, so that what is read again (Docker
// documents, attestations) keeps every byte.
type layout string

// newLayout makes an empty layout, removing one that was there and its
// layers.csv.
func newLayout(dir string) (layout, error) {
	l := layout(dir)
	for _, old := range []string{"blobs", "index.json", "oci-layout", "layers.csv"} {
		if err := os.RemoveAll(filepath.Join(dir, old)); err != nil {
			return l, err
		}
	}
	if err := os.MkdirAll(l.blobs(), 0o755); err != nil {
		return l, err
	}
	return l, l.writeMarker()
}

// writeMarker writes the file that makes the directory a layout.
func (l layout) writeMarker() error {
	return os.WriteFile(filepath.Join(string(l), "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`+"\n"), 0o644)
}

// blobs returns the directory of the blobs.
func (l layout) blobs() string { return filepath.Join(string(l), "blobs", "sha256") }

// blob returns the file of one blob.
func (l layout) blob(digest v1.Hash) string { return filepath.Join(l.blobs(), digest.Hex) }

// writeBlob stores data and returns its descriptor.
func (l layout) writeBlob(mediaType types.MediaType, data []byte) (v1.Descriptor, error) {
	digest, size, err := v1.SHA256(bytes.NewReader(data))
	if err != nil {
		return v1.Descriptor{}, err
	}
	descriptor := v1.Descriptor{MediaType: mediaType, Size: size, Digest: digest}
	return descriptor, os.WriteFile(l.blob(digest), data, 0o644)
}

// writeDocument stores a JSON document and returns its descriptor.
func (l layout) writeDocument(mediaType types.MediaType, document any) (v1.Descriptor, error) {
	data, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return v1.Descriptor{}, err
	}
	return l.writeBlob(mediaType, data)
}

// writeIndex writes index.json.
func (l layout) writeIndex(entries []v1.Descriptor) error {
	data, err := json.MarshalIndent(v1.IndexManifest{
		SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: entries,
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(string(l), "index.json"), append(data, '\n'), 0o644)
}

// entries returns the descriptors of index.json, one a reference.
func (l layout) entries() ([]v1.Descriptor, error) {
	var index v1.IndexManifest
	err := readJSON(filepath.Join(string(l), "index.json"), &index)
	return index.Manifests, err
}

// document reads a stored JSON document.
func (l layout) document(d v1.Descriptor, into any) error {
	return readJSON(l.blob(d.Digest), into)
}

// readJSON reads a JSON file.
func readJSON(name string, into any) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// child is a manifest that a reference leads to.
type child struct {
	descriptor v1.Descriptor
	manifest   v1.Manifest
}

// attestation reports whether the child is a statement about an image and not
// an image.
func (c child) attestation() bool { return c.descriptor.Annotations[attestationAnnotation] != "" }

// children returns the manifests below an entry: those of an index, or the
// entry itself.
func (l layout) children(entry v1.Descriptor) ([]child, error) {
	descriptors := []v1.Descriptor{entry}
	if entry.MediaType.IsIndex() {
		var index v1.IndexManifest
		if err := l.document(entry, &index); err != nil {
			return nil, err
		}
		descriptors = index.Manifests
	}
	var children []child
	for _, d := range descriptors {
		c := child{descriptor: d}
		if err := l.document(d, &c.manifest); err != nil {
			return nil, err
		}
		children = append(children, c)
	}
	return children, nil
}
