package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// maxImages bounds an archive's images.
const maxImages = 1 << 14

// DockerArchive is what docker save writes (docker-archive:FILE), and podman
// save, skopeo, crane, Bazel and Nix for docker load: a tar with manifest.json,
// which names each image's config and layers. The layers lie as
// <id>/layer.tar, where one that stands for another is a link to it; since
// Docker 25 as blobs/sha256/<hex>, beside an OCI index; or under any other name,
// plain or compressed. The archive may be compressed itself, with gzip or zstd.
//
// A manifest.json or config that occurs twice is refused, since readers differ
// in which one counts: docker load takes the last, skopeo the first.
type DockerArchive struct {
	file     string
	contents *contents
	images   []dockerItem
}

// dockerItem is one image in manifest.json.
type dockerItem struct {
	Config   string
	RepoTags []string
	Layers   []string
}

const dockerManifest = "manifest.json"

// OpenDockerArchive lists the contents of the docker-save archive in file.
func OpenDockerArchive(ctx context.Context, file string) (*DockerArchive, error) {
	c, err := openTar(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("open docker archive %s: %w", file, err)
	}
	images, err := dockerItems(ctx, c)
	if IsAbsent(err) && c.has("index.json") {
		err = fmt.Errorf("it is an OCI archive: name it oci-archive:%s", file)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open docker archive %s: %w", file, err), c.source.close())
	}
	return &DockerArchive{file, c, images}, nil
}

// dockerItems reads manifest.json.
func dockerItems(ctx context.Context, c *contents) ([]dockerItem, error) {
	raw, err := c.single(ctx, dockerManifest)
	switch {
	case IsAbsent(err) && c.has("repositories"):
		return nil, absent("it has no manifest.json: it was saved by a Docker before 1.10; load and save it again")
	case IsAbsent(err):
		return nil, absent("it has no manifest.json, so it is not an archive of docker save")
	case err != nil:
		return nil, err
	}
	var items []dockerItem
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, fmt.Errorf("manifest.json is not JSON of a list of images: %w", err)
	}
	switch {
	case len(items) == 0:
		return nil, errors.New("manifest.json lists no image")
	case len(items) > maxImages:
		return nil, fmt.Errorf("manifest.json lists more than %d images", maxImages)
	}
	return items, nil
}

// single reads a document that must occur once.
func (c *contents) single(ctx context.Context, name string) ([]byte, error) {
	resolved, e, err := c.find(name)
	if err != nil {
		return nil, err
	}
	if e.times > 1 {
		return nil, fmt.Errorf("it has %s %d times, and readers differ in which one counts: save the image again", quoted(resolved), e.times)
	}
	return c.document(ctx, resolved, maxIndexBytes)
}

// References lists the tags of each image, in the order of the archive; those of
// an untagged image are empty. Image finds the i-th one as "@i".
func (a *DockerArchive) References() [][]string {
	all := make([][]string, len(a.images))
	for i, item := range a.images {
		all[i] = item.RepoTags
	}
	return all
}

// Image describes the image that a reference names: one of its tags, in short
// (nginx) or in full (docker.io/library/nginx:latest); "@2" for the third image;
// or nothing for the only one.
func (a *DockerArchive) Image(ctx context.Context, reference string) (*DockerImage, error) {
	i, err := a.choose(reference)
	if err != nil {
		return nil, fmt.Errorf("docker archive %s: %w", a.file, err)
	}
	img, err := a.images[i].image(ctx, a.contents)
	if err != nil {
		return nil, fmt.Errorf("docker archive %s: image %s: %w", a.file, a.images[i].name(i), err)
	}
	return img, nil
}

func (a *DockerArchive) choose(reference string) (int, error) {
	if i, ok := position(reference); ok {
		if i >= len(a.images) {
			return 0, absent("there is no image %s: there are %d, counted from @0", reference, len(a.images))
		}
		return i, nil
	}
	if reference == "" {
		if len(a.images) > 1 {
			return 0, fmt.Errorf("it holds %d images: name one of %s", len(a.images), a.names())
		}
		return 0, nil
	}
	found := -1
	for i, item := range a.images {
		switch {
		case !item.has(reference):
		case found >= 0 && a.images[found].Config != item.Config:
			return 0, fmt.Errorf("two images are tagged %s: choose @%d or @%d", quoted(reference), found, i)
		default:
			found = i
		}
	}
	if found < 0 {
		return 0, absent("it has no image %s; it has %s", quoted(reference), a.names())
	}
	return found, nil
}

func (d *dockerItem) has(reference string) bool {
	for _, tag := range d.RepoTags {
		if tag == reference || expand(tag) == expand(reference) {
			return true
		}
	}
	return false
}

func (d *dockerItem) name(i int) string {
	if len(d.RepoTags) > 0 {
		return quoted(d.RepoTags[0])
	}
	return fmt.Sprintf("@%d", i)
}

func (a *DockerArchive) names() string {
	names := make([]string, len(a.images))
	for i, item := range a.images {
		names[i] = item.name(i)
	}
	return some(names)
}

// image reads the config and finds the layers.
func (d *dockerItem) image(ctx context.Context, c *contents) (*DockerImage, error) {
	raw, err := c.single(ctx, d.Config)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	img, err := newDockerImage(raw)
	if err != nil {
		return nil, fmt.Errorf("config %s: %w", quoted(d.Config), err)
	}
	if len(img.Layers) != len(d.Layers) {
		return nil, fmt.Errorf("its config lists %d diffIDs, manifest.json %d layers", len(img.Layers), len(d.Layers))
	}
	img.References = d.RepoTags
	for i, name := range d.Layers {
		if err := img.Layers[i].locate(name, c); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return img, nil
}

// locate says how the archive stores the layer.
func (l *DockerLayer) locate(name string, c *contents) error {
	name, e, err := c.find(name)
	if err != nil {
		return err
	}
	l.Entry, l.OffsetBytes, l.StoredBytes, l.StoredDigest = name, e.offset, e.size, storedDigest(name)
	switch l.Compression = e.compression; l.Compression {
	case "":
		l.UnpackedBytes = e.size
	case Gzip, Zstd:
	default:
		return fmt.Errorf("%s is compressed with %s, which no image format has", quoted(name), l.Compression)
	}
	return nil
}

// storedDigest is the digest that a blob's name states.
func storedDigest(name string) string {
	dir, hex := path.Split(name)
	digest := strings.TrimPrefix(path.Clean(dir), "blobs/") + ":" + hex
	if p, err := blobPath(digest); err != nil || p != name {
		return ""
	}
	return digest
}

// OpenLayer reads a layer as it is stored. The caller verifies and closes it.
func (a *DockerArchive) OpenLayer(ctx context.Context, l DockerLayer) (io.ReadCloser, error) {
	_, e, err := a.contents.find(l.Entry)
	if err != nil {
		return nil, fmt.Errorf("docker archive %s: layer %s: %w", a.file, l.DiffID, err)
	}
	r, err := a.contents.open(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("docker archive %s: layer %s: %w", a.file, l.DiffID, err)
	}
	return r, nil
}

// Close closes the file.
func (a *DockerArchive) Close() error { return a.contents.source.close() }
