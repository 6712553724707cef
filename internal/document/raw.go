package document

import (
	"errors"
	"fmt"
	"reflect"
)

// A Raw is a part of a document that is decoded later, when the program knows
// what it must be. It keeps its place, so that errors name file and line. The
// zero Raw is an absent one.
type Raw struct {
	node *node
	file string
	path string
}

// Whole returns a document undecoded, so that its reader can name lines later. It
// checks the syntax alone; Read checks the rest.
func Whole(name string, data []byte) (Raw, error) {
	root, err := parse(name, data)
	if err != nil {
		return Raw{}, err
	}
	return Raw{node: root, file: name}, nil
}

// IsZero reports whether the document did not hold the value.
func (r Raw) IsZero() bool { return r.node == nil }

// Keys returns the keys of a mapping in the order of the file, nil for anything
// else.
func (r Raw) Keys() []string {
	var keys []string
	if r.IsZero() || r.node.kind != mappingNode {
		return nil
	}
	for i := range r.node.items {
		keys = append(keys, r.node.items[i].key)
	}
	return keys
}

// Decode reads the value into v, a pointer, by the rules of Read. An absent
// value leaves v as it is.
func (r Raw) Decode(v any) error {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("document: decode into %T: not a pointer", v)
	}
	c, err := codecOf(target.Type().Elem(), rule{})
	if err != nil || r.IsZero() {
		return err
	}
	d := &decoder{file: r.file, above: r.path}
	return d.into(c, r.node, target)
}

// At returns an error about this value, or about one at a path below it, with
// the file and line; an absent value has neither.
func (r Raw) At(path, format string, args ...any) error {
	if r.IsZero() {
		return At(path, format, args...)
	}
	line := int(r.node.find(path).at())
	return &Error{File: r.file, Line: line, Path: joinPath(r.path, path), Message: fmt.Sprintf(format, args...)}
}

// Equal reports whether two values say the same, wherever they stand.
func (r Raw) Equal(other Raw) bool {
	if r.IsZero() || other.IsZero() {
		return r.IsZero() == other.IsZero()
	}
	return r.node.equal(other.node)
}

// MarshalJSON returns the value as JSON, null if it is absent.
func (r Raw) MarshalJSON() ([]byte, error) {
	if r.IsZero() {
		return []byte("null"), nil
	}
	e := &encoder{}
	e.node(r.node)
	return e.out, e.err
}

var errNoRaw = errors.New("document: a Raw is read by document.Read alone")

// UnmarshalJSON refuses: encoding/json would give a value without its place.
func (r *Raw) UnmarshalJSON([]byte) error { return errNoRaw }
