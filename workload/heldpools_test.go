package workload

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/internal/clusterhistory"
)

// TestPrePulledOfCluster: of a made-up cluster it is found which pool's new nodes hold images
// from the beginning, and of which apps: not of those that were released anew, nor on a pool
// whose nodes pull.
func TestPrePulledOfCluster(t *testing.T) {
	for _, silent := range []bool{false, true} {
		var text bytes.Buffer
		truth, err := clusterhistory.Write(&text, clusterhistory.Options{Seed: 3, Apps: 8, StartsPerDay: 700, Days: 7, Pools: []clusterhistory.Pool{
			{Name: "carries", Nodes: 6, LifetimeHours: 30, Spread: 0.3, Carries: true, Silent: silent},
			{Name: "plain", Nodes: 6, LifetimeHours: 30, Spread: 0.3, Silent: silent},
		}})
		if err != nil {
			t.Fatal(err)
		}
		h := importText(t, PullOptions{}, text.String())
		want := map[string][]string{}
		for n, a := range truth.Apps { // the n-th app is on the n-th pool, and from the first again
			if n%2 == 0 && a.Releases == 0 && !silent {
				want["carries"] = append(want["carries"], a.Images...)
			}
		}
		if !silent && len(want["carries"]) < 2 {
			t.Fatalf("the history has no app that tells: %+v", truth.Apps)
		}
		got := map[string][]string{}
		for _, p := range h.Workload.NodePools {
			if len(p.PrePulled) > 0 {
				got[p.Name] = p.PrePulled
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("silent %v: %s", silent, diff)
		}
		if notes := strings.Join(h.Notes, "\n"); strings.Contains(notes, "prePulled of node pool carries: on new nodes, ") == silent {
			t.Errorf("silent %v: %s", silent, notes)
		}
	}
}

// TestHeldPools: which nodes hold what, by hand: an image that no pod uses is the pool's
// where all lists that are whole have it; a list of 50 that lacks one says nothing.
func TestHeldPools(t *testing.T) {
	node := func(name string, images ...string) string {
		var list []string
		for _, i := range images {
			list = append(list, fmt.Sprintf(`{"names":[%q],"sizeBytes":1000}`, i))
		}
		return fmt.Sprintf(`{"kind":"Node","metadata":{"name":%q,"labels":{"agentpool":"a"},"creationTimestamp":"2026-11-07T00:00:00Z"},"status":{"images":[%s],"nodeInfo":{"operatingSystem":"linux","architecture":"amd64"}}}`, name, strings.Join(list, ","))
	}
	var filler []string
	for n := range 50 {
		filler = append(filler, fmt.Sprintf("registry.example.com/filler-%d:1", n))
	}
	events := `{"involvedObject":{"kind":"Pod","namespace":"shop","name":"web-5d4f8c7b9d-abcde","uid":"u1"},"reason":"Scheduled","message":"Successfully assigned shop/web-5d4f8c7b9d-abcde to n1","lastTimestamp":"2026-11-08T00:00:00Z"}
{"involvedObject":{"kind":"Pod","namespace":"shop","name":"web-5d4f8c7b9d-abcde","uid":"u1"},"reason":"Pulled","message":"Container image \"nginx:1.27\" already present on machine","lastTimestamp":"2026-11-08T00:00:01Z","source":{"host":"n1"}}
`
	const web, pause, proxy, agent = "docker.io/library/nginx:1.27", "registry.k8s.io/pause:3.10", "registry.k8s.io/kube-proxy:v1.34.2", "registry.example.com/agent:2"
	nodes := []string{
		node("n1", web, pause, proxy, agent), node("n2", web, pause, proxy), node("n3", pause, proxy, agent),
		node("n4", append(slices.Clone(filler[:49]), proxy)...), // 50: what it lacks says nothing
	}
	list := `{"kind":"List","items":[` + strings.Join(nodes, ",") + `]}`
	h := importText(t, PullOptions{ScaleToDay: true}, events, list)
	want := []HeldPool{{
		Pool: "a", Nodes: 4, FullLists: 1, Apps: []HeldShare{{"nginx:1.27", 2, 1}}, Carried: []string{proxy, pause},
	}}
	if diff := cmp.Diff(want, h.Held.Pools); diff != "" {
		t.Error(diff)
	}
	if h.Held.Apps != 1 {
		t.Errorf("%d apps are held: nginx:1.27 is docker.io/library/nginx:1.27", h.Held.Apps)
	}
	if notes := strings.Join(h.Notes, "\n"); !strings.Contains(notes, "all of 3 nodes of pool a whose images are told hold 2 images that nothing in the input uses") {
		t.Error(notes)
	}
	if p := h.Workload.NodePools[0].PrePulled; p != nil {
		t.Errorf("what nodes hold at one look is taken for what new nodes have: %v", p)
	}
	// Two nodes are too few.
	h = importText(t, PullOptions{ScaleToDay: true}, events, `{"kind":"List","items":[`+strings.Join(nodes[:2], ",")+`]}`)
	if got := h.Held.Pools[0].Carried; got != nil {
		t.Errorf("of two nodes: %v", got)
	}
}

// TestCanonical: one image under its names.
func TestCanonical(t *testing.T) {
	for ref, want := range map[string]string{
		"nginx": "docker.io/library/nginx:latest", "nginx:1.27": "docker.io/library/nginx:1.27", "docker.io/nginx:1.27": "docker.io/library/nginx:1.27",
		"index.docker.io/team/app": "docker.io/team/app:latest", "localhost:5000/app:2": "localhost:5000/app:2", "localhost:5000/app": "localhost:5000/app:latest",
		"registry.k8s.io/pause:3.10": "registry.k8s.io/pause:3.10", "quay.io/a/b:1@sha256:00": "quay.io/a/b@sha256:00",
	} {
		if got := canonical(ref); got != want {
			t.Errorf("%s: %s, want %s", ref, got, want)
		}
	}
}
