package simulate

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/fleet"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate/network"
)

// noisyBurst draws provisioning times, rates and the order of requests; half its
// starts are on named nodes that keep their layers.
func noisyBurst() (*layers.Inventory, *Profile, []Start) {
	inv, p, starts := burst()
	p.Start.Provision = Parameter[time.Duration]{Distribution: "lognormal", Median: 2 * time.Second, Sigma: 0.4}
	p.Network.RoundTrip = Parameter[time.Duration]{Distribution: "uniform", Min: ms, Max: 30 * ms}
	p.Network.Connection = Parameter[network.Rate]{Distribution: "lognormal", Median: 20 * mb, Sigma: 0.5}
	p.Network.TokenRequests.Value = 1
	p.Network.Links = map[string]LinkProfile{
		"rack-a": {Rate: is[network.Rate](90*mb, "")}, "rack-b": {Rate: is[network.Rate](40*mb, "")},
	}
	p.Network.Attach = []string{"rack-a", "rack-b"}
	p.Pull.RequestOrder.Value = "race"
	for i := range starts {
		if i%2 == 0 {
			starts[i].Node = fmt.Sprint("node-", i%6)
		}
	}
	return inv, p, starts
}

// inFile is a timeline of some arms as a file.
func inFile(t testing.TB, arms []string, of func(arm string) (*Result, error)) string {
	t.Helper()
	var tl Timeline
	var before []*Repeats
	for _, arm := range arms {
		result, err := of(arm)
		if err == nil {
			err = tl.Add(result, before...)
		}
		if err != nil {
			t.Fatal(err)
		}
		before = append(before, result.Repeats)
	}
	data, err := document.Marshal(TimelineKind, &tl)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestWorkersChangeNothing: the same bytes out for any number of workers.
func TestWorkersChangeNothing(t *testing.T) {
	opt := Options{Seed: 3, Repeats: 7, Workers: 1, Observe: true}
	bytesOf := func() string {
		inv, p, starts := noisyBurst()
		return inFile(t, []string{ArmCold, ArmCached}, func(arm string) (*Result, error) {
			opt.Arm = arm
			for i := range starts {
				if arm == ArmCached && i%3 == 0 {
					starts[i].CacheID, starts[i].Held = "c", starts[i].Images
				}
			}
			return RunArm(t.Context(), inv, p, starts, opt)
		})
	}
	want := bytesOf()
	for _, workers := range []int{0, 2, 3, 20} {
		opt.Workers = workers
		if got := bytesOf(); got != want {
			t.Errorf("%d workers give another timeline than one", workers)
		}
	}
}

// TestRepeatsAreRuns: repeat r of several is the only one of Stream's Repeat r.
func TestRepeatsAreRuns(t *testing.T) {
	inv, p, starts := noisyBurst()
	list := run(t, inv, p, Options{Seed: 5, Repeats: 3, Workers: 2}, starts...)
	for r := range 3 {
		order := slices.Clone(starts)
		slices.SortStableFunc(order, func(x, y Start) int { return compareStarts(&x, &y) })
		err := Stream(t.Context(), inv, p, pointers(order), Options{Seed: 5, Repeat: r}, func(i int, s *Startup) {
			want := slices.IndexFunc(starts, func(x Start) bool { return cmp.Equal(x, order[i]) })
			if got := list[r*len(starts)+want]; got.Ready != s.Ready || got.Repeat != r {
				t.Fatalf("repeat %d, start %d: ready after %v, alone after %v", r, i, got.Ready, s.Ready)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestFirstErrorWins: the error is that of the lowest repeat that fails, though a
// higher one fails earlier; repeats beyond are not begun.
func TestFirstErrorWins(t *testing.T) {
	for _, workers := range []int{1, 2, 3} {
		var begun atomic.Int64
		err := eachRepeat(100, workers, func(r int) error {
			begun.Add(1)
			switch r {
			case 4:
				time.Sleep(5 * time.Millisecond)
				return errors.New("repeat 4")
			case 5, 6:
				return fmt.Errorf("repeat %d", r)
			}
			return nil
		})
		if err == nil || err.Error() != "repeat 4" {
			t.Errorf("%d workers: %v", workers, err)
		}
		if n := begun.Load(); n > 7 {
			t.Errorf("%d workers: %d repeats begun", workers, n)
		}
	}
}

// TestWorkersAtOnce: no more repeats are under way than asked for.
func TestWorkersAtOnce(t *testing.T) {
	var now, most atomic.Int64
	err := eachRepeat(50, 3, func(int) error {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(100 * time.Microsecond)
		now.Add(-1)
		return nil
	})
	if err != nil || most.Load() > 3 {
		t.Errorf("%d repeats at once, error %v", most.Load(), err)
	}
}

func TestRepeatsStop(t *testing.T) {
	inv, p, starts := noisyBurst()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := RunArm(ctx, inv, p, starts, Options{Repeats: 50, Workers: 2}); !errors.Is(err, context.Canceled) {
		t.Errorf("after a cancel: %v", err)
	}
}

// TestStreamArm: without a list, all but the list is the same.
func TestStreamArm(t *testing.T) {
	inv, p, starts := noisyBurst()
	opt := Options{Arm: "cold", Seed: 9, Repeats: 4, Workers: 2, Observe: true}
	listed, err := RunArm(t.Context(), inv, p, starts, opt)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(starts, func(x, y Start) int { return int(x.Requested - y.Requested) })
	streamed, err := StreamArm(t.Context(), inv, p, pointers(starts), opt)
	if err != nil {
		t.Fatal(err)
	}
	if streamed.Startups != nil || len(listed.Startups) != 4*len(starts) {
		t.Errorf("%d startups listed, %d streamed", len(listed.Startups), len(streamed.Startups))
	}
	want, err := listed.Repeats.Summaries()
	if err != nil {
		t.Fatal(err)
	}
	got, err := streamed.Repeats.Summaries()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("summaries, -listed +streamed:\n%s", diff)
	}
	if diff := cmp.Diff(listed.Observation, streamed.Observation); diff != "" {
		t.Errorf("observation, -listed +streamed:\n%s", diff)
	}
}

// TestRunEach: repeats that are run one by one and put together are those run at
// once.
func TestRunEach(t *testing.T) {
	inv, p, starts := noisyBurst()
	opt := Options{
		Arm: "cold", Seed: 9, Repeats: 4, Workers: 2, Observe: true,
		Faults: []Fault{{Kind: "registry-down", At: 3 * time.Second, For: 5 * time.Second}},
	}
	atOnce := func(opt Options) (*Result, error) { return RunArm(t.Context(), inv, p, starts, opt) }
	want := inFile(t, []string{"cold"}, func(string) (*Result, error) { return atOnce(opt) })
	got := inFile(t, []string{"cold"}, func(string) (*Result, error) { return RunEach(opt, nil, atOnce) })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-at once +one by one:\n%s", diff)
	}
	_, err := RunEach(opt, nil, func(opt Options) (*Result, error) {
		if opt.Repeat > 0 {
			return nil, fmt.Errorf("repeat %d", opt.Repeat)
		}
		return RunArm(t.Context(), inv, p, starts, opt)
	})
	if err == nil || err.Error() != "repeat 1" {
		t.Errorf("the error is %v", err)
	}
}

// TestStartsOfTheirOwn: of repeats with 1, 2 and 4 starts of 1 MB there are 7, 2.3
// on the average; an app without a start in a repeat has no time there, and no
// bytes.
func TestStartsOfTheirOwn(t *testing.T) {
	inv, p := inventory([]testLayer{{"a", mb, mb, 0}}), bare()
	result, err := RunEach(Options{Arm: "cold", Repeats: 3}, nil, func(opt Options) (*Result, error) {
		var starts []Start
		for i := range 1 << opt.Repeat {
			starts = append(starts, Start{App: fmt.Sprint("app ", min(i, 1)), Images: []int{0}})
		}
		return RunArm(t.Context(), inv, p, starts, opt)
	})
	if err != nil {
		t.Fatal(err)
	}
	summaries, err := result.Repeats.Summaries()
	if err != nil || len(summaries) != 3 || len(result.Startups) != 7 {
		t.Fatalf("%d summaries, %d startups, %v", len(summaries), len(result.Startups), err)
	}
	for i, want := range []struct {
		starts, total int64
		bytes         float64
	}{{2, 7, 7.0 / 3 * mb}, {1, 3, mb}, {1, 4, 4.0 / 3 * mb}} {
		s := &summaries[i]
		if s.Starts != want.starts || s.Total() != want.total || !near(s.FetchedBytes.Value, want.bytes, 1e-9) {
			t.Errorf("app %q: %d starts, %d in all, %v bytes", s.App, s.Starts, s.Total(), s.FetchedBytes.Value)
		}
	}
	if summaries[1].AllStarts != 0 || summaries[0].AllStarts != 7 {
		t.Errorf("%+v", summaries)
	}
}

// TestTwoMillionStarts: a window that no list could hold runs in the memory of
// what is under way and of one app's sketches.
func TestTwoMillionStarts(t *testing.T) {
	race.Skip(t)
	const n = 2_000_000
	inv := inventory([]testLayer{{"a", 10 * mb, 20 * mb, 0}})
	p := bare()
	p.Network.Registry = is[network.Rate](10_000*mb, "")
	p.Network.Node = is[network.Rate](100*mb, "")
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	most := uint64(0)
	starts := func(yield func(*Start) bool) {
		for i := range n {
			if i%200_000 == 0 {
				runtime.ReadMemStats(&during)
				most = max(most, during.HeapInuse)
			}
			if !yield(&Start{App: "a", Requested: time.Duration(i) * ms, Images: []int{0}}) {
				return
			}
		}
	}
	result, err := StreamArm(t.Context(), inv, p, starts, Options{Arm: "cold", Observe: true})
	if err != nil {
		t.Fatal(err)
	}
	summaries, err := result.Repeats.Summaries()
	if err != nil || summaries[0].Starts != n {
		t.Fatalf("%v: %+v", err, summaries)
	}
	t.Logf("at most %d KiB in use, %d KiB before", most>>10, before.HeapInuse>>10)
	if most > before.HeapInuse+32<<20 {
		t.Errorf("%d MiB of heap in use beyond what there was before", (most-before.HeapInuse)>>20)
	}
}

// BenchmarkMonteCarlo: eight repeats of a fleet of 1,000 nodes, in CPU time of the
// whole process, so that what workers cost each other shows. The last takes turns,
// so that what else the machine does slows both alike.
func BenchmarkMonteCarlo(b *testing.B) {
	s := scenarioOf(b, fleet.Star(1000, 1))
	starts := func(yield func(int, *Start) bool) {
		for i := range s.starts {
			if !yield(i, &s.starts[i]) {
				return
			}
		}
	}
	run := func(b *testing.B, workers int) float64 {
		begin := cpuTime()
		if _, err := s.w.repeats(b.Context(), starts, &Options{Repeats: 8, Workers: workers}, func(int, int, *Startup) {}); err != nil {
			b.Fatal(err)
		}
		return (cpuTime() - begin).Seconds()
	}
	for _, workers := range []int{1, 2} {
		b.Run(fmt.Sprint("workers=", workers), func(b *testing.B) {
			b.ReportAllocs()
			cpu := 0.0
			for b.Loop() {
				cpu += run(b, workers)
			}
			b.ReportMetric(cpu/float64(b.N), "cpu-sec/op")
			b.ReportMetric(8*float64(len(s.starts)*b.N)/cpu, "pulls/cpu-sec")
		})
	}
	b.Run("workers=2-against-1", func(b *testing.B) {
		one, two := 0.0, 0.0
		for b.Loop() {
			one += run(b, 1)
			two += run(b, 2)
		}
		b.ReportMetric(two/one, "cpu-ratio")
	})
}
