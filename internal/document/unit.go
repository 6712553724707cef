package document

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A unit is what the numbers under a key count.
type unit uint8

const (
	plain unit = iota
	seconds
	hours
	byteCount
	gibibytes
	byteRate
	rate
	fraction
)

// unitNames are the values of the tag's unit option.
var unitNames = map[string]unit{
	"none": plain, "seconds": seconds, "hours": hours, "bytes": byteCount, "GiB": gibibytes,
	"bytesPerSecond": byteRate, "perSecond": rate, "fraction": fraction,
}

// name returns the unit's name in a tag.
func (u unit) name() string {
	for name, each := range unitNames {
		if each == u {
			return name
		}
	}
	return ""
}

// unitOf returns the unit that a key's suffix states.
func unitOf(key string) unit {
	// The longer suffix goes first: bytesPerSecond is no perSecond.
	for _, known := range []struct {
		suffix string
		unit   unit
	}{
		{"BytesPerSecond", byteRate},
		{"PerSecond", rate},
		{"Seconds", seconds},
		{"Hours", hours},
		{"Bytes", byteCount},
		{"GiB", gibibytes},
		{"Fraction", fraction},
	} {
		whole := strings.ToLower(known.suffix[:1]) + known.suffix[1:]
		if strings.HasSuffix(key, known.suffix) || key == whole {
			return known.unit
		}
	}
	return plain
}

// noun and hint say in an error what a unit's values are and how to write one.
func (u unit) noun() string {
	return [...]string{"a number", "a time", "a time", "a size", "a size", "a rate in bytes per second", "a rate", "a fraction"}[u]
}

func (u unit) plural() string {
	return [...]string{"", "seconds", "hours", "bytes", "GiB", "bytes per second", "per second", ""}[u]
}

func (u unit) hint() string {
	return [...]string{
		plain:     `a plain number (1.5)`,
		seconds:   `seconds (300) or a unit ("5m")`,
		hours:     `hours (36) or a unit ("36h", "2d")`,
		byteCount: `bytes (1048576) or a unit ("1.5GiB", "300MB")`,
		gibibytes: `GiB (20) or a unit ("20GiB", "512MiB")`,
		byteRate:  `bytes per second (25000000), a unit ("200Mbit/s", "25MB/s") or "unlimited"`,
		rate:      `a number per second above 0 (12.5) or "unlimited"`,
		fraction:  `a number from 0 to 1 (0.3) or a share ("30%")`,
	}[u]
}

func (u unit) isRate() bool { return u == rate || u == byteRate }

// unlimited is how a rate of +Inf stands in a file.
const unlimited = "unlimited"

// A dimension is what kind of quantity a text with a unit is, whatever the key.
type dimension uint8

const (
	noDimension dimension = iota
	timeDimension
	sizeDimension
	rateDimension
	shareDimension
)

func (d dimension) noun() string {
	return [...]string{"a number", "a time", "a size", "a rate in bytes per second", "a share"}[d]
}

// dimension returns what a text must be to be converted to the unit. A plain
// number has none and takes no text; nor has a count per second.
func (u unit) dimension() dimension {
	return [...]dimension{
		seconds: timeDimension, hours: timeDimension, byteCount: sizeDimension, gibibytes: sizeDimension,
		byteRate: rateDimension, fraction: shareDimension,
	}[u]
}

// A quantity is a number with a unit, as a person writes it.
type quantity struct {
	dimension dimension
	value     float64       // bytes, bytes per second, or a share of 1
	duration  time.Duration // of a time
}

// in returns the quantity as a number of the unit.
func (q quantity) in(u unit) float64 {
	switch u {
	case seconds:
		return float64(q.duration) / float64(time.Second)
	case hours:
		return float64(q.duration) / float64(time.Hour)
	case gibibytes:
		return q.value / (1 << 30)
	}
	return q.value
}

// sizeUnits are in bytes. A kilobyte is 1000 bytes, as storage and networks
// count; memory's 1024 is KiB.
var sizeUnits = map[string]float64{
	"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	"bit": 1. / 8, "kbit": 1e3 / 8, "Kbit": 1e3 / 8, "Mbit": 1e6 / 8, "Gbit": 1e9 / 8, "Tbit": 1e12 / 8,
	"Kibit": 1 << 7, "Mibit": 1 << 17, "Gibit": 1 << 27,
}

var timeUnits = map[string]time.Duration{
	"ns": time.Nanosecond, "us": time.Microsecond, "µs": time.Microsecond, "μs": time.Microsecond,
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// parseQuantity reads a text such as "20ms", "1h30m", "1.5GiB", "200Mbit/s" or
// "30%".
func parseQuantity(text string) (quantity, bool) {
	number, word, rest := cutQuantity(text)
	if number == "" || len(text) > maxNumber {
		return quantity{}, false
	}
	if _, ok := timeUnits[word]; ok {
		return parseTime(text)
	}
	value, ok := parseFloat(number, 64)
	if !ok || rest != "" {
		return quantity{}, false
	}
	if word == "%" {
		return quantity{dimension: shareDimension, value: value / 100}, true
	}
	size, isRate := strings.CutSuffix(word, "/s")
	factor, ok := sizeUnits[size]
	ok = ok && !math.IsInf(value*factor, 0)
	switch {
	case ok && isRate:
		return quantity{dimension: rateDimension, value: value * factor}, true
	case ok && !strings.HasSuffix(size, "bit"):
		return quantity{dimension: sizeDimension, value: value * factor}, true
	}
	return quantity{}, false
}

// parseTime reads one or more numbers with units of time, which add up.
func parseTime(text string) (quantity, bool) {
	rest, negative := strings.CutPrefix(text, "-")
	q := quantity{dimension: timeDimension}
	for rest != "" {
		var number, word string
		number, word, rest = cutQuantity(rest)
		size, known := timeUnits[word]
		part, ok := scaledDuration(number, size)
		if !known || !ok || part < 0 || q.duration > math.MaxInt64-part {
			return quantity{}, false
		}
		q.duration += part
	}
	if negative {
		q.duration = -q.duration
	}
	return q, true
}

// ParseTime reads a time as a file has it: seconds (300), or with units ("5m", "1h30m",
// "2d").
func ParseTime(text string) (time.Duration, error) {
	if d, ok := scaledDuration(text, time.Second); ok && d >= 0 {
		return d, nil
	}
	q, fault := rule{unit: seconds}.quantity(text)
	if fault != "" {
		return 0, errors.New(fault)
	}
	return q.duration, nil
}

// ParseRate reads a rate in bytes per second as a file has it, above 0: a number
// (25000000), with a unit ("200Mbit/s", "25MB/s"), or "unlimited", which is +Inf.
func ParseRate(text string) (float64, error) {
	if text == unlimited {
		return math.Inf(1), nil
	}
	value, ok := parseFloat(text, 64)
	if ok {
		if fault := (rule{unit: byteRate}).check(value, text); fault != "" {
			return 0, errors.New(fault)
		}
		return value, nil
	}
	q, fault := rule{unit: byteRate}.quantity(text)
	if fault != "" {
		return 0, errors.New(fault)
	}
	return q.value, nil
}

// cutQuantity cuts the first number and the word after it, which a space may
// part.
func cutQuantity(text string) (number, word, rest string) {
	end := len(text) - len(strings.TrimLeft(text, "-.0123456789"))
	number, rest = text[:end], strings.TrimPrefix(text[end:], " ")
	end = strings.IndexAny(rest, "-.0123456789 ")
	if end < 0 {
		end = len(rest)
	}
	return number, rest[:end], strings.TrimPrefix(rest[end:], " ")
}

// A rule is how the numbers and texts of one field are read and written.
type rule struct {
	unit   unit
	signed bool
	enum   string // the accepted texts, with | between
}

// quantity converts a text to a quantity of the rule's unit, or says what is
// wrong with it.
func (r rule) quantity(text string) (q quantity, fault string) {
	q, ok := parseQuantity(text)
	wanted := r.unit.dimension()
	quoted := strconv.Quote(shortened(text))
	switch {
	case !ok:
		return q, fmt.Sprintf("%s is not %s: write %s", quoted, r.unit.noun(), r.unit.hint())
	case wanted != q.dimension:
		return q, fmt.Sprintf("%s is %s, not %s: write %s", quoted, q.dimension.noun(), r.unit.noun(), r.unit.hint())
	}
	return q, r.check(q.in(r.unit), quoted)
}

// check says what is wrong with a value in the rule's unit; shown is the value
// as it was written.
func (r rule) check(value float64, shown string) string {
	switch {
	case r.signed:
		return ""
	case r.unit.isRate() && value <= 0:
		return fmt.Sprintf("%s is not above 0: write %s", shown, r.unit.hint())
	case r.unit == fraction && (value < 0 || value > 1):
		return fmt.Sprintf("%s is not between 0 and 1: write %s", shown, r.unit.hint())
	case r.unit != plain && value < 0:
		return fmt.Sprintf("%s is negative: %s is 0 or more", shown, r.unit.noun())
	}
	return ""
}

// allowed returns the texts of an enum, nil if any text is accepted.
func (r rule) allowed() []string {
	if r.enum == "" {
		return nil
	}
	return strings.Split(r.enum, "|")
}
