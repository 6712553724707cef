package main

import (
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/simulate"
)

// measured says what was measured: where, when, how many runs, and which do not count.
func (d *page) measured(r *results) {
	d.heading("## What was measured")
	d.text("The registry, the link and the nodes are network namespaces of one host; the link is shaped by a token bucket filter. So registry and nodes share the host's cores, which real ones do not. An *arm* is one set of conditions: what is started, what is present before, the link, the limits. Its runs are made in an order drawn anew for each round, one run at a time, after runs to warm up that do not count. A run that fetched or unpacked other than its arm should have is void.")
	d.hostOf("In memory", r.memory, nil)
	d.hostOf("On a disk", r.disk, r.memory)
	d.hostOf("Pullers side by side", r.pullers, r.memory)
	d.text("Parts of the model were found in earlier runs of this experiment, which stand in `testdata/builtin`: in which order racing fetchers ask for layers, that it is chance which pull begins the layers that several share, that transfers take cores by their rate; and of the built-in profile `containerd` its times to unpack, to create and to ask. On those runs none of it is a prediction. How the draws of starts together are ranked, what is taken for the speed of a codec of which no layer was unpacked, and what for the slower of disk and decoder where nothing tells, was mended after a look at the runs that began on 2026-11-29 at 23:22 UTC. Runs after those had no part in any of it.")
}

// hostOf tells of one timeline; of the host only what differs from that of another.
func (d *page) hostOf(name string, t, other *simulate.Timeline) {
	m := t.Measurement
	voids := voidRuns(m)
	first, last := m.Runs[0].At, m.Runs[len(m.Runs)-1].At
	const minute = "2006-01-02 15:04"
	d.text("**%s.** From %s to %s UTC: %s of %s count, %d are void.", name, first.UTC().Format(minute), last.UTC().Format(minute),
		several(len(m.Runs)-len(voids), "run"), several(len(m.Arms), "arm"), len(voids))
	var items []string
	for _, f := range m.Facts {
		if other == nil || !slices.Contains(other.Measurement.Facts, f) {
			items = append(items, f.Name+": "+f.Value)
		}
	}
	if other != nil && len(items) < len(m.Facts) {
		items = append(items, "all else as above")
	}
	for _, run := range voids {
		items = append(items, fmt.Sprintf("void: %s, repeat %d: %s", run.Arm, run.Repeat, run.Void))
	}
	for _, s := range t.Doubts {
		items = append(items, "doubt: "+s)
	}
	d.list(items)
}

func voidRuns(m *simulate.Measurement) []simulate.MeasuredRun {
	var list []simulate.MeasuredRun
	for _, r := range m.Runs {
		if r.Void != "" {
			list = append(list, r)
		}
	}
	return list
}
