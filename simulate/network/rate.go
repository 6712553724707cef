// Package network shares links among transfers max-min fairly.
package network

import "math"

// Rate is a speed in bytes per second.
type Rate float64

// Unlimited is the rate of a link that never holds anything up.
var Unlimited = Rate(math.Inf(1))
