package pull

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/cachebench/cachebench/layers"
)

// snapshots is a directory with one directory for each unpacked layer, named by its
// chainID; it holds what that layer alone changes, as overlayfs's upper directory.
type snapshots struct{ dir string }

func newSnapshots(dir string) (snapshots, error) {
	s := snapshots{filepath.Join(dir, "snapshots")}
	return s, os.MkdirAll(s.dir, 0o755)
}

func (s snapshots) path(chain layers.Digest) string {
	return filepath.Join(s.dir, strings.TrimPrefix(string(chain), "sha256:"))
}

func (s snapshots) has(chain layers.Digest) bool {
	_, err := os.Lstat(s.path(chain))
	return err == nil
}

// begin makes the directory into which a layer is unpacked before it counts.
func (s snapshots) begin() (string, error) {
	dir, err := os.MkdirTemp(s.dir, "new-*")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	return dir, err
}

func (s snapshots) commit(dir string, chain layers.Digest) error {
	return os.Rename(dir, s.path(chain))
}

// list returns the chainIDs, and how many other things are there.
func (s snapshots) list() (chains []layers.Digest, others int, err error) {
	names, err := os.ReadDir(s.dir)
	for _, n := range names {
		chain := layers.Digest("sha256:" + n.Name())
		if chain.Validate() != nil {
			others++
			continue
		}
		chains = append(chains, chain)
	}
	return chains, others, err
}

// keep removes all but the chains of want.
func (s snapshots) keep(want func(layers.Digest) bool) error {
	names, err := os.ReadDir(s.dir)
	faults := []error{err}
	for _, n := range names {
		if !want(layers.Digest("sha256:" + n.Name())) {
			faults = append(faults, removeTree(filepath.Join(s.dir, n.Name())))
		}
	}
	return errors.Join(faults...)
}
