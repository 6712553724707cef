package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A recorder is a test that notes its failures.
type recorder struct {
	testing.TB
	said string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) { r.said += fmt.Sprintf(format, args...) }

// Fatalf ends the test as testing does, but its caller catches it.
func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}

// said returns what Equal says of a file.
func said(t *testing.T, path, got string) string {
	r := &recorder{TB: t}
	defer func() {
		if caught := recover(); caught != nil && caught != any(r) {
			panic(caught)
		}
	}()
	Equal(r, path, []byte(got))
	return r.said
}

func TestEqual(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "x.golden")
	write(t, path, []byte("one\ntwo\n"))
	if said := said(t, path, "one\ntwo\n"); said != "" {
		t.Errorf("equal text fails: %s", said)
	}
	*update = true
	Equal(t, path, []byte("three\n"))
	*update = false
	data, err := os.ReadFile(path)
	if err != nil || string(data) != "three\n" || Updating() {
		t.Errorf("-update wrote %q, %v", data, err)
	}
}

func TestDifference(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.golden")
	write(t, path, []byte("one\n"))
	for _, want := range []string{path, "-want +got", "-update", "one", "two"} {
		if said := said(t, path, "two\n"); !strings.Contains(said, want) {
			t.Errorf("no %q in %s", want, said)
		}
	}
}

func TestMissingFile(t *testing.T) {
	r := &recorder{TB: t}
	defer func() {
		if recover() == nil || !strings.Contains(r.said, "run the test with -update") {
			t.Errorf("a missing file gives %q", r.said)
		}
	}()
	Equal(r, filepath.Join(t.TempDir(), "none"), nil)
}
