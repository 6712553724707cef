package scratch

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

var kind = Kind{Prefix: "ours-", Marker: "marker"}

func newDir(t *testing.T, parent string) *Dir {
	t.Helper()
	d, err := kind.Make(parent)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Release)
	return d
}

// write makes files, and the directories that they are in.
func write(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// left are the paths of what is taken over, which is given up again.
func left(t *testing.T, parent string) (paths []string, err error) {
	t.Helper()
	list, err := kind.Left(parent)
	for _, d := range list {
		paths = append(paths, d.Path)
		d.Release()
	}
	return paths, err
}

func exists(path string) bool { _, err := os.Lstat(path); return err == nil }

func age(t *testing.T, path string) {
	t.Helper()
	before := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, before, before); err != nil {
		t.Fatal(err)
	}
}

// TestInUse: a directory is in use as long as the lock is held, whatever stands in its
// marker: of another namespace of processes no number says anything here.
func TestInUse(t *testing.T) {
	parent := t.TempDir()
	d := newDir(t, parent)
	if info, err := os.Stat(d.Path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	if err := os.WriteFile(filepath.Join(d.Path, kind.Marker), []byte("1073741824\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	age(t, d.Path)
	if paths, err := left(t, parent); len(paths) > 0 || err != nil {
		t.Errorf("one in use was taken over: %v, %v", paths, err)
	}
	path := d.Path
	d.Release()
	for _, at := range []string{parent, path} {
		if paths, err := left(t, at); err != nil || !slices.Equal(paths, []string{path}) {
			t.Errorf("left in %s are %v, %v", at, paths, err)
		}
	}
	list, err := kind.Left(parent)
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	// What was taken over is in use again.
	if paths, err := left(t, parent); len(paths) > 0 || err != nil {
		t.Errorf("taken over twice: %v, %v", paths, err)
	}
	if err := list[0].Remove(); err != nil || exists(path) {
		t.Errorf("it was not removed: %v", err)
	}
	if paths, err := left(t, filepath.Join(parent, "none")); len(paths) > 0 || err != nil {
		t.Errorf("in no directory: %v, %v", paths, err)
	}
}

// TestSwapped: what somebody puts in the place of a directory is not what is removed,
// whether it is one's own or one that was taken over.
func TestSwapped(t *testing.T) {
	for name, get := range map[string]func(parent string) *Dir{
		"made": func(parent string) *Dir { return newDir(t, parent) },
		"taken over": func(parent string) *Dir {
			newDir(t, parent).Release()
			list, err := kind.Left(parent)
			if err != nil || len(list) != 1 {
				t.Fatal(list, err)
			}
			return list[0]
		},
	} {
		for how, put := range map[string]func(victim, at string) error{"symlink": os.Symlink, "directory": os.Rename} {
			t.Run(name+" "+how, func(t *testing.T) {
				parent, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
				d := get(parent)
				write(t, filepath.Join(victim, "precious"), filepath.Join(victim, kind.Marker), filepath.Join(d.Path, "in", "it"))
				if err := d.InPlace(); err != nil {
					t.Error(err)
				}
				at, moved := d.Path, filepath.Join(parent, "moved")
				if err := os.Rename(at, moved); err != nil {
					t.Fatal(err)
				}
				if err := put(victim, at); err != nil {
					t.Fatal(err)
				}
				if err := d.InPlace(); err == nil || !strings.Contains(err.Error(), at) {
					t.Errorf("it is in place: %v", err)
				}
				if err := d.Remove(); err == nil || !strings.Contains(err.Error(), "in the place of "+at) {
					t.Errorf("what was put there is not told of: %v", err)
				}
				for _, file := range []string{"precious", kind.Marker} {
					if !exists(filepath.Join(at, file)) {
						t.Errorf("%s of somebody else was removed", file)
					}
				}
				if files, err := os.ReadDir(moved); err != nil || len(files) > 0 {
					t.Errorf("of what was ours are left %v, %v", files, err)
				}
			})
		}
	}
}

// TestParents: directories in which others can rename are refused, to make in and to
// look in.
func TestParents(t *testing.T) {
	for name, c := range map[string]struct {
		mode     os.FileMode
		uid, gid int
		want     string
	}{
		"own":                {0o755, 0, 0, ""},
		"as umask 002 makes": {0o775, 0, 0, ""},
		"open":               {0o777, 0, 0, "everybody can replace"},
		"as /tmp":            {0o777 | os.ModeSticky, 0, 0, ""},
		"of a group":         {0o775 | os.ModeSetgid, 0, 2000, "group 2000 can replace"},
		"sticky of a group":  {0o775 | os.ModeSticky, 0, 2000, ""},
		"of another":         {0o755, 1000, 1000, "belongs to user 1000"},
		"sticky of another":  {0o777 | os.ModeSticky, 1000, 1000, "belongs to user 1000"},
	} {
		t.Run(name, func(t *testing.T) {
			if os.Geteuid() != 0 {
				t.Skip("only root can give directories away")
			}
			parent := t.TempDir()
			newDir(t, parent).Release()
			// A change of owners takes set-ID bits away.
			if err := os.Chown(parent, c.uid, c.gid); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(parent, c.mode); err != nil {
				t.Fatal(err)
			}
			_, found := left(t, parent)
			d, made := kind.Make(parent)
			if made == nil {
				d.Release()
			}
			for _, err := range []error{found, made} {
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
			}
		})
	}
	// Where there is nothing to look at nothing is said.
	open := t.TempDir()
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if paths, err := left(t, open); len(paths) > 0 || err != nil {
		t.Errorf("in an empty directory: %v, %v", paths, err)
	}
}

// TestMade: directories that were made go too, unless something else is in them; what
// stands in their place by then does not.
func TestMade(t *testing.T) {
	there := t.TempDir()
	parent := filepath.Join(there, "a", "b")
	if err := newDir(t, parent).Remove(); err != nil || exists(filepath.Join(there, "a")) || !exists(there) {
		t.Errorf("directories that were made are left, or more was removed: %v", err)
	}
	d := newDir(t, parent)
	write(t, filepath.Join(there, "a", "result"))
	if err := d.Remove(); err != nil || exists(parent) || !exists(filepath.Join(there, "a", "result")) {
		t.Errorf("%v", err)
	}
	// One that was there stays.
	if err := newDir(t, filepath.Join(there, "a", "c")).Remove(); err != nil || !exists(filepath.Join(there, "a")) {
		t.Errorf("%v", err)
	}

	there, outside := t.TempDir(), t.TempDir()
	d = newDir(t, filepath.Join(there, "a", "b"))
	write(t, filepath.Join(outside, "b"))
	if err := os.Rename(filepath.Join(there, "a"), filepath.Join(there, "moved")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(there, "a")); err != nil {
		t.Fatal(err)
	}
	if err := d.Remove(); err != nil || !exists(filepath.Join(outside, "b")) {
		t.Errorf("a file outside was removed for a directory that was made: %v", err)
	}
	// What cannot be made is said, and leaves nothing.
	write(t, filepath.Join(there, "file"))
	if d, err := kind.Make(filepath.Join(there, "file", "x")); err == nil {
		t.Errorf("%s was made in a file", d.Path)
	}
}

// TestUnmarked: what a process left that was killed before its marker was in place, or
// after that was removed, is taken over once it cannot be one that begins; of what has
// something else in it one hears.
func TestUnmarked(t *testing.T) {
	parent := t.TempDir()
	at := func(name string) string { return filepath.Join(parent, kind.Prefix+name) }
	for _, name := range []string{"young", "old", "begun"} {
		if err := os.Mkdir(at(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, at("begun")+"/"+kind.Marker+".new", at("full")+"/something", parent+"/other/"+kind.Marker)
	if err := os.Symlink(parent+"/other", at("link")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"old", "begun", "full"} {
		age(t, at(name))
	}
	list, err := kind.Left(parent)
	if err == nil || !strings.Contains(err.Error(), at("full")) || strings.Count(err.Error(), kind.Prefix) != 1 {
		t.Errorf("told is %v", err)
	}
	var removed []string
	for _, d := range list {
		removed = append(removed, d.Path)
		if err := d.Remove(); err != nil {
			t.Error(err)
		}
	}
	if want := []string{at("begun"), at("old")}; !slices.Equal(removed, want) {
		t.Errorf("removed %v, want %v", removed, want)
	}
	if !exists(at("young")) || !exists(at("full")+"/something") || !exists(parent+"/other/"+kind.Marker) || exists(at("old")) {
		t.Error("something else was removed")
	}
}

// TestForeign: what others can have made or changed is left as it is.
func TestForeign(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give directories away")
	}
	for name, change := range map[string]func(dir string) error{
		"of another":        func(dir string) error { return os.Chown(dir, 12345, 12345) },
		"open to all":       func(dir string) error { return os.Chmod(dir, 0o777) },
		"marker of another": func(dir string) error { return os.Chown(filepath.Join(dir, kind.Marker), 12345, 12345) },
		"open marker":       func(dir string) error { return os.Chmod(filepath.Join(dir, kind.Marker), 0o666) },
		"marker by a symlink": func(dir string) error {
			marker := filepath.Join(dir, kind.Marker)
			if err := os.Rename(marker, marker+".real"); err != nil {
				return err
			}
			return os.Symlink(kind.Marker+".real", marker)
		},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			d := newDir(t, parent)
			dir := d.Path
			d.Release()
			if err := change(dir); err != nil {
				t.Fatal(err)
			}
			if paths, err := left(t, parent); len(paths) > 0 || err == nil || !strings.Contains(err.Error(), dir) {
				t.Errorf("taken over are %v, %v", paths, err)
			}
		})
	}
}

// TestEmpty: the marker and what is to stay are the last that go.
func TestEmpty(t *testing.T) {
	d := newDir(t, t.TempDir())
	if !d.Bare() {
		t.Error("a new one is not bare")
	}
	locked := filepath.Join(d.Path, "locked")
	write(t, filepath.Join(d.Path, "note"), filepath.Join(locked, "inside", "file"))
	for _, dir := range []string{filepath.Join(locked, "inside"), locked} {
		if err := os.Chmod(dir, 0); err != nil {
			t.Fatal(err)
		}
	}
	if d.Bare("note") {
		t.Error("it is bare with something in it")
	}
	if err := d.Empty("note"); err != nil || !d.Bare("note") || d.Bare() {
		t.Errorf("afterwards: %v", err)
	}
	if !exists(filepath.Join(d.Path, kind.Marker)) {
		t.Error("the marker went first")
	}
	if err := d.Remove(); err != nil || exists(d.Path) {
		t.Error(err)
	}
	if err := d.Remove(); err != nil {
		t.Errorf("the second time: %v", err)
	}
}

// TestLockFile: a file is one process's until it is released, and nothing stays of it;
// what a killed process left is free, and no link is followed.
func TestLockFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "lock")
	write(t, name) // of a process that was killed
	release, free := LockFile(name)
	if !free {
		t.Fatal("a file that nobody holds is not free")
	}
	if _, free := LockFile(name); free {
		t.Error("it is another's too")
	}
	release()
	if exists(name) {
		t.Error("it stays after its release")
	}
	again, free := LockFile(name)
	if !free {
		t.Error("it is not free after its release")
	}
	again()
	if err := os.Symlink(filepath.Join(dir, "elsewhere"), name); err != nil {
		t.Fatal(err)
	}
	if release, free := LockFile(name); !free {
		t.Error("where none can be made it is not free")
	} else {
		release()
	}
	if exists(filepath.Join(dir, "elsewhere")) {
		t.Error("a link was followed")
	}
}

// TestLeftOfAnother: what another user left is told to be another's, not that it cannot
// be opened.
func TestLeftOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can look as another user")
	}
	dir, err := os.MkdirTemp("/tmp", "of-another-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	d := newDir(t, dir)
	d.Release()
	runtime.LockOSThread() // the user of files is the thread's
	defer runtime.UnlockOSThread()
	const nobody = 65534
	if err := syscall.Setfsuid(nobody); err != nil {
		t.Fatal(err)
	}
	list, err := kind.Left(dir)
	if err := syscall.Setfsuid(0); err != nil {
		t.Fatal(err)
	}
	if len(list) > 0 || err == nil || !strings.Contains(err.Error(), "it is not of this user alone") {
		t.Errorf("took over %v: %v", list, err)
	}
}
