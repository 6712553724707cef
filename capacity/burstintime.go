package capacity

import (
	"fmt"
	"math"

	"github.com/cachebench/cachebench/reports"
)

// A mean that keeps a limit says nothing of how often the limit is kept: of bursts whose last
// start is ready after 26.9 s in the mean, a third may end after 27.6 s. So a burst is held to
// its limit repeat by repeat too.

// fewRepeatsInTime is up to how many repeats all are to be in time for a burst that meets its
// limit; of more it is leastInTime of them.
const (
	fewRepeatsInTime = 20
	leastInTime      = 0.95
)

// inTime is how many of the repeats keep a limit, of how many; 0 of 0 where they are not known
// one by one.
func (o *outcome) inTime(limit float64) (n, of int) {
	for _, v := range o.values {
		if v <= limit {
			n++
		}
	}
	return n, len(o.values)
}

// enough says that a burst meets its limit: the mean's whole interval keeps it, and all repeats
// do, or of many nearly all.
func (o *outcome) enough(limit float64) bool {
	n, of := o.inTime(limit)
	if of > fewRepeatsInTime {
		return o.surely(limit) && float64(n) >= leastInTime*float64(of)
	}
	return o.surely(limit) && n == of
}

// judgeBurst is the verdict of a burst under a limit.
func judgeBurst(o *outcome, limit float64) string {
	switch {
	case o.enough(limit):
		return reports.CapacityMet
	case o.maybe(limit):
		return reports.CapacityUnclear
	}
	return reports.CapacityNotMet
}

// share is that of the repeats in time; nil where there is one repeat, or all are the same and
// tell nothing of chance.
func (o *outcome) share(limit float64) *reports.CapacityFigure {
	n, of := o.inTime(limit)
	if of < 2 || o.never || o.alike() {
		return nil
	}
	low, high := wilson(n, of)
	return &reports.CapacityFigure{Name: "repeats of which every start is ready in time (Wilson's interval)", Unit: reports.UnitFraction, Value: float64(n) / float64(of), Low: &low, High: &high, Of: of}
}

// alike says that all repeats come to the same.
func (o *outcome) alike() bool {
	for _, v := range o.values {
		if v != o.values[0] {
			return false
		}
	}
	return true
}

// shareWords tell the share in time where it is not all; empty else.
func (o *outcome) shareWords(limit float64) string {
	share := o.share(limit)
	if share == nil || share.Value == 1 {
		return ""
	}
	return "in time in " + share.InTimeWords()
}

// wilson is the 95 % interval of a share, n of so many (E. B. Wilson, Probable inference, the
// law of succession, and statistical inference, 1927).
func wilson(n, of int) (low, high float64) {
	const z = 1.959963984540054 // the normal distribution's 97.5 %
	total, p := float64(of), float64(n)/float64(of)
	middle := (p + z*z/(2*total)) / (1 + z*z/total)
	half := z / (1 + z*z/total) * math.Sqrt(p*(1-p)/total+z*z/(4*total*total))
	low, high = max(0, middle-half), min(1, middle+half)
	if n == 0 {
		low = 0
	}
	if n == of {
		high = 1
	}
	return low, high
}

// shortOf says why no value of a parameter is enough where some keep the limit in the mean.
func shortOf(best *outcome, limit float64) string {
	if words := best.shareWords(limit); words != "" {
		return "kept by the mean alone, " + words
	}
	return "kept by the mean alone"
}

// explainedWords say of which repeat the held-up start is, where they differ.
func (b *burst) explainedWords() string {
	if len(b.now.values) < 2 || b.now.alike() {
		return ""
	}
	return fmt.Sprintf("of the first of %d repeats, of which the last is ready after %s", len(b.now.values), secondsWords(b.now.values[0]))
}
