package document

import (
	"strconv"
	"strings"
)

// maxDepth bounds how deep mappings and lists may stand in each other, in files
// that are read and in values that are written.
const maxDepth = 100

type nodeKind uint8

const (
	nullNode nodeKind = iota
	boolNode
	numberNode
	stringNode
	listNode
	mappingNode
)

// A node is one value of a parsed file, the same for JSON and YAML. Nodes stand
// in their parent by value, and text is cut from the file, so that a file of
// 50 MB costs little more than itself.
type node struct {
	kind    nodeKind
	line    int32  // of the value, from 1
	keyLine int32  // of the key, for an entry of a mapping
	key     string // for an entry of a mapping
	text    string // of a scalar; a number is in the form of JSON
	items   []node // of a list or mapping, in the order of the file
}

// get returns the entry of a mapping, or nil.
func (n *node) get(key string) *node {
	for i := range n.items {
		if n.items[i].key == key {
			return &n.items[i]
		}
	}
	return nil
}

// at returns the line to name in a fault: for a list or mapping under a key that
// of the key, since YAML's begin below it.
func (n *node) at() int32 {
	if n.keyLine > 0 && n.kind >= listNode {
		return n.keyLine
	}
	return n.line
}

// describe names the node in an error: a scalar as it was written, anything else
// by its kind.
func (n *node) describe() string {
	switch n.kind {
	case nullNode:
		return "an empty value"
	case stringNode:
		return strconv.Quote(shortened(n.text))
	case listNode:
		return "a list"
	case mappingNode:
		return "a mapping"
	}
	return shortened(n.text)
}

// shortened is a text from a file as a message shows it.
func shortened(text string) string { return cut(text, 60) }

func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// equal reports whether two trees say the same, whatever the order of keys.
func (n *node) equal(other *node) bool {
	if n.kind != other.kind || n.text != other.text || len(n.items) != len(other.items) {
		return false
	}
	for i := range n.items {
		partner := &other.items[i]
		if n.kind == mappingNode {
			partner = other.get(n.items[i].key)
		}
		if partner == nil || !n.items[i].equal(partner) {
			return false
		}
	}
	return true
}

// find returns the node at a path such as apps[3].name, or its nearest ancestor
// that is in the file.
func (n *node) find(path string) *node {
	for path != "" {
		next, rest := n.step(path)
		if next == nil {
			return n
		}
		n, path = next, rest
	}
	return n
}

// step goes one key or index down the path.
func (n *node) step(path string) (next *node, rest string) {
	if inside, rest, ok := bracketed(path); ok {
		return n.child(inside), rest
	}
	path = strings.TrimPrefix(path, ".")
	// The longest key wins: a map's key may itself hold dots.
	for i := range n.items {
		item := &n.items[i]
		after, ok := strings.CutPrefix(path, item.key)
		if !ok || n.kind != mappingNode || (after != "" && after[0] != '.' && after[0] != '[') {
			continue
		}
		if next == nil || len(item.key) > len(next.key) {
			next, rest = item, after
		}
	}
	return next, rest
}

// bracketed cuts a leading [3] or ["any key"] from the path.
func bracketed(path string) (inside, rest string, ok bool) {
	if !strings.HasPrefix(path, "[") {
		return "", "", false
	}
	if quoted, err := strconv.QuotedPrefix(path[1:]); err == nil && strings.HasPrefix(path[1+len(quoted):], "]") {
		inside, err := strconv.Unquote(quoted)
		return inside, path[len(quoted)+2:], err == nil
	}
	inside, rest, ok = strings.Cut(path[1:], "]")
	return inside, rest, ok
}

// child returns the entry with this key or the element with this index.
func (n *node) child(name string) *node {
	if n.kind == mappingNode {
		return n.get(name)
	}
	index, err := strconv.Atoi(name)
	if err != nil || index < 0 || index >= len(n.items) {
		return nil
	}
	return &n.items[index]
}

// A trail is the way from the document's root to a value.
type trail []step

// A step is a key, or an index when key is empty and index is not below 0.
type step struct {
	key   string
	index int
}

func (t *trail) pushKey(key string)  { *t = append(*t, step{key: key, index: -1}) }
func (t *trail) pushIndex(index int) { *t = append(*t, step{index: index}) }
func (t *trail) pop()                { *t = (*t)[:len(*t)-1] }

func (t trail) String() string {
	var path []byte
	for _, s := range t {
		switch {
		case s.index >= 0:
			path = append(strconv.AppendInt(append(path, '['), int64(s.index), 10), ']')
		case !isSimpleKey(s.key):
			path = append(strconv.AppendQuote(append(path, '['), s.key), ']')
		default:
			if len(path) > 0 {
				path = append(path, '.')
			}
			path = append(path, s.key...)
		}
	}
	return string(path)
}

// isSimpleKey reports whether a key needs no quotes in a path.
func isSimpleKey(key string) bool {
	for _, r := range key {
		simple := r == '_' || r == '-' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !simple {
			return false
		}
	}
	return key != ""
}

// Key is the path of a map's key below path.
func Key(path, key string) string {
	if !isSimpleKey(key) {
		return path + "[" + strconv.Quote(key) + "]"
	}
	return joinPath(path, key)
}

// joinPath puts a path below another.
func joinPath(above, below string) string {
	if above == "" || below == "" || below[0] == '[' {
		return above + below
	}
	return above + "." + below
}
