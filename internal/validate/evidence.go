package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/unpack"
)

// notTold stands where runs are too few or of the wrong kind to say something.
const notTold = "These runs do not tell."

// largeBytes unpacked make a layer whose bytes, not its fixed time, decide how long it
// takes.
const largeBytes = 10e6

// arrivals says how much the time varies at which the base layer of a cold pull behind
// a shaped link is there, beside the whole pull.
func arrivals(t *simulate.Timeline) string {
	shaped := shapedArms(t)
	base, whole := make(map[string][]float64), make(map[string][]float64)
	for _, run := range countedRuns(t) {
		s := run.starts[0]
		if len(run.starts) > 1 || !shaped[run.arm] || s.LayersReused > 0 {
			continue
		}
		if at, ok := baseArrival(s); ok {
			base[run.arm] = append(base[run.arm], at.Seconds())
			whole[run.arm] = append(whole[run.arm], s.Ready.Seconds())
		}
	}
	ofBase, ofWhole := variations(base), variations(whole)
	if len(ofBase) == 0 {
		return notTold
	}
	return fmt.Sprintf("The time at which the base layer is there varies by %s between runs of an arm, in the one that varies most by %s; the whole pull varies by %s (coefficients of variation, medians of %s).",
		percent(median(ofBase)), percent(slices.Max(ofBase)), percent(median(ofWhole)), several(len(ofBase), "arm"))
}

// makespans tells how far runs of several pulls on one node lie apart, arm by arm.
func makespans(t *simulate.Timeline) string {
	times := make(map[string][]float64)
	for _, run := range countedRuns(t) {
		if len(run.starts) > 1 && run.nodes() == 1 {
			times[run.arm] = append(times[run.arm], run.makespan().Seconds())
		}
	}
	widest, most := "", 0.0
	for _, arm := range slices.Sorted(maps.Keys(times)) {
		if apart := slices.Max(times[arm])/slices.Min(times[arm]) - 1; apart > most {
			widest, most = arm, apart
		}
	}
	if widest == "" {
		return notTold
	}
	list := times[widest]
	return fmt.Sprintf("Runs of one arm take up to %s longer than others of it: %.2f s to %.2f s in %d runs of %s.",
		percent(most), slices.Min(list), slices.Max(list), len(list), widest)
}

// baseArrival is when the layer that is unpacked first was fetched.
func baseArrival(s *simulate.Startup) (time.Duration, bool) {
	var first *simulate.Span
	for i := range s.Spans {
		if x := &s.Spans[i]; x.Phase == simulate.Unpack && (first == nil || x.Start < first.Start) {
			first = x
		}
	}
	if first == nil {
		return 0, false
	}
	for _, x := range s.Spans {
		if x.Phase == simulate.Fetch && x.Layer == first.Layer {
			return x.End, true
		}
	}
	return 0, false
}

// variations are those of the arms that tell one, sorted.
func variations(byArm map[string][]float64) []float64 {
	var list []float64
	for _, values := range byArm {
		if v := variation(values); !math.IsNaN(v) {
			list = append(list, v)
		}
	}
	slices.Sort(list)
	return list
}

// creations says what starts that pull nothing spend their time on, and how much it
// varies.
func creations(t *simulate.Timeline) string {
	byArm := make(map[string][]float64)
	var times, shares []float64
	for _, run := range countedRuns(t) {
		s := run.starts[0]
		create, known := s.Phases.Of(simulate.Create)
		if len(run.starts) > 1 || s.FetchedBytes > 0 || s.UnpackedBytes > 0 || !known || s.Ready <= 0 {
			continue
		}
		byArm[run.arm] = append(byArm[run.arm], create.Seconds())
		times = append(times, create.Seconds())
		shares = append(shares, create.Seconds()/s.Ready.Seconds())
	}
	if len(times) == 0 {
		return notTold
	}
	words := fmt.Sprintf("Where all is present, creating the container takes %s of the time to ready, and %s (medians of %s).",
		percent(median(shares)), shortly(seconds(median(times))), several(len(times), "run"))
	medians := make([]float64, 0, len(byArm))
	for _, values := range byArm {
		medians = append(medians, median(values))
	}
	words += fmt.Sprintf(" The medians of its arms, all of them the same program, reach from %s to %s", shortly(seconds(slices.Min(medians))), shortly(seconds(slices.Max(medians))))
	if list := variations(byArm); len(list) > 0 {
		words += fmt.Sprintf("; runs of one arm vary by %s (median coefficient of variation)", percent(median(list)))
	}
	return words + "."
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * 1e9)) }

// roundTrips says by how many round trips a delay lengthens resolving.
func roundTrips(t *simulate.Timeline) string {
	resolve := make(map[string][]float64)
	for _, run := range countedRuns(t) {
		if d, known := run.starts[0].Phases.Of(simulate.Resolve); known && len(run.starts) == 1 {
			resolve[run.arm] = append(resolve[run.arm], d.Seconds())
		}
	}
	var trips []float64
	for arm, values := range resolve {
		if plain, delay, ok := withoutDelay(arm); ok && resolve[plain] != nil {
			trips = append(trips, (median(values)-median(resolve[plain]))/delay.Seconds())
		}
	}
	if len(trips) == 0 {
		return notTold
	}
	return fmt.Sprintf("A delay of the link lengthens resolving by %.1f round trips (median of %s beside the same without it).", median(trips), several(len(trips), "arm"))
}

// Where a layer was unpacked, as what else went on there goes.
const (
	aloneShaped   = "one pull behind a shaped link"
	aloneUnshaped = "one pull, link not shaped"
	together      = "several pulls on one node"
)

// unpackTimes are how long each large layer took to unpack, in seconds, by where.
func unpackTimes(t *simulate.Timeline) map[string]map[layers.Digest][]float64 {
	shaped := shapedArms(t)
	times := make(map[string]map[layers.Digest][]float64)
	for _, run := range countedRuns(t) {
		where := aloneUnshaped
		switch n := run.nodes(); {
		case n > 1:
			where = fmt.Sprintf("%d nodes at once", n)
		case len(run.starts) > 1:
			where = together
		case shaped[run.arm]:
			where = aloneShaped
		}
		if times[where] == nil {
			times[where] = make(map[layers.Digest][]float64)
		}
		for _, s := range run.starts {
			for _, x := range s.Spans {
				if x.Phase == simulate.Unpack && x.Bytes >= largeBytes {
					times[where][x.Layer] = append(times[where][x.Layer], (x.End - x.Start).Seconds())
				}
			}
		}
	}
	return times
}

// crowding is how many times as long the same layers take to unpack elsewhere as in a
// pull behind a shaped link.
type crowding struct {
	where  string
	layers int
	times  float64 // the median over the layers
}

func crowdings(t *simulate.Timeline) []crowding {
	times := unpackTimes(t)
	var list []crowding
	for where, byLayer := range times {
		var ratios []float64
		for layer, values := range byLayer {
			if plain := times[aloneShaped][layer]; len(plain) > 0 {
				ratios = append(ratios, median(values)/median(plain))
			}
		}
		if where != aloneShaped && len(ratios) > 0 {
			list = append(list, crowding{where, len(ratios), median(ratios)})
		}
	}
	slices.SortFunc(list, func(x, y crowding) int { return strings.Compare(x.where, y.where) })
	return list
}

// crowdingWords are "1.2 times with one pull, link unshaped (9 layers)" and so on.
func crowdingWords(t *simulate.Timeline) string {
	var parts []string
	for _, c := range crowdings(t) {
		parts = append(parts, fmt.Sprintf("%.2f times with %s (%s)", c.times, c.where, several(c.layers, "layer")))
	}
	if len(parts) == 0 {
		return notTold
	}
	return fmt.Sprintf("On the %s cores here, the same layers take to unpack, beside "+aloneShaped+": %s.", orUnknown(fact(t, "cores")), strings.Join(parts, ", "))
}

// layerTime is how long a layer took to unpack in single pulls, beside what a profile
// says of it.
type layerTime struct {
	name, codec         string
	unpacked, files     int64 // files is -1 where they were not counted
	kept                float64
	measured, simulated float64 // seconds
	runs                int
}

// off is the error of the simulated time.
func (l *layerTime) off() float64 { return l.simulated/l.measured - 1 }

// perMB is in milliseconds.
func (l *layerTime) perMB() float64 { return 1e3 * l.measured / (float64(l.unpacked) / 1e6) }

// layerTimes are of large layers, those that compress best first.
func layerTimes(t *simulate.Timeline, p *simulate.Profile) []layerTime {
	inv := t.Measurement.Inventory
	times := unpackTimes(t)[aloneShaped]
	var list []layerTime
	for i := range inv.Layers {
		l := &inv.Layers[i]
		if len(times[l.Digest]) == 0 || l.UnpackedBytes == nil {
			continue
		}
		x := layerTime{
			name: layerName(inv, i), codec: codecOf(l), unpacked: *l.UnpackedBytes, files: -1,
			kept:     float64(l.CompressedBytes) / float64(*l.UnpackedBytes),
			measured: median(times[l.Digest]), simulated: math.NaN(), runs: len(times[l.Digest]),
		}
		if l.Files != nil {
			x.files = *l.Files
			x.simulated = aloneOn(p, l).Seconds()
		}
		list = append(list, x)
	}
	slices.SortFunc(list, func(x, y layerTime) int { return cmp.Or(cmp.Compare(x.kept, y.kept), strings.Compare(x.name, y.name)) })
	return list
}

// codecOf tells it from either kind of media type, tar+gzip and tar.gzip.
func codecOf(l *layers.Layer) string {
	for _, codec := range codecs() {
		if strings.HasSuffix(l.MediaType, codec) {
			return codec
		}
	}
	return "none"
}

func codecs() []string { return []string{"gzip", "zstd"} }

// aloneOn is how long a profile says that a layer takes by itself.
func aloneOn(p *simulate.Profile, l *layers.Layer) time.Duration {
	u := &p.Unpack
	decode := math.Inf(1)
	switch codecOf(l) {
	case "gzip":
		decode = float64(u.Gzip.Value)
	case "zstd":
		decode = float64(u.Zstd.Value)
	}
	costs := unpack.Costs{Layer: u.Layer.Value, File: u.File.Value, Cores: u.Cores.Value, DiskBytesPerSecond: float64(u.Disk.Value)}
	return costs.Alone(unpack.Layer{UnpackedBytes: *l.UnpackedBytes, Files: *l.Files, DecodeBytesPerSecond: decode})
}

// layerName is the layer's place in the image that has the fewest of those that hold it.
func layerName(inv *layers.Inventory, layer int) string {
	best, at := -1, 0
	for i := range inv.Images {
		list := inv.Images[i].Layers
		if k := slices.Index(list, layer); k >= 0 && (best < 0 || len(list) < len(inv.Images[best].Layers)) {
			best, at = i, k
		}
	}
	if best < 0 {
		return unknown
	}
	return fmt.Sprintf("%s, layer %d", strings.TrimPrefix(inv.Images[best].Reference, host+"/"), at+1)
}

// inflating says how far apart layers of one codec lie, and how far the profile is off.
func inflating(list []layerTime) string {
	if len(list) == 0 {
		return notTold
	}
	perMB := func(x, y layerTime) int { return cmp.Compare(x.perMB(), y.perMB()) }
	var parts []string
	for _, codec := range codecs() {
		of := slices.DeleteFunc(slices.Clone(list), func(l layerTime) bool { return l.codec != codec })
		if len(of) == 0 {
			continue
		}
		least, most := slices.MinFunc(of, perMB), slices.MaxFunc(of, perMB)
		part := fmt.Sprintf("of %s %.1f ms (%s, compressed to %.0f %%)", codec, least.perMB(), least.name, 100*least.kept)
		if len(of) > 1 {
			part += fmt.Sprintf(" to %.1f ms (%s, to %.0f %%)", most.perMB(), most.name, 100*most.kept)
		}
		parts = append(parts, part)
	}
	words := fmt.Sprintf("An unpacked MB of layers above %.0f MB takes, entries included, %s", largeBytes/1e6, strings.Join(parts, ", and "))
	known := slices.DeleteFunc(slices.Clone(list), func(l layerTime) bool { return math.IsNaN(l.simulated) })
	if len(known) > 0 {
		off := func(x, y layerTime) int { return cmp.Compare(x.off(), y.off()) }
		short, long := slices.MinFunc(known, off), slices.MaxFunc(known, off)
		words += fmt.Sprintf("; the fitted profile is off by %s (%s) to %s (%s)", signed(short.off()), short.name, signed(long.off()), long.name)
	}
	return words + "."
}
