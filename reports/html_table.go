package reports

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// table is a table of the page; the first cell of a row names it.
type table struct {
	Caption string
	Heads   []cell
	Rows    [][]cell
}

// cell is one cell. A number has the exact value beside the text, for programs
// and for copying: seconds, bytes, units of the currency.
type cell struct {
	Text, Value string
	// Note stands below the text, Title is its tooltip.
	Note, Title string
	// Number aligns to the right, Code is set in fixed width, Long may wrap.
	Number, Code, Long bool
	// isLong: a time of any size, whose column may be written in one unit.
	isLong bool
}

// newTable names the columns as textTable does: > aligns to the right.
func newTable(caption string, heads ...string) *table {
	t := &table{Caption: caption}
	for _, head := range heads {
		t.head(head)
	}
	return t
}

// head adds a column.
func (t *table) head(head string) {
	name, number := strings.CutPrefix(head, ">")
	t.Heads = append(t.Heads, cell{Text: name, Number: number})
}

func (t *table) add(cells ...cell) { t.Rows = append(t.Rows, cells) }

// evenShares writes the shares of a column, told by its head, with one precision.
func (t *table) evenShares(head string) {
	c := slices.IndexFunc(t.Heads, func(h cell) bool { return h.Text == head })
	shares := sharePercents(column(t.Rows, func(row *[]cell) float64 {
		f, err := strconv.ParseFloat((*row)[c].Value, 64)
		if err != nil {
			return math.NaN()
		}
		return f
	}))
	for i, share := range shares {
		if row := t.Rows[i]; row[c].Value != "" {
			row[c].Text = share
		}
	}
}

// maxAppTableRows bounds the tables with a row for each app, or for each app and arm.
const maxAppTableRows = 600

// first keeps so many rows, and says so.
func (t *table) first(n int) *table {
	if len(t.Rows) > n {
		t.Caption += fmt.Sprintf("; the first %s of %s rows: the JSON form has all", number(float64(n)), number(float64(len(t.Rows))))
		t.Rows = t.Rows[:n]
	}
	return t
}

// maxPaperRows bounds the rows of a table on paper: page.css hides the others there.
const maxPaperRows = 24

// NotOnPaper says how many rows of t are left out on paper; empty where there are none.
func (t *table) NotOnPaper() string {
	if rest := len(t.Rows) - maxPaperRows; rest > 0 {
		return count(rest, "more row")
	}
	return ""
}

// unlessEmpty returns nil for a table without rows, which the page leaves out.
func (t *table) unlessEmpty() *table {
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}

func exact(value float64) string { return strconv.FormatFloat(value, 'g', -1, 64) }

// maxWord is how many columns of a name a table shows; the tooltip has it whole.
const maxWord = 64

func wordCell(s string) cell {
	c := cell{Text: ellipsis(s, maxWord)}
	if c.Text != s {
		c.Title = s
	}
	return c
}

// namedCell is a name with a tooltip of more.
func namedCell(name, more string) cell {
	return cell{Text: ellipsis(name, maxWord), Title: more}
}

func longCell(s string) cell { return cell{Text: s, Long: true} }

func secondsCell(d time.Duration) cell {
	return cell{Text: seconds(d), Value: exact(d.Seconds()), Number: true}
}

func longTimeCell(d time.Duration) cell {
	return cell{Text: longTime(d), Value: exact(d.Seconds()), Number: true, isLong: true}
}

func optionalCell(d *time.Duration) cell {
	if d == nil {
		return cell{Text: "–", Number: true}
	}
	return secondsCell(*d)
}

func bytesCell(bytes int64) cell {
	return cell{Text: size(bytes), Value: strconv.FormatInt(bytes, 10), Number: true}
}

func unpackedCell(s layers.Size) cell {
	c := cell{Text: unpackedSize(s), Value: strconv.FormatInt(s.UnpackedBytes, 10), Number: true}
	if s.EstimatedBytes > 0 {
		c.Title = size(s.EstimatedBytes) + " of it estimated"
	}
	return c
}

// amountCell leaves the currency to the table's caption.
func amountCell(m cost.Money) cell {
	c := moneyCell(m)
	c.Text, c.Title = money(cost.Money{Amount: m.Amount}), c.Text
	return c
}

// signedCell is an amount with its sign: of what is net saved, below 0 what is lost.
func signedCell(m cost.Money) cell {
	c := moneyCell(m)
	c.Text = signedMoney(m)
	return c
}

func moneyCell(m cost.Money) cell {
	return cell{Text: money(m), Value: exact(m.Amount), Number: true}
}

func countCell(n int) cell {
	return cell{Text: number(float64(n)), Value: strconv.Itoa(n), Number: true}
}

func numberCell(n float64) cell {
	return cell{Text: number(n), Value: exact(n), Number: true}
}

func fractionCell(f float64) cell {
	return cell{Text: percent(f), Value: exact(f), Number: true}
}

func armsTable(r *Report) *table {
	t := newTable("Startup times by arm"+armsOf(r.Arms)+" ("+r.sourceWords()+"; "+r.eachOnce()+r.ofStarts()+", quantiles by nearest rank)",
		"arm", ">starts", ">p50", ">p90", ">p99", ">mean", ">slowest", ">last ready", ">fetched (mean)", ">hit", ">partial", ">miss")
	for i := range r.Arms {
		t.addSummary(wordCell(r.seriesLabel(r.Arms[i].Arm, r.Arms[i].Source)), &r.Arms[i])
	}
	return t
}

func (t *table) addSummary(name cell, s *Summary, more ...cell) {
	cells := append([]cell{name}, more...)
	t.add(append(cells, countCell(s.Starts), secondsCell(s.P50), secondsCell(s.P90), secondsCell(s.P99), secondsCell(s.Mean), secondsCell(s.Slowest),
		longTimeCell(s.Makespan), s.fetchedCell(), countCell(s.Hits), countCell(s.Partials), countCell(s.Misses))...)
}

func (s *Summary) fetchedCell() cell {
	if s.Unsized {
		return cell{Text: s.fetchedWords(), Number: true}
	}
	return bytesCell(s.MeanFetchedBytes)
}

func appArmsTable(r *Report) *table {
	t := newTable("Startup times by app and arm ("+r.sourceWords()+")",
		"app", "arm", ">starts", ">p50", ">p90", ">p99", ">mean", ">slowest", ">last ready", ">fetched (mean)", ">hit", ">partial", ">miss")
	for i := range r.Summaries {
		s := &r.Summaries[i]
		t.addSummary(wordCell(s.App), s, wordCell(r.seriesLabel(s.Arm, s.Source)))
	}
	return t.first(maxAppTableRows).unlessEmpty()
}

// quantilesTable is the data of the curves at every twentieth.
func quantilesTable(r *Report) *table {
	heads, caption := []string{"share ready"}, "Time by which a share of the starts is ready"
	if len(r.Distributions) > 0 && r.curveMargin(&r.Distributions[0]) > 0 {
		caption += fmt.Sprintf("; below, from where to where it may be (%s) if starts are independent", percent(bandLevel))
	}
	for _, d := range r.Distributions {
		heads = append(heads, ">"+r.seriesLabel(d.Arm, d.Source))
	}
	t := newTable(caption, heads...)
	fractions := make([]float64, 0, 21)
	for i := 1; i < 20; i++ {
		fractions = append(fractions, float64(i)/20)
	}
	for _, fraction := range append(fractions, 0.99, 1) {
		row := []cell{fractionCell(fraction)}
		for i := range r.Distributions {
			d := &r.Distributions[i]
			c := secondsCell(d.Quantile(fraction))
			if margin := r.curveMargin(d); margin > 0 && fraction-margin > 0 && fraction+margin <= 1 {
				c.Note = seconds(d.Quantile(fraction-margin)) + " to " + seconds(d.Quantile(fraction+margin))
			}
			row = append(row, c)
		}
		t.add(row...)
	}
	return t
}

func phasesTable(r *Report) *table {
	named := statedPhases(r.Arms)
	if len(named) == 0 {
		return nil
	}
	heads := []string{"arm"}
	for _, i := range named {
		heads = append(heads, ">"+string(phaseNames[i]))
	}
	t := newTable("Where the time goes: mean time of a start by phase ("+r.sourceWords()+")", heads...)
	for _, s := range r.Arms {
		row := []cell{wordCell(r.seriesLabel(s.Arm, s.Source))}
		for _, i := range named {
			row = append(row, optionalCell(*phaseFields(&s.MeanPhases)[i]))
		}
		t.add(row...)
	}
	return t
}

func appsTable(r *Report) *table {
	heads, arms := []string{"app", ">starts a month"}, r.appArms()
	for _, i := range arms {
		heads = append(heads, ">"+r.armLabel(dots(&App{})[i].arm))
	}
	t := newTable("Apps: mean time to ready ("+appSource(r.Apps)+")", append(heads, ">saved", ">break-even run time", "cache", "why")...)
	evens := make(map[string]cell)
	if r.Plan != nil {
		for i := range r.Plan.Assignments {
			evens[r.Plan.Assignments[i].App] = breakEvenCell(&r.Plan.Assignments[i])
		}
	}
	for _, a := range r.Apps {
		perMonth, even := cell{Text: "–", Number: true}, cell{Text: "–", Number: true}
		if a.StartsPerMonth > 0 {
			perMonth = numberCell(a.StartsPerMonth)
		}
		if planned, ok := evens[a.Name]; ok {
			even = planned
		}
		name := namedCell(r.appLabel(&a), strings.Join(a.Images, "\n"))
		row := []cell{name, perMonth}
		for _, i := range arms {
			row = append(row, besideCell(dots(&a)[i].ready, r.meanLimit()))
		}
		t.add(append(row, optionalCell(a.Saved), even, wordCell(cmpOr(a.Cache, "–")), longCell(cmpOr(a.Reason, "–")))...)
	}
	t.dropUnknown()
	return t.first(maxAppTableRows)
}

func spansTable(name string, s *simulate.Startup) *table {
	t := newTable(fmt.Sprintf("%s start of %s (%s)", sentenceWord(name), s.App, s.Source), "phase", "image", "layer", ">from", ">to", ">takes", ">bytes")
	for _, span := range sortedSpans(s.Spans) {
		bytes := cell{Text: "–", Number: true}
		if span.Bytes > 0 {
			bytes = bytesCell(span.Bytes)
		}
		layer := wordCell("–")
		if span.Layer != "" {
			layer = digestCell(span.Layer)
		}
		t.add(wordCell(phaseWords(span.Phase)), namedCell(cmpOr(shortReference(span.Image), "–"), span.Image), layer,
			secondsCell(span.Start), secondsCell(span.End), secondsCell(span.End-span.Start), bytes)
	}
	return t
}

func matchesTable(m *matcher.Matches) *table {
	t := newTable("Matches against existing caches as of "+m.At.UTC().Format("2006-01-02 15:04 MST")+" (estimated)",
		"app", "cache", "bytes", ">needs", ">held by digest", ">held by chain", ">to fetch", ">to unpack", "why")
	for _, match := range m.Matches {
		o := match.Overlap
		t.add(wordCell(match.App), wordCell(cmpOr(match.CacheID, "–")), wordCell(string(match.Hit)), bytesCell(o.CompressedBytes),
			bytesCell(o.ByDigest.PresentBytes), bytesCell(o.ByChain.PresentBytes), bytesCell(o.ByDigest.FetchBytes), bytesCell(o.ByChain.UnpackBytes), longCell(strings.Join(append([]string{match.Reason}, warnings(&match)...), "; ")))
	}
	return t.first(maxAppTableRows).unlessEmpty()
}

func policies(m *matcher.Matches) []fact {
	var list []fact
	for _, name := range slices.Sorted(maps.Keys(m.Policies)) {
		list = append(list, fact{name, m.Policies[name]})
	}
	return list
}

func leftOutTable(c *simulate.Coverage) *table {
	if c == nil {
		return nil
	}
	t := newTable("Apps left out; "+percent(c.StartsFraction)+" of the starts are covered", "app", "why")
	for _, l := range c.LeftOut {
		t.add(wordCell(l.App), longCell(l.Reason))
	}
	return t.first(maxAppTableRows).unlessEmpty()
}

func numbersTable(list []NumberSource) *table {
	t := newTable("Where the numbers come from", "number", "source", "from")
	for _, s := range list {
		t.add(wordCell(s.Number), wordCell(s.Source), longCell(s.From))
	}
	return t.unlessEmpty()
}

func parametersTable(p Profile) *table {
	t := newTable("Parameters of profile "+p.Name, "parameter", "value", "source")
	for _, parameter := range p.Parameters {
		t.add(wordCell(parameter.Name), longCell(parameter.Value), longCell(parameter.Source))
	}
	return t.unlessEmpty()
}
