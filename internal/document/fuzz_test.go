package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// FuzzRead holds Read to its word: it never panics, and what it reads is written
// and read back as the same value.
func FuzzRead(f *testing.F) {
	for _, path := range []string{"testdata/sample.yaml", "testdata/sample.json"} {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(strings.HasSuffix(path, ".json"), data)
	}
	f.Add(false, []byte(header+"extra: {a: &a [1], b: *a, <<: {c: 1}}\nkinds: {}\nnested: {apps: [{name: ''}]}\n"))
	f.Add(true, []byte(`{"apiVersion":"cachebench/v1","kind":"Sample","network":{"stepsPerSecond":[{},{"median":1}]}}`))
	f.Fuzz(func(t *testing.T, isJSON bool, data []byte) {
		name := "x.yaml"
		if isJSON {
			name = "x.json"
		}
		var first, second sample
		if err := Read(name, data, "Sample", &first); err != nil {
			checkFaults(t, err, data)
			return
		}
		out, err := Marshal("Sample", first)
		if err != nil {
			t.Fatalf("read but not written: %v\n%+v", err, first)
		}
		if err := Read("x.json", out, "Sample", &second); err != nil {
			t.Fatalf("written but not read: %v\n%s", err, out)
		}
		if diff := equal(first, second); diff != "" {
			t.Fatalf("%s\n%s", diff, out)
		}
	})
}

// checkFaults checks that each fault is one line and within the file.
func checkFaults(t *testing.T, err error, data []byte) {
	faults, ok := err.(*Errors)
	if !ok {
		t.Fatalf("not faults of the file: %v", err)
	}
	for _, fault := range faults.Faults {
		if most := 1 + bytes.Count(data, []byte("\n")); fault.Line < 1 || fault.Line > most {
			t.Errorf("line %d of %d: %v", fault.Line, most, fault)
		}
		if strings.ContainsFunc(fault.Error(), unicode.IsControl) || len(fault.Message) > 5000 {
			t.Errorf("not a line of text: %q", fault)
		}
	}
}

// FuzzJSON holds the parser to encoding/json: both accept the same texts.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a": [1, -2.5e+3, "x\u0041", true, false, null]}`, `[1,]`, `"\ud800"`, `01`, `{"a"}`, "\t[ ]\r\n", `-`, `nul`, `"\`, "\"\x7f\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) || len(text) > maxDepth {
			t.Skip() // refused before, and for depth or length
		}
		root, err := parseJSON("x.json", text)
		if valid := json.Valid([]byte(text)); valid != (err == nil) {
			t.Fatalf("%q: valid %v, but parsed with %v", text, valid, err)
		}
		if err != nil {
			return
		}
		e := &encoder{}
		e.node(root)
		var ours, theirs any
		if err := json.Unmarshal(e.out, &ours); err != nil {
			t.Skip() // a number that no float64 holds
		}
		if err := json.Unmarshal([]byte(text), &theirs); err != nil {
			t.Skip()
		}
		if !hasDuplicates(root) && !reflect.DeepEqual(ours, theirs) {
			t.Fatalf("%q: %v and %v", text, ours, theirs)
		}
	})
}

func hasDuplicates(n *node) bool {
	d := &decoder{}
	d.duplicates(n)
	return d.count > 0
}

// samples generates documents of every form.
func samples() *rapid.Generator[sample] {
	return rapid.Custom(func(t *rapid.T) sample {
		return sample{
			common:  common{Title: rapid.String().Draw(t, "title"), Seed: rapid.Uint64().Draw(t, "seed")},
			Apps:    optional(rapid.SliceOfN(apps(), 0, 3)).Draw(t, "apps"),
			Classes: optional(rapid.MapOfN(rapid.String(), apps(), 0, 3)).Draw(t, "classes"),
			Network: networks().Draw(t, "network"),
			Layers:  optional(rapid.SliceOf(rapid.Int())).Draw(t, "layers"),
			Seen:    times().Draw(t, "seen"),
			Address: rapid.SampledFrom([]netip.Addr{{}, netip.IPv6Loopback()}).Draw(t, "address"),
			Kinds:   allKinds().Draw(t, "kinds"),
		}
	})
}

// optional makes the empty lists and maps of a generator nil, as Read does.
func optional[T any](g *rapid.Generator[T]) *rapid.Generator[T] {
	return rapid.Map(g, func(v T) T {
		if reflect.ValueOf(v).Len() == 0 {
			return *new(T)
		}
		return v
	})
}

func apps() *rapid.Generator[app] {
	return rapid.Custom(func(t *rapid.T) app {
		return app{
			Name:      rapid.String().Draw(t, "name"),
			Images:    optional(rapid.SliceOf(rapid.String())).Draw(t, "images"),
			PerDay:    rapid.Float64Range(-1e300, 1e300).Draw(t, "perDay"),
			Runtime:   durations().Draw(t, "runtime"),
			MemoryGiB: rapid.Float64Range(0, 1e9).Draw(t, "memory"),
			Policy:    rapid.SampledFrom([]string{"", "Always", "IfNotPresent", "Never"}).Draw(t, "policy"),
			Read:      rapid.Ptr(rapid.Float64Range(0, 1), true).Draw(t, "read"),
			Bytes:     rapid.Ptr(rapid.Int64Min(0), true).Draw(t, "bytes"),
			Wait:      patience(durations().Draw(t, "wait")),
			Flash:     rapid.Bool().Draw(t, "flash"),
		}
	})
}

func durations() *rapid.Generator[time.Duration] {
	return rapid.Map(rapid.Int64Min(0), func(n int64) time.Duration { return time.Duration(n) })
}

func times() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		second := rapid.Int64Range(-62135596800, 253402300799).Draw(t, "second")
		return time.Unix(second, rapid.Int64Range(0, 999999999).Draw(t, "nanosecond")).UTC()
	})
}

func rates() *rapid.Generator[float64] {
	return rapid.OneOf(rapid.Just(0.), rapid.Float64Range(1e-300, 1e300), rapid.Just(infinity))
}

func params[T any](values *rapid.Generator[T]) *rapid.Generator[param[T]] {
	return rapid.Custom(func(t *rapid.T) param[T] {
		p := param[T]{Value: values.Draw(t, "value")}
		if rapid.Bool().Draw(t, "distributed") {
			p.Distribution = rapid.SampledFrom([]string{"", "constant", "lognormal"}).Draw(t, "distribution")
			p.Median = values.Draw(t, "median")
			p.Sigma = rapid.Float64Range(-1, 1).Draw(t, "sigma")
			p.Source = rapid.String().Draw(t, "source")
		}
		return p
	})
}

func networks() *rapid.Generator[network] {
	positive := rapid.Float64Range(1e-300, 1e300)
	return rapid.Custom(func(t *rapid.T) network {
		return network{
			RoundTrip: params(durations()).Draw(t, "roundTrip"),
			Request:   params(rapid.Float64Range(0, 1e300)).Draw(t, "request"),
			Node:      rapid.Ptr(params(rates()), true).Draw(t, "node"),
			Links:     optional(rapid.MapOf(rapid.String(), params(rates()))).Draw(t, "links"),
			Steps:     optional(rapid.SliceOf(params(positive))).Draw(t, "steps"),
			Admit:     rates().Draw(t, "admit"),
		}
	})
}

func allKinds() *rapid.Generator[kinds] {
	return rapid.Custom(func(t *rapid.T) kinds {
		some := app{Name: "x"}
		return kinds{
			Int8:      rapid.Int8().Draw(t, "int8"),
			Uint16:    rapid.Uint16().Draw(t, "uint16"),
			Int64:     rapid.Int64().Draw(t, "int64"),
			Float32:   rapid.Float32Range(-1e30, 1e30).Draw(t, "float32"),
			Float:     rapid.Float64Range(-1e300, 1e300).Draw(t, "float"),
			SizeGiB:   rapid.IntMin(0).Draw(t, "size"),
			Lifetime:  rapid.Float64Range(0, 1e300).Draw(t, "lifetime"),
			Times:     optional(rapid.SliceOf(durations())).Draw(t, "times"),
			Saved:     time.Duration(rapid.Int64().Draw(t, "saved")),
			DiskBytes: rapid.Float64Range(0, 1e300).Draw(t, "disk"),
			Free:      rapid.Float64Range(-1, 1).Draw(t, "free"),
			Always:    rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "always"),
			Lines:     rapid.SampledFrom([]map[string]*app{nil, {"l": &some}}).Draw(t, "lines"),
			Text:      rapid.Ptr(rapid.String(), true).Draw(t, "text"),
		}
	})
}

// TestRoundTrip reads back what was written, as JSON and, for JSON is YAML, as
// YAML too.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := samples().Draw(t, "sample")
		out, err := Marshal("Sample", want)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Marshal("Sample", want)
		if !bytes.Equal(out, again) || !json.Valid(out) {
			t.Fatalf("not the same bytes, or not JSON: %s", out)
		}
		got, err := read("x.json", string(out))
		if err != nil {
			t.Fatal(err)
		}
		if diff := equal(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s\n%s", diff, out)
		}
	})
}

// TestFormatsAgree writes YAML by hand and reads the same as from JSON.
func TestFormatsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := samples().Draw(t, "sample")
		out, err := Marshal("Sample", want)
		if err != nil {
			t.Fatal(err)
		}
		root, err := parseJSON("x.json", string(out))
		if err != nil {
			t.Fatal(err)
		}
		text := yamlOf(root, "")
		got, err := read("x.yaml", text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if diff := equal(want, got); diff != "" {
			t.Fatalf("(-want +got):\n%s\n%s", diff, text)
		}
	})
}

// yamlOf writes a node in YAML's block style.
func yamlOf(n *node, indent string) string {
	var out strings.Builder
	for i := range n.items {
		item := &n.items[i]
		if n.kind == mappingNode {
			fmt.Fprintf(&out, "\n%s%s:", indent, yamlText(item.key))
		} else {
			fmt.Fprintf(&out, "\n%s-", indent)
		}
		out.WriteString(" " + yamlOf(item, indent+"  "))
	}
	switch {
	case n.kind == stringNode:
		return yamlText(n.text)
	case n.kind == listNode && len(n.items) == 0:
		return "[]"
	case n.kind == mappingNode && len(n.items) == 0:
		return "{}"
	case n.kind < listNode:
		return n.text
	}
	return out.String()
}

// yamlText writes a text with every unusual letter escaped, for YAML allows
// fewer of them in the open than JSON.
func yamlText(text string) string {
	out := []byte{'"'}
	for _, r := range text {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			out = fmt.Appendf(out, "\\U%08x", r)
		} else {
			out = append(out, byte(r))
		}
	}
	return string(append(out, '"'))
}
