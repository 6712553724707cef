package ecitest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/internal/registry"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// randomImages are images of a few repositories whose versions share layers.
func randomImages(t *testing.T, random *rand.Rand) (inv *layers.Inventory, references []string) {
	var lines []string
	for repository := range 4 {
		for version := range 1 + random.IntN(4) {
			line := fmt.Sprintf("repo%d:%d base%d:%d", repository, version, random.IntN(2), 40)
			for range 1 + random.IntN(4) {
				layer := random.IntN(30)
				line += fmt.Sprintf(" layer%d:%d", layer, 1+layer*7%60)
			}
			lines = append(lines, line)
			references = append(references, fmt.Sprintf("repo%d:%d", repository, version))
		}
	}
	return inventory(t, lines...), references
}

// some are up to n of the references, none twice.
func some(random *rand.Rand, references []string, n int) []string {
	shuffled := slices.Clone(references)
	random.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	return shuffled[:1+random.IntN(min(n, len(shuffled)))]
}

// TestMatchesAsMatcher: in random regions the caches that are listed for images, and
// the one that a group gets, are the matcher's, under several readings; and a start
// takes what simulate estimates of it, a build what Job.Create does.
func TestMatchesAsMatcher(t *testing.T) {
	matched, automatic := 0, 0
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 5))
		inv, references := randomImages(t, random)
		policy := matcher.DefaultPolicy()
		for _, reading := range []string{"size=matched-bytes", "kinds=manual-first", "threshold=layer", "strict-size=true", "degree=layers", "use-partial=false", "full-match=layers"} {
			if random.IntN(3) == 0 {
				if err := policy.Set(reading); err != nil {
					t.Fatal(err)
				}
			}
		}
		profile := simulate.ECI()
		s, c := serve(t, ecitest.Options{Seed: seed, Inventory: inv, Policy: &policy, Profile: profile})
		estimator, err := simulate.NewEstimator(inv, profile)
		if err != nil {
			t.Fatal(err)
		}
		find := func(ref string) int { return inv.Find(ref, layers.DefaultPlatform, start) }
		for i := range 12 {
			images := some(random, references, 4)
			if random.IntN(2) == 0 {
				id := c.createCache("random", images, "ImageCacheSize", fmt.Sprint(20+10*random.IntN(4)))
				checkBuild(t, s, c, id, images, estimator, profile, find)
				s.Advance(time.Duration(random.IntN(600)) * time.Second)
				continue
			}
			g := matcher.Group{Images: images, Region: c.region, PerfectMatch: random.IntN(4) == 0, MatchCount: random.IntN(3)}
			caches := s.Caches()
			picker := matcher.New(inv, layers.DefaultPlatform, s.Now(), policy).Picker(caches)
			var want []string
			for _, k := range picker.Order(g) {
				want = append(want, caches[k].ID)
			}
			pairs := []string{"ImageFullMatch", fmt.Sprint(g.PerfectMatch), "ImageMatchCountRequest", fmt.Sprint(g.MatchCount)}
			for k, ref := range images {
				pairs = append(pairs, fmt.Sprintf("MatchImage.%d", k+1), ref)
			}
			var got []string
			for _, row := range c.do("DescribeImageCaches", append(pairs, "Limit", "100")...).list("ImageCaches") {
				got = append(got, fmt.Sprint(at(row, "ImageCacheId")))
			}
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, %v of %v: listed %v, want %v", seed, g, caches, got, want)
			}

			g = matcher.Group{Images: images, Region: c.region, ExtraStorageGiB: float64(10 * random.IntN(3))}
			answer := picker.Match(g)
			id := c.createGroup(fmt.Sprint("group-", i), images, "AutoMatchImageCache", "true", "EphemeralStorage", fmt.Sprint(g.ExtraStorageGiB))
			groups := s.Groups()
			made := groups[len(groups)-1]
			if made.ID != id || made.CacheID != answer.CacheID {
				t.Fatalf("seed %d: %v got %q, the matcher picks %q: %s", seed, images, made.CacheID, answer.CacheID, answer.Reason)
			}
			of := simulate.Start{App: "group", CacheID: answer.CacheID}
			for _, ref := range images {
				of.Images = append(of.Images, find(ref))
			}
			if k := slices.IndexFunc(caches, func(c matcher.Cache) bool { return c.ID == answer.CacheID }); k >= 0 {
				matched++
				for _, ref := range caches[k].Images {
					of.Held = append(of.Held, find(ref))
				}
			}
			if answer.CreatesAutomatic {
				automatic++
			}
			estimate, err := estimator.Estimate(&of)
			if err != nil {
				t.Fatal(err)
			}
			// The estimate lets layers of one image share the link in turns, the
			// simulation as they are: some per cent (simulate.EstimateStart).
			if took := made.Ready.Sub(made.Created); !near(took, estimate.Ready, 0.03) {
				t.Errorf("seed %d: %v from %q are ready after %v, estimated %v", seed, images, answer.CacheID, took, estimate.Ready)
			}
			s.Advance(time.Duration(random.IntN(600)) * time.Second)
		}
	}
	if matched < 40 || automatic < 40 {
		t.Errorf("%d groups matched and %d made a cache: too few to show anything", matched, automatic)
	}
}

func near(x, y time.Duration, share float64) bool {
	return (x - y).Abs() <= time.Duration(share*float64(y))+time.Millisecond
}

// checkBuild compares when a cache is Ready with the model of the root package's
// Job.Create: the helper, the pulls one after another, the snapshot.
func checkBuild(t *testing.T, s *ecitest.Server, c *client, id string, images []string, estimator *simulate.Estimator, profile *simulate.Profile, find func(string) int) {
	t.Helper()
	of := simulate.Start{App: "cache", PullPolicy: "Always"}
	for _, ref := range images {
		of.Images = append(of.Images, find(ref))
	}
	estimate, err := estimator.Estimate(&of)
	if err != nil {
		t.Fatal(err)
	}
	whole := profile.BuildTime() + estimate.Pull
	margin := time.Duration(0.03 * float64(estimate.Pull))
	s.Advance(whole - margin - time.Second)
	if got := c.cache(id).text("Status"); got != "Creating" {
		t.Errorf("%v before %v a cache of %v is %s", margin, whole, images, got)
	}
	s.Advance(2*margin + 2*time.Second)
	if got := c.cache(id).text("Status"); got != "Ready" {
		t.Errorf("%v after %v a cache of %v is %s", margin, whole, images, got)
	}
}

// TestExperiment is an experiment of two arms and 120 starts, one after another, each
// polled every 2 s: 40 minutes on the service. On a clock that a request advances by
// so much nothing waits.
func TestExperiment(t *testing.T) {
	s, c := serve(t, ecitest.Options{Clock: ecitest.NewFakeClock(start, 2*time.Second), Profile: plainProfile(), Inventory: inventory(t, fleet...)})
	cache := c.createCache("web", []string{"web:1"})
	for c.cache(cache).text("Status") != "Ready" {
	}
	const starts = 120
	var sum time.Duration
	for i := range starts {
		pairs := []string{"ActiveDeadlineSeconds", "600"}
		if i%2 == 0 {
			pairs = append(pairs, "ImageSnapshotId", cache)
		}
		id := c.createGroup("web", []string{"web:1"}, pairs...)
		for {
			r := c.group(id)
			if r.text("Containers.0.Ready") == "true" {
				began, _ := time.Parse(time.RFC3339, r.text("CreationTime"))
				sum += s.Now().Sub(began)
				break
			}
		}
		c.do("DeleteContainerGroup", "ContainerGroupId", id, "Force", "true")
	}
	// 18 s from the cache, 23 s without, which is seen at the poll after it.
	if want := starts / 2 * (18 + 24) * time.Second; sum != want {
		t.Errorf("the starts took %v together, want %v", sum, want)
	}
	// A request every 2 s and nothing between.
	if took := s.Now().Sub(start); took != time.Duration(s.Count(""))*2*time.Second || took < 40*time.Minute {
		t.Errorf("%v passed with %d requests", took, s.Count(""))
	}
	c.do("DeleteImageCache", "ImageCacheId", cache)
	if left := s.Leftovers(); len(left) != 0 {
		t.Errorf("left over: %q", left)
	}
}

// TestConcurrent: many callers at once; what each made is there once.
func TestConcurrent(t *testing.T) {
	s, c := serve(t, ecitest.Options{
		Clock: ecitest.NewFakeClock(start, 100*time.Millisecond), Limits: map[string]ecitest.Limit{"CreateContainerGroup": {}, "DeleteContainerGroup": {}, "DescribeContainerGroups": {}},
		Faults: ecitest.Faults{Rules: []ecitest.Fault{{Kind: ecitest.FaultThrottle, Fraction: 0.2}, {Kind: ecitest.FaultLost, Fraction: 0.1}, {Kind: ecitest.FaultError, Fraction: 0.1, Status: 503}}},
	})
	const callers, each = 8, 12
	var wg sync.WaitGroup
	ids := make([][]string, callers)
	for caller := range callers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			insist := func(action string, pairs ...string) *reply {
				for {
					if r, err := c.send(c.parameters(action, pairs...)); err == nil && r.status == http.StatusOK {
						return r
					}
				}
			}
			for i := range each {
				token := fmt.Sprintf("%d-%d", caller, i)
				r := insist("CreateContainerGroup", append(groupParameters("group-"+token, []string{"nginx:1.27"}), "ClientToken", token, "AutoMatchImageCache", "true")...)
				id := r.text("ContainerGroupId")
				ids[caller] = append(ids[caller], id)
				insist("DescribeContainerGroups", "ContainerGroupIds", `["`+id+`"]`)
				insist("DescribeImageCaches", "MatchImage.1", "nginx:1.27")
				s.Caches()
				if i%2 == 0 {
					insist("DeleteContainerGroup", "ContainerGroupId", id, "Force", "true", "ClientToken", token)
				}
			}
		}()
	}
	wg.Wait()
	all := slices.Concat(ids...)
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != callers*each || s.Created("CreateContainerGroup") != n {
		t.Errorf("%d groups of %d made for %d tokens", n, s.Created("CreateContainerGroup"), callers*each)
	}
	if n := len(s.Groups()); n != callers*each/2 {
		t.Errorf("%d groups are left, want the half that was not deleted", n)
	}
}

// TestSoak: what is over leaves nothing behind but its token.
func TestSoak(t *testing.T) {
	s, c := serve(t, ecitest.Options{Clock: ecitest.NewFakeClock(start, time.Second), Profile: plainProfile(), Inventory: inventory(t, fleet...)})
	for range 300 {
		id := c.createGroup("web", []string{"web:1"}, "AutoMatchImageCache", "true", "RestartPolicy", "Never", "Container.1.Command.1", "true")
		s.Advance(20 * time.Minute) // three are within the hour
		if id == "" {
			t.Fatal("no ID")
		}
	}
	if n := len(s.Groups()); n != 100 {
		t.Errorf("%d groups are kept, want the newest 100 (eci §3.1)", n)
	}
	if n := len(s.Caches()); n != 1 {
		t.Errorf("%d automatic caches, want 1", n)
	}
}

// TestRealManifests: with a Resolver the images are those of a registry.
func TestRealManifests(t *testing.T) {
	address, references := servedRegistry(t)
	asked := 0
	s, c := serve(t, ecitest.Options{Profile: plainProfile(), Resolve: func(ctx context.Context, reference, platform string) (*layers.Inventory, error) {
		asked++
		return layers.Resolve(ctx, []string{reference}, layers.Options{Platforms: []string{platform}, Registries: map[string]string{"registry.example.com": address}})
	}})
	cache := c.createCache("real", references[:1])
	missing := c.createCache("missing", []string{"registry.example.com/no/such:1"})
	s.Advance(time.Hour)
	inv, err := layers.Resolve(context.Background(), references[:1], layers.Options{Registries: map[string]string{"registry.example.com": address}})
	if err != nil || len(inv.Images) != 1 {
		t.Fatal(err, inv.Unresolved)
	}
	if got := s.Caches()[0].Contents; len(got) != 1 || got[0].Digest != string(inv.Images[0].Digest) || got[0].Reference != references[0] {
		t.Errorf("the cache holds %+v, the registry has %s", got, inv.Images[0].Digest)
	}
	if r := c.cache(missing); r.text("Status") != "Failed" {
		t.Errorf("a cache of what the registry lacks is %s", r.text("Status"))
	}
	id := c.createGroup("real", references[:1], "AutoMatchImageCache", "true", "Container.1.ImagePullPolicy", "IfNotPresent")
	s.Advance(time.Minute)
	if r := c.group(id); r.text("Status") != "Running" || s.Groups()[0].CacheID != cache {
		t.Errorf("%s from %q", r.text("Status"), s.Groups()[0].CacheID)
	}
	status := c.do("DescribeContainerGroupStatus", "ContainerGroupIds", `["`+id+`"]`).text("Data.0.PodStatus.ContainerStatuses.0.ImageID")
	if !strings.HasSuffix(status, "@"+string(inv.Images[0].Digest)) {
		t.Errorf("ImageID is %s", status)
	}
	if asked == 0 {
		t.Error("the registry was not asked")
	}
}

// servedRegistry is the project's registry with the recorded images, whose manifests
// are those of real images.
func servedRegistry(t *testing.T) (address string, references []string) {
	handler, err := registry.Handler("registry.example.com", os.DirFS("../../testdata/images"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := registry.Serve(handler)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server.Addr, []string{"registry.example.com/runtime/python:3.11", "registry.example.com/base/debian:12"}
}

// TestHandler: a server without a listener is a handler, for another process.
func TestHandler(t *testing.T) {
	var _ http.Handler = ecitest.NewHandler(ecitest.Options{})
	s := ecitest.NewHandler(ecitest.Options{Clock: ecitest.RealClock{}})
	if s.URL != "" || s.Advance(time.Second) {
		t.Error("a handler listens, or this machine's clock was advanced")
	}
	s.Close()
	if _, err := json.Marshal(s.Calls()); err != nil {
		t.Error(err)
	}
}
