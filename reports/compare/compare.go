package compare

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/perf/benchmath"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
)

// ErrIncomparable is wrapped when two results cannot be compared.
var ErrIncomparable = errors.New("the results cannot be compared")

// Options are choices of a comparison.
type Options struct {
	// Allow names conditions that may differ, and Missing.
	Allow []string
	// Alpha is the significance level of measured differences, in (0, 1); 0 is 0.05.
	Alpha float64
	// MediansJudge lets rules judge measured medians whether or not their difference
	// is significant.
	MediansJudge bool
	// Rename says what words of OLD's apps and arms, or what follows a slash in them,
	// are called in NEW, as two versions of an image: web:1 is web:2. What OLD has under NEW's name is then left out: so one
	// measurement of both versions is compared with itself.
	Rename map[string]string
	// RenameToo are further ones, of which nothing need have the name.
	RenameToo map[string]string
	// OldDigest and NewDigest are those of the files.
	OldDigest, NewDigest layers.Digest
}

// confidence is that of the medians' intervals, as benchstat has it.
const confidence = 0.95

// Compare compares two results. It does not fail: what stands in the way is in
// the Comparison, and Err says it.
func Compare(old, new *Result, opt Options) *reports.Comparison {
	if opt.Alpha == 0 {
		opt.Alpha = benchmath.DefaultThresholds.CompareAlpha
	}
	c := &reports.Comparison{
		Old: old.side(opt.OldDigest), New: new.side(opt.NewDigest),
		Alpha: opt.Alpha, Confidence: confidence, MediansJudge: opt.MediansJudge,
		AllowMissing: slices.Contains(opt.Allow, Missing),
	}
	for _, b := range slices.Concat(old.benchmarks, new.benchmarks) {
		c.Figures = append(c.Figures, b.figures...)
	}
	slices.Sort(c.Figures)
	c.Figures = slices.Compact(c.Figures)
	for from, to := range opt.Rename {
		c.Renamed = append(c.Renamed, from+"="+to)
	}
	slices.Sort(c.Renamed)
	p := &pair{old: old, new: new, opt: opt, c: c}
	tellProcessors(old, new)
	old.qualify()
	new.qualify()
	if p.incomparable(); len(c.Refusals) > 0 {
		return c
	}
	p.itself()
	p.conditions()
	p.processors()
	p.failures()
	p.unfinished()
	p.match()
	p.sameContent()
	p.starts()
	if len(c.Refusals) > 0 {
		c.Missing, c.Added = nil, nil
		return c
	}
	p.compare()
	p.doubts()
	return c
}

// Err wraps ErrIncomparable where something stands in the way; else it is the
// gate's error.
func Err(c *reports.Comparison) error {
	switch {
	case len(c.Refusals) > 0:
		return fmt.Errorf("%w: %s", ErrIncomparable, strings.Join(c.Refusals, "; "))
	case !c.IsComparable():
		return fmt.Errorf("%w: NEW lacks %s of OLD; --allow missing goes on without", ErrIncomparable, named(c.Missing))
	}
	return c.Gate.Err()
}

// named joins a few names and counts the rest.
func named(names []string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// pair is a comparison that is being made.
type pair struct {
	old, new *Result
	opt      Options
	c        *reports.Comparison
	// matched are the benchmarks of both, added those of NEW alone.
	matched []both
	added   []*benchmark
	// unpaired is how many points of curves and options OLD or NEW alone has: a search tries
	// other values where others are of interest.
	unpaired [2]int
	// onlyOld are values that OLD's search found where NEW's had no reason to look.
	onlyOld []string
}

// both is a benchmark in both results.
type both struct{ old, new *benchmark }

// incomparable refuses results that say of themselves that they are not to be compared:
// of an image that could not be read, or of runs that are all void.
func (p *pair) incomparable() {
	for _, why := range p.old.incomparable {
		p.refuse("OLD: %s", why)
	}
	for _, why := range p.new.incomparable {
		p.refuse("NEW: %s", why)
	}
}

// failures refuses the output of tests that failed: what they should have reported
// may be missing.
func (p *pair) failures() {
	for _, side := range []struct {
		name string
		*Result
	}{{"OLD", p.old}, {"NEW", p.new}} {
		if side.failure != "" {
			p.refuse("%s is of tests that failed (%s)", side.name, side.failure)
		}
	}
}

func (p *pair) refuse(format string, args ...any) {
	p.c.Refusals = append(p.c.Refusals, fmt.Sprintf(format, args...))
}

func (p *pair) doubt(format string, args ...any) {
	p.c.Doubts = append(p.c.Doubts, fmt.Sprintf(format, args...))
}

// itself refuses a measurement beside itself: no two have the same bytes, as two
// simulations do, and nothing would ever differ.
func (p *pair) itself() {
	if p.opt.OldDigest == "" || p.opt.OldDigest != p.opt.NewDigest || len(p.opt.Rename) > 0 {
		return
	}
	for _, b := range p.new.benchmarks {
		if slices.ContainsFunc(b.figures, func(figure string) bool { return p.new.isMeasured(b, figure) }) {
			p.refuse("OLD and NEW are one measurement: say with --rename what OLD calls otherwise, as --rename web:1=web:2")
			return
		}
	}
}

// match finds the benchmarks of both.
func (p *pair) match() {
	conditions := p.distinguishing()
	// taken are names that renamed benchmarks have, before those that these had.
	olds, taken, before := make(map[string]*benchmark), make(map[string]bool), make(map[string]bool)
	used, renames := make(map[string]bool), p.renames()
	for _, b := range p.old.benchmarks {
		other := b.renamed(renames, used)
		key := other.key(conditions)
		if other == b && taken[key] {
			continue
		}
		if other != b && taken[key] {
			p.refuse("two benchmarks of OLD would have the name %s", other.label())
		}
		olds[key] = b
		if other != b {
			taken[key], before[b.key(conditions)] = true, true
		}
	}
	for _, from := range slices.Sorted(maps.Keys(p.opt.Rename)) {
		if !used[from] {
			p.refuse("nothing in OLD has the name %s, which is to be %s: its benchmarks are %s", from, p.opt.Rename[from], named(labels(p.old.benchmarks)))
		}
	}
	news := make(map[string]bool)
	for _, b := range p.new.benchmarks {
		key := b.key(conditions)
		news[key] = true
		if old := olds[key]; old != nil {
			p.matched = append(p.matched, both{old, b})
			continue
		}
		if before[key] {
			continue // OLD's version, in a result of both
		}
		if b.isFound() {
			p.unpaired[1]++
			continue
		}
		p.added = append(p.added, b)
		p.c.Added = append(p.c.Added, b.label())
	}
	for _, b := range p.old.benchmarks {
		if news[b.renamed(renames, nil).key(conditions)] {
			continue
		}
		switch {
		case b.isFound():
			p.unpaired[0]++
		case b.isSearched():
			p.onlyOld = append(p.onlyOld, b.label())
		default:
			p.c.Missing = append(p.c.Missing, b.label())
		}
	}
	if len(p.matched) == 0 {
		p.refuse("no benchmark is in both: OLD has %s, NEW has %s%s", named(p.c.Missing), named(p.c.Added), cmp.Or(p.packages(), p.renamable()))
	}
}

// renames are all names that OLD's benchmarks are to have instead of theirs.
func (p *pair) renames() map[string]string {
	renames := maps.Clone(p.opt.RenameToo)
	if renames == nil {
		renames = make(map[string]string)
	}
	maps.Copy(renames, p.opt.Rename)
	return renames
}

// packages says that the sides are of different ones; empty where they are not.
func (p *pair) packages() string {
	old, new := p.old.values(pkg), p.new.values(pkg)
	if len(old) != 1 || len(new) != 1 || old[0] == new[0] {
		return ""
	}
	return fmt.Sprintf("; OLD's are of package %s, NEW's of %s (--rename %[1]s=%[2]s)", old[0], new[0])
}

// renamable says that the sides have one app each, under two names, which may be one app's
// versions; empty where they do not.
func (p *pair) renamable() string {
	old, new := p.old.apps(), p.new.apps()
	if len(old) != 1 || len(new) != 1 || old[0] == new[0] {
		return ""
	}
	return fmt.Sprintf("; if %s of OLD is %s of NEW, say --rename %[1]s=%[2]s", old[0], new[0])
}

// apps are the names of the apps that a side is about.
func (r *Result) apps() (list []string) {
	for _, b := range r.benchmarks {
		if b.app != "" && !slices.Contains(list, b.app) {
			list = append(list, b.app)
		}
	}
	return list
}

func labels(list []*benchmark) (names []string) {
	for _, b := range list {
		names = append(names, b.label())
	}
	return names
}

// compare fills the changes in.
func (p *pair) compare() {
	for _, b := range p.matched {
		figures := slices.Clone(b.new.figures)
		for _, figure := range b.old.figures {
			if !slices.Contains(figures, figure) {
				figures = append(figures, figure)
			}
		}
		if b.old.untimed+b.new.untimed > 0 {
			figures = p.withTimes(b.new, figures)
		}
		for _, figure := range figures {
			x := p.change(b.new, figure)
			measured := p.old.isMeasured(b.old, figure) || p.new.isMeasured(b.new, figure)
			s := &samples{measured: measured, alpha: p.opt.Alpha}
			s.old = b.old.known(figure, "OLD", &x)
			s.new = b.new.known(figure, "NEW", &x)
			s.compare(&x)
			p.c.Changes = append(p.c.Changes, x)
		}
	}
	for _, b := range p.added {
		figures := b.figures
		if b.untimed > 0 {
			figures = p.withTimes(b, slices.Clone(figures))
		}
		for _, figure := range figures {
			x := p.change(b, figure)
			(&samples{new: b.known(figure, "NEW", &x), measured: p.new.isMeasured(b, figure), alpha: p.opt.Alpha}).compare(&x)
			if x.New != nil {
				x.State, x.Reason = reports.ChangeAdded, ""
			}
			p.c.Changes = append(p.c.Changes, x)
		}
	}
}

// withTimes adds the times to ready that either result has of any benchmark, so that
// rules on them are held against one of which they are not known.
func (p *pair) withTimes(b *benchmark, figures []string) []string {
	for _, figure := range append([]string{reports.UnitStartup}, p.c.Figures...) {
		if isReadyTime(figure, b.app) && !slices.Contains(figures, figure) {
			figures = append(figures, figure)
		}
	}
	return figures
}

// isReadyTime says whether a figure of an app, or of all, is one of times to ready: of all
// starts together, so that it is not known where one of them is not.
func isReadyTime(figure, app string) bool {
	return figure == "makespan-sec" && app == "" || strings.HasPrefix(figure, "startup-") && strings.HasSuffix(figure, "-sec")
}

// known are the values of a figure; none of seconds where not all starts have a time, which
// the change then says.
func (b *benchmark) known(figure, side string, x *reports.Change) []float64 {
	if b.untimed == 0 || reports.UnitOf(figure) != reports.UnitSeconds {
		return b.values[figure]
	}
	x.Reason = fmt.Sprintf("%s does not state when %d of its starts were ready", side, b.untimed)
	return nil
}

func (p *pair) change(b *benchmark, figure string) reports.Change {
	return reports.Change{
		Benchmark: b.full(), Name: b.label(), App: b.app, Arm: b.arm, Source: b.config["source"], Package: b.config[pkg],
		Figure: figure, Unit: reports.UnitOf(figure),
	}
}

// doubts are what the results themselves doubt, and what differs in how they were
// made.
func (p *pair) doubts() {
	for name, digest := range p.new.inputs {
		if old, ok := p.old.inputs[name]; ok && old != digest {
			p.c.Inputs = append(p.c.Inputs, name)
		}
	}
	slices.Sort(p.c.Inputs)
	if p.unpaired[0]+p.unpaired[1] > 0 {
		p.doubt("Of curves and options those are compared that both searches tried; OLD alone has %d, NEW alone %d.", p.unpaired[0], p.unpaired[1])
	}
	if len(p.onlyOld) > 0 {
		p.doubt("Only in OLD: %s. NEW's search has none of that, as where the limit is met already, or a parameter changes nothing.", named(p.onlyOld))
	}
	var facts []string
	for _, f := range p.new.facts {
		for _, old := range p.old.facts {
			if old.Name == f.Name && old.Value != f.Value {
				facts = append(facts, fmt.Sprintf("%s (%s, then %s)", f.Name, old.Value, f.Value))
			}
		}
	}
	if len(facts) > 0 {
		p.doubt("The hosts differ in %s: a difference may be theirs.", named(facts))
	}
	for _, d := range p.old.doubts {
		side := "OLD"
		if slices.Contains(p.new.doubts, d) {
			side = "Both"
		}
		p.doubt("%s: %s", side, d)
	}
	for _, d := range p.new.doubts {
		if !slices.Contains(p.old.doubts, d) {
			p.doubt("NEW: %s", d)
		}
	}
}
