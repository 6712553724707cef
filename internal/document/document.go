// Package document reads and writes the files of cachebench: strict when it
// reads, the same bytes for the same value when it writes.
//
// A document is one mapping, in JSON or in YAML, that says what it is
// (apiVersion and kind) and then holds the fields of a plain Go struct under
// the keys of the struct's json tags. Numbers carry their unit in the key, by
// its suffix (runtimeSeconds, nodeBytesPerSecond, sizeGiB, readFraction); a
// person may write the unit instead ("20ms", "200Mbit/s", "1.5GiB", "30%"), and
// plain numbers are written. Every fault names file, line and path, and a file
// with faults changes nothing in the value that it was read into.
//
// The document tag says what the json tag cannot:
//
//	required     the key must be there
//	enum=a|b|c   the texts that are accepted
//	unit=parent  the unit is that of the key under which the struct stands
//	unit=none    no unit, whatever the key ends in; also unit=seconds, hours,
//	             bytes, GiB, bytesPerSecond, perSecond, fraction
//	signed       may be below zero, as differences are
//	shorthand    a file may give this field alone in place of the mapping
//
// What is read over a value keeps the fields that the file does not name: nested
// structs and the entries of maps are merged, lists are replaced as a whole, and
// so are structs with a shorthand, for such a struct is one value.
//
// Absent is said in one way: null, a missing key, an empty list and an empty map
// all leave the field's zero value. Where that zero could not be read back (a
// rate of 0, an empty enum, a nil pointer) the writer leaves the key out even
// without omitempty. What Marshal writes, Read accepts, but for what Validate
// adds.
//
// The package knows no kind of file. The types of the kinds belong to the
// packages that use them; here is only how they stand in a file.
package document

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// APIVersion is the version of every file that this program reads and writes.
const APIVersion = "cachebench/v1"

// Read decodes a document of the given kind into v, a pointer to a struct.
// Name is the file's name for errors; one that ends in .json is read as JSON,
// and so is data that starts with a brace; anything else is YAML. Fields that
// the document does not name keep the value that they have in v. If v has a
// Validate method, it is called last. A document that has faults gives *Errors
// and leaves v as it was.
func Read(name string, data []byte, kind string, v any) error {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() || target.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("document: read a %s into %T: not a pointer to a struct", kind, v)
	}
	c, err := codecOf(target.Type().Elem(), rule{})
	if err != nil {
		return err
	}
	root, err := parse(name, data)
	if err != nil {
		return err
	}
	d := &decoder{file: name}
	d.duplicates(root)
	d.header(root, kind)
	if err := d.result(); err != nil {
		return err
	}
	return d.into(c, withoutHeader(root), target)
}

// Header returns the kind of a document, after checking its apiVersion, without
// decoding the rest.
func Header(name string, data []byte) (kind string, err error) {
	root, err := parseHeader(name, data)
	if err != nil {
		return "", err
	}
	d := &decoder{file: name}
	kind = d.header(root, "")
	return kind, d.result()
}

// Marshal returns v, a struct or a pointer to one, as an indented JSON document
// of the given kind, with a newline at the end. The same value gives the same
// bytes: fields in the order of the struct, map keys sorted.
func Marshal(kind string, v any) ([]byte, error) {
	value := reflect.ValueOf(v)
	if value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	if value.Kind() != reflect.Struct {
		return nil, fmt.Errorf("document: write a %s from %T: not a struct", kind, v)
	}
	c, err := codecOf(value.Type(), rule{})
	if err != nil {
		return nil, err
	}
	e := &encoder{}
	e.document(kind, c, value)
	if e.err != nil {
		return nil, fmt.Errorf("write a %s: %w", kind, e.err)
	}
	return e.out, nil
}

// Text that is no key of the value itself but of the document around it.
const (
	versionKey = "apiVersion"
	kindKey    = "kind"
)

var versionForm = regexp.MustCompile(`^cachebench/v([0-9]+)$`)

// header checks apiVersion and kind and returns the kind. An empty wanted kind
// accepts any.
func (d *decoder) header(root *node, wanted string) string {
	if root.kind != mappingNode {
		d.fault(root.line, "", "%s is not a document: write a mapping that starts with %s and %s", root.describe(), versionKey, kindKey)
		return ""
	}
	d.version(root)
	kind := root.get(kindKey)
	switch {
	case kind == nil || kind.kind == nullNode:
		example := wanted
		if example == "" {
			example = "Scenario"
		}
		d.fault(root.line, "", "kind is missing: add %q", "kind: "+example)
	case kind.kind != stringNode:
		d.fault(kind.line, kindKey, "%s is not a kind", kind.describe())
	case wanted != "" && kind.text != wanted:
		d.fault(kind.line, kindKey, "this is a %s, wanted a %s", kind.text, wanted)
	default:
		return kind.text
	}
	return ""
}

func (d *decoder) version(root *node) {
	version := root.get(versionKey)
	if version == nil || version.kind == nullNode {
		d.fault(root.line, "", "apiVersion is missing: add %q", "apiVersion: "+APIVersion)
		return
	}
	if version.kind == stringNode && version.text == APIVersion {
		return
	}
	if isNewer(version.text) {
		d.fault(version.line, versionKey, "%s is newer than this program reads (%s): upgrade cachebench", version.text, APIVersion)
		return
	}
	d.fault(version.line, versionKey, "%s is not a version that this program reads: write %s", version.describe(), APIVersion)
}

func isNewer(version string) bool {
	match := versionForm.FindStringSubmatch(version)
	if match == nil {
		return false
	}
	number, err := strconv.Atoi(match[1])
	return err != nil || number > 1
}

func withoutHeader(root *node) *node {
	body := *root
	body.items = make([]node, 0, len(root.items))
	for _, item := range root.items {
		if item.key != versionKey && item.key != kindKey {
			body.items = append(body.items, item)
		}
	}
	return &body
}

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

// parseHeader is parse that may stop as soon as it has seen apiVersion and kind.
func parseHeader(name string, data []byte) (*node, error) {
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
