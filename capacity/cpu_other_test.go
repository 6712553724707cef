//go:build !unix

package capacity_test

import "time"

// cpu is the wall time that do takes, where the system does not tell processor time.
func cpu(do func()) time.Duration {
	begin := time.Now()
	do()
	return time.Since(begin)
}
