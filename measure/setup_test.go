package measure

import (
	"testing"

	"github.com/cachebench/cachebench/simulate"
)

// TestUnpacksAtOnce: a runtime's default and one unpack at once are one condition, that
// layers of an image follow each other and those of several images do not; only more
// than one is a limit of the node.
func TestUnpacksAtOnce(t *testing.T) {
	for _, test := range []struct {
		unpacks  int
		parallel bool
		most     int64
	}{
		{0, false, simulate.Containerd().Unpack.MaxConcurrent.Value},
		{1, false, simulate.Containerd().Unpack.MaxConcurrent.Value},
		{2, true, 2},
		{3, true, 3},
	} {
		arm := Arm{Name: "a", Starts: []Start{{Image: base}, {Image: app}, {Image: web}}, MaxConcurrentUnpacks: test.unpacks}
		setup, err := setupOf(&arm, newFake())
		if err != nil {
			t.Fatal(err)
		}
		p := simulate.Containerd()
		if err := setup.Profile.Decode(p); err != nil {
			t.Fatal(err)
		}
		if u := &p.Unpack; u.Parallel.Value != test.parallel || u.MaxConcurrent.Value != test.most {
			t.Errorf("%d unpacks at once: parallel %v, at most %d; want %v, %d", test.unpacks, u.Parallel.Value, u.MaxConcurrent.Value, test.parallel, test.most)
		}
		if images := int64(len(arm.Starts)); test.unpacks < 2 && p.Unpack.MaxConcurrent.Value < images {
			t.Errorf("%d unpacks at once: %d images wait for each other", test.unpacks, images)
		}
	}
}
