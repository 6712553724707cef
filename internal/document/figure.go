package document

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strconv"
	"time"
)

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
		d.fault(n.at(), d.path(), "%s is out of range", n.describe())
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
			d.fault(n.at(), d.path(), "%s is out of range: %s", n.text, c.limits())
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
		d.fault(n.at(), d.path(), "%s is out of range: %s", n.describe(), c.limits())
	case !ok:
		d.fault(n.at(), d.path(), "%s is not a whole number", n.describe())
	case !c.setWhole(v, value):
		d.fault(n.at(), d.path(), "%s is out of range: %s", n.text, c.limits())
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
	if c.rule.unit != plain && !c.rule.signed {
		return fmt.Sprintf("write 0 to %d", most)
	}
	return fmt.Sprintf("write %d to %d", -most-1, most)
}

// decodeText reads a number that a person wrote with its unit.
func (c numberCodec) decodeText(d *decoder, n *node, v reflect.Value) {
	if n.text == unlimited && c.rule.unit.isRate() && c.isFloat() {
		v.SetFloat(infinity)
		return
	}
	q, fault := c.rule.quantity(n.text)
	if c.rule.unit == plain || n.text == unlimited && c.rule.unit.isRate() {
		fault = c.notPlain(n, q)
	}
	if !d.say(n, fault) {
		return
	}
	value := q.in(c.rule.unit)
	switch {
	case !c.isFloat():
		c.setRounded(d, n, v, value)
	case v.OverflowFloat(value):
		d.fault(n.at(), d.path(), "%s is out of range", n.describe())
	default:
		v.SetFloat(value)
	}
}

// notPlain says what is wrong with a text where only a bare number can stand.
func (c numberCodec) notPlain(n *node, q quantity) string {
	wanted := "a number"
	if !c.isFloat() {
		wanted = "a whole number"
	}
	switch {
	case isNumber(n.text):
		return fmt.Sprintf("%s is text, not %s: write it without quotes", n.describe(), wanted)
	case q.dimension != noDimension:
		return fmt.Sprintf("%s is %s, not %s", n.describe(), q.dimension.noun(), wanted)
	}
	return fmt.Sprintf("%s is not %s", n.describe(), wanted)
}

// setRounded sets an integer from a quantity. Bytes are rounded, for 0.3GiB is no
// whole number of them; anything else must come out whole.
func (c numberCodec) setRounded(d *decoder, n *node, v reflect.Value, value float64) {
	whole := math.Round(value)
	exact, _ := big.NewFloat(whole).Int(nil)
	inBytes := c.rule.unit == byteCount || c.rule.unit == byteRate
	switch {
	case whole != value && !inBytes:
		d.fault(n.at(), d.path(), "%s is %v %s, not a whole number of them", n.describe(), value, c.rule.unit.plural())
	case !c.setWhole(v, exact):
		d.fault(n.at(), d.path(), "%s is out of range: %s", n.describe(), c.limits())
	}
}
