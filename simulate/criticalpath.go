package simulate

import (
	"fmt"
	"slices"
	"time"
)

// finishes follows the activities back from ready to the request.
func (r *recorder) finishes(s *startup) error {
	at := r.follow(r.cause, r.e.now, s.requested, func(h Hold) {
		h.Start, h.End = h.Start-s.requested, h.End-s.requested
		if last := len(r.holds) - 1; last >= 0 && r.holds[last].alike(&h) {
			r.holds[last].Start = h.Start
		} else {
			r.holds = append(r.holds, h)
		}
	})
	if at != s.requested {
		return fmt.Errorf("simulate: what held a start up until %v after its request is not known; this is a fault of cachebench, please report it with the scenario", at-s.requested)
	}
	slices.Reverse(r.holds)
	return nil
}

// follow goes back from the end of an activity, at the time given, to from or to the
// request, and tells what held the start up, the last first. It returns the time back
// to which that is known.
func (r *recorder) follow(next int32, at, from time.Duration, tell func(Hold)) time.Duration {
	var needed *activity
	for next >= 0 && at > from && int(next) < len(r.acts) && r.acts[next].to == at {
		a := &r.acts[next]
		if a.other != nil {
			// Another start's activity ended this wait: what held that one up, did both.
			at = a.other.follow(a.released, at, max(from, a.from), func(h Hold) {
				if h.Through = a.by; h.By == a.by {
					h.Through = "" // what that one waited for in turn is not known
				}
				tell(h)
			})
		}
		pieces := r.pieces(a)
		if a.place >= 0 && r.isOrdered(needed, a) {
			for i := range pieces {
				if pieces[i].By == ByBackOff {
					continue // it is not fetched meanwhile
				}
				pieces[i].By, pieces[i].Meanwhile, pieces[i].Behind = ByOrder, pieces[i].By, pieces[i].Layer
				pieces[i].Layer = r.e.w.inv.Layers[needed.layer].Digest
			}
		} else if needed = nil; a.place >= 0 {
			needed = a
		}
		for _, h := range slices.Backward(pieces) {
			if h.Start, h.End = max(h.Start, from), min(h.End, at); h.Start < h.End {
				tell(h)
			}
		}
		at, next = max(from, a.from), a.before
	}
	return at
}

// isOrdered says that a transfer let another of its pull begin whose layer is
// unpacked earlier, though both had been wanted.
func (r *recorder) isOrdered(needed, a *activity) bool {
	return needed != nil && needed.image == a.image && a.place > needed.place && !r.class.Unpack.Parallel.Value
}

// pieces are the holds of an activity.
func (r *recorder) pieces(a *activity) []Hold {
	whole := Hold{Start: a.from, End: a.to, By: a.by, After: a.after}
	if a.image != none {
		whole.Image = r.e.w.names[a.image]
	}
	if a.layer != none {
		whole.Layer = r.e.w.inv.Layers[a.layer].Digest
	}
	if len(a.changes) == 0 {
		return []Hold{whole}
	}
	var list []Hold
	add := func(by Cause, link string, until time.Duration) {
		h := whole
		if len(list) > 0 {
			h.Start = list[len(list)-1].End
		}
		if h.By, h.Link, h.End = by, link, min(until, a.to); h.End > h.Start {
			list = append(list, h)
		}
	}
	parts := r.parts(a)
	for i, c := range a.changes {
		until := a.to
		if i+1 < len(a.changes) {
			until = a.changes[i+1].from
		}
		if a.kind != unpackActivity || c.by != "" {
			add(c.by, c.link, until)
			parts.work(float64(until-c.from) * c.speed)
			continue
		}
		for from := c.from; from < until; {
			by, left := parts.present()
			d := min(until-from, max(1, time.Duration(left)))
			parts.work(float64(d))
			from += d
			add(by, "", from)
		}
	}
	if len(list) > 0 {
		list[len(list)-1].End = a.to
	}
	return list
}

// unpackParts are what an unpack is made of, one after another, in nanoseconds of
// work that are left.
type unpackParts []unpackPart

type unpackPart struct {
	by   Cause
	left float64
}

func (r *recorder) parts(a *activity) unpackParts {
	if a.kind != unpackActivity {
		return nil
	}
	c, f := r.class, &r.e.w.layers[a.layer]
	l := c.demand(f)
	stream := unpackPart{by: ByCore, left: float64(c.costs.Alone(l) - c.costs.Layer - time.Duration(l.Files)*c.costs.File)}
	if c.costs.DiskBound(l) {
		stream.by = ByDisk
	}
	parts := unpackParts{{ByLayer, float64(c.costs.Layer)}, stream, {ByFiles, float64(l.Files) * float64(c.costs.File)}}
	if c.lane && c.costs.Cores < 1 {
		for i := range parts {
			parts[i].left /= c.costs.Cores
		}
	}
	return parts
}

// present is the part that is worked on; the last goes on until the end.
func (p unpackParts) present() (by Cause, left float64) {
	for i := range p {
		if p[i].left >= 1 {
			return p[i].by, p[i].left
		}
	}
	return p[len(p)-1].by, 1e18
}

func (p unpackParts) work(done float64) {
	for i := range p {
		d := min(p[i].left, done)
		p[i].left -= d
		done -= d
	}
}
