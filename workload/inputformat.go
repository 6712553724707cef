package workload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/cachebench/cachebench/internal/document"
)

// An InputFormat names what an input of a cluster's history is.
type InputFormat string

// The formats.
const (
	// KubectlInput is of Kubernetes objects, see PullImporter.
	KubectlInput InputFormat = "kubectl"
	// EventsInput has an event in each line: as it is, or as kube-eventer and log services
	// export it.
	EventsInput InputFormat = "events"
	// PrometheusInput is the result of a range query.
	PrometheusInput InputFormat = "prometheus"
	// CrictlInput is what "crictl images -o json" prints.
	CrictlInput InputFormat = "crictl"
	// ECIInput is the answer of DescribeContainerGroups.
	ECIInput InputFormat = "eci"
	// TraceInput is a trace of starts, CSV or JSON lines.
	TraceInput InputFormat = "trace"
)

// InputFormats are all formats, in order of name.
func InputFormats() []InputFormat {
	return []InputFormat{CrictlInput, ECIInput, EventsInput, KubectlInput, PrometheusInput, TraceInput}
}

// ParseInputFormat reads a name.
func ParseInputFormat(text string) (InputFormat, error) {
	if f := InputFormat(text); slices.Contains(InputFormats(), f) {
		return f, nil
	}
	var names []string
	for _, f := range InputFormats() {
		names = append(names, string(f))
	}
	return "", fmt.Errorf("%q is no format of an input%s: give one of %s", text, document.DidYouMean(text, names), strings.Join(names, ", "))
}

// looked is how much of an input is looked at to tell what it is.
const looked = 64 << 10

// maxWindow bounds the memory that a zstd stream may ask for: that of zstd -19 --long.
const maxWindow = 128 << 20

// unpacked is an input without its gzip or zstd, if it has one; done ends it, and tells what
// was wrong with its packing.
func unpacked(name string, r io.Reader) (text *bufio.Reader, done func() error, err error) {
	text = bufio.NewReaderSize(r, looked)
	head, err := text.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("read %s: %w", name, err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(text)
		if err != nil {
			return nil, nil, &document.Error{File: name, Line: 1, Message: fmt.Sprintf("read it as gzip: %v; make it anew, it is cut short or damaged", err)}
		}
		in := &inflated{name: name, kind: "gzip", from: z}
		return bufio.NewReaderSize(in, looked), func() error { z.Close(); return in.err }, nil
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(text, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, fmt.Errorf("read %s as zstd: %w", name, err)
		}
		in := &inflated{name: name, kind: "zstd", from: z}
		return bufio.NewReaderSize(in, looked), func() error { z.Close(); return in.err }, nil
	}
	return text, func() error { return nil }, nil
}

// inflated says of errors what was read, and keeps the first: what a text is wrong in where
// it breaks off is not the fault.
type inflated struct {
	name, kind string
	from       io.Reader
	err        error
}

func (i *inflated) Read(into []byte) (int, error) {
	n, err := i.from.Read(into)
	if err != nil && !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("read %s as %s: %w; make it anew, it is cut short or damaged", i.name, i.kind, err)
		i.err = err
	}
	return n, err
}

// formatOf tells what a text is by its beginning; what it cannot tell is of kubectl,
// whose reader says best what is wrong.
func formatOf(head []byte) InputFormat {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, byteOrderMark), " \t\r\n")
	line, _, whole := bytes.Cut(head, []byte("\n"))
	line = bytes.TrimSpace(line)
	switch {
	case len(head) == 0:
		return KubectlInput
	case head[0] != '{' && head[0] != '[':
		columns := strings.Split(strings.ReplaceAll(string(line), `"`, ""), ",")
		if slices.Contains(columns, "time_seconds") {
			return TraceInput
		}
		return KubectlInput
	}
	if head[0] == '{' && (whole || len(head) < looked) {
		var j jsonText
		var e lineEvent
		switch readEventLine(&j, line, &e) {
		case lineOfEvent:
			return EventsInput
		case lineOther:
			isTrace := false
			j.object(line, func(key, _ []byte) bool {
				isTrace = isTrace || string(key) == "time_seconds"
				return true
			})
			if isTrace {
				return TraceInput
			}
		}
	}
	return documentFormat(head)
}

// documentFormat tells what a document of JSON is by the first keys in it.
func documentFormat(head []byte) InputFormat {
	d := json.NewDecoder(bytes.NewReader(head))
	before := json.Token(nil)
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return KubectlInput
		}
		last := before
		before = token
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			if depth == 2 && token == json.Delim('[') && last == "images" {
				return CrictlInput
			}
		case json.Delim('}'), json.Delim(']'):
			if depth--; depth == 0 {
				return KubectlInput
			}
		case "ContainerGroups", "containerGroups":
			return ECIInput
		case "resultType", "metric", "errorType":
			return PrometheusInput
		case "repoTags", "repoDigests":
			return CrictlInput
		case "apiVersion", "involvedObject":
			return KubectlInput
		}
	}
}

// lines hands over the lines of a text that are not empty, with their numbers.
func lines(name string, r *bufio.Reader, take func(line int, text []byte) error) error {
	var long []byte
	for n := 1; ; n++ {
		text, err := r.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) {
			if long = append(long, text...); len(long) > maxObject {
				return &document.Error{File: name, Line: n, Message: fmt.Sprintf("a line of more than %d MiB: give a text with one record in a line", maxObject>>20)}
			}
			text, err = r.ReadSlice('\n')
		}
		if len(long) > 0 {
			long = append(long, text...)
			text = long
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return readError(name, err)
		}
		if n == 1 {
			text = bytes.TrimPrefix(text, byteOrderMark)
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			if err := take(n, text); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
		long = long[:0]
	}
}

func readError(name string, err error) error {
	if strings.HasPrefix(err.Error(), "read ") {
		return err
	}
	return fmt.Errorf("read %s: %w", name, err)
}

// An arrayReader hands over the items of the arrays under one key of a text of JSON, which
// are held one at a time.
type arrayReader struct {
	name string
	key  string
	// bare: an array that is the whole text is taken as well.
	bare bool
	take func(line, item int, text []byte) error
	// tell is handed the values beside the array that are neither lists nor objects.
	tell func(key string, value json.Token)
	// text is handed the texts of the lists beside the array, at the top.
	text  func(key, value string)
	what  string // for errors
	lines *lineReader
	json  *json.Decoder
	found int
}

func (a *arrayReader) read(r *bufio.Reader) error {
	a.lines = &lineReader{from: r, ended: true, isJSON: true, most: 8 * maxObject}
	a.json = json.NewDecoder(a.lines)
	a.lines.taken = a.json.InputOffset
	for documents := 0; ; documents++ {
		token, err := a.json.Token()
		switch {
		case errors.Is(err, io.EOF) && a.lines.err == nil:
			if a.found == 0 {
				return a.fault("there is no list %q in it", a.key)
			}
			return nil
		case err != nil:
			return a.syntax(err)
		}
		if token == json.Delim('[') && a.bare {
			err = a.items()
		} else {
			err = a.value(token, 0)
		}
		if err != nil {
			return err
		}
	}
}

// value looks for the key in a value that begins with a token.
func (a *arrayReader) value(token json.Token, depth int) error {
	if token != json.Delim('{') {
		if depth == 0 {
			return a.fault("%.40v stands where an object should", token)
		}
		return a.skip(token)
	}
	for a.json.More() {
		key, err := a.json.Token()
		if err != nil {
			return a.syntax(err)
		}
		token, err := a.json.Token()
		switch {
		case err != nil:
			return a.syntax(err)
		case strings.EqualFold(key.(string), a.key) && token == json.Delim('['):
			err = a.items()
		case token == json.Delim('{') && depth < 3:
			err = a.value(token, depth+1)
		case token == json.Delim('[') && depth == 0 && a.text != nil:
			err = a.texts(key.(string))
		default:
			if _, isOpen := token.(json.Delim); a.tell != nil && !isOpen {
				a.tell(key.(string), token)
			}
			err = a.skip(token)
		}
		if err != nil {
			return err
		}
	}
	if _, err := a.json.Token(); err != nil {
		return a.syntax(err)
	}
	return nil
}

// texts hands over the texts of a list.
func (a *arrayReader) texts(key string) error {
	for a.json.More() {
		token, err := a.json.Token()
		if err != nil {
			return a.syntax(err)
		}
		if text, ok := token.(string); ok {
			a.text(key, text)
		} else if err := a.skip(token); err != nil {
			return err
		}
	}
	if _, err := a.json.Token(); err != nil {
		return a.syntax(err)
	}
	return nil
}

func (a *arrayReader) items() error {
	a.found++
	var raw json.RawMessage
	for item := 1; a.json.More(); item++ {
		if err := a.json.Decode(&raw); err != nil {
			return a.syntax(err)
		}
		if err := a.take(a.lines.line-bytes.Count(raw, []byte{'\n'}), item, raw); err != nil {
			return err
		}
	}
	if _, err := a.json.Token(); err != nil {
		return a.syntax(err)
	}
	return nil
}

// skip passes over the rest of a value.
func (a *arrayReader) skip(token json.Token) error {
	depth := 0
	for {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if token, err = a.json.Token(); err != nil {
			return a.syntax(err)
		}
	}
}

func (a *arrayReader) syntax(err error) error {
	var known *document.Error
	switch {
	case errors.As(a.lines.err, &known):
		return known
	case a.lines.err != nil:
		return readError(a.name, a.lines.err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return a.fault("the text ends early: it is cut short")
	}
	return a.fault("%v", err)
}

func (a *arrayReader) fault(format string, args ...any) error {
	return a.faultAt(a.lines.line, format, args...)
}

func (a *arrayReader) faultAt(line int, format string, args ...any) error {
	return &document.Error{File: a.name, Line: max(line, 1), Message: "not " + a.what + ": " + fmt.Sprintf(format, args...)}
}
