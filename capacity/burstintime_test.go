package capacity_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/capacity"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// drawn is a burst whose instances take a time that is drawn.
func drawn(t *testing.T, count, repeats int, noList bool) *capacity.Question {
	return questionOf(t, simulate.ArmAutomatic, func(s *cachebench.Scenario) {
		s.Bursts = []cachebench.StartBurst{{App: "web", Count: count}}
		s.Repeats, s.NoStartups = repeats, noList
		p := *s.Profile
		p.Start.Provision = simulate.Parameter[time.Duration]{Distribution: "lognormal", Median: 10 * time.Second, Sigma: 0.3, Source: "assumed: for the test"}
		s.Profile = &p
	})
}

// ends are when the last start of each repeat is ready, by simulating the burst alone.
func ends(t *testing.T, q *capacity.Question, profile func(*simulate.Profile)) []float64 {
	t.Helper()
	timeline := played(t, q, simulate.ArmAutomatic, nil, func(s *cachebench.Scenario) {
		s.NoStartups = false
		if profile != nil {
			profile(s.Profile)
		}
	})
	last := make([]float64, q.Scenario.Repeats)
	for i := range timeline.Startups {
		x := &timeline.Startups[i]
		last[x.Repeat] = max(last[x.Repeat], (x.Requested + x.Ready).Seconds())
	}
	return last
}

func inTime(ends []float64, limit float64) int {
	n := 0
	for _, v := range ends {
		if v <= limit {
			n++
		}
	}
	return n
}

// TestBurstOfWhichSomeAreLate: the verdict over limits is what the ends of each repeat, listed
// by simulating the burst alone, say: met where the mean's interval (Student's t) keeps it and so
// do 57 of 60 repeats; and how many are in time is told where it is not all.
func TestBurstOfWhichSomeAreLate(t *testing.T) {
	race.Skip(t)
	const repeats = 60
	q := drawn(t, 120, repeats, false)
	last := ends(t, q, nil)
	mean, squares := 0.0, 0.0
	for _, v := range last {
		mean += v / repeats
	}
	for _, v := range last {
		squares += (v - mean) * (v - mean)
	}
	half := 2.0010 * math.Sqrt(squares/(repeats-1)/repeats) // Student's t, 59 degrees of freedom, 97.5 %
	seen := make(map[string]int)
	meanAlone := 0
	for limit := math.Floor(mean - 3*half); limit < mean+12*half; limit += 0.37 {
		within := time.Duration(math.Round(limit * 1e9))
		n := inTime(last, within.Seconds())
		want := reports.CapacityUnclear
		switch {
		case mean+half <= limit && n >= 57:
			want = reports.CapacityMet
		case mean-half > limit:
			want = reports.CapacityNotMet
		case mean+half <= limit:
			meanAlone++
		}
		c := verdictOf(t, q, within)
		seen[want]++
		if c.Verdict != want {
			t.Errorf("within %v: %s, want %s: mean %v, half an interval %v, %d in time", within, c.Verdict, want, mean, half, n)
		}
		words := fmt.Sprintf("in time in %d of 60 repeats (", n)
		if said := strings.Contains(c.Headline, words); said != (n < repeats) {
			t.Errorf("within %v: %q, want %q", within, c.Headline, words)
		}
		share := c.Figures[1]
		if share.Of != repeats || math.Abs(share.Value-float64(n)/repeats) > 1e-12 || !(*share.Low <= share.Value && share.Value <= *share.High) {
			t.Errorf("within %v: %+v, want %d", within, share, n)
		}
	}
	if seen[reports.CapacityMet] < 2 || seen[reports.CapacityNotMet] < 2 || meanAlone < 2 {
		t.Errorf("the limits tell nothing apart: %v, %d by the mean alone", seen, meanAlone)
	}
}

// TestBurstInTimeOfFewRepeats: of five repeats one that is late leaves it unclear, even where the
// mean's interval keeps the limit; where startups are not listed the answer is the same.
func TestBurstInTimeOfFewRepeats(t *testing.T) {
	race.Skip(t)
	q := drawn(t, 40, 5, false)
	last := ends(t, q, nil)
	worst := 0.0
	for _, v := range last {
		worst = max(worst, v)
	}
	for within, want := range map[time.Duration]bool{time.Duration(math.Round(worst * 1e9)): true, time.Duration(math.Round(worst*1e9)) - 1: false} {
		for _, noList := range []bool{false, true} {
			q := drawn(t, 40, 5, noList)
			c := verdictOf(t, q, within)
			if c.Verdict == reports.CapacityMet && !want || strings.Contains(c.Headline, "in time in 4 of 5 repeats") == want {
				t.Errorf("within %v, last %v: %s: %s", within, last, c.Verdict, c.Headline)
			}
		}
	}
}

// TestBurstNeedOfNearlyAllRepeats: with the admission rate that is named 38 of 40 repeats are in
// time, and with a little less they are not, or the mean's interval does not keep the limit.
func TestBurstNeedOfNearlyAllRepeats(t *testing.T) {
	race.Skip(t)
	const repeats = 40
	q := drawn(t, 300, repeats, false)
	fast := ends(t, q, func(p *simulate.Profile) { p.Start.AdmitPerSecond.Value = 1e5 })
	worst := 0.0
	for _, v := range fast {
		worst = max(worst, v)
	}
	limit := math.Ceil(worst) // enough at the most, too little as it is
	c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: time.Duration(limit * 1e9)})
	if err != nil {
		t.Fatal(err)
	}
	n := need(t, c, "start.admitPerSecond")
	if n.Need == nil || n.Low != nil {
		t.Fatalf("%+v", n)
	}
	at := func(rate float64) int {
		return inTime(ends(t, q, func(p *simulate.Profile) { p.Start.AdmitPerSecond.Value = rate }), limit)
	}
	if now := inTime(ends(t, q, nil), limit); now >= 38 {
		t.Fatalf("%d are in time as it is: nothing to search for", now)
	}
	if got := at(*n.Need); got < 38 {
		t.Errorf("with %v a second %d of 40 are in time", *n.Need, got)
	}
	if got := at(*n.Need / 1.006); got >= 38 {
		t.Errorf("with less than %v a second %d of 40 are in time", *n.Need, got)
	}
}

// TestBurstDecoder: where decompressing on one core holds a burst up, the decoder's speed that is
// named keeps the limit, one percent less does not, and nobody says that nothing is left.
func TestBurstDecoder(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, simulate.ArmCold, func(s *cachebench.Scenario) {
		s.Bursts = []cachebench.StartBurst{{App: "ci", Count: 10}}
		s.Profile, _ = simulate.BuiltIn("containerd")
		s.Profile.Network.Registry.Value, s.Profile.Network.Node.Value, s.Profile.Network.Connection.Value = 10e9, 10e9, 10e9
		s.Profile.Unpack.Disk.Value, s.Profile.Unpack.Gzip.Value = 10e9, 40e6
	})
	last := func(rate float64) float64 {
		return lastReady(t, q, simulate.ArmCold, 10, func(p *simulate.Profile) { p.Unpack.Gzip.Value = network.Rate(rate) })
	}
	limit := last(300e6)
	c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: time.Duration(math.Round(limit * 1e9))})
	if err != nil {
		t.Fatal(err)
	}
	n := need(t, c, "unpack.gzipBytesPerSecond")
	if n.Need == nil || *n.Need > 300e6*1.0051 || last(*n.Need) > limit+1e-9 || last(*n.Need*0.99) <= limit {
		t.Errorf("%+v, %v: %v s, and %v s with less, of %v", n, *n.Need, last(*n.Need), last(*n.Need*0.99), limit)
	}
	if !strings.Contains(n.Note, "decoder igzip") {
		t.Errorf("%q names no decoder of 415 MB/s", n.Note)
	}
	if doubts := strings.Join(c.Doubts, " "); strings.Contains(doubts, "None of the values tried") {
		t.Errorf("%q", doubts)
	}
}

// TestBurstParallelUnpack: layers unpacked at once are a setting that is tried, with what
// simulating it says; of a runtime that has no such setting it is not.
func TestBurstParallelUnpack(t *testing.T) {
	race.Skip(t)
	for _, name := range []string{"containerd", "containerd-1"} {
		q := questionOf(t, simulate.ArmCold, func(s *cachebench.Scenario) {
			s.Bursts = []cachebench.StartBurst{{App: "ci", Count: 4}}
			s.Profile, _ = simulate.BuiltIn(name)
			s.Profile.Network.Registry.Value, s.Profile.Network.Node.Value, s.Profile.Network.Connection.Value = 10e9, 10e9, 10e9
			s.Profile.Unpack.Disk.Value, s.Profile.Unpack.Gzip.Value, s.Profile.Unpack.Cores.Value = 10e9, 40e6, 16
		})
		as, on := lastReady(t, q, simulate.ArmCold, 4, nil), lastReady(t, q, simulate.ArmCold, 4, func(p *simulate.Profile) { p.Unpack.Parallel.Value = true })
		if on >= as*0.9 {
			t.Fatalf("%s: %v s, and %v s in parallel: nothing to tell", name, as, on)
		}
		c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: time.Duration((as + on) / 2 * 1e9)})
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Contains(strings.Join(c.Sentences, " "), "unpack.parallel, turned on (a setting of containerd from 2.2 on")
		if said != (name == "containerd") {
			t.Errorf("%s: %q", name, c.Sentences)
		}
		if name != "containerd" {
			continue
		}
		if n := need(t, c, "unpack.parallel"); n.Need == nil || *n.Need != 1 || *n.Now != 0 || math.Abs(*n.Best-on) > 1e-9 {
			t.Errorf("%+v, simulated alone %v s", n, on)
		}
	}
}

// TestBurstBelowTheUsualValues: of a registry slower than any that is usual the least rate is
// found below that too.
func TestBurstBelowTheUsualValues(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, simulate.ArmCold, func(s *cachebench.Scenario) {
		s.Bursts = []cachebench.StartBurst{{App: "ci", Count: 2}}
		s.Profile, _ = simulate.BuiltIn("containerd")
		s.Profile.Network.Registry.Value = 200e3
	})
	last := func(rate float64) float64 {
		return lastReady(t, q, simulate.ArmCold, 2, func(p *simulate.Profile) { p.Network.Registry.Value = network.Rate(rate) })
	}
	limit := last(600e3)
	c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: time.Duration(math.Round(limit * 1e9))})
	if err != nil {
		t.Fatal(err)
	}
	if n := need(t, c, "network.registryBytesPerSecond"); n.Need == nil || *n.Need > 600e3*1.0051 || *n.Need < 600e3/1.0051 || n.AtMost {
		t.Errorf("%+v, want 600 kB/s", n)
	}
}

// TestBurstSaysWhatRefuses: of 30 starts with 2 vCPUs each a quota of 40 has room for 20; points
// of larger bursts say that it is the quota, and those within it say nothing.
func TestBurstSaysWhatRefuses(t *testing.T) {
	race.Skip(t)
	q := questionOf(t, "", func(s *cachebench.Scenario) {
		s.Bursts = []cachebench.StartBurst{{App: "web", Count: 30}}
		w := *s.Workload
		w.Apps = slices.Clone(w.Apps)
		for i := range w.Apps {
			w.Apps[i].StartsPerDay, w.Apps[i].CPU = 0, 2
		}
		s.Workload = &w
	})
	c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: 10 * time.Minute, CPUQuota: 40})
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, p := range c.Curves[0].Points {
		if over := p.X > 20; (p.Why == "quota") != over || (p.Y == nil) != over {
			t.Errorf("%v starts: %+v", p.X, p)
		} else if over {
			refused++
		}
	}
	var text strings.Builder
	if err := reports.WriteCapacity(&text, reports.Text, c, reports.Options{}); err != nil {
		t.Fatal(err)
	}
	if refused < 3 || !strings.Contains(text.String(), "never ready: quota") || !strings.Contains(c.Headline, "the last, were none refused, is ready after") {
		t.Errorf("%d are refused: %s", refused, text.String())
	}
}
