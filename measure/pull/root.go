package pull

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cachebench/cachebench/internal/scratch"
)

// markerName is the file by which a root directory is known, which the process whose it
// is has locked as long as it lives.
const markerName = "cachebench-pull.pid"

// rootPrefix begins the names of roots.
const rootPrefix = "cachebench-pull-"

var rootKind = scratch.Kind{Prefix: rootPrefix, Marker: markerName}

// root is a directory that is ours with all in it.
type root struct {
	path string
	dir  *scratch.Dir // nil once it was removed
}

// newRoot makes a directory of its own below parent, which is made if missing; an
// empty one is where temporary files go. Only what was made is ever removed: what else
// is in parent, a result for one, stays. What killed processes left in parent goes
// first.
func newRoot(parent string) (*root, error) {
	if parent == "" {
		return temporaryRoot()
	}
	_, _ = CleanUp(parent) // what is left of others' is no matter of this run
	r, err := rootIn(parent)
	if err != nil {
		return nil, fmt.Errorf("make a directory for pulled images: %w; name another", err)
	}
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
	dir, err := rootKind.Make(parent)
	if err != nil {
		return nil, err
	}
	return &root{path: dir.Path, dir: dir}, nil
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

// close removes the root with all in it.
func (r *root) close() error {
	if r.dir == nil {
		return nil
	}
	dir := r.dir
	r.dir = nil
	if err := dir.Remove(); err != nil {
		return fmt.Errorf("remove pulled images in %s: %w", r.path, err)
	}
	return nil
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
		left, err := rootKind.Left(dir)
		if err != nil {
			faults = append(faults, fmt.Errorf("look for what killed processes left in %s: %w", dir, err))
		}
		for _, d := range left {
			if err := d.Remove(); err != nil {
				faults = append(faults, fmt.Errorf("remove what a killed process left in %s: %w", d.Path, err))
				continue
			}
			removed = append(removed, d.Path)
		}
	}
	return removed, errors.Join(faults...)
}

// removeTree removes a file or directory with all in it, whatever the modes of the
// directories.
func removeTree(path string) error {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return scratch.RemoveAll(dir, filepath.Base(path))
}

func joinClose(err, closing error) error {
	if closing == nil {
		return err
	}
	return errors.Join(err, closing)
}
