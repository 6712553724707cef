package matcher

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/workload"
)

// matcherOf makes Matchers of inv.
func matcherOf(inv *layers.Inventory) func(Policy, time.Time) *Matcher {
	return func(p Policy, at time.Time) *Matcher { return New(inv, "linux/amd64", at, p) }
}

// TestDifferences: each kind of disagreement, hand-made.
func TestDifferences(t *testing.T) {
	caches := []Cache{
		cache("both", 30, day, "a:1", "b:1"), cache("near", 40, day, "a:1"), cache("far", 90, day, "a:1"), cache("other", 30, day, "a:2"),
	}
	for _, test := range []struct {
		name   string
		answer ServiceAnswer
		// want is the difference, its position, and the caches compared there.
		want string
	}{
		{"the same list", ServiceAnswer{CacheIDs: []string{"both", "near", "far"}}, "agrees"},
		{"the beginning of ours", ServiceAnswer{CacheIDs: []string{"both"}}, "agrees"},
		{"none by both", ServiceAnswer{Images: []string{"r.example/c:1"}, None: true}, "agrees"},
		{"none by both, as it was asked", ServiceAnswer{Images: []string{"r.example/a:1", "r.example/c:1"}, FullMatch: true, None: true}, "agrees"},
		{"one that was asked to hold two", ServiceAnswer{MatchCount: 2, CacheIDs: []string{"both"}}, "agrees"},
		{"none where we pick", ServiceAnswer{None: true}, "none at 1: ours both, theirs -"},
		{"one that we refuse", ServiceAnswer{CacheIDs: []string{"other"}}, "refused at 1: ours both, theirs other (holds other versions only)"},
		{"one that we refuse, further down", ServiceAnswer{CacheIDs: []string{"both", "near", "far", "other"}}, "refused at 4: ours -, theirs other (holds other versions only)"},
		{"one where we pick none", ServiceAnswer{Images: []string{"r.example/c:1"}, CacheIDs: []string{"far"}}, "refused at 1: ours -, theirs far (holds none of the images)"},
		{"another order", ServiceAnswer{CacheIDs: []string{"both", "far", "near"}}, "order at 2: ours near, theirs far"},
		{"ours left out", ServiceAnswer{CacheIDs: []string{"near", "far"}}, "omitted at 1: ours both, theirs near"},
		{"a cache unknown to us", ServiceAnswer{CacheIDs: []string{"both", "newer"}}, "unknown at 2: ours near, theirs -"},
		{"before the caches were there", ServiceAnswer{CacheIDs: []string{"both"}, AskedAt: now.Add(-time.Hour)}, "agrees"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := test.answer
			if a.Images == nil {
				a.Images = []string{"r.example/a:1", "r.example/b:1"}
			}
			r := CompareService([]ServiceAnswer{a}, caches, DefaultPolicy(), now, matcherOf(world()))
			c := r.Compared[0]
			got := "agrees"
			if !c.Agrees {
				words := func(k *Candidate) string {
					switch {
					case k == nil:
						return "-"
					case k.Reason != "":
						return k.CacheID + " (" + k.Reason + ")"
					}
					return k.CacheID
				}
				got = fmt.Sprintf("%s at %d: ours %s, theirs %s", c.Difference, c.Position, words(c.Ours), words(c.Service))
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			judged := 1
			if strings.HasPrefix(test.want, "unknown") {
				judged = 0
			}
			if r.Answers != 1 || r.Judged != judged || (r.Agreed == 1) != (test.want == "agrees") || (r.AgreedFraction == nil) != (judged == 0) {
				t.Errorf("counts are %+v", r)
			}
		})
	}
}

// TestKendall: by hand, and from minus one to one.
func TestKendall(t *testing.T) {
	for _, test := range []struct {
		x, y string
		want float64
	}{
		{"abcd", "abcd", 1}, {"abcd", "dcba", -1}, {"abc", "acb", 1. / 3}, {"abcx", "yba", -1}, {"abcd", "bacd", 4. / 6},
	} {
		tau := kendall(strings.Split(test.x, ""), strings.Split(test.y, ""))
		if tau == nil || *tau != test.want {
			t.Errorf("%s and %s: got %v, want %v", test.x, test.y, tau, test.want)
		}
	}
	if tau := kendall([]string{"a", "b"}, []string{"b", "c"}); tau != nil {
		t.Errorf("one in common gives %v", *tau)
	}
}

// told are worlds in which every reading that a question can tell of orders
// caches in a way of its own.
func told() (*layers.Inventory, []Cache, []ServiceAnswer) {
	inv := documentedWorld()
	caches := []Cache{
		manual("near", "a:1", "b:1").with(func(c *Cache) { c.SizeGiB = 30 }),
		manual("full", "a:1").with(func(c *Cache) { c.SizeGiB = 30; c.CreationTime = now.Add(-2 * day) }),
		manual("big", "c:1").with(func(c *Cache) { c.SizeGiB = 90 }),
		manual("version", "a:2", "b:1").with(func(c *Cache) { c.SizeGiB = 60 }),
		manual("plain", "b:1").with(func(c *Cache) { c.SizeGiB = 50; c.CreationTime = now.Add(-2 * day) }),
		manual("updating", "a:1", "c:1").with(func(c *Cache) { c.Status = StatusUpdating; c.CreationTime = now.Add(-3 * day) }),
		manual("arm", "b:1", "c:1").with(func(c *Cache) { c.Architecture = "arm64"; c.CreationTime = now.Add(-4 * day) }),
		automaticOf("auto", "b:1").with(func(c *Cache) { c.SizeGiB = 25; c.CreationTime = now.Add(-5 * day) }),
		manual("tie1", "a:1", "b:1").with(func(c *Cache) { c.SizeGiB = 20; c.CreationTime = now.Add(-6 * day) }),
		manual("tie0", "a:1", "b:1").with(func(c *Cache) { c.SizeGiB = 40; c.CreationTime = now.Add(-6 * day) }),
		manual("tie2", "a:1", "c:1").with(func(c *Cache) { c.SizeGiB = 40; c.CreationTime = now.Add(-6 * day) }),
		{ID: "vpc", Images: []string{"registry-vpc.cn-hangzhou.aliyuncs.com/x/a:1"}, SizeGiB: 35, Status: StatusReady, CreationTime: now.Add(-7 * day)},
		manual("stale", "a:1").with(func(c *Cache) {
			c.Contents = []Content{{c.Images[0], string(inv.Images[len(inv.Images)-1].Digest)}}
			c.CreationTime = now.Add(-8 * day)
		}),
	}
	ask := func(images ...string) ServiceAnswer { return ServiceAnswer{Images: group(images...).Images} }
	answers := []ServiceAnswer{ask("a:1"), ask("b:1"), ask("c:1"), ask("a:1", "b:1"), ask("a:1", "c:1"), ask("b:1", "c:1"), ask("a:1", "b:1", "c:1"), ask("a:2"),
		{Images: []string{"registry.cn-hangzhou.aliyuncs.com/x/a:1"}}}
	for _, a := range slices.Clone(answers[3:7]) {
		a.FullMatch = true
		answers = append(answers, a)
	}
	return inv, caches, answers
}

// answered fills in what a service of these readings would name.
func answered(m *Matcher, caches []Cache, questions []ServiceAnswer) []ServiceAnswer {
	answers := slices.Clone(questions)
	for i := range answers {
		answers[i].CacheIDs = nil
		for _, c := range m.Rank(answers[i].group(), caches) {
			if c.Qualified {
				answers[i].CacheIDs = append(answers[i].CacheIDs, c.CacheID)
			}
		}
		answers[i].None = answers[i].CacheIDs == nil
	}
	return answers
}

// TestReadingIsFound: answers of a service of one reading are explained, all of
// them and down to the lists, by exactly that reading.
func TestReadingIsFound(t *testing.T) {
	inv, caches, questions := told()
	// What a question does not tell of: it has no init containers, no pull policy,
	// no type of instance, and nothing follows it.
	untold := map[string]bool{"init-images": true, "jobs": true, "pull-policy": true, "create-on-partial": true}
	found := 0
	for _, rule := range Rules() {
		for _, value := range rule.Values[1:] {
			if !rule.Matching {
				continue
			}
			name := rule.Key + "=" + value
			answers := answered(matcherOf(inv)(policy(t, name), now), caches, questions)
			r := CompareService(answers, caches, DefaultPolicy(), now, matcherOf(inv))
			if untold[rule.Key] {
				if r.SameLists != len(answers) {
					t.Errorf("%s changes an answer", name)
				}
				continue
			}
			found++
			var whole []string
			for _, x := range r.Readings {
				if x.SameLists == len(answers) {
					whole = append(whole, x.Policy+"="+x.Value)
				}
			}
			if r.SameLists == len(answers) || !slices.Equal(whole, []string{name}) || r.Readings[0].Policy+"="+r.Readings[0].Value != name {
				t.Errorf("answers of %s: %d of %d lists are the same without it; explained by %v", name, r.SameLists, len(answers), whole)
			}
			for _, c := range r.Compared {
				has := slices.ContainsFunc(c.Readings, func(x AgreeingReading) bool { return x.Policy == rule.Key && x.Value == value && x.SameList })
				if !c.Agrees && !has {
					t.Errorf("%s does not explain %v", name, c.Images)
				}
			}
		}
	}
	if found < 13 {
		t.Errorf("only %d readings were looked for", found)
	}
}

// TestOwnAnswersAgree: answers of our own matcher under any reading agree under
// it, counts add up, and a reading's are what comparing under it gives.
func TestOwnAnswersAgree(t *testing.T) {
	inv := documentedWorld()
	refs := references(inv)
	slices.Sort(refs)
	refs = slices.Compact(refs)
	rapid.Check(t, func(t *rapid.T) {
		caches := randomCaches(t, inv, refs)
		var questions []ServiceAnswer
		for range rapid.IntRange(1, 4).Draw(t, "questions") {
			questions = append(questions, ServiceAnswer{
				Images:    rapid.SliceOfNDistinct(rapid.SampledFrom(refs), 1, 3, rapid.ID[string]).Draw(t, "asked"),
				FullMatch: rapid.Bool().Draw(t, "full"), MatchCount: rapid.IntRange(0, 2).Draw(t, "count"),
			})
		}
		p := randomPolicy(t)
		answers := answered(matcherOf(inv)(p, now), caches, questions)
		own := CompareService(answers, caches, p, now, matcherOf(inv))
		if own.SameLists != len(answers) || own.Agreed != len(answers) || own.SamePick != len(answers) {
			t.Fatalf("own answers: %+v", own)
		}
		r := CompareService(answers, caches, DefaultPolicy(), now, matcherOf(inv))
		if r.SameLists > r.Agreed || r.Agreed > r.SamePick || r.SamePick > r.Judged || r.Judged != len(answers) {
			t.Fatalf("counts are %+v", r)
		}
		for _, x := range r.Readings {
			under := DefaultPolicy()
			if err := under.Set(x.Policy + "=" + x.Value); err != nil {
				t.Fatal(err)
			}
			again := CompareService(answers, caches, under, now, matcherOf(inv))
			if again.Agreed != x.Agreed || again.SameLists != x.SameLists || r.Agreed+x.Gained-x.Lost != x.Agreed {
				t.Fatalf("%+v; comparing under it: %d agree, %d lists are the same; %d agree without", x, again.Agreed, again.SameLists, r.Agreed)
			}
		}
		shuffled := slices.Clone(caches)
		rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if again := CompareService(answers, shuffled, DefaultPolicy(), now, matcherOf(inv)); fmt.Sprint(again.Readings) != fmt.Sprint(r.Readings) {
			t.Fatalf("in another order of caches: %v, not %v", again.Readings, r.Readings)
		}
	})
}

func TestReadServiceAnswers(t *testing.T) {
	header := "apiVersion: cachebench/v1\nkind: ServiceAnswers\nanswers:\n"
	for _, test := range []struct{ name, text, want string }{
		{"by IDs", "- {images: [a:1], imageFullMatch: true, imageMatchCountRequest: 1, askedAt: 2026-11-01, cacheIds: [x, y]}", "[x y]"},
		{"none", "- {app: web, none: true}", "[]"},
		{"a reply", `- {app: web, reply: {RequestId: r, TotalCount: 2, ImageCaches: [{ImageCacheId: imc-1, Status: Ready, Events: [{Count: 1}]}, {ImageCacheId: imc-2}]}}`, "[imc-1 imc-2]"},
		{"a reply in lower case", `- {app: web, reply: {imageCaches: [{imageCacheId: imc-1}]}}`, "[imc-1]"},
		{"a reply of nothing", `- {app: web, reply: {ImageCaches: []}}`, "[]"},
		{"no answer", "", "no answer is listed"},
		{"nothing asked", "- {cacheIds: [x]}", "a.yaml:4: answers[0]: it does not say what was asked: give app or images"},
		{"nothing said", "- {app: web}", "give cacheIds, best first, or none: true, or its reply"},
		{"an empty list", "- {app: web, cacheIds: []}", "or none: true"},
		{"two things said", "- {app: web, none: true, cacheIds: [x]}", "it says twice"},
		{"a cache twice", "- {app: web, cacheIds: [x, x]}", `answers[0].cacheIds[1]: "x" is no further cache`},
		{"a negative count", "- {app: web, none: true, imageMatchCountRequest: -1}", "answers[0].imageMatchCountRequest: -1 is below 0"},
		{"too many images", "- {none: true, images: [" + strings.Repeat("a,", 101) + "]}", "101 images are named: one question takes 100"},
		{"no reply", "- {app: web, reply: 7}", "a.yaml:4: answers[0].reply: it is no reply of DescribeImageCaches"},
		{"another reply", "- {app: web, reply: {ImageCacheId: x}}", "it has no ImageCaches"},
		{"an error", "- {app: web, reply: {Code: NoPermission, Message: no}}", "the service refused the question (NoPermission: no)"},
		{"a reply without IDs", "- {app: web, reply: {ImageCaches: [{ImageCacheName: x}]}}", "answers[0].reply.ImageCaches[0]: its ImageCacheId"},
		{"unknown key", "- {app: web, cacheIDs: [x]}", "did you mean cacheIds?"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := ReadServiceAnswers("a.yaml", []byte(header+test.text))
			got := fmt.Sprint(err)
			if err == nil {
				got = fmt.Sprint(s.Answers[0].CacheIDs)
				if s.Answers[0].None != (s.Answers[0].CacheIDs == nil) {
					t.Errorf("got %+v", s.Answers[0])
				}
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestAnswersForApps(t *testing.T) {
	s := &ServiceAnswers{Answers: []ServiceAnswer{{App: "web", None: true}, {App: "x", Images: []string{"b:1"}, None: true}}}
	answers, err := s.For([]workload.App{{Name: "web", Images: []string{"a:1"}, InitImages: []string{"i:1"}}})
	if err != nil || len(answers[0].Images) != 2 || len(s.Answers[0].Images) != 0 || !slices.Equal(answers[1].Images, []string{"b:1"}) {
		t.Errorf("got %+v, %v", answers, err)
	}
	if _, err := s.For(nil); err == nil || !strings.Contains(err.Error(), `answers[0] is about app "web", which the workload lacks`) {
		t.Errorf("got %v", err)
	}
}

func FuzzReadServiceAnswers(f *testing.F) {
	f.Add([]byte(`{"apiVersion": "cachebench/v1", "kind": "ServiceAnswers", "answers": [{"app": "a", "reply": {"ImageCaches": [{"ImageCacheId": "x"}]}}, {"app": "b", "none": true}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ReadServiceAnswers("a.json", data)
		if err != nil {
			return
		}
		for _, a := range s.Answers {
			if a.None != (len(a.CacheIDs) == 0) || !a.Reply.IsZero() {
				t.Errorf("got %+v", a)
			}
		}
	})
}
