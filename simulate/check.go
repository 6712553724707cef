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
		if err := w.checkSetup(&setup); err != nil {
			return fmt.Errorf("simulate nodes of class %q, %w", name, err)
		}
	}
	for i := range opt.NewNodes {
		n := &opt.NewNodes[i]
		if _, err := w.class(n.NodeClass); err != nil {
			return fmt.Errorf("simulate node %s: %w", n.Name, err)
		}
		if n.At < 0 || n.At > longest {
			return fmt.Errorf("simulate node %s: it is made at %v, not between 0 and %v", n.Name, n.At, longest)
		}
		if n.Until != 0 && (n.Until <= n.At || n.Until > longest) {
			return fmt.Errorf("simulate node %s: it is made at %v and ends at %v: it ends later, or never (0)", n.Name, n.At, n.Until)
		}
		for _, setup := range []*NodeSetup{n.Setup, n.Renewed} {
			if setup == nil {
				continue
			}
			if err := w.checkSetup(setup); err != nil {
				return fmt.Errorf("simulate node %s, %w", n.Name, err)
			}
		}
	}
	return nil
}

func (w *world) checkSetup(setup *NodeSetup) error {
	if err := w.checkImages(setup.Held); err != nil {
		return fmt.Errorf("held images: %w", err)
	}
	if err := w.checkImages(setup.Baked); err != nil {
		return fmt.Errorf("baked images: %w", err)
	}
	for i, u := range setup.InUse {
		if len(u.Images) == 0 {
			return fmt.Errorf("start %d in use: it names no image", i+1)
		}
		if err := w.checkImages(u.Images); err != nil {
			return fmt.Errorf("start %d in use: %w", i+1, err)
		}
	}
	for i, pod := range setup.Daemon {
		if len(pod) == 0 {
			return fmt.Errorf("daemon pod %d: it names no image", i+1)
		}
		if err := w.checkImages(pod); err != nil {
			return fmt.Errorf("daemon pod %d: %w", i+1, err)
		}
	}
	return nil
}

// check refuses a start that cannot be simulated, by name.
func (w *world) check(s *Start) error {
	if err := s.check(); err != nil {
		return err
	}
	switch {
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

// check refuses what is a start's own, not its template's.
func (s *Start) check() error {
	switch {
	case s.Requested < 0 || s.Runtime < 0:
		return fmt.Errorf("simulate app %s: a time is negative (requested %v, runtime %v)", s.App, s.Requested, s.Runtime)
	case s.Requested > longest:
		return fmt.Errorf("simulate app %s: its start is requested after more than %v (%v)", s.App, longest, s.Requested)
	case s.Ready != nil && *s.Ready < 0:
		return fmt.Errorf("simulate app %s: its time to ready is negative (%v)", s.App, *s.Ready)
	case s.Ready != nil && *s.Ready > longest:
		return fmt.Errorf("simulate app %s: its time to ready is longer than %v (%v)", s.App, longest, *s.Ready)
	case s.ReadFraction != nil && !(*s.ReadFraction >= 0 && *s.ReadFraction <= 1):
		return fmt.Errorf("simulate app %s: readFraction %v is not a share from 0 to 1", s.App, *s.ReadFraction)
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
