package calibrate

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// newCell makes an arm of the startups of its first run.
func (d *Data) newCell(e *experiment, arm string, startups []*simulate.Startup, setup *simulate.ArmSetup) (*cell, error) {
	inv := e.inv
	c := &cell{
		arm: arm, gzipScale: 1, inv: &layers.Inventory{ResolvedAt: inv.ResolvedAt},
		set: make(map[string]document.Raw), dropped: setup.DropPageCache,
	}
	own := &ownImages{from: inv, to: c.inv, images: make(map[int]int), layers: make(map[int]int)}
	for _, ref := range setup.Kept {
		i, err := find(inv, ref)
		if err != nil {
			return nil, err
		}
		c.kept = append(c.kept, own.image(i))
	}
	for i, s := range startups {
		// A start on no named node has an instance of its own.
		start := simulate.Start{App: s.App, Node: cmp.Or(s.Node, fmt.Sprint("instance ", i)), PullPolicy: "IfNotPresent"}
		if asked(s) {
			start.PullPolicy = "Always"
		}
		for _, ref := range s.Images {
			i, err := find(inv, ref)
			if err != nil {
				return nil, err
			}
			start.Images = append(start.Images, own.image(i))
			if !slices.Contains(c.images, ref) {
				c.images = append(c.images, ref)
			}
		}
		c.starts = append(c.starts, start)
		if !slices.ContainsFunc(c.nodes, func(n simulate.NewNode) bool { return n.Name == start.Node }) {
			c.nodes = append(c.nodes, simulate.NewNode{Name: start.Node, Up: true, Setup: &simulate.NodeSetup{Held: c.kept}})
		}
	}
	return c, d.condition(c, setup.Profile)
}

// requestTimes are when the starts of an arm are requested: the medians of its runs, in
// one of which a start may have been a little late by chance.
func (c *cell) requestTimes() {
	for i := range c.starts {
		c.starts[i].Requested = sinceFirst(time.Duration(medianOf(c.runs, func(r *run) float64 {
			first := r.startups[0].Requested
			for _, s := range r.startups {
				first = min(first, s.Requested)
			}
			return float64(r.startups[i].Requested - first)
		})))
	}
}

// together is within what starts of one run are requested together: whose request is a
// little sooner says nothing of which comes to the registry first.
const together = 5 * time.Millisecond

func sinceFirst(d time.Duration) time.Duration {
	if d < together {
		return 0
	}
	return d
}

// asked says whether the registry was asked what a reference means.
func asked(s *simulate.Startup) bool {
	d, known := s.Phases.Of(simulate.Resolve)
	return known && d > 0 || slices.ContainsFunc(s.Spans, func(x simulate.Span) bool { return x.Phase == simulate.Resolve })
}

// ownImages copies images of an inventory, so that an arm is simulated on its own
// alone.
type ownImages struct {
	from, to       *layers.Inventory
	images, layers map[int]int
}

func (o *ownImages) image(i int) int {
	if at, ok := o.images[i]; ok {
		return at
	}
	img := o.from.Images[i]
	list := make([]int, len(img.Layers))
	for j, l := range img.Layers {
		at, ok := o.layers[l]
		if !ok {
			at = len(o.to.Layers)
			o.layers[l] = at
			o.to.Layers = append(o.to.Layers, o.from.Layers[l])
		}
		list[j] = at
	}
	img.Layers, img.Hidden = list, nil
	o.images[i] = len(o.to.Images)
	o.to.Images = append(o.to.Images, img)
	return o.images[i]
}

// condition gives an arm the base's profile with what the experiment set.
func (d *Data) condition(c *cell, raw document.Raw) error {
	p := *d.opt.Base
	p.NodeClasses = nil
	p.Pull.MaxParallelPulls = simulate.Parameter[int64]{Value: 1000, Source: "measured: no kubelet that pulls in turn"}
	p.Start.AdmitPerSecond = simulate.Parameter[float64]{Value: math.Inf(1)}
	names := make(map[string]bool)
	var groups map[string]document.Raw
	if err := raw.Decode(&groups); err != nil {
		return err
	}
	for group, keys := range groups {
		if keys.Keys() == nil {
			continue // the profile's reader refuses it
		}
		var values map[string]document.Raw
		if err := keys.Decode(&values); err != nil {
			return err
		}
		for key, value := range values {
			names[group+"."+key], c.set[group+"."+key] = true, value
		}
	}
	c.setsLink = names["network.registryBytesPerSecond"] || names["network.uplinkBytesPerSecond"] || names["network.nodeBytesPerSecond"]
	before := p.Unpack.Decoder.Value
	if err := raw.Decode(&p); err != nil {
		return err
	}
	for i := range d.all {
		c.held[i] = names[d.all[i].name]
	}
	if names["network.registryBytesPerSecond"] {
		c.ownRegistry(&p.Network, names)
	}
	if now := p.Unpack.Decoder.Value; now != before && !c.held[gzip] {
		d.all[gzip].set(&p, d.all[gzip].get(&p)*decoderRate(now)/decoderRate(before))
	}
	c.profile = &p
	return nil
}

// ownRegistry lifts what the base says of a registry and of the way from it where the
// experiment's link takes their place. Of the network the nodes' own interfaces and
// connections are left.
func (c *cell) ownRegistry(n *simulate.NetworkProfile, names map[string]bool) {
	if c.held[uplink] = true; !names["network.uplinkBytesPerSecond"] {
		n.Uplink = simulate.Parameter[network.Rate]{Value: network.Unlimited}
	}
	if !names["network.registryRequestsPerSecond"] {
		n.RegistryRequests = simulate.Parameter[float64]{Value: math.Inf(1)}
	}
	if !names["network.errorFraction"] {
		n.ErrorFraction = simulate.Parameter[float64]{}
	}
	n.Links, n.Attach = nil, nil
}

// setupsOf are the conditions of a timeline's arms, by name. What an arm of an
// experiment with a registry of its own leaves unsaid is written out: a link that is not
// shaped is unlimited, whatever the base says of some other registry.
func setupsOf(m *simulate.Measurement) (map[string]*simulate.ArmSetup, error) {
	setups := make(map[string]*simulate.ArmSetup)
	own := ownsRegistry(m)
	for i := range m.Arms {
		setup := m.Arms[i]
		if own {
			var err error
			if setup.Profile, err = withOpenLink(setup.Profile); err != nil {
				return nil, fmt.Errorf("arm %s: %w", setup.Arm, err)
			}
		}
		setups[setup.Arm] = &setup
	}
	return setups, nil
}

// ownsRegistry says whether a timeline's pulls came from a registry of the experiment:
// it says so, its nodes have a network of their own, or the link of some arm was set,
// which no other registry allows.
func ownsRegistry(m *simulate.Measurement) bool {
	says := slices.ContainsFunc(m.Facts, func(f simulate.Fact) bool {
		return f.Name == "registry" && f.Value == "of the experiment's own" || // by package measure
			f.Name == "network" && f.Value != "the host's" // by measure/containerd, before that
	})
	return says || slices.ContainsFunc(m.Arms, func(a simulate.ArmSetup) bool {
		var groups map[string]document.Raw
		return a.Profile.Decode(&groups) == nil && setsRegistry(groups)
	})
}

func setsRegistry(groups map[string]document.Raw) bool {
	return slices.Contains(groups["network"].Keys(), "registryBytesPerSecond")
}

// withOpenLink are conditions in which the registry's rate is stated: unlimited where
// it was not.
func withOpenLink(raw document.Raw) (document.Raw, error) {
	var groups, stated map[string]document.Raw
	if err := raw.Decode(&groups); err != nil || setsRegistry(groups) {
		return raw, err
	}
	if err := groups["network"].Decode(&stated); err != nil {
		return raw, err
	}
	values := map[string]any{"registryBytesPerSecond": "unlimited"}
	for key, value := range stated {
		values[key] = value
	}
	all := make(map[string]any, len(groups)+1)
	for group, keys := range groups {
		all[group] = keys
	}
	all["network"] = values
	text, err := json.Marshal(all)
	if err != nil {
		return raw, err
	}
	return document.Whole("its conditions", text)
}

// decoderRate is the speed of a decoder by its name, 1 of one that is not known.
func decoderRate(name string) float64 {
	for _, x := range simulate.Decoders() {
		if x.Name == name {
			return float64(x.Gzip.Value)
		}
	}
	return 1
}

// chooseDecoder makes the decoder that most arms use the one that is fitted; the
// speeds of others stand to it as they are known to.
func (d *Data) chooseDecoder() {
	uses := make(map[string]int)
	for _, c := range d.cells {
		if !c.held[gzip] {
			uses[c.profile.Unpack.Decoder.Value]++
		}
	}
	d.decoder = d.opt.Base.Unpack.Decoder.Value
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		if uses[name] > uses[d.decoder] {
			d.decoder = name
		}
	}
	d.baseGzip = d.all[gzip].get(d.opt.Base) * decoderRate(d.decoder) / decoderRate(d.opt.Base.Unpack.Decoder.Value)
	for _, c := range d.cells {
		if !c.held[gzip] {
			c.gzipScale = decoderRate(c.profile.Unpack.Decoder.Value) / decoderRate(d.decoder)
		}
	}
}

// finish works out what depends on all runs of an arm.
func (d *Data) finish(c *cell) {
	list := make([]outcome, len(c.runs))
	for i := range c.runs {
		list[i] = c.runs[i].outcome
	}
	c.measured, c.spread = medianOutcome(list), spreadOutcome(list)
	happens := func(p simulate.Phase) bool {
		return slices.ContainsFunc(c.runs, func(r run) bool {
			return slices.ContainsFunc(r.startups, func(s *simulate.Startup) bool {
				t, _ := s.Phases.Of(p)
				return t > 0
			})
		})
	}
	zero := simulate.Parameter[time.Duration]{}
	if !happens(simulate.Provision) {
		c.profile.Start.Provision, c.held[provision] = zero, true
	}
	if !happens(simulate.Create) {
		c.profile.Start.Create, c.held[create] = zero, true
	}
	c.knowsReady = happens(simulate.Ready)
	c.profile.Start.Ready = zero // each start has its program's own
	c.work = c.workOf()
	c.class = c.classOf()
}

func (c *cell) classOf() string {
	switch {
	case len(c.nodes) > 1:
		return ClassNodes
	case len(c.starts) > 1:
		return ClassTogether
	case c.work.fetchBytes == 0 && len(c.work.unpacks[0]) == 0:
		return ClassPresent
	case c.shaped():
		return ClassShaped
	}
	return ClassUnshaped
}
