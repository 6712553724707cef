package reports

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// chartRule is a rule of the page's style sheet that says how a chart looks.
type chartRule struct {
	selector     string
	declarations []string // of properties that drawings have, as "fill: #fff"
	left, right  float64  // the margins in pixels of a chart of this class
	hasMargin    bool
}

// drawnProperties are those that apply to drawings alone.
var drawnProperties = []string{
	"fill", "fill-opacity", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "stroke-linejoin", "stroke-linecap", "opacity",
	"paint-order", "vector-effect", "font-size", "font-weight", "font-family", "text-anchor", "overflow",
}

var (
	cssComment  = regexp.MustCompile(`(?s)/\*.*?\*/`)
	cssRule     = regexp.MustCompile(`(?s)([^{}]+)\{([^{}]*)\}`)
	cssVariable = regexp.MustCompile(`var\((--[a-z0-9-]+)\)`)
	cssClass    = regexp.MustCompile(`\.([A-Za-z_][A-Za-z0-9_-]*)`)
	cssWidth    = regexp.MustCompile(`^calc\(100% - ([0-9.]+)px\)$`)
)

// chartRules reads of a style sheet what it says of drawings on light paper at full width,
// with the values of its variables in their places.
func chartRules(sheet string) []chartRule {
	sheet = withoutAtRules(cssComment.ReplaceAllString(sheet, ""))
	variables := make(map[string]string)
	var list []chartRule
	for _, m := range cssRule.FindAllStringSubmatch(sheet, -1) {
		selector := strings.Join(strings.Fields(m[1]), " ")
		r := chartRule{selector: selector}
		room := -1.0
		for declaration := range strings.SplitSeq(m[2], ";") {
			name, value, ok := strings.Cut(declaration, ":")
			name, value = strings.TrimSpace(name), strings.TrimSpace(value)
			switch {
			case !ok:
			case selector == ":root":
				variables[name] = value
			case name == "margin-left":
				r.left, _ = strconv.ParseFloat(strings.TrimSuffix(value, "px"), 64)
			case name == "width":
				if w := cssWidth.FindStringSubmatch(value); w != nil {
					room, _ = strconv.ParseFloat(w[1], 64)
				}
			case slices.Contains(drawnProperties, name):
				r.declarations = append(r.declarations, name+": "+value)
			}
		}
		if room >= r.left && cssClass.MatchString(selector) {
			r.hasMargin, r.right = true, room-r.left
		}
		list = append(list, r)
	}
	for i := range list {
		for k, d := range list[i].declarations {
			for range variables { // one may stand for another
				d = cssVariable.ReplaceAllStringFunc(d, func(use string) string { return variables[use[4:len(use)-1]] })
			}
			list[i].declarations[k] = d
		}
	}
	return list
}

// withoutAtRules leaves out what holds on some media alone.
func withoutAtRules(sheet string) string {
	for {
		from := strings.IndexByte(sheet, '@')
		if from < 0 {
			return sheet
		}
		to, depth := from, 0
		for to < len(sheet) {
			c := sheet[to]
			to++
			if c == '{' {
				depth++
			}
			if c == '}' {
				depth--
			}
			if depth == 0 && (c == '}' || c == ';') {
				break
			}
		}
		sheet = sheet[:from] + sheet[to:]
	}
}

// chartMargins is the room at the left and right of a chart of these classes.
func chartMargins(rules []chartRule, classes []string) (left, right float64) {
	for i := range rules {
		if r := &rules[i]; r.hasMargin && slices.Contains(classes, strings.TrimPrefix(r.selector, ".")) {
			left, right = r.left, r.right
		}
	}
	return left, right
}

// chartStyle is the style sheet of a drawing: the rules for the classes that are in it.
func chartStyle(rules []chartRule, drawing string) string {
	used := make(map[string]bool)
	for _, m := range classesForm.FindAllStringSubmatch(drawing, -1) {
		for class := range strings.FieldsSeq(m[1]) {
			used[class] = true
		}
	}
	var b strings.Builder
	for i := range rules {
		r := &rules[i]
		var selectors []string
		for s := range strings.SplitSeq(r.selector, ",") {
			s = strings.TrimSpace(s)
			classes := cssClass.FindAllStringSubmatch(s, -1)
			if classes != nil && !strings.ContainsAny(s, ":>[*+~") && !slices.ContainsFunc(classes, func(m []string) bool { return !used[m[1]] }) {
				selectors = append(selectors, s)
			}
		}
		if selectors != nil && r.declarations != nil {
			b.WriteString(strings.Join(selectors, ", ") + " { " + strings.Join(r.declarations, "; ") + " }\n")
		}
	}
	root := func(name string) string {
		for i := range rules {
			if r := &rules[i]; r.selector == name {
				return strings.Join(r.declarations, "; ")
			}
		}
		return ""
	}
	ink, muted := cmpOr(root(".chart text"), "fill: #1a1f26"), cmpOr(root(".chart .tick"), "fill: #535d68")
	b.WriteString(".plot-paper { fill: #ffffff }\n.key { overflow: visible }\n")
	b.WriteString(".plot-title { " + ink + "; font-size: 17px; font-weight: 600 }\n")
	b.WriteString(".plot-heading { " + ink + "; font-size: 13px }\n.plot-key { " + ink + "; font-size: 13px }\n")
	b.WriteString(".plot-note { " + muted + "; font-size: 12px }\n")
	return "\n" + b.String()
}
