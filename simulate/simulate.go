// Package simulate replays starts in virtual time on a profile and returns when
// each was ready, and why not earlier.
//
// The model is that of the design, "a startup, in phases": admit, provision,
// attach, resolve, fetch, unpack, create, ready. Transfers share links max-min
// fairly (package network), unpacks share cores and disk (package unpack). A
// start on a node of no name has an instance of its own, as on ECI; starts on a
// named node share its layers, its interface, its cores and its disk.
//
// It reads no files and no clock; the same inputs and seed give the same
// result. What it does not know, packets and lazy formats among it, is listed in
// docs/model.md.
//
// Use: RunArm for many starts, with what its repeats have in common; StreamArm for
// more of them than a list can hold; Differences between two arms; EstimateStart
// for one on an idle node.
package simulate

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
)

// Start is one start to simulate.
type Start struct {
	App string
	// Requested is the time of the request since the timeline's origin.
	Requested time.Duration
	// Images are positions in the Inventory in the order of the pull, init
	// containers first.
	Images []int
	// Held are positions of the images that the matched cache holds; CacheID is
	// empty when none was matched.
	Held    []int
	CacheID string
	// PullPolicy is Always, IfNotPresent, Never or empty: Always for :latest or
	// no tag, else IfNotPresent. A start that never pulls and lacks an image is void.
	PullPolicy string
	// Node names a machine that keeps its layers; empty is a new instance.
	Node string
	// NodeClass names a class of the profile; empty is the profile itself.
	NodeClass string
	// Runtime is how long it runs once ready; images in use are not evicted.
	Runtime time.Duration
	// Ready and ReadFraction override the profile's where not nil.
	Ready        *time.Duration
	ReadFraction *float64
	// Apart: its draws go by its node, app and time, as those of a node's own pods do, so
	// that other starts draw the same with it and without.
	Apart bool
}

// Options say how to run.
type Options struct {
	// Arm labels the startups.
	Arm string
	// Seed decides every draw; arms with one seed share their draws.
	Seed uint64
	// Repeats is how many times everything is simulated; 0 means once. Repeat is the
	// number of the first of them, counted from 0; Stream simulates that one.
	Repeats, Repeat int
	// Faults are what goes wrong meanwhile.
	Faults []Fault
	// Nodes says what new nodes of a class begin with, by its name; the empty
	// name is the profile itself.
	Nodes map[string]NodeSetup
	// NewNodes are machines made at a time of their own.
	NewNodes []NewNode
	// Workers is how many repeats are simulated at once, each in memory of its own;
	// 0 means one for each processor. The result is the same for any number.
	Workers int
	// Memory, where not nil, is used again from one call of RunArm to the next; calls
	// with one Memory come one after another.
	Memory *Memory
	// Progress, where not nil, is told how many starts more are ready, some at a
	// time, from several goroutines at once; RunArm and StreamArm call it.
	Progress func(starts int)
	// Observe asks for what happens over time, in Result.Observation.
	Observe bool
	// Spans says whether a start's spans are kept; nil keeps none. It is called
	// from several goroutines at once.
	Spans func(start int) bool
}

// Memory is what simulations leave for the next: many short ones spend most of their
// time on asking for it. The zero value is empty; no result depends on it.
type Memory struct{ engines []*engine }

// Run is RunArm for its startups alone.
func Run(ctx context.Context, inv *layers.Inventory, profile *Profile, starts []Start, opt Options) ([]Startup, error) {
	result, err := RunArm(ctx, inv, profile, starts, opt)
	if err != nil {
		return nil, err
	}
	return result.Startups, nil
}

// Stream simulates one repeat of starts that come in order of their requests, and
// hands each startup on when it is ready, with the place of its start in the
// input. The startup is good until emit returns; its Phases are used again. What
// it needs is memory for the starts under way.
func Stream(ctx context.Context, inv *layers.Inventory, profile *Profile, starts iter.Seq[*Start], opt Options, emit func(start int, s *Startup)) error {
	w, err := newWorld(inv, profile)
	if err != nil {
		return err
	}
	if err := w.checkOptions(&opt); err != nil {
		return err
	}
	return newEngine(w, &opt, opt.Repeat, emit).run(ctx, func(yield func(int, *Start) bool) {
		i := 0
		for s := range starts {
			if !yield(i, s) {
				return
			}
			i++
		}
	})
}

// clone is a copy that shares no phases.
func (s *Startup) clone() Startup {
	c := *s
	d := new([8]time.Duration)
	for i, p := range []*time.Duration{s.Phases.Admit, s.Phases.Provision, s.Phases.Attach, s.Phases.Resolve, s.Phases.Fetch, s.Phases.Unpack, s.Phases.Create, s.Phases.Ready} {
		d[i] = *p
	}
	c.Phases = phasesIn(d)
	return c
}

func compareStarts(x, y *Start) int {
	return cmp.Or(cmp.Compare(x.Requested, y.Requested), cmp.Compare(x.App, y.App), cmp.Compare(x.Node, y.Node),
		slices.Compare(x.Images, y.Images), cmp.Compare(x.NodeClass, y.NodeClass), cmp.Compare(x.PullPolicy, y.PullPolicy),
		cmp.Compare(x.Runtime, y.Runtime), cmp.Compare(x.CacheID, y.CacheID), slices.Compare(x.Held, y.Held),
		compareGiven(x.Ready, y.Ready), compareGiven(x.ReadFraction, y.ReadFraction))
}

// compareGiven puts what is not given first.
func compareGiven[T cmp.Ordered](x, y *T) int {
	switch {
	case x == nil && y == nil:
		return 0
	case x == nil:
		return -1
	case y == nil:
		return 1
	}
	return cmp.Compare(*x, *y)
}
