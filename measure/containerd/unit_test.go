//go:build linux

package containerd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/mount"
	"github.com/google/go-cmp/cmp"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

// Lines of containerd 2.4.2's log as it pulled an image, 2026-11-29, shortened.
const logged = `{"host":"127.0.0.1:45753","level":"debug","method":"HEAD","msg":"do request","request.method":"HEAD","time":"2026-11-29T15:28:10.024495386Z","url":"http://127.0.0.1:45753/v2/shop/web/manifests/1.4.0?ns=registry.example.com"}
{"level":"info","msg":"nothing of interest \"do request\"","time":"2026-11-29T15:28:10Z"}
{"digest":"sha256:b72e","level":"debug","mediatype":"application/vnd.oci.image.layer.v1.tar+gzip","msg":"do request","request.method":"GET","size":2188692,"time":"2026-11-29T15:28:10.125166145Z","url":"http://127.0.0.1:45753/v2/shop/web/blobs/sha256:b72e?ns=registry.example.com"}
{"digest":"sha256:b72e","level":"debug","msg":"fetch response received","response.status":"200 OK","size":2188692,"time":"2026-11-29T15:28:10.126859473Z","url":"http://127.0.0.1:45753/v2/shop/web/blobs/sha256:b72e?ns=registry.example.com"}
{"d":1883632949,"digest":"sha256:59f8","level":"debug","media":"application/vnd.oci.image.layer.v1.tar+gzip","msg":"diff applied","size":55425619,"time":"2026-11-29T15:28:12.428026761Z"}
{"msg":"diff applied","d":"not a number"}
{"msg":"diff applied"
`

func TestReadLog(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339Nano, "2026-11-29T15:28:"+text+"Z")
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	want := daemonLog{
		requests: []request{{at: at("10.125166145"), repository: "shop/web", digest: "sha256:b72e"}},
		applied:  []applied{{digest: "sha256:59f8", begin: at("10.544393812"), end: at("12.428026761")}},
	}
	if diff := cmp.Diff(want, readLog([]byte(logged)), cmp.AllowUnexported(daemonLog{}, request{}, applied{})); diff != "" {
		t.Error(diff)
	}
}

func FuzzReadLog(f *testing.F) {
	f.Add([]byte(logged))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l := readLog(raw)
		for _, a := range l.applied {
			if a.end.Before(a.begin) {
				t.Errorf("applied from %v to %v", a.begin, a.end)
			}
		}
		if n := strings.Count(string(raw), "do request"); len(l.requests) > n {
			t.Errorf("%d requests of %d", len(l.requests), n)
		}
	})
}

func TestParseVersion(t *testing.T) {
	for out, want := range map[string]struct {
		text        string
		atLeast2_1  bool
		atLeast1_7  bool
		atLeast2_10 bool
	}{
		"containerd github.com/containerd/containerd/v2 2.4.2+unknown ":          {"2.4.2+unknown", true, true, false},
		"containerd github.com/containerd/containerd/v2 v2.1.0 abcdef":           {"2.1.0", true, true, false},
		"containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+b1": {"1.6.20~ds1", false, false, false},
		"containerd containerd.io 1.7.27 05044ec0a9a75232cad458027ca83437aae3f4": {"1.7.27", false, true, false},
	} {
		v, err := parseVersion(lastVersion(out))
		if err != nil || v.String() != want.text || v.atLeast(2, 1) != want.atLeast2_1 || v.atLeast(1, 7) != want.atLeast1_7 || v.atLeast(2, 10) != want.atLeast2_10 {
			t.Errorf("%q: %+v, %v", out, v, err)
		}
	}
	for _, text := range []string{"", "containerd", "2", "2.x", "99999.1.1"} {
		if v, err := parseVersion(text); err == nil {
			t.Errorf("%q is version %v", text, v)
		}
	}
}

func TestConfiguration(t *testing.T) {
	at := placesIn("/r/0")
	program := func(config int, snapshotter string) *program {
		return &program{version: version{major: 2, minor: 4}, config: config, snapshotter: snapshotter, platform: "linux/amd64"}
	}
	three := configuration(program(3, "overlayfs"), at, limits{downloads: 1})
	for _, want := range []string{"version = 3\n", "root = \"/r/0/data\"\n", "state = \"/r/0/state\"\n", "[grpc]\naddress = \"/r/0/c.sock\"\n", "max_concurrent_downloads = 1\n"} {
		if !strings.Contains(three, want) {
			t.Errorf("%q is not in\n%s", want, three)
		}
	}
	if strings.Contains(three, "unpacks") || strings.Contains(configuration(program(3, "overlayfs"), at, limits{}), "[plugins") {
		t.Error("defaults are written")
	}
	if btrfs := configuration(program(3, "btrfs"), at, limits{}); strings.Contains(btrfs, "v1.btrfs") || !strings.Contains(btrfs, "snapshotter = \"btrfs\"") {
		t.Errorf("btrfs is not in use:\n%s", btrfs)
	}
	// The form of the file does not decide about limits, the daemon's version does: 1.7
	// has a transfer service that pulls do not go by.
	two := program(2, "btrfs")
	if text := configuration(two, at, limits{downloads: 1, unpacks: 2}); !strings.HasPrefix(text, "version = 2\n") || !strings.Contains(text, "max_concurrent_unpacks = 2\n") || !strings.Contains(text, "snapshotter = \"btrfs\"") {
		t.Errorf("a file of version 2 lacks what is set:\n%s", text)
	}
	two.version = version{major: 1, minor: 7}
	if text := configuration(two, at, limits{}); strings.Contains(text, "transfer") {
		t.Errorf("containerd 1.7 pulls by its client:\n%s", text)
	}
}

// TestOldVersions: what a version cannot do is refused rather than recorded as done.
func TestOldVersions(t *testing.T) {
	for _, c := range []struct {
		version string
		method  string
		unpacks int
		bad     bool
	}{
		{"2.4.2", MethodTransfer, 3, false}, {"2.2.0", MethodTransfer, 3, false}, {"2.1.5", MethodTransfer, 3, true}, {"2.0.2", MethodTransfer, 2, true},
		{"2.1.5", MethodTransfer, 1, false}, {"2.4.2", MethodClient, 2, true}, {"1.7.27", MethodClient, 0, false},
	} {
		v, err := parseVersion(c.version)
		if err != nil {
			t.Fatal(err)
		}
		r := &Runner{nodes: []*node{{version: v, method: c.method}}}
		if err := r.possible(&measure.Arm{Name: "x", MaxConcurrentUnpacks: c.unpacks}); (err != nil) != c.bad {
			t.Errorf("%d unpacks at once on %s by %s: %v", c.unpacks, c.version, c.method, err)
		}
	}
	old := &node{version: version{major: 1, minor: 7}, runner: &Runner{opt: Options{Method: MethodTransfer}}}
	if method, err := old.chooseMethod(t.Context()); err == nil {
		t.Errorf("containerd 1.7 pulls by %s, which cannot be told of registries", method)
	}
}

// TestChooseDecoder: what the environment disables is not taken, unless it is asked
// for by name.
func TestChooseDecoder(t *testing.T) {
	bin := t.TempDir()
	for _, name := range []string{"igzip", "unpigz"} {
		if err := os.WriteFile(filepath.Join(bin, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
	for _, c := range []struct{ igzip, pigz, forced, want string }{
		{"", "", "", "igzip"}, {"1", "", "", "pigz"}, {"true", "1", "", "go"}, {"", "1", "", "igzip"}, {"no bool", "", "", "igzip"},
		{"1", "1", "igzip", "igzip"}, {"1", "1", "pigz", "pigz"}, {"", "", "go", "go"}, {"", "", "go-std", "go"},
	} {
		t.Setenv("CONTAINERD_DISABLE_IGZIP", c.igzip)
		t.Setenv("CONTAINERD_DISABLE_PIGZ", c.pigz)
		p := &program{version: version{major: 2, minor: 4}}
		if err := p.chooseDecoder(t.Context(), c.forced); err != nil || p.decoder.Name != c.want {
			t.Errorf("%+v: %s, %v", c, p.decoder.Name, err)
		}
		env := p.environment()
		if got, want := slices.Contains(env, "CONTAINERD_DISABLE_IGZIP=1"), c.want != "igzip"; got != want {
			t.Errorf("%+v: the daemon is kept from igzip: %v", c, got)
		}
	}
}

// TestDecoderFact: the version of the program that inflates is told with it.
func TestDecoderFact(t *testing.T) {
	for want, p := range map[string]*program{
		"unknown: the daemon's own": nil, "go": {decoder: measure.Decoder{Name: decoderGo}},
		"igzip (igzip 2.31)": {decoder: measure.Decoder{Name: decoderIgzip, Path: "/bin/igzip", Version: "igzip 2.31"}},
	} {
		if got := (&Runner{program: p}).decoder(); got != want {
			t.Errorf("told as %q, want %q", got, want)
		}
	}
}

// TestEstimates: a size that was not measured is not told as one that was.
func TestEstimates(t *testing.T) {
	size := int64(1000)
	inv := &layers.Inventory{Images: []layers.Image{{Reference: web, Platform: "linux/amd64", Layers: []int{0, 1, 2}}}, Layers: []layers.Layer{
		{UnpackedBytes: &size, UnpackedSource: layers.Measured}, {UnpackedBytes: &size, UnpackedSource: "ratio"}, {},
	}}
	r := &Runner{opt: Options{Inventory: inv, Platform: "linux/amd64"}}
	if err := r.know(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int64{1000, 0, 0} {
		if got := r.images[web].layers[i].unpacked; got != want {
			t.Errorf("layer %d: %d bytes, want %d", i, got, want)
		}
	}
}

// TestIngests: a layer's request is after the last look at which nothing of it was
// there; before that it waited, which is no fetching.
func TestIngests(t *testing.T) {
	origin := time.Unix(1000, 0)
	ms := func(n int) time.Time { return origin.Add(time.Duration(n) * time.Millisecond) }
	status := func(d string, opened int, offset int64) content.Status {
		return content.Status{Ref: "layer-sha256:" + d, StartedAt: ms(opened), Offset: offset}
	}
	seen := ingests{}
	for _, look := range []struct {
		at       int
		statuses []content.Status
	}{
		{100, []content.Status{status("a", 98, 0), status("b", 99, 0), {Ref: "other"}}},
		{103, []content.Status{status("a", 98, 5), status("b", 99, 0)}},
		{106, []content.Status{status("a", 98, 10), status("b", 99, 0), status("c", 104, 7)}},
		{109, []content.Status{status("b", 99, 1)}},
	} {
		for _, s := range look.statuses {
			seen.see(ms(look.at), s)
		}
	}
	want := ingests{
		"sha256:a": {digest: "sha256:a", opened: ms(98), at: ms(100)},
		"sha256:b": {digest: "sha256:b", opened: ms(99), at: ms(106)},
		"sha256:c": {digest: "sha256:c", opened: ms(104), at: ms(104)},
	}
	if diff := cmp.Diff(want, seen, cmp.AllowUnexported(request{})); diff != "" {
		t.Error(diff)
	}
	e := &evidence{
		requests: []request{seen["sha256:b"]}, unseen: true,
		stored:    map[layers.Digest]time.Time{"sha256:b": ms(200)},
		committed: map[layers.Digest]time.Time{"c": ms(300)},
	}
	s := &started{start: &measure.Start{Image: "x", PullOnly: true}, image: &pulledImage{layers: []pulledLayer{{digest: "sha256:b", chain: "c", compressedBytes: 10}}}, begun: ms(90), pulled: ms(300), ready: ms(300)}
	u := e.startups(ms(90), []*started{s})[0]
	spans := []simulate.Span{
		{Phase: simulate.Resolve, Image: "x", End: 9e6},
		{Phase: simulate.WaitSlot, Image: "x", Layer: "sha256:b", Start: 9e6, End: 16e6},
		{Phase: simulate.Fetch, Image: "x", Layer: "sha256:b", Start: 16e6, End: 110e6, Bytes: 10},
		{Phase: simulate.Unpack, Image: "x", Layer: "sha256:b", Start: 110e6, End: 210e6},
	}
	if diff := cmp.Diff(spans, u.Spans); diff != "" {
		t.Error(diff)
	}
	checkTimes(t, &u)
}

// TestBlended: where a daemon unpacks layers at once and its log is not read, they
// have no times of their own.
func TestBlended(t *testing.T) {
	origin := time.Unix(1000, 0)
	ms := func(n int) time.Time { return origin.Add(time.Duration(n) * time.Millisecond) }
	image := &pulledImage{name: "one", repository: "one", layers: []pulledLayer{
		{digest: "d1", chain: "c1", compressedBytes: 1, unpacked: 10}, {digest: "d2", chain: "c2", compressedBytes: 2, unpacked: 20}, {digest: "d3", chain: "c3", compressedBytes: 4, unpacked: 40},
	}}
	s := &started{start: &measure.Start{Image: "one", PullOnly: true}, image: image, begun: ms(0), pulled: ms(510), ready: ms(510)}
	e := &evidence{
		requests:  []request{{at: ms(20), repository: "one", digest: "d1"}, {at: ms(20), repository: "one", digest: "d2"}, {at: ms(20), repository: "one", digest: "d3"}},
		stored:    map[layers.Digest]time.Time{"d1": ms(200), "d2": ms(100), "d3": ms(300)},
		prepared:  map[layers.Digest]time.Time{"c1": ms(19), "c2": ms(401), "c3": ms(451)},
		committed: map[layers.Digest]time.Time{"c1": ms(400), "c2": ms(450), "c3": ms(500)},
	}
	list := []*started{s}
	if e.atOnce(list) {
		t.Error("layers one after another are taken for layers at once")
	}
	if u := e.startups(origin, list)[0]; len(spansOf(&u, simulate.Unpack)) != 3 {
		t.Errorf("%v", u.Spans)
	}
	e.prepared["c2"] = ms(21)
	if e.blended = e.atOnce(list); !e.blended {
		t.Error("layers at once are not seen")
	}
	u := e.startups(origin, list)[0]
	var unpacks []simulate.Span
	for _, s := range u.Spans {
		if s.Phase == simulate.Unpack {
			unpacks = append(unpacks, s)
		}
	}
	want := []simulate.Span{
		{Phase: simulate.Unpack, Image: "one", Start: 100e6, End: 500e6, Bytes: 70},
		{Phase: simulate.Unpack, Image: "one", Start: 500e6, End: 510e6},
	}
	if diff := cmp.Diff(want, unpacks); diff != "" {
		t.Error(diff)
	}
	if u.UnpackedBytes != 70 {
		t.Errorf("%d bytes were unpacked", u.UnpackedBytes)
	}
	checkTimes(t, &u)
}

// TestLatest: also of times that have no clock, or a monotonic one.
func TestLatest(t *testing.T) {
	now := time.Now()
	later := now.Round(0).Add(time.Millisecond)
	if got := latest(time.Time{}, later, now); !got.Equal(later) {
		t.Errorf("%v, want %v", got, later)
	}
	if got := latest(time.Time{}, time.Time{}); !got.IsZero() {
		t.Errorf("%v of none", got)
	}
}

const mountInfo = `24 30 0:22 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu
25 30 0:23 / /run/a\040b rw - tmpfs tmpfs rw
26 30 0:24 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
nonsense
27 - x
`

func TestParseMountInfo(t *testing.T) {
	cgroups := parseMountInfo(mountInfo, func(fs string) bool { return strings.HasPrefix(fs, "cgroup") })
	if want := []string{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/unified"}; !slices.Equal(cgroups, want) {
		t.Errorf("%q, want %q", cgroups, want)
	}
	if all := parseMountInfo(mountInfo, func(string) bool { return true }); len(all) != 3 || all[1] != "/run/a b" {
		t.Errorf("%q", all)
	}
}

func FuzzParseMountInfo(f *testing.F) {
	f.Add(mountInfo)
	f.Fuzz(func(t *testing.T, text string) {
		if points := parseMountInfo(text, func(string) bool { return true }); len(points) > strings.Count(text, " - ") {
			t.Errorf("%q", points)
		}
	})
}

func TestSocketIn(t *testing.T) {
	for text, want := range map[string]string{
		`{"version":3,"address":"unix:///run/containerd/s/abc","protocol":"ttrpc"}`: "/run/containerd/s/abc",
		"unix:///run/containerd/s/abc":                                              "/run/containerd/s/abc",
		"unix:///run/containerd/s/../../etc/passwd":                                 "",
		"unix:///run/containerd/s/a/b":                                              "",
		"unix:///run/containerd/s/":                                                 "",
		"":                                                                          "",
	} {
		if got := socketIn(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestProcess: a process is told from a later one with its number.
func TestProcess(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { cmd.Wait(); close(done) }()
	p, err := processOf(cmd.Process.Pid)
	if err != nil || !p.alive() {
		t.Fatalf("%+v: %v", p, err)
	}
	if other := (process{p.PID, p.Start + 1}); other.alive() || other.kill() != nil || !p.alive() {
		t.Error("another process was taken for it")
	}
	if err := p.end(time.Minute); err != nil || p.alive() {
		t.Errorf("it was not ended: %v", err)
	}
	<-done
	if err := p.end(time.Minute); err != nil {
		t.Errorf("ending one that has ended: %v", err)
	}
	self, err := processOf(os.Getpid())
	if err != nil || !self.alive() {
		t.Errorf("%+v: %v", self, err)
	}
}

// TestListener: of a socket that PID 1, or another process that all of ours come from,
// listens at, it is not known who serves.
func TestListener(t *testing.T) {
	sleeping := sleeper(t) // of this process, not above it
	for pid, want := range map[int]int{0: 0, 1: 0, os.Getppid(): 0, os.Getpid(): os.Getpid(), sleeping.PID: sleeping.PID} {
		if got := listener(pid); got != want {
			t.Errorf("who listens as process %d is %d, want %d", pid, got, want)
		}
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if got := servedBy(path); got != os.Getpid() {
		t.Errorf("this process listens, and %d is named", got)
	}
}

// TestUnsigned: no query of a URL, where signatures are, and no login in one is in the
// words of an error; all else is.
func TestUnsigned(t *testing.T) {
	for text, want := range map[string]string{
		"unexpected status from GET request to https://s3.example.com/b/x?X-Amz-Signature=ab%2Fc&X-Amz-Date=1: 403 Forbidden": "unexpected status from GET request to https://s3.example.com/b/x?...: 403 Forbidden",
		`Get "https://a.example.com/x?sig=1": EOF; Get "http://b.example.com/y?sig=2"`:                                        `Get "https://a.example.com/x?...": EOF; Get "http://b.example.com/y?..."`,
		"at https://a.example.com/x?sig=1, https://a.example.com?sig=2":                                                       "at https://a.example.com/x?..., https://a.example.com?...",
		"at https://ann:secret@a.example.com/x":                                                                               "at https://...@a.example.com/x",
		"is it https://a.example.com/x@sha256:1? no: a?b=c":                                                                   "is it https://a.example.com/x@sha256:1?... no: a?b=c",
		"connection refused": "connection refused",
	} {
		err := unsigned{fmt.Errorf("%s%w", text, errEmpty)}
		if got := err.Error(); got != want {
			t.Errorf("%s\nis %s\nwant %s", text, got, want)
		}
		if !errors.Is(err, errEmpty) {
			t.Errorf("%s: what it is of cannot be told", text)
		}
	}
}

var errEmpty = errors.New("")

// TestMounting: of several runners in one process the client mounts in the directory of
// one that is open.
func TestMounting(t *testing.T) {
	where := func() (dir string) {
		err := mount.WithTempMount(t.Context(), nil, func(root string) error { dir = filepath.Dir(root); return nil })
		if err != nil {
			t.Error(err)
		}
		return dir
	}
	var m mountPlaces
	one, two, tmp := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", tmp)
	for _, step := range []struct {
		call func(string) error
		dir  string
		want string
	}{
		{m.open, one, one}, {m.open, two, two}, {m.close, two, one}, {m.open, two, two}, {m.close, one, two}, {m.close, two, tmp}, {m.close, two, tmp},
	} {
		if err := step.call(step.dir); err != nil {
			t.Error(err)
		}
		if got := where(); got != step.want {
			t.Errorf("the client mounts in %s, want %s", got, step.want)
		}
	}
	file := filepath.Join(one, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.open(file); err == nil {
		t.Error("a file is taken for a directory to mount in")
	}
}

// TestAccount works startups out of evidence by hand: two images with a base in
// common, of which the first starts's repository asked for it.
func TestAccount(t *testing.T) {
	origin := time.Unix(1000, 0)
	ms := func(n int) time.Time { return origin.Add(time.Duration(n) * time.Millisecond) }
	layer := func(name string, size int64) pulledLayer {
		return pulledLayer{digest: layers.Digest("d" + name), chain: layers.Digest("c" + name), compressedBytes: size, unpacked: 10 * size}
	}
	one := &pulledImage{name: "one", repository: "one", documents: []layers.Digest{"m1"}, layers: []pulledLayer{layer("base", 100), layer("one", 10)}}
	two := &pulledImage{name: "two", repository: "two", documents: []layers.Digest{"m2"}, layers: []pulledLayer{layer("base", 100), layer("two", 20)}}
	list := []*started{
		{start: &measure.Start{Image: "two", PullOnly: true}, image: two, begun: ms(0), pulled: ms(610), ready: ms(610)},
		{start: &measure.Start{Image: "one"}, image: one, begun: ms(5), pulled: ms(700), created: []time.Time{ms(710), ms(720), ms(740)}, ready: ms(730)},
	}
	e := &evidence{
		requests: []request{
			{at: ms(20), repository: "one", digest: "dbase"}, {at: ms(25), repository: "one", digest: "done"}, {at: ms(410), repository: "two", digest: "dtwo"},
		},
		stored:    map[layers.Digest]time.Time{"m1": ms(10), "m2": ms(12), "dbase": ms(200), "done": ms(100), "dtwo": ms(500)},
		prepared:  map[layers.Digest]time.Time{"cbase": ms(19), "cone": ms(402), "ctwo": ms(403)},
		committed: map[layers.Digest]time.Time{"cbase": ms(400), "cone": ms(690), "ctwo": ms(600)},
	}
	got := e.startups(origin, list)
	t.Run("two", func(t *testing.T) {
		u := got[0]
		want := []simulate.Span{
			{Phase: simulate.Resolve, Image: "two", End: 12e6},
			{Phase: simulate.WaitOtherPull, Image: "two", Layer: "dbase", Start: 12e6, End: 400e6},
			{Phase: simulate.Unpack, Image: "two", Layer: "dtwo", Start: 500e6, End: 600e6, Bytes: 200},
			{Phase: simulate.Fetch, Image: "two", Layer: "dtwo", Start: 410e6, End: 500e6, Bytes: 20},
			{Phase: simulate.Unpack, Image: "two", Start: 600e6, End: 610e6},
		}
		want[2], want[3] = want[3], want[2]
		if diff := cmp.Diff(want, u.Spans); diff != "" {
			t.Error(diff)
		}
		if u.FetchedBytes != 20 || u.UnpackedBytes != 200 || u.LayersReused != 0 || u.Ready != 610*time.Millisecond {
			t.Errorf("%+v", u)
		}
		checkTimes(t, &u)
	})
	t.Run("one", func(t *testing.T) {
		u := got[1]
		want := []simulate.Span{
			{Phase: simulate.Resolve, Image: "one", End: 14e6},
			{Phase: simulate.Fetch, Image: "one", Layer: "dbase", Start: 15e6, End: 195e6, Bytes: 100},
			{Phase: simulate.Fetch, Image: "one", Layer: "done", Start: 20e6, End: 95e6, Bytes: 10},
			{Phase: simulate.Unpack, Image: "one", Layer: "dbase", Start: 195e6, End: 395e6, Bytes: 1000},
			{Phase: simulate.Unpack, Image: "one", Layer: "done", Start: 395e6, End: 685e6, Bytes: 100},
			{Phase: simulate.Unpack, Image: "one", Start: 685e6, End: 695e6},
			{Phase: simulate.Create, Image: "one", Start: 695e6, End: 705e6},
			{Phase: simulate.Create, Image: "one", Start: 705e6, End: 715e6},
			// Output came before the call that starts the container returned.
			{Phase: simulate.Create, Image: "one", Start: 715e6, End: 725e6},
		}
		if diff := cmp.Diff(want, u.Spans); diff != "" {
			t.Error(diff)
		}
		if u.FetchedBytes != 110 || u.UnpackedBytes != 1100 || u.Requested != 5*time.Millisecond {
			t.Errorf("%+v", u)
		}
		checkTimes(t, &u)
	})
}

// TestSettings: what a runner says that it sets is of a profile.
func TestSettings(t *testing.T) {
	for _, method := range []string{MethodTransfer, MethodClient} {
		for _, p := range []*program{nil, {decoder: measure.Decoder{Name: decoderPigz}}, {decoder: measure.Decoder{Name: decoderGoStd}}} {
			r := &Runner{opt: Options{Registry: "x"}, nodes: []*node{{method: method}}, program: p}
			text := r.Settings(&measure.Arm{})
			raw, err := document.Whole("settings", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			profile := simulate.Containerd()
			if err := raw.Decode(profile); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if err := profile.Validate(); err != nil {
				t.Errorf("%s: %v", text, err)
			}
			// Of a daemon that ran already it is not known which cores it may use.
			if strings.Contains(text, `"cores"`) != (p != nil) {
				t.Errorf("%s: cores of a daemon of one's own: %v", text, p != nil)
			}
			if (profile.Pull.DownloadScope.Value == "image") != (method == MethodClient) || p != nil && profile.Unpack.Decoder.Value != p.decoder.Name {
				t.Errorf("%s: scope %s, decoder %s", text, profile.Pull.DownloadScope.Value, profile.Unpack.Decoder.Value)
			}
		}
	}
}
