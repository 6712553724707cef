package reports

import (
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/simulate"
)

// marginCell is a statistic in seconds with its margin; the tooltip has the ends.
func marginCell(s simulate.Statistic) cell {
	return intervalCell(s, withMargin(s), func(v float64) string { return secondsOf(v) })
}

// marginBytesCell is a statistic in bytes with its margin.
func marginBytesCell(s simulate.Statistic) cell {
	return intervalCell(s, sizeWithMargin(s), func(v float64) string { return size(int64(v)) })
}

func intervalCell(s simulate.Statistic, text string, words func(float64) string) cell {
	c := cell{Text: text, Value: exact(s.Value), Number: true}
	if i := s.Interval(); i != nil {
		c.Title = fmt.Sprintf("from %s to %s (%s)", words(i.Low), words(i.High), percent(i.Level))
	}
	return c
}

// longMarginCell is marginCell for times of any size.
func longMarginCell(s simulate.Statistic) cell {
	return intervalCell(s, longWithMargin(s), func(v float64) string { return longTime(durationOf(v)) })
}

func repeatsTable(r *Report) *table {
	if len(r.Repeats) == 0 {
		return nil
	}
	t := newTable(repeatsCaption(r.Repeats)+"; quantiles within "+sketchError(r.Repeats[0].QuantileErrorFraction)+" of the exact ones"+r.cappedWords(),
		"app", "arm", ">starts of a repeat", ">p50", ">p90", ">p99", ">mean", ">slowest", ">last ready", ">fetched", ">retries")
	for _, s := range capped(r, r.Repeats, func(s *simulate.Summary) string { return s.App }) {
		retries := cell{Text: trimmed(s.Retries.Value, 1), Value: exact(s.Retries.Value), Number: true}
		t.add(wordCell(cmpOr(s.App, "all")), wordCell(r.seriesLabel(s.Arm, s.Source)), countCell(int(s.Starts)), marginCell(s.P50), marginCell(s.P90), marginCell(s.P99),
			marginCell(s.Mean), marginCell(s.Slowest), longMarginCell(s.Makespan), marginBytesCell(s.FetchedBytes), retries)
	}
	return t
}

// differencesTable is of all apps together, appDifferencesTable of each.
func differencesTable(r *Report) *table { return r.differencesTable(r.overall(), "") }

func appDifferencesTable(r *Report) *table {
	byApp := slices.DeleteFunc(slices.Clone(r.Differences), func(d simulate.Difference) bool { return d.App == "" })
	return r.differencesTable(byApp, "; by app"+r.cappedWords())
}

func (r *Report) differencesTable(list []simulate.Difference, more string) *table {
	if len(list) == 0 {
		return nil
	}
	t := newTable(differencesCaption(list)+more, "app", "ready sooner", ">mean", ">p50", ">p90", ">p99", ">last ready", ">fetched less")
	for _, d := range capped(r, list, func(d *simulate.Difference) string { return d.App }) {
		t.add(wordCell(cmpOr(d.App, "all")), wordCell(r.pairWords(d)), marginCell(d.Mean), marginCell(d.P50), marginCell(d.P90), marginCell(d.P99),
			longMarginCell(d.Makespan), marginBytesCell(d.FetchedBytes))
	}
	return t
}
