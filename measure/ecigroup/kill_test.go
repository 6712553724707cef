package ecigroup

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/race"
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

// deadly is an endpoint that stops at the n-th request, before it is done or after, until
// whoever asked is dead: so each kill is one, at a point that is known.
type deadly struct {
	*ecitest.Server
	after   bool
	mu      sync.Mutex
	left    int // requests until it stops; 0 is never
	reached chan struct{}
	dead    chan struct{}
}

func (d *deadly) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	d.left--
	stops := d.left == 0
	d.mu.Unlock()
	if stops && d.after {
		d.Server.ServeHTTP(httptest.NewRecorder(), r)
	}
	if stops {
		close(d.reached)
		<-d.dead
		return
	}
	d.Server.ServeHTTP(w, r)
}

// TestKill kills processes with SIGKILL at 200 random requests, before and after they took
// effect. What they left is told by journal or tag, found and deleted, and the experiment
// is gone on with.
func TestKill(t *testing.T) {
	race.Skip(t)
	const points = 200
	whole := ecitest.NewServer(ecitest.Options{Clock: ecitest.NewFakeClock(noon, time.Second)})
	defer whole.Close()
	journals := journalDir(t)
	if _, err := runSaved(whole.URL, journals, filepath.Join(journals, "timeline.json")); err != nil {
		t.Fatal(err)
	}
	most := whole.Count("") - 20 // how many there are varies with what comes first
	draw := rand.New(rand.NewPCG(9, 9))
	for range points {
		kill(t, 1+draw.IntN(most), draw.IntN(2) == 0, draw.IntN(2) == 0)
		if t.Failed() {
			return
		}
	}
}

// kill kills one process at a request.
func kill(t *testing.T, request int, after, cleanFirst bool) {
	clock := ecitest.NewFakeClock(noon, time.Second)
	d := &deadly{
		Server: ecitest.NewHandler(ecitest.Options{Seed: uint64(request), Clock: clock}),
		after:  after, left: request, reached: make(chan struct{}), dead: make(chan struct{}),
	}
	server := httptest.NewServer(d)
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
	select {
	case <-d.reached:
		child.Process.Kill()
		<-ended
	case err := <-ended:
		t.Errorf("it ended before request %d: %v", request, err)
	}
	close(d.dead)
	if status, ok := child.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Errorf("request %d: it was not killed: %v", request, child.ProcessState)
	}
	found(t, d.Server, journals)
	client, waits := clientAt(server.URL)
	cleanUp := func() {
		if _, err := CleanUp(t.Context(), client, CleanUpOptions{JournalDir: journals, Now: waits.now, Sleep: waits.sleep}); err != nil {
			t.Error(err)
		}
		if left := d.Leftovers(); len(left) > 0 {
			t.Errorf("killed at request %d (after %v), %q is left", request, after, left)
		}
	}
	if cleanFirst {
		cleanUp()
	}
	timeline, err := runSaved(server.URL, journals, file)
	if err != nil {
		t.Errorf("killed at request %d (after %v), cleaned up first %v: %v", request, after, cleanFirst, err)
		return
	}
	complete(t, killed(), timeline)
	fromItsOwn(t, d.Server, timeline)
	if t.Failed() {
		t.Logf("killed at request %d (after %v), cleaned up first: %v", request, after, cleanFirst)
	}
	cleanUp()
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
