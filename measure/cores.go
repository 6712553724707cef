package measure

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Cores is how many of the host's cores this process may use: those that it may run
// on, or fewer where a control group bounds its time on them, as a container's does.
// It is not always whole.
func Cores() float64 { return coresOf(os.DirFS("/"), runtime.NumCPU()) }

// coresOf reads the files of a host, on allowed cores of which this process may run
// (sched_getaffinity(2)).
func coresOf(root fs.FS, allowed int) float64 {
	return min(float64(allowed), quotaOf(root))
}

// coresFact is "2", or "2 of 64 (control group)" where the host has more.
func coresFact(root fs.FS, allowed int) string {
	usable, host := coresOf(root, allowed), onlineCores(root)
	text := strconv.FormatFloat(usable, 'g', 4, 64)
	switch {
	case usable < float64(allowed):
		return fmt.Sprintf("%s of %d (control group)", text, max(allowed, host))
	case allowed < host:
		return fmt.Sprintf("%s of %d (affinity)", text, host)
	}
	return text
}

// onlineCores counts a list as "0-3,6" (Linux,
// Documentation/admin-guide/cputopology.rst); 0 where there is none.
func onlineCores(root fs.FS) int {
	n := 0
	for part := range strings.SplitSeq(strings.TrimSpace(read(root, "sys/devices/system/cpu/online")), ",") {
		first, last, ranged := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		to := from
		if err == nil && ranged {
			to, err = strconv.Atoi(last)
		}
		if err != nil || to < from {
			return 0
		}
		n += to - from + 1
	}
	return n
}

// quotaOf is the least share of the cores' time that this process's control groups
// leave it, in cores; +Inf where none does.
func quotaOf(root fs.FS) float64 {
	least := math.Inf(1)
	for _, dir := range groupDirs(root, "cpu") {
		var quota, period string
		if fields := strings.Fields(read(root, dir+"/cpu.max")); len(fields) == 2 { // v2: "200000 100000", or "max 100000"
			quota, period = fields[0], fields[1]
		} else {
			quota, period = strings.TrimSpace(read(root, dir+"/cpu.cfs_quota_us")), strings.TrimSpace(read(root, dir+"/cpu.cfs_period_us"))
		}
		q, err := strconv.ParseInt(quota, 10, 64)
		p, perr := strconv.ParseInt(period, 10, 64)
		if err == nil && perr == nil && q > 0 && p > 0 { // v1 says -1 of no quota
			least = min(least, float64(q)/float64(p))
		}
	}
	return least
}

// memoryLimitOf is the least bytes that this process's control groups leave it;
// MaxInt64 where none bounds it.
func memoryLimitOf(root fs.FS) int64 {
	least := int64(math.MaxInt64)
	for _, dir := range groupDirs(root, "memory") {
		for _, file := range []string{"memory.max", "memory.limit_in_bytes"} {
			if n, err := strconv.ParseInt(strings.TrimSpace(read(root, dir+"/"+file)), 10, 64); err == nil && n > 0 {
				least = min(least, n)
			}
		}
	}
	return least
}

// groupDirs are the directories of this process's control groups that may bound it,
// and of those above, as systems mount them: version 2 on /sys/fs/cgroup, or beside
// version 1 on unified; version 1 in a directory for each controller. In a container
// its own group may be the root of the mount whatever its path says, which then is
// not there.
func groupDirs(root fs.FS, controller string) (dirs []string) {
	for line := range strings.Lines(read(root, "proc/self/cgroup")) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		var mounts []string
		switch list := fields[1]; {
		case list == "":
			mounts = []string{"sys/fs/cgroup", "sys/fs/cgroup/unified"}
		case slices.Contains(strings.Split(list, ","), controller):
			mounts = []string{"sys/fs/cgroup/" + list}
			if list != controller {
				mounts = append(mounts, "sys/fs/cgroup/"+controller)
			}
		}
		for _, mount := range mounts {
			for at := path.Clean("/" + fields[2]); ; at = path.Dir(at) {
				dirs = append(dirs, strings.TrimSuffix(mount+at, "/"))
				if at == "/" {
					break
				}
			}
		}
	}
	return dirs
}
