package simulate

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
)

// recordOf explains one start.
func recordOf(inv *layers.Inventory, profile *Profile, starts []Start, options *Options, start int) (*Explanation, error) {
	w, err := newWorld(inv, profile)
	if err != nil {
		return nil, err
	}
	x := &explaining{starts: inRequestOrder(starts), opt: options, app: starts[start].App}
	return x.record(context.Background(), w, start)
}

// holdHeld compares a line of a case with what held its start up.
func (c *caseFile) holdHeld(start int, words []string) error {
	if len(words) != 4 {
		return fmt.Errorf("a hold is a cause or a link, a layer or -, and two times")
	}
	x, err := recordOf(c.inv, c.profile, c.starts, &c.options, start)
	if err != nil {
		return err
	}
	var seen []string
	for _, h := range x.Holds {
		hold := []string{cmp.Or(h.Link, string(h.By)), cmp.Or(string(h.Layer), "-"), writeSeconds(h.Start), writeSeconds(h.End)}
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
		if x.Ready != startups[i].Ready {
			t.Fatalf("start %d is ready after %v, explained after %v", i, startups[i].Ready, x.Ready)
		}
		if len(startups[i].Spans) > 2000 {
			t.Skip("refused so often that comparing takes minutes")
		}
		at := time.Duration(0)
		for k := range x.Holds {
			h := &x.Holds[k]
			if h.Start != at || h.End <= h.Start || k > 0 && h.alike(&x.Holds[k-1]) {
				t.Fatalf("start %d: hold %d does not follow: %+v", i, k, x.Holds)
			}
			at = h.End
			if !doing(&startups[i], h) {
				t.Fatalf("start %d: it has no span of what it is held by: %+v", i, h)
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
