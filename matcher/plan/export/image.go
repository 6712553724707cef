package export

import (
	"errors"
	"fmt"
	"strings"

	"github.com/distribution/reference"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
)

// Image is an image that a node is to hold.
type Image struct {
	// Reference is its name as the workload has it.
	Reference string
	// Digest is what the reference meant when the plan was made; empty when unknown.
	Digest layers.Digest
}

// How images are named where a node pulls them.
const (
	// PinDigest names them by digest, which must be known. Of name:tag@digest a node keeps
	// the digest alone (containerd, internal/cri/server/images/image_pull.go: the tag is
	// dropped by reference.ParseDockerRef; OpenKruise, pkg/daemon/util, does the same).
	PinDigest = "digest"
	// PinTag names them as the workload does.
	PinTag = "tag"
	// PinBoth names them by digest first, then as the workload does.
	PinBoth = "both"
)

// parse reads a reference that a registry serves, without the transport docker://
// that may stand before it.
func parse(ref string) (reference.Named, error) {
	if _, ok := layers.RegistryOf(ref); !ok {
		if _, err := layers.ParseName(ref); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("image %q is on the disk or in an engine of who made the plan: plan with its name in a registry", ref)
	}
	named, err := reference.ParseNormalizedNamed(bare(ref))
	if err != nil {
		return nil, fmt.Errorf("%q is no image reference that a node takes: %w", ref, err)
	}
	return named, nil
}

// bare is a reference without docker://.
func bare(ref string) string { return strings.TrimPrefix(ref, "docker://") }

// pinned is the name by digest. One that has a digest already, or of which none is
// known, stays.
func (i *Image) pinned() string {
	ref := bare(i.Reference)
	if i.Digest == "" || strings.Contains(ref, "@") {
		return ref
	}
	return ref + "@" + string(i.Digest)
}

// names are what a node is to pull, so that it holds the image.
func (i *Image) names(pin string) []string {
	byTag, byDigest := bare(i.Reference), i.pinned()
	switch {
	case pin == PinTag || byTag == byDigest:
		return []string{byTag}
	case pin == PinBoth:
		return []string{byDigest, byTag}
	}
	return []string{byDigest}
}

// full is a name with everything that short ones leave out: registry, library/, tag.
func full(ref string) string {
	named, err := parse(ref)
	if err != nil {
		return ref // parse has been asked before
	}
	return reference.TagNameOnly(named).String()
}

// DigestsOf are the digests that references had when they were looked up: of their
// indexes where there are such, which are the same on every platform. Where a tag moved,
// it is what it meant last.
func DigestsOf(inv *layers.Inventory) map[string]layers.Digest {
	digests := map[string]layers.Digest{}
	for i := range inv.Images {
		image := &inv.Images[i]
		if _, ok := layers.RegistryOf(image.Reference); !ok {
			continue // it may be the digest of a config
		}
		digests[image.Reference] = image.Digest
		if image.IndexDigest != "" {
			digests[image.Reference] = image.IndexDigest
		}
	}
	return digests
}

// ErrNoDigest is of images that are to be named by digest, of which none is known.
var ErrNoDigest = errors.New("the digest of an image is not known")

// plannedDigests are what a plan's references meant when it was made, as far as it tells.
func plannedDigests(p *plan.Plan) map[string]layers.Digest {
	digests := make(map[string]layers.Digest)
	for i := range p.Caches {
		for _, content := range p.Caches[i].Contents {
			d, ref := layers.Digest(content.Digest), bare(content.Reference)
			if _, told := digests[ref]; !told && d.Validate() == nil {
				digests[ref] = d
			}
		}
	}
	return digests
}

// digest is what a reference meant when the plan was made, as the plan tells it, else as
// it was handed in; empty when unknown.
func (e *exporter) digest(ref string) layers.Digest {
	if d, ok := e.planned[bare(ref)]; ok {
		return d
	}
	d, ok := e.Digests[ref]
	if !ok {
		d = e.Digests["docker://"+ref]
	}
	if d.Validate() != nil {
		return ""
	}
	return d
}

// checkPinned refuses images that are to be named by digest and cannot be.
func (e *exporter) checkPinned(images []Image) error {
	if e.opt.Nodes.Pin != PinDigest {
		return nil
	}
	var unknown []string
	for i := range images {
		if name := images[i].pinned(); !strings.Contains(name, "@") {
			unknown = append(unknown, name)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s; give an inventory that lists them (--inventory), plan anew, or name them by tag (--pin tag)", ErrNoDigest, saidAll(unique(unknown)))
}

// unique are the texts, each where it stands first.
func unique(texts []string) []string {
	var list []string
	seen := map[string]bool{}
	for _, t := range texts {
		if !seen[t] {
			seen[t] = true
			list = append(list, t)
		}
	}
	return list
}
