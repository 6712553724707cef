package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/cost"
)

// CacheChangesText tells changes for a terminal: a line each with what is behind it; of
// those that are planned, what they cost.
func CacheChangesText(c *CacheChanges) []byte {
	var b strings.Builder
	planned := slices.ContainsFunc(c.Changes, func(change CacheChange) bool { return change.Outcome == OutcomePlanned })
	t := &textTable{heads: []string{"cache", "change", "id", ">GiB", ">build", ">keep/month", ">use/hour", "outcome"}}
	for i := range c.Changes {
		change := &c.Changes[i]
		price := change.Cost
		if price == nil {
			price = &ChangeCost{}
		}
		t.add(changeNote(change, planned), known(change.Name), change.Action, known(change.ID), gibWords(change.SizeGiB),
			atMoney(">= ", price.BuildAtLeast, price.Build), atMoney("<= ", price.KeepAtMost, price.KeepPerMonth), atMoney("", false, price.UsePerInstanceHour),
			outcomeWords(change))
	}
	if len(c.Changes) > 0 {
		b.WriteString(t.text() + "\n")
	}
	sentences := []string{changesHeadline(c)}
	if planned {
		sentences = append(sentences, changesCost(c)...)
	}
	for _, sentence := range sentences {
		b.WriteString(strings.Join(wrap(sentence, 0), "\n") + "\n")
	}
	for _, doubt := range c.Doubts {
		b.WriteString(strings.Join(wrap("Not known: "+doubt, 0), "\n") + "\n")
	}
	return []byte(b.String())
}

func gibWords(n int) string {
	if n == 0 {
		return "-"
	}
	return decimal(float64(n), 0)
}

func atMoney(bound string, is bool, m *cost.Money) string {
	switch {
	case m == nil:
		return "-"
	case is:
		return bound + m.String()
	}
	return m.String()
}

func outcomeWords(c *CacheChange) string {
	switch {
	case c.Status == "" || c.Action == ChangeDelete:
		return c.Outcome
	case c.Action == ChangeKeep:
		return c.Status
	}
	return c.Outcome + ", " + c.Status
}

// changeNote is what stands below a change; whether images fit is of what is planned.
func changeNote(c *CacheChange, planned bool) string {
	var notes []string
	if c.Action == ChangeCreate || c.Action == ChangeDelete {
		notes = append(notes, some(c.Images, 6))
	}
	for _, d := range c.Differs {
		notes = append(notes, changedWords(&d))
	}
	notes = append(notes, c.Reason)
	if planned {
		notes = append(notes, fitWords(c.Fit))
	}
	notes = append(notes, c.Error)
	var said []string
	for _, note := range notes {
		if note != "" {
			said = append(said, strings.TrimSuffix(note, "."))
		}
	}
	return strings.Join(said, "; ")
}

func changedWords(d *CacheDifference) string {
	switch {
	case d.Have == "" && d.Want == "":
		return d.Field
	case d.Have == "":
		return d.Field + ": " + d.Want
	}
	return fmt.Sprintf("%s: %s becomes %s", d.Field, d.Have, known(d.Want))
}

func fitWords(f *CacheFit) string {
	switch {
	case f == nil:
		return ""
	case f.Unknown != "":
		return "whether the images fit is not known: " + f.Unknown
	case f.Fails != "":
		return "the creation fails: " + f.Fails
	case f.MayFail != "":
		return "the creation may fail: " + f.MayFail
	}
	words := size(f.UnpackedBytes) + " unpacked"
	if f.EstimatedBytes > 0 {
		words += fmt.Sprintf(", %s of it estimated", size(f.EstimatedBytes))
	}
	if len(f.ReuseFrom) > 0 {
		words += fmt.Sprintf("; layers of %s are reused, %s are left to download", join(f.ReuseFrom), size(f.DownloadBytes))
	}
	if f.Ready != nil {
		words += "; Ready in " + longTime(*f.Ready) + " (estimated)"
	}
	return words
}

func changesHeadline(c *CacheChanges) string {
	var parts []string
	for _, of := range []struct{ action, planned, done string }{
		{ChangeCreate, "to create", "created"}, {ChangeUpdate, "to update", "updated"}, {ChangeDelete, "to delete", "deleted"}, {ChangeKeep, "kept", "kept"},
	} {
		done, failed, open := 0, 0, 0
		for i := range c.Changes {
			switch change := &c.Changes[i]; {
			case change.Action != of.action:
			case change.Outcome == OutcomeDone:
				done++
			case change.Outcome == OutcomeFailed:
				failed++
			default:
				open++
			}
		}
		for _, n := range []struct {
			n     int
			words string
		}{{done, of.done}, {failed, "not " + of.done}, {open, of.planned}} {
			if n.n > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", n.n, n.words))
			}
		}
	}
	headline := join(parts)
	switch {
	case c.Count(ChangeKeep) == len(c.Changes):
		headline = "Nothing to do"
		if n := len(c.Changes); n > 0 {
			headline += fmt.Sprintf(": %s kept", count(n, "cache"))
		}
	case c.DryRun:
		headline += " (nothing was done)"
	}
	return headline + " in " + c.Region + "."
}

func changesCost(c *CacheChanges) []string {
	if c.Cost == nil {
		return nil
	}
	var list []string
	add := func(words, bound string, is bool, m *cost.Money) {
		if m != nil {
			list = append(list, words+" "+strings.TrimPrefix(atMoney(bound, is, m), " "))
		}
	}
	add("building", "at least ", c.Cost.BuildAtLeast, c.Cost.Build)
	add("keeping", "at most ", c.Cost.KeepAtMost, c.Cost.KeepPerMonth)
	if c.Cost.KeepPerMonth != nil {
		list[len(list)-1] += " a month"
	}
	add("every instance started from one", "", false, c.Cost.UsePerInstanceHour)
	if c.Cost.UsePerInstanceHour != nil {
		list[len(list)-1] += " an hour"
		if n := c.Count(ChangeCreate) + c.Count(ChangeUpdate); n > 1 {
			list[len(list)-1] = fmt.Sprintf("an instance of each of the %d %s an hour", n, c.Cost.UsePerInstanceHour)
		}
	}
	if len(list) == 0 {
		return []string{"What it costs is not known: the price book lacks prices."}
	}
	date := ""
	for _, m := range []*cost.Money{c.Cost.Build, c.Cost.KeepPerMonth, c.Cost.UsePerInstanceHour} {
		if m != nil && m.PriceDate != "" {
			date = ", prices of " + m.PriceDate
		}
	}
	return []string{"Cost (estimated" + date + "): " + strings.Join(list, "; ") + "."}
}
