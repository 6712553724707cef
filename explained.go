package cachebench

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// explainable refuses to explain starts that are not listed.
func (s *Scenario) explainable() error {
	if s.NoStartups && len(s.ExplainApps) > 0 {
		return fmt.Errorf("%w: a start is explained from the list of startups: leave out --no-startups (startups: false), or --explain (explainApps)", ErrUnfit)
	}
	return nil
}

// explain says where the time of the start of each app in question went, in
// the first repeat of one arm. It is an error if no start is of an app.
func (s *Scenario) explain(ctx context.Context, inv *layers.Inventory, starts []simulate.Start, opt simulate.Options) ([]simulate.Explanation, error) {
	if opt.Repeat > 0 {
		return nil, nil
	}
	var list []simulate.Explanation
	for _, text := range s.ExplainApps {
		is := func(app string) bool {
			return slices.ContainsFunc(starts, func(x simulate.Start) bool { return x.App == app })
		}
		app, quantile := text, 0.5
		if !is(app) {
			app, quantile = explainedStart(text)
		}
		if !is(app) {
			return nil, fmt.Errorf("%w: explain app %q: no start of it is simulated; there are starts of %s; write APP, or APP@p99 for another quantile than the median", ErrUnfit, text, someOf(appsOf(starts)))
		}
		s.progress("explaining app %s in arm %s", app, opt.Arm)
		x, err := simulate.Explain(ctx, inv, s.Profile, starts, opt, app, quantile)
		if err != nil {
			return nil, err
		}
		list = append(list, *x)
	}
	return list, nil
}

// explainedStart reads APP, for its median start, or APP@p99.
func explainedStart(text string) (app string, quantile float64) {
	if i := strings.LastIndex(text, "@p"); i > 0 {
		if percent, err := strconv.ParseFloat(text[i+2:], 64); err == nil && percent > 0 && percent <= 100 {
			return text[:i], percent / 100
		}
	}
	return text, 0.5
}

func appsOf(starts []simulate.Start) []string {
	var names []string
	seen := make(map[string]bool)
	for i := range starts {
		if app := starts[i].App; !seen[app] {
			seen[app] = true
			names = append(names, app)
		}
	}
	slices.Sort(names)
	return names
}
