package workload

import (
	"regexp"
	"strconv"
	"strings"
)

// A nameGuess is the app of a pod or a Job as its name alone tells it.
type nameGuess struct {
	// root is namespace/name without what controllers put at the end.
	root string
	// end is what was cut off of it that may as well be a part of the name: an index, a
	// random end. Only where pods with different ends are told is it known to be one.
	// Empty where nothing of that kind was cut off.
	end string
}

// whole is the name with the end.
func (g nameGuess) whole() string {
	if g.end == "" {
		return g.root
	}
	return g.root + "-" + g.end
}

var (
	// index is the number of a StatefulSet's or an Indexed Job's pod, and what scripts number
	// their Jobs by.
	index = regexp.MustCompile(`^[0-9]{1,7}$`)
	// longNumber is Argo's hash of a node's name (FNV-1a of 32 bits, in decimal), or a time.
	longNumber = regexp.MustCompile(`^[0-9]{8,13}$`)
)

const (
	// tektonPod ends the names of a TaskRun's pods.
	tektonPod = "-pod"
	// maxIndexes is how many numbers in a row may be an index: a LeaderWorkerSet has two.
	maxIndexes = 2
)

// guessApp tells the app of a pod by its name: behind the ends are a Deployment, a CronJob,
// a Job (with an index, or itself with a random end), a StatefulSet, a step of an Argo
// Workflow or a task of a Tekton PipelineRun.
func guessApp(namespace, pod string) nameGuess {
	guess := func(name, end string) nameGuess { return nameGuess{namespace + "/" + name, end} }
	parent, end, ok := cutLast(pod)
	switch {
	case !ok:
		return guess(pod, "")
	case longNumber.MatchString(end): // workflow-x4bcd-step-1234567890
		run, _ := cutRun(parent)
		return guess(run, "")
	case strings.HasSuffix(pod, tektonPod): // pipeline-x4bcd-task-pod
		if run, cut := cutRun(parent); cut {
			return guess(run, "")
		}
		return guess(pod, "")
	case !randomEnd.MatchString(end):
		stem, cut := cutEnds(pod)
		return guess(stem, cut)
	}
	if run, isTask := strings.CutSuffix(parent, tektonPod); isTask {
		if run, cut := cutRun(run); cut {
			return guess(run, "")
		}
	}
	if root := rootOf("", parent); root != parent {
		return guess(root, "")
	}
	stem, cut := cutEnds(parent)
	return guess(stem, cut)
}

// guessOwned is the app of a pod whose controller is told.
func guessOwned(namespace, kind, owner string) nameGuess {
	root := rootOf(kind, owner)
	if kind != "Job" || root != owner {
		return nameGuess{root: namespace + "/" + root}
	}
	stem, cut := cutEnds(owner)
	return nameGuess{namespace + "/" + stem, cut}
}

// cutEnds cuts off a name what may be an index, and before it a random end or a hash. A
// CronJob's time before an index tells its name for certain.
func cutEnds(name string) (stem, end string) {
	stem = name
	for range maxIndexes {
		parent, last, ok := cutLast(stem)
		if !ok || !index.MatchString(last) {
			break
		}
		stem = parent
		if at, cronJob := scheduled(stem); !at.IsZero() {
			return cronJob, ""
		}
	}
	if parent, last, ok := cutLast(stem); ok && (randomEnd.MatchString(last) || stem != name && templateHash.MatchString(last)) {
		stem = parent
	}
	return stem, strings.TrimPrefix(strings.TrimPrefix(name, stem), "-")
}

// cutRun cuts the random part, or the time, that tells the runs of a Workflow or a Pipeline
// apart out of the middle of a name.
func cutRun(name string) (string, bool) {
	parts := strings.Split(name, "-")
	for n := len(parts) - 1; n > 0; n-- {
		if randomEnd.MatchString(parts[n]) || longNumber.MatchString(parts[n]) {
			return strings.Join(append(parts[:n:n], parts[n+1:]...), "-"), true
		}
	}
	return name, false
}

// nameOf is what the app of a root is called: with the end that its pods' names have, where
// all have the same, which may then be a part of the name. An only index 0 is none.
func (t *tally) nameOf(root string) string {
	a := t.apps[root]
	if a.isNamed || a.hasEnds || a.end == "" {
		return root
	}
	end := strings.TrimSuffix(a.end, "-0")
	if end == "0" {
		return root
	}
	name := nameGuess{root, end}.whole()
	if t.apps[name] != nil {
		return root
	}
	return name
}

// numbered is a name with the first number from one on that no other app has.
func (t *tally) numbered(root string, from int, taken map[string]bool) string {
	for k := from; ; k++ {
		if name := root + "-" + strconv.Itoa(k); !taken[name] && t.apps[name] == nil {
			return name
		}
	}
}
