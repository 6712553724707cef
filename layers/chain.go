package layers

// Chains numbers the chains of an Inventory. A chain is a layer together with
// all layers below it; a runtime unpacks a layer again unless it holds the
// chain (chainID in the OCI image specification, config.md; image-spec
// identity.ChainID). Two layers are the same step of a chain when their diffIDs
// are equal, whatever their digests.
type Chains struct {
	// Images holds, for each image of the Inventory, the chain of each of its
	// layers, base layer first.
	Images [][]int
	// Parents holds, for each chain, the chain below it, or -1 for a base layer.
	// A chain's number is greater than its parent's.
	Parents []int
	// DiffIDs holds the diffID of each chain's top layer.
	DiffIDs []Digest
}

type chainStep struct {
	parent int
	diffID Digest
}

// Chains numbers the Inventory's chains in the order of its images. A layer
// without a diffID is known by its digest.
func (inv *Inventory) Chains() *Chains {
	c := &Chains{Images: make([][]int, len(inv.Images))}
	known := make(map[chainStep]int)
	for i, img := range inv.Images {
		below := -1
		c.Images[i] = make([]int, len(img.Layers))
		for j, l := range img.Layers {
			step := chainStep{below, inv.Layers[l].diffID()}
			id, ok := known[step]
			if !ok {
				id = len(c.Parents)
				known[step] = id
				c.Parents = append(c.Parents, below)
				c.DiffIDs = append(c.DiffIDs, step.diffID)
			}
			c.Images[i][j], below = id, id
		}
	}
	return c
}

func (l Layer) diffID() Digest {
	if l.DiffID != "" {
		return l.DiffID
	}
	return l.Digest
}

// IDs returns the chainID of each chain: a base layer's is its diffID, every
// other the SHA-256 of "<parent chainID> <diffID>".
func (c *Chains) IDs() []Digest {
	ids := make([]Digest, len(c.Parents))
	for i, parent := range c.Parents {
		ids[i] = c.DiffIDs[i]
		if parent >= 0 {
			ids[i] = digestOf([]byte(string(ids[parent]) + " " + string(c.DiffIDs[i])))
		}
	}
	return ids
}
