package workload

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// listed makes the list of all events app by app, and sorts it.
func listed(w *Workload, seed uint64, from, to time.Duration) []Event {
	var events []Event
	for i := range w.Apps {
		a := &w.Apps[i]
		rng := stream(seed, a.Name)
		if a.StartsPerDay > 0 {
			gap := 24 * float64(time.Hour) / a.StartsPerDay
			for at := float64(from) + gap*rng.ExpFloat64(); at < float64(to); at += gap * rng.ExpFloat64() {
				events = append(events, Event{At: time.Duration(at), App: i})
			}
		}
		if a.ReleasesPerMonth > 0 {
			every := float64(Month) / a.ReleasesPerMonth
			first := rng.Float64() * every
			for k := math.Ceil((float64(from) - first) / every); first+k*every < float64(to); k++ {
				events = append(events, Event{At: time.Duration(first + k*every), App: i, Release: true})
			}
		}
		for _, b := range a.Bursts {
			for at := b.First - 400*b.period(); at < to; at += b.period() {
				for j := range b.Count {
					t := at
					if b.Count > 1 {
						t += time.Duration(j) * (b.Within / time.Duration(b.Count-1))
					}
					if t >= from && t < to {
						events = append(events, Event{At: t, App: i})
					}
				}
			}
		}
	}
	slices.SortStableFunc(events, func(x, y Event) int {
		return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(x.App, y.App))
	})
	return events
}

// TestEventsListed: one after the other, events are those of a list that is sorted.
func TestEventsListed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &Workload{}
		for i := range rapid.IntRange(0, 4).Draw(t, "apps") {
			a := App{Name: fmt.Sprint("app", i), StartsPerDay: float64(rapid.IntRange(0, 30).Draw(t, "starts")), ReleasesPerMonth: float64(rapid.IntRange(0, 9).Draw(t, "releases"))}
			for range rapid.IntRange(0, 2).Draw(t, "bursts") {
				hours := func(name string, most int) time.Duration {
					return time.Duration(rapid.IntRange(0, most).Draw(t, name)) * time.Hour
				}
				a.Bursts = append(a.Bursts, Burst{Count: rapid.IntRange(1, 5).Draw(t, "count"), First: hours("first", 100), Within: hours("within", 50), Every: hours("every", 30)})
			}
			w.Apps = append(w.Apps, a)
		}
		from := time.Duration(rapid.IntRange(-200, 100).Draw(t, "from")) * time.Hour
		to := from + time.Duration(rapid.IntRange(1, 200).Draw(t, "hours"))*time.Hour
		got, want := w.Events(7, from, to), listed(w, 7, from, to)
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want\n%v", got, want)
		}
		few := slices.Collect(w.EventsOf(7, from, to, func(a *App) bool { return a.Name != "app1" }))
		if want = slices.DeleteFunc(want, func(e Event) bool { return e.App == 1 }); !slices.Equal(few, want) {
			t.Fatalf("without app1 %v, want\n%v", few, want)
		}
	})
}

// TestWeightedEvents: starts come in the hours that weights say, as often as they say, and
// over whole weeks at the mean rate.
func TestWeightedEvents(t *testing.T) {
	weights := make([]float64, weekHours)
	for h := range weights {
		weights[h] = float64(h%24) / 4 // none in the first hour of a day
	}
	w := &Workload{Apps: []App{{Name: "a", Images: []string{"i"}, StartsPerDay: 960, HourlyWeights: weights}}}
	from, weeks := -2*7*day-90*time.Minute, 10
	var byHour [24]float64
	last, all := from, 0
	for e := range w.EventsOf(3, from, from+time.Duration(weeks)*7*day, func(*App) bool { return true }) {
		if e.At < last {
			t.Fatalf("%v after %v", e.At, last)
		}
		last = e.At
		all++
		byHour[((int(math.Floor(e.At.Hours()))%24)+24)%24]++
	}
	days := float64(weeks * 7)
	if want := 960 * days; math.Abs(float64(all)-want) > 4*math.Sqrt(want) {
		t.Errorf("%d starts, want about %.0f", all, want)
	}
	for h, got := range byHour {
		want := 960 * days * float64(h) / (23 * 24 / 2)
		if math.Abs(got-want) > 4*math.Sqrt(want) {
			t.Errorf("%.0f starts in hour %d, want about %.0f", got, h, want)
		}
	}
	w.Apps[0].HourlyWeights = weights[:24]
	byDay := w.Events(3, 0, 20*day)
	w.Apps[0].HourlyWeights = weights
	if !slices.EqualFunc(byDay, w.Events(3, 0, 20*day), func(a, b Event) bool { return (a.At - b.At).Abs() < time.Microsecond }) {
		t.Error("24 weights are not 168 that are the same on all days")
	}
	for _, bad := range [][]float64{make([]float64, weekHours), {1}, append(slices.Clone(weights[1:]), -1), append(slices.Clone(weights[1:]), math.NaN())} {
		w.Apps[0].HourlyWeights, w.Apps[0].CPU = bad, 1
		if err := w.Validate(); err == nil {
			t.Errorf("%v is taken", bad[:1])
		}
	}
}
