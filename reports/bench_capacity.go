package reports

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
)

// The benchmarks of an answer to a question of capacity.
const (
	// BenchCapacity has the verdict, a figure, what is needed or what a parameter changes.
	BenchCapacity = "Capacity"
	// BenchCapacityOption has a choice that was compared: which there are follows from the
	// search, as with points of curves.
	BenchCapacityOption = "CapacityOption"
	// BenchCapacityCurve has a point of a curve. Which values are tried follows from the
	// search, so that of two answers each may have points that the other has not.
	BenchCapacityCurve = "CapacityCurve"
)

// The units of answers that say yes, 1, or no, 0; of what is unclear they are not known.
const (
	// unitMet says of the answer that the limit is met, unitKept of an option that it is.
	unitMet  = "met"
	unitKept = "kept"
	// unitEnough says of a parameter that a value of it meets the limit.
	unitEnough = "enough"
	// unitReady says of a point of a curve that starts are ready at all.
	unitReady = "ready"
)

// ReadCapacity reads an answer from the bytes of the file called name.
func ReadCapacity(name string, data []byte) (*Capacity, error) {
	var c Capacity
	if err := document.Read(name, data, CapacityKind, &c); err != nil {
		return nil, err
	}
	return &c, nil
}

// capacityBench writes an answer: its verdict, its figures, what is needed, what was
// compared, and the points of its curves. They are simulated, and come out the same from
// the same inputs.
func capacityBench(c *Capacity) ([]byte, error) {
	config := benchModel(&c.Provenance)
	config[BenchSource], config[BenchPlatform] = simulate.Simulated, c.Provenance.Platform
	config[BenchSeed], config[BenchWorkloadDigest] = fmt.Sprint(c.Provenance.Seed), short(c.Provenance.WorkloadDigest)
	config[BenchProblem] = c.problemWords()
	if c.Coverage != nil {
		config[BenchCoverage] = exact(c.Coverage.StartsFraction)
	}
	b := &capacityBenches{config: config}
	b.add(BenchCapacity, []string{"question", c.Question}, verdictValue(c.Verdict, unitMet))
	for i := range c.Figures {
		b.add(BenchCapacity, []string{"figure", c.Figures[i].Name}, c.Figures[i].bench("value"))
	}
	for _, of := range []struct {
		key   string
		needs []CapacityNeed
	}{{"need", c.Needs}, {"together", c.Together}} {
		for i := range of.needs {
			b.add(BenchCapacity, []string{of.key, of.needs[i].Parameter}, of.needs[i].bench())
		}
	}
	for i := range c.Options {
		o := &c.Options[i]
		values := verdictValue(o.Verdict(), unitKept)
		if o.Ready != nil {
			values = append(values, o.Ready.bench("ready")...)
		}
		if o.Cost != nil {
			values = append(values, o.Cost.bench(moneyCost)...)
		}
		b.add(BenchCapacityOption, []string{"option", o.Name}, values)
	}
	for i := range c.Effects {
		e := &c.Effects[i]
		if e.Less != nil {
			b.add(BenchCapacity, []string{"effect", e.Parameter, "factor", "0.5"}, e.Less.bench("change"))
		}
		if e.More != nil {
			b.add(BenchCapacity, []string{"effect", e.Parameter, "factor", "2"}, e.More.bench("change"))
		}
	}
	points := make(map[string]int)
	for i := range c.Curves {
		k := &c.Curves[i]
		for _, p := range k.Points {
			keys := []string{"figure", k.Figure, "over", k.Parameter, "at", exact(p.X)}
			nth := "" // of several at one place, as plans of one bill
			name := strings.Join(keys, "\x00")
			if points[name]++; points[name] > 1 {
				nth = strconv.Itoa(points[name])
			}
			b.add(BenchCapacityCurve, append(keys, "point", nth), k.benchAt(&p))
		}
	}
	if len(b.lines) == 0 {
		return nil, fmt.Errorf("format %s: the answer has no verdict and no number", Bench)
	}
	var text benchText
	text.comment(&c.Provenance, c.Doubts)
	if c.Interrupted {
		text.WriteString(BenchUnfinishedPrefix + "the search was interrupted, so that not all was tried\n")
	}
	text.write(b.lines, true)
	return text.Bytes(), nil
}

// BenchUnfinishedPrefix begins the line by which an answer says that its search was stopped.
const BenchUnfinishedPrefix = "# unfinished "

// Figures that an answer has only where its search looked for them.
const (
	// CapacityAllLifted is looked for where no value meets the limit by itself.
	CapacityAllLifted = "last ready with every one of these bounds lifted"
	// CapacityHitsOnDisks is followed by a size that was found.
	CapacityHitsOnDisks = "starts that pull nothing, on disks of "
)

// BenchIsSearched says of a benchmark, by its name and first key, whether an answer has it
// only where its search had reason to look: a value that is needed or an effect is left out
// where the parameter changes nothing, values together where one by itself is enough.
func BenchIsSearched(name, key, value string) bool {
	switch {
	case name == BenchCapacityCurve || name == BenchCapacityOption:
		return true
	case name != BenchCapacity:
		return false
	case key == "need" || key == "together" || key == "effect":
		return true
	}
	return key == "figure" && (value == CapacityAllLifted || strings.HasPrefix(value, CapacityHitsOnDisks))
}

// capacityBenches collects the lines of an answer.
type capacityBenches struct {
	config map[string]string
	lines  []BenchLine
}

// add adds the line of a benchmark, unless nothing is known of it.
func (b *capacityBenches) add(name string, keys []string, values []BenchValue) {
	if len(values) > 0 {
		b.lines = append(b.lines, BenchLine{Config: b.config, Name: name, Keys: keys, Starts: 1, Values: values})
	}
}

// problemWords are the question, the arm and the limits: answers to others do not compare.
func (c *Capacity) problemWords() string {
	words := []string{"question " + c.Question}
	if c.Arm != "" {
		words = append(words, "arm "+c.Arm)
	}
	var limits []string
	add := func(name, unit string, limit *float64) {
		if limit == nil {
			return
		}
		if text := name + " at most " + strings.TrimSpace(exact(*limit)+" "+unit); !slices.Contains(limits, text) {
			limits = append(limits, text)
		}
	}
	for i := range c.Curves {
		add(c.Curves[i].Figure, c.Curves[i].YUnit, c.Curves[i].Limit)
	}
	// Without a curve, as where nothing is ever ready, the figures say what was asked.
	for i := 0; i < len(c.Figures) && len(limits) == 0; i++ {
		add(c.Figures[i].Name, c.Figures[i].Unit, c.Figures[i].Limit)
	}
	slices.Sort(limits)
	return strings.Join(append(words, limits...), ", ")
}

func verdictValue(verdict, unit string) []BenchValue {
	switch verdict {
	case CapacityMet:
		return []BenchValue{{1, unit}}
	case CapacityNotMet:
		return []BenchValue{{0, unit}}
	}
	return nil
}

// benchUnit is a name with a unit after it, without spaces, as rules have it.
func benchUnit(name, unit string) string {
	if unit = strings.Join(strings.Fields(unit), "-"); unit != "" {
		return name + "-" + unit
	}
	return name
}

// bench are a figure's value and the ends of its interval.
func (f *CapacityFigure) bench(name string) []BenchValue {
	values := []BenchValue{{f.Value, benchUnit(name, f.Unit)}}
	if f.Low != nil && f.High != nil {
		values = append(values, BenchValue{*f.Low, benchUnit(name+"-low", f.Unit)}, BenchValue{*f.High, benchUnit(name+"-high", f.Unit)})
	}
	return values
}

// bench are the value that is needed, where there is one, and that none meets the limit.
func (n *CapacityNeed) bench() []BenchValue {
	values := []BenchValue{{1, unitEnough}}
	if n.Need == nil && !n.Unlimited {
		values[0].Value = 0
	}
	if n.Need != nil {
		f := CapacityFigure{Unit: n.Unit, Value: *n.Need, Low: n.Low, High: n.High}
		values = append(values, f.bench("need")...)
	}
	if n.Best != nil {
		values = append(values, BenchValue{*n.Best, "best-" + UnitSeconds})
	}
	return values
}

// benchAt are the values of a point; of one at which starts are never ready there is none.
func (k *CapacityCurve) benchAt(p *CapacityPoint) []BenchValue {
	if p.Y == nil {
		return []BenchValue{{0, unitReady}}
	}
	f := CapacityFigure{Unit: k.YUnit, Value: *p.Y, Low: p.Low, High: p.High}
	return append(f.bench("value"), BenchValue{1, unitReady})
}
