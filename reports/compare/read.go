// Package compare reads two results and says how they differ, figure by figure,
// with the statistics that their sources want.
//
// A result is a saved Timeline, Report, Diff, Plan, Matches, Calibration, Capacity or
// SweepResult, the text of benchmarks that cachebench writes (--output benchfmt), or what
// go test -bench prints, also with -json. All are read as the text of benchmarks: what a document holds is what
// package reports would write of it.
//
// Values of simulations and estimates are exact: they are compared as they are,
// and must be the same wherever a result has several of one benchmark. Values of
// measured runs are a sample, of which medians are compared by the Mann-Whitney U
// test of golang.org/x/perf/benchmath, as benchstat does. What a start fetches and
// unpacks is exact in measured runs too where all runs of a side agree, for bytes
// do not vary by chance.
//
// Results that were made under other conditions, or of which one lacks benchmarks
// that the other has, are not compared unless the caller allows it.
//
// Use: Read both, Compare, then Judge and write the reports.Comparison.
package compare

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

// ErrResult is wrapped by errors of files that are no results.
var ErrResult = errors.New("no result to compare")

// Result is one side of a comparison.
type Result struct {
	file, kind string
	benchmarks []*benchmark
	units      benchfmt.UnitMetadataMap
	// inputs are the digests of the files that it was made from, by name.
	inputs map[string]string
	// starts are how many those benchmarks sum up of which a comment says it, by name;
	// 0 where several of one name differ.
	starts map[string]int
	// failure is the line by which go test says that a test failed; facts describe
	// the host of measured startups.
	failure string
	// incomparable are the reasons that the result itself states why it is not to be
	// compared; untimed is of how many starts it does not tell when they were ready.
	incomparable []string
	untimed      []untimed
	// unfinished are the runs of go test that were cut off.
	unfinished []string
	facts      []simulate.Fact
	doubts     []string
}

// untimed are starts of a benchmark of which it is not known when they were ready.
type untimed struct {
	source, name string
	starts       int
}

// isMeasured says that there is chance in the values of a figure.
func (r *Result) isMeasured(b *benchmark, figure string) bool {
	switch b.config["source"] {
	case simulate.Measured:
		return true
	case simulate.Simulated, simulate.Estimated:
		return false
	}
	m := r.units.Get(figure, "assume")
	return m == nil || m.Value != "exact"
}

// Read reads a result from the bytes of the file called name. Errors name the file
// and, where it is text, the line.
func Read(name string, data []byte) (*Result, error) {
	r := &Result{file: filepath.ToSlash(name), kind: string(reports.Bench), inputs: make(map[string]string), starts: make(map[string]int)}
	if isDocument(name, data) {
		text, err := r.document(name, data)
		if err != nil {
			return nil, err
		}
		data = text
	} else if !isEvents(data) {
		r.runs(name, data)
	} else {
		text, err := r.outputOf(name, data)
		if err != nil {
			return nil, err
		}
		data = text
	}
	if err := r.text(name, data); err != nil {
		return nil, err
	}
	if len(r.benchmarks) == 0 && len(r.incomparable) == 0 {
		return nil, fmt.Errorf("%w: %s has no line of a benchmark's result", ErrResult, name)
	}
	return r, nil
}

func isDocument(name string, data []byte) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".yaml", ".yml":
		return true
	}
	return bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) && !isEvents(data)
}

// document returns the text of the benchmarks that a document holds.
func (r *Result) document(name string, data []byte) ([]byte, error) {
	kind, err := document.Header(name, data)
	if err != nil {
		return nil, err
	}
	r.kind = kind
	var b bytes.Buffer
	var report *reports.Report
	switch kind {
	case simulate.TimelineKind:
		t, err := simulate.ReadTimeline(name, data)
		if err != nil {
			return nil, err
		}
		if t.Measurement != nil {
			r.facts = append([]simulate.Fact{{Name: "tool", Value: t.Measurement.Tool}}, t.Measurement.Facts...)
		}
		report = reports.New(reports.Input{Timeline: t})
	case reports.Kind:
		if report, err = reports.Read(name, data); err != nil {
			return nil, err
		}
	case plan.Kind:
		p, err := plan.Read(name, data)
		if err != nil {
			return nil, err
		}
		report = reports.New(reports.Input{Plan: p})
	case matcher.MatchesKind:
		m, err := matcher.ReadMatches(name, data)
		if err != nil {
			return nil, err
		}
		report = reports.New(reports.Input{Matches: m})
	case calibrate.Kind:
		c, err := calibrate.Read(name, data)
		if err != nil {
			return nil, err
		}
		if err := reports.WriteCalibration(&b, reports.Bench, c, reports.Options{}); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrResult, name, err)
		}
		return b.Bytes(), nil
	case reports.DiffKind:
		d, err := reports.ReadDiff(name, data)
		if err != nil {
			return nil, err
		}
		err = reports.WriteDiff(&b, reports.Bench, d, reports.Options{})
		return b.Bytes(), err
	case reports.CapacityKind:
		c, err := reports.ReadCapacity(name, data)
		if err != nil {
			return nil, err
		}
		if err := reports.WriteCapacity(&b, reports.Bench, c, reports.Options{}); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrResult, name, err)
		}
		return b.Bytes(), nil
	case reports.SweepResultKind:
		s, err := reports.ReadSweepResult(name, data)
		if err != nil {
			return nil, err
		}
		err = reports.WriteSweep(&b, reports.Bench, s, s.Each())
		return b.Bytes(), err
	default:
		return nil, fmt.Errorf("%w: %s is a %s; compared are a Timeline, Report, Diff, Plan, Matches, Calibration, Capacity or SweepResult, and the text of benchmarks", ErrResult, name, kind)
	}
	if err := reports.Write(&b, reports.Bench, report, reports.Options{}); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrResult, name, err)
	}
	return b.Bytes(), nil
}

// isEvents says whether data is what go test -json prints.
func isEvents(data []byte) bool {
	line, _, _ := bytes.Cut(bytes.TrimSpace(data), []byte("\n"))
	var event struct{ Action string }
	return bytes.HasPrefix(line, []byte("{")) && json.Unmarshal(line, &event) == nil && event.Action != ""
}

// outputOf joins the output that the events of go test -json tell of. It comes in
// pieces, those of one package in order.
func (r *Result) outputOf(name string, data []byte) ([]byte, error) {
	events := &testEvents{result: r, begun: make(map[string]string)}
	var packages []string
	texts := make(map[string]*bytes.Buffer)
	lines := bytes.Split(bytes.TrimRight(data, "\r\n"), []byte("\n"))
	for n, line := range lines {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var event testEvent
		if err := json.Unmarshal(line, &event); err != nil {
			if n == len(lines)-1 && isCutOff(line) {
				r.cutOff("", fmt.Sprintf("%s:%d", name, n+1), "its last event is cut off inside the line")
				break
			}
			return nil, fmt.Errorf("%w: %s:%d: %w", ErrResult, name, n+1, err)
		}
		events.event(fmt.Sprintf("%s:%d", name, n+1), &event)
		if event.Action != "output" {
			continue
		}
		if texts[event.Package] == nil {
			packages = append(packages, event.Package)
			texts[event.Package] = &bytes.Buffer{}
		}
		texts[event.Package].WriteString(event.Output)
	}
	events.end()
	var all bytes.Buffer
	for _, p := range packages {
		all.Write(texts[p].Bytes())
		all.WriteString("\n")
	}
	return all.Bytes(), nil
}

// text reads the text of benchmarks.
func (r *Result) text(name string, data []byte) error {
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	if err := r.comments(name, data); err != nil {
		return err
	}
	if err := glued(name, data); err != nil {
		return err
	}
	reader := benchfmt.NewReader(bytes.NewReader(data), name)
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return r.syntax(data, record)
		case *benchfmt.Result:
			b, err := newBenchmark(record, r.isDocument())
			if err != nil {
				return err
			}
			if n, ok := r.starts[b.name]; ok {
				b.starts = n
			} else if b.config[pkg] != "" || b.config["goos"] != "" {
				b.starts = 0 // package testing's iterations are none
			}
			r.benchmarks = append(r.benchmarks, b)
		}
	}
	if err := reader.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrResult, err)
	}
	r.units = reader.Units()
	r.dropTwice()
	r.join()
	for _, u := range r.untimed {
		if err := r.noteUntimed(u); err != nil {
			return err
		}
	}
	return nil
}

// isDocument says that the result is a document, whose lines are not those of its text.
func (r *Result) isDocument() bool { return r.kind != string(reports.Bench) }

// noteUntimed notes of a benchmark that not all of its starts have a time. One of which no
// start has any has no line, and is one all the same: else its rules would be held against
// nothing.
func (r *Result) noteUntimed(u untimed) error {
	at := slices.IndexFunc(r.benchmarks, func(b *benchmark) bool { return b.name == u.name && b.condition(Source) == u.source })
	if at >= 0 {
		r.benchmarks[at].untimed = u.starts
		return nil
	}
	reader := benchfmt.NewReader(strings.NewReader(fmt.Sprintf("source: %s\nBenchmark%s 1 0 %s\n", u.source, u.name, reports.UnitStartup)), r.file)
	reader.Scan()
	line, ok := reader.Result().(*benchfmt.Result)
	if !ok {
		return fmt.Errorf("%w: %s: %s%s %s: write a source and the name of a benchmark", ErrResult, r.file, reports.BenchUntimedPrefix, u.source, u.name)
	}
	b, err := newBenchmark(line, r.isDocument())
	if err != nil {
		return err
	}
	b.values, b.starts, b.untimed = make(map[string][]float64), 0, u.starts
	r.benchmarks = append(r.benchmarks, b)
	return nil
}

// comments reads what benchstat leaves out: the inputs, the doubts, and that a test
// failed.
func (r *Result) comments(name string, data []byte) error {
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if rest, ok := strings.CutPrefix(line, "# input "); ok {
			if digest, input, ok := strings.Cut(rest, " "); ok && !strings.Contains(r.inputs[input], digest) {
				r.inputs[input] += digest
			}
		}
		if rest, ok := strings.CutPrefix(line, reports.BenchStartsPrefix); ok {
			r.startsOf(rest)
		}
		if why, ok := strings.CutPrefix(line, reports.BenchIncomparablePrefix); ok && !slices.Contains(r.incomparable, why) {
			r.incomparable = append(r.incomparable, why)
		}
		if why, ok := strings.CutPrefix(line, reports.BenchUnfinishedPrefix); ok && !slices.Contains(r.unfinished, why) {
			r.unfinished = append(r.unfinished, why)
		}
		if rest, ok := strings.CutPrefix(line, reports.BenchUntimedPrefix); ok {
			words := strings.Fields(rest)
			starts := 0
			if len(words) == 3 {
				starts, _ = strconv.Atoi(words[2])
			}
			if starts <= 0 {
				return fmt.Errorf("%w: %s:%d: %s: write a source, the name of a benchmark and a number of starts", ErrResult, name, n, line)
			}
			r.untimed = append(r.untimed, untimed{words[0], strings.TrimPrefix(words[1], "Benchmark"), starts})
		}
		if doubt, ok := strings.CutPrefix(line, "# doubt "); ok && !slices.Contains(r.doubts, doubt) {
			r.doubts = append(r.doubts, doubt)
		}
		if r.failure == "" && (line == "FAIL" || strings.HasPrefix(line, "FAIL\t") || strings.HasPrefix(line, "--- FAIL:") || strings.HasPrefix(line, "panic: ")) {
			r.failure = fmt.Sprintf("%s:%d: %s", name, n, line)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrResult, name, err)
	}
	return nil
}

// startsOf reads what a comment says of a benchmark's starts: its name, and how many.
func (r *Result) startsOf(text string) {
	name, number, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(number)
	name = strings.TrimPrefix(name, "Benchmark")
	if before, ok := r.starts[name]; err != nil || ok && before != n {
		n = 0
	}
	r.starts[name] = n
}

// join makes one benchmark of all lines of one, which another number of processors
// makes another.
func (r *Result) join() {
	lines := r.benchmarks
	r.benchmarks = nil
	byKey := make(map[string]*benchmark)
	for _, line := range lines {
		key := line.key(keyConditions) + "\x00" + line.processors
		b := byKey[key]
		if b == nil {
			byKey[key] = line
			r.benchmarks = append(r.benchmarks, line)
			continue
		}
		for _, figure := range line.figures {
			if b.values[figure] == nil {
				b.figures = append(b.figures, figure)
			}
			b.values[figure] = append(b.values[figure], line.values[figure]...)
		}
	}
}

// conditions are what the results were made under, each with its values in order.
func (r *Result) conditions() []reports.Condition {
	var list []reports.Condition
	for _, name := range conditions() {
		var values []string
		for _, b := range r.benchmarks {
			if name == Machine && !slices.ContainsFunc(b.figures, func(figure string) bool { return r.isMeasured(b, figure) }) {
				continue // where a simulation is computed changes nothing in it
			}
			if v := b.condition(name); v != "" && !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
		if len(values) > 0 {
			slices.Sort(values)
			list = append(list, reports.Condition{Name: name, Values: values})
		}
	}
	return list
}

// side is the result as a comparison names it.
func (r *Result) side(digest layers.Digest) reports.ComparedResult {
	return reports.ComparedResult{File: r.file, Digest: digest, Kind: r.kind, Benchmarks: len(r.benchmarks), Conditions: r.conditions()}
}
