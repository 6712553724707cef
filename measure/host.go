package measure

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/simulate"
)

// Names of facts of a host.
const (
	FactCores       = "cores"
	FactCPU         = "CPU"
	FactMemory      = "memory"
	FactKernel      = "kernel"
	FactSystem      = "system"
	FactVirtualised = "virtualised"
	FactGo          = "Go"
	FactFileSystem  = "file system"
	FactDecoder     = "gzip decoder"
)

// Names of facts of an experiment, which Run adds.
const (
	FactRegistry = "registry" // where the images come from; see Origin
	FactLink     = "link"     // what is between registry and nodes
)

// HostFacts describe this host and, where dir is not empty, the file system that
// dir is on. What cannot be found out is left out.
func HostFacts(dir string) []simulate.Fact {
	facts := hostFacts(os.DirFS("/"))
	if dir != "" {
		if fs := fileSystemOf(dir, os.DirFS("/proc")); fs != "" {
			facts = append(facts, simulate.Fact{Name: FactFileSystem, Value: fs})
		}
	}
	return facts
}

// withFacts adds facts that a runner did not tell of.
func withFacts(facts, more []simulate.Fact) []simulate.Fact {
	all := slices.Clone(facts)
	for _, f := range more {
		if !slices.ContainsFunc(facts, func(g simulate.Fact) bool { return g.Name == f.Name }) {
			all = append(all, f)
		}
	}
	return all
}

// hostFacts reads the files of a host.
func hostFacts(root fs.FS) []simulate.Fact {
	var facts []simulate.Fact
	add := func(name, value string) {
		if value = strings.TrimSpace(value); value != "" {
			facts = append(facts, simulate.Fact{Name: name, Value: value})
		}
	}
	info := read(root, "proc/cpuinfo")
	add(FactCores, coresFact(root, runtime.NumCPU()))
	add(FactCPU, cmp.Or(keyed(info, "model name"), keyed(info, "Processor"), runtime.GOARCH))
	add(FactMemory, memory(read(root, "proc/meminfo"), memoryLimitOf(root)))
	add(FactKernel, cmp.Or(read(root, "proc/sys/kernel/osrelease"), runtime.GOOS))
	add(FactSystem, strings.Trim(keyed(read(root, "etc/os-release"), "PRETTY_NAME"), `"`))
	add(FactVirtualised, virtualised(root, info))
	add(FactGo, runtime.Version())
	return facts
}

func read(root fs.FS, name string) string {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return ""
	}
	return string(text)
}

// keyed returns the value of the first line "key: value" or "key=value".
func keyed(text, key string) string {
	for line := range strings.Lines(text) {
		if i := strings.IndexAny(line, ":="); i >= 0 && strings.TrimSpace(line[:i]) == key {
			return strings.TrimSpace(line[i+1:])
		}
	}
	return ""
}

// memory is "23.5 GiB", or "2.0 of 23.5 GiB (control group)".
func memory(info string, limitBytes int64) string {
	number, _, _ := strings.Cut(keyed(info, "MemTotal"), " ")
	kib, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return ""
	}
	text := fmt.Sprintf("%.1f GiB", float64(kib)/(1<<20))
	if limitBytes>>10 < kib {
		return fmt.Sprintf("%.1f of %s (control group)", float64(limitBytes)/(1<<30), text)
	}
	return text
}

// virtualised says whether the processor shows a hypervisor, where the system
// tells at all.
func virtualised(root fs.FS, cpuinfo string) string {
	if kind := strings.TrimSpace(read(root, "sys/hypervisor/type")); kind != "" {
		return "yes, " + kind
	}
	flags := keyed(cpuinfo, "flags")
	switch {
	case slices.Contains(strings.Fields(flags), "hypervisor"):
		return "yes"
	case flags != "":
		return "no"
	}
	return ""
}

// fileSystemOf is the type and the device of what dir is on, such as "ext4 on
// /dev/vda1".
func fileSystemOf(dir string, proc fs.FS) string {
	path, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	kind, device := mountOf(read(proc, "self/mountinfo"), path)
	magic, name := fileSystemMagic(path)
	switch {
	case kind == "":
		return name
	case name != "" && name != kind && magic != 0:
		// The mount table and the file system disagree: a mount lies over dir
		// that the table does not show.
		return fmt.Sprintf("%s (mounted as %s on %s)", name, kind, device)
	}
	return kind + " on " + device
}

// mountOf finds the mount that a path is on in a mountinfo: the last of those with the
// longest mount point.
func mountOf(mountinfo, path string) (kind, device string) {
	longest := -1
	for _, m := range Mounts(mountinfo) {
		if len(m.Point) >= longest && within(path, m.Point) {
			longest, kind, device = len(m.Point), m.Type, m.Device
		}
	}
	return kind, device
}

// Mount is one line of a mountinfo.
type Mount struct {
	// Point is where it is mounted, Type the file system's, Device what it is of.
	Point, Type, Device string
}

// Mounts reads a mountinfo (proc(5)) in its order: of two at one point the later one
// lies above. Lines of other forms tell nothing.
func Mounts(mountinfo string) (mounts []Mount) {
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - ")
		fields, source := strings.Fields(before), strings.Fields(after)
		if ok && len(fields) >= 5 && len(source) >= 2 {
			mounts = append(mounts, Mount{unescaped(fields[4]), source[0], unescaped(source[1])})
		}
	}
	return mounts
}

func within(path, point string) bool {
	return path == point || strings.HasPrefix(path, strings.TrimSuffix(point, "/")+"/")
}

// unescaped undoes the octal escapes of blanks in a mount table.
func unescaped(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var out bytes.Buffer
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
