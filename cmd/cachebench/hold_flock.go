//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package main

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// hold locks a file that is being written, until release or the end of the process. It is
// not held where something else stands there now, or nothing: then another process took
// it for one that was left. Where the file system has no locks nothing can be taken so, and
// it counts as held.
func hold(name string) (release func(), held bool) {
	f, err := openToLock(name)
	if err != nil {
		return func() {}, false
	}
	release = func() { f.Close() }
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		return release, true
	}
	its, err := f.Stat()
	there, thereErr := os.Stat(name)
	return release, err == nil && thereErr == nil && os.SameFile(its, there)
}

// openToLock opens a file for writing, for NFS makes of the lock one of fcntl's, and refuses
// an exclusive one of a file that is open for reading alone. Other file systems need no more
// than that, and what another user left may be no more than read.
func openToLock(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) {
		return os.Open(name)
	}
	return f, err
}

// removeUnheld removes a file unless a process that lives holds it, or it is not known
// whether one does.
func removeUnheld(name string) error {
	f, err := openToLock(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return nil
	}
	return os.Remove(name)
}
