package matcher

// lent is what images that are held spare a need, as their Overlap has it: distinct
// blobs with their compressed bytes, distinct chains with their unpacked bytes.
type lent struct {
	blobs, chains                  int
	compressedBytes, unpackedBytes int64
}

// lending is a need to be compared with many caches, without allocating for each.
type lending struct {
	m *Matcher
	// blobs and chains are those of the need, each once; top has a layer of each
	// chain.
	blobs, chains, top []int
}

func (m *Matcher) lending(need []int) *lending {
	n := &lending{m: m}
	s := &m.scratch
	s.begin(m)
	for _, i := range need {
		for j, l := range m.inv.Images[i].Layers {
			chain := m.chains.Images[i][j]
			if !s.chain(chain) {
				// Unpacked from the blob of an image before, as in overlap.
				continue
			}
			n.chains, n.top = append(n.chains, chain), append(n.top, l)
			if s.blob(l) {
				n.blobs = append(n.blobs, l)
			}
		}
	}
	return n
}

// of is what the images held spare the need.
func (n *lending) of(held []int) lent {
	var all lent
	inv, s := n.m.inv, &n.m.scratch
	s.begin(n.m)
	for _, i := range held {
		s.hold(n.m.chains.Images[i])
		for _, l := range inv.Images[i].Layers {
			s.blob(l)
		}
	}
	for _, l := range n.blobs {
		if s.heldBlob(l) {
			all.blobs++
			all.compressedBytes += inv.Layers[l].CompressedBytes
		}
	}
	for k, chain := range n.chains {
		if !s.heldChain(chain) {
			continue
		}
		all.chains++
		if bytes := inv.Layers[n.top[k]].UnpackedBytes; bytes != nil {
			all.unpackedBytes += *bytes
		}
	}
	return all
}
