package calibrate

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// show writes a value for people, with its unit.
func (p *parameter) show(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "unlimited"
	case strings.HasSuffix(p.name, "BytesPerSecond"):
		return fmt.Sprintf("%.4g MB/s", v/1e6)
	case strings.HasSuffix(p.name, "Seconds"):
		return time.Duration(math.Round(significant(v, 3) * 1e9)).String()
	}
	return fmt.Sprintf("%.3g", v)
}

// parametersOf say what a fit tells of every parameter.
func (d *Data) parametersOf(f *fit, around *[parameters]interval) []Parameter {
	list := make([]Parameter, 0, parameters)
	for i := range d.all {
		base := d.all[i].get(d.opt.Base)
		if i == gzip {
			base = d.baseGzip
		}
		x := Parameter{Name: d.all[i].name, Value: base}
		if math.IsInf(base, 1) {
			x.Value, x.Unlimited = 0, true
		} else {
			x.Base = &base
		}
		if f.told[i] {
			low, high := digits(around[i].low), digits(around[i].high)
			x.Value, x.Low, x.High, x.Unlimited = digits(f.values[i]), &low, &high, false
		} else {
			x.CannotBeTold, x.Measure = f.stage.why[i], f.stage.measure[i]
			if x.CannotBeTold == "" {
				x.CannotBeTold = "the experiment set it in every arm, or no run has it"
			}
			if v := f.values[i]; !math.IsNaN(v) {
				x.Value, x.Raised, x.Unlimited = digits(v), true, false
			}
		}
		list = append(list, x)
	}
	return list
}

// origin says where fitted values come from.
func (d *Data) origin(count int, what string) string {
	words := fmt.Sprintf("measured: fitted to %d %s of %s", count, what, strings.Join(d.hosts, " and "))
	if !d.last.IsZero() {
		words += ", " + d.last.UTC().Format(time.DateOnly)
	}
	return words
}

// profileOf is the base with what was fitted.
func (d *Data) profileOf(f *fit, around *[parameters]interval) *simulate.Profile {
	p := d.derived()
	runs := 0
	for _, c := range f.search.cells {
		runs += len(c.runs)
	}
	origin := d.origin(runs, "runs")
	if d.decoder != p.Unpack.Decoder.Value {
		d.all[gzip].put(p, d.baseGzip, fmt.Sprintf("assumed: what %s is known for beside the base's decoder", d.decoder))
		p.Unpack.Decoder = simulate.Parameter[string]{Value: d.decoder, Source: "measured: what most runs used"}
	}
	for i := range d.all {
		v := significant(f.values[i], 4)
		switch {
		case math.IsNaN(v):
		case f.told[i]:
			d.all[i].put(p, v, fmt.Sprintf("%s, %d %% interval %s to %s", origin, int(level*100), d.all[i].show(around[i].low), d.all[i].show(around[i].high)))
		default:
			d.all[i].put(p, v, fmt.Sprintf("assumed: %s; the base's %s does not go with the rest, which was %s", f.stage.why[i], d.all[i].show(d.all[i].get(d.opt.Base)), strings.TrimPrefix(origin, "measured: ")))
		}
	}
	return p
}

// derived is the base under a name of its own.
func (d *Data) derived() *simulate.Profile {
	p := *d.opt.Base
	if _, err := simulate.BuiltIn(p.Name); err == nil {
		p.Base = p.Name
	}
	p.Name += "-calibrated"
	return &p
}
