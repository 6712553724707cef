package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

// mostRatio is how long measure pull may take, in times of containerd's for the same
// cold pull.
const mostRatio = 1.1

// pullPair is one cold pull, by containerd and by measure pull.
type pullPair struct {
	name        string
	theirs, own measure.ArmSpread
}

func (p *pullPair) ratio() float64 { return p.own.Median.Seconds() / p.theirs.Median.Seconds() }

func (p *pullPair) runs() int { return min(p.own.Runs, p.theirs.Runs) }

// comparePulls are the pulls that both have made.
func comparePulls(t *simulate.Timeline) []pullPair {
	spreads := make(map[string]measure.ArmSpread)
	var names []string
	for _, s := range measure.Spread(t) {
		spreads[s.Arm] = s
		if name, own := strings.CutPrefix(s.Arm, ownArm); own {
			names = append(names, name)
		}
	}
	var list []pullPair
	for _, name := range names {
		p := pullPair{name: name, theirs: spreads[theirArm+name], own: spreads[ownArm+name]}
		if p.runs() > 0 {
			list = append(list, p)
		}
	}
	return list
}

// pullOutcome is the aim for measure pull: each pull is judged.
func pullOutcome(list []pullPair) outcome {
	const what = "`measure pull` beside containerd, the same cold pulls"
	o := outcome{what: what, state: notJudged, why: "not measured"}
	o.cells = []string{what, unknown, fmt.Sprintf("each at most %.1f times", mostRatio), unknown, unknown, unknown, unknown, unknown, unknown, unknown}
	if len(list) == 0 {
		return o
	}
	total, worst, noise, runs := 0.0, 0.0, 0.0, math.MaxInt
	for i := range list {
		p := &list[i]
		total, worst, runs = total+p.ratio(), max(worst, p.ratio()), min(runs, p.runs())
		noise += (p.own.MedianNoise + p.theirs.MedianNoise) / 2
	}
	n := float64(len(list))
	switch {
	case runs < enoughRuns:
		o.why = fmt.Sprintf("a pull has %s, %d are asked", several(runs, "run"), enoughRuns)
	case worst > mostRatio:
		o.state, o.why = missed, fmt.Sprintf("one takes %.2f times as long", worst)
	default:
		o.state, o.why = met, ""
	}
	o.cells[3], o.cells[4], o.cells[5], o.cells[7] = fmt.Sprint(len(list)), fmt.Sprintf("%.2f times", total/n), fmt.Sprintf("%.2f times", worst), percent(noise/n)
	return o
}

// pullers compares measure pull with containerd.
func (d *page) pullers(t *simulate.Timeline) {
	list := comparePulls(t)
	d.heading("## measure pull beside containerd")
	d.text("The same cold pulls, in turn, with the same decoder and file system: medians of the time to the last unpack, and of the phases.")
	var rows [][]string
	for i := range list {
		p := &list[i]
		row := []string{p.name, fmt.Sprint(p.runs()), shortly(p.theirs.Median), shortly(p.own.Median), fmt.Sprintf("%.2f", p.ratio())}
		for _, phase := range pullPhases() {
			row = append(row, phaseOf(&p.theirs, phase), phaseOf(&p.own, phase))
		}
		rows = append(rows, row)
	}
	d.table("pull|>runs|>containerd|>measure pull|>ratio|>resolve: containerd|>measure pull|>fetch: containerd|>measure pull|>unpack: containerd|>measure pull", rows)
	if len(list) > 0 {
		d.text("%s %s %s", pullDifference(list), sameLayers(t), pullAdvice(list))
	}
}

// pullPhases partition the time of a pull. While anything is fetched it is fetch.
func pullPhases() []simulate.Phase {
	return []simulate.Phase{simulate.Resolve, simulate.Fetch, simulate.Unpack}
}

func phaseOf(s *measure.ArmSpread, phase simulate.Phase) string {
	if d, known := s.Phases.Of(phase); known {
		return shortly(d)
	}
	return unknown
}

// pullDifference says in which phases the two differ.
func pullDifference(list []pullPair) string {
	least, most := math.Inf(1), math.Inf(-1)
	var all time.Duration
	byPhase := make(map[simulate.Phase]time.Duration)
	for i := range list {
		p := &list[i]
		least, most = min(least, p.ratio()), max(most, p.ratio())
		all += p.own.Median - p.theirs.Median
		for _, phase := range pullPhases() {
			own, _ := p.own.Phases.Of(phase)
			theirs, _ := p.theirs.Phases.Of(phase)
			byPhase[phase] += own - theirs
		}
	}
	var parts []string
	for _, phase := range pullPhases() {
		parts = append(parts, fmt.Sprintf("%+.2f s in %s", byPhase[phase].Seconds()/float64(len(list)), phase))
	}
	return fmt.Sprintf("`measure pull` takes %.2f to %.2f times as long as containerd. It differs by %+.2f s a pull in the mean: %s.",
		least, most, all.Seconds()/float64(len(list)), strings.Join(parts, ", "))
}

// pullAdvice says what follows where measure pull is faster than a puller alike would
// be.
func pullAdvice(list []pullPair) string {
	if !slices.ContainsFunc(list, func(p pullPair) bool { return p.ratio() < 1/mostRatio }) {
		return ""
	}
	return "The aim bounds its times from above only. They are not containerd's: fit a profile for containerd to runs of `measure containerd`."
}

// sameLayers says how much longer or shorter measure pull takes to unpack the same
// layers, those whose bytes decide it.
func sameLayers(t *simulate.Timeline) string {
	own, theirs := make(map[layers.Digest][]float64), make(map[layers.Digest][]float64)
	for _, run := range countedRuns(t) {
		into := theirs
		if strings.HasPrefix(run.arm, ownArm) {
			into = own
		}
		for _, x := range run.starts[0].Spans {
			if x.Phase == simulate.Unpack && x.Bytes >= largeBytes {
				into[x.Layer] = append(into[x.Layer], (x.End - x.Start).Seconds())
			}
		}
	}
	var ratios []float64
	for layer, values := range own {
		if len(theirs[layer]) > 0 {
			ratios = append(ratios, median(values)/median(theirs[layer]))
		}
	}
	if len(ratios) == 0 {
		return ""
	}
	return fmt.Sprintf("Of %s above %.0f MB, one takes `measure pull` %.2f to %.2f times as long to unpack as containerd (median %.2f).",
		several(len(ratios), "layer"), largeBytes/1e6, slices.Min(ratios), slices.Max(ratios), median(ratios))
}
