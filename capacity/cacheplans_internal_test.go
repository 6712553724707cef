package capacity

import (
	"testing"

	"github.com/cachebench/cachebench/matcher/plan"
)

// TestKeyOfPlans: the same caches are the same plan in whatever order; other caches, other
// starts ahead of others, and under explicit another app on a cache are another.
func TestKeyOfPlans(t *testing.T) {
	made := func(assign string, caches ...string) *cachePlan {
		p := &plan.Plan{Assign: assign}
		for _, name := range caches {
			p.Caches = append(p.Caches, plan.PlannedCache{Name: name})
		}
		return &cachePlan{Plan: p}
	}
	primed := made(plan.Auto, "a", "b")
	primed.Primes = []plan.PrimedApp{{App: "b"}}
	alone := made(plan.Auto, "a")
	alone.Primes = []plan.PrimedApp{{App: "b"}}
	first, second := made(plan.Explicit, "a", "b"), made(plan.Explicit, "a", "b")
	first.Assignments = []plan.Assignment{{App: "web", Cache: "a"}}
	second.Assignments = []plan.Assignment{{App: "web", Cache: "b"}}
	all := []*cachePlan{made(plan.Auto), made(plan.Auto, "a"), made(plan.Auto, "a", "b"), made(plan.Auto, "ab"), primed, alone, first, second}
	for i, p := range all {
		for j, other := range all {
			if (p.key() == other.key()) != (i == j) {
				t.Errorf("%q and %q", p.key(), other.key())
			}
		}
	}
	if made(plan.Auto, "b", "a").key() != made(plan.Auto, "a", "b").key() {
		t.Error("the order of caches makes another plan")
	}
}
