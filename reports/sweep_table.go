package reports

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/sketch"
)

func csvLine(cells ...string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	err := w.Write(cells)
	w.Flush()
	return b.Bytes(), err
}

// sweepTable has a row for each combination of the grid and each arm, over its seeds.
type sweepTable struct {
	head     *SweepResult
	markdown bool
	// point is the combination whose runs are gathered, parameters its values, arms what
	// they came to.
	point, scenario string
	parameters      []SweepValue
	arms            []sweepSeeds
	made            int
	failures        []string
	// failed have no result; noted are those too whose limit no plan keeps.
	failed, noted int
}

// sweepSeeds are the figures of an arm over the seeds of a combination.
type sweepSeeds struct {
	arm, advice string
	// first is what to do first, as the plans of all seeds say.
	first          string
	p50, p99, last []float64
	fetched, bill  []float64
	currency       string
	// once50 and once99 are the intervals of the quantiles over the repeats of the first seed.
	once50, once99 *sketch.Interval
}

const mostSweepFailures = 10

func (s *sweepTable) begin() ([]byte, error) {
	var b bytes.Buffer
	what := fmt.Sprintf("Sweep of %s", count(s.head.GridRuns, "run"))
	if s.head.Shard != nil {
		what += fmt.Sprintf(", shard %d of %d (counted from 0)", s.head.Shard.Index, s.head.Shard.Of)
	}
	what += ": all apps of a run together; over seeds the mean, with its interval (95 %)."
	if s.markdown {
		fmt.Fprintf(&b, "**%s**\n\n| combination | arm | seeds | p50 | p99 | last ready | fetched | bill a month | plan |\n|---|---|--:|--:|--:|--:|--:|--:|---|\n", what)
		return b.Bytes(), nil
	}
	for _, line := range wrap(what, 0) {
		b.WriteString(line + "\n")
	}
	return b.Bytes(), nil
}

func (s *sweepTable) run(r *SweepRun) ([]byte, error) {
	var done []byte
	if s.begins(r) {
		done = s.flush()
	}
	s.gather(r)
	return done, nil
}

// begins says that the runs of the combination before are all there.
func (s *sweepTable) begins(r *SweepRun) bool { return s.made > 0 && r.combination() != s.point }

// gather adds a run to those of its combination.
func (s *sweepTable) gather(r *SweepRun) {
	s.point, s.scenario, s.parameters = r.combination(), r.Scenario, r.Parameters
	s.made++
	if r.Failure != "" {
		if r.Failed() {
			s.failed++
		}
		if s.noted++; len(s.failures) < mostSweepFailures {
			s.failures = append(s.failures, fmt.Sprintf("run %d (%s, seed %d): %s", r.Run, s.point, r.Seed, r.Failure))
		}
	}
	for i := range r.Arms {
		if a := &r.Arms[i]; a.App == "" {
			s.add(a, r.Plan)
		}
	}
}

func (s *sweepTable) add(a *SweepArm, p *SweepPlan) {
	var of *sweepSeeds
	for i := range s.arms {
		if s.arms[i].arm == a.Arm {
			of = &s.arms[i]
		}
	}
	if of == nil {
		s.arms = append(s.arms, sweepSeeds{arm: a.Arm, once50: a.P50.Interval(), once99: a.P99.Interval()})
		of = &s.arms[len(s.arms)-1]
	}
	of.p50, of.p99, of.last = append(of.p50, a.P50.Value), append(of.p99, a.P99.Value), append(of.last, a.Makespan.Value)
	of.fetched = append(of.fetched, a.Fetched.Value)
	if p == nil || a.Arm != simulate.ArmCached {
		return
	}
	of.advice = orDiffers(of.advice, p.words())
	of.first = orDiffers(of.first, cmpOr(p.Advice, p.Verdict))
	if p.Bill != nil {
		of.bill, of.currency = append(of.bill, p.Bill.Amount), p.Bill.Currency
	}
}

// orDiffers is what seeds have in common.
func orDiffers(before, now string) string {
	if before == "" || before == now {
		return now
	}
	return "differs by seed"
}

// words are what a plan advises; what is planned stands last where something free does better.
func (p *SweepPlan) words() string {
	words := p.Verdict
	if p.Caches > 0 {
		words += ", " + count(p.Caches, "cache")
	}
	if p.Advice != "" {
		return p.Advice + " (planned: " + words + ")"
	}
	return words
}

// flush writes the combination whose runs are all there.
func (s *sweepTable) flush() []byte {
	var b bytes.Buffer
	if s.markdown {
		for i := range s.arms {
			a := &s.arms[i]
			fmt.Fprintf(&b, "| %s | %s | %d | %s | %s | %s | %s | %s | %s |\n", codeSpan(ellipsis(s.point, 200)), a.arm, len(a.p50),
				overSeeds(a.p50, secondsOf), overSeeds(a.p99, secondsOf), overSeeds(a.last, secondsOf), overSeeds(a.fetched, bytesOf), a.billWords(), markdownText(a.advice))
		}
	} else {
		b.WriteString("\n")
		for _, line := range wrap(s.point, 0) {
			b.WriteString(line + "\n")
		}
		t := &textTable{whole: true, heads: []string{"arm", ">seeds", ">p50", ">p99", ">fetched", ">bill a month", "plan"}}
		for i := range s.arms {
			a := &s.arms[i]
			t.add("", a.arm, fmt.Sprint(len(a.p50)), overSeeds(a.p50, secondsOf), overSeeds(a.p99, secondsOf), overSeeds(a.fetched, bytesOf), a.billWords(), a.advice)
		}
		heads, lines := t.lines()
		if len(s.arms) == 0 {
			heads, lines = nil, []string{"  no run of it has startups"}
		}
		for _, line := range append(heads, lines...) {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	s.arms = nil
	return b.Bytes()
}

func (a *sweepSeeds) billWords() string {
	if len(a.bill) == 0 {
		return ""
	}
	return overSeeds(a.bill, func(v float64) string { return amountWords(v, a.currency) })
}

func bytesOf(v float64) string { return amountWords(v, UnitBytes) }

// overSeeds writes the mean of values, with half its interval where there is one.
func overSeeds(values []float64, words func(float64) string) string {
	interval, err := sketch.MeanInterval(values, simulate.Level)
	if err != nil || len(values) == 0 {
		return "-"
	}
	if interval == nil {
		return words(values[0])
	}
	const noise = 1e-9
	if interval.High-interval.Low <= noise*interval.Value {
		return words(interval.Value)
	}
	return words(interval.Value) + " ±" + words(interval.High-interval.Value)
}

// interrupted says that runs are missing; empty where none is.
func (s *sweepTable) interrupted() string {
	if from, to := s.head.Shard.Range(s.head.GridRuns); s.made < to-from {
		return fmt.Sprintf("Interrupted: %d of %s are made.", s.made, count(to-from, "run"))
	}
	return ""
}

// notedWords count the runs without a result, or without a plan that keeps the limit.
func (s *sweepTable) notedWords() string {
	if s.failed == 0 {
		return count(s.noted, "run") + " without a plan that keeps the limit"
	}
	what := fmt.Sprintf("%s failed", count(s.failed, "run"))
	if s.failed < s.noted {
		what += fmt.Sprintf(", %d more without a plan that keeps the limit", s.noted-s.failed)
	}
	return what
}

func (s *sweepTable) end() ([]byte, error) {
	var b bytes.Buffer
	if s.made > 0 {
		b.Write(s.flush())
	}
	if words := s.interrupted(); words != "" {
		fmt.Fprintf(&b, "\n%s\n", words)
	}
	if s.noted > 0 {
		fmt.Fprintf(&b, "\n%s:\n", s.notedWords())
		if s.markdown {
			b.WriteString("\n")
		}
		for _, f := range s.failures {
			if s.markdown {
				fmt.Fprintf(&b, "- %s\n", markdownText(ellipsis(f, 500)))
				continue
			}
			for _, line := range wrap(f, 2) {
				b.WriteString(line + "\n")
			}
		}
		if rest := s.noted - len(s.failures); rest > 0 {
			fmt.Fprintf(&b, "\nand %d more: see --output json or csv\n", rest)
		}
	}
	return b.Bytes(), nil
}

// Range are the runs of a shard of a grid: from up to and without to; all where there are
// no shards. They are neighbours, so that what shards come to, in the order of the shards,
// is in that of the grid.
func (s *SweepShard) Range(gridRuns int) (from, to int) {
	if s == nil {
		return 0, gridRuns
	}
	at := func(i int) int { return int(int64(gridRuns) * int64(i) / int64(s.Of)) }
	return at(s.Index), at(s.Index + 1)
}

// Whole says that all runs are there that there are to be.
func (r *SweepResult) Whole() bool {
	from, to := r.Shard.Range(r.GridRuns)
	return len(r.Runs) == to-from && (to == from || r.Runs[0].Run == from && r.Runs[len(r.Runs)-1].Run == to-1)
}

// Failed counts the runs without a result, or with one that is not whole.
func (r *SweepResult) Failed() int {
	n := 0
	for i := range r.Runs {
		if r.Runs[i].Failed() {
			n++
		}
	}
	return n
}

// Failed says that the run has no result, or one that is not whole. A limit that no plan
// keeps is a result.
func (r *SweepRun) Failed() bool { return r.Failure != "" && !r.LimitNotMet }
