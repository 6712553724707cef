package calibrate

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// What it takes to decide anything by arms that are left out.
const (
	leftParts    = 3 // into which the arms are dealt, or fewer if they have fewer names
	fewestFitted = 4 // arms that a fit knows
	fewestJudges = 3 // arms in which an option shows
)

// choices are what the stages cannot tell and arms that are left out decide.
type choices struct {
	bound bounding
	// loose: whole runs may say otherwise of unpacking than spans do, as where
	// transfers slow it down.
	loose bool
	// more are the options that are taken in: parameters beyond those of the stages.
	more []int
}

// bounding is what unpacked bytes wait for.
type bounding struct {
	// disk: for the disk, which all unpacks of a node share, rather than for decoders.
	disk bool
	// told: arms that were left out say so; otherwise it is a guess.
	told bool
}

// options are the parameters that are fitted only where arms that are left out are met
// better with them.
func options() []int { return []int{fetchRate, fetchDisk, cores} }

// ofTransfers says whether an option is what transfers take from unpacking. The spans
// of layers were unpacked beside transfers too, so with it they are trusted less.
func ofTransfers(i int) bool { return i == fetchRate || i == fetchDisk }

// and are choices with one option more.
func (w choices) and(i int) choices {
	w.more = append(slices.Clone(w.more), i)
	w.loose = w.loose || ofTransfers(i)
	return w
}

// loosened are choices under which spans of layers are trusted less.
func (w choices) loosened() choices {
	w.loose = true
	return w
}

// A decision is what came of trying choices.
type decision struct {
	with choices
	// words say what was decided, a sentence each.
	words []string
	// why says of each option that is not taken in why it is not, measure what to
	// measure to tell it.
	why, measure [parameters]string
}

// choose decides by cross-validation among some arms: they are dealt into parts, and
// each part is predicted by quick fits to the others, under one choice and another. It
// knows no arms but these, so that the fit of a fold, and one to some arms only, come
// about as one to all does.
func (d *Data) choose(ctx context.Context, cells []*cell) (*decision, error) {
	parts := d.parts(cells)
	c := &chooser{cells: cells, dealt: parts != nil, try: func(with choices) (*attempt, error) {
		return d.leftOut(ctx, parts, len(cells), with)
	}}
	if err := c.decide(d.stages(cells, nil)); err != nil {
		return nil, err
	}
	return &c.decision, nil
}

// A chooser tries choices one after another.
type chooser struct {
	cells []*cell
	// dealt: there are enough arms to leave some out.
	dealt bool
	// try says how far fits under some choices miss arms that they do not know.
	try func(choices) (*attempt, error)
	// best is what is chosen so far.
	best *attempt
	decision
}

// decide goes from what the stages take for granted.
func (c *chooser) decide(e *estimate) error {
	c.with = choices{bound: e.bound}
	var open []int
	for _, i := range options() {
		if c.why[i], c.measure[i] = c.untried(i); c.why[i] == "" {
			open = append(open, i)
			c.measure[i] = toMeasure(i)
		}
	}
	why, _ := c.untried(disk)
	if e.undecided && why != "" {
		c.words = append(c.words, fmt.Sprintf("Whether the disk or the decoder bounds unpacking is not told: %s. Taken is the %s.", why, c.with.bound.name()))
	}
	between := e.undecided && why == ""
	if !between && len(open) == 0 {
		return nil
	}
	var err error
	if c.best, err = c.try(c.with); err != nil {
		return err
	}
	if between {
		if err := c.bounds(); err != nil {
			return err
		}
	}
	err = c.options(open)
	c.with = c.best.with
	return err
}

func (b bounding) name() string {
	if b.disk {
		return "disk"
	}
	return "decoder"
}

// shows says whether an arm shows an option, or what bounds unpacking (disk): the
// latter, and cores, only where several images are unpacked at once.
func shows(i int, c *cell) bool {
	if c.held[i] {
		return false
	}
	if ofTransfers(i) {
		return c.work.fetchBytes > 0
	}
	return c.class == ClassTogether
}

// judges are the places of the arms that show an option.
func (c *chooser) judges(i int) []int {
	var at []int
	for k, x := range c.cells {
		if shows(i, x) {
			at = append(at, k)
		}
	}
	return at
}

// untried says why an option is not even tried, and what to measure; empty where it is
// tried.
func (c *chooser) untried(i int) (why, measure string) {
	judges := len(c.judges(i))
	switch {
	case !slices.ContainsFunc(c.cells, func(x *cell) bool { return !x.held[i] }):
		return "the experiment set it in every arm", ""
	case ofTransfers(i) && !slices.ContainsFunc(c.cells, func(x *cell) bool { return shows(i, x) && (!x.shaped() || !x.single()) }):
		return "it was not tried, for no arm pulls over a link as it is, or several images at once", toMeasure(i)
	case judges < fewestJudges && ofTransfers(i):
		return fmt.Sprintf("it was not tried, for it takes %d arms that pull, and there are %d", fewestJudges, judges), toMeasure(i)
	case judges < fewestJudges:
		return fmt.Sprintf("it was not tried, for it takes %d arms of starts together on one node, and there are %d", fewestJudges, judges), toMeasure(i)
	case !c.dealt:
		return fmt.Sprintf("it was not tried, for %d arms%s are too few to leave some out", len(c.cells), c.groups()), "more arms, and more different ones"
	}
	return "", ""
}

// groups says into how many the arms fall that are left out together, where that is not
// each by itself.
func (c *chooser) groups() string {
	names := make(map[string]bool)
	for _, x := range c.cells {
		names[x.dealtBy] = true
	}
	if len(names) == len(c.cells) {
		return ""
	}
	return fmt.Sprintf(" of %d groups that are left out together", len(names))
}

// toMeasure is what tells an option.
func toMeasure(i int) string {
	switch i {
	case fetchRate:
		return "arms of one large layer after another on a link that is not set"
	case fetchDisk:
		return "arms on a real disk with a link that is not set"
	}
	return "arms of more starts on one node than it has cores"
}

// bounds tries whether the disk bounds unpacking, or the decoder, otherwise than the
// stages guess.
func (c *chooser) bounds() error {
	with := c.best.with
	with.bound.disk = !with.bound.disk
	other, err := c.try(with)
	if err != nil {
		return err
	}
	judges := c.judges(disk)
	if other.beats(c.best, judges) {
		c.best, other = other, c.best
	}
	taken := &c.best.with.bound
	how := fmt.Sprintf("arms of starts together that were left out are missed by %s so, by %s otherwise", percent(c.best.mean(judges)), percent(other.mean(judges)))
	if taken.told = c.best.beats(other, judges); taken.told {
		c.words = append(c.words, fmt.Sprintf("The %s bounds unpacking rather than the %s: %s.", taken.name(), other.with.bound.name(), how))
	} else {
		c.words = append(c.words, fmt.Sprintf("Whether the disk or the decoder bounds unpacking is not told; taken is the %s: %s.", taken.name(), how))
	}
	return nil
}

// options takes in one option after another, the best first, as long as one helps, or
// else trusts spans less where that helps by itself.
func (c *chooser) options(open []int) error {
	if len(open) == 0 {
		return nil
	}
	trusts := slices.ContainsFunc(open, ofTransfers) // less may be gained by that alone
	var loose *attempt
	for {
		if loose = c.best; trusts && !loose.with.loose {
			var err error
			if loose, err = c.try(loose.with.loosened()); err != nil {
				return err
			}
		}
		taken, found, err := c.bestOf(open, loose)
		if err != nil {
			return err
		}
		if found == nil {
			break
		}
		c.best = found
		open = slices.DeleteFunc(open, func(i int) bool { return i == taken })
	}
	if loose.beats(c.best, nil) {
		c.words = append(c.words, fmt.Sprintf("Spans of layers are trusted less: arms that were left out are missed by %s so, by %s otherwise.", percent(loose.mean(nil)), percent(c.best.mean(nil))))
		c.best = loose
	}
	return nil
}

// bestOf tries each of some options beside what is chosen, and says of each how it did.
// It returns the best of those that help, nil where none does. One of transfers has to
// do better than trusting spans less by itself, too.
func (c *chooser) bestOf(open []int, loose *attempt) (taken int, found *attempt, err error) {
	var how string
	for _, i := range open {
		with, err := c.try(c.best.with.and(i))
		if err != nil {
			return 0, nil, err
		}
		judges, without := c.judges(i), c.best
		if ofTransfers(i) && loose.mean(judges) < without.mean(judges) {
			without = loose
		}
		words := fmt.Sprintf("arms that were left out are missed by %s with it, by %s without", percent(with.mean(judges)), percent(without.mean(judges)))
		c.why[i] = "it was tried, and does not help beyond chance: " + words
		if with.beats(without, judges) && (found == nil || with.mean(nil) < found.mean(nil)) {
			taken, found, how = i, with, words
		}
	}
	if found != nil {
		c.why[taken], c.measure[taken] = "", ""
		c.words = append(c.words, fmt.Sprintf("%s is taken in: %s.", fitted()[taken].name, how))
	}
	return taken, found, nil
}

func percent(fraction float64) string { return fmt.Sprintf("%.1f %%", 100*fraction) }

// An attempt is how far fits under some choices miss arms that they do not know.
type attempt struct {
	with choices
	// misses are absolute relative errors of the time of whole runs, arm by arm.
	misses []float64
}

// at are the misses of some arms, of all where places is nil.
func (a *attempt) at(places []int) []float64 {
	if places == nil {
		return a.misses
	}
	list := make([]float64, len(places))
	for k, i := range places {
		list[k] = a.misses[i]
	}
	return list
}

func (a *attempt) mean(places []int) float64 {
	sum := 0.0
	list := a.at(places)
	for _, v := range list {
		sum += v
	}
	return sum / float64(len(list))
}

// beats says whether a misses some arms less than b does: by a twentieth of it, by a
// thousandth of their times, and by twice the standard error of the gain, arm by arm.
// Less than that may be chance.
func (a *attempt) beats(b *attempt, places []int) bool {
	const (
		share    = 0.05
		slightly = 0.001
		errors   = 2
	)
	mine, others := a.at(places), b.at(places)
	gain := b.mean(places) - a.mean(places)
	variance, n := 0.0, float64(len(mine))
	for i := range mine {
		variance += (others[i] - mine[i] - gain) * (others[i] - mine[i] - gain) / (n - 1)
	}
	return gain > max(share*b.mean(places), slightly, errors*math.Sqrt(variance/n))
}

// A part of the arms is left out of a fit to the others.
type part struct {
	in, out []*cell
	// at are the places of out among all.
	at []int
	// priors are what the stages know of in, by whether the disk bounds unpacking.
	priors map[bool]*prior
}

// parts deals arms, by a stream of its own, those of one name into one part; nil where
// there are too few.
func (d *Data) parts(cells []*cell) []part {
	place := places(cells, rand.New(rand.NewPCG(d.opt.Seed, 0x63686f696365)))
	list := make([]part, min(leftParts, len(place)))
	if len(list) < 2 {
		return nil
	}
	for k := range list {
		p := &list[k]
		p.priors = make(map[bool]*prior)
		for i, c := range cells {
			if place[c.dealtBy]%len(list) != k {
				p.in = append(p.in, c)
				continue
			}
			p.out, p.at = append(p.out, c), append(p.at, i)
		}
		if len(p.in) < fewestFitted || len(p.out) == 0 {
			return nil
		}
	}
	return list
}

// leftOut tries choices on each part of n arms.
func (d *Data) leftOut(ctx context.Context, parts []part, n int, with choices) (*attempt, error) {
	a := &attempt{with: with, misses: make([]float64, n)}
	for k := range parts {
		p := &parts[k]
		if p.priors[with.bound.disk] == nil {
			p.priors[with.bound.disk] = d.prior(p.in, with.bound, quick)
		}
		f := d.prepare(ctx, p.in, with, p.priors[with.bound.disk])
		if err := f.run(quick); err != nil {
			return nil, err
		}
		simulated, err := d.replay(ctx, p.out, &f.values, f.ready, f.search.repeats)
		if err != nil {
			return nil, err
		}
		for j, r := range residuals(p.out, simulated) {
			a.misses[p.at[j]] = math.Abs(math.Expm1(r))
		}
	}
	return a, nil
}
