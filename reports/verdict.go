package reports

import (
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/simulate"
)

// Verdict is what a person should do, and how sure that is.
type Verdict struct {
	// Advice is the plan's, as "build" or "build nothing", or that of what does better than
	// the plan and is free, "turn on automatic caches"; empty without a plan, and of several
	// node pools, which have each a verdict in the plan.
	Advice string `json:"advice,omitempty"`
	// Headline is the verdict in one line, Sentences what follows from it.
	Headline  string   `json:"headline"`
	Sentences []string `json:"sentences,omitempty"`
	// The figures below are of Advice: where that is what does better than the plan they are
	// of it, and those of the plan are in the plan.
	//
	// SavedPerStart is the mean time to ready saved by a start of the workload
	// beyond the plan's baseline; nil without a plan.
	SavedPerStart *time.Duration `json:"savedPerStartSeconds,omitempty" document:"signed"`
	// SavedFraction is SavedPerStart over the baseline's mean time to ready.
	SavedFraction *float64 `json:"savedFraction,omitempty" document:"signed"`
	// SavedBytesPerStart is how many compressed bytes fewer a start fetches, by
	// the Timeline; nil when it lacks an arm.
	SavedBytesPerStart *int64 `json:"savedBytesPerStart,omitempty" document:"signed"`
	// NetSavedPerMonth is by how much the bill of 30 days is below that of the plan's
	// baseline; where it is negative the advice costs money. Nil without a plan.
	NetSavedPerMonth *cost.Money `json:"netSavedPerMonth,omitempty"`
	// GapFraction is how far the plan may be from the best possible, of the bound
	// (of the plan's bill, of goal limit), 0 when it is proven best; nil without a
	// plan, and where Advice is not of the plan.
	GapFraction *float64 `json:"gapFraction,omitempty"`
	// Sure says what the result rests on, in one sentence.
	Sure string `json:"sure,omitempty"`
}

func judge(r *Report, uses []cacheUse) Verdict {
	v := Verdict{Sure: sureness(r)}
	switch {
	case r.Plan != nil && onlyPools(r.Plan):
		judgePools(&v, r)
	case r.Plan != nil:
		judgePlan(&v, r)
		v.Headline = sentence(strings.TrimSuffix(v.Headline, ".") + leftOutPoolWords(r.Plan.PoolsLeftOut))
		v.Sentences = append(v.Sentences, poolSentences(r.Plan.Pools)...)
	case len(r.Arms) > 0:
		judgeStartups(&v, r, uses)
	case r.BestCaches != nil:
		judgeBest(&v, r.BestCaches)
	case r.Creation != nil:
		judgeCreation(&v, r.Creation)
	case r.Matches != nil && len(r.Matches.Matches) > 0:
		judgeMatches(&v, r)
	case r.Sharing != nil && len(r.Sharing.Sets) > 0:
		judgeSharing(&v, r.Sharing)
	default:
		v.Headline = "Nothing to report: no plan, no startups, no images."
	}
	if r.Plan != nil && r.Provenance.Starts != "" && len(r.Arms) > 0 {
		v.Headline = "For the month (estimated): " + lower(v.Headline)
		v.Sentences = append([]string{r.startsSentence()}, v.Sentences...)
	}
	return v
}

// countVerb is "1 cache comes", "2 caches come".
func countVerb(n int, noun, verb string) string {
	if n == 1 {
		verb += "s"
	}
	return count(n, noun) + " " + verb
}

func signedMoney(m cost.Money) string {
	if m.Amount > 0 {
		return strings.TrimSpace(m.Currency + " +" + strings.TrimPrefix(money(m), m.Currency+" "))
	}
	return money(m)
}

// sureness says what the numbers rest on.
func sureness(r *Report) string {
	var parts []string
	if words := r.sourceWords(); words != "" {
		s := "startup times are " + words
		if words != simulate.Measured && r.Provenance.Profile != "" {
			s += " on profile " + r.Provenance.Profile
			if r.Provenance.ProfileBasis != "" {
				s += " (" + r.Provenance.ProfileBasis + ")"
			}
		}
		parts = append(parts, s)
	}
	if r.Provenance.PriceDate != "" && r.Plan != nil {
		parts = append(parts, "money is estimated at prices of "+r.Provenance.PriceDate)
	}
	if r.Coverage != nil {
		parts = append(parts, percent(r.Coverage.StartsFraction)+" of the starts are covered")
	}
	var below []string
	if n := len(r.Assumptions); n > 0 {
		below = append(below, count(n, "assumption"))
	}
	if n := len(r.Doubts); n > 0 {
		below = append(below, count(n, "doubt"))
	}
	if below != nil {
		parts = append(parts, join(below)+" below")
	}
	if len(parts) == 0 {
		return ""
	}
	return sentence(strings.Join(parts, "; "))
}

// sentence starts s with a capital letter and ends it with a full stop.
func sentence(s string) string {
	s = sentenceWord(strings.TrimSpace(s))
	if s == "" || strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// sentenceWord starts s with a capital letter.
func sentenceWord(s string) string {
	if s != "" && 'a' <= s[0] && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}
