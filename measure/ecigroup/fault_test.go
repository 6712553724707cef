package ecigroup

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

func faults(rules ...ecitest.Fault) ecitest.Faults { return ecitest.Faults{Rules: rules} }

// TestThrottlingStorm: of 1,000 starts, 200 at once, while half of all calls are
// throttled and some fail, none is lost, and none is made twice.
func TestThrottlingStorm(t *testing.T) {
	w := newWorld(t, ecitest.Options{Seed: 1, Faults: faults(
		ecitest.Fault{Kind: ecitest.FaultThrottle, Fraction: 0.5},
		ecitest.Fault{Kind: ecitest.FaultError, Fraction: 0.05, Status: http.StatusServiceUnavailable},
	)})
	exp := web(ArmCold)
	exp.Repeats, exp.Concurrency = 1000, 200
	exp.Timeout = time.Hour // in such a storm a group is looked at minutes later
	if race.Enabled || testing.Short() {
		exp.Repeats = 100 // all of them: make exhaust
	}
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	if got, want := w.server.Created("CreateContainerGroup"), exp.Repeats+1; got != want {
		t.Errorf("%d groups were made, want %d: one for each start, one to warm up", got, want)
	}
	w.leaves()
}

// TestLostAnswers: what took effect although no answer came is found again: there is one
// group for each start, and one cache for each arm.
func TestLostAnswers(t *testing.T) {
	for name, retry := range map[string]eci.Retry{"retried": {}, "given up": {Attempts: 1}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, ecitest.Options{Seed: 2, Faults: faults(
				ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultLost, Every: 2},
				ecitest.Fault{Action: "DeleteContainerGroup", Kind: ecitest.FaultLost, Every: 3},
				ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultLost, Nth: 1},
				ecitest.Fault{Action: "DeleteImageCache", Kind: ecitest.FaultLost, Nth: 1},
				ecitest.Fault{Action: "DescribeContainerGroups", Kind: ecitest.FaultUnreached, Every: 4},
			)})
			w.retry = retry
			exp := web(ArmCold, ArmExplicit, ArmFlash)
			exp.Repeats = 10
			timeline, err := w.run(exp)
			if err != nil {
				t.Fatal(err)
			}
			complete(t, exp, timeline)
			w.leaves()
			if got, want := w.server.Created("CreateContainerGroup"), 31; got != want {
				t.Errorf("%d groups were made, want %d", got, want)
			}
			if got := w.server.Created("CreateImageCache"); got != 2 {
				t.Errorf("%d caches were made, want 2", got)
			}
		})
	}
}

// TestVoids: starts that fail are void, listed, and made again.
func TestVoids(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(
		ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultFailed, Every: 3},
	)})
	exp := web(ArmCold, ArmAutomatic)
	exp.Repeats, exp.Concurrency = 4, 1
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	voids := 0
	for _, r := range timeline.Measurement.Runs {
		if r.Void != "" {
			voids++
		}
	}
	if voids == 0 || !hasDoubt(timeline, "are void and do not count") {
		t.Errorf("%d voids, doubts %q", voids, timeline.Doubts)
	}
	w.leaves()
}

// TestCacheGone: when somebody deletes the cache of an arm its further starts are void,
// the arm is given up, and the others are not.
func TestCacheGone(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	exp := web(ArmCold, ArmExplicit)
	exp.Repeats, exp.Concurrency = 6, 1
	client := w.client()
	w.opt.Progress = func(done, total int, arm string, repeat int, last *simulate.MeasuredRun) {
		if done == 3 && last.Void == "" {
			for _, c := range w.server.Caches() {
				if err := client.DeleteImageCache(t.Context(), c.ID, ""); err != nil {
					t.Error(err)
				}
			}
		}
	}
	timeline, err := w.run(exp)
	if !errors.Is(err, ErrGivenUp) {
		t.Fatalf("%v, want that the arm is given up", err)
	}
	got := map[string]int{}
	for k := range counted(t, timeline) {
		got[strings.TrimPrefix(k.arm, exp.Apps[0].name()+" ")]++
	}
	if got[ArmCold] != 6 || got[ArmExplicit] == 0 || got[ArmExplicit] == 6 || !hasDoubt(timeline, "of the experiment's 12 starts count") {
		t.Errorf("%v starts count; doubts %q", got, timeline.Doubts)
	}
	w.leaves()
}

// TestAutomaticMiss: when the automatic cache goes, starts of its arm miss. They are
// void, and the caches that the misses let be made are deleted, too.
func TestAutomaticMiss(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	exp := web(ArmAutomatic)
	exp.Repeats, exp.Concurrency = 6, 1
	client := w.client()
	w.opt.Progress = func(done, _ int, _ string, _ int, last *simulate.MeasuredRun) {
		for _, c := range w.server.Caches() {
			if done != 2 || last.Void != "" {
				break
			}
			if err := client.DeleteImageCache(t.Context(), c.ID, ""); err != nil {
				t.Error(err)
			}
		}
	}
	timeline, err := w.run(exp)
	if !errors.Is(err, ErrGivenUp) {
		t.Fatalf("%v, want that the arm is given up", err)
	}
	if n := len(counted(t, timeline)); n != 3 { // the making, and two starts
		t.Errorf("%d runs count", n)
	}
	for _, r := range timeline.Measurement.Runs[3:] {
		if !strings.Contains(r.Void, "it missed, where it was to be started from a cache") {
			t.Errorf("%+v is not void for its miss", r)
		}
	}
	if n := w.server.Created("AutomaticImageCache"); n < 2 {
		t.Errorf("%d automatic caches were made, want more", n)
	}
	w.leaves()
}

// TestNoStock: a service that has no more stops the run, which keeps what it has.
func TestNoStock(t *testing.T) {
	for _, kind := range []string{ecitest.FaultNoStock, ecitest.FaultScheduleFailed} {
		w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateContainerGroup", Kind: kind, Nth: 7, Count: 1000})})
		exp := web(ArmCold)
		exp.Repeats, exp.Concurrency = 20, 2
		timeline, err := w.run(exp)
		if err == nil || !strings.Contains(err.Error(), "stock") && !strings.Contains(err.Error(), "NoStock") {
			t.Errorf("%s: %v", kind, err)
		}
		if timeline == nil || len(counted(t, timeline)) != 4 || len(counted(t, w.saved)) != 4 {
			t.Fatalf("%s: %+v is kept, want the 4 starts that were made", kind, timeline)
		}
		w.leaves()
		// With stock again it goes on.
		w.server.ClearFaults()
		w.opt.Resume = w.saved
		timeline, err = w.run(exp)
		if err != nil {
			t.Fatal(err)
		}
		complete(t, exp, timeline)
		w.leaves()
	}
}

// TestPreflight: what is wrong with groups shows before a cache is paid for.
func TestPreflight(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(
		ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultError, Status: 403, Code: "OperationDenied.SecurityGroupMisMatch"},
	)})
	_, err := w.run(web(ArmExplicit, ArmFlash))
	if !errors.Is(err, eci.ErrInvalid) || !strings.Contains(err.Error(), "ask whether groups can be made") {
		t.Errorf("%v", err)
	}
	if n := w.server.Created("CreateImageCache"); n != 0 {
		t.Errorf("%d caches were made", n)
	}
	w.leaves()
}

// TestMaxCost: no step begins that could cost more than the limit, and what was spent,
// priced by hand, is not above it.
func TestMaxCost(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	limit := cost.International().Money(0.02)
	w.opt.MaxCost = &limit
	exp := web(ArmCold)
	exp.Apps = append(exp.Apps, App{Images: []string{"registry.example.com/team/api:3"}})
	exp.Repeats, exp.Concurrency = 20, 4
	var spent cost.Money
	w.opt.Spent = func(m cost.Money) { spent = m }
	timeline, err := w.run(exp)
	if !errors.Is(err, ErrMaxCost) {
		t.Fatalf("%v, want the limit", err)
	}
	// The most of a start is 600 s, 0.0115; until less than that is left about 0.0085 can be
	// spent, on starts of 13 s that are seen to be ready 3 s later.
	if n := len(counted(t, timeline)); n < 20 || n > 35 {
		t.Errorf("%d starts count", n)
	}
	// 2 vCPU and 4 GiB, eci §5.2, each from when it was made until it was deleted.
	lived, made := 0.0, map[string]time.Time{}
	for _, c := range w.server.Calls() {
		switch {
		case c.Action == "CreateContainerGroup" && c.Effect != "":
			made[c.Effect] = c.At
		case c.Action == "DeleteContainerGroup" && c.Effect != "":
			lived += c.At.Sub(made[c.Effect]).Seconds()
			delete(made, c.Effect)
		}
	}
	real := (2*0.0000077 + 4*0.00000096) * lived
	if real > spent.Amount || spent.Amount > limit.Amount || real < 0.005 || len(made) > 0 {
		t.Errorf("groups cost %f, %v are told, the limit is %v; %d were not deleted", real, spent, limit, len(made))
	}
	w.leaves()

	// Without the limit all the others are made, each once.
	w.opt.MaxCost, w.opt.Resume = nil, w.saved
	if timeline, err = w.run(exp); err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	w.leaves()

	// A cache is not begun either.
	w.opt.MaxCost, w.opt.Resume = &limit, nil
	_, err = w.run(web(ArmExplicit))
	if !errors.Is(err, ErrMaxCost) || w.server.Created("CreateImageCache") != 0 {
		t.Errorf("%v, %d caches made", err, w.server.Created("CreateImageCache"))
	}
	w.leaves()
}

func TestMaxDuration(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	w.opt.MaxDuration = 5 * time.Minute
	exp := web(ArmCold)
	exp.Repeats, exp.Concurrency = 100, 1
	timeline, err := w.run(exp)
	if !errors.Is(err, ErrMaxDuration) || len(counted(t, timeline)) == 0 {
		t.Errorf("%v with %d starts", err, len(timeline.Startups))
	}
	w.leaves()
}

// TestInterrupted: a context that ends leaves nothing, and what was measured is kept.
func TestInterrupted(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	ctx, stop := context.WithCancel(t.Context())
	w.opt.Progress = func(done, _ int, _ string, _ int, _ *simulate.MeasuredRun) {
		if done == 3 {
			stop()
		}
	}
	timeline, err := Run(ctx, w.client(), web(Arms()...), w.opt)
	if !errors.Is(err, context.Canceled) || len(counted(t, timeline)) < 3 {
		t.Errorf("%v with %d starts", err, len(timeline.Startups))
	}
	w.leaves()
	if left := w.journals(); len(left) > 0 {
		t.Errorf("journals are left: %q", left)
	}
}

// TestPanic: what panics in the middle leaves nothing either.
func TestPanic(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	w.opt.Progress = func(int, int, string, int, *simulate.MeasuredRun) { panic("in the middle") }
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is gone")
			}
		}()
		w.run(web(Arms()...))
	}()
	w.leaves()
}

// TestDeleteFails: what cannot be deleted is listed with the command that deletes it,
// its journal stays, and a later clean-up finds it.
func TestDeleteFails(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	var once sync.Once
	w.opt.Progress = func(int, int, string, int, *simulate.MeasuredRun) {
		once.Do(func() {
			w.server.AddFaults(faults(
				ecitest.Fault{Action: "DeleteContainerGroup", Kind: ecitest.FaultError, Status: 403, Code: "NoPermission"},
				ecitest.Fault{Action: "DeleteImageCache", Kind: ecitest.FaultError, Status: 403, Code: "NoPermission"},
			))
		})
	}
	_, err := w.run(web(ArmCold, ArmExplicit))
	var left *LeftError
	if !errors.As(err, &left) || !errors.Is(err, eci.ErrNoPermission) {
		t.Fatalf("%v, want what is left", err)
	}
	there := w.server.Leftovers()
	if len(left.Left) < 2 || len(there) != len(left.Left) {
		t.Errorf("%+v is said to be left, %q is", left.Left, there)
	}
	for _, l := range there {
		id := strings.Fields(l)[1]
		if !strings.Contains(err.Error(), "Id "+id) {
			t.Errorf("no command deletes %s in:\n%v", l, err)
		}
	}
	w.server.ClearFaults()
	w.cleanUp()
	w.leaves()
	if left := w.journals(); len(left) > 0 {
		t.Errorf("journals are left: %q", left)
	}
}

// TestDeleteNotYet: what the service does not let go at once is deleted later.
func TestDeleteNotYet(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(
		ecitest.Fault{Action: "DeleteImageCache", Kind: ecitest.FaultError, Nth: 1, Count: 12, Status: 400, Code: "ImageCache.IncorrectStatus"},
	)})
	if _, err := w.run(web(ArmExplicit)); err != nil {
		t.Fatal(err)
	}
	w.leaves()
}

func (w *world) cleanUp() []string {
	w.t.Helper()
	removed, err := CleanUp(context.Background(), w.client(), CleanUpOptions{JournalDir: w.opt.JournalDir, Now: w.opt.Now, Sleep: w.opt.Sleep})
	if err != nil {
		w.t.Error(err)
	}
	return removed
}

// TestEventsMissing: phases whose events do not come stay unknown, none is zero for that,
// and starts count by their condition Ready all the same.
func TestEventsMissing(t *testing.T) {
	for _, lower := range []bool{false, true} {
		w := newWorld(t, ecitest.Options{Seed: 5, LowerCamelEvents: lower, Faults: faults(
			ecitest.Fault{Action: "DescribeContainerGroupEvents", Kind: ecitest.FaultEventsMissing},
			ecitest.Fault{Action: "DescribeContainerGroups", Kind: ecitest.FaultEventsMissing},
		)})
		exp := web(ArmCold)
		timeline, err := w.run(exp)
		if err != nil {
			t.Fatal(err)
		}
		complete(t, exp, timeline)
		for _, u := range timeline.Startups {
			if u.Phases.Pull != nil && *u.Phases.Pull == 0 || u.Phases.Provision != nil && *u.Phases.Provision == 0 {
				t.Errorf("%+v: a phase without events is zero", u.Phases)
			}
		}
	}
	// Out of order nothing is missing.
	w := newWorld(t, ecitest.Options{Seed: 5, Faults: faults(ecitest.Fault{Kind: ecitest.FaultEventsShuffled})})
	timeline, err := w.run(web(ArmCold, ArmExplicit))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range timeline.Startups {
		if u.Phases.Pull == nil || u.Phases.Create == nil {
			t.Errorf("%s: %+v lacks phases", u.Arm, u.Phases)
		}
	}
}

// TestStuckCache: a cache that does not become ready ends the run, and goes.
func TestStuckCache(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultStuck})})
	w.opt.Poll = 30 * time.Second
	_, err := w.run(web(ArmExplicit))
	if err == nil || !strings.Contains(err.Error(), "not ready within 1h") {
		t.Errorf("%v", err)
	}
	w.leaves()
	w = newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultFailed, Reason: "no room"})})
	_, err = w.run(web(ArmExplicit))
	if err == nil || !strings.Contains(err.Error(), "Failed: no room") {
		t.Errorf("%v", err)
	}
	w.leaves()
}

// TestStuckGroups: starts that never become ready are void after their timeout, and an
// arm of which none counts is an error.
func TestStuckGroups(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultStuck})})
	w.opt.Poll = 30 * time.Second
	_, err := w.run(web(ArmCold))
	if !errors.Is(err, measure.ErrNothingCounts) || !strings.Contains(err.Error(), "it was not ready within 10m") {
		t.Errorf("%v", err)
	}
	w.leaves()
}
