package main

import (
	"testing"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

// TestBaseOfCalibration: runs on ECI are fitted on its own profile, others on containerd's.
func TestBaseOfCalibration(t *testing.T) {
	of := func(tool string) calibrate.File {
		return calibrate.File{Timeline: &simulate.Timeline{Measurement: &simulate.Measurement{Tool: tool}}}
	}
	for want, files := range map[string][][]calibrate.File{
		"eci":        {{of("eci")}, {of("eci"), of("eci")}},
		"containerd": {{of("containerd")}, {of("eci"), of("pull")}, {{Timeline: &simulate.Timeline{}}}},
	} {
		for _, list := range files {
			if got := baseOf(list); got != want {
				t.Errorf("%d files: %s, want %s", len(list), got, want)
			}
		}
	}
}
