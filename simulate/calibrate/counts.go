package calibrate

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// CountCheck holds a profile against pulls that are only counted, by the size of the image
// and by how long they took. Nothing is fitted to them: of a class the sizes are as much as
// ten times apart, and which images were pulled how often is not told, so that a factor
// would fit the mixture as well as the nodes.
type CountCheck struct {
	// Size is the class, as 100MB-500MB.
	Size  string `json:"size" document:"required"`
	Pulls int    `json:"pulls"`
	// From and To bound the median of the counted pulls; To is absent where nothing bounds
	// it.
	From time.Duration `json:"fromSeconds"`
	To   time.Duration `json:"toSeconds,omitempty"`
	// By says what is predicted: single pulls of that size of the same timelines, images of
	// the inventory, each once, or images of one layer of any size of the class.
	By string `json:"by" document:"required,enum=pulls|inventory|sizes"`
	// Images are how many are predicted; absent by sizes.
	Images int `json:"images,omitempty"`
	// Fastest and Slowest bound the predictions, and Predicted is their median; absent by
	// sizes, of which no one is likelier than another.
	Fastest   time.Duration  `json:"fastestSeconds"`
	Predicted *time.Duration `json:"predictedSeconds,omitempty"`
	Slowest   time.Duration  `json:"slowestSeconds"`
	// LeastError is by how much the predicted median lies outside of From and To at least,
	// as a fraction of the nearer, above 0 where it is too long; by sizes it is that of the
	// nearer end of the predictions.
	LeastError float64 `json:"leastError" document:"signed"`
	// CoveredFraction is the share of the pulls in buckets that predictions reach into.
	CoveredFraction float64 `json:"coveredFraction"`
}

// What a CountCheck predicts.
const (
	ByPulls     = "pulls"
	ByInventory = "inventory"
	BySizes     = "sizes"
)

// addCounts adds the counts of a timeline, those of a file that is read again once.
func (d *Data) addCounts(f *File) {
	m := f.Timeline.Measurement
	if len(m.PullCounts) == 0 {
		return
	}
	key := fmt.Sprint(m.PullCounts)
	if slices.Contains(d.countsRead, key) {
		d.countsAgain++
		return
	}
	d.countsRead = append(d.countsRead, key)
	for _, c := range m.PullCounts {
		at := slices.IndexFunc(d.counts, func(x simulate.PullCount) bool { return x.Size == c.Size })
		if at < 0 {
			at = len(d.counts)
			d.counts = append(d.counts, simulate.PullCount{Size: c.Size, AboveBytes: c.AboveBytes, UpToBytes: c.UpToBytes})
		}
		to := &d.counts[at]
		for _, b := range c.Buckets {
			i := slices.IndexFunc(to.Buckets, func(x simulate.PullBucket) bool { return x.Above == b.Above && x.UpTo == b.UpTo })
			if i < 0 {
				to.Buckets = append(to.Buckets, b)
			} else {
				to.Buckets[i].Pulls += b.Pulls
			}
		}
		slices.SortFunc(to.Buckets, func(x, y simulate.PullBucket) int {
			return cmp.Or(cmp.Compare(x.Above, y.Above), cmp.Compare(x.UpTo, y.UpTo))
		})
	}
	slices.SortStableFunc(d.counts, func(x, y simulate.PullCount) int { return cmp.Compare(x.AboveBytes, y.AboveBytes) })
}

// countedPulls are all that are counted, of which sized are of images whose size is.
func (d *Data) countedPulls() (all, sized int) {
	for i := range d.counts {
		n := pullsIn(&d.counts[i])
		all += n
		if isSized(&d.counts[i]) {
			sized += n
		}
	}
	return all, sized
}

func isSized(c *simulate.PullCount) bool { return c.AboveBytes > 0 || c.UpToBytes > 0 }

func pullsIn(c *simulate.PullCount) int {
	n := 0
	for _, b := range c.Buckets {
		n += b.Pulls
	}
	return n
}

// medianIn bounds the median of counted pulls by the buckets that it is in; to is 0 where
// nothing bounds it.
func medianIn(buckets []simulate.PullBucket, pulls int) (from, to time.Duration) {
	low, high := (pulls+1)/2, pulls/2+1 // of an even number it is between two
	below := 0
	for _, b := range buckets {
		if below < low && below+b.Pulls >= low {
			from = b.Above
		}
		if below < high && below+b.Pulls >= high {
			return from, b.UpTo
		}
		below += b.Pulls
	}
	return from, 0
}

// outside is by how much the range from fastest to slowest lies outside of that from from
// to to, of which 0 bounds nothing.
func outside(fastest, slowest, from, to time.Duration) float64 {
	switch {
	case slowest < from:
		return slowest.Seconds()/from.Seconds() - 1
	case to > 0 && fastest > to:
		return fastest.Seconds()/to.Seconds() - 1
	}
	return 0
}

// weighted is a prediction that counts so often.
type weighted struct {
	seconds float64
	weight  int
}

// checkCounts holds a profile against the counts.
func (d *Data) checkCounts(ctx context.Context, c *Calibration, p *simulate.Profile) error {
	if len(d.counts) == 0 {
		return nil
	}
	times, err := d.pullTimesOnce(ctx, p)
	if err != nil {
		return err
	}
	var inv *layers.Inventory
	var known []float64
	if d.opt.Inventory != nil && len(d.opt.Inventory.Images) > 0 {
		inv = d.opt.Inventory.Estimated()
		if known, err = d.timesOf(ctx, inv, p); err != nil {
			return err
		}
	}
	for i := range d.counts {
		x := &d.counts[i]
		n := pullsIn(x)
		if n == 0 || !isSized(x) {
			continue
		}
		check := CountCheck{Size: x.Size, Pulls: n}
		check.From, check.To = medianIn(x.Buckets, n)
		holds := func(bytes int64) bool { return bytes > x.AboveBytes && (x.UpToBytes == 0 || bytes <= x.UpToBytes) }
		var list []weighted
		of := map[int]int{} // pulls by image
		for _, pull := range d.pulls {
			if holds(pull.bytes) {
				of[pull.at]++
			}
		}
		for at, n := range of {
			list = append(list, weighted{times[at], n})
		}
		if check.By = ByPulls; len(list) == 0 && inv != nil {
			check.By = ByInventory
			for at := range inv.Images {
				if holds(inv.Union(at).CompressedBytes) {
					list = append(list, weighted{known[at], 1})
				}
			}
		}
		if check.Images = len(list); len(list) == 0 {
			check.By = BySizes
			if list, err = d.sizesOf(ctx, x, p); err != nil {
				return err
			}
		}
		check.predict(list, x.Buckets)
		c.Counts = append(c.Counts, check)
	}
	d.doubtCounts(c)
	return nil
}

// pullTimesOnce are the times of the pulls' images; none where there are no pulls.
func (d *Data) pullTimesOnce(ctx context.Context, p *simulate.Profile) ([]float64, error) {
	if len(d.pulls) == 0 {
		return nil, nil
	}
	return d.pullTimes(ctx, p)
}

// sizesOf predicts images of one layer, from the least size of a class to the largest.
func (d *Data) sizesOf(ctx context.Context, x *simulate.PullCount, p *simulate.Profile) ([]weighted, error) {
	least, most := x.AboveBytes+1, x.UpToBytes
	if most == 0 {
		most = 2 * x.AboveBytes
	}
	m := &pulledImages{to: &layers.Inventory{}, made: make(map[sizedImage]int)}
	for _, bytes := range []int64{least, most} {
		m.single(&pull{image: fmt.Sprintf("an image of %d bytes", bytes), bytes: bytes})
	}
	times, err := d.timesOf(ctx, m.to.Estimated(), p)
	if err != nil {
		return nil, err
	}
	return []weighted{{times[0], 1}, {times[1], 1}}, nil
}

// predict takes the predictions of a class.
func (x *CountCheck) predict(list []weighted, buckets []simulate.PullBucket) {
	slices.SortFunc(list, func(a, b weighted) int { return cmp.Compare(a.seconds, b.seconds) })
	duration := func(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }
	x.Fastest, x.Slowest = duration(list[0].seconds), duration(list[len(list)-1].seconds)
	if x.By == BySizes {
		x.LeastError = digits(outside(x.Fastest, x.Slowest, x.From, x.To))
	} else {
		all := 0
		for _, w := range list {
			all += w.weight
		}
		at := func(rank int) float64 {
			for _, w := range list {
				if rank -= w.weight; rank <= 0 {
					return w.seconds
				}
			}
			return 0
		}
		middle := duration((at((all+1)/2) + at(all/2+1)) / 2)
		x.Predicted = &middle
		x.LeastError = digits(outside(middle, middle, x.From, x.To))
	}
	covered := 0
	for _, b := range buckets {
		if outside(x.Fastest, x.Slowest, b.Above, b.UpTo) == 0 {
			covered += b.Pulls
		}
	}
	x.CoveredFraction = digits(float64(covered) / float64(x.Pulls))
}

// doubtCounts says what counts cannot tell.
func (d *Data) doubtCounts(c *Calibration) {
	all, sized := d.countedPulls()
	doubt := func(format string, values ...any) { c.Doubts = append(c.Doubts, fmt.Sprintf(format, values...)) }
	known := 0
	for _, x := range c.Counts {
		if x.By != BySizes {
			known += x.Pulls
		}
	}
	if all > sized {
		doubt("Of %d of %d counted pulls the size is unknown (N/A): they are left out.", all-sized, all)
	}
	if known < sized {
		doubt("Of %d of %d counted pulls no image of their size is known: they are held against all sizes of their class, which says little; --inventory with the images of the cluster tells more.", sized-known, sized)
	}
	if d.countsAgain > 0 {
		doubt("%d of the files have the same counts as another: they count once.", d.countsAgain)
	}
	doubt("Counted pulls tell neither images nor layers: which of a class were pulled, and how often, may be others than what is predicted. Nothing is fitted to them.")
	doubt("The kubelet counts with a pull its wait for others of the node, and with policy Always questions about images that are there: where predictions are shorter that may be waits, where they are longer it may be questions.")
	doubt("Sizes of counted pulls are taken for compressed, as containerd tells them; docker and CRI-O tell unpacked ones.")
}

// checkOnlyCounts is the check of a profile where nothing but counts is known.
func (d *Data) checkOnlyCounts(ctx context.Context) (*Calibration, error) {
	c := d.begin()
	all, sized := d.countedPulls()
	if sized == 0 {
		return nil, fmt.Errorf("%w: the sizes of all %d counted pulls are unknown", ErrNothing, all)
	}
	c.Base, c.Basis, c.Runs = "", "counts", all
	if err := d.checkCounts(ctx, c, d.opt.Base); err != nil {
		return nil, err
	}
	c.Arms, c.Simulated = len(c.Counts), d.evaluations
	return c, nil
}
