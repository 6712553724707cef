package document

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// forms has what the sample has not.
type forms struct {
	Raws     []Raw         `json:"raws,omitempty"`
	Word     word          `json:"word" document:"required"`
	Optional word          `json:"optional"`
	Words    []word        `json:"words,omitempty"`
	Loose    []loose       `json:"loose,omitempty"`
	Flags    []bool        `json:"flags,omitempty"`
	Policies []string      `json:"policies,omitempty" document:"enum=a|b"`
	Numbers  []*int        `json:"numbers,omitempty"`
	Sizes    map[word2]int `json:"sizes,omitempty"`
	Either   either        `json:"either,omitzero"`
	Scope    choice        `json:"scope,omitzero" document:"enum=image|daemon"`
	Order    *choice       `json:"order,omitempty" document:"enum=manifest|race"`
}

// A choice is one of the texts that the field's tag names, with its source.
type choice struct {
	Value  string `json:"value,omitempty" document:"shorthand,enum=parent"`
	Source string `json:"source,omitempty"`
}

// A word writes itself in capitals, by a method of its pointer.
type word struct{ text string }

func (w *word) MarshalText() ([]byte, error) {
	if w.text == "unspeakable" {
		return nil, errors.New("this word has no text")
	}
	return []byte(strings.ToUpper(w.text)), nil
}

func (w *word) UnmarshalText(text []byte) error {
	w.text = strings.ToLower(string(text))
	return nil
}

type word2 string

// A loose text may be a bare number.
type loose struct{ word }

func (loose) TextOrNumber() {}

// either is a list of names, or a mapping.
type either struct {
	Names []string `json:"names,omitempty" document:"shorthand"`
	File  string   `json:"file,omitempty"`
}

func TestOtherForms(t *testing.T) {
	text := header + `
raws: [1, [x], {a: b}]
word: Hello
words: [A, ""]
loose: [5, 1.50, b]
flags: [true, False]
policies: [b, a]
numbers: [+5, 7., 0.0]
sizes: {b: 1, a: 2}
either: [x, y]
scope: daemon
order: {value: race, source: measured}
`
	want := `{
  "apiVersion": "cachebench/v1",
  "kind": "Sample",
  "raws": [
    1,
    [
      "x"
    ],
    {
      "a": "b"
    }
  ],
  "word": "HELLO",
  "words": [
    "A",
    ""
  ],
  "loose": [
    "5",
    "1.50",
    "B"
  ],
  "flags": [
    true,
    false
  ],
  "policies": [
    "b",
    "a"
  ],
  "numbers": [
    5,
    7,
    0
  ],
  "sizes": {
    "a": 2,
    "b": 1
  },
  "either": [
    "x",
    "y"
  ],
  "scope": "daemon",
  "order": {
    "value": "race",
    "source": "measured"
  }
}
`
	var first, second forms
	if err := Read("x.yaml", []byte(text), "Sample", &first); err != nil {
		t.Fatal(err)
	}
	got := mustMarshal(t, first)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := Read("x.json", []byte(got), "Sample", &second); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second, cmp.AllowUnexported(word{}, loose{})); diff != "" {
		t.Errorf("read again:\n%s", diff)
	}
}

func TestEnumOfTheParent(t *testing.T) {
	var v forms
	err := Read("x.yaml", []byte(header+"word: x\nscope: race\norder: {value: image}\n"), "Sample", &v)
	want := "x.yaml:4: scope: \"race\" is not one of image, daemon\nx.yaml:5: order.value: \"image\" is not one of manifest, race"
	if faultText(err) != want {
		t.Errorf("got %v", err)
	}
	schema, err := Schema("Sample", forms{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	compile(t, schema)
	for _, enum := range []string{`["image", "daemon"]`, `["manifest", "race"]`} {
		if !strings.Contains(string(schema), enum) {
			t.Errorf("no %s in %s", enum, schema)
		}
	}
}

func TestOtherMarshalFaults(t *testing.T) {
	tests := []struct {
		name  string
		value forms
		want  string
	}{
		{"a text's own", forms{Word: word{"unspeakable"}}, "word: this word has no text"},
		{"absent in a list", forms{Raws: []Raw{{}}}, "raws[0]: an absent value has no form in a list or map"},
		{"nil in a list", forms{Numbers: []*int{nil}}, "numbers[0]: nil has no form in a list or map"},
		{"enum in a list", forms{Policies: []string{"a", ""}}, `policies[1]: "" is not one of a, b`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Marshal("Sample", test.value)
			if want := "write a Sample: " + test.want; faultText(err) != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
}

// YAML's ways of writing the same must come out the same.
func TestYAMLForms(t *testing.T) {
	tests := []struct{ name, text, same string }{
		{"merge", "{a: &a {x: 1, y: 2}, b: {<<: *a, x: 3}}", "{a: {x: 1, y: 2}, b: {x: 3, y: 2}}"},
		{"merge of a list", "{a: &a {x: 1}, b: &b {x: 2, y: 2}, c: {<<: [*a, *b], z: 3}}", "{a: {x: 1}, b: {x: 2, y: 2}, c: {x: 1, y: 2, z: 3}}"},
		{"merge in place", "{c: {<<: {x: 1}}}", "{c: {x: 1}}"},
		{"alias", "{a: &a [1, 2], b: *a}", "{a: [1, 2], b: [1, 2]}"},
		{"alias as a key", "{a: &a k, *a : 1}", "{a: k, k: 1}"},
		{"numbers", "[+5, .5, 5., -.5, 5.e3, 1e3]", "[5, 0.5, 5, -0.5, 5e3, 1e3]"},
		{"tags", "[!!str 5, !!int 5, !!float 5, !!bool true, !!null null]", `["5", 5, 5, true, null]`},
		{"texts", `[a, 'a', "a", "\x61"]`, "[a, a, a, a]"},
		{"block texts", "\n  - |-\n    a\n    b\n  - >-\n    a\n    b", `["a\nb", "a b"]`},
		{"words", "[yes, on, no, ~, 2025-01-01, 1:30]", `["yes", "on", "no", null, "2025-01-01", "1:30"]`},
		{"quoted merge key", `{"<<": {a: 1}}`, `{"<<": {a: 1}}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, want := rawOf(t, "x.yaml", header+"extra: "+test.text), rawOf(t, "x.yaml", header+"extra: "+test.same)
			if !got.Equal(want) {
				a, _ := got.MarshalJSON()
				b, _ := want.MarshalJSON()
				t.Errorf("got %s, want %s", a, b)
			}
		})
	}
}

func TestTextThatIsNotUTF8IsMended(t *testing.T) {
	got := mustRead(t, "x.json", mustMarshal(t, sample{common: common{Title: "a\xffb\x00\t\x1f\u2028"}}))
	if want := "a\ufffdb\x00\t\x1f\u2028"; got.Title != want {
		t.Errorf("got %q, want %q", got.Title, want)
	}
}

// A file must not write to the terminal through an error.
func TestFaultsAreTidy(t *testing.T) {
	_, err := read("x.yaml", header+`extra: !<"\e[31m`+strings.Repeat("x", 2000)+`> 1`)
	if err == nil || strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 1100 {
		t.Errorf("got %q", err)
	}
	err = At("a", "\x1b[31m%s", strings.Repeat("x", 2000))
	v := checked{check: func() error { return err }}
	err = Read("x.yaml", []byte(header), "Sample", &v)
	if want := `x.yaml:1: a: \x1b[31m` + strings.Repeat("x", 995) + "..."; faultText(err) != want {
		t.Errorf("got %q", err)
	}
}

func TestEditDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"a", "", 1}, {"", "abc", 3}, {"name", "nmae", 1}, {"kitten", "sitting", 3},
		{"seed", "sed", 1}, {strings.Repeat("x", 100), "x", 80},
	}
	for _, test := range tests {
		if got := editDistance(test.a, test.b); got != test.want {
			t.Errorf("from %q to %q: got %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
