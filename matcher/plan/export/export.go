// Package export writes plans in the forms in which other programs take them: to
// build image caches, to name them in pods, to pull images to nodes before they
// are needed, to build disks for nodes.
//
// A form holds what the plan chose, in its order of gain, and nothing else: every
// image of the plan stands in it once, under the name that the workload gives it,
// so that what is cached is what starts ask for. Text comes before each document as
// a comment that says what it is, what to beware of and how it is applied. The same
// plan gives the same bytes.
//
// It refuses what could not work where it is applied, before anybody pays for it: a
// cache too small for its images, an image that is on the planner's own disk and in
// no registry, a DaemonSet of which no one said to which nodes it goes, an ID of a
// cache that is not built yet.
//
// It does not apply anything, nor ask a service or a cluster.
//
// Sources: the project's fact sheets, cited as "eci §" and "peers"; the API of
// Kubernetes; the definitions of OpenKruise, cited where they are used.
//
// Use: fill an Input, call Render with a Format.
package export

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
)

// ErrNothing is of plans that have nothing of what a format holds.
var ErrNothing = errors.New("nothing to export")

// Input is what is exported.
type Input struct {
	Plan *plan.Plan
	// Pools are the node pools with the images that the plan chose for them.
	Pools []Pool
	// Existing are the account's caches: they tell the IDs of those that are built.
	Existing []matcher.Cache
	// Digests are what references meant when the plan was made, of those of which the
	// plan does not tell it itself; one that is not there is unknown.
	Digests map[string]layers.Digest
}

// Options are what a plan does not say. The zero value will do, but for the nodes of
// a pool: see Pool.
type Options struct {
	// First takes only the first caches of the plan, and of each pool only the first
	// images, this many; 0 takes all.
	First int
	// Pools takes only the pools of these names; none takes all.
	Pools []string
	// Namespace is of what is made in one; empty leaves it to who applies it.
	Namespace string
	// ImagePullSecrets name the secrets for private registries: in the namespace, and
	// of image caches as namespace:name (eci §4.2).
	ImagePullSecrets []string
	Caches           CacheOptions
	Patches          PatchOptions
	Nodes            NodeOptions
}

// Render writes what in holds of a format. It fails with ErrNothing where that is
// nothing, and otherwise names what of the input cannot be exported.
func Render(format Format, in Input, opt Options) ([]byte, error) {
	if err := opt.Check(); err != nil {
		return nil, err
	}
	e := &exporter{Input: in, opt: opt, planned: plannedDigests(in.Plan)}
	switch format {
	case CacheApply:
		return e.cacheSet()
	case ImageCacheCRD:
		return e.imageCaches()
	case PodPatches:
		return e.podPatches()
	case DaemonSet:
		return e.daemonSets()
	case ImagePullJob:
		return e.pullJobs()
	case ImageList, ImageListGKE, ImageListCtr:
		return e.imageList(format)
	case List:
		return e.list()
	}
	_, err := ParseFormat(string(format))
	return nil, err
}

// Check says what is wrong with the options themselves, whatever the plan.
func (o *Options) Check() error {
	if o.First < 0 {
		return fmt.Errorf("the first %d of a plan cannot be taken: say how many, 1 or more", o.First)
	}
	if o.Namespace != "" && !isLabel(o.Namespace) {
		return fmt.Errorf("namespace %q is no name of Kubernetes: lower-case letters, digits and hyphens, at most %d", o.Namespace, maxLabel)
	}
	return errors.Join(o.Caches.check(), o.Patches.check(), o.Nodes.check())
}

// An exporter has what the forms are made of.
type exporter struct {
	Input
	opt Options
	// planned are the digests that the plan tells, by the bare reference.
	planned map[string]layers.Digest
}

// caches are those of the plan that are wanted; ErrNothing when there are none.
func (e *exporter) caches() ([]plan.PlannedCache, error) {
	list := e.Plan.Caches
	if len(list) == 0 {
		return nil, e.nothing("no cache")
	}
	if e.opt.First > 0 {
		list = list[:min(e.opt.First, len(list))]
	}
	for i := range list {
		if err := e.checkCache(&list[i]); err != nil {
			return nil, fmt.Errorf("cache %s of the plan: %w", said(list[i].Name), err)
		}
	}
	return list, nil
}

// nothing is the error of a plan that has none of what is asked for.
func (e *exporter) nothing(what string) error {
	reason := strings.TrimSuffix(e.Plan.Reason, ".")
	if reason != "" {
		reason = ": " + reason
	}
	return fmt.Errorf("%w: the plan holds %s; its verdict is %q%s", ErrNothing, what, e.Plan.Verdict, reason)
}

// pools are those that are wanted and have images, with the first of their images:
// those that Options name, else those whose verdict is one of these.
func (e *exporter) pools(verdicts ...string) ([]Pool, error) {
	for _, name := range e.opt.Pools {
		if !slices.ContainsFunc(e.Pools, func(p Pool) bool { return p.Name == name }) {
			return nil, fmt.Errorf("the plan has no node pool %q; it has %s", name, poolNames(e.Pools))
		}
	}
	var list []Pool
	var others []string
	for _, p := range e.Pools {
		named := slices.Contains(e.opt.Pools, p.Name)
		switch {
		case len(e.opt.Pools) > 0 && !named:
			continue
		case !named && !slices.Contains(verdicts, p.Verdict), len(p.Images) == 0:
			others = append(others, p.verdict())
			continue
		}
		p, err := e.pool(p)
		if err != nil {
			return nil, fmt.Errorf("node pool %s: %w", said(p.Name), err)
		}
		list = append(list, p)
	}
	switch {
	case len(list) > 0:
		return list, nil
	case len(others) > 0:
		return nil, fmt.Errorf("%w for node pools: %s; to export the images of one all the same, name it (--pool)", ErrNothing, strings.Join(others, "; "))
	}
	return nil, e.nothing("no image for a node pool")
}

// pool completes a pool, and refuses one whose images could not be pulled.
func (e *exporter) pool(p Pool) (Pool, error) {
	p.Images = slices.Clone(p.Images)
	if e.opt.First > 0 {
		p.Images = p.Images[:min(e.opt.First, len(p.Images))]
	}
	for i := range p.Images {
		image := &p.Images[i]
		if _, err := parse(image.Reference); err != nil {
			return p, err
		}
		if image.Digest == "" {
			image.Digest = e.digest(image.Reference)
		}
		if image.Digest != "" && image.Digest.Validate() != nil {
			return p, fmt.Errorf("image %s: %w", image.Reference, image.Digest.Validate())
		}
	}
	if p.Platform == "" {
		p.Platform = e.Plan.Platform
	}
	return p, errors.Join(checkPlatform(p.Platform), e.checkPinned(p.Images))
}

func poolNames(pools []Pool) string {
	if len(pools) == 0 {
		return "none"
	}
	var names []string
	for _, p := range pools {
		names = append(names, said(p.Name))
	}
	return strings.Join(names, ", ")
}
