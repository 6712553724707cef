package reports

import (
	"cmp"
	"fmt"
	"slices"
)

// maxTableApps bounds the apps of the page's tables of arms against each other; the
// CSV and JSON forms have them all.
const maxTableApps = 100

// capped are the entries of a list by app that a table shows: first those of all
// apps together, then those of the first apps of the report, in its order.
func capped[T any](r *Report, list []T, app func(*T) string) []*T {
	place := make(map[string]int)
	for i := range r.Apps[:min(len(r.Apps), maxTableApps)] {
		if _, ok := place[r.Apps[i].Name]; !ok { // once for each source
			place[r.Apps[i].Name] = i + 1
		}
	}
	place[""] = 0
	var kept []*T
	for i := range list {
		if _, ok := place[app(&list[i])]; ok {
			kept = append(kept, &list[i])
		}
	}
	slices.SortStableFunc(kept, func(a, b *T) int { return cmp.Compare(place[app(a)], place[app(b)]) })
	return kept
}

// cappedWords say how many apps such a table leaves out; empty when none.
func (r *Report) cappedWords() string {
	rest := len(r.Apps) - maxTableApps
	if rest <= 0 {
		return ""
	}
	return fmt.Sprintf("; %s more, which gain least: see --output csv or json", count(rest, "app"))
}
