package reports

import (
	"strconv"
	"strings"
	"testing"
)

// widths are those of a phone, a tablet and a screen.
var widths = []int{400, 900, 1600}

// Every page is quiet in a browser, has something in each chart, and does not need to be
// scrolled sideways.
func TestBrowserPages(t *testing.T) {
	b := startBrowser(t)
	views, want := map[string]*view{"calibration": calibrationView(calibrated())}, map[string]int{"calibration": 1}
	for name, c := range inputs() {
		views[name], want[name] = viewOf(New(c.in)), c.charts
	}
	for name, v := range views {
		page, err := v.page()
		if err != nil {
			t.Fatal(err)
		}
		b.open(page, widths[0])
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
			if len(charts) != want[name] {
				t.Errorf("%s: %d charts, want %d", name, len(charts), want[name])
			}
			for _, chart := range charts {
				if chart.Width < 100 || chart.Height < 20 || chart.Marks == 0 {
					t.Errorf("%s, %d wide: chart %s is %g by %g pixels with %d marks to be seen", name, width, chart.ID, chart.Width, chart.Height, chart.Marks)
				}
			}
		}
		b.checkQuiet(name)
	}
}

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
	b.click(`#inside .tools button[aria-label="the whole time"]`)
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
	b.click(`#inside .tools button[aria-label="the whole time"]`)

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

// A reader without the script, or on paper, has all tables and charts.
func TestBrowserPrints(t *testing.T) {
	b := startBrowser(t)
	data, err := page(New(shop(true)))
	if err != nil {
		t.Fatal(err)
	}
	b.open(data, 900)
	b.call("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
	var hidden []string
	b.eval(`[...document.querySelectorAll("table, svg.chart")].filter(e => !e.getBoundingClientRect().height).map(e => e.id || e.caption.textContent)`, &hidden)
	if len(hidden) > 0 {
		t.Errorf("not on paper: %q", hidden)
	}
	var tools int
	b.eval(`[...document.querySelectorAll("nav, .tools")].filter(e => e.getBoundingClientRect().height).length`, &tools)
	if tools > 0 {
		t.Errorf("%d controls on paper", tools)
	}
	b.call("Emulation.setEmulatedMedia", map[string]any{"media": "screen", "features": []map[string]string{{"name": "prefers-color-scheme", "value": "dark"}}}, nil)
	var colour string
	b.eval(`getComputedStyle(document.body).backgroundColor`, &colour)
	if colour != "rgb(15, 20, 25)" {
		t.Errorf("in the dark the page is %s", colour)
	}
}
