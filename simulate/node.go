package simulate

import (
	"cmp"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/simulate/unpack"
)

// node is a machine: what it holds and what it shares among its starts.
type node struct {
	profile *Profile
	link    network.Link
	unpack  *unpack.Node
	// snapshots are unpacked chains, blobs stored layers.
	snapshots map[int]bool
	blobs     map[int]bool
	// images held by reference, with when they were last used and by how many
	// starts that still run.
	images map[int]*heldImage
	// owner is the pull that is to unpack a chain, unpacking the chains that are
	// being unpacked, inFlight the layers that are being fetched.
	owner     map[int]*pull
	unpacking map[int]bool
	inFlight  map[int]bool
	// active are the pulls under way, in order of their beginning.
	active []*pull
	// slots are the daemon's download slots.
	slots slots
	// up is when the node has booted.
	up time.Duration
}

type heldImage struct {
	used  time.Duration
	users int
}

// slots hands out a bounded number of download slots, first come first served.
type slots struct {
	free  int64
	queue []func()
}

func (s *slots) take(run func()) {
	if s.free > 0 {
		s.free--
		run()
		return
	}
	s.queue = append(s.queue, run)
}

func (s *slots) give() {
	if len(s.queue) > 0 {
		run := s.queue[0]
		s.queue = s.queue[1:]
		run()
		return
	}
	s.free++
}

func (e *engine) newNode(p *Profile) *node {
	n := &node{
		profile:   p,
		snapshots: map[int]bool{}, blobs: map[int]bool{}, images: map[int]*heldImage{},
		owner: map[int]*pull{}, unpacking: map[int]bool{}, inFlight: map[int]bool{},
		slots: slots{free: p.Pull.MaxConcurrentDownloads.Value},
	}
	n.link = e.net.AddLink(typical(&p.Network.Node))
	n.unpack = unpack.NewNode(unpack.Costs{
		Layer: typical(&p.Unpack.Layer), File: typical(&p.Unpack.File),
		Cores: p.Unpack.Cores.Value, DiskBytesPerSecond: float64(typical(&p.Unpack.Disk)),
	})
	return n
}

// hold puts an image's layers on the node, unpacked, as a cache's disk does; with
// their blobs where the runtime that filled the disk keeps them.
func (n *node) hold(e *engine, image int) {
	for _, c := range e.w.chains.Images[image] {
		n.snapshots[c] = true
		if n.profile.Pull.KeepBlobs.Value {
			n.blobs[e.w.blobs[image][c]] = true
		}
		if !n.unpacking[c] {
			delete(n.owner, c)
		}
	}
	if n.images[image] == nil {
		n.images[image] = &heldImage{}
	}
	n.images[image].used = e.now
	n.wake()
}

// wake lets the pulls under way go on after a change.
func (n *node) wake() {
	for _, p := range slices.Clone(n.active) {
		if slices.Contains(n.active, p) {
			p.advance()
		}
	}
}

// wants says whether a pull under way still needs a blob.
func (n *node) wants(e *engine, layer int) bool {
	for _, p := range n.active {
		for _, c := range p.to {
			if p.blob(c) == layer && !n.snapshots[c] {
				return true
			}
		}
	}
	return false
}

// evict removes images that no start uses, least recently used first, when the
// disk is fuller than the high mark, until it is no fuller than the low one (the
// kubelet's image garbage collection).
func (n *node) evict(e *engine) {
	disk := n.profile.Node.DiskGiB.Value * (1 << 30)
	if n.bytes(e) <= n.profile.Node.HighFraction.Value*disk {
		return
	}
	var idle []int
	for i, held := range n.images {
		if held.users == 0 {
			idle = append(idle, i)
		}
	}
	slices.SortFunc(idle, func(x, y int) int {
		return cmp.Or(cmp.Compare(n.images[x].used, n.images[y].used), cmp.Compare(x, y))
	})
	for _, i := range idle {
		if n.bytes(e) <= n.profile.Node.LowFraction.Value*disk {
			return
		}
		n.remove(e, i)
	}
}

// remove deletes an image and the layers that no other image or pull needs.
func (n *node) remove(e *engine, image int) {
	delete(n.images, image)
	needed, blobs := map[int]bool{}, map[int]bool{}
	need := func(image int) {
		for c, l := range e.w.blobs[image] {
			needed[c], blobs[l] = true, true
		}
	}
	for i := range n.images {
		need(i)
	}
	for _, p := range n.active {
		need(p.image)
	}
	for c, l := range e.w.blobs[image] {
		if !needed[c] {
			delete(n.snapshots, c)
		}
		if !blobs[l] && !n.inFlight[l] {
			delete(n.blobs, l)
		}
	}
}

// bytes is what the node's layers take on its disk.
func (n *node) bytes(e *engine) float64 {
	var sum int64
	for c := range n.snapshots {
		sum += *e.w.inv.Layers[e.w.layer[c]].UnpackedBytes
	}
	for l := range n.blobs {
		sum += e.w.inv.Layers[l].CompressedBytes
	}
	return float64(sum)
}
