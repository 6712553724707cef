package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

// The trials, by name.
const (
	trialHalf   = "half"
	trialCold   = "cold"
	trialImages = "images"
	trialFolds  = "folds"
	trialDisk   = "disk"
)

// A trial is one way to fit to a part of the runs and predict others.
type trial struct {
	name string
	// fittedTo is what the fit knows, about what the trial asks.
	fittedTo, about string
	file            string // of the timeline
	options         calibrate.Options
	// recorded: the fitted profile goes into the record; trials that leave out arms in
	// turn, of the same runs, end with the same one.
	recorded bool

	result  *calibrate.Calibration
	profile *simulate.Profile
}

// trials are the fits: the half that the first aims are about, the harder ones, and the
// disk.
func trials(memory *simulate.Timeline) []*trial {
	groups := imageGroups(memory)
	return []*trial{
		{
			name: trialHalf, file: memoryTimeline, recorded: true,
			fittedTo: "the other half of the arms",
			about:    "Fitted to half of the arms, dealt by a seed, and judged on the other half. An arm that is predicted has neighbours in the fit: the same image behind another link, or with other layers present.",
			options:  calibrate.Options{FitOn: func(a calibrate.Arm) bool { return a.Half == 0 }},
		},
		{
			name: trialCold, file: memoryTimeline, recorded: true,
			fittedTo: "cold single pulls at one rate and unshaped",
			about:    "Fitted to cold single pulls behind one rate and without a shaped link, and to nothing else; judged on partial hits, other rates, other limits and starts together.",
			options:  calibrate.Options{FitOn: someCold},
		},
		{
			name: trialImages, file: memoryTimeline,
			fittedTo: "other images",
			about:    "Images are dealt to folds, those that start together to one: each arm is predicted by a fit that knows none of its images. Their common base, which all share, it knows.",
			options:  calibrate.Options{Folds: countGroups(groups), FoldBy: func(a calibrate.Arm) string { return groups[a.Images[0]] }},
		},
		{
			name: trialFolds, file: memoryTimeline, recorded: true,
			fittedTo: "all arms but a fifth",
			about:    "Arms are dealt to five folds: each is predicted by a fit without its fold.",
		},
		{
			name: trialDisk, file: diskTimeline, recorded: true,
			fittedTo: "all arms but a quarter",
			about:    "Files on a disk. Arms are dealt to four folds: each is predicted by a fit without its fold.",
			options:  calibrate.Options{Folds: 4},
		},
	}
}

// someCold are the cold single pulls at one rate, and those whose link is not shaped.
func someCold(a calibrate.Arm) bool {
	plain := strings.HasSuffix(a.Name, "link=300Mbit/s") || strings.HasSuffix(a.Name, "link=unlimited")
	return a.Cold && plain && (a.Class == calibrate.ClassShaped || a.Class == calibrate.ClassUnshaped)
}

// imageGroups names a group for each image; images that a run starts together, or
// together with the same third one, are in one.
func imageGroups(t *simulate.Timeline) map[string]string {
	groups := make(map[string]string)
	for _, run := range countedRuns(t) {
		into := ""
		for _, s := range run.starts {
			for _, image := range s.Images {
				if groups[image] == "" {
					groups[image] = image
				}
				if into == "" {
					into = groups[image]
				}
				joinGroups(groups, groups[image], into)
			}
		}
	}
	return groups
}

func joinGroups(groups map[string]string, from, into string) {
	for image, group := range groups {
		if group == from {
			groups[image] = into
		}
	}
}

func countGroups(groups map[string]string) int {
	var names []string
	for _, group := range groups {
		if !slices.Contains(names, group) {
			names = append(names, group)
		}
	}
	return len(names)
}

// fit fits and predicts.
func (v *validation) fit(ctx context.Context, t *trial, timeline *simulate.Timeline) error {
	opt := t.options
	opt.Seed, opt.Samples, opt.Repeats = 1, v.samples, v.draws
	data, err := calibrate.Load([]calibrate.File{{Name: t.file, Timeline: timeline}}, opt)
	if err != nil {
		return err
	}
	if t.result, t.profile, err = data.Fit(ctx); err != nil {
		return fmt.Errorf("trial %s: %w", t.name, err)
	}
	return nil
}

// of is what a class of arms was scored, nil where it was not.
func (t *trial) of(class string) *calibrate.Scored {
	for i := range t.result.Totals {
		if t.result.Totals[i].What == class {
			return &t.result.Totals[i]
		}
	}
	return nil
}

// predicted are the arms that were predicted by a fit without them.
func (t *trial) predicted(class string) []calibrate.Cell {
	var cells []calibrate.Cell
	for _, c := range t.result.Cells {
		if !c.Fitted && (class == "" || c.Class == class) {
			cells = append(cells, c)
		}
	}
	return cells
}

// results are what the document is written from.
type results struct {
	trials                []*trial
	memory, disk, pullers *simulate.Timeline
}

// results reads what was measured, and makes the trials.
func (v *validation) results(ctx context.Context) (*results, error) {
	r := &results{}
	var err error
	if r.memory, err = v.measuredBefore(memoryTimeline); err != nil {
		return nil, err
	}
	if r.disk, err = v.measuredBefore(diskTimeline); err != nil {
		return nil, err
	}
	if r.pullers, err = v.measuredBefore(pullersTimeline); err != nil {
		return nil, err
	}
	r.trials = trials(r.memory)
	for _, t := range r.trials {
		fmt.Fprintf(v.stderr, "  trial %s, fitted to %s\n", t.name, t.fittedTo)
		timeline := r.memory
		if t.file == diskTimeline {
			timeline = r.disk
		}
		if err := v.fit(ctx, t, timeline); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// measuredBefore reads the timeline of a step.
func (v *validation) measuredBefore(file string) (*simulate.Timeline, error) {
	path, step := filepath.Join(v.state, file), strings.TrimSuffix(file, ".json")
	t, err := readTimeline(path)
	if err != nil {
		return nil, fmt.Errorf("read what was measured (the step %s makes it): %w", step, err)
	}
	if m := t.Measurement; m == nil || len(m.Runs) == 0 {
		return nil, fmt.Errorf("%s holds no run: the step %s makes them", path, step)
	}
	return t, nil
}

func (r *results) trial(name string) *trial {
	return r.trials[slices.IndexFunc(r.trials, func(t *trial) bool { return t.name == name })]
}
