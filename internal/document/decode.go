package document

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// A decoder carries nodes into Go values and collects what is wrong with them.
type decoder struct {
	faults
	file  string
	above string // the path of the node that decoding started at
	trail trail
	// whole: values keep no nodes and nothing of the file's text.
	whole bool
}

// into decodes n into what target points at, validates it, and only then lets
// the target change. Pointers and maps are copied before they are written to, so
// a base that shares them stays as it is.
func (d *decoder) into(c codec, n *node, target reflect.Value) error {
	result := reflect.New(target.Type().Elem())
	result.Elem().Set(target.Elem())
	c.decode(d, n, result.Elem())
	if d.count == 0 {
		d.validate(n, result.Interface())
	}
	if err := d.result(); err != nil {
		return err
	}
	target.Elem().Set(result.Elem())
	return nil
}

// validate runs the value's own check and gives its faults their lines.
func (d *decoder) validate(root *node, v any) {
	validator, ok := v.(interface{ Validate() error })
	if !ok {
		return
	}
	for _, fault := range locate(validator.Validate()) {
		d.fault(root.find(fault.path).at(), joinPath(d.above, fault.path), "%s", fault.message)
	}
}

func (d *decoder) fault(line int32, path, format string, args ...any) {
	d.add(&Error{File: d.file, Line: int(line), Path: path, Message: fmt.Sprintf(format, args...)})
}

// path returns the path of the value that is being decoded.
func (d *decoder) path() string { return joinPath(d.above, d.trail.String()) }

// wrong reports that n cannot be what is wanted.
func (d *decoder) wrong(n *node, wanted string) {
	d.fault(n.at(), d.path(), "%s is not %s", n.describe(), wanted)
}

// say reports a fault unless it is empty.
func (d *decoder) say(n *node, fault string) bool {
	if fault != "" {
		d.fault(n.at(), d.path(), "%s", fault)
	}
	return fault == ""
}

// duplicates reports the keys that stand twice in one mapping, anywhere below n.
func (d *decoder) duplicates(n *node) {
	if n.kind == mappingNode {
		d.duplicateKeys(n)
	}
	for i := range n.items {
		item := &n.items[i]
		if len(item.items) == 0 {
			continue
		}
		if n.kind == mappingNode {
			d.trail.pushKey(item.key)
		} else {
			d.trail.pushIndex(i)
		}
		d.duplicates(item)
		d.trail.pop()
	}
}

func (d *decoder) duplicateKeys(n *node) {
	// Comparing each with each beats a map for the mappings that files hold.
	if len(n.items) > 40 {
		d.duplicateKeysOfMany(n)
		return
	}
	for i := range n.items {
		for j := range i {
			if n.items[i].key == n.items[j].key {
				d.duplicate(&n.items[i], &n.items[j])
				break
			}
		}
	}
}

func (d *decoder) duplicateKeysOfMany(n *node) {
	first := make(map[string]*node, len(n.items))
	for i := range n.items {
		item := &n.items[i]
		if earlier := first[item.key]; earlier != nil {
			d.duplicate(item, earlier)
			continue
		}
		first[item.key] = item
	}
}

func (d *decoder) duplicate(item, first *node) {
	d.trail.pushKey(item.key)
	d.fault(item.keyLine, d.path(), "stands twice, first in line %d", first.keyLine)
	d.trail.pop()
}

func (boolCodec) decode(d *decoder, n *node, v reflect.Value) {
	if n.kind != boolNode {
		d.wrong(n, "true or false")
		return
	}
	v.SetBool(n.text == "true")
}

func (c stringCodec) decode(d *decoder, n *node, v reflect.Value) {
	if text, ok := d.text(n); ok && d.say(n, c.check(text)) {
		v.SetString(text)
	}
}

// text returns the text of a string. A number or a bool that looks like a text
// only to a person is refused: YAML would have read 1.20 as 1.2.
func (d *decoder) text(n *node) (string, bool) {
	switch n.kind {
	case stringNode:
		return n.text, true
	case numberNode, boolNode:
		d.fault(n.at(), d.path(), "%s is not text: write it in quotes (%q)", n.describe(), n.text)
	default:
		d.wrong(n, "text")
	}
	return "", false
}

func (c stringCodec) check(text string) string {
	if c.allowed == nil || slices.Contains(c.allowed, text) {
		return ""
	}
	return fmt.Sprintf("%q is not one of %s", shortened(text), strings.Join(c.allowed, ", "))
}

func (c textCodec) decode(d *decoder, n *node, v reflect.Value) {
	text, ok := n.text, c.orNumber && n.kind == numberNode
	if !ok {
		if text, ok = d.text(n); !ok {
			return
		}
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		d.fault(n.at(), d.path(), "%v", err)
	}
}

func (timeCodec) decode(d *decoder, n *node, v reflect.Value) {
	if n.kind != stringNode {
		d.wrong(n, "a time: "+timeHint)
		return
	}
	value, err := time.Parse(time.RFC3339, n.text)
	if err != nil {
		value, err = time.Parse(time.DateOnly, n.text)
	}
	value = value.UTC()
	// Time zones reach beyond the years that RFC 3339 can write.
	if err != nil || value.Year() < 1 || value.Year() > 9999 {
		d.wrong(n, "a time: "+timeHint)
		return
	}
	v.Set(reflect.ValueOf(value))
}

const timeHint = `write "2006-01-02T15:04:05Z" or a day ("2006-01-02")`

func (c pointerCodec) decode(d *decoder, n *node, v reflect.Value) {
	fresh := reflect.New(c.typ)
	if !v.IsNil() {
		fresh.Elem().Set(v.Elem())
	}
	c.elem.decode(d, n, fresh.Elem())
	v.Set(fresh)
}

func (c sliceCodec) decode(d *decoder, n *node, v reflect.Value) {
	if n.kind != listNode {
		d.wrong(n, "a list")
		return
	}
	v.SetZero()
	if len(n.items) == 0 {
		return
	}
	list := reflect.MakeSlice(c.typ, len(n.items), len(n.items))
	for i := range n.items {
		d.trail.pushIndex(i)
		if n.items[i].kind == nullNode {
			d.fault(n.items[i].at(), d.path(), "an empty value stands in a list")
		} else {
			c.elem.decode(d, &n.items[i], list.Index(i))
		}
		d.trail.pop()
	}
	v.Set(list)
}

func (c mapCodec) decode(d *decoder, n *node, v reflect.Value) {
	if n.kind != mappingNode {
		d.wrong(n, "a mapping")
		return
	}
	fresh := reflect.MakeMapWithSize(c.typ, v.Len()+len(n.items))
	for entries := v.MapRange(); entries.Next(); {
		fresh.SetMapIndex(entries.Key(), entries.Value())
	}
	for i := range n.items {
		c.entry(d, &n.items[i], fresh)
	}
	v.SetZero()
	if fresh.Len() > 0 {
		v.Set(fresh)
	}
}

func (c mapCodec) entry(d *decoder, n *node, into reflect.Value) {
	if n.kind == nullNode {
		return
	}
	d.trail.pushKey(n.key)
	defer d.trail.pop()
	key := reflect.New(c.typ.Key()).Elem()
	key.SetString(n.key)
	if d.whole {
		key.SetString(strings.Clone(n.key))
	}
	value := reflect.New(c.typ.Elem()).Elem()
	if present := into.MapIndex(key); present.IsValid() {
		value.Set(present)
	}
	c.elem.decode(d, n, value)
	into.SetMapIndex(key, value)
}

func (c *structCodec) decode(d *decoder, n *node, v reflect.Value) {
	if c.shorthand != nil {
		v.SetZero()
		if n.kind != mappingNode {
			c.shorthand.codec.decode(d, n, c.shorthand.of(v))
			return
		}
	}
	if n.kind != mappingNode {
		d.wrong(n, "a mapping")
		return
	}
	for i := range n.items {
		c.entry(d, &n.items[i], v)
	}
	c.absences(d, n, v)
}

// absences reports the required keys that n lacks, and tells v of those that it notices.
func (c *structCodec) absences(d *decoder, n *node, v reflect.Value) {
	for i := range c.fields {
		f := &c.fields[i]
		if !f.required && !f.noticed || !isAbsent(n.get(f.name)) {
			continue
		}
		if f.required && f.of(v).IsZero() {
			d.fault(n.at(), d.path(), "the key %s is missing", f.name)
		}
		if f.noticed {
			v.Addr().Interface().(noticer).Absent(f.name)
		}
	}
}

func isAbsent(n *node) bool { return n == nil || n.kind == nullNode }

func (c *structCodec) entry(d *decoder, n *node, v reflect.Value) {
	f := c.byKey[n.key]
	if f == nil {
		d.unknownKey(n, c)
		return
	}
	if n.kind == nullNode {
		return
	}
	d.trail.pushKey(n.key)
	defer d.trail.pop()
	if f == c.shorthand && n.kind == mappingNode {
		d.fault(n.at(), d.path(), "stands for a single value: its keys belong one level up, beside %s", n.key)
		return
	}
	f.codec.decode(d, n, f.of(v))
}

func (rawCodec) decode(d *decoder, n *node, v reflect.Value) {
	if d.whole {
		d.fault(n.at(), d.path(), "is kept as it stands in the file")
		return
	}
	// A copy: a pointer into the list of n's siblings would keep them all.
	own := *n
	v.Set(reflect.ValueOf(Raw{node: &own, file: d.file, path: d.path()}))
}
