package ecigroup

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/cost"
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
	for range 3 {
		w.opt.Resume = w.saved
		if _, err := w.run(exp); !errors.Is(err, ErrMaxCost) {
			t.Errorf("gone on with: %v, want the limit", err)
		}
	}
	// One start to warm up each time at most.
	if n := w.server.Created("CreateContainerGroup"); n > made+3 {
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
	small, err := exp.Estimate(cost.International(), 0, nil)
	exp.CacheGiB = 500
	large, fault := exp.Estimate(cost.International(), 0, nil)
	if err = errors.Join(err, fault); err != nil {
		t.Fatal(err)
	}
	// 480 GiB more, 2 starts and one to warm up of 600 s each (eci §5.2).
	if got, want := large.Most.Amount-small.Most.Amount, 0.0005*480*3*600/3600; abs(got-want) > 1e-9 {
		t.Errorf("it costs %g more, want %g", got, want)
	}
}
