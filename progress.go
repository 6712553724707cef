package cachebench

import "sync"

// told returns what tells Progress how far the simulation of an arm is, by the
// percentage of all its starts; nil where nobody listens. It may be called from
// several goroutines at once.
func (s *Scenario) told(what string, starts int) func(ready int) {
	if s.Progress == nil || starts == 0 {
		return nil
	}
	var lock sync.Mutex
	all, done, shown := starts*max(1, s.Repeats), 0, 0
	return func(ready int) {
		lock.Lock()
		defer lock.Unlock()
		done += ready
		if percent := int(100 * int64(done) / int64(all)); percent > shown {
			shown = percent
			s.progress("simulating %s: %d %% of %d starts", what, percent, all)
		}
	}
}
