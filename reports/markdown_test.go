package reports

import (
	"bytes"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// rendered is Markdown as GitHub's dialect shows it, by an implementation of
// others.
func rendered(t testing.TB, markdown []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := goldmark.New(goldmark.WithExtensions(extension.GFM)).Convert(markdown, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// hostileNames are names that would be markup, a mention, a link or another line.
var hostileNames = []string{
	"a|b", "`", "``", "a`b``c", "`code`", "<script>alert(1)</script>", "<!-- x -->", "-->", "@team #1 https://example.com",
	"**bold** _it_ [l](javascript:x) ![i](x)", "a\n\n# head\n- item", "\u202egnp.exe", " ", "", "\\`", "\x1b[31m", "a\u2028b", "&lt;", "a\xffb",
}

// code are the code spans of a page.
var code = regexp.MustCompile(`(?s)<code>(.*?)</code>`)

func TestCodeSpan(t *testing.T) {
	for _, name := range hostileNames {
		checkCodeSpan(t, name)
	}
}

func FuzzCodeSpan(f *testing.F) {
	for _, name := range hostileNames {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) { checkCodeSpan(t, name) })
}

// checkCodeSpan wants the name alone in one code span, in a line and in the cell
// of a table.
func checkCodeSpan(t *testing.T, name string) {
	t.Helper()
	want := strings.ReplaceAll(strings.Join(strings.Fields(printable(name)), " "), "|", "¦")
	span := codeSpan(name)
	if want == "" {
		if span != "(empty)" {
			t.Errorf("%q is %q", name, span)
		}
		return
	}
	for _, page := range []string{rendered(t, []byte("- x "+span+" y\n")), rendered(t, []byte("| a | b |\n|---|---|\n| "+span+" | y |\n"))} {
		found := code.FindAllStringSubmatch(page, -1)
		if len(found) != 1 || html.UnescapeString(found[0][1]) != want {
			t.Errorf("%q is written %q and shown as %q, want %q", name, span, page, want)
		}
		rest := code.ReplaceAllString(page, "")
		if strings.Count(page, "y") == 0 || strings.ContainsAny(rest, "@#!") {
			t.Errorf("%q leaves %q outside of its span", name, rest)
		}
	}
}

// TestDiffMarkdown: whatever the names are, the comment is a headline and a list
// of four items with only their code in it, and says the verdict to programs.
func TestDiffMarkdown(t *testing.T) {
	tags := regexp.MustCompile(`<[^>]*>`)
	for _, name := range hostileNames {
		d := &Diff{
			Old:      DiffImage{Reference: name, Platform: name, Digest: "sha256:a"},
			New:      DiffImage{Reference: name, Platform: name, Digest: "sha256:b", Cold: DiffStart{Ready: time.Second}},
			Layers:   []DiffLayer{{State: LayerNew, CreatedBy: name, Digest: "sha256:c"}},
			ByDigest: DiffLoad{FetchLayers: 1, FetchBytes: 3, UnpackLayers: 1, UnpackBytes: 4},
			Parting:  &Parting{Layer: 1, NewCreatedBy: name},
			Gate:     Judge([]Rule{{Name: "cold-sec", Unit: UnitSeconds, Op: AtMost, Amount: 2}}, []Figure{{Name: "cold-sec", Unit: UnitSeconds, Value: 1}}),
		}
		d.Provenance.Profile = name
		markdown := diffMarkdown(d)
		if lines := strings.Split(strings.TrimSpace(string(markdown)), "\n"); len(lines) != 8 {
			t.Errorf("%q makes %d lines:\n%s", name, len(lines), markdown)
		}
		page := rendered(t, markdown)
		if n := strings.Count(page, "<li>"); n != 4 {
			t.Errorf("%q makes %d items: %s", name, n, page)
		}
		for _, tag := range tags.FindAllString(page, -1) {
			switch strings.Trim(tag, "</>") {
			case "p", "strong", "ul", "li", "code":
			case "!-- raw HTML omitted --":
			default:
				t.Errorf("%q brings in %s", name, tag)
			}
		}
		if !bytes.HasSuffix(markdown, []byte("<!-- "+d.Gate.Line()+" -->\n")) {
			t.Errorf("%q: no verdict at the end of %s", name, markdown)
		}
	}
}
