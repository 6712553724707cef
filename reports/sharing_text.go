package reports

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/cachebench/cachebench/layers"
)

// How many rows the tables of a text report have at most; JSON has all.
const (
	maxTextImages     = 40
	maxTextBases      = 12
	maxTextMoves      = 3
	maxTextPairs      = 5
	maxTextDuplicates = 10
	maxTextLayers     = 25
)

// sharing tells what images share; a report that is about something else has
// only the totals and the pairs.
func (p *printer) sharing(s *layers.Sharing, detailed bool) {
	if s == nil {
		return
	}
	for i := range s.Sets {
		set := newImageSet(&s.Sets[i])
		switch {
		case !detailed:
			p.brief(set)
		case set.onlyImage() != nil:
			p.image(set)
		default:
			p.set(set)
		}
	}
	if len(s.Unresolved) == 0 {
		return
	}
	p.heading("Unresolved, counted nowhere")
	t := &textTable{heads: []string{"reference"}}
	for _, u := range s.Unresolved {
		t.add(u.Reason, u.Reference)
	}
	p.table(t)
}

// brief is the sharing of a set in two lines and a short table.
func (p *printer) brief(s *imageSet) {
	p.heading(fmt.Sprintf("Sharing: %s, each distinct layer once %s compressed, %s unpacked; factor %s",
		count(len(s.Images), "image"), compressedSize(s.Union.ByDigest), unpackedSize(s.Union.ByChain), decimal(s.SharingFactor, 2)))
	p.pairs(s)
}

func (p *printer) set(s *imageSet) {
	p.heading("Images for " + s.platformWords())
	p.images(s)
	p.bases(s)
	p.moves(s)
	p.holders(s)
	if len(s.Pairs) > 0 {
		p.heading("Images that share most")
		p.pairs(s)
	}
	p.duplicates(s)
	p.layers(s)
}

// rest says what a table leaves out.
func (p *printer) rest(all, shown int, noun, which string) {
	if n := all - shown; n > 0 {
		p.lines("", wrap(fmt.Sprintf("and %s, %s; the JSON output has them all", count(n, "more "+noun), which), tableIndent))
	}
}

func (p *printer) images(s *imageSet) {
	hidden := s.knowsHidden()
	t := &textTable{heads: []string{"image", "digest", ">layers", ">compressed", ">own", ">unpacked"}}
	if hidden {
		t.heads = append(t.heads, ">hidden")
	}
	if len(s.Bases) > 0 {
		t.heads = append(t.heads, "base")
	}
	for _, i := range s.listedImages() {
		img := &s.Images[i]
		cells := []string{s.names[i], short(img.Digest), fmt.Sprint(len(img.Layers)),
			compressedSize(img.Total.ByDigest), compressedSize(img.Own.ByDigest), unpackedSize(img.Total.ByChain)}
		if hidden {
			cells = append(cells, hiddenSize(img.Hidden))
		}
		if len(s.Bases) > 0 {
			cells = append(cells, s.baseOf(img))
		}
		t.add(imageNote(img), cells...)
	}
	p.table(t)
	p.rest(len(s.Images), len(t.rows), "image", "with less of their own")
	p.lines("", wrap("own: compressed bytes of layers that no other of these images has; digest: of the image for this platform"+prefixWords(s.prefix), tableIndent))
}

func prefixWords(prefix string) string {
	if prefix == "" {
		return ""
	}
	return "; all names begin with " + prefix
}

// listedImages are all images in order, of many the ones with most bytes of
// their own.
func (s *imageSet) listedImages() []int {
	list := make([]int, len(s.Images))
	for i := range list {
		list[i] = i
	}
	if len(list) <= maxTextImages {
		return list
	}
	slices.SortStableFunc(list, func(a, b int) int {
		return cmp.Compare(s.Images[b].Own.ByDigest.CompressedBytes, s.Images[a].Own.ByDigest.CompressedBytes)
	})
	return list[:maxTextImages]
}

// imageNote has what is not the same for most images.
func imageNote(img *layers.SharedImage) string {
	note := ""
	if len(img.AlsoNamed) > 0 {
		note = "also " + some(shortReferences(img.AlsoNamed), 2)
	}
	if img.LazyFormat != "" {
		note += " [" + img.LazyFormat + "]"
	}
	return note
}

func hiddenSize(h *layers.Hidden) string {
	if h == nil {
		return "-"
	}
	return size(h.Bytes())
}

func (p *printer) bases(s *imageSet) {
	if len(s.Bases) == 0 {
		return
	}
	p.heading("Base images, recognised by common layers")
	t := &textTable{heads: []string{"base", ">images on it", ">layers", ">compressed", ">unpacked", "built on"}}
	for b := range s.Bases[:min(len(s.Bases), maxTextBases)] {
		base := &s.Bases[b]
		on := "-"
		if base.Below != nil {
			on = s.baseName(*base.Below)
		}
		t.add(s.baseWords(b), s.baseName(b), fmt.Sprint(base.Images), fmt.Sprint(base.Size.Layers), compressedSize(base.Size), unpackedSize(base.Size), on)
	}
	p.table(t)
	p.rest(len(s.Bases), len(t.rows), "base", "used by fewer images")
}

func (p *printer) moves(s *imageSet) {
	if len(s.Moves) == 0 {
		return
	}
	p.heading("If all images stood on one base (estimated)")
	t := &textTable{heads: []string{"base that stays", ">images to rebuild", ">compressed saved", ">of the union", ">unpacked saved"}}
	moves := s.Moves[:min(len(s.Moves), maxTextMoves)]
	shares := sharePercents(column(moves, func(m *layers.Move) float64 {
		return float64(m.SavedCompressedBytes) / float64(s.Union.ByDigest.CompressedBytes)
	}))
	for i, m := range moves {
		t.add("", s.baseName(m.To), number(float64(m.Images)), size(m.SavedCompressedBytes),
			shares[i], size(m.SavedUnpackedBytes))
	}
	p.table(t)
	p.rest(len(s.Moves), len(t.rows), "base", "with less saved for each image to rebuild")
	p.lines("", wrap(moveWords, tableIndent))
}

const moveWords = "layers above the base are taken to stay the same; the layers of the other lowest bases go away; images without a recognised base stay as they are"

func (p *printer) holders(s *imageSet) {
	p.heading("Layers by how many images have them")
	t := &textTable{heads: []string{">images", ">layers", ">compressed, each once", ">of the union"}}
	bands := s.bands()
	shares := sharePercents(column(bands, func(b *band) float64 { return unionShare(s, b.size) }))
	for i, b := range bands {
		t.add("", b.words, number(float64(b.size.Layers)), compressedSize(b.size), shares[i])
	}
	p.table(t)
}

// unionShare is NaN of nothing.
func unionShare(s *imageSet, part layers.Size) float64 {
	if s.Union.ByDigest.CompressedBytes == 0 {
		return math.NaN()
	}
	return float64(part.CompressedBytes) / float64(s.Union.ByDigest.CompressedBytes)
}

func (p *printer) pairs(s *imageSet) {
	if len(s.Pairs) == 0 {
		return
	}
	t := &textTable{heads: []string{"image", "and", ">by digest", ">by chain", ">unpacked"}}
	for _, pair := range s.Pairs[:min(len(s.Pairs), maxTextPairs)] {
		t.add("", s.names[pair.A], s.names[pair.B], compressedSize(pair.Shared.ByDigest), compressedSize(pair.Shared.ByChain), unpackedSize(pair.Shared.ByChain))
	}
	p.table(t)
	p.lines("", wrap(fmt.Sprintf("by digest: compressed bytes fetched once for both; by chain: what is unpacked once for both, compressed and unpacked; %s of %s share anything",
		number(float64(s.SharingPairs)), count(len(s.Images)*(len(s.Images)-1)/2, "pair")), tableIndent))
}

func (p *printer) duplicates(s *imageSet) {
	list := s.worthShowing()
	if len(list) == 0 {
		return
	}
	p.heading("Layers that could be one")
	t := &textTable{heads: []string{"why", "layers", ">images", ">would save", "", "made by"}}
	for _, n := range list[:min(len(list), maxTextDuplicates)] {
		saved, unit := n.SavedCompressedBytes, "compressed"
		if n.Kind == layers.OtherParent {
			saved, unit = n.SavedUnpackedBytes, "unpacked"
		}
		t.add("", kindWords(n.Kind), s.layersWords(n.Layers), number(float64(len(n.Images))), savedWords(saved, n.Estimated), unit, madeBy(&s.Layers[n.Layers[0]].Layer))
	}
	p.table(t)
	p.rest(len(s.NearDuplicates), len(t.rows), "group", "which save less")
	for _, hint := range s.hints() {
		p.lines("", wrap(hint, tableIndent))
	}
}

// layersWords names the first of some layers and counts the rest.
func (s *imageSet) layersWords(list []int) string {
	words := short(s.Layers[list[0]].Digest)
	if len(list) > 1 {
		words += fmt.Sprintf(" +%d", len(list)-1)
	}
	return words
}

func savedWords(bytes int64, estimated bool) string {
	switch {
	case bytes == 0:
		return "-"
	case estimated:
		return "~ " + size(bytes)
	}
	return size(bytes)
}

func (p *printer) layers(s *imageSet) {
	if len(s.Layers) == 0 {
		return
	}
	p.heading("Layers, the largest first")
	t := &textTable{heads: []string{"layer", ">compressed", ">unpacked", ">in images", "made by"}}
	for i := range s.Layers[:min(len(s.Layers), maxTextLayers)] {
		l := &s.Layers[i]
		t.add("", short(l.Digest), compressedSize(layerSize(&l.Layer)), unpackedSize(layerSize(&l.Layer)), number(float64(l.Images)), madeBy(&l.Layer))
	}
	p.table(t)
	p.rest(len(s.Layers), len(t.rows), "layer", "smaller")
}

// image lists the layers of a single image, base layer first.
func (p *printer) image(s *imageSet) {
	img := s.onlyImage()
	p.heading(img.Reference + " for " + img.Platform)
	p.lines("", wrap("digest "+string(img.Digest), tableIndent))
	if img.IndexDigest != "" {
		p.lines("", wrap("chosen from index "+string(img.IndexDigest), tableIndent))
	}
	if note := imageNote(img); note != "" {
		p.lines("", wrap(note, tableIndent))
	}
	t := &textTable{heads: []string{">#", "layer", ">compressed", ">unpacked", "made by"}}
	if img.Hidden != nil {
		t.heads = []string{">#", "layer", ">compressed", ">unpacked", ">hides", "made by"}
	}
	for i, placed := range img.Layers {
		l := &s.Layers[placed.Layer].Layer
		cells := []string{fmt.Sprint(i + 1), short(l.Digest), compressedSize(layerSize(l)), unpackedSize(layerSize(l))}
		if img.Hidden != nil {
			cells = append(cells, hiddenSize(placed.Hidden))
		}
		t.add("", append(cells, madeBy(l))...)
	}
	p.table(t)
	words := "base layer first"
	if img.Hidden != nil {
		words += "; hides: unpacked bytes of the layers below that no container sees"
	}
	p.lines("", wrap(words, tableIndent))
}
