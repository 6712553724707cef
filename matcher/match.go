package matcher

import (
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
)

// Group is what a start asks the matcher for: an ECI container group.
type Group struct {
	// Name is the app's.
	Name string
	// Images and InitImages are references; both count in the match degree
	// (eci §6 #1).
	Images     []string
	InitImages []string
	// Region, Architecture and OSType; empty matches any.
	Region, Architecture, OSType string
	// ExtraStorageGiB is ephemeral storage asked for above the free 30 GiB.
	ExtraStorageGiB float64
	// PullPolicy is Always, IfNotPresent, Never or empty (the Kubernetes rule).
	PullPolicy string
	// CacheID asks for one cache explicitly; it wins over matching (eci §1.9).
	CacheID string
	// NoMatching turns automatic matching off (AutoMatchImageCache=false, or
	// eci-auto-imc: "false"): without CacheID no cache is used and none is made
	// (eci §1.8).
	NoMatching bool
	// Job says that the instance is of the Job type, which refuses caches
	// (eci §1.10).
	Job bool
	// PerfectMatch accepts a cache only if it holds every image (imc-perfect-match).
	PerfectMatch bool
	// MatchCount accepts a cache only if it holds at least this many images
	// (imc-match-count-request); PerfectMatch wins over it.
	MatchCount int
}

// Hit says what a matched cache saved: a cache matched and the bytes it saved
// are two things.
type Hit string

// The hits.
const (
	// FullHit: every byte was present.
	FullHit Hit = "hit"
	// PartialHit: some bytes were present.
	PartialHit Hit = "partial"
	// Miss: none were.
	Miss Hit = "miss"
)

// MatchesKind is the kind of saved Matches.
const MatchesKind = "Matches"

// ReadMatches reads matches from the bytes of the file called name.
func ReadMatches(name string, data []byte) (*Matches, error) {
	var m Matches
	if err := document.Read(name, data, MatchesKind, &m); err != nil {
		return nil, err
	}
	return &m, nil
}

// Matches is the answer for several groups, as saved in a file.
type Matches struct {
	// Policies are the readings of undocumented rules that were used.
	Policies map[string]string `json:"policies"`
	// Platform is os/arch[/variant] of the images, and CoverageFraction the share of the
	// workload's starts whose images could be read; absent in files of before.
	Platform         string   `json:"platform,omitempty"`
	CoverageFraction *float64 `json:"coverageFraction,omitempty"`
	// At is the time as of which caches were matched.
	At time.Time `json:"at"`
	// Unread are layers of the images that could not be read, or that their layout or
	// archive does not hold.
	Unread  []layers.Unscanned `json:"unread,omitempty"`
	Matches []Match            `json:"matches"`
	// Outcomes are what a month of starts finds in the existing caches and the
	// automatic ones that ECI makes by itself: the automatic baseline. Apps that
	// did not start have none.
	Outcomes []Outcome `json:"outcomes,omitempty"`
	// Span is how long the trace lasts whose starts these are; absent where they are a
	// month's.
	Span *time.Duration `json:"spanSeconds,omitempty"`
	// HitRates are what those starts find by day, and PlannedHitRates what they
	// find with a plan's caches besides; absent without a plan.
	HitRates        []HitRate `json:"hitRates,omitempty"`
	PlannedHitRates []HitRate `json:"plannedHitRates,omitempty"`
	// PlannedDoubts say where that plan is not of this workload, one sentence each.
	PlannedDoubts []string `json:"plannedDoubts,omitempty"`
}

// Match is which cache ECI would pick for one group, and what that saves.
type Match struct {
	// App names the group.
	App string `json:"app" document:"required"`
	// CacheID is the cache picked; empty when none.
	CacheID string `json:"cacheId,omitempty"`
	// Hit is by unpacked layers present (by chain).
	Hit Hit `json:"hit" document:"enum=hit|partial|miss"`
	// Reason says in one sentence why this cache, or why none.
	Reason string `json:"reason"`
	// Fails says why the start fails, as one of an explicit cache that is not
	// Ready does; empty when it does not.
	Fails string `json:"fails,omitempty"`
	// Overlap is what the picked cache holds of the group's layers.
	Overlap Overlap `json:"overlap"`
	// Stale are images that the tag no longer means, and that are used as the
	// picked cache holds them, without asking the registry.
	Stale []string `json:"stale,omitempty"`
	// Revalidated are images that the picked cache holds and for which the
	// registry is asked all the same; only missing layers are pulled.
	Revalidated []string `json:"revalidated,omitempty"`
	// Unknown are images that the Inventory lacks; their layers are in no figure.
	Unknown []string `json:"unknown,omitempty"`
	// CreatesAutomatic says that ECI would make an automatic cache from this
	// start (eci §6 #5).
	CreatesAutomatic bool `json:"createsAutomatic,omitempty"`
	// AutomaticGiB is the size of that cache.
	AutomaticGiB float64 `json:"automaticGiB,omitempty"`
	// AutomaticUsable is when that cache is Ready, if a start were now; absent
	// where no time is known. AutomaticExpires is when it is deleted if no start
	// uses it.
	AutomaticUsable  time.Time `json:"automaticUsable,omitzero"`
	AutomaticExpires time.Time `json:"automaticExpires,omitzero"`
	// Candidates are the first caches that hold something of the group's
	// repositories, in ECI's order, the disqualified ones last; all caches in an
	// explanation.
	Candidates []Candidate `json:"candidates,omitempty"`
	// MoreCandidates counts those after them, which only an explanation lists.
	MoreCandidates int `json:"moreCandidates,omitempty"`
	// OtherCaches counts the caches that are not among the candidates: they hold
	// none of the group's repositories.
	OtherCaches int `json:"otherCaches,omitempty"`
	// Sensitivity are the other readings of undocumented rules that would change
	// the answer, one at a time; ReadingsTried counts those that were tried. Both
	// only where asked for.
	Sensitivity   []Reading `json:"sensitivity,omitempty"`
	ReadingsTried int       `json:"readingsTried,omitempty"`
}

// Overlap says what a store that holds layers spares a set of images, each
// distinct chain and each blob that it needs counted once. The two shares are never added: a blob that is
// present saves its download, a chain that is present saves download and unpack.
type Overlap struct {
	// Layers, CompressedBytes and UnpackedBytes are the whole need: what a start
	// fetches and unpacks that finds nothing. Layers counts distinct blobs.
	Layers          int   `json:"layers"`
	CompressedBytes int64 `json:"compressedBytes"`
	UnpackedBytes   int64 `json:"unpackedBytes"`
	// UnknownLayers counts layers without an unpacked size; they are missing
	// from the unpacked bytes.
	UnknownLayers int `json:"unknownLayers,omitempty"`
	// ByDigest: a layer is present when its stored blob is.
	ByDigest Share `json:"byDigest"`
	// ByChain: a layer is present when it is unpacked above the same layers.
	ByChain Share `json:"byChain"`
}

// Share is how much of a need is present and what remains; PresentBytes and
// FetchBytes add up to the whole need's CompressedBytes. Layers are counted as
// distinct blobs by digest, as distinct chains by chain.
type Share struct {
	// PresentLayers and PresentBytes (compressed) are held by the store.
	PresentLayers int   `json:"presentLayers"`
	PresentBytes  int64 `json:"presentBytes"`
	// MissingLayers remain, FetchBytes (compressed) to download and
	// UnpackBytes (unpacked) to unpack.
	MissingLayers int   `json:"missingLayers"`
	FetchBytes    int64 `json:"fetchBytes"`
	UnpackBytes   int64 `json:"unpackBytes"`
}
