package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

// answer is what most readers come for: how wrong, for what, on which host.
func (d *page) answer(r *results, outcomes []outcome) {
	d.heading("# Validation")
	d.text("How wrong simulated start times are, measured: real pulls and starts by containerd on one host, a profile fitted to a part of them, the rest predicted. `make validate` measures and writes this page.")
	half := r.trial(trialHalf)
	d.text("**In short.** On a host of %s, a profile fitted to %d of %d arms (an arm is a set of conditions) predicted the medians of the others with a mean absolute error of", hostWords(r.memory), half.result.FittedArms, half.result.Arms)
	var items []string
	for _, g := range goals() {
		if v := r.verdict(g); g.trial == trialHalf && v.held != nil {
			items = append(items, v.words())
		}
	}
	d.list(items)
	d.text("%s", beyond(r))
	d.text("%s", aimsMet(outcomes))
	d.text("It holds for this host, these %s and this version of containerd. Elsewhere measure some pulls and let `cachebench calibrate` fit a profile to them; it then says the same of that host. No start on ECI was measured.", several(len(startedImages(r.memory)), "image"))
}

// hostWords are "2 cores (AMD EPYC), containerd 2.4.2, files on tmpfs".
func hostWords(t *simulate.Timeline) string {
	words := orUnknown(fact(t, "cores")) + " cores"
	if cpu := fact(t, "CPU"); cpu != "" {
		words += " (" + cpu + ")"
	}
	system, _, _ := strings.Cut(fact(t, "file system"), " ") // the device follows
	return fmt.Sprintf("%s with containerd %s, files on %s", words, orUnknown(fact(t, "containerd")), orUnknown(system))
}

func orUnknown(value string) string {
	if value == "" {
		return "unknown"
	}
	return value
}

// words are "3.6 % for one pull, shaped link (27 arms, at worst 8.4 %, noise floor 2.1 %)".
func (v *verdict) words() string {
	floor := "noise floor not known"
	if v.noise != nil {
		floor = "noise floor " + percent(v.noise.Mean)
	}
	return fmt.Sprintf("%s for %s (%s, at worst %s; %s)", percent(v.held.Mean), v.what, several(v.held.Count, "arm"), percent(v.held.Worst), floor)
}

// beyond compares with a fit that knew other images, and with none at all.
func beyond(r *results) string {
	words := ""
	if s := scored(r.trial(trialImages), "all", calibrate.ByHeldOut); s != nil {
		words = fmt.Sprintf("Arms of images that the fit had not seen: %s in the mean, at worst %s. ", percent(s.Mean), percent(s.Worst))
	}
	if s := scored(r.trial(trialDisk), "all", calibrate.ByHeldOut); s != nil {
		words += fmt.Sprintf("Files on a disk, a profile of its own: %s, at worst %s. ", percent(s.Mean), percent(s.Worst))
	}
	if s := scored(r.trial(trialHalf), "all", calibrate.ByBase); s != nil {
		words += fmt.Sprintf("The built-in profile `%s`, as it is: %s, at worst %s.", r.trial(trialHalf).result.Base, percent(s.Mean), percent(s.Worst))
	}
	return words
}

func scored(t *trial, class, by string) *calibrate.Score {
	if s := t.of(class); s != nil {
		return s.Of(by)
	}
	return nil
}

// aimsMet counts aims, and names those that are not met.
func aimsMet(outcomes []outcome) string {
	count := map[state]int{}
	var not []string
	for i := range outcomes {
		o := &outcomes[i]
		if count[o.state]++; o.state == missed {
			not = append(not, fmt.Sprintf("%s (%s)", o.what, o.why))
		}
	}
	words := fmt.Sprintf("Of %d aims %d are met", count[met]+count[missed]+count[notJudged], count[met])
	if n := count[notJudged]; n > 0 {
		words += fmt.Sprintf(", and %d cannot be judged", n)
	}
	if len(not) > 0 {
		words += "; missed: " + strings.Join(not, "; ")
	}
	return words + "."
}

// startedImages are the images that runs started, each once.
func startedImages(t *simulate.Timeline) []string {
	var images []string
	for _, run := range countedRuns(t) {
		for _, s := range run.starts {
			for _, image := range s.Images {
				if !slices.Contains(images, image) {
					images = append(images, image)
				}
			}
		}
	}
	return images
}
