//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/leases"
	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"

	"github.com/cachebench/cachebench/layers"
)

// removeContainers removes all containers of the namespace with their tasks.
func (n *node) removeContainers(ctx context.Context) error {
	ctx = n.ctx(ctx)
	list, err := n.client.Containers(ctx)
	if err != nil {
		return fmt.Errorf("list containers on node %d: %w", n.number, err)
	}
	var errs []error
	for _, c := range list {
		errs = append(errs, removeContainer(ctx, c))
	}
	return errors.Join(errs...)
}

// removeContainer ends a container's task and removes both with the snapshot.
func removeContainer(ctx context.Context, c containerd.Container) error {
	if task, err := c.Task(ctx, nil); err == nil {
		if _, err := task.Delete(ctx, containerd.WithProcessKill); err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("end container %s: %w", c.ID(), err)
		}
	}
	if err := c.Delete(ctx, containerd.WithSnapshotCleanup); err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove container %s: %w", c.ID(), err)
	}
	return nil
}

// reduce removes all of the namespace but the images that are kept, and waits until
// their content and snapshots are gone.
func (n *node) reduce(ctx context.Context, keep []*pulledImage) error {
	if err := n.removeContainers(ctx); err != nil {
		return err
	}
	ctx = n.ctx(ctx)
	list, err := n.client.ImageService().List(ctx)
	if err != nil {
		return fmt.Errorf("list images on node %d: %w", n.number, err)
	}
	for _, img := range list {
		if slices.ContainsFunc(keep, func(k *pulledImage) bool { return k.name == img.Name }) {
			continue
		}
		if err := n.client.ImageService().Delete(ctx, img.Name); err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("remove image %s from node %d: %w", img.Name, n.number, err)
		}
	}
	return n.collect(ctx)
}

// collect removes leases and ingests, and has the daemon collect its garbage: that
// comes with the synchronous removal of anything, here of a lease made for it.
func (n *node) collect(ctx context.Context) error {
	manager := n.client.LeasesService()
	list, err := manager.List(ctx)
	if err != nil {
		return fmt.Errorf("list leases on node %d: %w", n.number, err)
	}
	for _, l := range list {
		if err := manager.Delete(ctx, l); err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("remove a lease from node %d: %w", n.number, err)
		}
	}
	statuses, err := n.client.ContentStore().ListStatuses(ctx)
	if err != nil {
		return fmt.Errorf("list ingests on node %d: %w", n.number, err)
	}
	for _, s := range statuses {
		if err := n.client.ContentStore().Abort(ctx, s.Ref); err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("remove an ingest from node %d: %w", n.number, err)
		}
	}
	lease, err := manager.Create(ctx, leases.WithRandomID(), leases.WithExpiration(time.Minute))
	if err != nil {
		return fmt.Errorf("have node %d collect garbage: %w", n.number, err)
	}
	if err := manager.Delete(ctx, lease, leases.SynchronousDelete); err != nil {
		return fmt.Errorf("have node %d collect garbage: %w", n.number, err)
	}
	return nil
}

// held is what a node holds.
type held struct {
	blobs  map[layers.Digest]int64 // compressed bytes
	chains map[layers.Digest]bool
	others []string // snapshots that are no layers
}

func (n *node) held(ctx context.Context) (*held, error) {
	ctx = n.ctx(ctx)
	h := &held{blobs: map[layers.Digest]int64{}, chains: map[layers.Digest]bool{}}
	err := n.client.ContentStore().Walk(ctx, func(i content.Info) error {
		h.blobs[layers.Digest(i.Digest.String())] = i.Size
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list content on node %d: %w", n.number, err)
	}
	err = n.client.SnapshotService(n.runner.opt.Snapshotter).Walk(ctx, func(_ context.Context, i snapshots.Info) error {
		if i.Kind == snapshots.KindCommitted {
			h.chains[layers.Digest(i.Name)] = true
		} else {
			h.others = append(h.others, i.Name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list snapshots on node %d: %w", n.number, err)
	}
	return h, nil
}

// check says what a node holds that it should not, or lacks: all chains of what is
// kept must be there, and no blob or snapshot of anything else.
func (h *held) check(keep []*pulledImage) error {
	blobs, chains := map[layers.Digest]bool{}, map[layers.Digest]bool{}
	for _, img := range keep {
		for _, d := range img.documents {
			blobs[d] = true
		}
		for _, l := range img.layers {
			blobs[l.digest], chains[l.chain] = true, true
			if !h.chains[l.chain] {
				return fmt.Errorf("layer %s of %s is not there", l.digest, img.name)
			}
		}
	}
	for d := range h.blobs {
		if !blobs[d] {
			return fmt.Errorf("blob %s is there, which no kept image has", d)
		}
	}
	for c := range h.chains {
		if !chains[c] {
			return fmt.Errorf("snapshot %s is there, which no kept image has", c)
		}
	}
	if len(h.others) > 0 {
		return fmt.Errorf("snapshots of containers or of layers half unpacked are there: %s", strings.Join(h.others, ", "))
	}
	return nil
}

// provide brings a node to hold the kept images and nothing else.
func (n *node) provide(ctx context.Context, keep []*pulledImage) error {
	if err := n.reduce(ctx, keep); err != nil {
		return err
	}
	if err := n.pullMissing(ctx, keep); err != nil {
		return err
	}
	err := n.verify(ctx, keep)
	if err == nil || len(keep) == 0 {
		return err
	}
	// Something was half there, as after a start that failed: begin with nothing.
	if err := n.reduce(ctx, nil); err != nil {
		return err
	}
	if err := n.verify(ctx, nil); err != nil {
		return err
	}
	if err := n.pullMissing(ctx, keep); err != nil {
		return err
	}
	return n.verify(ctx, keep)
}

func (n *node) pullMissing(ctx context.Context, keep []*pulledImage) error {
	for _, img := range keep {
		if _, err := n.client.ImageService().Get(n.ctx(ctx), img.name); err == nil {
			continue
		}
		if err := n.pull(n.ctx(ctx), img.name, 0); err != nil {
			return fmt.Errorf("bring what is kept: %w", err)
		}
	}
	return nil
}

func (n *node) verify(ctx context.Context, keep []*pulledImage) error {
	h, err := n.held(ctx)
	if err != nil {
		return err
	}
	if err := h.check(keep); err != nil {
		return fmt.Errorf("node %d is not as a run must begin: %w", n.number, err)
	}
	return nil
}

// unshared makes sure that no other namespace of a running daemon holds what is to
// be pulled, for it would be taken from there silently.
func (n *node) unshared(ctx context.Context, arm []*pulledImage) error {
	if n.daemon != nil {
		return nil
	}
	names, err := n.client.NamespaceService().List(ctx)
	if err != nil {
		return fmt.Errorf("list containerd's namespaces: %w", err)
	}
	for _, name := range names {
		if name == n.runner.opt.Namespace {
			continue
		}
		for _, img := range arm {
			for _, d := range img.blobs() {
				_, err := n.client.ContentStore().Info(namespaces.WithNamespace(ctx, name), digest.Digest(d))
				if err == nil {
					return fmt.Errorf("namespace %s of the daemon holds %s of %s, which a pull would take from there: remove it, or measure with a daemon of one's own", name, d, img.name)
				}
			}
		}
	}
	return nil
}

// leaveDaemon removes a runner's namespace from a daemon that goes on, unless it is
// another's by now.
func leaveDaemon(ctx context.Context, m *mark) error {
	namespace := m.Namespace
	client, err := connectTo(ctx, m.Address)
	if err != nil {
		return err
	}
	defer client.Close()
	labels, err := client.NamespaceService().Labels(namespaces.WithNamespace(ctx, namespace), namespace)
	if errdefs.IsNotFound(err) || err == nil && labels[ownLabel] != m.label() {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at namespace %s: %w", namespace, err)
	}
	n := &node{client: client, runner: &Runner{opt: Options{Namespace: namespace}}}
	if err := n.reduce(ctx, nil); err != nil {
		return err
	}
	if err := client.NamespaceService().Delete(ctx, namespace); err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove namespace %s: %w", namespace, err)
	}
	return nil
}
