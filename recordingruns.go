package cachebench

import (
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/workload"
)

// runTimes are those that the lines of an app give.
type runTimes struct {
	// sum is in seconds, which do not overflow.
	sum           float64
	starts, given int
}

func (r *runTimes) add(line *workload.TraceStart) {
	if r.starts += line.Count; line.Runtime != nil {
		r.sum += line.Runtime.Seconds() * float64(line.Count)
		r.given += line.Count
	}
}

// mean is that of all starts, of which those that give none run for a time.
func (r *runTimes) mean(untold time.Duration) time.Duration {
	sum := r.sum + untold.Seconds()*float64(r.starts-r.given)
	return time.Duration(sum / float64(r.starts) * float64(time.Second))
}

// fillRuntime gives an app the mean run time of its starts: of those whose lines tell none,
// that of the workload, else the assumed one, else that of the lines that do.
func (j *Job) fillRuntime(a *workload.App, runs *runTimes, beside bool, untold *untoldRuns) {
	assumed := j.Scenario.Assume.Runtime
	switch {
	case runs.given == runs.starts:
		a.Runtime = runs.mean(0)
	case beside:
		if runs.given > 0 {
			untold.beside.add(a.Name, runs)
		}
		a.Runtime = runs.mean(a.Runtime)
	case assumed > 0:
		if runs.given > 0 {
			untold.assumed.add(a.Name, runs)
		} else {
			untold.all.add(a.Name)
		}
		a.Runtime = runs.mean(assumed)
	case runs.given > 0:
		untold.likeOthers.add(a.Name, runs)
		a.Runtime = time.Duration(runs.sum / float64(runs.given) * float64(time.Second))
	default:
		j.recording.unknownRuntime.add(a.Name)
	}
}

// untoldRuns are the starts whose lines tell no run time, by where theirs is taken from.
type untoldRuns struct {
	// all are apps of which no line tells one.
	all nameList
	// beside is the Workload, likeOthers the other starts of the app.
	beside, assumed, likeOthers untoldStarts
}

// untoldStarts are some of the starts of apps.
type untoldStarts struct {
	apps        nameList
	untold, all int
}

func (u *untoldStarts) add(app string, runs *runTimes) {
	u.apps.add(app)
	u.untold += runs.starts - runs.given
	u.all += runs.starts
}

// tell notes what is not the trace's own.
func (u *untoldRuns) tell(r *recording, assumed time.Duration) {
	if names := u.all.names; len(names) > 0 {
		r.note("Assumed, for nothing tells it: starts of %s run for %s (--assume-runtime).", few(names), document.FormatTime(assumed))
	}
	some := func(s *untoldStarts, so string) {
		if s.untold > 0 {
			r.note("%d of %d starts of %s have no run time in the trace: %s", s.untold, s.all, few(s.apps.names), so)
		}
	}
	some(&u.beside, "they are taken to run as long as the workload says of their app (runtimeSeconds), the others as long as the trace says.")
	some(&u.assumed, "they are assumed to run for "+document.FormatTime(assumed)+" (--assume-runtime), the others for as long as the trace says.")
	some(&u.likeOthers, "they are taken to run as long as the others of their app do in the mean. Give --assume-runtime, or runtimeSeconds in a Workload beside the trace, where that is wrong.")
}
