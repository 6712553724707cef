package reports

import (
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
)

// baselineRow is what a month of one app's starts finds, in starts.
type baselineRow struct {
	app                                          string
	starts, nothing, partly, automatic, existing int
}

// baselineRows sums up the matches' outcomes.
func baselineRows(m *matcher.Matches) []baselineRow {
	var rows []baselineRow
	for _, o := range m.Outcomes {
		row := baselineRow{app: o.App, starts: o.Starts}
		for _, f := range o.Found {
			switch {
			case (f.Images != nil || f.Stale != nil) && !f.Full:
				row.partly += f.Starts
			case f.Automatic:
				row.automatic += f.Starts
			case f.CacheID != "":
				row.existing += f.Starts
			default:
				row.nothing += f.Starts
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// baselineCaption heads the table of baselineRows.
func baselineCaption(m *matcher.Matches) string {
	if m.Span != nil {
		return "What the starts of the trace find without a plan (replayed, " + document.FormatTime(*m.Span) + ")"
	}
	return "What a month of starts finds without a plan (replayed)"
}

func (r baselineRow) share(starts int) string {
	return percent(float64(starts) / float64(max(1, r.starts)))
}

// baseline prints what the automatic caches do by themselves.
func (p *printer) baseline(m *matcher.Matches) {
	if m == nil || len(m.Outcomes) == 0 {
		return
	}
	p.heading(baselineCaption(m))
	t := &textTable{heads: []string{"app", ">starts", ">no cache", ">part of it", ">automatic cache", ">existing cache"}}
	rows := baselineRows(m)
	for _, r := range rows[:min(len(rows), maxTextApps)] {
		t.add("", r.app, number(float64(r.starts)), r.share(r.nothing), r.share(r.partly), r.share(r.automatic), r.share(r.existing))
	}
	p.table(t)
	p.more(len(rows))
}

func baselineTable(m *matcher.Matches) *table {
	t := newTable(baselineCaption(m), "app", ">starts", ">no cache", ">part of it", ">automatic cache", ">existing cache")
	for _, r := range baselineRows(m) {
		t.add(wordCell(r.app), countCell(r.starts), countCell(r.nothing), countCell(r.partly), countCell(r.automatic), countCell(r.existing))
	}
	return t.unlessEmpty()
}
