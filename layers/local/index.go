package local

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Names of an index's entries: the image specification's annotation, and the
// one that containerd and BuildKit write beside it, which holds the whole
// reference where the former holds only the tag.
const (
	refNameAnnotation   = "org.opencontainers.image.ref.name"
	imageNameAnnotation = "io.containerd.image.name"
)

const indexMediaType = "application/vnd.oci.image.index.v1+json"

// An index is the index.json of an OCI layout.
type index struct {
	raw     []byte
	entries []indexEntry
}

type indexEntry struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations"`
	Platform    *struct {
		OS           string `json:"os"`
		Architecture string `json:"architecture"`
	} `json:"platform"`
}

func (e indexEntry) descriptor() Descriptor { return Descriptor{e.MediaType, e.Digest, e.Size} }

// name is what the entry is called in messages.
func (e indexEntry) name() string {
	if name := e.Annotations[refNameAnnotation]; name != "" {
		return name
	}
	return e.Annotations[imageNameAnnotation]
}

func (e indexEntry) isFor(name string) bool {
	return e.Annotations[refNameAnnotation] == name || e.Annotations[imageNameAnnotation] == name || e.Digest == name
}

func parseIndex(raw []byte) (*index, error) {
	var doc struct {
		SchemaVersion int          `json:"schemaVersion"`
		Manifests     []indexEntry `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("index.json is not JSON of an image index: %w", err)
	}
	if doc.SchemaVersion != 2 {
		return nil, fmt.Errorf("index.json has schemaVersion %d, an image index has 2", doc.SchemaVersion)
	}
	if len(doc.Manifests) == 0 {
		return nil, fmt.Errorf("index.json lists no image")
	}
	return &index{raw, doc.Manifests}, nil
}

// lookup finds what a name stands for. Where all entries of index.json are one
// image for several platforms, it is index.json itself.
func (x *index) lookup(name string) (Descriptor, error) {
	if i, ok := position(name); ok {
		if i >= len(x.entries) {
			return Descriptor{}, absent("there is no image %s: there are %d, counted from @0", name, len(x.entries))
		}
		return x.entries[i].descriptor(), nil
	}
	found := x.named(name)
	switch {
	case len(found) == 0:
		return Descriptor{}, absent("it has no image named %s; %s", quoted(name), x.summary())
	case same(found):
		return found[0].descriptor(), nil
	case len(found) == len(x.entries) && perPlatform(found):
		return Descriptor{indexMediaType, digestOf(x.raw), int64(len(x.raw))}, nil
	case name == "":
		return Descriptor{}, fmt.Errorf("it holds %d images: name one of them; %s", len(found), x.summary())
	}
	return Descriptor{}, fmt.Errorf("%d of its images are named %s: choose one by its place in index.json, as @0, or by its digest", len(found), quoted(name))
}

// named returns the entries with a name; the empty name is that of all.
func (x *index) named(name string) []indexEntry {
	if name == "" {
		return x.entries
	}
	var found []indexEntry
	for _, e := range x.entries {
		if e.isFor(name) {
			found = append(found, e)
		}
	}
	return found
}

// summary names some of the images.
func (x *index) summary() string {
	var names []string
	for _, e := range x.entries {
		if name := e.name(); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
		if len(names) > 1000 { // enough to list five, and to bound the search
			break
		}
	}
	if len(names) == 0 {
		return "they have no names, but places: @0 and so on"
	}
	return "it has " + some(names)
}

func same(entries []indexEntry) bool {
	return !slices.ContainsFunc(entries, func(e indexEntry) bool { return e.Digest != entries[0].Digest })
}

// perPlatform says whether entries are one image for several platforms: all
// state their platform, and none has a name of its own.
func perPlatform(entries []indexEntry) bool {
	return !slices.ContainsFunc(entries, func(e indexEntry) bool {
		return e.Platform == nil || e.Platform.OS == "" || e.name() != entries[0].name()
	})
}

// position reads "@2", an image by its place in a list.
func position(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, "@")
	if !ok {
		return 0, false
	}
	i, err := strconv.ParseUint(digits, 10, 31)
	return int(i), err == nil
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// checkLayoutVersion reads the file oci-layout (image-layout.md, "oci-layout
// file").
func checkLayoutVersion(raw []byte) error {
	var doc struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		return fmt.Errorf("the file oci-layout is not JSON: %w", err)
	}
	if !strings.HasPrefix(doc.Version, "1.") {
		return fmt.Errorf("the OCI layout is of version %s, known is 1.0.0", quoted(doc.Version))
	}
	return nil
}
