// Package unpack says how long layers take to unpack on a node's shared cores
// and disk, in virtual time.
//
// A layer alone takes a fixed time, plus the slower of decompressing on one
// core and writing to the disk, plus a time for each file. Layers unpacked at
// once each want one core and their own share of the disk; when they want more
// than there is, all are slowed by the same factor. This is exact for layers
// alike and fair for others. Transfers into the node may take cores and disk
// from them.
//
// It knows no order: what may be unpacked when is its caller's.
package unpack

import (
	"math"
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
	// FetchBytesPerSecond is what one core takes in from the network, +Inf where that
	// takes no core to speak of; FetchDiskFraction is the share of the disk that is
	// lost while anything is transferred.
	FetchBytesPerSecond, FetchDiskFraction float64
}

// Layer is what unpacking one layer asks for.
type Layer struct {
	// UnpackedBytes is the uncompressed size, Files the number of tar entries.
	UnpackedBytes, Files int64
	// DecodeBytesPerSecond is the decompressor's speed on one core, in unpacked
	// bytes; +Inf when the layer is stored uncompressed.
	DecodeBytesPerSecond float64
}

// SlowedByTransfers says whether transfers take anything from unpacking.
func (c *Costs) SlowedByTransfers() bool {
	return !math.IsInf(c.FetchBytesPerSecond, 1) || c.FetchDiskFraction > 0
}

// Alone returns how long the layer takes on a node with a core to spare and
// nothing else to do.
func (c *Costs) Alone(l Layer) time.Duration {
	rate := min(l.DecodeBytesPerSecond, c.DiskBytesPerSecond)
	stream := float64(l.UnpackedBytes) / rate * 1e9
	total := float64(c.Layer) + stream + float64(l.Files)*float64(c.File)
	if total > mostSeconds*1e9 {
		return mostSeconds * 1e9
	}
	return c.Layer + time.Duration(math.Round(stream)) + time.Duration(l.Files)*c.File
}

// ByItself returns how long the layer takes on a node that does nothing else: Alone,
// and longer where there is less than a core.
func (c *Costs) ByItself(l Layer) time.Duration {
	d := c.Alone(l)
	if c.Cores < 1 {
		d = time.Duration(math.Round(min(float64(d)/c.Cores, mostSeconds*1e9)))
	}
	return d
}

// DiskBound says whether the disk is slower than decompressing the layer.
func (c *Costs) DiskBound(l Layer) bool { return c.DiskBytesPerSecond < l.DecodeBytesPerSecond }

// mostSeconds (100 years) keeps a time far from the end of time.Duration.
const mostSeconds = 100 * 365 * 24 * 3600

// Node is the unpacks that run on one node. All run at one speed, so they share
// a clock of work done.
type Node struct {
	costs *Costs
	tasks []task // by end
	// clock is the nanoseconds of work that each task has had since the node was
	// idle, at time at; speed is its rate, 1 when nothing is short.
	clock    float64
	at       time.Duration
	speed    float64
	short    Shortage
	fetching bool
	taken    float64 // cores that transfers take
}

// Shortage is what slows all unpacks of a node.
type Shortage uint8

// What may be short.
const (
	NothingShort Shortage = iota
	Cores
	Disk
)

// Short is what slows the unpacks at present, Speed how much: 1 when nothing is
// short.
func (n *Node) Short() Shortage { return n.short }

// Speed is the rate of the unpacks' work, in (0, 1].
func (n *Node) Speed() float64 { return n.speed }

type task struct {
	end  float64 // on the node's clock
	disk float64 // mean write speed at full speed
	tag  int64
}

// NewNode returns an idle node; it keeps c.
func NewNode(c *Costs) Node { return Node{costs: c, speed: 1} }

// Start begins to unpack a layer; the tag is the caller's. Calls of Start, Finish
// and Fetching come in order of now.
func (n *Node) Start(now time.Duration, l Layer, tag int64) {
	n.advance(now)
	if len(n.tasks) == 0 {
		n.clock = 0
	}
	alone := n.costs.Alone(l)
	t := task{end: n.clock + float64(alone), tag: tag}
	if alone > 0 {
		t.disk = float64(l.UnpackedBytes) / alone.Seconds()
	}
	n.tasks = append(n.tasks, t)
	for i := len(n.tasks) - 1; i > 0 && n.tasks[i-1].end > t.end; i-- {
		n.tasks[i], n.tasks[i-1] = n.tasks[i-1], n.tasks[i]
	}
	n.share()
}

// Next returns the tag of the task that ends first (of several, the one that
// started first) and when; ok is false when there is none.
func (n *Node) Next() (tag int64, at time.Duration, ok bool) {
	if len(n.tasks) == 0 {
		return 0, math.MaxInt64, false
	}
	left := max(0, n.tasks[0].end-n.clock)
	if left > 0 { // a speed may be too small for a number
		left /= n.speed
	}
	return n.tasks[0].tag, n.at + time.Duration(math.Round(min(left, mostSeconds*1e9))), true
}

// Finish removes a task, ended or given up.
func (n *Node) Finish(now time.Duration, tag int64) {
	n.advance(now)
	for i := range n.tasks {
		if n.tasks[i].tag == tag {
			n.tasks = append(n.tasks[:i], n.tasks[i+1:]...)
			break
		}
	}
	n.share()
}

// Tasks is how many unpacks run.
func (n *Node) Tasks() int { return len(n.tasks) }

// Fetching tells whether anything is transferred into the node from now on, and how
// many bytes a second.
func (n *Node) Fetching(now time.Duration, fetching bool, bytesPerSecond float64) {
	n.advance(now)
	n.fetching, n.taken = fetching, 0
	if !math.IsInf(n.costs.FetchBytesPerSecond, 1) {
		n.taken = bytesPerSecond / n.costs.FetchBytesPerSecond
	}
	n.share()
}

func (n *Node) advance(now time.Duration) {
	n.clock += float64(now-n.at) * n.speed
	n.at = now
}

// leastShare of cores and disk is left to unpacking however much is fetched, so
// that it does not stand still.
const leastShare = 0.05

func (n *Node) share() {
	cores, disk := n.costs.Cores, n.costs.DiskBytesPerSecond
	if n.fetching {
		cores = max(cores-n.taken, leastShare*cores)
		disk *= max(1-n.costs.FetchDiskFraction, leastShare)
	}
	wanted := 0.0
	for i := range n.tasks {
		wanted += n.tasks[i].disk
	}
	n.speed, n.short = 1, NothingShort
	if tasks := float64(len(n.tasks)); tasks > cores {
		n.speed, n.short = cores/tasks, Cores
	}
	if wanted > disk && disk/wanted < n.speed {
		n.speed, n.short = disk/wanted, Disk
	}
}
