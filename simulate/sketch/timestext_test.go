package sketch_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate/sketch"
	"pgregory.net/rapid"
)

// text writes a sketch of the durations.
func text(t interface{ Fatal(...any) }, list ...time.Duration) string {
	s := &sketch.Times{}
	for _, d := range list {
		s.Add(d)
	}
	out, err := s.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestTextByHand: 1 s is between 2^29 and 2^30 ns, so a bucket is 2^22 wide and
// the number is 22*128 + 10^9>>22 = 2816 + 238; that of 2 s is 128 more.
func TestTextByHand(t *testing.T) {
	for want, list := range map[string][]time.Duration{
		"times/1 count=0": nil,
		"times/1 count=3 sumSeconds=5 minSeconds=1 maxSeconds=2 buckets=3054:1,3182:2":                                                    {2 * time.Second, time.Second, 2 * time.Second},
		"times/1 count=3 sumSeconds=0.000000007 minSeconds=0 maxSeconds=0.000000007 buckets=0:2,7:1 refused=1":                            {0, 7, -1, 0},
		"times/1 count=2 sumSeconds=18446744073.709551614 minSeconds=9223372036.854775807 maxSeconds=9223372036.854775807 buckets=7295:2": {math.MaxInt64, math.MaxInt64},
		"times/1 count=0 refused=2": {-1, math.MinInt64},
	} {
		if got := text(t, list...); got != want {
			t.Errorf("%v: got\n%s\nwant\n%s", list, got, want)
		}
	}
}

func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nanos := rapid.SliceOf(rapid.OneOf(rapid.Int64Range(-2, 300), rapid.Int64Range(0, 1e11), rapid.Int64Range(0, math.MaxInt64))).Draw(t, "nanos")
		s := sketch.Times{}
		for _, n := range nanos {
			s.Add(time.Duration(n))
		}
		// As in a report: a field of a struct, in JSON and in a document.
		type holder struct {
			Ready sketch.Times `json:"ready,omitzero"`
		}
		out, err := json.Marshal(&holder{s})
		if err != nil {
			t.Fatal(err)
		}
		var back holder
		if err := json.Unmarshal(out, &back); err != nil || !reflect.DeepEqual(back.Ready, s) {
			t.Fatalf("%s: %v\n%+v\n%+v", out, err, back.Ready, s)
		}
		file, err := document.Marshal("Test", &holder{s})
		if err != nil {
			t.Fatal(err)
		}
		back = holder{}
		if err := document.Read("test.json", file, "Test", &back); err != nil || !reflect.DeepEqual(back.Ready, s) {
			t.Fatalf("%s: %v\n%+v\n%+v", file, err, back.Ready, s)
		}
	})
}

// TestIntervalInADocument: the unit is that of the key above, and a bound below
// zero is a bound.
func TestIntervalInADocument(t *testing.T) {
	type holder struct {
		SavedSeconds *sketch.Interval `json:"savedSeconds,omitempty"`
	}
	want := holder{&sketch.Interval{Value: 1.5, Low: -0.25, High: 3.25, Level: 0.95}}
	file, err := document.Marshal("Test", want)
	if err != nil {
		t.Fatal(err)
	}
	var got holder
	if err := document.Read("test.json", file, "Test", &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%s: %+v, %v", file, got.SavedSeconds, err)
	}
	for _, part := range []string{`"low": -0.25`, `"level": 0.95`} {
		if !strings.Contains(string(file), part) {
			t.Errorf("no %s in %s", part, file)
		}
	}
}

func TestTextRefuses(t *testing.T) {
	const good = "times/1 count=3 sumSeconds=5 minSeconds=1 maxSeconds=2 buckets=3054:1,3182:2"
	for _, test := range []struct{ name, old, new, want string }{
		{"version", "times/1", "times/2", `version is "times/2"`},
		{"empty", good, "", "version"},
		{"negative count", "count=3", "count=-3", "count is \"-3\""},
		{"large count", "count=3", "count=9007199254740993", "count is"},
		{"no count", "count=3 ", "", "count= is wanted"},
		{"count of more", "count=3", "count=4", "count is 4, but its buckets count 3"},
		{"count of fewer", "count=3", "count=2", "count is 2, but its buckets count more"},
		{"negative bucket", "3054:1", "3054:-1", "the count of a bucket"},
		{"empty bucket", "3054:1", "3054:0", "the count of a bucket"},
		{"no such bucket", "3182:2", "7296:2", "the number of a bucket"},
		{"bucket below 0", "3054:1", "-1:1", "the number of a bucket"},
		{"unsorted", "3054:1,3182:2", "3182:2,3054:1", "bucket 3054 stands after bucket 3182"},
		{"twice", "3054:1,3182:2", "3054:1,3054:2", "bucket 3054 stands after bucket 3054"},
		{"no buckets", "buckets=3054:1,3182:2", "buckets=", "the number of a bucket"},
		{"open list", "3182:2", "3182:2,", "the number of a bucket"},
		{"min elsewhere", "minSeconds=1", "minSeconds=0.5", "not in the first and the last bucket"},
		{"max elsewhere", "maxSeconds=2", "maxSeconds=3", "not in the first and the last bucket"},
		{"sum below", "sumSeconds=5", "sumSeconds=4", "cannot be the sum"},
		{"sum above", "sumSeconds=5", "sumSeconds=6", "cannot be the sum"},
		{"huge sum", "sumSeconds=5", "sumSeconds=340282366920938463463374607431.768211456", "sumSeconds is"},
		{"sum of words", "sumSeconds=5", "sumSeconds=five", "sumSeconds is"},
		{"ten decimals", "minSeconds=1", "minSeconds=1.0000000000", "minSeconds is"},
		{"negative time", "minSeconds=1", "minSeconds=-1", "minSeconds is"},
		{"another spelling", "minSeconds=1", "minSeconds=1.0", "would write it as"},
		{"plus", "count=3", "count=+3", "would write it as"},
		{"a field more", good, good + " more=1", "refused= is wanted"},
		{"nothing refused", good, good + " refused=0", "refused is"},
		{"a blank more", good, good + " ", ""},
		{"two blanks", "count=3 ", "count=3  ", ""},
		{"min above max", good, "times/1 count=2 sumSeconds=2.001 minSeconds=1.001 maxSeconds=1 buckets=3054:2", "not in the first and the last bucket"},
		{"one is not all", good, "times/1 count=1 sumSeconds=1.001 minSeconds=1 maxSeconds=1.001 buckets=3054:1", "minimum, maximum and sum at once"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bad := strings.Replace(good, test.old, test.new, 1)
			s := sketch.Times{}
			s.Add(time.Minute)
			before := s.Clone()
			err := s.UnmarshalText([]byte(bad))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: %v, want %q", bad, err, test.want)
			}
			if !reflect.DeepEqual(&s, before) {
				t.Errorf("the sketch has changed")
			}
		})
	}
	if err := new(sketch.Times).UnmarshalText([]byte(good)); err != nil {
		t.Error(err)
	}
}

// FuzzTimesText: what is read is written again as it was, and its answers are in
// their bounds.
func FuzzTimesText(f *testing.F) {
	f.Add(text(f))
	f.Add(text(f, -1))
	f.Add(text(f, 0, 0, 1, 300, time.Second, time.Hour))
	f.Add(text(f, math.MaxInt64, math.MaxInt64))
	f.Add("times/1 count=9007199254740992 sumSeconds=83076749736557242056487941.267521536 minSeconds=9223372036.854775807 maxSeconds=9223372036.854775807 buckets=7295:9007199254740992")
	f.Fuzz(func(t *testing.T, text string) {
		s := &sketch.Times{}
		if s.UnmarshalText([]byte(text)) != nil {
			return
		}
		out, err := s.MarshalText()
		if err != nil || string(out) != text {
			t.Fatalf("read %s, written %s: %v", text, out, err)
		}
		doubled := s.Clone()
		doubled.Merge(s)
		if s.Count() < 0 || doubled.Count() != 2*s.Count() {
			t.Fatalf("count %d, doubled %d", s.Count(), doubled.Count())
		}
		low, _ := s.Min()
		high, _ := s.Max()
		last := low
		for _, q := range []float64{0, 0.01, 0.5, 0.99, 1} {
			d, ok := s.Quantile(q)
			if ok != (s.Count() > 0) || d < last || d > high {
				t.Fatalf("%s: quantile %v is %v, %v", text, q, d, ok)
			}
			last = d
		}
		if mean, ok := s.Mean(); ok && (mean < 0 || s.SumSeconds() < 0) {
			t.Fatalf("%s: mean %v", text, mean)
		}
	})
}
