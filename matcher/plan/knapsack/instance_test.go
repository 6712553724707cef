package knapsack

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/internal/planinstance"
)

// instance is a benchmark instance.
type instance struct{ *planinstance.Instance }

func readInstance(tb testing.TB, images int) instance {
	tb.Helper()
	in, err := planinstance.Read(filepath.Join("testdata", fmt.Sprintf("planner-%d.json.gz", images)))
	if err != nil {
		tb.Fatal(err)
	}
	return instance{in}
}

// layered is the instance with layers paid once (shared), or by every cache that holds
// them. A pod saves the fetching of every layer of its image that its cache holds.
func (in instance) layered(shared bool) *Layered {
	l := &Layered{ItemCost: in.LayerMB, Separate: !shared, ItemWorth: in.LayerSeconds(), Budget: in.BudgetMB}
	for _, layers := range in.Candidates {
		l.Sets = append(l.Sets, Set{Items: layers, Cost: in.FixedMBPerCache})
	}
	for _, image := range in.Images {
		l.Customers = append(l.Customers, Holder{Items: image.Layers, Weight: image.Pods})
	}
	return l
}

func (in instance) problem(shared bool) *Problem { return in.layered(shared).problem() }

// reference is what others reach on a stored instance, and what a test expects of ours.
type reference struct {
	images int
	shared bool
	// best is the optimum that HiGHS proved (testdata/optima.csv), or the best choice that
	// anything found; greedy is the lazy greedy one.
	best, greedy float64
	optimal      bool
	// within is how far above the best a bound of some hundred iterations may be; 0 where
	// it takes too long for a test.
	within float64
	// highs is the bound that HiGHS had when its time ended, 100 s and 206 s; 0 where it
	// proved the optimum.
	highs float64
}

// known is what is known of the stored instances.
func known(tb testing.TB) []reference {
	tb.Helper()
	all := []reference{
		{images: 50, shared: true, greedy: 43_034, within: 0.06},
		{images: 200, shared: true, greedy: 104_279, within: 0.01, highs: 118_167},
		{images: 1000, shared: true, best: 720_459, greedy: 711_275, highs: 754_956},
		{images: 200, greedy: 94_972, within: 0.004},
		{images: 1000, greedy: 674_132, within: 0.001},
	}
	for n, k := range all {
		if k.best == 0 {
			all[n].best, all[n].optimal = optimumOf(tb, k.shared, fmt.Sprintf("planner-%d", k.images)), true
		}
	}
	return all
}

func storage(shared bool) string {
	if shared {
		return "shared"
	}
	return "separate"
}

func solverOf(tb testing.TB, p *Problem) *Solver {
	tb.Helper()
	s, err := New(p)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// optimum is what HiGHS proved of an instance.
type optimum struct {
	instance instance
	shared   bool
	gain     float64
}

// readOptima reads those of generated instances with a number of images, by their seeds.
func readOptima(tb testing.TB, shared bool, images int) []optimum {
	tb.Helper()
	var optima []optimum
	proven(tb, shared, func(name string, gain float64) {
		var of int
		var seed uint64
		if _, err := fmt.Sscanf(name, "%d-%d", &of, &seed); err == nil && of == images {
			optima = append(optima, optimum{instance{planinstance.New(images, seed)}, shared, gain})
		}
	})
	if len(optima) == 0 {
		tb.Fatalf("testdata/optima.csv has no optimum of an instance with %d images, %s", images, storage(shared))
	}
	return optima
}

// optimumOf is that of a named instance.
func optimumOf(tb testing.TB, shared bool, want string) (gain float64) {
	tb.Helper()
	proven(tb, shared, func(name string, is float64) {
		if name == want {
			gain = is
		}
	})
	if gain == 0 {
		tb.Fatalf("testdata/optima.csv has no optimum of %s, %s", want, storage(shared))
	}
	return gain
}

// proven calls f with every optimum of testdata/optima.csv of a storage.
func proven(tb testing.TB, shared bool, f func(name string, gain float64)) {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "optima.csv"))
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(line, ",")
		if len(fields) != 6 || fields[0] != storage(shared) || fields[4] != "optimal" {
			continue
		}
		gain, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			tb.Fatalf("testdata/optima.csv: %s: %v", line, err)
		}
		f(fields[1], gain)
	}
}
