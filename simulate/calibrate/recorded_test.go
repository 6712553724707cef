package calibrate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/golden"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// recorded is where timelines stand that scripts of cmd/cachebench start from. They
// are made here, from a seed, and called measured.
const recorded = "../../cmd/cachebench/testdata/calibrate"

// TestRecorded holds them to what makes them; -update writes them.
func TestRecorded(t *testing.T) {
	w := newWorld(t, 5)
	w.inv = w.images(3, false)
	w.timeline.Measurement.Inventory = w.inv
	for _, link := range []string{"", "12500000", "50000000"} {
		overlay, name := "", "open"
		if link != "" {
			overlay, name = "network: {registryBytesPerSecond: "+link+"}", link
		}
		for i := 1; i <= 3; i++ {
			w.arm(fmt.Sprint("app", i, " cold ", name), overlay, nil, 3, start{i, 0})
		}
		w.arm("app3 base "+name, overlay, []int{0}, 3, start{3, 0})
		w.arm("together "+name, overlay, nil, 3, start{1, 0}, start{2, 0})
	}
	w.void()
	for name, timeline := range map[string]*simulate.Timeline{"measured.json": w.timeline, "pulls.json": pullTimeline(7, 40, 60e6, 0.8)} {
		data, err := document.Marshal(simulate.TimelineKind, timeline)
		if err != nil {
			t.Fatal(err)
		}
		golden.Equal(t, filepath.Join(recorded, name), data)
	}
}

// void adds a run that does not count.
func (w *world) void() {
	s := w.timeline.Startups[0]
	s.Repeat, s.Void, s.Ready = 3, "layers were there that should not have been", time.Hour
	w.timeline.Startups = append(w.timeline.Startups, s)
	w.timeline.Measurement.Runs = append(w.timeline.Measurement.Runs, simulate.MeasuredRun{Arm: s.Arm, Repeat: 3, Void: s.Void})
}

// pullTimeline is of events: three pulls of each of n images of any size, each
// fixed seconds and its bytes at a rate, with 15 % of noise.
func pullTimeline(seed uint64, n int, bytesPerSecond, fixed float64) *simulate.Timeline {
	random := rand.New(rand.NewPCG(seed, 2))
	t := &simulate.Timeline{Measurement: &simulate.Measurement{Tool: "kubelet"}}
	for i := range n {
		ref := fmt.Sprintf("example.com/app%d:1", i)
		bytes := int64(math.Exp(random.NormFloat64()*1.3) * 120e6)
		for k := range 3 {
			took := time.Duration((fixed + float64(bytes)/bytesPerSecond) * math.Exp(0.15*random.NormFloat64()) * 1e9)
			t.Startups = append(t.Startups, simulate.Startup{
				Source: simulate.Measured, Arm: simulate.ArmPull, App: fmt.Sprint("shop/app", i), Images: []string{ref}, Node: fmt.Sprint("node-", k),
				Requested: time.Duration(i*3+k) * time.Minute, Phases: simulate.Phases{Pull: &took}, Ready: took, FetchedBytes: bytes, Hit: matcher.Miss,
			})
		}
	}
	t.Startups = append(t.Startups, simulate.Startup{
		Source: simulate.Measured, Arm: simulate.ArmPull, App: "shop/app0", Images: []string{"example.com/app0:1"}, Node: "node-0", Hit: matcher.FullHit,
	})
	return t
}
