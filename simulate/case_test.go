package simulate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cachebench/cachebench/internal/golden"
)

// TestCases compares the engine with scenarios that were worked out by hand to
// the nanosecond: with the part hand always, and with the whole timeline, which
// -update writes anew.
func TestCases(t *testing.T) {
	paths, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(paths) < 25 {
		t.Fatalf("%d cases, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { checkCase(t, path) })
	}
}

func checkCase(t *testing.T, path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := readCase(path, data)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.archive.Comment) == 0 || len(c.hand) == 0 {
		t.Error("a case needs its working, and what was worked out by hand")
	}
	got := run(t, c.inv, c.profile, c.options, c.starts...)
	for _, wrong := range c.holds(got) {
		t.Errorf("by hand %s", wrong)
	}
	for i := range got {
		if err := sound(&got[i]); err != nil {
			t.Errorf("start %s: %v", got[i].App, err)
		}
	}
	timeline := c.write(got)
	if golden.Updating() {
		c.update(t, path, timeline)
	} else if diff := cmp.Diff(c.timeline, timeline); diff != "" {
		t.Errorf("-want +got, rewritten by -update:\n%s", diff)
	}
}

// update writes the timeline of a case and nothing else.
func (c *caseFile) update(t *testing.T, path, timeline string) {
	files := c.archive.Files
	if last := len(files) - 1; last >= 0 && files[last].Name == "timeline" {
		files = files[:last]
	}
	c.archive.Files = append(files, txtar.File{Name: "timeline", Data: []byte(timeline)})
	golden.Equal(t, path, txtar.Format(c.archive))
}
