package workload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cachebench/cachebench/internal/document"
)

// testdata/pods.json was written by hand on 2026-11-23, in the form in which
// kubectl 1.32 prints pods and a Service.
func TestFromKubernetes(t *testing.T) {
	f, err := os.Open("testdata/pods.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := FromKubernetes("pods.json", f)
	if err != nil {
		t.Fatal(err)
	}
	const (
		shop = "registry.example.com/shop/"
		day  = 24 * time.Hour
	)
	sha := func(two string) string { return "sha256:" + strings.Repeat(two, 32) }
	// The newest time in the file is 2026-11-23T12:00:00Z, the oldest pod of
	// 2026-10-01T00:00:00Z: 53.5 days.
	want := &Imported{
		Workload: Workload{Apps: []App{
			// Ages 13 d 3 h and 16 h.
			{Name: "data/redis", Controller: "StatefulSet", Images: []string{"redis:7.4"}, StartsPerDay: 1, Runtime: (13*day + 19*time.Hour) / 2, CPU: 1, MemoryGiB: 2, NodePool: "nodes"},
			{Name: "default/debug", Controller: "Pod", Images: []string{"busybox@" + sha("bb")}, StartsPerDay: 1, Runtime: 2 * time.Hour, CPU: 0.1, MemoryGiB: 4, NodePool: "nodes"},
			// 1 start in 53.5 days.
			{Name: "kube-system/etcd", Controller: "StaticPod", Images: []string{"registry.k8s.io/etcd:3.5.21-0"}, StartsPerDay: 0.0187, Runtime: 53*day + 12*time.Hour, CPU: 0.1, MemoryGiB: 0.097656, NodePool: "nodes"},
			{Name: "kube-system/fluent-bit", Controller: "DaemonSet", Images: []string{"fluent/fluent-bit:latest"}, StartsPerDay: 0.0187, Runtime: 53*day + 12*time.Hour, CPU: 2, MemoryGiB: 4, NodePool: "nodes"},
			// 600, 660 and 630 s; 1 G is 1e9 bytes.
			{Name: "reports/nightly", Controller: "CronJob", Images: []string{"python:3.13-slim"}, StartsPerDay: 1, Runtime: 630 * time.Second, CPU: 1.5, MemoryGiB: 0.931323, NodePool: "nodes"},
			{Name: "shop/checkout", Controller: "Deployment", Images: []string{shop + "checkout:1.0.0"}, StartsPerDay: 1, Runtime: time.Hour, CPU: 0.25, MemoryGiB: 1, PullPolicy: "Always"},
			// CPU: the sidecar 0.2 and the init container 3; memory: the sidecar
			// 0.25, load 1.5 and upload 0.5.
			{
				Name: "shop/import-20261101", Controller: "Job", Images: []string{shop + "import:2026.11", shop + "upload:9"},
				InitImages:   []string{shop + "proxy:2", shop + "import:2026.11"},
				StartsPerDay: 1, Runtime: 20 * time.Minute, CPU: 3.2, MemoryGiB: 2.25, NodePool: "nodes",
			},
			// Ages 3 d 4 h and 30 min.
			{
				Name: "shop/web", Controller: "Deployment", Images: []string{shop + "web:3.2", "docker.io/istio/proxyv2:1.27.1"},
				InitImages:   []string{"docker.io/istio/proxyv2:1.27.1", shop + "migrate:3.2"},
				StartsPerDay: 1, Runtime: (3*day + 4*time.Hour + 30*time.Minute) / 2, CPU: 0.6, MemoryGiB: 0.625, NodePool: "nodes",
			},
		}, NodePools: []NodePool{{Name: "nodes", Platform: "linux/amd64", Count: 1}}},
		Origins: []Origin{
			{Controller: "StatefulSet", Pods: 2, StartsPerDay: "1 pod made in the last 24 h", Runtime: "so far, median of 2 running pods", Resources: "requested"},
			{Controller: "Pod", Pods: 1, StartsPerDay: "1 pod made in the last 24 h", Runtime: "so far, median of 1 running pod", Resources: "no memory is requested: ECI's default"},
			{Controller: "StaticPod", Pods: 1, StartsPerDay: "1 pod in the 53.5 days since the oldest was made", Runtime: "so far, median of 1 running pod", Resources: "requested"},
			{Controller: "DaemonSet", Pods: 1, StartsPerDay: "1 pod in the 53.5 days since the oldest was made", Runtime: "so far, median of 1 running pod", Resources: "nothing is requested: ECI's default"},
			{Controller: "CronJob", Pods: 3, StartsPerDay: "1 pod made in the last 24 h", Runtime: "median of 3 finished pods", Resources: "requested"},
			{Controller: "Deployment", Pods: 1, StartsPerDay: "1 pod made in the last 24 h", Runtime: "a guess: no pod has run yet", Resources: "requested"},
			{Controller: "Job", Pods: 1, StartsPerDay: "1 pod made in the last 24 h", Runtime: "median of 1 finished pod", Resources: "requested"},
			{Controller: "Deployment", Pods: 2, StartsPerDay: "1 pod made in the last 24 h", Runtime: "so far, median of 2 running pods", Resources: "requested"},
		},
		Digests: []LockedDigest{
			{"docker.io/istio/proxyv2:1.27.1", sha("15")},
			{"python:3.13-slim", sha("97")},
			{"redis:7.4", sha("71")},
			{shop + "import:2026.11", sha("11")},
			{shop + "migrate:3.2", sha("a2")},
			{shop + "proxy:2", sha("22")},
			{shop + "upload:9", sha("99")},
			{shop + "web:3.2", sha("32")},
		},
		Notes: []string{
			"pods run on 1 node that the input lacks: linux/amd64 is assumed, and no limit to what they have room for: kubectl get pods,events,nodes -A -o json tells it",
			"no pod has a node yet, so that each start is taken for an instance of its own: name the nodePool: shop/checkout",
			"startsPerDay is a lower bound from a look at the cluster as of 2026-11-23T12:00:00Z: pods deleted before are not in it; put in what you know",
			"DaemonSets' and static pods start with nodes, not in instances of their own: take them out to plan caches on ECI: kube-system/etcd, kube-system/fluent-bit",
			"Kubernetes keeps only the last few Jobs of a CronJob: if it runs at an even pace, set startsPerDay from the time between its last runs: reports/nightly (24h)",
			"runtimeSeconds is how long the pods run so far, a lower bound: data/redis, default/debug, kube-system/etcd, kube-system/fluent-bit, shop/web",
			"runtimeSeconds is a guess, as no pod has run yet: put it in: shop/checkout",
			"no CPU or memory is requested: ECI's default of 2 vCPU and 4 GiB is assumed: kube-system/fluent-bit",
			"no memory is requested: ECI's default of 4 GiB is assumed: default/debug",
			"limits are above the requests that cpu and memoryGiB are taken from; ECI sizes and bills an instance by its limits: shop/web",
			"pods differ in their images, as in the midst of a rollout: the newest pod's are taken: shop/web",
			"pods run different digests of one reference: the newest pod's is locked: redis:7.4",
			"not locked, as the nodes tell only the digest of the image's config: fluent/fluent-bit:latest",
			"not locked, as the nodes tell only a digest in another repository: registry.k8s.io/etcd:3.5.21-0",
			"not locked, as no pod's status tells a digest: " + shop + "checkout:1.0.0",
			"items that start no pods were left out: Service 1",
		},
		Pods: 12, OnNodes: 7, Runtimes: map[string]int{"containerd": 1}, Skipped: 1,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Imported{})); diff != "" {
		t.Errorf("FromKubernetes (-want +got):\n%s", diff)
	}
	if err := got.Workload.Validate(); err != nil {
		t.Error(err)
	}
}

// The forms of one and the same list, and the same pods in another order or
// twice.
func TestFromKubernetesForms(t *testing.T) {
	one := `{"kind":"Pod","metadata":{"name":"a","namespace":"x","creationTimestamp":"2026-11-23T10:00:00Z"},"spec":{"containers":[{"name":"c","image":"nginx:1.27"}]}}`
	two := strings.Replace(one, `"name":"a"`, `"name":"b"`, 1)
	want, err := FromKubernetes("pods.json", strings.NewReader(one+two))
	if err != nil || want.Pods != 2 {
		t.Fatalf("two documents: %+v, %v", want, err)
	}
	for name, text := range map[string]string{
		"List":           `{"apiVersion":"v1","items":[` + one + "," + two + `],"kind":"List","metadata":{"resourceVersion":""}}`,
		"PodList":        `{"kind":"PodList","items":[` + strings.ReplaceAll(one+","+two, `"kind":"Pod",`, "") + `]}`,
		"array":          "[" + one + ",\n" + two + "]\n",
		"array of lists": `[{"items":[` + one + `]},{"items":[` + two + `]},{"items":null}]`,
		"other order":    two + "\n" + one,
		"twice":          one + two + one,
		"byte order":     "\xef\xbb\xbf" + one + two,
		"blank before":   strings.Repeat("\n", 1000) + one + two,
		"kind last":      strings.ReplaceAll(one+two, `{"kind":"Pod",`, `{`) + `{"spec":{"containers":[]},"kind":"Pod"}`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := FromKubernetes("pods.json", iotest.OneByteReader(strings.NewReader(text)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want.Workload, got.Workload); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A pod that stands twice counts as it stands last.
func TestFromKubernetesLater(t *testing.T) {
	const start = `{"kind":"Pod","metadata":{"uid":"1","name":"a","creationTimestamp":"2026-11-23T10:00:00Z"},"spec":{"containers":[{"name":"c","image":"nginx:1.27"}]},"status":`
	got, err := FromKubernetes("pods.json", strings.NewReader(
		start+`{"phase":"Running","startTime":"2026-11-23T10:00:00Z"}}`+
			start+`{"phase":"Succeeded","containerStatuses":[{"name":"c","state":{"terminated":{"startedAt":"2026-11-23T10:00:01Z","finishedAt":"2026-11-23T10:01:01Z"}}}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if a := got.Workload.Apps[0]; got.Pods != 1 || a.Runtime != time.Minute || a.Name != "default/a" {
		t.Errorf("got %d pods, %+v", got.Pods, a)
	}
}

func TestFromKubernetesOwner(t *testing.T) {
	for _, test := range []struct{ name, metadata, want string }{
		{"bare", `"name":"tool"`, "Pod tool"},
		{"series", `"name":"run-x7k2p","generateName":"run-"`, "Pod run"},
		{"no name but a series", `"generateName":"run-"`, "Pod run"},
		{"deployment", `"name":"web-7d4b9-abcde","labels":{"pod-template-hash":"7d4b9"},"ownerReferences":[{"kind":"ReplicaSet","name":"web-7d4b9","controller":true}]`, "Deployment web"},
		{"bare replica set", `"name":"web-7d4b9-abcde","ownerReferences":[{"kind":"ReplicaSet","name":"web-7d4b9","controller":true}]`, "ReplicaSet web-7d4b9"},
		{"nothing but the hash", `"name":"x","labels":{"pod-template-hash":"7"},"ownerReferences":[{"kind":"ReplicaSet","name":"-7"}]`, "ReplicaSet -7"},
		{"rollout", `"name":"web-7d4b9-abcde","labels":{"rollouts-pod-template-hash":"7d4b9"},"ownerReferences":[{"kind":"ReplicaSet","name":"web-7d4b9"}]`, "Rollout web"},
		{"job", `"name":"load-abcde","ownerReferences":[{"kind":"Job","name":"load","controller":true}]`, "Job load"},
		{"cron job", `"name":"n-29923320-x","creationTimestamp":"2026-11-23T02:00:00Z","ownerReferences":[{"kind":"Job","name":"n-29923320"}]`, "CronJob n"},
		{"cron job of old", `"name":"n-1606096800-x","creationTimestamp":"2020-11-23T02:00:03Z","ownerReferences":[{"kind":"Job","name":"n-1606096800"}]`, "CronJob n"},
		{"a date is no schedule", `"name":"n-20261123-x","creationTimestamp":"2026-11-23T02:00:00Z","ownerReferences":[{"kind":"Job","name":"n-20261123"}]`, "Job n-20261123"},
		{"the controller of two owners", `"name":"x","ownerReferences":[{"kind":"Other","name":"o"},{"kind":"StatefulSet","name":"db","controller":true}]`, "StatefulSet db"},
		{"static", `"name":"etcd-node-1","ownerReferences":[{"kind":"Node","name":"node-1","controller":true}]`, "StaticPod etcd"},
		{"another kind", `"name":"x","ownerReferences":[{"kind":"SparkApplication","name":"pi","controller":true}]`, "SparkApplication pi"},
	} {
		t.Run(test.name, func(t *testing.T) {
			in, err := FromKubernetes("pods.json", strings.NewReader(`{"kind":"Pod","metadata":{`+test.metadata+`},"spec":{"nodeName":"node-1","containers":[{"image":"a:1"}]}}`))
			if err != nil {
				t.Fatal(err)
			}
			got := in.Origins[0].Controller + " " + strings.TrimPrefix(in.Workload.Apps[0].Name, "default/")
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// Controllers of one name are told apart by their kinds.
func TestFromKubernetesSameName(t *testing.T) {
	pod := func(kind string) string {
		return fmt.Sprintf(`{"kind":"Pod","metadata":{"name":"web-%s","ownerReferences":[{"kind":"%[1]s","name":"web"}]},"spec":{"containers":[{"image":"a:1"}]}}`, kind)
	}
	in, err := FromKubernetes("pods.json", strings.NewReader(pod("StatefulSet")+pod("DaemonSet")))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range in.Workload.Apps {
		names = append(names, a.Name)
	}
	if want := []string{"default/daemonset/web", "default/statefulset/web"}; !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
}

func TestFromKubernetesStarts(t *testing.T) {
	const now = "2026-11-23T12:00:00Z"
	at := func(ago time.Duration) time.Time {
		t, _ := time.Parse(time.RFC3339, now)
		return t.Add(-ago)
	}
	ages := func(h ...float64) (all []time.Duration) {
		for _, x := range h {
			all = append(all, time.Duration(x*float64(time.Hour)))
		}
		return all
	}
	for _, test := range []struct {
		name  string
		kind  string
		ages  []time.Duration // of the app's pods
		other time.Duration   // age of another app's pod
		want  float64
	}{
		{"the last day only", "Deployment", ages(1, 2, 24, 25, 300), 0, 3},
		{"none in the last day", "Deployment", ages(48, 96), 0, 0.5},
		{"jobs of half a day", "Job", ages(0, 3, 12), 0, 6},
		{"a rollout of half a day ago", "Deployment", ages(0, 3, 12), 0, 3},
		{"half a day by another app's pod", "Job", ages(0, 1), 12 * time.Hour, 4},
		{"less than an hour", "Job", ages(0, 0.5, 0.9), 0, 3},
		{"a single moment", "Job", ages(0), 0, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			var text strings.Builder
			pod := func(kind, owner, name string, created time.Time) {
				fmt.Fprintf(&text, `{"kind":"Pod","metadata":{"name":%q,"creationTimestamp":%q,"ownerReferences":[{"kind":%q,"name":%q}]},"spec":{"containers":[{"image":"a:1"}]}}`,
					name, created.Format(time.RFC3339), kind, owner)
			}
			pod("Other", "z-now", "z-now", at(0))
			pod("Other", "z-other", "z-other", at(test.other))
			for i, age := range test.ages {
				pod(test.kind, "app", fmt.Sprintf("app-%d", i), at(age))
			}
			in, err := FromKubernetes("pods.json", strings.NewReader(text.String()))
			if err != nil {
				t.Fatal(err)
			}
			if got := in.Workload.Apps[0]; got.StartsPerDay != test.want {
				t.Errorf("got %v a day (%s), want %v", got.StartsPerDay, in.Origins[0].StartsPerDay, test.want)
			}
		})
	}
}

func TestFromKubernetesPolicy(t *testing.T) {
	for _, test := range []struct{ name, containers, want string }{
		{"default", `{"image":"a:1","imagePullPolicy":"IfNotPresent"},{"image":"b","imagePullPolicy":"Always"}`, ""},
		{"none stated", `{"image":"a:1"},{"image":"b"}`, ""},
		{"a digest", `{"image":"a@sha256:1","imagePullPolicy":"IfNotPresent"}`, ""},
		{"a port is no tag", `{"image":"host:5000/a","imagePullPolicy":"Always"}`, ""},
		{"always", `{"image":"a:1","imagePullPolicy":"Always"}`, "Always"},
		{"never", `{"image":"a:1","imagePullPolicy":"Never"},{"image":"b","imagePullPolicy":"Never"}`, "Never"},
		{"mixed", `{"image":"a:1","imagePullPolicy":"Never"},{"image":"b","imagePullPolicy":"Always"}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			in, err := FromKubernetes("pods.json", strings.NewReader(`{"kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[`+test.containers+`]}}`))
			if err != nil {
				t.Fatal(err)
			}
			if got := in.Workload.Apps[0].PullPolicy; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			noted := slices.ContainsFunc(in.Notes, func(n string) bool { return strings.HasPrefix(n, "containers differ in their pull policies") })
			if noted != (test.name == "mixed") {
				t.Errorf("notes: %q", in.Notes)
			}
		})
	}
}

func TestFromKubernetesPodResources(t *testing.T) {
	in, err := FromKubernetes("pods.json", strings.NewReader(`{"kind":"Pod","metadata":{"name":"a"},"spec":{
		"resources":{"requests":{"cpu":"4"}},
		"containers":[{"image":"a:1","resources":{"requests":{"cpu":"1","memory":"1Gi"}}},{"image":"b:1","resources":{"requests":{"memory":"0.1Gi"}}},{"image":"c:1","resources":{"requests":{"memory":"0.2Gi"}}}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if a := in.Workload.Apps[0]; a.CPU != 4 || a.MemoryGiB != 1.3 {
		t.Errorf("got %v vCPU, %v GiB; want 4 and 1.3", a.CPU, a.MemoryGiB)
	}
}

func TestQuantity(t *testing.T) {
	for _, test := range []struct {
		text quantity
		want float64 // below 0: refused
	}{
		{"", 0}, {"0", 0}, {"500m", 0.5}, {"1.5", 1.5}, {".5", 0.5}, {"5.", 5}, {"+2", 2},
		{"1n", 1e-9}, {"3u", 3e-6}, {"2k", 2000}, {"1M", 1e6}, {"1G", 1e9}, {"1E", 1e18}, {"1e3", 1000}, {"1E3", 1000}, {"12E-1", 1.2},
		{"512Mi", 512 << 20}, {"1Gi", 1 << 30}, {"1.5Gi", 1.5 * (1 << 30)}, {"128974848000m", 128974848},
		{"-1", -1}, {"1 Gi", -1}, {"1GiB", -1}, {"1mi", -1}, {"abc", -1}, {"NaN", -1}, {"Inf", -1}, {"0x10", -1}, {"1_000", -1},
		{"1e400", -1}, {"9999E", -1}, {"{}", -1}, {".", -1}, {"1e", -1},
	} {
		got, err := test.text.value()
		if err != nil {
			got = -1
		}
		if got != test.want {
			t.Errorf("%q: got %v (%v), want %v", test.text, got, err, test.want)
		}
	}
}

func TestReadDigest(t *testing.T) {
	sha := "sha256:" + strings.Repeat("ab", 32)
	for _, test := range []struct{ name, reference, imageID, want string }{
		{"containerd", "nginx:1.27", "docker.io/library/nginx@" + sha, "locked"},
		{"docker", "nginx:1.27", "docker-pullable://nginx@" + sha, "locked"},
		{"another spelling", "index.docker.io/nginx", "nginx@" + sha, "locked"},
		{"a port", "host:5000/a:1", "host:5000/a@" + sha, "locked"},
		{"localhost", "localhost/a:1", "localhost/a@" + sha, "locked"},
		{"a namespace", "fluent/bit:1", "docker.io/fluent/bit@" + sha, "locked"},
		{"config only", "nginx:1.27", sha, "config"},
		{"config only of docker", "nginx:1.27", "docker://" + sha, "config"},
		{"config only of older CRI-O", "nginx:1.27", strings.Repeat("ab", 32), "config"},
		{"elsewhere", "nginx:1.27", "mirror.example.com/library/nginx@" + sha, "elsewhere"},
		{"nothing", "nginx:1.27", "", "none"},
		{"a short digest", "nginx:1.27", "nginx@sha256:abcd", "none"},
		{"another algorithm", "nginx:1.27", "nginx@md5:" + strings.Repeat("a", 32), "none"},
		{"no reference", "nginx:1.27", "nginx:1.27", "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var r podRecord
			r.readDigest(test.reference, test.imageID)
			got := "none"
			switch {
			case len(r.digests) == 1 && r.digests[0] == (LockedDigest{test.reference, sha}):
				got = "locked"
			case len(r.configOnly) == 1:
				got = "config"
			case len(r.elsewhere) == 1:
				got = "elsewhere"
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestFromKubernetesFaults(t *testing.T) {
	pod := func(metadata, spec string) string {
		return "{\n\"kind\":\"Pod\",\n\"metadata\":{" + metadata + "},\n\"spec\":{" + spec + "}}"
	}
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", "pods.json:1: not Kubernetes objects: it is empty"},
		{"blank", " \n\n", "pods.json:1: not Kubernetes objects: it is empty"},
		{"table", "NAMESPACE   NAME   READY\n", "this is kubectl's table"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "the text is UTF-16"},
		{"an error message", "Error from server (Forbidden): pods is forbidden\n", "pods.json:1: not Kubernetes objects: invalid character 'E'"},
		{"a number", "12\n", "pods.json:1: not Kubernetes objects: 12 stands where an object"},
		{"cut short in a list", "{\"items\":[\n{\"kind\":\"Pod\",\n\"spec\":{\n", "pods.json:3: not Kubernetes objects: item 1: the text ends early: it is cut short"},
		{"cut short between pods", "{\"items\":[\n{\"kind\":\"Pod\"},\n", "pods.json:2: not Kubernetes objects: item 2: the text ends early"},
		{"cut short after the list", "{\"items\":[]\n", "pods.json:1: not Kubernetes objects: the text ends early"},
		{"cut short after a key", "{\"items\":[\n{\"kind\":\n", "pods.json:2: not Kubernetes objects: item 1: the text ends early"},
		{"a comma too much", "{\"items\":[\n{\"kind\":\"Pod\"\n},\n]}", "pods.json:4: not Kubernetes objects: item 2: invalid character ']'"},
		{"a comma too few", "{\"items\":[\n{\"kind\":\"Pod\"\n\n\"spec\":{}}]}", "pods.json:4: not Kubernetes objects: item 1: invalid character '\"'"},
		{"inside of a value", "{\"kind\":\"Pod\",\n\"spec\":{\n\"containers\":[\n!\n]}}", "pods.json:4: not Kubernetes objects: invalid character '!'"},
		{"a wrong type", pod(`"name":"a"`, "\n\"containers\":[\n{\"image\":5}\n]\n"), "pods.json:6: not Kubernetes objects: spec.containers.image is a number, which no pod has there"},
		{"no object", "{\"items\":[\n7]}", "pods.json:2: not Kubernetes objects: item 1: 7 stands where an object"},
		{"null", "null", "pods.json:1: not Kubernetes objects: null stands where an object"},
		{"items", "{\"items\":\n7}", "pods.json:2: not Kubernetes objects: the items of a list are not an array"},
		{"a time", "\n" + pod(`"name":"a","creationTimestamp":"yesterday"`, ""), `pods.json:4: not Kubernetes objects: metadata: parsing time`},
		{"a quantity", "\n" + pod(`"name":"a"`, `"containers":[{"image":"a:1","resources":{"requests":{"cpu":"much"}}}]`), `pods.json:2: not Kubernetes objects: pod default/a: cpu: "much" is not a quantity`},
		{"a name", pod(`"name":"a\u001bb"`, `"containers":[{"image":"a:1"}]`), `pod "a\x1bb": "a\x1bb" is not a name that Kubernetes takes`},
		{"a reference", pod(`"name":"a"`, `"containers":[{"image":"a\nb"}]`), `"a\nb" is not an image reference`},
		{"a policy", pod(`"name":"a"`, `"containers":[{"image":"a","imagePullPolicy":"Sometimes"}]`), `"Sometimes" is not a pull policy`},
		{"too deep", strings.Repeat(`{"items":[`, 1000), "lists stand in lists"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := FromKubernetes("pods.json", strings.NewReader(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v\nwant %s", err, test.want)
			}
			var fault *document.Error
			if !errors.As(err, &fault) {
				t.Errorf("%T is no *document.Error", err)
			}
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q spans lines", err)
			}
		})
	}
}

// A reader that fails is not to be taken for a bad file.
func TestFromKubernetesReadError(t *testing.T) {
	broken := errors.New("cable pulled")
	for _, before := range []string{"", `{"items":[`, `{"items":[{"kind":"Pod","spec":{"a":` + strings.Repeat(" ", 100_000)} {
		_, err := FromKubernetes("pods.json", io.MultiReader(strings.NewReader(before), iotest.ErrReader(broken)))
		var fault *document.Error
		if !errors.Is(err, broken) || errors.As(err, &fault) {
			t.Errorf("after %d bytes: %v", len(before), err)
		}
	}
}

// Items that are no pods are passed over, whatever their fields hold.
func TestFromKubernetesOthers(t *testing.T) {
	in, err := FromKubernetes("pods.json", strings.NewReader(`{"items":[
		{}, {"kind":"Node","spec":[],"status":7,"metadata":"x"}, {"kind":"Pod"}, {"kind":"Pod","metadata":{"name":"a"}},
		{"kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[{"name":"c"}]}}, {"kind":"Pod","metadata":null,"spec":null,"status":null}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if in.Pods != 0 || in.Skipped != 6 || len(in.Workload.Apps) != 0 {
		t.Errorf("got %+v", in)
	}
	want := []string{"items that start no pods were left out: Node 1, 1 without a kind", "pods without name or image were left out: 4"}
	if diff := cmp.Diff(want, in.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

// What FromKubernetes takes makes a workload that can be saved and read back.
func FuzzFromKubernetes(f *testing.F) {
	data, err := os.ReadFile("testdata/pods.json")
	if err != nil {
		f.Fatal(err)
	}
	// One by one, for the fuzzer is slow to shrink long inputs.
	var list struct{ Items []json.RawMessage }
	if err := json.Unmarshal(data, &list); err != nil {
		f.Fatal(err)
	}
	for _, item := range list.Items {
		var short bytes.Buffer
		if err := json.Compact(&short, item); err != nil {
			f.Fatal(err)
		}
		f.Add(short.Bytes())
	}
	for _, seed := range []string{
		"", "{}", "[]", "null", "kind: Pod", `{"kind":"Pod"}`, `{"items":[{}]}`, `{"items":[[[{"kind":"Pod"}]]]}`, `{"items":{}}`,
		`{"kind":"Pod","metadata":{"name":"a","creationTimestamp":null},"spec":{"containers":[{"image":"a"}]}}`,
		`{"kind":"Pod","metadata":{"name":"a","creationTimestamp":"0000-01-01T00:00:00Z"},"spec":{"containers":[{"image":"a","resources":{"requests":{"cpu":1e9,"memory":"9E"}}}]},"status":{"phase":"Running","startTime":"9999-12-31T23:59:59Z"}}`,
		`{"kind":"Pod","metadata":{"name":"a","ownerReferences":[{"kind":"Job","name":"a-9999999999"}]},"spec":{"containers":[{"name":"c","image":"a:1"}]},"status":{"phase":"Failed","containerStatuses":[{"name":"c","imageID":"a@sha256:` + strings.Repeat("a", 64) + `","state":{"terminated":{"startedAt":"1971-01-01T00:00:00Z","finishedAt":"9999-01-01T00:00:00Z"}}}]}}`,
		`{"kind":"Pod","metadata":{"name":"a","ownerReferences":[{"kind":"B","name":"c"}]},"spec":{"containers":[{"image":"a"}]}}{"kind":"Pod","metadata":{"name":"b","ownerReferences":[{"kind":"b","name":"c"}]},"spec":{"containers":[{"image":"a"}]}}`,
		`{"kind":"CronJob","metadata":{"name":"a"},"spec":{"schedule":"*/5 * * * *","jobTemplate":{"spec":{"completions":3,"template":{"spec":{"containers":[{"name":"c","image":"a:1","resources":{"requests":{"cpu":"1"}}}]}}}}}}`,
		`{"kind":"Workflow","metadata":{"generateName":"a-"},"spec":{"templates":[{"name":"x","container":{"image":"a"},"sidecars":[{"image":"b"}]},{"name":"x","script":{"image":"$(c)"}}]}}`,
		`{"kind":"DeploymentList","items":[{"metadata":{"name":"a"},"spec":{"replicas":2,"template":{"spec":{"containers":[{"image":"a"}],"volumes":[{"name":"v","image":{"reference":"v:1"}}]}}}}]}`,
		`{"kind":"ReplicaSet","metadata":{"name":"a-1","ownerReferences":[{"kind":"Deployment","name":"a"}]},"spec":{"replicas":1,"template":{"spec":{"containers":[{"image":"a"}]}}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in, err := FromKubernetes("pods.json", strings.NewReader(string(data)))
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q spans lines", err)
			}
			return
		}
		if len(in.Workload.Apps) != len(in.Origins) || (in.Pods+in.Manifests == 0) != (len(in.Workload.Apps) == 0) {
			t.Fatalf("%d pods, %d manifests, %d apps, %d origins", in.Pods, in.Manifests, len(in.Workload.Apps), len(in.Origins))
		}
		saved, err := document.Marshal(Kind, &in.Workload)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Read("workload.json", saved)
		if err != nil {
			t.Fatal(err)
		}
		if len(in.Workload.Apps) > 0 && !cmp.Equal(in.Workload, *back) {
			t.Error(cmp.Diff(in.Workload, *back))
		}
		var value any
		if json.Unmarshal(data, &value) == nil && value != nil {
			compareForms(t, data)
		}
	})
}
