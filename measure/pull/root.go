package pull

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// markerName is the file by which a root directory is known; it holds the pid of
// the process whose it is, which has it locked as long as it lives.
const markerName = "cachebench-pull.pid"

// rootPrefix begins the names of temporary roots.
const rootPrefix = "cachebench-pull-"

// root is a directory of which all but the directory itself is ours.
type root struct {
	path   string
	own    bool // made here
	marker *os.File
}

// newRoot takes a directory, which is empty, missing or stale; an empty path makes
// a temporary one.
func newRoot(path string) (*root, error) {
	if path == "" {
		return temporaryRoot()
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	_, err = os.Lstat(path)
	r := &root{path: path, own: errors.Is(err, fs.ErrNotExist)}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, fmt.Errorf("make the directory for pulled images: %w", err)
	}
	if _, err := cleanRoot(path, false); err != nil {
		return nil, err
	}
	left, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("read the directory for pulled images: %w", err)
	}
	if len(left) > 0 {
		return nil, fmt.Errorf("the directory %s for pulled images holds other things (%s): name an empty one, since all in it is removed in the end", path, left[0].Name())
	}
	return r, r.mark()
}

func temporaryRoot() (*root, error) {
	var faults []error
	for _, parent := range temporaryParents() {
		path, err := os.MkdirTemp(parent, rootPrefix+"*")
		if err != nil {
			faults = append(faults, err)
			continue
		}
		r := &root{path: path, own: true}
		if err := r.mark(); err != nil {
			os.RemoveAll(path)
			return nil, err
		}
		return r, nil
	}
	return nil, fmt.Errorf("make a temporary directory for pulled images: %w; name one", errors.Join(faults...))
}

// temporaryParents are where temporary roots are made: first the user's cache, which
// is more often on a disk than the other.
func temporaryParents() []string {
	parents := []string{os.TempDir()}
	if cache, err := os.UserCacheDir(); err == nil && os.MkdirAll(cache, 0o700) == nil {
		parents = append([]string{cache}, parents...)
	}
	return parents
}

func (r *root) mark() error {
	f, err := os.OpenFile(filepath.Join(r.path, markerName), os.O_RDWR|os.O_CREATE, 0o644)
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

// close removes all in the root, the marker last, so that what is left of a removal
// that was killed is still known as ours.
func (r *root) close() error {
	if r.marker == nil {
		return nil
	}
	err := empty(r.path)
	if err == nil {
		err = os.Remove(r.marker.Name())
	}
	r.marker.Close()
	r.marker = nil
	if err == nil && r.own {
		err = os.Remove(r.path)
	}
	if err != nil {
		return fmt.Errorf("remove pulled images in %s: %w", r.path, err)
	}
	return nil
}

// empty removes all but the marker.
func empty(dir string) error {
	names, err := os.ReadDir(dir)
	faults := []error{err}
	for _, n := range names {
		if n.Name() != markerName {
			faults = append(faults, removeTree(filepath.Join(dir, n.Name())))
		}
	}
	return errors.Join(faults...)
}

// CleanUp removes what processes that were killed left behind in the given roots,
// in directories that hold such roots, and, with none given, where temporary roots
// are made. It returns what it removed, and does not touch a root whose process
// lives, nor anything that has no marker.
func CleanUp(dirs ...string) (removed []string, err error) {
	if len(dirs) == 0 {
		dirs = temporaryParents()
	}
	var faults []error
	for _, dir := range dirs {
		candidates := []string{dir}
		inside, _ := filepath.Glob(filepath.Join(dir, rootPrefix+"*"))
		for _, path := range append(candidates, inside...) {
			done, err := cleanRoot(path, true)
			if done {
				removed = append(removed, path)
			}
			if err != nil && !errors.Is(err, errInUse) {
				faults = append(faults, err)
			}
		}
	}
	return removed, errors.Join(faults...)
}

var errInUse = errors.New("in use")

// cleanRoot empties a root whose process is gone; whole removes a temporary
// directory too.
func cleanRoot(path string, whole bool) (done bool, err error) {
	marker := filepath.Join(path, markerName)
	f, err := os.OpenFile(marker, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look whether %s is still used: %w", path, err)
	}
	defer f.Close()
	free, err := lockFile(f)
	if err != nil {
		return false, fmt.Errorf("look whether %s is still used: %w", path, err)
	}
	if !free {
		return false, fmt.Errorf("the directory %s is %w by process %s: name another, or wait", path, errInUse, pidOf(f))
	}
	err = empty(path)
	if err == nil {
		err = os.Remove(marker)
	}
	if err == nil && whole && strings.HasPrefix(filepath.Base(path), rootPrefix) {
		err = os.Remove(path)
	}
	if err != nil {
		return false, fmt.Errorf("remove what a killed process left in %s: %w", path, err)
	}
	return true, nil
}

func pidOf(f *os.File) string {
	var text [32]byte
	n, _ := f.ReadAt(text[:], 0)
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text[:n]))); err == nil {
		return strconv.Itoa(pid)
	}
	return "unknown"
}

func joinClose(err, closing error) error {
	if closing == nil {
		return err
	}
	return errors.Join(err, closing)
}
