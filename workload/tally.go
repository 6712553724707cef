package workload

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"
)

// The bounds of what a tally holds, however long the history.
const (
	// settleSeconds is how long after a pod was first told of its images are all known:
	// longer than a kubelet's longest wait between pulls (5 minutes) and slow pulls.
	settleSeconds = 30 * 60
	maxTallyApps  = 20_000
	// maxLivePods is above what Kubernetes is made for (150,000 pods in a cluster).
	maxLivePods = 400_000
	// rememberedPods bounds each of two sets of pods that ended, by which histories that
	// overlap are told.
	rememberedPods = 250_000
	maxInterned    = 100_000
	// maxPodImages is more than pods have.
	maxPodImages = 64
)

const (
	hourSeconds = 3600
	weekHours   = 168
)

// hourOfWeek is the hour since Monday 00:00 UTC.
func hourOfWeek(at int64) int {
	return int(((at/hourSeconds)%weekHours + 72) % weekHours) // 1970 began on a Thursday
}

// A tally counts the starts of a history by app, and forgets them: what it holds grows
// with the apps and with the pods that run at a time, not with the history. Its zero
// value has counted nothing.
type tally struct {
	apps  map[string]*tallyApp
	young map[uint64]*youngPod
	// settling are young pods in the order in which they were first told of.
	settling []settling
	running  map[uint64]runningPod
	// jobs are the pods of a Job, young and running, whose end the Job tells.
	jobs map[uint64][]uint64
	// ended and before are pods that came to an end, newer and older ones.
	ended, before map[uint64]struct{}
	nodes         nodeTally
	names         map[string]string
	// clock is the newest time of the input that is read, leap counts records in a row
	// that are more than a day after it.
	clock int64
	leap  int
	// from and to are the first and last time of all inputs, hours those that tell of
	// something.
	from, to int64
	hours    map[int64]uint64
	// placed: some event tells when pods are given a node or made. Without any, a pod
	// starts when it is first told of.
	placed bool
	// records counts what was used, skipped what was not, by reason.
	records int
	skipped map[string]int
	lost    int // pods whose end was not seen, forgotten
}

// settling says when a young pod is taken as it is.
type settling struct {
	pod uint64
	due int64
}

// A youngPod is one whose images are not yet all known.
type youngPod struct {
	uid             uint64
	namespace, name string
	kind, owner     string // its controller, where that is told
	made            int64  // when it was made or given a node; else when it was first told of
	placed          bool
	began           int64 // when its last container started; 0 is unknown
	node            string
	on              *tallyNode // nil where the node is unknown or virtual, or it ended
	images          []tallyImage
	ofJob           bool  // it is among the pods of its Job
	ended           int64 // 0 is not yet
}

// tallyImage is an image of a container.
type tallyImage struct {
	container, reference string
	init                 bool
}

// A runningPod is what is kept of a pod until it ends.
type runningPod struct {
	uid   uint64
	set   *tallySet
	node  *tallyNode
	began int64
	// placed: its start is counted among the placed ones.
	placed bool
}

func (t *tally) init() {
	if t.apps == nil {
		t.apps, t.young, t.running, t.jobs = map[string]*tallyApp{}, map[uint64]*youngPod{}, map[uint64]runningPod{}, map[uint64][]uint64{}
		t.ended, t.names, t.hours, t.skipped = map[uint64]struct{}{}, map[string]string{}, map[int64]uint64{}, map[string]int{}
		t.nodes.all, t.nodes.ended, t.nodes.groups = map[string]*tallyNode{}, map[uint64]*tallyNode{}, map[string]*nodeGroup{}
	}
}

// isEmpty says whether no start was counted.
func (t *tally) isEmpty() bool { return len(t.apps) == 0 }

// begin begins an input, whose times may be before those of another.
func (t *tally) begin() {
	t.init()
	t.clock, t.leap = 0, 0
	t.nodes.endUntil(lastUsable)
	for _, a := range t.apps {
		for _, s := range a.sets {
			s.burst.restart()
		}
	}
}

// fill notes that the time between two is told of whole, idle hours too.
func (t *tally) fill(from, to int64) {
	for at := from; at > 0 && at <= to; at += hourSeconds {
		t.tell(at)
		t.records--
	}
	if to > 0 {
		t.tell(to)
		t.records--
	}
}

// end ends an input: what is known by then of young pods is all.
func (t *tally) end() {
	for _, s := range t.settling {
		t.settle(s.pod)
	}
	t.settling = t.settling[:0]
}

func (t *tally) skip(reason string) {
	t.init()
	t.skipped[reason]++
}

// held is a text that outlives the line that it stands in.
func (t *tally) held(text []byte) string {
	if s, ok := t.names[string(text)]; ok {
		return s
	}
	if len(t.names) >= maxInterned {
		clear(t.names)
	}
	s := string(text)
	t.names[s] = s
	return s
}

// The reasons for which records of a history are not used.
const (
	skipNoEvent    = "no event"
	skipOtherEvent = "an event about something else than starts"
	skipNoTime     = "no time"
	skipNoPod      = "a pod without a name that Kubernetes takes"
	skipManyApps   = "a start of an app beyond the first 20,000"
)

// tell notes that something happened at a time.
func (t *tally) tell(at int64) {
	t.records++
	if t.from == 0 || at < t.from {
		t.from = at
	}
	t.to = max(t.to, at)
	hour := at / hourSeconds
	t.hours[hour/64] |= 1 << (hour % 64)
}

// pass lets the time of an input go on. One record with a wrong clock does not move it.
func (t *tally) pass(at int64) {
	if t.clock > 0 && at > t.clock+24*hourSeconds {
		if t.leap++; t.leap < 3 {
			return
		}
	}
	t.leap = 0
	if at <= t.clock {
		return
	}
	t.clock = at
	n := 0
	for n < len(t.settling) && t.settling[n].due <= at {
		t.settle(t.settling[n].pod)
		n++
	}
	t.settling = t.settling[n:] // what is appended later takes a new array, and the old one goes
	t.nodes.pass(at)
}

// event counts an event of a line.
func (t *tally) event(e *lineEvent) {
	if e.last == 0 {
		t.skip(skipNoTime)
		return
	}
	switch string(e.kind) {
	case "Pod":
		t.podEvent(e)
	case "Node":
		t.nodeEvent(e)
	case "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController":
		t.controllerEvent(e)
	default:
		t.skip(skipOtherEvent)
	}
}

func podHash(namespace, name []byte) uint64 {
	var buffer [512]byte
	b := append(buffer[:0], namespace...)
	b = append(append(b, '/'), name...)
	return xxh3.Hash(b)
}

func uidHash(uid []byte) uint64 {
	if len(uid) == 0 {
		return 0
	}
	return xxh3.Hash(uid)
}

func (t *tally) podEvent(e *lineEvent) {
	if !isObjectName(e.name) {
		t.skip(skipNoPod)
		return
	}
	step, isStart, isEnd := noStep, false, false
	switch string(e.reason) {
	case "Scheduled":
		step, isStart = stepScheduled, true
	case "Pulling", "Pulled", "pulling", "pulled":
		isStart = true
	case "Started":
	case "Killing", "Evicted", "Preempted", "TaintManagerEviction":
		isEnd = true
	default:
		t.skip(skipOtherEvent)
		return
	}
	t.tell(e.last)
	t.pass(e.last)
	if len(e.namespace) == 0 {
		e.namespace = []byte("default")
	}
	key := podHash(e.namespace, e.name)
	uid := uidHash(e.uid)
	if isEnd {
		t.ends(key, uid, e.last)
		return
	}
	y := t.pod(key, uid, e, isStart)
	if y == nil {
		if step == stepScheduled {
			t.placed = true
			t.place(key, uid, e.first)
		}
		return
	}
	switch {
	case step == stepScheduled:
		t.placed = true
		t.putOn(y, nodeIn(e.message), e.first)
		if !y.placed {
			y.placed, y.made = true, e.first
		}
	case isStart:
		t.image(y, e)
	default:
		y.began = max(y.began, e.first)
	}
}

// isObjectName is whether Kubernetes takes a text for a name, as objectName does.
func isObjectName(text []byte) bool {
	if len(text) == 0 || len(text) > 253 {
		return false
	}
	for _, c := range text {
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}

// pod is the young pod that an event is about; nil where it is not young, or where the
// event does not tell that it is new.
func (t *tally) pod(key, uid uint64, e *lineEvent, isStart bool) *youngPod {
	if y := t.young[key]; y != nil {
		switch {
		case y.uid == 0 && uid != 0 && t.hasEnded(uid):
			delete(t.young, key) // its controller told of it a second time
			return nil
		case y.uid == 0 || uid == 0 || y.uid == uid:
			y.uid = max(y.uid, uid)
			return y
		}
		t.settle(key)
	}
	if r, ok := t.running[key]; ok {
		if r.uid == uid || r.uid == 0 || uid == 0 {
			return nil
		}
		t.forget(key, r) // another pod of that name
		t.lost++
	}
	id := uid
	if id == 0 {
		id = key
	}
	if !isStart || t.hasEnded(id) {
		return nil
	}
	return t.newPod(key, uid, t.held(e.namespace), string(e.name), e.first)
}

func (t *tally) newPod(key, uid uint64, namespace, name string, at int64) *youngPod {
	y := &youngPod{uid: uid, namespace: namespace, name: name, made: at}
	t.young[key] = y
	t.settling = append(t.settling, settling{key, t.clock + settleSeconds})
	return y
}

// putOn gives a young pod its node, as soon as that is told: which node was chosen is
// judged by what runs on the others then.
func (t *tally) putOn(y *youngPod, node []byte, at int64) {
	if y.node == "" && isObjectName(node) {
		y.node = t.held(node)
		y.on = t.nodes.start(y.node, at)
	}
}

// image adds the image that an event names.
func (t *tally) image(y *youngPod, e *lineEvent) {
	m := readPullMessage(string(e.message))
	if m.step != stepPulling && m.step != stepPulled && m.step != stepPresent || m.folded {
		return
	}
	t.putOn(y, e.host, e.first)
	container := ""
	if open := bytes.IndexByte(e.field, '{'); open >= 0 {
		container = t.held(bytes.TrimSuffix(e.field[open+1:], []byte("}")))
	}
	for i := range y.images {
		if y.images[i].container == container && (container != "" || y.images[i].reference == m.reference) {
			return
		}
	}
	if len(y.images) < maxPodImages {
		y.images = append(y.images, tallyImage{container, t.held([]byte(m.reference)), isInit(e.field)})
	}
}

// controllerEvent takes what a controller tells of its pods.
func (t *tally) controllerEvent(e *lineEvent) {
	if string(e.kind) == "Job" && isJobEnd(string(e.reason)) {
		t.tell(e.last)
		t.pass(e.last)
		job := podHash(e.namespace, e.name)
		for _, key := range t.jobs[job] {
			t.ends(key, 0, e.last)
		}
		delete(t.jobs, job)
		return
	}
	made := after(e.message, "Created pod: ")
	gone := after(e.message, "Deleted pod: ")
	if string(e.kind) == "StatefulSet" {
		made, gone = after(e.message, "create Pod "), after(e.message, "delete Pod ")
	}
	switch {
	case string(e.reason) == "SuccessfulCreate" && isObjectName(made) && isObjectName(e.name):
		t.tell(e.last)
		t.pass(e.last)
		t.placed = true
		t.made(e, made)
	case string(e.reason) == "SuccessfulDelete" && isObjectName(gone):
		t.tell(e.last)
		t.pass(e.last)
		t.ends(podHash(e.namespace, gone), 0, e.last)
	default:
		t.skip(skipOtherEvent)
	}
}

// isJobEnd is whether a Job's event tells that it is over: Completed, or why it failed, as
// the reason of its condition has it.
func isJobEnd(reason string) bool {
	switch reason {
	case "Completed", "BackoffLimitExceeded", "DeadlineExceeded", "FailedIndexes", "MaxFailedIndexesExceeded", "PodFailurePolicy":
		return true
	}
	return false
}

func (t *tally) made(e *lineEvent, name []byte) {
	key := podHash(e.namespace, name)
	y := t.young[key]
	if y == nil {
		// Of a pod that is known as running this is old news, but where names come again.
		if r, ok := t.running[key]; ok {
			if string(e.kind) != "StatefulSet" || e.last <= r.began {
				t.place(key, r.uid, e.last)
				return
			}
			t.forget(key, r)
			t.lost++
		} else if string(e.kind) != "StatefulSet" && t.hasEnded(key) {
			return
		}
		y = t.newPod(key, 0, t.held(e.namespace), string(name), e.last)
	}
	y.kind, y.owner = t.held(e.kind), string(e.name)
	if !y.placed {
		y.placed, y.made = true, e.last
	}
	if string(e.kind) == "Job" && !y.ofJob {
		y.ofJob = true
		job := podHash(e.namespace, e.name)
		t.jobs[job] = append(t.jobs[job], key)
	}
}

// settle counts a pod of which all is known that will be.
func (t *tally) settle(key uint64) {
	y := t.young[key]
	if y == nil {
		return
	}
	delete(t.young, key)
	app, kind := guessApp(y.namespace, y.name), ""
	if y.owner != "" {
		app, kind = guessOwned(y.namespace, y.kind, y.owner), rootKind(y.kind, y.owner)
	}
	s := t.set(app, kind, y.images, setKey{}, y.made)
	if s == nil {
		return
	}
	s.start(y.made, y.placed, t.placed)
	if y.node != "" && !isVirtualName(y.node) {
		s.onNode(y.node, 1)
	}
	if len(t.running) >= maxLivePods {
		t.forgetOld()
	}
	began := y.began
	if began == 0 {
		began = y.made
	}
	t.running[key] = runningPod{y.uid, s, y.on, began, y.placed}
	if y.ended > 0 {
		t.ends(key, 0, y.ended)
	}
}

// ends counts how long a pod ran, and forgets it.
func (t *tally) ends(key, uid uint64, at int64) {
	// One whose images are not all known waits, so that starts count in order of time.
	if y := t.young[key]; y != nil && (uid == 0 || y.uid == 0 || y.uid == uid) {
		if y.ended == 0 {
			y.ended = at
			if y.on != nil {
				y.on.live--
				y.on = nil
			}
		}
		return
	}
	r, ok := t.running[key]
	if !ok || uid != 0 && r.uid != 0 && r.uid != uid {
		return
	}
	if at >= r.began {
		r.set.runtimes.add(time.Duration(at-r.began) * time.Second)
	}
	t.forget(key, r)
}

func (t *tally) forget(key uint64, r runningPod) {
	if r.node != nil {
		r.node.live--
	}
	delete(t.running, key)
	t.remember(key)
	if r.uid != 0 {
		t.remember(r.uid)
	}
}

// remember keeps a pod, or its name, as of one that ended.
func (t *tally) remember(id uint64) {
	if len(t.ended) >= rememberedPods {
		t.ended, t.before = map[uint64]struct{}{}, t.ended
	}
	t.ended[id] = struct{}{}
}

func (t *tally) hasEnded(id uint64) bool {
	_, newer := t.ended[id]
	_, older := t.before[id]
	return newer || older
}

// place counts a running pod as made at a time, where that is told only now, as in a
// file that is read after a later one.
func (t *tally) place(key, uid uint64, at int64) {
	r, ok := t.running[key]
	if !ok || r.placed || uid != 0 && r.uid != 0 && r.uid != uid {
		return
	}
	r.placed = true
	t.running[key] = r
	r.set.other.take(at)
	r.set.placed.add(at)
	r.set.burst.add(at, 1)
}

// forgetOld forgets the pods that have run longest: their end was not told, or will be of
// no app that starts often.
func (t *tally) forgetOld() {
	for age := int64(30 * 24 * hourSeconds); len(t.running) > maxLivePods*3/4; age /= 2 {
		for key, r := range t.running {
			if t.clock-r.began >= age {
				t.forget(key, r)
				t.lost++
			}
		}
	}
	isGone := func(key uint64) bool {
		_, runs := t.running[key]
		return !runs && t.young[key] == nil
	}
	maps.DeleteFunc(t.jobs, func(_ uint64, pods []uint64) bool {
		return !slices.ContainsFunc(pods, func(key uint64) bool { return !isGone(key) })
	})
}

// set is where the starts of a controller with these images, and of the size that the key
// has, are counted; nil where there are too many.
func (t *tally) set(app nameGuess, kind string, images []tallyImage, key setKey, at int64) *tallySet {
	if a := t.apps[app.whole()]; app.end != "" && a != nil && a.isNamed {
		app = nameGuess{root: app.whole()} // a controller of that name is told of
	}
	a := t.apps[app.root]
	if a == nil {
		if len(t.apps) >= maxTallyApps {
			t.skip(skipManyApps)
			return nil
		}
		a = &tallyApp{sets: map[setKey]*tallySet{}}
		t.apps[app.root] = a
	}
	a.tell(app)
	if kind != "" {
		a.kind = kind
	}
	repositories := make([]string, 0, 8)
	for _, i := range images {
		repositories = append(repositories, repositoryOf(i.reference))
	}
	slices.Sort(repositories)
	key.repositories = strings.Join(slices.Compact(repositories), " ")
	s := a.sets[key]
	if s == nil {
		s = &tallySet{}
		a.sets[key] = s
	}
	s.see(images, at)
	return s
}
