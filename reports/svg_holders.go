package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/layers"
)

// layerGroup are the layers that the same images have.
type layerGroup struct {
	// images are places in the set, in family order; layers those of SharedSet.Layers.
	images, layers []int
	size           layers.Size
}

// layerGroups are the groups of the images in order, those of the first image first and
// of them those that most images have: so that what a family has in common stands
// together, left of what its members have alone.
func (s *imageSet) layerGroups(order []int) []layerGroup {
	holders := make([][]int, len(s.Layers))
	place := make(map[int]int, len(order))
	for at, i := range order {
		place[i] = at
		seen := make(map[int]bool)
		for _, l := range s.Images[i].Layers {
			if !seen[l.Layer] { // an image may have a layer twice
				seen[l.Layer] = true
				holders[l.Layer] = append(holders[l.Layer], i)
			}
		}
	}
	var list []layerGroup
	at := make(map[string]int)
	for l, images := range holders {
		if len(images) == 0 {
			continue
		}
		key := fmt.Sprint(images)
		g, ok := at[key]
		if !ok {
			g = len(list)
			at[key] = g
			list = append(list, layerGroup{images: images})
		}
		list[g].layers = append(list[g].layers, l)
		size := layerSize(&s.Layers[l].Layer)
		list[g].size.Layers++
		list[g].size.CompressedBytes += size.CompressedBytes
		list[g].size.CompressedEstimatedBytes += size.CompressedEstimatedBytes
	}
	slices.SortStableFunc(list, func(a, b layerGroup) int {
		return cmp.Or(cmp.Compare(place[a.images[0]], place[b.images[0]]), cmp.Compare(len(b.images), len(a.images)), cmp.Compare(b.size.CompressedBytes, a.size.CompressedBytes))
	})
	return list
}

func (s *imageSet) groupNames(g *layerGroup, limit int) string {
	var names []string
	for _, i := range g.images {
		names = append(names, s.names[i])
	}
	return some(names, limit)
}

const (
	holdersTop    = 22
	holdersRow    = 22
	holdersBar    = 16
	holdersNames  = 20
	maxHolderRows = maxMatrix
	// thinnest is the share of the width of what is drawn.
	thinnest = 0.002
)

// holdersFigure draws which image has which layers: a row for each image, and across the
// bytes of all layers, each once. It is nil for one image, and where no bytes are known.
func (s *imageSet) holdersFigure(id string) *figure {
	order := s.familyOrder()
	shown := order[:min(len(order), maxHolderRows)]
	groups := s.layerGroups(shown)
	var total int64
	for i := range groups {
		total += groups[i].size.CompressedBytes
	}
	if len(shown) < 2 || total == 0 {
		return nil
	}
	f := &figure{Heading: "Who shares what"}
	bottom := float64(holdersTop + holdersRow*len(shown))
	title := "Which image has which layers, by compressed bytes, each layer once"
	if s.Platform != "" {
		title += " (" + s.Platform + ")"
	}
	c := newChart(id, "holders", title, s.headline(), bottom+26)
	row := make(map[int]float64, len(shown))
	for at, i := range shown {
		y := float64(holdersTop + holdersRow*at)
		row[i] = y
		c.margin("row", y+14, ellipsis(s.names[i], holdersNames), s.names[i])
		c.line("row-line", "", 0, y+holdersRow-1, 1, y+holdersRow-1)
	}
	name, unit := byteUnit(total)
	c.axis(linearScaleTo(float64(total)/unit), holdersTop, bottom, true)
	c.text("tick", "end", 1, bottom+18, name+" compressed, each layer once")
	thin, thinBytes := 0, int64(0)
	var from int64
	for i := range groups {
		g := &groups[i]
		start, end := float64(from)/float64(total), float64(from+g.size.CompressedBytes)/float64(total)
		from += g.size.CompressedBytes
		if end-start < thinnest {
			thin, thinBytes = thin+1, thinBytes+g.size.CompressedBytes
			continue
		}
		class := "mark holds-own"
		words := "this image alone"
		if len(g.images) > 1 {
			class, words = "mark holds-shared", fmt.Sprintf("%d of %d images", len(g.images), len(s.Images))
		}
		if len(g.images) == len(s.Images) {
			class, words = "mark holds-all", "all images"
		}
		for _, img := range g.images {
			tip := fmt.Sprintf("%s: %s, %s compressed, that %s", s.names[img], count(len(g.layers), "layer"), compressedSize(g.size), haveWords(words))
			c.bar(class, tip, start, end, row[img]+(holdersRow-holdersBar)/2, holdersBar)
		}
	}
	f.Drawing = c.drawn()
	f.explain("rect", "holds-all", "layers that all images have")
	f.explain("rect", "holds-shared", "layers that several have")
	f.explain("rect", "holds-own", "layers that one has alone")
	f.Caption = "A column is a group of layers that the same images have, as wide as its bytes; images on one base stand together."
	if thin > 0 {
		f.Caption += fmt.Sprintf(" Left out as too thin to see: %s, %s together; the table has them.", count(thin, "group"), size(thinBytes))
	}
	if rest := len(order) - len(shown); rest > 0 {
		f.Caption += fmt.Sprintf(" The %d images of the largest families; %d more are in the JSON form.", len(shown), rest)
	}
	return f
}

func haveWords(who string) string {
	if strings.HasPrefix(who, "this") {
		return who + " has"
	}
	return who + " have"
}

// byteUnit suits an axis up to so many bytes.
func byteUnit(most int64) (name string, bytes float64) {
	name, bytes = byteUnitFor(float64(most))
	return strings.TrimSuffix(name, "/s"), bytes
}

// linearScaleTo ends at highest, where linearScale goes on a little.
func linearScaleTo(highest float64) scale {
	s := linearScale(highest)
	s.high = highest
	return s.within()
}

// maxGroupRows bounds the table of the groups; the JSON form has the layers of every
// image.
const maxGroupRows = 300

func (s *imageSet) groupsTable() *table {
	order := s.familyOrder()
	groups := s.layerGroups(order[:min(len(order), maxHolderRows)])
	caption := "The groups of layers of the chart, from left to right"
	if len(groups) > maxGroupRows {
		slices.SortStableFunc(groups, func(a, b layerGroup) int { return cmp.Compare(b.size.CompressedBytes, a.size.CompressedBytes) })
		caption = fmt.Sprintf("The %d largest of %d groups of layers of the chart; JSON has all", maxGroupRows, len(groups))
		groups = groups[:maxGroupRows]
	}
	t := newTable(caption, "images that have them", ">images", ">layers", ">compressed", "the largest made by")
	for i := range groups {
		g := &groups[i]
		who := longCell(s.groupNames(g, 6))
		who.Title = s.groupNames(g, 40)
		t.add(who, countCell(len(g.images)), countCell(len(g.layers)), compressedCell(g.size), longCell(madeBy(&s.Layers[g.layers[0]].Layer)))
	}
	return t
}
