package workload

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
)

// Trace lists starts one by one, in order of time. docs/trace.md is its format.
type Trace struct {
	// Name is that of the file it was read from.
	Name   string
	Starts []TraceStart
}

// TraceStart is one line of a trace: Count starts of one app at one time.
type TraceStart struct {
	// At is the time since the trace's origin.
	At  time.Duration
	App string
	// Images are references in the order of the pull.
	Images []string
	Count  int
	// Node names a machine that keeps its layers; empty is a new instance for
	// each start. NodeClass names a class of the profile.
	Node, NodeClass string
	// Runtime is how long each runs once it is ready, and so uses its images; nil
	// where the trace does not say.
	Runtime *time.Duration
	// Line is where it stands in the file, from 1; 0 when it was not read from one.
	Line int
}

// Fault is an error about one of t's starts, with file and line where it has them;
// path is the column.
func (t *Trace) Fault(start int, path, format string, args ...any) error {
	if line := t.Starts[start].Line; line > 0 {
		return &document.Error{File: t.Name, Line: line, Path: path, Message: fmt.Sprintf(format, args...)}
	}
	return fmt.Errorf("start %d of the trace: %s: %s", start+1, path, fmt.Sprintf(format, args...))
}

// IsTrace says by a file's name whether it holds a trace rather than a Workload.
func IsTrace(name string) bool {
	switch strings.ToLower(filepath.Ext(name)) {
	case ".csv", ".jsonl", ".ndjson":
		return true
	}
	return false
}

// maxCount bounds the starts of one line, and of a whole trace.
const maxCount = 1_000_000

// latest is the last time at which a start may be requested: a simulation ends
// after ten years, and the last start needs time too.
const latest = 9 * 365 * 24 * time.Hour

// ReadTrace reads a trace from the file called name: CSV with the header
// time_seconds,app,images,count and perhaps node, nodeClass and runtime_seconds
// (an empty cell says nothing), images separated by spaces; or the same as JSON
// lines. Times must not go back. A fault of a line is a *document.Error; a trace
// without a start is an error too.
func ReadTrace(name string, r io.Reader) (*Trace, error) {
	t := &traceReader{name: name, trace: &Trace{Name: name}, nodes: make(map[string]int), names: make(map[string]string), images: make(map[string][]string)}
	text := bufio.NewReader(r)
	if mark, err := text.Peek(len(byteOrderMark)); err == nil && bytes.Equal(mark, byteOrderMark) {
		text.Discard(len(byteOrderMark))
	}
	read := t.lines
	if strings.EqualFold(filepath.Ext(name), ".csv") {
		read = t.csv
	}
	if err := read(text); err != nil {
		return nil, err
	}
	if len(t.trace.Starts) == 0 {
		return nil, fmt.Errorf("%s: the trace has no starts", name)
	}
	return t.trace, nil
}

type traceReader struct {
	name  string
	trace *Trace
	total int
	last  time.Duration // the time of the line before
	// nodes are the first starts on each node, by its name.
	nodes map[string]int
	// names and images are those of lines before: a trace has few of them in many lines.
	names  map[string]string
	images map[string][]string
	// take is handed the starts in place of the trace, however many there are.
	take func(*TraceStart)
}

// kept is a cell's text, apart from the line that it is part of.
func (t *traceReader) kept(cell string) string {
	name, ok := t.names[cell]
	if !ok {
		name = strings.Clone(cell)
		t.names[name] = name
	}
	return name
}

// references are those of a cell.
func (t *traceReader) references(cell string) []string {
	images, ok := t.images[cell]
	if !ok {
		cell = strings.Clone(cell)
		images = strings.Fields(cell)
		t.images[cell] = images
	}
	return slices.Clip(images)
}

func (t *traceReader) fault(line int, path, format string, args ...any) error {
	return &document.Error{File: t.name, Line: line, Path: path, Message: fmt.Sprintf(format, args...)}
}

var (
	traceColumns = []string{"time_seconds", "app", "images", "count", "node", "nodeClass", "runtime_seconds"}
	// required are those that every trace has.
	requiredColumns = traceColumns[:4]
)

func (t *traceReader) csv(r io.Reader) error {
	rows := csv.NewReader(r)
	rows.ReuseRecord = true
	header, err := rows.Read()
	if err != nil {
		return t.fault(1, "", "read the header %s: %v", strings.Join(requiredColumns, ","), err)
	}
	header = slices.Clone(header)
	for i, column := range header {
		if !slices.Contains(traceColumns, column) || slices.Contains(header[:i], column) {
			return t.fault(1, column, "unknown or repeated column; a trace has %s", strings.Join(traceColumns, ","))
		}
	}
	for _, column := range requiredColumns {
		if !slices.Contains(header, column) {
			return t.fault(1, column, "the header lacks this column")
		}
	}
	cells := make(map[string]string, len(header))
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			return t.fault(parse.Line, "", "%v", parse.Err)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", t.name, err)
		}
		line, _ := rows.FieldPos(0)
		for i, column := range header {
			cells[column] = row[i]
		}
		if err := t.add(line, cells); err != nil {
			return err
		}
	}
}

func (t *traceReader) lines(r io.Reader) error {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	line := 0
	for scanner.Scan() {
		line++
		text := bytes.TrimSpace(scanner.Bytes())
		if len(text) == 0 {
			continue
		}
		cells, err := t.object(line, text)
		if err != nil {
			return err
		}
		if err := t.add(line, cells); err != nil {
			return err
		}
	}
	if err := scanner.Err(); err != nil {
		return t.fault(line+1, "", "read the line: %v", err)
	}
	return nil
}

// object is one JSON line as cells of text; images may be a list.
func (t *traceReader) object(line int, text []byte) (map[string]string, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	wrong := func(err error) error {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return t.fault(line, "", "not a JSON object: %v", err)
	}
	if open, err := dec.Token(); err != nil {
		return nil, wrong(err)
	} else if open != json.Delim('{') {
		return nil, t.fault(line, "", "not a JSON object: it begins with %v", open)
	}
	cells := make(map[string]string)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, wrong(err)
		}
		var value any
		if err := dec.Decode(&value); err != nil {
			return nil, wrong(err)
		}
		key := token.(string) // or Token had failed
		if !slices.Contains(traceColumns, key) {
			return nil, t.fault(line, key, "unknown key; a trace has %s", strings.Join(traceColumns, ", "))
		}
		if _, again := cells[key]; again {
			return nil, t.fault(line, key, "the key stands twice")
		}
		if cells[key], err = t.cell(line, key, value); err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, wrong(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, t.fault(line, "", "more than one JSON value on the line")
	}
	return cells, nil
}

// cell is a JSON value as a cell of text.
func (t *traceReader) cell(line int, key string, value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case json.Number:
		return v.String(), nil
	case []any:
		if key != "images" {
			return "", t.fault(line, key, "is a list: only images may be one")
		}
		images := make([]string, len(v))
		for i, item := range v {
			image, ok := item.(string)
			if !ok || len(strings.Fields(image)) != 1 {
				return "", t.fault(line, fmt.Sprintf("images[%d]", i), "is no reference")
			}
			images[i] = image
		}
		return strings.Join(images, " "), nil
	}
	return "", t.fault(line, key, "is neither text nor a number")
}

func (t *traceReader) add(line int, cells map[string]string) error {
	s := TraceStart{App: t.kept(cells["app"]), Images: t.references(cells["images"]), Node: t.kept(cells["node"]), NodeClass: t.kept(cells["nodeClass"]), Line: line}
	var err error
	if s.At, err = t.seconds(line, "time_seconds", cells); err != nil {
		return err
	}
	if cells["runtime_seconds"] != "" {
		runtime, err := t.seconds(line, "runtime_seconds", cells)
		if err != nil {
			return err
		}
		s.Runtime = &runtime
	}
	if s.Count, err = strconv.Atoi(cells["count"]); err != nil || s.Count < 1 || s.Count > maxCount {
		return t.fault(line, "count", "%q is not a number of starts from 1 to %d", cells["count"], maxCount)
	}
	switch {
	case s.App == "":
		return t.fault(line, "app", "the start names no app")
	case len(s.Images) == 0:
		return t.fault(line, "images", "app %q names no image", s.App)
	case s.At < t.last:
		return t.fault(line, "time_seconds", "time goes back, from %v to %v: sort the trace by time", t.last, s.At)
	}
	t.last = s.At
	if t.take != nil {
		if len(t.names)+len(t.images) > maxInterned {
			clear(t.names)
			clear(t.images)
		}
		t.take(&s)
		return nil
	}
	if t.total += s.Count; t.total > maxCount {
		return t.fault(line, "count", "the trace has more than %d starts", maxCount)
	}
	if err := t.oneClass(&s); err != nil {
		return err
	}
	t.trace.Starts = append(t.trace.Starts, s)
	return nil
}

func (t *traceReader) seconds(line int, column string, cells map[string]string) (time.Duration, error) {
	seconds, err := strconv.ParseFloat(cells[column], 64)
	if err != nil || !(seconds >= 0) {
		return 0, t.fault(line, column, "%q is not a number of seconds from 0", cells[column])
	}
	if seconds > latest.Seconds() {
		return 0, t.fault(line, column, "%s is after the last time that can be simulated, %g seconds: count from the trace's own beginning", cells[column], latest.Seconds())
	}
	return time.Duration(math.Round(seconds * 1e9)), nil
}

// oneClass refuses a node that is of two classes.
func (t *traceReader) oneClass(s *TraceStart) error {
	first, known := t.nodes[s.Node]
	switch {
	case s.Node == "":
	case !known:
		t.nodes[s.Node] = len(t.trace.Starts)
	case t.trace.Starts[first].NodeClass != s.NodeClass:
		return t.fault(s.Line, "nodeClass", "node %s is of class %q here and of %q on line %d: give it one class", s.Node, s.NodeClass, t.trace.Starts[first].NodeClass, t.trace.Starts[first].Line)
	}
	return nil
}

// References are the trace's images, each once, in order of first use.
func (t *Trace) References() []string {
	var refs []string
	seen := make(map[string]bool)
	for _, s := range t.Starts {
		for _, ref := range s.Images {
			if !seen[ref] {
				seen[ref] = true
				refs = append(refs, ref)
			}
		}
	}
	return refs
}
