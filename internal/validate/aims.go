package main

import (
	"fmt"

	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

// goal is an aim of the project for a class of arms that a trial predicts.
type goal struct {
	trial, class, what string
	// mean and worst are the most that the absolute error may be, over all arms and of
	// one; a worst of 0 sets no bound. A mean of 0 is no aim: the error is only shown.
	mean, worst float64
}

func goals() []goal {
	var list []goal
	for _, trial := range []string{trialHalf, trialCold, trialImages} {
		list = append(list,
			goal{trial, calibrate.ClassShaped, "one pull behind a shaped link", 0.08, 0.25},
			goal{trial, calibrate.ClassTogether, "several pulls on one node, until the last", 0.10, 0},
			goal{trial, calibrate.ClassNodes, "several nodes on one link, until the last", 0.15, 0},
			goal{trial, calibrate.ClassUnshaped, "one pull, link not shaped", 0.20, 0},
			goal{trial, calibrate.ClassPresent, "a start with nothing to pull", 0, 0},
		)
	}
	return append(list,
		goal{trialDisk, calibrate.ClassShaped, "on a disk: one pull behind a shaped link", 0.20, 0},
		goal{trialDisk, calibrate.ClassUnshaped, "on a disk: one pull, link not shaped", 0.20, 0},
	)
}

// enoughRuns of an arm make a median that is judged.
const enoughRuns = measure.DefaultRepeats

// verdict is what there is to judge a goal by.
type verdict struct {
	goal
	// held is the error of what was predicted; noise, bytes and sum are of the same
	// arms. Each is nil where it is not known.
	held, noise, bytes, sum *calibrate.Score
	// runs is how many the arm with fewest has.
	runs int
}

func (r *results) verdict(g goal) *verdict {
	v := &verdict{goal: g}
	t := r.trial(g.trial)
	s := t.of(g.class)
	if s == nil {
		return v
	}
	v.held, v.noise = s.Of(calibrate.ByHeldOut), s.Of(calibrate.Noise)
	v.bytes, v.sum = s.Of(calibrate.ByBytes), s.Of(calibrate.BySum)
	for i, c := range t.predicted(g.class) {
		if i == 0 || c.Runs < v.runs {
			v.runs = c.Runs
		}
	}
	return v
}

// state is how an aim came out.
type state int

const (
	noAim state = iota
	notJudged
	missed
	met
)

// state says whether the aim is met, and where it is not, why.
func (v *verdict) state() (state, string) {
	switch h := v.held; {
	case v.mean == 0:
		return noAim, ""
	case h == nil:
		return notJudged, "not measured"
	case v.runs < enoughRuns:
		return notJudged, fmt.Sprintf("an arm has %s, %d are asked", several(v.runs, "run"), enoughRuns)
	case h.Mean > v.mean:
		return missed, "the mean is above the aim"
	case v.worst > 0 && h.Worst > v.worst:
		return missed, "the worst is above the aim"
	case nearer(v.bytes, h):
		return missed, v.nearerWords(calibrate.ByBytes)
	case nearer(v.sum, h):
		return missed, v.nearerWords(calibrate.BySum)
	}
	return met, ""
}

// nearerWords say that a naive prediction is not beaten; where the error is no more than
// the noise floor, nothing tells which of the two is better.
func (v *verdict) nearerWords(by string) string {
	if v.noise != nil && v.held.Mean <= v.noise.Mean {
		return by + " is nearer, both within the noise floor"
	}
	return by + " is nearer"
}

// nearer says whether a naive prediction is not beaten.
func nearer(naive, held *calibrate.Score) bool { return naive != nil && naive.Mean <= held.Mean }

// outcome is a row of the table of aims.
type outcome struct {
	what  string
	state state
	why   string
	cells []string
}

// word is what the last column says.
func (o *outcome) word() string {
	switch o.state {
	case met:
		return "yes"
	case missed:
		return "**no**: " + o.why
	case notJudged:
		return "not judged: " + o.why
	}
	return "no aim"
}

// outcomes are those of all aims, in the order of the table.
func (r *results) outcomes() []outcome {
	var list []outcome
	for _, g := range goals() {
		list = append(list, r.verdict(g).outcome(r.trial(g.trial).fittedTo))
	}
	return append(list, pullOutcome(comparePulls(r.pullers)))
}

func (v *verdict) outcome(fittedTo string) outcome {
	o := outcome{what: v.what + ", fitted to " + fittedTo}
	o.state, o.why = v.state()
	if v.held == nil {
		o.cells = []string{v.what, fittedTo, v.aim(), unknown, unknown, unknown, unknown, unknown, unknown, unknown}
		return o
	}
	o.cells = []string{
		v.what, fittedTo, v.aim(), fmt.Sprint(v.held.Count), percent(v.held.Mean), percent(v.held.Worst), signed(v.held.Bias),
		meanOf(v.noise), v.beaten(v.bytes), v.beaten(v.sum),
	}
	return o
}

func (v *verdict) aim() string {
	switch {
	case v.mean == 0:
		return unknown
	case v.worst > 0:
		return fmt.Sprintf("%.0f %%, worst %.0f %%", 100*v.mean, 100*v.worst)
	}
	return fmt.Sprintf("%.0f %%", 100*v.mean)
}

func meanOf(s *calibrate.Score) string {
	if s == nil {
		return unknown
	}
	return percent(s.Mean)
}

// beaten is a naive prediction's error, and whether it is the larger one.
func (v *verdict) beaten(naive *calibrate.Score) string {
	switch {
	case naive == nil:
		return unknown
	case nearer(naive, v.held):
		return percent(naive.Mean) + ", **nearer**"
	}
	return percent(naive.Mean) + ", beaten"
}

func (d *page) aims(list []outcome) {
	d.heading("## The aims")
	rows := make([][]string, len(list))
	for i := range list {
		rows[i] = append(append([]string{}, list[i].cells...), list[i].word())
	}
	d.table("predicted|fitted to|aim, mean|>arms|>mean|>worst|>bias|>noise floor|>bytes / bandwidth|>fetch + unpack|met", rows)
	d.text("Errors are predicted over measured, less 1, of an arm's median time from the request until the last start is ready, and only of arms that the fit did not know. *Mean* and *worst* are of absolute errors, *bias* is the mean with its sign: below 0 predictions are too short. The *noise floor* is about how far the medians themselves would move if the same runs were made again: a prediction that is nearer than that is so by chance. One image of several that are pulled at once is never judged, nor one node of several: which is first is the runtime's own chance.")
	d.text("The two naive predictions of an arm use the values of the same fit as the prediction beside them: compressed bytes over the rate of the links; and that plus the time to unpack, one after the other. Both have creation and readiness added. An aim is met when the mean is not above it, nor the worst where that has a bound; when both naive predictions are further off; and when each arm has at least %d runs.", enoughRuns)
}
