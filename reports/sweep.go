package reports

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

// SweepResultKind is the kind of what a sweep, or a shard of it, came to.
const SweepResultKind = "SweepResult"

// SweepResult is what the runs of a sweep came to, or those of one shard.
type SweepResult struct {
	// Version of cachebench, Model of the simulation.
	Version string `json:"version" document:"required"`
	Model   int    `json:"model"`
	// Sweep is the digest of the sweep file and of every file that it names.
	Sweep layers.Digest `json:"sweepDigest" document:"required"`
	// GridRuns is how many runs the whole grid has.
	GridRuns int `json:"gridRuns"`
	// Shard says which part this is; absent of the whole.
	Shard *SweepShard `json:"shard,omitempty"`
	// Runs are in the order of the grid. Of a sweep that was interrupted they are those
	// that were made.
	Runs []SweepRun `json:"runs" document:"required"`
}

// SweepShard is one of several parts of a grid.
type SweepShard struct {
	// Index counts from 0.
	Index int `json:"index"`
	Of    int `json:"of"`
}

// SweepRun is what one run of a grid came to.
type SweepRun struct {
	// Run is its place in the grid, from 0.
	Run      int    `json:"run"`
	Scenario string `json:"scenario" document:"required"`
	// Parameters are those of the sweep with their values, as the sweep writes them.
	Parameters []SweepValue `json:"parameters,omitempty"`
	Seed       uint64       `json:"seed"`
	// Inputs are the files that the run was made from.
	Inputs []simulate.Input `json:"inputs,omitempty"`
	// Profile is its name, ProfileDigest that of its values.
	Profile       string        `json:"profile,omitempty"`
	ProfileDigest layers.Digest `json:"profileDigest,omitempty"`
	// WorkloadDigest tells apart what is started when; absent where nothing was simulated.
	WorkloadDigest layers.Digest `json:"workloadDigest,omitempty"`
	// Platform is that of the images, CoverageFraction the share of the starts whose images
	// could be read, UnreadLayers how many layers could not be. Absent where they are not
	// known, or none.
	Platform         string   `json:"platform,omitempty"`
	CoverageFraction *float64 `json:"coverageFraction,omitempty"`
	UnreadLayers     int      `json:"unreadLayers,omitempty"`
	// Failure says why the run has no result, or one that is not whole. LimitNotMet says
	// that it is that no plan keeps the limit.
	Failure     string `json:"failure,omitempty"`
	LimitNotMet bool   `json:"limitNotMet,omitempty"`
	// Plan is absent where none was made.
	Plan *SweepPlan `json:"plan,omitempty"`
	// Arms are the startups of each arm, of all apps together and then of each.
	Arms []SweepArm `json:"arms" document:"required"`
}

// SweepValue is a parameter with its value.
type SweepValue struct {
	Key   string `json:"key" document:"required"`
	Value string `json:"value"`
}

// SweepPlan is what a run's plan comes to.
type SweepPlan struct {
	Verdict string `json:"verdict" document:"required"`
	// Advice is what to do first where that is not what the verdict says: turn on automatic
	// caches, which are free and do better than what is built.
	Advice string `json:"advice,omitempty"`
	Status string `json:"status"`
	Caches int    `json:"caches"`
	// Saved is startup time saved a month beyond the baseline.
	Saved time.Duration `json:"savedSeconds" document:"signed"`
	// Bill is what the caches cost a month; NetSaved what the plan saves of all that is
	// paid. Absent where the plan has no totals.
	Bill     *cost.Money `json:"billPerMonth,omitempty"`
	NetSaved *cost.Money `json:"netSavedPerMonth,omitempty"`
}

// SweepArm is what the startups of one arm came to.
type SweepArm struct {
	Arm string `json:"arm" document:"required"`
	// App is empty for all apps together.
	App      string             `json:"app,omitempty"`
	Starts   int64              `json:"starts"`
	P50      simulate.Statistic `json:"p50Seconds"`
	P90      simulate.Statistic `json:"p90Seconds"`
	P99      simulate.Statistic `json:"p99Seconds"`
	Mean     simulate.Statistic `json:"meanSeconds"`
	Slowest  simulate.Statistic `json:"slowestSeconds"`
	Makespan simulate.Statistic `json:"makespanSeconds"`
	Fetched  simulate.Statistic `json:"fetchedBytes"`
	Hits     simulate.Statistic `json:"hits"`
	Partials simulate.Statistic `json:"partials"`
	Misses   simulate.Statistic `json:"misses"`
}

// Take puts the results of a run's stages in; either may be nil.
func (r *SweepRun) Take(p *plan.Plan, t *simulate.Timeline) {
	if p != nil {
		r.Plan = &SweepPlan{Verdict: p.Verdict, Status: p.Status, Caches: len(p.Caches), Saved: p.SavedSeconds}
		if advice := p.Advice(); advice != p.Verdict {
			r.Plan.Advice = advice
		}
		for i := range p.Totals {
			if total := &p.Totals[i]; total.Arm == "planned" {
				r.Plan.Bill, r.Plan.NetSaved = &total.Caches, &total.NetSaved
			}
		}
	}
	if t == nil {
		return
	}
	r.WorkloadDigest, r.Platform, r.UnreadLayers = t.Provenance.WorkloadDigest, t.Provenance.Platform, len(t.Provenance.Unread)
	if t.Coverage != nil {
		share := t.Coverage.StartsFraction
		r.CoverageFraction = &share
	}
	for i := range t.Summaries {
		s := &t.Summaries[i]
		r.Arms = append(r.Arms, SweepArm{
			Arm: s.Arm, App: s.App, Starts: s.Starts, P50: s.P50, P90: s.P90, P99: s.P99, Mean: s.Mean, Slowest: s.Slowest, Makespan: s.Makespan,
			Fetched: s.FetchedBytes, Hits: s.Hits, Partials: s.Partials, Misses: s.Misses,
		})
	}
}

// Validate reports runs that are not in the grid's order.
func (r *SweepResult) Validate() error {
	if r.Shard != nil && (r.Shard.Of < 1 || r.Shard.Index < 0 || r.Shard.Index >= r.Shard.Of) {
		return document.At("shard", "shard %d of %d cannot be: they are counted from 0", r.Shard.Index, r.Shard.Of)
	}
	for i := range r.Runs {
		if run := r.Runs[i].Run; run < 0 || run >= r.GridRuns || i > 0 && run <= r.Runs[i-1].Run {
			return document.At(fmt.Sprintf("runs[%d].run", i), "run %d is out of order, or not of a grid of %d runs", run, r.GridRuns)
		}
	}
	return nil
}

// ReadSweepResult reads a result from the bytes of the file called name.
func ReadSweepResult(name string, data []byte) (*SweepResult, error) {
	var r SweepResult
	if err := document.Read(name, data, SweepResultKind, &r); err != nil {
		return nil, err
	}
	return &r, nil
}

// Each are the runs one after another, as WriteSweep takes them.
func (r *SweepResult) Each() iter.Seq2[*SweepRun, error] {
	return func(yield func(*SweepRun, error) bool) {
		for i := range r.Runs {
			if !yield(&r.Runs[i], nil) {
				return
			}
		}
	}
}

// SweepFormats lists the formats of a SweepResult.
func SweepFormats() []Format { return []Format{Text, JSON, CSV, Markdown, HTML, Bench} }

// WriteSweep writes a result whose runs come one after another, so that they need not all
// be in memory; head is the rest of it. The bytes do not depend on where the runs come
// from. The first error of runs ends it.
func WriteSweep(w io.Writer, format Format, head *SweepResult, runs iter.Seq2[*SweepRun, error]) error {
	var s sweepWriter
	switch format {
	case JSON:
		s = &sweepJSON{head: head}
	case CSV:
		s = &sweepCSV{}
	case Text:
		s = &sweepTable{head: head}
	case Markdown:
		s = &sweepTable{head: head, markdown: true}
	case HTML:
		s = newSweepPage(head)
	case Bench:
		s = &sweepBench{head: head}
	default:
		_, err := ParseFormat(string(format), SweepFormats()...)
		return err
	}
	write := func(data []byte, err error) error {
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			return fmt.Errorf("write the sweep: %w", err)
		}
		return nil
	}
	if err := write(s.begin()); err != nil {
		return err
	}
	for run, err := range runs {
		if err != nil {
			return err
		}
		if err := write(s.run(run)); err != nil {
			return err
		}
	}
	return write(s.end())
}

// sweepWriter writes a result in one format; each part is written before the next is
// asked for.
type sweepWriter interface {
	begin() ([]byte, error)
	run(*SweepRun) ([]byte, error)
	end() ([]byte, error)
}

// sweepJSON writes the bytes that the document of the whole has.
type sweepJSON struct {
	head *SweepResult
	some bool
}

// The runs of a document stand between these.
const (
	sweepListBegins = "\"runs\": ["
	sweepListEnds   = "\n  ]\n}\n"
)

func (s *sweepJSON) begin() ([]byte, error) {
	head := *s.head
	head.Runs = []SweepRun{}
	data, err := document.Marshal(SweepResultKind, &head)
	if err != nil {
		return nil, err
	}
	before, _, ok := bytes.Cut(data, []byte(sweepListBegins))
	if !ok {
		return nil, errors.New("a sweep's document has no runs")
	}
	return append(before, sweepListBegins...), nil
}

func (s *sweepJSON) run(r *SweepRun) ([]byte, error) {
	one := SweepResult{Version: s.head.Version, Sweep: s.head.Sweep, GridRuns: s.head.GridRuns, Runs: []SweepRun{*r}}
	data, err := document.Marshal(SweepResultKind, &one)
	if err != nil {
		return nil, err
	}
	_, item, ok := bytes.Cut(data, []byte(sweepListBegins))
	if !ok || !bytes.HasSuffix(item, []byte(sweepListEnds)) {
		return nil, errors.New("a run of a sweep's document is not where it is looked for")
	}
	item = bytes.TrimSuffix(item, []byte(sweepListEnds))
	if s.some {
		item = append([]byte(","), item...)
	}
	s.some = true
	return item, nil
}

func (s *sweepJSON) end() ([]byte, error) {
	if !s.some {
		return []byte("]\n}\n"), nil
	}
	return []byte(sweepListEnds), nil
}

// sweepCSV has a row for each run, arm and app.
type sweepCSV struct{}

func (s *sweepCSV) begin() ([]byte, error) {
	return csvLine("run", "scenario", "parameters", "seed", "arm", "app", "starts", "p50_seconds", "p90_seconds", "p99_seconds", "mean_seconds", "slowest_seconds", "makespan_seconds",
		"fetched_bytes", "hits", "partials", "misses", "verdict", "caches", "saved_seconds", "bill_per_month", "net_saved_per_month", "currency", "failure", "advice")
}

func (s *sweepCSV) run(r *SweepRun) ([]byte, error) {
	end := []string{"", "", "", "", "", ""}
	last := []string{r.Failure, ""}
	if p := r.Plan; p != nil {
		last[1] = p.Advice
		end = []string{p.Verdict, fmt.Sprint(p.Caches), exact(p.Saved.Seconds()), "", "", ""}
		if p.Bill != nil && p.NetSaved != nil {
			end[3], end[4], end[5] = exact(p.Bill.Amount), exact(p.NetSaved.Amount), p.Bill.Currency
		}
	}
	begin := []string{fmt.Sprint(r.Run), r.Scenario, r.values(), fmt.Sprint(r.Seed)}
	if len(r.Arms) == 0 {
		return csvLine(slices.Concat(begin, make([]string, 13), end, last)...)
	}
	var all []byte
	for i := range r.Arms {
		a := &r.Arms[i]
		cells := slices.Concat(begin, []string{a.Arm, a.App, fmt.Sprint(a.Starts)})
		for _, v := range []simulate.Statistic{a.P50, a.P90, a.P99, a.Mean, a.Slowest, a.Makespan, a.Fetched, a.Hits, a.Partials, a.Misses} {
			cells = append(cells, exact(v.Value))
		}
		line, err := csvLine(slices.Concat(cells, end, last)...)
		if err != nil {
			return nil, err
		}
		all = append(all, line...)
	}
	return all, nil
}

func (s *sweepCSV) end() ([]byte, error) { return nil, nil }

// combination is the scenario with the parameters' values, for people.
func (r *SweepRun) combination() string {
	return strings.TrimSpace(r.Scenario + " " + r.values())
}

// values are the parameters' values, for people.
func (r *SweepRun) values() string {
	var words []string
	for _, p := range r.Parameters {
		words = append(words, p.Key+"="+p.Value)
	}
	return strings.Join(words, " ")
}
