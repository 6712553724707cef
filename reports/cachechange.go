package reports

import (
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
)

// CacheChangesKind is the kind of a saved CacheChanges.
const CacheChangesKind = "CacheChanges"

// CacheChanges are what a command changes, or would change, of an account's image
// caches, in the order in which it does.
type CacheChanges struct {
	Region string `json:"region"`
	// At is when it began.
	At time.Time `json:"at"`
	// DryRun: nothing was done.
	DryRun  bool          `json:"dryRun,omitempty"`
	Changes []CacheChange `json:"changes"`
	// Cost is what the caches that are created and updated cost in all.
	Cost *ChangeCost `json:"cost,omitempty"`
	// Doubts are what is not known about the whole.
	Doubts []string `json:"doubts,omitempty"`
}

// The values of CacheChange.Action and Outcome.
const (
	ChangeCreate = "create"
	ChangeUpdate = "update"
	ChangeKeep   = "keep"
	ChangeDelete = "delete"

	OutcomePlanned = "planned"
	OutcomeDone    = "done"
	OutcomeFailed  = "failed"
	OutcomeSkipped = "skipped"
)

// CacheChange is one cache and what is done with it.
type CacheChange struct {
	Action string `json:"action" document:"required,enum=create|update|keep|delete"`
	// Outcome is planned until it is tried; skipped if an earlier one failed or the command
	// was stopped, and of a deletion while what is kept is not Ready.
	Outcome string `json:"outcome" document:"required,enum=planned|done|failed|skipped"`
	Name    string `json:"name,omitempty"`
	// ID is absent of a cache that is not created yet.
	ID      string   `json:"id,omitempty"`
	Images  []string `json:"images,omitempty"`
	SizeGiB int      `json:"sizeGiB,omitempty"`
	// Status is the service's, when it was last asked.
	Status string `json:"status,omitempty"`
	// Differs are what an update changes.
	Differs []CacheDifference `json:"differs,omitempty"`
	// Reason says why it is so, where that is not plain.
	Reason string `json:"reason,omitempty"`
	// Error says why it failed.
	Error string `json:"error,omitempty"`
	// HelperGroupID is the container group that builds it.
	HelperGroupID string `json:"helperGroupId,omitempty"`
	// ClientToken was sent: with it a repeated creation makes no second cache.
	ClientToken string      `json:"clientToken,omitempty"`
	RequestID   string      `json:"requestId,omitempty"`
	Fit         *CacheFit   `json:"fit,omitempty"`
	Cost        *ChangeCost `json:"cost,omitempty"`
	// Events are those of a cache that failed, oldest first.
	Events []CacheEvent `json:"events,omitempty"`
}

// CacheDifference is one parameter that is to change.
type CacheDifference struct {
	Field string `json:"field"`
	Have  string `json:"have,omitempty"`
	Want  string `json:"want,omitempty"`
}

// CacheFit says whether the images fit, and how long the build takes. It is absent where
// that was not looked at.
type CacheFit struct {
	// UnpackedBytes must fit; EstimatedBytes of them are estimated.
	UnpackedBytes  int64 `json:"unpackedBytes,omitempty"`
	EstimatedBytes int64 `json:"estimatedBytes,omitempty"`
	// Unknown says why the size is not known; the rest is then absent.
	Unknown string `json:"unknown,omitempty"`
	// SuggestedGiB is the smallest size that holds the images with headroom.
	SuggestedGiB int `json:"suggestedGiB,omitempty"`
	// Fails says why the images do not fit by what is measured, MayFail by what is
	// estimated.
	Fails   string `json:"fails,omitempty"`
	MayFail string `json:"mayFail,omitempty"`
	// ReuseFrom are caches whose layers are reused, if that was asked for; DownloadBytes
	// are then left to download, compressed.
	ReuseFrom     []string `json:"reuseFrom,omitempty"`
	DownloadBytes int64    `json:"downloadBytes,omitempty"`
	// Ready is the time until the cache is Ready, estimated.
	Ready *time.Duration `json:"readySeconds,omitempty"`
}

// ChangeCost is what caches cost, at the price book's date; absent amounts are not known.
type ChangeCost struct {
	// Build is making them once, estimated. BuildAtLeast: without the time of pulls that are
	// not known.
	Build        *cost.Money `json:"build,omitempty"`
	BuildAtLeast bool        `json:"buildAtLeast,omitempty"`
	// KeepPerMonth is storing the snapshots; KeepAtMost: the images' sizes are not known, so
	// the caches' are taken.
	KeepPerMonth *cost.Money `json:"keepPerMonth,omitempty"`
	KeepAtMost   bool        `json:"keepAtMost,omitempty"`
	// UsePerInstanceHour is the disk of a running instance; of several caches, of one
	// instance of each.
	UsePerInstanceHour *cost.Money `json:"usePerInstanceHour,omitempty"`
}

// Plus is the cost of both.
func (c ChangeCost) Plus(d ChangeCost) ChangeCost {
	sum := ChangeCost{BuildAtLeast: c.BuildAtLeast || d.BuildAtLeast, KeepAtMost: c.KeepAtMost || d.KeepAtMost}
	sum.Build = addMoney(c.Build, d.Build)
	sum.KeepPerMonth = addMoney(c.KeepPerMonth, d.KeepPerMonth)
	sum.UsePerInstanceHour = addMoney(c.UsePerInstanceHour, d.UsePerInstanceHour)
	return sum
}

// addMoney is nil where an amount is not known, or they are in two currencies.
func addMoney(m, n *cost.Money) *cost.Money {
	if m == nil || n == nil {
		return nil
	}
	sum, err := m.Plus(*n)
	if err != nil {
		return nil
	}
	return &sum
}

// Count is how many changes of an action there are.
func (c *CacheChanges) Count(action string) (n int) {
	for i := range c.Changes {
		if c.Changes[i].Action == action {
			n++
		}
	}
	return n
}

// ReadCacheChanges reads changes from the bytes of the file called name.
func ReadCacheChanges(name string, data []byte) (*CacheChanges, error) {
	var c CacheChanges
	if err := document.Read(name, data, CacheChangesKind, &c); err != nil {
		return nil, err
	}
	return &c, nil
}
