package plan

import (
	"slices"
)

// setPriming works out what starts bring that are made for a's automatic cache to be
// there when the others come. Each costs an instance until it is ready, and as much time
// as a cold start, which somebody or something waits for; the cache is free (eci §5.1).
func (m *model) setPriming(a *app, given *App) error {
	primed, starts := given.Primed, given.PrimesPerMonth
	if primed == nil || m.Baseline != Automatic || starts == 0 || a.unseen {
		return nil
	}
	found, err := m.findings(a, primed)
	if err != nil || found == nil {
		return err
	}
	e := effect{billed: a.cold.billed, priming: starts * a.cold.billed * a.instance, readySaved: -starts * a.cold.ready}
	e.use = e.priming
	for _, f := range a.baseline {
		e.readySaved += f.starts * f.ready
		e.billedSaved += f.starts * f.billed
		e.use -= f.starts * f.use
	}
	for _, f := range found {
		e.served += f.starts
		e.readySaved -= f.starts * f.ready
		e.billedSaved -= f.starts * f.billed
		// More starts pay for what an automatic cache has above the free part.
		e.use += f.starts * f.use
	}
	e.within = m.within(a, paces(found)) - a.withinNow
	if e.readySaved <= 0 {
		return nil
	}
	a.primed, a.primes, a.primedPaces = &e, starts, paces(found)
	m.primings = append(m.primings, a)
	return nil
}

// primes are the apps that are primed.
func (m *model) primes(c *choice) []PrimedApp {
	var primes []PrimedApp
	for i, a := range m.apps {
		if k := c.Picks[i]; k == none || m.candidateOf(a.options[k].set) != nil {
			continue
		}
		primes = append(primes, m.primedApp(a))
	}
	return primes
}

func (m *model) primedApp(a *app) PrimedApp {
	return PrimedApp{
		App: a.Name, StartsPerMonth: a.primes, SavedSeconds: duration(a.primed.readySaved), Cost: m.Prices.Money(a.primed.use), Instances: m.money(a.primed.priming),
		NetSaved: m.Prices.Money(a.primed.billedSaved*a.instance - a.primed.use),
	}
}

// isPriming says whether a choice holds nothing but primings.
func (m *model) isPriming(c *choice) bool {
	return len(c.Sets) > 0 && !slices.ContainsFunc(c.Sets, func(j int) bool { return m.candidateOf(j) != nil })
}

// Primed says whether an app's automatic cache is made in time by starts for that alone.
func (p *Plan) Primed(app string) bool {
	return slices.ContainsFunc(p.Primes, func(x PrimedApp) bool { return x.App == app })
}
