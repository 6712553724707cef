//go:build linux

package containerd

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	containerd "github.com/containerd/containerd/v2/client"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

// spansOf are the spans of a phase that name a layer.
func spansOf(u *simulate.Startup, phase simulate.Phase) (list []simulate.Span) {
	for _, s := range u.Spans {
		if s.Phase == phase && s.Layer != "" {
			list = append(list, s)
		}
	}
	return list
}

// checkPull compares a startup with what the image is known to be made of: the layers
// that were missing, base first.
func checkPull(t *testing.T, b *bench, u *simulate.Startup, missing []int, reused int) {
	t.Helper()
	if u.Void != "" {
		t.Fatalf("void: %s", u.Void)
	}
	compressed, unpacked := b.size(t, missing...)
	if u.FetchedBytes != compressed || u.UnpackedBytes != unpacked || u.LayersReused != reused {
		t.Errorf("fetched %d, unpacked %d, reused %d; want %d, %d, %d", u.FetchedBytes, u.UnpackedBytes, u.LayersReused, compressed, unpacked, reused)
	}
	fetches, unpacks := spansOf(u, simulate.Fetch), spansOf(u, simulate.Unpack)
	if len(fetches) != len(missing) || len(unpacks) != len(missing) {
		t.Fatalf("%d fetches and %d unpacks of %d layers: %v", len(fetches), len(unpacks), len(missing), u.Spans)
	}
	var before time.Duration
	for i, layer := range missing {
		d := b.digest(t, layer)
		c, n := b.size(t, layer)
		unpack := unpacks[i] // sorted by time: the base is first
		at := slices.IndexFunc(fetches, func(s simulate.Span) bool { return s.Layer == d })
		if unpack.Layer != d || at < 0 {
			t.Fatalf("layer %d: unpack %v, fetches %v", i, unpack, fetches)
		}
		if fetches[at].Bytes != c || unpack.Bytes != n {
			t.Errorf("layer %d: %d bytes fetched, %d unpacked; want %d, %d", i, fetches[at].Bytes, unpack.Bytes, c, n)
		}
		if unpack.Start < fetches[at].End || unpack.Start < before {
			t.Errorf("layer %d was unpacked from %v on, before its blob was there at %v or the layer below at %v", i, unpack.Start, fetches[at].End, before)
		}
		before = unpack.End
	}
	checkTimes(t, u)
}

// checkTimes: every instant is accounted for, and each span is within the start.
func checkTimes(t *testing.T, u *simulate.Startup) {
	t.Helper()
	var sum time.Duration
	for _, p := range simulate.AllPhases() {
		d, _ := u.Phases.Of(p)
		sum += d
	}
	if sum != u.Ready {
		t.Errorf("phases are %v together, ready after %v", sum, u.Ready)
	}
	for _, s := range u.Spans {
		if s.Start < 0 || s.End < s.Start || s.End > u.Ready {
			t.Errorf("span %v of a start that took %v", s, u.Ready)
		}
	}
}

// createSteps counts what came after the pull.
func createSteps(u *simulate.Startup) (n int) {
	for _, s := range u.Spans {
		if s.Phase == simulate.Create {
			n++
		}
	}
	return n
}

func TestColdPartialFull(t *testing.T) {
	b := newBench(t)
	r := b.newRunner(t, Options{})
	start := []measure.Start{{Image: web}}
	link := &measure.Link{Rate: 50e6}
	cold := &measure.Arm{Name: "cold", Starts: start, Link: link}
	partial := &measure.Arm{Name: "partial", Starts: start, Link: link, Keep: []string{base}}
	full := &measure.Arm{Name: "full", Starts: start, Keep: []string{web}}
	pullOnly := &measure.Arm{Name: "pull only", Starts: []measure.Start{{Image: web, PullOnly: true}}, Keep: []string{api}}
	for _, run := range []struct {
		arm     *measure.Arm
		missing []int
		reused  int
		creates int
	}{
		{cold, []int{0, 1, 2}, 0, 3}, {partial, []int{1, 2}, 1, 3}, {full, nil, 3, 3},
		{cold, []int{0, 1, 2}, 0, 3}, {full, nil, 3, 3}, {partial, []int{1, 2}, 1, 3}, {pullOnly, []int{1, 2}, 1, 0},
	} {
		t.Run(run.arm.Name, func(t *testing.T) {
			if err := r.Prepare(t.Context(), run.arm); err != nil {
				t.Fatal(err)
			}
			b.asked()
			list, err := r.Run(t.Context(), run.arm)
			if err != nil {
				t.Fatal(err)
			}
			checkPull(t, b, &list[0], run.missing, run.reused)
			if n := createSteps(&list[0]); n != run.creates {
				t.Errorf("%d create spans, want %d: %v", n, run.creates, list[0].Spans)
			}
			if p := list[0].Phases; p.Admit != nil || p.Provision != nil || p.Attach != nil || (p.Create != nil) != (run.creates > 0) || (p.Ready != nil) != (run.creates > 0) || p.Resolve == nil {
				t.Errorf("phases that did not take place have a value, or others none: %+v", p)
			}
			// The registry's own count of what it sent.
			asked := b.asked()
			for i := range 3 {
				if want := slices.Contains(run.missing, i); (asked[string(b.digest(t, i))] == 1) != want {
					t.Errorf("layer %d was asked for %d times", i, asked[string(b.digest(t, i))])
				}
			}
		})
	}
}

// TestDelays: half a second that the registry takes with the base layer is in its
// fetch, half a second that the decoder takes with the last layer in its unpacking,
// and neither is anywhere else.
func TestDelays(t *testing.T) {
	const delay = 500 * time.Millisecond
	b := newBench(t)
	slow := slowDecoder(t, 3)
	r := b.newRunner(t, Options{})
	arm := &measure.Arm{Name: "delays", Starts: []measure.Start{{Image: web, PullOnly: true}}}
	first, last := b.digest(t, 0), b.digest(t, 2)

	b.delayed, b.delay = first, delay
	someRun(t, r, arm, func(u *simulate.Startup) string { return only(u, simulate.Fetch, first, delay) })
	b.delay = 0
	someRun(t, r, arm, func(u *simulate.Startup) string { slow(); return "" }) // to have it begin at the base
	if err := os.WriteFile(filepath.Join(os.Getenv("SLOW_DECODER"), "delay"), []byte("0.5"), 0o600); err != nil {
		t.Fatal(err)
	}
	someRun(t, r, arm, func(u *simulate.Startup) string { defer slow(); return only(u, simulate.Unpack, last, delay) })
}

// someRun repeats a run, since a machine may be busy for as long as the delay, until
// one shows what is wanted.
func someRun(t *testing.T, r *Runner, arm *measure.Arm, wrong func(u *simulate.Startup) string) {
	t.Helper()
	var why string
	for range 8 {
		list := once(t, r, arm)
		if list[0].Void != "" {
			t.Fatal(list[0].Void)
		}
		if why = wrong(&list[0]); why == "" {
			return
		}
		if strings.HasPrefix(why, "never") {
			break
		}
	}
	t.Error(why)
}

// only says what else than one layer's span is as long as the delay. That this one
// is not is never right.
func only(u *simulate.Startup, phase simulate.Phase, layer layers.Digest, delay time.Duration) string {
	for _, s := range u.Spans {
		is := s.Phase == phase && s.Layer == layer
		took := s.End - s.Start
		switch {
		case is && took < delay:
			return "never: the delayed span took " + took.String()
		case !is && took >= delay:
			return "another span took " + took.String() + ": " + string(s.Phase) + " " + string(s.Layer)
		}
	}
	for _, p := range simulate.AllPhases() {
		took, _ := u.Phases.Of(p)
		switch {
		case p == phase && took < delay:
			return "never: the phase took " + took.String()
		case p != phase && took >= delay:
			return string(p) + " took " + took.String()
		}
	}
	return ""
}

// slowDecoder puts an igzip on PATH, and an unpigz for containerd 1, that sleeps with the n-th layer of a pull, once
// it is told how long. The function returned begins the count anew.
func slowDecoder(t *testing.T, n int) (reset func()) {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\n" +
		"echo >> " + dir + "/count\n" +
		"if [ $(wc -l < " + dir + "/count) = " + strconv.Itoa(n) + " ]; then sleep $(cat " + dir + "/delay); fi\n" +
		"exec gzip -dc\n"
	for name, text := range map[string]string{"igzip": script, "unpigz": script, "delay": "0"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("SLOW_DECODER", dir)
	return func() { os.Remove(filepath.Join(dir, "count")) }
}

// TestSilentReuse: content that came to the node behind the runner's back shows in
// the figures, from which a run is found void.
func TestSilentReuse(t *testing.T) {
	b := newBench(t)
	r := b.newRunner(t, Options{})
	arm := &measure.Arm{Name: "cold", Starts: []measure.Start{{Image: web, PullOnly: true}}}
	if err := r.Prepare(t.Context(), arm); err != nil {
		t.Fatal(err)
	}
	n := r.nodes[0]
	if err := n.pull(n.ctx(t.Context()), base, 0); err != nil {
		t.Fatal(err)
	}
	list, err := r.Run(t.Context(), arm)
	if err != nil {
		t.Fatal(err)
	}
	checkPull(t, b, &list[0], []int{1, 2}, 1)
}

// saboteur has the node hold content that was to be absent.
type saboteur struct{ *Runner }

func (s saboteur) Prepare(ctx context.Context, arm *measure.Arm) error {
	if err := s.Runner.Prepare(ctx, arm); err != nil {
		return err
	}
	n := s.nodes[0]
	return n.pull(n.ctx(ctx), base, 0)
}

// TestProtocol: the protocol takes what the runner tells, and finds a run void that
// silently reused content.
func TestProtocol(t *testing.T) {
	b := newBench(t)
	r := b.newRunner(t, Options{})
	none := 0
	exp := &measure.Experiment{Warmup: &none, Repeats: 1, Arms: []measure.Arm{
		{Name: "cold", Starts: []measure.Start{{Image: web}, {Image: api}}, Link: &measure.Link{Rate: 30e6, Delay: 2 * time.Millisecond}},
		{Name: "partial", Starts: []measure.Start{{Image: web, PullOnly: true}}, Keep: []string{base}},
	}}
	voids := func(runner measure.Runner) (voids []string) {
		timeline, err := measure.Run(t.Context(), exp, b.inventory, runner, measure.Options{Retries: -1})
		if err != nil && !errors.Is(err, measure.ErrNothingCounts) {
			t.Fatal(err)
		}
		for _, run := range timeline.Measurement.Runs {
			if run.Void != "" {
				voids = append(voids, run.Arm+": "+run.Void)
			}
		}
		return voids
	}
	if v := voids(r); len(v) > 0 {
		t.Errorf("void: %q", v)
	}
	if v := voids(saboteur{r}); len(v) != 1 || !strings.HasPrefix(v[0], "cold: ") || !strings.Contains(v[0], "silently reused content") {
		t.Errorf("content was reused silently, and void are %q", v)
	}
}

// TestSilentBlobs: the same with a blob alone, that is not unpacked.
func TestSilentBlobs(t *testing.T) {
	b := newBench(t)
	r := b.newRunner(t, Options{})
	arm := &measure.Arm{Name: "cold", Starts: []measure.Start{{Image: web, PullOnly: true}}}
	if err := r.Prepare(t.Context(), arm); err != nil {
		t.Fatal(err)
	}
	n := r.nodes[0]
	ctx := n.ctx(t.Context())
	if _, err := n.client.Fetch(ctx, base, containerd.WithResolver(n.resolver(ctx))); err != nil {
		t.Fatal(err)
	}
	list, err := r.Run(t.Context(), arm)
	if err != nil {
		t.Fatal(err)
	}
	fetched, _ := b.size(t, 1, 2)
	_, unpacked := b.size(t, 0, 1, 2)
	if u := list[0]; u.FetchedBytes != fetched || u.UnpackedBytes != unpacked || u.LayersReused != 0 {
		t.Errorf("fetched %d, unpacked %d, reused %d; want %d, %d, 0", u.FetchedBytes, u.UnpackedBytes, u.LayersReused, fetched, unpacked)
	}
}

// TestConcurrentPulls: on one node two images share their base, which is fetched
// and unpacked once; another node has its own.
func TestConcurrentPulls(t *testing.T) {
	b := newBench(t)
	r := b.newRunner(t, Options{Nodes: 2})
	arm := &measure.Arm{Name: "many", Link: &measure.Link{Rate: 20e6}, Starts: []measure.Start{{Image: web}, {Image: api}, {Image: web, Node: 1}, {Image: web}}}
	for range 3 {
		if err := r.Prepare(t.Context(), arm); err != nil {
			t.Fatal(err)
		}
		b.asked()
		list, err := r.Run(t.Context(), arm)
		if err != nil {
			t.Fatal(err)
		}
		checkPull(t, b, &list[2], []int{0, 1, 2}, 0)
		var fetched, unpacked int64
		unpacks := map[layers.Digest]int{}
		for _, i := range []int{0, 1, 3} {
			u := &list[i]
			if u.Void != "" || u.LayersReused != 0 {
				t.Errorf("start %d: reused %d, void %q", i, u.LayersReused, u.Void)
			}
			checkTimes(t, u)
			fetched, unpacked = fetched+u.FetchedBytes, unpacked+u.UnpackedBytes
			for _, s := range spansOf(u, simulate.Unpack) {
				unpacks[s.Layer]++
			}
		}
		wantFetched, wantUnpacked := b.size(t, 0, 1, 2, 3)
		if fetched != wantFetched || unpacked != wantUnpacked {
			t.Errorf("node 0 fetched %d and unpacked %d, want %d and %d", fetched, unpacked, wantFetched, wantUnpacked)
		}
		asked := b.asked()
		for i, times := range []int{2, 2, 2, 1} { // by both nodes, api by one
			d := b.digest(t, i)
			if asked[string(d)] != times || unpacks[d] != 1 {
				t.Errorf("layer %d was asked for %d times and unpacked %d times on node 0", i, asked[string(d)], unpacks[d])
			}
		}
	}
}

// TestUnpacksAtOnce: with several unpacks at once the daemon is another one, and
// layers are unpacked before those below.
func TestUnpacksAtOnce(t *testing.T) {
	b := newBench(t)
	r := b.newRunner(t, Options{})
	if !r.nodes[0].version.atLeast(2, 2) {
		t.Skipf("containerd %s does not unpack layers of an image at once; 2.2 does", r.nodes[0].version)
	}
	before := r.Processes()
	arm := &measure.Arm{Name: "three", MaxConcurrentUnpacks: 3, MaxConcurrentDownloads: 2, Starts: []measure.Start{{Image: web, PullOnly: true}}}
	u := once(t, r, arm)[0]
	if slices.Equal(before, r.Processes()) {
		t.Error("the daemon was not started anew for other limits")
	}
	fetched, unpacked := b.size(t, 0, 1, 2)
	if u.FetchedBytes != fetched || u.UnpackedBytes != unpacked || u.Void != "" {
		t.Errorf("fetched %d, unpacked %d, void %q; want %d, %d", u.FetchedBytes, u.UnpackedBytes, u.Void, fetched, unpacked)
	}
	checkTimes(t, &u)
	for _, s := range spansOf(&u, simulate.Unpack) {
		for _, f := range spansOf(&u, simulate.Fetch) {
			if f.Layer == s.Layer && s.Start < f.End-time.Millisecond {
				t.Errorf("layer %s was unpacked at %v, before its blob was there at %v", s.Layer, s.Start, f.End)
			}
		}
	}
}

// TestFailedRestart: a node whose daemon did not come up with other limits does not
// pass for one that serves, and holds up no arm that does without it.
func TestFailedRestart(t *testing.T) {
	b := newBench(t)
	r := b.newRunner(t, Options{Nodes: 2})
	if r.nodes[0].method != MethodTransfer {
		t.Skipf("containerd %s is not started anew for other limits, since pulls go by its client", r.nodes[0].version)
	}
	arm := func(downloads int, nodes ...int) *measure.Arm {
		a := &measure.Arm{Name: strconv.Itoa(downloads), MaxConcurrentDownloads: downloads}
		for _, n := range nodes {
			a.Starts = append(a.Starts, measure.Start{Image: web, PullOnly: true, Node: n})
		}
		return a
	}
	// The daemon starts, and what comes after that fails.
	r.opt.Namespace = "no namespace's name"
	for range 2 {
		if err := r.Prepare(t.Context(), arm(1, 0)); err == nil || !strings.Contains(err.Error(), "namespace's name") {
			t.Errorf("preparing: %v", err)
		}
		if list, err := r.Run(t.Context(), arm(1, 0)); err == nil {
			t.Errorf("a run without a daemon: %v", list)
		}
	}
	r.opt.Namespace = "cachebench"
	if u := once(t, r, arm(1, 0))[0]; u.Void != "" {
		t.Error(u.Void)
	}
	// The other node's daemon does not even start.
	binary := r.program.binary
	r.program.binary = "/nonexistent/containerd"
	if err := r.Prepare(t.Context(), arm(2, 1)); err == nil || !strings.Contains(err.Error(), "node 1") {
		t.Errorf("preparing: %v", err)
	}
	if u := once(t, r, arm(1, 0))[0]; u.Void != "" {
		t.Error(u.Void)
	}
	r.program.binary = binary
	for _, u := range once(t, r, arm(1, 0, 1)) {
		if u.Void != "" {
			t.Error(u.Void)
		}
	}
}

// TestMethods: a pull by this program's client tells the same as one by the daemon,
// and both keep to a limit of downloads.
func TestMethods(t *testing.T) {
	for _, method := range []string{MethodClient, MethodTransfer} {
		t.Run(method, func(t *testing.T) {
			b := newBench(t)
			r := b.newRunner(t, Options{Method: MethodClient})
			if method == MethodTransfer {
				if !r.nodes[0].version.atLeast(2, 1) {
					t.Skipf("containerd %s: pulls go through the transfer service since 2.1", r.nodes[0].version)
				}
				r = b.newRunner(t, Options{Method: method})
			}
			b.delayed, b.delay = all, 200*time.Millisecond
			arm := &measure.Arm{Name: "cold", MaxConcurrentDownloads: 1, Starts: []measure.Start{{Image: web, PullOnly: true}}}
			u := once(t, r, arm)[0]
			checkPull(t, b, &u, []int{0, 1, 2}, 0)
			if n := b.atOnce(); n != 1 {
				t.Errorf("%d downloads at once where 1 was allowed", n)
			}
			arm.MaxConcurrentDownloads = 0
			someRun(t, r, arm, func(*simulate.Startup) string {
				if n := b.atOnce(); n < 2 {
					return "layers are not downloaded at once without a limit"
				}
				return ""
			})
		})
	}
}

// TestSnapshotterMissing: a snapshotter that the daemon has not is refused before
// anything is pulled.
func TestSnapshotterMissing(t *testing.T) {
	opt := Options{Binary: daemonProgram(t), Snapshotter: "nosuch", Inventory: &layers.Inventory{}, Root: shortDir(t)}
	r, err := NewRunner(t.Context(), opt)
	if err == nil {
		r.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "containerd has no snapshotter nosuch: name one that it has (") || !strings.Contains(err.Error(), "native") {
		t.Errorf("got %v", err)
	}
}

// TestOtherPlatform: an image of another platform is pulled only, and that is told
// before it is pulled.
func TestOtherPlatform(t *testing.T) {
	other := map[string]string{"amd64": "linux/arm64", "arm64": "linux/amd64"}[runtime.GOARCH]
	if other == "" {
		t.Skip("no other platform is known of this one")
	}
	r := &Runner{opt: Options{Platform: other}}
	arm := &measure.Arm{Starts: []measure.Start{{Image: web, PullOnly: true}}}
	if err := r.runs(arm); err != nil {
		t.Errorf("to pull: %v", err)
	}
	arm.Starts = append(arm.Starts, measure.Start{Image: web})
	if err := r.runs(arm); err == nil || !strings.Contains(err.Error(), "images for "+other+" are not started on this host, which runs linux/"+runtime.GOARCH) {
		t.Errorf("to start: %v", err)
	}
	r.opt.Platform = "linux/" + runtime.GOARCH
	if err := r.runs(arm); err != nil {
		t.Errorf("of this host: %v", err)
	}
}
