package document

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxAliased bounds the nodes that aliases add to a document: a few lines of
// aliases to aliases would otherwise fill the memory.
const maxAliased = 1_000_000

// A yamlReader turns YAML's nodes into ours.
type yamlReader struct {
	depth   int
	inAlias int // aliases that the current node stands in
	aliased int // nodes made so far inside aliases
	open    map[*yaml.Node]bool
}

func parseYAML(name, text string) (root *node, err error) {
	tree, fault := yamlTree(text)
	if fault == nil && tree != nil {
		r := &yamlReader{open: map[*yaml.Node]bool{}}
		var n node
		if n, fault = r.node(tree); fault == nil {
			return &n, nil
		}
	}
	if fault != nil {
		return nil, one(&Error{File: name, Line: int(fault.line), Message: fault.message})
	}
	return &node{kind: nullNode, line: 1}, nil
}

// yamlTree returns the only document in the text, nil if there is none.
func yamlTree(text string) (*yaml.Node, *syntaxFault) {
	var lines YAMLLines
	decoder := yaml.NewDecoder(io.TeeReader(strings.NewReader(text), &lines))
	var first, second yaml.Node
	switch err := decoder.Decode(&first); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, yamlFault(err, text, &lines)
	}
	switch err := decoder.Decode(&second); {
	case err == nil:
		return nil, &syntaxFault{int32(lines.Line(second.Line)), "a second document starts here: a file holds one"}
	case !errors.Is(err, io.EOF):
		return nil, yamlFault(err, text, &lines)
	}
	if len(first.Content) == 0 {
		return nil, nil
	}
	lines.Restore(&first)
	return first.Content[0], nil
}

var (
	yamlLine   = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)
	yamlAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced`)
)

// yamlFault turns an error of the YAML package into ours. Its scanner names the
// line of a fault, but its parser that of the mapping around it, which may be
// the whole file, and for an anchor it names none.
func yamlFault(err error, text string, lines *YAMLLines) *syntaxFault {
	match := yamlLine.FindStringSubmatch(err.Error())
	if match == nil {
		return &syntaxFault{1, "not valid YAML: " + err.Error()}
	}
	line, _ := strconv.Atoi(match[1])
	line = lines.Line(line)
	if anchor := yamlAnchor.FindStringSubmatch(match[2]); anchor != nil {
		before, _, _ := strings.Cut(text, "*"+anchor[1])
		line = 1 + strings.Count(before, "\n")
	}
	if strings.HasPrefix(match[2], "did not find expected") {
		line = linesRead(text)
	}
	return &syntaxFault{int32(max(line, 1)), "not valid YAML: " + match[2]}
}

// linesRead returns how many lines of a faulty text the YAML package asks for
// before it gives up: the fault is in the last one.
func linesRead(text string) int {
	lines := &lineReader{rest: text}
	decoder := yaml.NewDecoder(lines)
	for {
		var n yaml.Node
		if decoder.Decode(&n) != nil {
			return lines.count
		}
	}
}

// A lineReader hands out one line at each Read.
type lineReader struct {
	rest  string
	count int
}

func (l *lineReader) Read(into []byte) (int, error) {
	if l.rest == "" {
		return 0, io.EOF
	}
	end := strings.IndexByte(l.rest, '\n') + 1
	if end == 0 {
		end = len(l.rest)
	}
	n := copy(into, l.rest[:end])
	if n == end {
		l.count++
	}
	l.rest = l.rest[n:]
	return n, nil
}

func (r *yamlReader) node(y *yaml.Node) (node, *syntaxFault) {
	n := node{line: int32(y.Line)}
	if r.inAlias > 0 {
		r.aliased++
	}
	if r.aliased > maxAliased {
		return n, &syntaxFault{n.line, fmt.Sprintf("aliases make more than %d values of this file", maxAliased)}
	}
	switch y.Kind {
	case yaml.AliasNode:
		return r.alias(y)
	case yaml.ScalarNode:
		return scalar(n, y)
	}
	if r.depth >= maxDepth {
		return n, &syntaxFault{n.line, fmt.Sprintf("nested deeper than %d", maxDepth)}
	}
	r.depth++
	defer func() { r.depth-- }()
	if y.Kind == yaml.SequenceNode {
		return r.list(n, y)
	}
	return r.mapping(n, y)
}

func (r *yamlReader) alias(y *yaml.Node) (node, *syntaxFault) {
	if r.open[y.Alias] {
		return node{}, &syntaxFault{int32(y.Line), fmt.Sprintf("the anchor %s holds itself", y.Value)}
	}
	r.open[y.Alias] = true
	r.inAlias++
	n, err := r.node(y.Alias)
	r.inAlias--
	delete(r.open, y.Alias)
	return n, err
}

func (r *yamlReader) list(n node, y *yaml.Node) (node, *syntaxFault) {
	n.kind = listNode
	n.items = make([]node, len(y.Content))
	for i, item := range y.Content {
		var err *syntaxFault
		if n.items[i], err = r.node(item); err != nil {
			return n, err
		}
	}
	return n, tagFault(y, "!!seq")
}

func (r *yamlReader) mapping(n node, y *yaml.Node) (node, *syntaxFault) {
	n.kind = mappingNode
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			return n, &syntaxFault{int32(key.Line), "a key must be a text"}
		}
		if key.ShortTag() == "!!merge" {
			merges = append(merges, value)
			continue
		}
		item, err := r.node(value)
		if err != nil {
			return n, err
		}
		item.key, item.keyLine = key.Value, int32(y.Content[i].Line)
		n.items = append(n.items, item)
	}
	for _, value := range merges {
		if err := r.merge(&n, value); err != nil {
			return n, err
		}
	}
	return n, tagFault(y, "!!map")
}

// merge adds the entries of another mapping, or of a list of them, that n does
// not have yet.
func (r *yamlReader) merge(n *node, value *yaml.Node) *syntaxFault {
	from, err := r.node(value)
	if err != nil {
		return err
	}
	sources := []node{from}
	if from.kind == listNode {
		sources = from.items
	}
	for _, source := range sources {
		if source.kind != mappingNode {
			return &syntaxFault{int32(value.Line), "<< takes a mapping or a list of mappings"}
		}
		present := map[string]bool{}
		for i := range n.items {
			present[n.items[i].key] = true
		}
		for _, item := range source.items {
			if !present[item.key] {
				n.items = append(n.items, item)
			}
		}
	}
	return nil
}

// scalar reads a text, number, bool or null by the tag that YAML found for it.
func scalar(n node, y *yaml.Node) (node, *syntaxFault) {
	n.text = y.Value
	switch tag := y.ShortTag(); tag {
	case "!!null":
		n.kind, n.text = nullNode, ""
	case "!!bool":
		n.kind, n.text = boolNode, strings.ToLower(y.Value)
		if n.text != "true" && n.text != "false" {
			return n, &syntaxFault{n.line, shortened(y.Value) + " is not true or false"}
		}
	case "!!int", "!!float":
		n.kind = numberNode
		text, ok := decimal(y.Value)
		if !ok {
			return n, &syntaxFault{n.line, fmt.Sprintf("%s is not a decimal number: write it as one, or in quotes if it is text", shortened(y.Value))}
		}
		n.text = text
	case "!!str", "!!timestamp", "!!merge":
		n.kind = stringNode
		// A number that no float64 can hold is a text to the YAML package.
		if y.Style == 0 && isNumber(y.Value) {
			n.kind = numberNode
		}
	default:
		return n, &syntaxFault{n.line, fmt.Sprintf("the tag %s has no meaning here", tag)}
	}
	return n, nil
}

// decimal returns a number of YAML as one of JSON. What YAML takes for a number
// but a person may not (0x10, 010, 1_000, .inf) is refused.
func decimal(text string) (string, bool) {
	sign := ""
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, text = "-", rest
	} else {
		text = strings.TrimPrefix(text, "+")
	}
	if strings.HasPrefix(text, ".") {
		text = "0" + text
	}
	whole, rest := digits(text)
	if after, ok := strings.CutPrefix(rest, "."); ok && (after == "" || after[0] == 'e' || after[0] == 'E') {
		text = whole + after
	}
	return sign + text, isNumber(sign + text)
}

func tagFault(y *yaml.Node, wanted string) *syntaxFault {
	if tag := y.ShortTag(); tag != wanted {
		return &syntaxFault{int32(y.Line), fmt.Sprintf("the tag %s has no meaning here", tag)}
	}
	return nil
}
