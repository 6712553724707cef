package document

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestStreamIsRead: what is read item by item is what is read as a whole, and nothing of it
// is of the file's bytes.
func TestStreamIsRead(t *testing.T) {
	data, err := os.ReadFile("testdata/sample.json")
	if err != nil {
		t.Fatal(err)
	}
	type plain struct {
		Startups []startup         `json:"startups" document:"required"`
		Names    []string          `json:"names"`
		Labels   map[string]string `json:"labels"`
	}
	made := plain{Startups: benchmarkTimeline(300).Startups, Names: []string{"a", "b \"quoted\"", "ü"}, Labels: map[string]string{"one": "1", "two": "2"}}
	written, err := Marshal("Plain", made)
	if err != nil {
		t.Fatal(err)
	}
	var whole, streamed plain
	if err := Read("x.json", written, "Plain", &whole); err != nil {
		t.Fatal(err)
	}
	if !streams(t, written, "Plain", &streamed) {
		t.Fatal("not read item by item")
	}
	clear(written)
	if !reflect.DeepEqual(streamed, whole) || !reflect.DeepEqual(streamed, made) {
		t.Error("another value than as a whole")
	}

	// Every text that is cut short somewhere, or has a line changed, is read as it is as a whole,
	// or left to that.
	lines := strings.SplitAfter(string(data), "\n")
	for i := range lines {
		for how, text := range map[string]string{
			"cut":      strings.Join(lines[:i], ""),
			"left out": strings.Join(lines[:i], "") + strings.Join(lines[i+1:], ""),
			"twice":    strings.Join(lines[:i+1], "") + strings.Join(lines[i:], ""),
			"null":     strings.Join(lines[:i], "") + nulled(lines[i]) + strings.Join(lines[i+1:], ""),
		} {
			var whole, streamed sample
			err := Read("x.json", []byte(text), "Sample", &whole)
			if streams(t, []byte(text), "Sample", &streamed) && (err != nil || equal(streamed, whole) != "") {
				t.Errorf("line %d %s: read item by item, as a whole %v\n%s", i+1, how, err, equal(streamed, whole))
			}
		}
	}
	if !streams(t, []byte(`{"apiVersion": "cachebench/v1", "kind": "Plain", "startups": [{"source":"simulated","arm":"a","app":"b","hit":"miss"}]}`), "Plain", &plain{}) {
		t.Error("a small document is not read item by item")
	}
	for name, text := range map[string]string{
		"no list": `{"apiVersion": "cachebench/v1", "kind": "Plain"}`, "another kind": `{"apiVersion": "cachebench/v1", "kind": "Plan", "startups": [{}]}`,
		"a list twice":       `{"apiVersion": "cachebench/v1", "kind": "Plain", "names": ["a"], "names": ["b"], "startups": [{}]}`,
		"an empty value":     `{"apiVersion": "cachebench/v1", "kind": "Plain", "startups": [null]}`,
		"more after the end": `{"apiVersion": "cachebench/v1", "kind": "Plain", "startups": [{}]} x`,
		"an unknown key":     `{"apiVersion": "cachebench/v1", "kind": "Plain", "startups": [{"ready": 1}]}`,
		"a key twice":        `{"apiVersion": "cachebench/v1", "kind": "Plain", "startups": [{"app": "a", "app": "b"}]}`,
		"not UTF-8":          "{\"apiVersion\": \"cachebench/v1\", \"kind\": \"Plain\", \"names\": [\"\xff\"], \"startups\": [{}]}",
	} {
		v := plain{Names: []string{"as it was"}}
		if streams(t, []byte(text), "Plain", &v) || len(v.Names) != 1 || v.Names[0] != "as it was" {
			t.Errorf("%s is read: %+v", name, v)
		}
	}
}

// noticing remembers which keys its file lacks.
type noticing struct {
	Names  []string `json:"names" document:"noticed"`
	Others []string `json:"others" document:"noticed"`
	Count  int      `json:"count" document:"noticed"`
	lacks  []string
}

func (n *noticing) Absent(key string) { n.lacks = append(n.lacks, key) }

// TestStreamNotices: a list that stands in the file is not lacking, empty or not, whether it
// is read item by item or with the whole.
func TestStreamNotices(t *testing.T) {
	for text, want := range map[string]string{
		`"names": ["a"], "others": ["b", "c"], "count": 1`: "",
		`"names": ["a"], "others": []`:                     "[count]",
		`"names": []`:                                      "[others count]",
		`"count": 0, "others": null`:                       "[names others]",
		`"others": ["b"], "count": 2`:                      "[names]",
	} {
		data := []byte(`{"apiVersion": "cachebench/v1", "kind": "Noticing", ` + text + `}`)
		var whole, streamed noticing
		if err := Read("x.json", data, "Noticing", &whole); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if !streams(t, data, "Noticing", &streamed) {
			t.Fatalf("%s: not read item by item", text)
		}
		for how, got := range map[string]noticing{"as a whole": whole, "item by item": streamed} {
			if lacks := strings.TrimPrefix(fmt.Sprint(got.lacks), "[]"); lacks != want {
				t.Errorf("%s, read %s, lacks %s, want %s", text, how, lacks, want)
			}
		}
	}
}

func nulled(line string) string {
	if key, _, ok := strings.Cut(line, ": "); ok {
		return key + ": null" + map[bool]string{true: ",\n", false: "\n"}[strings.HasSuffix(line, ",\n")]
	}
	return line
}

func streams(t *testing.T, data []byte, kind string, v any) bool {
	t.Helper()
	target := reflect.ValueOf(v)
	c, err := rootCodec(target.Type().Elem())
	if err != nil {
		t.Fatal(err)
	}
	return stream(data, kind, c, target)
}

// TestHeaderOfLargeFile: the header of an indented file is found without the rest.
func TestHeaderOfLargeFile(t *testing.T) {
	text := fmt.Sprintf("{\n  \"apiVersion\": \"cachebench/v1\",\n  \"kind\": \"Sample\",\n  \"x\": %q,\n \"y\": [ nonsense", strings.Repeat("x", 2*headerBytes))
	if kind, err := Header("x.json", []byte(text)); kind != "Sample" || err != nil {
		t.Errorf("got %q, %v", kind, err)
	}
}
