//go:build linux

package containerd

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/containerd/containerd/v2/core/mount"
)

// mounting is where containerd's client mounts a snapshot for a moment, to look a
// container's user up. The client knows one place for the whole process: it is in the
// directory of a runner that is open, where what a killed process left mounted is found.
var mounting mountPlaces

type mountPlaces struct {
	// mu is held for reading while something may be mounted.
	mu sync.RWMutex
	// dirs are those of the runners that are open; the last is the client's.
	dirs []string
}

// open makes a runner's directory the client's.
func (m *mountPlaces) open(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := mount.SetTempMountLocation(dir); err != nil {
		return fmt.Errorf("have containerd's client mount in %s: %w", dir, err)
	}
	m.dirs = append(m.dirs, dir)
	return nil
}

// close waits until nothing is mounted, and gives the client another directory: that of
// a runner which is still open, else the client's own choice.
func (m *mountPlaces) close(dir string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.Index(m.dirs, dir)
	if i < 0 {
		return nil
	}
	m.dirs = slices.Delete(m.dirs, i, i+1)
	next := cmp.Or(os.Getenv("XDG_RUNTIME_DIR"), os.TempDir()) // core/mount/temp.go, getTempDir
	if n := len(m.dirs); n > 0 {
		next = m.dirs[n-1]
	}
	if err := mount.SetTempMountLocation(next); err != nil {
		return fmt.Errorf("have containerd's client mount in %s: %w", next, err)
	}
	return nil
}

// while calls what may mount something.
func (m *mountPlaces) while(call func() error) error {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return call()
}
