package reports

import (
	"cmp"
	"slices"
	"time"

	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// App is what one app gets in each arm.
type App struct {
	Name string `json:"name" document:"required"`
	// Images are the references that a start pulls, init images first; empty
	// when unknown.
	Images []string `json:"images,omitempty"`
	// StartsPerMonth counts its starts in 30 days; 0 when unknown.
	StartsPerMonth float64 `json:"startsPerMonth,omitempty"`
	// Source says where the times below come from: estimated is the plan's mean
	// over a month of starts, otherwise they are the means of startups.
	Source string `json:"source" document:"enum=simulated|measured|estimated"`
	// Cold, Warm, Automatic and Planned are mean times to ready; nil when unknown.
	Cold      *time.Duration `json:"coldSeconds,omitempty"`
	Warm      *time.Duration `json:"warmSeconds,omitempty"`
	Automatic *time.Duration `json:"automaticSeconds,omitempty"`
	Planned   *time.Duration `json:"plannedSeconds,omitempty"`
	// Saved is the plan's baseline less Planned; without a plan, Automatic or
	// else Cold less Planned, and Cold less Automatic where there is no Planned.
	// Nil when one of them is unknown.
	Saved *time.Duration `json:"savedSeconds,omitempty" document:"signed"`
	// Cache is the planned or existing cache that serves it, without a plan the
	// one that most of its listed startups found; empty when none.
	Cache string `json:"cache,omitempty"`
	// Reason says why this cache, or why none.
	Reason string `json:"reason,omitempty"`
}

// apps lists the plan's apps, and those of the summaries that it says nothing of.
func apps(in Input, summaries []Summary, uses []cacheUse) []App {
	known := make(map[string]*workload.App)
	if in.Workload != nil {
		for i := range in.Workload.Apps {
			known[in.Workload.Apps[i].Name] = &in.Workload.Apps[i]
		}
	}
	list := summarizedApps(summaries)
	if in.Plan != nil {
		planned := plannedApps(in.Plan)
		list = append(planned, slices.DeleteFunc(list, func(a App) bool {
			return slices.ContainsFunc(planned, func(p App) bool { return p.Name == a.Name })
		})...)
	}
	for i := range list {
		app := &list[i]
		if in.Plan == nil {
			app.Cache = usedMost(uses, app)
		}
		if w := known[app.Name]; w != nil {
			app.Images = w.AllImages()
			if app.StartsPerMonth == 0 {
				app.StartsPerMonth = w.StartsPerMonth()
			}
		}
	}
	slices.SortStableFunc(list, func(a, b App) int {
		return cmp.Or(
			cmp.Compare(b.weight(), a.weight()),
			cmp.Compare(b.StartsPerMonth, a.StartsPerMonth),
			cmp.Compare(a.Name, b.Name))
	})
	return list
}

// weight is what the app gains in seconds a month; a single start where their
// number is unknown.
func (a App) weight() float64 {
	if a.Saved == nil {
		return 0
	}
	return a.Saved.Seconds() * max(a.StartsPerMonth, 1)
}

func plannedApps(p *plan.Plan) []App {
	var list []App
	for _, a := range p.Assignments {
		saved := a.BaselineSeconds - a.PlannedSeconds
		app := App{
			Name:           a.App,
			StartsPerMonth: a.StartsPerMonth,
			Source:         simulate.Estimated,
			Cold:           &a.ColdSeconds,
			Planned:        &a.PlannedSeconds,
			Saved:          &saved,
			Cache:          a.Cache,
			Reason:         a.Reason,
		}
		if app.Automatic = a.AutomaticSeconds; p.Baseline != simulate.ArmCold {
			app.Automatic = &a.BaselineSeconds
		}
		list = append(list, app)
	}
	return list
}

// summarizedApps puts the arms of an app and source side by side. An app that
// was both measured and simulated stands once for each.
func summarizedApps(summaries []Summary) []App {
	type key struct{ name, source string }
	var list []App
	place := make(map[key]int)
	for _, s := range summaries {
		k := key{s.App, s.Source}
		i, ok := place[k]
		if !ok {
			i = len(list)
			place[k] = i
			list = append(list, App{Name: s.App, Source: s.Source})
		}
		mean := s.Mean
		switch s.Arm {
		case simulate.ArmCold:
			list[i].Cold = &mean
		case simulate.ArmWarm:
			list[i].Warm = &mean
		case simulate.ArmAutomatic:
			list[i].Automatic = &mean
		case simulate.ArmCached:
			list[i].Planned = &mean
		}
	}
	for i := range list {
		a := &list[i]
		a.Saved = difference(cmp.Or(a.Automatic, a.Cold), a.Planned)
		if a.Planned == nil {
			a.Saved = difference(a.Cold, a.Automatic)
		}
	}
	return list
}

func difference(from, to *time.Duration) *time.Duration {
	if from == nil || to == nil {
		return nil
	}
	d := *from - *to
	return &d
}

// maxOtherArms bounds the arms that a table of apps has columns of beside those that an
// App knows: an experiment has dozens, and the table by arm tells of them.
const maxOtherArms = 4

// hasTimes says that of an app any time is known in the arms that an App knows.
func (r *Report) hasTimes() bool {
	return slices.ContainsFunc(r.Apps, func(a App) bool {
		return slices.ContainsFunc(dots(&a), func(d appDot) bool { return d.ready != nil })
	})
}

// otherArms are arms to show of apps of which no time is known in those that an App
// knows, as pull and start of a cluster's own pulls; none where they are many.
func (r *Report) otherArms() []string {
	if r.hasTimes() {
		return nil
	}
	var list []string
	for i := range r.Arms {
		if !slices.Contains(list, r.Arms[i].Arm) {
			list = append(list, r.Arms[i].Arm)
		}
	}
	if len(list) > maxOtherArms {
		return nil
	}
	return list
}

// meanOf is an app's mean time to ready in an arm, nil when there is none.
func (r *Report) meanOf(a *App, arm string) *time.Duration {
	for i := range r.Summaries {
		if s := &r.Summaries[i]; s.App == a.Name && s.Source == a.Source && s.Arm == arm {
			return &s.Mean
		}
	}
	return nil
}
