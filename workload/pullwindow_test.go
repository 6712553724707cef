package workload

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func hasDoubt(h *PullHistory, text string) bool {
	return slices.ContainsFunc(h.Doubts, func(d string) bool { return strings.Contains(d, text) })
}

// startsOf adds the starts a day of all apps.
func startsOf(h *PullHistory) float64 {
	sum := 0.0
	for i := range h.Workload.Apps {
		sum += h.Workload.Apps[i].StartsPerDay
	}
	return sum
}

// started is a pod that started on a node, with the event that tells of its image.
func started(name, node string, created time.Time) []string {
	return []string{
		kubePod{name: name, node: node, image: "i:1", policy: "IfNotPresent", created: created, started: created.Add(9 * time.Second), digest: "a"}.text(),
		kubeEvent{pod: name, host: node, message: isPresent("i:1"), last: created.Add(8 * time.Second)}.text(),
	}
}

// TestWrongClocks: a node whose clock is wrong makes no day of an hour.
func TestWrongClocks(t *testing.T) {
	for name, off := range map[string]time.Duration{
		"a day ahead": 24 * time.Hour, "a day behind": -24 * time.Hour, "of a board without a clock": time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Sub(at(0)),
	} {
		items := []string{
			kubeNode("n1", "x", 1, at(-9000), at(3500)), kubeNode("n2", "x", 1, at(-9000), at(3400)), kubeNode("n3", "x", 1, at(-9000), at(3300).Add(off)),
			// The API server stamps the pod and the event, the node tells when it started.
			kubePod{name: "wrong", node: "n3", image: "i:1", policy: "IfNotPresent", created: at(1000), started: at(1012).Add(off), digest: "a"}.text(),
			kubeEvent{pod: "wrong", host: "n3", message: pulledIn("i:1", "9s", "9s", 90e6), last: at(1010).Add(off), made: at(1010)}.text(),
		}
		items = append(items, started("p1", "n1", at(100))...)
		items = append(items, started("p2", "n2", at(3000))...)
		h := history(t, PullOptions{}, listOf(items...))
		if w := h.Window; w.Covered != time.Hour || !w.To.Equal(at(3400)) && !w.To.Equal(at(3500)) || h.NoStarts == "" {
			t.Errorf("%s: covered %v to %v, %q", name, w.Covered, w.To, h.NoStarts)
		}
		i := slices.IndexFunc(h.Pulls, func(p Pull) bool { return p.Pod == "wrong" })
		if i < 0 || !h.Pulls[i].Began.Equal(at(1001)) {
			t.Errorf("%s: %+v, dropped %v", name, h.Pulls, h.Dropped)
		}
		if slices.ContainsFunc(h.Starts, func(s PodStart) bool { return s.Pod == "wrong" }) || len(h.Starts) != 2 {
			t.Errorf("%s: starts %+v", name, h.Starts)
		}
		if !hasDoubt(h, "the clocks of 1 node are more than 5 min off") {
			t.Errorf("%s: %q", name, h.Doubts)
		}
	}
}

// TestIdleHours: an hour in which nothing happens is covered as any other.
func TestIdleHours(t *testing.T) {
	var texts []string
	for n := range 29 {
		taken := at(float64(n) * 3000)
		items := []string{
			kubeNode("n1", "x", n, at(-90000), taken.Add(-4*time.Minute)), kubeNode("n2", "x", n, at(-90000), taken.Add(-2*time.Minute)), kubeNode("n3", "x", n, at(-90000), taken.Add(-time.Minute)),
			kubePod{name: "old", node: "n1", image: "i:1", policy: "IfNotPresent", created: at(-90000), started: at(-90000), digest: "a"}.text(),
		}
		if n < 14 { // one pod in each of the first 14, and then no event for half a day
			items = append(items, started(fmt.Sprint("p", n), "n1", taken.Add(-20*time.Minute))...)
		}
		texts = append(texts, listOf(items...))
	}
	h := history(t, PullOptions{}, texts...)
	// From an hour before the first to the last: 28 times 50 minutes, and the hour.
	if w := h.Window; w.Gaps != 0 || (w.Covered-28*50*time.Minute-time.Hour).Abs() > 5*time.Minute || h.NoStarts != "" {
		t.Errorf("%v with %d gaps, %q", w.Covered, w.Gaps, h.NoStarts)
	}
	if got, want := startsOf(h), 14*24/h.Window.Covered.Hours(); got < 0.99*want || got > 1.01*want {
		t.Errorf("%v starts a day, want %v", got, want)
	}
	// Nine pods within two minutes at night, and nothing else in the hour.
	items := []string{kubeNode("n1", "x", 1, at(-90000), at(3500))}
	for n := range 9 {
		items = append(items, started(fmt.Sprint("p", n), "n1", at(1000+10*float64(n)))...)
	}
	h = history(t, PullOptions{ScaleToDay: true}, listOf(items...))
	if got := startsOf(h); got != 9*24 {
		t.Errorf("9 pods in an hour are %v a day", got)
	}
	h = history(t, PullOptions{ScaleToDay: true, EventLife: 3 * time.Hour}, listOf(items...))
	if got := startsOf(h); got != 9*8 {
		t.Errorf("9 pods in three hours are %v a day", got)
	}
}

// TestEventLife: events that are older, or none that are old, put the hour in doubt.
func TestEventLife(t *testing.T) {
	old := slices.Concat(started("p1", "n1", at(0)), started("p2", "n1", at(3*3600)))
	h := history(t, PullOptions{}, listOf(old...))
	if !hasDoubt(h, "events in one snapshot reach back 3 h") || h.Window.Covered != time.Hour {
		t.Errorf("%v: %q", h.Window.Covered, h.Doubts)
	}
	if h = history(t, PullOptions{EventLife: 3 * time.Hour}, listOf(old...)); hasDoubt(h, "reach back") {
		t.Errorf("%q", h.Doubts)
	}
	var busy []string
	for n := range 120 {
		busy = append(busy, started(fmt.Sprint("p", n), "n1", at(10*float64(n)))...)
	}
	if h = history(t, PullOptions{}, listOf(busy...)); !hasDoubt(h, "no snapshot has events older than 45 min") {
		t.Errorf("%q", h.Doubts)
	}
	// A watch tells of more than an hour by itself, if it is one.
	h = history(t, PullOptions{}, strings.Join(old, "\n"))
	if !hasDoubt(h, "taken for a watch without gaps, of 3 h") || h.Window.Covered != 3*time.Hour+time.Second {
		t.Errorf("%v: %q", h.Window.Covered, h.Doubts)
	}
}

// TestNodesAtATime: a pool has as many nodes as a look sees, and the newest tell what
// they are.
func TestNodesAtATime(t *testing.T) {
	// Ten at a time, four others each hour: n0 to n9, n4 to n13, n8 to n17.
	var texts []string
	for hour := range 3 {
		taken := at(float64(hour+1) * 3600)
		items := started(fmt.Sprint("p", hour), fmt.Sprint("n", 4*hour), taken.Add(-9*time.Second))
		for n := 4 * hour; n < 4*hour+10; n++ {
			created := at(-36000)
			if n >= 10 {
				created = at(3600*1.5 + float64((n-10)/4)*3600)
			}
			items = append(items, kubeNode(fmt.Sprint("n", n), "spot", 1, created, taken))
		}
		texts = append(texts, listOf(items...))
	}
	h := history(t, PullOptions{ScaleToDay: true}, texts...)
	// Eight were made and eight went in three hours.
	if p := h.Workload.NodePools; len(p) != 1 || p[0].Count != 10 || p[0].NewNodesPerDay != 64 {
		t.Errorf("%+v", p)
	}
	if h = history(t, PullOptions{}, texts...); h.Workload.NodePools[0].NewNodesPerDay != 0 {
		t.Errorf("three hours, not scaled, have %+v", h.Workload.NodePools)
	}
	// A pool that grows from 4 to 8 has no node in the place of another.
	texts = nil
	for hour := range 2 {
		taken := at(float64(hour+1) * 3600)
		items := started(fmt.Sprint("p", hour), "n0", taken.Add(-9*time.Second))
		for n := range 4 * (hour + 1) {
			items = append(items, kubeNode(fmt.Sprint("n", n), "grows", 1, at(float64(n/4)*5000), taken))
		}
		texts = append(texts, listOf(items...))
	}
	h = history(t, PullOptions{ScaleToDay: true}, texts...)
	if p := h.Workload.NodePools; len(p) != 1 || p[0].Count != 6 || p[0].NewNodesPerDay != 0 {
		t.Errorf("%+v", p)
	}
	// 8, 10 and 9 nodes, of which the pool's label changed.
	texts = nil
	for n, nodes := range []int{8, 10, 9} {
		items := started(fmt.Sprint("p", n), "n0", at(float64(n+1)*1000))
		for i := range nodes {
			pool := "old"
			if n == 2 {
				pool = "new"
			}
			// Versions are numbers, not texts.
			items = append(items, kubeNode(fmt.Sprint("n", i), pool, 998+n, at(-36000), at(float64(n+1)*1000)))
		}
		texts = append(texts, listOf(items...))
	}
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		h := history(t, PullOptions{}, texts[order[0]], texts[order[1]], texts[order[2]])
		p := h.Workload.NodePools
		if len(p) != 2 || p[0].Name != "new" || p[0].Count != 9 || !hasDoubt(h, "new 8 to 9") {
			t.Errorf("%+v, %q", p, h.Doubts)
		}
	}
}

// TestReadyOnce: the last time that a pod became ready is not the first, where it
// comes long after.
func TestReadyOnce(t *testing.T) {
	pod := func(name string, created, ready time.Time, version int) string {
		return kubePod{name: name, node: "n1", image: "i:1", policy: "IfNotPresent", created: created, started: created.Add(9 * time.Second), ready: ready, digest: "a", version: version}.text()
	}
	present := func(name string, created time.Time) string {
		return kubeEvent{pod: name, host: "n1", message: isPresent("i:1"), last: created.Add(8 * time.Second)}.text()
	}
	// A kubelet was upgraded yesterday: its pods, which are weeks old, became ready then.
	old := pod("old", at(-20*86400), at(-86400), 1)
	h := history(t, PullOptions{}, listOf(old, present("gone", at(0))))
	if r := h.Workload.Apps[0].Ready; r != nil {
		t.Errorf("ready after %v", *r)
	}
	h = history(t, PullOptions{}, listOf(pod("p1", at(0), at(16), 1), present("p1", at(0)), pod("p2", at(30), at(30+65*60), 1), present("p2", at(30))))
	ready := map[string]*time.Duration{}
	for i := range h.Workload.Apps {
		ready[h.Workload.Apps[i].Name] = h.Workload.Apps[i].Ready
	}
	if ready["a/p1"] == nil || *ready["a/p1"] != 7*time.Second || ready["a/p2"] != nil || !hasDoubt(h, "1 pod last became ready more than 10 min after the start") {
		t.Errorf("%v, %q", ready, h.Doubts)
	}
	if s := h.Starts[1]; s.Took != 9*time.Second || s.Ready != nil {
		t.Errorf("took %v, ready %v", s.Took, s.Ready)
	}
	// An earlier look knows it.
	h = history(t, PullOptions{}, listOf(pod("p2", at(30), at(30+65*60), 2), present("p2", at(30))), listOf(pod("p2", at(30), at(50), 1)))
	if r := h.Workload.Apps[0].Ready; r == nil || *r != 11*time.Second {
		t.Errorf("ready after %v", r)
	}
}

// TestGoneStarts: a pod that is gone is counted once, by the event that gave it a node
// or else by the first that is known of it.
func TestGoneStarts(t *testing.T) {
	h := history(t, PullOptions{ScaleToDay: true}, listOf(
		kubePod{name: "web-7d4b9c8f6d-4xkzp", node: "n1", image: "i:1", policy: "IfNotPresent", created: at(-7200), started: at(-7100), digest: "a"}.text(),
		kubeEvent{pod: "web-7d4b9c8f6d-aaaaa", message: "Successfully assigned a/web-7d4b9c8f6d-aaaaa to n1", last: at(100)}.text(),
		kubeEvent{pod: "web-7d4b9c8f6d-aaaaa", host: "n1", message: isPresent("i:1"), last: at(101)}.text(),
		kubeEvent{pod: "web-7d4b9c8f6d-bbbbb", host: "n1", message: isPresent("i:1"), last: at(3590)}.text(),
		// Asked for before the hour, it came in it: no start of the hour.
		kubeEvent{pod: "web-7d4b9c8f6d-ccccc", host: "n1", message: `Failed to pull image "j:1": no`, last: at(50)}.text(),
		kubeEvent{pod: "web-7d4b9c8f6d-ccccc", host: "n1", message: `Pulling image "j:1"`, first: at(-60), last: at(110), count: 2}.text(),
		kubeEvent{pod: "web-7d4b9c8f6d-ccccc", host: "n1", message: pulledIn("j:1", "10s", "10s", 90e6), last: at(120)}.text(),
	))
	if got := startsOf(h); got != 2*24 {
		t.Errorf("%v starts a day, want 48", got)
	}
}
