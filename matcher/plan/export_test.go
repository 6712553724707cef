package plan

import "github.com/cachebench/cachebench/matcher"

// Candidates returns what Choose considers: the names, images and sizes in GiB.
func Candidates(p Problem) (names []string, images [][]string, sizes []float64) {
	p = p.sorted()
	sets, _ := p.imageSets()
	for _, s := range sets {
		total, _ := p.unpacked(s.layers)
		names = append(names, p.nameOf(s))
		images = append(images, s.images)
		sizes = append(sizes, matcher.SizeToHold(total))
	}
	return names, images, sizes
}
