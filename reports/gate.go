package reports

import (
	"errors"
	"fmt"
	"math"

	"github.com/cachebench/cachebench/layers"
)

// Figure is one number that a rule may be about.
type Figure struct {
	// Name and Unit are those of the Quantity.
	Name, Unit string
	// Platform tells figures of one name apart; empty where there is one.
	Platform string
	// Value is in Unit.
	Value float64
	// Estimated says that Value rests on sizes that are estimated.
	Estimated bool
	// Unknown says why there is no Value; empty when there is one.
	Unknown string
	// Old is the value of the old side, nil where there is none.
	Old *float64
	// OldEstimated says the same of Old as Estimated of Value.
	OldEstimated bool
	// OldGuessed says that Old rests on sizes of the old side's own that are no more than
	// a guess: a rule that is met against it may be met by that alone.
	OldGuessed bool
	// OldUnknown says why there is no Old, where that is not for want of an old side.
	OldUnknown string
	// Of names what the figure is of, where rules are held against that of several.
	Of string
	// Judged says by what the figure is judged, as "exact values"; empty where there
	// is only one way.
	Judged string
	// Runs say how far chance goes into a value that is the median of measured runs;
	// nil where it does not, or is not to be looked at.
	Runs *Runs
}

// Runs say how far a median of measured runs, and its difference from the old
// side's, may be chance.
type Runs struct {
	// Low and High are the ends of the median's interval; nil where the runs are too
	// few for one.
	Low, High *float64
	// Chance says why the difference may be one; empty when it is significant.
	Chance string
	// TooFew says how many runs a difference of the old side needs, where these
	// cannot show any, TooFewAlone how many an interval needs; else empty.
	TooFew, TooFewAlone string
}

// Figures are the figures of package layers.
func Figures(list []layers.Figure) []Figure {
	figures := make([]Figure, len(list))
	for i, f := range list {
		figures[i] = Figure{Name: f.Name, Platform: f.Platform, Unit: f.Unit, Value: f.Value, Estimated: f.Estimated}
	}
	return figures
}

// What became of a rule, and of all of them.
const (
	// Pass: the rule is met, on an estimate of the new side or not.
	Pass = "pass"
	// Warn: the rule is not met, but it was judged on an estimate, or on measured
	// runs whose difference may be chance; or it is met against an old side that is
	// guessed.
	Warn = "warn"
	// Fail: the rule is not met.
	Fail = "fail"
	// Unjudged: the figure is not known, so nothing can be said.
	Unjudged = "error"
)

// Outcome is one rule and what became of it.
type Outcome struct {
	// Rule is as String writes it.
	Rule string `json:"rule" document:"required"`
	// Of names what the figure is of, where the rule is held against several.
	Of string `json:"of,omitempty"`
	// Result is pass, warn (not met, on an estimate or perhaps by chance, or met against a
	// guess of the old side), fail or error (not known).
	Result string `json:"result" document:"required,enum=pass|warn|fail|error"`
	// Figure is its name, Unit that of Value, Limit and Margin: B, sec, fraction, a
	// currency or none.
	Figure string `json:"figure"`
	Unit   string `json:"unit,omitempty"`
	// Value is the figure's, nil when it is unknown; with its sign, also where the rule
	// looks at its size alone.
	Value *float64 `json:"value,omitempty"`
	// Limit is what Value is compared with; of a rule against the old side, what
	// follows from the old value.
	Limit *float64 `json:"limit,omitempty"`
	// Margin is how far Value is on the right side of Limit; below 0 the rule is
	// not met.
	Margin *float64 `json:"margin,omitempty"`
	// Old is the old side's value where the rule looks at it.
	Old *float64 `json:"old,omitempty"`
	// Estimated says that the rule was judged on an estimate.
	Estimated bool `json:"estimated,omitempty"`
	// Judged says by what the rule was judged, as "exact values"; absent where there
	// is only one way.
	Judged string `json:"judged,omitempty"`
	// Reason says why the figure is unknown, or why the rule is warned of where that
	// is not an estimate.
	Reason string `json:"reason,omitempty"`
	// File and Line are where the rule stands; absent where that is not known.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
}

// Gate is the verdict on rules.
type Gate struct {
	// Verdict is pass, fail when a rule is not met, or error when one could not
	// be judged.
	Verdict string `json:"verdict" document:"required,enum=pass|fail|error"`
	// Outcomes are in the order of the rules.
	Outcomes []Outcome `json:"outcomes"`
}

// ErrRule is wrapped when a rule is not met.
var ErrRule = errors.New("a rule is not met")

// ErrUnjudged is wrapped when a rule is about something that is not known.
var ErrUnjudged = errors.New("a rule cannot be judged")

// Judge holds the rules against the figures. A figure that is missing is
// unknown; where several have a rule's name, the rule is held against each. A rule that is broken by an estimate warns: it may be the estimate
// that is wrong. It returns nil when there are no rules.
func Judge(rules []Rule, figures []Figure) *Gate {
	if len(rules) == 0 {
		return nil
	}
	g := &Gate{Verdict: Pass}
	for _, r := range rules {
		for _, f := range figuresOf(r, figures) {
			g.add(r.judge(f))
		}
	}
	return g
}

// add adds what became of a rule.
func (g *Gate) add(o Outcome) {
	g.Outcomes = append(g.Outcomes, o)
	if o.Result == Unjudged || o.Result == Fail && g.Verdict == Pass {
		g.Verdict = o.Result
	}
}

// figuresOf are the figures that a rule is about, at least one. Where they are
// several their names tell the platforms.
func figuresOf(r Rule, figures []Figure) []Figure {
	var named []Figure
	for _, f := range figures {
		if f.Name == r.Name {
			named = append(named, f)
		}
	}
	if len(named) == 0 {
		return []Figure{{Name: r.Name, Unit: r.Unit, Unknown: "it was not looked at"}}
	}
	if len(named) > 1 {
		for i := range named {
			named[i].Name += " on " + named[i].Platform
		}
	}
	return named
}

func (r Rule) judge(f Figure) Outcome {
	o := Outcome{Rule: r.String(), Of: f.Of, Result: Unjudged, Figure: f.Name, Unit: f.Unit, Judged: f.Judged, Reason: f.Unknown}
	switch {
	case f.Unknown != "":
		return o
	case r.Op.isRelative() && f.Old == nil:
		o.Reason = cmpOr(f.OldUnknown, "the old side's value is not known")
		return o
	case !isNumber(f.Value) || f.Old != nil && !isNumber(*f.Old):
		o.Reason = "it is not a number"
		return o
	case f.Runs.tooFew(r.Op) != "":
		o.Reason = f.Runs.tooFew(r.Op)
		return o
	}
	limit, value := r.limit(f), r.sized(f.Value)
	margin := limit - value
	if r.Op.isLower() {
		margin = -margin
	}
	if near(value, limit) {
		margin = 0
	}
	if r.Op == Equal {
		margin = -math.Abs(margin)
	}
	o.Value, o.Limit, o.Margin = &f.Value, &limit, &margin
	o.Estimated = f.Estimated
	if r.Op.isRelative() {
		o.Old = f.Old
		o.Estimated = o.Estimated || f.OldEstimated || f.OldGuessed
	}
	switch {
	case margin > 0 || margin == 0 && r.Op != Below && r.Op != Above:
		if o.Result = Pass; r.Op.isRelative() && f.OldGuessed {
			o.Result, o.Reason = Warn, metByGuess
		}
	case o.Estimated:
		o.Result = Warn
	case f.Runs.chance(r, limit) != "":
		o.Result, o.Reason = Warn, f.Runs.chance(r, limit)
	default:
		o.Result = Fail
	}
	return o
}

// metByGuess is the reason of a rule that is warned of though it is met.
const metByGuess = "it is met, perhaps only because OLD's sizes are a guess, not known"

// isMet says that the rule is met, if only against a guess.
func (o *Outcome) isMet() bool {
	return o.Result == Pass || o.Result == Warn && o.Estimated && o.Reason != ""
}

// tooFew says how many runs a comparison needs, where they are fewer.
func (r *Runs) tooFew(op Op) string {
	switch {
	case r == nil:
		return ""
	case op.isRelative():
		return r.TooFew
	}
	return r.TooFewAlone
}

// chance says why a rule with this limit may be broken by chance; empty when it
// is not.
func (r *Runs) chance(rule Rule, limit float64) string {
	switch {
	case r == nil:
		return ""
	case rule.Op.isRelative():
		return r.Chance
	case r.Low == nil || r.High == nil:
		return ""
	case *r.Low <= limit && limit <= *r.High, rule.Absolute && *r.Low <= -limit && -limit <= *r.High:
		return "the limit lies within the interval of the median"
	}
	return ""
}

// limit is the value with which the rule compares.
func (r Rule) limit(f Figure) float64 {
	amount := r.Amount
	if r.Percent { // of a value below 0 too it is room, not the lack of it
		amount = math.Abs(*f.Old) * r.Amount / 100
	}
	switch r.Op {
	case Grow:
		return r.sized(*f.Old) + amount
	case Shrink:
		return r.sized(*f.Old) - amount
	}
	return amount
}

// sized is a value as the rule looks at it.
func (r Rule) sized(value float64) float64 {
	if r.Absolute {
		return math.Abs(value)
	}
	return value
}

// near says whether two values are the same but for what arithmetic rounds: a
// rule is not broken by the fifteenth digit.
func near(a, b float64) bool {
	return math.Abs(a-b) <= 1e-12*max(math.Abs(a), math.Abs(b))
}

func isNumber(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// Count is how many rules had a result.
func (g *Gate) Count(result string) int {
	n := 0
	for _, o := range g.Outcomes {
		if o.Result == result {
			n++
		}
	}
	return n
}

// Line is the verdict for programs, in one line:
//
//	verdict: VERDICT rules=N passed=N failed=N warned=N errors=N
//
// VERDICT is pass, fail or error; fields may be added at the end.
func (g *Gate) Line() string {
	return fmt.Sprintf("verdict: %s rules=%d passed=%d failed=%d warned=%d errors=%d",
		g.Verdict, len(g.Outcomes), g.Count(Pass), g.Count(Fail), g.Count(Warn), g.Count(Unjudged))
}

// mostNamed is how many rules an error names.
const mostNamed = 10

// Err wraps ErrUnjudged or ErrRule and names the rules; nil when all are met or
// only warned of, and for a nil Gate.
func (g *Gate) Err() error {
	if g == nil || g.Verdict == Pass {
		return nil
	}
	var words []string
	for _, o := range g.Outcomes {
		if o.Result == g.Verdict {
			words = append(words, o.words())
		}
	}
	err := ErrRule
	if g.Verdict == Unjudged {
		err = ErrUnjudged
	}
	return fmt.Errorf("%w: %s", err, some(words, mostNamed))
}
