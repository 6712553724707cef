package reports

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// Every cause that a simulation may name has words here, and no two the same.
func TestCauseWords(t *testing.T) {
	source, err := os.ReadFile("../simulate/hold.go")
	if err != nil {
		t.Fatal(err)
	}
	causes := regexp.MustCompile(`(?m)^\tBy\w+ +Cause = "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(causes) < 20 || len(causes) != len(causeWords) {
		t.Fatalf("%d causes, words of %d", len(causes), len(causeWords))
	}
	seen := make(map[string]bool)
	for _, match := range causes {
		words, ok := causeWords[simulate.Cause(match[1])]
		if !ok || words.words == "" || seen[words.words] {
			t.Errorf("cause %s: words %q", match[1], words.words)
		}
		seen[words.words] = true
	}
}

// Sums, the longest intervals and levers of an explained start.
func TestExplained(t *testing.T) {
	const s = time.Second
	x := simulate.Explanation{
		Source: simulate.Simulated, Arm: simulate.ArmCold, App: "web", QuantileFraction: 0.5, Starts: 3, Requested: 5 * s, Ready: 10 * s, Node: "n1", Now: 10 * s, LeverRepeats: 20,
		Holds: []simulate.Hold{
			{Start: 0, End: s, By: simulate.ByProvision},
			{Start: s, End: 4 * s, By: simulate.ByLink, Link: "rack", Image: "r.example.com/shop/web:1", Layer: "sha256:aaaaaaaaaaaaaaaa"},
			{Start: 4 * s, End: 6 * s, By: simulate.ByOrder, Image: "r.example.com/shop/web:1", Layer: "sha256:aaaaaaaaaaaaaaaa", Behind: "sha256:bbbbbbbbbbbbbbbb", Meanwhile: simulate.ByLink, Link: "rack"},
			{Start: 6 * s, End: 10 * s, By: simulate.ByLink, Link: "rack", Image: "r.example.com/shop/web:1", Layer: "sha256:cccccccccccccccc"},
		},
		Levers: []simulate.Lever{
			{Parameter: "network.links.rack.bytesPerSecond", Change: "x2", Ready: 6 * s},
			{Parameter: "start.provisionSeconds", Change: "x0.5", Ready: 9500 * time.Millisecond},
			{Parameter: "pull.requestOrder", Change: "manifest", Ready: 9960 * time.Millisecond},
			{Parameter: "unpack.cores", Change: "x2", Ready: 11 * s},
		},
	}
	same, never := x, simulate.Explanation{Source: simulate.Simulated, Arm: simulate.ArmCold, App: "late", Starts: 2, QuantileFraction: 0.5, Void: "app late has pull policy Never"}
	same.Arm = simulate.ArmAutomatic
	r := New(Input{Timeline: &simulate.Timeline{Explanations: []simulate.Explanation{x, same, never}}})
	var out, page bytes.Buffer
	if err := errors.Join(Write(&out, Text, r, Options{}), Write(&page, HTML, r, Options{})); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Where the time of a start of web went, cold: ready after 10.0 s (simulated; the median of its 3\nstarts, requested at 5.00 s on node n1)",
		"link rack, shared by transfers                 7.00 s   70 %\n  order: later layers first, over the link rack  2.00 s   20 %\n  provisioning the instance or sandbox           1.00 s   10 %",
		"aaaaaaaaaaaa, behind bbbbbbbbbbbb",
		"What would shorten it most: network.links.rack.bytesPerSecond, twice: the median is then ready\n  after 6.00 s instead of 10.0 s (40 % less, over 20 repeats).",
		"  start.provisionSeconds, half                   9.50 s  0.50 s\n",
		"Would shorten it by less than 0.5 %: pull.requestOrder: manifest; unpack.cores, twice.",
		"went, automatic: ready after 10.0 s (simulated; the median of its 3\nstarts, requested at 5.00 s on node n1)\n  just as in arm cold\n",
		"Where the time of a start of late went, cold (simulated)\n  None of its 2 starts becomes ready: app late has pull policy Never.\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	var comment bytes.Buffer
	if err := Write(&comment, Markdown, r, Options{}); err != nil {
		t.Fatal(err)
	}
	if want := "on node n1): link rack, shared by transfers 7.00 s, order: later layers first, over the link rack 2.00 s, provisioning the instance or sandbox 1.00 s. What would shorten it most: network.links.rack.bytesPerSecond, twice"; !strings.Contains(comment.String(), want) {
		t.Errorf("no %q in\n%s", want, &comment)
	}
	if n := strings.Count(page.String(), `class="chart held"`); n != 1 {
		t.Errorf("%d strips on the page, one start goes as the other", n)
	}
}
