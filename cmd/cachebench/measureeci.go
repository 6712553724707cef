package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/measure/ecigroup"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// eciMeasuring are the flags of an experiment on ECI.
type eciMeasuring struct {
	*measuring
	eciFlags
	exp      ecigroup.Experiment
	together bool
	warmup   int
	prices   string

	inventory, journal, run string
	maxCost                 float64
	maxDuration             time.Duration
	yes, dryRun             bool
	// poll and virtual are of tests and demos: how often groups are looked at, and a clock
	// that is moved by waiting, for endpoints whose clock is moved by requests.
	poll    time.Duration
	virtual bool
}

func newMeasureECI(io *streams) *cobra.Command {
	m := &eciMeasuring{measuring: &measuring{in: &inputs{io: io}, out: &outputs{io: io, formats: reports.MeasuredFormats()}}}
	m.eciFlags.io = io
	cmd := &cobra.Command{
		Use:   "eci IMAGE...",
		Short: "Time real starts of container groups on ECI, cold and from image caches",
		Long: `Eci starts container groups on Alibaba Cloud ECI, cold and from image caches that it
makes, and times the stages of every start by the service's own timestamps, which have
a resolution of one second. How long the making of each cache takes is told, too.

  cold       no cache is matched
  automatic  the cache that the service matches; one start before lets it make one
  explicit   a cache that is named: made for it, or that of --cache
  flash      such a cache, made with Flash
  reuse      such a cache, made with the layers of others

It costs money. What it will do and what that costs is shown before, and asked; no
more than --max-cost is spent. Starts come in rounds of all arms in random order. One
whose events say that it was started from another cache than its arm is for is void and
made again. The timeline is saved whenever starts have ended; --resume goes on with it.

All that it makes is deleted: at the end, on failure, on Ctrl-C. What a killed run left
is found with --clean-up, by its journal, and from another machine by the tag
cachebench-run. docs/eci.md leads through it.`,
		Example: `  cachebench measure eci registry.example.com/team/web:1.4 --region cn-hangzhou --vswitch vsw-1 --security-group sg-1 --dry-run
  cachebench measure eci web:1.4 --arms cold,automatic,explicit --repeats 10 --concurrency 20 --max-cost 2 --save timeline.json
  cachebench measure eci web:1.4 --arms cold,automatic,explicit --repeats 10 --concurrency 20 --max-cost 2 --save timeline.json --resume
  cachebench measure eci --clean-up --region cn-hangzhou`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if m.cleanUp {
				return m.cleanUpECI(cmd, args)
			}
			return m.measureECI(cmd, args)
		},
	}
	m.addECIFlags(cmd)
	return cmd
}

func (m *eciMeasuring) addECIFlags(cmd *cobra.Command) {
	m.eciFlags.addFlags(cmd)
	m.addPlaceFlags(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&m.exp.Arms, "arms", []string{ecigroup.ArmCold, ecigroup.ArmExplicit}, "`what` starts are started from, as above")
	f.BoolVar(&m.together, "together", false, "start all images in one group instead of each in its own")
	f.IntVar(&m.exp.Repeats, "repeats", measure.DefaultRepeats, "`number` of starts of each image in each arm")
	f.IntVar(&m.warmup, "warmup", -1, "most `starts` before all that do not count (default: until each image was started once)")
	f.Uint64Var(&m.exp.Seed, "seed", measure.DefaultSeed, "`number` that decides the order of the starts")
	f.IntVar(&m.exp.Concurrency, "concurrency", 1, "`number` of starts at once")
	f.IntVar(&m.retries, "retries", measure.DefaultRetries, "how often a void start is made again")
	f.Float64Var(&m.exp.Group.VCPU, "cpu", ecigroup.DefaultVCPU, "`vCPUs` of a group")
	f.Float64Var(&m.exp.Group.MemoryGiB, "memory", ecigroup.DefaultMemoryGiB, "`GiB` of memory of a group")
	f.IntVar(&m.exp.Group.EphemeralStorageGiB, "extra-storage", 0, "`GiB` of temporary storage of a group beyond the free 30")
	f.StringVar(&m.exp.Group.AccelerateMode, "accelerate", "", "image acceleration `mode`: nydus, dadi, p2p or imc")
	f.StringArrayVar(&m.exp.Args, "arg", nil, "run the first image with this `word` and those that follow; repeatable")
	f.StringVar(&m.exp.PullPolicy, "pull-policy", "", "Always, IfNotPresent or Never (default the service's)")
	f.StringVar(&m.exp.CacheID, "cache", "", "`ID` of a cache that exists, imc-…, for arm explicit")
	f.IntVar(&m.exp.Cache.SizeGiB, "cache-size", 20, "`GiB` of the caches that are made; the images must fit unpacked")
	f.StringVar(&m.exp.Readiness, "ready", ecigroup.ReadyCondition, "`what` a group is ready by: its condition ready, or started")
	f.Var((*days)(&m.exp.Timeout), "timeout", "how long a start may take (default 10m)")
	f.Var((*days)(&m.exp.CacheTimeout), "cache-timeout", "how long the making of a cache may take (default 1h)")
	f.StringVar(&m.inventory, "inventory", "", "saved inventory `file` of the images: whether they fit into --cache-size, and for calibrate")
	f.StringVar(&m.prices, "prices", "usd", "usd, cny (lacks disk prices) or a price book `file`")
	f.Float64Var(&m.maxCost, "max-cost", 0, "spend no more than this `amount`, in the currency of the prices (default the most that is shown)")
	f.Var((*days)(&m.maxDuration), "max-duration", "begin nothing after this `time` (default 4h)")
	f.BoolVarP(&m.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&m.dryRun, "dry-run", false, "only show what would be done and cost")
	f.BoolVar(&m.resume, "resume", false, "go on with the experiment that --save holds")
	f.BoolVar(&m.cleanUp, "clean-up", false, "only delete what killed runs left behind")
	f.StringVar(&m.run, "run", "", "with --clean-up: only this `run`, also where it is not known whether it is under way")
	f.StringVar(&m.journal, "journal", "", "`directory` of journals (default cachebench/eci in the user's state directory)")
	f.BoolVarP(&m.in.quiet, "quiet", "q", false, "no progress on stderr")
	f.DurationVar(&m.poll, "poll", ecigroup.DefaultPoll, "how often groups are looked at")
	f.BoolVar(&m.virtual, "virtual-time", false, "take waiting for the passing of time: for endpoints whose clock is moved by requests")
	f.MarkHidden("poll")
	f.MarkHidden("virtual-time")
	// Others have them too, and no default may decide what is paid for.
	onCommandLineOnly(f, "arms", "repeats", "warmup", "seed", "cache", "cache-size", "inventory", "arg", "yes", "run", "max-cost")
	cmd.MarkFlagDirname("journal")
	m.out.addFlags(cmd, "the timeline, whenever starts have ended,")
}

// experiment is that of the flags.
func (m *eciMeasuring) experiment(cmd *cobra.Command, images []string) error {
	exp := &m.exp
	switch {
	case len(images) == 0:
		return usagef("no image is named; name some")
	case exp.Repeats < 1:
		return usagef("--repeats must be above 0")
	case exp.Concurrency < 1:
		return usagef("--concurrency must be above 0")
	case m.retries < 0 || m.retries > mostRetries:
		return usagef("--retries %d cannot be: give 0 to %d", m.retries, mostRetries)
	case m.warmup < 0 && cmd.Flags().Changed("warmup"):
		return usagef("--warmup %d cannot be: give 0 or more, or leave it out to start each image once", m.warmup)
	case !(m.maxCost >= 0) || m.maxCost == 0 && cmd.Flags().Changed("max-cost"):
		return usagef("--max-cost must be above 0")
	case m.run != "":
		return usagef("--run is for --clean-up")
	}
	if m.warmup >= 0 {
		exp.Warmup = &m.warmup
	}
	if m.together {
		exp.Apps = []ecigroup.App{{Images: images}}
	} else {
		for _, image := range images {
			exp.Apps = append(exp.Apps, ecigroup.App{Images: []string{image}})
		}
	}
	if err := m.place(cmd.Context()); err != nil {
		return err
	}
	if err := exp.Validate(); err != nil {
		return usageError{err}
	}
	return nil
}

// place puts what the flags say of network and registries into groups and caches.
func (m *eciMeasuring) place(ctx context.Context) error {
	acr, err := m.acr()
	if err != nil {
		return err
	}
	logins, err := m.logins(ctx)
	if err != nil {
		return err
	}
	if m.exp.Tags, err = m.tags(); err != nil {
		return err
	}
	g, c := &m.exp.Group, &m.exp.Cache
	g.ZoneID, g.VSwitchIDs, g.SecurityGroupID, g.ResourceGroupID, g.EIPInstanceID = m.zone, m.vSwitches, m.securityGroup, m.resourceGroup, m.eip
	c.ZoneID, c.VSwitchIDs, c.SecurityGroupID, c.ResourceGroupID, c.EIPInstanceID = m.zone, m.vSwitches, m.securityGroup, m.resourceGroup, m.eip
	g.ACR, g.RegistryCredentials, g.PlainHTTPHosts, g.InsecureHosts = acr, logins, m.plainHTTPHosts, m.insecureHosts
	c.ACR, c.RegistryCredentials, c.PlainHTTPHosts, c.InsecureHosts = acr, logins, m.plainHTTPHosts, m.insecureHosts
	return nil
}

// measureECI shows what the experiment does and costs, asks, and makes it.
func (m *eciMeasuring) measureECI(cmd *cobra.Command, images []string) (err error) {
	if err := errors.Join(m.out.check(), m.out.spares(m.inventory), m.experiment(cmd, images)); err != nil {
		return err
	}
	if m.maxDuration == 0 {
		m.maxDuration = ecigroup.DefaultMaxDuration
	}
	book, err := m.book()
	if err != nil {
		return err
	}
	estimate, err := m.exp.Estimate(book, m.maxDuration)
	if err != nil {
		var missing *cost.MissingPriceError
		if errors.As(err, &missing) {
			return usagef("what it will cost is not known: %w", err)
		}
		return err
	}
	limit := estimate.Most
	if m.maxCost > 0 {
		limit = book.Money(m.maxCost)
	}
	inventory, inputs, err := m.readInventory()
	if err == nil {
		err = m.checkSizes(inventory)
	}
	if err != nil {
		return err
	}
	plan := planWords(estimate, limit)
	if m.dryRun {
		return m.out.write([]byte(plan))
	}
	client, clock, err := m.client()
	if err != nil {
		return err
	}
	dir, err := m.journalDir()
	if err != nil {
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
	m.tellLeft(dir, resume)
	if !m.in.quiet || !m.yes {
		fmt.Fprint(m.in.io.err, plan)
	}
	if err := m.in.io.agrees(fmt.Sprintf("Start, in %s at %s?", client.RegionID(), client.Endpoint()), m.yes, true); err != nil {
		return err
	}
	// Who reads along may go before the end: what was made is removed nevertheless.
	gone := make(chan os.Signal, 1)
	signal.Notify(gone, syscall.SIGPIPE)
	defer signal.Stop(gone)
	t, err := ecigroup.Run(cmd.Context(), client, &m.exp, ecigroup.Options{
		Version: cachebench.Version, Inputs: inputs, Inventory: inventory, JournalDir: dir, Resume: resume, Save: m.save,
		Book: book, MaxCost: &limit, MaxDuration: m.maxDuration, Retries: m.retryCount(),
		Poll: m.poll, Now: clock.now, Sleep: clock.sleep, Compare: compareMatches(client.RegionID()),
		Progress: m.progress(), Log: m.log, Spent: m.tellSpent,
	})
	if t == nil {
		return err
	}
	if err != nil && m.savesToFile() && len(t.Measurement.Runs) > 0 {
		err = fmt.Errorf("%w; what was measured until then is in %s: with --resume the experiment goes on", err, m.out.save)
	}
	return errors.Join(err, m.write(t))
}

func (m *eciMeasuring) tellSpent(spent cost.Money) {
	if !m.in.quiet {
		m.in.say([]string{fmt.Sprintf("%v at most was spent, by prices of %s", spent, spent.PriceDate)})
	}
}

// planWords shows the steps and what they cost.
func planWords(e *ecigroup.Estimate, limit cost.Money) string {
	var b strings.Builder
	b.WriteString("What will be done, and what it costs; at most where all of it takes until its timeout:\n")
	for _, s := range e.Steps {
		fmt.Fprintf(&b, "  %4d × %s: about %v, at most %v\n", s.Count, s.What, s.Expected, s.Most)
	}
	fmt.Fprintf(&b, "In all about %v, at most %v (prices of %s, without traffic); no more than %v is spent.\n", e.Expected, e.Most, e.Most.PriceDate, limit)
	b.WriteString("All that is made is deleted at the end.\n")
	return b.String()
}

func (m *eciMeasuring) book() (cost.Book, error) {
	file := cachebench.ScenarioFile{Prices: m.prices}
	s, err := file.Scenario("", readInput)
	if err != nil {
		return cost.Book{}, usageError{err}
	}
	return s.Prices, nil
}

func (m *eciMeasuring) readInventory() (*layers.Inventory, []simulate.Input, error) {
	if m.inventory == "" {
		return nil, nil, nil
	}
	data, err := readInput(m.inventory)
	if err != nil {
		return nil, nil, err
	}
	inv, err := layers.Read(m.inventory, data)
	return inv, []simulate.Input{cachebench.InputOf(filepath.ToSlash(m.inventory), data)}, err
}

// journalDir is where journals are: not in the cache directory, which people empty.
func (m *eciMeasuring) journalDir() (string, error) {
	if m.journal != "" {
		return m.journal, nil
	}
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the directory of journals: %w; name one with --journal", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "cachebench", "eci"), nil
}

// tellLeft tells of runs that were killed, but for the one that is gone on with.
func (m *eciMeasuring) tellLeft(dir string, resume *simulate.Timeline) {
	runs, err := ecigroup.LeftRuns(dir)
	if err != nil {
		m.in.say([]string{err.Error()})
		return
	}
	runs = slices.DeleteFunc(runs, func(run string) bool { return run == ecigroup.RunOf(resume) })
	if len(runs) > 0 {
		m.in.say([]string{"earlier runs may have left something that costs money: " + strings.Join(runs, ", ") + "; cachebench measure eci --clean-up deletes it"})
	}
}

// cleanUpECI deletes what killed runs left.
func (m *eciMeasuring) cleanUpECI(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("--clean-up goes by journals and tags, not by images: leave %s out", strings.Join(args, " "))
	}
	client, clock, err := m.client()
	if err != nil {
		return err
	}
	dir, err := m.journalDir()
	if err != nil {
		return err
	}
	removed, err := ecigroup.CleanUp(cmd.Context(), client, ecigroup.CleanUpOptions{
		JournalDir: dir, Run: m.run, Poll: m.poll, Now: clock.now, Sleep: clock.sleep,
		Confirm: func(run string, what []string) (bool, error) {
			for _, words := range what {
				fmt.Fprintf(m.in.io.err, "  %s\n", words)
			}
			return true, m.in.io.agrees(fmt.Sprintf("Delete these, which run %s left?", run), m.yes, true)
		},
		Log: func(format string, args ...any) { fmt.Fprintf(m.in.io.err, format+"\n", args...) },
	})
	for _, words := range removed {
		fmt.Fprintln(m.in.io.out, "deleted", words)
	}
	if len(removed) == 0 && err == nil {
		fmt.Fprintf(m.in.io.out, "nothing was left behind in %s\n", client.RegionID())
	}
	return err
}

// client makes a client, and the clock of waits.
func (m *eciMeasuring) client() (*eci.Client, *waitClock, error) {
	clock := &waitClock{virtual: m.virtual, at: time.Now()}
	endpoint := m.endpoint
	if endpoint == "" {
		endpoint = os.Getenv(endpointVariable)
	}
	c, err := eci.New(eci.Config{
		RegionID: m.region, Endpoint: endpoint, UserAgent: "cachebench/" + cachebench.Version, Sleep: clock.sleep, Now: clock.now,
	})
	if errors.Is(err, eci.ErrNoRegion) {
		return nil, nil, usagef("which region? give --region, such as cn-hangzhou, or set ALIBABA_CLOUD_REGION_ID")
	}
	return c, clock, refused(err)
}
