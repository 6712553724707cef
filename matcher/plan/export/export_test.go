package export

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
)

// TestNothing: a plan that holds nothing says what its verdict is.
func TestNothing(t *testing.T) {
	empty := Input{Plan: &plan.Plan{Platform: "linux/amd64", Assign: plan.Explicit, Verdict: plan.BuildNothing, Reason: "No cache pays for itself."}}
	for _, d := range Formats() {
		data, err := Render(d.Format, empty, Options{})
		if !errors.Is(err, ErrNothing) || data != nil {
			t.Errorf("%s: %v, %q", d.Format, err, data)
			continue
		}
		if !strings.Contains(err.Error(), `"build nothing": No cache pays for itself`) {
			t.Errorf("%s: %v", d.Format, err)
		}
	}
	none := shop()
	none.Pools[0].Verdict, none.Pools[0].Reason = "parallel", "It is free."
	if _, err := Render(DaemonSet, none, Options{}); !errors.Is(err, ErrNothing) || !strings.Contains(err.Error(), `pool general is "parallel" (It is free)`) {
		t.Errorf("a pool that needs none: %v", err)
	}
}

// TestRefused: what could not work where it is applied.
func TestRefused(t *testing.T) {
	for _, test := range []struct {
		name   string
		format Format
		change func(*Input, *Options)
		want   string
	}{
		{"an image of the planner's disk", CacheApply, func(in *Input, _ *Options) { in.Plan.Caches[0].Images = []string{"oci:build/app:r.example/app:1"} }, "plan with its name in a registry"},
		{"an image of an engine, for nodes", ImageList, func(in *Input, _ *Options) { in.Pools[0].Images[0].Reference = "docker-daemon:app:1" }, "plan with its name in a registry"},
		{"no reference", CacheApply, func(in *Input, _ *Options) { in.Plan.Caches[0].Images = []string{"a b"} }, "cache shop-web-1a2b3c4d"},
		{"a cache without images", ImageCacheCRD, func(in *Input, _ *Options) { in.Plan.Caches[0].Images = nil }, "it holds 0 images"},
		{"21 images", ImageCacheCRD, func(in *Input, _ *Options) {
			in.Plan.Caches[0].Images = strings.Fields("a b c d e f g h i j k l m n o p q r s t u")
		}, "it holds 21 images"},
		{"a cache that cannot hold its images", CacheApply, func(in *Input, _ *Options) { in.Plan.Caches[0].UnpackedBytes = 20<<30 + 1 }, "more than its 20 GiB"},
		{"no size", CacheApply, func(in *Input, _ *Options) { in.Plan.Caches[0].SizeGiB = math.NaN() }, "NaN GiB"},
		{"too large a size", CacheApply, func(in *Input, _ *Options) { in.Plan.Caches[0].SizeGiB = 32769 }, "32769 GiB"},
		{"a secret without namespace", ImageCacheCRD, func(_ *Input, o *Options) { o.ImagePullSecrets = []string{"regcred"} }, "namespace:name"},
		{"a secret of another namespace", DaemonSet, func(_ *Input, o *Options) { o.ImagePullSecrets = []string{"other:regcred"} }, "of the namespace"},
		{"assignment left to ECI", PodPatches, func(in *Input, _ *Options) { in.Plan.Assign = plan.Auto }, "explicit"},
		{"no label of nodes", DaemonSet, func(in *Input, _ *Options) { in.Pools[0].NodeSelector = nil }, "pool general: which nodes are they?"},
		{"no label of nodes", ImagePullJob, func(in *Input, _ *Options) { in.Pools[0].NodeSelector = nil }, "pool general: which nodes are they?"},
		{"a label that cannot be", DaemonSet, func(in *Input, _ *Options) { in.Pools[0].NodeSelector = map[string]string{"a b": "c"} }, "no label of a node"},
		{"another architecture", DaemonSet, func(in *Input, _ *Options) {
			in.Pools[0].NodeSelector = map[string]string{"kubernetes.io/arch": "amd64"}
		}, "its platform is linux/arm64/v8, its label"},
		{"Windows", DaemonSet, func(in *Input, _ *Options) { in.Pools[0].Platform = "windows/amd64" }, "nodes of linux only"},
		{"no platform", ImageListCtr, func(in *Input, _ *Options) { in.Pools[0].Platform = "linux/amd64; reboot" }, "no platform"},
		{"no digest", DaemonSet, func(in *Input, _ *Options) { in.Pools[0].Images[0].Digest = "sha256:1" }, "64 hex digits"},
		{"an unknown pool", DaemonSet, func(_ *Input, o *Options) { o.Pools = []string{"gpu"} }, `no node pool "gpu"; it has general`},
		{"a namespace that cannot be", DaemonSet, func(_ *Input, o *Options) { o.Namespace = "Pre" }, `namespace "Pre"`},
		{"no node at once", DaemonSet, func(_ *Input, o *Options) { o.Nodes.MaxUnavailable = "0" }, "as 3 or 10%"},
		{"more than all", DaemonSet, func(_ *Input, o *Options) { o.Nodes.MaxUnavailable = "101%" }, "as 3 or 10%"},
		{"no node at once", ImagePullJob, func(_ *Input, o *Options) { o.Nodes.Parallelism = -1 }, "1 or more"},
		{"an unknown pin", DaemonSet, func(_ *Input, o *Options) { o.Nodes.Pin = "sha" }, `not by "sha"`},
		{"a priority class that cannot be", DaemonSet, func(_ *Input, o *Options) { o.Nodes.PriorityClass = "a b" }, "priority class"},
		{"a helper of nowhere", DaemonSet, func(_ *Input, o *Options) { o.Nodes.HelperImage = "oci:x" }, "in a registry"},
		{"an unknown kind", PodPatches, func(_ *Input, o *Options) { o.Patches.Kind = "Rollout" }, "Deployment, StatefulSet"},
		{"kept less than no day", CacheApply, func(_ *Input, o *Options) { o.Caches.RetentionDays = -1 }, "-1 days"},
		{"the first -1", List, func(_ *Input, o *Options) { o.First = -1 }, "1 or more"},
	} {
		in, opt := shop(), Options{}
		test.change(&in, &opt)
		if data, err := Render(test.format, in, opt); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s as %s: %v, want %q\n%s", test.name, test.format, err, test.want, data)
		}
	}
}

// TestDigests: what an inventory tells pins what the plan does not; the input stays as it
// was.
func TestDigests(t *testing.T) {
	inv := &layers.Inventory{Images: []layers.Image{
		{Reference: "nginx", Digest: digestA},
		{Reference: "nginx", Digest: digestA, IndexDigest: digestB}, // the tag moved
		{Reference: "docker://registry.example.com/mesh/proxy:1.2", Digest: digestA},
		{Reference: "docker-daemon:app:1", Digest: digestA}, // a config's
	}}
	in := shop()
	if in.Digests = DigestsOf(inv); len(in.Digests) != 2 || in.Digests["nginx"] != digestB {
		t.Errorf("digests %v", in.Digests)
	}
	want := []string{"registry.example.com/shop/web:1.4.1@" + string(digestA), "nginx@" + string(digestB), "docker.io/library/redis@" + string(digestB)}
	if got := lines(render(t, ImageList, in, Options{})); !slices.Equal(got, want) {
		t.Errorf("the pool's: %q, want %q", got, want)
	}
	if before := shop(); !reflect.DeepEqual(in.Plan, before.Plan) || !reflect.DeepEqual(in.Pools, before.Pools) {
		t.Errorf("the input is changed: %+v", in.Pools)
	}
	in.Pools = nil
	want = []string{"registry.example.com/shop/web:1.4.1", "registry.example.com/mesh/proxy:1.2@" + string(digestA), "registry.example.com/batch/report:2026.11"}
	if got := lines(render(t, ImageList, in, Options{})); !slices.Equal(got, want) {
		t.Errorf("the caches': %q, want %q", got, want)
	}
	in.Digests["registry.example.com/shop/web:1.4.1"] = "sha256:1"
	if got := lines(render(t, ImageList, in, Options{})); !slices.Equal(got, want) {
		t.Errorf("what is no digest: %q, want %q", got, want)
	}
	// What the plan says itself goes before an inventory of another time.
	in.Plan.Caches[0].Contents = []matcher.Content{
		{Reference: "registry.example.com/shop/web:1.4.1", Digest: string(digestB)},
		{Reference: "docker://registry.example.com/mesh/proxy:1.2", Digest: string(digestB)},
	}
	want = []string{"registry.example.com/shop/web:1.4.1@" + string(digestB), "registry.example.com/mesh/proxy:1.2@" + string(digestB), "registry.example.com/batch/report:2026.11"}
	if got := lines(render(t, ImageList, in, Options{})); !slices.Equal(got, want) {
		t.Errorf("as the plan says: %q, want %q", got, want)
	}
	if _, err := Render(ImageList, in, Options{Nodes: NodeOptions{Pin: PinDigest}}); !errors.Is(err, ErrNoDigest) || !strings.Contains(err.Error(), "batch/report:2026.11") {
		t.Errorf("a cache's image without a digest: %v", err)
	}
	if _, err := Render(List, in, Options{Nodes: NodeOptions{Pin: PinDigest}}); !errors.Is(err, ErrNoDigest) {
		t.Errorf("a list by digest: %v", err)
	}
	in.Plan.Caches = in.Plan.Caches[:1]
	if got := lines(render(t, List, in, Options{Nodes: NodeOptions{Pin: PinDigest}})); got[0] != "cache\tshop-web-1a2b3c4d\t20\tregistry.example.com/shop/web:1.4.1@"+string(digestB) {
		t.Errorf("a list by digest: %q", got)
	}
	if got := lines(render(t, List, in, Options{})); got[0] != "cache\tshop-web-1a2b3c4d\t20\tregistry.example.com/shop/web:1.4.1" {
		t.Errorf("a list: %q", got)
	}
	in.Plan = shop().Plan
	want = []string{"--container-image=registry.example.com/shop/web:1.4.1", "--container-image=registry.example.com/mesh/proxy:1.2", "--container-image=registry.example.com/batch/report:2026.11"}
	if got := lines(render(t, ImageListGKE, in, Options{Nodes: NodeOptions{Pin: PinTag}})); !slices.Equal(got, want) {
		t.Errorf("flags by tag: %q, want %q", got, want)
	}
}

func TestParseSelector(t *testing.T) {
	for text, want := range map[string]Selector{
		"pool=general":                     {"", "pool", "general"},
		"example.com/pool=":                {"", "example.com/pool", ""},
		"a:b=c:example.com/pool=general":   {},
		"gpu pool:example.com/pool=gpu.v2": {"gpu pool", "example.com/pool", "gpu.v2"},
		"pool":                             {},
		"=general":                         {},
		"pool=a b":                         {},
	} {
		got, err := ParseSelector(text)
		if want.Key == "" {
			if err == nil {
				t.Errorf("%q is taken as %+v", text, got)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
	in := shop()
	in.Pools = append(in.Pools, Pool{Name: "gpu"})
	before := in.Pools[0].NodeSelector
	if err := in.Select(Selector{"", "zone", "a"}); err != nil || in.Pools[1].NodeSelector["zone"] != "a" || in.Pools[0].NodeSelector["zone"] != "a" || len(before) != 1 {
		t.Errorf("every pool: %v, %+v", err, in.Pools)
	}
	if err := in.Select(Selector{"gpu", "gpu", "yes"}); err != nil || in.Pools[0].NodeSelector["gpu"] != "" || in.Pools[1].NodeSelector["gpu"] != "yes" {
		t.Errorf("one pool: %v, %+v", err, in.Pools)
	}
	if err := in.Select(Selector{"cpu", "a", "b"}); err == nil {
		t.Error("a pool that is not there has a label")
	}
}
