package main

import (
	"math"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/reports"
)

// creations are the flags of what is asked about a new cache.
type creations struct {
	create  bool
	sizeGiB float64
}

func (c *creations) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&c.create, "create", false, "say instead what creating a cache of the images comes to: which cache it would reuse, time, size, cost")
	f.Float64Var(&c.sizeGiB, "size-gib", 0, "with --create, `GiB` of the new cache (default: the smallest that holds the images)")
}

func (c *creations) check(cmd *cobra.Command) error {
	switch {
	case !cmd.Flags().Changed("size-gib"):
		return nil
	case !c.create:
		return usagef("--size-gib is the size of a new cache: it needs --create")
	case !(c.sizeGiB >= matcher.MinCacheGiB && c.sizeGiB <= matcher.MaxCacheGiB):
		return usagef("--size-gib %v: a cache has %d to %d GiB", c.sizeGiB, matcher.MinCacheGiB, matcher.MaxCacheGiB)
	case c.sizeGiB != math.Trunc(c.sizeGiB):
		return usagef("--size-gib %v: ECI takes a whole number of GiB: ask for %g", c.sizeGiB, math.Ceil(c.sizeGiB))
	}
	return nil
}

// write answers for a job.
func (c *creations) write(job *cachebench.Job, out *outputs) error {
	creation, err := job.Create(c.sizeGiB)
	if err != nil {
		return err
	}
	s := job.Scenario
	return out.stage(matcher.CreationKind, creation, func() *reports.Report {
		return reports.New(reports.Input{
			Title: "A new image cache", Platform: s.Platform, Inventory: job.Inventory, NoSharing: true, Creation: creation, Coverage: &job.Coverage,
			Provenance: job.Provenance(),
		})
	})
}
