package measure

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/simulate"
)

// TestOrigin: the fact names all places that images may come from, and is the same for
// the same ones.
func TestOrigin(t *testing.T) {
	for _, test := range []struct {
		origin Origin
		want   string
	}{
		{Origin{}, "as the images name it"},
		{Origin{Aliases: map[string]string{"b.test": "c.test", "a.test": "10.0.0.1:5000"}}, "as the images name it, but a.test as 10.0.0.1:5000; b.test as c.test"},
		{
			Origin{Mirrors: map[string][]string{"docker.io": {"second.test/hub", "first.test"}}, PlainHTTP: []string{"z.test", "first.test", "z.test"}},
			"as the images name it, but docker.io through second.test/hub, first.test; first.test, z.test without TLS",
		},
	} {
		got, err := test.origin.Fact()
		if err != nil || got != (simulate.Fact{Name: FactRegistry, Value: test.want}) {
			t.Errorf("%+v: %q, %v, want %q", test.origin, got.Value, err, test.want)
		}
	}
	if plain := []string{"z", "a"}; (&Origin{PlainHTTP: plain}).words() == nil || plain[0] != "z" {
		t.Errorf("the caller's list became %q", plain)
	}
}

// TestOriginHosts: a directory of registry hosts is told by all that it says, and by
// nothing else; what it replaces is not told.
func TestOriginHosts(t *testing.T) {
	write := func(dir, name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	of := func(dir string) string {
		t.Helper()
		f, err := (&Origin{HostDir: dir, Aliases: map[string]string{"a": "b"}}).Fact()
		if err != nil {
			t.Fatal(err)
		}
		return f.Value
	}
	one, two := t.TempDir(), t.TempDir()
	for _, dir := range []string{one, two} {
		write(dir, "docker.io/hosts.toml", `server = "https://mirror.test"`)
	}
	if got := of(one); !regexp.MustCompile(`^as the images name it, but by the registry hosts of digest sha256:[0-9a-f]{64}$`).MatchString(got) || strings.Contains(got, "a as b") {
		t.Errorf("told as %q", got)
	}
	if of(one) != of(two) {
		t.Error("two directories that say the same are told apart")
	}
	seen := map[string]bool{of(one): true}
	for _, file := range [][2]string{
		{"docker.io/hosts.toml", `server = "https://other.test"`}, // another text
		{"quay.io/hosts.toml", `server = "https://mirror.test"`},  // another host
		{"quay.io/ca.crt", "x"},                                   // an authority
	} {
		write(two, file[0], file[1])
		if seen[of(two)] {
			t.Errorf("%s changes nothing", file[0])
		}
		seen[of(two)] = true
	}
	// A mounted ConfigMap has symlinks to its files.
	linked := t.TempDir()
	write(linked, "..2026_11_20/docker.io/hosts.toml", `server = "https://mirror.test"`)
	write(linked, "..2026_11_20/version", "1")
	if err := os.Symlink("..2026_11_20/docker.io", filepath.Join(linked, "docker.io")); err != nil {
		t.Fatal(err)
	}
	if of(linked) != of(one) {
		t.Error("what is behind a symlink is not told")
	}
}
