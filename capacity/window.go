package capacity

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

const (
	day = 24 * time.Hour
	// fewestStarts is how many starts of each app a window is to hold in the mean.
	fewestStarts = 10
	// mostWindowStarts bounds the starts of a window that is longer than a day for what is
	// rare, and that nobody asked for.
	mostWindowStarts = 20_000
)

// DefaultWindow is how much of the month a question of its starts is asked of where the
// scenario does not say so, in whole days, and why where that is more than the usual: the
// longest time from one of an app's bursts to the next, and so long that each app has ten
// starts, up to the end of the month and to 20,000 starts.
func DefaultWindow(s *cachebench.Scenario) (window time.Duration, note string) {
	usual, rest := cachebench.DefaultWindow, workload.Month-s.WindowStart
	if s.Workload == nil || len(s.Bursts) > 0 || rest <= usual {
		return min(usual, rest), ""
	}
	want, perDay := usual, startsPerDay(s.Workload)
	for i := range s.Workload.Apps {
		app := &s.Workload.Apps[i]
		if app.StartsPerDay > 0 && len(app.Bursts) == 0 {
			want = max(want, time.Duration(min(fewestStarts/app.StartsPerDay, 30)*float64(day)))
		}
		for _, b := range app.Bursts {
			want = max(want, period(&b))
		}
	}
	want = min((want + day - 1).Truncate(day), rest)
	window = want
	if most := mostWindowStarts / perDay; most < window.Hours()/24 {
		window = max(usual, time.Duration(math.Floor(most))*day)
	}
	if window == usual {
		return window, ""
	}
	note = fmt.Sprintf("Simulated are the starts of %s%s: so long that each app's bursts come once and each app has %d starts (--window).", daysWords(window), fromWords(s.WindowStart), fewestStarts)
	if window < want {
		note = fmt.Sprintf("Simulated are the starts of %s%s: %s would hold each app's bursts and starts, but are more than %s (--window).", daysWords(window), fromWords(s.WindowStart), daysWords(want), plural(mostWindowStarts, "start"))
	} else if want == rest {
		note = fmt.Sprintf("Simulated are the starts of %s%s, the rest of the month, as some app starts or bursts that rarely (--window).", daysWords(window), fromWords(s.WindowStart))
	}
	return window, note
}

// startsPerDay is how many starts there are a day in the mean, with those of bursts.
func startsPerDay(w *workload.Workload) float64 {
	perDay := 0.0
	for i := range w.Apps {
		perDay += w.Apps[i].StartsPerDay
		for _, b := range w.Apps[i].Bursts {
			perDay += float64(b.Count) * float64(day) / float64(period(&b))
		}
	}
	return perDay
}

// period is the time from one burst to the next.
func period(b *workload.Burst) time.Duration {
	if b.Every > 0 {
		return b.Every
	}
	return workload.Month
}

func daysWords(d time.Duration) string {
	if d%day == 0 && d > day {
		return plural(int(d/day), "day")
	}
	return reports.CapacityAmount(d.Hours(), "h")
}

// fromWords say when in the month a window begins; empty where with it.
func fromWords(start time.Duration) string {
	if start == 0 {
		return ""
	}
	return ", from " + daysWords(start) + " after the month's beginning"
}

// outside has the headline say which of the month's bursts the window has none of, of the apps
// named or of all: nothing of the answer is of them.
func (q *Question) outside(c *reports.Capacity, apps ...string) {
	s := q.Scenario
	if s.Workload == nil || len(s.Bursts) > 0 || c == nil || c.Headline == "" {
		return
	}
	window := s.Window
	if window == 0 {
		window = min(cachebench.DefaultWindow, workload.Month-s.WindowStart)
	}
	var words []string
	all, left, bursts := 0.0, 0.0, 0
	for i := range s.Workload.Apps {
		app := &s.Workload.Apps[i]
		if len(apps) > 0 && !slices.Contains(apps, app.Name) {
			continue
		}
		all += app.StartsPerDay * workload.Month.Hours() / 24
		n := 0
		for _, b := range app.Bursts {
			of := begins(&b, 0, workload.Month)
			all += float64(of * b.Count)
			if begins(&b, s.WindowStart, s.WindowStart+window) == 0 {
				left += float64(of * b.Count)
				n += of
			}
		}
		if n > 0 {
			words = append(words, fmt.Sprintf("%s of %s", plural(n, "burst"), app.Name))
		}
		bursts += n
	}
	if bursts == 0 {
		return
	}
	const most = 3
	if rest := len(words) - most; rest > 0 {
		words = append(words[:most], plural(rest, "more app"))
	}
	are := "are"
	if bursts == 1 {
		are = "is"
	}
	c.Headline += fmt.Sprintf(" That is of %s%s: %s (%s of the month's starts) %s outside.", daysWords(window), whereWords(s.WindowStart), list(words), reports.CapacityAmount(left/all, reports.UnitFraction), are)
}

// whereWords say where in the month a window lies.
func whereWords(start time.Duration) string {
	if start == 0 {
		return " from the month's beginning"
	}
	return fromWords(start)
}

// begins is how many bursts begin in [from, to).
func begins(b *workload.Burst, from, to time.Duration) int {
	before := func(at time.Duration) int { // of those from the first on
		return int(math.Ceil(float64(at-b.First) / float64(period(b))))
	}
	return before(to) - before(from)
}

// inputWords say what an answer is made from, and how starts were scaled.
func inputWords(inputs []simulate.Input) string {
	const most = 8
	var names []string
	scale := ""
	for _, input := range inputs {
		if rules, ok := strings.CutPrefix(input.Name, "scale "); ok {
			scale = rules
			continue
		}
		names = append(names, input.Name)
	}
	if rest := len(names) - most; rest > 0 {
		names = append(names[:most], fmt.Sprintf("and %d more", rest))
	}
	var words []string
	if len(names) > 0 {
		words = append(words, "Made from "+list(names)+".")
	}
	if scale != "" {
		words = append(words, "Starts are scaled: "+strings.Join(strings.Fields(scale), ", ")+" (--scale).")
	}
	return strings.Join(words, " ")
}
