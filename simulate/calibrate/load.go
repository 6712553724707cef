package calibrate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

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

	// pulled are the images of pulls, known the inventory that may know their layers,
	// layered how many pulls it knows them of; present starts pulled nothing, and of
	// noSize pulls the size is not known.
	pulled, known            *layers.Inventory
	layered, present, noSize int
	arms                     int

	tools, hosts   []string
	runs, voidRuns int
	startups       int
	last           time.Time
	doubts         []string
	inputs         []simulate.Input
	all            [parameters]parameter
	// decoder inflates the gzip whose speed is fitted, baseGzip is the base's for it.
	decoder     string
	baseGzip    float64
	evaluations int
	memory      sync.Pool // of *simulate.Memory
}

// Load reads measured timelines. Void runs are counted and left out.
func Load(files []File, opt Options) (*Data, error) {
	d := &Data{opt: opt.withDefaults(), all: fitted(), memory: sync.Pool{New: func() any { return &simulate.Memory{} }}}
	if err := d.opt.Base.Validate(); err != nil {
		return nil, err
	}
	known := make(map[string]*cell)
	for i := range files {
		if err := d.add(&files[i], known); err != nil {
			return nil, fmt.Errorf("%s: %w", files[i].Name, err)
		}
	}
	if len(d.cells) > 0 && len(d.pulls) > 0 {
		return nil, fmt.Errorf("%w: some timelines are of runs with their layers, others of a cluster's events: calibrate with each by itself", ErrNothing)
	}
	if len(d.cells) == 0 && len(d.pulls) == 0 {
		return nil, d.nothing()
	}
	d.chooseDecoder()
	for _, c := range d.cells {
		d.finish(c)
	}
	slices.SortStableFunc(d.cells, func(x, y *cell) int { return cmp.Compare(x.arm, y.arm) })
	slices.SortStableFunc(d.pulls, func(x, y *pull) int {
		return cmp.Or(cmp.Compare(x.image, y.image), cmp.Compare(x.bytes, y.bytes), cmp.Compare(x.seconds, y.seconds))
	})
	d.deal()
	d.checkHosts()
	return d, nil
}

func (d *Data) nothing() error {
	if d.voidRuns > 0 {
		return fmt.Errorf("%w: all %d are void; their reasons stand in the timelines (void): measure again", ErrVoid, d.voidRuns)
	}
	return fmt.Errorf("%w: there is no measured startup in them: name timelines of cachebench measure or of workload import", ErrNothing)
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
		if m.Runs[i].At.After(d.last) {
			d.last = m.Runs[i].At
		}
	}
	if t.Provenance.Now.After(d.last) {
		d.last = t.Provenance.Now
	}
	if m.Tool == "kubelet" {
		return d.addPulls(t)
	}
	return d.addRuns(t, known)
}

// runKey tells the runs of a timeline apart.
type runKey struct {
	arm    string
	repeat int
}

func (d *Data) addRuns(t *simulate.Timeline, known map[string]*cell) error {
	inv := t.Measurement.Inventory
	if inv == nil {
		inv = d.opt.Inventory
	}
	if inv == nil {
		return fmt.Errorf("%w: the timeline holds no inventory of the images that it started, so their layers are not known: give one with --inventory", ErrNothing)
	}
	inv = inv.Estimated()
	setups, err := setupsOf(t.Measurement)
	if err != nil {
		return err
	}
	notes := make(map[runKey]*simulate.MeasuredRun)
	for i := range t.Measurement.Runs {
		r := &t.Measurement.Runs[i]
		notes[runKey{r.Arm, r.Repeat}] = r
	}
	groups := make(map[runKey][]*simulate.Startup)
	var order []runKey
	for i := range t.Startups {
		s := &t.Startups[i]
		if s.Source != simulate.Measured {
			continue
		}
		k := runKey{s.Arm, s.Repeat}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], s)
	}
	for k, note := range notes { // void runs may have no startup
		if groups[k] == nil && note.Void != "" {
			d.runs++
			d.voidRuns++
		}
	}
	for _, k := range order {
		if err := d.addRun(inv, k, groups[k], notes[k], setups[k.arm], known); err != nil {
			return fmt.Errorf("arm %s: %w", k.arm, err)
		}
	}
	return nil
}

func (d *Data) addRun(inv *layers.Inventory, k runKey, startups []*simulate.Startup, note *simulate.MeasuredRun, setup *simulate.ArmSetup, known map[string]*cell) error {
	d.runs++
	void := note != nil && note.Void != ""
	if void || slices.ContainsFunc(startups, func(s *simulate.Startup) bool { return s.Void != "" || s.Ready <= 0 }) {
		d.voidRuns++
		return nil
	}
	if slices.ContainsFunc(startups, func(s *simulate.Startup) bool { return len(s.Images) == 0 }) {
		return fmt.Errorf("%w: a startup names no image, so what it pulled is not known", ErrNothing)
	}
	if setup == nil {
		setup = &simulate.ArmSetup{Arm: k.arm}
	}
	slices.SortStableFunc(startups, func(x, y *simulate.Startup) int {
		return cmp.Or(cmp.Compare(x.Node, y.Node), cmp.Compare(x.App, y.App), slices.Compare(x.Images, y.Images), cmp.Compare(x.Requested, y.Requested))
	})
	key, err := cellKey(inv, k.arm, startups, setup)
	if err != nil {
		return err
	}
	c := known[key]
	if c == nil {
		if c, err = d.newCell(inv, k.arm, startups, setup); err != nil {
			return err
		}
		known[key] = c
		d.cells = append(d.cells, c)
	}
	r := run{startups: startups, outcome: outcomeOf(startups)}
	if note != nil {
		r.at = note.At
	}
	c.runs = append(c.runs, r)
	d.startups += len(startups)
	return nil
}

// cellKey is the same for runs in the same conditions, of whatever timelines.
func cellKey(inv *layers.Inventory, arm string, startups []*simulate.Startup, setup *simulate.ArmSetup) (string, error) {
	raw, err := setup.Profile.MarshalJSON()
	if err != nil {
		return "", err
	}
	parts := []string{arm, string(raw)}
	for _, ref := range setup.Kept {
		i, err := find(inv, ref)
		if err != nil {
			return "", err
		}
		parts = append(parts, "kept", string(inv.Images[i].Digest))
	}
	for _, s := range startups {
		parts = append(parts, "start", s.Node, s.App)
		for _, ref := range s.Images {
			i, err := find(inv, ref)
			if err != nil {
				return "", err
			}
			parts = append(parts, string(inv.Images[i].Digest))
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

// hostOf describes where a timeline was measured.
func hostOf(m *simulate.Measurement) string {
	fact := func(names ...string) string {
		for _, name := range names {
			for _, f := range m.Facts {
				if strings.EqualFold(f.Name, name) && f.Value != "" {
					return f.Value
				}
			}
		}
		return ""
	}
	if m.Tool == "kubelet" {
		if v := fact("nodes"); v != "" {
			return "a cluster's events, " + v + " nodes"
		}
		return "a cluster's events"
	}
	words := m.Tool
	if v := fact(m.Tool, "puller"); v != "" {
		if words = v; !strings.Contains(v, m.Tool) {
			words = m.Tool + " " + v
		}
	}
	var where []string
	if v := fact("cores"); v != "" {
		if n, err := strconv.Atoi(v); err == nil {
			v = fmt.Sprintf("%d cores", n)
		}
		where = append(where, v)
	}
	for _, name := range []string{"file system", "containerd file system", "kernel"} {
		if v := fact(name); v != "" {
			where = append(where, v)
		}
	}
	if where != nil {
		words += " on " + strings.Join(where, ", ")
	}
	return words
}

func (d *Data) checkHosts() {
	if len(d.hosts) > 1 {
		d.doubts = append(d.doubts, fmt.Sprintf("The timelines are of different hosts or versions (%s): one profile cannot be all of them; calibrate with each by itself.", strings.Join(d.hosts, "; ")))
	}
}
