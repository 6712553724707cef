package reports

import (
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/matcher"
)

// explanation is why one app gets its cache.
type explanation struct {
	Title                string
	Sentences            []string
	Candidates, Readings *table
}

func explanationsOf(m *matcher.Matches) []explanation {
	if !explained(m) {
		return nil
	}
	var list []explanation
	for i := range m.Matches {
		match := &m.Matches[i]
		e := explanation{
			Title:     fmt.Sprintf("Why %s for %s", cmpOr(match.CacheID, "no cache"), match.App),
			Sentences: append([]string{sentenceWord(match.Reason) + "."}, followWords(match)...),
		}
		if withImages(match) {
			e.Candidates = candidatesTable(m, match)
		}
		if match.ReadingsTried > 0 {
			e.Sentences = append(e.Sentences, sensitivityWords(match))
			e.Readings = readingsTable(match)
		}
		list = append(list, e)
	}
	return list
}

func candidatesTable(m *matcher.Matches, match *matcher.Match) *table {
	t := newTable("Caches in ECI's order for "+match.App, "place", "cache", "kind", ">GiB", "made", "images", "why here", ">lacks layers", ">to download", ">to unpack")
	for i := range match.Candidates {
		c := &match.Candidates[i]
		why := "first"
		place := cell{Text: fmt.Sprint(i + 1)}
		switch {
		case !c.Qualified:
			place.Text, why = "–", refusedWords(match, c)
		case c.CacheID == match.CacheID:
			why = "picked"
		case i > 0:
			why = placeWords(m, c, &match.Candidates[i-1])
		}
		fetch, unpack := lackedBytes(c)
		t.add(place, wordCell(c.CacheID), wordCell(kindWord(c)), cell{Text: strings.TrimSuffix(sizeWord(c), " GiB"), Number: true},
			wordCell(madeWord(c)), longCell(strings.Join(imagesWords(c), "; ")), longCell(why),
			countCell(len(c.Lacks)), bytesCell(fetch), bytesCell(unpack))
	}
	return t.unlessEmpty()
}

func readingsTable(match *matcher.Match) *table {
	t := newTable("Other readings that change the answer for "+match.App, "policy", "what changes")
	for i := range match.Sensitivity {
		r := &match.Sensitivity[i]
		t.add(cell{Text: r.Policy + "=" + r.Value, Code: true}, longCell(readingWords(match, r)))
	}
	return t.unlessEmpty()
}
