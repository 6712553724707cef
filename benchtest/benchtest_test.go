package benchtest_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/benchtest"
	"github.com/cachebench/cachebench/internal/golden"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// scenarioVariable names the scenario of the benchmark and the test that the other
// tests run, by the test binary itself; againVariable, when not empty, has a second one
// benchmarked.
const (
	scenarioVariable = "BENCHTEST_SCENARIO"
	againVariable    = "BENCHTEST_AGAIN"
)

func scenarioFile() string {
	if file := os.Getenv(scenarioVariable); file != "" {
		return file
	}
	return "testdata/scenario.yaml"
}

func BenchmarkStartup(b *testing.B) {
	benchtest.Startup(b, benchtest.Load(b, scenarioFile()))
	if os.Getenv(againVariable) != "" {
		benchtest.Startup(b, benchtest.Load(b, scenarioFile()))
	}
}

func TestBudget(t *testing.T) {
	t.Parallel()
	benchtest.Check(t, benchtest.Load(t, scenarioFile()))
}

// output runs this test binary, as go test does, and returns what it prints.
func output(t testing.TB, scenario string, flags ...string) (printed string, failed bool) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, flags...)
	// The race detector waits a second at a program's end.
	cmd.Env = append(os.Environ(), scenarioVariable+"="+scenario, "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	data, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(data), err != nil
}

// benchmarked runs a benchmark and returns what it prints, but for the machine.
func benchmarked(t testing.TB, pattern string, flags ...string) string {
	t.Helper()
	printed, failed := output(t, "", append([]string{"-test.run=^$", "-test.bench=" + pattern}, flags...)...)
	if failed {
		t.Fatal(printed)
	}
	lines := slices.DeleteFunc(strings.SplitAfter(printed, "\n"), func(line string) bool {
		key, _, _ := strings.Cut(line, ":")
		return slices.Contains([]string{"goos", "goarch", "pkg", "cpu"}, key)
	})
	return strings.Join(lines, "")
}

// result is a line of a benchmark: values by unit.
type result map[string]float64

// results reads the lines of benchmarks by their names, without the number of
// processors. Lines of one name must say the same.
func results(t *testing.T, text string) map[string]result {
	t.Helper()
	all := make(map[string]result)
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if !strings.HasPrefix(line, "Benchmark") || len(fields) < 4 {
			continue
		}
		r := make(result)
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			r[fields[i+1]] = value
		}
		name := strings.TrimSuffix(fields[0], "-2")
		if before, ok := all[name]; ok && !maps.Equal(before, r) {
			t.Errorf("%s is %v, and then %v", name, before, r)
		}
		all[name] = r
	}
	return all
}

func TestStartupOutput(t *testing.T) {
	golden.Equal(t, filepath.Join("testdata", "bench.txt"), []byte(benchmarked(t, "Startup", "-test.benchtime=1x", "-test.cpu=1")))
}

// TestStartupSame: no way to run it changes a value, and the units are told once.
func TestStartupSame(t *testing.T) {
	want := results(t, benchmarked(t, "Startup", "-test.benchtime=1x"))
	if len(want) != 6 {
		t.Fatalf("%d benchmarks of three apps with two arms each: %v", len(want), want)
	}
	for _, flags := range [][]string{
		{"-test.benchtime=100ms"}, {"-test.benchtime=1h"}, {"-test.benchtime=7x", "-test.count=10"},
		{"-test.benchtime=1x", "-test.cpu=1,2"}, {"-test.benchtime=1x", "-test.v"},
	} {
		text := benchmarked(t, "Startup", flags...)
		if got := results(t, text); !maps.EqualFunc(got, want, maps.Equal[result, result]) {
			t.Errorf("%v: got %v, want %v", flags, got, want)
		}
		for _, unit := range []string{reports.UnitStartup, reports.UnitStartupP99, reports.UnitPulled, reports.UnitUnpacked} {
			if n := strings.Count(text, "Unit "+unit+" assume=exact better=lower\n"); n != 1 {
				t.Errorf("%v: unit %s is told %d times", flags, unit, n)
			}
		}
		if n := strings.Count(text, "source: simulated\n"); n != 1 {
			t.Errorf("%v: the source is told %d times", flags, n)
		}
	}
	for name, r := range results(t, benchmarked(t, "Startup", "-test.benchtime=1x", "-test.benchmem")) {
		if r["B/op"] != 0 || r["allocs/op"] != 0 {
			t.Errorf("%s: the simulator's memory is told: %v", name, r)
		}
	}
}

// TestStartupPattern: patterns choose by app and arm.
func TestStartupPattern(t *testing.T) {
	got := results(t, benchmarked(t, "Startup/app=web/arm=cold", "-test.benchtime=1x"))
	if names := slices.Collect(maps.Keys(got)); len(names) != 1 || names[0] != "BenchmarkStartup/app=web/arm=cold/profile=containerd" {
		t.Errorf("got %v", names)
	}
}

// TestStartupEnds: what comes after is not called simulated, and a second scenario of a
// binary tells the units no second time.
func TestStartupEnds(t *testing.T) {
	t.Setenv(againVariable, "yes")
	text := benchmarked(t, "Startup/app=web/arm=cold", "-test.benchtime=1x")
	const comment, begin, end = "# cachebench-version " + cachebench.Version + "\n", "\nsource: simulated\nprofile: containerd\n", "\nsource:\nprofile:\nprofile-digest:\nplatform:\nworkload-digest:\nmodel:\nseed:\ncoverage:\n"
	first, second, _ := strings.Cut(text, end)
	for _, part := range []string{first, strings.TrimSuffix(second, end+"PASS\n")} {
		if !strings.HasPrefix(part, comment) || !strings.Contains(part, begin) || strings.Contains(part, end) || !strings.Contains(part, "BenchmarkStartup/app=web") {
			t.Errorf("got\n%s", text)
		}
	}
	if !strings.HasSuffix(text, end+"PASS\n") || strings.Count(text, "Unit startup-sec ") != 1 {
		t.Errorf("got\n%s", text)
	}
}

// TestStartupTells: comments say what package testing cannot, of the scenario as it is run:
// the inputs by digest and the numbers of starts, by the names that the lines have.
func TestStartupTells(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"scenario.yaml", "workload.yaml", "inventory.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "scenario.yaml" {
			data = append(data, "\nbursts: [{app: web, count: 7}, {app: orders/eu 2, count: 3}, {app: report, count: 2}]\n"...)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, failed := output(t, filepath.Join(dir, "scenario.yaml"), "-test.run=^$", "-test.bench=Startup", "-test.benchtime=3x")
	if failed {
		t.Fatal(text)
	}
	for _, want := range []string{
		"# starts BenchmarkStartup/app=web/arm=cold/profile=containerd 7\n",
		"# starts BenchmarkStartup/app=orders%2Feu%202/arm=cached/profile=containerd 3\n",
		"# doubt Unlimited in profile containerd",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	names := results(t, text)
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "# starts "); ok && names[strings.Fields(rest)[0]] == nil {
			t.Errorf("no benchmark has the name in %q", line)
		}
	}
	for _, name := range []string{"workload.yaml", "inventory.json"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("# input sha256:%x %s\n", sha256.Sum256(data), name); !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

// TestStartupValues: bytes are those of the manifests, times those of the report.
func TestStartupValues(t *testing.T) {
	text, err := os.ReadFile("testdata/inventory.json")
	if err != nil {
		t.Fatal(err)
	}
	var inventory struct {
		Images []struct {
			Reference string
			Layers    []int
		}
		Layers []struct{ CompressedBytes, UnpackedBytes float64 }
	}
	if err := json.Unmarshal(text, &inventory); err != nil {
		t.Fatal(err)
	}
	got := results(t, benchmarked(t, "Startup", "-test.benchtime=1x"))
	s := benchtest.Load(t, "testdata/scenario.yaml")
	s.Now, s.Arms = s.Inventory.ResolvedAt, []string{simulate.ArmCold, simulate.ArmWarm, simulate.ArmCached}
	ran, err := cachebench.Run(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for app, reference := range map[string]string{"web": "registry.example.com/shop/web:1.4.1", "orders%2Feu%202": "registry.example.com/shop/orders:3.2.0"} {
		cold, cached := got["BenchmarkStartup/app="+app+"/arm=cold/profile=containerd"], got["BenchmarkStartup/app="+app+"/arm=cached/profile=containerd"]
		var compressed, unpacked float64
		for _, image := range inventory.Images {
			for _, l := range image.Layers {
				if image.Reference == reference {
					compressed += inventory.Layers[l].CompressedBytes
					unpacked += inventory.Layers[l].UnpackedBytes
				}
			}
		}
		if compressed == 0 || cold["pulled-B"] != compressed || cold["unpacked-B"] != unpacked || cached["pulled-B"] != 0 {
			t.Errorf("app %s: cold %v, cached %v; its image has %v B, unpacked %v B", app, cold, cached, compressed, unpacked)
		}
	}
	cold, err := ran.Startups("web", simulate.ArmCold)
	if err != nil {
		t.Fatal(err)
	}
	// Package testing writes four digits.
	if want, _ := strconv.ParseFloat(strconv.FormatFloat(cold.P50.Seconds(), 'f', 3, 64), 64); got["BenchmarkStartup/app=web/arm=cold/profile=containerd"]["startup-sec"] != want {
		t.Errorf("got %v, want %v s", got, want)
	}
}

// TestFaults: what is wrong or missing fails, and is named.
func TestFaults(t *testing.T) {
	whole, err := os.ReadFile("testdata/scenario.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		// old is replaced by new, in the scenario or in the workload.
		name, old, new string
		// startup and budget are what the benchmark and the test say; empty where they
		// succeed.
		startup, budget string
	}{
		{"unknown key", "profile:", "profil:", `scenario.yaml:5: profil: unknown key`, `scenario.yaml:5: profil: unknown key`},
		{"no file", "inventory.json", "none.json", "scenario.yaml:4: inventory: open ", "scenario.yaml:4: inventory: open "},
		{"no inventory", "inventory: inventory.json", "", "names no inventory, so its images would be looked up", "names no inventory"},
		{"unknown image", "/orders:3.2.0]\n    startsPerDay: 6", "/orders:4]\n    startsPerDay: 0.5", "app orders/eu 2 is not covered: ", ""},
		{"image of a budget", "/web:1.4.1", "/web:2", "coverage is below the minimum: ", "coverage is below the minimum: "},
		{"no start", "profile: containerd", "profile: containerd\nwindowSeconds: 1", "app web: none of its starts is simulated", "web cold-p50-sec<=5s (unknown: app web: none of its starts is simulated"},
		{"never ready", "cpu: 2", "cpu: 2\n    pullPolicy: Never", "of its starts in arm cold are never ready", "of its starts in arm cold are never ready"},
		{"over budget", "newBytes: 3MB", "newBytes: 2MB", "", "a rule is not met: web new-B<=2MB (2.2 MB)"},
		{"base is not there", "web:1.4.0", "web:1.3.9", "", "base registry.example.com/shop/web:1.3.9 is not in the inventory for linux/amd64"},
		{"no budget", string(whole[strings.Index(string(whole), "budget:"):]), "", "", "the scenario sets no budget"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir, replaced := t.TempDir(), false
			for _, name := range []string{"scenario.yaml", "workload.yaml", "inventory.json"} {
				data, err := os.ReadFile(filepath.Join("testdata", name))
				if err != nil {
					t.Fatal(err)
				}
				text := string(data)
				if !replaced && name != "inventory.json" {
					text = strings.Replace(text, test.old, test.new, 1)
					replaced = text != string(data)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if !replaced {
				t.Fatalf("nothing holds %q", test.old)
			}
			file := filepath.Join(dir, "scenario.yaml")
			for want, flags := range map[string][]string{
				"--- FAIL: BenchmarkStartup\x00" + test.startup: {"-test.run=^$", "-test.bench=^BenchmarkStartup$", "-test.benchtime=1x"},
				"--- FAIL: TestBudget\x00" + test.budget:        {"-test.run=^TestBudget$"},
			} {
				printed, failed := output(t, file, flags...)
				head, words, _ := strings.Cut(want, "\x00")
				if failed != (words != "") || failed != strings.Contains(printed, head) || !strings.Contains(printed, words) {
					t.Errorf("want %q and %q, got:\n%s", head, words, printed)
				}
			}
		})
	}
}
