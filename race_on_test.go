//go:build race

package cachebench_test

// raceEnabled: the race detector makes simulations ten times as slow.
const raceEnabled = true
