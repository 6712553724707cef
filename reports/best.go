package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/matcher"
)

// maxBest is how many images the text and the page list.
const maxBest = 20

// judgeBest says what the caches hold of all images.
func judgeBest(v *Verdict, b *matcher.BestCaches) {
	fraction := 0.0
	if b.CompressedBytes > 0 {
		fraction = float64(b.SharedBytes) / float64(b.CompressedBytes)
	}
	v.Headline = fmt.Sprintf("The best cache of each of %s holds %s of its bytes, %s of %s.",
		count(len(b.Images), "image"), percent(fraction), size(b.SharedBytes), size(b.CompressedBytes))
	v.Sentences = []string{fmt.Sprintf("Of %s, %d images are held whole, %d in part, %d not at all. This goes by layers; ECI picks by names (match without --each).",
		count(b.Caches, "usable cache"), b.Full, b.Partial, b.None)}
}

// leastHeld are the images with most bytes that no single cache holds.
func leastHeld(b *matcher.BestCaches) []matcher.BestCache {
	images := slices.Clone(b.Images)
	slices.SortStableFunc(images, func(x, y matcher.BestCache) int {
		return cmp.Or(cmp.Compare(y.CompressedBytes-y.SharedBytes, x.CompressedBytes-x.SharedBytes), strings.Compare(x.Reference, y.Reference))
	})
	return images[:min(maxBest, len(images))]
}

func (p *printer) bestCaches(b *matcher.BestCaches) {
	if b == nil || len(b.Images) == 0 {
		return
	}
	p.heading("Images with most bytes that no cache holds")
	t := &textTable{heads: []string{"image", "best cache", ">image", ">held", ">not held"}}
	for _, i := range leastHeld(b) {
		t.add("", shortReference(i.Reference), cmpOr(i.CacheID, "-"), size(i.CompressedBytes), size(i.SharedBytes), size(i.CompressedBytes-i.SharedBytes))
	}
	p.table(t)
	if n := len(b.Images) - maxBest; n > 0 {
		p.sentence(fmt.Sprintf("and %s (--output json lists all)", count(n, "more image")))
	}
}

func bestTable(b *matcher.BestCaches) *table {
	if b == nil {
		return nil
	}
	t := newTable("Images with most bytes that no cache holds, compressed", "image", "best cache", ">image", ">held", ">not held")
	for _, i := range leastHeld(b) {
		t.add(namedCell(shortReference(i.Reference), i.Reference), wordCell(cmpOr(i.CacheID, "–")), bytesCell(i.CompressedBytes), bytesCell(i.SharedBytes), bytesCell(i.CompressedBytes-i.SharedBytes))
	}
	return t.unlessEmpty()
}
