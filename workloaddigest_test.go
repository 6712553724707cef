package cachebench

import (
	"testing"
	"time"

	"github.com/cachebench/cachebench/workload"
)

// loadedScenario has something of all that a workload can say.
func loadedScenario() *Scenario {
	share := 0.25
	return &Scenario{
		Workload: &workload.Workload{
			Apps: []workload.App{
				{Name: "web", Images: []string{"shop/web:1"}, StartsPerDay: 5, Runtime: time.Hour, CPU: 1, MemoryGiB: 2, ReleasesPerMonth: 2, ReleaseNewBytesFraction: &share,
					Bursts: []workload.Burst{{}}},
				{Name: "api", Images: []string{"shop/api:1"}, StartsPerDay: 1, Runtime: time.Minute, NodePool: "nodes"},
			},
			NodePools: []workload.NodePool{{Name: "nodes", Platform: "linux/amd64", Count: 3, LifetimeHours: 24, PrePulled: []string{"shop/api:1"}}},
		},
		Bursts: []StartBurst{{App: "web", Count: 50}},
	}
}

func loadDigestOf(t *testing.T, change func(*Scenario)) string {
	t.Helper()
	s := loadedScenario()
	if change != nil {
		change(s)
	}
	digest, err := s.WorkloadDigest()
	if err != nil {
		t.Fatal(err)
	}
	return string(digest)
}

// TestWorkloadDigest: what is started when tells workloads apart, the images do not.
func TestWorkloadDigest(t *testing.T) {
	whole := loadDigestOf(t, nil)
	for name, change := range map[string]func(*Scenario){
		"tag":     func(s *Scenario) { s.Workload.Apps[0].Images[0] = "shop/web:2" },
		"digest":  func(s *Scenario) { s.Workload.Apps[0].Images[0] = "shop/web@sha256:00" },
		"sidecar": func(s *Scenario) { s.Workload.Apps[0].Images = append(s.Workload.Apps[0].Images, "shop/proxy:1") },
		"init":    func(s *Scenario) { s.Workload.Apps[0].InitImages = []string{"shop/init:1"} },
		"nodes":   func(s *Scenario) { s.Workload.NodePools[0].PrePulled = nil },
		"looked":  func(s *Scenario) { s.Images = []string{"shop/job:1"} },
		"order":   func(s *Scenario) { a := s.Workload.Apps; a[0], a[1] = a[1], a[0] },
		"seed":    func(s *Scenario) { s.Seed = 7 }, // a condition of its own
		"cpu":     func(s *Scenario) { s.Workload.Apps[0].CPU = 8 },
	} {
		if loadDigestOf(t, change) != whole {
			t.Errorf("%s: another digest", name)
		}
	}
	seen := map[string]string{whole: "none"}
	for name, change := range map[string]func(*Scenario){
		"burst's count":  func(s *Scenario) { s.Bursts[0].Count = 51 },
		"burst's spread": func(s *Scenario) { s.Bursts[0].Within = time.Hour },
		"burst's time":   func(s *Scenario) { s.Bursts[0].At = time.Minute },
		"burst's app":    func(s *Scenario) { s.Bursts[0].App = "api" },
		"no burst":       func(s *Scenario) { s.Bursts = nil },
		"window":         func(s *Scenario) { s.Bursts = nil; s.Window = time.Minute },
		"window's start": func(s *Scenario) { s.WindowStart = time.Hour },
		"starts":         func(s *Scenario) { s.Workload.Apps[0].StartsPerDay = 6 },
		"own bursts":     func(s *Scenario) { s.Workload.Apps[0].Bursts = nil },
		"runtime":        func(s *Scenario) { s.Workload.Apps[0].Runtime = 2 * time.Hour },
		"policy":         func(s *Scenario) { s.Workload.Apps[0].PullPolicy = "Always" },
		"releases":       func(s *Scenario) { s.Workload.Apps[0].ReleasesPerMonth = 3 },
		"pool":           func(s *Scenario) { s.Workload.Apps[1].NodePool = "" },
		"nodes":          func(s *Scenario) { s.Workload.NodePools[0].Count = 4 },
		"placement":      func(s *Scenario) { s.Workload.NodePools[0].Placement = "pack" },
		"another app": func(s *Scenario) {
			s.Workload.Apps = append(s.Workload.Apps, workload.App{Name: "job", StartsPerDay: 1})
		},
		"swapped": func(s *Scenario) { a := s.Workload.Apps; a[0].Name, a[1].Name = a[1].Name, a[0].Name },
	} {
		digest := loadDigestOf(t, change)
		if other, ok := seen[digest]; ok {
			t.Errorf("%s: the digest of %s", name, other)
		}
		seen[digest] = name
	}
	// The name of an only app, which may be that of its image.
	only := func(name string) func(*Scenario) {
		return func(s *Scenario) {
			s.Workload.Apps = s.Workload.Apps[:1]
			s.Workload.Apps[0].Name, s.Bursts[0].App = name, name
		}
	}
	if loadDigestOf(t, only("web-1")) != loadDigestOf(t, only("web-2")) {
		t.Error("the name of the only app counts")
	}
}

// TestTraceDigest: so do the starts of a trace.
func TestTraceDigest(t *testing.T) {
	hour := time.Hour
	trace := func(change func(*workload.TraceStart)) func(*Scenario) {
		return func(s *Scenario) {
			s.Workload, s.Bursts = nil, nil
			s.Trace = &workload.Trace{Starts: []workload.TraceStart{{App: "web", Images: []string{"shop/web:1"}, Count: 2, Line: 2}, {At: time.Minute, App: "web", Count: 1, Node: "n", Runtime: &hour}}}
			change(&s.Trace.Starts[1])
		}
	}
	whole := loadDigestOf(t, trace(func(*workload.TraceStart) {}))
	if loadDigestOf(t, trace(func(start *workload.TraceStart) { start.Images, start.Line = []string{"shop/web:2"}, 9 })) != whole {
		t.Error("images count")
	}
	seen := map[string]string{whole: "none"}
	for name, change := range map[string]func(*workload.TraceStart){
		"time": func(s *workload.TraceStart) { s.At++ }, "count": func(s *workload.TraceStart) { s.Count = 2 },
		"node": func(s *workload.TraceStart) { s.Node = "m" }, "app": func(s *workload.TraceStart) { s.App = "api" },
		"runtime": func(s *workload.TraceStart) { s.Runtime = nil },
	} {
		digest := loadDigestOf(t, trace(change))
		if other, ok := seen[digest]; ok {
			t.Errorf("%s: the digest of %s", name, other)
		}
		seen[digest] = name
	}
}
