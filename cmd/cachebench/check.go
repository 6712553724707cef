package main

import (
	"fmt"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
)

// setQuantities are what a rule of analyze --check can be about.
func setQuantities() []reports.Quantity {
	return []reports.Quantity{
		{Name: "shared", Unit: reports.UnitFraction, Means: "share of the images' compressed bytes that storing each layer once saves"},
		{Name: "union", Unit: reports.UnitBytes, Means: "compressed bytes of the distinct layers"},
		{Name: "union-unpacked", Unit: reports.UnitBytes, Means: "uncompressed bytes of the distinct layers"},
		{Name: "sum", Unit: reports.UnitBytes, Means: "compressed bytes of all images, shared layers counted each time"},
		{Name: "factor", Means: "sum over union"},
		{Name: "images", Means: "number of images"},
		{Name: "layers", Means: "number of distinct layers"},
		{Name: "largest", Unit: reports.UnitBytes, Means: "compressed bytes of the largest image"},
		{Name: "wasted", Unit: reports.UnitBytes, Means: "unpacked bytes that later layers hide; needs --deep"},
		{Name: "unresolved", Means: "number of references that could not be read"},
	}
}

// setFigures are the figures of a set of images. When a reference could not be
// read, all but the number of those are unknown: a rule must not pass on a part.
func setFigures(s *layers.Sharing) []reports.Figure {
	figures := reports.Figures(s.Figures())
	for _, set := range s.Sets {
		if len(set.Images) > 0 && set.Hidden == nil {
			figures = append(figures, reports.Figure{
				Name: "wasted", Platform: set.Platform, Unit: reports.UnitBytes, Unknown: "only --deep tells it, of layers that could all be read",
			})
		}
	}
	if len(s.Unresolved) == 0 {
		return figures
	}
	for i := range figures {
		if f := &figures[i]; f.Name != "unresolved" {
			f.Unknown = fmt.Sprintf("%d of the references could not be read", len(s.Unresolved))
		}
	}
	return figures
}

// check judges a set of images; of layers that could not be read nothing passes.
func (g *gates) check(out *outputs, s *layers.Sharing, unread int) error {
	var names []string
	for _, set := range s.Sets {
		for _, img := range set.Images {
			for _, reference := range append([]string{img.Reference}, img.AlsoNamed...) {
				names = append(names, budgetNames(reference)...)
			}
		}
	}
	rules, err := g.of(names...)
	if err != nil {
		return err
	}
	figures := setFigures(s)
	for i := range figures {
		if unread > 0 && figures[i].Name != "unresolved" {
			figures[i].Unknown = unreadLayers(unread)
		}
	}
	return out.gate(reports.Judge(rules, figures))
}

// gate writes what became of rules, and returns its error. It follows the report where
// that is text on the standard output, and goes to the standard error where it is a
// document. There may be no rules.
func (out *outputs) gate(gate *reports.Gate) error {
	if gate == nil {
		return nil
	}
	to := out.io.err
	if out.textToStdout() {
		to = out.io.out
	}
	if err := out.io.write(to, reports.GateText(gate)); err != nil {
		return err
	}
	return gate.Err()
}

// textToStdout says that the result is text on the standard output.
func (out *outputs) textToStdout() bool {
	return out.format == string(reports.Text) && (out.file == "" || out.toStdout(out.file))
}

// verdict writes the line for programs on the standard error where the result is in a format
// that does not end with it.
func (out *outputs) verdict(gate *reports.Gate) error {
	isForPeople := out.format == string(reports.Text) || out.format == string(reports.Markdown)
	if gate == nil || isForPeople {
		return nil
	}
	return out.io.write(out.io.err, []byte(gate.Line()+"\n"))
}
