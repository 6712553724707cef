// Package plan chooses which image caches to build, and which images the nodes of a
// pool should hold, and proves how far the choice is from the best possible.
//
// The model of caches (design: planning), all of it for a month of 30 days. The
// baseline of an app is what its starts find without the plan: ECI's free
// automatic caches and those that exist (automatic), or nothing (cold). A
// candidate is a set of 1 to 20 images; its size is the smallest that holds them
// unpacked, each layer once (eci §1.4). What a candidate saves an app is, over the
// starts that it serves, the estimated time to ready of what the baseline found
// less that of a start that finds the candidate. A release of the app replaces its
// first image: until the cache is rebuilt, its starts count as cold, while others
// go on with the old build. What a candidate costs (eci §5.3) is its build and one
// more for every release of an app whose first image it holds, storage of what it
// holds, and above all a disk of its size for every start that it serves, from the
// pull to the end of the run. Storage is of each cache (separate), or of each layer
// once for all caches (shared).
//
// Under auto a start gets what ECI's matching picks (eci §1.9) among the planned
// caches and those that exist. A cache that holds all images of an app then
// serves all its starts, for no automatic cache is made for it any more; a
// partial one serves those starts for which ECI prefers it to what the baseline
// found. So a cache that helps one app may take another's starts from a better
// one. Under explicit a start names its cache (eci §1.11), and an app may go
// without. An app may also be primed: one short start after each release and
// before each burst has its free automatic cache made before the others come.
//
// The goal is the most seconds saved, less what the bill is worth in time
// (seconds); the most money saved on instances and disks, less the bill (net); or
// the smallest bill with which starts are ready within a limit (limit). Each is
// sought within a budget and a quota, and what no choice among the candidates
// exceeds, of goal limit falls below, is proven.
//
// The model of node pools is of counted pulls: an image's gain is what its pulls
// take less on a node that holds it, layers count once towards the disk budget, and
// what can be done with the images (pulled ahead, baked into the disk, or nothing)
// is simulated and compared by what the time saved is worth beyond its bill.
//
// It does not estimate times, replay or simulate starts or know what a registry
// holds: it is handed an Inventory, outcomes, counted pulls and functions. It does
// not raise a cache's size to win a match.
//
// Source of the rules: the project's fact sheet on ECI, cited as "eci §".
//
// Use: fill a Problem and call Choose, or a PoolProblem and call ChoosePool, and
// save or print the Plan.
package plan

// Fields are named as their keys in a file, which carry the unit.
//lint:file-ignore ST1011 see above

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
)

// Kind is the kind of a saved Plan.
const Kind = "Plan"

// The baselines that a plan is compared with.
const (
	// Automatic is ECI's own caches and those that exist.
	Automatic = "automatic"
	// Cold is nothing cached at all; caches that exist are left out of account.
	Cold = "cold"
)

// How starts get their cache.
const (
	// Auto leaves it to ECI's matching.
	Auto = "auto"
	// Explicit names a cache for each app.
	Explicit = "explicit"
)

// What a plan is to reach.
const (
	// GoalSeconds is the most startup time saved a month within the budget, less
	// what its bill is worth in time.
	GoalSeconds = "seconds"
	// GoalNet is the most money saved a month: instances and disks that the baseline
	// would pay for, less the caches' bills.
	GoalNet = "net"
	// GoalLimit is the smallest bill with which every app, or a share of starts, is
	// ready within a limit.
	GoalLimit = "limit"
)

// How caches store layers that several of them hold.
const (
	// Separate is a snapshot for each cache, as ECI has them: each pays for all of its
	// layers.
	Separate = "separate"
	// Shared storage keeps a layer once, however many caches hold it.
	Shared = "shared"
)

// How the search ended.
const (
	// Optimal plans are proven the best of the candidates.
	Optimal = "optimal"
	// GapReached plans are proven no further from the best than was asked for.
	GapReached = "gapReached"
	// Stopped plans are further from their bound: the search came to the end of its
	// steps or of its time, or was interrupted.
	Stopped = "stopped"
)

// What stops a search.
const (
	// BySteps is the end of the steps that Problem.Effort multiplies.
	BySteps     = "steps"
	ByTimeLimit = "timeLimit"
	ByInterrupt = "interrupt"
)

// The verdicts.
const (
	Build        = "build"
	BuildNothing = "build nothing"
	// Prime builds nothing, but makes one short start of some apps after each release
	// and before each burst, so that their free automatic cache is there in time.
	Prime = "prime"
	// LimitNotMet plans reach the most apps or starts that any set of the candidates
	// can, but not all that were asked for.
	LimitNotMet = "limit not met"
)

// Advice on a cache that exists.
const (
	Keep    = "keep"
	Rebuild = "rebuild"
	Drop    = "drop"
)

// Plan says which caches to build, in which order, and what that brings.
type Plan struct {
	// Platform is os/arch[/variant] of the images.
	Platform string `json:"platform"`
	// CoverageFraction is the share of the workload's starts whose images could be read;
	// absent in files of before.
	CoverageFraction *float64 `json:"coverageFraction,omitempty"`
	// Profile names the simulation profile that the seconds are of.
	Profile string `json:"profile,omitempty"`
	// Objective is what was maximised or minimised.
	Objective string `json:"objective"`
	// Baseline is what the plan is compared with: automatic or cold.
	Baseline string `json:"baseline" document:"enum=automatic|cold"`
	// Assign is how starts get their cache: auto (ECI's matching) or explicit.
	Assign string `json:"assign" document:"enum=auto|explicit"`
	// Bill is a real bill beside the modelled month, before any saving; absent where none was
	// given.
	Bill *cost.BillCheck `json:"bill,omitempty"`
	// Verdict is of the plan's own choice: build, build nothing, prime (make short starts
	// ahead of the others, and build nothing) or limit not met. Where there is Better, that
	// is to be done before any of it. Of a workload on node pools alone it is build nothing,
	// and each of Pools has a verdict of its own.
	Verdict string `json:"verdict" document:"enum=build|build nothing|prime|limit not met"`
	// Better is what does better than the plan and is free, so that it is to be done first;
	// absent where nothing is known to. All else here, as Verdict, SavedSeconds and Caches,
	// is of the plan that is made without it.
	Better *Better `json:"better,omitempty"`
	// Reason explains the verdict in one sentence.
	Reason string `json:"reason"`
	// Goal is what the plan is to reach: seconds, net or limit.
	Goal string `json:"goal" document:"enum=seconds|net|limit"`
	// Storage is separate or shared.
	Storage string `json:"storage" document:"enum=separate|shared"`
	// BudgetPerMonth bounds the bill of the caches that the plan builds; absent where
	// there is none.
	BudgetPerMonth *cost.Money `json:"budgetPerMonth,omitempty"`
	// WorthPerHour is what an hour of startup time was taken to be worth; absent where
	// it does not count.
	WorthPerHour *cost.Money `json:"worthPerHour,omitempty"`
	// LimitSeconds is the goal's limit of the time to ready, LimitStartsFraction the
	// share of starts that are to keep it; absent where each app's mean is to.
	LimitSeconds        *time.Duration `json:"limitSeconds,omitempty"`
	LimitStartsFraction *float64       `json:"limitStartsFraction,omitempty"`
	// LeastBudgetPerMonth is, of a limit that is not met, the least bill with which a choice
	// was found that keeps it, rounded up to hundredths; absent where none was.
	LeastBudgetPerMonth *cost.Money `json:"leastBudgetPerMonth,omitempty"`
	// Quota is how many manual caches there might be: those that the plan builds and those
	// that exist and that it does not drop.
	Quota int `json:"quota"`
	// SavedSeconds is startup time saved a month beyond the baseline.
	SavedSeconds time.Duration `json:"savedSeconds" document:"signed"`
	// Objective values of the plan and what is proven of any set of the candidates
	// under the same terms: of goal seconds ObjectiveSeconds, which is SavedSeconds
	// less the time that the bill is worth, is at most BoundSeconds; of goal net
	// ObjectiveMoney, which is saved, is at most BoundMoney; of goal limit it is the
	// bill, and at least BoundMoney.
	ObjectiveSeconds time.Duration `json:"objectiveSeconds,omitempty"`
	BoundSeconds     time.Duration `json:"boundSeconds,omitempty"`
	ObjectiveMoney   *cost.Money   `json:"objectiveMoney,omitempty"`
	BoundMoney       *cost.Money   `json:"boundMoney,omitempty"`
	// GapFraction is how far the objective may be from the best, of the bound (of the
	// bill, of goal limit); 0 when the plan is optimal.
	GapFraction float64 `json:"gapFraction"`
	// Status is how the search ended: optimal, gapReached or stopped.
	Status string `json:"status" document:"enum=optimal|gapReached|stopped"`
	// StoppedBy says what stopped a search before its end: its steps, its time limit or an
	// interrupt; absent where nothing did, or where that is not known. An optimal plan of one
	// that ran out of time is so of the candidates that it had come to.
	StoppedBy string `json:"stoppedBy,omitempty" document:"enum=steps|timeLimit|interrupt"`
	// Candidates is how many caches were considered; LeftOut says what was not.
	Candidates int    `json:"candidates"`
	LeftOut    string `json:"leftOut,omitempty"`
	// Caches are the caches to build, each the one that adds most to those
	// before it: the first k can be built alone.
	Caches []PlannedCache `json:"caches"`
	// Assignments has one entry for each app of the workload.
	Assignments []Assignment `json:"assignments"`
	// Primes are the apps for which short starts are made after releases and before
	// bursts, so that their free automatic caches are there in time.
	Primes []PrimedApp `json:"primes,omitempty"`
	// Totals are the three arms: no caches, automatic only, this plan.
	Totals []Total `json:"totals"`
	// Existing says what to do with the caches that exist.
	Existing []ExistingCache `json:"existing,omitempty"`
	// Curve is what other budgets would bring, the least first.
	Curve []CurvePoint `json:"curve,omitempty"`
	// Sensitivity is what would change the answer.
	Sensitivity *Sensitivity `json:"sensitivity,omitempty"`
	// HeldOut judges the plan on starts and tags that it was not made for.
	HeldOut []HeldOut `json:"heldOut,omitempty"`
	// Explained are the apps that were asked about.
	Explained []Explained `json:"explained,omitempty"`
	// Pools say for each node pool which images its nodes should hold.
	Pools []Pool `json:"pools,omitempty"`
	// PoolsLeftOut are the node pools that were not looked at before an interrupt.
	PoolsLeftOut []string `json:"poolsLeftOut,omitempty"`
	// Recorded says of which trace the plan is; absent where starts come from rates.
	Recorded *Recorded `json:"recorded,omitempty"`
	// Assumptions are what the numbers rest on, one sentence each.
	Assumptions []string `json:"assumptions"`
	// Provenance says what it was made from; absent where who made it did not say.
	Provenance *Provenance `json:"provenance,omitempty"`
}

// Read reads a saved Plan from the bytes of the file called name.
func Read(name string, data []byte) (*Plan, error) {
	var p Plan
	err := document.Read(name, data, Kind, &p)
	var faults *document.Errors
	if errors.As(err, &faults) && slices.ContainsFunc(faults.Faults, func(f *document.Error) bool { return strings.Contains(f.Message, "unknown key") }) {
		err = fmt.Errorf("%w\na plan that another version saved may not be read by this one: plan anew", err)
	}
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// Validate reports caches of one name and a bound below the plan.
func (p *Plan) Validate() error {
	first := make(map[string]int, len(p.Caches))
	for i, c := range p.Caches {
		if j, ok := first[c.Name]; ok {
			return document.At(fmt.Sprintf("caches[%d].name", i), "duplicate cache %q, also caches[%d]: names must be unique", c.Name, j)
		}
		first[c.Name] = i
	}
	if p.BoundSeconds < p.ObjectiveSeconds {
		return document.At("boundSeconds", "the bound %v is below the plan's objective, %v", p.BoundSeconds, p.ObjectiveSeconds)
	}
	if b, o := p.BoundMoney, p.ObjectiveMoney; b != nil && o != nil && (b.Amount < o.Amount) != (p.Goal == GoalLimit) && b.Amount != o.Amount {
		return document.At("boundMoney", "the bound %v is on the wrong side of the plan's objective, %v", b, o)
	}
	return validatePools(p.Pools)
}

// ShareOfBound is how much of the bound the caches up to the i-th reach, of the goal's
// unit: seconds less what their bills are worth, or money; NaN where there is no bound
// above 0, and of goal limit, whose bound is below.
func (p *Plan) ShareOfBound(i int) float64 {
	c := &p.Caches[i]
	switch {
	case p.Goal == GoalSeconds && p.BoundSeconds > 0:
		// A time is rounded to nanoseconds.
		worth := c.CumulativeSeconds.Seconds() - p.worth(c.CumulativeCost)
		if missing := p.BoundSeconds.Seconds() - worth; math.Abs(missing) < 1e-8+1e-12*worth {
			return 1
		}
		return worth / p.BoundSeconds.Seconds()
	case p.Goal == GoalNet && p.ObjectiveMoney != nil && p.BoundMoney != nil && p.BoundMoney.Amount > 0:
		// The objective has what primes save besides.
		net := p.ObjectiveMoney.Amount
		for k := i + 1; k < len(p.Caches); k++ {
			net -= p.Caches[k].Cost.NetSaved.Amount
		}
		return net / p.BoundMoney.Amount
	}
	return math.NaN()
}

// BoundSaved is what no choice with the same bill saves more than, of goal seconds: the
// bound, and what the bill is worth.
func (p *Plan) BoundSaved() time.Duration {
	return p.BoundSeconds + duration(p.worth(p.CostPerMonth()))
}

// CostPerMonth is the bill of what the plan builds and primes; the zero Money where that
// is nothing.
func (p *Plan) CostPerMonth() cost.Money {
	if n := len(p.Caches); n > 0 {
		return p.Caches[n-1].CumulativeCost // with what primes cost
	}
	var bill cost.Money
	for _, prime := range p.Primes {
		amount := bill.Amount + prime.Cost.Amount
		bill = prime.Cost
		bill.Amount = amount
	}
	return bill
}

// worth are the seconds that a bill is worth.
func (p *Plan) worth(bill cost.Money) float64 {
	if p.WorthPerHour == nil || p.WorthPerHour.Amount == 0 {
		return 0
	}
	return bill.Amount / p.WorthPerHour.Amount * time.Hour.Seconds()
}
