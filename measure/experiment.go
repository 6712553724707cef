package measure

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/simulate/network"
)

// ExperimentKind is the kind of an experiment's file.
const ExperimentKind = "Experiment"

// What an experiment does when its file does not say.
const (
	DefaultRepeats = 5
	DefaultSeed    = 1
)

// Bounds of an experiment: what is beyond them is a mistake, not a plan.
const (
	MostNodes   = 64
	mostStarts  = 1000 // of an arm
	mostArms    = 10_000
	mostRepeats = 1000
	mostAtOnce  = 1000 // downloads or unpacks
	mostDelay   = 10 * time.Second
)

// Experiment is what is measured: arms, how often, in which order.
type Experiment struct {
	Name string `json:"name,omitempty"`
	// Images are references of all images that nodes may hold; those that arms name
	// when left out. All of them but what an arm keeps are absent when its runs begin.
	Images []string `json:"images,omitempty"`
	Arms   []Arm    `json:"arms,omitempty"`
	// Grids are further arms, as products of conditions.
	Grids []Grid `json:"grids,omitempty"`
	// Warmup is the most runs that are made before all and not counted. They are of
	// the first arms that start an image that none before them did, for what the
	// first run pays and later ones do not (programs and blobs read from the disk for
	// the first time, memory that the runtime asks for) belongs to host and image,
	// not to arm and repeat. Absent: until each image was started once.
	Warmup *int `json:"warmup,omitempty"`
	// Repeats is how many runs of each arm are to count; 5 when not given.
	Repeats int `json:"repeats,omitempty"`
	// Seed decides the order of the runs; 1 when not given.
	Seed uint64 `json:"seed,omitempty"`
}

// ReadExperiment reads an experiment from the bytes of the file called name.
func ReadExperiment(name string, data []byte) (*Experiment, error) {
	var e Experiment
	if err := document.Read(name, data, ExperimentKind, &e); err != nil {
		return nil, err
	}
	return &e, nil
}

// Validate reports conditions that cannot be.
func (e *Experiment) Validate() error {
	if e.Repeats < 0 || e.Repeats > mostRepeats {
		return document.At("repeats", "%d repeats cannot be: give 1 to %d", e.Repeats, mostRepeats)
	}
	if e.Warmup != nil && (*e.Warmup < 0 || *e.Warmup > mostArms) {
		return document.At("warmup", "%d runs to warm up cannot be: give 0 to %d", *e.Warmup, mostArms)
	}
	if err := checkNames("images", e.Images); err != nil {
		return err
	}
	for i := range e.Arms {
		if err := e.checkArm(&e.Arms[i]); err != nil {
			return document.Under(fmt.Sprintf("arms[%d]", i), err)
		}
	}
	total := len(e.Arms)
	for i := range e.Grids {
		at := fmt.Sprintf("grids[%d]", i)
		if err := e.Grids[i].validate(e.known); err != nil {
			return document.Under(at, err)
		}
		if total += e.Grids[i].size(); total > mostArms {
			return document.At(at, "an experiment of more than %d arms: list fewer conditions", mostArms)
		}
	}
	if total == 0 {
		return document.At("arms", "an experiment needs at least one arm: list arms or grids, each with what it starts")
	}
	return e.checkUnique()
}

// checkUnique refuses two arms of one name.
func (e *Experiment) checkUnique() error {
	first := map[string]string{}
	see := func(at, name string) error {
		if other, ok := first[name]; ok {
			return document.At(at, "arm %q stands already at %s: no two arms share a name", name, other)
		}
		first[name] = at
		return nil
	}
	for i := range e.Arms {
		if err := see(fmt.Sprintf("arms[%d].name", i), e.Arms[i].Name); err != nil {
			return err
		}
	}
	for i := range e.Grids {
		for _, a := range e.Grids[i].arms() {
			if err := see(fmt.Sprintf("grids[%d]", i), a.Name); err != nil {
				return fmt.Errorf("%w; a grid's name heads those of its arms", err)
			}
		}
	}
	return nil
}

func (e *Experiment) checkArm(a *Arm) error {
	if a.Name == "" {
		return document.At("name", "an arm needs a name")
	}
	if len(a.Starts) == 0 || len(a.Starts) > mostStarts {
		return document.At("starts", "arm %s has %d starts: give 1 to %d", a.Name, len(a.Starts), mostStarts)
	}
	for i, s := range a.Starts {
		at := fmt.Sprintf("starts[%d]", i)
		if err := e.known(s.Image); err != nil {
			return document.At(at+".image", "%v", err)
		}
		if s.Node < 0 || s.Node >= MostNodes {
			return document.At(at+".node", "there is no node %d: number nodes from 0 to %d", s.Node, MostNodes-1)
		}
		if err := s.check(); err != nil {
			return document.Under(at, err)
		}
	}
	if err := checkNames("keep", a.Keep); err != nil {
		return err
	}
	for i, ref := range a.Keep {
		if err := e.known(ref); err != nil {
			return document.At(fmt.Sprintf("keep[%d]", i), "%v", err)
		}
	}
	if a.Link != nil {
		if err := a.Link.check(); err != nil {
			return document.Under("link", err)
		}
	}
	if err := checkAtOnce("maxConcurrentDownloads", a.MaxConcurrentDownloads); err != nil {
		return err
	}
	return checkAtOnce("maxConcurrentUnpacks", a.MaxConcurrentUnpacks)
}

// check refuses what does not go together.
func (s *Start) check() error {
	switch {
	case s.PullOnly && s.Readiness != nil:
		return document.At("readiness", "a start that is pullOnly runs nothing that could be ready: leave one out")
	case s.PullOnly && len(s.Args) > 0:
		return document.At("args", "a start that is pullOnly runs nothing that could have arguments: leave one out")
	case s.Readiness == nil:
		return nil
	}
	if err := s.Readiness.Validate(); err != nil {
		return document.At("readiness", "%v", err)
	}
	return nil
}

// known refuses an image that the experiment does not list, where it lists them.
func (e *Experiment) known(ref string) error {
	switch {
	case ref == "":
		return fmt.Errorf("an image's reference is empty")
	case len(e.Images) > 0 && !slices.Contains(e.Images, ref):
		return fmt.Errorf("%s is not among the experiment's images: add it there, or leave images out", ref)
	}
	return nil
}

// check refuses a link that cannot be. A rate of 0 is one that was not given.
func (l *Link) check() error {
	switch {
	case !(l.Rate > 0):
		return document.At("bytesPerSecond", `a link needs a rate, or "unlimited"`)
	case l.Rate < lab.SlowestLink:
		return document.At("bytesPerSecond", `a link of %v bytes per second is below %d: with a unit it is another (write "%[1]vMbit/s")`, float64(l.Rate), lab.SlowestLink)
	case l.Rate > lab.FastestLink && l.Rate != network.Unlimited:
		return document.At("bytesPerSecond", `a link of %v bytes per second is above %v (1 Tbit/s): none is shaped to that, write "unlimited"`, float64(l.Rate), float64(lab.FastestLink))
	}
	if l.Delay < 0 || l.Delay > mostDelay {
		return document.At("delaySeconds", "a delay of %v cannot be: give 0 to %v", l.Delay, mostDelay)
	}
	return nil
}

func checkAtOnce(key string, n int) error {
	if n < 0 || n > mostAtOnce {
		return document.At(key, "%d at once cannot be: give 1 to %d, or 0 for the runtime's default", n, mostAtOnce)
	}
	return nil
}

// checkNames refuses a reference that is empty or stands twice.
func checkNames(key string, refs []string) error {
	seen := make(map[string]bool, len(refs))
	for i, ref := range refs {
		at := fmt.Sprintf("%s[%d]", key, i)
		if ref == "" {
			return document.At(at, "an image's reference is empty")
		}
		if seen[ref] {
			return document.At(at, "%s stands twice", ref)
		}
		seen[ref] = true
	}
	return nil
}

// Expand returns all arms: those that are listed, then those of each grid.
func (e *Experiment) Expand() []Arm {
	arms := slices.Clone(e.Arms)
	for i := range e.Grids {
		arms = append(arms, e.Grids[i].arms()...)
	}
	return arms
}

// References are those of the experiment's images.
func (e *Experiment) References() []string {
	if len(e.Images) > 0 {
		return slices.Clone(e.Images)
	}
	var refs []string
	seen := map[string]bool{}
	add := func(ref string) {
		if !seen[ref] {
			seen[ref] = true
			refs = append(refs, ref)
		}
	}
	for _, a := range e.Expand() {
		for _, s := range a.Starts {
			add(s.Image)
		}
		for _, ref := range a.Keep {
			add(ref)
		}
	}
	return refs
}

// Nodes is how many nodes the arms need.
func (e *Experiment) Nodes() int {
	n := 0
	for _, a := range e.Expand() {
		for _, s := range a.Starts {
			n = max(n, s.Node+1)
		}
	}
	return n
}

func (e *Experiment) repeats() int {
	if e.Repeats == 0 {
		return DefaultRepeats
	}
	return e.Repeats
}

func (e *Experiment) seed() uint64 {
	if e.Seed == 0 {
		return DefaultSeed
	}
	return e.Seed
}

// order is that of the arms in one round, which makes each of them once: so what
// drifts slowly on the host hits all arms alike, and none is always after the same
// other. It depends on seed, round and the number of arms alone.
func (e *Experiment) order(round, arms int) []int {
	return rand.New(rand.NewPCG(e.seed(), uint64(round))).Perm(arms)
}

// warmups are the arms, by number, that are run before all.
func (e *Experiment) warmups(arms []Arm) []int {
	most := math.MaxInt
	if e.Warmup != nil {
		most = *e.Warmup
	}
	var list []int
	started := map[string]bool{}
	for i := range arms {
		if len(list) >= most {
			break
		}
		fresh := false
		for _, s := range arms[i].Starts {
			fresh = fresh || !started[s.Image]
			started[s.Image] = true
		}
		if fresh {
			list = append(list, i)
		}
	}
	return list
}
