//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	containerd "github.com/containerd/containerd/v2/client"

	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

// started is one start of a run with what this program saw of it.
type started struct {
	start *measure.Start
	image *pulledImage
	node  *node
	id    string // of its container
	// begun is the request, pulled when the pull returned, created the moments at
	// which steps of creating ended, ready the readiness.
	begun, pulled time.Time
	created       []time.Time
	ready         time.Time
	container     containerd.Container
	task          containerd.Task // nil where there is none
	err           error
}

// Run implements measure.Runner.
func (r *Runner) Run(ctx context.Context, arm *measure.Arm) ([]simulate.Startup, error) {
	list, err := r.startsOf(arm)
	if err != nil {
		return nil, err
	}
	for _, n := range r.nodes {
		// Others may not serve, and hold nothing of this run.
		if !slices.ContainsFunc(list, func(s *started) bool { return s.node == n }) {
			continue
		}
		if err := n.forget(ctx); err != nil {
			return nil, err
		}
	}
	if err := portsClosed(ctx, list); err != nil {
		return nil, err
	}
	if r.opt.Lab != nil {
		r.opt.Lab.Requests()
	}
	r.running = list
	watch := r.watchIngests(ctx)
	origin := time.Now()
	var group sync.WaitGroup
	for _, s := range list {
		group.Go(func() { s.make(ctx, arm) })
	}
	group.Wait()
	watch.stop()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return r.tell(ctx, origin, list, watch)
}

// Finish implements measure.Runner. Shims end with their containers, and none of the
// program's processes is their parent: what they used can be read until then only.
func (r *Runner) Finish(ctx context.Context) error {
	list := r.running
	r.running = nil
	return r.takeApart(ctx, list)
}

func (r *Runner) startsOf(arm *measure.Arm) ([]*started, error) {
	if _, _, err := r.imagesOf(arm); err != nil {
		return nil, err
	}
	var list []*started
	for i := range arm.Starts {
		s := &arm.Starts[i]
		n := r.nodes[s.Node]
		if n.client == nil {
			return nil, fmt.Errorf("run arm %s: it was not prepared", arm.Name)
		}
		r.starts++
		list = append(list, &started{start: s, image: r.images[s.Image], node: n, id: fmt.Sprintf("%s-%d", r.root.mark.Cgroup, r.starts)})
	}
	return list, nil
}

// portsClosed makes sure that nothing answers yet at the ports that starts are to be
// ready by, for it would pass for them.
func portsClosed(ctx context.Context, list []*started) error {
	for _, s := range list {
		if !byPort(s.start) {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		conn, err := dialerOf(s.node.runner.opt.Lab, s.node.number)(ctx, "tcp", loopbackPort(s.start.Readiness.Port))
		cancel()
		if err == nil {
			conn.Close()
			return fmt.Errorf("something listens on port %d before %s is started, which is to be ready by it: end that, or have the image listen on another port", s.start.Readiness.Port, s.image.name)
		}
	}
	return nil
}

// make pulls the image, and starts it unless the pull is all.
func (s *started) make(ctx context.Context, arm *measure.Arm) {
	ctx = s.node.ctx(ctx)
	s.begun = time.Now()
	s.err = s.node.pull(ctx, s.image.name, arm.MaxConcurrentDownloads)
	s.pulled = time.Now()
	s.ready = s.pulled
	if s.err == nil && !s.start.PullOnly {
		s.err = s.run(ctx)
	}
}

// takeApart removes the containers of a run, also when its context has ended.
func (r *Runner) takeApart(ctx context.Context, list []*started) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
	defer cancel()
	var errs []error
	for _, s := range list {
		if s.container != nil {
			errs = append(errs, removeContainer(s.node.ctx(ctx), s.container))
		}
		if s.task != nil {
			// The task was removed as another client does, that has none of its streams: their
			// fifos go with these.
			s.task.IO().Cancel()
			errs = append(errs, s.task.IO().Close())
		}
	}
	return errors.Join(errs...)
}

// forget drops what was noted before a run.
func (n *node) forget(ctx context.Context) error {
	if err := n.journal.flush(n.ctx(ctx), n.client); err != nil {
		return err
	}
	n.journal.drain()
	n.own.drain()
	_, err := n.log()
	return err
}

// tell turns what was noted during a run into startups.
func (r *Runner) tell(ctx context.Context, origin time.Time, list []*started, watch *ingestWatch) ([]simulate.Startup, error) {
	asked := watch.requests
	if r.opt.Lab != nil {
		asked = labRequests(r.opt.Lab.Requests())
	}
	startups := make([]simulate.Startup, len(list))
	for _, n := range r.nodes {
		var here []*started
		var at []int
		for i, s := range list {
			if s.node == n {
				here, at = append(here, s), append(at, i)
			}
		}
		if here == nil {
			continue
		}
		e, err := n.evidence(ctx, origin, here, asked[n.number])
		if err != nil {
			return nil, err
		}
		for i, u := range e.startups(origin, here) {
			startups[at[i]] = u
		}
	}
	return startups, nil
}
