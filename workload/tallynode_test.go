package workload

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/internal/clusterhistory"
)

// TestPoolsOfCluster: of a made-up cluster whose nodes' lives are known, and began before
// the history and end after it, lifetime, number and placement of each pool are found; with
// events about nodes and without.
func TestPoolsOfCluster(t *testing.T) {
	for _, silent := range []bool{false, true} {
		var text bytes.Buffer
		truth, err := clusterhistory.Write(&text, clusterhistory.Options{Seed: 11, Apps: 9, StartsPerDay: 900, Days: 11, Pools: []clusterhistory.Pool{
			{Name: "short", Nodes: 12, LifetimeHours: 36, Spread: 0.5, Placement: "spread", Silent: silent},
			{Name: "long", Nodes: 14, LifetimeHours: 240, Placement: "pack", PodsPerNode: 15, Silent: silent},
			{Name: "stays", Nodes: 5, Silent: silent},
		}})
		if err != nil {
			t.Fatal(err)
		}
		h := importText(t, PullOptions{}, text.String())
		pools := map[string]NodePool{}
		for _, p := range h.Workload.NodePools {
			pools[p.Name] = p
		}
		notes := strings.Join(h.Notes, "\n")
		// Near what was set, though of the long lives few are seen whole: of n that go it is the
		// mean to about one part in the square root of n.
		for n, want := range []struct {
			name      string
			nodes     int
			hours     float64
			placement string
		}{{"short", 12, 36, "spread"}, {"long", 14, 240, ""}, {"stays", 5, 0, ""}} {
			p := pools[want.name]
			// Of a packed pool nodes without pods are never told of where nothing tells of nodes.
			few := want.nodes
			if want.name == "long" {
				few = want.nodes / 2
			}
			// And those that nothing ran on for two days are taken to be gone.
			isLower := silent && want.name == "long" && p.LifetimeHours > 48 && p.LifetimeHours < want.hours
			if p.Count > want.nodes || p.Count < few || !isLower && math.Abs(p.LifetimeHours-want.hours) > want.hours*(0.05+1/math.Sqrt(float64(max(1, truth.Pools[n].Went)))) || p.Placement != want.placement {
				t.Errorf("silent %v: %+v, want %d nodes that live %v h, placement %q; went %d", silent, p, want.nodes, want.hours, want.placement, truth.Pools[n].Went)
			}
			if want.hours > 0 && !silent && !strings.Contains(notes, fmt.Sprintf("over the %d that events tell to have gone", truth.Pools[n].Went)) {
				t.Errorf("pool %s: %d went, of which the notes tell nothing: %s", want.name, truth.Pools[n].Went, notes)
			}
		}
		if silent && !strings.Contains(notes, "of node pool short is a lower bound of the mean: no event tells of nodes that go") {
			t.Errorf("it is not said how nodes are known to be gone: %s", notes)
		}
		for _, want := range []string{"no node of pool stays is told to have gone in ", "starts went to nodes of pool long that had more pods than "} {
			if silent && strings.Contains(want, "pool long") {
				continue // with the idle nodes left out, two are hardly in use at a time
			}
			if !strings.Contains(notes, want) {
				t.Errorf("silent %v: notes %s\nwant %q", silent, notes, want)
			}
		}
		for n, a := range truth.Apps {
			at := slices.IndexFunc(h.Workload.Apps, func(x App) bool { return x.Name == a.Name })
			if at < 0 || h.Workload.Apps[at].NodePool != []string{"short", "long", "stays"}[n%3] {
				t.Errorf("app %s is in pool %+v", a.Name, h.Workload.Apps)
			}
		}
	}
}

// TestListedPools: nodes that are listed go by their labels, with platform and size, and take
// their lifetime from the history; what is not listed goes by its name.
func TestListedPools(t *testing.T) {
	var text bytes.Buffer
	if _, err := clusterhistory.Write(&text, clusterhistory.Options{Seed: 4, Apps: 4, StartsPerDay: 1200, Days: 6, Pools: []clusterhistory.Pool{
		{Name: "gke-prod-a", Nodes: 6, LifetimeHours: 30, Placement: "pack", PodsPerNode: 20}, {Name: "burst", Nodes: 4},
	}}); err != nil {
		t.Fatal(err)
	}
	var nodes []string
	for n := range 40 { // those of the last days are among them
		nodes = append(nodes, fmt.Sprintf(`{"kind":"Node","metadata":{"name":"gke-prod-a-%d","labels":{"cloud.google.com/gke-nodepool":"a"},"creationTimestamp":"2026-11-07T00:00:00Z"},"status":{"allocatable":{"cpu":"8","memory":"32Gi"},"nodeInfo":{"operatingSystem":"linux","architecture":"arm64"}}}`, n))
	}
	list := `{"kind":"List","items":[` + strings.Join(nodes, ",") + `]}`
	for _, order := range [][]string{{list, text.String()}, {text.String(), list}} {
		h := importText(t, PullOptions{}, order...)
		var got []string
		for _, p := range h.Workload.NodePools {
			life := ""
			if math.Abs(p.LifetimeHours-30) < 4.5 {
				life = " 30 h"
			}
			got = append(got, fmt.Sprintf("%s %s %d %v CPU%s %s", p.Name, p.Platform, p.Count, p.CPU, life, p.Placement))
		}
		if diff := cmp.Diff([]string{"a linux/arm64 40 8 CPU 30 h pack", "burst linux/arm64 4 0 CPU "}, got); diff != "" {
			t.Error(diff, h.Workload.NodePools)
		}
		if a := h.Workload.Apps; a[0].NodePool != "a" || a[1].NodePool != "burst" {
			t.Errorf("%+v", a)
		}
	}
}

// TestNodeStem: by the services' rules for names of nodes.
func TestNodeStem(t *testing.T) {
	for name, want := range map[string]string{
		"gke-prod-default-pool-1a2b3c4d-x9k2": "gke-prod-default-pool", "aks-nodepool1-12345678-vmss00000a": "aks-nodepool1",
		"ip-10-0-1-23.eu-west-1.compute.internal": "ip", "i-0abc1234def567890": "", "10.0.0.5": "", "cn-hangzhou.10.0.0.5": "", "cn-hangzhou.i-bp1abc": "",
		"worker-3": "worker", "worker03": "worker", "gpu-node-12.example.com": "gpu-node", "prod-md-0-7d9f8-x4bcd": "prod-md-0", "prod-md-0-5d4c8b7f6d-x4bcd": "prod-md-0",
		"minikube": "", "": "", ".": "", "-1": "",
	} {
		if got := nodeStem(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestPoolStats: lives that were seen in part, worked by hand, in a history from hour 1000
// to 1100.
func TestPoolStats(t *testing.T) {
	const h, from, to = hourSeconds, 1000 * hourSeconds, 1100 * hourSeconds
	lives := []nodeLife{
		{first: from + 2*h, last: to - 3*h},                              // there before, and after
		{first: from + h, last: from + 10*h, went: true},                 // there before, and went
		{came: from + 20*h, first: from + 20*h, last: to - h},            // came, and is there
		{came: from + 30*h, first: 1030 * h, last: 1040 * h, went: true}, // seen whole
		{first: from + 60*h, last: from + 70*h},                          // told of late, by a pod
	}
	for _, test := range []struct {
		tellsGoing    bool
		hours         int64
		went          int
		lifetimeHours float64
	}{
		// 100 + 10 + 80 + 10 + 40 hours, over 2.
		{true, 240, 2, 120},
		// To hour 1052, from the first that is told: 50, then those that were quiet from then on:
		// 9, 32, 10; the last began after it, and is quiet for less.
		{false, 50 + 9 + 32 + 10 + 0, 2, 50.5},
	} {
		var s poolStats
		for i := range lives {
			s.count(&lives[i], from, to, test.tellsGoing)
		}
		life, ok := s.lifetime()
		if s.present != test.hours*h || s.went != test.went || !ok || life.Hours() != test.lifetimeHours || s.nodes != 5 {
			t.Errorf("%v: %+v %v, want %+v", test.tellsGoing, s, life, test)
		}
	}
	var none poolStats
	none.count(&lives[0], from, to, true)
	if _, ok := none.lifetime(); ok {
		t.Error("a lifetime of nodes none of which went")
	}
}

// TestPoolNamesDiffer: the nodes whose names tell no pool have one of their own where a
// listed pool or a stem has the name that theirs would have.
func TestPoolNamesDiffer(t *testing.T) {
	node := func(name, label string) string {
		return fmt.Sprintf(`{"kind":"Node","metadata":{"name":%q,"labels":{%s},"creationTimestamp":"2026-11-07T00:00:00Z"},"status":{"nodeInfo":{"operatingSystem":"linux","architecture":"amd64"}}}`, name, label)
	}
	lone := []string{"10.0.0.7", "i-0123456789abcdef"}
	for _, test := range []struct {
		name          string
		listed        []string
		told          []string
		pools, shared int
		want          string
	}{
		{"no label", []string{node("worker-1", ""), node("worker-2", "")}, lone, 2, 0, "nodes nodes-2"},
		{"a label", []string{node("worker-1", `"cloud.google.com/gke-nodepool":"nodes"`), node("b-1", `"cloud.google.com/gke-nodepool":"nodes-2"`)}, lone, 3, 0, "nodes nodes-2 nodes-3"},
		{"a stem", []string{node("worker-1", `"cloud.google.com/gke-nodepool":"a"`)}, append([]string{"nodes-1", "nodes-2"}, lone...), 3, 0, "a nodes nodes-2"},
		{"free", []string{node("worker-1", `"cloud.google.com/gke-nodepool":"a"`)}, lone, 2, 0, "a nodes"},
		{"none listed", nil, lone, 1, 0, "nodes"},
		// Two sets of pools whose nodes are called alike: each is told of once.
		{"called alike", []string{
			node("x-1", `"cloud.google.com/gke-nodepool":"blue"`), node("x-2", `"cloud.google.com/gke-nodepool":"red"`),
			node("y-1", `"cloud.google.com/gke-nodepool":"blue"`), node("y-2", `"cloud.google.com/gke-nodepool":"green"`),
		}, []string{"x-1", "x-2", "y-1", "y-2"}, 3, 2, "blue green red"},
	} {
		var text strings.Builder
		for i, name := range test.told {
			fmt.Fprintf(&text, `{"kind":"Event","involvedObject":{"kind":"Pod","namespace":"shop","name":"web-5d4f8c7b9d-%s","uid":"u%d"},"reason":"Pulled","message":"Container image \"reg.example/web:1\" already present on machine","lastTimestamp":"2026-11-08T0%d:00:00Z","source":{"component":"kubelet","host":%q}}`+"\n", []string{"abcde", "bcdef", "cdefg", "defgh"}[i], i, i, name)
		}
		texts := []string{text.String()}
		if len(test.listed) > 0 {
			texts = append(texts, `{"kind":"List","items":[`+strings.Join(test.listed, ",")+`]}`)
		}
		h := importText(t, PullOptions{}, texts...)
		var names []string
		for _, p := range h.Workload.NodePools {
			names = append(names, p.Name)
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%s: pools %s, want %s", test.name, got, test.want)
		}
		if got := strings.Count(strings.Join(h.Notes, "\n"), "are called alike"); got != test.shared {
			t.Errorf("%s: %d notes of pools that are called alike, want %d: %q", test.name, got, test.shared, h.Notes)
		}
	}
}

// TestQuietOrder: of more quiet nodes than are held those that were told of last are, by name
// where several were; and those that are told of again count once.
func TestQuietOrder(t *testing.T) {
	const more, back = 1000, 2000
	begin := int64(1000 * hourSeconds)
	var first poolStats
	for round := range 4 {
		n := nodeTally{all: map[string]*tallyNode{}, ended: map[uint64]*tallyNode{}, groups: map[string]*nodeGroup{}, swept: begin}
		name := func(i int) string { return fmt.Sprintf("worker-%05d", i) }
		for i := range maxLives + more {
			n.node(name(i), begin+int64(i/100)) // a hundred each second
		}
		n.pass(begin + nodeQuiet + hourSeconds)
		if len(n.all) != 0 || n.lives != maxLives {
			t.Fatalf("%d nodes are there, %d held", len(n.all), n.lives)
		}
		for i := range maxLives + more {
			if isHeld := n.endedNode(name(i)).at >= 0; isHeld != (i >= more) {
				t.Fatalf("round %d: node %d held: %v", round, i, isHeld)
			}
		}
		for i := range back {
			n.node(name(i), begin+nodeQuiet+2*hourSeconds)
		}
		s := n.stats(begin, begin+nodeQuiet*3, func(string) bool { return false })["worker"]
		if s.nodes != maxLives+more || len(n.all) != back || round > 0 && s != first {
			t.Errorf("round %d: %+v, first %+v", round, s, first)
		}
		first = s
	}
}

// TestNodesEndOnce: nodes that were quiet before they are told to go, more than are held, go
// once each, however often and by whom it is told, and in whichever of two files that comes.
func TestNodesEndOnce(t *testing.T) {
	const nodes, hour = maxLives + 5000, hourSeconds
	const from = 1000 * hour
	name := func(i int) []byte { return fmt.Appendf(nil, "worker-%05d", i) }
	first := func(i int) int64 { return from + nodeQuiet + hour + int64(i) }
	for _, reversed := range []bool{false, true} {
		var y tally
		tell := func(i int, reason string, at int64) {
			y.event(&lineEvent{kind: []byte("Node"), name: name(i), reason: []byte(reason), first: at, last: at})
		}
		come := func() {
			tell(nodes, "NodeReady", from)
			for i := range nodes {
				tell(i, "NodeReady", first(i))
			}
		}
		goAway := func() {
			for i := range nodes {
				tell(i, "RemovingNode", first(i)+60*hour)
				tell(i, "DeletingNode", first(i)+60*hour+1)
			}
			tell(nodes, "NodeReady", first(nodes)+61*hour)
			for i := range nodes {
				tell(i, "RemovingNode", first(i)+62*hour)
			}
		}
		for _, file := range map[bool][]func(){false: {come, goAway}, true: {goAway, come}}[reversed] {
			y.begin()
			file()
			y.end()
		}
		got := y.nodes.stats(y.from, y.to, func(string) bool { return false })["worker"]
		// Each was there for 60 hours, and the one of which it is not told that it went from
		// the beginning to the end.
		present := int64(nodes*60*hour) + y.to - from
		if got.nodes != nodes+1 || got.went != nodes || got.present != present {
			t.Errorf("reversed %v: %d nodes, %d went, %d h; want %d, %d, %d h", reversed, got.nodes, got.went, got.present/hour, nodes+1, nodes, present/hour)
		}
	}
}

// TestUnheldLives: lives beyond those that are held are counted as those are, whether or not
// events tell of nodes' going.
func TestUnheldLives(t *testing.T) {
	const h, from, to = hourSeconds, 1000 * hourSeconds, 2000 * hourSeconds
	lives := []nodeLife{
		{first: from + 100*h, last: from + 200*h},                                 // quiet, not told to have gone
		{first: from + 100*h, last: from + 300*h, went: true},                     // went
		{came: from + 120*h, first: from + 119*h, last: from + 150*h, went: true}, // seen whole
		{came: from + 120*h, first: from + 119*h, last: from + 160*h},             // came, quiet
		{first: from + 400*h, last: from + 400*h, went: true, unused: true},       // only its going is told
	}
	for _, tellsGoing := range []bool{true, false} {
		var got [2]poolStats
		for i, held := range []int{0, maxLives} {
			n := nodeTally{groups: map[string]*nodeGroup{}, ended: map[uint64]*tallyNode{}, tellsGoing: tellsGoing, lives: held}
			for k := range lives {
				name := fmt.Sprintf("worker-%d", k)
				n.end(&tallyNode{nodeLife: lives[k], name: name, group: n.group(name)})
			}
			got[i] = n.stats(from, to, func(string) bool { return false })["worker"]
		}
		if got[0] != got[1] || got[0].nodes != len(lives) {
			t.Errorf("tells going %v: held %+v, beyond the bound %+v", tellsGoing, got[0], got[1])
		}
	}
}

// TestRankOfMany: of many nodes some are looked at, and the mean over many starts is that of
// all nodes, counted here one by one; nodes that went are not among them.
func TestRankOfMany(t *testing.T) {
	var c tally
	c.init()
	n := &c.nodes
	n.tellsGoing = true
	const nodes = 3000
	for i := range nodes {
		on := n.node(fmt.Sprintf("worker-%d", i), 1000)
		on.live = i % 10
	}
	for i := 0; i < nodes; i += 3 {
		n.goes(fmt.Sprintf("worker-%d", i), 1001)
	}
	// Starts go to nodes with 0 to 4 pods.
	want, starts := 0.0, 0
	for i := range nodes {
		chosen := n.all[fmt.Sprintf("worker-%d", i)]
		if chosen == nil || chosen.live > 4 {
			continue
		}
		fewer, others := 0.0, 0
		for j := range nodes {
			o := n.all[fmt.Sprintf("worker-%d", j)]
			if o == nil || o == chosen {
				continue
			}
			others++
			switch {
			case o.live < chosen.live:
				fewer++
			case o.live == chosen.live:
				fewer += 0.5
			}
		}
		want += fewer / float64(others)
		starts++
		n.rank(chosen, 1002)
		n.starts++
	}
	g := n.groups["worker"]
	if len(g.there) != nodes*2/3 || len(n.all) != len(g.there) {
		t.Fatalf("%d nodes of the group are there, %d of all; want %d", len(g.there), len(n.all), nodes*2/3)
	}
	for name, on := range n.all {
		if g.there[on.place] != on {
			t.Fatalf("%s is not at its place", name)
		}
	}
	if got := g.ranks / float64(g.ranked); g.ranked != starts || math.Abs(got-want/float64(starts)) > 0.01 {
		t.Errorf("%d starts ranked at %.4f in the mean, want %d at %.4f", g.ranked, got, starts, want/float64(starts))
	}
}
