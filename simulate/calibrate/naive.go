package calibrate

import (
	"math"
	"strings"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/unpack"
)

// naive predicts an arm without simulating, by the same values: bytes over
// bandwidth, and with unpacking added.
//
// Bandwidth is that of the links that all nodes share for the bytes of all nodes, or
// of one node's interface, or of as many connections as the runtime opens, for those
// of the node that fetches most, whichever takes longest. What is unlimited takes no
// time. Then come provision, creation and readiness, the same for both. Unpacking is
// that of the start with most to unpack, one layer after another.
func (d *Data) naive(c *cell, v *values, ready readiness) (byBytes, bySum float64) {
	p := c.profileWith(&d.all, v)
	n := &p.Network
	share := n.Goodput.Value
	link := share * min(float64(n.Registry.Value), float64(n.Uplink.Value))
	own := share * d.all[node].get(p)
	connections := d.all[connection].get(p) * float64(p.Pull.MaxConcurrentDownloads.Value)
	byBytes = max(float64(c.work.fetchBytes)/link, float64(c.work.nodeBytes)/min(own, connections))
	around := 0.0
	times, _ := ready.of(c)
	for i := range c.starts {
		around = max(around, d.all[provision].get(p)+d.all[create].get(p)*float64(len(c.starts[i].Images))+times[i].Seconds())
	}
	costs := costsOf(p)
	longest := 0.0
	for _, list := range c.work.unpacks {
		t := 0.0
		for _, l := range list {
			t += d.alone(c, &costs, p, l)
		}
		longest = max(longest, t)
	}
	return byBytes + around, byBytes + longest + around
}

func costsOf(p *simulate.Profile) unpack.Costs {
	u := &p.Unpack
	return unpack.Costs{Layer: u.Layer.Value, File: u.File.Value, Cores: u.Cores.Value, DiskBytesPerSecond: float64(u.Disk.Value)}
}

// alone is how long a layer of an arm takes to unpack by itself, on the cores that the
// arm has: less than one where several nodes share a host.
func (d *Data) alone(c *cell, costs *unpack.Costs, p *simulate.Profile, l int) float64 {
	at := &c.inv.Layers[l]
	if at.UnpackedBytes == nil {
		return 0
	}
	decode := math.Inf(1)
	switch {
	case strings.HasSuffix(at.MediaType, "zstd"):
		decode = float64(p.Unpack.Zstd.Value)
	case strings.HasSuffix(at.MediaType, "gzip"):
		decode = float64(p.Unpack.Gzip.Value)
	}
	return costs.ByItself(unpack.Layer{UnpackedBytes: *at.UnpackedBytes, Files: filesOf(at), DecodeBytesPerSecond: decode}).Seconds()
}
