package reports

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/layers"
)

// seconds writes a time of the size of a startup: 3.14 s, 41.2 s, 1,234 s.
func seconds(d time.Duration) string { return secondsDigits(d) + " s" }

// secondsDigits is seconds without the unit.
func secondsDigits(d time.Duration) string {
	s := d.Seconds()
	switch a := math.Abs(s); {
	case a < 9.995:
		return decimal(s, 2)
	case a < 999.95:
		return decimal(s, 1)
	}
	return decimal(s, 0)
}

// longTime writes a time of any size in the unit that suits: a month of
// startups is hours.
func longTime(d time.Duration) string {
	switch a := d.Abs(); {
	case a < 2*time.Minute:
		return seconds(d)
	case a < 2*time.Hour:
		return decimal(d.Minutes(), 1) + " min"
	case a < 1000*time.Hour:
		return decimal(d.Hours(), 1) + " h"
	}
	return decimal(d.Hours(), 0) + " h"
}

// size writes bytes in decimal units with one digit: 45.2 MB.
func size(bytes int64) string {
	value, unit := float64(bytes), 0
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	for math.Abs(value) >= 999.95 && unit < len(units)-1 {
		value /= 1000
		unit++
	}
	if unit == 0 {
		return decimal(value, 0) + " B"
	}
	return decimal(value, 1) + " " + units[unit]
}

// rate writes bytes a second with three digits: 1.25 GB/s.
func rate(bytesPerSecond float64) string { return rateTo(bytesPerSecond, 0) }

// rateTo is rate with so many more digits.
func rateTo(bytesPerSecond float64, more int) string {
	name, unit := byteUnitFor(bytesPerSecond)
	value := bytesPerSecond / unit
	digits := 0
	if value < 100 {
		digits = 2 - int(math.Floor(math.Log10(max(value, 1))))
	}
	return trimmed(value, digits+more) + " " + name
}

// mostMoreDigits is as many as tell two times apart that differ by a nanosecond.
const mostMoreDigits = 10

// besideLimit writes an amount that a limit judges: with as many digits as tell the two apart,
// so that what keeps the limit and what does not never read alike. to writes an amount with so
// many more digits than usual.
func besideLimit(v, limit float64, to func(v float64, more int) string) string {
	if v == limit {
		return asGiven(v, to)
	}
	for more := range mostMoreDigits {
		if text := to(v, more); text != to(limit, more) {
			return text
		}
	}
	return to(v, mostMoreDigits)
}

// asGiven writes a limit with all digits that it was given with, and no fewer than usual.
func asGiven(limit float64, to func(v float64, more int) string) string {
	number := func(more int) string {
		digits, unit, _ := strings.Cut(to(limit, more), " ")
		if strings.Contains(digits, ".") {
			digits = strings.TrimRight(strings.TrimRight(digits, "0"), ".")
		}
		return digits + " " + unit
	}
	all := number(mostMoreDigits)
	for more := range mostMoreDigits {
		if number(more) == all {
			return to(limit, more)
		}
	}
	return to(limit, mostMoreDigits)
}

// unpackedSize writes the unpacked bytes of s with what is not known of them:
// ~ where part is estimated, ≥ where layers are missing.
func unpackedSize(s layers.Size) string {
	switch {
	case s.UnknownLayers > 0 && s.UnpackedBytes == 0:
		return "unknown"
	case s.UnknownLayers > 0:
		return "≥ " + size(s.UnpackedBytes)
	case s.EstimatedBytes > 0:
		return "~ " + size(s.UnpackedBytes)
	}
	return size(s.UnpackedBytes)
}

// gibibytes writes a size in GiB, in which disks are sold: 30 GiB.
func gibibytes(g float64) string {
	return trimmed(g, 1) + " GiB"
}

// money writes an amount to the cent, less than a cent with its first digits.
func money(m cost.Money) string {
	s := decimal(m.Amount, 2)
	if a := math.Abs(m.Amount); a > 0 && a < 0.01 {
		s = cost.Money{Amount: m.Amount}.String()
	}
	if m.Currency == "" {
		return s
	}
	return m.Currency + " " + s
}

// percent writes a fraction: 62 %, with one digit below 10 and above 90, where
// it matters. It never rounds up to 100 % nor down to 0 %.
func percent(fraction float64) string {
	p := fraction * 100
	switch a := math.Abs(p); {
	case a == 0 || a == 100:
		return decimal(p, 0) + " %"
	case a < 0.1:
		return "< 0.1 %"
	case a >= 99.95 && a < 100:
		return "> 99.9 %"
	case a < 9.95 || a > 90 && a < 100:
		return trimmed(p, 1) + " %"
	}
	return decimal(p, 0) + " %"
}

// sharePercents writes the shares of a column with one precision, that which percent
// gives the one that needs the most; NaN is unknown.
func sharePercents(fractions []float64) []string {
	return percents(fractions, func(p float64) bool { return p > 0 && p < 9.95 || p > 90 && p < 100 })
}

// errorPercents is sharePercents for errors and spreads, to which 100 % is no bound
// that digits would tell them from.
func errorPercents(fractions []float64) []string {
	return percents(fractions, func(p float64) bool { return p > 0 && p < 9.95 })
}

func percents(fractions []float64, needsDigit func(p float64) bool) []string {
	digits := 0
	if slices.ContainsFunc(fractions, func(f float64) bool { return needsDigit(math.Abs(f * 100)) }) {
		digits = 1
	}
	list := make([]string, len(fractions))
	for i, f := range fractions {
		p := f * 100
		switch a := math.Abs(p); {
		case math.IsNaN(f):
			list[i] = "-"
		case a > 0 && a < 0.1:
			list[i] = "< 0.1 %"
		case digits == 1 && a >= 99.95 && a < 100:
			list[i] = "> 99.9 %"
		default:
			list[i] = decimal(p, digits) + " %"
		}
	}
	return list
}

// signedErrors is errorPercents of errors that have a direction.
func signedErrors(fractions []float64) []string {
	sizes := make([]float64, len(fractions))
	for i, f := range fractions {
		// Of what rounds to 0.1 % the direction is told, of less none.
		switch a := math.Abs(f); {
		case a >= 0.0005 && a < 0.001:
			sizes[i] = 0.001
		case a >= 0.001 || math.IsNaN(f):
			sizes[i] = a
		}
	}
	list := errorPercents(sizes)
	for i, f := range fractions {
		switch {
		case sizes[i] == 0 || math.IsNaN(f):
		case f < 0:
			list[i] = "-" + list[i]
		default:
			list[i] = "+" + list[i]
		}
	}
	return list
}

// number writes a count, which may be a mean: 20,000.
func number(n float64) string {
	if math.Abs(n) < 10 {
		return trimmed(n, 1)
	}
	return decimal(n, 0)
}

// count writes "1 cache" or "3 caches".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return decimal(float64(n), 0) + " " + noun
}

func trimmed(value float64, digits int) string {
	s := decimal(value, digits)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// decimal writes value with thousands separated by commas and never as -0.
func decimal(value float64, digits int) string {
	s := strconv.FormatFloat(math.Abs(value), 'f', digits, 64)
	whole, rest, _ := strings.Cut(s, ".")
	var b strings.Builder
	if value < 0 && strings.Trim(s, "0.") != "" {
		b.WriteByte('-')
	}
	for i, digit := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	if rest != "" {
		b.WriteString("." + rest)
	}
	return b.String()
}

// join writes a list as a person says it: a, b and c.
func join(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// some joins at most n words and counts the rest: a, b and 3 more.
func some(words []string, n int) string {
	if len(words) <= n {
		return join(words)
	}
	return strings.Join(words[:n], ", ") + " and " + strconv.Itoa(len(words)-n) + " more"
}

// short returns the first 12 hexadecimal digits of a digest.
func short(d layers.Digest) string {
	s := string(d)
	if _, hex, ok := strings.Cut(s, ":"); ok {
		s = hex
	}
	return s[:min(len(s), 12)]
}

// shortReference drops a reference's registry and leading path: the words that
// tell images of one shop apart are at its end.
func shortReference(reference string) string {
	name, digest, pinned := strings.Cut(reference, "@")
	name = name[strings.LastIndex(name, "/")+1:]
	if pinned {
		name += "@" + short(layers.Digest(digest))
	}
	return name
}

func shortReferences(references []string) []string {
	var list []string
	for _, reference := range references {
		list = append(list, shortReference(reference))
	}
	return list
}

// shortened cuts each name to n columns.
func shortened(names []string, n int) []string {
	var list []string
	for _, name := range names {
		list = append(list, ellipsis(name, n))
	}
	return list
}

// ellipsis cuts the middle out of s so that at most n columns remain, for names
// differ at their ends.
func ellipsis(s string, n int) string {
	if columns(s) <= n || n < 3 {
		return s
	}
	runes := []rune(s)
	head, tail := n/2, n-1-n/2
	for {
		cut := string(runes[:min(head, len(runes))]) + "…" + string(runes[len(runes)-min(tail, len(runes)):])
		if columns(cut) <= n || head+tail == 0 {
			return cut
		}
		if head >= tail {
			head--
		} else {
			tail--
		}
	}
}
