package workload

import (
	"fmt"
	"math"
	"slices"
)

// A rhythm is how an app's starts are spread over the week: hours of one class have one rate.
type rhythm struct {
	name string
	// classes is how many there are, of says which an hour of the week is in.
	classes int
	of      func(hour int) int
	// hours is how many weights tell it: 24 or 168.
	hours int
}

// rhythms are those that are told apart, each a refinement of the one before.
var rhythms = []rhythm{
	{"", 1, func(int) int { return 0 }, 0},
	{"by the hour of the day", 24, func(hour int) int { return hour % 24 }, 24},
	{"by the hour, on weekdays and at weekends", 48, func(hour int) int {
		if hour >= 5*24 {
			return 24 + hour%24
		}
		return hour % 24
	}, weekHours},
	{"by the hour of the week", weekHours, func(hour int) int { return hour }, weekHours},
}

// rhythmLevel is the chance of taking starts without a rhythm for such with one.
const rhythmLevel = 0.01

// weekStarts are the starts in each hour of the week, and how often the hour was.
type weekStarts struct{ starts, occurs [weekHours]float64 }

// find is the coarsest of so many rhythms that the finer ones do not refute: a
// finer one does where starts differ more between its classes than they would by chance at
// the rates of the coarser one, by Pearson's chi-square at rhythmLevel, split over the finer
// ones. Starts that come in clumps, whose variance is so many times their mean, differ so
// much more by chance.
func (w *weekStarts) find(most int, dispersion float64) int {
	for n := range most - 1 {
		refuted := false
		for finer := n + 1; finer < most; finer++ {
			t := w.split(&rhythms[n], &rhythms[finer])
			refuted = refuted || t.chance(dispersion) < rhythmLevel/float64(most-1-n)
		}
		if !refuted {
			return n
		}
	}
	return most - 1
}

// A splitTest is a chi-square of how starts in the classes of a rhythm are split over those of
// a finer one, with its mean and variance where that is by chance.
type splitTest struct{ chiSquare, mean, variance float64 }

// split has the exact moments, for where there are few starts in an hour the approximation by
// the degrees of freedom is poor (J. B. S. Haldane, The exact value of the moments of the
// distribution of chi-square, Biometrika 29, 1937).
func (w *weekStarts) split(coarse, fine *rhythm) splitTest {
	starts, occurs := w.sums(fine)
	parent := make([]int, fine.classes)
	for hour := range weekHours {
		parent[fine.of(hour)] = coarse.of(hour)
	}
	all, time := w.sums(coarse)
	var t splitTest
	for class := range coarse.classes {
		if all[class] == 0 {
			continue
		}
		k, inverse := 0.0, 0.0
		for f, p := range parent {
			if p != class || occurs[f] == 0 {
				continue
			}
			share := occurs[f] / time[class]
			expected := share * all[class]
			t.chiSquare += (starts[f] - expected) * (starts[f] - expected) / expected
			k++
			inverse += 1 / share
		}
		t.mean += k - 1
		t.variance += 2*(k-1) + (inverse-k*k-2*k+2)/all[class]
	}
	return t
}

// sums are the starts and the hours of each class.
func (w *weekStarts) sums(r *rhythm) (starts, occurs []float64) {
	starts, occurs = make([]float64, r.classes), make([]float64, r.classes)
	for hour := range weekHours {
		class := r.of(hour)
		starts[class] += w.starts[hour]
		occurs[class] += w.occurs[hour]
	}
	return starts, occurs
}

// chance is how likely the chi-square, or a larger one, is: that of a multiple of a chi-square
// of the same mean and variance (E. B. Wilson and M. M. Hilferty, The distribution of
// chi-square, PNAS 17, 1931).
func (t *splitTest) chance(dispersion float64) float64 {
	if t.mean <= 0 || t.variance <= 0 {
		return 1
	}
	spread := 2.0 / 9 * t.variance / (2 * t.mean * t.mean)
	z := (math.Cbrt(t.chiSquare/dispersion/t.mean) - (1 - spread)) / math.Sqrt(spread)
	return math.Erfc(z/math.Sqrt2) / 2
}

// weights are those of a rhythm, in the mean 1. What each rhythm up to it adds to the one
// before is taken less the share of it that chance makes (James and Stein's shrinking, by the
// same chi-square).
func (w *weekStarts) weights(which int, dispersion float64) []float64 {
	var rates, before [weekHours]float64
	total, time := w.sums(&rhythms[0])
	for hour := range weekHours {
		rates[hour], before[hour] = 1, 1
	}
	for n := 1; n <= which; n++ {
		t := w.split(&rhythms[n-1], &rhythms[n])
		kept := 0.0
		if t.chiSquare > 0 {
			kept = max(0, 1-dispersion*t.mean/t.chiSquare)
		}
		starts, occurs := w.sums(&rhythms[n])
		for hour := range weekHours {
			class := rhythms[n].of(hour)
			if occurs[class] == 0 {
				continue
			}
			rate := starts[class] / occurs[class] / (total[0] / time[0])
			rates[hour] += kept * (rate - before[hour])
			before[hour] = rate
		}
	}
	list := slices.Clone(rates[:rhythms[which].hours])
	sum := 0.0
	for h := range list {
		list[h] = max(0, list[h])
		sum += list[h]
	}
	for h := range list {
		list[h] = math.Round(list[h]/sum*float64(len(list))*1000) / 1000
	}
	return list
}

// told says in words which rhythm so many starts have.
func (r *rhythm) told(starts int) string {
	if r.hours == 0 {
		return fmt.Sprintf("none, as %s tell no rhythm (chi-square test at %g %%)", count(starts, "start"), rhythmLevel*100)
	}
	return fmt.Sprintf("%s, UTC, of %s (a chi-square test at %g %% refutes coarser ones)", r.name, count(starts, "start"), rhythmLevel*100)
}
