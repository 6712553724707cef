package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/capacity"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/reports"
)

func newCapacityCaches(io *streams) *cobra.Command {
	q := newQuestion(io)
	var slo string
	cmd := &cobra.Command{
		Use:   "caches",
		Short: "The cheapest image caches that keep a limit, simulated",
		Long: `Caches finds the cheapest plan for image caches whose starts keep a limit: p50, p90,
p99, mean or slowest of all starts of the window. The planner's seconds are those of
one start by itself; what it plans is simulated with everything that many starts at once
bring, and the planner is asked for less, or for more, until the simulation keeps the
limit for the least bill. "Build nothing" is an answer.

` + capacityExits,
		Example: `  cachebench capacity caches --scenario scenario.yaml --slo 'p99<=20s'
  cachebench capacity caches --scenario scenario.yaml --slo 'mean<=15s' --window 10d --repeats 5 --output html --output-file caches.html`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			limit, err := sloOf(slo, true)
			if err != nil {
				return err
			}
			if q.arm != "" {
				return usagef("--arm is of other questions: caches compares arms automatic and cached")
			}
			return q.ask(cmd, func(x *capacity.Question) (*reports.Capacity, error) { return x.Caches(cmd.Context(), limit) })
		},
	}
	q.addFlags(cmd)
	q.addWindowFlags(cmd)
	cmd.Flags().StringVar(&slo, "slo", "", "the `limit`, as 'p99<=20s': p50, p90, p99, mean or slowest of the times to ready (needed)")
	q.addTimeLimit(cmd)
	return cmd
}

func newCapacityPool(io *streams) *cobra.Command {
	q := newQuestion(io)
	var slo string
	var opt capacity.PoolOptions
	cmd := &cobra.Command{
		Use:   "pool",
		Short: "Warm instances for a limit, and whether image caches are cheaper",
		Long: `Pool finds how many instances of an app to keep warm, started and idle, so that its
starts keep a limit at the workload's arrivals or a burst, what that costs a month, and
whether image caches that keep the same limit are cheaper. A start takes a warm instance
and another is started in its place; where none is ready it waits for the next. Starts
of a workload come at random: too few of them leave a quantile unclear.

` + capacityExits,
		Example: `  cachebench capacity pool --scenario scenario.yaml --app web --slo 'p99<=2s' --window 30d
  cachebench capacity pool --scenario scenario.yaml --app web --count 100 --spread 1m --slo 'p99<=5s' --hand-over 500ms`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if opt.SLO, err = sloOf(slo, true); err != nil {
				return err
			}
			if opt.HandOver < 0 {
				return usagef("--hand-over %v cannot be: give a time of 0 or more", opt.HandOver)
			}
			opt.App = q.ofApp()
			if err := q.setBurst(cmd); err != nil {
				return err
			}
			return q.ask(cmd, func(x *capacity.Question) (*reports.Capacity, error) { return x.Pool(cmd.Context(), opt) })
		},
	}
	q.addFlags(cmd)
	q.addWindowFlags(cmd)
	q.addBurstFlags(cmd)
	f := cmd.Flags()
	q.addTimeLimit(cmd)
	f.StringVar(&slo, "slo", "", "the `limit`, as 'p99<=2s': p50, p90, p99, mean or slowest of the app's times to ready (needed)")
	f.DurationVar(&opt.HandOver, "hand-over", 0, "how long a warm instance takes to take a start over (default 0s)")
	f.Lookup("app").Usage = "`app` whose instances are kept warm; not needed where there is only one"
	f.Lookup("count").Usage = "how many starts at once, in place of the workload's (default the starts of the window)"
	return cmd
}

// ofApp is --app where it says of which app instances are kept warm, not that there is a
// burst.
func (q *question) ofApp() string {
	app := q.app
	if q.count == 0 {
		q.app = ""
	}
	return app
}

func newCapacityNodeDisk(io *streams) *cobra.Command {
	q := newQuestion(io)
	var slo string
	var opt capacity.NodeDiskOptions
	cmd := &cobra.Command{
		Use:   "node-disk",
		Short: "How large the disks of node pools are to be, and what to hold on them",
		Long: `Node-disk says how many starts find their images on their node, and how long starts
take, by the size of the nodes' disks under the kubelet's eviction: the least disk above
which more brings no more hits; with --slo the least that keeps a limit. For the disks
that there are and for those it names, it says which images to hold ahead, with what is
simulated with and without them and what holding costs, and when pulling is faster than a
disk made from a snapshot that holds the images: a hit is not free.

` + capacityExits,
		Example: `  cachebench capacity node-disk --workload pools.yaml --profile containerd
  cachebench capacity node-disk --workload pools.yaml --profile containerd --slo 'p90<=10s' --window 5d`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if opt.SLO, err = sloOf(slo, false); err != nil {
				return err
			}
			if cmd.Flags().Changed("most-gib") && !(opt.MostGiB > 0 && opt.MostGiB <= 1<<20) {
				return usagef("--most-gib %v is no size of a disk: give GiB above 0, at most 1048576", opt.MostGiB)
			}
			return q.ask(cmd, func(x *capacity.Question) (*reports.Capacity, error) { return x.NodeDisk(cmd.Context(), opt) })
		},
	}
	q.addFlags(cmd)
	q.addWindowFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&slo, "slo", "", "a `limit` to keep, as 'p90<=10s': p50, p90, p99, mean or slowest of the times to ready (default none)")
	f.Float64Var(&opt.MostGiB, "most-gib", 0, "the largest disk to try, in GiB (default one on which nothing is evicted)")
	return cmd
}

func newCapacitySensitivity(io *streams) *cobra.Command {
	q := newQuestion(io)
	var figure, slo string
	var opt capacity.SensitivityOptions
	cmd := &cobra.Command{
		Use:   "sensitivity",
		Short: "Which parameter moves the answer most, so that you know what to measure",
		Long: `Sensitivity changes one parameter at a time, of the profile, of the burst, of the
workload (starts, releases, run times) and the sizes of images, to half and to twice its
value, and sorts them by how much the answer moves. The answer (--of) is when the last
start of a burst is ready, or a figure of the window's starts, also of those on node
pools; with --of caches or pool the same where the caches or warm instances that keep
--slo stay as they are. With a limit (--within, --slo) it says what turns the verdict. It
names the values that are only assumed and move it much: measure those first (cachebench
calibrate).

` + capacityExits,
		Example: `  cachebench capacity sensitivity --scenario scenario.yaml --app web --count 1000 --within 30s
  cachebench capacity sensitivity --scenario scenario.yaml --figure p99 --window 5d
  cachebench capacity sensitivity --scenario scenario.yaml --of caches --slo 'p99<=20s'`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if opt.SLO, err = sloOf(slo, false); err != nil {
				return err
			}
			if slo == "" {
				if opt.SLO, err = capacity.ParseSLO(figure + "<=1s"); err != nil {
					return usagef("--figure %s", document.NoneOf(figure, "p50", "p90", "p99", "mean", "slowest"))
				}
				opt.SLO.Limit = 0
			} else if cmd.Flags().Changed("figure") {
				return usagef("--slo says of which figure the limit is: leave out --figure")
			}
			if err := checkSensitivity(&opt, slo); err != nil {
				return err
			}
			if opt.Of == capacity.OfPool {
				opt.Pool.App = q.ofApp()
			}
			if err := q.setBurst(cmd); err != nil {
				return err
			}
			return q.ask(cmd, func(x *capacity.Question) (*reports.Capacity, error) { return x.Sensitivity(cmd.Context(), opt) })
		},
	}
	q.addFlags(cmd)
	q.addWindowFlags(cmd)
	q.addBurstFlags(cmd)
	f := cmd.Flags()
	q.addTimeLimit(cmd)
	f.StringVar(&opt.Of, "of", "", "whose answer: burst, starts, caches, pool (default burst where there is one, else starts)")
	f.StringVar(&figure, "figure", "p99", "of starts, without a limit: p50, p90, p99, mean or slowest of the times to ready")
	f.StringVar(&slo, "slo", "", "a `limit` of starts, as 'p99<=20s', whose verdict may turn (default none)")
	f.DurationVar(&opt.Within, "within", 0, "the same of a burst: time from the first request by which every start is to be ready (default none)")
	f.DurationVar(&opt.Pool.HandOver, "hand-over", 0, "of pool: how long a warm instance takes to take a start over (default 0s)")
	cmd.RegisterFlagCompletionFunc("of", cobra.FixedCompletions([]string{capacity.OfBurst, capacity.OfStarts, capacity.OfCaches, capacity.OfPool}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// checkSensitivity refuses flags that are of another answer.
func checkSensitivity(opt *capacity.SensitivityOptions, slo string) error {
	switch opt.Of {
	case "", capacity.OfBurst, capacity.OfStarts:
	case capacity.OfCaches, capacity.OfPool:
		if slo == "" {
			return usagef("--of %s takes what keeps a limit: give --slo, as 'p99<=20s'", opt.Of)
		}
	default:
		return usagef("--of %q is none of burst, starts, caches, pool", opt.Of)
	}
	switch {
	case opt.Within < 0:
		return usagef("--within %v cannot be: give a time above 0", opt.Within)
	case opt.Within > 0 && opt.Of != "" && opt.Of != capacity.OfBurst:
		return usagef("--within is the limit of a burst; of %s it is --slo", opt.Of)
	case slo != "" && (opt.Within > 0 || opt.Of == capacity.OfBurst):
		return usagef("--slo is a limit of starts, and of a burst it is --within: give one of them")
	case opt.Pool.HandOver < 0:
		return usagef("--hand-over %v cannot be: give a time of 0 or more", opt.Pool.HandOver)
	case opt.Pool.HandOver > 0 && opt.Of != capacity.OfPool:
		return usagef("--hand-over is of warm instances: say --of pool")
	}
	return nil
}

// sloOf reads --slo.
func sloOf(text string, needed bool) (capacity.SLO, error) {
	switch {
	case text == "" && needed:
		return capacity.SLO{}, usagef("--slo is the limit to keep, as 'p99<=20s'")
	case text == "":
		return capacity.SLO{}, nil
	}
	slo, err := capacity.ParseSLO(text)
	if err != nil {
		return slo, usageError{errors.Join(err)}
	}
	return slo, nil
}
