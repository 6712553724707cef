package workload

import (
	"fmt"
	"hash/fnv"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A series is of Jobs that no controller makes and whose names differ only in an end that
// is generated, as CI and workflow engines make them: one app, as far as their pods are of
// one template.
type series struct {
	// name is what their names have in common.
	name string
	// jobs are their names.
	jobs map[string]bool
	// ends are how long the generated ends are.
	ends map[int]bool
	// generated counts those of which the end looks so.
	generated int
}

// leastSeries is how many Jobs are a series, all but one of them with a generated end: two
// of one template may be two things by chance.
const leastSeries = 3

func (s *series) isOne() bool { return len(s.jobs) >= leastSeries && s.generated >= leastSeries-1 }

// seriesKey tells Jobs apart that are not one app whatever their names are.
type seriesKey struct {
	namespace, name, images string
	requests, limits        size
	policy                  string
	labels                  uint64
}

// seriesOf sorts Jobs by what they have in common. Those that other objects made are none.
type seriesOf map[seriesKey]*series

func newSeriesOf(records []*podRecord, manifests []*manifest) seriesOf {
	all := seriesOf{}
	// First those whose ends look generated, then those that end likewise by their length.
	for _, sure := range []bool{true, false} {
		for _, r := range records {
			all.add(r, "", sure)
		}
		for _, m := range manifests {
			if m.parent.name == "" {
				all.add(&m.podRecord, m.part, sure)
			}
		}
	}
	return all
}

func (all seriesOf) add(r *podRecord, part string, sure bool) {
	name, end := cutEnd(r.owner.name)
	if !r.isSerial() || part != "" || end == "" || isGenerated(end) != sure {
		return
	}
	key := r.seriesKey(name)
	s := all[key]
	switch {
	case s == nil && !sure, !sure && !s.ends[len(end)]:
		return
	case s == nil:
		s = &series{name: name, jobs: map[string]bool{}, ends: map[int]bool{}}
		all[key] = s
	}
	if sure && !s.jobs[r.owner.name] {
		s.generated++
	}
	s.jobs[r.owner.name], s.ends[len(end)] = true, true
}

// of is the series that a Job is one of; nil where it is an app of its own.
func (all seriesOf) of(r *podRecord) (seriesKey, *series) {
	if !r.isSerial() {
		return seriesKey{}, nil
	}
	name, _ := cutEnd(r.owner.name)
	key := r.seriesKey(name)
	if s := all[key]; s != nil && s.isOne() && s.jobs[r.owner.name] {
		return key, s
	}
	return seriesKey{}, nil
}

// apart are the names that so many Jobs share that they would be a series, were they of one
// template, each with how many there are.
func (all seriesOf) apart() []string {
	type named struct{ namespace, name string }
	jobs := map[named]int{}
	for key, s := range all {
		if !s.isOne() {
			jobs[named{key.namespace, key.name}] += len(s.jobs)
		}
	}
	var list []string
	for n, count := range jobs {
		if count >= leastSeries {
			list = append(list, fmt.Sprintf("%s/%s-… (%d Jobs)", n.namespace, n.name, count))
		}
	}
	slices.Sort(list)
	return list
}

// isSerial says whether a Job started the pod that no CronJob made.
func (r *podRecord) isSerial() bool { return r.owner.kind == "Job" && !r.made }

func (r *podRecord) seriesKey(name string) seriesKey {
	return seriesKey{
		r.owner.namespace, name, strings.Join(r.images, " ") + "\n" + strings.Join(r.initImages, " "),
		r.requests, r.limits, r.policy, r.labels,
	}
}

var (
	uuidEnd  = regexp.MustCompile(`-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	plainEnd = regexp.MustCompile(`^[0-9a-z]{5,}$`)
	// numberEnd is a time or the number of a run, hexEnd a hash, mixedEnd has a letter
	// behind a digit, as a word with a version has not.
	numberEnd = regexp.MustCompile(`^[0-9]{6,}$`)
	hexEnd    = regexp.MustCompile(`^[0-9a-f]{8,}$`)
	mixedEnd  = regexp.MustCompile(`[0-9].*[a-z]`)
)

// cutEnd cuts what may be generated off a name; the end is empty where nothing is.
func cutEnd(name string) (start, end string) {
	if at := uuidEnd.FindStringIndex(name); at != nil && at[0] > 0 {
		return name[:at[0]], name[at[0]+1:]
	}
	start, end, ok := cutLast(name)
	if !ok || !plainEnd.MatchString(end) {
		return name, ""
	}
	return start, end
}

// isGenerated says whether the end of a name is one that no person writes.
func isGenerated(end string) bool {
	return randomEnd.MatchString(end) || numberEnd.MatchString(end) || hexEnd.MatchString(end) || mixedEnd.MatchString(end)
}

// ownLabels are those that Kubernetes gives the pods of each Job by itself.
var ownLabels = []string{
	"job-name", "controller-uid", "batch.kubernetes.io/job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-completion-index",
}

// labelsSum tells the labels of Jobs' pods apart, without those that differ from Job to Job
// as its name does.
func labelsSum(labels map[string]string, job string) uint64 {
	_, end := cutEnd(job)
	sum := fnv.New64a()
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if value := labels[key]; !slices.Contains(ownLabels, key) && value != job && (end == "" || value != end) {
			fmt.Fprintf(sum, "%q=%q\n", key, value)
		}
	}
	return sum.Sum64()
}

// A jobOwners knows of Jobs who made them, by their manifests.
type jobOwners map[owner]owner

// note takes a Job that another object made.
func (j *jobOwners) note(o *object, meta *metadata) {
	c := meta.controller()
	if o.kind != "Job" || c.Name == "" || !objectName.MatchString(c.Name) || !kindName.MatchString(c.Kind) {
		return
	}
	if *j == nil {
		*j = jobOwners{}
	}
	namespace := meta.Namespace
	if namespace == "" {
		namespace = "default"
	}
	(*j)[owner{namespace, o.kind, meta.name()}.key()] = owner{namespace, c.Kind, c.Name}
}

// adopt gives pods of a Job to the CronJob that made it, whatever the Job is called.
func (j jobOwners) adopt(records []*podRecord) {
	for _, r := range records {
		maker, ok := j[r.owner.key()]
		switch {
		case !ok || r.owner.kind != "Job":
		case maker.kind == "CronJob":
			r.owner = maker
		default:
			r.made = true
		}
	}
}
