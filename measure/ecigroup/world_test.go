package ecigroup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
)

// world is an endpoint, its clock, and all that a run needs. Sleeping is the server's
// time passing: nothing waits.
type world struct {
	t      testing.TB
	server *ecitest.Server
	opt    Options
	saved  *simulate.Timeline
	// transport sees every request; nil is the network.
	transport http.RoundTripper
	retry     eci.Retry
}

func newWorld(t testing.TB, opt ecitest.Options) *world {
	w := &world{t: t, server: ecitest.NewServer(opt)}
	t.Cleanup(w.server.Close)
	w.opt = Options{
		Version: "test", JournalDir: journalDir(t), Book: cost.International(), MaxDuration: 24 * time.Hour,
		Now: w.server.Now, Sleep: w.sleep,
	}
	w.opt.Save = w.save
	return w
}

func (w *world) sleep(ctx context.Context, d time.Duration) error {
	if ctx.Err() == nil {
		w.server.Advance(d)
	}
	return ctx.Err()
}

// save keeps the timeline as a file would: through its document.
func (w *world) save(t *simulate.Timeline) error {
	data, err := document.Marshal(simulate.TimelineKind, t)
	if err != nil {
		return err
	}
	w.saved, err = simulate.ReadTimeline("saved.json", data)
	return err
}

func (w *world) client() *eci.Client {
	key := ecitest.TestKey()
	c, err := eci.New(eci.Config{
		RegionID: "cn-hangzhou", Endpoint: w.server.URL, Transport: w.transport, Retry: w.retry,
		Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: eci.Secret(key.ID), Secret: eci.Secret(key.Secret)}},
		Sleep:       w.sleep, Now: w.server.Now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) run(exp *Experiment) (*simulate.Timeline, error) {
	w.t.Helper()
	return Run(w.t.Context(), w.client(), exp, w.opt)
}

// leaves fails unless the server holds exactly these.
func (w *world) leaves(want ...string) {
	w.t.Helper()
	left := w.server.Leftovers()
	if len(left) != len(want) {
		w.t.Errorf("the server holds %q, want %q", left, want)
		return
	}
	for i := range want {
		if !strings.HasPrefix(left[i], want[i]) {
			w.t.Errorf("the server holds %q, want %q", left, want)
		}
	}
}

// journals are the names of the journals that are left.
func (w *world) journals() []string {
	runs, err := journaledRuns(w.opt.JournalDir)
	if err != nil {
		w.t.Fatal(err)
	}
	return runs
}

// web is an experiment of one app.
func web(arms ...string) *Experiment {
	return &Experiment{Apps: []App{{Images: []string{"registry.example.com/team/web:1.4"}}}, Arms: arms, Repeats: 2, MakeRepeats: 1, Concurrency: 3}
}

// counted are the startups that count, by arm and repeat; each must be once.
func counted(t testing.TB, timeline *simulate.Timeline) map[runKey]simulate.Startup {
	t.Helper()
	m := map[runKey]simulate.Startup{}
	for _, u := range timeline.Startups {
		k := runKey{u.Arm, u.Repeat}
		if _, twice := m[k]; twice && u.Void == "" {
			t.Errorf("%v is counted twice", k)
		}
		if u.Void == "" {
			m[k] = u
		}
	}
	return m
}

// complete fails unless each start of the experiment is counted once.
func complete(t testing.TB, exp *Experiment, timeline *simulate.Timeline) {
	t.Helper()
	exp = exp.withDefaults()
	got := counted(t, timeline)
	for _, a := range exp.arms() {
		for repeat := range exp.Repeats {
			if _, ok := got[runKey{a.name, repeat}]; !ok {
				t.Errorf("repeat %d of %s is not counted", repeat, a.name)
			}
		}
	}
	runs := 0
	for _, r := range timeline.Measurement.Runs {
		if r.Void == "" && !strings.Contains(r.Arm, " make ") {
			runs++
		}
	}
	if want := len(exp.arms()) * exp.Repeats; runs != want {
		t.Errorf("%d runs count, want %d", runs, want)
	}
}

// fromItsOwn fails unless each start that counts was from a cache of its arm: in arm automatic
// from none that somebody asked for, in manual ones from one that was.
func fromItsOwn(t testing.TB, server *ecitest.Server, timeline *simulate.Timeline) {
	t.Helper()
	asked := map[string]bool{}
	for _, c := range server.Calls() {
		if c.Action == "CreateImageCache" && c.Effect != "" {
			asked[strings.TrimPrefix(c.Effect, "repeated ")] = true
		}
	}
	for key, u := range counted(t, timeline) {
		switch _, kind, _ := strings.Cut(key.arm, " "); {
		case kind == ArmCold && u.CacheID != "", kind == ArmAutomatic && (u.CacheID == "" || asked[u.CacheID]), manual(kind) && !asked[u.CacheID]:
			t.Errorf("%v was started from %q", key, u.CacheID)
		}
	}
}

var errDead = errors.New("the machine is dead")

func hasDoubt(t *simulate.Timeline, words string) bool {
	return slices.ContainsFunc(t.Doubts, func(d string) bool { return strings.Contains(d, words) })
}

// journalDir is in memory where there is such a file system: thousands of experiments
// write their journals through to the disk.
func journalDir(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "ecigroup")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// found fails unless all that a server holds would be found by the run's journals or by the
// tags: what an end or a clean-up misses is not put right by the one that the test makes.
func found(t testing.TB, server *ecitest.Server, journals string) {
	t.Helper()
	names, ids := map[string]bool{}, map[string]bool{}
	runs, err := journaledRuns(journals)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range runs {
		data, err := os.ReadFile(filepath.Join(journals, run+journalSuffix))
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			var e entry
			if json.Unmarshal(line, &e) != nil {
				continue // what a kill cut short
			}
			switch e.What {
			case wroteAsk, wroteMade:
				names[e.Name] = true
				if e.ID != "" {
					ids[e.ID] = true
				}
			case wroteNone, wroteGone:
				delete(names, e.Name) // its ID still tells of automatic caches
			}
		}
	}
	for _, g := range server.Groups() {
		if g.Tags[TagRun] != "" {
			names[g.Name], ids[g.ID] = true, true
		}
	}
	for _, left := range server.Leftovers() {
		name, err := strconv.Unquote(strings.Fields(left)[2])
		if err != nil {
			t.Fatal(err)
		}
		if by, automatic := strings.CutPrefix(name, eci.AutomaticCachePrefix); !names[name] && !(automatic && ids[by]) {
			t.Errorf("no journal and no tag tells of %s", left)
		}
	}
}

// listed fails unless an error tells of all that a server holds.
func listed(t testing.TB, server *ecitest.Server, err error) {
	t.Helper()
	var told *LeftError
	errors.As(err, &told)
	for _, left := range server.Leftovers() {
		words := strings.Fields(left)
		if told == nil || !slices.ContainsFunc(told.Left, func(l Left) bool {
			return l.ID == words[1] || l.Kind == "and" || l.ID == "" && strconv.Quote(l.Name) == words[2]
		}) {
			t.Errorf("%s is left, and not told in: %v", left, err)
		}
	}
}
