package reports

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// isWait says that a span is of a pull that does nothing.
func isWait(p simulate.Phase) bool { return slices.Contains(simulate.Waits(), p) }

// waitWords say what a pull waits for.
var waitWords = map[simulate.Phase]string{
	simulate.WaitTurn:      "its turn on the node",
	simulate.WaitSlot:      "a download slot",
	simulate.WaitOtherPull: "another pull's layer",
	simulate.WaitBackOff:   "the end of a back-off",
}

// phaseWords name what a span is of.
func phaseWords(p simulate.Phase) string {
	if isWait(p) {
		return "waits for " + waitWords[p]
	}
	return string(p)
}

// waitKey is the legend's entry of the waits that startups have; ok is false where
// they have none.
func waitKey(falls []simulate.Startup) (k key, ok bool) {
	var words []string
	for _, wait := range simulate.Waits() {
		if slices.ContainsFunc(falls, func(s simulate.Startup) bool {
			return slices.ContainsFunc(s.Spans, func(span simulate.Span) bool { return span.Phase == wait })
		}) {
			words = append(words, waitWords[wait])
		}
	}
	return key{Sample: sample("rect", "p-wait"), Label: "pull waits for " + join(words)}, len(words) > 0
}

// baseFirst orders the rows of an image: what is of no layer, then layers in the
// order in which they are unpacked, which is from the base up unless they are
// unpacked in parallel.
func baseFirst(rows []fallRow) {
	unpacked := func(r *fallRow) time.Duration {
		i := slices.IndexFunc(r.spans, func(s simulate.Span) bool { return s.Phase == simulate.Unpack })
		switch {
		case r.detail == "":
			return -1
		case i < 0:
			return math.MaxInt64
		}
		return r.spans[i].Start
	}
	slices.SortStableFunc(rows, func(a, b fallRow) int { return cmp.Compare(unpacked(&a), unpacked(&b)) })
}
