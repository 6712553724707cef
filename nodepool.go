package cachebench

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// nodePool is a pool that apps of the job run on.
type nodePool struct {
	*workload.NodePool
	// setup is what a new node begins with.
	setup simulate.NodeSetup
	class *simulate.Profile
}

// pools are the node pools that the job's apps run on, in the workload's order.
func (j *Job) pools() ([]nodePool, error) {
	var pools []nodePool
	for i := range j.Workload.NodePools {
		spec := &j.Workload.NodePools[i]
		if !slices.ContainsFunc(j.Workload.Apps, func(a workload.App) bool { return a.NodePool == spec.Name }) {
			continue
		}
		if spec.Placement == "pack" && spec.CPU == 0 && spec.MemoryGiB == 0 {
			return nil, fmt.Errorf("node pool %s packs its nodes: say how much one holds, with cpu or memoryGiB", spec.Name)
		}
		class, err := j.Scenario.Profile.Class(spec.NodeClass)
		if err != nil {
			return nil, fmt.Errorf("node pool %s: %w", spec.Name, err)
		}
		if why := j.lacksAny(spec.References(), j.spelled(spec.Platform)); why != "" {
			return nil, fmt.Errorf("node pool %s: %s", spec.Name, why)
		}
		p := nodePool{NodePool: spec, class: class}
		p.setup.Baked, p.setup.Held = j.positionsOn(spec.Baked, spec), j.positionsOn(spec.PrePulled, spec)
		for _, image := range j.positionsOn(spec.DaemonImages, spec) {
			p.setup.Daemon = append(p.setup.Daemon, []int{image})
		}
		pools = append(pools, p)
	}
	return pools, nil
}

// spelled is a platform as the Inventory spells it.
func (j *Job) spelled(platform string) string {
	for i := range j.Inventory.Images {
		if p := j.Inventory.Images[i].Platform; layers.SamePlatform(p, platform) {
			return p
		}
	}
	return platform
}

// platformOf is that of an app's nodes.
func (j *Job) platformOf(app *workload.App) string {
	if pool := j.Scenario.Workload.Pool(app.NodePool); pool != nil {
		return j.spelled(pool.Platform)
	}
	return j.Scenario.platform()
}

func (j *Job) positionsOn(references []string, pool *workload.NodePool) []int {
	platform := j.spelled(pool.Platform)
	var images []int
	for _, ref := range references {
		if i := j.lookup.Find(ref, platform, j.Scenario.Now); i >= 0 {
			images = append(images, i)
		}
	}
	return images
}

func isPooled(a *workload.App) bool { return a.NodePool != "" }

// isOwn says that an app starts on instances of its own: image caches are for those
// alone.
func isOwn(a *workload.App) bool { return a.NodePool == "" }

func (j *Job) hasPooled() bool {
	return slices.ContainsFunc(j.Workload.Apps, func(a workload.App) bool { return isPooled(&a) })
}

func (j *Job) hasOwn() bool {
	return slices.ContainsFunc(j.Workload.Apps, func(a workload.App) bool { return isOwn(&a) })
}

// lifetimeDoubt is about a pool whose simulated nodes never go, and so hardly pull, while
// a cluster told that starts on it do.
func (j *Job) lifetimeDoubt(pool *workload.NodePool, add func(string, ...any)) {
	if pool.Lifetime() > 0 {
		return
	}
	var pulling []string
	for i := range j.Workload.Apps {
		if app := &j.Workload.Apps[i]; app.NodePool == pool.Name && app.PulledFraction != nil && *app.PulledFraction > 0 {
			pulling = append(pulling, fmt.Sprintf("%s (%.0f %%)", app.Name, 100**app.PulledFraction))
		}
	}
	if len(pulling) > 0 {
		add("Nodes of pool %s are simulated as living for ever, so that they keep what they have pulled, though a cluster told that starts there pull (pulledFraction): give the pool lifetimeHours or newNodesPerDay: %s.", pool.Name, few(pulling))
	}
}

// bounded refuses a pool whose nodes come and go too often to be replayed.
func (p *nodePool) bounded() error {
	if step := p.Lifetime() / time.Duration(p.Count); p.Lifetime() > 0 && (step == 0 || (warmUp+workload.Month)/step > MaxNewNodes) {
		return fmt.Errorf("%w: %d nodes of pool %s that live %v each are more new ones than %d: take fewer nodes or a longer lifetime", ErrTooMuch, p.Count, p.Name, p.Lifetime(), MaxNewNodes)
	}
	return nil
}

// poolAssumptions say how node pools are taken.
func (j *Job) poolAssumptions() []string {
	if !j.hasPooled() {
		return nil
	}
	pools, _ := j.pools() // its error has ended the simulation before
	var words []string
	for _, p := range pools {
		text := fmt.Sprintf("%s has %d nodes on %s, placement %s", p.Name, p.Count, p.Platform, cmpOr(p.Placement, "spread"))
		if life := p.Lifetime(); life > 0 {
			text += fmt.Sprintf(", each replaced by a fresh one after %s", span(life.Round(time.Second)))
		}
		words = append(words, text)
	}
	return []string{
		"Node pools: " + strings.Join(words, "; ") + ". Starts there use no image cache. In arm cold the window begins with fresh nodes; in the others with what 30 days of starts and the kubelet's eviction left on them.",
		"A start is placed knowing what runs and what images are on each node, an image from the moment that a start of it is placed there. Starts under way on a node when its time is over go on.",
	}
}

func cmpOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// poolDoubts are reasons to trust what is said about node pools less.
func (j *Job) poolDoubts(add func(string, ...any)) {
	for _, app := range j.Workload.Apps {
		pool := j.Workload.Pool(app.NodePool)
		if pool != nil && pool.NodeClass == "" && j.Scenario.Profile.OfECI() {
			add("Node pool %s is simulated on profile %s, which describes instances, not nodes that keep images: name its nodeClass, or take --profile containerd.", pool.Name, j.Scenario.Profile.Name)
			break
		}
	}
	for _, pool := range j.Workload.NodePools {
		if n := j.crowded[pool.Name]; n > 0 {
			add("Node pool %s had no room for %d starts of the window: they were put on the node least in use.", pool.Name, n)
		}
		j.lifetimeDoubt(&pool, add)
	}
}
