// Package picture draws an SVG of the charts' kind as PNG: for slides, issues and
// chats, which do not show SVG.
//
// It knows the elements, properties and selectors that the charts use and no more;
// what it does not know is an error, so that no picture lacks a part of its chart.
// Text is drawn as outlines of the Liberation fonts, which are in the program: a picture
// does not depend on the machine's fonts, and the same SVG gives the same bytes. Of letters
// that they have not, such as Chinese ones, the caller is told.
package picture

import (
	"bytes"
	"fmt"
	"image/png"
	"maps"
	"slices"
	"strconv"
	"strings"

	"git.sr.ht/~sbinet/gg"
)

// maxPixels bounds a picture's size.
const maxPixels = 64 << 20

// PNG draws svg with each of its units as scale pixels. Missing are the letters that the
// fonts have not, in order, each once: an empty box stands for each.
func PNG(svg []byte, scale float64) (data []byte, missing []rune, err error) {
	root, style, err := parse(svg)
	if err != nil {
		return nil, nil, fmt.Errorf("draw an SVG: %w", err)
	}
	rules, err := parseRules(style)
	if err != nil {
		return nil, nil, fmt.Errorf("draw an SVG: its style: %w", err)
	}
	width, wErr := strconv.ParseFloat(root.attributes["width"], 64)
	height, hErr := strconv.ParseFloat(root.attributes["height"], 64)
	if wErr != nil || hErr != nil || !(width > 0) || !(height > 0) || width*height*scale*scale > maxPixels {
		return nil, nil, fmt.Errorf("draw an SVG: width %q and height %q are not a size in units that can be drawn", root.attributes["width"], root.attributes["height"])
	}
	d := &drawing{rules: rules, units: width, to: gg.NewContext(int(width*scale+.5), int(height*scale+.5)), missing: make(map[rune]bool)}
	d.to.SetLineCapButt()
	from := &frame{width: width, height: height, view: matrix{sx: scale, sy: scale}, style: initial()}
	if err := d.element(root, from, nil); err != nil {
		return nil, nil, fmt.Errorf("draw an SVG: %w", err)
	}
	var out bytes.Buffer
	if err := png.Encode(&out, d.to.Image()); err != nil {
		return nil, nil, fmt.Errorf("write PNG: %w", err)
	}
	return out.Bytes(), slices.Sorted(maps.Keys(d.missing)), nil
}

// matrix scales and then moves.
type matrix struct{ sx, sy, tx, ty float64 }

func (m matrix) at(x, y float64) (float64, float64) { return x*m.sx + m.tx, y*m.sy + m.ty }

// then is the matrix of first scaling by sx and sy and moving to x and y within m.
func (m matrix) then(sx, sy, x, y float64) matrix {
	tx, ty := m.at(x, y)
	return matrix{m.sx * sx, m.sy * sy, tx, ty}
}

// frame is where an element is drawn: a viewport of a size, its place on the picture, and
// what is inherited.
type frame struct {
	width, height float64
	view          matrix
	style         style
}

type drawing struct {
	rules []rule
	to    *gg.Context
	// units is the width of the whole picture in units of the SVG.
	units float64
	// missing are the letters that the fonts have not.
	missing map[rune]bool
}

// element draws n, whose ancestors are above, outermost first.
func (d *drawing) element(n *node, in *frame, above []*node) error {
	own, err := d.styleOf(n, in.style, above)
	if err != nil {
		return err
	}
	inner := *in
	inner.style = own
	above = append(above[:len(above):len(above)], n)
	switch n.name {
	case "title", "desc", "style":
		return nil
	case "svg":
		return d.viewport(n, &inner, above)
	case "g":
		return d.children(n, &inner, above)
	case "text":
		return d.text(n, &inner, above)
	case "rect", "line", "circle", "path":
		return d.shape(n, &inner)
	}
	return fmt.Errorf("element %s is not known", n.name)
}

func (d *drawing) children(n *node, in *frame, above []*node) error {
	for _, c := range n.children {
		if c.name == "" {
			continue // text outside of an element text is not drawn
		}
		if err := d.element(c, in, above); err != nil {
			return err
		}
	}
	return nil
}

// viewport draws an element svg. The outermost has the frame's own size.
func (d *drawing) viewport(n *node, in *frame, above []*node) error {
	var l lengths
	width, height := in.width, in.height
	x, y := 0.0, 0.0
	if len(above) > 1 {
		x, y = l.of(n, "x", in.width, 0), l.of(n, "y", in.height, 0)
		width, height = l.of(n, "width", in.width, in.width), l.of(n, "height", in.height, in.height)
	}
	if l.err != nil {
		return l.err
	}
	sx, sy := 1.0, 1.0
	inner := *in
	inner.width, inner.height = width, height
	if box := strings.Fields(n.attributes["viewBox"]); len(box) > 0 {
		var b [4]float64
		if len(box) != 4 {
			return fmt.Errorf("viewBox %q is not four numbers", n.attributes["viewBox"])
		}
		for i := range b {
			v, err := strconv.ParseFloat(box[i], 64)
			if err != nil {
				return fmt.Errorf("viewBox %q is not four numbers", n.attributes["viewBox"])
			}
			b[i] = v
		}
		if !(b[2] > 0) || !(b[3] > 0) {
			return nil // nothing is drawn of an empty one
		}
		sx, sy = width/b[2], height/b[3]
		switch n.attributes["preserveAspectRatio"] {
		case "none":
		case "", "xMidYMid", "xMidYMid meet":
			least := min(sx, sy)
			x, y = x+(width-b[2]*least)/2, y+(height-b[3]*least)/2
			sx, sy = least, least
		default:
			return fmt.Errorf("preserveAspectRatio %q is not known", n.attributes["preserveAspectRatio"])
		}
		x, y = x-b[0]*sx, y-b[1]*sy
		inner.width, inner.height = b[2], b[3]
	}
	if len(above) > 1 && in.style.overflow != "visible" && n.attributes["overflow"] != "visible" {
		return fmt.Errorf("an svg within another is not overflow visible: clipping is not known")
	}
	inner.view = in.view.then(sx, sy, x, y)
	return d.children(n, &inner, above)
}

// lengths reads attributes that are lengths, and keeps the first error.
type lengths struct{ err error }

// of is an attribute in units; a percentage is of whole.
func (l *lengths) of(n *node, name string, whole, missing float64) float64 {
	text, ok := n.attributes[name]
	if !ok {
		return missing
	}
	v, err := length(text, whole)
	if err != nil && l.err == nil {
		l.err = fmt.Errorf("element %s: %s=%q: %w", n.name, name, text, err)
	}
	return v
}

func length(text string, whole float64) (float64, error) {
	per := 1.0
	if share, ok := strings.CutSuffix(text, "%"); ok {
		text, per = share, whole/100
	} else {
		text = strings.TrimSuffix(text, "px")
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("not a number of units or a percentage")
	}
	return v * per, nil
}
