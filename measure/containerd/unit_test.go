//go:build linux

package containerd

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

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
		requests: []request{{at: at("10.125166145"), repository: "shop/web", digest: "sha256:b72e", answered: at("10.126859473")}},
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
	program := func(version int, snapshotter string) *program {
		return &program{config: version, snapshotter: snapshotter, platform: "linux/amd64"}
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
	if two := configuration(program(2, "overlayfs"), at, limits{downloads: 1, unpacks: 2}); strings.Contains(two, "transfer") || !strings.HasPrefix(two, "version = 2\n") {
		t.Errorf("version 2 has no transfer service:\n%s", two)
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
		for _, p := range []*program{nil, {decoder: decoderPigz}, {decoder: decoderGoStd}} {
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
			if (profile.Pull.DownloadScope.Value == "image") != (method == MethodClient) || p != nil && profile.Unpack.Decoder.Value != p.decoder {
				t.Errorf("%s: scope %s, decoder %s", text, profile.Pull.DownloadScope.Value, profile.Unpack.Decoder.Value)
			}
		}
	}
}
