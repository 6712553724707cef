package compare

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/reports"
)

// goTestOf is what go test prints of benchmarks that ran four times each.
func goTestOf(names map[string]int) string {
	s := "goos: linux\ngoarch: amd64\npkg: example.com/shop\ncpu: a\n"
	for name, ns := range names {
		for i := range 4 {
			s += fmt.Sprintf("Benchmark%s \t 100\t %d ns/op\n", name, ns+i)
		}
	}
	return s + "PASS\nok  \texample.com/shop\t1.2s\n"
}

// TestProcessors: a benchmark is compared with that of the same number of processors, as
// benchstat pairs the names, and with another number where whoever compares allows it.
func TestProcessors(t *testing.T) {
	for _, test := range []struct {
		old, new map[string]int
		allow    string
		refusal  string
		missing  string
		compared string // names and new values
	}{
		{old: map[string]int{"A-2": 1000}, new: map[string]int{"A": 1000, "A-2": 9000}, compared: "A-2 9001.5"},
		{old: map[string]int{"A": 1000, "A-2": 9000}, new: map[string]int{"A-2": 1000}, missing: "A"},
		{old: map[string]int{"A-2": 1000}, new: map[string]int{"A-4": 1000}, refusal: "another machine: OLD was measured with 2 processors"},
		{old: map[string]int{"A-2": 1000}, new: map[string]int{"A": 1000}, refusal: "NEW with 1 processor "},
		{old: map[string]int{"A-2": 1000}, new: map[string]int{"A-4": 2000}, allow: Machine, compared: "A 2001.5"},
		{old: map[string]int{"A-2": 1000}, new: map[string]int{"A-2": 2000}, compared: "A 2001.5"},
		// One processor: the numbers are of the names.
		{old: map[string]int{"A/size-8": 1000}, new: map[string]int{"A/size-16": 1000}, refusal: "another machine"},
		{old: map[string]int{"A/size-8": 1000, "A/size-16": 2000}, new: map[string]int{"A/size-8": 3000, "A/size-16": 4000}, compared: "A/size-16 4001.5 A/size-8 3001.5"},
		{old: map[string]int{"A/size-8": 1000}, new: map[string]int{"A/size-8": 3000, "A/size-16": 4000}, compared: "A/size-8 3001.5"},
	} {
		opt := Options{}
		if test.allow != "" {
			opt.Allow = []string{test.allow}
		}
		c := Compare(read(t, goTestOf(test.old)), read(t, goTestOf(test.new)), opt)
		if (test.refusal == "") != (len(c.Refusals) == 0) || !strings.Contains(strings.Join(c.Refusals, "; "), test.refusal) {
			t.Errorf("%v, %v: %v, want %q", test.old, test.new, c.Refusals, test.refusal)
		}
		if got := strings.Join(c.Missing, " "); got != test.missing {
			t.Errorf("%v, %v: missing %s, want %s", test.old, test.new, got, test.missing)
		}
		var compared []string
		for _, x := range c.Changes {
			if x.State != reports.ChangeAdded {
				compared = append(compared, fmt.Sprintf("%s %.5g", x.Name, x.New.Value*1e9))
			}
		}
		if test.missing == "" {
			want := strings.Fields(test.compared)
			got := strings.Fields(strings.Join(compared, " "))
			if len(want) != len(got) || !containsPairs(got, want) {
				t.Errorf("%v, %v: compared %v, want %s", test.old, test.new, compared, test.compared)
			}
		}
	}
	// What a model computes is the same wherever it is computed.
	exact := "Unit startup-sec assume=exact\n"
	model := func(ending string) string {
		return exact + "goos: linux\ngoarch: amd64\npkg: a\nBenchmarkStartup/app=web/arm=cold" + ending + " 1 5 startup-sec\nPASS\n"
	}
	if c := judged(t, model("-2"), model("-16"), "startup-sec:+5%", Options{}); outcome(t, c).Result != reports.Pass {
		t.Errorf("%+v", c)
	}
}

// containsPairs says whether each name of want stands in got with its value.
func containsPairs(got, want []string) bool {
	values := make(map[string]string)
	for i := 0; i+1 < len(got); i += 2 {
		values[got[i]] = got[i+1]
	}
	for i := 0; i+1 < len(want); i += 2 {
		if values[want[i]] != want[i+1] {
			return false
		}
	}
	return true
}

// TestOwnOutput: what a benchmark prints to stdout stands in its line, as package testing
// writes it, and the message says where and what to do.
func TestOwnOutput(t *testing.T) {
	const head = "goos: linux\ngoarch: amd64\npkg: a\ncpu: a\nBenchmarkB-2   \t     100\t      1000 ns/op\n"
	for _, line := range []string{
		"loadingBenchmarkA-2   \t     100\t      1000 ns/op",
		"loading ... BenchmarkA-2   \t     100\t      1000 ns/op",
		"BenchmarkA-2   \tloaded    100\t      1000 ns/op",
		"BenchmarkA-2   \tloaded\n     100\t      1000 ns/op",
		"BenchmarkA-2   \t12 loaded\n     100\t      1000 ns/op",
	} {
		_, err := Read("new.txt", []byte(head+line+"\nPASS\n"))
		for _, want := range []string{"new.txt:6: ", "BenchmarkA-2", "let it print to stderr or with b.Log"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %s", line, err, want)
			}
		}
	}
	if _, err := Read("new.txt", []byte(head+"# starts BenchmarkA 2\nBenchmarkA\nBenchmarkA-2   \t     100\t      1000 ns/op\nPASS\n")); err != nil {
		t.Error(err)
	}
}

// TestNoRuns: a benchmark that never ran has no result.
func TestNoRuns(t *testing.T) {
	for _, n := range []string{"0", "-1"} {
		if _, err := Read("new.txt", []byte("BenchmarkA "+n+" 5 startup-sec\n")); err == nil || !strings.Contains(err.Error(), "new.txt:1: BenchmarkA: a number of "+n+" cannot be") {
			t.Errorf("%s: %v", n, err)
		}
	}
}
