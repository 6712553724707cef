//go:build race

package knapsack

// raceEnabled: everything is some fifteen times slower. Nothing here
// starts goroutines, so that it has little to find, and large instances are left out.
const raceEnabled = true
