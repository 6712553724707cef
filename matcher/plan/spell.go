package plan

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
)

// SpellTime writes a time of any size in the unit that suits, as reports do: 3.14 s,
// 83.4 min, 3.7 h.
func SpellTime(d time.Duration) string {
	switch s := d.Abs().Seconds(); {
	case s < 9.995:
		return spelled(d.Seconds(), 2) + " s"
	case s < 120:
		return spelled(d.Seconds(), 1) + " s"
	case s < 7200:
		return spelled(d.Minutes(), 1) + " min"
	case s < 1000*3600:
		return spelled(d.Hours(), 1) + " h"
	}
	return spelled(d.Hours(), 0) + " h"
}

// SpellLimit writes a limit with all its digits, as it was given.
func SpellLimit(d time.Duration) string {
	switch {
	case d >= 2*time.Hour && d%time.Hour == 0:
		return strconv.FormatInt(int64(d/time.Hour), 10) + " h"
	case d >= 2*time.Minute && d%time.Minute == 0:
		return strconv.FormatInt(int64(d/time.Minute), 10) + " min"
	}
	return exactSeconds(d) + " s"
}

// exactSeconds has all digits of a time: nanoseconds are whole.
func exactSeconds(d time.Duration) string {
	text := fmt.Sprintf("%d.%09d", d/time.Second, (d % time.Second).Abs())
	if d > -time.Second && d < 0 {
		text = "-" + text
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// SpellBeside writes a time that is held against a limit as SpellTime does, with more
// digits where rounding would put it on the other side of the limit, or onto it.
func SpellBeside(d, limit time.Duration) string {
	text := SpellTime(d)
	number, unit, _ := strings.Cut(text, " ")
	seconds := map[string]float64{"s": 1, "min": 60, "h": 3600}[unit]
	for digits := 1; digits <= 9; digits++ {
		rounded, err := strconv.ParseFloat(strings.ReplaceAll(number, ",", ""), 64)
		if err == nil && cmp.Compare(math.Round(rounded*seconds*1e9), float64(limit)) == cmp.Compare(float64(d), float64(limit)) {
			break
		}
		number = strconv.FormatFloat(d.Seconds()/seconds, 'f', digits, 64)
	}
	return number + " " + unit
}

// spelled has thousands separated by commas.
func spelled(value float64, digits int) string {
	s := strconv.FormatFloat(math.Abs(value), 'f', digits, 64)
	whole, rest, isParted := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if isParted {
		whole += "." + rest
	}
	if value < 0 && strings.Trim(s, "0.") != "" {
		return "-" + whole
	}
	return whole
}

// wholeCount writes how many there are of something: whole, or with what digits a count
// below 10 needs that is a mean of months.
func wholeCount(n float64) string {
	if n >= 9.5 || n == math.Trunc(n) {
		return spelled(n, 0)
	}
	return strconv.FormatFloat(n, 'g', 2, 64)
}

// spellMoney writes an amount to the cent, less than a cent with its first digits.
func spellMoney(m cost.Money) string {
	if a := math.Abs(m.Amount); a > 0 && a < 0.01 {
		return m.String()
	}
	return strings.TrimSpace(m.Currency + " " + spelled(m.Amount, 2))
}

// spellAmount is one in the prices' currency.
func (m *model) spellAmount(amount float64) string { return spellMoney(m.Prices.Money(amount)) }
