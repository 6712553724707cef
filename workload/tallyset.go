package workload

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"
)

// tallyApp is a controller.
type tallyApp struct {
	kind string
	// isNamed: a controller, or a name that can be no other's, tells what it is called. Else
	// end is what pods' names had behind the root, first, and hasEnds says that others had
	// something else there.
	isNamed, hasEnds bool
	end              string
	sets             map[setKey]*tallySet
}

// setKey tells sets apart: by the pods' repositories, in order, without tags, and by their
// size where the records tell one.
type setKey struct {
	repositories string
	cpu, memory  float64
}

// tell takes what a pod's name tells of the app's.
func (a *tallyApp) tell(g nameGuess) {
	switch {
	case g.end == "":
		a.isNamed = true
	case a.end == "":
		a.end = g.end
	case a.end != g.end:
		a.hasEnds = true
	}
}

// tallySet counts the starts of a controller's pods with one set of repositories.
type tallySet struct {
	images []setImage
	// whole: its records tell all images of a start.
	whole bool
	// placed are the starts of which it is told when they were made, other those that
	// were only told of later, by hour of the week.
	placed, other starts
	// onNodes are the starts on nodes, of which the last was on lastNode.
	onNodes  int
	lastNode string
	runtimes durations
	ready    durations
	releases int
	burst    burstFinder
}

// starts counts starts by hour of the week.
type starts struct {
	count int
	hours *[weekHours]uint32
}

func (s *starts) add(at int64) { s.addMany(at, 1) }

// take takes back a start that is counted elsewhere.
func (s *starts) take(at int64) {
	if hour := hourOfWeek(at); s.hours != nil && s.hours[hour] > 0 {
		s.hours[hour]--
	}
	s.count = max(0, s.count-1)
}

func (s *starts) addMany(at int64, n int) {
	if s.hours == nil {
		s.hours = new([weekHours]uint32)
	}
	s.count += n
	s.hours[hourOfWeek(at)] += uint32(n)
}

// setImage is the newest reference that a container had.
type setImage struct {
	tallyImage
	at int64 // of the newest pod that had the reference
	// recent are the hashes of references that it had, by which a release is told from
	// the start of an older pod.
	recent [8]uint64
	next   int
}

// see takes the references of a pod.
func (s *tallySet) see(images []tallyImage, made int64) {
	for _, i := range images {
		at := slices.IndexFunc(s.images, func(o setImage) bool {
			return o.container == i.container && (i.container != "" || repositoryOf(o.reference) == repositoryOf(i.reference))
		})
		hash := xxh3.HashString(i.reference)
		if at < 0 {
			if len(s.images) < maxPodImages {
				s.images = append(s.images, setImage{tallyImage: i, at: made, recent: [8]uint64{hash}, next: 1})
			}
			continue
		}
		old := &s.images[at]
		if slices.Contains(old.recent[:], hash) {
			continue
		}
		old.recent[old.next%len(old.recent)] = hash
		old.next++
		if made >= old.at {
			old.reference, old.at = strings.Clone(i.reference), made
		}
		if first := slices.IndexFunc(s.images, func(o setImage) bool { return !o.init }); at == first {
			s.releases++
		}
	}
}

// start counts a start. Where none of the history is placed, all may be in bursts.
func (s *tallySet) start(at int64, placed, somePlaced bool) {
	if placed {
		s.placed.add(at)
	} else {
		s.other.add(at)
	}
	if placed || !somePlaced {
		s.burst.add(at, 1)
	}
}

// onNode counts starts on a node.
func (s *tallySet) onNode(name string, n int) {
	s.onNodes += n
	s.lastNode = name
}

// maxDurations bounds what is kept to tell a median: of 101 drawn at random it is of the
// 40th to the 60th of a hundred, nineteen times of twenty.
const maxDurations = 101

// durations keeps some of many, each as likely as the others; the draws are the same in
// each run.
type durations struct {
	kept []float32 // seconds
	all  int
}

func (d *durations) add(v time.Duration) { d.addMany(v, 1) }

// addMany adds as many that are alike.
func (d *durations) addMany(v time.Duration, n int) {
	var draws *rand.Rand
	for range n {
		d.all++
		if len(d.kept) < maxDurations {
			d.kept = append(d.kept, float32(v.Seconds()))
			continue
		}
		if draws == nil {
			draws = rand.New(rand.NewPCG(uint64(d.all), 1))
		}
		if at := draws.IntN(d.all); at < maxDurations {
			d.kept[at] = float32(v.Seconds())
		}
	}
}

func (d *durations) merge(other *durations) {
	d.kept = append(d.kept, other.kept...)
	d.all += other.all
}

// median in whole seconds; false of none.
func (d *durations) median() (time.Duration, bool) {
	if len(d.kept) == 0 {
		return 0, false
	}
	kept := slices.Sorted(slices.Values(d.kept))
	m := (float64(kept[(len(kept)-1)/2]) + float64(kept[len(kept)/2])) / 2
	return time.Duration(math.Round(m)) * time.Second, true
}

// What a burst is. Starts are counted in bins of five minutes, about how long a roll-out
// or a scale-out takes to ask for its pods; a bin is part of a burst where it holds so
// many more than are to be expected that chance hardly has a part in it.
const (
	binSeconds   = 300
	leastBurst   = 8
	maxBurstKept = 64
	// localWeight makes the local mean follow an hour.
	localWeight = 1.0 / 6
)

// A burstFinder finds bursts in the starts of an app as they come.
type burstFinder struct {
	bin   int64
	count int
	// earliest and latest are of the bin's starts.
	earliest, latest int64
	first            int64 // bin
	past             int64 // bins of inputs before
	// quietStarts are those outside of bursts, local their recent mean in a bin.
	quietStarts int
	local       float64
	spread      blockSpread
	open        foundBurst
	// list are the first bursts, found and starts count all.
	list   []foundBurst
	found  int
	starts int
	within int64 // seconds, of all
	// hours are the starts in bursts by hour of the week.
	hours *[weekHours]uint32
}

// foundBurst is one that was found, from its first start to its last; end is that of its
// bins.
type foundBurst struct {
	from, to, end int64
	count         int
}

func (b *burstFinder) add(at int64, n int) {
	bin := at / binSeconds
	switch {
	case b.first == 0:
		b.first, b.bin = bin, bin
	case bin > b.bin:
		b.close()
		// Empty bins let the local mean sink.
		b.local *= math.Pow(1-localWeight, float64(bin-b.bin-1))
		b.bin = bin
	}
	// What comes late is taken as of the newest bin, unless it is of hours before.
	if b.bin-bin <= 2 {
		at = max(at, b.bin*binSeconds)
		if b.count == 0 {
			b.earliest, b.latest = at, at
		}
		b.earliest, b.latest = min(b.earliest, at), max(b.latest, at)
		b.count += n
	} else {
		b.quietStarts += n
	}
}

// close ends a bin.
func (b *burstFinder) close() {
	n := b.count
	b.count = 0
	mean := max(b.local, float64(b.quietStarts)/float64(b.past+b.bin-b.first+1))
	limit := mean + 6*math.Sqrt(mean) + 4
	if n < leastBurst || float64(n) <= limit {
		b.quietStarts += n
		b.local += (float64(n) - b.local) * localWeight
		b.spread.add(b.bin, n)
		b.shut()
		return
	}
	b.spread.leaveOut(b.bin)
	b.local += (min(float64(n), limit) - b.local) * localWeight
	if b.open.count > 0 && b.bin*binSeconds > b.open.end {
		b.shut()
	}
	if b.open.count == 0 {
		b.open.from = b.earliest
	}
	b.open.to, b.open.end = b.latest, (b.bin+1)*binSeconds
	b.open.count += n
	if b.hours == nil {
		b.hours = new([weekHours]uint32)
	}
	b.hours[hourOfWeek(b.bin*binSeconds)] += uint32(n)
}

// shut ends a burst.
func (b *burstFinder) shut() {
	if b.open.count == 0 {
		return
	}
	b.found++
	b.starts += b.open.count
	b.within += b.open.to - b.open.from
	if len(b.list) < maxBurstKept {
		b.list = append(b.list, b.open)
	}
	b.open = foundBurst{}
}

// restart ends what is open; what comes then may be before it.
func (b *burstFinder) restart() {
	if b.first == 0 {
		return
	}
	b.close()
	b.shut()
	b.past += b.bin - b.first + 1
	b.first, b.bin, b.local = 0, 0, 0
	b.spread.restart()
}

// monday is the start of the week that a time is in.
func monday(at int64) int64 {
	return at - ((at-4*24*hourSeconds)%(weekHours*hourSeconds)+weekHours*hourSeconds)%(weekHours*hourSeconds)
}

// bursts are what was found, as one that comes again and again, so often that the number
// of starts is right.
func (b *burstFinder) bursts(covered time.Duration) []Burst {
	if b.found == 0 {
		return nil
	}
	slices.SortFunc(b.list, func(x, y foundBurst) int { return cmp.Compare(x.from, y.from) })
	every := covered / time.Duration(b.found)
	var gaps []int64
	for i := 1; i < len(b.list); i++ {
		gaps = append(gaps, b.list[i].from-b.list[i-1].from)
	}
	if len(gaps) >= 2 {
		slices.Sort(gaps)
		middle := gaps[len(gaps)/2]
		near := 0
		for _, g := range gaps {
			if d := g - middle; d*10 <= middle && -d*10 <= middle {
				near++
			}
		}
		if near*3 >= len(gaps)*2 {
			every = time.Duration(middle) * time.Second
		}
	}
	every = max(every.Truncate(time.Second), time.Second)
	within := min(time.Duration(b.within/int64(b.found))*time.Second, every)
	first := time.Duration(b.list[0].from-monday(b.list[0].from)) * time.Second % every
	return []Burst{{Count: max(1, int(math.Round(float64(b.starts)/float64(b.found)))), Within: within, First: first, Every: every}}
}
