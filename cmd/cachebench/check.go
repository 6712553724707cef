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
		{Name: "unresolved", Means: "number of references that could not be read"},
	}
}

// setFigures are the figures of a set of images. When a reference could not be
// read, all but the number of those are unknown: a rule must not pass on a part.
func setFigures(s *reports.Sharing) []reports.Figure {
	shared := 0.0
	if s.Sum.CompressedBytes > 0 {
		shared = 1 - float64(s.Union.CompressedBytes)/float64(s.Sum.CompressedBytes)
	}
	figures := reports.Figures([]layers.Figure{
		{Name: "shared", Unit: reports.UnitFraction, Value: shared},
		{Name: "union", Unit: reports.UnitBytes, Value: float64(s.Union.CompressedBytes)},
		{Name: "union-unpacked", Unit: reports.UnitBytes, Value: float64(s.Union.UnpackedBytes), Estimated: s.Union.EstimatedBytes > 0},
		{Name: "sum", Unit: reports.UnitBytes, Value: float64(s.Sum.CompressedBytes)},
		{Name: "factor", Value: s.SharingFactor},
		{Name: "images", Value: float64(len(s.Images))},
		{Name: "layers", Value: float64(s.Union.Layers)},
		{Name: "unresolved", Value: float64(len(s.Unresolved))},
	})
	for i := range figures {
		f := &figures[i]
		switch {
		case f.Name != "unresolved" && len(s.Unresolved) > 0:
			f.Unknown = fmt.Sprintf("%d of %d references could not be read", len(s.Unresolved), len(s.Images)+len(s.Unresolved))
		case f.Name == "union-unpacked" && s.Union.UnknownLayers > 0:
			f.Unknown = fmt.Sprintf("the unpacked size of %d layers is not known", s.Union.UnknownLayers)
		}
	}
	return figures
}

// check judges a set of images. The outcome follows the report where that is text
// on the standard output, and goes to the standard error where it is a document.
func (g *gates) check(out *outputs, s *reports.Sharing) error {
	var names []string
	for _, img := range s.Images {
		names = append(names, budgetNames(img.Reference)...)
	}
	rules, err := g.of(names...)
	if err != nil {
		return err
	}
	gate := reports.Judge(rules, setFigures(s))
	if gate == nil {
		return nil
	}
	to := out.io.err
	if out.format == string(reports.Text) && out.file == "" {
		to = out.io.out
	}
	if _, err := to.Write(reports.GateText(gate)); err != nil {
		return err
	}
	return gate.Err()
}
