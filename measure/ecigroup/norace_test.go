//go:build !race

package ecigroup

const raceEnabled = false
