package cachebench_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/simulate"
)

// fuzzFiles are what scenarios of the fuzzer may name.
var fuzzFiles = map[string]string{
	"inventory.yaml": `apiVersion: cachebench/v1
kind: Inventory
images:
- {reference: "registry.example.com/a:1", digest: "sha256:01", platform: linux/amd64, layers: [0, 1]}
- {reference: "registry.example.com/b:1", digest: "sha256:02", platform: linux/amd64, layers: [0]}
layers:
- {digest: "sha256:03", mediaType: application/vnd.oci.image.layer.v1.tar+gzip, compressedBytes: 30000000, unpackedBytes: 80000000, unpackedSource: measured, files: 900}
- {digest: "sha256:04", mediaType: application/vnd.oci.image.layer.v1.tar+zstd, compressedBytes: 5000000}
`,
	"workload.yaml": `apiVersion: cachebench/v1
kind: Workload
nodePools: [{name: work, platform: linux/amd64, count: 2, lifetimeHours: 24, daemonImages: ["registry.example.com/b:1"]}]
apps:
- {name: web, images: ["registry.example.com/a:1"], startsPerDay: 3, runtimeSeconds: 60, cpu: 1, memoryGiB: 2}
- {name: job, images: ["registry.example.com/b:1"], startsPerDay: 2, runtimeSeconds: 600, cpu: 1, memoryGiB: 2, nodePool: work}
`,
	"trace.csv": "time_seconds,app,images,count,node\n0,web,registry.example.com/a:1,2,n1\n5,web,registry.example.com/a:1 registry.example.com/b:1,3,\n",
}

// FuzzScenarioFile: whatever the bytes of a scenario file, it is refused, or it runs
// to its end or to an error, and no start is ready before it is requested or leaves a
// byte out that it found missing.
func FuzzScenarioFile(f *testing.F) {
	for _, text := range []string{
		"workload: workload.yaml\ninventory: inventory.yaml\nwindowSeconds: 2d\nrepeats: 2\n",
		"workload: workload.yaml\ninventory: inventory.yaml\nwindowStartSeconds: 29d\narms: [warm, cached]\nspans: true\nobserve: true\n",
		"workload: workload.yaml\ninventory: inventory.yaml\nbursts: [{app: web, count: 9, atSeconds: 1, withinSeconds: 3}]\nfaults: [{kind: registry-down, atSeconds: 2, forSeconds: 40}]\n",
		"workload: trace.csv\ninventory: inventory.yaml\nprofile: containerd\nfaults: [{kind: node-lost, atSeconds: 1, forSeconds: 5, node: n1}]\n",
		"workload: trace.csv\ninventory: inventory.yaml\nprofile: docker\nstartups: false\nseed: 7\nfaults: [{kind: registry-slow, atSeconds: 0, forSeconds: 9h, registryBytesPerSecond: 1Mbit/s}]\n",
		"images: [registry.example.com/a:1]\ninventory: inventory.yaml\nbursts: [{count: 5}]\nstartups: false\npolicies: {degree: layers}\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		head := "apiVersion: cachebench/v1\nkind: Scenario\nnow: 2026-11-23T00:00:00Z\n"
		file, err := cachebench.ReadScenarioFile("s.yaml", append([]byte(head), data...))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "s.yaml:") {
				t.Fatalf("the error does not begin with the file: %v", err)
			}
			return
		}
		s, err := file.Scenario("s.yaml", func(path string) ([]byte, error) {
			text, ok := fuzzFiles[filepath.ToSlash(path)]
			if !ok {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		})
		if err != nil || s.Inventory == nil || s.Repeats > 3 {
			return
		}
		for _, b := range s.Bursts {
			if b.Count > 100 {
				return
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		simulateSoundly(ctx, t, s)
	})
}

// simulateSoundly simulates the scenario, as long as that takes no more than ctx.
func simulateSoundly(ctx context.Context, t *testing.T, s *cachebench.Scenario) {
	simulated := func() (*simulate.Timeline, error) {
		if s.Trace != nil {
			return s.SimulateTrace(ctx, s.Inventory, nil)
		}
		job, err := s.Cover(s.Inventory)
		if job == nil {
			return nil, err
		}
		return job.Simulate(ctx, nil)
	}
	timeline, err := simulated()
	if err != nil && strings.Contains(err.Error(), "fault of cachebench") {
		t.Fatal(err)
	}
	if timeline == nil {
		return
	}
	// What an image has, each layer once.
	const a, b = 35_000_000, 30_000_000
	needed := map[string]int64{"registry.example.com/a:1": a, "registry.example.com/b:1": b, "registry.example.com/a:1 registry.example.com/b:1": a}
	for i := range timeline.Startups {
		x := &timeline.Startups[i]
		if x.Requested < 0 || x.Ready < 0 || x.FetchedBytes < 0 || x.WastedBytes < 0 || x.UnpackedBytes < 0 {
			t.Fatalf("something is negative: %+v", x)
		}
		if want := needed[strings.Join(x.Images, " ")]; x.Arm == simulate.ArmCold && x.Node == "" && x.FetchedBytes != want {
			t.Fatalf("a cold start of %q fetched %d bytes of %d", x.Images, x.FetchedBytes, want)
		}
	}
}
