package workload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
	"go.yaml.in/yaml/v3"
)

// Bounds of a YAML document: its size, for all of it is held, in some twenty
// times as much memory; how deep it may be nested; and how many values and bytes
// its aliases may add. A few lines of aliases to aliases would otherwise fill the
// memory.
const (
	maxDocument     = 64 << 20
	maxDepth        = 1000
	maxAliased      = 1_000_000
	maxAliasedBytes = 16 << 20
)

// A yamlText reads YAML as JSON in which every value stands in the line that it
// has in the YAML. So there is one reader of objects, and what it says of lines
// holds for both. Empty documents are left out; aliases and merges (<<) are put
// in.
type yamlText struct {
	name  string
	lines *templateReader
	from  *yaml.Decoder
	out   bytes.Buffer
	line  int // in which out ends
	most  int // bytes of a document
	// What is known of the current document:
	depth   int                 // of the current value
	open    map[*yaml.Node]bool // the anchors that it stands in by aliases
	aliased int                 // values that aliases have added
	begin   int                 // of the outermost alias's value in out
	bytes   int                 // that aliases before have added
}

func newYAMLText(name string, text *bufio.Reader) *yamlText {
	lines := &templateReader{lineReader: lineReader{from: text, ended: true}}
	return &yamlText{name: name, line: 1, most: maxDocument, lines: lines, from: yaml.NewDecoder(lines)}
}

// A templateReader is a lineReader that notes the first line with the braces of
// a template of Helm, and bounds what is read of a document.
type templateReader struct {
	lineReader
	template int
	left     int
	count    document.YAMLLines
}

var errLarge = errors.New("a document is too large")

func (t *templateReader) Read(into []byte) (int, error) {
	n, err := t.lineReader.Read(into)
	if t.left -= n; t.left < 0 {
		return 0, errLarge
	}
	if _, err := t.count.Write(into[:n]); err != nil {
		return 0, err
	}
	if t.template == 0 && bytes.Contains(into[:n], []byte("{{")) {
		t.template = t.line
	}
	return n, err
}

func (y *yamlText) Read(into []byte) (int, error) {
	for y.out.Len() == 0 {
		y.out.Reset()
		if err := y.document(); err != nil {
			return 0, err
		}
	}
	return y.out.Read(into)
}

// document puts out the next document, nothing where it is empty.
func (y *yamlText) document() error {
	var n yaml.Node
	y.lines.left = y.most
	switch err := y.from.Decode(&n); {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return y.syntax(err)
	}
	if len(n.Content) == 0 || n.Content[0].ShortTag() == "!!null" {
		return nil
	}
	y.lines.count.Restore(&n)
	y.open, y.aliased, y.bytes = map[*yaml.Node]bool{}, 0, 0
	if err := y.value(n.Content[0]); err != nil {
		return err
	}
	y.out.WriteByte('\n')
	y.line++
	return nil
}

// to goes to a line of the source, unless it is past.
func (y *yamlText) to(line int) {
	for ; y.line < min(line, y.lines.line); y.line++ {
		y.out.WriteByte('\n')
	}
}

func (y *yamlText) value(n *yaml.Node) error {
	y.to(n.Line)
	if len(y.open) > 0 {
		y.aliased++
		if y.aliased > maxAliased || y.bytes+y.out.Len()-y.begin > maxAliasedBytes {
			return y.fault(y.line, "aliases make more than %d values or %d MiB of this document", maxAliased, maxAliasedBytes>>20)
		}
	}
	if y.depth >= maxDepth {
		return y.fault(y.line, "nested deeper than %d", maxDepth)
	}
	y.depth++
	defer func() { y.depth-- }()
	switch n.Kind {
	case yaml.AliasNode:
		return y.alias(n, func(n *yaml.Node) error { return y.value(n) })
	case yaml.MappingNode:
		return y.mapping(n)
	case yaml.SequenceNode:
		return y.list(n)
	}
	return y.scalar(n)
}

// alias does what is to be done with an anchor's value.
func (y *yamlText) alias(n *yaml.Node, do func(*yaml.Node) error) error {
	if y.open[n.Alias] {
		return y.fault(n.Line, "the anchor %s holds itself", n.Value)
	}
	if len(y.open) == 0 {
		y.begin = y.out.Len()
	}
	y.open[n.Alias] = true
	err := do(n.Alias)
	delete(y.open, n.Alias)
	if len(y.open) == 0 {
		y.bytes += y.out.Len() - y.begin
	}
	return err
}

func (y *yamlText) list(n *yaml.Node) error {
	y.out.WriteByte('[')
	for i, item := range n.Content {
		if i > 0 {
			y.out.WriteByte(',')
		}
		if err := y.value(item); err != nil {
			return err
		}
	}
	y.out.WriteByte(']')
	return nil
}

func (y *yamlText) mapping(n *yaml.Node) error {
	if text, ok := unrenderedValue(n); ok {
		return y.text(text)
	}
	pairs, err := y.pairs(n)
	if err != nil {
		return err
	}
	y.out.WriteByte('{')
	for i, p := range pairs {
		if i > 0 {
			y.out.WriteByte(',')
		}
		y.to(p.line)
		if err := y.text(p.key); err != nil {
			return err
		}
		y.out.WriteByte(':')
		if _, ok := unrenderedValue(p.value); ok && !holdsText[p.key] {
			y.out.WriteString("null")
		} else if err := y.value(p.value); err != nil {
			return err
		}
	}
	y.out.WriteByte('}')
	return nil
}

// holdsText are the keys whose values are told when they are templates that were
// not rendered. Others may hold anything, so that nothing stands for those.
var holdsText = map[string]bool{"image": true, "reference": true, "name": true, "namespace": true}

// unrenderedValue tells a template of Helm, such as {{ .Values.image }}. To YAML
// it is a mapping whose key is a mapping.
func unrenderedValue(n *yaml.Node) (string, bool) {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 || n.Content[0].Kind != yaml.MappingNode || n.Content[1].ShortTag() != "!!null" {
		return "", false
	}
	inner := n.Content[0].Content
	if len(inner) != 2 || inner[0].Kind != yaml.ScalarNode {
		return "", false
	}
	return "{{ " + inner[0].Value + " }}", true
}

type yamlPair struct {
	key   string
	line  int
	value *yaml.Node
}

// pairs returns a mapping's pairs, then those of the mappings merged into it
// that it does not have itself.
func (y *yamlText) pairs(n *yaml.Node) ([]yamlPair, error) {
	var pairs []yamlPair
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		line := key.Line
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			return nil, y.fault(line, "a key must be a text")
		}
		if key.ShortTag() == "!!merge" {
			merges = append(merges, value)
			continue
		}
		pairs = append(pairs, yamlPair{key.Value, line, value})
	}
	if len(merges) == 0 {
		return pairs, nil
	}
	present := map[string]bool{}
	for _, p := range pairs {
		present[p.key] = true
	}
	for _, value := range merges {
		if err := y.merge(value, present, &pairs); err != nil {
			return nil, err
		}
	}
	return pairs, nil
}

// merge adds the pairs of a mapping, or of a list of them, that are not present.
func (y *yamlText) merge(n *yaml.Node, present map[string]bool, pairs *[]yamlPair) error {
	again := func(n *yaml.Node) error { return y.merge(n, present, pairs) }
	if y.aliased++; y.aliased > maxAliased {
		return y.fault(n.Line, "aliases make more than %d values of this document", maxAliased)
	}
	if y.depth >= maxDepth {
		return y.fault(n.Line, "nested deeper than %d", maxDepth)
	}
	y.depth++
	defer func() { y.depth-- }()
	switch n.Kind {
	case yaml.AliasNode:
		return y.alias(n, again)
	case yaml.SequenceNode:
		for _, item := range n.Content {
			if err := again(item); err != nil {
				return err
			}
		}
		return nil
	case yaml.MappingNode:
		from, err := y.pairs(n)
		if err != nil {
			return err
		}
		y.aliased += len(from)
		for _, p := range from {
			if !present[p.key] {
				present[p.key] = true
				*pairs = append(*pairs, p)
			}
		}
		return nil
	}
	return y.fault(n.Line, "<< takes a mapping or a list of mappings")
}

// scalar puts out a text, number, bool or null by the tag that YAML found for it.
func (y *yamlText) scalar(n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!null":
		y.out.WriteString("null")
		return nil
	case "!!bool":
		switch strings.ToLower(n.Value) {
		case "true", "false":
			y.out.WriteString(strings.ToLower(n.Value))
			return nil
		}
	case "!!int", "!!float":
		if number, ok := jsonNumber(n.Value); ok {
			y.out.WriteString(number)
			return nil
		}
	}
	return y.text(n.Value)
}

func (y *yamlText) text(text string) error {
	quoted, err := json.Marshal(text)
	if err != nil {
		return err
	}
	y.out.Write(quoted)
	return nil
}

var jsonNumberForm = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// jsonNumber returns a number of YAML (010, 0x10, 1_000, +.5) as JSON writes it.
// Infinities are none to JSON.
func jsonNumber(text string) (string, bool) {
	if jsonNumberForm.MatchString(text) {
		return text, true
	}
	if len(text) > 64 {
		return "", false
	}
	text = strings.ReplaceAll(text, "_", "")
	if whole, ok := new(big.Int).SetString(text, 0); ok {
		return whole.String(), true
	}
	v, err := strconv.ParseFloat(text, 64)
	number := strconv.FormatFloat(v, 'g', -1, 64)
	return number, err == nil && jsonNumberForm.MatchString(number)
}

var (
	yamlLine   = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)
	anchorLost = regexp.MustCompile(`^unknown anchor '.*' referenced`)
)

// syntax turns the YAML package's error into ours. Its scanner names the line of
// a fault, but its parser that of the mapping around it, which may be the whole
// file, and for an anchor it names none: then the fault is in the last line that
// it asked for.
func (y *yamlText) syntax(err error) error {
	switch {
	case y.lines.err != nil:
		return y.lines.err
	case y.lines.left < 0:
		return fault(y.name, y.lines.line, fmt.Sprintf("a document of YAML is larger than %d MiB: have it written as JSON, which is read item by item: kubectl get pods -A -o json", y.most>>20))
	}
	match := yamlLine.FindStringSubmatch(err.Error())
	if match == nil {
		return y.fault(y.lines.line, "%w", err)
	}
	line, _ := strconv.Atoi(match[1])
	line = y.lines.count.Line(line)
	if line == 0 || anchorLost.MatchString(match[2]) || strings.HasPrefix(match[2], "did not find expected") {
		line = y.lines.line
	}
	if y.lines.template > 0 {
		return y.fault(line, "%s: a template that was not rendered stands in line %d; render it first, as helm template does", match[2], y.lines.template)
	}
	return y.fault(line, "%s", match[2])
}

func (y *yamlText) fault(line int, format string, args ...any) error {
	message := fmt.Errorf(format, args...).Error()
	return fault(y.name, line, "the YAML is not valid: "+message+"; "+howTo)
}
