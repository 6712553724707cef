package compare

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// enoughDigits is how many digits that chance decides must agree before values are taken
// for the same run's and not for alike ones: one case in 10^8.
const enoughDigits = 8

// chanceDigits are how many digits of a time chance decides: the first two are mostly those
// of all runs, and the last are of arithmetic, as where nanoseconds are made seconds.
func chanceDigits(value float64) int {
	text, _, _ := strings.Cut(strconv.FormatFloat(value, 'e', 11, 64), "e")
	return max(0, len(strings.Trim(strings.ReplaceAll(text, ".", ""), "-0"))-2)
}

// isTimed says that chance decides digits of a figure: a time that was measured.
func (r *Result) isTimed(b *benchmark, figure string) bool {
	return reports.UnitOf(figure) == reports.UnitSeconds && r.isMeasured(b, figure)
}

// dropTwice drops measured lines that are there before: a run that is given twice, as in a
// file that was joined with itself, would count twice. One line whose times have enough
// digits is known again by itself, others by the lines that follow them in both places.
func (r *Result) dropTwice() {
	lines := r.measuredLines()
	drop := make(map[*benchmark]bool)
	first := make(map[string]bool)
	ids, numbers := make([]int, len(lines)), make(map[string]int)
	for i := range lines {
		l := &lines[i]
		if l.digits >= enoughDigits && first[l.text] {
			drop[l.b] = true
		}
		first[l.text] = true
		if numbers[l.text] == 0 {
			numbers[l.text] = len(numbers) + 1
		}
		ids[i] = numbers[l.text]
	}
	if len(lines) <= mostLines && len(numbers) < len(lines) {
		blocks(lines, ids, drop)
	}
	var names []string
	for i := range lines {
		if name := lines[i].b.label(); drop[lines[i].b] && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(drop) == 0 {
		return
	}
	r.benchmarks = slices.DeleteFunc(r.benchmarks, func(b *benchmark) bool { return drop[b] })
	r.doubts = append(r.doubts, fmt.Sprintf("%s has %d measured values or lines that it has before, digit by digit (%s): a run that is given twice counts once.", r.file, len(drop), named(names)))
}

// mostLines bounds the search for blocks, which looks at all pairs of lines.
const mostLines = 5000

// measuredLine is a line with times that were measured.
type measuredLine struct {
	b    *benchmark
	text string
	// digits are those of its times that chance decides.
	digits int
}

func (r *Result) measuredLines() (lines []measuredLine) {
	varies, firsts := make(map[string]bool), make(map[string]float64)
	of := func(b *benchmark, figure string) string {
		return b.key(keyConditions) + b.processors + "\x00" + figure
	}
	for _, b := range r.benchmarks {
		for _, figure := range b.figures {
			for _, v := range b.values[figure] {
				if first, ok := firsts[of(b, figure)]; ok && first != v {
					varies[of(b, figure)] = true
				}
				firsts[of(b, figure)] = v
			}
		}
	}
	for _, b := range r.benchmarks {
		l := measuredLine{b: b, text: fmt.Sprint(b.key(keyConditions), b.processors, b.iterations)}
		measured := false
		for _, figure := range b.figures {
			l.text += fmt.Sprint(" ", figure, b.values[figure])
			if r.isTimed(b, figure) {
				measured = true
				// What is alike in all lines may be of a model that does not say so.
				if b.config["source"] != simulate.Measured && !varies[of(b, figure)] {
					continue
				}
				for _, v := range b.values[figure] {
					l.digits += chanceDigits(v)
				}
			}
		}
		if measured {
			lines = append(lines, l)
		}
	}
	return lines
}

// blocks notes the lines of blocks that are there before: as many lines as agree one after
// the other, of which those that differ have enough digits together.
func blocks(lines []measuredLine, ids []int, drop map[*benchmark]bool) {
	for offset := 1; offset < len(ids); offset++ {
		for from := 0; from+offset < len(ids); {
			n, digits := 0, 0
			seen := make(map[int]bool)
			for from+n+offset < len(ids) && ids[from+n] == ids[from+n+offset] && n < offset {
				if !seen[ids[from+n]] {
					seen[ids[from+n]] = true
					digits += lines[from+n].digits
				}
				n++
			}
			if digits >= enoughDigits {
				for i := range n {
					drop[lines[from+offset+i].b] = true
				}
			}
			from += n + 1
		}
	}
}

// sameContent refuses a measurement beside itself in another form, as its document beside
// the text made of it: all measured values that both have agree, digit by digit.
func (p *pair) sameContent() {
	if len(p.opt.Rename) > 0 || len(p.c.Refusals) > 0 {
		return
	}
	digits := 0
	for _, m := range p.matched {
		for _, figure := range m.new.figures {
			old, new := slices.Sorted(slices.Values(m.old.values[figure])), slices.Sorted(slices.Values(m.new.values[figure]))
			if !p.new.isMeasured(m.new, figure) || !p.old.isMeasured(m.old, figure) || len(old) == 0 {
				continue
			}
			if !slices.EqualFunc(old, new, near) {
				return
			}
			// Values that are all alike may be of a model that does not say so.
			distinct := slices.Compact(new)
			if !p.new.isTimed(m.new, figure) || len(distinct) == 1 && m.new.config["source"] != simulate.Measured {
				continue
			}
			for _, v := range distinct {
				digits += chanceDigits(v)
			}
		}
	}
	if digits >= enoughDigits {
		p.refuse("OLD and NEW are one measurement, for all their measured values agree digit by digit: give two, or say with --rename what OLD calls otherwise, as --rename web:1=web:2")
	}
}
