//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/containerd/platforms"

	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate/network"
)

// Prepare implements measure.Runner. What is kept is brought over an unshaped link.
func (r *Runner) Prepare(ctx context.Context, arm *measure.Arm) error {
	keep, all, err := r.imagesOf(arm)
	if err != nil {
		return err
	}
	if err := r.possible(arm); err != nil {
		return err
	}
	if err := r.logins.renew(ctx, r.registries); err != nil {
		return err
	}
	if err := r.shape(nil); err != nil {
		return err
	}
	for _, n := range r.nodes {
		// What other nodes hold is of no matter to this arm, and removing it takes time.
		if !slices.ContainsFunc(arm.Starts, func(s measure.Start) bool { return s.Node == n.number }) {
			continue
		}
		if err := n.serve(ctx, r.limitsOf(arm)); err != nil {
			return err
		}
		if err := n.unshared(n.ctx(ctx), all); err != nil {
			return err
		}
		if err := n.provide(ctx, keep); err != nil {
			return err
		}
	}
	if err := r.shape(arm.Link); err != nil {
		return err
	}
	if err := r.writeBack(); err != nil {
		return err
	}
	if arm.DropPageCache {
		return measure.DropPageCache()
	}
	return nil
}

// writeBack has written what preparing has left to be written, which would else be
// during the run.
func (r *Runner) writeBack() error {
	if r.opt.Address == "" {
		return measure.SyncFileSystem(r.root.dir)
	}
	err := errors.New("it does not say where its snapshots are")
	if dir := r.nodes[0].snapshots; dir != "" {
		err = measure.SyncFileSystem(dir)
	}
	if err != nil {
		r.doubt("what the daemon had still to write to its disk when runs began was not waited for: %v", err)
	}
	return nil
}

// CheckArm says why an arm could not be run here.
func (r *Runner) CheckArm(arm *measure.Arm) error {
	if _, _, err := r.imagesOf(arm); err != nil {
		return err
	}
	if arm.DropPageCache {
		if err := measure.CheckPageCache(); err != nil {
			return fmt.Errorf("arm %s: %w", arm.Name, err)
		}
	}
	if err := r.runs(arm); err != nil {
		return fmt.Errorf("arm %s: %w", arm.Name, err)
	}
	return r.possible(arm)
}

// runs refuses to start what is of a platform that this host's containers are not of.
func (r *Runner) runs(arm *measure.Arm) error {
	p, err := platforms.Parse(r.opt.Platform)
	if err != nil || platforms.Default().Match(p) || !slices.ContainsFunc(arm.Starts, func(s measure.Start) bool { return !s.PullOnly }) {
		return err
	}
	return fmt.Errorf("images for %s are not started on this host, which runs %s: pull them only (--pull-only), or leave --platform out", r.opt.Platform, platforms.Format(platforms.DefaultSpec()))
}

// imagesOf returns the images that an arm keeps, and those with the ones that it
// starts.
func (r *Runner) imagesOf(arm *measure.Arm) (keep, all []*pulledImage, err error) {
	for _, ref := range arm.Keep {
		img, err := r.image(ref)
		if err != nil {
			return nil, nil, fmt.Errorf("arm %s: %w", arm.Name, err)
		}
		keep = append(keep, img)
	}
	all = slices.Clone(keep)
	for i := range arm.Starts {
		s := &arm.Starts[i]
		img, err := r.image(s.Image)
		if err != nil {
			return nil, nil, fmt.Errorf("arm %s: %w", arm.Name, err)
		}
		if s.Node < 0 || s.Node >= len(r.nodes) {
			return nil, nil, fmt.Errorf("arm %s: node %d: there are %d, numbered from 0", arm.Name, s.Node, len(r.nodes))
		}
		if s.Readiness != nil {
			if err := s.Readiness.Validate(); err != nil {
				return nil, nil, fmt.Errorf("arm %s: %w", arm.Name, err)
			}
		}
		all = append(all, img)
	}
	return keep, all, r.portsApart(arm)
}

// portsApart refuses two starts that are ready by one port of one network, where the
// first that listens would make both ready.
func (r *Runner) portsApart(arm *measure.Arm) error {
	type place struct{ network, port int }
	first := map[place]int{}
	for i := range arm.Starts {
		s := &arm.Starts[i]
		if !byPort(s) {
			continue
		}
		at := place{port: s.Readiness.Port}
		if r.opt.Lab != nil && r.opt.Lab.Namespaces() {
			at.network = s.Node
		}
		if other, taken := first[at]; taken {
			return fmt.Errorf("arm %s: starts %d and %d share a network and are both ready by port %d, so that one would make both ready: start them apart, by other ports, or on nodes with namespaces of their own", arm.Name, other+1, i+1, at.port)
		}
		first[at] = i
	}
	return nil
}

// byPort says that a start is ready by a port of its own.
func byPort(s *measure.Start) bool {
	return !s.PullOnly && s.Readiness != nil && (s.Readiness.By == measure.ReadyTCP || s.Readiness.By == measure.ReadyHTTP)
}

// possible refuses what this runner cannot set for an arm.
func (r *Runner) possible(arm *measure.Arm) error {
	if l := arm.Link; l != nil && r.opt.Lab == nil && (l.Rate != network.Unlimited || l.Delay != 0) {
		return fmt.Errorf("arm %s: a link is shaped in a lab alone, and there is none", arm.Name)
	}
	if r.opt.Address != "" && r.nodes[0].method == MethodTransfer && (arm.MaxConcurrentDownloads != 0 || arm.MaxConcurrentUnpacks != 0) {
		return fmt.Errorf("arm %s: the limits of a daemon that runs already are as they are: measure with a daemon of one's own", arm.Name)
	}
	// Older ones pass over max_concurrent_unpacks with a warning.
	if n := r.nodes[0]; arm.MaxConcurrentUnpacks > 1 && (n.method == MethodClient || !n.version.atLeast(2, 2)) {
		return fmt.Errorf("arm %s: containerd %s, pulling by %s, unpacks the layers of an image one after another; %d at once takes 2.2 and the transfer service", arm.Name, n.version, n.method, arm.MaxConcurrentUnpacks)
	}
	return nil
}

// limitsOf are the limits that the daemon itself is configured with for an arm.
func (r *Runner) limitsOf(arm *measure.Arm) limits {
	if r.opt.Address != "" || r.nodes[0].method == MethodClient {
		return limits{}
	}
	return limits{arm.MaxConcurrentDownloads, arm.MaxConcurrentUnpacks}
}

// shape sets the lab's link, nil for an unlimited one, and tells the nodes where the
// registry is then.
func (r *Runner) shape(link *measure.Link) error {
	if l := r.opt.Lab; l != nil {
		want := measure.Link{Rate: network.Unlimited}
		if link != nil {
			want = *link
		}
		rate := float64(want.Rate)
		if want.Rate == network.Unlimited {
			rate = math.Inf(1)
		}
		if err := l.SetLink(rate, want.Delay); err != nil {
			return fmt.Errorf("shape the link: %w", err)
		}
	}
	var errs []error
	for _, n := range r.nodes {
		errs = append(errs, n.writeHosts())
	}
	return errors.Join(errs...)
}
