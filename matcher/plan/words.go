package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/matcher"
)

func (m *model) whyPicked(a *app, c *candidate, e effect) string {
	held := 0
	for _, ref := range a.group.Images {
		if slices.Contains(c.images, ref) {
			held++
		}
	}
	for _, ref := range a.group.InitImages {
		if slices.Contains(c.images, ref) {
			held++
		}
	}
	of := fmt.Sprintf("holds %d of %d images", held, len(a.AllImages()))
	if m.Assign == Explicit {
		return fmt.Sprintf("%s; of what the budget allows, this cache fits the plan best", of)
	}
	if e.served < a.starts {
		return fmt.Sprintf("%s; ECI prefers it for %.3g of %.4g starts, the others keep their automatic cache", of, e.served, a.starts)
	}
	return of + "; ECI's order puts it before every other cache there would be"
}

// whyNone returns the existing cache that serves the app, if any, and says why no
// planned one does.
func (m *model) whyNone(a *app, c choice) (cache, reason string) {
	if m.Baseline == Automatic {
		if cache = m.existingFor(a, c); cache != "" {
			return cache, "ECI's matching gives it this cache, which exists already"
		}
	}
	most := option{}
	for _, o := range a.options {
		if o.gain > most.gain {
			most = o
		}
	}
	if most.gain <= 0 {
		return "", fmt.Sprintf("no candidate makes its starts faster than %s", m.baselineWords(a))
	}
	bill := most.use + m.candidates[most.cache].fixed()
	why := "the budget or the quota does more elsewhere"
	if bill*m.gainPerMoney() > most.gain {
		why = fmt.Sprintf("that is more than %s for an hour saved", m.Prices.Money(m.WorthPerHour))
	}
	return "", fmt.Sprintf("the best cache for it would save %s a month for %s, of which %s is disks in use; %s",
		spell(most.gain), m.Prices.Money(bill), m.Prices.Money(most.use), why)
}

func (m *model) baselineWords(a *app) string {
	if m.Baseline == Cold {
		return "a cold start"
	}
	full := 0.0
	for _, f := range a.baseline {
		if f.full {
			full += f.starts
		}
	}
	if a.starts == 0 {
		return "now: it never starts"
	}
	return fmt.Sprintf("the automatic baseline, on which %s of them find every image", percent(full/a.starts))
}

// reason explains the verdict in one sentence.
func (m *model) reason(p *Plan) string {
	if p.Verdict == BuildNothing {
		return m.whyNothing()
	}
	var use, saved, net float64
	for _, c := range p.Caches {
		use += c.Cost.Use.Amount
		saved += c.Cost.InstanceSaved.Amount + c.Cost.UseSaved.Amount
		net += c.Cost.Net.Amount
	}
	cost := p.Caches[len(p.Caches)-1].CumulativeCost
	effect := fmt.Sprintf("a net cost of %s", m.Prices.Money(net))
	if net < 0 {
		effect = fmt.Sprintf("a net saving of %s", m.Prices.Money(-net))
	}
	return fmt.Sprintf("%s %s %s of startup time a month beyond the %s baseline for %s, of which %s is disks in use; what instances save is worth %s, so it comes to %s.%s",
		plural(len(p.Caches), "cache"), verb(len(p.Caches), "save"), spell(p.SavedSeconds.Seconds()), m.Baseline, cost, m.Prices.Money(use), m.Prices.Money(saved), effect, m.prunedWords())
}

// whyNothing finds the nearest cache that would have helped.
func (m *model) whyNothing() string {
	var best *app
	cheapest := math.Inf(1)
	var use float64
	var most option
	if m.pruned.gain > 0 {
		return fmt.Sprintf("Caches within the budget would save %s a month for %s: more than %s for an hour saved.",
			spell(m.pruned.gain), m.Prices.Money(m.pruned.cost), m.Prices.Money(m.WorthPerHour))
	}
	for _, a := range m.apps {
		for _, o := range a.options {
			if all := o.use + m.candidates[o.cache].fixed(); o.gain > 0 && all < cheapest {
				best, cheapest, use, most = a, all, o.use, o
			}
		}
	}
	switch {
	case len(m.apps) == 0:
		return "There are no apps to plan for."
	case best == nil:
		return fmt.Sprintf("No candidate saves time beyond the %s baseline: %s of starts find every image already.", m.Baseline, percent(m.fullFraction()))
	case cheapest > m.BudgetPerMonth:
		return fmt.Sprintf("The cheapest cache that saves time, %s for app %s, saves %s a month and costs %s, of which %s is disks in use: more than the budget of %s.",
			m.candidates[most.cache].cache.ID, best.Name, spell(most.gain), m.Prices.Money(cheapest), m.Prices.Money(use), m.Prices.Money(m.BudgetPerMonth))
	}
	return fmt.Sprintf("No set of caches within the budget of %s saves time once ECI's matching gives starts to them.", m.Prices.Money(m.BudgetPerMonth))
}

func (m *model) fullFraction() float64 {
	full, all := 0.0, 0.0
	for _, a := range m.apps {
		for _, f := range a.baseline {
			all += f.starts
			if f.full {
				full += f.starts
			}
		}
	}
	if all == 0 {
		return 0
	}
	return full / all
}

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
		all = append(all, "A start that names a cache fails while that cache is not Ready; apps without one do not match the planned caches.")
	} else {
		all = append(all, "No automatic cache is made for an app whose planned cache holds all its images; policies: "+m.policyWords()+".")
	}
	if m.Baseline == Cold {
		all = append(all, "On the cold baseline no start finds a cache, neither an automatic nor an existing one.")
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

// spell is a time as people say it.
func spell(seconds float64) string {
	switch {
	case seconds < 120:
		return fmt.Sprintf("%.3g s", seconds)
	case seconds < 7200:
		return fmt.Sprintf("%.3g min", seconds/60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}

// percent keeps 99.97 % apart from 100 %.
func percent(fraction float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.2f", 100*fraction), ".00") + " %"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// verb is in the third person for one.
func verb(n int, word string) string {
	if n == 1 {
		return word + "s"
	}
	return word
}

// prunedWords tells what would have been within the budget, but not worth it.
func (m *model) prunedWords() string {
	if m.pruned.gain <= 0 {
		return ""
	}
	return fmt.Sprintf(" More caches within the budget would save another %s for %s: more than %s for an hour saved.",
		spell(m.pruned.gain), m.Prices.Money(m.pruned.cost), m.Prices.Money(m.WorthPerHour))
}
