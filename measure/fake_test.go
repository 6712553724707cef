package measure

import (
	"context"
	"errors"
	"fmt"
	"testing/fstest"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// The images of the tests: two apps on one base, worked out by hand below.
//
//	base: b (1000 compressed, 3000 unpacked)
//	app:  b, a (200, 500), x (10, 20)
//	web:  b, w (300, 700), x (10, 20): x stands above other layers than in app
const (
	base = "registry.test/base:1"
	app  = "registry.test/app:1"
	web  = "registry.test/web:1"
)

func testInventory() *layers.Inventory {
	layer := func(name string, compressed, unpacked int64) layers.Layer {
		return layers.Layer{Digest: layers.Digest("sha256:" + name), DiffID: layers.Digest("sha256:diff-" + name),
			CompressedBytes: compressed, UnpackedBytes: &unpacked, UnpackedSource: layers.Measured}
	}
	image := func(ref string, list ...int) layers.Image {
		return layers.Image{Reference: ref, Digest: layers.Digest("sha256:of-" + ref), Platform: "linux/amd64", Layers: list}
	}
	return &layers.Inventory{
		Layers: []layers.Layer{layer("b", 1000, 3000), layer("a", 200, 500), layer("x", 10, 20), layer("w", 300, 700)},
		Images: []layers.Image{image(base, 0), image(app, 0, 1, 2), image(web, 0, 3, 2)},
	}
}

// fakeRunner does what a runtime that keeps no blobs does: it fetches and unpacks
// what is not kept, once on each node.
type fakeRunner struct {
	inv      *layers.Inventory
	now      time.Time
	settings string
	facts    []simulate.Fact
	calls    []string // prepare and run of arms
	prepare  func(call int, a *Arm) error
	change   func(call int, a *Arm, s []simulate.Startup) ([]simulate.Startup, error)
	runs     int
	finish   func() // what Finish does, besides that it is counted
	finished int
	roots    []int // of Processes
	refuse   func(a *Arm) error
}

func newFake() *fakeRunner {
	return &fakeRunner{inv: testInventory(), now: time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)}
}

func (f *fakeRunner) Tool() string { return "pull" }

func (f *fakeRunner) Facts(context.Context) ([]simulate.Fact, error) { return f.facts, nil }
func (f *fakeRunner) Settings(*Arm) string                           { return f.settings }
func (f *fakeRunner) Processes() []int                               { return f.roots }
func (f *fakeRunner) Close() error                                   { return nil }

func (f *fakeRunner) CheckArm(a *Arm) error {
	if f.refuse != nil {
		return f.refuse(a)
	}
	return nil
}

func (f *fakeRunner) Finish(context.Context) error {
	f.finished++
	if f.finish != nil {
		f.finish()
	}
	return nil
}

func (f *fakeRunner) Prepare(_ context.Context, a *Arm) error {
	f.calls = append(f.calls, "prepare "+a.Name)
	f.now = f.now.Add(time.Second)
	if f.prepare != nil {
		return f.prepare(len(f.calls), a)
	}
	return nil
}

func (f *fakeRunner) Run(_ context.Context, a *Arm) ([]simulate.Startup, error) {
	f.calls = append(f.calls, "run "+a.Name)
	f.runs++
	var list []simulate.Startup
	present := map[string]bool{}
	for _, ref := range a.Keep {
		for node := range MostNodes {
			f.walk(ref, func(_ *layers.Layer, chain string) { present[fmt.Sprint(node, chain)] = true })
		}
	}
	for _, s := range a.Starts {
		var u simulate.Startup
		at := time.Millisecond
		f.walk(s.Image, func(l *layers.Layer, chain string) {
			key := fmt.Sprint(s.Node, chain)
			if present[key] {
				u.LayersReused++
				return
			}
			present[key] = true
			blob := fmt.Sprint(s.Node, l.Digest)
			end := at + time.Duration(l.CompressedBytes)*time.Millisecond
			if !present[blob] {
				present[blob] = true
				u.FetchedBytes += l.CompressedBytes
				u.Spans = append(u.Spans, simulate.Span{Phase: simulate.Fetch, Layer: l.Digest, Start: at, End: end, Bytes: l.CompressedBytes})
			}
			u.UnpackedBytes += *l.UnpackedBytes
			u.Spans = append(u.Spans, simulate.Span{Phase: simulate.Unpack, Layer: l.Digest, Start: end, End: end + time.Millisecond, Bytes: *l.UnpackedBytes})
			at = end + time.Millisecond
		})
		u.Ready = at
		list = append(list, u)
	}
	f.now = f.now.Add(time.Minute)
	if f.change != nil {
		return f.change(f.runs, a, list)
	}
	return list, nil
}

// walk visits the layers of an image, base first, with a word for each chain.
func (f *fakeRunner) walk(ref string, visit func(l *layers.Layer, chain string)) {
	for _, img := range f.inv.Images {
		if img.Reference != ref {
			continue
		}
		chain := ""
		for _, i := range img.Layers {
			chain += "/" + string(f.inv.Layers[i].DiffID)
			visit(&f.inv.Layers[i], chain)
		}
	}
}

// options are those of a run with the fake's clock and without /proc.
func (f *fakeRunner) options() Options {
	return Options{Version: "test", now: func() time.Time { return f.now }, proc: fstest.MapFS{}}
}

var errBroken = errors.New("the disk is broken")

// text writes a timeline as it is saved.
func text(t *simulate.Timeline) string {
	data, err := document.Marshal(simulate.TimelineKind, t)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
