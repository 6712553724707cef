package ecigroup

import (
	"context"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/simulate"
)

// TestKeptAndCleanedUp: what caches cost from a kill on is of what is spent also where
// somebody deleted them meanwhile, and once; of a run that ended well nothing costs on.
func TestKeptAndCleanedUp(t *testing.T) {
	w := lost(t)
	saved, _ := SpentOf(w.saved)
	w.server.Advance(20 * day)
	w.cleanUp()
	exp, spent := web(ArmCold, ArmExplicit), cost.Money{}
	w.opt.Spent, w.opt.Resume = func(m cost.Money) { spent = m }, w.saved
	exp.Repeats = 3
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	want := keepSecond * 20 * day.Seconds()
	// A cache is made again, and a few starts, for less than a cent.
	if spent.Amount < want || spent.Amount > saved.Amount+want+0.01 {
		t.Errorf("%v are told to be spent, %v were saved, the cache alone was kept for %f", spent, saved, want)
	}
	if k := keptOf(timeline); k != (kept{}) {
		t.Errorf("nothing is left, and it costs on: %+v", k)
	}
	w.server.Advance(40 * day)
	before := spent
	w.opt.Resume, exp.Repeats = timeline, 4
	if _, err = w.run(exp); err != nil {
		t.Fatal(err)
	}
	if spent.Amount-before.Amount > 0.05 {
		t.Errorf("%v are told to be spent, before it ended well it was %v", spent, before)
	}
}

// TestStuckMaking: what makes a cache costs money until somebody deletes it, which is known
// where it is still there, and is told not to be where it is not.
func TestStuckMaking(t *testing.T) {
	for _, cleaned := range []bool{false, true} {
		w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultStuck, Nth: 1})})
		m, naps := &mortal{die: func() {}}, 0
		w.transport, w.retry, w.opt.hook = m, eci.Retry{Attempts: 1}, m.write
		w.opt.Sleep = func(ctx context.Context, d time.Duration) error {
			if naps++; naps > 5 {
				m.stop()
			}
			return w.sleep(ctx, d)
		}
		if _, err := w.run(web(ArmExplicit)); err == nil || len(w.server.Caches()) != 1 {
			t.Fatalf("%v, of %d caches", err, len(w.server.Caches()))
		}
		w.transport, w.retry, w.opt.hook, w.opt.Sleep = nil, eci.Retry{}, nil, w.sleep
		w.server.Advance(5 * day)
		if cleaned {
			w.cleanUp()
		}
		var spent cost.Money
		w.opt.Spent, w.opt.Resume = func(m cost.Money) { spent = m }, w.saved
		timeline, err := w.run(web(ArmExplicit))
		if err != nil {
			t.Fatal(err)
		}
		want := (instanceSecond + diskSecond + keepSecond) * 5 * day.Seconds()
		told := hasDoubt(timeline, "holds no more than 1h10m0s of the making of a cache")
		if told != cleaned || !cleaned && (spent.Amount < want || spent.Amount > 1.05*want) {
			t.Errorf("cleaned up %v: %v are told to be spent, it cost %f; told that it may be more: %v", cleaned, spent, want, told)
		}
		w.leaves()
	}
}

// TestKeptWords: what costs on is read as it was written, rounded up.
func TestKeptWords(t *testing.T) {
	w := lost(t)
	for _, making := range []time.Time{{}, noon.Add(time.Minute)} {
		was := kept{0.0133333, noon, making}
		m := *w.saved.Measurement
		m.Facts = nil
		timeline := *w.saved
		timeline.Measurement = &m
		for i, words := range []string{was.words("USD"), "USD -1 a day from " + noon.Format(time.RFC3339) + " on", "USD 1 a day from noon on", "USD NaN a day from " + noon.Format(time.RFC3339) + " on", ""} {
			m.Facts = append(m.Facts[:0], simulate.Fact{Name: factKept, Value: words})
			want := kept{}
			if i == 0 {
				want = kept{0.013334, noon, making}
			}
			if is := keptOf(&timeline); is.daily != want.daily || !is.from.Equal(want.from) || !is.making.Equal(want.making) {
				t.Errorf("%q is %+v, want %+v", words, is, want)
			}
		}
	}
}
