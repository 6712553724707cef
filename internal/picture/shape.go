package picture

import (
	"fmt"
	"image/color"
	"math"
	"strconv"
	"strings"

	"git.sr.ht/~sbinet/gg"
)

// shape draws a rectangle, a line, a circle or a path.
func (d *drawing) shape(n *node, in *frame) error {
	var l lengths
	diagonal := math.Hypot(in.width, in.height) / math.Sqrt2
	at := func(name string, whole float64) float64 { return l.of(n, name, whole, 0) }
	d.to.ClearPath()
	fills := true
	switch n.name {
	case "rect":
		x, y := in.view.at(at("x", in.width), at("y", in.height))
		width, height := at("width", in.width)*in.view.sx, at("height", in.height)*in.view.sy
		if l.err == nil && (!(width > 0) || !(height > 0)) {
			return nil
		}
		if r := at("rx", in.width) * in.view.sx; r > 0 {
			d.to.DrawRoundedRectangle(x, y, width, height, min(r, width/2, height/2))
		} else {
			d.to.DrawRectangle(x, y, width, height)
		}
	case "line":
		x1, y1 := in.view.at(at("x1", in.width), at("y1", in.height))
		x2, y2 := in.view.at(at("x2", in.width), at("y2", in.height))
		d.to.DrawLine(x1, y1, x2, y2)
		fills = false
	case "circle":
		x, y := in.view.at(at("cx", in.width), at("cy", in.height))
		r := at("r", diagonal)
		d.to.DrawEllipse(x, y, r*in.view.sx, r*in.view.sy)
	case "path":
		if err := d.path(n.attributes["d"], in.view); err != nil {
			return fmt.Errorf("path %q: %w", cut(n.attributes["d"]), err)
		}
	}
	if l.err != nil {
		return l.err
	}
	d.paint(in, fills)
	return nil
}

// path adds what the commands M, L, H, V, C, Q and Z draw, lower case from the point before.
func (d *drawing) path(text string, view matrix) error {
	commands, err := pathCommands(text)
	if err != nil {
		return err
	}
	var x, y, firstX, firstY float64
	for _, c := range commands {
		n := c.numbers
		fromX, fromY := 0.0, 0.0
		if c.relative {
			fromX, fromY = x, y
		}
		switch c.name {
		case 'M':
			x, y = fromX+n[0], fromY+n[1]
			firstX, firstY = x, y
			d.to.MoveTo(view.at(x, y))
		case 'L':
			x, y = fromX+n[0], fromY+n[1]
			d.to.LineTo(view.at(x, y))
		case 'H':
			x = fromX + n[0]
			d.to.LineTo(view.at(x, y))
		case 'V':
			y = fromY + n[0]
			d.to.LineTo(view.at(x, y))
		case 'Q':
			ax, ay := view.at(fromX+n[0], fromY+n[1])
			x, y = fromX+n[2], fromY+n[3]
			bx, by := view.at(x, y)
			d.to.QuadraticTo(ax, ay, bx, by)
		case 'C':
			ax, ay := view.at(fromX+n[0], fromY+n[1])
			bx, by := view.at(fromX+n[2], fromY+n[3])
			x, y = fromX+n[4], fromY+n[5]
			cx, cy := view.at(x, y)
			d.to.CubicTo(ax, ay, bx, by, cx, cy)
		case 'Z':
			x, y = firstX, firstY
			d.to.ClosePath()
		}
	}
	return nil
}

type pathCommand struct {
	name     byte
	relative bool
	numbers  []float64
}

// numbersOf is how many numbers a command takes.
var numbersOf = map[byte]int{'M': 2, 'L': 2, 'H': 1, 'V': 1, 'Q': 4, 'C': 6, 'Z': 0}

func pathCommands(text string) ([]pathCommand, error) {
	var list []pathCommand
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		letter := text[0]
		name := letter &^ 0x20
		count, known := numbersOf[name]
		if !known {
			return nil, fmt.Errorf("command %q is not known", letter)
		}
		text = text[1:]
		end := strings.IndexFunc(text, func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' && r != 'e' })
		if end < 0 {
			end = len(text)
		}
		numbers, err := numbersIn(text[:end])
		if err != nil {
			return nil, err
		}
		text = text[end:]
		if count == 0 && len(numbers) > 0 || count > 0 && (len(numbers) == 0 || len(numbers)%count != 0) {
			return nil, fmt.Errorf("command %q has %d numbers", letter, len(numbers))
		}
		list = append(list, pathCommand{name, letter != name, numbers[:count]})
		if name == 'M' {
			name = 'L' // further points
		}
		for i := count; i < len(numbers); i += count {
			list = append(list, pathCommand{name, letter&0x20 != 0, numbers[i : i+count]})
		}
	}
	return list, nil
}

// numbersIn splits numbers, between which there need be nothing where one has a sign.
func numbersIn(text string) ([]float64, error) {
	var list []float64
	for part := range strings.FieldsFuncSeq(strings.ReplaceAll(text, "-", " -"), func(r rune) bool { return r == ' ' || r == ',' || r == '\n' }) {
		v, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", part)
		}
		list = append(list, v)
	}
	return list, nil
}

// paint fills and strokes the path, and ends it.
func (d *drawing) paint(in *frame, fills bool) {
	s := &in.style
	fill := func() {
		if s.hasFill && fills {
			d.to.SetColor(faded(s.fill, s.fillOpacity*s.opacity))
			d.to.FillPreserve()
		}
	}
	stroke := func() {
		if width := d.strokeWidth(in); s.hasStroke && width > 0 {
			d.to.SetLineWidth(width)
			d.setDashes(in)
			d.to.SetLineJoin(gg.LineJoinBevel)
			if s.join == "round" {
				d.to.SetLineJoin(gg.LineJoinRound)
			}
			d.to.SetColor(faded(s.stroke, s.strokeOpacity*s.opacity))
			d.to.StrokePreserve()
		}
	}
	if s.strokeFirst {
		stroke()
		fill()
	} else {
		fill()
		stroke()
	}
	d.to.ClearPath()
}

// strokeScale is how many pixels a unit of a stroke's width is.
func (d *drawing) strokeScale(in *frame) float64 {
	if in.style.fixedStroke {
		return float64(d.to.Width()) / d.units
	}
	return math.Sqrt(math.Abs(in.view.sx * in.view.sy))
}

func (d *drawing) strokeWidth(in *frame) float64 { return in.style.strokeWidth * d.strokeScale(in) }

func (d *drawing) setDashes(in *frame) {
	var list []float64
	for _, v := range in.style.dashes {
		list = append(list, v*d.strokeScale(in))
	}
	d.to.SetDash(list...)
}

func faded(c color.NRGBA, opacity float64) color.NRGBA {
	c.A = uint8(math.Round(float64(c.A) * min(max(opacity, 0), 1)))
	return c
}
