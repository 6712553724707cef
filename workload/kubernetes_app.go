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

// A cluster collects what the inputs hold. Its zero value is empty.
type cluster struct {
	pods      map[string]*podRecord // by pod.key
	manifests map[owner][]*manifest // by owner.key
	others    map[string]int        // items by kind
	nothing   int                   // pods without name or image
	jobs      jobOwners
	series    seriesOf
	skipped   int // items with images that start nothing
	notes     notes
}

func (c *cluster) add(o *object) error {
	if c.pods == nil {
		c.pods, c.manifests, c.others = map[string]*podRecord{}, map[owner][]*manifest{}, map[string]int{}
	}
	p, err := o.pod()
	switch {
	case err != nil:
		return err
	case p == nil:
		return c.addManifest(o)
	}
	if err := c.noteUnrendered(o, &p.Metadata, &p.Spec); err != nil {
		return err
	}
	r, err := p.record()
	switch {
	case errors.Is(err, errNothing):
		c.nothing++
		return nil
	case err != nil:
		return o.fault(o.line, "%w", err)
	}
	c.pods[p.key()] = r
	return nil
}

// noteUnrendered notes a pod's images that are not rendered.
func (c *cluster) noteUnrendered(o *object, meta *metadata, spec *podSpec) error {
	if !slices.ContainsFunc(spec.images(), func(i podImage) bool { return isUnrendered(i.reference) }) {
		return nil
	}
	spec, err := o.located()
	if err != nil {
		return err
	}
	c.notes.unrendered(o, meta, "", spec)
	return nil
}

// imported makes the workload once all is known.
func (c *cluster) imported() *Imported {
	in := &Imported{Pods: len(c.pods), Skipped: c.nothing + c.skipped}
	for _, n := range c.others {
		in.Skipped += n
	}
	records := slices.SortedFunc(maps.Values(c.pods), func(a, b *podRecord) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.owner.namespace, b.owner.namespace), cmp.Compare(a.name, b.name))
	})
	c.jobs.adopt(records)
	v := newView(records, c.notes)
	manifests := c.alone(records, v)
	c.series = newSeriesOf(records, manifests)
	for _, name := range c.series.apart() {
		v.note(jobsApart, name)
	}
	for _, a := range group(records, manifests, c.series) {
		app, origin := a.app(v)
		in.Workload.Apps = append(in.Workload.Apps, app)
		in.Origins = append(in.Origins, origin)
		if a.manifest != nil {
			in.Manifests++
		}
	}
	in.Digests = v.digests(records, in.Workload.References())
	v.leftOut(c.others, c.nothing)
	in.said = v.notes
	in.Notes = in.notes()
	return in
}

// appPods are the pods of one controller, the oldest first.
type appPods struct {
	name string
	pods []*podRecord
	// manifest is what the app is made from where no pod is known; then pods are
	// one, of its template.
	manifest *manifest
	// series is what the app's Jobs are, where they are one; images sorts those of one name.
	series *series
	images string
}

func (a *appPods) part() string {
	if a.manifest == nil {
		return ""
	}
	return a.manifest.part
}

func (a *appPods) newest() *podRecord { return a.pods[len(a.pods)-1] }

// group sorts pods, the oldest first, and manifests to apps in order of name.
// Two controllers of one name in a namespace are told apart by their kinds.
func group(records []*podRecord, manifests []*manifest, all seriesOf) []*appPods {
	type key struct {
		owner
		part string
		of   seriesKey
	}
	apps := map[key]*appPods{}
	bearers := map[string]int{}
	app := func(r *podRecord, part string) *appPods {
		k := key{owner: r.owner.key(), part: part}
		name := r.owner.name
		of, s := all.of(r)
		if s != nil && part == "" {
			k.of, k.name, name = of, s.name, s.name
		} else {
			s = nil
		}
		if apps[k] == nil {
			apps[k] = &appPods{name: r.owner.namespace + "/" + name, series: s, images: of.images}
			if part != "" {
				apps[k].name += "/" + part
			}
			bearers[apps[k].name]++
		}
		return apps[k]
	}
	for _, r := range records {
		a := app(r, "")
		a.pods = append(a.pods, r)
	}
	for _, m := range manifests {
		a := app(&m.podRecord, m.part)
		if len(a.pods) > 0 && a.manifest == nil {
			continue
		}
		if a.series != nil && a.manifest != nil { // each runs once
			more := *m
			more.replicas += a.manifest.replicas
			m = &more
		}
		a.pods, a.manifest = []*podRecord{&m.podRecord}, m
	}
	for k, a := range apps {
		if bearers[a.name] > 1 {
			a.name = k.namespace + "/" + k.kind + strings.TrimPrefix(a.name, k.namespace)
		}
	}
	sorted := slices.SortedFunc(maps.Values(apps), func(a, b *appPods) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.newest().owner.kind, b.newest().owner.kind), cmp.Compare(a.part(), b.part()),
			cmp.Compare(a.images, b.images), cmp.Compare(a.firstJob(), b.firstJob()))
	})
	number(sorted)
	return sorted
}

// firstJob is the first in order of name of a series; empty of another app.
func (a *appPods) firstJob() string {
	if a.series == nil {
		return ""
	}
	return slices.Min(slices.Collect(maps.Keys(a.series.jobs)))
}

// number makes the few names differ that are still the same: a part of one
// object may be called as another object is.
func number(apps []*appPods) {
	taken := map[string]bool{}
	for _, a := range apps {
		name := a.name
		for n := 2; taken[a.name]; n++ {
			a.name = fmt.Sprintf("%s-%d", name, n)
		}
		taken[a.name] = true
	}
}

// app returns what the pods say of their app.
func (a *appPods) app(v *view) (App, Origin) {
	newest := a.newest()
	app := App{Name: a.name, Images: newest.images, InitImages: newest.initImages, PullPolicy: newest.policy, Controller: newest.owner.kind}
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
	if a.series != nil {
		v.note(jobSeries, fmt.Sprintf("%s (%d Jobs named %s-…)", a.name, len(a.series.jobs), a.series.name))
	}
	app.CPU, app.MemoryGiB, origin.Resources = a.size(v)
	if a.manifest != nil {
		origin.Pods = 0
		a.manifest.tell(a.name, &app, &origin, v)
		return app, origin
	}
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
