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
	// taken are values of what is not told, where the base's would contradict the runs;
	// NaN elsewhere, where the base's stays.
	taken values
	// bound is what bounds unpacked bytes: as the caller said, or a guess.
	bound bounding
	// undecided: spans cannot tell it.
	undecided bool
}

func (e *estimate) cannot(i int, why, measure string) {
	e.value[i], e.why[i], e.measure[i] = math.NaN(), why, measure
}

// atLeast takes a speed in place of a base's that is less than what the runs need.
func (d *Data) atLeast(e *estimate, i int, need, take float64) {
	base := d.all[i].get(d.opt.Base)
	if i == gzip {
		base = d.baseGzip
	}
	if base < need {
		e.taken[i] = d.all[i].clamp(take)
	}
}

// stages estimates every parameter of some arms but the options; what bounds unpacking
// may be decided by the caller.
func (d *Data) stages(cells []*cell, bound *bounding) *estimate {
	e := &estimate{value: unset(), taken: unset()}
	d.stageUnpack(e, cells, bound)
	d.stageRequests(e, cells)
	d.stageBlobs(e, cells)
	d.stageNetwork(e, cells)
	d.stageStart(e, cells)
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

func (d *Data) stageUnpack(e *estimate, cells []*cell, bound *bounding) {
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
			e.taken[i] = d.all[i].low // as the rest was found beside it
		}
	}
	s := speedsOf(c)
	if s.fastest == 0 {
		s.tellDecoders(e)
		e.cannot(disk, "no layer was held up by its bytes", "larger layers")
		return
	}
	s.atOnce = unpacksAtOnce(cells)
	d.assignSpeeds(e, s, bound)
}

// speeds are those at which the bytes of layers are unpacked, by what they are
// compressed with; NaN where no layer tells.
type speeds struct {
	gzip, zstd, plain float64
	fastest           float64 // 0: none tells
	// atOnce is how many decoders can work at a time.
	atOnce float64
}

func speedsOf(coefficients []float64) *speeds {
	s := &speeds{}
	for k, to := range map[int]*float64{perGzipByte: &s.gzip, perZstdByte: &s.zstd, perPlainByte: &s.plain} {
		if *to = math.NaN(); coefficients[k] > 0 {
			*to = 1 / coefficients[k]
			s.fastest = max(s.fastest, *to)
		}
	}
	return s
}

// unpacksAtOnce is how many layers some arm unpacks at once on one node: an image at a
// time, and no more than there are cores.
func unpacksAtOnce(cells []*cell) float64 {
	most := 1.0
	for _, c := range cells {
		starts := make(map[string]float64)
		for i := range c.starts {
			at := c.starts[i].Node
			starts[at]++
			most = max(most, min(starts[at], c.profile.Unpack.Cores.Value))
		}
	}
	return most
}

// tellDecoders takes what was seen of each codec for its decoder's speed.
func (s *speeds) tellDecoders(e *estimate) {
	for i, v := range map[int]float64{gzip: s.gzip, zstd: s.zstd} {
		word := map[int]string{gzip: "gzip", zstd: "zstd"}[i]
		if e.value[i] = v; math.IsNaN(v) {
			e.cannot(i, "no "+word+" layer was unpacked that its bytes held up", "an image with large "+word+" layers")
		}
	}
}

// assignSpeeds says what bounds unpacked bytes: a layer takes the slower of its
// decoder and the disk, so that of two speeds only the slower can be told.
func (d *Data) assignSpeeds(e *estimate, s *speeds, bound *bounding) {
	s.tellDecoders(e)
	if !math.IsNaN(s.plain) { // no decoder but the disk
		e.value[disk], e.bound = s.plain, bounding{disk: true, told: true}
		d.boundByDisk(e, s, s.plain, 0.95*s.plain)
		return
	}
	e.undecided = true
	if bound != nil {
		e.bound = *bound
	} else {
		// A first guess. Codecs alike may wait for the same disk, but as well for one
		// core that writes files, which is not shared. Cores differ by half; a decoder that
		// is slower than that waits for something else.
		const slow = 0.4
		alike := math.Abs(math.Log(s.gzip/s.zstd)) < 0.1
		e.bound.disk = alike || math.IsNaN(s.zstd) && s.gzip < slow*d.baseGzip
	}
	if e.bound.disk {
		// The disk bounds the fastest codec; one that is much slower is its decoder's.
		e.value[disk] = s.fastest
		d.boundByDisk(e, s, s.fastest, 0.9*s.fastest)
		return
	}
	why := "decoders are slower than the disk"
	if !e.bound.told {
		why = "of disk and decoder only the slower can be told, and it is taken for the decoder"
	}
	d.likeOther(e, s)
	e.cannot(disk, fmt.Sprintf("%s; the disk takes at least %.0f MB/s", why, s.fastest/1e6), "uncompressed layers, or several starts at once on a node")
	d.atLeast(e, disk, s.atOnce*s.fastest, max(2, s.atOnce)*s.fastest)
}

// likeOther takes a decoder that no layer tells to be as much slower or faster than the
// base's as the other one is: they run on the same cores. A base that has no limit for
// one of them says nothing of that.
func (d *Data) likeOther(e *estimate, s *speeds) {
	base := map[int]float64{gzip: d.baseGzip, zstd: d.all[zstd].get(d.opt.Base)}
	if math.IsInf(base[gzip], 1) || math.IsInf(base[zstd], 1) {
		return
	}
	like := func(i, other int, v float64) {
		e.why[i] += fmt.Sprintf("; taken is %.2f times the base's, as the other codec is", v/base[other])
		e.taken[i] = d.all[i].clamp(base[i] * v / base[other])
	}
	switch {
	case math.IsNaN(s.zstd):
		like(zstd, gzip, s.gzip)
	case math.IsNaN(s.gzip):
		like(gzip, zstd, s.zstd)
	}
}

// boundByDisk gives up the decoders that seem to be faster than a speed: they wait for
// the disk, whose speed is theirs to reach at least.
func (d *Data) boundByDisk(e *estimate, s *speeds, disk, from float64) {
	why := "the disk is slower than this decoder"
	if !e.bound.told {
		why = "of disk and decoder only the slower can be told, and it is taken for the disk"
	}
	for i, v := range map[int]float64{gzip: s.gzip, zstd: s.zstd} {
		if v > from { // not where it is NaN
			e.cannot(i, fmt.Sprintf("%s; the decoder makes at least %.0f MB/s", why, v/1e6), "the decoder alone, with nothing written")
			d.atLeast(e, i, disk, 1.2*disk)
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

// inquiry is what one arm's pull asked before its layers, and how long that took.
type inquiry struct {
	time, answers, connects float64
	// trip is the round trip where the experiment set it, NaN elsewhere.
	trip float64
}

func (a *inquiry) set() bool { return !math.IsNaN(a.trip) }

// trips is how many round trips it takes.
func (a *inquiry) trips() float64 { return a.answers + a.connects }

// tripsSet is the same where the experiment set how long one takes, NaN elsewhere.
func (a *inquiry) tripsSet() float64 {
	if !a.set() {
		return math.NaN()
	}
	return a.trips()
}

// inquiries are the single pulls of one image of some arms.
func (d *Data) inquiries(cells []*cell) []inquiry {
	var list []inquiry
	for _, c := range cells {
		t := c.measured.phases[phase(simulate.Resolve)]
		if !c.single() || len(c.starts[0].Images) != 1 || !(t > 0) || c.held[request] {
			continue
		}
		a := inquiry{time: t, trip: math.NaN()}
		if c.held[roundTrip] {
			a.trip = d.all[roundTrip].get(c.profile)
		}
		if a.answers, a.connects = resolveShape(c); a.answers > 0 {
			list = append(list, a)
		}
	}
	return list
}

// The terms of resolving: what does not grow with the number of answers is the
// runtime's own.
const (
	perPull = iota
	perAnswer
	perTrip
	resolveTerms
)

// resolving is resolving as a sum of its terms.
type resolving struct {
	list []inquiry
	// wanted are the terms that the arms are to tell, value those of the others, and
	// then of all.
	wanted [resolveTerms]bool
	value  [resolveTerms]float64
}

// nothing is the least time that counts as one.
const nothing = 1e-5 // seconds

func (r *resolving) solve() {
	rows := make([]term, len(r.list))
	for i := range r.list {
		a := &r.list[i]
		parts, rest := []float64{1, a.answers, a.trips()}, a.time
		for k := range parts {
			switch {
			case k == perTrip && a.set():
				rest -= parts[k] * a.trip
			case !r.wanted[k]:
				rest -= parts[k] * r.value[k]
			default:
				continue
			}
			parts[k] = 0
		}
		rows[i] = term{parts, max(rest, a.time/20)}
	}
	for k, v := range regress(rows) {
		if r.wanted[k] {
			r.value[k] = v
		}
	}
}

// settle solves for the terms that are wanted, and again without those that turn out
// to be nothing, so that what is told adds up. Where nothing is left for the round trip
// it begins anew without the arms that set it.
func (r *resolving) settle() (noTrip, noPull bool) {
	base := r.value
	for {
		r.solve()
		switch {
		case r.wanted[perTrip] && r.value[perTrip] <= nothing:
			noTrip, noPull = true, false
			r.list = slices.DeleteFunc(slices.Clone(r.list), func(a inquiry) bool { return a.set() })
			r.value, r.wanted = base, [resolveTerms]bool{perPull: r.unlike(), perAnswer: true}
		case r.wanted[perPull] && r.value[perPull] <= nothing:
			noPull = true
			r.wanted[perPull], r.value[perPull] = false, 0
		default:
			return noTrip, noPull
		}
	}
}

// unlike says whether some pulls ask much more than others, so that what they ask and
// the runtime's own time can be told apart.
func (r *resolving) unlike() bool {
	fewest, most := math.Inf(1), 0.0
	for i := range r.list {
		fewest, most = min(fewest, r.list[i].answers), max(most, r.list[i].answers)
	}
	return most >= 2*fewest
}

// stageRequests takes the registry's time to answer from resolving, the runtime's own
// where pulls ask more and fewer things, and the round trip where some arms set one and
// others do not.
func (d *Data) stageRequests(e *estimate, cells []*cell) {
	all := d.inquiries(cells)
	if len(all) == 0 {
		e.cannot(request, "no arm tells how long resolving took", "single pulls with their resolve phase")
		e.cannot(roundTrip, e.why[request], e.measure[request])
		e.cannot(pullStart, e.why[request], e.measure[request])
		return
	}
	set := slices.ContainsFunc(all, func(a inquiry) bool { return a.set() })
	free := slices.ContainsFunc(all, func(a inquiry) bool { return !a.set() })
	base := d.opt.Base
	r := &resolving{list: all, value: [resolveTerms]float64{perPull: d.all[pullStart].get(base), perTrip: d.all[roundTrip].get(base)}}
	r.wanted = [resolveTerms]bool{perPull: r.unlike(), perAnswer: true, perTrip: set && free}
	noTrip, noPull := r.settle()

	e.value[request], e.value[pullStart], e.value[roundTrip] = r.value[perAnswer], r.value[perPull], r.value[perTrip]
	present := "arms in which everything is present, beside cold ones"
	switch {
	case noPull:
		e.cannot(pullStart, "resolving is explained without it", present)
		if d.all[pullStart].get(base) > nothing {
			e.taken[pullStart] = d.all[pullStart].low // as the rest was found beside it
		}
	case !r.wanted[perPull]:
		e.cannot(pullStart, "all pulls ask as many things before their layers", present)
	}
	switch {
	case noTrip:
		e.cannot(roundTrip, fmt.Sprintf("arms that set a delay take %.1f times it to resolve, of which a pull on the profile has %.0f, so that nothing is left of it for the others", medianOf(all, r.tripsTaken), medianOf(all, (*inquiry).tripsSet)), "arms behind a link with delaySeconds, longer ones")
	case !free:
		e.cannot(roundTrip, "the experiment set the delay of every arm", "arms without a delay")
	case !set:
		e.cannot(roundTrip, "it cannot be told apart from requestSeconds: no arm sets a delay", "arms behind a link with delaySeconds")
	}
	if free && !r.wanted[perTrip] && r.value[perAnswer] < r.value[perTrip]/20 {
		// The base's round trip alone is too long: half of each.
		half := max(nothing, medianOf(r.list, func(a *inquiry) float64 { return (a.time - r.value[perPull]) / (a.answers + a.trips()) }))
		e.value[request], e.taken[roundTrip] = half, half
	}
	if e.value[request] <= nothing {
		e.cannot(request, "resolving is explained without it", "arms behind a link with delaySeconds, and others without")
		e.taken[request] = d.all[request].low
	}
}

// tripsTaken is how many times the delay that an arm sets its resolving takes beyond
// the rest of it; NaN where it sets none.
func (r *resolving) tripsTaken(a *inquiry) float64 {
	return (a.time - r.value[perPull] - a.answers*r.value[perAnswer]) / a.trip
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
// not set: what is left of their time beside an answer and their bytes.
func (d *Data) stageBlobs(e *estimate, cells []*cell) {
	open, _ := split(cells, func(c *cell) bool { return c.single() && !c.shaped() && !c.held[blob] })
	var times, speeds []float64
	for _, c := range open {
		if rate, _ := d.linkSpeed(c, &e.value); rate > 0 {
			speeds = append(speeds, rate)
		}
	}
	usual := median(speeds)
	for _, c := range open {
		rate, _ := d.linkSpeed(c, &e.value)
		if rate == 0 {
			rate = usual
		}
		times = append(times, besideBytes(c, rate, latency(c.profileWith(&d.all, &e.value), &d.all))...)
	}
	const enough = 5
	if e.value[blob] = median(times); len(times) < enough || e.value[blob] <= nothing {
		why := "small layers take no longer than an answer and their bytes"
		if len(times) < enough {
			why = "too few layers came over a link that is not set whose bytes took next to nothing"
		}
		e.cannot(blob, why, "an image of many small layers on a fast link that is not set")
	}
}

// besideBytes are the times of the small layers of an arm less an answer's and what
// their bytes take at a rate that layers at once share; those whose bytes take much of
// their time are left out, and all where the rate is not known.
func besideBytes(c *cell, bytesPerSecond, answer float64) []float64 {
	const (
		small = 300e3 // bytes
		much  = 0.2   // of the time
	)
	var times []float64
	for i := range c.runs {
		spans := c.runs[i].startups[0].Spans
		for j := range spans {
			s := &spans[j]
			if s.Phase != simulate.Fetch || s.Bytes >= small || s.End <= s.Start {
				continue
			}
			t := (s.End - s.Start).Seconds()
			if bytes := float64(s.Bytes) * atOnce(spans, s) / bytesPerSecond; bytes <= much*t {
				times = append(times, t-bytes-answer)
			}
		}
	}
	return times
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
