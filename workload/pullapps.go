package workload

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// nameApps sorts the pods to apps, as Importer does.
func (b *historyBuilder) nameApps() {
	b.appOf, b.series = map[string]string{}, map[string]string{}
	b.podsOf, b.policies, b.secrets = map[string][]*pullPod{}, map[[2]string]string{}, map[string]bool{}
	keys := map[*podRecord]string{}
	for key, p := range b.importer.pods {
		keys[p.podRecord] = key
	}
	records := b.records()
	b.importer.jobs.adopt(records)
	all := b.importer.series
	if all == nil {
		all = newSeriesOf(records, nil)
	}
	b.apps, b.apart = group(records, nil, all), all.apart()
	for _, a := range b.apps {
		for _, r := range a.pods {
			b.appOf[keys[r]] = a.name
			p := b.importer.pods[keys[r]]
			b.podsOf[a.name] = append(b.podsOf[a.name], p)
			for _, c := range p.containers { // the newest pod's hold
				b.policies[[2]string{a.name, c.reference}] = c.policy
			}
			b.secrets[a.name] = p.secrets
			if parent, _, ok := cutLast(r.name); ok {
				b.series[r.owner.namespace+"/"+parent] = a.name
			}
		}
	}
}

// records are the pods', the oldest first.
func (b *historyBuilder) records() []*podRecord {
	var records []*podRecord
	for _, key := range slices.Sorted(maps.Keys(b.importer.pods)) {
		records = append(records, b.importer.pods[key].podRecord)
	}
	slices.SortStableFunc(records, func(a, b *podRecord) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.owner.namespace, b.owner.namespace), cmp.Compare(a.name, b.name))
	})
	return records
}

var (
	// randomEnd and templateHash are what controllers put at the end of names
	// (k8s.io/apimachinery, pkg/util/rand: no vowels, no 0, 1 and 3).
	randomEnd    = regexp.MustCompile(`^[bcdfghjklmnpqrstvwxz2456789]{5}$`)
	templateHash = regexp.MustCompile(`^[bcdfghjklmnpqrstvwxz2456789]{6,10}$`)
)

// app names the app of a pod; of one that is gone it guesses by its name.
func (b *historyBuilder) app(key string, pod podKey) string {
	if name, ok := b.appOf[key]; ok {
		return name
	}
	parent, _, ok := cutLast(pod.name)
	if name := b.series[pod.namespace+"/"+parent]; ok && name != "" {
		return name
	}
	return guessedApp(pod.namespace, pod.name)
}

// cutLast cuts a name at its last dash.
func cutLast(name string) (parent, end string, ok bool) {
	at := strings.LastIndexByte(name, '-')
	if at <= 0 {
		return name, "", false
	}
	return name[:at], name[at+1:], true
}

// addWorkload makes the workload of the pods, with the starts that the window saw.
func (b *historyBuilder) addWorkload(h *PullHistory) {
	v := newView(b.records(), notes{})
	for _, name := range b.apart {
		v.note(jobsApart, name)
	}
	starts := b.countStarts()
	h.NoStarts = b.noStarts()
	pools, poolOf := b.nodePools()
	h.Workload.NodePools = pools
	for _, a := range b.apps {
		app, origin := a.app(v)
		n := starts[a.name]
		app.StartsPerDay, origin.StartsPerDay = 0, "unknown: "+h.NoStarts
		if h.NoStarts == "" {
			app.StartsPerDay = threeDigits(float64(n) * float64(day) / float64(b.window.Covered))
			origin.StartsPerDay = count(n, "pod") + " made in " + SpellTime(b.window.Covered)
			if b.window.Covered < day {
				origin.StartsPerDay += ", scaled to a day"
			}
		}
		b.fromPods(a, &app, poolOf)
		if app.NodePool != "" {
			app.PulledFraction = pulledFraction(h.Pulls, a.name)
		}
		h.Workload.Apps = append(h.Workload.Apps, app)
		h.Origins = append(h.Origins, origin)
	}
	h.Digests = v.digests(b.records(), h.Workload.References())
	// What these say of one look at a cluster does not hold here.
	for _, about := range []topic{lowerBound, scaled, noTimes, cronJobs} {
		v.notes[about] = nil
	}
	h.Notes = v.texts()
}

// pulledFraction is the share of an app's containers that had to pull their image, of
// those started for the first time of which it can be told; nil where of none.
func pulledFraction(pulls []Pull, app string) *float64 {
	pulled, there := 0, 0
	for i := range pulls {
		p := &pulls[i]
		switch {
		case p.App != app || p.again:
		case p.Outcome == Pulled, p.Outcome == PartlyPulled:
			pulled++
		case p.Outcome == Present, p.Outcome == Rechecked:
			there++
		}
	}
	if pulled+there == 0 {
		return nil
	}
	return new(threeDigits(float64(pulled) / float64(pulled+there)))
}

// fromPods takes from an app's pods what no single record tells: the pool that the
// newest runs in, and how long those of its starts took to be ready.
func (b *historyBuilder) fromPods(a *appPods, app *App, poolOf map[string]string) {
	var ready []time.Duration
	for _, p := range b.podsOf[a.name] {
		if p.podRecord == a.newest() {
			app.NodePool = poolOf[p.node]
		}
		if d, ok := b.ready[b.keyOf(p.key)]; ok {
			ready = append(ready, d)
		}
	}
	if len(ready) > 0 {
		app.Ready = new(median(ready))
	}
}

// countStarts counts the pods made in the window by app, those too of which only
// events tell.
func (b *historyBuilder) countStarts() map[string]int {
	starts := map[string]int{}
	for key, p := range b.importer.pods {
		if b.window.holds(p.created) {
			starts[b.appOf[key]]++
		}
	}
	// One that is gone was made about when it got a node, or else at the first that
	// is known of it.
	gone := func(key string, pod podKey, made time.Time) {
		if b.importer.pods[key] == nil && b.window.holds(made) {
			starts[b.app(key, pod)]++
		}
	}
	for key, e := range b.scheduled {
		gone(key, e.pod, e.first)
	}
	for key, events := range b.byPod {
		if b.scheduled[key] != nil {
			continue
		}
		var first time.Time
		for _, e := range events {
			first = earlier(first, e.first)
		}
		gone(key, events[0].pod, first)
	}
	return starts
}

// noStarts says why there is no startsPerDay.
func (b *historyBuilder) noStarts() string {
	if b.window.Covered >= day || b.opt.ScaleToDay && b.window.Covered > 0 {
		return ""
	}
	return fmt.Sprintf("the snapshots cover %s, less than a day", SpellTime(b.window.Covered))
}

// unlisted counts the apps of which no pod is in the input.
func (b *historyBuilder) unlisted() int {
	known := map[string]bool{}
	for _, a := range b.apps {
		known[a.name] = true
	}
	gone := map[string]bool{}
	for i := range b.pulls {
		if name := b.pulls[i].App; !known[name] {
			gone[name] = true
		}
	}
	return len(gone)
}
