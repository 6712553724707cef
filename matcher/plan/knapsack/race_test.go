//go:build race

package knapsack

// raceEnabled: everything is some fifteen times slower. Nothing here starts goroutines, so
// that it has little to find; fewer problems are looked at, and large instances are left
// out. make exhaust runs it all without.
const (
	raceEnabled = true
	bruteForced = 100
	marketApps  = 30
)
