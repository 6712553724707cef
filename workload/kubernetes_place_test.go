package workload

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// placedPod is a pod of a Deployment of its own, on a node.
func placedPod(app, node, annotations string) string {
	return fmt.Sprintf(`{"kind":"Pod","metadata":{"name":"%[1]s-5c6f7d9b8-q7w2m","namespace":"shop","uid":"%[1]s","creationTimestamp":"2026-11-23T10:00:00Z",
		"labels":{"pod-template-hash":"5c6f7d9b8"},"annotations":{%[3]s},"ownerReferences":[{"controller":true,"kind":"ReplicaSet","name":"%[1]s-5c6f7d9b8"}]},
		"spec":{"nodeName":"%[2]s","containers":[{"name":"c","image":"registry.example.com/%[1]s:1"}]},
		"status":{"containerStatuses":[{"name":"c","containerID":"containerd://%[1]s","state":{"running":{"startedAt":"2026-11-23T10:00:08Z"}}}]}}`, app, node, annotations)
}

func placedNode(name, arch string) string {
	return fmt.Sprintf(`{"kind":"Node","metadata":{"name":"%s","labels":{"eks.amazonaws.com/nodegroup":"%s-group"}},
		"status":{"allocatable":{"cpu":"8","memory":"32Gi"},"nodeInfo":{"architecture":"%s","operatingSystem":"linux","containerRuntimeVersion":"containerd://1.7.27"}}}`, name, arch, arch)
}

// placedEvent is the kubelet's message that a pod's image was there, or had to be pulled.
func placedEvent(app, node, message string) string {
	return fmt.Sprintf(`{"kind":"Event","metadata":{"name":"%[1]s.1","namespace":"shop","uid":"e-%[1]s","creationTimestamp":"2026-11-23T10:00:06Z"},
		"involvedObject":{"kind":"Pod","name":"%[1]s-5c6f7d9b8-q7w2m","namespace":"shop","uid":"%[1]s","fieldPath":"spec.containers{c}"},
		"reason":"Pulled","message":"%[3]s","source":{"component":"kubelet","host":"%[2]s"},"count":1,
		"firstTimestamp":"2026-11-23T10:00:06Z","lastTimestamp":"2026-11-23T10:00:06Z"}`, app, node, message)
}

// TestFromKubernetesPlace: apps go where their pods run: to the pools of the nodes in the
// input, with the platform of each; to one pool of those that the input lacks; or to
// instances of their own on virtual nodes, and where nothing tells.
func TestFromKubernetesPlace(t *testing.T) {
	const automatic = `"k8s.aliyun.com/eci-image-cache":"true"`
	pulled := func(app string) string {
		return fmt.Sprintf("Successfully pulled image \\\"registry.example.com/%s:1\\\" in 5s (5s including waiting). Image size: 100000000 bytes.", app)
	}
	type result struct {
		pools   map[string]string // with platform and count
		apps    map[string]string // pool of each
		pulls   map[string]float64
		virtual []string
		onNodes int
	}
	for _, test := range []struct {
		name  string
		items []string
		want  result
		notes string // one that must be there
	}{
		{
			"nodes of two platforms",
			[]string{placedPod("a", "n1", ""), placedPod("b", "n2", ""), placedPod("c", "n3", ""), placedNode("n1", "amd64"), placedNode("n2", "arm64"), placedNode("n3", "amd64")},
			result{map[string]string{"amd64-group": "linux/amd64 2", "arm64-group": "linux/arm64 1"}, map[string]string{"shop/a": "amd64-group", "shop/b": "arm64-group", "shop/c": "amd64-group"}, nil, nil, 3},
			"several platforms, and images are looked up for each: linux/amd64, linux/arm64",
		},
		{
			"events without nodes",
			[]string{placedPod("a", "n1", ""), placedPod("b", "n2", ""), placedEvent("a", "n1", pulled("a")), placedEvent("b", "n2", `Container image \"registry.example.com/b:1\" already present on machine`)},
			result{map[string]string{"nodes": "linux/amd64 2"}, map[string]string{"shop/a": "nodes", "shop/b": "nodes"}, map[string]float64{"shop/a": 1, "shop/b": 0}, nil, 2},
			"pods run on 2 nodes that the input lacks: linux/amd64 is assumed",
		},
		{
			"virtual nodes",
			[]string{placedPod("a", "virtual-kubelet-cn-hangzhou-i", automatic), placedPod("b", "virtual-kubelet-cn-hangzhou-i", ""), placedPod("c", "cn-hangzhou.10.0.0.5", "")},
			result{map[string]string{"nodes": "linux/amd64 1"}, map[string]string{"shop/a": "", "shop/b": "", "shop/c": "nodes"}, nil, []string{"shop/a", "shop/b"}, 1},
			`(annotation k8s.aliyun.com/eci-image-cache: "true"): unless the cluster's eci-profile does, compare with baseline: cold: shop/b`,
		},
		{
			"not yet on a node",
			[]string{placedPod("a", "", ""), placedPod("b", "n1", "")},
			result{map[string]string{"nodes": "linux/amd64 1"}, map[string]string{"shop/a": "", "shop/b": "nodes"}, nil, nil, 1},
			"no pod has a node yet, so that each start is taken for an instance of its own: name the nodePool: shop/a",
		},
		{"nothing tells", []string{placedPod("a", "", "")}, result{nil, map[string]string{"shop/a": ""}, nil, nil, 0}, "lower bound"},
	} {
		in, err := FromKubernetes("list.json", strings.NewReader(`{"kind":"List","items":[`+strings.Join(test.items, ",")+`]}`))
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if err := in.Workload.Validate(); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		got := result{virtual: in.Virtual, onNodes: in.OnNodes}
		for _, p := range in.Workload.NodePools {
			if got.pools == nil {
				got.pools = map[string]string{}
			}
			got.pools[p.Name] = fmt.Sprint(p.Platform, " ", p.Count)
		}
		got.apps = map[string]string{}
		for _, a := range in.Workload.Apps {
			got.apps[a.Name] = a.NodePool
			if a.PulledFraction != nil {
				if got.pulls == nil {
					got.pulls = map[string]float64{}
				}
				got.pulls[a.Name] = *a.PulledFraction
			}
		}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(result{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
		if notes := strings.Join(in.Notes, "\n"); !strings.Contains(notes, test.notes) {
			t.Errorf("%s: notes %q lack %q", test.name, notes, test.notes)
		}
		if notes := strings.Join(in.Notes, "\n"); strings.Contains(notes, "Event") || strings.Contains(notes, "Node 1") {
			t.Errorf("%s: notes %q say that what was read was left out", test.name, notes)
		}
	}
}

// TestNodeAges: nodes of 2, 6 and 10 hours are 6 hours old in the mean, so of 12 hours of
// life if they are replaced at an even pace; one that does not tell its age is not counted.
func TestNodeAges(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var nodes []*nodeRecord
	for _, hours := range []time.Duration{6, 2, 10} {
		nodes = append(nodes, &nodeRecord{created: at.Add(-hours * time.Hour)})
	}
	a, ok := agesOf(append(nodes, &nodeRecord{}), at)
	if want := (NodeAges{3, 2 * time.Hour, 10 * time.Hour, 6 * time.Hour}); !ok || a != want || a.Lifetime() != 12*time.Hour {
		t.Errorf("%+v, %t, lifetime %v; want %+v", a, ok, a.Lifetime(), want)
	}
	if _, ok := agesOf([]*nodeRecord{{}}, at); ok {
		t.Error("a node without a time has an age")
	}
}

// What is said of apps that are left out goes with them, and what only instances have with
// the apps on nodes.
func TestImportedOnly(t *testing.T) {
	pod := func(name, node, requests, imageID string) string {
		return `{"kind":"Pod","metadata":{"name":"` + name + `","namespace":"n"},"spec":{"nodeName":"` + node + `","containers":[{"name":"c","image":"r.example.com/` + name + `:1","resources":{` + requests + `}}]},
			"status":{"phase":"Running","startTime":"2026-11-30T10:00:00Z","containerStatuses":[{"name":"c","imageID":"` + imageID + `"}]}}`
	}
	limits := `"requests":{"cpu":"1","memory":"1Gi"},"limits":{"cpu":"2"}`
	read := func() *Imported {
		in, err := FromKubernetes("x", strings.NewReader(pod("eci", "virtual-kubelet-a", limits, "")+
			pod("node", "node-1", limits, "r.example.com/node@sha256:"+strings.Repeat("ab", 32))+pod("other", "node-1", "", "")))
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	whole := strings.Join(read().Notes, "\n")
	for _, app := range []string{"n/eci", "n/node", "n/other"} {
		if !strings.Contains(whole, app) {
			t.Fatalf("nothing is said of %s:\n%s", app, whole)
		}
	}
	for _, test := range []struct {
		name      string
		do        func(in *Imported)
		has, not  string
		apps, dig int
	}{
		{"instances", func(in *Imported) { in.Only(func(a *App) bool { return a.NodePool == "" }) }, "ECI sizes and bills an instance by its limits: n/eci", "n/node|n/other|r.example.com/node|r.example.com/other|lacks", 1, 0},
		{"nodes", func(in *Imported) { in.Only(func(a *App) bool { return a.NodePool != "" }) }, "ECI's default of 2 vCPU and 4 GiB is assumed: n/other", "n/eci|r.example.com/eci|bills an instance|automatic caches", 2, 1},
		{"all as instances", func(in *Imported) { in.OnInstances() }, "ECI sizes and bills an instance by its limits: n/eci, n/node", "that the input lacks", 3, 1},
	} {
		in := read()
		test.do(in)
		notes := strings.Join(in.Notes, "\n")
		if !strings.Contains(notes, test.has) {
			t.Errorf("%s: notes lack %q:\n%s", test.name, test.has, notes)
		}
		for _, not := range strings.Split(test.not, "|") {
			if strings.Contains(notes, not) {
				t.Errorf("%s: notes have %q:\n%s", test.name, not, notes)
			}
		}
		if len(in.Workload.Apps) != test.apps || len(in.Origins) != test.apps || len(in.Digests) != test.dig {
			t.Errorf("%s: %d apps with %d origins, %d digests", test.name, len(in.Workload.Apps), len(in.Origins), len(in.Digests))
		}
	}
}

// TestSplitPlaces: an app with pods on nodes and on a virtual node is two, each with the
// share of starts that its pods have; the controller's kind is kept on both.
func TestSplitPlaces(t *testing.T) {
	for _, virtual := range []int{3, 7} {
		var items []string
		for n := range 10 {
			node := "node-a"
			if n < virtual {
				node = "virtual-kubelet-cn-hangzhou-k"
			}
			items = append(items, fmt.Sprintf(`{"kind":"Pod","metadata":{"name":"orders-%d","namespace":"shop","uid":"u%d","creationTimestamp":"2026-11-20T0%d:00:00Z",
				"ownerReferences":[{"controller":true,"kind":"StatefulSet","name":"orders"}]},
				"spec":{"nodeName":%q,"containers":[{"name":"c","image":"registry.example.com/shop/orders:1"}]},"status":{"startTime":"2026-11-20T0%d:00:00Z"}}`, n, n, n, node, n))
		}
		in, err := FromKubernetes("pods.json", strings.NewReader(`{"kind":"List","items":[`+strings.Join(items, ",")+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		if len(in.Workload.Apps) != 2 || len(in.Origins) != 2 {
			t.Fatalf("%d on a virtual node: %+v", virtual, in.Workload.Apps)
		}
		own, pooled := in.Workload.Apps[0], in.Workload.Apps[1]
		// Ten pods within nine hours, of a controller that keeps them: ten starts.
		if own.Name != "shop/orders" || own.NodePool != "" || own.StartsPerDay != float64(virtual) || own.Controller != "StatefulSet" {
			t.Errorf("on the virtual node: %+v", own)
		}
		if pooled.Name != "shop/orders/nodes" || pooled.NodePool != "nodes" || pooled.StartsPerDay != float64(10-virtual) || pooled.Controller != "StatefulSet" {
			t.Errorf("on nodes: %+v", pooled)
		}
		if own.AsksAutomatic == nil || *own.AsksAutomatic || pooled.AsksAutomatic != nil {
			t.Errorf("asking for automatic caches: %v, %v", own.AsksAutomatic, pooled.AsksAutomatic)
		}
		if in.OnNodes != 1 || !slices.Equal(in.Virtual, []string{"shop/orders"}) {
			t.Errorf("%d on nodes, virtual %v", in.OnNodes, in.Virtual)
		}
		if want := fmt.Sprintf("%d of 10 pods on virtual nodes", virtual); !strings.Contains(strings.Join(in.Notes, "\n"), want) {
			t.Errorf("notes lack %q: %q", want, in.Notes)
		}
	}
}
