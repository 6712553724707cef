package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/matcher/plan/export"
	"github.com/cachebench/cachebench/reports"
)

// newAccount is an endpoint whose time goes on with each request, and a client of it that
// asks once. The caller closes it.
func newAccount(t interface{ Fatal(...any) }, faults ...ecitest.Fault) (*ecitest.Server, *eci.Client) {
	return newAccountAt(t, ecitest.NewFakeClock(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), 30*time.Second), faults...)
}

func newAccountAt(t interface{ Fatal(...any) }, clock *ecitest.FakeClock, faults ...ecitest.Fault) (*ecitest.Server, *eci.Client) {
	server := ecitest.NewServer(ecitest.Options{Seed: 1, Strict: true, Clock: clock, Faults: ecitest.Faults{Rules: faults}})
	key := ecitest.TestKey()
	client, err := eci.New(eci.Config{
		RegionID: "cn-hangzhou", Endpoint: server.URL, Retry: eci.Retry{Attempts: 1}, NoLimiter: true,
		Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: eci.Secret(key.ID), Secret: eci.Secret(key.Secret)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return server, client
}

// program runs the command line against an account.
func program(server *ecitest.Server, args ...string) (code int, out, errOut string) {
	for name, value := range accountEnvironment(server) {
		os.Setenv(name, value)
	}
	var o, e bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(""), &o, &e)
	return code, o.String(), e.String()
}

// restoreEnvironment brings back what program sets.
func restoreEnvironment(t *testing.T) {
	for _, name := range slices.Collect(maps.Keys(accountEnvironment(&ecitest.Server{}))) {
		t.Setenv(name, "")
	}
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
}

// drawSet is any set of one to four caches that the service takes.
func drawSet(r *rand.Rand) export.CacheSet {
	set := export.CacheSet{Name: "shop"}
	images := []string{"nginx:1.27", "redis:7", "app:1", "app:2", "registry.example.com/team/x:1"}
	for _, name := range []string{"a", "b", "c", "d"} {
		if r.IntN(3) == 0 && (name != "d" || set.Caches != nil) { // --prune wants some
			continue
		}
		r.Shuffle(len(images), func(i, j int) { images[i], images[j] = images[j], images[i] })
		w := export.WantedCache{
			Name: name, SizeGiB: 20 + r.IntN(2), RetentionDays: []int{0, 1, 30}[r.IntN(3)], Images: slices.Clone(images[:1+r.IntN(3)]),
			AutoMatchImageCache: r.IntN(2) == 0, Flash: r.IntN(2) == 0, EliminationStrategy: []string{"", "LRU"}[r.IntN(2)],
		}
		w.StandardCopyCount, w.FlashCopyCount = r.IntN(3), r.IntN(3)
		if r.IntN(2) == 0 {
			w.Tags = map[string]string{"team": []string{"x", "y"}[r.IntN(2)]}
		}
		set.Caches = append(set.Caches, w)
	}
	return set
}

// TestApplyThenNothing: after an apply of any set over any other there is no difference,
// and the account has what the set wants; with --prune nothing else.
func TestApplyThenNothing(t *testing.T) {
	restoreEnvironment(t)
	file := filepath.Join(t.TempDir(), "set.yaml")
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 1))
		server, client := newAccount(t)
		for range 3 {
			set := drawSet(r)
			data, err := export.YAML(export.CacheSetKind, set)
			if err == nil {
				err = os.WriteFile(file, data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			args := []string{"cache", "apply", file, "--no-size-check", "--quiet", "--wait", "--poll", "1us", "--yes", "--prune"}
			if code, out, errOut := program(server, args...); code != exitDone {
				t.Fatalf("seed %d: apply: exit code %d\n%s%s", seed, code, out, errOut)
			}
			if code, out, errOut := program(server, "cache", "apply", file, "--no-size-check", "--dry-run", "--exit-code", "--prune"); code != exitDone {
				t.Fatalf("seed %d: the second time: exit code %d\n%s%s", seed, code, out, errOut)
			}
			all, err := client.AllImageCaches(t.Context(), eci.ImageCacheQuery{})
			if err != nil {
				t.Fatal(err)
			}
			hiddenAsWanted(t, server, set.Caches, all)
			if diff := cmp.Diff(wantedLines(set.Caches), accountLines(all, set.Caches)); diff != "" {
				t.Fatalf("seed %d: wanted, had: %s", seed, diff)
			}
		}
		server.Close()
	}
}

// hiddenAsWanted: what a set states the account has, and what our own tag says of it.
func hiddenAsWanted(t *testing.T, server *ecitest.Server, wanted []export.WantedCache, all []eci.ImageCache) {
	t.Helper()
	for _, w := range wanted {
		c := namedCaches(all, w.Name)[0]
		standard, flash := server.Copies(c.ID)
		has := hiddenParameters{retentionDays(&c), standard, flash}
		if said, known := readHidden(&c); !known || said != has {
			t.Errorf("%s: the tag says %s, it has %s", w.Name, said, has)
		}
		if has != hiddenOf(&w).over(has) {
			t.Errorf("%s has %s, wanted %s", w.Name, has, hiddenOf(&w))
		}
	}
}

// TestStatedNoMore: what a file no longer states costs no rebuild, and stays.
func TestStatedNoMore(t *testing.T) {
	restoreEnvironment(t)
	server, client := newAccount(t)
	defer server.Close()
	const cache = "name: shop\ncaches: [{name: a, images: [\"nginx:1.27\"], sizeGiB: 20"
	if code, _, errOut := applied(t, server, cache+", retentionDays: 30, standardCopyCount: 2}]", "--wait"); code != exitDone {
		t.Fatal(errOut)
	}
	code, out, errOut := applied(t, server, cache+"}]", "--wait")
	if code != exitDone || server.Count("UpdateImageCache") != 0 || !strings.Contains(out, "cannot say never") || !strings.Contains(out, "standardCopyCount stays 2") {
		t.Errorf("exit code %d, %d updates\n%s%s", code, server.Count("UpdateImageCache"), out, errOut)
	}
	// An update for another reason leaves both, and says so in the tag.
	applied(t, server, strings.Replace(cache, "20", "40", 1)+"}]", "--wait")
	all, err := client.AllImageCaches(t.Context(), eci.ImageCacheQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if said, _ := readHidden(&all[0]); said != (hiddenParameters{30, 2, 0}) || all[0].SizeGiB != 40 || retentionDays(&all[0]) != 30 {
		t.Errorf("the tag says %s of %+v", said, all[0])
	}
}

// TestUpdateIsSeenByApply: what cache update changes, apply changes back.
func TestUpdateIsSeenByApply(t *testing.T) {
	restoreEnvironment(t)
	server, client := newAccount(t)
	defer server.Close()
	const set = "name: shop\ncaches: [{name: a, images: [\"nginx:1.27\"], sizeGiB: 20, retentionDays: 30, standardCopyCount: 2}]"
	applied(t, server, set, "--wait")
	for _, flag := range []string{"--retention-days", "--standard-copies"} {
		if code, _, errOut := program(server, "cache", "update", "a", flag, "5", "--no-size-check", "-q", "--wait", "--poll", "1us"); code != exitDone {
			t.Fatal(errOut)
		}
		if code, out, errOut := applied(t, server, set, "--wait"); code != exitDone || !strings.Contains(out, "1 updated") {
			t.Errorf("%s: exit code %d\n%s%s", flag, code, out, errOut)
		}
	}
	// Nor does apply believe its tag where ECI shows another expiry: somebody else has set it.
	all, err := client.AllImageCaches(t.Context(), eci.ImageCacheQuery{})
	if err == nil {
		err = client.UpdateImageCache(t.Context(), eci.ImageCacheUpdate{ID: all[0].ID, RetentionDays: 3, Tags: all[0].Tags})
	}
	if err != nil {
		t.Fatal(err)
	}
	server.Advance(time.Hour)
	if code, out, errOut := applied(t, server, set, "--wait"); code != exitDone || !strings.Contains(out, "1 updated") {
		t.Errorf("exit code %d\n%s%s", code, out, errOut)
	}
}

func wantedLines(wanted []export.WantedCache) (lines []string) {
	for _, w := range wanted {
		lines = append(lines, fmt.Sprintf("%s %d %v team=%s", w.Name, w.SizeGiB, slices.Sorted(slices.Values(w.Images)), w.Tags["team"]))
	}
	slices.Sort(lines)
	return lines
}

// accountLines leave out tags that are not wanted: apply takes none away.
func accountLines(all []eci.ImageCache, wanted []export.WantedCache) (lines []string) {
	tagged := make(map[string]bool)
	for _, w := range wanted {
		tagged[w.Name] = len(w.Tags) > 0
	}
	for _, c := range all {
		team := tagMap(c.Tags)["team"]
		if !tagged[c.Name] {
			team = ""
		}
		lines = append(lines, fmt.Sprintf("%s %d %v team=%s", c.Name, c.SizeGiB, slices.Sorted(slices.Values(c.Images)), team))
	}
	slices.Sort(lines)
	return lines
}

func createStep(name string) *cacheStep {
	w := managed(&export.WantedCache{Name: name, Images: []string{"nginx:1.27"}, SizeGiB: 20}, "shop")
	spec, _ := specOf(context.Background(), w)
	return &cacheStep{wanted: w, spec: spec, change: reports.CacheChange{Action: reports.ChangeCreate, Outcome: reports.OutcomePlanned, Name: name}}
}

// TestApplyAfterLostAnswer: an apply whose answer was lost for good, and which is made
// again before the list has the new cache, makes no second one.
func TestApplyAfterLostAnswer(t *testing.T) {
	server, client := newAccount(t, ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultLost, Nth: 1, Count: 3})
	defer server.Close()
	a := &cacheApply{client: client, wait: cacheWait{every: time.Microsecond}}
	for n := range 4 {
		step := createStep("web")
		err := a.create(t.Context(), step, &step.change)
		if lost := n < 3; lost != errors.Is(err, eci.ErrUnavailable) || !lost && err != nil {
			t.Fatalf("apply %d: %v", n+1, err)
		}
	}
	if got := server.Created("CreateImageCache"); got != 1 {
		t.Errorf("%d caches were made", got)
	}
}

// TestAppliesAtOnce: however many pipelines apply a file at once, one cache is made; and
// when it was deleted, one more.
func TestAppliesAtOnce(t *testing.T) {
	server, client := newAccount(t)
	defer server.Close()
	for round := 1; round <= 2; round++ {
		ids := make([]string, 8)
		var all sync.WaitGroup
		for i := range ids {
			all.Go(func() {
				a, step := &cacheApply{client: client, wait: cacheWait{every: time.Microsecond}}, createStep("web")
				if err := a.create(t.Context(), step, &step.change); err != nil {
					t.Error(err)
				}
				ids[i] = step.change.ID
			})
		}
		all.Wait()
		if got := server.Created("CreateImageCache"); got != round || len(slices.Compact(ids)) != 1 {
			t.Fatalf("round %d: %d caches were made, answers %v", round, got, ids)
		}
		if err := client.DeleteImageCache(t.Context(), ids[0], ""); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTokenHoldsNoPassword: the token is shown, and so must not depend on passwords.
func TestTokenHoldsNoPassword(t *testing.T) {
	spec := func(password string) *eci.ImageCacheSpec {
		return &eci.ImageCacheSpec{Name: "web", Images: []string{"nginx:1.27"}, RegistryCredentials: []eci.RegistryCredential{{Server: "a.test", UserName: "u", Password: eci.Secret(password)}}}
	}
	one, other := derivedToken("r", spec("one"), pastTokens{}), derivedToken("r", spec("other"), pastTokens{})
	if one != other || len(one) > 64 {
		t.Errorf("tokens %q and %q", one, other)
	}
	var past pastTokens
	past.add("imc-0", time.Unix(0, 0))
	if next := derivedToken("r", spec("one"), past); next == one {
		t.Error("after a cache that is gone the token is the same")
	}
	if failed := derivedToken("r", spec("one"), pastTokens{failed: []string{"imc-1"}}); failed == one {
		t.Error("after a failed creation the token is the same")
	}
}

// TestSameImages: ECI may write names out that a file has short.
func TestSameImages(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"nginx", "docker.io/library/nginx:latest", true},
		{"nginx:1 redis:7", "redis:7 index.docker.io/library/nginx:1", true},
		{"nginx:1", "nginx:2", false},
		{"nginx:1", "nginx:1 redis:7", false},
		{"registry.example.com/nginx:1", "nginx:1", false},
		{"", "", true},
	} {
		if got := sameImages(strings.Fields(test.a), strings.Fields(test.b)); got != test.want {
			t.Errorf("%q and %q: %t", test.a, test.b, got)
		}
	}
}
