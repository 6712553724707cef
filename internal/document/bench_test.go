package document

import (
	"fmt"
	"testing"
	"time"
)

// startup is as wide as a line of a real timeline.
type startup struct {
	Source    string        `json:"source" document:"required,enum=simulated|measured|estimated"`
	Arm       string        `json:"arm" document:"required"`
	App       string        `json:"app"`
	Images    []string      `json:"images"`
	Node      string        `json:"node,omitempty"`
	Requested time.Duration `json:"requestedSeconds"`
	Phases    phases        `json:"phases"`
	Ready     time.Duration `json:"readySeconds"`
	Fetched   int64         `json:"fetchedBytes"`
	Unpacked  int64         `json:"unpackedBytes"`
	Reused    int           `json:"layersReused"`
	CacheID   string        `json:"cacheId,omitempty"`
	Hit       string        `json:"hit" document:"enum=hit|partial|miss"`
	Rate      float64       `json:"nodeBytesPerSecond,omitempty"`
	Read      float64       `json:"readFraction,omitempty"`
}

type phases struct {
	Admit     *time.Duration `json:"admitSeconds,omitempty"`
	Provision *time.Duration `json:"provisionSeconds,omitempty"`
	Resolve   *time.Duration `json:"resolveSeconds,omitempty"`
	Fetch     *time.Duration `json:"fetchSeconds,omitempty"`
	Unpack    *time.Duration `json:"unpackSeconds,omitempty"`
	Create    *time.Duration `json:"createSeconds,omitempty"`
	Ready     *time.Duration `json:"readySeconds,omitempty"`
}

type timeline struct {
	Startups []startup `json:"startups"`
}

func benchmarkTimeline(n int) *timeline {
	t := &timeline{}
	for i := range n {
		d := func(ms int) *time.Duration { return new(time.Duration(ms*i) * time.Microsecond) }
		t.Startups = append(t.Startups, startup{
			Source: "simulated", Arm: "planned", App: fmt.Sprintf("app-%d", i%100),
			Images: []string{fmt.Sprintf("registry.example.com/team/app-%d:v1", i%100)},
			Node:   fmt.Sprintf("node-%d", i), Requested: time.Duration(i) * 864 * time.Millisecond,
			Phases: phases{d(3), d(5), d(7), d(11), d(13), d(17), d(19)},
			Ready:  time.Duration(i)*123457 + time.Second, Fetched: int64(i) * 12345, Unpacked: int64(i) * 45678,
			Reused: i % 7, CacheID: "imc-2zebxxxxxxxx", Hit: "partial", Rate: 1.25e8 + float64(i)/3, Read: 0.25,
		})
	}
	return t
}

func BenchmarkMarshal(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		t := benchmarkTimeline(n)
		b.Run(fmt.Sprintf("startups=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				out, err := Marshal("Timeline", t)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(out)))
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		data, err := Marshal("Timeline", benchmarkTimeline(n))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("startups=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				var t timeline
				if err := Read("t.json", data, "Timeline", &t); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReadYAML shows why large files are JSON.
func BenchmarkReadYAML(b *testing.B) {
	data := []byte("apiVersion: cachebench/v1\nkind: Timeline\nstartups:\n")
	for i := range 1000 {
		data = fmt.Appendf(data, "  - {source: simulated, arm: cold, app: app-%d, images: [a, b], requestedSeconds: %d, readySeconds: 1.5}\n", i, i)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		var t timeline
		if err := Read("t.yaml", data, "Timeline", &t); err != nil {
			b.Fatal(err)
		}
	}
}
