package simulate

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// longest is more than any start takes; it keeps virtual time from overflowing.
const longest = 10 * 365 * 24 * time.Hour

// checkOptions refuses faults and set-ups of nodes that cannot be, by name.
func (w *world) checkOptions(opt *Options) error {
	for i := range opt.Faults {
		f := &opt.Faults[i]
		if err := f.Validate(); err != nil {
			return fmt.Errorf("simulate fault %d (%s): %w", i+1, f.Kind, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(opt.Nodes)) {
		if _, err := w.class(name); err != nil {
			return fmt.Errorf("simulate nodes of class %q: %w", name, err)
		}
		setup := opt.Nodes[name]
		if err := w.checkImages(setup.Held); err != nil {
			return fmt.Errorf("simulate nodes of class %q, held images: %w", name, err)
		}
		for i, pod := range setup.Daemon {
			if len(pod) == 0 {
				return fmt.Errorf("simulate nodes of class %q, daemon pod %d: it names no image", name, i+1)
			}
			if err := w.checkImages(pod); err != nil {
				return fmt.Errorf("simulate nodes of class %q, daemon pod %d: %w", name, i+1, err)
			}
		}
	}
	return nil
}

// check refuses a start that cannot be simulated, by name.
func (w *world) check(s *Start) error {
	switch {
	case s.Requested < 0 || s.Runtime < 0:
		return fmt.Errorf("simulate app %s: a time is negative (requested %v, runtime %v)", s.App, s.Requested, s.Runtime)
	case s.Ready != nil && *s.Ready < 0:
		return fmt.Errorf("simulate app %s: its time to ready is negative (%v)", s.App, *s.Ready)
	case s.Ready != nil && *s.Ready > longest:
		return fmt.Errorf("simulate app %s: its time to ready is longer than %v (%v)", s.App, longest, *s.Ready)
	case s.ReadFraction != nil && !(*s.ReadFraction >= 0 && *s.ReadFraction <= 1):
		return fmt.Errorf("simulate app %s: readFraction %v is not a share from 0 to 1", s.App, *s.ReadFraction)
	case len(s.Images) == 0:
		return fmt.Errorf("simulate app %s: it names no image", s.App)
	case len(s.Images) > most:
		return fmt.Errorf("simulate app %s: it names %d images, more than %d", s.App, len(s.Images), most)
	case !slices.Contains([]string{"", "Always", "IfNotPresent", "Never"}, s.PullPolicy):
		return fmt.Errorf("simulate app %s: pull policy %q is none of Always, IfNotPresent, Never", s.App, s.PullPolicy)
	}
	for _, images := range [][]int{s.Images, s.Held} {
		if err := w.checkImages(images); err != nil {
			return fmt.Errorf("simulate app %s: %w", s.App, err)
		}
	}
	if _, err := w.class(s.NodeClass); err != nil {
		return fmt.Errorf("simulate app %s: %w", s.App, err)
	}
	return nil
}

// most images of a start and layers of an image can be numbered.
const most = math.MaxUint16 - 1

// checkImages refuses images that are not there or cannot be simulated.
func (w *world) checkImages(images []int) error {
	for _, i := range images {
		if i < 0 || i >= len(w.inv.Images) {
			return fmt.Errorf("image %d is not in the inventory (%d images)", i, len(w.inv.Images))
		}
		if w.usable[i] {
			continue
		}
		img := &w.inv.Images[i]
		if len(img.Layers) > most {
			return fmt.Errorf("image %s has %d layers, more than %d", img.Reference, len(img.Layers), most)
		}
		for _, l := range img.Layers {
			if !w.layers[l].usable {
				return fmt.Errorf("layer %s of image %s has no usable size: analyze the image again, or give unpackedBytes in the inventory", w.inv.Layers[l].Digest, img.Reference)
			}
		}
	}
	return nil
}
