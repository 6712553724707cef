package reports

import (
	"slices"
	"strings"
	"unicode"
)

// textWidth is how many columns a text report may take.
const textWidth = 100

// textTable is a table for a terminal: columns aligned. Where a line would be longer than
// textWidth, the widest names are cut, so that they stay distinct; where that is not enough,
// heads go on over several lines.
type textTable struct {
	// heads name the columns; one that starts with > is aligned to the right.
	heads []string
	rows  []textRow
	// whole: a cell that does not fit goes on over more lines, and nothing is cut.
	whole bool
}

// textRow is one line of a table with a note that is wrapped below it.
type textRow struct {
	cells []string
	note  string
}

func (t *textTable) add(note string, cells ...string) {
	for i := range cells {
		cells[i] = printable(cells[i])
	}
	t.rows = append(t.rows, textRow{cells, printable(note)})
}

const (
	tableIndent = 2
	tableGap    = 2
	noteIndent  = 6
)

// lines lays the table out: its heads, and what stands below them.
func (t *textTable) lines() (heads, lines []string) {
	words, right := t.alignment()
	widths := t.widths(words)
	// Names stand in the first column: in others a number that was cut says so itself.
	names, legend := t.names(widths)
	if t.whole {
		legend = nil // all stand there
	}
	for _, cells := range headLines(words, widths) {
		heads = append(heads, tableLine(cells, widths, right))
	}
	for i, row := range t.rows {
		cells := slices.Clone(row.cells)
		cells[0] = names[i]
		if t.whole {
			for _, part := range cellLines(row.cells, widths) {
				lines = append(lines, tableLine(part, widths, right))
			}
		} else {
			lines = append(lines, tableLine(cells, widths, right))
		}
		if row.note != "" {
			lines = append(lines, wrap(row.note, noteIndent)...)
		}
	}
	for _, name := range legend {
		lines = append(lines, wrap(name, tableIndent)...)
	}
	return heads, lines
}

// headLines breaks heads between words where their columns are narrower. What takes fewer
// lines than others stands at the bottom, next to its column.
func headLines(heads []string, widths []int) [][]string {
	broken := make([][]string, len(heads))
	most := 1
	for i, head := range heads {
		line := ""
		for _, word := range strings.Fields(head) {
			switch {
			case line == "":
				line = word
			case columns(line)+1+columns(word) <= widths[i]:
				line += " " + word
			default:
				broken[i], line = append(broken[i], line), word
			}
		}
		broken[i] = append(broken[i], line)
		most = max(most, len(broken[i]))
	}
	lines := make([][]string, most)
	for k := range lines {
		lines[k] = make([]string, len(heads))
		for i, own := range broken {
			if n := k - (most - len(own)); n >= 0 {
				lines[k][i] = own[n]
			}
		}
	}
	return lines
}

// cellLines breaks the cells of a row that are wider than their columns: before what stands in
// brackets, then between words, and a word as the last resort. What takes
// fewer lines than others stands at the top.
func cellLines(cells []string, widths []int) [][]string {
	lines := [][]string{make([]string, len(cells))}
	for i, cell := range cells {
		for k, part := range brokenCell(cell, widths[i]) {
			if k == len(lines) {
				lines = append(lines, make([]string, len(cells)))
			}
			lines[k][i] = part
		}
	}
	return lines
}

func brokenCell(cell string, width int) []string {
	if columns(cell) <= width {
		return []string{cell}
	}
	if before, after, ok := strings.Cut(cell, " ("); ok && before != "" {
		return append(brokenCell(before, width), brokenCell("("+after, width)...)
	}
	var parts []string
	line := ""
	for _, word := range strings.Fields(cell) {
		for _, piece := range pieces(word, width) {
			switch {
			case line == "":
				line = piece
			case columns(line)+1+columns(piece) <= width:
				line += " " + piece
			default:
				parts, line = append(parts, line), piece
			}
		}
	}
	return append(parts, line)
}

// unbroken is how many columns a cell takes at least when it is broken: a number with its
// unit and an interval stay together, of words the longest.
func unbroken(cell string, number bool) int {
	if !number {
		return longestWord(cell)
	}
	before, after, ok := strings.Cut(cell, " (")
	if !ok {
		return columns(cell)
	}
	return max(columns(before), columns(after)+1)
}

// longestWord is how many columns the longest word of a head takes: its column is no
// narrower if that can be.
func longestWord(head string) int {
	longest := 0
	for _, word := range strings.Fields(head) {
		longest = max(longest, columns(word))
	}
	return longest
}

// names are the cells of the first column as they fit, and a legend of those that
// even so cannot be told apart.
func (t *textTable) names(widths []int) (names, legend []string) {
	for _, row := range t.rows {
		names = append(names, row.cells[0])
	}
	return distinctNames(names, widths[0])
}

func (t *textTable) alignment() (heads []string, right []bool) {
	for _, head := range t.heads {
		name, isRight := strings.CutPrefix(head, ">")
		heads, right = append(heads, name), append(right, isRight)
	}
	return heads, right
}

// readable is how much of a cell is left before heads are broken, shortest how much of it
// is left at all.
const (
	readable = 24
	shortest = 3
)

// widths takes from the widest column, one by one, until the line fits: from long cells,
// then what only a head needs that can be broken, then from cells down to the words of
// their head.
func (t *textTable) widths(heads []string) []int {
	n := len(heads)
	widths, long, cells, least, words, none := make([]int, n), make([]int, n), make([]int, n), make([]int, n), make([]int, n), make([]int, n)
	_, right := t.alignment()
	total := tableIndent + tableGap*(n-1)
	for i, head := range heads {
		least[i] = longestWord(head)
		cells[i] = least[i]
		for _, row := range t.rows {
			cells[i] = max(cells[i], columns(row.cells[i]))
		}
		// What is narrower than an ellipsis with a character on each side is not cut.
		least[i], none[i] = min(cells[i], max(least[i], shortest)), min(cells[i], shortest)
		long[i] = max(columns(head), readable)
		if words[i] = least[i]; t.whole {
			for _, row := range t.rows {
				words[i] = max(words[i], longestWord(row.cells[i]))
				least[i] = max(least[i], unbroken(row.cells[i], right[i]))
			}
			cells[i], long[i] = max(cells[i], least[i]), max(long[i], least[i])
		}
		widths[i] = max(cells[i], columns(head))
		total += widths[i]
	}
	for _, floor := range [][]int{long, cells, least, words, none} {
		for total > textWidth {
			i := widestAbove(widths, floor)
			if i < 0 {
				break
			}
			widths[i]--
			total--
		}
	}
	return widths
}

// widestAbove is the widest of the columns that are wider than their floor; -1 where none
// is.
func widestAbove(widths, floor []int) int {
	widest := -1
	for i, w := range widths {
		if w > floor[i] && (widest < 0 || w > widths[widest]) {
			widest = i
		}
	}
	return widest
}

func tableLine(cells []string, widths []int, right []bool) string {
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", tableIndent))
	for i, cell := range cells {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", tableGap))
		}
		cell = ellipsis(cell, widths[i])
		padding := strings.Repeat(" ", max(0, widths[i]-columns(cell)))
		if right[i] {
			b.WriteString(padding + cell)
		} else {
			b.WriteString(cell + padding)
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// wrap breaks s into lines of at most textWidth, each indented. A word longer
// than a line is broken.
func wrap(s string, indent int) []string {
	var lines []string
	line, width := "", 0
	flush := func() {
		lines = append(lines, strings.Repeat(" ", indent)+line)
		line, width = "", 0
	}
	for _, word := range strings.Fields(printable(s)) {
		for _, part := range pieces(word, textWidth-indent) {
			n := columns(part)
			if width > 0 && width+1+n > textWidth-indent {
				flush()
			}
			if width > 0 {
				line, width = line+" ", width+1
			}
			line, width = line+part, width+n
		}
	}
	if width > 0 {
		flush()
	}
	return lines
}

// pieces cuts a word into parts of at most n columns.
func pieces(word string, n int) []string {
	var parts []string
	start, width := 0, 0
	for i, r := range word {
		w := runeColumns(r)
		if width+w > n {
			parts = append(parts, word[start:i])
			start, width = i, 0
		}
		width += w
	}
	return append(parts, word[start:])
}

// printable replaces what would move the cursor, colour the terminal or turn
// the direction of writing: names come from files of other people.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r', r == '\u2028', r == '\u2029':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r):
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, string(unicode.ReplacementChar)))
}

// columns returns how many columns of a terminal s takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

// wide are the runes that take two columns: East Asian wide and fullwidth ones
// (Unicode Standard Annex #11) and emoji, in whole blocks.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1},
		{Lo: 0x2e80, Hi: 0xa4cf, Stride: 1},
		{Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1},
		{Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1},
		{Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1faff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.Is(unicode.Mn, r):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}
