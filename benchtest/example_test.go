package benchtest_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// The benchmark in a team's own file of tests is
//
//	func BenchmarkStartup(b *testing.B) {
//		benchtest.Startup(b, benchtest.Load(b, "testdata/scenario.yaml"))
//	}
//
// What go test then prints is shown here, by running the test binary as it does.
func Example() {
	program, err := os.Executable()
	if err != nil {
		fmt.Println(err)
		return
	}
	printed, err := exec.Command(program, "-test.run=^$", "-test.bench=Startup/app=web", "-test.benchtime=1x", "-test.cpu=1").Output()
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(string(printed)) {
		if strings.HasPrefix(line, "Benchmark") || strings.HasPrefix(line, "source:") {
			fmt.Println(strings.Join(strings.Fields(line), " "))
		}
	}
	// Output:
	// source: simulated
	// BenchmarkStartup/app=web/arm=cold/profile=containerd 1 117322065 pulled-B 4.381 startup-p99-sec 4.380 startup-sec 285501952 unpacked-B
	// BenchmarkStartup/app=web/arm=cached/profile=containerd 1 0 pulled-B 0.4970 startup-p99-sec 0.4970 startup-sec 0 unpacked-B
	// source:
}
