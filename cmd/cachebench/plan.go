package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

func newPlan(io *streams) *cobra.Command {
	in, out := &inputs{io: io}, &outputs{io: io}
	var matchesFile string
	out.formats = append(reports.Formats(), reports.Markdown, reports.CSV)
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Which caches to build under a budget, and how good that is",
		Long: `Plan chooses which ECI image caches to build so that starts become ready sooner
than with the free automatic caches, under a monthly budget. It says how far the
choice is from the best possible, and when the right choice is to build nothing.

For apps on node pools it chooses which images each node should hold, under a disk
budget, and compares doing nothing, parallel pulls, a DaemonSet that pre-pulls and
a baked disk.`,
		Example: `  cachebench plan --inventory inventory.json --workload workload.yaml --budget 50
  cachebench plan --scenario scenario.yaml --matches matches.json --budget 20 --save plan.json
  cachebench plan --workload pools.yaml --profile containerd --disk-gib 20 --limit 10s`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return makePlan(cmd, in, out, matchesFile) },
	}
	in.addImageFlags(cmd)
	in.addWorkloadFlags(cmd)
	in.addModelFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&matchesFile, "matches", "", "start from these saved matches instead of matching anew")
	f.Float64Var(&in.file.BudgetPerMonth, "budget", 0, "most that the planned caches may cost a month, in the prices' currency")
	f.Float64Var(&in.worth, "worth-per-hour", cachebench.DefaultWorthPerHour, "what an hour of waiting saved is worth; at 0 only the budget counts")
	f.IntVar(&in.file.Quota, "quota", 0, "most caches to build (default 50)")
	f.StringVar(&in.file.Baseline, "baseline", "", "compare with automatic caches or with cold starts: automatic, cold (default automatic)")
	f.StringVar(&in.file.Assign, "assign", "", "starts get their cache by ECI's matching or by name: auto, explicit (default auto)")
	for flag, values := range map[string][]string{"baseline": {plan.Automatic, plan.Cold}, "assign": {plan.Auto, plan.Explicit}} {
		cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	f.Float64Var(&in.diskGiB, "disk-gib", 0, "how much planned images may add to the disk of a node, in GiB (default what the kubelet leaves)")
	f.DurationVar(&in.file.StartupLimit, "limit", 0, "most that the p99 of the starts on a node pool may take, as 10s")
	out.addFlags(cmd, "the plan")
	cmd.AddCommand(newPlanExport(io))
	return cmd
}

func makePlan(cmd *cobra.Command, in *inputs, out *outputs, matchesFile string) error {
	var m *matcher.Matches
	if matchesFile != "" {
		data, err := readInput(matchesFile)
		if err != nil {
			return err
		}
		if m, err = matcher.ReadMatches(matchesFile, data); err != nil {
			return err
		}
		if err := out.spares(matchesFile); err != nil {
			return err
		}
	}
	job, err := load(cmd, in, out, func(s *cachebench.Scenario) error {
		if s.BudgetPerMonth == 0 && !cmd.Flags().Changed("budget") && startsOnInstances(s.Workload) {
			return usagef("a plan needs a budget: give --budget, or budgetPerMonth in a scenario")
		}
		return nil
	})
	if job == nil {
		return err
	}
	if m == nil {
		var merr error
		if m, merr = job.Match(cmd.Context()); merr != nil {
			return merr
		}
	}
	p, perr := job.Plan(cmd.Context(), m)
	if perr != nil {
		return perr
	}
	// A search that is stopped gives the best that it has.
	in.io.partial = cmd.Context().Err() != nil
	s := job.Scenario
	report := func() *reports.Report {
		return reports.New(reports.Input{
			Title: "Plan", Inventory: job.Inventory, Platform: s.Platform, Workload: &job.Workload, Plan: p, Coverage: &job.Coverage,
			Provenance: simulate.Provenance{
				Version: cachebench.Version, Seed: s.Seed, Now: s.Now, Inputs: s.Inputs, Profile: s.Profile.Name,
				ProfileBasis: s.Profile.Basis(), PriceDate: s.Prices.Date, Currency: s.Prices.Currency,
			},
		})
	}
	if werr := out.stage(plan.Kind, p, report); werr != nil {
		return werr
	}
	return err
}

// startsOnInstances says that an app has instances of its own, for which caches are built.
func startsOnInstances(w *workload.Workload) bool {
	return w == nil || slices.ContainsFunc(w.Apps, func(a workload.App) bool { return a.NodePool == "" })
}

// readPlan reads a saved plan; none when no file is named.
func readPlan(file string) (*plan.Plan, error) {
	if file == "" {
		return nil, nil
	}
	data, err := readInput(file)
	if err != nil {
		return nil, err
	}
	return plan.Read(file, data)
}
