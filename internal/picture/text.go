package picture

import (
	"fmt"
	"strings"
	"sync"

	"codeberg.org/go-fonts/liberation/liberationmonoregular"
	"codeberg.org/go-fonts/liberation/liberationsansbold"
	"codeberg.org/go-fonts/liberation/liberationsansregular"
	"golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// The fonts are read when the first text of theirs is drawn.
var (
	sans     = sync.OnceValues(func() (*sfnt.Font, error) { return sfnt.Parse(liberationsansregular.TTF) })
	sansBold = sync.OnceValues(func() (*sfnt.Font, error) { return sfnt.Parse(liberationsansbold.TTF) })
	mono     = sync.OnceValues(func() (*sfnt.Font, error) { return sfnt.Parse(liberationmonoregular.TTF) })
)

func fontOf(s *style) (*sfnt.Font, error) {
	switch {
	case s.mono:
		return mono()
	case s.bold:
		return sansBold()
	}
	return sans()
}

// run is a piece of a text in one style.
type run struct {
	text  string
	frame *frame
}

// text draws an element text with the tspans in it, one after another on one line.
func (d *drawing) text(n *node, in *frame, above []*node) error {
	var l lengths
	x, y := l.of(n, "x", in.width, 0)+l.of(n, "dx", in.width, 0), l.of(n, "y", in.height, 0)+l.of(n, "dy", in.height, 0)
	if l.err != nil {
		return l.err
	}
	var runs []run
	if err := d.runs(n, in, above, &runs); err != nil {
		return err
	}
	runs = collapsed(runs)
	width := 0.0
	for _, r := range runs {
		w, err := r.width(d.missing)
		if err != nil {
			return err
		}
		width += w
	}
	switch in.style.anchor {
	case "middle":
		x -= width / 2
	case "end":
		x -= width
	case "start":
	default:
		return fmt.Errorf("text-anchor %q is not known", in.style.anchor)
	}
	for _, r := range runs {
		if err := d.glyphs(r, x, y); err != nil {
			return err
		}
		w, _ := r.width(nil)
		x += w
	}
	return nil
}

func (d *drawing) runs(n *node, in *frame, above []*node, list *[]run) error {
	for _, c := range n.children {
		switch c.name {
		case "":
			*list = append(*list, run{c.text, in})
		case "title", "desc":
		case "tspan":
			for _, name := range []string{"x", "y", "dx", "dy"} {
				if _, ok := c.attributes[name]; ok {
					return fmt.Errorf("element tspan: attribute %s is not known", name)
				}
			}
			own, err := d.styleOf(c, in.style, above)
			if err != nil {
				return err
			}
			inner := *in
			inner.style = own
			if err := d.runs(c, &inner, append(above[:len(above):len(above)], c), list); err != nil {
				return err
			}
		default:
			return fmt.Errorf("element %s in a text is not known", c.name)
		}
	}
	return nil
}

// collapsed makes one space of several, and none at the ends.
func collapsed(runs []run) []run {
	var kept []run
	space := true // the text before ends with one, or there is none
	for _, r := range runs {
		var b strings.Builder
		for _, c := range r.text {
			if c == '\n' || c == '\t' {
				c = ' '
			}
			if c == ' ' && space {
				continue
			}
			space = c == ' '
			b.WriteRune(c)
		}
		if b.Len() > 0 {
			kept = append(kept, run{b.String(), r.frame})
		}
	}
	if last := len(kept) - 1; last >= 0 {
		kept[last].text = strings.TrimSuffix(kept[last].text, " ")
	}
	return kept
}

// em is at which size glyphs are read; they are scaled from it.
const em = 1024

// eachGlyph calls yield with the glyphs and where each begins, in ems; and returns the width.
func (r run) eachGlyph(yield func(f *sfnt.Font, c rune, g sfnt.GlyphIndex, at float64) error) (float64, error) {
	f, err := fontOf(&r.frame.style)
	if err != nil {
		return 0, fmt.Errorf("read a font: %w", err)
	}
	var buffer sfnt.Buffer
	at := 0.0
	var before sfnt.GlyphIndex
	for i, c := range r.text {
		g, err := f.GlyphIndex(&buffer, c)
		if err != nil {
			return 0, fmt.Errorf("font: %q: %w", c, err)
		}
		if i > 0 && !r.frame.style.mono {
			if kern, err := f.Kern(&buffer, before, g, fixed.I(em), font.HintingNone); err == nil { // most pairs have none
				at += float64(kern) / 64 / em
			}
		}
		if err := yield(f, c, g, at); err != nil {
			return 0, err
		}
		advance, err := f.GlyphAdvance(&buffer, g, fixed.I(em), font.HintingNone)
		if err != nil {
			return 0, fmt.Errorf("font: %q: %w", c, err)
		}
		at += float64(advance) / 64 / em
		before = g
	}
	return at, nil
}

// width is in the frame's units; letters without a glyph are noted as missing.
func (r run) width(missing map[rune]bool) (float64, error) {
	ems, err := r.eachGlyph(func(_ *sfnt.Font, c rune, g sfnt.GlyphIndex, _ float64) error {
		if g == 0 && missing != nil {
			missing[c] = true
		}
		return nil
	})
	return ems * r.frame.style.fontSize, err
}

// glyphs draws a run from x on, its baseline at y.
func (d *drawing) glyphs(r run, x, y float64) error {
	size := r.frame.style.fontSize
	d.to.ClearPath()
	var buffer sfnt.Buffer
	_, err := r.eachGlyph(func(f *sfnt.Font, _ rune, g sfnt.GlyphIndex, at float64) error {
		segments, err := f.LoadGlyph(&buffer, g, fixed.I(em), nil)
		if err != nil {
			return fmt.Errorf("font: %w", err)
		}
		point := func(p fixed.Point26_6) (float64, float64) {
			return r.frame.view.at(x+size*(at+float64(p.X)/64/em), y+size*float64(p.Y)/64/em)
		}
		for i, s := range segments {
			ax, ay := point(s.Args[0])
			bx, by := point(s.Args[1])
			cx, cy := point(s.Args[2])
			switch s.Op {
			case sfnt.SegmentOpMoveTo:
				if i > 0 {
					d.to.ClosePath()
				}
				d.to.MoveTo(ax, ay)
			case sfnt.SegmentOpLineTo:
				d.to.LineTo(ax, ay)
			case sfnt.SegmentOpQuadTo:
				d.to.QuadraticTo(ax, ay, bx, by)
			case sfnt.SegmentOpCubeTo:
				d.to.CubicTo(ax, ay, bx, by, cx, cy)
			}
		}
		if len(segments) > 0 {
			d.to.ClosePath()
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.paint(r.frame, true)
	return nil
}
