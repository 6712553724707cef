// Package scratch makes directories that are this process's alone, and finds those that
// killed processes have left.
//
// A directory is known by how its name begins and by a marker in it, which its process
// holds locked as long as it lives. A lock (flock(2)) tells of life also across
// containers that share a file system, where numbers of processes do not.
//
// What is removed is not found again by its path, where whoever may rename in the parent
// can have put something else: it is what was opened when it was made, or what was opened
// and found to be this user's alone. Since programs are given paths nevertheless, parents
// in which others can rename are refused.
package scratch

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind says how the directories of one tool are known.
type Kind struct {
	// Prefix begins their names.
	Prefix string
	// Marker is the name of the file in them that their process holds locked.
	Marker string
}

// unlocked is the marker's name until it is locked.
func (k Kind) unlocked() string { return k.Marker + ".new" }

// Dir is a directory that was made here, or that was taken over from a process that was
// killed. It is to be removed or released.
type Dir struct {
	// Path is absolute and without symlinks.
	Path string
	// Root is the directory itself, whatever comes to be at its path; nil once it was
	// given up.
	Root *os.Root

	kind   Kind
	parent *os.Root
	marker *os.File
	// made are the directories that were made for it, the highest first, by their names
	// in above; nil where there are none.
	above *os.Root
	made  []string
}

// Make makes a directory in parent, which is made if missing. Nobody else can look
// into it.
func (k Kind) Make(parent string) (*Dir, error) {
	d := &Dir{kind: k}
	if err := d.make(parent); err != nil {
		return nil, errors.Join(err, d.Remove())
	}
	return d, nil
}

func (d *Dir) make(parent string) error {
	place, err := d.openParent(parent)
	if err != nil {
		return err
	}
	if err := trusted(d.parent, place); err != nil {
		return err
	}
	name, err := d.mkdir()
	if err != nil {
		return fmt.Errorf("make a directory in %s: %w", place, err)
	}
	d.Path = filepath.Join(place, name)
	if d.Root, err = d.parent.OpenRoot(name); err != nil {
		return errors.Join(err, d.parent.Remove(name))
	}
	if err := d.mark(); err != nil {
		return fmt.Errorf("mark %s: %w", d.Path, err)
	}
	return nil
}

// openParent opens the parent and makes what of it is missing. It returns its path
// without symlinks.
func (d *Dir) openParent(path string) (place string, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return "", err
	}
	there, missing := path, []string(nil)
	for {
		if _, err = os.Stat(there); !errors.Is(err, fs.ErrNotExist) || there == filepath.Dir(there) {
			break
		}
		missing = append([]string{filepath.Base(there)}, missing...)
		there = filepath.Dir(there)
	}
	if err != nil {
		return "", err
	}
	if there, err = filepath.EvalSymlinks(there); err != nil {
		return "", err
	}
	if len(missing) == 0 {
		d.parent, err = os.OpenRoot(there)
		return there, err
	}
	if d.above, err = os.OpenRoot(there); err != nil {
		return "", err
	}
	for i := range missing {
		name := filepath.Join(missing[:i+1]...)
		err := d.above.Mkdir(name, 0o755)
		switch {
		case err == nil:
			d.made = append(d.made, name)
		case !errors.Is(err, fs.ErrExist): // another process may have been faster
			return "", fmt.Errorf("make %s: %w", filepath.Join(there, name), err)
		}
	}
	name := filepath.Join(missing...)
	d.parent, err = d.above.OpenRoot(name)
	return filepath.Join(there, name), err
}

// mkdir makes a directory of a new name, as os.MkdirTemp does.
func (d *Dir) mkdir() (name string, err error) {
	for range 1000 {
		name = d.kind.Prefix + strconv.FormatUint(uint64(rand.Uint32()), 10)
		if err = d.parent.Mkdir(name, 0o700); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return name, err
}

// mark puts the marker into the directory once it is locked: else another process
// could find it free.
func (d *Dir) mark() error {
	f, err := d.Root.OpenFile(d.kind.unlocked(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	d.marker = f
	free, err := lockFile(f)
	if err != nil {
		return fmt.Errorf("%w: name a directory of a file system that has locks", err)
	}
	if !free {
		return errors.New("another process has it locked")
	}
	if _, err := fmt.Fprintln(f, os.Getpid()); err != nil { // for people; nothing reads it
		return err
	}
	return d.Root.Rename(d.kind.unlocked(), d.kind.Marker)
}

// InPlace says so where something else is at the directory's path by now.
func (d *Dir) InPlace() error {
	there, err := os.Lstat(d.Path)
	if err != nil {
		return fmt.Errorf("look for what was made: %w", err)
	}
	return d.is(there)
}

func (d *Dir) is(there fs.FileInfo) error {
	own, err := d.Root.Stat(".")
	if err != nil {
		return err
	}
	if !os.SameFile(own, there) {
		return fmt.Errorf("somebody has put something else in the place of %s, which is left as it is: look at it yourself", d.Path)
	}
	return nil
}

// Bare says that nothing is in the directory but its marker and files of the names
// given.
func (d *Dir) Bare(besides ...string) bool {
	names, err := readNames(d.Root, ".")
	return err == nil && !slices.ContainsFunc(names, func(e fs.DirEntry) bool {
		return e.Name() != d.kind.Marker && e.Name() != d.kind.unlocked() && !slices.Contains(besides, e.Name())
	})
}

// Empty removes all that is in the directory but its marker and what has a name given,
// whatever the modes of the directories in it.
func (d *Dir) Empty(but ...string) error {
	names, err := readNames(d.Root, ".")
	errs := []error{err}
	for _, e := range names {
		if name := e.Name(); name != d.kind.Marker && !slices.Contains(but, name) {
			errs = append(errs, RemoveAll(d.Root, name))
		}
	}
	return errors.Join(errs...)
}

// Remove removes the directory with all in it, its marker last, so that what is left
// of a removal that was killed is still known, and the parents that were made for it,
// unless something else is in them. The directory is given up, also after an error.
func (d *Dir) Remove() error {
	defer d.Release()
	if d.Root != nil {
		if err := d.remove(); err != nil {
			return err
		}
	}
	for _, name := range slices.Backward(d.made) {
		d.above.Remove(name) // fails where something else is in it
	}
	return nil
}

func (d *Dir) remove() error {
	if err := d.Empty(); err != nil {
		return err
	}
	if err := d.Root.RemoveAll(d.kind.Marker); err != nil {
		return err
	}
	name := filepath.Base(d.Path)
	there, err := d.parent.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = d.is(there)
	}
	if err != nil {
		return err
	}
	return d.parent.Remove(name)
}

// Release gives the directory up as it is: whoever comes next may take it over.
func (d *Dir) Release() {
	if d.marker != nil {
		d.marker.Close()
	}
	for _, r := range []*os.Root{d.Root, d.parent, d.above} {
		if r != nil {
			r.Close()
		}
	}
	d.marker, d.Root, d.parent, d.above, d.made = nil, nil, nil, nil, nil
}

// Left takes over what killed processes of this user have left in parent, or parent
// itself where it is such a directory. Of those that are in use, or just being made,
// nothing is said; those that cannot be told to be ours are left as they are, with an
// error for each.
func (k Kind) Left(parent string) ([]*Dir, error) {
	parent, err := filepath.Abs(parent)
	if err != nil {
		return nil, err
	}
	left, err := k.leftIn(parent, func(name string) bool { return strings.HasPrefix(name, k.Prefix) })
	if base := filepath.Base(parent); strings.HasPrefix(base, k.Prefix) {
		itself, fault := k.leftIn(filepath.Dir(parent), func(name string) bool { return name == base })
		left, err = append(left, itself...), errors.Join(err, fault)
	}
	return left, err
}

func (k Kind) leftIn(parent string, wanted func(name string) bool) (left []*Dir, err error) {
	place, err := filepath.EvalSymlinks(parent)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	dir, err := os.OpenRoot(place)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := readNames(dir, ".")
	if err != nil {
		return nil, err
	}
	// A symlink is none that was made here.
	names = slices.DeleteFunc(names, func(e fs.DirEntry) bool { return !e.IsDir() || !wanted(e.Name()) })
	if len(names) == 0 {
		return nil, nil
	}
	if err := trusted(dir, place); err != nil {
		return nil, err
	}
	var errs []error
	for _, e := range names {
		d, err := k.takeOver(dir, place, e.Name())
		if err != nil {
			errs = append(errs, fmt.Errorf("look at %s: %w", filepath.Join(place, e.Name()), err))
		}
		if d != nil {
			left = append(left, d)
		}
	}
	return left, errors.Join(errs...)
}

// takeOver takes a directory over; nil where it is in use or gone.
func (k Kind) takeOver(dir *os.Root, place, name string) (*Dir, error) {
	d := &Dir{kind: k, Path: filepath.Join(place, name)}
	var err error
	if d.parent, err = dir.OpenRoot("."); err == nil {
		d.Root, err = dir.OpenRoot(name)
	}
	free := false
	if err == nil {
		free, err = d.lock()
	}
	if err != nil || !free {
		d.Release()
		if errors.Is(err, fs.ErrNotExist) {
			err = nil // it went meanwhile
		}
		if errors.Is(err, fs.ErrPermission) {
			err = errForeign // nobody else can look into what is made here
		}
		return nil, err
	}
	return d, nil
}

// lock takes the marker's lock, unless another has it.
func (d *Dir) lock() (free bool, err error) {
	info, err := d.Root.Stat(".")
	if err != nil {
		return false, err
	}
	marker, err := d.Root.Lstat(d.kind.Marker)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return d.unmarked(info)
	case err != nil:
		return false, err
	case !ownAlone(info) || !marker.Mode().IsRegular() || !ownAlone(marker):
		return false, errForeign
	}
	if d.marker, err = d.Root.OpenFile(d.kind.Marker, os.O_RDWR, 0); err != nil {
		return false, err
	}
	return lockFile(d.marker)
}

// errForeign is of directories that somebody else can have made or changed: everybody
// can make one of such a name where temporary files are.
var errForeign = errors.New("it is not of this user alone, so it is left as it is: look at it yourself")

// unmarked says of a directory without a marker whether a process was killed before
// it could mark it, or after all but the directory was removed: it is empty.
func (d *Dir) unmarked(info fs.FileInfo) (left bool, err error) {
	const moment = time.Minute // for one that is being made
	switch {
	case time.Since(info.ModTime()) < moment:
		return false, nil
	case !ownAlone(info):
		return false, errForeign
	case !d.Bare():
		return false, fmt.Errorf("it has no %s, so it cannot be told whether it is in use: see that nothing of it runs or is mounted, and remove it yourself", d.kind.Marker)
	}
	return true, nil
}

// LockFile locks a file of a name for as long as this process lives, or until it is
// released, when the file is removed; free is false where another process has it locked.
// Where there are no locks, or none can be made, all are free: it keeps processes of one
// user from an oversight, no more.
func LockFile(name string) (release func(), free bool) {
	nothing := func() {}
	for range 100 {
		f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
		if err != nil {
			return nothing, true
		}
		free, err := lockFile(f)
		if err != nil || !free {
			f.Close()
			if err != nil {
				os.Remove(name)
			}
			return nothing, err != nil
		}
		// Its last owner may have removed it between the opening and the lock.
		own, err := f.Stat()
		if there, fault := os.Lstat(name); err == nil && fault == nil && os.SameFile(own, there) {
			return func() { os.Remove(name); f.Close() }, true
		}
		f.Close()
	}
	return nothing, true
}

func readNames(dir *os.Root, name string) ([]fs.DirEntry, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.ReadDir(-1)
	slices.SortFunc(names, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return names, err
}

// RemoveAll removes a file or directory of dir with all in it, whatever the modes of
// the directories.
func RemoveAll(dir *os.Root, name string) error {
	err := dir.RemoveAll(name)
	if err == nil || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	unlock(dir, name)
	return dir.RemoveAll(name)
}

// unlock lets its owner into a directory and those below it.
func unlock(dir *os.Root, name string) {
	_ = dir.Chmod(name, 0o700)
	entries, _ := readNames(dir, name)
	for _, e := range entries {
		if e.IsDir() {
			unlock(dir, name+"/"+e.Name())
		}
	}
}
