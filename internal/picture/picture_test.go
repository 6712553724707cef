package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"
)

func draw(t *testing.T, svg string, scale float64) image.Image {
	t.Helper()
	data, _, err := PNG([]byte(svg), scale)
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func page(style, body string) string {
	return `<svg xmlns="http://www.w3.org/2000/svg" width="100" height="50"><style>` + style + `</style><rect width="100%" height="100%" fill="#ffffff"></rect>` + body + `</svg>`
}

// at is the colour of the pixel about a point, as #rrggbb.
func at(img image.Image, x, y int) string {
	c := color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)
	const digits = "0123456789abcdef"
	var b strings.Builder
	b.WriteByte('#')
	for _, v := range []uint8{c.R, c.G, c.B} {
		b.WriteByte(digits[v>>4])
		b.WriteByte(digits[v&15])
	}
	return b.String()
}

// TestPlaces: where shapes are, worked out by hand from the rules of SVG.
func TestPlaces(t *testing.T) {
	for _, test := range []struct {
		name, style, body string
		want              map[[2]int]string // colours at points of a picture of 200 times 100
	}{
		{"percentages", ".r { fill: #ff0000 }", `<rect class="r" x="50%" y="10" width="25%" height="20"></rect>`,
			map[[2]int]string{{102, 22}: "#ff0000", {148, 58}: "#ff0000", {98, 40}: "#ffffff", {152, 40}: "#ffffff", {120, 62}: "#ffffff", {120, 18}: "#ffffff"}},
		{"a drawing within another", "", `<svg x="10" y="10" width="40" height="20" overflow="visible"><rect x="50%" width="50%" height="100%" fill="#0000ff"></rect><rect x="-5" width="5" height="5" fill="#00ff00"></rect></svg>`,
			map[[2]int]string{{62, 22}: "#0000ff", {98, 58}: "#0000ff", {58, 40}: "#ffffff", {102, 40}: "#ffffff", {15, 25}: "#00ff00"}},
		{"stretched to a view box", ".c { fill: none; stroke: #000000; stroke-width: 4; vector-effect: non-scaling-stroke }",
			`<svg x="0" y="0" width="100%" height="100%" viewBox="0 0 1000 1000" preserveAspectRatio="none" overflow="visible"><path class="c" d="M0 500H500V1000"></path></svg>`,
			map[[2]int]string{{50, 50}: "#000000", {50, 47}: "#000000", {50, 53}: "#000000", {50, 44}: "#ffffff", {50, 56}: "#ffffff", {100, 80}: "#000000", {94, 80}: "#ffffff", {150, 50}: "#ffffff"}},
		{"a view box that keeps its shape", "", `<svg x="0" y="0" width="100" height="50" viewBox="-10 -10 20 20" overflow="visible"><circle cx="0" cy="0" r="5" fill="#00ff00"></circle></svg>`,
			map[[2]int]string{{100, 50}: "#00ff00", {122, 50}: "#00ff00", {128, 50}: "#ffffff", {100, 28}: "#00ff00", {100, 22}: "#ffffff"}},
		{"opacity", "", `<rect width="100" height="50" fill="#000000" fill-opacity="0.5"></rect>`, map[[2]int]string{{50, 50}: "#7f7f7f"}},
		{"the rule of more classes wins, wherever it stands", ".g .a.b { fill: #00ff00 } .a { fill: #ff0000 }", `<g class="g"><rect class="a b" width="50" height="50"></rect><rect class="a" x="50" width="50" height="50"></rect></g>`,
			map[[2]int]string{{50, 50}: "#00ff00", {150, 50}: "#ff0000"}},
		{"dashes", ".d { stroke: #000000; stroke-width: 10; stroke-dasharray: 20 30 }", `<line class="d" x1="0" y1="25" x2="100" y2="25"></line>`,
			map[[2]int]string{{20, 50}: "#000000", {38, 50}: "#000000", {44, 50}: "#ffffff", {98, 50}: "#ffffff", {102, 50}: "#000000"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			img := draw(t, page(test.style, test.body), 2)
			if img.Bounds().Dx() != 200 || img.Bounds().Dy() != 100 {
				t.Fatalf("a picture of %v", img.Bounds())
			}
			for p, want := range test.want {
				if got := at(img, p[0], p[1]); got != want && !(want == "#7f7f7f" && got == "#808080") {
					t.Errorf("at %v: %s, want %s", p, got, want)
				}
			}
		})
	}
}

// ink returns where letters are: the box of all pixels that are not white.
func ink(img image.Image) image.Rectangle {
	var box image.Rectangle
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			if at(img, x, y) != "#ffffff" {
				box = box.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return box
}

// TestText: text stands on its baseline, at the side of its place that its anchor says; the
// widths are those that the fonts state: an H of Liberation Sans is 1479 of 2048 wide.
func TestText(t *testing.T) {
	const advance = 20.0 * 1479 / 2048
	for anchor, want := range map[string][2]float64{"start": {50, 50 + 2*advance}, "middle": {50 - advance, 50 + advance}, "end": {50 - 2*advance, 50}} {
		box := ink(draw(t, page("", `<text x="50%" y="30" font-size="20" text-anchor="`+anchor+`"> H<tspan>H </tspan><title>tip</title></text>`), 4))
		// The bearing of an H is about a tenth of its width.
		if from, to := float64(box.Min.X)/4, float64(box.Max.X)/4; from < want[0] || from > want[0]+2.5 || to > want[1] || to < want[1]-2.5 {
			t.Errorf("anchor %s: ink from %.1f to %.1f, want within %.1f to %.1f", anchor, from, to, want[0], want[1])
		}
		// An H is 1409 of 2048 high.
		if top, bottom := float64(box.Min.Y)/4, float64(box.Max.Y)/4; bottom != 30 || top < 30-20*1409.0/2048-.5 || top > 30-20*1409.0/2048+.5 {
			t.Errorf("anchor %s: ink from %.2f down to %.2f, want from %.2f to 30", anchor, top, bottom, 30-20*1409.0/2048)
		}
	}
}

// TestMissing: letters that the fonts have not are told, each once, in order; a letter in a
// tooltip is not drawn.
func TestMissing(t *testing.T) {
	for text, want := range map[string]string{"web é Ω ж –…": "", "订单 web 单<tspan>🚀</tspan><title>服</title>": "单订🚀"} {
		_, missing, err := PNG([]byte(page("", "<text y=\"20\">"+text+"</text>")), 1)
		if err != nil || string(missing) != want {
			t.Errorf("%s: %q is missing, %v; want %q", text, string(missing), err, want)
		}
	}
}

// TestUnknown: what is not known is an error, not a gap in the picture.
func TestUnknown(t *testing.T) {
	for body, want := range map[string]string{
		`<ellipse></ellipse>`:                       "element ellipse is not known",
		`<rect transform="rotate(3)"></rect>`:       "attribute transform is not known",
		`<rect width="3em"></rect>`:                 `width="3em": not a number`,
		`<rect fill="url(#a)"></rect>`:              "fill: url(#a): not a colour",
		`<path d="M0 0A1 1 0 0 0 3 3"></path>`:      `command 'A' is not known`,
		`<path d="M0"></path>`:                      `command 'M' has 1 numbers`,
		`<svg width="5" height="5"></svg>`:          "clipping is not known",
		`<text><tspan x="3">a</tspan></text>`:       "element tspan: attribute x is not known",
		`<rect style="mix-blend-mode: hue"></rect>`: "mix-blend-mode: hue: not known",
	} {
		if _, _, err := PNG([]byte(page("", body)), 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", body, err, want)
		}
	}
	for style, want := range map[string]string{"a > b { fill: #000 }": "selector", "@media print { }": "selector", ".a { fill }": "declares nothing", ".a": "begins no rule"} {
		if _, _, err := PNG([]byte(page(style, "")), 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", style, err, want)
		}
	}
	for _, svg := range []string{"", "<a/>", "<svg>", `<svg width="0" height="1"/>`, `<svg width="1e9" height="1e9"/>`} {
		if _, _, err := PNG([]byte(svg), 1); err == nil {
			t.Errorf("%q is drawn", svg)
		}
	}
}
