package simulate

import (
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate/unpack"
)

// Estimate is what one start on an idle node takes, with typical values in
// place of distributions.
type Estimate struct {
	// Ready is the time to ready, from the request.
	Ready time.Duration
	// Billed is the part from the pull's start to ready: what an instance is
	// paid for before it is of use (eci §3.1, §3.3).
	Billed time.Duration
	// Pull is resolve, fetch and unpack of all images.
	Pull time.Duration
	// FetchedBytes are compressed, UnpackedBytes uncompressed.
	FetchedBytes, UnpackedBytes int64
	Hit                         matcher.Hit
}

// EstimateStart computes one start without simulating a fleet: images one after
// another, layers in manifest order (last first under request order race), their
// transfers sharing the tightest link equally, unpacks in chain order. It leaves
// out what only many starts bring (admission, request rates, shared nodes) and,
// with parallel unpack or less than one core, that unpacks share cores and disk.
func EstimateStart(inv *layers.Inventory, profile *Profile, start *Start) (Estimate, error) {
	e, err := NewEstimator(inv, profile)
	if err != nil {
		return Estimate{}, err
	}
	return e.Estimate(start)
}

// Estimator answers EstimateStart many times for one Inventory and profile.
type Estimator struct{ w *world }

// NewEstimator prepares estimates.
func NewEstimator(inv *layers.Inventory, profile *Profile) (*Estimator, error) {
	if err := profile.Validate(); err != nil {
		return nil, err
	}
	w, err := newWorld(inv, profile, nil)
	return &Estimator{w}, err
}

// Estimate returns what start takes.
func (e *Estimator) Estimate(start *Start) (Estimate, error) {
	if err := e.w.check(start); err != nil {
		return Estimate{}, err
	}
	return e.w.estimate(start), nil
}

// idleNode is what an estimate keeps of the node: chains unpacked, blobs stored.
type idleNode struct {
	w         *world
	p         *Profile
	costs     unpack.Costs
	snapshots map[int]bool
	blobs     map[int]bool
	result    Estimate
}

func (w *world) estimate(start *Start) Estimate {
	p := w.classes[start.NodeClass]
	n := &idleNode{w: w, p: p, snapshots: map[int]bool{}, blobs: map[int]bool{}}
	n.costs = unpack.Costs{
		Layer: typical(&p.Unpack.Layer), File: typical(&p.Unpack.File),
		Cores: p.Unpack.Cores.Value, DiskBytesPerSecond: float64(typical(&p.Unpack.Disk)),
	}
	before := typical(&p.Start.Provision)
	if start.CacheID != "" {
		before += typical(&p.Cache.Attach)
	}
	if start.Node != "" {
		before += typical(&p.Node.Boot)
	}
	held := map[int]bool{}
	if start.CacheID != "" {
		for _, image := range start.Held {
			held[image] = true
			for _, c := range w.chains.Images[image] {
				n.snapshots[c] = true
				n.blobs[w.blobs[image][c]] = p.Pull.KeepBlobs.Value
			}
		}
	}
	reused, missing := map[int]bool{}, map[int]bool{}
	for _, image := range start.Images {
		for _, c := range w.chains.Images[image] {
			if n.snapshots[c] {
				reused[c] = true
			} else {
				missing[c] = true
			}
		}
	}
	for _, image := range start.Images {
		if held[image] && !start.pulls(w.inv.Images[image].Reference) {
			continue
		}
		n.result.Pull += n.pull(image)
		held[image] = true
	}
	ready := typical(&p.Start.Ready)
	if start.Ready != nil {
		ready = *start.Ready
	}
	n.result.Billed = n.result.Pull + typical(&p.Start.Create)*time.Duration(len(start.Images)) + ready + firstRead(w, p, start, reused)
	n.result.Ready = before + n.result.Billed
	n.result.Hit = start.hit(len(reused), len(missing))
	return n.result
}

// pull returns how long one image takes and leaves its layers on the node.
func (n *idleNode) pull(image int) time.Duration {
	answer := typical(&n.p.Network.RoundTrip) + typical(&n.p.Network.Request)
	resolve := time.Duration(resolveRequests(n.w, image)) * answer
	var chains, order []int
	for _, c := range n.w.chains.Images[image] {
		if n.snapshots[c] {
			continue
		}
		chains = append(chains, c)
		if l := n.w.blobs[image][c]; !n.blobs[l] && !slices.Contains(order, l) {
			order = append(order, l)
		}
	}
	if n.p.Pull.RequestOrder.Value == "race" && len(order) > 1 {
		order = append([]int{order[len(order)-1]}, order[:len(order)-1]...)
	}
	arrived := n.fetch(order, answer)
	end := time.Duration(0)
	for _, c := range chains {
		l := n.w.blobs[image][c]
		layer := &n.w.inv.Layers[l]
		alone := n.costs.Alone(demand(n.p, layer))
		if at := arrived[l]; n.p.Unpack.Parallel.Value {
			end = max(end, at+alone)
		} else {
			end = max(end, at) + alone
		}
		n.snapshots[c] = true
		n.result.UnpackedBytes += *layer.UnpackedBytes
	}
	if !n.p.Pull.KeepBlobs.Value {
		clear(n.blobs)
	}
	return resolve + end
}

// fetch returns when each layer of order has arrived: at most so many at once
// as the profile lets, each first answered, then sent at an equal share.
func (n *idleNode) fetch(order []int, answer time.Duration) map[int]time.Duration {
	type transfer struct {
		layer     int
		answered  float64
		remaining float64
	}
	net := &n.p.Network
	link := float64(min(typical(&net.Registry), typical(&net.Uplink), typical(&net.Node)))
	limit := float64(typical(&net.Connection))
	arrived := map[int]time.Duration{}
	var active []transfer
	now := 0.0
	for len(order) > 0 || len(active) > 0 {
		for len(order) > 0 && len(active) < int(n.p.Pull.MaxConcurrentDownloads.Value) {
			bytes := n.w.inv.Layers[order[0]].CompressedBytes
			n.result.FetchedBytes += bytes
			active = append(active, transfer{order[0], now + answer.Seconds(), float64(bytes)})
			n.blobs[order[0]] = true
			order = order[1:]
		}
		sending := 0
		for _, t := range active {
			if t.answered <= now {
				sending++
			}
		}
		rate := min(limit, link/float64(sending))
		next := math.Inf(1)
		for _, t := range active {
			if t.answered > now {
				next = min(next, t.answered)
			} else {
				next = min(next, now+t.remaining/rate)
			}
		}
		rest := active[:0]
		for _, t := range active {
			if t.answered > now {
				rest = append(rest, t)
				continue
			}
			if now+t.remaining/rate <= next {
				arrived[t.layer] = time.Duration(math.Round(next * 1e9))
				continue
			}
			t.remaining -= rate * (next - now)
			rest = append(rest, t)
		}
		active, now = rest, next
	}
	return arrived
}
