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
// web [web:1.4.2]; by all of its images, in their order, one that has none of its own, or none
// that another of the name has not too. It returns all names by lineKey.
func (t *traceApps) tellApart() map[string]string {
	apps := t.apps
	alike, taken, holding := make(map[string]int), make(map[string]bool), make(map[[2]string]int)
	for i := range apps {
		alike[apps[i].Name]++
		taken[apps[i].Name] = true
		for _, ref := range slices.Compact(slices.Sorted(slices.Values(apps[i].AllImages()))) {
			holding[[2]string{apps[i].Name, ref}]++
		}
	}
	labels, same := make([]string, len(apps)), make(map[string]int)
	for i := range apps {
		own := slices.DeleteFunc(apps[i].AllImages(), func(ref string) bool { return holding[[2]string{apps[i].Name, ref}] == alike[apps[i].Name] })
		labels[i] = appLabel(apps[i].Name, own)
		same[labels[i]]++
	}
	for i := range apps {
		name := apps[i].Name
		if alike[name] < 2 {
			continue
		}
		label := labels[i]
		if same[label] > 1 || label == appLabel(name, nil) {
			label = appLabel(name, apps[i].AllImages())
		}
		plain := strings.TrimSuffix(label, "]")
		for k := 2; taken[label]; k++ {
			label = fmt.Sprintf("%s #%d]", plain, k)
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

// appLabel is the name of an app with some of its images.
func appLabel(name string, images []string) string {
	short := make([]string, len(images))
	for i, ref := range images {
		short[i] = shortName(ref)
	}
	return fmt.Sprintf("%s [%s]", name, strings.Join(short, " "))
}

// shortName is a reference's last part, with no more of a digest than tells it apart.
func shortName(ref string) string {
	name, digest, pinned := strings.Cut(path.Base(ref), "@")
	if pinned {
		name += "@" + digest[:min(len(digest), len("sha256:")+12)]
	}
	return name
}
