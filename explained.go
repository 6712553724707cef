package cachebench

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

var errExplainUnlisted = errors.New("a start is explained from the list of startups: leave out --no-startups (startups: false), or --explain (explainApps)")

// explain says in t where the time of the median start of each app in question
// went, in one arm. It is an error if no start is of an app.
func (s *Scenario) explain(ctx context.Context, inv *layers.Inventory, t *simulate.Timeline, starts []simulate.Start, opt simulate.Options) error {
	for _, app := range s.ExplainApps {
		if !slices.ContainsFunc(starts, func(x simulate.Start) bool { return x.App == app }) {
			return fmt.Errorf("explain app %s: no start of it is simulated; there are starts of %s", app, someOf(appsOf(starts)))
		}
		s.progress("explaining app %s in arm %s", app, opt.Arm)
		x, err := simulate.Explain(ctx, inv, s.Profile, starts, opt, app)
		if err != nil {
			return err
		}
		t.Explanations = append(t.Explanations, *x)
	}
	return nil
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
