package workload

import (
	"math"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestScalePatterns: patterns fit what a regular expression made of them does.
func TestScalePatterns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringMatching(`[ab/*?]{0,7}`).Draw(t, "pattern")
		name := rapid.StringMatching(`[ab/]{0,7}`).Draw(t, "name")
		e := regexp.MustCompile("^" + strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern)) + "$")
		if got, want := matches(pattern, name), e.MatchString(name); got != want {
			t.Fatalf("%q fits %q: %v, want %v", pattern, name, got, want)
		}
	})
}

// TestScaled: worked by hand.
func TestScaled(t *testing.T) {
	w := &Workload{Apps: []App{
		{Name: "shop/web", StartsPerDay: 10, Bursts: []Burst{{Count: 3}, {Count: 1}}},
		{Name: "shop/cart", StartsPerDay: 4}, {Name: "ml", StartsPerDay: 1},
	}}
	var starts []TraceStart
	for range 9 {
		starts = append(starts, TraceStart{App: "ml", Count: 1}, TraceStart{App: "other", Count: 2})
	}
	rules := []Scale{{"*", 2}, {"shop/*", 0.4}, {"shop/cart", 1}}
	scaled, trace, err := Scaled(w, &Trace{Starts: starts}, rules)
	if err != nil {
		t.Fatal(err)
	}
	web, cart, ml := scaled.Apps[0], scaled.Apps[1], scaled.Apps[2]
	if web.StartsPerDay != 4 || len(web.Bursts) != 1 || web.Bursts[0].Count != 1 || cart.StartsPerDay != 4 || ml.StartsPerDay != 2 {
		t.Errorf("%+v", scaled.Apps)
	}
	if w.Apps[0].StartsPerDay != 10 || len(w.Apps[0].Bursts) != 2 {
		t.Errorf("the workload itself has changed: %+v", w.Apps)
	}
	if len(trace.Starts) != 18 || trace.Starts[0].Count != 2 || trace.Starts[1].Count != 4 {
		t.Errorf("%+v", trace.Starts)
	}
	// A third of nine starts is three, in order of time.
	_, trace, err = Scaled(nil, &Trace{Starts: starts}, []Scale{{"ml", 1. / 3}, {"other", 0}})
	if err != nil || len(trace.Starts) != 3 {
		t.Errorf("%v, %+v", err, trace)
	}
	for text, want := range map[string]string{"x=2x": "x=2x fits no app", "shop/wbe=2x": "shop/web"} {
		rule, err := ParseScale(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Scaled(w, nil, []Scale{rule}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, _, err := Scaled(nil, &Trace{Starts: starts}, []Scale{{"*", 1e5}}); err == nil {
		t.Error("too many starts are taken")
	}
	for _, bad := range []string{"web", "=2", "web=", "web=-1x", "web=NaN", "web=1e9", "web=two"} {
		if s, err := ParseScale(bad); err == nil {
			t.Errorf("%s is taken: %v", bad, s)
		}
	}
	if s, err := ParseScale("a=b=1.5"); err != nil || s != (Scale{"a=b", 1.5}) || math.IsNaN(s.Factor) {
		t.Errorf("%v, %v", s, err)
	}
}
