package capacity_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/capacity"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/workload"
)

const day = 24 * time.Hour

// TestDefaultWindow: a day holds bursts of every day and ten starts a day; else it is the time
// from one burst to the next, or that of ten starts, up to the month's end, and to 20,000
// starts: of 4,100 a day those of four days, however many repeats there are.
func TestDefaultWindow(t *testing.T) {
	burst := func(every time.Duration) []workload.Burst {
		return []workload.Burst{{Count: 300, First: 5 * day, Every: every}}
	}
	for _, c := range []struct {
		name  string
		app   workload.App
		start time.Duration
		want  time.Duration
		note  string
	}{
		{"many", workload.App{StartsPerDay: 200}, 0, day, ""},
		{"a burst a day", workload.App{StartsPerDay: 200, Bursts: burst(day)}, 0, day, ""},
		{"each ten days", workload.App{StartsPerDay: 200, Bursts: burst(10 * day)}, 0, 10 * day, "Simulated are the starts of 10 days: so long"},
		{"once a month", workload.App{Bursts: burst(0)}, 0, 30 * day, "30 days, the rest of the month"},
		{"late", workload.App{Bursts: burst(10 * day)}, 25 * day, 5 * day, "5 days, from 25 days after the month's beginning, the rest of the month"},
		{"four a day", workload.App{StartsPerDay: 4}, 0, 3 * day, "3 days"},
		{"one in ten days", workload.App{StartsPerDay: 0.1}, 0, 30 * day, "30 days"},
		{"too many", workload.App{StartsPerDay: 4070, Bursts: burst(10 * day)}, 0, 4 * day, "of 4 days: 10 days would hold each app's bursts and starts, but are more than 20,000 starts"},
		{"far too many", workload.App{StartsPerDay: 40000, Bursts: burst(10 * day)}, 0, day, ""},
	} {
		s := &cachebench.Scenario{Repeats: 5, WindowStart: c.start, Workload: &workload.Workload{Apps: []workload.App{{Name: "busy", StartsPerDay: 0}, c.app}}}
		window, note := capacity.DefaultWindow(s)
		if window != c.want || !strings.Contains(note, c.note) || (note == "") != (c.note == "") {
			t.Errorf("%s: %v, %q, want %v, %q", c.name, window, note, c.want, c.note)
		}
		s.Bursts = []cachebench.StartBurst{{App: "busy", Count: 1}}
		if window, note = capacity.DefaultWindow(s); window != min(day, workload.Month-c.start) || note != "" {
			t.Errorf("%s, a burst in place of the starts: %v, %q", c.name, window, note)
		}
	}
}

// TestBurstsOutside: of 300 starts every ten days from the fifth on and 200 a day, a day from
// the month's beginning on has none of the three bursts, 900 of 6,900 starts, and neither have
// days seven to nine; five days and a bit have one, and so have the ten days from it on.
func TestBurstsOutside(t *testing.T) {
	race.Skip(t)
	for _, c := range []struct {
		start, window time.Duration
		want          string
	}{
		{0, day, " That is of 24 h from the month's beginning: 3 bursts of web (13 % of the month's starts) are outside."},
		{6 * day, 3 * day, " That is of 3 days, from 6 days after the month's beginning: 3 bursts of web (13 % of the month's starts) are outside."},
		{0, 5*day + time.Hour, ""},
		{5 * day, 10 * day, ""},
		{0, workload.Month, ""},
	} {
		q := questionOf(t, "", func(s *cachebench.Scenario) {
			s.Repeats, s.WindowStart, s.Window = 1, c.start, c.window
			w := *s.Workload
			w.Apps = slices.Clone(w.Apps[:1])
			w.Apps[0].StartsPerDay, w.Apps[0].Bursts = 200, []workload.Burst{{Count: 300, Within: time.Minute, First: 5 * day, Every: 10 * day}}
			s.Workload = &w
		})
		slo := capacity.SLO{Figure: "p99", Limit: time.Hour}
		caches, err := q.Caches(t.Context(), slo)
		if err != nil {
			t.Fatal(err)
		}
		q.Arm = ""
		pool, err := q.Pool(t.Context(), capacity.PoolOptions{SLO: slo})
		if err != nil {
			t.Fatal(err)
		}
		for _, headline := range []string{caches.Headline, pool.Headline} {
			if !strings.HasSuffix(headline, c.want) || (c.want == "") == strings.Contains(headline, "outside") {
				t.Errorf("%v from %v: %q, want %q at its end", c.window, c.start, headline, c.want)
			}
		}
	}
}
