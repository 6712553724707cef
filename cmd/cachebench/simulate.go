package main

import (
	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

func newSimulate(io *streams) *cobra.Command {
	in, out := &inputs{io: io}, &outputs{io: io}
	var planFile string
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Startup times with and without caches, on a profile",
		Long: `Simulate replays a workload's starts in virtual time: cold, with the free
automatic caches, and with the caches of a plan.`,
		Example: `  cachebench simulate --inventory inventory.json --workload workload.yaml
  cachebench simulate --scenario scenario.yaml --plan plan.json --repeats 5 --save timeline.json`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSimulation(cmd, in, out, planFile) },
	}
	in.addImageFlags(cmd)
	in.addWorkloadFlags(cmd)
	in.addModelFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&planFile, "plan", "", "simulate the caches of this saved plan too")
	f.IntVar(&in.file.Repeats, "repeats", 0, "simulate everything this often (default 1)")
	f.StringSliceVar(&in.file.Arms, "arms", nil, "arms to simulate: cold, automatic, cached (default all)")
	f.DurationVar(&in.file.Window, "window", 0, "how much of the month is simulated start by start (default 24h)")
	f.DurationVar(&in.file.WindowStart, "window-start", 0, "when in the month that begins")
	out.addFlags(cmd, "the timeline")
	return cmd
}

func runSimulation(cmd *cobra.Command, in *inputs, out *outputs, planFile string) error {
	var p *plan.Plan
	if planFile != "" {
		data, err := readInput(planFile)
		if err != nil {
			return err
		}
		if p, err = plan.Read(planFile, data); err != nil {
			return err
		}
	}
	job, err := load(cmd, in, out, nil)
	if job == nil {
		return err
	}
	t, serr := job.Simulate(p)
	if serr != nil {
		return serr
	}
	if werr := out.stage(simulate.TimelineKind, t, job.Report(nil, p, t)); werr != nil {
		return werr
	}
	return err
}
