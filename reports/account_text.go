package reports

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
)

// AccountText lists caches for a terminal: a line each, the images below it.
func AccountText(a *AccountCaches) []byte {
	var b strings.Builder
	if len(a.Matched) > 0 {
		b.WriteString(strings.Join(wrap("ECI's best match for "+some(a.Matched, 5)+":", 0), "\n") + "\n")
	}
	if len(a.Caches) > 0 {
		b.WriteString(accountTable(a).text() + "\n")
	}
	fmt.Fprintf(&b, "%s\n", strings.Join(wrap(accountTotals(a), 0), "\n"))
	for _, doubt := range a.Doubts {
		b.WriteString(strings.Join(wrap("Not known: "+doubt, 0), "\n") + "\n")
	}
	return []byte(b.String())
}

// text is the whole table.
func (t *textTable) text() string {
	heads, lines := t.lines()
	return strings.Join(append(heads, lines...), "\n") + "\n"
}

func accountTable(a *AccountCaches) *textTable {
	t := &textTable{heads: []string{"cache", "id", "status", ">GiB", ">age", ">matched", ">expires", "drift", ">kept so far"}}
	for i := range a.Caches {
		c := &a.Caches[i]
		var images []string
		for _, image := range c.Images {
			images = append(images, image.Reference)
		}
		t.add(some(images, 6),
			known(c.Name), c.ID, statusWords(c), numberOrUnknown(c.SizeGiB), age(c.CreationTime, a.At), matchedWords(c, a.At), expiryWords(c, a.At),
			known(c.Drift), keptWords(c))
	}
	return t
}

// known is a text, or a dash.
func known(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func numberOrUnknown(n int) string {
	if n == 0 {
		return "?"
	}
	return decimal(float64(n), 0)
}

func statusWords(c *AccountCache) string {
	if c.ProgressFraction == nil || *c.ProgressFraction == 1 || c.Status == "Failed" {
		return c.Status
	}
	return fmt.Sprintf("%s %.0f %%", c.Status, *c.ProgressFraction*100)
}

// age is how long ago something was, to a unit that suits: 3 d, 5 h, 12 min.
func age(then, now time.Time) string {
	if then.IsZero() {
		return "?"
	}
	return lasting(now.Sub(then))
}

func lasting(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + lasting(-d)
	case d < 2*time.Minute:
		return decimal(d.Seconds(), 0) + " s"
	case d < 2*time.Hour:
		return decimal(d.Minutes(), 0) + " min"
	case d < 48*time.Hour:
		return decimal(d.Hours(), 0) + " h"
	}
	return decimal(d.Hours()/24, 0) + " d"
}

func matchedWords(c *AccountCache, now time.Time) string {
	if c.LastMatchedTime.IsZero() {
		// Never, or the service does not tell.
		return "-"
	}
	return age(c.LastMatchedTime, now) + " ago"
}

func expiryWords(c *AccountCache, now time.Time) string {
	if c.ExpireTime.IsZero() {
		return "never"
	}
	if c.ExpireTime.Before(now) {
		return age(c.ExpireTime, now) + " ago"
	}
	return lasting(c.ExpireTime.Sub(now))
}

// leastKept is what is told as less than that, in any currency.
const leastKept = 0.0001

func keptWords(c *AccountCache) string {
	if c.Cost == nil || c.Cost.KeptSoFar == nil {
		return "?"
	}
	if least := *c.Cost.KeptSoFar; least.Amount > 0 && least.Amount < leastKept {
		least.Amount = leastKept
		return "< " + least.String() // of a new cache: its digits mean nothing
	}
	if c.Cost.StoredAtMost && c.Cost.KeptSoFar.Amount > 0 {
		return "<= " + c.Cost.KeptSoFar.String()
	}
	return c.Cost.KeptSoFar.String()
}

// accountTotals counts, and adds what keeping all costs.
func accountTotals(a *AccountCaches) string {
	manual, unknown, month, atMost := 0, 0, cost.Money{}, ""
	for i := range a.Caches {
		c := &a.Caches[i]
		if !c.Automatic {
			manual++
		}
		if c.Cost == nil || c.Cost.KeepPerMonth == nil {
			unknown++
			continue
		}
		if sum, err := month.Plus(*c.Cost.KeepPerMonth); err == nil {
			month = sum
			if c.Cost.StoredAtMost {
				atMost = "at most "
			}
		}
	}
	caches := count(len(a.Caches), "cache")
	if len(a.Caches) == 0 {
		caches = "No image cache"
	}
	words := fmt.Sprintf("%s in %s: %s, %d automatic.", caches, a.Region, quotaWords(manual, "manual", a.Manual), len(a.Caches)-manual)
	if month.PriceDate != "" {
		words += fmt.Sprintf(" Keeping them costs %s%s a month", atMost, month)
		if unknown > 0 {
			words += fmt.Sprintf(", without %d of which that is not known", unknown)
		}
		words += fmt.Sprintf(" (estimated, prices of %s).", month.PriceDate)
	}
	if n := len(drifted(a)); n > 0 {
		words += fmt.Sprintf(" %s drifted: build anew by cachebench cache update --rebuild.", count(n, "cache"))
	}
	return words
}

func quotaWords(n int, kind string, q *CacheQuota) string {
	if q == nil {
		return fmt.Sprintf("%d %s", n, kind)
	}
	return fmt.Sprintf("%d %s (the account has %d of at most %d)", n, kind, q.Used, q.Max)
}

func drifted(a *AccountCaches) []*AccountCache {
	var list []*AccountCache
	for i := range a.Caches {
		if a.Caches[i].Drift == DriftDrifted {
			list = append(list, &a.Caches[i])
		}
	}
	return list
}

// CacheText shows caches one by one, with all that is known of each.
func CacheText(a *AccountCaches) []byte {
	var b strings.Builder
	for i := range a.Caches {
		if i > 0 {
			b.WriteString("\n")
		}
		cacheText(&b, &a.Caches[i], a.At)
	}
	for _, doubt := range a.Doubts {
		b.WriteString(strings.Join(wrap("Not known: "+doubt, 0), "\n") + "\n")
	}
	return []byte(b.String())
}

func cacheText(b *strings.Builder, c *AccountCache, now time.Time) {
	title := c.ID
	if c.Name != "" {
		title = c.Name + " (" + c.ID + ")"
	}
	b.WriteString(strings.Join(wrap(title+": "+statusWords(c), 0), "\n") + "\n")
	line := func(key, value string) {
		if value == "" {
			return
		}
		lines := wrap(value, 18)
		lines[0] = fmt.Sprintf("  %-16s", key) + lines[0][18:]
		b.WriteString(strings.Join(lines, "\n") + "\n")
	}
	if c.Automatic {
		line("automatic", "made by ECI for container group "+known(c.GroupID))
	}
	line("size", numberOrUnknown(c.SizeGiB)+" GiB")
	line("created", moment(c.CreationTime, now))
	line("last match", moment(c.LastMatchedTime, now))
	line("expires", expiryLine(c, now))
	line("elimination", c.EliminationStrategy)
	line("snapshot", strings.TrimSpace(c.SnapshotID+localWords(c)))
	line("helper group", c.HelperGroupID)
	line("resource group", c.ResourceGroupID)
	line("tags", tagWords(c.Tags))
	for i, image := range c.Images {
		line([]string{"images", ""}[min(i, 1)], imageLine(&image))
	}
	costLines(line, c)
	for i, e := range c.Events {
		line([]string{"events", ""}[min(i, 1)], eventLine(&e))
	}
}

func localWords(c *AccountCache) string {
	if c.FlashSnapshotID == "" {
		return ""
	}
	return " local " + c.FlashSnapshotID
}

func moment(t, now time.Time) string {
	if t.IsZero() {
		return "never, or not told"
	}
	return fmt.Sprintf("%s UTC, %s ago", stamp(t), age(t, now))
}

func expiryLine(c *AccountCache, now time.Time) string {
	if c.ExpireTime.IsZero() {
		return "never"
	}
	if c.ExpireTime.Before(now) {
		return fmt.Sprintf("%s UTC, expired %s ago", stamp(c.ExpireTime), age(c.ExpireTime, now))
	}
	return fmt.Sprintf("%s UTC, in %s", stamp(c.ExpireTime), lasting(c.ExpireTime.Sub(now)))
}

func tagWords(tags map[string]string) string {
	var list []string
	for key, value := range tags {
		list = append(list, key+"="+value)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func imageLine(image *AccountImage) string {
	if image.Drift == "" {
		return image.Reference
	}
	words := image.Reference + ": " + image.Drift
	if image.Reason != "" {
		words += ", " + image.Reason
	}
	return words
}

func costLines(line func(key, value string), c *AccountCache) {
	if c.Cost == nil {
		return
	}
	atMost := ""
	if c.Cost.StoredAtMost {
		atMost = "at most "
	}
	money := func(key, words string, m *cost.Money) {
		if m != nil {
			line(key, fmt.Sprintf(words, m))
		}
	}
	if c.Cost.StoredBytes > 0 {
		line("stored", atMost+size(c.Cost.StoredBytes))
	}
	money("build", "at least %s, from the start of its last build to its latest event", c.Cost.Build)
	money("keep", atMost+"%s a month", c.Cost.KeepPerMonth)
	money("kept so far", atMost+"%s", c.Cost.KeptSoFar)
	money("use", "%s an hour for every instance started from it", c.Cost.UsePerInstanceHour)
	for _, m := range []*cost.Money{c.Cost.UsePerInstanceHour, c.Cost.KeepPerMonth, c.Cost.Build} {
		if m != nil && m.PriceDate != "" {
			line("prices", "of "+m.PriceDate+"; all of these amounts are estimated")
			break
		}
	}
}

func eventLine(e *CacheEvent) string {
	words := e.Reason + ": " + e.Message
	if e.Reason == "" {
		words = e.Message
	}
	if e.Type != "" && e.Type != "Normal" {
		words = e.Type + " " + words
	}
	if e.Count > 1 {
		words += fmt.Sprintf(" (%d times)", e.Count)
	}
	if !e.Time.IsZero() {
		words = stampSeconds(e.Time) + " " + words
	}
	return words
}

func stampSeconds(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }
