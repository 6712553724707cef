package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/matcher"
)

// assumptions are what the numbers rest on, one sentence each.
func (m *model) assumptions() []string {
	var assumed int64
	for _, c := range m.candidates {
		assumed = max(assumed, c.assumedBytes)
	}
	all := []string{
		"A month is 30 days; " + m.priceWords() + ".",
		fmt.Sprintf("A cache's size is its unpacked layers, each once, and %s more, in whole GiB from 20.", percent(matcher.HeadroomFraction)),
		"An instance pays for a disk of the cache's size from the pull to its end; instance time saved does not count against the budget.",
		"After a release, the app's starts count as cold until its cache is built again; other apps go on with the old build.",
		"What a stale image still shares by layer is not credited.",
	}
	if assumed > 0 {
		all = append(all, fmt.Sprintf("Layers of unknown unpacked size count as %d times their compressed size, up to %.3g GiB of a cache.", matcher.AssumedUnpackRatio, float64(assumed)/bytesPerGiB))
	}
	if m.Assign == Explicit {
		all = append(all, "A start that names a cache fails while that cache is not Ready: until it is built again after a release, its app's starts are taken to name none.",
			"Apps without a planned cache are taken not to match those of others, which ECI's matching would offer them too.")
	} else {
		all = append(all, "No automatic cache is made for an app whose planned cache holds all its images; policies: "+m.policyWords()+".")
	}
	if m.Baseline == Cold {
		all = append(all, "On the cold baseline no start finds a cache, neither an automatic nor an existing one.")
	}
	if m.Storage == Shared && len(m.Existing) > 0 {
		all = append(all, "Storage of existing caches is billed for each by itself: planned caches share layers with one another, not with those.")
	}
	if slices.ContainsFunc(m.Existing, isManual) {
		all = append(all, fmt.Sprintf("The quota of %d is of manual caches: those that exist and are not to be dropped have their place of it.", m.Quota))
	}
	if unseen := m.unseen(); len(unseen) > 0 {
		all = append(all, "No start of "+strings.Join(unseen, ", ")+" was counted on the automatic baseline; they are taken to find nothing.")
	}
	return all
}

func (m *model) priceWords() string {
	region := m.Prices.Region
	if region != "" {
		region = " for " + region
	}
	return fmt.Sprintf("prices in %s%s of %s", m.Prices.Currency, region, m.Prices.Date)
}

func (m *model) policyWords() string {
	var words []string
	for key, value := range m.Policy.Map() {
		words = append(words, key+"="+value)
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

func (m *model) unseen() []string {
	var names []string
	for _, a := range m.apps {
		if a.unseen {
			names = append(names, a.Name)
		}
	}
	return names
}
