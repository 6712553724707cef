package reports

import (
	"fmt"
	"math"

	"github.com/cachebench/cachebench/simulate"
)

// besides are the medians of each app and arm that were both measured and simulated.
func (r *Report) besides() []beside {
	type condition struct{ app, arm string }
	simulated := make(map[condition]*Summary)
	for i := range r.Summaries {
		if s := &r.Summaries[i]; s.Source == simulate.Simulated {
			simulated[condition{s.App, s.Arm}] = s
		}
	}
	var list []beside
	for i := range r.Summaries {
		s := &r.Summaries[i]
		if x := simulated[condition{s.App, s.Arm}]; s.Source == simulate.Measured && x != nil {
			list = append(list, beside{
				name: s.App + ", " + r.armLabel(s.Arm), class: r.armLabel(s.Arm), arm: s.Arm,
				measured: s.P50.Seconds(), predicted: x.P50.Seconds(), runs: s.Starts,
			})
		}
	}
	return list
}

func (v *view) addBeside(r *Report) {
	list := r.besides()
	v.Beside = scatterFigure("chart-beside", "Simulated against measured median time to ready, by app and arm", simulate.Simulated, list)
	v.BesideTable = besideTable("Median time to ready, simulated against measured", "simulated", "starts measured", list)
}

// maxBesideRows bounds the table; the chart has all points.
const maxBesideRows = 500

func besideTable(caption, predicted, counted string, list []beside) *table {
	if rest := len(list) - maxBesideRows; rest > 0 {
		caption += fmt.Sprintf(" (%d more are in the chart and in the JSON form)", rest)
	}
	t := newTable(caption, "what", ">"+counted, ">measured", ">"+predicted, ">error")
	for i := range list[:min(len(list), maxBesideRows)] {
		p := &list[i]
		t.add(wordCell(p.name), countCell(p.runs), secondsOfCell(p.measured), secondsOfCell(p.predicted), errorCell(p.error()))
	}
	return t.unlessEmpty()
}

func secondsOfCell(v float64) cell { return cell{Text: secondsOf(v), Value: exact(v), Number: true} }

func errorCell(f float64) cell {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return cell{Text: "–", Number: true}
	}
	return cell{Text: signedPercent(f), Value: exact(f), Number: true}
}
