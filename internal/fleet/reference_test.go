package fleet

import (
	"math"
	"testing"
	"time"
)

// TestReference holds the reference to cases worked by hand.
func TestReference(t *testing.T) {
	inf := math.Inf(1)
	node := func(link int, speed, connection float64) Node {
		return Node{Link: link, BytesPerSecond: speed, ConnectionBytesPerSecond: connection}
	}
	pull := func(node int, start time.Duration, layers ...int64) Pull {
		return Pull{Node: node, Start: start, Layers: layers}
	}
	root := Link{Name: "root", Parent: -1, BytesPerSecond: 100}
	cases := []struct {
		name  string
		fleet Fleet
		want  []float64
	}{
		{
			// Fetched at 3 and 4; unpacked at 13 and, as the first holds it up, 18.
			"unpack behind the download",
			Fleet{Slots: 1, UnpackBytesPerSecond: 10, Links: []Link{root}, Nodes: []Node{node(0, 50, inf)},
				Pulls: []Pull{pull(0, time.Second, 100, 50)}},
			[]float64{18},
		},
		{
			// 30 for the slow node, what it leaves, 70, for the other.
			"slow link",
			Fleet{Slots: 3, UnpackBytesPerSecond: inf, Links: []Link{root}, Nodes: []Node{node(0, 30, inf), node(0, 200, inf)},
				Pulls: []Pull{pull(0, 0, 300), pull(1, 0, 1400)}},
			// 700 are left at 10, then at 100.
			[]float64{10, 17},
		},
		{
			"connection",
			Fleet{Slots: 3, UnpackBytesPerSecond: inf, Links: []Link{root}, Nodes: []Node{node(0, 30, inf), node(0, 200, 20)},
				Pulls: []Pull{pull(0, 0, 300), pull(1, 0, 700, 200)}},
			[]float64{10, 35},
		},
		{
			// 20, 20 and 60; at 10 the second has 200 left at 40, until 15; by
			// then the third has sent 900, and goes on at 100.
			"racks",
			Fleet{Slots: 3, UnpackBytesPerSecond: inf,
				Links: []Link{root, {Name: "narrow", Parent: 0, BytesPerSecond: 40}, {Name: "wide", Parent: 0, BytesPerSecond: 100}},
				Nodes: []Node{node(1, inf, inf), node(1, inf, inf), node(2, inf, inf)},
				Pulls: []Pull{pull(0, 0, 200), pull(1, 0, 400), pull(2, 0, 1200)}},
			[]float64{10, 15, 18},
		},
		{
			// Fetched at 2, 5 (the third ends at 4), 4; unpacked at 3, 8, 9.
			"slots",
			Fleet{Slots: 2, UnpackBytesPerSecond: 100, Links: []Link{root}, Nodes: []Node{node(0, inf, inf)},
				Pulls: []Pull{pull(0, 0, 100, 300, 100)}},
			[]float64{9},
		},
		{
			// 500 are left at 5, when the second comes; 100 at 13, when it goes.
			"a start later",
			Fleet{Slots: 3, UnpackBytesPerSecond: inf, Links: []Link{root}, Nodes: []Node{node(0, inf, inf), node(0, inf, inf)},
				Pulls: []Pull{pull(1, 5*time.Second, 400), pull(0, 0, 1000)}},
			[]float64{13, 14},
		},
		{
			"nothing to fetch",
			Fleet{Slots: 3, UnpackBytesPerSecond: 1, Links: []Link{root}, Nodes: []Node{node(0, inf, inf)},
				Pulls: []Pull{pull(0, 2*time.Second), pull(0, 3*time.Second, 0)}},
			[]float64{2, 3},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := c.fleet.Reference()
			if len(got) != len(c.want) {
				t.Fatalf("ready at %v, want %v", got, c.want)
			}
			for i := range got {
				if math.Abs(got[i]-c.want[i]) > 1e-12 {
					t.Errorf("ready at %v, want %v", got, c.want)
				}
			}
		})
	}
}
