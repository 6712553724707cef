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

	"golang.org/x/net/html"

	"github.com/cachebench/cachebench/internal/picture"
)

// TestPlots: every chart of the page is a plot, and no more; each is a drawing that stands
// alone, as its own reader sees it, and can be drawn as a picture.
func TestPlots(t *testing.T) {
	list := inputs()
	list["outage"] = struct {
		in     Input
		charts int
	}{outage(), 5}
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
			for i, p := range plots {
				if taken[p.Name] || !name.MatchString(p.Name) {
					t.Errorf("plot %q: the name is taken or not of a file", p.Name)
				}
				taken[p.Name] = true
				standsAlone(t, &p)
				if i == 0 || shape == "hostile" || shape == "outage" {
					drawn(t, &p)
				}
				for _, chart := range charts {
					for _, text := range all(chart, "text", "") {
						if title := all(chart, "title", ""); textOf(title[0]) == p.Title && !strings.Contains(visible(t, &p), strings.Fields(ownText(text))[0]) {
							t.Errorf("plot %s lacks the chart's text %q", p.Name, ownText(text))
						}
					}
				}
			}
		})
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
	data, err := picture.PNG(p.SVG, 1)
	if err != nil {
		t.Fatalf("plot %s: %v", p.Name, err)
	}
	again, _ := picture.PNG(p.SVG, 1)
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
