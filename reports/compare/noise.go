package compare

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// What a benchmark prints to stdout while it runs stands in the line that package testing
// writes of it: behind the name, which is written before the run, or before the name where
// what was printed last did not end its line. Such a line is no result, so the text would be
// read as one that lacks it.

// ownOutput says what to do about it.
const ownOutput = "where a benchmark, or what it runs, prints to stdout, that stands in its line: let it print to stderr or with b.Log, and run it again"

// testLine is the line of a benchmark as package testing writes it, behind other text.
var testLine = regexp.MustCompile(`^.+?(Benchmark[^a-z\s]\S*) *\t *[0-9]+\t +[0-9.]\S* \S+`)

// glued refuses a text in which a result stands behind something else in its line.
func glued(name string, data []byte) error {
	for n, line := range bytes.Split(data, []byte("\n")) {
		found := testLine.FindSubmatchIndex(line)
		if found == nil || line[0] == '#' {
			continue
		}
		return fmt.Errorf("%w: %s:%d: the result of %s stands behind %q; %s", ErrResult, name, n+1, line[found[2]:found[3]], short(string(line[:found[2]])), ownOutput)
	}
	return nil
}

// syntax is the error of a line that begins as a benchmark's and is none.
func (r *Result) syntax(data []byte, e *benchfmt.SyntaxError) error {
	file, number := e.Pos()
	lines := bytes.Split(data, []byte("\n"))
	if r.isDocument() || number < 1 || number > len(lines) {
		return fmt.Errorf("%w: %w", ErrResult, e)
	}
	name, rest, _ := strings.Cut(string(lines[number-1]), " ")
	if before, after, ok := strings.Cut(name, "\t"); ok {
		name, rest = before, after+" "+rest
	}
	if !strings.HasPrefix(name, "Benchmark") {
		return fmt.Errorf("%w: %w", ErrResult, e)
	}
	return fmt.Errorf("%w: %s:%d: %s: the line of %s goes on with %q, not with a number of runs and values with units; %s",
		ErrResult, file, number, e.Msg, short(name), short(strings.TrimSpace(rest)), ownOutput)
}

// short is the beginning of a text that a message quotes.
func short(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "..."
	}
	return text
}
