package layers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
)

// An oracle is a JSON text as encoding/json reads it, asked by exact keys.
type oracle struct {
	value any
	ok    bool
}

func newOracle(raw []byte) (oracle, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return oracle{}, err
	}
	if !json.Valid(raw) {
		return oracle{}, fmt.Errorf("text after the end")
	}
	return oracle{v, true}, nil
}

func (o oracle) get(key string) oracle {
	m, _ := o.value.(map[string]any)
	return oracle{m[key], o.ok && (m != nil || o.value == nil)}
}

func (o oracle) text() (string, bool) {
	s, isText := o.value.(string)
	return s, o.ok && (isText || o.value == nil)
}

func (o oracle) integer() (int64, bool) {
	if o.value == nil {
		return 0, o.ok
	}
	n, isNumber := o.value.(json.Number)
	i, err := strconv.ParseInt(string(n), 10, 64)
	return i, o.ok && isNumber && err == nil && i != math.MinInt64
}

func (o oracle) list() ([]oracle, bool) {
	if o.value == nil {
		return nil, o.ok
	}
	l, isList := o.value.([]any)
	var all []oracle
	for _, v := range l {
		all = append(all, oracle{v, true})
	}
	return all, o.ok && isList
}

// asJSON is what the scanner reads of any text, written as Go prints it.
func scanValue(s *scanner) any {
	switch s.peek() {
	case '{':
		m := map[string]any{}
		s.object(func(key []byte) {
			// encoding/json replaces bytes that are not UTF-8 in keys too.
			m[jsonText{raw: key}.String()] = scanValue(s)
		})
		return m
	case '[':
		l := []any{}
		s.array(func() { l = append(l, scanValue(s)) })
		return l
	case '"':
		return s.text().String()
	case 't', 'f':
		return s.boolean()
	case 'n':
		s.null()
		return nil
	}
	start := s.pos
	s.number()
	if s.err != nil {
		return nil
	}
	return json.Number(s.data[start:s.pos])
}

var scannerTexts = []string{
	`{"a":[1,-2.5e+3,"x\u0026\n",true,false,null,{}],"b":{"c":""}}`, `[]`, `""`, `"\ud83d\ude00 \ud83d"`, "\"\xff\xfe\"",
	` { "long" : "0123456789abcdef0123456789abcdef\"0123456789" } `, `{"a":1,"a":2}`, `-`, `01`, `1.`, `1e`, `[1,]`, `{"a":1,}`, `{a:1}`, `"`,
	`"\x"`, `"\u12"`, "\"tab\there\"", `nul`, `truefalse`, `[1 2]`, `{"a" 1}`, `{"a":}`, `[`, `{`, ``, `1 2`, "\"\x00\"", "\"caf\u00e9 8bytes+ and \u2028 more\"",
	strings.Repeat("[", 200) + strings.Repeat("]", 200), strings.Repeat("[", maxDepth+1),
}

// FuzzScanner: the scanner accepts what encoding/json accepts, and reads the
// same.
func FuzzScanner(f *testing.F) {
	for _, text := range scannerTexts {
		f.Add([]byte(text))
	}
	addBlobs(f, func(raw []byte) { f.Add(raw) })
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := &scanner{data: raw}
		s.skip()
		skipped := s.end()
		want, err := newOracle(raw)
		if (err == nil) != (skipped == nil) {
			t.Fatalf("%q: skip says %v, encoding/json %v", raw, skipped, err)
		}
		s = &scanner{data: raw}
		got := scanValue(s)
		if (err == nil) != (s.end() == nil) {
			t.Fatalf("%q: reading says %v, encoding/json %v", raw, s.err, err)
		}
		if err != nil {
			return
		}
		gotText, _ := json.Marshal(got)
		wantText, _ := json.Marshal(want.value)
		if !bytes.Equal(gotText, wantText) {
			t.Errorf("%q: read as %s, want %s", raw, gotText, wantText)
		}
	})
}

// TestScannerErrors: a fault is told with its place.
func TestScannerErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{"size":1.5}`:                  "byte 9: a number with a fraction or an exponent stands where a whole one should",
		`{"size":01}`:                   `byte 8: '0' stands where a whole number should`,
		`{"size":99999999999999999999}`: "byte 26: a number is too large",
		`{"size":"1"}`:                  `byte 8: '"' stands where a whole number should`,
		`{"size":1`:                     "byte 9: the text ends where a comma or a closing brace should stand",
		`{"size":-}`:                    `byte 8: '-' stands where a whole number should`,
		`[]`:                            `byte 0: '[' stands where an object should`,
	} {
		s := &scanner{data: []byte(text)}
		s.object(func([]byte) { s.integer() })
		if err := s.end(); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	s := &scanner{data: []byte(`-12`)}
	if n := s.integer(); n != -12 || s.end() != nil {
		t.Errorf("-12 is read as %d, %v", n, s.err)
	}
}
