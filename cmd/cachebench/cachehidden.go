package main

import (
	"fmt"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/matcher/plan/export"
	"github.com/cachebench/cachebench/reports"
)

// hiddenParameters are those that the service does not show, or not exactly, and that
// matter to a cache once it is built. Zero is not stated.
type hiddenParameters struct {
	retentionDays, standardCopies, flashCopies int
}

const hiddenForm = "retentionDays=%d,standardCopyCount=%d,flashCopyCount=%d"

func (h hiddenParameters) String() string {
	return fmt.Sprintf(hiddenForm, h.retentionDays, h.standardCopies, h.flashCopies)
}

func hiddenOf(w *export.WantedCache) hiddenParameters {
	return hiddenParameters{w.RetentionDays, w.StandardCopyCount, w.FlashCopyCount}
}

// readHidden reads what apply noted in a cache's tags; false where it did not, or in
// another form.
func readHidden(c *eci.ImageCache) (h hiddenParameters, known bool) {
	_, err := fmt.Sscanf(tagMap(c.Tags)[parametersTag], hiddenForm, &h.retentionDays, &h.standardCopies, &h.flashCopies)
	if err != nil {
		return hiddenParameters{}, false
	}
	return h, true
}

// over are these parameters, and others where they are not stated: what an update
// leaves out stays.
func (h hiddenParameters) over(others hiddenParameters) hiddenParameters {
	for _, p := range []struct {
		to   *int
		from int
	}{{&h.retentionDays, others.retentionDays}, {&h.standardCopies, others.standardCopies}, {&h.flashCopies, others.flashCopies}} {
		if *p.to == 0 {
			*p.to = p.from
		}
	}
	return h
}

// set makes a cache want them.
func (h hiddenParameters) set(w *export.WantedCache) {
	w.RetentionDays, w.StandardCopyCount, w.FlashCopyCount = h.retentionDays, h.standardCopies, h.flashCopies
}

// hiddenDifferences are what of them an update has to change. Copies that nothing tells
// are none.
func hiddenDifferences(want hiddenParameters, have *eci.ImageCache) (list []reports.CacheDifference) {
	before, known := readHidden(have)
	add := func(field, old string, want int) {
		list = append(list, reports.CacheDifference{Field: field, Have: old, Want: fmt.Sprint(want)})
	}
	days := retentionDays(have)
	switch {
	case want.retentionDays == 0:
	case known && want.retentionDays != before.retentionDays:
		add("retentionDays", retentionWords(before.retentionDays), want.retentionDays)
	case !known && want.retentionDays != days, known && !expiresAfter(have, want.retentionDays):
		add("retentionDays", retentionWords(days), want.retentionDays)
	}
	if known && want.standardCopies != 0 && want.standardCopies != before.standardCopies {
		add("standardCopyCount", copiesWords(before.standardCopies), want.standardCopies)
	}
	if known && want.flashCopies != 0 && want.flashCopies != before.flashCopies {
		add("flashCopyCount", copiesWords(before.flashCopies), want.flashCopies)
	}
	return list
}

// copiesWords: one is made where no number is stated (eci §1.6).
func copiesWords(n int) string { return fmt.Sprint(max(n, 1)) }

// expiresAfter says whether what ECI shows agrees with an expiry after so many days.
// Whether it counts them from the creation or from the last build is not documented:
// either agrees, within a day. What is not shown, or not yet, says nothing.
func expiresAfter(c *eci.ImageCache, days int) bool {
	if c.Status != eci.CacheReady || c.ExpiresAt.IsZero() || c.CreatedAt.IsZero() {
		return true
	}
	const day = 24 * time.Hour
	for _, from := range []time.Time{c.CreatedAt, settledAt(c), lastBuilt(c)} {
		if off := c.ExpiresAt.Sub(from.Add(time.Duration(days) * day)); off > -day && off < day {
			return true
		}
	}
	return false
}

// stays are notes of what a cache has and a file no longer states: an update has no way
// to take it away, and a value that is left out stays.
func stays(asked hiddenParameters, have *eci.ImageCache) (notes string) {
	before, _ := readHidden(have)
	if days := max(before.retentionDays, retentionDays(have)); asked.retentionDays == 0 && days > 0 {
		notes = fmt.Sprintf("it expires after %d days, and an update cannot say never: delete it to create it anew", days)
	}
	for _, of := range []struct {
		field         string
		asked, before int
	}{{"standardCopyCount", asked.standardCopies, before.standardCopies}, {"flashCopyCount", asked.flashCopies, before.flashCopies}} {
		if of.asked == 0 && of.before > 0 {
			notes = joined(notes, fmt.Sprintf("its %s stays %d", of.field, of.before))
		}
	}
	return notes
}
