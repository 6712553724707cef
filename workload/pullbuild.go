package workload

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// What a time cannot be. Events bear whole seconds, rounded down, so that two of
// them tell a length to a second more.
const (
	granularity = time.Second
	longestPull = 24 * time.Hour
	// leastBetween is from which length on the time between two events of whole
	// seconds tells a pull's, to a tenth.
	leastBetween = 10 * time.Second
	// highestRate is more than any node's link carries: 80 Gbit/s.
	highestRate = 10e9
	// unpackRate is more compressed bytes a second than one core unpacks: zstd, the
	// fastest, makes at most 800 MB/s (measured, facts on real pulls), and layers
	// halve at least.
	unpackRate = 400e6
	// alwaysRate is hardly reached by a real pull (227 MB/s is the fastest
	// published, of bytes that do not compress), so that with policy Always the image
	// was there.
	alwaysRate = 200e6
)

// The reasons for which a pull is left out.
const (
	unreadableTime = "of a time that cannot be read"
	noTime         = "without a time"
	notPositive    = "of no time or less"
	overADay       = "longer than a day"
	overBetween    = "longer than the time between their events"
	overWaiting    = "longer than with the waiting included"
	overPod        = "longer than their pod was there"
	overRate       = "faster than 10 GB/s"
	noDuration     = "whose message has no time, and events too close together to tell"
)

// A historyBuilder makes a history of what an importer holds.
type historyBuilder struct {
	importer *PullImporter
	opt      PullOptions
	window   Window
	byPod    map[string][]*eventRecord // those about pulls, in order of time
	// scheduled are the events that tell when pods were given a node.
	scheduled map[string]*eventRecord
	apps      []*appPods
	appOf     map[string]string // pod to app
	podsOf    map[string][]*pullPod
	series    map[string]string // pods' names without their random end to apps
	runtimes  map[string]string // node to runtime, empty where unknown
	only      string            // the runtime, where it is one alone
	pulls     []Pull
	dropped   map[string]int
	failed    int // containers whose pulls all failed
	folded    int // pulls that events stand for but do not tell of
	waits     int // pulls whose time may have waiting within
	between   int // pulls whose time is that between their events
	outside   int // pulls before the window
	restarts  int // images found by a container that was restarted
}

// sortEvents sorts events to their pods.
func (b *historyBuilder) sortEvents() {
	b.byPod, b.scheduled = map[string][]*eventRecord{}, map[string]*eventRecord{}
	for _, r := range b.importer.events {
		key := r.pod.key()
		if r.step != stepScheduled {
			b.byPod[key] = append(b.byPod[key], r)
		} else if old := b.scheduled[key]; old == nil || r.first.Before(old.first) {
			b.scheduled[key] = r
		}
	}
	for _, events := range b.byPod {
		slices.SortFunc(events, func(a, b *eventRecord) int {
			return cmp.Or(a.last.Compare(b.last), a.first.Compare(b.first), cmp.Compare(a.step, b.step),
				cmp.Compare(a.container, b.container), cmp.Compare(a.reference, b.reference), compareTimes(a.took, b.took))
		})
	}
}

func compareTimes(a, b *time.Duration) int {
	if a == nil || b == nil {
		return 0
	}
	return cmp.Compare(*a, *b)
}

func (i *PullImporter) noPulls() error {
	switch {
	case len(i.pods)+i.eventCount == 0:
		return fmt.Errorf("%w: the input has no pods and no events (and %s); %s", ErrNoPulls, count(i.others, "other item"), howToPulls)
	case i.eventCount == 0:
		return fmt.Errorf("%w: the input has %s but no events, and pods do not tell how long pulls took; %s (cachebench init --from-kubernetes makes a workload of pods alone)", ErrNoPulls, count(len(i.pods), "pod"), howToPulls)
	}
	return fmt.Errorf("%w among %s: events live an hour, unless the API server's --event-ttl says otherwise, so look after pods have started; -A takes all namespaces; %s", ErrNoPulls, count(i.eventCount, "event"), howToPulls)
}

// readRuntimes tells each node's runtime: by the node itself, else by its pods.
func (b *historyBuilder) readRuntimes() {
	b.runtimes = map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(b.importer.pods)) {
		if p := b.importer.pods[key]; p.node != "" {
			b.runtimes[p.node] = cmp.Or(b.runtimes[p.node], p.runtime)
		}
	}
	for _, r := range b.importer.events {
		if r.node != "" {
			b.runtimes[r.node] = cmp.Or(b.runtimes[r.node], "")
		}
	}
	for name, n := range b.importer.nodes {
		scheme, _, _ := strings.Cut(n.runtime, "://")
		if objectName.MatchString(scheme) {
			b.runtimes[name] = scheme
		} else {
			b.runtimes[name] = cmp.Or(b.runtimes[name], "")
		}
	}
	kinds := b.runtimeCounts()
	delete(kinds, "")
	if len(kinds) == 1 {
		for b.only = range kinds {
		}
	}
}

func (b *historyBuilder) runtimeCounts() map[string]int {
	counts := map[string]int{}
	for _, runtime := range b.runtimes {
		counts[runtime]++
	}
	return counts
}

// addPulls makes pulls of the events.
func (b *historyBuilder) addPulls() {
	for _, key := range slices.Sorted(maps.Keys(b.byPod)) {
		events := b.byPod[key]
		pod := b.importer.pods[key]
		type target struct{ container, reference string }
		came := map[target]bool{}
		failures := map[target]int{}
		for _, e := range events {
			at := target{e.container, e.reference}
			switch e.step {
			case stepFailed:
				failures[at] += e.count
			case stepPulled, stepPresent:
				came[at] = true
				p := b.pull(key, pod, e, events)
				if p == nil {
					continue
				}
				if p.Failures, failures[at] = failures[at], 0; p.Failures > 0 {
					p.Asked = firstAsked(e, events)
				}
				b.pulls = append(b.pulls, *p)
			}
		}
		for at := range failures {
			if !came[at] {
				b.failed++
			}
		}
	}
	slices.SortFunc(b.pulls, func(a, b Pull) int {
		return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.Node, b.Node), cmp.Compare(a.pod, b.pod),
			cmp.Compare(a.Container, b.Container), cmp.Compare(a.Reference, b.Reference), compareTimes(a.Took, b.Took))
	})
}

// pull makes one of an event that says that the image came; nil where it is left
// out.
func (b *historyBuilder) pull(key string, pod *pullPod, e *eventRecord, events []*eventRecord) *Pull {
	p := &Pull{
		App: b.app(key, e.pod), Namespace: e.pod.namespace, Pod: e.pod.name, Container: e.container,
		Node: e.node, Reference: e.reference, Began: e.last, Outcome: Present, pod: key,
	}
	c := pod.container(e.container, e.reference)
	if pod != nil {
		p.Node = cmp.Or(p.Node, pod.node)
	}
	if s := b.scheduled[key]; s != nil {
		p.Node = cmp.Or(p.Node, s.node)
	}
	if c != nil {
		p.Digest = c.digest
		p.Container = cmp.Or(p.Container, c.name)
	}
	switch {
	case b.window.Given && !b.window.holds(e.last):
		b.outside++
		return nil
	case e.step == stepPresent && c != nil && !c.started.IsZero() && e.first.After(c.started.Add(2*granularity)):
		// The container was restarted and found its image again.
		b.restarts++
		return nil
	case e.step == stepPresent:
		p.Began = e.first
		return p
	}
	p.Outcome = Pulled
	if e.folded {
		// The event tells of its last pull alone.
		b.folded += e.count - 1
	}
	if why := b.time(p, pod, e, events); why != "" {
		b.dropped[why]++
		return nil
	}
	b.size(p, e)
	// The bound holds for either size, and so where the runtime is unknown too.
	if e.bytes != nil && float64(*e.bytes)/p.Took.Seconds() > highestRate && !isAlways(c, p.Reference) {
		b.dropped[overRate]++
		return nil
	}
	if e.took == nil {
		b.between++
	} else if p.Waited == nil {
		b.waits++
	}
	return p
}

// time gives a pull its times; it returns why they cannot be.
func (b *historyBuilder) time(p *Pull, pod *pullPod, e *eventRecord, events []*eventRecord) string {
	if e.unreadable {
		return unreadableTime
	}
	asked, exact := asked(e, events)
	took, all := e.took, e.waiting
	if took == nil {
		if asked.IsZero() || e.last.Sub(asked) < leastBetween && !exact {
			return noDuration
		}
		took = new(e.last.Sub(asked))
	}
	switch {
	case *took <= 0:
		return notPositive
	case all != nil && *all < *took:
		return overWaiting
	case *took > longestPull || all != nil && *all > longestPull:
		return overADay
	}
	whole := *took
	if all != nil {
		whole = *all
		p.Waited = new(*all - *took)
	}
	if !asked.IsZero() && whole > e.last.Sub(asked)+2*granularity {
		return overBetween
	}
	if pod != nil && isUsable(pod.created) && whole > e.last.Sub(pod.created)+2*granularity {
		return overPod
	}
	p.Took, p.Began = took, e.last.Add(-*took)
	return ""
}

// asked is when the pull that an event ends was asked for: at the last event
// Pulling before it. Zero where there is none; exact where both are known to more
// than the second.
func asked(e *eventRecord, events []*eventRecord) (at time.Time, exact bool) {
	for _, o := range events {
		if o.step != stepPulling || o.container != e.container || o.reference != e.reference {
			continue
		}
		for _, t := range []time.Time{o.first, o.last} {
			// Of one that happened often, the times between are not known.
			if !t.After(e.last) && (at.IsZero() || t.After(at)) && (o.count <= 2 || t.Equal(o.first) || !o.last.After(e.last)) {
				at, exact = t, o.exact && e.exact
			}
		}
	}
	return at, exact
}

// firstAsked is when the image that came with an event was first asked for.
func firstAsked(e *eventRecord, events []*eventRecord) time.Time {
	var first time.Time
	for _, o := range events {
		if o.step == stepPulling && o.container == e.container && o.reference == e.reference && !o.first.After(e.last) {
			first = earlier(first, o.first)
		}
	}
	return first
}

// size gives a pull the image's size: containerd tells the sum of the compressed
// layers, docker and CRI-O the unpacked one.
func (b *historyBuilder) size(p *Pull, e *eventRecord) {
	switch cmp.Or(b.runtimes[p.Node], b.only) {
	case "containerd":
		p.CompressedBytes = e.bytes
	case "docker", "cri-o":
		p.UnpackedBytes = e.bytes
	}
}

// rate is that of the image's size, 0 where unknown.
func (p *Pull) rate() float64 {
	size := cmp.Or(p.CompressedBytes, p.UnpackedBytes)
	if size == nil || p.Took == nil {
		return 0
	}
	return float64(*size) / p.Took.Seconds()
}

func isAlways(c *pullContainer, reference string) bool {
	if c != nil {
		return c.policy == "Always"
	}
	return defaultPolicy(reference) == "Always"
}

// tellRechecks tells pulls from mere questions about an image that was there: with
// policy Always the kubelet reports both alike.
func (b *historyBuilder) tellRechecks() {
	type place struct{ node, reference string }
	there := map[place]string{} // digests, "?" where unknown
	for i := range b.pulls {
		p := &b.pulls[i]
		at := place{p.Node, p.Reference}
		digest := cmp.Or(p.Digest, "?")
		if p.Outcome == Pulled {
			b.tellRecheck(p, there[at], digest)
		}
		if p.Node != "" {
			there[at] = digest
		}
	}
}

func (b *historyBuilder) tellRecheck(p *Pull, held, digest string) {
	always := isAlways(b.importer.pods[p.pod].container(p.Container, p.Reference), p.Reference)
	same := held != "" && (held == digest || held == "?" || digest == "?")
	compressed := p.CompressedBytes != nil
	switch rate := p.rate(); {
	case always && same, always && compressed && rate > alwaysRate, always && rate > highestRate:
		p.Outcome = Rechecked
	case compressed && rate > unpackRate:
		p.Outcome = PartlyPulled
	}
}
