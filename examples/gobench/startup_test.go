// Package gobench shows how a team judges what its images cost in its own go test.
package gobench

import (
	"testing"

	"github.com/cachebench/cachebench/benchtest"
)

// BenchmarkStartup reports how long the apps of the scenario take to start.
func BenchmarkStartup(b *testing.B) {
	benchtest.Startup(b, benchtest.Load(b, "testdata/scenario.yaml"))
}

// TestStartupBudget fails when an app is over its budget in the scenario.
func TestStartupBudget(t *testing.T) {
	benchtest.Check(t, benchtest.Load(t, "testdata/scenario.yaml"))
}
