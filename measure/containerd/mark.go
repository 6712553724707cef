//go:build linux

package containerd

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/cachebench/cachebench/internal/scratch"
)

const (
	// rootPrefix begins the name of each runner's directory.
	rootPrefix = "cachebench-containerd-"
	markName   = "cachebench.json"
	// longestSocket leaves room for what containerd adds (.ttrpc) to the path of its
	// socket: a path has at most 107 bytes (unix(7)).
	longestSocket = 100
)

// rootKind is how runners' directories are known. The lock is no part of the mark, which
// is replaced as a whole when it changes.
var rootKind = scratch.Kind{Prefix: rootPrefix, Marker: "cachebench.lock"}

// mark is what a runner writes down of what it made, for CleanUp after a crash.
type mark struct {
	Boot string `json:"boot"`
	// PIDNamespace is that in which the processes have their numbers.
	PIDNamespace string  `json:"pidNamespace,omitempty"`
	Owner        process `json:"owner"`
	// Daemons are those that it started.
	Daemons []process `json:"daemons,omitempty"`
	// Cgroup is the name of the control group below which its containers are.
	Cgroup string `json:"cgroup"`
	// ShimSockets is whether the directory of shims' sockets was there before.
	ShimSockets bool `json:"shimSockets,omitempty"`
	// Address and Namespace are of a daemon that ran already.
	Address   string `json:"address,omitempty"`
	Namespace string `json:"namespace,omitempty"`
}

// root is a runner's directory.
type root struct {
	*scratch.Dir
	dir  string // its path
	mu   sync.Mutex
	mark mark
}

func newRoot(parent string) (*root, error) {
	// Mounts are listed, and processes are to be found, by the path without symlinks,
	// which this is.
	d, err := rootKind.Make(cmp.Or(parent, os.TempDir()))
	if err != nil {
		return nil, fmt.Errorf("make a place for containerd: %w", err)
	}
	if socket := placesIn(filepath.Join(d.Path, "999")).socket; len(socket) > longestSocket {
		return nil, errors.Join(fmt.Errorf("make a place for containerd: %s is too long for sockets: name a shorter root", socket), d.Remove())
	}
	owner, err := processOf(os.Getpid())
	if err != nil {
		return nil, errors.Join(err, d.Remove())
	}
	_, statErr := os.Stat(shimSockets)
	r := &root{Dir: d, dir: d.Path, mark: mark{
		Boot: bootID(), PIDNamespace: pidNamespace(), Owner: owner, ShimSockets: statErr == nil,
		Cgroup: "cachebench-" + strings.TrimPrefix(filepath.Base(d.Path), rootPrefix),
	}}
	if err := r.write(func(*mark) {}); err != nil {
		return nil, errors.Join(err, d.Remove())
	}
	return r, nil
}

// label is what a namespace on a daemon that runs already has of its owner.
func (m *mark) label() string {
	return fmt.Sprintf("%s %d %d %s %s", m.Boot, m.Owner.PID, m.Owner.Start, m.Cgroup, m.PIDNamespace)
}

// leftBehind says why a namespace with another's label cannot be taken over: its owner
// runs, or it cannot be told from here whether it does. Containers of one host share the
// daemon and the boot, but not the numbers of their processes.
func leftBehind(label string) error {
	var m mark
	const mend = "name another namespace, or remove this one once nothing runs in it"
	switch n, err := fmt.Sscan(label, &m.Boot, &m.Owner.PID, &m.Owner.Start, &m.Cgroup, &m.PIDNamespace); {
	case n != 5 || err != nil:
		return errors.New("is that of a measurement by another version, of which it cannot be told from here whether it runs: " + mend)
	case m.Boot != bootID():
		return nil // the host was started anew since
	case m.PIDNamespace != pidNamespace():
		return errors.New("is that of a measurement in another container, of which it cannot be told from here whether it runs: " + mend)
	case m.Owner.alive():
		return fmt.Errorf("is that of a measurement that runs, process %d: wait for its end, or name another", m.Owner.PID)
	}
	return nil
}

// write changes the mark, on the disk before anything that depends on it.
func (r *root) write(change func(*mark)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.mark)
	raw, err := json.Marshal(r.mark)
	if err != nil {
		return err
	}
	if err = r.Root.WriteFile(newMarkName, raw, 0o600); err == nil {
		err = r.Root.Rename(newMarkName, markName)
	}
	if err != nil {
		return fmt.Errorf("write down what was made in %s: %w", r.dir, err)
	}
	return nil
}

// newMarkName is a mark's name until it is complete.
const newMarkName = markName + ".new"

// started notes a daemon.
func (r *root) started(p process) error {
	return r.write(func(m *mark) { m.Daemons = append(m.Daemons, p) })
}

// readMark reads the mark in a directory of this user's alone, of whom it must be too:
// what it says is done.
func readMark(dir *os.Root) (*mark, error) {
	info, err := dir.Lstat(markName)
	if err != nil {
		return nil, err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != os.Geteuid() || info.Mode()&(fs.ModeType|0o022) != 0 {
		return nil, fmt.Errorf("%s is not of this user alone, so what it says is not done: look at it yourself", markName)
	}
	raw, err := dir.ReadFile(markName)
	if err != nil {
		return nil, err
	}
	var m mark
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("read %s: %w", markName, err)
	}
	if !strings.HasPrefix(m.Cgroup, "cachebench-") || strings.Contains(m.Cgroup, "/") {
		return nil, fmt.Errorf("read %s: no control group of ours: %q", markName, m.Cgroup)
	}
	return &m, nil
}
