package document

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A jsonParser builds nodes from JSON. It exists because encoding/json gives no
// line numbers, hides duplicate keys, and takes three times as long for tokens.
type jsonParser struct {
	text    string
	pos     int
	line    int32
	depth   int
	scratch []node // children of the mappings and lists that are still open
	// copies are of the texts so far that are values, where none is to be cut from the
	// file; else nil.
	copies map[string]string
	// slab has the nodes of the list's item that is being read, where one at a time is; else
	// nil, and nodes stay.
	slab []node
}

// A syntaxFault stops the parser.
type syntaxFault struct {
	line    int32
	message string
}

func parseJSON(name, text string) (*node, error) {
	p := &jsonParser{text: text, line: 1}
	root, err := p.document()
	if err != nil {
		return nil, one(&Error{File: name, Line: int(err.line), Message: err.message})
	}
	return &root, nil
}

// parseJSONHeader reads the entries of the outermost mapping until it has
// apiVersion and kind; ok is false if it met anything unusual on the way.
func parseJSONHeader(text string) (root *node, ok bool) {
	p := &jsonParser{text: text, line: 1}
	p.space()
	root = &node{kind: mappingNode, line: p.line}
	if !p.accept('{') {
		return nil, false
	}
	for p.space(); len(root.items) < 2; {
		entry, err := p.entry()
		if err != nil {
			return nil, false
		}
		if entry.key == versionKey || entry.key == kindKey {
			root.items = append(root.items, entry)
		}
		if p.space(); !p.accept(',') {
			break
		}
		p.space()
	}
	return root, len(root.items) == 2 && root.items[0].key != root.items[1].key
}

func (p *jsonParser) document() (node, *syntaxFault) {
	p.space()
	root, err := p.value()
	if err != nil {
		return node{}, err
	}
	if p.space(); p.pos < len(p.text) {
		return node{}, p.fail("%s stands after the end of the document", p.found())
	}
	return root, nil
}

func (p *jsonParser) fail(format string, args ...any) *syntaxFault {
	return &syntaxFault{line: p.line, message: "not valid JSON: " + fmt.Sprintf(format, args...)}
}

// found names what the parser stands at.
func (p *jsonParser) found() string {
	if p.pos >= len(p.text) {
		return "the end of the file"
	}
	for _, r := range p.text[p.pos:] {
		return fmt.Sprintf("%q", r)
	}
	return ""
}

// space skips white space and counts lines; nothing else in JSON spans lines.
func (p *jsonParser) space() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case '\n':
			p.line++
		case ' ', '\t', '\r':
		default:
			return
		}
		p.pos++
	}
}

func (p *jsonParser) accept(c byte) bool {
	if p.pos < len(p.text) && p.text[p.pos] == c {
		p.pos++
		return true
	}
	return false
}

func (p *jsonParser) value() (node, *syntaxFault) {
	if p.pos >= len(p.text) {
		return node{}, p.fail("the file ends too early")
	}
	n := node{line: p.line}
	switch c := p.text[p.pos]; {
	case c == '{':
		n.kind = mappingNode
		return p.collection(n, '}')
	case c == '[':
		n.kind = listNode
		return p.collection(n, ']')
	case c == '"':
		n.kind = stringNode
		text, err := p.quoted()
		n.text = p.kept(text)
		return n, err
	case c == '-' || '0' <= c && c <= '9':
		n.kind = numberNode
		return p.number(n)
	}
	return p.word(n)
}

// collection reads a list or mapping up to its closing sign.
func (p *jsonParser) collection(n node, end byte) (node, *syntaxFault) {
	if p.depth++; p.depth > maxDepth {
		return node{}, p.fail("nested deeper than %d", maxDepth)
	}
	start := len(p.scratch)
	p.pos++
	for p.space(); !p.accept(end); p.space() {
		if len(p.scratch) > start {
			if !p.accept(',') {
				return node{}, p.fail("wanted ',' or '%c', found %s", end, p.found())
			}
			p.space()
		}
		item, err := p.item(n.kind)
		if err != nil {
			return node{}, err
		}
		p.scratch = append(p.scratch, item)
	}
	n.items = p.stored(p.scratch[start:])
	clear(p.scratch[start:])
	p.scratch = p.scratch[:start]
	p.depth--
	return n, nil
}

// stored copies nodes to where they stay, or stay until the next item is read.
func (p *jsonParser) stored(items []node) []node {
	if p.slab == nil {
		return append([]node(nil), items...)
	}
	if cap(p.slab)-len(p.slab) < len(items) {
		p.slab = make([]node, 0, 2*cap(p.slab)+len(items))
	}
	start := len(p.slab)
	p.slab = append(p.slab, items...)
	return p.slab[start:len(p.slab):len(p.slab)]
}

func (p *jsonParser) item(parent nodeKind) (node, *syntaxFault) {
	if parent == mappingNode {
		return p.entry()
	}
	return p.value()
}

func (p *jsonParser) entry() (node, *syntaxFault) {
	n, err := p.key()
	if err != nil {
		return node{}, err
	}
	return p.valueOf(n)
}

// valueOf reads the value of an entry whose key is read.
func (p *jsonParser) valueOf(entry node) (node, *syntaxFault) {
	n, err := p.value()
	n.key, n.keyLine = entry.key, entry.keyLine
	return n, err
}

// key reads an entry up to its value.
func (p *jsonParser) key() (node, *syntaxFault) {
	if p.pos >= len(p.text) || p.text[p.pos] != '"' {
		return node{}, p.fail("wanted a key in quotes, found %s", p.found())
	}
	line := p.line
	key, err := p.quoted()
	if err != nil {
		return node{}, err
	}
	if p.space(); !p.accept(':') {
		return node{}, p.fail("wanted ':' after %q, found %s", shortened(key), p.found())
	}
	p.space()
	return node{key: key, keyLine: line}, nil
}

// quoted reads a string. One without escapes is cut from the text.
func (p *jsonParser) quoted() (string, *syntaxFault) {
	start := p.pos
	escaped := false
	for p.pos++; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; {
		case c == '"':
			p.pos++
			if !escaped {
				return p.text[start+1 : p.pos-1], nil
			}
			return p.unescaped(p.text[start:p.pos])
		case c == '\\':
			escaped = true
			if after := p.text[p.pos+1:]; strings.HasPrefix(after, `"`) || strings.HasPrefix(after, `\`) {
				p.pos++
			}
		case c < ' ':
			return "", p.fail("%s stands in a text: write it as an escape", p.found())
		}
	}
	return "", p.fail("the file ends within a text")
}

// kept is a text that a value may keep.
func (p *jsonParser) kept(text string) string {
	if p.copies == nil {
		return text
	}
	own, ok := p.copies[text]
	if !ok {
		own = strings.Clone(text)
		p.copies[own] = own
	}
	return own
}

func (p *jsonParser) unescaped(quoted string) (string, *syntaxFault) {
	var text string
	if err := json.Unmarshal([]byte(quoted), &text); err != nil {
		return "", p.fail("%s is no text: %s", shortened(quoted), strings.TrimPrefix(err.Error(), "json: "))
	}
	return text, nil
}

func (p *jsonParser) number(n node) (node, *syntaxFault) {
	start := p.pos
	for p.pos < len(p.text) && strings.IndexByte("+-.0123456789Ee", p.text[p.pos]) >= 0 {
		p.pos++
	}
	n.text = p.text[start:p.pos]
	if !isNumber(n.text) {
		return node{}, p.fail("%s is not a number", shortened(n.text))
	}
	return n, nil
}

func (p *jsonParser) word(n node) (node, *syntaxFault) {
	start := p.pos
	for p.pos < len(p.text) && 'a' <= p.text[p.pos]|0x20 && p.text[p.pos]|0x20 <= 'z' {
		p.pos++
	}
	n.text = p.text[start:p.pos]
	switch n.text {
	case "null":
		n.kind, n.text = nullNode, ""
		return n, nil
	case "true", "false":
		n.kind = boolNode
		return n, nil
	case "":
		return node{}, p.fail("wanted a value, found %s", p.found())
	}
	return node{}, p.fail("%s is not a value: texts stand in quotes", shortened(n.text))
}
