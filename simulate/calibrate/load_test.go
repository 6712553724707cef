package calibrate

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
)

// TestVoidRunMadeAgain: a void run is made again under the same repeat; the one that
// counts is not lost with it, and each void one is counted.
func TestVoidRunMadeAgain(t *testing.T) {
	w := newWorld(t, 30)
	w.arm("a", "", nil, 3, start{1, 0}, start{2, 0})
	m := w.timeline.Measurement
	good := slices.Clone(w.timeline.Startups)
	// Repeat 0 was void twice, once before anything was started; repeat 1 once.
	for _, v := range []struct {
		repeat int
		starts bool
	}{{0, true}, {0, false}, {1, true}} {
		run := simulate.MeasuredRun{Arm: "a", Repeat: v.repeat, Void: "other processes used 30 % of the cores"}
		m.Runs = append([]simulate.MeasuredRun{run}, m.Runs...)
		for _, s := range good[2*v.repeat : 2*v.repeat+2] {
			if s.Ready, s.Void = time.Hour, run.Void; v.starts {
				w.timeline.Startups = append([]simulate.Startup{s}, w.timeline.Startups...)
			}
		}
	}
	d := w.load(brisk)
	if c := d.begin(); c.Runs != 3 || c.VoidRuns != 3 || c.Startups != 6 || c.Arms != 1 {
		t.Errorf("%d runs and %d void of %d arms, %d startups", c.Runs, c.VoidRuns, c.Arms, c.Startups)
	}
	if c := d.cells[0]; len(c.runs) != 3 || c.measured.total > 600 {
		t.Errorf("%d runs, a median of %g s", len(c.runs), c.measured.total)
	}
	// What never counted does not, whatever its startups say.
	m.Runs = slices.DeleteFunc(m.Runs, func(r simulate.MeasuredRun) bool { return r.Repeat == 1 && r.Void == "" })
	if c := w.load(brisk).begin(); c.Runs != 2 || c.VoidRuns != 3 {
		t.Errorf("%d runs and %d void", c.Runs, c.VoidRuns)
	}
}

// TestMakings: the making of an image cache is no start, and nothing is fitted to it.
func TestMakings(t *testing.T) {
	w := newWorld(t, 30)
	w.arm("a", "", nil, 2, start{1, 0})
	w.arm("a make", "", nil, 2, start{1, 0})
	for i := range w.timeline.Measurement.Arms {
		if a := &w.timeline.Measurement.Arms[i]; a.Arm == "a make" {
			a.Making = true
		}
	}
	if c := w.load(brisk).begin(); c.Runs != 2 || c.Arms != 1 {
		t.Errorf("%d runs of %d arms, want those of a alone", c.Runs, c.Arms)
	}
}

// TestVoidWithoutNotes: of runs of which only the startups are known one is void where
// any of its startups is.
func TestVoidWithoutNotes(t *testing.T) {
	w := newWorld(t, 30)
	w.arm("a", "", nil, 2, start{1, 0}, start{2, 0})
	w.timeline.Measurement.Runs = nil
	w.timeline.Startups[3].Void = "connection refused"
	if c := w.load(brisk).begin(); c.Runs != 1 || c.VoidRuns != 1 || c.Startups != 2 {
		t.Errorf("%d runs and %d void, %d startups", c.Runs, c.VoidRuns, c.Startups)
	}
}

// TestConditionsApart: runs of one arm's name are of one arm only in the same
// conditions.
func TestConditionsApart(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*simulate.Measurement)
		arms   int
		doubt  string
	}{
		{"none", func(*simulate.Measurement) {}, 1, ""},
		{"how it was started", func(m *simulate.Measurement) { m.Arms[0].Starts = []string{"pull only"} }, 2, ""},
		{"page cache", func(m *simulate.Measurement) { m.Arms[0].DropPageCache = true }, 2, "In 1 of 2 arms the page cache was dropped"},
		{"another host of as many cores", func(m *simulate.Measurement) {
			m.Facts = append(slices.Clone(m.Facts), simulate.Fact{Name: "CPU", Value: "another"})
		}, 2, "what differs is CPU"},
		{"another tool", func(m *simulate.Measurement) { m.Tool = "pull" }, 2, "different hosts or versions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var files []File
			for _, name := range []string{"a.json", "b.json"} {
				w := newWorld(t, 31)
				w.arm("a", "", nil, 2, start{1, 0})
				if name == "b.json" {
					later(w.timeline)
					c.change(w.timeline.Measurement)
				}
				files = append(files, File{name, w.timeline})
			}
			d, err := Load(files, brisk)
			if err != nil {
				t.Fatal(err)
			}
			if len(d.cells) != c.arms || len(d.cells[0].runs) != 4/c.arms {
				t.Errorf("%d arms, %d runs in the first", len(d.cells), len(d.cells[0].runs))
			}
			if doubted := strings.Join(d.doubts, "\n"); c.doubt == "" && doubted != "" || !strings.Contains(doubted, c.doubt) {
				t.Errorf("doubts %q", d.doubts)
			}
		})
	}
}

// later are the same runs made an hour later.
func later(t *simulate.Timeline) {
	for i := range t.Measurement.Runs {
		r := &t.Measurement.Runs[i]
		r.At = r.At.Add(time.Hour)
	}
}

// TestRunsInSeveralFiles: an experiment that was gone on with, and a copy of it as it was
// before, are the runs of the newest alone.
func TestRunsInSeveralFiles(t *testing.T) {
	measured := func(repeats int) *simulate.Timeline {
		w := newWorld(t, 31)
		w.arm("a", "", nil, 2, start{1, 0}, start{2, 0})
		w.void()
		if repeats > 2 {
			w.arm("b", "", nil, repeats, start{3, 0})
		}
		return w.timeline
	}
	counts := func(files ...File) [4]int {
		d, err := Load(files, brisk)
		if err != nil {
			t.Fatal(err)
		}
		if doubted := strings.Join(d.doubts, " "); strings.Contains(doubted, "count once") != (len(files) > 1) {
			t.Errorf("%d files, doubts %q", len(files), d.doubts)
		}
		c := d.begin()
		return [4]int{c.Runs, c.VoidRuns, c.Startups, c.Arms}
	}
	newest := File{"z.json", measured(3)}
	want := [4]int{5, 1, 7, 2}
	if got := counts(newest); got != want {
		t.Fatalf("one file: runs, void, startups, arms %v, want %v", got, want)
	}
	if got := counts(newest, File{"copy.json", measured(3)}); got != want {
		t.Errorf("with a copy: %v, want %v", got, want)
	}
	if got := counts(newest, File{"before.json", measured(2)}, File{"copy.json", measured(3)}); got != want {
		t.Errorf("with what it was before: %v, want %v", got, want)
	}
}

// TestPullsInSeveralFiles: of two imports whose snapshots overlap each pull counts once,
// whatever the time that each counts from.
func TestPullsInSeveralFiles(t *testing.T) {
	first, second := pullTimeline(7, 10, 60e6, 0.8), pullTimeline(7, 12, 60e6, 0.8)
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for i, timeline := range []*simulate.Timeline{first, second} {
		from := at.Add(time.Duration(i) * time.Hour)
		timeline.Measurement.Facts = []simulate.Fact{{Name: "origin", Value: from.Format(time.RFC3339)}}
	}
	load := func(files ...File) *Data {
		d, err := Load(files, brisk)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	a, b := File{"a.json", first}, File{"b.json", second}
	both := len(load(a).pulls) + len(load(b).pulls)
	if d := load(a, b); len(d.pulls) != both || len(d.doubts) > 0 {
		t.Errorf("an hour apart: %d pulls of %d, doubts %q", len(d.pulls), both, d.doubts)
	}
	for i := range second.Startups { // the same times, counted from an hour later
		second.Startups[i].Requested -= time.Hour - 300*time.Millisecond
	}
	d, alone := load(a, b), load(b)
	if len(d.pulls) != len(alone.pulls) || d.present != alone.present || len(d.doubts) != 1 || !strings.Contains(d.doubts[0], "one workload import") {
		t.Errorf("%d pulls and %d present, want %d and %d; doubts %q", len(d.pulls), d.present, len(alone.pulls), alone.present, d.doubts)
	}
}

// TestOrderOfFiles: it does not matter.
func TestOrderOfFiles(t *testing.T) {
	var files []File
	for i, name := range []string{"a.json", "b.json", "c.json"} {
		w := newWorld(t, 32+uint64(i))
		for k := 1; k <= 4; k++ {
			w.arm("cold "+w.inv.Images[k].Reference, "", nil, 2, start{k, 0})
		}
		w.timeline.Measurement.Facts[1].Value = []string{"2", "4", "2"}[i]
		w.timeline.Provenance.Inputs = []simulate.Input{{Name: "experiment of " + name}}
		files = append(files, File{name, w.timeline})
	}
	text := func(files []File) string {
		d, err := Load(files, brisk)
		if err != nil {
			t.Fatal(err)
		}
		c, p, err := d.Fit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a, err := document.Marshal(Kind, c)
		if err != nil {
			t.Fatal(err)
		}
		b, err := document.Marshal(simulate.ProfileKind, p)
		if err != nil {
			t.Fatal(err)
		}
		return string(a) + string(b)
	}
	first := text(files)
	if text([]File{files[2], files[0], files[1]}) != first || text([]File{files[1], files[0], files[2]}) != first {
		t.Error("the result depends on the order of the files")
	}
}

// TestSimulatedRuns: a profile that draws nothing is simulated once, whatever the
// repeats, and so it is counted.
func TestSimulatedRuns(t *testing.T) {
	w := newWorld(t, 33)
	w.arm("a", "", nil, 1, start{1, 0})
	w.arm("b", "pull: {requestOrder: manifest}", nil, 1, start{1, 0})
	opt := brisk
	opt.Repeats = 7
	d := w.load(opt)
	v := unset()
	for i, c := range d.cells {
		want := 1
		if c.profile.Draws() {
			want = 7
		}
		before := d.evaluations
		if _, err := d.replay(t.Context(), d.cells[i:i+1], &v, nil, 7); err != nil {
			t.Fatal(err)
		}
		if got := d.evaluations - before; got != want {
			t.Errorf("arm %s: %d runs were simulated, and counted as %d", c.arm, want, got)
		}
	}
	if d.cells[0].profile.Draws() == d.cells[1].profile.Draws() {
		t.Error("neither or both of the profiles draw: this shows nothing")
	}
}
