package local

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// DefaultContainerdRoot is containerd's root directory unless its configuration
// says otherwise.
const DefaultContainerdRoot = "/var/lib/containerd"

// Containerd is the store of a containerd (containerd:REF), read as files: its
// content store, and the names in its metadata. containerd need not be running;
// where it is, it is neither asked nor disturbed.
//
// The files are those of containerd 1.0 to 2.x: content by digest under
// io.containerd.content.v1.content/blobs (plugins/content/local/store.go), names
// in io.containerd.metadata.v1.bolt/meta.db, a bbolt database
// (core/metadata/buckets.go has its schema).
type Containerd struct {
	root, namespace string
	metadata        *metadata
}

// OpenContainerd reads the names in the store at root, of a namespace. An empty
// root means CONTAINERD_ROOT or, without it, DefaultContainerdRoot; an empty
// namespace CONTAINERD_NAMESPACE or "default". Kubernetes uses k8s.io, Docker
// moby.
func OpenContainerd(ctx context.Context, root, namespace string) (*Containerd, error) {
	root = cmp.Or(root, os.Getenv("CONTAINERD_ROOT"), DefaultContainerdRoot)
	namespace = cmp.Or(namespace, os.Getenv("CONTAINERD_NAMESPACE"), "default")
	m, err := readMetadata(ctx, filepath.Join(root, "io.containerd.metadata.v1.bolt", "meta.db"), namespace)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, absent("there is no containerd store at %s: set --containerd-root or CONTAINERD_ROOT to the root of containerd's configuration (containerd config dump shows it; k3s: /var/lib/rancher/k3s/agent/containerd)", root)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("open containerd's store at %s: permission denied: run as root", root)
	case err != nil:
		return nil, fmt.Errorf("open containerd's store at %s: %w", root, err)
	}
	return &Containerd{root, namespace, m}, nil
}

// Lookup implements Store. A name is tried as it is given, then as containerd
// spells it out: nginx is docker.io/library/nginx:latest.
func (c *Containerd) Lookup(_ context.Context, name string) (Descriptor, error) {
	images := c.metadata.images[c.namespace]
	if name == "" {
		if len(images) != 1 {
			return Descriptor{}, c.errorf("it holds %d images: name one%s", len(images), listed(images))
		}
		for _, d := range images {
			return d, nil
		}
	}
	if d, ok := lookupImage(images, name); ok {
		return d, nil
	}
	if others := c.elsewhere(name); len(others) > 0 {
		return Descriptor{}, c.absent("it has no image %s, but namespace %s has: set CONTAINERD_NAMESPACE", quoted(name), some(others))
	}
	return Descriptor{}, c.absent("it has no image %s%s", quoted(name), listed(images))
}

func (c *Containerd) errorf(format string, args ...any) error {
	return fmt.Errorf("containerd's store at %s, namespace %s: %w", c.root, quoted(c.namespace), fmt.Errorf(format, args...))
}

// absent is errorf for what the store lacks.
func (c *Containerd) absent(format string, args ...any) error {
	return absent("%v", c.errorf(format, args...))
}

func lookupImage(images map[string]Descriptor, name string) (Descriptor, bool) {
	for _, n := range []string{name, expand(name)} {
		if d, ok := images[n]; ok {
			return d, true
		}
	}
	if _, err := blobPath(name); err != nil {
		return Descriptor{}, false
	}
	for _, d := range images {
		if d.Digest == name { // all that have it are the same content
			return d, true
		}
	}
	return Descriptor{}, false
}

// listed names some images, where there are any.
func listed(images map[string]Descriptor) string {
	if len(images) == 0 {
		return ""
	}
	return "; it has " + some(slices.Sorted(maps.Keys(images)))
}

// elsewhere returns the other namespaces that have an image.
func (c *Containerd) elsewhere(name string) []string {
	var others []string
	for _, namespace := range slices.Sorted(maps.Keys(c.metadata.images)) {
		if _, ok := lookupImage(c.metadata.images[namespace], name); ok && namespace != c.namespace {
			others = append(others, namespace)
		}
	}
	return others
}

// Document implements Store.
func (c *Containerd) Document(ctx context.Context, digest string, limitBytes int64) ([]byte, error) {
	r, err := c.Blob(ctx, digest)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	raw, err := readDocument(r, limitBytes)
	if err != nil {
		return nil, c.errorf("read %s: %w", digest, err)
	}
	return raw, nil
}

// Blob implements Store. Namespaces share content, so one that only another
// namespace pulled is found too. A blob may be absent by intent: containerd drops layers
// after unpacking where discard_unpacked_layers is set, and pulls only the
// platform that it runs.
func (c *Containerd) Blob(_ context.Context, digest string) (io.ReadCloser, error) {
	path, err := blobPath(digest)
	if err != nil {
		return nil, c.errorf("%w", err)
	}
	f, err := openRegular(filepath.Join(c.root, "io.containerd.content.v1.content", filepath.FromSlash(path)))
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, c.errorf("permission denied on %s: run as root", digest)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, c.errorf("open %s: %w", digest, err)
	case c.metadata.blobs[digest]:
		return nil, c.absent("content of %s is recorded but missing on disk: the store is damaged or has just changed; pull the image again", digest)
	}
	return nil, c.absent("no content of %s: it was dropped after unpacking (discard_unpacked_layers in containerd's configuration) or is of a platform that was not pulled; read the image from its registry", digest)
}

// Close implements Store.
func (c *Containerd) Close() error { return nil }
