package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDocumentedFlags: the commands and flags that the documents name, in blocks of
// their own, are there.
func TestDocumentedFlags(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, "../../README.md", "../../internal/validate/repeat.go")
	seen := 0
	for _, file := range files {
		for _, words := range documentedCommands(t, file) {
			seen++
			root := newRoot(&streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
			cmd, args, err := root.Find(words)
			if err != nil || cmd == root {
				t.Errorf("%s: cachebench %s: no such command", file, strings.Join(words, " "))
				continue
			}
			if err := cmd.ParseFlags(args); err != nil {
				t.Errorf("%s: cachebench %s: %v", file, strings.Join(words, " "), err)
			}
		}
	}
	if seen < 20 {
		t.Errorf("%d commands found in %d documents", seen, len(files))
	}
}

// documentedCommands are the words after "cachebench" of lines that begin with it, a
// line that ends in a backslash with those that follow.
func documentedCommands(t *testing.T, file string) [][]string {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]string
	joined := strings.ReplaceAll(string(text), "\\\n", " ")
	for line := range strings.Lines(joined) {
		indented := strings.HasPrefix(line, "    ") || strings.HasSuffix(file, ".go")
		words := strings.Fields(strings.ReplaceAll(line, "'", ""))
		if indented && len(words) > 1 && words[0] == "cachebench" {
			list = append(list, words[1:])
		}
	}
	return list
}

// TestDocumentedBenchstat: what the documents show of benchstat on the files of
// examples/gobench is what it prints.
func TestDocumentedBenchstat(t *testing.T) {
	text, err := os.ReadFile("../../docs/benchtest.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "```\n$ benchstat ")
	command, rest, _ := strings.Cut(block, "\n")
	want, _, closed := strings.Cut(rest, "```")
	if !ok || !closed {
		t.Fatal("docs/benchtest.md shows no benchstat")
	}
	words := strings.Fields(strings.ReplaceAll(command, "=testdata/", "=../../examples/gobench/testdata/"))
	got, err := exec.CommandContext(t.Context(), "go", append([]string{"tool", "benchstat"}, words...)...).CombinedOutput()
	if err != nil || string(got) != want {
		t.Errorf("benchstat %s: %v\n%s\ndocs/benchtest.md has\n%s", command, err, got, want)
	}
}
