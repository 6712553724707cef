package simulate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/internal/race"
)

// TestMemory: what a simulation leaves changes nothing in the next, of whatever
// profile and starts.
func TestMemory(t *testing.T) {
	race.Skip(t)
	memory := &Memory{}
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		r.options.Workers = 1
		fresh, err := RunArm(t.Context(), r.inv, r.profile, r.starts, r.options)
		if err != nil {
			t.Skip(err)
		}
		r.options.Memory = memory
		again, err := RunArm(t.Context(), r.inv, r.profile, r.starts, r.options)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(fresh.Startups, again.Startups); diff != "" {
			t.Error(diff)
		}
	})
}
