package reports

import (
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/matcher"
)

// explanations prints, for each match that carries them, all candidates with the
// keys that placed them, and what other readings would change.
func (p *printer) explanations(m *matcher.Matches) {
	if m == nil || !explained(m) {
		return
	}
	p.orderWords(m)
	for i := range m.Matches {
		match := &m.Matches[i]
		p.heading(fmt.Sprintf("Why %s for %s", cmpOr(match.CacheID, "no cache"), match.App))
		p.sentence(match.Reason)
		for _, s := range followWords(match) {
			p.sentence(s)
		}
		if withImages(match) {
			p.candidates(m, match)
		}
		if match.ReadingsTried > 0 {
			p.sensitivity(match)
		}
	}
}

func (p *printer) sentence(s string) { p.lines("", wrap(s, tableIndent)) }

func (p *printer) candidates(m *matcher.Matches, match *matcher.Match) {
	for i := range match.Candidates {
		c := &match.Candidates[i]
		place, code := fmt.Sprintf("%d.", i+1), bold
		if !c.Qualified {
			place, code = "–", faint
		}
		mark := ""
		if c.CacheID == match.CacheID {
			mark, code = "  ← picked", boldGreen
		}
		p.lines(code, wrap(fmt.Sprintf("%s %s (%s)%s", place, c.CacheID, cacheWords(c), mark), tableIndent))
		if !c.Qualified {
			p.note(refusedWords(match, c))
		} else if i > 0 {
			p.note(placeWords(m, c, &match.Candidates[i-1]))
		}
		p.note(strings.Join(imagesWords(c), "; "))
		p.note(lackWords(match, c))
		p.lacked(match, c)
	}
}

func (p *printer) note(s string) { p.lines("", wrap(s, noteIndent)) }

// lacked lists the layers that a candidate lacks, unless it lacks all.
func (p *printer) lacked(match *matcher.Match, c *matcher.Candidate) {
	if lacksAll(match, c) {
		return
	}
	for _, l := range c.Lacks {
		bytes := size(l.CompressedBytes)
		if l.CompressedBytes == 0 {
			bytes = "its blob is there, only unpacked"
		}
		line := fmt.Sprintf("%s of %s: %s", short(l.Digest), shortReference(l.Reference), bytes)
		if l.CreatedBy != "" {
			line += ", " + ellipsis(l.CreatedBy, 50)
		}
		p.lines(faint, wrap(line, noteIndent+2))
	}
}

func (p *printer) sensitivity(match *matcher.Match) {
	p.sentence(sensitivityWords(match))
	for i := range match.Sensitivity {
		r := &match.Sensitivity[i]
		p.note(r.Policy + "=" + r.Value + ": " + readingWords(match, r))
	}
}

// orderWords says the order that candidates stand in and how undocumented points
// were read.
func (p *printer) orderWords(m *matcher.Matches) {
	p.heading("How ECI chooses")
	p.sentence("Of the caches that are Ready, of the region and platform and not too large, it takes the one that agrees with most of the group's images in repository and version; of equals the one of the better size; of those the newest (ECI user guide, Overview of image caches). What that leaves open is read as these policies say:")
	var list []string
	for _, r := range matcher.Rules() {
		if value, ok := m.Policies[r.Key]; ok && r.Matching {
			list = append(list, r.Key+"="+value)
		}
	}
	p.lines("", wrap(strings.Join(list, ", "), noteIndent))
	p.sentence("--list-policies says what each means and why; --policy KEY=VALUE reads one otherwise.")
}

// Policies lists the undocumented rules with their readings.
func Policies(rules []matcher.Rule, opt Options) []byte {
	p := &printer{color: opt.Color}
	p.lines("", wrap("What ECI does not document, and how cachebench reads it (the first reading is the default; --policy KEY=VALUE takes another):", 0))
	for _, r := range rules {
		p.line("")
		p.line("  " + p.paint(bold, r.Key) + "  " + strings.Join(r.Values, " | "))
		p.note(r.Question + ".")
		p.lines(faint, wrap("Default: "+r.Why+".", noteIndent))
	}
	return p.out.Bytes()
}
