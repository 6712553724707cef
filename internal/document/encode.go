package document

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var infinity = math.Inf(1)

// An encoder appends indented JSON. It stops caring at the first error.
type encoder struct {
	out   []byte
	depth int
	trail trail
	err   error
}

func (e *encoder) fail(format string, args ...any) {
	if e.err == nil {
		e.err = At(e.trail.String(), format, args...)
	}
}

// document writes apiVersion and kind and then the fields of the value.
func (e *encoder) document(kind string, c *structCodec, v reflect.Value) {
	e.open('{')
	e.newline(true)
	e.key(versionKey, APIVersion)
	e.newline(false)
	e.key(kindKey, kind)
	c.encodeFields(e, v, false)
	e.close('}', false)
	e.out = append(e.out, '\n')
}

func (e *encoder) key(key, text string) {
	e.out = append(appendText(e.out, key), ": "...)
	e.out = appendText(e.out, text)
}

func (e *encoder) open(sign byte) {
	e.out = append(e.out, sign)
	if e.depth++; e.depth > maxDepth {
		e.fail("nested deeper than %d", maxDepth)
	}
}

// newline goes to the next element, with a comma unless it is the first.
func (e *encoder) newline(first bool) {
	if !first {
		e.out = append(e.out, ',')
	}
	e.indent()
}

func (e *encoder) indent() {
	const blanks = "                                "
	// Doubling copies a large document less often than append's own growth.
	if cap(e.out)-len(e.out) < 1024 {
		e.out = slices.Grow(e.out, max(len(e.out), 4096))
	}
	e.out = append(e.out, '\n')
	for n := 2 * e.depth; n > 0; n -= len(blanks) {
		e.out = append(e.out, blanks[:min(n, len(blanks))]...)
	}
}

func (e *encoder) close(sign byte, empty bool) {
	e.depth--
	if !empty {
		e.indent()
	}
	e.out = append(e.out, sign)
}

func (boolCodec) encode(e *encoder, v reflect.Value) { e.out = strconv.AppendBool(e.out, v.Bool()) }

func (c stringCodec) encode(e *encoder, v reflect.Value) {
	if fault := c.check(v.String()); fault != "" {
		e.fail("%s", fault)
	}
	e.out = appendText(e.out, v.String())
}

func (c textCodec) encode(e *encoder, v reflect.Value) {
	// The method may be the pointer's, and v may have no address.
	addressed := reflect.New(c.typ)
	addressed.Elem().Set(v)
	text, err := addressed.Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		e.fail("%v", err)
	}
	e.out = appendText(e.out, string(text))
}

func (timeCodec) encode(e *encoder, v reflect.Value) {
	value := v.Interface().(time.Time).UTC()
	if value.Year() < 1 || value.Year() > 9999 {
		e.fail("the year %d has no form in a file", value.Year())
	}
	e.out = append(e.out, '"')
	e.out = value.AppendFormat(e.out, time.RFC3339Nano)
	e.out = append(e.out, '"')
}

func (c durationCodec) encode(e *encoder, v reflect.Value) {
	value := time.Duration(v.Int())
	if value < 0 && !c.rule.signed {
		e.fail("%s", c.rule.check(float64(value), value.String()))
	}
	e.out = appendSeconds(e.out, value)
}

func (c numberCodec) encode(e *encoder, v reflect.Value) {
	start := len(e.out)
	var value float64
	switch {
	case c.isFloat():
		value = v.Float()
		c.encodeFloat(e, value)
	case v.CanInt():
		value = float64(v.Int())
		e.out = strconv.AppendInt(e.out, v.Int(), 10)
	default:
		value = float64(v.Uint())
		e.out = strconv.AppendUint(e.out, v.Uint(), 10)
	}
	if fault := c.rule.check(value, ""); fault != "" {
		e.fail("%s", c.rule.check(value, string(e.out[start:])))
	}
}

func (c numberCodec) encodeFloat(e *encoder, value float64) {
	switch {
	case value == infinity && c.rule.unit.isRate():
		e.out = appendText(e.out, unlimited)
	case math.IsNaN(value) || math.IsInf(value, 0):
		e.fail("%v is not a number that a file can hold", value)
	default:
		e.out = appendFloat(e.out, value+0, c.bits)
	}
}

func (c pointerCodec) encode(e *encoder, v reflect.Value) {
	if v.IsNil() {
		e.fail("nil has no form in a list or map")
		return
	}
	c.elem.encode(e, v.Elem())
}

func (c sliceCodec) encode(e *encoder, v reflect.Value) {
	_, isNumber := c.elem.(numberCodec)
	_, isDuration := c.elem.(durationCodec)
	inline := isNumber || isDuration
	e.open('[')
	for i := range v.Len() {
		switch {
		case !inline:
			e.newline(i == 0)
		case i > 0:
			e.out = append(e.out, ", "...)
		}
		e.trail.pushIndex(i)
		c.elem.encode(e, v.Index(i))
		e.trail.pop()
	}
	e.close(']', inline || v.Len() == 0)
}

func (c mapCodec) encode(e *encoder, v reflect.Value) {
	type entry struct {
		key   string
		value reflect.Value
	}
	var entries []entry
	for each := v.MapRange(); each.Next(); {
		entries = append(entries, entry{each.Key().String(), each.Value()})
	}
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	e.open('{')
	for i, each := range entries {
		e.newline(i == 0)
		e.out = append(appendText(e.out, each.key), ": "...)
		e.trail.pushKey(each.key)
		c.elem.encode(e, each.value)
		e.trail.pop()
	}
	e.close('}', len(entries) == 0)
}

func (c *structCodec) encode(e *encoder, v reflect.Value) {
	if c.isShort(v) {
		c.shorthand.codec.encode(e, c.shorthand.of(v))
		return
	}
	e.open('{')
	empty := c.encodeFields(e, v, true)
	e.close('}', empty)
}

// encodeFields writes the fields that have something to say. First is whether
// nothing stands before them, and still is in the result.
func (c *structCodec) encodeFields(e *encoder, v reflect.Value, first bool) bool {
	for i := range c.fields {
		f := &c.fields[i]
		value := f.of(v)
		if f.omits(value) {
			continue
		}
		e.newline(first)
		first = false
		e.out = append(e.out, f.quoted...)
		e.trail.pushKey(f.name)
		f.codec.encode(e, value)
		e.trail.pop()
	}
	return first
}

// isShort reports whether the shorthand says all that v holds.
func (c *structCodec) isShort(v reflect.Value) bool {
	if c.shorthand == nil || c.shorthand.codec.void(c.shorthand.of(v)) {
		return false
	}
	for i := range c.fields {
		if f := &c.fields[i]; f != c.shorthand && !f.isEmpty(f.of(v)) {
			return false
		}
	}
	return true
}

func (rawCodec) encode(e *encoder, v reflect.Value) {
	raw := v.Interface().(Raw)
	if raw.IsZero() {
		e.fail("an absent value has no form in a list or map")
		return
	}
	e.node(raw.node)
}

func (e *encoder) node(n *node) {
	switch n.kind {
	case nullNode:
		e.out = append(e.out, "null"...)
	case boolNode, numberNode:
		e.out = append(e.out, n.text...)
	case stringNode:
		e.out = appendText(e.out, n.text)
	case listNode:
		e.nodes(n, '[', ']')
	case mappingNode:
		e.nodes(n, '{', '}')
	}
}

func (e *encoder) nodes(n *node, open, end byte) {
	e.open(open)
	for i := range n.items {
		e.newline(i == 0)
		if n.kind == mappingNode {
			e.out = append(appendText(e.out, n.items[i].key), ": "...)
		}
		e.node(&n.items[i])
	}
	e.close(end, len(n.items) == 0)
}

func (boolCodec) void(reflect.Value) bool     { return false }
func (timeCodec) void(reflect.Value) bool     { return false }
func (durationCodec) void(reflect.Value) bool { return false }
func (sliceCodec) void(reflect.Value) bool    { return false }
func (mapCodec) void(reflect.Value) bool      { return false }
func (textCodec) void(v reflect.Value) bool   { return v.IsZero() }
func (rawCodec) void(v reflect.Value) bool    { return v.Interface().(Raw).IsZero() }
func (pointerCodec) void(v reflect.Value) bool {
	return v.IsNil()
}

func (c stringCodec) void(v reflect.Value) bool {
	return v.Len() == 0 && c.check("") != ""
}

func (c numberCodec) void(v reflect.Value) bool {
	return v.IsZero() && c.rule.check(0, "") != ""
}

func (c *structCodec) void(v reflect.Value) bool {
	return c.shorthand != nil && c.shorthand.codec.void(c.shorthand.of(v)) && v.IsZero()
}

// appendText writes a JSON string. Only what JSON must escape is escaped; text
// that is not UTF-8 has its bad bytes replaced.
func appendText(out []byte, text string) []byte {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\ufffd")
	}
	out = append(out, '"')
	start := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		out = append(out, text[start:i]...)
		out = appendEscape(out, c)
		start = i + 1
	}
	out = append(out, text[start:]...)
	return append(out, '"')
}

func appendEscape(out []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(out, '\\', c)
	case '\n':
		return append(out, '\\', 'n')
	case '\r':
		return append(out, '\\', 'r')
	case '\t':
		return append(out, '\\', 't')
	}
	return fmt.Appendf(out, "\\u%04x", c)
}
