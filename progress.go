package cachebench

import (
	"fmt"
	"sync"
)

// armProgress tells Progress how much of an arm's simulation is done. It may be used
// by several goroutines at once.
type armProgress struct {
	scenario *Scenario
	arm      string
	repeats  int

	lock  sync.Mutex
	done  float64 // repeats
	shown int
}

func (s *Scenario) armProgress(arm string) *armProgress {
	return &armProgress{scenario: s, arm: arm, repeats: max(1, s.Repeats)}
}

// of returns what takes the starts that are ready in repeats of so many starts each;
// nil where nobody listens, or their number is not known.
func (p *armProgress) of(starts int) func(ready int) {
	if p.scenario.Progress == nil || starts == 0 {
		return nil
	}
	whole := fmt.Sprintf("%d starts", starts)
	if p.repeats > 1 {
		whole = fmt.Sprintf("%d repeats", p.repeats)
	}
	return func(ready int) {
		p.lock.Lock()
		defer p.lock.Unlock()
		const noise = 1e-9
		p.done += float64(ready) / float64(starts)
		if percent := int(100*p.done/float64(p.repeats) + noise); percent > p.shown {
			p.shown = percent
			p.scenario.progress("simulating arm %s: %d %% of %s", p.arm, percent, whole)
		}
	}
}
