// Package plan chooses which image caches to build under a budget, and proves
// how far the choice is from the best possible.
//
// The model (design: planning), all of it for a month of 30 days. The baseline
// of an app is what its starts find without the plan: ECI's free automatic
// caches and those that exist (automatic), or nothing (cold). A candidate is a
// set of 1 to 20 images; its size is the smallest that holds them unpacked, each
// layer once (eci §1.4). What a candidate saves an app is, over the starts that
// it serves, the estimated time to ready of what the baseline found less that of
// a start that finds the candidate. A release of the app replaces its first
// image: until the cache is rebuilt, its starts count as cold, while others go
// on with the old build. What a candidate costs (eci §5.3) is its build and one
// more for every release of an app whose first image it holds, storage of what
// it holds, and above all a disk of its size for every start that it serves,
// from the pull to the end of the run.
//
// Under auto a start gets what ECI's matching picks (eci §1.9) among the planned
// caches and those that exist. A cache that holds all images of an app then
// serves all its starts, for no automatic cache is made for it any more; a
// partial one serves those starts for which ECI prefers it to what the baseline
// found. So a cache that helps one app may take another's starts from a better
// one. Under explicit a start names its cache (eci §1.11), and an app may go
// without. Choose maximises the seconds saved with the caches' bills within the
// budget, and bounds from above what any choice among the candidates could save.
//
// It does not estimate times, replay starts or know what a registry holds: it is
// handed an Inventory, outcomes and two functions. It does not choose among
// images of nodes, nor raise a cache's size to win a match.
//
// Source of the rules: the project's fact sheet on ECI, cited as "eci §".
//
// Use: fill a Problem, call Choose, and save or print the Plan.
package plan

// Fields are named as their keys in a file, which carry the unit.
//lint:file-ignore ST1011 see above

import (
	"fmt"
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

// How the search ended.
const (
	// Optimal plans are proven the best of the candidates.
	Optimal = "optimal"
	// Bounded plans save no less than the bound less the gap.
	Bounded = "bounded"
)

// The verdicts.
const (
	Build        = "build"
	BuildNothing = "build nothing"
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
	// Profile names the simulation profile that the seconds are of.
	Profile string `json:"profile,omitempty"`
	// Objective is what was maximised or minimised.
	Objective string `json:"objective"`
	// Baseline is what the plan is compared with: automatic or cold.
	Baseline string `json:"baseline" document:"enum=automatic|cold"`
	// Assign is how starts get their cache: auto (ECI's matching) or explicit.
	Assign string `json:"assign" document:"enum=auto|explicit"`
	// Verdict is the advice in one word: build, build nothing.
	Verdict string `json:"verdict"`
	// Reason explains the verdict in one sentence.
	Reason string `json:"reason"`
	// BudgetPerMonth bounds the bill of the caches that the plan builds.
	BudgetPerMonth cost.Money `json:"budgetPerMonth"`
	// Quota is how many caches the plan might build.
	Quota int `json:"quota"`
	// SavedSeconds is startup time saved a month beyond the baseline.
	SavedSeconds time.Duration `json:"savedSeconds"`
	// BoundSeconds is proven: no set of the candidates saves more under the
	// budget.
	BoundSeconds time.Duration `json:"boundSeconds"`
	// GapFraction is (bound − saved) / bound, 0 when the plan is optimal.
	GapFraction float64 `json:"gapFraction"`
	// Status is optimal, or bounded when the search was not exhaustive.
	Status string `json:"status" document:"enum=optimal|bounded"`
	// Candidates is how many caches were considered; LeftOut says what was not.
	Candidates int    `json:"candidates"`
	LeftOut    string `json:"leftOut,omitempty"`
	// Caches are the caches to build, each the one that adds most to those
	// before it: the first k can be built alone.
	Caches []PlannedCache `json:"caches"`
	// Assignments has one entry for each app of the workload.
	Assignments []Assignment `json:"assignments"`
	// Totals are the three arms: no caches, automatic only, this plan.
	Totals []Total `json:"totals"`
	// Existing says what to do with the caches that exist.
	Existing []ExistingCache `json:"existing,omitempty"`
	// Pools say for each node pool which images its nodes should hold.
	Pools []Pool `json:"pools,omitempty"`
	// Assumptions are what the numbers rest on, one sentence each.
	Assumptions []string `json:"assumptions"`
}

// PlannedCache is one cache to build.
type PlannedCache struct {
	Name    string   `json:"name" document:"required"`
	Images  []string `json:"images" document:"required"`
	SizeGiB float64  `json:"sizeGiB"`
	// UnpackedBytes is what it holds, each layer once.
	UnpackedBytes int64 `json:"unpackedBytes"`
	// Apps are the apps it serves.
	Apps []string `json:"apps"`
	// SavedSeconds is this cache's gain a month when added in this order;
	// CumulativeSeconds the gain of the plan up to and with it. Under auto both
	// can be negative on the way, where a cache takes starts from a better one
	// that comes later.
	SavedSeconds      time.Duration `json:"savedSeconds" document:"signed"`
	CumulativeSeconds time.Duration `json:"cumulativeSeconds" document:"signed"`
	// Cost is its bill a month in the whole plan, CumulativeCost the bill of the
	// plan so far.
	Cost           Bill       `json:"cost"`
	CumulativeCost cost.Money `json:"cumulativeCost"`
}

// Bill is what a cache costs in 30 days.
type Bill struct {
	// Build is for the first build and one rebuild at every release.
	Build cost.Money `json:"build"`
	// Keep is snapshot storage.
	Keep cost.Money `json:"keep"`
	// Use is a disk of the cache's size for every running instance.
	Use cost.Money `json:"use"`
	// InstanceSaved is what shorter starts save on instances, beyond the
	// baseline; not part of Total.
	InstanceSaved cost.Money `json:"instanceSaved"`
	// UseSaved is what served starts no longer pay for the disks of the caches
	// that the baseline found; not part of Total.
	UseSaved cost.Money `json:"useSaved"`
	// Total is Build + Keep + Use.
	Total cost.Money `json:"total"`
	// Net is Total − InstanceSaved − UseSaved: what the cache costs in the end.
	Net cost.Money `json:"net"`
}

// Assignment is what one app gets.
type Assignment struct {
	App string `json:"app" document:"required"`
	// Cache is the name of the planned cache or the ID of the existing one that
	// serves it; empty when none.
	Cache string `json:"cache,omitempty"`
	// StartsPerMonth counts its starts; MissedPerMonth those that find the
	// planned cache not Ready after a release.
	StartsPerMonth float64 `json:"startsPerMonth"`
	MissedPerMonth float64 `json:"missedPerMonth"`
	// ColdSeconds, BaselineSeconds and PlannedSeconds are the mean time to
	// ready of a start.
	ColdSeconds     time.Duration `json:"coldSeconds"`
	BaselineSeconds time.Duration `json:"baselineSeconds"`
	PlannedSeconds  time.Duration `json:"plannedSeconds"`
	// BreakEvenSeconds is the longest run time for which the cache pays for
	// itself by instance time saved, with its build and storage on this app
	// alone; absent when it never does or when no planned cache is assigned.
	BreakEvenSeconds *time.Duration `json:"breakEvenSeconds,omitempty"`
	// Reason says why this cache, or why none.
	Reason string `json:"reason"`
}

// Total is one arm's month.
type Total struct {
	// Arm is cold, automatic or planned.
	Arm string `json:"arm" document:"enum=cold|automatic|planned"`
	// StartupSeconds is the sum of all starts' times to ready.
	StartupSeconds time.Duration `json:"startupSeconds"`
	// Caches is the bill of caches: build, keep and use of planned ones, use of
	// the others (their storage is paid in any case).
	Caches cost.Money `json:"caches"`
	// Instances is what instances cost while starting (from the pull's start).
	Instances cost.Money `json:"instances"`
	// Net is Caches + Instances less the same of the baseline's arm; negative
	// saves money.
	Net cost.Money `json:"net"`
}

// ExistingCache is advice on a cache that exists.
type ExistingCache struct {
	ID     string `json:"id"`
	Advice string `json:"advice" document:"enum=keep|rebuild|drop"`
	Reason string `json:"reason"`
}

// Read reads a saved Plan from the bytes of the file called name.
func Read(name string, data []byte) (*Plan, error) {
	var p Plan
	if err := document.Read(name, data, Kind, &p); err != nil {
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
	if p.BoundSeconds < p.SavedSeconds {
		return document.At("boundSeconds", "the bound %v is below what the plan saves, %v", p.BoundSeconds, p.SavedSeconds)
	}
	return validatePools(p.Pools)
}
