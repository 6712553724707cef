package compare

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/reports"
)

// head are the configuration lines of a simulated result.
const head = "source: simulated\nprofile: p\nprofile-digest: aa\nplatform: linux/amd64\nmodel: 1\nseed: 1\ncoverage: 1\n"

// simulated is a result of lines such as "app=web/arm=cold 6.5 startup-sec".
func simulated(lines ...string) string {
	text := head
	for _, line := range lines {
		name, values, _ := strings.Cut(line, " ")
		text += "BenchmarkStartup/" + name + " 1 " + values + "\n"
	}
	return text
}

// measured is a result with a line for each value.
func measured(values ...float64) string {
	text := "source: measured\n"
	for _, v := range values {
		text += fmt.Sprintf("BenchmarkStartup/app=web/arm=cold 1 %v startup-sec 100 pulled-B\n", v)
	}
	return text
}

func read(t testing.TB, text string) *Result {
	t.Helper()
	r, err := Read("result.txt", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return r
}

// judged compares two results and judges rules on them.
func judged(t testing.TB, old, new, rules string, opt Options) *reports.Comparison {
	t.Helper()
	c := Compare(read(t, old), read(t, new), opt)
	err := c.Judge(func(names ...string) ([]reports.Rule, error) {
		return reports.RulesOf(nil, []string{rules}, c.Quantities(), names...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// outcome is what became of the only rule.
func outcome(t testing.TB, c *reports.Comparison) reports.Outcome {
	t.Helper()
	if c.Gate == nil || len(c.Gate.Outcomes) != 1 {
		t.Fatalf("gate %+v, refusals %v", c.Gate, c.Refusals)
	}
	return c.Gate.Outcomes[0]
}

// TestExact: simulated values are compared as they are, one against one.
func TestExact(t *testing.T) {
	old := simulated("app=web/arm=cold 10 startup-sec 100 pulled-B", "app=api/arm=cold 4 startup-sec")
	for _, test := range []struct{ now, rule, verdict string }{
		{"10.5", "startup-sec:+5%", reports.Pass},
		{"10.500001", "startup-sec:+5%", reports.Fail},
		{"10.500000000000001", "startup-sec:+5%", reports.Pass}, // what arithmetic rounds
		{"10", "startup-sec:+0%", reports.Pass},
		{"9.4", "startup-sec:-500ms", reports.Fail},
		{"9.5", "startup-sec:-500ms", reports.Pass},
		{"8", "startup-sec<=8", reports.Pass},
		{"8", "startup-sec<8", reports.Fail},
	} {
		c := judged(t, old, simulated("app=web/arm=cold "+test.now+" startup-sec 100 pulled-B", "app=api/arm=cold 4 startup-sec"), test.rule, Options{})
		if c.Gate.Verdict != test.verdict || len(c.Gate.Outcomes) != 2 {
			t.Errorf("10 to %s, %s: %s, want %s; %+v", test.now, test.rule, c.Gate.Verdict, test.verdict, c.Gate.Outcomes)
		}
	}
	c := judged(t, old, old, "startup-sec:+0%,pulled-B:+0B", Options{})
	if c.Gate.Verdict != reports.Pass || slices.ContainsFunc(c.Changes, func(x reports.Change) bool { return x.State != reports.ChangeSame || *x.Difference != 0 }) {
		t.Errorf("the same bytes differ: %+v", c.Changes)
	}
	// Several values must be one.
	c = judged(t, old, old+"BenchmarkStartup/app=web/arm=cold 1 11 startup-sec\n", "startup-sec:+50%", Options{})
	if c.Gate.Verdict != reports.Unjudged || !strings.Contains(c.Gate.Outcomes[0].Reason, "NEW has values from 10 to 11 where they must be the same") {
		t.Errorf("%+v", c.Gate)
	}
}

// uTest is the probability, by counting all ways to choose which of the values are
// old, that U is at least as far from its mean as here. Values must be distinct.
func uTest(old, new []float64) float64 {
	all := slices.Concat(old, new)
	distance := func(isOld func(i int) bool) float64 {
		u := 0.0
		for i := range all {
			for j := range all {
				if isOld(i) && !isOld(j) && all[i] > all[j] {
					u++
				}
			}
		}
		return math.Abs(u - float64(len(old)*len(new))/2)
	}
	seen := distance(func(i int) bool { return i < len(old) })
	far, ways := 0, 0
	for set := range 1 << len(all) {
		n := 0
		for i := range all {
			n += set >> i & 1
		}
		if n != len(old) {
			continue
		}
		ways++
		if distance(func(i int) bool { return set>>i&1 == 1 }) >= seen {
			far++
		}
	}
	return float64(far) / float64(ways)
}

// TestMannWhitney: by hand. Of 10, 11, 12, 13 and 11.5, 14, 15, 16 three pairs of 16
// are the wrong way round less one: 12 and 13 stand above 11.5, so U is 2. Of the
// C(8,4) = 70 ways, U is 0 in 1, 1 in 1 and 2 in 2, and as often at the other end:
// p = 8/70 = 0.114. Without the overlap U is 0 and p = 2/70 = 0.029.
func TestMannWhitney(t *testing.T) {
	old := []float64{10, 11, 12, 13}
	for _, test := range []struct {
		now    []float64
		p      float64
		state  string
		result string
	}{
		{[]float64{11.5, 14, 15, 16}, 8.0 / 70, reports.ChangeUnclear, reports.Warn},
		{[]float64{13.5, 14, 15, 16}, 2.0 / 70, reports.ChangeDiffers, reports.Fail},
	} {
		c := judged(t, measured(old...), measured(test.now...), "startup-sec:+5%", Options{})
		x := c.Changes[0]
		if math.Abs(*x.P-test.p) > 1e-12 || math.Abs(uTest(old, test.now)-test.p) > 1e-12 || x.State != test.state {
			t.Errorf("%v: p=%v (counted %v), %s; want %v, %s", test.now, *x.P, uTest(old, test.now), x.State, test.p, test.state)
		}
		if o := outcome(t, c); o.Result != test.result || !strings.HasPrefix(o.Judged, "medians of 4 and 4 runs, p=0.") {
			t.Errorf("%v: %+v", test.now, o)
		}
		// Who wants the medians to decide says so, and is told.
		if o := outcome(t, judged(t, measured(old...), measured(test.now...), "startup-sec:+5%", Options{MediansJudge: true})); o.Result != reports.Fail || !strings.HasSuffix(o.Judged, ", significant or not") {
			t.Errorf("%v by medians: %+v", test.now, o)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfNDistinct(rapid.IntRange(1, 1000), 2, 10, rapid.ID).Draw(t, "values")
		n := rapid.IntRange(1, len(values)-1).Draw(t, "n")
		var old, new []float64
		for i, v := range values {
			if i < n {
				old = append(old, float64(v))
			} else {
				new = append(new, float64(v))
			}
		}
		var x reports.Change
		(&samples{old: old, new: new, measured: true, alpha: 0.05}).compare(&x)
		want := uTest(old, new)
		if math.Abs(*x.P-want) > 1e-9 {
			t.Fatalf("%v, %v: p=%v, counted %v", old, new, *x.P, want)
		}
		if least := leastP(len(old), len(new)); want < least-1e-9 {
			t.Fatalf("p=%v is below the least, %v", want, least)
		}
		if (x.State == reports.ChangeDiffers) != (want <= 0.05) {
			t.Fatalf("p=%v is %s", want, x.State)
		}
	})
}

// TestTooFew: runs that cannot show a difference do not pass a gate, and it says how
// many are needed: C(6,3) = 20 orders of 3 and 3 give 0.1 at the least, C(8,4) = 70 of 4
// and 4 give 0.029. A median's interval needs 6 runs: 1 - 2/2^6 = 0.969.
func TestTooFew(t *testing.T) {
	for _, now := range [][]float64{{20, 21, 22}, {5, 6, 7}} { // worse, and better
		o := outcome(t, judged(t, measured(10, 11, 12), measured(now...), "startup-sec:+5%", Options{}))
		if o.Result != reports.Unjudged || o.Reason != "too few runs: 4 on each side can show a difference" {
			t.Errorf("%v: %+v", now, o)
		}
	}
	if needed(0.01) != 5 || needed(0.1) != 3 {
		t.Errorf("needed at 0.01: %d, at 0.1: %d", needed(0.01), needed(0.1))
	}
	six := measured(1, 2, 3, 4, 5, 6)
	for limit, want := range map[string]string{"7": reports.Pass, "2": reports.Warn, "500ms": reports.Fail} {
		if o := outcome(t, judged(t, six, six, "startup-sec<="+limit, Options{})); o.Result != want {
			t.Errorf("a median of 1 to 6 s against %s: %+v", limit, o)
		}
	}
	five := measured(1, 2, 3, 4, 5)
	if o := outcome(t, judged(t, five, five, "startup-sec<=7", Options{})); o.Result != reports.Unjudged || o.Reason != "too few runs for an interval: 6 are needed" {
		t.Errorf("%+v", o)
	}
	// Bytes that are the same in all runs are counted, not sampled.
	if o := outcome(t, judged(t, measured(1), strings.Replace(measured(1), "100 pulled", "200 pulled", 1), "pulled-B:+50%", Options{})); o.Result != reports.Fail || o.Judged != reports.JudgedExact {
		t.Errorf("%+v", o)
	}
}

// TestRefused: what was made otherwise is not compared, unless that is allowed.
func TestRefused(t *testing.T) {
	line := "app=web/arm=cold/profile=p 10 startup-sec"
	for name, change := range map[string][2]string{
		Source:   {"source: simulated", "source: estimated"},
		Profile:  {"profile: p\n", "profile: q\n"},
		Platform: {"linux/amd64", "linux/arm64"},
		Model:    {"model: 1", "model: 2"},
		Seed:     {"seed: 1", "seed: 2"},
		Coverage: {"coverage: 1", "coverage: 0.97"},
		Faults:   {"seed: 1\n", "seed: 1\nfaults: registry-down at=40s for=2m\n"},
	} {
		old, now := simulated(line), strings.ReplaceAll(simulated(line), change[0], change[1])
		if name == Profile {
			now = strings.ReplaceAll(now, "profile=p", "profile=q")
		}
		c := judged(t, old, now, "startup-sec<=1h", Options{})
		if c.Gate.Verdict != reports.Unjudged || len(c.Changes) != 0 || len(c.Refusals) != 1 || !strings.HasPrefix(c.Refusals[0], "another "+name+": OLD's is ") || Err(c) == nil {
			t.Errorf("%s: %+v, %v", name, c.Gate, c.Refusals)
		}
		c = judged(t, old, now, "startup-sec<=1h", Options{Allow: []string{name}})
		if c.Gate.Verdict != reports.Pass || len(c.Doubts) != 1 || Err(c) != nil {
			t.Errorf("%s, allowed: %+v, %v, %v", name, c.Gate, c.Refusals, c.Doubts)
		}
	}
	// A profile's name alone is no promise of its values.
	old, now := simulated(line), strings.ReplaceAll(simulated(line), "profile-digest: aa", "profile-digest: bb")
	if c := judged(t, old, now, "startup-sec<=1h", Options{}); c.Gate.Verdict != reports.Unjudged || len(c.Refusals) != 1 || c.Refusals[0] != "profile p has other values: those of OLD are aa, those of NEW bb (--allow profile)" {
		t.Errorf("%+v, %v", c.Gate, c.Refusals)
	}
	if c := judged(t, old, now, "startup-sec<=1h", Options{Allow: []string{Profile}}); c.Gate.Verdict != reports.Pass || len(c.Doubts) != 1 {
		t.Errorf("%+v, %v, %v", c.Gate, c.Refusals, c.Doubts)
	}
	both := simulated(line, "app=api/arm=cold/profile=p 10 startup-sec")
	c := judged(t, both, simulated(line), "startup-sec:+5%", Options{})
	if c.Gate.Verdict != reports.Unjudged || !slices.Equal(c.Missing, []string{"api, cold"}) || Err(c) == nil {
		t.Errorf("%+v", c)
	}
	if c = judged(t, both, simulated(line), "startup-sec:+5%", Options{Allow: []string{Missing}}); c.Gate.Verdict != reports.Pass || Err(c) != nil {
		t.Errorf("%+v", c)
	}
	// What NEW adds is no error, and is held against limits of its own only.
	if c = judged(t, simulated(line), both, "startup-sec:+5%,startup-sec<=9", Options{}); c.Gate.Line() != "verdict: fail rules=3 passed=1 failed=2 warned=0 errors=0" {
		t.Errorf("%s", c.Gate.Line())
	}
	// Nothing in common is no pass, whatever is allowed.
	if c = judged(t, both, simulated("app=x/arm=cold 1 startup-sec"), "startup-sec:+5%", Options{Allow: []string{Missing}}); c.Gate.Verdict != reports.Unjudged || Err(c) == nil {
		t.Errorf("%+v", c)
	}
	if c = judged(t, both, both+"--- FAIL: BenchmarkStartup\nFAIL\n", "startup-sec:+5%", Options{}); c.Gate.Verdict != reports.Unjudged {
		t.Errorf("%+v", c)
	}
}

// TestStarts: another number of starts of an app is another workload, and what go test
// counts is no number of starts unless a comment says it.
func TestStarts(t *testing.T) {
	text := func(starts int) string {
		return head + fmt.Sprintf("BenchmarkStartup/app=web/arm=cold/profile=p %d 6.5 startup-sec\n", starts)
	}
	test := func(starts string, iterations int) string {
		return starts + "pkg: example.com/x\n" + strings.ReplaceAll(text(iterations), "profile=p ", "profile=p-2 ") + "PASS\n"
	}
	const seven = "# starts BenchmarkStartup/app=web/arm=cold/profile=p 7\n"
	for _, c := range []struct{ name, old, new, refused string }{
		{"same", text(7), text(7), ""},
		{"fewer", text(7), text(5), "another workload: the numbers of starts differ of web, cold (7, then 5) (--allow starts)"},
		{"go test", test(seven, 1), test(seven, 100), ""},
		{"go test, fewer", test(strings.Replace(seven, "7", "9", 1), 1), test(seven, 1), "another workload: the numbers of starts differ of web, cold (9, then 7) (--allow starts)"},
		{"run and go test", text(7), test(seven, 1), ""},
		{"run and go test, fewer", text(8), test(seven, 1), "another workload: the numbers of starts differ of web, cold (8, then 7) (--allow starts)"},
		{"go test does not say it", text(7), test("", 1), ""},
	} {
		got := judged(t, c.old, c.new, "startup-sec:+5%", Options{})
		if strings.Join(got.Refusals, "|") != c.refused || (got.Gate.Verdict == reports.Pass) != (c.refused == "") {
			t.Errorf("%s: %q, %v; want %q", c.name, got.Refusals, got.Gate.Verdict, c.refused)
		}
		allowed := judged(t, c.old, c.new, "startup-sec:+5%", Options{Allow: []string{Starts}})
		if allowed.Gate.Verdict != reports.Pass || slices.ContainsFunc(allowed.Doubts, func(d string) bool { return strings.Contains(d, "numbers of starts differ") }) != (c.refused != "") {
			t.Errorf("%s, allowed: %v, %v", c.name, allowed.Gate, allowed.Doubts)
		}
	}
}

// TestRename: two versions in one result, or under two names, are told to be one;
// what only ends alike is not.
func TestRename(t *testing.T) {
	one := simulated("app=r%2Fweb:1/arm=web:1%20cold 10 startup-sec", "app=r%2Fweb:2/arm=web:2%20cold 11 startup-sec", "app=r%2Fmyweb:1/arm=cold 5 startup-sec")
	c := judged(t, one, one, "startup-sec:+5%", Options{Rename: map[string]string{"web:1": "web:2"}})
	o := c.Gate.Outcomes[0]
	if c.Gate.Line() != "verdict: fail rules=2 passed=1 failed=1 warned=0 errors=0" || o.Of != "r/web:2, web:2 cold" || *o.Old != 10 || len(c.Missing) != 0 || len(c.Added) != 0 {
		t.Errorf("%s: %+v, missing %v, added %v", c.Gate.Line(), o, c.Missing, c.Added)
	}
	if c = Compare(read(t, one), read(t, one), Options{Rename: map[string]string{"web:9": "web:2"}}); len(c.Refusals) != 1 {
		t.Errorf("%v", c.Refusals)
	}
	if c = Compare(read(t, one), read(t, one), Options{Rename: map[string]string{"web:1": "web:2", "myweb:1": "web:2", "cold": "web:2 cold"}}); len(c.Refusals) != 1 || !strings.Contains(c.Refusals[0], "two benchmarks of OLD would have the name") {
		t.Errorf("%v", c.Refusals)
	}
}

// TestUnstated: a figure that a side leaves out is never taken for 0.
func TestUnstated(t *testing.T) {
	with, without := simulated("app=web/arm=cold 10 startup-sec 5 pulled-B"), simulated("app=web/arm=cold 10 startup-sec")
	for _, test := range []struct{ old, now, rule, verdict string }{
		{with, without, "pulled-B:+60MB", reports.Unjudged},
		{with, without, "pulled-B<=60MB", reports.Unjudged},
		{without, with, "pulled-B:+60MB", reports.Unjudged},
		{without, with, "pulled-B<=60MB", reports.Pass},
		{without, without, "pulled-B<=60MB", reports.Unjudged},
	} {
		if o := outcome(t, judged(t, test.old, test.now, test.rule, Options{})); o.Result != test.verdict {
			t.Errorf("%s: %+v, want %s", test.rule, o, test.verdict)
		}
	}
}

// TestGoTest: what go test prints, as text and as events.
func TestGoTest(t *testing.T) {
	text := func(processors string, ns ...int) string {
		s := "goos: linux\ngoarch: amd64\npkg: example.com/shop\ncpu: a\n"
		for _, n := range ns {
			s += fmt.Sprintf("BenchmarkParse%s \t 100\t %d ns/op\t 64 B/op\n", processors, n)
		}
		return s + "PASS\nok  \texample.com/shop\t1.2s\n"
	}
	c := judged(t, text("-2", 100, 101, 102, 103), text("-2", 200, 201, 202, 203), "sec/op:+50ns", Options{})
	if o := outcome(t, c); o.Result != reports.Fail || o.Figure != "sec/op" || c.Changes[0].Benchmark != "Parse" {
		t.Errorf("%+v", c)
	}
	if c = judged(t, text("", 100), strings.Replace(text("", 100), "cpu: a", "cpu: b", 1), "sec/op:+5%", Options{}); len(c.Refusals) != 1 || !strings.Contains(c.Refusals[0], "another machine") {
		t.Errorf("%v", c.Refusals)
	}
	var events strings.Builder
	for line := range strings.Lines(text("-2", 100, 101, 102, 103)) {
		fmt.Fprintf(&events, `{"Action":"output","Package":"example.com/shop","Output":%q}`+"\n", line)
	}
	if c = judged(t, text("-2", 100, 101, 102, 103), events.String(), "sec/op:+0%", Options{}); c.Changes[0].State != reports.ChangeSame || c.Changes[0].New.Runs != 4 {
		t.Errorf("%+v", c.Changes[0])
	}
	// With -cpu, a number of processors is a part of the name.
	many := text("", 100) + text("-4", 200)
	if c = judged(t, many, many, "sec/op:+5%", Options{MediansJudge: true}); len(c.Gate.Outcomes) != 2 {
		t.Errorf("%+v", c.Gate)
	}
}

// TestErrors: what is no result is refused with its place.
func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "result.txt has no line of a benchmark's result",
		"BenchmarkA 1 x startup-sec\n": "result.txt:1: parsing measurement",
		"PASS\nBenchmarkA 1 NaN sec\n": "result.txt:2: sec is NaN: write a number",
		`{"apiVersion":"cachebench/v1","kind":"Workload"}`: "result.txt is a Workload; compared are a Timeline",
	} {
		if _, err := Read("result.txt", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestBenchstat: benchstat reads the same text, groups it by key, and finds the same
// medians and the same p-values as we do.
func TestBenchstat(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	benchstat := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("go", append([]string{"tool", "benchstat"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("benchstat: %v\n%s", err, out)
		}
		return string(out)
	}
	unclear, clear := measured(11.5, 14, 15, 16), measured(13.5, 14, 15, 16)
	old := write("old.txt", measured(10, 11, 12, 13))
	for _, test := range []struct{ text, want string }{{unclear, `~ \(p=0\.114 n=4\)`}, {clear, `\+26\.09% \(p=0\.029 n=4\)`}} {
		if got := benchstat("-filter", ".unit:startup-sec", old, write("new.txt", test.text)); !regexp.MustCompile(test.want).MatchString(got) {
			t.Errorf("benchstat says\n%s\nwant %s", got, test.want)
		}
		x := judged(t, measured(10, 11, 12, 13), test.text, "startup-sec:+5%", Options{}).Changes[0]
		ours := fmt.Sprintf("p=%.3f n=%d", *x.P, x.New.Runs)
		if !strings.Contains(strings.ReplaceAll(test.want, `\`, ""), ours) {
			t.Errorf("we say %s, benchstat %s", ours, test.want)
		}
		if x.State == reports.ChangeDiffers && math.Abs(*x.Relative-0.2609) > 0.0001 {
			t.Errorf("we say %v, benchstat +26.09%%", *x.Relative)
		}
	}
	exact := "Unit startup-sec assume=exact better=lower\n" + simulated("app=web/arm=cold/profile=p 10 startup-sec", "app=web/arm=cached/profile=p 5 startup-sec")
	got := benchstat("-row", "/app", "-col", "/arm", write("exact.txt", exact))
	if !regexp.MustCompile(`(?s)cold.*cached.*\nweb +10\.000 ± 0% +5\.000 ± 0% +-50\.00% \(n=1\)`).MatchString(got) || strings.Contains(got, "warning") {
		t.Errorf("benchstat by arm:\n%s", got)
	}
}

// FuzzRead: no text makes reading, comparing or writing panic; a result compared with
// itself differs nowhere, whatever it holds; what is written as JSON is read back.
func FuzzRead(f *testing.F) {
	f.Add([]byte(simulated("app=web/arm=cold/profile=p 10 startup-sec 5 pulled-B")))
	f.Add([]byte(measured(1, 2, 3)))
	f.Add([]byte("Unit x assume=exact\nBenchmarkA-8 1 1e308 x -1e308 x 0 y/op\nFAIL\n"))
	f.Add([]byte(`{"Action":"output","Output":"BenchmarkA 1 1 ns/op\n"}`))
	f.Add([]byte("BenchmarkStartup/app=%ZZ/=/arm= 1 1 startup-sec\n# input a b\n# doubt |\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Read("result.txt", data)
		if err != nil {
			return
		}
		c := Compare(r, r, Options{})
		for _, x := range c.Changes {
			if x.State == reports.ChangeDiffers || x.State == reports.ChangeUnclear || x.State == reports.ChangeAdded || x.Difference != nil && *x.Difference != 0 {
				t.Fatalf("%+v", x)
			}
		}
		if err := c.Judge(func(names ...string) ([]reports.Rule, error) {
			return reports.RulesOf(nil, []string{"startup-sec:+5%"}, c.Quantities(), names...)
		}); err != nil {
			t.Fatal(err)
		}
		for _, format := range reports.ComparisonFormats() {
			var b bytes.Buffer
			if err := reports.WriteComparison(&b, format, c, reports.Options{}); err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if format == reports.JSON {
				if _, err := reports.ReadComparison("c.json", b.Bytes()); err != nil {
					t.Fatalf("read back: %v", err)
				}
			}
		}
	})
}

// TestItself: a measurement beside itself shows nothing, however it is written; two
// simulations may well have the same bytes.
func TestItself(t *testing.T) {
	same := Options{OldDigest: "sha256:aa", NewDigest: "sha256:aa"}
	text := measured(1, 2, 3, 4, 5, 6)
	if c := judged(t, text, text, "startup-sec:+5%", same); len(c.Refusals) != 1 || !strings.HasPrefix(c.Refusals[0], "OLD and NEW are one measurement: ") || c.Gate.Verdict != reports.Unjudged {
		t.Errorf("%q, %+v", c.Refusals, c.Gate)
	}
	plain := simulated("app=web/arm=cold 6.5 startup-sec")
	if c := judged(t, plain, plain, "startup-sec:+5%", same); c.Gate.Verdict != reports.Pass {
		t.Errorf("%q, %+v", c.Refusals, c.Gate)
	}
	// One run is too few, also where chance has it the same.
	if c := judged(t, measured(1), measured(1), "startup-sec:+5%", Options{}); c.Gate.Verdict != reports.Unjudged || !strings.Contains(c.Gate.Outcomes[0].Reason, "too few runs: 4 on each side") {
		t.Errorf("%+v", c.Gate)
	}
	// Of two names to be others each must be found.
	both := strings.ReplaceAll(text, "app=web", "app=web:1") + strings.ReplaceAll(text, "app=web", "app=web:2")
	same.Rename = map[string]string{"web:1": "web:2"}
	if c := judged(t, both, both, "startup-sec:+5%", same); c.Gate.Verdict != reports.Pass {
		t.Errorf("%q, %+v", c.Refusals, c.Gate)
	}
	same.Rename["foo"] = "bar"
	if c := judged(t, both, both, "startup-sec:+5%", same); len(c.Refusals) != 1 || !strings.HasPrefix(c.Refusals[0], "nothing in OLD has the name foo, which is to be bar: ") {
		t.Errorf("%q, %+v", c.Refusals, c.Gate)
	}
}

// TestNames: benchmarks of one app are told apart by what they differ in, and packages
// may be renamed.
func TestNames(t *testing.T) {
	text := head + "pkg: example.com/a\nBenchmarkStartup/app=web/arm=cold/profile=p 1 6.5 startup-sec\nBenchmarkTwo/app=web/arm=cold/profile=p 1 7 startup-sec\nPASS\n"
	c := judged(t, text, text, "startup-sec:+5%", Options{})
	var of []string
	for _, o := range c.Gate.Outcomes {
		of = append(of, o.Of)
	}
	if want := []string{"web, cold, BenchmarkStartup", "web, cold, BenchmarkTwo"}; !slices.Equal(of, want) {
		t.Errorf("got %q, want %q", of, want)
	}
	packages := head + "pkg: example.com/a\nBenchmarkStartup/app=web/arm=cold/profile=p 1 6.5 startup-sec\nPASS\npkg: example.com/b\nBenchmarkStartup/app=web/arm=cold/profile=p 1 7 startup-sec\nPASS\n"
	if c := judged(t, packages, packages, "startup-sec:+5%", Options{}); len(c.Gate.Outcomes) != 2 || c.Gate.Outcomes[1].Of != "web, cold, example.com/b" || c.Changes[0].Package != "example.com/a" || c.Changes[1].Package != "example.com/b" {
		t.Errorf("%+v", c.Gate)
	}
	var table bytes.Buffer
	if err := reports.WriteComparison(&table, reports.CSV, judged(t, packages, packages, "startup-sec:+5%", Options{}), reports.Options{}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][len(rows[0])-1] != "package" || rows[1][len(rows[1])-1] != "example.com/a" || rows[2][len(rows[2])-1] != "example.com/b" {
		t.Errorf("%v, %v", rows, err)
	}
	moved := strings.ReplaceAll(text, "example.com/a", "example.com/new/a")
	c = judged(t, text, moved, "startup-sec:+5%", Options{})
	if want := "; OLD's are of package example.com/a, NEW's of example.com/new/a (--rename example.com/a=example.com/new/a)"; len(c.Refusals) != 1 || !strings.HasSuffix(c.Refusals[0], want) {
		t.Errorf("%q", c.Refusals)
	}
	if c := judged(t, text, moved, "startup-sec:+5%", Options{Rename: map[string]string{"example.com/a": "example.com/new/a"}}); c.Gate.Verdict != reports.Pass {
		t.Errorf("%q, %+v", c.Refusals, c.Gate)
	}
}

// TestOverrides: a budget reaches the line of all apps by its name, and says of an
// override that it matches nothing.
func TestOverrides(t *testing.T) {
	old := simulated("app=web/arm=cold 6 startup-sec", "app=api/arm=cold 6 startup-sec") + "BenchmarkWorkload/arm=cold 2 6 startup-sec\n"
	now := strings.ReplaceAll(old, " 6 startup", " 9 startup")
	b := &reports.Budget{Rules: []string{"startup-sec:+5%"}, Overrides: []reports.BudgetOverride{
		{Match: "web", Rules: []string{"startup-sec:+90%"}}, {Match: "api", Rules: []string{"startup-sec:+90%"}},
		{Match: "all apps", Rules: []string{"startup-sec:+90%"}}, {Match: "apii", Rules: []string{"startup-sec:+1%"}},
	}}
	c := Compare(read(t, old), read(t, now), Options{})
	if err := c.Judge(func(names ...string) ([]reports.Rule, error) {
		return reports.RulesOf(b, nil, c.Quantities(), names...)
	}); err != nil {
		t.Fatal(err)
	}
	c.Unmatched("budget.yaml", b)
	if c.Gate.Verdict != reports.Pass || len(c.Gate.Outcomes) != 3 {
		t.Errorf("%+v", c.Gate)
	}
	if want := "budget.yaml: an override matches apii, and no benchmark of NEW has that name: its rules do not count."; !slices.Contains(c.Doubts, want) || strings.Count(strings.Join(c.Doubts, "\n"), "an override") != 1 {
		t.Errorf("%q", c.Doubts)
	}
}

// TestRenameHint: of sides with one app each it is told how to say that they are one.
func TestRenameHint(t *testing.T) {
	old := simulated("app=old/arm=cold/profile=p 10 startup-sec")
	for arm, want := range map[string]bool{"app=new/arm=cold/profile=p 9 startup-sec": true, "app=old/arm=cached/profile=p 9 startup-sec": false} {
		c := judged(t, old, simulated(arm), "startup-sec<=1h", Options{})
		if got := strings.Contains(strings.Join(c.Refusals, "\n"), "if old of OLD is new of NEW, say --rename old=new"); got != want {
			t.Errorf("%s: hint is %t in %q", arm, got, c.Refusals)
		}
	}
}
