package main

import (
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

func newPlan(io *streams) *cobra.Command {
	in, out := &inputs{io: io}, &outputs{io: io}
	var matchesFile string
	out.formats = append(reports.Formats(), reports.Markdown, reports.CSV, reports.Bench)
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Which caches to build under a budget, and how good that is",
		Long: `Plan chooses which ECI image caches to build so that starts become ready sooner
than with the free automatic caches, under a monthly budget. It says how far the
choice is from the best possible, and when the right choice is to build nothing.

For apps on node pools it chooses which images each node should hold, under a disk
budget, and compares doing nothing, parallel pulls, a DaemonSet that pre-pulls and
a baked disk (docs/pools.md).

The starts may be recorded ones: --trace FILE, with a --workload of its apps for what a
trace does not tell (docs/trace.md). Totals are then of a month in which they come again
and again.`,
		Example: `  cachebench plan --inventory inventory.json --workload workload.yaml --budget 50
  cachebench plan --scenario scenario.yaml --matches matches.json --budget 20 --save plan.json
  cachebench plan --scenario scenario.yaml --goal limit --limit 10s --limit-starts 0.95
  cachebench plan --scenario scenario.yaml --goal net --assign explicit --explain web
  cachebench plan --scenario scenario.yaml --budget 50 --curve 10 --time-limit 30s
  cachebench plan --scenario scenario.yaml --budget 50 --output benchfmt --output-file plan.txt
  cachebench plan --trace starts.csv --workload apps.yaml --budget 50 --hold-out 0.3
  cachebench plan --trace starts.csv --assume-runtime 10m --assume-cpu 2 --assume-memory-gib 4 --budget 50
  cachebench plan --workload pools.yaml --profile containerd --disk-gib 20 --limit 10s`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return makePlan(cmd, in, out, matchesFile) },
	}
	in.addImageFlags(cmd)
	in.addWorkloadFlags(cmd)
	in.addModelFlags(cmd)
	in.addTraceFlags(cmd)
	in.addBillFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&matchesFile, "matches", "", "start from these saved matches instead of matching anew")
	f.TextVar(&in.budget, "budget", cachebench.MoneyLimit{}, "most that the planned caches may cost a month: an `amount` in the prices' currency, which it may name (50 USD)")
	f.Float64Var(&in.worth, "worth-per-hour", cachebench.DefaultWorthPerHour, "what an hour of waiting saved is worth; at 0 only the budget counts")
	f.IntVar(&in.quota, "quota", 0, "most manual caches that there may be: those to build and those that exist and are kept (default 50)")
	f.StringVar(&in.file.Baseline, "baseline", "", "compare with automatic caches or with cold starts: automatic, cold (default automatic)")
	f.StringVar(&in.file.Assign, "assign", "", "starts get their cache by ECI's matching or by name: auto, explicit (default auto)")
	for flag, values := range map[string][]string{"baseline": {plan.Automatic, plan.Cold}, "assign": {plan.Auto, plan.Explicit}} {
		cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	in.addPlanFlags(cmd)
	f.Float64Var(&in.diskGiB, "disk-gib", 0, "how much planned images may add to the disk of a node, in GiB (default what the kubelet leaves)")
	out.addFlags(cmd, "the plan")
	out.addPlotsFlag(cmd)
	cmd.AddCommand(newPlanExport(io))
	return cmd
}

// addPlanFlags are those of the key plan in a scenario.
func (in *inputs) addPlanFlags(cmd *cobra.Command) {
	f, opt := cmd.Flags(), &in.file.Plan
	f.StringVar(&opt.Goal, "goal", "", "what to reach: seconds, most time saved; net, most money saved; limit, least cost within --limit (default seconds)")
	f.Var((*limitTime)(&in.limit), "limit", "goal limit: every app's mean start is to be ready within this time; node pools: the p99 of their starts")
	f.Float64Var(&opt.LimitStartsFraction, "limit-starts", 0, "goal limit: let this share of all starts be within it instead, such as 0.95")
	f.StringVar(&opt.Storage, "storage", "", "layers that several caches hold are stored by each, or once: separate, shared (default separate)")
	f.Float64Var(&in.gap, "gap", cachebench.DefaultGapFraction, "how far from the proven best the plan may be")
	f.Float64Var(&opt.Effort, "effort", 0, "search so many times as long (default 1)")
	f.DurationVar(&opt.TimeLimit, "time-limit", 0, "stop the search, with --curve, --sensitivity, --hold-out and the simulation of node pools, after this time, with the best plan so far and its bound")
	f.IntVar(&opt.CurvePoints, "curve", 0, "show what so many other budgets would bring; node pools: other disk budgets")
	f.StringArrayVar(&in.candidates, "candidate", nil, "consider a cache of these images too, separated by commas, with =GIB for another size than the smallest; repeatable, in place of a scenario's")
	f.IntVar(&opt.MaxCandidates, "max-candidates", 0, "most caches to consider beside apps' own (default 200)")
	f.Float64Var(&opt.HoldOutFraction, "hold-out", 0, "plan again on the first part of the month or trace and judge that plan on this share, the last, such as 0.3")
	f.StringVar(&in.judgeAt, "judge-at", "", "judge the plan's caches on what their tags mean at this later `time` (RFC 3339), which the inventory has to list too")
	f.BoolVar(&opt.Sensitivity, "sensitivity", false, "say what a tenth more of budget, or of the disk of node pools, would bring, and which price or rate would have to be how different to change the verdict")
	f.StringArrayVar(&opt.Explain, "explain", nil, "say why this app got its cache, and what the runner-up was; repeatable")
	for flag, values := range map[string][]string{"goal": {plan.GoalSeconds, plan.GoalNet, plan.GoalLimit}, "storage": {plan.Separate, plan.Shared}} {
		cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
}

// givenPlan puts the flags in place of a scenario's plan. A flag that is given counts
// whatever its value: --curve 0 asks for none where the scenario asks for ten.
func (in *inputs) givenPlan(file *cachebench.PlanOptions, given func(string) bool) error {
	opt := &in.file.Plan
	if given("goal") {
		if file.Goal = opt.Goal; file.Goal != plan.GoalLimit {
			// What the scenario's own goal needs has no meaning with another.
			file.Limit, file.LimitStartsFraction = 0, 0
		}
	}
	if given("limit") && file.Goal == plan.GoalLimit {
		file.Limit = in.limit
	}
	put(given("limit-starts"), &file.LimitStartsFraction, opt.LimitStartsFraction)
	put(given("storage"), &file.Storage, opt.Storage)
	put(given("effort"), &file.Effort, opt.Effort)
	put(given("time-limit"), &file.TimeLimit, opt.TimeLimit)
	put(given("curve"), &file.CurvePoints, opt.CurvePoints)
	put(given("max-candidates"), &file.MaxCandidates, opt.MaxCandidates)
	put(given("gap"), &file.GapFraction, &in.gap)
	put(opt.Explain != nil, &file.Explain, opt.Explain) // run has a flag of this name too
	put(given("hold-out"), &file.HoldOutFraction, opt.HoldOutFraction)
	put(given("sensitivity"), &file.Sensitivity, opt.Sensitivity)
	if given("judge-at") {
		file.JudgeAt = time.Time{}
	}
	if in.judgeAt != "" {
		at, err := time.Parse(time.RFC3339, in.judgeAt)
		if err != nil {
			return usagef("--judge-at %q is no time such as 2026-12-01T00:00:00Z", in.judgeAt)
		}
		file.JudgeAt = at.UTC()
	}
	if given("candidate") {
		file.Candidates = nil
	}
	for _, text := range in.candidates {
		c, err := candidateOf(text)
		if err != nil {
			return err
		}
		file.Candidates = append(file.Candidates, c)
	}
	return nil
}

// limitTime is a limit, in which a number without a unit is of seconds, as in a file.
type limitTime time.Duration

func (l *limitTime) String() string { return (*days)(l).String() }

func (l *limitTime) Type() string { return "duration" }

func (l *limitTime) Set(s string) error {
	if t, err := time.ParseDuration(s); err == nil { // what is below 0 is refused with the goal
		*l = limitTime(t)
		return nil
	}
	t, err := document.ParseTime(s)
	if err != nil {
		return err
	}
	*l = limitTime(t)
	return nil
}

// put puts a flag's value in place of the file's where the flag is given.
func put[T any](given bool, to *T, from T) {
	if given {
		*to = from
	}
}

// candidateOf reads IMAGE,IMAGE…[=GIB].
func candidateOf(text string) (cachebench.PlanCandidate, error) {
	var c cachebench.PlanCandidate
	images, size, sized := strings.Cut(text, "=")
	if sized {
		gib, err := strconv.ParseFloat(size, 64)
		if err != nil || !(gib > 0) {
			return c, usagef("--candidate %q: %q is no size in GiB", text, size)
		}
		c.SizeGiB = gib
	}
	for ref := range strings.SplitSeq(images, ",") {
		if ref = strings.TrimSpace(ref); ref == "" {
			return c, usagef("--candidate %q: an image is missing between commas", text)
		}
		c.Images = append(c.Images, ref)
	}
	return c, nil
}

func makePlan(cmd *cobra.Command, in *inputs, out *outputs, matchesFile string) error {
	var m *matcher.Matches
	var from []simulate.Input
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
		from = append(from, cachebench.InputOf(filepath.ToSlash(matchesFile), data))
	}
	job, err := load(cmd, in, out, func(s *cachebench.Scenario) error {
		s.Inputs = append(s.Inputs, from...)
		return checkPlan(cmd.Flags(), s)
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
	if p == nil {
		return perr
	}
	// A search that is stopped gives the best that it has.
	in.io.partial = cmd.Context().Err() != nil
	s := job.Scenario
	report := func() *reports.Report {
		return reports.New(reports.Input{
			Title: "Plan", Inventory: job.Inventory, Platform: s.Platform, Workload: &job.Workload, Plan: p, Coverage: &job.Coverage,
			Provenance: job.Provenance(), Doubts: job.ReleaseDoubts(),
		})
	}
	if werr := out.stage(plan.Kind, p, report); werr != nil {
		return werr
	}
	return errors.Join(perr, cachebench.LimitKept(p), err)
}

// readPlan reads a saved plan, or that of a saved report; none when no file is named.
func readPlan(file string) (*plan.Plan, error) {
	if file == "" {
		return nil, nil
	}
	data, err := readInput(file)
	if err != nil {
		return nil, err
	}
	return planOf(file, data)
}

// planOf reads the plan that a file holds, or a report with one.
func planOf(file string, data []byte) (*plan.Plan, error) {
	switch kind, err := document.Header(file, data); {
	case err != nil:
		return nil, err
	case kind == plan.Kind:
		return plan.Read(file, data)
	case kind != reports.Kind:
		return nil, usagef("%s is of kind %s: a plan is in what plan --save writes, or in a report of run --output json", file, kind)
	}
	r, err := reports.Read(file, data)
	if err != nil {
		return nil, err
	}
	if r.Plan == nil {
		return nil, usagef("%s is a Report without a plan: run and plan make reports with one", file)
	}
	return r.Plan, nil
}
