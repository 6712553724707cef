package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/simulate"
)

// setback is something that starts had to do again, or that made others do so.
type setback struct {
	head, meaning string
	value         func(*Summary) float64
	words         func(float64) string
}

// setbacks are those that any arm has; what faults cost has a table of its own.
func (r *Report) setbacks() []setback {
	bytes := func(v float64) string { return size(int64(v)) }
	all := []setback{
		{"retries", "retries: pulls that failed and were tried again, and starts made anew on another node", func(s *Summary) float64 { return float64(s.Retries) }, number},
		{"sent for nothing", "sent for nothing: compressed", func(s *Summary) float64 { return float64(s.WastedBytes) }, bytes},
		{"images evicted", "evicted: by pulls that filled a node's disk", func(s *Summary) float64 { return float64(s.EvictedImages) }, number},
		{"fetched again", "fetched again: compressed, what a node had until it was evicted", func(s *Summary) float64 { return float64(s.RefetchedBytes) }, bytes},
	}
	if len(r.Disturbances) > 0 {
		all = all[2:]
	}
	return slices.DeleteFunc(all, func(b setback) bool {
		return !slices.ContainsFunc(r.Arms, func(s Summary) bool { return b.value(&s) > 0 })
	})
}

func setbacksNote(list []setback) string {
	var words []string
	for _, b := range list {
		words = append(words, b.meaning)
	}
	return strings.Join(words, "; ")
}

// setbacksCaption heads them; they are sums over the starts.
func (r *Report) setbacksCaption() string {
	caption := "Retries and evictions, all starts of an arm together"
	if n := r.repeatsCount(); n > 1 {
		caption = fmt.Sprintf("Retries and evictions, all starts of an arm's %d repeats together", n)
	}
	return caption + " (" + r.sourceWords() + ")"
}

// retriesAndEvictions prints what went on besides the times, where anything did.
func (p *printer) retriesAndEvictions(r *Report) {
	list := r.setbacks()
	if len(list) == 0 {
		return
	}
	p.heading(r.setbacksCaption())
	t := &textTable{heads: []string{"arm"}}
	for _, b := range list {
		t.heads = append(t.heads, ">"+b.head)
	}
	for i := range r.Arms {
		s := &r.Arms[i]
		cells := []string{r.seriesLabel(s.Arm, s.Source)}
		for _, b := range list {
			cells = append(cells, b.words(b.value(s)))
		}
		t.add("", cells...)
	}
	p.table(t)
	p.lines("", wrap(setbacksNote(list), tableIndent))
}

func setbacksTable(r *Report) *table {
	list := r.setbacks()
	if len(list) == 0 {
		return nil
	}
	t := newTable(r.setbacksCaption()+"; "+setbacksNote(list), "arm")
	for _, b := range list {
		t.head(">" + b.head)
	}
	for i := range r.Arms {
		s := &r.Arms[i]
		row := []cell{wordCell(r.seriesLabel(s.Arm, s.Source))}
		for _, b := range list {
			v := b.value(s)
			row = append(row, cell{Text: b.words(v), Value: exact(v), Number: true})
		}
		t.add(row...)
	}
	return t
}

// addSetbacks counts a startup's.
func (s *Summary) addSetbacks(start *simulate.Startup) {
	s.Retries += start.Retries
	s.WastedBytes += start.WastedBytes
	s.EvictedImages += start.EvictedImages
	s.RefetchedBytes += start.RefetchedBytes
}
