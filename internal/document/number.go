package document

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// maxNumber bounds the length of a number's text, so that exact arithmetic on it
// stays cheap.
const maxNumber = 400

// isNumber reports whether text is a number of JSON.
func isNumber(text string) bool {
	rest := strings.TrimPrefix(text, "-")
	whole, rest := digits(rest)
	if whole == "" || len(whole) > 1 && whole[0] == '0' || len(text) > maxNumber {
		return false
	}
	if after, ok := strings.CutPrefix(rest, "."); ok {
		var fraction string
		if fraction, rest = digits(after); fraction == "" {
			return false
		}
	}
	if rest == "" {
		return true
	}
	if rest[0] != 'e' && rest[0] != 'E' {
		return false
	}
	rest = rest[1:]
	if rest != "" && (rest[0] == '+' || rest[0] == '-') {
		rest = rest[1:]
	}
	exponent, rest := digits(rest)
	return exponent != "" && rest == ""
}

// digits cuts the leading decimal digits from text.
func digits(text string) (number, rest string) {
	i := 0
	for i < len(text) && '0' <= text[i] && text[i] <= '9' {
		i++
	}
	return text[:i], text[i:]
}

// parseFloat returns the number if it has a finite value of so many bits.
func parseFloat(text string, bits int) (float64, bool) {
	value, err := strconv.ParseFloat(text, bits)
	if err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
		return 0, false
	}
	// Minus zero would be written as another text than zero.
	return value + 0, true
}

// parseWhole returns a number as an integer: 3, 3.0 and 3e2 are whole.
func parseWhole(text string) (value *big.Int, ok bool) {
	size, ok := parseFloat(text, 64)
	if !ok || math.Abs(size) > 1e20 {
		return nil, false
	}
	exact, ok := rational(text, size)
	if !ok || !exact.IsInt() {
		return nil, false
	}
	return exact.Num(), true
}

// parseSeconds returns a number of seconds as a duration, rounded to the
// nanosecond.
func parseSeconds(text string) (time.Duration, bool) {
	if fast, ok := shortSeconds(text); ok {
		return fast, true
	}
	return scaledDuration(text, time.Second)
}

// scaledDuration returns number times unit, without an overflow or the noise of
// floating point.
func scaledDuration(number string, unit time.Duration) (time.Duration, bool) {
	size, ok := parseFloat(number, 64)
	if !ok || math.Abs(size)*float64(unit) > 1e19 {
		return 0, false
	}
	exact, ok := rational(number, size)
	if !ok {
		return 0, false
	}
	exact.Mul(exact, new(big.Rat).SetInt64(int64(unit)))
	nanos := rounded(exact)
	if !nanos.IsInt64() {
		return 0, false
	}
	return time.Duration(nanos.Int64()), true
}

// rational returns the exact value of a number whose size is known to be small.
// What is too small for a float64 is not zero, but nearly.
func rational(text string, size float64) (*big.Rat, bool) {
	if size == 0 && strings.Trim(mantissa(text), "-0.") == "" {
		return new(big.Rat), true
	}
	if size == 0 {
		return new(big.Rat).SetFrac64(1, math.MaxInt64), true
	}
	if len(text) > maxNumber {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}

func mantissa(text string) string {
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		return text[:i]
	}
	return text
}

func rounded(exact *big.Rat) *big.Int {
	half := big.NewRat(1, 2)
	if exact.Sign() < 0 {
		half.Neg(half)
	}
	sum := new(big.Rat).Add(exact, half)
	return new(big.Int).Quo(sum.Num(), sum.Denom())
}

// shortSeconds reads the usual forms, up to nine digits on each side of the
// point, without big numbers.
func shortSeconds(text string) (time.Duration, bool) {
	unsigned := strings.TrimPrefix(text, "-")
	whole, rest := digits(unsigned)
	fraction := ""
	if after, ok := strings.CutPrefix(rest, "."); ok {
		fraction, rest = digits(after)
	}
	if rest != "" || len(whole) > 9 || len(fraction) > 9 || whole == "" {
		return 0, false
	}
	nanos := int64(0)
	for i := range 9 {
		nanos *= 10
		if i < len(fraction) {
			nanos += int64(fraction[i] - '0')
		}
	}
	seconds, _ := strconv.ParseInt(whole, 10, 64)
	total := time.Duration(seconds*int64(time.Second) + nanos)
	if len(unsigned) < len(text) {
		total = -total
	}
	return total, true
}

// appendSeconds writes a duration as decimal seconds, exactly.
func appendSeconds(out []byte, d time.Duration) []byte {
	nanos := uint64(d)
	if d < 0 {
		out = append(out, '-')
		nanos = -nanos
	}
	second := uint64(time.Second)
	out = strconv.AppendUint(out, nanos/second, 10)
	fraction := nanos % second
	if fraction == 0 {
		return out
	}
	out = append(out, '.')
	for place := second / 10; fraction > 0; place /= 10 {
		out = append(out, byte('0'+fraction/place))
		fraction %= place
	}
	return out
}

// appendFloat writes the shortest text that reads back as the same number, as
// encoding/json does.
func appendFloat(out []byte, value float64, bits int) []byte {
	size := math.Abs(value)
	if size == 0 || size >= 1e-6 && size < 1e21 {
		return strconv.AppendFloat(out, value, 'f', -1, bits)
	}
	out = strconv.AppendFloat(out, value, 'e', -1, bits)
	// e-09 is written e-9.
	if n := len(out); n >= 4 && out[n-4] == 'e' && out[n-3] == '-' && out[n-2] == '0' {
		out[n-2] = out[n-1]
		out = out[:n-1]
	}
	return out
}
