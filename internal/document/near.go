package document

import (
	"fmt"
	"strings"
)

// unknownKey reports a key that a struct does not have, with the one that was
// likely meant.
func (d *decoder) unknownKey(n *node, c *structCodec) {
	d.trail.pushKey(n.key)
	defer d.trail.pop()
	var known []string
	for i := range c.fields {
		known = append(known, c.fields[i].name)
	}
	d.fault(n.keyLine, d.path(), "unknown key%s", suggestion(n.key, known))
}

// suggestion returns the end of a message about an unknown key: the nearest of
// the known ones, or all of them if they are few.
func suggestion(key string, known []string) string {
	switch best := nearest(key, known); {
	case best != "":
		return fmt.Sprintf("; did you mean %s?", best)
	case len(known) > 0 && len(known) <= 10:
		return "; known here: " + strings.Join(known, ", ")
	}
	return ""
}

// nearest is the known name that is likely meant; empty where none is near.
func nearest(name string, known []string) string {
	best, least := "", 1+max(1, min(3, len(name)/3))
	for _, candidate := range known {
		distance := keyDistance(name, candidate)
		if distance < least {
			best, least = candidate, distance
		}
	}
	return best
}

// keyDistance is the edit distance of two keys, whatever their case; a key that
// only lacks the unit at its end, or has another, is near.
func keyDistance(key, candidate string) int {
	key, candidate = strings.ToLower(key), strings.ToLower(candidate)
	stem, _ := cutUnit(key)
	candidateStem, hasUnit := cutUnit(candidate)
	if hasUnit && stem == candidateStem && key != candidate {
		return 1
	}
	return editDistance(key, candidate)
}

// cutUnit cuts what a key in lower case says about its unit.
func cutUnit(key string) (stem string, found bool) {
	for _, suffix := range []string{
		"bytespersecond", "persecond", "seconds", "hours", "bytes", "gib", "fraction",
		"milliseconds", "ms", "sec", "secs", "minutes", "mib", "gb", "mb", "percent", "mbps", "bps",
	} {
		if stem, found = strings.CutSuffix(key, suffix); found && stem != "" {
			return stem, true
		}
	}
	return key, false
}

// editDistance counts the letters to insert, delete, replace or swap with the
// next.
func editDistance(a, b string) int {
	const longest = 80
	if len(a) > longest || len(b) > longest {
		return longest
	}
	var before, row, next [longest + 1]int
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
