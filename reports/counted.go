package reports

import (
	"fmt"
	"math"

	"github.com/cachebench/cachebench/simulate/calibrate"
)

const (
	// countedTitle heads the table of pulls that are only counted, and countedLegend says
	// what its columns are.
	countedTitle  = "Pulls that kubelets counted, by the size of the image"
	countedLegend = "Median: where that of the counted pulls lies, by the bounds of the buckets. Predicted: the median of the known images of that size, with the fastest and the slowest; where none is known, one layer of the least and of the largest size. Off by: how far at least the predicted median, or all that is predicted, is outside. Covered: pulls in buckets that predictions reach into."
)

// countedError is by how much predictions are outside of what was counted at least, the mean
// over the pulls.
func countedError(c *calibrate.Calibration) (fraction float64, ok bool) {
	pulls, sum := 0, 0.0
	for i := range c.Counts {
		x := &c.Counts[i]
		pulls += x.Pulls
		sum += float64(x.Pulls) * math.Abs(x.LeastError)
	}
	if pulls == 0 {
		return 0, false
	}
	return sum / float64(pulls), true
}

// countsHeadline is the answer where nothing but counts is known.
func countsHeadline(c *calibrate.Calibration) string {
	e, ok := countedError(c)
	if !ok {
		return "Nothing could be compared."
	}
	within, known := 0, 0
	for i := range c.Counts {
		if c.Counts[i].LeastError == 0 {
			within++
		}
		if c.Counts[i].By != calibrate.BySizes {
			known++
		}
	}
	words := fmt.Sprintf("%s that kubelets counted: profile %s goes with %d of %s of sizes, and is off by %s at least in the mean over the pulls", count(c.Runs, "pull"), c.Profile, within, classes(len(c.Counts)), percent(e))
	if known == 0 {
		words += "; no image of these sizes is known, so that going with them says little"
	}
	return words + "."
}

func classes(n int) string {
	if n == 1 {
		return "1 class"
	}
	return fmt.Sprintf("%d classes", n)
}

// countedRow is a row of the table, in words.
func countedRow(x *calibrate.CountCheck) []string {
	median := "above " + seconds(x.From)
	switch {
	case x.To > 0 && x.From == 0:
		median = "up to " + seconds(x.To)
	case x.To > 0:
		median = seconds(x.From) + " to " + seconds(x.To)
	}
	predicted := seconds(x.Fastest) + " to " + seconds(x.Slowest)
	if x.Predicted != nil {
		predicted = seconds(*x.Predicted) + " (" + predicted + ")"
	}
	of := "any size"
	switch x.By {
	case calibrate.ByPulls:
		of = count(x.Images, "pulled image")
	case calibrate.ByInventory:
		of = count(x.Images, "image")
	}
	off := "within"
	switch {
	case x.LeastError > 0:
		off = percent(x.LeastError) + " long"
	case x.LeastError < 0:
		off = percent(-x.LeastError) + " short"
	}
	return []string{x.Size, number(float64(x.Pulls)), median, predicted, of, off, percent(x.CoveredFraction)}
}

// countedHeads are the columns.
func countedHeads() []string {
	return []string{"size", ">pulls", ">median", ">predicted", "of", ">off by", ">covered"}
}

func (p *printer) counted(list []calibrate.CountCheck, profile string) {
	if len(list) == 0 {
		return
	}
	p.heading(countedTitle + ", beside profile " + profile)
	t := &textTable{heads: countedHeads()}
	for i := range list {
		t.add("", countedRow(&list[i])...)
	}
	p.table(t)
	p.lines(faint, wrap(countedLegend, tableIndent))
}

func countedTable(list []calibrate.CountCheck) *table {
	t := newTable(countedTitle+". "+countedLegend, countedHeads()...)
	for i := range list {
		var cells []cell
		for _, word := range countedRow(&list[i]) {
			cells = append(cells, wordCell(word))
		}
		t.add(cells...)
	}
	return t
}
