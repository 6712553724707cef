package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// record copies the documents of a layout, without layers, to a directory that
// is kept in the repository, with layers.csv and a README.
func record(from layout, dir string, rows []layerRow, created time.Time) error {
	to, err := newLayout(dir)
	if err != nil {
		return err
	}
	if err := copyFile(filepath.Join(string(from), "index.json"), filepath.Join(dir, "index.json")); err != nil {
		return err
	}
	documents, err := from.documents()
	if err != nil {
		return err
	}
	for _, d := range documents {
		if err := copyFile(from.blob(d.Digest), to.blob(d.Digest)); err != nil {
			return err
		}
	}
	if err := saveLayers(filepath.Join(dir, "layers.csv"), rows); err != nil {
		return err
	}
	readme, err := describe(from, rows, created)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), readme, 0o644)
}

// documents returns every index, manifest and config that the entries of
// index.json lead to.
func (l layout) documents() ([]v1.Descriptor, error) {
	entries, err := l.entries()
	if err != nil {
		return nil, err
	}
	documents := slices.Clone(entries)
	for _, entry := range entries {
		children, err := l.children(entry)
		if err != nil {
			return nil, err
		}
		for _, c := range children {
			documents = append(documents, c.descriptor, c.manifest.Config)
		}
	}
	return documents, nil
}

// saveLayers writes layers.csv to a file.
func saveLayers(name string, rows []layerRow) error {
	var b bytes.Buffer
	if err := writeLayers(&b, rows); err != nil {
		return err
	}
	return os.WriteFile(name, b.Bytes(), 0o644)
}

// copyFile copies a small file.
func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

const readmeText = `# Recorded images

Documents of real container images: an OCI layout with every index, manifest and
config byte for byte as built, and no layers. What only the layers can tell is in
` + "`layers.csv`" + `: one line a layer, with its uncompressed length and its number of tar
entries. A layer's media type there is the one in the first manifest that names
it: images in OCI and in Docker media types share layers. All of mesh/proxy is
stored as zstd, so its base layer has the diffID of base/debian's under another
digest.

- Origin: packages of Debian 12 (bookworm), each image as a Dockerfile would make
  it. The two versions of shop/web and shop/orders add files of our own, made by
  a seeded generator. tools/* are packages unpacked without running anything, and
  tools/shell has a provenance document beside its two platforms.
- Date: %s (creation date of the images; no file in them is newer).
- Command: ` + "`make images`" + `, as root on Debian 12. It writes the images with all
  layers to build/images and this directory anew. Newer packages give other
  digests; with the same packages all layers are the same again but those of
  runtime/openjdk (dates in Java's key store) and of db/postgresql (a TLS key
  made at installation).

| Reference | Platforms | Layers | Compressed MB | Unpacked MB | Media types |
|---|---|--:|--:|--:|---|
`

// describe returns the README of the recorded images.
func describe(l layout, rows []layerRow, created time.Time) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, readmeText, created.Format(time.DateOnly))
	entries, err := l.entries()
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		line, err := describeEntry(l, entry, rows)
		if err != nil {
			return nil, fmt.Errorf("describe %s: %w", entry.Annotations[refNameAnnotation], err)
		}
		b.WriteString(line)
	}
	fmt.Fprintf(&b, "\nMB are 10^6 bytes, of one platform where there are two. %d distinct layers", len(rows))
	var compressed, unpacked int64
	for _, row := range rows {
		compressed += row.compressedBytes
		unpacked += row.unpackedBytes
	}
	fmt.Fprintf(&b, ", %.1f MB compressed, %.1f MB unpacked.\n", megabytes(compressed), megabytes(unpacked))
	return b.Bytes(), nil
}

// describeEntry returns one line of the README's table. Sizes are those of the
// first platform.
func describeEntry(l layout, entry v1.Descriptor, rows []layerRow) (string, error) {
	children, err := l.children(entry)
	if err != nil {
		return "", err
	}
	var platforms []string
	for _, c := range children {
		var config v1.ConfigFile
		if err := l.document(c.manifest.Config, &config); err != nil {
			return "", err
		}
		platforms = append(platforms, config.Platform().String())
	}
	compressed, unpacked := sizes(children[0].manifest, rows)
	return fmt.Sprintf("| %s | %s | %d | %.1f | %.1f | %s |\n",
		entry.Annotations[refNameAnnotation], strings.Join(platforms, ", "), len(children[0].manifest.Layers),
		megabytes(compressed), megabytes(unpacked), mediaTypes(entry, children[0])), nil
}

// sizes adds up the layers of a manifest.
func sizes(manifest v1.Manifest, rows []layerRow) (compressed, unpacked int64) {
	for _, layer := range manifest.Layers {
		for _, row := range rows {
			if row.digest == layer.Digest {
				compressed += row.compressedBytes
				unpacked += row.unpackedBytes
			}
		}
	}
	return compressed, unpacked
}

// mediaTypes says briefly which family an entry belongs to.
func mediaTypes(entry v1.Descriptor, c child) string {
	name := "OCI"
	if c.manifest.MediaType == docker.manifest {
		name = "Docker"
	}
	if c.manifest.Layers[0].MediaType == oci.layer[zstandard] {
		name += ", zstd"
	}
	switch entry.MediaType {
	case oci.index:
		name += ", index"
	case docker.index:
		name += ", manifest list"
	}
	return name
}

// megabytes converts bytes to 10^6 bytes.
func megabytes(bytes int64) float64 { return float64(bytes) / 1e6 }
