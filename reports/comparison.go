package reports

import (
	"fmt"
	"io"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
)

// ComparisonKind is the kind of a saved Comparison.
const ComparisonKind = "Comparison"

// Comparison says how two results differ, figure by figure. Package compare makes
// it.
type Comparison struct {
	Old ComparedResult `json:"old"`
	New ComparedResult `json:"new"`
	// Renamed are words of Old's names and what New calls them, as OLD=NEW.
	Renamed []string `json:"renamed,omitempty"`
	// Refusals say why the results cannot be compared; Changes are then absent.
	Refusals []string `json:"refusals,omitempty"`
	// Missing are benchmarks that only Old has, Added those that only New has, in
	// their order there. AllowMissing says that those missing are no error.
	Missing      []string `json:"missing,omitempty"`
	AllowMissing bool     `json:"allowMissing,omitempty"`
	Added        []string `json:"added,omitempty"`
	// Alpha is the probability of a chance difference above which one of measured
	// runs is not significant, Confidence that of the medians' intervals.
	Alpha      float64 `json:"alpha" document:"unit=fraction"`
	Confidence float64 `json:"confidence" document:"unit=fraction"`
	// MediansJudge says that rules judge measured medians as they are, significant or
	// not.
	MediansJudge bool `json:"mediansJudge,omitempty"`
	// Figures are the names of those that either result has, in order of name.
	Figures []string `json:"figures,omitempty"`
	// Changes has every figure of either result, in New's order of benchmarks.
	Changes []Change `json:"changes,omitempty"`
	// Inputs are the input files that differ, where both results tell theirs.
	Inputs []string `json:"inputs,omitempty"`
	// Doubts are reasons to trust the comparison less, one sentence each.
	Doubts []string `json:"doubts,omitempty"`
	// Gate is absent when no rule was given and nothing stands in the way.
	Gate *Gate `json:"gate,omitempty"`
}

// ComparedResult is one side of a Comparison.
type ComparedResult struct {
	File string `json:"file" document:"required"`
	// Digest is that of the file's bytes.
	Digest layers.Digest `json:"digest,omitempty"`
	// Kind is that of a document, else benchfmt.
	Kind string `json:"kind" document:"required"`
	// Benchmarks is how many the result has.
	Benchmarks int `json:"benchmarks"`
	// Conditions are what the result says of itself; for each the different values
	// that it has, in order.
	Conditions []Condition `json:"conditions,omitempty"`
}

// Condition is one thing that two results must have in common.
type Condition struct {
	// Name is source, profile, profile-digest, platform, model, seed, coverage, faults,
	// budget, worth or machine.
	Name   string   `json:"name" document:"required"`
	Values []string `json:"values"`
}

// How a figure of two results compares.
const (
	// ChangeSame: the values are the same.
	ChangeSame = "same"
	// ChangeDiffers: exact values differ, or the difference of measured ones is
	// significant.
	ChangeDiffers = "differs"
	// ChangeUnclear: the difference of measured values may be chance.
	ChangeUnclear = "unclear"
	// ChangeTooFew: the runs are too few for any difference to be significant.
	ChangeTooFew = "too-few"
	// ChangeUnknown: a side has no value, or several where there must be one.
	ChangeUnknown = "unknown"
	// ChangeAdded: Old does not have the benchmark.
	ChangeAdded = "added"
)

// How two samples are compared.
const (
	// TestExact compares values in which there is no chance.
	TestExact = "exact"
	// TestMannWhitney is the Mann-Whitney U test of measured runs, two-sided.
	TestMannWhitney = "mann-whitney"
)

// JudgedExact is by what rules on exact values are judged.
const JudgedExact = "exact values"

// Change is one figure of a benchmark in both results.
type Change struct {
	// Benchmark is its name, without the number of processors; Name what people call
	// it: web, cached.
	Benchmark string `json:"benchmark" document:"required"`
	Name      string `json:"name" document:"required"`
	// App and Arm are of its name, empty where that has none.
	App string `json:"app,omitempty"`
	Arm string `json:"arm,omitempty"`
	// Source is simulated, measured or estimated; empty where it is not said.
	Source string `json:"source,omitempty"`
	// Package is that of a benchmark of go test.
	Package string `json:"package,omitempty"`
	// Figure is the unit as benchmarks write it, as startup-sec; Unit is B, sec,
	// fraction, a plan's currency, or empty for a count or another ratio.
	Figure string `json:"figure" document:"required"`
	Unit   string `json:"unit,omitempty"`
	// Old and New are absent where a side does not have the figure.
	Old *Compared `json:"old,omitempty"`
	New *Compared `json:"new,omitempty"`
	// Difference is New less Old, Relative that over Old; absent where unknown, and
	// Relative also where Old is 0.
	Difference *float64 `json:"difference,omitempty" document:"signed"`
	Relative   *float64 `json:"relative,omitempty" document:"signed"`
	// Test is exact or mann-whitney; P is the probability that the latter gives to a
	// difference like this by chance.
	Test string   `json:"test,omitempty" document:"enum=exact|mann-whitney"`
	P    *float64 `json:"p,omitempty" document:"unit=fraction"`
	// State is same, differs, unclear, too-few, unknown or added.
	State string `json:"state" document:"required,enum=same|differs|unclear|too-few|unknown|added"`
	// Needed is how many runs a side needs for a difference to be significant; only
	// where they are too few.
	Needed int `json:"needed,omitempty"`
	// Reason says why it is unknown.
	Reason string `json:"reason,omitempty"`
}

// Compared is the value of one side.
type Compared struct {
	// Value is the exact one, or the median of the runs.
	Value float64 `json:"value" document:"signed"`
	// Low and High are the ends of the median's interval; absent where it is exact or
	// the runs are too few for one.
	Low  *float64 `json:"low,omitempty" document:"signed"`
	High *float64 `json:"high,omitempty" document:"signed"`
	// Runs is how many values it was made of.
	Runs int `json:"runs"`
}

// ReadComparison reads a saved Comparison from the bytes of the file called name.
func ReadComparison(name string, data []byte) (*Comparison, error) {
	var c Comparison
	if err := document.Read(name, data, ComparisonKind, &c); err != nil {
		return nil, err
	}
	return &c, nil
}

// IsComparable says that nothing stands in the way of comparing the results, or
// all of Old's benchmarks.
func (c *Comparison) IsComparable() bool {
	return len(c.Refusals) == 0 && (len(c.Missing) == 0 || c.AllowMissing)
}

// obstacle says what stands in the way; empty when nothing does.
func (c *Comparison) obstacle() string {
	switch {
	case len(c.Refusals) > 0:
		return strings.Join(c.Refusals, "; ")
	case !c.IsComparable():
		return fmt.Sprintf("%s of OLD %s missing in NEW: %s (--allow missing goes on without)",
			count(len(c.Missing), "benchmark"), strings.TrimSpace(areIs(len(c.Missing))), some(c.Missing, mostNamed))
	}
	return ""
}

// UnitOf is the unit of a figure that benchmarks write, without what it is per: B,
// sec, fraction, the currency of a plan's money, or none.
func UnitOf(figure string) string {
	if strings.Contains(figure, "/") && !strings.HasSuffix(figure, "/op") && !strings.HasSuffix(figure, "/start") {
		return UnitNone
	}
	name, _, _ := strings.Cut(figure, "/")
	name = name[strings.LastIndex(name, "-")+1:]
	switch name {
	case UnitBytes, UnitSeconds, UnitFraction:
		return name
	}
	return benchCurrency(figure)
}

// ComparisonFormats lists the formats that WriteComparison knows.
func ComparisonFormats() []Format { return []Format{Text, JSON, Markdown, CSV, HTML, GitHub} }

// WriteComparison writes c to w.
func WriteComparison(w io.Writer, format Format, c *Comparison, opt Options) error {
	var data []byte
	var err error
	switch format {
	case Text:
		data = comparisonText(c, opt)
	case JSON:
		data, err = document.Marshal(ComparisonKind, c)
	case Markdown:
		data = comparisonMarkdown(c)
	case CSV:
		data, err = comparisonCSV(c)
	case HTML:
		data, err = comparisonPage(c)
	case GitHub:
		data = comparisonAnnotations(c)
	default:
		_, err = ParseFormat(string(format), ComparisonFormats()...)
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		return fmt.Errorf("write the comparison: %w", err)
	}
	return nil
}
