package reports

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/internal/document"
)

// testQuantities has one of each unit, with an old side and without.
var testQuantities = []Quantity{
	{"cold-sec", UnitSeconds, true, ""}, {"new-B", UnitBytes, false, ""}, {"pulled-B", UnitBytes, true, ""},
	{"shared", UnitFraction, false, ""}, {"hit", UnitFraction, true, ""}, {"layers", UnitNone, true, ""}, {"factor", UnitNone, false, ""},
}

func TestParseRules(t *testing.T) {
	for _, c := range []struct {
		text string
		want []Rule
		// writes is String of all, where it differs from text.
		writes string
	}{
		{"cold-sec<=8,new-B<=60MB,cold-sec:+5%", []Rule{
			{"cold-sec", AtMost, 8, false, UnitSeconds, false}, {"new-B", AtMost, 60e6, false, UnitBytes, false}, {"cold-sec", Grow, 5, true, UnitSeconds, false},
		}, "cold-sec<=8s,new-B<=60MB,cold-sec:+5%"},
		{"shared>=60%,new-B<=5GiB", []Rule{{"shared", AtLeast, 0.6, false, UnitFraction, false}, {"new-B", AtMost, 5 << 30, false, UnitBytes, false}}, ""},
		{"shared>=0.07", []Rule{{"shared", AtLeast, 0.07, false, UnitFraction, false}}, "shared>=7%"},
		{"pulled-B:+60MB", []Rule{{"pulled-B", Grow, 60e6, false, UnitBytes, false}}, ""},
		{" cold-sec < 500 ms , layers == 5 ", []Rule{{"cold-sec", Below, 0.5, false, UnitSeconds, false}, {"layers", Equal, 5, false, UnitNone, false}}, "cold-sec<0.5s,layers==5"},
		{"cold-sec<=2min", []Rule{{"cold-sec", AtMost, 120, false, UnitSeconds, false}}, "cold-sec<=120s"},
		{"new-B<=1048576", []Rule{{"new-B", AtMost, 1 << 20, false, UnitBytes, false}}, "new-B<=1MiB"},
		{"new-B<=1.5GiB", []Rule{{"new-B", AtMost, 3 << 29, false, UnitBytes, false}}, ""},
		{"new-B==0", []Rule{{"new-B", Equal, 0, false, UnitBytes, false}}, "new-B==0B"},
		{"layers:-2,factor>1.5", []Rule{{"layers", Shrink, 2, false, UnitNone, false}, {"factor", Above, 1.5, false, UnitNone, false}}, ""},
		// A percentage behind :+ is one of the old value, of a fraction too.
		{"hit:-5%", []Rule{{"hit", Shrink, 5, true, UnitFraction, false}}, ""},
		// Strokes take the sign away.
		{"|hit|<=5%, | cold-sec |:+5%", []Rule{{"hit", AtMost, 0.05, false, UnitFraction, true}, {"cold-sec", Grow, 5, true, UnitSeconds, true}}, "|hit|<=5%,|cold-sec|:+5%"},
		{"hit<=5%,|hit|<=5%", []Rule{{"hit", AtMost, 0.05, false, UnitFraction, false}, {"hit", AtMost, 0.05, false, UnitFraction, true}}, ""},
		{"hit:-0.05", []Rule{{"hit", Shrink, 0.05, false, UnitFraction, false}}, ""},
	} {
		got, err := ParseRules(c.text, testQuantities)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s:\n%s", c.text, diff)
		}
		var texts []string
		for _, r := range got {
			texts = append(texts, r.String())
		}
		if c.writes == "" {
			c.writes = c.text
		}
		if written := strings.Join(texts, ","); written != c.writes {
			t.Errorf("%s is written %s, want %s", c.text, written, c.writes)
		}
	}
}

func TestParseRulesFaults(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "a rule is empty",
		"cold-sec<=8,":                      "a rule is empty",
		"cold-sec":                          "compares with nothing",
		"|cold-sec<=8":                      `no figure is called "|cold-sec"`,
		"||<=8":                             `no figure is called "||"`,
		"|cold-sec|<=8,|cold-sec|<=9":       "|cold-sec|<=8s and |cold-sec|<=9s set the same bound twice",
		"cold-sec=8":                        "compares with nothing",
		"cold-sec:5%":                       "compares with nothing",
		"cold-sek<=8":                       `no figure is called "cold-sek" (did you mean cold-sec?); known are cold-sec, new-B`,
		"<=8":                               `no figure is called ""`,
		"cold-sec<=8MB":                     `"8MB" is not a time such as`,
		"new-B<=8s":                         `"8s" is not a size such as`,
		"new-B<=8mb":                        `"8mb" is not a size`,
		"shared>=60s":                       `"60s" is not a share`,
		"layers<=5B":                        `"5B" is not a number`,
		"cold-sec<=-1":                      `"-1" is not a time`,
		"cold-sec<=1e3":                     `"1e3" is not a time`,
		"cold-sec<=":                        `"" is not a time`,
		"cold-sec<=1.2.3":                   `"1.2.3" is not a time`,
		"cold-sec<=NaN":                     `"NaN" is not a time`,
		"cold-sec:+x%":                      `"x%" is not a percentage`,
		"cold-sec<=5%":                      `"5%" is not a time`,
		"cold-sec:+5":                       "is of what? write cold-sec:+5% of the old value, or cold-sec:+5s",
		"cold-sec:- 0.5":                    "or cold-sec:-0.5s",
		"pulled-B:+60":                      "or pulled-B:+60MB",
		"new-B:+5%":                         "new-B has no old side",
		"new-B<=" + strings.Repeat("9", 50): "is not a size",
		"cold-sec<=8,cold-sec<=9":           "cold-sec<=8s and cold-sec<=9s set the same bound twice",
	} {
		_, err := ParseRules(text, testQuantities)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// Every rule that can be said is read back as it was.
func TestRuleRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := rapid.SampledFrom(testQuantities).Draw(t, "quantity")
		r := Rule{Name: q.Name, Unit: q.Unit, Op: rapid.SampledFrom([]Op{AtMost, Below, AtLeast, Above, Equal, Grow, Shrink}).Draw(t, "op"), Absolute: rapid.Bool().Draw(t, "absolute")}
		if r.Op.isRelative() && !q.HasOld {
			return
		}
		r.Percent = r.Op.isRelative() && rapid.Bool().Draw(t, "percent")
		r.Amount = rapid.OneOf(
			rapid.Float64Range(0, maxAmount),
			rapid.Map(rapid.IntRange(0, 1<<40), func(n int) float64 { return float64(n) / 1000 }),
			rapid.Map(rapid.IntRange(0, 100), func(n int) float64 { return float64(n) / 100 }),
		).Draw(t, "amount")
		got, err := ParseRules(r.String(), testQuantities)
		if err != nil || len(got) != 1 || got[0] != r {
			t.Fatalf("%+v is written %s and read as %+v, %v", r, r, got, err)
		}
	})
}

func FuzzParseRules(f *testing.F) {
	for _, seed := range []string{"cold-sec<=8,new-B<=60MB,cold-sec:+5%", "shared>=60%", "pulled-B:-0.1kB", "hit==7%,layers<3,factor>=1.50", "|hit|<=5%", "new-B<=9007199254740993", "cold-sec<=.5ms"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := ParseRules(text, testQuantities)
		if err != nil {
			return
		}
		var texts []string
		for _, r := range rules {
			if !isNumber(r.Amount) || r.Amount < 0 {
				t.Fatalf("%q has the amount %v", text, r.Amount)
			}
			texts = append(texts, r.String())
		}
		again, err := ParseRules(strings.Join(texts, ","), testQuantities)
		if err != nil || !slices.Equal(rules, again) {
			t.Fatalf("%q is written %s and read as %v, %v", text, texts, again, err)
		}
	})
}

func mustRules(t *testing.T, text string) []Rule {
	t.Helper()
	rules, err := ParseRules(text, testQuantities)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func TestJudge(t *testing.T) {
	old := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		rule   string
		figure Figure
		want   string
		margin float64
	}{
		{"cold-sec<=8", Figure{Value: 8}, Pass, 0},
		{"cold-sec<=8", Figure{Value: 8.5}, Fail, -0.5},
		{"cold-sec<8", Figure{Value: 8}, Fail, 0},
		{"cold-sec>8", Figure{Value: 8}, Fail, 0},
		{"cold-sec>=8", Figure{Value: 8}, Pass, 0},
		{"cold-sec>=8", Figure{Value: 7}, Fail, -1},
		{"layers==5", Figure{Value: 5}, Pass, 0},
		{"layers==5", Figure{Value: 4}, Fail, -1},
		{"layers==5", Figure{Value: 6}, Fail, -1},
		// 5 % of 200 s is 10 s; of 0 it is nothing.
		{"cold-sec:+5%", Figure{Value: 210, Old: old(200)}, Pass, 0},
		{"cold-sec:+5%", Figure{Value: 211, Old: old(200)}, Fail, -1},
		{"cold-sec:+5%", Figure{Value: 150, Old: old(200)}, Pass, 60},
		{"cold-sec:+5%", Figure{Value: 1, Old: old(0)}, Fail, -1},
		{"cold-sec:-5%", Figure{Value: 190, Old: old(200)}, Pass, 0},
		{"cold-sec:-5%", Figure{Value: 189, Old: old(200)}, Fail, -1},
		{"cold-sec:+0%", Figure{Value: 200, Old: old(200)}, Pass, 0},
		{"pulled-B:+60MB", Figure{Value: 100e6, Old: old(40e6)}, Pass, 0},
		{"pulled-B:+60MB", Figure{Value: 100e6 + 1, Old: old(40e6)}, Fail, -1},
		// Of what is below 0 a percentage is room too: 5 % of -200 s is 10 s.
		{"cold-sec:+5%", Figure{Value: -200, Old: old(-200)}, Pass, 10},
		{"cold-sec:+5%", Figure{Value: -189, Old: old(-200)}, Fail, -1},
		{"cold-sec:-5%", Figure{Value: -211, Old: old(-200)}, Fail, -1},
		// The size without the sign, on both sides.
		{"|hit|<=5%", Figure{Value: -0.49}, Fail, -0.44},
		{"hit<=5%", Figure{Value: -0.49}, Pass, 0.54},
		{"|hit|<=5%", Figure{Value: -0.05}, Pass, 0},
		{"|hit|<=5%", Figure{Value: 0.06}, Fail, -0.01},
		{"|hit|<=5%", Figure{Value: 0.04}, Pass, 0.01},
		{"|hit|>5%", Figure{Value: -0.06}, Pass, 0.01},
		{"|hit|:+0.01", Figure{Value: -0.06, Old: old(0.05)}, Pass, 0},
		{"|hit|:+0.01", Figure{Value: -0.07, Old: old(0.05)}, Fail, -0.01},
		{"|hit|:+10%", Figure{Value: 0.054, Old: old(-0.05)}, Pass, 0.001},
		{"|hit|<=5%", Figure{Value: -0.06, Runs: &Runs{Low: old(-0.08), High: old(-0.04)}}, Warn, -0.01},
		{"|hit|<=5%", Figure{Value: -0.06, Runs: &Runs{Low: old(-0.08), High: old(-0.055)}}, Fail, -0.01},
		// What arithmetic adds in the last digit breaks no rule, nor meets one.
		{"cold-sec<=0.3", Figure{Value: math.Nextafter(0.3, 1)}, Pass, 0},
		{"cold-sec<0.3", Figure{Value: math.Nextafter(0.3, 0)}, Fail, 0},
		{"cold-sec:+10%", Figure{Value: math.Nextafter(0.11, 1), Old: old(0.1)}, Pass, 0},
		// Estimates warn; the old side's count only where it is looked at.
		{"new-B<=1MB", Figure{Value: 2e6, Estimated: true}, Warn, -1e6},
		{"new-B<=1MB", Figure{Value: 1e6, Estimated: true}, Pass, 0},
		{"pulled-B<=1MB", Figure{Value: 2e6, Old: old(1), OldEstimated: true}, Fail, -1e6},
		{"pulled-B:+1MB", Figure{Value: 3e6, Old: old(1e6), OldEstimated: true}, Warn, -1e6},
		// Met against a guess of the old side is not met for sure; a limit of its own is.
		{"pulled-B:+1MB", Figure{Value: 1e6, Old: old(1e6), OldEstimated: true, OldGuessed: true}, Warn, 1e6},
		{"pulled-B:-1MB", Figure{Value: 1e6, Old: old(1e6), OldGuessed: true}, Warn, 1e6},
		{"pulled-B:+1MB", Figure{Value: 3e6, Old: old(1e6), OldGuessed: true}, Warn, -1e6},
		{"pulled-B<=1MB", Figure{Value: 1e6, Old: old(1e6), OldGuessed: true}, Pass, 0},
		{"pulled-B:+1MB", Figure{Value: 1e6, Old: old(1e6), OldEstimated: true}, Pass, 1e6},
		// What is not known is never passed.
		{"pulled-B:+1MB", Figure{Value: 0, OldUnknown: "a layer of OLD could not be read"}, Unjudged, 0},
		{"pulled-B<=1MB", Figure{Value: 0, OldUnknown: "a layer of OLD could not be read"}, Pass, 1e6},
		{"new-B<=1MB", Figure{Value: 0, Unknown: "its layers could not be read"}, Unjudged, 0},
		{"new-B<=1MB", Figure{Value: math.NaN()}, Unjudged, 0},
		{"pulled-B:+1MB", Figure{Value: 0}, Unjudged, 0},
		{"pulled-B:+1MB", Figure{Value: 0, Old: old(math.Inf(1))}, Unjudged, 0},
	} {
		rules := mustRules(t, c.rule)
		c.figure.Name, c.figure.Unit = rules[0].Name, rules[0].Unit
		g := Judge(rules, []Figure{c.figure})
		o := g.Outcomes[0]
		var margin float64
		if o.Margin != nil {
			margin = *o.Margin
		}
		if o.Result != c.want || math.Abs(margin-c.margin) > 1e-9 {
			t.Errorf("%s of %+v: %s with margin %v, want %s with %v", c.rule, c.figure, o.Result, margin, c.want, c.margin)
		}
		if wantErr := c.want == Fail || c.want == Unjudged; (g.Err() != nil) != wantErr {
			t.Errorf("%s: error %v", c.rule, g.Err())
		}
	}
}

// An error weighs more than a failure: what could not be judged must not be
// overruled as a threshold.
func TestGate(t *testing.T) {
	figures := []Figure{{Name: "cold-sec", Unit: UnitSeconds, Value: 9}, {Name: "new-B", Unit: UnitBytes, Value: 5, Estimated: true}}
	for _, c := range []struct {
		rules, line string
		err         error
	}{
		{"cold-sec<=10,new-B<=1B", "verdict: pass rules=2 passed=1 failed=0 warned=1 errors=0", nil},
		{"cold-sec<=8,new-B<=9B", "verdict: fail rules=2 passed=1 failed=1 warned=0 errors=0", ErrRule},
		{"layers<=8,cold-sec<=8", "verdict: error rules=2 passed=0 failed=1 warned=0 errors=1", ErrUnjudged},
		{"cold-sec<=8,layers<=8", "verdict: error rules=2 passed=0 failed=1 warned=0 errors=1", ErrUnjudged},
	} {
		g := Judge(mustRules(t, c.rules), figures)
		if g.Line() != c.line || !errors.Is(g.Err(), c.err) {
			t.Errorf("%s: %s, %v", c.rules, g.Line(), g.Err())
		}
	}
	if g := Judge(nil, figures); g != nil || g.Err() != nil {
		t.Errorf("no rules: %v", g)
	}
}

const budgetFile = `apiVersion: cachebench/v1
kind: Budget
rules:
  - cold-sec<=8,cold-sec:+5%
  - new-B<=60MB
overrides:
  - match: registry.example.com/*/web
    rules: [new-B<=20MB]
  - match: "*"
    rules: ["layers<=100"]
`

func TestBudget(t *testing.T) {
	b, err := ReadBudget("budget.yaml", []byte(budgetFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		given, names []string
		want         string
	}{
		{nil, nil, "cold-sec<=8s,cold-sec:+5%,new-B<=60MB"},
		{nil, []string{"registry.example.com/shop/web"}, "cold-sec<=8s,cold-sec:+5%,new-B<=20MB,layers<=100"},
		{nil, []string{"other", "registry.example.com/a/b/web"}, "cold-sec<=8s,cold-sec:+5%,new-B<=20MB,layers<=100"},
		{nil, []string{"registry.example.com/web"}, "cold-sec<=8s,cold-sec:+5%,new-B<=60MB,layers<=100"},
		// What is given takes the place of all on the same figure.
		{[]string{"cold-sec:+9%", "layers<=7"}, []string{"x"}, "new-B<=60MB,cold-sec:+9%,layers<=7"},
	} {
		rules, err := RulesOf(b, c.given, testQuantities, c.names...)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, r := range rules {
			texts = append(texts, r.String())
		}
		if got := strings.Join(texts, ","); got != c.want {
			t.Errorf("%v %v: %s, want %s", c.given, c.names, got, c.want)
		}
	}
	if _, err := RulesOf(nil, []string{"layers<=1", "layers<=2"}, testQuantities); err == nil {
		t.Error("a bound is set twice")
	}
}

// TestBudgetLeaves: rules on another command's figures are left to it and told once with
// their line, whichever way they are written; a figure of neither is a fault.
func TestBudgetLeaves(t *testing.T) {
	head := "apiVersion: cachebench/v1\nkind: Budget\n"
	b, err := ReadBudget("budget.yaml", []byte(head+"rules: ['cold-sec<=8, other-B<=1kB', 'other-B:+5%']\noverrides:\n- match: a\n  rules: [other-B<=2kB]\n"))
	if err != nil {
		t.Fatal(err)
	}
	b.LeaveTo("elsewhere", []Quantity{{"other-B", UnitBytes, true, ""}})
	for range 2 {
		rules, err := b.For(testQuantities, "a")
		if err != nil || len(rules) != 1 || rules[0].Name != "cold-sec" {
			t.Fatalf("rules %v, %v", rules, err)
		}
	}
	want := []string{
		"budget.yaml:3: rules[0]: other-B<=1kB is a rule of elsewhere", "budget.yaml:3: rules[1]: other-B:+5% is a rule of elsewhere",
		"budget.yaml:6: overrides[0].rules[0]: other-B<=2kB is a rule of elsewhere",
	}
	if !slices.Equal(b.Left(), want) {
		t.Errorf("left %q", b.Left())
	}
	if got := b.Unmatched("b", "c"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("unmatched %q", got)
	}
	b, err = ReadBudget("budget.yaml", []byte(head+"rules: [other-B<=1s]\n"))
	if err != nil {
		t.Fatal(err)
	}
	b.LeaveTo("elsewhere", []Quantity{{"other-B", UnitBytes, true, ""}})
	if _, err := b.For(testQuantities); err == nil || !strings.Contains(err.Error(), "budget.yaml:3: rules[0]: ") {
		t.Errorf("a rule of elsewhere with a wrong unit: %v", err)
	}
}

// Every fault of a budget names its line, also in an override that does not match.
func TestBudgetFaults(t *testing.T) {
	head := "apiVersion: cachebench/v1\nkind: Budget\n"
	for body, want := range map[string]string{
		"":                           "a budget needs rules",
		"rules: [cold-sec<=8, x<=1]": `budget.yaml:3: rules[1]: rule "x<=1": no figure is called "x"`,
		"rules:\n  - cold-sec<=8\n  - cold-sec<=9":                  "budget.yaml:5: rules[1]: rules cold-sec<=8s and cold-sec<=9s set the same bound twice",
		"overrides:\n  - match: nobody\n    rules: [cold-sec<=8MB]": `budget.yaml:5: overrides[0].rules[0]: rule "cold-sec<=8MB"`,
		"overrides:\n  - match: ''\n    rules: [cold-sec<=8]":       "budget.yaml:4: overrides[0].match: match is empty",
		"overrides:\n  - match: '['\n    rules: [cold-sec<=8]":      `budget.yaml:4: overrides[0].match: "[" has a "[", which no name has`,
		"overrides:\n  - match: web?\n    rules: [cold-sec<=8]":     `in which * stands for any text`,
		"overrides:\n  - {match: a, rules: []}":                     "budget.yaml:4: overrides[0].rules: an override needs rules",
		"rule: [cold-sec<=8]":                                       "unknown key; did you mean rules?",
		"rules: cold-sec<=8":                                        "budget.yaml:3: rules",
	} {
		b, err := ReadBudget("budget.yaml", []byte(head+body))
		if err == nil {
			_, err = b.For(testQuantities, "a")
		}
		var fault *document.Error
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, &fault) {
			t.Errorf("%q: %v, want %q", body, err, want)
		}
	}
}

func FuzzReadBudget(f *testing.F) {
	f.Add([]byte(budgetFile))
	f.Add([]byte(`{"apiVersion":"cachebench/v1","kind":"Budget","rules":["hit:-5%"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ReadBudget("b.yaml", data)
		if err != nil {
			return
		}
		written, err := document.Marshal(BudgetKind, b)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ReadBudget("b.json", written)
		if err != nil {
			t.Fatalf("%v of %s", err, written)
		}
		rules, err := b.For(testQuantities, "registry.example.com/shop/web")
		same, sameErr := again.For(testQuantities, "registry.example.com/shop/web")
		if (err == nil) != (sameErr == nil) || !slices.Equal(rules, same) {
			t.Fatalf("%v, %v; read again %v, %v", rules, err, same, sameErr)
		}
	})
}
