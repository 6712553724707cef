package ecigroup

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/simulate"
)

// bill is what a service charges, worked out from what it was asked to do: 2 vCPU and
// 4 GiB of each group from its creation to its deletion or its deadline, a disk of 20 GiB of
// those that name a cache, and of each cache what makes it until it was seen ready, a disk
// of its size meanwhile, and then its keeping (eci §5.1, §5.2).
type bill struct {
	server *ecitest.Server
	// ready is when each cache was, disks are the groups that have one of a cache.
	ready map[string]time.Time
	disks map[string]bool
}

const (
	instanceSecond = 2*0.0000077 + 4*0.00000096
	diskSecond     = 20 * 0.0005 / 3600
	keepSecond     = 20 * 0.02 / (30 * 24 * 3600)
)

// see notes which caches are ready by now, but were not before, and what groups are from.
func (b *bill) see(before time.Time) {
	automatic := map[string]bool{}
	for _, c := range b.server.Caches() {
		automatic[c.ID] = c.Automatic
		if _, seen := b.ready[c.ID]; !seen && c.Status == "Ready" {
			b.ready[c.ID] = before
		}
	}
	for _, g := range b.server.Groups() {
		if g.CacheID != "" && !automatic[g.CacheID] {
			b.disks[g.ID] = true
		}
	}
}

// charged is what is to be paid until now; with exposed that of groups until their deadline.
func (b *bill) charged(deadline time.Duration, exposed bool) (sum float64) {
	now := b.server.Now()
	made, deleted := map[string]time.Time{}, map[string]time.Time{}
	for _, c := range b.server.Calls() {
		switch {
		case c.Effect == "" || strings.HasPrefix(c.Effect, "repeated "):
		case strings.HasPrefix(c.Action, "Create"):
			made[c.Effect] = c.At
		case strings.HasPrefix(c.Action, "Delete"):
			deleted[c.Effect] = c.At
		}
	}
	for id, at := range made {
		end, gone := deleted[id]
		if !gone {
			end = now
		}
		lived := end.Sub(at)
		switch {
		case strings.HasPrefix(id, "eci-"):
			if exposed && !gone {
				lived = deadline
			}
			seconds := min(lived, deadline).Seconds()
			sum += instanceSecond * seconds
			if b.disks[id] {
				sum += diskSecond * seconds
			}
		default:
			if ready, known := b.ready[id]; known {
				end = ready
			}
			sum += (instanceSecond+diskSecond)*max(0, end.Sub(at).Seconds()) + keepSecond*lived.Seconds()
		}
	}
	return sum
}

// TestSpentIsABound: however much goes wrong, whenever the machine dies, and however long
// nobody goes on, what is saved and told is never below what is charged, and what is charged
// never above the limit.
func TestSpentIsABound(t *testing.T) {
	points := 25
	if race.Enabled || testing.Short() {
		points = 5 // all of them: make exhaust
	}
	limits := 0
	for seed := range uint64(points) {
		draw := rand.New(rand.NewPCG(seed, 11))
		w := newWorld(t, ecitest.Options{Seed: seed, Faults: faults(
			ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultLost, Fraction: 0.1},
			ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultLate, Nth: 3 + draw.IntN(9)},
			ecitest.Fault{Action: "CreateImageCache", Kind: []string{ecitest.FaultLost, ecitest.FaultLate}[draw.IntN(2)], Nth: 1 + draw.IntN(5)},
			ecitest.Fault{Action: "DeleteContainerGroup", Kind: ecitest.FaultError, Fraction: 0.2 * draw.Float64()},
			ecitest.Fault{Action: "DeleteImageCache", Kind: ecitest.FaultError, Status: 400, Code: "ImageCache.IncorrectStatus", Fraction: 0.3},
			ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultStuck, Fraction: 0.1},
			ecitest.Fault{Kind: ecitest.FaultThrottle, Fraction: 0.2 * draw.Float64()},
		)})
		// What is reserved of caches would hide what is not of groups.
		exp := web([][]string{{ArmCold}, {ArmCold, ArmAutomatic, ArmExplicit, ArmFlash}}[seed%2]...)
		exp.MakeRepeats, exp.CacheTimeout, exp.Concurrency = 2, 20*time.Minute, 1+draw.IntN(4)
		b := &bill{w.server, map[string]time.Time{}, map[string]bool{}}
		limit := cost.International().Money(0.05 + 0.4*draw.Float64())
		w.opt.MaxCost, w.opt.MaxDuration = &limit, 4*time.Hour
		sleep := func(ctx context.Context, d time.Duration) error {
			before := w.server.Now()
			err := w.sleep(ctx, d)
			b.see(before)
			return err
		}
		covered := func(when string, exposed bool) {
			spent, ok := SpentOf(w.saved)
			if charged := b.charged(exp.withDefaults().deadline(), exposed); w.saved != nil && (!ok || spent.Amount < charged) {
				t.Errorf("seed %d, %s: %v are saved to be spent, %.6f are charged", seed, when, spent, charged)
			}
		}
		ctx, die := context.WithCancel(t.Context())
		m := &mortal{dies: 1 + draw.IntN(250), after: draw.IntN(2) == 0, die: die}
		w.retry, w.opt.hook, w.opt.Sleep = eci.Retry{Attempts: 1 + draw.IntN(3)}, m.write, sleep
		w.transport = through(func(r *http.Request, action string, _ func() (*http.Response, error)) (*http.Response, error) {
			answer, err := m.RoundTrip(r)
			if strings.HasPrefix(action, "Create") {
				covered("once it was made", true)
			}
			return answer, err
		})
		w.opt.Save = func(timeline *simulate.Timeline) error {
			if err := m.write(); err != nil {
				return err
			}
			covered("before a saving", false)
			return w.save(timeline)
		}
		_, err := Run(ctx, w.client(), exp, w.opt)
		die()
		if errors.Is(err, errDead) || m.acts >= m.dies {
			covered("killed", true)
		}
		for range draw.IntN(3) * 120 {
			before := w.server.Now()
			w.server.Advance(30 * time.Second)
			b.see(before)
		}
		w.transport, w.opt.hook, w.opt.Save, w.opt.Resume = nil, nil, w.save, w.saved
		// Some go on after weeks, some of them when somebody has cleaned up.
		idle := draw.IntN(3)
		if idle > 0 {
			w.server.Advance(time.Duration(1+draw.IntN(30)) * day)
			b.see(w.server.Now())
		}
		if idle > 1 {
			CleanUp(t.Context(), w.client(), CleanUpOptions{JournalDir: w.opt.JournalDir, Now: w.opt.Now, Sleep: sleep}) // as far as it can
			w.server.Advance(time.Duration(draw.IntN(30)) * day)
			b.see(w.server.Now())
		}
		most := limit.Amount
		if idle > 0 && w.saved != nil { // what is kept for weeks no limit holds; but not a start is made beyond it
			most = max(most, b.charged(exp.withDefaults().deadline(), false)+keepSecond*4*3600)
		}
		var told cost.Money
		w.opt.Spent = func(spent cost.Money) { told = spent }
		_, err = w.run(exp)
		charged := b.charged(exp.withDefaults().deadline(), false)
		if told.Amount < charged || charged > most {
			t.Errorf("seed %d: %v are told to be spent of %v, %.6f are charged, want %.6f at most; %v", seed, told, limit, charged, most, err)
		}
		if errors.Is(err, ErrMaxCost) {
			limits++
		}
		w.server.Close()
		if t.Failed() {
			t.Fatalf("seed %d: died at act %d (after %v)", seed, m.dies, m.after)
		}
	}
	if !race.Enabled && !testing.Short() && (limits == 0 || limits == points) {
		t.Errorf("%d of %d runs came to the limit", limits, points)
	}
}
