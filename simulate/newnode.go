package simulate

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// NewNode is a machine that comes into being at a time, whether or not a start
// asks for it then. A named node of which there is no NewNode boots when a start
// first asks for it.
type NewNode struct {
	// Name is what starts call it, NodeClass a class of the profile; empty is the
	// profile itself.
	Name, NodeClass string
	// At is when it is made, since the timeline's origin; it then boots.
	At time.Duration
	// Up says that it has booted already, as one that is older than the timeline.
	Up bool
	// Until is when it ends, 0 never: no start may ask for it from then on, and it is
	// forgotten once those under way there are ready. A start that asks for it yet
	// finds another node of its name, which boots then.
	Until time.Duration
	// Setup is what it begins with; nil is what Options.Nodes says of its class.
	Setup *NodeSetup
	// Renewed is what a node begins with that comes in its place when it is lost; nil
	// is the same.
	Renewed *NodeSetup
}

// setNewNodes sets the event of the first new node; each sets that of the next, so
// that they do not all stand in the queue.
func (e *engine) setNewNodes() {
	nodes := e.opt.NewNodes
	e.newNodes = make([]int32, len(nodes))
	for i := range nodes {
		e.newNodes[i] = int32(i)
	}
	slices.SortStableFunc(e.newNodes, func(i, j int32) int { return cmp.Compare(nodes[i].At, nodes[j].At) })
	e.serial = uint32(len(nodes)) // new nodes come before all else at an instant
	e.setNewNode(0)
}

func (e *engine) setNewNode(k int32) {
	if int(k) < len(e.newNodes) {
		e.queue.push(event{at: e.opt.NewNodes[e.newNodes[k]].At, serial: uint32(k) + 1, arg: k, kind: nodeAdded})
	}
}

// addNode makes the k-th node in order of time. It boots by its place among the new
// nodes, from below 0, so that no start draws the same.
func (e *engine) addNode(k int32) {
	e.setNewNode(k + 1)
	i := e.newNodes[k]
	add := &e.opt.NewNodes[i]
	c, err := e.w.class(add.NodeClass)
	switch _, there := e.named[add.Name]; {
	case err != nil:
		e.err = fmt.Errorf("simulate node %s: %w", add.Name, err)
		return
	case there:
		e.err = fmt.Errorf("simulate node %s: there is one of that name already at %v: give each node its own", add.Name, add.At)
		return
	}
	id := e.newNode(add.Name, c)
	e.named[add.Name] = id
	n := e.nodes[id]
	n.up, n.setup = e.now, add.Setup
	if !add.Up {
		n.up += e.drawTime(&c.Node.Boot, -1-i, drawBoot, 0)
	}
	if n.setup == nil {
		n.setup = e.setupOf(c)
	}
	if err := e.setUp(id, n.setup); err != nil {
		e.err = err
	}
	if add.Renewed != nil {
		n.setup = add.Renewed
	}
	if add.Until > 0 {
		e.at(add.Until, nodeEnded, id, 0, 0)
	}
}

// endNode ends a node, which is forgotten when nothing is under way there any
// more.
func (e *engine) endNode(id int32) {
	n := e.nodes[id]
	n.ended = true
	delete(e.named, n.name)
	if n.underWay == 0 {
		e.dropNode(id)
	}
}

// settled notes that a startup on a named node is ready.
func (e *engine) settled(id int32) {
	n := e.nodes[id]
	if n.underWay--; n.ended && n.underWay == 0 {
		e.dropNode(id)
	}
}
