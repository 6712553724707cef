package ecigroup

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
)

// TestSpentIsCarried: what is gone on with again and again spends no more than the limit in
// all; and no limit is taken for one of another currency.
func TestSpentIsCarried(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	limit := cost.International().Money(0.02)
	w.opt.MaxCost = &limit
	exp := web(ArmCold)
	exp.Repeats, exp.Concurrency = 50, 1
	if _, err := w.run(exp); !errors.Is(err, ErrMaxCost) {
		t.Fatalf("%v, want the limit", err)
	}
	made := w.server.Created("CreateContainerGroup")
	spent, ok := SpentOf(w.saved)
	if !ok || spent.Currency != "USD" || spent.Amount < 0.005 || spent.Amount > limit.Amount {
		t.Errorf("%v (%v) were spent", spent, ok)
	}
	for range 2 {
		w.opt.Resume = w.saved
		if _, err := w.run(exp); !errors.Is(err, ErrMaxCost) {
			t.Errorf("gone on with: %v, want the limit", err)
		}
	}
	// One start to warm up each time at most.
	if n := w.server.Created("CreateContainerGroup"); n > made+2 {
		t.Errorf("%d groups were made beyond the limit", n-made)
	}
	yuan := cost.China().Money(1)
	w.opt.MaxCost = &yuan
	if _, err := Run(context.Background(), w.client(), exp, w.opt); err == nil || !strings.Contains(err.Error(), "give the limit in that currency") {
		t.Errorf("a limit in another currency: %v", err)
	}
	w.leaves()
}

// TestGivenSize: a cache that exists is priced at its own size from the beginning.
func TestGivenSize(t *testing.T) {
	exp := web(ArmExplicit)
	exp.CacheID = "imc-1"
	small, err := exp.Estimate(cost.International(), 0, -1, nil)
	exp.CacheGiB = 500
	large, fault := exp.Estimate(cost.International(), 0, -1, nil)
	if err = errors.Join(err, fault); err != nil {
		t.Fatal(err)
	}
	// 480 GiB more, 2 starts and one to warm up of 600 s each, with a minute to end (eci §5.2).
	if got, want := large.Most.Amount-small.Most.Amount, 0.0005*480*3*660/3600; abs(got-want) > 1e-9 {
		t.Errorf("it costs %g more, want %g", got, want)
	}
}

// TestAutomaticTakesAnother: where the service matches a large cache of somebody else its
// disk is paid for, held under the limit, and that it was taken is a doubt.
func TestAutomaticTakesAnother(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	exp := web(ArmAutomatic)
	exp.Repeats, exp.Concurrency = 3, 1
	theirs, err := w.client().CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: "theirs", Images: exp.Apps[0].Images, SizeGiB: 1000})
	if err != nil {
		t.Fatal(err)
	}
	w.server.Advance(time.Hour)
	var spent cost.Money
	w.opt.Spent = func(m cost.Money) { spent = m }
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	if !hasDoubt(timeline, "started 3 from "+theirs.ID) {
		t.Errorf("doubts %q", timeline.Doubts)
	}
	// The disk of 1000 GiB alone, until each was ready (eci §5.2).
	disks := 0.0
	for _, u := range timeline.Startups {
		disks += 0.0005 * 1000 * u.Ready.Hours()
	}
	if spent.Amount < disks {
		t.Errorf("%v were spent, the disks alone cost %f", spent, disks)
	}
	w.leaves("cache " + theirs.ID)
	// A start of 660 s with that disk costs 0.104, more than the limit: none is begun.
	limit := cost.International().Money(0.09)
	w.opt.MaxCost = &limit
	before := w.server.Created("CreateContainerGroup")
	if _, err := w.run(exp); !errors.Is(err, ErrMaxCost) || w.server.Created("CreateContainerGroup") != before {
		t.Errorf("%v, %d groups were made", err, w.server.Created("CreateContainerGroup")-before)
	}
	w.leaves("cache " + theirs.ID)
}

// TestAutomaticMaking: the making of an automatic cache is timed from the start that caused
// it, not from one before that failed.
func TestAutomaticMaking(t *testing.T) {
	took := map[bool]time.Duration{}
	for _, fails := range []bool{false, true} {
		w := newWorld(t, ecitest.Options{})
		if fails { // minutes pass until one is made
			w.server.AddFaults(faults(ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultThrottle, Nth: 2, Count: 30}))
		}
		timeline, err := w.run(web(ArmAutomatic))
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range timeline.Startups {
			if strings.HasSuffix(u.Arm, " make automatic") {
				took[fails] = u.Ready
			}
		}
	}
	if d := (took[true] - took[false]).Abs(); took[false] == 0 || d > 10*time.Second {
		t.Errorf("the making took %v, after failures %v", took[false], took[true])
	}
}

// TestNoPriming: where no start went well that was to let an automatic cache be made, the
// making of the one that it caused all the same is not timed, and the reason of the end is
// what failed.
func TestNoPriming(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultFailed})})
	timeline, err := w.run(web(ArmAutomatic))
	if err == nil || !strings.Contains(err.Error(), "ended with exit code 1") {
		t.Errorf("%v does not say why no start went well", err)
	}
	for _, u := range timeline.Startups {
		if strings.HasSuffix(u.Arm, " make automatic") {
			t.Errorf("the making took %v", u.Ready)
		}
	}
	w.leaves()
}
