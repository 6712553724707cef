package reports

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/layers"
)

// sharingView is what the page shows of a set of images.
type sharingView struct {
	Heading, Lead string
	// Digest and Index are those of the only image, if there is one alone.
	Digest, Index string
	Tables        []*table
	Matrix        *matrix
	// Holders draws which image has which layers.
	Holders *figure
	// Duplicates has at most one table, Hints what to do about it.
	Duplicates []*table
	Hints      []string
	// Folded are long tables, shown on demand.
	Folded []*table
}

// How large a table of the page may be; JSON has all.
const (
	maxMatrix    = 40
	maxPageRows  = 1000
	maxPagePairs = 50
)

func (v *view) addSharing(s *layers.Sharing) {
	v.SharingSource = unpackedSource(unionOf(s))
	for i := range s.Sets {
		set := newImageSet(&s.Sets[i])
		view := sharingView{Lead: "Sizes with ~ are partly estimated, those with ≥ lack layers of unknown size.", Hints: set.hints()}
		if len(s.Sets) > 1 {
			view.Heading, view.Lead = set.platformWords(), set.headline()+" "+view.Lead
		}
		if img := set.onlyImage(); img != nil {
			view.Digest, view.Index = string(img.Digest), string(img.IndexDigest)
			view.Tables = tables(set.oneImageTable())
		} else {
			view.Tables = tables(set.imagesTable(), set.basesTable(), set.movesTable(), set.holdersTable())
			view.Matrix = set.matrix()
			if view.Holders = set.holdersFigure(fmt.Sprintf("chart-holders-%d", i+1)); view.Holders != nil {
				view.Folded = tables(set.groupsTable())
			}
			view.Duplicates = tables(set.duplicatesTable())
			view.Folded = append(view.Folded, tables(set.pairsTable(), set.layersTable())...)
		}
		v.Sharing = append(v.Sharing, view)
	}
	v.Unresolved = unresolvedTable(s)
}

// tables drops those without rows.
func tables(list ...*table) []*table {
	return slices.DeleteFunc(list, func(t *table) bool { return t == nil || len(t.Rows) == 0 })
}

// imageCell names an image, with its whole reference and other names behind.
func (s *imageSet) imageCell(i int) cell {
	img := &s.Images[i]
	return namedCell(s.names[i], strings.Join(append([]string{img.Reference}, img.AlsoNamed...), "\n"))
}

func (s *imageSet) baseCell(b *int) cell {
	if b == nil {
		return cell{Text: "–"}
	}
	return namedCell(s.baseName(*b), string(s.Bases[*b].ChainID))
}

func compressedCell(s layers.Size) cell {
	c := bytesCell(s.CompressedBytes)
	c.Text = compressedSize(s)
	return c
}

func hiddenCell(h *layers.Hidden) cell {
	if h == nil {
		return cell{Text: "–", Number: true}
	}
	c := bytesCell(h.Bytes())
	c.Title = size(h.OverwrittenBytes) + " overwritten, " + size(h.DeletedBytes) + " deleted"
	return c
}

func (s *imageSet) imagesTable() *table {
	t := newTable("Images for "+s.platformWords()+prefixWords(s.prefix), "image", "digest", "platform", ">layers", ">compressed", ">own, compressed", ">unpacked")
	if s.knowsHidden() {
		t.head(">hidden, unpacked")
	}
	if len(s.Bases) > 0 {
		t.head("base")
	}
	add := func(name, digest, platform cell, all layers.Amount, own cell, hidden *layers.Hidden, base cell) {
		row := []cell{name, digest, platform, countCell(all.ByDigest.Layers), compressedCell(all.ByDigest), own, unpackedCell(all.ByChain)}
		if s.knowsHidden() {
			row = append(row, hiddenCell(hidden))
		}
		if len(s.Bases) > 0 {
			row = append(row, base)
		}
		t.add(row...)
	}
	for i := range s.Images[:min(len(s.Images), maxPageRows)] {
		img := &s.Images[i]
		name := s.imageCell(i)
		name.Note = imageNote(img)
		add(name, childCell(img), wordCell(img.Platform), img.Total, compressedCell(img.Own.ByDigest), img.Hidden, s.baseCell(img.Base))
	}
	blank := cell{Text: "–", Number: true}
	add(wordCell("sum, each image alone"), cell{}, cell{}, s.Sum, blank, nil, cell{})
	add(wordCell("union, each layer once"), cell{}, cell{}, s.Union, blank, s.Hidden, cell{})
	return t
}

// childCell is the digest of the image and, behind it, the index that it was
// chosen from.
func childCell(img *layers.SharedImage) cell {
	c := digestCell(img.Digest)
	if img.IndexDigest != "" {
		c.Title += "\nchosen from index " + string(img.IndexDigest)
	}
	return c
}

func (s *imageSet) basesTable() *table {
	t := newTable("Base images, recognised by common layers", "base", ">images on it", ">layers", ">compressed", ">unpacked", "built on", "its top layer made by")
	for b := range s.Bases[:min(len(s.Bases), maxPageRows)] {
		base, name := &s.Bases[b], s.baseCell(&b)
		if base.Image == nil {
			name.Note = s.exampleWords(b)
		}
		t.add(name, countCell(base.Images), countCell(base.Size.Layers), compressedCell(base.Size), unpackedCell(base.Size), s.baseCell(base.Below), longCell(base.CreatedBy))
	}
	return t
}

func (s *imageSet) movesTable() *table {
	t := newTable("If all images stood on one base (estimated: "+moveWords+")", "base that stays", ">images to rebuild", ">compressed saved", ">of the union", ">unpacked saved")
	for _, m := range s.Moves[:min(len(s.Moves), maxPageRows)] {
		t.add(s.baseCell(&m.To), countCell(m.Images), bytesCell(m.SavedCompressedBytes),
			fractionCell(float64(m.SavedCompressedBytes)/float64(s.Union.ByDigest.CompressedBytes)), bytesCell(m.SavedUnpackedBytes))
	}
	t.evenShares("of the union")
	return t
}

func (s *imageSet) holdersTable() *table {
	t := newTable("Layers by how many images have them", "images that have them", ">layers", ">compressed, each once", ">of the union")
	for _, b := range s.bands() {
		part := cell{Text: "–", Number: true}
		if f := unionShare(s, b.size); !math.IsNaN(f) {
			part = fractionCell(f)
		}
		t.add(wordCell(b.words), countCell(b.size.Layers), compressedCell(b.size), part)
	}
	t.evenShares("of the union")
	return t
}

func (s *imageSet) pairsTable() *table {
	pairs := s.Pairs[:min(len(s.Pairs), maxPagePairs)]
	t := newTable(fmt.Sprintf("Pairs of images that share most: the same blobs save a download, the same chains an unpacking too (%d of %s that share anything)", len(pairs), count(s.SharingPairs, "pair")),
		"image", "and", ">layers by digest", ">compressed", ">layers by chain", ">compressed", ">unpacked")
	for _, p := range pairs {
		d, c := p.Shared.ByDigest, p.Shared.ByChain
		t.add(s.imageCell(p.A), s.imageCell(p.B), countCell(d.Layers), compressedCell(d), countCell(c.Layers), compressedCell(c), unpackedCell(c))
	}
	return t
}

func (s *imageSet) duplicatesTable() *table {
	t := newTable("Layers that could be one", "why", "layers", ">images", ">compressed saved", ">unpacked saved", "made by")
	list := s.worthShowing()
	for _, n := range list[:min(len(list), maxPageRows)] {
		var digests, images []string
		for _, l := range n.Layers {
			digests = append(digests, string(s.Layers[l].Digest))
		}
		for _, i := range n.Images {
			images = append(images, s.names[i])
		}
		group := cell{Text: s.layersWords(n.Layers), Title: some(digests, 20), Code: true}
		held := countCell(len(n.Images))
		held.Title = some(images, 20)
		t.add(wordCell(kindWords(n.Kind)), group, held, savedCell(n.SavedCompressedBytes, n.Estimated), savedCell(n.SavedUnpackedBytes, n.Estimated),
			longCell(madeBy(&s.Layers[n.Layers[0]].Layer)))
	}
	return t
}

func savedCell(bytes int64, estimated bool) cell {
	if bytes == 0 {
		return cell{Text: "–", Number: true}
	}
	c := bytesCell(bytes)
	c.Text = savedWords(bytes, estimated)
	return c
}

func (s *imageSet) layersTable() *table {
	t := newTable("Layers, the largest first", "layer", ">compressed", ">unpacked", ">in images", "media type", "made by")
	for i := range s.Layers[:min(len(s.Layers), maxPageRows)] {
		l := &s.Layers[i]
		t.add(digestCell(l.Digest), compressedCell(layerSize(&l.Layer)), unpackedCell(layerSize(&l.Layer)), countCell(l.Images), wordCell(typeWords(l.MediaType)), longCell(madeBy(&l.Layer)))
	}
	return t
}

// typeWords shortens a media type to what tells layers apart.
func typeWords(mediaType string) string {
	return strings.TrimPrefix(strings.TrimPrefix(mediaType, "application/vnd."), "oci.image.layer.v1.")
}

func (s *imageSet) oneImageTable() *table {
	img := s.onlyImage()
	t := newTable("Layers of "+img.Reference+" for "+img.Platform+", base layer first", "layer", ">compressed", ">unpacked", "media type", "made by")
	if s.knowsHidden() {
		t.head(">hides, unpacked")
	}
	for _, placed := range img.Layers {
		l := &s.Layers[placed.Layer].Layer
		name := digestCell(l.Digest)
		name.Title += "\ndiffID " + string(l.DiffID) + "\nchainID " + string(placed.ChainID)
		row := []cell{name, compressedCell(layerSize(l)), unpackedCell(layerSize(l)), wordCell(typeWords(l.MediaType)), longCell(madeBy(l))}
		if s.knowsHidden() {
			row = append(row, hiddenCell(placed.Hidden))
		}
		t.add(row...)
	}
	return t
}

func unresolvedTable(s *layers.Sharing) *table {
	t := newTable("References that could not be read; they count nowhere", "reference", "why")
	for _, u := range s.Unresolved {
		t.add(longCell(u.Reference), longCell(u.Reason))
	}
	return t.unlessEmpty()
}

// matrix says of each image which part of it each other one has too.
type matrix struct {
	Caption string
	// Rows are in an order that keeps images with common layers together; the
	// columns are the same images, by number.
	Rows []matrixRow
}

type matrixRow struct {
	Number int
	Name   cell
	Cells  []matrixCell
}

type matrixCell struct {
	Text, Value, Title string
	// Heat is the part in tenths, 0 to 10; Self marks an image and itself.
	Heat int
	Self bool
}

// matrix returns nil for a set too large to see anything in it.
func (s *imageSet) matrix() *matrix {
	n := len(s.Images)
	if n > maxMatrix || len(s.Pairs) < s.SharingPairs || len(s.Pairs) == 0 {
		return nil
	}
	shared := make(map[[2]int]layers.Amount)
	for _, p := range s.Pairs {
		shared[[2]int{p.A, p.B}], shared[[2]int{p.B, p.A}] = p.Shared, p.Shared
	}
	order := s.familyOrder()
	m := &matrix{Caption: "How much of each image the others have too: of the row's compressed bytes, the part that the column's image has under the same digest"}
	for k, i := range order {
		row := matrixRow{Number: k + 1, Name: s.imageCell(i)}
		for _, j := range order {
			row.Cells = append(row.Cells, s.matrixCell(i, j, shared[[2]int{i, j}]))
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

func (s *imageSet) matrixCell(i, j int, shared layers.Amount) matrixCell {
	whole := s.Images[i].Total.ByDigest.CompressedBytes
	if i == j {
		return matrixCell{Text: "–", Title: s.names[i] + ": " + compressedSize(s.Images[i].Total.ByDigest), Self: true}
	}
	if shared.ByDigest.Layers == 0 && shared.ByChain.Layers == 0 {
		return matrixCell{Title: s.names[i] + " and " + s.names[j] + " share nothing"}
	}
	part := float64(shared.ByDigest.CompressedBytes) / float64(max(whole, 1))
	return matrixCell{
		Text: decimal(100*part, 0), Value: exact(part), Heat: int(10 * part),
		Title: fmt.Sprintf("%s and %s share %s compressed by digest, %s unpacked by chain", s.names[i], s.names[j], size(shared.ByDigest.CompressedBytes), unpackedSize(shared.ByChain)),
	}
}

// familyOrder orders images by their chains, so that those on one base stand
// together; the larger family first, then the one that was named first.
func (s *imageSet) familyOrder() []int {
	uses, first := make(map[layers.Digest]int), make(map[layers.Digest]int)
	order := make([]int, len(s.Images))
	for i := range s.Images {
		order[i] = i
		for _, placed := range s.Images[i].Layers {
			if uses[placed.ChainID] == 0 {
				first[placed.ChainID] = i
			}
			uses[placed.ChainID]++
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := s.Images[a].Layers, s.Images[b].Layers
		for j := 0; j < min(len(x), len(y)); j++ {
			if c, d := x[j].ChainID, y[j].ChainID; c != d {
				return cmp.Or(uses[d]-uses[c], first[c]-first[d])
			}
		}
		return len(x) - len(y)
	})
	return order
}
