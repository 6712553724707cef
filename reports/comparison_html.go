package reports

import (
	"slices"

	"github.com/cachebench/cachebench/simulate"
)

// comparisonPage writes c as one HTML file: the page of a report, with tables alone. It
// has every figure, those that are the same folded.
func comparisonPage(c *Comparison) ([]byte, error) {
	v := &view{
		Title: "cachebench compare", Sources: join(c.New.condition("source")),
		Verdict: &Verdict{Headline: c.headline()}, Doubts: c.Doubts, Facts: c.facts(),
		Inputs: []simulate.Input{{Name: "OLD, " + c.Old.File, Digest: c.Old.Digest}, {Name: "NEW, " + c.New.File, Digest: c.New.Digest}},
	}
	for _, refusal := range c.Refusals {
		v.Verdict.Sentences = append(v.Verdict.Sentences, sentence(refusal))
	}
	if c.Gate != nil {
		v.Verdict.Sentences = append(v.Verdict.Sentences, c.Gate.Line())
	}
	if c.Gate != nil && c.IsComparable() {
		v.Gate, v.Rules = c.gateHeadline(), gateTable(c.Gate)
	}
	var differ []*table
	if differ, v.Same = c.changesTables(); len(differ) == 0 && v.Same != nil {
		v.ComparedNote = "Nothing: " + v.Same.Caption + "."
	}
	v.Compared = differ
	for _, t := range []*table{benchmarksTable("Missing in NEW", c.Missing), benchmarksTable("Only in NEW, and not compared", c.Added)} {
		if t != nil {
			v.Compared = append(v.Compared, t)
		}
	}
	return v.page()
}

// facts are the conditions of both sides, and what was done to their names.
func (c *Comparison) facts() []fact {
	var list []fact
	for _, side := range []struct {
		name string
		*ComparedResult
	}{{"OLD", &c.Old}, {"NEW", &c.New}} {
		for _, condition := range side.Conditions {
			its := fact{condition.Name, some(condition.Values, 3)}
			switch i := slices.IndexFunc(list, func(f fact) bool { return f.Name == its.Name }); {
			case i < 0 && side.name == "NEW":
				list = append(list, fact{its.Name, "NEW " + its.Value})
			case i < 0:
				list = append(list, its)
			case list[i].Value != its.Value:
				list[i].Value = "OLD " + list[i].Value + ", NEW " + its.Value
			}
		}
	}
	if len(c.Renamed) > 0 {
		list = append(list, fact{"renamed", some(c.Renamed, 20)})
	}
	if len(c.Inputs) > 0 {
		list = append(list, fact{"inputs that differ", some(c.Inputs, 20)})
	}
	return list
}

// changesTables are a table of what is not the same, where there is anything, and one of
// what is; nil for none.
func (c *Comparison) changesTables() (differ []*table, same *table) {
	var changed, equal []*Change
	for i := range c.Changes {
		if x := &c.Changes[i]; x.State == ChangeSame {
			equal = append(equal, x)
		} else {
			changed = append(changed, x)
		}
	}
	if len(changed) > 0 {
		differ = append(differ, c.changesTable("Figures", changed))
	}
	if n := len(equal); n > 0 {
		words := count(n, "figure")
		if len(changed) > 0 {
			words = count(n, "further figure")
		}
		same = c.changesTable(words+areIs(n)+" the same", equal)
	}
	return differ, same
}

func (c *Comparison) changesTable(caption string, list []*Change) *table {
	caption += c.sourceWords()
	if slices.ContainsFunc(list, func(x *Change) bool { return x.Test == TestMannWhitney }) {
		caption += ": " + c.legend()
	}
	t := newTable(caption, "benchmark", "figure", ">OLD", ">NEW", "change", ">runs")
	value := func(v *Compared, unit string) cell {
		if v == nil {
			return cell{Text: "-", Number: true}
		}
		return cell{Text: v.spread(unit), Value: exact(v.Value), Number: true}
	}
	for _, x := range list {
		change := longCell(x.changeWords())
		change.Title = x.Reason
		t.add(wordCell(x.Name), cell{Text: x.Figure, Code: true}, value(x.Old, x.Unit), value(x.New, x.Unit), change, cell{Text: x.runsWords(), Number: true})
	}
	t.dropUnknown()
	return t
}

func benchmarksTable(caption string, names []string) *table {
	t := newTable(caption, "benchmark")
	for _, name := range names {
		t.add(wordCell(name))
	}
	return t.unlessEmpty()
}
