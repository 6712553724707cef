package reports

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

// The benchmarks of a plan.
const (
	// BenchPlan has the mean start of an app in an arm of the plan, or a month of all
	// apps in it.
	BenchPlan = "Plan"
	// BenchPool has a node pool in an arm of its plan.
	BenchPool = "Pool"
)

// The units of plans. Those of money have the currency at their end, as cost-USD.
const (
	// unitWaiting is the sum of all starts' times to ready in a month, unitSaved what is
	// saved of it beyond the baseline.
	unitWaiting = "waiting-sec"
	unitSaved   = "saved-sec"
	unitGap     = "gap-fraction"
	unitMissed  = "missed-starts"
	unitBuilt   = "caches"
	moneyCost   = "cost"
	moneyCaches = "caches"
	moneyStarts = "instances"
	moneyNet    = "net-saved"
)

// benchCurrency is the currency of a plan's unit of money; empty of another unit.
func benchCurrency(unit string) string {
	for _, stem := range []string{moneyCost, moneyCaches, moneyStarts, moneyNet} {
		if code, ok := strings.CutPrefix(unit, stem+"-"); ok && cost.IsCurrency(code) {
			return code
		}
	}
	return UnitNone
}

// planBench writes a plan: each app's mean start and the month of all apps in each arm,
// what the plan saves and costs, and the arms of node pools.
func planBench(r *Report) ([]byte, error) {
	b := &planBenches{report: r, plan: r.Plan}
	b.apps()
	b.month()
	for i := range r.Plan.Pools {
		b.pool(&r.Plan.Pools[i])
	}
	if len(b.lines) == 0 {
		return nil, fmt.Errorf("format %s: the plan is of no app and of no node pool", Bench)
	}
	var text benchText
	text.comment(&r.Provenance, slices.Concat(r.Doubts, b.doubts()))
	text.write(b.lines, true)
	return text.Bytes(), nil
}

// planBenches collects the lines of a plan.
type planBenches struct {
	report *Report
	plan   *plan.Plan
	lines  []BenchLine
}

// doubts say of which plans the same inputs may come to other ones.
func (b *planBenches) doubts() []string {
	stops := []string{b.plan.StoppedBy}
	for i := range b.plan.Pools {
		stops = append(stops, b.plan.Pools[i].StoppedBy)
	}
	if slices.Contains(stops, plan.ByTimeLimit) || slices.Contains(stops, plan.ByInterrupt) {
		return []string{"The search was stopped before its end by its time limit or an interrupt: the same inputs may come to another plan."}
	}
	return nil
}

// add adds the line of a benchmark, unless nothing is known of it.
func (b *planBenches) add(name, source, platform string, starts float64, keys []string, values []BenchValue) {
	if len(values) == 0 {
		return
	}
	config := b.report.benchComputed()
	config[BenchSource], config[BenchPlatform] = source, platform
	config[BenchBudget], config[BenchWorth] = moneyWords(b.plan.BudgetPerMonth), moneyWords(b.plan.WorthPerHour)
	config[BenchProblem] = problemWords(b.plan)
	if b.report.Provenance.Version == "" {
		delete(config, BenchSeed) // the plan says nothing of what it was made from
	}
	b.lines = append(b.lines, BenchLine{
		Config: config, Name: name, Keys: append(keys, "profile", config[BenchProfile]),
		// The number of a line is whole, and a month may have half a start of an app.
		Starts: int(max(1, math.Round(starts))), Values: values,
	})
}

// moneyWords are an amount as a condition; none where there is none.
func moneyWords(m *cost.Money) string {
	if m == nil {
		return "none"
	}
	return strings.TrimSpace(m.Currency + " " + exact(m.Amount))
}

// problemWords say what a plan was to reach, and under which terms, beside its budget.
func problemWords(p *plan.Plan) string {
	var words []string
	add := func(key, value string) {
		if value != "" {
			words = append(words, key+" "+value)
		}
	}
	add("goal", p.Goal)
	if p.LimitSeconds != nil {
		add("limit", exact(p.LimitSeconds.Seconds())+" s")
	}
	if share := p.LimitStartsFraction; share != nil {
		add("share of starts", exact(*share))
	}
	add("quota", strconv.Itoa(p.Quota))
	add("storage", p.Storage)
	add("assign", p.Assign)
	return strings.Join(words, ", ")
}

func (b *planBenches) platform() string { return cmpOr(b.plan.Platform, b.report.Platform) }

// apps adds each app's mean start: with nothing cached, in the baseline and as planned.
func (b *planBenches) apps() {
	for i := range b.plan.Assignments {
		a := &b.plan.Assignments[i]
		add := func(arm string, mean time.Duration, more ...BenchValue) {
			values := append([]BenchValue{{mean.Seconds(), UnitMean}}, more...)
			b.add(BenchPlan, simulate.Estimated, b.platform(), a.StartsPerMonth, []string{"app", a.App, "arm", arm}, values)
		}
		add(simulate.ArmCold, a.ColdSeconds)
		if b.plan.Baseline != plan.Cold {
			add(b.plan.Baseline, a.BaselineSeconds)
		}
		add(armPlanned, a.PlannedSeconds, BenchValue{a.MissedPerMonth, unitMissed})
	}
}

// month adds what all apps come to in each arm, and what the plan does: that line names
// the baseline, beyond which it saves.
func (b *planBenches) month() {
	p := b.plan
	if len(p.Assignments) == 0 {
		return
	}
	starts := startsPerMonth(p)
	for i := range p.Totals {
		total := &p.Totals[i]
		values := []BenchValue{{total.StartupSeconds.Seconds(), unitWaiting}}
		values = b.money(values, moneyCaches, total.Caches)
		values = b.money(values, moneyStarts, total.Instances)
		b.add(BenchPlan, simulate.Estimated, b.platform(), starts, []string{"arm", total.Arm}, values)
	}
	values := []BenchValue{{p.SavedSeconds.Seconds(), unitSaved}}
	values = b.money(values, moneyCost, p.CostPerMonth())
	if total := totalOf(p, armPlanned); total != nil {
		values = b.money(values, moneyNet, total.NetSaved)
	}
	if p.Verdict != plan.LimitNotMet { // its gap is of apps or starts that keep the limit
		values = append(values, BenchValue{p.GapFraction, unitGap})
	}
	values = append(values, BenchValue{float64(len(p.Caches)), unitBuilt})
	b.add(BenchPlan, simulate.Estimated, b.platform(), starts, []string{"arm", armPlanned, "baseline", p.Baseline}, values)
}

// pool adds what can be done for a node pool.
func (b *planBenches) pool(p *plan.Pool) {
	for i := range p.Arms {
		arm := &p.Arms[i]
		var values []BenchValue
		for _, v := range []struct {
			time *time.Duration
			unit string
		}{{arm.MeanSeconds, UnitMean}, {arm.P99Seconds, UnitStartupP99}} {
			if v.time != nil {
				values = append(values, BenchValue{v.time.Seconds(), v.unit})
			}
		}
		values = append(values, BenchValue{arm.SavedSeconds.Seconds(), unitSaved})
		values = b.money(values, moneyCost, arm.Cost.Total)
		values = b.money(values, moneyNet, arm.NetSaved)
		b.add(BenchPool, arm.Source, p.Platform, float64(arm.Starts), []string{"pool", p.Name, "arm", arm.Arm}, values)
	}
}

// money adds an amount in its currency; that of the plan where it is nothing. Where no
// currency is known it says nothing.
func (b *planBenches) money(values []BenchValue, stem string, m cost.Money) []BenchValue {
	currency := m.Currency
	if currency == "" && m.Amount == 0 {
		currency = b.currency()
	}
	if currency == "" {
		return values
	}
	return append(values, BenchValue{m.Amount, stem + "-" + currency})
}

func (b *planBenches) currency() string {
	for i := range b.plan.Totals {
		if c := b.plan.Totals[i].Instances.Currency; c != "" {
			return c
		}
	}
	return b.report.Provenance.Currency
}
