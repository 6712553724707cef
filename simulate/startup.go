package simulate

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/simulate/unpack"
)

// startup is one start on its way to ready.
type startup struct {
	e     *engine
	index int // in the input
	rank  int // in order of request; the key of its draws
	start *Start
	p     *Profile
	node  *node
	spans []Span
	// next is the next image to pull, running how many pulls are under way.
	next, running int
	reused        map[int]bool
	missing       map[int]bool
	fetched       int64
	unpacked      int64
}

func newStartup(e *engine, index, rank int) *startup {
	s := &e.w.starts[index]
	return &startup{
		e: e, index: index, rank: rank, start: s, p: e.w.classes[s.NodeClass],
		reused: map[int]bool{}, missing: map[int]bool{},
	}
}

// span records an activity; empty ones are left out.
func (s *startup) span(phase Phase, image string, layer layers.Digest, from time.Duration, bytes int64) {
	if s.e.now > from {
		requested := s.start.Requested
		s.spans = append(s.spans, Span{phase, image, layer, from - requested, s.e.now - requested, bytes})
	}
}

// wait lets a phase of fixed length pass.
func (s *startup) wait(phase Phase, d time.Duration, then func()) {
	from := s.e.now
	s.e.after(d, func() {
		s.span(phase, "", "", from, 0)
		then()
	})
}

func (s *startup) drawTime(p *Parameter[time.Duration], what string) time.Duration {
	return draw(p, s.e.random(s.rank, what))
}

// request is the first step; each step sets the next.
func (s *startup) request() {
	s.wait(Admit, s.e.admit()-s.e.now, s.provision)
}

func (s *startup) provision() {
	s.settle()
	wait := max(0, s.node.up-s.e.now)
	s.wait(Provision, wait+s.drawTime(&s.p.Start.Provision, "provision"), s.attach)
}

// settle finds the start's node, or makes one of its own.
func (s *startup) settle() {
	if s.start.Node == "" {
		s.node = s.e.newNode(s.p)
		return
	}
	n, ok := s.e.nodes[s.start.Node]
	if !ok {
		n = s.e.newNode(s.p)
		n.up = s.e.now + s.drawTime(&s.p.Node.Boot, "boot")
		s.e.nodes[s.start.Node] = n
	}
	s.node = n
}

func (s *startup) attach() {
	if s.start.CacheID == "" {
		s.pullAll()
		return
	}
	s.wait(Attach, s.drawTime(&s.p.Cache.Attach, "attach"), func() {
		for _, image := range s.start.Held {
			s.node.hold(s.e, image)
		}
		s.pullAll()
	})
}

// pullAll notes what is present, then pulls images in order, as many at once as
// the profile lets.
func (s *startup) pullAll() {
	for _, image := range s.start.Images {
		for _, c := range s.e.w.chains.Images[image] {
			if s.node.snapshots[c] {
				s.reused[c] = true
			} else {
				s.missing[c] = true
			}
		}
	}
	s.pullMore()
}

func (s *startup) pullMore() {
	for s.next < len(s.start.Images) && s.running < int(s.p.Pull.MaxParallelImages.Value) {
		image := s.start.Images[s.next]
		s.next++
		s.running++
		newPull(s, image).resolve()
	}
	if s.running == 0 && s.next == len(s.start.Images) {
		s.create()
	}
}

func (s *startup) pulled(image int) {
	held := s.node.images[image]
	if held == nil {
		held = &heldImage{}
		s.node.images[image] = held
	}
	held.used = s.e.now
	held.users++
	if s.start.Node != "" {
		s.node.evict(s.e)
	}
	s.running--
	s.pullMore()
}

// create creates the containers one after another.
func (s *startup) create() {
	d := s.drawTime(&s.p.Start.Create, "create")
	s.wait(Create, d*time.Duration(len(s.start.Images)), s.becomeReady)
}

// becomeReady is the program's own start: its own time, and the first reads of
// what a cache's disk holds.
func (s *startup) becomeReady() {
	d := s.drawTime(&s.p.Start.Ready, "ready")
	if s.start.Ready != nil {
		d = *s.start.Ready
	}
	s.wait(Ready, d+firstRead(s.e.w, s.p, s.start, s.reused), s.finish)
}

// firstRead is the time to read the needed share of the cached layers from a
// disk made from a snapshot.
func firstRead(w *world, p *Profile, start *Start, reused map[int]bool) time.Duration {
	if start.CacheID == "" {
		return 0
	}
	fraction := p.Cache.ReadFraction.Value
	if start.ReadFraction != nil {
		fraction = *start.ReadFraction
	}
	var bytes int64
	for c := range reused {
		bytes += *w.inv.Layers[w.layer[c]].UnpackedBytes
	}
	rate := float64(typical(&p.Cache.FirstRead))
	return time.Duration(math.Round(fraction * float64(bytes) / rate * 1e9))
}

func (s *startup) finish() {
	e := s.e
	ready := e.now - s.start.Requested
	references := make([]string, len(s.start.Images))
	for i, image := range s.start.Images {
		references[i] = e.w.inv.Images[image].Reference
	}
	slices.SortStableFunc(s.spans, func(x, y Span) int {
		if x.Start != y.Start {
			return int(min(1, max(-1, x.Start-y.Start)))
		}
		return int(min(1, max(-1, x.End-y.End)))
	})
	result := Startup{
		Source: Simulated, Arm: e.opt.Arm, App: s.start.App, Images: references, Node: s.start.Node, Repeat: e.repeat,
		Requested: s.start.Requested, Ready: ready, Phases: PhasesOf(s.spans, ready),
		FetchBusy: busy(s.spans, Fetch, ready), UnpackBusy: busy(s.spans, Unpack, ready),
		FetchedBytes: s.fetched, UnpackedBytes: s.unpacked, LayersReused: len(s.reused),
		CacheID: s.start.CacheID, Hit: s.start.hit(len(s.reused), len(s.missing)),
	}
	if e.opt.Spans != nil && e.opt.Spans(s.index) {
		result.Spans = s.spans
	}
	e.startups[s.index] = result
	e.finished++
	if s.start.Node != "" {
		e.after(s.start.Runtime, s.leave)
	}
}

// leave ends the start's use of its images.
func (s *startup) leave() {
	for _, image := range s.start.Images {
		if held := s.node.images[image]; held != nil {
			held.users--
			held.used = s.e.now
		}
	}
}

// pull is one image on its way to one node.
type pull struct {
	s     *startup
	image int
	slots *slots
	// to are the chains to wait for, base first; each is unpacked by this pull
	// or by another.
	to []int
	// claimed is false while another pull is at this one's first missing layer.
	claimed bool
}

func newPull(s *startup, image int) *pull {
	p := &pull{s: s, image: image, slots: &s.node.slots}
	if s.p.Pull.DownloadScope.Value == "image" {
		p.slots = &slots{free: s.p.Pull.MaxConcurrentDownloads.Value}
	}
	return p
}

// resolve asks for the manifest and the config, unless the image is present and
// need not be asked for. An image behind an index takes a request more.
func (p *pull) resolve() {
	s := p.s
	img := &s.e.w.inv.Images[p.image]
	if s.node.images[p.image] != nil && !s.start.pulls(img.Reference) && p.complete() {
		s.e.after(0, func() { s.pulled(p.image) })
		return
	}
	from := s.e.now
	requests := resolveRequests(s.e.w, p.image)
	var next func()
	next = func() {
		if requests == 0 {
			s.span(Resolve, img.Reference, "", from, 0)
			p.begin()
			return
		}
		requests--
		s.e.ask(s.answer("resolve"+strconv.Itoa(requests)), next)
	}
	next()
}

// resolveRequests counts what a pull asks before its first layer: a check that
// the reference exists, the manifest and the config (facts on real pulls), and
// an index where there is one.
func resolveRequests(w *world, image int) int {
	if w.inv.Images[image].IndexDigest != "" {
		return 4
	}
	return 3
}

// answer is the time from a request to the first byte of its answer.
func (s *startup) answer(what string) time.Duration {
	return s.drawTime(&s.p.Network.RoundTrip, what+" round trip") + s.drawTime(&s.p.Network.Request, what+" request")
}

func (p *pull) chains() []int { return p.s.e.w.chains.Images[p.image] }

// blob is the layer that the image names for one of its chains.
func (p *pull) blob(chain int) int { return p.s.e.w.blobs[p.image][chain] }

func (p *pull) complete() bool {
	for _, c := range p.chains() {
		if !p.s.node.snapshots[c] {
			return false
		}
	}
	return true
}

// begin puts the pull to work on its node.
func (p *pull) begin() {
	p.s.node.active = append(p.s.node.active, p)
	p.advance()
}

// claim takes the layers that are missing. Where another pull on the node is at
// the first of them, it waits until that one is unpacked (facts on real pulls,
// point 4).
func (p *pull) claim() {
	n := p.s.node
	first := slices.IndexFunc(p.chains(), func(c int) bool { return !n.snapshots[c] })
	if first >= 0 && n.owner[p.chains()[first]] != nil {
		return
	}
	p.claimed = true
	if first < 0 {
		return
	}
	p.to = p.chains()[first:]
	for _, c := range p.to {
		if n.owner[c] == nil && !n.snapshots[c] {
			n.owner[c] = p
		}
	}
	for _, l := range p.order() {
		p.request(l)
	}
}

// order returns the layers to fetch in the order in which they are asked for.
func (p *pull) order() []int {
	n, w := p.s.node, p.s.e.w
	var order []int
	for _, c := range p.to {
		l := p.blob(c)
		if n.owner[c] == p && !n.blobs[l] && !n.inFlight[l] && !slices.Contains(order, l) {
			order = append(order, l)
		}
	}
	if p.s.p.Pull.RequestOrder.Value == "race" && len(order) > 1 {
		last := len(order) - 1
		order[0], order[last] = order[last], order[0]
		rng := p.s.e.random(p.s.rank, "order "+string(w.inv.Images[p.image].Digest))()
		rng.Shuffle(last, func(i, j int) { order[i+1], order[j+1] = order[j+1], order[i+1] })
	}
	return order
}

// request fetches a layer when a download slot is free.
func (p *pull) request(l int) {
	s, e, n := p.s, p.s.e, p.s.node
	layer := &e.w.inv.Layers[l]
	n.inFlight[l] = true
	p.slots.take(func() {
		from := e.now
		e.ask(s.answer(string(layer.Digest)), func() {
			cap := draw(&s.p.Network.Connection, e.random(s.rank, string(layer.Digest)+" connection"))
			e.transfer(n, layer.CompressedBytes, network.Rate(cap), func() {
				s.span(Fetch, e.w.inv.Images[p.image].Reference, layer.Digest, from, layer.CompressedBytes)
				s.fetched += layer.CompressedBytes
				delete(n.inFlight, l)
				n.blobs[l] = true
				p.slots.give()
				n.wake()
			})
		})
	})
}

// advance does what can be done now: unpacks the first layer not yet unpacked
// when its blob is there, or with parallel unpack every layer whose blob is.
// When all are unpacked, the image is pulled. It is called whenever something
// on the node has changed.
func (p *pull) advance() {
	n := p.s.node
	if !p.claimed {
		if p.claim(); !p.claimed {
			return
		}
	}
	for len(p.to) > 0 && n.snapshots[p.to[0]] {
		p.to = p.to[1:]
	}
	if len(p.to) == 0 {
		p.done()
		return
	}
	for _, c := range p.to {
		if n.owner[c] == p && !n.unpacking[c] && n.blobs[p.blob(c)] {
			p.unpack(c)
		}
		if !p.s.p.Unpack.Parallel.Value {
			return
		}
	}
}

func (p *pull) done() {
	n := p.s.node
	n.active = slices.DeleteFunc(n.active, func(x *pull) bool { return x == p })
	for _, c := range p.chains() {
		if n.owner[c] == p {
			delete(n.owner, c)
		}
	}
	if !p.s.p.Pull.KeepBlobs.Value {
		for _, c := range p.chains() {
			if l := p.blob(c); !n.wants(p.s.e, l) {
				delete(n.blobs, l)
			}
		}
	}
	p.s.pulled(p.image)
}

func (p *pull) unpack(c int) {
	s, e, n := p.s, p.s.e, p.s.node
	layer := &e.w.inv.Layers[p.blob(c)]
	from := e.now
	n.unpacking[c] = true
	reference := e.w.inv.Images[p.image].Reference
	e.unpackLayer(n, demand(s.p, layer), func() {
		s.span(Unpack, reference, layer.Digest, from, *layer.UnpackedBytes)
		s.unpacked += *layer.UnpackedBytes
		delete(n.owner, c)
		delete(n.unpacking, c)
		n.snapshots[c] = true
		n.wake()
	})
}

// BytesPerFile is assumed where a layer's number of tar entries is unknown: the
// 56 recorded layers of testdata/images have as many unpacked bytes an entry,
// taken together (testdata/images/layers.csv, 2026-11; the median layer has
// 21,700, a tar of Debian packages in the benchmark workloads 76,000).
const BytesPerFile = 31_600

// demand is what unpacking a layer asks for, by its media type.
func demand(p *Profile, l *layers.Layer) unpack.Layer {
	d := unpack.Layer{UnpackedBytes: *l.UnpackedBytes, Files: *l.UnpackedBytes / BytesPerFile}
	if l.Files != nil {
		d.Files = *l.Files
	}
	switch {
	case strings.HasSuffix(l.MediaType, "zstd"):
		d.DecodeBytesPerSecond = float64(typical(&p.Unpack.Zstd))
	case strings.HasSuffix(l.MediaType, "gzip"):
		d.DecodeBytesPerSecond = float64(typical(&p.Unpack.Gzip))
	default:
		d.DecodeBytesPerSecond = math.Inf(1)
	}
	return d
}
