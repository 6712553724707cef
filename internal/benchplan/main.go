// Command benchplan prints what the planner's solver reaches on instances of the planning
// problem, as a table: stored ones, ones that internal/planinstance generates, one of 5,000
// images, and a hundred in money. With the same flags all but CPU times and memory is the
// same again.
//
// The columns. Of instances of seconds saved within a budget of MB, over -seeds seeds of the
// search:
//
//	iterations            steps of the search
//	of the bound          steps of the bound; at 0 it is that of a few passes
//	incumbent             seconds that the choice of the median seed saves
//	worst seed            the same of the worst seed
//	known                 the optimum, or the best that anything found; - is unknown
//	worst of known        the worst seed's share of that
//	bound, gap            what none saves more than, and the share of it that the incumbent misses
//	CPU ms, worst         of the process, the collection of garbage among it: median and most
//
// Of the hundred in money (set money), for each way that starts get their cache:
//
//	gap, p95, worst         the share of the bound that the choice misses: median, the one
//	                        that 95 % are below, the largest
//	over 2%                 instances with a larger gap than is aimed at
//	optimal                 instances of which no choice is better, proven
//	above explicit's bound  instances in which auto saves more than the bound of explicit,
//	                        which bounds both: always 0, else the command fails
//
// usage: go run ./internal/benchplan [flags], from the root of the repository
//
// With -write it writes instances in place of that, for testdata/optima.py.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// sets are the parts of the table, in the order in which they run: the large one first,
// so that the peak of memory is its own.
var sets = []string{"large", "stored", "seeded-50", "seeded-200", "seeded-1000", "money", "bounds"}

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "benchplan:", err)
		os.Exit(2)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("benchplan", flag.ContinueOnError)
	only := flags.String("sets", strings.Join(sets, ","), "which parts of the table")
	iterations := flags.Int("iterations", 0, "of the search, in place of each part's own")
	seed := flags.Uint64("seed", 1, "the first seed of the search")
	seeds := flags.Int("seeds", 10, "how many seeds of the search: the table has the median and the worst")
	write := flags.Bool("write", false, "write generated instances: name, tab, JSON")
	images := flags.Int("images", 50, "with -write: how many images an instance has")
	instances := flags.Uint64("instances", 100, "with -write: instances of seeds 1 to this")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *images < 1 || *seeds < 1 || *iterations < 0 {
		return fmt.Errorf("-images %d, -seeds %d, -iterations %d: at least 1, 1 and 0", *images, *seeds, *iterations)
	}
	if *write {
		return writeInstances(out, *images, *instances)
	}
	b := &bench{out: out, iterations: *iterations, seed: *seed, seeds: *seeds}
	chosen := strings.Split(*only, ",")
	for _, set := range chosen {
		if !slices.Contains(sets, set) {
			return fmt.Errorf("-sets %s: %q is none of %s", *only, set, strings.Join(sets, ", "))
		}
	}
	for _, set := range sets {
		if slices.Contains(chosen, set) {
			if err := b.run(ctx, set); err != nil {
				return err
			}
		}
	}
	return nil
}
