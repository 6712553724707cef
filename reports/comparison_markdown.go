package reports

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
)

// comparisonMarkdown writes c as a comment, or a step's summary: what it comes to,
// the rules, the figures; then the verdict for programs in a comment that is not
// shown. It is bounded, whatever the size of the results.
func comparisonMarkdown(c *Comparison) []byte {
	var b bytes.Buffer
	head := markdownText(ellipsis(c.headline(), 1000))
	if c.Gate != nil {
		head = c.gateHeadline() + " " + head
	}
	fmt.Fprintf(&b, "**%s**\n\n", head)
	for _, side := range []struct {
		name string
		*ComparedResult
	}{{"OLD", &c.Old}, {"NEW", &c.New}} {
		fmt.Fprintf(&b, "- %s: %s, %s\n", side.name, codeSpan(ellipsis(side.File, 100)), count(side.Benchmarks, "benchmark"))
	}
	for _, list := range [][]string{prefixed("renamed: ", c.Renamed), c.Refusals, someItems(prefixed("missing in NEW: ", c.Missing), mostNamed), someItems(prefixed("only in NEW: ", c.Added), mostNamed)} {
		for _, s := range list {
			fmt.Fprintf(&b, "- %s\n", markdownText(ellipsis(s, 500)))
		}
	}
	if c.Gate != nil && c.IsComparable() {
		fmt.Fprintf(&b, "- Rules: %s\n", c.Gate.markdown())
	}
	list, same, more := c.shown(mostMarkdownChanges)
	if len(list) > 0 {
		b.WriteString("\n| benchmark | figure | OLD | NEW | change | runs |\n|---|---|--:|--:|---|--:|\n")
	}
	for _, x := range list {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", codeSpan(ellipsis(x.Name, 120)), codeSpan(ellipsis(x.Figure, 60)), x.Old.spread(x.Unit), x.New.spread(x.Unit), x.changeWords(), x.runsWords())
	}
	if words := moreWords(same, more); words != "" {
		fmt.Fprintf(&b, "\n%s\n", sentence(words))
	}
	if slices.ContainsFunc(list, func(x *Change) bool { return x.Test == TestMannWhitney }) {
		fmt.Fprintf(&b, "\n%s\n", sentence(c.legend()))
	}
	for _, s := range someItems(c.Doubts, mostNamed) {
		fmt.Fprintf(&b, "\n- %s\n", markdownText(ellipsis(s, 500)))
	}
	if c.Gate != nil {
		fmt.Fprintf(&b, "\n<!-- %s -->\n", c.Gate.Line())
	}
	return b.Bytes()
}

func prefixed(prefix string, list []string) []string {
	var all []string
	for _, s := range list {
		all = append(all, prefix+s)
	}
	return all
}

// stateRefused is that of rows that say why the results are not compared: a table that
// ends after its heads would look like one in which nothing differs.
const stateRefused = "refused"

// reasons are those why the results cannot be compared.
func (c *Comparison) reasons() []string {
	if obstacle := c.obstacle(); len(c.Refusals) == 0 && obstacle != "" {
		return []string{obstacle}
	}
	return c.Refusals
}

// comparisonCSV has a row for each reason why the results cannot be compared, then one for
// each figure; what is unknown is empty.
func comparisonCSV(c *Comparison) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	heads := []string{"benchmark", "app", "arm", "source", "figure", "unit", "old", "old_low", "old_high", "old_runs", "new", "new_low", "new_high", "new_runs", "difference", "relative", "test", "p", "state", "reason", "package"}
	w.Write(heads)
	for _, reason := range c.reasons() {
		row := make([]string, len(heads))
		row[len(row)-3], row[len(row)-2] = stateRefused, reason
		w.Write(row)
	}
	for i := range c.Changes {
		x := &c.Changes[i]
		row := []string{x.Benchmark, x.App, x.Arm, x.Source, x.Figure, x.Unit}
		for _, v := range []*Compared{x.Old, x.New} {
			if v == nil {
				row = append(row, "", "", "", "")
				continue
			}
			row = append(row, exact(v.Value), field(v.Low), field(v.High), strconv.Itoa(v.Runs))
		}
		w.Write(append(row, field(x.Difference), field(x.Relative), x.Test, field(x.P), x.State, x.Reason, x.Package))
	}
	w.Flush()
	return b.Bytes(), w.Error()
}
