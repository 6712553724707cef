package document

import (
	"sort"

	"go.yaml.in/yaml/v3"
)

// YAMLLines turns the YAML package's count of lines into that of editors and of
// grep, who end a line at a line feed alone. For YAML 1.1, section 5.4, lines also
// end at a lone carriage return, at a next line (U+0085) and at a line or
// paragraph separator (U+2028, U+2029). The text that YAML reads is written to it.
type YAMLLines struct {
	yaml, text int // lines ended so far, by either count
	more       []moreLines
	last       [2]byte
}

// moreLines says how far YAML's count is ahead, from one of its lines on.
type moreLines struct{ from, by int }

// Write takes the next part of the text; it never fails.
func (l *YAMLLines) Write(text []byte) (int, error) {
	for _, b := range text {
		last := l.last
		l.last = [2]byte{last[1], b}
		if last[1] == '\r' && b != '\n' {
			l.extra()
		}
		switch {
		case b == '\n':
			l.yaml++
			l.text++
		case b == 0x85 && last[1] == 0xC2, (b == 0xA8 || b == 0xA9) && last == [2]byte{0xE2, 0x80}:
			l.extra()
		}
	}
	return len(text), nil
}

func (l *YAMLLines) extra() {
	l.yaml++
	l.more = append(l.more, moreLines{from: l.yaml + 1, by: l.yaml - l.text})
}

// Line returns the line, from 1, that YAML counts as the given one. YAML puts what
// is not there behind the text's end; it is in the last line here.
func (l *YAMLLines) Line(yamlLine int) int {
	if after := sort.Search(len(l.more), func(i int) bool { return l.more[i].from > yamlLine }); after > 0 {
		yamlLine -= l.more[after-1].by
	}
	return min(yamlLine, l.text+1)
}

// Restore puts the text's lines in the nodes of a document.
func (l *YAMLLines) Restore(n *yaml.Node) {
	n.Line = l.Line(n.Line)
	for _, child := range n.Content {
		l.Restore(child)
	}
}
