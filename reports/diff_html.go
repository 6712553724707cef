package reports

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// diffPage writes d as one HTML file: the page of a report, with tables and one chart. It
// has every figure and every layer.
func diffPage(d *Diff) ([]byte, error) { return diffView(d).page() }

// DiffPlots are the charts of the page of d.
func DiffPlots(d *Diff) ([]Plot, error) {
	return plotsOf(diffView(d).charts(&Report{}), "cachebench diff · profile "+d.Provenance.Profile+" · cachebench "+cmpOr(d.Provenance.Version, "unknown version"))
}

func diffView(d *Diff) *view {
	v := &view{
		Title: "cachebench diff", Sources: simulate.Estimated,
		Verdict: &Verdict{Headline: d.headline(), Sentences: d.sentences()},
		Doubts:  d.Doubts, Facts: d.facts(), Hints: d.Hints,
		// The images' digests are what went in, beside those of files.
		Inputs: append([]simulate.Input{{Name: "OLD's image", Digest: d.Old.Digest}, {Name: "NEW's image", Digest: d.New.Digest}}, d.Provenance.Inputs...),
	}
	if d.Gate != nil {
		v.Gate, v.Rules = d.Gate.headline()+".", gateTable(d.Gate)
		v.Verdict.Sentences = append(v.Verdict.Sentences, d.Gate.Line())
	}
	groups := d.layerGroups()
	v.ComparedChart = d.groupsFigure("chart-layers", groups)
	for _, t := range []*table{diffStartsTable(d), diffFiguresTable(d), diffGroupsTable(groups), diffLayersTable(d), notJudgedTable(d.NotJudged)} {
		if t != nil {
			v.Compared = append(v.Compared, t)
		}
	}
	return v
}

// facts are the images and what the estimates were made with.
func (d *Diff) facts() []fact {
	p := &d.Provenance
	list := []fact{{"cachebench", cmpOr(p.Version, "unknown version")}, {"profile", p.Profile}}
	if p.ProfileBasis != "" {
		list = append(list, fact{"basis of the profile", p.ProfileBasis})
	}
	list = append(list, fact{"platform", d.platforms()})
	if !p.Now.IsZero() {
		list = append(list, fact{"as of", p.Now.UTC().Format("2006-01-02 15:04 MST")})
	}
	for _, side := range []struct {
		name  string
		image *DiffImage
	}{{"OLD", &d.Old}, {"NEW", &d.New}} {
		words := side.image.Reference
		if side.image.Inventory != "" {
			words += " of " + side.image.Inventory
		}
		list = append(list, fact{side.name, words})
	}
	return list
}

// markedCell is a size; an estimated one is marked with ~.
func markedCell(bytes int64, isEstimated bool) cell {
	c := bytesCell(bytes)
	c.Text = markedSize(bytes, isEstimated)
	return c
}

func diffStartsTable(d *Diff) *table {
	t := newTable("A start on profile "+d.Provenance.Profile+", and what it brings in"+d.blobWords(),
		"host has", ">OLD: fetch", ">unpack", ">ready", ">NEW: fetch", ">layers", ">unpack", ">ready", ">change")
	none := cell{Text: "-", Number: true}
	row := func(host string, now, old *DiffStart) {
		cells := []cell{wordCell(host), none, none, none,
			markedCell(now.FetchBytes, now.EstimatedFetchBytes > 0), countCell(now.FetchLayers), markedCell(now.UnpackBytes, now.EstimatedUnpackBytes > 0), secondsCell(now.Ready), none}
		if old != nil {
			cells[1], cells[2] = markedCell(old.FetchBytes, old.EstimatedFetchBytes > 0), markedCell(old.UnpackBytes, old.EstimatedUnpackBytes > 0)
			cells[3], cells[8].Text = secondsCell(old.Ready), cmpOr(percentChange(old.Ready, now.Ready), "none")
		}
		t.add(cells...)
	}
	row("nothing (cold)", &d.New.Cold, &d.Old.Cold)
	row("OLD (update)", &d.Update, nil)
	row("the image (cached)", &d.New.Cached, &d.Old.Cached)
	return t
}

// diffFiguresTable has what rules can be about.
func diffFiguresTable(d *Diff) *table {
	t := newTable("Figures", "figure", ">OLD", ">NEW", ">change", "what it is")
	known := DiffQuantities()
	value := func(v float64, unit string, isEstimated bool) cell {
		c := cell{Text: amountWords(v, unit), Value: exact(v), Number: true}
		if isEstimated {
			c.Text = "~ " + c.Text
		}
		return c
	}
	for i, f := range d.Figures() {
		old, change := cell{Text: "-", Number: true}, cell{Text: "-", Number: true}
		if f.Old != nil {
			by := f.Value - *f.Old
			old = value(*f.Old, f.Unit, f.OldEstimated)
			change = cell{Text: "none", Value: exact(by), Number: true}
			switch {
			case by > 0:
				change.Text = "+" + amountWords(by, f.Unit)
			case by < 0:
				change.Text = "-" + amountWords(-by, f.Unit)
			}
		}
		t.add(cell{Text: f.Name, Code: true}, old, value(f.Value, f.Unit, f.Estimated), change, longCell(known[i].Means))
	}
	return t
}

func diffLayersTable(d *Diff) *table {
	t := newTable("Layers of NEW, base layer first, then those of OLD that are gone", ">#", "state", "digest", ">compressed", ">unpacked", "like OLD's", "made by")
	add := func(place cell, l *DiffLayer) {
		like := longCell(l.resembles())
		like.Title = string(l.Was)
		step := wordCell(stepWords(l.CreatedBy))
		if l.CreatedBy != "" {
			step.Title = l.CreatedBy
		}
		t.add(place, wordCell(l.State), digestCell(l.Digest), markedCell(l.CompressedBytes, l.CompressedSource == layers.Estimated),
			markedCell(l.UnpackedBytes, l.UnpackedSource == layers.Estimated), like, step)
	}
	for i := range d.Layers {
		add(countCell(i+1), &d.Layers[i])
	}
	for i := range d.Gone {
		add(cell{Text: "-", Number: true}, &d.Gone[i])
	}
	return t.first(maxAppTableRows).unlessEmpty()
}

func notJudgedTable(rules []string) *table {
	t := newTable("Rules not judged here", "rule")
	for _, rule := range rules {
		t.add(longCell(rule))
	}
	return t.unlessEmpty()
}

// diffGroup are the compressed bytes that a kind of layers has in either image.
type diffGroup struct {
	name, class string
	old, new    int64
}

// layerGroups splits the compressed bytes of both images, each blob once, by what became
// of the layers; nil where the layers have more bytes than the images.
func (d *Diff) layerGroups() []diffGroup {
	stays := diffGroup{name: "in both images", class: "a-cold", old: d.Old.Cold.FetchBytes, new: d.New.Cold.FetchBytes}
	retimed := diffGroup{name: "same files, other timestamps", class: "a-automatic"}
	other := diffGroup{name: "only in one: gone from OLD, new in NEW", class: "a-cached"}
	was, seen := make(map[layers.Digest]bool), make(map[layers.Digest]bool)
	for i := range d.Layers {
		l := &d.Layers[i]
		if l.Change == Retimed {
			was[l.Was] = true
		}
		if l.State != LayerNew || seen[l.Digest] {
			continue
		}
		seen[l.Digest] = true
		stays.new -= l.CompressedBytes
		if l.Change == Retimed {
			retimed.new += l.CompressedBytes
		} else {
			other.new += l.CompressedBytes
		}
	}
	for i := range d.Gone {
		l := &d.Gone[i]
		if seen[l.Digest] {
			continue
		}
		seen[l.Digest] = true
		stays.old -= l.CompressedBytes
		if was[l.Digest] {
			retimed.old += l.CompressedBytes
		} else {
			other.old += l.CompressedBytes
		}
	}
	list := []diffGroup{stays, retimed, other}
	for _, g := range list {
		if g.old < 0 || g.new < 0 {
			return nil
		}
	}
	return list
}

func diffGroupsTable(groups []diffGroup) *table {
	t := newTable("Compressed bytes of the layers, each blob once", "layers", ">OLD", ">NEW")
	for _, g := range groups {
		t.add(wordCell(g.name), bytesCell(g.old), bytesCell(g.new))
	}
	return t.unlessEmpty()
}

const (
	diffTop       = 8
	diffRowHeight = 44
)

// groupsFigure draws the groups of both images as two bars; nil where there are no bytes.
func (d *Diff) groupsFigure(id string, groups []diffGroup) *figure {
	most := max(d.Old.Cold.FetchBytes, d.New.Cold.FetchBytes)
	if len(groups) == 0 || most <= 0 {
		return nil
	}
	bottom := float64(diffTop + 2*diffRowHeight)
	description := fmt.Sprintf("OLD has %s, NEW %s.", d.Old.Cold.fetchWords(), d.New.Cold.fetchWords())
	for _, g := range groups {
		description += fmt.Sprintf(" %s: OLD %s, NEW %s.", sentenceWord(g.name), size(g.old), size(g.new))
	}
	c := newChart(id, "gain", "Compressed bytes of OLD and NEW by what became of their layers", description, bottom+40)
	unit, word := sizeUnit(most)
	s := linearScale(float64(most) / unit)
	c.axis(s, diffTop, bottom, false)
	c.text("tick", "middle", 0.5, bottom+34, word+", compressed")
	for i, side := range []struct {
		name string
		load *DiffStart
		of   func(*diffGroup) int64
	}{{"OLD", &d.Old.Cold, func(g *diffGroup) int64 { return g.old }}, {"NEW", &d.New.Cold, func(g *diffGroup) int64 { return g.new }}} {
		y := float64(diffTop + diffRowHeight*i)
		c.text("row halo", "start", 0, y+16, side.name+"  "+side.load.fetchWords())
		at := 0.0
		for k := range groups {
			g := &groups[k]
			bytes := side.of(g)
			if bytes == 0 {
				continue
			}
			to := at + float64(bytes)/unit
			c.bar("mark "+g.class, side.name+", "+g.name+": "+size(bytes), s.at(at), s.at(to), y+22, 14)
			at = to
		}
	}
	f := &figure{Drawing: c.drawn(), Caption: "A host with OLD fetches nothing of what is in both images, but for layers above others than before where it keeps no blobs. What is in both may be compressed otherwise in NEW."}
	for _, g := range groups {
		if g.old+g.new > 0 {
			f.Legend = append(f.Legend, key{Sample: sample("rect", g.class), Label: g.name})
		}
	}
	return f
}

// sizeUnit chooses the unit of an axis up to most bytes.
func sizeUnit(most int64) (float64, string) {
	switch {
	case most >= 2e9:
		return 1e9, "GB"
	case most >= 2e6:
		return 1e6, "MB"
	case most >= 2e3:
		return 1e3, "kB"
	}
	return 1, "bytes"
}

// diffCSV writes each figure as a row of its own (RFC 4180). A figure that OLD has not has
// no old side, no difference and no state.
func diffCSV(d *Diff) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"old_image", "new_image", "platform", "profile", "source", "figure", "unit", "old", "old_estimated", "new", "new_estimated", "difference", "relative", "state", "reason"})
	var unread, unreadOld string
	if len(d.New.Unread) > 0 {
		unread = d.New.UnreadWords()
	}
	if len(d.Old.Unread) > 0 {
		unreadOld = d.Old.UnreadWords()
	}
	for _, f := range d.Figures() {
		row := []string{d.Old.Reference, d.New.Reference, d.platforms(), d.Provenance.Profile, simulate.Estimated, f.Name, f.Unit,
			"", "", exact(f.Value), strconv.FormatBool(f.Estimated), "", "", "", cmpOr(unread, unreadOld)}
		if f.Old != nil {
			row[7], row[8], row[11], row[13] = exact(*f.Old), strconv.FormatBool(f.OldEstimated), exact(f.Value-*f.Old), ChangeSame
			if f.Value != *f.Old {
				row[13] = ChangeDiffers
			}
			if relative := (f.Value - *f.Old) / *f.Old; *f.Old != 0 && !math.IsInf(relative, 0) {
				row[12] = exact(relative)
			}
		}
		w.Write(row)
	}
	w.Flush()
	return b.Bytes(), w.Error()
}
