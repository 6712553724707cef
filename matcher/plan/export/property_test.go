package export

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/distribution/reference"
	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
)

// anyName are names as people and machines make them, and worse.
func anyName() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,70}[a-z0-9])?`),
		rapid.StringMatching(`[a-z]{1,5}/([A-Z][a-z]{1,8}/)?[A-Za-z .:'"#&*-]{1,80}`),
		rapid.SampledFrom([]string{"yes", "null", "~", "1e3", "0x10", "12:30", "2026-11-30", "- a", "a: b", "# a", "'", `"`, "{}", "[a]", "%", "---", "...", "a\nb: c", "\ta", "a\u2028b", "\ufeff", "Ä", " "}),
		rapid.StringN(1, 40, -1),
	)
}

// anyReference are references that a registry serves, some of which look like something
// else.
func anyReference() *rapid.Generator[string] {
	odd := rapid.SampledFrom([]string{"1e400", "12:30", "0x10", "yes:no", "null", "on", "docker://1:1_000"})
	return rapid.OneOf(odd, rapid.Custom(func(t *rapid.T) string {
		ref := rapid.SampledFrom([]string{"", "r.example/", "r.example:5000/", "docker.io/library/", "localhost/"}).Draw(t, "registry") +
			rapid.StringMatching(`[a-z0-9]{1,8}((\.|_|__|-)[a-z0-9]{1,8})?(/[a-z0-9]{1,8}){0,2}`).Draw(t, "repository") +
			rapid.StringMatching(`(:[A-Za-z0-9_][A-Za-z0-9._-]{0,20})?`).Draw(t, "tag")
		if rapid.IntRange(0, 4).Draw(t, "digest") == 0 {
			ref += "@" + string(anyDigest().Draw(t, "of"))
		}
		if rapid.IntRange(0, 4).Draw(t, "transport") == 0 {
			ref = "docker://" + ref
		}
		return ref
	}))
}

func anyDigest() *rapid.Generator[layers.Digest] {
	return rapid.Map(rapid.StringMatching(`[0-9a-f]{64}`), func(hex string) layers.Digest { return layers.Digest("sha256:" + hex) })
}

// anyInput is a plan with caches and pools, all of which can be exported.
func anyInput(t *rapid.T) Input {
	p := &plan.Plan{Platform: "linux/amd64", Assign: plan.Explicit, Verdict: plan.Build}
	in := Input{Plan: p}
	apps := rapid.SliceOfNDistinct(anyName(), 1, 6, rapid.ID).Draw(t, "apps")
	for i, name := range rapid.SliceOfNDistinct(anyName(), 1, 5, rapid.ID).Draw(t, "caches") {
		images := rapid.SliceOfN(anyReference(), 1, 20).Draw(t, "images")
		p.Caches = append(p.Caches, plan.PlannedCache{
			Name: name, Images: images, SizeGiB: rapid.Float64Range(0, matcher.MaxCacheGiB).Draw(t, "size"),
			Apps: apps, SavedSeconds: time.Duration(i) * time.Minute,
		})
		in.Existing = append(in.Existing, matcher.Cache{ID: fmt.Sprintf("imc-%d", i), Name: name, Images: images, Status: matcher.StatusReady})
	}
	for _, app := range apps {
		p.Assignments = append(p.Assignments, plan.Assignment{App: app, Cache: rapid.SampledFrom(p.Caches).Draw(t, "its").Name})
	}
	for _, name := range rapid.SliceOfNDistinct(anyName(), 1, 3, rapid.ID).Draw(t, "pools") {
		pool := Pool{Name: name, Platform: rapid.SampledFrom([]string{"", "linux/arm64/v8"}).Draw(t, "platform"), Verdict: PrePull}
		for _, ref := range rapid.SliceOfN(anyReference(), 1, 8).Draw(t, "images") {
			image := Image{Reference: ref}
			if rapid.Bool().Draw(t, "known") {
				image.Digest = anyDigest().Draw(t, "digest")
			}
			pool.Images = append(pool.Images, image)
		}
		in.Pools = append(in.Pools, pool)
	}
	return in
}

// TestAnyPlan: whatever a plan's names, what is exported of it can be read by what it is
// for, and holds exactly its images, in its order.
func TestAnyPlan(t *testing.T) {
	crd, job := schema(t, "imagecache.schema.json"), schema(t, "imagelistpulljob.schema.json")
	rapid.Check(t, func(rt *rapid.T) {
		in := anyInput(rt)
		opt := Options{Nodes: NodeOptions{AllNodes: true, Pin: rapid.SampledFrom([]string{"", PinDigest, PinTag, PinBoth}).Draw(rt, "pin")}}
		if opt.Nodes.Pin == PinDigest { // which has to be known then
			for i := range in.Plan.Caches {
				for _, ref := range in.Plan.Caches[i].Images {
					in.Plan.Caches[i].Contents = append(in.Plan.Caches[i].Contents, matcher.Content{Reference: ref, Digest: string(anyDigest().Draw(rt, "digest"))})
				}
			}
			for i := range in.Pools {
				for k := range in.Pools[i].Images {
					if image := &in.Pools[i].Images[k]; image.Digest == "" {
						image.Digest = anyDigest().Draw(rt, "digest")
					}
				}
			}
		}

		set, err := ReadCacheSet("caches.yaml", render(rt, CacheApply, in, opt))
		if err != nil || len(set.Caches) != len(in.Plan.Caches) {
			rt.Fatalf("%v: %+v", err, set)
		}
		resources := documents(rt, render(rt, ImageCacheCRD, in, opt))
		taken := map[string]bool{}
		for i, c := range in.Plan.Caches {
			valid(rt, crd, resources[i])
			o := decoded(rt, resources[i]).(map[string]any)
			name := o["metadata"].(map[string]any)["name"].(string)
			if taken[name] {
				rt.Errorf("two caches are called %s", name)
			}
			taken[name] = true
			want := plainReferences(c.Images)
			if got := set.Caches[i]; got.Name != c.Name || !slices.Equal(got.Images, want) || float64(got.SizeGiB) < c.SizeGiB {
				rt.Errorf("cache %q: %+v, want %q of %v GiB", c.Name, got, want, c.SizeGiB)
			}
			if got := fmt.Sprint(o["spec"].(map[string]any)["images"]); got != fmt.Sprint(want) {
				rt.Errorf("resource %s: %s, want %s", name, got, want)
			}
		}
		if got := documents(rt, render(rt, PodPatches, in, opt)); len(got) != len(in.Plan.Assignments) {
			rt.Errorf("%d patches of %d apps", len(got), len(in.Plan.Assignments))
		}
		checkPools(rt, in, opt, func(data []byte) { valid(rt, job, data) })
		checkLists(rt, in, opt)
	})
}

// plainReferences are references as a service takes them, each once.
func plainReferences(refs []string) (list []string) {
	for _, ref := range refs {
		ref = strings.TrimPrefix(ref, "docker://")
		if !slices.Contains(list, ref) {
			list = append(list, ref)
		}
	}
	return list
}

// checkPools: each pool has a DaemonSet and a job of its images and no others.
func checkPools(rt *rapid.T, in Input, opt Options, validJob func([]byte)) {
	sets := documents(rt, render(rt, DaemonSet, in, opt))[1:]
	jobs := documents(rt, render(rt, ImagePullJob, in, opt))
	if len(sets) != len(in.Pools) || len(jobs) != len(in.Pools) {
		rt.Fatalf("%d sets and %d jobs of %d pools", len(sets), len(jobs), len(in.Pools))
	}
	taken := map[string]bool{}
	for i, p := range in.Pools {
		d := daemonSetOf(rt, sets[i])
		if taken[d.Name] || len(validation.IsDNS1123Label(d.Name)) > 0 {
			rt.Errorf("pool %q: name %q", p.Name, d.Name)
		}
		taken[d.Name] = true
		validJob(jobs[i])
		images := imagesOf(d)
		if got := fmt.Sprint(decoded(rt, jobs[i]).(map[string]any)["spec"].(map[string]any)["images"]); got != fmt.Sprint(images) {
			rt.Errorf("pool %q: the job has %s, the set %s", p.Name, got, images)
		}
		// Every image is named by tag or by digest, and nothing else is.
		for _, image := range p.Images {
			ref := strings.TrimPrefix(image.Reference, "docker://")
			if !slices.ContainsFunc(images, func(x string) bool { return x == ref || x == ref+"@"+string(image.Digest) }) {
				rt.Errorf("pool %q lacks %s: %q", p.Name, ref, images)
			}
		}
		for _, x := range images {
			if _, err := reference.ParseNormalizedNamed(x); err != nil {
				rt.Errorf("pool %q: %v", p.Name, err)
			}
			if !slices.ContainsFunc(p.Images, func(image Image) bool {
				ref := strings.TrimPrefix(image.Reference, "docker://")
				return x == ref || x == ref+"@"+string(image.Digest)
			}) {
				rt.Errorf("pool %q: %s is not of the plan", p.Name, x)
			}
		}
	}
}

// checkLists: a line of a list is a reference that reads as one, a column is free of
// tabs.
func checkLists(rt *rapid.T, in Input, opt Options) {
	images := map[string]bool{}
	for _, line := range lines(render(rt, ImageList, in, opt)) {
		if _, err := reference.ParseNormalizedNamed(line); err != nil || images[line] {
			rt.Errorf("line %q: %v, or twice", line, err)
		}
		images[line] = true
	}
	for _, line := range lines(render(rt, ImageListGKE, in, opt)) {
		named, err := reference.ParseNormalizedNamed(strings.TrimPrefix(line, "--container-image="))
		if err != nil || reference.IsNameOnly(named) {
			rt.Errorf("flag %q: %v, or without a tag", line, err)
		}
	}
	for _, line := range lines(render(rt, ImageListCtr, in, opt)) {
		if strings.ContainsAny(line, ";&|`$'\"") && !strings.HasPrefix(line, "#") {
			rt.Errorf("line %q means more to a shell", line)
		}
	}
	rows := 0
	for _, c := range in.Plan.Caches {
		rows += len(plainReferences(c.Images))
	}
	for i, line := range lines(render(rt, List, in, opt)) {
		columns := strings.Split(line, "\t")
		if want := map[bool]string{true: "cache", false: "pool"}[i < rows]; len(columns) != 4 || columns[0] != want {
			rt.Errorf("row %d: %q", i, columns)
		}
	}
}

// TestNames: names that are made are Kubernetes', the same for the same text, and differ
// for different texts; those that are names stay.
func TestNames(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		texts := rapid.SliceOfNDistinct(anyName(), 1, 30, rapid.ID).Draw(rt, "texts")
		first, again := names{}, names{}
		seen := map[string]bool{}
		for _, text := range texts {
			name := first.of(text, maxLabel)
			if faults := validation.IsDNS1123Label(name); len(faults) > 0 || seen[name] || again.of(text, maxLabel) != name {
				rt.Errorf("%q: %q %v", text, name, faults)
			}
			if len(validation.IsDNS1123Label(text)) == 0 && name != text && !seen[text] {
				rt.Errorf("%q is a name, and becomes %q", text, name)
			}
			seen[name] = true
			if said := said(text); strings.ContainsAny(said, "\n\r\t\u2028\u2029\u0085") {
				rt.Errorf("%q is said over two lines", text)
			}
		}
	})
	taken := names{}
	made := taken.of("Web", maxLabel)
	if again := taken.of("Web", maxLabel); again == made || len(validation.IsDNS1123Label(again)) > 0 {
		t.Errorf("taken twice: %q and %q", made, again)
	}
}
