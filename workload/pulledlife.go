package workload

import (
	"math"
	"slices"
	"strings"
)

// PulledLife is how long a pool's nodes live by how many starts pulled on them.
type PulledLife struct {
	// Hours is the lifetime with which as many containers pull their image as were counted.
	Hours float64
	// Pulled of Told containers that started for the first time pulled.
	Pulled, Told int
}

const (
	// leastTold and leastPulled are the fewest containers by which a lifetime is told: a share
	// of so many pulls is known to about a third.
	leastTold, leastPulled = 30, 10
	// shortestPulled and longestPulled bound the lifetimes that are looked for, in hours.
	shortestPulled, longestPulled = 1, 8760
)

// pulledLives are those of the workload's pools, by name, where the pulls that a cluster
// told of say enough. The model is the plainest: starts are spread over the nodes at random,
// each node pulls an image when it first starts it and keeps it for its life, so that of n
// starts on a node in its life the share (1-e^-n)/n pulls. Whatever else makes starts pull,
// as releases and the kubelet's removing of images, is in it too.
func (w *Workload) pulledLives(pulls []Pull) map[string]PulledLife {
	var lives map[string]PulledLife
	for i := range w.NodePools {
		p := &w.NodePools[i]
		if l, ok := w.pulledLife(p, pulls); ok {
			if lives == nil {
				lives = map[string]PulledLife{}
			}
			lives[p.Name] = l
		}
	}
	return lives
}

func (w *Workload) pulledLife(p *NodePool, pulls []Pull) (l PulledLife, ok bool) {
	rates, told := map[string]float64{}, map[string]float64{} // starts a day of each image
	want := 0.0                                               // containers a day that pull
	for i := range w.Apps {
		a := &w.Apps[i]
		rate := a.StartsPerMonth() / (Month.Hours() / 24)
		if a.NodePool != p.Name || rate == 0 {
			continue
		}
		images := a.AllImages()
		for _, ref := range images {
			rates[ref] += rate
			if a.PulledFraction != nil {
				told[ref] += rate
				want += rate * *a.PulledFraction
			}
		}
		name := strings.TrimSuffix(a.Name, ownNodes)
		for n := range pulls {
			if x := &pulls[n]; x.App == name && x.Node != "" && !x.again {
				switch x.Outcome {
				case Pulled, PartlyPulled:
					l.Pulled, l.Told = l.Pulled+1, l.Told+1
				case Present, Rechecked:
					l.Told++
				}
			}
		}
	}
	if l.Told < leastTold || l.Pulled < leastPulled {
		return l, false
	}
	images := make([]string, 0, len(told))
	for ref := range told {
		images = append(images, ref)
	}
	slices.Sort(images) // sums of floats are the same each time
	pull := func(hours float64) float64 {
		sum := 0.0
		for _, ref := range images {
			n := rates[ref] * hours / 24 / float64(p.Count)
			sum += told[ref] * -math.Expm1(-n) / n
		}
		return sum
	}
	low, high := float64(shortestPulled), float64(longestPulled)
	if pull(low) < want || pull(high) > want {
		return l, false
	}
	for high/low > 1.001 {
		if middle := math.Sqrt(low * high); pull(middle) > want {
			low = middle
		} else {
			high = middle
		}
	}
	l.Hours = threeDigits(math.Sqrt(low * high))
	return l, true
}
