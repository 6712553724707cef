package reports

import (
	"fmt"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// BenchMatch has what an app's next start finds in the caches, or what those of a month
// or trace find.
const BenchMatch = "Match"

// The units of matches.
const (
	// unitSavedBytes are compressed bytes that a start need not fetch.
	unitSavedBytes = "saved-B"
	// unitHit, unitPartial and unitMiss are shares of the starts that found all unpacked
	// layers, some of them, or none.
	unitHit     = "hit-fraction"
	unitPartial = "partial-fraction"
	unitMiss    = "miss-fraction"
	// unitFull is the share of starts whose cache held every image by name, unitNone that
	// of those without a cache.
	unitFull = "full-fraction"
	unitNone = "none-fraction"
)

// matchBench writes matches: what the next start of each app finds, then what a month's
// starts, or a trace's, find.
func matchBench(r *Report) ([]byte, error) {
	m := r.Matches
	config := map[string]string{BenchSource: simulate.Estimated, BenchPlatform: cmpOr(r.Platform, m.Platform), BenchCoverage: r.benchCoverage()}
	var lines []BenchLine
	add := func(starts int, keys []string, values ...BenchValue) {
		if len(values) > 0 {
			lines = append(lines, BenchLine{Config: config, Name: BenchMatch, Keys: keys, Starts: starts, Values: values})
		}
	}
	for i := range m.Matches {
		add(1, []string{"app", m.Matches[i].App}, matchValues(&m.Matches[i])...)
	}
	for i := range m.Outcomes {
		if o := &m.Outcomes[i]; o.Starts > 0 {
			add(o.Starts, []string{"app", o.App, "arm", simulate.ArmAutomatic}, foundValues(o)...)
		}
	}
	for _, arm := range hitRateArms(m) {
		var all matcher.HitRate
		for i := range arm.days {
			all.Add(&arm.days[i])
		}
		if n := float64(all.Starts); n > 0 {
			add(all.Starts, []string{"arm", arm.label},
				BenchValue{float64(all.Hits) / n, unitHit}, BenchValue{float64(all.Partials) / n, unitPartial}, BenchValue{float64(all.Misses) / n, unitMiss})
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("format %s: nothing is known of what any start finds", Bench)
	}
	var b benchText
	b.comment(&r.Provenance, r.Doubts)
	b.write(lines, true)
	return b.Bytes(), nil
}

// matchValues are those of the next start, by unpacked layers present: so ECI uses a
// cache. Of a start that fails, or of an image that is not known, there are none.
func matchValues(m *matcher.Match) []BenchValue {
	if m.Fails != "" || len(m.Unknown) > 0 {
		return nil
	}
	chains := &m.Overlap.ByChain
	values := []BenchValue{{float64(chains.PresentBytes), unitSavedBytes}, {float64(chains.FetchBytes), UnitPulled}}
	if m.Overlap.UnknownLayers == 0 {
		values = append(values, BenchValue{float64(chains.UnpackBytes), UnitUnpacked})
	}
	return values
}

// foundValues are shares of an app's starts by what they found.
func foundValues(o *matcher.Outcome) []BenchValue {
	var full, none int
	for i := range o.Found {
		switch f := &o.Found[i]; {
		case f.Full:
			full += f.Starts
		case len(f.Images) == 0:
			none += f.Starts
		}
	}
	n := float64(o.Starts)
	return []BenchValue{{float64(full) / n, unitFull}, {float64(none) / n, unitNone}}
}
