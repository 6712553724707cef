package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
)

// BudgetKind is the kind of a saved Budget.
const BudgetKind = "Budget"

// Budget is rules in a file, so that a team keeps them beside its code.
type Budget struct {
	// Rules hold for everything; each entry is one rule, or several with commas
	// between, as --gate takes them.
	Rules []string `json:"rules,omitempty"`
	// Overrides hold for what they match, a later one before an earlier one.
	Overrides []BudgetOverride `json:"overrides,omitempty"`

	// whole remembers where in the file each rule stands.
	whole document.Raw
	// other is the command that judges the figures of others; left are the rules on
	// them that were found, with file and line, in the order of the file.
	other  string
	others []Quantity
	left   []string
}

// BudgetOverride are rules of some images or apps: on a figure that they name,
// they take the place of all that was said of it before.
type BudgetOverride struct {
	// Match is the name of an image without tag and digest, or of an app, which the last
	// part of the image's name is to a diff. An asterisk stands for any text, slashes
	// among it.
	Match string   `json:"match" document:"required"`
	Rules []string `json:"rules" document:"required"`
}

// ReadBudget reads a budget from the bytes of the file called name.
func ReadBudget(name string, data []byte) (*Budget, error) {
	var b Budget
	if err := document.Read(name, data, BudgetKind, &b); err != nil {
		return nil, err
	}
	var err error
	b.whole, err = document.Whole(name, data)
	return &b, err
}

// Validate reports a budget that says nothing and patterns that match nothing.
func (b *Budget) Validate() error {
	if len(b.Rules) == 0 && len(b.Overrides) == 0 {
		return document.At("rules", "a budget needs rules, such as cold-sec<=8")
	}
	for i, o := range b.Overrides {
		if strings.TrimSpace(o.Match) == "" {
			return document.At(fmt.Sprintf("overrides[%d].match", i), "match is empty: write a name, in which * stands for any text")
		}
		if at := strings.IndexAny(o.Match, `[]{}?\`); at >= 0 {
			return document.At(fmt.Sprintf("overrides[%d].match", i), "%q has a %q, which no name has: write a name, in which * stands for any text, and nothing else for some", o.Match, o.Match[at:at+1])
		}
		if len(o.Rules) == 0 {
			return document.At(fmt.Sprintf("overrides[%d].rules", i), "an override needs rules")
		}
	}
	return nil
}

// LeaveTo leaves rules on the quantities named to another command, so that one file
// serves both: For returns the others, and Left tells them.
func (b *Budget) LeaveTo(command string, quantities []Quantity) {
	b.other, b.others = command, quantities
}

// Left tells the rules that For left to another command, with file and line.
func (b *Budget) Left() []string { return slices.Clone(b.left) }

// leftDoubts say it in a result.
func (b *Budget) leftDoubts() (list []string) {
	for _, rule := range b.left {
		list = append(list, rule+", and is not judged here.")
	}
	return list
}

// Unmatched are the patterns of overrides that match none of the names.
func (b *Budget) Unmatched(names ...string) (patterns []string) {
	for i := range b.Overrides {
		match := b.Overrides[i].Match
		if !slices.ContainsFunc(names, func(name string) bool { return matches(match, name) }) && !slices.Contains(patterns, match) {
			patterns = append(patterns, match)
		}
	}
	return patterns
}

// For returns the rules that hold for something with any of these names, on the
// quantities known. All rules are read, also those of overrides that do not
// match, so that a misspelt one is found at once.
func (b *Budget) For(known []Quantity, names ...string) ([]Rule, error) {
	rules, err := b.parse("rules", b.Rules, known)
	if err != nil {
		return nil, err
	}
	for i, o := range b.Overrides {
		over, err := b.parse(fmt.Sprintf("overrides[%d].rules", i), o.Rules, known)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if matches(o.Match, name) {
				rules = overridden(rules, over)
				break
			}
		}
	}
	return rules, nil
}

// parse reads the rules that stand at a path of the file.
func (b *Budget) parse(at string, texts []string, known []Quantity) ([]Rule, error) {
	var rules []Rule
	for i, text := range texts {
		at := fmt.Sprintf("%s[%d]", at, i)
		more, err := b.parseText(at, text, known)
		if err == nil {
			err = twice(rules, more...)
		}
		if err != nil {
			return nil, b.whole.At(at, "%v", err)
		}
		rules = append(rules, more...)
	}
	return rules, nil
}

// parseText reads the rules of one text, and leaves out those of another command, which
// are read nevertheless: a misspelt one is found by either.
func (b *Budget) parseText(at, text string, known []Quantity) ([]Rule, error) {
	var kept []string
	var left []Rule
	for _, part := range strings.Split(text, ",") {
		figure, _, _ := cutRule(strings.TrimSpace(part))
		if name, _ := bare(figure); !isQuantity(b.others, name) {
			kept = append(kept, part)
			continue
		}
		more, err := ParseRules(part, b.others)
		if err == nil {
			err = twice(left, more...)
		}
		if err != nil {
			return nil, err
		}
		left = append(left, more...)
	}
	for _, r := range left {
		// Where a reader looks for a place an error has it.
		words := b.whole.At(at, "%s is a rule of %s", r, b.other).Error()
		if !slices.Contains(b.left, words) {
			b.left = append(b.left, words)
		}
	}
	if len(kept) == 0 {
		return nil, nil
	}
	return ParseRules(strings.Join(kept, ","), known)
}

func isQuantity(list []Quantity, name string) bool {
	return slices.ContainsFunc(list, func(q Quantity) bool { return q.Name == name })
}

// RulesOf joins the rules of a budget, which may be nil, for something with
// these names, and those that are given besides, which take their place.
func RulesOf(b *Budget, given []string, known []Quantity, names ...string) ([]Rule, error) {
	var rules, own []Rule
	var err error
	if b != nil {
		if rules, err = b.For(known, names...); err != nil {
			return nil, err
		}
	}
	for _, text := range given {
		more, err := ParseRules(text, known)
		if err == nil {
			err = twice(own, more...)
		}
		if err != nil {
			return nil, err
		}
		own = append(own, more...)
	}
	return overridden(rules, own), nil
}

// matches says whether name is what the pattern stands for.
func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[last])
}
