package ecigroup

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/measure"
)

// TestCannotPull: a start whose image cannot be pulled ends at once, not after the
// timeout that would be paid for; what repeats gives the arm up, and names the image.
func TestCannotPull(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	exp := web(ArmCold)
	exp.PullPolicy, exp.Concurrency, exp.Repeats = "Never", 1, 5 // of what is not there
	var spent cost.Money
	w.opt.Spent = func(m cost.Money) { spent = m }
	begun := w.server.Now()
	_, err := w.run(exp)
	if !errors.Is(err, measure.ErrNothingCounts) || !strings.Contains(err.Error(), exp.Apps[0].Images[0]+" cannot be pulled, the kubelet says: ErrImageNeverPull") {
		t.Errorf("%v", err)
	}
	if n := w.server.Created("CreateContainerGroup"); n != sameErrors {
		t.Errorf("%d groups were made, want %d", n, sameErrors)
	}
	one := 2*0.0000077 + 4*0.00000096 // a second (eci §5.2)
	if took := w.server.Now().Sub(begun); took > 5*time.Minute || spent.Amount == 0 || spent.Amount > one*180 {
		t.Errorf("it took %v and cost %v", took, spent)
	}
	w.leaves()
	// The kubelet's two words for it are one reason.
	a, b := &flight{void: "image web:1 cannot be pulled, the kubelet says: ErrImagePull"}, &flight{void: "image web:1 cannot be pulled, the kubelet says: ImagePullBackOff: Back-off"}
	if a.reason() != b.reason() {
		t.Errorf("%q and %q", a.reason(), b.reason())
	}
}

// TestMostCoversTimeouts: where all starts take until their timeouts, and are made again,
// the run ends by itself and not by the limit that was shown.
func TestMostCoversTimeouts(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultStuck})})
	exp := web(ArmCold)
	exp.Concurrency, exp.Repeats = 1, 1
	e, err := exp.Estimate(w.opt.Book, w.opt.MaxDuration, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.opt.MaxCost = &e.Most
	var spent cost.Money
	w.opt.Spent = func(m cost.Money) { spent = m }
	if _, err := w.run(exp); !errors.Is(err, measure.ErrNothingCounts) || errors.Is(err, ErrMaxCost) || !strings.Contains(err.Error(), "within 10m") {
		t.Errorf("%v", err)
	}
	if spent.Amount > e.Most.Amount {
		t.Errorf("%v were spent, at most %v was told", spent, e.Most)
	}
	w.leaves()
}

// TestNotes: what the figures do not say is told, and a short timeout costs no more than
// it lets.
func TestNotes(t *testing.T) {
	exp := web(ArmCold, ArmFlash)
	exp.Timeout = 5 * time.Second
	e, err := exp.Estimate(cost.International(), time.Hour, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(e.Notes, "\n")
	if !strings.Contains(words, "The timeout of 5s is shorter than the 1m40s") || !strings.Contains(words, "Flash") {
		t.Errorf("notes %q", e.Notes)
	}
	for _, s := range e.Steps {
		if s.Expected.Amount > s.Most.Amount {
			t.Errorf("%s: about %v, at most %v", s.What, s.Expected, s.Most)
		}
	}
	exp = web(ArmExplicit)
	if e, err = exp.Estimate(cost.International(), time.Hour, 0, nil); err != nil || len(e.Notes) > 0 {
		t.Errorf("notes %q, %v", e.Notes, err)
	}
}

// TestExits: a container that was killed says why in the reason of its start.
func TestExits(t *testing.T) {
	s := &session{exp: web(ArmCold).withDefaults(), arms: web(ArmCold).arms(), caches: map[string]string{}}
	code := 137
	f := &flight{silent: silentPolls}
	f.o = *observed(0, 0, pulling, pulled)
	f.o.state.Status = eci.GroupFailed
	f.o.group.Containers = []eci.GroupContainer{{Name: "c1", Current: eci.ContainerState{State: "Terminated", Reason: "OOMKilled", ExitCode: &code}}}
	if s.judge(f); !f.over || f.void != "the group is Failed: container c1 ended with exit code 137: OOMKilled" {
		t.Errorf("%v, %q", f.over, f.void)
	}
}
