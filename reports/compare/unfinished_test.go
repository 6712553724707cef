package compare

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/reports"
)

// goTest is what go test prints of a package with one benchmark.
func goTest(pkg string, ns ...int) string {
	s := "goos: linux\ngoarch: amd64\npkg: " + pkg + "\ncpu: a\n"
	for _, n := range ns {
		s += fmt.Sprintf("BenchmarkParse-2 \t 100\t %d ns/op\n", n)
	}
	return s + "PASS\nok  \t" + pkg + "\t1.2s\n"
}

// cutAt is a text up to a line that begins so, which is left out with all that follows.
func cutAt(text, line string) string {
	before, _, found := strings.Cut(text, "\n"+line)
	if !found {
		panic(line)
	}
	return before + "\n"
}

// cutInside is a text up to so many bytes of what stands in it.
func cutInside(text, part string, bytes int) string { return text[:strings.Index(text, part)+bytes] }

// TestBrokenEvent: what is no event is wrong with its place, unless it is the beginning of
// one at the end.
func TestBrokenEvent(t *testing.T) {
	whole := events("example.com/a", goTest("example.com/a", 1210), "pass")
	for name, c := range map[string]struct{ text, at string }{
		"cut in the middle": {cutInside(whole, `PASS\n`, 3) + "\n" + whole, "result.txt:7: "},
		"other text":        {whole + "exit status 1\n", "result.txt:10: "},
	} {
		if _, err := Read("result.txt", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.at) {
			t.Errorf("%s: %v, want %s", name, err, c.at)
		}
	}
}

// events are a text as go test -json tells it; last are the actions at its end.
func events(pkg, text string, last ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"Action":"start","Package":%q}`+"\n", pkg)
	for line := range strings.Lines(text) {
		fmt.Fprintf(&b, `{"Action":"output","Package":%q,"Output":%q}`+"\n", pkg, line)
	}
	for _, action := range last {
		fmt.Fprintf(&b, `{"Action":%q,"Package":%q,"Elapsed":1}`+"\n", action, pkg)
	}
	return b.String()
}

// TestUnfinished: output of go test that was cut off is refused on either side, whatever
// else the file holds, and may be allowed; what is whole, or not of go test, is read.
func TestUnfinished(t *testing.T) {
	whole, other := goTest("example.com/a", 1210, 1221, 1232, 1243), goTest("example.com/b", 310, 320, 330, 340)
	plain := "BenchmarkParse-2 100 1210 ns/op\n"
	unfinished := func(pkg, at string) string {
		return "the run of package " + pkg + " is not finished: neither PASS nor ok follows (result.txt:" + at + ")"
	}
	noEvent := "the run of package example.com/a is not finished: no event tells its end (result.txt:1)"
	for name, c := range map[string]struct{ text, want string }{
		"whole":                         {whole, ""},
		"with lines of Windows":         {strings.ReplaceAll(whole, "\n", "\r\n"), ""},
		"of a compiled test":            {cutAt(whole, "ok"), ""},
		"cut behind a benchmark":        {cutAt(whole, "PASS"), unfinished("example.com/a", "1")},
		"cut behind the header":         {plain + cutAt(whole, "Benchmark"), unfinished("example.com/a", "2")},
		"two packages":                  {whole + other, ""},
		"the second cut":                {whole + cutAt(other, "PASS"), unfinished("example.com/b", "11")},
		"the first cut":                 {cutAt(whole, "PASS") + other, unfinished("example.com/a", "1")},
		"one run of several cut":        {whole + cutAt(whole, "PASS") + whole, unfinished("example.com/a", "11")},
		"several runs":                  {whole + strings.ReplaceAll(whole, "12", "13") + whole, ""},
		"filtered to headers and lines": {strings.ReplaceAll(strings.ReplaceAll(whole, "PASS\n", ""), "ok  \texample.com/a\t1.2s\n", ""), unfinished("example.com/a", "1")},
		"packages without goos":         {"pkg: example.com/a\n" + plain + "pkg: example.com/b\n" + plain + "PASS\n", unfinished("example.com/a", "1")},
		"lines alone":                   {plain, ""},
		"text of another program":       {"source: measured\nplatform: linux/amd64\n" + plain, ""},
		"events":                        {events("example.com/a", whole, "pass"), ""},
		"events cut before the end":     {events("example.com/a", cutAt(whole, "ok")), noEvent},
		"events cut behind a benchmark": {events("example.com/a", cutAt(whole, "PASS")), noEvent},
		"events of two, one cut":        {events("example.com/a", cutAt(whole, "PASS")) + events("example.com/b", other, "pass"), noEvent},
		"events of one that starts again": {events("example.com/a", cutAt(whole, "PASS")) + events("example.com/a", whole, "pass"),
			"the run of package example.com/a is not finished: it starts again with no event of its end (result.txt:1)"},
		"events cut inside a line": {cutInside(events("example.com/a", whole, "pass"), `{"Action":"pass"`, 20),
			"the run of a package is not finished: its last event is cut off inside the line (result.txt:12)"},
		"events cut inside a line of output": {cutInside(events("example.com/a", whole, "pass"), `PASS\n`, 3),
			"the run of a package is not finished: its last event is cut off inside the line (result.txt:10)|" + noEvent},
		"events cut inside a line that ends": {cutInside(events("example.com/a", whole, "pass"), `{"Action":"pass"`, 9) + "\n",
			"the run of a package is not finished: its last event is cut off inside the line (result.txt:12)"},
		"events of a package without tests": {events("example.com/a", whole, "pass") + events("example.com/c", "?   \texample.com/c\t[no test files]\n", "skip"), ""},
		"events of another run of a test":   {events("example.com/a", whole, "run", "pass"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Read("result.txt", []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(r.unfinished, "|"); got != c.want || r.failure != "" {
				t.Errorf("%q, %q, want %q", got, r.failure, c.want)
			}
			against := goTest("example.com/a", 1310, 1321, 1332, 1343)
			for _, sides := range [][2]string{{c.text, against}, {against, c.text}} {
				got := judged(t, sides[0], sides[1], "sec/op<=1s", Options{Allow: []string{Machine, Missing}})
				isRefused := slices.ContainsFunc(got.Refusals, func(s string) bool { return strings.Contains(s, "is not finished") })
				if isRefused != (c.want != "") || c.want != "" && got.Gate.Verdict != reports.Unjudged {
					t.Errorf("refused %q, %s", got.Refusals, got.Gate.Verdict)
				}
			}
			if c.want == "" {
				return
			}
			allowed := judged(t, c.text, against, "sec/op<=1s", Options{Allow: []string{Machine, Missing, Unfinished}})
			isDoubted := slices.ContainsFunc(allowed.Doubts, func(s string) bool { return strings.HasPrefix(s, "OLD: "+strings.ReplaceAll(c.want, "|", ", ")) })
			if slices.ContainsFunc(allowed.Refusals, func(s string) bool { return strings.Contains(s, "is not finished") }) || len(allowed.Refusals) == 0 && !isDoubted {
				t.Errorf("allowed: refused %q, doubts %q", allowed.Refusals, allowed.Doubts)
			}
		})
	}
}

// TestFailedEvents: a package that failed is told by its event where no output tells it.
func TestFailedEvents(t *testing.T) {
	whole := goTest("example.com/a", 1210)
	for name, c := range map[string]struct{ text, want string }{
		"its event alone": {events("example.com/a", cutAt(whole, "PASS"), "fail"), "result.txt:7: package example.com/a failed"},
		"one of two":      {events("example.com/a", whole, "pass") + events("example.com/b", "", "fail"), ": package example.com/b failed"},
		"its build":       {events("example.com/a", whole, "pass") + `{"ImportPath":"example.com/b","Action":"build-fail"}` + "\n", ": the build of example.com/b failed"},
	} {
		got := judged(t, whole, c.text, "sec/op<=1s", Options{})
		if len(got.Refusals) != 1 || !strings.HasPrefix(got.Refusals[0], "NEW is of tests that failed (result.txt:") || !strings.Contains(got.Refusals[0], c.want) {
			t.Errorf("%s: %q, want %q", name, got.Refusals, c.want)
		}
	}
}
