package cachebench

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// ErrTrace is wrapped when a trace does not tell enough for what is asked of it.
var ErrTrace = errors.New("the trace does not tell enough")

// Assumed is what every start of a trace is taken to be where neither the trace nor a
// Workload beside it says it.
type Assumed struct {
	// Runtime is how long one start runs, from ready to its end.
	Runtime time.Duration `json:"runtimeSeconds,omitempty"`
	// CPU is the number of vCPUs of one instance, MemoryGiB its memory.
	CPU       float64 `json:"cpu,omitempty"`
	MemoryGiB float64 `json:"memoryGiB,omitempty"`
}

// recording is a trace as a Job takes it: what is replayed in place of a month that is
// drawn from rates. Times are since its beginning.
type recording struct {
	// span is how long was recorded.
	span time.Duration
	// starts are those on instances of their own, in order of time.
	starts []workload.Event
	// releases are those that a Workload beside the trace tells, from a span before its
	// beginning on.
	releases []workload.Event
	// names are what the trace calls each app of the Job.
	names []string
	// unknownRuntime and unknownSize are apps of which nothing says what money depends on.
	unknownRuntime, unknownSize nameList
	// said is what the recording is, notes are reasons to doubt it; one sentence each.
	said, notes []string
	// onNodes and onInstances are all starts of the trace, those with unknown images among
	// them.
	onNodes, onInstances int
}

// shortestTrace is the least from which a month is told; shortTrace does not show how the
// days of a week differ.
const (
	shortestTrace = time.Hour
	shortTrace    = 7 * 24 * time.Hour
)

// recorded is when the trace begins, in its own times, and how long it lasts: as given, else
// from its first start to its last, and that too.
func (s *Scenario) recorded() (begin, span time.Duration, err error) {
	starts := s.Trace.Starts
	first, last := starts[0].At, starts[len(starts)-1].At
	byTime := func(a, b workload.TraceStart) int { return cmp.Compare(a.At, b.At) }
	switch {
	case !slices.IsSortedFunc(starts, byTime):
		return 0, 0, fmt.Errorf("%w: its starts are not in order of time: sort them", ErrTrace)
	case s.TraceSpan > 0 && last >= s.TraceSpan:
		return 0, 0, fmt.Errorf("%w: its last start comes after %s, and it is said to last %s (traceSpanSeconds, --trace-span): give more", ErrTrace, document.FormatTime(last), document.FormatTime(s.TraceSpan))
	case s.TraceSpan > 0:
		begin, span = 0, s.TraceSpan
	case first == last:
		return 0, 0, fmt.Errorf("%w: all its starts are at one time, which is no rate: say how long was recorded (traceSpanSeconds, --trace-span), or give a longer trace", ErrTrace)
	default:
		begin, span = first, last-first+1
	}
	if span < shortestTrace {
		return 0, 0, fmt.Errorf("%w: it covers %s, from which no month can be told: give at least %s, or say how long was recorded (traceSpanSeconds, --trace-span)", ErrTrace, document.FormatTime(span), document.FormatTime(shortestTrace))
	}
	return begin, span, nil
}

// addReleases draws the releases of the apps that a Workload beside the trace knows, over
// the span and one before it.
func (r *recording) addReleases(s *Scenario) error {
	if s.Workload == nil {
		return nil
	}
	w := workload.Workload{Apps: slices.Clone(s.Workload.Apps)}
	places := make(map[string][]int)
	for i, name := range r.names {
		places[name] = append(places[name], i)
	}
	spans := 2 * float64(r.span) / float64(workload.Month)
	drawn, starts := 0.0, 0.0
	for i := range w.Apps {
		a := &w.Apps[i]
		a.Bursts = nil
		if len(places[a.Name]) == 0 {
			a.ReleasesPerMonth = 0
		}
		drawn += a.ReleasesPerMonth * float64(max(1, len(places[a.Name]))) * spans
		if a.ReleasesPerMonth > 0 {
			starts += a.StartsPerMonth() * spans
		}
	}
	if drawn > MaxTraceStarts {
		return fmt.Errorf("%w: the workload beside the trace has %.3g releases in %s: at most %d are replayed one by one", ErrTooMuch, drawn, document.FormatTime(2*r.span), MaxTraceStarts)
	}
	// The times of releases are drawn after those of the starts. Unless that takes long, they
	// are those of a month drawn from the same Workload.
	for i := range w.Apps {
		if starts > MaxTraceStarts {
			w.Apps[i].StartsPerDay = 0
		}
	}
	for e := range w.EventsOf(cmp.Or(s.Seed, 1), -r.span, r.span, func(a *workload.App) bool { return a.ReleasesPerMonth > 0 }) {
		if !e.Release {
			continue
		}
		for _, app := range places[w.Apps[e.App].Name] {
			r.releases = append(r.releases, workload.Event{At: e.At, App: app, Release: true})
		}
	}
	return nil
}

// events are what is replayed by one who knows the recording up to a time: all of it, and
// ahead of it that part once more, so that automatic caches are as in the long run.
func (r *recording) events(known time.Duration) []workload.Event {
	n := r.before(known)
	all := make([]workload.Event, 0, n+len(r.starts)+len(r.releases))
	for _, e := range r.starts[:n] {
		e.At -= known
		all = append(all, e)
	}
	all = append(all, r.starts...)
	for _, e := range r.releases {
		if e.At >= -known {
			all = append(all, e)
		}
	}
	if len(all) > n+len(r.starts) {
		slices.SortStableFunc(all, func(a, b workload.Event) int { return cmp.Compare(a.At, b.At) })
	}
	return all
}

// before is how many starts come before a time.
func (r *recording) before(at time.Duration) int {
	n, _ := slices.BinarySearchFunc(r.starts, at, func(e workload.Event, at time.Duration) int { return cmp.Compare(e.At, at) })
	return n
}

// horizon is the end of what is replayed: of the month, or of the recording.
func (j *Job) horizon() time.Duration {
	if j.recording != nil {
		return j.recording.span
	}
	return workload.Month
}

// lead is how long what is replayed ahead of it lasts.
func (j *Job) lead() time.Duration {
	if j.recording != nil {
		return j.recording.span
	}
	return warmUp
}

// own are the events of apps on instances of their own, those ahead of the month or the
// recording among them.
//
// Where they are too many to be kept they are drawn anew each time.
func (j *Job) own() iter.Seq[workload.Event] {
	switch {
	case j.month != nil:
	case j.recording != nil:
		j.month = j.recording.events(j.recording.span)
	case eventsPerMonth(&j.Workload, isOwn) > keptEvents:
		return j.events(isOwn)
	default:
		j.month = slices.Collect(j.events(isOwn))
	}
	return slices.Values(j.month)
}

// keptEvents is how many events of a month are kept, those ahead of it besides, at 24 bytes
// each.
var keptEvents = 2_000_000.

// eventsPerMonth is how many starts and releases the apps that are wanted have in the mean.
func eventsPerMonth(w *workload.Workload, want func(*workload.App) bool) float64 {
	var all float64
	for i := range w.Apps {
		if want(&w.Apps[i]) {
			all += w.Apps[i].StartsPerMonth() + w.Apps[i].ReleasesPerMonth
		}
	}
	return all
}

// of is what is replayed, to a reader.
func (j *Job) of() string {
	if j.recording != nil {
		return "trace"
	}
	return "month"
}

// plannable says what a plan on the recording needs and nothing tells.
func (j *Job) plannable() error {
	r := j.recording
	if r == nil {
		return nil
	}
	if names := r.unknownRuntime.names; len(names) > 0 {
		return unpriced("how long starts run", names, "column runtime_seconds of the trace, runtimeSeconds in a Workload of these apps beside it (--trace with --workload), or --assume-runtime (assume.runtimeSeconds) for all of them")
	}
	if names := r.unknownSize.names; len(names) > 0 {
		return unpriced("how many vCPUs and how much memory instances have", names, "cpu and memoryGiB in a Workload of these apps beside the trace (--trace with --workload), or --assume-cpu and --assume-memory-gib (assume) for all of them")
	}
	return j.holdable()
}

func unpriced(what string, names []string, give string) error {
	return fmt.Errorf("%w: what a plan costs depends on %s, and that is not known of %s: give %s", ErrTrace, what, few(names), give)
}

// recordedSpan tells a plan's reader what it was made from.
func (j *Job) recordedSpan() *plan.Recorded {
	r := j.recording
	return &plan.Recorded{Span: r.span, Starts: len(r.starts), StartsOnNodes: r.onNodes, Notes: r.notes}
}
