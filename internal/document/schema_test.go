package document

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cachebench/cachebench/internal/golden"
)

func compile(t *testing.T, data []byte) *jsonschema.Schema {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", parsed); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	return schema
}

func schemaOf(t *testing.T, v any) []byte {
	t.Helper()
	data, err := Schema("Sample", v, func(of reflect.Type, field string) string {
		switch {
		case of.Name() == "app" && field == "":
			return "app is a set of images."
		case of.Name() == "app" && field == "Read":
			return "Read is the share read before ready; nil when unknown. It has nothing to do with PerDay, Images or GiB."
		case of.Name() == "common" && field == "Title":
			return "Words."
		}
		return ""
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSchema(t *testing.T) {
	data := schemaOf(t, &sample{})
	golden.Equal(t, "testdata/sample.schema.json", data)
	if again := schemaOf(t, sample{}); !bytes.Equal(data, again) {
		t.Error("the schema of a value is not that of a pointer")
	}
}

// TestSchemaAgreesWithRead holds the schema to the reader: each document is
// accepted by both or by neither.
func TestSchemaAgreesWithRead(t *testing.T) {
	sampleSchema, unitSchema := compile(t, schemaOf(t, sample{})), compile(t, schemaOf(t, units{}))
	tests := []struct {
		body   string // of a document in JSON, after the header
		accept bool
	}{
		{`"seed": 1`, true},
		{`"seed": 1.0`, true},
		{`"seed": -1`, false},
		{`"seed": 1.5`, false},
		{`"seed": "1"`, false},
		{`"sed": 1`, false},
		{`"title": "x", "layers": [1, 2]`, true},
		{`"layers": 1`, false},
		{`"layers": ["1"]`, false},
		{`"apps": [{"name": "a"}]`, true},
		{`"apps": [{}]`, false},
		{`"apps": [{"name": "a", "pullPolicy": "Never"}]`, true},
		{`"apps": [{"name": "a", "pullPolicy": "Nevr"}]`, false},
		{`"apps": [{"name": "a", "flash": true}]`, true},
		{`"apps": [{"name": "a", "flash": 1}]`, false},
		{`"classes": {"any name": {"name": "a"}}`, true},
		{`"classes": {"any name": {"nam": "a"}}`, false},
		{`"network": {"roundTripSeconds": "20ms"}`, true},
		{`"network": {"roundTripSeconds": {"median": "20ms", "distribution": "lognormal"}}`, true},
		{`"network": {"roundTripSeconds": {"median": "20MB"}}`, false},
		{`"network": {"roundTripSeconds": [1]}`, false},
		{`"network": {"nodeBytesPerSecond": "unlimited"}`, true},
		{`"network": {"nodeBytesPerSecond": 0}`, false},
		{`"network": {"linkBytesPerSecond": {"a": {"median": "1Gbit/s"}}}`, true},
		{`"network": {"linkBytesPerSecond": {"a": {"median": "1s"}}}`, false},
		{`"seen": "2025-01-02T03:04:05Z"`, true},
		{`"seen": "2025-01-02T03:04:05.25+08:00"`, true},
		{`"seen": "2025-01-02"`, true},
		{`"seen": "2025-01"`, false},
		{`"seen": 2025`, false},
		{`"extra": {"anything": [1, "x", null]}`, true},
		{`"address": "::1"`, true},
		{`"address": 1`, false},
		{`"nested": {"nested": {"seed": 1}}`, true},
		{`"nested": {"nested": {"sed": 1}}`, false},
		{`"kinds": {"int8": 127, "uint16": 65535, "text": ""}`, true},
		{`"kinds": {"int8": 128}`, false},
		{`"kinds": {"int8": -129}`, false},
		{`"kinds": {"uint16": 65536}`, false},
		{`"kinds": {"uint16": -1}`, false},
		{`"kinds": {"savedSeconds": -1}`, true},
		{`"kinds": {"savedSeconds": "-1m30s"}`, true},
		{`"kinds": {"pricePerSecond": 0}`, true},
		{`"kinds": {"wholeSeconds": 1.5}`, false},
		{`"kinds": {"always": ""}`, false},
	}
	for _, test := range tests {
		agree(t, sampleSchema, test.body, &sample{}, test.accept)
	}
	values := []struct {
		value  string
		accept string // the fields that take it; the others do not
	}{
		{`5`, "durationSeconds floatSeconds hours bytes floatBytes unsignedBytes memoryGiB wholeGiB nodeBytesPerSecond wholeBytesPerSecond startsPerSecond singleBytesPerSecond changeFraction pricePerSecond timeout"},
		{`0`, "durationSeconds floatSeconds hours bytes floatBytes unsignedBytes memoryGiB wholeGiB fraction changeFraction pricePerSecond timeout"},
		{`0.5`, "durationSeconds floatSeconds hours floatBytes memoryGiB nodeBytesPerSecond startsPerSecond singleBytesPerSecond fraction changeFraction pricePerSecond timeout"},
		{`-1`, "changeFraction pricePerSecond"},
		{`"20ms"`, "durationSeconds floatSeconds hours timeout"},
		{`"1h 30m"`, "durationSeconds floatSeconds hours timeout"},
		{`"1.5 d"`, "durationSeconds floatSeconds hours timeout"},
		{`"20 ms ms"`, ""},
		{`"1.5GiB"`, "bytes floatBytes unsignedBytes memoryGiB"},
		{`"2GB"`, "bytes floatBytes unsignedBytes memoryGiB"},
		{`"2 KB"`, "bytes floatBytes unsignedBytes memoryGiB"},
		{`"2Mbit"`, ""},
		{`"200Mbit/s"`, "nodeBytesPerSecond wholeBytesPerSecond singleBytesPerSecond"},
		{`"25 MB/s"`, "nodeBytesPerSecond wholeBytesPerSecond singleBytesPerSecond"},
		{`"1Kibit/s"`, "nodeBytesPerSecond wholeBytesPerSecond singleBytesPerSecond"},
		{`"unlimited"`, "nodeBytesPerSecond startsPerSecond singleBytesPerSecond"},
		{`"30%"`, "fraction changeFraction"},
		{`"100.0%"`, "fraction changeFraction"},
		{`"101%"`, ""},
		{`"-30%"`, "changeFraction"},
		{`"5"`, ""},
		{`true`, ""},
		{`[1]`, ""},
	}
	for _, test := range values {
		for i := range reflect.TypeFor[units]().NumField() {
			key, _, _ := strings.Cut(reflect.TypeFor[units]().Field(i).Tag.Get("json"), ",")
			accept := strings.Contains(" "+test.accept+" ", " "+key+" ")
			// What a pattern cannot know: which sizes come out as a whole number of
			// GiB, and that a share may exceed 1 where it is a change.
			if key == "wholeGiB" && strings.Contains(test.value, "B") || key == "changeFraction" && test.value == `"101%"` {
				continue
			}
			agree(t, unitSchema, `"`+key+`": `+test.value, &units{}, accept)
		}
	}
}

func agree(t *testing.T, schema *jsonschema.Schema, body string, v any, accept bool) {
	t.Helper()
	text := `{"apiVersion": "cachebench/v1", "kind": "Sample", ` + body + `}`
	if err := Read("x.json", []byte(text), "Sample", v); (err == nil) != accept {
		t.Errorf("Read of %s: %v, want accepted %v", body, err, accept)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	if err := schema.Validate(value); (err == nil) != accept {
		t.Errorf("schema of %s: %v, want accepted %v", body, err, accept)
	}
}

func TestSchemaOfHeader(t *testing.T) {
	schema := compile(t, schemaOf(t, sample{}))
	for _, text := range []string{
		`{}`, `[]`, `{"apiVersion": "cachebench/v1"}`, `{"kind": "Sample"}`,
		`{"apiVersion": "cachebench/v2", "kind": "Sample"}`, `{"apiVersion": "cachebench/v1", "kind": "Plan"}`,
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(value) == nil {
			t.Errorf("the schema accepts %s", text)
		}
	}
}

// What Marshal writes fits the schema.
func TestSchemaOfMarshal(t *testing.T) {
	schema := compile(t, schemaOf(t, sample{}))
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(readFile(t, "testdata/sample.golden.json")))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Error(err)
	}
}

func TestSchemaNames(t *testing.T) {
	type app struct { // another type of the same name
		X int `json:"x"`
	}
	data := schemaOf(t, struct {
		A    app                  `json:"a"`
		B    param[time.Duration] `json:"bSeconds"`
		C    param[float64]       `json:"cSeconds"`
		D    param[float64]       `json:"d"`
		E    sampleApp            `json:"e"`
		Open struct {
			Y int `json:"y"`
		} `json:"open"`
	}{})
	compile(t, data)
	for _, want := range []string{`"app": {`, `"document.app": {`, `"param.seconds": {`, `"document.param.seconds": {`, `"param": {`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %s in %s", want, data)
		}
	}
	if strings.Contains(string(data), `"Open"`) {
		t.Error("a type without a name has a definition")
	}
}

type sampleApp struct {
	App app `json:"app"`
}

func TestSchemaOfNothing(t *testing.T) {
	for _, v := range []any{nil, 5} {
		if data, err := Schema("X", v, nil); err == nil {
			t.Errorf("the schema of %v is %s", v, data)
		}
	}
	if _, err := Schema("X", sample{}, nil); err != nil {
		t.Errorf("without words: %v", err)
	}
}

func TestComments(t *testing.T) {
	of, err := Comments("testdata/commented")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		field string
		want  string
		of    reflect.Type
	}{
		{field: "", want: "app is a set of images that start together.", of: reflect.TypeFor[app]()},
		{field: "Name", want: "Name is unique.", of: reflect.TypeFor[app]()},
		{field: "Runtime", want: "from ready to the end", of: reflect.TypeFor[app]()},
		{field: "PerDay", want: "Both are means.", of: reflect.TypeFor[app]()},
		{field: "MemoryGiB", want: "Both are means.", of: reflect.TypeFor[app]()},
		{field: "Flash", want: "", of: reflect.TypeFor[app]()},
		{field: "", want: "A param is generic.", of: reflect.TypeFor[param[int]]()},
		{field: "Value", want: "Value is the constant.", of: reflect.TypeFor[param[map[string]int]]()},
		{field: "Value", want: "", of: reflect.TypeFor[network]()},
	}
	for _, test := range tests {
		if got := of(test.of, test.field); got != test.want {
			t.Errorf("%v.%s: got %q, want %q", test.of, test.field, got, test.want)
		}
	}
	if _, err := Comments("testdata/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of no directory: %v", err)
	}
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "x.go"), []byte("package x; type {"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Comments(broken); err == nil || !strings.Contains(err.Error(), "x.go:1:17") {
		t.Errorf("of broken source: %v", err)
	}
}
