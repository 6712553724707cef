//go:build !race

package plan_test

// instances of each kind are held against brute force.
const instances = 1000
