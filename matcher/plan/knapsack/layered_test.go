package knapsack

import (
	"math"

	"syscall"

	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/planinstance"
)

func layeredOf(in *planinstance.Instance, separate bool) *Layered {
	l := &Layered{ItemCost: in.LayerMB, Separate: separate, ItemWorth: in.LayerSeconds(), Budget: in.BudgetMB}
	for _, layers := range in.Candidates {
		l.Sets = append(l.Sets, Set{Items: layers, Cost: in.FixedMBPerCache})
	}
	for _, image := range in.Images {
		l.Customers = append(l.Customers, Holder{image.Layers, image.Pods})
	}
	return l
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestTry(t *testing.T) {
	for _, n := range []int{50, 200, 1000, 5000} {
		in := planinstance.New(n, 1)
		if n < 5000 {
			in, _ = planinstance.Read(filepath.Join("testdata", fmt.Sprintf("planner-%d.json.gz", n)))
		}
		for _, sep := range []bool{false, true} {
			l := layeredOf(in, sep)
			c := l.inSegments()
			g := c.newCovering()
			g.fill()
			fmt.Println(n, sep, "greedy", g.gain, "late", g.lateRatio/(g.gain/g.cost))
			for _, it := range []int{0, 30, 100, 300, 600, 1500, 3000} {
				if n == 5000 && it > 100 {
					continue
				}
				at := cpu()
				var gains []float64
				bound := 0.0
				for seed := range uint64(5) {
					a, err := l.Solve(t.Context(), SolveOptions{Iterations: it, Seed: seed * 100})
					if err != nil {
						t.Fatal(err)
					}
					gains = append(gains, math.Round(a.Gain))
					bound = a.Bound
				}
				fmt.Printf("   %d: %.0f bound %.0f %v\n", it, gains, bound, (cpu()-at)/5)
			}
		}
	}
}

func TestTry3(t *testing.T) {
	for _, n := range []int{50, 200} {
		in, _ := planinstance.Read(filepath.Join("testdata", fmt.Sprintf("planner-%d.json.gz", n)))
		for _, sep := range []bool{false, true} {
			l := layeredOf(in, sep)
			for _, nodes := range []int{0, 3000} {
				at := cpu()
				a, err := l.Solve(t.Context(), SolveOptions{Iterations: 3000, Seed: 1, BoundIterations: 1500, Nodes: nodes})
				if err != nil {
					t.Fatal(err)
				}
				fmt.Printf("%d %v %d  %.2f bound %.2f %v\n", n, sep, nodes, a.Gain, a.Bound, (cpu() - at))
			}
		}
	}
}

func BenchmarkBig(b *testing.B) {
	in := planinstance.New(5000, 1)
	l := layeredOf(in, false)
	for b.Loop() {
		l.Solve(b.Context(), SolveOptions{Iterations: 30, Seed: 1})
	}
}
