//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package main

import (
	"os"
	"runtime"
)

// hold does nothing: a file that a process has open cannot be removed on Windows, and on
// other systems it is not known whether one has it, so that nothing is removed.
func hold(string) (release func(), held bool) { return func() {}, true }

// removeUnheld removes a file that no process has open.
func removeUnheld(name string) error {
	if runtime.GOOS != "windows" {
		return nil
	}
	_ = os.Remove(name) // one that is open is refused: it is held
	return nil
}
