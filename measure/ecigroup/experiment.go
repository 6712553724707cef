package ecigroup

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
)

// The arms: what a start is to be started from.
const (
	// ArmCold is nothing: no cache is matched.
	ArmCold = "cold"
	// ArmAutomatic is the cache that the service matches by itself. One start before all
	// lets it make an automatic cache where none fits (eci §1.10).
	ArmAutomatic = "automatic"
	// ArmExplicit is a manual cache, named when the group is made.
	ArmExplicit = "explicit"
	// ArmReuse is such a cache that was made with the layers of others (eci §1.8), and
	// ArmFlash one that was made with Flash (eci §1.7).
	ArmReuse = "reuse"
	ArmFlash = "flash"
)

// Arms are all arms, in the order in which their caches are made: those that the
// service matches by itself before there are others, those that reuse layers last.
func Arms() []string { return []string{ArmCold, ArmAutomatic, ArmExplicit, ArmFlash, ArmReuse} }

// What a start is ready by.
const (
	// ReadyCondition is the group's condition Ready, ReadyStarted that all containers
	// were started.
	ReadyCondition = "ready"
	ReadyStarted   = "started"
)

// What an experiment does where it does not say.
const (
	DefaultMakeRepeats  = 3 // the fewest that have a middle and two ends: each costs minutes, and money
	DefaultVCPU         = 2 // with 4 GiB: the size that the documentation prices (eci §2.7)
	DefaultMemoryGiB    = 4
	DefaultTimeout      = 10 * time.Minute
	DefaultCacheTimeout = time.Hour // a public provider's limit (eci §1.3)
	defaultCacheGiB     = 20        // eci §1.2
	mostAtOnce          = 1000
	mostRepeats         = 10_000
	mostMakings         = 100
	mostTags            = 18 // of 20 (eci §2.2), for the run has two of its own
)

// App is what one group starts.
type App struct {
	// Name labels the startups; empty is the first image.
	Name string
	// Images are the containers', one each.
	Images []string
}

// Experiment is what is started, how often, and how.
type Experiment struct {
	Apps []App
	// Arms are of Arms.
	Arms []string
	// Repeats is how many starts of each app in each arm are to count; 0 is
	// measure.DefaultRepeats.
	Repeats int
	// MakeRepeats is how often the cache of each arm is made, for how long that takes: the
	// last is started from, the others are deleted at once. 0 is DefaultMakeRepeats.
	MakeRepeats int
	// Warmup is the most starts that are made before all and not counted, each of an app
	// that none before was of; nil is one of each app.
	Warmup *int
	// Seed decides the order of the starts; 0 is measure.DefaultSeed.
	Seed uint64
	// Concurrency is how many starts there are at once; 0 is 1.
	Concurrency int
	// Group is how groups are made, but for name, containers, cache, tags and token,
	// Args what their containers are told.
	Group eci.ContainerGroupSpec
	Args  []string
	// PullPolicy is that of the containers; empty is the service's.
	PullPolicy string
	// Cache is how caches are made, but for name, images, reuse, Flash, tags and token.
	Cache eci.ImageCacheSpec
	// CacheID is a cache that exists, for ArmExplicit in place of one that is made.
	CacheID string
	// CacheGiB is its size, for what it costs; 0 is not known before Run looks.
	CacheGiB int
	// Tags are put on all that is made, besides this package's own.
	Tags []eci.Tag
	// Readiness is ReadyCondition or ReadyStarted; empty is ReadyCondition.
	Readiness string
	// Timeout is how long a start may take, CacheTimeout how long a cache; 0 are the
	// defaults.
	Timeout, CacheTimeout time.Duration
}

// Validate reports what cannot be started.
func (e *Experiment) Validate() error {
	switch {
	case len(e.Apps) == 0:
		return errors.New("no image is named")
	case len(e.Arms) == 0:
		return errors.New("no arm is named")
	case e.Repeats < 0 || e.Repeats > mostRepeats:
		return fmt.Errorf("%d repeats cannot be: give 1 to %d", e.Repeats, mostRepeats)
	case e.MakeRepeats < 0 || e.MakeRepeats > mostMakings:
		return fmt.Errorf("%d makings of each cache cannot be: give 1 to %d", e.MakeRepeats, mostMakings)
	case e.Concurrency < 0 || e.Concurrency > mostAtOnce:
		return fmt.Errorf("%d starts at once cannot be: give 1 to %d", e.Concurrency, mostAtOnce)
	case e.Timeout < 0 || e.CacheTimeout < 0:
		return errors.New("a timeout below zero cannot be")
	case e.Readiness != "" && e.Readiness != ReadyCondition && e.Readiness != ReadyStarted:
		return fmt.Errorf("ready by %q: a group is ready by %s or %s", e.Readiness, ReadyCondition, ReadyStarted)
	case e.CacheID != "" && (len(e.Apps) > 1 || !slices.Contains(e.Arms, ArmExplicit)):
		return fmt.Errorf("cache %s is for one app, in arm %s", e.CacheID, ArmExplicit)
	case len(e.Tags) > mostTags:
		return fmt.Errorf("%d tags: at most %d besides those of the run", len(e.Tags), mostTags)
	case slices.ContainsFunc(e.Tags, func(t eci.Tag) bool { return t.Key == TagRun || t.Key == TagUntil }):
		return fmt.Errorf("the tags %s and %s are the run's own", TagRun, TagUntil)
	case e.Group.EIPInstanceID != "" && e.Concurrency > 1:
		return errors.New("an elastic IP is of one group at a time: start one at once, or let the vSwitch have a NAT gateway")
	case len(e.Group.InstanceTypes) > 0:
		return errors.New("instance types are not in the price book, so no limit could be held: give vCPU and memory")
	}
	names := map[string]bool{}
	for i := range e.Apps {
		a := &e.Apps[i]
		if len(a.Images) == 0 || slices.Contains(a.Images, "") {
			return fmt.Errorf("app %q: an image's reference is missing", a.Name)
		}
		if names[a.name()] {
			return fmt.Errorf("app %s stands twice: repeat it with repeats", a.name())
		}
		names[a.name()] = true
	}
	for i, arm := range e.Arms {
		if !slices.Contains(Arms(), arm) {
			return fmt.Errorf("arm %q is none of %q", arm, Arms())
		}
		if slices.Contains(e.Arms[:i], arm) {
			return fmt.Errorf("arm %s stands twice", arm)
		}
	}
	return e.checkSpecs()
}

// checkSpecs refuses what the service would, as far as that is known without asking it:
// images that it cannot pull, and groups and caches that cannot be made.
func (e *Experiment) checkSpecs() error {
	v := e.withDefaults()
	for i := range v.Apps {
		a := &v.Apps[i]
		seen := map[layers.Name]bool{}
		for _, image := range a.Images {
			name, err := layers.ParseName(image)
			if err != nil {
				return err
			}
			if seen[name] && slices.Contains(e.Arms, ArmCold) {
				return fmt.Errorf("app %s: image %s stands twice in one group: the second is present when the first was pulled, so that no start is %s", a.name(), image, ArmCold)
			}
			seen[name] = true
			if _, ok := layers.RegistryOf(image); !ok {
				return fmt.Errorf("image %s is on this machine: ECI pulls from registries, so give it as REGISTRY/NAME:TAG", image)
			}
		}
		g := v.Group
		g.Name, g.ActiveDeadline, g.Containers = "check", v.deadline(), v.containers(a)
		if err := g.Check(); err != nil {
			return fmt.Errorf("the group of %s: %w", a.name(), err)
		}
		if c := v.Cache; v.makesCaches() {
			c.Name, c.Images = "check", a.Images
			if err := c.Check(0); err != nil {
				return fmt.Errorf("the cache of %s: %w", a.name(), err)
			}
		}
	}
	return nil
}

// makesCaches says whether an arm starts from a cache that is made for it.
func (e *Experiment) makesCaches() bool {
	return slices.ContainsFunc(e.Arms, func(kind string) bool { return e.makes(&arm{kind: kind}) })
}

// makes says whether an arm starts from a cache that is made for it.
func (e *Experiment) makes(a *arm) bool {
	return manual(a.kind) && !(a.kind == ArmExplicit && e.CacheID != "")
}

// containers are those of a group of an app.
func (e *Experiment) containers(a *App) (list []eci.Container) {
	for i, image := range a.Images {
		c := eci.Container{Name: "c" + strconv.Itoa(i+1), Image: image, PullPolicy: e.PullPolicy}
		if i == 0 {
			c.Args = slices.Clone(e.Args)
		}
		list = append(list, c)
	}
	return list
}

func (a *App) name() string { return cmp.Or(a.Name, a.Images[0]) }

// withDefaults is the experiment with all that it does not say.
func (e *Experiment) withDefaults() *Experiment {
	v := *e
	v.Repeats = cmp.Or(e.Repeats, measure.DefaultRepeats)
	v.MakeRepeats = cmp.Or(e.MakeRepeats, DefaultMakeRepeats)
	v.Seed = cmp.Or(e.Seed, measure.DefaultSeed)
	v.Concurrency = cmp.Or(e.Concurrency, 1)
	v.Readiness = cmp.Or(e.Readiness, ReadyCondition)
	v.Timeout = cmp.Or(e.Timeout, DefaultTimeout)
	v.CacheTimeout = cmp.Or(e.CacheTimeout, DefaultCacheTimeout)
	v.Group.VCPU = cmp.Or(e.Group.VCPU, DefaultVCPU)
	v.Group.MemoryGiB = cmp.Or(e.Group.MemoryGiB, DefaultMemoryGiB)
	v.Cache.SizeGiB = cmp.Or(e.Cache.SizeGiB, defaultCacheGiB)
	return &v
}

// arm is one app in one arm.
type arm struct {
	name string
	app  *App
	kind string
}

// arms are all apps in all arms.
func (e *Experiment) arms() []arm {
	var list []arm
	for i := range e.Apps {
		for _, kind := range Arms() {
			if slices.Contains(e.Arms, kind) {
				list = append(list, arm{e.Apps[i].name() + " " + kind, &e.Apps[i], kind})
			}
		}
	}
	return list
}

// making is the name of the arm whose startups are the makings of a cache.
func (a *arm) making() string { return a.app.name() + " make " + a.kind }

// manual says whether an arm starts from a cache that it names.
func manual(kind string) bool { return kind == ArmExplicit || kind == ArmReuse || kind == ArmFlash }

// order is that of the arms in one round, as in measure: it depends on the seed, the
// round and the number of arms alone.
func (e *Experiment) order(round, arms int) []int {
	return rand.New(rand.NewPCG(e.Seed, uint64(round))).Perm(arms)
}

// warmups are the arms, by number, that are started before all: of each app the first
// that has starts left to make.
func (e *Experiment) warmups(arms []arm, left func(*arm) bool) []int {
	most := math.MaxInt
	if e.Warmup != nil {
		most = *e.Warmup
	}
	var list []int
	started := map[*App]bool{}
	for i := range arms {
		if !left(&arms[i]) || started[arms[i].app] {
			continue
		}
		if started[arms[i].app] = true; len(list) < most {
			list = append(list, i)
		}
	}
	return list
}
