package workload

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestReadTrace: CSV and JSON lines say the same.
func TestReadTrace(t *testing.T) {
	starts := []TraceStart{
		{At: 0, App: "web", Images: []string{"a:1", "b:2"}, Count: 2, Node: "n1", NodeClass: "big", Runtime: new(90500 * time.Millisecond), Line: 2},
		{At: 1500 * time.Millisecond, App: "job", Images: []string{"a:1"}, Count: 1, Line: 3},
	}
	for name, text := range map[string]string{
		"t.csv":   "\ufefftime_seconds,app,images,count,node,nodeClass,runtime_seconds\n0,web,a:1 b:2,2,n1,big,90.5\n1.5,job,a:1,1,,,\n",
		"t.jsonl": "\ufeff\n" + `{"time_seconds":0,"app":"web","images":["a:1","b:2"],"count":2,"node":"n1","nodeClass":"big","runtime_seconds":90.5}` + "\n" + `{"time_seconds":1.5,"app":"job","images":"a:1","count":1}` + "\n",
	} {
		got, err := ReadTrace(name, strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := &Trace{Name: name, Starts: starts}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s -want +got:\n%s", name, diff)
		}
		if refs := strings.Join(got.References(), " "); refs != "a:1 b:2" {
			t.Errorf("%s: references %s", name, refs)
		}
	}
}

// TestTraceFaults: a wrong line is told with file and line.
func TestTraceFaults(t *testing.T) {
	const header = "time_seconds,app,images,count\n"
	for _, test := range []struct{ name, text, want string }{
		{"t.csv", "", "t.csv:1: read the header time_seconds,app,images,count: EOF"},
		{"t.csv", "time_seconds,app,images\n", "t.csv:1: count: the header lacks this column"},
		{"t.csv", "time_seconds,app,images,count,colour\n", "t.csv:1: colour: unknown or repeated column; a trace has time_seconds,app,images,count,node,nodeClass,runtime_seconds"},
		{"t.csv", header + "5,a,x,1\n4,a,x,1\n", "t.csv:3: time_seconds: time goes back, from 5s to 4s: sort the trace by time"},
		{"t.csv", header + "soon,a,x,1\n", `t.csv:2: time_seconds: "soon" is not a number of seconds from 0`},
		{"t.csv", header + "NaN,a,x,1\n", `t.csv:2: time_seconds: "NaN" is not a number of seconds from 0`},
		{"t.csv", header + "1,a,x,0\n", `t.csv:2: count: "0" is not a number of starts from 1 to 1000000`},
		{"t.csv", header + "1,a,x,1000000\n1,a,x,1\n", "t.csv:3: count: the trace has more than 1000000 starts"},
		{"t.csv", header + "1,,x,1\n", "t.csv:2: app: the start names no app"},
		{"t.csv", header + "1,a,,1\n", `t.csv:2: images: app "a" names no image`},
		{"t.csv", header + "1,a\n", "t.csv:2: wrong number of fields"},
		{"t.jsonl", `{"time_seconds":1,"app":"a","images":"x","count":1,"colour":"red"}`, "t.jsonl:1: colour: unknown key; a trace has time_seconds, app, images, count, node, nodeClass, runtime_seconds"},
		{"t.jsonl", `{"time_seconds":1,"app":"a","images":"x","count":1,"runtime_seconds":-1}`, `t.jsonl:1: runtime_seconds: "-1" is not a number of seconds from 0`},
		{"t.jsonl", "\n{", "t.jsonl:2: not a JSON object: unexpected EOF"},
		{"t.jsonl", `{"time_seconds":1,"app":"a","images":"x","count":true}`, "t.jsonl:1: count: is neither text nor a number"},
		{"t.csv", header, "t.csv: the trace has no starts"},
		{"t.jsonl", "\n \n", "t.jsonl: the trace has no starts"},
		{"t.csv", header + "400000000,a,x,1\n", "t.csv:2: time_seconds: 400000000 is after the last time that can be simulated, 2.83824e+08 seconds: count from the trace's own beginning"},
		{"t.csv", "time_seconds,app,images,count,node,nodeClass\n0,a,x,1,n1,big\n1,a,x,1,n2,\n2,a,x,1,n1,\n", `t.csv:4: nodeClass: node n1 is of class "" here and of "big" on line 2: give it one class`},
		{"t.jsonl", `{"time_seconds":1,"app":["a","b"],"images":"x","count":1}`, "t.jsonl:1: app: is a list: only images may be one"},
		{"t.jsonl", `{"time_seconds":1,"app":"a","images":["x",null],"count":1}`, "t.jsonl:1: images[1]: is no reference"},
		{"t.jsonl", `{"time_seconds":1,"app":"a","images":null,"count":1}`, "t.jsonl:1: images: is neither text nor a number"},
		{"t.jsonl", `{"time_seconds":1,"app":"a","app":"b","images":"x","count":1}`, "t.jsonl:1: app: the key stands twice"},
		{"t.jsonl", `[1]`, "t.jsonl:1: not a JSON object: it begins with ["},
		{"t.jsonl", `{"time_seconds":1} {}`, "t.jsonl:1: more than one JSON value on the line"},
		{"t.jsonl", `{"time_seconds":1]`, "t.jsonl:1: not a JSON object: invalid character ']' after object key:value pair"},
	} {
		if _, err := ReadTrace(test.name, strings.NewReader(test.text)); err == nil || err.Error() != test.want {
			t.Errorf("%q: %v, want %s", test.text, err, test.want)
		}
	}
}

// FuzzReadTrace: no trace makes the reader panic, and what it accepts is in order.
func FuzzReadTrace(f *testing.F) {
	f.Add("t.csv", "time_seconds,app,images,count\n0,web,a:1 b:2,2\n")
	f.Add("t.csv", "\ufefftime_seconds,app,images,count,node,nodeClass\n0,web,a:1,2,n,big\n1e8,web,a:1,2,n,\n")
	f.Add("t.jsonl", `{"time_seconds":1.5,"app":["a",null],"app":{},"images":[["a:1"]]}`)
	f.Add("t.jsonl", `{"time_seconds":1.5,"app":"job","images":["a:1"],"count":1}`)
	f.Fuzz(func(t *testing.T, name, text string) {
		trace, err := ReadTrace(name, strings.NewReader(text))
		if err != nil {
			return
		}
		if len(trace.Starts) == 0 {
			t.Error("accepted a trace without starts")
		}
		class := make(map[string]string)
		for i, s := range trace.Starts {
			if first, ok := class[s.Node]; s.Node != "" && ok && first != s.NodeClass {
				t.Errorf("node %s is of two classes", s.Node)
			}
			class[s.Node] = s.NodeClass
			if s.At < 0 || s.Line < 1 || s.Count < 1 || len(s.Images) == 0 || i > 0 && s.At < trace.Starts[i-1].At {
				t.Errorf("accepted %+v", s)
			}
		}
	})
}
