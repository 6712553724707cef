package capacity

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/simulate"
)

// of is a response that is worked out.
func responseOf(f func(float64) float64) (*response, *int) {
	n := 0
	return &response{at: func(_ context.Context, x float64) (outcome, error) {
		n++
		y := f(x)
		return outcome{Statistic: simulate.Statistic{Value: y}, never: math.IsInf(y, 1)}, nil
	}}, &n
}

// TestLeastIsThatOfAScan: of a step that falls anywhere in a bracket of whole numbers, what
// halving finds is what trying all of them finds, and each value is tried once.
func TestLeastIsThatOfAScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		low := rapid.IntRange(0, 50).Draw(t, "low")
		high := low + rapid.IntRange(0, 300).Draw(t, "width")
		step := rapid.IntRange(low-2, high+2).Draw(t, "step")
		r, tried := responseOf(func(x float64) float64 {
			if int(x) >= step {
				return 1
			}
			return math.Inf(1)
		})
		b := bracket{low: float64(low), high: float64(high), whole: true}
		need, monotone, err := r.need(context.Background(), b, 2)
		want := -1
		for x := high; x >= low && x >= step; x-- {
			want = x
		}
		switch {
		case err != nil || !monotone:
			t.Fatalf("monotone %v, %v", monotone, err)
		case want < 0 && need.Need != nil:
			t.Fatalf("found %v, there is none", *need.Need)
		case want >= 0 && (need.Need == nil || *need.Need != float64(want)):
			t.Fatalf("found %+v, want %d", need, want)
		case *tried != len(r.known) || need.Tried != *tried:
			t.Fatalf("%d tried, %d known, %d told", *tried, len(r.known), need.Tried)
		}
	})
}

// TestNeedOfARate: of 900/x + 12 below 30 it is 50, within the precision, and for the ends of
// an interval of 3 to either side 60 and 42.86 (900/15 and 900/21).
func TestNeedOfARate(t *testing.T) {
	r := &response{at: func(_ context.Context, x float64) (outcome, error) {
		y := 900/x + 12
		low, high := y-3, y+3
		return outcome{Statistic: simulate.Statistic{Value: y, Low: &low, High: &high}}, nil
	}}
	need, monotone, err := r.need(context.Background(), bracket{low: 0.1, high: 1e5}, 30)
	if err != nil || !monotone || need.Need == nil || need.Low == nil || need.High == nil {
		t.Fatalf("%+v, %v, %v", need, monotone, err)
	}
	for _, x := range []struct{ got, want float64 }{{*need.Need, 50}, {*need.High, 60}, {*need.Low, 900.0 / 21}} {
		if x.got < x.want || x.got > x.want*(1+precision)*(1+1e-9) {
			t.Errorf("%v, want %v or up to a two-hundredth more", x.got, x.want)
		}
	}
}

// TestNotMonotone: a response that turns up again is said to, and what is found lies above
// what is known to be bad.
func TestNotMonotone(t *testing.T) {
	// Good from 10 to 100 and from 2000 on.
	bump := func(x float64) float64 {
		if x >= 10 && x <= 100 || x >= 2000 {
			return 1
		}
		return 3
	}
	r, _ := responseOf(bump)
	need, monotone, err := r.need(context.Background(), bracket{low: 1, high: 1e6}, 2)
	if err != nil || monotone || need.Need == nil || *need.Need < 2000 || *need.Need > 2000*(1+precision) || !strings.Contains(need.Note, "not monotone") {
		t.Errorf("%+v, monotone %v, %v", need, monotone, err)
	}
	// Good only in the middle: the bracket's high end is not.
	r, _ = responseOf(func(x float64) float64 { return math.Abs(math.Log10(x) - 3) })
	need, monotone, err = r.need(context.Background(), bracket{low: 1, high: 1e6}, 0.5)
	if err != nil || monotone || need.Need == nil || *need.Need < 316.2277 || *need.Need > 316.2278*(1+precision) || !strings.Contains(need.Note, "exceeds the limit again") {
		t.Errorf("%+v, monotone %v, %v", need, monotone, err)
	}
}

// TestStoppedSearch: a search whose context ends says so, and what it knows stays.
func TestStoppedSearch(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	r := &response{at: func(context.Context, float64) (outcome, error) {
		if n++; n == 4 {
			cancel()
		}
		return outcome{Statistic: simulate.Statistic{Value: 1 / float64(n)}}, nil
	}}
	_, _, err := r.need(ctx, bracket{low: 1, high: 1e6}, 0.3)
	if !errors.Is(err, context.Canceled) || len(r.known) != 4 {
		t.Errorf("%d known, %v", len(r.known), err)
	}
}

// TestVerdict: an interval that holds the limit is neither.
func TestVerdict(t *testing.T) {
	for want, x := range map[string][3]float64{"met": {8, 9, 10}, "not met": {10.5, 11, 12}, "unclear": {9, 9.5, 10.1}} {
		if got := judge(&outcome{Statistic: simulate.Statistic{Low: &x[0], Value: x[1], High: &x[2]}}, 10); got != want {
			t.Errorf("%v is %s, want %s", x, got, want)
		}
	}
	if got := judge(&outcome{Statistic: simulate.Statistic{Value: 10}}, 10); got != "met" {
		t.Errorf("exactly the limit is %s", got)
	}
	if got := judge(&outcome{never: true}, 10); got != "not met" {
		t.Errorf("never ready is %s", got)
	}
}

// TestCacheSets: all sets of four, each once, none after a larger one.
func TestCacheSets(t *testing.T) {
	seen := make(map[string]bool)
	last := 0
	for _, set := range cacheSets(4) {
		key := strings.Repeat(".", 4)
		for _, i := range set {
			key = key[:i] + "x" + key[i+1:]
		}
		if seen[key] || len(set) < last {
			t.Errorf("%v comes again or too late", set)
		}
		seen[key], last = true, len(set)
	}
	if len(seen) != 16 {
		t.Errorf("%d sets of 16", len(seen))
	}
	if got := len(cacheSets(9)); got != 10 {
		t.Errorf("%d sets of nine apps are tried, want 10", got)
	}
}
