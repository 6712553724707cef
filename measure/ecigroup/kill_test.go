package ecigroup

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
)

// runVariable makes the test's program a run of an experiment: the endpoint's URL, the
// directory of journals and the file of the timeline, with spaces between.
const runVariable = "ECIGROUP_TEST_RUN"

// killed is the experiment that is killed.
func killed() *Experiment { return web(ArmCold, ArmAutomatic, ArmExplicit) }

// runToBeKilled is the process that is killed.
func runToBeKilled(where string) {
	words := strings.Fields(where)
	if len(words) != 3 {
		panic(where)
	}
	timeline, err := runSaved(words[0], words[1], words[2])
	if err != nil || timeline == nil {
		panic(err)
	}
}

// runSaved runs the experiment, goes on with what the file holds, and saves there.
func runSaved(url, journals, file string) (*simulate.Timeline, error) {
	client, clock := clientAt(url)
	opt := Options{JournalDir: journals, Book: cost.International(), Poll: time.Second, Now: clock.now, Sleep: clock.sleep}
	data, err := os.ReadFile(file)
	if err == nil {
		opt.Resume, err = simulate.ReadTimeline(file, data)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	opt.Save = func(t *simulate.Timeline) error {
		data, err := document.Marshal(simulate.TimelineKind, t)
		if err == nil {
			err = os.WriteFile(file+".new", data, 0o600)
		}
		if err == nil {
			err = os.Rename(file+".new", file)
		}
		return err
	}
	return Run(context.Background(), client, killed(), opt)
}

// TestKill kills processes with SIGKILL after random numbers of requests. What they left
// is found and deleted, and the experiment is gone on with.
func TestKill(t *testing.T) {
	points := 100
	if raceEnabled || testing.Short() {
		points = 2 // all of them: make exhaust
	}
	draw := rand.New(rand.NewPCG(9, 9))
	kills := 0
	for range points {
		if kill(t, 1+draw.IntN(330), draw.IntN(2) == 0) {
			kills++
		}
		if t.Failed() {
			return
		}
	}
	if !raceEnabled && kills < points/4 { // of the last ones some end before they can be killed
		t.Errorf("%d of %d processes were killed before they ended", kills, points)
	}
}

// kill says whether the process was killed before it ended.
func kill(t *testing.T, requests int, cleanFirst bool) bool {
	clock := ecitest.NewFakeClock(noon, time.Second)
	server := ecitest.NewServer(ecitest.Options{Seed: uint64(requests), Clock: clock})
	defer server.Close()
	journals := journalDir(t)
	file := filepath.Join(journals, "timeline.json")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), runVariable+"="+strings.Join([]string{server.URL, journals, file}, " "))
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	for server.Count("") < requests && len(ended) == 0 {
		time.Sleep(50 * time.Microsecond)
	}
	child.Process.Kill()
	died := <-ended != nil

	client, waits := clientAt(server.URL)
	cleanUp := func() {
		if _, err := CleanUp(t.Context(), client, CleanUpOptions{JournalDir: journals, Now: waits.now, Sleep: waits.sleep}); err != nil {
			t.Error(err)
		}
		if left := server.Leftovers(); len(left) > 0 {
			t.Errorf("killed at request %d, %q is left", requests, left)
		}
	}
	if cleanFirst {
		cleanUp()
	}
	timeline, err := runSaved(server.URL, journals, file)
	if err != nil {
		t.Errorf("killed at request %d, cleaned up first %v: %v", requests, cleanFirst, err)
		return died
	}
	complete(t, killed(), timeline)
	cleanUp()
	return died
}

// clientAt is a client of an endpoint, with a clock that its waiting moves.
func clientAt(url string) (*eci.Client, *waited) {
	key, clock := ecitest.TestKey(), &waited{at: noon}
	client, err := eci.New(eci.Config{
		RegionID: "cn-hangzhou", Endpoint: url, Sleep: clock.sleep, Now: clock.now,
		Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: eci.Secret(key.ID), Secret: eci.Secret(key.Secret)}},
	})
	if err != nil {
		panic(err)
	}
	return client, clock
}
