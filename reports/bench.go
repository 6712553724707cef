package reports

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

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
	// stand in one line their median, by nearest rank.
	UnitStartup = "startup-sec"
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
		{"startup-p99-sec", UnitSeconds, true, "its 99th percentile, of lines with several starts"},
		{"startup-mean-sec", UnitSeconds, true, "its mean, of lines with several starts"},
		{UnitPulled, UnitBytes, true, "compressed bytes that a start fetches"},
		{UnitUnpacked, UnitBytes, true, "uncompressed bytes that a start unpacks"},
	}
	for _, p := range phaseNames {
		list = append(list, Quantity{benchPhase(p), UnitSeconds, true, "the part of it in phase " + string(p)})
	}
	return append(list, Quantity{"makespan-sec", UnitSeconds, true, "time from the first request to the last ready, of all apps"})
}

// benchText writes the text of Go's benchmarks.
type benchText struct {
	bytes.Buffer
	// config are the configuration lines that hold where it is.
	config map[string]string
}

// benchKeys are the configuration lines, in order. What differs in one of them
// is not compared by benchstat, so what two results may differ in is a comment.
var benchKeys = []string{"source", "profile", "platform", "cachebench-version", "seed", "coverage", "faults"}

// set writes the configuration lines that change; one without a value is taken back.
func (b *benchText) set(config map[string]string) {
	for _, key := range benchKeys {
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

// comment writes lines that benchstat leaves out: what may differ between two
// results that compare, and the doubts.
func (b *benchText) comment(p *simulate.Provenance, doubts []string) {
	if p.PriceDate != "" {
		fmt.Fprintf(b, "# price-date %s\n", oneLine(p.PriceDate))
	}
	for _, input := range p.Inputs {
		fmt.Fprintf(b, "# input %s %s\n", oneLine(string(input.Digest)), oneLine(input.Name))
	}
	for _, doubt := range doubts {
		fmt.Fprintf(b, "# doubt %s\n", oneLine(doubt))
	}
}

// units writes that values are exact and that less is better.
func (b *benchText) units(units []string) {
	for _, unit := range units {
		fmt.Fprintf(b, "Unit %s assume=exact better=lower\n", unit)
	}
}

// benchValue is a value with its unit.
type benchValue struct {
	value float64
	unit  string
}

// result writes the line of one benchmark.
func (b *benchText) result(l benchLine) {
	fmt.Fprintf(b, "Benchmark%s%s %d", l.name, BenchKeys(l.keys...), l.starts)
	for _, v := range l.values {
		fmt.Fprintf(b, " %s %s", exact(v.value), v.unit)
	}
	b.WriteString("\n")
}

// benchLine is the line of one benchmark.
type benchLine struct {
	config map[string]string
	name   string
	keys   []string
	// starts are how many the line sums up.
	starts int
	values []benchValue
}

// write writes the units, if all values are exact, then the lines.
func (b *benchText) write(lines []benchLine, isExact bool) {
	b.set(lines[0].config)
	if isExact {
		var units []string
		for i := range lines {
			for _, v := range lines[i].values {
				if !slices.Contains(units, v.unit) {
					units = append(units, v.unit)
				}
			}
		}
		b.units(units)
	}
	for i := range lines {
		b.set(lines[i].config)
		b.result(lines[i])
	}
}

// benchReport writes startups for benchstat: a line for each app and arm of
// simulated and estimated ones, whose values are exact; for measured ones a line
// for each run, so that benchstat has a sample. Beside measured values nothing is
// called exact, for a unit is the same in the whole file.
func benchReport(r *Report) ([]byte, error) {
	if len(r.Arms) == 0 && r.Sharing != nil && r.Plan == nil && r.Coverage == nil {
		return sharingBench(r)
	}
	if len(r.Arms) == 0 {
		return nil, errNoStartups(Bench)
	}
	var b benchText
	b.comment(&r.Provenance, r.Doubts)
	var lines []benchLine
	isExact := true
	for _, source := range sourceOrder {
		list, apps := r.Summaries, 0
		if source == simulate.Measured {
			list = r.MeasuredRuns
		}
		named := make(map[string]bool)
		for i := range list {
			if list[i].Source == source {
				lines = append(lines, r.benchLine(&list[i]))
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
			if r.Arms[i].Source == source && apps > 1 {
				lines = append(lines, r.benchLine(&r.Arms[i]))
			}
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("the report sums its measured startups up, as those of older versions do: give the timeline that it was made of")
	}
	b.write(lines, isExact)
	return b.Bytes(), nil
}

// benchLine is the line of startups of one app, or of all, in an arm.
func (r *Report) benchLine(s *Summary) benchLine {
	l := benchLine{config: map[string]string{"source": s.Source, "platform": r.Platform}, name: BenchStartup, starts: s.Starts}
	profile := ""
	if s.Source != simulate.Measured {
		profile = r.Provenance.Profile
		l.config["profile"], l.config["cachebench-version"] = profile, r.Provenance.Version
		l.config["seed"] = fmt.Sprint(r.Provenance.Seed)
		if r.Coverage != nil {
			l.config["coverage"] = exact(r.Coverage.StartsFraction)
		}
		var faults []string
		for _, f := range r.Faults {
			faults = append(faults, f.String())
		}
		l.config["faults"] = strings.Join(faults, ", ")
	}
	if s.App == "" {
		l.name = BenchWorkload
	}
	l.keys = []string{"app", s.App, "arm", s.Arm, "profile", profile}
	l.values = r.benchValues(s)
	return l
}

// benchValues are the values of a line. Unknown ones are left out, never 0.
func (r *Report) benchValues(s *Summary) []benchValue {
	x := statisticsOf(s)
	if over := r.repeatsOf(s); over != nil && s.Source != simulate.Measured {
		x = over
	}
	var values []benchValue
	add := func(v simulate.Statistic, unit string) {
		values = append(values, benchValue{v.Value, unit})
		if i := v.Interval(); i != nil {
			name := strings.TrimSuffix(unit, "-sec")
			values = append(values, benchValue{i.Low, name + "-low-sec"}, benchValue{i.High, name + "-high-sec"})
		}
	}
	add(x.P50, UnitStartup)
	if s.Starts > 1 {
		add(x.P90, "startup-p90-sec")
		add(x.P99, "startup-p99-sec")
		add(x.Mean, "startup-mean-sec")
	}
	if s.App == "" {
		add(x.Makespan, "makespan-sec")
	}
	if !s.Unsized {
		values = append(values, benchValue{float64(s.MeanFetchedBytes), UnitPulled}, benchValue{float64(s.MeanUnpackedBytes), UnitUnpacked})
	}
	for _, p := range phaseNames {
		if phase := x.MeanPhases.Of(p); phase != nil {
			values = append(values, benchValue{phase.Value, benchPhase(p)})
		}
	}
	return values
}

// measuredRuns sum up the measured startups of each app in each run. Where no
// runs are told, as of a cluster's events, every start is one of its own.
func measuredRuns(m *simulate.Measurement, startups []*simulate.Startup) []Summary {
	type run struct {
		series
		number int
	}
	groups := make(map[run][]*simulate.Startup)
	var order []run
	for i, s := range startups {
		if s.Source != simulate.Measured {
			continue
		}
		key := run{series{s.App, s.Arm, s.Source}, i}
		if m != nil && len(m.Runs) > 0 {
			key.number = s.Repeat
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], s)
	}
	slices.SortStableFunc(order, func(a, b run) int { return compareSeries(a.series, b.series) })
	var list []Summary
	for _, key := range order {
		list = append(list, summaryOf(key.series, groups[key]))
	}
	return list
}

// diffBench writes both sides of a diff: a start of each on a host that has
// nothing, and on one that has the image; of NEW also one where OLD is.
func diffBench(d *Diff) []byte {
	var b benchText
	b.comment(&d.Provenance, d.Doubts)
	var lines []benchLine
	add := func(side, arm string, img *DiffImage, s *DiffStart) {
		lines = append(lines, benchLine{
			config: map[string]string{"source": simulate.Estimated, "profile": d.Provenance.Profile, "platform": img.Platform, "cachebench-version": d.Provenance.Version},
			name:   BenchStartup, starts: 1,
			keys: []string{"app", repositoryName(d.New.Reference), "arm", arm, "profile", d.Provenance.Profile, "side", side},
			values: []benchValue{
				{float64(s.Ready) / float64(time.Second), UnitStartup}, {float64(s.FetchBytes), UnitPulled}, {float64(s.UnpackBytes), UnitUnpacked},
			},
		})
	}
	add("old", simulate.ArmCold, &d.Old, &d.Old.Cold)
	add("old", simulate.ArmCached, &d.Old, &d.Old.Cached)
	add("new", simulate.ArmCold, &d.New, &d.New.Cold)
	add("new", simulate.ArmCached, &d.New, &d.New.Cached)
	add("new", "update", &d.New, &d.Update)
	b.write(lines, true)
	return b.Bytes()
}

// repositoryName is a reference without transport, registry, tag and digest: the
// same for two versions of an image.
func repositoryName(reference string) string {
	name, _, _ := strings.Cut(reference, "@")
	name = name[strings.LastIndex(name, "/")+1:]
	if i := strings.LastIndex(name, ":"); i > 0 {
		name = name[:i]
	}
	return cmpOr(name, "image")
}

// measuredPlatform is that of the images that were measured; empty where they
// are of several, or unknown.
func measuredPlatform(m *simulate.Measurement) string {
	platform := ""
	if m == nil || m.Inventory == nil {
		return ""
	}
	for i := range m.Inventory.Images {
		its := m.Inventory.Images[i].Platform
		if platform != "" && its != platform {
			return ""
		}
		platform = its
	}
	return platform
}
