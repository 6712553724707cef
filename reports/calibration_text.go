package reports

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

func isBuiltIn(name string) bool { return slices.Contains(simulate.BuiltInNames(), name) }

// calibrationText writes c for a terminal: the answer first.
func calibrationText(c *calibrate.Calibration, opt Options) []byte {
	p := &printer{color: opt.Color}
	p.lines(bold, wrap(CalibrationHeadline(c), 0))
	words := []string{"measured by " + join(c.Tools)}
	if !slices.Equal(c.Hosts, c.Tools) {
		words = append(words, strings.Join(c.Hosts, "; "))
	}
	if c.VoidRuns > 0 {
		words = append(words, count(c.VoidRuns, "void run")+" left out")
	}
	if c.Folds > 0 {
		words = append(words, fmt.Sprintf("%d folds", c.Folds))
	}
	p.lines(faint, wrap(strings.Join(words, " · "), 0))
	shown := func(s *calibrate.Score) float64 { return s.Mean }
	if c.Basis != "layers" {
		shown = func(s *calibrate.Score) float64 { return s.Median }
	}
	p.scored(title(c), c.Totals, shown)
	if c.Basis != "counts" {
		p.lines(faint, wrap(legend(c), tableIndent))
	}
	if c.Basis == "pulls" || c.Basis == "images" {
		p.factor(c)
	}
	p.counted(c.Counts, c.Profile)
	p.fittedParameters(c)
	p.settings(c)
	p.list("What runs that were left out decided", c.Choices)
	p.scored("Error of each phase of single starts", c.Phases, shown)
	p.worstCells(c)
	p.scored("Error by image", c.Images, shown)
	p.readyApps(c)
	p.list("Doubts", c.Doubts)
	p.tablesProvenance(c.Provenance.Version, c.Profile, c.Provenance.Now)
	return p.out.Bytes()
}

// predictors are the columns of errors, in order.
func predictors() []string {
	return []string{calibrate.ByBase, calibrate.ByFit, calibrate.ByHeldOut, calibrate.ByProfile, calibrate.ByBytes, calibrate.BySum, calibrate.Noise}
}

// legend says what the columns of errors are.
func legend(c *calibrate.Calibration) string {
	words, of, noise := "Mean absolute errors", "arms", "how far a median of an arm's runs lies from itself when they are made again"
	if c.Basis != "layers" {
		words, of, noise = "Median absolute errors", "pulls", "each pull against the median of the others of its image"
	}
	words += "; n (" + of + "), med/p90/max (median, nine of ten, worst) and bias (above 0: predicted too long) are of held-out, else of the profile that was checked, else of what was fitted. Noise, the floor of an error: " + noise + "."
	if c.Basis != "layers" {
		return words + " By bytes is a naive prediction: bytes over one rate."
	}
	return words + " By bytes and sum are naive predictions by the same values: bytes over bandwidth, and that with unpacking added."
}

// scored is a table of errors, a row for each thing of which something was predicted.
func (p *printer) scored(title string, list []calibrate.Scored, of func(*calibrate.Score) float64) {
	list = slices.DeleteFunc(slices.Clone(list), func(s calibrate.Scored) bool { return predicted(&s) == nil })
	if len(list) == 0 {
		return
	}
	p.heading(title)
	var shown []string
	for _, by := range predictors() {
		if slices.ContainsFunc(list, func(s calibrate.Scored) bool { return s.Of(by) != nil }) {
			shown = append(shown, by)
		}
	}
	t := &textTable{heads: []string{"", ">n"}}
	for _, by := range shown {
		t.heads = append(t.heads, ">"+columnOf(by))
	}
	t.heads = append(t.heads, ">med/p90/max %", ">bias")
	columns := make([][]string, len(shown))
	for k, by := range shown {
		columns[k] = errorPercents(column(list, func(s *calibrate.Scored) float64 { return errorOf(s.Of(by), of) }))
	}
	biases := signedErrors(column(list, func(s *calibrate.Scored) float64 { return predicted(s).Bias }))
	for i := range list {
		s := &list[i]
		best := predicted(s)
		row := []string{shortReference(s.What), fmt.Sprint(best.Count)}
		for k := range columns {
			row = append(row, columns[k][i])
		}
		spread := fmt.Sprintf("%s/%s/%s", inPercent(best.Median), inPercent(best.P90), inPercent(best.Worst))
		t.add("", append(row, spread, biases[i])...)
	}
	p.table(t)
}

// inPercent is a share in per cent without the sign.
func inPercent(fraction float64) string {
	if p := fraction * 100; p < 9.95 {
		return trimmed(p, 1)
	}
	return decimal(fraction*100, 0)
}

// title says what the errors are of.
func title(c *calibrate.Calibration) string {
	if c.Basis != "layers" {
		return "Error of the time of a pull"
	}
	return "Error of the time to ready, of the last start where several start together"
}

// columnOf shortens the name of a way to predict.
func columnOf(by string) string {
	switch by {
	case calibrate.ByBytes:
		return "by bytes"
	case calibrate.BySum:
		return "sum"
	}
	return by
}

// column is a figure of each of a list, in its order.
func column[T any](list []T, of func(*T) float64) []float64 {
	figures := make([]float64, len(list))
	for i := range list {
		figures[i] = of(&list[i])
	}
	return figures
}

// errorOf is NaN where nothing was predicted.
func errorOf(s *calibrate.Score, of func(*calibrate.Score) float64) float64 {
	if s == nil {
		return math.NaN()
	}
	return of(s)
}

func (p *printer) factor(c *calibrate.Calibration) {
	if f := c.Factor; f != nil {
		p.line("")
		p.lines("", wrap(fmt.Sprintf("All rates of a pull are %.3g of those of profile %s (90 %% interval %.3g to %.3g): events do not tell fetching from unpacking, so one factor holds for both.", f.Value, c.Base, f.Low, f.High), 0))
	}
}

// fittedParameters are the values that were told, then why the others were not.
func (p *printer) fittedParameters(c *calibrate.Calibration) {
	if len(c.Parameters) == 0 {
		return
	}
	p.heading("Parameters, with their 90 % intervals")
	t := &textTable{heads: []string{"parameter", ">value", ">from", ">to", ">base"}}
	for i := range c.Parameters {
		x := &c.Parameters[i]
		base := "unlimited"
		if x.Base != nil {
			base = parameterWords(x.Name, *x.Base)
		}
		if x.Low != nil && x.High != nil {
			t.add("", x.Name, parameterWords(x.Name, x.Value), parameterWords(x.Name, *x.Low), parameterWords(x.Name, *x.High), base)
		}
	}
	if len(t.rows) > 0 {
		p.table(t)
	}
	p.list("Cannot be told by these runs", untold(c))
}

// settings are what the experiment set in all runs, which the profile has too.
func (p *printer) settings(c *calibrate.Calibration) {
	var words []string
	for _, s := range c.Settings {
		words = append(words, s.Name+" "+s.Value)
	}
	if len(words) > 0 {
		p.line("")
		p.lines("", wrap("As set in all runs: "+strings.Join(words, ", ")+".", 0))
	}
}

// untold are the parameters that could not be told, those of one reason together.
func untold(c *calibrate.Calibration) []string {
	type reason struct{ why, measure string }
	var order []reason
	of := make(map[reason][]*calibrate.Parameter)
	for i := range c.Parameters {
		x := &c.Parameters[i]
		if x.CannotBeTold == "" {
			continue
		}
		r := reason{x.CannotBeTold, x.Measure}
		if of[r] == nil {
			order = append(order, r)
		}
		of[r] = append(of[r], x)
	}
	var list []string
	for _, r := range order {
		var names []string
		for _, x := range of[r] {
			names = append(names, x.Name+" ("+takenWords(x)+")")
		}
		words := join(names) + ": " + r.why
		if r.measure != "" {
			words += "; to tell it, measure " + r.measure
		}
		list = append(list, words+".")
	}
	return list
}

// takenWords say which value holds.
func takenWords(x *calibrate.Parameter) string {
	switch {
	case x.Set:
		return "set to " + parameterWords(x.Name, x.Value)
	case x.Raised:
		return "taken is " + parameterWords(x.Name, x.Value)
	case x.Unlimited:
		return "stays unlimited"
	}
	return "stays " + parameterWords(x.Name, x.Value)
}

// parameterWords write a value in the unit that its name ends in.
func parameterWords(name string, v float64) string {
	switch {
	case strings.HasSuffix(name, "BytesPerSecond"):
		return fmt.Sprintf("%.4g MB/s", v/1e6)
	case strings.HasSuffix(name, "Seconds"):
		unit, scale := "s", 1.0
		switch a := math.Abs(v); {
		case a < 1e-3:
			unit, scale = "µs", 1e6
		case a < 1:
			unit, scale = "ms", 1e3
		}
		return fmt.Sprintf("%.3g %s", v*scale, unit)
	}
	return fmt.Sprintf("%.3g", v)
}

// maxWorst is how many arms are listed.
const maxWorst = 10

// worstCells are those that were predicted: what the profile was fitted to is no
// prediction, where there are others.
func (p *printer) worstCells(c *calibrate.Calibration) {
	cells := slices.DeleteFunc(slices.Clone(c.Cells), func(x calibrate.Cell) bool { return x.Fitted })
	if len(cells) == 0 {
		return
	}
	slices.SortStableFunc(cells, func(x, y calibrate.Cell) int { return cmp.Compare(math.Abs(y.Error), math.Abs(x.Error)) })
	p.heading("Arms that are predicted worst")
	t := &textTable{heads: []string{"arm", "class", ">runs", ">measured", ">predicted", ">error", ">noise"}}
	worst := cells[:min(len(cells), maxWorst)]
	errors := signedErrors(column(worst, func(x *calibrate.Cell) float64 { return x.Error }))
	noises := errorPercents(column(worst, func(x *calibrate.Cell) float64 {
		if x.Noise == nil {
			return math.NaN()
		}
		return *x.Noise
	}))
	for i := range worst {
		x := &worst[i]
		t.add("", x.Arm, x.Class, fmt.Sprint(x.Runs), shortSeconds(x.Measured), shortSeconds(x.Predicted), errors[i], noises[i])
	}
	p.table(t)
	if len(cells) > maxWorst {
		p.lines("", wrap(fmt.Sprintf("The first %d of %s; the rest is in the JSON output.", maxWorst, count(len(cells), "arm")), tableIndent))
	}
}

// shortSeconds keeps milliseconds of what takes less than a second.
func shortSeconds(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.0f ms", float64(d)/1e6)
	}
	return seconds(d)
}

func (p *printer) readyApps(c *calibrate.Calibration) {
	if len(c.Apps) == 0 {
		return
	}
	p.heading("The programs' own times to ready, for the workload's readySeconds")
	t := &textTable{heads: []string{"app", ">ready"}}
	for _, a := range c.Apps {
		t.add("", shortReference(a.App), shortSeconds(a.Ready))
	}
	p.table(t)
}
