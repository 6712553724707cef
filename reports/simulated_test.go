package reports

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// outage is a start at 2 s that waits for its turn, meets a registry that is down
// from 5 to 9 s, and fetches its upper layer first; and an uplink of 10 Gbit/s.
func outage() Input {
	const image = "registry.example/shop/web:1"
	base, upper := digestFor("base"), digestFor("upper")
	s := simulate.Startup{
		Source: simulate.Simulated, Arm: "cold", App: "web", Images: []string{image}, Node: "n1", Hit: matcher.Miss, Requested: 2 * time.Second, Ready: 10 * time.Second,
		FetchedBytes: 30e6, Retries: 1, WastedBytes: 2e6, EvictedImages: 3, RefetchedBytes: 20e6,
		Spans: []simulate.Span{
			span(simulate.WaitTurn, image, "", 0, 2*time.Second, 0),
			span(simulate.Resolve, image, "", 2*time.Second, time.Second, 0),
			span(simulate.WaitBackOff, image, "", 3*time.Second, 4*time.Second, 0),
			span(simulate.Fetch, image, upper, 7*time.Second, time.Second, 10e6),
			span(simulate.Fetch, image, base, 7500*time.Millisecond, time.Second, 20e6),
			span(simulate.Unpack, image, base, 8500*time.Millisecond, 500*time.Millisecond, 40e6),
			span(simulate.Unpack, image, upper, 9*time.Second, time.Second, 20e6),
		},
	}
	capacity := network.Rate(1.25e9)
	most := simulate.Statistic{Value: 7}
	return Input{Timeline: &simulate.Timeline{
		Startups: []simulate.Startup{s},
		Faults: []simulate.Fault{
			{Kind: "registry-down", At: 5 * time.Second, For: 4 * time.Second},
			{Kind: "node-lost", At: 5 * time.Second, For: time.Second, Node: "n2"},
			{Kind: "registry-slow", At: time.Hour, For: time.Second, Registry: 1e6},
		},
		Observations: []simulate.Observation{{
			Source: simulate.Simulated, Arm: "cold", Repeats: 1, Bucket: 4 * time.Second,
			Links:        []simulate.LinkUse{{Link: simulate.LinkUplink, Capacity: &capacity, Carried: simulate.Course{Mean: []float64{0, 1e9, 1.234e9}}}},
			InFlight:     simulate.Course{Mean: []float64{0.5, 1, 0.25}},
			MostInFlight: &most, MostInFlightAt: 2 * time.Second,
		}},
	}}
}

func TestWaitsAndOrder(t *testing.T) {
	in := outage()
	rows := fallRows(&in.Timeline.Startups[0])
	var labels []string
	for _, r := range rows {
		labels = append(labels, r.label)
	}
	want := []string{"registry.example/shop/web:1", "resolve", short(digestFor("base"))[:7], short(digestFor("upper"))[:7]}
	if !slices.Equal(labels, want) {
		t.Errorf("rows %q, want %q: the base first, though fetched last", labels, want)
	}
	if spans := rows[1].spans; len(spans) != 3 {
		t.Errorf("the row of requests has %d spans, want both waits beside it", len(spans))
	}
	d := parsed(t, New(in))
	var legend []string
	for _, li := range all(d.root, "li", "") {
		legend = append(legend, textOf(li))
	}
	if !slices.Contains(legend, "pull waits for its turn on the node and the end of a back-off") {
		t.Errorf("no legend of the waits: %q", legend)
	}
	if waits := all(d.root, "rect", "p-wait"); len(waits) != 3 { // with the legend's
		t.Errorf("%d waits are drawn, want 2 and the legend's", len(waits))
	}
}

// The registry's fault is drawn where it is: from 3 to 7 s of a start's 10, and
// from 5 to 9 of 12 s observed. What another node or a later time meets is not.
func TestFaultBands(t *testing.T) {
	d := parsed(t, New(outage()))
	bands := all(d.root, "rect", "fault")
	var places []string
	for _, b := range bands {
		if x := attribute(b, "x"); strings.HasSuffix(x, "%") {
			places = append(places, x+" "+attribute(b, "width"))
		}
	}
	// A fall's axis ends at 10.2 s, a course's at 12.
	fall := fmt.Sprintf("%s %s", share100(3/10.2), share100(4/10.2))
	course := fmt.Sprintf("%s %s", share100(5./12), share100(4./12))
	courseNode := fmt.Sprintf("%s %s", share100(5./12), share100(1./12))
	want := []string{course, courseNode, course, courseNode, fall}
	if !slices.Equal(places, want) {
		t.Errorf("faults at %q, want %q", places, want)
	}
	var words []string
	for _, li := range all(d.root, "li", "") {
		if s := textOf(li); strings.HasPrefix(s, "fault: ") {
			words = append(words, s)
		}
	}
	if !slices.Equal(words, []string{"fault: registry down and node lost", "fault: registry down"}) {
		t.Errorf("legends %q", words)
	}
}

func TestObservedWords(t *testing.T) {
	text := written(t, Text, New(outage()), Options{})
	for _, want := range []string{
		"7, first at 2.00 s", // not the highest mean of a bucket, 1
		"1.23 GB/s (98.7 % of it), from 8.00 s to 12.0 s",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
	if page := written(t, HTML, New(outage()), Options{}); !strings.Contains(page, "the link&#39;s capacity, 1.25 GB/s (10 Gbit/s)") && !strings.Contains(page, "the link's capacity, 1.25 GB/s (10 Gbit/s)") {
		t.Error("the page does not tell the link's capacity as 1.25 GB/s (10 Gbit/s)")
	}
	for _, c := range []struct {
		value float64
		want  string
	}{{0, "0 B/s"}, {999, "999 B/s"}, {1.25e9, "1.25 GB/s"}, {12.5e6, "12.5 MB/s"}, {125e6, "125 MB/s"}, {1e6, "1 MB/s"}, {99.96e6, "100 MB/s"}} {
		if got := rate(c.value); got != c.want {
			t.Errorf("rate %v is %q, want %q", c.value, got, c.want)
		}
	}
}

func TestSetbacks(t *testing.T) {
	r := New(outage())
	d := parsed(t, r)
	_, values := d.table("Retries and evictions")
	if want := []string{"", "1", "2e+06", "3", "2e+07"}; !slices.Equal(values[0], want) {
		t.Errorf("setbacks %q, want %q", values[0], want)
	}
	if text := written(t, Text, r, Options{}); !strings.Contains(text, "cold        1            2.0 MB               3        20.0 MB") {
		t.Errorf("the text has no retries and evictions:\n%s", text)
	}
	table := written(t, CSV, r, Options{})
	for _, want := range []string{"cold,,starts,starts,,,1,", "cold,,retries,retries,,,1,", "cold,,wasted,B,,,2e+06,", "cold,,evicted_images,images,,,3,", "cold,,refetched,B,,,2e+07,"} {
		if !strings.Contains(table, want) {
			t.Errorf("the CSV form lacks %q:\n%s", want, table)
		}
	}
	if text := written(t, Text, New(shop(true)), Options{}); strings.Contains(text, "Retries") {
		t.Error("retries and evictions are told where there are none")
	}
}

// Of 3,000 apps the page compares those that gain most, in that order; the text
// stays short.
func TestManyApps(t *testing.T) {
	var tl simulate.Timeline
	m := &matcher.Matches{}
	for i := range 3000 {
		app := fmt.Sprintf("app-%04d", i)
		slow, fast := started("cold", "", float64(10+i)), started("automatic", "c", 5)
		slow.App, fast.App = app, app
		tl.Startups = append(tl.Startups, slow, fast)
		tl.Differences = append(tl.Differences, simulate.Difference{Source: simulate.Simulated, Base: "cold", Arm: "automatic", App: app, Repeats: 1})
		m.Matches = append(m.Matches, matcher.Match{App: app})
		m.Outcomes = append(m.Outcomes, matcher.Outcome{App: app, Starts: 1})
	}
	tl.Differences = append(tl.Differences, simulate.Difference{Source: simulate.Simulated, Base: "cold", Arm: "automatic", Repeats: 1})
	r := New(Input{Timeline: &tl, Matches: m, Coverage: &simulate.Coverage{LeftOut: slices.Repeat([]simulate.LeftOut{{App: "x", Reason: "y"}}, 3000)}})
	d := parsed(t, r)
	texts, _ := d.table("Ready sooner, arm against arm (simulated, one repeat); by app; 2,900 apps more")
	if len(texts) != maxTableApps || texts[0][0] != "app-2999" || texts[1][0] != "app-2998" {
		t.Errorf("%d rows, the first %q, want %d from the app that gains most", len(texts), texts[:2], maxTableApps)
	}
	if all, _ := d.table("Ready sooner, arm against arm (simulated, one repeat)"); len(all) != 1 || all[0][0] != "all" {
		t.Errorf("the first table has %d rows, want that of all apps", len(all))
	}
	if n := strings.Count(written(t, Text, r, Options{}), "\n"); n > 400 {
		t.Errorf("a text of %d lines", n)
	}
}

// The waits have a style of their own, not that of an unknown phase.
func TestWaitStyle(t *testing.T) {
	style, err := templates.ReadFile("templates/chart.css")
	if err != nil {
		t.Fatal(err)
	}
	for _, wait := range simulate.Waits() {
		if class := phaseClass(wait); !strings.Contains(string(style), "."+class+" {") || class == "p-other" || waitWords[wait] == "" {
			t.Errorf("wait %s has class %s and is called %q", wait, class, waitWords[wait])
		}
	}
}
