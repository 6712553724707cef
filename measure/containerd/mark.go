//go:build linux

package containerd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

const (
	// rootPrefix begins the name of each runner's directory.
	rootPrefix = "cachebench-containerd-"
	markName   = "cachebench.json"
	// longestSocket leaves room for what containerd adds (.ttrpc) to the path of its
	// socket: a path has at most 107 bytes (unix(7)).
	longestSocket = 100
)

// mark is what a runner writes down of what it made, for CleanUp after a crash.
type mark struct {
	Boot  string  `json:"boot"`
	Owner process `json:"owner"`
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
	dir  string
	mu   sync.Mutex
	mark mark
}

func newRoot(parent string) (*root, error) {
	if parent != "" {
		if err := os.MkdirAll(parent, 0o755); err != nil {
			return nil, fmt.Errorf("make a place for containerd: %w", err)
		}
	}
	dir, err := os.MkdirTemp(parent, rootPrefix) // of mode 0700
	if err != nil {
		return nil, fmt.Errorf("make a place for containerd: %w", err)
	}
	made := dir
	// Mounts are listed, and processes are to be found, by the path without symlinks.
	if dir, err = realPath(made); err != nil {
		return nil, errors.Join(fmt.Errorf("make a place for containerd: %w", err), os.RemoveAll(made))
	}
	if socket := placesIn(filepath.Join(dir, "999")).socket; len(socket) > longestSocket {
		return nil, errors.Join(fmt.Errorf("make a place for containerd: %s is too long for sockets: name a shorter root", socket), os.RemoveAll(dir))
	}
	owner, err := processOf(os.Getpid())
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	_, statErr := os.Stat(shimSockets)
	r := &root{dir: dir, mark: mark{
		Boot: bootID(), Owner: owner, ShimSockets: statErr == nil,
		Cgroup: "cachebench-" + strings.TrimPrefix(filepath.Base(dir), rootPrefix),
	}}
	return r, r.write(func(*mark) {})
}

// realPath is a path from the root without symlinks.
func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// label is what a namespace on a daemon that runs already has of its owner.
func (m *mark) label() string {
	return fmt.Sprintf("%s %d %d %s", m.Boot, m.Owner.PID, m.Owner.Start, m.Cgroup)
}

// labelled reads the owner of a namespace, and whether it still runs.
func labelled(label string) (owner process, alive bool) {
	var boot, cgroup string
	if n, err := fmt.Sscan(label, &boot, &owner.PID, &owner.Start, &cgroup); n != 4 || err != nil {
		return process{}, false
	}
	return owner, boot == bootID() && owner.alive()
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
	temp := filepath.Join(r.dir, markName+".new")
	if err := os.WriteFile(temp, raw, 0o600); err != nil {
		return fmt.Errorf("write down what was made: %w", err)
	}
	return os.Rename(temp, filepath.Join(r.dir, markName))
}

// started notes a daemon.
func (r *root) started(p process) error {
	return r.write(func(m *mark) { m.Daemons = append(m.Daemons, p) })
}

// errForeign is of marks that somebody else can have written.
var errForeign = errors.New("it is not of this user alone, so it is left as it is: look at it yourself")

// readMark reads the mark in a directory, which must be this user's alone: root does
// what it says, and everybody can make such a directory in one for temporary files.
func readMark(path string) (*mark, error) {
	dir, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	for _, name := range []string{".", markName} {
		info, err := dir.Lstat(name)
		if err != nil {
			return nil, err
		}
		if !ownAlone(info) {
			return nil, errForeign
		}
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

// ownAlone says that a file belongs to this user and nobody else can write to it.
func ownAlone(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}
