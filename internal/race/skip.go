package race

import "testing"

// Skip leaves out a test that only computes and takes minutes with the race detector; make
// exhaust, which make test begins with, runs it without.
func Skip(t testing.TB) {
	t.Helper()
	if Enabled || testing.Short() {
		t.Skip("only computes; make exhaust runs it without the race detector")
	}
}
