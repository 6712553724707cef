//go:build unix

package main

import (
	"fmt"
	"runtime"
	"syscall"
	"time"
)

// cpuTime is what all threads of the process have used, garbage collection among it.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // cannot be, of this process
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory is the most that was resident at once.
func peakMemory() string {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return err.Error()
	}
	unit := int64(1024)
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	return fmt.Sprintf("%d MiB", int64(u.Maxrss)*unit>>20)
}
