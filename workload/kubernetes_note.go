package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A topic is what a note is about; notes come in this order.
type topic int

const (
	lowerBound topic = iota
	scaled
	noTimes
	nodePods
	cronJobs
	jobSeries
	jobsApart
	stillRunning
	neverRan
	manifestStarts
	manifestRuntime
	runOnce
	noSchedule
	suspended
	noSize
	noCPU
	noMemory
	largerLimits
	mixedPolicy
	mixedImages
	movedTag
	configOnly
	elsewhere
	noDigest
	notRendered
	injected
	imageLists
	oldReplicaSets
	otherItems
	emptyPods
	topics
)

// topicTexts take the list of what the note is about.
var topicTexts = [topics]string{
	lowerBound:      "startsPerDay is a lower bound from a look at the cluster as of %s: pods deleted before are not in it; put in what you know",
	scaled:          "startsPerDay is scaled to a day from the short time that the pods span, so it may also be too high: %s",
	noTimes:         "startsPerDay is unknown, as no pod has a creation time: put it in: %s",
	nodePods:        "DaemonSets' and static pods start with nodes, not in instances of their own: take them out to plan caches on ECI: %s",
	cronJobs:        "Kubernetes keeps only the last few Jobs of a CronJob: if it runs at an even pace, set startsPerDay from the time between its last runs: %s",
	jobSeries:       "Jobs that no controller makes, of one name but for a generated end and with the same images, requests and labels, are one app: %s",
	jobsApart:       "Jobs with generated names are an app each, as their images, requests or labels differ: put together by hand those that are one app: %s",
	stillRunning:    "runtimeSeconds is how long the pods run so far, a lower bound: %s",
	neverRan:        "runtimeSeconds is a guess, as no pod has run yet: put it in: %s",
	noSize:          "no CPU or memory is requested: ECI's default of 2 vCPU and 4 GiB is assumed: %s",
	noCPU:           "no CPU is requested: ECI's default of 2 vCPU is assumed: %s",
	noMemory:        "no memory is requested: ECI's default of 4 GiB is assumed: %s",
	largerLimits:    "limits are above the requests that cpu and memoryGiB are taken from; ECI sizes and bills an instance by its limits: %s",
	mixedPolicy:     "containers differ in their pull policies: the default rule (Always for :latest or no tag, else IfNotPresent) is assumed: %s",
	mixedImages:     "pods differ in their images, as in the midst of a rollout: the newest pod's are taken: %s",
	movedTag:        "pods run different digests of one reference: the newest pod's is locked: %s",
	configOnly:      "not locked, as the nodes tell only the digest of the image's config: %s",
	elsewhere:       "not locked, as the nodes tell only a digest in another repository: %s",
	noDigest:        "not locked, as no pod's status tells a digest: %s",
	manifestStarts:  "startsPerDay is unknown, as manifests tell no starts: one a day of each replica stands in: put it in: %s",
	manifestRuntime: "runtimeSeconds is unknown, as manifests tell none: 24h stands in for what keeps running, else 1h: put it in: %s",
	runOnce:         "what runs once is a burst at the month's start: put in how often you start it: %s",
	noSchedule:      "startsPerDay is unknown, as the manifest has no plain cron schedule: 1 stands in: put it in: %s",
	suspended:       "startsPerDay is 0, as the schedule is suspended: %s",
	notRendered:     "images that are templates, not rendered, or parameters were left out: %s",
	injected:        "containers that are injected into other pods make no app: %s",
	imageLists:      "lists of images to keep on nodes or in caches start nothing: %s",
	oldReplicaSets:  "old ReplicaSets, scaled to 0, were left out: %s",
	otherItems:      "items that start no pods were left out: %s",
	emptyPods:       "pods without name or image were left out: %s",
}

// notes are what there is to say, each with what it is about.
type notes [topics][]string

func (n *notes) note(about topic, subject string) {
	n[about] = append(n[about], subject)
}

// unrendered notes the images of a pod or template that are not rendered, with
// their lines.
func (n *notes) unrendered(o *object, meta *metadata, part string, spec *podSpec) {
	for _, i := range spec.images() {
		if isUnrendered(i.reference) {
			n.unrenderedImage(o, &i, i.where(o, meta, part))
		}
	}
}

func (n *notes) unrenderedImage(o *object, i *podImage, where string) {
	n.note(notRendered, fmt.Sprintf("%s:%d %s (%s)", o.file, i.line, shortText(i.reference), where))
}

// shortText is a text of the input as it can stand in a note.
func shortText(text string) string {
	const most = 60
	if len(text) > most {
		text = text[:most] + "…"
	}
	return plain(text)
}

// aboutApps are the topics whose subjects are apps, aboutReferences those of references.
// aboutInstances are those of apps that only an instance of each start's own has.
var (
	aboutApps = []topic{
		scaled, noTimes, nodePods, cronJobs, jobSeries, stillRunning, neverRan, manifestStarts, manifestRuntime, runOnce,
		noSchedule, suspended, noSize, noCPU, noMemory, largerLimits, mixedPolicy, mixedImages,
	}
	aboutReferences = []topic{movedTag, configOnly, elsewhere, noDigest}
	aboutInstances  = []topic{nodePods, largerLimits}
)

// keep drops what is about other apps and references than these; pools are the apps' by
// their names, empty where they run on instances of their own.
func (n *notes) keep(pools map[string]string, references []string) {
	drop := func(about topic, useless func(subject string) bool) {
		n[about] = slices.DeleteFunc(slices.Clone(n[about]), func(text string) bool {
			subject, _, _ := strings.Cut(text, " (")
			return useless(subject)
		})
	}
	for _, about := range aboutApps {
		drop(about, func(app string) bool {
			pool, ok := pools[app]
			return !ok || pool != "" && slices.Contains(aboutInstances, about)
		})
	}
	for _, about := range aboutReferences {
		drop(about, func(reference string) bool { return !slices.Contains(references, reference) })
	}
}

// texts are the notes, each with the first few things that it is about.
func (n *notes) texts() []string {
	var texts []string
	for about, subjects := range n {
		if len(subjects) > 0 {
			texts = append(texts, fmt.Sprintf(topicTexts[about], few(subjects)))
		}
	}
	return texts
}

// few lists the first few of these.
func few(subjects []string) string {
	const shown = 5
	list := strings.Join(subjects[:min(len(subjects), shown)], ", ")
	if more := len(subjects) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return list
}

// A view is one look at a cluster: when it was taken, and what there is to say.
type view struct {
	// seen is the newest time in the input, for there is no clock: no later than
	// kubectl was run.
	seen time.Time
	// span is from the oldest pod to seen.
	span time.Duration
	notes
}

// newView takes the pods, the oldest first, and what was noted when they were
// read.
func newView(records []*podRecord, read notes) *view {
	v := &view{}
	for about, subjects := range read {
		v.notes[about] = slices.Clone(subjects)
	}
	for _, r := range records {
		v.seen = later(v.seen, r.latest)
	}
	for _, r := range records {
		if isTime(r.created) {
			v.span = v.seen.Sub(r.created)
			v.note(lowerBound, v.seen.UTC().Format(time.RFC3339))
			break
		}
	}
	return v
}

// leftOut notes what was not used.
func (n *notes) leftOut(others map[string]int, nothing int) {
	for _, kind := range slices.Sorted(maps.Keys(others)) {
		if kind == noKind {
			n.note(otherItems, fmt.Sprintf("%d without a kind", others[kind]))
			continue
		}
		n.note(otherItems, fmt.Sprintf("%s %d", kind, others[kind]))
	}
	if nothing > 0 {
		n.note(emptyPods, fmt.Sprint(nothing))
	}
}

// digests returns what the references meant to the newest of the pods, which
// come the oldest first.
func (v *view) digests(records []*podRecord, references []string) []LockedDigest {
	known, moved := map[string]string{}, map[string]bool{}
	reasons := map[string]topic{}
	for _, r := range records {
		for _, d := range r.digests {
			before, ok := known[d.Reference]
			moved[d.Reference] = moved[d.Reference] || ok && before != d.Digest
			known[d.Reference] = d.Digest
		}
		for _, reference := range r.configOnly {
			reasons[reference] = configOnly
		}
		for _, reference := range r.elsewhere {
			reasons[reference] = elsewhere
		}
	}
	var locked []LockedDigest
	for _, reference := range slices.Sorted(slices.Values(references)) {
		digest, ok := known[reference]
		switch {
		case ok:
			locked = append(locked, LockedDigest{Reference: reference, Digest: digest})
			if moved[reference] {
				v.note(movedTag, reference)
			}
		case reasons[reference] != 0:
			v.note(reasons[reference], reference)
		case !strings.Contains(reference, "@"):
			v.note(noDigest, reference)
		}
	}
	return locked
}
