package calibrate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// File is a timeline with the name of its file.
type File struct {
	Name     string
	Timeline *simulate.Timeline
}

// Data is what was measured, in the form in which it is compared.
type Data struct {
	opt Options
	// cells are of runs whose layers are known, pulls those of which only size and
	// time are.
	cells []*cell
	pulls []*pull

	// pulled are the images of pulls, of which layered pulls have layers that are known,
	// and resized ones have not, for their size is not that of the inventory's image.
	pulled           *layers.Inventory
	layered, resized int
	// present starts pulled nothing, noSize pulls are of unknown size or time, of which
	// unpacked ones have their unpacked size; behind pulls are left out for others of their
	// node (besideOthers).
	present, noSize, unpacked, behind int
	arms                              int
	// counts are pulls that are only counted, by size; countsRead tell those that were read,
	// countsAgain counts files with the same.
	counts      []simulate.PullCount
	countsRead  []string
	countsAgain int

	// settings are values that the experiment set alike in all arms on one node.
	settings map[string]document.Raw
	// machines are the facts of each host that runs were made on.
	machines map[string][]simulate.Fact

	tools, hosts   []string
	runs, voidRuns int
	startups       int
	// again is what stands in several files, and counts once.
	again twice
	// first and last are when the earliest and the latest was measured, zero where that
	// is not known.
	first, last time.Time
	doubts      []string
	inputs      []simulate.Input
	all         [parameters]parameter
	// decoder inflates the gzip whose speed is fitted, baseGzip is the base's for it.
	decoder     string
	baseGzip    float64
	evaluations int
	memory      sync.Pool // of *simulate.Memory
}

// Load reads measured timelines, in whatever order they come. Void runs are counted and
// left out.
func Load(files []File, opt Options) (*Data, error) {
	d := &Data{
		opt: opt.withDefaults(), all: fitted(), machines: make(map[string][]simulate.Fact), again: newTwice(),
		memory: sync.Pool{New: func() any { return &simulate.Memory{} }},
	}
	if err := d.opt.Base.Validate(); err != nil {
		return nil, err
	}
	files = slices.Clone(files) // by name, so that their order is of no matter
	slices.SortStableFunc(files, func(x, y File) int { return cmp.Compare(x.Name, y.Name) })
	known := make(map[string]*cell)
	for i := range files {
		if err := d.add(&files[i], known); err != nil {
			return nil, fmt.Errorf("%s: %w", files[i].Name, err)
		}
	}
	if len(d.cells) > 0 && len(d.pulls) > 0 {
		return nil, fmt.Errorf("%w: some timelines are of runs with their layers, others of a cluster's events: calibrate with each by itself", ErrNothing)
	}
	if len(d.cells) == 0 && len(d.pulls) == 0 && len(d.counts) == 0 {
		return nil, d.nothing()
	}
	d.chooseDecoder()
	for _, c := range d.cells {
		c.requestTimes()
		d.finish(c)
	}
	slices.SortStableFunc(d.cells, func(x, y *cell) int { return cmp.Compare(x.arm, y.arm) })
	slices.SortStableFunc(d.pulls, func(x, y *pull) int {
		return cmp.Or(cmp.Compare(x.image, y.image), cmp.Compare(x.bytes, y.bytes), cmp.Compare(x.seconds, y.seconds))
	})
	d.settle()
	d.deal()
	d.checkHosts()
	d.checkConditions()
	if doubt := d.again.doubt(); doubt != "" {
		d.doubts = append(d.doubts, doubt)
	}
	return d, nil
}

func (d *Data) nothing() error {
	if d.voidRuns > 0 {
		return fmt.Errorf("%w: all %d are void; their reasons stand in the timelines (void): measure again", ErrVoid, d.voidRuns)
	}
	switch {
	case d.noSize+d.behind > 0:
		return fmt.Errorf("%w: %s", ErrNothing, d.unusable())
	case d.present > 0:
		return fmt.Errorf("%w: every start, %d of them, found its image present; import snapshots in which images are pulled", ErrNothing, d.present)
	}
	return fmt.Errorf("%w: there is no measured startup in them: name timelines of cachebench measure or of workload import", ErrNothing)
}

// unusable says what the pulls lack, none of which can be used, and how to get it.
func (d *Data) unusable() string {
	var why []string
	if n := d.noSize - d.unpacked; n > 0 {
		why = append(why, fmt.Sprintf("of %d the size is missing, or their time is not their own (another pull's is within, or some layers were there): the size is that of messages that end with Image size: … bytes, and what it is of the node's runtime tells, so give workload import the output of kubectl get nodes -o json besides the events", n))
	}
	if d.unpacked > 0 {
		why = append(why, fmt.Sprintf("of %d the unpacked size alone is told, as docker and CRI-O do, and not what was fetched: measure with cachebench measure", d.unpacked))
	}
	if d.behind > 0 {
		why = append(why, fmt.Sprintf("%d were beside another of their node: import longer, or of nodes that pull less at once", d.behind))
	}
	return fmt.Sprintf("of none of the %d pulls is it known how much it fetched, and in what time of its own; %s", d.noSize+d.behind, strings.Join(why, "; "))
}

func (d *Data) add(f *File, known map[string]*cell) error {
	t := f.Timeline
	measured := slices.ContainsFunc(t.Startups, func(s simulate.Startup) bool { return s.Source == simulate.Measured })
	switch {
	case !measured && len(t.Startups) > 0:
		return fmt.Errorf("%w, and these are %s: name timelines of cachebench measure or of workload import", ErrSimulated, t.Startups[0].Source)
	case t.Measurement == nil && measured:
		return fmt.Errorf("%w: its startups were measured, but it does not say how (measurement), so they cannot be simulated: measure with cachebench measure, or import events with workload import", ErrNothing)
	case t.Measurement == nil:
		return nil
	}
	m := t.Measurement
	if !slices.Contains(d.tools, m.Tool) {
		d.tools = append(d.tools, m.Tool)
	}
	if host := hostOf(m); !slices.Contains(d.hosts, host) {
		d.hosts = append(d.hosts, host)
	}
	d.inputs = append(d.inputs, t.Provenance.Inputs...)
	for i := range m.Runs {
		d.span(m.Runs[i].At)
	}
	d.span(t.Provenance.Now)
	d.addCounts(f)
	if m.Tool == simulate.ToolKubelet {
		d.span(originOf(m))
		return d.addPulls(f)
	}
	return d.addRuns(f, known)
}

// span widens the time of the measurements; an unknown time is of no matter.
func (d *Data) span(at time.Time) {
	if at.IsZero() {
		return
	}
	if at.After(d.last) {
		d.last = at
	}
	if d.first.IsZero() || at.Before(d.first) {
		d.first = at
	}
}

// runKey tells the runs of a timeline apart.
type runKey struct {
	arm    string
	repeat int
}

// An experiment is a timeline of runs, as it is read.
type experiment struct {
	inv    *layers.Inventory
	setups map[string]*simulate.ArmSetup
	// notes are those of runs that count, void says of which runs some were void: a void
	// run is made again under the same repeat.
	notes map[runKey]*simulate.MeasuredRun
	void  map[runKey]bool
	// host is the same for experiments of one tool on one host, file the timeline's.
	host, file string
}

func (d *Data) addRuns(f *File, known map[string]*cell) error {
	t := f.Timeline
	inv := t.Measurement.Inventory
	if inv == nil {
		inv = d.opt.Inventory
	}
	if inv == nil {
		return fmt.Errorf("%w: the timeline holds no inventory of the images that it started, so their layers are not known: give one with --inventory", ErrNothing)
	}
	e, err := d.newExperiment(f, inv.Estimated())
	if err != nil {
		return err
	}
	groups, order := e.runs(t)
	for _, k := range order {
		if setup := e.setups[k.arm]; setup != nil && setup.Making {
			continue
		}
		if err := d.addRun(e, k, groups[k], known); err != nil {
			return fmt.Errorf("arm %s: %w", k.arm, err)
		}
	}
	return nil
}

// newExperiment reads what was noted of the arms and runs, and counts the void runs
// among them.
func (d *Data) newExperiment(f *File, inv *layers.Inventory) (*experiment, error) {
	m := f.Timeline.Measurement
	setups, err := setupsOf(m)
	if err != nil {
		return nil, err
	}
	e := &experiment{inv: inv, setups: setups, notes: make(map[runKey]*simulate.MeasuredRun), void: make(map[runKey]bool), host: machineOf(m), file: f.Name}
	d.machines[e.host] = m.Facts
	for i := range m.Runs {
		r := &m.Runs[i]
		k := runKey{r.Arm, r.Repeat}
		if r.Void == "" {
			e.notes[k] = r
			continue
		}
		e.void[k] = true
		if d.again.isVoidAgain(e.host, e.file, r) {
			continue
		}
		d.runs++
		d.voidRuns++
	}
	return e, nil
}

// runs are the startups of each run, in the order of the timeline, without those of
// the void runs that were noted.
func (e *experiment) runs(t *simulate.Timeline) (groups map[runKey][]*simulate.Startup, order []runKey) {
	groups = make(map[runKey][]*simulate.Startup)
	for i := range t.Startups {
		s := &t.Startups[i]
		k := runKey{s.Arm, s.Repeat}
		if s.Source != simulate.Measured || e.void[k] && (s.Void != "" || e.notes[k] == nil) {
			continue
		}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], s)
	}
	return groups, order
}

func (d *Data) addRun(e *experiment, k runKey, startups []*simulate.Startup, known map[string]*cell) error {
	if slices.ContainsFunc(startups, func(s *simulate.Startup) bool { return s.Void != "" || s.Ready <= 0 }) {
		d.runs++
		d.voidRuns++
		return nil
	}
	if slices.ContainsFunc(startups, func(s *simulate.Startup) bool { return len(s.Images) == 0 }) {
		return fmt.Errorf("%w: a startup names no image, so what it pulled is not known", ErrNothing)
	}
	setup := e.setups[k.arm]
	if setup == nil {
		setup = &simulate.ArmSetup{Arm: k.arm}
	}
	slices.SortStableFunc(startups, func(x, y *simulate.Startup) int {
		return cmp.Or(cmp.Compare(x.Node, y.Node), cmp.Compare(x.App, y.App), slices.Compare(x.Images, y.Images), cmp.Compare(x.Requested, y.Requested))
	})
	key, err := e.cellKey(k.arm, startups, setup)
	if err != nil {
		return err
	}
	c := known[key]
	if c == nil {
		if c, err = d.newCell(e, k.arm, startups, setup); err != nil {
			return err
		}
		known[key] = c
		d.cells = append(d.cells, c)
	}
	r := run{startups: startups, outcome: outcomeOf(startups), file: e.file}
	if note := e.notes[k]; note != nil {
		r.at = note.At
	}
	if d.again.isRunAgain(c, &r) {
		return nil
	}
	d.runs++
	c.runs = append(c.runs, r)
	d.startups += len(startups)
	return nil
}

// cellKey is the same for runs in the same conditions, of whatever timelines.
func (e *experiment) cellKey(arm string, startups []*simulate.Startup, setup *simulate.ArmSetup) (string, error) {
	raw, err := setup.Profile.MarshalJSON()
	if err != nil {
		return "", err
	}
	parts := []string{arm, e.host, string(raw), fmt.Sprint("page cache dropped: ", setup.DropPageCache)}
	for _, words := range setup.Starts {
		parts = append(parts, "started", words)
	}
	for _, ref := range setup.Kept {
		i, err := find(e.inv, ref)
		if err != nil {
			return "", err
		}
		parts = append(parts, "kept", string(e.inv.Images[i].Digest))
	}
	for _, s := range startups {
		parts = append(parts, "start", s.Node, s.App)
		for _, ref := range s.Images {
			i, err := find(e.inv, ref)
			if err != nil {
				return "", err
			}
			parts = append(parts, string(e.inv.Images[i].Digest))
		}
	}
	return strings.Join(parts, "\x00"), nil
}

func find(inv *layers.Inventory, ref string) (int, error) {
	i := inv.Find(ref, "", time.Time{})
	if i < 0 {
		i = slices.IndexFunc(inv.Images, func(img layers.Image) bool { return img.Reference == ref })
	}
	if i < 0 {
		return 0, fmt.Errorf("%w: image %s was started or kept, but the inventory lacks it: give an inventory that has it with --inventory", ErrNothing, ref)
	}
	return i, nil
}
