package reports

import (
	"cmp"
	"math"
	"strconv"
	"strings"
	"time"
)

// evenTimes writes the times of a column in one unit, as longTime writes each: the largest in
// which the shortest is at least 2 and the longest at most 1,000; or else one in which the
// shortest is not nothing, and the longest at most 10,000. Where there is none, each keeps its
// own.
func evenTimes(times []time.Duration) []string {
	longest, shortest := time.Duration(0), time.Duration(math.MaxInt64)
	for _, d := range times {
		if a := d.Abs(); a > 0 {
			longest, shortest = max(longest, a), min(shortest, a)
		}
	}
	write := longTime
	if unit := evenUnit(longest, shortest); unit > 0 {
		write = func(d time.Duration) string { return inUnit(d, unit, longest, shortest) }
	}
	list := make([]string, len(times))
	for i, d := range times {
		list[i] = write(d)
	}
	return list
}

// evenUnit is the unit of a column; 0 where there is none.
func evenUnit(longest, shortest time.Duration) time.Duration {
	for _, within := range []struct {
		least float64 // of the shortest, in the unit
		most  time.Duration
	}{{2, 1000}, {0.05, 10_000}} {
		for _, unit := range []time.Duration{time.Hour, time.Minute, time.Second} {
			isLong := longest >= 2*unit || unit == time.Second
			if isLong && shortest.Seconds() >= within.least*unit.Seconds() && (unit == time.Hour || longest <= within.most*unit) {
				return unit
			}
		}
	}
	return 0
}

// inUnit writes one time of a column.
func inUnit(d, unit, longest, shortest time.Duration) string {
	name := "h"
	switch unit {
	case time.Second:
		return seconds(d)
	case time.Minute:
		name = "min"
	}
	digits := 1
	if longest >= 1000*unit && shortest >= 100*unit {
		digits = 0
	}
	return decimal(d.Seconds()/unit.Seconds(), digits) + " " + name
}

// evenTimesOf does it for one time of each of a list.
func evenTimesOf[T any](list []T, of func(*T) time.Duration) []string {
	times := make([]time.Duration, len(list))
	for i := range list {
		times[i] = of(&list[i])
	}
	return evenTimes(times)
}

// evenSums writes two columns in one unit, of which one has the sums of the other.
func evenSums[T any](list []T, of, sum func(*T) time.Duration) (each, sums []string) {
	var times []time.Duration
	for _, of := range []func(*T) time.Duration{of, sum} {
		for i := range list {
			times = append(times, of(&list[i]))
		}
	}
	texts := evenTimes(times)
	return texts[:len(list)], texts[len(list):]
}

// evenTimes does it for each column of long times.
func (t *table) evenTimes() *table {
	if t == nil {
		return nil
	}
	for c := range t.Heads {
		t.evenColumns(c)
	}
	return t
}

// evenSums does it for two columns together, of which the second has the sums of the first;
// where there are several such heads, for the last two.
func (t *table) evenSums(of, sum string) *table {
	first, second := -1, -1
	for c := range t.Heads {
		switch t.Heads[c].Text {
		case of:
			first = c
		case sum:
			second = c
		}
	}
	if first >= 0 && second >= 0 {
		t.evenColumns(first, second)
	}
	return t
}

// evenColumns writes the long times of columns in one unit.
func (t *table) evenColumns(columns ...int) {
	var cells []*cell
	var times []time.Duration
	for _, row := range t.Rows {
		for _, c := range columns {
			if c < len(row) && row[c].isLong {
				s, _ := strconv.ParseFloat(row[c].Value, 64)
				cells, times = append(cells, &row[c]), append(times, durationOf(s))
			}
		}
	}
	for k, text := range evenTimes(times) {
		cells[k].Text = text
	}
}

// timeBesideLimit writes a time that may be held against a limit: with more digits than seconds
// does where rounding would put it on the other side of the limit, or onto it.
func timeBesideLimit(d time.Duration, limit *time.Duration) string {
	text := secondsDigits(d)
	if limit == nil {
		return text + " s"
	}
	for digits := 1; digits <= 9; digits++ {
		rounded, err := strconv.ParseFloat(strings.ReplaceAll(text, ",", ""), 64)
		if err == nil && cmp.Compare(math.Round(rounded*1e9), float64(*limit)) == cmp.Compare(d, *limit) {
			break
		}
		text = decimal(d.Seconds(), digits)
	}
	return text + " s"
}

// optionalBeside is timeBesideLimit of a time that may be unknown.
func optionalBeside(d, limit *time.Duration) string {
	if d == nil {
		return "-"
	}
	return timeBesideLimit(*d, limit)
}

// besideCell is secondsCell with the digits of timeBesideLimit.
func besideCell(d, limit *time.Duration) cell {
	c := optionalCell(d)
	if d != nil {
		c.Text = timeBesideLimit(*d, limit)
	}
	return c
}
