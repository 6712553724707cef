//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd

package layers

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the exclusive lock of an open file without waiting; it ends with the
// file's Close or with the process. busy means that somebody else has it. An error
// is of a file system that has no locks.
func tryLock(f *os.File) (busy bool, err error) {
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case err == nil:
			return false, nil
		case errors.Is(err, syscall.EWOULDBLOCK):
			return true, nil
		case !errors.Is(err, syscall.EINTR):
			return false, err
		}
	}
}
