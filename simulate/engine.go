package simulate

import (
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/simulate/unpack"
)

// engine runs one repeat: a queue of events in virtual time, the flows of the
// network and the unpacks of the nodes.
type engine struct {
	w      *world
	opt    Options
	repeat int
	now    time.Duration
	queue  events
	serial int
	net    network.Network
	shared []network.Link // registry and uplink
	flows  map[network.Flow]func()
	nodes  map[string]*node
	// unpacking are the nodes with work for their cores, in order of first use.
	unpacking []*node
	tasks     map[taskKey]func()
	// admitted is the token bucket's theoretical arrival time (GCRA), requests
	// the time from which the registry begins the next request.
	admitted, requests time.Duration
	startups           []Startup
	finished           int
}

type taskKey struct {
	node *node
	task unpack.Task
}

type event struct {
	at     time.Duration
	serial int // events of one instant happen in the order in which they were set
	run    func()
}

type events []event

func (q events) Len() int { return len(q) }
func (q events) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].serial < q[j].serial
}
func (q events) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *events) Push(x any)   { *q = append(*q, x.(event)) }
func (q *events) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

func (w *world) run(ctx context.Context, opt Options, repeat int) ([]Startup, error) {
	e := &engine{
		w: w, opt: opt, repeat: repeat,
		flows: map[network.Flow]func(){}, nodes: map[string]*node{}, tasks: map[taskKey]func(){},
		startups: make([]Startup, len(w.starts)),
	}
	e.shared = []network.Link{
		e.net.AddLink(typical(&w.profile.Network.Registry)),
		e.net.AddLink(typical(&w.profile.Network.Uplink)),
	}
	order := make([]int, len(w.starts))
	for i := range order {
		order[i] = i
	}
	// Starts of one instant are served by name, so that the order of the input
	// changes nothing.
	slices.SortStableFunc(order, func(i, j int) int { return compareStarts(&w.starts[i], &w.starts[j]) })
	for rank, i := range order {
		s := newStartup(e, i, rank)
		e.at(w.starts[i].Requested, s.request)
	}
	if err := e.loop(ctx); err != nil {
		return nil, err
	}
	if e.finished != len(w.starts) {
		return nil, fmt.Errorf("simulate: of %d starts %d became ready; this is a fault of cachebench, please report it with the scenario", len(w.starts), e.finished)
	}
	return e.startups, nil
}

// longest is more than any start takes; it keeps virtual time from overflowing.
const longest = 10 * 365 * 24 * time.Hour

func compareStarts(x, y *Start) int {
	return cmp.Or(cmp.Compare(x.Requested, y.Requested), cmp.Compare(x.App, y.App), cmp.Compare(x.Node, y.Node),
		slices.Compare(x.Images, y.Images), cmp.Compare(x.NodeClass, y.NodeClass), cmp.Compare(x.PullPolicy, y.PullPolicy),
		cmp.Compare(x.Runtime, y.Runtime), cmp.Compare(x.CacheID, y.CacheID), slices.Compare(x.Held, y.Held))
}

// at sets an event.
func (e *engine) at(t time.Duration, run func()) {
	e.serial++
	heap.Push(&e.queue, event{t, e.serial, run})
}

func (e *engine) after(d time.Duration, run func()) { e.at(e.now+d, run) }

// loop takes what happens first: of one instant, the end of a flow, then the
// end of an unpack, then events.
func (e *engine) loop(ctx context.Context) error {
	for step := 0; ; step++ {
		if step%1024 == 0 && ctx.Err() != nil {
			return fmt.Errorf("simulate: %w", ctx.Err())
		}
		const never = time.Duration(math.MaxInt64)
		flow, flowAt, _ := e.net.Next()
		n, task, taskAt := e.nextTask()
		eventAt := never
		if len(e.queue) > 0 {
			eventAt = e.queue[0].at
		}
		switch first := min(flowAt, taskAt, eventAt); {
		case first == never:
			return nil
		case first > longest:
			return fmt.Errorf("simulate: something takes more than %v: a rate is too low or a time too long", longest)
		case first == flowAt:
			e.now = flowAt
			e.endFlow(flow)
		case first == taskAt:
			e.now = taskAt
			e.endTask(n, task)
		default:
			e.now = eventAt
			heap.Pop(&e.queue).(event).run()
		}
	}
}

func (e *engine) nextTask() (n *node, task unpack.Task, at time.Duration) {
	at = math.MaxInt64
	for _, x := range e.unpacking {
		if t, end, ok := x.unpack.Next(); ok && end < at {
			n, task, at = x, t, end
		}
	}
	return n, task, at
}

func (e *engine) endFlow(f network.Flow) {
	e.net.Finish(e.now, f)
	run := e.flows[f]
	delete(e.flows, f)
	run()
}

func (e *engine) endTask(n *node, task unpack.Task) {
	n.unpack.Finish(e.now, task)
	key := taskKey{n, task}
	run := e.tasks[key]
	delete(e.tasks, key)
	if _, _, more := n.unpack.Next(); !more {
		e.unpacking = slices.DeleteFunc(e.unpacking, func(x *node) bool { return x == n })
	}
	run()
}

// transfer sends a blob to a node and calls done when it is there.
func (e *engine) transfer(n *node, bytes int64, cap network.Rate, done func()) {
	f := e.net.Start(e.now, bytes, cap, append(slices.Clone(e.shared), n.link)...)
	e.flows[f] = done
}

// unpackLayer unpacks a layer on a node and calls done when it is there.
func (e *engine) unpackLayer(n *node, l unpack.Layer, done func()) {
	task := n.unpack.Start(e.now, l)
	e.tasks[taskKey{n, task}] = done
	if !slices.Contains(e.unpacking, n) {
		e.unpacking = append(e.unpacking, n)
	}
}

// ask sends a request to the registry and calls answered at the first byte of
// the answer.
func (e *engine) ask(wait time.Duration, answered func()) {
	begin := e.now
	if rate := e.w.profile.Network.RegistryRequests.Value; !math.IsInf(rate, 1) {
		begin = max(begin, e.requests)
		e.requests = begin + time.Duration(math.Round(1e9/rate))
	}
	e.at(begin+wait, answered)
}

// admit returns when the service accepts a start requested now: a token bucket
// of the profile's burst and rate, in the form of the generic cell rate
// algorithm.
func (e *engine) admit() time.Duration {
	s := &e.w.profile.Start
	if math.IsInf(s.AdmitPerSecond.Value, 1) {
		return e.now
	}
	period := time.Duration(math.Round(1e9 / s.AdmitPerSecond.Value))
	at := max(e.now, e.admitted-time.Duration(s.AdmitBurst.Value-1)*period)
	e.admitted = max(e.now, e.admitted) + period
	return at
}

// random returns the stream of a draw, keyed by seed, repeat, start and what is
// drawn, so that arms share it and no other draw moves it.
func (e *engine) random(start int, what string) func() *rand.Rand {
	return func() *rand.Rand {
		h := fnv.New64a()
		var key [16]byte
		binary.LittleEndian.PutUint64(key[:8], uint64(e.repeat))
		binary.LittleEndian.PutUint64(key[8:], uint64(start))
		h.Write(key[:])
		h.Write([]byte(what))
		return rand.New(rand.NewPCG(e.opt.Seed, h.Sum64()))
	}
}
