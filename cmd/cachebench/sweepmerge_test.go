package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/reports"
)

// heapWriter looks at the memory in use now and then.
type heapWriter struct {
	writes, each int
	peak         uint64
}

func (w *heapWriter) Write(data []byte) (int, error) {
	if w.writes++; w.writes%w.each == 0 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.peak = max(w.peak, m.HeapAlloc)
	}
	return len(data), nil
}

// TestMergeMemory: ten and a hundred times as many shards of one size need no more memory,
// but for a line about each.
func TestMergeMemory(t *testing.T) {
	race.Skip(t)
	const runsOfShard = 20
	peak := func(shards int) uint64 {
		dir := t.TempDir()
		for i := range shards {
			r := &reports.SweepResult{Version: "0.1.0", Sweep: "sha256:0", GridRuns: shards * runsOfShard, Shard: &reports.SweepShard{Index: i, Of: shards}}
			for k := range runsOfShard {
				run := reports.SweepRun{Run: i*runsOfShard + k, Scenario: "a.yaml", Seed: 1}
				for app := range 6 {
					run.Arms = append(run.Arms, reports.SweepArm{Arm: "cold", App: fmt.Sprint(app), Starts: 7})
				}
				r.Runs = append(r.Runs, run)
			}
			data, err := document.Marshal(reports.SweepResultKind, r)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, shardName(r.Shard)), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		cmd := &cobra.Command{}
		cmd.SetContext(t.Context())
		names, err := shardFiles([]string{dir})
		if err != nil || len(names) != shards {
			t.Fatalf("%d files, %v", len(names), err)
		}
		files, err := readShards(cmd, names)
		if err != nil {
			t.Fatal(err)
		}
		w := &heapWriter{each: max(20, shards*runsOfShard/40)}
		if err := reports.WriteSweep(w, reports.JSON, files[0].head, shardRuns(cmd, files)); err != nil {
			t.Fatal(err)
		}
		if w.writes < shards*runsOfShard {
			t.Fatalf("%d pieces are written of %d runs", w.writes, shards*runsOfShard)
		}
		t.Logf("%d shards of %d runs: at most %d bytes in use", shards, runsOfShard, w.peak)
		return w.peak
	}
	few := peak(10)
	const line = 2048
	for _, shards := range []int{100, 1000} {
		if many := peak(shards); few == 0 || many > few+few/4+uint64(shards)*line {
			t.Errorf("10 shards need %d bytes, %d need %d", few, shards, many)
		}
	}
}

// TestRemoveBeside: what a killed run left of a shard goes, and nothing else.
func TestRemoveBeside(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a[b]")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	stay := []string{"shard-0-of-4.json", ".shard-1-of-4.json.77", ".shard-0-of-40.json.77", ".shard-0-of-4.json.swp", ".shard-0-of-4.json."}
	for _, name := range append([]string{".shard-0-of-4.json.2163420950", ".shard-0-of-4.json.1"}, stay...) {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeBeside(filepath.Join(dir, "shard-0-of-4.json")); err != nil {
		t.Fatal(err)
	}
	held, release, err := place{name: filepath.Join(dir, "shard-0-of-4.json")}.besideHeld()
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	stay = append(stay, filepath.Base(held.Name()))
	if err := removeBeside(filepath.Join(dir, "shard-0-of-4.json")); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != len(stay) {
		t.Errorf("%v are left, want %v; %v", left, stay, err)
	}
	for _, f := range left {
		if !slices.Contains(stay, f.Name()) {
			t.Errorf("%s is left", f.Name())
		}
	}
	release() // as the end of its process does
	held.Close()
	if err := removeBeside(filepath.Join(dir, "shard-0-of-4.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(held.Name()); !os.IsNotExist(err) {
		t.Errorf("%s is left though nothing holds it: %v", held.Name(), err)
	}
}

// TestBesideRace: processes that begin at once, each of which removes what it takes for left,
// lose nothing: whoever writes has its file until it has its name.
func TestBesideRace(t *testing.T) {
	name := filepath.Join(t.TempDir(), "shard-0-of-4.json")
	var all errgroup.Group
	for writer := range 8 {
		all.Go(func() error {
			for range 40 {
				if err := removeBeside(name); err != nil {
					return err
				}
				if err := streamFile(name, func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "of writer %d", writer)
					return err
				}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(name); err != nil || !strings.HasPrefix(string(data), "of writer ") {
		t.Errorf("%q, %v", data, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(name)); len(left) != 1 {
		t.Errorf("%v are left", left)
	}
}

// TestKilledShard: of the processes that make the shards of one sweep one is killed in the
// middle of its runs. It leaves no shard; run again it does, and nothing beside; and all
// together are, byte for byte, what one machine makes.
func TestKilledShard(t *testing.T) {
	race.Skip(t)
	dir := t.TempDir()
	for _, name := range []string{"scenario.yaml", "workload.yaml", "inventory.json"} {
		data, err := os.ReadFile(filepath.Join("../../deploy/kubernetes", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(data))
	}
	write(t, filepath.Join(dir, "sweep.yaml"), `apiVersion: cachebench/v1
kind: Sweep
scenarios: [scenario.yaml]
parameters:
  - {key: windowSeconds, values: [10d]}
  - {key: budgetPerMonth, values: ["0", "5", "10", "20", "50"]}
seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
`)
	results := filepath.Join(dir, "results")
	command := func(args ...string) *exec.Cmd {
		cmd := exec.Command("cachebench", append([]string{"sweep"}, args...)...)
		cmd.Dir, cmd.Stderr = dir, t.Output()
		return cmd
	}
	const shards, victim = 3, 1
	var cmds []*exec.Cmd
	for i := range shards {
		cmd := command("sweep.yaml", "--shard", fmt.Sprintf("%d/%d", i, shards), "--dir", "results", "--workers", "1")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		cmds = append(cmds, cmd)
	}
	begun := filepath.Join(results, fmt.Sprintf(".shard-%d-of-%d.json.*", victim, shards))
	var left string
	for until := time.Now().Add(time.Minute); left == "" && time.Now().Before(until); time.Sleep(time.Millisecond) {
		files, err := filepath.Glob(begun)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if info, err := os.Stat(file); err == nil && info.Size() > 0 {
				left = file // some of its runs are written, not all
			}
		}
	}
	if err := cmds[victim].Process.Kill(); err != nil || left == "" {
		t.Fatalf("shard %d is not in the middle of its work: %q, %v", victim, left, err)
	}
	for i, cmd := range cmds {
		if err := cmd.Wait(); (err != nil) != (i == victim) {
			t.Fatalf("shard %d: %v", i, err)
		}
	}
	if _, err := os.Stat(filepath.Join(results, fmt.Sprintf("shard-%d-of-%d.json", victim, shards))); !os.IsNotExist(err) {
		t.Errorf("the killed shard is there: %v", err)
	}
	if _, err := os.Stat(left); err != nil {
		t.Errorf("the killed shard left nothing: %v", err)
	}
	if err := command("merge", "results").Run(); err == nil {
		t.Error("two of three shards are merged")
	}
	for _, args := range [][]string{
		{"sweep.yaml", "--shard", fmt.Sprintf("%d/%d", victim, shards), "--dir", "results"},
		{"merge", "results", "--output", "json", "--output-file", "merged.json"}, {"sweep.yaml", "--output", "json", "--output-file", "whole.json"},
	} {
		if err := command(args...).Run(); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
	if files, err := os.ReadDir(results); err != nil || len(files) != shards {
		t.Errorf("%v are in the directory, %v", files, err)
	}
	merged, err := os.ReadFile(filepath.Join(dir, "merged.json"))
	whole, wholeErr := os.ReadFile(filepath.Join(dir, "whole.json"))
	if err != nil || wholeErr != nil || !bytes.Equal(merged, whole) || bytes.Count(whole, []byte("\n      \"run\": ")) != 60 {
		t.Errorf("merged are %d bytes, one machine makes %d (%v, %v)", len(merged), len(whole), err, wholeErr)
	}
}
