package reports

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"

	"github.com/cachebench/cachebench/internal/document"
)

// SweepFile is a saved SweepResult of which one run at a time is in memory.
type SweepFile struct {
	// Head is the result without its runs.
	Head *SweepResult

	name string
	text *textCounter
	json *json.Decoder
	// whole are all runs, of a file that is not read run by run.
	whole []SweepRun
}

// sweepBegins is how a SweepResult begins that this program wrote.
var sweepBegins = regexp.MustCompile(`^\s*\{\s*"apiVersion"\s*:\s*"[^"]*"\s*,\s*"kind"\s*:\s*"` + SweepResultKind + `"`)

// BeginsAsSweep says whether a file that begins so is a SweepResult in JSON.
func BeginsAsSweep(begin []byte) bool { return sweepBegins.Match(begin) }

// OpenSweep reads the head of the file called name. One whose runs do not stand after it,
// or that is YAML, is read whole. Errors are those of ReadSweepResult.
func OpenSweep(name string, file io.ReadSeeker) (*SweepFile, error) {
	f := &SweepFile{name: name}
	if f.readHead(file) {
		return f, nil
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	whole, err := ReadSweepResult(name, data)
	if err != nil {
		return nil, err
	}
	head := *whole
	head.Runs = []SweepRun{}
	return &SweepFile{Head: &head, name: name, whole: whole.Runs}, nil
}

// readHead reads up to the first run, and says whether it could.
func (f *SweepFile) readHead(file io.Reader) bool {
	f.text = &textCounter{from: file, line: 1}
	f.json = json.NewDecoder(f.text)
	if t, err := f.json.Token(); err != nil || t != json.Delim('{') {
		return false
	}
	for f.json.More() {
		key, err := f.json.Token()
		if err != nil {
			return false
		}
		if key != "runs" {
			var value json.RawMessage
			if f.json.Decode(&value) != nil {
				return false
			}
			continue
		}
		if t, err := f.json.Token(); err != nil || t != json.Delim('[') {
			return false
		}
		// What was read is a document without runs, once it is closed.
		head, err := ReadSweepResult(f.name, append(f.text.until(f.json.InputOffset()), "]}"...))
		f.Head = head
		return err == nil
	}
	return false
}

// Runs are the runs in order, once. The first error ends them; it says where in the file.
func (f *SweepFile) Runs() iter.Seq2[*SweepRun, error] {
	return func(yield func(*SweepRun, error) bool) {
		for i := range f.whole {
			if !yield(&f.whole[i], nil) {
				return
			}
		}
		if f.json == nil || f.text == nil || f.whole != nil {
			return
		}
		last := -1
		for i := 0; f.json.More(); i++ {
			r, err := f.next(i, last)
			if !yield(r, err) || err != nil {
				return
			}
			last = r.Run
		}
		if err := f.end(); err != nil {
			yield(nil, err)
		}
	}
}

// next reads run i of the file; last is the place in the grid of the one before.
func (f *SweepFile) next(i, last int) (*SweepRun, error) {
	var raw json.RawMessage
	err := f.json.Decode(&raw)
	begins := f.json.InputOffset() - int64(len(raw))
	if err != nil {
		return nil, f.fault(err)
	}
	f.text.until(begins)
	line := f.text.line
	f.text.until(f.json.InputOffset())
	one := fmt.Appendf(nil, `{"apiVersion":%q,"kind":%q,"version":"-","sweepDigest":"-","gridRuns":%d,"runs":[`, document.APIVersion, SweepResultKind, f.Head.GridRuns)
	r, err := ReadSweepResult(f.name, append(append(one, raw...), "]}"...))
	if err != nil {
		return nil, moved(err, i, line-1)
	}
	if len(r.Runs) != 1 || r.Runs[0].Run <= last {
		return nil, &document.Error{File: f.name, Line: line, Path: fmt.Sprintf("runs[%d].run", i), Message: fmt.Sprintf("run %d is out of order, or not of a grid of %d runs", r.Runs[0].Run, f.Head.GridRuns)}
	}
	return &r.Runs[0], nil
}

// moved are the faults of a run that was read by itself, where they stand in the file.
func moved(err error, i, lines int) error {
	var faults *document.Errors
	if !errors.As(err, &faults) {
		var one *document.Error
		if !errors.As(err, &one) {
			return err
		}
		faults = &document.Errors{Faults: []*document.Error{one}}
	}
	for _, fault := range faults.Faults {
		fault.Line += lines
		if rest, ok := bytes.CutPrefix([]byte(fault.Path), []byte("runs[0]")); ok {
			fault.Path = fmt.Sprintf("runs[%d]%s", i, rest)
		}
	}
	return faults
}

// end reads what stands after the runs: nothing.
func (f *SweepFile) end() error {
	for _, want := range []json.Delim{']', '}'} {
		t, err := f.json.Token()
		if err != nil {
			return f.fault(err)
		}
		if t != want {
			f.text.until(f.json.InputOffset())
			return &document.Error{File: f.name, Line: f.text.line, Message: fmt.Sprintf("%v stands after the runs: a %s ends with them, as it was written", t, SweepResultKind)}
		}
	}
	if _, err := f.json.Token(); !errors.Is(err, io.EOF) {
		f.text.until(f.json.InputOffset())
		return &document.Error{File: f.name, Line: f.text.line, Message: "something stands after the document"}
	}
	return nil
}

// fault says where a text that is no JSON, or that ends too soon, is wrong.
func (f *SweepFile) fault(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		f.text.until(f.text.end())
		return &document.Error{File: f.name, Line: f.text.line, Message: "the file ends inside the runs: it was cut off"}
	case errors.As(err, &syntax):
		// Where in a value the decoder stopped it does not say; it is from here on.
		f.text.until(f.json.InputOffset())
		between := f.text.ahead[:len(f.text.ahead)-len(bytes.TrimLeft(f.text.ahead, ", \t\r\n"))]
		f.text.until(f.text.at + int64(len(between)))
		return &document.Error{File: f.name, Line: f.text.line, Message: "from here on the file is no JSON: " + syntax.Error()}
	}
	return fmt.Errorf("read %s: %w", f.name, err)
}

// textCounter reads a text and counts its lines up to where it is asked.
type textCounter struct {
	from io.Reader
	// line is that of the place that was asked for last, at which ahead begins.
	line  int
	at    int64
	ahead []byte
}

func (t *textCounter) Read(into []byte) (int, error) {
	n, err := t.from.Read(into)
	t.ahead = append(t.ahead, into[:n]...)
	return n, err
}

func (t *textCounter) end() int64 { return t.at + int64(len(t.ahead)) }

// until moves on to a place, and returns what stands before it, from the place before.
func (t *textCounter) until(place int64) []byte {
	n := max(0, min(place-t.at, int64(len(t.ahead))))
	passed := bytes.Clone(t.ahead[:n])
	t.line += bytes.Count(passed, []byte("\n"))
	t.at += n
	t.ahead = append(t.ahead[:0], t.ahead[n:]...)
	return passed
}
