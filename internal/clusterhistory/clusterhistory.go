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
}

// Truth is what is in a history.
type Truth struct {
	Apps []AppTruth
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
	tag             int
	bursts          bool
	replicaSet      string
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
	held  []map[string]bool // images by node
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
	for range h.Nodes {
		h.held = append(h.held, map[string]bool{})
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

func (h *history) release(a *app) {
	a.replicaSet = a.name + "-" + h.random(10)
	a.truth.Images = []string{fmt.Sprintf("registry.example.com/%s:%d.0", a.name, a.tag)}
}

// start begins a pod.
func (h *history) start(a *app, at int64, inBurst bool) {
	h.pods++
	pod := a.replicaSet + "-" + h.random(5)
	uid := fmt.Sprintf("%08x-0000-4000-8000-%012x", h.pods, h.Seed)
	node := h.rng.IntN(h.Nodes)
	host := fmt.Sprintf("node-%d", node)
	image := a.truth.Images[0]
	a.truth.Starts++
	if inBurst {
		a.truth.InBursts++
	}
	about := func(kind, name, uid, field string) string {
		return fmt.Sprintf(`{"kind":"%s","namespace":"%s","name":"%s","uid":"%s","apiVersion":"v1","resourceVersion":"%d","fieldPath":"%s"}`, kind, a.namespace, name, uid, h.pods, field)
	}
	h.event(at, a.namespace, about("ReplicaSet", a.replicaSet, "", ""), "SuccessfulCreate", "Created pod: "+pod, "replicaset-controller", "")
	h.event(at, a.namespace, about("Pod", pod, uid, ""), "Scheduled", fmt.Sprintf("Successfully assigned %s/%s to %s", a.namespace, pod, host), "default-scheduler", "")
	container := about("Pod", pod, uid, "spec.containers{main}")
	began := at + 2
	if h.held[node][image] {
		h.event(at+1, a.namespace, container, "Pulled", fmt.Sprintf("Container image %q already present on machine", image), "kubelet", host)
	} else {
		h.held[node][image] = true
		if len(h.held[node]) > 400 { // as a kubelet removes images
			clear(h.held[node])
		}
		took := 1 + h.rng.Float64()*9
		h.event(at+1, a.namespace, container, "Pulling", fmt.Sprintf("Pulling image %q", image), "kubelet", host)
		began = at + 2 + int64(took)
		size := 30_000_000 + 1000*int64(took*10000)
		h.after(began-1, func(at int64) {
			h.event(at, a.namespace, container, "Pulled", fmt.Sprintf("Successfully pulled image %q in %.3fs (%.3fs including waiting). Image size: %d bytes.", image, took-0.5, took-0.5, size), "kubelet", host)
		})
	}
	h.after(began, func(at int64) {
		h.event(at, a.namespace, container, "Created", "Created container: main", "kubelet", host)
		h.event(at, a.namespace, container, "Started", "Started container main", "kubelet", host)
	})
	end := began + int64(a.runtime.Seconds()*(0.5+h.rng.Float64()))
	for n := 0; n < h.rng.IntN(4); n++ {
		h.after(began+int64(h.rng.Float64()*float64(end-began)), func(at int64) {
			h.event(at, a.namespace, container, "Unhealthy", `Readiness probe failed: Get "http://10.0.0.1:8080/ready": context deadline exceeded`, "kubelet", host)
		})
	}
	replicaSet := a.replicaSet
	h.after(end, func(at int64) {
		a.truth.Ended++
		a.truth.RunSeconds += at - began
		h.event(at, a.namespace, container, "Killing", "Stopping container main", "kubelet", host)
		h.event(at, a.namespace, about("ReplicaSet", replicaSet, "", ""), "SuccessfulDelete", "Deleted pod: "+pod, "replicaset-controller", "")
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
