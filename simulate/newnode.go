package simulate

import (
	"fmt"
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
	// Setup is what it begins with; nil is what Options.Nodes says of its class.
	Setup *NodeSetup
	// Renewed is what a node begins with that comes in its place when it is lost; nil
	// is the same.
	Renewed *NodeSetup
}

func (e *engine) setNewNodes() {
	for i := range e.opt.NewNodes {
		e.at(e.opt.NewNodes[i].At, nodeAdded, 0, int32(i), 0)
	}
}

// addNode makes a node. It boots by its place among the new nodes, from below 0, so
// that no start draws the same.
func (e *engine) addNode(i int32) {
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
}
