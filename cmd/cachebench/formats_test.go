package main

import (
	"bytes"
	"encoding/csv"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cachebench/cachebench/docs/schema"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/reports"
)

// textColumns is how wide text results are at most.
const textColumns = 100

// TestFormats: what the stages write of one scenario, format by format: text within 100
// columns and without colour, JSON that a JSON Schema validator finds to be as docs/schema
// says, CSV that another reader reads.
func TestFormats(t *testing.T) {
	race.Skip(t)
	quickstart, err := filepath.Abs("../../testdata/quickstart/scenario.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir()) // the scenario's own outputs go there
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	images := "--registry=registry.example.com=" + filepath.Join(filepath.Dir(quickstart), "../images")
	for _, args := range [][]string{
		{"run", quickstart},
		{"plan", "--scenario", quickstart, "--save", "plan.json"},
		{"match", "--scenario", quickstart, "--save", "matches.json"},
		{"simulate", "--scenario", quickstart, "--window", "1d", "--repeats", "2", "--observe", "--explain", "report", "--save", "timeline.json"},
		{"analyze", "registry.example.com/shop/web:1.4.0", "registry.example.com/shop/orders:3.2.0", images, "--save", "inventory.json"},
		{"diff", "registry.example.com/shop/web:1.4.0", "registry.example.com/shop/web:1.4.1", images, "--save", "diff.json"},
		{"report", "timeline.json", "plan.json", "matches.json"},
		{"report", "diff.json"},
	} {
		name := strings.Join(args[:2], " ")
		text := stdout(t, append(args, "--output", "text")...)
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > textColumns || strings.Contains(line, "\x1b") {
				t.Errorf("%s: a line of %d columns: %q", name, n, line)
			}
		}
		if strings.Count(text, "\n") < 5 {
			t.Errorf("%s writes next to nothing: %q", name, text)
		}
		conforms(t, name, []byte(stdout(t, append(args, "--output", "json")...)))
		if args[0] == "diff" || name == "report diff.json" {
			rows, err := csv.NewReader(strings.NewReader(stdout(t, append(args, "--output", "csv")...))).ReadAll()
			if err != nil || len(rows) != 1+len(reports.DiffQuantities()) {
				t.Errorf("%s: csv has %d rows, %v", name, len(rows), err)
			}
			if page := stdout(t, append(args, "--output", "html")...); !strings.HasPrefix(page, "<!DOCTYPE html>") || !strings.Contains(page, "Layers of NEW") {
				t.Errorf("%s: html begins with %.40q", name, page)
			}
		}
		if args[0] == "run" || args[0] == "simulate" {
			for _, format := range []string{"csv", "starts"} {
				rows, err := csv.NewReader(strings.NewReader(stdout(t, append(args, "--output", format)...))).ReadAll()
				if err != nil || len(rows) < 100 {
					t.Errorf("%s: %s has %d rows, %v", name, format, len(rows), err)
				}
			}
		}
	}
	for _, saved := range []string{"plan.json", "matches.json", "timeline.json", "inventory.json", "diff.json", "report.json"} {
		data, err := readInput(saved)
		if err != nil {
			t.Fatal(err)
		}
		conforms(t, saved, data)
	}
}

func stdout(t *testing.T, args ...string) string {
	t.Helper()
	var out, faults bytes.Buffer
	if code := run(t.Context(), args, strings.NewReader(""), &out, &faults); code != 0 {
		t.Fatalf("cachebench %s: code %d: %s", strings.Join(args, " "), code, faults.String())
	}
	return out.String()
}

// conforms holds a document to the schema of its kind.
func conforms(t *testing.T, name string, data []byte) {
	t.Helper()
	kind, err := document.Header("x.json", data)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	published, ok := schema.Of(kind)
	if !ok {
		t.Fatalf("%s: no schema of %s", name, kind)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(published))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(kind, parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile(kind)
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(value); err != nil {
		t.Errorf("%s does not conform to the schema of %s: %v", name, kind, err)
	}
}

// TestScriptOutputs: what scripts want to see of results is within 100 columns, JSON within
// the schemas.
func TestScriptOutputs(t *testing.T) {
	archives, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(archives) < 40 {
		t.Fatalf("%d scripts, %v", len(archives), err)
	}
	wanted := regexp.MustCompile(`(?m)^cmp(?:env)? stdout (\S+)$`)
	seen := 0
	for _, archive := range archives {
		a, err := txtar.ParseFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		outputs := make(map[string]bool)
		for _, m := range wanted.FindAllStringSubmatch(string(a.Comment), -1) {
			outputs[m[1]] = true
		}
		for _, f := range a.Files {
			if !outputs[f.Name] || strings.HasPrefix(filepath.Base(archive), "init") || filepath.Ext(f.Name) == ".github" {
				continue // init's files are for an editor, an annotation is one line
			}
			seen++
			for line := range strings.Lines(string(f.Data)) {
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > textColumns {
					t.Errorf("%s, %s: a line of %d columns: %q", filepath.Base(archive), f.Name, n, line)
				}
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d outputs of scripts were looked at", seen)
	}
}
