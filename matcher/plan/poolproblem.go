package plan

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/workload"
)

// PoolProblem is what to plan for on one node pool.
type PoolProblem struct {
	// Pool is as it is now: what its new nodes hold already takes no more room.
	Pool *workload.NodePool
	// Inventory holds all images.
	Inventory *layers.Inventory
	// Images are the candidates; of equal ones the first is preferred. Held are those that new nodes
	// have, as positions in the Inventory.
	Images []PoolImage
	Held   []int
	// Pulls are a month's, of the candidates.
	Pulls []PoolPull
	// StartsPerMonth are those of the pool's apps.
	StartsPerMonth float64
	// DiskBudgetBytes is the most that the images may add to a node's disk; FreeBytes
	// what its disk leaves for them as it is: more than that is paid for, or makes the
	// kubelet remove images until no more than LowBytes of them are left.
	DiskBudgetBytes, FreeBytes, LowBytes int64
	// KeepBlobs: the runtime keeps compressed blobs beside the unpacked layers.
	KeepBlobs bool
	// Rebuild is the time from one build of a baked disk to the next.
	Rebuild time.Duration
	// FirstRead is how long the first read takes of what a start needs of so many
	// unpacked bytes on a disk made from a snapshot.
	FirstRead func(unpackedBytes int64) time.Duration
	// PullTime is how long a pull takes on a node that has so many of the image's lowest
	// layers; held: that has the image whole, with its manifest; again: whose kubelet asks
	// the registry all the same.
	PullTime func(image, layers int, held, again bool) time.Duration
	// Simulate plays the pool in an arm that holds these images, in this order.
	Simulate func(ctx context.Context, arm string, images []int) (*PoolTimes, error)
	// Parallel: the pool's kubelets do not pull in parallel yet.
	Parallel bool
	// Prices must have what an arm needs: node.snapshotGiBMonth (else snapshotGiBMonth)
	// for a baked disk, node.diskGiBMonth for more disk than there is.
	Prices cost.Book
	// WorthPerHour is what an hour of waiting saved is worth; at 0 money counts only
	// between arms that save the same.
	WorthPerHour float64
	// Limit is within what LimitStartsFraction of the starts are to be ready; 0 is no limit,
	// and a share of 0 is 0.99.
	Limit               time.Duration
	LimitStartsFraction float64
	// GapFraction is how far from the proven best the images may be; Effort multiplies the
	// steps of the search for them, 0 is 1.
	GapFraction, Effort float64
	// Points is how many points the curve of disk budgets has; 0 is no curve. More asks for
	// what a tenth more of disk would bring.
	Points int
	More   bool
	// Progress is told what is being done; nil is none.
	Progress func(what string)
	// LeftOut says what is no candidate, Warnings and Assumptions what the caller knows.
	LeftOut               string
	Warnings, Assumptions []string
}

// PoolImage is an image that nodes may hold.
type PoolImage struct {
	// Image is a position in the Inventory.
	Image int
	// ReleasesPerMonth is how often another takes its place, KeptLayers how many of its
	// lowest layers the other has too.
	ReleasesPerMonth float64
	KeptLayers       int
	// Apps are those that start it on the pool; none for one that others are built on.
	Apps []string
}

// defaultLimitShare is the share of starts that a limit is for where none is given.
const defaultLimitShare = 0.99

// Why a node pulled an image.
const (
	// Fresh: the node had never had it, and it was current when the node was made.
	Fresh = "fresh"
	// Released: it is newer than the node.
	Released = "released"
	// Evicted: the node had it, and the kubelet removed it.
	Evicted = "evicted"
)

// PoolPull counts pulls that are alike.
type PoolPull struct {
	// Image is a position in Images.
	Image int
	// Present is how many of its lowest layers the node had.
	Present int
	// Again: the kubelet asks the registry though the image is there.
	Again bool
	// Cause is Fresh, Released or Evicted.
	Cause string
	// PerMonth is how many there are in 30 days.
	PerMonth float64
}

// PoolTimes are what a simulation of a pool gives.
type PoolTimes struct {
	// Starts are those simulated, over Span of the month.
	Starts int64
	Span   time.Duration
	// Pull and Ready are the sums of the starts' pull times and times to ready.
	Pull, Ready time.Duration
	// P99 and Slowest are of the times to ready, and Limited, within what
	// PoolProblem.LimitStartsFraction of the starts were ready.
	P99, Slowest, Limited time.Duration
	// FetchedBytes are compressed, of all pulls on the nodes: those of starts and of the
	// pods that pull ahead.
	FetchedBytes int64
}

func (p *PoolProblem) validate() error {
	switch {
	case p.Pool == nil || p.Inventory == nil || p.PullTime == nil || p.FirstRead == nil || p.Simulate == nil:
		return fmt.Errorf("a pool, an inventory and functions for times are needed")
	case p.Pool.Count < 1:
		return fmt.Errorf("%d nodes: a pool needs at least 1", p.Pool.Count)
	case p.DiskBudgetBytes < 0:
		return fmt.Errorf("a disk budget of %d bytes: it must be at least 0", p.DiskBudgetBytes)
	case p.Rebuild <= 0:
		return fmt.Errorf("a baked disk is built every %v: give a time above 0", p.Rebuild)
	case !(p.WorthPerHour >= 0) || math.IsInf(p.WorthPerHour, 1):
		return fmt.Errorf("an hour saved is worth %v: it must be a finite amount of at least 0", p.WorthPerHour)
	case p.Points < 0:
		return fmt.Errorf("a curve of %d points: give at least 1, or 0 for none", p.Points)
	case p.Limit < 0:
		return fmt.Errorf("a startup limit of %v: it must be at least 0", p.Limit)
	case !(p.LimitStartsFraction >= 0 && p.LimitStartsFraction <= 1):
		return fmt.Errorf("a limit for %v of the starts: give a share above 0 and at most 1, or 0 for 0.99", p.LimitStartsFraction)
	case !(p.GapFraction >= 0 && p.GapFraction < 1) || !(p.Effort >= 0) || math.IsInf(p.Effort, 1):
		return fmt.Errorf("a gap of %v, %v times the steps: the gap must be at least 0 and below 1, the steps finite and at least 0", p.GapFraction, p.Effort)
	}
	for _, img := range p.Images {
		if img.Image < 0 || img.Image >= len(p.Inventory.Images) {
			return fmt.Errorf("candidate %d is not in the inventory of %d images", img.Image, len(p.Inventory.Images))
		}
	}
	for _, x := range p.Pulls {
		switch {
		case x.Image < 0 || x.Image >= len(p.Images):
			return fmt.Errorf("pulls of candidate %d, of %d", x.Image, len(p.Images))
		case !(x.PerMonth >= 0) || math.IsInf(x.PerMonth, 1):
			return fmt.Errorf("%v pulls a month of %s: it must be a finite number of at least 0", x.PerMonth, p.reference(x.Image))
		case x.Present < 0 || x.Present > p.layers(x.Image):
			return fmt.Errorf("pulls of %s find %d of its %d layers", p.reference(x.Image), x.Present, p.layers(x.Image))
		}
	}
	if err := p.Prices.Validate(); err != nil {
		return fmt.Errorf("prices: %w", err)
	}
	return nil
}

func (p *PoolProblem) progress(what string) {
	if p.Progress != nil {
		p.Progress(what)
	}
}

func (p *PoolProblem) image(k int) *layers.Image { return &p.Inventory.Images[p.Images[k].Image] }
func (p *PoolProblem) reference(k int) string    { return p.image(k).Reference }
func (p *PoolProblem) layers(k int) int          { return len(p.image(k).Layers) }

// staleFraction is the share of new nodes whose baked disk has an older version of an
// image than there is: the disk is between 0 and Rebuild old, each as often, and releases
// come at even distances.
func (p *PoolProblem) staleFraction(k int) float64 {
	if p.Images[k].ReleasesPerMonth == 0 {
		return 0
	}
	between := cost.Month.Hours() / p.Images[k].ReleasesPerMonth
	if rebuild := p.Rebuild.Hours(); rebuild > between {
		return 1 - between/(2*rebuild)
	} else {
		return rebuild / (2 * between)
	}
}
