package calibrate

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cachebench/cachebench/internal/race"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// byHand is a chooser over six arms of single pulls on open links and four of starts
// together, whose errors are given for each set of choices: alike in all arms, but
// that each arm of a list adds its own.
func byHand(t *testing.T, errors map[string]float64, held ...int) *chooser {
	c := &chooser{dealt: true}
	for i := range 10 {
		x := &cell{arm: fmt.Sprint("arm ", i), dealtBy: fmt.Sprint("arm ", i), class: ClassUnshaped, work: work{fetchBytes: 1}, starts: make([]simulate.Start, 1)}
		if i >= 6 {
			x.class, x.starts = ClassTogether, make([]simulate.Start, 2)
		}
		for _, k := range held {
			x.held[k] = true
		}
		c.cells = append(c.cells, x)
	}
	c.try = func(with choices) (*attempt, error) {
		words := []string{with.bound.name()}
		if with.loose {
			words = append(words, "loose")
		}
		for _, i := range with.more {
			words = append(words, strings.TrimPrefix(fitted()[i].name, "unpack."))
		}
		e, ok := errors[strings.Join(words, " ")]
		if !ok {
			t.Fatalf("%q is tried", words)
		}
		return &attempt{with: with, misses: slices.Repeat([]float64{e}, len(c.cells))}, nil
	}
	return c
}

func decided(t *testing.T, c *chooser, undecided bool) *decision {
	t.Helper()
	if err := c.decide(&estimate{undecided: undecided}); err != nil {
		t.Fatal(err)
	}
	return &c.decision
}

// TestOptionsByHand: an option has to do better than what is chosen, and, if it is of
// transfers, than trusting spans less by itself; one that does not leaves no trace.
func TestOptionsByHand(t *testing.T) {
	errors := map[string]float64{
		"decoder": 0.130, "decoder loose": 0.112,
		"decoder loose fetchBytesPerSecond":                   0.108, // 3.6 % less than loose alone
		"decoder loose fetchDiskFraction":                     0.100,
		"decoder loose fetchDiskFraction fetchBytesPerSecond": 0.098,
	}
	got := decided(t, byHand(t, errors, cores), false)
	if !slices.Equal(got.with.more, []int{fetchDisk}) || !got.with.loose {
		t.Errorf("taken in: %+v", got.with)
	}
	if len(got.words) != 1 || got.words[0] != "unpack.fetchDiskFraction is taken in: arms that were left out are missed by 10.0 % with it, by 11.2 % without." {
		t.Errorf("said: %q", got.words)
	}
	if want := "it was tried, and does not help beyond chance: arms that were left out are missed by 9.8 % with it, by 10.0 % without"; got.why[fetchRate] != want || got.measure[fetchRate] == "" {
		t.Errorf("of fetchBytesPerSecond it says %q, not %q", got.why[fetchRate], want)
	}
	if got.why[cores] != "the experiment set it in every arm" || got.measure[cores] != "" {
		t.Errorf("of cores it says %q, and to measure %q", got.why[cores], got.measure[cores])
	}

	// The better of two comes first, and the other beside it.
	errors["decoder loose fetchBytesPerSecond"], errors["decoder loose fetchBytesPerSecond fetchDiskFraction"] = 0.09, 0.08
	if got := decided(t, byHand(t, errors, cores), false); !slices.Equal(got.with.more, []int{fetchRate, fetchDisk}) {
		t.Errorf("taken in: %+v", got.with)
	}

	// Trusting spans less may be all there is to it.
	errors["decoder loose fetchBytesPerSecond"], errors["decoder loose fetchDiskFraction"] = 0.111, 0.12
	got = decided(t, byHand(t, errors, cores), false)
	if got.with.more != nil || !got.with.loose || len(got.words) != 1 || !strings.HasPrefix(got.words[0], "Spans of layers are trusted less: ") {
		t.Errorf("taken in: %+v, %q", got.with, got.words)
	}

	// Nothing helps.
	errors["decoder loose"] = 0.129
	errors["decoder loose fetchBytesPerSecond"], errors["decoder loose fetchDiskFraction"] = 0.128, 0.13
	got = decided(t, byHand(t, errors, cores), false)
	if got.with.more != nil || got.with.loose || len(got.words) != 0 {
		t.Errorf("taken in: %+v, %q", got.with, got.words)
	}
}

// TestLooseBesideCores: what spans are trusted less for is tried anew beside every option
// that is taken in, and loses none of them.
func TestLooseBesideCores(t *testing.T) {
	errors := map[string]float64{
		"decoder": 0.130, "decoder loose": 0.070,
		"decoder loose fetchBytesPerSecond": 0.070, "decoder loose fetchDiskFraction": 0.070,
		"decoder cores": 0.120, "decoder loose cores": 0.068,
		"decoder loose cores fetchBytesPerSecond": 0.068, "decoder loose cores fetchDiskFraction": 0.068,
	}
	got := decided(t, byHand(t, errors), false)
	if !slices.Equal(got.with.more, []int{cores}) || !got.with.loose || got.why[cores] != "" {
		t.Errorf("taken in: %+v, of cores it says %q", got.with, got.why[cores])
	}
	if len(got.words) != 2 || !strings.HasPrefix(got.words[0], "unpack.cores is taken in: ") || got.words[1] != "Spans of layers are trusted less: arms that were left out are missed by 6.8 % so, by 12.0 % otherwise." {
		t.Errorf("said: %q", got.words)
	}
}

// TestBoundsByHand: what bounds unpacking is told where arms that were left out are met
// clearly better so, by the guess or the other.
func TestBoundsByHand(t *testing.T) {
	for _, c := range []struct {
		decoder, disk float64
		words         string
		with          bounding
	}{
		{0.2, 0.1, "The disk bounds unpacking rather than the decoder: arms of starts together that were left out are missed by 10.0 % so, by 20.0 % otherwise.", bounding{disk: true, told: true}},
		{0.1, 0.2, "The decoder bounds unpacking rather than the disk: arms of starts together that were left out are missed by 10.0 % so, by 20.0 % otherwise.", bounding{told: true}},
		{0.2, 0.195, "Whether the disk or the decoder bounds unpacking is not told; taken is the decoder: arms of starts together that were left out are missed by 20.0 % so, by 19.5 % otherwise.", bounding{}},
	} {
		got := decided(t, byHand(t, map[string]float64{"decoder": c.decoder, "disk": c.disk}, fetchRate, fetchDisk, cores), true)
		if got.with.bound != c.with || len(got.words) != 1 || got.words[0] != c.words {
			t.Errorf("%+v, %q", got.with.bound, got.words)
		}
	}
	few := byHand(t, nil, fetchRate, fetchDisk, cores)
	few.cells = few.cells[:8]
	if got := decided(t, few, true); len(got.words) != 1 || !strings.Contains(got.words[0], "is not told: it was not tried, for it takes 3 arms of starts together on one node, and there are 2. Taken is the decoder.") {
		t.Errorf("%q", got.words)
	}
}

// TestUntriedByHand: what was not tried says why not, not that it does not help.
func TestUntriedByHand(t *testing.T) {
	small := byHand(t, nil)
	small.dealt = false
	got := decided(t, small, false)
	for _, i := range options() {
		if got.why[i] != "it was not tried, for 10 arms are too few to leave some out" || got.measure[i] == "" {
			t.Errorf("of %s it says %q", fitted()[i].name, got.why[i])
		}
	}
	shaped := byHand(t, nil)
	shaped.cells = shaped.cells[:6]
	for _, x := range shaped.cells {
		x.setsLink, x.profile = true, simulate.Containerd()
		x.profile.Network.Registry.Value = 1e7
	}
	got = decided(t, shaped, false)
	if want := "it was not tried, for no arm pulls over a link as it is, or several images at once"; got.why[fetchRate] != want || got.why[fetchDisk] != want {
		t.Errorf("of transfers it says %q and %q", got.why[fetchRate], got.why[fetchDisk])
	}
	if want := "it was not tried, for it takes 3 arms of starts together on one node, and there are 0"; got.why[cores] != want {
		t.Errorf("of cores it says %q", got.why[cores])
	}
}

// TestBeatsByHand: a gain counts where it is larger than what single arms make of it.
func TestBeatsByHand(t *testing.T) {
	of := func(misses ...float64) *attempt { return &attempt{misses: misses} }
	for _, c := range []struct {
		name  string
		a, b  *attempt
		at    []int
		beats bool
	}{
		{"all arms", of(0.1, 0.1, 0.1), of(0.2, 0.19, 0.21), nil, true},
		// Differences 0.1, 0 and 0: their standard error is their mean, 0.033.
		{"one arm of three", of(0.1, 0.1, 0.1), of(0.2, 0.1, 0.1), nil, false},
		{"a twentieth", of(0.096, 0.096), of(0.1, 0.1), nil, false},
		{"more than that", of(0.094, 0.094), of(0.1, 0.1), nil, true},
		{"of next to nothing", of(0.001, 0.001), of(0.0015, 0.0015), nil, false},
		{"itself", of(0.1, 0.2), of(0.1, 0.2), nil, false},
		{"the arms that show it", of(0.1, 0.5, 0.1), of(0.2, 0.1, 0.2), []int{0, 2}, true},
	} {
		if got := c.a.beats(c.b, c.at); got != c.beats {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestEveryFitChooses: a fit to half of the arms, or to all but a fold, decides as one
// to all arms does, among its own.
func TestEveryFitChooses(t *testing.T) {
	race.Skip(t)
	for name, takes := range map[string]float64{"some": 120e6, "none": math.Inf(1)} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 12)
			w.inv = apart(8)
			w.timeline.Measurement.Inventory = w.inv
			k := truth
			k.node = 110e6
			w.truth = k.profile()
			w.truth.Unpack.Fetch.Value = network.Rate(takes)
			overlay := "unpack: {cores: 1}\npull: {maxConcurrentDownloads: 1, requestOrder: manifest}"
			for i := range w.inv.Images {
				w.arm(fmt.Sprint("cold ", i), overlay, nil, 3, start{i, 0})
				w.arm(fmt.Sprint("wide ", i), overlay+"\nnetwork: {registryBytesPerSecond: 1000000000}", nil, 3, start{i, 0})
			}
			for _, c := range []struct {
				name  string
				folds int
				in    func(*cell) bool
			}{
				{"all", 5, func(*cell) bool { return true }},
				{"half", 5, func(x *cell) bool { return x.half == 0 }},
				{"one of two folds", 2, func(x *cell) bool { return x.fold != 0 }},
				{"three of four folds", 4, func(x *cell) bool { return x.fold != 1 }},
			} {
				opt := brisk
				opt.Folds = c.folds
				d := w.load(opt)
				in, _ := split(d.cells, c.in)
				f, err := d.fit(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				if taken := slices.Contains(f.chosen.with.more, fetchRate); taken != !math.IsInf(takes, 1) {
					t.Errorf("%s: of fetchBytesPerSecond %g taken is %v; %q, %q", c.name, takes, f.chosen.with.more, f.chosen.words, f.chosen.why[fetchRate])
				}
			}
		})
	}
}

// TestPartsOfAnyArms: whatever arms are given, each is left out once, the parts are
// alike, with each class spread over them, and arms of one name stay together.
func TestPartsOfAnyArms(t *testing.T) {
	d := &Data{opt: Options{Seed: 3}}
	for n := range 20 {
		var cells []*cell
		for i := range n {
			name := fmt.Sprintf("arm %02d", i)
			cells = append(cells, &cell{arm: name, dealtBy: name, class: Classes()[i%2]})
		}
		parts := d.parts(cells)
		if (parts == nil) != (n < 6) {
			t.Fatalf("%d arms: %d parts", n, len(parts))
		}
		left := make([]int, n)
		for _, p := range parts {
			if len(p.in)+len(p.out) != n || len(p.out) < n/leftParts || len(p.out) > n/leftParts+1 {
				t.Errorf("%d arms: a part of %d, fitted to %d", n, len(p.out), len(p.in))
			}
			classes := make(map[string]int)
			for k, c := range p.out {
				if cells[p.at[k]] != c || slices.Contains(p.in, c) {
					t.Errorf("%s is misplaced", c.arm)
				}
				left[p.at[k]]++
				classes[c.class]++
			}
			for class, count := range classes {
				if count > (n+1)/2/leftParts+1 {
					t.Errorf("%d arms: %d of class %s in a part of %d", n, count, class, len(p.out))
				}
			}
		}
		if parts != nil && slices.ContainsFunc(left, func(k int) bool { return k != 1 }) {
			t.Errorf("%d arms are left out so often: %v", n, left)
		}
	}
	// Of fewer names than parts each is left out in turn; one name alone cannot be.
	for names := 1; names <= 3; names++ {
		var cells []*cell
		for i := range 12 {
			cells = append(cells, &cell{arm: fmt.Sprint(i), dealtBy: fmt.Sprint("image ", i%names), class: ClassShaped})
		}
		parts := d.parts(cells)
		if want := []int{0, 0, 2, 3}[names]; len(parts) != want {
			t.Errorf("arms of %d names are dealt into %d parts", names, len(parts))
		}
	}
	twice := make([]*cell, 9)
	for i := range twice {
		name := fmt.Sprint("arm ", i/2)
		twice[i] = &cell{arm: name, dealtBy: name, class: ClassShaped}
	}
	for _, p := range d.parts(twice) {
		for _, c := range p.out {
			if slices.ContainsFunc(p.in, func(x *cell) bool { return x.arm == c.arm }) {
				t.Errorf("%s is on both sides", c.arm)
			}
		}
	}
}
