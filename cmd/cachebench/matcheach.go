package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// matchEach answers for each image by itself: those named, else the scenario's
// workload's, else all of the inventory.
func matchEach(cmd *cobra.Command, images []string, in *inputs, out *outputs) error {
	if err := out.check(); err != nil {
		return err
	}
	s, err := in.load(cmd, out)
	if err != nil {
		return err
	}
	s.Images = append(s.Images, images...)
	if s.Inventory == nil && len(s.References()) == 0 {
		return usagef("--each needs images: name some, or an --inventory")
	}
	inv, lookErr := in.lookUp(cmd, s)
	if inv == nil {
		return lookErr
	}
	if len(images) == 0 && s.Workload != nil {
		images = s.Workload.References()
	}
	best := s.BestCaches(inv, images)
	report := func() *reports.Report {
		return reports.New(reports.Input{
			Title: "The best cache of each image", Platform: best.Platform, BestCaches: best,
			Provenance: simulate.Provenance{Version: cachebench.Version, Now: s.Now, Inputs: s.Inputs},
		})
	}
	if err := out.stage(matcher.BestCachesKind, best, report); err != nil {
		return err
	}
	return errors.Join(lookErr, missing(images, best))
}

// missing is the error of the first image that was named and not found.
func missing(images []string, best *matcher.BestCaches) error {
	for _, ref := range images {
		if !slices.ContainsFunc(best.Images, func(b matcher.BestCache) bool { return b.Reference == ref }) {
			return fmt.Errorf("image %s is not in the inventory for %s and is left out: see analyze for why", ref, best.Platform)
		}
	}
	return nil
}
