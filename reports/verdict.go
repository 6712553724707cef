package reports

import (
	"fmt"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

// Verdict is what a person should do, and how sure that is.
type Verdict struct {
	// Advice is the plan's, as "build" or "build nothing"; empty without a plan.
	Advice string `json:"advice,omitempty"`
	// Headline is the verdict in one line, Sentences what follows from it.
	Headline  string   `json:"headline"`
	Sentences []string `json:"sentences,omitempty"`
	// SavedPerStart is the mean time to ready saved by a start of the workload
	// beyond the plan's baseline; nil without a plan.
	SavedPerStart *time.Duration `json:"savedPerStartSeconds,omitempty" document:"signed"`
	// SavedFraction is SavedPerStart over the baseline's mean time to ready.
	SavedFraction *float64 `json:"savedFraction,omitempty" document:"signed"`
	// SavedBytesPerStart is how many compressed bytes fewer a start fetches, by
	// the Timeline; nil when it lacks an arm.
	SavedBytesPerStart *int64 `json:"savedBytesPerStart,omitempty" document:"signed"`
	// NetPerMonth is what the plan adds to the bill of 30 days beyond its
	// baseline; negative saves money. Nil without a plan.
	NetPerMonth *cost.Money `json:"netPerMonth,omitempty"`
	// GapFraction is how far the plan may be from the best possible, of the bound
	// (of the plan's bill, of goal limit), 0 when it is proven best; nil without a
	// plan.
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
	return v
}

func judgePlan(v *Verdict, r *Report) {
	p := r.Plan
	v.Advice = p.Verdict
	v.GapFraction = &p.GapFraction
	if starts := startsPerMonth(p); starts > 0 {
		saved := time.Duration(float64(p.SavedSeconds) / starts)
		v.SavedPerStart = &saved
	}
	if base := totalOf(p, p.Baseline); base != nil && base.StartupSeconds > 0 {
		fraction := float64(p.SavedSeconds) / float64(base.StartupSeconds)
		v.SavedFraction = &fraction
	}
	v.SavedBytesPerStart = savedBytes(r)
	v.NetPerMonth = netOf(p)
	v.Headline = planHeadline(v, p)
	v.Sentences = planSentences(v, r)
}

func startsPerMonth(p *plan.Plan) float64 {
	var starts float64
	for _, a := range p.Assignments {
		starts += a.StartsPerMonth
	}
	return starts
}

func totalOf(p *plan.Plan, arm string) *plan.Total {
	for i := range p.Totals {
		if p.Totals[i].Arm == arm {
			return &p.Totals[i]
		}
	}
	return nil
}

// meanStart is the mean time to ready of a start of the workload in an arm; 0
// when it is unknown.
func meanStart(p *plan.Plan, arm string) time.Duration {
	total, starts := totalOf(p, arm), startsPerMonth(p)
	if total == nil || starts == 0 {
		return 0
	}
	return time.Duration(float64(total.StartupSeconds) / starts)
}

// netOf is the planned arm's bill less the baseline's; nil when a total is
// missing or in another currency.
func netOf(p *plan.Plan) *cost.Money {
	planned, base := totalOf(p, armPlanned), totalOf(p, p.Baseline)
	if planned == nil || base == nil {
		return nil
	}
	net, err := planned.Net.Minus(base.Net)
	if err != nil {
		return nil
	}
	return &net
}

// armPlanned is the Total of the plan, whose startups are of arm cached.
const armPlanned = "planned"

// savedBytes compares the arms of the Timeline, each app weighted by its starts.
func savedBytes(r *Report) *int64 {
	var saved, starts float64
	for _, a := range r.Plan.Assignments {
		base, cached := r.summary(a.App, r.Plan.Baseline), r.summary(a.App, simulate.ArmCached)
		if base == nil || cached == nil || base.Source != cached.Source {
			continue
		}
		saved += a.StartsPerMonth * float64(base.MeanFetchedBytes-cached.MeanFetchedBytes)
		starts += a.StartsPerMonth
	}
	if starts == 0 {
		return nil
	}
	bytes := int64(saved / starts)
	return &bytes
}

func planHeadline(v *Verdict, p *plan.Plan) string {
	switch {
	case p.Verdict == plan.LimitNotMet:
		return notMetHeadline(p)
	case len(p.Caches) == 0 && len(p.Primes) == 0:
		return nothingHeadline(p)
	}
	head := sentence(fmt.Sprintf("%s %s", p.Verdict, count(len(p.Caches), "cache")))
	if len(p.Caches) == 0 {
		head = sentence(fmt.Sprintf("%s %s and build nothing", p.Verdict, count(len(p.Primes), "app")))
	}
	if v.SavedPerStart != nil {
		head = fmt.Sprintf("%s: a start is ready %s sooner%s", strings.TrimSuffix(head, "."), seconds(*v.SavedPerStart), fractionWords(v.SavedFraction))
	}
	if v.NetPerMonth != nil {
		head = strings.TrimSuffix(head, ".") + netWords(*v.NetPerMonth)
	}
	return sentence(head)
}

func notMetHeadline(p *plan.Plan) string {
	what := "the mean start of every app"
	if p.LimitStartsFraction != nil {
		what = percent(*p.LimitStartsFraction) + " of starts"
	}
	limit := "the limit"
	if p.LimitSeconds != nil {
		limit = seconds(*p.LimitSeconds)
	}
	found, nearest := "", ""
	switch {
	case !provenBest(p):
		found = " was found that"
	case len(p.Caches) > 0:
		nearest = fmt.Sprintf("; %s nearest", countVerb(len(p.Caches), "cache", "come"))
	}
	return sentence(fmt.Sprintf("Limit not met: no choice of caches%s%s has %s ready within %s%s", withinBudget(p), found, what, limit, nearest))
}

// countVerb is "1 cache comes", "2 caches come".
func countVerb(n int, noun, verb string) string {
	if n == 1 {
		verb += "s"
	}
	return count(n, noun) + " " + verb
}

// nothingHeadline says why in the headline itself, in the plan's words when they
// are short enough.
func nothingHeadline(p *plan.Plan) string {
	switch {
	case saysReason(p):
		return sentence(p.Verdict + ": " + strings.ToLower(p.Reason[:1]) + p.Reason[1:])
	case p.Verdict == plan.BuildNothing:
		return sentence(fmt.Sprintf("%s: no cache%s %s", p.Verdict, withinBudget(p), worthBuilding(p)))
	}
	return sentence(p.Verdict)
}

func saysReason(p *plan.Plan) bool {
	return p.Verdict == plan.BuildNothing && p.Reason != "" && columns(p.Reason) <= 80
}

func baselineNoun(p *plan.Plan) string {
	if p.Baseline == plan.Cold {
		return "no cache"
	}
	return "the free automatic caches"
}

func fractionWords(fraction *float64) string {
	if fraction == nil {
		return ""
	}
	return " (" + percent(*fraction) + ")"
}

func netWords(net cost.Money) string {
	switch {
	case net.Amount > 0:
		return ", for " + money(net) + " a month net"
	case net.Amount < 0:
		return ", and saves " + money(net.Times(-1)) + " a month net"
	}
	return ", at no net cost"
}

func planSentences(v *Verdict, r *Report) []string {
	p := r.Plan
	var list []string
	add := func(format string, args ...any) { list = append(list, sentence(fmt.Sprintf(format, args...))) }
	if len(p.Caches) > 0 {
		var names []string
		for _, c := range p.Caches {
			names = append(names, fmt.Sprintf("%s (%s: %s)", ellipsis(c.Name, 40), gibibytes(c.SizeGiB), some(shortened(c.Apps, 40), 3)))
		}
		add("Build in this order: %s", some(names, 3))
	}
	list = append(list, waitSentence(v, p)...)
	if p.Goal == plan.GoalLimit && p.LimitSeconds != nil && p.Verdict != plan.LimitNotMet {
		add("With it %s within %s", limitKeptBy(p), seconds(*p.LimitSeconds))
	}
	if p.Reason != "" && !saysReason(p) {
		add("%s", p.Reason)
	}
	if auto, planned := totalOf(p, plan.Automatic), totalOf(p, armPlanned); p.Baseline == plan.Cold && auto != nil && planned != nil &&
		auto.StartupSeconds <= planned.StartupSeconds && auto.Net.Amount <= planned.Net.Amount {
		add("ECI's free automatic caches alone do better: %s of waiting in a month for %s, where the plan has %s for %s",
			longTime(auto.StartupSeconds), signedMoney(auto.Net), longTime(planned.StartupSeconds), signedMoney(planned.Net))
	}
	list = append(list, gapSentence(p))
	return list
}

// limitKeptBy says what is within the limit of a plan that keeps it.
func limitKeptBy(p *plan.Plan) string {
	if p.LimitStartsFraction != nil {
		return percent(*p.LimitStartsFraction) + " of starts are ready"
	}
	return "the mean start of every app is ready"
}

// waitSentence compares the mean start of the baseline and of the plan.
func waitSentence(v *Verdict, p *plan.Plan) []string {
	base, planned := meanStart(p, p.Baseline), meanStart(p, armPlanned)
	if base == 0 || planned == 0 {
		return nil
	}
	if len(p.Caches) == 0 && len(p.Primes) == 0 {
		s := fmt.Sprintf("A start takes %s on average %s", seconds(base), baselineWords(p))
		if cold := meanStart(p, plan.Cold); cold > 0 && p.Baseline != plan.Cold {
			s += fmt.Sprintf(", %s without any cache", seconds(cold))
		}
		return []string{sentence(s)}
	}
	s := fmt.Sprintf("A start takes %s on average instead of %s %s", seconds(planned), seconds(base), baselineWords(p))
	if v.SavedBytesPerStart != nil && *v.SavedBytesPerStart > 0 {
		s += fmt.Sprintf(" and fetches %s less", size(*v.SavedBytesPerStart))
	}
	return []string{sentence(s)}
}

func baselineWords(p *plan.Plan) string {
	if p.Baseline == plan.Cold {
		return "without any cache"
	}
	return "with the free automatic caches alone"
}

func signedMoney(m cost.Money) string {
	if m.Amount > 0 {
		return strings.TrimSpace(m.Currency + " +" + strings.TrimPrefix(money(m), m.Currency+" "))
	}
	return money(m)
}

func judgeMatches(v *Verdict, r *Report) {
	if len(r.Matches.Matches) == 1 {
		v.Headline = matchHeadline(&r.Matches.Matches[0])
		return
	}
	matched, fails := 0, 0
	for _, m := range r.Matches.Matches {
		if m.CacheID != "" {
			matched++
		}
		if m.Fails != "" {
			fails++
		}
	}
	v.Headline = fmt.Sprintf("%d of %d apps match an existing cache.", matched, len(r.Matches.Matches))
	if fails > 0 {
		v.Headline += " " + count(fails, "start") + " would fail."
	}
}

// matchHeadline is the answer for one group.
func matchHeadline(m *matcher.Match) string {
	o := &m.Overlap
	left := fmt.Sprintf("%s of %s are downloaded and %s of %s unpacked",
		size(o.ByChain.FetchBytes), size(o.CompressedBytes), size(o.ByChain.UnpackBytes), size(o.UnpackedBytes))
	picks := "ECI picks cache " + m.CacheID
	if m.Reason == matcher.AskedFor {
		picks = "The start gets the cache it asks for, " + m.CacheID + ","
	}
	switch {
	case m.Fails != "":
		return fmt.Sprintf("The start of %s fails: %s.", m.App, m.Fails)
	case m.CacheID == "":
		return fmt.Sprintf("ECI picks no cache for %s: %s.", m.App, left)
	case o.ByChain.MissingLayers == 0:
		return fmt.Sprintf("%s for %s: every layer is there.", picks, m.App)
	}
	return fmt.Sprintf("%s for %s: it spares a part, %s.", picks, m.App, left)
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
	if n := len(r.Doubts); n > 0 {
		parts = append(parts, count(n, "doubt")+" below")
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
