package cachebench

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// called are what the apps of the Scenario's trace are called, as a plan on it names them,
// by the lineKey of their lines on instances of their own.
func (j *Job) called() map[string]string {
	looked := *j // what is left out is told by another
	known := looked.newTraceApps()
	for i := range j.Scenario.Trace.Starts {
		if line := &j.Scenario.Trace.Starts[i]; line.Node == "" {
			known.of(line)
		}
	}
	return known.tellApart()
}

// tellApart names apps that the trace calls alike, and that have other images, by those:
// web [web:1.4.2]. It returns all names by lineKey.
func (t *traceApps) tellApart() map[string]string {
	apps, names := t.apps, make([]string, len(t.apps))
	alike, taken := make(map[string]int), make(map[string]bool)
	holding := make(map[[2]string]int)
	for i := range apps {
		names[i] = apps[i].Name
		alike[apps[i].Name]++
		taken[apps[i].Name] = true
		for _, ref := range slices.Compact(slices.Sorted(slices.Values(apps[i].AllImages()))) {
			holding[[2]string{apps[i].Name, ref}]++
		}
	}
	for i := range apps {
		name := names[i]
		if alike[name] < 2 {
			continue
		}
		var own []string
		for _, ref := range apps[i].AllImages() {
			if holding[[2]string{name, ref}] < alike[name] {
				own = append(own, shortName(ref))
			}
		}
		label := fmt.Sprintf("%s [%s]", name, strings.Join(own, " "))
		for k := 2; taken[label]; k++ {
			label = fmt.Sprintf("%s [%s]", name, strings.Join(append(slices.Clone(own), fmt.Sprintf("#%d", k)), " "))
		}
		taken[label] = true
		apps[i].Name = label
	}
	called := make(map[string]string)
	for key, app := range t.known {
		if app >= 0 {
			called[key] = apps[app].Name
		}
	}
	return called
}

// shortName is a reference's last part, with no more of a digest than tells it apart.
func shortName(ref string) string {
	name, digest, pinned := strings.Cut(path.Base(ref), "@")
	if pinned {
		name += "@" + digest[:min(len(digest), len("sha256:")+12)]
	}
	return name
}
