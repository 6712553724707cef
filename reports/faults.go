package reports

import (
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/simulate"
)

// faults says what went wrong, and what it cost the starts of each arm.
func (p *printer) faults(r *Report) {
	if len(r.Disturbances) == 0 {
		return
	}
	p.heading("Faults, beside the same starts without them (" + r.sourceWords() + ")")
	for _, f := range r.Faults {
		p.lines("", wrap(faultWords(&f), tableIndent))
	}
	t := &textTable{heads: []string{"arm", ">starts", ">affected", ">retries", ">wasted", ">mean delay", ">worst delay", ">last one ready"}}
	for _, d := range r.Disturbances {
		t.add("", r.armLabel(d.Arm), number(float64(d.Starts)), number(float64(d.Affected)), number(float64(d.Retries)), size(d.WastedBytes),
			delayWords(&d, longTime(d.MeanDelay)), delayWords(&d, longTime(d.WorstDelay)), recovery(&d))
	}
	p.table(t)
	p.lines("", wrap(faultNote, tableIndent))
}

const faultNote = "affected: tried again, ready later than without the faults, or never; wasted: compressed bytes sent for nothing; last one ready: of the affected, since the beginning"

// faultWords is a fault as a sentence.
func faultWords(f *simulate.Fault) string {
	at := "From " + longTime(f.At) + " on, for " + longTime(f.For) + ", "
	switch f.Kind {
	case "registry-down":
		return at + "the registry answers nothing."
	case "registry-slow":
		return at + "the registry sends " + size(int64(f.Registry)) + "/s to all nodes together."
	case "node-lost":
		return fmt.Sprintf("At %s node %s is lost; after %s its starts are made again, on an empty node.", longTime(f.At), f.Node, longTime(f.For))
	}
	return f.String() + "."
}

func delayWords(d *simulate.Disturbance, words string) string {
	if d.Recovered == nil {
		return "-"
	}
	return words
}

func recovery(d *simulate.Disturbance) string {
	if d.Recovered == nil {
		return "-"
	}
	return longTime(*d.Recovered)
}

func faultsTable(r *Report) *table {
	if len(r.Disturbances) == 0 {
		return nil
	}
	var words []string
	for _, f := range r.Faults {
		words = append(words, faultWords(&f))
	}
	t := newTable("Faults, beside the same starts without them. "+strings.Join(words, " ")+" "+sentence(faultNote),
		"arm", ">starts", ">affected", ">retries", ">wasted", ">mean delay", ">worst delay", ">last one ready")
	for _, d := range r.Disturbances {
		mean, worst, last := cell{Text: "-", Number: true}, cell{Text: "-", Number: true}, cell{Text: "-", Number: true}
		if d.Recovered != nil {
			mean, worst, last = longTimeCell(d.MeanDelay), longTimeCell(d.WorstDelay), longTimeCell(*d.Recovered)
		}
		t.add(wordCell(r.armLabel(d.Arm)), countCell(d.Starts), countCell(d.Affected), countCell(d.Retries), bytesCell(d.WastedBytes), mean, worst, last)
	}
	return t
}
