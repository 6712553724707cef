//go:build linux

package containerd

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/containerd/v2/core/content"

	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/layers"
)

// looking is how often ingests are looked at: layers that come in less time may not be
// seen.
const looking = 3 * time.Millisecond

// ingestWatch looks at what a daemon takes in, where neither its log nor the
// registry's is there to tell when layers are requested.
type ingestWatch struct {
	cancel   context.CancelFunc
	group    sync.WaitGroup
	requests map[int][]request // by node
}

func (r *Runner) watchIngests(ctx context.Context) *ingestWatch {
	ctx, cancel := context.WithCancel(ctx)
	w := &ingestWatch{cancel: cancel, requests: map[int][]request{}}
	if n := r.nodes[0]; n.daemon == nil && n.method == MethodTransfer && r.opt.Lab == nil {
		r.doubt("when layers were requested was looked for every %v in the daemon's store: the time until a layer's first byte counts as waiting for a slot", looking)
		w.group.Go(func() { w.requests[0] = n.watchIngests(ctx) })
	}
	return w
}

func (w *ingestWatch) stop() {
	w.cancel()
	w.group.Wait()
}

// watchIngests returns what was seen of each layer's ingest, once the context ends.
func (n *node) watchIngests(ctx context.Context) []request {
	seen := ingests{}
	for ctx.Err() == nil {
		at := time.Now()
		statuses, err := n.client.ContentStore().ListStatuses(n.ctx(ctx))
		if err == nil {
			for _, s := range statuses {
				seen.see(at, s)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(looking):
		}
	}
	return slices.Collect(maps.Values(seen))
}

// ingests are those of layers that were seen. All of an image are opened together,
// and wait for one of the daemon's slots until anything is asked of the registry
// (core/remotes/docker/fetcher.go): the request is after the last look at which
// nothing had come yet.
type ingests map[layers.Digest]request

func (seen ingests) see(at time.Time, s content.Status) {
	// remotes.MakeRefKey: layer-DIGEST
	i := strings.Index(s.Ref, "sha256:")
	if i < 0 {
		return
	}
	r, known := seen[layers.Digest(s.Ref[i:])]
	if !known {
		r = request{digest: layers.Digest(s.Ref[i:]), opened: s.StartedAt, at: s.StartedAt}
	}
	if s.Offset == 0 && at.After(r.at) {
		r.at = at
	}
	seen[r.digest] = r
}

// labRequests are what a lab's registry was asked, by node.
func labRequests(list []lab.Request) map[int][]request {
	byNode := map[int][]request{}
	for _, asked := range list {
		r, ok := requestOf(asked.Path)
		if !ok || asked.Method != "GET" {
			continue
		}
		r.at = asked.Arrived
		byNode[asked.Node] = append(byNode[asked.Node], r)
	}
	return byNode
}
