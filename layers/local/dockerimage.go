package local

import (
	"encoding/json"
	"fmt"
	"time"
)

// DockerImage is an image whose source has no manifest: what docker save wrote,
// or what a Docker engine says of it.
type DockerImage struct {
	// ID is sha256:hex. In an archive, and on an engine with its classic store,
	// it is the digest of the config; on an engine with the containerd image
	// store, that of the manifest or index.
	ID string
	// References are the tags, as the source spells them.
	References []string
	// RepoDigests are the name@digest under which the engine knows the image to
	// be in registries; nil for an archive.
	RepoDigests []string
	// OS, Architecture and Variant are the platform; Variant is often empty.
	OS, Architecture, Variant string
	// Created is the zero time where it is unknown.
	Created time.Time
	// Layers are in order, base layer first.
	Layers []DockerLayer
	// History are the build steps, oldest first; empty where unknown.
	History []DockerStep
	// Config is the config document; nil for an engine, which does not show it.
	Config []byte
}

// DockerLayer is one layer of a DockerImage. A size that the source does not
// tell is -1.
type DockerLayer struct {
	// DiffID is the digest of the uncompressed tar.
	DiffID string
	// CreatedBy is the build step that made the layer; empty where the history
	// does not tell.
	CreatedBy string
	// UnpackedBytes is the length of the uncompressed tar: known where an
	// archive stores the layer uncompressed.
	UnpackedBytes int64
	// FileBytes is the sum of the sizes of the layer's files, as an engine
	// states it. It is less than UnpackedBytes by the tar's headers and padding.
	FileBytes int64
	// Entry is the layer's name in the archive; empty for an engine.
	Entry string
	// OffsetBytes is where the layer lies in the uncompressed archive. Who reads
	// many layers of a compressed archive reads them in ascending order.
	OffsetBytes int64
	// StoredBytes is the length as stored in the archive.
	StoredBytes int64
	// StoredDigest is the digest of the layer as stored, where the archive keeps
	// it under that name; the caller verifies it.
	StoredDigest string
	// Compression is Gzip or Zstd for a layer that is stored compressed, empty
	// for a plain tar.
	Compression string
}

// DockerStep is one step of an image's history.
type DockerStep struct {
	// CreatedBy is the instruction or command.
	CreatedBy string
	// Created is the zero time where it is unknown.
	Created time.Time
	// Empty is true for a step that made no layer.
	Empty bool
}

// dockerConfig is an image's config (Docker Image Specification v1.2, "Image
// JSON Field Descriptions"; OCI config.md has the same fields).
type dockerConfig struct {
	OS           string     `json:"os"`
	Architecture string     `json:"architecture"`
	Variant      string     `json:"variant"`
	Created      *time.Time `json:"created"`
	RootFS       struct {
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []struct {
		Created    *time.Time `json:"created"`
		CreatedBy  string     `json:"created_by"`
		EmptyLayer bool       `json:"empty_layer"`
	} `json:"history"`
}

// newDockerImage makes an image of its config; the layers have their diffIDs and
// steps, and nothing of how they are stored.
func newDockerImage(raw []byte) (*DockerImage, error) {
	var c dockerConfig
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, fmt.Errorf("it is not JSON of an image's config: %w", err)
	}
	img := &DockerImage{
		ID: digestOf(raw), OS: c.OS, Architecture: c.Architecture, Variant: c.Variant,
		Created: timeOf(c.Created), Config: raw,
	}
	for _, h := range c.History {
		img.History = append(img.History, DockerStep{h.CreatedBy, timeOf(h.Created), h.EmptyLayer})
	}
	return img, img.setLayers(c.RootFS.DiffIDs)
}

func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func (img *DockerImage) setLayers(diffIDs []string) error {
	for _, d := range diffIDs {
		if _, err := blobPath(d); err != nil {
			return fmt.Errorf("diffID: %w", err)
		}
	}
	for i, step := range img.steps(len(diffIDs)) {
		img.Layers = append(img.Layers, DockerLayer{
			DiffID: diffIDs[i], CreatedBy: step, UnpackedBytes: -1, FileBytes: -1, StoredBytes: -1,
		})
	}
	return nil
}

// steps are the build steps of n layers, empty where the history, which is
// optional, does not have exactly one for each.
func (img *DockerImage) steps(n int) []string {
	steps := make([]string, 0, n)
	for _, s := range img.History {
		if !s.Empty {
			steps = append(steps, s.CreatedBy)
		}
	}
	if len(steps) != n {
		return make([]string, n)
	}
	return steps
}
