package document

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestYAMLFaults gives the body of a document whose two first lines are the
// header, and what Read says of it.
func TestYAMLFaults(t *testing.T) {
	tests := []struct {
		name, body, want string
	}{
		{"unknown key", "apps:\n  - name: a\n    runtimSeconds: 1", "x.yaml:5: apps[0].runtimSeconds: unknown key; did you mean runtimeSeconds?"},
		{"unknown key without its unit", "apps:\n  - name: a\n    runtime: 1", "x.yaml:5: apps[0].runtime: unknown key; did you mean runtimeSeconds?"},
		{"unknown key with another unit", "apps:\n  - {name: a, memoryMB: 1}", "x.yaml:4: apps[0].memoryMB: unknown key; did you mean memoryGiB?"},
		{"unknown key in another case", "Layers: [1]", "x.yaml:3: Layers: unknown key; did you mean layers?"},
		{"unknown key with swapped letters", "network: {roundTripSeconds: {soruce: x}}", "x.yaml:3: network.roundTripSeconds.soruce: unknown key; did you mean source?"},
		{"unknown key like no other", "network: {roundTripSeconds: {colour: x}}", "x.yaml:3: network.roundTripSeconds.colour: unknown key; known here: value, distribution, median, sigma, source"},
		{"unknown key among many", "colour: x", "x.yaml:3: colour: unknown key"},
		{"unknown key in a map", "classes:\n  gpu.large:\n    nam: x\n    name: y", `x.yaml:5: classes["gpu.large"].nam: unknown key; did you mean name?`},
		{"duplicate key", "seed: 1\ntitle: a\nseed: 2", "x.yaml:5: seed: stands twice, first in line 3"},
		{"duplicate key below", "classes:\n  a: {name: x}\n  b: {name: y}\n  a: {name: z}", "x.yaml:6: classes.a: stands twice, first in line 4"},
		{"duplicate key in a raw part", "extra: [{a: 1, a: 2}]", "x.yaml:3: extra[0].a: stands twice, first in line 3"},
		{"duplicate of many keys", "extra:\n" + manyKeys(60) + "  k7: 1", "x.yaml:64: extra.k7: stands twice, first in line 11"},
		{"duplicate header", "kind: Sample", "x.yaml:3: kind: stands twice, first in line 2"},
		{"missing key", "title: x\napps:\n  - flash: true", "x.yaml:5: apps[0]: the key name is missing"},
		{"missing key under a key", "classes:\n  small:\n    flash: true", "x.yaml:4: classes.small: the key name is missing"},
		{"null is missing", "classes:\n  small: {name: }", "x.yaml:4: classes.small: the key name is missing"},
		{"null in a list", "layers: [1, null]", "x.yaml:3: layers[1]: an empty value stands in a list"},
		{"text for number", "layers:\n  - x", `x.yaml:4: layers[0]: "x" is not a whole number`},
		{"number in quotes", `layers: ["7"]`, `x.yaml:3: layers[0]: "7" is text, not a whole number: write it without quotes`},
		{"time for number", "kinds: {float: 5ms}", `x.yaml:3: kinds.float: "5ms" is a time, not a number`},
		{"bool for number", "seed: true", "x.yaml:3: seed: true is not a whole number"},
		{"list for number", "seed: [1]", "x.yaml:3: seed: a list is not a whole number"},
		{"list for rate", "network: {admitPerSecond: [1]}", `x.yaml:3: network.admitPerSecond: a list is not a rate: write a number per second above 0 (12.5) or "unlimited"`},
		{"number for text", "title: 1.20", `x.yaml:3: title: 1.20 is not text: write it in quotes ("1.20")`},
		{"bool for text", "title: true", `x.yaml:3: title: true is not text: write it in quotes ("true")`},
		{"mapping for text", "title: {a: 1}", "x.yaml:3: title: a mapping is not text"},
		{"text for bool", "apps: [{name: a, flash: yes}]", `x.yaml:3: apps[0].flash: "yes" is not true or false`},
		{"text for list", "layers: 5", "x.yaml:3: layers: 5 is not a list"},
		{"list for mapping", "network:\n  - 5", "x.yaml:3: network: a list is not a mapping"},
		{"list for map", "classes: []", "x.yaml:3: classes: a list is not a mapping"},
		{"long text is cut", "network: " + strings.Repeat("é", 99), `x.yaml:3: network: "` + strings.Repeat("é", 30) + `..." is not a mapping`},
		{"enum", "apps: [{name: a, pullPolicy: always}]", `x.yaml:3: apps[0].pullPolicy: "always" is not one of Always, IfNotPresent, Never`},
		{"fraction of an integer", "layers: [1.5]", "x.yaml:3: layers[0]: 1.5 is not a whole number"},
		{"tiny", "layers: [1e-400]", "x.yaml:3: layers[0]: 1e-400 is not a whole number"},
		{"int8", "kinds: {int8: 128}", "x.yaml:3: kinds.int8: 128 is out of range: write -128 to 127"},
		{"uint16", "kinds: {uint16: -1}", "x.yaml:3: kinds.uint16: -1 is out of range: write 0 to 65535"},
		{"uint64", "seed: 18446744073709551616", "x.yaml:3: seed: 18446744073709551616 is out of range: write 0 to 18446744073709551615"},
		{"int64", "kinds: {int64: 1e300}", "x.yaml:3: kinds.int64: 1e300 is out of range: write -9223372036854775808 to 9223372036854775807"},
		{"float", "kinds: {float: 1e999}", "x.yaml:3: kinds.float: 1e999 is out of range"},
		{"float32", "kinds: {float32: 1e39}", "x.yaml:3: kinds.float32: 1e39 is out of range"},
		{"infinity", "kinds: {float: .inf}", "x.yaml:3: .inf is not a decimal number: write it as one, or in quotes if it is text"},
		{"not a number", "kinds: {float: .nan}", "x.yaml:3: .nan is not a decimal number: write it as one, or in quotes if it is text"},
		{"octal", "seed: 010", "x.yaml:3: 010 is not a decimal number: write it as one, or in quotes if it is text"},
		{"hexadecimal", "seed: 0x10", "x.yaml:3: 0x10 is not a decimal number: write it as one, or in quotes if it is text"},
		{"time", "seen: tomorrow", `x.yaml:3: seen: "tomorrow" is not a time: write "2006-01-02T15:04:05Z" or a day ("2006-01-02")`},
		{"number for time", "seen: 2025", `x.yaml:3: seen: 2025 is not a time: write "2006-01-02T15:04:05Z" or a day ("2006-01-02")`},
		{"time before the years", "seen: 0001-01-01T00:00:00+01:00", `x.yaml:3: seen: "0001-01-01T00:00:00+01:00" is not a time: write "2006-01-02T15:04:05Z" or a day ("2006-01-02")`},
		{"own text", "address: here", `x.yaml:3: address: ParseAddr("here"): unable to parse IP`},
		{"number for own text", "address: 5", `x.yaml:3: address: 5 is not text: write it in quotes ("5")`},
		{"tag", "title: !color red", "x.yaml:3: the tag !color has no meaning here"},
		{"tag of a list", "layers: !set [1]", "x.yaml:3: the tag !set has no meaning here"},
		{"tag of a mapping", "classes: !!omap {a: 1}", "x.yaml:3: the tag !!omap has no meaning here"},
		{"tagged bool", "apps: [{name: a, flash: !!bool yes}]", "x.yaml:3: yes is not true or false"},
		{"key that is a list", "? [a]\n: 1", "x.yaml:3: a key must be a text"},
		{"merge of a text", "classes: {a: {<<: x}}", "x.yaml:3: << takes a mapping or a list of mappings"},
		{"second document", "seed: 1\n---\nseed: 2", "x.yaml:4: a second document starts here: a file holds one"},
		{"broken second document", "seed: 1\n---\n'", "x.yaml:5: not valid YAML: found unexpected end of stream"},
		{"bad indent", "seed: 1\n title: x", "x.yaml:4: not valid YAML: mapping values are not allowed in this context"},
		{"open bracket", "layers: [1\nseed: 1", "x.yaml:4: not valid YAML: did not find expected ',' or ']'"},
		{"missing anchor", "title: a\n\n# b\nseed: *where", "x.yaml:6: not valid YAML: unknown anchor 'where' referenced"},
		{"anchor in itself", "extra: &a [*a]", "x.yaml:3: the anchor a holds itself"},
		{"deep", "extra: " + strings.Repeat("[", 101) + strings.Repeat("]", 101), "x.yaml:3: nested deeper than 100"},
		{"several, in the order of lines", "seed: x\nclasses:\n  a: 5\nlayers: [y]\n", "x.yaml:3: seed: \"x\" is not a whole number\nx.yaml:5: classes.a: 5 is not a mapping\nx.yaml:6: layers[0]: \"y\" is not a whole number"},
		{"not UTF-8", "title: a\nseed: \xff", "x.yaml:4: not UTF-8 text"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := read("x.yaml", header+test.body)
			if diff := cmp.Diff(test.want, faultText(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func manyKeys(n int) string {
	var body strings.Builder
	for i := range n {
		fmt.Fprintf(&body, "  k%d: %d\n", i, i)
	}
	return body.String()
}

func TestHeaderFaults(t *testing.T) {
	tests := []struct {
		name, file, text, want string
	}{
		{"empty", "x.yaml", "# nothing\n", "x.yaml:1: an empty value is not a document: write a mapping that starts with apiVersion and kind"},
		{"list", "x.yaml", "\n\n- a", "x.yaml:3: a list is not a document: write a mapping that starts with apiVersion and kind"},
		{"no header", "x.yaml", "\nseed: 1", "x.yaml:2: apiVersion is missing: add \"apiVersion: cachebench/v1\"\nx.yaml:2: kind is missing: add \"kind: Sample\""},
		{"empty kind", "x.yaml", "apiVersion: cachebench/v1\nkind:", `x.yaml:2: kind is missing: add "kind: Sample"`},
		{"other kind", "x.yaml", "apiVersion: cachebench/v1\nkind: Plan", "x.yaml:2: kind: the kind is Plan, wanted is Sample"},
		{"kind is a list", "x.yaml", "apiVersion: cachebench/v1\nkind: [a]", "x.yaml:2: kind: a list is not a kind"},
		{"newer", "x.yaml", "apiVersion: cachebench/v10\nkind: Sample", "x.yaml:1: apiVersion: cachebench/v10 is newer than this program reads (cachebench/v1): upgrade cachebench"},
		{"much newer", "x.yaml", "apiVersion: cachebench/v99999999999999999999\nkind: Sample", "x.yaml:1: apiVersion: cachebench/v99999999999999999999 is newer than this program reads (cachebench/v1): upgrade cachebench"},
		{"never was", "x.yaml", "apiVersion: cachebench/v0\nkind: Sample", `x.yaml:1: apiVersion: "cachebench/v0" is not a version that this program reads: write cachebench/v1`},
		{"foreign", "x.yaml", "apiVersion: apps/v1\nkind: Sample", `x.yaml:1: apiVersion: "apps/v1" is not a version that this program reads: write cachebench/v1`},
		{"number", "x.yaml", "apiVersion: 1\nkind: Sample", `x.yaml:1: apiVersion: 1 is not a version that this program reads: write cachebench/v1`},
		{"header below", "x.yaml", header + "nested: {kind: Sample}", "x.yaml:3: nested.kind: unknown key; did you mean kinds?"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := read(test.file, test.text)
			if diff := cmp.Diff(test.want, faultText(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestJSONFaults gives a document after its header, which is the first line.
func TestJSONFaults(t *testing.T) {
	tests := []struct {
		name, body, want string
	}{
		{"unknown key", "\n\"sed\": 1}", "x.json:2: sed: unknown key; did you mean seed?"},
		{"duplicate key", "\n\"seed\": 1,\n\"seed\": 1}", "x.json:3: seed: stands twice, first in line 2"},
		{"value", "\n\"apps\": [\n{\"name\":\n5}]}", `x.json:4: apps[0].name: 5 is not text: write it in quotes ("5")`},
		{"missing key", "\n\"apps\": [\n{}]}", "x.json:3: apps[0]: the key name is missing"},
		{"trailing data", "\"seed\": 1}\n{}", "x.json:2: not valid JSON: '{' stands after the end of the document"},
		{"trailing comma", "\"seed\": 1,\n}", "x.json:2: not valid JSON: wanted a key in quotes, found '}'"},
		{"trailing comma in a list", "\"layers\": [1,\n]}", "x.json:2: not valid JSON: wanted a value, found ']'"},
		{"missing comma", "\"seed\": 1\n\"title\": \"x\"}", `x.json:2: not valid JSON: wanted ',' or '}', found '"'`},
		{"missing colon", "\"seed\" 1}", `x.json:1: not valid JSON: wanted ':' after "seed", found '1'`},
		{"bare word", "\"title\": x}", "x.json:1: not valid JSON: x is not a value: texts stand in quotes"},
		{"NaN", "\"seed\": NaN}", "x.json:1: not valid JSON: NaN is not a value: texts stand in quotes"},
		{"infinity", "\"seed\": -Infinity}", "x.json:1: not valid JSON: - is not a number"},
		{"number", "\"seed\": 01}", "x.json:1: not valid JSON: 01 is not a number"},
		{"point", "\"seed\": 1.}", "x.json:1: not valid JSON: 1. is not a number"},
		{"endless number", "\"seed\": " + strings.Repeat("1", 401) + "}", "x.json:1: not valid JSON: " + strings.Repeat("1", 60) + "... is not a number"},
		{"comment", "// words\n\"seed\": 1}", "x.json:1: not valid JSON: wanted a key in quotes, found '/'"},
		{"new line in a text", "\"title\": \"a\nb\"}", `x.json:1: not valid JSON: '\n' stands in a text: write it as an escape`},
		{"escape", `"title": "a\x"}`, `x.json:1: not valid JSON: "a\x" is no text: invalid character 'x' in string escape code`},
		{"open text", `"title": "a`, "x.json:1: not valid JSON: the file ends within a text"},
		{"open text after a backslash", `"title": "a\`, "x.json:1: not valid JSON: the file ends within a text"},
		{"open list", "\"layers\": [1,\n\n", "x.json:3: not valid JSON: the file ends too early"},
		{"open mapping", "\"seed\": 1\n", "x.json:2: not valid JSON: wanted ',' or '}', found the end of the file"},
		{"deep", `"extra": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}", "x.json:1: not valid JSON: nested deeper than 100"},
		{"not UTF-8", "\n\"title\": \"\xc3\x28\"}", "x.json:2: not UTF-8 text"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := read("x.json", `{"apiVersion": "cachebench/v1", "kind": "Sample", `+test.body)
			if diff := cmp.Diff(test.want, faultText(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Depth is counted alike in both formats, and as Marshal counts it.
func TestDeepestDocument(t *testing.T) {
	value := *deep(98)
	out := mustMarshal(t, value)
	for _, name := range []string{"x.json", "x.yaml"} {
		if diff := equal(value, mustRead(t, name, out)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAliasBomb(t *testing.T) {
	body := "extra:\n  a0: &a0 [1]\n"
	for i := range 40 {
		body += fmt.Sprintf("  a%d: &a%d [*a%d, *a%d]\n", i+1, i+1, i, i)
	}
	_, err := read("x.yaml", header+body)
	if err == nil || !strings.HasSuffix(err.Error(), "aliases make more than 1000000 values of this file") {
		t.Errorf("got %v", err)
	}
}

// A checked type has a Validate method like those of the kinds.
type checked struct {
	Apps    []app          `json:"apps,omitempty"`
	Classes map[string]app `json:"classes,omitempty"`
	check   func() error
}

func (c checked) Validate() error { return c.check() }

type foreign struct{ error }

func (foreign) Path() string { return "apps[1]" }

func TestValidate(t *testing.T) {
	text := header + `
apps:
  - name: a
  - name: b
    runtimeSeconds: 5
classes:
  gpu.large:
    name: x
`
	tests := []struct {
		name  string
		fault error
		want  string
	}{
		{"none", nil, ""},
		{"place", At("apps[1].runtimeSeconds", "%d is too short", 5), "x.yaml:7: apps[1].runtimeSeconds: 5 is too short"},
		{"no such key", At("apps[1].readySeconds", "missing"), "x.yaml:6: apps[1].readySeconds: missing"},
		{"no such index", At("apps[7].name", "missing"), "x.yaml:4: apps[7].name: missing"},
		{"key with a point", At("classes.gpu.large.name", "wrong"), "x.yaml:10: classes.gpu.large.name: wrong"},
		{"key in quotes", At(`classes["gpu.large"].name`, "wrong"), `x.yaml:10: classes["gpu.large"].name: wrong`},
		{"mapping under a key", At(`classes["gpu.large"]`, "wrong"), `x.yaml:9: classes["gpu.large"]: wrong`},
		{"no path", errors.New("nothing to start"), "x.yaml:1: nothing to start"},
		{"empty path", At("", "nothing to start"), "x.yaml:1: nothing to start"},
		{"joined", errors.Join(At("classes", "late"), errors.Join(At("apps", "early"), errors.New("first"))), "x.yaml:1: first\nx.yaml:4: apps: early\nx.yaml:8: classes: late"},
		{"wrapped", fmt.Errorf("check: %w", At("apps", "bad")), "x.yaml:4: apps: check: apps: bad"},
		{"of another package", foreign{errors.New("apps[1]: bad")}, "x.yaml:6: apps[1]: bad"},
		{"under", Under("apps[1]", errors.Join(At("name", "bad"), At("", "worse"), At("[0]", "odd"))), "x.yaml:6: apps[1].name: bad\nx.yaml:6: apps[1]: worse\nx.yaml:6: apps[1][0]: odd"},
		{"under, one", Under("apps[1]", At("name", "bad")), "x.yaml:6: apps[1].name: bad"},
		{"under, none", Under("apps[1]", nil), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := checked{check: func() error { return test.fault }}
			err := Read("x.yaml", []byte(text), "Sample", &v)
			if diff := cmp.Diff(test.want, faultText(err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Validate does not run on a value that could not be read.
func TestValidateAfterFaults(t *testing.T) {
	v := checked{check: func() error { return errors.New("ran") }}
	err := Read("x.yaml", []byte(header+"apps: 5"), "Sample", &v)
	if want := "x.yaml:3: apps: 5 is not a list"; faultText(err) != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Without a file an error of Validate still says where.
func TestLocatedError(t *testing.T) {
	err := Under("network", errors.Join(At("a", "x"), errors.New("y")))
	if want := "network.a: x\nnetwork: y"; err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
