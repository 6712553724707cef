package cachebench

import (
	"slices"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// spent is money for what starts took, in the currency of the prices.
type spent struct {
	// instances are paid from the pulls' start to ready; disks are of the caches found, but
	// for planned ones.
	instances, disks float64
	// planned is what counts against a budget: disks of planned caches, and the instances of
	// priming starts.
	planned float64
}

// add adds a number of starts that find the same.
func (x *spent) add(prices cost.Book, app *workload.App, f *matcher.Found, billed time.Duration, priming bool, p *plan.Plan) error {
	instance, err := prices.Instance(app.CPU, app.MemoryGiB, billed)
	if err != nil {
		return err
	}
	starts := float64(f.Starts)
	if priming {
		x.planned += starts * instance.Amount
		return nil
	}
	x.instances += starts * instance.Amount
	if f.Images == nil && f.Stale == nil {
		return nil
	}
	disk := func() (cost.Money, error) { return prices.Use(f.SizeGiB, billed+app.Runtime) }
	if f.Automatic {
		disk = func() (cost.Money, error) {
			return prices.Automatic(max(0, f.SizeGiB-app.ExtraStorageGiB), billed+app.Runtime)
		}
	}
	use, err := disk()
	if err != nil {
		return err
	}
	if p != nil && slices.ContainsFunc(p.Caches, func(c plan.PlannedCache) bool { return c.Name == f.CacheID }) {
		x.planned += starts * use.Amount
	} else {
		x.disks += starts * use.Amount
	}
	return nil
}

// billFrom tells what a plan costs in a month that is as from a time to the end, and what it
// saves in money beside what is spent there without it.
func (j *Job) billFrom(h *plan.HeldOut, p *plan.Plan, from time.Duration, base, with *spent) error {
	months := float64(j.horizon()-from) / float64(workload.Month)
	bill := with.planned / months
	for i := range p.Caches {
		fixed, err := j.fixedFrom(&p.Caches[i], from, months)
		if err != nil {
			return err
		}
		bill += fixed
	}
	saved := (base.instances + base.disks - with.instances - with.disks) / months
	cost, net := j.Scenario.Prices.Money(bill), j.Scenario.Prices.Money(saved-bill)
	h.CostPerMonth, h.NetSavedPerMonth = &cost, &net
	return nil
}

// fixedFrom is what a planned cache costs a month beside its disks in use: it is stored, and
// built once and again at each release of its apps from a time on.
func (j *Job) fixedFrom(c *plan.PlannedCache, from time.Duration, months float64) (float64, error) {
	e, err := j.newEstimates()
	if err != nil {
		return 0, err
	}
	releases := 0
	for event := range j.own() {
		if event.Release && event.At >= from && event.At < j.horizon() && slices.Contains(c.Images, j.Workload.Apps[event.App].Images[0]) {
			releases++
		}
	}
	once, err := j.Scenario.Prices.Build(e.buildTime(c.Images, c.SizeGiB), c.SizeGiB)
	if err != nil {
		return 0, err
	}
	return c.Cost.Keep.Amount + once.Amount*(1+float64(releases)/months), e.err
}
