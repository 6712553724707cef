package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

func (v *view) addFalls(r *Report) {
	var until time.Duration
	for i := range r.Waterfalls {
		until = max(until, r.Waterfalls[i].Ready)
	}
	v.FallWhy = "The app that gains most."
	if slices.ContainsFunc(r.Waterfalls, func(s simulate.Startup) bool { return r.explanationOf(&s) != nil }) {
		v.FallWhy = "The start that is explained above."
	} else if len(r.Waterfalls) == 1 {
		v.FallWhy = "The slowest of the starts whose spans are kept."
	}
	var present []simulate.Phase
	for i := range r.Waterfalls {
		s := &r.Waterfalls[i]
		v.FallApp, v.FallSource = s.App, s.Source
		name := r.armLabel(s.Arm)
		v.Falls = append(v.Falls, figure{
			Drawing: waterfall(fmt.Sprintf("chart-waterfall-%d", i+1), name, s, r.explanationOf(s), until, r.faultsOf(s)),
			Heading: sentenceWord(name) + fallWords(s),
			Caption: heldCaption(r.explanationOf(s)),
		})
		v.Spans = append(v.Spans, spansTable(name, s))
		for _, span := range s.Spans {
			if !isWait(span.Phase) && !slices.Contains(present, span.Phase) {
				present = append(present, span.Phase)
			}
		}
	}
	slices.SortFunc(present, func(a, b simulate.Phase) int {
		return slices.Index(phaseNames, a) - slices.Index(phaseNames, b)
	})
	for _, phase := range present {
		v.FallLegend = append(v.FallLegend, key{Sample: phaseSample(phase), Label: string(phase)})
	}
	drawn := func(classes string) bool {
		return slices.ContainsFunc(v.Falls, func(f figure) bool { return f.Drawing.has(classes) })
	}
	if drawn("mark wait") {
		v.FallLegend = append(v.FallLegend, key{Sample: sample("line", "wait"), Label: "layer waits"})
	}
	if slices.ContainsFunc(r.Waterfalls, func(s simulate.Startup) bool { return r.explanationOf(&s) != nil }) {
		if drawn("mark held-line") {
			v.FallLegend = append(v.FallLegend, key{Sample: sample("line", "held-key"), Label: "the start waits for this layer; the first row says on what"})
		}
	} else if v.FallSource == simulate.Simulated {
		v.FallWhy += " What the start waited on at each instant (link, core, disk, order) is told with --explain " + v.FallApp + " --spans."
	}
	if k, ok := waitKey(r.Waterfalls); ok {
		v.FallLegend = append(v.FallLegend, k)
	}
	for i := range r.Waterfalls {
		s := &r.Waterfalls[i]
		if keys := faultKeys(r.faultsOf(s), s.Requested, s.Requested+until); keys != nil {
			v.FallLegend = append(v.FallLegend, keys...)
			break
		}
	}
}

// heldCaption sums up what held an explained start up, in the words of the chart's first
// row: stretches too short for words are in it too.
func heldCaption(x *simulate.Explanation) string {
	if x == nil {
		return ""
	}
	totals := make(map[simulate.Cause]time.Duration)
	var causes []simulate.Cause
	for i := range x.Holds {
		h := &x.Holds[i]
		if _, ok := totals[h.By]; !ok {
			causes = append(causes, h.By)
		}
		totals[h.By] += h.End - h.Start
	}
	var words []string
	for _, cause := range causes {
		words = append(words, causeWord(cause)+" "+seconds(totals[cause]))
	}
	return "Held up by: " + strings.Join(words, ", ") + "."
}

// explanationOf is what explains a startup; nil where nothing does.
func (r *Report) explanationOf(s *simulate.Startup) *simulate.Explanation {
	for i := range r.Explanations {
		if x := &r.Explanations[i]; explains(x, s) {
			return x
		}
	}
	return nil
}

func fallWords(s *simulate.Startup) string {
	text := ": ready after " + seconds(s.Ready)
	if !s.Unsized {
		text += ", " + size(s.FetchedBytes) + " fetched"
	}
	if s.CacheID != "" {
		text += "; " + string(s.Hit) + " in cache " + s.CacheID
	}
	return text
}
