package ecigroup

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/simulate"
)

// mortal is a machine that dies at its n-th act: a request, before it is sent or after
// it took effect and before its answer, a line of the journal, a saving of the timeline.
// Once dead it does nothing any more.
type mortal struct {
	mu    sync.Mutex
	acts  int
	dies  int // 0 lives for ever
	after bool
	die   context.CancelFunc
}

// act says whether an act is done, and whether anybody hears of it.
func (m *mortal) act() (done, heard bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.acts++
	switch {
	case m.dies == 0 || m.acts < m.dies:
		return true, true
	case m.acts == m.dies:
		m.die()
		return m.after, false
	}
	return false, false
}

// stop is that it is dead from now on.
func (m *mortal) stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dies = 1
}

func (m *mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	done, heard := m.act()
	if !done {
		return nil, errDead
	}
	// The context of a machine that dies does not take back what was sent.
	answer, err := http.DefaultTransport.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
	if err == nil && !heard {
		answer.Body.Close()
		return nil, errDead
	}
	return answer, err
}

func (m *mortal) write() error {
	if done, _ := m.act(); !done {
		return errDead
	}
	return nil
}

// TestCrash kills experiments at random acts. What is left is found by the journal and
// by the tag, and deleted; the experiment is gone on with from what was saved, before
// the clean-up or after it, and every start is counted once.
func TestCrash(t *testing.T) {
	points := 100
	if race.Enabled || testing.Short() {
		points = 6 // all of them: make exhaust
	}
	exp := web(ArmCold, ArmAutomatic, ArmExplicit, ArmReuse)
	whole := crash(t, exp, 0, false, false)
	if whole < 60 {
		t.Fatalf("an experiment is of %d acts", whole)
	}
	draw := rand.New(rand.NewPCG(8, 8))
	for range points {
		crash(t, exp, 1+draw.IntN(whole), draw.IntN(2) == 0, draw.IntN(2) == 0)
		if t.Failed() {
			return
		}
	}
}

// crash runs an experiment on a machine that dies, and returns how many acts there were.
func crash(t *testing.T, exp *Experiment, dies int, after, cleanFirst bool) int {
	w := newWorld(t, ecitest.Options{Seed: uint64(dies)})
	defer w.server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := &mortal{dies: dies, after: after, die: cancel}
	w.transport, w.retry = m, eci.Retry{Attempts: 2}
	save := w.opt.Save
	w.opt.Save = func(timeline *simulate.Timeline) error {
		if err := m.write(); err != nil {
			return err
		}
		return save(timeline)
	}
	w.opt.hook = m.write
	timeline, err := Run(ctx, w.client(), exp, w.opt)
	if dies == 0 {
		if err != nil {
			t.Fatal(err)
		}
		complete(t, exp, timeline)
		return m.acts
	}
	// Another process, of a machine that lives.
	w.transport, w.opt.Save, w.opt.hook, w.retry = nil, w.save, nil, eci.Retry{}
	found(t, w.server, w.opt.JournalDir)
	if cleanFirst {
		w.cleanUp()
		w.leaves()
		if left := w.journals(); len(left) > 0 {
			t.Errorf("journals are left after the clean-up: %q", left)
		}
	}
	w.opt.Resume = w.saved
	timeline, err = w.run(exp)
	if err != nil {
		t.Errorf("going on: %v", err)
	} else {
		complete(t, exp, timeline)
		fromItsOwn(t, w.server, timeline)
	}
	if w.saved == nil {
		t.Error("nothing is saved")
	}
	if !cleanFirst {
		w.cleanUp() // of a run that was killed before it could be saved
	}
	w.leaves()
	if t.Failed() {
		t.Logf("killed at act %d (after %v), cleaned up first: %v", dies, after, cleanFirst)
	}
	return m.acts
}
