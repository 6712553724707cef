package measure

import (
	"context"
	"errors"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// TestResume: whenever an experiment is cut off, what is resumed from the file
// makes only what is missing and ends as if it had not been.
func TestResume(t *testing.T) {
	f := newFake()
	whole, err := Run(t.Context(), threeArms(), testInventory(), f, f.options())
	if err != nil {
		t.Fatal(err)
	}
	for cutAt := range 10 {
		f := newFake()
		ctx, cancel := context.WithCancel(t.Context())
		f.prepare = func(call int, _ *Arm) error {
			if call == 2*cutAt+1 {
				f.now = f.now.Add(-time.Second) // this run is not made
				cancel()
			}
			return nil
		}
		part, err := Run(ctx, threeArms(), testInventory(), f, f.options())
		cancel()
		if cutAt < 9 && !errors.Is(err, context.Canceled) || len(part.Measurement.Runs) != cutAt || len(part.Startups) != cutAt {
			t.Fatalf("cut at %d: %v, %d runs", cutAt, err, len(part.Measurement.Runs))
		}
		read, err := simulate.ReadTimeline("t.json", []byte(text(part)))
		if err != nil {
			t.Fatal(err)
		}
		before := text(read)
		f.prepare, f.runs = nil, 0
		opt := f.options()
		opt.Resume = read
		rest, err := Run(t.Context(), threeArms(), testInventory(), f, opt)
		if err != nil || f.runs != 9-cutAt {
			t.Fatalf("resumed at %d: %v, %d runs made", cutAt, err, f.runs)
		}
		if diff := cmp.Diff(text(whole), text(rest)); diff != "" {
			t.Errorf("resumed at %d: %s", cutAt, diff)
		}
		if text(read) != before {
			t.Error("what was resumed from was changed")
		}
	}
}

// TestResumeElsewhere: runs of another registry, another network or another version
// are not gone on with; of a timeline that does not tell, a doubt does.
func TestResumeElsewhere(t *testing.T) {
	l, err := lab.New(t.Context(), http.NotFoundHandler(), lab.Options{Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	experiment := func() *Experiment {
		e := threeArms()
		for i := range e.Arms {
			e.Arms[i].DropPageCache = false // the site below serves nothing
		}
		return e
	}
	site := &Site{Lab: l}
	var done [2]*simulate.Timeline
	for i, from := range []*Site{nil, site} {
		f := newFake()
		opt := f.options()
		opt.Site = from
		if done[i], err = Run(t.Context(), experiment(), testInventory(), f, opt); err != nil {
			t.Fatal(err)
		}
	}
	without := func(facts []simulate.Fact, name string) []simulate.Fact {
		return slices.DeleteFunc(facts, func(f simulate.Fact) bool { return f.Name == name })
	}
	for _, test := range []struct {
		name   string
		done   *simulate.Timeline
		change func(tl *simulate.Timeline, inv *layers.Inventory, opt *Options)
		want   string
	}{
		{"the same", done[0], func(*simulate.Timeline, *layers.Inventory, *Options) {}, ""},
		{"the same site", done[1], func(_ *simulate.Timeline, _ *layers.Inventory, o *Options) { o.Site = site }, ""},
		{"served now", done[0], func(_ *simulate.Timeline, _ *layers.Inventory, o *Options) { o.Site = site }, "registry was as the images name it, now it is of the experiment's own: measure anew, or as it was"},
		{"served then", done[1], func(*simulate.Timeline, *layers.Inventory, *Options) {}, "registry was of the experiment's own, now it is as the images name it"},
		{"another link", done[1], func(tl *simulate.Timeline, _ *layers.Inventory, o *Options) {
			o.Site = site
			tl.Measurement.Facts = append(without(tl.Measurement.Facts, FactLink), simulate.Fact{Name: FactLink, Value: "network namespaces, token bucket filter"})
		}, "link was network namespaces, token bucket filter, now it is loopback, paced"},
		{"another version", done[0], func(_ *simulate.Timeline, _ *layers.Inventory, o *Options) { o.Version = "newer" }, "cachebench was test, now it is newer: measure anew, or as it was"},
		{"by an index now", done[0], func(_ *simulate.Timeline, inv *layers.Inventory, _ *Options) { inv.Images[0].IndexDigest = "sha256:i" }, "image registry.test/base:1 was sha256:of-registry.test/base:1, now it is sha256:of-registry.test/base:1 by index sha256:i"},
	} {
		old, err := simulate.ReadTimeline("t.json", []byte(text(test.done)))
		if err != nil {
			t.Fatal(err)
		}
		f := newFake()
		opt := f.options()
		opt.Resume = old
		test.change(old, f.inv, &opt)
		_, err = Run(t.Context(), experiment(), f.inv, f, opt)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}

	// So with other places that images come from where they are.
	facts := func(o Origin) []simulate.Fact {
		fact, err := o.Fact()
		if err != nil {
			t.Fatal(err)
		}
		return []simulate.Fact{fact}
	}
	mirrored := newFake()
	mirrored.facts = facts(Origin{Mirrors: map[string][]string{"registry.test": {"mirror.test"}}})
	through, err := Run(t.Context(), experiment(), testInventory(), mirrored, mirrored.options())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		facts []simulate.Fact
		want  string // empty: it goes on
	}{
		{mirrored.facts, ""},
		{nil, "registry was as the images name it, but registry.test through mirror.test, now it is as the images name it: measure anew, or as it was"},
		{facts(Origin{Aliases: map[string]string{"registry.test": "mirror.test"}}), "now it is as the images name it, but registry.test as mirror.test"},
	} {
		f := newFake()
		f.facts = test.facts
		opt := f.options()
		opt.Resume = through
		if _, err := Run(t.Context(), experiment(), testInventory(), f, opt); test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("resumed with %v: %v, want %s", test.facts, err, test.want)
		}
	}

	// A timeline of before these facts, cut off, is gone on with; then they are not known
	// of all runs together, however often it is resumed.
	old, err := simulate.ReadTimeline("t.json", []byte(text(done[0])))
	if err != nil {
		t.Fatal(err)
	}
	old.Measurement.Facts = without(without(old.Measurement.Facts, FactRegistry), FactLink)
	for range 2 {
		old.Measurement.Runs, old.Startups = old.Measurement.Runs[:8], old.Startups[:8]
		f := newFake()
		opt := f.options()
		opt.Site, opt.Resume = site, old
		if old, err = Run(t.Context(), experiment(), testInventory(), f, opt); err != nil || f.runs != 1 {
			t.Fatalf("%d runs, %v", f.runs, err)
		}
		for _, name := range []string{FactRegistry, FactLink} {
			doubt := "the first runs were made before cachebench noted the " + name + " of an experiment: it is not known whether later ones have the same"
			if !slices.Contains(old.Doubts, doubt) || slices.ContainsFunc(old.Measurement.Facts, func(f simulate.Fact) bool { return f.Name == name }) {
				t.Errorf("doubts %q, facts %v", old.Doubts, old.Measurement.Facts)
			}
		}
	}
}

// TestResumeLimit: a limit that is given, or made tighter, when an experiment is gone on
// with holds for the runs of before as for the new ones. What an earlier limit has voided
// stays so.
func TestResumeLimit(t *testing.T) {
	self := os.Getpid()
	files := proc(totals(0, 0, 0, 0, 0, 0, 0, 0), map[int]string{self: line(self, "x", 1, 0, 0, 0, 0)})
	var all, user int
	var shares []int // of 1000 ticks, of one run after another
	session := func(resume *simulate.Timeline, limit float64, of ...int) (*simulate.Timeline, *fakeRunner) {
		t.Helper()
		f, e := newFake(), threeArms()
		e.Repeats, shares = 1, of
		f.change = func(run int, _ *Arm, s []simulate.Startup) ([]simulate.Startup, error) {
			all, user = all+1000, user+shares[run-1]
			files["stat"].Data = []byte(totals(user, 0, 0, all-user, 0, 0, 0, 0))
			return s, nil
		}
		opt := f.options()
		opt.proc, opt.Resume, opt.MaxOtherCPUFraction, opt.Retries = files, resume, limit, -1
		tl, err := Run(t.Context(), e, testInventory(), f, opt)
		if err != nil && !errors.Is(err, ErrNothingCounts) {
			t.Fatal(err)
		}
		read, err := simulate.ReadTimeline("t.json", []byte(text(tl)))
		if err != nil {
			t.Fatal(err)
		}
		return read, f
	}
	voids := func(tl *simulate.Timeline) (runs, startups int) {
		for _, r := range tl.Measurement.Runs {
			if r.Void != "" {
				runs++
			}
		}
		for _, u := range tl.Startups {
			if u.Void != "" {
				startups++
			}
		}
		return runs, startups
	}

	loose, _ := session(nil, 0, 30, 600, 100)
	if runs, _ := voids(loose); runs != 0 || len(loose.Measurement.Runs) != 3 {
		t.Fatalf("without a limit %d of %d runs are void", runs, len(loose.Measurement.Runs))
	}
	before := text(loose)
	tight, f := session(loose, 0.2, 50)
	const want = "other processes used 60.0 % of the cores, more than the 20.0 % allowed"
	if runs, startups := voids(tight); f.runs != 1 || runs != 1 || startups != 1 || tight.Measurement.Runs[1].Void != want || tight.Startups[1].Void != want {
		t.Errorf("%d runs were made again, %d runs and %d startups are void, the noisy one because %q", f.runs, runs, startups, tight.Measurement.Runs[1].Void)
	}
	if again := tight.Measurement.Runs[3]; again.Arm != tight.Measurement.Runs[1].Arm || again.Repeat != 0 || again.Void != "" {
		t.Errorf("the noisy run was made again as %+v", again)
	}
	if text(loose) != before {
		t.Error("what was resumed from was changed")
	}
	if !slices.Contains(tight.Doubts, "other processes used a median 5 % of the cores, at most 10 %") {
		t.Errorf("doubts %q", tight.Doubts)
	}
	// With no limit again nothing is left to do, and what was void stays so.
	if last, f := session(tight, 0); f.runs != 0 || text(last) != text(tight) {
		t.Errorf("resumed without the limit: %d runs", f.runs)
	}
}

// TestResumeRefused: another experiment, host or inventory is named.
func TestResumeRefused(t *testing.T) {
	f := newFake()
	f.facts = []simulate.Fact{{Name: FactKernel, Value: "6.1"}, {Name: FactDecoder, Value: "igzip"}}
	done, err := Run(t.Context(), threeArms(), testInventory(), f, f.options())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*fakeRunner, *Experiment, *simulate.Timeline)
		want   string
	}{
		{"nothing", func(*fakeRunner, *Experiment, *simulate.Timeline) {}, ""},
		{"more repeats", func(_ *fakeRunner, e *Experiment, _ *simulate.Timeline) { e.Repeats = 4 }, ""},
		{"seed", func(_ *fakeRunner, e *Experiment, _ *simulate.Timeline) { e.Seed = 8 }, "seed was 7, now it is 8: measure anew, or as it was"},
		{"kernel", func(f *fakeRunner, _ *Experiment, _ *simulate.Timeline) {
			f.facts = []simulate.Fact{{Name: FactKernel, Value: "6.2"}}
		}, "kernel was 6.1, now it is 6.2: measure anew, or as it was"},
		{"decoder", func(f *fakeRunner, _ *Experiment, _ *simulate.Timeline) { f.facts = f.facts[:1] }, "gzip decoder was igzip, now it is not known: measure anew, or as it was"},
		{"image", func(f *fakeRunner, _ *Experiment, _ *simulate.Timeline) { f.inv.Images[0].Digest = "sha256:new" }, "image registry.test/base:1 was sha256:of-registry.test/base:1, now it is sha256:new: measure anew, or as it was"},
		{"link", func(_ *fakeRunner, e *Experiment, _ *simulate.Timeline) { e.Arms[0].Link.Rate = 50e6 }, `the conditions of arm cold was {`},
		{"keep", func(_ *fakeRunner, e *Experiment, _ *simulate.Timeline) { e.Arms[2].Keep = []string{app, base} }, "what arm full keeps was [registry.test/app:1], now it is [registry.test/app:1 registry.test/base:1]: measure anew, or as it was"},
		{"page cache", func(_ *fakeRunner, e *Experiment, _ *simulate.Timeline) { e.Arms[2].DropPageCache = false }, "dropPageCache of arm full was true, now it is false: measure anew, or as it was"},
		{"node", func(_ *fakeRunner, e *Experiment, _ *simulate.Timeline) { e.Arms[0].Starts[0].Node = 3 }, "arm cold: start 1 was [registry.test/app:1] as registry.test/app:1 on node-0, now it is [registry.test/app:1] as registry.test/app:1 on node-3: measure anew"},
		{"readiness", func(_ *fakeRunner, e *Experiment, _ *simulate.Timeline) {
			e.Arms[0].Starts[0].Args, e.Arms[0].Starts[0].Readiness = []string{"secret"}, &Readiness{By: ReadyTCP, Port: 80}
		}, `how arm cold starts was [], now it is ["arguments of digest sha256:2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b, ready by tcp, port 80, within 2m0s"]: measure anew, or as it was`},
		{"new arm", func(_ *fakeRunner, e *Experiment, _ *simulate.Timeline) {
			e.Arms = append(e.Arms, Arm{Name: "more", Starts: start(app)})
		}, "arm more is new: measure anew"},
		{"no arm", func(_ *fakeRunner, e *Experiment, _ *simulate.Timeline) { e.Arms = e.Arms[:2] }, "arm full is no longer there: measure anew"},
		{"simulated", func(_ *fakeRunner, _ *Experiment, tl *simulate.Timeline) { tl.Measurement = nil }, "the timeline does not say how it was measured: it is of no experiment"},
		{"twice", func(_ *fakeRunner, _ *Experiment, tl *simulate.Timeline) {
			tl.Measurement.Runs = append(tl.Measurement.Runs, tl.Measurement.Runs[0])
		}, " twice"},
		{"startups lost", func(_ *fakeRunner, _ *Experiment, tl *simulate.Timeline) { tl.Startups = nil }, "it had 0 starts, now it has 1: measure anew"},
	} {
		f, e := newFake(), threeArms()
		f.facts = []simulate.Fact{{Name: FactKernel, Value: "6.1"}, {Name: FactDecoder, Value: "igzip"}}
		old, err := simulate.ReadTimeline("t.json", []byte(text(done)))
		if err != nil {
			t.Fatal(err)
		}
		test.change(f, e, old)
		opt := f.options()
		opt.Resume = old
		_, err = Run(t.Context(), e, f.inv, f, opt)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}
