package compare

import (
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/reports"
)

// The conditions that two results must have in common, and what a caller may
// allow besides.
const (
	// Source: simulated, measured or estimated.
	Source = reports.BenchSource
	// Profile is that of simulations and estimates, by its name; whoever allows
	// another allows a profile of the same name with other values too.
	Profile       = reports.BenchProfile
	profileDigest = reports.BenchProfileDigest
	// Platform is that of the images.
	Platform = reports.BenchPlatform
	// Workload is what is started when, by its digest, whatever the images are.
	Workload       = "workload"
	workloadDigest = reports.BenchWorkloadDigest
	// Model is the version of the model that simulates.
	Model = reports.BenchModel
	// Seed of what simulations draw at random.
	Seed = reports.BenchSeed
	// Coverage is the share of the workload's starts whose images could be read.
	Coverage = reports.BenchCoverage
	// Faults are what goes wrong in a simulation.
	Faults = reports.BenchFaults
	// Budget and Worth are what a plan was made for.
	Budget = reports.BenchBudget
	Worth  = reports.BenchWorth
	// Problem is what else a plan was made for: its goal, limit, quota, storage and assign.
	Problem = reports.BenchProblem
	// Machine is the one that go test measured on.
	Machine = "machine"
	// Starts is how many of an app a simulation sums up, how many of a month a plan and
	// matches do, and how many runs a calibration.
	Starts = "starts"
	// Missing: NEW may lack benchmarks that OLD has.
	Missing = "missing"
)

// conditions lists what two results must have in common.
func conditions() []string { return append(reports.BenchConfig(), Machine) }

// Allowable lists what Options.Allow may name.
func Allowable() []string {
	list := slices.DeleteFunc(conditions(), func(name string) bool { return name == profileDigest || name == workloadDigest })
	return append(list, Workload, Starts, Missing, Unfinished)
}

// pkg is the package of go test's benchmarks.
const pkg = "pkg"

// keyConditions are those by which one result may have a benchmark several times.
var keyConditions = []string{pkg, Source, Profile, Platform}

// distinguishing are the key conditions that tell apart what is to be matched: those of
// which a side has several values; and packages unless a side is not of go test at all,
// as what run writes beside what package benchtest does.
func (p *pair) distinguishing() (names []string) {
	for _, name := range keyConditions {
		old, new := p.old.values(name), p.new.values(name)
		if len(old) > 1 || len(new) > 1 || name == pkg && len(old) > 0 && len(new) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// values are the different ones of a condition.
func (r *Result) values(name string) (list []string) {
	for _, b := range r.benchmarks {
		if v := b.condition(name); v != "" && !slices.Contains(list, v) {
			list = append(list, v)
		}
	}
	return list
}

// conditions refuses results that were made under other conditions.
func (p *pair) conditions() {
	isSameProfile := slices.Equal(valuesOf(&p.c.Old, Profile), valuesOf(&p.c.New, Profile))
	for _, name := range conditions() {
		old, new := p.valuesOf(name)
		if name == profileDigest && !isSameProfile {
			continue // another profile has other values
		}
		if name == workloadDigest && len(old) > 0 && len(new) > 0 {
			continue // told once the numbers of starts are
		}
		if name == Faults && len(old)+len(new) > 0 {
			old, new = orNone(old), orNone(new)
		}
		switch {
		case slices.Equal(old, new):
			if name == Platform && len(old) == 0 && slices.ContainsFunc(p.new.benchmarks, func(b *benchmark) bool { return b.app != "" }) {
				p.doubt("Neither result says its platform, as reports and their benchmarks do.")
			}
		case len(old) == 0 || len(new) == 0:
			silent, other := "OLD", new
			if len(new) == 0 {
				silent, other = "NEW", old
			}
			p.silent(silent, name, named(other))
		case p.allows(name) && name == profileDigest:
			p.doubt("The values of profile %s differ: those of OLD are %s, those of NEW %s.", named(valuesOf(&p.c.New, Profile)), named(old), named(new))
		case p.allows(name):
			p.doubt("The %s differs: OLD's is %s, NEW's is %s.", name, named(old), named(new))
		case name == profileDigest:
			p.refuse("profile %s has other values: those of OLD are %s, those of NEW %s (--allow %s)", named(valuesOf(&p.c.New, Profile)), named(old), named(new), Profile)
		default:
			p.refuse("another %s: OLD's is %s, NEW's is %s (--allow %s)", name, named(old), named(new), name)
		}
	}
}

// silent refuses results of which one side alone states a condition: cachebench states
// all that it knows, so that what is not stated is not known, as in files of before. What
// go test says of the machine is not of results that others measured.
func (p *pair) silent(side, name, others string) {
	what := "its " + name
	switch name {
	case profileDigest:
		what, name = "the values of its profile", Profile
	case workloadDigest:
		what, name = "its workload", Workload
	}
	if name == Machine || p.allows(name) {
		p.doubt("%s does not say %s; the other's is %s.", side, what, others)
		return
	}
	p.refuse("%s does not say %s, and the other's is %s (--allow %s)", side, what, others, name)
}

// starts refuses simulations of an app whose starts are not as many on both sides: fewer
// at once are sooner ready, whatever their images; so too the months of plans and matches,
// and calibrations on other runs. The number of all apps' simulated starts differs where
// one is added, and is a doubt.
func (p *pair) starts() {
	var counted, runs, all []string
	for _, b := range p.matched {
		old, new := b.old.starts, b.new.starts
		if old == new || old == 0 || new == 0 || p.new.isMeasured(b.new, b.new.figures[0]) {
			continue
		}
		words := fmt.Sprintf("%s (%d, then %d)", b.new.label(), old, new)
		switch b.new.base {
		case reports.BenchCalibration:
			runs = append(runs, words)
			continue
		case reports.BenchPlan, reports.BenchPool, reports.BenchMatch:
			counted = append(counted, words)
			continue
		}
		if b.new.app == "" {
			all = append(all, words)
		} else {
			counted = append(counted, words)
		}
	}
	p.workload(len(counted) > 0)
	if !p.allows(Starts) && !p.allows(Workload) {
		if len(counted) > 0 {
			p.refuse("another workload: the numbers of starts differ of %s (--allow %s)", named(counted), Starts)
		}
		if len(runs) > 0 {
			p.refuse("other measured runs: their numbers differ of %s (--allow %s)", named(runs), Starts)
		}
		counted, runs = nil, nil
	}
	if all = append(counted, all...); len(all) > 0 {
		p.doubt("The numbers of starts differ, so this is another workload: %s.", named(all))
	}
	if len(runs) > 0 {
		p.doubt("The numbers of measured runs differ: %s.", named(runs))
	}
}

// workload refuses results of which other things were started, or at other times: what is
// spread over an hour is sooner ready than what comes at once. Where an app's number of
// starts differs, as is known, that says so.
func (p *pair) workload(isKnown bool) {
	old, new := p.valuesOf(workloadDigest)
	if len(old) == 0 || len(new) == 0 || slices.Equal(old, new) || isKnown {
		return
	}
	what := "what is started when differs"
	switch {
	case len(p.added) > 0:
		what += ", as where NEW adds apps"
	case len(p.c.Missing) > 0:
		what += ", as where NEW lacks apps"
	}
	if p.allows(Workload) {
		p.doubt("This is another workload: %s (OLD's has the digest %s, NEW's %s).", what, named(old), named(new))
		return
	}
	p.refuse("another workload: %s (bursts, starts, their spread, runtimes, policies, nodes, the window): OLD's has the digest %s, NEW's %s (--allow %s)", what, named(old), named(new), Workload)
}

// orNone says that silence means none.
func orNone(values []string) []string {
	if len(values) == 0 {
		return []string{"none"}
	}
	return values
}

func (p *pair) allows(name string) bool {
	switch name {
	case profileDigest:
		name = Profile
	case workloadDigest:
		name = Workload
	}
	return slices.Contains(p.opt.Allow, name)
}

// valuesOf are the values of a condition on both sides. The runs of sweeps have others
// each, as parameters make them: there they are those of the runs that both have, as renamed,
// and that were made under different ones; where no run was, both sides have the same. Where
// no run is in both they are what each side says.
func (p *pair) valuesOf(name string) (old, new []string) {
	old, new = valuesOf(&p.c.Old, name), valuesOf(&p.c.New, name)
	if slices.Equal(old, new) && len(old) < 2 || !p.old.isSweep() || !p.new.isSweep() {
		return old, new
	}
	before := make(map[string]*benchmark)
	renames := p.renames()
	for _, as := range []map[string]string{nil, renames} { // the renamed count, as in match
		for _, b := range p.old.benchmarks {
			if other := b.renamed(as, nil); as == nil || other != b {
				before[other.key([]string{Source})] = b
			}
		}
	}
	paired := false
	var oldOnly, newOnly []string
	var first [2]string // of the first run with another
	add := func(list *[]string, v string) {
		if v != "" && !slices.Contains(*list, v) {
			*list = append(*list, v)
		}
	}
	for _, b := range p.new.benchmarks {
		a := before[b.key([]string{Source})]
		paired = paired || a != nil
		if a != nil && a.condition(name) != b.condition(name) {
			add(&oldOnly, a.condition(name))
			add(&newOnly, b.condition(name))
			if first[0] == "" {
				first = [2]string{a.condition(name) + " of " + b.label(), b.condition(name) + " of " + b.label()}
			}
		}
	}
	if !paired {
		return old, new
	}
	if len(oldOnly)+len(newOnly) == 0 {
		return new, new
	}
	slices.Sort(oldOnly)
	slices.Sort(newOnly)
	if slices.Equal(oldOnly, newOnly) { // of other runs each
		return first[:1], first[1:]
	}
	return oldOnly, newOnly
}

// isSweep says that the result is of a sweep.
func (r *Result) isSweep() bool {
	return len(r.benchmarks) > 0 && !slices.ContainsFunc(r.benchmarks, func(b *benchmark) bool { return b.base != reports.BenchSweep })
}

func valuesOf(side *reports.ComparedResult, name string) []string {
	for _, c := range side.Conditions {
		if c.Name == name {
			return c.Values
		}
	}
	return nil
}
