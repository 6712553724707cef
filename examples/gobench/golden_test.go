package gobench

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/bench.txt anew")

// TestOutput holds testdata/bench.txt, and the README that shows it, to what the
// benchmark prints. A copy of the example needs no such test: the simulation is exact,
// so what it prints changes only with its inputs and the version of cachebench.
func TestOutput(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	printed, err := exec.Command(program, "-test.run=^$", "-test.bench=Startup", "-test.benchtime=1x", "-test.cpu=1").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	var got strings.Builder
	for line := range strings.Lines(string(printed)) {
		// The machine makes no difference.
		if key, _, _ := strings.Cut(line, ":"); key != "goos" && key != "goarch" && key != "cpu" {
			got.WriteString(line)
		}
	}
	if *update {
		if err := os.WriteFile("testdata/bench.txt", []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/bench.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("the benchmark prints\n%s\ntestdata/bench.txt has\n%s\nrun go test -update if that is right", got.String(), want)
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(readme, want) {
		t.Error("README.md does not show testdata/bench.txt as it is")
	}
}
