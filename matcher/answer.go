package matcher

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/workload"
)

// GroupOf returns the container group that a start of app asks for.
func GroupOf(app *workload.App) Group {
	return Group{
		Name: app.Name, Images: app.Images, InitImages: app.InitImages,
		ExtraStorageGiB: app.ExtraStorageGiB, PullPolicy: app.PullPolicy,
	}
}

// Match returns the cache that ECI would pick for g, why, and what it saves.
// Use a Picker for many groups.
func (m *Matcher) Match(g Group, caches []Cache) Match {
	return m.Picker(caches).Match(g)
}

// Match returns the cache that ECI would pick for g, why, and what it saves. Its
// candidates are those that hold something of the group's repositories.
func (p *Picker) Match(g Group) Match {
	q := p.m.ask(g)
	return p.match(&q, p.related(&q), false)
}

// Explain answers as Match does, with every cache as a candidate, and for each
// how far it holds each image and which layers it lacks.
func (p *Picker) Explain(g Group) Match {
	q := p.m.ask(g)
	return p.match(&q, p.all(), true)
}

// maxCandidates is how many candidates a Match lists that explains nothing: of
// thousands of caches, the first are those that matter.
const maxCandidates = 20

func (p *Picker) match(q *query, positions []int32, explain bool) Match {
	most := maxCandidates
	if explain {
		most = len(positions)
	}
	ranked := p.ranked(q, positions, most)
	match := Match{
		App: q.group.Name, Hit: Miss, Candidates: p.candidates(q, ranked, explain),
		MoreCandidates: len(positions) - len(ranked), OtherCaches: len(p.caches) - len(positions),
	}
	picked := p.chosen(q, ranked, &match)
	var held []heldImage
	if picked >= 0 {
		match.CacheID = p.caches[picked].ID
		held = p.held[picked]
	}
	p.save(q, held, &match)
	if match.Fails == "" {
		match.Fails = unpullable(q, held)
	}
	p.follow(q, ranked, &match)
	return match
}

// chosen is the position of the cache that the start gets, or -1: the one asked
// for explicitly, else the first in ECI's order that qualifies (eci §1.9).
func (p *Picker) chosen(q *query, ranked []rival, match *Match) int {
	g := &q.group
	switch {
	case g.Job && g.refusesJob(&p.m.policy):
		match.Reason = "Job-type instances refuse image caches"
		match.Fails = match.Reason + ": JobInstanceImageCacheNotSupport; ask for no cache and turn automatic matching off" // eci §1.10
	case g.CacheID != "":
		return p.explicit(q, match)
	case g.NoMatching:
		match.Reason = "automatic matching is off and no cache is asked for"
	case g.Job:
		match.Reason = "Job-type instances use no image caches (policy jobs=ignore)"
	case len(ranked) > 0 && ranked[0].refusal == qualified:
		match.Reason = p.whyPicked(q, ranked, match.Candidates)
		return ranked[0].cache
	default:
		match.Reason = p.whyNone(match)
	}
	return -1
}

// refusesJob says that a group of the Job type is refused for the cache that it
// asks for (eci §1.10).
func (g *Group) refusesJob(policy *Policy) bool {
	return g.CacheID != "" || !g.NoMatching && policy.Jobs == jobsRefuse
}

// NoCaches is the Reason of a Match against an empty list.
const NoCaches = "there are no caches"

// AskedFor is the Reason of a cache that the group asks for explicitly.
const AskedFor = "asked for explicitly"

// explicit is the cache asked for. A start that asks for one that is not there or
// not Ready fails (eci §1.10, §2.6); one that lacks an image pulls it.
func (p *Picker) explicit(q *query, match *Match) int {
	id := q.group.CacheID
	i := slices.IndexFunc(p.caches, func(c Cache) bool { return c.ID == id })
	fails := func(how, code, advice string) int {
		match.Reason = fmt.Sprintf("cache %s, asked for explicitly, %s: the start fails", id, how) // eci §1.10
		match.Fails = fmt.Sprintf("cache %s %s (%s): %s", id, how, code, advice)
		return -1
	}
	if i < 0 || differ(p.caches[i].Region, q.group.Region) {
		return fails("does not exist", "ImageSnapshot.NotFound", "name a cache of the region, or let matching choose")
	}
	r := rival{cache: i}
	switch r.refusal = p.refusal(q, &r); r.refusal {
	case notReady, expired:
		return fails(p.words(q, &r), "ImageSnapshot.IncorrectStatus", "wait until it is Ready")
	case otherArchitecture, otherOS:
		return fails(p.words(q, &r), "ImageSnapshot.NotSupport", "name a cache of the instance's platform")
	}
	match.Reason = AskedFor
	return i
}

// save says what the held images spare the start.
func (p *Picker) save(q *query, held []heldImage, match *Match) {
	var need []int
	for k := range q.wanted {
		w := &q.wanted[k]
		if w.image < 0 {
			match.Unknown = append(match.Unknown, w.reference)
			continue
		}
		need = append(need, w.image)
	}
	match.Overlap = p.m.overlap(need, p.m.heldBy(q.wanted, held))
	if held == nil {
		return
	}
	match.Hit = match.Overlap.hit(q.wanted, held)
	for k := range q.wanted {
		w := &q.wanted[k]
		h := slices.IndexFunc(held, func(h heldImage) bool { return present(w, &h) })
		switch {
		case h < 0:
		case w.asks:
			match.Revalidated = append(match.Revalidated, w.reference)
		case held[h].stale:
			match.Stale = append(match.Stale, w.reference)
		}
	}
}

// unpullable says that an image is neither held nor pulled: pull policy Never
// (eci §1.10, and Kubernetes' ErrImageNeverPull).
func unpullable(q *query, held []heldImage) string {
	for k := range q.wanted {
		w := &q.wanted[k]
		if w.never && !holds(held, w) {
			return fmt.Sprintf("pull policy Never, and no cache holds %s: let it be pulled, or build a cache with it", w.reference)
		}
	}
	return ""
}

// follow says whether an automatic cache is made from the start (eci §1.10): it
// is when matching is on and no cache, or one that is not a full match, was found.
func (p *Picker) follow(q *query, ranked []rival, match *Match) {
	g, policy := &q.group, &p.m.policy
	if g.CacheID != "" || g.NoMatching || g.Job || match.Fails != "" || len(q.wanted) == 0 {
		return
	}
	if match.CacheID != "" {
		full := ranked[0].full
		if policy.FullMatch == fullLayers {
			full = ranked[0].fullByLayers
		}
		if full == len(q.counted) || !policy.CreateOnPartial {
			return
		}
	}
	match.CreatesAutomatic = true
	match.AutomaticGiB = AutomaticCacheGiB + g.ExtraStorageGiB
	at := p.m.at
	match.AutomaticExpires = at.Add(policy.expiry(0, -1))
	switch {
	case policy.AutomaticReady == readyAtOnce:
		match.AutomaticUsable = at
	case p.m.BuildTime != nil:
		match.AutomaticUsable = at.Add(p.m.BuildTime(g.all(), match.AutomaticGiB))
	}
}

// all are the references of the group, init containers' too, each once.
func (g *Group) all() []string {
	refs := slices.Concat(g.InitImages, g.Images)
	slices.Sort(refs)
	return slices.Compact(refs)
}

// whyPicked says what the first candidate has before the second.
func (p *Picker) whyPicked(q *query, ranked []rival, candidates []Candidate) string {
	degree := fmt.Sprintf("holds %d of %d images by name", ranked[0].full, len(q.counted))
	if p.m.policy.Degree == degreeLayers {
		degree = fmt.Sprintf("holds %.0f %% of the bytes", 100*ranked[0].layerFraction)
	}
	if len(ranked) == 1 || ranked[1].refusal != qualified {
		return degree + "; no other cache qualifies"
	}
	second := candidates[1].CacheID
	if candidates[1].PlacedBy == keyDegree {
		if p.m.policy.Degree == degreeImages && ranked[0].full == ranked[1].full {
			return fmt.Sprintf("%s as %s does, and other versions of %d more, against %d", degree, second, ranked[0].repositories, ranked[1].repositories)
		}
		return degree + ", more than " + second
	}
	return degree + " as " + second + " does, and " + p.advantage(candidates[1].PlacedBy)
}

// advantage says a key other than the match degree.
func (p *Picker) advantage(key string) string {
	switch {
	case key == keyKind && p.m.policy.Kinds == kindsManual:
		return "is a manual one (policy kinds=manual-first)"
	case key == keyKind:
		return "is an automatic one (policy kinds=automatic-first)"
	case key == keySize && p.m.policy.Size == sizeMatchedBytes:
		return "the matched images are larger"
	case key == keySize:
		return "its size is closer to the instance's storage"
	case key == keyCreation:
		return "it is newer"
	}
	return "the tie rule decides" // eci §6 #6
}

// whyNone says of the first candidates why they do not qualify.
func (p *Picker) whyNone(match *Match) string {
	if len(p.caches) == 0 {
		return NoCaches
	}
	const shown = 3
	var reasons []string
	for _, c := range match.Candidates[:min(shown, len(match.Candidates))] {
		reasons = append(reasons, c.CacheID+" "+c.Reason)
	}
	if n := len(match.Candidates) + match.MoreCandidates - shown; n > 0 {
		reasons = append(reasons, fmt.Sprintf("%d more do not qualify", n))
	}
	switch {
	case match.OtherCaches == 1:
		reasons = append(reasons, "1 cache holds none of the repositories")
	case match.OtherCaches > 0:
		reasons = append(reasons, fmt.Sprintf("%d caches hold none of the repositories", match.OtherCaches))
	}
	return "no cache qualifies: " + strings.Join(reasons, "; ")
}
