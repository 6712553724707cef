package plan_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// Sets are apps' own; what several have in common; groups that share layers, and groups
// that fit into the disk of one; and what is given. What a limit cuts off is said.
func TestCandidates(t *testing.T) {
	inv := inventory([]float64{4, 1, 1, 1, 9, 30}, map[string][]int{
		"a": {0, 1}, "b": {0, 2}, "c": {0, 3}, "d": {4}, "e": {5}, "side": {1},
	})
	var apps []plan.App
	for i, images := range [][]string{{"a"}, {"b"}, {"c", "side"}, {"d", "side"}, {"e"}} {
		apps = append(apps, found(&workload.App{Name: fmt.Sprint("app", i), Images: images}))
	}
	p := problem(inv, apps...)
	p.Candidates = []plan.Candidate{{Images: []string{"e", "a", "e"}}, {Images: []string{"d"}, SizeGiB: 40}}
	_, images, sizes := plan.Candidates(p)
	considers := func(want ...string) bool {
		return slices.ContainsFunc(images, func(set []string) bool { return slices.Equal(set, want) })
	}
	for why, want := range map[string][]string{
		"an app's own": {"c", "side"}, "alone": {"e"}, "common to two apps": {"side"}, "they share a base": {"a", "b"},
		"all on one base": {"a", "b", "c", "side"}, "no larger disk": {"a", "b", "c", "d", "side"}, "given": {"a", "e"},
	} {
		if !considers(want...) {
			t.Errorf("%s: %v is not considered", why, want)
		}
	}
	if considers("b", "e") || considers("e", "side") {
		t.Errorf("e shares nothing and needs a larger disk: it is alone but for what is given: %v", images)
	}
	if !slices.Contains(sizes, 40) || slices.Max(sizes) != 40 {
		t.Errorf("sizes %v, want a given one of 40 GiB and 39 for 35 GiB and headroom", sizes)
	}
	p.Candidates = nil
	if got := choose(t, p); strings.Contains(got.LeftOut, "limit") {
		t.Errorf("left out: %s", got.LeftOut)
	}
	p.MaxCandidates = 4
	if got := choose(t, p); got.Candidates < 5 || !strings.Contains(got.LeftOut, "sets beyond the limit of 4") {
		t.Errorf("%d candidates, left out: %s", got.Candidates, got.LeftOut)
	}
}

// Candidates that are given are considered: here one for twelve apps that share nothing,
// where one cache may be built; the generator's come to fewer apps.
func TestGivenCandidates(t *testing.T) {
	images := make(map[string][]int)
	var all []string
	p := problem(nil)
	var sizes []float64
	for i := range 12 {
		sizes = append(sizes, float64(15+i%3))
		ref := fmt.Sprint("image", i)
		images[ref] = []int{i}
		all = append(all, ref)
		p.Apps = append(p.Apps, found(&workload.App{Name: ref, Images: []string{ref}, StartsPerDay: 1, CPU: 1, MemoryGiB: 1}, nothing(1)))
	}
	p.Inventory = inventory(sizes, images)
	p.Estimate = estimator(p.Inventory)
	p.Quota = 1
	alone := choose(t, p)
	p.Candidates = []plan.Candidate{{Images: all}}
	if got := choose(t, p); got.SavedSeconds <= alone.SavedSeconds || len(got.Caches[0].Images) != 12 {
		t.Errorf("with a cache for all it saves %v, without %v", got.SavedSeconds, alone.SavedSeconds)
	}
	p.Candidates = []plan.Candidate{{Images: all[:1], SizeGiB: 100}}
	if got := choose(t, p); got.SavedSeconds < alone.SavedSeconds || got.Caches[0].SizeGiB == 100 {
		t.Errorf("with a useless candidate it saves %v, without %v", got.SavedSeconds, alone.SavedSeconds)
	}
}

// A plan is never worse for candidates that are given, whatever they are.
func TestNeverWorseForGiven(t *testing.T) {
	race.Skip(t)
	for i := range 60 {
		r := rand.New(rand.NewPCG(7, uint64(i)))
		p := tiny(seeded{r})
		for range 2 + r.IntN(3) {
			p.Apps = append(p.Apps, tinyApp(seeded{r}, len(p.Apps)))
		}
		p.Candidates, p.MaxCandidates = nil, 1+r.IntN(3)
		p = withGoal(p, seeded{r})
		alone := choose(t, p)
		for range 3 {
			images := []string{tinyImage(seeded{r}), tinyImage(seeded{r}), tinyImage(seeded{r})}
			p.Candidates = append(p.Candidates, plan.Candidate{Images: images})
		}
		got := choose(t, p)
		switch {
		case alone.Verdict != plan.LimitNotMet && got.Verdict == plan.LimitNotMet:
			t.Errorf("instance %d: the limit is kept only without the given candidates", i)
		case alone.Verdict == plan.LimitNotMet:
		case got.Goal == plan.GoalSeconds && got.ObjectiveSeconds < alone.ObjectiveSeconds,
			got.Goal == plan.GoalNet && got.ObjectiveMoney.Amount < alone.ObjectiveMoney.Amount-1e-12,
			got.Goal == plan.GoalLimit && got.ObjectiveMoney.Amount > alone.ObjectiveMoney.Amount+1e-12:
			t.Errorf("instance %d: %v, %v with given candidates, %v, %v without", i, got.ObjectiveSeconds, got.ObjectiveMoney, alone.ObjectiveSeconds, alone.ObjectiveMoney)
		}
	}
}

// Three apps of 18 GiB that share nothing, one cache, a limit that all three are to keep:
// the first choice serves one of them, and a cache for all is found step by step, though
// each step costs more.
func TestNearerToTheLimit(t *testing.T) {
	inv := inventory([]float64{18, 18, 18}, map[string][]int{"a": {0}, "b": {1}, "c": {2}})
	p := problem(inv)
	for _, ref := range []string{"a", "b", "c"} {
		p.Apps = append(p.Apps, found(&workload.App{Name: ref, Images: []string{ref}, StartsPerDay: 1, CPU: 1, MemoryGiB: 1}, nothing(1)))
	}
	p.Quota, p.Goal, p.Limit, p.BudgetPerMonth = 1, plan.GoalLimit, 10*time.Second, math.Inf(1)
	if got := choose(t, p); got.Verdict != plan.Build || len(got.Caches[0].Images) != 3 {
		t.Errorf("%s: %s", got.Verdict, got.Reason)
	}
}

// The size is the smallest whole number of GiB that holds the layers, each once,
// and a tenth more: 19 GiB need 20.9.
func TestCandidateSize(t *testing.T) {
	for unpacked, want := range map[float64]float64{1: 20, 18: 20, 19: 21, 100: 110} {
		inv := inventory([]float64{unpacked}, map[string][]int{"a": {0}, "b": {0}})
		_, _, sizes := plan.Candidates(problem(inv, found(&workload.App{Name: "app", Images: []string{"a", "b"}})))
		if len(sizes) != 3 || slices.Max(sizes) != want { // of both images, and of each alone
			t.Errorf("%v GiB unpacked: %v GiB, want %v", unpacked, sizes, want)
		}
	}
}

// An unknown unpacked size is not 0: it is taken as twice the compressed one, and
// the plan says so.
func TestUnknownSizes(t *testing.T) {
	inv := inventory([]float64{30}, map[string][]int{"a": {0}})
	p := problem(inv, found(&workload.App{Name: "app", Images: []string{"a"}}))
	inv.Layers[0] = layers.Layer{Digest: inv.Layers[0].Digest, CompressedBytes: 15 * gib}
	p.Estimate = func(*workload.App, []string) plan.Estimate { return plan.Estimate{} }
	if _, _, sizes := plan.Candidates(p); sizes[0] != 33 {
		t.Errorf("15 GiB compressed: %v GiB, want 33", sizes)
	}
	got := choose(t, p)
	if !strings.Contains(strings.Join(got.Assumptions, " "), "unknown unpacked size count as 2 times") {
		t.Errorf("assumptions: %q", got.Assumptions)
	}
}

func TestTooManyImages(t *testing.T) {
	images := make(map[string][]int)
	app := &workload.App{Name: "app", StartsPerDay: 1}
	for i := range 21 {
		ref := fmt.Sprint("image", i)
		images[ref] = []int{0}
		app.Images = append(app.Images, ref)
	}
	p := problem(inventory([]float64{1}, images), found(app, nothing(1)))
	got := choose(t, p)
	if got.Verdict != plan.BuildNothing || !strings.Contains(got.LeftOut, "the sets of app, of more than 20 images") {
		t.Errorf("verdict %q, left out: %s", got.Verdict, got.LeftOut)
	}
	if !strings.Contains(got.Reason, "No candidate saves time") {
		t.Errorf("reason: %s", got.Reason)
	}
}
