package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cachebench/cachebench/internal/planinstance"
	"github.com/cachebench/cachebench/matcher/plan/knapsack"
)

const testdata = "matcher/plan/knapsack/testdata"

// bench writes the parts of the table.
type bench struct {
	out               io.Writer
	iterations, seeds int
	seed              uint64
	// optima are what is known, by storage and name: "shared,50-1".
	optima map[string]float64
}

// What is known beside: the best choice that was found.
var bestKnown = map[string]float64{"shared,planner-1000": 720_459}

// row is an instance, solved from some seeds.
type row struct {
	name    string
	in      *planinstance.Instance
	shared  bool
	known   float64 // 0 is unknown
	options knapsack.SolveOptions

	gains, bounds, milliseconds []float64
}

func storage(shared bool) string {
	if shared {
		return "shared"
	}
	return "separate"
}

func (b *bench) run(ctx context.Context, set string) error {
	if err := b.readOptima(); err != nil {
		return err
	}
	var rows []*row
	var err error
	switch set {
	case "stored":
		rows, err = b.stored(map[int]int{50: 300, 200: 1600, 1000: 1000}, 0)
	case "bounds":
		rows, err = b.stored(map[int]int{50: 600, 200: 1600, 1000: 3000}, 2000)
	case "seeded-50":
		return b.seeded50(ctx)
	case "money":
		return b.money(ctx, 100)
	case "seeded-200":
		rows = b.generated(200, 10, 400)
	case "seeded-1000":
		rows = b.generated(1000, 3, 400)
	case "large":
		rows = b.generated(5000, 1, 15)
	}
	if err != nil {
		return err
	}
	seeds := b.seeds
	if set == "bounds" {
		seeds = 1
	}
	return b.table(ctx, set, rows, seeds)
}

// stored are the stored instances in both storages.
func (b *bench) stored(iterations map[int]int, bound int) (rows []*row, err error) {
	for _, images := range []int{50, 200, 1000} {
		name := fmt.Sprintf("planner-%d", images)
		in, err := planinstance.Read(filepath.Join(testdata, name+".json.gz"))
		if err != nil {
			return nil, err
		}
		for _, shared := range []bool{true, false} {
			rows = append(rows, b.row(name, in, shared, knapsack.SolveOptions{Iterations: iterations[images], BoundIterations: bound}))
		}
	}
	return rows, nil
}

func (b *bench) generated(images int, instances uint64, iterations int) (rows []*row) {
	for seed := range instances {
		in := planinstance.New(images, seed+1)
		for _, shared := range []bool{true, false} {
			rows = append(rows, b.row(fmt.Sprintf("%d-%d", images, seed+1), in, shared, knapsack.SolveOptions{Iterations: iterations}))
		}
	}
	return rows
}

func (b *bench) row(name string, in *planinstance.Instance, shared bool, opt knapsack.SolveOptions) *row {
	if b.iterations > 0 {
		opt.Iterations = b.iterations
	}
	r := &row{name: name, in: in, shared: shared, options: opt, known: b.optima[storage(shared)+","+name]}
	if r.known == 0 {
		r.known = bestKnown[storage(shared)+","+name]
	}
	return r
}

// solve solves a row from a seed; the time counts from the description in memory.
func (r *row) solve(ctx context.Context, seed uint64) error {
	opt := r.options
	opt.Seed = seed
	layered := layeredOf(r.in, r.shared)
	runtime.GC()
	start := cpuTime()
	a, err := layered.Solve(ctx, opt)
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	r.milliseconds = append(r.milliseconds, float64(cpuTime()-start)/float64(time.Millisecond))
	r.gains, r.bounds = append(r.gains, a.Gain), append(r.bounds, a.Bound)
	return nil
}

func layeredOf(in *planinstance.Instance, shared bool) *knapsack.Layered {
	l := &knapsack.Layered{ItemCost: in.LayerMB, Separate: !shared, ItemWorth: in.LayerSeconds(), Budget: in.BudgetMB}
	for _, layers := range in.Candidates {
		l.Sets = append(l.Sets, knapsack.Set{Items: layers, Cost: in.FixedMBPerCache})
	}
	for _, image := range in.Images {
		l.Customers = append(l.Customers, knapsack.Holder{Items: image.Layers, Weight: image.Pods})
	}
	return l
}

func (b *bench) table(ctx context.Context, set string, rows []*row, seeds int) error {
	fmt.Fprintf(b.out, "%s: %d seeds of the search from %d\n", set, seeds, b.seed)
	w := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "instance\tstorage\timages\tcandidates\titerations\tof the bound\tincumbent\tworst seed\tknown\tworst of known\tbound\tgap\tCPU ms\tworst\t")
	for _, r := range rows {
		for k := range seeds {
			// Far apart: each core of a search has the next seed.
			if err := r.solve(ctx, b.seed+1000*uint64(k)); err != nil {
				return err
			}
		}
		worst := slices.Min(r.gains)
		known, of := "-", "-"
		if r.known > 0 {
			known, of = fmt.Sprintf("%.2f", r.known), fmt.Sprintf("%.3f%%", 100*worst/r.known)
		}
		gain, bound := median(r.gains), median(r.bounds)
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%.2f\t%.2f\t%s\t%s\t%.2f\t%.2f%%\t%.1f\t%.1f\t\n",
			r.name, storage(r.shared), len(r.in.Images), len(r.in.Candidates), r.options.Iterations, r.options.BoundIterations,
			gain, worst, known, of, bound, 100*(bound-gain)/bound, median(r.milliseconds), slices.Max(r.milliseconds))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if set == "large" {
		fmt.Fprintf(b.out, "peak memory of the process: %s\n", peakMemory())
	}
	_, err := fmt.Fprintln(b.out)
	return err
}

// seeded50 is one line of 100 instances.
func (b *bench) seeded50(ctx context.Context) error {
	const instances = 100
	var of, milliseconds []float64
	within, opt := 0, knapsack.SolveOptions{Iterations: 300}
	for seed := range uint64(instances) {
		r := b.row(fmt.Sprintf("50-%d", seed+1), planinstance.New(50, seed+1), true, opt)
		if r.known == 0 {
			return fmt.Errorf("%s has no optimum of shared %s: make oracle-plan", testdata, r.name)
		}
		if err := r.solve(ctx, b.seed); err != nil {
			return err
		}
		if r.gains[0] >= 0.999*r.known {
			within++
		}
		of, milliseconds = append(of, 100*r.gains[0]/r.known), append(milliseconds, r.milliseconds[0])
		opt.Iterations = r.options.Iterations
	}
	_, err := fmt.Fprintf(b.out, "seeded-50: %d instances, shared storage, %d iterations: %d within 0.1 %% of the optimum, the worst %.3f%% of it; CPU ms median %.1f, worst %.1f\n\n",
		instances, opt.Iterations, within, slices.Min(of), median(milliseconds), slices.Max(milliseconds))
	return err
}

func median(list []float64) float64 { return quantile(list, 0.5) }

// quantile is the value that a share of a list is below.
func quantile(list []float64, share float64) float64 {
	return slices.Sorted(slices.Values(list))[int(share*float64(len(list)))]
}

// readOptima reads what HiGHS proved.
func (b *bench) readOptima() error {
	if b.optima != nil {
		return nil
	}
	f, err := os.Open(filepath.Join(testdata, "optima.csv"))
	if err != nil {
		return err
	}
	defer f.Close()
	b.optima = make(map[string]float64)
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Split(lines.Text(), ","); len(fields) == 6 && fields[4] == "optimal" {
			gain, err := strconv.ParseFloat(fields[2], 64)
			if err != nil {
				return fmt.Errorf("%s/optima.csv: %q: %w", testdata, lines.Text(), err)
			}
			b.optima[fields[0]+","+fields[1]] = gain
		}
	}
	return lines.Err()
}

func writeInstances(out io.Writer, images int, instances uint64) error {
	for seed := range instances {
		if _, err := fmt.Fprintf(out, "%d-%d\t", images, seed+1); err != nil {
			return err
		}
		if err := planinstance.New(images, seed+1).Write(out); err != nil {
			return err
		}
	}
	return nil
}
