package workload

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// A tree is a JSON value, with where it stands in the input.
type tree struct {
	part
	keys  []string // of an object, as often as they stand
	items []*tree  // of an object or an array
}

// parseTree reads a valid JSON text.
func parseTree(p part) *tree {
	if len(p.raw) == 0 {
		return &tree{part: part{raw: json.RawMessage("null"), line: p.line}}
	}
	s := scanner{text: p.raw, line: p.line}
	return s.value()
}

// get returns an object's value for a key as encoding/json takes it: in any case
// of letters, the last where it stands again. There is none in a nil tree.
func (t *tree) get(key string) *tree {
	if t == nil {
		return nil
	}
	for i := len(t.keys) - 1; i >= 0; i-- {
		if strings.EqualFold(t.keys[i], key) {
			return t.items[i]
		}
	}
	return nil
}

func (t *tree) is(first byte) bool { return t != nil && t.raw[0] == first }

// list returns the items of an array, none of anything else.
func (t *tree) list() []*tree {
	if !t.is('[') {
		return nil
	}
	return t.items
}

// text returns a text, empty for anything else.
func (t *tree) text() string {
	var text string
	if t.is('"') && json.Unmarshal(t.raw, &text) != nil {
		return ""
	}
	return text
}

// texts are the texts of an object by its keys.
func (t *tree) texts() map[string]string {
	texts := map[string]string{}
	if t.is('{') {
		for i, key := range t.keys {
			texts[key] = t.items[i].text()
		}
	}
	return texts
}

func (t *tree) isTrue() bool { return t != nil && string(t.raw) == "true" }

// whole returns a whole number from 0 to the most that Kubernetes takes.
func (t *tree) whole() (int, bool) {
	if t == nil {
		return 0, false
	}
	n, err := strconv.Atoi(string(t.raw))
	return n, err == nil && n >= 0 && n <= math.MaxInt32
}

// A scanner splits a valid JSON text into values.
type scanner struct {
	text     []byte
	at, line int
}

// value reads the value that comes next.
func (s *scanner) value() *tree {
	s.space()
	begin := s.at
	t := &tree{part: part{line: s.line}}
	switch s.text[s.at] {
	case '{', '[':
		isObject := s.text[s.at] == '{'
		for s.at++; s.more(); {
			if isObject {
				key := s.value()
				t.keys = append(t.keys, key.text())
				s.space()
				s.at++ // the colon
			}
			t.items = append(t.items, s.value())
		}
		s.at++
	case '"':
		for s.at++; s.text[s.at] != '"'; s.at++ {
			if s.text[s.at] == '\\' {
				s.at++
			}
		}
		s.at++
	default:
		for s.at < len(s.text) && !isEnd(s.text[s.at]) {
			s.at++
		}
	}
	t.raw = s.text[begin:s.at]
	return t
}

// more passes over a comma and tells whether a value follows in the brackets.
func (s *scanner) more() bool {
	s.space()
	if s.text[s.at] == ',' {
		s.at++
		s.space()
	}
	return s.text[s.at] != '}' && s.text[s.at] != ']'
}

func (s *scanner) space() {
	for s.at < len(s.text) && isSpace(s.text[s.at]) {
		if s.text[s.at] == '\n' {
			s.line++
		}
		s.at++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

func isEnd(c byte) bool { return isSpace(c) || c == ',' || c == '}' || c == ']' }
