package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
	"github.com/cachebench/cachebench/workload"
)

// waitingReader tells when it is asked, and answers never.
type waitingReader struct{ asked chan struct{} }

func (w *waitingReader) Read([]byte) (int, error) {
	close(w.asked)
	select {}
}

// TestImportInterrupted: Ctrl-C ends an import that waits for its input, and writes
// nothing.
func TestImportInterrupted(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	saved := filepath.Join(t.TempDir(), "pulls.json")
	ctx, cancel := context.WithCancel(t.Context())
	stdin := &waitingReader{make(chan struct{})}
	go func() {
		<-stdin.asked
		cancel()
	}()
	var out, errOut bytes.Buffer
	from := io.MultiReader(strings.NewReader(`{"kind":"List","items":[`), stdin)
	code := run(ctx, []string{"workload", "import", "-", "--save-timeline", saved}, from, &out, &errOut)
	if code != exitInterrupted || errOut.String() != "cachebench: interrupted\n" || out.Len() > 0 {
		t.Errorf("exit code %d, %q on stderr, %q on stdout", code, errOut.String(), out.String())
	}
	if _, err := os.Stat(saved); err == nil {
		t.Error("a timeline was written")
	}
}

// importWith imports the snapshots of package workload with a fit of the test's own,
// and saves the timeline.
func importWith(t *testing.T, ctx context.Context, out io.Writer, fit fitPulls) (saved string, err error) {
	t.Helper()
	saved = filepath.Join(t.TempDir(), "pulls.json")
	streams := &streams{in: strings.NewReader(""), out: out, err: io.Discard}
	i := &pullImport{io: streams, out: &outputs{io: streams, format: "text"}, timeline: saved, fit: fit}
	pulls := filepath.Join("..", "..", "workload", "testdata", "pulls")
	return saved, i.run(ctx, []string{filepath.Join(pulls, "first.json"), filepath.Join(pulls, "second.json")})
}

// brokenPipe is closed by who reads it.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// TestImportSavesFirst: what was asked for is saved whatever becomes of the fit and of
// the result.
func TestImportSavesFirst(t *testing.T) {
	isSaved := func(name string) {
		t.Helper()
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := simulate.ReadTimeline(name, data); err != nil || len(back.Startups) == 0 {
			t.Errorf("the timeline that was saved: %v", err)
		}
	}
	// Ctrl-C in a fit that takes no notice of it.
	ctx, cancel := context.WithCancel(t.Context())
	var out bytes.Buffer
	saved, err := importWith(t, ctx, &out, func(context.Context, *simulate.Timeline) (*calibrate.Calibration, error) {
		cancel()
		select {}
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the files that were asked for are written") || out.Len() > 0 {
		t.Errorf("%v, %q", err, out.String())
	}
	isSaved(saved)
	saved, err = importWith(t, t.Context(), brokenPipe{}, calibratePulls)
	if err == nil || !strings.Contains(err.Error(), "broken pipe") {
		t.Errorf("%v", err)
	}
	isSaved(saved)
	// An error of the fit is a doubt.
	saved, err = importWith(t, t.Context(), &out, func(context.Context, *simulate.Timeline) (*calibrate.Calibration, error) {
		return nil, errors.New("a rate is negative")
	})
	if err != nil || !strings.HasPrefix(out.String(), "6 pulls of 4 images") || !strings.Contains(out.String(), "could not be told: a rate is negative") {
		t.Errorf("%v, %q", err, out.String())
	}
	isSaved(saved)
	// Too few pulls are none.
	out.Reset()
	_, err = importWith(t, t.Context(), &out, func(context.Context, *simulate.Timeline) (*calibrate.Calibration, error) {
		return nil, calibrate.ErrNothing
	})
	if err != nil || strings.Contains(out.String(), "could not be told") {
		t.Errorf("%v, %q", err, out.String())
	}
}

// TestImportedPools: what the nodes tell of a pool stands in the workload's file.
func TestImportedPools(t *testing.T) {
	h := &workload.PullHistory{
		Workload: workload.Workload{
			Apps:      []workload.App{{Name: "a/web", Images: []string{"web:1"}, StartsPerDay: 3, Runtime: time.Hour, CPU: 1, MemoryGiB: 2, NodePool: "spot"}},
			NodePools: []workload.NodePool{{Name: "spot", Platform: "linux/amd64", Count: 10, NewNodesPerDay: 64}},
		},
		Origins: []workload.Origin{{Controller: "Deployment", Pods: 1}},
	}
	d := pullDraft(h)
	data, err := d.fill("workload.yaml", workloadText, d.checkWorkload)
	if err != nil {
		t.Fatal(err)
	}
	back, err := workload.Read("workload.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	if p := back.NodePools; len(p) != 1 || p[0].Count != 10 || p[0].NewNodesPerDay != 64 {
		t.Errorf("%+v in\n%s", p, data)
	}
}
