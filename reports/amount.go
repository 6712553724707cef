package reports

import (
	"math"
	"strconv"
	"strings"
)

// A multiple is a unit in which an amount may be written: n of it are
// n × times ÷ by of the figure's own unit. Dividing by 100 is exact where
// multiplying by 0.01 is not.
type multiple struct {
	name      string
	times, by float64
}

// multiples are the ways to write an amount of a unit, the preferred first.
func multiples(unit string) []multiple {
	switch unit {
	case UnitBytes:
		return []multiple{
			{"B", 1, 1}, {"kB", 1e3, 1}, {"MB", 1e6, 1}, {"GB", 1e9, 1}, {"TB", 1e12, 1},
			{"KiB", 1 << 10, 1}, {"MiB", 1 << 20, 1}, {"GiB", 1 << 30, 1}, {"TiB", 1 << 40, 1},
		}
	case UnitSeconds:
		return []multiple{{"s", 1, 1}, {"ms", 1, 1e3}, {"us", 1, 1e6}, {"ns", 1, 1e9}, {"min", 60, 1}, {"h", 3600, 1}}
	case UnitFraction:
		return []multiple{{"%", 1, 100}}
	case UnitNone:
		return nil
	}
	return []multiple{{unit, 1, 1}} // a currency
}

// amountForm says in an error how an amount is written.
func amountForm(unit string) string {
	switch unit {
	case UnitBytes:
		return "a size such as 60MB, 1.5GiB or 1048576"
	case UnitSeconds:
		return "a time such as 8, 8s, 500ms or 2min"
	case UnitFraction:
		return "a share such as 60% or 0.6"
	case UnitNone:
		return "a number of 0 or more"
	}
	return "an amount such as 5 or 5" + unit
}

// parseAmount reads a number with or without a unit.
func parseAmount(text, unit string) (float64, bool) {
	end := strings.IndexFunc(text, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		return parseNumber(text)
	}
	number, ok := parseNumber(text[:end])
	word := strings.TrimSpace(text[end:])
	for _, m := range multiples(unit) {
		if m.name == word {
			value := number * m.times / m.by
			return value, ok && value <= maxAmount
		}
	}
	return 0, false
}

// maxAmount bounds what a rule can say: more bytes or seconds than there are.
const maxAmount = 1e18

// parseNumber reads a number of 0 or more in digits; an exponent is none.
func parseNumber(text string) (float64, bool) {
	if text == "" || len(text) > 400 || strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	value, err := strconv.ParseFloat(text, 64)
	return value, err == nil && value <= maxAmount
}

// formatAmount writes the shortest text that parseAmount reads as the same
// amount.
func formatAmount(value float64, unit string) string {
	best := digits(value)
	if unit == UnitBytes || unit == UnitSeconds {
		best += multiples(unit)[0].name
	}
	for _, m := range multiples(unit) {
		text := digits(rounded(value*m.by/m.times)) + m.name
		again, ok := parseAmount(text, unit)
		if ok && again == value && (len(text) < len(best) || unit == UnitFraction && len(text) <= len(best)) {
			best = text
		}
	}
	return best
}

// rounded drops what a conversion adds at the end: 0.07 × 100 is 7 and not
// 7.000000000000001.
func rounded(value float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(value, 'g', 12, 64), 64)
	if err != nil {
		return value
	}
	return r
}

// digits writes a number without an exponent.
func digits(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

// amountWords writes an amount for people.
func amountWords(value float64, unit string) string {
	switch unit {
	case UnitBytes:
		return size(int64(math.Round(value)))
	case UnitSeconds:
		return secondsOf(value)
	case UnitFraction:
		return percent(value)
	case UnitNone:
		return trimmed(value, 2)
	}
	if a := math.Abs(value); a > 0 && a < 0.01 { // of money, below a cent
		return unit + " " + strconv.FormatFloat(value, 'g', 2, 64)
	}
	return unit + " " + decimal(value, 2)
}

// secondsOf writes seconds that need not fit a time.Duration.
func secondsOf(value float64) string { return secondsTo(value, 0) }

// secondsTo is secondsOf with so many more digits.
func secondsTo(value float64, more int) string {
	switch a := math.Abs(value); {
	case a == 0:
	case a < 0.9995e-6:
		return trimmed(value*1e9, 3+more) + " ns"
	case a < 0.9995e-3:
		return trimmed(value*1e6, 1+more) + " µs"
	case a < 9.995e-3:
		return trimmed(value*1e3, 2+more) + " ms"
	}
	switch a := math.Abs(value); {
	case a < 9.995:
		return decimal(value, 2+more) + " s"
	case a < 999.95:
		return decimal(value, 1+more) + " s"
	}
	return decimal(value, more) + " s"
}
