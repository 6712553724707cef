package capacity

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// breakEvens says for each app when pulling is as fast as a start on a disk made from a
// snapshot that holds its images: a cache, or a baked node. Where such a disk takes no time
// to attach and to read it says that instead.
func (d *nodeDisk) breakEvens() error {
	t := reports.CapacityTable{Title: "When pulling is faster than a disk made from a snapshot that holds the images (one start, estimated)", Heads: []string{"app", ">pulled", ">from the disk", "faster", ">pulling is faster above"}}
	var free []string
	for _, app := range d.apps() {
		class := d.Scenario.Profile
		if pool := d.Scenario.Workload.Pool(app.NodePool); pool != nil {
			var err error
			if class, _, err = d.classOf(pool); err != nil {
				return err
			}
		}
		if typical(&class.Cache.Attach) == 0 && typical(&class.Cache.FirstRead) >= float64(network.Unlimited) {
			if !slices.Contains(free, class.Name) {
				free = append(free, class.Name)
			}
			continue
		}
		start := simulate.Start{App: app.Name, PullPolicy: app.PullPolicy, Runtime: app.Runtime, Ready: app.Ready, ReadFraction: app.ReadFraction}
		start.Images = imagesOf(d.Inventory, &app)
		row, err := d.breakEven(class, start)
		if err != nil {
			return err
		}
		t.Rows = append(t.Rows, row)
	}
	if len(free) > 0 {
		d.c.Sentences = append(d.c.Sentences, fmt.Sprintf("When pulling is faster than a disk made from a snapshot is not told: in profile %s such a disk is free, with cache.attachSeconds of 0 and no limit of cache.firstReadBytesPerSecond, so that no rate of pulling is faster. Give both, measured.", list(free)))
	}
	if len(t.Rows) > 0 {
		d.c.Tables = append(d.c.Tables, t)
		d.c.Assumptions = append(d.c.Assumptions, "Pulling is taken to be faster where every link and connection has the rate named and the rest stays; a disk made from a snapshot is attached and read at the profile's cache.attachSeconds and cache.firstReadBytesPerSecond.")
	}
	return nil
}

// breakEven is the row of an app: what a start takes each way, and the rate.
func (d *nodeDisk) breakEven(class *simulate.Profile, start simulate.Start) ([]string, error) {
	inv := d.Inventory.Estimated()
	estimate := func(p *simulate.Profile, held bool) (float64, error) {
		s := start
		if held {
			s.CacheID, s.Held = "snapshot", s.Images
		}
		e, err := simulate.EstimateStart(inv, p, &s)
		return e.Ready.Seconds(), err
	}
	pulled, err := estimate(class, false)
	if err != nil {
		return nil, err
	}
	held, err := estimate(class, true)
	if err != nil {
		return nil, err
	}
	r := &response{at: func(_ context.Context, x float64) (outcome, error) {
		p := *class
		for _, of := range []*simulate.Parameter[network.Rate]{&p.Network.Registry, &p.Network.Uplink, &p.Network.Node, &p.Network.Connection} {
			*of = simulate.Parameter[network.Rate]{Value: network.Rate(x), Source: tried}
		}
		v, err := estimate(&p, false)
		return outcome{Statistic: simulate.Statistic{Value: v}}, err
	}}
	b := bracket{low: 100 * kilo, high: 100 * giga}
	x, found, err := r.least(context.Background(), b, func(o *outcome) bool { return o.Value <= held })
	if err != nil {
		return nil, err
	}
	above := "no rate: what pulling takes beside links is longer"
	switch {
	case found && x <= b.low:
		above = reports.CapacityAmount(x, reports.UnitRate) + " or less"
	case found:
		above = reports.CapacityAmount(x, reports.UnitRate)
	}
	faster := "the disk"
	switch {
	case math.Abs(pulled-held) < 1e-9:
		faster = "neither"
	case pulled < held:
		faster = "pulling"
	}
	return []string{start.App, secondsWords(pulled), secondsWords(held), faster, above}, nil
}
