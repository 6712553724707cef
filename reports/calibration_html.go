package reports

import (
	"math"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

// calibrationPage writes c as one HTML file: the page of a report, with predicted against
// measured times and the tables of errors.
func calibrationPage(c *calibrate.Calibration) ([]byte, error) { return calibrationView(c).page() }

func calibrationView(c *calibrate.Calibration) *view {
	shown := func(s *calibrate.Score) float64 { return s.Mean }
	if c.Basis != "layers" {
		shown = func(s *calibrate.Score) float64 { return s.Median }
	}
	v := &view{
		Title: "cachebench calibrate", Sources: simulate.Simulated + " and " + simulate.Measured,
		Verdict: &Verdict{Headline: CalibrationHeadline(c), Sentences: c.Choices},
		Inputs:  c.Provenance.Inputs, Doubts: c.Doubts,
	}
	v.Facts = facts(&Report{Provenance: c.Provenance})
	add := func(name, value string) {
		if value != "" && !slices.ContainsFunc(v.Facts, func(f fact) bool { return f.Name == name }) {
			v.Facts = append(v.Facts, fact{name, value})
		}
	}
	add("profile", c.Profile)
	add("base", c.Base)
	add("measured by", join(c.Tools))
	if !slices.Equal(c.Hosts, c.Tools) {
		add("hosts", strings.Join(c.Hosts, "; "))
	}
	add("runs", number(float64(c.Runs)))
	if c.VoidRuns > 0 {
		add("void runs left out", number(float64(c.VoidRuns)))
	}
	list := cellsBeside(c)
	v.Beside = scatterFigure("chart-beside", "Predicted against measured time to ready, by arm", "predicted", list)
	v.BesideTable = cellsTable(c)
	v.Calibrated = tables(scoredTable(title(c)+". "+legend(c), c.Totals, shown), countedTable(c.Counts), fittedTable(c), settingsTable(c))
	for _, words := range untold(c) {
		v.Assumptions = append(v.Assumptions, "Cannot be told by these runs: "+words)
	}
	v.CalibratedFolded = tables(scoredTable("Error of each phase of single starts", c.Phases, shown), scoredTable("Error by image", c.Images, shown), readyTable(c))
	return v
}

// cellsBeside are the arms that the profile was not fitted to, else all.
func cellsBeside(c *calibrate.Calibration) []beside {
	var list []beside
	some := slices.ContainsFunc(c.Cells, func(x calibrate.Cell) bool { return !x.Fitted })
	for i := range c.Cells {
		if x := &c.Cells[i]; !x.Fitted || !some {
			list = append(list, beside{name: x.Arm, class: x.Class, measured: x.Measured.Seconds(), predicted: x.Predicted.Seconds(), runs: x.Runs})
		}
	}
	return list
}

// cellsTable has every arm, the one that is predicted worst first.
func cellsTable(c *calibrate.Calibration) *table {
	cells := slices.Clone(c.Cells)
	slices.SortStableFunc(cells, func(x, y calibrate.Cell) int {
		switch a, b := math.Abs(x.Error), math.Abs(y.Error); {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	t := newTable("Arms, the one that is predicted worst first", "arm", "class", ">runs", ">measured", ">predicted", ">error", ">noise", "fitted to it")
	for i := range cells[:min(len(cells), maxPageRows)] {
		x := &cells[i]
		noise := cell{Text: "–", Number: true}
		if x.Noise != nil {
			noise = fractionCell(*x.Noise)
		}
		t.add(wordCell(x.Arm), wordCell(x.Class), countCell(x.Runs), briefCell(x.Measured.Seconds()), briefCell(x.Predicted.Seconds()), errorCell(x.Error), noise, wordCell(yesNo(&x.Fitted)))
	}
	return t.unlessEmpty()
}

// briefCell keeps milliseconds of what takes less than a second.
func briefCell(v float64) cell {
	return cell{Text: shortSeconds(durationOf(v)), Value: exact(v), Number: true}
}

// scoredTable has a row for each thing of which something was predicted, and a column
// for each way to predict it.
func scoredTable(caption string, list []calibrate.Scored, of func(*calibrate.Score) float64) *table {
	list = slices.DeleteFunc(slices.Clone(list), func(s calibrate.Scored) bool { return predicted(&s) == nil })
	var shown []string
	for _, by := range predictors() {
		if slices.ContainsFunc(list, func(s calibrate.Scored) bool { return s.Of(by) != nil }) {
			shown = append(shown, by)
		}
	}
	t := newTable(caption, "of", ">n")
	for _, by := range shown {
		t.head(">" + columnOf(by))
	}
	for _, head := range []string{">median", ">p90", ">worst", ">bias"} {
		t.head(head)
	}
	for i := range list[:min(len(list), maxPageRows)] {
		s := &list[i]
		best := predicted(s)
		row := []cell{wordCell(shortReference(s.What)), countCell(best.Count)}
		for _, by := range shown {
			c := cell{Text: "–", Number: true}
			if x := s.Of(by); x != nil {
				c = cell{Text: errorPercents([]float64{of(x)})[0], Value: exact(of(x)), Number: true}
			}
			row = append(row, c)
		}
		t.add(append(row, fractionCell(best.Median), fractionCell(best.P90), namedNumber(fractionCell(best.Worst), best.WorstArm), errorCell(best.Bias))...)
	}
	return t
}

func namedNumber(c cell, title string) cell {
	c.Title = title
	return c
}

func fittedTable(c *calibrate.Calibration) *table {
	t := newTable("Parameters that these runs tell, with their 90 % intervals", "parameter", ">value", ">from", ">to", ">base")
	value := func(name string, v float64) cell {
		return cell{Text: parameterWords(name, v), Value: exact(v), Number: true}
	}
	for i := range c.Parameters {
		x := &c.Parameters[i]
		if x.Low == nil || x.High == nil {
			continue
		}
		base := cell{Text: "unlimited", Number: true}
		if x.Base != nil {
			base = value(x.Name, *x.Base)
		}
		t.add(wordCell(x.Name), value(x.Name, x.Value), value(x.Name, *x.Low), value(x.Name, *x.High), base)
	}
	return t
}

func settingsTable(c *calibrate.Calibration) *table {
	t := newTable("As set in all runs", "parameter", "value")
	for _, s := range c.Settings {
		t.add(wordCell(s.Name), wordCell(s.Value))
	}
	return t
}

func readyTable(c *calibrate.Calibration) *table {
	t := newTable("The programs' own times to ready, for the workload's readySeconds", "app", ">ready")
	for _, a := range c.Apps {
		t.add(namedCell(shortReference(a.App), a.App), briefCell(a.Ready.Seconds()))
	}
	return t
}
