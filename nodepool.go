package cachebench

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// own are the events of apps that start on instances of their own: image caches
// are for those alone.
func (j *Job) own(events []workload.Event) []workload.Event {
	if !j.hasPooled() {
		return events
	}
	var own []workload.Event
	for _, e := range events {
		if j.Workload.Apps[e.App].NodePool == "" {
			own = append(own, e)
		}
	}
	return own
}

func (j *Job) hasPooled() bool {
	return slices.ContainsFunc(j.Workload.Apps, func(a workload.App) bool { return a.NodePool != "" })
}

func (j *Job) hasOwn() bool {
	return slices.ContainsFunc(j.Workload.Apps, func(a workload.App) bool { return a.NodePool == "" })
}

// pooled is what happens on the node pools in the window of one arm.
type pooled struct {
	// inv is the Inventory with the images that releases bring within the window.
	inv    *layers.Inventory
	starts []simulate.Start
	nodes  []simulate.NewNode
	// crowded counts the window's starts for which a pool had no room, by its name.
	crowded map[string]int
}

// onPools places the starts of apps on node pools. All arms play the time before
// the window, so that nodes are in use alike; in arm cold they are fresh when the
// window begins, in the others they hold what has been left on them.
func (j *Job) onPools(ctx context.Context, arm string) (*pooled, error) {
	out := &pooled{inv: j.Inventory, crowded: make(map[string]int)}
	pools, err := j.pools()
	if err != nil || len(pools) == 0 {
		return out, err
	}
	s := j.Scenario
	end := s.WindowStart + s.window()
	v := j.newVersions(end)
	out.inv = v.inv
	images := newImageLayers(v.inv)
	byApp := make([]*placement, len(j.Workload.Apps))
	var all []*placement
	for k := range pools {
		p := &pools[k]
		if err := p.bounded(); err != nil {
			return nil, err
		}
		pl := newPlacement(p.NodePool, p.class, images, &p.setup, -warmUp, s.WindowStart)
		all = append(all, pl)
		for i := range byApp {
			if j.Workload.Apps[i].NodePool == p.Name {
				byApp[i] = pl
			}
		}
	}
	begun := false
	begin := func() {
		begun = true
		for k, pl := range all {
			pl.advance(s.WindowStart)
			out.nodes = append(out.nodes, pl.begins(&pools[k], arm, s.WindowStart)...)
			pl.crowded = 0
		}
	}
	for i, e := range j.simulated() {
		if i%4096 == 0 && ctx.Err() != nil {
			return nil, fmt.Errorf("place starts on node pools: %w", ctx.Err())
		}
		if e.At >= end {
			break
		}
		if !begun && e.At >= s.WindowStart {
			begin()
		}
		pl, app := byApp[e.App], &j.Workload.Apps[e.App]
		switch {
		case pl == nil:
		case e.Release:
			pl.advance(e.At)
			v.release(j, app, begun, all)
		default:
			start := j.start(app)
			start.Images = v.of(start.Images)
			number := pl.place(app, start.Images, e.At)
			if begun {
				start.Node, start.NodeClass = nodeName(pl.pool, number), pl.pool.NodeClass
				start.Requested = e.At - s.WindowStart
				out.starts = append(out.starts, start)
			}
		}
	}
	if !begun {
		begin()
	}
	for k, pl := range all {
		out.nodes = append(out.nodes, pl.renewals(&pools[k], end)...)
		if pl.crowded > 0 {
			out.crowded[pl.pool.Name] = pl.crowded
		}
	}
	return out, nil
}

// bounded refuses a pool whose nodes come and go too often to be replayed.
func (p *nodePool) bounded() error {
	if step := p.Lifetime() / time.Duration(p.Count); p.Lifetime() > 0 && (step == 0 || (warmUp+workload.Month)/step > MaxEventsPerMonth) {
		return fmt.Errorf("%w: %d nodes of pool %s that live %v each are more new ones than %d: take fewer nodes or a longer lifetime", ErrTooMuch, p.Count, p.Name, p.Lifetime(), MaxEventsPerMonth)
	}
	return nil
}

func nodeName(pool *workload.NodePool, number int) string {
	return fmt.Sprintf("%s/%d", pool.Name, number)
}

// begins are the nodes of a pool at the beginning of the window. In arm cold they are
// made then.
func (p *placement) begins(pool *nodePool, arm string, window time.Duration) []simulate.NewNode {
	if arm == simulate.ArmCold {
		p.empty()
	}
	nodes := make([]simulate.NewNode, len(p.nodes))
	inUse := p.inUse(window)
	for i := range p.nodes {
		n := &p.nodes[i]
		nodes[i] = simulate.NewNode{Name: nodeName(p.pool, n.number), NodeClass: p.pool.NodeClass, Setup: &pool.setup}
		if arm != simulate.ArmCold {
			// Its daemons are in use and find their images.
			nodes[i].Up = true
			nodes[i].Setup = &simulate.NodeSetup{Daemon: pool.setup.Daemon, Held: n.byUse(), InUse: inUse[i]}
			nodes[i].Renewed = &pool.setup
		}
	}
	return nodes
}

// renewals are the nodes that are new within the window, which ends at end.
func (p *placement) renewals(pool *nodePool, end time.Duration) []simulate.NewNode {
	var nodes []simulate.NewNode
	if p.step == 0 {
		return nil
	}
	for k := 0; ; k++ {
		at := time.Duration(k+1) * p.step
		if p.begin+at >= end {
			return nodes
		}
		nodes = append(nodes, simulate.NewNode{
			Name: nodeName(p.pool, len(p.nodes)+k+1), NodeClass: p.pool.NodeClass, At: at, Setup: &pool.setup,
		})
	}
}

// versions are what releases bring to node pools. Within the window each is an
// image of its own, added to the Inventory; before it, a release only makes what
// nodes hold of the older one of no more use.
type versions struct {
	inv *layers.Inventory
	// now is what an image of the Inventory has become; next are those to come, in
	// order of the releases.
	now  map[int]int
	next []int
}

// newVersions adds the images that releases of pooled apps bring from the window's
// beginning until end. They have as many bytes as the older ones: the upper layers
// that make up releaseNewBytesFraction of them are new, all where that is unknown.
func (j *Job) newVersions(end time.Duration) *versions {
	v := &versions{inv: j.Inventory, now: make(map[int]int)}
	for _, e := range j.simulated() {
		app := &j.Workload.Apps[e.App]
		if !e.Release || app.NodePool == "" || e.At < j.Scenario.WindowStart || e.At >= end {
			continue
		}
		if v.inv == j.Inventory {
			whole := *j.Inventory
			whole.Images, whole.Layers = slices.Clone(whole.Images), slices.Clone(whole.Layers)
			v.inv = &whole
		}
		image := j.first(app)
		v.next = append(v.next, v.add(v.of([]int{image})[0], app.ReleaseNewBytesFraction))
		v.now[image] = v.next[len(v.next)-1]
	}
	clear(v.now)
	return v
}

// first is the image that a release of app replaces.
func (j *Job) first(app *workload.App) int {
	return j.lookup.Find(app.Images[0], j.platformOf(app), j.Scenario.Now)
}

// add adds a version of an image, and returns its place.
func (v *versions) add(image int, fraction *float64) int {
	img := v.inv.Images[image]
	var all, fresh int64
	for _, l := range img.Layers {
		all += v.inv.Layers[l].CompressedBytes
	}
	img.Layers = slices.Clone(img.Layers)
	id := len(v.inv.Images)
	for i := len(img.Layers) - 1; i >= 0; i-- {
		if fraction != nil && float64(fresh) >= *fraction*float64(all) {
			break
		}
		l := v.inv.Layers[img.Layers[i]]
		fresh += l.CompressedBytes
		// A digest that no other layer has, the same in every run.
		l.DiffID = digestOf(fmt.Sprintf("%s released as image %d layer %d", l.Digest, id, i))
		l.Digest = l.DiffID
		img.Layers[i] = len(v.inv.Layers)
		v.inv.Layers = append(v.inv.Layers, l)
	}
	v.inv.Images = append(v.inv.Images, img)
	return id
}

func digestOf(text string) layers.Digest {
	sum := sha256.Sum256([]byte(text))
	return layers.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// of are images as they are now.
func (v *versions) of(images []int) []int {
	out := slices.Clone(images)
	for i, image := range out {
		if now, ok := v.now[image]; ok {
			out[i] = now
		}
	}
	return out
}

// release releases an app's first image.
func (v *versions) release(j *Job, app *workload.App, within bool, pools []*placement) {
	image := j.first(app)
	if !within {
		for _, p := range pools {
			p.release(image)
		}
		return
	}
	v.now[image], v.next = v.next[0], v.next[1:]
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
		if pool != nil && pool.NodeClass == "" && j.Scenario.Profile.Name == "eci" {
			add("Node pool %s is simulated on profile eci, which describes instances, not nodes that keep images: name its nodeClass, or take --profile containerd.", pool.Name)
			break
		}
	}
	for _, pool := range j.Workload.NodePools {
		if n := j.crowded[pool.Name]; n > 0 {
			add("Node pool %s had no room for %d starts of the window: they were put on the node least in use.", pool.Name, n)
		}
	}
}
