package measure

import (
	"math"
	"testing"
	"testing/fstest"
)

// rootOf is a host's files by their names.
func rootOf(files map[string]string) fstest.MapFS {
	root := fstest.MapFS{}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

// TestCores: by hand, on a host of 64 cores, of which this process may run on those
// allowed.
func TestCores(t *testing.T) {
	for _, test := range []struct {
		name    string
		allowed int
		files   map[string]string
		cores   float64
		fact    string
	}{
		{"a host without groups", 64, nil, 64, "64"},
		{"v2 without a quota", 64, map[string]string{"proc/self/cgroup": "0::/user.slice\n", "sys/fs/cgroup/user.slice/cpu.max": "max 100000\n"}, 64, "64"},
		// docker run --cpus 2, with a namespace of control groups: the root is the container's.
		{"v2 in a container", 64, map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2, "2 of 64 (control group)"},
		{"v2 not whole", 64, map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1.5, "1.5 of 64 (control group)"},
		{"v2 bounded above", 64, map[string]string{
			"proc/self/cgroup":            "0::/a/b/c\n",
			"sys/fs/cgroup/a/cpu.max":     "300000 100000\n",
			"sys/fs/cgroup/a/b/cpu.max":   "800000 100000\n",
			"sys/fs/cgroup/other/cpu.max": "100000 100000\n",
		}, 3, "3 of 64 (control group)"},
		{"outside of its namespace", 64, map[string]string{"proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/cpu.max": "400000 100000\n"}, 4, "4 of 64 (control group)"},
		// A container on version 1: its path is the host's, the mount its own.
		{"v1", 64, map[string]string{
			"proc/self/cgroup":                            "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n",
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us":  "250000\n",
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
		}, 2.5, "2.5 of 64 (control group)"},
		{"v1 without a quota", 64, map[string]string{
			"proc/self/cgroup":                    "1:cpu:/\n",
			"sys/fs/cgroup/cpu/cpu.cfs_quota_us":  "-1\n",
			"sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
		}, 64, "64"},
		{"v1 beside v2", 64, map[string]string{
			"proc/self/cgroup":                      "1:cpu:/x\n0::/y\n",
			"sys/fs/cgroup/cpu/x/cpu.cfs_quota_us":  "600000\n",
			"sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000\n",
			"sys/fs/cgroup/unified/y/cpu.max":       "max 100000\n",
		}, 6, "6 of 64 (control group)"},
		{"affinity", 8, nil, 8, "8 of 64 (affinity)"},
		{"a quota above the affinity", 8, map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "900000 100000\n"}, 8, "8 of 64 (affinity)"},
		{"nonsense", 64, map[string]string{"proc/self/cgroup": "0::/\nx\n::\n", "sys/fs/cgroup/cpu.max": "fast\n"}, 64, "64"},
	} {
		root := rootOf(test.files)
		root["sys/devices/system/cpu/online"] = &fstest.MapFile{Data: []byte("0-31,32-62,63\n")}
		if got := coresOf(root, test.allowed); got != test.cores {
			t.Errorf("%s: %v cores, want %v", test.name, got, test.cores)
		}
		if got := coresFact(root, test.allowed); got != test.fact {
			t.Errorf("%s: the fact is %q, want %q", test.name, got, test.fact)
		}
	}
	if got := coresFact(fstest.MapFS{}, 8); got != "8" {
		t.Errorf("where the host's cores are not known: %q", got)
	}
	if n := Cores(); !(n > 0) {
		t.Errorf("%v cores here", n)
	}
}

// TestMemoryLimit: what a container may use is told beside what the host has.
func TestMemoryLimit(t *testing.T) {
	const info = "MemTotal:       24683620 kB\n"
	for name, test := range map[string]struct {
		files map[string]string
		want  string
	}{
		"none":             {nil, "23.5 GiB"},
		"v2":               {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "2147483648\n"}, "2.0 of 23.5 GiB (control group)"},
		"v2 without":       {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, "23.5 GiB"},
		"v1":               {map[string]string{"proc/self/cgroup": "4:memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "1073741824\n"}, "1.0 of 23.5 GiB (control group)"},
		"v1 without":       {map[string]string{"proc/self/cgroup": "4:memory:/x\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n"}, "23.5 GiB"},
		"above the host's": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "99999999999999\n"}, "23.5 GiB"},
	} {
		root := rootOf(test.files)
		root["proc/meminfo"] = &fstest.MapFile{Data: []byte(info)}
		got := ""
		for _, f := range hostFacts(root) {
			if f.Name == FactMemory {
				got = f.Value
			}
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if memoryLimitOf(fstest.MapFS{}) != math.MaxInt64 {
		t.Error("there is a limit where there are no groups")
	}
}

// FuzzCores: whatever control groups say, there are some cores, and no more than
// allowed.
func FuzzCores(f *testing.F) {
	f.Add("0::/a/b\n4:cpu,cpuacct:/x", "150000 100000")
	f.Add("0::/../..", "max 0")
	f.Fuzz(func(t *testing.T, groups, quota string) {
		root := rootOf(map[string]string{"proc/self/cgroup": groups, "sys/fs/cgroup/cpu.max": quota, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": quota, "sys/devices/system/cpu/online": quota})
		if n := coresOf(root, 4); !(n > 0) || n > 4 {
			t.Fatalf("%v cores", n)
		}
		if coresFact(root, 4) == "" {
			t.Fatal("no fact")
		}
	})
}
