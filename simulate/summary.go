package simulate

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/cachebench/cachebench/simulate/sketch"
)

// Level is the share of intervals that hold the true value.
const Level = 0.95

// Statistic is a figure over repeats: its mean and, where there are several, the
// interval of that mean. The repeats differ in what the profile draws and, where
// starts come at random, in their number and times.
type Statistic struct {
	// Value is the mean over the repeats.
	Value float64 `json:"value" document:"required,signed,unit=parent"`
	// Low and High are the ends of the interval, by Student's t. With one repeat
	// they are unknown and absent.
	Low  *float64 `json:"low,omitempty" document:"signed,unit=parent"`
	High *float64 `json:"high,omitempty" document:"signed,unit=parent"`
	// Level is the share of such intervals that hold the true mean.
	Level *float64 `json:"level,omitempty" document:"unit=fraction"`
}

// Interval returns the interval; nil where it is unknown.
func (s *Statistic) Interval() *sketch.Interval {
	if s.Low == nil || s.High == nil || s.Level == nil {
		return nil
	}
	return &sketch.Interval{Value: s.Value, Low: *s.Low, High: *s.High, Level: *s.Level}
}

// Summary is what the repeats of one source and arm have in common, of one app or
// of all together.
type Summary struct {
	Source string `json:"source" document:"required,enum=simulated|measured|estimated"`
	Arm    string `json:"arm" document:"required"`
	// App is empty for all apps together; each start counts once.
	App string `json:"app,omitempty"`
	// Repeats is how many times everything was simulated, Starts the number of
	// startups of one repeat, the mean where they differ; AllStarts is then that of
	// all repeats together, and absent where they do not.
	Repeats   int   `json:"repeats"`
	Starts    int64 `json:"starts"`
	AllStarts int64 `json:"allStarts,omitempty"`
	// P50, P90, P99, Mean and Slowest are of the times to ready of one repeat.
	// Quantiles are by nearest rank and within QuantileErrorFraction of the exact
	// ones; the mean and the slowest are exact.
	P50     Statistic `json:"p50Seconds"`
	P90     Statistic `json:"p90Seconds"`
	P99     Statistic `json:"p99Seconds"`
	Mean    Statistic `json:"meanSeconds"`
	Slowest Statistic `json:"slowestSeconds"`
	// Makespan is the time from the first request to the last ready.
	Makespan Statistic `json:"makespanSeconds"`
	// FetchedBytes and WastedBytes are compressed, UnpackedBytes uncompressed, of
	// all starts of a repeat together.
	FetchedBytes  Statistic `json:"fetchedBytes"`
	UnpackedBytes Statistic `json:"unpackedBytes"`
	WastedBytes   Statistic `json:"wastedBytes"`
	// Hits, Partials and Misses count the startups of a repeat by the bytes that
	// were present, Retries the pulls that failed and were tried again.
	Hits     Statistic `json:"hits"`
	Partials Statistic `json:"partials"`
	Misses   Statistic `json:"misses"`
	Retries  Statistic `json:"retries"`
	// EvictedImages counts the images that went from full disks for the pulls of a
	// repeat's starts; what nodes' own pods cause is left out.
	EvictedImages Statistic `json:"evictedImages"`
	// RefetchedBytes are compressed, of layers fetched again after that, of all
	// starts of a repeat together.
	RefetchedBytes Statistic `json:"refetchedBytes"`
	// MeanPhases holds for each phase the mean of the startups that state it;
	// absent where none does.
	MeanPhases PhaseStatistics `json:"meanPhases"`
	// QuantileErrorFraction is how far a quantile may be from the exact one, as a
	// share of it.
	QuantileErrorFraction float64 `json:"quantileErrorFraction"`
	// ReadyTimes is the sketch of all times to ready, of all repeats, as package
	// sketch writes it; only for all apps together, and only where the startups
	// are not listed.
	ReadyTimes *sketch.Times `json:"readyTimes,omitempty"`

	// Makespans are those of the repeats that have starts; none of a Summary that was read
	// from a file.
	Makespans []RepeatMakespan `json:"-"`
}

// RepeatMakespan is the Makespan of one repeat, in seconds.
type RepeatMakespan struct {
	Repeat  int
	Seconds float64
}

// EachMakespan returns the Makespan of each repeat that has starts, in seconds, and which
// repeats these are; nil of a Summary that was read from a file.
func (s *Summary) EachMakespan() (seconds []float64, repeats []int) {
	for _, m := range s.Makespans {
		seconds, repeats = append(seconds, m.Seconds), append(repeats, m.Repeat)
	}
	return seconds, repeats
}

// Void counts startups that are void for one reason; no Summary counts them.
type Void struct {
	Source string `json:"source" document:"required,enum=simulated|measured|estimated"`
	Arm    string `json:"arm" document:"required"`
	App    string `json:"app" document:"required"`
	// Reason is the startups' Void; Starts counts those of all repeats.
	Reason string `json:"reason" document:"required"`
	Starts int64  `json:"starts"`
}

// PhaseStatistics are Phases over repeats.
type PhaseStatistics struct {
	Admit     *Statistic `json:"admitSeconds,omitempty"`
	Provision *Statistic `json:"provisionSeconds,omitempty"`
	Attach    *Statistic `json:"attachSeconds,omitempty"`
	Resolve   *Statistic `json:"resolveSeconds,omitempty"`
	Fetch     *Statistic `json:"fetchSeconds,omitempty"`
	Unpack    *Statistic `json:"unpackSeconds,omitempty"`
	Pull      *Statistic `json:"pullSeconds,omitempty"`
	Create    *Statistic `json:"createSeconds,omitempty"`
	Ready     *Statistic `json:"readySeconds,omitempty"`
}

// fields are the places of the phases in the order of AllPhases.
func (p *PhaseStatistics) fields() []**Statistic {
	return []**Statistic{&p.Admit, &p.Provision, &p.Attach, &p.Resolve, &p.Fetch, &p.Unpack, &p.Pull, &p.Create, &p.Ready}
}

// Of returns the statistic of a phase; nil where no startup states it.
func (p *PhaseStatistics) Of(phase Phase) *Statistic {
	if i := slices.Index(AllPhases(), phase); i >= 0 {
		return *p.fields()[i]
	}
	return nil
}

// Set puts a statistic in the place of a phase; a name that is none is ignored.
func (p *PhaseStatistics) Set(phase Phase, s Statistic) {
	if i := slices.Index(AllPhases(), phase); i >= 0 {
		*p.fields()[i] = &s
	}
}

// Difference is how much sooner starts are ready in one arm than in another. Both
// arms had the same random numbers in each repeat, so that what these do to both
// cancels: its interval is that of the differences of each repeat.
type Difference struct {
	Source string `json:"source" document:"required,enum=simulated|measured|estimated"`
	// Base is the arm that is compared with, Arm the other: figures are Base's
	// less Arm's, so above 0 where Arm is better.
	Base string `json:"base" document:"required"`
	Arm  string `json:"arm" document:"required"`
	// App is empty for all apps together.
	App     string    `json:"app,omitempty"`
	Repeats int       `json:"repeats"`
	Mean    Statistic `json:"meanSeconds"`
	P50     Statistic `json:"p50Seconds"`
	P90     Statistic `json:"p90Seconds"`
	P99     Statistic `json:"p99Seconds"`
	// Makespan is of the times from the first request to the last ready.
	Makespan Statistic `json:"makespanSeconds"`
	// FetchedBytes are compressed, of all starts of a repeat together.
	FetchedBytes Statistic `json:"fetchedBytes"`
	// QuantileErrorFraction is how far each arm's quantile may be from the exact one, as
	// a share of it. The intervals of P50, P90 and P99 are wider by that much of both
	// arms' on either side, so that they hold the difference of the exact ones.
	QuantileErrorFraction float64 `json:"quantileErrorFraction"`
}

// Repeats are the figures of each repeat of one arm, by app.
type Repeats struct {
	source, arm string
	n           int
	// apps has under the empty name all together. A repeat without a start of an
	// app has no starts in its figures.
	apps  map[string][]figureSet
	ready sketch.Times
	voids map[voidKey]int64
}

// NewRepeats returns the figures of n repeats of an arm, to be Put.
func NewRepeats(source, arm string, n int) *Repeats {
	return &Repeats{source: source, arm: arm, n: n, apps: make(map[string][]figureSet)}
}

// Put notes what one repeat, counted from 0, gave. Each repeat is put once, in any
// order and by one goroutine at a time.
func (r *Repeats) Put(repeat int, a *Accumulator) error {
	if repeat < 0 || repeat >= r.n {
		return fmt.Errorf("arm %s: there is no repeat %d of %d: count from 0", r.arm, repeat, r.n)
	}
	place := func(app string, t *tally) {
		if t.ready.Count() == 0 {
			return
		}
		if r.apps[app] == nil {
			r.apps[app] = make([]figureSet, r.n)
		}
		r.apps[app][repeat] = t.figures()
	}
	r.ready.Merge(&a.all.ready)
	for k, n := range a.voids {
		addVoids(&r.voids, k, n)
	}
	for app, t := range a.apps {
		place(app, t)
	}
	place("", &a.all)
	return nil
}

// ReadyTimes returns the sketch of the times to ready of all apps and repeats.
func (r *Repeats) ReadyTimes() *sketch.Times { return r.ready.Clone() }

// take puts the only repeat of other into a place.
func (r *Repeats) take(repeat int, other *Repeats) {
	for app, figures := range other.apps {
		if r.apps[app] == nil {
			r.apps[app] = make([]figureSet, r.n)
		}
		r.apps[app][repeat] = figures[0]
	}
	r.ready.Merge(&other.ready)
	for k, n := range other.voids {
		addVoids(&r.voids, k, n)
	}
}

// Voids returns the startups that are void, by app and reason.
func (r *Repeats) Voids() []Void {
	var list []Void
	for k, n := range r.voids {
		list = append(list, Void{Source: r.source, Arm: r.arm, App: k.app, Reason: k.reason, Starts: n})
	}
	slices.SortFunc(list, func(x, y Void) int { return cmp.Or(cmp.Compare(x.App, y.App), cmp.Compare(x.Reason, y.Reason)) })
	return list
}

// Summaries returns the summary of all apps together, then of each app by name.
func (r *Repeats) Summaries() ([]Summary, error) {
	var list []Summary
	for _, app := range slices.Sorted(maps.Keys(r.apps)) {
		s, err := r.summary(app)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

func (r *Repeats) summary(app string) (Summary, error) {
	all := r.apps[app]
	present := slices.DeleteFunc(slices.Clone(all), func(f figureSet) bool { return f[figStarts] == 0 })
	s := Summary{Source: r.source, Arm: r.arm, App: app, Repeats: r.n, QuantileErrorFraction: sketch.RelativeError}
	s.countStarts(all)
	for repeat, f := range all {
		if f[figStarts] > 0 {
			s.Makespans = append(s.Makespans, RepeatMakespan{repeat, f[figMakespan]})
		}
	}
	m, sums := means{repeats: present}, means{repeats: all}
	for i, to := range map[int]*Statistic{
		figP50: &s.P50, figP90: &s.P90, figP99: &s.P99, figMean: &s.Mean, figSlowest: &s.Slowest, figMakespan: &s.Makespan,
	} {
		*to = m.of(i)
	}
	for i, to := range map[int]*Statistic{
		figFetched: &s.FetchedBytes, figUnpacked: &s.UnpackedBytes, figWasted: &s.WastedBytes, figRetries: &s.Retries,
		figEvicted: &s.EvictedImages, figRefetched: &s.RefetchedBytes,
		figHits: &s.Hits, figPartials: &s.Partials, figMisses: &s.Misses,
	} {
		*to = sums.of(i)
	}
	for i, to := range s.MeanPhases.fields() {
		if !math.IsNaN(present[0][figPhases+i]) {
			x := m.of(figPhases + i)
			*to = &x
		}
	}
	return s, errors.Join(m.err, sums.err)
}

func (s *Summary) countStarts(repeats []figureSet) {
	var all int64
	same := true
	for i := range repeats {
		all += int64(repeats[i][figStarts])
		same = same && repeats[i][figStarts] == repeats[0][figStarts]
	}
	s.Starts = int64(math.Round(float64(all) / float64(len(repeats))))
	if !same {
		s.AllStarts = all
	}
}

// Total is the number of startups of all repeats together.
func (s *Summary) Total() int64 {
	if s.AllStarts > 0 {
		return s.AllStarts
	}
	return s.Starts * int64(s.Repeats)
}

// means makes statistics of the figures of repeats; its first error stays.
type means struct {
	repeats, other []figureSet
	err            error
}

// of is the mean of a figure; where there is another arm, of the difference.
func (m *means) of(figure int) Statistic {
	values := make([]float64, len(m.repeats))
	for i := range m.repeats {
		values[i] = m.repeats[i][figure]
		if m.other != nil {
			values[i] -= m.other[i][figure]
		}
	}
	s, err := statisticOf(values)
	if m.err == nil {
		m.err = err
	}
	return s
}

// same says that two repeats do not differ; what is not known of both is the same.
func (f figureSet) same(other figureSet) bool {
	return slices.EqualFunc(f[:], other[:], func(x, y float64) bool { return x == y || math.IsNaN(x) && math.IsNaN(y) })
}

// ofQuantile is the mean of the differences of a quantile, with an interval that also
// holds what the sketches of both arms may be off by. Arms that are the same in all
// their figures do not differ.
func (m *means) ofQuantile(figure int) Statistic {
	s := m.of(figure)
	if s.Interval() == nil || slices.EqualFunc(m.repeats, m.other, figureSet.same) {
		return s
	}
	var sum float64
	for i := range m.repeats {
		sum += m.repeats[i][figure] + m.other[i][figure]
	}
	off := sketch.RelativeError * sum / float64(len(m.repeats))
	low, high := *s.Low-off, *s.High+off
	s.Low, s.High = &low, &high
	return s
}

// statisticOf is the mean of values with its interval.
func statisticOf(values []float64) (Statistic, error) {
	if len(values) == 1 {
		return Statistic{Value: values[0]}, nil
	}
	if slices.Min(values) == slices.Max(values) {
		// Repeats that are the same have no rounding in their mean either.
		v, level := values[0], Level
		return Statistic{Value: v, Low: &v, High: &v, Level: &level}, nil
	}
	interval, err := sketch.MeanInterval(values, Level)
	if err != nil || interval == nil {
		return Statistic{}, err
	}
	return Statistic{Value: interval.Value, Low: &interval.Low, High: &interval.High, Level: &interval.Level}, nil
}

// Differences returns how much sooner starts are ready in an arm than in base, of
// all apps together, then of each app that both have, by name. Both arms must
// have been simulated with one seed. Repeats in which they have not as many starts
// that became ready are left out: those that did not are other starts.
func Differences(base, arm *Repeats) ([]Difference, error) {
	var list []Difference
	for _, app := range slices.Sorted(maps.Keys(base.apps)) {
		m := means{}
		for i, f := range base.apps[app] {
			if others := arm.apps[app]; i < len(others) && f[figStarts] > 0 && f[figStarts] == others[i][figStarts] {
				m.repeats, m.other = append(m.repeats, f), append(m.other, others[i])
			}
		}
		if len(m.repeats) == 0 {
			continue
		}
		list = append(list, Difference{
			Source: base.source, Base: base.arm, Arm: arm.arm, App: app, Repeats: len(m.repeats),
			Mean: m.of(figMean), P50: m.ofQuantile(figP50), P90: m.ofQuantile(figP90), P99: m.ofQuantile(figP99),
			Makespan: m.of(figMakespan), FetchedBytes: m.of(figFetched), QuantileErrorFraction: sketch.RelativeError,
		})
		if m.err != nil {
			return nil, m.err
		}
	}
	return list, nil
}
