package workload

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zeebo/xxh3"
)

// pullBuckets counts, on each kubelet, pulls by how long they took, the wait for other
// pulls of the node within, and by the size of the image as the runtime tells it
// (Kubernetes 1.34, pkg/kubelet/metrics and pkg/kubelet/images).
const pullBuckets = pullHistogram + "_bucket"

// pullHistogram is what it is called as a native histogram, classic ones that Prometheus made
// into such (convert_classic_histograms_to_nhcb) among them.
const pullHistogram = "kubelet_image_pull_duration_seconds"

// PullDurations are how long the pulls of images of one class of sizes took, as
// kubelet_image_pull_duration_seconds counts them.
type PullDurations struct {
	// Size is the class, as 100MB-500MB; N/A is of images whose size the runtime did not
	// tell, all where the metric has no classes.
	Size string `json:"size"`
	// AboveBytes and UpToBytes bound the sizes of the class; UpToBytes is absent where
	// nothing bounds it, both where the sizes are unknown.
	AboveBytes int64 `json:"aboveBytes,omitempty"`
	UpToBytes  int64 `json:"upToBytes,omitempty"`
	Pulls      int   `json:"pulls"`
	// Median and P90 are estimates, from straight lines within the buckets.
	Median time.Duration `json:"medianSeconds"`
	P90    time.Duration `json:"p90Seconds"`
	// Buckets are in order of time, those in which there are pulls.
	Buckets []PullBucket `json:"buckets,omitempty"`
}

// PullBucket counts pulls that took longer than Above, and at most UpTo.
type PullBucket struct {
	Above time.Duration `json:"aboveSeconds,omitempty"`
	// UpTo is absent where nothing bounds it.
	UpTo  time.Duration `json:"upToSeconds,omitempty"`
	Pulls int           `json:"pulls"`
}

// pullCounters sums up the increases of the counters of all kubelets.
type pullCounters struct {
	series map[xxh3.Uint128]*counterSeries
	sums   map[pullClass]float64
	// from is the first sample of all, step the least time between two.
	from, step float64
	// open is the series that is read, run those of its samples that are not held yet.
	open *counterSeries
	run  []counterSpan
}

// pullClass is a bucket of a class of sizes.
type pullClass struct {
	size string
	le   float64
}

// counterSeries is what is kept of a counter: the times that were read of it, in order,
// with its values at their ends, so that ranges join in whatever order they come, and what
// is read twice counts once.
type counterSeries struct {
	class pullClass
	spans []counterSpan
}

// counterSpan is a time within which all increases of a counter are summed up.
type counterSpan struct{ first, last, firstValue, lastValue float64 }

// replicaLabels tell servers apart that scrape the same kubelet (Prometheus' and Thanos'
// replicas): the counter is one.
var replicaLabels = []string{"replica", "prometheus_replica", "__replica__", "receive_replica", "thanos_replica", "thanos_ruler_replica", "prometheus"}

// counter begins a series; what is returned takes its samples in order of time.
func (c *pullCounters) counter(labels map[string]string) (each func(at, value float64), err error) {
	le, err := strconv.ParseFloat(labels["le"], 64)
	if err != nil || math.IsNaN(le) {
		return nil, fmt.Errorf("le %q is no number of seconds", labels["le"])
	}
	if c.series == nil {
		c.series, c.sums = map[xxh3.Uint128]*counterSeries{}, map[pullClass]float64{}
	}
	var name strings.Builder
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		if !slices.Contains(replicaLabels, key) {
			fmt.Fprintf(&name, "%q=%q,", key, labels[key])
		}
	}
	key := xxh3.HashString128(name.String())
	s := c.series[key]
	if s == nil {
		s = &counterSeries{class: pullClass{cmp.Or(labels["image_size_in_bytes"], "all"), le}}
		c.series[key] = s
	}
	c.open, c.run = s, c.run[:0]
	return func(at, value float64) { c.sample(s, at, value) }, nil
}

func (c *pullCounters) sample(s *counterSeries, at, value float64) {
	if math.IsNaN(value) || math.IsInf(value, 0) || value < 0 {
		return
	}
	if c.from == 0 || at < c.from {
		c.from = at
	}
	for i := range s.spans {
		if at >= s.spans[i].first && at <= s.spans[i].last {
			return
		}
	}
	if n := len(c.run) - 1; n >= 0 {
		run := &c.run[n]
		if step := at - run.last; step > 0 && (c.step == 0 || step < c.step) {
			c.step = step
		}
		if !slices.ContainsFunc(s.spans, func(x counterSpan) bool { return x.first > run.last && x.first < at }) {
			c.sums[s.class] += increase(run.lastValue, value)
			run.last, run.lastValue = at, value
			return
		}
	}
	c.run = append(c.run, counterSpan{at, at, value, value})
}

// done ends a series. Spans next to each other become one, so that what is held does not
// grow with the ranges.
func (c *pullCounters) done() {
	s := c.open
	c.open = nil
	if s == nil || len(c.run) == 0 {
		return
	}
	if len(s.spans) == 0 && len(c.run) == 1 {
		s.spans = []counterSpan{c.run[0]}
		return
	}
	s.spans = append(s.spans, c.run...)
	slices.SortFunc(s.spans, func(a, b counterSpan) int { return cmp.Compare(a.first, b.first) })
	joined := s.spans[:1]
	for _, x := range s.spans[1:] {
		if last := &joined[len(joined)-1]; x.first-last.last <= 2*c.step {
			c.sums[s.class] += increase(last.lastValue, x.firstValue)
			last.last, last.lastValue = x.last, x.lastValue
		} else {
			joined = append(joined, x)
		}
	}
	s.spans = slices.Clip(joined)
}

// increase is by how much a counter grew, which began anew where it is less than before.
func increase(before, now float64) float64 {
	if now >= before {
		return now - before
	}
	return now
}

// total are the pulls of each class and bucket. A series that begins within the range is of
// a new kubelet, or of a class whose first pull came then: it counts from 0.
func (c *pullCounters) total() map[string]map[float64]float64 {
	all := map[string]map[float64]float64{}
	add := func(class pullClass, n float64) {
		if all[class.size] == nil {
			all[class.size] = map[float64]float64{}
		}
		all[class.size][class.le] += n
	}
	for class, n := range c.sums {
		add(class, n)
	}
	for _, s := range c.series {
		for i, x := range s.spans {
			switch {
			case i > 0:
				add(s.class, increase(s.spans[i-1].lastValue, x.firstValue))
			case x.first > c.from+c.step/2:
				add(s.class, x.firstValue)
			}
		}
	}
	return all
}

// isEmpty says whether no counter was read.
func (c *pullCounters) isEmpty() bool { return len(c.series) == 0 }

// pullDurations are those of each class, in order of size.
func (c *pullCounters) pullDurations() []PullDurations {
	var all []PullDurations
	for class, buckets := range c.total() {
		bounds := slices.Sorted(maps.Keys(buckets))
		total := 0.0
		for _, b := range bounds {
			total = max(total, buckets[b])
		}
		if total < 1 {
			continue
		}
		d := PullDurations{Size: class, Pulls: int(math.Round(total)), Median: quantileIn(bounds, buckets, total/2), P90: quantileIn(bounds, buckets, total*0.9)}
		d.AboveBytes, d.UpToBytes, _ = sizeClass(class)
		above, below := 0.0, 0.0
		for _, b := range bounds {
			if b <= 0 { // no pull takes no time
				continue
			}
			if n := int(math.Round(buckets[b]) - math.Round(below)); n > 0 {
				x := PullBucket{Above: seconds(above), Pulls: n}
				if !math.IsInf(b, 1) {
					x.UpTo = seconds(b)
				}
				d.Buckets = append(d.Buckets, x)
			}
			above, below = b, max(below, buckets[b])
		}
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b PullDurations) int {
		return cmp.Or(cmp.Compare(classOrder(a.Size), classOrder(b.Size)), strings.Compare(a.Size, b.Size))
	})
	return all
}

// classOrder sorts classes by size, those of unknown sizes last.
func classOrder(class string) int64 {
	above, _, ok := sizeClass(class)
	if !ok {
		return math.MaxInt64
	}
	return above
}

// quantileIn is where so many of a cumulative histogram are below, as PromQL's
// histogram_quantile has it: along a straight line within a bucket, and at the bound
// below the last one's.
func quantileIn(bounds []float64, buckets map[float64]float64, rank float64) time.Duration {
	low, below := 0.0, 0.0
	for _, b := range bounds {
		if n := buckets[b]; n >= rank {
			switch {
			case math.IsInf(b, 1):
				return seconds(low)
			case n == below:
				return seconds(b)
			}
			return seconds(low + (b-low)*(rank-below)/(n-below))
		}
		low, below = b, max(below, buckets[b])
	}
	return seconds(low)
}

// sizeClass is what sizes a class of the kubelet's holds: above the one, up to the other,
// which is 0 where nothing bounds it. Its MB and GB are 2^20 and 2^30 bytes. False for N/A
// and what is no class.
func sizeClass(class string) (above, upTo int64, ok bool) {
	if text, found := strings.CutPrefix(class, "GT"); found {
		above, ok = sizeBytes(text)
		return above, 0, ok
	}
	from, to, found := strings.Cut(class, "-")
	if !found {
		return 0, 0, false
	}
	above, ok = sizeBytes(from)
	if !ok && from != "0" {
		return 0, 0, false
	}
	upTo, ok = sizeBytes(to)
	return above, upTo, ok && upTo > above
}

func sizeBytes(text string) (int64, bool) {
	unit := int64(0)
	switch {
	case strings.HasSuffix(text, "MB"):
		unit = 1 << 20
	case strings.HasSuffix(text, "GB"):
		unit = 1 << 30
	default:
		return 0, false
	}
	n, err := strconv.ParseInt(text[:len(text)-2], 10, 32)
	return n * unit, err == nil && n > 0
}
