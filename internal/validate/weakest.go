package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/cachebench/cachebench/simulate/calibrate"
)

// weakness is a place where the model is known to be weak. Its why is written by hand
// and holds no figure, so that it is true of any host; what the runs say of it here is
// worked out of them.
type weakness struct {
	name, why string
	here      func(r *results) string
}

func weaknesses() []weakness {
	return []weakness{
		{
			name: "Which layer gets how much of a link.",
			why:  "Layers come over several connections in one queue, and TCP does not share it equally; the simulation does. When a large base and a small layer come together, the base may be there sooner or later than simulated, and unpacking with it.",
			here: func(r *results) string { return arrivals(r.memory) },
		},
		{
			name: "Who comes first.",
			why:  "Of several pulls at once it is chance which begins the layers that they share, and it decides whose other layers come along. So an arm has as many makespans as there are orders, far apart; the median of its runs lies at one of them, and that of the simulated ones perhaps at another.",
			here: func(r *results) string { return makespans(r.memory) },
		},
		{
			name: "Who comes first.",
			why:  "Of several pulls at once it is chance which begins the layers that they share, and it decides whose other layers come along. So an arm has as many makespans as there are orders, far apart; the median of its runs lies at one of them, and that of the simulated ones perhaps at another.",
			here: func(r *results) string { return makespans(r.memory) },
		},
		{
			name: "Cores.",
			why:  "Registry, link and nodes are on one host and share its cores: without a shaped link fetching takes from unpacking, and nodes that unpack at once take from each other. The experiment tells the simulation that the nodes share the cores evenly; the nodes of a cluster do not share them.",
			here: func(r *results) string { return crowdingWords(r.memory) },
		},
		{
			name: "Inflating.",
			why:  "The model has one speed for each codec, in unpacked bytes. How fast a layer inflates depends on what is in it; what does not compress at all goes fastest.",
			here: func(r *results) string { return inflating(r.layerTimes()) },
		},
		{
			name: "A long way.",
			why:  "The model counts one connection and, one after the other, the questions for the tag, the manifest and the config. containerd opens more than one connection before the first layer.",
			here: func(r *results) string { return roundTrips(r.memory) },
		},
		{
			name: "Starts that pull nothing.",
			why:  "They are nearly all the creation of the container, of which the model knows one time, whatever the image.",
			here: func(r *results) string { return creations(r.memory) },
		},
	}
}

func (r *results) layerTimes() []layerTime {
	return layerTimes(r.memory, r.trial(trialHalf).profile)
}

func (d *page) weakest(r *results, outcomes []outcome) {
	d.heading("## Where it is weakest")
	d.text("The arms that are missed most, each predicted by a fit to the other half, beside the noise floor of its median:")
	d.cells(furthest(r.trial(trialHalf).predicted(""), 10))
	d.biases(r)
	var items []string
	for _, w := range weaknesses() {
		items = append(items, fmt.Sprintf("**%s** %s %s", w.name, w.why, w.here(r)))
	}
	d.text("What the model leaves out, and what these runs show of it:")
	d.list(items)
	d.layerTable(r.layerTimes())
	d.missed(outcomes)
}

// furthest are the n cells with the largest errors.
func furthest(cells []calibrate.Cell, n int) []calibrate.Cell {
	slices.SortStableFunc(cells, func(x, y calibrate.Cell) int { return cmp.Compare(math.Abs(y.Error), math.Abs(x.Error)) })
	return cells[:min(n, len(cells))]
}

// biases tells for each kind of arm whether its error is bias, scatter or noise.
func (d *page) biases(r *results) {
	d.text("Bias or noise: what kind of error it is, by kind of arm.")
	var rows [][]string
	for _, t := range r.trials {
		if t.name == trialFolds {
			continue // as half, with other arms left out
		}
		for _, class := range calibrate.Classes() {
			held := scored(t, class, calibrate.ByHeldOut)
			if held == nil {
				continue
			}
			long, short := sides(t.predicted(class))
			noise := scored(t, class, calibrate.Noise)
			rows = append(rows, []string{class, t.fittedTo + onDisk(t), fmt.Sprint(held.Count), percent(held.Mean), signed(held.Bias), meanOf(noise), fmt.Sprint(long), fmt.Sprint(short), kindOfError(held, noise, long, short)})
		}
	}
	d.table("kind of arm|fitted to|>arms|>mean|>bias|>noise floor|>too long|>too short|the error is", rows)
}

func onDisk(t *trial) string {
	if t.file == diskTimeline {
		return ", on a disk"
	}
	return ""
}

func sides(cells []calibrate.Cell) (long, short int) {
	for _, c := range cells {
		switch {
		case c.Error > 0:
			long++
		case c.Error < 0:
			short++
		}
	}
	return long, short
}

// kindOfError reads an error: no more than the medians' own noise; systematic, where the
// bias is beyond that noise and four arms of five lie on its side; or scatter.
func kindOfError(held, noise *calibrate.Score, long, short int) string {
	const most = 0.8
	side, n := "too long", long
	if held.Bias < 0 {
		side, n = "too short", short
	}
	switch {
	case noise == nil:
		return "not told from noise: too few runs"
	case held.Mean <= noise.Mean:
		return "noise"
	case math.Abs(held.Bias) > noise.Mean && float64(n) >= most*float64(long+short):
		return "systematic: " + side
	}
	return "scatter"
}

// layerTable is what single layers take to unpack.
func (d *page) layerTable(list []layerTime) {
	if len(list) == 0 {
		return
	}
	d.text("How long layers take to unpack in single pulls behind a shaped link, those first that compress best; *simulated* is by the profile that was fitted to half of the arms, which knows these layers.")
	var rows [][]string
	for i := range list {
		l := &list[i]
		files, simulated, off := unknown, unknown, unknown
		if l.files >= 0 {
			files = fmt.Sprint(l.files)
			simulated, off = shortly(seconds(l.simulated)), signed(l.off())
		}
		rows = append(rows, []string{l.name, l.codec, fmt.Sprintf("%.0f MB", float64(l.unpacked)/1e6), fmt.Sprintf("%.0f %%", 100*l.kept), files, fmt.Sprint(l.runs), shortly(seconds(l.measured)), fmt.Sprintf("%.1f ms", l.perMB()), simulated, off})
	}
	d.table("layer|codec|>unpacked|>compressed to|>entries|>times|>median|>an unpacked MB|>simulated|>error", rows)
}

// tried is what a fit tries against an error, whatever the host.
const tried = "Against each of these a fit tries whether transfers take cores or disk from unpacking, whether there are other cores than stated, and whether the disk or the decoder bounds unpacking, and takes in what lowers the error of arms that were left out, where there are enough of them to leave some out: [What was fitted](#what-was-fitted) says what that came to for half of the arms and on a disk."

// missed lists the aims that are not met.
func (d *page) missed(outcomes []outcome) {
	var items []string
	for i := range outcomes {
		if o := &outcomes[i]; o.state == missed {
			items = append(items, fmt.Sprintf("%s: %s.", o.what, o.why))
		}
	}
	if len(items) == 0 {
		return
	}
	d.heading("### Aims that are missed")
	d.list(items)
	d.text("%s", tried)
}
