package document

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"
)

// Lines end where editors and grep end them, whatever else YAML takes for an end.
func TestYAMLLines(t *testing.T) {
	for _, text := range []string{
		"a: 1\nhere: 2\n",
		"a: 1\r\nhere: 2\r\n",
		"a: 'x\u2028y\u2029z'\nhere: 2\n",
		"a: 'x\u0085\u0085'\nhere: 2",
		"a: 'x\ry'\nhere: 2",
		"# \u2028# and\nhere: 2\n",
	} {
		root, err := parseYAML("a.yaml", text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if last := root.items[len(root.items)-1]; last.key != "here" || last.line != 2 || last.keyLine != 2 {
			t.Errorf("%q: %s is in line %d, not 2", text, last.key, last.line)
		}
	}
	_, err := parseYAML("a.yaml", "a: 'x\u2028y'\nb: 1\n---\nc: 2\n")
	if want := "a.yaml:3: a second document starts here"; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Any line that YAML counts is the text's line which holds the same place.
func TestYAMLLinesOfAnyText(t *testing.T) {
	part := rapid.SampledFrom([]string{"\n", "\r", "\r\n", "\u0085", "\u2028", "\u2029", "\u2027", "é", "x", "  "})
	rapid.Check(t, func(t *rapid.T) {
		text := "- '" + strings.Join(rapid.SliceOfN(part, 0, 30).Draw(t, "text"), "") + "'\n- here"
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(text), &n); err != nil {
			t.Skip(err)
		}
		var lines YAMLLines
		for i := range len(text) { // in parts that cut a separator
			if _, err := lines.Write([]byte(text[i : i+1])); err != nil {
				t.Fatal(err)
			}
		}
		lines.Restore(&n)
		if got, want := n.Content[0].Content[1].Line, 1+strings.Count(text, "\n"); got != want {
			t.Fatalf("%q: here is in line %d, not %d", text, got, want)
		}
	})
}
