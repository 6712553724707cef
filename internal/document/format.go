package document

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// parse builds the tree of a document from either format. Data that starts with
// a brace is tried as JSON first even in a file named .yaml, for JSON reads ten
// times as fast; only such a file may then turn out to be YAML's own braces.
func parse(name string, data []byte) (*node, error) {
	text, err := textOf(name, data)
	if err != nil {
		return nil, err
	}
	if strings.HasSuffix(name, ".json") {
		return parseJSON(name, text)
	}
	if !startsWithBrace(text) {
		return parseYAML(name, text)
	}
	root, err := parseJSON(name, text)
	if err != nil && isYAMLName(name) {
		return parseYAML(name, text)
	}
	return root, err
}

// headerBytes is how much of a large file is looked through for its header at first.
const headerBytes = 1 << 12

// parseHeader is parse that may stop as soon as it has seen apiVersion and kind.
func parseHeader(name string, data []byte) (*node, error) {
	// The header stands first, mostly: of a large file the rest need not be looked at.
	if first := string(data[:min(len(data), headerBytes)]); len(data) > headerBytes && startsWithBrace(first) {
		if root, ok := parseJSONHeader(first); ok {
			return root, nil
		}
	}
	text, err := textOf(name, data)
	if err != nil {
		return nil, err
	}
	if startsWithBrace(text) {
		if root, ok := parseJSONHeader(text); ok {
			return root, nil
		}
	}
	return parse(name, data)
}

func startsWithBrace(text string) bool {
	return strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{")
}

func isYAMLName(name string) bool {
	return strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
}

// textOf returns the data as text without a byte order mark, or the first line
// that is not UTF-8.
func textOf(name string, data []byte) (string, error) {
	text := string(bytes.TrimPrefix(data, []byte("\ufeff")))
	if utf8.ValidString(text) {
		return text, nil
	}
	line := 1
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && size == 1 {
			break
		}
		if r == '\n' {
			line++
		}
		text = text[size:]
	}
	return "", one(&Error{File: name, Line: line, Message: "not UTF-8 text"})
}
