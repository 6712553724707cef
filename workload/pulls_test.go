package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// history reads texts in turn.
func history(t interface{ Fatal(...any) }, opt PullOptions, texts ...string) *PullHistory {
	var i PullImporter
	for n, text := range texts {
		if err := i.Read(fmt.Sprintf("%d.json", n), strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	h, err := i.History(opt)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func snapshots(t *testing.T) (first, second string) {
	t.Helper()
	var texts []string
	for _, name := range []string{"first", "second"} {
		data, err := os.ReadFile("testdata/pulls/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(data))
	}
	return texts[0], texts[1]
}

// the testdata's hour begins at 10:00.
func at(seconds float64) time.Time {
	return time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC).Add(time.Duration(seconds * float64(time.Second)))
}

// TestHistory holds the two snapshots of testdata/pulls to what was worked out by
// hand.
func TestHistory(t *testing.T) {
	first, second := snapshots(t)
	h := history(t, PullOptions{}, first, second)
	var got []string
	for _, p := range h.Pulls {
		line := fmt.Sprintf("%s %s %s %s %s", p.Began.Sub(at(0)), p.App, p.Reference[strings.LastIndexByte(p.Reference, '/')+1:], p.Node, p.Outcome)
		if p.Took != nil {
			line += fmt.Sprintf(" took %s", *p.Took)
		}
		if p.Waited != nil {
			line += fmt.Sprintf(" waited %s", *p.Waited)
		}
		if p.CompressedBytes != nil {
			line += fmt.Sprintf(" %d B", *p.CompressedBytes)
		}
		if p.Failures > 0 {
			line += fmt.Sprintf(" failed %d", p.Failures)
		}
		if p.UnpackedBytes != nil {
			t.Errorf("%s: its size is said to be unpacked", line)
		}
		got = append(got, line)
	}
	want := []string{
		"6s shop/web migrate:3.1 node-1 pulled took 2s waited 2s 60000000 B",
		"15s shop/web web:3.1 node-1 pulled took 10s waited 0s 400000000 B",
		"1m0.5s batch/report report:latest node-2 pulled took 5.5s waited 0s 110000000 B",
		"2m39.75s ml/model model:7 node-3 pulled took 1m4.25s failed 2",
		"10m1s shop/web migrate:3.1 node-1 present",
		"10m3s shop/web web:3.1 node-1 present",
		"31m1.588s batch/report report:latest node-2 unclear took 412ms waited 0s 110000000 B",
		"55m1.2s shop/web migrate:3.1 node-2 pulled took 1.5s waited 0s 60000000 B",
		"55m6s shop/web web:3.1 node-2 pulled took 12.5s",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	wantDropped := []Dropped{{overRate, 1}, {overADay, 1}, {overBetween, 1}, {overWaiting, 1}, {unreadableTime, 1}, {notPositive, 1}}
	if !slices.Equal(h.Dropped, wantDropped) {
		t.Errorf("dropped %v, want %v", h.Dropped, wantDropped)
	}
	if want := map[string]int{"containerd": 2, "cri-o": 1}; !reflect.DeepEqual(h.Runtimes, want) {
		t.Errorf("runtimes %v, want %v", h.Runtimes, want)
	}
	// The first: 10:00:00 created, :02 has a node, :04 asks for an image, :08 has
	// it, :09 to :14 init container, :15 to :25 pull, :26 runs, :33 ready.
	s := h.Starts[0]
	phases := []time.Duration{*s.Admit, *s.Provision, *s.Pull, *s.Create, *s.Ready}
	for i := range phases {
		phases[i] /= time.Second
	}
	if want := []time.Duration{2, 2, 14, 3, 12}; s.Took != 33*time.Second || !slices.Equal(phases, want) {
		t.Errorf("the first start took %v: %v, want %v", s.Took, phases, want)
	}
	for _, s := range h.Starts {
		sum := time.Duration(0)
		for _, d := range []*time.Duration{s.Admit, s.Provision, s.Pull, s.Create, s.Ready} {
			if d != nil {
				sum += *d
			}
		}
		if s.Whole && sum != s.Took {
			t.Errorf("%s: phases add up to %v of %v", s.Pod, sum, s.Took)
		}
	}
	if len(h.Workload.NodePools) != 2 || h.Workload.NodePools[0].Name != "general" || h.Workload.NodePools[0].Count != 2 {
		t.Errorf("node pools %+v", h.Workload.NodePools)
	}
	if len(h.Digests) != 4 {
		t.Errorf("digests %v", h.Digests)
	}
}

// TestHistoryForms: however the objects stand, in whatever order, they tell the
// same.
func TestHistoryForms(t *testing.T) {
	first, second := snapshots(t)
	want := history(t, PullOptions{}, first, second)
	for name, texts := range map[string][]string{
		"reversed":      {second, first},
		"twice":         {first, second, first},
		"one stream":    {first + "\n" + second},
		"in an array":   {"[" + first + "," + second + "]"},
		"lines":         {asLines(t, first, `%s`), asLines(t, second, `%s`)},
		"watch notices": {asLines(t, first, `{"type":"ADDED","object":%s}`), asLines(t, second, `{"object":%s,"type":"MODIFIED"}`)},
	} {
		got := history(t, PullOptions{}, texts...)
		if !reflect.DeepEqual(got.Pulls, want.Pulls) || !reflect.DeepEqual(got.Starts, want.Starts) || !reflect.DeepEqual(got.Workload, want.Workload) {
			t.Errorf("%s: another history", name)
		}
		// Lists tell of the hour before each. Where they cannot be told apart, of that
		// before the last, or of what is between the first and last event.
		covered := map[string]time.Duration{"in an array": time.Hour, "lines": 55*time.Minute + 23*time.Second, "watch notices": 55*time.Minute + 23*time.Second}[name]
		if covered == 0 {
			covered = 84*time.Minute + 23*time.Second
		}
		if got.Window.Covered != covered {
			t.Errorf("%s: covers %v, want %v", name, got.Window.Covered, covered)
		}
		// Events stand twice, in the second snapshot again, or in it alone: 30 in all, of
		// which 3 are of pods given a node and 1 is of a probe.
		if got.Events != 26 {
			t.Errorf("%s: %d events about pulls, want 26", name, got.Events)
		}
		if name == "reversed" && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: another history", name)
		}
	}
}

// asLines writes a list's items one a line.
func asLines(t *testing.T, list, format string) string {
	t.Helper()
	var l struct{ Items []json.RawMessage }
	if err := json.Unmarshal([]byte(list), &l); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, item := range l.Items {
		var line bytes.Buffer
		if err := json.Compact(&line, item); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, format+"\n", line.String())
	}
	return b.String()
}

// pullEvent writes an event of the pod of that number.
func pullEvent(id, pod int, node, reason, message string, first, last time.Time, count int) string {
	return fmt.Sprintf(`{"kind":"Event","metadata":{"uid":"e%d","name":"e%d","namespace":"a","resourceVersion":"%d"},
	"involvedObject":{"kind":"Pod","namespace":"a","name":"p-%d","uid":"p%d","fieldPath":"spec.containers{c}"},
	"reason":%q,"message":%q,"source":{"component":"kubelet","host":%q},"firstTimestamp":%q,"lastTimestamp":%q,"count":%d}`,
		id, id, count, pod, pod, reason, message, node, first.Format(time.RFC3339), last.Format(time.RFC3339), count)
}

func pullPodText(n int, node, image, policy, scheme string, created, started time.Time) string {
	return fmt.Sprintf(`{"kind":"Pod","metadata":{"uid":"p%d","name":"p-%d","namespace":"a","creationTimestamp":%q},
	"spec":{"nodeName":%q,"containers":[{"name":"c","image":%q,"imagePullPolicy":%q}]},
	"status":{"phase":"Running","containerStatuses":[{"name":"c","containerID":"%s://x","state":{"running":{"startedAt":%q}}}]}}`,
		n, n, created.Format(time.RFC3339), node, image, policy, scheme, started.Format(time.RFC3339))
}

func listOf(items ...string) string {
	return `{"kind":"List","items":[` + strings.Join(items, ",") + `]}`
}

// TestMergeInAnyOrder: snapshots of a history, whose events' counts grow, give the
// same in whatever order they are read.
func TestMergeInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		snapshots := make([][]string, rapid.IntRange(1, 4).Draw(t, "snapshots"))
		for pod := range rapid.IntRange(1, 6).Draw(t, "pods") {
			node := rapid.SampledFrom([]string{"n1", "n2", ""}).Draw(t, "node")
			image := rapid.SampledFrom([]string{"i:1", "i:latest", "j:2"}).Draw(t, "image")
			begin := at(float64(rapid.IntRange(0, 600).Draw(t, "begin")))
			took := rapid.IntRange(0, 30).Draw(t, "took")
			end := begin.Add(time.Duration(took) * time.Second)
			for n := range snapshots {
				seen := end.Add(time.Duration(n) * time.Minute)
				id := pod * 10
				for _, e := range []string{
					pullEvent(id, pod, node, "Pulling", fmt.Sprintf("Pulling image %q", image), begin, seen.Add(-time.Minute), n+1),
					pullEvent(id+1, pod, node, "Pulled", fmt.Sprintf("Successfully pulled image %q in %ds (%ds including waiting). Image size: 5000000 bytes.", image, took, took), end, end, 1),
					pullEvent(id+2, pod, node, "Pulled", fmt.Sprintf("(combined from similar events): Successfully pulled image %q in %dms", image, 100+n), end, seen, n+1),
					pullEvent(id+3, pod, node, "Failed", fmt.Sprintf("Failed to pull image %q: no", image), begin, seen, n+1),
				} {
					if rapid.Bool().Draw(t, "there") {
						snapshots[n] = append(snapshots[n], e)
					}
				}
				if rapid.Bool().Draw(t, "pod there") {
					// Later looks tell more, or another digest.
					look := pullPodText(pod, node, image, "Always", "containerd", begin, end.Add(time.Duration(n)*time.Second))
					look = strings.Replace(look, `"metadata":{`, fmt.Sprintf(`"metadata":{"resourceVersion":"%d",`, 8+n), 1)
					digest := strings.Repeat(rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "digest"), 64)
					look = strings.Replace(look, `"containerID"`, fmt.Sprintf(`"imageID":"%s@sha256:%s","containerID"`, strings.Split(image, ":")[0], digest), 1)
					snapshots[n] = append(snapshots[n], look)
				}
			}
		}
		// One that is always there, for without pulls there is no history.
		snapshots[0] = append(snapshots[0], pullEvent(1000, 99, "n1", "Pulled", `Container image "i:1" already present on machine`, at(0), at(0), 1))
		var texts []string
		for _, s := range snapshots {
			texts = append(texts, listOf(s...))
		}
		want := history(t, PullOptions{}, texts...)
		got := history(t, PullOptions{}, rapid.Permutation(texts).Draw(t, "order")...)
		if !reflect.DeepEqual(got, want) {
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(want)
			t.Fatalf("got  %s\nwant %s", a, b)
		}
	})
}

// TestWindow: starts are counted over what is covered alone, and less than a day is
// not a day.
func TestWindow(t *testing.T) {
	pulled := func(id, pod int, when time.Time) string {
		return pullEvent(id, pod, "n1", "Pulled", `Successfully pulled image "i:1" in 3s (3s including waiting). Image size: 90000000 bytes.`, when, when, 1)
	}
	pod := func(n int, created time.Time) string {
		return pullPodText(n, "n1", "i:1", "IfNotPresent", "containerd", created, created.Add(5*time.Second))
	}
	hour := func(day int) string {
		from := at(float64(day) * 86400)
		return listOf(pulled(day*10, day*10, from.Add(4*time.Second)), pod(day*10, from), pulled(day*10+1, day*10+1, from.Add(time.Hour)), pod(day*10+1, from.Add(time.Hour-4*time.Second)))
	}
	h := history(t, PullOptions{}, hour(1))
	if h.NoStarts == "" || h.Workload.Apps[0].StartsPerDay != 0 || h.Window.Covered > time.Hour {
		t.Errorf("an hour gives %v starts a day over %v", h.Workload.Apps[0].StartsPerDay, h.Window.Covered)
	}
	h = history(t, PullOptions{ScaleToDay: true}, hour(1))
	if h.NoStarts != "" || !strings.HasPrefix(h.Doubts[0], "startsPerDay is scaled to a day from 60 min") {
		t.Errorf("scaled: %q, %q", h.NoStarts, h.Doubts)
	}
	// An old event in a snapshot is doubted, and makes no day of it.
	h = history(t, PullOptions{}, listOf(pulled(1, 1, at(0)), pulled(2, 2, at(86400))))
	if !strings.HasPrefix(h.Doubts[0], "events in one snapshot reach back 24 h") || h.Window.Covered != time.Hour {
		t.Errorf("a snapshot of a day: %q", h.Doubts)
	}
	// A week apart: two hours, not a week.
	h = history(t, PullOptions{ScaleToDay: true}, hour(1), hour(8))
	if h.Window.Gaps != 1 || h.Window.Covered.Round(time.Minute) != 2*time.Hour {
		t.Errorf("two hours a week apart cover %v with %d gaps", h.Window.Covered, h.Window.Gaps)
	}
	h = history(t, PullOptions{Window: 48 * time.Hour}, hour(1), hour(2), hour(8))
	if h.NoStarts != "" || !h.Window.Given || len(h.Pulls) != 2 || h.Window.Covered != 48*time.Hour {
		t.Errorf("a window that is given: %+v, %d pulls", h.Window, len(h.Pulls))
	}
	starts := 0.0
	for _, a := range h.Workload.Apps {
		starts += a.StartsPerDay
	}
	if starts != 1 {
		t.Errorf("2 pods in 2 days are %v a day", starts)
	}
}

// TestOutcomes: what a pull's rate, policy and history say of it.
func TestOutcomes(t *testing.T) {
	for _, test := range []struct {
		name, policy, scheme string
		bytes                int64
		before               bool // the node had the image
		took                 string
		want                 Outcome
		known                string
	}{
		{"an ordinary pull", "IfNotPresent", "containerd", 90e6, false, "3s", Pulled, "compressed"},
		{"evicted since", "IfNotPresent", "containerd", 90e6, true, "3s", Pulled, "compressed"},
		{"docker", "IfNotPresent", "docker", 90e6, false, "3s", Pulled, "unpacked"},
		{"CRI-O", "IfNotPresent", "cri-o", 90e6, false, "3s", Pulled, "unpacked"},
		{"another runtime", "IfNotPresent", "other", 90e6, false, "3s", Pulled, ""},
		{"evicted, or asked about for other credentials", "IfNotPresent", "containerd", 90e6, true, "1s", Unclear, "compressed"},
		{"asked again, or of a tag that moved", "Always", "containerd", 90e6, true, "3s", Unclear, "compressed"},
		{"never seen", "Always", "containerd", 90e6, false, "3s", Pulled, "compressed"},
		{"never seen but fast", "Always", "containerd", 90e6, false, "300ms", Unclear, "compressed"},
		{"never seen but quick", "Always", "cri-o", 500e6, false, "2.1s", Unclear, "unpacked"},
		{"shared layers", "IfNotPresent", "containerd", 900e6, false, "1s", PartlyPulled, "compressed"},
		{"shared layers, unpacked", "IfNotPresent", "docker", 900e6, false, "1s", PartlyPulled, "unpacked"},
		{"always, 50 GB at once", "Always", "docker", 50e9, false, "1s", Unclear, "unpacked"},
	} {
		items := []string{
			pullPodText(1, "n1", "i:1", test.policy, test.scheme, at(100), at(110)),
			pullEvent(1, 1, "n1", "Pulled", fmt.Sprintf(`Successfully pulled image "i:1" in %s (%s including waiting). Image size: %d bytes.`, test.took, test.took, test.bytes), at(109), at(109), 1),
		}
		if test.before {
			items = append(items, pullEvent(2, 2, "n1", "Pulled", `Container image "i:1" already present on machine`, at(50), at(50), 1))
		}
		h := history(t, PullOptions{}, listOf(items...))
		p := h.Pulls[len(h.Pulls)-1]
		known := ""
		switch {
		case p.CompressedBytes != nil:
			known = "compressed"
		case p.UnpackedBytes != nil:
			known = "unpacked"
		}
		if p.Outcome != test.want || known != test.known {
			t.Errorf("%s: %s, size %q, want %s, %q", test.name, p.Outcome, known, test.want, test.known)
		}
	}
}

// TestTooFast: the bound holds where the runtime is not known too.
func TestTooFast(t *testing.T) {
	h := history(t, PullOptions{}, listOf(
		pullEvent(1, 1, "", "Pulled", `Successfully pulled image "i:1" in 50ms (50ms including waiting). Image size: 5000000000 bytes.`, at(0), at(0), 1),
		pullEvent(2, 1, "", "Pulled", `Successfully pulled image "i:1" in 5s (5s including waiting). Image size: 5000000000 bytes.`, at(9), at(9), 1)))
	if want := []Dropped{{overRate, 1}}; !slices.Equal(h.Dropped, want) || len(h.Pulls) != 1 {
		t.Errorf("dropped %v of %v", h.Dropped, h.Pulls)
	}
}

// TestGonePods: the app of a pod that is gone is told by its name.
func TestGonePods(t *testing.T) {
	b := &historyBuilder{appOf: map[string]string{"u": "a/web"}, series: map[string]string{"a/db": "a/db", "a/web-7d4b9c8f6d": "a/web"}}
	for name, want := range map[string]string{
		"web-7d4b9c8f6d-4xkzp": "a/web", "web-5c4d8f7b9d-4xkzp": "a/web", "db-17": "a/db",
		"report-29919481-qk7vx": "a/report", "agent-zz4fn": "a/agent", "alone": "a/alone", "kube-proxy-node-1": "a/kube-proxy-node-1",
	} {
		if got := b.app("", podKey{"", "a", name}); got != want {
			t.Errorf("%s is of %s, want %s", name, got, want)
		}
	}
	if got := b.app("u", podKey{"u", "a", "x"}); got != "a/web" {
		t.Errorf("a known pod is of %s", got)
	}
}

func TestNoPulls(t *testing.T) {
	pod := pullPodText(1, "n1", "i:1", "Always", "containerd", at(0), at(5))
	for _, test := range []struct{ text, want string }{
		{listOf(), "no pods and no events (and 0 other items)"},
		{listOf(`{"kind":"Service","metadata":{"name":"a"}}`), "and 1 other item)"},
		{listOf(pod), "1 pod but no events"},
		{listOf(pod, pullEvent(1, 1, "n1", "Started", "Started container c", at(5), at(5), 1)), "no event about a pull among 1 event"},
	} {
		var i PullImporter
		if err := i.Read("a.json", strings.NewReader(test.text)); err != nil {
			t.Fatal(err)
		}
		if _, err := i.History(PullOptions{}); !errors.Is(err, ErrNoPulls) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.text, err, test.want)
		}
	}
	for text, want := range map[string]string{
		"":                     "a.json:1: not Kubernetes objects: it is empty; write it with: kubectl get pods,events,nodes -A -o json",
		"NAME   READY\n":       "a.json:1: not Kubernetes objects: this is kubectl's table",
		`{"items":[{"kind":"E`: "cut short",
		`{"kind":"Event","involvedObject":{"kind":"Pod"},"count":"x"}`: "count is not what an Event has there",
	} {
		var i PullImporter
		if err := i.Read("a.json", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
