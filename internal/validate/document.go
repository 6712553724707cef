package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

//go:embed notes.md
var notes string

// A trial is one way to fit to a part of the runs and predict others.
type trial struct {
	name, about string
	file        string // of the timeline
	fitOn       func(calibrate.Arm) bool
	result      *calibrate.Calibration
	profile     *simulate.Profile
}

// trials are the fits: the half that decides the goals, the harder ones, and the disk.
func trials() []*trial {
	return []*trial{
		{name: "half", file: memoryTimeline, about: "fitted to half of the arms, dealt by a seed; judged on the other half", fitOn: func(a calibrate.Arm) bool { return a.Half == 0 }},
		{name: "cold", file: memoryTimeline, about: "fitted to cold single pulls behind 300 Mbit/s and without a shaped link, and to nothing else; judged on partial hits, other links, other limits and starts together", fitOn: someCold},
		{name: "folds", file: memoryTimeline, about: "five folds: each arm predicted by a fit without it"},
		{name: "disk", file: diskTimeline, about: "files on a disk; four folds of arms"},
	}
}

// someCold are the cold single pulls at one rate, and those whose link is not shaped.
func someCold(a calibrate.Arm) bool {
	plain := strings.HasSuffix(a.Name, "link=300Mbit/s") || strings.HasSuffix(a.Name, "link=unlimited")
	return a.Cold && plain && (a.Class == calibrate.ClassShaped || a.Class == calibrate.ClassUnshaped)
}

// goal is an aim of the project for a class of arms of a trial.
type goal struct {
	trial, class, what string
	mean, worst        float64 // 0: none
}

func goals() []goal {
	return []goal{
		{"half", calibrate.ClassShaped, "single pulls and partial hits behind a shaped link", 0.08, 0.25},
		{"half", calibrate.ClassTogether, "makespan of concurrent pulls on one node", 0.10, 0},
		{"half", calibrate.ClassNodes, "makespan of several nodes on one link", 0.15, 0},
		{"half", calibrate.ClassUnshaped, "unshaped", 0.20, 0},
		{"cold", calibrate.ClassShaped, "the same, fitted to cold pulls at 300 Mbit/s and unshaped alone: partial hits, other links, other limits", 0.08, 0.25},
		{"cold", calibrate.ClassTogether, "the same: concurrent pulls on one node", 0.10, 0},
		{"cold", calibrate.ClassNodes, "the same: several nodes on one link", 0.15, 0},
		{"cold", calibrate.ClassUnshaped, "the same: partial hits, unshaped", 0.20, 0},
		{"disk", calibrate.ClassShaped, "real disk, shaped link", 0.20, 0},
		{"disk", calibrate.ClassUnshaped, "real disk, unshaped", 0.20, 0},
	}
}

// write fits, predicts and writes the document and the record.
func (v *validation) write(ctx context.Context) error {
	all := trials()
	timelines := map[string]*simulate.Timeline{}
	for _, t := range all {
		if timelines[t.file] != nil {
			continue
		}
		timeline, err := readTimeline(filepath.Join(v.state, t.file))
		if err != nil {
			return fmt.Errorf("read what was measured (the steps before make it): %w", err)
		}
		timelines[t.file] = timeline
	}
	for _, t := range all {
		fmt.Fprintf(v.stderr, "  %s\n", t.about)
		opt := calibrate.Options{Seed: 1, FitOn: t.fitOn}
		if t.name == "disk" {
			opt.Folds = 4
		}
		data, err := calibrate.Load([]calibrate.File{{Name: t.file, Timeline: timelines[t.file]}}, opt)
		if err != nil {
			return err
		}
		if t.result, t.profile, err = data.Fit(ctx); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	pullers, err := readTimeline(filepath.Join(v.state, pullersTimeline))
	if err != nil {
		return fmt.Errorf("read what was measured (the steps before make it): %w", err)
	}
	d := &page{}
	d.head(timelines[memoryTimeline])
	d.goals(all)
	d.classes(all)
	d.weakest(all)
	d.parameters(all)
	d.phases(all)
	d.pullers(pullers)
	if err := d.published(ctx); err != nil {
		return err
	}
	d.cells(all)
	d.repeat()
	if err := os.WriteFile(v.document, d.out.Bytes(), 0o644); err != nil {
		return err
	}
	return v.saveRecord(all, timelines, pullers)
}

// page is the document as it is written.
type page struct{ out bytes.Buffer }

func (d *page) line(format string, args ...any) { fmt.Fprintf(&d.out, format+"\n", args...) }

func (d *page) table(heads string, rows [][]string) {
	cells := strings.Split(heads, "|")
	rule := make([]string, len(cells))
	for i, head := range cells {
		rule[i] = "---"
		if name, right := strings.CutPrefix(head, ">"); right {
			cells[i], rule[i] = name, "--:"
		}
	}
	d.line("")
	d.line("| %s |", strings.Join(cells, " | "))
	d.line("| %s |", strings.Join(rule, " | "))
	for _, row := range rows {
		d.line("| %s |", strings.Join(row, " | "))
	}
	d.line("")
}

func percent(f float64) string {
	if math.IsNaN(f) {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*f)
}

func (d *page) head(t *simulate.Timeline) {
	m := t.Measurement
	runs, voids := 0, 0
	for _, r := range m.Runs {
		if r.Void != "" {
			voids++
		} else {
			runs++
		}
	}
	first, last := m.Runs[0].At, m.Runs[len(m.Runs)-1].At
	d.line("# Validation\n\nHow wrong the simulation is, measured: real pulls and starts by containerd on one\nhost, a profile fitted to a part of them, the rest predicted. Written by `make\nvalidate`; the last section says how to repeat it.\n")
	d.line("Measured from %s to %s: %d runs of %d arms that count, %d void.", first.UTC().Format("2006-01-02 15:04"), last.UTC().Format("15:04 MST"), runs, len(m.Arms), voids)
	d.line("The host:\n")
	for _, f := range m.Facts {
		d.line("- %s: %s", f.Name, f.Value)
	}
	for _, s := range t.Doubts {
		d.line("- doubt: %s", s)
	}
	d.line("\nThe registry, the link and the nodes are network namespaces of this host, the link is\nshaped by a token bucket filter. So registry and nodes share two cores, which real\nones do not. An *arm* is one set of conditions; its runs, made in an order drawn anew\nfor each round, differ by the *noise*: the mean deviation of a run from the median of\nthe others of its arm. Predictions are of an arm's median time from the request to\nthe last start's readiness; errors are predicted over measured, less 1. One image of\nseveral pulled at once is never judged, nor one node of several: which is first is the\nruntime's own chance.\n")
}

func (d *page) goals(all []*trial) {
	d.line("## The aims\n")
	var rows [][]string
	for _, g := range goals() {
		s := scoresOf(all, g.trial, g.class)
		if s == nil {
			rows = append(rows, []string{g.what, aim(g), "not measured", "", "", "", ""})
			continue
		}
		held := s.Of(calibrate.ByHeldOut)
		met := "yes"
		if held.Mean > g.mean || g.worst > 0 && held.Worst > g.worst {
			met = "**no**"
		}
		rows = append(rows, []string{
			g.what, aim(g), fmt.Sprintf("%s, worst %s", percent(held.Mean), percent(held.Worst)), met,
			meanOf(s, calibrate.Noise), meanOf(s, calibrate.ByBytes), meanOf(s, calibrate.BySum),
		})
	}
	d.table("arms not fitted to|aim (mean absolute error)|>measured|met|>noise of runs|>bytes / bandwidth|>fetch + unpack", rows)
	d.line("The last two columns are naive predictions of the same arms, with the same fitted\nvalues: compressed bytes over the link's rate; and that plus the time to unpack, one\nafter the other. Both have creation and readiness added.\n")
}

func aim(g goal) string {
	if g.worst > 0 {
		return fmt.Sprintf("%.0f %%, worst %.0f %%", 100*g.mean, 100*g.worst)
	}
	return fmt.Sprintf("%.0f %%", 100*g.mean)
}

func meanOf(s *calibrate.Scored, by string) string {
	if x := s.Of(by); x != nil {
		return percent(x.Mean)
	}
	return "-"
}

func scoresOf(all []*trial, name, class string) *calibrate.Scored {
	for _, t := range all {
		if t.name != name {
			continue
		}
		for i := range t.result.Totals {
			if s := &t.result.Totals[i]; s.What == class && s.Of(calibrate.ByHeldOut) != nil {
				return s
			}
		}
	}
	return nil
}

func (d *page) classes(all []*trial) {
	d.line("## Errors by kind of arm\n")
	for _, t := range all {
		d.line("**%s.** %s; %d arms, %d runs.", strings.ToUpper(t.name[:1])+t.name[1:], t.about, t.result.Arms, t.result.Runs)
		d.scores(t.result.Totals)
	}
}

func (d *page) scores(list []calibrate.Scored) {
	var rows [][]string
	for i := range list {
		for _, x := range list[i].Scores {
			rows = append(rows, []string{list[i].What, x.By, fmt.Sprint(x.Count), percent(x.Mean), percent(x.Median), percent(x.P90), percent(x.Worst), percent(x.Bias), x.WorstArm})
		}
	}
	d.table("arms|predicted by|>arms|>mean|>median|>p90|>worst|>bias|the worst", rows)
}

func (d *page) phases(all []*trial) {
	d.line("## Errors by phase and by image\n\nOf single starts, fitted to half of the arms. A phase that is short has large relative\nerrors of few milliseconds.")
	d.scores(all[0].result.Phases)
	d.scores(all[0].result.Images)
}

func (d *page) weakest(all []*trial) {
	d.line("## Where the model is weakest\n")
	d.line("%s", strings.TrimSpace(notes))
	d.line("\nThe arms that it misses most, fitted to the other half:")
	cells := slices.Clone(all[0].result.Cells)
	cells = slices.DeleteFunc(cells, func(c calibrate.Cell) bool { return c.Fitted })
	slices.SortStableFunc(cells, func(x, y calibrate.Cell) int {
		switch a, b := math.Abs(x.Error), math.Abs(y.Error); {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	d.cellTable(cells[:min(10, len(cells))])
}

func (d *page) cellTable(cells []calibrate.Cell) {
	var rows [][]string
	for _, c := range cells {
		noise := "-"
		if c.Noise != nil {
			noise = percent(*c.Noise)
		}
		rows = append(rows, []string{c.Arm, c.Class, fmt.Sprint(c.Runs), fmt.Sprintf("%.2f s", c.Measured.Seconds()), fmt.Sprintf("%.2f s", c.Predicted.Seconds()), fmt.Sprintf("%+.1f %%", 100*c.Error), noise})
	}
	d.table("arm|kind|>runs|>measured|>predicted|>error|>noise", rows)
}

func (d *page) parameters(all []*trial) {
	d.line("## What was fitted\n")
	for _, t := range []*trial{all[0], all[len(all)-1]} {
		d.line("Fit *%s*, profile `testdata/validation/%s.yaml`:", t.name, t.name)
		var rows [][]string
		for _, p := range t.result.Parameters {
			base, interval, note := "unlimited", "-", p.CannotBeTold
			if p.Base != nil {
				base = fmt.Sprintf("%.4g", *p.Base)
			}
			if p.Low != nil && p.High != nil {
				interval = fmt.Sprintf("%.4g to %.4g", *p.Low, *p.High)
			}
			value := fmt.Sprintf("%.4g", p.Value)
			if p.Unlimited {
				value = "unlimited"
			}
			rows = append(rows, []string{"`" + p.Name + "`", base, value, interval, note})
		}
		d.table("parameter|>containerd (built-in)|>fitted|>90 % interval|where the runs do not tell", rows)
	}
}

func (d *page) cells(all []*trial) {
	d.line("## All arms\n\nPredicted by five folds: each arm by a fit without it.")
	for _, t := range all {
		if t.name == "folds" || t.name == "disk" {
			d.cellTable(t.result.Cells)
		}
	}
}

// pullers compares measure pull with containerd.
func (d *page) pullers(t *simulate.Timeline) {
	d.line("## cachebench measure pull beside containerd\n\nThe same cold pulls, in turn, with the same decoder and file system; medians of the time\nto the last unpack.")
	spreads := map[string]measure.ArmSpread{}
	var names []string
	for _, s := range measure.Spread(t) {
		spreads[s.Arm] = s
		if name, own := strings.CutPrefix(s.Arm, ownArm); own {
			names = append(names, name)
		}
	}
	var rows [][]string
	for _, name := range names {
		own, theirs := spreads[ownArm+name], spreads["containerd "+name]
		if own.Runs == 0 || theirs.Runs == 0 {
			continue
		}
		rows = append(rows, []string{name, fmt.Sprint(min(own.Runs, theirs.Runs)), fmt.Sprintf("%.2f s", theirs.Median.Seconds()), fmt.Sprintf("%.2f s", own.Median.Seconds()), fmt.Sprintf("%.2f", own.Median.Seconds()/theirs.Median.Seconds())})
	}
	d.table("pull|>runs|>containerd|>measure pull|>ratio", rows)
}

func (d *page) published(ctx context.Context) error {
	d.line("## Published pulls\n\nTimes that others published, and what the built-in profiles give for what is known of\nthem: no value was fitted to these, but the `eci` profiles' where it says so, and no\nvalue of theirs was measured on ECI by this project. Hosts, links and registries of the\npublished ones are mostly unknown, so that a difference says little.")
	var rows [][]string
	for _, p := range publishedCases() {
		got, err := p.simulated(ctx)
		if err != nil {
			return err
		}
		rows = append(rows, []string{p.what, p.figure, fmt.Sprintf("%.1f s", got.Seconds()), fmt.Sprintf("%.2f", got.Seconds()/p.seconds), p.profile, p.source, p.note})
	}
	d.table("what|>published|>simulated|>ratio|profile|source|note", rows)
	return nil
}

func (d *page) repeat() {
	d.line("## Repeating it\n\n    make validate\n\nas root on Debian 12 with Go; at most an hour, on a machine that does nothing else. It\nbuilds the images and containerd, measures, and writes this page and the record in\n`testdata/validation`. It goes on where it was interrupted; remove `build/validation` to\nbegin anew. The experiments are `internal/validate/*.yaml`; each can also be run by\n`cachebench measure containerd --experiment FILE --registry registry.example.com=build/images`,\nand its timeline judged by `cachebench calibrate TIMELINE`.")
}

// saveRecord keeps the medians of every arm and the fitted profiles.
func (v *validation) saveRecord(all []*trial, timelines map[string]*simulate.Timeline, pullers *simulate.Timeline) error {
	if err := os.MkdirAll(v.record, 0o755); err != nil {
		return err
	}
	for _, t := range all {
		data, err := document.Marshal(simulate.ProfileKind, t.profile)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(v.record, t.name+".json"), data, 0o644); err != nil {
			return err
		}
	}
	for name, t := range map[string]*simulate.Timeline{"memory.csv": timelines[memoryTimeline], "disk.csv": timelines[diskTimeline], "pullers.csv": pullers} {
		if err := os.WriteFile(filepath.Join(v.record, name), recordOf(t), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// recordOf is a CSV of every run that counts: arm, repeat, when, noise, and the times
// of its starts' phases where there is one start.
func recordOf(t *simulate.Timeline) []byte {
	var b bytes.Buffer
	b.WriteString("arm,repeat,at,other_cpu_fraction,makespan_seconds,resolve_seconds,fetch_seconds,unpack_seconds,create_seconds,ready_seconds,fetched_bytes,unpacked_bytes\n")
	for _, r := range t.Measurement.Runs {
		if r.Void != "" {
			continue
		}
		var of []*simulate.Startup
		for i := range t.Startups {
			if s := &t.Startups[i]; s.Arm == r.Arm && s.Repeat == r.Repeat && s.Void == "" {
				of = append(of, s)
			}
		}
		if len(of) == 0 {
			continue
		}
		first, last, fetched, unpacked := of[0].Requested, of[0].Requested+of[0].Ready, int64(0), int64(0)
		for _, s := range of {
			first, last = min(first, s.Requested), max(last, s.Requested+s.Ready)
			fetched, unpacked = fetched+s.FetchedBytes, unpacked+s.UnpackedBytes
		}
		other := ""
		if r.OtherCPUFraction != nil {
			other = fmt.Sprintf("%.3f", *r.OtherCPUFraction)
		}
		fmt.Fprintf(&b, "%q,%d,%s,%s,%.4f", r.Arm, r.Repeat, r.At.UTC().Format("2006-01-02T15:04:05Z"), other, (last - first).Seconds())
		for _, phase := range []simulate.Phase{simulate.Resolve, simulate.Fetch, simulate.Unpack, simulate.Create, simulate.Ready} {
			text := ""
			if d, known := of[0].Phases.Of(phase); known && len(of) == 1 {
				text = fmt.Sprintf("%.4f", d.Seconds())
			}
			b.WriteString("," + text)
		}
		fmt.Fprintf(&b, ",%d,%d\n", fetched, unpacked)
	}
	return b.Bytes()
}
