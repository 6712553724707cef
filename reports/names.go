package reports

import (
	"fmt"
	"slices"
	"strings"
)

// distinctNames cuts names to n columns. Different names stay different: those that
// are the same once their middle is cut out are cut where they are the same, and those
// that are then still the same are numbered, with a legend that has them in full.
func distinctNames(names []string, n int) (cut, legend []string) {
	for _, name := range names {
		cut = append(cut, ellipsis(name, n))
	}
	for _, group := range alikeOnceCut(names, cut) {
		begin, end := commonEnds(group)
		for i, name := range names {
			if slices.Contains(group, name) {
				cut[i] = cutEnds(name, begin, end, n)
			}
		}
	}
	var numbered []string
	for _, group := range alikeOnceCut(names, cut) {
		numbered = append(numbered, group...)
	}
	for i, name := range names {
		if !slices.Contains(numbered, name) {
			continue
		}
		// In the order of the table, a name that stands twice once.
		k := slices.Index(legend, name)
		if k < 0 {
			k = len(legend)
			legend = append(legend, name)
		}
		mark := fmt.Sprintf("[%d] ", k+1)
		cut[i] = mark + ellipsis(name, max(3, n-columns(mark)))
	}
	for k, name := range legend {
		legend[k] = fmt.Sprintf("[%d] %s", k+1, name)
	}
	return cut, legend
}

// alikeOnceCut are the sets of different names that cutting made the same, in the order
// of their first.
func alikeOnceCut(names, cut []string) (groups [][]string) {
	members := make(map[string][]string)
	var order []string
	for i, name := range names {
		if members[cut[i]] == nil {
			order = append(order, cut[i])
		}
		if !slices.Contains(members[cut[i]], name) {
			members[cut[i]] = append(members[cut[i]], name)
		}
	}
	for _, c := range order {
		if len(members[c]) > 1 {
			groups = append(groups, members[c])
		}
	}
	return groups
}

// commonEnds are how all of the names begin and end, to whole words where there are
// words; the two do not overlap in any.
func commonEnds(names []string) (begin, end string) {
	begin = names[0]
	for _, name := range names[1:] {
		for !strings.HasPrefix(name, begin) {
			begin = lessLast(begin)
		}
	}
	if i := strings.LastIndex(begin, " "); i >= 0 {
		begin = begin[:i+1]
	}
	end = names[0][len(begin):]
	for _, name := range names[1:] {
		for !strings.HasSuffix(name[len(begin):], end) {
			end = lessFirst(end)
		}
	}
	if i := strings.Index(end, " "); i >= 0 {
		end = end[i:]
	}
	return begin, end
}

func lessLast(s string) string {
	runes := []rune(s)
	return string(runes[:len(runes)-1])
}

func lessFirst(s string) string { return string([]rune(s)[1:]) }

// cutEnds cuts name to n columns at its ends begin and end, which others share, and
// keeps what is between them whole where there is room.
func cutEnds(name, begin, end string, n int) string {
	middle := strings.TrimSuffix(strings.TrimPrefix(name, begin), end)
	room := n - columns(middle)
	if room < 2 {
		return ellipsis("…"+middle, n)
	}
	// The beginning says more than the end: it has two thirds.
	kept := room
	if columns(begin)+columns(end) > room {
		kept = max(room-columns(end), room-room/3)
	}
	begin = fitted(begin, kept)
	return begin + middle + fitted(end, room-columns(begin))
}

// fitted is s in at most n columns, down to none.
func fitted(s string, n int) string {
	switch {
	case columns(s) <= n:
		return s
	case n >= 3:
		return ellipsis(s, n)
	case n >= 1:
		return "…"
	}
	return ""
}
