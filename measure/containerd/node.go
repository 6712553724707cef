//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/log"
	"github.com/sirupsen/logrus"
)

// node is one daemon with what is watched of it.
type node struct {
	runner *Runner
	number int
	places places
	// daemon is nil where one ran already, of which snapshots is the directory of its
	// snapshotter; empty is unknown.
	daemon    *daemon
	snapshots string

	client  *containerd.Client
	version version
	method  string
	journal *journal
	// logged is how far the daemon's log was read.
	logged int64
	// own are requests of a pull by this program itself.
	own *requestLog
	// locks keep two pulls of this program from fetching one layer twice.
	locks *keyedLocks
}

func (r *Runner) newNode(number int) (*node, error) {
	n := &node{runner: r, number: number, places: placesIn(filepath.Join(r.root.dir, strconv.Itoa(number))), own: &requestLog{}, locks: newKeyedLocks()}
	for _, dir := range []string{n.places.dir, n.places.hosts, n.places.fifos, n.places.runc} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return nil, fmt.Errorf("make a place for node %d: %w", number, err)
		}
	}
	return n, nil
}

// quiet is for containerd's client, which else tells its users' stderr of every host
// that it tries; what fails is in its errors.
var quiet = func() *log.Entry {
	l := logrus.New()
	l.SetOutput(io.Discard)
	return logrus.NewEntry(l)
}()

// ctx is of the runner's namespace.
func (n *node) ctx(ctx context.Context) context.Context {
	return namespaces.WithNamespace(log.WithLogger(ctx, quiet), n.runner.opt.Namespace)
}

// serve sees to it that the node's daemon runs with the limits.
func (n *node) serve(ctx context.Context, l limits) error {
	if n.client != nil && (n.daemon == nil || n.daemon.limits == l && n.daemon.process.alive()) {
		return nil
	}
	if err := n.stop(); err != nil {
		return err
	}
	err := n.connect(ctx, l)
	if err == nil {
		err = n.begin(ctx)
	}
	if err != nil {
		// Half begun it would pass for one that serves.
		return fmt.Errorf("node %d: %w", n.number, errors.Join(err, n.stop()))
	}
	return nil
}

// connect starts the node's daemon, or finds the one that runs.
func (n *node) connect(ctx context.Context, l limits) (err error) {
	opt := &n.runner.opt
	if opt.Address != "" {
		if n.client, err = connectTo(ctx, opt.Address); err != nil {
			return err
		}
		return n.runner.root.write(func(m *mark) { m.Address, m.Namespace = opt.Address, opt.Namespace })
	}
	if n.daemon, err = startDaemon(ctx, n.runner.program, n.places, l, opt.Lab, n.number, n.runner.root.started); err == nil {
		n.client = n.daemon.client
	}
	return err
}

// begin learns what the daemon is and listens to it.
func (n *node) begin(ctx context.Context) error {
	v, err := n.client.Version(ctx)
	if err != nil {
		return fmt.Errorf("ask containerd for its version: %w", err)
	}
	if n.version, err = parseVersion(v.Version); err != nil {
		return err
	}
	method, err := n.chooseMethod(ctx)
	if err != nil {
		return err
	}
	n.method = method
	if err := claimNamespace(n.ctx(ctx), n.client, n.runner.opt.Namespace, &n.runner.root.mark); err != nil {
		return err
	}
	if err := n.look(ctx); err != nil {
		return err
	}
	n.journal, err = listen(n.ctx(ctx), n.client, n.runner.opt.Namespace)
	return err
}

// look makes sure that the daemon has the snapshotter, and finds out of one that ran
// already where its snapshots are, as far as it tells.
func (n *node) look(ctx context.Context) error {
	found, err := n.client.IntrospectionService().Plugins(n.ctx(ctx), "type=="+string(plugins.SnapshotPlugin))
	if err != nil {
		return nil // the first pull tells
	}
	var others []string
	for _, p := range found.Plugins {
		switch {
		case p.ID != n.runner.opt.Snapshotter && p.InitErr == nil:
			others = append(others, p.ID)
		case p.ID != n.runner.opt.Snapshotter:
		case p.InitErr != nil:
			return fmt.Errorf("snapshotter %s does not work here: %s", p.ID, p.InitErr.Message)
		default:
			if n.daemon == nil {
				n.snapshots = p.Exports[plugins.SnapshotterRootDir]
			}
			return nil
		}
	}
	slices.Sort(others)
	return fmt.Errorf("containerd has no snapshotter %s: name one that it has (%s)", n.runner.opt.Snapshotter, strings.Join(others, ", "))
}

// chooseMethod is how the kubelet's pulls go with a daemon of this version: through
// the transfer service since 2.1 (internal/cri/server/images/image_pull.go,
// use_local_image_pull). That of 1.7 cannot be told where registries are
// (pkg/transfer/registry knows no hosts directory).
func (n *node) chooseMethod(ctx context.Context) (string, error) {
	switch wanted := n.runner.opt.Method; {
	case wanted == MethodClient, wanted == "" && !n.version.atLeast(2, 1):
		return MethodClient, nil
	case !n.version.atLeast(2, 0):
		return "", fmt.Errorf("the transfer service of containerd %s takes no directory of registry hosts, as that of 2.0 does: pull by %s", n.version, MethodClient)
	}
	found, err := n.client.IntrospectionService().Plugins(ctx, "type=="+string(plugins.TransferPlugin))
	if err != nil {
		return "", fmt.Errorf("ask containerd for its transfer service: %w", err)
	}
	if len(found.Plugins) == 0 {
		return "", fmt.Errorf("containerd %s has no transfer service: pull by %s", n.version, MethodClient)
	}
	return MethodTransfer, nil
}

// ownLabel is on namespaces that a runner made, and says which (mark.label).
const ownLabel = "cachebench"

// claimNamespace makes the namespace, or takes over that of a runner which was
// killed. The context is of a namespace, without which daemons before 1.7 do not tell
// of it.
func claimNamespace(ctx context.Context, client *containerd.Client, name string, m *mark) error {
	service := client.NamespaceService()
	names, err := service.List(ctx)
	if err != nil {
		return fmt.Errorf("list containerd's namespaces: %w", err)
	}
	for _, n := range names {
		if n != name {
			continue
		}
		labels, err := service.Labels(ctx, name)
		if err != nil {
			return fmt.Errorf("look at namespace %s: %w", name, err)
		}
		switch label := labels[ownLabel]; label {
		case m.label():
			return nil
		case "":
			return fmt.Errorf("namespace %s is there already and was not made here; name another, since all that is in it would be removed", name)
		default:
			if err := leftBehind(label); err != nil {
				return fmt.Errorf("namespace %s %w", name, err)
			}
		}
		if err := service.SetLabel(ctx, name, ownLabel, m.label()); err != nil {
			return fmt.Errorf("take over namespace %s of a measurement that was killed: %w", name, err)
		}
		return nil
	}
	if err := service.Create(ctx, name, map[string]string{ownLabel: m.label()}); err != nil {
		return fmt.Errorf("make namespace %s: %w", name, err)
	}
	return nil
}

// stop leaves the daemon, and ends it where it is the node's own.
func (n *node) stop() error {
	var errs []error
	if n.journal != nil {
		errs = append(errs, n.journal.close())
	}
	switch {
	case n.daemon != nil:
		errs = append(errs, n.daemon.stop())
	case n.client != nil:
		errs = append(errs, n.client.Close())
	}
	n.daemon, n.client, n.journal = nil, nil, nil
	return errors.Join(errs...)
}

// log returns what the daemon logged since the last call; nothing where its log is
// not ours to read.
func (n *node) log() (daemonLog, error) {
	if n.daemon == nil {
		return daemonLog{}, nil
	}
	f, err := os.Open(n.places.log)
	if err != nil {
		return daemonLog{}, fmt.Errorf("read the daemon's log: %w", err)
	}
	defer f.Close()
	if _, err := f.Seek(n.logged, io.SeekStart); err != nil {
		return daemonLog{}, fmt.Errorf("read the daemon's log: %w", err)
	}
	raw, err := io.ReadAll(f)
	if err != nil {
		return daemonLog{}, fmt.Errorf("read the daemon's log: %w", err)
	}
	// A line that is not complete yet is for the next time.
	whole := strings.LastIndexByte(string(raw), '\n') + 1
	n.logged += int64(whole)
	return readLog(raw[:whole]), nil
}
