package matcher

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/workload"
)

// history plays lines such as "3h start 0" on a Store of storeWorld whose builds
// take 2 h, and says what each found or ended with: the ID and h, p or m for hit,
// partial or miss, + for an automatic cache begun, else the error or ok.
func history(t *testing.T, p Policy, groups []Group, given []Cache, lines ...string) string {
	t.Helper()
	inv, _ := storeWorld()
	s := New(inv, "linux/amd64", now, p).NewStore(groups, given, StoreOptions{BuildTime: func([]string, float64) time.Duration { return 2 * time.Hour }})
	var said []string
	for _, line := range lines {
		words := strings.Fields(line)
		at, err := time.ParseDuration(words[0])
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, play(t, s, at, words[1:]))
	}
	return strings.Join(said, " ")
}

func play(t *testing.T, s *Store, at time.Duration, words []string) string {
	refs := func(from int) []string {
		var images []string
		for _, w := range words[from:] {
			images = append(images, "r.example/"+w)
		}
		return images
	}
	switch words[0] {
	case "start":
		served := s.Match(int(words[1][0]-'0'), at)
		made := ""
		if served.Made != "" {
			made = "+"
		}
		if served.Fails {
			return "fails"
		}
		return cmpOr(served.CacheID, "-") + ":" + string(served.Hit)[:1] + made
	case "create", "create-lru", "create-1day":
		r := CacheRequest{ID: words[1], Images: refs(2)}
		if words[0] == "create-lru" {
			r.EliminationStrategy = "LRU"
		}
		if words[0] == "create-1day" {
			r.RetentionDays = 1
		}
		_, err := s.Create(r, at)
		return ended(err)
	case "update":
		return ended(s.Update(words[1], refs(2), at))
	case "delete":
		return ended(s.Delete(words[1], at))
	case "renew":
		return ended(s.Renew(words[1], at))
	case "release":
		return fmt.Sprint(s.Release("r.example/"+words[1], at))
	case "status":
		var states []string
		for _, c := range s.Caches(at) {
			states = append(states, c.ID+"="+c.Status)
		}
		return strings.Join(states, ",")
	}
	t.Fatalf("no event is called %q", words[0])
	return ""
}

func ended(err error) string {
	for _, known := range []error{ErrQuota, ErrStatus, ErrNoCache, ErrNoUpdate} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if err != nil {
		return "refused"
	}
	return "ok"
}

// TestStore: each rule by a hand-written history. Group 0 wants a:1, group 1 a:1
// and b:1, group 2 d:latest (so Always), group 3 d:latest and IfNotPresent, group 4
// cache m explicitly.
func TestStore(t *testing.T) {
	present, explicit := group("d:latest"), group("a:1")
	present.PullPolicy, explicit.CacheID = "IfNotPresent", "m"
	groups := []Group{group("a:1"), group("a:1", "b:1"), group("d:latest"), present, explicit}
	automatic := cache("auto", 30, day, "c:1")
	automatic.Automatic = true
	for _, test := range []struct {
		name     string
		policies []string
		given    []Cache
		lines    []string
		want     string
	}{
		{"Preparing, Creating, Ready (§1.3); usable only when Ready", nil, nil,
			[]string{"0h create m a:1", "0h status", "0h start 0", "1h status", "2h start 0"},
			"ok m=Preparing -:m+ m=Creating,automatic-1=Creating automatic-1:h"},
		{"a build whose images do not fit fails, and is kept for 1 day (§1.4, §1.3)", nil, nil,
			[]string{"0h create m huge:1", "2h status", "25h status", "26h status"}, "ok m=Failed m=Failed "},
		{"updated only from Ready or UpdateFailed (§1.3)", nil, nil,
			[]string{"0h create m a:1", "1h update m b:1", "2h update m b:1", "3h update m c:1", "3h start 0", "4h status", "4h update m b:1", "4h update x b:1"},
			"ok ImageCache.IncorrectStatus ok ImageCache.IncorrectStatus -:m+ m=Ready,automatic-1=Creating NoNeedUpdate no such image cache"},
		{"an update that does not fit leaves it UpdateFailed, of no use until updated again (§1.3)", nil, nil,
			[]string{"0h create m a:1", "2h update m huge:1", "4h status", "4h start 0", "5h update m", "7h start 0"},
			"ok ok m=UpdateFailed -:m+ ok automatic-1:h"},
		{"while it is updated, a cache may serve its old images (§6 #8)", []string{"states=ready-or-updating"}, nil,
			[]string{"0h create m a:1", "2h update m b:1", "3h start 0", "4h start 0"}, "ok ok m:h -:m+"},
		{"RetentionDays count from its creation (§1.5)", nil, nil,
			[]string{"0h create-1day m a:1", "23h start 0", "24h start 0"}, "ok m:h -:m+"},
		{"at the quota creation is refused (§1.2, §1.5)", []string{"manual-quota=1"}, nil,
			[]string{"0h create m a:1", "1h create n b:1", "2h delete m", "2h create n b:1"}, "ok QuotaExceeded ok ok"},
		{"unless caches are marked LRU: the least recently used goes (§1.2, §1.5)", []string{"manual-quota=3"}, nil,
			[]string{"0h create-lru m a:1", "0h create-lru n b:1", "0h create o c:1", "3h start 0", "4h create p c:1", "4h status"},
			"ok ok ok m:h ok m=Ready,o=Ready,p=Preparing"},
		{"automatic ones are not counted with manual ones (§1.2)", []string{"manual-quota=1"}, []Cache{automatic},
			[]string{"0h create m a:1"}, "ok"},
		{"least recently used of the automatic caches goes by itself (§1.2)", []string{"automatic-quota=1"}, []Cache{automatic},
			[]string{"0h start 0", "0h status"}, "-:m+ automatic-1=Preparing"},
		{"or, read otherwise, the one created first (§6 #15)", []string{"automatic-quota=2", "eviction=creation"}, nil,
			[]string{"0h start 0", "1h start 2", "3h start 0", "3h start 1", "3h status"},
			"-:m+ -:m+ automatic-1:h automatic-1:p+ automatic-2=Ready,automatic-3=Preparing"},
		{"a partial match is used and an automatic cache made (§1.10, §6 #5)", nil, nil,
			[]string{"0h create m a:1", "2h start 1"}, "ok m:p+"},
		{"but not, read otherwise", []string{"create-on-partial=false"}, nil,
			[]string{"0h create m a:1", "2h start 1"}, "ok m:p"},
		{"one is made however many starts miss meanwhile", nil, nil,
			[]string{"0h start 0", "1h start 0"}, "-:m+ -:m"},
		{"or, read otherwise, each makes another", []string{"repeat-automatic=true"}, nil,
			[]string{"0h start 0", "1h start 0", "3h start 0"}, "-:m+ -:m+ automatic-2:h"},
		{"of use at once (§6 #17)", []string{"automatic-ready=at-once"}, nil,
			[]string{"0h start 0", "0h start 0"}, "-:m+ automatic-1:h"},
		{"after a release starts want another tag, which no cache holds (§1.9)", nil, nil,
			[]string{"0h create m a:1", "2h release a:1", "3h start 0", "5h start 0"}, "ok [m] -:m+ automatic-1:h"},
		{"what is being built is then of the older tag too", nil, nil,
			[]string{"0h start 0", "1h release a:1", "1h start 0", "2h start 0", "3h start 0"}, "-:m+ [automatic-1] -:m+ -:m automatic-2:h"},
		{"the other images of a cache are still found (§6 #1)", nil, nil,
			[]string{"0h create m a:1 b:1", "2h release a:1", "2h start 1"}, "ok [m] m:p+"},
		{"latest moves: by name the cache still matches; asked for again, nothing of the older is credited (§1.10, §6 #11)", nil, nil,
			[]string{"0h create m d:latest", "2h start 2", "2h release d:latest", "3h start 2", "9h start 2"}, "ok m:h [m] m:m m:m"},
		{"with IfNotPresent it is used as it is (§1.10, §6 #11)", nil, nil,
			[]string{"0h create m d:latest", "2h release d:latest", "3h start 3"}, "ok [m] m:h"},
		{"read otherwise, a tag that moved does not match (§6 #11)", []string{"stale-tags=differ"}, nil,
			[]string{"0h create m d:latest", "2h release d:latest", "3h start 2", "5h start 2"}, "ok [m] -:m+ automatic-1:h"},
		{"an update brings the new version (§1.10)", nil, nil,
			[]string{"0h create m a:1", "2h release a:1", "2h update m", "4h start 0"}, "ok [m] ok m:h"},
		{"but not one that began before the release", nil, nil,
			[]string{"0h create m b:1", "2h update m a:1", "3h release a:1", "4h start 0"}, "ok ok [] -:m+"},
		{"a renewal keeps what is not stale of use meanwhile", nil, nil,
			[]string{"0h create m a:1 b:1", "2h release a:1", "2h renew m", "3h start 1", "4h start 1"}, "ok [m] ok m:p+ m:h"},
		{"an explicit cache that is not Ready fails the start, and makes none (§1.10)", nil, nil,
			[]string{"0h start 4", "0h create m c:1", "1h start 4", "2h start 4"}, "fails ok fails m:m"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := history(t, policy(t, test.policies...), groups, test.given, test.lines...); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestStoreRefusals: a request that cannot be is refused with what to do.
func TestStoreRefusals(t *testing.T) {
	inv, _ := storeWorld()
	s := New(inv, "linux/amd64", now, DefaultPolicy()).NewStore(nil, []Cache{cache("m", 20, day, "a:1")}, StoreOptions{})
	for want, r := range map[string]CacheRequest{
		"create cache none: it names no image: a cache holds 1 to 20":                              {Name: "none"},
		"create cache of a: a cache of 10 GiB: a size is a whole number from 20 to 32768 GiB":      {Images: []string{"a"}, SizeGiB: 10},
		"create cache of a: retention of -1 days is out of the range of 1 to 65536, or 0 for ever": {Images: []string{"a"}, RetentionDays: -1},
		`create cache of a: elimination strategy "FIFO" is neither LRU nor empty`:                  {Images: []string{"a"}, EliminationStrategy: "FIFO"},
		"create cache m: there is a cache of this ID already: IDs must be unique":                  {ID: "m", Images: []string{"a"}},
		"create cache many: it names 21 images: a cache holds 1 to 20":                             {Name: "many", Images: make([]string, 21)},
	} {
		if _, err := s.Create(r, 0); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestHitRates, on random workloads: the days add up to the outcomes; what the
// outcomes found gives the same hits when they are counted anew from the images
// found; and the same history gives the same answer twice.
func TestHitRates(t *testing.T) {
	inv, refs := storeWorld()
	rapid.Check(t, func(t *rapid.T) {
		p := randomPolicy(t)
		p.AutomaticQuota = rapid.IntRange(0, 3).Draw(t, "quota")
		var apps []workload.App
		for i := range rapid.IntRange(1, 4).Draw(t, "apps") {
			apps = append(apps, workload.App{
				Name: fmt.Sprint("app", i), Images: rapid.SliceOfNDistinct(rapid.SampledFrom(refs), 1, 2, rapid.ID[string]).Draw(t, "images"),
				PullPolicy: rapid.SampledFrom([]string{"", "Always", "IfNotPresent"}).Draw(t, "pull policy"),
			})
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		var events []workload.Event
		for range rapid.IntRange(0, 100).Draw(t, "events") {
			events = append(events, workload.Event{At: time.Duration(rng.IntN(60)-30) * 12 * time.Hour, App: rng.IntN(len(apps)), Release: rng.IntN(6) == 0})
		}
		slices.SortStableFunc(events, func(x, y workload.Event) int { return int(x.At - y.At) })
		caches := []Cache{cache("imc", 20, day, "a:1", "d:latest")}
		outcomes, days := replayDays(t, inv, p, apps, caches, events)
		if len(days) != 30 {
			t.Fatalf("%d days of 30", len(days))
		}
		var sum, again HitRate
		for _, d := range days {
			sum.Add(&d)
		}
		m := New(inv, "linux/amd64", now, p)
		for i, o := range outcomes {
			counted := 0
			for _, f := range o.Found {
				counted += f.Starts
				recount(m, GroupOf(&apps[i]), &f, &again)
			}
			if counted != o.Starts {
				t.Fatalf("%s: %d starts found something or nothing, of %d", o.App, counted, o.Starts)
			}
		}
		if sum.Starts != again.Starts || sum.Hits != again.Hits || sum.Partials != again.Partials || sum.Misses != again.Misses {
			t.Fatalf("the days sum up to %+v, the outcomes to %+v", sum, again)
		}
		sameOutcomes, sameDays := replayDays(t, inv, p, apps, caches, events)
		if !reflect.DeepEqual(outcomes, sameOutcomes) || !reflect.DeepEqual(days, sameDays) {
			t.Fatal("the same history gives another answer")
		}
	})
}

func replayDays(t *rapid.T, inv *layers.Inventory, p Policy, apps []workload.App, caches []Cache, events []workload.Event) ([]Outcome, []HitRate) {
	var days []HitRate
	outcomes, _, err := New(inv, "linux/amd64", now, p).Replay(t.Context(), apps, caches, slices.Values(events), ReplayOptions{
		Automatic: true, To: workload.Month, Day: func(d HitRate) { days = append(days, d) },
		BuildTime: func([]string, float64) time.Duration { return 5 * time.Hour },
	})
	if err != nil {
		t.Fatal(err)
	}
	return outcomes, days
}

// recount counts the starts of a finding by the layers of the images found.
func recount(m *Matcher, g Group, f *Found, to *HitRate) {
	hit := Miss
	if f.Images != nil || f.Stale != nil {
		c := Cache{Images: f.Images, CreationTime: now}
		o := m.overlap(m.images(g.all()), m.store(m.Finds(g, &c)))
		hit = o.hit(m.wanted(&g), m.compared([]Cache{c}).held[0])
	}
	for range f.Starts {
		to.count(hit)
	}
}
