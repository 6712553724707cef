package reports

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestEvenTimes: a column has one unit where no time of it becomes nothing thereby.
func TestEvenTimes(t *testing.T) {
	for _, test := range []struct {
		times []time.Duration
		want  []string
	}{
		{[]time.Duration{102 * time.Second, 97500 * time.Millisecond, 349 * time.Second}, []string{"102.0 s", "97.5 s", "349.0 s"}},
		{[]time.Duration{2604 * time.Second, 102 * time.Second, 0}, []string{"43.4 min", "1.7 min", "0.0 min"}},
		{[]time.Duration{60 * time.Minute, 3 * time.Hour}, []string{"60.0 min", "180.0 min"}},
		{[]time.Duration{13320 * time.Second, 30 * time.Second}, []string{"222.0 min", "0.5 min"}},
		{[]time.Duration{1472 * time.Hour, 887 * time.Hour}, []string{"1,472 h", "887 h"}},
		{[]time.Duration{1200 * time.Hour, time.Second}, []string{"1,200 h", "1.00 s"}},
		{[]time.Duration{-90 * time.Second, 10 * time.Minute}, []string{"-90.0 s", "600.0 s"}},
		{nil, []string{}},
	} {
		if got := evenTimes(test.times); !slices.Equal(got, test.want) {
			t.Errorf("%v: %q, want %q", test.times, got, test.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		var times []time.Duration
		for _, s := range rapid.SliceOfN(rapid.IntRange(0, 3e6), 1, 6).Draw(t, "seconds") {
			times = append(times, time.Duration(s)*time.Second)
		}
		units := map[string]bool{}
		for i, text := range evenTimes(times) {
			number, unit, _ := strings.Cut(text, " ")
			units[unit] = true
			if times[i] > 0 && strings.Trim(number, "0.") == "" {
				t.Fatalf("%v of %v is told as %s", times[i], times, text)
			}
		}
		if longest, shortest := slices.Max(times), slices.Min(times); len(units) > 1 && shortest > 0 && longest < 1000*shortest {
			t.Fatalf("%v have %d units", times, len(units))
		}
	})
}

// TestBesideLimit: two times on two sides of a limit are not told alike.
func TestTimeBesideLimit(t *testing.T) {
	limit := 3144600 * time.Microsecond
	below, above := timeBesideLimit(3144535*time.Microsecond, &limit), timeBesideLimit(3144671*time.Microsecond, &limit)
	if below != "3.14 s" || above != "3.145 s" {
		t.Errorf("%s and %s", below, above)
	}
	limit = 30 * time.Second
	if got := timeBesideLimit(29999*time.Millisecond, &limit); got != "29.999 s" {
		t.Errorf("%s", got)
	}
	if got := timeBesideLimit(29999*time.Millisecond, nil); got != "30.0 s" {
		t.Errorf("%s without a limit", got)
	}
	long := 20 * time.Minute
	if got := timeBesideLimit(1200400*time.Millisecond, &long); got != "1,200.4 s" {
		t.Errorf("%s", got)
	}
}

// TestEvenSums: what each saves and what they save so far have one unit, also where the sums
// alone would have a larger one; of heads of one name the last counts.
func TestEvenSums(t *testing.T) {
	list := []struct{ each, sum time.Duration }{{2484 * time.Second, 2484 * time.Second}, {8 * time.Second, 2492 * time.Second}}
	each, sums := evenSums(list, func(x *struct{ each, sum time.Duration }) time.Duration { return x.each }, func(x *struct{ each, sum time.Duration }) time.Duration { return x.sum })
	if want := []string{"41.4 min", "0.1 min"}; !slices.Equal(each, want) {
		t.Errorf("each %q, want %q", each, want)
	}
	if want := []string{"41.4 min", "41.5 min"}; !slices.Equal(sums, want) {
		t.Errorf("sums %q, want %q", sums, want)
	}
	x := newTable("", ">so far", ">saves", ">so far")
	for _, row := range list {
		x.add(bytesCell(1), longTimeCell(row.each), longTimeCell(row.sum))
	}
	x.evenTimes().evenSums("saves", "so far")
	for i, row := range x.Rows {
		if row[0].Text != "1 B" || row[1].Text != each[i] || row[2].Text != sums[i] {
			t.Errorf("row %d: %q, %q, %q", i, row[0].Text, row[1].Text, row[2].Text)
		}
	}
}
