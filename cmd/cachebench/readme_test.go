package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/internal/golden"
)

// shownSections is how many sections of the example's output the README shows.
const shownSections = 5

// TestReadme runs the README's worked example and holds the README to what it
// prints; with -update the README is rewritten.
func TestReadme(t *testing.T) {
	name, err := filepath.Abs("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)(```console\n\\$ cachebench run )([^\n]+)\n(.*?)(```)")
	parts := block.FindSubmatch(readme)
	if parts == nil {
		t.Fatal("README.md has no console block")
	}
	scenario := filepath.Join(filepath.Dir(name), string(parts[2]))
	t.Chdir(t.TempDir()) // the scenario writes its reports where the command runs
	var out bytes.Buffer
	if code := run(t.Context(), []string{"run", scenario}, strings.NewReader(""), &out, io.Discard); code != exitDone {
		t.Fatalf("cachebench run %s exits with %d", scenario, code)
	}
	sections := strings.SplitN(out.String(), "\n\n", shownSections+1)
	shown := strings.Join(sections[:shownSections], "\n\n") + "\n…\n"
	got := bytes.Replace(readme, parts[0], []byte(string(parts[1])+string(parts[2])+"\n"+shown+string(parts[4])), 1)
	golden.Equal(t, name, got)
}
