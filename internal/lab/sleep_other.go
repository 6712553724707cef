//go:build !linux

package lab

import "time"

func nap(d time.Duration) { time.Sleep(d) }
