package reports

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

// htmlPage is a parsed page.
type htmlPage struct {
	t    *testing.T
	root *html.Node
}

func parsed(t *testing.T, r *Report) htmlPage {
	t.Helper()
	root, err := html.Parse(strings.NewReader(written(t, HTML, r, Options{})))
	if err != nil {
		t.Fatal(err)
	}
	return htmlPage{t, root}
}

func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.TrimSpace(strings.ReplaceAll(b.String(), "\u00a0", " "))
}

// all returns the elements below n called name, with the class; either may be empty.
func all(n *html.Node, name, class string) []*html.Node {
	var list []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && (name == "" || d.Data == name) && (class == "" || strings.Contains(" "+attribute(d, "class")+" ", " "+class+" ")) {
			list = append(list, d)
		}
	}
	return list
}

// table returns the rows of the table whose caption starts so, by the texts and
// by the exact values of their cells.
func (d htmlPage) table(caption string) (texts, values [][]string) {
	d.t.Helper()
	for _, table := range all(d.root, "table", "") {
		if !strings.HasPrefix(textOf(all(table, "caption", "")[0]), caption) {
			continue
		}
		for _, row := range all(all(table, "tbody", "")[0], "tr", "") {
			var text, value []string
			for _, c := range append(all(row, "th", ""), all(row, "td", "")...) {
				exact := ""
				if data := all(c, "data", ""); len(data) > 0 {
					exact = attribute(data[0], "value")
				}
				text, value = append(text, textOf(c)), append(value, exact)
			}
			texts, values = append(texts, text), append(values, value)
		}
		return texts, values
	}
	d.t.Fatalf("no table %q", caption)
	return nil, nil
}

// section returns the section with an id.
func (d htmlPage) section(id string) *html.Node {
	d.t.Helper()
	for _, section := range all(d.root, "section", "") {
		if attribute(section, "id") == id {
			return section
		}
	}
	d.t.Fatalf("no section %s", id)
	return nil
}

// inputs are reports of every shape, with the number of charts of each.
func inputs() map[string]struct {
	in     Input
	charts int
} {
	return map[string]struct {
		in     Input
		charts int
	}{
		"build":    {shop(true), 8},
		"nothing":  {shop(false), 6},
		"timeline": {Input{Timeline: shopTimeline(true)}, 4},
		"images":   {Input{Inventory: shopInventory()}, 1},
		"matches":  {Input{Matches: shopMatches()}, 1},
		"hostile":  {hostile(), 8},
		"crowd":    {crowd(), 5},
		"empty":    {Input{}, 0},
		"fleet":    {fleet(), 10},
		"pools":    {Input{Title: "Plan", Plan: poolPlan()}, 1},
	}
}

var remote = regexp.MustCompile(`(?i)url\(|@import|expression\(|javascript:|//[a-z]`)

func TestHTMLAsksForNothing(t *testing.T) {
	for name, c := range inputs() {
		checkAsksForNothing(t, name, parsed(t, New(c.in)))
	}
}

// checkAsksForNothing holds that nothing in the page leaves it, and that its policy
// allows the one style and the one script that it has, and no more.
func checkAsksForNothing(t *testing.T, name string, d htmlPage) {
	t.Helper()
	style, script := all(d.root, "style", ""), all(d.root, "script", "")
	if len(style) != 1 || len(script) != 1 {
		t.Fatalf("%s: %d styles and %d scripts, want one of each", name, len(style), len(script))
	}
	hash := func(n *html.Node) string {
		sum := sha256.Sum256([]byte(n.FirstChild.Data))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	want := "default-src 'none'; script-src " + hash(script[0]) + "; style-src " + hash(style[0]) + "; img-src data:; base-uri 'none'; form-action 'none'"
	if got := attribute(all(d.root, "meta", "")[2], "content"); got != want {
		t.Errorf("%s: the policy is %q, want %q", name, got, want)
	}
	for _, banned := range []string{"fetch(", "XMLHttpRequest", "import", "eval", "innerHTML", "http:", "https:", "localStorage", "document.cookie"} {
		if strings.Contains(script[0].FirstChild.Data, banned) {
			t.Errorf("%s: the script has %q", name, banned)
		}
	}
	if n := len(script[0].FirstChild.Data); n > 15_000 {
		t.Errorf("the script has %d bytes", n)
	}
	for n := range d.root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "iframe", "object", "embed", "img", "image", "use", "base", "form", "video", "audio":
			t.Errorf("%s: the page has an element <%s>", name, n.Data)
		case "style":
			if found := remote.FindString(textOf(n)); found != "" {
				t.Errorf("%s: the style has %q", name, found)
			}
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(strings.ToLower(a.Key), "on") {
				t.Errorf("%s: <%s> has a handler %s", name, n.Data, a.Key)
			}
			if (a.Key == "href" || a.Key == "src") && !strings.HasPrefix(a.Val, "#") && a.Val != "data:," {
				t.Errorf("%s: <%s %s=%q> leaves the page", name, n.Data, a.Key, a.Val)
			}
			if a.Key == "style" {
				t.Errorf("%s: <%s> has a style of its own, where text may end up", name, n.Data)
			}
		}
	}
}

func TestHTMLLinksAndIDs(t *testing.T) {
	for name, c := range inputs() {
		d := parsed(t, New(c.in))
		ids := make(map[string]bool)
		for n := range d.root.Descendants() {
			if id := attribute(n, "id"); id != "" {
				if ids[id] {
					t.Errorf("%s: id %q stands twice", name, id)
				}
				ids[id] = true
			}
		}
		for _, a := range all(d.root, "a", "") {
			if target := strings.TrimPrefix(attribute(a, "href"), "#"); !ids[target] {
				t.Errorf("%s: a link to #%s goes nowhere", name, target)
			}
		}
	}
}

func TestHTMLCharts(t *testing.T) {
	for name, c := range inputs() {
		d := parsed(t, New(c.in))
		charts := all(d.root, "svg", "chart")
		if len(charts) != c.charts {
			t.Errorf("%s: %d charts, want %d", name, len(charts), c.charts)
		}
		for _, chart := range charts {
			checkChart(t, name, chart)
		}
	}
}

func checkChart(t *testing.T, name string, chart *html.Node) {
	t.Helper()
	id := attribute(chart, "id")
	if attribute(chart, "role") != "img" {
		t.Errorf("%s, %s: no role img", name, id)
	}
	for part, role := range map[string]string{"title": "aria-labelledby", "desc": "aria-describedby"} {
		n := all(chart, part, "")
		if len(n) == 0 || textOf(n[0]) == "" || attribute(n[0], "id") != id+"-"+part || attribute(chart, role) != id+"-"+part {
			t.Errorf("%s, %s: no %s that is its %s", name, id, part, role)
		}
	}
	marks := 0
	for n := range chart.Descendants() {
		if !strings.HasPrefix(attribute(n, "class"), "mark") {
			continue
		}
		marks++
		if n.FirstChild == nil || n.FirstChild.Data != "title" || textOf(n.FirstChild) == "" {
			t.Errorf("%s, %s: a mark %s without a tooltip", name, id, attribute(n, "class"))
		}
	}
	if marks == 0 {
		t.Errorf("%s, %s: nothing is drawn", name, id)
	}
	for n := range chart.Descendants() {
		for _, a := range n.Attr {
			if strings.Contains(a.Val, "NaN") || strings.Contains(a.Val, "Inf") || a.Key == "width" && strings.HasPrefix(a.Val, "-") {
				t.Errorf("%s, %s: <%s %s=%q>", name, id, n.Data, a.Key, a.Val)
			}
		}
	}
}

// The cells hold the exact values of the Report, in seconds and bytes.
func TestHTMLNumbers(t *testing.T) {
	r := New(shop(true))
	d := parsed(t, r)
	exactSeconds := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'g', -1, 64) }

	texts, values := d.table("Startup times by arm")
	for i, s := range r.Arms {
		want := []string{"", fmt.Sprint(s.Starts), exactSeconds(s.P50), exactSeconds(s.P90), exactSeconds(s.P99), exactSeconds(s.Mean), exactSeconds(s.Slowest),
			exactSeconds(s.Makespan), fmt.Sprint(s.MeanFetchedBytes), fmt.Sprint(s.Hits), fmt.Sprint(s.Partials), fmt.Sprint(s.Misses)}
		checkRow(t, values[i], want)
		checkRow(t, texts[i][:3], []string{r.armLabel(s.Arm), number(float64(s.Starts)), seconds(s.P50)})
	}
	texts, values = d.table("Apps: mean time to ready")
	for i, a := range r.Apps {
		checkRow(t, values[i][1:6], []string{exact(a.StartsPerMonth), exactSeconds(*a.Cold), exactSeconds(*a.Automatic), exactSeconds(*a.Planned), exactSeconds(*a.Saved)})
		checkRow(t, []string{texts[i][0], texts[i][8]}, []string{a.Name, a.Reason})
	}
	_, values = d.table("Caches to build")
	for i, c := range r.Plan.Caches {
		checkRow(t, values[i][3:], []string{exactSeconds(c.SavedSeconds), exactSeconds(c.CumulativeSeconds), exact(float64(c.CumulativeSeconds) / float64(r.Plan.BoundSeconds)),
			exact(c.Cost.Build.Amount), exact(c.Cost.Keep.Amount), exact(c.Cost.Use.Amount), exact(c.Cost.Total.Amount), exact(c.CumulativeCost.Amount), exact(savedMoney(c.Cost).Amount), exact(c.Cost.NetSaved.Amount)})
	}
	_, values = d.table("A month of 30 days")
	for i, total := range r.Plan.Totals {
		checkRow(t, values[i][1:], []string{exactSeconds(total.StartupSeconds), exact(total.Caches.Amount), exact(total.Instances.Amount), exact(total.NetSaved.Amount)})
	}
	_, values = d.table("Time by which a share")
	for i, fraction := range []float64{0.05, 0.1, 0.15} {
		checkRow(t, values[i], []string{exact(fraction), exactSeconds(r.Distributions[0].Quantile(fraction)), exactSeconds(r.Distributions[1].Quantile(fraction)), exactSeconds(r.Distributions[2].Quantile(fraction))})
	}
	if got := textOf(all(d.root, "h1", "")[0]); got != r.Verdict.Headline {
		t.Errorf("the heading is %q, want %q", got, r.Verdict.Headline)
	}
	page := textOf(all(d.root, "body", "")[0])
	for _, list := range [][]string{r.Verdict.Sentences, r.Doubts, r.Assumptions} {
		for _, want := range list {
			if !strings.Contains(page, want) {
				t.Errorf("the page does not say %q", want)
			}
		}
	}
}

func checkRow(t *testing.T, got, want []string) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("cell %d of the row is %q, want %q", i, got[i], want[i])
		}
	}
}

// The provenance is on the page with every digest, and so is the word simulated.
func TestHTMLProvenance(t *testing.T) {
	r := New(shop(true))
	d := parsed(t, r)
	page := textOf(all(d.root, "body", "")[0])
	for _, want := range []string{"v0.1.0", "seed", "eci", r.Provenance.ProfileBasis, "2026-02-15 in USD", string(r.Provenance.Inputs[0].Digest), string(r.Provenance.Inputs[1].Digest), "linux/amd64"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, id := range []string{"startups", "inside"} {
		for _, section := range all(d.root, "section", "") {
			if attribute(section, "id") == id && !strings.Contains(textOf(section), simulate.Simulated) {
				t.Errorf("section %s does not say that it is simulated", id)
			}
		}
	}
}

const (
	attack  = `"><script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)>'{{.}}`
	oddName = "продавец-店铺-🛒-\u202etxt.exe\x1b[31m\n\tend"
)

// hostile has names that try to break out of the page or the terminal.
func hostile() Input {
	in := shop(true)
	long := strings.Repeat("very-long-name-", 40)
	names := map[string]string{"web": attack, "checkout": oddName, "train": long, "edge": "", "search": "</style></title></svg><svg onload=alert(3)>"}
	rename := func(s *string) {
		if name, ok := names[*s]; ok {
			*s = name
		}
	}
	for i := range in.Timeline.Startups {
		s := &in.Timeline.Startups[i]
		rename(&s.App)
		for j := range s.Spans {
			if s.Spans[j].Image != "" {
				s.Spans[j].Image = attack + long
			}
			if s.Spans[j].Layer != "" {
				s.Spans[j].Layer += `"><b>`
			}
		}
	}
	for i := range in.Workload.Apps {
		rename(&in.Workload.Apps[i].Name)
		in.Workload.Apps[i].Images = append(in.Workload.Apps[i].Images, attack)
	}
	for i := range in.Plan.Assignments {
		rename(&in.Plan.Assignments[i].App)
		in.Plan.Assignments[i].Reason = attack
	}
	for i := range in.Plan.Caches {
		in.Plan.Caches[i].Name = attack + long
		in.Plan.Caches[i].Apps = append(in.Plan.Caches[i].Apps, oddName)
	}
	for i := range in.Matches.Matches {
		rename(&in.Matches.Matches[i].App)
	}
	in.Title, in.Plan.Reason = attack, oddName
	in.Matches.Policies = map[string]string{attack: oddName}
	in.Inventory.Images[0].Reference = attack
	in.Inventory.Unresolved[0].Reason = attack
	in.Assumptions, in.Doubts = []string{attack, long}, []string{oddName, "\xff\xfe not UTF-8"}
	in.Provenance.Version, in.Provenance.Profile = attack, oddName
	in.Provenance.Inputs[0].Name = attack
	in.Profile.Parameters[0] = simulate.Value{Name: attack, Value: oddName, Source: attack}
	return in
}

func TestHostileNames(t *testing.T) {
	r := New(hostile())
	text := written(t, Text, r, Options{})
	checkWidth(t, text)
	for _, c := range text {
		if c != '\n' && (c < ' ' || c == 0x7f || c == '\u202e') {
			t.Fatalf("the text holds the control character %q", c)
		}
	}
	d := parsed(t, r)
	if heading := textOf(all(d.root, "p", "eyebrow")[0]); !strings.HasPrefix(heading, attack) {
		t.Errorf("the title was changed: %q", heading)
	}
	// Elements and handlers are looked for in TestHTMLAsksForNothing.
	if n := len(all(d.root, "title", "")); n < 10 {
		t.Errorf("the page was cut: %d titles", n)
	}
	texts, _ := d.table("Apps: mean time to ready")
	if len(texts) != len(r.Apps) {
		t.Errorf("%d rows of %d apps", len(texts), len(r.Apps))
	}
}

// crowd is a measured and a simulated timeline of many apps, whose starts pull
// two images of many layers at once.
func crowd() Input {
	random := rand.New(rand.NewPCG(1, 2))
	var t simulate.Timeline
	for _, source := range []string{simulate.Simulated, simulate.Measured} {
		for app := range 45 {
			for _, arm := range []string{simulate.ArmCold, simulate.ArmCached, "warm node"} {
				t.Startups = append(t.Startups, manyLayers(random, source, arm, fmt.Sprintf("team-%d/service-%02d", app%5, app)))
			}
		}
	}
	t.Startups = append(t.Startups, simulate.Startup{Source: simulate.Measured, Arm: simulate.ArmCold, App: "void", Void: "the node ran out of disk"})
	return Input{Title: "crowd", Timeline: &t}
}

func manyLayers(random *rand.Rand, source, arm, app string) simulate.Startup {
	s := simulate.Startup{Source: source, Arm: arm, App: app, Hit: matcher.PartialHit}
	count := map[string]int{simulate.ArmCold: 70, simulate.ArmCached: 8}[arm]
	var fetched, unpacked time.Duration
	for i := range count {
		bytes := int64(1e6 * random.ExpFloat64() * 20)
		fetch, unpack := time.Duration(bytes)*20, time.Duration(bytes)*30
		image, layer := fmt.Sprintf("registry.example/%s/part:%d", app, i%2), digestFor(fmt.Sprint(i))
		s.Spans = append(s.Spans, span(simulate.Fetch, image, layer, fetched, fetch, bytes), span(simulate.Unpack, image, layer, max(fetched+fetch, unpacked), unpack, 2*bytes))
		fetched += fetch
		unpacked = max(fetched, unpacked) + unpack
		s.FetchedBytes += bytes
	}
	s.Ready = unpacked + time.Duration(random.IntN(4e9))
	pull := unpacked
	s.Phases.Pull = &pull
	return s
}

// A plan may save nothing, cost nothing and know no bound.
func TestDegenerate(t *testing.T) {
	for _, p := range []*plan.Plan{
		{},
		{Baseline: "automatic", Verdict: "build", Caches: []plan.PlannedCache{{Name: "a"}}, Assignments: []plan.Assignment{{App: "a"}}, Totals: []plan.Total{{Arm: "automatic"}, {Arm: "planned"}}},
		{Baseline: "cold", Verdict: "prime", Reason: strings.Repeat("a long reason ", 20), GapFraction: 1},
	} {
		for _, timeline := range []*simulate.Timeline{nil, {}, {Startups: []simulate.Startup{{Source: simulate.Simulated, Arm: "cold", App: "a"}, {Source: simulate.Simulated, Arm: "cached", App: "a", Spans: []simulate.Span{{Phase: "sleep"}}}}}} {
			r := New(Input{Plan: p, Timeline: timeline})
			checkWidth(t, written(t, Text, r, Options{}))
			written(t, JSON, r, Options{})
			for _, chart := range all(parsed(t, r).root, "svg", "chart") {
				checkChart(t, "degenerate", chart)
			}
		}
	}
}

// Names break behind separators and between the words of a key, and numbers do not.
func TestSoftBreaks(t *testing.T) {
	for text, want := range map[string]string{
		"registry.example.com/shop/web:1.4.1": "registry.|example.|com/|shop/|web:|1.4.1",
		"start.provisionSeconds":              "start.|provision|Seconds",
		"short.name":                          "short.name",
		"imc-web-2026-09-of-team":             "imc-|web-|2026-|09-|of-|team",
		"1,234,567.25 of 100,000,000.00 kB":   "1,234,567.25 of 100,000,000.00 kB",
		"a<b&c/d.e<f>g:hhhhhh":                "a&lt;b&amp;c/|d.|e&lt;f&gt;g:|hhhhhh",
		"two words/ofsome length":             "two words/ofsome length",
		"":                                    "",
	} {
		if got := strings.ReplaceAll(string(soft(text)), "<wbr>", "|"); got != want {
			t.Errorf("%q breaks as %q, want %q", text, got, want)
		}
	}
	if got := string(tightHTML("5.00 s of network.registryBytesPerSecond and registry.example.com/batch/report:2026.11")); got != "5.00\u00a0s of network.registryBytesPerSecond and registry.<wbr>example.<wbr>com/<wbr>batch/<wbr>report:<wbr>2026.11" {
		t.Errorf("%q", got)
	}
}

// Articles and legends say what is there.
func TestWordsOfCharts(t *testing.T) {
	for name, want := range map[string]string{"cold": "a cold", "automatic": "an automatic", "Edge": "an Edge", "": "a "} {
		if got := withArticle(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	for name, c := range inputs() {
		for _, f := range viewOf(New(c.in)).charts(New(c.in)) {
			for _, k := range append(slices.Clone(f.legend), f.figure.Legend...) {
				for label, class := range map[string]string{"layers that all images have": "mark holds-all", "layers that several have": "mark holds-shared", "layers that one has alone": "mark holds-own", "caches before it": "before", "images before it": "before", "net lost by it": "mark a-automatic"} {
					if k.Label == label && !f.figure.Drawing.has(class) {
						t.Errorf("%s: the legend of %s has %q, and nothing is of it", name, f.name, label)
					}
				}
			}
		}
	}
	one, more := []simulate.Difference{{Repeats: 1}}, []simulate.Difference{{Repeats: 5}}
	if strings.Contains(differencesNote(one), "margin") || strings.Contains(differencesNote(one), "each repeat") || !strings.Contains(differencesNote(more), "margin") {
		t.Errorf("%q\n%q", differencesNote(one), differencesNote(more))
	}
}
