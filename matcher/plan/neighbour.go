package plan

import (
	"cmp"
	"context"
	"slices"
)

// How many neighbours of what was chosen are added at once, and how often.
const (
	neighbourRounds = 5
	mostNeighbours  = 60
)

// addNeighbours adds candidates that differ a little from the chosen ones: two of them
// in one; one with the images of an app that has none; one without the images that only
// one of its apps needs. It returns how many are new.
func (m *model) addNeighbours(c *choice) (int, error) {
	var chosen []imageSet
	for _, j := range c.Sets {
		if candidate := m.candidateOf(j); candidate != nil {
			chosen = append(chosen, imageSet{images: candidate.images, layers: candidate.layers})
		}
	}
	g := m.generator
	before, beyond := len(g.sets), g.beyond
	g.limit = g.made + mostNeighbours/2
	m.offerWithout(c)
	g.limit = g.made + mostNeighbours/2
	for i := range chosen {
		for j := range i {
			g.offerUnion(chosen[i], chosen[j])
		}
	}
	for _, a := range m.unserved(c) {
		own := m.imageSet(a.AllImages())
		for _, s := range chosen {
			g.offerUnion(s, own)
		}
	}
	g.neighbours += g.beyond - beyond
	g.beyond = beyond
	added := slices.Clone(g.sets[before:])
	return len(added), m.considerAll(added)
}

// considerAll makes sets candidates beside those that there are.
func (m *model) considerAll(sets []imageSet) error {
	for _, s := range sets {
		if err := m.consider(s); err != nil {
			return err
		}
	}
	return m.setOptions(context.Background()) // a plan is at hand, and is not to be lost
}

func (g *generator) offerUnion(x, y imageSet) {
	if u := union(x, y); u.fits() {
		g.offer(u)
	}
}

// offerWithout offers each chosen candidate with the images of all its apps but one.
func (m *model) offerWithout(c *choice) {
	for _, j := range c.Sets {
		var served []*app
		for i, a := range m.apps {
			if k := c.Picks[i]; k != none && a.options[k].set == j && m.candidateOf(j) != nil {
				served = append(served, a)
			}
		}
		for _, left := range served {
			var images []string
			for _, a := range served {
				if a != left {
					images = append(images, a.AllImages()...)
				}
			}
			slices.Sort(images)
			// Looked up only if they fit: an app of hundreds leaves hundreds.
			if images = slices.Compact(images); len(images) > 0 && (imageSet{images: images}).fits() {
				m.generator.offer(m.imageSet(images))
			}
		}
	}
}

// unserved are the apps without a planned cache, primed or not, that a candidate would
// help, those that gain most by one first.
func (m *model) unserved(c *choice) []*app {
	most := make(map[*app]float64)
	var apps []*app
	for i, a := range m.apps {
		if o := m.program.mostGain(i); !m.hasCache(c, i) && o != nil {
			most[a] = o.Gain
			apps = append(apps, a)
		}
	}
	slices.SortStableFunc(apps, func(x, y *app) int { return cmp.Compare(most[y], most[x]) })
	return apps[:min(len(apps), mostNeighbours)]
}
