package reports

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

//go:embed templates
var templates embed.FS

// page writes r as one HTML file that asks the network for nothing: its style and
// its script stand in it, and its charts are drawn here. A content security policy in
// it allows these two, by their hashes, and forbids all else. The page says all that
// it has to say without the script, which lets a reader look closer: at one mark, at
// fewer arms, at a part of a waterfall, at some rows of a table.
func page(r *Report) ([]byte, error) { return viewOf(r).page() }

func (v *view) page() ([]byte, error) {
	t, err := template.New("").Funcs(template.FuncMap{"tight": tightHTML, "soft": soft}).ParseFS(templates, "templates/*.html")
	if err != nil {
		return nil, err
	}
	parts := make(map[string]string)
	for _, name := range []string{"chart.css", "page.css", "page.js"} {
		data, err := templates.ReadFile("templates/" + name)
		if err != nil {
			return nil, err
		}
		parts[name] = string(data)
	}
	style, script := parts["chart.css"]+parts["page.css"], parts["page.js"]
	v.Style, v.Script = template.CSS(style), template.JS(script)
	v.Policy = fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; img-src data:; base-uri 'none'; form-action 'none'", sourceHash(script), sourceHash(style))
	v.addTop()
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "page.html", v); err != nil {
		return nil, err
	}
	return bytes.Map(showable, bytes.ToValidUTF8(out.Bytes(), []byte("\ufffd"))), nil
}

// shortInput is an input with the beginning of its digest.
type shortInput struct {
	simulate.Input
	Short string
}

// What stands at the top of a page; the rest is below.
const (
	maxTopInputs = 6
	maxTopDoubts = 4
)

// addTop puts the inputs and the doubts beside the result.
func (v *view) addTop() {
	for _, input := range v.Inputs[:min(len(v.Inputs), maxTopInputs)] {
		v.ShortInputs = append(v.ShortInputs, shortInput{input, short(input.Digest)})
	}
	v.TopDoubts = v.Doubts[:min(len(v.Doubts), maxTopDoubts)]
	v.DoubtsTitle = count(len(v.Doubts), "doubt")
	if len(v.Doubts) > maxTopDoubts {
		v.DoubtsTitle += fmt.Sprintf(", of which the first %d", maxTopDoubts)
	}
}

// sourceHash is how a content security policy names what stands in the page.
func sourceHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// showable replaces control characters, which HTML forbids, and those that turn
// the direction of writing, which could make a name read as another.
func showable(r rune) rune {
	switch {
	case r == '\n', r == '\t':
		return r
	case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
		return unicode.ReplacementChar
	}
	return r
}

// spacedUnit finds a number and its unit, or a currency and its amount.
var spacedUnit = regexp.MustCompile(`([0-9]) (s|min|h|B|kB|MB|GB|TB|GiB|%)([^[:alnum:]]|$)|([A-Z]{3}) ([+-]?[0-9])`)

// tight keeps a number, its unit and a sign before it on one line.
func tight(s string) string {
	s = strings.NewReplacer("~ ", "~\u00a0", "≥ ", "≥\u00a0").Replace(s)
	return spacedUnit.ReplaceAllString(s, "$1$4\u00a0$2$5$3")
}

// tightHTML is tight, where only words that are longer than most lines of a phone may break.
func tightHTML(s string) template.HTML { return broken(tight(s), 36) }

// soft is the text of a cell: names may break where a reader would break them.
func soft(s string) template.HTML { return broken(s, 12) }

// broken lets words of more letters than that break where a reader would break them.
func broken(s string, longer int) template.HTML {
	var b strings.Builder
	letters := []rune(s)
	for from := 0; from < len(letters); {
		to := from + 1
		for to < len(letters) && unicode.IsSpace(letters[to]) == unicode.IsSpace(letters[from]) {
			to++
		}
		isLong := to-from > longer
		for i := from + 1; i < to && isLong; i++ {
			if mayBreak(letters[:i], letters[i]) {
				b.WriteString(template.HTMLEscapeString(string(letters[from:i])) + "<wbr>")
				from = i
			}
		}
		b.WriteString(template.HTMLEscapeString(string(letters[from:to])))
		from = to
	}
	return template.HTML(b.String())
}

// mayBreak says whether a line may end between some letters and the next: behind the
// separators of references, paths and keys, and between the words of a key, but in no number.
func mayBreak(before []rune, next rune) bool {
	last := before[len(before)-1]
	if unicode.IsLower(last) && unicode.IsUpper(next) {
		return true
	}
	if !unicode.IsLetter(next) && !unicode.IsDigit(next) {
		return false
	}
	if strings.ContainsRune(".,", last) {
		return !unicode.IsDigit(next) || len(before) < 2 || !unicode.IsDigit(before[len(before)-2])
	}
	return strings.ContainsRune("/:@_=;-", last)
}

// view is what the template shows: everything as text, tables and drawings.
type view struct {
	Style   template.CSS
	Script  template.JS
	Policy  string
	Title   string
	Sources string
	Verdict *Verdict
	Facts   []fact
	Inputs  []simulate.Input
	// ShortInputs are the first inputs with short digests, TopDoubts the first doubts.
	ShortInputs []shortInput
	TopDoubts   []string
	DoubtsTitle string
	Tiles       []tile

	// Beside is simulated against measured.
	Beside      *figure
	BesideTable *table
	// Calibrated are the tables of a Calibration, shown on demand where they are long.
	Calibrated       []*table
	CalibratedFolded []*table

	Gain, Money             *figure
	Build, Totals, Existing *table
	Rules                   *table
	Gate, Bill              string
	PlanTables              []*table
	Pools                   []poolView

	Curves                                    *figure
	Arms, Quantiles, Phases, Makings, AppArms *table
	Faults, Setbacks                          *table
	Repeats, Peaks                            *table
	Differences, AppDifferences               *table
	ArmsNote, DifferencesNote                 string
	Courses                                   []figure
	CourseLegend                              []key
	CourseNote, CourseSources                 string
	CourseTables                              []*table

	AppDots   *figure
	AppSource string
	Apps      *table

	// Answers and AnswerTables are what a Capacity has, and nothing else.
	Answers      []figure
	AnswerTables []*table
	// Compared are the tables of a Comparison or a Diff, which have nothing else but the
	// chart and the hints of a Diff, and what is the same in a Comparison.
	Compared      []*table
	ComparedNote  string
	ComparedChart *figure
	Same          *table
	Hints         []string

	Held []heldView

	Falls      []figure
	FallLegend []key
	FallApp    string
	FallWhy    string
	FallSource string
	Spans      []*table

	Matches  *table
	Whys     []explanation
	Creation []*table
	NewCache []string
	Best     *table
	Baseline *table
	HitRate  *figure
	HitRates *table
	Policies []fact

	Sharing       []sharingView
	SharingSource string
	Unresolved    *table

	LeftOut, Numbers, Parameters *table
	Assumptions, Doubts          []string
	Basis                        string
}

func viewOf(r *Report) *view {
	v := &view{
		Title:   cmpOr(r.Title, "cachebench report"),
		Sources: r.sourceWords(),
		Verdict: &r.Verdict,
		Facts:   facts(r),
		Inputs:  r.Provenance.Inputs,
		Tiles:   tiles(r),

		Assumptions: r.Assumptions,
		Doubts:      r.Doubts,
		LeftOut:     leftOutTable(r.Coverage),
		Numbers:     numbersTable(r.Sources),
		Parameters:  parametersTable(r.Profile),
		Basis:       r.Profile.Basis,
	}
	if r.Creation != nil {
		v.Creation, v.NewCache = creationTables(r.Creation), creationSentences(r.Creation)
	}
	if r.Bill != nil {
		v.Bill = billSentence(r.Bill)
	}
	if r.Gate != nil {
		v.Gate, v.Rules = r.Gate.headline()+".", gateTable(r.Gate)
	}
	v.Best = bestTable(r.BestCaches)
	v.addPlan(r)
	v.addBeside(r)
	v.addStartups(r)
	v.addCourses(r)
	v.addApps(r)
	v.addHeld(r)
	v.addFalls(r)
	if r.Matches != nil {
		v.Matches = matchesTable(r.Matches)
		v.Whys = explanationsOf(r.Matches)
		v.Baseline = baselineTable(r.Matches)
		v.HitRate, v.HitRates = hitRateFigure(r.Matches), hitRateTable(r.Matches)
		v.Policies = policies(r.Matches)
	}
	if s := r.Sharing; s != nil {
		v.addSharing(s)
	}
	return v
}

func (v *view) addPlan(r *Report) {
	p := r.Plan
	if p == nil {
		return
	}
	v.Pools = poolViews(p)
	if onlyPools(p) {
		return
	}
	v.Totals = totalsTable(p)
	v.Existing = existingTable(p)
	v.PlanTables = planTables(p)
	if len(p.Caches) == 0 {
		return
	}
	v.Build = buildTable(p)
	v.Gain = &figure{
		Drawing: planChart("chart-gain", p),
		Caption: "Each row adds one cache: how much more startup time it saves a month, and what it costs a month." + moreRows(p),
	}
	v.Gain.explain("rect", "a-cached", "added by this cache")
	v.Gain.explain("rect", "a-automatic", "lost by this cache")
	v.Gain.explain("rect", "before", "caches before it")
	v.Money = moneyFigure(p)
	if p.Goal == plan.GoalSeconds { // of the others the bound is money
		v.Gain.Legend = append(v.Gain.Legend, key{Sample: sample("line", "bound"), Label: "proven bound: no choice of this bill saves more"})
	}
}

func (v *view) addStartups(r *Report) {
	if len(r.Arms) == 0 || len(r.Distributions) != len(r.Arms) {
		return
	}
	v.Curves = &figure{
		Drawing: ecdf("chart-startups", r),
		Caption: strings.TrimSpace("The further left a curve, the sooner its starts are ready. Dots mark p50, p90 and p99. " + r.curvesNote()),
	}
	for _, s := range r.Arms {
		label := r.seriesLabel(s.Arm, s.Source) + " (" + count(s.Starts, "start") + ")"
		v.Curves.Legend = append(v.Curves.Legend, key{curveSample(armClass(s.Arm, s.Source)), label, r.seriesLabel(s.Arm, s.Source)})
	}
	v.Arms = armsTable(r)
	v.Quantiles = quantilesTable(r)
	v.Phases, v.Makings = phasesTable(r), makingsTable(r)
	v.Faults, v.Setbacks = faultsTable(r), setbacksTable(r)
	v.AppArms = appArmsTable(r)
	v.Repeats, v.Differences, v.AppDifferences, v.ArmsNote = repeatsTable(r), differencesTable(r), appDifferencesTable(r), r.armsNote()
	if v.Differences != nil {
		v.DifferencesNote = sentence(differencesNote(r.overall()))
	}
}

func (v *view) addApps(r *Report) {
	if len(r.Apps) == 0 {
		return
	}
	v.AppSource = appSource(r.Apps)
	if v.Apps = appsTable(r); len(v.Apps.Heads) == 1 {
		v.Apps = nil // names alone: the table by app and arm has what is known
	}
	if !r.hasTimes() {
		return
	}
	v.AppDots = &figure{Drawing: appsChart("chart-apps", r)}
	if rest := len(r.Apps) - maxAppRows; rest > 0 {
		v.AppDots.Caption = fmt.Sprintf("The %d apps that gain most; the table has %d more.", maxAppRows, rest)
	}
	for i, d := range dots(&App{}) {
		if slices.ContainsFunc(r.Apps, func(a App) bool { return dots(&a)[i].ready != nil }) {
			v.AppDots.Legend = append(v.AppDots.Legend, key{dotSample(armClass(d.arm, "")), r.armLabel(d.arm), r.armLabel(d.arm)})
		}
	}
}

func digestCell(d layers.Digest) cell {
	return cell{Text: short(d), Title: string(d), Code: true}
}
