//go:build !unix

package simulate

import "time"

var began = time.Now()

// cpuTime is wall time where the system does not tell.
func cpuTime() time.Duration { return time.Since(began) }
