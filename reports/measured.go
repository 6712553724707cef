package reports

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

// MeasuredFormats lists the formats of measured startups by themselves.
func MeasuredFormats() []Format { return []Format{Text, JSON, Markdown, CSV, Bench} }

// WriteMeasured writes a timeline of measured startups with the spread of each
// arm's runs, the noise meanwhile and the host; in JSON it is the timeline.
func WriteMeasured(w io.Writer, format Format, t *simulate.Timeline, opt Options) error {
	var data []byte
	var err error
	m := &measured{Timeline: t}
	m.arms, m.makings = partSpreads(t.Measurement, measure.Spread(t))
	switch format {
	case Text:
		data = m.text(opt)
	case JSON:
		data, err = document.Marshal(simulate.TimelineKind, t)
	case Markdown:
		data = m.markdown()
	case CSV:
		data, err = m.csv()
	case Bench:
		data, err = benchReport(New(Input{Timeline: t}))
	default:
		_, err = ParseFormat(string(format), MeasuredFormats()...)
	}
	if err != nil {
		return fmt.Errorf("write what was measured: %w", err)
	}
	_, err = w.Write(data)
	return err
}

// measured is a timeline of measured startups with what its runs have in common.
type measured struct {
	*simulate.Timeline
	// makings are the arms whose startups are the makings of image caches, arms the others.
	arms, makings []measure.ArmSpread
}

// headline says how much was measured, and how well it repeats.
func (m *measured) headline() string {
	runs, voids := 0, 0
	var spreads []float64
	for i := range m.arms {
		a := &m.arms[i]
		runs, voids = runs+a.Runs, voids+a.Voids
		if !math.IsNaN(a.CoefficientOfVariation) {
			spreads = append(spreads, a.CoefficientOfVariation)
		}
	}
	words := fmt.Sprintf("Measured: %s of %s", count(runs, "run"), count(len(m.arms), "arm"))
	if voids > 0 {
		words += fmt.Sprintf(", %d more are void", voids)
	}
	if len(spreads) > 0 {
		slices.Sort(spreads)
		middle := (spreads[(len(spreads)-1)/2] + spreads[len(spreads)/2]) / 2
		words += fmt.Sprintf("; runs of one arm differ by %s (median coefficient of variation)", percent(middle))
	}
	words += "."
	if made := m.made(); made != "" {
		words += " " + made
	}
	return words
}

// phases are those that a measured startup may tell of: ECI dates the making of the
// instance, and does not tell a fetch from an unpack.
func (m *measured) phases() []simulate.Phase {
	if m.Measurement != nil && m.Measurement.Tool == "eci" {
		return []simulate.Phase{simulate.Provision, simulate.Pull, simulate.Create, simulate.Ready}
	}
	return []simulate.Phase{simulate.Resolve, simulate.Fetch, simulate.Unpack, simulate.Create, simulate.Ready}
}

// sharedWords are those that the names of all arms have, where all arms are left with a
// name of their own without them: a table then has room for what tells them apart.
func sharedWords(arms []measure.ArmSpread) []string {
	if len(arms) < 2 {
		return nil
	}
	shared := strings.Fields(arms[0].Arm)
	for i := range arms {
		words := strings.Fields(arms[i].Arm)
		shared = slices.DeleteFunc(shared, func(word string) bool { return !slices.Contains(words, word) })
	}
	seen := make(map[string]bool)
	for i := range arms {
		own := ownName(arms[i].Arm, shared)
		if own == "" || seen[own] {
			return nil
		}
		seen[own] = true
	}
	return shared
}

// ownName is an arm's name without the words that all have.
func ownName(arm string, shared []string) string {
	own := slices.DeleteFunc(strings.Fields(arm), func(word string) bool { return slices.Contains(shared, word) })
	return strings.Join(own, " ")
}

// spreads are the coefficients of variation of the arms, in words.
func (m *measured) spreads() []string {
	return variations(m.arms)
}

func variations(arms []measure.ArmSpread) []string {
	return errorPercents(column(arms, func(a *measure.ArmSpread) float64 { return a.CoefficientOfVariation }))
}

// row is an arm's line in the tables of text and Markdown; what it shares with
// the others is left out of its name.
func (m *measured) row(a *measure.ArmSpread, shared []string, spread string) []string {
	cells := []string{ownName(a.Arm, shared), strconv.Itoa(a.Runs)}
	if a.Runs == 0 {
		return append(cells, slices.Repeat([]string{"-"}, 3+len(m.phases()))...)
	}
	interval := "-"
	if a.Interval != nil {
		interval = briefly(inSeconds(a.Interval.Low)) + " to " + briefly(inSeconds(a.Interval.High))
	}
	cells = append(cells, briefly(a.Median), interval, spread)
	for _, phase := range m.phases() {
		d, known := a.Phases.Of(phase)
		if !known {
			cells = append(cells, "-")
			continue
		}
		cells = append(cells, briefly(d))
	}
	return cells
}

// briefly writes a time in milliseconds where it is less than a second.
func briefly(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
	}
	return seconds(d)
}

func inSeconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (m *measured) heads() []string {
	heads := []string{"arm", "runs", "median", "90 % interval", "spread"}
	for _, phase := range m.phases() {
		heads = append(heads, string(phase))
	}
	return heads
}

func (m *measured) text(opt Options) []byte {
	p := &printer{color: opt.Color}
	words := []string{"measured"}
	if m.Measurement != nil {
		words = append(words, "by "+m.Measurement.Tool)
	}
	p.lines(faint, wrap(strings.Join(words, " · "), 0))
	p.line("")
	p.lines(boldGreen, wrap(m.headline(), 0))
	shared := sharedWords(m.arms)
	title := "Time from the request until the last start of a run is ready; phases are medians of starts"
	if len(shared) > 0 {
		title = strings.Join(shared, " ") + ": time from the request until the last start of a run is ready; phases are medians of starts"
	}
	p.heading(title)
	t := &textTable{}
	for i, head := range m.heads() {
		if i > 0 {
			head = ">" + head
		}
		t.heads = append(t.heads, head)
	}
	spreads := m.spreads()
	for i := range m.arms {
		t.add("", m.row(&m.arms[i], shared, spreads[i])...)
	}
	p.table(t)
	m.makingsText(p)
	p.list("Void runs, which do not count", m.voidRuns())
	p.list("Doubts", m.Doubts)
	p.list("Host", m.facts())
	p.tablesProvenance(m.Provenance.Version, "", m.Provenance.Now)
	return p.out.Bytes()
}

func (m *measured) voidRuns() (list []string) {
	if m.Measurement == nil {
		return nil
	}
	times := make(map[string]int)
	for _, r := range m.Measurement.Runs {
		if r.Void == "" {
			continue
		}
		words := fmt.Sprintf("%s, repeat %d: %s", r.Arm, r.Repeat, r.Void)
		if times[words]++; times[words] == 1 {
			list = append(list, words)
		}
	}
	for i, words := range list {
		if n := times[words]; n > 1 { // made again and again
			list[i] = fmt.Sprintf("%s (%d times)", words, n)
		}
	}
	return list
}

func (m *measured) facts() (list []string) {
	if m.Measurement == nil {
		return nil
	}
	for _, f := range m.Measurement.Facts {
		list = append(list, f.Name+": "+f.Value)
	}
	return list
}

func (m *measured) markdown() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "**%s**\n\n", markdownText(m.headline()))
	heads := m.heads()
	fmt.Fprintf(&b, "| %s |\n|---%s|\n", strings.Join(heads, " | "), strings.Repeat("|--:", len(heads)-1))
	spreads := m.spreads()
	for i := range m.arms {
		cells := m.row(&m.arms[i], nil, spreads[i])
		fmt.Fprintf(&b, "| %s | %s |\n", codeSpan(cells[0]), strings.Join(cells[1:], " | "))
	}
	m.makingsMarkdown(&b)
	for _, list := range []struct {
		name  string
		items []string
	}{{"Void runs, which do not count", m.voidRuns()}, {"Doubts", m.Doubts}, {"Host", m.facts()}} {
		if len(list.items) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s:\n\n", list.name)
		for _, s := range list.items {
			fmt.Fprintf(&b, "- %s\n", markdownText(s))
		}
	}
	return b.Bytes()
}

// csv has a row for each startup, and for each void run that came to none. Phases are
// named as such: one of them is called ready, and so is the time of the whole start.
func (m *measured) csv() ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	heads := []string{"arm", "repeat", "app", "node", "requested_seconds", "ready_seconds"}
	for _, phase := range m.phases() {
		heads = append(heads, "phase_"+string(phase)+"_seconds")
	}
	ends := []string{"fetched_bytes", "unpacked_bytes", "layers_reused", "hit", "void"}
	w.Write(append(slices.Clone(heads), ends...))
	for i := range m.Startups {
		s := &m.Startups[i]
		row := []string{s.Arm, strconv.Itoa(s.Repeat), s.App, s.Node, secondsField(&s.Requested), secondsField(&s.Ready)}
		for _, phase := range m.phases() {
			d, known := s.Phases.Of(phase)
			if !known {
				row = append(row, "")
				continue
			}
			row = append(row, secondsField(&d))
		}
		sizes := []string{"", "", ""}
		if !s.Unsized {
			sizes = []string{strconv.FormatInt(s.FetchedBytes, 10), strconv.FormatInt(s.UnpackedBytes, 10), strconv.Itoa(s.LayersReused)}
		}
		w.Write(append(append(row, sizes...), string(s.Hit), s.Void))
	}
	for _, r := range runsWithoutStartups(m.Timeline) {
		row := make([]string, len(heads)+len(ends))
		row[0], row[1], row[len(row)-1] = r.Arm, strconv.Itoa(r.Repeat), r.Void
		w.Write(row)
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// runsWithoutStartups are void runs that failed before a start was made. Void runs that
// have startups are told by these: of one arm and repeat they have the same reason.
func runsWithoutStartups(t *simulate.Timeline) (list []simulate.MeasuredRun) {
	if t.Measurement == nil {
		return nil
	}
	for _, r := range t.Measurement.Runs {
		has := func(s simulate.Startup) bool { return s.Arm == r.Arm && s.Repeat == r.Repeat && s.Void == r.Void }
		if r.Void != "" && !slices.ContainsFunc(t.Startups, has) {
			list = append(list, r)
		}
	}
	return list
}
