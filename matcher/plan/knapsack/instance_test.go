package knapsack

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
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

// known is what is known of the benchmark instances: optima that HiGHS proved
// (testdata/optima.csv), or the best choice that anything found, and the greedy one.
var known = []struct {
	images       int
	shared       bool
	best, greedy float64
	optimal      bool
	// within is how far above the best a bound of some hundred iterations may be; 0 where
	// it takes too long for a test.
	within float64
}{
	{50, true, 46_228.71, 43_034, true, 0.06},
	{200, true, 107_807.83, 104_279, true, 0.01},
	{1000, true, 720_459, 711_275, false, 0},
	{200, false, 103_268.35, 94_972, true, 0.1},
	{1000, false, 698_012.22, 674_132, true, 0},
}

func solverOf(tb testing.TB, p *Problem) *Solver {
	tb.Helper()
	s, err := New(p)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// optimum is what HiGHS proved of an instance, which it names by storage, images and seed.
type optimum struct {
	instance instance
	shared   bool
	gain     float64
}

// readOptima reads those of generated instances with a number of images.
func readOptima(tb testing.TB, storage string, images int) []optimum {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", "optima.csv"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var optima []optimum
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var seed uint64
		var gain float64
		line := strings.ReplaceAll(lines.Text(), ",", " ")
		if _, err := fmt.Sscanf(line, storage+" "+fmt.Sprint(images)+"-%d %g", &seed, &gain); err != nil || !strings.Contains(line, " optimal ") {
			continue
		}
		optima = append(optima, optimum{instance{planinstance.New(images, seed)}, storage == "shared", gain})
	}
	if len(optima) == 0 {
		tb.Fatalf("testdata/optima.csv has no optimum of an instance with %d images, %s", images, storage)
	}
	return optima
}
