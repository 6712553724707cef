// Package unpack says how long layers take to unpack on a node's shared cores
// and disk, in virtual time.
//
// A layer alone takes a fixed time, plus the slower of decompressing on one
// core and writing to the disk, plus a time for each file. Layers unpacked at
// once each want one core and their own share of the disk; when they want more
// than there is, all are slowed by the same factor. This is exact for layers
// alike and fair for others.
//
// It knows no order: what may be unpacked when is its caller's.
package unpack

import (
	"math"
	"slices"
	"time"
)

// Costs are a node's unpacking speeds.
type Costs struct {
	// Layer is the fixed time for each layer, File for each tar entry.
	Layer, File time.Duration
	// Cores is the number of cores for unpacking.
	Cores float64
	// DiskBytesPerSecond is the disk's write speed, shared; +Inf is unlimited.
	DiskBytesPerSecond float64
}

// Layer is what unpacking one layer asks for.
type Layer struct {
	// UnpackedBytes is the uncompressed size, Files the number of tar entries.
	UnpackedBytes, Files int64
	// DecodeBytesPerSecond is the decompressor's speed on one core, in unpacked
	// bytes; +Inf when the layer is stored uncompressed.
	DecodeBytesPerSecond float64
}

// Alone returns how long the layer takes on an idle node.
func (c *Costs) Alone(l Layer) time.Duration {
	rate := min(l.DecodeBytesPerSecond, c.DiskBytesPerSecond)
	seconds := c.Layer.Seconds() + float64(l.UnpackedBytes)/rate + float64(l.Files)*c.File.Seconds()
	if seconds > mostSeconds {
		return time.Duration(mostSeconds * 1e9)
	}
	stream := time.Duration(math.Round(float64(l.UnpackedBytes) / rate * 1e9))
	return c.Layer + stream + time.Duration(l.Files)*c.File
}

// mostSeconds (100 years) keeps a time far from the end of time.Duration.
const mostSeconds = 100 * 365 * 24 * 3600

// Task is a task's number; numbers are not used again.
type Task int

// Node is the unpacks that run on one node.
type Node struct {
	costs Costs
	tasks []*task
	next  Task
	speed float64
}

type task struct {
	id    Task
	alone time.Duration
	// disk is the mean write speed when alone.
	disk float64
	// At time since, left of alone remained.
	since time.Duration
	left  float64 // nanoseconds at full speed
	end   time.Duration
}

// NewNode returns an idle node.
func NewNode(c Costs) *Node { return &Node{costs: c, speed: 1} }

// Start begins to unpack a layer. Calls of Start and Finish come in order of
// now.
func (n *Node) Start(now time.Duration, l Layer) Task {
	alone := n.costs.Alone(l)
	t := &task{id: n.next + 1, alone: alone, since: now, left: float64(alone)}
	if alone > 0 {
		t.disk = float64(l.UnpackedBytes) / alone.Seconds()
	}
	n.next++
	n.tasks = append(n.tasks, t)
	n.share(now)
	t.plan(n.speed)
	return t.id
}

// Next returns the task that ends first and when; ok is false when there is none.
func (n *Node) Next() (id Task, at time.Duration, ok bool) {
	at = math.MaxInt64
	for _, t := range n.tasks {
		if t.end < at {
			id, at, ok = t.id, t.end, true
		}
	}
	return id, at, ok
}

// Finish removes a task.
func (n *Node) Finish(now time.Duration, id Task) {
	n.tasks = slices.DeleteFunc(n.tasks, func(t *task) bool { return t.id == id })
	n.share(now)
}

// share sets the speed, 1 when nothing is short, and plans the tasks' ends anew
// when it changes.
func (n *Node) share(now time.Duration) {
	disk := 0.0
	for _, t := range n.tasks {
		disk += t.disk
	}
	speed := 1.0
	if wanted := float64(len(n.tasks)); wanted > n.costs.Cores {
		speed = n.costs.Cores / wanted
	}
	if disk > n.costs.DiskBytesPerSecond {
		speed = min(speed, n.costs.DiskBytesPerSecond/disk)
	}
	if speed == n.speed {
		return
	}
	for _, t := range n.tasks {
		t.left = max(0, t.left-float64(now-t.since)*n.speed)
		t.since = now
		t.plan(speed)
	}
	n.speed = speed
}

func (t *task) plan(speed float64) {
	t.end = t.since + time.Duration(math.Round(t.left/speed))
}
