//go:build linux

package containerd

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/containerd/containerd/api/types/runc/options"
	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/cio"
	"github.com/containerd/containerd/v2/pkg/oci"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/cachebench/cachebench/measure"
)

// runcShim is the runtime of containers.
const runcShim = "io.containerd.runc.v2"

// run creates the container and starts it, and waits until it is ready.
func (s *started) run(ctx context.Context) error {
	readiness := s.start.Readiness
	if readiness == nil {
		readiness = &measure.Readiness{By: measure.ReadyStarted}
	}
	timeout := readiness.Timeout
	if timeout == 0 {
		timeout = measure.DefaultReadyTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	wait, err := newWait(readiness, s.node)
	if err != nil {
		return err
	}
	task, err := s.create(ctx, wait)
	if err != nil {
		return err
	}
	exited, err := task.Wait(ctx)
	if err != nil {
		return fmt.Errorf("wait for the container of %s: %w", s.image.name, err)
	}
	if err := task.Start(ctx); err != nil {
		return fmt.Errorf("start the container of %s: %w", s.image.name, err)
	}
	s.step()
	if s.ready, err = wait.until(ctx, s.created[len(s.created)-1], exited); err != nil {
		return err // that it is a start, and of what, is told with it
	}
	return nil
}

// step notes that a step of creating has ended.
func (s *started) step() { s.created = append(s.created, time.Now()) }

// create prepares the snapshot, creates the container and its task.
func (s *started) create(ctx context.Context, wait *readyWait) (containerd.Task, error) {
	n := s.node
	img, err := n.client.GetImage(ctx, s.image.name)
	if err != nil {
		return nil, fmt.Errorf("look %s up after its pull: %w", s.image.name, err)
	}
	err = mounting.while(func() (err error) {
		s.container, err = n.client.NewContainer(ctx, s.id,
			containerd.WithSnapshotter(n.runner.opt.Snapshotter),
			containerd.WithNewSnapshot(s.id, img),
			containerd.WithRuntime(runcShim, &options.Options{Root: n.places.runc}),
			containerd.WithNewSpec(s.spec(img)...))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create a container of %s: %w", s.image.name, err)
	}
	s.step()
	s.task, err = s.container.NewTask(ctx, cio.NewCreator(cio.WithStreams(nil, wait.stream(), wait.stream()), cio.WithFIFODir(n.places.fifos)))
	if err != nil {
		return nil, fmt.Errorf("create the task of %s: %w%s", s.image.name, err, hint(err))
	}
	s.step()
	return s.task, nil
}

// hint says what to do about an image without a command (runc, utils_linux.go).
func hint(err error) string {
	if strings.Contains(err.Error(), "args must not be empty") {
		return ": the image has no command of its own; say what to run, or pull it only"
	}
	return ""
}

// spec is a container on its node's network, in a control group that is known to
// be ours.
func (s *started) spec(img containerd.Image) []oci.SpecOpts {
	image := oci.WithImageConfig(img)
	if len(s.start.Args) > 0 {
		image = oci.Compose(image, oci.WithProcessArgs(s.start.Args...))
	}
	return []oci.SpecOpts{
		oci.WithDefaultPathEnv, image,
		oci.WithHostNamespace(specs.NetworkNamespace),
		oci.WithHostHostsFile, oci.WithHostResolvconf,
		oci.WithCgroup(filepath.Join("/", s.node.runner.root.mark.Cgroup, s.id)),
	}
}
