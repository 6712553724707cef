package simulate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/layers"
)

// recordOf explains one start.
func recordOf(inv *layers.Inventory, profile *Profile, starts []Start, options *Options, start int) (*Explanation, error) {
	w, err := newWorld(inv, profile)
	if err != nil {
		return nil, err
	}
	x := &explaining{starts: inRequestOrder(starts), opt: options, app: starts[start].App, quantile: 0.5}
	return x.record(context.Background(), w, start)
}

// holdHeld compares a line of a case with what held its start up.
func (c *caseFile) holdHeld(start int, words []string) error {
	if len(words) != 4 {
		return fmt.Errorf("a hold is a cause or a link, after what the start itself waited for and a colon where that is another's pull, a layer or -, and two times")
	}
	x, err := recordOf(c.inv, c.profile, c.starts, &c.options, start)
	if err != nil {
		return err
	}
	var seen []string
	for _, h := range x.Holds {
		by := cmp.Or(h.Link, string(h.By))
		if h.Through != "" {
			by = string(h.Through) + ":" + by
		}
		hold := []string{by, cmp.Or(string(h.Layer), "-"), writeSeconds(h.Start), writeSeconds(h.End)}
		if slices.Equal(hold, words) {
			return nil
		}
		seen = append(seen, strings.Join(hold, " "))
	}
	return fmt.Errorf("the engine says %s", strings.Join(seen, ", "))
}

// Whatever the run, the holds of each start follow one another from its request to
// ready, and during each the start does what the hold says, by its spans.
func TestHoldsOfRandomRuns(t *testing.T) {
	race.Skip(t)
	rapid.Check(t, func(t *rapid.T) {
		r := drawRun(t)
		startups, err := Run(context.Background(), r.inv, r.profile, r.starts, r.options)
		if err != nil {
			t.Skip(err) // refused, as other tests check
		}
		i := rapid.IntRange(0, len(r.starts)-1).Draw(t, "explained")
		x, err := recordOf(r.inv, r.profile, r.starts, &r.options, i)
		if err != nil {
			t.Fatal(err)
		}
		if startups[i].Void != "" {
			t.Skip("it never becomes ready")
		}
		if x.Ready != startups[i].Ready {
			t.Fatalf("start %d is ready after %v, explained after %v", i, startups[i].Ready, x.Ready)
		}
		if len(startups[i].Spans) > 2000 {
			t.Skip("refused so often that comparing takes minutes")
		}
		daemons := false // whose pulls are those of no start
		for _, setup := range r.options.Nodes {
			daemons = daemons || len(setup.Daemon) > 0
		}
		at := time.Duration(0)
		for k := range x.Holds {
			h := &x.Holds[k]
			if h.Start != at || h.End <= h.Start || k > 0 && h.alike(&x.Holds[k-1]) {
				t.Fatalf("start %d: hold %d does not follow: %+v", i, k, x.Holds)
			}
			at = h.End
			if h.Through == "" && !doing(&startups[i], h) {
				t.Fatalf("start %d: it has no span of what it is held by: %+v", i, h)
			}
			if h.Through != "" && !daemons && !othersDoing(startups, i, h) {
				t.Fatalf("start %d: no start on its node has a span of what it is held by: %+v", i, h)
			}
		}
		if at != x.Ready {
			t.Fatalf("start %d: holds end at %v of %v: %+v", i, at, x.Ready, x.Holds)
		}
	})
}

// The phases whose spans cover what a cause holds up.
var phasesOfCause = map[Cause][]Phase{
	ByAdmission: {Admit}, ByProvision: {Provision}, ByBoot: {Provision}, ByAttach: {Attach},
	ByRegistryRequests: {Resolve, Fetch}, ByRoundTrip: {Resolve, Fetch},
	ByLink: {Fetch}, ByNodeLink: {Fetch}, ByConnection: {Fetch}, ByOrder: {Fetch},
	ByLayer: {Unpack}, ByCore: {Unpack}, ByCores: {Unpack}, ByDisk: {Unpack}, ByFiles: {Unpack},
	ByCreate: {Create}, ByFirstRead: {Ready}, ByCopy: {Ready}, ByProgram: {Ready},
}

// doing says whether a span of the right phase and layer covers a hold.
func doing(s *Startup, h *Hold) bool {
	phases, ok := phasesOfCause[h.By]
	if !ok {
		return true // a wait, of which spans say nothing
	}
	layer := h.Layer
	if h.By == ByOrder {
		layer = h.Behind
	}
	at := h.Start
	for before := at - 1; before < at; { // a hold may go on over the spans of two images
		before = at
		for _, span := range s.Spans {
			if slices.Contains(phases, span.Phase) && (layer == "" || span.Layer == layer) && span.Start <= at && span.End > at {
				at = span.End
			}
		}
	}
	return at >= h.End
}

// othersDoing says whether spans of the starts on the node of one cover a hold of it.
func othersDoing(startups []Startup, start int, h *Hold) bool {
	phases, ok := phasesOfCause[h.By]
	own := &startups[start]
	if !ok || own.Node == "" {
		return own.Node != ""
	}
	layer := h.Layer
	if h.By == ByOrder {
		layer = h.Behind
	}
	at := own.Requested + h.Start
	for before := at - 1; before < at; {
		before = at
		for i := range startups {
			s := &startups[i]
			if s.Node != own.Node {
				continue
			}
			for _, span := range s.Spans {
				if slices.Contains(phases, span.Phase) && (layer == "" || span.Layer == layer) && s.Requested+span.Start <= at && s.Requested+span.End > at {
					at = s.Requested + span.End
				}
			}
		}
	}
	return at >= own.Requested+h.End
}

// TestHoldsFollowOtherPulls: of starts of different images on a node that pulls one image
// after another, what holds up the last one's turn is what holds up the pulls before it, and
// all add up to its time to ready.
func TestHoldsFollowOtherPulls(t *testing.T) {
	inv := inventory([]testLayer{{"a", 100 * mb, 300 * mb, 0}}, []testLayer{{"b", 200 * mb, 400 * mb, 0}}, []testLayer{{"c", 50 * mb, 100 * mb, 0}})
	profile := freeProfile()
	text := `
apiVersion: cachebench/v1
kind: Profile
network: {nodeBytesPerSecond: 50MB/s}
unpack: {diskBytesPerSecond: 100MB/s}
pull: {maxParallelPulls: 1}
`
	if err := document.Read("p.yaml", []byte(text), ProfileKind, profile); err != nil {
		t.Fatal(err)
	}
	starts := []Start{{App: "a", Images: []int{0}, Node: "n"}, {App: "b", Images: []int{1}, Node: "n"}, {App: "c", Requested: time.Second, Images: []int{2}, Node: "n"}}
	x, err := recordOf(inv, profile, starts, &Options{Arm: ArmCold}, 2)
	if err != nil {
		t.Fatal(err)
	}
	// By hand: a is fetched in 2 s and unpacked in 3 s, b in 4 s and 4 s, c in 1 s and 1 s; c
	// is asked for after 1 s.
	want := []Hold{
		{Start: 0, End: 1 * time.Second, By: ByNodeLink, Through: ByTurn}, {Start: 1 * time.Second, End: 4 * time.Second, By: ByDisk, Through: ByTurn},
		{Start: 4 * time.Second, End: 8 * time.Second, By: ByNodeLink, Through: ByTurn}, {Start: 8 * time.Second, End: 12 * time.Second, By: ByDisk, Through: ByTurn},
		{Start: 12 * time.Second, End: 13 * time.Second, By: ByNodeLink}, {Start: 13 * time.Second, End: 14 * time.Second, By: ByDisk},
	}
	for i := range x.Holds {
		x.Holds[i].Image, x.Holds[i].Layer = "", ""
	}
	if diff := gocmp.Diff(want, x.Holds); diff != "" || x.Ready != 14*time.Second {
		t.Errorf("ready after %v (-want +got):\n%s", x.Ready, diff)
	}
	// Two starts of one image, pulled at once: the second waits for the first's layers.
	profile.Pull.MaxParallelPulls.Value = 10
	again := []Start{{App: "a", Images: []int{0}, Node: "n"}, {App: "a", Requested: time.Second, Images: []int{0}, Node: "n"}}
	if x, err = recordOf(inv, profile, again, &Options{Arm: ArmCold}, 1); err != nil {
		t.Fatal(err)
	}
	for i := range x.Holds {
		x.Holds[i].Image, x.Holds[i].Layer = "", ""
	}
	want = []Hold{{Start: 0, End: 1 * time.Second, By: ByNodeLink, Through: ByOtherPull}, {Start: 1 * time.Second, End: 4 * time.Second, By: ByDisk, Through: ByOtherPull}}
	if diff := gocmp.Diff(want, x.Holds); diff != "" {
		t.Errorf("of one image (-want +got):\n%s", diff)
	}
}

// What a lever says is what a simulation on a profile with that value says, with
// node classes and links too, for any number of workers.
func TestExplain(t *testing.T) {
	inv := inventory([]testLayer{{"a", 100 * mb, 300 * mb, 1000}, {"b", 40 * mb, 90 * mb, 10}}, []testLayer{{"a", 100 * mb, 300 * mb, 1000}})
	profile := func(rack, gzip, poorGzip string) *Profile {
		p := freeProfile()
		text := `
apiVersion: cachebench/v1
kind: Profile
network: {registryBytesPerSecond: 500MB/s, links: {rack: {bytesPerSecond: ` + rack + `}}, attach: [rack], roundTripSeconds: 0.02}
unpack: {gzipBytesPerSecond: ` + gzip + `, layerSeconds: 0.05}
nodeClasses:
  poor: {unpack: {gzipBytesPerSecond: ` + poorGzip + `}}
`
		if err := document.Read("p.yaml", []byte(text), ProfileKind, p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	var starts []Start
	for i := range 9 {
		starts = append(starts, Start{App: "x", Requested: time.Duration(i) * 100 * ms, Images: []int{0}, NodeClass: []string{"", "poor"}[i%2]})
	}
	starts = append(starts, Start{App: "other", Images: []int{1}})
	opt := Options{Seed: 3, Arm: ArmCold}
	median := func(p *Profile) time.Duration {
		var all []time.Duration
		for _, s := range run(t, inv, p, opt, starts...) {
			if s.App == "x" {
				all = append(all, s.Ready)
			}
		}
		slices.Sort(all)
		return all[4]
	}
	given := profile("80MB/s", "100MB/s", "40MB/s")
	x, err := Explain(context.Background(), inv, given, starts, opt, "x", 0.5)
	if err != nil {
		t.Fatal(err)
	}
	if want := median(given); x.Ready != want || x.Starts != 9 || x.Arm != ArmCold {
		t.Errorf("the median of %d starts in arm %s is %v, not %v", x.Starts, x.Arm, x.Ready, want)
	}
	for _, test := range []struct {
		parameter string
		changed   *Profile
	}{
		{"network.links.rack.bytesPerSecond", profile("160MB/s", "100MB/s", "40MB/s")},
		{"unpack.gzipBytesPerSecond", profile("80MB/s", "200MB/s", "80MB/s")},
	} {
		i := slices.IndexFunc(x.Levers, func(l Lever) bool { return l.Parameter == test.parameter })
		if i < 0 {
			t.Errorf("%s was not tried: %+v", test.parameter, x.Levers)
			continue
		}
		if want := median(test.changed); x.Levers[i].Ready != want || x.Levers[i].Change != "x2" {
			t.Errorf("%s %s: %v, not %v", test.parameter, x.Levers[i].Change, x.Levers[i].Ready, want)
		}
	}
	if !slices.IsSortedFunc(x.Levers, func(a, b Lever) int { return cmp.Compare(a.Ready, b.Ready) }) {
		t.Errorf("levers out of order: %+v", x.Levers)
	}
	// The ninth of nine is the slowest.
	slowest, err := Explain(context.Background(), inv, given, starts, opt, "x", 0.9)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range run(t, inv, given, opt, starts...) {
		if s.App == "x" && s.Ready > slowest.Ready {
			t.Errorf("the slowest is ready after %v, not %v", s.Ready, slowest.Ready)
		}
	}
	opt.Workers = 1
	alone, err := Explain(context.Background(), inv, given, starts, opt, "x", 0.5)
	if diff := gocmp.Diff(x, alone); err != nil || diff != "" {
		t.Errorf("with one worker: %v\n%s", err, diff)
	}
	if _, err := Explain(context.Background(), inv, given, starts, opt, "y", 0.5); err == nil || !strings.Contains(err.Error(), "explain app y") {
		t.Errorf("of an app that there is not: %v", err)
	}
}

// Every lever changes the profile that it may be tried on, and leaves it valid.
func TestLeversChange(t *testing.T) {
	for _, name := range BuiltInNames() {
		for _, l := range levers {
			p, err := BuiltIn(name)
			if err != nil {
				t.Fatal(err)
			}
			if !l.isAble(p) {
				continue
			}
			before := p.Values()
			l.change(p)
			if err := p.Validate(); err != nil {
				t.Errorf("%s, %s %s: %v", name, l.Parameter, l.Change, err)
			}
			for i, v := range p.Values() {
				if changed := v.Value != before[i].Value; changed != (v.Name == l.Parameter) {
					t.Errorf("%s, %s %s: %s is %s, before %s", name, l.Parameter, l.Change, v.Name, v.Value, before[i].Value)
				}
			}
		}
	}
}
