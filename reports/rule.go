package reports

import (
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
)

// The units of figures.
const (
	// UnitBytes are compressed or unpacked bytes, as the figure's name says.
	UnitBytes = "B"
	// UnitSeconds are seconds.
	UnitSeconds = "sec"
	// UnitFraction is a share from 0 to 1, written as a percentage.
	UnitFraction = "fraction"
	// UnitNone is a count or a ratio. Any other unit is a currency by its ISO 4217
	// code.
	UnitNone = ""
)

// Quantity is something that a rule can be about.
type Quantity struct {
	// Name is what rules call it.
	Name string
	// Unit is UnitBytes, UnitSeconds, UnitFraction or UnitNone.
	Unit string
	// HasOld says that it is known of an old side too, so that a rule may say
	// how far it may grow or shrink.
	HasOld bool
	// Means says in a few words what it is.
	Means string
}

// Op is how a rule compares.
type Op string

// The comparisons. AtMost to Equal compare with the rule's own amount, Grow and
// Shrink with the old side's value and the amount.
const (
	AtMost  Op = "<="
	Below   Op = "<"
	AtLeast Op = ">="
	Above   Op = ">"
	Equal   Op = "=="
	// Grow: the new value is at most the old one and the amount.
	Grow Op = ":+"
	// Shrink: the new value is at least the old one less the amount.
	Shrink Op = ":-"
)

// isRelative says whether the old side is looked at.
func (o Op) isRelative() bool { return o == Grow || o == Shrink }

// isLower says whether the rule sets a lower bound.
func (o Op) isLower() bool { return o == AtLeast || o == Above || o == Shrink }

// Rule is one condition on a figure, such as cold-sec<=8, new-B<=60MB or
// cold-sec:+5%.
//
// The grammar, with spaces allowed between the parts:
//
//	rules  = rule { "," rule }
//	rule   = figure ( "<=" | "<" | ">=" | ">" | "==" ) amount
//	       | figure ( ":+" | ":-" ) ( amount | number "%" )
//	figure = name | "|" name "|"
//	amount = number [ unit ]
//	unit   = "B" | "kB" | "MB" | "GB" | "TB" | "KiB" | "MiB" | "GiB" | "TiB"   of bytes
//	       | "ns" | "us" | "ms" | "s" | "min" | "h"                            of seconds
//	       | "%"                                                               of fractions
//
// A number without a unit is in bytes, seconds or a fraction, as the figure is; after
// :+ and :- bytes and seconds need one, as 5 is easily taken for 5%. There a percentage is one of the old side's value, also of a fraction.
// |bias-fraction|<=5% is about how far a figure that may be below 0 is from it, which
// bounds it on both sides.
type Rule struct {
	Name string
	Op   Op
	// Amount is in Unit; with Percent it is a percentage of the old side's value.
	Amount  float64
	Percent bool
	Unit    string
	// Absolute: the rule is about the figure without its sign.
	Absolute bool
}

// figure is what the rule is about as it is written.
func (r Rule) figure() string {
	if r.Absolute {
		return "|" + r.Name + "|"
	}
	return r.Name
}

// bare takes the strokes from a figure of which a rule looks at the size alone.
func bare(figure string) (name string, absolute bool) {
	if n := len(figure); n > 2 && figure[0] == '|' && figure[n-1] == '|' {
		return strings.TrimSpace(figure[1 : n-1]), true
	}
	return figure, false
}

// String writes the rule so that ParseRules reads the same rule.
func (r Rule) String() string {
	switch {
	case r.Percent:
		return r.figure() + string(r.Op) + digits(r.Amount) + "%"
	case r.Op.isRelative() && r.Unit == UnitFraction:
		// Here 5% would be one of the old value.
		return r.figure() + string(r.Op) + digits(r.Amount)
	}
	return r.figure() + string(r.Op) + formatAmount(r.Amount, r.Unit)
}

// ParseRules reads rules, with commas between, on the quantities known.
func ParseRules(text string, known []Quantity) ([]Rule, error) {
	var rules []Rule
	for _, part := range strings.Split(text, ",") {
		r, err := parseRule(strings.TrimSpace(part), known)
		if err != nil {
			return nil, err
		}
		if err := twice(rules, r); err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// twice refuses rules that set a bound which is set already.
func twice(rules []Rule, more ...Rule) error {
	for _, r := range more {
		for _, other := range rules {
			if other.figure() == r.figure() && other.Op == r.Op {
				return fmt.Errorf("rules %s and %s set the same bound twice: keep one", other, r)
			}
		}
	}
	return nil
}

// ruleForm says how a rule is written.
const ruleForm = "write NAME<=AMOUNT, <, >=, >, == or NAME:+AMOUNT, NAME:-AMOUNT against the old side; |NAME| for its size without the sign"

func parseRule(text string, known []Quantity) (Rule, error) {
	if text == "" {
		return Rule{}, fmt.Errorf("a rule is empty: %s", ruleForm)
	}
	name, op, amount := cutRule(text)
	if op == "" {
		return Rule{}, fmt.Errorf("rule %q compares with nothing: %s", cut(text), ruleForm)
	}
	name, absolute := bare(name)
	q, err := findQuantity(name, known)
	if err != nil {
		return Rule{}, fmt.Errorf("rule %q: %w", cut(text), err)
	}
	r := Rule{Name: name, Op: op, Unit: q.Unit, Absolute: absolute}
	if op.isRelative() && !q.HasOld {
		return Rule{}, fmt.Errorf("rule %q: %s has no old side to compare with: give it a limit of its own, as %s<=AMOUNT", cut(text), name, name)
	}
	if number, ok := strings.CutSuffix(amount, "%"); ok && op.isRelative() {
		r.Percent = true
		r.Amount, ok = parseNumber(strings.TrimSpace(number))
		if !ok {
			return Rule{}, fmt.Errorf("rule %q: %q is not a percentage such as 5%%", cut(text), cut(amount))
		}
		return r, nil
	}
	var ok bool
	if r.Amount, ok = parseAmount(amount, q.Unit); !ok {
		return Rule{}, fmt.Errorf("rule %q: %q is not %s", cut(text), cut(amount), amountForm(q.Unit))
	}
	if example := exampleUnit(q.Unit); op.isRelative() && example != "" && r.Amount != 0 {
		if _, bare := parseNumber(amount); bare {
			return Rule{}, fmt.Errorf("rule %q: %s is of what? write %[3]s%% of the old value, or %[3]s%[4]s", cut(text), amount, r.figure()+string(op)+amount, example)
		}
	}
	return r, nil
}

// exampleUnit is a unit that a change by some bytes or seconds may be in; empty where
// amounts have none, or where the number alone says it.
func exampleUnit(unit string) string {
	switch unit {
	case UnitBytes:
		return "MB"
	case UnitSeconds:
		return "s"
	}
	return ""
}

// cutRule cuts a rule at its comparison; op is empty when there is none.
func cutRule(text string) (name string, op Op, amount string) {
	i := strings.IndexAny(text, "<>=:")
	if i < 0 {
		return "", "", ""
	}
	// The longer ones go first.
	for _, op := range []Op{AtMost, AtLeast, Equal, Grow, Shrink, Below, Above} {
		if rest, ok := strings.CutPrefix(text[i:], string(op)); ok {
			return strings.TrimSpace(text[:i]), op, strings.TrimSpace(rest)
		}
	}
	return "", "", ""
}

func findQuantity(name string, known []Quantity) (Quantity, error) {
	var names []string
	for _, q := range known {
		if q.Name == name {
			return q, nil
		}
		names = append(names, q.Name)
	}
	return Quantity{}, fmt.Errorf("no figure is called %q%s; known are %s", cut(name), document.DidYouMean(name, names), strings.Join(names, ", "))
}

// overridden returns the rules of base with those of over in place of all that
// base says about the same names.
func overridden(base, over []Rule) []Rule {
	names := make(map[string]bool)
	for _, r := range over {
		names[r.Name] = true
	}
	var rules []Rule
	for _, r := range base {
		if !names[r.Name] {
			rules = append(rules, r)
		}
	}
	return append(rules, over...)
}

// cut shortens what a message quotes.
func cut(s string) string { return ellipsis(s, 60) }
