package simulate

import (
	"fmt"
	"time"

	"github.com/cachebench/cachebench/internal/segment"
	"github.com/cachebench/cachebench/internal/table"
	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/simulate/unpack"
)

// node is a machine whose pulls can meet: one that keeps its layers between
// starts, or an instance on which several layers are unpacked at once. An
// instance of its own on which they cannot meet has none (class.lane).
type node struct {
	// setup is what a node begins with that comes in its place when it is lost.
	setup  *NodeSetup
	name   string
	class  *class
	net    network.Node
	unpack unpack.Node
	// store is what it has or is about to have, by segment.
	store  table.Sparse[portion]
	bytes  int64
	images heldImages
	// unread are chains on a disk made from a snapshot, which is slow the first
	// time.
	unread map[int32]bool
	// gone are the layers that it had.
	gone gone
	// active are the pulls that know their layers, in order of their beginning.
	active []int32
	// free are the daemon's download slots, queue the pulls that wait for one.
	free  int64
	queue []int32
	// unpackSlots are the free ones of unpack.maxConcurrent, unpackLine the pulls
	// that wait for one.
	unpackSlots int64
	unpackLine  []int32
	// pulling counts the pulls that the node lets at once, turns are those that
	// wait for theirs.
	pulling int64
	turns   []int32
	// contenders are pulls that resolved at this instant and have not claimed yet.
	contenders []contender
	// underWay counts the startups on a named node that are not ready, its own pods
	// among them; it has ended when no start may ask for it any more.
	underWay int32
	ended    bool
	// up is when the node has booted; after a loss it begins to at lostUntil.
	up, lostUntil time.Duration
	// life counts the machines of its number, losses those of its name before it,
	// plans the changes of what is unpacked next.
	life, losses uint16
	plans        int32
	// fetching and fetchRate are what its unpacks were last told of transfers.
	fetching  bool
	fetchRate network.Rate
}

// NodeSetup is what a new node begins with.
type NodeSetup struct {
	// Daemon are the pods that every node runs, each a list of positions in the
	// Inventory: their images are pulled as soon as the node is up and compete
	// with those of the starts.
	Daemon [][]int
	// Held are images that the node has from the beginning, the one used longest
	// ago first. Baked ones are there too, on a disk made from a snapshot, whose
	// layers are read at cache.firstRead the first time.
	Held, Baked []int
	// InUse are starts that run on it already.
	InUse []Use
}

// Use is a start that runs on a node before the timeline begins. The node holds its
// images, which are not evicted until its end.
type Use struct {
	// Images are positions in the Inventory.
	Images []int
	// Until is its end, since the timeline's origin.
	Until time.Duration
}

// use lets starts run on a new node that are older than the timeline.
func (e *engine) use(id int32, uses []Use) error {
	n := e.nodes[id]
	for _, u := range uses {
		t, err := e.template(&Start{App: "in use", Images: u.Images, NodeClass: n.class.name, PullPolicy: "IfNotPresent"})
		if err != nil {
			return err
		}
		for _, image := range u.Images {
			n.hold(e, image, false)
			n.images.use(image)
		}
		if u.Until <= longest {
			e.setDeparture(max(0, u.Until-e.now), t, id)
		}
	}
	return nil
}

// setUp gives a new node what it begins with.
func (e *engine) setUp(id int32, setup *NodeSetup) error {
	n := e.nodes[id]
	if setup == nil {
		return nil
	}
	for _, image := range setup.Baked {
		n.hold(e, image, true)
	}
	for _, image := range setup.Held {
		n.hold(e, image, false)
	}
	if err := e.use(id, setup.InUse); err != nil {
		return err
	}
	for k, pod := range setup.Daemon {
		t, err := e.template(&Start{App: fmt.Sprint("daemon ", k+1), Images: pod, NodeClass: n.class.name, PullPolicy: "IfNotPresent"})
		if err != nil {
			return err
		}
		sid := e.startups.Take()
		s := e.startups.At(sid)
		rank := rankApart(fmt.Sprint(n.name, " ", k))
		*s = startup{
			requested: e.now, since: e.now, index: none, rank: rank, template: t, node: id, netNode: none, aside: none,
			age: s.age + 1, alive: true, hidden: true,
		}
		n.underWay++
		e.rec.requested(none, sid, n.name)
		e.after(0, admitted, sid)
	}
	return nil
}

// setupOf is what new nodes of a class begin with; nil is nothing.
func (e *engine) setupOf(c *class) *NodeSetup {
	if setup, ok := e.opt.Nodes[c.name]; ok {
		return &setup
	}
	return nil
}

// nodeNamed is the machine of that name; it boots when it is first asked for.
func (e *engine) nodeNamed(name string, c *class, rank int32) int32 {
	if id, ok := e.named[name]; ok {
		return id
	}
	id := e.newNode(name, c)
	e.named[name] = id
	n := e.nodes[id]
	n.up, n.setup = e.now+e.drawTime(&c.Node.Boot, rank, drawBoot, 0), e.setupOf(c)
	if err := e.setUp(id, n.setup); err != nil {
		e.err = err
	}
	return id
}

func (e *engine) newNode(name string, c *class) int32 {
	e.w.split.Do(func() { e.w.segments = segment.Of(e.w.inv, e.w.inv.Chains()) })
	n := &node{
		name: name, class: c, free: c.Pull.MaxConcurrentDownloads.Value, unpackSlots: c.Unpack.MaxConcurrent.Value,
		unpack: unpack.NewNode(&c.costs),
	}
	n.net = e.net.AddNode(e.link(c), c.rate, c.connection)
	if last := len(e.unused) - 1; last >= 0 {
		id := e.unused[last]
		e.unused = e.unused[:last]
		n.plans, n.life = e.nodes[id].plans+1, e.nodes[id].life+1
		e.nodes[id] = n
		return id
	}
	e.nodes = append(e.nodes, n)
	return int32(len(e.nodes) - 1)
}

// dropNode forgets an instance.
func (e *engine) dropNode(id int32) {
	n := e.nodes[id]
	e.net.RemoveNode(n.net)
	n.plans++
	n.life++
	e.unused = append(e.unused, id)
}

// empty makes the node a new machine of the same name.
func (n *node) empty(e *engine) {
	for n.unpack.Tasks() > 0 {
		tag, _, _ := n.unpack.Next()
		n.unpack.Finish(e.now, tag)
	}
	n.life++
	n.plans++
	n.store, n.bytes = table.Sparse[portion]{}, 0
	n.images, n.unread, n.gone = heldImages{}, nil, nil
	n.active, n.queue, n.turns, n.unpackLine, n.contenders = nil, nil, nil, nil, nil
	n.unpackSlots = n.class.Unpack.MaxConcurrent.Value
	n.free, n.pulling = n.class.Pull.MaxConcurrentDownloads.Value, 0
	n.fetching, n.fetchRate = false, 0
	n.unpack.Fetching(e.now, false, 0)
}
