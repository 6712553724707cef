package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

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
	if got := benchstat(t, strings.ReplaceAll(command, "=testdata/", "=../../examples/gobench/testdata/")); got != want {
		t.Errorf("benchstat %s prints\n%s\ndocs/benchtest.md has\n%s", command, got, want)
	}
}

// TestBenchstatCommands: the two that docs/compare.md names make the columns that it says.
func TestBenchstatCommands(t *testing.T) {
	text, err := os.ReadFile("../../docs/compare.md")
	if err != nil {
		t.Fatal(err)
	}
	images, diff := "oci:../../testdata/images:registry.example.com/shop/web:", filepath.Join(t.TempDir(), "diff.txt")
	args := []string{"diff", images + "1.4.0", images + "1.4.1", "--output", "benchfmt", "--output-file", diff}
	if code := run(t.Context(), args, strings.NewReader(""), io.Discard, io.Discard); code != 0 {
		t.Fatalf("diff: exit code %d", code)
	}
	for command, files := range map[string][]string{
		"-row /app -col /arm result.txt": {"result.txt", "../../examples/gobench/testdata/bench.txt", "cold", "cached"},
		"-row /arm -col /side diff.txt":  {"diff.txt", diff, "old", "new"},
	} {
		if !strings.Contains(string(text), "benchstat "+command) {
			t.Errorf("docs/compare.md has no benchstat %s", command)
		}
		got := benchstat(t, strings.Replace(command, files[0], files[1], 1))
		if !regexp.MustCompile(`│ +`+files[2]+` +│ +`+files[3]+` +│`).MatchString(got) || strings.Contains(got, "warning") {
			t.Errorf("benchstat %s:\n%s", command, got)
		}
	}
}

func benchstat(t *testing.T, command string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"tool", "benchstat"}, strings.Fields(command)...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("benchstat %s: %v\n%s", command, err, out)
	}
	return string(out)
}
