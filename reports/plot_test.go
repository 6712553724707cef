package reports

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"

	"github.com/cachebench/cachebench/internal/picture"
	"github.com/cachebench/cachebench/simulate"
)

// TestPlots: every chart of the page is a plot, and no more; each is a drawing that stands
// alone, as its own reader sees it, and can be drawn as a picture.
func TestPlots(t *testing.T) {
	list := inputs()
	list["outage"] = struct {
		in     Input
		charts int
	}{outage(), 5}
	list["both"] = struct {
		in     Input
		charts int
	}{measuredToo(), 9}
	same := make(map[string]bool) // names of plots of which one is a picture
	name := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	for shape, in := range list {
		t.Run(shape, func(t *testing.T) {
			r := New(in.in)
			plots, err := Plots(r)
			if err != nil {
				t.Fatal(err)
			}
			charts := all(parsed(t, r).root, "svg", "chart")
			if len(plots) != len(charts) || len(plots) != in.charts {
				t.Errorf("%d plots of the %d charts of the page, want %d", len(plots), len(charts), in.charts)
			}
			taken := make(map[string]bool)
			for _, p := range plots {
				if taken[p.Name] || !name.MatchString(p.Name) {
					t.Errorf("plot %q: the name is taken or not of a file", p.Name)
				}
				taken[p.Name] = true
				standsAlone(t, &p)
				if shape == "hostile" || shape == "outage" || !same[p.Name] {
					drawn(t, &p)
				}
				same[p.Name] = true
				words := visible(t, &p)
				if !strings.HasPrefix(p.Name, "layers-") && !regexp.MustCompile(`\b(simulated|measured|estimated|replayed)\b`).MatchString(words) {
					t.Errorf("plot %s does not say where its numbers come from: %s", p.Name, words)
				}
				for _, chart := range charts {
					for _, text := range all(chart, "text", "") {
						if title := all(chart, "title", ""); printable(textOf(title[0])) == p.Title && !strings.Contains(visible(t, &p), strings.Fields(ownText(text))[0]) {
							t.Errorf("plot %s lacks the chart's text %q", p.Name, ownText(text))
						}
					}
				}
			}
		})
	}
}

// measuredToo is a report of starts that were measured as well, an eighth sooner.
func measuredToo() Input {
	in := shop(true)
	for _, s := range in.Timeline.Startups {
		s.Source, s.Spans = simulate.Measured, nil
		s.Ready -= s.Ready / 8
		in.Timeline.Startups = append(in.Timeline.Startups, s)
	}
	return in
}

// TestCalibrationPlots: the chart of a calibration's page is a plot.
func TestCalibrationPlots(t *testing.T) {
	plots, err := CalibrationPlots(calibrated())
	if err != nil || len(plots) != 1 || plots[0].Name != "simulated-measured" {
		t.Fatalf("%v, %d plots", err, len(plots))
	}
	standsAlone(t, &plots[0])
	drawn(t, &plots[0])
	for _, want := range []string{"Predicted against measured time to ready, by arm", "profile containerd-calibrated", "seed 1"} {
		if words := visible(t, &plots[0]); !strings.Contains(words, want) {
			t.Errorf("no %q in %s", want, words)
		}
	}
}

// TestPlotTitle: a title can be written to a terminal, whatever an app is called.
func TestPlotTitle(t *testing.T) {
	in := outage()
	in.Timeline.Startups[0].App = "web\x1b]0;owned\x07\x1b[31m\u202eRED"
	plots, err := Plots(New(in))
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, p := range plots {
		found = found || strings.Contains(p.Title, "RED")
		for _, r := range p.Title {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Errorf("plot %s has %U in its title %q", p.Name, r, p.Title)
			}
		}
	}
	if !found {
		t.Error("no title has the app's name")
	}
}

// ownText is the text of an element without its tooltip.
func ownText(n *html.Node) string {
	text := textOf(n)
	for _, tip := range all(n, "title", "") {
		text = strings.TrimSuffix(text, textOf(tip))
	}
	return text + " ."
}

// visible is what an SVG writes, read by another reader than the charts' own.
func visible(t *testing.T, p *Plot) string {
	t.Helper()
	var b strings.Builder
	decoder := xml.NewDecoder(bytes.NewReader(p.SVG))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return strings.Join(strings.Fields(b.String()), " ")
		}
		if err != nil {
			t.Fatalf("plot %s is not XML: %v", p.Name, err)
		}
		if text, ok := token.(xml.CharData); ok {
			b.Write(text)
			b.WriteByte(' ')
		}
	}
}

func standsAlone(t *testing.T, p *Plot) {
	t.Helper()
	for _, forbidden := range []string{"var(", "url(", "@", "<script", "href", "<image", "<foreignObject"} {
		if style := string(p.SVG[:bytes.Index(p.SVG, []byte("</style>"))]); strings.Contains(style, forbidden) || forbidden[0] == '<' && bytes.Contains(p.SVG, []byte(forbidden)) {
			t.Errorf("plot %s has %q", p.Name, forbidden)
		}
	}
	if p.Title == "" || !strings.Contains(visible(t, p), strings.Join(strings.Fields(p.Title), " ")[:10]) {
		t.Errorf("plot %s has no title: %q", p.Name, p.Title)
	}
	// What has a colour on the page has one here.
	rules := make(map[string]bool)
	for _, m := range regexp.MustCompile(`\.([a-z][a-z-]*)[ ,{]`).FindAllSubmatch(p.SVG, -1) {
		rules[string(m[1])] = true
	}
	for _, m := range regexp.MustCompile(`class="(?:mark |curve |ring |course |band )+([a-z-]+)`).FindAllSubmatch(p.SVG, -1) {
		if !rules[string(m[1])] {
			t.Errorf("plot %s has no style of %s", p.Name, m[1])
		}
	}
}

// drawn draws a plot as PNG: more than its paper, the same twice, as large as the SVG.
func drawn(t *testing.T, p *Plot) {
	t.Helper()
	data, _, err := picture.PNG(p.SVG, 1)
	if err != nil {
		t.Fatalf("plot %s: %v", p.Name, err)
	}
	again, _, _ := picture.PNG(p.SVG, 1)
	if !bytes.Equal(data, again) {
		t.Errorf("plot %s: another picture of the same drawing", p.Name)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if r, g, b, a := img.At(0, 0).RGBA(); min(r, g, b, a) != 0xffff {
		t.Errorf("plot %s: its paper is not white", p.Name)
	}
	colours := make(map[any]bool)
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y += 3 {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x += 3 {
			colours[img.At(x, y)] = true
		}
	}
	if len(colours) < 10 || img.Bounds().Dx() != plotWidth {
		t.Errorf("plot %s: %d colours, %d pixels wide", p.Name, len(colours), img.Bounds().Dx())
	}
}

// TestChartRules: what a style sheet says of drawings, with variables in their places.
func TestChartRules(t *testing.T) {
	rules := chartRules(`/* a { } */ :root { --ink: #111; --cold: #222; }
.a, .b.c { fill: var(--cold); stroke-width: 2 } .chart text { fill: var(--ink); }`)
	style := chartStyle(rules, `<svg class="a b">`)
	if want := "\n.a { fill: #222; stroke-width: 2 }\n"; style != want {
		t.Errorf("got %q, want %q", style, want)
	}
}

// TestMargins: the page's style sheet and the plots leave the same margins.
func TestMargins(t *testing.T) {
	style, err := os.ReadFile("templates/page.css")
	if err != nil {
		t.Fatal(err)
	}
	for class, m := range margins {
		want := fmt.Sprintf(".%s { margin-left: %gpx; width: calc(100%% - %gpx); }", class, m[0], m[0]+m[1])
		if !strings.Contains(string(style), want) {
			t.Errorf("page.css has no %s", want)
		}
	}
}
