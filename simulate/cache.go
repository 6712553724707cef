package simulate

import (
	"math"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// copyLink is the link over which the disks made from a cache's snapshot copies are
// filled.
type copyLink struct {
	link    network.Link
	readers int
}

// isCrowded says whether that is known to hold a start up.
func (t *template) isCrowded() bool {
	return t.cacheID != "" && !math.IsInf(float64(typical(&t.class.Cache.Copy)), 1)
}

// copyOf is the link of a cache, for one reader more. All have one rate, so that those
// that nobody reads over serve other caches.
func (e *engine) copyOf(t *template) network.Link {
	l, ok := e.copies[t.cacheID]
	if !ok {
		if last := len(e.spareCopies) - 1; last >= 0 {
			l, e.spareCopies = e.spareCopies[last], e.spareCopies[:last]
		} else {
			c := &e.w.profile.Cache
			l = &copyLink{link: e.net.AddLink(typical(&c.Copy)*network.Rate(c.Copies.Value), network.NoLink)}
		}
		e.copies[t.cacheID] = l
	}
	l.readers++
	return l.link
}

// startRead begins the first reads of a cache's disk.
func (e *engine) startRead(id int32, s *startup, t *template, bytes int64) {
	s.awaits = becameReady
	a := e.aside(s)
	a.readNode = e.net.AddNode(e.copyOf(t), typical(&t.class.Cache.FirstRead), network.Unlimited)
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
	e.leaveCopy(s)
}

// leaveCopy ends a startup's use of its cache's link.
func (e *engine) leaveCopy(s *startup) {
	a := e.aside(s)
	e.net.RemoveNode(a.readNode)
	a.readNode = none
	id := e.templates.At(s.template).cacheID
	l := e.copies[id]
	if l.readers--; l.readers == 0 {
		delete(e.copies, id)
		e.spareCopies = append(e.spareCopies, l)
	}
}

func (e *engine) endRead(id int32) {
	s := e.startups.At(id)
	t := e.templates.At(s.template)
	e.rec.readEnds(id)
	e.leaveCopy(s)
	e.after(e.ownReady(s, t), becameReady, id)
}

// ownReady is the program's own time to ready.
func (e *engine) ownReady(s *startup, t *template) time.Duration {
	if ready := e.noted(s).ready; ready != fromProfile {
		return ready
	}
	return e.drawTime(&t.class.Start.Ready, s.rank, drawReady, 0)
}
