package cachebench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
)

// pair is two images in one Inventory: 0 is the old one, 1 the new one.
type pair struct {
	inv    *layers.Inventory
	chains *layers.Chains
	doubts []string
}

// newPair copies the two images into an Inventory of their own, in which what
// is the same on both sides is one layer.
func newPair(old, new DiffSide) *pair {
	p := &pair{inv: &layers.Inventory{}}
	table := make(map[layers.Digest]int)
	for _, side := range []DiffSide{old, new} {
		img := *side.image()
		img.Layers, img.Hidden = slices.Clone(img.Layers), nil
		for j, l := range img.Layers {
			img.Layers[j] = p.intern(table, side.Inventory.Layers[l])
		}
		p.inv.Images = append(p.inv.Images, img)
		p.doubt(side)
	}
	p.chains = p.inv.Chains()
	p.adopt(1, 0)
	p.adopt(0, 1)
	p.shareSizes()
	p.inv = p.inv.Estimated()
	p.pushed()
	return p
}

// doubt takes over what the side's Inventory doubts of the image.
func (p *pair) doubt(side DiffSide) {
	about := slices.DeleteFunc(slices.Clone(side.Inventory.Doubts), func(doubt string) bool { return !side.Inventory.IsAbout(doubt, side.Image) })
	for _, doubt := range slices.Concat(about, side.Inventory.OddDoubts(side.Image)) {
		if !slices.Contains(p.doubts, doubt) {
			p.doubts = append(p.doubts, doubt)
		}
	}
}

// intern returns the position of a layer; what another copy of it does not know
// is filled in.
func (p *pair) intern(table map[layers.Digest]int, l layers.Layer) int {
	i, ok := table[l.Digest]
	if !ok {
		table[l.Digest] = len(p.inv.Layers)
		p.inv.Layers = append(p.inv.Layers, l)
		return len(p.inv.Layers) - 1
	}
	known := &p.inv.Layers[i]
	if known.DiffID != l.DiffID && known.DiffID != "" && l.DiffID != "" {
		p.doubts = append(p.doubts, fmt.Sprintf("The sides disagree on the diffID of layer %s: %s and %s.", l.Digest, known.DiffID, l.DiffID))
	}
	if known.DiffID == "" {
		known.DiffID = l.DiffID
	}
	if rank(l.CompressedSource) > rank(known.CompressedSource) {
		known.CompressedBytes, known.CompressedSource, known.MediaType = l.CompressedBytes, l.CompressedSource, l.MediaType
	}
	if l.UnpackedBytes != nil && (known.UnpackedBytes == nil || l.BetterSize(known)) {
		known.UnpackedBytes, known.UnpackedSource, known.UnpackedMethod, known.Files = l.UnpackedBytes, l.UnpackedSource, l.UnpackedMethod, l.Files
	}
	if known.CreatedBy == "" {
		known.CreatedBy = l.CreatedBy
	}
	if known.Scan == nil {
		known.Scan = l.Scan
	}
	return i
}

// rank orders the sources of a compressed size, the surest highest.
func rank(source string) int {
	return slices.Index([]string{layers.Estimated, layers.Measured, ""}, source)
}

// adopt gives the layers of image for which its source keeps no blob the blobs
// that the image from has of them: the one in the same place of the same chain,
// else the first of the same content.
func (p *pair) adopt(image, from int) {
	stored := func(l int) bool { return p.inv.Layers[l].CompressedSource == "" }
	byDiffID, byChain := make(map[layers.Digest]int), make(map[int]int)
	for j, l := range p.inv.Images[from].Layers {
		if !stored(l) {
			continue
		}
		byChain[p.chains.Images[from][j]] = l
		if id := p.inv.Layers[l].DiffID; id != "" {
			if _, ok := byDiffID[id]; !ok {
				byDiffID[id] = l
			}
		}
	}
	own := p.inv.Images[image].Layers
	for j, l := range own {
		if stored(l) {
			continue
		}
		if to, ok := byChain[p.chains.Images[image][j]]; ok {
			own[j] = to
		} else if to, ok := byDiffID[p.inv.Layers[l].DiffID]; ok {
			own[j] = to
		}
	}
}

// shareSizes gives layers of one content one unpacked size, the best known.
func (p *pair) shareSizes() {
	best := make(map[layers.Digest]int)
	for i, l := range p.inv.Layers {
		b, ok := best[l.DiffID]
		if l.DiffID != "" && l.UnpackedBytes != nil && (!ok || l.BetterSize(&p.inv.Layers[b])) {
			best[l.DiffID] = i
		}
	}
	for i := range p.inv.Layers {
		l := &p.inv.Layers[i]
		if b, ok := best[l.DiffID]; ok && l.DiffID != "" {
			from := &p.inv.Layers[b]
			l.UnpackedBytes, l.UnpackedSource, l.UnpackedMethod, l.Files = from.UnpackedBytes, from.UnpackedSource, from.UnpackedMethod, from.Files
		}
	}
}

// pushed makes the sides alike in what only says where they were found: a layer
// that is kept uncompressed will be pushed as gzip, and an image whose other
// side stands behind an index will stand behind one too.
func (p *pair) pushed() {
	p.inv.Layers = slices.Clone(p.inv.Layers)
	for i := range p.inv.Layers {
		if l := &p.inv.Layers[i]; l.CompressedSource != "" && !strings.HasSuffix(l.MediaType, "gzip") && !strings.HasSuffix(l.MediaType, "zstd") {
			l.MediaType = "application/vnd.oci.image.layer.v1.tar+gzip"
		}
	}
	old, new := &p.inv.Images[0], &p.inv.Images[1]
	if old.IndexDigest == "" {
		old.IndexDigest = new.IndexDigest
	}
	if new.IndexDigest == "" {
		new.IndexDigest = old.IndexDigest
	}
}

// side describes one image, its loads included.
func (p *pair) side(image int, file string) reports.DiffImage {
	img := &p.inv.Images[image]
	side := reports.DiffImage{Reference: img.Reference, Digest: img.Digest, Platform: img.Platform, Inventory: file, Layers: len(img.Layers)}
	side.Cold.DiffLoad = p.load(image, nil, nil)
	return side
}

func (p *pair) chainSet(image int) map[int]bool { return setOf(p.chains.Images[image]) }

func (p *pair) blobSet(image int) map[int]bool { return setOf(p.inv.Images[image].Layers) }

func setOf(list []int) map[int]bool {
	set := make(map[int]bool, len(list))
	for _, i := range list {
		set[i] = true
	}
	return set
}

// load is what a host that has these chains unpacked, and these blobs, brings in
// for an image.
func (p *pair) load(image int, chains, blobs map[int]bool) (load reports.DiffLoad) {
	fetched := make(map[int]bool)
	for j, l := range p.inv.Images[image].Layers {
		if chains[p.chains.Images[image][j]] {
			continue
		}
		layer := &p.inv.Layers[l]
		load.UnpackLayers++
		load.UnpackBytes += *layer.UnpackedBytes
		if layer.UnpackedSource == layers.Estimated {
			load.EstimatedUnpackBytes += *layer.UnpackedBytes
			if layer.UnpackedMethod != layers.GzipTrailer {
				load.RatioUnpackBytes += *layer.UnpackedBytes
			}
		}
		if blobs[l] || fetched[l] {
			continue
		}
		fetched[l] = true
		load.FetchLayers++
		load.FetchBytes += layer.CompressedBytes
		if layer.CompressedSource == layers.Estimated {
			load.EstimatedFetchBytes += layer.CompressedBytes
		}
	}
	return load
}

// layers tells NEW's layers kept, moved and new.
func (p *pair) layers() []reports.DiffLayer {
	chains, blobs := p.chainSet(0), p.blobSet(0)
	list := []reports.DiffLayer{}
	for j, l := range p.inv.Images[1].Layers {
		state := reports.LayerNew
		switch {
		case chains[p.chains.Images[1][j]]:
			state = reports.LayerKept
		case blobs[l]:
			state = reports.LayerMoved
		}
		list = append(list, p.layer(l, state))
	}
	return list
}

// gone lists OLD's layers of which NEW has neither the blob nor the chain.
func (p *pair) gone() []reports.DiffLayer {
	chains, blobs := p.chainSet(1), p.blobSet(1)
	var list []reports.DiffLayer
	for j, l := range p.inv.Images[0].Layers {
		if !chains[p.chains.Images[0][j]] && !blobs[l] {
			list = append(list, p.layer(l, reports.LayerGone))
		}
	}
	return list
}

func (p *pair) layer(l int, state string) reports.DiffLayer {
	layer := &p.inv.Layers[l]
	return reports.DiffLayer{
		Digest: layer.Digest, DiffID: layer.DiffID, State: state,
		CompressedBytes: layer.CompressedBytes, CompressedSource: layer.CompressedSource,
		UnpackedBytes: *layer.UnpackedBytes, UnpackedSource: layer.UnpackedSource, UnpackedMethod: layer.UnpackedMethod, CreatedBy: layer.CreatedBy,
	}
}

// parting is the first place at which the chains part; nil when they are the
// same.
func (p *pair) parting() *reports.Parting {
	old, new := p.chains.Images[0], p.chains.Images[1]
	at := 0
	for at < len(old) && at < len(new) && old[at] == new[at] {
		at++
	}
	if at == len(old) && at == len(new) {
		return nil
	}
	parting := &reports.Parting{Layer: at + 1}
	if at < len(old) {
		parting.OldCreatedBy = p.inv.Layers[p.inv.Images[0].Layers[at]].CreatedBy
	}
	if at < len(new) {
		parting.NewCreatedBy = p.inv.Layers[p.inv.Images[1].Layers[at]].CreatedBy
	}
	return parting
}

// resemble says of each layer that is not OLD's which of OLD's it resembles, the
// closest resemblance first; one of OLD's is named once.
func (p *pair) resemble(d *reports.Diff) {
	taken := make(map[layers.Digest]bool)
	new := p.inv.Images[1].Layers
	for _, way := range []struct {
		change string
		same   func(a, b *layers.Layer) bool
	}{
		{reports.Recompressed, func(a, b *layers.Layer) bool { return a.DiffID != "" && a.DiffID == b.DiffID }},
		{reports.Retimed, func(a, b *layers.Layer) bool {
			return a.Scan != nil && b.Scan != nil && a.Scan.Fingerprint != "" && a.Scan.Fingerprint == b.Scan.Fingerprint && a.DiffID != b.DiffID
		}},
		{reports.Rebuilt, func(a, b *layers.Layer) bool { return a.CreatedBy != "" && a.CreatedBy == b.CreatedBy }},
	} {
		held := p.blobSet(0)
		for j, l := range new {
			if held[l] || d.Layers[j].Change != "" {
				continue
			}
			layer := &p.inv.Layers[l]
			for _, m := range p.inv.Images[0].Layers {
				was := &p.inv.Layers[m]
				// What NEW has too is no layer that became another.
				if taken[was.Digest] || slices.Contains(new, m) || !way.same(layer, was) {
					continue
				}
				taken[was.Digest] = true
				d.Layers[j].Change, d.Layers[j].Was = way.change, was.Digest
				break
			}
		}
	}
}
