package cachebench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/reports"
)

// TestReadSweep: a grid is read; an empty or repeated part of it is refused with
// its line.
func TestReadSweep(t *testing.T) {
	const header = "apiVersion: cachebench/v1\nkind: Sweep\n"
	s, err := cachebench.ReadSweep("s.yaml", []byte(header+"scenarios: [a.yaml]\nparameters:\n  - {key: budgetPerMonth, values: [\"5\", \"50\"]}\nseeds: [1, 2]\n"))
	if err != nil || len(s.Scenarios) != 1 || s.Parameters[0].Values[1] != "50" || len(s.Seeds) != 2 {
		t.Errorf("read %+v, %v", s, err)
	}
	for _, test := range []struct{ text, want string }{
		{"scenarios: []\n", "s.yaml:3: scenarios: a sweep needs at least one scenario"},
		{"scenarios: [a, a]\n", "s.yaml:3: scenarios[1]: scenario a stands already at scenarios[0]"},
		{"scenarios: [a]\nseeds: [3, 3]\n", "s.yaml:4: seeds[1]: seed 3 stands already at seeds[0]"},
		{"scenarios: [a]\nseeds: [0]\n", "s.yaml:4: seeds[0]: a seed of 0 stands for none"},
		{"scenarios: [a]\nparameters:\n  - {key: k, values: []}\n", "s.yaml:5: parameters[0].values: parameter k has no values"},
		{"scenarios: [a]\nparameters:\n  - {key: seed, values: [\"1\"]}\n", "s.yaml:5: parameters[0].key: seeds are no parameter"},
		{"scenarios: [a]\nparameters:\n  - {key: \"a: b\", values: [\"1\"]}\n", "s.yaml:5: parameters[0].key: \"a: b\" is no key"},
		{"scenarios: [a]\nparameters:\n  - {key: k, values: [\"1\"]}\n  - {key: k, values: [\"2\"]}\n", "s.yaml:6: parameters[1].key: parameter k stands already at parameters[0]"},
		{"scenarios: [a]\nparameters:\n  - {key: plan, values: [\"1\"]}\n  - {key: plan.goal, values: [\"2\"]}\n", "s.yaml:6: parameters[1].key: plan.goal and plan (parameters[0]) are one within the other"},
		{"scenarios: [a]\nparameters:\n  - {key: k, values: [\"1\\n2\"]}\n", "s.yaml:5: parameters[0].values[0]: a value stands on one line"},
	} {
		if _, err := cachebench.ReadSweep("s.yaml", []byte(header+test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

// TestSweepGrid: the runs are all combinations, each once, in the order of nested loops.
func TestSweepGrid(t *testing.T) {
	s := &cachebench.Sweep{
		Scenarios: []string{"a", "b"}, Seeds: []uint64{7, 9},
		Parameters: []cachebench.SweepParameter{{Key: "x", Values: []string{"1", "2", "3"}}, {Key: "y", Values: []string{"u", "v"}}},
	}
	run := 0
	for i := range s.Scenarios {
		for x := range 3 {
			for y := range 2 {
				for _, seed := range s.Seeds {
					p := s.Point(run)
					if p.Run != run || p.Scenario != i || !slices.Equal(p.Values, []int{x, y}) || p.Seed != seed {
						t.Errorf("run %d is %+v, want scenario %d, values %d and %d, seed %d", run, p, i, x, y, seed)
					}
					run++
				}
			}
		}
	}
	if s.Runs() != run {
		t.Errorf("%d runs, want %d", s.Runs(), run)
	}
}

// TestSweepShards: each run is in one shard, shards follow one another, and none has two
// runs more than another.
func TestSweepShards(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runs, of := rapid.IntRange(0, 1000).Draw(t, "runs"), rapid.IntRange(1, 60).Draw(t, "of")
		next := 0
		for i := range of {
			from, to := (&reports.SweepShard{Index: i, Of: of}).Range(runs)
			if from != next || to-from < runs/of || to-from > (runs+of-1)/of {
				t.Fatalf("shard %d of %d of %d runs: %d to %d after %d", i, of, runs, from, to, next)
			}
			next = to
		}
		if next != runs {
			t.Fatalf("%d of %d runs are in shards", next, runs)
		}
	})
}

// TestSweepChangesWhatItSays: a run of a sweep comes to what the same scenario does with the
// values written into its file.
func TestSweepChangesWhatItSays(t *testing.T) {
	race.Skip(t)
	dir := t.TempDir()
	for _, name := range []string{"workload.yaml", "inventory.json"} {
		data, err := os.ReadFile(filepath.Join("deploy/kubernetes", name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), string(data))
	}
	const scenario = "apiVersion: cachebench/v1\nkind: Scenario\nworkload: workload.yaml\ninventory: inventory.json\nnow: 2026-11-23T00:00:00Z\nwindowSeconds: 10d\n"
	const profile = "apiVersion: cachebench/v1\nkind: Profile\nname: eci\nbase: eci\nnetwork: {registryBytesPerSecond: 100Mbit/s}\nstart: {admitPerSecond: 3}\n"
	write(t, filepath.Join(dir, "given.yaml"), scenario)
	write(t, filepath.Join(dir, "written.yaml"), scenario+"profile: profile.yaml\nseed: 5\nplan: {goal: limit, limitSeconds: 14s}\n")
	write(t, filepath.Join(dir, "profile.yaml"), profile)
	sweeps := []string{
		"scenarios: [given.yaml]\nseeds: [5]\nparameters:\n  - {key: profile.network.registryBytesPerSecond, values: [100Mbit/s]}\n  - {key: plan.goal, values: [limit]}\n  - {key: plan.limitSeconds, values: [14s]}\n  - {key: profile.start.admitPerSecond, values: [\"3\"]}\n",
		"scenarios: [written.yaml]\nseeds: [5]\n",
	}
	var made []*reports.SweepRun
	for _, text := range sweeps {
		name := filepath.Join(dir, "sweep.yaml")
		s, err := cachebench.ReadSweep(name, []byte("apiVersion: cachebench/v1\nkind: Sweep\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		r := &cachebench.SweepRunner{Sweep: s, Name: name, Read: os.ReadFile}
		run, err := r.Run(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(run.Arms) == 0 || run.Plan == nil {
			t.Fatalf("a run without results: %+v", run)
		}
		made = append(made, run)
	}
	if a, b := fmt.Sprintf("%+v %+v", made[0].Plan, made[0].Arms), fmt.Sprintf("%+v %+v", made[1].Plan, made[1].Arms); a == b {
		if made[0].ProfileDigest != made[1].ProfileDigest {
			t.Errorf("the profiles' digests are %s and %s", made[0].ProfileDigest, made[1].ProfileDigest)
		}
	} else {
		t.Errorf("by the sweep\n%s\nwritten into the file\n%s", a, b)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
