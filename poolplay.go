package cachebench

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// poolPlay is what happens on the node pools, at a time up to which it was played.
type poolPlay struct {
	job   *Job
	pools []nodePool
	// placements are of the pools.
	placements []*placement
	versions   *versions
	apps       []pooledApp
	// users are the apps on pools that need each image.
	users map[int][]int
	// counter, where not nil, is told what nodes lack of what is started there.
	counter *pullCounter
	// later are the events from the window's beginning on; all that go on from one play
	// have the same.
	later *laterEvents
}

// laterEvents are those of each length of window, kept for whoever simulates it again: its
// starts and releases, or of bursts all later releases. Where they are too many there is none.
type laterEvents struct {
	lock sync.Mutex
	kept map[time.Duration][]workload.Event
}

// coming are the events of the window, and of bursts those in place of its starts.
func (w *poolPlay) coming() iter.Seq[workload.Event] {
	s := w.job.Scenario
	begin, end, onlyReleases := s.WindowStart, s.WindowStart+s.window(), len(s.Bursts) > 0
	length := s.window()
	if onlyReleases {
		length, end = -1, workload.Month
	}
	w.later.lock.Lock()
	defer w.later.lock.Unlock()
	events, known := w.later.kept[length]
	if !known {
		events = []workload.Event{}
		for e := range w.job.events(isPooled) {
			if e.At >= end {
				break
			}
			if e.At < begin || onlyReleases && !e.Release {
				continue
			}
			if events = append(events, e); float64(len(events)) > keptEvents {
				events = nil
				break
			}
		}
		w.later.kept[length] = events
	}
	switch {
	case events == nil:
		return w.job.simulated(isPooled)
	case onlyReleases:
		return among(slices.Values(events), s.burstEvents(w.job, isPooled))
	}
	return slices.Values(events)
}

// pooledApp is an app of the job as it starts on a pool.
type pooledApp struct {
	// pool is the place of its pool, unless it has none.
	pool int
	// images are those of the Inventory, of which start has the versions that there
	// are now; a release is of released.
	images   []int
	released int
	start    simulate.Start
}

// warmPools plays the starts on node pools until the window, once for all arms, so
// that nodes are in use alike in all. It is nil where no app is on a pool.
func (j *Job) warmPools(ctx context.Context) (*poolPlay, error) {
	if j.warm != nil {
		return j.warm, nil
	}
	w, err := j.newPoolPlay()
	if err != nil || w == nil {
		return nil, err
	}
	if err := w.warmUp(ctx); err != nil {
		return nil, err
	}
	j.warm = w
	return w, nil
}

// newPoolPlay are the node pools with fresh nodes, a warm-up before the window; nil
// where no app is on a pool.
func (j *Job) newPoolPlay() (*poolPlay, error) {
	pools, err := j.pools()
	if err != nil || len(pools) == 0 {
		return nil, err
	}
	s := j.Scenario
	w := &poolPlay{
		job: j, pools: pools, placements: make([]*placement, len(pools)),
		versions: j.newVersions(s.WindowStart + s.window()), apps: make([]pooledApp, len(j.Workload.Apps)), users: make(map[int][]int), later: &laterEvents{kept: make(map[time.Duration][]workload.Event)},
	}
	for i := range w.apps {
		app := &j.Workload.Apps[i]
		if !isPooled(app) {
			continue
		}
		start := j.start(app)
		start.NodeClass = j.Workload.Pool(app.NodePool).NodeClass
		w.apps[i] = pooledApp{
			pool:   slices.IndexFunc(pools, func(p nodePool) bool { return p.Name == app.NodePool }),
			images: start.Images, released: j.first(app), start: start,
		}
		for _, image := range start.Images {
			w.users[image] = append(w.users[image], i)
		}
	}
	images := newImageLayers(w.versions.inv)
	for k := range pools {
		if err := pools[k].bounded(); err != nil {
			return nil, err
		}
		w.placements[k] = newPlacement(pools[k].NodePool, pools[k].class, images, &pools[k].setup, -warmUp, s.WindowStart)
	}
	return w, nil
}

// warmUp plays what comes before the window, or so much that the counter has enough.
func (w *poolPlay) warmUp(ctx context.Context) error {
	n := 0
	for e := range w.job.simulated(isPooled) {
		if e.At >= w.job.Scenario.WindowStart {
			break
		}
		if n++; n%4096 == 0 && ctx.Err() != nil {
			return fmt.Errorf("place starts on node pools: %w", ctx.Err())
		}
		if !e.Release {
			if w.place(&e); w.counter.enough() {
				return nil
			}
			continue
		}
		// Before the window a release only makes what nodes hold of the older version
		// of no more use.
		w.of(&e).advance(e.At)
		released := w.apps[e.App].released
		w.counter.released(released, released, e.At)
		for _, p := range w.placements {
			p.disks.release(released)
		}
	}
	for _, p := range w.placements {
		p.advance(w.job.Scenario.WindowStart)
		p.crowded = 0
	}
	return nil
}

// of is the placement of an event's app.
func (w *poolPlay) of(e *workload.Event) *placement { return w.placements[w.apps[e.App].pool] }

func (w *poolPlay) clone() *poolPlay {
	c := *w
	c.placements = make([]*placement, len(w.placements))
	for k, p := range w.placements {
		c.placements[k] = p.clone()
	}
	c.versions, c.apps = w.versions.clone(), slices.Clone(w.apps)
	return &c
}

// place puts a start on a node and returns it.
func (w *poolPlay) place(e *workload.Event) *simulate.Start {
	start := &w.apps[e.App].start
	start.Node = w.of(e).place(&w.job.Workload.Apps[e.App], start.Images, e.At)
	start.Requested = e.At - w.job.Scenario.WindowStart
	return start
}

// release makes the next version of an app's first image that which is asked for.
func (w *poolPlay) release(e *workload.Event) {
	w.of(e).advance(e.At)
	w.counter.released(w.apps[e.App].released, w.versions.next[0], e.At)
	w.versions.release(w.apps[e.App].released)
	for _, i := range w.users[w.apps[e.App].released] {
		w.apps[i].start.Images = w.versions.of(w.apps[i].images)
	}
}

// pooled is what happens on the node pools in the window of one arm.
type pooled struct {
	// inv is the Inventory with the images that releases bring within the window.
	inv *layers.Inventory
	// starts are in order of time. They are made anew each time that they are gone
	// through, by several goroutines at once too; none is good after the next. They
	// are nil where no app is on a pool.
	starts iter.Seq[*simulate.Start]
	nodes  []simulate.NewNode

	lock sync.Mutex
	// crowded counts the window's starts for which a pool had no room, by its name,
	// once they have been gone through.
	crowded map[string]int
}

// onPools places the starts of apps on node pools. In arm cold the nodes are fresh
// when the window begins, in the others they hold what has been left on them.
func (j *Job) onPools(ctx context.Context, arm string) (*pooled, error) {
	out := &pooled{inv: j.Inventory}
	warm, err := j.warmPools(ctx)
	if err != nil || warm == nil {
		return out, err
	}
	out.inv = warm.versions.inv
	begin := warm.clone()
	begin.job = j // warm may be that of another scenario, which differs in what comes later
	end := j.Scenario.window()
	for k, p := range begin.placements {
		nodes := p.begins(&begin.pools[k], arm, end)
		begin.pullAhead(k, nodes)
		out.nodes = append(out.nodes, nodes...)
		out.nodes = append(out.nodes, p.renewals(&begin.pools[k], end)...)
	}
	out.starts = func(yield func(*simulate.Start) bool) {
		w := begin.clone()
		if w.play(yield) {
			out.lock.Lock()
			defer out.lock.Unlock()
			out.crowded = w.crowded()
		}
	}
	return out, nil
}

// play plays the window; false where it was stopped.
func (w *poolPlay) play(yield func(*simulate.Start) bool) bool {
	s := w.job.Scenario
	for e := range w.coming() {
		switch {
		case e.At < s.WindowStart:
		case e.At >= s.WindowStart+s.window():
			return true
		case e.Release:
			w.release(&e)
		case !yield(w.place(&e)):
			return false
		}
	}
	return true
}

func (w *poolPlay) crowded() map[string]int {
	crowded := make(map[string]int)
	for _, p := range w.placements {
		if p.crowded > 0 {
			crowded[p.pool.Name] = p.crowded
		}
	}
	return crowded
}

// begins are the nodes of a pool at the window's beginning, which lasts until end.
// In arm cold they are made then.
func (p *placement) begins(pool *nodePool, arm string, end time.Duration) []simulate.NewNode {
	if arm == simulate.ArmCold {
		p.empty()
	}
	nodes := make([]simulate.NewNode, len(p.nodes))
	inUse := p.running()
	for i := range p.nodes {
		nodes[i] = simulate.NewNode{Name: p.nodes[i].name, NodeClass: p.pool.NodeClass, Until: p.endOf(i, end), Setup: &pool.setup}
		if arm != simulate.ArmCold {
			// Its daemons are in use and find their images.
			nodes[i].Up = true
			nodes[i].Setup = &simulate.NodeSetup{Daemon: pool.setup.Daemon, Held: p.disks.disks[i].byUse(func(placedImage) bool { return true }), InUse: inUse[i]}
			nodes[i].Renewed = &pool.setup
		}
	}
	return nodes
}

// pullAhead gives the nodes of a pool the images of the apps that are pulled ahead.
func (w *poolPlay) pullAhead(pool int, nodes []simulate.NewNode) {
	var images []int
	for i := range w.apps {
		app := &w.job.Workload.Apps[i]
		if !isPooled(app) || w.apps[i].pool != pool || !slices.Contains(w.job.Scenario.PulledAhead, app.Name) {
			continue
		}
		for _, image := range w.apps[i].start.Images {
			if !slices.Contains(images, image) {
				images = append(images, image)
			}
		}
	}
	if len(images) == 0 {
		return
	}
	p := w.placements[pool]
	for i := range nodes {
		for _, image := range images {
			p.use(i, image, 1)
		}
		p.disks.evict(i)
		setup := *nodes[i].Setup
		held := images
		if nodes[i].Up {
			held = p.disks.disks[i].byUse(func(placedImage) bool { return true })
		}
		setup.Held = slices.Concat(slices.DeleteFunc(slices.Clone(setup.Held), func(image int) bool { return nodes[i].Up || slices.Contains(images, image) }), held)
		setup.InUse = slices.Concat(setup.InUse, []simulate.Use{{Images: images, Until: 12 * workload.Month}})
		nodes[i].Setup = &setup
		if nodes[i].Renewed == nil {
			nodes[i].Renewed = &w.pools[pool].setup
		}
	}
}

// running are the starts that run on each node, with their ends counted from the
// window's beginning, and the images of them that the node still holds.
func (p *placement) running() [][]simulate.Use {
	uses := make([][]simulate.Use, len(p.nodes))
	runs := slices.Clone(p.runs.All())
	slices.SortFunc(runs, func(a, b run) int { return cmp.Compare(a.serial, b.serial) })
	for _, r := range runs {
		if r.life != p.nodes[r.node].life {
			continue
		}
		disk := &p.disks.disks[r.node]
		images := slices.DeleteFunc(slices.Clone(r.images), func(image int) bool {
			x := disk.held.Find(int32(image))
			return x == nil || x.used == 0
		})
		if len(images) > 0 {
			uses[r.node] = append(uses[r.node], simulate.Use{Images: images, Until: r.end - p.begin})
		}
	}
	return uses
}

// renewals are the nodes that are new within the window, which lasts until end.
func (p *placement) renewals(pool *nodePool, end time.Duration) []simulate.NewNode {
	var nodes []simulate.NewNode
	for k := 0; p.step > 0 && time.Duration(k+1)*p.step < end; k++ {
		number := len(p.nodes) + k
		nodes = append(nodes, simulate.NewNode{
			Name: nodeName(p.pool, number+1), NodeClass: p.pool.NodeClass, At: time.Duration(k+1) * p.step, Until: p.endOf(number, end), Setup: &pool.setup,
		})
	}
	return nodes
}

// endOf is when the i-th node ends, counted from 0 and from the first at the
// window's beginning; 0 if not within the window.
func (p *placement) endOf(i int, end time.Duration) time.Duration {
	if at := time.Duration(i+1) * p.step; at < end {
		return at
	}
	return 0
}

func nodeName(pool *workload.NodePool, number int) string {
	return fmt.Sprintf("%s/%d", pool.Name, number)
}
