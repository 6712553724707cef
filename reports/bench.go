package reports

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/simulate"
)

// The benchmarks of a result in the text of Go's benchmarks.
const (
	// BenchStartup has the starts of an app in an arm.
	BenchStartup = "Startup"
	// BenchWorkload has the starts of all apps in an arm, where they are several.
	BenchWorkload = "Workload"
)

// The units that results have in common, whatever made them: simulations,
// measurements and Go's own benchmarks.
const (
	// UnitStartup are seconds from the request to ready; of several starts that
	// stand in one line their median, by nearest rank. UnitStartupP99 is then their 99th
	// percentile.
	UnitStartup    = "startup-sec"
	UnitStartupP99 = "startup-p99-sec"
	// UnitMean is their mean.
	UnitMean = "startup-mean-sec"
	// UnitPulled are compressed bytes that a start fetches, UnitUnpacked
	// uncompressed bytes that it unpacks; of several starts the mean.
	UnitPulled   = "pulled-B"
	UnitUnpacked = "unpacked-B"
)

// benchPhase is the unit of a phase: fetch-sec. The phase called ready is not the
// time to ready, so it says that it is a phase.
func benchPhase(p simulate.Phase) string {
	if p == simulate.Ready {
		return "ready-phase-sec"
	}
	return string(p) + "-sec"
}

// BenchQuantities are what a rule on startups can be about, in any result.
func BenchQuantities() []Quantity {
	list := []Quantity{
		{UnitStartup, UnitSeconds, true, "time from the request to ready; of several starts the median"},
		{"startup-p90-sec", UnitSeconds, true, "its 90th percentile, of lines with several starts"},
		{UnitStartupP99, UnitSeconds, true, "its 99th percentile, of lines with several starts"},
		{UnitMean, UnitSeconds, true, "its mean, of lines with several starts"},
		{UnitPulled, UnitBytes, true, "compressed bytes that a start fetches"},
		{UnitUnpacked, UnitBytes, true, "uncompressed bytes that a start unpacks"},
	}
	for _, p := range phaseNames {
		list = append(list, Quantity{benchPhase(p), UnitSeconds, true, "the part of it in phase " + string(p)})
	}
	return append(list, Quantity{"makespan-sec", UnitSeconds, true, "time from the first request to the last ready, of all apps"})
}

// The configuration lines of benchmarks, in order. What differs in one of them
// is not compared by benchstat, so what two results may differ in is a comment.
const (
	BenchSource  = "source"
	BenchProfile = "profile"
	// BenchProfileDigest begins as the digest of the profile's values does.
	BenchProfileDigest = "profile-digest"
	BenchPlatform      = "platform"
	// BenchWorkloadDigest begins as the digest does of what is started when.
	BenchWorkloadDigest = "workload-digest"
	// BenchModel is simulate.ModelVersion.
	BenchModel    = "model"
	BenchSeed     = "seed"
	BenchCoverage = "coverage"
	BenchFaults   = "faults"
	// BenchBudget and BenchWorth are a plan's most for caches in a month, and what an hour
	// of startup time was taken to be worth; none where there is none. BenchProblem is
	// what else it was to reach and keep: its goal and limit, quota, storage and assign.
	BenchBudget  = "budget"
	BenchWorth   = "worth"
	BenchProblem = "problem"
)

// BenchConfig lists the configuration lines, in order.
func BenchConfig() []string {
	return []string{BenchSource, BenchProfile, BenchProfileDigest, BenchPlatform, BenchWorkloadDigest, BenchModel, BenchSeed, BenchCoverage, BenchFaults, BenchBudget, BenchWorth, BenchProblem}
}

// benchText writes the text of Go's benchmarks.
type benchText struct {
	bytes.Buffer
	// config are the configuration lines that hold where it is.
	config map[string]string
}

// set writes the configuration lines that change; one without a value is taken back.
func (b *benchText) set(config map[string]string) {
	for _, key := range BenchConfig() {
		value := oneLine(config[key])
		if value == b.config[key] {
			continue
		}
		fmt.Fprintf(b, "%s: %s\n", key, value)
		if b.config == nil {
			b.config = make(map[string]string)
		}
		b.config[key] = value
	}
}

// oneLine is a text without what ends or hides a line.
func oneLine(s string) string { return strings.Join(strings.Fields(printable(s)), " ") }

func (b *benchText) comment(p *simulate.Provenance, doubts []string) {
	b.WriteString(BenchComments(p, doubts))
}

// BenchComments are the lines of a text of benchmarks that benchstat leaves out: what
// may differ between two results that compare, and the doubts.
func BenchComments(p *simulate.Provenance, doubts []string) string {
	var b strings.Builder
	if p.Version != "" {
		fmt.Fprintf(&b, "# cachebench-version %s\n", oneLine(p.Version))
	}
	if p.PriceDate != "" {
		fmt.Fprintf(&b, "# price-date %s\n", oneLine(p.PriceDate))
	}
	for _, input := range p.Inputs {
		fmt.Fprintf(&b, "# input %s %s\n", oneLine(string(input.Digest)), oneLine(input.Name))
	}
	for _, doubt := range doubts {
		fmt.Fprintf(&b, "# doubt %s\n", oneLine(doubt))
	}
	if len(p.Unread) > 0 {
		fmt.Fprintf(&b, "%s%s\n", BenchIncomparablePrefix, oneLine(unreadWords(p.Unread, "of the images")))
	}
	return b.String()
}

// BenchIncomparablePrefix begins the line by which a result says why it is not to be
// compared with any other.
const BenchIncomparablePrefix = "# incomparable "

func (b *benchText) incomparable(why string) {
	b.WriteString(BenchIncomparablePrefix + oneLine(why) + "\n")
}

// BenchUntimedPrefix begins the line that says of how many starts of a benchmark it is
// not known when they were ready: its source, its name and their number.
const BenchUntimedPrefix = "# untimed "

// BenchStarts is the line that says how many starts a benchmark called name sums up,
// where the number after its name does not: package testing counts iterations there.
func BenchStarts(name string, starts int) string {
	return fmt.Sprintf("%s%s %d\n", BenchStartsPrefix, name, starts)
}

// BenchStartsPrefix begins the line of BenchStarts.
const BenchStartsPrefix = "# starts "

// units writes that values are exact, and of those that are judged what is better.
func (b *benchText) units(units []string) {
	for _, unit := range units {
		fmt.Fprintf(b, "Unit %s assume=exact", unit)
		if better := benchBetter(unit); better != "" {
			b.WriteString(" better=" + better)
		}
		b.WriteString("\n")
	}
}

// benchBetter says which values of a unit are better; empty of what is neither good nor
// bad.
func benchBetter(unit string) string {
	switch unit {
	case unitBuilt, unitPartial, unitBias:
		return ""
	case unitSaved, unitSavedBytes, unitHit, unitFull, unitMet, unitKept, unitEnough, unitReady:
		return "higher"
	}
	for _, stem := range []string{"value-", "need-", "change-"} {
		// What is counted may be a capacity, or what is asked of it.
		if strings.HasPrefix(unit, stem) && UnitOf(unit) != UnitSeconds {
			return ""
		}
	}
	if strings.HasPrefix(unit, moneyNet+"-") {
		return "higher"
	}
	return "lower"
}

// BenchIsSigned says whether a benchmark's value of a unit may be below 0: of the results
// that package reports writes what is saved, a bias and the ends of intervals, of others
// the units that nobody but their team knows.
func BenchIsSigned(name, unit string) bool {
	switch name {
	case BenchCapacity, BenchCapacityOption, BenchCapacityCurve:
		return true // what a parameter changes
	case BenchSweep:
		name = BenchPlan
	}
	switch name {
	case BenchStartup, BenchWorkload, BenchImages, BenchPlan, BenchPool, BenchMatch, BenchCalibration:
		isEnd := strings.Contains(unit, "-low-") || strings.Contains(unit, "-high-")
		if name == BenchPool && strings.HasPrefix(unit, moneyCost+"-") {
			return true // what no start fetches any more is no longer paid
		}
		return isEnd || unit == unitSaved || unit == unitBias || strings.HasPrefix(unit, moneyNet+"-")
	}
	switch unit {
	case "sec/op", "B/op", "allocs/op", "B/s":
		return false
	}
	return !slices.ContainsFunc(BenchQuantities(), func(q Quantity) bool { return q.Name == unit })
}

// BenchValue is a value with its unit.
type BenchValue struct {
	Value float64
	Unit  string
}

// result writes the line of one benchmark.
func (b *benchText) result(l BenchLine) {
	fmt.Fprintf(b, "Benchmark%s%s %d", l.Name, BenchKeys(l.Keys...), l.Starts)
	for _, v := range l.Values {
		fmt.Fprintf(b, " %s %s", exact(v.Value), v.Unit)
	}
	b.WriteString("\n")
}

// BenchLine is the line of one benchmark.
type BenchLine struct {
	// Config are the configuration lines that hold for it, by key.
	Config map[string]string
	// Name is BenchStartup or another, Keys the keys and values after it in turn.
	Name string
	Keys []string
	// Starts are how many the line sums up.
	Starts int
	// Values are in order; unknown ones are left out.
	Values []BenchValue
}

// write writes the units, if all values are exact, then the lines.
func (b *benchText) write(lines []BenchLine, isExact bool) {
	b.set(lines[0].Config)
	if isExact {
		var units []string
		for i := range lines {
			for _, v := range lines[i].Values {
				if !slices.Contains(units, v.Unit) {
					units = append(units, v.Unit)
				}
			}
		}
		b.units(units)
	}
	for i := range lines {
		b.set(lines[i].Config)
		b.result(lines[i])
	}
}

// benchReport writes startups for benchstat: a line for each app and arm of
// simulated and estimated ones, whose values are exact; for measured ones a line
// for each run, so that benchstat has a sample. Beside measured values nothing is
// called exact, for a unit is the same in the whole file.
func benchReport(r *Report) ([]byte, error) {
	if len(r.Arms) == 0 && r.Void == "" {
		return benchStage(r)
	}
	var b benchText
	b.comment(&r.Provenance, r.Doubts)
	if r.Void != "" {
		b.incomparable(r.Void)
		return b.Bytes(), nil
	}
	for _, u := range r.Untimed {
		if u.App == "" && !r.hasWorkloadLine(u.Source) {
			continue
		}
		l := r.BenchLine(&Summary{Source: u.Source, Arm: u.Arm, App: u.App})
		fmt.Fprintf(&b, "%s%s Benchmark%s%s %d\n", BenchUntimedPrefix, u.Source, l.Name, BenchKeys(l.Keys...), u.Starts)
	}
	var lines []BenchLine
	isExact := true
	for _, source := range sourceOrder {
		list, apps := r.Summaries, 0
		if source == simulate.Measured {
			list = r.MeasuredRuns
		}
		named := make(map[string]bool)
		for i := range list {
			if list[i].Source == source {
				if l := r.BenchLine(&list[i]); len(l.Values) > 0 {
					lines = append(lines, l)
				}
				named[list[i].App] = true
			}
		}
		if apps = len(named); apps == 0 {
			continue
		}
		if source == simulate.Measured {
			isExact = false
			continue
		}
		for i := range r.Arms {
			if r.Arms[i].Source != source || apps < 2 {
				continue
			}
			if l := r.BenchLine(&r.Arms[i]); len(l.Values) > 0 {
				lines = append(lines, l)
			}
		}
	}
	if len(lines) == 0 && len(r.Untimed) > 0 {
		return b.Bytes(), nil
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("the report sums its measured startups up, as those of older versions do: give the timeline that it was made of")
	}
	b.write(lines, isExact)
	return b.Bytes(), nil
}

// benchStage writes what a stage before the startups found out.
func benchStage(r *Report) ([]byte, error) {
	switch {
	case r.Plan != nil:
		return planBench(r)
	case r.Matches != nil:
		return matchBench(r)
	case r.Sharing != nil && r.Coverage == nil:
		return sharingBench(r)
	}
	return nil, fmt.Errorf("format %s has figures of startups, plans, matches and images, and this report has none of them: give a timeline, or another format", Bench)
}

// BenchLine is the line of startups of one app, or of all, in an arm.
func (r *Report) BenchLine(s *Summary) BenchLine {
	l := BenchLine{Config: map[string]string{BenchSource: s.Source, BenchPlatform: r.Platform}, Name: BenchStartup, Starts: s.Starts}
	profile := ""
	if s.Source != simulate.Measured {
		profile = r.Provenance.Profile
		maps.Copy(l.Config, r.benchComputed())
		l.Config[BenchWorkloadDigest] = short(r.Provenance.WorkloadDigest)
		var faults []string
		for _, f := range r.Faults {
			faults = append(faults, f.String())
		}
		l.Config[BenchFaults] = strings.Join(faults, ", ")
	}
	if s.App == "" {
		l.Name = BenchWorkload
	}
	l.Keys = []string{"app", s.App, "arm", s.Arm, "profile", profile}
	l.Values = r.benchValues(s)
	return l
}

// benchComputed is the configuration of what is not measured.
func (r *Report) benchComputed() map[string]string {
	config := benchModel(&r.Provenance)
	config[BenchSeed] = fmt.Sprint(r.Provenance.Seed)
	config[BenchCoverage] = r.benchCoverage()
	return config
}

// benchCoverage is the share of the workload's starts whose images could be read, as the
// report or the stage in it says; empty where neither does.
func (r *Report) benchCoverage() string {
	var share *float64
	switch {
	case r.Coverage != nil:
		share = &r.Coverage.StartsFraction
	case r.Plan != nil:
		share = r.Plan.CoverageFraction
	case r.Matches != nil:
		share = r.Matches.CoverageFraction
	}
	if share == nil {
		return ""
	}
	return exact(*share)
}

// benchModel is the configuration by which values are simulated and estimated.
func benchModel(p *simulate.Provenance) map[string]string {
	config := map[string]string{BenchProfile: p.Profile, BenchProfileDigest: short(p.ProfileDigest)}
	if p.Model != 0 {
		config[BenchModel] = strconv.Itoa(p.Model)
	}
	return config
}

// benchValues are the values of a line. Unknown ones are left out, never 0.
func (r *Report) benchValues(s *Summary) []BenchValue {
	x := statisticsOf(s)
	if over := r.repeatsOf(s); over != nil && s.Source != simulate.Measured {
		x = over
	}
	var values []BenchValue
	add := func(v simulate.Statistic, unit string) {
		values = append(values, BenchValue{v.Value, unit})
		if i := v.Interval(); i != nil {
			name := strings.TrimSuffix(unit, "-sec")
			values = append(values, BenchValue{i.Low, name + "-low-sec"}, BenchValue{i.High, name + "-high-sec"})
		}
	}
	add(x.P50, UnitStartup)
	if s.Starts > 1 {
		add(x.P90, "startup-p90-sec")
		add(x.P99, UnitStartupP99)
		add(x.Mean, UnitMean)
	}
	if s.App == "" {
		add(x.Makespan, "makespan-sec")
	}
	// A measured line is a run of its own, and another one is not known.
	unknown := s.Source != simulate.Measured && r.isUntimed(s)
	if unknown {
		values = nil
	}
	if !s.Unsized {
		values = append(values, BenchValue{float64(s.MeanFetchedBytes), UnitPulled}, BenchValue{float64(s.MeanUnpackedBytes), UnitUnpacked})
	}
	for _, p := range phaseNames {
		if phase := x.MeanPhases.Of(p); phase != nil && !unknown {
			values = append(values, BenchValue{phase.Value, benchPhase(p)})
		}
	}
	return values
}

// hasWorkloadLine says whether the starts of all apps in an arm have a line: of several
// apps, and not of measured runs, which have one for each run.
func (r *Report) hasWorkloadLine(source string) bool {
	named := make(map[string]bool)
	for i := range r.Summaries {
		if r.Summaries[i].Source == source {
			named[r.Summaries[i].App] = true
		}
	}
	for _, u := range r.Untimed {
		if u.Source == source && u.App != "" {
			named[u.App] = true
		}
	}
	return source != simulate.Measured && len(named) > 1
}

// isUntimed says that it is not known of some starts of an app in an arm, or of all apps,
// when they were ready.
func (r *Report) isUntimed(s *Summary) bool {
	return slices.ContainsFunc(r.Untimed, func(u Untimed) bool { return u.App == s.App && u.Arm == s.Arm && u.Source == s.Source })
}
