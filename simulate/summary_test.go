package simulate

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate/sketch"
)

// drawnStartup makes a startup of any numbers.
func drawnStartup(t *rapid.T) Startup {
	s := Startup{
		Source: Simulated, Arm: "cold", App: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "app"),
		Requested: time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "requested")),
		Ready:     time.Duration(rapid.Int64Range(0, int64(10*time.Minute)).Draw(t, "ready")),
		Hit:       rapid.SampledFrom([]matcher.Hit{matcher.FullHit, matcher.PartialHit, matcher.Miss}).Draw(t, "hit"),
		Retries:   rapid.IntRange(0, 3).Draw(t, "retries"), FetchedBytes: rapid.Int64Range(0, 1<<40).Draw(t, "fetched"),
		UnpackedBytes: rapid.Int64Range(0, 1<<42).Draw(t, "unpacked"), WastedBytes: rapid.Int64Range(0, 9).Draw(t, "wasted"),
	}
	fetch, admit := s.Ready/3, s.Ready/7
	s.Phases.Fetch = &fetch
	if rapid.Bool().Draw(t, "admitted") {
		s.Phases.Admit = &admit
	}
	return s
}

// TestAccumulator holds an accumulator to sums over the list: exact but for
// quantiles, which are within the stated error of those of the sorted list.
func TestAccumulator(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(drawnStartup), 1, 60).Draw(t, "startups")
		var a Accumulator
		for i := range list {
			a.Add(&list[i])
		}
		for _, app := range []string{"", "a", "b", "c"} {
			of := slices.DeleteFunc(slices.Clone(list), func(s Startup) bool { return app != "" && s.App != app })
			if len(of) == 0 {
				continue
			}
			sums := &a.all
			if app != "" {
				sums = a.apps[app]
			}
			checkFigures(t, sums.figures(), of)
		}
	})
}

func checkFigures(t *rapid.T, got figureSet, of []Startup) {
	var ready []time.Duration
	var sum, fetched, unpacked, retries, hits, admitted, admits float64
	first, last := of[0].Requested, time.Duration(0)
	for _, s := range of {
		ready = append(ready, s.Ready)
		sum += s.Ready.Seconds()
		fetched, unpacked, retries = fetched+float64(s.FetchedBytes), unpacked+float64(s.UnpackedBytes), retries+float64(s.Retries)
		if s.Hit == matcher.FullHit {
			hits++
		}
		if s.Phases.Admit != nil {
			admitted += s.Phases.Admit.Seconds()
			admits++
		}
		first, last = min(first, s.Requested), max(last, s.Requested+s.Ready)
	}
	slices.Sort(ready)
	n := float64(len(of))
	for figure, want := range map[int]float64{
		figStarts: n, figMean: sum / n, figSlowest: ready[len(ready)-1].Seconds(), figMakespan: (last - first).Seconds(),
		figFetched: fetched, figUnpacked: unpacked, figRetries: retries, figHits: hits, figPhases: admitted / admits,
	} {
		if !near(got[figure], want, 1e-12) && !(math.IsNaN(want) && math.IsNaN(got[figure])) {
			t.Fatalf("figure %d is %v, the list says %v", figure, got[figure], want)
		}
	}
	for figure, q := range map[int]float64{figP50: 0.5, figP90: 0.9, figP99: 0.99} {
		want := ready[int(math.Ceil(q*n-1e-9))-1].Seconds()
		if !near(got[figure], want, sketch.RelativeError) {
			t.Fatalf("the %v quantile is %v, of the list %v", q, got[figure], want)
		}
	}
}

func near(got, want, tolerance float64) bool { return math.Abs(got-want) <= tolerance*math.Abs(want) }

// TestAccumulatorMerges: parts merge to the same bits in any order.
func TestAccumulatorMerges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(drawnStartup), 1, 40).Draw(t, "startups")
		var whole, merged Accumulator
		parts := make([]Accumulator, 3)
		for i := range list {
			whole.Add(&list[i])
			parts[rapid.IntRange(0, 2).Draw(t, "part")].Add(&list[i])
		}
		for _, i := range rapid.Permutation([]int{0, 1, 2}).Draw(t, "order") {
			merged.Merge(&parts[i])
		}
		// A phase that no startup states is NaN, which is not equal to itself.
		if !reflect.DeepEqual(fmt.Sprint(whole.all.figures()), fmt.Sprint(merged.all.figures())) {
			t.Fatalf("whole %v, merged %v", whole.all.figures(), merged.all.figures())
		}
		if len(whole.apps) != len(merged.apps) {
			t.Fatalf("%d apps, merged %d", len(whole.apps), len(merged.apps))
		}
		for app, want := range whole.apps {
			if fmt.Sprint(want.figures()) != fmt.Sprint(merged.apps[app].figures()) {
				t.Fatalf("app %s differs", app)
			}
		}
	})
}

func TestVoidIsNotCounted(t *testing.T) {
	var a Accumulator
	a.Add(&Startup{App: "a", Ready: time.Second, Void: "the node was busy"})
	if a.all.ready.Count() != 0 {
		t.Error("a void startup counts")
	}
}

// TestVoidsOfStreams: a timeline without startups says how many are void and why;
// one that lists them has them there. Two of three starts lack their image, twice.
func TestVoidsOfStreams(t *testing.T) {
	inv, p := inventory([]testLayer{{"a", mb, mb, 0}}), bare()
	starts := []Start{
		{App: "never", Images: []int{0}, PullPolicy: "Never"},
		{App: "never", Images: []int{0}, PullPolicy: "Never"},
		{App: "pulls", Images: []int{0}},
	}
	opt := Options{Arm: ArmCold, Repeats: 2}
	streamed, err := StreamArm(t.Context(), inv, p, pointers(starts), opt)
	if err != nil {
		t.Fatal(err)
	}
	listed, err := RunArm(t.Context(), inv, p, starts, opt)
	if err != nil {
		t.Fatal(err)
	}
	var stream, list Timeline
	if err := errors.Join(stream.Add(streamed), list.Add(listed)); err != nil {
		t.Fatal(err)
	}
	want := []Void{{
		Source: Simulated, Arm: ArmCold, App: "never", Starts: 4,
		Reason: "app never has pull policy Never, and example.com/image:0 is not there (ErrImageNeverPull)",
	}}
	if diff := cmp.Diff(want, stream.Voids); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(list.Voids) > 0 || list.Startups[0].Void != want[0].Reason || list.Startups[2].Void != "" {
		t.Errorf("listed: %+v, %+v", list.Voids, list.Startups)
	}
	if s := stream.Summaries; len(s) != 2 || s[0].Starts != 1 || s[1].App != "pulls" {
		t.Errorf("summaries %+v", s)
	}
}

// armOf has one app whose starts are ready after the given seconds, repeat by
// repeat.
func armOf(arm string, repeats ...[]float64) *Repeats {
	r := NewRepeats(Simulated, arm, len(repeats))
	for i, seconds := range repeats {
		var a Accumulator
		for _, s := range seconds {
			a.Add(&Startup{App: "web", Ready: time.Duration(math.Round(s * 1e9))})
		}
		if err := r.Put(i, &a); err != nil {
			panic(err)
		}
	}
	return r
}

// TestIntervalsByHand: means of 10, 12 and 14 s have a mean of 12 s, a sample
// deviation of 2 s, and with Student's t of 4.302653 at two degrees of freedom
// (95 %) a margin of 4.302653 * 2 / sqrt(3) = 4.968275 s. The other arm is ready 3,
// 3 and 6 s sooner: 4 s, with a deviation of sqrt(3) and so a margin of 4.302653 s;
// were the repeats not paired, it would be far wider.
func TestIntervalsByHand(t *testing.T) {
	cold := armOf(ArmCold, []float64{9, 11}, []float64{11, 13}, []float64{13, 15})
	cached := armOf(ArmCached, []float64{6, 8}, []float64{8, 10}, []float64{7, 9})
	summaries, err := cold.Summaries()
	if err != nil {
		t.Fatal(err)
	}
	if len(summaries) != 2 || summaries[0].App != "" || summaries[1].App != "web" {
		t.Fatalf("summaries of %v", summaries)
	}
	for _, s := range summaries {
		checkStatistic(t, "mean", s.Mean, 12, 4.968275)
		checkStatistic(t, "slowest", s.Slowest, 13, 4.968275)
		if s.Starts != 2 || s.Repeats != 3 || s.MeanPhases.Fetch != nil {
			t.Errorf("%+v", s)
		}
	}
	differences, err := Differences(cold, cached)
	if err != nil {
		t.Fatal(err)
	}
	if len(differences) != 2 || differences[0].Base != ArmCold || differences[0].Arm != ArmCached {
		t.Fatalf("differences %+v", differences)
	}
	for _, d := range differences {
		checkStatistic(t, "saving", d.Mean, 4, 4.302653)
	}
}

func checkStatistic(t *testing.T, name string, s Statistic, value, margin float64) {
	t.Helper()
	i := s.Interval()
	if i == nil || !near(s.Value, value, 1e-12) || !near(i.High-value, margin, 1e-6) || !near(value-i.Low, margin, 1e-6) || i.Level != 0.95 {
		t.Errorf("%s: %+v, want %v ± %v", name, i, value, margin)
	}
}

// TestOneRepeat: how far a figure may be off is unknown, not 0.
func TestOneRepeat(t *testing.T) {
	summaries, err := armOf(ArmCold, []float64{1, 2, 3}).Summaries()
	if err != nil {
		t.Fatal(err)
	}
	if s := summaries[0].Mean; s.Value != 2 || s.Interval() != nil || s.Low != nil || s.High != nil || s.Level != nil {
		t.Errorf("%+v", s)
	}
}

// TestAppsOfOneArm: an app that the other arm lacks has no difference.
func TestAppsOfOneArm(t *testing.T) {
	cold, cached := armOf(ArmCold, []float64{1}, []float64{2}), NewRepeats(Simulated, ArmCached, 2)
	differences, err := Differences(cold, cached)
	if err != nil || len(differences) != 0 {
		t.Errorf("%v, %v", differences, err)
	}
}

// TestCommonRandomNumbers: the interval of the difference between arms is far
// narrower than those of the arms, as both have the same draws.
func TestCommonRandomNumbers(t *testing.T) {
	inv, p, starts := noisyBurst()
	var arms []*Repeats
	for _, held := range []bool{false, true} {
		for i := range starts {
			if starts[i].CacheID, starts[i].Held = "", nil; held {
				starts[i].CacheID, starts[i].Held = "c", starts[i].Images
			}
		}
		result, err := RunArm(t.Context(), inv, p, starts, Options{Seed: 1, Repeats: 20})
		if err != nil {
			t.Fatal(err)
		}
		arms = append(arms, result.Repeats)
	}
	differences, err := Differences(arms[0], arms[1])
	if err != nil {
		t.Fatal(err)
	}
	var apart float64
	for _, arm := range arms {
		s, err := arm.Summaries()
		if err != nil {
			t.Fatal(err)
		}
		w := width(s[0].Mean)
		apart += w * w
	}
	if paired := width(differences[0].Mean); !(paired < math.Sqrt(apart)) {
		t.Errorf("paired %v s wide, of independent arms %v s", paired, math.Sqrt(apart))
	} else {
		t.Logf("paired %.3f s wide, of independent arms %.3f s", paired, math.Sqrt(apart))
	}
}

func width(s Statistic) float64 { return *s.High - *s.Low }

// TestCoverageOfIntervals: of many sets of repeats, about 95 in 100 have the true
// mean in their interval.
func TestCoverageOfIntervals(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const sets = 2000
	inside := 0
	for range sets {
		values := make([]float64, 6)
		for i := range values {
			values[i] = 40 + 5*random.NormFloat64()
		}
		s, err := statisticOf(values)
		if err != nil {
			t.Fatal(err)
		}
		if *s.Low <= 40 && 40 <= *s.High {
			inside++
		}
	}
	// Four standard deviations of a binomial count around 1,900.
	if inside < 1861 || inside > 1939 {
		t.Errorf("%d of %d intervals hold the mean", inside, sets)
	}
}

// TestSummariesInFiles: a timeline with summaries, differences, a sketch and an
// observation reads back as it was written.
func TestSummariesInFiles(t *testing.T) {
	inv, p, starts := noisyBurst()
	slices.SortStableFunc(starts, func(x, y Start) int { return int(x.Requested - y.Requested) })
	data := inFile(t, []string{ArmCold, ArmAutomatic}, func(arm string) (*Result, error) {
		return StreamArm(t.Context(), inv, p, pointers(starts), Options{Arm: arm, Repeats: 3, Observe: true})
	})
	again, err := ReadTimeline("timeline.json", []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	second, err := document.Marshal(TimelineKind, again)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(data, string(second)); diff != "" {
		t.Errorf("-written +read and written:\n%s", diff)
	}
	if q, ok := again.Summaries[0].ReadyTimes.Quantile(0.5); !ok || q <= 0 {
		t.Errorf("the sketch's median is %v, %v", q, ok)
	}
	if len(again.Differences) == 0 || len(again.Observations) != 2 {
		t.Errorf("%d differences, %d observations", len(again.Differences), len(again.Observations))
	}
}

// TestDifferencesOfOtherStarts: where a start is void in one arm, what is said of the
// others together would be of other starts, and is left out.
func TestDifferencesOfOtherStarts(t *testing.T) {
	arm := func(name, void string) *Repeats {
		r := NewRepeats(Simulated, name, 1)
		var a Accumulator
		a.Add(&Startup{App: "a", Ready: time.Second})
		a.Add(&Startup{App: "late", Ready: time.Minute, Void: void})
		if err := r.Put(0, &a); err != nil {
			t.Fatal(err)
		}
		return r
	}
	differences, err := Differences(arm(ArmCold, "never pulled"), arm(ArmCached, ""))
	if err != nil || len(differences) != 1 || differences[0].App != "a" {
		t.Errorf("%v, %+v; want those of app a alone", err, differences)
	}
}

// TestDifferencesOfQuantiles: where repeats are the same, the intervals of the
// differences hold those of the exact quantiles of the lists, by nearest rank.
func TestDifferencesOfQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var arms []*Repeats
		var lists [][]int64
		n := rapid.IntRange(1, 30).Draw(t, "starts")
		for _, arm := range []string{ArmCold, ArmCached} {
			list := rapid.SliceOfN(rapid.Int64Range(int64(time.Second), int64(time.Minute)), n, n).Draw(t, arm)
			r := NewRepeats(Simulated, arm, 2)
			for repeat := range 2 {
				var a Accumulator
				for _, d := range list {
					a.Add(&Startup{App: "a", Ready: time.Duration(d)})
				}
				if err := r.Put(repeat, &a); err != nil {
					t.Fatal(err)
				}
			}
			slices.Sort(list)
			arms, lists = append(arms, r), append(lists, list)
		}
		differences, err := Differences(arms[0], arms[1])
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range []struct {
			of  float64
			got Statistic
		}{{0.5, differences[0].P50}, {0.9, differences[0].P90}, {0.99, differences[0].P99}} {
			exact := func(list []int64) float64 { return float64(list[int(math.Ceil(q.of*float64(len(list))))-1]) / 1e9 }
			if want := exact(lists[0]) - exact(lists[1]); want < *q.got.Low-1e-9 || want > *q.got.High+1e-9 {
				t.Fatalf("the %g quantile differs by %v, said is %v to %v", q.of, want, *q.got.Low, *q.got.High)
			}
		}
	})
}
