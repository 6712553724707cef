package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/matcher/plan/export"
	"github.com/cachebench/cachebench/reports"
)

// Tags of caches that apply makes: whose set they are of, and the parameters that the
// service does not show. defaultSet is the set of all files without a name, so that it
// is nobody's: its caches are never pruned, and any named set may take them over.
const (
	setTag        = "cachebench:set"
	parametersTag = "cachebench:parameters"
	// builtTag is when a cache was last built anew of what its tags mean then.
	builtTag   = "cachebench:built"
	defaultSet = "default"
)

// cacheStep is one cache of a difference: what is wanted, what there is, and what is
// therefore done.
type cacheStep struct {
	wanted *export.WantedCache
	have   *eci.ImageCache
	// failed are IDs of caches of the name whose creation failed.
	failed []string
	// lastFailed is the latest of these.
	lastFailed *eci.ImageCache
	// note says what of the cache stays though the set does not state it.
	note   string
	spec   eci.ImageCacheSpec
	update eci.ImageCacheUpdate
	// rebuild: the update is wanted though it may change nothing.
	rebuild bool
	change  reports.CacheChange
}

// diffCaches compares the caches that a set wants with those that an account has, by
// name. The steps are in the set's order, deletions last. With prune, caches of this set
// that it no longer wants are deleted; nothing else ever is.
func diffCaches(set *export.CacheSet, all []eci.ImageCache, prune bool) ([]cacheStep, error) {
	name := setName(set)
	var steps []cacheStep
	var faults []string
	for i := range set.Caches {
		w := managed(&set.Caches[i], name)
		step := cacheStep{wanted: w, change: reports.CacheChange{Outcome: reports.OutcomePlanned, Name: w.Name, Images: w.Images, SizeGiB: w.SizeGiB}}
		fault := step.find(all, name)
		if fault != "" {
			faults = append(faults, fault)
			continue
		}
		if step.have != nil {
			step.leaves(name)
		}
		step.decide()
		steps = append(steps, step)
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("nothing was done: %s", strings.Join(faults, "; "))
	}
	if prune {
		steps = append(steps, pruned(steps, all, name)...)
	}
	return steps, nil
}

func setName(set *export.CacheSet) string {
	if set.Name != "" {
		return set.Name
	}
	return defaultSet
}

// managed is a wanted cache with the tags of its set.
func managed(w *export.WantedCache, set string) *export.WantedCache {
	own := *w
	own.CacheParameters = export.CacheParameters{Tags: map[string]string{setTag: set, parametersTag: hiddenOf(w).String()}}.With(w.CacheParameters)
	return &own
}

// leaves makes a step want no more than an update of the cache that there is can do:
// what it cannot take away stays, and a cache that this set did not make does not
// become the set's, which would let --prune delete it.
func (s *cacheStep) leaves(set string) {
	asked := hiddenOf(s.wanted)
	before, known := readHidden(s.have)
	if !known {
		before.retentionDays = retentionDays(s.have)
	}
	s.note = joined(s.note, stays(asked, s.have))
	want := asked.over(before)
	want.set(s.wanted)
	s.wanted.Tags[parametersTag] = want.String()
	if tagMap(s.have.Tags)[setTag] != set {
		delete(s.wanted.Tags, setTag)
	}
}

// find looks for the cache of a step's name. Caches whose creation failed do not count;
// of several, the one of the set does.
func (s *cacheStep) find(all []eci.ImageCache, set string) (fault string) {
	var named []eci.ImageCache
	for _, c := range namedCaches(all, s.wanted.Name) {
		if c.Status == eci.CacheFailed {
			s.failed = append(s.failed, c.ID)
			if s.lastFailed == nil || c.CreatedAt.After(s.lastFailed.CreatedAt) {
				s.lastFailed = &c
			}
			continue
		}
		named = append(named, c)
	}
	slices.Sort(s.failed)
	if len(named) > 1 {
		ours := slices.DeleteFunc(slices.Clone(named), func(c eci.ImageCache) bool { return tagMap(c.Tags)[setTag] != set })
		if len(ours) == 0 {
			return fmt.Sprintf("several caches are called %s: %s; delete all but one", s.wanted.Name, idsOf(named))
		}
		s.choose(ours)
		named = ours[:1]
	}
	if len(named) == 0 {
		return ""
	}
	s.have = &named[0]
	if other := tagMap(s.have.Tags)[setTag]; other != "" && other != set && other != defaultSet {
		return fmt.Sprintf("cache %s (%s) is of the set %q, and this one is %q: rename one of them", s.wanted.Name, s.have.ID, other, set)
	}
	return ""
}

// choose puts that of several caches of a set first which is kept: one that is as wanted,
// one that is Ready, the latest. The rest is for --prune.
func (s *cacheStep) choose(ours []eci.ImageCache) {
	rank := func(c *eci.ImageCache) (n int) {
		if len(wantedDifferences(s.wanted, c)) > 0 {
			n += 2
		}
		if c.Status != eci.CacheReady {
			n++
		}
		return n
	}
	slices.SortFunc(ours, func(a, b eci.ImageCache) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), b.CreatedAt.Compare(a.CreatedAt), strings.Compare(a.ID, b.ID))
	})
	if len(ours) > 1 {
		s.note = "the set has more of this name: " + idsOf(ours[1:])
	}
}

// decide says what is done with the cache of a step.
func (s *cacheStep) decide() {
	if s.have == nil {
		s.change.Action = reports.ChangeCreate
		if len(s.failed) > 0 {
			s.change.Reason = s.failures()
		}
		return
	}
	s.change.ID, s.change.Status = s.have.ID, string(s.have.Status)
	s.change.Differs = wantedDifferences(s.wanted, s.have)
	reason := s.notes()
	switch {
	case len(s.change.Differs) > 0:
		s.change.Action = reports.ChangeUpdate
	case s.have.Status == eci.CacheUpdateFailed:
		s.change.Action, s.rebuild, reason = reports.ChangeUpdate, true, joined("its last update failed", reason)
	default:
		s.change.Action, s.change.Outcome = reports.ChangeKeep, reports.OutcomeDone
	}
	s.change.Reason = reason
	if s.change.Action == reports.ChangeUpdate {
		s.update = updateOf(s.wanted, s.have)
	}
}

// failures say how often the creation of a step's cache failed, and why it did last: each
// is paid for, and the next may end alike. ECI removes failed ones after a day (eci §1.3).
func (s *cacheStep) failures() string {
	words := fmt.Sprintf("the creation of %s failed: %s", s.lastFailed.ID, whyFailed(s.lastFailed))
	if n := len(s.failed); n > 1 {
		words += fmt.Sprintf("; it failed %d times within a day, each time paid for", n)
	}
	return words + "; ECI removes what failed after a day"
}

// notes are what apply cannot change, or leaves as it is.
func (s *cacheStep) notes() string {
	var notes string
	if s.have.Status == eci.CacheUpdating {
		notes = "an update is under way, to what ECI does not tell: apply again when it is Ready, or with --wait"
	}
	if s.wanted.Tags[setTag] == "" {
		notes = joined(notes, "not made by an apply of this set: it is taken over by its name, and never pruned")
	}
	notes = joined(notes, s.note)
	if s.wanted.EliminationStrategy == "" && s.have.Elimination != "" {
		notes = joined(notes, fmt.Sprintf("its elimination strategy is %s, and that an update ends it is not documented: delete it to create it anew, or try cachebench cache update %s --elimination \"\"", s.have.Elimination, s.have.ID))
	}
	return notes
}

// wantedDifferences are what a cache has to change to be what is wanted. What only
// matters while a cache is built (network, registries, reuse, Flash) is none, nor is a
// tag of ours that is missing: it is added with the next change.
func wantedDifferences(w *export.WantedCache, have *eci.ImageCache) []reports.CacheDifference {
	visible := updateOf(w, have)
	visible.StandardCopies, visible.FlashCopies, visible.RetentionDays = 0, 0, 0
	visible.Tags = withoutOurs(visible.Tags)
	return append(differences(have, &visible), hiddenDifferences(hiddenOf(w), have)...)
}

// withoutOurs are tags but for those that apply keeps its own notes in.
func withoutOurs(tags []eci.Tag) []eci.Tag {
	return slices.DeleteFunc(slices.Clone(tags), func(tag eci.Tag) bool { return tag.Key == setTag || tag.Key == parametersTag || tag.Key == builtTag })
}

// updateOf is the update that makes a cache what is wanted, but for logins. Tags that it
// has beside those stay.
func updateOf(w *export.WantedCache, have *eci.ImageCache) eci.ImageCacheUpdate {
	u := eci.ImageCacheUpdate{
		ID: have.ID, Images: w.Images, SizeGiB: w.SizeGiB, RetentionDays: w.RetentionDays, FlashCopies: w.FlashCopyCount, StandardCopies: w.StandardCopyCount,
		EIPInstanceID: w.EIPInstanceID, ResourceGroupID: w.ResourceGroupID, SecurityGroupID: w.SecurityGroupID, VSwitchIDs: w.VSwitchIDs,
		Tags: sortedTags(w.With(export.CacheParameters{Tags: tagMap(have.Tags)}).Tags),
	}
	if w.AutoMatchImageCache {
		u.ReuseLayers = &w.AutoMatchImageCache
	}
	if w.Flash {
		u.Flash = &w.Flash
	}
	// An empty one is not sent: it may or may not end LRU (eci §1.5, §2.3), and where it
	// does not every apply would build the cache anew, and pay for it.
	if w.EliminationStrategy != "" {
		u.Elimination = &w.EliminationStrategy
	}
	for _, a := range acrRegistries(w.ACR) {
		// An update takes no roles (eci §2.3).
		a.ARNService, a.ARNUser = "", ""
		u.ACR = append(u.ACR, a)
	}
	return u
}

// pruned are the deletions of caches of a set that its steps do not want any more. One
// whose creation failed and that is still wanted ECI removes by itself.
func pruned(wanted []cacheStep, all []eci.ImageCache, name string) []cacheStep {
	kept := make(map[string]bool)
	names := make(map[string]bool)
	for i := range wanted {
		names[wanted[i].wanted.Name] = true
		if have := wanted[i].have; have != nil {
			kept[have.ID] = true
		}
	}
	var steps []cacheStep
	for i := range all {
		c := &all[i]
		if _, automatic := c.Automatic(); automatic || kept[c.ID] || tagMap(c.Tags)[setTag] != name {
			continue
		}
		why := "the set does not have it"
		if names[c.Name] {
			if why = "another of its name is kept"; c.Status == eci.CacheFailed {
				continue
			}
		}
		steps = append(steps, cacheStep{have: c, change: deletion(c, why)})
	}
	slices.SortFunc(steps, func(a, b cacheStep) int { return strings.Compare(a.change.Name+a.change.ID, b.change.Name+b.change.ID) })
	return steps
}

// retentionDays is after how many days a cache expires; 0 for never.
func retentionDays(c *eci.ImageCache) int {
	if c.ExpiresAt.IsZero() || c.CreatedAt.IsZero() {
		return 0
	}
	return int((c.ExpiresAt.Sub(c.CreatedAt).Hours() + 12) / 24)
}

func retentionWords(days int) string {
	if days == 0 {
		return "never"
	}
	return fmt.Sprint(days)
}
