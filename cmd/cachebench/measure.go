package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/internal/scratch"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

func newMeasure(io *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "measure",
		Short: "Real pulls and starts, timed phase by phase",
		Long: `Measure makes real pulls or starts, again and again, cold and with images present:
on this host, timing every layer's fetch and unpack apart, or on ECI.

  pull        fetches and unpacks by itself: no daemon, no root, any CI
  containerd  pulls and starts through containerd
  eci         starts container groups on ECI, cold and from image caches

Runs on this host are made one at a time, all in random order, and saved after each;
a run that found more present than it should is void. The timeline that comes out is
what calibrate and report read.`,
		Example: `  cachebench measure pull registry.example.com/team/web:1.4 --save measured.json
  cachebench measure pull oci:build/app --registry embedded --link-rate 200Mbit/s,1Gbit/s
  cachebench measure containerd web:2 --arms cold,partial,present --base web:1 --ready http:8080/
  cachebench measure eci registry.example.com/team/web:1.4 --arms cold,automatic --vswitch vsw-1 --security-group sg-1 --dry-run`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newMeasurePull(io), newMeasureContainerd(io), newMeasureECI(io))
	return cmd
}

// measuring are the flags of an experiment.
type measuring struct {
	in  *inputs
	out *outputs

	experiment string
	arms       []string
	base       []string
	together   bool
	linkRates  []string
	linkDelay  time.Duration
	nodes      int
	loopback   bool
	downloads  []int
	unpacks    []int
	dropCache  bool
	repeats    int
	warmup     int
	seed       uint64
	retries    int
	maxOther   float64
	resume     bool
	root       string
	decoder    string
	cleanUp    bool
	// lines are those of how far it is where there is no terminal.
	lines sparse
	// start is what all starts have in common; resolve is how images were looked up.
	start   measure.Start
	resolve layers.Options
	// doubts, where not nil, are what the runner has to say against its runs, earlier
	// what was said in a timeline that is gone on with.
	doubts  func() []string
	earlier []string
}

func (m *measuring) platform() string {
	if len(m.in.lookups.platforms) > 0 {
		return m.in.lookups.platforms[0]
	}
	return layers.DefaultPlatform
}

// roots are the directories to look for what was left in; none where those that are
// taken without --root.
func (m *measuring) roots() []string {
	if m.root == "" {
		return nil
	}
	return []string{m.root}
}

// removeLeft removes what killed runs left behind in directories, and tells what.
func (m *measuring) removeLeft(cmd *cobra.Command, dirs []string, remove func(context.Context) ([]string, error)) error {
	if err := m.checkNumbers(cmd); err != nil {
		return err
	}
	removed, err := remove(cmd.Context())
	for _, path := range removed {
		fmt.Fprintln(m.in.io.out, "removed", path)
	}
	if len(removed) == 0 && err == nil {
		fmt.Fprintf(m.in.io.out, "nothing was left behind in %s\n", strings.Join(dirs, " and "))
		if m.root == "" {
			fmt.Fprintln(m.in.io.out, "runs with --root or another TMPDIR are not looked for: name their directory with --root")
		}
	}
	return err
}

// addFlags adds the flags of an experiment; temporary is where what is fetched and
// unpacked goes without --root.
func (m *measuring) addFlags(cmd *cobra.Command, temporary string) {
	m.in.addImageFlags(cmd)
	f := cmd.Flags()
	f.Lookup("registry").Usage = "serve the images from a registry of the experiment's own: embedded, or the OCI layout DIR under a registry's name, as `NAME=DIR`; repeatable"
	for _, name := range []string{"inventory", "layer-sizes", "lock", "now", "unpacked-sizes"} {
		f.MarkHidden(name)
	}
	f.StringVar(&m.experiment, "experiment", "", "take images and arms from this `file` of kind Experiment (cachebench schema Experiment); beside it --repeats, --seed, --warmup and what starts do may be given")
	f.StringSliceVar(&m.arms, "arms", []string{"cold"}, "`what` is present before: cold (nothing), partial (the images of --base), present (the image itself)")
	f.StringArrayVar(&m.base, "base", nil, "`image` that arm partial keeps; repeatable")
	f.BoolVar(&m.together, "together", false, "start all images at once instead of each alone")
	f.StringSliceVar(&m.linkRates, "link-rate", nil, "shape the link from the registry to this `rate`, as 200Mbit/s or unlimited; several are arms")
	f.Var((*days)(&m.linkDelay), "link-delay", "add this `time` to each round trip, as 20ms")
	f.IntVar(&m.nodes, "nodes", 1, "`number` of nodes that start the same at once, each with a store of its own, behind one link")
	f.BoolVar(&m.loopback, "loopback", false, "make no network namespaces: pace a registry on loopback")
	f.IntSliceVar(&m.downloads, "max-concurrent-downloads", nil, "`number` of layers fetched at once (default the runtime's: 3); several are arms")
	f.IntSliceVar(&m.unpacks, "max-concurrent-unpacks", nil, "`number` of layers unpacked at once: 1 is one of each image, more are of the node and of one image too (default the runtime's: 1); several are arms")
	f.BoolVar(&m.dropCache, "drop-page-cache", false, "empty the host's page cache before each run (root)")
	f.IntVar(&m.repeats, "repeats", measure.DefaultRepeats, "`number` of runs of each arm")
	f.IntVar(&m.warmup, "warmup", -1, "most `runs` before all that do not count (default: until each image was started once)")
	f.Uint64Var(&m.seed, "seed", measure.DefaultSeed, "`number` that decides the order of the runs")
	f.IntVar(&m.retries, "retries", measure.DefaultRetries, "how often a void run is made again")
	f.Var((*share)(&m.maxOther), "max-other-cpu", "void runs during which other processes used more than this `share` of the cores, as 0.2 or 20%")
	f.BoolVar(&m.resume, "resume", false, "go on with the experiment that --save holds")
	f.StringVar(&m.root, "root", "", "`directory` for what is fetched and unpacked (default "+temporary+"); its disk is measured")
	f.StringVar(&m.decoder, "decoder", "", "inflate gzip by this `program`: igzip, pigz or go (default what is on PATH, as containerd does)")
	f.BoolVar(&m.cleanUp, "clean-up", false, "only remove what a killed run left behind; of one with --root, with the same --root")
	// Others have --arms, --base, --registry, --repeats and --seed too; and no default may
	// change what an experiment file says, nor where directories are made and removed.
	onCommandLineOnly(f, "arms", "base", "nodes", "registry", "repeats", "warmup", "seed", "root")
	m.out.addFlags(cmd, "the timeline, after each run,")
}

// maker makes the runner of an experiment; site is nil for images from where they
// are.
type maker func(ctx context.Context, exp *measure.Experiment, site *measure.Site, inv *layers.Inventory) (measure.Runner, error)

// run makes the experiment and writes what came of it. What check finds missing is
// told before any image is looked at.
func (m *measuring) run(cmd *cobra.Command, references []string, check func(context.Context, *measure.Experiment) error, start maker) (err error) {
	if err := m.checkNumbers(cmd); err != nil {
		return err
	}
	embedded := slices.Contains(m.in.registries, "embedded")
	m.in.registries = slices.DeleteFunc(m.in.registries, func(s string) bool { return s == "embedded" })
	exp, err := m.plan(cmd, references)
	if err != nil {
		return err
	}
	m.in.file.Images, m.in.file.Repeats, m.in.file.Seed = exp.References(), m.repeats, m.seed
	s, err := m.in.load(cmd, m.out)
	if err != nil {
		return err
	}
	if err := m.out.spares(m.experiment); err != nil {
		return err
	}
	release, err := m.lockSaved()
	if err != nil {
		return err
	}
	defer release()
	resume, err := m.saved()
	if err != nil {
		return err
	}
	if resume != nil && resume.Measurement != nil {
		m.earlier = resume.Measurement.Doubts
	}
	if err := check(cmd.Context(), exp); err != nil {
		return err
	}
	var site *measure.Site
	var inv *layers.Inventory
	if embedded || len(s.Registries) > 0 {
		if site, err = m.site(cmd, s, exp); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, site.Close()) }()
		inv, exp = site.Inventory, exp.Renamed(site.Served)
	} else if inv, err = m.elsewhere(cmd, s, exp); err != nil {
		return err
	}
	m.resolve = s.Resolve // with what looking up has put there
	// Who reads along may go before the end, as over a connection that is lost. To write
	// then fails, and does not end the program before what was made is removed.
	gone := make(chan os.Signal, 1)
	signal.Notify(gone, syscall.SIGPIPE)
	defer signal.Stop(gone)
	runner, err := start(cmd.Context(), exp, site, inv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runner.Close()) }()
	t, err := measure.Run(cmd.Context(), exp, inv, runner, measure.Options{
		Version: cachebench.Version, Inputs: s.Inputs, Platform: s.Platform, Site: site, Resume: resume,
		Save: func(t *simulate.Timeline) error { return m.save(m.told(t)) }, Retries: m.retryCount(), MaxOtherCPUFraction: m.maxOther, Progress: m.progress(), Log: m.log,
	})
	if t == nil {
		return err
	}
	if err != nil && m.savesToFile() && len(t.Measurement.Runs) > 0 {
		err = fmt.Errorf("%w; what was measured until then is in %s: with --resume the experiment goes on", err, m.out.save)
	}
	return errors.Join(err, m.write(m.told(t)))
}

// told is a timeline with what the runner has to say against its runs.
func (m *measuring) told(t *simulate.Timeline) *simulate.Timeline {
	doubts := slices.Clone(m.earlier)
	if m.doubts != nil {
		for _, words := range m.doubts() {
			if !slices.Contains(doubts, words) {
				doubts = append(doubts, words)
			}
		}
	}
	if len(doubts) == 0 {
		return t
	}
	told, measurement := *t, *t.Measurement
	measurement.Doubts = doubts
	told.Measurement, told.Doubts = &measurement, slices.Concat(t.Doubts, doubts)
	return &told
}

// share is a flag's share, as 0.2 or 20%.
type share float64

func (s *share) String() string {
	if *s == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(*s), 'g', -1, 64)
}

func (s *share) Type() string { return "share" }

func (s *share) Set(text string) error {
	number, percent := strings.CutSuffix(text, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil {
		return errors.New("write a share such as 0.2 or 20%")
	}
	if percent {
		v /= 100
	}
	*s = share(v)
	return nil
}

// mostRetries is more than anybody waits for.
const mostRetries = 1000

// checkNumbers refuses values of flags that stand for nothing.
func (m *measuring) checkNumbers(cmd *cobra.Command) error {
	if err := measure.CheckOtherCPU(m.maxOther); err != nil {
		return usagef("--max-other-cpu: %w", err)
	}
	switch f := cmd.Flags(); {
	case m.retries < 0 || m.retries > mostRetries:
		return usagef("--retries %d cannot be: give 0 to %d", m.retries, mostRetries)
	case m.warmup < 0 && f.Changed("warmup"):
		return usagef("--warmup %d cannot be: give 0 or more, or leave it out to start each image once", m.warmup)
	case m.root == "" && f.Changed("root"):
		return usagef("--root names no directory: name one, or leave it out")
	}
	return nil
}

func (m *measuring) retryCount() int {
	if m.retries == 0 {
		return -1
	}
	return m.retries
}

// plan is the experiment of the flags, or of the file.
func (m *measuring) plan(cmd *cobra.Command, references []string) (*measure.Experiment, error) {
	if m.experiment != "" {
		return m.fromFile(cmd, references)
	}
	if len(references) == 0 {
		return nil, usagef("no image is named; name some, or an --experiment")
	}
	g := measure.Grid{Base: m.base, Downloads: m.downloads, Unpacks: m.unpacks, Nodes: m.nodeList()}
	if m.together {
		g.Together = [][]string{references}
	} else {
		g.Images = references
	}
	if m.dropCache {
		g.DropPageCache = []bool{true}
	}
	keeps := map[string]string{"cold": measure.KeepNothing, "partial": measure.KeepBase, "present": measure.KeepItself}
	for _, arm := range m.arms {
		keep, ok := keeps[arm]
		if !ok {
			return nil, usagef("--arms %s", document.NoneOf(arm, "cold", "partial", "present"))
		}
		g.Keep = append(g.Keep, keep)
	}
	if slices.Contains(m.arms, "partial") != (len(m.base) > 0) {
		return nil, usagef("--arms partial and --base go together: name what is present before")
	}
	links, err := m.links()
	if err != nil {
		return nil, err
	}
	g.Links = links
	if err := m.checkTwice(references, links); err != nil {
		return nil, err
	}
	exp := &measure.Experiment{Grids: []measure.Grid{g}, Repeats: m.repeats, Seed: m.seed}
	if m.warmup >= 0 {
		exp.Warmup = &m.warmup
	}
	if m.repeats < 1 {
		return nil, usagef("--repeats must be above 0")
	}
	if err := exp.Validate(); err != nil {
		return nil, usageError{ofFlag(err)}
	}
	return exp.With(m.start), nil
}

// checkTwice refuses values that make two arms of the same conditions.
func (m *measuring) checkTwice(references []string, links []measure.Link) error {
	lists := []struct {
		name   string
		values []string
	}{
		{"--arms", m.arms}, {"--link-rate", texts(links, measure.Link.String)},
		{"--max-concurrent-downloads", texts(m.downloads, strconv.Itoa)}, {"--max-concurrent-unpacks", texts(m.unpacks, strconv.Itoa)},
	}
	if !m.together {
		lists = append(lists, struct {
			name   string
			values []string
		}{"the image", references})
	}
	for _, list := range lists {
		for i, value := range list.values {
			if slices.Contains(list.values[:i], value) {
				return usagef("%s %s is given twice: its runs are repeated with --repeats", list.name, value)
			}
		}
	}
	return nil
}

func texts[T any](values []T, text func(T) string) []string {
	var list []string
	for _, v := range values {
		list = append(list, text(v))
	}
	return list
}

// flagOf are the flags that an experiment's values are from.
var flagOf = []struct {
	path *regexp.Regexp
	flag string
}{
	{regexp.MustCompile(`^grids\[0\]\.links\[\d+\]\.delaySeconds$`), "--link-delay"},
	{regexp.MustCompile(`^grids\[0\]\.links\[\d+\]`), "--link-rate"},
	{regexp.MustCompile(`^grids\[0\]\.nodes`), "--nodes"},
	{regexp.MustCompile(`^grids\[0\]\.base`), "--base"},
	{regexp.MustCompile(`^grids\[0\]\.maxConcurrentDownloads`), "--max-concurrent-downloads"},
	{regexp.MustCompile(`^grids\[0\]\.maxConcurrentUnpacks`), "--max-concurrent-unpacks"},
	{regexp.MustCompile(`^grids\[0\]\.(images|together)`), "the images"},
	{regexp.MustCompile(`^grids\[0\]$`), "the flags"},
	{regexp.MustCompile(`^repeats$`), "--repeats"},
	{regexp.MustCompile(`^warmup$`), "--warmup"},
}

// ofFlag words what is wrong with an experiment that flags alone make.
func ofFlag(err error) error {
	var fault interface{ Path() string }
	if !errors.As(err, &fault) {
		return err
	}
	for _, f := range flagOf {
		if path := fault.Path(); f.path.MatchString(path) {
			return errors.New(strings.Replace(err.Error(), path, f.flag, 1))
		}
	}
	return err
}

// fromFile is the experiment of --experiment. Its images and conditions are the file's
// alone; how often and in which order its runs are made, and what all of its starts do,
// may be said beside it. Defaults of flags that make arms are for experiments without a
// file, and give way to it.
func (m *measuring) fromFile(cmd *cobra.Command, references []string) (*measure.Experiment, error) {
	if len(references) > 0 {
		return nil, usagef("the experiment of --experiment names its images: leave %s out", strings.Join(references, " "))
	}
	f := cmd.Flags()
	for _, flag := range []string{"arms", "base", "together", "link-rate", "link-delay", "nodes", "max-concurrent-downloads", "max-concurrent-unpacks", "drop-page-cache"} {
		if given(f, flag) {
			return nil, usagef("--%s makes arms, and those of --experiment are in its file: say it in %s instead", flag, m.experiment)
		}
	}
	data, err := readInput(m.experiment)
	if err != nil {
		return nil, err
	}
	exp, err := measure.ReadExperiment(m.experiment, data)
	if err != nil {
		return nil, err
	}
	if f.Changed("repeats") {
		if exp.Repeats = m.repeats; m.repeats < 1 {
			return nil, usagef("--repeats must be above 0")
		}
	}
	if f.Changed("seed") {
		exp.Seed = m.seed
	}
	if f.Changed("warmup") && m.warmup >= 0 {
		exp.Warmup = &m.warmup
	}
	if err := exp.Validate(); err != nil {
		return nil, usageError{err}
	}
	return m.startAll(cmd, exp)
}

// startAll lets all starts of an experiment do what flags say. Where the file says it
// of some, both cannot be, and defaults give way to it.
func (m *measuring) startAll(cmd *cobra.Command, exp *measure.Experiment) (*measure.Experiment, error) {
	flags := []string{"arg", "ready", "ready-timeout", "pull-only"} // of containerd's command alone
	if !slices.ContainsFunc(flags, cmd.Flags().Changed) {
		return exp, nil
	}
	i := slices.IndexFunc(flags, func(name string) bool { return given(cmd.Flags(), name) })
	for _, a := range exp.Expand() {
		for _, s := range a.Starts {
			if s.PullOnly || s.Args != nil || s.Readiness != nil {
				if i < 0 {
					return exp, nil
				}
				return nil, usagef("--%s is for all starts, but arm %s of %s says itself what its starts do: say all of it there", flags[i], a.Name, m.experiment)
			}
		}
	}
	return exp.With(m.start), nil
}

func (m *measuring) links() ([]measure.Link, error) {
	rates := m.linkRates
	if rates == nil && m.linkDelay > 0 {
		rates = []string{"unlimited"}
	}
	var links []measure.Link
	for _, text := range rates {
		rate, err := document.ParseRate(text)
		if err != nil {
			return nil, usagef("--link-rate: %w", err)
		}
		links = append(links, measure.Link{Rate: network.Rate(rate), Delay: m.linkDelay})
	}
	return links, nil
}

// savesToFile says whether the timeline is saved where it can be gone on with.
func (m *measuring) savesToFile() bool { return m.out.save != "" && !m.out.toStdout(m.out.save) }

// lockSaved sees to it that no other run saves to the same file.
func (m *measuring) lockSaved() (release func(), err error) {
	if !m.savesToFile() {
		return func() {}, nil
	}
	p, err := placeOf(m.out.save)
	if err != nil || !p.replaced {
		return func() {}, err
	}
	dir, base := filepath.Split(p.name)
	release, free := scratch.LockFile(dir + "." + base + ".lock")
	if !free {
		return nil, fmt.Errorf("--save %s: another run that is under way saves to it: name another file, or wait for its end", m.out.save)
	}
	return release, nil
}

// saved is the timeline to go on with. Runs that would be lost are refused to be
// replaced: they take time, and the command that was interrupted is easily given again.
func (m *measuring) saved() (*simulate.Timeline, error) {
	if !m.savesToFile() {
		if m.resume {
			return nil, usagef("--resume goes on with what --save holds: name that file")
		}
		return nil, nil
	}
	if info, err := os.Stat(m.out.save); errors.Is(err, os.ErrNotExist) || err == nil && !info.Mode().IsRegular() && !m.resume {
		return nil, nil // nothing yet, or interrupted before the first run ended
	}
	data, err := os.ReadFile(m.out.save)
	if err != nil {
		return nil, err
	}
	t, err := simulate.ReadTimeline(m.out.save, data)
	if m.resume {
		return t, err
	}
	if err == nil && t.Measurement != nil && len(t.Measurement.Runs) > 0 {
		return nil, usagef("--save %s: it holds %d measured runs, which would be lost: add --resume to go on with them, name another file, or remove it", m.out.save, len(t.Measurement.Runs))
	}
	return nil, nil // another file's place is taken, as every command's --save does
}

// site serves the experiment's images behind its link.
func (m *measuring) site(cmd *cobra.Command, s *cachebench.Scenario, exp *measure.Experiment) (*measure.Site, error) {
	if err := m.in.lookups.apply(m.in, s); err != nil {
		return nil, err
	}
	resolve := s.Resolve
	resolve.Now = s.Now
	if s.Platform != "" {
		resolve.Platforms = []string{s.Platform}
	}
	layouts := make(map[string]string, len(s.Registries))
	for host, dir := range s.Registries {
		layouts[host] = filepath.FromSlash(dir)
	}
	site, err := measure.NewSite(cmd.Context(), measure.SiteOptions{
		References: exp.References(), Layouts: layouts, Resolve: resolve,
		Lab: lab.Options{Nodes: exp.Nodes(), Loopback: m.loopback},
	})
	if err != nil {
		return nil, fmt.Errorf("set up the experiment's registry: %w", err)
	}
	return site, nil
}

// elsewhere looks up images that come from where they are.
func (m *measuring) elsewhere(cmd *cobra.Command, s *cachebench.Scenario, exp *measure.Experiment) (*layers.Inventory, error) {
	for _, a := range exp.Expand() {
		if a.Link != nil {
			return nil, usagef("a link is only shaped to a registry of the experiment's own: add --registry embedded")
		}
	}
	for _, reference := range exp.References() {
		if _, ok := layers.RegistryOf(reference); !ok {
			return nil, usagef("%s is in no registry: add --registry embedded to serve it from one", reference)
		}
	}
	if exp.Nodes() > 1 {
		m.in.say([]string{"the nodes share this host's network: their transfers are not behind a link of their own"})
	}
	inv, err := m.in.lookUp(cmd, s)
	if err != nil {
		return nil, err
	}
	if len(inv.Unresolved) > 0 {
		u := inv.Unresolved[0]
		return nil, fmt.Errorf("look up %s: %s", u.Reference, u.Reason)
	}
	return inv, nil
}

// save keeps the timeline after a run.
func (m *measuring) save(t *simulate.Timeline) error {
	if !m.savesToFile() {
		return nil
	}
	data, err := document.Marshal(simulate.TimelineKind, t)
	if err != nil {
		return err
	}
	return writeFile(m.out.save, data)
}

func (m *measuring) write(t *simulate.Timeline) error {
	if m.savesToFile() {
		if err := m.save(t); err != nil {
			return err
		}
	}
	return m.out.measured(t)
}

// measured writes measured startups.
func (o *outputs) measured(t *simulate.Timeline) error {
	data, err := document.Marshal(simulate.TimelineKind, t)
	if err != nil {
		return fmt.Errorf("write %s: %w", simulate.TimelineKind, err)
	}
	if o.save != "" && o.toStdout(o.save) {
		if err := o.writeTo(o.save, data); err != nil {
			return err
		}
	}
	if o.format == string(reports.JSON) {
		return o.write(data)
	}
	var b strings.Builder
	if err := reports.WriteMeasured(&b, reports.Format(o.format), t, reports.Options{Color: o.file == "" && useColor(o.io.out)}); err != nil {
		return err
	}
	return o.write([]byte(b.String()))
}

// progress shows how far the experiment is: on a terminal after each run, and elsewhere,
// as in CI, by a line now and then, so that it can be told from one that hangs.
func (m *measuring) progress() func(done, total int, arm string, repeat int, last *simulate.MeasuredRun) {
	if m.in.quiet {
		return nil
	}
	var pace pace
	m.lines.last = time.Now()
	return func(done, total int, arm string, repeat int, last *simulate.MeasuredRun) {
		words := fmt.Sprintf("%d of %d runs, %s", done, total, arm)
		if left, known := pace.left(time.Now(), done, total); known {
			words += fmt.Sprintf(", %s left", left.Round(time.Second))
		}
		if last != nil && last.Void != "" {
			words += "; the last is void: " + last.Void
		}
		if isLive(m.in.io.err) {
			fmt.Fprint(m.in.io.err, clearLine+words)
		} else if m.lines.due(time.Now()) {
			fmt.Fprintln(m.in.io.err, words)
		}
	}
}

// sparse says when a line is due where each is kept: one a minute.
type sparse struct{ last time.Time }

func (s *sparse) due(now time.Time) bool {
	if now.Sub(s.last) < time.Minute {
		return false
	}
	s.last = now
	return true
}

// pace is how fast runs come to count. It goes by what was done since it was first
// asked: what was done before may be of a session before, and the time before is of runs
// to warm up.
type pace struct {
	since time.Time
	done  int
}

// left is how long what is not yet done will take, where that can be told.
func (p *pace) left(now time.Time, done, total int) (left time.Duration, known bool) {
	switch {
	case p.since.IsZero():
		p.since, p.done = now, done
		return 0, false
	case done <= p.done:
		return 0, false
	}
	each := float64(now.Sub(p.since)) / float64(done-p.done)
	return time.Duration(each * float64(total-done)), true
}

// log tells what the timeline does not hold.
func (m *measuring) log(format string, args ...any) {
	switch {
	case m.in.quiet:
	case isLive(m.in.io.err):
		fmt.Fprintf(m.in.io.err, clearLine+format+"\n", args...)
	case m.lines.due(time.Now()):
		fmt.Fprintf(m.in.io.err, format+"\n", args...)
	}
}

// nodeList is how many nodes there are, where that is said.
func (m *measuring) nodeList() []int {
	if m.nodes == 1 {
		return nil
	}
	return []int{m.nodes}
}
