package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/cachebench/cachebench/internal/golden"
	"github.com/cachebench/cachebench/internal/race"
)

// A documentPage is a page of the project's documents, and the commands that it shows.
type documentPage struct {
	name     string // below the project's directory
	lines    []string
	commands []*documentCommand
}

// A documentCommand is one that a page shows.
type documentCommand struct {
	text    string // one logical line, as a shell takes it
	line    int    // where it begins, from 1
	console bool   // what it prints is shown: the lines from out to end
	out     int    // indexes of lines
	end     int
	how     handling
}

// documentPrograms begin the lines of indented blocks that are commands.
var documentPrograms = []string{
	"aliyun", "benchstat", "cachebench", "cd", "cp", "ctr", "curl", "export", "git", "go", "helm", "kubectl", "make", "mkdir", "time", "xargs",
}

// notCommands are the first words of indented blocks that are none.
var notCommands = []string{"#", "apiVersion:", "func", "layer", "roundTrip", "rules", "verdict:"}

// fence begins or ends a block; its text is what the block holds.
var fence = regexp.MustCompile("^ *```+ *([a-z-]*)")

// readPage finds the commands of a page: the lines after "$ " of a block with what they
// print (console, or without a name), all lines of a block of a shell, and indented lines.
func readPage(root, name string) (*documentPage, error) {
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return nil, err
	}
	p := &documentPage{name: name, lines: strings.Split(string(text), "\n")}
	for i := 0; i < len(p.lines); i++ {
		if m := fence.FindStringSubmatch(p.lines[i]); m != nil {
			end := i + 1
			for end < len(p.lines) && !fence.MatchString(p.lines[end]) {
				end++
			}
			if end == len(p.lines) {
				return nil, fmt.Errorf("%s:%d: a block is not closed", name, i+1)
			}
			switch {
			case m[1] == "console", m[1] == "" && strings.HasPrefix(p.lines[i+1], "$ "):
				p.console(i+1, end)
			case m[1] == "sh", m[1] == "bash", m[1] == "shell":
				p.script(i+1, end, 0)
			}
			i = end
			continue
		}
		const indent = "    "
		if !strings.HasPrefix(p.lines[i], indent) || i > 0 && p.lines[i-1] != "" {
			continue
		}
		end := i
		for end < len(p.lines) && strings.HasPrefix(p.lines[end], indent) {
			end++
		}
		switch word := strings.Fields(p.lines[i])[0]; {
		case slices.Contains(documentPrograms, word):
			p.script(i, end, len(indent))
		case !slices.Contains(notCommands, word):
			return nil, fmt.Errorf("%s:%d: %q begins a block: is it a command (documentPrograms) or none (notCommands)?", name, i+1, word)
		}
		i = end - 1
	}
	return p, nil
}

// script takes lines for commands, those that end in a backslash with the next.
func (p *documentPage) script(from, to, indent int) {
	for i := from; i < to; i++ {
		c := &documentCommand{line: i + 1}
		line := p.lines[i][indent:]
		for strings.HasSuffix(line, `\`) && i+1 < to {
			i++
			line = strings.TrimSuffix(line, `\`) + strings.TrimSpace(p.lines[i])
		}
		c.text = strings.TrimSpace(line)
		if c.text != "" && !strings.HasPrefix(c.text, "#") {
			p.commands = append(p.commands, c)
		}
	}
}

func (p *documentPage) console(from, to int) {
	var last *documentCommand
	for i := from; i < to; i++ {
		command, ok := strings.CutPrefix(p.lines[i], "$ ")
		if !ok {
			continue
		}
		if last != nil {
			last.end = i
		}
		last = &documentCommand{line: i + 1, console: true}
		for strings.HasSuffix(command, `\`) && i+1 < to {
			i++
			command = strings.TrimSuffix(command, `\`) + strings.TrimSpace(p.lines[i])
		}
		last.text, last.out = command, i+1
		p.commands = append(p.commands, last)
	}
	if last != nil {
		last.end = to
	}
}

// shown is what the page says that a command prints.
func (p *documentPage) shown(c *documentCommand) []string { return p.lines[c.out:c.end] }

// show puts what commands print in place of what the page says.
func (p *documentPage) show(printed map[*documentCommand][]string) []byte {
	lines := slices.Clone(p.lines)
	for _, c := range slices.Backward(p.commands) {
		if out, ok := printed[c]; ok {
			lines = slices.Replace(lines, c.out, c.end, out...)
		}
	}
	return []byte(strings.Join(lines, "\n"))
}

// omitted stands for lines that are not shown.
const omitted = "…"

// agrees says whether printed lines are those shown, of which each line omitted stands for
// any number of them.
func agrees(shown, printed []string) bool {
	if len(shown) == 0 {
		return len(printed) == 0
	}
	if shown[0] != omitted {
		return len(printed) > 0 && shown[0] == printed[0] && agrees(shown[1:], printed[1:])
	}
	for i := range len(printed) + 1 {
		if agrees(shown[1:], printed[i:]) {
			return true
		}
	}
	return false
}

// refreshed is what is printed, as shortened as shown is: each stretch that is shown begins
// where its first line is printed, or one that has the same words before its first figure,
// and ends with its last line, or else after as many sections, or lines where it is of one
// section. ok is false where a stretch is not found.
func refreshed(shown, printed []string) (lines []string, ok bool) {
	if len(shown) == 0 {
		return printed, true
	}
	at := 0
	for len(shown) > 0 {
		n := slices.Index(shown, omitted)
		if n == 0 {
			lines, shown = append(lines, omitted), shown[1:]
			if len(shown) == 0 {
				return lines, true
			}
			found := stretch(shown[0], printed[at:])
			if found < 0 {
				return nil, false
			}
			at += found
			continue
		}
		if n < 0 { // to the end
			return append(lines, printed[at:]...), true
		}
		end := slices.Index(printed[at:], shown[n-1]) + at + 1
		if blanks := count(shown[:n], ""); end == at && blanks == 0 {
			end = min(at+n, len(printed))
		} else if end == at {
			end = at + sections(printed[at:], 1+blanks)
		}
		lines, at, shown = append(lines, printed[at:end]...), end, shown[n:]
	}
	return lines, at == len(printed)
}

// stretch finds where a stretch begins that began with first.
func stretch(first string, printed []string) int {
	if i := slices.Index(printed, first); i >= 0 {
		return i
	}
	words := first[:max(0, strings.IndexAny(first+"0", "0123456789"))]
	if strings.TrimSpace(words) == "" {
		return -1
	}
	return slices.IndexFunc(printed, func(line string) bool { return strings.HasPrefix(line, words) })
}

// sections are how many lines the first n sections have, without the blank after them.
func sections(lines []string, n int) int {
	for i, line := range lines {
		if line == "" {
			if n--; n == 0 {
				return i
			}
		}
	}
	return len(lines)
}

func count(lines []string, line string) (n int) {
	for _, l := range lines {
		if l == line {
			n++
		}
	}
	return n
}

// TestShortened: what stands for lines that are not shown, and how it is written anew.
func TestShortened(t *testing.T) {
	for _, test := range []struct {
		shown, printed, want string // want of refreshed; "" where it cannot be
		agrees               bool
	}{
		{"a\nb", "a\nb", "a\nb", true},
		{"a\nb", "a\nc", "a\nc", false},
		{"a\n…", "a\nb\nc", "a\n…", true},
		{"…\nc", "a\nb\nc", "…\nc", true},
		{"a\n…\nc", "a\nc", "a\n…\nc", true},
		{"a\n…\nc\n…", "a\nb\nc\nd", "a\n…\nc\n…", true},
		{"a\n…\nsaves 3 s\n…", "a\nb\nsaves 4 s\nd", "a\n…\nsaves 4 s\n…", false},
		{"a 1\n\nb 1\n…", "a 2\n\nb 2\nc\n\nd", "a 2\n\nb 2\nc\n…", false},
		{"a\n…\nx", "a\nb", "", false},
		{"a", "a\nb", "a\nb", false},
	} {
		shown, printed := strings.Split(test.shown, "\n"), strings.Split(test.printed, "\n")
		if got := agrees(shown, printed); got != test.agrees {
			t.Errorf("shown %q, printed %q: agrees is %v", test.shown, test.printed, got)
		}
		got, ok := refreshed(shown, printed)
		if text := strings.Join(got, "\n"); ok != (test.want != "") || ok && text != test.want {
			t.Errorf("shown %q, printed %q: refreshed is %q, %v", test.shown, test.printed, text, ok)
		}
		if ok && !agrees(got, printed) {
			t.Errorf("shown %q, printed %q: refreshed to %q, which does not agree", test.shown, test.printed, got)
		}
	}
}

// documentPages are the pages whose commands are held to the program.
func documentPages(root string) ([]string, error) {
	var pages []string
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/reference/*.md", "examples/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			name, err := filepath.Rel(root, f)
			if err != nil {
				return nil, err
			}
			pages = append(pages, filepath.ToSlash(name))
		}
	}
	return pages, nil
}

// tally counts the commands of the documents by what the tests do with them.
type tally struct{ run, compared, elsewhere, parsed, examples, exempt int }

// TestReadme runs the commands of the README, and holds it to what they print.
func TestReadme(t *testing.T) { testPage(t, "README.md") }

// TestDocuments runs the commands of all other documents, and holds the pages to what they
// print. With -update the pages are rewritten. It prints how many commands there are, and
// how many are run or only parsed.
func TestDocuments(t *testing.T) {
	root := projectRoot(t)
	pages, err := documentPages(root)
	if err != nil {
		t.Fatal(err)
	}
	if len(pages) < 15 {
		t.Fatalf("%d documents found: %q", len(pages), pages)
	}
	for _, h := range handlings {
		if !slices.Contains(pages, h.page) {
			t.Errorf("handling of %q: %s is no document", h.command, h.page)
		}
	}
	var all tally
	for _, name := range pages {
		p, err := planPage(root, name)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, c := range p.commands {
			switch {
			case c.how.exempt != "":
				all.exempt++
				t.Logf("exempt: %s:%d: %s: %s", name, c.line, c.text, c.how.exempt)
			case c.how.parsed != "" && strings.HasPrefix(name, referenceDir):
				all.examples++
			case c.how.parsed != "":
				all.parsed++
				t.Logf("only parsed: %s:%d: %s: %s", name, c.line, c.text, c.how.parsed)
			case c.how.script != "":
				all.elsewhere++
			default:
				all.run++
				if c.console {
					all.compared++
				}
			}
		}
		if name != "README.md" {
			t.Run(name, func(t *testing.T) { testPage(t, name) })
		}
	}
	total := all.run + all.elsewhere + all.parsed + all.exempt
	t.Logf("%d commands in %d documents: %d run (of %d what they print is compared), %d run by a script of testdata/script, %d only parsed, %d exempt; and %d examples of --help only parsed",
		total, len(pages), all.run, all.compared, all.elsewhere, all.parsed, all.exempt, all.examples)
	if all.run < total/2 {
		t.Errorf("only %d of %d commands are run", all.run, total)
	}
}

func projectRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// planPage reads a page and finds how each of its commands is handled. What is not run
// has its reason, each handling something that it is of.
func planPage(root, name string) (*documentPage, error) {
	p, err := readPage(root, name)
	if err != nil {
		return nil, err
	}
	used := map[int]bool{}
	for _, c := range p.commands {
		for i, h := range handlings {
			if h.page == name && strings.HasPrefix(c.text, h.command) {
				c.how, used[i] = h, true
				break
			}
		}
		if c.how.page == "" && strings.HasPrefix(name, referenceDir) {
			c.how.parsed = "an example of --help, with files of the reader's"
		} // one that has a handling is run
		if c.how.script == "" {
			continue
		}
		script, err := os.ReadFile(filepath.Join(root, "cmd/cachebench/testdata/script", c.how.script))
		if err != nil {
			return nil, err
		}
		if !strings.Contains(string(script), name) {
			return nil, fmt.Errorf("%s:%d: %s is said to be run by %s, which does not name the page", name, c.line, c.text, c.how.script)
		}
	}
	for i, h := range handlings {
		if h.page == name && !used[i] && h.command != pageBegins {
			return nil, fmt.Errorf("%s: no command begins with %q any more", name, h.command)
		}
	}
	return p, nil
}

// testPage runs the commands of a page in their order, in one shell and a directory of
// their own; of those that are not run the flags are checked.
func testPage(t *testing.T, name string) {
	t.Parallel()
	root := projectRoot(t)
	p, err := planPage(root, name)
	if err != nil {
		t.Fatal(err)
	}
	var run []*documentCommand
	for _, c := range p.commands {
		if !parseDocumented(t, p, c) && c.how.parsed != "" {
			t.Errorf("%s:%d: %s cannot be parsed", name, c.line, c.text)
		}
		if c.how.exempt == "" && c.how.parsed == "" && c.how.script == "" {
			run = append(run, c)
		}
	}
	if len(run) == 0 {
		return
	}
	if race.Enabled || testing.Short() {
		t.Skip("the commands are parsed; make exhaust runs them without the race detector")
	}
	printed := runDocumented(t, root, p, run)
	for c, lines := range printed {
		shown := p.shown(c)
		if agrees(shown, lines) {
			delete(printed, c)
			continue
		}
		fresh, ok := refreshed(shown, lines)
		if !ok {
			t.Errorf("%s:%d: %s: lines after … are not printed any more; it prints\n%s", name, c.line, c.text, strings.Join(lines, "\n"))
			fresh = shown
		}
		printed[c] = fresh
	}
	if len(printed) > 0 {
		golden.Equal(t, filepath.Join(root, name), p.show(printed))
	}
}

// comment ends what a shell takes of a line.
var comment = regexp.MustCompile(`(^|\s)#.*`)

// chained parts the commands of a line.
var chained = regexp.MustCompile(` \| |; | && `)

// cachebenchPart is the part of a command that begins with the program's name, from its
// pipeline; ok is false where there is none.
func cachebenchPart(text string) (part string, ok bool) {
	text = comment.ReplaceAllString(text, "")
	if inner, ok := strings.CutPrefix(text, "source <("); ok { // what a shell reads as a script
		text = strings.TrimSuffix(inner, ")")
	}
	for _, part := range chained.Split(text, -1) {
		if part = strings.TrimSpace(part); strings.HasPrefix(part, "cachebench ") {
			part, _, _ = strings.Cut(part, " > ")
			return part, true
		}
	}
	return "", false
}

// parseDocumented checks that a command of the program and its flags are there; ok is
// false where the text holds none.
func parseDocumented(t *testing.T, p *documentPage, c *documentCommand) (ok bool) {
	t.Helper()
	text, ok := cachebenchPart(c.text)
	if !ok {
		return false
	}
	words := strings.Fields(strings.NewReplacer("'", "", `"`, "").Replace(text))[1:]
	root := newRoot(&streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
	root.InitDefaultCompletionCmd()
	cmd, args, err := root.Find(words)
	if err != nil || cmd == root && !strings.HasPrefix(words[0], "-") {
		t.Errorf("%s:%d: %s: no such command", p.name, c.line, c.text)
	} else if err := cmd.ParseFlags(args); err != nil && !strings.Contains(err.Error(), "help requested") {
		t.Errorf("%s:%d: %s: %v", p.name, c.line, c.text, err)
	}
	return true
}

// link is one of Markdown's, to a file or a place in it; not to an address.
var link = regexp.MustCompile(`\]\(([^)\s:]+)\)`)

// heading begins a section, which links name.
var heading = regexp.MustCompile(`(?m)^#+ (.+)$`)

// TestDocumentLinks: what the documents link to is there, the section too.
func TestDocumentLinks(t *testing.T) {
	root := projectRoot(t)
	pages, err := documentPages(root)
	if err != nil {
		t.Fatal(err)
	}
	pages = append(pages, "ARCHITECTURE.md", "CHANGELOG.md")
	seen := 0
	for _, page := range pages {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllSubmatch(text, -1) {
			seen++
			file, section, named := strings.Cut(string(m[1]), "#")
			target := filepath.Join(root, page)
			if file != "" {
				target = filepath.Join(root, filepath.Dir(page), file)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
				continue
			}
			if !named {
				continue
			}
			linked, err := os.ReadFile(target)
			if err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			} else if !slices.Contains(sectionNames(linked), section) {
				t.Errorf("%s links to %s, which has no such section", page, m[1])
			}
		}
	}
	if seen < 100 {
		t.Errorf("%d links found", seen)
	}
}

// sectionNames are those that GitHub gives headings: in lower case, hyphens for spaces, no
// other signs; the second of a name with -1, and so on.
func sectionNames(page []byte) []string {
	var names []string
	times := map[string]int{}
	for _, m := range heading.FindAllSubmatch(page, -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, string(m[1]))
		if n := times[name]; n > 0 {
			names = append(names, fmt.Sprintf("%s-%d", name, n))
		} else {
			names = append(names, name)
		}
		times[name]++
	}
	return names
}
