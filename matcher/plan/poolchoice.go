package plan

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"
)

// poolModel is a PoolProblem as a tree: what a pull finds of its image's layers on a node
// that holds several others are the lowest ones, as many as the nearest of the others has
// too, and chains of layers are a tree. So each chain that is held gains what pulls take less
// with it than with the one below it, and each image that is held whole what its own take
// less then; the sum of these is the estimate of the union, exactly. Where the runtime keeps
// blobs (KeepBlobs), a layer above another chain would spare its fetch as well; that is left
// out of account, so that a plan promises no more than the estimator, but for what fewer
// requests do to the order of the others.
type poolModel struct {
	*PoolProblem
	// chains are those of each candidate, base first, as numbers of the Inventory's.
	chains [][]int
	// items are chains that the same candidates have, as one, without what new nodes hold:
	// those of each candidate, bytes what each takes on a disk.
	items [][]int
	bytes []int64
	// compressed is what each item's layers have as blobs.
	compressed []int64
	// holds are the chains that new nodes have.
	holds map[int]bool
	// sets are the candidates that fit into the budget.
	sets []int
	// times are the pull times of each candidate by what the node has (timesOf).
	times map[poolTimesKey]*pullTimes
	// known are the gains of each pull, by arm.
	known map[string][][]time.Duration
	// tooLarge counts the candidates that exceed the budget alone.
	tooLarge int
}

func newPoolModel(p *PoolProblem) *poolModel {
	m := &poolModel{PoolProblem: p, times: make(map[poolTimesKey]*pullTimes), known: make(map[string][][]time.Duration)}
	chains := p.Inventory.Chains()
	m.chains = make([][]int, len(p.Images))
	holders := make(map[int]int) // candidates by chain
	for k := range p.Images {
		m.chains[k] = chains.Images[p.Images[k].Image]
		for _, c := range m.chains[k] {
			holders[c]++
		}
	}
	held := make(map[int]bool)
	m.holds = held
	for _, i := range p.Held {
		for _, c := range chains.Images[i] {
			held[c] = true
		}
	}
	itemOf := make(map[int]int)
	m.items = make([][]int, len(p.Images))
	for k := range p.Images {
		for n, c := range m.chains[k] {
			if held[c] {
				continue
			}
			item, known := itemOf[c]
			if !known {
				// A chain in the same images as the one below it is one item with it.
				item = len(m.bytes)
				if n > 0 && holders[c] == holders[m.chains[k][n-1]] && !held[m.chains[k][n-1]] {
					item = itemOf[m.chains[k][n-1]]
				} else {
					m.bytes, m.compressed = append(m.bytes, 0), append(m.compressed, 0)
				}
				itemOf[c] = item
				m.bytes[item] += m.bytesOf(p.image(k).Layers[n])
				m.compressed[item] += p.Inventory.Layers[p.image(k).Layers[n]].CompressedBytes
			}
			if !slices.Contains(m.items[k], item) {
				m.items[k] = append(m.items[k], item)
			}
		}
	}
	for _, k := range m.useful() {
		// What new nodes have already may be chosen too: pods that use it keep it from being
		// removed.
		if m.sizeOf(k) > p.DiskBudgetBytes {
			m.tooLarge++
		} else {
			m.sets = append(m.sets, k)
		}
	}
	return m
}

// useful are the candidates that are worth a look, in their order: those that are pulled,
// and of the others, which serve by what pulled ones are built on, for each such lower
// part the smallest, unless it is a pulled image's whole. No plan is better for the rest.
func (m *poolModel) useful() []int {
	pulled := make([]bool, len(m.Images))
	used, whole := make(map[int]bool), make(map[int]bool)
	for i := range m.Pulls {
		k := m.Pulls[i].Image
		if pulled[k] {
			continue
		}
		pulled[k] = true
		for n, c := range m.chains[k] {
			used[c] = true
			if n == len(m.chains[k])-1 {
				whole[c] = true
			}
		}
	}
	best := make(map[int]int) // by the highest chain that is used
	for k, chains := range m.chains {
		n := 0
		for n < len(chains) && used[chains[n]] {
			n++
		}
		if pulled[k] || n == 0 || whole[chains[n-1]] {
			continue
		}
		if other, ok := best[chains[n-1]]; !ok || m.sizeOf(k) < m.sizeOf(other) {
			best[chains[n-1]] = k
		}
	}
	keep := slices.Collect(maps.Values(best))
	for k := range pulled {
		if pulled[k] {
			keep = append(keep, k)
		}
	}
	slices.Sort(keep)
	return keep
}

// bytesOf is what a layer takes on a node's disk.
func (m *poolModel) bytesOf(layer int) int64 {
	l := &m.Inventory.Layers[layer]
	var bytes int64
	if l.UnpackedBytes != nil {
		bytes = *l.UnpackedBytes
	}
	if m.KeepBlobs {
		bytes += l.CompressedBytes
	}
	return bytes
}

// sizeOf is what a candidate alone adds to a node's disk.
func (m *poolModel) sizeOf(k int) int64 {
	var bytes int64
	for _, item := range m.items[k] {
		bytes += m.bytes[item]
	}
	return bytes
}

// poolChoice are the images that an arm holds.
type poolChoice struct {
	arm string
	// images are candidates in the order of their gain; added and saved what each adds
	// beside those before it, in bytes and in seconds of pulling.
	images     []int
	added      []int64
	saved      []float64
	bytes      int64
	gain       float64 // seconds
	bound      float64
	status     string
	considered int
}

// choose finds the images for an arm.
func (m *poolModel) choose(ctx context.Context, arm string) (*poolChoice, error) {
	return m.tree(arm).choose(ctx, m.DiskBudgetBytes, cmp.Or(m.Effort, 1))
}
