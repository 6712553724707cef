package measure

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

func none() *int { return new(int) }

func start(image string) []Start { return []Start{{Image: image}} }

// threeArms are a cold, a partly present and a fully present start.
func threeArms() *Experiment {
	return &Experiment{Name: "test", Repeats: 3, Warmup: none(), Seed: 7, Arms: []Arm{
		{Name: "cold", Starts: start(app), Link: &Link{Rate: 25e6, Delay: 20 * time.Millisecond}, DropPageCache: true},
		{Name: "partial", Starts: start(app), Keep: []string{base}, MaxConcurrentDownloads: 1, MaxConcurrentUnpacks: 2, DropPageCache: true},
		{Name: "full", Starts: start(app), Keep: []string{app}, DropPageCache: true},
	}}
}

// TestRun: all that a timeline says of an experiment that went well, by hand.
func TestRun(t *testing.T) {
	f := newFake()
	f.settings = "unpack: {decoder: igzip, gzipBytesPerSecond: 400MB/s}"
	saves, progress := 0, ""
	opt := f.options()
	opt.Save = func(tl *simulate.Timeline) error {
		saves++
		if len(tl.Measurement.Runs) != saves {
			t.Errorf("save %d holds %d runs", saves, len(tl.Measurement.Runs))
		}
		return nil
	}
	opt.Progress = func(done, total int, arm string, repeat int, last *simulate.MeasuredRun) {
		progress = fmt.Sprint(done, total, arm == last.Arm, repeat == last.Repeat)
	}
	got, err := Run(t.Context(), threeArms(), testInventory(), f, opt)
	if err != nil {
		t.Fatal(err)
	}
	if saves != 9 || progress != "9 9 true true" {
		t.Errorf("%d saves, progress %s", saves, progress)
	}
	read, err := simulate.ReadTimeline("t.json", []byte(text(got)))
	if err != nil {
		t.Fatal(err)
	}
	if text(read) != text(got) {
		t.Error("the timeline is another once it is read")
	}
	if p := read.Provenance; p.Version != "test" || p.Seed != 7 || p.Profile != "measured on this host" {
		t.Errorf("provenance %+v", p)
	}
	want := map[string]simulate.Startup{
		"cold":    {FetchedBytes: 1210, UnpackedBytes: 3520, Hit: matcher.Miss},
		"partial": {FetchedBytes: 210, UnpackedBytes: 520, LayersReused: 1, Hit: matcher.PartialHit},
		"full":    {LayersReused: 3, Hit: matcher.FullHit},
	}
	for i, u := range read.Startups {
		w := want[u.Arm]
		if u.Source != simulate.Measured || u.App != app || u.Node != "node-0" || u.FetchedBytes != w.FetchedBytes || u.UnpackedBytes != w.UnpackedBytes || u.LayersReused != w.LayersReused || u.Hit != w.Hit {
			t.Errorf("startup %+v, want %+v", u, w)
		}
		// Each run takes a second to prepare and a minute; the origin is the first.
		if at := time.Duration(i) * 61 * time.Second; u.Requested != at {
			t.Errorf("startup %d was requested at %v, want %v", i, u.Requested, at)
		}
		fetch, known := u.Phases.Of(simulate.Fetch)
		// The first millisecond, of which no span tells, counts as fetch.
		if busy := time.Duration(w.FetchedBytes) * time.Millisecond; u.Arm != "full" && (!known || fetch != busy+time.Millisecond || u.FetchBusy != busy) {
			t.Errorf("arm %s: fetch %v, busy %v, want %v", u.Arm, fetch, u.FetchBusy, busy)
		}
	}
	checkSetups(t, read.Measurement)
}

// checkSetups decodes the conditions as calibration does.
func checkSetups(t *testing.T, m *simulate.Measurement) {
	t.Helper()
	profiles := map[string]*simulate.Profile{}
	for _, a := range m.Arms {
		p := simulate.Containerd()
		if err := a.Profile.Decode(p); err != nil {
			t.Fatal(err)
		}
		profiles[a.Arm] = p
		if p.Unpack.Decoder.Value != "igzip" || p.Unpack.Gzip.Value != 400e6 {
			t.Errorf("arm %s lost the runner's settings: %+v", a.Arm, p.Unpack)
		}
	}
	given := simulate.Containerd()
	if p := profiles["cold"]; p.Network.Registry.Value != 25e6 || p.Network.RoundTrip.Value != 20*time.Millisecond || p.Pull != given.Pull {
		t.Errorf("cold: %+v", p.Network)
	}
	if p := profiles["partial"]; p.Pull.MaxConcurrentDownloads.Value != 1 || !p.Unpack.Parallel.Value || p.Unpack.MaxConcurrent.Value != 2 || p.Network.Registry != given.Network.Registry {
		t.Errorf("partial: %+v", p.Pull)
	}
	if !m.Arms[2].DropPageCache || !m.Arms[1].DropPageCache || !slices.Equal(m.Arms[1].Kept, []string{base}) {
		t.Errorf("arms %+v", m.Arms)
	}
}

// TestOrder: each round makes every arm once, in an order that the seed decides
// and that more rounds do not change.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := Experiment{Seed: rapid.Uint64().Draw(t, "seed"), Repeats: rapid.IntRange(1, 9).Draw(t, "repeats")}
		longer := Experiment{Seed: e.Seed, Repeats: e.Repeats + 1}
		arms, round := rapid.IntRange(1, 50).Draw(t, "arms"), rapid.IntRange(0, 8).Draw(t, "round")
		order := e.order(round, arms)
		if !slices.Equal(order, longer.order(round, arms)) {
			t.Fatal("one seed, two orders")
		}
		for i, arm := range slices.Sorted(slices.Values(order)) {
			if arm != i {
				t.Fatalf("no permutation: %v", order)
			}
		}
	})
	orders := map[string]bool{}
	for seed := range uint64(20) {
		e := Experiment{Seed: seed + 1}
		orders[fmt.Sprint(e.order(0, 6))], orders[fmt.Sprint(e.order(1, 6))] = true, true
	}
	if len(orders) < 35 {
		t.Errorf("%d different orders of 40", len(orders))
	}
}

// TestRounds: the runs are made in those rounds.
func TestRounds(t *testing.T) {
	f, e := newFake(), threeArms()
	tl, err := Run(t.Context(), e, testInventory(), f, f.options())
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range tl.Measurement.Runs {
		if want := e.Arms[e.order(i/3, 3)[i%3]].Name; r.Repeat != i/3 || r.Arm != want {
			t.Errorf("run %d is repeat %d of %s, want %d of %s", i, r.Repeat, r.Arm, i/3, want)
		}
	}
}

// TestWarmup: the first arms with images that were not started yet are run before
// all and leave no trace.
func TestWarmup(t *testing.T) {
	e := threeArms()
	e.Arms = append(e.Arms, Arm{Name: "other", Starts: start(web), DropPageCache: true})
	e.Repeats = 1
	for _, test := range []struct {
		warmup *int
		want   string
	}{{nil, "cold other"}, {new(1), "cold"}, {none(), ""}, {new(9), "cold other"}} {
		f := newFake()
		e.Warmup = test.warmup
		opt := f.options()
		logged := 0
		opt.Log = func(string, ...any) { logged++ }
		tl, err := Run(t.Context(), e, testInventory(), f, opt)
		if err != nil || len(tl.Measurement.Runs) != 4 || len(tl.Startups) != 4 {
			t.Fatalf("%v, %d runs", err, len(tl.Measurement.Runs))
		}
		warm := len(f.calls)/2 - 4
		var got []string
		for i := range warm {
			got = append(got, strings.TrimPrefix(f.calls[2*i+1], "run "))
		}
		if strings.Join(got, " ") != test.want || logged != warm {
			t.Errorf("warm-up of %v, want %s; %d logged", got, test.want, logged)
		}
	}
}

// TestWarmupFails: a warm-up whose start failed is told so, and counts towards what
// ends an experiment.
func TestWarmupFails(t *testing.T) {
	f := newFake()
	f.change = func(_ int, _ *Arm, s []simulate.Startup) ([]simulate.Startup, error) {
		s[0].Void = "not ready by tcp"
		return s, nil
	}
	e := threeArms()
	e.Warmup = nil
	opt := f.options()
	var logged []string
	opt.Log = func(format string, args ...any) { logged = append(logged, fmt.Sprintf(format, args...)) }
	tl, err := Run(t.Context(), e, testInventory(), f, opt)
	want := "warm-up, not counted: arm cold took 1m1s, start of registry.test/app:1: not ready by tcp"
	if len(logged) < 1 || logged[0] != want {
		t.Errorf("logged %q, want %q first", logged, want)
	}
	if err == nil || !strings.Contains(err.Error(), "the experiment ended") {
		t.Errorf("%d runs, then %v", len(tl.Measurement.Runs), err)
	}
}

// TestStartsFail: where starts fail from the beginning the experiment ends; where only
// those of one arm do, that arm is given up and the others are measured; an arm of which
// no run counts is an error.
func TestStartsFail(t *testing.T) {
	failing := func(arms ...string) *fakeRunner {
		f := newFake()
		f.change = func(run int, a *Arm, s []simulate.Startup) ([]simulate.Startup, error) {
			if slices.Contains(arms, a.Name) {
				s[0].Void = fmt.Sprintf("container %d is not ready", run)
			}
			return s, nil
		}
		return f
	}
	f := failing("cold", "partial", "full")
	tl, err := Run(t.Context(), threeArms(), testInventory(), f, f.options())
	// Three attempts of the first arm and of the second, one of the third.
	if err == nil || !strings.Contains(err.Error(), "7 starts failed and none went well, the last: start of registry.test/app:1: container 7 is not ready") || f.runs != 7 || len(tl.Measurement.Runs) != 7 {
		t.Errorf("all starts fail: %d runs, %v", f.runs, err)
	}
	f = failing("full")
	tl, err = Run(t.Context(), threeArms(), testInventory(), f, f.options())
	if !errors.Is(err, ErrNothingCounts) || !strings.HasPrefix(err.Error(), "arm full: none of its runs counts, the last because: start of registry.test/app:1: container ") || f.runs != 6+3 {
		t.Errorf("starts of one arm fail: %d runs, %v", f.runs, err)
	}
	if len(tl.Startups) != 9 || !slices.Contains(tl.Doubts, "6 of the experiment's 9 runs count, the others were void or not made") {
		t.Errorf("%d startups, doubts %q", len(tl.Startups), tl.Doubts)
	}
	// Resumed, the arm is tried again.
	f = failing()
	opt := f.options()
	opt.Resume = tl
	if _, err = Run(t.Context(), threeArms(), testInventory(), f, opt); err != nil || f.runs != 3 {
		t.Errorf("resumed: %d runs, %v", f.runs, err)
	}
	// What comes and goes does not give an arm up.
	f = newFake()
	f.change = func(run int, _ *Arm, s []simulate.Startup) ([]simulate.Startup, error) {
		if run%3 != 0 {
			s[0].Void = "the registry was busy"
		}
		return s, nil
	}
	if _, err = Run(t.Context(), threeArms(), testInventory(), f, f.options()); err != nil || f.runs != 27 {
		t.Errorf("starts that fail twice of three times: %d runs, %v", f.runs, err)
	}
}

// TestFinish: after each run, counted or not, what was started is taken apart, once
// the noise was read: processes that end only then were the experiment's own.
func TestFinish(t *testing.T) {
	f := newFake()
	e := &Experiment{Repeats: 1, Arms: []Arm{{Name: "cold", Starts: start(app)}}}
	self := os.Getpid()
	files := proc(totals(0, 0, 0, 1000, 0, 0, 0, 0), map[int]string{self: line(self, "x", 1, 0, 0, 0, 0)})
	busy, shim := 0, 900_000
	f.change = func(_ int, _ *Arm, s []simulate.Startup) ([]simulate.Startup, error) {
		busy += 400
		files["stat"].Data = []byte(totals(busy, 0, 0, 1000+busy, 0, 0, 0, 0))
		files[fmt.Sprintf("%d/stat", shim)] = &fstest.MapFile{Data: []byte(line(shim, "shim", 1, 300, 0, 0, 0))}
		f.roots = []int{shim}
		return s, nil
	}
	f.finish = func() {
		delete(files, fmt.Sprintf("%d/stat", shim))
		f.roots = nil
	}
	opt := f.options()
	opt.proc = files
	tl, err := Run(t.Context(), e, testInventory(), f, opt)
	if err != nil || f.finished != 2 {
		t.Fatalf("%v, %d runs were finished, want one to warm up and one more", err, f.finished)
	}
	// Of 800 ticks 400 were busy, 300 of them the shim's.
	if got := tl.Measurement.Runs[0].OtherCPUFraction; got == nil {
		t.Error("what others used is not known")
	} else if *got != 100./800 {
		t.Errorf("others used %v, want 0.125", *got)
	}
}

// TestPageCache: an arm that keeps the page cache is run once more, not counted, after
// another arm has emptied it; its runs then begin with the cache that its own left.
func TestPageCache(t *testing.T) {
	f := newFake()
	e := &Experiment{Repeats: 4, Warmup: none(), Seed: 3, Arms: []Arm{
		{Name: "dropped", Starts: start(app), Keep: []string{app}, DropPageCache: true},
		{Name: "warm", Starts: start(app), Keep: []string{app}},
		{Name: "warm too", Starts: start(web), Keep: []string{web}},
	}}
	// warmed is who was in the page cache when a run of an arm began.
	warmed := map[string]bool{}
	f.prepare = func(_ int, a *Arm) error {
		if a.DropPageCache {
			clear(warmed)
		}
		return nil
	}
	begun, cold := map[string]int{}, map[string]int{}
	f.change = func(_ int, a *Arm, s []simulate.Startup) ([]simulate.Startup, error) {
		begun[a.Name]++
		if !warmed[a.Name] {
			cold[a.Name]++
			s[0].Ready += time.Hour
		}
		warmed[a.Name] = true
		return s, nil
	}
	tl, err := Run(t.Context(), e, testInventory(), f, f.options())
	if err != nil || len(tl.Measurement.Runs) != 12 {
		t.Fatalf("%v: %d runs", err, len(tl.Measurement.Runs))
	}
	if cold["warm"] < 2 || begun["dropped"] != 4 {
		t.Fatalf("cold were %v of %v: the test tests nothing", cold, begun)
	}
	first := map[string]bool{}
	for _, u := range tl.Startups {
		// The very first run of an arm, before any drop, is as it is.
		if u.Arm != "dropped" && u.Ready > time.Hour && (first[u.Arm] || u.Requested > 3*time.Minute) {
			t.Errorf("repeat %d of arm %s began with an empty cache", u.Repeat, u.Arm)
		}
		first[u.Arm] = true
	}
	// Without an arm that empties it no run is made twice.
	f, e.Arms = newFake(), e.Arms[1:]
	if _, err := Run(t.Context(), e, testInventory(), f, f.options()); err != nil || f.runs != 8 {
		t.Errorf("%d runs where 8 were to be made: %v", f.runs, err)
	}
}

// TestPageCacheUnfilled: a run that was to fill the page cache and failed has not filled
// it: it is made again, within the retries, and no run counts that began without.
func TestPageCacheUnfilled(t *testing.T) {
	const always = 1000
	for _, test := range []struct {
		name string
		// times is how often what is to fill the cache fails in a row, and counted how
		// many of the arm's two runs count then.
		times, counted int
		prepare, run   bool // where it fails; else a start does
	}{
		{"prepare once", 1, 2, true, false}, {"run once", 1, 2, false, true}, {"start once", 1, 2, false, false},
		{"prepare twice", 2, 2, true, false}, {"run twice", 2, 2, false, true}, {"start twice", 2, 2, false, false},
		{"prepare", always, 0, true, false}, {"run", always, 0, false, true}, {"start", always, 0, false, false},
	} {
		f := newFake()
		// The one run to warm up empties the cache.
		e := &Experiment{Repeats: 2, Warmup: new(1), Seed: 3, Arms: []Arm{
			{Name: "dropped", Starts: start(app), Keep: []string{app}, DropPageCache: true},
			{Name: "warm", Starts: start(web), Keep: []string{web}},
		}}
		filled, failed := true, 0
		fail := func() bool {
			if filled || failed == test.times {
				return false
			}
			failed++
			return true
		}
		// Errors that differ do not end the experiment, which is not what is tested here.
		broken := func() error { return fmt.Errorf("%w, %d", errBroken, failed) }
		f.prepare = func(_ int, a *Arm) error {
			if a.DropPageCache {
				filled, failed = false, 0
			} else if test.prepare && fail() {
				return broken()
			}
			return nil
		}
		cold := 0
		f.change = func(_ int, a *Arm, s []simulate.Startup) ([]simulate.Startup, error) {
			switch {
			case a.DropPageCache:
				return s, nil
			case test.run && fail():
				return nil, broken()
			case !test.prepare && !test.run && fail():
				s[0].Void = broken().Error()
				return s, nil
			}
			if !filled {
				cold++
				s[0].Ready += time.Hour
			}
			filled = true
			return s, nil
		}
		tl, err := Run(t.Context(), e, testInventory(), f, f.options())
		if (err != nil) != (test.counted == 0) || test.counted > 0 && cold == 0 {
			t.Errorf("%s: %v; %d runs filled the cache", test.name, err, cold)
			continue
		}
		counted := 0
		for _, r := range tl.Measurement.Runs {
			if r.Arm == "warm" && r.Void == "" {
				counted++
			}
			const want = "not made, for the run before it, which was to fill the page cache after another arm had emptied it, failed: "
			if r.Void != "" && (!strings.HasPrefix(r.Void, want) || !strings.Contains(r.Void, errBroken.Error()) || r.At.IsZero()) {
				t.Errorf("%s: void because %q, want %s", test.name, r.Void, want)
			}
		}
		if counted != test.counted {
			t.Errorf("%s: %d runs count, want %d: %+v", test.name, counted, test.counted, tl.Measurement.Runs)
		}
		for _, u := range tl.Startups {
			if u.Void == "" && u.Ready > time.Hour {
				t.Errorf("%s: repeat %d of arm %s counts, though it began with an empty cache", test.name, u.Repeat, u.Arm)
			}
		}
	}
}

// TestVoid: what was reused in silence, fetched against the arm, or went wrong in
// another way makes a run void; it is made again, and stays in the list.
func TestVoid(t *testing.T) {
	for _, test := range []struct {
		name, arm string
		change    func(u *simulate.Startup)
		want      string
	}{
		{"reused", "cold", func(u *simulate.Startup) { u.FetchedBytes -= 10 }, "node-0 silently reused content: fetched 1200 of the 1210 bytes that were to be fetched"},
		{"not kept", "full", func(u *simulate.Startup) { u.FetchedBytes = 10 }, "node-0 lacked content that was to be kept: fetched 10 bytes where 0 were to be fetched"},
		{"not unpacked", "partial", func(u *simulate.Startup) { u.UnpackedBytes = 500 }, "node-0 silently reused content: unpacked 500 of the 520 bytes that were to be unpacked"},
		{"unpacked again", "full", func(u *simulate.Startup) { u.UnpackedBytes = 20 }, "node-0 lacked content that was to be kept: unpacked 20 bytes where 0 were to be unpacked"},
		{"layers reused", "cold", func(u *simulate.Startup) { u.LayersReused = 1 }, "node-0 silently reused content: reused 1 layers where 0 were to be reused"},
		{"layers not reused", "full", func(u *simulate.Startup) { u.LayersReused = 2 }, "node-0 lacked content that was to be kept: reused 2 layers where 3 were to be reused"},
		{"start failed", "cold", func(u *simulate.Startup) { u.Void = "connection refused" }, "start of registry.test/app:1: connection refused"},
		{"clock", "cold", func(u *simulate.Startup) { u.Spans[0].End = -1 }, "start of registry.test/app:1: times cannot be: below zero, or an end before its beginning"},
	} {
		f := newFake()
		hit := false
		f.change = func(_ int, a *Arm, s []simulate.Startup) ([]simulate.Startup, error) {
			if a.Name == test.arm && !hit {
				hit = true
				test.change(&s[0])
			}
			return s, nil
		}
		tl, err := Run(t.Context(), threeArms(), testInventory(), f, f.options())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := simulate.ReadTimeline("t.json", []byte(text(tl))); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		voids := 0
		for i, r := range tl.Measurement.Runs {
			if r.Void == "" {
				continue
			}
			voids++
			next := tl.Measurement.Runs[i+1]
			if r.Void != test.want || r.Repeat != 0 || next.Arm != r.Arm || next.Repeat != 0 || next.Void != "" {
				t.Errorf("%s: void because %q, want %q; then %+v", test.name, r.Void, test.want, next)
			}
			if u := tl.Startups[i]; u.Void != test.want || tl.Startups[i+1].Void != "" {
				t.Errorf("%s: the startup says %q", test.name, u.Void)
			}
		}
		if voids != 1 || len(tl.Measurement.Runs) != 10 || !slices.Contains(tl.Doubts, "1 of 10 runs are void and do not count; the list of runs says why") {
			t.Errorf("%s: %d void of %d, doubts %q", test.name, voids, len(tl.Measurement.Runs), tl.Doubts)
		}
	}
}

// TestImpossibleTimes: whatever start of a run has times that cannot be, and whatever
// else is wrong with it, the timeline that is saved can be read.
func TestImpossibleTimes(t *testing.T) {
	for name, change := range map[string]func(s []simulate.Startup){
		"second":         func(s []simulate.Startup) { s[1].Spans[0].End = -1 },
		"both":           func(s []simulate.Startup) { s[0].Ready, s[1].FetchBusy = -1, -time.Second },
		"after a failed": func(s []simulate.Startup) { s[0].Void, s[1].Requested = "connection refused", -time.Hour },
		"failed itself":  func(s []simulate.Startup) { s[1].Void, s[1].Spans[0].Start = "connection refused", -time.Hour },
	} {
		f := newFake()
		e := &Experiment{Repeats: 1, Warmup: none(), Arms: []Arm{{Name: "two", Starts: []Start{{Image: app}, {Image: web, Node: 1}}}}}
		f.change = func(run int, _ *Arm, s []simulate.Startup) ([]simulate.Startup, error) {
			if run == 1 {
				change(s)
			}
			return s, nil
		}
		tl, err := Run(t.Context(), e, testInventory(), f, f.options())
		if err != nil || len(tl.Measurement.Runs) != 2 || tl.Measurement.Runs[0].Void == "" || len(tl.Startups) != 4 {
			t.Fatalf("%s: %v, %+v", name, err, tl.Measurement.Runs)
		}
		read, err := simulate.ReadTimeline("t.json", []byte(text(tl)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, u := range read.Startups[:2] {
			if u.Void != tl.Measurement.Runs[0].Void {
				t.Errorf("%s: a startup of the void run says %q", name, u.Void)
			}
		}
	}
}

// TestAlwaysVoid: an arm that never goes well is given up after its retries, and a
// resumed experiment tries it again.
func TestAlwaysVoid(t *testing.T) {
	f := newFake()
	f.change = func(_ int, a *Arm, s []simulate.Startup) ([]simulate.Startup, error) {
		if a.Name == "full" {
			s[0].FetchedBytes = 1
		}
		return s, nil
	}
	opt := f.options()
	opt.Retries = 1
	tl, err := Run(t.Context(), threeArms(), testInventory(), f, opt)
	if !errors.Is(err, ErrNothingCounts) || len(tl.Measurement.Runs) != 6+3*2 {
		t.Fatalf("%v, %d runs", err, len(tl.Measurement.Runs))
	}
	want := []string{
		"6 of the experiment's 9 runs count, the others were void or not made",
		"arm full has no run that counts: 6 were void, the last because: node-0 lacked content that was to be kept: fetched 1 bytes where 0 were to be fetched",
	}
	if !slices.Equal(tl.Doubts[:2], want) {
		t.Errorf("doubts %q", tl.Doubts)
	}
	f.change = nil
	opt.Resume = tl
	again, err := Run(t.Context(), threeArms(), testInventory(), f, opt)
	if err != nil || len(again.Measurement.Runs) != 15 || len(tl.Measurement.Runs) != 12 {
		t.Fatalf("%v, %d runs", err, len(again.Measurement.Runs))
	}
}

// TestErrors: what fails once is made again; what fails always ends the experiment
// with what was measured.
func TestErrors(t *testing.T) {
	f := newFake()
	f.prepare = func(call int, _ *Arm) error {
		if call == 5 {
			return errBroken
		}
		return nil
	}
	tl, err := Run(t.Context(), threeArms(), testInventory(), f, f.options())
	if err != nil || len(tl.Measurement.Runs) != 10 || tl.Measurement.Runs[2].Void != "prepare: the disk is broken" || len(tl.Startups) != 9 {
		t.Fatalf("%v: %+v", err, tl.Measurement.Runs)
	}
	f = newFake()
	f.change = func(run int, _ *Arm, s []simulate.Startup) ([]simulate.Startup, error) {
		if run > 4 {
			return nil, errBroken
		}
		return s, nil
	}
	opt := f.options()
	tl, err = Run(t.Context(), threeArms(), testInventory(), f, opt)
	if !errors.Is(err, errBroken) || len(tl.Startups) != 4 || len(tl.Measurement.Runs) != 7 {
		t.Errorf("%v: %d startups", err, len(tl.Startups))
	}
	f = newFake()
	opt = f.options()
	opt.Save = func(tl *simulate.Timeline) error {
		if len(tl.Startups) == 2 {
			return errBroken
		}
		return nil
	}
	if tl, err := Run(t.Context(), threeArms(), testInventory(), f, opt); !errors.Is(err, errBroken) || len(tl.Startups) != 2 {
		t.Errorf("a save that fails: %v", err)
	}
	f = newFake()
	f.change = func(_ int, _ *Arm, s []simulate.Startup) ([]simulate.Startup, error) { return s[:0], nil }
	if _, err := Run(t.Context(), threeArms(), testInventory(), f, f.options()); err == nil || !strings.Contains(err.Error(), "pull told of 0 startups where 1 were made") {
		t.Errorf("startups that are missing: %v", err)
	}
}

// TestRefused: what cannot be measured is refused before anything is run.
func TestRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*fakeRunner, *Experiment)
		want   string
	}{
		{"no arms", func(_ *fakeRunner, e *Experiment) { e.Arms = nil }, "experiment test: arms: an experiment needs at least one arm"},
		{"no image", func(_ *fakeRunner, e *Experiment) { e.Arms[0].Starts = start("nothere:1") }, "the inventory does not hold nothere:1: resolve it first"},
		{"settings", func(f *fakeRunner, _ *Experiment) { f.settings = "unpack: {cores: -1}" }, "arm cold: its conditions are no values of a profile"},
		{"no document", func(f *fakeRunner, _ *Experiment) { f.settings = "unpack: 5" }, "arm cold: pull's settings"},
		{"runner", func(f *fakeRunner, _ *Experiment) {
			f.refuse = func(a *Arm) error {
				if a.Name == "full" {
					return errBroken
				}
				return nil
			}
		}, "the disk is broken"},
		{"contradiction", func(_ *fakeRunner, e *Experiment) {
			e.Arms[0].Starts[0] = Start{Image: app, PullOnly: true, Args: []string{"x"}}
		}, "experiment test: arms[0].starts[0].args: a start that is pullOnly"},
	} {
		f, e := newFake(), threeArms()
		test.change(f, e)
		if _, err := Run(t.Context(), e, testInventory(), f, f.options()); err == nil || !strings.HasPrefix(err.Error(), test.want) || f.runs > 0 {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}
