package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/simulate/calibrate"
)

// errors are those of every trial, by kind of arm; of one trial by phase and by image.
func (d *page) errors(r *results) {
	d.heading("## Errors by kind of arm")
	d.text("For each trial: *base* is the built-in profile, *fitted* the fitted one on what it was fitted to, *held-out* one that did not know the arm; *noise* is the floor.")
	for _, t := range r.trials {
		d.heading("### Trial " + t.name)
		d.text("%s %s, %s.", t.about, several(t.result.Arms, "arm"), several(t.result.Runs, "run"))
		d.scores("arms", t.result.Totals)
		d.list(t.result.Doubts)
	}
	half := r.trial(trialHalf).result
	d.heading("## Errors by phase and by image")
	d.text("Of single starts, in the trial *half*. A phase that is short has large relative errors of few milliseconds.")
	d.scores("phase", half.Phases)
	d.scores("image", half.Images, calibrate.ByHeldOut, calibrate.BySum, calibrate.Noise)
}

// scores is a table of what was predicted, in every way or in some; n is how many arms.
func (d *page) scores(what string, list []calibrate.Scored, ways ...string) {
	var rows [][]string
	for i := range list {
		for _, x := range list[i].Scores {
			if len(ways) > 0 && !slices.Contains(ways, x.By) {
				continue
			}
			bias := signed(x.Bias)
			if x.By == calibrate.Noise {
				bias = unknown // noise has none
			}
			rows = append(rows, []string{strings.TrimPrefix(list[i].What, host+"/"), x.By, fmt.Sprint(x.Count), percent(x.Mean), percent(x.Median), percent(x.P90), percent(x.Worst), bias, x.WorstArm})
		}
	}
	d.table(what+"|predicted by|>n|>mean|>median|>p90|>worst|>bias|the worst", rows)
}

// fitted are the values that were fitted.
func (d *page) fitted(r *results) {
	d.heading("## What was fitted")
	d.text("Values in brackets are not told by the runs, but go with the rest of the fit, where what the built-in profile has does not, or where the rest was found beside them. Intervals come of arms drawn one by one; those of one image are more alike than that, so that the intervals are rather too narrow.")
	for _, t := range []*trial{r.trial(trialHalf), r.trial(trialDisk)} {
		d.text("Trial *%s*, profile `testdata/validation/%s.json`:", t.name, t.name)
		var rows [][]string
		for i := range t.result.Parameters {
			rows = append(rows, parameterRow(&t.result.Parameters[i]))
		}
		d.table(fmt.Sprintf("parameter|>%s (built-in)|>fitted|>90 %% interval|where the runs do not tell", t.result.Base), rows)
		d.list(t.result.Choices)
	}
}

func parameterRow(p *calibrate.Parameter) []string {
	base, value, interval := "unlimited", unknown, unknown
	if p.Base != nil {
		base = inUnit(p.Name, *p.Base)
	}
	switch {
	case p.CannotBeTold == "":
		value = inUnit(p.Name, p.Value)
	case p.Raised:
		value = "(" + inUnit(p.Name, p.Value) + ")"
	}
	if p.Low != nil && p.High != nil {
		interval = inUnit(p.Name, *p.Low) + " to " + inUnit(p.Name, *p.High)
	}
	return []string{"`" + p.Name + "`", base, value, interval, p.CannotBeTold}
}

// arms are all arms with their medians, at the end, for there are many.
func (d *page) arms(r *results) {
	d.heading("## All arms")
	for _, name := range []string{trialFolds, trialImages, trialDisk} {
		t := r.trial(name)
		d.heading("### Trial " + t.name + ", arm by arm")
		d.text("%s", t.about)
		d.cells(t.result.Cells)
	}
}

// cells are arms with their measured and predicted times.
func (d *page) cells(cells []calibrate.Cell) {
	var rows [][]string
	for _, c := range cells {
		noise := unknown
		if c.Noise != nil {
			noise = percent(*c.Noise)
		}
		rows = append(rows, []string{c.Arm, c.Class, fmt.Sprint(c.Runs), fmt.Sprintf("%.2f s", c.Measured.Seconds()), fmt.Sprintf("%.2f s", c.Predicted.Seconds()), signed(c.Error), noise})
	}
	d.table("arm|kind|>runs|>measured|>predicted|>error|>noise floor", rows)
}
