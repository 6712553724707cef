package simulate

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
	"github.com/cachebench/cachebench/simulate/sketch"
)

// Observation is what happened over virtual time in one arm, in buckets of one
// width.
type Observation struct {
	Source string `json:"source" document:"required,enum=simulated|measured|estimated"`
	Arm    string `json:"arm" document:"required"`
	// Repeats is how many there were: with several, courses have bands.
	Repeats int `json:"repeats"`
	// Bucket is the width of a bucket; the first begins at the timeline's origin.
	Bucket time.Duration `json:"bucketSeconds"`
	// Links are the registry's egress, the uplink and the links that the profile
	// names, by name; of more than 32 named ones those that carried most.
	Links []LinkUse `json:"links,omitempty"`
	// LinksLeftOut counts the others.
	LinksLeftOut int `json:"linksLeftOut,omitempty"`
	// Requests are those to the registry.
	Requests Course `json:"requestsPerSecond"`
	// InFlight is how many starts were requested and not yet ready, the mean over
	// a bucket.
	InFlight Course `json:"startsInFlight"`
	// MostInFlight is the greatest number of starts in flight at one instant: the
	// mean over the repeats.
	MostInFlight *Statistic `json:"mostStartsInFlight,omitempty"`
	// MostInFlightAt is when there first were most, in the first repeat of those
	// with the most.
	MostInFlightAt time.Duration `json:"mostStartsInFlightAtSeconds,omitempty"`
}

// LinkUse is what a link carried.
type LinkUse struct {
	Link string `json:"link" document:"required"`
	// Capacity is the profile's; absent where the link never limits: it is unlimited,
	// or it is the registry's egress or the uplink and the other of them, which carry
	// the same, is always slower.
	Capacity *network.Rate `json:"capacityBytesPerSecond,omitempty"`
	// Carried is the mean rate over a bucket, of compressed bytes.
	Carried Course `json:"carriedBytesPerSecond"`
}

// Course is a quantity over time: one value for each bucket, in order. The buckets
// after the last have 0. Values have six significant digits.
type Course struct {
	// Mean is over the repeats.
	Mean []float64 `json:"mean,omitempty" document:"unit=none"`
	// Low and High are the ends of the mean's interval in each bucket, at Level;
	// absent with one repeat. Low is at least 0, as the quantities are.
	Low  []float64 `json:"low,omitempty" document:"unit=none"`
	High []float64 `json:"high,omitempty" document:"unit=none"`
}

// Peak returns the highest mean and the number of its bucket, the first of
// several; ok is false for an empty course.
func (c *Course) Peak() (value float64, bucket int, ok bool) {
	for i, v := range c.Mean {
		if i == 0 || v > value {
			value, bucket = v, i
		}
	}
	return value, bucket, len(c.Mean) > 0
}

const (
	// observationBuckets bounds the buckets of an Observation.
	observationBuckets = 256
	// maxObservedLinks bounds the named links of an Observation.
	maxObservedLinks = 32
)

// observed is what one repeat gave, as amounts in buckets of one width.
type observed struct {
	width              time.Duration
	links              [][]float64 // bytes
	requests, inFlight []float64   // inFlight in seconds, of all starts together
	most               float64     // starts in flight
	mostAt             time.Duration
}

// amounts are those of a series in n buckets of x's width.
func (x *observed) amounts(s *sketch.Series, n int) []float64 {
	amounts := make([]float64, n)
	for i, v := range s.Amounts() {
		at := time.Duration(i) * s.Width()
		if k := int(at / x.width); s.Width() <= x.width && k < n {
			amounts[k] += v
		}
	}
	return amounts
}

// startSeconds is how long starts were in flight in each bucket, together: one
// that is requested in a bucket is in flight until its end, and one that becomes
// ready in it no more until its end.
func (x *observed) startSeconds(requested, became *starts, n int) []float64 {
	began, beganAt := x.amounts(&requested.count, n), x.amounts(&requested.seconds, n)
	ended, endedAt := x.amounts(&became.count, n), x.amounts(&became.seconds, n)
	list := make([]float64, n)
	width, before := x.width.Seconds(), 0.0
	for i := range list {
		end := float64(i+1) * width
		list[i] = max(0, before*width+(began[i]*end-beganAt[i])-(ended[i]*end-endedAt[i]))
		before += began[i] - ended[i]
	}
	return list
}

// widen makes the buckets as wide as asked for, a power of two times what they
// are, and n of them.
func (x *observed) widen(width time.Duration, n int) {
	merged := func(amounts []float64) []float64 {
		wide := make([]float64, n)
		for i, v := range amounts {
			wide[time.Duration(i)*x.width/width] += v
		}
		return wide
	}
	for i := range x.links {
		x.links[i] = merged(x.links[i])
	}
	x.requests, x.inFlight = merged(x.requests), merged(x.inFlight)
	x.width = width
}

// observation puts the repeats of an arm together.
func observation(arm string, links []namedLink, repeats []observed) (*Observation, error) {
	width, n := time.Duration(0), 0
	for i := range repeats {
		width = max(width, repeats[i].width)
	}
	for i := range repeats {
		n = max(n, (len(repeats[i].requests)*int(repeats[i].width/sketch.FirstWidth)-1)/int(width/sketch.FirstWidth)+1)
	}
	for i := range repeats {
		repeats[i].widen(width, n)
	}
	o := &Observation{Source: Simulated, Arm: arm, Repeats: len(repeats), Bucket: width}
	c := courses{repeats: repeats, n: n, seconds: width.Seconds()}
	o.Requests = c.of(func(x *observed) []float64 { return x.requests })
	o.InFlight = c.of(func(x *observed) []float64 { return x.inFlight })
	for i, l := range links {
		use := LinkUse{Link: l.name, Carried: c.of(func(x *observed) []float64 { return x.links[i] })}
		if !math.IsInf(float64(l.rate), 1) {
			use.Capacity = &l.rate
		}
		o.Links = append(o.Links, use)
	}
	o.keepBusiest()
	o.MostInFlight, o.MostInFlightAt = c.most()
	return o, c.err
}

// keepBusiest leaves out named links beyond the bound.
func (o *Observation) keepBusiest() {
	const always = 2 // the registry's and the uplink
	if len(o.Links) <= always+maxObservedLinks {
		return
	}
	sum := func(u *LinkUse) (total float64) {
		for _, v := range u.Carried.Mean {
			total += v
		}
		return total
	}
	named := o.Links[always:]
	slices.SortStableFunc(named, func(a, b LinkUse) int { return cmp.Compare(sum(&b), sum(&a)) })
	o.LinksLeftOut = len(named) - maxObservedLinks
	o.Links = o.Links[:always+maxObservedLinks]
	slices.SortFunc(o.Links[always:], func(a, b LinkUse) int { return cmp.Compare(a.Link, b.Link) })
}

type namedLink struct {
	name string
	rate network.Rate // unlimited where it never limits
}

// linkNames are the links that an observer looks at, in its order.
func (w *world) linkNames(faults []Fault) []namedLink {
	n := &w.profile.Network
	registry, uplink := typical(&n.Registry), typical(&n.Uplink)
	slowest := registry
	for i := range faults {
		if faults[i].Kind == "registry-slow" {
			slowest = min(slowest, faults[i].Registry)
		}
	}
	switch {
	case slowest > uplink:
		registry = network.Unlimited
	case registry < uplink:
		uplink = network.Unlimited
	}
	list := []namedLink{{LinkRegistry, n.payload(registry)}, {LinkUplink, n.payload(uplink)}}
	for _, name := range slices.Sorted(maps.Keys(n.Links)) {
		l := n.Links[name]
		list = append(list, namedLink{name, n.payload(typical(&l.Rate))})
	}
	return list
}

// courses makes courses of the repeats' amounts; its first error stays.
type courses struct {
	repeats []observed
	n       int
	seconds float64
	err     error
}

// most is the greatest number of starts in flight, and when that was.
func (c *courses) most() (*Statistic, time.Duration) {
	values := make([]float64, len(c.repeats))
	for i := range c.repeats {
		values[i] = c.repeats[i].most
	}
	s, err := statisticOf(values)
	if err != nil && c.err == nil {
		c.err = err
	}
	return &s, c.repeats[slices.Index(values, slices.Max(values))].mostAt
}

func (c *courses) of(amounts func(*observed) []float64) Course {
	var course Course
	values := make([]float64, len(c.repeats))
	for i := range c.n {
		for r := range c.repeats {
			values[r] = amounts(&c.repeats[r])[i] / c.seconds
		}
		s, err := statisticOf(values)
		if err != nil && c.err == nil {
			c.err = err
		}
		course.Mean = append(course.Mean, sixDigits(s.Value))
		if s.Low != nil {
			course.Low = append(course.Low, sixDigits(max(0, *s.Low)))
			course.High = append(course.High, sixDigits(*s.High))
		}
	}
	return course
}

// sixDigits rounds to what a course shows; more would only be noise in a file.
func sixDigits(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 6, 64), 64)
	if err != nil {
		return v
	}
	return r
}
