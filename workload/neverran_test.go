package workload

import (
	"encoding/json"
	"testing"
)

// TestNeverRan holds what containers' states say of runs to what Kubernetes means by them.
func TestNeverRan(t *testing.T) {
	for name, want := range map[string]bool{
		// As a kubelet of 1.34 tells a command that does not exist.
		`[{"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":128,"reason":"StartError","startedAt":"1970-01-01T00:00:00Z","finishedAt":"2026-12-01T01:53:43Z"}},"restartCount":6}]`: false,
		`[{"state":{"waiting":{"reason":"CreateContainerError"}},"lastState":{},"restartCount":0}]`:                                                                                                                       false,
		`[{"state":{"terminated":{"reason":"StartError","startedAt":"1970-01-01T00:00:00Z","finishedAt":"2026-12-01T01:53:43Z"}},"restartCount":0}]`:                                                                      false,
		`[{"state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1,"startedAt":"2026-12-01T01:50:00Z","finishedAt":"2026-12-01T01:53:43Z"}},"restartCount":6}]`:                         true,
		`[{"state":{"running":{"startedAt":"2026-12-01T01:50:00Z"}},"restartCount":0}]`:                                                                                                                                   true,
		// A sidecar that cannot be started beside what runs.
		`[{"state":{"running":{"startedAt":"2026-12-01T01:50:00Z"}}},{"state":{"waiting":{"reason":"CreateContainerConfigError"}}}]`: true,
		`null`: true, // as nothing tells of them
	} {
		var p pod
		text := `{"phase":"Running","startTime":"2026-12-01T01:47:28Z","containerStatuses":` + name + `}`
		if err := json.Unmarshal([]byte(text), &p.Status); err != nil {
			t.Fatal(err)
		}
		var r podRecord
		r.readTimes(&p)
		if isTime(r.running) != want {
			t.Errorf("%s: runs since %s, want %v", name, r.running, want)
		}
	}
}
