package layers

import (
	"cmp"
	"maps"
	"slices"
)

// Base is a chain that images of a set are built on: the longest chain that a
// number of images have in common, where their ways part. It counts as a base
// when it is itself an image of the set or when images of several repositories
// are built on it; what only the versions of one image have in common is not
// one, unless the whole set is of one repository.
type Base struct {
	// ChainID is that of its top layer.
	ChainID Digest `json:"chainID" document:"required"`
	// Image is the position in SharedSet.Images of an image that is exactly this
	// base; nil when there is none.
	Image *int `json:"image,omitempty"`
	// Below is the position in SharedSet.Bases of the next smaller base that it is
	// built on; nil for one on which all others stand.
	Below *int `json:"below,omitempty"`
	// Example is the position of the first image that is built on it.
	Example int `json:"example"`
	// Images counts the images that are built on it, Repositories their
	// repositories; an image that is the base itself is not among them.
	Images       int `json:"images"`
	Repositories int `json:"repositories"`
	// CreatedBy is the build step that made its top layer.
	CreatedBy string `json:"createdBy,omitempty"`
	// Size is that of its layers.
	Size Size `json:"size"`
}

// Move is what a set would save if the images of all its lowest bases were
// rebuilt on one of them. It is estimated: the layers above the base are taken
// to stay the same, and the other bases' layers go away where nothing else uses
// them. Images for which no base is recognised stay as they are.
type Move struct {
	// To is the position in SharedSet.Bases of the base that remains.
	To int `json:"to"`
	// Images counts the images to rebuild; those that are themselves bases of the
	// set go away instead.
	Images int `json:"images"`
	// SavedCompressedBytes need not be stored or fetched any more, of the union
	// by digest.
	SavedCompressedBytes int64 `json:"savedCompressedBytes"`
	// SavedUnpackedBytes need not be unpacked any more, of the union by chain:
	// the other bases, and layers above them that become the same chain.
	SavedUnpackedBytes int64 `json:"savedUnpackedBytes"`
}

// forest are the bases among the chains of a family, which form a trie.
type forest struct {
	// at gives the position in bases of each chain that is a base, else -1; on
	// the nearest base at or below each chain, root the lowest.
	at, on, root []int
	bases        []Base
	chains       []int
}

// bases recognises the bases, notes in each image the largest that it is built
// on, and says what moving to one of them would save.
func (f *family) bases(ids []Digest, images []SharedImage) ([]Base, []Move) {
	t := f.forest()
	for b, c := range t.chains {
		base := &t.bases[b]
		base.ChainID, base.CreatedBy = ids[c], f.layerOf(c).CreatedBy
		for ; c >= 0; c = f.chains.Parents[c] {
			base.Size.add(f.layerOf(c))
		}
		base.Below = t.below(f.chains.Parents[t.chains[b]])
	}
	for i := range images {
		path := f.path(i)
		if len(path) == 0 {
			continue
		}
		top := path[len(path)-1]
		if t.at[top] >= 0 {
			top = f.chains.Parents[top]
		}
		images[i].Base = t.below(top)
	}
	return t.bases, f.moves(t)
}

// below returns the nearest base at or below a chain, nil when there is none.
func (t *forest) below(chain int) *int {
	if chain < 0 || t.on[chain] < 0 {
		return nil
	}
	b := t.on[chain]
	return &b
}

// forest finds the chains that are bases.
func (f *family) forest() *forest {
	n := len(f.uses)
	t := &forest{at: make([]int, n), on: make([]int, n), root: make([]int, n)}
	points := f.partings()
	for c := range points {
		t.chains = append(t.chains, c)
	}
	slices.SortFunc(t.chains, func(a, b int) int {
		return cmp.Or(cmp.Compare(points[b].Images, points[a].Images), cmp.Compare(f.depth(b), f.depth(a)), cmp.Compare(a, b))
	})
	for c := range t.at {
		t.at[c] = -1
	}
	for b, c := range t.chains {
		t.at[c] = b
		t.bases = append(t.bases, *points[c])
	}
	for c, parent := range f.chains.Parents {
		t.on[c], t.root[c] = t.at[c], t.at[c]
		if parent >= 0 && t.on[c] < 0 {
			t.on[c] = t.on[parent]
		}
		if parent >= 0 && t.root[parent] >= 0 {
			t.root[c] = t.root[parent]
		}
	}
	return t
}

func (f *family) depth(c int) int {
	n := 0
	for ; c >= 0; c = f.chains.Parents[c] {
		n++
	}
	return n
}

// partings finds the chains that are bases: at least two images have them, at
// least one goes on, and no longer chain has as many images.
func (f *family) partings() map[int]*Base {
	most := make([]int, len(f.uses))
	for c, parent := range f.chains.Parents {
		if parent >= 0 {
			most[parent] = max(most[parent], f.uses[c])
		}
	}
	repositories, all := f.repositories()
	points := make(map[int]*Base)
	users := make(map[int]map[int]bool)
	for i := range f.images {
		path := f.path(i)
		for j, c := range path {
			if f.uses[c] < 2 || most[c] == 0 || most[c] == f.uses[c] {
				continue
			}
			p, ok := points[c]
			if !ok {
				p = &Base{}
				points[c], users[c] = p, make(map[int]bool)
			}
			if j == len(path)-1 {
				p.be(i)
				continue
			}
			if p.Images == 0 {
				p.Example = i
			}
			p.Images++
			users[c][repositories[i]] = true
		}
	}
	for c, p := range points {
		p.Repositories = len(users[c])
		if p.Image == nil && p.Repositories == 1 && all > 1 {
			delete(points, c)
		}
	}
	return points
}

// be notes an image that is exactly the base; the first one names it.
func (b *Base) be(image int) {
	if b.Image == nil {
		b.Image = &image
	}
}

// repositories numbers the repository of each image, and counts them. A
// reference that does not parse is a repository of its own.
func (f *family) repositories() ([]int, int) {
	numbers, known := make([]int, len(f.images)), make(map[string]int)
	for i, image := range f.images {
		repository := f.inv.Images[image].Reference
		if n, err := ParseName(repository); err == nil {
			repository = n.RepositoryName()
		}
		if _, ok := known[repository]; !ok {
			known[repository] = len(known)
		}
		numbers[i] = known[repository]
	}
	return numbers, len(known)
}

// moves works out, for each lowest base, what would go away if the images of
// the others were rebuilt on it, best first: most compressed bytes for each
// image to rebuild. Nothing when there is only one lowest base.
func (f *family) moves(t *forest) []Move {
	m := f.apart(t)
	var list []Move
	for b, blobs := range m.blobs {
		move := Move{To: b, Images: m.images - t.bases[b].Images,
			SavedCompressedBytes: m.onlyInBases - m.bytesOf(blobs),
			SavedUnpackedBytes:   m.unpacked - m.above - m.chainBytes(t.chains[b])}
		if move.Images > 0 && move.SavedCompressedBytes > 0 {
			list = append(list, move)
		}
	}
	slices.SortFunc(list, func(x, y Move) int {
		return cmp.Or(cmp.Compare(y.perImage(), x.perImage()), cmp.Compare(y.SavedCompressedBytes, x.SavedCompressedBytes), cmp.Compare(x.To, y.To))
	})
	return list
}

func (m *Move) perImage() float64 { return float64(m.SavedCompressedBytes) / float64(m.Images) }

// parts are the images of a family taken apart into their lowest bases and what
// is above.
type parts struct {
	f *family
	// blobs are the distinct blobs in the place of each lowest base; images
	// counts the images that are built on any.
	blobs  map[int]map[int]bool
	images int
	// kept marks the layers that stand above a base or in an image without one,
	// keptChains the chains of images without one.
	kept, keptChains []bool
	// onlyInBases are the compressed bytes of the blobs that are not kept.
	onlyInBases int64
	// unpacked are the unpacked bytes of the chains that are not kept, above of
	// those that remain above the bases when all are the same one.
	unpacked, above int64
	steps           map[chainStep]int
}

func (f *family) apart(t *forest) *parts {
	m := &parts{f: f, blobs: make(map[int]map[int]bool), kept: make([]bool, len(f.inv.Layers)),
		keptChains: make([]bool, len(f.uses)), steps: make(map[chainStep]int)}
	for i := range f.images {
		m.take(i, t)
	}
	for b := range m.blobs {
		m.images += t.bases[b].Images
	}
	all := make(map[int]bool)
	for _, blobs := range m.blobs {
		maps.Copy(all, blobs)
	}
	m.onlyInBases = m.bytesOf(all)
	for c, n := range f.uses {
		if n > 0 && !m.keptChains[c] {
			m.unpacked += f.layerOf(c).unpacked()
		}
	}
	return m
}

// take takes the i-th image apart. The chains above its base are numbered anew
// as if all images stood on the same one.
func (m *parts) take(i int, t *forest) {
	path, layers := m.f.path(i), m.f.inv.Images[m.f.images[i]].Layers
	base, height := -1, 0
	if n := len(path); n > 0 && t.root[path[n-1]] >= 0 {
		base = t.root[path[n-1]]
		height = m.f.depth(t.chains[base])
	}
	if base >= 0 && m.blobs[base] == nil {
		m.blobs[base] = make(map[int]bool)
	}
	below := -1
	for j, c := range path {
		switch {
		case base < 0:
			m.kept[layers[j]], m.keptChains[c] = true, true
		case j < height:
			m.blobs[base][layers[j]] = true
		default:
			m.kept[layers[j]] = true
			below = m.stack(chainStep{below, m.f.chains.DiffIDs[c]}, m.f.layerOf(c))
		}
	}
}

// stack numbers a step above the bases, and counts it when it is new.
func (m *parts) stack(step chainStep, l *Layer) int {
	id, ok := m.steps[step]
	if !ok {
		id = len(m.steps)
		m.steps[step] = id
		m.above += l.unpacked()
	}
	return id
}

// bytesOf counts those of the blobs that nothing but bases uses.
func (m *parts) bytesOf(blobs map[int]bool) int64 {
	var sum int64
	for l := range blobs {
		if !m.kept[l] {
			sum += m.f.inv.Layers[l].CompressedBytes
		}
	}
	return sum
}

// chainBytes counts the unpacked bytes of a base that images without a base do
// not keep.
func (m *parts) chainBytes(c int) int64 {
	var sum int64
	for ; c >= 0; c = m.f.chains.Parents[c] {
		if !m.keptChains[c] {
			sum += m.f.layerOf(c).unpacked()
		}
	}
	return sum
}

// unpacked returns the unpacked bytes, 0 when they are unknown.
func (l *Layer) unpacked() int64 {
	if l.UnpackedBytes == nil {
		return 0
	}
	return *l.UnpackedBytes
}
