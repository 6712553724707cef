package reports

import (
	"fmt"
	"io"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// ServiceKind is the kind of a saved Service.
const ServiceKind = "ServiceComparison"

// Service is the matcher compared with what the service itself says matches.
type Service struct {
	Provenance simulate.Provenance `json:"provenance"`
	// Platform is os/arch[/variant].
	Platform string `json:"platform,omitempty"`
	matcher.Comparison
	// Doubts are reasons to trust the result less, one sentence each.
	Doubts []string `json:"doubts,omitempty"`
}

// ReadService reads a saved Service from the bytes of the file called name.
func ReadService(name string, data []byte) (*Service, error) {
	var s Service
	if err := document.Read(name, data, ServiceKind, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// WriteService writes s to w.
func WriteService(w io.Writer, format Format, s *Service, opt Options) error {
	return writeTables(w, format, ServiceKind, s, func() []byte { return serviceText(s, opt) })
}

func (s *Service) headline() string {
	switch {
	case s.Judged == 0:
		return fmt.Sprintf("None of %s can be judged: each names a cache that our list lacks; save the list of caches again.", count(s.Answers, "answer"))
	case s.Agreed == s.Judged:
		return fmt.Sprintf("Ours agrees with the service in all of %s.", count(s.Judged, "answer")) + s.staleWords()
	}
	return fmt.Sprintf("Ours agrees with the service in %d of %s (%s); it picks the same cache in %d.", s.Agreed, count(s.Judged, "answer"), percent(float64(s.Agreed)/float64(s.Judged)), s.SamePick) + s.staleWords()
}

func (s *Service) staleWords() string {
	if n := s.Answers - s.Judged; n > 0 {
		return fmt.Sprintf(" %s more cannot be judged.", count(n, "answer"))
	}
	return ""
}

// advice says which reading explains more of the answers, if any does.
func (s *Service) advice() string {
	if s.Judged == 0 || s.Agreed == s.Judged {
		return ""
	}
	best := s.best()
	if len(best) == 0 {
		return "No other reading of one undocumented rule explains more of the answers."
	}
	r := best[0]
	var names []string
	for _, b := range best {
		names = append(names, b.Policy+"="+b.Value)
	}
	if len(names) > 1 {
		return fmt.Sprintf("%s each explain %d of %s, and these answers do not tell them apart: ask about more groups.", join(names), r.Agreed, count(s.Judged, "answer"))
	}
	return fmt.Sprintf("%s explains %d of %s: set it with --policy %s.", names[0], r.Agreed, count(s.Judged, "answer"), names[0])
}

// best are the readings that explain most, of those that explain more than the
// policies compared under.
func (s *Service) best() []matcher.ReadingAgreement {
	var best []matcher.ReadingAgreement
	for _, r := range s.Readings {
		if r.Agreed > s.Agreed && (best == nil || r.Agreed == best[0].Agreed && r.SameLists == best[0].SameLists) {
			best = append(best, r)
		}
	}
	return best
}

// serviceText writes s for a terminal: how far ours agrees first.
func serviceText(s *Service, opt Options) []byte {
	p := &printer{color: opt.Color}
	p.lines(faint, wrap(strings.Join([]string{"ours against the service's", s.Platform, policyWords(&matcher.Matches{Policies: s.Policies})}, " · "), 0))
	p.line("")
	p.lines(bold, wrap(s.headline(), 0))
	p.lines("", wrap(s.advice(), 2))
	p.disagreements(s)
	p.readings(s)
	p.list("Doubts", s.Doubts)
	p.tablesProvenance(s.Provenance.Version, "", s.Provenance.Now)
	return p.out.Bytes()
}

func (p *printer) disagreements(s *Service) {
	if s.Agreed == s.Answers {
		return
	}
	p.heading("Where they differ")
	for i := range s.Compared {
		c := &s.Compared[i]
		if c.Agrees {
			continue
		}
		p.lines("", wrap(askedName(c)+": "+differenceWords(c), tableIndent))
		t := &textTable{heads: []string{"whose", "cache", ">images", ">versions", ">GiB", ">off by", ">matched", "made", "kind"}}
		addKeys(t, "ours", c.Ours)
		addKeys(t, "service's", c.Service)
		if t.rows != nil {
			p.table(t)
		}
		if len(c.Readings) > 0 {
			p.lines("", wrap("ours would agree with "+agreeingWords(c.Readings), noteIndent))
		} else if c.UnknownIDs == nil {
			p.lines("", wrap("no other reading of one rule makes ours agree", noteIndent))
		}
	}
	p.lines(faint, wrap("The keys by which ours places a cache: images that it holds, images of which it holds another version, how far its size is off the instance's storage in GiB, compressed bytes of the matched images, when it was made, and by whom.", tableIndent))
}

// addKeys adds a candidate with the keys that we place it by.
func addKeys(t *textTable, whose string, c *matcher.Candidate) {
	if c == nil {
		return
	}
	t.add(reasonWords(c), whose, c.CacheID, fmt.Sprint(c.FullImages), fmt.Sprint(c.RepositoryImages), fmt.Sprintf("%g", c.SizeGiB),
		fmt.Sprintf("%g", c.SizeDistanceGiB), size(c.MatchedBytes), madeWord(c), kindWord(c))
}

func reasonWords(c *matcher.Candidate) string {
	if c.Reason == "" {
		return ""
	}
	return "refused by ours: it " + c.Reason
}

// differenceWords say how the service's answer departs from ours.
func differenceWords(c *matcher.Compared) string {
	at := ""
	if c.Position > 1 {
		at = fmt.Sprintf(" in place %d", c.Position)
	}
	switch c.Difference {
	case matcher.UnknownCache:
		return fmt.Sprintf("not judged, for the service names %s, which our list lacks: save the list again", join(c.UnknownIDs))
	case matcher.RefusedByUs:
		return fmt.Sprintf("the service names %s%s, which we refuse", idOf(c.Service), at)
	case matcher.NoneNamed:
		return fmt.Sprintf("the service names no cache where we take %s", c.OursID)
	case matcher.OmittedByService:
		return fmt.Sprintf("the service leaves out %s, which we place%s above %s; or it was deleted since", idOf(c.Ours), at, idOf(c.Service))
	}
	return fmt.Sprintf("the service names %s%s where we take %s", idOf(c.Service), at, idOf(c.Ours))
}

// askedName is the app that was asked about, shortened where it is an image.
func askedName(c *matcher.Compared) string {
	if len(c.Images) > 0 && c.App == c.Images[0] {
		return shortReference(c.App)
	}
	return c.App
}

func idOf(c *matcher.Candidate) string {
	if c == nil {
		return "none"
	}
	return c.CacheID
}

func agreeingWords(readings []matcher.AgreeingReading) string {
	var words []string
	for _, r := range readings {
		word := r.Policy + "=" + r.Value
		if r.SameList {
			word += " (the whole list)"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

func (p *printer) readings(s *Service) {
	if len(s.Readings) == 0 {
		return
	}
	p.heading(fmt.Sprintf("Readings of undocumented rules that change the agreement (%d were tried, one at a time)", s.ReadingsTried))
	t := &textTable{heads: []string{"policy", ">agrees", ">whole lists", ">gained", ">lost"}}
	t.add("", "as compared", fmt.Sprint(s.Agreed), fmt.Sprint(s.SameLists), "", "")
	for _, r := range s.Readings {
		t.add("", r.Policy+"="+r.Value, fmt.Sprint(r.Agreed), fmt.Sprint(r.SameLists), fmt.Sprint(r.Gained), fmt.Sprint(r.Lost))
	}
	p.table(t)
}
