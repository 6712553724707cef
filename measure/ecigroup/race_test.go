//go:build race

package ecigroup

const raceEnabled = true
