package calibrate

import (
	"fmt"
	"math"
	"slices"
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

// parametersOf say what a fit tells of every parameter, and what the fitted profile has.
func (d *Data) parametersOf(f *fit, around *[parameters]interval, fitted *simulate.Profile) []Parameter {
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
		_, set := d.settings[x.Name]
		switch v := f.values[i]; {
		case f.told[i]:
			low, high := digits(around[i].low), digits(around[i].high)
			x.Value, x.Low, x.High, x.Unlimited = digits(v), &low, &high, false
		case set:
			x.Value, x.Unlimited, x.Set = digits(d.all[i].get(fitted)), false, true
			x.CannotBeTold = "the experiment set it in all arms"
		default:
			x.CannotBeTold, x.Measure = f.stage.why[i], f.stage.measure[i]
			if x.CannotBeTold == "" {
				x.CannotBeTold = "the experiment set it in every arm, or no run has it"
			}
			if !math.IsNaN(v) && digits(v) != digits(base) {
				x.Value, x.Raised, x.Unlimited = digits(v), true, false
			}
		}
		list = append(list, x)
	}
	return list
}

// origin says where fitted values come from.
func (d *Data) origin(count int, what string) string {
	return fmt.Sprintf("measured: "+fittedTo+"%d %s of %s", count, what, d.where())
}

// where names the hosts and the day of the measurements.
func (d *Data) where() string {
	words := strings.Join(d.hosts, " and ")
	if !d.last.IsZero() {
		words += ", " + d.last.UTC().Format(time.DateOnly)
	}
	return words
}

// profileOf is the base with what the experiment set and what was fitted.
func (d *Data) profileOf(f *fit, around *[parameters]interval) (*simulate.Profile, error) {
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
	if err := d.put(p); err != nil {
		return nil, err
	}
	rest := strings.TrimPrefix(origin, "measured: ")
	for i := range d.all {
		x := &d.all[i]
		v, base := significant(f.values[i], 4), x.get(p)
		_, set := d.settings[x.name]
		switch {
		case math.IsNaN(v) || set && !f.told[i]:
		case f.told[i]:
			x.put(p, v, fmt.Sprintf("%s, %d %% interval %s to %s", origin, int(level*100), x.show(around[i].low), x.show(around[i].high)))
		case slices.Contains(f.search.free, i): // forgotten
			x.put(p, v, fmt.Sprintf("assumed: %s; taken is where the rest was found beside it, which was %s", f.stage.why[i], rest))
		case v != significant(base, 4):
			x.put(p, v, fmt.Sprintf("assumed: %s; the base's %s does not go with the rest, which was %s", f.stage.why[i], x.show(base), rest))
		}
	}
	return p, nil
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
