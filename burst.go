package cachebench

import (
	"cmp"
	"fmt"
	"iter"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/workload"
)

// StartBurst is a number of starts of one app that are simulated in place of the
// window's.
type StartBurst struct {
	// App is an app of the workload. It may be empty where there is only one, or
	// where no workload is given but images: then they are the app's.
	App string `json:"app,omitempty"`
	// Count is the number of starts.
	Count int `json:"count" document:"required"`
	// At is when the first is requested, since the window's beginning.
	At time.Duration `json:"atSeconds,omitempty"`
	// Within is the time over which they are spread evenly; 0 is all at once.
	Within time.Duration `json:"withinSeconds,omitempty"`
}

// ParseBurst reads a burst as people type it: COUNT or APP=COUNT, then perhaps
// @TIME, when it begins, and "over TIME", with times as in files:
//
//	web=1000
//	web=1000@30s over 10s
func ParseBurst(text string) (StartBurst, error) {
	wrong := func(what string) (StartBurst, error) {
		return StartBurst{}, fmt.Errorf("burst %q: %s: write it as APP=1000 or 'APP=1000@30s over 10s'", text, what)
	}
	var b StartBurst
	var err error
	rest := text
	// An app's name may hold anything, what comes after it no =.
	if i := strings.LastIndex(rest, "="); i >= 0 {
		b.App, rest = strings.TrimSpace(rest[:i]), rest[i+1:]
		if b.App == "" {
			return wrong("it names no app")
		}
	}
	rest, over, spread := strings.Cut(rest, " over ")
	if spread {
		if b.Within, err = document.ParseTime(strings.TrimSpace(over)); err != nil {
			return wrong(err.Error())
		}
	}
	count, at, later := strings.Cut(rest, "@")
	if later {
		if b.At, err = document.ParseTime(strings.TrimSpace(at)); err != nil {
			return wrong(err.Error())
		}
	}
	if b.Count, err = strconv.Atoi(strings.TrimSpace(count)); err != nil {
		return wrong(fmt.Sprintf("%q is no number of starts", count))
	}
	if err := b.validate(0); err != nil {
		return wrong(err.Error())
	}
	return b, nil
}

func (b *StartBurst) validate(windowStart time.Duration) error {
	switch {
	case b.Count < 1 || b.Count > MaxStartups:
		return document.At("count", "a burst of %d starts cannot be simulated: give 1 to %d", b.Count, MaxStartups)
	case b.At < 0 || b.Within < 0:
		return document.At("atSeconds", "a burst's times cannot be negative (at %v, over %v)", b.At, b.Within)
	case max(b.At, b.Within) > workload.Month || windowStart+b.At+b.Within > workload.Month:
		return document.At("atSeconds", "a burst at %v over %v ends after the month of 30 days", b.At, b.Within)
	}
	return nil
}

// aimBursts finds the app of bursts that name none, and refuses those of an app
// that there is not.
func (s *Scenario) aimBursts() error {
	if len(s.Bursts) == 0 {
		return nil
	}
	if s.Trace != nil {
		return fmt.Errorf("a burst is of an app, and a trace has its own starts: give a workload of apps or images")
	}
	if s.Workload == nil {
		if len(s.Images) == 0 {
			return nil // what is done without a workload is said elsewhere
		}
		s.Workload, s.ofImages = &workload.Workload{Apps: []workload.App{{Name: s.imagesApp(), Images: s.Images}}}, true
	}
	s.Bursts = slices.Clone(s.Bursts)
	all := 0
	for _, b := range s.Bursts {
		if all += b.Count; all > MaxStartups {
			return fmt.Errorf("%w: the bursts have more than %d starts", ErrTooMuch, MaxStartups)
		}
	}
	var names []string
	for i := range s.Workload.Apps {
		names = append(names, s.Workload.Apps[i].Name)
	}
	if len(names) == 0 && len(s.Bursts) > 0 {
		return fmt.Errorf("a burst of %d starts needs an app, and the workload has none: give it some under apps", s.Bursts[0].Count)
	}
	for i := range s.Bursts {
		b := &s.Bursts[i]
		if b.App == "" && len(names) == 1 {
			b.App = names[0]
		}
		if b.App == "" {
			return fmt.Errorf("a burst of %d starts: of which app? write APP=%d (of capacity: --app APP); the workload has %s", b.Count, b.Count, someOf(names))
		}
		if !slices.Contains(names, b.App) {
			return fmt.Errorf("a burst of app %s: the workload has no such app; it has %s", b.App, someOf(names))
		}
	}
	return nil
}

// imagesApp is what the app of the images given is called: as the bursts say, else
// after the first image's repository.
func (s *Scenario) imagesApp() string {
	for _, b := range s.Bursts {
		if b.App != "" {
			return b.App
		}
	}
	if n, err := layers.ParseName(s.Images[0]); err == nil {
		return path.Base(n.Repository)
	}
	return s.Images[0]
}

// someOf lists the first of many names.
func someOf(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
}

// burstEvents are the starts of the bursts of apps that are wanted, in order of time.
func (s *Scenario) burstEvents(j *Job, want func(*workload.App) bool) []workload.Event {
	var bursts []workload.Event
	for _, b := range s.Bursts {
		if app := j.appOf(b.App); app >= 0 && want(&j.Workload.Apps[app]) {
			bursts = append(bursts, b.events(app, s.WindowStart)...)
		}
	}
	slices.SortStableFunc(bursts, func(x, y workload.Event) int { return cmp.Compare(x.At, y.At) })
	return bursts
}

// simulated are the events that Simulate plays, of the apps that are wanted: the
// month's; where bursts are given, those in place of the starts from the window's
// beginning on.
func (j *Job) simulated(want func(*workload.App) bool) iter.Seq[workload.Event] {
	s := j.Scenario
	month := j.events(want)
	if len(s.Bursts) == 0 {
		return month
	}
	bursts := s.burstEvents(j, want)
	return among(func(yield func(workload.Event) bool) {
		for e := range month {
			if (e.Release || e.At < s.WindowStart) && !yield(e) {
				return
			}
		}
	}, bursts)
}

// among are events with others among them, both in order of time; of equal times the others
// come second.
func among(events iter.Seq[workload.Event], others []workload.Event) iter.Seq[workload.Event] {
	return func(yield func(workload.Event) bool) {
		rest := others
		for e := range events {
			for ; len(rest) > 0 && rest[0].At < e.At; rest = rest[1:] {
				if !yield(rest[0]) {
					return
				}
			}
			if !yield(e) {
				return
			}
		}
		for _, e := range rest {
			if !yield(e) {
				return
			}
		}
	}
}

// aimed refuses a burst of an app whose images are not all known.
func (j *Job) aimed() error {
	for _, b := range j.Scenario.Bursts {
		for _, out := range j.Coverage.LeftOut {
			if out.App == b.App {
				return fmt.Errorf("a burst of app %s cannot be simulated: %s", b.App, out.Reason)
			}
		}
	}
	return nil
}

// appOf is an app's place among those that are covered, or -1.
func (j *Job) appOf(name string) int {
	return slices.IndexFunc(j.Workload.Apps, func(a workload.App) bool { return a.Name == name })
}

func (b *StartBurst) events(app int, from time.Duration) []workload.Event {
	events := make([]workload.Event, b.Count)
	for i := range events {
		events[i] = workload.Event{At: from + b.At, App: app}
		if gaps := time.Duration(b.Count - 1); gaps > 0 {
			// Within * i / gaps, which would overflow.
			events[i].At += b.Within/gaps*time.Duration(i) + b.Within%gaps*time.Duration(i)/gaps
		}
	}
	return events
}

// burstWindow lasts just past the last burst.
func (s *Scenario) burstWindow() time.Duration {
	var last time.Duration
	for _, b := range s.Bursts {
		last = max(last, b.At+b.Within)
	}
	return last + 1
}

func burstAssumption(s *Scenario) string {
	text := fmt.Sprintf("In place of the month's starts, from %s after its beginning: %s. Until then caches are as the workload's starts leave them.", span(s.WindowStart), burstWords(s))
	if n := len(s.Images); n > 1 && s.ofImages {
		text += fmt.Sprintf(" The %d images are containers of one app: each start needs them all.", n)
	}
	return text
}

// madeUp says which starts are simulated in place of the workload's; empty where none are.
func (s *Scenario) madeUp() string {
	switch len(s.Bursts) {
	case 0:
		return ""
	case 1:
		return "a burst of " + burstsOf(s, " starts")
	}
	return "bursts of " + burstsOf(s, " starts")
}

// burstWords list the bursts as a sentence has them.
func burstWords(s *Scenario) string { return burstsOf(s, "") }

// burstsOf has a noun after each number.
func burstsOf(s *Scenario, noun string) string {
	var words []string
	for _, b := range s.Bursts {
		text := fmt.Sprintf("%d%s of %s", b.Count, noun, b.App)
		if b.At > 0 {
			text += " after " + b.At.String()
		}
		if b.Within > 0 {
			text += " over " + b.Within.String()
		}
		words = append(words, text)
	}
	return strings.Join(words, ", ")
}
