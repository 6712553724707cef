// Package clusterhistory makes up histories of a cluster's events, seeded, and knows what is
// in them: tests and make bench-import read them.
//
// A history is that of Deployments whose pods start at a daily rhythm, on nodes that keep
// images, with roll-outs of new tags and nightly bursts. Its messages are the kubelet's and
// the controllers', in the forms in which kube-eventer's sinks write them; most of its
// events are about something else, as most of a cluster's are.
package clusterhistory

import (
	"bufio"
	"container/heap"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Options say what a history is like.
type Options struct {
	Seed uint64
	// Apps and Nodes are how many there are; 0 takes 200 and 100.
	Apps, Nodes int
	// StartsPerDay is the mean of all apps together, besides bursts; 0 takes 20,000.
	StartsPerDay float64
	// Bytes and Days end the history, whichever comes first; 0 is without that end.
	Bytes int64
	Days  float64
	// Wrapped: each event stands as indented text in a line of a log service.
	Wrapped bool
	Begin   time.Time
	// Pools are the nodes' instead of Nodes, whose nodes live for ever: the n-th app runs on
	// the n-th pool, and from the first again.
	Pools []Pool
}

// Pool is a set of like nodes.
type Pool struct {
	Name string
	// Nodes is how many there are at a time: where one goes, another comes at once.
	Nodes int
	// LifetimeHours is the mean; 0 is for ever. Lives are between it times 1-Spread and times
	// 1+Spread, each as likely as the others, and began long before the history.
	LifetimeHours, Spread float64
	// Placement is how a start chooses its node: spread (the one with the fewest pods),
	// pack (the one with the most that has less than PodsPerNode), else any.
	Placement   string
	PodsPerNode int
	// Silent: no event tells that a node came or went.
	Silent bool
	// Carries: new nodes hold the first image of each app, as it was when the history began.
	Carries bool
}

// PoolTruth is what a pool did.
type PoolTruth struct {
	// Came and Went count the nodes that did within the history.
	Came, Went int
	// LifeHours are the lives of those that went in it, wherever they began, together.
	LifeHours float64
}

// Truth is what is in a history.
type Truth struct {
	Apps  []AppTruth
	Pools []PoolTruth
	// Bytes and Events count what was written.
	Bytes  int64
	Events int
	// From and To are the first and the last time in it.
	From, To time.Time
}

// AppTruth is what an app did.
type AppTruth struct {
	// Name is namespace/Deployment.
	Name   string
	Images []string
	// Starts are all that were made, InBursts those of bursts among them; Bursts counts
	// those.
	Starts, InBursts, Bursts int
	Releases                 int
	// Ended pods ran for RunSeconds together, from their container's start on.
	Ended      int
	RunSeconds int64
}

// BurstPods is how many pods a nightly burst starts.
const BurstPods = 40

type app struct {
	truth           *AppTruth
	namespace, name string
	share           float64 // of the starts
	runtime         time.Duration
	pool            *pool // nil is of all nodes
	tag             int
	bursts          bool
	replicaSet      string
}

type pool struct {
	*Pool
	truth *PoolTruth
	nodes []*node
	made  int
}

// node is one that is there.
type node struct {
	name  string
	since int64
	held  map[string]bool // images
	pods  []*pod
}

// pod is one that runs.
type pod struct {
	end   func(at int64)
	ended bool
}

// pending is an event that is yet to come.
type pending struct {
	at    int64
	order int
	do    func(at int64)
}

type queue []pending

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(pending)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

type history struct {
	Options
	out   *bufio.Writer
	rng   *rand.Rand
	queue queue
	order int
	apps  []*app
	nodes []*node
	pools []*pool
	truth *Truth
	pods  int
	err   error
}

// Write writes a history.
func Write(w io.Writer, opt Options) (*Truth, error) {
	if opt.Apps == 0 {
		opt.Apps = 200
	}
	if opt.Nodes == 0 {
		opt.Nodes = 100
	}
	if opt.StartsPerDay == 0 {
		opt.StartsPerDay = 20_000
	}
	if opt.Begin.IsZero() {
		opt.Begin = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC) // a Monday
	}
	if opt.Bytes == 0 && opt.Days == 0 {
		return nil, fmt.Errorf("a history without an end: give Bytes or Days")
	}
	h := &history{Options: opt, out: bufio.NewWriterSize(w, 1<<20), rng: rand.New(rand.NewPCG(opt.Seed, 7)), truth: &Truth{Apps: make([]AppTruth, opt.Apps)}}
	h.setUp()
	end := int64(math.MaxInt64)
	if opt.Days > 0 {
		end = opt.Begin.Unix() + int64(opt.Days*86400)
	}
	for h.err == nil && h.queue.Len() > 0 && (opt.Bytes == 0 || h.truth.Bytes < opt.Bytes) {
		p := heap.Pop(&h.queue).(pending)
		if p.at > end {
			break
		}
		p.do(p.at)
	}
	if h.err == nil {
		h.err = h.out.Flush()
	}
	return h.truth, h.err
}

func (h *history) setUp() {
	begin := h.Begin.Unix()
	for n := range h.Nodes {
		h.nodes = append(h.nodes, &node{name: fmt.Sprintf("node-%d", n), held: map[string]bool{}})
	}
	h.truth.Pools = make([]PoolTruth, len(h.Pools))
	for n := range h.Pools {
		p := &pool{Pool: &h.Pools[n], truth: &h.truth.Pools[n]}
		h.pools = append(h.pools, p)
		for k := range p.Nodes {
			h.firstNode(p, k, begin)
		}
	}
	total := 0.0
	for n := range h.Apps {
		total += 1 / float64(n+1)
	}
	for n := range h.Apps {
		a := &app{
			truth: &h.truth.Apps[n], namespace: fmt.Sprintf("team-%d", n%12), name: fmt.Sprintf("service-%d", n),
			share: 1 / float64(n+1) / total, runtime: time.Duration(20+n%50) * time.Minute, bursts: n%10 == 3, tag: 1,
		}
		if len(h.pools) > 0 {
			a.pool = h.pools[n%len(h.pools)]
		}
		a.truth.Name = a.namespace + "/" + a.name
		h.release(a)
		h.apps = append(h.apps, a)
		h.next(a, begin)
		if a.bursts {
			h.after(begin+2*3600+int64(n), func(at int64) { h.burst(a, at) })
		}
		if n%4 == 0 {
			h.after(begin+int64(h.rng.IntN(86400)), func(at int64) { h.rollOut(a, at) })
		}
	}
}

func (h *history) after(at int64, do func(at int64)) {
	h.order++
	heap.Push(&h.queue, pending{at, h.order, do})
}

// rhythm is the rate at a time of day, in the mean 1.
func rhythm(at int64) float64 { return 1 + 0.8*math.Sin(2*math.Pi*(float64(at%86400)/86400-0.375)) }

// next plans an app's next start.
func (h *history) next(a *app, from int64) {
	gap := h.rng.ExpFloat64() * 86400 / (h.StartsPerDay * a.share) / 1.8
	at := from + 1 + int64(gap)
	h.after(at, func(at int64) {
		if h.rng.Float64() < rhythm(at)/1.8 {
			h.start(a, at, false)
		}
		h.next(a, at)
	})
}

// firstNode lets the lives of the nodes of a place pass until the history begins.
func (h *history) firstNode(p *pool, place int, begin int64) {
	at := begin
	if p.LifetimeHours > 0 {
		at = begin - int64((20+h.rng.Float64())*p.LifetimeHours*3600)
	}
	for {
		life := h.life(p)
		if life == 0 || at+life > begin {
			h.newNode(p, place, at, life)
			return
		}
		at += life
	}
}

// life draws how long a node lives, in seconds; 0 is for ever.
func (h *history) life(p *pool) int64 {
	if p.LifetimeHours == 0 {
		return 0
	}
	return int64(p.LifetimeHours * 3600 * (1 + p.Spread*(2*h.rng.Float64()-1)))
}

func (h *history) newNode(p *pool, place int, at, life int64) {
	p.made++
	n := &node{name: fmt.Sprintf("%s-%d", p.Name, p.made), since: at, held: map[string]bool{}}
	if p.Carries {
		for k := range h.Apps {
			n.held[firstImage(k)] = true
		}
	}
	if place == len(p.nodes) {
		p.nodes = append(p.nodes, n)
	} else {
		p.nodes[place] = n
	}
	if life == 0 {
		return
	}
	h.after(at+life, func(at int64) {
		for _, pod := range n.pods {
			if !pod.ended {
				pod.end(at)
			}
		}
		p.truth.Went++
		p.truth.LifeHours += float64(at-n.since) / 3600
		p.truth.Came++
		h.nodeEvent(p, n.name, at, "RemovingNode", fmt.Sprintf("Node %s event: Removing Node %s from Controller", n.name, n.name))
		h.newNode(p, place, at, h.life(p))
		name := p.nodes[place].name
		h.nodeEvent(p, name, at, "Starting", "Starting kubelet.")
		h.nodeEvent(p, name, at, "RegisteredNode", fmt.Sprintf("Node %s event: Registered Node %s in Controller", name, name))
	})
}

func (h *history) nodeEvent(p *pool, name string, at int64, reason, message string) {
	if p.Silent {
		return
	}
	h.event(at, "default", fmt.Sprintf(`{"kind":"Node","name":"%s","uid":"%s"}`, name, name), reason, message, "node-controller", "")
}

// choose is the node of an app's next pod.
func (h *history) choose(a *app) *node {
	if a.pool == nil {
		return h.nodes[h.rng.IntN(len(h.nodes))]
	}
	nodes := a.pool.nodes
	best := nodes[h.rng.IntN(len(nodes))]
	for _, n := range nodes {
		n.pods = slices.DeleteFunc(n.pods, func(p *pod) bool { return p.ended })
	}
	for _, n := range nodes {
		switch {
		case a.pool.Placement == "spread" && len(n.pods) < len(best.pods),
			a.pool.Placement == "pack" && len(n.pods) < a.pool.PodsPerNode && (len(n.pods) > len(best.pods) || len(best.pods) >= a.pool.PodsPerNode):
			best = n
		}
	}
	return best
}

func (h *history) burst(a *app, at int64) {
	a.truth.Bursts++
	for n := range BurstPods {
		h.after(at+int64(n), func(at int64) { h.start(a, at, true) })
	}
	h.after(at+86400, func(at int64) { h.burst(a, at) })
}

func (h *history) rollOut(a *app, at int64) {
	a.truth.Releases++
	a.tag++
	h.release(a)
	h.after(at+3*86400, func(at int64) { h.rollOut(a, at) })
}

const letters = "bcdfghjklmnpqrstvwxz2456789"

func (h *history) random(n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(letters[h.rng.IntN(len(letters))])
	}
	return b.String()
}

// firstImage is that of the n-th app when a history begins.
func firstImage(n int) string { return fmt.Sprintf("registry.example.com/service-%d:1.0", n) }

func (h *history) release(a *app) {
	a.replicaSet = a.name + "-" + h.random(10)
	a.truth.Images = []string{fmt.Sprintf("registry.example.com/%s:%d.0", a.name, a.tag)}
}

// start begins a pod.
func (h *history) start(a *app, at int64, inBurst bool) {
	h.pods++
	name := a.replicaSet + "-" + h.random(5)
	uid := fmt.Sprintf("%08x-0000-4000-8000-%012x", h.pods, h.Seed)
	on := h.choose(a)
	host := on.name
	image := a.truth.Images[0]
	a.truth.Starts++
	if inBurst {
		a.truth.InBursts++
	}
	about := func(kind, name, uid, field string) string {
		return fmt.Sprintf(`{"kind":"%s","namespace":"%s","name":"%s","uid":"%s","apiVersion":"v1","resourceVersion":"%d","fieldPath":"%s"}`, kind, a.namespace, name, uid, h.pods, field)
	}
	h.event(at, a.namespace, about("ReplicaSet", a.replicaSet, "", ""), "SuccessfulCreate", "Created pod: "+name, "replicaset-controller", "")
	h.event(at, a.namespace, about("Pod", name, uid, ""), "Scheduled", fmt.Sprintf("Successfully assigned %s/%s to %s", a.namespace, name, host), "default-scheduler", "")
	container := about("Pod", name, uid, "spec.containers{main}")
	began := at + 2
	if on.held[image] {
		h.event(at+1, a.namespace, container, "Pulled", fmt.Sprintf("Container image %q already present on machine", image), "kubelet", host)
	} else {
		on.held[image] = true
		if len(on.held) > 400 { // as a kubelet removes images
			clear(on.held)
		}
		took := 1 + h.rng.Float64()*9
		h.event(at+1, a.namespace, container, "Pulling", fmt.Sprintf("Pulling image %q", image), "kubelet", host)
		began = at + 2 + int64(took)
		size := 30_000_000 + 1000*int64(took*10000)
		h.after(began-1, func(at int64) {
			h.event(at, a.namespace, container, "Pulled", fmt.Sprintf("Successfully pulled image %q in %.3fs (%.3fs including waiting). Image size: %d bytes.", image, took-0.5, took-0.5, size), "kubelet", host)
		})
	}
	running := &pod{}
	if a.pool != nil {
		on.pods = append(on.pods, running)
	}
	h.after(began, func(at int64) {
		if running.ended {
			return
		}
		h.event(at, a.namespace, container, "Created", "Created container: main", "kubelet", host)
		h.event(at, a.namespace, container, "Started", "Started container main", "kubelet", host)
	})
	end := began + int64(a.runtime.Seconds()*(0.5+h.rng.Float64()))
	for n := 0; n < h.rng.IntN(4); n++ {
		h.after(began+int64(h.rng.Float64()*float64(end-began)), func(at int64) {
			if running.ended {
				return
			}
			h.event(at, a.namespace, container, "Unhealthy", `Readiness probe failed: Get "http://10.0.0.1:8080/ready": context deadline exceeded`, "kubelet", host)
		})
	}
	replicaSet := a.replicaSet
	running.end = func(at int64) {
		running.ended = true
		a.truth.Ended++
		a.truth.RunSeconds += max(0, at-began)
		h.event(at, a.namespace, container, "Killing", "Stopping container main", "kubelet", host)
		h.event(at, a.namespace, about("ReplicaSet", replicaSet, "", ""), "SuccessfulDelete", "Deleted pod: "+name, "replicaset-controller", "")
	}
	h.after(end, func(at int64) {
		if !running.ended {
			running.end(at)
		}
	})
}

// event writes an event.
func (h *history) event(at int64, namespace, about, reason, message, component, host string) {
	if h.err != nil {
		return
	}
	t := time.Unix(at, 0).UTC()
	stamp := t.Format(time.RFC3339)
	quoted, err := json.Marshal(message)
	if err != nil {
		h.err = err
		return
	}
	h.truth.Events++
	name := fmt.Sprintf("e.%016x", h.truth.Events)
	text := fmt.Appendf(nil, `{"metadata":{"name":"%s","namespace":"%s","uid":"%08x-1111-4000-8000-000000000000","resourceVersion":"%d","creationTimestamp":"%s","managedFields":[{"manager":"%s","operation":"Update","apiVersion":"v1","time":"%s","fieldsType":"FieldsV1","fieldsV1":{"f:count":{},"f:firstTimestamp":{},"f:involvedObject":{},"f:lastTimestamp":{},"f:message":{},"f:reason":{},"f:source":{"f:component":{},"f:host":{}},"f:type":{}}}]},"involvedObject":%s,"reason":"%s","message":%s,"source":{"component":"%s","host":"%s"},"firstTimestamp":"%s","lastTimestamp":"%s","count":1,"type":"Normal","eventTime":null,"reportingComponent":"%s","reportingInstance":"%s"}`,
		name, namespace, h.truth.Events, h.truth.Events, stamp, component, stamp, about, reason, quoted, component, host, stamp, stamp, component, host)
	if h.Wrapped {
		inner, err := json.Marshal(string(text))
		if err != nil {
			h.err = err
			return
		}
		text = fmt.Appendf(nil, `{"eventId":%s,"hostname":"%s","level":"Normal","__time__":%d,"__topic__":"","__source__":"10.0.0.9"}`, inner, host, at)
	}
	text = append(text, '\n')
	_, h.err = h.out.Write(text)
	h.truth.Bytes += int64(len(text))
	if h.truth.From.IsZero() {
		h.truth.From = t
	}
	h.truth.To = t
}
