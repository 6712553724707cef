package plan

import "time"

type poolTimesKey struct {
	image int
	again bool
}

// pullTimes are those of one image: on a node with exactly so many of its lowest layers,
// and on one that has it whole.
type pullTimes struct {
	with []time.Duration
	held time.Duration
}

// sharedLayers is how many of image i's lowest layers image k has too.
func (m *poolModel) sharedLayers(i, k int) int {
	n := 0
	for n < min(len(m.chains[i]), len(m.chains[k])) && m.chains[i][n] == m.chains[k][n] {
		n++
	}
	return n
}

func (m *poolModel) timesOf(image int, again bool) *pullTimes {
	key := poolTimesKey{image, again}
	if t := m.times[key]; t != nil {
		return t
	}
	n := m.layers(image)
	t := &pullTimes{held: m.PullTime(m.Images[image].Image, n, true, again)}
	for k := 0; k <= n; k++ {
		t.with = append(t.with, m.PullTime(m.Images[image].Image, k, false, again))
	}
	m.times[key] = t
	return t
}

// gains are how much less pull i takes in an arm that holds so many of its image's lowest
// layers; the last is where it holds the image. Where more would be a little worse, as with
// requests that race, less counts as that: a plan is not to promise what another of its
// images undoes. They are worked out once.
func (m *poolModel) gains(arm string, i int) []time.Duration {
	if m.known[arm] == nil {
		m.known[arm] = make([][]time.Duration, len(m.Pulls))
	}
	if gains := m.known[arm][i]; gains != nil {
		return gains
	}
	x := &m.Pulls[i]
	n := m.layers(x.Image)
	gains := make([]time.Duration, n+2)
	for k := range gains {
		gains[k] = m.gain(arm, x, min(k, n), k > n)
	}
	for k := n; k >= 0; k-- {
		gains[k] = min(gains[k], gains[k+1])
	}
	m.known[arm][i] = gains
	return gains
}

// gain is that of one pull whose image has so many layers in what the arm holds, or is
// held whole.
func (m *poolModel) gain(arm string, x *PoolPull, shared int, whole bool) time.Duration {
	t := m.timesOf(x.Image, x.Again)
	before := t.with[x.Present]
	with := func(layers int) time.Duration { return before - t.with[max(x.Present, layers)] }
	held := with(shared)
	if whole {
		held = before - t.held
	}
	if arm == PoolPrePull {
		return held
	}
	// A baked disk has the version of its build; what the kubelet removed is gone.
	kept := min(shared, m.Images[x.Image].KeptLayers)
	read := func(layers int) time.Duration { return m.FirstRead(m.unpackedUpTo(x.Image, layers)) }
	switch x.Cause {
	case Fresh:
		stale := m.staleFraction(x.Image)
		return time.Duration((1-stale)*float64(held-read(shared)) + stale*float64(with(kept)-read(kept)))
	case Released:
		return with(kept)
	}
	return 0
}

// gainOf is the one of gains that candidate k brings.
func (m *poolModel) gainOf(gains []time.Duration, image, k int) time.Duration {
	if image == k {
		return gains[len(gains)-1]
	}
	return gains[m.sharedLayers(image, k)]
}

// unpackedUpTo is the size of an image's n lowest layers.
func (m *poolModel) unpackedUpTo(image, n int) int64 {
	var bytes int64
	for _, l := range m.image(image).Layers[:n] {
		if u := m.Inventory.Layers[l].UnpackedBytes; u != nil {
			bytes += *u
		}
	}
	return bytes
}
