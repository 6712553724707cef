package reports

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// widths are those of a phone, a tablet and a screen.
var widths = []int{400, 900, 1600}

// browserPage is a page, with the number of its charts.
type browserPage struct {
	data   []byte
	charts int
}

// browserPages are pages of every kind of result that has one.
func browserPages(t *testing.T) map[string]browserPage {
	t.Helper()
	pages := make(map[string]browserPage)
	add := func(name string, charts int, data []byte, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		pages[name] = browserPage{data, charts}
	}
	for name, c := range inputs() {
		data, err := page(New(c.in))
		add(name, c.charts, data, err)
	}
	data, err := calibrationPage(calibrated())
	add("calibration", 1, data, err)
	data, err = page(New(Input{Timeline: measuredTimeline()}))
	add("measured", 1, data, err)
	diffs, _ := savedDiffs(t)
	for name, d := range diffs {
		data, err = diffPage(d)
		add("diff "+name, 1, data, err)
	}
	data, err = comparisonPage(comparedStarts())
	add("comparison", 0, data, err)
	same := comparedStarts()
	for i := range same.Changes {
		x := &same.Changes[i]
		x.State, x.New = ChangeSame, x.Old
	}
	data, err = comparisonPage(same)
	add("comparison without a difference", 0, data, err)
	data, err = capacityPage(answer())
	add("capacity", len(answer().Curves)+1, data, err)
	return pages
}

// comparedStarts is a Comparison of the starts of some apps, of which half differ.
func comparedStarts() *Comparison {
	c := &Comparison{Old: ComparedResult{File: "old.json"}, New: ComparedResult{File: "new.json"}, Alpha: 0.05, Confidence: 0.95, Doubts: []string{"The seed differs: OLD's is 1, NEW's is 2."}}
	for i := range 30 {
		name := fmt.Sprintf("registry.example.com/team-%d/service-with-a-long-name-%d:2026.11", i%4, i)
		x := Change{Name: name, App: name, Figure: UnitStartup, Unit: UnitSeconds, Test: TestExact, State: ChangeSame, Old: &Compared{Value: 10 + float64(i)}, New: &Compared{Value: 10 + float64(i)}}
		if i%2 == 1 {
			x.State, x.New = ChangeDiffers, &Compared{Value: 11.5 + float64(i)}
			x.Relative = ptr(1.5 / (10 + float64(i)))
		}
		c.Changes = append(c.Changes, x)
	}
	return c
}

// Every page is quiet in a browser, has something in each chart, and does not need to be
// scrolled sideways.
func TestBrowserPages(t *testing.T) {
	b := startBrowser(t)
	for name, p := range browserPages(t) {
		b.open(p.data, widths[0])
		for _, width := range widths {
			b.width(width)
			var wide []int
			b.eval(`[document.documentElement.scrollWidth, document.documentElement.clientWidth]`, &wide)
			if wide[0] > wide[1] {
				t.Errorf("%s: the page is %d pixels wide in a window of %d", name, wide[0], wide[1])
			}
			var charts []struct {
				ID            string
				Width, Height float64
				Marks, Empty  int
			}
			b.eval(`[...document.querySelectorAll("svg.chart")].map(c => { const box = c.getBoundingClientRect(); const marks = [...c.querySelectorAll(".mark")];
				return {id: c.id, width: box.width, height: box.height, marks: marks.filter(m => { const r = m.getBoundingClientRect(); return r.width + r.height > 0 }).length} })`, &charts)
			if len(charts) != p.charts {
				t.Errorf("%s: %d charts, want %d", name, len(charts), p.charts)
			}
			for _, chart := range charts {
				if chart.Width < 100 || chart.Height < 20 || chart.Marks == 0 {
					t.Errorf("%s, %d wide: chart %s is %g by %g pixels with %d marks to be seen", name, width, chart.ID, chart.Width, chart.Height, chart.Marks)
				}
			}
		}
		// Nothing that is written is hard to read, by day and by night.
		for _, scheme := range []string{"light", "dark"} {
			b.scheme(scheme)
			var faint []string
			b.eval(faintTexts, &faint)
			if len(faint) > 0 {
				t.Errorf("%s, %s: %d texts are too faint, as %q", name, scheme, len(faint), faint[:min(len(faint), 5)])
			}
		}
		b.checkQuiet(name)
	}
}

// faintTexts lists what is written with a contrast below 4.5:1 to what is behind it.
const faintTexts = `(() => {
	for (const d of document.querySelectorAll("details")) d.open = true;
	const parse = (c) => {
		const n = (c.match(/[\d.]+/g) ?? []).map(Number), k = c.startsWith("color(srgb") ? 255 : 1;
		return { rgb: n.slice(0, 3).map((v) => v * k), a: n.length > 3 ? n[3] : 1 };
	};
	const over = (top, below) => top.rgb.map((v, i) => v * top.a + below[i] * (1 - top.a));
	const behind = (e) => {
		const layers = [];
		for (; e; e = e.parentElement) layers.push(parse(getComputedStyle(e).backgroundColor));
		return layers.reduceRight((below, l) => over(l, below), [255, 255, 255]);
	};
	const light = (rgb) => {
		const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let t = walker.nextNode(); t; t = walker.nextNode()) {
		const e = t.parentElement, style = getComputedStyle(e);
		if (!t.textContent.trim() || e.closest("script, title, desc") || e.closest("[aria-disabled=true]") || !e.getClientRects().length) continue;
		let opacity = 1;
		for (let p = e; p; p = p.parentElement) opacity *= parseFloat(getComputedStyle(p).opacity);
		const below = behind(e), ink = parse(e.closest("svg") ? style.fill : style.color);
		ink.a *= opacity;
		const a = light(over(ink, below)), b = light(below), contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		if (contrast < 4.5) found.push(contrast.toFixed(2) + " " + t.textContent.trim().slice(0, 40));
	}
	return found;
})()`

// The cells of the tables that the browser shows are the Report's numbers.
func TestBrowserNumbers(t *testing.T) {
	b := startBrowser(t)
	r := New(shop(true))
	data, err := page(r)
	if err != nil {
		t.Fatal(err)
	}
	b.open(data, 1600)
	table := func(caption string) (rows [][]string) {
		b.eval(`[...[...document.querySelectorAll("table")].find(t => t.caption.textContent.startsWith(`+strconv.Quote(caption)+`)).tBodies[0].rows].map(r => [...r.cells].map(c => c.querySelector("data")?.value ?? c.textContent))`, &rows)
		return rows
	}
	rows := table("Startup times by arm")
	if len(rows) != len(r.Arms) {
		t.Fatalf("%d rows of %d arms", len(rows), len(r.Arms))
	}
	for i, s := range r.Arms {
		checkRow(t, rows[i][1:7], []string{strconv.Itoa(s.Starts), exact(s.P50.Seconds()), exact(s.P90.Seconds()), exact(s.P99.Seconds()), exact(s.Mean.Seconds()), exact(s.Slowest.Seconds())})
	}
	rows = table("Caches to build")
	if len(rows) != len(r.Plan.Caches) {
		t.Fatalf("%d rows of %d caches", len(rows), len(r.Plan.Caches))
	}
	for i, c := range r.Plan.Caches {
		checkRow(t, rows[i][3:5], []string{exact(c.SavedSeconds.Seconds()), exact(c.CumulativeSeconds.Seconds())})
	}
	rows = table("Time by which a share")
	for i, row := range rows {
		for k := range r.Distributions {
			fraction, _ := strconv.ParseFloat(row[0], 64)
			checkRow(t, row[k+1:], []string{exact(r.Distributions[k].Quantile(fraction).Seconds())})
		}
		if i > 25 {
			t.Fatal("more rows than fractions")
		}
	}
}

// The pages of a Diff, a Comparison and a Capacity show the numbers of their documents.
func TestBrowserDocuments(t *testing.T) {
	b := startBrowser(t)
	rows := func(caption string) (list [][]string) {
		t.Helper()
		b.eval(`[...document.querySelectorAll("table")].filter(t => t.caption.textContent.includes(`+strconv.Quote(caption)+`)).flatMap(t => [...t.tBodies[0].rows]).map(r => [...r.cells].map(c => c.querySelector("data")?.value ?? c.textContent))`, &list)
		return list
	}

	diffs, numbers := savedDiffs(t)
	for name, d := range diffs {
		b.open(diffBytes(t, HTML, d), 1600)
		n := numbers[name]
		list := rows("Figures")
		if len(list) != len(n.figures()) {
			t.Errorf("diff %s: %d figures", name, len(list))
		}
		for _, row := range list {
			want, ok := n.figures()[row[0]]
			if want[0] == "" {
				want[0] = "-"
			}
			if !ok || row[1] != want[0] || row[2] != want[1] {
				t.Errorf("diff %s: %q, want %q", name, row, want)
			}
		}
	}

	c := comparedStarts()
	var data bytes.Buffer
	if err := WriteComparison(&data, JSON, c, Options{}); err != nil {
		t.Fatal(err)
	}
	var written struct {
		Changes []struct {
			Name, State string
			Old, New    struct{ Value float64 }
		}
	}
	if err := json.Unmarshal(data.Bytes(), &written); err != nil || len(written.Changes) != 30 {
		t.Fatal(len(written.Changes), err)
	}
	html, err := comparisonPage(c)
	if err != nil {
		t.Fatal(err)
	}
	b.open(html, 1600)
	differ, same := rows("Figures"), rows("15 further figures are the same")
	if len(differ) != 15 || len(same) != 15 {
		t.Errorf("%d figures differ, %d are the same", len(differ), len(same))
	}
	var folded bool
	b.eval(`!document.querySelector("#compared details").open && !document.querySelector("#compared details table").checkVisibility()`, &folded)
	if !folded {
		t.Error("what is the same is not folded")
	}
	shown := make(map[string][]string)
	for _, row := range append(differ, same...) {
		shown[row[0]] = row
	}
	for _, x := range written.Changes {
		if row := shown[x.Name]; len(row) < 5 || row[2] != exact(x.Old.Value) || row[3] != exact(x.New.Value) || (x.State == ChangeSame) != (row[4] == "same") {
			t.Errorf("%+v is shown as %q", x, row)
		}
	}

	k := answer()
	data.Reset()
	if err := WriteCapacity(&data, JSON, k, Options{}); err != nil {
		t.Fatal(err)
	}
	var figures struct {
		Figures []struct {
			Name, Unit string
			Value      float64
		}
		Curves []struct {
			Title, XUnit, YUnit string
			Points              []struct{ X, Y *float64 }
		}
	}
	if err := json.Unmarshal(data.Bytes(), &figures); err != nil || len(figures.Figures) != 1 || len(figures.Curves) != 2 {
		t.Fatal(figures, err)
	}
	html, err = capacityPage(k)
	if err != nil {
		t.Fatal(err)
	}
	b.open(html, 1600)
	for i, f := range figures.Figures {
		if list := rows("Figures"); list[i][0] != f.Name || !strings.HasPrefix(list[i][1], CapacityAmount(f.Value, f.Unit)) {
			t.Errorf("%+v is shown as %q", f, list)
		}
	}
	for _, curve := range figures.Curves {
		list := rows(curve.Title)
		if len(list) != len(curve.Points) {
			t.Errorf("%d rows of %d points of %s", len(list), len(curve.Points), curve.Title)
			continue
		}
		for i, p := range curve.Points {
			if !strings.HasPrefix(list[i][0], CapacityAmount(*p.X, curve.XUnit)) || p.Y != nil && !strings.HasPrefix(list[i][1], CapacityAmount(*p.Y, curve.YUnit)) {
				t.Errorf("point %d of %s is shown as %q", i, curve.Title, list[i])
			}
		}
	}
}

// axNode is a node of the tree that Chromium gives to screen readers.
type axNode struct {
	ID                      string   `json:"nodeId"`
	Children                []string `json:"childIds"`
	Ignored                 bool
	Role, Name, Description struct{ Value string }
	Properties              []struct {
		Name  string
		Value struct{ Value any }
	}
}

func (n *axNode) property(name string) string {
	for _, p := range n.Properties {
		if p.Name == name {
			return fmt.Sprint(p.Value.Value)
		}
	}
	return ""
}

// Who cannot see the page is told the same: every chart has a name and a description, every
// table its caption and heads, every control its name and state, and headings and landmarks
// are in order.
func TestBrowserTree(t *testing.T) {
	b := startBrowser(t)
	for name, p := range browserPages(t) {
		b.open(p.data, 1200)
		b.eval(`for (const d of document.querySelectorAll("details")) d.open = true`, nil)
		var tree struct{ Nodes []axNode }
		b.call("Accessibility.getFullAXTree", nil, &tree)
		var onPage struct{ Tables, Toggles, Buttons int }
		b.eval(`({tables: document.querySelectorAll("table").length, toggles: document.querySelectorAll(".legend button").length, buttons: document.querySelectorAll("button").length})`, &onPage)
		checkTree(t, name, tree.Nodes, map[string]int{"chart": p.charts, "table": onPage.Tables, "toggle": onPage.Toggles, "button": onPage.Buttons, "main": 1, "banner": 1, "navigation": 1, "h1": 1})
	}
}

func checkTree(t *testing.T, name string, nodes []axNode, want map[string]int) {
	t.Helper()
	byID, found := make(map[string]*axNode), make(map[string]int)
	for i := range nodes {
		byID[nodes[i].ID] = &nodes[i]
	}
	level := 0
	var walk func(n *axNode)
	walk = func(n *axNode) {
		role := n.Role.Value
		if n.Ignored {
			role = ""
		}
		lacks := func(what string) { t.Errorf("%s: %s %q has no %s", name, role, n.Name.Value, what) }
		switch role {
		case "button", "link", "columnheader", "rowheader", "searchbox", "textbox", "navigation", "heading", "table", "DisclosureTriangle", "image", "img":
			if strings.TrimSpace(n.Name.Value) == "" && (name != "hostile" || role != "rowheader") { // an app there has none
				lacks("name")
			}
		}
		switch role {
		case "heading":
			now, _ := strconv.Atoi(n.property("level"))
			if now == 1 {
				found["h1"]++
			}
			if now > level+1 {
				t.Errorf("%s: heading %q of level %d follows one of level %d", name, n.Name.Value, now, level)
			}
			level = now
		case "group":
			if strings.HasPrefix(n.property("roledescription"), "chart") {
				found["chart"]++
				if n.Name.Value == "" || n.Description.Value == "" || n.Description.Value == n.Name.Value {
					lacks("name and description")
				}
			}
		case "button":
			found["button"]++
			if n.property("pressed") != "" {
				found["toggle"]++
			}
		case "row":
			heads := 0
			for _, id := range n.Children {
				if c := byID[id]; c != nil && (c.Role.Value == "columnheader" || c.Role.Value == "rowheader") {
					heads++
				}
			}
			if heads == 0 {
				lacks("head")
			}
		case "table", "main", "banner", "navigation":
			found[role]++
		}
		for _, id := range n.Children {
			if c := byID[id]; c != nil {
				walk(c)
			}
		}
	}
	walk(&nodes[0])
	for what, n := range want {
		if found[what] != n {
			t.Errorf("%s: a screen reader finds %d of %s, want %d", name, found[what], what, n)
		}
	}
}

// The rules of axe-core (make axe) find nothing, by day and by night.
func TestBrowserAxe(t *testing.T) {
	path := os.Getenv("CACHEBENCH_AXE")
	if path == "" {
		t.Skip("CACHEBENCH_AXE names no axe.min.js: make axe fetches one")
	}
	axe, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b := startBrowser(t)
	for name, p := range browserPages(t) {
		for _, scheme := range []string{"light", "dark"} {
			b.open(p.data, 1200)
			b.scheme(scheme)
			b.eval(`for (const d of document.querySelectorAll("details")) d.open = true`, nil)
			b.eval(string(axe)+";0", nil)
			var r struct {
				Passes     int
				Violations []string
			}
			b.eval(`axe.run(document, {rules: {"target-size": {enabled: true}}}).then(r => ({passes: r.passes.length, violations: r.violations.map(v => v.id + " (" + v.impact + "): " + v.help + ": " + v.nodes.slice(0, 3).map(n => n.html.slice(0, 200)).join(" | "))}))`, &r)
			if r.Passes < 30 {
				t.Errorf("%s, %s: only %d rules apply", name, scheme, r.Passes)
			}
			for _, v := range r.Violations {
				if name == "hostile" && strings.HasPrefix(v, "empty-table-header ") { // an app there has no name
					continue
				}
				t.Errorf("%s, %s: %s", name, scheme, v)
			}
		}
	}
}

// What the script adds works with the mouse and with keys.
func TestBrowserInteraction(t *testing.T) {
	b := startBrowser(t)
	data, err := page(New(shop(true)))
	if err != nil {
		t.Fatal(err)
	}
	b.open(data, 1600)
	one := func(expression string) (s string) {
		t.Helper()
		b.eval(`String(`+expression+`)`, &s)
		return s
	}
	expect := func(what, expression, want string) {
		t.Helper()
		if got := one(expression); got != want {
			t.Errorf("%s: %s is %s, want %s", what, expression, got, want)
		}
	}

	// An arm is hidden in every chart, and shown again by a key.
	const cold = `[...document.querySelectorAll("svg.chart [data-s=cold]")]`
	const visible = cold + `.filter(e => e.getBoundingClientRect().width + e.getBoundingClientRect().height > 0).length`
	before := one(visible)
	if n, _ := strconv.Atoi(before); n < 5 {
		t.Fatalf("%s marks of arm cold", before)
	}
	b.click(`#startups .legend [data-s=cold] button`)
	expect("hide an arm", visible, "0")
	expect("hide an arm", `document.querySelector("#apps .legend [data-s=cold] button").getAttribute("aria-pressed")`, "false")
	b.eval(`document.querySelector("#apps .legend [data-s=cold] button").focus()`, nil)
	b.press("Enter", 13)
	expect("show an arm", visible, before)

	// Zooming in makes the bar longer and the axis shorter; all brings it back.
	const bar = `document.querySelector("#chart-waterfall-1 rect.p-fetch")`
	width := one(bar + `.getAttribute("width")`)
	b.click(`#inside .tools button[aria-label="zoom in"]`)
	b.click(`#inside .tools button[aria-label="zoom in"]`)
	if one(bar+`.getAttribute("width")`) == width {
		t.Error("zooming in changes nothing")
	}
	expect("zoom", `document.querySelector("#inside .tools output").textContent.startsWith("all")`, "false")
	expect("zoom: ticks in view", `[...document.querySelectorAll("#chart-waterfall-1 text.tick:not(.away)")].length >= 3`, "true")
	// The arrow keys come only to marks that can be seen.
	b.click(`#inside .tools button[aria-label="zoom in"]`)
	b.eval(`document.querySelector("#chart-waterfall-1").focus()`, nil)
	for range 30 {
		b.press("ArrowRight", 39)
		expect("arrow keys in a part", `(() => { const e = document.querySelector("#chart-waterfall-1 .at"), r = e.getBoundingClientRect(); return e.tagName !== "rect" || r.width > 0 && r.height > 0 })()`, "true")
	}
	b.press("Escape", 27)
	b.click(`#inside .tools button[aria-label="all of the time"]`)
	expect("the whole again", `Math.abs(parseFloat(`+bar+`.getAttribute("width")) - `+strings.TrimSuffix(width, "%")+`) < 0.001`, "true")

	// Dragging over a part of the waterfall looks at it.
	b.middle("#chart-waterfall-1")
	var box []float64
	b.eval(`(() => { const r = document.querySelector("#chart-waterfall-1").getBoundingClientRect(); return [r.left, r.right, r.top + 30] })()`, &box)
	from, to := box[0]+0.25*(box[1]-box[0]), box[0]+0.75*(box[1]-box[0])
	b.mouse("mouseMoved", from, box[2])
	b.mouse("mousePressed", from, box[2])
	b.mouse("mouseMoved", to, box[2])
	b.mouse("mouseReleased", to, box[2])
	var end float64
	b.eval(`parseFloat(document.querySelector("#chart-waterfall-1").dataset.zoom)`, &end)
	said := one(`document.querySelector("#inside .tools output").textContent`)
	parts := strings.Fields(said)
	low, _ := strconv.ParseFloat(parts[0], 64)
	if len(parts) != 4 || low < 0.2*end || low > 0.3*end {
		t.Errorf("dragging from a quarter on of %g s shows %q", end, said)
	}
	b.click(`#inside .tools button[aria-label="all of the time"]`)

	// A tooltip with the mouse, and with the arrow keys; Escape hides it.
	x, y := b.middle("#chart-waterfall-1 rect.p-fetch")
	b.mouse("mouseMoved", x, y)
	expect("tooltip", `!document.querySelector("#tip").hidden && document.querySelector("#tip").textContent.startsWith("fetch: ")`, "true")
	b.eval(`document.querySelector("#chart-startups").focus()`, nil)
	b.press("ArrowRight", 39)
	first := one(`document.querySelector("#tip").textContent`)
	b.press("ArrowRight", 39)
	if second := one(`document.querySelector("#tip").textContent`); first == "" || second == "" || second == first {
		t.Errorf("the arrow key goes from %q to %q", first, second)
	}
	b.press("Escape", 27)
	expect("tooltip", `document.querySelector("#tip").hidden`, "true")

	// A table is sorted by exact values, and filtered by words.
	const apps = `[...document.querySelectorAll("#apps tbody tr")]`
	b.click(`#apps thead th:nth-child(2) button`)
	expect("sort", `(() => { const n = `+apps+`.map(r => parseFloat(r.cells[1].querySelector("data").value)); return n.every((v, i) => !i || n[i - 1] >= v) })()`, "true")
	expect("sort", `document.querySelector("#apps thead th:nth-child(2)").getAttribute("aria-sort")`, "descending")
	b.click(`#apps thead th:nth-child(2) button`)
	expect("sort again", `document.querySelector("#apps thead th:nth-child(2)").getAttribute("aria-sort")`, "ascending")

	// What is unknown stands last in both orders, here where bytes are of fetches alone.
	const spans = `[...document.querySelectorAll("#inside table")].find(t => [...t.tHead.rows[0].cells].some(h => h.textContent === "bytes"))`
	b.eval(`for (const d of document.querySelectorAll("#inside details")) d.open = true`, nil)
	for _, order := range []string{"descending", "ascending"} {
		b.eval(`[...`+spans+`.tHead.rows[0].cells].find(h => h.textContent === "bytes").querySelector("button").click()`, nil)
		expect("sort with unknown", `(() => { const t = `+spans+`, i = [...t.tHead.rows[0].cells].findIndex(h => h.textContent === "bytes"), known = [...t.tBodies[0].rows].map(r => r.cells[i].querySelector("data") !== null), n = known.filter(Boolean).length; return n > 0 && n < known.length && known.lastIndexOf(true) === n - 1 && t.tHead.rows[0].cells[i].getAttribute("aria-sort") })()`, order)
	}

	// The tab key comes to every control in turn, first to the link to the results.
	b.eval(`document.activeElement.blur(); window.scrollTo(0, 0)`, nil)
	var reached []string
	seen := make(map[string]bool)
	b.eval(`getSelection().collapse(document.body, 0)`, nil)
	for range 400 {
		b.press("Tab", 9)
		at := one(`(() => { const e = document.activeElement; e.dataset.n ??= String(Math.random()); const c = getComputedStyle(e); return e.dataset.n + "|" + e.tagName + (e.id ? "#" + e.id : "") + " " + (e.getAttribute("aria-label") ?? e.textContent).slice(0, 20) + "|" + (e === document.body || c.outlineStyle !== "none") })()`)
		f := strings.Split(at, "|")
		if f[len(f)-1] != "true" {
			t.Errorf("%s has no outline when it has the focus", f[1])
		}
		if seen[f[0]] {
			break
		}
		seen[f[0]] = true
		reached = append(reached, f[1])
	}
	all := strings.Join(reached, "\n")
	for _, want := range []string{"A Skip", "svg#chart-startups", "svg#chart-waterfall-1", "BUTTON zoom in", "SUMMARY", "BUTTON cold"} {
		if !strings.Contains(all, want) {
			t.Errorf("the tab key does not come to %q, but to\n%s", want, all)
		}
	}
	b.checkQuiet("shop")
}

// A long table has a filter.
func TestBrowserFilter(t *testing.T) {
	b := startBrowser(t)
	data, err := page(New(crowd()))
	if err != nil {
		t.Fatal(err)
	}
	b.open(data, 900)
	var got []int
	b.eval(`(() => {
		const box = document.querySelector("input[aria-label^='Filter: Startup times by app and arm']"), table = box.closest(".tools").nextElementSibling.querySelector("table");
		for (const d of document.querySelectorAll("details")) d.open = true;
		const open = () => [...table.tBodies[0].rows].filter(r => r.getBoundingClientRect().height > 0);
		const all = open().length;
		box.value = "TEAM-3 service";
		box.dispatchEvent(new Event("input"));
		const left = open();
		const right = left.every(r => r.textContent.includes("team-3"));
		const said = parseInt(box.nextElementSibling.textContent);
		box.value = "";
		box.dispatchEvent(new Event("input"));
		return [all, left.length, +right, said, open().length];
	})()`, &got)
	if got[1] == 0 || got[1] >= got[0] || got[2] != 1 || got[3] != got[1] || got[4] != got[0] {
		t.Errorf("of %d rows the filter leaves %d (right: %d), says %d, and %d without words", got[0], got[1], got[2], got[3], got[4])
	}
	b.checkQuiet("crowd")
}

// On paper are all charts and the tables that are not folded, of long ones the first rows
// and how many more there are; what a reader has opened is there, too.
func TestBrowserPrints(t *testing.T) {
	b := startBrowser(t)
	data, err := page(New(crowd()))
	if err != nil {
		t.Fatal(err)
	}
	b.open(data, 900)
	b.call("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
	const hidden = `[...document.querySelectorAll("table, svg.chart")].filter(e => !e.checkVisibility() || !e.getBoundingClientRect().height)`
	var folded []bool
	b.eval(hidden+`.map(e => e.closest("details:not([open])") !== null)`, &folded)
	if len(folded) == 0 || slices.Contains(folded, false) {
		t.Errorf("not on paper: %v", folded)
	}
	var summary string
	b.eval(`getComputedStyle(document.querySelector("details:not([open]) > summary"), "::after").content`, &summary)
	if !strings.Contains(summary, "folded") {
		t.Errorf("a folded table is told as %s", summary)
	}
	var heads string
	if b.eval(`getComputedStyle(document.querySelector("thead button")).display`, &heads); heads != "contents" {
		t.Errorf("the heads of a table that goes on are buttons on paper (%s): Chromium leaves out their words", heads)
	}
	b.eval(`for (const d of document.querySelectorAll("details")) d.open = true`, nil)
	folded = nil
	if b.eval(hidden+`.map(() => true)`, &folded); len(folded) > 0 {
		t.Errorf("%d opened tables are not on paper", len(folded))
	}
	var cut [][]int
	b.eval(`[...document.querySelectorAll("table:not(.matrix)")].map(t => [t.tBodies[0].rows.length, [...t.tBodies[0].rows].filter(r => r.getBoundingClientRect().height).length, parseInt(t.parentNode.nextElementSibling?.matches(".on-paper") ? t.parentNode.nextElementSibling.textContent : "0")])`, &cut)
	long := 0
	for _, n := range cut {
		if n[0] > maxPaperRows {
			long++
		}
		if n[1] != min(n[0], maxPaperRows) || n[2] != n[0]-n[1] {
			t.Errorf("of %d rows %d are on paper, and %d more are told", n[0], n[1], n[2])
		}
	}
	if long == 0 {
		t.Error("no table is long")
	}
	var tools int
	b.eval(`[...document.querySelectorAll("nav, .tools")].filter(e => e.getBoundingClientRect().height).length`, &tools)
	if tools > 0 {
		t.Errorf("%d controls on paper", tools)
	}
	b.scheme("dark")
	var told int
	b.eval(`[...document.querySelectorAll(".on-paper")].filter(e => e.getBoundingClientRect().height).length`, &told)
	if told > 0 {
		t.Errorf("the screen says %d times what is not on paper", told)
	}
	var colour string
	b.eval(`getComputedStyle(document.body).backgroundColor`, &colour)
	if colour != "rgb(15, 20, 25)" {
		t.Errorf("in the dark the page is %s", colour)
	}
}
