package workload

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// rhythmicStarts are the seconds of starts from a Monday on, as a Poisson process of so many a
// day in the mean whose rate is in proportion to the hour's weight; each is of so many pods, half
// a minute apart.
func rhythmicStarts(seed uint64, days int, perDay float64, clump int, weight func(hour int) float64) []int {
	rng := rand.New(rand.NewPCG(seed, 3))
	sum := 0.0
	for h := range weekHours {
		sum += weight(h) / weekHours
	}
	var at []int
	for h := range days * 24 {
		rate := perDay / 24 * weight(h%weekHours) / sum / float64(clump)
		for t := rng.ExpFloat64() / rate; t < 1; t += rng.ExpFloat64() / rate {
			for k := range clump {
				at = append(at, h*3600+int(t*3600)+k*30)
			}
		}
	}
	slices.Sort(at)
	return at
}

// rhythmOf is what the importer makes of an app that starts then, and how many of those starts
// it takes for bursts. Another app starts each hour, from the first on to the last.
func rhythmOf(t *testing.T, days int, starts []int) (app App, told string) {
	t.Helper()
	type line struct {
		at   int
		text string
	}
	var lines []line
	for _, at := range starts {
		lines = append(lines, line{at, fmt.Sprintf("%d,web,r/web:1,1\n", at)})
	}
	for h := range days*24 + 1 {
		lines = append(lines, line{min(h*3600, days*24*3600-1), fmt.Sprintf("%d,hourly,r/hourly:1,1\n", min(h*3600, days*24*3600-1))})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at - b.at })
	var b strings.Builder
	b.WriteString("time_seconds,app,images,count\n")
	for _, l := range lines {
		b.WriteString(l.text)
	}
	h := importText(t, PullOptions{}, b.String())
	at := slices.IndexFunc(h.Workload.Apps, func(a App) bool { return a.Name == "web" })
	return h.Workload.Apps[at], h.Origins[at].HourlyWeights
}

// businessHours are 4.2 times the rate of the other hours.
func businessHours(hour int) float64 {
	if hour < 5*24 && hour%24 >= 9 && hour%24 < 17 {
		return 4.2
	}
	return 1
}

// TestFlatStaysFlat: of starts at one rate, hardly one app in a hundred is given a rhythm,
// however few or many they are, and where they come in clumps.
func TestFlatStaysFlat(t *testing.T) {
	flat := func(int) float64 { return 1 }
	for _, test := range []struct {
		days   int
		perDay float64
		clump  int
	}{{12, 473, 1}, {7, 25, 1}, {14, 25, 1}, {3, 20, 1}, {30, 8, 1}, {12, 200, 3}, {14, 60, 5}} {
		const seeds = 100
		wrong, none := 0, 0
		for seed := range uint64(seeds) {
			app, told := rhythmOf(t, test.days, rhythmicStarts(seed, test.days, test.perDay, test.clump, flat))
			switch {
			case app.HourlyWeights != nil:
				wrong++
				if !strings.Contains(told, "UTC, of ") {
					t.Errorf("%+v, seed %d: %q", test, seed, told)
				}
			case strings.HasPrefix(told, "none, as ") && strings.HasSuffix(told, " tell no rhythm (chi-square test at 1 %)"):
			case told == "": // too few starts
				none++
			default:
				t.Errorf("%+v, seed %d: %q", test, seed, told)
			}
		}
		t.Logf("%+v: %d of %d have a rhythm, %d too few starts", test, wrong, seeds, none)
		if wrong*100 > seeds*4 || none*2 > seeds {
			t.Errorf("%+v: %d of %d have a rhythm, %d too few starts", test, wrong, seeds, none)
		}
	}
}

// TestRhythmComesOut: a rhythm that is there is found, of the right kind, and its weights are
// near the true ones.
func TestRhythmComesOut(t *testing.T) {
	monday := func(hour int) float64 {
		if hour < 24 {
			return 3
		}
		return 1
	}
	daily := func(hour int) float64 { return 1 + 0.8*math.Sin(2*math.Pi*float64(hour%24-9)/24) }
	for _, test := range []struct {
		name   string
		days   int
		perDay float64
		clump  int
		weight func(int) float64
		kind   int // of rhythms
		// near is how far the mean of the hours with a high rate, and of those with a low one,
		// may be from the true one, as a share of it.
		near float64
	}{
		{"business hours", 12, 473, 1, businessHours, 2, 0.1},
		{"business hours, of four weeks", 28, 100, 1, businessHours, 2, 0.1},
		{"business hours in clumps", 28, 473, 3, businessHours, 2, 0.1},
		{"daily", 14, 300, 1, daily, 1, 0.1},
		{"Mondays", 21, 300, 1, monday, 3, 0.1},
	} {
		const seeds = 25
		kinds, worst, off := [4]int{}, 0.0, 0.0
		for seed := range uint64(seeds) {
			app, told := rhythmOf(t, test.days, rhythmicStarts(seed, test.days, test.perDay, test.clump, test.weight))
			kind := slices.IndexFunc(rhythms, func(r rhythm) bool { return r.name != "" && strings.HasPrefix(told, r.name+", UTC, of ") })
			kinds[max(0, kind)]++
			if kind < 1 || len(app.HourlyWeights) != rhythms[kind].hours {
				t.Errorf("%s, seed %d: %q, %d weights", test.name, seed, told, len(app.HourlyWeights))
				continue
			}
			sum, mean := 0.0, 0.0
			for h := range weekHours {
				sum += test.weight(h) / weekHours
			}
			var got, want [2]float64
			for h := range weekHours {
				w := app.HourlyWeights[h%len(app.HourlyWeights)]
				mean += w / weekHours
				high := 0
				if test.weight(h) > 1 {
					high = 1
				}
				got[high] += w
				want[high] += test.weight(h) / sum
				off += math.Abs(w-test.weight(h)/sum) / weekHours / seeds
			}
			if math.Abs(mean-1) > 0.001 {
				t.Errorf("%s, seed %d: the mean weight is %v", test.name, seed, mean)
			}
			for k := range got {
				worst = max(worst, math.Abs(got[k]/want[k]-1))
			}
		}
		t.Logf("%s: rhythms %v, worst %.3f, mean deviation of an hour %.3f", test.name, kinds, worst, off)
		if kinds[test.kind] < seeds*9/10 || worst > test.near {
			t.Errorf("%s: rhythms %v, want %d; worst %.3f, want %v", test.name, kinds, test.kind, worst, test.near)
		}
	}
}

// TestSplitMoments: mean and variance of the chi-square are those of drawn starts.
func TestSplitMoments(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var w weekStarts
	for h := range weekHours {
		w.occurs[h] = float64(1 + h/24%2)
	}
	const draws = 20000
	var sum, squares float64
	var moments splitTest
	for range draws {
		w.starts = [weekHours]float64{}
		for hour := range 24 { // as many in each hour of the day, so that the moments are the same
			for range 4 {
				for {
					day := rng.IntN(7)
					if rng.Float64()*2 < w.occurs[day*24+hour] {
						w.starts[day*24+hour]++
						break
					}
				}
			}
		}
		s := w.split(&rhythms[1], &rhythms[3])
		sum += s.chiSquare
		squares += s.chiSquare * s.chiSquare
		moments = s
	}
	mean := sum / draws
	variance := squares/draws - mean*mean
	if math.Abs(mean/moments.mean-1) > 0.01 || math.Abs(variance/moments.variance-1) > 0.05 || moments.mean != 144 {
		t.Errorf("mean %.2f and variance %.2f of %d draws, want %.2f and %.2f", mean, variance, draws, moments.mean, moments.variance)
	}
	// Tables: the upper 5 % of 10 degrees of freedom are from 18.307 on, 1 % of 144 from 186.4 on.
	for _, want := range []struct{ degrees, chiSquare, chance float64 }{{10, 18.307, 0.05}, {1, 6.635, 0.01}, {120, 158.95, 0.01}, {23, 41.638, 0.01}} {
		s := splitTest{want.chiSquare, want.degrees, 2 * want.degrees}
		if got := s.chance(1); math.Abs(got-want.chance) > 0.05*want.chance {
			t.Errorf("%v: %v", want, got)
		}
	}
}
