package measure

import (
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/simulate"
)

// conclude works out what there is to doubt, from all runs until now.
func (s *session) conclude() {
	s.t.Doubts = slices.Concat(s.incomplete(), s.uncounted(), s.idleKeeps(), s.unnoted(), delayDoubts(s.arms),
		noiseDoubts(s.t.Measurement.Runs, s.opt.MaxOtherCPUFraction))
	if n := unchecked(s.t.Measurement.Inventory); n > 0 {
		s.t.Doubts = append(s.t.Doubts, fmt.Sprintf("the unpacked sizes of %d layers were not measured: what was unpacked of them is no evidence of what was reused", n))
	}
}

func (s *session) incomplete() []string {
	if ended, total := s.ended(), s.total(); ended < total {
		return []string{fmt.Sprintf("%d of the experiment's %d runs count, the others were void or not made", ended, total)}
	}
	return nil
}

// uncounted tells of arms without a run that counts and of void runs.
func (s *session) uncounted() (doubts []string) {
	counted, void, last := map[string]int{}, map[string]int{}, map[string]string{}
	voids := 0
	for _, r := range s.t.Measurement.Runs {
		if r.Void == "" {
			counted[r.Arm]++
			continue
		}
		void[r.Arm]++
		last[r.Arm] = r.Void
		voids++
	}
	for _, a := range s.arms {
		if counted[a.Name] == 0 && void[a.Name] > 0 {
			doubts = append(doubts, fmt.Sprintf("arm %s has no run that counts: %d were void, the last because: %s", a.Name, void[a.Name], last[a.Name]))
		}
	}
	if voids > 0 {
		doubts = append(doubts, fmt.Sprintf("%d of %d runs are void and do not count; the list of runs says why", voids, len(s.t.Measurement.Runs)))
	}
	return doubts
}

// idleKeeps tells of arms that keep what their starts have no use for.
func (s *session) idleKeeps() (doubts []string) {
	for i := range s.arms {
		a := &s.arms[i]
		used := len(a.Keep) == 0
		for _, e := range s.evidence[i] {
			used = used || e.reused.least > 0
		}
		if used {
			continue
		}
		text := fmt.Sprintf("arm %s keeps images that share no unpacked layer with what it starts", a.Name)
		switch saved, known := s.savedByBlobs(i); {
		case saved > 0:
			text += fmt.Sprintf("; a runtime that keeps blobs need not fetch %d bytes of it", saved)
		case known:
			text += ": its starts are cold"
		}
		doubts = append(doubts, text)
	}
	return doubts
}

// savedByBlobs are the bytes that kept blobs alone may save an arm's starts; known
// says whether all sizes are.
func (s *session) savedByBlobs(arm int) (saved int64, known bool) {
	cold := evidenceOf(s.t.Measurement.Inventory, []Arm{{Starts: s.arms[arm].Starts}})[0]
	known = true
	for i, e := range s.evidence[arm] {
		known = known && e.fetch != anything
		saved += cold[i].fetch.least - e.fetch.least
	}
	return saved, known
}

// unnoted tells of a timeline that an earlier version began, which noted less.
func (s *session) unnoted() (doubts []string) {
	for _, name := range unnotedBefore {
		if !slices.ContainsFunc(s.t.Measurement.Facts, func(f simulate.Fact) bool { return f.Name == name }) {
			doubts = append(doubts, fmt.Sprintf("the first runs were made before cachebench noted the %s of an experiment: it is not known whether later ones have the same", name))
		}
	}
	return doubts
}

// delayDoubts tells what a link with a delay does not imitate (package lab).
func delayDoubts(arms []Arm) []string {
	if !slices.ContainsFunc(arms, func(a Arm) bool { return a.Link != nil && a.Link.Delay > 0 }) {
		return nil
	}
	return []string{"links with a delay have neither TCP's slow start over it nor losses: over a real line small layers come later"}
}

// noiseDoubts say how noisy the host was during the runs that count; more than most
// voids a run, 0 none.
func noiseDoubts(runs []simulate.MeasuredRun, most float64) []string {
	var others, steals []float64
	count := 0
	for _, r := range runs {
		if r.Void != "" {
			continue
		}
		count++
		if r.OtherCPUFraction != nil {
			others = append(others, *r.OtherCPUFraction)
		}
		if r.StealFraction != nil {
			steals = append(steals, *r.StealFraction)
		}
	}
	var doubts []string
	if missing := count - len(others); missing > 0 {
		text := fmt.Sprintf("of %d of %d runs it is not known how busy other processes kept the host: they were too short to tell, there is no /proc, or the runtime's own cannot be named", missing, count)
		if most > 0 {
			text += fmt.Sprintf("; they count though they could not be held to the limit of %s", percent(most))
		}
		doubts = append(doubts, text)
	}
	if len(others) > 0 {
		doubts = append(doubts, fmt.Sprintf("other processes used a median %s of the cores, at most %s", percent(median(others)), percent(slices.Max(others))))
	}
	if len(steals) > 0 && slices.Max(steals) > 0 {
		doubts = append(doubts, fmt.Sprintf("the hypervisor gave a median %s of the cores to others, at most %s", percent(median(steals)), percent(slices.Max(steals))))
	}
	return doubts
}

// percent has two digits: 0.34 %, 3.4 %, 34 %, and 100 %.
func percent(fraction float64) string {
	if fraction >= 0.0995 {
		return fmt.Sprintf("%.0f %%", 100*fraction)
	}
	return fmt.Sprintf("%.2g %%", 100*fraction)
}
