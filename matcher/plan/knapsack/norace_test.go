//go:build !race

package knapsack

const (
	raceEnabled = false
	// bruteForced problems of each kind are held against all choices there are.
	bruteForced = 1000
	// marketApps of a problem in money.
	marketApps = 100
)
