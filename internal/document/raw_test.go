package document

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func rawOf(t *testing.T, name, text string) Raw {
	t.Helper()
	return mustRead(t, name, text).Extra
}

func TestRaw(t *testing.T) {
	raw := rawOf(t, "r.yaml", header+"extra:\n  b: {name: x, runtimeSeconds: 5m}\n  a: {nme: x, flash: 1}\n  list: [1, x]\n")
	if diff := cmp.Diff([]string{"b", "a", "list"}, raw.Keys()); diff != "" {
		t.Errorf("Keys: %s", diff)
	}
	parts := map[string]Raw{}
	if err := raw.Decode(&parts); err != nil {
		t.Fatal(err)
	}
	var got app
	if err := parts["b"].Decode(&got); err != nil || got.Name != "x" || got.Runtime != 5*time.Minute {
		t.Errorf("got %+v, %v", got, err)
	}
	err := parts["a"].Decode(&app{})
	want := "r.yaml:5: extra.a.nme: unknown key; did you mean name?\nr.yaml:5: extra.a.flash: 1 is not true or false\nr.yaml:5: extra.a: the key name is missing"
	if faultText(err) != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	// Over a value that has a name, it is not missing; and faults change nothing.
	err = parts["a"].Decode(&got)
	want = "r.yaml:5: extra.a.nme: unknown key; did you mean name?\nr.yaml:5: extra.a.flash: 1 is not true or false"
	if faultText(err) != want || got.Name != "x" {
		t.Errorf("got %+v, %v", got, err)
	}
	if keys := parts["list"].Keys(); keys != nil {
		t.Errorf("a list has the keys %v", keys)
	}
	if err := parts["list"].At("[1]", "is %s", "odd"); err.Error() != "r.yaml:6: extra.list[1]: is odd" {
		t.Errorf("At: %v", err)
	}
}

func TestRawScalar(t *testing.T) {
	raw := rawOf(t, "r.json", `{"apiVersion": "cachebench/v1", "kind": "Sample", "extra": 1.50}`)
	var number float64
	if err := raw.Decode(&number); err != nil || number != 1.5 {
		t.Errorf("got %v, %v", number, err)
	}
	var text string
	if err := raw.Decode(&text); faultText(err) != `r.json:1: extra: 1.50 is not text: write it in quotes ("1.50")` {
		t.Errorf("got %v", err)
	}
	out, err := json.Marshal(raw)
	if err != nil || string(out) != "1.50" {
		t.Errorf("MarshalJSON gives %s, %v", out, err)
	}
}

func TestAbsentRaw(t *testing.T) {
	for _, text := range []string{"", "extra:\n"} {
		raw := rawOf(t, "r.yaml", header+text)
		number := 7
		if err := raw.Decode(&number); err != nil || number != 7 || !raw.IsZero() || raw.Keys() != nil {
			t.Errorf("%q: got %v, %v, %v", text, number, err, raw)
		}
		if out, err := json.Marshal(raw); err != nil || string(out) != "null" {
			t.Errorf("%q: MarshalJSON gives %s, %v", text, out, err)
		}
	}
	if err := (Raw{}).Decode(5); faultText(err) != "document: decode into int: not a pointer" {
		t.Errorf("decode into a value: %v", err)
	}
	if err := json.Unmarshal([]byte("5"), &Raw{}); err == nil {
		t.Error("encoding/json reads a Raw without its place")
	}
	if err := (Raw{}).At("x", "missing"); err.Error() != "x: missing" {
		t.Errorf("At: %v", err)
	}
}

func TestRawEqual(t *testing.T) {
	of := func(text string) Raw { return rawOf(t, "r.yaml", header+"extra: "+text) }
	a := of("{a: 1, b: [x, y]}")
	tests := []struct {
		name  string
		other Raw
		want  bool
	}{
		{"itself", a, true},
		{"another order of keys", of("\n  b: [x, y]\n  a: 1"), true},
		{"another order of elements", of("{a: 1, b: [y, x]}"), false},
		{"another value", of("{a: 2, b: [x, y]}"), false},
		{"another kind", of(`{a: "1", b: [x, y]}`), false},
		{"another key", of("{c: 1, b: [x, y]}"), false},
		{"fewer", of("{a: 1}"), false},
		{"absent", Raw{}, false},
	}
	for _, test := range tests {
		if got := a.Equal(test.other); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
		if got := test.other.Equal(a); got != test.want {
			t.Errorf("%s, turned: got %v, want %v", test.name, got, test.want)
		}
	}
	if !(Raw{}).Equal(Raw{}) {
		t.Error("an absent value is not equal to another")
	}
}
