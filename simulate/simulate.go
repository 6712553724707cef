// Package simulate replays starts in virtual time on a profile and returns when
// each was ready, and why not earlier.
//
// The model is that of the design, "a startup, in phases": admit, provision,
// attach, resolve, fetch, unpack, create, ready. Transfers share links max-min
// fairly (package network), unpacks share cores and disk (package unpack). A
// start on a node of no name has an instance of its own, as on ECI; starts on a
// named node share its layers, its interface, its cores and its disk.
//
// It reads no files and no clock; the same inputs and seed give the same
// result. It does not know registries that fail, lazy formats, or a program's
// own use of the disk.
//
// Use: Run for many starts, EstimateStart for one on an idle node.
package simulate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
)

// Start is one start to simulate.
type Start struct {
	App string
	// Requested is the time of the request since the timeline's origin.
	Requested time.Duration
	// Images are positions in the Inventory in the order of the pull, init
	// containers first.
	Images []int
	// Held are positions of the images that the matched cache holds; CacheID is
	// empty when none was matched.
	Held    []int
	CacheID string
	// PullPolicy is Always, IfNotPresent, Never or empty: Always for :latest or
	// no tag, else IfNotPresent.
	PullPolicy string
	// Node names a machine that keeps its layers; empty is a new instance.
	Node string
	// NodeClass names a class of the profile; empty is the profile itself.
	NodeClass string
	// Runtime is how long it runs once ready; images in use are not evicted.
	Runtime time.Duration
	// Ready and ReadFraction override the profile's where not nil.
	Ready        *time.Duration
	ReadFraction *float64
}

// Options say how to run.
type Options struct {
	// Arm labels the startups.
	Arm string
	// Seed decides every draw; arms with one seed share their draws.
	Seed uint64
	// Repeats is how many times everything is simulated; 0 means once.
	Repeats int
	// Spans says whether a start's spans are kept; nil keeps none.
	Spans func(start int) bool
}

// Run simulates starts, which need no order, and returns a startup for each and
// each repeat, repeat by repeat in the order of starts. It stops when ctx ends.
func Run(ctx context.Context, inv *layers.Inventory, profile *Profile, starts []Start, opt Options) ([]Startup, error) {
	if err := profile.Validate(); err != nil {
		return nil, err
	}
	w, err := newWorld(inv, profile, starts)
	if err != nil {
		return nil, err
	}
	repeats := max(1, opt.Repeats)
	startups := make([]Startup, 0, repeats*len(starts))
	for r := range repeats {
		one, err := w.run(ctx, opt, r)
		if err != nil {
			return nil, err
		}
		startups = append(startups, one...)
	}
	return startups, nil
}

// world is what all repeats share.
type world struct {
	inv    *layers.Inventory
	chains *layers.Chains
	// layer is a layer at the top of each chain, for its unpacked size; blobs
	// are those that each image names for its chains, which may differ: the same
	// content can be compressed in several ways.
	layer   []int
	blobs   []map[int]int
	profile *Profile
	classes map[string]*Profile
	starts  []Start
}

func newWorld(inv *layers.Inventory, profile *Profile, starts []Start) (*world, error) {
	w := &world{inv: inv, chains: inv.Chains(), profile: profile, classes: map[string]*Profile{}, starts: starts}
	w.layer = make([]int, len(w.chains.Parents))
	w.blobs = make([]map[int]int, len(inv.Images))
	for i, img := range inv.Images {
		w.blobs[i] = make(map[int]int, len(img.Layers))
		for j, l := range img.Layers {
			c := w.chains.Images[i][j]
			w.blobs[i][c] = l
			w.layer[c] = max(w.layer[c], l)
		}
	}
	for i := range starts {
		if err := w.check(&starts[i]); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// check refuses a start that cannot be simulated, by name.
func (w *world) check(s *Start) error {
	if s.Requested < 0 || s.Runtime < 0 {
		return fmt.Errorf("simulate app %s: a time is negative (requested %v, runtime %v)", s.App, s.Requested, s.Runtime)
	}
	if s.Ready != nil && *s.Ready < 0 {
		return fmt.Errorf("simulate app %s: its time to ready is negative (%v)", s.App, *s.Ready)
	}
	if s.ReadFraction != nil && !(*s.ReadFraction >= 0 && *s.ReadFraction <= 1) {
		return fmt.Errorf("simulate app %s: readFraction %v is not a share from 0 to 1", s.App, *s.ReadFraction)
	}
	if len(s.Images) == 0 {
		return fmt.Errorf("simulate app %s: it names no image", s.App)
	}
	for _, i := range slices.Concat(s.Images, s.Held) {
		if i < 0 || i >= len(w.inv.Images) {
			return fmt.Errorf("simulate app %s: image %d is not in the inventory (%d images)", s.App, i, len(w.inv.Images))
		}
		for _, l := range w.inv.Images[i].Layers {
			if layer := &w.inv.Layers[l]; layer.UnpackedBytes == nil || layer.CompressedBytes < 0 || *layer.UnpackedBytes < 0 {
				return fmt.Errorf("simulate app %s: layer %s of image %s has no usable size: analyze the image again, or give unpackedBytes in the inventory", s.App, layer.Digest, w.inv.Images[i].Reference)
			}
		}
	}
	if _, ok := w.classes[s.NodeClass]; !ok {
		class, err := w.profile.Class(s.NodeClass)
		if err != nil {
			return fmt.Errorf("simulate app %s: %w", s.App, err)
		}
		w.classes[s.NodeClass] = class
	}
	return nil
}

// pulls says whether an image is asked for at the registry though it is present.
func (s *Start) pulls(reference string) bool {
	switch s.PullPolicy {
	case "Always":
		return true
	case "IfNotPresent", "Never":
		return false
	}
	n, err := layers.ParseName(reference)
	return err == nil && n.Digest == "" && n.Tag == "latest"
}

// hit words what a start found. A start that needs no layer found nothing unless
// a cache was matched.
func (s *Start) hit(present, missing int) matcher.Hit {
	switch {
	case missing == 0 && (present > 0 || s.CacheID != ""):
		return matcher.FullHit
	case present > 0:
		return matcher.PartialHit
	}
	return matcher.Miss
}
