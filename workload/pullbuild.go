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
	// restartMargin is how long after its pod got a node a container that ran again is
	// still taken to have started first.
	restartMargin = 10 * time.Minute
)

// The reasons for which a pull is left out.
const (
	unreadableTime = "of a time that cannot be read"
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
	static   map[string]string         // static pods by namespace/name to their keys
	byPod    map[string][]*eventRecord // those about pulls, in order of time
	// scheduled are the events that tell when pods were given a node.
	scheduled map[string]*eventRecord
	// hosts are those that kubelets' events name, by pod; elsewhere are the pods whose
	// events name another than their node.
	hosts     map[string]string
	elsewhere map[string]bool
	apps      []*appPods
	apart     []string          // names that apps of a Job each share
	appOf     map[string]string // pod to app
	podsOf    map[string][]*pullPod
	series    map[string]string    // pods' names without their random end to apps
	policies  map[[2]string]string // by app and reference
	secrets   map[string]bool      // apps whose pods name secrets to pull with
	asking    map[string]bool      // node to whether its kubelet asks again, see asksAgain
	runtimes  map[string]string    // node to runtime, empty where unknown
	only      string               // the runtime, where it is one alone
	// anyRuntime: some node, or a pod of it, tells its runtime.
	anyRuntime bool
	skewed     map[string]bool // nodes whose clocks are wrong
	pulls      []Pull
	seen       sightings
	// ready is how long pods took from their containers' start to ready.
	ready map[string]time.Duration
	// varied are the pools whose nodes vary in number, with the fewest and the most.
	varied     []string
	ages       map[string]NodeAges
	dropped    map[string]int
	failed     int // containers whose pulls all failed
	never      int // containers without an image, which their policy is not to pull
	folded     int // pulls that events stand for but do not tell of
	between    int // pulls whose time is that between their events
	outside    int // pulls before the window
	restarts   int // images found by a container that was restarted
	lateReady  int // pods that last became ready long after they started
	skewStarts int // starts on nodes whose clocks are wrong
}

// sortEvents sorts events to their pods.
func (b *historyBuilder) sortEvents() {
	b.static = map[string]string{}
	for key, p := range b.importer.pods {
		if p.isStatic() {
			b.static[p.key.namespace+"/"+p.key.name] = key
		}
	}
	b.byPod, b.scheduled = map[string][]*eventRecord{}, map[string]*eventRecord{}
	for _, r := range unfolded(b.importer.events) {
		key := b.keyOf(r.pod)
		if r.step != stepScheduled {
			b.byPod[key] = append(b.byPod[key], r)
		} else if old := b.scheduled[key]; old == nil || cmp.Or(r.first.Compare(old.first), cmp.Compare(r.node, old.node)) < 0 {
			b.scheduled[key] = r
		}
	}
	b.hosts, b.elsewhere = map[string]string{}, map[string]bool{}
	for key, events := range b.byPod {
		nameContainers(b.importer.pods[key], events)
		slices.SortFunc(events, func(a, b *eventRecord) int {
			return cmp.Or(a.last.Compare(b.last), a.first.Compare(b.first), cmp.Compare(a.step, b.step),
				cmp.Compare(a.container, b.container), cmp.Compare(a.reference, b.reference), compareTimes(a.took, b.took), cmp.Compare(a.count, b.count))
		})
		b.findHost(key, events)
	}
}

// findHost finds the host of a pod. A kubelet's events name its node; those of a
// virtual one may name something else, as ECI's do.
func (b *historyBuilder) findHost(key string, events []*eventRecord) {
	node := b.nodeOf(key, b.importer.pods[key])
	for _, e := range events {
		if e.node == "" {
			continue
		}
		node = cmp.Or(node, e.node)
		b.hosts[key] = node
		b.elsewhere[key] = b.elsewhere[key] || e.node != node
	}
}

// nodeOf is the node that a pod was given; empty where unknown.
func (b *historyBuilder) nodeOf(key string, pod *pullPod) string {
	node := ""
	if pod != nil {
		node = pod.node
	}
	if s := b.scheduled[key]; s != nil {
		node = cmp.Or(node, s.node)
	}
	return node
}

// keyOf is the key of the pod that an event is about. Of a static pod the kubelet
// knows another UID than the API server, which has a pod of that name in its stead.
func (b *historyBuilder) keyOf(pod podKey) string {
	key := pod.key()
	if b.importer.pods[key] == nil {
		key = cmp.Or(b.static[pod.namespace+"/"+pod.name], key)
	}
	return key
}

// nameContainers tells the containers of a pod's events that name none: those about
// image volumes, and those that were put together.
func nameContainers(pod *pullPod, events []*eventRecord) {
	for n, e := range events {
		if e.container != "" {
			continue
		}
		name := ""
		if c := pod.container("", e.reference); c != nil {
			name = c.name
		} else {
			for _, o := range events {
				if o.reference == e.reference && o.container != "" && (name == "" || o.container < name) {
					name = o.container
				}
			}
		}
		if name != "" {
			named := *e
			named.container = name
			events[n] = &named
		}
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

// readRuntimes tells each node's runtime, by the node itself, else by its pods, and
// the nodes whose clocks are wrong. Virtual nodes are none.
func (b *historyBuilder) readRuntimes() {
	b.runtimes, b.skewed = map[string]string{}, map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(b.importer.pods)) {
		p := b.importer.pods[key]
		if node, _ := b.placeOf(key, p); node != "" {
			b.runtimes[node] = cmp.Or(b.runtimes[node], p.runtime)
		}
	}
	for key, events := range b.byPod {
		node, _ := b.placeOf(key, b.importer.pods[key])
		if node == "" {
			continue
		}
		b.runtimes[node] = cmp.Or(b.runtimes[node], "")
		for _, r := range events {
			b.skewed[node] = b.skewed[node] || r.skewed && r.node == node
		}
	}
	for name, n := range b.importer.nodes {
		if n.virtual {
			continue
		}
		scheme, _, _ := strings.Cut(n.runtime, "://")
		if objectName.MatchString(scheme) {
			b.runtimes[name] = scheme
		} else {
			b.runtimes[name] = cmp.Or(b.runtimes[name], "")
		}
	}
	kinds := b.runtimeCounts()
	delete(kinds, "")
	b.anyRuntime = len(kinds) > 0
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

// placeOf says on which node a pod is, and where the images are that it finds: on the
// node, or where that is virtual with the pod, which is an instance of its own. Empty
// is unknown.
func (b *historyBuilder) placeOf(key string, pod *pullPod) (node, place string) {
	node = cmp.Or(b.nodeOf(key, pod), b.hosts[key])
	if n := b.importer.nodes[node]; b.elsewhere[key] || isVirtualName(node) || n != nil && n.virtual {
		return "", "pod " + key
	}
	return node, node
}

// isAlways says whether a container's policy is to ask the registry each time. Of a
// pod that is gone, others of its app tell it, else Kubernetes' own rule.
func (b *historyBuilder) isAlways(app string, c *pullContainer, reference string) bool {
	if c != nil {
		return c.policy == "Always"
	}
	return cmp.Or(b.policies[[2]string{app, reference}], defaultPolicy(reference)) == "Always"
}

// addPulls makes pulls of the events.
func (b *historyBuilder) addPulls() {
	b.seen = sightings{}
	for _, key := range slices.Sorted(maps.Keys(b.byPod)) {
		b.addPodPulls(key)
	}
	b.seeRuns()
	slices.SortFunc(b.pulls, func(a, b Pull) int {
		return cmp.Or(a.Began.Compare(b.Began), cmp.Compare(a.Node, b.Node), cmp.Compare(a.pod, b.pod),
			cmp.Compare(a.Container, b.Container), cmp.Compare(a.Reference, b.Reference), compareTimes(a.Took, b.Took))
	})
}

// target is an image that a container needs.
type target struct{ container, reference string }

func (b *historyBuilder) addPodPulls(key string) {
	events := b.byPod[key]
	pod := b.importer.pods[key]
	came, failures, never := map[target]bool{}, map[target]int{}, map[target]bool{}
	for n, e := range events {
		at := target{e.container, e.reference}
		switch e.step {
		case stepFailed:
			failures[at] += e.count
		case stepNever:
			never[at] = true
		case stepPulled, stepPresent:
			again := came[at] || b.ranBefore(key, pod, e)
			failed := failures[at]
			came[at], failures[at] = true, 0
			p := b.pull(key, pod, e, nextOf(e, events[n+1:]))
			p.again = again
			if !b.keep(p, pod, e, events) {
				continue
			}
			if p.Failures = failed; failed > 0 {
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
	b.never += len(never)
}

// nextOf is when the image of an event was seen to again, zero if never.
func nextOf(e *eventRecord, later []*eventRecord) time.Time {
	for _, o := range later {
		if (o.step == stepPulled || o.step == stepPresent) && o.container == e.container && o.reference == e.reference {
			return o.last
		}
	}
	return time.Time{}
}

// ranBefore says whether a container had run before the event about its image.
func (b *historyBuilder) ranBefore(key string, pod *pullPod, e *eventRecord) bool {
	at := e.last
	if e.step == stepPresent {
		at = e.first
	}
	isAfter := func(t time.Time, margin time.Duration) bool { return !t.IsZero() && at.After(t.Add(margin)) }
	c := pod.container(e.container, e.reference)
	node, _ := b.placeOf(key, pod)
	switch {
	case c == nil || b.skewed[node]: // whose status is of another clock
		return false
	case len(c.runs) > 0 && isAfter(c.runs[0].started, 2*granularity), isAfter(pod.ran, 2*granularity):
		return true
	case c.restarted && c.started.IsZero():
		scheduled := pod.scheduled
		if s := b.scheduled[key]; s != nil {
			scheduled = earlier(scheduled, s.first)
		}
		return isAfter(scheduled, restartMargin)
	}
	return false
}

// pull makes one of an event that says that the image came, without its times. next
// is when the image was seen to again.
func (b *historyBuilder) pull(key string, pod *pullPod, e *eventRecord, next time.Time) *Pull {
	p := &Pull{
		App: b.app(key, e.pod), Namespace: e.pod.namespace, Pod: e.pod.name, Container: e.container,
		Reference: e.reference, Began: e.last, Outcome: Pulled, pod: key, came: e.last, bytes: e.bytes,
	}
	if e.step == stepPresent {
		p.Outcome, p.Began, p.came = Present, e.first, e.first
	}
	p.Node, p.place = b.placeOf(key, pod)
	c := pod.container(e.container, e.reference)
	p.always = b.isAlways(p.App, c, e.reference)
	p.asksAgain = p.place == p.Node && b.mayAskAgain(p.Node, p.App, pod) // an instance of its own begins without images
	p.Digest = c.digestAt(p.came, next)
	return p
}

// keep gives a pull its times and its size, and notes that its node has the image
// then; it returns false where the pull is left out, and counts why.
func (b *historyBuilder) keep(p *Pull, pod *pullPod, e *eventRecord, events []*eventRecord) bool {
	why := ""
	if e.step == stepPulled {
		why = b.time(p, pod, e, events)
		b.size(p, pod, e)
	}
	b.see(p, e)
	switch {
	case b.window.Given && !b.window.holds(e.last):
		b.outside++
		return false
	case e.step == stepPulled || e.folded:
		// The event tells of its last pull alone.
		b.folded += e.count - 1
	case p.again, e.count > 1 && !b.window.holds(e.first):
		b.restarts += e.count
		return false
	default:
		b.restarts += e.count - 1
	}
	switch {
	case e.step == stepPresent && p.again:
		b.restarts++
		return false
	case why != "":
		b.dropped[why]++
		return false
	case e.step == stepPulled && e.took == nil:
		b.between++
	}
	return true
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
	// The API server's static pods are made after the node's.
	if pod != nil && !pod.isStatic() && isUsable(pod.created) && whole > e.last.Sub(pod.created)+2*granularity {
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
// layers, docker and CRI-O the unpacked one. ECI's instances have containerd (Overview of
// Elastic Container Instance, 2026-03). Where no node tells its runtime it is taken for
// containerd, which most clusters have, and that is a doubt.
func (b *historyBuilder) size(p *Pull, pod *pullPod, e *eventRecord) {
	runtime := b.runtimes[p.Node]
	if pod != nil {
		runtime = cmp.Or(runtime, pod.runtime)
	}
	switch {
	case p.place == p.Node: // no instance of its own
		runtime = cmp.Or(runtime, b.only)
	case b.hosts[p.pod] == eciHost:
		runtime = "containerd"
	}
	switch runtime {
	case "containerd":
		p.CompressedBytes = e.bytes
	case "docker", "cri-o":
		p.UnpackedBytes = e.bytes
	case "":
		if !b.anyRuntime {
			p.CompressedBytes, p.supposed = e.bytes, e.bytes != nil
		}
	}
}
