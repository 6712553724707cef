package ecigroup

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/simulate"
)

// makingsOf are the makings that count, by arm and repeat; each must be once.
func makingsOf(t *testing.T, timeline *simulate.Timeline) map[string][]simulate.Startup {
	t.Helper()
	list := map[string][]simulate.Startup{}
	for key, u := range counted(t, timeline) {
		if _, kind, making := strings.Cut(key.arm, " make "); making {
			list[kind] = append(list[kind], u)
		}
	}
	return list
}

// TestMakeRepeats: each cache is made as often as it is said, in rounds of all, under the
// same conditions in each; all but the last go at once, and starts are from that.
func TestMakeRepeats(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	exp := web(Arms()...)
	exp.MakeRepeats, exp.Concurrency = 3, 1
	estimate, err := exp.Estimate(w.opt.Book, w.opt.MaxDuration, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range estimate.Steps[:4] {
		if s.Count != 3 {
			t.Errorf("%s is done %d times", s.What, s.Count)
		}
	}
	var order []string // of manual caches, by what they are made with
	most := 0
	var mu sync.Mutex
	w.transport = through(func(r *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		if q := r.URL.Query(); action == "CreateImageCache" {
			kind := ArmExplicit
			if q.Get("Flash") == "true" {
				kind = ArmFlash
			} else if q.Get("AutoMatchImageCache") == "true" {
				kind = ArmReuse
			}
			order = append(order, kind)
		}
		answer, err := send()
		mu.Lock()
		defer mu.Unlock()
		most = max(most, len(w.server.Caches()))
		return answer, err
	})
	var spent cost.Money
	w.opt.Spent = func(m cost.Money) { spent = m }
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	makings := makingsOf(t, timeline)
	for _, kind := range Arms()[1:] {
		ids := map[string]bool{}
		for _, u := range makings[kind] {
			ids[u.CacheID] = true
		}
		if len(makings[kind]) != 3 || len(ids) != 3 {
			t.Errorf("%s: %d makings of %d caches are timed", kind, len(makings[kind]), len(ids))
		}
	}
	if most > 4 {
		t.Errorf("%d caches were there at once, want one of each arm", most)
	}
	if len(order) != 9 {
		t.Fatalf("made are %q", order)
	}
	for round := range slices.Chunk(order, 3) {
		if round[2] != ArmReuse || round[0] == round[1] {
			t.Errorf("one round is %q, want each once, and reuse when the others are there", round)
		}
	}
	// Each that reuses layers found them (eci §1.8).
	for _, u := range makings[ArmReuse] {
		if u.Phases.Pull == nil || *u.Phases.Pull >= *makings[ArmExplicit][0].Phases.Pull {
			t.Errorf("a cache that reuses layers was pulled in %v", u.Phases.Pull)
		}
	}
	last := map[string]simulate.Startup{}
	for key, u := range counted(t, timeline) {
		if key.repeat == 2 {
			last[key.arm] = u
		}
	}
	for key, u := range counted(t, timeline) {
		app, kind, _ := strings.Cut(key.arm, " ")
		if manual(kind) && u.CacheID != last[app+" make "+kind].CacheID {
			t.Errorf("%v was started from %s, the last made is %s", key, u.CacheID, last[app+" make "+kind].CacheID)
		}
	}
	if spent.Amount > estimate.Most.Amount {
		t.Errorf("%v were spent, at most %v was told", spent, estimate.Most)
	}
	w.leaves()
}

// TestMakingsAreGoneOnWith: of makings that were timed before a kill none is timed again, and
// those that were not are.
func TestMakingsAreGoneOnWith(t *testing.T) {
	for _, dies := range []int{1, 2, 3, 4, 5, 6} {
		w := newWorld(t, ecitest.Options{})
		exp := web(ArmCold, ArmAutomatic, ArmExplicit, ArmReuse)
		exp.MakeRepeats = 3
		m := &mortal{die: func() {}}
		w.transport, w.retry = m, eci.Retry{Attempts: 1}
		w.opt.Save = func(timeline *simulate.Timeline) error {
			if len(timeline.Startups) >= dies {
				m.stop()
			}
			return w.save(timeline)
		}
		if _, err := w.run(exp); err == nil || len(w.saved.Startups) != dies {
			t.Fatalf("%v, with %d makings", err, len(w.saved.Startups))
		}
		before := makingsOf(t, w.saved)
		w.transport, w.retry, w.opt.Save, w.opt.Resume = nil, eci.Retry{}, w.save, w.saved
		if dies%2 == 0 {
			w.cleanUp()
		}
		timeline, err := w.run(exp)
		if err != nil {
			t.Fatal(err)
		}
		complete(t, exp, timeline)
		for kind, after := range makingsOf(t, timeline) {
			if len(after) != 3 {
				t.Errorf("after %d makings: %d of %s are timed", dies, len(after), kind)
			}
			for _, u := range before[kind] {
				if !slices.ContainsFunc(after, func(v simulate.Startup) bool { return v.CacheID == u.CacheID }) {
					t.Errorf("after %d makings: that of %s is lost", dies, u.CacheID)
				}
			}
		}
		w.leaves()
	}
}

// TestUnmadeLater: a cache that cannot be deleted in its round is deleted at the end, and
// what it costs until then is held back.
func TestUnmadeLater(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "DeleteImageCache", Kind: ecitest.FaultError, Nth: 1, Count: 2, Status: 400, Code: "ImageCache.IncorrectStatus"})})
	exp := web(ArmExplicit)
	exp.MakeRepeats = 3
	var spent cost.Money
	w.opt.Spent = func(m cost.Money) { spent = m }
	b := &bill{w.server, map[string]time.Time{}, map[string]bool{}}
	w.opt.Sleep = func(ctx context.Context, d time.Duration) error {
		before := w.server.Now()
		defer b.see(before)
		return w.sleep(ctx, d)
	}
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	if n := len(makingsOf(t, timeline)[ArmExplicit]); n != 3 {
		t.Errorf("%d makings are timed", n)
	}
	charged := b.charged(exp.withDefaults().deadline(), false)
	if n := w.server.Created("CreateImageCache"); n != 3 || spent.Amount < charged || spent.Amount > 1.5*charged {
		t.Errorf("%d caches were made, %v are told to be spent, %f are charged", n, spent, charged)
	}
	w.leaves()
	// One that fails ends it.
	w = newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultFailed, Nth: 2, Reason: "no room"})})
	if timeline, err = w.run(exp); err == nil || errors.Is(err, ErrMaxCost) || len(makingsOf(t, timeline)[ArmExplicit]) != 1 {
		t.Errorf("%v", err)
	}
	w.leaves()
}
