package simulate

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate/network"
)

// Estimate is what one start on an idle node takes, with typical values in
// place of distributions.
type Estimate struct {
	// Ready is the time to ready, from the request.
	Ready time.Duration
	// Billed is the part from the pull's start to ready: what an instance is
	// paid for before it is of use (eci §3.1, §3.3).
	Billed time.Duration
	// Floor is the part of Ready that is the same whatever a cache holds: until the instance
	// is there, and from the last image to ready.
	Floor time.Duration
	// Pull is resolve, fetch and unpack of all images.
	Pull time.Duration
	// FetchedBytes are compressed, UnpackedBytes uncompressed.
	FetchedBytes, UnpackedBytes int64
	Hit                         matcher.Hit
}

// EstimateStart computes one start without simulating a fleet: images one after
// another, layers in manifest order (last first under request order race), their
// transfers sharing the tightest link equally, unpacks in chain order. It leaves
// out what only many starts bring (admission, request rates, shared nodes), what
// transfers take from the cores and the disk of unpacking (fetchBytesPerSecond,
// fetchDiskFraction) and, with parallel unpack or less than one core, that unpacks
// share cores and disk; and a start that never pulls is taken as if it did. A start of
// more than ten years is an error.
// For one start in manifest order it is the simulation to the nanosecond or so;
// TestEstimateError reports how far off the rest is, such as 2 % in the median and
// 10 % at the 95th percentile for one start whose requests race.
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
	w, err := newWorld(inv, profile)
	return &Estimator{w}, err
}

// Estimate returns what start takes.
func (e *Estimator) Estimate(start *Start) (Estimate, error) {
	if err := e.w.check(start); err != nil {
		return Estimate{}, err
	}
	estimate := e.w.estimate(start)
	if estimate.Ready > longest {
		return Estimate{}, fmt.Errorf("estimate app %s: a start would take more than %v: a rate of profile %s is too low for it, or a time too long", start.App, longest, e.w.profile.Name)
	}
	return estimate, nil
}

// idleNode is one start's instance, with nothing else to do.
type idleNode struct {
	w      *world
	t      *template
	result Estimate
}

func (w *world) estimate(start *Start) Estimate {
	t := new(template)
	w.follow(t, start)
	n := &idleNode{w: w, t: t}
	p := t.class.Profile
	before := typical(&p.Start.Provision)
	n.result.Floor = before
	if t.cacheID != "" {
		before += typical(&p.Cache.Attach)
	}
	if start.Node != "" {
		before += typical(&p.Node.Boot)
		n.result.Floor += typical(&p.Node.Boot)
	}
	for i := range t.pulls {
		if !t.pulls[i].skip() {
			n.result.Pull = min(n.result.Pull+n.pull(i), 2*longest)
		}
	}
	ready := typical(&p.Start.Ready)
	if start.Ready != nil {
		ready = *start.Ready
	}
	create := times(typical(&p.Start.Create), int64(len(t.pulls)))
	n.result.Floor += create + ready
	fraction := p.Cache.ReadFraction.Value
	if start.ReadFraction != nil {
		fraction = *start.ReadFraction
	}
	if t.firstReadBytes > 0 {
		rate := float64(min(typical(&p.Cache.FirstRead), typical(&p.Cache.Copy)*network.Rate(p.Cache.Copies.Value)))
		ready += bounded(fraction * float64(t.firstReadBytes) / rate)
	}
	n.result.Billed = n.result.Pull + create + ready
	n.result.Ready = before + n.result.Billed
	n.result.Hit = hit(t.cacheID != "", int(t.reused), int(t.missing))
	return n.result
}

// pull returns how long one image takes.
func (n *idleNode) pull(i int) time.Duration {
	p, steps := n.t.class.Profile, n.t.pulls[i].steps
	trip := typical(&p.Network.RoundTrip)
	answer := trip + typical(&p.Network.Request)
	connect := trip * time.Duration(p.Network.ConnectRoundTrips.Value)
	all, _ := n.w.requests(n.t.class, n.t.pulls[i].image, n.t.pulls[i].stored)
	requests := time.Duration(all)
	resolve := connect + requests*answer
	if !p.Pull.ReuseConnections.Value {
		resolve = requests * (answer + connect)
	}
	if requests > 0 {
		resolve += p.Pull.Start.Value
	}
	order := slices.Clone(steps.fetch)
	if last := len(order) - 1; p.Pull.RequestOrder.Value == "race" && last > 0 {
		order = append([]int32{order[last]}, order[:last]...)
	}
	arrived := n.fetch(order, answer*time.Duration(p.Network.BlobRequests.Value)+p.Pull.Blob.Value, connect)
	end := time.Duration(0)
	for _, u := range steps.units {
		alone := n.t.class.alone(&n.w.layers[u.layer])
		if at := arrived[u.layer]; p.Unpack.Parallel.Value {
			end = max(end, at+alone)
		} else {
			end = min(max(end, at)+alone, 2*longest)
		}
		n.result.UnpackedBytes += n.w.layers[u.layer].unpacked
	}
	return resolve + end
}

// fetch returns when each layer of order has arrived: at most so many at once
// as the profile lets, each first answered, then sent at an equal share.
func (n *idleNode) fetch(order []int32, answer, connect time.Duration) map[int32]time.Duration {
	type transfer struct {
		layer     int32
		answered  float64
		remaining float64
	}
	net := &n.t.class.Network
	link := float64(net.payload(min(net.path(), typical(&net.Node))))
	limit := float64(typical(&net.Connection))
	arrived := make(map[int32]time.Duration, len(order))
	var active []transfer
	opened := 1 // connections, by what came before the layers
	now := 0.0
	for len(order) > 0 || len(active) > 0 {
		for len(order) > 0 && len(active) < int(n.t.class.Pull.MaxConcurrentDownloads.Value) {
			bytes := n.w.layers[order[0]].compressed
			n.result.FetchedBytes += bytes
			wait := answer
			if len(active) >= opened || !n.t.class.Pull.ReuseConnections.Value {
				opened++
				wait += connect
			}
			active = append(active, transfer{order[0], now + wait.Seconds(), float64(bytes)})
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
				arrived[t.layer] = bounded(next)
				continue
			}
			t.remaining -= rate * (next - now)
			rest = append(rest, t)
		}
		active, now = rest, next
	}
	return arrived
}

// FirstReadTime is how long a start reads of so many unpacked bytes on a disk made from a
// snapshot, the first time and before it is ready.
func (p *Profile) FirstReadTime(unpackedBytes int64) time.Duration {
	return bounded(p.Cache.ReadFraction.Value * float64(unpackedBytes) / float64(typical(&p.Cache.FirstRead)))
}

// bounded is a time in seconds, 2*longest at most.
func bounded(seconds float64) time.Duration {
	return time.Duration(math.Round(min(seconds*1e9, float64(2*longest))))
}
