package ecigroup

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
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

// TestInterruptedSpent: starts that an interrupt came upon, and whose groups are gone,
// cost what they lasted, not their timeouts; also in what is gone on with.
func TestInterruptedSpent(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultStuck})})
	ctx, stop := context.WithCancel(t.Context())
	w.opt.Sleep = func(ctx context.Context, d time.Duration) error {
		if len(w.server.Groups()) == 3 {
			stop()
		}
		return w.sleep(ctx, d)
	}
	var spent cost.Money
	w.opt.Spent = func(m cost.Money) { spent = m }
	exp := web(ArmCold)
	exp.Warmup = new(int)
	exp.Repeats = 3
	timeline, err := Run(ctx, w.client(), exp, w.opt)
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	// Of 3 groups a minute at most, of the 30 that their timeouts allow (eci §5.2).
	if one := 2*0.0000077 + 4*0.00000096; spent.Amount > 3*60*one {
		t.Errorf("%v were spent", spent)
	}
	if noted, ok := SpentOf(timeline); !ok || abs(noted.Amount-spent.Amount) > 1e-5 {
		t.Errorf("%v is noted, %v told", noted, spent)
	}
	w.leaves()
}

// TestHurry: who interrupts the deletion hears what is left, and what removes it.
func TestHurry(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	hurry := make(chan struct{})
	w.opt.Hurry = hurry
	w.opt.Progress = func(int, int, string, int, *simulate.MeasuredRun) {
		w.server.AddFaults(faults(ecitest.Fault{Action: "DeleteImageCache", Kind: ecitest.FaultError, Status: 403, Code: "NoPermission"}))
	}
	var once sync.Once
	w.opt.Warn = func(format string, _ ...any) {
		if strings.HasPrefix(format, "not deleted yet") {
			once.Do(func() { close(hurry) })
		}
	}
	var slept int
	w.opt.Sleep = func(ctx context.Context, d time.Duration) error {
		select {
		case <-hurry:
			slept++
			<-ctx.Done() // that it ends is what is looked for
		default:
		}
		return w.sleep(ctx, d)
	}
	_, err := w.run(web(ArmExplicit))
	var left *LeftError
	if !errors.As(err, &left) || slept != 1 || !strings.Contains(err.Error(), "1 resource of run") {
		t.Errorf("after %d pauses: %v", slept, err)
	}
	listed(t, w.server, err)
}
