package calibrate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/simulate"
)

// factOf is the first of some facts that is known of a host.
func factOf(m *simulate.Measurement, names ...string) string {
	for _, name := range names {
		for _, f := range m.Facts {
			if strings.EqualFold(f.Name, name) && f.Value != "" {
				return f.Value
			}
		}
	}
	return ""
}

// hostOf describes where a timeline was measured.
func hostOf(m *simulate.Measurement) string {
	if m.Tool == simulate.ToolKubelet {
		if v := factOf(m, "nodes"); v != "" {
			return "a cluster's events, " + v + " nodes"
		}
		return "a cluster's events"
	}
	words := m.Tool
	if v := factOf(m, m.Tool, "puller"); v != "" {
		if words = v; !strings.Contains(v, m.Tool) {
			words = m.Tool + " " + v
		}
	}
	var where []string
	if v := factOf(m, "cores"); v != "" {
		if n, err := strconv.Atoi(v); err == nil {
			v = fmt.Sprintf("%d cores", n)
		}
		where = append(where, v)
	}
	for _, name := range []string{"file system", "containerd file system", "kernel"} {
		if v := factOf(m, name); v != "" {
			where = append(where, v)
		}
	}
	if where != nil {
		words += " on " + strings.Join(where, ", ")
	}
	return words
}

// machineOf tells hosts apart by all that is known of them, and tools too.
func machineOf(m *simulate.Measurement) string {
	facts := make([]string, len(m.Facts))
	for i, f := range m.Facts {
		facts[i] = f.Name + "=" + f.Value
	}
	slices.Sort(facts)
	return m.Tool + "\x01" + strings.Join(facts, "\x01")
}

func (d *Data) checkHosts() {
	if len(d.hosts) < 2 && len(d.machines) < 2 {
		return
	}
	words := strings.Join(d.hosts, "; ")
	if differ := d.differingFacts(); differ != nil {
		words += "; what differs is " + strings.Join(differ, ", ")
	}
	d.doubts = append(d.doubts, fmt.Sprintf("The timelines are of different hosts or versions (%s): one profile cannot be all of them; calibrate with each by itself.", words))
}

// differingFacts are the names of what is not the same on all hosts.
func (d *Data) differingFacts() []string {
	values, seen := make(map[string]map[string]bool), make(map[string]int)
	for _, facts := range d.machines {
		for _, f := range facts {
			if values[f.Name] == nil {
				values[f.Name] = make(map[string]bool)
			}
			values[f.Name][f.Value] = true
			seen[f.Name]++
		}
	}
	var names []string
	for name, all := range values {
		if len(all) > 1 || seen[name] < len(d.machines) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// checkConditions adds doubts about conditions that the simulation does not know.
func (d *Data) checkConditions() {
	dropped := 0
	for _, c := range d.cells {
		if c.dropped {
			dropped++
		}
	}
	if dropped > 0 {
		d.doubts = append(d.doubts, fmt.Sprintf("In %d of %d arms the page cache was dropped before each run: the simulation knows no page cache, so that what was read from the disk anew is in these arms' errors.", dropped, len(d.cells)))
	}
}
