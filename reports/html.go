package reports

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

//go:embed templates
var templates embed.FS

// page writes r as one HTML file that asks the network for nothing: its style
// stands in it, its charts are drawn here, and it has no script. A content
// security policy in it forbids both.
func page(r *Report) ([]byte, error) {
	t, err := template.New("").Funcs(template.FuncMap{"tight": tight}).ParseFS(templates, "templates/*.html")
	if err != nil {
		return nil, err
	}
	style, err := templates.ReadFile("templates/page.css")
	if err != nil {
		return nil, err
	}
	view := viewOf(r)
	view.Style = template.CSS(style)
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "page.html", view); err != nil {
		return nil, err
	}
	return bytes.Map(showable, bytes.ToValidUTF8(out.Bytes(), []byte("\ufffd"))), nil
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

// view is what the template shows: everything as text, tables and drawings.
type view struct {
	Style   template.CSS
	Title   string
	Sources string
	Verdict *Verdict
	Facts   []fact
	Inputs  []simulate.Input
	Tiles   []tile

	Gain                    *figure
	Build, Totals, Existing *table
	Pools                   []poolView

	Curves                           *figure
	Arms, Quantiles, Phases, AppArms *table
	Faults, Setbacks                 *table
	Repeats, Peaks                   *table
	Differences, AppDifferences      *table
	SketchNote, DifferencesNote      string
	Courses                          []figure
	CourseLegend                     []key
	CourseNote                       string

	AppDots   *figure
	AppSource string
	Apps      *table

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

// tile is one of the few numbers at the top.
type tile struct {
	Label, Note, Source string
	Cell                cell
}

// figure is a drawing with its caption and legend.
type figure struct {
	Drawing template.HTML
	// Heading stands above the drawing, Caption below.
	Heading, Caption string
	Legend           []key
}

// key is one entry of a legend.
type key struct {
	Sample template.HTML
	Label  string
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
	v.Best = bestTable(r.BestCaches)
	v.addPlan(r)
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

func tiles(r *Report) []tile {
	if r.Plan == nil || onlyPools(r.Plan) {
		return startupTiles(r)
	}
	if len(r.Plan.Caches) == 0 {
		return append(todayTiles(r.Plan), boundTile(r))
	}
	v := &r.Verdict
	var list []tile
	if v.SavedPerStart != nil {
		note := baselineWords(r.Plan)
		if v.SavedFraction != nil {
			note = percent(*v.SavedFraction) + " less than " + note
		}
		list = append(list, tile{"saved per start", note, simulate.Estimated, secondsCell(*v.SavedPerStart)})
	}
	if v.SavedBytesPerStart != nil {
		list = append(list, tile{"less fetched per start", "compressed", r.sourceWords(), bytesCell(*v.SavedBytesPerStart)})
	}
	if v.NetPerMonth != nil {
		c := moneyCell(*v.NetPerMonth)
		c.Text = signedMoney(*v.NetPerMonth)
		list = append(list, tile{"net per month", "caches less what shorter starts save", simulate.Estimated, c})
	}
	return append(list, boundTile(r))
}

// todayTiles are the mean starts that a plan without caches leaves as they are.
func todayTiles(p *plan.Plan) []tile {
	var list []tile
	for _, t := range []struct{ arm, label string }{
		{plan.Automatic, "mean start, automatic caches"}, {plan.Cold, "mean start, no caches"},
	} {
		if mean := meanStart(p, t.arm); mean > 0 {
			list = append(list, tile{t.label, "from request to ready", simulate.Estimated, secondsCell(mean)})
		}
	}
	return list
}

func boundTile(r *Report) tile {
	p := r.Plan
	if provenBest(p) {
		return tile{"distance from the best", "no other choice saves more", "proven", cell{Text: "none", Value: "0"}}
	}
	note := "the bound is " + longTime(p.BoundSeconds) + " a month"
	return tile{"distance from the best", note, "proven", cell{Text: "≤ " + percent(p.GapFraction), Value: exact(p.GapFraction)}}
}

func startupTiles(r *Report) []tile {
	var list []tile
	for _, s := range r.Arms[:min(len(r.Arms), 4)] {
		note := "p99 " + seconds(s.P99) + " of " + count(s.Starts, "start")
		list = append(list, tile{"median start, " + r.armLabel(s.Arm), note, s.Source, secondsCell(s.P50)})
	}
	return list
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
	if len(p.Caches) == 0 {
		return
	}
	v.Build = buildTable(p)
	v.Gain = &figure{
		Drawing: planChart("chart-gain", p),
		Caption: "Each row adds one cache: how much more startup time it saves a month, and what it costs a month.",
		Legend: []key{
			{sample("rect", "a-cached"), "added by this cache"},
			{sample("rect", "before"), "caches before it"},
			{sample("line", "bound"), "proven bound: no choice saves more"},
		},
	}
}

func (v *view) addStartups(r *Report) {
	if len(r.Arms) == 0 || len(r.Distributions) != len(r.Arms) {
		return
	}
	v.Curves = &figure{
		Drawing: ecdf("chart-startups", r),
		Caption: "The further left a curve, the sooner its starts are ready. Dots mark p50, p90 and p99.",
	}
	for _, s := range r.Arms {
		label := r.seriesLabel(s.Arm, s.Source) + " (" + count(s.Starts, "start") + ")"
		v.Curves.Legend = append(v.Curves.Legend, key{curveSample(armClass(s.Arm, s.Source)), label})
	}
	v.Arms = armsTable(r)
	v.Quantiles = quantilesTable(r)
	v.Phases = phasesTable(r)
	v.Faults, v.Setbacks = faultsTable(r), setbacksTable(r)
	v.AppArms = appArmsTable(r)
	v.Repeats, v.Differences, v.AppDifferences, v.SketchNote = repeatsTable(r), differencesTable(r), appDifferencesTable(r), r.sketchNote()
	v.DifferencesNote = sentence(differencesNote)
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
			v.AppDots.Legend = append(v.AppDots.Legend, key{dotSample(d.arm), r.armLabel(d.arm)})
		}
	}
}

func (v *view) addFalls(r *Report) {
	var until time.Duration
	for i := range r.Waterfalls {
		until = max(until, r.Waterfalls[i].Ready)
	}
	v.FallWhy = "The app that gains most."
	if len(r.Waterfalls) == 1 {
		v.FallWhy = "The slowest of the starts whose spans are kept."
	}
	var present []simulate.Phase
	for i := range r.Waterfalls {
		s := &r.Waterfalls[i]
		v.FallApp, v.FallSource = s.App, s.Source
		name := r.armLabel(s.Arm)
		v.Falls = append(v.Falls, figure{
			Drawing: waterfall(fmt.Sprintf("chart-waterfall-%d", i+1), name, s, until, r.faultsOf(s)),
			Heading: sentenceWord(name) + fallWords(s),
		})
		v.Spans = append(v.Spans, spansTable(name, s))
		for _, span := range s.Spans {
			if !isWait(span.Phase) && !slices.Contains(present, span.Phase) {
				present = append(present, span.Phase)
			}
		}
	}
	slices.SortFunc(present, func(a, b simulate.Phase) int {
		return slices.Index(phaseNames, a) - slices.Index(phaseNames, b)
	})
	for _, phase := range present {
		v.FallLegend = append(v.FallLegend, key{sample("rect", phaseClass(phase)), string(phase)})
	}
	v.FallLegend = append(v.FallLegend, key{sample("line", "wait"), "layer waits"})
	if k, ok := waitKey(r.Waterfalls); ok {
		v.FallLegend = append(v.FallLegend, k)
	}
	for i := range r.Waterfalls {
		s := &r.Waterfalls[i]
		if keys := faultKeys(r.faultsOf(s), s.Requested, s.Requested+until); keys != nil {
			v.FallLegend = append(v.FallLegend, keys...)
			break
		}
	}
}

func fallWords(s *simulate.Startup) string {
	text := ": ready after " + seconds(s.Ready) + ", " + size(s.FetchedBytes) + " fetched"
	if s.CacheID != "" {
		text += "; " + string(s.Hit) + " in cache " + s.CacheID
	}
	return text
}

// sample draws a legend's key: a piece of what it stands for.
func sample(shape, class string) template.HTML {
	c := &chart{}
	c.open("svg", "class", "key", "width", "28", "height", "12", "aria-hidden", "true")
	if shape == "line" {
		c.mark("line", "", "class", class, "x1", "1", "x2", "27", "y1", "6", "y2", "6")
	} else {
		c.mark("rect", "", "class", class, "x", "1", "y", "1", "width", "26", "height", "10")
	}
	return c.html()
}

func curveSample(class string) template.HTML {
	c := &chart{}
	c.open("svg", "class", "key", "width", "36", "height", "14", "aria-hidden", "true")
	c.mark("line", "", "class", "curve "+class, "x1", "1", "x2", "35", "y1", "7", "y2", "7")
	c.dot(class, "", 0.5, 7)
	return c.html()
}

func dotSample(arm string) template.HTML {
	c := &chart{}
	c.open("svg", "class", "key", "width", "14", "height", "14", "viewBox", "-7 -7 14 14", "aria-hidden", "true")
	c.dot(armClass(arm, ""), "", 0, 0)
	return c.html()
}

func digestCell(d layers.Digest) cell {
	return cell{Text: short(d), Title: string(d), Code: true}
}
