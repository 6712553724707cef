package reports

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// row is one figure of the startups, for tables that programs read.
type row struct {
	source, arm, app string // app is empty for all together
	figure           string // as ready_p50; a difference's is saved_p50_vs_cold
	unit             string // s, B, B/s, 1/s, starts, retries or images
	from, to         *time.Duration
	value            simulate.Statistic
	repeats          int
}

// rows are all figures: of each arm and app, of each two arms, and of each bucket
// of what happened over time.
func (r *Report) rows() []row {
	var list []row
	for _, summaries := range [][]Summary{r.Arms, r.Summaries} {
		for i := range summaries {
			list = append(list, r.summaryRows(&summaries[i])...)
		}
	}
	for i := range r.Differences {
		list = append(list, differenceRows(&r.Differences[i])...)
	}
	for i := range r.Observations {
		list = append(list, observationRows(&r.Observations[i])...)
	}
	return list
}

// summaryRows are the figures of one arm and app: over the repeats where there are
// several, counts and bytes then of one repeat as the number of starts beside them
// is; else those of the startups.
func (r *Report) summaryRows(s *Summary) []row {
	x := r.repeatsOf(s)
	if x == nil {
		x = statisticsOf(s)
	}
	list := []row{
		{figure: "ready_p50", unit: "s", value: x.P50}, {figure: "ready_p90", unit: "s", value: x.P90}, {figure: "ready_p99", unit: "s", value: x.P99},
		{figure: "ready_mean", unit: "s", value: x.Mean}, {figure: "ready_slowest", unit: "s", value: x.Slowest}, {figure: "makespan", unit: "s", value: x.Makespan},
		{figure: "fetched", unit: "B", value: x.FetchedBytes}, {figure: "unpacked", unit: "B", value: x.UnpackedBytes},
		{figure: "hits", unit: "starts", value: x.Hits}, {figure: "partial_hits", unit: "starts", value: x.Partials}, {figure: "misses", unit: "starts", value: x.Misses},
		{figure: "starts", unit: "starts", value: simulate.Statistic{Value: float64(x.Starts)}},
		{figure: "retries", unit: "retries", value: x.Retries}, {figure: "wasted", unit: "B", value: x.WastedBytes},
		{figure: "evicted_images", unit: "images", value: x.EvictedImages}, {figure: "refetched", unit: "B", value: x.RefetchedBytes},
	}
	if s.Unsized {
		list = slices.DeleteFunc(list, func(x row) bool { return x.unit == "B" })
	}
	for _, phase := range phaseNames {
		if p := x.MeanPhases.Of(phase); p != nil {
			list = append(list, row{figure: "phase_" + string(phase) + "_mean", unit: "s", value: *p})
		}
	}
	for i := range list {
		list[i].source, list[i].arm, list[i].app, list[i].repeats = s.Source, s.Arm, s.App, max(1, x.Repeats)
	}
	return list
}

// statisticsOf are the figures of startups without intervals.
func statisticsOf(s *Summary) *simulate.Summary {
	seconds := func(d time.Duration) simulate.Statistic { return simulate.Statistic{Value: d.Seconds()} }
	amount := func(n int) simulate.Statistic { return simulate.Statistic{Value: float64(n)} }
	x := &simulate.Summary{
		P50: seconds(s.P50), P90: seconds(s.P90), P99: seconds(s.P99), Mean: seconds(s.Mean), Slowest: seconds(s.Slowest), Makespan: seconds(s.Makespan),
		FetchedBytes:  simulate.Statistic{Value: float64(s.MeanFetchedBytes) * float64(s.Starts)},
		UnpackedBytes: simulate.Statistic{Value: float64(s.MeanUnpackedBytes) * float64(s.Starts)},
		Hits:          amount(s.Hits), Partials: amount(s.Partials), Misses: amount(s.Misses), Starts: int64(s.Starts),
		Retries: amount(s.Retries), WastedBytes: simulate.Statistic{Value: float64(s.WastedBytes)},
		EvictedImages: amount(s.EvictedImages), RefetchedBytes: simulate.Statistic{Value: float64(s.RefetchedBytes)},
	}
	for _, p := range phaseNames {
		if d, known := s.MeanPhases.Of(p); known {
			x.MeanPhases.Set(p, seconds(d))
		}
	}
	return x
}

func differenceRows(d *simulate.Difference) []row {
	list := []row{
		{figure: "saved_mean", unit: "s", value: d.Mean}, {figure: "saved_p50", unit: "s", value: d.P50}, {figure: "saved_p90", unit: "s", value: d.P90},
		{figure: "saved_p99", unit: "s", value: d.P99}, {figure: "saved_makespan", unit: "s", value: d.Makespan}, {figure: "saved_fetched", unit: "B", value: d.FetchedBytes},
	}
	for i := range list {
		x := &list[i]
		x.source, x.arm, x.app, x.repeats = d.Source, d.Arm, d.App, d.Repeats
		x.figure += "_vs_" + d.Base
	}
	return list
}

func observationRows(o *simulate.Observation) []row {
	var list []row
	add := func(figure, unit string, c *simulate.Course) {
		for i, mean := range c.Mean {
			from, to := time.Duration(i)*o.Bucket, time.Duration(i+1)*o.Bucket
			x := row{source: o.Source, arm: o.Arm, figure: figure, unit: unit, from: &from, to: &to, repeats: o.Repeats, value: simulate.Statistic{Value: mean}}
			if i < len(c.Low) && i < len(c.High) {
				level := simulate.Level
				x.value.Low, x.value.High, x.value.Level = &c.Low[i], &c.High[i], &level
			}
			list = append(list, x)
		}
	}
	for i := range o.Links {
		add("link_"+o.Links[i].Link, "B/s", &o.Links[i].Carried)
	}
	add("registry_requests", "1/s", &o.Requests)
	add("starts_in_flight", "starts", &o.InFlight)
	return list
}

// errNoStartups is the error of a table of startups without any.
func errNoStartups(format Format) error {
	return fmt.Errorf("format %s has startup times only, and this report has none: give a timeline, or another format", format)
}

// csvTable writes every figure as a row of its own (RFC 4180), numbers in full
// and units in a column. What is unknown is empty.
func csvTable(r *Report) ([]byte, error) {
	list := r.rows()
	if len(list) == 0 && r.Plan != nil && !onlyPools(r.Plan) {
		return planCSV(r.Plan)
	}
	if len(list) == 0 && r.Plan != nil {
		return poolsCSV(r.Plan.Pools)
	}
	if len(list) == 0 {
		return nil, errNoStartups(CSV)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"source", "arm", "app", "figure", "unit", "from_seconds", "to_seconds", "value", "low", "high", "level", "repeats"})
	for i := range list {
		x := &list[i]
		w.Write([]string{x.source, x.arm, x.app, x.figure, x.unit, secondsField(x.from), secondsField(x.to),
			exact(x.value.Value), field(x.value.Low), field(x.value.High), field(x.value.Level), strconv.Itoa(x.repeats)})
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func field(v *float64) string {
	if v == nil {
		return ""
	}
	return exact(*v)
}

func secondsField(d *time.Duration) string {
	if d == nil {
		return ""
	}
	return exact(d.Seconds())
}
