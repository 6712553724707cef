package cachebench_test

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
	"github.com/klauspost/compress/gzip"
)

func pullHistory(t *testing.T) *workload.PullHistory {
	t.Helper()
	var importer workload.PullImporter
	for _, name := range []string{"first.json", "second.json"} {
		f, err := os.Open(filepath.Join("workload", "testdata", "pulls", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := importer.Read(name, f); err != nil {
			t.Fatal(err)
		}
	}
	h, err := importer.History(workload.PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestPullTimeline: what each kind of pull is as a startup; the figures are those
// worked out by hand for package workload.
func TestPullTimeline(t *testing.T) {
	got := cachebench.PullTimeline(pullHistory(t))
	data, err := document.Marshal(simulate.TimelineKind, got)
	if err != nil {
		t.Fatal(err)
	}
	back, err := simulate.ReadTimeline("pulls.json", data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(back.Startups, got.Startups) || back.Measurement.Tool != simulate.ToolKubelet {
		t.Error("the timeline does not read back as it was")
	}
	arms := map[string]int{}
	for i := range got.Startups {
		s := &got.Startups[i]
		arms[s.Arm]++
		if s.Source != simulate.Measured || s.Requested < 0 || s.Unsized && s.FetchedBytes != 0 {
			t.Errorf("%s of %s: %+v", s.Arm, s.App, s)
		}
		if s.Arm == simulate.ArmStart {
			sum := time.Duration(0)
			for _, d := range []*time.Duration{s.Phases.Admit, s.Phases.Provision, s.Phases.Pull, s.Phases.Create, s.Phases.Ready} {
				if d != nil {
					sum += *d
				}
			}
			if sum != s.Ready {
				t.Errorf("%s: phases add up to %v of %v", s.App, sum, s.Ready)
			}
		}
	}
	if want := map[string]int{simulate.ArmPull: 9, simulate.ArmStart: 5}; !reflect.DeepEqual(arms, want) {
		t.Errorf("startups by arm: %v, want %v", arms, want)
	}
	second := 2 * time.Second
	fetched := simulate.Startup{
		Source: simulate.Measured, Arm: simulate.ArmPull, App: "shop/web", Images: []string{"registry.example.com/shop/migrate:3.1"}, Node: "node-1",
		Requested: 6 * time.Second, Phases: simulate.Phases{Pull: &second}, Ready: second, FetchedBytes: 60e6, Hit: matcher.Miss,
	}
	if !reflect.DeepEqual(got.Startups[0], fetched) {
		t.Errorf("the first pull is %+v, want %+v", got.Startups[0], fetched)
	}
	if s := got.Startups[3]; !s.Unsized || s.Retries != 2 || s.Hit != matcher.Miss || s.FetchedBytes != 0 {
		t.Errorf("a pull of unknown size is %+v", s)
	}
	if s := got.Startups[4]; s.Hit != matcher.FullHit || s.Phases != (simulate.Phases{}) || s.FetchedBytes != 0 {
		t.Errorf("an image that was present is %+v", s)
	}
	if s := got.Startups[6]; s.Hit != "" || *s.Phases.Pull != 412*time.Millisecond || s.FetchedBytes != 0 || !s.Unsized {
		t.Errorf("a pull of which it cannot be told is %+v", s)
	}
}

// TestPullTimelineOutcomes: what becomes of each outcome in both arms.
func TestPullTimelineOutcomes(t *testing.T) {
	begin := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	second, bytes := time.Second, int64(90e6)
	for _, test := range []struct {
		name    string
		pull    workload.Pull
		hit     matcher.Hit
		fetched int64
		unsized bool
	}{
		{"pulled", workload.Pull{Outcome: workload.Pulled, CompressedBytes: &bytes}, matcher.Miss, bytes, false},
		{"of unpacked size", workload.Pull{Outcome: workload.Pulled, UnpackedBytes: &bytes}, matcher.Miss, 0, true},
		{"in place of another", workload.Pull{Outcome: workload.Pulled, CompressedBytes: &bytes, Replaces: true}, matcher.Miss, 0, true},
		{"partly", workload.Pull{Outcome: workload.PartlyPulled, CompressedBytes: &bytes}, matcher.PartialHit, 0, true},
		{"unclear", workload.Pull{Outcome: workload.Unclear, CompressedBytes: &bytes}, "", 0, true},
		{"rechecked", workload.Pull{Outcome: workload.Rechecked, CompressedBytes: &bytes}, matcher.FullHit, 0, false},
		// A start's own time is known, a pull's with waiting within is not.
		{"queued", workload.Pull{Outcome: workload.Pulled, CompressedBytes: &bytes, Queued: true}, matcher.Miss, bytes, false},
	} {
		pull := test.pull
		pull.App, pull.Reference, pull.Began, pull.Took = "a", "i:1", begin.Add(second), &second
		h := &workload.PullHistory{
			Pulls:  []workload.Pull{pull},
			Starts: []workload.PodStart{{App: "a", Images: []string{"i:1"}, Created: begin, Took: 3 * second, Pulls: []int{0}, Whole: true}},
		}
		got := cachebench.PullTimeline(h).Startups
		if s := got[1]; s.Hit != test.hit || s.FetchedBytes != test.fetched || s.Unsized != test.unsized {
			t.Errorf("a start, %s: %+v", test.name, s)
		}
		if test.pull.Queued {
			test.fetched, test.unsized = 0, true
		}
		if s := got[0]; s.Hit != test.hit || s.FetchedBytes != test.fetched || s.Unsized != test.unsized {
			t.Errorf("a pull, %s: %+v", test.name, s)
		}
		if resolve := got[0].Phases.Resolve; (resolve != nil) != (test.pull.Outcome == workload.Rechecked) || (got[0].Phases.Pull != nil) == (resolve != nil) {
			t.Errorf("a pull, %s: phases %+v", test.name, got[0].Phases)
		}
	}
}

// TestHitUnknown: summaries count no hit, partial hit or miss of a startup that does
// not tell.
func TestHitUnknown(t *testing.T) {
	second := time.Second
	timeline := cachebench.PullTimeline(&workload.PullHistory{Pulls: []workload.Pull{
		{App: "a", Reference: "i:1", Outcome: workload.Unclear, Took: &second},
		{App: "a", Reference: "i:1", Outcome: workload.Pulled, Took: &second},
	}})
	data, err := document.Marshal(simulate.TimelineKind, timeline)
	if err != nil {
		t.Fatal(err)
	}
	back, err := simulate.ReadTimeline("pulls.json", data)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append(reports.New(reports.Input{Timeline: back}).Arms, reports.New(reports.Input{Timeline: back}).Summaries...) {
		if s.Starts != 2 || s.Hits+s.Partials != 0 || s.Misses != 1 {
			t.Errorf("%+v", s)
		}
	}
}

// TestRecordedPullTimeline: of a real cluster's snapshots a timeline can be written. Its stamps
// are whole seconds, so that a pull of 40 ms, in the second in which its pod was made, seems to
// begin before the pod was.
func TestRecordedPullTimeline(t *testing.T) {
	var importer workload.PullImporter
	for _, name := range []string{"first.json.gz", "second.json.gz"} {
		f, err := os.Open(filepath.Join("workload", "testdata", "recorded", name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := importer.Read(name, z); err != nil {
			t.Fatal(err)
		}
	}
	h, err := importer.History(workload.PullOptions{EventLife: 3 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	early := 0
	for i := range h.Starts {
		for _, n := range h.Starts[i].Pulls {
			if p := &h.Pulls[n]; p.Took != nil && p.Began.Before(h.Starts[i].Created) {
				early++
			}
		}
	}
	if early == 0 {
		t.Error("no pull of the record seems to begin before its pod was made")
	}
	data, err := document.Marshal(simulate.TimelineKind, cachebench.PullTimeline(h))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := simulate.ReadTimeline("pulls.json", data); err != nil {
		t.Error(err)
	}
}
