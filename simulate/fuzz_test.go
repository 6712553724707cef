package simulate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// stepLimit is a context that ends a run after so many steps, reckoned by the engine's
// asking.
type stepLimit struct {
	context.Context
	left int
}

var errSteps = errors.New("too many steps")

func (s *stepLimit) Err() error {
	if s.left--; s.left < 0 {
		return errSteps
	}
	return nil
}

// failer is a test or a draw of one.
type failer interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// endsSoundly runs a small burst with a profile that is valid: it ends, or says
// that it takes too long or never gets through, and loses no byte.
func endsSoundly(t failer, r *randomRun) {
	startups, err := Run(&stepLimit{context.Background(), 5000}, r.inv, r.profile, r.starts, r.options)
	if err != nil {
		if errors.Is(err, errSteps) || !strings.Contains(err.Error(), "would go on for more than") && !strings.Contains(err.Error(), "failed 10000 times") {
			t.Fatal(err)
		}
		return
	}
	for i := range startups {
		if err := sound(&startups[i]); err != nil {
			t.Fatalf("start %d: %v", i, err)
		}
	}
	for i := range r.starts {
		s := &r.starts[i]
		e, err := EstimateStart(r.inv, r.profile, s)
		if err != nil && strings.Contains(err.Error(), "would take more than") && (r.profile.Draws() || startups[i].Ready > longest/10) {
			continue // for typical draws it would, or if nothing were done at once
		}
		if err != nil || e.Ready < 0 || e.Pull < 0 || e.Billed < 0 {
			t.Fatalf("estimate of start %d: %+v, %v", i, e, err)
		}
		if s.Node == "" && s.NodeClass == "" && r.profile.Pull.KeepBlobs.Value {
			if got := &startups[i]; got.FetchedBytes != e.FetchedBytes || got.UnpackedBytes != e.UnpackedBytes {
				t.Fatalf("start %d fetched %d and unpacked %d; estimated %d and %d", i, got.FetchedBytes, got.UnpackedBytes, e.FetchedBytes, e.UnpackedBytes)
			}
		}
	}
}

func smallBurst(p *Profile) *randomRun {
	base := testLayer{"base", 30 * mb, 80 * mb, 2000}
	r := &randomRun{profile: p, inv: inventory(
		[]testLayer{base, {"python", 20 * mb, 60 * mb, 1500}, base},
		[]testLayer{base, {"jre", 90 * mb, 220 * mb, 500}},
		nil,
	)}
	r.options.Spans = func(int) bool { return true }
	r.starts = []Start{
		{App: "a", Images: []int{0, 1}}, {App: "b", Images: []int{0, 2}, CacheID: "c", Held: []int{1}}, {App: "c", Images: []int{1}, Requested: time.Second},
		{App: "d", Images: []int{0}, Node: "n"}, {App: "e", Images: []int{1, 0}, Node: "n", Requested: 300 * ms, PullPolicy: "Always"},
	}
	for name := range p.NodeClasses {
		r.starts = append(r.starts, Start{App: "f" + name, Images: []int{1}, NodeClass: name, Node: "m" + name})
	}
	slices.SortFunc(r.starts, func(x, y Start) int { return strings.Compare(x.App, y.App) })
	return r
}

// FuzzProfile: whatever the bytes of a profile file, it is refused, or a small
// burst with it runs soundly to its end.
func FuzzProfile(f *testing.F) {
	paths, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range a.Files {
			if part.Name == "profile" {
				f.Add("containerd", part.Data)
				f.Add("eci", part.Data)
			}
		}
	}
	f.Add("none", []byte(randomClasses))
	f.Fuzz(func(t *testing.T, base string, data []byte) {
		head := "apiVersion: cachebench/v1\nkind: Profile\nname: x\n"
		if slices.Contains([]string{"containerd", "eci", "none"}, base) {
			head += "base: " + base + "\n"
		}
		p, err := ReadProfile("fuzz.yaml", append([]byte(head), data...))
		if err != nil {
			return
		}
		if len(p.NodeClasses) > 5 || len(p.Network.Links) > 20 {
			return
		}
		endsSoundly(t, smallBurst(p))
	})
}

// FuzzCase: whatever a case file says, it is refused or what it gives is sound,
// and its parts stay as they are when only the timeline is rewritten.
func FuzzCase(f *testing.F) {
	paths, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := readCase("fuzz.txt", data)
		if err != nil {
			return
		}
		again, err := readCase("again.txt", txtar.Format(c.archive))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.starts, again.starts); diff != "" {
			t.Fatalf("read again:\n%s", diff)
		}
		if len(c.starts) > 20 || len(c.inv.Layers) > 200 {
			return
		}
		startups, err := Run(&stepLimit{t.Context(), 5000}, c.inv, c.profile, c.starts, c.options)
		if errors.Is(err, errSteps) || err != nil && strings.Contains(err.Error(), "fault of cachebench") {
			t.Fatal(err)
		}
		for i := range startups {
			if err := sound(&startups[i]); err != nil {
				t.Fatalf("start %d: %v", i, err)
			}
		}
		c.write(startups)
		c.holds(startups)
	})
}
