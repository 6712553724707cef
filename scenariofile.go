package cachebench

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// ScenarioKind is the kind of a scenario file.
const ScenarioKind = "Scenario"

// ScenarioFile is a Scenario as people write it: names of files, relative to
// its own directory, and numbers.
type ScenarioFile struct {
	// Title heads the report.
	Title string `json:"title,omitempty"`
	// Workload is a file of apps, or a trace (.csv, .jsonl, .ndjson; docs/trace.md).
	Workload string `json:"workload,omitempty"`
	// Trace is a trace whose starts take the place of the workload's, which then says only
	// what a trace does not: run times, sizes of instances, releases.
	Trace string `json:"trace,omitempty"`
	// TraceSpan is how long was recorded, from the trace's time 0 on; from its first start
	// to its last when not given.
	TraceSpan time.Duration `json:"traceSpanSeconds,omitempty"`
	// Scale says of apps how many times as often they start, as "web=2x"; in a name * stands
	// for any text, and of those that fit an app the last holds.
	Scale []string `json:"scale,omitempty"`
	// Assume is what every app of a trace is taken to be where neither the trace nor the
	// workload says it.
	Assume Assumed `json:"assume,omitzero"`
	// Images are references to look up besides the workload's.
	Images []string `json:"images,omitempty"`
	// Inventory is a saved Inventory, used in place of looking references up.
	Inventory string `json:"inventory,omitempty"`
	// Registries maps a registry's name to an OCI layout directory that is
	// served under this name on loopback while images are looked up.
	Registries map[string]string `json:"registries,omitempty"`
	// RegistryAliases fetch a registry under another name.
	RegistryAliases map[string]string `json:"registryAliases,omitempty"`
	// PlainHTTP names registries without TLS.
	PlainHTTP []string `json:"plainHTTP,omitempty"`
	// LayerSizes is a CSV file of measured unpacked sizes.
	LayerSizes string `json:"layerSizes,omitempty"`
	// Lock pins references to digests.
	Lock string `json:"lock,omitempty"`
	// Platform is os/arch[/variant]; linux/amd64 when not given.
	Platform string `json:"platform,omitempty"`
	// Profile is the name of a built-in one (docs/model.md) or a file; eci when not
	// given, for the caches that are planned are ECI's.
	Profile string `json:"profile,omitempty"`
	// Prices is usd, cny or a file.
	Prices string `json:"prices,omitempty"`
	// Caches is a file of the image caches that exist.
	Caches string `json:"caches,omitempty"`
	// Bill is a file of what was paid in a month like the workload's, CSV or a document of
	// kind Bill: reports say how far the modelled month is from it.
	Bill string `json:"bill,omitempty"`
	// Baseline is what a plan is compared with: automatic (default) or cold.
	Baseline string `json:"baseline,omitempty" document:"enum=automatic|cold"`
	// Assign is how starts get their cache: auto (default) or explicit.
	Assign string `json:"assign,omitempty" document:"enum=auto|explicit"`
	// BudgetPerMonth bounds the bill of the planned caches, in the prices'
	// currency, which it may name (50 USD). Without it a plan for most money or for a limit has no budget, and one
	// for most time spends nothing.
	BudgetPerMonth *MoneyLimit `json:"budgetPerMonth,omitempty"`
	// WorthPerHour is what an hour of waiting saved is worth, in the prices'
	// currency: each unit of the bill counts as that much less time saved. 100 when
	// not given; at 0 only the budget counts.
	WorthPerHour *float64 `json:"worthPerHour,omitempty"`
	// Quota is the most manual caches that there may be: those to build, and those that exist
	// and are kept (eci §1.5); 50 when not given.
	Quota *int `json:"quota,omitempty"`
	// Plan says what else the plan is to reach, and how it is looked for.
	Plan PlanOptions `json:"plan,omitzero"`
	// DiskBudgetGiB is how much planned images may add to the disk of each node of a pool
	// that does not say it itself; what the kubelet leaves when not given.
	DiskBudgetGiB *float64 `json:"diskBudgetGiB,omitempty"`
	// StartupLimit is the most that the p99 of the starts on a node pool may take; when not
	// given plan.limitSeconds, of goal limit, else none.
	StartupLimit time.Duration `json:"startupLimitSeconds,omitempty"`
	// Budget bounds what an app takes, by its name: run --check and package benchtest
	// judge it.
	Budget map[string]AppBudget `json:"budget,omitempty"`
	// Policies read ECI's undocumented rules in another way than by default.
	Policies map[string]string `json:"policies,omitempty"`
	// Arms to simulate: cold, warm (the nodes of pools hold what a month left on
	// them), automatic, cached; all that make sense when not given.
	Arms []string `json:"arms,omitempty"`
	// Seed decides every draw; 1 when not given.
	Seed uint64 `json:"seed,omitempty"`
	// Repeats is how many times the window is simulated.
	Repeats int `json:"repeats,omitempty"`
	// Startups says whether the timeline lists every startup; true when not given.
	// Without the list there are summaries and curves, from sketches with a stated
	// error, and the window may hold more starts.
	Startups *bool `json:"startups,omitempty"`
	// Observe asks for what happens over time: what links carry, requests to the
	// registry and starts in flight.
	Observe bool `json:"observe,omitempty"`
	// Spans keeps what happened inside every start, layer by layer; without it that
	// of the first start of each app and arm is kept.
	Spans bool `json:"spans,omitempty"`
	// ExplainApps are apps of which the report says where the time of their median
	// start went (APP@p99: of another quantile), and what would shorten it most.
	ExplainApps []string `json:"explainApps,omitempty"`
	// Now is the time as of which tags and caches are looked at; the present
	// when not given.
	Now time.Time `json:"now,omitzero"`
	// WindowStart and Window are the part of the month that is simulated start
	// by start; the first day when not given.
	WindowStart time.Duration `json:"windowStartSeconds,omitempty"`
	Window      time.Duration `json:"windowSeconds,omitempty"`
	// Bursts are simulated in place of the window's starts.
	Bursts []StartBurst `json:"bursts,omitempty"`
	// Faults are what goes wrong in every arm; times are since the window's
	// beginning, or since the trace's.
	Faults []simulate.Fault `json:"faults,omitempty"`
	// MinCoverage is the least share of starts a month whose images must be
	// known; 0.95 when not given.
	MinCoverage *float64 `json:"minCoverageFraction,omitempty"`
	// Outputs are files to write besides the summary.
	Outputs []Output `json:"outputs,omitempty"`

	// whole remembers where in the file each key stands, flags which flag of the command
	// line gave a key's value instead.
	whole document.Raw
	flags map[string]string
	// self is the file itself, where a sweep read it.
	self simulate.Input
}

// mostMoney is more than anybody's bill, and little enough that sums and products of
// amounts stay exact enough and fit into files.
const mostMoney = 1e12

// Output is a report file to write.
type Output struct {
	// File is relative to the directory in which the command runs.
	File string `json:"file" document:"required"`
	// Format is text, json, html, markdown, csv or benchfmt; by the file's extension
	// when not given.
	Format string `json:"format,omitempty" document:"enum=text|json|html|markdown|csv|benchfmt"`
}

// ReadScenarioFile reads a scenario from the bytes of the file called name.
func ReadScenarioFile(name string, data []byte) (*ScenarioFile, error) {
	var f ScenarioFile
	if err := document.Read(name, data, ScenarioKind, &f); err != nil {
		return nil, err
	}
	var err error
	f.whole, err = document.Whole(name, data)
	return &f, err
}

// Validate reports numbers that cannot be.
func (f *ScenarioFile) Validate() error { return f.blame(f.validate()) }

func (f *ScenarioFile) validate() error {
	switch {
	case f.BudgetPerMonth != nil && !(f.BudgetPerMonth.Amount >= 0):
		return document.At("budgetPerMonth", "a budget of %v cannot be: give 0 or more", f.BudgetPerMonth.Amount)
	case f.BudgetPerMonth != nil && f.BudgetPerMonth.Amount > mostMoney:
		return document.At("budgetPerMonth", "a budget of %v is more than any bill: give at most %v", f.BudgetPerMonth.Amount, float64(mostMoney))
	case f.WorthPerHour != nil && *f.WorthPerHour > mostMoney:
		return document.At("worthPerHour", "an hour cannot be worth %v: give at most %v", *f.WorthPerHour, float64(mostMoney))
	case f.WorthPerHour != nil && !(*f.WorthPerHour >= 0):
		return document.At("worthPerHour", "an hour cannot be worth %v: give 0 or more", *f.WorthPerHour)
	case f.Quota != nil && *f.Quota < 1:
		return document.At("quota", "a quota of %d cannot be: give at least 1", *f.Quota)
	case f.DiskBudgetGiB != nil && !(*f.DiskBudgetGiB > 0 && *f.DiskBudgetGiB <= mostDiskGiB):
		return document.At("diskBudgetGiB", "a disk budget of %v GiB cannot be: give more than 0, or leave it out for what the kubelet leaves", *f.DiskBudgetGiB)
	case f.StartupLimit < 0:
		return document.At("startupLimitSeconds", "a limit of %v cannot be: give more than 0", f.StartupLimit)
	case f.Repeats < 0:
		return document.At("repeats", "%d repeats cannot be: give at least 1", f.Repeats)
	case f.Window < 0:
		return document.At("windowSeconds", "a window of %v cannot be", f.Window)
	case f.WindowStart < 0 || f.WindowStart >= workload.Month:
		return document.At("windowStartSeconds", "the window starts %s after the month's start: it must lie within 30 days", span(f.WindowStart))
	case f.MinCoverage != nil && !(*f.MinCoverage >= 0 && *f.MinCoverage <= 1):
		return document.At("minCoverageFraction", "%v is not a share from 0 to 1", *f.MinCoverage)
	case f.WindowStart+max(f.Window, 1) > workload.Month:
		return document.At("windowSeconds", "the window ends %s after the month's start: it must lie within 30 days", span(f.WindowStart+f.Window))
	}
	if err := f.validateTrace(); err != nil {
		return err
	}
	if _, err := f.scales(); err != nil {
		return err
	}
	if err := f.Plan.validate(); err != nil {
		return document.Under("plan", err)
	}
	if err := layers.CheckPlatform(f.Platform); err != nil {
		return document.At("platform", "%v", err)
	}
	for i := range f.Faults {
		if err := f.Faults[i].Validate(); err != nil {
			return document.Under(fmt.Sprintf("faults[%d]", i), err)
		}
	}
	for i := range f.Bursts {
		if err := f.Bursts[i].validate(f.WindowStart); err != nil {
			return document.Under(fmt.Sprintf("bursts[%d]", i), err)
		}
	}
	if err := f.validateOutputs(); err != nil {
		return err
	}
	if err := f.validateBudget(); err != nil {
		return err
	}
	for i, arm := range f.Arms {
		if known := []string{simulate.ArmCold, simulate.ArmWarm, simulate.ArmAutomatic, simulate.ArmCached}; !slices.Contains(known, arm) {
			return document.At(fmt.Sprintf("arms[%d]", i), "no arm is called %q%s; there are cold, warm, automatic and cached", arm, document.DidYouMean(arm, known))
		}
		if slices.Contains(f.Arms[:i], arm) {
			return document.At(fmt.Sprintf("arms[%d]", i), "arm %s stands twice", arm)
		}
	}
	return nil
}

// validateOutputs refuses an output that would replace an input or another
// output, and one whose format is not told.
func (f *ScenarioFile) validateOutputs() error {
	taken := map[string]string{}
	for key, name := range map[string]string{"workload": f.Workload, "trace": f.Trace, "inventory": f.Inventory, "layerSizes": f.LayerSizes, "lock": f.Lock, "caches": f.Caches, "profile": f.Profile, "prices": f.Prices, "bill": f.Bill} {
		if name != "" {
			taken[filepath.Base(name)] = key
		}
	}
	for i, o := range f.Outputs {
		at := fmt.Sprintf("outputs[%d].file", i)
		if other, ok := taken[filepath.Base(o.File)]; ok {
			return document.At(at, "%s would replace %s: give it another name", o.File, other)
		}
		taken[filepath.Base(o.File)] = fmt.Sprintf("outputs[%d]", i)
		if o.Format == "" && OutputFormat(o.File) == "" {
			return document.At(at, "the ending of %s tells no format: add format: text, json, html, markdown, csv or bench", o.File)
		}
	}
	return nil
}

// OutputFormat is the report format that a file's ending tells; empty for none.
func OutputFormat(file string) string {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".html", ".htm":
		return "html"
	case ".json":
		return "json"
	case ".txt":
		return "text"
	case ".md":
		return "markdown"
	case ".csv":
		return "csv"
	}
	return ""
}

// budget is that of the plan; without one, a goal that needs none has none.
func (f *ScenarioFile) budget() float64 {
	switch {
	case f.BudgetPerMonth != nil:
		return f.BudgetPerMonth.Amount
	case f.Plan.Goal == plan.GoalNet || f.Plan.Goal == plan.GoalLimit:
		return math.Inf(1)
	}
	return 0
}

// ReadFunc returns the content of a file.
type ReadFunc func(path string) ([]byte, error)

// Scenario reads the files that f names, found from the directory of the
// scenario file called name, and returns the values.
func (f *ScenarioFile) Scenario(name string, read ReadFunc) (*Scenario, error) {
	l := &loader{dir: filepath.Dir(name), read: read, whole: f.whole, flags: f.flags}
	s := &Scenario{
		Title: f.Title, Images: f.Images, Platform: f.Platform,
		Baseline: f.Baseline, Assign: f.Assign, BudgetPerMonth: f.budget(), Quota: f.quota(), PlanOptions: f.Plan,
		Arms: f.Arms, Seed: f.Seed, Repeats: f.Repeats, Now: f.Now.UTC(),
		WindowStart: f.WindowStart, Window: f.Window, MinCoverage: DefaultMinCoverage, WorthPerHour: DefaultWorthPerHour,
		Resolve: layers.Options{Aliases: f.RegistryAliases, PlainHTTP: f.PlainHTTP}, from: l,
	}
	s.TraceSpan, s.Assume = f.TraceSpan, f.Assume
	s.Bursts, s.Faults = f.Bursts, f.Faults
	s.DiskBudgetGiB, s.StartupLimit = f.DiskBudgetGiB, f.StartupLimit
	s.setDefaults()
	s.ExplainApps, s.Budget = f.ExplainApps, f.Budget
	s.Observe, s.Spans, s.NoStartups = f.Observe, f.Spans, f.Startups != nil && !*f.Startups
	if f.MinCoverage != nil {
		s.MinCoverage = *f.MinCoverage
	}
	if f.WorthPerHour != nil {
		s.WorthPerHour = *f.WorthPerHour
	}
	for _, host := range sortedKeys(f.Registries) {
		dir := f.Registries[host]
		if s.Registries == nil {
			s.Registries = map[string]string{}
		}
		s.Registries[host] = l.path(dir)
		if _, err := read(filepath.Join(l.path(dir), "index.json")); err != nil {
			return nil, l.at("registries."+host, fmt.Errorf("%s is to be served from %s, which is no OCI layout: %w", host, dir, err))
		}
	}
	for _, key := range sortedKeys(f.Policies) {
		if err := s.Policy.Set(key + "=" + f.Policies[key]); err != nil {
			return nil, l.at("policies", err)
		}
	}
	l.load(f, s)
	l.scale(f, s)
	s.Inputs = l.inputs
	if l.err == nil && f.BudgetPerMonth != nil {
		if err := f.BudgetPerMonth.in(&s.Prices); err != nil {
			return s, l.at("budgetPerMonth", err)
		}
	}
	if l.err == nil {
		l.err = s.aimBursts()
	}
	if l.err == nil {
		l.err = s.check(l.at)
	}
	return s, l.err
}

// setDefaults fills what is empty.
// quota is 0 where none is given.
func (f *ScenarioFile) quota() int {
	if f.Quota == nil {
		return 0
	}
	return *f.Quota
}

func (s *Scenario) setDefaults() {
	s.Policy = matcher.DefaultPolicy()
	if s.Baseline == "" {
		s.Baseline = plan.Automatic
	}
	if s.Assign == "" {
		s.Assign = plan.Auto
	}
	if s.Quota == 0 {
		s.Quota = DefaultQuota
	}
	if s.Seed == 0 {
		s.Seed = 1
	}
	// The platform is always shown, so it is never left to a default further on.
	if s.Platform == "" {
		s.Platform = layers.DefaultPlatform
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// loader reads the files of a scenario; its first error stays.
type loader struct {
	dir    string
	read   ReadFunc
	whole  document.Raw
	flags  map[string]string
	inputs []simulate.Input
	err    error
}

// path is name from the scenario's directory.
func (l *loader) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(l.dir, name)
}

// InputOf notes a file that a result is made from.
func InputOf(name string, data []byte) simulate.Input {
	sum := sha256.Sum256(data)
	return simulate.Input{Name: filepath.ToSlash(name), Digest: layers.Digest("sha256:" + hex.EncodeToString(sum[:]))}
}

// file reads the file that a key of the scenario names and notes its digest; it
// does nothing for the empty name and after an error.
func (l *loader) file(key, name string, use func(path string, data []byte) error) {
	if name == "" || l.err != nil {
		return
	}
	path := l.path(name)
	data, err := l.read(path)
	if err == nil {
		l.inputs = append(l.inputs, InputOf(name, data))
		err = use(path, data)
	}
	if err != nil {
		l.err = l.at(key, err)
	}
}

func (l *loader) load(f *ScenarioFile, s *Scenario) {
	l.loadStarts(f, s)
	l.file("inventory", f.Inventory, func(path string, data []byte) (err error) {
		s.Inventory, err = layers.Read(path, data)
		return err
	})
	l.file("layerSizes", f.LayerSizes, func(path string, data []byte) (err error) {
		s.Resolve.Sizes, err = layers.ReadSizes(path, bytes.NewReader(data))
		return err
	})
	l.file("lock", f.Lock, func(path string, data []byte) (err error) {
		s.Lock, err = ReadLock(path, data)
		return err
	})
	l.file("caches", f.Caches, func(path string, data []byte) error {
		c, err := matcher.ReadCaches(path, data)
		if err == nil {
			s.Caches = c.Caches
		}
		return err
	})
	if l.err == nil {
		s.Profile, l.err = l.profile(f.Profile)
	}
	if l.err == nil {
		s.Prices, l.err = l.prices(f.Prices)
	}
	l.file("bill", f.Bill, func(path string, data []byte) (err error) {
		if s.Bill, err = ReadBill(path, data); err == nil {
			err = s.Bill.checkCurrency(&s.Prices)
		}
		return err
	})
}

// profile is a built-in one by name, else a file.
func (l *loader) profile(name string) (*simulate.Profile, error) {
	if name == "" {
		name = DefaultProfile
	}
	if !looksLikeFile(name) {
		p, err := simulate.BuiltIn(name)
		if err != nil {
			err = l.at("profile", err)
		}
		return p, err
	}
	var p *simulate.Profile
	l.file("profile", name, func(path string, data []byte) (err error) {
		p, err = simulate.ReadProfile(path, data)
		return err
	})
	return p, l.err
}

// prices is a built-in book by currency, else a file; usd when not named.
func (l *loader) prices(name string) (cost.Book, error) {
	switch strings.ToLower(name) {
	case "", "usd":
		return cost.International(), nil
	case "cny":
		return cost.China(), nil
	}
	if !looksLikeFile(name) {
		return cost.Book{}, l.at("prices", fmt.Errorf("no built-in price book is called %q%s; there are usd and cny, or name a file", name, document.DidYouMean(name, []string{"usd", "cny"})))
	}
	var book cost.Book
	l.file("prices", name, func(path string, data []byte) error {
		return document.Read(path, data, cost.Kind, &book)
	})
	return book, l.err
}

// looksLikeFile tells a file's name from a built-in's.
func looksLikeFile(name string) bool { return strings.ContainsAny(name, "./\\") }

// span writes a time for people.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d%time.Hour == 0 && d > 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return d.String()
}
