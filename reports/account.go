package reports

import (
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
)

// AccountCachesKind is the kind of a saved AccountCaches.
const AccountCachesKind = "AccountCaches"

// AccountCaches are image caches as an account has them, with what they cost and
// whether their tags have moved.
type AccountCaches struct {
	Region string `json:"region"`
	// At is the time as of which costs and drift are.
	At time.Time `json:"at"`
	// Matched are the images that the service was asked the best match of: the caches
	// are then its answer, best first as far as is known (eci §2.5).
	Matched []string       `json:"matched,omitempty"`
	Caches  []AccountCache `json:"caches"`
	// Manual and Automatic are the account's quotas; absent where they are not known.
	Manual    *CacheQuota `json:"manual,omitempty"`
	Automatic *CacheQuota `json:"automatic,omitempty"`
	// Doubts are what is not known about the whole.
	Doubts []string `json:"doubts,omitempty"`
}

// CacheQuota is how many caches there are, and may be.
type CacheQuota struct {
	Used int `json:"used"`
	Max  int `json:"max"`
}

// AccountCache is one cache.
type AccountCache struct {
	ID     string `json:"id"`
	Name   string `json:"name,omitempty"`
	Status string `json:"status"`
	// ProgressFraction is that of the regular snapshot, from 0 to 1: with Flash a cache is
	// Ready before (eci §1.3). Absent where the service does not tell.
	ProgressFraction *float64       `json:"progressFraction,omitempty"`
	Images           []AccountImage `json:"images"`
	// SizeGiB is that of the disk of each instance; absent where it is not told.
	SizeGiB int `json:"sizeGiB,omitempty"`
	// Automatic caches are made by ECI; GroupID is the container group that caused it.
	Automatic       bool      `json:"automatic,omitempty"`
	GroupID         string    `json:"groupId,omitempty"`
	CreationTime    time.Time `json:"creationTime,omitzero"`
	LastMatchedTime time.Time `json:"lastMatchedTime,omitzero"`
	// ExpireTime is when it is deleted; absent means never.
	ExpireTime          time.Time         `json:"expireTime,omitzero"`
	EliminationStrategy string            `json:"eliminationStrategy,omitempty"`
	Tags                map[string]string `json:"tags,omitempty"`
	ResourceGroupID     string            `json:"resourceGroupId,omitempty"`
	SnapshotID          string            `json:"snapshotId,omitempty"`
	FlashSnapshotID     string            `json:"flashSnapshotId,omitempty"`
	// HelperGroupID is the container group that builds it.
	HelperGroupID string `json:"helperGroupId,omitempty"`
	// Drift is that of its images: drifted if one is, same if all are; absent where it was
	// not looked at.
	Drift string       `json:"drift,omitempty" document:"enum=same|drifted|unknown"`
	Cost  *AccountCost `json:"cost,omitempty"`
	// Events are oldest first, at most the latest 50 (eci §1.3).
	Events []CacheEvent `json:"events,omitempty"`
}

// The values of Drift.
const (
	DriftSame    = "same"
	DriftDrifted = "drifted"
	DriftUnknown = "unknown"
)

// AccountImage is an image of a cache, and what its reference means today.
type AccountImage struct {
	Reference string `json:"reference"`
	Drift     string `json:"drift,omitempty" document:"enum=same|drifted|unknown"`
	// Reason says why Drift is so.
	Reason string `json:"reason,omitempty"`
	// BuiltDigest is what the reference meant when the cache was built, by a lock or a
	// list of caches that was saved then.
	BuiltDigest string `json:"builtDigest,omitempty"`
	// Digest is what it means today, ConfigTime when that image was made, by its config.
	Digest     string    `json:"digest,omitempty"`
	ConfigTime time.Time `json:"configTime,omitzero"`
}

// AccountCost is what a cache costs, estimated. Amounts are at the price book's date, and
// absent where they cannot be told.
type AccountCost struct {
	// StoredBytes are what its snapshot holds: the images' unpacked sizes as of today; if
	// they are not known, all of its size (StoredAtMost).
	StoredBytes  int64 `json:"storedBytes,omitempty"`
	StoredAtMost bool  `json:"storedAtMost,omitempty"`
	// Build is the helper instance with its disk, estimated, from the start of the last
	// build to the latest event: a lower bound, for the snapshot that follows leaves none;
	// absent where the events do not tell both, and while a
	// build goes on.
	Build *cost.Money `json:"build,omitempty"`
	// KeepPerMonth is storing the snapshot for 30 days, KeptSoFar since creation.
	KeepPerMonth *cost.Money `json:"keepPerMonth,omitempty"`
	KeptSoFar    *cost.Money `json:"keptSoFar,omitempty"`
	// UsePerInstanceHour is the disk of one running instance for an hour.
	UsePerInstanceHour *cost.Money `json:"usePerInstanceHour,omitempty"`
}

// CacheEvent is what the service says of a cache's making.
type CacheEvent struct {
	Time    time.Time `json:"time,omitzero"`
	Type    string    `json:"type,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Message string    `json:"message,omitempty"`
	Count   int       `json:"count,omitempty"`
}

// ReadAccountCaches reads caches from the bytes of the file called name.
func ReadAccountCaches(name string, data []byte) (*AccountCaches, error) {
	var a AccountCaches
	if err := document.Read(name, data, AccountCachesKind, &a); err != nil {
		return nil, err
	}
	return &a, nil
}
