package document

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/internal/golden"
)

// The types below hold every form that a field can have.

// sample is a document of every form.
type sample struct {
	common
	Apps    []app          `json:"apps,omitempty"`
	Network network        `json:"network,omitzero"`
	Classes map[string]app `json:"classes,omitempty"`
	Seen    time.Time      `json:"seen,omitzero"`
	Layers  []int          `json:"layers,omitempty"`
	Extra   Raw            `json:"extra,omitzero"`
	Address netip.Addr     `json:"address,omitzero"`
	Nested  *sample        `json:"nested,omitempty"`
	Kinds   kinds          `json:"kinds,omitzero"`

	hidden int
	Left   int `json:"-"`
}

// common is embedded.
type common struct {
	Title string `json:"title,omitempty"`
	Seed  uint64 `json:"seed,omitempty"`
}

// app is a set of images.
type app struct {
	// Name is unique.
	Name      string        `json:"name" document:"required"`
	Images    []string      `json:"images,omitempty"`
	PerDay    float64       `json:"startsPerDay,omitempty"`
	Runtime   time.Duration `json:"runtimeSeconds,omitempty"`
	MemoryGiB float64       `json:"memoryGiB,omitempty"`
	Policy    string        `json:"pullPolicy,omitempty" document:"enum=Always|IfNotPresent|Never"`
	Read      *float64      `json:"readFraction,omitempty"` // nil when unknown
	Bytes     *int64        `json:"compressedBytes,omitempty"`
	Wait      patience      `json:"waitSeconds,omitempty"`
	Flash     bool          `json:"flash,omitempty"`
}

type patience time.Duration

// A param is a constant or a distribution.
type param[T any] struct {
	Value        T       `json:"value,omitempty" document:"shorthand,unit=parent"`
	Distribution string  `json:"distribution,omitempty" document:"enum=constant|lognormal"`
	Median       T       `json:"median,omitempty" document:"unit=parent"`
	Sigma        float64 `json:"sigma,omitempty"`
	Source       string  `json:"source,omitempty"`
}

type network struct {
	RoundTrip param[time.Duration]      `json:"roundTripSeconds,omitzero"`
	Request   param[float64]            `json:"requestSeconds"`
	Node      *param[float64]           `json:"nodeBytesPerSecond,omitempty"`
	Links     map[string]param[float64] `json:"linkBytesPerSecond,omitempty"`
	Steps     []param[float64]          `json:"stepsPerSecond,omitempty"`
	Admit     float64                   `json:"admitPerSecond"`
}

// kinds has numbers of every size and unit.
type kinds struct {
	Int8      int8            `json:"int8,omitempty"`
	Uint16    uint16          `json:"uint16,omitempty"`
	Int64     int64           `json:"int64,omitempty"`
	Float32   float32         `json:"float32,omitempty"`
	Float     float64         `json:"float,omitempty"`
	SizeGiB   int             `json:"sizeGiB,omitempty"`
	Lifetime  float64         `json:"lifetimeHours,omitempty"`
	Times     []time.Duration `json:"timesSeconds,omitempty"`
	Whole     int             `json:"wholeSeconds,omitempty"`
	Limit     int             `json:"limitPerSecond,omitempty"`
	Saved     time.Duration   `json:"savedSeconds,omitempty" document:"signed"`
	DiskBytes float64         `json:"diskBytes,omitempty"`
	Free      float64         `json:"pricePerSecond" document:"unit=none"`
	Always    string          `json:"always" document:"enum=a|b"`
	Lines     map[string]*app `json:"lines,omitempty"`
	Text      *string         `json:"text,omitempty"`
}

const header = "apiVersion: cachebench/v1\nkind: Sample\n"

func read(name, text string) (sample, error) {
	var got sample
	err := Read(name, []byte(text), "Sample", &got)
	return got, err
}

func mustRead(t *testing.T, name, text string) sample {
	t.Helper()
	got, err := read(name, text)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func equal(a, b any) string {
	return cmp.Diff(a, b, cmp.AllowUnexported(sample{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }))
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestForms reads the same document as a person writes it, in YAML and in JSON,
// and as Marshal does.
func TestForms(t *testing.T) {
	fromYAML := mustRead(t, "sample.yaml", readFile(t, "testdata/sample.yaml"))
	out, err := Marshal("Sample", fromYAML)
	if err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "testdata/sample.golden.json", out)
	for _, path := range []string{"testdata/sample.json", "testdata/sample.golden.json"} {
		if diff := equal(fromYAML, mustRead(t, path, readFile(t, path))); diff != "" {
			t.Errorf("sample.yaml and %s differ:\n%s", path, diff)
		}
	}
	if node := fromYAML.Network.Links["a.b"].Value; !math.IsInf(node, 1) {
		t.Errorf("unlimited is read as %v", node)
	}
}

func TestMarshalIsTheSameForPointerAndValue(t *testing.T) {
	value := sample{Layers: []int{1}, hidden: 1, Left: 2}
	a, errA := Marshal("Sample", value)
	b, errB := Marshal("Sample", &value)
	if errA != nil || errB != nil || string(a) != string(b) {
		t.Errorf("value: %s (%v)\npointer: %s (%v)", a, errA, b, errB)
	}
}

func TestReadOver(t *testing.T) {
	read, bytes := 0.5, int64(7)
	base := sample{
		common:  common{Title: "base", Seed: 3},
		Apps:    []app{{Name: "old", PerDay: 5}},
		Classes: map[string]app{"small": {Name: "s", PerDay: 1, Read: &read}, "big": {Name: "b"}},
		Network: network{
			RoundTrip: param[time.Duration]{Distribution: "lognormal", Median: time.Second, Sigma: 1},
			Admit:     9,
		},
		Kinds: kinds{Int8: 1, Lines: map[string]*app{"x": {Name: "x", Bytes: &bytes, PerDay: 4}}},
	}
	before := mustMarshal(t, base)
	got := base
	err := Read("over.yaml", []byte(header+`
seed: 4
title: null
apps: [{name: new}]
classes: {small: {startsPerDay: 2, readFraction: 0.25}}
network: {roundTripSeconds: {median: 2}}
kinds: {int64: 5, lines: {x: {compressedBytes: 8}}}
`), "Sample", &got)
	if err != nil {
		t.Fatal(err)
	}
	newRead, newBytes := 0.25, int64(8)
	want := sample{
		common:  common{Title: "base", Seed: 4},
		Apps:    []app{{Name: "new"}},
		Classes: map[string]app{"small": {Name: "s", PerDay: 2, Read: &newRead}, "big": {Name: "b"}},
		// A parameter is one value: nothing of the base's is left in it.
		Network: network{RoundTrip: param[time.Duration]{Median: 2 * time.Second}, Admit: 9},
		Kinds:   kinds{Int8: 1, Int64: 5, Lines: map[string]*app{"x": {Name: "x", Bytes: &newBytes, PerDay: 4}}},
	}
	if diff := equal(want, got); diff != "" {
		t.Errorf("read over a base (-want +got):\n%s", diff)
	}
	if after := mustMarshal(t, base); after != before {
		t.Errorf("the base changed:\n%s", cmp.Diff(before, after))
	}
}

func TestEmptyListClearsTheBase(t *testing.T) {
	got := sample{Layers: []int{1}, Classes: map[string]app{"a": {Name: "a"}}}
	if err := Read("x.yaml", []byte(header+"layers: []\nclasses: {}\n"), "Sample", &got); err != nil {
		t.Fatal(err)
	}
	if got.Layers != nil || len(got.Classes) != 1 {
		t.Errorf("got %v and %v, want no layers and the base's classes", got.Layers, got.Classes)
	}
}

func TestFaultsChangeNothing(t *testing.T) {
	got := sample{Layers: []int{1}}
	err := Read("x.yaml", []byte(header+"layers: [2]\nseed: x\n"), "Sample", &got)
	if err == nil || !cmp.Equal(got.Layers, []int{1}) || got.Seed != 0 {
		t.Errorf("after %v the value is %+v", err, got)
	}
}

func mustMarshal(t *testing.T, v any) string {
	t.Helper()
	out, err := Marshal("Sample", v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestHeader(t *testing.T) {
	tests := []struct {
		name, file, text string
		kind, fault      string
	}{
		{name: "yaml", file: "a.yaml", text: "# words\n" + header, kind: "Sample"},
		{name: "json", file: "a.json", text: `{"apiVersion": "cachebench/v1", "kind": "Plan", "x": [1]}`, kind: "Plan"},
		{name: "json from the terminal", file: "-", text: "\n {\"kind\": \"Plan\", \"apiVersion\": \"cachebench/v1\"}", kind: "Plan"},
		{name: "json without looking at the rest", file: "a.json", text: `{"apiVersion": "cachebench/v1", "kind": "Plan", "x": [1`, kind: "Plan"},
		{name: "json, header last", file: "a.json", text: `{"x": {"kind": 1}, "kind": "Plan", "apiVersion": "cachebench/v1"}`, kind: "Plan"},
		{name: "byte order mark", file: "a.json", text: "\ufeff{\"kind\": \"Plan\", \"apiVersion\": \"cachebench/v1\"}", kind: "Plan"},
		{name: "no kind", file: "a.json", text: `{"apiVersion": "cachebench/v1"}`, fault: `a.json:1: kind is missing: add "kind: Scenario"`},
		{name: "version", file: "a.json", text: "{\"kind\": \"Plan\",\n\"apiVersion\": \"cachebench/v2\"}", fault: "a.json:2: apiVersion: cachebench/v2 is newer than this program reads (cachebench/v1): upgrade cachebench"},
		{name: "broken", file: "a.json", text: `{"kind": "Plan", `, fault: "a.json:1: not valid JSON: wanted a key in quotes, found the end of the file"},
		{name: "yaml braces", file: "a.yml", text: "{kind: Plan, apiVersion: cachebench/v1}", kind: "Plan"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			kind, err := Header(test.file, []byte(test.text))
			if kind != test.kind || faultText(err) != test.fault {
				t.Errorf("got %q, %v; want %q, %s", kind, err, test.kind, test.fault)
			}
		})
	}
}

func faultText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestManyFaults(t *testing.T) {
	text := header + "layers:\n" + strings.Repeat("  - x\n", 500)
	_, err := read("x.yaml", text)
	var faults *Errors
	if !errors.As(err, &faults) || len(faults.Faults) != 10 || faults.More != 490 {
		t.Fatalf("got %v", err)
	}
	var lines []string
	for i := range 10 {
		lines = append(lines, fmt.Sprintf(`x.yaml:%d: layers[%d]: "x" is not a whole number`, i+4, i))
	}
	lines = append(lines, "x.yaml: and 490 more")
	if diff := cmp.Diff(strings.Join(lines, "\n"), err.Error()); diff != "" {
		t.Error(diff)
	}
	var first *Error
	if !errors.As(err, &first) || *first != (Error{File: "x.yaml", Line: 4, Path: "layers[0]", Message: `"x" is not a whole number`}) {
		t.Errorf("errors.As gives %+v", first)
	}
}

// TestProgramFaults covers types that no file can hold: they are found at the
// first use, whatever the file.
func TestProgramFaults(t *testing.T) {
	type list []list
	tests := []struct {
		name  string
		value any
		want  string
	}{
		{"duration without a unit", struct {
			Wait time.Duration `json:"wait"`
		}{}, "document: struct { Wait time.Duration \"json:\\\"wait\\\"\" }.Wait: a time.Duration needs a key that ends in Seconds"},
		{"bytes", struct {
			B []byte `json:"b"`
		}{}, "bytes have no form in a file"},
		{"any", struct {
			B any `json:"b"`
		}{}, "interface {}: this type has no form in a file"},
		{"no key", struct{ B int }{}, "no json key"},
		{"embedded time", struct{ time.Time }{}, "is not a struct with fields"},
		{"same key", struct {
			common
			Name string `json:"title"`
		}{}, "two fields have the key title"},
		{"unknown option", struct {
			A int `json:"a" document:"requird"`
		}{}, `no document option has the name "requird"`},
		{"enum of a number", struct {
			A []int `json:"a" document:"enum=1|2"`
		}{}, "int: an enum is of strings"},
		{"enum of a struct", struct {
			A app `json:"a" document:"enum=1|2"`
		}{}, "an enum of a struct without enum=parent"},
		{"unknown unit", struct {
			A int `json:"a" document:"unit=miles"`
		}{}, `no unit has the name "miles"`},
		{"two shorthands", struct {
			A int `json:"a" document:"shorthand"`
			B int `json:"b" document:"shorthand"`
		}{}, "two fields are the shorthand"},
		{"shorthand of a mapping", struct {
			A map[string]int `json:"a" document:"shorthand"`
		}{}, "A: a shorthand that is itself a mapping"},
		{"pointer to a pointer", struct {
			A **int `json:"a"`
		}{}, "a pointer to a pointer"},
		{"map of numbers", struct {
			A map[int]int `json:"a"`
		}{}, "the keys of a map are strings"},
		{"list of itself", struct {
			A list `json:"a"`
		}{}, "nested deeper than 100"},
		{"no struct", 5, "document: int is not a struct with fields"},
		{"nil", nil, "document: write a X from nil"},
		{"nil pointer", (*sample)(nil), "document: *document.sample is not a struct with fields"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := Marshal("X", test.value); err == nil || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("Marshal: got %v, want %s", err, test.want)
			}
		})
	}
	var address netip.Addr
	if err := Read("x", nil, "X", &address); err == nil || err.Error() != "document: netip.Addr is not a struct with fields" {
		t.Errorf("Read into a text: %v", err)
	}
	if err := Read("x", nil, "X", sample{}); err == nil || err.Error() != "document: read a X into document.sample: not a pointer to a struct" {
		t.Errorf("Read into a value: %v", err)
	}
}

func TestMarshalFaults(t *testing.T) {
	negative := int64(-5)
	tests := []struct {
		name  string
		value sample
		want  string
	}{
		{"NaN", sample{Kinds: kinds{Float: math.NaN()}}, "kinds.float: NaN is not a number that a file can hold"},
		{"infinite size", sample{Kinds: kinds{DiskBytes: math.Inf(1)}}, "kinds.diskBytes: +Inf is not a number that a file can hold"},
		{"negative time", sample{Apps: []app{{Runtime: -time.Second}}}, "apps[0].runtimeSeconds: -1s is negative: a time is 0 or more"},
		{"negative size", sample{Apps: []app{{Bytes: &negative}}}, "apps[0].compressedBytes: -5 is negative: a size is 0 or more"},
		{"rate", sample{Network: network{Admit: -1}}, `network.admitPerSecond: -1 is not above 0: write a number per second above 0 (12.5) or "unlimited"`},
		{"enum", sample{Apps: []app{{Policy: "Often"}}}, `apps[0].pullPolicy: "Often" is not one of Always, IfNotPresent, Never`},
		{"year", sample{Seen: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "seen: the year 10000 has no form in a file"},
		{"nil in a map", sample{Kinds: kinds{Lines: map[string]*app{"a b": nil}}}, `kinds.lines["a b"]: nil has no form in a list or map`},
		{"depth", *deep(120), "nested" + strings.Repeat(".nested", 99) + ": nested deeper than 100"},
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

func deep(levels int) *sample {
	s := &sample{Layers: []int{1}}
	for range levels {
		s = &sample{Nested: s}
	}
	return s
}

// What the writer leaves out because it could not be read back.
func TestMarshalOfNothing(t *testing.T) {
	value := sample{Apps: []app{{}}, Network: network{Request: param[float64]{Source: "assumed"}, Node: &param[float64]{}}, Kinds: kinds{Int8: 1}}
	want := `{
  "apiVersion": "cachebench/v1",
  "kind": "Sample",
  "apps": [
    {
      "name": ""
    }
  ],
  "network": {
    "requestSeconds": {
      "source": "assumed"
    },
    "nodeBytesPerSecond": {}
  },
  "kinds": {
    "int8": 1,
    "pricePerSecond": 0
  }
}
`
	got := mustMarshal(t, value)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := equal(value, mustRead(t, "x.json", got)); diff != "" {
		t.Error(diff)
	}
}

// seen is told which of its keys a file lacks.
type seen struct {
	Ready  float64 `json:"readySeconds" document:"noticed"`
	Other  float64 `json:"otherSeconds"`
	absent string
}

func (s *seen) Absent(key string) { s.absent += key }

// TestNoticed: a key that a file lacks, or has as null, is told from one that is 0.
func TestNoticed(t *testing.T) {
	var list struct {
		Seen []seen `json:"seen"`
	}
	data := `{"apiVersion": "cachebench/v1", "kind": "Seen", "seen": [{"readySeconds": 0}, {"otherSeconds": 1}, {"readySeconds": null}, {"readySeconds": 2}]}`
	if err := Read("seen.json", []byte(data), "Seen", &list); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "readySeconds", "readySeconds", ""} {
		if got := list.Seen[i].absent; got != want {
			t.Errorf("seen[%d]: %q is told to be absent, want %q", i, got, want)
		}
	}
	var none struct {
		Ready float64 `json:"readySeconds" document:"noticed"`
	}
	if err := Read("seen.json", []byte(`{"apiVersion": "cachebench/v1", "kind": "Seen"}`), "Seen", &none); err == nil || !strings.Contains(err.Error(), "no method Absent") {
		t.Errorf("%v", err)
	}
}
