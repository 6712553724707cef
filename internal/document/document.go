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
//	enum=parent  those of the key under which the struct stands
//	unit=parent  the unit is that of the key under which the struct stands
//	unit=none    no unit, whatever the key ends in; also unit=seconds, hours,
//	             bytes, GiB, bytesPerSecond, perSecond, fraction
//	signed       may be below zero, as differences are
//	noticed      where the file lacks the key, the struct's method Absent is told it, so
//	             that what is not known is not taken for 0
//	shorthand    a file may give this field alone in place of the mapping
//
// A type that has the methods of encoding.TextMarshaler and TextUnmarshaler stands in a
// file as text; with a method TextOrNumber also as a bare number.
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
	"fmt"
	"reflect"
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
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("document: read a %s into %T: not a pointer to a struct", kind, v)
	}
	c, err := rootCodec(target.Type().Elem())
	if err != nil {
		return err
	}
	if len(data) >= streamedBytes && stream(data, kind, c, target) {
		return nil
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
	if err := d.result(); err != nil {
		return "", err
	}
	return kind, nil
}

// Marshal returns v, a struct or a pointer to one, as an indented JSON document
// of the given kind, with a newline at the end. The same value gives the same
// bytes: fields in the order of the struct, map keys sorted.
func Marshal(kind string, v any) ([]byte, error) {
	value := reflect.ValueOf(v)
	if value.Kind() == reflect.Pointer && !value.IsNil() {
		value = value.Elem()
	}
	if !value.IsValid() {
		return nil, fmt.Errorf("document: write a %s from nil", kind)
	}
	c, err := rootCodec(value.Type())
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
