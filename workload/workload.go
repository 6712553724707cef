// Package workload says who starts which images, when and where.
//
// A Workload lists apps, each a set of images started together, with how often
// they start, for how long they run and how often they are released. Starts
// turns it into single starts in time, from a seed. A Trace lists the starts
// themselves.
//
// It reads and validates; it does not know what a start costs or how long it
// takes.
package workload

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/document"
)

// Kind is the kind of a saved Workload.
const Kind = "Workload"

// Workload is a set of apps and the node pools that they run on.
type Workload struct {
	Apps      []App      `json:"apps" document:"required"`
	NodePools []NodePool `json:"nodePools,omitempty"`
}

// App is a set of images that are started together.
type App struct {
	// Name is unique in the Workload.
	Name string `json:"name" document:"required"`
	// Images are the references of its containers, in the pod's order.
	Images []string `json:"images" document:"required"`
	// InitImages are the references of its init containers.
	InitImages []string `json:"initImages,omitempty"`
	// StartsPerDay is the mean number of single starts a day; bursts come on top.
	StartsPerDay float64 `json:"startsPerDay"`
	// HourlyWeights say how the single starts are spread over time: 24 numbers in proportion
	// to the rate in each hour of a day (UTC), or 168 of a week, from Monday on, with which a
	// month begins. Their scale does not matter; none is the same rate at all times.
	HourlyWeights []float64 `json:"hourlyWeights,omitempty"`
	// Bursts are starts that come together.
	Bursts []Burst `json:"bursts,omitempty"`
	// Runtime is how long one start runs, from ready to its end.
	Runtime time.Duration `json:"runtimeSeconds" document:"required"`
	// CPU is the number of vCPUs of one instance.
	CPU float64 `json:"cpu" document:"required"`
	// MemoryGiB is the memory of one instance.
	MemoryGiB float64 `json:"memoryGiB" document:"required"`
	// PullPolicy holds for all images; empty means the Kubernetes default:
	// Always for :latest or no tag, else IfNotPresent.
	PullPolicy string `json:"pullPolicy,omitempty" document:"enum=Always|IfNotPresent|Never"`
	// ExtraStorageGiB is ephemeral storage asked for above the free part.
	ExtraStorageGiB float64 `json:"extraStorageGiB,omitempty"`
	// ReleasesPerMonth is how often the first image is replaced in 30 days: by one
	// with a new tag, which stands under the same reference here; where the tag is
	// latest, that tag moves.
	ReleasesPerMonth float64 `json:"releasesPerMonth,omitempty"`
	// ReleaseNewBytesFraction is the share of the first image's bytes that a
	// release replaces; nil when unknown.
	ReleaseNewBytesFraction *float64 `json:"releaseNewBytesFraction,omitempty"`
	// Controller is the kind of the Kubernetes object that starts it, as CronJob; empty when
	// unknown.
	Controller string `json:"controller,omitempty"`
	// AsksAutomatic says whether its pods ask for ECI's automatic caches (annotation
	// k8s.aliyun.com/eci-image-cache), as seen on a cluster; nil is unknown.
	AsksAutomatic *bool `json:"asksAutomatic,omitempty"`
	// NodePool names the pool it runs on; empty means an instance of its own.
	NodePool string `json:"nodePool,omitempty"`
	// PulledFraction is the share of its starts on nodes that pulled their images there, as
	// counted on a cluster; nil is unknown.
	PulledFraction *float64 `json:"pulledFraction,omitempty"`
	// Ready is the app's own time from its containers' creation to ready; nil
	// takes the profile's.
	Ready *time.Duration `json:"readySeconds,omitempty"`
	// ReadFraction is the share of the image read before ready; nil takes the
	// profile's.
	ReadFraction *float64 `json:"readFraction,omitempty"`
	// DrawnAs are the rates whose draws its starts and releases share; nil draws by its own.
	// See Paired.
	DrawnAs *Rates `json:"-"`
}

// Burst is a number of starts that come together, once or again and again.
type Burst struct {
	// Count is the number of starts.
	Count int `json:"count" document:"required"`
	// Within is the time over which they are spread evenly; 0 is all at once.
	Within time.Duration `json:"withinSeconds,omitempty"`
	// First is the time of the first burst since the start of the month.
	First time.Duration `json:"firstSeconds,omitempty"`
	// Every is the time from one burst to the next; 0 is once a month (30 days).
	Every time.Duration `json:"everySeconds,omitempty"`
}

// NodePool is a set of like nodes.
type NodePool struct {
	Name      string `json:"name" document:"required"`
	NodeClass string `json:"nodeClass,omitempty"`
	// Platform is os/arch[/variant].
	Platform string `json:"platform" document:"required"`
	// Count is the number of nodes at a time.
	Count int `json:"count" document:"required"`
	// LifetimeHours is how long a node lives until a fresh one takes its place; 0
	// when unknown.
	LifetimeHours float64 `json:"lifetimeHours,omitempty"`
	// NewNodesPerDay is how many nodes are added a day, each in the place of the
	// oldest; 0 when unknown. Where both are given, the one by which nodes live
	// shorter counts.
	NewNodesPerDay float64 `json:"newNodesPerDay,omitempty"`
	// CPU (vCPUs) and MemoryGiB are what the apps on one node may ask for together;
	// 0 when not bounded.
	CPU       float64 `json:"cpu,omitempty"`
	MemoryGiB float64 `json:"memoryGiB,omitempty"`
	// Placement is how starts choose a node that has room: the one least in use
	// (spread, the default), the one most in use (pack, which needs cpu or
	// memoryGiB), or the one that kube-scheduler's ImageLocality scores highest.
	Placement string `json:"placement,omitempty" document:"enum=spread|pack|imageLocality"`
	// DaemonImages are started on every new node; their pulls begin when it is up
	// and compete with those of the starts.
	DaemonImages []string `json:"daemonImages,omitempty"`
	// PrePulled images are on a node's own disk before it takes starts.
	PrePulled []string `json:"prePulled,omitempty"`
	// Baked images are in the disk that new nodes are made from, which is slow the
	// first time that it is read.
	Baked []string `json:"baked,omitempty"`
	// DiskBudgetGiB is how much images that a plan chooses may add to each node's disk;
	// nil is what the kubelet leaves before it removes images.
	DiskBudgetGiB *float64 `json:"diskBudgetGiB,omitempty"`
	// RebuildHours is the time from one build of the disk that new nodes are made from to
	// the next; 0 when unknown.
	RebuildHours float64 `json:"rebuildHours,omitempty"`
}

// Lifetime is how long a node lives; 0 when not known to end.
func (p *NodePool) Lifetime() time.Duration {
	hours := p.LifetimeHours
	if p.NewNodesPerDay > 0 {
		if turn := 24 * float64(p.Count) / p.NewNodesPerDay; hours == 0 || turn < hours {
			hours = turn
		}
	}
	// Longer than anything that is replayed is for ever.
	if hours > maxLifetime.Hours() {
		return 0
	}
	return time.Duration(hours * float64(time.Hour))
}

// References are the images that a new node has or pulls.
func (p *NodePool) References() []string {
	return slices.Concat(p.Baked, p.PrePulled, p.DaemonImages)
}

// The bounds of a node's lifetime.
const (
	// maxPoolNodes bounds what is kept of a pool: 20 of the largest clusters that
	// Kubernetes is made for (its documentation, "Considerations for large clusters").
	maxPoolNodes = 100_000
	minLifetime  = time.Minute
	maxLifetime  = 100 * 365 * 24 * time.Hour
)

func (p *NodePool) validate(at string) error {
	switch {
	case p.Name == "":
		return document.At(at+".name", "a node pool needs a name")
	case p.Count < 1:
		return document.At(at+".count", "node pool %q needs at least 1 node", p.Name)
	case p.Count > maxPoolNodes:
		return document.At(at+".count", "node pool %q has %d nodes: more than %d are not simulated; Kubernetes is made for 5,000 in a cluster", p.Name, p.Count, maxPoolNodes)
	case p.LifetimeHours < 0 || p.NewNodesPerDay < 0 || p.CPU < 0 || p.MemoryGiB < 0:
		return document.At(at, "numbers of node pool %q cannot be negative", p.Name)
	case p.DiskBudgetGiB != nil && !(*p.DiskBudgetGiB > 0):
		return document.At(at+".diskBudgetGiB", "node pool %q has a disk budget of %v GiB for images: give more than 0, or leave it out", p.Name, *p.DiskBudgetGiB)
	case p.RebuildHours < 0:
		return document.At(at+".rebuildHours", "the disk of node pool %q cannot be built every %v hours", p.Name, p.RebuildHours)
	case p.Lifetime() < minLifetime && p.LifetimeHours+p.NewNodesPerDay > 0 && p.Lifetime() != 0,
		p.LifetimeHours > 0 && p.LifetimeHours < minLifetime.Hours():
		return document.At(at, "nodes of pool %q live less than a minute (lifetimeHours, newNodesPerDay of %d nodes)", p.Name, p.Count)
	}
	for key, images := range map[string][]string{"daemonImages": p.DaemonImages, "prePulled": p.PrePulled, "baked": p.Baked} {
		if i := slices.Index(images, ""); i >= 0 {
			return document.At(fmt.Sprintf("%s.%s[%d]", at, key, i), "node pool %q has an empty reference", p.Name)
		}
	}
	return nil
}

// Month is the length of a month in rates and prices: 30 days, as eci §5.2
// prices snapshot storage.
const Month = 30 * 24 * time.Hour

// Read reads a Workload from the bytes of the file called name.
func Read(name string, data []byte) (*Workload, error) {
	var w Workload
	if err := document.Read(name, data, Kind, &w); err != nil {
		return nil, err
	}
	return &w, nil
}

// Validate reports duplicate names, missing references and numbers that cannot
// be.
func (w *Workload) Validate() error {
	pools := make(map[string]bool, len(w.NodePools))
	for i, p := range w.NodePools {
		if pools[p.Name] {
			return document.At(fmt.Sprintf("nodePools[%d].name", i), "duplicate node pool %q: names must be unique", p.Name)
		}
		pools[p.Name] = true
		if err := p.validate(fmt.Sprintf("nodePools[%d]", i)); err != nil {
			return err
		}
	}
	first := make(map[string]int, len(w.Apps))
	for i := range w.Apps {
		a := &w.Apps[i]
		at := fmt.Sprintf("apps[%d]", i)
		if j, ok := first[a.Name]; ok {
			return document.At(at+".name", "duplicate app %q, also apps[%d]: names must be unique", a.Name, j)
		}
		first[a.Name] = i
		if a.NodePool != "" && !pools[a.NodePool] {
			return document.At(at+".nodePool", "app %q names node pool %q, which nodePools does not list", a.Name, a.NodePool)
		}
		if err := a.validate(at); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) validate(at string) error {
	if a.Name == "" {
		return document.At(at+".name", "an app needs a name")
	}
	if len(a.Images) == 0 {
		return document.At(at+".images", "app %q names no image", a.Name)
	}
	for j, ref := range a.Images {
		if ref == "" {
			return document.At(fmt.Sprintf("%s.images[%d]", at, j), "app %q has an empty reference", a.Name)
		}
	}
	numbers := []struct {
		key   string
		value float64
	}{
		{"startsPerDay", a.StartsPerDay}, {"cpu", a.CPU}, {"memoryGiB", a.MemoryGiB},
		{"extraStorageGiB", a.ExtraStorageGiB}, {"releasesPerMonth", a.ReleasesPerMonth},
		{"runtimeSeconds", a.Runtime.Seconds()},
	}
	for _, n := range numbers {
		if n.value < 0 {
			return document.At(at+"."+n.key, "%s of app %q is %v: it cannot be negative", n.key, a.Name, n.value)
		}
	}
	if f := a.PulledFraction; f != nil && !(*f >= 0 && *f <= 1) {
		return document.At(at+".pulledFraction", "pulledFraction of app %q is %v: it is a share from 0 to 1", a.Name, *f)
	}
	if err := a.validateWeights(at); err != nil {
		return err
	}
	for j, b := range a.Bursts {
		if err := b.validate(fmt.Sprintf("%s.bursts[%d]", at, j), a.Name); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) validateWeights(at string) error {
	sum := 0.0
	for j, v := range a.HourlyWeights {
		if !(v >= 0) || math.IsInf(v, 0) {
			return document.At(fmt.Sprintf("%s.hourlyWeights[%d]", at, j), "app %q has a weight of %v: weights are 0 or more", a.Name, v)
		}
		sum += v
	}
	switch n := len(a.HourlyWeights); {
	case n == 0:
	case n != 24 && n != weekHours:
		return document.At(at+".hourlyWeights", "app %q has %d weights: give 24, one for each hour of the day from 00:00 UTC, 168 for the week from Monday on, or none", a.Name, n)
	case !(sum > 0) || math.IsInf(sum, 0):
		return document.At(at+".hourlyWeights", "the weights of app %q add up to %v: give a hour in which it starts more than 0, or startsPerDay 0", a.Name, sum)
	}
	return nil
}

func (b Burst) validate(at, app string) error {
	if b.Count < 1 {
		return document.At(at+".count", "a burst of app %q needs a count of at least 1", app)
	}
	if b.Within < 0 || b.First < 0 || b.Every < 0 {
		return document.At(at, "times of a burst of app %q cannot be negative", app)
	}
	if b.Every > 0 && b.Within > b.Every {
		return document.At(at+".withinSeconds", "a burst of app %q lasts longer (%v) than the time to the next (%v)", app, b.Within, b.Every)
	}
	return nil
}

// References are the apps' images and those of the node pools that they run on,
// each once, in order of first use.
func (w *Workload) References() []string {
	var refs []string
	seen := make(map[string]bool)
	add := func(list []string) {
		for _, ref := range list {
			if !seen[ref] {
				seen[ref] = true
				refs = append(refs, ref)
			}
		}
	}
	for _, a := range w.Apps {
		add(a.AllImages())
	}
	for _, a := range w.Apps {
		if p := w.Pool(a.NodePool); p != nil {
			add(p.References())
		}
	}
	return refs
}

// Pool is the node pool of that name; nil when there is none.
func (w *Workload) Pool(name string) *NodePool {
	for i := range w.NodePools {
		if name != "" && w.NodePools[i].Name == name {
			return &w.NodePools[i]
		}
	}
	return nil
}

// AllImages returns the app's init images followed by its images: the order in
// which an instance pulls them.
func (a *App) AllImages() []string {
	return append(append([]string(nil), a.InitImages...), a.Images...)
}

// StartsPerMonth is the mean number of starts in 30 days, bursts included.
func (a *App) StartsPerMonth() float64 {
	n := a.StartsPerDay * Month.Hours() / 24
	for _, b := range a.Bursts {
		n += float64(b.Count) * float64(Month) / float64(b.period())
	}
	return n
}

func (b Burst) period() time.Duration {
	if b.Every == 0 {
		return Month
	}
	return b.Every
}
