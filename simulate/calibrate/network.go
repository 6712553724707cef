package calibrate

import (
	"fmt"
	"math"
	"slices"

	"github.com/cachebench/cachebench/simulate"
)

// linkSpeed is what an arm of a single start fetched at, while it fetched: bytes a
// second, the median of its runs, 0 where there was too little to tell; and for how
// long.
func (d *Data) linkSpeed(c *cell, v *values) (bytesPerSecond, seconds float64) {
	if !c.single() || c.work.fetchBytes == 0 {
		return 0, 0
	}
	wait := latency(c.profileWith(&d.all, v), &d.all)
	var speeds, times []float64
	for i := range c.runs {
		s := c.runs[i].startups[0]
		bytes := s.FetchedBytes
		if bytes == 0 {
			bytes = c.work.fetchBytes
		}
		if t := busyTime(s).Seconds() - wait; t > 0.01 {
			speeds, times = append(speeds, float64(bytes)/t), append(times, t)
		}
	}
	if len(speeds) == 0 {
		return 0, 0
	}
	return median(speeds), median(times)
}

// stageNetwork takes the share of payload from arms whose link was set, and the
// node's interface, or the cap of a connection, from the others. The longer half of
// the arms counts, in which requests and the end of each transfer matter least.
func (d *Data) stageNetwork(e *estimate, cells []*cell) {
	type speed struct{ rate, seconds, nominal float64 }
	var shaped, free []speed
	top, shared := 0.0, 0.0
	for _, c := range cells {
		rate, seconds := d.linkSpeed(c, &e.value)
		if rate == 0 {
			continue
		}
		s := speed{rate, seconds, float64(c.linkRate())}
		switch {
		case c.shaped():
			if !c.held[goodput] {
				shaped = append(shaped, s)
			}
		case !c.held[node]:
			free = append(free, s)
		}
		if !c.held[node] {
			top = max(top, rate)
		}
		if !c.held[registry] {
			shared = max(shared, rate)
		}
	}
	longer := func(list []speed, of func(*speed) float64) float64 {
		half := medianOf(list, func(s *speed) float64 { return s.seconds })
		var kept []speed
		for _, s := range list {
			if s.seconds >= half {
				kept = append(kept, s)
			}
		}
		return medianOf(kept, of)
	}
	share := d.all[goodput].get(d.opt.Base)
	if len(shaped) == 0 {
		e.cannot(goodput, "no arm's link was set to a known rate", "arms behind a link with a rate (--link-rate)")
	} else {
		share = d.all[goodput].clamp(longer(shaped, func(s *speed) float64 { return s.rate / s.nominal }))
		e.value[goodput] = share
	}
	d.sharedLinks(e, cells, shared/share)
	e.cannot(connection, "no transfer shows a cap of its own", "one large layer alone, and several at once, on a link that is not set")
	if len(free) == 0 {
		e.cannot(node, "the link was set in all arms, so that none shows the node's own", "an arm whose link is not set")
		if top > share*d.all[node].get(d.opt.Base) {
			e.why[node] += fmt.Sprintf("; it carries at least %.0f MB/s", top/1e6)
			e.taken[node] = top / share * 1.05
		}
		return
	}
	rate := longer(free, func(s *speed) float64 { return s.rate })
	if single, capped := connectionCap(cells); capped {
		e.value[connection] = single
		e.cannot(node, fmt.Sprintf("each connection is slower than the interface, which carries at least %.0f MB/s", top/1e6), "more connections at once (maxConcurrentDownloads)")
		d.atLeast(e, node, 2*top/share, 2*top/share)
		return
	}
	e.value[node] = rate / share
}

// sharedLinks says of the links that all nodes share what pulls to one node show: that
// they carry so much at least, bytes a second with headers.
func (d *Data) sharedLinks(e *estimate, cells []*cell, carried float64) {
	why := "pulls to one node do not tell it from the node's own"
	if !slices.ContainsFunc(cells, func(c *cell) bool { return !c.held[registry] }) {
		why = "the registry was the experiment's own, or its link was set, in every arm"
	}
	for _, i := range []int{registry, uplink} {
		words := why
		if carried > d.all[i].get(d.opt.Base) {
			words += fmt.Sprintf("; it carries at least %.0f MB/s", carried/1e6)
		}
		e.cannot(i, words, "pulls to many nodes at once from the registry that is to be simulated")
		d.atLeast(e, i, carried, carried*1.05)
	}
}

// connectionCap says whether transfers on links as they are go at a speed of their
// own, whatever others are in flight, and at which: then their speeds scatter less
// than they do times the number at once.
func connectionCap(cells []*cell) (bytesPerSecond float64, capped bool) {
	var alone, shared, at []float64
	for _, c := range cells {
		if !c.single() || c.shaped() || c.held[node] {
			continue
		}
		for i := range c.runs {
			spans := c.runs[i].startups[0].Spans
			for j := range spans {
				s := &spans[j]
				const large = 4e6 // bytes: less is all latency
				if s.Phase != simulate.Fetch || s.Bytes < large || s.End <= s.Start {
					continue
				}
				rate := float64(s.Bytes) / (s.End - s.Start).Seconds()
				n := atOnce(spans, s)
				alone, shared, at = append(alone, rate), append(shared, rate*n), append(at, math.Log(n))
			}
		}
	}
	if len(at) < 8 || spread(at) < 0.2 {
		return 0, false
	}
	logs := func(list []float64) []float64 {
		r := make([]float64, len(list))
		for i, x := range list {
			r[i] = math.Log(x)
		}
		return r
	}
	if spread(logs(alone)) < 0.7*spread(logs(shared)) {
		return median(alone), true
	}
	return 0, false
}

// atOnce is how many transfers were in flight during one, on average, with itself.
func atOnce(spans []simulate.Span, s *simulate.Span) float64 {
	sum := 0.0
	for i := range spans {
		if o := &spans[i]; o.Phase == simulate.Fetch {
			sum += max(0, (min(o.End, s.End) - max(o.Start, s.Start)).Seconds())
		}
	}
	return sum / (s.End - s.Start).Seconds()
}

// spread is the distance of the quartiles.
func spread(list []float64) float64 {
	return quantile(list, 0.75) - quantile(list, 0.25)
}
