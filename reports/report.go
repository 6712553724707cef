// Package reports turns what the pipeline found out into something that a
// person can act on: text, JSON, or one HTML page.
//
// New computes a Report from plain values: the plan and its verdict, what the
// images share, what the existing caches match, and startup times by app and
// arm. Write prints a Report; it computes nothing but positions and units, so
// every format shows the same numbers. A Report is saved and read back as a
// document of kind Report, and then prints as it would have at first.
//
// A quantile is by nearest rank: the q-quantile of n starts is the start at
// position ceil(q·n), counted from 1 in order of time to ready. It is always
// the time of a real start, never a value between two; the median of 4 starts
// is the second. With fewer than 100 starts, p99 is the slowest. Where a timeline
// lists no startups, quantiles are from its sketches, within the error that stands
// beside them.
//
// Startups that were simulated, measured and estimated are never put into one
// mean, quantile or curve; every number says which it is. Void runs are counted
// as doubts and left out of everything else.
//
// The package reads no file, asks no clock and draws nothing at random: the
// same Report gives the same bytes. It does not decide anything; the advice is
// that of package plan.
//
// Use: New, then Write; or Read a saved Report, then Write.
package reports

import (
	"slices"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// Kind is the kind of a saved Report.
const Kind = "Report"

// Report is what one run found out, with where every number comes from.
type Report struct {
	Title      string              `json:"title,omitempty"`
	Provenance simulate.Provenance `json:"provenance"`
	// Platform is os/arch[/variant]; empty when no images were looked at.
	Platform string `json:"platform,omitempty"`
	// Coverage is absent when no workload was looked at.
	Coverage *simulate.Coverage `json:"coverage,omitempty"`
	// Bill is a real bill beside the modelled month; it stands
	// before any saving, and is absent where none was given.
	Bill    *cost.BillCheck `json:"bill,omitempty"`
	Verdict Verdict         `json:"verdict"`
	// Gate is what became of the budgets of a scenario's apps; absent where they were not
	// judged.
	Gate *Gate `json:"gate,omitempty"`
	// Apps has one entry for each app, the one with most seconds saved a month
	// first, then by starts.
	Apps []App `json:"apps,omitempty"`
	// Plan, Matches and Sharing are absent when that stage did not run.
	Plan    *plan.Plan       `json:"plan,omitempty"`
	Matches *matcher.Matches `json:"matches,omitempty"`
	// BestCaches are what the caches hold of each image by itself.
	BestCaches *matcher.BestCaches `json:"bestCaches,omitempty"`
	// Creation is what creating an image cache comes to.
	Creation *matcher.Creation `json:"creation,omitempty"`
	Sharing  *layers.Sharing   `json:"sharing,omitempty"`
	// Arms summarise all startups of one arm and source; Summaries those of one
	// app in them. Both in the order cold, automatic, cached, then others by
	// name; Summaries by app first.
	Arms      []Summary `json:"arms,omitempty"`
	Summaries []Summary `json:"summaries,omitempty"`
	// Makings are the makings of image caches that a measurement had made for its arms:
	// their times are from creation to Ready. They are in nothing else here.
	Makings []Summary `json:"makings,omitempty"`
	// MeasuredRuns sum up the measured startups of each app in each run, in the order
	// of Summaries and then as they were made: what is repeated is a run, whose starts,
	// mostly one, are requested together.
	MeasuredRuns []Summary `json:"measuredRuns,omitempty"`
	// Untimed count the startups by app and arm, and where there are several apps by arm,
	// that do not state when they were ready. They are in nothing else here, for not
	// known is not 0.
	Untimed []Untimed `json:"untimed,omitempty"`
	// Void says why there are no Arms where startups or runs were made: they all are void.
	Void string `json:"void,omitempty"`
	// Distributions has one curve for each entry of Arms.
	Distributions []Distribution `json:"distributions,omitempty"`
	// Repeats are the figures over repeats, with their intervals: all apps together
	// and each app, arm by arm; only where there were several.
	Repeats []simulate.Summary `json:"repeats,omitempty"`
	// Differences say how much sooner starts are ready in one arm than in another.
	Differences []simulate.Difference `json:"differences,omitempty"`
	// Observations are what happened over time, one for each arm.
	Observations []simulate.Observation `json:"observations,omitempty"`
	// Waterfalls are startups with spans, at most one an arm, of the app that
	// gains most; a cold one first.
	Waterfalls []simulate.Startup `json:"waterfalls,omitempty"`
	// Faults are what went wrong in the simulation, Disturbances how the startups
	// of each arm came through.
	Faults       []simulate.Fault       `json:"faults,omitempty"`
	Disturbances []simulate.Disturbance `json:"disturbances,omitempty"`
	// Explanations say where the time of an app's median start went, in each arm.
	Explanations []simulate.Explanation `json:"explanations,omitempty"`
	// Profile says on which parameters startups were simulated.
	Profile Profile `json:"profile"`
	// Sources says where each kind of number comes from.
	Sources []NumberSource `json:"sources,omitempty"`
	// Assumptions are what the result rests on, Doubts reasons to trust it
	// less; one sentence each.
	Assumptions []string `json:"assumptions,omitempty"`
	Doubts      []string `json:"doubts,omitempty"`
}

// Profile is a summary of the simulation profile.
type Profile struct {
	Name string `json:"name,omitempty"`
	// Basis says how well founded the values are.
	Basis      string           `json:"basis,omitempty"`
	Parameters []simulate.Value `json:"parameters,omitempty"`
}

// Input is what a Report is made of. Any part may be missing: a report of a
// Timeline alone has startup times and nothing else.
type Input struct {
	Title string
	// Provenance and Coverage are the Timeline's when they are empty, and without one the
	// Plan's, as is an empty Platform.
	Provenance simulate.Provenance
	Coverage   *simulate.Coverage
	// Platform chooses the Inventory's images; empty takes all, each platform by
	// itself unless MixPlatforms counts them together.
	Platform     string
	MixPlatforms bool
	Inventory    *layers.Inventory
	// NoSharing leaves out what the Inventory's images share, which takes a while
	// for thousands of them.
	NoSharing  bool
	Workload   *workload.Workload
	Matches    *matcher.Matches
	Creation   *matcher.Creation
	BestCaches *matcher.BestCaches
	Plan       *plan.Plan
	Timeline   *simulate.Timeline
	Profile    Profile
	// Bill is the Plan's where it is nil.
	Bill *cost.BillCheck
	// Assumptions and Doubts come before those of the Plan, of the Timeline and
	// those that the Report finds itself.
	Assumptions []string
	Doubts      []string
}

// New computes the Report of in, which it leaves as it is.
func New(in Input) *Report {
	timeline := in.Timeline
	if timeline == nil {
		timeline = &simulate.Timeline{}
	}
	r := &Report{
		Title:      in.Title,
		Provenance: in.Provenance,
		Platform:   cmpOr(in.Platform, measuredPlatform(timeline.Measurement)),
		Coverage:   in.Coverage,
		Plan:       in.Plan,
		Matches:    in.Matches,
		Creation:   in.Creation,
		BestCaches: in.BestCaches,
		Profile:    in.Profile,
		Bill:       in.Bill,
	}
	if isZero(r.Provenance) {
		r.Provenance = timeline.Provenance
	}
	if in.Plan != nil {
		r.Provenance = planProvenance(r.Provenance, in.Plan)
		r.Platform = cmpOr(r.Platform, in.Plan.Platform)
		if r.Bill == nil {
			r.Bill = in.Plan.Bill
		}
	}
	r.Provenance.Unread = unread(r.Provenance.Unread, in)
	r.Platform = cmpOr(r.Platform, r.Provenance.Platform)
	if r.Coverage == nil {
		r.Coverage = timeline.Coverage
	}
	startups, makings := withoutMakings(timeline.Measurement, counted(timeline.Startups))
	r.Makings, _ = summarize(makings)
	r.Arms, r.Summaries = summarize(startups)
	r.MeasuredRuns = measuredRuns(timeline.Measurement, startups)
	r.Untimed = untimed(timeline)
	if len(r.Arms) == 0 {
		r.Void = allVoid(timeline)
	}
	r.Distributions = distribute(startups)
	r.Waterfalls = chooseWaterfalls(startups, timeline.Explanations)
	r.addRepeats(timeline)
	if in.Inventory != nil && !in.NoSharing {
		r.Sharing = in.Inventory.Sharing(layers.SharingOptions{Platform: in.Platform, MixPlatforms: in.MixPlatforms})
	}
	uses := cacheUses(startups)
	r.Apps = apps(in, r.Summaries, uses)
	r.Faults, r.Disturbances = timeline.Faults, timeline.Disturbances
	r.Explanations = timeline.Explanations
	r.Sources = sources(r, in.Inventory)
	r.Assumptions = assumptions(in)
	r.Doubts = doubts(in, timeline, r)
	r.Verdict = judge(r, uses)
	return r
}

func isZero(p simulate.Provenance) bool {
	return p.Version == "" && p.Profile == "" && p.PriceDate == "" && len(p.Inputs) == 0
}

// planProvenance completes where a result comes from by what its plan says of itself.
func planProvenance(known simulate.Provenance, p *plan.Plan) simulate.Provenance {
	if from := p.Provenance; from != nil && isZero(known) {
		known = simulate.Provenance{
			Version: from.Version, Model: from.Model, Seed: from.Seed, Platform: p.Platform,
			Profile: p.Profile, ProfileDigest: from.ProfileDigest, ProfileBasis: from.ProfileBasis,
			PriceDate: from.PriceDate, Currency: from.Currency, Now: from.Now,
		}
		for _, input := range from.Inputs {
			known.Inputs = append(known.Inputs, simulate.Input(input))
		}
	}
	if known.PriceDate == "" {
		// A timeline alone involves no money, a plan does.
		for _, total := range p.Totals {
			known.PriceDate, known.Currency = total.NetSaved.PriceDate, total.NetSaved.Currency
		}
	}
	return known
}

// unread completes which layers could not be read by what the stages say of it.
func unread(known []layers.Unscanned, in Input) []layers.Unscanned {
	list := slices.Clone(known)
	add := func(more []layers.Unscanned) {
		for _, u := range more {
			if !slices.Contains(list, u) {
				list = append(list, u)
			}
		}
	}
	if in.Timeline != nil {
		add(in.Timeline.Provenance.Unread)
	}
	if in.Plan != nil && in.Plan.Provenance != nil {
		add(in.Plan.Provenance.Unread)
	}
	if in.Matches != nil {
		add(in.Matches.Unread)
	}
	return list
}

// Read reads a saved Report from the bytes of the file called name.
func Read(name string, data []byte) (*Report, error) {
	var r Report
	if err := document.Read(name, data, Kind, &r); err != nil {
		return nil, err
	}
	return &r, nil
}

// summary returns the summary of an app in an arm, nil when there is none. The
// first source in the order of sourceOrder wins.
func (r *Report) summary(app, arm string) *Summary {
	for i := range r.Summaries {
		if s := &r.Summaries[i]; s.App == app && s.Arm == arm {
			return s
		}
	}
	return nil
}

// seriesLabel names an arm and, where the report has several sources, its source.
func (r *Report) seriesLabel(arm, source string) string {
	label := r.armLabel(arm)
	if r.hasSources() {
		label += ", " + source
	}
	return label
}

// armLabel is what an arm is called in tables and charts: the startups of arm
// cached are the plan's where there is one, and what all arms share is left out.
func (r *Report) armLabel(arm string) string {
	if arm == simulate.ArmCached && r.Plan != nil {
		return armPlanned
	}
	return ownName(arm, sharedOf(r.Arms))
}

// appLabel names an app and, where apps have several sources, its source.
func (r *Report) appLabel(a *App) string {
	if slices.ContainsFunc(r.Apps, func(b App) bool { return b.Source != r.Apps[0].Source }) {
		return a.Name + ", " + a.Source
	}
	return a.Name
}

// hasSources reports whether startups are of more than one source.
func (r *Report) hasSources() bool {
	return slices.ContainsFunc(r.Arms, func(s Summary) bool { return s.Source != r.Arms[0].Source })
}

// sourceWords names the sources of the startups, "simulated" or "measured and
// simulated"; empty when there are none.
func (r *Report) sourceWords() string {
	var words []string
	for _, source := range sourceOrder {
		for _, s := range r.Arms {
			if s.Source == source {
				words = append(words, source)
				break
			}
		}
	}
	return join(words)
}
