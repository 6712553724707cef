package plan_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// A web app starts 300 times a month and finds its free automatic cache in two
// starts of three; may a dollar a month improve on that?
func ExampleChoose() {
	inv := inventory([]float64{4, 1}, map[string][]int{"registry/web:1": {0, 1}})
	web := &workload.App{
		Name: "web", Images: []string{"registry/web:1"}, StartsPerDay: 10,
		Runtime: 10 * time.Minute, CPU: 2, MemoryGiB: 4,
	}
	problem := problem(inv, found(web, nothing(100), automatic(200, "registry/web:1")))
	problem.BudgetPerMonth = 1
	p, err := plan.Choose(context.Background(), problem)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.Verdict, p.Caches[0].Name, p.Status)
	fmt.Println(p.Reason)
	// Output:
	// build web-c42d4238 optimal
	// 1 cache saves 2.7 h of startup time a month beyond the automatic baseline for USD 0.61, of which USD 0.50 is disks in use; what instances save is worth USD 0.19, so it comes to a net cost of USD 0.42.
}

// many are apps on ten bases, each with layers of its own, half of them with the
// same sidecar.
func many(apps int) plan.Problem {
	r := rand.New(rand.NewPCG(1, uint64(apps)))
	const bases = 10
	sizes := make([]float64, bases+apps)
	for i := range sizes {
		sizes[i] = 0.05 + 2*r.Float64()
	}
	images := map[string][]int{"r/side:1": {3}}
	for i := range apps {
		images[fmt.Sprintf("r/app%d:1", i)] = []int{r.IntN(bases), bases + i}
	}
	p := problem(inventory(sizes, images))
	p.BudgetPerMonth = 5
	for i := range apps {
		app := &workload.App{
			Name: fmt.Sprintf("app%d", i), Images: []string{fmt.Sprintf("r/app%d:1", i)},
			StartsPerDay: 100 * r.ExpFloat64(), Runtime: time.Duration(r.ExpFloat64() * float64(time.Hour)),
			CPU: 2, MemoryGiB: 4, ReleasesPerMonth: float64(r.IntN(10)),
		}
		if i%2 == 0 {
			app.Images = append(app.Images, "r/side:1")
		}
		p.Apps = append(p.Apps, found(app, nothing(1+r.IntN(20)), automatic(100, app.Images...)))
	}
	return p
}

// Stopped early, Choose still answers, with a bound that holds for the best plan of
// what it had considered.
func TestStopped(t *testing.T) {
	for _, assign := range []string{plan.Auto, plan.Explicit} {
		p := many(10)
		p.Assign, p.BudgetPerMonth = assign, 50
		ctx, stop := context.WithCancel(context.Background())
		stop()
		if got, err := plan.Choose(ctx, p); err == nil {
			t.Errorf("%s: stopped before it began, it still plans %s", assign, got.Reason)
		}
		best := choose(t, p)
		early, err := plan.Choose(&stopsAfter{Context: context.Background(), calls: 12}, p)
		if err != nil {
			t.Fatal(err)
		}
		if early.Candidates > best.Candidates || early.BoundSeconds < early.ObjectiveSeconds || early.SavedSeconds > best.BoundSeconds {
			t.Errorf("%s: stopped with %v of %d candidates, bound %v; the best is %v of %d", assign,
				early.SavedSeconds, early.Candidates, early.BoundSeconds, best.SavedSeconds, best.Candidates)
		}
		if early.Candidates == best.Candidates && early.BoundSeconds < best.SavedSeconds {
			t.Errorf("%s: stopped with bound %v, and the best saves %v", assign, early.BoundSeconds, best.SavedSeconds)
		}
		if early.StoppedBy != plan.ByInterrupt || best.StoppedBy == plan.ByInterrupt {
			t.Errorf("%s: stopped by %q, the other by %q", assign, early.StoppedBy, best.StoppedBy)
		}
		if early.GapFraction > 0 && early.Status != plan.Stopped {
			t.Errorf("%s: a gap of %v and status %s", assign, early.GapFraction, early.Status)
		}
	}
}

// stopsAfter is done after it was asked calls times.
type stopsAfter struct {
	context.Context
	calls int
}

func (c *stopsAfter) Err() error {
	if c.calls--; c.calls < 0 {
		return context.Canceled
	}
	return nil
}
