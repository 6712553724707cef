package picture

import (
	"cmp"
	"fmt"
	"image/color"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// rule is one selector with what it declares.
type rule struct {
	selector     []compound // outermost ancestor first
	declarations map[string]string
	weight       int
}

// compound is an element's name, or empty, with the classes that it must have.
type compound struct {
	name    string
	classes []string
}

var (
	comments  = regexp.MustCompile(`(?s)/\*.*?\*/`)
	ruleForm  = regexp.MustCompile(`(?s)^\s*([^{}]+)\{([^{}]*)\}`)
	partForm  = regexp.MustCompile(`^([a-z]*)((?:\.[A-Za-z_][A-Za-z0-9_-]*)*)$`)
	hexColour = regexp.MustCompile(`^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$`)
)

// parseRules reads a style sheet: rules of classes and elements, one within another; no
// at-rules, no variables.
func parseRules(sheet string) ([]rule, error) {
	var list []rule
	for sheet = comments.ReplaceAllString(sheet, " "); strings.TrimSpace(sheet) != ""; {
		m := ruleForm.FindStringSubmatch(sheet)
		if m == nil {
			return nil, fmt.Errorf("%q begins no rule", cut(strings.TrimSpace(sheet)))
		}
		sheet = sheet[len(m[0]):]
		declarations := make(map[string]string)
		for d := range strings.SplitSeq(m[2], ";") {
			if name, value, ok := strings.Cut(d, ":"); ok {
				declarations[strings.TrimSpace(name)] = strings.TrimSpace(value)
			} else if strings.TrimSpace(d) != "" {
				return nil, fmt.Errorf("%q declares nothing", cut(d))
			}
		}
		for selector := range strings.SplitSeq(m[1], ",") {
			r := rule{declarations: declarations}
			for part := range strings.FieldsSeq(selector) {
				p := partForm.FindStringSubmatch(part)
				if p == nil {
					return nil, fmt.Errorf("selector %q is not known", strings.TrimSpace(selector))
				}
				c := compound{name: p[1], classes: strings.FieldsFunc(p[2], func(r rune) bool { return r == '.' })}
				r.selector = append(r.selector, c)
				r.weight += 1000 * len(c.classes)
				if c.name != "" {
					r.weight++
				}
			}
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b rule) int { return cmp.Compare(a.weight, b.weight) })
	return list, nil
}

func cut(s string) string { return s[:min(len(s), 40)] }

func (c *compound) is(n *node) bool {
	return (c.name == "" || c.name == n.name) && !slices.ContainsFunc(c.classes, func(class string) bool { return !n.has(class) })
}

func (r *rule) is(n *node, above []*node) bool {
	last := len(r.selector) - 1
	if last < 0 || !r.selector[last].is(n) {
		return false
	}
	wanted := r.selector[:last]
	for i := len(above) - 1; i >= 0 && len(wanted) > 0; i-- {
		if wanted[len(wanted)-1].is(above[i]) {
			wanted = wanted[:len(wanted)-1]
		}
	}
	return len(wanted) == 0
}

// style is what an element is drawn with.
type style struct {
	fill, stroke               color.NRGBA
	hasFill, hasStroke         bool
	fillOpacity, strokeOpacity float64
	opacity                    float64
	strokeWidth                float64
	dashes                     []float64
	join                       string
	strokeFirst                bool
	fixedStroke                bool // the same width however the drawing is stretched
	overflow                   string
	fontSize                   float64
	bold, mono                 bool
	anchor                     string
}

func initial() style {
	return style{fill: color.NRGBA{A: 255}, hasFill: true, fillOpacity: 1, strokeOpacity: 1, opacity: 1, strokeWidth: 1, join: "miter", fontSize: 16, anchor: "start"}
}

// attributes that are properties too, at the least weight.
var presentation = []string{"fill", "stroke", "stroke-width", "stroke-dasharray", "fill-opacity", "stroke-opacity", "opacity", "font-size", "font-weight", "font-family", "text-anchor"}

// geometry are attributes that say where or what an element is, or are for readers.
var geometry = []string{
	"class", "id", "role", "xmlns", "version", "aria-labelledby", "aria-label", "aria-hidden", "x", "y", "x1", "y1", "x2", "y2", "width", "height", "cx", "cy", "r", "d",
	"viewBox", "preserveAspectRatio", "overflow", "dx", "dy", "rx", "tabindex", "focusable", "style", "space",
}

// styleOf is the style of n, of what it inherits and what rules declare.
func (d *drawing) styleOf(n *node, inherited style, above []*node) (style, error) {
	s := inherited
	s.fixedStroke, s.overflow, s.opacity = false, "", inherited.opacity // which is of a group
	for _, name := range slices.Sorted(maps.Keys(n.attributes)) {
		switch {
		case slices.Contains(presentation, name):
			if err := s.set(name, n.attributes[name]); err != nil {
				return s, fmt.Errorf("element %s: %w", n.name, err)
			}
		case !slices.Contains(geometry, name) && !strings.HasPrefix(name, "data-"):
			return s, fmt.Errorf("element %s: attribute %s is not known", n.name, name)
		}
	}
	for i := range d.rules {
		if r := &d.rules[i]; r.is(n, above) {
			if err := s.setAll(r.declarations); err != nil {
				return s, err
			}
		}
	}
	inline := make(map[string]string)
	for part := range strings.SplitSeq(n.attributes["style"], ";") {
		if name, value, ok := strings.Cut(part, ":"); ok {
			inline[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	return s, s.setAll(inline)
}

func (s *style) setAll(declarations map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(declarations)) {
		if err := s.set(name, declarations[name]); err != nil {
			return fmt.Errorf("style %w", err)
		}
	}
	return nil
}

func (s *style) set(name, value string) (err error) {
	number := func(to *float64) {
		*to, err = length(value, 1)
	}
	switch name {
	case "fill":
		s.fill, s.hasFill, err = colour(value)
	case "stroke":
		s.stroke, s.hasStroke, err = colour(value)
	case "fill-opacity":
		number(&s.fillOpacity)
	case "stroke-opacity":
		number(&s.strokeOpacity)
	case "opacity":
		own := 1.0
		number(&own)
		s.opacity *= own
	case "stroke-width":
		number(&s.strokeWidth)
	case "font-size":
		number(&s.fontSize)
	case "stroke-dasharray":
		s.dashes, err = dashes(value)
	case "stroke-linejoin":
		s.join = value
	case "stroke-linecap":
		if value != "butt" {
			err = fmt.Errorf("not known")
		}
	case "paint-order":
		s.strokeFirst = strings.HasPrefix(value, "stroke")
	case "vector-effect":
		s.fixedStroke = value == "non-scaling-stroke"
	case "overflow":
		s.overflow = value
	case "font-family":
		s.mono = strings.Contains(value, "mono")
	case "font-weight":
		weight, notNumber := strconv.Atoi(value)
		s.bold = value == "bold" || notNumber == nil && weight >= 600
	case "text-anchor":
		s.anchor = value
	case "font-variant-numeric": // the digits of the fonts here are of one width
	default:
		err = fmt.Errorf("not known")
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", name, value, err)
	}
	return nil
}

func dashes(value string) ([]float64, error) {
	if value == "none" {
		return nil, nil
	}
	var list []float64
	for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ' ' || r == ',' }) {
		v, err := length(part, 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if len(list)%2 == 1 {
		list = append(list, list...)
	}
	return list, nil
}

// colour reads #rgb, #rrggbb, white or none.
func colour(value string) (c color.NRGBA, painted bool, err error) {
	switch {
	case value == "none" || value == "transparent":
		return c, false, nil
	case value == "white":
		value = "#fff"
	case !hexColour.MatchString(value):
		return c, false, fmt.Errorf("not a colour as #1f6fc5")
	}
	digits := value[1:]
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	return color.NRGBA{uint8(n >> 16), uint8(n >> 8), uint8(n), 255}, true, err
}
