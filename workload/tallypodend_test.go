package workload

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// poolPod is a pod of a made-up pool: it runs on a node from a second to another.
type poolPod struct {
	name, node string
	from, to   int
}

// placePods makes up a pool of which a node goes every six hours, and another comes: a node is
// there for so many hours as there are nodes times six. A start in six minutes in the mean chooses by
// the pods that run: spread, pack (up to 4 on a node) or any.
func placePods(how string, seed uint64, count int) []poolPod {
	const nodes, turn = 6, 6 * hourSeconds
	rng := rand.New(rand.NewPCG(seed, 7))
	var pods []poolPod
	at := 0.0
	for n := range count {
		at += rng.ExpFloat64() * 360
		now := int(at)
		newest := now/turn + nodes
		best, bestLive := "", -1
		for _, k := range rng.Perm(nodes) {
			name := fmt.Sprintf("worker-%d", newest-k)
			live := liveOn(pods, name, now)
			better := bestLive < 0 || how == "spread" && live < bestLive || how == "pack" && live > bestLive && live < 4
			if better && (how != "pack" || live < 4) {
				best, bestLive = name, live
			}
		}
		// The 10 to 30 minutes of a run are no multiple of anything.
		pods = append(pods, poolPod{fmt.Sprintf("web-5d4c8b7f6d-%05d", n), best, now, now + 600 + rng.IntN(1200)})
	}
	return pods
}

func liveOn(pods []poolPod, node string, at int) int {
	live := 0
	for i := len(pods) - 1; i >= 0 && at-pods[i].from <= 1800; i-- {
		if pods[i].node == node && pods[i].to > at {
			live++
		}
	}
	return live
}

// asTrace writes pods as a trace, and asProm as Prometheus' answers with a sample each second
// of their ends.
func asTrace(pods []poolPod) string {
	var b strings.Builder
	b.WriteString("time_seconds,app,images,count,node,runtime_seconds\n")
	for _, p := range pods {
		fmt.Fprintf(&b, "%d,web,r/web:1,1,%s,%d\n", p.from, p.node, p.to-p.from)
	}
	return b.String()
}

func asProm(t *testing.T, pods []poolPod) string {
	t.Helper()
	const begin = 1793577600 // Monday 2026-11-02
	var series []any
	add := func(metric string, p poolPod, value string, labels map[string]string) {
		m := map[string]string{"__name__": metric, "namespace": "shop", "pod": p.name, "uid": p.name}
		for k, v := range labels {
			m[k] = v
		}
		series = append(series, map[string]any{"metric": m, "values": [][2]any{{begin + p.from, value}, {begin + p.from + 1, value}, {begin + p.to, value}}})
	}
	whole := poolPod{name: "dns-7f8d9c5b6d-x4bcd", from: -3600, to: pods[len(pods)-1].to + 3600}
	for _, p := range append([]poolPod{whole}, pods...) {
		add("kube_pod_container_info", p, "1", map[string]string{"container": "main", "image": "r/web:1"})
		add("kube_pod_start_time", p, fmt.Sprint(begin+p.from), nil)
		if p.node != "" {
			add("kube_pod_info", p, "1", map[string]string{"node": p.node, "created_by_kind": "ReplicaSet", "created_by_name": "web-5d4c8b7f6d"})
		}
	}
	text, err := json.Marshal(map[string]any{"status": "success", "data": map[string]any{"resultType": "matrix", "result": series}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestPlacementOfEnded: where starts are told with their ends, a node is judged by the pods
// that run there when it is chosen, not by those that ever did.
func TestPlacementOfEnded(t *testing.T) {
	for _, test := range []struct{ how, placement string }{{"spread", "spread"}, {"any", ""}, {"pack", ""}} {
		for seed := range uint64(5) {
			pods := placePods(test.how, seed, 3200)
			had, ranked := 0, 0
			for n := everyRank - 1; n < len(pods); n += everyRank {
				had += liveOn(pods[:n], pods[n].node, pods[n].from)
				ranked++
			}
			mean := float64(had) / float64(ranked)
			for _, text := range []string{asTrace(pods), asProm(t, pods)} {
				var i HistoryImporter
				if _, err := i.Read("x", strings.NewReader(text), ""); err != nil {
					t.Fatal(err)
				}
				h, err := i.History(PullOptions{})
				if err != nil {
					t.Fatal(err)
				}
				// Nodes of which nothing is told for six hours are not looked at: where too few
				// are left, a start is not ranked.
				s := i.tally.nodes.stats(i.tally.from, i.tally.to, isVirtualName)["worker"]
				rank := s.ranks / float64(s.ranked)
				if got := s.pods / float64(s.ranked); test.how != "pack" && (math.Abs(got-mean) > 1e-9 || s.ranked != ranked) || math.Abs(got-mean) > 0.1 {
					t.Errorf("%s, seed %d: %d starts were at nodes with %.3f pods in the mean, want %d with %.3f", test.how, seed, s.ranked, got, ranked, mean)
				}
				isRight := map[string]bool{"spread": rank < 0.35, "any": rank > 0.4 && rank < 0.6, "pack": rank > 0.65}[test.how]
				if p := h.Workload.NodePools; len(p) != 1 || p[0].Placement != test.placement || !isRight {
					t.Errorf("%s, seed %d: %+v, rank %.2f, want placement %q", test.how, seed, p, rank, test.placement)
				}
				if notes := strings.Join(h.Notes, "\n"); test.how == "pack" && !strings.Contains(notes, "placement is rather pack") {
					t.Errorf("pack, seed %d: %s", seed, notes)
				}
			}
		}
	}
}

// TestPlacementUnknown: where a trace does not say how long starts run, placement is not judged.
func TestPlacementUnknown(t *testing.T) {
	var b strings.Builder
	b.WriteString("time_seconds,app,images,count,node\n")
	for k := range 2000 {
		fmt.Fprintf(&b, "%d,web,r/web:1,1,n%d\n", k*300, k%4)
	}
	h := importText(t, PullOptions{}, b.String())
	notes := strings.Join(h.Notes, "\n")
	if p := h.Workload.NodePools; len(p) != 1 || p[0].Placement != "" || !strings.Contains(notes, "placement of node pool nodes is not judged: of 2000 lines on it 2000 do not say how long they run") {
		t.Errorf("%+v, %s", p, notes)
	}
}

// TestTraceCount: starts of one line count each for run times, and run on its node together.
func TestTraceCount(t *testing.T) {
	var i HistoryImporter
	text := "time_seconds,app,images,count,node,runtime_seconds\n0,a,r/a:1,40,n1,100\n50,a,r/a:1,1,n1,700\n100,a,r/a:1,2,n2,700\n200000,b,r/b:1,1,n2,5\n"
	if _, err := i.Read("t.csv", strings.NewReader(text), ""); err != nil {
		t.Fatal(err)
	}
	h, err := i.History(PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := h.Origins[0].Runtime; got != "median of 43 pods that ended" || h.Workload.Apps[0].Runtime.Seconds() != 100 {
		t.Errorf("%s, %v", got, h.Workload.Apps[0].Runtime)
	}
	// At 100 s the 40 are gone; at 200,000 s all but what began then.
	if n1, n2 := i.tally.nodes.all["n1"], i.tally.nodes.all["n2"]; n1 != nil && n1.live != 0 || n2.live != 1 {
		t.Errorf("%+v, %+v", n1, n2)
	}
}
