package lab

import "time"

// coarse is how late a timer of the runtime can be: while a process has nothing to
// do, it waits in whole milliseconds.
const coarse = 1500 * time.Microsecond

// sleepUntil waits for a time, to a tenth of a millisecond where the system can; it
// returns early, with false, when done is closed.
func sleepUntil(t time.Time, done <-chan struct{}) bool {
	if rest := time.Until(t); rest > coarse {
		timer := time.NewTimer(rest - coarse)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-done:
			return false
		}
	}
	if rest := time.Until(t); rest > 0 {
		nap(rest)
	}
	select {
	case <-done:
		return false
	default:
		return true
	}
}
