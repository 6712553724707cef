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

// exampleBlock is a command in the README with what it prints.
var exampleBlock = regexp.MustCompile("(?s)```console\n\\$ cachebench ([^\n]+)\n(.*?)```")

// moreFollows ends an example that shows only the beginning.
const moreFollows = "\n…\n"

// TestReadme runs the README's examples, in the project's directory, and holds
// the README to what they print: as many sections as it shows of each. With
// -update the README is rewritten.
func TestReadme(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(root, "README.md")
	readme, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	blocks := exampleBlock.FindAllSubmatch(readme, -1)
	if len(blocks) < 3 {
		t.Fatalf("README.md has %d console blocks", len(blocks))
	}
	got := readme
	for _, block := range blocks {
		command, shown := string(block[1]), string(block[2])
		printed := runExample(t, root, command)
		if rest, cut := strings.CutSuffix(shown, moreFollows); cut {
			n := strings.Count(rest, "\n\n") + 1
			sections := strings.SplitN(printed, "\n\n", n+1)
			printed = strings.Join(sections[:min(n, len(sections))], "\n\n") + moreFollows
		}
		want := "```console\n$ cachebench " + command + "\n" + printed + "```"
		got = bytes.Replace(got, block[0], []byte(want), 1)
	}
	golden.Equal(t, name, got)
}

// runExample runs a command in the project's directory. One that writes files
// runs in another, with the project's for its inputs.
func runExample(t *testing.T, root, command string) string {
	t.Helper()
	args := strings.Fields(strings.ReplaceAll(command, "'", ""))
	dir := root
	if args[0] == "run" {
		dir = t.TempDir()
		args[1] = filepath.Join(root, args[1])
	}
	t.Chdir(dir)
	var out bytes.Buffer
	if code := run(t.Context(), args, strings.NewReader(""), &out, io.Discard); code != exitDone {
		t.Fatalf("cachebench %s exits with %d", command, code)
	}
	return out.String()
}
