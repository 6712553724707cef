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
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
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
	if s := got.Startups[6]; s.Hit != matcher.FullHit || s.Phases.Pull != nil || *s.Phases.Resolve != 412*time.Millisecond || s.FetchedBytes != 0 {
		t.Errorf("an image that was asked about is %+v", s)
	}
}
