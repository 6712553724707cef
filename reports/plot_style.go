package reports

import (
	"regexp"
	"slices"
	"strings"
)

// margins are what stands left and right of a chart's plot, in pixels, by its class; the
// page's style sheet leaves the same.
var margins = map[string][2]float64{
	"fall": {120, 14}, "ecdf": {48, 12}, "apps": {128, 12}, "held": {6, 8}, "gain": {6, 8},
	"holders": {148, 12}, "scatter": {52, 12},
}

// chartRule is a rule of the charts' style sheet.
type chartRule struct{ selector, declarations string }

var (
	cssComment  = regexp.MustCompile(`(?s)/\*.*?\*/`)
	cssRule     = regexp.MustCompile(`(?s)([^{}]+)\{([^{}]*)\}`)
	cssVariable = regexp.MustCompile(`var\((--[a-z0-9-]+)\)`)
	cssClass    = regexp.MustCompile(`\.([A-Za-z_][A-Za-z0-9_-]*)`)
	classesForm = regexp.MustCompile(` class="([^"]*)"`)
)

// chartRules reads the charts' style sheet, with the values of its variables in their
// places: other programs than browsers know none.
func chartRules(sheet string) []chartRule {
	variables := make(map[string]string)
	var list []chartRule
	for _, m := range cssRule.FindAllStringSubmatch(cssComment.ReplaceAllString(sheet, ""), -1) {
		selector, declarations := strings.Join(strings.Fields(m[1]), " "), strings.Join(strings.Fields(m[2]), " ")
		if selector != ":root" {
			list = append(list, chartRule{selector, declarations})
			continue
		}
		for declaration := range strings.SplitSeq(declarations, ";") {
			name, value, _ := strings.Cut(declaration, ":")
			variables[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	for i := range list {
		list[i].declarations = cssVariable.ReplaceAllStringFunc(list[i].declarations, func(use string) string {
			return variables[strings.TrimSuffix(strings.TrimPrefix(use, "var("), ")")]
		})
	}
	return list
}

// plotRules are of the words around a chart.
var plotRules = []chartRule{
	{".plot-title", "fill: var(--ink); font-size: 17px; font-weight: 600;"},
	{".plot-heading", "fill: var(--ink); font-size: 13px;"},
	{".plot-key", "fill: var(--ink); font-size: 13px;"},
	{".plot-note", "fill: var(--muted); font-size: 12px;"},
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
	for _, r := range rules {
		selectors := slices.DeleteFunc(strings.Split(r.selector, ", "), func(s string) bool {
			return slices.ContainsFunc(cssClass.FindAllStringSubmatch(s, -1), func(m []string) bool { return !used[m[1]] })
		})
		if len(selectors) > 0 {
			b.WriteString("\n" + strings.Join(selectors, ", ") + " { " + r.declarations + " }")
		}
	}
	return b.String() + "\n"
}
