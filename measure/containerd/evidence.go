//go:build linux

package containerd

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/cachebench/cachebench/layers"
)

// evidence is what was seen of a run on one node.
type evidence struct {
	// requests are in the order of time.
	requests []request
	// stored are blobs that came in the run, prepared and committed the snapshots of
	// layers, by chainID.
	stored, prepared, committed map[layers.Digest]time.Time
	applied                     []applied
	// parallel is whether layers of one image are unpacked at once.
	parallel bool
	// blended: they are, and nothing tells when each was.
	blended bool
	// unseen allows blobs to come without their request having been seen, where
	// requests are not told but looked for.
	unseen bool
}

// evidence gathers what the daemon has told since forget.
func (n *node) evidence(ctx context.Context, origin time.Time, list []*started, elsewhere []request) (*evidence, error) {
	if err := n.journal.flush(n.ctx(ctx), n.client); err != nil {
		return nil, err
	}
	log, err := n.log()
	if err != nil {
		return nil, err
	}
	e := &evidence{
		stored: map[layers.Digest]time.Time{}, prepared: map[layers.Digest]time.Time{}, committed: map[layers.Digest]time.Time{},
		applied: log.applied, requests: log.requests,
		parallel: n.daemon != nil && n.daemon.limits.unpacks > 1,
	}
	switch {
	case n.method == MethodClient:
		e.requests = n.own.drain()
	case n.daemon == nil:
		e.requests, e.unseen = elsewhere, n.runner.opt.Lab == nil
	}
	slices.SortStableFunc(e.requests, func(x, y request) int { return x.at.Compare(y.at) })
	for _, note := range n.journal.drain() {
		switch note.kind {
		case blobStored:
			e.stored[note.about] = note.at
		case snapshotPrepared:
			e.prepared[note.about] = note.at
		case snapshotCommitted:
			e.committed[note.about] = note.at
		}
	}
	if e.blended = n.daemon == nil && e.atOnce(list); e.blended {
		n.runner.doubt("the daemon unpacks layers of an image at once: what each of them took is not known, only all of them together")
	}
	return e, n.addStored(ctx, e, origin)
}

// atOnce says whether layers were unpacked before those below them.
func (e *evidence) atOnce(list []*started) bool {
	for _, s := range list {
		for i, l := range s.image.layers {
			if i == 0 {
				continue
			}
			prepared, begun := e.prepared[l.chain]
			below, made := e.committed[s.image.layers[i-1].chain]
			if begun && made && prepared.Before(below) {
				return true
			}
		}
	}
	return false
}

// addStored looks up when requested blobs were stored of which no event told:
// daemons before 2.0 have none.
func (n *node) addStored(ctx context.Context, e *evidence, origin time.Time) error {
	for _, r := range e.requests {
		if _, known := e.stored[r.digest]; known || r.digest == "" {
			continue
		}
		info, err := n.client.ContentStore().Info(n.ctx(ctx), digest.Digest(r.digest))
		if err != nil {
			continue // it never came
		}
		if info.CreatedAt.Before(origin) {
			return fmt.Errorf("node %d asked for %s, which it had", n.number, r.digest)
		}
		e.stored[r.digest] = info.CreatedAt
	}
	return nil
}

// asked is the first request for a blob that came, nil where none was seen.
func (e *evidence) asked(d layers.Digest) *request {
	i := slices.IndexFunc(e.requests, func(r request) bool { return r.digest == d })
	if i < 0 {
		return nil
	}
	return &e.requests[i]
}

// unpackOf is when a layer was applied, for the snapshot that was committed at a
// time; nil where the log does not tell.
func (e *evidence) unpackOf(d layers.Digest, committed time.Time) *applied {
	var best *applied
	for i := range e.applied {
		a := &e.applied[i]
		if a.digest == d && !a.end.After(committed) && (best == nil || a.end.After(best.end)) {
			best = a
		}
	}
	return best
}

// owners tell whose the layers are that were fetched and unpacked: positions in the
// list of starts.
type owners struct {
	fetch, unpack map[layers.Digest]int // by digest, by chainID
}

func (e *evidence) owners(list []*started) owners {
	o := owners{map[layers.Digest]int{}, map[layers.Digest]int{}}
	for i, s := range list {
		for _, l := range s.image.layers {
			if _, came := e.stored[l.digest]; came {
				o.claimFetch(e, list, i, l.digest)
			}
		}
	}
	for i, s := range list {
		for _, l := range s.image.layers {
			if _, made := e.committed[l.chain]; !made {
				continue
			}
			_, taken := o.unpack[l.chain]
			fetcher, fetched := o.fetch[l.digest]
			if !taken || fetched && fetcher == i && !o.fetchedIn(list[o.unpack[l.chain]], o.unpack[l.chain], l.chain) {
				o.unpack[l.chain] = i
			}
		}
	}
	return o
}

// claimFetch gives a blob to a start unless an earlier one has a better claim: the
// request names its repository.
func (o *owners) claimFetch(e *evidence, list []*started, i int, d layers.Digest) {
	asked := e.asked(d)
	if asked == nil && !e.unseen {
		return // it came from elsewhere: nothing was fetched
	}
	before, taken := o.fetch[d]
	named := func(i int) bool { return asked != nil && list[i].image.repository == asked.repository }
	if !taken || named(i) && !named(before) {
		o.fetch[d] = i
	}
}

// fetchedIn says whether a start fetched the blob that a chain of its image is made
// of.
func (o *owners) fetchedIn(s *started, i int, chain layers.Digest) bool {
	for _, l := range s.image.layers {
		if l.chain == chain {
			fetcher, ok := o.fetch[l.digest]
			return ok && fetcher == i
		}
	}
	return false
}

// latest compares wall clocks: only times of this process have a monotonic one.
func latest(times ...time.Time) time.Time {
	return slices.MaxFunc(times, func(x, y time.Time) int { return x.Round(0).Compare(y.Round(0)) })
}
