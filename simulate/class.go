package simulate

import (
	"math"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/simulate/unpack"
)

// class is a node class of the profile, or the profile itself, with what the
// engine asks most worked out.
type class struct {
	*Profile
	name  string
	costs unpack.Costs
	// decode are the decompressors' speeds by codec.
	decode [3]float64
	// downloads at once; for the daemon, else for each pull.
	downloads   int64
	daemonSlots bool
	race, keep  bool
	// lane: one layer after another is unpacked, and nothing but the node's own
	// pull needs its cores and disk, so that no event is needed for each layer.
	lane bool
	// laneTimes are how long each layer takes to unpack there.
	laneTimes []time.Duration
	// links are those of the network that its nodes are dealt to in turn.
	links []string
	// quick: an answer takes no time.
	quick bool
	// rate is a node's own link, connection the cap of a transfer where it is
	// not drawn.
	rate, connection network.Rate
	drawn            bool
}

// class returns a node class, read once.
func (w *world) class(name string) (*class, error) {
	if c, ok := w.classes[name]; ok {
		return c, nil
	}
	p := w.profile
	if name != "" {
		var err error
		if p, err = w.given.Class(name); err != nil {
			return nil, err
		}
		if w.change != nil {
			w.change(p)
		}
	}
	c := &class{
		Profile: p, name: name, links: p.Network.Attach,
		decode:    [...]float64{stored: math.Inf(1), gzipped: float64(typical(&p.Unpack.Gzip)), zstd: float64(typical(&p.Unpack.Zstd))},
		downloads: p.Pull.MaxConcurrentDownloads.Value, daemonSlots: p.Pull.DownloadScope.Value == "daemon",
		race: p.Pull.RequestOrder.Value == "race", keep: p.Pull.KeepBlobs.Value,
		rate: p.Network.payload(typical(&p.Network.Node)), connection: typical(&p.Network.Connection), drawn: p.Network.Connection.Distribution != "",
		costs: unpack.Costs{
			Layer: typical(&p.Unpack.Layer), File: typical(&p.Unpack.File),
			Cores: p.Unpack.Cores.Value, DiskBytesPerSecond: float64(typical(&p.Unpack.Disk)),
			FetchBytesPerSecond: float64(p.Unpack.Fetch.Value), FetchDiskFraction: p.Unpack.FetchDiskFraction.Value,
		},
	}
	c.lane = !p.Unpack.Parallel.Value && p.Pull.MaxParallelImages.Value == 1 &&
		!c.costs.SlowedByTransfers()
	if c.lane {
		c.laneTimes = w.laneTimes(c)
	}
	c.quick = isZero(&p.Network.RoundTrip) && isZero(&p.Network.Request) && isZero(&p.Pull.Start) && isZero(&p.Pull.Blob)
	w.classes[name] = c
	return c, nil
}

func isZero(p *Parameter[time.Duration]) bool { return p.Distribution == "" && p.Value == 0 }

// demand is what unpacking a layer asks for on nodes of a class.
func (c *class) demand(f *layerFacts) unpack.Layer {
	return unpack.Layer{UnpackedBytes: f.unpacked, Files: int64(f.files), DecodeBytesPerSecond: c.decode[f.codec]}
}

// alone is how long a layer takes to unpack when nothing else does.
func (c *class) alone(f *layerFacts) time.Duration {
	return min(c.costs.ByItself(c.demand(f)), 2*longest)
}

// laneTimes are how long each layer takes to unpack alone; classes that unpack
// alike share the list.
func (w *world) laneTimes(c *class) []time.Duration {
	for _, like := range w.classes {
		if like.lane && like.costs == c.costs && like.decode == c.decode {
			return like.laneTimes
		}
	}
	times := make([]time.Duration, len(w.layers))
	for i := range times {
		times[i] = c.alone(&w.layers[i])
	}
	return times
}
