package workload

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
)

// howTo ends the errors on input that is no text of Kubernetes objects.
const howTo = "write it with: kubectl get pods -A -o json (or -o yaml), helm template or kubectl kustomize"

// maxLists bounds how deep lists may stand in lists; kubectl writes one.
const maxLists = 20

// maxObject bounds what is held of an object, with room: a cluster stores 1.5 MiB
// (etcd's limit on a request).
const maxObject = 16 << 20

// An object is a Kubernetes object as it stands in the input, its parts not yet
// decoded. It holds only until the next one is read.
type object struct {
	file             string
	line             int // where it begins
	item             int // place in a list, from 1; 0 outside of lists
	apiVersion, kind string
	metadata, spec   part
	status           part
	template         part // of a PodTemplate, which has no spec
	// list numbers the list of the input that it stands in, from 1; 0 is none.
	list int
	// event are the parts of an Event by the place of their key in eventKeys, where
	// the reader looks for events.
	event []part
}

// A part is a valid JSON text and the line in which it begins; empty where the
// object has no such part.
type part struct {
	raw  json.RawMessage
	line int
}

// readObjects hands the objects of a text to take, one by one. The parts of YAML
// come through the same JSON decoder, see yamlText.
func readObjects(name string, r io.Reader, take func(*object) error) error {
	d := &objectReader{name: name, take: take}
	return d.read(r)
}

// read hands over the objects of a text.
func (d *objectReader) read(r io.Reader) error {
	text := bufio.NewReaderSize(r, 64<<10)
	isYAML, err := d.begins(text)
	if err != nil {
		return err
	}
	if isYAML {
		text = bufio.NewReaderSize(newYAMLText(d.name, text), 64<<10)
	}
	d.lines = &lineReader{from: text, ended: true, isJSON: !isYAML, most: cmp.Or(d.most, 2*maxObject)}
	d.json = json.NewDecoder(d.lines)
	d.lines.taken = d.json.InputOffset
	for {
		token, err := d.json.Token()
		if errors.Is(err, io.EOF) && d.lines.err == nil {
			return nil
		}
		if err == nil {
			err = d.value(token, "", 0)
		} else {
			err = d.syntax(err)
		}
		if err != nil {
			return err
		}
	}
}

// An objectReader reads the objects of a JSON text.
type objectReader struct {
	name   string
	lines  *lineReader
	json   *json.Decoder
	object object // reused from one to the next
	item   int    // position in a list, from 1; 0 outside of lists
	lists  int    // how many there were, one in another not counted
	list   int    // the one that is read; 0 outside of lists
	// events are looked for: their parts are kept, and an object may stand in the
	// notice of a watch.
	events bool
	// most bounds what is held of a value that has no end; 0 takes the default.
	most int64
	take func(*object) error
}

var (
	yamlStart  = regexp.MustCompile(`^(---|#|%YAML|- |\{\{|["']?[A-Za-z]+["']? ?:(\s|$))`)
	tableStart = regexp.MustCompile(`^(NAMESPACE|NAME) +[A-Z]`)
)

// begins looks at the first bytes, to tell YAML from JSON and to say what the
// input is when it is neither.
func (d *objectReader) begins(text *bufio.Reader) (isYAML bool, err error) {
	head, err := text.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("read %s: %w", d.name, err)
	}
	if bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return false, fault(d.name, 1, "the text is UTF-16, as PowerShell's > writes it; pipe the output into cachebench, with - for the file, or save it with | Out-File -Encoding utf8")
	}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, byteOrderMark), " \t\r\n")
	switch {
	case len(head) == 0 && err != nil:
		return false, fault(d.name, 1, "it is empty; "+howTo)
	case tableStart.Match(head):
		return false, fault(d.name, 1, "this is kubectl's table, which lacks images and digests; "+howTo)
	}
	return yamlStart.Match(head), nil
}

// value reads what begins with the token: an object, a list, or an array of
// them. Kind is that of objects that state none.
func (d *objectReader) value(token json.Token, kind string, depth int) error {
	switch {
	case depth > maxLists:
		return d.fault(d.lines.line, "lists stand in lists more than %d deep; "+howTo, maxLists)
	case token == json.Delim('{'):
		return d.mapping(kind, depth)
	case token == json.Delim('['):
		return d.array(kind, depth)
	case token == nil:
		return d.fault(d.lines.line, "null stands where an object or a list of them should; "+howTo)
	}
	return d.fault(d.lines.line, "%#.40v stands where an object or a list of them should; "+howTo, token)
}

func (d *objectReader) array(kind string, depth int) error {
	if d.list == 0 {
		d.lists++
		d.list = d.lists
		defer func() { d.list = 0 }()
	}
	for d.item = 1; d.json.More(); d.item++ {
		item := d.item
		token, err := d.json.Token()
		if err != nil {
			return d.syntax(err)
		}
		if err := d.value(token, kind, depth+1); err != nil {
			return err
		}
		d.item = item
	}
	d.item = 0
	return d.end()
}

// mapping reads an object or a list of objects. kubectl writes a list's kind
// after its items, so that only the end tells them apart.
func (d *objectReader) mapping(kind string, depth int) error {
	o := &d.object
	*o = object{
		file: d.name, line: d.lines.line, item: d.item, list: d.list, event: o.event,
		metadata: o.metadata.emptied(), spec: o.spec.emptied(), status: o.status.emptied(), template: o.template.emptied(),
	}
	for i := range o.event {
		o.event[i] = o.event[i].emptied()
	}
	own, isList := "", false // as items are read into the same object
	for d.json.More() {
		key, err := d.json.Token()
		if err != nil {
			return d.syntax(err)
		}
		switch {
		case key == "apiVersion":
			err = d.text(&o.apiVersion)
		case key == "kind":
			err = d.text(&own)
		case key == "metadata":
			err = d.part(&o.metadata)
		case key == "spec":
			err = d.part(&o.spec)
		case key == "template":
			err = d.part(&o.template)
		case key == "status" && (own == "" || own == "Pod" || own == "Node" && d.events):
			err = d.part(&o.status)
		case key == "items", key == "objects" && own == "Template":
			isList = true
			err = d.items(strings.TrimSuffix(own, "List"), depth)
		case key == "object" && d.events:
			isList = true
			err = d.noticed(depth)
		default:
			err = d.other(key)
		}
		if err != nil {
			return err
		}
	}
	if err := d.end(); err != nil || isList {
		return err
	}
	if len(o.spec.raw) > maxObject || len(o.template.raw) > maxObject {
		return o.fault(o.line, "an object of more than %d MiB, which no cluster stores", maxObject>>20)
	}
	if o.kind = own; own == "" {
		o.kind = kind
	}
	return d.take(o)
}

func (p part) emptied() part { return part{raw: p.raw[:0]} }

// items reads the items of a list; null stands for none.
func (d *objectReader) items(kind string, depth int) error {
	if kind == "Template" {
		kind = ""
	}
	token, err := d.json.Token()
	switch {
	case err != nil:
		return d.syntax(err)
	case token == json.Delim('['):
		return d.array(kind, depth)
	case token == nil:
		return nil
	}
	return d.fault(d.lines.line, "the items of a list are not an array; "+howTo)
}

// noticed reads the object of a watch's notice, beside which its type stands.
func (d *objectReader) noticed(depth int) error {
	token, err := d.json.Token()
	if err != nil {
		return d.syntax(err)
	}
	return d.value(token, "", depth+1)
}

// other keeps an event's part, and skips what is none.
func (d *objectReader) other(key json.Token) error {
	if d.events {
		if d.object.event == nil {
			d.object.event = make([]part, len(eventKeys))
		}
		for i := range eventKeys {
			if key == eventKeys[i] {
				return d.part(&d.object.event[i])
			}
		}
	}
	return d.skip()
}

// end takes the bracket that closes a value.
func (d *objectReader) end() error {
	if _, err := d.json.Token(); err != nil {
		return d.syntax(err)
	}
	return nil
}

// skip passes over a value without keeping it.
func (d *objectReader) skip() error {
	for depth := 0; ; {
		token, err := d.json.Token()
		if err != nil {
			return d.syntax(err)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// text reads a text; what is none, an object of no kind that we know has there.
func (d *objectReader) text(into *string) error {
	var p part
	if err := d.part(&p); err != nil {
		return err
	}
	if json.Unmarshal(p.raw, into) != nil {
		*into = ""
	}
	return nil
}

// part keeps one value of an object.
func (d *objectReader) part(p *part) error {
	if err := d.json.Decode(&p.raw); err != nil {
		return d.syntax(err)
	}
	// The value ends in the last line that was read.
	p.line = d.lines.line - bytes.Count(p.raw, []byte{'\n'})
	return nil
}

// syntax turns the JSON decoder's error into ours. It was given no more lines
// than it needed to see the fault.
func (d *objectReader) syntax(err error) error {
	var known *document.Error
	switch {
	case errors.As(d.lines.err, &known):
		return known
	case d.lines.err != nil:
		return fmt.Errorf("read %s: %w", d.name, d.lines.err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return d.fault(d.lines.line, "the text ends early: it is cut short; "+howTo)
	}
	return d.fault(d.lines.line, "%w; "+howTo, err)
}

func (d *objectReader) fault(line int, format string, args ...any) error {
	return fault(d.name, line, inItem(d.item)+fmt.Errorf(format, args...).Error())
}

// fault is what is wrong with the object, at one of its lines.
func (o *object) fault(line int, format string, args ...any) error {
	return fault(o.file, line, inItem(o.item)+fmt.Errorf(format, args...).Error()+"; "+howTo)
}

// inItem names the item of a list, for texts that are all one line.
func inItem(item int) string {
	if item == 0 {
		return ""
	}
	return fmt.Sprintf("item %d: ", item)
}

func fault(file string, line int, message string) error {
	return &document.Error{File: file, Line: max(line, 1), Message: "not Kubernetes objects: " + message}
}

// decode reads a part of the object, which stands under the key.
func (o *object) decode(key string, p part, into any) error {
	if len(p.raw) == 0 {
		return nil
	}
	err := json.Unmarshal(p.raw, into)
	if err == nil {
		return nil
	}
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return o.fault(p.line, "%s: %w", key, err)
	}
	for _, field := range strings.Split(wrong.Field, ".") {
		if field != "" {
			key += "." + strings.ToLower(field[:1]) + field[1:]
		}
	}
	before := p.raw[:min(max(wrong.Offset, 0), int64(len(p.raw)))]
	return o.fault(p.line+bytes.Count(before, []byte{'\n'}), "%s is a %.40s, which no pod has there", key, wrong.Value)
}

// A lineReader hands out one line at each Read, so that its line is the one in
// which its reader found a fault.
type lineReader struct {
	from   *bufio.Reader
	isJSON bool // lines of --- stand between texts
	rest   []byte
	line   int  // of the last byte handed out, from 1
	ended  bool // the last line taken from the reader is whole
	err    error
	// given counts the bytes handed out, taken those that were understood.
	given int64
	taken func() int64
	// most bounds given beyond taken: a value that has no end is not held.
	most int64
}

var byteOrderMark = []byte("\xef\xbb\xbf")

func (l *lineReader) Read(into []byte) (int, error) {
	if l.taken != nil && l.given-l.taken() > l.most {
		return 0, fmt.Errorf("a value of more than %d MiB, which no cluster stores", l.most>>20)
	}
	for len(l.rest) == 0 {
		if err := l.next(); err != nil {
			return 0, err
		}
	}
	n := copy(into, l.rest)
	l.rest = l.rest[n:]
	l.given += int64(n)
	return n, nil
}

// next takes a line, or the part of a long one that fits the reader.
func (l *lineReader) next() error {
	var err error
	l.rest, err = l.from.ReadSlice('\n')
	if len(l.rest) == 0 {
		if !errors.Is(err, io.EOF) {
			l.err = err
		}
		return err
	}
	begins := l.ended
	l.ended = l.rest[len(l.rest)-1] == '\n'
	if !begins {
		return nil
	}
	l.line++
	// Neither of these can stand at a line's start inside of a JSON value; files
	// that were put together have both.
	l.rest = bytes.TrimPrefix(l.rest, byteOrderMark)
	if l.isJSON && bytes.Equal(bytes.TrimRight(l.rest, "\r\n"), []byte("---")) {
		l.rest = l.rest[3:]
	}
	return nil
}
