package layers

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/cachebench/cachebench/internal/golden"
	"github.com/cachebench/cachebench/internal/registry/faulty"
	"github.com/cachebench/cachebench/layers/distribution"
)

// everyJobs is how many requests at once the tests make.
var everyJobs = []int{1, 3, 64}

const secretBody = `{"errors":[{"code":"DENIED","message":"secret-message"}]}`

// dated asks for a pause until a date, the other form of Retry-After (RFC 9110
// section 10.2.3).
func dated(status int, wait time.Duration) faulty.Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		faulty.Answers(status, secretBody, "Retry-After", time.Now().Add(wait).UTC().Format(http.TimeFormat))(w, r, nil)
	}
}

// toStorage redirects blobs to another host, by a signed address.
func toStorage(w http.ResponseWriter, r *http.Request, good http.Handler) {
	if r.Header.Get("Authorization") == "" {
		good.ServeHTTP(w, r)
		return
	}
	faulty.Redirects(http.StatusTemporaryRedirect, "http://"+storageHost+r.URL.Path+"?secret-signature")(w, r, good)
}

// passingFaults are those after which all is well, by host.
func passingFaults() map[string]map[string]faulty.Fault {
	here := func(f ...faulty.Fault) map[string]faulty.Fault {
		return map[string]faulty.Fault{goodHost: faulty.First(f...)}
	}
	fails := faulty.Answers(500, secretBody)
	return map[string]map[string]faulty.Fault{
		"429 for 2 s":          here(faulty.Answers(429, secretBody, "Retry-After", "2")),
		"429 until a date":     here(dated(429, 5*time.Second)),
		"429 for no time":      here(faulty.Answers(429, secretBody, "Retry-After", "0")),
		"429 alone":            here(faulty.Answers(429, secretBody)),
		"503 for 2 s":          here(faulty.Answers(503, secretBody, "Retry-After", "2")),
		"503 until a date":     here(dated(503, 5*time.Second)),
		"500 four times":       here(fails, fails, fails, fails),
		"401 once":             here(faulty.Answers(401, secretBody, "Www-Authenticate", challengeOf(goodTokenHost))),
		"reset":                here(faulty.Reset()),
		"no headers":           here(faulty.Stalled(-1)),
		"stalled body":         here(faulty.Stalled(20)),
		"truncated body":       here(faulty.Truncated(20)),
		"slow body":            {goodHost: faulty.Slow(50, 5*time.Second)},
		"wrong digest":         here(faulty.Corrupted()),
		"other content type":   {goodHost: faulty.Typed("application/octet-stream")},
		"token server fails":   {goodTokenHost: faulty.First(fails, faulty.Stalled(-1), faulty.Reset())},
		"storage":              {goodHost: faulty.On("/blobs/", toStorage)},
		"storage that fails":   {goodHost: faulty.On("/blobs/", toStorage), storageHost: faulty.First(fails, faulty.Truncated(20), faulty.Reset())},
		"storage is throttled": {goodHost: faulty.On("/blobs/", toStorage), storageHost: faulty.First(dated(503, 3*time.Second))},
	}
}

// TestPassingFaults: the Inventory is the same to the byte whatever faults passed
// and however many requests were made at once.
func TestPassingFaults(t *testing.T) {
	m := newMarket(t)
	want := faultless(t, m)
	for name, faults := range passingFaults() {
		for _, jobs := range everyJobs {
			t.Run(fmt.Sprintf("%s/jobs=%d", name, jobs), func(t *testing.T) {
				// Faults count what they met: each run has its own.
				v := visit{opt: Options{Jobs: jobs}, faults: passingFaults()[name]}
				v.resolve(t, m)
				v.same(t, want)
				for host := range faults {
					if n := len(v.servers[host].Requests()); n < 2 {
						t.Errorf("%s is asked %d times: the fault was not met", host, n)
					}
				}
			})
		}
	}
}

// faultless is the Inventory without any fault.
func faultless(t *testing.T, m *market) *Inventory {
	t.Helper()
	v := visit{}
	v.resolve(t, m)
	if v.err != nil || len(v.inv.Images) != goods || len(v.inv.Layers) != goods+4 || v.inv.Unresolved != nil {
		t.Fatalf("%d images, %d layers, unresolved %v, %v", len(v.inv.Images), len(v.inv.Layers), v.inv.Unresolved, v.err)
	}
	return v.inv
}

// same compares the Inventory as saved.
func (v *visit) same(t *testing.T, want *Inventory) {
	t.Helper()
	if v.err != nil {
		t.Fatal(v.err)
	}
	if diff := cmp.Diff(inventoryJSON(t, want), inventoryJSON(t, v.inv)); diff != "" {
		t.Errorf("-without faults +with:\n%s", diff)
	}
}

// TestMixedFaults: every path meets its own mix of faults, up to four in a row.
func TestMixedFaults(t *testing.T) {
	m := newMarket(t)
	want := faultless(t, m)
	for seed := range uint64(8) {
		for _, jobs := range everyJobs {
			t.Run(fmt.Sprintf("seed=%d/jobs=%d", seed, jobs), func(t *testing.T) {
				v := visit{opt: Options{Jobs: jobs}, faults: map[string]faulty.Fault{goodHost: mixed(seed)}}
				v.resolve(t, m)
				v.same(t, want)
			})
		}
	}
}

// mixed meets the requests for each path with faults that depend on the path and
// a seed alone. Of those that are tried only once more, at most one is met.
func mixed(seed uint64) faulty.Fault {
	kinds := []faulty.Fault{
		faulty.Answers(500, secretBody), faulty.Answers(502, ""), faulty.Answers(429, "", "Retry-After", "1"), dated(503, 2*time.Second),
		faulty.Answers(429, ""), faulty.Reset(), faulty.Stalled(10), faulty.Truncated(10), nil,
	}
	byPath := func(path string) []faulty.Fault {
		h := fnv.New64a()
		h.Write([]byte(path))
		r := rand.New(rand.NewPCG(seed, h.Sum64()))
		faults := make([]faulty.Fault, r.IntN(4))
		for i := range faults {
			faults[i] = kinds[r.IntN(len(kinds))]
		}
		if r.IntN(3) == 0 {
			faults = append(faults, faulty.Corrupted())
		}
		return faults
	}
	all := make(map[string]faulty.Fault)
	gate := make(chan struct{}, 1)
	return func(w http.ResponseWriter, r *http.Request, good http.Handler) {
		gate <- struct{}{}
		f := all[r.URL.Path]
		if f == nil {
			f = faulty.First(byPath(r.URL.Path)...)
			all[r.URL.Path] = f
		}
		<-gate
		f(w, r, good)
	}
}

// TestScanUnderFaults: layers too are read whole after all, and what is found in
// them is the same.
func TestScanUnderFaults(t *testing.T) {
	m := newMarket(t)
	calm := visit{opt: Options{Deep: true}}
	calm.resolve(t, m)
	if calm.inv.Unscanned != nil || calm.inv.Layers[0].Scan == nil {
		t.Fatalf("unscanned %v", calm.inv.Unscanned)
	}
	for name := range passingFaults() {
		if name == "wrong digest" {
			continue // a layer's digest is known only at its end: it is named, see below
		}
		t.Run(name, func(t *testing.T) {
			v := visit{opt: Options{Deep: true}, faults: passingFaults()[name]}
			v.resolve(t, m)
			v.same(t, calm.inv)
		})
	}
	t.Run("corrupted layer", func(t *testing.T) {
		bad := calm.inv.Layers[1].Digest
		v := visit{opt: Options{Deep: true}, faults: map[string]faulty.Fault{goodHost: faulty.On(string(bad), faulty.Corrupted())}}
		v.resolve(t, m)
		if len(v.inv.Unscanned) != 1 || v.inv.Unscanned[0].Digest != bad {
			t.Errorf("unscanned %v, want %s", v.inv.Unscanned, bad)
		}
		for i := range v.inv.Layers {
			if i != 1 && cmp.Diff(calm.inv.Layers[i], v.inv.Layers[i]) != "" {
				t.Errorf("layer %d: %s", i, cmp.Diff(calm.inv.Layers[i], v.inv.Layers[i]))
			}
		}
	})
}

// A lasting fault is met by one image of fifty.
type lasting struct {
	name string
	// bad is on its host, storage on the one that it redirects to, tokens on the
	// token server.
	bad, storage, tokens faulty.Fault
	// tag is what the bad reference names; empty: a good image.
	tag string
}

// lastingFaults are all that end in a reason; m gets the odd documents.
func lastingFaults(t *testing.T, m *market) []lasting {
	layer := blob(1, v1.MediaTypeImageLayerGzip, 10)
	config := m.add("", v1.MediaTypeImageConfig, `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}`)
	arm := m.add("", v1.MediaTypeImageConfig, `{"os":"linux","architecture":"arm64","rootfs":{"type":"layers","diff_ids":[]}}`)
	foreign := m.add("", v1.MediaTypeImageManifest, "{}", `"platform":{"os":"linux","architecture":"s390x"}`)
	text := func(mediaType, body string) string { return m.add("", mediaType, body) }
	configs, manifests := "/blobs/", "/manifests/"
	sends := func(where string, f faulty.Fault) faulty.Fault { return faulty.On(where, f) }
	var all []lasting
	on := func(name string, f faulty.Fault) { all = append(all, lasting{name: name, bad: f}) }
	doc := func(name, descriptor string) { all = append(all, lasting{name: name, tag: digestIn(descriptor)}) }

	on("400", faulty.Answers(400, secretBody))
	on("401 for ever", faulty.Answers(401, secretBody, "Www-Authenticate", challengeOf(badTokenHost)))
	on("401 without a challenge", faulty.Answers(401, secretBody))
	on("401 with an odd challenge", faulty.Answers(401, secretBody, "Www-Authenticate", `Odd x="secret"`))
	on("401 with a token server elsewhere", faulty.Answers(401, secretBody, "Www-Authenticate", `Bearer realm="http://secret-user:secret@nowhere.test/?secret"`))
	all = append(all, lasting{name: "token server refuses the login", tokens: faulty.Answers(401, secretBody)})
	all = append(all, lasting{name: "token server fails", tokens: faulty.Answers(500, secretBody)})
	all = append(all, lasting{name: "token server is a page", tokens: faulty.Answers(200, "<html>secret", "Content-Type", "text/html")})
	on("403", faulty.Answers(403, secretBody))
	on("404", faulty.Answers(404, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"secret"}]}`))
	on("404 for the config", sends(configs, faulty.Answers(404, secretBody)))
	on("429 alone", faulty.Answers(429, secretBody))
	on("429 for 1 s, always", faulty.Answers(429, secretBody, "Retry-After", "1"))
	on("429 until a date, always", dated(429, 2*time.Second))
	on("429 for 6 h", faulty.Answers(429, secretBody, "Retry-After", "21600"))
	on("503 until tomorrow", dated(503, 24*time.Hour))
	on("500", faulty.Answers(500, secretBody))
	on("500 for the config", sends(configs, faulty.Answers(500, secretBody)))
	on("502 page", faulty.Answers(502, "<html>secret"))
	on("reset", faulty.Reset())
	on("truncated", faulty.Truncated(20))
	on("truncated config", sends(configs, faulty.Truncated(20)))
	on("no headers", faulty.Stalled(-1))
	on("stalled", faulty.Stalled(20))
	on("wrong digest", sends(manifests, faulty.Corrupted()))
	on("wrong digest of the config", sends(configs, faulty.Corrupted()))
	on("a page for the manifest", faulty.Answers(200, "<html>secret", "Content-Type", "text/html; secret=1"))
	on("a page for the config", sends(configs, faulty.Answers(200, "<html>secret", "Content-Type", "text/html")))
	on("a picture", faulty.Answers(200, "GIF89a", "Content-Type", "image/gif"))
	on("an empty answer", faulty.Answers(200, ""))
	on("too long a manifest", faulty.Answers(200, strings.Repeat("{", distribution.MaxManifestBytes+1), "Content-Type", v1.MediaTypeImageManifest))
	on("redirect without a place", sends(configs, faulty.Answers(307, "")))
	on("redirect in a circle", sends(configs, faulty.Redirects(307, "?secret-query")))
	on("redirect to a host that is not there", sends(configs, faulty.Redirects(307, "http://nowhere.test/secret?secret")))
	on("redirect to a file", sends(configs, faulty.Redirects(307, "file:///etc/secret")))
	all = append(all, lasting{name: "storage refuses", bad: sends(configs, toStorage), storage: faulty.Answers(403, "secret")})
	all = append(all, lasting{name: "storage has another", bad: sends(configs, toStorage), storage: faulty.Corrupted()})

	doc("not JSON", text(v1.MediaTypeImageManifest, `{"schemaVersion":2,`))
	doc("schema 1", text("application/vnd.docker.distribution.manifest.v1+prettyjws", `{"schemaVersion":1,"fsLayers":[]}`))
	doc("a Helm chart", m.manifest(strings.Replace(config, v1.MediaTypeImageConfig, "application/vnd.cncf.helm.config.v1+json", 1)))
	doc("an unknown type", text("application/vnd.example+json", `{"schemaVersion":2,"mediaType":"application/vnd.example+json"}`))
	doc("another platform", m.manifest(arm))
	doc("an index without the platform", m.index("", foreign))
	doc("an empty index", m.index(""))
	doc("a child that is missing", m.index("", blob(9, v1.MediaTypeImageManifest, 2, `"platform":{"os":"linux","architecture":"amd64"}`)))
	doc("too few diffIDs", m.manifest(config, layer))
	doc("a config of another size", m.manifest(strings.Replace(config, `"size":`, `"size":1`, 1)))
	doc("a config that is not JSON", m.manifest(text(v1.MediaTypeImageConfig, `{"os":`)))
	doc("a digest that is none", m.manifest(strings.Replace(config, "sha256:", "md5:", 1)))
	return all
}

var anyDigest = regexp.MustCompile(`(sha256:|md5:)[0-9a-f]+`)

// TestLastingFaults: whatever is wrong with one image of fifty, the others are all
// there, the same to the byte; the run ends after few requests; and the reason is
// a plain sentence that says what to do: testdata/reasons.txt, to be read.
func TestLastingFaults(t *testing.T) {
	m := newMarket(t)
	want := faultless(t, m)
	good := digestIn(m.put(t, "bad", "base 1", "of the bad one"))
	var reasons strings.Builder
	for _, fault := range lastingFaults(t, m) {
		m.tags["team/bad:1"] = good
		if fault.tag != "" {
			m.tags["team/bad:1"] = fault.tag
		}
		said := ""
		for _, jobs := range everyJobs {
			t.Run(fmt.Sprintf("%s/jobs=%d", fault.name, jobs), func(t *testing.T) {
				v := visit{
					opt: Options{Jobs: jobs}, references: slices.Insert(slices.Clone(m.references), goods/2, badHost+"/team/bad:1"),
					faults: map[string]faulty.Fault{badHost: fault.bad, storageHost: fault.storage, badTokenHost: fault.tokens},
				}
				v.resolve(t, m)
				said = v.reason(t, said)
				v.inv.Unresolved = nil
				v.same(t, want)
				if n := len(v.servers[badHost].Requests()); n > 15 {
					t.Errorf("%d requests", n)
				}
				if v.took > 10*time.Minute {
					t.Errorf("the run takes %v", v.took)
				}
			})
		}
		// Digests depend on the compressor.
		fmt.Fprintf(&reasons, "%s: %s\n", fault.name, anyDigest.ReplaceAllString(said, "$1…"))
	}
	golden.Equal(t, "testdata/reasons.txt", []byte(reasons.String()))
}

// reason is the one of the bad image, the same as before if there was one.
func (v *visit) reason(t *testing.T, before string) string {
	t.Helper()
	if len(v.inv.Unresolved) != 1 || v.inv.Unresolved[0].Reference != badHost+"/team/bad:1" {
		t.Fatalf("%d unresolved, want %s alone: %.200v", len(v.inv.Unresolved), badHost, v.inv.Unresolved)
	}
	said := v.inv.Unresolved[0].Reason
	if before != "" && said != before {
		t.Errorf("got  %s\nwith fewer jobs %s", said, before)
	}
	return said
}

// TestInterruptedUnderFaults: wherever a run waits when it is interrupted, it
// returns at once with what it has.
func TestInterruptedUnderFaults(t *testing.T) {
	m := newMarket(t)
	good, bad := m.references[:10], []string{}
	for _, reference := range m.references[10:] {
		bad = append(bad, strings.Replace(reference, goodHost, badHost, 1))
	}
	alone := visit{references: good}
	alone.resolve(t, m)
	for name, fault := range map[string]faulty.Fault{
		"pause": faulty.Answers(429, "", "Retry-After", "60"), "back-off": faulty.Answers(500, ""), "no headers": faulty.Stalled(-1),
		"body": faulty.Stalled(20), "slow body": faulty.Slow(1, 20*time.Second), "token": faulty.Stalled(-1),
	} {
		for _, jobs := range everyJobs {
			t.Run(fmt.Sprintf("%s/jobs=%d", name, jobs), func(t *testing.T) {
				host := badHost
				if name == "token" {
					host = badTokenHost
				}
				v := visit{opt: Options{Jobs: jobs}, faults: map[string]faulty.Fault{host: fault}}
				v.open(t, m, func(t *testing.T, opt Options) {
					ctx, cancel := context.WithCancel(t.Context())
					var at time.Time
					opt.Progress = func(p Progress) {
						if p.Done == int64(len(good)) {
							// In the midst of what the others wait for.
							time.AfterFunc(100*time.Millisecond, func() { at = time.Now(); cancel() })
						}
					}
					inv, err := Resolve(ctx, slices.Concat(good, bad), opt)
					if late := time.Since(at); !errors.Is(err, context.Canceled) || late != 0 {
						t.Errorf("%v, %v after the interruption", err, late)
					}
					for _, u := range inv.Unresolved {
						if u.Reason != "not looked up: interrupted" {
							t.Errorf("%s: %s", u.Reference, u.Reason)
						}
					}
					if len(inv.Images)+len(inv.Unresolved) != goods {
						t.Errorf("%d images and %d unresolved are not %d", len(inv.Images), len(inv.Unresolved), goods)
					}
					inv.Unresolved = nil
					if diff := cmp.Diff(inventoryJSON(t, alone.inv), inventoryJSON(t, inv)); diff != "" {
						t.Errorf("-the good alone +interrupted:\n%s", diff)
					}
				})
			})
		}
	}
}

// TestThrottledHost: a host that wants hours is not asked again, and what is on
// other hosts is looked up all the same.
func TestThrottledHost(t *testing.T) {
	m := newMarket(t)
	want := faultless(t, m)
	throttled := []string{}
	for _, reference := range m.references[:20] {
		throttled = append(throttled, strings.Replace(reference, goodHost, badHost, 1))
	}
	for _, jobs := range everyJobs {
		v := visit{
			opt: Options{Jobs: jobs}, references: slices.Concat(throttled, m.references),
			faults: map[string]faulty.Fault{badHost: faulty.Answers(429, "", "Retry-After", "21600")},
		}
		v.resolve(t, m)
		if n := len(v.servers[badHost].Requests()); n > jobs || len(v.inv.Unresolved) != len(throttled) {
			t.Errorf("jobs=%d: %d requests, %d unresolved", jobs, n, len(v.inv.Unresolved))
		}
		for _, u := range v.inv.Unresolved {
			if !strings.Contains(u.Reason, "(try again after ") {
				t.Errorf("jobs=%d: %s", jobs, u.Reason)
			}
		}
		v.inv.Unresolved = nil
		v.same(t, want)
	}
}

// TestLastTagsFaults: a list of tags that does not end, or goes astray, ends by
// name, and a tag that cannot be read does not lose the others.
func TestLastTagsFaults(t *testing.T) {
	m := newMarket(t)
	list := func(link, tags string) faulty.Fault {
		return faulty.On("/tags/list", faulty.Answers(200, `{"tags":[`+tags+`]}`, "Content-Type", "application/json", "Link", link))
	}
	serial := 0
	var reasons strings.Builder
	for _, test := range []struct {
		name  string
		fault faulty.Fault
	}{
		{"circle", list(`</v2/team/app-01/tags/list?last=a>; rel="next"`, `"1"`)},
		{"endless", func(w http.ResponseWriter, r *http.Request, good http.Handler) {
			serial++
			list(fmt.Sprintf(`</v2/team/app-01/tags/list?last=%d>; rel="next"`, serial), fmt.Sprintf(`"%d"`, serial))(w, r, good)
		}},
		{"another host", list(`<http://evil.test/v2/team/app-01/tags/list?last=a&secret>; rel="next"`, `"1"`)},
		{"a page", faulty.Answers(200, "<html>secret", "Content-Type", "text/html")},
		{"404", faulty.Answers(404, secretBody)},
		{"500", faulty.Answers(500, secretBody)},
		{"429 for 6 h", faulty.Answers(429, secretBody, "Retry-After", "21600")},
		{"no tags", list("", "")},
		{"truncated", over(faulty.Truncated(5), list("", `"1","2"`))},
	} {
		v := visit{faults: map[string]faulty.Fault{goodHost: test.fault}}
		v.open(t, m, func(t *testing.T, opt Options) {
			references, said, err := LastTags(t.Context(), goodHost+"/team/app-01", 3, opt)
			if err == nil {
				t.Errorf("%s: %v, %v", test.name, references, said)
				return
			}
			hasNoSecret(t, err.Error())
			fmt.Fprintf(&reasons, "%s: %v\n", test.name, err)
		})
	}
	golden.Equal(t, "testdata/tags-reasons.txt", []byte(reasons.String()))

	m.tags["team/app-01:2"] = m.tags["team/app-02:1"]
	v := visit{faults: map[string]faulty.Fault{goodHost: over(faulty.On("/manifests/3", faulty.Answers(500, secretBody)), list("", `"1","2","3"`))}}
	v.open(t, m, func(t *testing.T, opt Options) {
		references, said, err := LastTags(t.Context(), goodHost+"/team/app-01", 5, opt)
		if err != nil || len(references) != 2 || len(said) != 1 || !strings.Contains(said[0], "1 tags of") {
			t.Errorf("%v, %q, %v", references, said, err)
		}
	})
}

// over is a fault on the way to another.
func over(f, below faulty.Fault) faulty.Fault {
	return func(w http.ResponseWriter, r *http.Request, good http.Handler) {
		f(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { below(w, r, good) }))
	}
}
