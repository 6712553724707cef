package compare

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestTwice: runs that are given twice count once; runs that are alike by chance, or that
// no chance told apart, all count.
func TestTwice(t *testing.T) {
	first, second := goTest("example.com/a", 1217, 1226, 1232, 1243, 1251), goTest("example.com/a", 1261, 1272, 1284, 1215, 1231)
	fine := "source: measured\nBenchmarkStartup/app=web/arm=cold 1 6.512345678 startup-sec 2.187654321 fetch-sec 4e+08 pulled-B\n"
	finer := strings.ReplaceAll(fine, "6.51", "6.52")
	for name, c := range map[string]struct {
		text string
		runs int
	}{
		"once":                          {first, 5},
		"two runs":                      {first + second, 10},
		"one twice":                     {first + first, 5},
		"one twice, then another":       {first + first + second, 10},
		"one before and behind another": {first + second + first, 10},
		"three times":                   {first + first + first, 5},
		"a run of a start twice":        {fine + fine, 1},
		"twice, one by one":             {fine + fine + finer + finer, 2},
		"two starts":                    {fine + finer, 2},
		// A value that all runs have says nothing.
		"alike by rounding":            {goTest("example.com/a", 12, 12, 12, 12, 12, 12), 6},
		"alike in four digits":         {goTest("example.com/a", 1234, 1234, 1234, 1234), 4},
		"two values in turn":           {goTest("example.com/a", 1234, 1235, 1234, 1235, 1234, 1235), 6},
		"of another package":           {first + strings.ReplaceAll(first, "example.com/a", "example.com/b"), 5},
		"of a model that says nothing": {strings.ReplaceAll(goTest("example.com/a", 1, 1, 1), " 1 ns/op", " 6.512345678 startup-sec 2.187654321 fetch-sec"), 3},
		"simulated, many alike":        {strings.Repeat("source: simulated\nBenchmarkStartup/app=web/arm=cold 1 6.512345678 startup-sec 2.187654321 fetch-sec\n", 3), 3},
	} {
		r, err := Read("result.txt", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		b := r.benchmarks[0]
		if n := len(b.values[b.figures[0]]); n != c.runs || slices.ContainsFunc(r.doubts, func(d string) bool { return strings.Contains(d, "counts once") }) != (strings.Count(c.text, "Benchmark") > c.runs*len(r.benchmarks)) {
			t.Errorf("%s: %d runs, %q; want %d", name, n, r.doubts, c.runs)
		}
	}
}

// TestNotTwice: of 200 results of ten noisy runs of four digits, in which values repeat by
// chance, no run is taken for another.
func TestNotTwice(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	repeats := 0
	for range 200 {
		var ns []int
		for range 10 {
			n := 1200 + random.IntN(40)
			if slices.Contains(ns, n) {
				repeats++
			}
			ns = append(ns, n)
		}
		r, err := Read("result.txt", []byte(goTest("example.com/a", ns...)))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(r.benchmarks[0].values["sec/op"]); n != 10 {
			t.Errorf("%v: %d runs", ns, n)
		}
	}
	if repeats < 100 {
		t.Errorf("only %d values repeat", repeats)
	}
}

// TestSameContent: a measurement beside itself is refused in whatever form and order it
// is; two measurements that agree in part, or in few digits, are compared.
func TestSameContent(t *testing.T) {
	one := goTest("example.com/a", 1217, 1226, 1232, 1243, 1251)
	shuffled := goTest("example.com/a", 1251, 1226, 1232, 1243, 1217)
	part := goTest("example.com/a", 1217, 1226, 1232, 1243, 1252)
	fine := "source: measured\nBenchmarkStartup/app=web/arm=cold 1 6.512345678 startup-sec 2.187654321 fetch-sec 4e+08 pulled-B\n"
	coarse := goTest("example.com/a", 12, 12, 12, 12, 12)
	model := strings.ReplaceAll(goTest("example.com/a", 1, 1, 1, 1, 1), " 1 ns/op", " 6.512345678 startup-sec 2.187654321 fetch-sec")
	for name, c := range map[string]struct {
		old, new string
		refused  bool
	}{
		"itself with another comment":  {one, "# again\n" + one, true},
		"in another order":             {one, shuffled, true},
		"one start":                    {fine, "\n" + fine, true},
		"one value of five differs":    {one, part, false},
		"few digits":                   {coarse, "\n" + coarse, false},
		"of a model that says nothing": {model, "\n" + model, false},
		"simulated":                    {strings.ReplaceAll(fine, "measured", "simulated"), "\n" + strings.ReplaceAll(fine, "measured", "simulated"), false},
	} {
		got := judged(t, c.old, c.new, "startup-sec<=1h", Options{Allow: []string{Machine}})
		if isRefused := len(got.Refusals) == 1 && strings.Contains(got.Refusals[0], "OLD and NEW are one measurement"); isRefused != c.refused || !c.refused && len(got.Refusals) > 0 {
			t.Errorf("%s: %q", name, got.Refusals)
		}
		renamed := judged(t, c.old, c.new, "startup-sec<=1h", Options{Rename: map[string]string{"example.com/a": "example.com/a", "web": "web"}})
		if slices.ContainsFunc(renamed.Refusals, func(s string) bool { return strings.Contains(s, "one measurement") }) {
			t.Errorf("%s, renamed: %q", name, renamed.Refusals)
		}
	}
}
