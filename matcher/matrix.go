package matcher

import (
	"slices"

	"github.com/cachebench/cachebench/layers"
)

// Matrix says, for every pair of images, how much of the one a host spares that
// holds the other. Row A and column B of each table are about A where B is
// present; the diagonal is the whole image.
//
// A cell is what Overlap says of the two, counted for all pairs at once.
// layers.Sharing lists the pairs that share most among the distinct images of a
// platform, each pair once, with much else; here every reference stands, and A
// counts in its own blobs: where two images have one content compressed
// otherwise, what B spares A is not what A spares B.
type Matrix struct {
	// Images are the rows and columns.
	Images []MatrixImage `json:"images"`
	// DigestBytes are compressed bytes of A's distinct blobs that B has as well:
	// downloads spared on a host that keeps B's blobs. They are the same for B
	// and A.
	DigestBytes [][]int64 `json:"digestBytes"`
	// ChainBytes are compressed bytes of A that are not downloaded, and
	// ChainUnpackedBytes unpacked bytes that are not unpacked, because B has the
	// same layers from the base up.
	ChainBytes         [][]int64 `json:"chainBytes"`
	ChainUnpackedBytes [][]int64 `json:"chainUnpackedBytes"`
	// DigestSimilarity is what both have by what either has, in compressed bytes
	// of distinct blobs; ChainSimilarity in unpacked bytes of chains. 0 where
	// neither has any bytes.
	DigestSimilarity [][]float64 `json:"digestSimilarity"`
	ChainSimilarity  [][]float64 `json:"chainSimilarity"`
}

// MatrixImage is one image of a Matrix.
type MatrixImage struct {
	Reference string        `json:"reference" document:"required"`
	Digest    layers.Digest `json:"digest" document:"required"`
	// Layers counts distinct blobs, CompressedBytes is their size; UnpackedBytes
	// is that of all layers. UnknownLayers have no unpacked size and are missing
	// from it.
	Layers          int   `json:"layers"`
	CompressedBytes int64 `json:"compressedBytes"`
	UnpackedBytes   int64 `json:"unpackedBytes"`
	UnknownLayers   int   `json:"unknownLayers,omitempty"`
}

// Matrix compares the images that the references mean, each reference once and in
// that order; those that the Inventory lacks are left out.
func (m *Matcher) Matrix(references []string) *Matrix {
	var images []int
	x := &Matrix{Images: []MatrixImage{}}
	seen := make(map[string]bool, len(references))
	for _, ref := range references {
		if i := m.find(ref, m.at); i >= 0 && !seen[ref] {
			seen[ref] = true
			images = append(images, i)
			need := m.overlap([]int{i}, store{})
			x.Images = append(x.Images, MatrixImage{ref, m.inv.Images[i].Digest, need.Layers, need.CompressedBytes, need.UnpackedBytes, need.UnknownLayers})
		}
	}
	k := m.kin(images)
	x.DigestBytes, x.ChainBytes, x.ChainUnpackedBytes = table[int64](len(images)), table[int64](len(images)), table[int64](len(images))
	for a := range images {
		k.row(a, func(b int, common kinship) {
			x.DigestBytes[a][b], x.ChainBytes[a][b], x.ChainUnpackedBytes[a][b] = common.digestBytes, common.chainBytes, common.chainUnpackedBytes
		})
	}
	x.DigestSimilarity, x.ChainSimilarity = similarity(x.DigestBytes), similarity(x.ChainUnpackedBytes)
	return x
}

// table is a square of zeros in one piece.
func table[T any](n int) [][]T {
	all, rows := make([]T, n*n), make([][]T, n)
	for i := range rows {
		rows[i] = all[i*n : (i+1)*n : (i+1)*n]
	}
	return rows
}

// similarity is shared / union, given what is shared and, on the diagonal, what
// each image has. Where the two count what they share in different sizes, the
// smaller is taken, so that it is never above 1.
func similarity(shared [][]int64) [][]float64 {
	rows := table[float64](len(shared))
	for a := range shared {
		for b := range shared[a] {
			both := min(shared[a][b], shared[b][a])
			if union := shared[a][a] + shared[b][b] - both; union > 0 {
				rows[a][b] = float64(both) / float64(union)
			}
		}
	}
	return rows
}

// kin finds what images have in common with one image, through the images that
// have each of its blobs and chains: those that share nothing cost nothing.
type kin struct {
	m      *Matcher
	images []int
	// blobs and chains give, for each blob and chain, those of the images that
	// have it, in order.
	blobs, chains [][]int32
	// digests and depths are what one row has counted for each image.
	digests []int64
	depths  []int32
	touched []int32
	scratch scratch
}

// kinship is what an image spares another: compressed bytes by digest, the
// number of layers that are the same from the base up, and their compressed and
// unpacked bytes.
type kinship struct {
	digestBytes                    int64
	depth                          int
	chainBytes, chainUnpackedBytes int64
}

func (m *Matcher) kin(images []int) *kin {
	k := &kin{
		m: m, images: images, blobs: make([][]int32, len(m.inv.Layers)), chains: make([][]int32, len(m.chains.Parents)),
		digests: make([]int64, len(images)), depths: make([]int32, len(images)),
	}
	for a, i := range images {
		k.scratch.begin(m)
		for j, l := range m.inv.Images[i].Layers {
			if k.scratch.blob(l) {
				k.blobs[l] = append(k.blobs[l], int32(a))
			}
			c := m.chains.Images[i][j]
			k.chains[c] = append(k.chains[c], int32(a))
		}
	}
	return k
}

// row tells what each image that has anything in common with the a-th spares it,
// itself included, in the order of images.
func (k *kin) row(a int, tell func(b int, common kinship)) {
	image := k.images[a]
	list := k.m.inv.Images[image].Layers
	k.touched = k.touched[:0]
	k.scratch.begin(k.m)
	for j, l := range list {
		if k.scratch.blob(l) {
			for _, b := range k.blobs[l] {
				k.touch(b)
				k.digests[b] += k.m.inv.Layers[l].CompressedBytes
			}
		}
		for _, b := range k.chains[k.m.chains.Images[image][j]] {
			k.touch(b)
			k.depths[b]++
		}
	}
	slices.Sort(k.touched)
	k.touched = slices.Compact(k.touched)
	upTo := k.prefixes(list)
	for _, b := range k.touched {
		common := upTo[k.depths[b]]
		common.digestBytes = k.digests[b]
		k.digests[b], k.depths[b] = 0, 0
		tell(int(b), common)
	}
}

// touch notes an image that the row is about; one that has counted nothing yet.
func (k *kin) touch(b int32) {
	if k.depths[b] == 0 && k.digests[b] == 0 {
		k.touched = append(k.touched, b)
	}
}

// prefixes are what the first layers of an image amount to, for each number of
// them. A blob that stands again above them is downloaded all the same.
func (k *kin) prefixes(list []int) []kinship {
	upTo := make([]kinship, len(list)+1)
	for j, l := range list {
		upTo[j+1] = kinship{depth: j + 1, chainUnpackedBytes: upTo[j].chainUnpackedBytes}
		if bytes := k.m.inv.Layers[l].UnpackedBytes; bytes != nil {
			upTo[j+1].chainUnpackedBytes += *bytes
		}
	}
	// From the top down: the last time that a blob stands is where it is spared.
	k.scratch.begin(k.m)
	for j := len(list) - 1; j >= 0; j-- {
		if k.scratch.blob(list[j]) {
			upTo[j+1].chainBytes = k.m.inv.Layers[list[j]].CompressedBytes
		}
	}
	for j := range list {
		upTo[j+1].chainBytes += upTo[j].chainBytes
	}
	return upTo
}
