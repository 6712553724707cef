package cachebench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/registry"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// Version is the version of cachebench, as results state it.
const Version = "0.1.0"

// ErrCoverage is wrapped when too much of a workload could not be covered.
var ErrCoverage = errors.New("coverage is below the minimum")

// ErrNoWorkload is wrapped when a job has no apps to work on.
var ErrNoWorkload = errors.New("no workload is given: name one with --workload or in the scenario")

// Scenario is everything that the main job needs, as values. ScenarioFile is
// the same as people write it.
type Scenario struct {
	Title string
	// Workload lists the apps; Images are looked up besides theirs.
	Workload *workload.Workload
	Images   []string
	// ofImages says that Workload is an app of Images, as none was given.
	ofImages bool
	// Trace lists single starts. A Workload beside it says what it does not tell of its
	// apps, and has no starts of its own then.
	Trace *workload.Trace
	// TraceSpan is how long was recorded, from the trace's time 0 on; 0 is from its first
	// start to its last. Assume is what nothing tells of its apps.
	TraceSpan time.Duration
	Assume    Assumed
	// Platform is os/arch[/variant]; empty is linux/amd64. Analyze looks up the
	// images of Platforms too; everything else is about Platform's.
	Platform  string
	Platforms []string
	// Inventory, when not nil, is used in place of looking references up.
	Inventory *layers.Inventory
	// Lock gives references the digests to look up.
	Lock *Lock
	// Resolve says how references are looked up. Its Platforms and Now are set
	// from the Scenario.
	Resolve layers.Options
	// Registries are served on loopback from OCI layout directories while
	// references are looked up, so that they keep their names.
	Registries map[string]string

	Profile *simulate.Profile
	Prices  cost.Book
	Caches  []matcher.Cache
	Policy  matcher.Policy
	// Ask is what the group of every app asks of matching besides its images:
	// Region, CacheID, PerfectMatch, MatchCount, NoMatching and Job are used.
	Ask matcher.Group
	// Explain lists all caches as candidates of each match, with the layers that
	// each lacks; Sensitivity tries other readings of the undocumented rules.
	Explain, Sensitivity bool

	// Baseline is automatic or cold, Assign auto or explicit (package plan).
	Baseline, Assign string
	// BudgetPerMonth is in the currency of Prices; +Inf is none.
	BudgetPerMonth float64
	// WorthPerHour is what an hour of waiting saved is worth, in the same
	// currency; at 0 only the budget bounds what is built.
	WorthPerHour float64
	// Quota is the most manual caches that there may be (eci §1.5): those to build, and those
	// of Caches that are kept.
	Quota int
	// PlanOptions say what else the plan is to keep to; without a goal it is the most
	// time saved.
	PlanOptions PlanOptions
	// StartupLimit is the most that the p99 of the starts on a node pool may take; 0 is
	// that of PlanOptions with goal limit, else no limit.
	StartupLimit time.Duration
	// DiskBudgetGiB is how much planned images may add to each node's disk, in pools that
	// do not say it themselves; nil is what the kubelet leaves.
	DiskBudgetGiB *float64

	// Budget is what apps may take at most, by their names, for Results.CheckBudget.
	Budget map[string]AppBudget
	// Bill is what was paid in a month like the workload's; nil is unknown.
	Bill *Bill

	// Bursts, when there are any, are simulated in place of the window's starts.
	Bursts []StartBurst
	// Faults are what goes wrong in every arm; their times are since the window's
	// beginning, or the trace's.
	Faults []simulate.Fault
	// Arms are those to simulate; empty is all three.
	Arms    []string
	Seed    uint64
	Repeats int
	// Workers is how many repeats are simulated at once, 0 one for each processor;
	// it changes no result. Observe keeps what happens over time. NoStartups keeps
	// no list of startups: MaxStartups then does not bind.
	Workers             int
	Observe, NoStartups bool
	// NoPrimes makes plans without starts ahead of releases and bursts, for starts that
	// nobody foresees.
	NoPrimes bool
	// PlanRepeats makes plans for what the starts of all Repeats find, not for those of the
	// first alone.
	PlanRepeats bool
	// PulledAhead are apps on node pools whose images all nodes of their pool hold when the
	// window begins, in use there as by pods of a DaemonSet that goes on running. Nodes that
	// are new within the window begin as their pool says.
	PulledAhead []string
	// Spans keeps the spans of every start, not only of each app's first.
	Spans bool
	// ExplainApps are apps of which the timeline says where the time of their median
	// start went, in each arm.
	ExplainApps []string
	// Now is the time as of which tags and caches are looked at, and when the
	// month begins.
	Now time.Time
	// Window is the part of the month that is simulated start by start.
	WindowStart, Window time.Duration
	// MinCoverage is the least share of starts a month whose images must be
	// known.
	MinCoverage float64
	// Progress, when not nil, is told what begins.
	Progress func(what string)
	// Inputs name the files that the Scenario was made from.
	Inputs []simulate.Input

	// from knows where in its file each key stands; nil where it is of none.
	from *loader
}

func (s *Scenario) progress(format string, args ...any) {
	if s.Progress != nil {
		s.Progress(fmt.Sprintf(format, args...))
	}
}

// Defaults of a Scenario.
const (
	DefaultProfile     = "eci"
	DefaultMinCoverage = 0.95
	DefaultWindow      = 24 * time.Hour
	DefaultQuota       = 50
	// DefaultWorthPerHour is assumed: about what an hour of an engineer's time
	// costs.
	DefaultWorthPerHour = 100
)

// What is refused as too much to do one by one.
const (
	// MaxEventsPerMonth bounds the starts and releases of the apps that start on
	// instances of their own, which are replayed with those of a month before, some 3
	// million a second; MaxWindowStarts those of them in the window, whose caches are kept.
	MaxEventsPerMonth = 50_000_000
	MaxWindowStarts   = 5_000_000
	// MaxPooledEventsPerMonth bounds those of the apps on node pools; MaxNewNodes the nodes
	// of a pool that are new within the month and its warm-up.
	MaxPooledEventsPerMonth = 20_000_000
	MaxNewNodes             = 5_000_000
	// MaxTraceStarts bounds the starts of a trace, which are kept.
	MaxTraceStarts = 5_000_000
	// MaxStartups bounds the startups that a timeline lists. Where it lists none,
	// only the bounds above hold for the starts of a window or a trace, whatever the
	// number of arms and repeats.
	MaxStartups = 1_000_000
)

// ErrTooMuch is wrapped when a workload or a window is too large.
var ErrTooMuch = errors.New("too many starts")

// References are what Analyze looks up: the images of the workload, those given
// besides, those of the existing caches and those that budgets compare with, each once.
func (s *Scenario) References() []string {
	refs := slices.Clone(s.Images)
	if s.Workload != nil {
		refs = append(refs, s.Workload.References()...)
	}
	if s.Trace != nil {
		refs = append(refs, s.Trace.References()...)
	}
	for _, c := range s.Caches {
		refs = append(refs, c.Images...)
	}
	refs = append(refs, s.bases()...)
	seen := make(map[string]bool)
	return slices.DeleteFunc(refs, func(ref string) bool {
		again := seen[ref]
		seen[ref] = true
		return again
	})
}

// Hosts are the registries that Analyze asks, by the names that references have
// and in order; those that are served from directories are not among them.
func (s *Scenario) Hosts() []string {
	var hosts []string
	for _, ref := range s.References() {
		host, ok := layers.RegistryOf(ref)
		if _, served := s.Registries[host]; ok && !served && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	return hosts
}

// Analyze looks the references up, serving Registries on loopback meanwhile.
// References that cannot be read are listed in the Inventory; an error means
// that nothing could be done or that ctx ended.
func (s *Scenario) Analyze(ctx context.Context) (inv *layers.Inventory, err error) {
	if s.Inventory != nil {
		return s.Inventory, nil
	}
	err = s.served(func(opt layers.Options) (err error) {
		inv, err = layers.Resolve(ctx, s.References(), opt)
		return err
	})
	if inv != nil && len(s.poolPlatforms()) > 0 && len(s.Platforms) <= 1 {
		s.forgive(inv)
	}
	return inv, err
}

// poolPlatforms are those of the node pools that apps run on.
func (s *Scenario) poolPlatforms() []string {
	var platforms []string
	if s.Workload == nil {
		return nil
	}
	for i := range s.Workload.Apps {
		if pool := s.Workload.Pool(s.Workload.Apps[i].NodePool); pool != nil && !slices.Contains(platforms, pool.Platform) {
			platforms = append(platforms, pool.Platform)
		}
	}
	return platforms
}

// forgive drops from the Inventory's unresolved references those that lack only a
// platform on which nothing runs them.
func (s *Scenario) forgive(inv *layers.Inventory) {
	has := func(ref, platform string) bool {
		return slices.ContainsFunc(inv.Images, func(img layers.Image) bool {
			return img.Reference == ref && layers.SamePlatform(img.Platform, platform)
		})
	}
	inv.Unresolved = slices.DeleteFunc(inv.Unresolved, func(u layers.Unresolved) bool {
		needed := s.platformsOf(u.Reference)
		return !slices.ContainsFunc(needed, func(platform string) bool { return !has(u.Reference, platform) })
	})
}

// platformsOf are the platforms for which a reference is wanted.
func (s *Scenario) platformsOf(reference string) []string {
	var platforms []string
	own := slices.Contains(s.Images, reference)
	for i := range s.Workload.Apps {
		app := &s.Workload.Apps[i]
		pool := s.Workload.Pool(app.NodePool)
		used := slices.Contains(app.AllImages(), reference) || s.Budget[app.Name].Base == reference
		switch {
		case pool == nil:
			own = own || used
		case used || slices.Contains(pool.References(), reference):
			platforms = append(platforms, pool.Platform)
		}
	}
	for _, c := range s.Caches {
		own = own || slices.Contains(c.Images, reference)
	}
	if own {
		platforms = append(platforms, s.platform())
	}
	return platforms
}

// LastTags returns references of the n newest images of a repository; see
// layers.LastTags.
func (s *Scenario) LastTags(ctx context.Context, repository string, n int) (references, said []string, err error) {
	err = s.served(func(opt layers.Options) (err error) {
		references, said, err = layers.LastTags(ctx, repository, n, opt)
		return err
	})
	return references, said, err
}

// served calls do with the options of looking up, while Registries are served
// on loopback.
func (s *Scenario) served(do func(layers.Options) error) (err error) {
	opt := s.Resolve
	opt.Now = s.Now
	opt.Platforms = []string{s.platform()}
	for _, p := range slices.Concat(s.Platforms, s.poolPlatforms()) {
		if !slices.ContainsFunc(opt.Platforms, func(q string) bool { return layers.SamePlatform(p, q) }) {
			opt.Platforms = append(opt.Platforms, p)
		}
	}
	opt.Registries, opt.Layouts = map[string]string{}, map[string]string{}
	for host, addr := range s.Resolve.Registries {
		opt.Registries[host] = addr
	}
	for host, dir := range s.Registries {
		if _, aliased := opt.Aliases[host]; aliased {
			continue
		}
		server, serr := serve(host, dir)
		if serr != nil {
			return serr
		}
		defer func() { err = errors.Join(err, server.Close()) }()
		opt.Registries[host], opt.Layouts[host] = server.Addr, dir
	}
	if s.Lock != nil {
		opt.Digests, opt.DigestPlaces = s.Lock.digests(), s.Lock.places
	}
	return do(opt)
}

func serve(host, dir string) (*registry.Server, error) {
	handler, err := registry.Handler(host, os.DirFS(dir))
	if err != nil {
		return nil, fmt.Errorf("registry %s from %s: %w", host, dir, err)
	}
	return registry.Serve(handler)
}

// policy is Policy with the registries that are aliases of one another.
func (s *Scenario) policy() matcher.Policy {
	p := s.Policy
	p.Aliases = s.Resolve.Aliases
	return p
}

func (s *Scenario) platform() string {
	if s.Platform == "" {
		return layers.DefaultPlatform
	}
	return s.Platform
}

// Cover returns the job on those apps whose images are all in the Inventory; of a trace,
// on those of its starts on instances of their own.
// The error wraps ErrCoverage when they make up too little of the workload; the
// job is still good for what it covers, unless that is nothing.
func (s *Scenario) Cover(inv *layers.Inventory) (*Job, error) {
	if s.Trace != nil {
		return s.coverTrace(inv)
	}
	if s.Workload == nil {
		return nil, ErrNoWorkload
	}
	if len(s.Workload.Apps) == 0 {
		return nil, fmt.Errorf("%w: the one given lists no apps", ErrNoWorkload)
	}
	inv = inv.Estimated()
	j := &Job{Scenario: s, Inventory: inv, lookup: inv.Lookup(), turn: new(sync.Mutex), before: make(map[playedKey]*standing)}
	j.matcher = matcher.New(inv, s.platform(), s.Now, s.policy())
	var all, covered float64
	for i := range s.Workload.Apps {
		app := &s.Workload.Apps[i]
		all += app.StartsPerMonth()
		if why := j.lacks(app); why != "" {
			j.Coverage.LeftOut = append(j.Coverage.LeftOut, simulate.LeftOut{App: app.Name, Reason: why})
			continue
		}
		covered += app.StartsPerMonth()
		j.Workload.Apps = append(j.Workload.Apps, *app)
	}
	j.Workload.NodePools = s.Workload.NodePools
	j.Coverage.Apps = len(j.Workload.Apps)
	if j.Coverage.StartsFraction = 1; all > 0 {
		j.Coverage.StartsFraction = covered / all
	}
	if err := errors.Join(boundedMonth(s.Workload, isOwn, "instances of their own", MaxEventsPerMonth), boundedMonth(s.Workload, isPooled, "node pools", MaxPooledEventsPerMonth)); err != nil {
		return nil, err
	}
	if j.Coverage.Apps == 0 {
		return nil, fmt.Errorf("no app of the workload has all its images: %s", j.leftOutWords())
	}
	if j.Coverage.StartsFraction < s.MinCoverage && len(j.Coverage.LeftOut) > 0 {
		return j, j.tooLittle()
	}
	return j, nil
}

// BestCaches says, for each of the references on the scenario's platform, or
// where there are none for each image of the Inventory, which of its caches shares
// most bytes with it.
func (s *Scenario) BestCaches(inv *layers.Inventory, references []string) *matcher.BestCaches {
	s.progress("comparing %d images with %d caches", len(inv.Images), len(s.Caches))
	return matcher.New(inv, s.platform(), s.Now, s.policy()).BestCaches(s.Caches, references)
}

// boundedMonth refuses more starts and releases of the apps that are wanted than are
// replayed one by one.
func boundedMonth(w *workload.Workload, want func(*workload.App) bool, where string, bound int) error {
	var all, largest float64
	var most string
	for i := range w.Apps {
		if !want(&w.Apps[i]) {
			continue
		}
		n := w.Apps[i].StartsPerMonth() + w.Apps[i].ReleasesPerMonth
		all += n
		if n > largest || most == "" {
			largest, most = n, w.Apps[i].Name
		}
	}
	if all > float64(bound) {
		return fmt.Errorf("%w: the workload has %.3g starts and releases a month, most of them of app %s; at most %d of apps on %s are replayed one by one: split the workload, or make it smaller (--scale '*=%.2gx'), with which what shared links, admission and caches do is another, and so is the bill", ErrTooMuch, all, most, bound, where, math.Floor(100*float64(bound)/all)/100)
	}
	return nil
}
