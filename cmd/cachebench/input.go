package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// inputs are the flags that name what a stage starts from. They complete and
// override a scenario file.
type inputs struct {
	io         *streams
	scenario   string
	file       cachebench.ScenarioFile
	policies   []string
	registries []string
	aliases    []string
	now        string
	coverage   float64
	worth, gap float64
	budget     cachebench.MoneyLimit
	diskGiB    float64
	// candidates are the caches of --candidate, judgeAt is the time of --judge-at.
	candidates []string
	judgeAt    string
	limit      time.Duration
	quiet      bool
	workers    int
	quota      int
	noStartups bool
	lookups    lookups
	lists      lists
	// lock is the file given by --lock, which need not exist yet.
	lock string
	// read are the names of the files that the scenario was made from, outputs
	// those that the scenario file names.
	read    []string
	outputs []cachebench.Output
	// bursts and faults are as people type them.
	bursts, faults []string
}

// addImageFlags adds the flags of how images are looked up.
func (in *inputs) addImageFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&in.file.Inventory, "inventory", "", "start from this saved inventory `file` instead of asking registries")
	f.StringVar(&in.file.LayerSizes, "layer-sizes", "", "CSV `file` of measured unpacked sizes (digest, unpacked_bytes, entries)")
	f.StringVar(&in.lock, "lock", "", "look up the digests that this lock `file` pins, and pin there what it lacks")
	f.StringArrayVar(&in.registries, "registry", nil, "serve the OCI layout DIR on loopback under a registry's name, as `NAME=DIR`; repeatable")
	f.StringArrayVar(&in.aliases, "registry-alias", nil, "fetch from registry TO what is named in FROM, as `FROM=TO`; results keep FROM; repeatable")
	f.StringArrayVar(&in.file.PlainHTTP, "plain-http", nil, "registry `host` without TLS; repeatable")
	f.StringVar(&in.now, "now", "", "look at tags and caches as of this `time` (RFC 3339; default: the present)")
	f.BoolVarP(&in.quiet, "quiet", "q", false, "no progress on stderr")
	in.lookups.addFlags(cmd)
}

// addWorkloadFlags adds the flags of what is started and what exists.
func (in *inputs) addWorkloadFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&in.scenario, "scenario", "s", "", "take what no flag gives from this scenario `file`")
	f.StringVar(&in.file.Workload, "workload", "", "`file` of the apps that are started, or a trace of starts")
	f.StringVar(&in.file.Trace, "trace", "", "trace `file` (.csv, .jsonl) whose starts take the place of the workload's, which says then what a trace does not")
	f.StringArrayVar(&in.file.Scale, "scale", nil, "let an app start so many times as often, as `APP=2x`; * stands for any text (*=2x: all), the last that fits holds; repeatable")
	f.StringVar(&in.file.Caches, "caches", "", "`file` of the image caches that exist")
	f.StringArrayVar(&in.policies, "policy", nil, "read an undocumented rule as `KEY=VALUE`; repeatable")
	f.Float64Var(&in.coverage, "min-coverage", cachebench.DefaultMinCoverage, "least share of starts whose images must be known")
}

// addBillFlag adds the flag of what was really paid.
func (in *inputs) addBillFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&in.file.Bill, "bill", "", "`file` of a real month's bill (CSV with item and amount, or of kind Bill): say first how far the modelled month is from it")
}

// addSpanFlag adds the flag of how long a trace was recorded.
func (in *inputs) addSpanFlag(cmd *cobra.Command) {
	cmd.Flags().Var((*days)(&in.file.TraceSpan), "trace-span", "how long the trace was recorded, from its time 0 on, as 36h or 10d (default from its first start to its last)")
}

// addTraceFlags adds the flags of what a trace is taken to be where it does not tell it.
func (in *inputs) addTraceFlags(cmd *cobra.Command) {
	in.addSpanFlag(cmd)
	f := cmd.Flags()
	f.DurationVar(&in.file.Assume.Runtime, "assume-runtime", 0, "how long starts of a trace run of which neither it nor a workload says it")
	f.Float64Var(&in.file.Assume.CPU, "assume-cpu", 0, "vCPUs of the instances of a trace's starts of which no workload says it")
	f.Float64Var(&in.file.Assume.MemoryGiB, "assume-memory-gib", 0, "memory of those instances, in GiB")
}

// addModelFlags adds the flags of times and prices.
func (in *inputs) addModelFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&in.file.Profile, "profile", "", builtInProfiles()+" or a profile `file` (default eci)")
	f.StringVar(&in.file.Prices, "prices", "", "usd, cny (lacks disk prices) or a price book `file` (default usd)")
	for flag, values := range map[string][]string{"profile": simulate.BuiltInNames(), "prices": {"usd", "cny"}} {
		cmd.RegisterFlagCompletionFunc(flag, namesOrFile(values...))
	}
	f.Uint64Var(&in.file.Seed, "seed", 0, "seed of every draw (default 1)")
}

// builtInProfiles are their names for a flag's help.
func builtInProfiles() string { return strings.Join(simulate.BuiltInNames(), ", ") }

// addRepeatFlags adds the flags of how often starts are simulated and what is kept.
func (in *inputs) addRepeatFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&in.file.Repeats, "repeats", 0, "simulate everything this often, for intervals (default 1)")
	f.IntVar(&in.workers, "workers", 0, "simulate this many repeats at once; changes no result (default: one for each processor)")
	f.BoolVar(&in.file.Spans, "spans", false, "keep what happens inside every start, layer by layer (default: of each app's first)")
	f.StringSliceVar(&in.file.ExplainApps, "explain", nil, "say where the time of the median start of this `APP` (or APP@p99) went, and what would shorten it most; repeatable")
	f.BoolVar(&in.file.Observe, "observe", false, "keep what links carry, requests and starts in flight over time")
	f.BoolVar(&in.noStartups, "no-startups", false, "list no startups: summaries and curves come from sketches, and the window may be large")
}

// load returns the Scenario of the flags over that of the scenario file, and
// refuses outputs that cannot be written or would replace what was read.
func (in *inputs) load(cmd *cobra.Command, out *outputs) (*cachebench.Scenario, error) {
	if err := errors.Join(out.check(), in.lookups.check()); err != nil {
		return nil, err
	}
	if in.lookups.jobs == 0 && given(cmd.Flags(), "jobs") {
		return nil, usagef("--jobs must be above 0")
	}
	file := &cachebench.ScenarioFile{}
	var data []byte
	var err error
	if in.scenario != "" {
		if data, err = readInput(in.scenario); errors.Is(err, os.ErrNotExist) {
			return nil, usagef("%w; cachebench init writes a scenario to start from", err)
		} else if err != nil {
			return nil, err
		}
		if file, err = cachebench.ReadScenarioFile(in.scenario, data); err != nil {
			return nil, err
		}
	}
	if err := in.override(cmd, file); err != nil {
		return nil, err
	}
	s, err := file.Scenario(in.scenario, readInput)
	if err != nil {
		return nil, usageError{err}
	}
	in.read, in.outputs = []string{in.scenario, in.lock}, file.Outputs
	for _, input := range s.Inputs { // named from the scenario file's directory
		name := filepath.FromSlash(input.Name)
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(in.scenario), name)
		}
		in.read = append(in.read, name)
	}
	if err := out.spares(in.read...); err != nil {
		return nil, err
	}
	if s.Trace != nil && (cmd.Flags().Changed("window") || cmd.Flags().Changed("window-start")) {
		return nil, usagef("--window and --window-start are of a month of starts, and a trace is simulated whole: leave them out")
	}
	if in.scenario != "" {
		s.Inputs = append([]simulate.Input{cachebench.InputOf(filepath.Base(in.scenario), data)}, s.Inputs...)
	}
	if s.Now.IsZero() {
		s.Now = time.Now().UTC().Truncate(time.Second)
	}
	s.Platforms, s.Workers = in.lookups.platforms, in.workers
	s.Resolve.Progress = in.progress()
	s.Progress = in.stages(cmd)
	return s, nil
}

// lookUp looks the scenario's images up, and writes the lock file where it
// lacks some of them.
func (in *inputs) lookUp(cmd *cobra.Command, s *cachebench.Scenario) (*layers.Inventory, error) {
	if err := in.lookups.apply(in, s); err != nil {
		return nil, err
	}
	inv, err := s.Analyze(cmd.Context())
	return inv, errors.Join(err, in.pin(s, inv))
}

// pin writes what references mean to the lock file, where it lacks them.
func (in *inputs) pin(s *cachebench.Scenario, inv *layers.Inventory) error {
	if inv == nil || in.lock == "" {
		return nil
	}
	before := s.Lock
	if before == nil {
		before = &cachebench.Lock{}
	}
	after := before.With(inv)
	if after == before {
		return nil
	}
	data, err := document.Marshal(cachebench.LockKind, after)
	if err != nil {
		return fmt.Errorf("write the lock: %w", err)
	}
	// A command may look up twice, and pins both.
	s.Lock = after
	return writeFile(in.lock, data)
}

// override puts what the flags give in place of the file's.
func (in *inputs) override(cmd *cobra.Command, file *cachebench.ScenarioFile) error {
	path := func(to *string, from, key, flag string) {
		if from != "" {
			*to = in.fromScenario(from)
			file.Given(key, flag)
		}
	}
	name := func(to *string, from, key string) {
		path(to, from, key, key)
		if from != "" && !strings.ContainsAny(from, "./\\") {
			*to = from
		}
	}
	path(&file.Inventory, in.file.Inventory, "inventory", "inventory")
	path(&file.LayerSizes, in.file.LayerSizes, "layerSizes", "layer-sizes")
	if _, err := os.Stat(in.lock); err == nil {
		path(&file.Lock, in.lock, "lock", "lock")
	} else if in.lock != "" {
		// It is made of what is looked up.
		file.Lock = ""
	}
	path(&file.Workload, in.file.Workload, "workload", "workload")
	path(&file.Trace, in.file.Trace, "trace", "trace")
	path(&file.Caches, in.file.Caches, "caches", "caches")
	path(&file.Bill, in.file.Bill, "bill", "bill")
	name(&file.Profile, in.file.Profile, "profile")
	name(&file.Prices, in.file.Prices, "prices")
	if len(in.lookups.platforms) > 0 {
		file.Platform = in.lookups.platforms[0]
	}
	set(&file.Baseline, in.file.Baseline)
	set(&file.Assign, in.file.Assign)
	if err := in.overrideNumbers(cmd.Flags(), file); err != nil {
		return err
	}
	file.Images = append(file.Images, in.file.Images...)
	file.PlainHTTP = append(file.PlainHTTP, in.file.PlainHTTP...)
	if len(in.file.Arms) > 0 {
		file.Arms = in.file.Arms
	}
	if len(in.file.Scale) > 0 {
		file.Scale = in.file.Scale
	}
	if in.now != "" {
		at, err := time.Parse(time.RFC3339, in.now)
		if err != nil {
			return usagef("--now %q is not a time such as 2026-11-23T00:00:00Z", in.now)
		}
		file.Now = at
	}
	if err := in.overridePairs(file); err != nil {
		return err
	}
	if err := in.overrideStarts(file); err != nil {
		return err
	}
	in.blameFlags(cmd.Flags(), file)
	if err := file.Validate(); err != nil {
		return usageError{err}
	}
	return nil
}

// fromScenario is a path as the scenario file would write it: its paths are
// relative to its own directory, those of flags to where the command runs.
func (in *inputs) fromScenario(path string) string {
	dir, err := filepath.Abs(filepath.Dir(in.scenario))
	if err != nil || filepath.IsAbs(path) {
		return path
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(dir, abs); err == nil {
		return rel
	}
	return abs
}

func (in *inputs) overridePairs(file *cachebench.ScenarioFile) error {
	for _, group := range []struct {
		flag, form string
		pairs      []string
		to         *map[string]string
		file       bool
	}{
		{"registry", "NAME=DIR", in.registries, &file.Registries, true},
		{"registry-alias", "FROM=TO", in.aliases, &file.RegistryAliases, false},
		{"policy", "KEY=VALUE", in.policies, &file.Policies, false},
	} {
		for _, pair := range group.pairs {
			key, value, ok := strings.Cut(pair, "=")
			if !ok || key == "" || value == "" {
				return usagef("--%s %q is not of the form %s", group.flag, pair, group.form)
			}
			if group.file {
				value = in.fromScenario(value)
				file.Given("registries."+key, group.flag)
			}
			if *group.to == nil {
				*group.to = map[string]string{}
			}
			(*group.to)[key] = value
		}
	}
	policy := matcher.DefaultPolicy()
	for _, pair := range in.policies {
		if err := policy.Set(pair); err != nil {
			return usageError{err}
		}
	}
	return nil
}

// overrideNumbers takes the numbers that flags give, 0 among them only where it
// means something.
func (in *inputs) overrideNumbers(flags *pflag.FlagSet, file *cachebench.ScenarioFile) error {
	given := func(name string) bool { return flags.Lookup(name) != nil && flags.Changed(name) }
	for name, value := range map[string]float64{
		"seed": float64(in.file.Seed), "repeats": float64(in.file.Repeats), "workers": float64(in.workers), "quota": float64(in.quota), "window": in.file.Window.Seconds(),
	} {
		if given(name) && !(value > 0) {
			return usagef("--%s must be above 0", name)
		}
	}
	set(&file.Seed, in.file.Seed)
	set(&file.Repeats, in.file.Repeats)
	if given("quota") {
		file.Quota = &in.quota
	}
	if given("observe") {
		file.Observe = in.file.Observe
	}
	if in.file.ExplainApps != nil { // plan has a flag of this name too
		file.ExplainApps = in.file.ExplainApps
	}
	if given("spans") {
		file.Spans = in.file.Spans
	}
	if given("no-startups") {
		list := !in.noStartups
		file.Startups = &list
	}
	set(&file.Window, in.file.Window)
	if given("window-start") {
		file.WindowStart = in.file.WindowStart
	}
	if given("budget") {
		if math.IsNaN(in.budget.Amount) || math.IsInf(in.budget.Amount, 0) {
			return usagef("--budget %v is not an amount", in.budget.Amount)
		}
		file.BudgetPerMonth = &in.budget
	}
	if given("trace-span") && in.file.TraceSpan == 0 {
		return usagef("--trace-span 0 cannot have been recorded: give a time above 0, as 36h or 10d")
	}
	put(given("trace-span"), &file.TraceSpan, in.file.TraceSpan)
	put(given("assume-runtime"), &file.Assume.Runtime, in.file.Assume.Runtime)
	put(given("assume-cpu"), &file.Assume.CPU, in.file.Assume.CPU)
	put(given("assume-memory-gib"), &file.Assume.MemoryGiB, in.file.Assume.MemoryGiB)
	if given("disk-gib") {
		file.DiskBudgetGiB = &in.diskGiB
	}
	if given("limit") {
		file.StartupLimit = in.limit
	}
	if given("min-coverage") {
		file.MinCoverage = &in.coverage
	}
	if given("worth-per-hour") {
		file.WorthPerHour = &in.worth
	}
	return in.givenPlan(&file.Plan, given)
}

// set puts a flag's value in place of the file's unless the flag was not given.
func set[T comparable](to *T, from T) {
	var zero T
	if from != zero {
		*to = from
	}
}

// readInput reads a file that the user named.
func readInput(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError{fmt.Errorf("read input: %w", err)}
	}
	return data, nil
}

// progress reports on stderr, when that is a terminal, how far the looking up
// is; nil otherwise.
func (in *inputs) progress() func(layers.Progress) {
	if in.quiet || !isLive(in.io.err) {
		return nil
	}
	in.io.line = &progressLine{to: in.io.err, now: time.Now}
	return in.io.line.show
}

// stages shows on stderr, when that is a terminal, what is being done; nil
// otherwise. The line is gone before anything else is written.
func (in *inputs) stages(cmd *cobra.Command) func(string) {
	if in.quiet || !isLive(in.io.err) {
		return nil
	}
	in.io.stage = &stageLine{to: in.io.err, now: time.Now}
	return in.io.stage.show
}
