package measure

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/simulate"
)

// usage is what all processes, and those of the experiment, have used of the
// cores until one instant, in ticks (proc(5)).
type usage struct {
	known bool
	// all is the time of all cores, idle or not; busy that in which they worked,
	// interrupts too: most kernels count an interrupt's time also to the process that
	// it came upon. One that came upon an idle core for the experiment's own packets
	// counts as another's, so that noise is rather over- than understated. steal is
	// what a hypervisor gave to others.
	all, busy, steal uint64
	// own is of this process, the runner's and all their descendants, kernel of
	// kernel threads, which work for whoever asks (writing back what was unpacked).
	own, kernel uint64
}

// readUsage reads /proc, where self is this process. Where it is not as expected, or
// one of the roots is a process that nobody can name, the usage is not known.
func readUsage(proc fs.FS, self int, roots []int) usage {
	var u usage
	if slices.ContainsFunc(roots, func(pid int) bool { return pid < 1 }) {
		return u
	}
	stat, err := fs.ReadFile(proc, "stat")
	if err != nil || !u.readTotals(stat) {
		return u
	}
	entries, err := fs.ReadDir(proc, ".")
	if err != nil {
		return u
	}
	processes := map[int]process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// A process may end between the list and the reading.
		text, err := fs.ReadFile(proc, e.Name()+"/stat")
		if err != nil {
			continue
		}
		if p, ok := parseProcess(text); ok {
			processes[pid] = p
		}
	}
	if _, ok := processes[self]; !ok {
		return u // of another process namespace, or hidden
	}
	u.own = sum(processes, append([]int{self}, roots...))
	u.kernel = sum(processes, []int{kernelThreads})
	u.known = true
	return u
}

// kernelThreads is the process number of kthreadd, the parent of all kernel
// threads; in a process namespace of its own a container has another process there,
// or none.
const kernelThreads = 2

// readTotals reads the first line of /proc/stat: user, nice, system, idle, iowait,
// irq, softirq, steal. Guests' time is in user already.
func (u *usage) readTotals(stat []byte) bool {
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	fields := strings.Fields(string(line))
	if len(fields) < 9 || fields[0] != "cpu" {
		return false
	}
	var v [8]uint64
	for i := range v {
		n, err := strconv.ParseUint(fields[i+1], 10, 64)
		if err != nil {
			return false
		}
		v[i] = n
		u.all += n
	}
	u.busy, u.steal = v[0]+v[1]+v[2]+v[5]+v[6], v[7]
	return true
}

// process is one process's line in /proc.
type process struct {
	name   string
	parent int
	// ticks are user and system time, with those of children that ended and were
	// waited for.
	ticks uint64
}

// parseProcess reads /proc/PID/stat. The name stands in brackets and may hold
// anything, brackets and newlines too.
func parseProcess(text []byte) (process, bool) {
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return process{}, false
	}
	// state is the third field, so fields[i] is field i+3 of proc(5).
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < 15 {
		return process{}, false
	}
	p := process{name: string(text[open+1 : end])}
	var err error
	if p.parent, err = strconv.Atoi(fields[1]); err != nil {
		return process{}, false
	}
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime
		// Children's times are signed in the kernel's own words.
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil || n < 0 {
			return process{}, false
		}
		p.ticks += uint64(n)
	}
	return p, true
}

// sum adds up the roots and their descendants, each once.
func sum(processes map[int]process, roots []int) uint64 {
	children := map[int][]int{}
	for pid, p := range processes {
		children[p.parent] = append(children[p.parent], pid)
	}
	var total uint64
	seen := map[int]bool{}
	for len(roots) > 0 {
		pid := roots[len(roots)-1]
		roots = roots[:len(roots)-1]
		p, ok := processes[pid]
		if !ok || seen[pid] || pid == kernelThreads && p.name != "kthreadd" {
			continue
		}
		seen[pid] = true
		total += p.ticks
		roots = append(roots, children[pid]...)
	}
	return total
}

// CheckOtherCPU refuses what cannot be a limit of what other processes use of the
// cores; 0 is none.
func CheckOtherCPU(fraction float64) error {
	switch {
	case fraction > 1 && fraction <= 100: // of which no run could be void
		return fmt.Errorf("%v is more than all cores: a share is from 0 to 1, write %v for %v %%", fraction, fraction/100, fraction)
	case !(fraction >= 0 && fraction <= 1):
		return fmt.Errorf("%v is no share of the cores: give one from 0 to 1, as 0.2 for 20 %%, or leave it out", fraction)
	}
	return nil
}

// tooNoisy says why a run does not count during which others used more than most of the
// cores; empty where it does, or nothing is known of it. At most 0 there is no limit.
func tooNoisy(run *simulate.MeasuredRun, most float64) string {
	if most <= 0 || run.OtherCPUFraction == nil || *run.OtherCPUFraction <= most {
		return ""
	}
	return fmt.Sprintf("other processes used %.1f %% of the cores, more than the %.1f %% allowed", 100**run.OtherCPUFraction, 100*most)
}

// fewestTicks is below what nothing can be told: a tick is 10 ms (proc(5)), and with a
// few of them a share is chance.
const fewestTicks = 10

// until returns the shares of the cores that others used between two readings, nil
// where that is not known.
//
// A process of the experiment that ended meanwhile is in its parent's time of
// children once it was waited for, with what it used before the first reading, which
// is taken off with the first sum. One whose parent is none of the experiment's would
// be missed, and count as another's: a runner names such processes, and ends them
// after the second reading only (Runner.Finish).
func (u usage) until(later usage) (other, steal *float64) {
	if !u.known || !later.known || later.all < u.all+fewestTicks {
		return nil, nil
	}
	all := float64(later.all - u.all)
	share := func(ticks float64) *float64 {
		f := min(1, max(0, ticks/all))
		return &f
	}
	less := func(a, b uint64) float64 { return float64(a) - float64(b) }
	// Totals are sampled by ticks and processes reckoned exactly, so their
	// difference may be a little below zero.
	used := less(later.busy, u.busy) - less(later.own, u.own) - less(later.kernel, u.kernel)
	return share(used), share(less(later.steal, u.steal))
}
