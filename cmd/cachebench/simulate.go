package main

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

func newSimulate(io *streams) *cobra.Command {
	in, out := &inputs{io: io}, &outputs{io: io, formats: startFormats()}
	var planFile string
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Startup times with and without caches, on a profile",
		Long: `Simulate replays a workload's starts in virtual time, in arms: the same starts
under other conditions.

  cold        no cache; the nodes of node pools are fresh
  warm        no cache; nodes of node pools hold what a month of starts left there,
              as they do in the arms below
  automatic   the caches that exist and ECI's free automatic ones
  cached      the caches of --plan too

A trace (--trace, or a --workload that is one) is replayed start by start instead: on
the nodes that it names, or matched with the caches of that time, among them the
automatic ones that its own starts have made. It is CSV with the header

  time_seconds,app,images,count     and perhaps node,nodeClass,runtime_seconds

images separated by spaces, or the same as JSON lines (.jsonl, .ndjson).

--burst puts starts of your choice in the place of the month's, --fault lets the
registry be slow or down or a node be lost; the report then says what that cost.
Times are as 90s, 5m or 1d, rates as 200Mbit/s or 25MB/s. A pool's nodes are called
POOL/1, POOL/2 and so on. --observe adds what happens over time: what the links
carry, requests to the registry, starts in flight.`,
		Example: `  cachebench simulate --inventory inventory.json --workload workload.yaml
  cachebench simulate --scenario scenario.yaml --plan plan.json --repeats 5 --save timeline.json
  cachebench simulate --inventory inventory.json --workload trace.csv --caches caches.yaml --plan plan.json
  cachebench simulate --scenario scenario.yaml --burst 'web=1000@30s over 10s' --fault 'registry-down at=40s for=2m'
  cachebench simulate --image registry.example.com/team/web:1.4 --burst 1000 --profile containerd`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return runSimulation(cmd, in, out, planFile) },
	}
	in.addImageFlags(cmd)
	in.addWorkloadFlags(cmd)
	in.addModelFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&planFile, "plan", "", "simulate the caches of this saved plan too")
	in.addRepeatFlags(cmd)
	f.StringSliceVar(&in.file.Arms, "arms", nil, "arms to simulate: cold, warm, automatic, cached (default those that differ)")
	f.Var((*days)(&in.file.Window), "window", "how much of the month is simulated start by start, as 36h or 10d (default 1d)")
	f.Var((*days)(&in.file.WindowStart), "window-start", "when in the month that begins")
	in.addStartFlags(cmd)
	out.addFlags(cmd, "the timeline")
	out.addPlotsFlag(cmd)
	return cmd
}

func runSimulation(cmd *cobra.Command, in *inputs, out *outputs, planFile string) error {
	p, err := readPlan(planFile)
	if err := errors.Join(err, out.spares(planFile)); err != nil {
		return err
	}
	if slices.Contains(in.file.Arms, simulate.ArmCached) && p == nil {
		return usagef("arm cached needs a plan's caches: give --plan")
	}
	s, inv, err := look(cmd, in, out, func(s *cachebench.Scenario) error { return in.checkImages(s) })
	if err != nil {
		return err
	}
	if s.Trace != nil {
		return simulateTrace(cmd, s, inv, out, p)
	}
	job, err := s.Cover(inv)
	if job == nil {
		return err
	}
	t, serr := job.Simulate(cmd.Context(), p)
	if serr != nil {
		return serr
	}
	if werr := out.stage(simulate.TimelineKind, t, func() *reports.Report { return titled(job.Report(nil, p, t)) }); werr != nil {
		return werr
	}
	return err
}

func simulateTrace(cmd *cobra.Command, s *cachebench.Scenario, inv *layers.Inventory, out *outputs, p *plan.Plan) error {
	t, err := s.SimulateTrace(cmd.Context(), inv, p)
	if t == nil {
		return err
	}
	if werr := out.stage(simulate.TimelineKind, t, func() *reports.Report { return titled(s.TraceReport(inv, t)) }); werr != nil {
		return werr
	}
	return err
}

// titled heads a report of which no scenario gives the title.
func titled(r *reports.Report) *reports.Report {
	r.Title = cmp.Or(r.Title, "cachebench simulate")
	return r
}

// days is a flag's time, as files have it: days too.
type days time.Duration

func (d *days) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

func (d *days) Type() string { return "time" }

func (d *days) Set(s string) error {
	t, err := document.ParseTime(s)
	if err != nil {
		return err
	}
	*d = days(t)
	return nil
}
