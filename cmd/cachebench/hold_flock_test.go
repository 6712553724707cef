//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestOpenToLock: what is to be locked is open for writing, without which NFS refuses an
// exclusive lock, and is not changed by that.
func TestOpenToLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "left")
	write(t, name, "as it was")
	f, err := openToLock(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, f.Fd(), syscall.F_GETFL, 0)
	if errno != 0 || flags&syscall.O_ACCMODE != syscall.O_RDWR {
		t.Errorf("flags %o, %v: not open for reading and writing", flags, errno)
	}
	if data, err := os.ReadFile(name); err != nil || string(data) != "as it was" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := openToLock(name + "2"); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
}
