package workload

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// scanned is a value as the scanner reads it, in the forms of encoding/json; false where
// it takes the text for none.
func scanned(j *jsonText, text []byte) (value any, ok bool) {
	at := skipSpace(text, 0)
	end := skipValue(text, at, 0)
	if end < 0 || skipSpace(text, end) != len(text) {
		return nil, false
	}
	switch text = text[at:end]; text[0] {
	case '{':
		all := map[string]any{}
		ok := j.object(text, func(key, value []byte) bool {
			inner, ok := scanned(j, value)
			all[string(bytes.ToValidUTF8(key, []byte("\ufffd")))] = inner
			return ok
		})
		return all, ok
	case '[':
		all := []any{}
		ok := j.array(text, func(value []byte) bool {
			inner, ok := scanned(j, value)
			all = append(all, inner)
			return ok
		})
		return all, ok
	case '"':
		return string(j.text(text)), true
	case 't':
		return true, true
	case 'f':
		return false, true
	case 'n':
		return nil, true
	}
	return json.Number(text), true
}

// FuzzJSONText: the scanner takes what encoding/json takes, and reads the same of it.
func FuzzJSONText(f *testing.F) {
	for _, seed := range []string{
		`{"a":"b\nA\ud83d\ude00\ud800x\/","c":[1,-0.5e+3,true,false,null,{}],"":[]}`, `{"a":1,}`, `[1 2]`, `"\x"`, `01`, `-`, `1.`, `1e`, ` {} `, `{"a":"`, "\"\x01\"", `{"a" 1}`, `[`, `nul`, `{"a":{"b":[[]]}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		value, ok := scanned(&jsonText{}, text)
		if valid := json.Valid(text); ok != valid {
			t.Fatalf("%q: taken: %v, encoding/json: %v", text, ok, valid)
		}
		if !ok || bytes.ContainsFunc(text, func(r rune) bool { return r == '\ufffd' }) {
			return // texts that are no UTF-8 are mended there, and left here
		}
		var want any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(value, want) {
			t.Fatalf("%q: %#v, encoding/json %#v", text, value, want)
		}
	})
}
