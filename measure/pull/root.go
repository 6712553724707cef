package pull

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// markerName is the file by which a root directory is known; it holds the pid of
// the process whose it is, which has it locked as long as it lives.
const markerName = "cachebench-pull.pid"

// rootPrefix begins the names of roots.
const rootPrefix = "cachebench-pull-"

// root is a directory that is ours with all in it.
type root struct {
	path   string
	marker *os.File
	// made is the directory that it is in, where that was made for it; else empty.
	made string
}

// newRoot makes a directory of its own below parent, which is made if missing; an
// empty one is where temporary files go. Only that directory is ever removed: what
// else is in parent, a result for one, stays. What killed processes left in parent
// goes first.
func newRoot(parent string) (*root, error) {
	if parent == "" {
		return temporaryRoot()
	}
	parent, err := filepath.Abs(parent)
	if err != nil {
		return nil, err
	}
	made := ""
	if _, err := os.Lstat(parent); errors.Is(err, fs.ErrNotExist) {
		made = parent
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("make the directory for pulled images: %w", err)
	}
	_, _ = CleanUp(parent) // what is left of others' is no matter of this run
	r, err := rootIn(parent)
	if err != nil {
		if made != "" {
			os.Remove(made)
		}
		return nil, fmt.Errorf("make a directory for pulled images: %w; name another", err)
	}
	r.made = made
	return r, nil
}

func temporaryRoot() (*root, error) {
	var faults []error
	for _, parent := range TemporaryDirs() {
		r, err := rootIn(parent)
		if err == nil {
			return r, nil
		}
		faults = append(faults, err)
	}
	return nil, fmt.Errorf("make a temporary directory for pulled images: %w; name one", errors.Join(faults...))
}

// rootIn makes a root. Nobody else can look into it, for layers hold programs with
// set-user-ID bits and devices that are just as they are stated.
func rootIn(parent string) (*root, error) {
	path, err := os.MkdirTemp(parent, rootPrefix+"*") // of mode 0700
	if err != nil {
		return nil, err
	}
	r := &root{path: path}
	if err := r.mark(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return r, nil
}

// TemporaryDirs are where roots are made when none is named, in order of
// preference: first the user's cache, which is more often on a disk than the other.
func TemporaryDirs() []string {
	parents := []string{os.TempDir()}
	if cache, err := os.UserCacheDir(); err == nil && os.MkdirAll(cache, 0o700) == nil {
		parents = append([]string{cache}, parents...)
	}
	return parents
}

func (r *root) mark() error {
	f, err := os.OpenFile(filepath.Join(r.path, markerName), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("mark the directory for pulled images: %w", err)
	}
	if free, err := lockFile(f); err != nil || !free {
		f.Close()
		return fmt.Errorf("lock %s: another process has it (%v)", f.Name(), err)
	}
	if _, err = fmt.Fprintln(f, os.Getpid()); err != nil {
		f.Close()
		return fmt.Errorf("mark the directory for pulled images: %w", err)
	}
	r.marker = f
	return nil
}

// close removes the root with all in it.
func (r *root) close() error {
	if r.marker == nil {
		return nil
	}
	marker := r.marker
	r.marker = nil
	defer marker.Close()
	dir, err := os.OpenRoot(r.path)
	if err == nil {
		err = errors.Join(empty(dir), dir.Close())
	}
	if err == nil {
		err = os.Remove(r.path)
	}
	if err != nil {
		return fmt.Errorf("remove pulled images in %s: %w", r.path, err)
	}
	if r.made != "" {
		os.Remove(r.made) // which fails where something else is in it by now
	}
	return nil
}

// empty removes all in a root, the marker last, so that what is left of a removal
// that was killed is still known as ours.
func empty(dir *os.Root) error {
	names, err := readNames(dir, ".")
	if err != nil {
		return err
	}
	var faults []error
	for _, n := range names {
		if n.Name() != markerName {
			faults = append(faults, removeIn(dir, n.Name()))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return err
	}
	return dir.RemoveAll(markerName)
}

func readNames(dir *os.Root, name string) ([]fs.DirEntry, error) {
	f, err := dir.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.ReadDir(-1)
}

// CleanUp removes what processes that were killed left behind in the given
// directories, those of HostOptions.Root, and, with none given, in TemporaryDirs. It
// returns what it removed, and does not touch a root whose process lives, one of
// another user, or anything that has no marker.
func CleanUp(dirs ...string) (removed []string, err error) {
	if len(dirs) == 0 {
		dirs = TemporaryDirs()
	}
	var faults []error
	for _, dir := range dirs {
		candidates, _ := filepath.Glob(filepath.Join(dir, rootPrefix+"*"))
		if strings.HasPrefix(filepath.Base(dir), rootPrefix) {
			candidates = append(candidates, dir)
		}
		for _, path := range candidates {
			done, err := cleanRoot(path)
			if done {
				removed = append(removed, path)
			}
			if err != nil {
				faults = append(faults, fmt.Errorf("remove what a killed process left in %s: %w", path, err))
			}
		}
	}
	return removed, errors.Join(faults...)
}

// cleanRoot removes a root whose process is gone. Everybody can make a directory of
// such a name in one for temporary files, and put another in its place at any time:
// what is removed is what was opened and found to be this user's alone.
func cleanRoot(path string) (done bool, err error) {
	dir, err := os.OpenRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // it went meanwhile
	}
	if err != nil {
		return false, err
	}
	defer dir.Close()
	info, err := dir.Stat(".")
	if err != nil {
		return false, err
	}
	marker, err := dir.Lstat(markerName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return removeUnmarked(dir, path, info)
	case err != nil:
		return false, err
	case !ownAlone(info) || !marker.Mode().IsRegular() || !ownAlone(marker):
		return false, errors.New("it is not of this user alone, so it is left as it is: look at it yourself")
	}
	f, err := dir.OpenFile(markerName, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer f.Close()
	free, err := lockFile(f)
	if err != nil || !free {
		return false, err // it is in use
	}
	if err := empty(dir); err != nil {
		return false, err
	}
	return true, os.Remove(path)
}

// removeUnmarked removes a directory whose process was killed before it could mark
// it, or after all but the directory was removed: it is empty.
func removeUnmarked(dir *os.Root, path string, info fs.FileInfo) (done bool, err error) {
	const moment = time.Minute // for one that is being made
	names, err := readNames(dir, ".")
	if err != nil || len(names) > 0 || !ownAlone(info) || time.Since(info.ModTime()) < moment {
		return false, nil // none of ours
	}
	return true, os.Remove(path)
}

// removeIn removes a file or directory of dir with all in it, whatever the modes of
// the directories.
func removeIn(dir *os.Root, name string) error {
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

// removeTree removes a file or directory with all in it, whatever the modes of the
// directories.
func removeTree(path string) error {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return removeIn(dir, filepath.Base(path))
}

func joinClose(err, closing error) error {
	if closing == nil {
		return err
	}
	return errors.Join(err, closing)
}
