package pull

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestRoots: a root that a killed process left is removed, locked directories of it
// too; one in use, one of somebody else and other things are not touched.
func TestRoots(t *testing.T) {
	parent := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", parent)
	t.Setenv("TMPDIR", parent)
	live, err := newRoot("")
	if err != nil {
		t.Fatal(err)
	}
	stale := filepath.Join(parent, rootPrefix+"stale")
	locked := filepath.Join(stale, "node-0", "locked")
	if err := os.MkdirAll(filepath.Join(locked, "inside", "more"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(locked, "inside"), locked} {
		if err := os.Chmod(dir, 0); err != nil {
			t.Fatal(err)
		}
	}
	marked := func(dir string, mode fs.FileMode) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, "things"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, markerName), []byte("1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	marked(stale, 0o700)
	foreign, open := filepath.Join(parent, rootPrefix+"foreign"), filepath.Join(parent, rootPrefix+"open")
	if err := os.MkdirAll(filepath.Join(foreign, "things"), 0o755); err != nil {
		t.Fatal(err)
	}
	marked(open, 0o777)
	stay := []string{live.path, foreign, open}
	if os.Geteuid() == 0 { // who alone can give directories away
		theirs := filepath.Join(parent, rootPrefix+"theirs")
		marked(theirs, 0o700)
		if err := os.Chown(theirs, 12345, 12345); err != nil {
			t.Fatal(err)
		}
		stay = append(stay, theirs)
	}
	removed, err := CleanUp()
	if err == nil || !slices.Equal(removed, []string{stale}) {
		t.Errorf("removed %v, %v; want the stale one, and to hear of those of others", removed, err)
	}
	for _, dir := range stay {
		if left, err := os.ReadDir(dir); err != nil || len(left) == 0 {
			t.Errorf("%s was touched: %v %v", dir, left, err)
		}
	}
	if err := live.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(live.path); err == nil {
		t.Error("the temporary root is left")
	}
}

// TestRootSwapped: a root that somebody replaced by a symlink leads nowhere.
func TestRootSwapped(t *testing.T) {
	parent, victim := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(victim, "precious"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(parent, rootPrefix+"x")); err != nil {
		t.Fatal(err)
	}
	if removed, err := CleanUp(parent); len(removed) > 0 {
		t.Errorf("removed %v, %v", removed, err)
	}
	if _, err := os.Stat(filepath.Join(victim, "precious")); err != nil {
		t.Error(err)
	}
}

// TestCloseSwapped: what somebody puts in the place of a root is not emptied at its end;
// what was pulled is.
func TestCloseSwapped(t *testing.T) {
	parent, victim := t.TempDir(), t.TempDir()
	r, err := newRoot(parent)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(r.path, "node-0"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(victim, "precious"), 0o755); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(parent, "moved")
	if err := os.Rename(r.path, moved); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, r.path); err != nil {
		t.Fatal(err)
	}
	if err := r.close(); err == nil || !strings.Contains(err.Error(), "in the place of "+r.path) {
		t.Errorf("it is not told of: %v", err)
	}
	if _, err := os.Stat(filepath.Join(victim, "precious")); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(moved); err != nil || len(left) > 0 {
		t.Errorf("of what was pulled are left %v, %v", left, err)
	}
}

// TestRootUnmarked: what a process left that was killed before it wrote its marker,
// or after it removed that, is removed once it cannot be one that begins.
func TestRootUnmarked(t *testing.T) {
	parent := t.TempDir()
	young, old := filepath.Join(parent, rootPrefix+"young"), filepath.Join(parent, rootPrefix+"old")
	for _, dir := range []string{young, old} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Now().Add(-time.Hour)
	if err := os.Chtimes(old, before, before); err != nil {
		t.Fatal(err)
	}
	if removed, err := CleanUp(parent); err != nil || !slices.Equal(removed, []string{old}) {
		t.Errorf("removed %v, %v", removed, err)
	}
}

// TestRootGiven: what else is in a directory that was given stays, a result for one,
// and nobody else can look at what is pulled; a directory that was made goes, unless
// something else is in it.
func TestRootGiven(t *testing.T) {
	there := t.TempDir()
	result := filepath.Join(there, "result.json")
	if err := os.WriteFile(result, []byte("before"), 0o644); err != nil {
		t.Fatal(err)
	}
	// Left by a process that was killed: a file whose lock is free.
	stale := filepath.Join(there, rootPrefix+"stale")
	if err := os.Mkdir(stale, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(stale, markerName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dir, saved string
		stays      bool
	}{{there, "result.json", true}, {filepath.Join(there, "new"), "", false}, {filepath.Join(there, "kept"), "result.json", true}} {
		h, err := NewHost(HostOptions{Root: c.dir})
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(h.root.path)
		if err != nil || info.Mode().Perm() != 0o700 || filepath.Dir(h.root.path) != c.dir {
			t.Errorf("%s: the root is %s, %v, %v", c.dir, h.root.path, info, err)
		}
		if c.saved != "" {
			if err := os.WriteFile(filepath.Join(c.dir, c.saved), []byte("result"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(c.dir); (err == nil) != c.stays {
			t.Errorf("%s afterwards: %v", c.dir, err)
		}
		if left, _ := filepath.Glob(filepath.Join(c.dir, rootPrefix+"*")); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
		if got, err := os.ReadFile(filepath.Join(c.dir, c.saved)); c.saved != "" && string(got) != "result" {
			t.Errorf("%s: what was saved holds %q, %v", c.dir, got, err)
		}
	}
}
