package compare

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// TestSilent: a condition that one side alone states is not known of the other, whichever
// side that is; what neither states, as benchmarks of others, compares.
func TestSilent(t *testing.T) {
	line := "app=web/arm=cold/profile=p 10 startup-sec"
	whole := simulated(line)
	for key, name := range map[string]string{
		"source: simulated\n": Source, "profile-digest: aa\n": Profile, "platform: linux/amd64\n": Platform, "model: 1\n": Model, "seed: 1\n": Seed, "coverage: 1\n": Coverage,
	} {
		// A unit is exact also where its source is not stated.
		exact := "Unit startup-sec assume=exact\n"
		silent, whole := exact+strings.Replace(whole, key, "", 1), exact+whole
		for side, pair := range map[string][2]string{"OLD": {silent, whole}, "NEW": {whole, silent}} {
			c := judged(t, pair[0], pair[1], "startup-sec<=1h", Options{})
			if c.Gate.Verdict != reports.Unjudged || len(c.Refusals) != 1 || !strings.HasPrefix(c.Refusals[0], side+" does not say ") || !strings.HasSuffix(c.Refusals[0], "(--allow "+name+")") {
				t.Errorf("%s, %s: %s, %q", name, side, c.Gate.Verdict, c.Refusals)
			}
			c = judged(t, pair[0], pair[1], "startup-sec<=1h", Options{Allow: []string{name}})
			if c.Gate.Verdict != reports.Pass || len(c.Doubts) != 1 || !strings.HasPrefix(c.Doubts[0], side+" does not say ") {
				t.Errorf("%s, %s, allowed: %s, %q", name, side, c.Gate.Verdict, c.Doubts)
			}
		}
		if c := judged(t, silent, silent, "startup-sec<=1h", Options{}); c.Gate.Verdict != reports.Pass {
			t.Errorf("%s, stated by neither: %q", name, c.Refusals)
		}
	}
	plain := "BenchmarkParse 100 5 ns/op\n"
	if c := judged(t, "goos: linux\ngoarch: amd64\n"+plain+"PASS\n", plain, "sec/op:+5%", Options{MediansJudge: true}); c.Gate.Verdict != reports.Pass {
		t.Errorf("benchmarks of others: %q", c.Refusals)
	}
}

// TestBelowZero: what cannot be below 0 is refused with its line; what is saved, a bias, the
// ends of intervals and units of others may be.
func TestBelowZero(t *testing.T) {
	for line, refused := range map[string]bool{
		"BenchmarkStartup/app=web 1 -5 startup-sec": true, "BenchmarkStartup/app=web 1 -5 pulled-B": true, "BenchmarkWorkload/arm=cold 1 -1 makespan-sec": true,
		"BenchmarkPlan/arm=planned 1 -1 waiting-sec": true, "BenchmarkMatch/app=web 1 -1 saved-B": true, "BenchmarkImages 1 -1 union-B": true,
		"BenchmarkParse 1 -5 ns/op": true, "BenchmarkTeam 1 -5 startup-sec": true, "BenchmarkTeam -5 1 sec": true, "BenchmarkPlan/arm=planned 1 -1 cost-USD": true,
		"BenchmarkPlan/arm=planned 1 -5 saved-sec": false, "BenchmarkPlan/arm=planned 1 -5 net-saved-USD": false, "BenchmarkPool/pool=a 1 -5 cost-USD": false,
		"BenchmarkStartup/app=web 1 -5 startup-mean-low-sec": false, "BenchmarkCalibration/class=all 1 -0.1 bias-fraction": false, "BenchmarkTeam 1 -5 drift": false,
	} {
		_, err := Read("result.txt", []byte("source: simulated\n"+line+"\n"))
		if (err != nil) != refused || refused && !strings.Contains(err.Error(), "result.txt:2: ") {
			t.Errorf("%s: %v, refused %v", line, err, refused)
		}
	}
}

// diffOf is a saved diff of which NEW's layers could not be read.
func diffOf(unread ...layers.Unscanned) *reports.Diff {
	start := reports.DiffStart{Ready: time.Second}
	image := reports.DiffImage{Reference: "oci:web", Digest: "sha256:" + layers.Digest(strings.Repeat("a", 64)), Platform: "linux/amd64", Layers: 3, Cold: start, Cached: start}
	d := &reports.Diff{Provenance: simulate.Provenance{Version: "1", Model: 1, Profile: "p", ProfileDigest: "sha256:aa"}, Old: image, New: image, Update: start, Layers: []reports.DiffLayer{}}
	d.New.Unread = unread
	return d
}

// TestUnread: a diff of an image of which a layer could not be read is refused, on either
// side, from its document and its text, whatever is allowed; so is one of before whose own
// rules were not judged.
func TestUnread(t *testing.T) {
	digest := layers.Digest("sha256:" + strings.Repeat("b", 64))
	unread := diffOf(layers.Unscanned{Digest: digest, Reason: "it is not there", Absent: true})
	before := diffOf()
	before.Gate = &reports.Gate{Verdict: reports.Unjudged, Outcomes: []reports.Outcome{{Rule: "new-B<=5MB", Result: reports.Unjudged, Figure: "new-B", Reason: "2 layers could not be read"}}}
	document := func(d *reports.Diff) string {
		data, err := document.Marshal(reports.DiffKind, d)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	text := func(d *reports.Diff) string {
		var b strings.Builder
		if err := reports.WriteDiff(&b, reports.Bench, d, reports.Options{}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for name, write := range map[string]func(*reports.Diff) string{"document": document, "text": text} {
		good := write(diffOf())
		if c := judged(t, good, good, "pulled-B<=5MB", Options{}); c.Gate.Verdict != reports.Pass {
			t.Fatalf("%s: %q", name, c.Refusals)
		}
		for want, bad := range map[string]*reports.Diff{
			fmt.Sprintf("1 layer of 3 of image oci:web could not be read: %s (it is not there)", digest):                                      unread,
			"the rules of the diff of oci:web could not be judged: a rule cannot be judged: new-B<=5MB (unknown: 2 layers could not be read)": before,
		} {
			allow := Options{Allow: Allowable()}
			if c := judged(t, good, write(bad), "pulled-B<=5MB", allow); c.Gate.Verdict != reports.Unjudged || !slices.Equal(c.Refusals, []string{"NEW: " + want}) || Err(c) == nil {
				t.Errorf("%s: %q, want %s", name, c.Refusals, want)
			}
			if c := judged(t, write(bad), good, "pulled-B<=5MB", allow); c.Gate.Verdict != reports.Unjudged || !slices.Equal(c.Refusals, []string{"OLD: " + want}) {
				t.Errorf("%s: %q, want %s", name, c.Refusals, want)
			}
		}
	}
}

// TestCounts: the error on other runs is another one, and a month of all apps
// with more starts another month; a simulation's line of all apps may have one more.
func TestCounts(t *testing.T) {
	for line, want := range map[string]string{
		"Calibration/arm=cold %d 0.1 error-fraction":    "other measured runs: their numbers differ of all apps, cold (5, then 7) (--allow starts)",
		"Plan/arm=planned/baseline=cold %d 1 saved-sec": "another workload: the numbers of starts differ of all apps, planned, baseline=cold (5, then 7) (--allow starts)",
		"Match/arm=automatic %d 1 hit-fraction":         "another workload: the numbers of starts differ of all apps, automatic (5, then 7) (--allow starts)",
		"Workload/arm=cold %d 1 startup-sec":            "",
	} {
		text := func(n int) string { return head + "Benchmark" + fmt.Sprintf(line, n) + "\n" }
		c := Compare(read(t, text(5)), read(t, text(7)), Options{})
		if got := strings.Join(c.Refusals, "|"); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
		if c := Compare(read(t, text(5)), read(t, text(7)), Options{Allow: []string{Starts}}); !c.IsComparable() || len(c.Doubts) != 1 {
			t.Errorf("%s, allowed: %q, %q", line, c.Refusals, c.Doubts)
		}
	}
}

// TestPlanTerms: a plan under another budget, or with another worth of an hour, is another
// plan.
func TestPlanTerms(t *testing.T) {
	old := head + "budget: USD 5\nworth: none\nBenchmarkPlan/arm=planned 5 1 saved-sec\n"
	for name, change := range map[string][2]string{Budget: {"USD 5", "USD 6"}, Worth: {"none", "USD 100"}} {
		now := strings.Replace(old, change[0], change[1], 1)
		if c := judged(t, old, now, "saved-sec:-5%", Options{}); c.Gate.Verdict != reports.Unjudged || !strings.HasPrefix(c.Refusals[0], "another "+name+": OLD's is "+change[0]) {
			t.Errorf("%s: %q", name, c.Refusals)
		}
		if c := judged(t, old, now, "saved-sec:-5%", Options{Allow: []string{name}}); c.Gate.Verdict != reports.Pass || len(c.Doubts) != 1 {
			t.Errorf("%s: %q, %q", name, c.Refusals, c.Doubts)
		}
	}
}
