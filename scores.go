package cachebench

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// ScoreParts are what Job.Scores is asked for.
type ScoreParts struct {
	// Stores are scored, and with them the scenario's usable caches, for each app;
	// nil scores none.
	Stores []matcher.Holder
	// Matrix compares the apps' images in pairs; Nearest finds the nearest base of
	// each among all images of the Inventory.
	Matrix, Nearest bool
}

// Scores says what stores spare the job's apps, what their images have in common,
// and what these are built on.
func (j *Job) Scores(parts ScoreParts) (*reports.Scores, error) {
	s := &reports.Scores{Provenance: j.Provenance(), Platform: j.Scenario.platform()}
	// Nothing is drawn and nothing has a price.
	s.Provenance.Seed, s.Provenance.PriceDate, s.Provenance.Currency = 0, "", ""
	if parts.Stores == nil {
		s.Provenance.Profile, s.Provenance.ProfileBasis = "", ""
	} else if err := j.scoreStores(s, parts.Stores); err != nil {
		return nil, err
	}
	for _, out := range j.Coverage.LeftOut {
		s.Doubts = append(s.Doubts, fmt.Sprintf("%s is left out: %s.", out.App, out.Reason))
	}
	images := (&workload.Workload{Apps: j.Workload.Apps}).References()
	if err := parts.bounded(len(images), len(j.Inventory.Images)); err != nil {
		return nil, err
	}
	if parts.Matrix {
		s.Matrix = j.matcher.Matrix(images)
	}
	if parts.Nearest {
		s.Nearest = j.matcher.Nearest(images, nil)
	}
	return s, nil
}

// What is refused as too many images to compare in pairs.
const (
	// MaxMatrix bounds a matrix, whose cells are kept: 25 million of them.
	MaxMatrix = 5000
	// MaxNearest bounds the images among which bases are looked for.
	MaxNearest = 20_000
)

// bounded refuses more images than can be compared in pairs.
func (parts *ScoreParts) bounded(images, inventory int) error {
	switch {
	case parts.Matrix && images > MaxMatrix:
		return fmt.Errorf("a matrix of %d images has more than %d² cells: name fewer images, or a workload", images, MaxMatrix)
	case parts.Nearest && max(images, inventory) > MaxNearest:
		return fmt.Errorf("bases are looked for among at most %d images, the inventory has %d: make one of fewer with analyze --save", MaxNearest, inventory)
	}
	return nil
}

func (j *Job) scoreStores(s *reports.Scores, stores []matcher.Holder) error {
	held, err := j.holdings(stores)
	if err != nil {
		return err
	}
	e, err := j.newStoreEstimates(held)
	if err != nil {
		return err
	}
	sets := make([]matcher.ImageSet, len(j.Workload.Apps))
	for i := range sets {
		app := &j.Workload.Apps[i]
		sets[i] = matcher.ImageSet{Name: app.Name, Images: app.AllImages(), PullPolicy: app.PullPolicy}
	}
	s.Sets = j.matcher.Scores(sets, held, matcher.ScoreOptions{Seconds: e.seconds})
	if e.err != nil {
		return e.err
	}
	for i := range held {
		h := &held[i]
		s.Stores = append(s.Stores, reports.ScoredStore{
			Name: h.Store, Kind: h.Kind, KeepBlobs: h.KeepBlobs, Images: len(h.Images), Blobs: len(h.Blobs), Unknown: h.Unknown,
		})
	}
	s.Doubts = append(s.Doubts, j.scoreDoubts(held)...)
	return nil
}

// holdings are those of the stores, then of the scenario's caches that can be
// used now.
func (j *Job) holdings(stores []matcher.Holder) ([]matcher.Holding, error) {
	keepBlobs := j.Scenario.Profile.Pull.KeepBlobs.Value
	held := j.matcher.Holdings(stores, keepBlobs)
	for i := range j.Scenario.Caches {
		c := &j.Scenario.Caches[i]
		if c.Status != matcher.StatusReady || !c.ExpireTime.IsZero() && !c.ExpireTime.After(j.Scenario.Now) {
			continue
		}
		if slices.ContainsFunc(stores, func(s matcher.Holder) bool { return s.Name == c.ID }) {
			return nil, fmt.Errorf("store %q has the ID of a cache, which is scored too: give it another name", c.ID)
		}
		held = append(held, j.matcher.HoldingOf(c, keepBlobs))
	}
	return held, nil
}

func (j *Job) scoreDoubts(held []matcher.Holding) []string {
	var doubts []string
	mirror := false
	for i := range held {
		h := &held[i]
		mirror = mirror || h.Kind == matcher.MirrorStore
		if n := len(h.Unknown); n > 0 {
			doubts = append(doubts, fmt.Sprintf("%s holds %d that the inventory lacks, and what they spare is in no figure: %s.", h.Store, n, strings.Join(h.Unknown[:min(n, 5)], ", ")))
		}
	}
	if mirror {
		doubts = append(doubts, "The times of a mirror are bounds: they take what it holds to be there at once, for no profile says how fast a mirror is.")
	}
	p := j.Scenario.Profile
	if names := p.Unlimited(); len(names) > 0 {
		doubts = append(doubts, fmt.Sprintf("Unlimited in profile %s, so never the bottleneck: %s.", p.Name, strings.Join(names, ", ")))
	}
	if p.UnmeasuredECI() {
		doubts = append(doubts, fmt.Sprintf("No value of profile %s was measured on ECI.", p.Name))
	}
	return doubts
}

// storeEstimates are how long pulls take on hosts with stores.
type storeEstimates struct {
	job *Job
	// keep and drop are of hosts that keep blobs and that do not.
	keep, drop *simulate.Estimator
	// blobs is, for each holding, an image of its single blobs, or -1.
	blobs map[*matcher.Holding]int
	err   error
}

// newStoreEstimates prepares estimates with the holdings, which must stay where
// they are. Blobs that are unpacked nowhere become an image above an empty layer
// of its own: its blobs are real ones, its chains no other image's.
func (j *Job) newStoreEstimates(held []matcher.Holding) (*storeEstimates, error) {
	e := &storeEstimates{job: j, blobs: make(map[*matcher.Holding]int)}
	inv := *j.Inventory
	inv.Images, inv.Layers = slices.Clone(inv.Images), slices.Clone(inv.Layers)
	for i := range held {
		h := &held[i]
		e.blobs[h] = -1
		if blobs := packed(&inv, h); len(blobs) > 0 {
			e.blobs[h] = len(inv.Images)
			alone := layers.Digest(fmt.Sprintf("below the blobs of store %d", i))
			inv.Images = append(inv.Images, layers.Image{Reference: h.Store, Digest: alone, Platform: j.Scenario.platform(), Layers: append([]int{len(inv.Layers)}, blobs...)})
			inv.Layers = append(inv.Layers, layers.Layer{Digest: alone, DiffID: alone, UnpackedBytes: new(int64)})
		}
	}
	keep, drop := *j.Scenario.Profile, *j.Scenario.Profile
	keep.Pull.KeepBlobs.Value, drop.Pull.KeepBlobs.Value = true, false
	var err error
	if e.keep, err = simulate.NewEstimator(&inv, &keep); err != nil {
		return nil, err
	}
	e.drop, err = simulate.NewEstimator(&inv, &drop)
	return e, err
}

// packed are the layers that a holding has as blobs and unpacked nowhere.
func packed(inv *layers.Inventory, h *matcher.Holding) []int {
	blobs := slices.Clone(h.Blobs)
	if h.Kind == matcher.MirrorStore {
		for _, i := range h.Images {
			blobs = append(blobs, inv.Images[i].Layers...)
		}
	}
	slices.Sort(blobs)
	return slices.Compact(blobs)
}

// seconds is how long a host with a store pulls a set, one with nothing where
// that is nil; nil when no profile can say: single blobs on a host that keeps
// none.
func (e *storeEstimates) seconds(set *matcher.ImageSet, h *matcher.Holding) *time.Duration {
	start := simulate.Start{App: set.Name, Images: e.job.positions(set.Images), PullPolicy: set.PullPolicy}
	estimator := e.drop
	switch {
	case h == nil && e.job.Scenario.Profile.Pull.KeepBlobs.Value:
		estimator = e.keep
	case h == nil:
	case e.blobs[h] >= 0 && !h.KeepBlobs:
		return nil
	default:
		start.CacheID = h.Store
		if h.Kind != matcher.MirrorStore {
			start.Held = slices.Clone(h.Images)
		}
		if e.blobs[h] >= 0 {
			start.Held = append(start.Held, e.blobs[h])
		}
		if h.KeepBlobs {
			estimator = e.keep
		}
	}
	result, err := estimator.Estimate(&start)
	if err != nil {
		if e.err == nil {
			e.err = err
		}
		return nil
	}
	return &result.Pull
}

// CompareService compares what the matcher says about the scenario's caches with
// answers of the service itself.
func (j *Job) CompareService(answers *matcher.ServiceAnswers) (*reports.Service, error) {
	s := j.Scenario
	asked, err := answers.For(s.Workload.Apps)
	if err != nil {
		return nil, err
	}
	comparison := matcher.CompareService(asked, s.Caches, s.policy(), s.Now, func(p matcher.Policy, at time.Time) *matcher.Matcher {
		return matcher.New(j.Inventory, s.platform(), at, p)
	})
	return &reports.Service{
		Provenance: simulate.Provenance{Version: Version, Now: s.Now, Inputs: s.Inputs}, Platform: s.platform(),
		Comparison: *comparison,
		Doubts: []string{
			"The question names images alone: ours is for an instance of 30 GiB storage on " + s.platform() + ", without init containers, and the answers tell nothing of pull policies or of what follows a match.", // eci §2.5
			"Ours is of the caches in the list given: answers from before a change to them differ for that alone.",
		},
	}, nil
}
