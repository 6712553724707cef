package workload

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// History is what inputs that cover a time tell of starts: exports of events, metrics,
// container groups and traces.
type History struct {
	// Window is the time from the first record to the last. Times of a day and more of
	// which nothing is told are not in Covered.
	Window Window `json:"window"`
	// Starts are those of Apps, of which Bursts came in bursts.
	Starts int `json:"starts"`
	Bursts int `json:"burstStarts,omitempty"`
	// Records counts what was used, and Skipped what was not, by reason.
	Records int       `json:"records"`
	Skipped []Dropped `json:"skipped,omitempty"`
	// StartToReady is the median time from a pod's start to ready, of Ready pods; nil where
	// none is told.
	StartToReady *time.Duration `json:"startToReadySeconds,omitempty"`
	Ready        int            `json:"ready,omitempty"`
}

const (
	// silentHours in a row of which nothing is told are a gap, as where the export of a day
	// is missing.
	silentHours = 24
	// leastWeekly and leastDaily are the fewest starts by which hours of the week, or of
	// the day, are told apart: one an hour, two an hour of the day.
	leastWeekly = weekHours
	leastDaily  = 48
)

// window is the time that the histories cover, and how many hours of each hour of the
// week.
func (t *tally) window(opt PullOptions) (w Window, occurs [weekHours]float64) {
	if t.from == 0 {
		return w, occurs
	}
	w.From, w.To = time.Unix(t.from, 0).UTC(), time.Unix(t.to, 0).UTC()
	silent := int64(0)
	var seconds float64
	add := func(hour int64, sign float64) {
		from, to := max(t.from, hour*hourSeconds), min(t.to, (hour+1)*hourSeconds)
		seconds += sign * float64(max(0, to-from))
		occurs[hourOfWeek(hour*hourSeconds)] += sign // the first and the last are taken as whole
	}
	for hour := t.from / hourSeconds; hour <= t.to/hourSeconds; hour++ {
		add(hour, 1)
		if t.hours[hour/64]&(1<<(hour%64)) == 0 {
			silent++
			continue
		}
		if silent >= silentHours {
			w.Gaps++
			for ; silent > 0; silent-- {
				add(hour-silent, -1)
			}
		}
		silent = 0
	}
	w.Covered = time.Duration(seconds) * time.Second
	if opt.Window > w.Covered {
		w.Covered, w.Given = opt.Window, true
	}
	return w, occurs
}

// tallyBuilder makes a workload of a tally.
type tallyBuilder struct {
	*tally
	window   Window
	occurs   [weekHours]float64
	scale    bool // to a day, though less is covered
	notes    []string
	doubts   []string
	apps     []App
	origins  []Origin
	history  History
	noImages int // starts of which no image is told
	unplaced int // pods that were first told of when they ran
	merged   int
	byDay    bool
	names    map[string]string // of apps, by their root
	lastNode map[string]string // of apps that run on nodes
}

func (b *tallyBuilder) note(format string, args ...any) {
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}
func (b *tallyBuilder) doubt(format string, args ...any) {
	b.doubts = append(b.doubts, fmt.Sprintf(format, args...))
}

// noStarts says why there is no startsPerDay.
func (b *tallyBuilder) noStarts() string {
	if b.window.Covered >= day || b.scale && b.window.Covered > 0 {
		return ""
	}
	return fmt.Sprintf("the histories cover %s, less than a day", SpellTime(b.window.Covered))
}

// build makes apps of all that was counted.
func (t *tally) build(opt PullOptions) *tallyBuilder {
	b := &tallyBuilder{tally: t, scale: opt.ScaleToDay, names: map[string]string{}, lastNode: map[string]string{}}
	b.window, b.occurs = t.window(opt)
	taken := map[string]bool{}
	for _, root := range slices.Sorted(maps.Keys(t.apps)) {
		first := t.nameOf(root)
		b.names[root] = first
		for n, s := range b.setsOf(t.apps[root]) {
			name := first
			if n > 0 {
				name = t.numbered(first, n+1, taken)
			}
			taken[name] = true
			b.app(name, t.apps[root].kind, s)
		}
	}
	b.history.Window, b.history.Records = b.window, t.records
	for reason, n := range t.skipped {
		b.history.Skipped = append(b.history.Skipped, Dropped{reason, n})
	}
	if b.noImages > 0 {
		b.history.Skipped = append(b.history.Skipped, Dropped{"a start of which no image is told", b.noImages})
	}
	if b.unplaced > 0 {
		b.history.Skipped = append(b.history.Skipped, Dropped{"a pod that was first told of when it had been placed already", b.unplaced})
	}
	slices.SortFunc(b.history.Skipped, compareDropped)
	b.addDoubts()
	return b
}

// setsOf are an app's sets, those first that started most. One whose repositories are all
// in another's is of pods not all of whose images are told, and counts as that one.
func (b *tallyBuilder) setsOf(a *tallyApp) []sizedSet {
	type named struct {
		setKey
		repositories []string
		*tallySet
	}
	var sets []named
	for _, key := range slices.SortedFunc(maps.Keys(a.sets), setKey.compare) {
		sets = append(sets, named{key, strings.Fields(key.repositories), a.sets[key]})
	}
	slices.SortStableFunc(sets, func(x, y named) int { return len(y.repositories) - len(x.repositories) })
	var kept []named
next:
	for _, s := range sets {
		for _, k := range kept {
			if !s.whole && !slices.ContainsFunc(s.repositories, func(r string) bool { return !slices.Contains(k.repositories, r) }) {
				k.merge(s.tallySet)
				b.merged += s.placed.count
				continue next
			}
		}
		kept = append(kept, s)
	}
	slices.SortStableFunc(kept, func(x, y named) int { return y.startCount(b.placed) - x.startCount(b.placed) })
	var list []sizedSet
	for _, k := range kept {
		if len(k.images) == 0 {
			b.noImages += k.startCount(b.placed)
			continue
		}
		list = append(list, sizedSet{k.tallySet, k.cpu, k.memory})
	}
	return list
}

// sizedSet is a set with the size of its pods; 0 is unknown.
type sizedSet struct {
	*tallySet
	cpu, memory float64
}

func (k setKey) compare(other setKey) int {
	return cmp.Or(strings.Compare(k.repositories, other.repositories), cmp.Compare(k.cpu, other.cpu), cmp.Compare(k.memory, other.memory))
}

func (s *tallySet) startCount(placed bool) int {
	if placed {
		return s.placed.count
	}
	return s.other.count
}

// merge counts another set's starts as this one's.
func (s *tallySet) merge(other *tallySet) {
	for _, x := range []struct{ to, from *starts }{{&s.placed, &other.placed}, {&s.other, &other.other}} {
		x.to.count += x.from.count
		if x.from.hours == nil {
			continue
		}
		if x.to.hours == nil {
			x.to.hours = new([weekHours]uint32)
		}
		for h, n := range x.from.hours {
			x.to.hours[h] += n
		}
	}
	for _, o := range other.images {
		at := slices.IndexFunc(s.images, func(i setImage) bool {
			return i.container == o.container && repositoryOf(i.reference) == repositoryOf(o.reference)
		})
		if at >= 0 && s.images[at].at < o.at {
			s.images[at].reference, s.images[at].at = o.reference, o.at
		}
	}
	s.onNodes += other.onNodes
	s.lastNode = cmp.Or(s.lastNode, other.lastNode)
	s.runtimes.merge(&other.runtimes)
	s.ready.merge(&other.ready)
}

// app makes an app of a set.
func (b *tallyBuilder) app(name, kind string, s sizedSet) {
	counted := &s.placed
	if !b.placed {
		counted = &s.other
	} else {
		b.unplaced += s.other.count
	}
	if counted.count == 0 {
		return
	}
	app := App{Name: name, CPU: s.cpu, MemoryGiB: s.memory}
	origin := Origin{Controller: kind, Pods: counted.count}
	for _, i := range s.images {
		if i.init {
			app.InitImages = append(app.InitImages, i.reference)
		} else {
			app.Images = append(app.Images, i.reference)
		}
	}
	if len(app.Images) == 0 { // its containers' were never asked for
		app.Images, app.InitImages = app.InitImages, nil
	}
	switch {
	case app.CPU > 0 && app.MemoryGiB > 0:
		origin.Resources = "as the container group has it"
	default:
		app.CPU, app.MemoryGiB = eciDefaultCPU, eciDefaultMemoryGiB
		origin.Resources = "not told by a history: ECI's default"
	}
	if d, ok := s.runtimes.median(); ok {
		app.Runtime, origin.Runtime = d, "median of "+count(s.runtimes.all, "pod")+" that ended"
	} else {
		app.Runtime, origin.Runtime = unknownRuntime, "a guess: no pod is told to have ended"
	}
	s.burst.restart()
	b.rates(&app, &origin, s.tallySet, counted)
	b.history.Starts += counted.count
	if s.releases > 0 && b.window.Covered >= day {
		app.ReleasesPerMonth = threeDigits(float64(s.releases) * float64(Month) / float64(b.window.Covered))
	}
	if s.onNodes*2 > counted.count {
		b.lastNode[name] = s.lastNode
	}
	b.apps = append(b.apps, app)
	b.origins = append(b.origins, origin)
}

// rates gives an app its starts a day, by hours, and its bursts.
func (b *tallyBuilder) rates(app *App, origin *Origin, s *tallySet, counted *starts) {
	if b.noStarts() != "" {
		origin.StartsPerDay = "unknown: " + b.noStarts()
		return
	}
	app.Bursts = s.burst.bursts(b.window.Covered)
	single := counted.count
	if len(app.Bursts) > 0 {
		single = max(0, single-s.burst.starts)
		b.history.Bursts += s.burst.starts
	}
	app.StartsPerDay = threeDigits(float64(single) * float64(day) / float64(b.window.Covered))
	origin.StartsPerDay = count(single, "start") + " in " + SpellTime(b.window.Covered)
	if len(app.Bursts) > 0 {
		origin.StartsPerDay += fmt.Sprintf(", besides %s with %d starts", count(s.burst.found, "burst"), s.burst.starts)
	}
	if b.window.Covered < day {
		origin.StartsPerDay += ", scaled to a day"
	}
	app.HourlyWeights, origin.HourlyWeights = b.weights(s, counted, single)
}

// weights are in proportion to the starts in the hours of the day or of the week, as far as
// those tell of a rhythm; told says of which. Nil where they tell of none, or too little is
// known of them.
func (b *tallyBuilder) weights(s *tallySet, counted *starts, single int) (weights []float64, told string) {
	weekly := b.window.Covered >= 7*day && single >= leastWeekly && !slices.Contains(b.occurs[:], 0)
	if !weekly && (b.window.Covered < 2*day || single < leastDaily) {
		return nil, ""
	}
	w := weekStarts{occurs: b.occurs}
	total := 0.0
	for h := range weekHours {
		n := float64(counted.hours[h])
		if s.burst.hours != nil {
			n = max(0, n-float64(s.burst.hours[h]))
		}
		if w.occurs[h] == 0 {
			n = 0
		}
		w.starts[h] = n
		total += n
	}
	if total == 0 {
		return nil, ""
	}
	most := 2
	if weekly {
		most = len(rhythms)
	}
	dispersion := s.burst.spread.dispersion()
	which := w.find(most, dispersion)
	told = rhythms[which].told(int(total))
	if which == 0 {
		return nil, told
	}
	b.byDay = b.byDay || !weekly
	return w.weights(which, dispersion), told
}

// addDoubts says what of the histories is assumed or missing.
func (b *tallyBuilder) addDoubts() {
	w := &b.window
	if b.noStarts() == "" && w.Covered < day {
		b.doubt("startsPerDay is scaled to a day from %s: it is right only if the other hours are like these", SpellTime(w.Covered))
	}
	if w.Given {
		b.doubt("the histories are taken to cover %s, as given", SpellTime(w.Covered))
	}
	if w.Gaps > 0 {
		b.doubt("of %s of a day and more nothing is told: they count for nothing", count(w.Gaps, "time"))
	}
	if !b.placed && b.history.Starts > 0 {
		b.doubt("no event tells when pods were given a node (Scheduled, SuccessfulCreate): a pod counts as started when its first pull is told of, those too that were restarted")
	}
	if b.lost > 0 {
		b.doubt("of %s the end is not told: their run times count for nothing", count(b.lost, "pod"))
	}
	if b.byDay {
		b.note("hourlyWeights of apps with less than a week, or less than %d starts, are the same on all days", leastWeekly)
	}
	if b.merged > 0 {
		b.note("%s of pods not all of whose images are told count with the others of their controller", count(b.merged, "start"))
	}
}
