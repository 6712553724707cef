//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package docstore

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the exclusive lock of an open file without waiting; false means
// that somebody else holds it. It ends with unlock, with f's Close, or with the
// process.
func lock(f *os.File) (bool, error) {
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		case !errors.Is(err, syscall.EINTR):
			return false, &os.PathError{Op: "lock", Path: f.Name(), Err: err}
		}
	}
}

func unlock(f *os.File) {
	_ = syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
}
