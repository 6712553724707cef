package reports

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestWideHeads: where a line has no room, heads go on over lines, all words of them and
// aligned as their columns are; numbers are whole as long as names have something to give.
func TestWideHeads(t *testing.T) {
	table := &textTable{heads: []string{"arm", ">waiting for all starts", ">caches in use", ">instances while they start", ">net saved beyond automatic", ">of bound"}}
	table.add("", strings.Repeat("name ", 12), "1,234.5 h", "USD 1,000.00", "USD 2,000.00", "USD -3,000.00", "100 %")
	heads, lines := table.lines()
	want := []string{
		"                                                                instances        net saved",
		"                               waiting for                     while they           beyond",
		"  arm                           all starts  caches in use           start        automatic  of bound",
	}
	if !slices.Equal(heads, want) {
		t.Errorf("heads\n%s\nwant\n%s", strings.Join(heads, "\n"), strings.Join(want, "\n"))
	}
	for _, number := range []string{"1,234.5 h", "USD 1,000.00", "USD 2,000.00", "USD -3,000.00", "100 %"} {
		if !strings.Contains(lines[0], number) {
			t.Errorf("%q is cut in %q", number, lines[0])
		}
	}
}

// TestAnyTable: no line is too long, and no word of a head is lost or cut unless the words
// alone, side by side, have no room.
func TestAnyTable(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		heads := rapid.SliceOfN(rapid.StringMatching(`>?[a-z]{1,12}( [a-z]{1,12}){0,4}`), 1, 9).Draw(rt, "heads")
		table := &textTable{heads: heads}
		for range rapid.IntRange(0, 3).Draw(rt, "rows") {
			cells := rapid.SliceOfN(rapid.StringMatching(`[a-z0-9]{0,40}`), len(heads), len(heads)).Draw(rt, "cells")
			table.add("", cells...)
		}
		top, rest := table.lines()
		need := tableIndent + tableGap*(len(heads)-1)
		var words []string
		for _, head := range heads {
			head = strings.TrimPrefix(head, ">")
			need += max(longestWord(head), shortest)
			words = append(words, strings.Fields(head)...)
		}
		for _, line := range append(top, rest...) {
			if need <= textWidth && columns(line) > textWidth {
				rt.Errorf("%d columns: %q", columns(line), line)
			}
		}
		if got := strings.Fields(strings.Join(top, " ")); need <= textWidth && len(got) != len(words) {
			rt.Errorf("%q of the words %q", got, words)
		}
	})
}
