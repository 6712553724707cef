package calibrate

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
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
}

// Load reads measured timelines. Void runs are counted and left out.
func Load(files []File, opt Options) (*Data, error) {
	d := &Data{opt: opt.withDefaults(), all: fitted()}
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
		return fmt.Errorf("%w: all %d runs are void; their reasons stand in the timelines (void): measure again", ErrNothing, d.voidRuns)
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
	setups := make(map[string]*simulate.ArmSetup)
	for i := range t.Measurement.Arms {
		setups[t.Measurement.Arms[i].Arm] = &t.Measurement.Arms[i]
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

// newCell makes an arm of the startups of its first run.
func (d *Data) newCell(inv *layers.Inventory, arm string, startups []*simulate.Startup, setup *simulate.ArmSetup) (*cell, error) {
	c := &cell{arm: arm, gzipScale: 1, inv: &layers.Inventory{ResolvedAt: inv.ResolvedAt}}
	own := &ownImages{from: inv, to: c.inv, images: make(map[int]int), layers: make(map[int]int)}
	for _, ref := range setup.Kept {
		i, err := find(inv, ref)
		if err != nil {
			return nil, err
		}
		c.kept = append(c.kept, own.image(i))
	}
	first := startups[0].Requested
	for _, s := range startups {
		first = min(first, s.Requested)
	}
	for _, s := range startups {
		start := simulate.Start{App: s.App, Requested: s.Requested - first, Node: cmp.Or(s.Node, "node"), PullPolicy: "IfNotPresent"}
		if asked(s) {
			start.PullPolicy = "Always"
		}
		for _, ref := range s.Images {
			i, err := find(inv, ref)
			if err != nil {
				return nil, err
			}
			start.Images = append(start.Images, own.image(i))
			if !slices.Contains(c.images, ref) {
				c.images = append(c.images, ref)
			}
		}
		c.starts = append(c.starts, start)
		if !slices.ContainsFunc(c.nodes, func(n simulate.NewNode) bool { return n.Name == start.Node }) {
			c.nodes = append(c.nodes, simulate.NewNode{Name: start.Node, Up: true, Setup: &simulate.NodeSetup{Held: c.kept}})
		}
	}
	return c, d.condition(c, setup.Profile)
}

// asked says whether the registry was asked what a reference means.
func asked(s *simulate.Startup) bool {
	d, known := s.Phases.Of(simulate.Resolve)
	return known && d > 0 || slices.ContainsFunc(s.Spans, func(x simulate.Span) bool { return x.Phase == simulate.Resolve })
}

// ownImages copies images of an inventory, so that an arm is simulated on its own
// alone.
type ownImages struct {
	from, to       *layers.Inventory
	images, layers map[int]int
}

func (o *ownImages) image(i int) int {
	if at, ok := o.images[i]; ok {
		return at
	}
	img := o.from.Images[i]
	list := make([]int, len(img.Layers))
	for j, l := range img.Layers {
		at, ok := o.layers[l]
		if !ok {
			at = len(o.to.Layers)
			o.layers[l] = at
			o.to.Layers = append(o.to.Layers, o.from.Layers[l])
		}
		list[j] = at
	}
	img.Layers, img.Hidden = list, nil
	o.images[i] = len(o.to.Images)
	o.to.Images = append(o.to.Images, img)
	return o.images[i]
}

// condition gives an arm the base's profile with what the experiment set.
func (d *Data) condition(c *cell, raw document.Raw) error {
	p := *d.opt.Base
	p.NodeClasses = nil
	p.Pull.MaxParallelPulls = simulate.Parameter[int64]{Value: 1000, Source: "measured: no kubelet that pulls in turn"}
	p.Start.AdmitPerSecond = simulate.Parameter[float64]{Value: math.Inf(1)}
	names := make(map[string]bool)
	var groups map[string]document.Raw
	if err := raw.Decode(&groups); err != nil {
		return err
	}
	for group, keys := range groups {
		for _, key := range keys.Keys() {
			names[group+"."+key] = true
		}
	}
	c.setsLink = names["network.registryBytesPerSecond"] || names["network.uplinkBytesPerSecond"] || names["network.nodeBytesPerSecond"]
	before := p.Unpack.Decoder.Value
	if err := raw.Decode(&p); err != nil {
		return err
	}
	for i := range d.all {
		c.held[i] = names[d.all[i].name]
	}
	if now := p.Unpack.Decoder.Value; now != before && !c.held[gzip] {
		d.all[gzip].set(&p, d.all[gzip].get(&p)*decoderRate(now)/decoderRate(before))
	}
	c.profile = &p
	return nil
}

// decoderRate is the speed of a decoder by its name, 1 of one that is not known.
func decoderRate(name string) float64 {
	for _, x := range simulate.Decoders() {
		if x.Name == name {
			return float64(x.Gzip.Value)
		}
	}
	return 1
}

// chooseDecoder makes the decoder that most arms use the one that is fitted; the
// speeds of others stand to it as they are known to.
func (d *Data) chooseDecoder() {
	uses := make(map[string]int)
	for _, c := range d.cells {
		if !c.held[gzip] {
			uses[c.profile.Unpack.Decoder.Value]++
		}
	}
	d.decoder = d.opt.Base.Unpack.Decoder.Value
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		if uses[name] > uses[d.decoder] {
			d.decoder = name
		}
	}
	d.baseGzip = d.all[gzip].get(d.opt.Base) * decoderRate(d.decoder) / decoderRate(d.opt.Base.Unpack.Decoder.Value)
	for _, c := range d.cells {
		if !c.held[gzip] {
			c.gzipScale = decoderRate(c.profile.Unpack.Decoder.Value) / decoderRate(d.decoder)
		}
	}
}

// finish works out what depends on all runs of an arm.
func (d *Data) finish(c *cell) {
	list := make([]outcome, len(c.runs))
	for i := range c.runs {
		list[i] = c.runs[i].outcome
	}
	c.measured = medianOutcome(list)
	happens := func(p simulate.Phase) bool {
		return slices.ContainsFunc(c.runs, func(r run) bool {
			return slices.ContainsFunc(r.startups, func(s *simulate.Startup) bool {
				t, _ := s.Phases.Of(p)
				return t > 0
			})
		})
	}
	zero := simulate.Parameter[time.Duration]{}
	if !happens(simulate.Provision) {
		c.profile.Start.Provision, c.held[provision] = zero, true
	}
	if !happens(simulate.Create) {
		c.profile.Start.Create, c.held[create] = zero, true
	}
	if c.knowsReady = happens(simulate.Ready); !c.knowsReady {
		c.profile.Start.Ready = zero
	}
	c.work = c.workOf()
	c.class = c.classOf()
}

func (c *cell) classOf() string {
	switch {
	case len(c.nodes) > 1:
		return ClassNodes
	case len(c.starts) > 1:
		return ClassTogether
	case c.work.fetchBytes == 0 && len(c.work.unpacks[0]) == 0:
		return ClassPresent
	case c.shaped():
		return ClassShaped
	}
	return ClassUnshaped
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
	words := m.Tool
	if v := fact(m.Tool, m.Tool+" version", "version", "runtime"); v != "" {
		if words = v; !strings.Contains(v, m.Tool) {
			words = m.Tool + " " + v
		}
	}
	var where []string
	if v := fact("cores", "cpus"); v != "" {
		if n, err := strconv.Atoi(v); err == nil {
			v = fmt.Sprintf("%d cores", n)
		}
		where = append(where, v)
	}
	for _, name := range []string{"kernel", "file system", "filesystem"} {
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
