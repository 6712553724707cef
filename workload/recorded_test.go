package workload

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

// recordedTexts are the two snapshots of testdata/recorded, of a real cluster.
func recordedTexts(t *testing.T) (texts []string) {
	t.Helper()
	for _, name := range []string{"first", "second"} {
		f, err := os.Open("testdata/recorded/" + name + ".json.gz")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

// TestRecorded holds what a real cluster's snapshots tell to what was done to it, which
// testdata/recorded/README.md lists: the pods that were made, and what the registry's own
// log says was fetched, and when.
func TestRecorded(t *testing.T) {
	h := history(t, PullOptions{EventLife: 3 * time.Hour, ScaleToDay: true}, recordedTexts(t)...)
	var apps []string
	for i, app := range h.Workload.Apps {
		made, _, _ := strings.Cut(h.Origins[i].StartsPerDay, " made in")
		apps = append(apps, fmt.Sprintf("%s: %s, %s", app.Name, h.Origins[i].Controller, made))
	}
	wantApps := []string{
		"batch/flaky: Job, 3 pods",       // backoffLimit 2: one and two more
		"batch/nightly: CronJob, 4 pods", // 01:48, 01:50, 01:52, 01:54
		"batch/runner: Job, 14 pods",     // 4 + 3, twice
		"batch/sim: Job, 5 pods",         // of an Indexed Job with 5 completions
		"kube-system/agent: DaemonSet, 1 pod",
		"shop/db: StatefulSet, 4 pods", // 3 replicas, one deleted
		"shop/late: Deployment, 1 pod",
		"shop/orders: Deployment, 4 pods", // 2 replicas, restarted
		"shop/web: Deployment, 24 pods",   // 3, 3 of a release, 6 to scale out; twice
	}
	if !slices.Equal(apps, wantApps) {
		t.Errorf("apps\n%s\nwant\n%s", strings.Join(apps, "\n"), strings.Join(wantApps, "\n"))
	}
	// The only container of late came by its image when it was pushed, after failures.
	type tally struct{ pulled, partly, unclear, there, failures int }
	images := map[string]*tally{}
	began := map[string]time.Time{}
	for _, p := range h.Pulls {
		name := p.Reference[strings.IndexByte(p.Reference, '/')+1:]
		if images[name] == nil {
			images[name] = &tally{}
		}
		switch got := images[name]; p.Outcome {
		case Pulled:
			got.pulled++
			began[name] = p.Began
		case PartlyPulled:
			got.partly++
			began[name] = p.Began
		case Unclear:
			got.unclear++
		default:
			got.there++
		}
		images[name].failures += p.Failures
	}
	// When the registry gave the manifest to containerd, by its log, and how many containers
	// came by the image. Of each image it was asked for once.
	fetched := map[string]struct {
		at         string
		containers int
	}{
		"shop/orders:3.2.0":    {"01:47:29.699", 4},
		"db/redis:7":           {"01:47:39.233", 4},
		"tools/curl:7.88":      {"01:47:39.844", 1},
		"tools/shell:1.0":      {"01:47:45.189", 24},
		"runtime/perl:5.36":    {"01:47:49.144", 8},
		"ci/runner:2026.11":    {"01:47:50.413", 14},
		"shop/web:1.4.0":       {"01:47:57.108", 6},
		"batch/report:2026.11": {"01:48:03.803", 4},
		"shop/web:1.4.1":       {"01:48:50.552", 18},
	}
	for name, want := range fetched {
		got := images[name]
		if got == nil || got.pulled+got.partly != 1 || got.there != want.containers-1 || got.unclear > 0 || got.failures > 0 {
			t.Errorf("%s: %+v, and the registry gave it once, for %d containers", name, got, want.containers)
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, "2026-12-01T"+want.at+"Z")
		if err != nil {
			t.Fatal(err)
		}
		// Events bear whole seconds.
		if off := at.Sub(began[name]); off < -time.Second/2 || off > 3*time.Second/2 {
			t.Errorf("%s: began at %s, the registry gave its manifest at %s", name, began[name], at)
		}
	}
	// Of 117 MB all but the last layer was there from 1.4.0.
	if images["shop/web:1.4.1"].partly != 1 {
		t.Errorf("shop/web:1.4.1: %+v", images["shop/web:1.4.1"])
	}
	// With policy Always of an image that nothing told of before, one was fetched and 23 were not.
	if got := images["mesh/proxy:1.2"]; got.pulled+got.partly > 1 || got.unclear < 1 || got.pulled+got.partly+got.unclear+got.there != 24 {
		t.Errorf("mesh/proxy:1.2: %+v", got)
	}
	if got := images["shop/late:1"]; got.pulled+got.partly != 1 || got.failures == 0 {
		t.Errorf("shop/late:1, that was pushed a minute after its pod was made: %+v", got)
	}
	for name, want := range map[string]float64{"batch/flaky": 2, "batch/nightly": 20, "batch/runner": 8, "batch/sim": 12} {
		i := slices.IndexFunc(h.Workload.Apps, func(a App) bool { return a.Name == name })
		// What the containers slept, and a second at most beside it.
		if got := h.Workload.Apps[i].Runtime.Seconds(); got < want || got > want+1 {
			t.Errorf("%s ran %g s, its containers slept %g s", name, got, want)
		}
	}
	// The cluster was younger than its events live: its node was made at 01:42:50, and the
	// second snapshot was written at 01:54:31.
	if age := 11*time.Minute + 41*time.Second; !h.Window.Young || h.Window.Covered > age || h.Window.Covered < age-30*time.Second {
		t.Errorf("%s covered, young %v; the cluster was %s old", h.Window.Covered, h.Window.Young, age)
	}
	// Its command does not exist, so that no run of it ever began.
	if i := slices.IndexFunc(h.Workload.Apps, func(a App) bool { return a.Name == "kube-system/agent" }); i < 0 || h.Origins[i].Runtime != "a guess: no pod has run yet" {
		t.Errorf("kube-system/agent: %q", h.Origins[i].Runtime)
	}
	if h.Nodes != 1 || h.Runtimes["containerd"] != 1 || len(h.Dropped) > 0 {
		t.Errorf("%d nodes, runtimes %v, dropped %v", h.Nodes, h.Runtimes, h.Dropped)
	}
}
