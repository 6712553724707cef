package plan

// Fields are named as their keys in a file, which carry the unit.
//lint:file-ignore ST1011 see above

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
)

// PoolPoint is the most time of pulling that images within a disk budget spare, whatever
// an hour is worth.
type PoolPoint struct {
	// DiskBudgetBytes is what the images may add to each node's disk, AddedBytes what they
	// add.
	DiskBudgetBytes int64 `json:"diskBudgetBytes"`
	AddedBytes      int64 `json:"addedBytes"`
	// Images is how many are held.
	Images int `json:"images"`
	// SavedSeconds are those of pulling that they spare a month, by estimate. BoundSeconds
	// is proven: no choice of the candidates spares more within DiskBudgetBytes.
	SavedSeconds time.Duration `json:"savedSeconds"`
	BoundSeconds time.Duration `json:"boundSeconds"`
	// Cost is the estimated bill of 30 days beyond the pool as it is, NetSaved what the
	// seconds are worth less that. Both are absent where the price book has no price for
	// the disk that it takes beyond what there is.
	Cost     *cost.Money `json:"cost,omitempty"`
	NetSaved *cost.Money `json:"netSaved,omitempty"`
}

// PoolSensitivity is what would change the plan of a node pool.
type PoolSensitivity struct {
	// More is what a disk budget larger by a tenth brings to arm HeldBy.
	More *PoolPoint `json:"more,omitempty"`
	// Levers are what was varied, one at a time; their Verdict is an arm.
	Levers []Lever `json:"levers,omitempty"`
}

// validatePoints reports points with a bound below what they save, or more on the disk than
// they may have.
func (p *Pool) validatePoints(path string) error {
	check := func(path string, x *PoolPoint) error {
		switch {
		case x.BoundSeconds < x.SavedSeconds:
			return document.At(path+".boundSeconds", "the bound %v is below what the images save, %v", x.BoundSeconds, x.SavedSeconds)
		case x.AddedBytes > x.DiskBudgetBytes:
			return document.At(path+".addedBytes", "%d bytes are more than the budget of %d", x.AddedBytes, x.DiskBudgetBytes)
		}
		return nil
	}
	for i := range p.Curve {
		if err := check(fmt.Sprintf("%s.curve[%d]", path, i), &p.Curve[i]); err != nil {
			return err
		}
	}
	if p.Sensitivity == nil || p.Sensitivity.More == nil {
		return nil
	}
	return check(path+".sensitivity.more", p.Sensitivity.More)
}

// addBeside adds what is asked beside the plan to its pool: a tenth more of disk, and what
// other budgets would bring. What ctx leaves no time for is named.
func (a *poolAnswer) addBeside(ctx context.Context, out *Pool, c *poolChoice) error {
	if a.More && ctx.Err() == nil {
		a.progress("looking at a tenth more of disk")
		more, err := a.more(ctx, c)
		if err != nil {
			return err
		}
		if more != nil {
			out.Sensitivity = &PoolSensitivity{More: more}
		}
	}
	if a.Points > 0 && ctx.Err() == nil {
		a.progress("looking at other disk budgets")
		var err error
		if out.Curve, err = a.curve(ctx, c); err != nil {
			return err
		}
	}
	if ctx.Err() != nil && (a.Points > 0 && len(out.Curve) < a.Points || a.More && out.Sensitivity == nil) {
		out.leaveOut("other disk budgets (stopped before all were tried)")
	}
	return nil
}

// within is the model with another disk budget; its candidates have the numbers of this
// one's.
func (m *poolModel) within(budget int64) *poolModel {
	p := *m.PoolProblem
	p.DiskBudgetBytes = budget
	other := newPoolModel(&p)
	other.times, other.known = m.times, m.known // they are of one pull, whatever the budget is
	return other
}

// more is what a tenth more of disk brings; nil where the search was stopped.
func (a *poolAnswer) more(ctx context.Context, c *poolChoice) (*PoolPoint, error) {
	budget := int64(min(math.Ceil(float64(a.DiskBudgetBytes)*moreBudget), math.MaxInt64/2))
	found, err := a.within(budget).choose(ctx, c.arm)
	if err != nil || ctx.Err() != nil {
		return nil, err
	}
	if found.gain < c.gain {
		bound := max(found.bound, c.gain)
		found, found.bound = c, bound
	}
	return a.point(budget, found), nil
}

// curve is the most time spared within each of some disk budgets, from the smallest image
// that spares any to what all that do so take.
func (a *poolAnswer) curve(ctx context.Context, c *poolChoice) ([]PoolPoint, error) {
	const most = math.MaxInt64 / 2
	t := a.within(most).tree(c.arm)
	all, err := t.choose(ctx, most, 1)
	if err != nil {
		return nil, fmt.Errorf("other disk budgets: %w", err)
	}
	// A choice within a budget is one within all larger ones, and the bound of a budget one of
	// all smaller ones. One that is stopped has the larger ones.
	var budgets []int64
	var found []*poolChoice
	bound := math.Inf(1)
	for _, budget := range slices.Backward(a.budgets(t.least(), all.bytes)) {
		at, err := t.choose(ctx, budget, curveEffort*cmp.Or(a.Effort, 1))
		if err != nil {
			return nil, fmt.Errorf("other disk budgets: %w", err)
		}
		if ctx.Err() != nil {
			break
		}
		bound = min(bound, at.bound)
		at.bound = bound
		budgets, found = append([]int64{budget}, budgets...), append([]*poolChoice{at}, found...)
	}
	var points []PoolPoint
	var best *poolChoice
	for i, at := range found {
		if c.bytes <= budgets[i] && c.gain > at.gain {
			at = c.bounded(at.bound)
		}
		if best != nil && best.gain > at.gain {
			at = best.bounded(at.bound)
		}
		best = at.bounded(at.bound)
		points = append(points, *a.point(budgets[i], best))
	}
	return points, nil
}

// bounded is a choice with another bound, of at least what it gains.
func (c *poolChoice) bounded(bound float64) *poolChoice {
	other := *c
	other.bound = max(bound, c.gain)
	return &other
}

// budgets are those of a curve, whole bytes that grow by the same factor; none where nothing
// that takes room spares any time.
func (m *poolModel) budgets(least float64, most int64) []int64 {
	if least > float64(most) {
		return nil
	}
	var budgets []int64
	for i := range m.Points {
		budgets = append(budgets, int64(math.Ceil(least*math.Pow(float64(most)/least, float64(i)/float64(max(1, m.Points-1))))))
	}
	if n := len(budgets); n > 1 {
		budgets[n-1] = most // but for rounding
	}
	return budgets
}

func (a *poolAnswer) point(budget int64, c *poolChoice) *PoolPoint {
	x := &PoolPoint{DiskBudgetBytes: budget, AddedBytes: c.bytes, Images: len(c.images), SavedSeconds: durationOf(c.gain), BoundSeconds: durationOf(c.bound)}
	if c.bytes > a.FreeBytes && a.Prices.Node.DiskGiBMonth == nil || c.arm == PoolBaked && a.snapshotPrice() == nil {
		return x
	}
	bill := a.Prices.Money(a.estimatedBill(c.arm, c.images))
	net := a.Prices.Money(c.gain/time.Hour.Seconds()*a.WorthPerHour - bill.Amount)
	x.Cost, x.NetSaved = &bill, &net
	return x
}
