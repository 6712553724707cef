// Package golden compares what a test made with a file that was read in review.
// Run the tests of a package with -update to write its files anew:
//
//	go test ./reports -update
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The flag belongs to the test binary of every package that imports this one.
var update = flag.Bool("update", false, "write golden files instead of comparing with them")

// Updating reports whether golden files are being written, for tests that keep
// other files than Equal does.
func Updating() bool { return *update }

// Equal fails the test with a diff if got is not what the file at path holds.
// With -update it writes the file, and the directories above it.
func Equal(t testing.TB, path string, got []byte) {
	t.Helper()
	if *update {
		write(t, path, got)
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run the test with -update to write it", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got), run the test with -update if that is right:\n%s", path, diff)
	}
}

func write(t testing.TB, path string, got []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, got, 0o644); err != nil {
		t.Fatal(err)
	}
}
