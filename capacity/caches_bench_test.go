package capacity_test

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/capacity"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/workload"
)

// madeUp is a question about a made-up workload, as workload generate --save-inventory makes
// it.
func madeUp(tb testing.TB, apps int, seed uint64) *capacity.Question {
	tb.Helper()
	made, err := workload.Generate(workload.GenerateOptions{Apps: apps, Seed: seed})
	if err != nil {
		tb.Fatal(err)
	}
	data, err := document.Marshal(workload.Kind, &made.Workload)
	if err != nil {
		tb.Fatal(err)
	}
	name := filepath.Join(tb.TempDir(), "scenario.yaml")
	file, err := cachebench.ReadScenarioFile(name, []byte(`apiVersion: cachebench/v1
kind: Scenario
workload: workload.json
profile: eci
prices: usd
baseline: automatic
now: 2026-01-01T00:00:00Z
`))
	if err != nil {
		tb.Fatal(err)
	}
	s, err := file.Scenario(name, func(string) ([]byte, error) { return data, nil })
	if err != nil {
		tb.Fatal(err)
	}
	s.Workers = 1
	return &capacity.Question{Scenario: s, Inventory: madeUpImages(&made.Workload, seed)}
}

func madeUpImages(w *workload.Workload, seed uint64) *layers.Inventory {
	inv := &layers.Inventory{ResolvedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	digest := func(what, name string) layers.Digest {
		return layers.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(what+name))))
	}
	places := make(map[string]int)
	for _, made := range w.Images(seed) {
		image := layers.Image{
			Reference: made.Reference, Platform: "linux/amd64", MediaType: "application/vnd.oci.image.manifest.v1+json",
			Digest: digest("manifest", made.Reference), ConfigDigest: digest("config", made.Reference),
		}
		for _, l := range made.Layers {
			place, ok := places[l.Name]
			if !ok {
				place = len(inv.Layers)
				places[l.Name] = place
				inv.Layers = append(inv.Layers, layers.Layer{
					Digest: digest("blob", l.Name), DiffID: digest("tar", l.Name), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
					CompressedBytes: l.CompressedBytes, CompressedSource: layers.Estimated,
					UnpackedBytes: new(l.UnpackedBytes), UnpackedSource: layers.Estimated, UnpackedMethod: layers.ByRatio,
				})
			}
			image.Layers = append(image.Layers, place)
		}
		inv.Images = append(inv.Images, image)
	}
	return inv
}

// benchCaches asks for BenchmarkCaches, which takes minutes of processor time: make bench-caches.
var benchCaches = flag.Bool("bench-caches", false, "benchmark the search for caches of hundreds of apps")

// BenchmarkCaches searches to its end for the cheapest caches of large workloads. Beside its
// time stand the processor's.
func BenchmarkCaches(b *testing.B) {
	if !*benchCaches {
		b.Skip("takes minutes: make bench-caches")
	}
	for _, apps := range []int{100, 500} {
		b.Run(fmt.Sprintf("apps=%d/seed=1", apps), func(b *testing.B) {
			var used time.Duration
			for b.Loop() {
				used += cpu(func() {
					c, err := madeUp(b, apps, 1).Caches(b.Context(), capacity.SLO{Figure: "p99", Limit: 20 * time.Second})
					if err != nil {
						b.Fatal(err)
					}
					b.Log(c.Headline)
				})
			}
			b.ReportMetric(used.Seconds()/float64(b.N), "cpu-s/op")
		})
	}
}
