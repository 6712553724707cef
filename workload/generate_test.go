package workload

import (
	"bytes"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"
)

// TestGenerateAsPublished: what is drawn has the figures that it is said to have.
func TestGenerateAsPublished(t *testing.T) {
	g, err := Generate(GenerateOptions{Seed: 4, Apps: 20_000, StartsPerDay: 1e6})
	if err != nil {
		t.Fatal(err)
	}
	apps := g.Workload.Apps
	// Zipf: the tenth starts 10^0.95 less often than the first.
	if got, want := apps[0].StartsPerDay/apps[9].StartsPerDay, math.Pow(10, DefaultZipf); math.Abs(got/want-1) > 0.02 {
		t.Errorf("the first app starts %v times as often as the tenth, want %v", got, want)
	}
	total, nothing, reused := 0.0, 0, 0.0
	days := make([]float64, len(apps))
	for n, a := range apps {
		total += a.StartsPerDay
		days[n] = 30 / a.ReleasesPerMonth
		if *a.ReleaseNewBytesFraction == 1 {
			nothing++
		}
		reused += 1 - *a.ReleaseNewBytesFraction
	}
	slices.Sort(days)
	for _, x := range []struct {
		what      string
		got, want float64
	}{
		{"starts a day", total, 1e6}, {"median days", days[len(days)/2], 9.3}, {"p10 days", days[len(days)/10], 1.3}, {"p90 days", days[len(days)*9/10], 31.5},
		{"share that reuses nothing", float64(nothing) / float64(len(apps)), 0.44}, {"mean share that is reused", reused / float64(len(apps)), 0.296},
	} {
		if math.Abs(x.got/x.want-1) > 0.05 {
			t.Errorf("%s: %v, want about %v", x.what, x.got, x.want)
		}
	}
	for h, w := range apps[0].HourlyWeights {
		if best := apps[0].HourlyWeights[15]; w > best {
			t.Errorf("hour %d has more than 15:00", h)
		}
	}
}

// TestGenerateSeeds: a seed gives the same again, another gives another, and more apps
// change the draws of none.
func TestGenerateSeeds(t *testing.T) {
	make := func(opt GenerateOptions) *Generated {
		t.Helper()
		g, err := Generate(opt)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	a, b, c := make(GenerateOptions{Seed: 1, Apps: 9}), make(GenerateOptions{Seed: 1, Apps: 9}), make(GenerateOptions{Seed: 2, Apps: 9})
	if !reflect.DeepEqual(a, b) || reflect.DeepEqual(a, c) {
		t.Error("not the same by seed")
	}
	more := make(GenerateOptions{Seed: 1, Apps: 10})
	for n := range a.Workload.Apps {
		if a.Workload.Apps[n].Runtime != more.Workload.Apps[n].Runtime || a.Workload.Apps[n].ReleasesPerMonth != more.Workload.Apps[n].ReleasesPerMonth {
			t.Errorf("app %d is another with one app more", n)
		}
	}
	without := make(GenerateOptions{Seed: 1, Apps: 9, Bursts: []string{}, Swing: new(0.0)})
	for _, app := range without.Workload.Apps {
		if len(app.Bursts)+len(app.HourlyWeights) > 0 {
			t.Errorf("%+v", app)
		}
	}
	for _, bad := range []GenerateOptions{{Apps: -1}, {StartsPerDay: -1}, {Zipf: 9}, {Swing: new(2.0)}, {Bursts: []string{"x"}}, {ReleaseDays: math.NaN()}} {
		if _, err := Generate(bad); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}

// TestWriteTrace: the trace holds the workload's own starts, and reads back.
func TestWriteTrace(t *testing.T) {
	g, err := Generate(GenerateOptions{Seed: 1, Apps: 5, StartsPerDay: 300})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	n, err := g.Workload.WriteTrace(&b, 1, 2*day)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ReadTrace("starts.csv", &b)
	if err != nil || len(back.Starts) != n {
		t.Fatalf("%v, %d starts, want %d", err, len(back.Starts), n)
	}
	at := 0
	for _, e := range g.Workload.Events(1, 0, 2*day) {
		if e.Release {
			continue
		}
		s := back.Starts[at]
		if s.App != g.Workload.Apps[e.App].Name || (s.At-e.At).Abs() > time.Millisecond {
			t.Fatalf("start %d: %+v, want %+v", at, s, e)
		}
		at++
	}
	if at != n {
		t.Errorf("%d starts, want %d", n, at)
	}
}
