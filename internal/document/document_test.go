package document

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type param[T any] struct {
	Value        T       `json:"value,omitempty" document:"shorthand,unit=parent"`
	Distribution string  `json:"distribution,omitempty" document:"enum=constant|lognormal"`
	Median       T       `json:"median,omitempty" document:"unit=parent"`
	Sigma        float64 `json:"sigma,omitempty"`
	Source       string  `json:"source,omitempty"`
}

type app struct {
	Name         string        `json:"name" document:"required"`
	Images       []string      `json:"images,omitempty"`
	StartsPerDay float64       `json:"startsPerDay,omitempty"`
	Runtime      time.Duration `json:"runtimeSeconds,omitempty"`
	MemoryGiB    float64       `json:"memoryGiB,omitempty"`
	PullPolicy   string        `json:"pullPolicy,omitempty" document:"enum=Always|IfNotPresent|Never"`
	ReadFraction *float64      `json:"readFraction,omitempty"`
}

type network struct {
	RoundTrip          param[time.Duration]      `json:"roundTripSeconds,omitzero"`
	NodeBytesPerSecond *param[float64]           `json:"nodeBytesPerSecond,omitempty"`
	Slices             map[string]param[float64] `json:"linkBytesPerSecond,omitempty"`
}

type scenario struct {
	Apps    []app          `json:"apps,omitempty"`
	Network network        `json:"network,omitzero"`
	Seen    time.Time      `json:"seen,omitzero"`
	Layers  []int          `json:"layers,omitempty"`
	Extra   Raw            `json:"extra,omitzero"`
	Labels  map[string]int `json:"labels,omitempty"`
}

const sample = `apiVersion: cachebench/v1
kind: Scenario
apps:
  - name: web
    images: [a:1, b:2]
    startsPerDay: 20e3
    runtimeSeconds: 1h30m
    memoryGiB: 512MiB
    pullPolicy: Always
    readFraction: 30%
network:
  roundTripSeconds: 20ms
  nodeBytesPerSecond: {distribution: lognormal, median: 200Mbit/s, sigma: 0.5}
  linkBytesPerSecond:
    a.b: unlimited
seen: 2025-01-02T03:04:05+01:00
layers: [1, 2, 3]
extra: {a: [1, x]}
labels: {z: 1, a: 2}
`

func TestSample(t *testing.T) {
	var got, again scenario
	if err := Read("x.yaml", []byte(sample), "Scenario", &got); err != nil {
		t.Fatal(err)
	}
	out, err := Marshal("Scenario", &got)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", out)
	if err := Read("x.json", out, "Scenario", &again); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Error(diff)
	}
}
