//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package layers

import (
	"errors"
	"os"
)

// tryLock has no locks to take here.
func tryLock(*os.File) (busy bool, err error) { return false, errors.ErrUnsupported }
