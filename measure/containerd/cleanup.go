//go:build linux

package containerd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cachebench/cachebench/internal/scratch"
	"github.com/cachebench/cachebench/measure"
)

// shimSockets is where shims of every daemon have their sockets
// (pkg/shim/util_unix.go).
const shimSockets = "/run/containerd/s"

// CleanUp removes what runners that were killed have left below parent, their
// Options.Root: it ends the processes that they started, unmounts what they mounted,
// removes their directories, and returns these. It leaves alone runners that still
// run, in whichever container, and all that no runner of this user made.
func CleanUp(ctx context.Context, parent string) (removed []string, err error) {
	left, err := rootKind.Left(cmp.Or(parent, os.TempDir()))
	var errs []error
	if err != nil {
		errs = append(errs, fmt.Errorf("look for what containerd runs have left: %w", err))
	}
	for _, d := range left {
		if err := cleanUp(ctx, d); err != nil {
			errs = append(errs, fmt.Errorf("clean up %s: %w", d.Path, err))
			continue
		}
		removed = append(removed, d.Path)
	}
	return removed, errors.Join(errs...)
}

// cleanUp removes what the runner left whose directory it is.
func cleanUp(ctx context.Context, d *scratch.Dir) error {
	defer d.Release()
	m, err := readMark(d.Root)
	switch {
	case errors.Is(err, os.ErrNotExist) && d.Bare(newMarkName):
		return d.Remove() // nothing was made before the mark, or is left without it
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("it does not say what was made in it (%w): see that nothing of it runs or is mounted, and remove it yourself", err)
	case err != nil:
		return err
	case m.Boot == bootID() && m.PIDNamespace != pidNamespace():
		return errors.New("it was made in another container, whose processes cannot be seen from here: clean up there, or remove it yourself once that container is gone")
	}
	return m.cleanUp(ctx, d)
}

// cleanUp takes apart what the mark in a directory tells of. The mark itself goes last,
// so that what a second kill leaves is still known.
func (m *mark) cleanUp(ctx context.Context, d *scratch.Dir) error {
	var left error
	if m.Address != "" {
		if err := leaveDaemon(ctx, m); err != nil {
			left = fmt.Errorf("%w: namespace %s may still be in it: clean up again once it serves, or remove %s where it never will", err, m.Namespace, d.Path)
		}
	}
	var errs []error
	// After a restart of the host no process is what it was.
	if m.Boot == bootID() {
		errs = append(errs, m.endProcesses(d.Path), removeCgroups(m.Cgroup))
	}
	errs = append(errs, removeShimSockets(d.Root.FS(), m.ShimSockets))
	// What is mounted is known by the path alone, and must not be emptied with the rest.
	if err := d.InPlace(); err != nil {
		errs = append(errs, err)
	} else {
		errs = append(errs, unmountBelow(d.Path))
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(left, err)
	}
	if err := d.Empty(markName); err != nil || left != nil {
		return errors.Join(left, err)
	}
	return d.Remove()
}

// endProcesses ends daemons, then what they have left: shims, and what those were
// starting. All of them have a path in dir among their arguments.
func (m *mark) endProcesses(dir string) error {
	var errs []error
	for _, p := range append(slices.Clone(m.Daemons), processesOf(dir, "containerd")...) {
		raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID)) // none: it has ended
		if strings.Contains(string(raw), "\x00"+dir+"/") {
			errs = append(errs, p.end(5*time.Second))
		}
	}
	for _, p := range processesOf(dir, shimProgram) {
		errs = append(errs, p.end(time.Second))
	}
	for _, p := range processesOf(dir, "runc") {
		errs = append(errs, p.kill())
	}
	return errors.Join(errs...)
}

// processesOf returns the processes of a program whose arguments name something in
// dir, which was made by a runner: daemons that a mark lacks, since they were started
// just before a crash, shims and runc.
func processesOf(dir, program string) []process {
	return processesWhere(program, func(args []string) bool {
		return slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, dir+"/") })
	})
}

// shimsOf are the shims of a namespace's containers on the daemon at an address,
// which are told both (-namespace, -address).
func shimsOf(address, namespace string) []process {
	target := func(path string) string {
		if p, err := filepath.EvalSymlinks(path); err == nil {
			return p
		}
		return path
	}
	return processesWhere(shimProgram, func(args []string) bool {
		after := func(flag string) string {
			if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
				return args[i+1]
			}
			return ""
		}
		return after("-namespace") == namespace && target(after("-address")) == target(address)
	})
}

// processesWhere returns the processes of a program whose arguments are as wanted.
func processesWhere(program string, wanted func(args []string) bool) (found []process) {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		raw, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		args := strings.Split(string(raw), "\x00")
		if err != nil || filepath.Base(args[0]) != program || !wanted(args[1:]) {
			continue
		}
		if p, err := processOf(pid); err == nil {
			found = append(found, p)
		}
	}
	return found
}

// removeCgroups ends the processes in the control group, which only containers of
// ours are in, and removes it from every hierarchy.
func removeCgroups(name string) error {
	mounts, err := mountPoints(func(fstype string) bool { return fstype == "cgroup" || fstype == "cgroup2" })
	if err != nil {
		return err
	}
	var errs []error
	for _, at := range mounts {
		top := filepath.Join(at, name)
		if _, err := os.Stat(top); err != nil {
			continue
		}
		errs = append(errs, removeCgroup(top))
	}
	return errors.Join(errs...)
}

func removeCgroup(top string) error {
	var dirs []string
	err := filepath.WalkDir(top, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil // one that went meanwhile is gone
	})
	if err != nil {
		return err
	}
	slices.Reverse(dirs) // the lowest first
	for _, dir := range dirs {
		if err := emptyCgroup(dir); err != nil {
			return err
		}
		if err := removeDir(dir); err != nil {
			return fmt.Errorf("remove the control group %s: %w", dir, err)
		}
	}
	return nil
}

func emptyCgroup(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	for _, word := range strings.Fields(string(raw)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			continue
		}
		if p, err := processOf(pid); err == nil {
			if err := p.kill(); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeDir removes an empty directory of control groups, which is busy for a moment
// after its last process ended.
func removeDir(dir string) (err error) {
	for range 200 {
		if err = unix.Rmdir(dir); err == nil || errors.Is(err, unix.ENOENT) {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return err
}

// removeShimSockets removes the sockets of shims that were killed, which tell in
// their bundles where these are.
func removeShimSockets(dir fs.FS, existed bool) error {
	var errs []error
	for _, name := range []string{"bootstrap.json", "address"} {
		files, _ := fs.Glob(dir, "*/state/io.containerd.runtime.v2.task/*/*/"+name)
		for _, file := range files {
			raw, err := fs.ReadFile(dir, file)
			if err != nil {
				continue
			}
			if path := socketIn(string(raw)); path != "" {
				if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
					errs = append(errs, fmt.Errorf("remove a shim's socket: %w", err))
				}
			}
		}
	}
	if !existed {
		// Only where they are empty.
		unix.Rmdir(shimSockets)
		unix.Rmdir(filepath.Dir(shimSockets))
	}
	return errors.Join(errs...)
}

// socketIn finds the path of a shim's socket in what its bundle says of it.
func socketIn(text string) string {
	i := strings.Index(text, "unix://"+shimSockets+"/")
	if i < 0 {
		return ""
	}
	path := text[i+len("unix://"):]
	if end := strings.IndexAny(path, "\"\n "); end >= 0 {
		path = path[:end]
	}
	if filepath.Clean(path) != path || filepath.Dir(path) != shimSockets {
		return ""
	}
	return path
}

// unmountBelow unmounts all that is mounted below dir, the last first.
func unmountBelow(dir string) error {
	mounts, err := mountPoints(func(string) bool { return true })
	if err != nil {
		return err
	}
	slices.Reverse(mounts)
	for _, at := range mounts {
		if !strings.HasPrefix(at, dir+"/") {
			continue
		}
		if err := unix.Unmount(at, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil {
			return fmt.Errorf("unmount %s: %w", at, err)
		}
	}
	return nil
}

// mountPoints returns where file systems of the types wanted are mounted, in the
// order in which they were.
func mountPoints(wanted func(fstype string) bool) ([]string, error) {
	raw, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("look for what is mounted: %w", err)
	}
	return parseMountInfo(string(raw), wanted), nil
}

func parseMountInfo(text string, wanted func(fstype string) bool) (points []string) {
	for _, m := range measure.Mounts(text) {
		if wanted(m.Type) {
			points = append(points, m.Point)
		}
	}
	return points
}
