//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || windows)

package docstore

import (
	"errors"
	"os"
)

// lock refuses: without locks a store is only read.
func lock(f *os.File) (bool, error) {
	return false, &os.PathError{Op: "lock", Path: f.Name(), Err: errors.ErrUnsupported}
}

func unlock(*os.File) {}
