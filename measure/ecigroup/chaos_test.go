package ecigroup

import (
	"math/rand/v2"
	"testing"

	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/internal/race"
)

// TestChaos lets much go wrong at once, at random. However a run ends, nothing is left;
// and once all is well again it is gone on with to the end, each start counted once.
func TestChaos(t *testing.T) {
	seeds := 40
	if race.Enabled || testing.Short() {
		seeds = 5 // all of them: make exhaust
	}
	kinds := []string{
		ecitest.FaultThrottle, ecitest.FaultError, ecitest.FaultLost, ecitest.FaultUnreached, ecitest.FaultTruncated,
		ecitest.FaultGarbage, ecitest.FaultEventsMissing, ecitest.FaultEventsShuffled,
	}
	made := []string{ecitest.FaultFailed, ecitest.FaultStuck, ecitest.FaultScheduleFailed, ecitest.FaultNoStock}
	ended := 0
	for seed := range uint64(seeds) {
		draw := rand.New(rand.NewPCG(seed, 77))
		var rules []ecitest.Fault
		for _, kind := range kinds {
			rules = append(rules, ecitest.Fault{Kind: kind, Fraction: 0.15 * draw.Float64()})
		}
		rules = append(rules, ecitest.Fault{Action: "CreateContainerGroup", Kind: made[draw.IntN(len(made))], Nth: 1 + draw.IntN(40)})
		w := newWorld(t, ecitest.Options{Seed: seed, LowerCamelEvents: seed%2 == 0, Faults: faults(rules...)})
		exp := web(ArmCold, ArmAutomatic, ArmExplicit, ArmReuse)
		exp.Repeats, exp.Concurrency = 3, 1+draw.IntN(6)
		_, err := w.run(exp)
		if err == nil {
			ended++
		}
		w.server.ClearFaults()
		listed(t, w.server, err)
		w.cleanUp() // of what could not be deleted then
		w.leaves()
		w.opt.Resume = w.saved
		timeline, again := w.run(exp)
		if again != nil {
			t.Errorf("seed %d: %v, then %v", seed, err, again)
		} else {
			complete(t, exp, timeline)
		}
		w.leaves()
		w.server.Close()
		if t.Failed() {
			t.Fatalf("seed %d, the first run ended with: %v", seed, err)
		}
	}
	t.Logf("%d of %d runs ended well while much went wrong", ended, seeds)
}
