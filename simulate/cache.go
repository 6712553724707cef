package simulate

import (
	"math"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// crowded returns the link over which the disks made from a cache's snapshot
// copies are filled, nil where that is not known to hold anything up.
func (e *engine) crowded(t *template) *network.Link {
	c := &t.class.Cache
	rate := typical(&c.Copy)
	if t.cacheID == "" || math.IsInf(float64(rate), 1) || rate == 0 {
		return nil
	}
	l, ok := e.copies[t.cacheID]
	if !ok {
		l = e.net.AddLink(rate*network.Rate(c.Copies.Value), network.NoLink)
		e.copies[t.cacheID] = l
	}
	return &l
}

// startRead begins the first reads of a cache's disk.
func (e *engine) startRead(id int32, s *startup, t *template, l network.Link, bytes int64) {
	s.awaits = becameReady
	a := e.aside(s)
	a.readNode = e.net.AddNode(l, typical(&t.class.Cache.FirstRead), network.Unlimited)
	e.rec.reads(id)
	e.net.Start(e.now, a.readNode, bytes, network.Unlimited, int64(-1-id)<<16)
}

// stopRead gives up the first reads of a startup whose node is lost.
func (e *engine) stopRead(s *startup) {
	if e.noted(s).readNode == none {
		return
	}
	a := e.aside(s)
	for _, f := range e.net.FlowsOf(a.readNode) {
		e.net.Finish(e.now, f)
	}
	e.net.RemoveNode(a.readNode)
	a.readNode = none
}

func (e *engine) endRead(id int32) {
	s := e.startups.At(id)
	t := e.templates.At(s.template)
	e.rec.readEnds(id)
	a := e.aside(s)
	e.net.RemoveNode(a.readNode)
	a.readNode = none
	e.after(e.ownReady(s, t), becameReady, id)
}

// ownReady is the program's own time to ready.
func (e *engine) ownReady(s *startup, t *template) time.Duration {
	if t.ready != nil {
		return *t.ready
	}
	return e.drawTime(&t.class.Start.Ready, s.rank, drawReady, 0)
}
