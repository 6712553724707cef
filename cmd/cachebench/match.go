package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

func newMatch(io *streams) *cobra.Command {
	in, out, ask, creation, stores := &inputs{io: io}, &outputs{io: io}, &asks{}, &creations{}, &storeAsks{}
	cmd := &cobra.Command{
		Use:   "match [IMAGE...]",
		Short: "Which image cache ECI would pick, and why",
		Long: `Match says which of the existing image caches ECI's automatic matching would
pick for a container group of the images named, or for each app of a workload,
why, and what is still pulled; and for a workload, what a month of its starts
would find there and in the automatic caches that ECI makes by itself, week by
week; with --plan also in the caches of a plan.

ECI documents the order (match degree, then size, then newest) and leaves much
unsaid. Each such point is a policy: --list-policies lists them, --policy reads one
otherwise, --sensitivity says whether that would change the choice. --explain lists
every cache in order with the keys that placed it and the layers it lacks. --against
compares with what the service itself answers, and says which readings explain it.

--each asks what the caches hold of every image by itself, by its layers: which cache
shares most bytes with it. It takes a hundred thousand images and ten thousand caches.

--create asks another question: a new cache of these images is to be created; which
existing cache would ECI reuse layers from (AutoMatchImageCache), what is not
downloaded again, how long does it take, with and without reuse and Flash, and do the
images fit?

--stores, --matrix and --nearest leave ECI aside: what any nodes, caches, disks and
registry mirrors spare each app, what the images spare each other, and what each of
them is built on.`,
		Example: `  cachebench match nginx:1.27 redis:7 --caches caches.yaml --explain
  cachebench match --inventory inventory.json --workload workload.yaml --caches caches.yaml --sensitivity
  cachebench match app:2 --init-image setup:1 --pull-policy Always --perfect-match --caches caches.yaml
  cachebench match --each --inventory fleet.json --caches caches.json --output json
  cachebench match app:2 sidecar:1 --create --caches caches.yaml
  cachebench match --scenario scenario.yaml --plan plan.json
  cachebench match --scenario scenario.yaml --policy size=matched-bytes --output json
  cachebench match --workload workload.yaml --caches caches.yaml --against answers.json
  cachebench match nginx:1.27 redis:7 --stores stores.yaml --profile containerd
  cachebench match --inventory inventory.json --matrix --nearest`,
		RunE: func(cmd *cobra.Command, args []string) error { return match(cmd, args, in, out, ask, creation, stores) },
	}
	in.addImageFlags(cmd)
	in.addWorkloadFlags(cmd)
	in.addModelFlags(cmd)
	in.addSpanFlag(cmd)
	ask.addFlags(cmd)
	creation.addFlags(cmd)
	stores.addFlags(cmd)
	out.formats = append(reports.Formats(), reports.Bench)
	out.addFlags(cmd, "the matches")
	out.addPlotsFlag(cmd)
	return cmd
}

func match(cmd *cobra.Command, images []string, in *inputs, out *outputs, ask *asks, creation *creations, stores *storeAsks) error {
	if ask.rules {
		return out.write(reports.Policies(matcher.Rules(), reports.Options{Color: useColor(out.io.out)}))
	}
	if stores.given() {
		if err := out.noPlots("an answer to --stores, --matrix, --nearest or --against"); err != nil {
			return err
		}
		return stores.run(cmd, images, in, out, ask)
	}
	if err := errors.Join(oneQuestion(cmd), ask.check(cmd, images), creation.check(cmd)); err != nil {
		return err
	}
	if ask.each || creation.create {
		out.formats = reports.Formats() // benchmarks are of apps' matches
	}
	if ask.each {
		return matchEach(cmd, images, in, out)
	}
	if len(images) == 0 && in.scenario == "" && in.file.Workload == "" && in.file.Trace == "" {
		return usagef("nothing to match: name images (cachebench match nginx:1.27 --caches caches.yaml), or give a --workload or --scenario")
	}
	p, err := readPlan(ask.plan)
	if err := errors.Join(err, out.spares(ask.plan)); err != nil {
		return err
	}
	job, err := load(cmd, in, out, func(s *cachebench.Scenario) error {
		ask.apply(s, images)
		return nil
	})
	if job == nil {
		return err
	}
	if creation.create {
		return errors.Join(err, creation.write(job, out))
	}
	m, merr := job.Match(cmd.Context())
	if merr != nil {
		return merr
	}
	if p != nil {
		if m.PlannedDoubts, merr = job.PlanDoubts(p); merr != nil {
			return merr
		}
		if m.PlannedHitRates, merr = job.HitRates(cmd.Context(), p); merr != nil {
			return merr
		}
	}
	report := func() *reports.Report {
		assumptions, doubts := job.Recorded()
		return reports.New(reports.Input{
			Title: "Matches", Assumptions: assumptions, Doubts: doubts, Inventory: job.Inventory, NoSharing: true, Platform: job.Scenario.Platform, Matches: m, Coverage: &job.Coverage,
			Provenance: simulate.Provenance{Version: cachebench.Version, Now: job.Scenario.Now, Inputs: job.Scenario.Inputs},
		})
	}
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
	s, err := in.load(cmd, out)
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
