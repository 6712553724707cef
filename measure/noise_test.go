package measure

import (
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cachebench/cachebench/simulate"
)

// proc is /proc with these totals and processes.
func proc(stat string, processes map[int]string) fstest.MapFS {
	files := fstest.MapFS{"stat": {Data: []byte(stat)}, "uptime": {Data: []byte("1 1\n")}}
	for pid, text := range processes {
		files[fmt.Sprintf("%d/stat", pid)] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// line is a process's as Linux 6.18 writes it, with what is read of it: parent,
// utime, stime, cutime, cstime.
func line(pid int, name string, parent, user, system, childUser, childSystem int) string {
	return fmt.Sprintf("%d (%s) S %d 1 1 28209 -1 4194304 98 0 0 0 %d %d %d %d 20 0 1 0 78340 3133440 389 18446744073709551615 94176064385024 94176064404905 140725465105280 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
		pid, name, parent, user, system, childUser, childSystem)
}

// totals is /proc/stat's beginning, as recorded but for the figures.
func totals(user, nice, system, idle, iowait, irq, softirq, steal int) string {
	return fmt.Sprintf("cpu  %d %d %d %d %d %d %d %d 0 0\ncpu0 27269 0 13906 36374 306 0 402 0 0 0\ncpu1 27518 0 16883 29974 3228 0 512 0 0 0\nintr 1300049 0 0\n",
		user, nice, system, idle, iowait, irq, softirq, steal)
}

// TestNoise: two cores for ten seconds are 2000 ticks. Worked out by hand.
//
//	busy:   1600 = 1000 user + 100 nice + 300 system + 50 irq + 150 softirq
//	own:    100->300 this process, whose child 11 (with 60 before) ended meanwhile and
//	        used 40 more: 100 more as time of children; so 200 + 100 - 60 = 240
//	        child 12 is new: 30; the runner's daemon 20: 500->700, its new shim 21: 50
//	        so 240 + 30 + 200 + 50 = 520
//	kernel: kthreadd's child 3: 400->480, so 80
//	others: 1600 - 520 - 80 = 1000 of 2000; steal 100 of 2000
func TestNoise(t *testing.T) {
	before := proc(totals(5000, 10, 3000, 9000, 100, 5, 200, 70), map[int]string{
		1: line(1, "init", 0, 900, 0, 100, 0), 2: line(2, "kthreadd", 0, 0, 1, 0, 0), 3: line(3, "kworker/0:1", 2, 0, 400, 0, 0),
		10: line(10, "cachebench) (x", 1, 60, 40, 0, 0), 11: line(11, "igzip", 10, 50, 10, 0, 0),
		20: line(20, "containerd", 1, 300, 100, 50, 50), 30: line(30, "other", 1, 1000, 0, 0, 0),
	})
	after := proc(totals(6000, 110, 3300, 9250, 150, 55, 350, 170), map[int]string{
		1: line(1, "init", 0, 900, 0, 100, 0), 2: line(2, "kthreadd", 0, 0, 1, 0, 0), 3: line(3, "kworker/0:1", 2, 0, 480, 0, 0),
		10: line(10, "cachebench) (x", 1, 200, 100, 80, 20), 12: line(12, "igzip", 10, 30, 0, 0, 0),
		20: line(20, "containerd", 1, 400, 200, 50, 50), 21: line(21, "shim", 20, 25, 25, 0, 0), 30: line(30, "other", 1, 2000, 0, 0, 0),
	})
	other, steal := readUsage(before, 10, []int{20}).until(readUsage(after, 10, []int{20}))
	if other == nil || *other != 0.5 || steal == nil || *steal != 0.05 {
		t.Errorf("others %v, steal %v", other, steal)
	}
	// A root that is another's child counts once; one that is gone counts nothing.
	same, _ := readUsage(before, 10, []int{20, 11, 99}).until(readUsage(after, 10, []int{20, 12, 21, 99}))
	if *same != 0.5 {
		t.Errorf("with further roots %v", *same)
	}
	// Without the daemon its 250 ticks are another's.
	without, _ := readUsage(before, 10, nil).until(readUsage(after, 10, nil))
	if *without != 0.625 {
		t.Errorf("without the runner's process %v", *without)
	}
	// In a container process 2 may be anything: then it is another process.
	for _, files := range []fstest.MapFS{before, after} {
		files["2/stat"] = &fstest.MapFile{Data: []byte(line(2, "sh", 0, 0, 1, 0, 0))}
	}
	if contained, _ := readUsage(before, 10, []int{20}).until(readUsage(after, 10, []int{20})); *contained != 0.54 {
		t.Errorf("where process 2 is no kernel thread: %v", *contained)
	}
}

// TestNoiseUnknown: what is not there or not understood is unknown, not 0.
func TestNoiseUnknown(t *testing.T) {
	good := func() fstest.MapFS {
		return proc(totals(1, 1, 1, 1, 1, 1, 1, 1), map[int]string{10: line(10, "x", 1, 1, 1, 1, 1)})
	}
	later := proc(totals(3, 3, 3, 3, 3, 3, 3, 3), map[int]string{10: line(10, "x", 1, 1, 1, 1, 1)})
	for name, change := range map[string]func(fstest.MapFS){
		"no stat":       func(f fstest.MapFS) { delete(f, "stat") },
		"short stat":    func(f fstest.MapFS) { f["stat"].Data = []byte("cpu 1 2 3\n") },
		"odd stat":      func(f fstest.MapFS) { f["stat"].Data = []byte("cpu 1 2 3 4 5 6 7 x\n") },
		"another":       func(f fstest.MapFS) { f["stat"].Data = []byte("intr 1 2 3 4 5 6 7 8 9\n") },
		"not this":      func(f fstest.MapFS) { delete(f, "10/stat") },
		"odd process":   func(f fstest.MapFS) { f["10/stat"].Data = []byte("10 (x S 1\n") },
		"short process": func(f fstest.MapFS) { f["10/stat"].Data = []byte("10 (x) S 1 2\n") },
	} {
		f := good()
		change(f)
		if other, steal := readUsage(f, 10, nil).until(readUsage(later, 10, nil)); other != nil || steal != nil {
			t.Errorf("%s: known", name)
		}
	}
	soon := proc(totals(3, 2, 2, 2, 2, 2, 2, 2), map[int]string{10: line(10, "x", 1, 1, 1, 1, 1)})
	for _, f := range []fstest.MapFS{good(), soon} {
		if other, _ := readUsage(good(), 10, nil).until(readUsage(f, 10, nil)); other != nil {
			t.Error("hardly any time passed, and it is known")
		}
	}
	if other, _ := readUsage(good(), 10, nil).until(readUsage(later, 10, nil)); other == nil || *other != 5./8 {
		t.Errorf("others %v", other)
	}
}

// TestUnnamedProcesses: where a runner cannot name its own processes it is not known
// what others did.
func TestUnnamedProcesses(t *testing.T) {
	before := proc(totals(0, 0, 0, 1000, 0, 0, 0, 0), map[int]string{10: line(10, "x", 1, 0, 0, 0, 0)})
	after := proc(totals(500, 0, 0, 1500, 0, 0, 0, 0), map[int]string{10: line(10, "x", 1, 0, 0, 0, 0)})
	for _, roots := range [][]int{{0}, {-1, 10}} {
		if other, _ := readUsage(before, 10, roots).until(readUsage(after, 10, roots)); other != nil {
			t.Errorf("with %v others used %v", roots, *other)
		}
	}
}

// TestLimitUnknown: a limit for others is refused where nothing can be held to it, and
// runs too short to tell are told of.
func TestLimitUnknown(t *testing.T) {
	files := proc(totals(0, 0, 0, 1000, 0, 0, 0, 0), map[int]string{os.Getpid(): line(os.Getpid(), "x", 1, 0, 0, 0, 0)})
	for name, change := range map[string]func(*fakeRunner, *Options){
		"no /proc": func(_ *fakeRunner, o *Options) { o.proc = fstest.MapFS{} },
		"unnamed":  func(f *fakeRunner, _ *Options) { f.roots = []int{0} },
	} {
		f := newFake()
		opt := f.options()
		opt.proc, opt.MaxOtherCPUFraction = files, 0.2
		change(f, &opt)
		if _, err := Run(t.Context(), threeArms(), testInventory(), f, opt); err == nil || !strings.Contains(err.Error(), "leave the limit out") || f.runs > 0 {
			t.Errorf("%s: %d runs, %v", name, f.runs, err)
		}
		opt.MaxOtherCPUFraction = 0
		if _, err := Run(t.Context(), threeArms(), testInventory(), f, opt); err != nil {
			t.Errorf("%s, without a limit: %v", name, err)
		}
	}
	f := newFake()
	opt := f.options()
	opt.proc, opt.MaxOtherCPUFraction = files, 0.2
	tl, err := Run(t.Context(), threeArms(), testInventory(), f, opt) // no time passes in files
	if err != nil {
		t.Fatal(err)
	}
	const want = "of 9 of 9 runs it is not known how busy other processes kept the host: they were too short to tell, there is no /proc, or the runtime's own cannot be named; they count though they could not be held to the limit of 20 %"
	if !slices.Contains(tl.Doubts, want) {
		t.Errorf("doubts %q, want %q among them", tl.Doubts, want)
	}
}

// TestLimitRefused: a limit that no run could be held to, or that none could meet, is
// refused before anything is run, with what was meant.
func TestLimitRefused(t *testing.T) {
	for fraction, want := range map[float64]string{
		20:          "20 is more than all cores: a share is from 0 to 1, write 0.2 for 20 %",
		-0.2:        "-0.2 is no share of the cores",
		1000:        "1000 is no share of the cores",
		math.Inf(1): "+Inf is no share of the cores",
		math.NaN():  "NaN is no share of the cores",
	} {
		f := newFake()
		opt := f.options()
		opt.MaxOtherCPUFraction = fraction
		if _, err := Run(t.Context(), threeArms(), testInventory(), f, opt); err == nil || !strings.Contains(err.Error(), want) || len(f.calls) > 0 {
			t.Errorf("%v: got %v, want %s; %q were called", fraction, err, want, f.calls)
		}
	}
	for _, fraction := range []float64{0, 0.001, 0.2, 1} {
		if err := CheckOtherCPU(fraction); err != nil {
			t.Errorf("%v: %v", fraction, err)
		}
	}
}

// TestNoiseHere: this host's /proc is understood, where there is one.
func TestNoiseHere(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc here")
	}
	before := readUsage(os.DirFS("/proc"), os.Getpid(), nil)
	for x := 0.0; readUsage(os.DirFS("/proc"), os.Getpid(), nil).all < before.all+20; x++ {
		_ = math.Sqrt(x)
	}
	other, steal := before.until(readUsage(os.DirFS("/proc"), os.Getpid(), nil))
	if other == nil || steal == nil || *other < 0 || *other > 1 {
		t.Errorf("others %v, steal %v", other, steal)
	}
}

// TestNoisyRun: a run during which others were too busy is void and made again;
// doubts say how noisy the rest was.
func TestNoisyRun(t *testing.T) {
	f, e := newFake(), threeArms()
	e.Repeats = 1
	files := proc(totals(0, 0, 0, 0, 0, 0, 0, 0), map[int]string{os.Getpid(): line(os.Getpid(), "x", 1, 0, 0, 0, 0)})
	var all, user int
	shares := []int{30, 3, 900, 120, 5} // of 1000; the third is of the second arm
	f.change = func(run int, _ *Arm, s []simulate.Startup) ([]simulate.Startup, error) {
		all, user = all+1000, user+shares[min(run, 5)-1]
		files["stat"].Data = []byte(totals(user, 0, 0, all-user-run, 0, 0, 0, run))
		return s, nil
	}
	opt := f.options()
	opt.proc, opt.MaxOtherCPUFraction = maps.Clone(files), 0.25
	tl, err := Run(t.Context(), e, testInventory(), f, opt)
	if err != nil || len(tl.Measurement.Runs) != 4 {
		t.Fatalf("%v: %+v", err, tl.Measurement.Runs)
	}
	if got := tl.Measurement.Runs[2]; got.Void != "other processes used 90.0 % of the cores, more than the 25.0 % allowed" || *got.OtherCPUFraction != 0.9 || tl.Startups[2].Void != got.Void {
		t.Errorf("the noisy run %+v", got)
	}
	if r := tl.Measurement.Runs; r[3].Arm != r[2].Arm || r[3].Void != "" {
		t.Errorf("then %+v", r[3])
	}
	for _, want := range []string{
		"other processes used a median 3 % of the cores, at most 12 %",
		"the hypervisor gave a median 0.1 % of the cores to others, at most 0.1 %",
	} {
		if !slices.Contains(tl.Doubts, want) {
			t.Errorf("doubts %q, want %q among them", tl.Doubts, want)
		}
	}
}

func TestPercent(t *testing.T) {
	for fraction, want := range map[float64]string{0: "0 %", 0.00123: "0.12 %", 0.034: "3.4 %", 0.099: "9.9 %", 0.0996: "10 %", 0.456: "46 %", 1: "100 %"} {
		if got := percent(fraction); got != want {
			t.Errorf("%v: %s, want %s", fraction, got, want)
		}
	}
}

// FuzzProcess: whatever stands in /proc, reading it ends well.
func FuzzProcess(f *testing.F) {
	f.Add([]byte(totals(1, 2, 3, 4, 5, 6, 7, 8)), []byte(line(10, "a) (b", 1, 2, 3, 4, 5)))
	f.Add([]byte("cpu"), []byte(")("))
	f.Fuzz(func(t *testing.T, stat, process []byte) {
		files := fstest.MapFS{"stat": {Data: stat}, "10/stat": {Data: process}, "11/stat": {Data: []byte(line(11, "x", 10, 1, 1, 1, 1))}}
		u := readUsage(files, 10, []int{11})
		later := u
		later.all += fewestTicks
		other, steal := u.until(later)
		if u.known && u.all < math.MaxUint64-fewestTicks && (other == nil || *other != 0 || *steal != 0) {
			t.Fatalf("%+v: others %v, steal %v", u, other, steal)
		}
	})
}
