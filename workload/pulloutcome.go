package workload

import (
	"cmp"
	"slices"
	"time"
)

// A kubelet reports a pull and a mere question to the registry alike: "Successfully
// pulled image". It asks about an image that is there where the policy is Always, where
// the image came while the pull waited for others, and, since 1.35, where another pod's
// credentials had fetched it (asksAgain). So what a pull was is told by what is known of
// its node when it began (a holding), and by its time (a pace).

// A holding is what is known of whether a node had an image when a pull of it began.
type holding int

const (
	// lacksIt: the policy is IfNotPresent, by which a kubelet that does not ask again
	// looked and did not find it, and nothing else is known.
	lacksIt holding = iota
	// hasOther: the reference stood for another digest there, so that the image is not
	// the one that the node had.
	hasOther
	// notTold: the kubelet asks whether or not the image is there, by the policy Always
	// or for the pod's credentials, and nothing is known; or the policy is IfNotPresent,
	// and the image was there once: it went since, or it is there and asked about.
	notTold
	// mayHave: it was seen there before, or a container of the reference ran, but the
	// digest of one of the two is unknown; or it came while this pull waited or ran.
	mayHave
	// hadIt: it was seen there before, of the same digest, and the policy is Always.
	hadIt
	// hasIt: a container of the same digest ran there, whose image the kubelet does not
	// remove; or the image came while this pull waited.
	hasIt
	holdings
)

// A pace is what a pull's time tells by itself.
type pace int

const (
	// tooFast: faster than an image is fetched (wholeRate) or unpacked (unpackRate).
	tooFast pace = iota
	// quick: no longer than a question to the registry takes.
	quick
	// slow: longer.
	slow
	// mixed: longer, with waiting for other pulls within.
	mixed
	paces
)

// pullOutcomes is what a pull is taken for. docs/import.md has the same table.
var pullOutcomes = [holdings][paces]Outcome{
	//        tooFast, quick, slow, mixed
	lacksIt:  {PartlyPulled, Pulled, Pulled, Pulled},
	hasOther: {PartlyPulled, Pulled, Pulled, Pulled},
	notTold:  {Unclear, Unclear, Pulled, Unclear},
	mayHave:  {Unclear, Unclear, Unclear, Unclear},
	hadIt:    {Rechecked, Rechecked, Unclear, Unclear},
	hasIt:    {Rechecked, Rechecked, Rechecked, Rechecked},
}

const (
	// highestRate is more than any node's link carries: 80 Gbit/s.
	highestRate = 10e9
	// unpackRate is more compressed bytes a second than one core unpacks: zstd, the
	// fastest, makes at most 800 MB/s (measured), and layers halve at least.
	unpackRate = 400e6
	// wholeRate is hardly reached by a pull of a whole image: 227 MB/s is the fastest
	// published, of bytes that do not compress.
	wholeRate = 200e6
	// questionTime is what a question to the registry takes at most, nine times of ten:
	// 2.4 s of published pulls of images whose layers were there.
	questionTime = 2500 * time.Millisecond
	// leastWait is more than the kubelet itself takes from the request to the pull.
	leastWait = 100 * time.Millisecond
)

// tellQueued finds the pulls whose time may have waiting for others within: those
// whose message does not tell it apart, while others ran on the node.
func (b *historyBuilder) tellQueued() {
	byPlace := map[string][]*Pull{}
	for i := range b.pulls {
		switch p := &b.pulls[i]; {
		case p.Took == nil:
		case p.place == "": // what ran there is not known
			p.Queued = p.Waited == nil
		default:
			byPlace[p.place] = append(byPlace[p.place], p)
		}
	}
	for _, pulls := range byPlace { // each in order of begin
		var end time.Time
		for n, p := range pulls {
			if p.Waited == nil {
				p.Queued = end.After(p.Began.Add(granularity)) || n+1 < len(pulls) && pulls[n+1].Began.Before(p.came.Add(-granularity))
			}
			end = later(end, p.came)
		}
	}
}

// tellOutcomes tells what the pulls were, and leaves out those of restarted
// containers that fetched nothing, and what cannot be.
func (b *historyBuilder) tellOutcomes() {
	b.seen.sort()
	kept := b.pulls[:0]
	for i := range b.pulls {
		p := &b.pulls[i]
		if p.Outcome == Pulled {
			h := b.seen.holding(p)
			if h == lacksIt && p.bytes != nil && float64(*p.bytes)/p.Took.Seconds() > highestRate {
				b.dropped[overRate]++
				continue
			}
			pace := p.pace(h)
			p.Outcome, p.Replaces = pullOutcomes[h][pace], h == hasOther
			if p.again && (p.Outcome == Rechecked || p.Outcome == Unclear && pace <= quick) {
				b.restarts++
				continue
			}
		}
		kept = append(kept, *p)
	}
	b.pulls = kept
}

// pace tells what the pull's time says, of a node of which h is known.
func (p *Pull) pace(h holding) pace {
	bound := wholeRate
	if h == lacksIt { // what the kubelet did not find was fetched, if it can have been
		bound = unpackRate
	}
	switch {
	case p.rate() > bound:
		return tooFast
	case *p.Took <= questionTime:
		return quick
	case p.Queued:
		return mixed
	}
	return slow
}

// rate is that of the image's compressed bytes, 0 where unknown. Of others than
// compressed ones it takes half.
func (p *Pull) rate() float64 {
	switch {
	case p.CompressedBytes != nil && !p.supposed:
		return float64(*p.CompressedBytes) / p.Took.Seconds()
	case p.bytes != nil:
		return float64(*p.bytes) / 2 / p.Took.Seconds()
	}
	return 0
}

// A sighting is what tells that a node had an image.
type sighting struct {
	// from is from when on it is sure to have had it; an event's second may not be over.
	from time.Time
	// until is how long a container of it ran; zero where an event tells of the image.
	until time.Time
	// at and began are when the image of an event came, and its pull began.
	at, began time.Time
	digest    string
}

// imageAt is an image at a place: by its reference, of any digest; by its digest; or
// by its reference where the digest is unknown.
type imageAt struct{ place, reference, digest string }

const unknownDigest = "?"

// sightings are what is known of nodes' images.
type sightings map[imageAt]*sightingList

// A sightingList is in order of time.
type sightingList struct {
	list []sighting
	// until is the latest until of those up to each.
	until []time.Time
}

func (s sightings) add(place, reference string, one sighting) {
	keys := []imageAt{{place, reference, ""}, {place, reference, unknownDigest}}
	if one.digest != "" {
		keys[1] = imageAt{place, "", one.digest}
	}
	for _, key := range keys {
		if s[key] == nil {
			s[key] = &sightingList{}
		}
		s[key].list = append(s[key].list, one)
	}
}

// see notes that the node has the image whose pull or presence an event tells.
func (b *historyBuilder) see(p *Pull, e *eventRecord) {
	if p.place == "" {
		return
	}
	b.seen.add(p.place, p.Reference, sighting{from: p.came.Add(granularity), at: p.came, began: p.Began, digest: p.Digest})
	if e.last.After(p.came) {
		b.seen.add(p.place, p.Reference, sighting{from: e.last.Add(granularity), at: e.last, began: e.last})
	}
}

// seeRuns notes that nodes have the images of their containers while those run.
func (b *historyBuilder) seeRuns() {
	for key, p := range b.importer.pods {
		node, place := b.placeOf(key, p)
		if place == "" || b.skewed[node] {
			continue
		}
		for i := range p.containers {
			c := &p.containers[i]
			for _, r := range c.runs {
				until := r.ended
				if until.IsZero() {
					until = later(r.started, r.until)
				}
				b.seen.add(place, c.reference, sighting{from: r.started.Add(granularity), until: until, digest: r.digest})
			}
		}
	}
}

func (s sightings) sort() {
	for _, l := range s {
		slices.SortFunc(l.list, func(a, b sighting) int {
			return cmp.Or(a.from.Compare(b.from), a.until.Compare(b.until), a.began.Compare(b.began), cmp.Compare(a.digest, b.digest))
		})
		var until time.Time
		l.until = make([]time.Time, len(l.list))
		for i, one := range l.list {
			until = later(until, one.until)
			l.until[i] = until
		}
	}
}

// before returns the last sighting that is sure to be before a time; nil where there
// is none, as of a list that is nil.
func (l *sightingList) before(t time.Time) *sighting {
	if n := l.upTo(t); n > 0 {
		return &l.list[n-1]
	}
	return nil
}

// runsAt says whether a container is known to have run at a time.
func (l *sightingList) runsAt(t time.Time) bool {
	n := l.upTo(t)
	return n > 0 && !l.until[n-1].Before(t)
}

// upTo counts the sightings up to a time.
func (l *sightingList) upTo(t time.Time) int {
	if l == nil {
		return 0
	}
	n, _ := slices.BinarySearchFunc(l.list, t, func(s sighting, t time.Time) int {
		if s.from.After(t) {
			return 1
		}
		return -1
	})
	return n
}

// came says whether an event tells that the image came between two times, of a digest
// that may be p's.
func (l *sightingList) came(from, to time.Time, p *Pull, counts func(*sighting) bool) bool {
	if l == nil {
		return false
	}
	// from of a sighting is a second after it came.
	list := l.list[l.upTo(from.Add(-1)):l.upTo(to.Add(granularity))]
	for i := range list {
		if s := &list[i]; !s.at.IsZero() && (s.digest == p.Digest || s.digest == "" || p.Digest == "") && counts(s) {
			return true
		}
	}
	return false
}

// holding says what is known of whether the node had the image when a pull began.
func (s sightings) holding(p *Pull) holding {
	if p.place == "" {
		return p.unseen()
	}
	all := s[imageAt{p.place, p.Reference, ""}]
	before := func(s *sighting) bool { return s.began.Before(p.Began) }
	if p.Waited != nil && *p.Waited >= leastWait && all.came(p.Began.Add(-*p.Waited), p.Began.Add(granularity), p, before) {
		return hasIt
	}
	if p.Digest != "" {
		same := s[imageAt{p.place, "", p.Digest}]
		switch {
		case same.runsAt(p.Began):
			return hasIt
		case same.before(p.Began) == nil:
		case p.always:
			return hadIt
		default:
			return notTold
		}
	}
	last, unknown := all.before(p.Began), all
	if p.Digest != "" {
		unknown = s[imageAt{p.place, p.Reference, unknownDigest}]
	}
	// Of two that came in one second, the one that took less was first.
	first := func(s *sighting) bool { return s.at.Before(p.came) || s.began.After(p.Began) }
	switch {
	case p.Queued && all.came(p.Began, p.came, p, first):
		return mayHave
	case last == nil:
		return p.unseen()
	case p.Digest != "" && last.digest != "":
		return hasOther
	case p.always || unknown.runsAt(p.Began):
		return mayHave
	}
	return notTold
}

// unseen is what is known where nothing tells of the image on the pull's node: that the
// kubelet pulls says that it was not there only if it would not have asked otherwise.
func (p *Pull) unseen() holding {
	if p.always || p.asksAgain {
		return notTold
	}
	return lacksIt
}
