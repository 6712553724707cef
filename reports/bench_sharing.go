package reports

import (
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/layers"
)

// BenchImages has the figures of a set of images, by platform.
const BenchImages = "Images"

// sharingBench writes the figures of sets of images, those that analyze --check
// judges. Where a reference could not be read there are none: they would be of a
// part.
func sharingBench(r *Report) ([]byte, error) {
	if n := len(r.Sharing.Unresolved); n > 0 {
		return nil, fmt.Errorf("format %s has the figures of all images or none: %s could not be read", Bench, count(n, "reference"))
	}
	var b benchText
	b.comment(&r.Provenance, r.Doubts)
	if unread := r.Sharing.Unread; len(unread) > 0 {
		b.incomparable(unreadWords(unread, "of the images"))
	}
	var lines []BenchLine
	var units []string
	for _, f := range r.Sharing.Figures() {
		if f.Platform == "" {
			continue // unresolved, which is 0
		}
		if len(lines) == 0 || lines[len(lines)-1].Keys[1] != f.Platform {
			lines = append(lines, BenchLine{Name: BenchImages, Keys: []string{"platform", f.Platform}, Starts: 1})
		}
		l := &lines[len(lines)-1]
		l.Values = append(l.Values, BenchValue{f.Value, sharingUnit(f)})
		if !slices.Contains(units, sharingUnit(f)) {
			units = append(units, sharingUnit(f))
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("format %s: there are no images", Bench)
	}
	for _, unit := range units {
		fmt.Fprintf(&b, "Unit %s assume=exact\n", unit)
	}
	for i := range lines {
		b.result(lines[i])
	}
	return b.Bytes(), nil
}

// sharingUnit is a figure's name with its unit: union-B, shared-fraction, layers.
func sharingUnit(f layers.Figure) string {
	if f.Unit == UnitNone {
		return f.Name
	}
	return f.Name + "-" + f.Unit
}
