package reports

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// comparisonText writes c for a terminal: the verdict first, the verdict for
// programs last.
func comparisonText(c *Comparison, opt Options) []byte {
	p := &printer{color: opt.Color}
	p.lines(faint, wrap(strings.Join(c.opening(), " · "), 0))
	p.line("")
	if c.Gate != nil {
		p.lines(gateColor(c.Gate), wrap(c.gateHeadline(), 0))
	}
	p.lines(bold, wrap(c.headline(), 0))
	p.list("What stands in the way", c.Refusals)
	p.list("Missing in NEW", someItems(c.Missing, mostNamed))
	p.list("Only in NEW, and not compared", someItems(c.Added, mostNamed))
	if c.IsComparable() {
		p.gate(c.Gate)
	}
	p.changes(c)
	p.list("Doubts", c.Doubts)
	p.sides(c)
	if c.Gate != nil {
		p.line("")
		p.line(c.Gate.Line())
	}
	return p.out.Bytes()
}

// opening says what is compared: its source, platform and profile.
func (c *Comparison) opening() []string {
	words := []string{"compare"}
	for _, name := range []string{"source", "platform", "profile"} {
		if values := c.New.condition(name); len(values) > 0 {
			value := some(values, 3)
			if name == "profile" {
				value = "profile " + value
			}
			words = append(words, value)
		}
	}
	return words
}

// condition are the values of a condition.
func (r *ComparedResult) condition(name string) []string {
	for _, c := range r.Conditions {
		if c.Name == name {
			return c.Values
		}
	}
	return nil
}

// gateHeadline is that of the gate, or says that there is nothing to judge.
func (c *Comparison) gateHeadline() string {
	if !c.IsComparable() {
		return "Gate error: the results cannot be compared."
	}
	return c.Gate.headline() + "."
}

// headline says what differs, in one line.
func (c *Comparison) headline() string {
	if len(c.Refusals) > 0 {
		return sentence("OLD and NEW cannot be compared: " + c.Refusals[0])
	}
	if !c.IsComparable() {
		return sentence(c.obstacle())
	}
	differ, unclear := c.count(ChangeDiffers), c.count(ChangeUnclear)+c.count(ChangeTooFew)
	all := len(c.Changes) - c.count(ChangeAdded)
	switch {
	case all == 0:
		return "There is nothing that both have."
	case c.count(ChangeSame) == all:
		return fmt.Sprintf("Nothing differs: %s the same.", count(all, "figure")+areIs(all))
	case differ == 0 && unclear > 0:
		return fmt.Sprintf("No difference is significant: %d of %s may differ by chance.", unclear, count(all, "figure"))
	case differ == 0:
		return fmt.Sprintf("Of %s %s the same, the others are not known on both sides.", count(all, "figure"), fmt.Sprintf("%d", c.count(ChangeSame))+areIs(c.count(ChangeSame)))
	}
	head := fmt.Sprintf("%d of %s", differ, count(all, "figure"))
	if differ == 1 {
		head += " differs"
	} else {
		head += " differ"
	}
	if unclear > 0 {
		head += fmt.Sprintf(", %d more may by chance", unclear)
	}
	if x := c.most(); x != nil {
		head += fmt.Sprintf("; the start that changes most is that of %s: %s", x.Name, x.fromTo())
	}
	return head + "."
}

func (c *Comparison) count(state string) int {
	n := 0
	for i := range c.Changes {
		if c.Changes[i].State == state {
			n++
		}
	}
	return n
}

// most is the start whose time changes most, in relation to what it was.
func (c *Comparison) most() *Change {
	var most *Change
	for i := range c.Changes {
		x := &c.Changes[i]
		if x.Figure == UnitStartup && x.State == ChangeDiffers && x.Relative != nil && (most == nil || math.Abs(*x.Relative) > math.Abs(*most.Relative)) {
			most = x
		}
	}
	return most
}

// fromTo writes both values and the change: 6.51 s → 6.83 s (+4.9 %).
func (x *Change) fromTo() string {
	s := x.Old.words(x.Unit) + " → " + x.New.words(x.Unit)
	if r := x.relativeWords(); r != "" {
		s += " (" + r + ")"
	}
	return s
}

// words write a value; nil is unknown.
func (v *Compared) words(unit string) string {
	if v == nil {
		return "-"
	}
	return amountWords(v.Value, unit)
}

// spread writes a value with how far its interval reaches.
func (v *Compared) spread(unit string) string {
	s := v.words(unit)
	if v != nil && v.Low != nil && v.High != nil && v.Value != 0 && *v.High > *v.Low {
		s += " ± " + percent(max(*v.High-v.Value, v.Value-*v.Low)/math.Abs(v.Value))
	}
	return s
}

// relativeWords write a change in per cent; empty where there is none.
func (x *Change) relativeWords() string {
	if x.Relative == nil || *x.Relative == 0 || x.State == ChangeSame {
		return ""
	}
	sign, fraction := "+", *x.Relative
	if fraction < 0 {
		sign, fraction = "-", -fraction
	}
	if fraction < 0.0005 {
		return sign + "0.0 %"
	}
	return sign + percent(fraction)
}

// changeWords are the last cell of a figure: how it changes, or why that is not
// said.
func (x *Change) changeWords() string {
	switch x.State {
	case ChangeDiffers:
		return cmpOr(x.relativeWords(), "differs") + x.pWords()
	case ChangeUnclear:
		return oneLine("~ " + x.relativeWords() + x.pWords())
	case ChangeTooFew:
		return oneLine(fmt.Sprintf("~ %s (%d runs a side are needed)", x.relativeWords(), x.Needed))
	case ChangeUnknown:
		return "unknown"
	case ChangeAdded:
		return "new"
	}
	return "same"
}

func (x *Change) pWords() string {
	if x.P == nil {
		return ""
	}
	return " (p=" + probability(*x.P) + ")"
}

// mostChanges bounds the figures of a text, mostMarkdownChanges those of Markdown.
const (
	mostChanges         = 60
	mostMarkdownChanges = 200
)

// shown are the figures that a person is shown, with those that differ whatever
// they are; and how many others there are.
func (c *Comparison) shown(most int) (list []*Change, same, more int) {
	ruled := make(map[string]bool)
	if c.Gate != nil {
		for i := range c.Gate.Outcomes {
			o := &c.Gate.Outcomes[i]
			ruled[o.Figure+"\x00"+o.Of] = true
		}
	}
	for i := range c.Changes {
		x := &c.Changes[i]
		switch {
		case x.State == ChangeSame && x.Figure != UnitStartup && !ruled[x.Figure+"\x00"+x.Name]:
			same++
		case len(list) == most:
			more++
		default:
			list = append(list, x)
		}
	}
	return list, same, more
}

// runsWords are how many runs a measured figure was made of on both sides.
func (x *Change) runsWords() string {
	n := func(v *Compared) string {
		if v == nil || x.Test == TestExact {
			return "-"
		}
		return strconv.Itoa(v.Runs)
	}
	if x.Old == nil || n(x.Old) == n(x.New) {
		return n(x.New)
	}
	return n(x.Old) + "+" + n(x.New)
}

func (p *printer) changes(c *Comparison) {
	list, same, more := c.shown(mostChanges)
	if len(list) > 0 {
		p.heading("Figures" + c.sourceWords())
		t := &textTable{whole: true, heads: []string{"benchmark", "figure", ">OLD", ">NEW", "change", ">runs"}}
		for _, x := range list {
			t.add("", x.Name, x.Figure, x.Old.spread(x.Unit), x.New.spread(x.Unit), x.changeWords(), x.runsWords())
		}
		t.dropUnknown()
		p.table(t)
	}
	if words := moreWords(same, more); words != "" {
		p.lines("", wrap(words, tableIndent))
	}
	if slices.ContainsFunc(list, func(x *Change) bool { return x.Test == TestMannWhitney }) {
		p.lines("", wrap(c.legend(), tableIndent))
	}
}

// sourceWords say in brackets where the values come from.
func (c *Comparison) sourceWords() string {
	if values := c.New.condition("source"); len(values) > 0 {
		return " (" + join(values) + ")"
	}
	return ""
}

func moreWords(same, more int) string {
	var words []string
	if same > 0 {
		words = append(words, count(same, "further figure")+areIs(same)+" the same")
	}
	if more > 0 {
		words = append(words, fmt.Sprintf("%d more %s not shown", more, strings.TrimSpace(areIs(more))))
	}
	if len(words) == 0 {
		return ""
	}
	return join(words) + "; all are in the JSON output"
}

// legend says what the columns of measured values mean.
func (c *Comparison) legend() string {
	return fmt.Sprintf("medians ± their %s interval; ~ is a difference that may be chance (Mann-Whitney U test, p above %s)", percent(c.Confidence), exact(c.Alpha))
}

// sides say what was compared.
func (p *printer) sides(c *Comparison) {
	p.heading("Compared")
	for _, side := range c.sideWords() {
		p.lines("", wrap(side, tableIndent))
	}
	if len(c.Renamed) > 0 {
		p.lines("", wrap("Renamed: "+some(c.Renamed, 20), tableIndent))
	}
	if len(c.Inputs) > 0 {
		p.lines("", wrap("Inputs that differ: "+some(c.Inputs, 20), tableIndent))
	}
}

func (c *Comparison) sideWords() (list []string) {
	for _, side := range []struct {
		name string
		*ComparedResult
	}{{"OLD", &c.Old}, {"NEW", &c.New}} {
		s := fmt.Sprintf("%s: %s (%s, %s", side.name, side.File, side.Kind, count(side.Benchmarks, "benchmark"))
		for _, condition := range side.Conditions {
			s += ", " + condition.Name + " " + some(condition.Values, 3)
		}
		list = append(list, s+")")
	}
	return list
}

// someItems are at most n of a list and a line on the others.
func someItems(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(slices.Clone(list[:n]), fmt.Sprintf("%d more", len(list)-n))
}
