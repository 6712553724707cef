package knapsack

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// instance is a benchmark instance as its file has it: images with layers and pods,
// caches as sets of layers.
type instance struct {
	BudgetMB        float64 `json:"budgetMB"`
	Candidates      [][]int `json:"candidates"`
	FixedMBPerCache float64 `json:"fixedMBPerCache"`
	Images          []struct {
		Layers []int   `json:"layers"`
		Pods   float64 `json:"pods"`
	} `json:"images"`
	LayerMB            []float64 `json:"layerMB"`
	MegabytesPerSecond float64   `json:"megabytesPerSecond"`
	SecondsPerLayer    float64   `json:"secondsPerLayer"`
}

func readInstance(tb testing.TB, images int) *instance {
	tb.Helper()
	f, err := os.Open(filepath.Join("testdata", fmt.Sprintf("planner-%d.json.gz", images)))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	var in instance
	if err := json.NewDecoder(z).Decode(&in); err != nil {
		tb.Fatal(err)
	}
	return &in
}

// problem is the instance with layers paid once (shared), or by every cache that holds
// them. A pod saves the fetching of every layer of its image that its cache holds.
func (in *instance) problem(shared bool) *Problem {
	p := &Problem{Budget: in.BudgetMB}
	holders := make([][]int, len(in.LayerMB))
	if shared {
		p.ItemCost = in.LayerMB
	}
	for j, layers := range in.Candidates {
		set := Set{Cost: in.FixedMBPerCache}
		for _, l := range layers {
			holders[l] = append(holders[l], j)
			if shared {
				set.Items = append(set.Items, l)
			} else {
				set.Cost += in.LayerMB[l]
			}
		}
		p.Sets = append(p.Sets, set)
	}
	for _, image := range in.Images {
		gains := make(map[int]float64)
		for _, l := range image.Layers {
			for _, j := range holders[l] {
				gains[j] += image.Pods * (in.LayerMB[l]/in.MegabytesPerSecond + in.SecondsPerLayer)
			}
		}
		var options []Option
		for j, gain := range gains {
			options = append(options, Option{Set: j, Gain: gain})
		}
		p.Customers = append(p.Customers, options)
	}
	return p
}

// known is what is known of the benchmark instances: optima that HiGHS proved, or the
// best choice that anything found before, and the greedy one.
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
	{200, true, 107_822, 104_279, false, 0.01},
	{1000, true, 718_400, 711_275, false, 0},
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
