package reports

import (
	"slices"

	"github.com/cachebench/cachebench/simulate"
)

// measuredRuns sum up the measured startups of each app in each run. Where no
// runs are told, as of a cluster's events, every start is one of its own.
func measuredRuns(m *simulate.Measurement, startups []*simulate.Startup) []Summary {
	type run struct {
		series
		number int
	}
	groups := make(map[run][]*simulate.Startup)
	var order []run
	for i, s := range startups {
		if s.Source != simulate.Measured {
			continue
		}
		key := run{series{s.App, s.Arm, s.Source}, i}
		if m != nil && len(m.Runs) > 0 {
			key.number = s.Repeat
		}
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], s)
	}
	slices.SortStableFunc(order, func(a, b run) int { return compareSeries(a.series, b.series) })
	var list []Summary
	for _, key := range order {
		list = append(list, summaryOf(key.series, groups[key]))
	}
	return list
}

// measuredPlatform is that of the images that were measured; empty where they
// are of several, or unknown.
func measuredPlatform(m *simulate.Measurement) string {
	platform := ""
	if m == nil || m.Inventory == nil {
		return ""
	}
	for i := range m.Inventory.Images {
		its := m.Inventory.Images[i].Platform
		if platform != "" && its != platform {
			return ""
		}
		platform = its
	}
	return platform
}
