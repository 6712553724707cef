package simulate

import (
	"bytes"
	"context"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// TestClaimsAtOnce: of two pulls at once which comes first to the base that they share
// is chance. Where it is the small image's, the large layer is asked for only when the
// base is unpacked: 1 s for the base, 1 s to unpack it, 2 s for the large layer. Where
// it is the large image's, base and large layer come together in 3 s, and the base is
// unpacked meanwhile.
func TestClaimsAtOnce(t *testing.T) {
	p := bare()
	p.Pull.RequestOrder.Value = "race"
	p.Pull.MaxParallelPulls.Value = 2
	p.Network.Request = is(ms, "")
	p.Network.Node = is[network.Rate](10*mb, "")
	p.Unpack.Disk = is[network.Rate](10*mb, "")
	base := testLayer{name: "base", compressed: 10 * mb, written: 10 * mb}
	inv := inventory([]testLayer{base, {name: "small"}}, []testLayer{base, {name: "large", compressed: 20 * mb}})
	starts := []Start{{App: "a small", Images: []int{0}, Node: "n"}, {App: "b large", Images: []int{1}, Node: "n"}}
	const repeats = 400
	ready, err := Run(context.Background(), inv, p, starts, Options{Repeats: repeats, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	smallFirst := 0
	for k := range repeats {
		switch last := max(ready[2*k].Ready, ready[2*k+1].Ready); {
		case (last - 4*time.Second).Abs() < 50*ms:
			smallFirst++
		case (last - 3*time.Second).Abs() > 50*ms:
			t.Fatalf("repeat %d: all ready after %v, want about 3s or 4s", k, last)
		}
	}
	// Five standard deviations of a fair coin.
	if off := math.Abs(float64(smallFirst) - repeats/2); off > 5*math.Sqrt(repeats)/2 {
		t.Errorf("the small image came first in %d of %d repeats", smallFirst, repeats)
	}
	// Asked for in order, the first is always first, and where one comes later too.
	for _, change := range []func(){
		func() { starts[1].Requested = ms / 2 },
		func() { starts[1].Requested, p.Pull.RequestOrder.Value = 0, "manifest" },
	} {
		change()
		ready, err := Run(context.Background(), inv, p, starts, Options{Repeats: 20, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		for k := 1; k < len(ready); k += 2 {
			if s := &ready[k]; (s.Requested + s.Ready - 4*time.Second).Abs() > 50*ms {
				t.Errorf("%s, requested at %v: ready after %v, want about 4s", p.Pull.RequestOrder.Value, s.Requested, s.Ready)
			}
		}
	}
}

// TestRacedOrder: every layer once, the base as early and the last as often first as in
// the requests of the pulls on record.
func TestRacedOrder(t *testing.T) {
	checked := 0
	for n, orders := range recordedOrders(t) {
		if len(orders) < 20 {
			continue
		}
		checked++
		var drawn [][]int
		for k := range 2000 {
			order := asRaced([]uint16{7}, n, mix(uint64(k)))[1:]
			places := make([]int, len(order))
			for i, x := range order {
				places[i] = int(x)
			}
			if ranked := slices.Sorted(slices.Values(places)); len(places) != n || ranked[0] != 0 || ranked[n-1] != n-1 || len(slices.Compact(ranked)) != n {
				t.Fatalf("%d layers are asked for in the order %v", n, places)
			}
			drawn = append(drawn, places)
		}
		gotBase, gotFirst := baseAndLast(drawn)
		base, first := baseAndLast(orders)
		if math.Abs(gotBase-base) > 0.25*base || math.Abs(gotFirst-first) > 0.1 {
			t.Errorf("of %d layers the base is drawn at place %.2f, in %d pulls %.2f; the last comes first in %.2f, in pulls %.2f", n, gotBase, len(orders), base, gotFirst, first)
		}
	}
	if checked < 4 {
		t.Errorf("orders of %d lengths were checked", checked)
	}
}

// recordedOrders are the orders of requests on record, by their number: 0 is the lowest
// layer that is asked for.
func recordedOrders(t *testing.T) map[int][][]int {
	all := make(map[int][][]int)
	for _, name := range []string{"memory.csv", "disk.csv"} {
		data, err := os.ReadFile(filepath.Join("..", "testdata", "builtin", name))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		column := slices.Index(rows[0], "requests")
		for _, row := range rows[1:] {
			var order []int
			for _, word := range strings.Fields(row[column]) {
				place, err := strconv.Atoi(word)
				if err != nil {
					t.Fatal(err)
				}
				order = append(order, place)
			}
			lowest := slices.Sorted(slices.Values(order))
			for i, place := range order {
				order[i] = slices.Index(lowest, place)
			}
			if len(order) > 2 {
				all[len(order)] = append(all[len(order)], order)
			}
		}
	}
	if len(all) < 4 {
		t.Fatalf("orders of %d lengths are on record", len(all))
	}
	return all
}

// baseAndLast are the mean place of the base and how often the last layer is first.
func baseAndLast(orders [][]int) (base, lastFirst float64) {
	n := float64(len(orders))
	for _, order := range orders {
		base += float64(slices.Index(order, 0)) / n
		if order[0] == len(order)-1 {
			lastFirst += 1 / n
		}
	}
	return base, lastFirst
}
