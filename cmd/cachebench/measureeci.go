package main

import (
	"context"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/matcher/plan/export"
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

	// file is that of --experiment, fileRegion and maxCurrency what it states, inputs that
	// it was read.
	file, fileRegion, maxCurrency string
	inputs                        []simulate.Input

	inventory, journal, run string
	maxCost                 float64
	maxDuration             time.Duration
	yes, dryRun             bool
	thisAccount             bool
	// poll and virtual are of tests and demos: how often groups are looked at, and a clock
	// that is moved by waiting, for endpoints whose clock is moved by requests.
	poll    time.Duration
	virtual bool
}

func newMeasureECI(io *streams) *cobra.Command {
	m := &eciMeasuring{measuring: &measuring{in: &inputs{io: io}, out: &outputs{io: io, formats: reports.MeasuredFormats()}}}
	m.eciFlags.io, m.eciFlags.quiet = io, &m.in.quiet
	cmd := &cobra.Command{
		Use:   "eci IMAGE... | --experiment FILE | --clean-up",
		Short: "Time real starts of container groups on ECI, cold and from image caches",
		Long: `Eci starts container groups on Alibaba Cloud ECI, cold and from image caches that it
makes, and times the stages of every start by the service's own timestamps, which have
a resolution of one second. How long the making of each cache takes is told, too: each is
made --make-repeats times, and all but the last are deleted at once.

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
cachebench-run. --experiment reads all that is measured from a file, which can be kept
in a repository. docs/eci.md leads through it.`,
		Example: `  cachebench measure eci registry.example.com/team/web:1.4 --region cn-hangzhou --vswitch vsw-1 --security-group sg-1 --dry-run
  cachebench measure eci web:1.4 --arms cold,automatic,explicit --repeats 10 --concurrency 20 --max-cost 2 --save timeline.json
  cachebench measure eci web:1.4 --arms cold,automatic,explicit --repeats 10 --concurrency 20 --max-cost 2 --save timeline.json --resume
  cachebench measure eci --experiment web.yaml --save timeline.json
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
	f.StringVar(&m.file, "experiment", "", "take images, arms and all else that is measured from this `file` of kind ECIExperiment (cachebench schema ECIExperiment); flags go before it")
	f.StringSliceVar(&m.exp.Arms, "arms", ecigroup.DefaultArms(), "`what` starts are started from, as above")
	f.BoolVar(&m.together, "together", false, "start all images in one group instead of each in its own")
	f.IntVar(&m.exp.Repeats, "repeats", measure.DefaultRepeats, "`number` of starts of each image in each arm")
	f.IntVar(&m.exp.MakeRepeats, "make-repeats", ecigroup.DefaultMakeRepeats, "`number` of makings of each cache, for how long that takes; the last is started from")
	f.IntVar(&m.warmup, "warmup", -1, "most `starts` before all that do not count (default: until each image was started once)")
	f.Uint64Var(&m.exp.Seed, "seed", measure.DefaultSeed, "`number` that decides the order of the starts")
	f.IntVar(&m.exp.Concurrency, "concurrency", 1, "`number` of starts at once")
	f.IntVar(&m.retries, "retries", measure.DefaultRetries, "`times` that a void start is made again")
	f.Float64Var(&m.exp.Group.VCPU, "cpu", ecigroup.DefaultVCPU, "`vCPUs` of a group")
	f.Float64Var(&m.exp.Group.MemoryGiB, "memory", ecigroup.DefaultMemoryGiB, "`GiB` of memory of a group")
	f.IntVar(&m.exp.Group.EphemeralStorageGiB, "extra-storage", 0, "`GiB` of temporary storage of a group beyond the free 30")
	f.StringVar(&m.exp.Group.AccelerateMode, "accelerate", "", "image acceleration `mode`: nydus, dadi, p2p or imc")
	f.StringArrayVar(&m.exp.Args, "arg", nil, "run the first image with this `word` and those that follow; repeatable")
	f.StringVar(&m.exp.PullPolicy, "pull-policy", "", "`policy`: Always, IfNotPresent or Never (default the service's)")
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
	f.BoolVar(&m.thisAccount, "this-account", false, "with --clean-up --run: the run is of this account for certain, and what that does not know is gone")
	f.StringVar(&m.journal, "journal", "", "`directory` of journals (default cachebench/eci in the user's state directory)")
	f.BoolVarP(&m.in.quiet, "quiet", "q", false, "no progress on stderr")
	f.DurationVar(&m.poll, "poll", ecigroup.DefaultPoll, "how often groups are looked at")
	f.BoolVar(&m.virtual, "virtual-time", false, "take waiting for the passing of time: for endpoints whose clock is moved by requests")
	f.Lookup("warmup").DefValue = "0" // which is not told: the usage says what it is
	f.Lookup("tag").Usage = "tag of all that is made, as `KEY=VALUE`; up to 18; repeatable"
	f.MarkHidden("poll")
	f.MarkHidden("virtual-time")
	// Others have them too, and no default may decide what is paid for.
	onCommandLineOnly(f, "arms", "repeats", "make-repeats", "warmup", "seed", "cache", "cache-size", "inventory", "arg", "yes", "run", "this-account", "max-cost", "experiment")
	cmd.MarkFlagDirname("journal")
	m.out.addFlags(cmd, "the timeline, whenever starts have ended,")
}

// regionForm is as eci has it, or nothing: it is looked at here also where nothing is called.
var regionForm = regexp.MustCompile(`^([a-z0-9][a-z0-9-]*)?$`)

// experiment is that of the flags.
func (m *eciMeasuring) experiment(cmd *cobra.Command, images []string) error {
	exp := &m.exp
	place, err := m.fromECIFile(cmd, images)
	if err != nil {
		return err
	}
	switch {
	case len(images) == 0 && m.file == "":
		return usagef("no image is named; name some, or an --experiment")
	case exp.Repeats < 1:
		return usagef("--repeats must be above 0")
	case exp.MakeRepeats < 1:
		return usagef("--make-repeats must be above 0")
	case exp.Concurrency < 1:
		return usagef("--concurrency must be above 0")
	case m.retries < 0 || m.retries > mostRetries:
		return usagef("--retries %d cannot be: give 0 to %d", m.retries, mostRetries)
	case m.warmup < 0 && cmd.Flags().Changed("warmup"):
		return usagef("--warmup %d cannot be: give 0 or more, or leave it out to start each image once", m.warmup)
	case !(m.maxCost >= 0) || m.maxCost == 0 && cmd.Flags().Changed("max-cost"):
		return usagef("--max-cost must be above 0")
	case !(exp.Group.VCPU > 0):
		return usagef("--cpu must be above 0")
	case !(exp.Group.MemoryGiB > 0):
		return usagef("--memory must be above 0")
	case !regionForm.MatchString(m.region):
		return usagef("--region %q is not the ID of a region, such as cn-hangzhou", m.region)
	case m.run != "":
		return usagef("--run is for --clean-up")
	case m.thisAccount:
		return usagef("--this-account is for --clean-up --run")
	}
	if m.warmup >= 0 {
		exp.Warmup = &m.warmup
	}
	if m.file != "" {
		// Its apps are there already.
	} else if m.together {
		exp.Apps = []ecigroup.App{{Images: images}}
	} else {
		for _, image := range images {
			exp.Apps = append(exp.Apps, ecigroup.App{Images: []string{image}})
		}
	}
	if err := m.place(cmd.Context(), place); err != nil {
		return err
	}
	if err := exp.Validate(); err != nil {
		return usageError{err}
	}
	return nil
}

// place puts what the flags say of network and registries, else others, into groups and
// caches.
func (m *eciMeasuring) place(ctx context.Context, others export.CacheParameters) error {
	p, err := m.parameters()
	if err != nil {
		return err
	}
	p = p.With(others)
	logins, err := loginsOf(ctx, p.RegistryLogins)
	if err != nil {
		return err
	}
	m.vSwitches, m.securityGroup, m.exp.Tags = p.VSwitchIDs, p.SecurityGroupID, sortedTags(p.Tags)
	g, c := &m.exp.Group, &m.exp.Cache
	g.ZoneID, g.VSwitchIDs, g.SecurityGroupID, g.ResourceGroupID, g.EIPInstanceID = p.ZoneID, p.VSwitchIDs, p.SecurityGroupID, p.ResourceGroupID, p.EIPInstanceID
	c.ZoneID, c.VSwitchIDs, c.SecurityGroupID, c.ResourceGroupID, c.EIPInstanceID = p.ZoneID, p.VSwitchIDs, p.SecurityGroupID, p.ResourceGroupID, p.EIPInstanceID
	g.ACR, g.RegistryCredentials, g.PlainHTTPHosts, g.InsecureHosts = acrRegistries(p.ACR), logins, p.PlainHTTPRegistries, p.InsecureRegistries
	c.ACR, c.RegistryCredentials, c.PlainHTTPHosts, c.InsecureHosts = acrRegistries(p.ACR), logins, p.PlainHTTPRegistries, p.InsecureRegistries
	c.StandardCopies = p.StandardCopyCount
	return nil
}
