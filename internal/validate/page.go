package main

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"
)

// lineWidth is where paragraphs are wrapped, in runes.
const lineWidth = 88

// page is the document as it is written: blocks with an empty line between them.
type page struct{ out bytes.Buffer }

// block begins a block.
func (d *page) block() {
	if d.out.Len() > 0 {
		d.out.WriteString("\n")
	}
}

func (d *page) line(text string) { d.out.WriteString(text + "\n") }

// heading is a line of its own, "## The aims".
func (d *page) heading(text string) {
	d.block()
	d.line(text)
}

// text is a paragraph.
func (d *page) text(format string, args ...any) {
	d.block()
	d.wrapped("", "", fmt.Sprintf(format, args...))
}

// list has an item for each text; of none it writes nothing.
func (d *page) list(items []string) {
	if len(items) == 0 {
		return
	}
	d.block()
	for _, item := range items {
		d.wrapped("- ", "  ", item)
	}
}

// code is a block of lines as they are.
func (d *page) code(text string) {
	d.block()
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		d.line(strings.TrimRight("    "+strings.TrimRight(line, "\n"), " "))
	}
}

func (d *page) wrapped(first, rest, text string) {
	line, empty := first, true
	for _, word := range strings.Fields(text) {
		if !empty && len([]rune(line))+1+len([]rune(word)) > lineWidth {
			d.line(line)
			line, empty = rest, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	d.line(line)
}

// table has its heads in one text, "arm|>runs"; > is a column of figures. What would
// end a cell is escaped.
func (d *page) table(heads string, rows [][]string) {
	cells := strings.Split(heads, "|")
	rule := make([]string, len(cells))
	for i, head := range cells {
		rule[i] = "---"
		if name, right := strings.CutPrefix(head, ">"); right {
			cells[i], rule[i] = name, "--:"
		}
	}
	d.block()
	d.row(cells)
	d.row(rule)
	for _, row := range rows {
		d.row(row)
	}
}

func (d *page) row(cells []string) {
	escaped := make([]string, len(cells))
	for i, cell := range cells {
		escaped[i] = strings.ReplaceAll(strings.Join(strings.Fields(cell), " "), "|", `\|`)
	}
	d.line("| " + strings.Join(escaped, " | ") + " |")
}

// unknown is what a table says of what is not known.
const unknown = "-"

func percent(fraction float64) string {
	if math.IsNaN(fraction) {
		return unknown
	}
	return fmt.Sprintf("%.1f %%", 100*fraction)
}

// signed is percent with its sign.
func signed(fraction float64) string {
	if math.IsNaN(fraction) {
		return unknown
	}
	return fmt.Sprintf("%+.1f %%", 100*fraction)
}

// shortly is a time of a part of a start.
func shortly(t time.Duration) string {
	switch s := t.Seconds(); {
	case s == 0:
		return "0 s"
	case s >= 1:
		return fmt.Sprintf("%.2f s", s)
	case s >= 1e-3:
		return fmt.Sprintf("%.3g ms", 1e3*s)
	default:
		return fmt.Sprintf("%.3g µs", 1e6*s)
	}
}

// inUnit writes a value of a profile in the unit that its name ends in.
func inUnit(name string, v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "unlimited"
	case strings.HasSuffix(name, "BytesPerSecond"):
		return fmt.Sprintf("%.4g MB/s", v/1e6)
	case strings.HasSuffix(name, "Seconds"):
		return shortly(time.Duration(math.Round(v * 1e9)))
	}
	return fmt.Sprintf("%.3g", v)
}

// several is "1 run", "3 runs".
func several(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
