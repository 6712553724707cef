package reports

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

// Each chart is a well-formed file by itself, with its title, its style and its legend.
func TestFigureFiles(t *testing.T) {
	for name, c := range inputs() {
		names := make(map[string]bool)
		list := viewOf(New(c.in)).figures()
		if len(list) != c.charts {
			t.Errorf("%s: %d figures, want %d", name, len(list), c.charts)
		}
		for _, f := range list {
			if names[f.svgName()] {
				t.Errorf("%s: two figures are called %s", name, f.svgName())
			}
			names[f.svgName()] = true
			data, err := f.file(900)
			if err != nil {
				t.Fatal(err)
			}
			text := ""
			for d := xml.NewDecoder(strings.NewReader(string(data))); ; {
				token, err := d.Token()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatalf("%s, %s: %v", name, f.svgName(), err)
				}
				if chars, ok := token.(xml.CharData); ok {
					text += string(chars) + "\n"
				}
			}
			for _, k := range f.Legend {
				if !strings.Contains(text, k.Label) {
					t.Errorf("%s, %s: no %q of the legend", name, f.svgName(), k.Label)
				}
			}
			if !strings.Contains(text, f.Drawing.Title) || !strings.Contains(text, "--cached:") {
				t.Errorf("%s, %s: no title or no style", name, f.svgName())
			}
		}
	}
}

// The page's style sheet and the files leave the same margins.
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
