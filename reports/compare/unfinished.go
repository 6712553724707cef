package compare

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Unfinished: the run of a package of go test was cut off.
const Unfinished = "unfinished"

// testRun follows the lines of go test through a text. Package testing writes goos, goarch
// and pkg before the first benchmark of a package and PASS or FAIL behind the last, then the
// go command ok or FAIL. Text that has none of these, as cachebench and other programs write
// it, has no runs; several runs in one file are told by their headers.
type testRun struct {
	// header is the place of the header whose end is to come, pkg the package that it
	// names; header is empty between runs.
	header, pkg string
	ended       func(pkg, header string)
}

// line reads the next line, which stands at a place such as new.txt:3.
func (t *testRun) line(at, line string) {
	key, value, _ := strings.Cut(line, ": ")
	switch {
	case key == "goos", key == pkg && t.pkg != "":
		t.cutOff()
		fallthrough
	case key == pkg:
		if t.header == "" {
			t.header = at
		}
		if key == pkg {
			t.pkg = value
		}
	case line == "PASS", line == "FAIL", isOK(line), strings.HasPrefix(line, "FAIL\t"):
		t.header, t.pkg = "", ""
	}
}

// cutOff tells of a run that has not ended where another begins, or the text ends.
func (t *testRun) cutOff() {
	if t.header != "" {
		t.ended(t.pkg, t.header)
	}
	t.header, t.pkg = "", ""
}

// runs notes the runs of go test in a text that were cut off.
func (r *Result) runs(name string, data []byte) {
	t := &testRun{ended: func(pkg, header string) { r.cutOff(pkg, header, "neither PASS nor ok follows") }}
	for n, line := range bytes.Split(data, []byte("\n")) {
		t.line(fmt.Sprintf("%s:%d", name, n+1), strings.TrimSuffix(string(line), "\r"))
	}
	t.cutOff()
}

// cutOff notes that the run of a package is not finished.
func (r *Result) cutOff(pkg, at, why string) {
	of := "a package"
	if pkg != "" {
		of = "package " + pkg
	}
	r.unfinished = append(r.unfinished, fmt.Sprintf("the run of %s is not finished: %s (%s)", of, why, at))
}

// isOK says that a line is the go command's about a package that passed.
func isOK(line string) bool { return strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "ok\t") }

// testEvent is one of go test -json.
type testEvent struct{ Action, Package, Test, ImportPath, Output string }

// testEvents follow the packages of go test -json.
type testEvents struct {
	result *Result
	// begun is where the events of a package begin whose end is to come.
	begun map[string]string
	order []string
}

// event reads an event, which stands at a place.
func (t *testEvents) event(at string, e *testEvent) {
	action, pkg, test := e.Action, e.Package, e.Test
	switch {
	case action == "build-fail":
		t.fail(at, "the build of "+e.ImportPath+" failed")
	case pkg == "":
	case test == "" && (action == "pass" || action == "skip" || action == "output" && isOK(e.Output)):
		delete(t.begun, pkg)
	case test == "" && action == "fail":
		delete(t.begun, pkg)
		t.fail(at, "package "+pkg+" failed")
	case action == "start" && t.begun[pkg] != "":
		t.result.cutOff(pkg, t.begun[pkg], "it starts again with no event of its end")
		t.begun[pkg] = at
	case t.begun[pkg] == "":
		t.begun[pkg] = at
		t.order = append(t.order, pkg)
	}
}

// isCutOff says that a line is the beginning of an event, and not of other text.
func isCutOff(line []byte) bool {
	var event json.RawMessage
	err := json.NewDecoder(bytes.NewReader(line)).Decode(&event)
	return errors.Is(err, io.ErrUnexpectedEOF)
}

// fail notes a failure that no output may tell.
func (t *testEvents) fail(at, what string) {
	if t.result.failure == "" {
		t.result.failure = at + ": " + what
	}
}

// end notes the packages of which no event tells the end.
func (t *testEvents) end() {
	for _, pkg := range t.order {
		if at := t.begun[pkg]; at != "" {
			t.result.cutOff(pkg, at, "no event tells its end")
			delete(t.begun, pkg)
		}
	}
}

// unfinished refuses the output of runs that were cut off: what they should have reported
// is missing, and a test may yet have failed.
func (p *pair) unfinished() {
	for _, side := range []struct {
		name string
		*Result
	}{{"OLD", p.old}, {"NEW", p.new}} {
		switch {
		case len(side.Result.unfinished) == 0:
		case p.allows(Unfinished):
			p.doubt("%s: %s.", side.name, named(side.Result.unfinished))
		default:
			p.refuse("%s: %s; what was cut off or filtered out is not known (--allow %s)", side.name, named(side.Result.unfinished), Unfinished)
		}
	}
}
