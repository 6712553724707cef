package capacity_test

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/capacity"
	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/simulate"
)

// TestTogetherIsOfAsFewAsPossible: for limits that no single parameter meets, as many are
// changed as the smallest of all sets has that meets it when raised as far as values are
// tried, each set simulated by itself. The values meet it, and with just less of any one they
// do not. Of all sets of that size the one is named of which the fewest are to be bought, then
// of which the fewest are software, then the one whose factors, multiplied, are least where all are raised by one factor.
func TestTogetherIsOfAsFewAsPossible(t *testing.T) {
	race.Skip(t)
	// What can be raised, with how far. The first and unpacking at once are settings, a decoder is
	// software.
	names := []string{"pull.maxConcurrentDownloads", "network.registryBytesPerSecond", "network.nodeBytesPerSecond", "network.connectionBytesPerSecond", "unpack.cores", "unpack.diskBytesPerSecond", "unpack.parallel", "unpack.gzipBytesPerSecond"}
	tops := []float64{128, 1e12, 1e11, 1e11, 256, 1e11, 1, 2e9}
	const parallel, decoder = 6, 7
	free := func(i int) bool { return i == 0 || i == parallel }
	const count = 20
	agree, sizes := 0, make(map[int]int)
	for _, change := range []func(*cachebench.Scenario){
		func(s *cachebench.Scenario) { s.Profile.Network.Connection.Value = 10e6 },
		func(s *cachebench.Scenario) {
			s.Profile.Network.Connection.Value, s.Profile.Network.Registry.Value, s.Profile.Unpack.Disk.Value = 8e6, 150e6, 60e6
		},
		func(s *cachebench.Scenario) {
			s.Profile.Network.Connection.Value, s.Profile.Network.Node.Value, s.Profile.Unpack.Disk.Value = 20e6, 25e6, 40e6
		},
	} {
		q := questionOf(t, simulate.ArmCold, func(s *cachebench.Scenario) {
			s.Profile, _ = simulate.BuiltIn("containerd")
			s.Profile.Network.Registry.Value, s.Profile.Pull.RequestOrder.Value = 400e6, "manifest"
			s.Profile.Network.Connection.Value = 10e6
			change(s)
			s.Bursts = []cachebench.StartBurst{{App: "ci", Count: count}}
		})
		now := []float64{float64(q.Scenario.Profile.Pull.MaxConcurrentDownloads.Value), float64(q.Scenario.Profile.Network.Registry.Value), float64(q.Scenario.Profile.Network.Node.Value),
			float64(q.Scenario.Profile.Network.Connection.Value), q.Scenario.Profile.Unpack.Cores.Value, float64(q.Scenario.Profile.Unpack.Disk.Value), 0, float64(q.Scenario.Profile.Unpack.Gzip.Value)}
		last := func(of []int, values func(i int) float64) float64 {
			return lastReady(t, q, simulate.ArmCold, count, func(p *simulate.Profile) {
				for _, i := range of {
					setters[names[i]](p, values(i))
				}
			})
		}
		sets := make([][]int, 1<<len(names))
		best := make([]float64, 1<<len(names))
		bySize := make([]float64, len(names)+1)
		for k := range bySize {
			bySize[k] = math.Inf(1)
		}
		for bits := range sets {
			for i := range names {
				if bits&(1<<i) != 0 {
					sets[bits] = append(sets[bits], i)
				}
			}
			best[bits] = last(sets[bits], func(i int) float64 { return tops[i] })
			if bits&1 != 0 { // more downloads are not always faster
				for _, n := range []float64{4, 5, 6, 8, 12, 24} {
					best[bits] = min(best[bits], last(sets[bits], func(i int) float64 {
						if i == 0 {
							return n
						}
						return tops[i]
					}))
				}
			}
			bySize[len(sets[bits])] = min(bySize[len(sets[bits])], best[bits])
		}
		for size := 2; size <= 4; size++ {
			if !(bySize[size] < bySize[size-1]*0.97) {
				continue // no limit tells these sizes apart
			}
			limit := math.Round((bySize[size]*0.4+bySize[size-1]*0.6)*1e9) / 1e9
			c, err := q.Burst(t.Context(), capacity.BurstOptions{Within: time.Duration(math.Round(limit * 1e9))})
			if err != nil {
				t.Fatal(err)
			}
			if size > 3 && len(c.Together) > size && strings.Contains(strings.Join(c.Assumptions, " "), "that is one combination, and not the cheapest") {
				continue // of so many not all sets are looked at, and the answer says so
			}
			if len(c.Together) != size {
				t.Errorf("%v: %d parameters meet %v s, a set of %d does: %+v, %q", now, len(c.Together), limit, size, c.Together, c.Assumptions)
				continue
			}
			agree++
			sizes[size]++
			var of []int
			values := make([]float64, len(names))
			for _, n := range c.Together {
				i := slices.Index(names, n.Parameter)
				if i < 0 {
					t.Fatalf("%+v", n)
				}
				of, values[i] = append(of, i), *n.Need
			}
			slices.Sort(of)
			if at := last(of, func(i int) float64 { return values[i] }); at > limit+1e-9 {
				t.Errorf("%v of %v: the last is ready after %v s of %v", of, values, at, limit)
			}
			for _, less := range of {
				below := last(of, func(i int) float64 {
					switch {
					case i != less:
						return values[i]
					case free(i):
						return values[i] - 1
					}
					return values[i] / 1.0052
				})
				if below <= limit {
					t.Errorf("%v of %v: less of %s is enough: %v s of %v", of, values, names[less], below, limit)
				}
			}
			// Raised by one factor, in steps of a hundredth; three or less are compared.
			product := func(set []int) (bought, installed int, factors float64) {
				most := 1.0
				for _, i := range set {
					switch {
					case i == decoder:
						installed++
					case !free(i):
						bought++
					}
					if !free(i) {
						most = max(most, tops[i]/now[i])
					}
				}
				// More of all is never slower, so that the least factor is bisected for.
				value := func(n, i int) float64 { return min(tops[i], now[i]*math.Pow(1.01, float64(n))) }
				steps := int(math.Ceil(math.Log(most)/math.Log(1.01))) + 1
				n := sort.Search(steps, func(n int) bool {
					return last(set, func(i int) float64 {
						if free(i) {
							return tops[i]
						}
						return value(n, i)
					}) <= limit
				})
				factors = 1
				for _, i := range set {
					if !free(i) {
						factors *= value(n, i) / now[i]
					}
				}
				return bought, installed, factors
			}
			if size > 3 {
				continue
			}
			found := 0
			for _, i := range of {
				found |= 1 << i
			}
			foundBought, foundInstalled, foundFactors := product(of)
			for bits := range sets {
				if len(sets[bits]) != size || best[bits] > limit || bits == found {
					continue
				}
				bought, installed, factors := product(sets[bits])
				if cmp.Or(cmp.Compare(bought, foundBought), cmp.Compare(installed, foundInstalled)) < 0 || bought == foundBought && installed == foundInstalled && factors < foundFactors/1.05 {
					t.Errorf("limit %v: %v is named (%d bought, %d installed, factors %v), and %v would do (%d, %d, %v)", limit, of, foundBought, foundInstalled, foundFactors, sets[bits], bought, installed, factors)
				}
			}
			if said := strings.Join(c.Assumptions, " "); !strings.Contains(said, "What meets the limit together: ") {
				t.Errorf("not said what was searched: %q", said)
			}
		}
	}
	if agree < 3 || sizes[2] == 0 || sizes[3] == 0 {
		t.Errorf("only %d limits, by size %v", agree, sizes)
	}
	t.Logf("%d limits agree, by the number of parameters %v", agree, sizes)
}
