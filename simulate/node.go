package simulate

import (
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/simulate/unpack"
)

// node is a machine whose pulls can meet: one that keeps its layers between
// starts, or an instance on which several layers are unpacked at once. An
// instance of its own on which they cannot meet has none (class.lane).
type node struct {
	// setup is what it begins with, and so what comes in its place when it is lost.
	setup  *NodeSetup
	name   string
	class  *class
	net    network.Node
	unpack unpack.Node
	// chains and blobs are what it holds or is about to hold.
	chains, blobs pages
	bytes         int64
	// images are held by reference; those that no start uses stand in a list by
	// last use, longest ago first.
	images              map[int]*heldImage
	idleFirst, idleLast *heldImage
	// active are the pulls that know their layers, in order of their beginning.
	active []int32
	// free are the daemon's download slots, queue the pulls that wait for one.
	free  int64
	queue []int32
	// pulling counts the pulls that the node lets at once, turns are those that
	// wait for theirs.
	pulling int64
	turns   []int32
	// up is when the node has booted, rank the key of its own pods' draws.
	up   time.Duration
	rank int32
	// life counts its losses, plans the changes of what is unpacked next.
	life, plans uint16
	fetching    int
}

type heldImage struct {
	image          int
	users          int
	previous, next *heldImage // among the idle
	idle           bool
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
}

// setUp gives a new node what it begins with.
func (e *engine) setUp(id int32) error {
	n := e.nodes[id]
	setup := n.setup
	if setup == nil {
		return nil
	}
	for _, images := range [2][]int{setup.Baked, setup.Held} {
		if err := e.w.checkImages(images); err != nil {
			return err
		}
		for _, image := range images {
			n.hold(e, image)
		}
	}
	for _, image := range setup.Baked {
		for _, c := range e.w.chainIDs[image] {
			n.chains.at(int(c)).unread = true
		}
	}
	for k, pod := range setup.Daemon {
		t, err := e.template(&Start{App: fmt.Sprint("daemon ", k+1), Images: pod, NodeClass: n.class.name, PullPolicy: "IfNotPresent"})
		if err != nil {
			return err
		}
		sid := e.startups.Take()
		s := e.startups.At(sid)
		*s = startup{
			requested: e.now, since: e.now, class: n.class, index: none, rank: n.rank, template: t, node: id, netNode: none, readNode: none,
			age: s.age + 1, alive: true, hidden: true,
		}
		e.after(0, admitted, sid)
	}
	return nil
}

// pages keep a small state for each of many numbers, most of them unused.
type pages [][]entry

type entry struct {
	refs  uint16
	state uint8
	// unread: on a disk made from a snapshot, which is slow the first time.
	unread bool
}

// The states of a chain or a blob.
const (
	absent  = iota
	present // unpacked, or stored
	claimed // about to be, by a pull
)

const pageBits = 6

func (p *pages) at(id int) *entry {
	for len(*p) <= id>>pageBits {
		*p = append(*p, nil)
	}
	if (*p)[id>>pageBits] == nil {
		(*p)[id>>pageBits] = make([]entry, 1<<pageBits)
	}
	return &(*p)[id>>pageBits][id&(1<<pageBits-1)]
}

func (p pages) state(id int) uint8 {
	if id>>pageBits >= len(p) || p[id>>pageBits] == nil {
		return absent
	}
	return p[id>>pageBits][id&(1<<pageBits-1)].state
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
	n.up, n.rank, n.setup = e.now+e.drawTime(&c.Node.Boot, rank, drawBoot, 0), rank, e.setupOf(c)
	if err := e.setUp(id); err != nil {
		e.err = err
	}
	return id
}

func (e *engine) newNode(name string, c *class) int32 {
	n := &node{
		name: name, class: c, images: make(map[int]*heldImage), free: c.Pull.MaxConcurrentDownloads.Value,
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
	n.chains, n.blobs, n.bytes = nil, nil, 0
	n.images, n.idleFirst, n.idleLast = make(map[int]*heldImage), nil, nil
	n.active, n.queue, n.turns = nil, nil, nil
	n.free, n.pulling, n.fetching = n.class.Pull.MaxConcurrentDownloads.Value, 0, 0
	n.unpack.Fetching(e.now, 0)
}

// addRefs notes that an image's layers are needed once more, or once less; a
// layer that nobody needs goes. Blobs are needed by pulls, and by images where
// they are kept.
func (n *node) addRefs(e *engine, image int, chains, blobs int) {
	for j, l := range e.w.inv.Images[image].Layers {
		c := int(e.w.chainIDs[image][j])
		x := n.chains.at(c)
		x.refs = uint16(int(x.refs) + chains)
		if x.refs == 0 && x.state == present {
			x.state = absent
			n.bytes -= e.w.chainBytes[c]
		}
		x = n.blobs.at(l)
		x.refs = uint16(int(x.refs) + blobs)
		if x.refs == 0 && x.state == present {
			x.state = absent
			n.bytes -= e.w.layers[l].compressed
		}
	}
}

func (n *node) lease(e *engine, image int)   { n.addRefs(e, image, 1, 1) }
func (n *node) release(e *engine, image int) { n.addRefs(e, image, -1, -1) }

func (n *node) setChain(e *engine, c int) {
	if x := n.chains.at(c); x.state != present {
		x.state = present
		n.bytes += e.w.chainBytes[c]
	}
}

func (n *node) setBlob(e *engine, l int) {
	if x := n.blobs.at(l); x.state != present {
		x.state = present
		n.bytes += e.w.layers[l].compressed
	}
}

// keep makes an image one that the node holds.
func (n *node) keep(e *engine, image int) *heldImage {
	h := n.images[image]
	if h == nil {
		h = &heldImage{image: image}
		n.images[image] = h
		kept := 0
		if n.class.keep {
			kept = 1
		}
		n.addRefs(e, image, 1, kept)
	}
	return h
}

// use notes that one more start uses an image.
func (n *node) use(e *engine, image int) {
	h := n.keep(e, image)
	h.users++
	n.unlist(h)
}

// leave ends a start's use of its images.
func (n *node) leave(e *engine, t *template) {
	for _, p := range t.pulls {
		if h := n.images[p.image]; h != nil {
			if h.users--; h.users <= 0 {
				h.users = 0
				n.enlist(h)
			}
		}
	}
}

func (n *node) enlist(h *heldImage) {
	n.unlist(h)
	h.idle, h.previous, h.next = true, n.idleLast, nil
	if n.idleLast != nil {
		n.idleLast.next = h
	} else {
		n.idleFirst = h
	}
	n.idleLast = h
}

func (n *node) unlist(h *heldImage) {
	if !h.idle {
		return
	}
	if h.previous != nil {
		h.previous.next = h.next
	} else {
		n.idleFirst = h.next
	}
	if h.next != nil {
		h.next.previous = h.previous
	} else {
		n.idleLast = h.previous
	}
	h.idle, h.previous, h.next = false, nil, nil
}

// hold puts an image's layers on the node, unpacked, as a cache's disk does; with
// their blobs where the runtime that filled the disk keeps them.
func (n *node) hold(e *engine, image int) {
	h := n.keep(e, image)
	for j, l := range e.w.inv.Images[image].Layers {
		n.setChain(e, int(e.w.chainIDs[image][j]))
		if n.class.keep {
			n.setBlob(e, l)
		}
	}
	if h.users == 0 {
		n.enlist(h)
	}
	n.wake(e)
}

// has says whether the node holds an image with all its layers.
func (n *node) has(e *engine, image int) bool {
	if n.images[image] == nil {
		return false
	}
	for _, c := range e.w.chainIDs[image] {
		if n.chains.state(int(c)) != present {
			return false
		}
	}
	return true
}

// count notes how many of a start's layers are present.
func (n *node) count(e *engine, s *startup, t *template) {
	for _, c := range t.chains {
		if n.chains.state(int(c)) != present {
			s.missing++
			continue
		}
		s.reused++
		if x := n.chains.at(int(c)); t.cacheID != "" || x.unread {
			s.firstReadBytes += e.w.chainBytes[c]
			x.unread = false
		}
	}
}

// evict removes images that no start uses, least recently used first, when the
// disk is fuller than the high mark, until it is no fuller than the low one (the
// kubelet's image garbage collection).
func (n *node) evict(e *engine) {
	disk := n.class.Node.DiskGiB.Value * (1 << 30)
	if float64(n.bytes) <= n.class.Node.HighFraction.Value*disk {
		return
	}
	low := n.class.Node.LowFraction.Value * disk
	for n.idleFirst != nil && float64(n.bytes) > low {
		h := n.idleFirst
		n.unlist(h)
		delete(n.images, h.image)
		kept := 0
		if n.class.keep {
			kept = -1
		}
		n.addRefs(e, h.image, -1, kept)
	}
}

// turn lets a pull begin if the node pulls fewer images than it may at once; else
// it waits for its turn.
func (n *node) turn(e *engine, pid int32, c *class) bool {
	if n.pulling < c.Pull.MaxParallelPulls.Value {
		n.pulling++
		return true
	}
	n.turns = append(n.turns, pid)
	return false
}

// pass gives a pull's turn to the next.
func (n *node) pass(e *engine, c *class) {
	n.pulling--
	for len(n.turns) > 0 && n.pulling < c.Pull.MaxParallelPulls.Value {
		pid := n.turns[0]
		n.turns = n.turns[1:]
		n.pulling++
		e.takeTurn(n, pid)
	}
}

// takeTurn begins a pull that waited, unless another has brought the image
// meanwhile.
func (e *engine) takeTurn(n *node, pid int32) {
	p := e.pulls.At(pid)
	id := p.startup
	s := e.startups.At(id)
	t := e.templates.At(s.template)
	if image := t.pulls[p.image].image; n.has(e, image) && !t.pulls[p.image].again {
		e.account(s)
		e.forget(pid, p)
		n.use(e, image)
		if p.leased {
			n.release(e, image)
		}
		e.imagePulled(id, s, t)
		n.pass(e, t.class)
		return
	}
	e.resolve(pid, p)
}

// claim takes the layers that are missing. Where another pull on the node is at
// the first of them, it waits until that one is unpacked (facts on real pulls,
// point 4).
func (n *node) claim(e *engine, pid int32, p *pull) {
	s := e.startups.At(p.startup)
	t := e.templates.At(s.template)
	image := t.pulls[p.image].image
	for _, c := range e.w.chainIDs[image] {
		state := n.chains.state(int(c))
		if state == claimed {
			return
		}
		if state == absent {
			break
		}
	}
	p.state = fetching
	if p.own == none {
		p.own = e.own.Take()
	}
	p.steps = e.own.At(p.own)
	own := p.steps
	own.fetch, own.units = own.fetch[:0], own.units[:0]
	e.w.addSteps(own, image,
		func(c int32) bool { return n.chains.state(int(c)) == present },
		func(l int32) bool { return n.blobs.state(int(l)) != absent })
	p.arrived, p.fetchNext, p.unit = 0, 0, 0
	delete(e.wide, pid)
	for _, u := range own.units {
		n.chains.at(int(u.chain)).state = claimed
	}
	for _, l := range own.fetch {
		n.blobs.at(int(l)).state = claimed
	}
	if len(own.units) == 0 {
		e.endPull(pid, p)
		return
	}
	e.ordered(p, s, t, len(own.fetch))
	age := p.age
	if len(own.fetch) > 0 {
		n.demandSlots(e, pid, p, s)
	}
	if p.age == age {
		n.advance(e, pid, p)
	}
}

// demandSlots begins the downloads of a pull, or queues it for the daemon's slots.
func (n *node) demandSlots(e *engine, pid int32, p *pull, s *startup) {
	if !n.class.daemonSlots {
		e.fetchMore(pid, p, s)
		return
	}
	if !slices.Contains(n.queue, pid) {
		n.queue = append(n.queue, pid)
	}
	n.grant(e)
}

// unclaim gives up what a pull that ends has not asked for yet: a cache's disk has
// brought the layers. Who waits for a blob of it fetches that itself (adopt).
func (n *node) unclaim(e *engine, pid int32, p *pull) (any bool) {
	if int(p.fetchNext) == len(p.steps.fetch) {
		return false
	}
	n.queue = slices.DeleteFunc(n.queue, func(x int32) bool { return x == pid })
	for k := int(p.fetchNext); k < len(p.steps.fetch); k++ {
		if x := n.blobs.at(int(p.steps.fetch[e.place(p, k)])); x.state == claimed {
			x.state = absent
		}
	}
	return true
}

// grant gives free slots to the pulls in the queue, first come first served.
func (n *node) grant(e *engine) {
	for n.free > 0 && len(n.queue) > 0 {
		pid := n.queue[0]
		p := e.pulls.At(pid)
		s := e.startups.At(p.startup)
		n.free--
		if p.state == resolving {
			n.queue = n.queue[1:]
			e.ask(pid, p, s, uint64(p.requests-1), -1, 0)
			continue
		}
		if !e.fetchNext(pid, p, s) {
			n.free++
			n.queue = n.queue[1:]
		}
	}
}

// arrived notes that a blob is there.
func (n *node) arrived(e *engine, pid int32, p *pull, layer int32) {
	n.setBlob(e, int(layer))
	s := e.startups.At(p.startup)
	if !n.class.daemonSlots {
		e.fetchMore(pid, p, s)
	} else {
		n.free++
		n.grant(e)
	}
	n.wake(e)
}

// wake lets the pulls under way go on after a change.
func (n *node) wake(e *engine) {
	for i := 0; i < len(n.active); i++ {
		pid := n.active[i]
		p := e.pulls.At(pid)
		if p.state == waiting {
			n.claim(e, pid, p)
		} else {
			n.advance(e, pid, p)
		}
		if i < len(n.active) && n.active[i] != pid {
			i = -1 // it has ended, and perhaps begun others: look again
		}
	}
}

// The tags of unpacks: the pull and the place of the layer among its units.
func unpackTag(pid int32, unit int) int64 { return int64(pid)<<16 | int64(unit) }

// advance does what can be done now: unpacks the first layer not yet unpacked
// when its blob is there, or with parallel unpack every layer whose blob is.
func (n *node) advance(e *engine, pid int32, p *pull) {
	if p.state != fetching {
		return
	}
	own := p.steps
	for int(p.unit) < len(own.units) && n.chains.state(int(own.units[p.unit].chain)) == present {
		n.stopUnpack(e, pid, p, int(p.unit))
		p.unit++
	}
	if int(p.unit) == len(own.units) {
		if p.inFlight == 0 {
			e.endPull(pid, p)
		}
		return
	}
	for i := int(p.unit); i < len(own.units); i++ {
		u := &own.units[i]
		if u.layer >= 0 && n.chains.state(int(u.chain)) == claimed && n.blobs.state(int(u.layer)) == present {
			if int64(n.unpack.Tasks()) >= n.class.Unpack.MaxConcurrent.Value {
				return
			}
			n.beginUnpack(e, pid, p, i)
		}
		if !n.class.Unpack.Parallel.Value {
			return
		}
	}
}

// beginUnpack begins to unpack a layer; it is then marked by a negative number.
func (n *node) beginUnpack(e *engine, pid int32, p *pull, i int) {
	s := e.startups.At(p.startup)
	u := &p.steps.units[i]
	facts := &e.w.layers[u.layer]
	e.account(s)
	s.unpacking++
	n.unpack.Start(e.now, n.class.demand(facts), unpackTag(pid, i))
	if e.tracing {
		e.trackUnpacking(pid, p, i)
	}
	u.layer = ^u.layer
	n.plan(e, s.node)
}

// stopUnpack gives up the unpack of a layer, if there is one: a cache's disk has
// brought it.
func (n *node) stopUnpack(e *engine, pid int32, p *pull, i int) {
	u := &p.steps.units[i]
	if u.layer >= 0 {
		return
	}
	s := e.startups.At(p.startup)
	u.layer = ^u.layer
	e.account(s)
	s.unpacking--
	if e.tracing {
		e.closes(p, Unpack, pid, i, u.layer, 0)
	}
	n.unpack.Finish(e.now, unpackTag(pid, i))
	n.plan(e, s.node)
}

// plan sets the event of the end of the first unpack.
func (n *node) plan(e *engine, id int32) {
	n.plans++
	if _, at, ok := n.unpack.Next(); ok {
		e.at(at, unpacked, id, 0, n.plans)
	}
}

// endUnpack ends the first unpack of a node.
func (e *engine) endUnpack(n *node) {
	tag, _, _ := n.unpack.Next()
	pid, i := int32(tag>>16), int(tag&0xffff)
	p := e.pulls.At(pid)
	s := e.startups.At(p.startup)
	n.unpack.Finish(e.now, tag)
	n.plan(e, s.node)
	e.account(s)
	s.unpacking--
	u := &p.steps.units[i]
	u.layer = ^u.layer
	s.unpacked += e.w.layers[u.layer].unpacked
	if e.tracing {
		e.trackUnpacked(pid, p, i, u.layer)
	}
	n.setChain(e, int(u.chain))
	n.wake(e)
}

// nodeFetching tells a node how many transfers it takes in, where that slows its
// unpacks.
func (e *engine) nodeFetching(s *startup) {
	if s.node == none {
		return
	}
	n := e.nodes[s.node]
	if n.class.costs.FetchCores == 0 && n.class.costs.FetchDiskFraction == 0 {
		return
	}
	transfers := 0
	for _, pid := range n.active {
		transfers += int(e.pulls.At(pid).inFlight)
	}
	if transfers != n.fetching {
		n.fetching = transfers
		n.unpack.Fetching(e.now, transfers)
		n.plan(e, s.node)
	}
}
