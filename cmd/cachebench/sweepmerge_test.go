package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/reports"
)

// heapWriter looks at the memory in use now and then.
type heapWriter struct {
	writes int
	peak   uint64
}

func (w *heapWriter) Write(data []byte) (int, error) {
	if w.writes++; w.writes%200 == 0 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.peak = max(w.peak, m.HeapAlloc)
	}
	return len(data), nil
}

// TestMergeMemory: twelve times as many shards of one size need no more memory, but for a
// line about each.
func TestMergeMemory(t *testing.T) {
	race.Skip(t)
	const runsOfShard = 150
	peak := func(shards int) uint64 {
		dir := t.TempDir()
		for i := range shards {
			r := &reports.SweepResult{Version: "0.1.0", Sweep: "sha256:0", GridRuns: shards * runsOfShard, Shard: &reports.SweepShard{Index: i, Of: shards}}
			for k := range runsOfShard {
				run := reports.SweepRun{Run: i*runsOfShard + k, Scenario: "a.yaml", Seed: 1}
				for app := range 5 {
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
		w := &heapWriter{}
		if err := reports.WriteSweep(w, reports.JSON, files[0].head, shardRuns(cmd, files)); err != nil {
			t.Fatal(err)
		}
		if w.writes < shards*runsOfShard {
			t.Fatalf("%d pieces are written of %d runs", w.writes, shards*runsOfShard)
		}
		return w.peak
	}
	few, many := peak(2), peak(24)
	const line = 4096
	if few == 0 || many > few+few/4+24*line {
		t.Errorf("2 shards need %d bytes, 24 need %d", few, many)
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
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != len(stay) {
		t.Errorf("%v are left, want %v; %v", left, stay, err)
	}
	for _, f := range left {
		if !slices.Contains(stay, f.Name()) {
			t.Errorf("%s is left", f.Name())
		}
	}
}
