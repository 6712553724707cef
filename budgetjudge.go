package cachebench

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// A budgetJudge finds the figures that an app's budget is about.
type budgetJudge struct {
	results  *Results
	scenario *Scenario
	app      string
	budget   AppBudget
	// why is the error that ended the run; nil where it did not end early.
	why error
}

// budgetFigure is a figure and the most that it may be.
type budgetFigure struct {
	reports.Figure
	limit float64
	// key is that of the limit in the app's budget.
	key string
}

func (j *budgetJudge) figures() []budgetFigure {
	var list []budgetFigure
	leftOut := j.results.leftOut(j.app)
	if leftOut == nil {
		leftOut = j.unread()
	}
	add := func(key, name, unit string, limit float64, of func() (value float64, estimated bool, err error)) {
		f := budgetFigure{Figure: reports.Figure{Name: j.app + " " + name, Unit: unit}, limit: limit, key: key}
		err := leftOut
		if err == nil {
			f.Value, f.Estimated, err = of()
		}
		if err != nil {
			f.Unknown = err.Error()
		}
		list = append(list, f)
	}
	for _, q := range []struct {
		key, name, arm string
		limit          *time.Duration
		of             func(*reports.Summary) time.Duration
	}{
		{"coldP50Seconds", "cold-p50-sec", simulate.ArmCold, j.budget.ColdP50, func(s *reports.Summary) time.Duration { return s.P50 }},
		{"coldP99Seconds", "cold-p99-sec", simulate.ArmCold, j.budget.ColdP99, func(s *reports.Summary) time.Duration { return s.P99 }},
		{"cachedP50Seconds", "cached-p50-sec", j.cachedArm(), j.budget.CachedP50, func(s *reports.Summary) time.Duration { return s.P50 }},
		{"cachedP99Seconds", "cached-p99-sec", j.cachedArm(), j.budget.CachedP99, func(s *reports.Summary) time.Duration { return s.P99 }},
	} {
		if q.limit == nil {
			continue
		}
		// Both are divided in the same way, so that equal times are equal seconds.
		add(q.key, q.name, reports.UnitSeconds, float64(*q.limit)/float64(time.Second), func() (float64, bool, error) {
			summary, err := j.results.Startups(j.app, q.arm)
			if err != nil {
				return 0, false, err
			}
			return float64(q.of(summary)) / float64(time.Second), j.estimated(), nil
		})
	}
	if j.budget.NewBytes != nil {
		add("newBytes", "new-B", reports.UnitBytes, float64(*j.budget.NewBytes), j.newBytes)
		if image := j.imageOfBase(); image != "" {
			list[len(list)-1].Judged = fmt.Sprintf("image %s on a host with %s", image, j.budget.Base)
		}
	}
	if j.budget.CostPerMonth != nil {
		add("costPerMonth", "cost-per-month", j.scenario.Prices.Currency, j.budget.CostPerMonth.Amount, j.cost)
	}
	return list
}

// unread says why the app's images cannot be judged: nothing was simulated, or a layer
// could not be read; nil where they can.
func (j *budgetJudge) unread() error {
	inv := j.results.Inventory
	if j.why != nil || inv == nil {
		return j.why
	}
	for _, reference := range j.images() {
		i := j.find(reference)
		if i < 0 {
			continue
		}
		for _, l := range inv.Images[i].Layers {
			for _, u := range inv.Unscanned {
				if u.Digest == inv.Layers[l].Digest {
					return fmt.Errorf("a layer of image %s could not be read (%s), so that only its manifest's word is known: judge with content that is there, or save an inventory of it (analyze --save) and give that (inventory: in the scenario, --inventory); --layer-sizes tells sizes, not that the layer is there: %s", reference, u.Digest, u.Reason)
				}
			}
		}
	}
	return nil
}

func (j *budgetJudge) workloadApp() *workload.App {
	if w := j.scenario.Workload; w != nil {
		for i := range w.Apps {
			if w.Apps[i].Name == j.app {
				return &w.Apps[i]
			}
		}
	}
	return nil
}

// cachedArm is the arm in which the app's starts find what they can find.
func (j *budgetJudge) cachedArm() string {
	if app := j.workloadApp(); app != nil && app.NodePool != "" {
		return simulate.ArmWarm
	}
	return simulate.ArmCached
}

// images are the app's, those that releases replace first.
func (j *budgetJudge) images() []string {
	if app := j.workloadApp(); app != nil {
		return slices.Concat(app.Images, app.InitImages)
	}
	if j.scenario.Trace == nil {
		return nil
	}
	called := (&Job{Scenario: j.scenario}).called()
	for i := range j.scenario.Trace.Starts {
		if start := &j.scenario.Trace.Starts[i]; cmp.Or(called[lineKey(start)], start.App) == j.app {
			return start.Images
		}
	}
	return nil
}

// find is the place in the Inventory of an image for the platform that the app runs on,
// or -1.
func (j *budgetJudge) find(reference string) int {
	return j.results.Inventory.Find(reference, j.platform(), j.scenario.Now)
}

func (j *budgetJudge) platform() string {
	if app := j.workloadApp(); app != nil {
		if pool := j.scenario.Workload.Pool(app.NodePool); pool != nil {
			return pool.Platform
		}
	}
	return j.scenario.platform()
}

// estimated says that compressed sizes of the app's images are, so that its times are
// too. Unpacked sizes that are estimated are so by one rule, whatever the image.
func (j *budgetJudge) estimated() bool {
	inv := j.results.Inventory
	for _, reference := range j.images() {
		i := j.find(reference)
		if i >= 0 && slices.ContainsFunc(inv.Images[i].Layers, func(l int) bool { return inv.Layers[l].CompressedSource == layers.Estimated }) {
			return true
		}
	}
	return false
}

// newBytes are those of AppBudget.NewBytes.
func (j *budgetJudge) newBytes() (float64, bool, error) {
	inv, reference := j.results.Inventory, j.imageOfBase()
	base, image := j.find(j.budget.Base), j.find(reference)
	if base < 0 {
		for _, u := range inv.Unresolved {
			if u.Reference == j.budget.Base {
				return 0, false, fmt.Errorf("base %s could not be read: %s", u.Reference, u.Reason)
			}
		}
		return 0, false, fmt.Errorf("base %s is not in the inventory for %s", j.budget.Base, j.platform())
	}
	if image < 0 {
		return 0, false, fmt.Errorf("image %s is not in the inventory for %s", reference, j.platform())
	}
	d, err := Diff(DiffSide{Inventory: inv, Image: base}, DiffSide{Inventory: inv, Image: image}, j.scenario.Profile, DiffOptions{})
	if err != nil {
		return 0, false, err
	}
	return float64(d.ByDigest.FetchBytes), d.ByDigest.EstimatedFetchBytes > 0, nil
}

// imageOfBase is the app's image of the base's repository, else its first; empty where
// none is known. An image of the app's that is the base itself, as a sidecar that hosts
// have anyway, is none that could be new.
func (j *budgetJudge) imageOfBase() string {
	images := j.images()
	for _, reference := range images {
		if repository(reference) == repository(j.budget.Base) && !isSameReference(reference, j.budget.Base) {
			return reference
		}
	}
	if len(images) == 0 {
		return ""
	}
	return images[0]
}

// checkBase refuses a base that is the image to be judged: nothing would ever be new.
func (j *budgetJudge) checkBase() error {
	if image := j.imageOfBase(); j.budget.Base != "" && image != "" && isSameReference(image, j.budget.Base) {
		return fmt.Errorf("the base is the app's own image %s, against which nothing is ever new: name the image that hosts have before, as the last release", image)
	}
	return nil
}

// isSameReference says that two references are written for one image.
func isSameReference(a, b string) bool {
	if a == b {
		return true
	}
	_, remote := layers.RegistryOf(a)
	if _, other := layers.RegistryOf(b); remote != other {
		return false
	}
	if remote {
		one, err := layers.ParseName(a)
		two, otherErr := layers.ParseName(b)
		return err == nil && otherErr == nil && one == two
	}
	transport, path, _ := strings.Cut(a, ":")
	otherTransport, otherPath, _ := strings.Cut(b, ":")
	return transport == otherTransport && filepath.Clean(path) == filepath.Clean(otherPath)
}

// repository is a reference without tag and digest.
func repository(reference string) string {
	name, err := layers.ParseName(reference)
	if err != nil {
		return reference
	}
	return name.RepositoryName()
}

// cost is that of AppBudget.CostPerMonth.
func (j *budgetJudge) cost() (float64, bool, error) {
	p := j.results.Plan
	if err := j.budget.CostPerMonth.in(&j.scenario.Prices); err != nil {
		return 0, false, err
	}
	if app := j.workloadApp(); app != nil && app.NodePool != "" {
		return 0, false, errors.New("only image caches have a bill for an app, not node pools")
	}
	if p == nil {
		return 0, false, errors.New("nothing was planned")
	}
	for i := range p.Assignments {
		if a := &p.Assignments[i]; a.App == j.app {
			return j.bill(a.Cache)
		}
	}
	return 0, false, errors.New("the plan says nothing of it")
}

// bill sums the planned caches that serve the app. Of the one that exists and serves it,
// the plan states no bill of its use.
func (j *budgetJudge) bill(assigned string) (float64, bool, error) {
	var sum float64
	found := assigned == ""
	for i := range j.results.Plan.Caches {
		c := &j.results.Plan.Caches[i]
		found = found || c.Name == assigned
		if c.Name == assigned || slices.Contains(c.Apps, j.app) {
			sum += c.Cost.Total.Amount
		}
	}
	if !found {
		return 0, false, fmt.Errorf("cache %s, which serves it, exists already, and the plan bills those that it builds", assigned)
	}
	return sum, false, nil
}
