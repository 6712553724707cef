package calibrate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// An estimate is what phases and spans tell by themselves, without simulating.
type estimate struct {
	// value is NaN where they tell nothing; then why says why, and measure what to
	// measure.
	value   values
	why     [parameters]string
	measure [parameters]string
	// bounds are values that are not told, but that must be at least so much.
	bounds values
	// diskBound: unpacked bytes are bounded by the disk, not by decoders.
	diskBound bool
	// undecided: spans cannot tell which of the two.
	undecided bool
}

func (e *estimate) cannot(i int, why, measure string) {
	e.value[i], e.why[i], e.measure[i] = math.NaN(), why, measure
}

// stages estimates every parameter of some arms; what bounds unpacking may be
// decided by the caller.
func (d *Data) stages(cells []*cell, diskBound *bool) *estimate {
	e := &estimate{value: unset(), bounds: unset()}
	d.stageUnpack(e, cells, diskBound)
	d.stageRequests(e, cells)
	d.stageBlobs(e, cells)
	d.stageNetwork(e, cells)
	d.stageStart(e, cells)
	for i, text := range [][2]string{
		fetchCores: {"it does not lower the error of runs that were left out", "arms of one large layer after another on a link that is not set"},
		fetchDisk:  {"it does not lower the error of runs that were left out", "arms on a real disk with a link that is not set"},
		cores:      {"it does not lower the error of runs that were left out", "arms of more starts on one node than it has cores"},
	} {
		if i >= fetchCores {
			e.cannot(i, text[0], text[1])
		}
	}
	for i := range e.value {
		if !math.IsNaN(e.value[i]) {
			e.value[i] = d.all[i].clamp(e.value[i])
		}
	}
	return e
}

// The terms of unpacking a layer.
const (
	perLayer = iota
	perFile
	perGzipByte
	perZstdByte
	perPlainByte
	unpackTerms
)

// unpackRows are the layers that arms of single starts unpacked, each once an arm
// with its median time.
func unpackRows(cells []*cell) []term {
	var rows []term
	for _, c := range cells {
		if !c.single() {
			continue
		}
		times := make(map[layers.Digest][]float64)
		for i := range c.runs {
			for _, s := range c.runs[i].startups[0].Spans {
				if s.Phase == simulate.Unpack && s.Layer != "" && s.End > s.Start {
					times[s.Layer] = append(times[s.Layer], (s.End - s.Start).Seconds())
				}
			}
		}
		for i := range c.inv.Layers {
			l := &c.inv.Layers[i]
			if len(times[l.Digest]) == 0 || l.UnpackedBytes == nil {
				continue
			}
			rows = append(rows, term{unpackParts(l, c.gzipScale), median(times[l.Digest])})
		}
	}
	return rows
}

func unpackParts(l *layers.Layer, gzipScale float64) []float64 {
	parts := make([]float64, unpackTerms)
	parts[perLayer], parts[perFile] = 1, float64(filesOf(l))
	switch bytes := float64(*l.UnpackedBytes); {
	case strings.HasSuffix(l.MediaType, "zstd"):
		parts[perZstdByte] = bytes
	case strings.HasSuffix(l.MediaType, "gzip"):
		parts[perGzipByte] = bytes / gzipScale
	default:
		parts[perPlainByte] = bytes
	}
	return parts
}

// filesOf counts a layer's tar entries as the simulation does.
func filesOf(l *layers.Layer) int64 {
	if l.Files != nil {
		return *l.Files
	}
	return *l.UnpackedBytes / simulate.BytesPerFile
}

func (d *Data) stageUnpack(e *estimate, cells []*cell, diskBound *bool) {
	rows := unpackRows(cells)
	if len(rows) == 0 {
		for _, i := range []int{layer, file, gzip, zstd, disk} {
			e.cannot(i, "no span tells how long a layer took to unpack", "start images that are not present, one at a time, with spans")
		}
		return
	}
	c := regress(rows)
	e.value[layer], e.value[file] = c[perLayer], c[perFile]
	for i, coefficient := range map[int]float64{layer: c[perLayer], file: c[perFile]} {
		if coefficient <= 0 {
			e.cannot(i, "the layers' times are explained without it", "layers of few bytes and many entries, and empty ones")
			e.bounds[i] = d.all[i].low // as the rest was found beside it
		}
	}
	d.assignSpeeds(e, c, rows, diskBound)
}

// assignSpeeds says what bounds unpacked bytes: a layer takes the slower of its
// decoder and the disk, so that of two speeds only the slower can be told.
func (d *Data) assignSpeeds(e *estimate, c []float64, rows []term, diskBound *bool) {
	speed := func(k int) float64 { // NaN where no layer tells
		if c[k] <= 0 {
			return math.NaN()
		}
		return 1 / c[k]
	}
	g, z, plain := speed(perGzipByte), speed(perZstdByte), speed(perPlainByte)
	slowest, fastest := math.Inf(1), 0.0
	for _, v := range []float64{g, z, plain} {
		if !math.IsNaN(v) {
			slowest, fastest = min(slowest, v), max(fastest, v)
		}
	}
	for i, v := range map[int]float64{gzip: g, zstd: z} {
		word := map[int]string{gzip: "gzip", zstd: "zstd"}[i]
		if e.value[i] = v; math.IsNaN(v) {
			e.cannot(i, "no "+word+" layer was unpacked that its bytes held up", "an image with large "+word+" layers")
		}
	}
	if fastest == 0 {
		e.cannot(disk, "no layer was held up by its bytes", "larger layers")
		return
	}
	raise := func() { // decoders bound: the disk is at least as fast as what was seen
		why := "decoders are slower than the disk"
		if e.undecided && diskBound == nil {
			why = "of disk and decoder only the slower can be told, and it is taken for the decoder"
		}
		e.cannot(disk, fmt.Sprintf("%s; the disk takes at least %.0f MB/s", why, fastest/1e6), "uncompressed layers, or several starts at once on a node")
		e.bounds[disk] = 2 * fastest
	}
	if !math.IsNaN(plain) {
		e.value[disk], e.diskBound = plain, true
		for i, v := range map[int]float64{gzip: g, zstd: z} {
			if !math.IsNaN(v) && v > 0.95*plain {
				e.cannot(i, fmt.Sprintf("the disk is slower than this decoder, which makes at least %.0f MB/s", v/1e6), "the decoder alone, with nothing written")
				e.bounds[i] = 1.2 * plain
			}
		}
		return
	}
	alike := !math.IsNaN(g) && !math.IsNaN(z) && math.Abs(math.Log(g/z)) < 0.1
	e.undecided = !alike
	decided := alike || math.IsNaN(z) && g < 0.8*d.baseGzip
	if diskBound != nil {
		decided = *diskBound
	}
	if e.diskBound = decided; !decided {
		raise()
		return
	}
	// The disk bounds the fastest codec; one that is much slower is its decoder's.
	e.value[disk] = fastest
	for i, v := range map[int]float64{gzip: g, zstd: z} {
		if !math.IsNaN(v) && v > 0.9*fastest {
			e.cannot(i, fmt.Sprintf("the disk is slower than this decoder, which makes at least %.0f MB/s", v/1e6), "the decoder alone, with nothing written")
			e.bounds[i] = 1.2 * fastest
		}
	}
}

// resolveShape is how many answers and connections come before the first layer.
func resolveShape(c *cell) (answers, connects float64) {
	p := c.profile
	answers = float64(p.Pull.ResolveRequests.Value)
	img := &c.inv.Images[c.starts[0].Images[0]]
	if img.IndexDigest != "" {
		answers++
	}
	if slices.Contains(c.kept, c.starts[0].Images[0]) {
		answers = float64(p.Pull.RepeatRequests.Value)
	}
	answers += float64(p.Network.TokenRequests.Value)
	connects = float64(p.Network.ConnectRoundTrips.Value)
	if !p.Pull.ReuseConnections.Value {
		connects *= answers
	}
	return answers, connects
}

// stageRequests takes the registry's time to answer from resolving, the runtime's own
// where pulls ask more and fewer things, and the round trip where some arms set one and
// others do not.
func (d *Data) stageRequests(e *estimate, cells []*cell) {
	baseTrip := d.all[roundTrip].get(d.opt.Base)
	type asked struct{ time, answers, connects, trip float64 }
	var set, free []asked
	for _, c := range cells {
		t := c.measured.phases[phase(simulate.Resolve)]
		if !c.single() || len(c.starts[0].Images) != 1 || !(t > 0) || c.held[request] {
			continue
		}
		a := asked{time: t, trip: d.all[roundTrip].get(c.profile)}
		if a.answers, a.connects = resolveShape(c); a.answers == 0 {
			continue
		}
		if c.held[roundTrip] {
			set = append(set, a)
		} else {
			free = append(free, a)
		}
	}
	if len(set)+len(free) == 0 {
		e.cannot(request, "no arm tells how long resolving took", "single pulls with their resolve phase")
		e.cannot(roundTrip, e.why[request], e.measure[request])
		e.cannot(pullStart, e.why[request], e.measure[request])
		return
	}
	// What does not grow with the number of answers is the runtime's own.
	rows := make([]term, 0, len(set)+len(free))
	fewest, most := math.Inf(1), 0.0
	for k, list := range [][]asked{set, free} {
		for i := range list {
			a := &list[i]
			parts, known := []float64{1, a.answers, 0}, (a.answers+a.connects)*a.trip
			if k == 1 && len(set) > 0 {
				parts[2], known = a.answers+a.connects, 0
			}
			rows = append(rows, term{parts, max(a.time-known, a.time/20)})
			fewest, most = min(fewest, a.answers), max(most, a.answers)
		}
	}
	c := regress(rows)
	switch {
	case most < 2*fewest:
		e.cannot(pullStart, "all pulls ask as many things before their layers", "arms in which everything is present, beside cold ones")
	case c[0] <= 0:
		e.cannot(pullStart, "resolving is explained without it", "arms in which everything is present, beside cold ones")
	default:
		e.value[pullStart] = c[0]
		for _, list := range [][]asked{set, free} {
			for i := range list {
				list[i].time = max(list[i].time-c[0], list[i].time/20)
			}
		}
	}
	of := func(list []asked, trip float64) float64 {
		return medianOf(list, func(a *asked) float64 {
			t := a.trip
			if trip > 0 {
				t = trip
			}
			return (a.time-a.connects*t)/a.answers - t
		})
	}
	const least = 1e-5 // seconds
	if len(set) > 0 && len(free) > 0 && c[1] > 0 {
		// All arms together, so that a few whose delay is not what it was set to do not
		// decide.
		e.value[request], e.value[roundTrip] = max(least, c[1]), max(least, c[2])
		return
	}
	if len(set) > 0 {
		e.value[request] = max(least, of(set, 0))
		if len(free) == 0 {
			e.cannot(roundTrip, "the experiment set the delay of every arm", "arms without a delay")
			return
		}
		e.value[roundTrip] = max(least, medianOf(free, func(a *asked) float64 {
			return (a.time - a.answers*e.value[request]) / (a.answers + a.connects)
		}))
		return
	}
	e.cannot(roundTrip, "it cannot be told apart from requestSeconds: no arm sets a delay", "arms behind a link with delaySeconds")
	if e.value[request] = of(free, baseTrip); e.value[request] < baseTrip/20 {
		// The base's round trip alone is too long: half of each.
		half := max(least, medianOf(free, func(a *asked) float64 { return a.time / (2*a.answers + a.connects) }))
		e.value[request], e.bounds[roundTrip] = half, half
	}
}

// stageStart takes medians of what surrounds a pull.
func (d *Data) stageStart(e *estimate, cells []*cell) {
	for i, p := range map[int]simulate.Phase{provision: simulate.Provision, create: simulate.Create} {
		var times []float64
		for _, c := range cells {
			t := c.measured.phases[phase(p)]
			if c.held[i] || !(t > 0) {
				continue
			}
			if p == simulate.Create {
				t /= float64(len(c.starts[0].Images))
			}
			times = append(times, t)
		}
		if e.value[i] = median(times); len(times) == 0 {
			e.cannot(i, "no run has this phase", map[int]string{
				provision: "starts with a sandbox, by a kubelet or on ECI", create: "starts of containers: cachebench measure containerd"}[i])
		}
	}
}

// stageBlobs takes the runtime's own time for a layer from small ones on links that are
// not set, where their bytes take next to nothing.
func (d *Data) stageBlobs(e *estimate, cells []*cell) {
	const small = 300e3 // bytes: a quarter of a millisecond at 10 Gbit/s, 3 ms at 1 Gbit/s
	var times []float64
	for _, c := range cells {
		if !c.single() || c.shaped() || c.held[blob] {
			continue
		}
		answer := latency(c.profileWith(&d.all, &e.value), &d.all)
		for i := range c.runs {
			for _, s := range c.runs[i].startups[0].Spans {
				if s.Phase == simulate.Fetch && s.Bytes < small && s.End > s.Start {
					times = append(times, (s.End-s.Start).Seconds()-answer)
				}
			}
		}
	}
	const enough = 5
	if e.value[blob] = median(times); len(times) < enough || e.value[blob] <= 1e-5 {
		why := "small layers take no longer than an answer"
		if len(times) < enough {
			why = "too few small layers came over a link that is not set"
		}
		e.cannot(blob, why, "an image of many small layers on a link that is not set")
	}
}

// latency is an answer to the first request of a pull's layers.
func latency(p *simulate.Profile, all *[parameters]parameter) float64 {
	return (all[roundTrip].get(p) + all[request].get(p)) * float64(max(1, p.Network.BlobRequests.Value))
}

// busyTime is how long any transfer of a startup was in flight.
func busyTime(s *simulate.Startup) time.Duration {
	if s.FetchBusy > 0 {
		return s.FetchBusy
	}
	d, _ := s.Phases.Of(simulate.Fetch)
	return d
}
