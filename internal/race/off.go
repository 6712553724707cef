//go:build !race

// Package race tells tests whether the race detector is on, which makes what only
// computes ten times as slow: they then look at less, and make exhaust runs them whole.
package race

// Enabled says whether the race detector is.
const Enabled = false
