package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/capacity"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// errNotMet is wrapped where a limit that was asked for is not met, or not surely.
var errNotMet = fmt.Errorf("%w", cachebench.ErrLimit)

// capacityExits are the exit codes of the questions.
const capacityExits = `Exit codes:
  0    answered, and a limit that was given is met
  1    not answered, such as for images that cannot be read
  2    wrong usage, or a file that is wrong
  3    the limit is not met, or not for sure
  130  interrupted: the answer is what was found by then
`

// capacityBegin makes the files that any question but node-disk can be asked of.
const capacityBegin = "  cachebench workload generate --apps 5 --save workload.yaml --save-inventory inventory.json"

func newCapacity(io *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "capacity",
		Short: "Questions of capacity: bursts, caches, warm pools, node disks, what moves the answer",
		Long: `Capacity answers questions by searches over the simulator, each with a verdict first,
its interval from --repeats, and the curve around it. Every value that is tried has the
same random numbers. Ctrl-C gives what was found by then. docs/capacity.md.

With no files of your own, begin with a workload that is made up (the first example), on
the embedded profile eci and prices in USD; then ask the same of your own.

` + capacityExits,
		Example: capacityBegin + `
  cachebench capacity burst --workload workload.yaml --inventory inventory.json --app app-0001 --count 1000 --within 30s
  cachebench capacity burst --scenario scenario.yaml --app web --count 1000 --within 30s
  cachebench capacity caches --scenario scenario.yaml --slo 'p99<=20s'
  cachebench capacity pool --scenario scenario.yaml --app web --slo 'p99<=2s'
  cachebench capacity node-disk --workload pools.yaml --profile containerd
  cachebench capacity sensitivity --scenario scenario.yaml --app web --count 1000`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usagef("capacity has no question %q; see cachebench capacity --help", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newCapacityBurst(io), newCapacityCaches(io), newCapacityPool(io), newCapacityNodeDisk(io), newCapacitySensitivity(io))
	return cmd
}

// question are the flags that all questions of capacity have.
type question struct {
	in  *inputs
	out *outputs
	// arm is the one that is asked about; app, count and spread are the burst.
	arm, app string
	count    int
	spread   time.Duration
	// timeLimit ends the search for caches.
	timeLimit time.Duration
}

func newQuestion(io *streams) *question {
	return &question{in: &inputs{io: io}, out: &outputs{io: io, formats: reports.CapacityFormats()}}
}

// addFlags adds the flags of what is simulated.
func (q *question) addFlags(cmd *cobra.Command) {
	q.in.addImageFlags(cmd)
	q.in.addWorkloadFlags(cmd)
	q.in.addModelFlags(cmd)
	f := cmd.Flags()
	f.Lookup("workload").Usage = "`file` of the apps that are started; of a trace, workload import makes one"
	f.MarkHidden("trace")
	f.IntVar(&q.in.file.Repeats, "repeats", 0, fmt.Sprintf("simulate everything this often, for intervals (default %d, %d of over 10,000 starts, or 1 where nothing comes at random)", capacity.Repeats, capacity.FewRepeats))
	f.IntVar(&q.in.workers, "workers", 0, "simulate this many repeats at once; changes no result (default: one for each processor)")
	f.StringVar(&q.arm, "arm", "", "`arm` that is asked about: cold, warm, automatic (default automatic; warm where all apps are on node pools)")
	cmd.RegisterFlagCompletionFunc("arm", cobra.FixedCompletions([]string{simulate.ArmCold, simulate.ArmWarm, simulate.ArmAutomatic}, cobra.ShellCompDirectiveNoFileComp))
	q.out.addFlags(cmd, "the answer")
	q.out.addPlotsFlag(cmd)
}

// addTimeLimit adds the flag of how long caches are searched for.
func (q *question) addTimeLimit(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&q.timeLimit, "time-limit", 0, "stop the search for caches after this time, with the cheapest that keep the limit by then (default never)")
}

// addWindowFlags adds the flags of what of a month is simulated.
func (q *question) addWindowFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Var((*days)(&q.in.file.Window), "window", "how much of the month is simulated start by start, as 36h or 10d (default 1d, or where apps burst or start more rarely as long as holds that, up to 20,000 starts)")
	f.Var((*days)(&q.in.file.WindowStart), "window-start", "when in the month that begins (default at its beginning)")
}

// addBurstFlags adds the flags of a burst in place of the scenario's.
func (q *question) addBurstFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&q.count, "count", 0, "how many starts (default: the scenario's bursts)")
	f.StringVar(&q.app, "app", "", "`app` that is started; not needed where there is only one")
	f.DurationVar(&q.spread, "spread", 0, "time over which the starts are requested (default all at once)")
	f.StringArrayVar(&q.in.file.Images, "image", nil, "without --workload: an image of the app that is started; given again, another container of that app")
	f.StringArrayVar(&q.in.faults, "fault", nil, "what goes wrong meanwhile, as in simulate; repeatable (default nothing)")
}

// setBurst puts the burst of the flags in place of the scenario's.
func (q *question) setBurst(cmd *cobra.Command) error {
	f := cmd.Flags()
	switch {
	case q.count == 0 && !given(f, "count") && (q.app != "" || given(f, "spread")):
		flags := "--app and --spread are"
		if q.app == "" {
			flags = "--spread is"
		}
		return usagef("%s of a burst: say with --count how many starts it has", flags)
	case q.count == 0 && !given(f, "count"):
		return nil
	case q.count < 1:
		return usagef("--count must be above 0")
	case q.spread < 0:
		return usagef("--spread %v cannot be: give a time of 0 or more", q.spread)
	}
	text := fmt.Sprint(q.count)
	if q.app != "" {
		text = q.app + "=" + text
	}
	if q.spread > 0 {
		text += " over " + q.spread.String()
	}
	q.in.bursts = []string{text}
	return nil
}

// toBegin says with an error that no workload is given how to begin without files.
func (q *question) toBegin(cmd *cobra.Command, err error) error {
	of := "--workload workload.yaml --inventory inventory.json"
	if f := cmd.Flags().Lookup("app"); f != nil && !f.Changed {
		of += " --app app-0001"
	}
	if cmd.Name() == "node-disk" {
		of += ", with apps on a node pool of it (docs/pools.md)"
	}
	image := ""
	if cmd.Flags().Lookup("image") != nil {
		image = "give the app's images with --image, or "
	}
	return usageError{fmt.Errorf("%w; without files of your own %smake a workload up (%s) and add %s", err, image, strings.TrimSpace(capacityBegin), of)}
}

// ask answers a question and writes the answer.
func (q *question) ask(cmd *cobra.Command, answer func(*capacity.Question) (*reports.Capacity, error)) error {
	if q.timeLimit < 0 {
		return usagef("--time-limit %v cannot be: give a time above 0", q.timeLimit)
	}
	if arms := []string{simulate.ArmCold, simulate.ArmWarm, simulate.ArmAutomatic}; q.arm != "" && !slices.Contains(arms, q.arm) {
		return usagef("--arm %s", document.NoneOf(q.arm, arms...))
	}
	s, inv, err := look(cmd, q.in, q.out, func(s *cachebench.Scenario) error {
		if s.Trace != nil {
			return usagef("capacity needs a workload of apps, and a trace has its own starts: make a workload of it with cachebench workload import TRACE --save workload.yaml, and give that with --workload")
		}
		return q.in.checkImages(s)
	})
	if errors.Is(err, cachebench.ErrNoWorkload) && !errors.Is(err, cachebench.ErrTrace) {
		return q.toBegin(cmd, err)
	}
	if err != nil {
		return err
	}
	if s.Repeats == 0 {
		s.Repeats = capacity.DefaultRepeats(s)
	}
	progress, note := s.Progress, ""
	if s.Window == 0 {
		s.Window, note = capacity.DefaultWindow(s)
	}
	c, err := answer(&capacity.Question{Scenario: s, Inventory: inv, Arm: q.arm, TimeLimit: q.timeLimit, WindowNote: note, Progress: progress})
	if c == nil {
		if errors.Is(err, capacity.ErrNoBurst) || errors.Is(err, capacity.ErrNoPool) {
			return usageError{err}
		}
		return err
	}
	if err != nil && !c.Interrupted && !errors.Is(err, cachebench.ErrCoverage) {
		return err
	}
	q.in.io.partial = c.Interrupted
	if werr := q.out.capacity(c); werr != nil {
		return werr
	}
	switch {
	case err != nil:
		return err
	case c.Verdict == reports.CapacityNotMet:
		return errNotMet
	case c.Verdict == reports.CapacityUnclear:
		return fmt.Errorf("%w for sure: its interval holds the limit, and more --repeats narrow it, starts are too few, or something is not known", errNotMet)
	}
	return nil
}

func newCapacityBurst(io *streams) *cobra.Command {
	q := newQuestion(io)
	var opt capacity.BurstOptions
	cmd := &cobra.Command{
		Use:   "burst",
		Short: "Is a burst ready in time, what holds it up, and what would be enough",
		Long: `Burst says whether so many starts are all ready within a time from the first request,
and what holds the slowest one up: admission, links, the node's interface, connections,
request rates, cores, disks, the order of layers; with --vcpu-quota and --addresses also
what the account refuses beside what the workload keeps running. It finds how many starts
are ready in time, and the least of each parameter that meets the limit: downloads at
once, the registry's rate, connections, cores, disks and their size, admission, the
smallest set of caches or of images that nodes hold before the burst, copies of a
snapshot; as few together as possible where none does by itself.
Where the limit is met, the least that still does is how much there is to
spare.

` + capacityExits,
		Example: `  cachebench capacity burst --scenario scenario.yaml --app web --count 1000 --within 30s
  cachebench capacity burst --image registry.example.com/team/web:1.4 --count 1000 --within 30s --profile containerd
  cachebench capacity burst --scenario scenario.yaml --app web --count 1000 --within 30s --vcpu-quota 2000 --addresses 500
  cachebench capacity burst --scenario scenario.yaml --app web --count 500 --spread 20s --within 60s --output html --output-file burst.html`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opt.Within <= 0 {
				return usagef("--within is the time from the first request by which all starts are to be ready, above 0")
			}
			if err := cmp.Or(checkAmount(cmd, "vcpu-quota", opt.CPUQuota), checkAmount(cmd, "addresses", opt.Addresses)); err != nil {
				return err
			}
			if err := q.setBurst(cmd); err != nil {
				return err
			}
			return q.ask(cmd, func(x *capacity.Question) (*reports.Capacity, error) { return x.Burst(cmd.Context(), opt) })
		},
	}
	q.addFlags(cmd)
	q.addBurstFlags(cmd)
	f := cmd.Flags()
	f.Var((*days)(&q.in.file.WindowStart), "window-start", "when in the month the burst begins (default at its beginning)")
	f.DurationVar(&opt.Within, "within", 0, "time from the first request by which every start is to be ready (needed)")
	f.Float64Var(&opt.CPUQuota, "vcpu-quota", 0, "vCPUs that the account may have at once, with those that run meanwhile (default: not looked at)")
	f.Float64Var(&opt.Addresses, "addresses", 0, "addresses that the vSwitches have for instances, with those in use meanwhile (default: not looked at)")
	return cmd
}

// checkAmount refuses an amount that is given and is none: where it is left out, 0 is not
// known.
func checkAmount(cmd *cobra.Command, name string, v float64) error {
	if cmd.Flags().Changed(name) && !(v > 0 && !math.IsInf(v, 0)) {
		return usagef("--%s %v cannot be: give a number above 0, or leave it out where it is not known", name, v)
	}
	return nil
}
