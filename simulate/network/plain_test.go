package network

import (
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// plain computes all rates anew whenever they are asked for, by filling: all
// flows rise together until a link is full or a cap is reached; those that it
// holds stay; the rest rise on.
type plain struct {
	capacity []float64
	parent   []int
	flows    map[Flow]*plainFlow
	now      float64 // seconds
}

type plainFlow struct {
	path      []int
	cap, left float64
}

func (p *plain) addLink(capacity Rate, parent int) int {
	p.capacity, p.parent = append(p.capacity, float64(capacity)), append(p.parent, parent)
	return len(p.capacity) - 1
}

func (p *plain) start(f Flow, node int, bytes int64, cap Rate) {
	x := &plainFlow{cap: float64(cap), left: float64(bytes)}
	for l := node; l >= 0; l = p.parent[l] {
		x.path = append(x.path, l)
	}
	p.flows[f] = x
}

func (p *plain) rates() map[Flow]float64 {
	rate := make(map[Flow]float64)
	left, open := append([]float64(nil), p.capacity...), make([]int, len(p.capacity))
	for _, f := range p.flows {
		for _, l := range f.path {
			open[l]++
		}
	}
	for len(rate) < len(p.flows) {
		level := math.Inf(1)
		for l := range left {
			if open[l] > 0 {
				level = min(level, left[l]/float64(open[l]))
			}
		}
		for id, f := range p.flows {
			if _, done := rate[id]; !done {
				level = min(level, f.cap)
			}
		}
		var held []Flow
		for id, f := range p.flows {
			if _, done := rate[id]; done {
				continue
			}
			full := f.cap <= level*(1+1e-12)
			for _, l := range f.path {
				full = full || left[l]/float64(open[l]) <= level*(1+1e-12)
			}
			if full {
				held = append(held, id)
			}
		}
		for _, id := range held {
			rate[id] = level
			for _, l := range p.flows[id].path {
				open[l]--
				left[l] = max(0, left[l]-level)
			}
		}
	}
	return rate
}

func (p *plain) advance(seconds float64) {
	for id, r := range p.rates() {
		p.flows[id].left = max(0, p.flows[id].left-r*(seconds-p.now))
	}
	p.now = seconds
}

// TestAgainstPlain: on random trees, flows started, ended, given up and links
// changed at random, every rate is the plain one's, every flow ends when it does
// there, and every link carries as much.
func TestAgainstPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var n Network
		p := &plain{flows: make(map[Flow]*plainFlow)}
		few := rapid.Bool().Draw(t, "few speeds")
		speed := func(label string) Rate {
			if few {
				return Rate(rapid.SampledFrom([]int{10, 20, 60, 1000}).Draw(t, label))
			}
			return Rate(rapid.IntRange(1, 1000).Draw(t, label))
		}
		var links []Link
		for i := range rapid.IntRange(1, 7).Draw(t, "links") {
			parent := NoLink
			if i > 0 {
				parent = Link(rapid.IntRange(-1, i-1).Draw(t, "parent"))
			}
			capacity := 3 * speed("capacity")
			links = append(links, n.AddLink(capacity, parent))
			p.addLink(capacity, int(parent))
		}
		type pair struct {
			node  Node
			plain int
			cap   Rate
		}
		var nodes []pair
		for range rapid.IntRange(1, 8).Draw(t, "nodes") {
			l := rapid.SampledFrom(links).Draw(t, "link")
			rate, cap := speed("node"), speed("cap")
			nodes = append(nodes, pair{n.AddNode(l, rate, cap), p.addLink(rate, int(l)), cap})
		}
		mixed := rapid.Bool().Draw(t, "mixed")
		running, started := map[Flow]bool{}, 0
		now := time.Duration(0)
		compare := func() {
			together := make(map[Node]float64)
			for id, want := range p.rates() {
				if !math.IsInf(want, 1) {
					together[id.Node] += want
				}
				if got := n.Rate(id); math.Abs(float64(got)-want) > 1e-9*want {
					t.Fatalf("at %v flow %v has rate %v, want %v", now, id, got, want)
				}
				if got, want := n.Remaining(id), p.flows[id].left; math.Abs(got-want) > 1e-5 {
					t.Fatalf("at %v flow %v has %v bytes left, want %v", now, id, got, want)
				}
			}
			for _, x := range nodes {
				if got, want := float64(n.NodeRate(x.node)), together[x.node]; math.Abs(got-want) > 1e-9*want {
					t.Fatalf("at %v node %v has rate %v, want %v", now, x.node, got, want)
				}
			}
		}
		end := func() {
			f, at, ok := n.Next()
			if !ok {
				return
			}
			p.advance(at.Seconds())
			// Half a nanosecond at 1000 B/s is 5e-7 bytes.
			if left := p.flows[f].left; left > 1e-5 {
				t.Fatalf("flow %v ends at %v with %v bytes left", f, at, left)
			}
			now = at
			n.Finish(now, f)
			delete(p.flows, f)
			delete(running, f)
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0, 1, 2, 3, 4:
				x := rapid.SampledFrom(nodes).Draw(t, "on")
				cap := x.cap
				if mixed {
					cap = speed("its cap")
				}
				bytes := rapid.Int64Range(0, 5000).Draw(t, "bytes")
				f := n.Start(now, x.node, bytes, cap, int64(started))
				started++
				p.start(f, x.plain, bytes, cap)
				running[f] = true
			case 5, 6:
				end()
			case 7: // time passes, but not beyond the next end
				step := time.Duration(rapid.IntRange(0, 1e9).Draw(t, "step"))
				if at := n.NextAt(); at != never && now+step > at {
					step = 0
				}
				now += step
				p.advance(now.Seconds())
				n.Advance(now)
			case 8:
				if len(running) > 0 {
					f := slices.MinFunc(slices.Collect(maps.Keys(running)), func(a, b Flow) int { return int(a.Tag - b.Tag) })
					n.Finish(now, f)
					delete(p.flows, f)
					delete(running, f)
				}
			case 9:
				i := rapid.IntRange(0, len(links)-1).Draw(t, "change")
				capacity := 3 * speed("to")
				n.SetCapacity(now, links[i], capacity)
				p.capacity[i] = float64(capacity)
			}
			compare()
		}
		for len(p.flows) > 0 {
			end()
			compare()
		}
		if _, _, ok := n.Next(); ok {
			t.Fatal("a flow is left")
		}
	})
}
