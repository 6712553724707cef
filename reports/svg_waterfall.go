package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// fallRow is one line of a waterfall: a layer with its fetch and its unpack, or
// one phase.
type fallRow struct {
	label, detail string
	// layer is empty for what is of none, or of several.
	layer layers.Digest
	spans []simulate.Span
	// heading rows name an image and have no spans.
	heading bool
}

// maxLayerRows bounds the rows of one image; the layers that take least share
// one more row.
const maxLayerRows = 24

// fallRows orders a startup's spans into rows: what belongs to no image by its
// start, and an image's resolve with the waits of its pull and its layers together
// below its name.
func fallRows(s *simulate.Startup) []fallRow {
	type block struct {
		image string
		keys  []layers.Digest
		rows  map[layers.Digest]*fallRow
	}
	var blocks []*block
	for _, span := range sortedSpans(s.Spans) {
		i := slices.IndexFunc(blocks, func(b *block) bool { return b.image == span.Image && span.Image != "" })
		if i < 0 {
			i = len(blocks)
			blocks = append(blocks, &block{image: span.Image, rows: make(map[layers.Digest]*fallRow)})
		}
		b := blocks[i]
		key := span.Layer
		switch {
		case isWait(span.Phase): // before, between and after requests
			key = layers.Digest(simulate.Resolve)
		case key == "":
			key = layers.Digest(span.Phase)
		}
		if b.rows[key] == nil {
			b.keys = append(b.keys, key)
			b.rows[key] = &fallRow{label: string(key)}
		}
		b.rows[key].add(span)
	}
	var rows []fallRow
	for _, b := range blocks {
		var inside []fallRow
		for _, key := range b.keys {
			inside = append(inside, *b.rows[key])
		}
		baseFirst(inside)
		if b.image != "" {
			rows = append(rows, fallRow{label: b.image, heading: true})
		}
		rows = append(rows, folded(inside)...)
	}
	return rows
}

// sortedSpans orders by start; of spans that start together, as they stand.
func sortedSpans(spans []simulate.Span) []simulate.Span {
	sorted := slices.Clone(spans)
	slices.SortStableFunc(sorted, func(a, b simulate.Span) int { return cmp.Compare(a.Start, b.Start) })
	return sorted
}

func (r *fallRow) add(span simulate.Span) {
	r.spans = append(r.spans, span)
	if span.Layer == "" {
		return
	}
	r.layer = span.Layer
	digest := short(span.Layer)
	r.label = digest[:min(7, len(digest))]
	if span.Phase == simulate.Fetch || r.detail == "" {
		r.detail = size(span.Bytes)
	}
}

func (r *fallRow) busy() time.Duration {
	var total time.Duration
	for _, span := range r.spans {
		total += span.End - span.Start
	}
	return total
}

// folded puts the shortest rows of many into one.
func folded(rows []fallRow) []fallRow {
	if len(rows) <= maxLayerRows {
		return rows
	}
	lengths := make([]time.Duration, len(rows))
	for i := range rows {
		lengths[i] = rows[i].busy()
	}
	slices.SortFunc(lengths, func(a, b time.Duration) int { return cmp.Compare(b, a) })
	least := lengths[maxLayerRows-2]
	var kept []fallRow
	rest := fallRow{}
	count := 0
	for _, row := range rows {
		if row.busy() >= least && len(kept) < maxLayerRows-1 {
			kept = append(kept, row)
			continue
		}
		count++
		rest.spans = append(rest.spans, row.spans...)
	}
	rest.label = fmt.Sprintf("%d more layers", count)
	return append(kept, rest)
}

const (
	fallTop       = 22
	fallRowHeight = 20
	fallBarHeight = 12
)

// waterfall draws one startup, over the faults that it may meet; until is where
// the shared time axis ends. Where the start is explained, its first row says what held
// it up, the row below that in words, and a line below a layer when the start waited for that one.
func waterfall(id, name string, s *simulate.Startup, x *simulate.Explanation, until time.Duration, faults []simulate.Fault) drawing {
	rows := fallRows(s)
	if x != nil {
		rows = slices.Insert(rows, 0, fallRow{label: "held up by"}, fallRow{})
	}
	bottom := float64(fallTop + fallRowHeight*len(rows) + 4)
	title := fmt.Sprintf("What happens in %s start of %s (%s)", withArticle(name), s.App, s.Source)
	c := newChart(id, "fall", title, fallDescription(s), bottom+20)
	scale := linearScale(until.Seconds())
	c.drawing.ZoomUnit, c.drawing.ZoomEnd = "s", scale.high
	for i := range faults {
		c.faultBand(&faults[i], s.Requested, until, func(d time.Duration) float64 { return scale.at(d.Seconds()) }, fallTop, bottom)
	}
	c.axis(scale, fallTop, bottom, true)
	ready := scale.at(s.Ready.Seconds())
	c.line("ready-line", "ready after "+seconds(s.Ready), ready, fallTop-4, ready, bottom)
	ends := endsOf(s)
	for i, row := range rows {
		y := float64(fallTop + fallRowHeight*i)
		c.fallRow(row, ends, scale, y)
		if x != nil {
			c.holdsOf(i == 0, row, x, scale, y)
		}
	}
	if x != nil {
		c.causes(x, scale, fallTop+fallRowHeight+9)
	}
	anchor := "middle"
	if ready > 0.8 {
		anchor = "end"
	}
	c.text("strong", anchor, ready, bottom+15, "ready "+seconds(s.Ready))
	return c.drawn()
}

// withArticle is a name behind "a", or behind "an" where it begins with a vowel.
func withArticle(name string) string {
	if strings.ContainsRune("aeiou", unicode.ToLower([]rune(name + " ")[0])) {
		return "an " + name
	}
	return "a " + name
}

func fallDescription(s *simulate.Startup) string {
	text := fmt.Sprintf("Ready after %s.", seconds(s.Ready))
	if !s.Unsized {
		text = fmt.Sprintf("Ready after %s; %s fetched, %s unpacked, %s reused.", seconds(s.Ready), size(s.FetchedBytes), size(s.UnpackedBytes), count(s.LayersReused, "layer"))
	}
	phases := s.Phases
	for i, field := range phaseFields(&phases) {
		if *field != nil && **field > 0 {
			text += fmt.Sprintf(" %s takes %s.", sentenceWord(string(phaseNames[i])), seconds(**field))
		}
	}
	return text
}

// work is what is done with a layer of an image, until when.
type work struct {
	image string
	phase simulate.Phase
	end   time.Duration
}

// workEnds are the layers that are fetched or unpacked, by what and when it ends, and
// when each image's first fetch begins, for no layer.
type workEnds struct {
	layer map[work]layers.Digest
	first map[string]time.Duration
}

func endsOf(s *simulate.Startup) workEnds {
	ends := workEnds{make(map[work]layers.Digest), make(map[string]time.Duration)}
	for _, span := range s.Spans {
		if span.Layer == "" {
			continue
		}
		ends.layer[work{span.Image, span.Phase, span.End}] = span.Layer
		if first, ok := ends.first[span.Image]; span.Phase == simulate.Fetch && (!ok || span.Start < first) {
			ends.first[span.Image] = span.Start
		}
	}
	return ends
}

// waitTip says what a layer waits for before a span: another layer whose fetch or unpack
// ends as the span begins, where there is one.
func (w workEnds) waitTip(span *simulate.Span, since time.Duration) string {
	tip := fmt.Sprintf("waits %s before %s", seconds(span.Start-since), span.Phase)
	before, ok := w.layer[work{span.Image, span.Phase, span.Start}]
	switch {
	case !ok || before == span.Layer:
		return tip
	case span.Phase == simulate.Unpack:
		return tip + ": order, until " + short(before) + " is unpacked"
	}
	return tip + ": until " + short(before) + " is fetched and leaves its place"
}

// holdsOf draws what held an explained start up: all of it in the first row, else the
// stretches in which it waited for the row's layer, as a line below its bars.
func (c *chart) holdsOf(first bool, row fallRow, x *simulate.Explanation, s scale, y float64) {
	for i := range x.Holds {
		h := &x.Holds[i]
		from, to := s.at(h.Start.Seconds()), s.at(h.End.Seconds())
		tip := fmt.Sprintf("held up by %s: %s to %s, %s", holdWords(h), seconds(h.Start), seconds(h.End), seconds(h.End-h.Start))
		if first {
			if layer := waitedFor(x, h); layer != "" {
				tip += ", " + layer
			}
			height := phaseHeight(causeWords[h.By].phase)
			c.bar("mark "+heldClass(h), tip, from, to, y+(fallRowHeight-height)/2, height)
		} else if row.layer != "" && h.Layer == row.layer && h.Image == row.spans[0].Image {
			c.bar("mark held-line", tip, from, to, y+fallRowHeight-3, 2.5)
		}
	}
}

const (
	// causeLetter is the width of a letter of a cause, in pixels.
	causeLetter = 6.5
	// fallRoom is how wide a plot is on a page that shows two side by side, and
	// fallNarrow on that of a phone.
	fallRoom, fallNarrow = 400, 220
)

// causes writes what held an explained start up below each stretch in which that was the
// same, where there is room for it, and a line between it and the next.
func (c *chart) causes(x *simulate.Explanation, s scale, y float64) {
	for i := 0; i < len(x.Holds); {
		first := &x.Holds[i]
		end := first.End
		for i++; i < len(x.Holds) && x.Holds[i].By == first.By; i++ {
			end = x.Holds[i].End
		}
		from, to := s.at(first.Start.Seconds()), s.at(end.Seconds())
		if i < len(x.Holds) {
			c.line("cause-edge", "", to, y-9-fallRowHeight, to, y-9)
		}
		words := causeWord(first.By)
		class := "cause"
		switch need := causeLetter * float64(columns(words)+1); {
		case (to-from)*fallRoom < need:
			continue
		case (to-from)*fallNarrow < need:
			class = "cause roomy" // not shown on a phone
		}
		c.text(class, "middle", (from+to)/2, y, words)
	}
}

// causeWord is a cause in one or two words, those of the JSON form.
func causeWord(cause simulate.Cause) string { return strings.ReplaceAll(string(cause), "-", " ") }

func (c *chart) fallRow(row fallRow, ends workEnds, s scale, y float64) {
	if row.heading {
		c.open("text", "class", "row-heading halo", "text-anchor", "start", "x", "-"+pixels(fallMargin), "y", pixels(y+14))
		c.element("tspan", ellipsis(row.label, 44))
		c.element("title", row.label)
		c.close("text")
		return
	}
	if row.label != "" {
		c.fallLabel(row, y+14)
	}
	for i, span := range row.spans {
		from, to := s.at(span.Start.Seconds()), s.at(span.End.Seconds())
		if row.layer != "" {
			since := span.Start
			if i > 0 {
				since = row.spans[i-1].End
			} else if first, ok := ends.first[span.Image]; ok && span.Phase == simulate.Fetch {
				since = first
			}
			if span.Start > since {
				c.line("mark wait", ends.waitTip(&span, since), s.at(since.Seconds()), y+10, from, y+10)
			}
		}
		height := phaseHeight(span.Phase)
		c.bar("mark "+phaseClass(span.Phase), spanTip(span), from, to, y+(fallRowHeight-height)/2, height)
	}
}

// fallMargin is the width in pixels that the style sheet leaves at the left.
const fallMargin = 120

func (c *chart) fallLabel(row fallRow, y float64) {
	c.open("text", "class", "row", "text-anchor", "end", "x", "-8", "y", pixels(y))
	if row.detail == "" {
		c.element("tspan", row.label)
	} else {
		c.element("tspan", row.label+" ", "class", "faint")
		c.element("tspan", row.detail)
	}
	c.close("text")
}

// phaseHeight is a bar's: it says again what its colour says.
func phaseHeight(p simulate.Phase) float64 {
	switch p {
	case simulate.Unpack:
		return fallBarHeight / 2
	case simulate.Resolve, simulate.Attach:
		return fallBarHeight * 3 / 4
	}
	return fallBarHeight
}

func spanTip(span simulate.Span) string {
	tip := fmt.Sprintf("%s: %s to %s, %s", phaseWords(span.Phase), seconds(span.Start), seconds(span.End), seconds(span.End-span.Start))
	if span.Bytes > 0 {
		tip += ", " + size(span.Bytes)
		if took := (span.End - span.Start).Seconds(); took > 0 {
			tip += " at " + rate(float64(span.Bytes)/took)
		}
	}
	if span.Layer != "" {
		tip += ", layer " + string(span.Layer)
	}
	return tip
}

// phaseClass is the style of a phase; an unknown one has a plain colour.
func phaseClass(p simulate.Phase) string {
	if isWait(p) {
		return "p-wait"
	}
	if slices.Contains(phaseNames, p) {
		return "p-" + string(p)
	}
	return "p-other"
}
