package pull

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

func runnerFor(t *testing.T, f *fakeRegistry, opt Options) *Runner {
	t.Helper()
	opt.Host.Root, opt.Host.Served = t.TempDir(), f.served()
	opt.Host.Registry.Attempts = 1
	r, err := NewRunner(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// run prepares and makes one run.
func run(t *testing.T, r *Runner, arm *measure.Arm) []simulate.Startup {
	t.Helper()
	if err := r.Prepare(context.Background(), arm); err != nil {
		t.Fatal(err)
	}
	startups, err := r.Run(context.Background(), arm)
	if err != nil {
		t.Fatal(err)
	}
	return startups
}

// TestRunner: arms after each other, cold, partly kept and all kept, begin each from
// what they say.
func TestRunner(t *testing.T) {
	f := newRegistry(t)
	base, top := sized(t, "base", 5000), sized(t, "top", 5000)
	app, parent := f.push(t, "app:1", base, top), f.push(t, "base:1", base)
	r := runnerFor(t, f, Options{Nodes: 2})
	start := []measure.Start{{App: "web", Image: app}, {Image: app, Node: 1}}
	arms := []struct {
		arm     measure.Arm
		hit     matcher.Hit
		fetched int
	}{
		{measure.Arm{Name: "cold", Starts: start}, matcher.Miss, len(base.blob) + len(top.blob)},
		{measure.Arm{Name: "partial", Starts: start, Keep: []string{parent}}, matcher.PartialHit, len(top.blob)},
		{measure.Arm{Name: "full", Starts: start, Keep: []string{app}}, matcher.FullHit, 0},
	}
	for _, i := range []int{0, 2, 1, 0, 1, 1, 2} {
		c := &arms[i]
		startups := run(t, r, &c.arm)
		for n, s := range startups {
			if s.Void != "" || s.Hit != c.hit || s.FetchedBytes != int64(c.fetched) || s.Arm != c.arm.Name || s.Node != measure.NodeName(n) {
				t.Errorf("arm %s: %+v", c.arm.Name, s)
			}
		}
		if startups[0].App != "web" || startups[1].App != app {
			t.Errorf("apps %q and %q", startups[0].App, startups[1].App)
		}
	}
}

// TestCheckArm: an arm that pulls cannot be is refused, by itself and before a run, so
// that no timeline says what was not done.
func TestCheckArm(t *testing.T) {
	f := newRegistry(t)
	app := f.push(t, "app:1", sized(t, "app", 1000))
	r := runnerFor(t, f, Options{Nodes: 2})
	for _, c := range []struct {
		name string
		arm  measure.Arm
		want string // empty: it can be
	}{
		{"plain", measure.Arm{Starts: []measure.Start{{Image: app, Node: 1}}}, ""},
		{"pull only", measure.Arm{Starts: []measure.Start{{Image: app, PullOnly: true}}}, ""},
		{"unlimited", measure.Arm{Starts: []measure.Start{{Image: app}}, Link: &measure.Link{Rate: network.Unlimited}}, ""},
		{"node", measure.Arm{Starts: []measure.Start{{Image: app, Node: 2}}}, "start 1: there is no node 2, only 0 to 1"},
		{"readiness", measure.Arm{Starts: []measure.Start{{Image: app}, {Image: app, Node: 1, Readiness: &measure.Readiness{By: measure.ReadyHTTP, Port: 8080}}}},
			"start 2: measure pull starts nothing that could be ready"},
		{"arguments", measure.Arm{Starts: []measure.Start{{Image: app, Args: []string{"/bin/true"}}}}, "start 1: measure pull runs nothing that could have arguments"},
		{"delay", measure.Arm{Starts: []measure.Start{{Image: app}}, Link: &measure.Link{Rate: network.Unlimited, Delay: time.Millisecond}}, "a link is shaped only where the registry is embedded"},
		{"rate", measure.Arm{Starts: []measure.Start{{Image: app}}, Link: &measure.Link{Rate: 25e6}}, "a link is shaped only where the registry is embedded"},
	} {
		c.arm.Name = c.name
		for what, err := range map[string]error{"CheckArm": r.CheckArm(&c.arm), "Prepare": r.Prepare(t.Context(), &c.arm)} {
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "arm "+c.name) || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%s of %s: %v, want %s", what, c.name, err, c.want)
			}
		}
	}
}

// TestUnusedNodes: nodes that an arm starts nothing on are left as they are, and are
// brought to what a later arm asks for.
func TestUnusedNodes(t *testing.T) {
	f := newRegistry(t)
	base, top := sized(t, "base", 5000), sized(t, "top", 5000)
	app, parent := f.push(t, "app:1", base, top), f.push(t, "base:1", base)
	r := runnerFor(t, f, Options{Nodes: 3})
	held := func() (n [3]int) {
		for i, h := range r.hosts {
			blobs, _, err := h.content.list()
			if err != nil {
				t.Fatal(err)
			}
			n[i] = len(blobs)
		}
		return n
	}
	one := &measure.Arm{Name: "one", Starts: []measure.Start{{Image: app, Node: 1}}, Keep: []string{parent}}
	s := run(t, r, one)
	// An image is its manifest, its config and its layers; the base layer is both's.
	if got, want := held(), [3]int{0, 4 + 3 - 1, 0}; got != want {
		t.Errorf("the nodes hold %v blobs, want %v", got, want)
	}
	if s[0].Void != "" || s[0].Hit != matcher.PartialHit {
		t.Errorf("%+v", s[0])
	}
	all := &measure.Arm{Name: "all", Starts: []measure.Start{{Image: app}, {Image: app, Node: 1}, {Image: app, Node: 2}}, Keep: []string{parent}}
	for _, s := range run(t, r, all) {
		if s.Void != "" || s.Hit != matcher.PartialHit || s.FetchedBytes != int64(len(top.blob)) {
			t.Errorf("%+v", s)
		}
	}
	// With nothing kept the node in use is emptied, and no other.
	before := held()
	if err := r.Prepare(t.Context(), &measure.Arm{Name: "cold", Starts: []measure.Start{{Image: app}}}); err != nil {
		t.Fatal(err)
	}
	if got, want := held(), [3]int{0, before[1], before[2]}; got != want || before[1] == 0 {
		t.Errorf("the nodes hold %v blobs, want %v", got, want)
	}
}

// TestRunnerLab: through a lab with a delay, from a registry of another name, and the
// kept image without the delay.
func TestRunnerLab(t *testing.T) {
	const delay = 30 * time.Millisecond
	f := newRegistry(t)
	base, top := sized(t, "base", 5000), sized(t, "top", 5000)
	app, parent := f.push(t, "app:1", base, top), f.push(t, "base:1", base)
	l, err := lab.New(context.Background(), f, lab.Options{Nodes: 2, Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := runnerFor(t, f, Options{Lab: l, Nodes: 2, Served: []string{"mirror.example.com"}, Host: HostOptions{Aliases: map[string]string{testHost: "mirror.example.com"}}})
	arm := &measure.Arm{
		Name: "partial", Starts: []measure.Start{{Image: app}, {Image: app, Node: 1}}, Keep: []string{parent},
		Link: &measure.Link{Rate: network.Unlimited, Delay: delay},
	}
	if s := r.Settings(arm); !strings.Contains(s, `"tokenRequests":0`) || !strings.Contains(s, `"connectRoundTrips":1`) {
		t.Errorf("the lab's registry has neither TLS nor logins, but the settings are %s", s)
	}
	for _, s := range run(t, r, arm) {
		// HEAD, manifest, config and a layer are a round trip each.
		if s.Void != "" || s.Hit != matcher.PartialHit || s.FetchedBytes != int64(len(top.blob)) || s.Ready < 4*delay {
			t.Errorf("%+v", s)
		}
	}
	if nodes := map[int]bool{}; true {
		for _, q := range l.Requests() {
			nodes[q.Node] = true
		}
		if !nodes[0] || !nodes[1] {
			t.Errorf("the lab saw requests of the nodes %v", nodes)
		}
	}
}

// TestSilentReuse: content that was left over is removed before a run, and what comes
// up after that makes the run void.
func TestSilentReuse(t *testing.T) {
	f := newRegistry(t)
	base, top := sized(t, "base", 5000), sized(t, "top", 5000)
	app := f.push(t, "app:1", base, top)
	arm := &measure.Arm{Name: "cold", Starts: []measure.Start{{Image: app}}}
	r := runnerFor(t, f, Options{})
	h := r.hosts[0]
	leave := func() {
		if err := os.WriteFile(h.content.path(sha(base.blob)), base.blob, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	leave()
	if s := run(t, r, arm)[0]; s.Void != "" || s.FetchedBytes != int64(len(base.blob)+len(top.blob)) {
		t.Errorf("what was there before Prepare is not removed: %+v", s)
	}
	if err := r.Prepare(context.Background(), arm); err != nil {
		t.Fatal(err)
	}
	leave()
	startups, err := r.Run(context.Background(), arm)
	if err != nil || !strings.Contains(startups[0].Void, string(sha(base.blob))) {
		t.Errorf("a blob that was silently reused: void %q, %v", startups[0].Void, err)
	}
	if err := r.Prepare(context.Background(), arm); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(h.snapshots.path(sha(base.tar)), 0o755); err != nil { // the base's chainID is its diffID
		t.Fatal(err)
	}
	startups, err = r.Run(context.Background(), arm)
	if err != nil || !strings.Contains(startups[0].Void, string(sha(base.tar))) {
		t.Errorf("a layer that was silently reused: void %q, %v", startups[0].Void, err)
	}
	// Two starts of one image share what they fetch, and that is no fault.
	arm.Starts = append(arm.Starts, arm.Starts[0])
	for _, s := range run(t, r, arm) {
		if s.Void != "" {
			t.Error(s.Void)
		}
	}
}

// TestKeepRecompressed: two images have the same layers in other compressions. What
// one left behind is not taken for the other's, and both can be kept together.
func TestKeepRecompressed(t *testing.T) {
	f := newRegistry(t)
	gzip, top := sized(t, "same", 5000), sized(t, "top", 1000)
	zstd := testLayer{gzip.tar, zstded(t, gzip.tar), v1.MediaTypeImageLayerZstd}
	one, two := f.push(t, "gzip:1", gzip), f.push(t, "zstd:1", zstd)
	// Above another base the layer's chain is new, so that its blob is looked for.
	above := f.push(t, "above:1", top, zstd)
	r := runnerFor(t, f, Options{})
	for i, keep := range [][]string{{one}, {two}, {one}, {one, two}, {two, one}, {one, two}, {two}} {
		arm := &measure.Arm{Name: "kept", Starts: []measure.Start{{Image: two}, {Image: one}}, Keep: keep}
		for _, s := range run(t, r, arm) {
			if s.Void != "" || s.Hit != matcher.FullHit || s.FetchedBytes != 0 || s.UnpackedBytes != 0 {
				t.Errorf("%d: with %v kept: %+v", i, keep, s)
			}
		}
	}
	// What a start finds depends on what is kept, not on what was kept before it.
	for _, before := range []string{one, two} {
		run(t, r, &measure.Arm{Name: "before", Starts: []measure.Start{{Image: one}}, Keep: []string{before}})
		s := run(t, r, &measure.Arm{Name: "above", Starts: []measure.Start{{Image: above}}, Keep: []string{two}})[0]
		if s.Void != "" || s.FetchedBytes != int64(len(top.blob)) {
			t.Errorf("after %s: %d bytes fetched, want %d of the layer below alone (void %q)", before, s.FetchedBytes, len(top.blob), s.Void)
		}
	}
}

// TestDoubts: what could not be made of a layer is told once for each layer, whichever
// run unpacked it.
func TestDoubts(t *testing.T) {
	f := newRegistry(t)
	lost := layerOf(t, hardlink("a", "nothing"), hardlink("b", "nothing"))
	other := layerOf(t, file("x", "x"), hardlink("c", "nothing"))
	app, second := f.push(t, "app:1", lost), f.push(t, "second:1", lost, other)
	r := runnerFor(t, f, Options{Nodes: 2})
	if doubts := r.Doubts(); len(doubts) > 0 {
		t.Errorf("before any run: %q", doubts)
	}
	cold := &measure.Arm{Name: "cold", Starts: []measure.Start{{Image: app}, {Image: app, Node: 1}}}
	present := &measure.Arm{Name: "present", Starts: cold.Starts, Keep: []string{app}}
	for _, arm := range []*measure.Arm{cold, present, cold, present} {
		run(t, r, arm)
	}
	links := "2 hard links to nothing left out"
	if os.Geteuid() != 0 {
		t.Log("as another user owners are told of too")
	}
	if doubts := r.Doubts(); len(doubts) != 1 || !strings.Contains(doubts[0], links) {
		t.Errorf("the doubts are %q, want %s", doubts, links)
	}
	// That of an image that is only kept counts as well.
	run(t, r, &measure.Arm{Name: "kept", Starts: cold.Starts, Keep: []string{second}})
	if doubts := r.Doubts(); !slices.ContainsFunc(doubts, func(d string) bool { return strings.Contains(d, "3 hard links to nothing left out") }) {
		t.Errorf("the doubts are %q", doubts)
	}
}

// TestVoidStart: a start that fails is void, the others count; a cancelled run is an
// error.
func TestVoidStart(t *testing.T) {
	f := newRegistry(t)
	good, bad := f.push(t, "good:1", sized(t, "g", 1000)), f.push(t, "bad:1", sized(t, "b", 1000))
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/bad/blobs/") {
			http.Error(w, "no", http.StatusForbidden)
			return true
		}
		return false
	}
	inv := &layers.Inventory{Images: []layers.Image{{Reference: good, Platform: layers.DefaultPlatform, Digest: sha(nil)}}}
	r := runnerFor(t, f, Options{Inventory: inv})
	arm := &measure.Arm{Name: "cold", Starts: []measure.Start{{Image: good}, {Image: bad}}}
	startups := run(t, r, arm)
	if !strings.Contains(startups[0].Void, "the inventory has") || !strings.Contains(startups[1].Void, "403") && !strings.Contains(startups[1].Void, "denies") {
		t.Errorf("void are %q and %q", startups[0].Void, startups[1].Void)
	}
	inv.Images = nil
	if startups = run(t, r, arm); startups[0].Void != "" {
		t.Error(startups[0].Void)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Run(ctx, arm); err == nil {
		t.Error("a cancelled run is no error")
	}
}

// TestSettings: what the runner says of itself can be read as a profile.
func TestSettings(t *testing.T) {
	r := runnerFor(t, newRegistry(t), Options{Host: HostOptions{Decoder: "go-std"}})
	var settings map[string]any
	if err := json.Unmarshal([]byte(r.Settings(&measure.Arm{Starts: []measure.Start{{Image: "a"}}})), &settings); err != nil {
		t.Fatal(err)
	}
	settings["apiVersion"], settings["kind"], settings["name"] = "cachebench/v1", simulate.ProfileKind, "here"
	text, _ := json.Marshal(settings)
	p, err := simulate.ReadProfile("settings", text)
	if err != nil {
		t.Fatal(err)
	}
	if _, told := settings["network"]; told {
		t.Errorf("of registries elsewhere nothing is known, but the settings are %v", settings)
	}
	if p.Unpack.Decoder.Value != "go-std" || p.Pull.RequestOrder.Value != "race" || p.Pull.DownloadScope.Value != "daemon" || !p.Pull.KeepBlobs.Value {
		t.Errorf("the profile is %+v, %+v", p.Pull, p.Unpack)
	}
	facts, err := r.Facts(context.Background())
	if err != nil || len(facts) < 3 || r.Tool() != "pull" || len(r.Processes()) > 0 {
		t.Errorf("facts %v, %v", facts, err)
	}
}
