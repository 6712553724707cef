package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/internal/golden"
	"github.com/cachebench/cachebench/reports"
)

//go:generate go test -run TestReference -update

// referenceDir holds a page for each command, made from the commands themselves.
const referenceDir = "docs/reference"

// TestReference holds the reference to the commands: their texts, examples, flags and
// defaults. With -update it is written anew.
func TestReference(t *testing.T) {
	root := projectRoot(t)
	program := newRoot(&streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
	program.InitDefaultHelpCmd()
	program.InitDefaultCompletionCmd()
	var index strings.Builder
	want := map[string]bool{"README.md": true}
	for _, cmd := range program.Commands() {
		if !cmd.IsAvailableCommand() {
			continue
		}
		var page strings.Builder
		page.WriteString("<!-- made from the commands: go generate ./cmd/cachebench -->\n")
		writeReference(&page, cmd, 1)
		name := cmd.Name() + ".md"
		want[name] = true
		golden.Equal(t, filepath.Join(root, referenceDir, name), []byte(page.String()))
		indexReference(&index, cmd, name)
	}
	golden.Equal(t, filepath.Join(root, referenceDir, "README.md"), []byte(fmt.Sprintf(referenceText, index.String(), exitCodeRows(), formatRows())))
	entries, err := os.ReadDir(filepath.Join(root, referenceDir))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !want[e.Name()] {
			t.Errorf("%s/%s is of no command: remove it", referenceDir, e.Name())
		}
	}
}

func indexReference(b *strings.Builder, cmd *cobra.Command, page string) {
	if cmd.Runnable() {
		fmt.Fprintf(b, "| [`%s`](%s#%s) | %s |\n", cmd.CommandPath(), page, strings.ReplaceAll(cmd.CommandPath(), " ", "-"), cmd.Short)
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			indexReference(b, sub, page)
		}
	}
}

// writeReference writes what --help says of a command and of those below it.
func writeReference(b *strings.Builder, cmd *cobra.Command, level int) {
	fmt.Fprintf(b, "%s %s\n\n%s.\n\n", strings.Repeat("#", level), cmd.CommandPath(), strings.TrimSuffix(escaped(cmd.Short), "."))
	for paragraph := range strings.SplitSeq(strings.TrimSpace(cmd.Long), "\n\n") {
		switch {
		case paragraph == "":
		case strings.HasPrefix(paragraph, " ") || strings.Contains(paragraph, "\n  ") || strings.Contains(paragraph, "\t"):
			fmt.Fprintf(b, "```text\n%s\n```\n\n", strings.Trim(paragraph, "\n"))
		default:
			fmt.Fprintf(b, "%s\n\n", escaped(paragraph))
		}
	}
	if cmd.Runnable() {
		fmt.Fprintf(b, "```text\n%s\n```\n\n", cmd.UseLine())
	}
	if cmd.Example != "" {
		var lines []string
		for line := range strings.SplitSeq(cmd.Example, "\n") {
			lines = append(lines, strings.TrimPrefix(line, "  "))
		}
		fmt.Fprintf(b, "Examples:\n\n```sh\n%s\n```\n\n", strings.Join(lines, "\n"))
	}
	if flags := cmd.NonInheritedFlags(); flags.HasAvailableFlags() {
		fmt.Fprintf(b, "Flags:\n\n```text\n%s```\n\n", flags.FlagUsagesWrapped(100))
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			writeReference(b, sub, level+1)
		}
	}
	if level == 1 { // no blank line at the end
		text := strings.TrimRight(b.String(), "\n") + "\n"
		b.Reset()
		b.WriteString(text)
	}
}

// escaped takes from a text what Markdown would take for its own.
func escaped(text string) string {
	return strings.NewReplacer("<", `\<`, "*", `\*`, "_", `\_`, "|", `\|`).Replace(text)
}

func exitCodeRows() string {
	var b strings.Builder
	for _, row := range []struct {
		code int
		text string
	}{
		{exitDone, "done; of rules: all are met, or broken by estimates or chance alone, which warns"},
		{exitFailed, "could not be done, or not all of it: an image that cannot be read, too few starts covered, a rule whose figure is not known"},
		{exitUsage, "the command line or a file is wrong; nothing was done"},
		{exitThreshold, "done, but a rule, a limit or a budget is not kept (`--check`, `--gate`, `--budget`, `--limit`, `--max-error`), or `--exit-code` found a difference"},
		{exitInterrupted, "interrupted (Ctrl-C, SIGTERM); what was found by then is written where the command says so"},
	} {
		fmt.Fprintf(&b, "| %d | %s |\n", row.code, row.text)
	}
	return b.String()
}

// formatRows are the formats of the commands that have --output.
func formatRows() string {
	var b strings.Builder
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if f := cmd.Flags().Lookup("output"); f != nil {
			usage, _, _ := strings.Cut(f.Usage, " (")
			_, formats, _ := strings.Cut(usage, ": ")
			fmt.Fprintf(&b, "| `%s` | %s |\n", cmd.CommandPath(), formats)
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}))
	return b.String()
}

// variable is a name of the environment, as it stands in a string of the program.
var variable = regexp.MustCompile(`"((?:CACHEBENCH|ALIBABA_CLOUD|XDG|DOCKER|CONTAINERD|NO)_[A-Z_]+)"`)

// TestReferenceEnvironment: the reference names every variable that the program reads.
func TestReferenceEnvironment(t *testing.T) {
	root := projectRoot(t)
	page, err := os.ReadFile(filepath.Join(root, referenceDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "build", "testdata", "ecitest", "validate", "examples"}, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range variable.FindAllSubmatch(text, -1) {
			if name := string(m[1]); !strings.HasSuffix(name, "_") && !seen[name] {
				seen[name] = true
				if !strings.Contains(string(page), "`"+name+"`") {
					t.Errorf("%s reads %s, which %s/README.md does not name", path, name, referenceDir)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) < 8 {
		t.Errorf("only %d variables found: %v", len(seen), seen)
	}
}

// TestReferenceFormats: the reference explains every format.
func TestReferenceFormats(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(projectRoot(t), referenceDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(reports.StartupFormats(), append(reports.DiffFormats(), reports.GitHub)...) {
		if !strings.Contains(string(page), fmt.Sprintf("\n| `%s` | ", f)) {
			t.Errorf("format %s is not explained", f)
		}
	}
}

// TestReferenceOfNoMachine: nothing in the reference depends on where it was made.
func TestReferenceOfNoMachine(t *testing.T) {
	root := projectRoot(t)
	home, err := os.UserHomeDir()
	if err != nil {
		t.Skip(err)
	}
	pages, err := filepath.Glob(filepath.Join(root, referenceDir, "*.md"))
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, p := range pages {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, own := range []string{root, filepath.Join(home, ".cache"), os.TempDir() + "/"} {
			if strings.Contains(string(text), own) {
				t.Errorf("%s holds %s", p, own)
			}
		}
	}
}

const referenceText = `<!-- made from the commands: go generate ./cmd/cachebench -->
# Reference

Made from the commands, whose ` + "`--help`" + ` says the same; a test fails when it is not.

| command | |
|---|---|
%s
- [The kinds of files](../files.md), with an example of each, and their [JSON Schemas](../schema)
- [The model](../model.md#parameters): every parameter of a profile
- [Traces](../trace.md), [the text of benchmarks](../compare.md#the-text-of-benchmarks), [rules](../compare.md#rules)

## Exit codes

| code | |
|---|---|
%s
Results go to the standard output; progress, warnings and errors to the standard error.

## Formats

| format | |
|---|---|
| ` + "`text`" + ` | for reading, at most 100 columns wide; the default |
| ` + "`json`" + ` | a document of a kind, for programs, and for ` + "`report`" + `, ` + "`compare`" + ` and other stages |
| ` + "`yaml`" + ` | the same as YAML |
| ` + "`csv`" + ` | a table for spreadsheets; what is unknown is empty |
| ` + "`starts`" + ` | CSV with a row for each start |
| ` + "`markdown`" + ` | for a pull request's comment or a step's summary |
| ` + "`html`" + ` | one page that needs no network |
| ` + "`github`" + ` | annotations of GitHub Actions |
| ` + "`benchfmt`" + ` | the text of Go's benchmarks, for benchstat and ` + "`compare`" + ` |

` + "`--output`" + ` says which; without it the ending of ` + "`--output-file`" + ` does (` + "`.json`, `.html`, `.md`, `.csv`, `.txt`" + `), else it is
text. ` + "`--plots DIR`" + ` also writes each chart as SVG and PNG. [Which format for what](../formats.md)
says more of each.

| command | formats |
|---|---|
%s
## Environment

Every flag can have its default from the environment: ` + "`--min-coverage`" + ` is
` + "`CACHEBENCH_MIN_COVERAGE`" + `. Then comes the user's file ` + "`cachebench/config.yaml`" + ` in
` + "`XDG_CONFIG_HOME`" + `, else in ` + "`~/.config`" + `:

` + "```yaml" + `
apiVersion: cachebench/v1
kind: Config
flags:
  profile: containerd
  min-coverage: "0.9"
` + "```" + `

What the command line says goes before the environment, the environment before that file, and
each of them before what a scenario says. A flag that several commands have with another
meaning (` + "`--repeats`, `--root`" + ` and such of ` + "`measure`" + `) is taken from the command line only.

| variable | |
|---|---|
| ` + "`CACHEBENCH_FLAG_NAME`" + ` | a flag's default, as above |
| ` + "`CACHEBENCH_REGION`, `ALIBABA_CLOUD_REGION_ID`, `ALIBABA_CLOUD_REGION`" + ` | the region of ` + "`cache` and `measure eci`" + `, the first that is set |
| ` + "`CACHEBENCH_ECI_ENDPOINT`" + ` | another endpoint than ` + "`eci.REGION.aliyuncs.com`" + ` |
| ` + "`ALIBABA_CLOUD_ACCESS_KEY_ID`, `ALIBABA_CLOUD_ACCESS_KEY_SECRET`, `ALIBABA_CLOUD_SECURITY_TOKEN`, `ALIBABA_CLOUD_PROFILE`, `ALIBABA_CLOUD_CREDENTIALS_URI`" + ` | credentials, as Alibaba Cloud's SDK finds them |
| ` + "`DOCKER_CONFIG`" + ` | where logins to registries are (` + "`config.json`" + `) |
| ` + "`DOCKER_HOST`, `DOCKER_TLS_VERIFY`, `DOCKER_CERT_PATH`" + ` | the engine of ` + "`docker-daemon:`" + ` |
| ` + "`CONTAINERD_ROOT`, `CONTAINERD_NAMESPACE`" + ` | where ` + "`containerd:`" + ` looks |
| ` + "`CONTAINERD_DISABLE_IGZIP`, `CONTAINERD_DISABLE_PIGZ`" + ` | as containerd takes them, of decoders that ` + "`measure`" + ` runs |
| ` + "`XDG_CACHE_HOME`, `XDG_STATE_HOME`, `XDG_CONFIG_HOME`, `XDG_RUNTIME_DIR`" + ` | where documents are kept by digest, journals of what was made on ECI, the file of defaults, and mounts of ` + "`measure containerd`" + ` for a moment |
| ` + "`NO_COLOR`" + ` | no colours on a terminal |
| ` + "`TMPDIR`" + ` | where ` + "`measure containerd`" + ` works without ` + "`--root`" + ` |
`
