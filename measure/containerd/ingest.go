//go:build linux

package containerd

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/layers"
)

// looking is how often ingests are looked at: smaller layers than come in that time
// may not be seen.
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
		w.group.Go(func() { w.requests[0] = n.watchIngests(ctx) })
	}
	return w
}

func (w *ingestWatch) stop() {
	w.cancel()
	w.group.Wait()
}

// watchIngests returns when each layer's ingest began, once the context ends.
func (n *node) watchIngests(ctx context.Context) (requests []request) {
	seen := map[layers.Digest]bool{}
	for ctx.Err() == nil {
		statuses, err := n.client.ContentStore().ListStatuses(n.ctx(ctx))
		if err == nil {
			for _, s := range statuses {
				// remotes.MakeRefKey: layer-DIGEST
				i := strings.Index(s.Ref, "sha256:")
				if i < 0 || seen[layers.Digest(s.Ref[i:])] {
					continue
				}
				d := layers.Digest(s.Ref[i:])
				seen[d] = true
				requests = append(requests, request{at: s.StartedAt, digest: d})
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(looking):
		}
	}
	return requests
}

// labRequests are what a lab's registry was asked, by node.
func labRequests(list []lab.Request) map[int][]request {
	byNode := map[int][]request{}
	for _, asked := range list {
		r, ok := requestOf(asked.Path)
		if !ok || asked.Method != "GET" {
			continue
		}
		r.at, r.answered = asked.Arrived, asked.FirstByte
		byNode[asked.Node] = append(byNode[asked.Node], r)
	}
	return byNode
}
