package reports

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// FuzzReadDiff: a saved Diff comes from other people. Whatever it holds is
// refused or shown: within the terminal's width, without control characters, and
// written as the same document again.
func FuzzReadDiff(f *testing.F) {
	names, err := filepath.Glob("../testdata/diff/*.json")
	if err != nil || len(names) == 0 {
		f.Fatalf("no saved diffs: %v", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"apiVersion":"cachebench/v1","kind":"Diff","old":{"reference":"\u001b[31m","digest":"","platform":"x"},"new":{"reference":"a","digest":"sha256","platform":"x"},
		"layers":[{"digest":"x","state":"new","change":"timestamps"}],"gate":{"verdict":"fail","outcomes":[{"rule":"|","result":"pass"},{"rule":"x","result":"fail","value":1e300,"limit":-1,"margin":0}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ReadDiff("diff.json", data)
		if err != nil {
			return
		}
		written := make(map[Format]string)
		for _, format := range DiffFormats() {
			var b bytes.Buffer
			if err := WriteDiff(&b, format, d, Options{}); err != nil {
				t.Fatal(err)
			}
			written[format] = b.String()
		}
		checkWidth(t, written[Text])
		for _, format := range []Format{Text, Markdown, GitHub} {
			if i := strings.IndexFunc(written[format], func(r rune) bool { return r != '\n' && (r < ' ' || r == 0x7f) }); i >= 0 {
				t.Errorf("%s has a control character: %q", format, written[format])
			}
		}
		checkCommands(t, written[GitHub])
		again, err := ReadDiff("diff.json", []byte(written[JSON]))
		if err != nil {
			t.Fatalf("%v of %s", err, written[JSON])
		}
		for _, format := range DiffFormats() {
			var b bytes.Buffer
			if err := WriteDiff(&b, format, again, Options{}); err != nil || b.String() != written[format] {
				t.Errorf("read again, %s differs: %v", format, err)
			}
		}
	})
}

// A format is accepted where it is written, and nowhere else.
func TestDiffFormatNames(t *testing.T) {
	for _, format := range DiffFormats() {
		if got, err := ParseFormat(string(format), DiffFormats()...); err != nil || got != format {
			t.Errorf("%s: %v, %v", format, got, err)
		}
	}
	if _, err := ParseFormat("markdown"); err == nil {
		t.Error("a report has no Markdown yet, but it is accepted")
	}
	if slices.Contains(DiffFormats(), Starts) {
		t.Error("a diff has no starts")
	}
}
