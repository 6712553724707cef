//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins"
)

// node is one daemon with what is watched of it.
type node struct {
	runner *Runner
	number int
	places places
	// daemon is nil where one ran already.
	daemon  *daemon
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

// ctx is of the runner's namespace.
func (n *node) ctx(ctx context.Context) context.Context {
	return namespaces.WithNamespace(ctx, n.runner.opt.Namespace)
}

// serve sees to it that the node's daemon runs with the limits.
func (n *node) serve(ctx context.Context, l limits) error {
	if n.client != nil && (n.daemon == nil || n.daemon.limits == l && n.daemon.process.alive()) {
		return nil
	}
	if err := n.stop(); err != nil {
		return err
	}
	opt := &n.runner.opt
	if opt.Address != "" {
		client, err := connect(ctx, opt.Address)
		if err != nil {
			return err
		}
		n.client = client
		return n.begin(ctx)
	}
	d, err := startDaemon(ctx, n.runner.program, n.places, l, opt.Lab, n.number, n.runner.root.started)
	if err != nil {
		return fmt.Errorf("node %d: %w", n.number, err)
	}
	n.daemon, n.client = d, d.client
	return n.begin(ctx)
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
	if n.method, err = n.chooseMethod(ctx); err != nil {
		return err
	}
	if err := claimNamespace(n.ctx(ctx), n.client, n.runner.opt.Namespace); err != nil {
		return err
	}
	n.journal, err = listen(n.ctx(ctx), n.client, n.runner.opt.Namespace)
	return err
}

// chooseMethod is how the kubelet's pulls go with a daemon of this version: through
// the transfer service since 2.1 (internal/cri/server/images/image_pull.go,
// use_local_image_pull).
func (n *node) chooseMethod(ctx context.Context) (string, error) {
	switch wanted := n.runner.opt.Method; {
	case wanted == MethodClient, wanted == "" && !n.version.atLeast(2, 1):
		return MethodClient, nil
	case wanted != MethodTransfer && wanted != "":
		return "", fmt.Errorf("method %q: images are pulled by %s or %s", wanted, MethodTransfer, MethodClient)
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

// ownLabel is on namespaces that a runner made.
const ownLabel = "cachebench"

// claimNamespace makes the namespace, or makes sure that a runner made it. The
// context is of a namespace, without which daemons before 1.7 do not tell of it.
func claimNamespace(ctx context.Context, client *containerd.Client, name string) error {
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
		if labels[ownLabel] == "" {
			return fmt.Errorf("namespace %s is there already and was not made here; name another, since all that is in it would be removed", name)
		}
		return nil
	}
	if err := service.Create(ctx, name, map[string]string{ownLabel: "measure"}); err != nil {
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

// writeHosts says where the node finds registries.
func (n *node) writeHosts() error {
	addr := n.runner.opt.Registry
	if l := n.runner.opt.Lab; l != nil {
		addr = l.Addr(n.number)
	}
	if addr == "" {
		return nil
	}
	dir := filepath.Join(n.places.hosts, "_default")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf("server = %q\ncapabilities = [\"pull\", \"resolve\"]\n", "http://"+addr)
	return os.WriteFile(filepath.Join(dir, "hosts.toml"), []byte(text), 0o644)
}

// hostDir is the directory of registry hosts.
func (n *node) hostDir() string {
	if opt := &n.runner.opt; opt.Lab == nil && opt.Registry == "" {
		return opt.HostDir
	}
	return n.places.hosts
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
