package workload

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// outcomesOf are a history's pulls, in order: outcome, and what else is said of them.
func outcomesOf(h *PullHistory) []string {
	var list []string
	for i := range h.Pulls {
		p := &h.Pulls[i]
		words := string(p.Outcome)
		if p.Replaces {
			words += " replaces"
		}
		if p.Queued {
			words += " queued"
		}
		if p.Took != nil && p.Outcome == Pulled && !p.Sized() {
			words += " unsized"
		}
		list = append(list, words)
	}
	return list
}

// TestRechecks: what a pull is told to be by what is known of its node. The sizes are
// of real messages where the name says so.
func TestRechecks(t *testing.T) {
	const app, latest = "example.com/app:1", "example.com/app:latest"
	day := at(-86400)
	for _, test := range []struct {
		name  string
		items []string
		want  []string
	}{
		{"ECI: two pods on one virtual node, each an instance of its own", []string{
			kubePod{name: "p1", node: "virtual-kubelet-cn-hangzhou-k", image: "perl", policy: "Always", created: at(0), started: at(62)}.text(),
			kubePod{name: "p2", node: "virtual-kubelet-cn-hangzhou-k", image: "perl", policy: "Always", created: at(300), started: at(362)}.text(),
			kubeEvent{pod: "p1", host: "eci", message: `pulling image "perl"`, last: at(10)}.text(),
			kubeEvent{pod: "p1", host: "eci", message: `Successfully pulled image "perl"`, last: at(59)}.text(),
			kubeEvent{pod: "p2", host: "eci", message: `pulling image "perl"`, last: at(310)}.text(),
			kubeEvent{pod: "p2", host: "eci", message: `Successfully pulled image "perl"`, last: at(359)}.text(),
		}, []string{"pulled unsized", "pulled unsized"}},
		{"Jobs deleted since, the tag moved or the image evicted: no digest tells", []string{
			kubeEvent{pod: "j1", host: "n1", message: pulledIn(latest, "64s", "64s", 4e9), last: at(100)}.text(),
			kubeEvent{pod: "j2", host: "n1", message: pulledIn(latest, "63s", "63s", 4e9), last: at(1900)}.text(),
			kubeEvent{pod: "j3", host: "n1", message: pulledIn(latest, "412ms", "412ms", 4e9), last: at(2900)}.text(),
		}, []string{"pulled", "unclear", "unclear"}},
		{"a container pulls a moved tag at its restart", []string{
			kubePod{name: "p1", node: "n1", image: latest, policy: "Always", created: at(0), started: at(5), digest: "a", version: 1}.text(),
			kubePod{name: "p1", node: "n1", image: latest, policy: "Always", created: at(0), before: [2]time.Time{at(5), at(1199)}, started: at(1231), digest: "b", restarts: 1, version: 2}.text(),
			kubeEvent{pod: "p1", host: "n1", message: pulledIn(latest, "4s", "4s", 90e6), last: at(4)}.text(),
			kubeEvent{pod: "p1", host: "n1", message: pulledIn(latest, "30s", "30s", 90e6), last: at(1230)}.text(),
		}, []string{"pulled", "pulled replaces unsized"}},
		{"of which only the later look is there: the first digest is unknown", []string{
			kubePod{name: "p1", node: "n1", image: latest, policy: "Always", created: at(0), before: [2]time.Time{at(5), at(1199)}, started: at(1231), digest: "b", restarts: 1, version: 2}.text(),
			kubeEvent{pod: "p1", host: "n1", message: pulledIn(latest, "4s", "4s", 90e6), last: at(4)}.text(),
			kubeEvent{pod: "p1", host: "n1", message: pulledIn(latest, "30s", "30s", 90e6), last: at(1230)}.text(),
		}, []string{"pulled", "unclear"}},
		{"a new version of which most is shared", []string{
			kubePod{name: "p1", node: "n1", image: latest, policy: "Always", created: at(0), started: at(20), ended: at(30), digest: "a"}.text(),
			kubePod{name: "p2", node: "n1", image: latest, policy: "Always", created: at(600), started: at(605), digest: "b"}.text(),
			kubeEvent{pod: "p1", host: "n1", message: pulledIn(latest, "19s", "19s", 1e9), last: at(19)}.text(),
			kubeEvent{pod: "p2", host: "n1", message: pulledIn(latest, "4s", "4s", 1e9), last: at(604)}.text(),
		}, []string{"pulled", "partly replaces"}},
		{"a real recheck, 109 MB/s: a container that runs since yesterday has the image", []string{
			kubePod{name: "p1", node: "n1", image: latest, policy: "Always", created: day, started: day, digest: "a"}.text(),
			kubePod{name: "p2", node: "n1", image: latest, policy: "Always", created: at(0), started: at(2), digest: "a"}.text(),
			kubeEvent{pod: "p2", host: "n1", message: pulledIn(latest, "717ms", "718ms", 78005565), last: at(1)}.text(),
		}, []string{"rechecked"}},
		{"the same, however long the registry takes to answer", []string{
			kubePod{name: "p1", node: "n1", image: latest, policy: "Always", created: day, started: day, digest: "a"}.text(),
			kubePod{name: "p2", node: "n1", image: latest, policy: "Always", created: at(0), started: at(31), digest: "a"}.text(),
			kubeEvent{pod: "p2", host: "n1", message: pulledIn(latest, "30s", "30s", 78005565), last: at(30)}.text(),
		}, []string{"rechecked"}},
		{"on another node", []string{
			kubePod{name: "p1", node: "n2", image: latest, policy: "Always", created: day, started: day, digest: "a"}.text(),
			kubePod{name: "p2", node: "n1", image: latest, policy: "Always", created: at(0), started: at(2), digest: "a"}.text(),
			kubeEvent{pod: "p2", host: "n1", message: pulledIn(latest, "717ms", "718ms", 78005565), last: at(1)}.text(),
		}, []string{"unclear"}},
		{"by a container that had ended, whose image may be gone", []string{
			kubePod{name: "p1", node: "n1", image: latest, policy: "Always", created: day, started: day, ended: day.Add(time.Hour), digest: "a"}.text(),
			kubePod{name: "p2", node: "n1", image: latest, policy: "Always", created: at(0), started: at(31), digest: "a"}.text(),
			kubeEvent{pod: "p2", host: "n1", message: pulledIn(latest, "30s", "30s", 78005565), last: at(30)}.text(),
		}, []string{"unclear"}},
		{"a real recheck, 160 MB/s, of which nothing else is known", []string{
			kubeEvent{pod: "p2", host: "n1", message: pulledIn(latest, "405ms", "405ms", 64753325), last: at(1)}.text(),
		}, []string{"unclear"}},
		{"lazily or not: 4 GB in 1.5 s under Always", []string{
			kubePod{name: "p2", node: "n1", image: latest, policy: "Always", created: at(0), started: at(3)}.text(),
			kubeEvent{pod: "p2", host: "n1", message: pulledIn(latest, "1.5s", "1.5s", 4e9), last: at(2)}.text(),
		}, []string{"unclear"}},
		{"the second of a burst, which the kubelet asks for before the first has come", []string{
			kubeEvent{pod: "p1", host: "n1", message: pulledIn(app, "12s", "12s", 60e6), last: at(12)}.text(),
			kubeEvent{pod: "p2", host: "n1", message: pulledIn(app, "300ms", "12.3s", 60e6), last: at(12)}.text(),
			kubeEvent{pod: "p3", host: "n1", message: pulledIn(app, "300ms", "12.6s", 60e6), last: at(13)}.text(),
		}, []string{"pulled", "rechecked", "rechecked"}},
		{"of 5 GB, which is not dropped as too fast", []string{
			kubeEvent{pod: "p1", host: "n1", message: pulledIn(app, "70s", "70s", 5e9), last: at(70)}.text(),
			kubeEvent{pod: "p2", host: "n1", message: pulledIn(app, "300ms", "70.3s", 5e9), last: at(70)}.text(),
		}, []string{"pulled", "rechecked"}},
		{"that waited for another image", []string{
			kubeEvent{pod: "p1", host: "n1", message: pulledIn("example.com/other:1", "12s", "12s", 60e6), last: at(12)}.text(),
			kubeEvent{pod: "p2", host: "n1", message: pulledIn(app, "5s", "17s", 60e6), last: at(17)}.text(),
		}, []string{"pulled", "pulled"}},
		{"other credentials ask again for what a container runs (1.35)", []string{
			kubePod{name: "p1", node: "n1", image: app, policy: "IfNotPresent", created: day, started: day, digest: "a"}.text(),
			kubePod{name: "p2", node: "n1", image: app, policy: "IfNotPresent", created: at(0), started: at(2), digest: "a"}.text(),
			kubeEvent{pod: "p2", host: "n1", message: pulledIn(app, "300ms", "300ms", 60e6), last: at(1)}.text(),
		}, []string{"rechecked"}},
		{"the same without a digest", []string{
			kubePod{name: "p1", node: "n1", image: app, policy: "IfNotPresent", created: day, started: day}.text(),
			kubePod{name: "p2", node: "n1", image: app, policy: "IfNotPresent", created: at(0), started: at(11)}.text(),
			kubeEvent{pod: "p2", host: "n1", message: pulledIn(app, "10s", "10s", 60e6), last: at(10)}.text(),
		}, []string{"unclear"}},
		{"IfNotPresent: the kubelet looked", []string{
			kubePod{name: "p2", node: "n1", image: app, policy: "IfNotPresent", created: at(0), started: at(11)}.text(),
			kubeEvent{pod: "p2", host: "n1", message: pulledIn(app, "1s", "1s", 60e6), last: at(10)}.text(),
		}, []string{"pulled"}},
		{"pods of 1.24 at once: each time has the waiting within", []string{
			kubeEvent{pod: "p1", host: "n1", message: `Successfully pulled image "example.com/a:1" in 5s`, last: at(5)}.text(),
			kubeEvent{pod: "p2", host: "n1", message: `Successfully pulled image "example.com/b:1" in 10s`, last: at(10)}.text(),
			kubeEvent{pod: "p3", host: "n1", message: `Successfully pulled image "example.com/c:1" in 15s`, last: at(15)}.text(),
			kubeEvent{pod: "p4", host: "n2", message: `Successfully pulled image "example.com/c:1" in 15s`, last: at(15)}.text(),
			kubeEvent{pod: "p5", host: "n1", message: `Successfully pulled image "example.com/d:1" in 15s`, last: at(60)}.text(),
		}, []string{"pulled queued unsized", "pulled queued unsized", "pulled queued unsized", "pulled unsized", "pulled unsized"}},
		{"of one image: whether it came meanwhile cannot be told", []string{
			kubeEvent{pod: "p1", host: "n1", message: `Successfully pulled image "example.com/a:1" in 5s`, last: at(5)}.text(),
			kubeEvent{pod: "p2", host: "n1", message: `Successfully pulled image "example.com/a:1" in 5.3s`, last: at(5)}.text(),
			kubeEvent{pod: "p3", host: "n1", message: `Successfully pulled image "example.com/a:1" in 5.9s`, last: at(5)}.text(),
		}, []string{"unclear queued", "unclear queued", "pulled queued unsized"}},
	} {
		nodes := []string{kubeNode("n1", "x", 1, day, at(0)), kubeNode("n2", "x", 1, day, at(0))}
		h := history(t, PullOptions{}, listOf(append(nodes, test.items...)...))
		if got := outcomesOf(h); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
		if len(h.Dropped) > 0 {
			t.Errorf("%s: dropped %v", test.name, h.Dropped)
		}
	}
}

// TestOtherCredentials: a kubelet of 1.35 asks the registry about an image that is there,
// for a pod whose credentials are not those that fetched it. So that it pulls an image of
// which nothing was seen, by the policy IfNotPresent, says no more than under Always.
func TestOtherCredentials(t *testing.T) {
	const app = "example.com/app:1"
	pod := func(node string, secrets bool) string {
		return kubePod{name: "web-1", node: node, image: app, policy: "IfNotPresent", created: at(0), started: at(20), secrets: secrets}.text()
	}
	pulled := func(pod, host, took string, bytes int64) string {
		return kubeEvent{pod: pod, host: host, message: pulledIn(app, took, took, bytes), last: at(12)}.text()
	}
	node := func(name, version string, labels ...string) string {
		text := kubeNode(name, "x", 1, at(-86400), at(0), labels...)
		if version == "" {
			return text
		}
		return ofKubelet(version, text)
	}
	for _, test := range []struct {
		name  string
		items []string
		want  string
	}{
		// The image was fetched two hours ago for a pod that is gone: 333 MB/s.
		{"a question to 1.35", []string{node("n1", "v1.35.0"), pod("n1", true), pulled("web-1", "n1", "1.2s", 400e6)}, "unclear"},
		{"that no secret is named for, of a public image fetched with a login", []string{node("n1", "v1.36.2-eks-1a2b3c"), pod("n1", false), pulled("web-1", "n1", "1.2s", 40e6)}, "unclear"},
		{"longer than a question", []string{node("n1", "v1.35.0"), pod("n1", true), pulled("web-1", "n1", "8s", 400e6)}, "pulled"},
		{"5 GB, which is not dropped as too fast", []string{node("n1", "v1.35.0"), pod("n1", true), pulled("web-1", "n1", "300ms", 5e9)}, "unclear"},
		{"1.34 does not ask", []string{node("n1", "v1.34.3-gke.1003000"), pod("n1", true), pulled("web-1", "n1", "1.2s", 400e6)}, "pulled"},
		{"nor do 1.4 and 1.9", []string{node("n1", "v1.4.0"), node("n2", "v1.9.11"), pod("n1", true), pulled("web-1", "n1", "1.2s", 400e6)}, "pulled"},
		{"a major version that is to come asks", []string{node("n1", "v2.0.1"), pod("n1", false), pulled("web-1", "n1", "1.2s", 400e6)}, "unclear"},
		{"of no version, for a pod with secrets", []string{node("n1", ""), pod("n1", true), pulled("web-1", "n1", "1.2s", 400e6)}, "unclear"},
		{"of no version, for a pod without", []string{node("n1", ""), pod("n1", false), pulled("web-1", "n1", "1.2s", 400e6)}, "pulled"},
		{"of a version that cannot be read", []string{node("n1", "1.next"), pod("n1", false), pulled("web-1", "n1", "1.2s", 400e6)}, "pulled"},
		{"for a pod that is gone, of an app with secrets", []string{node("n1", ""), node("n2", ""), pod("n2", true), pulled("web-2", "n1", "1.2s", 400e6)}, "unclear"},
		{"on a node that is gone, where the others agree", []string{node("n1", "v1.35.0"), node("n2", "v1.36.0"), pod("n9", false), pulled("web-1", "n9", "1.2s", 400e6)}, "unclear"},
		{"where the others are older", []string{node("n1", "v1.33.0"), pod("n9", true), pulled("web-1", "n9", "1.2s", 400e6)}, "pulled"},
		{"where the others differ", []string{node("n1", "v1.34.0"), node("n2", "v1.36.0"), pod("n9", false), pulled("web-1", "n9", "1.2s", 400e6)}, "pulled"},
		{"on a virtual node, where each pod begins without images", []string{node("n1", "v1.35.0", "type=virtual-kubelet"), pod("n1", true), pulled("web-1", "n1", "1.2s", 400e6)}, "pulled"},
		{"of which no node is known", []string{node("n1", "v1.35.0"), pulled("gone", "", "1.2s", 400e6)}, "unclear"},
	} {
		h := history(t, PullOptions{}, listOf(test.items...))
		if got := outcomesOf(h); !slices.Equal(got, []string{test.want}) || len(h.Dropped) > 0 {
			t.Errorf("%s: %q, want %q; dropped %v", test.name, got, test.want, h.Dropped)
		}
		said := slices.ContainsFunc(h.Doubts, func(d string) bool {
			return strings.HasPrefix(d, "of 1 pull it cannot be told as the kubelet may ask about")
		})
		if said != (test.want == "unclear") {
			t.Errorf("%s: %q", test.name, h.Doubts)
		}
	}
}

// TestPullSecretsOfAnyForm: what stands in the place of a pod's secrets is no fault.
func TestPullSecretsOfAnyForm(t *testing.T) {
	for text, want := range map[string]bool{
		``: false, `null`: false, `[]`: false, `[{}]`: false, `[{"name":""}]`: false, `"{{ .secrets }}"`: false, `{"name":"a"}`: false,
		`[{"name":"a"}]`: true, `[{},{"name":"a"}]`: true,
	} {
		pod := kubePod{name: "p", node: "n", image: "i:1", policy: "IfNotPresent", created: at(0), started: at(5)}.text()
		if text != "" {
			pod = strings.Replace(pod, `"spec":{`, `"spec":{"imagePullSecrets":`+text+`,`, 1)
		}
		var i PullImporter
		if err := i.Read("a.json", strings.NewReader(pod)); err != nil || i.pods["p"] == nil || i.pods["p"].secrets != want {
			t.Errorf("%s: %+v, %v, want %v", text, i.pods["p"], err, want)
		}
	}
}

// TestDigestOfPull: a pull's digest is that of the run that it was for, not of one
// whose image came later.
func TestDigestOfPull(t *testing.T) {
	const latest = "example.com/app:latest"
	pull := func(took string, last float64) string {
		return kubeEvent{pod: "p1", host: "n1", message: pulledIn(latest, took, took, 90e6), last: at(last)}.text()
	}
	restarted := kubePod{name: "p1", node: "n1", image: latest, policy: "Always", created: at(0), before: [2]time.Time{at(5), at(30)}, started: at(50), digest: "b", restarts: 1, version: 2}
	first := kubePod{name: "p1", node: "n1", image: latest, policy: "Always", created: at(0), started: at(5), digest: "a", version: 1}
	for _, test := range []struct {
		name  string
		items []string
		want  []string
	}{
		{"one look, after the tag moved", []string{restarted.text(), pull("4s", 4), pull("9s", 49)}, []string{"", digestOf("b")}},
		{"and one before", []string{restarted.text(), first.text(), pull("4s", 4), pull("9s", 49)}, []string{digestOf("a"), digestOf("b")}},
		{"a look long after, at the run of a pull of which no event tells", []string{
			kubePod{name: "p1", node: "n1", image: latest, policy: "Always", created: at(0), started: at(900), digest: "b", restarts: 9}.text(), pull("4s", 4),
		}, []string{""}},
	} {
		h := history(t, PullOptions{}, listOf(test.items...))
		var got []string
		for i := range h.Pulls {
			got = append(got, h.Pulls[i].Digest)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// TestRunsBetweenLooks: a container that runs at two looks has its image all the time
// between, in whatever order they are read.
func TestRunsBetweenLooks(t *testing.T) {
	const latest = "example.com/app:latest"
	p1 := kubePod{name: "p1", node: "n1", image: latest, policy: "Always", created: at(0), started: at(5), digest: "a"}.text()
	first := listOf(p1, kubeEvent{pod: "p1", host: "n1", message: pulledIn(latest, "4s", "4s", 90e6), last: at(4)}.text(), kubeNode("n1", "x", 1, at(-100), at(100)))
	second := listOf(p1, kubeNode("n1", "x", 2, at(-100), at(5000)),
		kubePod{name: "p2", node: "n1", image: latest, policy: "Always", created: at(4000), started: at(4031), digest: "a"}.text(),
		kubeEvent{pod: "p2", host: "n1", message: pulledIn(latest, "30s", "30s", 90e6), last: at(4030)}.text())
	for _, texts := range [][]string{{first, second}, {second, first}} {
		if got := outcomesOf(history(t, PullOptions{}, texts...)); !slices.Equal(got, []string{"pulled", "rechecked"}) {
			t.Errorf("%q", got)
		}
	}
}

// TestPullOutcomesWhole: the table has an outcome in each place, and the more the
// node is known to have, the less it is a pull.
func TestPullOutcomesWhole(t *testing.T) {
	order := []Outcome{Pulled, PartlyPulled, Unclear, Rechecked}
	for p := range paces {
		least := 0
		for h := range holdings {
			i := slices.Index(order, pullOutcomes[h][p])
			if i < 0 {
				t.Fatalf("holding %d, pace %d: %q", h, p, pullOutcomes[h][p])
			}
			if h > hasOther && i < least {
				t.Errorf("holding %d, pace %d: %s, less than of a node of which less is known", h, p, pullOutcomes[h][p])
			}
			least = i
		}
	}
}

// TestRestartsAreNoHits: what a container finds at its restarts is no start.
func TestRestartsAreNoHits(t *testing.T) {
	const app, latest = "example.com/app:1", "example.com/app:latest"
	crashed := func(image, policy string) string {
		return kubePod{name: "p1", node: "n1", image: image, policy: policy, created: at(0), before: [2]time.Time{at(120), at(125)}, restarts: 3, digest: "a", version: 9}.text()
	}
	question := func(n int) string {
		return kubeEvent{pod: "p1", host: "n1", message: pulledIn(latest, fmt.Sprintf("%dms", 400+n), "410ms", 90e6), last: at(60 * float64(n+1))}.text()
	}
	for _, test := range []struct {
		name     string
		items    []string
		want     []string
		restarts string
	}{
		{"the commonest broken pod", []string{
			crashed(app, "IfNotPresent"),
			kubeEvent{pod: "p1", host: "n1", message: pulledIn(app, "9s", "9s", 90e6), last: at(10)}.text(),
			kubeEvent{pod: "p1", host: "n1", message: isPresent(app), first: at(60), last: at(240), count: 3}.text(),
		}, []string{"pulled"}, "3 restarts of"},
		{"under Always each is a pull by its message", []string{
			crashed(latest, "Always"),
			kubeEvent{pod: "p1", host: "n1", message: pulledIn(latest, "9s", "9s", 90e6), last: at(10)}.text(),
			question(1), question(2), question(3),
		}, []string{"pulled"}, "3 restarts of"},
		{"whose first pull is not in the events any more", []string{
			kubePod{name: "p1", node: "n1", image: app, policy: "IfNotPresent", created: at(-7200), before: [2]time.Time{at(-100), at(-50)}, restarts: 30}.text(),
			kubeEvent{pod: "p1", host: "n1", message: isPresent(app), first: at(-7100), last: at(100), count: 30}.text(),
			kubeEvent{pod: "p2", host: "n1", message: isPresent(app), last: at(3590)}.text(),
		}, []string{"present"}, "30 restarts of"},
		{"of which no run is known, long after it got a node", []string{
			kubePod{name: "p1", node: "n1", image: app, policy: "IfNotPresent", created: at(0), restarts: 2}.text(),
			kubeEvent{pod: "p1", host: "n1", message: isPresent(app), last: at(1000)}.text(),
			kubeEvent{pod: "p2", host: "n1", message: isPresent(app), last: at(1200)}.text(),
		}, []string{"present"}, "1 restart of"},
		{"two pods that start are no restarts", []string{
			kubeEvent{pod: "p1", host: "n1", message: isPresent(app), last: at(10)}.text(),
			kubeEvent{pod: "p2", host: "n1", message: isPresent(app), last: at(20)}.text(),
		}, []string{"present", "present"}, ""},
	} {
		h := history(t, PullOptions{}, listOf(test.items...))
		if got := outcomesOf(h); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
		said := slices.ContainsFunc(h.Doubts, func(d string) bool { return strings.HasPrefix(d, test.restarts) && strings.Contains(d, "restart") })
		if said != (test.restarts != "") {
			t.Errorf("%s: %q, want %q", test.name, h.Doubts, test.restarts)
		}
	}
}

// TestVirtualNodes: pods on them are instances of their own, and they are no nodes.
func TestVirtualNodes(t *testing.T) {
	pod := func(name, node string) string {
		return kubePod{name: name, node: node, image: "i:1", policy: "IfNotPresent", created: at(0), started: at(20), digest: "a"}.text()
	}
	event := func(pod, host string) string {
		return kubeEvent{pod: pod, host: host, message: isPresent("i:1"), last: at(9)}.text()
	}
	h := history(t, PullOptions{}, listOf(
		kubeNode("cheap-1", "x", 1, at(-100), at(0), "type=virtual-kubelet"), kubeNode("n1", "x", 1, at(-100), at(0)),
		pod("p1", "cheap-1"), event("p1", "cheap-1"), pod("p2", "virtual-kubelet-b"), event("p2", "eci"),
		pod("p3", "n1"), event("p3", "n1"), pod("p4", "n1"), event("p4", "host-of-another-name"),
		event("gone", "eci"), kubeEvent{pod: "gone", message: "Successfully assigned a/gone to virtual-kubelet-b", last: at(1)}.text(),
	))
	var nodes []string
	for i := range h.Pulls {
		nodes = append(nodes, h.Pulls[i].Pod+" "+h.Pulls[i].Node)
	}
	slices.Sort(nodes)
	if want := []string{"gone ", "p1 ", "p2 ", "p3 n1", "p4 "}; !slices.Equal(nodes, want) {
		t.Errorf("nodes %q, want %q", nodes, want)
	}
	for _, s := range h.Starts {
		if want := map[string]string{"p3": "n1"}[s.Pod]; s.Node != want {
			t.Errorf("start of %s on %q, want %q", s.Pod, s.Node, want)
		}
	}
	if h.Nodes != 1 || len(h.Starts) != 4 || !slices.ContainsFunc(h.Doubts, func(d string) bool { return strings.HasPrefix(d, "4 pulls on virtual nodes") }) {
		t.Errorf("%d nodes, %d starts, %q", h.Nodes, len(h.Starts), h.Doubts)
	}
}

// TestImageVolumes: the kubelet pulls them first, and its events name no container.
func TestImageVolumes(t *testing.T) {
	const model, app = "example.com/model:7", "example.com/app:1"
	h := history(t, PullOptions{}, listOf(
		kubePod{name: "p1", node: "n1", image: app, policy: "IfNotPresent", volume: model, created: at(0), started: at(38), ready: at(40), digest: "a"}.text(),
		kubeEvent{pod: "p1", host: "n1", message: `Pulling image "example.com/model:7"`, last: at(2), noField: true}.text(),
		kubeEvent{pod: "p1", host: "n1", message: pulledIn(model, "30s", "30s", 900e6), last: at(32), noField: true}.text(),
		kubeEvent{pod: "p1", host: "n1", message: pulledIn(app, "5s", "5s", 90e6), last: at(37)}.text(),
	))
	if len(h.Starts) != 1 {
		t.Fatalf("%d starts: %q", len(h.Starts), h.Doubts)
	}
	s := h.Starts[0]
	if !s.Whole || !slices.Equal(s.Images, []string{model, app}) || *s.Provision != 2*time.Second || *s.Pull != 35*time.Second || s.Took != 40*time.Second {
		t.Errorf("%+v, provision %v, pull %v", s, *s.Provision, *s.Pull)
	}
	if p := h.Pulls[0]; p.Container != "model" || p.Reference != model || p.Outcome != Pulled {
		t.Errorf("%+v", p)
	}
}

// TestResolveInStarts: while the registry is asked about an image that is there, a
// start resolves, and does not pull.
func TestResolveInStarts(t *testing.T) {
	h := history(t, PullOptions{}, listOf(
		kubePod{name: "p1", node: "n1", image: "i", policy: "Always", created: at(-86400), started: at(-86300), digest: "a"}.text(),
		kubePod{name: "p2", node: "n1", image: "i", policy: "Always", created: at(0), started: at(8), ready: at(10), digest: "a"}.text(),
		kubeEvent{pod: "p2", host: "n1", message: pulledIn("i", "2s", "5s", 90e6), last: at(7)}.text(),
	))
	if len(h.Starts) != 1 {
		t.Fatalf("%d starts: %q", len(h.Starts), h.Doubts)
	}
	// It asks at :02, waits until :05 and is answered at :07.
	if s := h.Starts[0]; s.Resolve == nil || *s.Resolve != 2*time.Second || *s.Pull != 3*time.Second || *s.Provision != 2*time.Second || *s.Create != time.Second {
		t.Errorf("%+v", s)
	}
}

// TestStaticPods: the kubelet names them by a UID of its own.
func TestStaticPods(t *testing.T) {
	h := history(t, PullOptions{}, listOf(
		kubePod{name: "kube-apiserver-n1", node: "n1", image: "api:1", policy: "IfNotPresent", created: at(30), started: at(25), digest: "a", static: true}.text(),
		kubeEvent{pod: "kube-apiserver-n1", host: "n1", message: pulledIn("api:1", "20s", "20s", 90e6), last: at(24)}.text(),
		kubeEvent{pod: "kube-apiserver-n1", host: "n1", message: isPresent("api:1"), last: at(900)}.text(),
	))
	if got := outcomesOf(h); !slices.Equal(got, []string{"pulled"}) || h.Pulls[0].App != "a/kube-apiserver" || h.Pulls[0].Digest != digestOf("a") {
		t.Errorf("%q, %+v", got, h.Pulls)
	}
	if slices.ContainsFunc(h.Doubts, func(d string) bool { return strings.Contains(d, "known by events alone") }) {
		t.Errorf("%q", h.Doubts)
	}
}

// TestFoldedEvents: one event bears the messages of many pulls in turn, each look
// sees one, and its count is of all. Its container is that of its first message.
func TestFoldedEvents(t *testing.T) {
	folded := func(message string, last float64, count int) string {
		return listOf(kubeEvent{pod: "p1", host: "n1", id: "folded", message: foldedPrefix + message, first: at(0), last: at(last), count: count}.text())
	}
	pod := func(container, image string) string {
		return strings.ReplaceAll(kubePod{name: "p1", node: "n1", image: image, policy: "IfNotPresent", created: at(0)}.text(), `"name":"c"`, fmt.Sprintf(`"name":%q`, container))
	}
	first, second := folded(pulledIn("b:1", "3s", "3s", 90e6), 300, 5), folded(pulledIn("b:1", "4s", "4s", 90e6), 1200, 12)
	for _, texts := range [][]string{{first, second}, {second, first}, {first, second, first}} {
		h := history(t, PullOptions{}, append(texts, listOf(pod("b", "b:1")))...)
		if len(h.Pulls) != 2 || h.Pulls[0].Container != "b" {
			t.Errorf("%+v", h.Pulls)
		}
		// 12 in all, of which two are told.
		if !slices.ContainsFunc(h.Doubts, func(d string) bool { return strings.HasPrefix(d, "10 pulls stand in no event") }) {
			t.Errorf("%q", h.Doubts)
		}
	}
	h := history(t, PullOptions{}, folded(isPresent("b:1"), 1200, 7))
	if len(h.Pulls) != 1 || !h.Pulls[0].Began.Equal(at(1200)) {
		t.Errorf("present in a folded event: %+v", h.Pulls)
	}
}

// TestFailures: they are of the pull that comes next, whatever becomes of it.
func TestFailures(t *testing.T) {
	const app = "example.com/app:1"
	failed := kubeEvent{pod: "p1", host: "n1", message: `Failed to pull image "example.com/app:1": no`, first: at(5), last: at(30), count: 2}.text()
	h := history(t, PullOptions{}, listOf(failed,
		kubeEvent{pod: "p1", host: "n1", message: pulledIn(app, "25h0m0s", "25h0m0s", 90e6), last: at(40)}.text(),
		kubeEvent{pod: "p1", host: "n1", message: pulledIn(app, "9s", "9s", 90e6), last: at(90)}.text(),
	))
	if len(h.Pulls) != 1 || h.Pulls[0].Failures != 0 || len(h.Dropped) != 1 {
		t.Errorf("%+v, dropped %v", h.Pulls, h.Dropped)
	}
	h = history(t, PullOptions{}, listOf(
		kubeEvent{pod: "p1", host: "n1", message: `Container image "example.com/app:1" is not present with pull policy of Never`, last: at(30), count: 9}.text(),
		kubeEvent{pod: "p2", host: "n1", message: `Successfully pulled image "example.com/b:1"`, first: at(40), last: at(900), count: 3}.text(),
		kubeEvent{pod: "p2", host: "n1", message: `Pulling image "example.com/b:1"`, first: at(20), last: at(880), count: 3}.text(),
	))
	for _, want := range []string{"1 container whose image was not there, and whose policy is never to pull it", "2 pulls stand in no event of their own"} {
		if !slices.ContainsFunc(h.Doubts, func(d string) bool { return strings.HasPrefix(d, want) }) {
			t.Errorf("%q lacks %q", h.Doubts, want)
		}
	}
	if slices.ContainsFunc(h.Doubts, func(d string) bool { return strings.Contains(d, "every pull failed") }) {
		t.Errorf("%q", h.Doubts)
	}
}

// TestLazyNodes: where most pulls are too fast, the runtime may be why.
func TestLazyNodes(t *testing.T) {
	var items []string
	for n := range 4 {
		image := fmt.Sprintf("example.com/%d:1", n)
		items = append(items, kubeNode(fmt.Sprintf("n%d", n), "x", 1, at(-100), at(0)),
			kubeEvent{pod: fmt.Sprint("p", n), host: "n1", message: pulledIn(image, "1.5s", "1.5s", 4e9), last: at(float64(10 * n))}.text(),
			kubeEvent{pod: fmt.Sprint("q", n), host: "n2", message: pulledIn(image, "99s", "99s", 4e9), last: at(float64(100 + 100*n))}.text())
	}
	items = append(items, kubeEvent{pod: "r", host: "n2", message: pulledIn("example.com/r:1", "1.5s", "1.5s", 4e9), last: at(600)}.text())
	h := history(t, PullOptions{}, listOf(items...))
	if !slices.ContainsFunc(h.Doubts, func(d string) bool { return strings.HasPrefix(d, "on 1 node most pulls are that fast") }) {
		t.Errorf("%q", h.Doubts)
	}
}
