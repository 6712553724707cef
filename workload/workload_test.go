package workload

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func hours(events []Event) []float64 {
	var h []float64
	for _, e := range events {
		h = append(h, e.At.Hours())
	}
	return h
}

// TestBursts: 3 starts over 2 hours from hour 30, every 2 days, in both
// directions of time.
func TestBursts(t *testing.T) {
	w := &Workload{Apps: []App{{Name: "a", Bursts: []Burst{{Count: 3, Within: 2 * time.Hour, First: 30 * time.Hour, Every: 2 * day}}}}}
	for _, test := range []struct {
		from, to time.Duration
		want     []float64
	}{
		{0, 4 * day, []float64{30, 31, 32, 78, 79, 80}},
		{31 * time.Hour, 78 * time.Hour, []float64{31, 32}},
		{-2 * day, 0, []float64{-18, -17, -16}},
		{0, 30 * time.Hour, nil},
	} {
		if got := hours(w.Events(1, test.from, test.to)); !slices.Equal(got, test.want) {
			t.Errorf("%v to %v: %v, want %v", test.from, test.to, got, test.want)
		}
	}
}

// TestRates: over 200 days single starts come at their mean rate (a Poisson
// count of 20,000 is within 5 standard deviations), releases exactly at theirs.
func TestRates(t *testing.T) {
	w := &Workload{Apps: []App{{Name: "a", StartsPerDay: 100, ReleasesPerMonth: 6}}}
	starts, releases := 0, 0
	for _, e := range w.Events(1, 0, 200*day) {
		if e.Release {
			releases++
		} else {
			starts++
		}
	}
	if math.Abs(float64(starts)-20000) > 5*math.Sqrt(20000) {
		t.Errorf("%d starts in 200 days at 100 a day", starts)
	}
	if releases != 40 {
		t.Errorf("%d releases in 200 days at 6 a month, want 40", releases)
	}
}

// TestStreams: another app before it changes nothing of an app's own history,
// another seed does.
func TestStreams(t *testing.T) {
	a := App{Name: "a", StartsPerDay: 5, ReleasesPerMonth: 3, Bursts: []Burst{{Count: 2, First: time.Hour, Every: 3 * day}}}
	b := App{Name: "b", StartsPerDay: 7}
	only := func(w *Workload, name string) []float64 {
		return hours(slices.DeleteFunc(w.Events(9, 0, Month), func(e Event) bool { return w.Apps[e.App].Name != name }))
	}
	alone := only(&Workload{Apps: []App{a}}, "a")
	if !slices.Equal(alone, only(&Workload{Apps: []App{b, a}}, "a")) {
		t.Error("another app moves the starts")
	}
	if slices.Equal(alone, hours((&Workload{Apps: []App{a}}).Events(10, 0, Month))) {
		t.Error("another seed changes nothing")
	}
}

// TestEventsInOrder, and inside the time asked for.
func TestEventsInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := App{Name: "a", StartsPerDay: rapid.Float64Range(0, 50).Draw(t, "starts"), ReleasesPerMonth: rapid.Float64Range(0, 40).Draw(t, "releases")}
		a.Bursts = []Burst{{
			Count:  rapid.IntRange(1, 20).Draw(t, "count"),
			Within: time.Duration(rapid.Int64Range(0, int64(day)).Draw(t, "within")),
			First:  time.Duration(rapid.Int64Range(0, int64(Month)).Draw(t, "first")),
			Every:  time.Duration(rapid.Int64Range(int64(day), int64(Month)).Draw(t, "every")),
		}}
		from := time.Duration(rapid.Int64Range(-int64(Month), int64(Month)).Draw(t, "from"))
		to := from + time.Duration(rapid.Int64Range(0, int64(Month)).Draw(t, "length"))
		events := (&Workload{Apps: []App{a}}).Events(1, from, to)
		for i, e := range events {
			if e.At < from || e.At >= to {
				t.Fatalf("event at %v outside %v to %v", e.At, from, to)
			}
			if i > 0 && e.At < events[i-1].At {
				t.Fatal("events are out of order")
			}
		}
	})
}

func TestStartsPerMonth(t *testing.T) {
	a := App{StartsPerDay: 2, Bursts: []Burst{{Count: 10, Every: 10 * day}, {Count: 5}}}
	if got := a.StartsPerMonth(); got != 60+30+5 {
		t.Errorf("%v starts a month, want 95", got)
	}
}

const header = "apiVersion: cachebench/v1\nkind: Workload\n"

// TestRead: human units are read; what cannot be is refused with its line.
func TestRead(t *testing.T) {
	w, err := Read("w.yaml", []byte(header+`apps:
  - name: web
    images: [a, b]
    initImages: [c]
    startsPerDay: 3
    runtimeSeconds: 1h30m
    cpu: 2
    memoryGiB: 512MiB
    bursts: [{count: 2, withinSeconds: 20ms, everySeconds: 7d}]
`))
	if err != nil {
		t.Fatal(err)
	}
	a := w.Apps[0]
	if a.Runtime != 90*time.Minute || a.MemoryGiB != 0.5 || a.Bursts[0].Within != 20*time.Millisecond || a.Bursts[0].Every != 7*day {
		t.Errorf("read %+v", a)
	}
	if got := strings.Join(w.References(), ""); got != "cab" {
		t.Errorf("references %s, want init images first", got)
	}
	app := func(name, rest string) string {
		return "  - {name: " + name + ", images: [x], runtimeSeconds: 1, cpu: 1, memoryGiB: 1" + rest + "}\n"
	}
	for _, test := range []struct{ apps, want string }{
		{app("a", "") + app("a", ""), `w.yaml:5: apps[1].name: duplicate app "a", also apps[0]: names must be unique`},
		{"  - {name: a, images: [x], runtimeSeconds: 1, cpu: 1, memoryGiB: 1, nodePool: p}\nnodePools: [{name: p, platform: linux/amd64, count: 100001}]\n", `w.yaml:5: nodePools[0].count: node pool "p" has 100001 nodes: more than 100000 are not simulated`},
		{app("a", ", nodePool: p"), `w.yaml:4: apps[0].nodePool: app "a" names node pool "p", which nodePools does not list`},
		{"  - {name: a, images: [], runtimeSeconds: 1, cpu: 1, memoryGiB: 1}\n", `w.yaml:4: apps[0].images: app "a" names no image`},
		{app("a", ", startsPerDay: -1"), `w.yaml:4: apps[0].startsPerDay: startsPerDay of app "a" is -1: it cannot be negative`},
		{app("a", ", bursts: [{count: 0}]"), `w.yaml:4: apps[0].bursts[0].count: a burst of app "a" needs a count of at least 1`},
		{app("a", ", bursts: [{count: 1, withinSeconds: 2h, everySeconds: 1h}]"), `w.yaml:4: apps[0].bursts[0].withinSeconds: a burst of app "a" lasts longer (2h0m0s) than the time to the next (1h0m0s)`},
		{"  - {name: a, images: [x], cpu: 1, memoryGiB: 1}\n", "runtimeSeconds"},
	} {
		_, err := Read("w.yaml", []byte(header+"apps:\n"+test.apps))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

// FuzzRead: no file makes the reader panic, and what it accepts gives events.
func FuzzRead(f *testing.F) {
	f.Add([]byte(header + "apps:\n  - {name: a, images: [x], startsPerDay: 3, runtimeSeconds: 1m, cpu: 1, memoryGiB: 1}\n"))
	f.Add([]byte(`{"apiVersion":"cachebench/v1","kind":"Workload","apps":[{"name":"a","images":["x"],"runtimeSeconds":1,"cpu":1,"memoryGiB":1,"bursts":[{"count":2}]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := Read("w.yaml", data)
		if err != nil {
			return
		}
		for _, a := range w.Apps {
			if n := a.StartsPerMonth(); math.IsNaN(n) || n < 0 {
				t.Errorf("%v starts a month", n)
			}
		}
	})
}
