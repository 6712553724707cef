package reports

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// diffMarkdown writes d as a comment of five lines: what it comes to, the
// images, the bytes, the seconds, the rules; then the verdict for programs in a
// comment that is not shown.
func diffMarkdown(d *Diff) []byte {
	var b bytes.Buffer
	head := d.headline()
	if d.Gate != nil {
		head = strings.TrimSuffix(d.Gate.headline(), ".") + ". " + head
	}
	fmt.Fprintf(&b, "**%s**\n\n", head)
	fmt.Fprintf(&b, "- Images: %s → %s, %s\n", codeSpan(ellipsis(d.Old.Reference, 100)), codeSpan(ellipsis(d.New.Reference, 100)), codeSpan(d.platforms()))
	fmt.Fprintf(&b, "- Bytes: %s of %s to fetch where OLD is%s%s\n", d.ByDigest.fetchWords(), d.New.Cold.fetchWords(), d.sizeChange(), d.partingMarkdown())
	fmt.Fprintf(&b, "- Start: cold %s, update %s, cached %s (estimated on profile %s)\n",
		change(d.Old.Cold.Ready, d.New.Cold.Ready), seconds(d.Update.Ready), change(d.Old.Cached.Ready, d.New.Cached.Ready), codeSpan(d.Provenance.Profile))
	if d.Gate != nil {
		fmt.Fprintf(&b, "- Rules: %s\n", d.Gate.markdown())
		for _, rule := range someItems(d.NotJudged, mostNamed) {
			b.WriteString("- " + markdownText(ellipsis(rule, 400)) + "\n")
		}
	}
	if d.Gate != nil {
		fmt.Fprintf(&b, "\n<!-- %s -->\n", d.Gate.Line())
	}
	return b.Bytes()
}

// mostMarkdownRules bounds the rules of Markdown that are not met: a step's
// summary must be smaller than 1 MiB.
const mostMarkdownRules = 200

// markdown lists the rules with what they were held against. One that several
// benchmarks meet is told once.
func (g *Gate) markdown() string {
	var words []string
	met := make(map[string]int)
	for i := range g.Outcomes {
		if o := &g.Outcomes[i]; o.Result == Pass && o.Of != "" {
			met[o.Rule]++
		}
	}
	others := 0
	for _, o := range g.unmetFirst() {
		mark := map[string]string{Pass: "✅", Warn: "⚠️", Fail: "❌", Unjudged: "❓"}[o.Result]
		switch n := met[o.Rule]; {
		case o.Result != Pass:
			if others++; others > mostMarkdownRules {
				continue
			}
		case n > 1:
			words = append(words, fmt.Sprintf("%s %s of %s", mark, codeSpan(ellipsis(o.Rule, 100)), count(n, "benchmark")))
			met[o.Rule] = -1
			continue
		case n < 0:
			continue
		}
		rule := codeSpan(ellipsis(o.Rule, 100))
		if o.Of != "" {
			rule += " of " + codeSpan(ellipsis(o.Of, 80))
		}
		words = append(words, fmt.Sprintf("%s %s %s", mark, rule, o.valueWords()))
		if o.Of != "" && o.Judged != "" && o.Judged != JudgedExact {
			words[len(words)-1] += " (" + o.Judged + ")"
		}
	}
	if others > mostMarkdownRules {
		words = append(words, count(others-mostMarkdownRules, "more rule")+" not met")
	}
	return strings.Join(words, ", ")
}

// partingMarkdown says from which build step up everything is new.
func (d *Diff) partingMarkdown() string {
	if d.Parting == nil {
		return ""
	}
	s := fmt.Sprintf("; parts at layer %d of %d", d.Parting.Layer, len(d.Layers))
	if by := stepWords(cmpOr(d.Parting.NewCreatedBy, d.Parting.OldCreatedBy)); by != "" {
		s += ", " + codeSpan(ellipsis(by, 100))
	}
	return s
}

// sizeChange is how the whole image grows or shrinks.
func (d *Diff) sizeChange() string {
	old, now := d.Old.Cold.FetchBytes, d.New.Cold.FetchBytes
	switch {
	case now > old:
		return ", the image grows by " + size(now-old)
	case now < old:
		return ", the image shrinks by " + size(old-now)
	}
	return ", the image's size stays"
}

// change writes a time and what it was.
func change(old, now time.Duration) string {
	s := seconds(old) + " → " + seconds(now)
	if seconds(old) == seconds(now) {
		s = seconds(now)
	}
	if p := percentChange(old, now); p != "" {
		s += " (" + p + ")"
	}
	return s
}

// percentChange writes by how much a time changes, as +0.0 % where it is by less
// than is shown; empty for not at all.
func percentChange(old, now time.Duration) string {
	if old == now || old == 0 {
		return ""
	}
	sign, fraction := "+", float64(now-old)/float64(old)
	if fraction < 0 {
		sign, fraction = "-", -fraction
	}
	if fraction < 0.001 {
		return sign + "0.0 %"
	}
	return sign + percent(fraction)
}
