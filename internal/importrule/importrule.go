// Package importrule holds the direction of imports: its test fails when a
// package of the project imports one from a tier that is not to its left, or
// compiles what it must not.
//
// The tiers are those of ARCHITECTURE.md. Packages of one tier do not import
// each other.
package importrule

import (
	"fmt"
	"slices"
	"strings"
)

// Module is the module path.
const Module = "github.com/cachebench/cachebench"

// Tiers lists the packages, left to right. A package imports only from tiers to
// its left.
var Tiers = [][]string{
	{"internal/table"},
	{"internal/document", "internal/fleet", "internal/lab", "internal/picture", "internal/planinstance", "internal/registry", "internal/scratch", "layers/distribution", "layers/docstore", "layers/local", "layers/tarscan", "matcher/plan/knapsack", "simulate/network", "simulate/sketch", "simulate/unpack"},
	{"layers", "workload", "cost", "eci"},
	{"matcher", "internal/segment"},
	{"matcher/plan", "simulate"},
	{"simulate/calibrate", "measure", "matcher/plan/export"},
	{"reports"},
	{"reports/compare"},
	{"measure/pull", "measure/containerd", "measure/ecigroup", "eci/ecitest"},
	{""},
	{"capacity", "benchtest", "docs/schema"},
	{"cmd/cachebench"},
}

// alone are packages that import nothing of the project.
var alone = []string{"cost", "layers/distribution", "layers/docstore", "layers/local", "layers/tarscan", "matcher/plan/knapsack"}

// outside are tools of the project's own, which no package imports.
var outside = []string{"eci/ecitest/serve", "internal/benchimport", "internal/benchplan", "internal/clusterhistory", "internal/fleet/simgrid", "internal/imagebuild", "internal/importrule", "internal/golden", "internal/plancorpus", "internal/race", "internal/registry/faulty", "internal/validate"}

// owners are the modules that only one package may import directly.
var owners = map[string]string{
	"github.com/google/go-containerregistry/pkg/v1/remote": "layers/distribution",
	"github.com/aliyun/alibaba-cloud-sdk-go":               "eci",
	"github.com/containerd/containerd":                     "measure/containerd",
	"golang.org/x/perf":                                    "reports/compare",
}

// Package is a package with what it imports directly.
type Package struct {
	// Path is relative to the module; empty is the root.
	Path string
	// Imports are full import paths, those of tests not among them.
	Imports []string
}

// Check returns a sentence for every import that breaks a rule.
func Check(packages []Package) []string {
	var faults []string
	for _, p := range packages {
		tier, known := tierOf(p.Path)
		if !known && !slices.Contains(outside, p.Path) {
			faults = append(faults, fmt.Sprintf("%s is in no tier: add it to importrule.Tiers and to ARCHITECTURE.md", name(p.Path)))
			continue
		}
		for _, imported := range p.Imports {
			faults = append(faults, p.faults(imported, tier, known)...)
		}
	}
	return faults
}

func (p *Package) faults(imported string, tier int, known bool) (faults []string) {
	for module, owner := range owners {
		if within(imported, module) && p.Path != owner {
			faults = append(faults, fmt.Sprintf("%s imports %s, which only %s may", name(p.Path), imported, owner))
		}
	}
	own, ok := strings.CutPrefix(imported, Module)
	if !ok || !known {
		return faults
	}
	own = strings.TrimPrefix(own, "/")
	other, _ := tierOf(own)
	switch {
	case slices.Contains(outside, own):
		faults = append(faults, fmt.Sprintf("%s imports %s, a tool that no package imports", name(p.Path), own))
	case slices.Contains(alone, p.Path):
		faults = append(faults, fmt.Sprintf("%s imports %s, but it imports nothing of the project", name(p.Path), name(own)))
	case other >= tier:
		faults = append(faults, fmt.Sprintf("%s imports %s, which is not to its left", name(p.Path), name(own)))
	}
	return faults
}

func tierOf(path string) (int, bool) {
	for i, tier := range Tiers {
		if slices.Contains(tier, path) {
			return i, true
		}
	}
	return 0, false
}

func within(path, module string) bool {
	return path == module || strings.HasPrefix(path, module+"/")
}

func name(path string) string {
	if path == "" {
		return "the root package"
	}
	return path
}
