package lab

import (
	"time"

	"golang.org/x/sys/unix"
)

// slack is what the kernel may add to a sleep, and does on an idle machine
// (prctl(2), PR_SET_TIMERSLACK: 50 µs unless set).
const slack = 50 * time.Microsecond

// nap sleeps for a short time on the kernel's own clock.
func nap(d time.Duration) {
	if d <= slack {
		return
	}
	left := unix.NsecToTimespec(int64(d - slack))
	for unix.Nanosleep(&left, &left) == unix.EINTR {
	}
}
