package main

import (
	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

func newMatch(io *streams) *cobra.Command {
	in, out := &inputs{io: io}, &outputs{io: io}
	cmd := &cobra.Command{
		Use:   "match [IMAGE...]",
		Short: "Which image cache ECI would pick, and why",
		Long: `Match says which of the existing image caches ECI's automatic matching would
pick for a container group of the images named, or for each app of a workload,
why, and what is still pulled; and for a workload, what a month of its starts
would find there and in the automatic caches that ECI makes by itself.
Candidates and the keys that placed them are in the JSON output.`,
		Example: `  cachebench match nginx:1.27 redis:7 --caches caches.yaml
  cachebench match --inventory inventory.json --workload workload.yaml --caches caches.yaml
  cachebench match --scenario scenario.yaml --policy size=matched-bytes --output json`,
		RunE: func(cmd *cobra.Command, args []string) error { return match(cmd, args, in, out) },
	}
	in.addImageFlags(cmd)
	in.addWorkloadFlags(cmd)
	in.addModelFlags(cmd)
	out.addFlags(cmd, "the matches")
	return cmd
}

func match(cmd *cobra.Command, images []string, in *inputs, out *outputs) error {
	job, err := load(cmd, in, out, func(s *cachebench.Scenario) error {
		if len(images) > 0 {
			s.Workload = &workload.Workload{Apps: []workload.App{{Name: images[0], Images: images}}}
		}
		return nil
	})
	if job == nil {
		return err
	}
	m, merr := job.Match(cmd.Context())
	if merr != nil {
		return merr
	}
	report := reports.New(reports.Input{
		Title: "Matches", Inventory: job.Inventory, Platform: job.Scenario.Platform, Matches: m, Coverage: &job.Coverage,
		Provenance: simulate.Provenance{Version: cachebench.Version, Now: job.Scenario.Now, Inputs: job.Scenario.Inputs},
	})
	if werr := out.stage(matcher.MatchesKind, m, report); werr != nil {
		return werr
	}
	return err
}

// load brings a stage's scenario up to a job: the inventory, from a file or
// looked up, and the apps that it covers. The error of low coverage comes with
// a job, every other without.
func load(cmd *cobra.Command, in *inputs, out *outputs, change func(*cachebench.Scenario) error) (*cachebench.Job, error) {
	s, inv, err := look(cmd, in, out, change)
	if err != nil {
		return nil, err
	}
	return s.Cover(inv)
}

// look reads a stage's scenario and its inventory.
func look(cmd *cobra.Command, in *inputs, out *outputs, change func(*cachebench.Scenario) error) (*cachebench.Scenario, *layers.Inventory, error) {
	if err := out.check(); err != nil {
		return nil, nil, err
	}
	s, err := in.load(cmd)
	if err != nil {
		return nil, nil, err
	}
	if change != nil {
		if err := change(s); err != nil {
			return nil, nil, err
		}
	}
	if s.Workload == nil && s.Trace == nil {
		return nil, nil, usageError{cachebench.ErrNoWorkload}
	}
	inv, err := in.lookUp(cmd, s)
	return s, inv, err
}
