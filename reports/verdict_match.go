package reports

import (
	"fmt"

	"github.com/cachebench/cachebench/matcher"
)

func judgeMatches(v *Verdict, r *Report) {
	if len(r.Matches.Matches) == 1 {
		v.Headline = matchHeadline(&r.Matches.Matches[0])
		return
	}
	matched, fails := 0, 0
	for _, m := range r.Matches.Matches {
		if m.CacheID != "" {
			matched++
		}
		if m.Fails != "" {
			fails++
		}
	}
	v.Headline = fmt.Sprintf("%d of %d apps match an existing cache.", matched, len(r.Matches.Matches))
	if fails > 0 {
		v.Headline += " " + count(fails, "start") + " would fail."
	}
}

// matchHeadline is the answer for one group.
func matchHeadline(m *matcher.Match) string {
	o := &m.Overlap
	left := fmt.Sprintf("%s of %s are downloaded and %s of %s unpacked",
		size(o.ByChain.FetchBytes), size(o.CompressedBytes), size(o.ByChain.UnpackBytes), size(o.UnpackedBytes))
	picks := "ECI picks cache " + m.CacheID
	if m.Reason == matcher.AskedFor {
		picks = "The start gets the cache it asks for, " + m.CacheID + ","
	}
	switch {
	case m.Fails != "":
		return fmt.Sprintf("The start of %s fails: %s.", m.App, m.Fails)
	case m.CacheID == "":
		return fmt.Sprintf("ECI picks no cache for %s: %s.", m.App, left)
	case o.ByChain.MissingLayers == 0:
		return fmt.Sprintf("%s for %s: every layer is there.", picks, m.App)
	}
	return fmt.Sprintf("%s for %s: it spares a part, %s.", picks, m.App, left)
}
