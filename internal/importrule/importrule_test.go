package importrule

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestDirection holds the tree to the rules.
func TestDirection(t *testing.T) {
	packages := list(t, "./...")
	if len(packages) < 10 {
		t.Fatalf("go list found %d packages of the project", len(packages))
	}
	for _, fault := range Check(packages) {
		t.Error(fault)
	}
}

// TestLibraryWeight: a program that uses these packages compiles neither the
// cloud's SDK nor containerd's client, nor what only compare needs.
func TestLibraryWeight(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", Module+"/layers", Module+"/matcher", Module+"/simulate", Module, Module+"/benchtest").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(out)) {
		for _, heavy := range []string{"github.com/aliyun/alibaba-cloud-sdk-go", "github.com/containerd/containerd", "golang.org/x/perf"} {
			if within(strings.TrimSpace(dep), heavy) {
				t.Errorf("the library compiles %s", dep)
			}
		}
	}
}

// TestCheck shows that each rule can fail.
func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name string
		pkg  Package
		want string
	}{
		{"to the right", Package{"layers", []string{Module + "/matcher"}}, "layers imports matcher, which is not to its left"},
		{"one tier", Package{"matcher/plan", []string{Module + "/simulate"}}, "matcher/plan imports simulate, which is not to its left"},
		{"root", Package{"reports", []string{Module}}, "reports imports the root package, which is not to its left"},
		{"alone", Package{"cost", []string{Module + "/internal/document"}}, "cost imports internal/document, but it imports nothing of the project"},
		{"remote", Package{"workload", []string{"github.com/google/go-containerregistry/pkg/v1/remote"}}, "workload imports github.com/google/go-containerregistry/pkg/v1/remote, which only layers/distribution may"},
		{"SDK", Package{"cmd/cachebench", []string{"github.com/aliyun/alibaba-cloud-sdk-go/sdk"}}, "cmd/cachebench imports github.com/aliyun/alibaba-cloud-sdk-go/sdk, which only eci may"},
		{"tool", Package{"reports", []string{Module + "/internal/golden"}}, "reports imports internal/golden, a tool that no package imports"},
		{"unknown", Package{"util", nil}, "util is in no tier: add it to importrule.Tiers and to ARCHITECTURE.md"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Check([]Package{test.pkg}); !slices.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	if got := Check([]Package{{"matcher", []string{Module + "/layers", "fmt"}}}); len(got) > 0 {
		t.Errorf("a good import is refused: %q", got)
	}
}

func list(t *testing.T, pattern string) []Package {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", pattern)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v", pattern, err)
	}
	var packages []Package
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, Module), "/")
		packages = append(packages, Package{path, p.Imports})
	}
}
