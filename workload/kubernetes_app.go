package workload

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// Alibaba Cloud gives an instance 2 vCPU and 4 GiB when nothing is asked for
// ("Specify vCPU and memory to create an instance", 2026-06-20).
const (
	eciDefaultCPU       = 2
	eciDefaultMemoryGiB = 4
)

const (
	day = 24 * time.Hour
	// leastSpan is the shortest time from which starts are scaled to a day.
	leastSpan = time.Hour
	// unknownRuntime stands in where no pod of an app has run yet.
	unknownRuntime = time.Hour
)

// A cluster collects the pods of an input.
type cluster struct {
	pods    map[string]*podRecord // by pod.key
	others  map[string]int        // items by kind
	nothing int                   // pods without name or image
}

func newCluster() *cluster {
	return &cluster{pods: map[string]*podRecord{}, others: map[string]int{}}
}

func (c *cluster) add(p *pod) error {
	r, err := p.record()
	switch {
	case errors.Is(err, errNotPod):
		kind := p.Kind
		if !kindName.MatchString(kind) {
			kind = "no kind"
		}
		c.others[kind]++
		return nil
	case errors.Is(err, errNothing):
		c.nothing++
		return nil
	case err != nil:
		return err
	}
	c.pods[p.key()] = r
	return nil
}

// imported makes the workload once all pods are known.
func (c *cluster) imported() *Imported {
	in := &Imported{Pods: len(c.pods), Skipped: c.nothing}
	for _, n := range c.others {
		in.Skipped += n
	}
	records := slices.SortedFunc(maps.Values(c.pods), func(a, b *podRecord) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.owner.namespace, b.owner.namespace), cmp.Compare(a.name, b.name))
	})
	v := newView(records)
	for _, a := range group(records) {
		app, origin := a.app(v)
		in.Workload.Apps = append(in.Workload.Apps, app)
		in.Origins = append(in.Origins, origin)
	}
	in.Digests = v.digests(records, in.Workload.References())
	v.leftOut(c)
	in.Notes = v.texts()
	return in
}

// appPods are the pods of one controller, the oldest first.
type appPods struct {
	name string
	pods []*podRecord
}

func (a *appPods) newest() *podRecord { return a.pods[len(a.pods)-1] }

// group sorts pods, the oldest first, to apps in order of name. Two controllers
// of one name in a namespace are told apart by their kinds.
func group(records []*podRecord) []*appPods {
	apps := map[owner]*appPods{}
	bearers := map[string]int{}
	for _, r := range records {
		key := r.owner
		key.kind = strings.ToLower(key.kind)
		if apps[key] == nil {
			apps[key] = &appPods{}
			bearers[key.namespace+"/"+key.name]++
		}
		apps[key].pods = append(apps[key].pods, r)
	}
	for key, a := range apps {
		if a.name = key.namespace + "/" + key.name; bearers[a.name] > 1 {
			a.name = key.namespace + "/" + key.kind + "/" + key.name
		}
	}
	return slices.SortedFunc(maps.Values(apps), func(a, b *appPods) int { return cmp.Compare(a.name, b.name) })
}

// app returns what the pods say of their app.
func (a *appPods) app(v *view) (App, Origin) {
	newest := a.newest()
	app := App{Name: a.name, Images: newest.images, InitImages: newest.initImages, PullPolicy: newest.policy}
	origin := Origin{Controller: newest.owner.kind, Pods: len(a.pods)}
	if app.PullPolicy == mixedPolicies {
		app.PullPolicy = ""
		v.note(mixedPolicy, a.name)
	}
	for _, p := range a.pods {
		if !slices.Equal(p.images, newest.images) || !slices.Equal(p.initImages, newest.initImages) {
			v.note(mixedImages, a.name)
			break
		}
	}
	if origin.Controller == "DaemonSet" || origin.Controller == "StaticPod" {
		v.note(nodePods, a.name)
	}
	app.CPU, app.MemoryGiB, origin.Resources = a.size(v)
	app.StartsPerDay, origin.StartsPerDay = a.starts(v)
	app.Runtime, origin.Runtime = a.runtime(v)
	a.noteSchedule(v)
	return app, origin
}

// size is what the newest pod requests, or for what it does not, ECI's default.
func (a *appPods) size(v *view) (cpu, memoryGiB float64, from string) {
	s, limits := a.newest().requests, a.newest().limits
	if limits.cpu > s.cpu && s.cpu > 0 || limits.memoryGiB > s.memoryGiB && s.memoryGiB > 0 {
		v.note(largerLimits, a.name)
	}
	switch {
	case s.cpu > 0 && s.memoryGiB > 0:
		return s.cpu, s.memoryGiB, "requested"
	case s.cpu > 0:
		v.note(noMemory, a.name)
		return s.cpu, eciDefaultMemoryGiB, "no memory is requested: ECI's default"
	case s.memoryGiB > 0:
		v.note(noCPU, a.name)
		return eciDefaultCPU, s.memoryGiB, "no CPU is requested: ECI's default"
	}
	v.note(noSize, a.name)
	return eciDefaultCPU, eciDefaultMemoryGiB, "nothing is requested: ECI's default"
}

// starts reckons how often the app starts from when its pods were made.
func (a *appPods) starts(v *view) (perDay float64, from string) {
	oldest, recent := time.Time{}, 0
	for _, p := range a.pods {
		if !isTime(p.created) {
			continue
		}
		if oldest.IsZero() {
			oldest = p.created
		}
		if v.seen.Sub(p.created) <= day {
			recent++
		}
	}
	switch {
	case oldest.IsZero():
		v.note(noTimes, a.name)
		return 0, "no pod has a creation time: unknown"
	case recent == 0:
		age := v.seen.Sub(oldest)
		return threeDigits(float64(len(a.pods)) * float64(day) / float64(age)),
			fmt.Sprintf("%s in the %.1f days since the oldest was made", count(len(a.pods), "pod"), age.Hours()/24)
	case v.span >= day:
		return float64(recent), count(recent, "pod") + " made in the last 24 h"
	case v.span >= leastSpan && a.ends():
		v.note(scaled, a.name)
		return threeDigits(float64(recent) * float64(day) / float64(v.span)),
			fmt.Sprintf("%s made in %s, scaled to a day", count(recent, "pod"), spell(v.span))
	}
	// What keeps running was most likely rolled out once in so short a time.
	return float64(recent), fmt.Sprintf("%s made in %s, not scaled to a day", count(recent, "pod"), spell(v.span))
}

// ends reports whether the app's pods run to an end, again and again.
func (a *appPods) ends() bool {
	return slices.ContainsFunc(a.pods, func(p *podRecord) bool {
		return p.succeeded || p.owner.kind == "Job" || p.owner.kind == "CronJob"
	})
}

// runtime is the median of finished pods, or else how old the running ones are.
func (a *appPods) runtime(v *view) (time.Duration, string) {
	var finished, running []time.Duration
	for _, p := range a.pods {
		switch {
		case p.finished:
			finished = append(finished, p.runtime)
		case isTime(p.running):
			running = append(running, max(0, v.seen.Sub(p.running)))
		}
	}
	switch {
	case len(finished) > 0:
		return median(finished), "median of " + count(len(finished), "finished pod")
	case len(running) > 0:
		v.note(stillRunning, a.name)
		return median(running), "so far, median of " + count(len(running), "running pod")
	}
	v.note(neverRan, a.name)
	return unknownRuntime, "a guess: no pod has run yet"
}

// noteSchedule tells how far apart a CronJob's kept runs are. They do not go
// into startsPerDay: three hourly runs a day look like one every hour.
func (a *appPods) noteSchedule(v *view) {
	times := map[time.Time]bool{}
	for _, p := range a.pods {
		if p.owner.kind == "CronJob" && isTime(p.scheduled) {
			times[p.scheduled] = true
		}
	}
	if len(times) < 2 {
		return
	}
	at := slices.SortedFunc(maps.Keys(times), time.Time.Compare)
	v.note(cronJobs, fmt.Sprintf("%s (%s)", a.name, spell(at[len(at)-1].Sub(at[len(at)-2]))))
}

// median of durations, which it sorts, in whole seconds.
func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	low, high := d[(len(d)-1)/2], d[len(d)/2]
	return (low + (high-low)/2).Truncate(time.Second)
}

func threeDigits(v float64) float64 {
	if v <= 0 {
		return 0
	}
	unit := math.Pow(10, 2-math.Floor(math.Log10(v)))
	return math.Round(v*unit) / unit
}

// spell writes 24h and 1h10m for 24h0m0s and 1h10m0s.
func spell(d time.Duration) string {
	text := d.Round(time.Second).String()
	if short, ok := strings.CutSuffix(text, "m0s"); ok {
		text = short + "m"
	}
	if short, ok := strings.CutSuffix(text, "h0m"); ok {
		text = short + "h"
	}
	return text
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// A topic is what a note is about; notes come in this order.
type topic int

const (
	lowerBound topic = iota
	scaled
	noTimes
	nodePods
	cronJobs
	stillRunning
	neverRan
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
	otherItems
	emptyPods
	topics
)

// topicTexts take the list of what the note is about.
var topicTexts = [topics]string{
	lowerBound:   "startsPerDay is a lower bound from a look at the cluster as of %s: pods deleted before are not in it; put in what you know",
	scaled:       "startsPerDay is scaled to a day from the short time that the pods span, so it may also be too high: %s",
	noTimes:      "startsPerDay is unknown, as no pod has a creation time: put it in: %s",
	nodePods:     "DaemonSets' and static pods start with nodes, not in instances of their own: take them out to plan caches on ECI: %s",
	cronJobs:     "Kubernetes keeps only the last few Jobs of a CronJob: if it runs at an even pace, set startsPerDay from the time between its last runs: %s",
	stillRunning: "runtimeSeconds is how long the pods run so far, a lower bound: %s",
	neverRan:     "runtimeSeconds is a guess, as no pod has run yet: put it in: %s",
	noSize:       "no CPU or memory is requested: ECI's default of 2 vCPU and 4 GiB is assumed: %s",
	noCPU:        "no CPU is requested: ECI's default of 2 vCPU is assumed: %s",
	noMemory:     "no memory is requested: ECI's default of 4 GiB is assumed: %s",
	largerLimits: "limits are above the requests that cpu and memoryGiB are taken from; ECI sizes and bills an instance by its limits: %s",
	mixedPolicy:  "containers differ in their pull policies: the default rule (Always for :latest or no tag, else IfNotPresent) is assumed: %s",
	mixedImages:  "pods differ in their images, as in the midst of a rollout: the newest pod's are taken: %s",
	movedTag:     "pods run different digests of one reference: the newest pod's is locked: %s",
	configOnly:   "not locked, as the nodes tell only the digest of the image's config: %s",
	elsewhere:    "not locked, as the nodes tell only a digest in another repository: %s",
	noDigest:     "not locked, as no pod's status tells a digest: %s",
	otherItems:   "items that are no pods were left out: %s",
	emptyPods:    "pods without name or image were left out: %s",
}

// A view is one look at a cluster: when it was taken, and what there is to say.
type view struct {
	// seen is the newest time in the input, for there is no clock: no later than
	// kubectl was run.
	seen time.Time
	// span is from the oldest pod to seen.
	span  time.Duration
	notes [topics][]string
}

// newView takes the pods, the oldest first.
func newView(records []*podRecord) *view {
	v := &view{}
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

func (v *view) note(about topic, subject string) {
	v.notes[about] = append(v.notes[about], subject)
}

// texts are the notes, each with the first few things that it is about.
func (v *view) texts() []string {
	var texts []string
	const shown = 5
	for about, subjects := range v.notes {
		if len(subjects) == 0 {
			continue
		}
		list := strings.Join(subjects[:min(len(subjects), shown)], ", ")
		if more := len(subjects) - shown; more > 0 {
			list += fmt.Sprintf(" and %d more", more)
		}
		texts = append(texts, fmt.Sprintf(topicTexts[about], list))
	}
	return texts
}

// leftOut notes what was not used.
func (v *view) leftOut(c *cluster) {
	for _, kind := range slices.Sorted(maps.Keys(c.others)) {
		v.note(otherItems, fmt.Sprintf("%s %d", kind, c.others[kind]))
	}
	if c.nothing > 0 {
		v.note(emptyPods, fmt.Sprint(c.nothing))
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
