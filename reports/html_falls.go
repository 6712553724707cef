package reports

import (
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

func (v *view) addFalls(r *Report) {
	var until time.Duration
	for i := range r.Waterfalls {
		until = max(until, r.Waterfalls[i].Ready)
	}
	v.FallWhy = "The app that gains most."
	if len(r.Waterfalls) == 1 {
		v.FallWhy = "The slowest of the starts whose spans are kept."
	}
	var present []simulate.Phase
	for i := range r.Waterfalls {
		s := &r.Waterfalls[i]
		v.FallApp, v.FallSource = s.App, s.Source
		name := r.armLabel(s.Arm)
		v.Falls = append(v.Falls, figure{
			Drawing: waterfall(fmt.Sprintf("chart-waterfall-%d", i+1), name, s, until, r.faultsOf(s)),
			Heading: sentenceWord(name) + fallWords(s),
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
		v.FallLegend = append(v.FallLegend, key{sample("rect", phaseClass(phase)), string(phase)})
	}
	v.FallLegend = append(v.FallLegend, key{sample("line", "wait"), "layer waits"})
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
