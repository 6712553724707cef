package measure

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cachebench/cachebench/simulate"
)

// TestHostFacts: the files of a Debian 12 virtual machine, cut short.
func TestHostFacts(t *testing.T) {
	root := fstest.MapFS{}
	for name, text := range map[string]string{
		"proc/cpuinfo":                  "processor\t: 0\nmodel name\t: Intel(R) Xeon(R) Processor @ 2.90GHz\nflags\t\t: fpu vme hypervisor avx2\n\nprocessor\t: 1\n",
		"proc/meminfo":                  "MemTotal:       24683620 kB\nMemFree:         1000000 kB\n",
		"proc/sys/kernel/osrelease":     "6.1.0-28-amd64\n",
		"etc/os-release":                "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
		"sys/class/dmi/id/product_name": "kvm\n",
	} {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	got := map[string]string{}
	for _, f := range hostFacts(root) {
		got[f.Name] = f.Value
	}
	for name, want := range map[string]string{
		FactCPU: "Intel(R) Xeon(R) Processor @ 2.90GHz", FactMemory: "23.5 GiB", FactKernel: "6.1.0-28-amd64",
		FactSystem: "Debian GNU/Linux 12 (bookworm)", FactVirtualised: "yes",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if got[FactCores] == "" || !strings.HasPrefix(got[FactGo], "go") {
		t.Errorf("facts %v", got)
	}
	root["proc/cpuinfo"].Data = []byte("flags : fpu\n")
	if v := virtualised(root, "flags : fpu\n"); v != "no" {
		t.Errorf("bare metal is %q", v)
	}
	if v := virtualised(root, "Features : fp asimd\n"); v != "" {
		t.Errorf("where nothing tells it is %q", v)
	}
	bare := hostFacts(fstest.MapFS{})
	for _, f := range bare {
		if f.Value == "" {
			t.Errorf("%s is empty", f.Name)
		}
	}
}

// mounts are lines of a real mountinfo, with a mount over another, a blank in a
// name, and a mount point that is another's beginning.
const mounts = `26 1 254:0 / / rw,relatime - ext4 /dev/vda rw
24 23 0:22 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=24683620k
40 26 0:30 / /data rw - xfs /dev/vdb rw
41 26 0:31 / /data rw shared:7 master:1 - btrfs /dev/vdc rw
42 26 0:32 / /data/my\040images rw - tmpfs my\040tmpfs rw
bad line
43 26 0:33 / /database rw - xfs /dev/vde rw
`

func TestMountOf(t *testing.T) {
	for path, want := range map[string]string{
		"/": "ext4 /dev/vda", "/home/x": "ext4 /dev/vda", "/dev/shm/a": "tmpfs tmpfs", "/data": "btrfs /dev/vdc",
		"/data/x": "btrfs /dev/vdc", "/data/my images/y": "tmpfs my tmpfs", "/database/z": "xfs /dev/vde", "/dat": "ext4 /dev/vda",
	} {
		if kind, device := mountOf(mounts, path); kind+" "+device != want {
			t.Errorf("%s is on %s %s, want %s", path, kind, device, want)
		}
	}
	if kind, _ := mountOf("", "/x"); kind != "" {
		t.Errorf("no mounts, and %s", kind)
	}
}

// TestFileSystemHere: the kernel's own answer agrees with the mount table.
func TestFileSystemHere(t *testing.T) {
	if _, err := os.Stat("/proc/self/mountinfo"); err != nil {
		t.Skip("no /proc here")
	}
	for _, dir := range []string{t.TempDir(), "/dev/shm", "/"} {
		if _, err := os.Stat(dir); err != nil {
			continue
		}
		got := fileSystemOf(dir, os.DirFS("/proc"))
		if !strings.Contains(got, " on ") || strings.Contains(got, "mounted as") {
			t.Errorf("%s is on %q", dir, got)
		}
	}
	found := false
	for _, f := range HostFacts(t.TempDir()) {
		found = found || f.Name == FactFileSystem
	}
	if !found {
		t.Error("no fact of the file system")
	}
}

// FuzzMountOf: whatever a mount table holds, the answer is of one of its lines.
func FuzzMountOf(f *testing.F) {
	f.Add(mounts, "/data/x")
	f.Add(`1 1 1:1 / /\04 - a \`, "/")
	f.Fuzz(func(t *testing.T, table, path string) {
		kind, _ := mountOf(table, path)
		if !strings.Contains(table, kind) {
			t.Fatalf("%q is not in the table", kind)
		}
	})
}

// TestDecoder: containerd's rule, igzip before unpigz before Go.
func TestDecoder(t *testing.T) {
	for _, test := range []struct{ programs, disabled, value, want string }{
		{"igzip unpigz", "", "", "igzip"},
		{"unpigz", "", "", "pigz"},
		{"", "", "", "go"},
		{"igzip unpigz", "CONTAINERD_DISABLE_IGZIP", "1", "pigz"},
		{"igzip unpigz", "CONTAINERD_DISABLE_IGZIP", "false", "igzip"},
		{"igzip unpigz", "CONTAINERD_DISABLE_IGZIP", "yes please", "igzip"},
		{"igzip unpigz", "CONTAINERD_DISABLE_PIGZ", "true", "igzip"},
		{"igzip unpigz", "both", "true", "go"},
		{"unpigz", "CONTAINERD_DISABLE_PIGZ", "1", "go"},
	} {
		getenv := func(name string) string {
			if name == test.disabled || test.disabled == "both" {
				return test.value
			}
			return ""
		}
		got, err := decoderOf("", 2, 4, getenv, onPath(test.programs))
		if err != nil || got.Name != test.want || (got.Path == "") != (test.want == "go") {
			t.Errorf("%+v: %+v, %v", test, got, err)
		}
		known := false
		for _, d := range simulate.Decoders() {
			known = known || d.Name == got.Name
		}
		if !known {
			t.Errorf("no profile knows %s", got.Name)
		}
	}
}

// onPath finds these programs.
func onPath(programs string) func(string) (string, error) {
	return func(name string) (string, error) {
		for p := range strings.FieldsSeq(programs) {
			if p == name {
				return "/bin/" + p, nil
			}
		}
		return "", errors.New(name + " is not on PATH")
	}
}

// TestDecoderAsked: one that is asked for is taken though it is disabled, and is an error
// where it is not there or that version does not look for it; what is inside depends on
// the version.
func TestDecoderAsked(t *testing.T) {
	disabled := func(string) string { return "1" }
	nothing := func(string) string { return "" }
	for _, test := range []struct {
		name         string
		major, minor int
		programs     string
		getenv       func(string) string
		want, fault  string
	}{
		{"igzip", 2, 4, "igzip unpigz", disabled, "igzip", ""},
		{"pigz", 2, 4, "igzip unpigz", disabled, "pigz", ""},
		{"pigz", 2, 4, "igzip unpigz", nothing, "pigz", ""},
		{"go", 2, 4, "igzip unpigz", nothing, "go", ""},
		{"go-std", 2, 4, "igzip unpigz", nothing, "go-std", ""},
		{"go", 2, 3, "igzip unpigz", nothing, "go-std", ""},
		{"", 2, 3, "", nothing, "go-std", ""},
		{"", 3, 0, "", nothing, "go", ""},
		{"", 2, 0, "igzip unpigz", nothing, "igzip", ""},
		{"", 1, 7, "igzip unpigz", nothing, "pigz", ""},
		{"", 1, 7, "igzip", nothing, "go-std", ""},
		{"igzip", 1, 7, "igzip", nothing, "", "decoder igzip: containerd 1.7 does not look for it, only 2.0 and later do"},
		{"igzip", 2, 4, "unpigz", nothing, "", "decoder igzip: igzip is not on PATH: install it"},
		{"pigz", 2, 4, "igzip", nothing, "", "decoder pigz: unpigz is not on PATH: install it"},
		{"gunzip", 2, 4, "gunzip", nothing, "", `decoder "gunzip" is none of igzip, pigz, go and go-std`},
	} {
		got, err := decoderOf(test.name, test.major, test.minor, test.getenv, onPath(test.programs))
		if got.Name != test.want || (err != nil) != (test.fault != "") || err != nil && !strings.Contains(err.Error(), test.fault) {
			t.Errorf("%q of %d.%d with %q: %+v, %v; want %s %s", test.name, test.major, test.minor, test.programs, got, err, test.want, test.fault)
		}
	}
}

// TestDecoderVersion: the program that is found is asked, and its first line told.
func TestDecoderVersion(t *testing.T) {
	dir := t.TempDir()
	script := "#!/bin/sh\necho 'pigz 9.9'\necho more\n"
	if err := os.WriteFile(filepath.Join(dir, "unpigz"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	for _, test := range []struct{ disabled, asked, want string }{
		{"", "", "pigz (pigz 9.9)"}, {"1", "", "go"},
		{"1", "pigz", "pigz (pigz 9.9)"}, // though it is not what would be taken
	} {
		t.Setenv("CONTAINERD_DISABLE_PIGZ", test.disabled)
		d, err := FindDecoder(t.Context(), test.asked, 2, 4)
		if got, want := d.Fact(), (simulate.Fact{Name: FactDecoder, Value: test.want}); err != nil || got != want {
			t.Errorf("%+v: got %+v, %v", test, got, err)
		}
	}
}

// TestDropPageCache: the switch gets its word, and whoever may not use it is told.
func TestDropPageCache(t *testing.T) {
	file := filepath.Join(t.TempDir(), "drop_caches")
	if err := dropPageCache(file); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no such switch") {
		t.Errorf("missing: %v", err)
	}
	if err := checkPageCache(file); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "no such switch") {
		t.Errorf("missing, asked before: %v", err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkPageCache(file); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(file); len(got) > 0 {
		t.Errorf("to ask wrote %q", got)
	}
	if err := dropPageCache(file); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(file); string(got) != "3\n" {
		t.Errorf("wrote %q", got)
	}
	if os.Geteuid() != 0 {
		if err := CheckPageCache(); err == nil || !strings.Contains(err.Error(), "run as root") {
			t.Errorf("unprivileged, asked before: %v", err)
		}
		if err := DropPageCache(); err == nil || !strings.Contains(err.Error(), "run as root") {
			t.Errorf("unprivileged: %v", err)
		}
	}
}
