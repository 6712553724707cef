// Package plan chooses which image caches to build under a budget, and proves
// how far the choice is from the best possible.
package plan

import (
	"time"

	"github.com/cachebench/cachebench/cost"
)

// Kind is the kind of a saved Plan.
const Kind = "Plan"

// Plan says which caches to build, in which order, and what that brings.
type Plan struct {
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
	// Caches are the caches to build in the order of gain: the first k are the
	// best k to start with.
	Caches []PlannedCache `json:"caches"`
	// Assignments has one entry for each app of the workload.
	Assignments []Assignment `json:"assignments"`
	// Totals are the three arms: no caches, automatic only, this plan.
	Totals []Total `json:"totals"`
	// Existing says what to do with the caches that exist.
	Existing []ExistingCache `json:"existing,omitempty"`
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
	// CumulativeSeconds the gain of the plan up to and with it.
	SavedSeconds      time.Duration `json:"savedSeconds"`
	CumulativeSeconds time.Duration `json:"cumulativeSeconds"`
	// Cost is its bill a month, CumulativeCost that of the plan so far.
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
	// Total is Build + Keep + Use.
	Total cost.Money `json:"total"`
	// Net is Total − InstanceSaved: what the cache costs in the end.
	Net cost.Money `json:"net"`
}

// Assignment is what one app gets.
type Assignment struct {
	App string `json:"app" document:"required"`
	// Cache is the planned or existing cache that serves it; empty when none.
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
	// itself by instance time saved; absent when it never does or when no cache
	// is assigned.
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
	// Caches is the bill of caches: build, keep and use.
	Caches cost.Money `json:"caches"`
	// Instances is what instances cost while starting (from the pull's start).
	Instances cost.Money `json:"instances"`
	// Net is Caches + Instances less the same of the automatic arm; negative
	// saves money.
	Net cost.Money `json:"net"`
}

// ExistingCache is advice on a cache that exists.
type ExistingCache struct {
	ID     string `json:"id"`
	Advice string `json:"advice" document:"enum=keep|rebuild|drop"`
	Reason string `json:"reason"`
}
