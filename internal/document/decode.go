package document

import (
	"encoding"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A decoder carries nodes into Go values and collects what is wrong with them.
type decoder struct {
	faults
	file  string
	above string // the path of the node that decoding started at
	trail trail
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
		line := root.line
		if n := root.find(fault.path); n != root {
			line = n.line
		}
		d.fault(line, joinPath(d.above, fault.path), "%s", fault.message)
	}
}

func (d *decoder) fault(line int32, path, format string, args ...any) {
	d.add(&Error{File: d.file, Line: int(line), Path: path, Message: fmt.Sprintf(format, args...)})
}

// path returns the path of the value that is being decoded.
func (d *decoder) path() string { return joinPath(d.above, d.trail.String()) }

// wrong reports that n cannot be what is wanted.
func (d *decoder) wrong(n *node, wanted string) {
	d.fault(n.line, d.path(), "%s is not %s", n.describe(), wanted)
}

// say reports a fault unless it is empty.
func (d *decoder) say(n *node, fault string) bool {
	if fault != "" {
		d.fault(n.line, d.path(), "%s", fault)
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
		d.fault(n.line, d.path(), "%s is not text: write it in quotes (%q)", n.describe(), n.text)
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

func (textCodec) decode(d *decoder, n *node, v reflect.Value) {
	text, ok := d.text(n)
	if !ok {
		return
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		d.fault(n.line, d.path(), "%v", err)
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

func (c durationCodec) decode(d *decoder, n *node, v reflect.Value) {
	value, fault := c.value(n)
	if fault == "" && n.kind == numberNode {
		fault = c.rule.check(float64(value), n.text)
	}
	if d.say(n, fault) {
		v.SetInt(int64(value))
	}
}

func (c durationCodec) value(n *node) (time.Duration, string) {
	switch n.kind {
	case stringNode:
		q, fault := c.rule.quantity(n.text)
		return q.duration, fault
	case numberNode:
		value, ok := parseSeconds(n.text)
		if c.rule.unit == hours {
			value, ok = scaledDuration(n.text, time.Hour)
		}
		if !ok {
			return 0, n.describe() + " is out of range: a time is at most 292 years"
		}
		return value, ""
	}
	return 0, n.describe() + " is not a time: write " + c.rule.unit.hint()
}

func (c numberCodec) isFloat() bool { return c.kind == reflect.Float32 || c.kind == reflect.Float64 }

func (c numberCodec) decode(d *decoder, n *node, v reflect.Value) {
	switch {
	case n.kind == stringNode:
		c.decodeText(d, n, v)
	case n.kind != numberNode:
		d.wrong(n, c.wanted())
	case c.isFloat():
		c.decodeFloat(d, n, v)
	default:
		c.decodeWhole(d, n, v)
	}
}

// wanted says what kind of number is, with a hint when it has a unit.
func (c numberCodec) wanted() string {
	switch {
	case c.rule.unit != plain:
		return c.rule.unit.noun() + ": write " + c.rule.unit.hint()
	case c.isFloat():
		return "a number"
	}
	return "a whole number"
}

func (c numberCodec) decodeFloat(d *decoder, n *node, v reflect.Value) {
	value, ok := parseFloat(n.text, c.bits)
	if !ok {
		d.fault(n.line, d.path(), "%s is out of range", n.describe())
		return
	}
	if d.say(n, c.rule.check(value, n.text)) {
		v.SetFloat(value)
	}
}

func (c numberCodec) decodeWhole(d *decoder, n *node, v reflect.Value) {
	// The short way of nearly all integers.
	if value, err := strconv.ParseInt(n.text, 10, 64); err == nil {
		if d.say(n, c.rule.check(float64(value), n.text)) && !c.setWhole(v, big.NewInt(value)) {
			d.fault(n.line, d.path(), "%s is out of range: %s", n.text, c.limits())
		}
		return
	}
	size, ok := parseFloat(n.text, 64)
	if fault := c.rule.check(size, n.text); ok && fault != "" {
		d.say(n, fault)
		return
	}
	value, ok := parseWhole(n.text)
	switch {
	case !ok && (size >= 1e20 || size <= -1e20):
		d.fault(n.line, d.path(), "%s is out of range: %s", n.describe(), c.limits())
	case !ok:
		d.fault(n.line, d.path(), "%s is not a whole number", n.describe())
	case !c.setWhole(v, value):
		d.fault(n.line, d.path(), "%s is out of range: %s", n.text, c.limits())
	}
}

// setWhole sets v if the value fits.
func (c numberCodec) setWhole(v reflect.Value, value *big.Int) bool {
	if v.CanInt() {
		if !value.IsInt64() || v.OverflowInt(value.Int64()) {
			return false
		}
		v.SetInt(value.Int64())
		return true
	}
	if !value.IsUint64() || v.OverflowUint(value.Uint64()) {
		return false
	}
	v.SetUint(value.Uint64())
	return true
}

// limits names the range of an integer's type.
func (c numberCodec) limits() string {
	if c.kind >= reflect.Uint && c.kind <= reflect.Uint64 {
		return fmt.Sprintf("write 0 to %d", ^uint64(0)>>(64-c.bits))
	}
	most := int64(^uint64(0) >> (65 - c.bits))
	return fmt.Sprintf("write %d to %d", -most-1, most)
}

// decodeText reads a number that a person wrote with its unit.
func (c numberCodec) decodeText(d *decoder, n *node, v reflect.Value) {
	if n.text == unlimited && c.rule.unit.isRate() && c.isFloat() {
		v.SetFloat(infinity)
		return
	}
	q, fault := c.rule.quantity(n.text)
	if c.rule.unit == plain && isNumber(n.text) {
		fault = fmt.Sprintf("%s is text, not a number: write it without quotes", n.describe())
	}
	if !d.say(n, fault) {
		return
	}
	value := q.in(c.rule.unit)
	if c.isFloat() {
		v.SetFloat(value)
		return
	}
	c.setRounded(d, n, v, value)
}

// setRounded sets an integer from a quantity. Bytes are rounded, for 0.3GiB is no
// whole number of them; anything else must come out whole.
func (c numberCodec) setRounded(d *decoder, n *node, v reflect.Value, value float64) {
	whole := math.Round(value)
	exact, _ := big.NewFloat(whole).Int(nil)
	inBytes := c.rule.unit == byteCount || c.rule.unit == byteRate
	switch {
	case whole != value && !inBytes:
		d.fault(n.line, d.path(), "%s is %v %s, not a whole number of them", n.describe(), value, c.rule.unit.plural())
	case !c.setWhole(v, exact):
		d.fault(n.line, d.path(), "%s is out of range: %s", n.describe(), c.limits())
	}
}

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
			d.fault(n.items[i].line, d.path(), "an empty value stands in a list")
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
	if unmarshaler, ok := key.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := unmarshaler.UnmarshalText([]byte(n.key)); err != nil {
			d.fault(n.keyLine, d.path(), "%v", err)
			return
		}
	} else {
		key.SetString(n.key)
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
	for i := range c.fields {
		if f := &c.fields[i]; f.required && isAbsent(n.get(f.name)) && f.of(v).IsZero() {
			d.fault(n.line, d.path(), "the key %s is missing", f.name)
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
	f.codec.decode(d, n, f.of(v))
	d.trail.pop()
}

func (rawCodec) decode(d *decoder, n *node, v reflect.Value) {
	v.Set(reflect.ValueOf(Raw{node: n, file: d.file, path: d.path()}))
}
