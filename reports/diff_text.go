package reports

import (
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/layers"
)

// diffText writes d for a terminal: the verdict first, the verdict for programs
// last.
func diffText(d *Diff, opt Options) []byte {
	p := &printer{color: opt.Color}
	p.lines(faint, wrap(strings.Join([]string{"diff", "estimated", d.platforms(), "profile " + d.Provenance.Profile}, " · "), 0))
	p.line("")
	if d.Gate != nil {
		p.lines(gateColor(d.Gate), wrap(d.Gate.headline()+".", 0))
	}
	p.lines(bold, wrap(d.headline(), 0))
	for _, s := range d.sentences() {
		p.lines("", wrap(s, 2))
	}
	p.gate(d.Gate)
	p.diffStarts(d)
	p.diffLayers(d)
	p.list("Hints", d.Hints)
	p.list("Rules not judged here", d.NotJudged)
	p.list("Doubts", d.Doubts)
	p.diffProvenance(d)
	if d.Gate != nil {
		p.line("")
		p.line(d.Gate.Line())
	}
	return p.out.Bytes()
}

// boldRed is the colour of a gate that is not passed (ECMA-48 SGR).
const boldRed = "1;31"

func gateColor(g *Gate) string {
	if g.Verdict == Pass {
		return boldGreen
	}
	return boldRed
}

// GateText writes a gate for a terminal: a table of the rules and, last, the
// verdict for programs.
func GateText(g *Gate) []byte {
	p := &printer{}
	p.gateLines(g)
	return p.out.Bytes()
}

// mostMet bounds the rules of a text or Markdown that are met; the others are
// all shown.
const mostMet = 30

func (p *printer) gate(g *Gate) {
	if g == nil {
		return
	}
	p.heading("Rules")
	t := &textTable{whole: true, heads: []string{"result", "rule", ">value", ">limit", "margin"}}
	met := 0
	for _, o := range g.unmetFirst() {
		if o.Result == Pass {
			if met++; met > mostMet {
				continue
			}
		}
		t.add(o.note(), o.Result, o.ruleWords(), o.valueWords(), o.limitWords(), o.marginWords())
	}
	p.table(t)
	if met > mostMet {
		p.lines("", wrap(fmt.Sprintf("and %s met; all are in the JSON output", count(met-mostMet, "more rule")), tableIndent))
	}
}

// unmetFirst are the outcomes in their order; where they are many those come
// first that are not met.
func (g *Gate) unmetFirst() []*Outcome {
	var unmet, met []*Outcome
	for i := range g.Outcomes {
		if o := &g.Outcomes[i]; o.Result == Pass || len(g.Outcomes) <= manyRules {
			met = append(met, o)
		} else {
			unmet = append(unmet, o)
		}
	}
	return append(unmet, met...)
}

// manyRules is how many outcomes a person does not look through.
const manyRules = 10

// note says by what the rule was judged, and why it is only warned of.
func (o *Outcome) note() string {
	judged := ""
	if o.Judged != "" && o.Judged != JudgedExact {
		judged = "judged by " + o.Judged
	}
	switch {
	case o.Result != Warn:
		return judged
	case o.isMet():
		return strings.TrimPrefix(judged+"; warned of: "+o.Reason, "; ")
	case o.Estimated:
		return strings.TrimPrefix(judged+"; warned of, not failed: sizes that went in are estimated", "; ")
	}
	return strings.TrimPrefix(judged+"; warned of, not failed: "+o.Reason, "; ")
}

// sentences say what follows for a start and where the images part.
func (d *Diff) sentences() []string {
	list := []string{sentence(fmt.Sprintf("A cold start takes %s, one where OLD is %s, one where NEW is %s (estimated)",
		change(d.Old.Cold.Ready, d.New.Cold.Ready), seconds(d.Update.Ready), change(d.Old.Cached.Ready, d.New.Cached.Ready)))}
	if s := d.partingWords(); s != "" {
		list = append(list, s)
	}
	return list
}

func (d *Diff) partingWords() string {
	if d.Parting == nil {
		return ""
	}
	at := d.Parting.Layer
	switch {
	case at > len(d.Layers):
		return fmt.Sprintf("NEW ends below layer %d of OLD%s.", at, by(d.Parting.OldCreatedBy))
	case at > d.Old.Layers:
		return fmt.Sprintf("NEW adds to all of OLD, from layer %d of %d up%s.", at, len(d.Layers), by(d.Parting.NewCreatedBy))
	}
	return fmt.Sprintf("The images part at layer %d of %d%s: from there up everything is unpacked.", at, len(d.Layers), by(d.Parting.NewCreatedBy))
}

func by(step string) string {
	if step = stepWords(step); step == "" {
		return ""
	}
	return ", made by " + ellipsis(step, 120)
}

func (p *printer) diffStarts(d *Diff) {
	p.heading("A start (estimated on profile " + d.Provenance.Profile + ")")
	t := &textTable{heads: []string{"host has", ">fetch", ">layers", ">unpack", ">ready", ">OLD: fetch", ">unpack", ">ready", ">change"}}
	row := func(host string, now, old *DiffStart) {
		cells := []string{host, now.fetchWords(), fmt.Sprint(now.FetchLayers), now.unpackWords(), seconds(now.Ready), "-", "-", "-", ""}
		if old != nil {
			copy(cells[5:], []string{old.fetchWords(), old.unpackWords(), seconds(old.Ready), cmpOr(percentChange(old.Ready, now.Ready), "none")})
		}
		t.add("", cells...)
	}
	row("nothing (cold)", &d.New.Cold, &d.Old.Cold)
	row("OLD (update)", &d.Update, nil)
	row("the image (cached)", &d.New.Cached, &d.Old.Cached)
	p.table(t)
	p.lines("", wrap("fetch: compressed bytes; unpack: uncompressed bytes"+d.blobWords(), tableIndent))
}

// blobWords say what an update costs where the host keeps blobs, or does not.
func (d *Diff) blobWords() string {
	if d.ByDigest == d.ByChain {
		return ""
	}
	return fmt.Sprintf("; a host with OLD fetches %s where it keeps blobs, %s where it does not", d.ByDigest.fetchWords(), d.ByChain.fetchWords())
}

// maxDiffLayers bounds the layers of a text diff that are kept; the others are
// all shown.
const maxDiffLayers = 3

func (p *printer) diffLayers(d *Diff) {
	if len(d.Layers)+len(d.Gone) == 0 {
		return
	}
	p.heading("Layers of NEW, base layer first")
	t := &textTable{heads: []string{">#", "state", "digest", ">compressed", ">unpacked", "made by"}}
	kept := 0
	for i := range d.Layers {
		if l := &d.Layers[i]; l.State == LayerKept && l.Change == "" {
			kept++
			if kept > maxDiffLayers {
				continue
			}
		}
		addDiffLayer(t, fmt.Sprint(i+1), &d.Layers[i])
	}
	for i := range d.Gone {
		addDiffLayer(t, "-", &d.Gone[i])
	}
	p.table(t)
	if more := kept - maxDiffLayers; more > 0 {
		p.lines("", wrap(fmt.Sprintf("and %s kept; all are in the JSON output", count(more, "more layer")), tableIndent))
	}
}

func addDiffLayer(t *textTable, place string, l *DiffLayer) {
	compressed := markedSize(l.CompressedBytes, l.CompressedSource == layers.Estimated)
	t.add(l.resembles(), place, l.State, short(l.Digest), compressed, markedSize(l.UnpackedBytes, l.UnpackedSource == layers.Estimated), ellipsis(stepWords(l.CreatedBy), 60))
}

// resembles says what the layer has in common with one of OLD's.
func (l *DiffLayer) resembles() string {
	switch l.Change {
	case Recompressed:
		return "the content of OLD's " + short(l.Was) + ", compressed otherwise"
	case Retimed:
		return "the files of OLD's " + short(l.Was) + ", with other timestamps"
	case Rebuilt:
		return "made by the same step as OLD's " + short(l.Was)
	}
	return ""
}

// platforms are those of both sides.
func (d *Diff) platforms() string {
	if d.Old.Platform == d.New.Platform {
		return d.New.Platform
	}
	return d.Old.Platform + " → " + d.New.Platform
}

func (p *printer) diffProvenance(d *Diff) {
	p.heading("Made from")
	for _, side := range []struct {
		name  string
		image *DiffImage
	}{{"OLD", &d.Old}, {"NEW", &d.New}} {
		s := fmt.Sprintf("%s: %s (%s, %s)", side.name, side.image.Reference, short(side.image.Digest), count(side.image.Layers, "layer"))
		if side.image.Inventory != "" {
			s += " of " + side.image.Inventory
		}
		p.lines("", wrap(s, tableIndent))
	}
	s := "cachebench " + d.Provenance.Version + ", profile " + d.Provenance.Profile
	if d.Provenance.ProfileBasis != "" {
		s += " (" + d.Provenance.ProfileBasis + ")"
	}
	p.lines(faint, wrap(s, tableIndent))
}
