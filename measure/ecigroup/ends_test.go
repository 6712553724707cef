package ecigroup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/simulate"
)

// panics returns what a call panics with.
func panics(do func()) (p any) {
	defer func() { p = recover() }()
	do()
	return nil
}

// TestPanicAtOnce: what panics in one of several calls at once leaves nothing, and what
// cannot be deleted then is told all the same.
func TestPanicAtOnce(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	made := 0
	w.transport = through(func(_ *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		if action == "CreateContainerGroup" && w.server.Created(action) == 2 && made == 0 {
			made++
			panic("in a call")
		}
		return send()
	})
	exp := web(ArmCold)
	exp.Concurrency = 1 // of each that makes groups, one at a time
	if p := panics(func() { w.run(exp) }); p != "in a call" {
		t.Errorf("it panics with %v", p)
	}
	w.leaves()

	w = newWorld(t, ecitest.Options{})
	w.opt.Progress = func(int, int, string, int, *simulate.MeasuredRun) {
		w.server.AddFaults(faults(ecitest.Fault{Action: "DeleteContainerGroup", Kind: ecitest.FaultError, Status: 403, Code: "NoPermission"}))
		panic("in the middle")
	}
	var told strings.Builder
	w.opt.Warn = func(format string, args ...any) { fmt.Fprintf(&told, format, args...) }
	if p := panics(func() { w.run(exp) }); p != "in the middle" {
		t.Errorf("it panics with %v", p)
	}
	left := w.server.Leftovers()
	if len(left) == 0 {
		t.Error("all could be deleted")
	}
	for _, l := range left {
		if id := strings.Fields(l)[1]; !strings.Contains(told.String(), "--ContainerGroupId "+id) {
			t.Errorf("%s is left, told is %q", l, told.String())
		}
	}
}

// TestFewerRepeats: what was measured more often than an experiment repeats is not taken
// for what another arm lacks.
func TestFewerRepeats(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	exp := web(ArmCold, ArmExplicit)
	exp.Repeats, exp.Concurrency = 4, 1
	w.opt.Save = func(timeline *simulate.Timeline) error {
		// Killed when arm cold is done: the order of the rounds is that of the seed.
		kept := *timeline
		m := *timeline.Measurement
		kept.Measurement, m.Runs, kept.Startups = &m, nil, nil
		for _, r := range timeline.Measurement.Runs {
			if strings.HasSuffix(r.Arm, " cold") || strings.HasSuffix(r.Arm, " explicit") && r.Repeat == 0 {
				m.Runs = append(m.Runs, r)
			}
		}
		for _, u := range timeline.Startups {
			if strings.HasSuffix(u.Arm, " cold") || strings.HasSuffix(u.Arm, " explicit") && u.Repeat == 0 {
				kept.Startups = append(kept.Startups, u)
			}
		}
		return w.save(&kept)
	}
	if _, err := w.run(exp); err != nil {
		t.Fatal(err)
	}
	w.opt.Save, w.opt.Resume = w.save, w.saved
	exp.Repeats = 2
	if _, err := w.run(exp); err == nil || !strings.Contains(err.Error(), "repeat 3 of arm") {
		t.Errorf("with fewer repeats: %v", err)
	}
	w.leaves()
	exp.Repeats = 4
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	w.leaves()
}

// TestWarmUpOfWhatIsLeft: where arm cold is done the start that warms up is of the next,
// which has its cache; no group of a manual arm is made without one.
func TestWarmUpOfWhatIsLeft(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	exp := web(ArmExplicit, ArmFlash)
	exp.Concurrency = 1
	if _, err := w.run(exp); err != nil {
		t.Fatal(err)
	}
	old := *w.saved
	m := *old.Measurement
	old.Measurement, m.Runs, old.Startups = &m, nil, nil
	for _, u := range w.saved.Startups {
		if strings.HasSuffix(u.Arm, " explicit") {
			old.Startups = append(old.Startups, u)
			m.Runs = append(m.Runs, simulate.MeasuredRun{Arm: u.Arm, Repeat: u.Repeat, At: noon})
		}
	}
	w.opt.Resume = &old
	without := 0
	w.transport = through(func(r *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		if action == "CreateContainerGroup" && !strings.Contains(r.URL.RawQuery, "ImageSnapshotId=imc-") {
			without++
		}
		return send()
	})
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	if without > 0 {
		t.Errorf("%d groups were made without a cache", without)
	}
}

// TestAnotherImage: an experiment whose group has another second image is another one, in
// arm cold, too.
func TestAnotherImage(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	exp := web(ArmCold)
	exp.Apps[0].Images = append(exp.Apps[0].Images, "registry.example.com/team/proxy:1")
	if _, err := w.run(exp); err != nil {
		t.Fatal(err)
	}
	w.opt.Resume = w.saved
	exp.Apps[0].Images[1] = "registry.example.com/team/proxy:2"
	if _, err := w.run(exp); err == nil || !strings.Contains(err.Error(), "proxy:1, now it is") {
		t.Errorf("%v", err)
	}
}

// TestGivenUp: what fails all at once, and then does not, gives no arm up; what goes on to
// fail for the same reason does, and is an error.
func TestGivenUp(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultFailed, Nth: 3, Count: 8})})
	exp := web(ArmCold)
	exp.Repeats, exp.Concurrency = 20, 10
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)

	s := &session{exp: exp.withDefaults(), arms: exp.arms(), failing: make([]failing, 1)}
	s.opt.setDefaults()
	s.exp.Concurrency = 2
	for i, c := range []struct {
		void string
		err  error
		over bool
	}{
		{void: "it was started from imc-a"}, {void: "it was started from imc-b"}, {void: "it missed"},
		{}, {void: "it missed"}, {void: "x", err: &eci.Error{Code: "ImageSnapshot.NotFound", RequestID: "1"}},
		{void: "y", err: &eci.Error{Code: "ImageSnapshot.NotFound", RequestID: "2"}}, {void: "z", err: &eci.Error{Code: "ImageSnapshot.NotFound"}, over: true},
		{over: true}, // one that was under way
	} {
		if s.tally(&flight{void: c.void, err: c.err}); s.givenUp(0) != c.over {
			t.Errorf("after %d: given up %v", i+1, s.givenUp(0))
		}
	}
}

// TestGoneOnWithElsewhere: a run whose tags say that it may be under way for longer than
// its journal here does was gone on with on another machine: it is not cleaned up unless it
// is named.
func TestGoneOnWithElsewhere(t *testing.T) {
	w := lost(t)
	run := w.journals()[0]
	until := w.server.Now().Add(100 * time.Hour)
	if _, err := w.client().CreateContainerGroup(t.Context(), eci.ContainerGroupSpec{
		Name: "cb-elsewhere", Containers: []eci.Container{{Name: "c", Image: "postgres:17"}},
		Tags: []eci.Tag{{Key: TagRun, Value: run}, {Key: TagUntil, Value: until.Format(time.RFC3339)}},
	}); err != nil {
		t.Fatal(err)
	}
	if removed := w.cleanUp(); len(removed) > 0 {
		t.Errorf("%q are deleted", removed)
	}
	if _, err := CleanUp(t.Context(), w.client(), CleanUpOptions{JournalDir: w.opt.JournalDir, Run: run, Now: w.opt.Now, Sleep: w.opt.Sleep}); err != nil {
		t.Error(err)
	}
	w.leaves()

	// Where there are no locks the time alone tells.
	j := &journal{until: noon}
	if j.others(time.Time{}, noon.Add(-time.Second)) == "" || j.others(time.Time{}, noon) != "" {
		t.Error("without a lock it is not the time that tells")
	}
	j.locked = true
	if why := j.others(noon, noon.Add(-time.Second)); why != "" {
		t.Errorf("with a lock that is free: %s", why)
	}
}

// TestOldCacheNotTakenOver: a cache that any clean-up may delete by now is made anew.
func TestOldCacheNotTakenOver(t *testing.T) {
	w := lost(t)
	made := w.server.Created("CreateImageCache")
	w.server.Advance(48 * time.Hour)
	w.opt.Resume = w.saved
	exp := web(ArmCold, ArmExplicit)
	exp.Repeats = 3
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	if n := w.server.Created("CreateImageCache"); n != made+1 {
		t.Errorf("%d caches were made after the first", n-made)
	}
	w.leaves()
}

// TestTroubleOfAnotherZone: a group that found no place in one zone, and then came to run in
// another, ends no experiment when it fails for something else.
func TestTroubleOfAnotherZone(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultFailed, Nth: 3})})
	w.transport = through(func(_ *http.Request, _ string, send func() (*http.Response, error)) (*http.Response, error) {
		answer, err := send()
		if err != nil {
			return answer, err
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body = io.NopCloser(strings.NewReader(strings.ReplaceAll(string(body), "UserInstanceTypeSpec", "NoStock")))
		answer.ContentLength = -1
		return answer, err
	})
	exp := web(ArmCold)
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	if len(timeline.Measurement.Runs) != exp.Repeats+1 {
		t.Errorf("%d runs, want one that is void", len(timeline.Measurement.Runs))
	}
}

// TestUndated: a run that nobody can date is not dated by this machine's clock, which may
// be years off, and moves no other.
func TestUndated(t *testing.T) {
	s := &session{exp: web(ArmCold).withDefaults(), arms: web(ArmCold).arms(), done: map[runKey]bool{}, counts: map[string]int{}}
	s.opt.setDefaults()
	s.t = &simulate.Timeline{Measurement: &simulate.Measurement{}}
	s.record(simulate.MeasuredRun{Arm: s.arms[0].name, Void: "it was not ready"}, nil)
	s.record(simulate.MeasuredRun{Arm: s.arms[0].name, At: at(5)}, &simulate.Startup{})
	s.record(simulate.MeasuredRun{Arm: s.arms[0].name, Void: "it was not ready"}, nil)
	s.record(simulate.MeasuredRun{Arm: s.arms[0].name, Repeat: 1, At: at(7)}, &simulate.Startup{})
	for i, want := range []time.Duration{0, 2 * time.Second} {
		if got := s.t.Startups[i].Requested; got != want {
			t.Errorf("start %d was requested at %v, want %v", i, got, want)
		}
	}
	if at := s.t.Measurement.Runs[0].At; !at.IsZero() {
		t.Errorf("what is not known is dated %v", at)
	}
}

// TestInterruptIsTold: who interrupts a run hears that it deletes what it made.
func TestInterruptIsTold(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	ctx, stop := context.WithCancel(t.Context())
	w.opt.Progress = func(int, int, string, int, *simulate.MeasuredRun) { stop() }
	var told strings.Builder
	w.opt.Warn = func(format string, args ...any) { fmt.Fprintf(&told, format+"\n", args...) }
	if _, err := Run(ctx, w.client(), web(ArmCold, ArmExplicit), w.opt); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if !strings.Contains(told.String(), "deleting ") {
		t.Errorf("told is %q", told.String())
	}
	w.leaves()
}
