package plan

// Fields are named as their keys in a file, which carry the unit.
//lint:file-ignore ST1011 see above

import (
	"fmt"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
)

// The arms of a node pool.
const (
	// PoolNothing leaves the pool as it is.
	PoolNothing = "nothing"
	// PoolParallel pulls the images of a start, and of several starts, at once: a
	// setting of the kubelet (serializeImagePulls false, maxParallelImagePulls).
	PoolParallel = "parallel"
	// PoolPrePull has a DaemonSet whose pods pull the images on every node, one after
	// another, and go on running, so that the kubelet removes none of them.
	PoolPrePull = "prepull"
	// PoolBaked has the images on the disk that new nodes are made from.
	PoolBaked = "baked"
)

// Pool says which images the nodes of a pool should hold, and how.
type Pool struct {
	Name string `json:"name" document:"required"`
	// Platform is os/arch[/variant] of its nodes, NodeClass their class in the profile;
	// empty is the profile itself.
	Platform  string `json:"platform"`
	NodeClass string `json:"nodeClass,omitempty"`
	// Nodes is their number at a time.
	Nodes int `json:"nodes"`
	// Verdict is the arm that is advised, Reason why in one sentence.
	Verdict string `json:"verdict" document:"enum=nothing|parallel|prepull|baked"`
	Reason  string `json:"reason"`
	// DiskBudgetBytes bounds what the images add to each node's disk: unpacked layers,
	// each once, and their blobs where the runtime keeps them.
	DiskBudgetBytes int64 `json:"diskBudgetBytes"`
	// Objective is what was maximised.
	Objective string `json:"objective"`
	// HeldBy is the arm that Images are chosen for: the one that is advised, else the
	// better of those that hold images.
	HeldBy string `json:"heldBy" document:"enum=prepull|baked"`
	// PullSeconds is what all pulls of a month of 30 days take as the pool is: counted
	// pulls times estimated seconds.
	PullSeconds time.Duration `json:"pullSeconds"`
	// ObjectiveSeconds are those of them that holding Images spares, if they are there in
	// time. BoundSeconds is proven: no choice of the candidates within the budget spares
	// more, by the same estimate.
	ObjectiveSeconds time.Duration `json:"objectiveSeconds"`
	BoundSeconds     time.Duration `json:"boundSeconds"`
	// GapFraction is (bound − objective) / bound, 0 when the choice is optimal.
	GapFraction float64 `json:"gapFraction"`
	// Status is how the search ended: optimal, gapReached or stopped.
	Status string `json:"status" document:"enum=optimal|gapReached|stopped"`
	// StoppedBy says what stopped it before its end, or what kept arms and what is asked
	// beside it from being looked at: its steps, the time limit or an interrupt; absent
	// where nothing did.
	StoppedBy string `json:"stoppedBy,omitempty" document:"enum=steps|timeLimit|interrupt"`
	// Candidates is how many images were considered; LeftOut says what was not.
	Candidates int    `json:"candidates"`
	LeftOut    string `json:"leftOut,omitempty"`
	// PullsPerMonth are those counted, StartsPerMonth the starts among which they were.
	PullsPerMonth  float64 `json:"pullsPerMonth"`
	StartsPerMonth float64 `json:"startsPerMonth"`
	// LimitSeconds is within what enough of the starts are to be ready; absent where there is
	// no limit.
	LimitSeconds *time.Duration `json:"limitSeconds,omitempty"`
	// Arms are what can be done, the advised one first; then by what they are worth.
	Arms []PoolArm `json:"arms"`
	// Images are those to hold, each the one that spares most beside those before it: the
	// first k can be held alone.
	Images []PlannedImage `json:"images,omitempty"`
	// Curve is what other disk budgets would bring to arm HeldBy, the least first.
	Curve []PoolPoint `json:"curve,omitempty"`
	// Sensitivity is what would change the answer.
	Sensitivity *PoolSensitivity `json:"sensitivity,omitempty"`
	// Warnings are what may undo the plan; Assumptions what the numbers rest on.
	Warnings    []string `json:"warnings,omitempty"`
	Assumptions []string `json:"assumptions"`
}

// PoolArm is one thing that can be done for a pool, with what comes of it.
type PoolArm struct {
	Arm string `json:"arm" document:"required,enum=nothing|parallel|prepull|baked"`
	// MeetsLimit says whether enough of the starts are within the limit; absent where there
	// is no limit, no start, or no simulation that tells.
	MeetsLimit *bool `json:"meetsLimit,omitempty"`
	// Images is how many it holds, AddedBytes what they add to each node's disk: the first
	// ones of its choice, as many as are worth more than they cost by estimate, all where
	// an hour is worth nothing or a limit is to be kept.
	Images     int   `json:"images"`
	AddedBytes int64 `json:"addedBytes"`
	// Source says where the times come from: simulated, or estimated where the simulation
	// was interrupted.
	Source string `json:"source" document:"enum=simulated|estimated"`
	// Starts are those that were simulated, over SimulatedSeconds of the month.
	Starts           int64         `json:"starts,omitempty"`
	SimulatedSeconds time.Duration `json:"simulatedSeconds,omitempty"`
	// PullSeconds is what the pulls of starts take in a month of 30 days, those that come
	// before the first start of a node not among them. SavedSeconds is how much sooner
	// all starts of a month are ready than in arm nothing.
	PullSeconds  time.Duration `json:"pullSeconds"`
	SavedSeconds time.Duration `json:"savedSeconds" document:"signed"`
	// MeanSeconds, P99Seconds (within 1 %) and SlowestSeconds are of the times to ready;
	// absent where unknown.
	MeanSeconds    *time.Duration `json:"meanSeconds,omitempty"`
	P99Seconds     *time.Duration `json:"p99Seconds,omitempty"`
	SlowestSeconds *time.Duration `json:"slowestSeconds,omitempty"`
	// Cost is its bill of 30 days beyond that of arm nothing.
	Cost PoolBill `json:"cost"`
	// NetSaved is what the seconds saved are worth less Cost.
	NetSaved cost.Money `json:"netSaved"`
	// Reason says what it takes.
	Reason string `json:"reason"`
}

// PoolBill is what an arm costs in 30 days beyond the pool as it is.
type PoolBill struct {
	// Traffic is what is fetched through the registry and the NAT gateway, less what no
	// start fetches any more; below 0 where that is more. What the book has no price for
	// is not charged.
	Traffic cost.Money `json:"traffic"`
	// Disk is for what the images take beyond what the nodes' disks leave for images.
	Disk cost.Money `json:"disk"`
	// Snapshot is keeping the disk that new nodes are made from.
	Snapshot cost.Money `json:"snapshot"`
	// Initialisation is reading it ahead onto each new node's disk, where the book has a
	// price for that.
	Initialisation cost.Money `json:"initialisation"`
	Total          cost.Money `json:"total"`
}

// PlannedImage is one image to hold.
type PlannedImage struct {
	Reference string `json:"reference" document:"required"`
	// Digest is what the reference meant when the images were looked up.
	Digest string `json:"digest"`
	// PullsPerMonth are those of this very image that holding it concerns; 0 for one
	// that only others are built on.
	PullsPerMonth float64 `json:"pullsPerMonth"`
	// UnpackedBytes are the whole image's, CompressedBytes what a node fetches for it
	// when it has nothing.
	UnpackedBytes   int64 `json:"unpackedBytes"`
	CompressedBytes int64 `json:"compressedBytes"`
	// AddedBytes are what it adds to a node's disk beside the images before it,
	// CumulativeBytes what all up to it add.
	AddedBytes      int64 `json:"addedBytes"`
	CumulativeBytes int64 `json:"cumulativeBytes"`
	// SavedSeconds are those of pulling that it spares a month beside the images before
	// it, CumulativeSeconds what all up to it spare.
	SavedSeconds      time.Duration `json:"savedSeconds"`
	CumulativeSeconds time.Duration `json:"cumulativeSeconds"`
	// Apps are those whose pulls it shortens.
	Apps []string `json:"apps"`
}

// Arm is the arm of that name; nil when there is none.
func (p *Pool) Arm(name string) *PoolArm {
	for i := range p.Arms {
		if p.Arms[i].Arm == name {
			return &p.Arms[i]
		}
	}
	return nil
}

// validatePools reports pools and images that stand twice, and bounds below what is
// saved.
func validatePools(pools []Pool) error {
	first := make(map[string]int, len(pools))
	for i := range pools {
		p := &pools[i]
		if j, ok := first[p.Name]; ok {
			return document.At(fmt.Sprintf("pools[%d].name", i), "duplicate node pool %q, also pools[%d]: names must be unique", p.Name, j)
		}
		first[p.Name] = i
		if p.BoundSeconds < p.ObjectiveSeconds {
			return document.At(fmt.Sprintf("pools[%d].boundSeconds", i), "the bound %v is below what the images save, %v", p.BoundSeconds, p.ObjectiveSeconds)
		}
		held := make(map[string]int, len(p.Images))
		for k := range p.Images {
			ref := p.Images[k].Reference
			if j, ok := held[ref]; ok {
				return document.At(fmt.Sprintf("pools[%d].images[%d].reference", i, k), "duplicate image %q, also images[%d]: each is held once", ref, j)
			}
			held[ref] = k
		}
		if err := p.validatePoints(fmt.Sprintf("pools[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}
