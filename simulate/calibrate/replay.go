package calibrate

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cachebench/cachebench/simulate"
)

// replay simulates arms, several at once. The result is the same for any number of
// workers; the error is that of the first arm that has one.
func (d *Data) replay(ctx context.Context, cells []*cell, v *values, ready readiness, repeats int) ([]outcome, error) {
	return d.replayEach(ctx, cells, v, always(ready), repeats)
}

// replayEach is replay where arms may know of the programs' own times differently.
func (d *Data) replayEach(ctx context.Context, cells []*cell, v *values, ready readinessFor, repeats int) ([]outcome, error) {
	outcomes, errs := make([]outcome, len(cells)), make([]error, len(cells))
	own := make([]readiness, len(cells))
	for i, c := range cells {
		own[i] = ready(c)
	}
	workers := d.opt.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(workers, len(cells)) {
		wait.Go(func() {
			memory := d.memory.Get().(*simulate.Memory)
			defer d.memory.Put(memory)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(cells) || ctx.Err() != nil {
					return
				}
				outcomes[i], errs[i] = cells[i].simulate(ctx, &d.all, v, own[i], simulate.Options{Seed: d.opt.Seed, Repeats: repeats, Memory: memory, Workers: 1})
			}
		})
	}
	wait.Wait()
	for i := range outcomes {
		d.evaluations += outcomes[i].simulated
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// residuals are the logarithms of simulated over measured times of whole runs.
func residuals(cells []*cell, simulated []outcome) []float64 {
	r := make([]float64, len(cells))
	for i, c := range cells {
		measured := c.measured.against(&simulated[i])
		r[i] = math.Log(floor(simulated[i].total) / floor(measured.total))
	}
	return r
}

// deal puts arms into folds and halves by a draw, classes spread evenly. Arms that are
// dealt by one name go together.
func (d *Data) deal() {
	random := rand.New(rand.NewPCG(d.opt.Seed, 0x63616c6962)) // a stream of its own
	for _, c := range d.cells {
		c.dealtBy = d.opt.FoldBy(c.public())
	}
	place := places(d.cells, random)
	for _, c := range d.cells {
		c.fold, c.half = place[c.dealtBy]%d.opt.Folds, place[c.dealtBy]%2
	}
	d.dealPulls(random)
}

// places are those of arms, by the name that they are dealt by, in an order that is
// drawn, one class after another.
func places(cells []*cell, random *rand.Rand) map[string]int {
	place := make(map[string]int)
	for _, class := range Classes() {
		var names []string
		for _, c := range cells {
			if c.class == class && !slices.Contains(names, c.dealtBy) {
				names = append(names, c.dealtBy)
			}
		}
		random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		for _, name := range names {
			if _, ok := place[name]; !ok {
				place[name] = len(place)
			}
		}
	}
	return place
}

// split parts arms by a condition.
func split(cells []*cell, of func(*cell) bool) (yes, no []*cell) {
	for _, c := range cells {
		if of(c) {
			yes = append(yes, c)
		} else {
			no = append(no, c)
		}
	}
	return yes, no
}

// sample draws as many arms as there are, some of them more than once.
func sample(cells []*cell, random *rand.Rand) ([]*cell, []float64) {
	counts := make([]float64, len(cells))
	list := make([]*cell, len(cells))
	for i := range list {
		k := random.IntN(len(cells))
		counts[k]++
		list[i] = cells[k]
	}
	return list, counts
}
