package reports

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// text writes r for a terminal: the verdict first, then what it follows from.
func text(r *Report, opt Options) []byte {
	p := &printer{color: opt.Color}
	p.opening(r)
	if r.Gate != nil {
		p.lines(gateColor(r.Gate), wrap(r.Gate.headline()+".", 0))
	}
	p.bill(r.Bill)
	p.verdict(&r.Verdict)
	p.build(r.Plan)
	p.totals(r.Plan)
	p.tables(planTables(r.Plan))
	p.pools(r.Plan)
	p.apps(r)
	p.startups(r)
	p.repeats(r)
	p.observations(r)
	p.phases(r)
	p.makings(r)
	p.retriesAndEvictions(r)
	p.faults(r)
	p.explained(r)
	p.existing(r.Plan)
	p.matches(r.Matches)
	p.explanations(r.Matches)
	p.creation(r.Creation)
	p.bestCaches(r.BestCaches)
	p.baseline(r.Matches)
	p.hitRates(r.Matches)
	p.sharing(r.Sharing, r.Plan == nil && r.Matches == nil)
	p.coverage(r.Coverage)
	p.list("Assumed", r.Assumptions)
	p.list("Doubts", r.Doubts)
	p.sources(r.Sources)
	p.provenance(r)
	p.gateLines(r.Gate)
	return p.out.Bytes()
}

// printer collects the lines of a text report.
type printer struct {
	out   bytes.Buffer
	color bool
}

// The few terminal colours in use (ECMA-48 SGR codes).
const (
	bold      = "1"
	boldGreen = "1;32"
	faint     = "2"
	yellow    = "33"
)

func (p *printer) paint(code, s string) string {
	if !p.color || code == "" || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *printer) line(s string) { p.out.WriteString(s + "\n") }

func (p *printer) lines(code string, lines []string) {
	for _, s := range lines {
		p.line(p.paint(code, s))
	}
}

func (p *printer) heading(s string) {
	p.line("")
	p.lines(bold, wrap(s, 0))
}

func (p *printer) table(t *textTable) {
	heads, lines := t.lines()
	p.lines(faint, heads)
	p.lines("", lines)
}

func (p *printer) list(title string, items []string) {
	if len(items) == 0 {
		return
	}
	p.heading(title)
	for _, item := range items {
		for i, s := range wrap(item, 4) {
			if i == 0 {
				s = "  - " + strings.TrimLeft(s, " ")
			}
			p.line(s)
		}
	}
}

func (p *printer) opening(r *Report) {
	p.lines(faint, wrap(strings.Join(openingWords(r), " · "), 0))
	if words := inputWords(r); words != "" {
		p.lines(faint, wrap(words, 0))
	}
	p.line("")
}

// maxOpeningInputs bounds the inputs that a report opens with; all stand at its end.
const maxOpeningInputs = 6

// inputWords names what a result was made from, each with the beginning of its digest.
func inputWords(r *Report) string {
	list := r.Provenance.Inputs
	var words []string
	for _, input := range list[:min(len(list), maxOpeningInputs)] {
		words = append(words, ellipsis(input.Name, 40)+" "+short(input.Digest))
	}
	if words == nil {
		return ""
	}
	s := "from " + strings.Join(words, " · ")
	if rest := len(list) - maxOpeningInputs; rest > 0 {
		s += fmt.Sprintf(" and %d more", rest)
	}
	return s
}

// openingWords is the provenance in a few words.
func openingWords(r *Report) []string {
	words := []string{cmpOr(r.Title, "cachebench report")}
	if s := r.sourceWords(); s != "" {
		words = append(words, s)
	}
	if r.Platform != "" {
		words = append(words, r.Platform)
	}
	if r.Provenance.Profile != "" {
		words = append(words, "profile "+r.Provenance.Profile)
	}
	if r.Provenance.PriceDate != "" {
		words = append(words, "prices of "+r.Provenance.PriceDate+" in "+r.Provenance.Currency)
	}
	if r.Provenance.Profile != "" {
		words = append(words, fmt.Sprintf("seed %d", r.Provenance.Seed))
	}
	if r.Provenance.Version != "" {
		words = append(words, "cachebench "+r.Provenance.Version)
	}
	if r.Provenance.Starts != "" {
		words = append(words, "starts: "+r.starts())
	}
	return words
}

// cmpOr returns the first text that is not blank.
func cmpOr(texts ...string) string {
	for _, s := range texts {
		if strings.TrimSpace(s) != "" {
			return s
		}
	}
	return ""
}

func (p *printer) verdict(v *Verdict) {
	p.lines(boldGreen, wrap(v.Headline, 0))
	for _, s := range v.Sentences {
		p.lines("", wrap(s, 2))
	}
	if v.Sure != "" {
		p.lines(yellow, wrap("How sure: "+v.Sure, 2))
	}
}

// maxTextApps bounds the apps of a text report; the other formats have them all.
const maxTextApps = 40

func (p *printer) apps(r *Report) {
	if len(r.Apps) == 0 {
		return
	}
	heads, arms := []string{"app", ">starts/month"}, r.appArms()
	for _, i := range arms {
		heads = append(heads, ">"+r.armLabel(dots(&App{})[i].arm))
	}
	others := r.otherArms()
	for _, arm := range others {
		heads = append(heads, ">"+r.armLabel(arm))
	}
	t := &textTable{heads: append(heads, ">saved", "cache")}
	list := r.Apps[:min(len(r.Apps), maxTextApps)]
	for i, a := range list {
		cells := []string{r.appLabel(&a), starts(a.StartsPerMonth)}
		for _, k := range arms {
			cells = append(cells, optionalBeside(dots(&a)[k].ready, r.meanLimit()))
		}
		for _, arm := range others {
			cells = append(cells, optional(r.meanOf(&a, arm)))
		}
		t.add(commonReason(list, i), append(cells, optional(a.Saved), cmpOr(a.Cache, "-"))...)
	}
	t.dropUnknown()
	if len(t.heads) == 1 {
		return // names alone: the table by arm has all that is known
	}
	p.heading("Apps: mean time to ready (" + appSource(r.Apps) + ")")
	p.table(t)
	if rest := len(r.Apps) - maxTextApps; rest > 0 {
		p.lines("", wrap(fmt.Sprintf("and %s more, which gain least: see --output html or json", count(rest, "line")), tableIndent))
	}
	if r.Plan == nil {
		return
	}
	for _, even := range []string{bestEvenSentence(r.Plan), noEvenSentence(r.Plan)} {
		if even != "" {
			p.lines("", wrap(even, tableIndent))
		}
	}
}

// more counts the apps beyond those of a table that shows maxTextApps of them.
func (p *printer) more(apps int) {
	if rest := apps - maxTextApps; rest > 0 {
		p.lines("", wrap(fmt.Sprintf("and %s more: see --output html or json", count(rest, "app")), tableIndent))
	}
}

// commonReason returns the reason of the i-th app, nothing when the next app has
// the same: a reason stands once below the apps that share it.
func commonReason(list []App, i int) string {
	reason := list[i].Reason
	if i+1 < len(list) && list[i+1].Reason == reason {
		return ""
	}
	first := i
	for first > 0 && list[first-1].Reason == reason {
		first--
	}
	if n := i - first + 1; n > 1 && reason != "" {
		return fmt.Sprintf("these %d: %s", n, reason)
	}
	return reason
}

func appSource(list []App) string {
	var words []string
	for _, source := range sourceOrder {
		if slices.ContainsFunc(list, func(a App) bool { return a.Source == source }) {
			words = append(words, source)
		}
	}
	return join(words)
}

func starts(perMonth float64) string {
	if perMonth == 0 {
		return "-"
	}
	return number(perMonth)
}

func optional(d *time.Duration) string {
	if d == nil {
		return "-"
	}
	return seconds(*d)
}

func (p *printer) startups(r *Report) {
	if len(r.Arms) == 0 {
		return
	}
	p.heading("Startup times by arm" + armsOf(r.Arms) + ", " + r.eachOnce() + r.ofStarts() + " (" + r.sourceWords() + ")")
	t := &textTable{heads: []string{"arm", ">starts", ">p50", ">p90", ">p99", ">mean", ">last ready", ">fetched", ">hit/partial/miss"}}
	for _, s := range r.Arms {
		t.add("", r.seriesLabel(s.Arm, s.Source), number(float64(s.Starts)), seconds(s.P50), seconds(s.P90), seconds(s.P99), seconds(s.Mean),
			longTime(s.Makespan), s.fetchedWords(), fmt.Sprintf("%d/%d/%d", s.Hits, s.Partials, s.Misses))
	}
	p.table(t)
	p.lines("", wrap("quantiles by nearest rank; last ready: from the first request; fetched: compressed, mean of a start", tableIndent))
	if note := r.armsNote(); note != "" {
		p.lines("", wrap(note, tableIndent))
	}
}

func (p *printer) phases(r *Report) {
	named := statedPhases(r.Arms)
	if len(named) == 0 {
		return
	}
	p.heading("Where the time goes: mean seconds of a start by phase (" + r.sourceWords() + ")")
	t := &textTable{heads: []string{"arm"}}
	for _, i := range named {
		t.heads = append(t.heads, ">"+string(phaseNames[i]))
	}
	for _, s := range r.Arms {
		cells := []string{r.seriesLabel(s.Arm, s.Source)}
		for _, i := range named {
			cells = append(cells, phaseDigits(s.MeanPhases, i))
		}
		t.add("", cells...)
	}
	p.table(t)
}

// statedPhases returns the positions in phaseNames of those that any summary
// states.
func statedPhases(list []Summary) []int {
	var named []int
	for i := range phaseNames {
		if slices.ContainsFunc(list, func(s Summary) bool { return *phaseFields(&s.MeanPhases)[i] != nil }) {
			named = append(named, i)
		}
	}
	return named
}

func phaseDigits(phases simulate.Phases, i int) string {
	d := *phaseFields(&phases)[i]
	if d == nil {
		return "-"
	}
	return secondsDigits(*d)
}

func (p *printer) matches(m *matcher.Matches) {
	if m == nil || len(m.Matches) == 0 {
		return
	}
	p.heading("Matches against existing caches (as of " + m.At.UTC().Format("2006-01-02") + ")")
	t := &textTable{heads: []string{"app", "cache", "bytes", ">held by digest", ">held by chain", ">to fetch", ">to unpack"}}
	for _, match := range m.Matches[:min(len(m.Matches), maxTextApps)] {
		o := match.Overlap
		t.add(strings.Join(append([]string{whyWords(&match)}, warnings(&match)...), "; "), match.App, cmpOr(match.CacheID, "-"), string(match.Hit), size(o.ByDigest.PresentBytes),
			size(o.ByChain.PresentBytes), size(o.ByDigest.FetchBytes), size(o.ByChain.UnpackBytes))
	}
	p.table(t)
	p.more(len(m.Matches))
	p.lines("", wrap("held: compressed; by digest saves the download, by chain the unpacking too; to fetch compressed, to unpack unpacked", tableIndent))
	p.lines("", wrap(policyWords(m), tableIndent))
}

func (p *printer) coverage(c *simulate.Coverage) {
	if c == nil || len(c.LeftOut) == 0 {
		return
	}
	p.heading(fmt.Sprintf("Left out: %s of the starts are covered", percent(c.StartsFraction)))
	t := &textTable{heads: []string{"app"}}
	for _, l := range c.LeftOut[:min(len(c.LeftOut), maxTextApps)] {
		t.add(l.Reason, l.App)
	}
	p.table(t)
	p.more(len(c.LeftOut))
}

func (p *printer) sources(list []NumberSource) {
	if len(list) == 0 {
		return
	}
	p.heading("Where the numbers come from")
	t := &textTable{heads: []string{"number", "source"}}
	for _, s := range list {
		t.add(s.From, s.Number, s.Source)
	}
	p.table(t)
}

func (p *printer) provenance(r *Report) {
	p.heading("Provenance")
	for _, fact := range facts(r) {
		p.lines("", wrap(fact.Name+": "+fact.Value, tableIndent))
	}
	for _, input := range r.Provenance.Inputs {
		p.lines("", wrap(fmt.Sprintf("input %s: %s", input.Name, input.Digest), tableIndent))
	}
}

// fact is one line of the provenance.
type fact struct{ Name, Value string }

// facts says what the report was made from; what is unknown is left out.
func facts(r *Report) []fact {
	v := r.Provenance
	list := []fact{{"cachebench", cmpOr(v.Version, "unknown version")}}
	if v.Profile != "" {
		// Without a profile nothing was drawn, so no seed was used.
		list = append(list, fact{"seed", fmt.Sprint(v.Seed)}, fact{"profile", v.Profile})
	}
	if basis := cmpOr(v.ProfileBasis, r.Profile.Basis); basis != "" {
		list = append(list, fact{"basis of the profile", basis})
	}
	if v.Starts != "" {
		list = append(list, fact{"starts", r.starts()})
	}
	if v.PriceDate != "" {
		list = append(list, fact{"prices", v.PriceDate + " in " + v.Currency})
	}
	if r.Platform != "" {
		list = append(list, fact{"platform", r.Platform})
	}
	if !v.Now.IsZero() {
		list = append(list, fact{"as of", v.Now.UTC().Format("2006-01-02 15:04 MST")})
	}
	return list
}
