package layers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// Media types that the OCI specification does not define. Docker's are those of
// the Docker Image Manifest Version 2, Schema 2 specification.
const (
	dockerManifest    = "application/vnd.docker.distribution.manifest.v2+json"
	dockerIndex       = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerConfig      = "application/vnd.docker.container.image.v1+json"
	dockerSchema1     = "application/vnd.docker.distribution.manifest.v1+json"
	dockerSchema1Sign = "application/vnd.docker.distribution.manifest.v1+prettyjws"
	dockerTar         = "application/vnd.docker.image.rootfs.diff.tar"
	// ociForeignTar is deprecated since OCI 1.1 but still occurs.
	ociForeignTar = "application/vnd.oci.image.layer.nondistributable.v1.tar"
)

// maxBytes is more than any layer has (1 PiB): sums of sizes up to it do not
// overflow.
const maxBytes = 1 << 50

// attestationType marks an index's children that are not images but statements
// about one (BuildKit's vnd.docker.reference.type annotation).
const attestationType = "vnd.docker.reference.type"

// digestOf hashes content as registries do.
func digestOf(content []byte) Digest {
	sum := sha256.Sum256(content)
	return Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// A descriptor points at a document or blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      Digest            `json:"digest"`
	Size        int64             `json:"size"`
	Platform    *platform         `json:"platform"`
	Annotations map[string]string `json:"annotations"`
}

// Validate refuses what is not sha256 and 64 hex digits.
func (d Digest) Validate() error {
	hexDigits, ok := strings.CutPrefix(string(d), "sha256:")
	if !ok || len(hexDigits) != 64 || strings.Trim(hexDigits, "0123456789abcdef") != "" {
		return fmt.Errorf("digest %q is not sha256: and 64 hex digits", string(d))
	}
	return nil
}

func (d descriptor) validate() error {
	if err := d.Digest.Validate(); err != nil {
		return err
	}
	if d.Size < 0 || d.Size > maxBytes {
		return fmt.Errorf("size of %s is impossible (%d bytes)", d.Digest, d.Size)
	}
	return nil
}

// isImage says whether an index's child may be an image: attestations and
// entries for the platform unknown/unknown are not.
func (d descriptor) isImage() bool {
	if d.Annotations[attestationType] != "" {
		return false
	}
	return d.Platform == nil || d.Platform.OS != "unknown"
}

// A document is what a manifest request returns: an index or a manifest.
type manifestDocument struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	ArtifactType  string       `json:"artifactType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
	Manifests     []descriptor `json:"manifests"`
}

// parseManifest reads an index or manifest; contentType is what the server
// called it, used only where the document does not say itself.
func parseManifest(raw []byte, contentType string) (*manifestDocument, error) {
	var doc manifestDocument
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("the manifest is not JSON (content type %q): %w", contentType, err)
	}
	if doc.MediaType == "" {
		doc.MediaType = contentType
		if plain, _, err := mime.ParseMediaType(contentType); err == nil {
			doc.MediaType = plain
		}
	}
	if doc.SchemaVersion == 1 || doc.MediaType == dockerSchema1 || doc.MediaType == dockerSchema1Sign {
		return nil, fmt.Errorf("the manifest is Docker schema 1, which states neither layer sizes nor diffIDs and which containerd 2.1 no longer pulls: push the image again with a current builder")
	}
	if doc.SchemaVersion != 2 {
		return nil, fmt.Errorf("the document has schemaVersion %d and is no image manifest (content type %q)", doc.SchemaVersion, contentType)
	}
	return &doc, doc.validate()
}

func (doc *manifestDocument) validate() error {
	if doc.isIndex() {
		return validateAll(doc.Manifests)
	}
	switch doc.MediaType {
	case v1.MediaTypeImageManifest, dockerManifest:
	default:
		return fmt.Errorf("the document is of type %q, neither an image manifest nor an index", doc.MediaType)
	}
	switch doc.Config.MediaType {
	case v1.MediaTypeImageConfig, dockerConfig:
	default:
		return fmt.Errorf("the manifest's config is of type %q: this is an artifact, not a container image", doc.Config.MediaType)
	}
	if err := doc.Config.validate(); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return validateAll(doc.Layers)
}

func validateAll(ds []descriptor) error {
	for i, d := range ds {
		if err := d.validate(); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return nil
}

func (doc *manifestDocument) isIndex() bool {
	return doc.MediaType == v1.MediaTypeImageIndex || doc.MediaType == dockerIndex
}

// A config is the part of an image's config document that is used here.
type config struct {
	platform
	Created *time.Time `json:"created"`
	RootFS  struct {
		DiffIDs []Digest `json:"diff_ids"`
	} `json:"rootfs"`
	History []struct {
		CreatedBy  string `json:"created_by"`
		EmptyLayer bool   `json:"empty_layer"`
	} `json:"history"`
}

// parseConfig reads an image's config and checks it against the number of
// layers in its manifest.
func parseConfig(raw []byte, layers int) (*config, error) {
	var c config
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("the config is not JSON: %w", err)
	}
	if len(c.RootFS.DiffIDs) != layers {
		return nil, fmt.Errorf("the config lists %d diffIDs, the manifest %d layers", len(c.RootFS.DiffIDs), layers)
	}
	return &c, nil
}

// createdBy returns the build step of each layer; entries are empty when the
// history does not tell (it is optional, and then often shorter).
func (c *config) createdBy() []string {
	steps := make([]string, len(c.RootFS.DiffIDs))
	i := 0
	for _, h := range c.History {
		if h.EmptyLayer {
			continue
		}
		if i == len(steps) {
			return make([]string, len(steps))
		}
		steps[i] = h.CreatedBy
		i++
	}
	return steps
}
