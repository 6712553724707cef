package cachebench

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// pullCounter counts what the starts of one node pool pull: a start that is put on a
// node without an image pulls it, and finds of it the layers that other images there
// have too. It plays as placement does, the kubelet's eviction included.
type pullCounter struct {
	place *placement
	inv   *layers.Inventory
	// origin is the image of the Inventory that a version is of, since when it is
	// current; -1 for the older versions of an image before the window, which stand for
	// themselves.
	origin map[int]int
	since  map[int]time.Duration
	// had are, for each node, the images that it got and when they were current.
	had    []nodeHistory
	counts map[pullKey]int
	// starts are those of each app.
	starts map[string]int
	// imageOf are the images of the Inventory of each app, by place; -1 is none.
	imageOf map[string][]int
	// from is when counting begins: with the month, or in a hurry before it. Played is how
	// long it went on.
	from, played time.Duration
	hurry        countHurry
}

// nodeHistory are the images that one life of a node had.
type nodeHistory struct {
	life   int
	images map[int]time.Duration
}

// pullKey is what pulls have in common that are counted together.
type pullKey struct {
	app            string
	image, present int
	again          bool
	cause          string
}

func newPullCounter(p *placement, inv *layers.Inventory) *pullCounter {
	c := &pullCounter{
		place: p, inv: inv, origin: map[int]int{}, since: map[int]time.Duration{},
		had: make([]nodeHistory, len(p.nodes)), counts: map[pullKey]int{}, starts: map[string]int{}, imageOf: map[string][]int{},
	}
	p.watch = c.start
	return c
}

// released notes that an image has become another from a time on.
func (c *pullCounter) released(image, version int, at time.Duration) {
	if c == nil {
		return
	}
	c.origin[version] = image
	c.since[version] = at
}

// sinceOf is from when on a version was current.
func (c *pullCounter) sinceOf(version int) time.Duration {
	if at, ok := c.since[version]; ok {
		return at
	}
	return -workload.Month * 1000
}

// start counts what a node lacks for a start, once counting has begun.
func (c *pullCounter) start(node int, app *workload.App, images []int, at time.Duration) {
	h := &c.had[node]
	if life := c.place.nodes[node].life; h.images == nil || h.life != life {
		*h = nodeHistory{life, make(map[int]time.Duration)}
	}
	counting := c.counting(at)
	if counting {
		c.starts[app.Name]++
		c.played = at - c.from
	}
	for k, image := range images {
		if slices.Contains(images[:k], image) {
			continue
		}
		since := c.sinceOf(image)
		if counting && !c.place.disks.holders[image].has(node) {
			key := pullKey{app.Name, c.originOf(image), c.place.disks.layersOn(node, image), asksAgain(app, c.inv.Images[image].Reference), plan.Fresh}
			switch had, ok := h.images[image]; {
			case ok && had == since, !ok && c.madeWith(node, image, at, since):
				key.cause = plan.Evicted
			case since > c.birth(node, at):
				key.cause = plan.Released
			}
			c.counts[key]++
		}
		h.images[image] = since
	}
}

// madeWith says that the node of a time had an image from the beginning.
func (c *pullCounter) madeWith(node, image int, at, since time.Duration) bool {
	return since <= c.birth(node, at) && (slices.Contains(c.place.fresh, image) || slices.Contains(c.place.daemons, image))
}

func (c *pullCounter) originOf(version int) int {
	if image, ok := c.origin[version]; ok {
		return image
	}
	return version
}

// layersOn is how many of an image's lowest layers a node has.
func (d *poolDisks) layersOn(node, image int) int {
	n := 0
	for _, id := range d.images.OfImage[image] {
		s := &d.images.All[id]
		if len(s.Chains) == 0 {
			continue
		}
		if needed := d.disks[node].needed.Find(id); needed == nil || *needed == 0 {
			break
		}
		n += len(s.Chains)
	}
	return n
}

// asksAgain says whether the kubelet asks the registry for an image that is there.
func asksAgain(app *workload.App, reference string) bool {
	if app.PullPolicy != "" {
		return app.PullPolicy == "Always"
	}
	n, err := layers.ParseName(reference)
	return err == nil && n.Digest == "" && n.Tag == "latest"
}

// perMonth is what so many are in a month, if another time than one was counted.
func (c *pullCounter) perMonth(n int) float64 {
	if c.played > 0 && c.played != workload.Month {
		return float64(n) * float64(workload.Month) / float64(c.played)
	}
	return float64(n)
}

func (c *pullCounter) startsPerMonth() float64 {
	n := 0
	for _, k := range c.starts {
		n += k
	}
	return c.perMonth(n)
}

// pulls are the counts by place of the image in a list, those of all apps together. Of an
// app of which a cluster told how many of its starts pulled, so many are taken, of the
// kinds that were counted here.
func (c *pullCounter) pulls(apps []workload.App, placeOf map[int]int) []plan.PoolPull {
	type appImage struct {
		app   string
		image int
	}
	counted := make(map[appImage]int)
	for key, n := range c.counts {
		counted[appImage{key.app, key.image}] += n
	}
	sums := make(map[plan.PoolPull]float64)
	add := func(key pullKey, n float64) {
		if place, ok := placeOf[key.image]; ok {
			sums[plan.PoolPull{Image: place, Present: key.present, Again: key.again, Cause: key.cause}] += n
		}
	}
	told := make(map[string]float64) // pulls a month of each image, by app
	for i := range apps {
		if f := apps[i].PulledFraction; f != nil {
			told[apps[i].Name] = *f * c.perMonth(c.starts[apps[i].Name])
		}
	}
	// In order, for sums of float64 depend on it.
	keys := slices.SortedFunc(maps.Keys(c.counts), comparePullKeys)
	for _, key := range keys {
		n := c.perMonth(c.counts[key])
		if all, ok := told[key.app]; ok {
			n = all * float64(c.counts[key]) / float64(counted[appImage{key.app, key.image}])
		}
		add(key, n)
	}
	c.addUncounted(apps, told, func(app string, image int) bool { return counted[appImage{app, image}] > 0 }, add)
	var list []plan.PoolPull
	for x, n := range sums {
		x.PerMonth = n
		list = append(list, x)
	}
	slices.SortFunc(list, func(x, y plan.PoolPull) int {
		return cmp.Or(cmp.Compare(x.Image, y.Image), cmp.Compare(x.Present, y.Present), cmp.Compare(x.Cause, y.Cause), cmp.Compare(rankOf(x.Again), rankOf(y.Again)))
	})
	return list
}

// addUncounted adds the pulls that a cluster told of and the replay has none of: as of new
// nodes that have nothing.
func (c *pullCounter) addUncounted(apps []workload.App, told map[string]float64, isCounted func(app string, image int) bool, add func(pullKey, float64)) {
	for i := range apps {
		app := &apps[i]
		n := told[app.Name]
		if n == 0 {
			continue
		}
		for k, ref := range app.AllImages() {
			image := c.imageOf[app.Name][k]
			if image >= 0 && !isCounted(app.Name, image) {
				add(pullKey{app: app.Name, image: image, again: asksAgain(app, ref), cause: plan.Fresh}, n)
			}
		}
	}
}

func comparePullKeys(x, y pullKey) int {
	return cmp.Or(cmp.Compare(x.app, y.app), cmp.Compare(x.image, y.image), cmp.Compare(x.present, y.present),
		cmp.Compare(x.cause, y.cause), cmp.Compare(rankOf(x.again), rankOf(y.again)))
}

func rankOf(b bool) int {
	if b {
		return 1
	}
	return 0
}

// countPulls plays a month of the starts of a job on one pool. Where ctx ends within the
// month, it is counted so far, without an error; where limited ends, as soon as least starts
// were played to warm up and least counted.
func (j *Job) countPulls(ctx, limited context.Context, least int) (*pullCounter, error) {
	w, err := j.newPoolPlay()
	if err != nil {
		return nil, err
	}
	w.counter = newPullCounter(w.placements[0], w.versions.inv)
	w.counter.hurry = countHurry{ended: func() bool { return limited.Err() != nil }, least: least}
	for i := range j.Workload.Apps {
		app := &j.Workload.Apps[i]
		for _, ref := range app.AllImages() {
			w.counter.imageOf[app.Name] = append(w.counter.imageOf[app.Name], j.lookup.Find(ref, j.platformOf(app), j.Scenario.Now))
		}
	}
	if err := w.warmUp(ctx); err != nil {
		return nil, err
	}
	if w.counter.enough() {
		return w.counter, nil
	}
	n := 0
	if w.play(func(*simulate.Start) bool {
		n++
		return !w.counter.enough() && (n%4096 != 0 || ctx.Err() == nil)
	}) {
		w.counter.played = workload.Month - w.counter.from
	}
	return w.counter, nil
}
