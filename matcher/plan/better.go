package plan

// Fields are named as their keys in a file, which carry the unit.
//lint:file-ignore ST1011 see above

import (
	"time"

	"github.com/cachebench/cachebench/cost"
)

// TurnOnAutomatic is to have ECI's free automatic caches made and used.
const TurnOnAutomatic = "turn on automatic caches"

// howAutomatic says how pods ask for automatic caches (eci §1.8, §4.1).
const howAutomatic = `pod annotation k8s.aliyun.com/eci-image-cache: "true" (newer name: eci-auto-imc), or for a cluster its eci-profile; without Kubernetes, AutoMatchImageCache: true of CreateContainerGroup`

// Better is an action that needs no cache to be built. It saves at least as much time and at
// least as much money as the plan, and more of one; or it alone keeps the limit of goal limit,
// where the plan does not, or builds or primes for that.
type Better struct {
	// Action is what to do.
	Action string `json:"action" document:"required,enum=turn on automatic caches"`
	// How says where that is set.
	How string `json:"how" document:"required"`
	// SavedSeconds is startup time saved a month beyond the plan's baseline by the action
	// alone, NetSavedPerMonth by how much the bill is below that of the baseline.
	SavedSeconds     time.Duration `json:"savedSeconds" document:"signed"`
	NetSavedPerMonth cost.Money    `json:"netSavedPerMonth"`
	// LimitKept is, of goal limit, whether the action alone keeps the limit; absent of
	// another goal.
	LimitKept *bool `json:"limitKept,omitempty"`
}

// Advice is what to do first: what does better than the plan, or else the plan's verdict. What
// does not keep a limit either does not stand before a plan that says so.
func (p *Plan) Advice() string {
	if p.Better == nil || p.Verdict == LimitNotMet && !p.Better.keepsLimit() {
		return p.Verdict
	}
	return p.Better.Action
}

// KeepsLimit says whether the limit that a plan for caches was asked for is kept by what it
// advises; it is true where there is no limit.
func (p *Plan) KeepsLimit() bool { return p.Advice() != LimitNotMet }

func (b *Better) keepsLimit() bool { return b.LimitKept != nil && *b.LimitKept }

// freeAction is turning on the automatic caches where the baseline has none and they alone do
// better than a choice: in time and money, and where the goal is a limit in what keeps it. Of
// a limit that they keep, a choice that costs anything is not the least bill.
func (m *model) freeAction(p *Plan, c *choice) *Better {
	if m.Baseline != Cold {
		return nil
	}
	var cold, automatic, planned *Total
	for i := range p.Totals {
		switch t := &p.Totals[i]; t.Arm {
		case "cold":
			cold = t
		case "automatic":
			automatic = t
		case "planned":
			planned = t
		}
	}
	if cold == nil || automatic == nil || planned == nil {
		return nil
	}
	better := &Better{
		Action: TurnOnAutomatic, How: howAutomatic,
		SavedSeconds: cold.StartupSeconds - automatic.StartupSeconds, NetSavedPerMonth: automatic.NetSaved,
	}
	if m.Goal == GoalLimit {
		kept := m.automaticWithin() >= m.wanted()*(1-1e-9)
		better.LimitKept = &kept
		if kept && (p.Verdict == LimitNotMet || c.Cost > 0) {
			return better
		}
	}
	sooner, richer := planned.StartupSeconds-automatic.StartupSeconds, automatic.NetSaved.Amount-planned.NetSaved.Amount
	if sooner < 0 || richer < 0 || sooner == 0 && richer == 0 {
		return nil
	}
	if m.Goal == GoalLimit && m.automaticWithin() < m.withinOf(c)*(1-1e-9) {
		return nil
	}
	return better
}

// automaticWithin is what keeps the goal's limit on automatic caches alone.
func (m *model) automaticWithin() float64 {
	within := 0.0
	for _, a := range m.apps {
		within += m.within(a, paces(a.automatic))
	}
	return within
}

// withinOf is what keeps it with a choice.
func (m *model) withinOf(c *choice) float64 {
	within := 0.0
	for i, a := range m.apps {
		within += a.withinNow
		if e := m.effectOf(c, i); e != nil {
			within += e.within
		}
	}
	return within
}
