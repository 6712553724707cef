package workload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
)

// Imported is what the pods of a cluster say about a workload.
type Imported struct {
	// Workload has an app for each controller, in order of name.
	Workload Workload
	// Origins say of each of Workload.Apps where its numbers come from.
	Origins []Origin
	// Digests are what the workload's references meant when the pods were
	// started, in order of reference. References that name their digest, and
	// those whose digest no pod's status tells, are not in it.
	Digests []LockedDigest
	// Notes say, for people, what was assumed, what is only a bound and what was
	// left out.
	Notes []string
	// Pods counts the pods that the workload is made from, each once.
	Pods int
	// Skipped counts the items that were not used: other kinds, and pods
	// without name or image.
	Skipped int
}

// LockedDigest is a reference and the digest of the manifest or index that it
// meant.
type LockedDigest struct {
	Reference string
	// Digest is "sha256:" and 64 hex digits, or sha512 likewise.
	Digest string
}

// Origin says in words where an app's numbers come from.
type Origin struct {
	// Controller is what starts the pods, such as "Deployment" or "Pod".
	Controller string
	// Pods is the number of the app's pods.
	Pods int
	// StartsPerDay, Runtime and Resources are phrases without a full stop.
	StartsPerDay, Runtime, Resources string
}

// FromKubernetes makes a workload of a cluster's pods, as "kubectl get pods -A
// -o json" prints them: a List, a PodList, a Pod, or several of them one after
// another or in an array. Items of other kinds are counted, not used. A pod
// that stands more than once, as in looks at a cluster at different times,
// counts once, as it stands last.
//
// Pods of one controller are one app, called namespace/controller: a
// ReplicaSet's belong to its Deployment, a Job's to its CronJob, and a pod
// without controller is an app of its own. Where they differ in images or
// resources, the newest pod's hold. Images are those of the containers in the
// pod's order, injected ones too; sidecars that are restartable init containers
// stay with the init images; ephemeral containers are left out.
//
// One look at a cluster shows no rates: Notes and Origins say what the numbers
// are. Restarts of containers are not starts.
//
// Errors are a *document.Error where the input is to blame. The pods are
// decoded one by one, and only what is needed of each is kept.
func FromKubernetes(name string, r io.Reader) (*Imported, error) {
	text := bufio.NewReaderSize(r, 64<<10)
	lines := &lineReader{from: text, ended: true}
	d := &podDecoder{name: name, lines: lines, json: json.NewDecoder(lines), cluster: newCluster()}
	if err := d.begins(text); err != nil {
		return nil, err
	}
	for {
		token, err := d.json.Token()
		if errors.Is(err, io.EOF) && lines.err == nil {
			return d.cluster.imported(), nil
		}
		if err == nil {
			err = d.value(token, 0)
		} else {
			err = d.syntax(err)
		}
		if err != nil {
			return nil, err
		}
	}
}

// howTo ends the errors on input that is not kubectl's JSON.
const howTo = "write it with: kubectl get pods -A -o json"

// maxLists bounds how deep lists may stand in lists; kubectl writes one.
const maxLists = 20

// A podDecoder feeds the pods of a JSON text to a cluster.
type podDecoder struct {
	name    string
	lines   *lineReader
	json    *json.Decoder
	raw     json.RawMessage // reused from part to part
	item    int             // position in a list, from 1; 0 outside of lists
	cluster *cluster
}

var (
	yamlStart  = regexp.MustCompile(`^(---|#|- |[A-Za-z]+:(\s|$))`)
	tableStart = regexp.MustCompile(`^(NAMESPACE|NAME) +[A-Z]`)
)

// begins looks at the first bytes, to say what the input is when it is no JSON.
func (d *podDecoder) begins(text *bufio.Reader) error {
	head, err := text.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: %w", d.name, err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		text.Discard(3)
		return nil
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return d.fault(1, "the text is UTF-16, as PowerShell's > writes it; pipe kubectl's output into cachebench init --from-kubernetes -, or save it with | Out-File -Encoding utf8")
	}
	head = bytes.TrimLeft(head, " \t\r\n")
	switch {
	case len(head) == 0 && err != nil:
		return d.fault(1, "it is empty; "+howTo)
	case yamlStart.Match(head):
		return d.fault(1, "this is YAML, and only JSON is read; "+howTo)
	case tableStart.Match(head):
		return d.fault(1, "this is kubectl's table, which lacks images and digests; "+howTo)
	}
	return nil
}

// value reads what begins with the token: a pod, a list, or an array of them.
func (d *podDecoder) value(token json.Token, depth int) error {
	switch {
	case depth > maxLists:
		return d.fault(d.lines.line, "lists stand in lists more than %d deep; "+howTo, maxLists)
	case token == json.Delim('{'):
		return d.object(depth)
	case token == json.Delim('['):
		return d.array(depth)
	case token == nil:
		return d.fault(d.lines.line, "null stands where a pod or a list of pods should; "+howTo)
	}
	return d.fault(d.lines.line, "%#.40v stands where a pod or a list of pods should; "+howTo, token)
}

func (d *podDecoder) array(depth int) error {
	for d.item = 1; d.json.More(); d.item++ {
		item := d.item
		token, err := d.json.Token()
		if err != nil {
			return d.syntax(err)
		}
		if err := d.value(token, depth+1); err != nil {
			return err
		}
		d.item = item
	}
	d.item = 0
	return d.end()
}

// object reads a pod, a list of pods, or an item of another kind. kubectl
// writes a list's kind after its items, so that only the end tells them apart.
func (d *podDecoder) object(depth int) error {
	var p pod
	line, isList := d.lines.line, false
	for d.json.More() {
		key, err := d.json.Token()
		if err != nil {
			return d.syntax(err)
		}
		if p.Kind != "" && p.Kind != "Pod" && key != "items" {
			key = nil // other kinds' fields may be of any type
		}
		switch key {
		case "kind":
			err = d.part("kind", &p.Kind)
		case "metadata":
			err = d.part("metadata", &p.Metadata)
		case "spec":
			err = d.part("spec", &p.Spec)
		case "status":
			err = d.part("status", &p.Status)
		case "items":
			isList = true
			err = d.items(depth)
		default:
			err = d.skip()
		}
		if err != nil {
			return err
		}
	}
	if err := d.end(); err != nil || isList {
		return err
	}
	if err := d.cluster.add(&p); err != nil {
		return d.fault(line, "%w; "+howTo, err)
	}
	return nil
}

// items reads the items of a list; null stands for none.
func (d *podDecoder) items(depth int) error {
	token, err := d.json.Token()
	switch {
	case err != nil:
		return d.syntax(err)
	case token == json.Delim('['):
		return d.array(depth)
	case token == nil:
		return nil
	}
	return d.fault(d.lines.line, "the items of a list are not an array; "+howTo)
}

// end takes the bracket that closes a value.
func (d *podDecoder) end() error {
	if _, err := d.json.Token(); err != nil {
		return d.syntax(err)
	}
	return nil
}

// skip passes over a value without keeping it.
func (d *podDecoder) skip() error {
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

// part decodes one value of an object.
func (d *podDecoder) part(key string, into any) error {
	if err := d.json.Decode(&d.raw); err != nil {
		return d.syntax(err)
	}
	err := json.Unmarshal(d.raw, into)
	if err == nil {
		return nil
	}
	// The value ends in the last line that was read.
	line := d.lines.line - bytes.Count(d.raw, []byte{'\n'})
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		line += bytes.Count(d.raw[:min(max(wrong.Offset, 0), int64(len(d.raw)))], []byte{'\n'})
		for _, field := range strings.Split(wrong.Field, ".") {
			if field != "" {
				key += "." + strings.ToLower(field[:1]) + field[1:]
			}
		}
		return d.fault(line, "%s%s is a %.40s, which no pod has there; "+howTo, d.where(), key, wrong.Value)
	}
	return d.fault(line, "%s%s: %w; "+howTo, d.where(), key, err)
}

// syntax turns the JSON decoder's error into ours. It was given no more lines
// than it needed to see the fault.
func (d *podDecoder) syntax(err error) error {
	switch {
	case d.lines.err != nil:
		return fmt.Errorf("read %s: %w", d.name, d.lines.err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return d.fault(d.lines.line, "%sthe text ends early: it is cut short; "+howTo, d.where())
	}
	return d.fault(d.lines.line, "%s%w; "+howTo, d.where(), err)
}

// where names the item of a list, for texts that are all one line.
func (d *podDecoder) where() string {
	if d.item == 0 {
		return ""
	}
	return fmt.Sprintf("item %d: ", d.item)
}

func (d *podDecoder) fault(line int, format string, args ...any) error {
	return &document.Error{File: d.name, Line: max(line, 1), Message: "not kubectl's JSON: " + fmt.Errorf(format, args...).Error()}
}

// A lineReader hands out one line at each Read, so that its line is the one in
// which its reader found a fault.
type lineReader struct {
	from  *bufio.Reader
	rest  []byte
	line  int  // of the last byte handed out, from 1
	ended bool // the last line taken from the reader is whole
	err   error
}

func (l *lineReader) Read(into []byte) (int, error) {
	if len(l.rest) == 0 {
		var err error
		l.rest, err = l.from.ReadSlice('\n')
		if len(l.rest) == 0 {
			if !errors.Is(err, io.EOF) {
				l.err = err
			}
			return 0, err
		}
		if l.ended {
			l.line++
		}
		l.ended = l.rest[len(l.rest)-1] == '\n'
	}
	n := copy(into, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}
