package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/matcher"
)

// judgeCreation says what creating the caches comes to.
func judgeCreation(v *Verdict, c *matcher.Creation) {
	if len(c.Caches) == 1 {
		v.Headline = creationHeadline(&c.Caches[0])
		return
	}
	images, fails, mayFail, need, fetch := 0, 0, 0, int64(0), int64(0)
	for i := range c.Caches {
		created := &c.Caches[i]
		images += len(created.Images)
		need += created.Overlap.CompressedBytes
		fetch += created.Overlap.ByDigest.FetchBytes
		if created.Fails != "" {
			fails++
		} else if created.MayFail != "" {
			mayFail++
		}
	}
	v.Headline = fmt.Sprintf("%d images make %s; reuse leaves %s of %s to download.", images, count(len(c.Caches), "cache"), size(fetch), size(need))
	if fails > 0 {
		v.Headline += fmt.Sprintf(" %s would fail.", count(fails, "creation"))
	}
	if mayFail > 0 {
		v.Headline += fmt.Sprintf(" %s may fail.", count(mayFail, "creation"))
	}
	v.Sentences = append(v.Sentences, sentenceWord(c.Split)+".")
}

// creationHeadline is the answer for one cache.
func creationHeadline(c *matcher.CreatedCache) string {
	o := &c.Overlap
	switch {
	case failWords(c) != "":
		return failWords(c)
	case len(c.Bases) == 0:
		return fmt.Sprintf("Create a cache of %g GiB: no existing cache shares a layer, %s are downloaded%s.", c.SizeGiB, size(o.CompressedBytes), readyWords(c, false))
	}
	return fmt.Sprintf("Create a cache of %g GiB that reuses layers of %s: %s of %s are not downloaded again%s.",
		c.SizeGiB, join(c.Bases), size(o.ByDigest.PresentBytes), size(o.CompressedBytes), readyWords(c, true))
}

// failWords say that the images do not fit, or may not; empty where they do.
func failWords(c *matcher.CreatedCache) string {
	switch {
	case c.Fails != "":
		return fmt.Sprintf("The creation fails: %s.", c.Fails)
	case c.MayFail != "":
		return fmt.Sprintf("The creation may fail: %s.", c.MayFail)
	}
	return ""
}

// readyWords says when a cache is Ready.
func readyWords(c *matcher.CreatedCache, reuse bool) string {
	with, without, flash := variant(c, reuse, false), variant(c, false, false), variant(c, reuse, true)
	if with == nil || with.Until == nil {
		return ""
	}
	words := "; it is Ready in " + longTime(*with.Until)
	if reuse && without != nil && without.Until != nil {
		words += fmt.Sprintf(", %s sooner than without reuse", seconds(*without.Until-*with.Until))
	}
	if flash != nil && flash.Until != nil {
		words += fmt.Sprintf(", and with Flash in %s", longTime(*flash.Until))
	}
	return words + " (estimated)"
}

// flashUnknown says why a variant with Flash has no time; empty where it has one.
func flashUnknown(c *matcher.CreatedCache) string {
	flash, regular := variant(c, false, true), variant(c, false, false)
	if flash == nil || flash.Until != nil || regular == nil || regular.Until == nil {
		return ""
	}
	return "How long a cache with Flash takes is unknown: the profile states no cache.flashSeconds."
}

// lentNotes are what is not documented about the bases that are reused.
func lentNotes(c *matcher.CreatedCache) string {
	var automatic []string
	for i := range c.Candidates {
		if b := &c.Candidates[i]; b.Automatic && slices.Contains(c.Bases, b.CacheID) {
			automatic = append(automatic, b.CacheID)
		}
	}
	if len(automatic) == 0 {
		return ""
	}
	return "That an automatic cache (" + join(automatic) + ") lends layers to a new one is not documented: it is taken to. Only that it reuses none itself is." // eci §1.2
}

// creationNotes are the sentences beneath the tables of a cache.
func creationNotes(c *matcher.CreatedCache) []string {
	return slices.DeleteFunc([]string{lentNotes(c), flashUnknown(c)}, func(s string) bool { return s == "" })
}

func variant(c *matcher.CreatedCache, reuse, flash bool) *matcher.CreationTime {
	for i := range c.Times {
		if t := &c.Times[i]; t.Reuse == reuse && t.Flash == flash {
			return t
		}
	}
	return nil
}

// sizeWords says which size a cache has and why.
func sizeWords(c *matcher.CreatedCache) string {
	words := fmt.Sprintf("Size: %g GiB; the images have %s unpacked", c.SizeGiB, size(c.UnpackedBytes))
	if c.EstimatedBytes > 0 {
		words += fmt.Sprintf(", %s of it estimated", size(c.EstimatedBytes))
	}
	if c.UnknownLayers > 0 {
		words += fmt.Sprintf(", and %s of unknown size, taken as %s, %d times the compressed size", count(c.UnknownLayers, "layer"), size(c.AssumedBytes), matcher.AssumedUnpackRatio)
	}
	return words + fmt.Sprintf(". The smallest that holds them with %s to spare for the file system is %g GiB; the vendor's rule of thumb, twice the compressed size, says %g GiB. Every instance pays for a disk of this size.",
		percent(matcher.HeadroomFraction), c.SuggestedGiB, c.ThumbGiB)
}

// baseNote says what becomes of a cache that shares bytes.
func baseNote(c *matcher.CreatedCache, b *matcher.BaseCandidate) string {
	switch {
	case !b.Usable:
		return "cannot be used: it " + b.Reason
	case slices.Contains(c.Bases, b.CacheID):
		return "reused"
	}
	return ""
}

// already is a cache that can be used and holds every image of the new one.
func already(c *matcher.CreatedCache) string {
	for i := range c.Candidates {
		if b := &c.Candidates[i]; b.Usable && b.FullImages == len(c.Images) {
			return b.CacheID
		}
	}
	return ""
}

func variantWords(t *matcher.CreationTime) (reuse, flash string) {
	reuse, flash = "nothing reused", "regular"
	if t.Reuse {
		reuse = "layers reused"
	}
	if t.Flash {
		flash = "Flash"
	}
	return reuse, flash
}

// creation prints the caches to create.
func (p *printer) creation(c *matcher.Creation) {
	if c == nil {
		return
	}
	for i := range c.Caches {
		created := &c.Caches[i]
		title := "The new cache"
		if len(c.Caches) > 1 {
			title = fmt.Sprintf("New cache %d of %d", i+1, len(c.Caches))
		}
		p.heading(fmt.Sprintf("%s: %s", title, count(len(created.Images), "image")))
		p.sentence(strings.Join(shortReferences(created.Images), ", "))
		if words := failWords(created); words != "" {
			p.sentence(words)
		}
		p.sentence(sizeWords(created))
		if id := already(created); id != "" {
			p.sentence("Cache " + id + " holds every one of these images already.")
		}
		p.reusable(created)
		p.creationTimes(created)
		for _, note := range creationNotes(created) {
			p.sentence(note)
		}
	}
	if c.Repeated > 0 {
		p.sentence(count(c.Repeated, "image") + " named more than once.")
	}
	p.sentence("Reuse is AutoMatchImageCache of CreateImageCache; which cache ECI takes is not published. Policies: reuse-base=" + c.Policies["reuse-base"] + ", reuse-several=" + c.Policies["reuse-several"] + " (match --list-policies).")
}

func (p *printer) reusable(c *matcher.CreatedCache) {
	if len(c.Candidates) == 0 {
		p.sentence("No existing cache shares a byte with it.")
		return
	}
	t := &textTable{heads: []string{"existing cache", ">layers", ">shared", ">shared unpacked", ">images", "made"}}
	for i := range c.Candidates {
		b := &c.Candidates[i]
		t.add(baseNote(c, b), b.CacheID, number(float64(b.SharedLayers)), size(b.SharedBytes), size(b.SharedUnpackedBytes), number(float64(b.FullImages)), day(b.CreationTime))
	}
	p.table(t)
	if c.MoreCandidates > 0 {
		p.sentence(fmt.Sprintf("and %s further down in this order", count(c.MoreCandidates, "cache")))
	}
}

func (p *printer) creationTimes(c *matcher.CreatedCache) {
	t := &textTable{heads: []string{"creation (estimated)", "snapshot", ">Ready in", ">cost"}}
	for i := range c.Times {
		reuse, flash := variantWords(&c.Times[i])
		until, price := "unknown", "unknown"
		if c.Times[i].Until != nil {
			until = longTime(*c.Times[i].Until)
		}
		if c.Times[i].Cost != nil {
			price = money(*c.Times[i].Cost)
		}
		t.add("", reuse, flash, until, price)
	}
	p.table(t)
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02") }

// creationTables are the page's tables of the caches to create.
func creationTables(c *matcher.Creation) (tables []*table) {
	if c == nil {
		return nil
	}
	for i := range c.Caches {
		created := &c.Caches[i]
		name := fmt.Sprintf("new cache %d (%s)", i+1, strings.Join(shortReferences(created.Images), ", "))
		bases := newTable("Existing caches that share layers with "+name, "cache", ">layers", ">shared, compressed", ">shared, unpacked", ">images", "made", "what becomes of it")
		for k := range created.Candidates {
			b := &created.Candidates[k]
			bases.add(wordCell(b.CacheID), countCell(b.SharedLayers), bytesCell(b.SharedBytes), bytesCell(b.SharedUnpackedBytes),
				countCell(b.FullImages), wordCell(day(b.CreationTime)), longCell(cmpOr(baseNote(created, b), "–")))
		}
		times := newTable("Creating "+name+" (estimated)", "layers", "snapshot", ">Ready in", ">cost")
		for k := range created.Times {
			t := &created.Times[k]
			reuse, flash := variantWords(t)
			until, price := cell{Text: "unknown", Number: true}, cell{Text: "unknown", Number: true}
			if t.Until != nil {
				until = longTimeCell(*t.Until)
			}
			if t.Cost != nil {
				price = moneyCell(*t.Cost)
			}
			times.add(wordCell(reuse), wordCell(flash), until, price)
		}
		tables = append(tables, times)
		if bases = bases.unlessEmpty(); bases != nil {
			tables = append(tables, bases)
		}
	}
	return tables
}

// creationSentences say the sizes, for the page.
func creationSentences(c *matcher.Creation) (sentences []string) {
	for i := range c.Caches {
		created := &c.Caches[i]
		if words := failWords(created); words != "" {
			sentences = append(sentences, words)
		}
		sentences = append(sentences, strings.Join(shortReferences(created.Images), ", ")+". "+sizeWords(created))
		sentences = append(sentences, creationNotes(created)...)
	}
	return sentences
}
