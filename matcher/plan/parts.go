package plan

// Fields are named as their keys in a file, which carry the unit.
//lint:file-ignore ST1011 see above

import (
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher"
)

// PlannedCache is one cache to build.
type PlannedCache struct {
	Name    string   `json:"name" document:"required"`
	Images  []string `json:"images" document:"required"`
	SizeGiB float64  `json:"sizeGiB"`
	// Contents says which digest each reference had when the plan was made, that of the
	// index where there is one; references of which it is not known are absent.
	Contents []matcher.Content `json:"contents,omitempty"`
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
	// CumulativeUnpackedBytes is what the caches up to and with it store: of shared
	// storage each layer once.
	CumulativeUnpackedBytes int64 `json:"cumulativeUnpackedBytes"`
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
	// NetSaved is InstanceSaved + UseSaved − Total; below 0 the cache costs money in the end.
	NetSaved cost.Money `json:"netSaved"`
}

// Assignment is what one app gets.
type Assignment struct {
	App string `json:"app" document:"required"`
	// Controller is the kind of the Kubernetes object that starts it; empty when unknown.
	Controller string `json:"controller,omitempty"`
	// Cache is the name of the planned cache or the ID of the existing one that
	// serves it; empty when none.
	Cache string `json:"cache,omitempty"`
	// Primed says that its automatic cache is made in time by starts for that alone.
	Primed bool `json:"primed,omitempty"`
	// StartsPerMonth counts its starts; MissedPerMonth those that find the
	// planned cache not Ready after a release.
	StartsPerMonth float64 `json:"startsPerMonth"`
	MissedPerMonth float64 `json:"missedPerMonth"`
	// ColdSeconds, BaselineSeconds and PlannedSeconds are the mean time to
	// ready of a start.
	ColdSeconds     time.Duration `json:"coldSeconds"`
	BaselineSeconds time.Duration `json:"baselineSeconds"`
	PlannedSeconds  time.Duration `json:"plannedSeconds"`
	// AutomaticSeconds is that on ECI's automatic caches, where the baseline has none;
	// absent where it is not known.
	AutomaticSeconds *time.Duration `json:"automaticSeconds,omitempty"`
	// FloorSeconds is what of each of them no cache changes: until the instance is there,
	// and from the last image to ready. Of goal limit alone.
	FloorSeconds *time.Duration `json:"floorSeconds,omitempty"`
	// BreakEven says for which run times the cache would pay for itself, by instance time
	// and the baseline's disks saved, were its build and storage this app's alone: up to
	// BreakEvenSeconds, from there on, always or never. It is of the planned cache, where
	// one is assigned; else of the best one for the app, BreakEvenOf; noCache where none of
	// those considered does anything for the goal.
	BreakEven string `json:"breakEven,omitempty" document:"enum=upTo|from|always|never|noCache"`
	// BreakEvenSeconds is the run time at which it neither pays nor costs; absent where
	// there is none.
	BreakEvenSeconds *time.Duration `json:"breakEvenSeconds,omitempty"`
	// BreakEvenOf are the images of the cache that does most for the app, whatever it
	// costs: BreakEven is of it. Absent where BreakEven is of the app's own planned cache.
	BreakEvenOf []string `json:"breakEvenOf,omitempty"`
	// Reason says why this cache, or why none.
	Reason string `json:"reason"`
}

// Total is one arm's month.
type Total struct {
	// Arm is cold, automatic or planned.
	Arm string `json:"arm" document:"enum=cold|automatic|planned"`
	// StartupSeconds is the sum of all starts' times to ready.
	StartupSeconds time.Duration `json:"startupSeconds"`
	// Caches is the bill of caches: build, keep and use of planned ones, keep and use of
	// those that exist. Storage of the latter is paid as long as they are there, so arms
	// automatic and planned have that of all of which it is known, those to drop among
	// them; of a cold baseline, arm automatic alone.
	Caches cost.Money `json:"caches"`
	// Instances is what instances cost while starting (from the pull's start).
	Instances cost.Money `json:"instances"`
	// NetSaved is Caches + Instances of the baseline's arm less the same of this one;
	// below 0 this one costs more.
	NetSaved cost.Money `json:"netSaved"`
}

// ExistingCache is advice on a cache that exists.
type ExistingCache struct {
	ID     string `json:"id"`
	Advice string `json:"advice" document:"enum=keep|rebuild|drop"`
	Reason string `json:"reason"`
	// KeepPerMonth is what its storage costs in the month that begins now, or until it
	// expires; absent where it is not known what it holds, or there is no price.
	KeepPerMonth *cost.Money `json:"keepPerMonth,omitempty"`
	// KeepAssumed says that it is not told what the cache was built from, so that
	// KeepPerMonth is of what its references mean now.
	KeepAssumed bool `json:"keepAssumed,omitempty"`
	// StaleUnpackedBytes are of layers that it was built from and that no image of its
	// references has any more; absent where it is not known what it was built from.
	StaleUnpackedBytes *int64 `json:"staleUnpackedBytes,omitempty"`
}

// PrimedApp is an app whose automatic cache is made in time by short starts: one after
// each release, and one before each burst.
type PrimedApp struct {
	App string `json:"app" document:"required"`
	// StartsPerMonth is how many starts are made for it.
	StartsPerMonth float64 `json:"startsPerMonth"`
	// SavedSeconds is startup time that its other starts save a month, less what the
	// priming ones take.
	SavedSeconds time.Duration `json:"savedSeconds"`
	// Cost is what the instances of the priming starts cost until they are ready, and by
	// how much more the other starts then pay for caches' disks: below 0 where what they
	// find now, such as an existing cache, costs them more than priming does.
	Cost cost.Money `json:"cost"`
	// Instances is what of Cost the instances of the priming starts cost until they are ready:
	// StartsPerMonth times what one is billed, at the price of the app's instance. Absent in
	// files of before.
	Instances *cost.Money `json:"instances,omitempty"`
	// NetSaved is what shorter starts save on instances, less Cost.
	NetSaved cost.Money `json:"netSaved"`
}

// CurvePoint is the best plan found for one budget.
type CurvePoint struct {
	// BudgetPerMonth is what the plan may cost.
	BudgetPerMonth cost.Money `json:"budgetPerMonth"`
	// Cost is the bill of the caches and of what is primed, at most BudgetPerMonth.
	Cost cost.Money `json:"cost"`
	// Caches is how many it builds.
	Caches int `json:"caches"`
	// SavedSeconds is startup time saved a month beyond the baseline.
	SavedSeconds time.Duration `json:"savedSeconds" document:"signed"`
	// BoundSeconds is proven: no set of the candidates saves more for BudgetPerMonth. It is
	// absent of a tenth more of budget of goals net and limit.
	BoundSeconds *time.Duration `json:"boundSeconds,omitempty"`
	// BoundMoney is what is proven there instead: of goal net no set has more NetSaved, of
	// goal limit none that keeps the limit costs less; absent where none is known
	// to keep it.
	BoundMoney *cost.Money `json:"boundMoney,omitempty"`
	// LimitNotMet says that no set was found within BudgetPerMonth that keeps the goal's
	// limit: this one comes nearest.
	LimitNotMet bool `json:"limitNotMet,omitempty"`
	// NetSaved is money saved on instances and the baseline's disks, less Cost.
	NetSaved cost.Money `json:"netSaved"`
}

// Sensitivity is what would change a plan.
type Sensitivity struct {
	// More is the best plan found for a budget larger by a tenth, the goal and what an hour
	// is worth being the plan's; absent without a budget.
	More *CurvePoint `json:"more,omitempty"`
	// Levers are what was varied, one at a time.
	Levers []Lever `json:"levers,omitempty"`
}

// Lever is a price or a rate that was varied.
type Lever struct {
	// Name says what it is, as in the file of prices or the profile.
	Name string `json:"name" document:"required"`
	// Factor is by how much it has to change, times its value, for Verdict to be what is to
	// be done first (what is better than the plan, or else the plan's verdict), to 4 % and as
	// far as one search can tell; absent where the verdict is the same at a tenth and at ten
	// times the value, and taken to be so between. Where there is Assumed it is times that,
	// from 0 to 1, to a 64th.
	Factor  *float64 `json:"factor,omitempty"`
	Verdict string   `json:"verdict,omitempty"`
	// Assumed stands where the plan took 0, as nothing was stated: the most that was tried.
	Assumed float64 `json:"assumed,omitempty"`
}

// HeldOut judges a plan on what it was not made for.
type HeldOut struct {
	// Of says what was held out: starts after a time of the trace, or later tags.
	Of string `json:"of" document:"required"`
	// From is when it begins.
	From time.Time `json:"from"`
	// After is how long after the trace's beginning, and For how long it lasts; absent where
	// there is no trace.
	After *time.Duration `json:"afterSeconds,omitempty"`
	For   *time.Duration `json:"forSeconds,omitempty"`
	// Starts is how many starts it was judged on.
	Starts int `json:"starts"`
	// PlannedSaved and ActualSaved are what a start saves in the mean: as planned,
	// and as the held-out starts were served when replayed.
	PlannedSaved time.Duration `json:"plannedSavedSeconds" document:"signed"`
	ActualSaved  time.Duration `json:"actualSavedSeconds" document:"signed"`
	// CostPerMonth is what the plan costs in a month that is as the held-out part, with its
	// starts and releases: it need not keep the budget there. NetSavedPerMonth is what it
	// saves in money by then, beside what is spent without it. Both are of starts.
	CostPerMonth     *cost.Money `json:"costPerMonth,omitempty"`
	NetSavedPerMonth *cost.Money `json:"netSavedPerMonth,omitempty"`
	// BestSaved is what a plan made for the held-out part itself saves there, with the same
	// goal and budget; of tags, what the same caches save when they are built again. It is
	// absent where that was not looked for.
	BestSaved *time.Duration `json:"bestSavedSeconds,omitempty" document:"signed"`
	// StaleUnpackedBytes is what the planned caches hold by then that no image has.
	StaleUnpackedBytes *int64 `json:"staleUnpackedBytes,omitempty"`
	// NewApps start there and not before, the one with most starts first: no plan made
	// before can know them, and their starts count all the same. GoneApps start before and
	// not there, by name. Both are of traces.
	NewApps  []NewApp `json:"newApps,omitempty"`
	GoneApps []string `json:"goneApps,omitempty"`
}

// NewApp is an app that starts only in what is held out.
type NewApp struct {
	App    string `json:"app" document:"required"`
	Starts int    `json:"starts"`
	// OtherImages says that an app of this name started before, with other images.
	OtherImages bool `json:"otherImages,omitempty"`
}

// Recorded says of which trace a plan is.
type Recorded struct {
	// Span is how long the trace lasts: what a month has is its own times 30 days over it.
	Span time.Duration `json:"spanSeconds"`
	// Starts are those planned for, StartsOnNodes those on named nodes, which are left out.
	Starts        int `json:"starts"`
	StartsOnNodes int `json:"startsOnNodes,omitempty"`
	// Notes are reasons to doubt it, one sentence each.
	Notes []string `json:"notes,omitempty"`
}

// Explained says why an app got its cache.
type Explained struct {
	App string `json:"app" document:"required"`
	// Reason is the answer in a sentence; RunnerUp names the next best option and what
	// the plan would lose with it.
	Reason   string `json:"reason"`
	RunnerUp string `json:"runnerUp,omitempty"`
	// Considered is how many options it has; Options lists the one that it has and those
	// with which the plan would lose least.
	Considered int               `json:"considered"`
	Options    []ExplainedOption `json:"options,omitempty"`
}

// ExplainedOption is one candidate, or priming, for one app.
type ExplainedOption struct {
	// Cache is the candidate's name; it is in the plan where Built, and serves the app
	// where Chosen. Where Existing it is the ID of a cache that exists, which is part of
	// the baseline: what it saves is not counted.
	Cache   string   `json:"cache,omitempty"`
	Images  []string `json:"images,omitempty"`
	Priming bool     `json:"priming,omitempty"`
	Built   bool     `json:"built,omitempty"`
	Chosen  bool     `json:"chosen,omitempty"`
	// Existing caches need not be built.
	Existing bool `json:"existing,omitempty"`
	// Order is its place in ECI's order among all caches that qualify, from 1; absent
	// where caches are named, and of priming, whose caches are made later.
	Order int `json:"order,omitempty"`
	// SizeGiB is the disk that every start on it pays for.
	SizeGiB float64 `json:"sizeGiB"`
	// SavedSeconds and Use are of the app's starts in a month; Fixed is the candidate's
	// build and storage, whoever uses it.
	SavedSeconds time.Duration `json:"savedSeconds" document:"signed"`
	Use          cost.Money    `json:"use"`
	Fixed        cost.Money    `json:"fixed"`
	// PlanChange is by how much the plan's objective would change with this option in
	// place of the present one, in the goal's unit: seconds, or money; absent where that
	// cannot be, for the reason Why.
	PlanChange *float64 `json:"planChange,omitempty" document:"signed"`
	// CostChange is by how much the plan's bill would change then.
	CostChange *cost.Money `json:"costChange,omitempty"`
	Why        string      `json:"why,omitempty"`
}
