package matcher

import (
	"cmp"
	"slices"
	"time"
)

// Comparison is ours against the service's: how often the matcher orders caches
// as ECI does, where it does not, and which readings of undocumented rules would
// make it.
//
// An answer agrees when the caches that the service named are the first of those
// that we would take, in the same order; or when both name none. The service may
// name fewer: nothing says how many it lists (eci §2.5).
type Comparison struct {
	// Policies are the readings that ours were compared under.
	Policies map[string]string `json:"policies"`
	// Answers counts the answers, Judged those that name only caches that we know;
	// the counts after it are of the judged ones.
	Answers int `json:"answers"`
	Judged  int `json:"judged"`
	// SamePick counts those whose first cache is ours, Agreed those that agree,
	// SameLists those where both lists are the same.
	SamePick  int `json:"samePick"`
	Agreed    int `json:"agreed"`
	SameLists int `json:"sameLists"`
	// AgreedFraction is Agreed of Judged; absent when none is judged.
	AgreedFraction *float64 `json:"agreedFraction,omitempty"`
	// Compared has every answer, in their order.
	Compared []Compared `json:"compared"`
	// Readings are the other readings, one at a time, that change how many answers
	// agree or which lists are the same: the one that explains most first.
	Readings []ReadingAgreement `json:"readings,omitempty"`
	// ReadingsTried counts all that were tried.
	ReadingsTried int `json:"readingsTried"`
}

// How the service's answer differs from ours.
const (
	// UnknownCache: it names a cache that our list lacks, so the list is stale and
	// the answer is not judged.
	UnknownCache = "unknown"
	// RefusedByUs: it names a cache that we would not take.
	RefusedByUs = "refused"
	// NoneNamed: it names none where we take one.
	NoneNamed = "none"
	// OmittedByService: it leaves out a cache that we place above one it names.
	OmittedByService = "omitted"
	// OtherOrder: it names the same caches in another order.
	OtherOrder = "order"
)

// Compared is one answer of the service beside ours.
type Compared struct {
	App     string    `json:"app" document:"required"`
	Images  []string  `json:"images"`
	AskedAt time.Time `json:"askedAt,omitzero"`
	Agrees  bool      `json:"agrees"`
	// OursID and ServiceID are the first of each; empty when there is none.
	OursID    string `json:"oursId,omitempty"`
	ServiceID string `json:"serviceId,omitempty"`
	// OursNamed and ServiceNamed count the caches of each list.
	OursNamed    int `json:"oursNamed"`
	ServiceNamed int `json:"serviceNamed"`
	// Difference is the kind of disagreement, Position where in the lists it is
	// first, counted from 1; empty and 0 when the answer agrees.
	Difference string `json:"difference,omitempty" document:"enum=unknown|refused|none|omitted|order"`
	Position   int    `json:"position,omitempty"`
	// Ours and Service are the caches at that position with the keys that we place
	// them by; absent where a list has no more, or we do not know the cache.
	Ours    *Candidate `json:"ours,omitempty"`
	Service *Candidate `json:"service,omitempty"`
	// UnknownIDs are caches that our list lacks.
	UnknownIDs []string `json:"unknownIds,omitempty"`
	// RankCorrelation is Kendall's tau of the caches that both name: 1 in the same
	// order, -1 in the opposite one; absent for fewer than two.
	RankCorrelation *float64 `json:"rankCorrelation,omitempty"`
	// Readings are other readings under which ours would agree, or, where it does,
	// name the same list.
	Readings []AgreeingReading `json:"readings,omitempty"`
}

// AgreeingReading is a reading under which ours agrees with an answer.
type AgreeingReading struct {
	Policy string `json:"policy" document:"required"`
	Value  string `json:"value" document:"required"`
	// SameList says that ours would name the same caches, not only begin so.
	SameList bool `json:"sameList,omitempty"`
}

// ReadingAgreement says how many answers a reading explains.
type ReadingAgreement struct {
	Policy string `json:"policy" document:"required"`
	Value  string `json:"value" document:"required"`
	// Agreed and SameLists are as in Comparison, under this reading. Gained counts
	// the answers that agree under it alone, Lost those that agree only without it.
	Agreed    int `json:"agreed"`
	SameLists int `json:"sameLists"`
	Gained    int `json:"gained"`
	Lost      int `json:"lost"`
}

// CompareService compares answers of the service, whose Images must stand (see
// ServiceAnswers.For), with what a Matcher answers about caches under policy, and
// under every other reading of each rule that bears on a match, one at a time.
// under makes the Matcher of a policy as of a time; at is that of answers that
// state none.
func CompareService(answers []ServiceAnswer, caches []Cache, policy Policy, at time.Time, under func(Policy, time.Time) *Matcher) *Comparison {
	c := &comparer{caches: caches, policies: []Policy{policy}, under: under, pickers: make(map[pickerKey]*Picker)}
	for _, rule := range Rules() {
		for _, value := range rule.Values {
			other := policy
			if !rule.Matching || value == rule.value(&policy) || rule.set(&other, value) != nil {
				continue
			}
			c.readings = append(c.readings, ReadingAgreement{Policy: rule.Key, Value: value})
			c.policies = append(c.policies, other)
		}
	}
	r := &Comparison{Policies: policy.Map(), Answers: len(answers), Compared: []Compared{}, ReadingsTried: len(c.readings)}
	for i := range answers {
		asked := answers[i].AskedAt
		if asked.IsZero() {
			asked = at
		}
		r.add(c.compare(&answers[i], asked))
	}
	if r.Judged > 0 {
		fraction := float64(r.Agreed) / float64(r.Judged)
		r.AgreedFraction = &fraction
	}
	r.Readings = c.bearing(r)
	return r
}

func (r *Comparison) add(one Compared, same bool) {
	r.Compared = append(r.Compared, one)
	if one.Difference == UnknownCache {
		return
	}
	r.Judged++
	count(&r.SamePick, one.OursID == one.ServiceID)
	count(&r.Agreed, one.Agrees)
	count(&r.SameLists, same)
}

func count(n *int, is bool) {
	if is {
		*n++
	}
}

// comparer answers under one policy and under its other readings.
type comparer struct {
	caches []Cache
	// policies has the one compared under, then one for each of readings.
	policies []Policy
	readings []ReadingAgreement
	under    func(Policy, time.Time) *Matcher
	pickers  map[pickerKey]*Picker
}

type pickerKey struct {
	policy int
	at     time.Time
}

func (c *comparer) picker(policy int, at time.Time) *Picker {
	key := pickerKey{policy, at}
	p, ok := c.pickers[key]
	if !ok {
		p = c.under(c.policies[policy], at).Picker(c.caches)
		c.pickers[key] = p
	}
	return p
}

// compare compares one answer, and counts the readings that agree with it. same
// says that both lists are the same.
func (c *comparer) compare(a *ServiceAnswer, at time.Time) (one Compared, same bool) {
	g, p := a.group(), c.picker(0, at)
	ours := p.order(g)
	one = Compared{
		App: g.Name, Images: a.Images, AskedAt: a.AskedAt, OursNamed: len(ours), ServiceNamed: len(a.CacheIDs),
		OursID: firstOf(ours), ServiceID: firstOf(a.CacheIDs), RankCorrelation: kendall(ours, a.CacheIDs),
	}
	for _, id := range a.CacheIDs {
		if p.position(id) < 0 {
			one.UnknownIDs = append(one.UnknownIDs, id)
		}
	}
	one.Difference, one.Position = difference(ours, a.CacheIDs, one.UnknownIDs)
	one.Agrees = one.Difference == ""
	if !one.Agrees {
		q := p.m.ask(g)
		one.Ours, one.Service = p.keys(&q, ours, one.Position), p.keys(&q, a.CacheIDs, one.Position)
	}
	if one.UnknownIDs != nil {
		return one, false
	}
	for i := range c.readings {
		c.try(i, g, a, at, &one, slices.Equal(ours, a.CacheIDs))
	}
	return one, slices.Equal(ours, a.CacheIDs)
}

// try answers under the i-th other reading.
func (c *comparer) try(i int, g Group, a *ServiceAnswer, at time.Time, one *Compared, same bool) {
	r := &c.readings[i]
	ours := c.picker(i+1, at).order(g)
	kind, _ := difference(ours, a.CacheIDs, nil)
	agrees, sameList := kind == "", slices.Equal(ours, a.CacheIDs)
	count(&r.Agreed, agrees)
	count(&r.SameLists, sameList)
	count(&r.Gained, agrees && !one.Agrees)
	count(&r.Lost, !agrees && one.Agrees)
	if agrees && (!one.Agrees || sameList && !same) {
		one.Readings = append(one.Readings, AgreeingReading{r.Policy, r.Value, sameList})
	}
}

// bearing are the readings that change an agreement, the one that explains most
// first; of equals in the order of the rules.
func (c *comparer) bearing(r *Comparison) []ReadingAgreement {
	list := slices.DeleteFunc(slices.Clone(c.readings), func(x ReadingAgreement) bool {
		return x.Gained == 0 && x.Lost == 0 && x.SameLists == r.SameLists
	})
	slices.SortStableFunc(list, func(x, y ReadingAgreement) int {
		return cmp.Or(cmp.Compare(y.Agreed, x.Agreed), cmp.Compare(y.SameLists, x.SameLists))
	})
	return list
}

// order are the IDs of the caches that would be taken for g, best first.
func (p *Picker) order(g Group) []string {
	q := p.m.ask(g)
	var ids []string
	related := p.related(&q)
	for _, r := range p.ranked(&q, related, len(related)) {
		if r.refusal == qualified {
			ids = append(ids, p.caches[r.cache].ID)
		}
	}
	return ids
}

// position is that of the cache with the ID, or -1.
func (p *Picker) position(id string) int {
	return slices.IndexFunc(p.caches, func(c Cache) bool { return c.ID == id })
}

// keys are those of the cache at a position of a list, counted from 1; nil where
// there is none.
func (p *Picker) keys(q *query, ids []string, position int) *Candidate {
	if position > len(ids) {
		return nil
	}
	i := p.position(ids[position-1])
	if i < 0 {
		return nil
	}
	return &p.candidates(q, p.ranked(q, []int32{int32(i)}, 1), false)[0]
}

func firstOf(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}

// difference says where the service's list first departs from ours, counted from
// 1, and how; nothing where it is the beginning of ours.
func difference(ours, theirs, unknown []string) (kind string, position int) {
	if unknown != nil {
		return UnknownCache, slices.Index(theirs, unknown[0]) + 1
	}
	if len(theirs) == 0 && len(ours) > 0 {
		return NoneNamed, 1
	}
	for i, id := range theirs {
		switch {
		case i < len(ours) && ours[i] == id:
		case !slices.Contains(ours, id):
			return RefusedByUs, i + 1
		case i < len(ours) && !slices.Contains(theirs, ours[i]):
			return OmittedByService, i + 1
		default:
			return OtherOrder, i + 1
		}
	}
	return "", 0
}

// kendall is Kendall's tau of the IDs that are in both lists: of all pairs, the
// share in the same order less that in the opposite one.
func kendall(x, y []string) *float64 {
	var places []int
	for _, id := range x {
		if j := slices.Index(y, id); j >= 0 {
			places = append(places, j)
		}
	}
	if len(places) < 2 {
		return nil
	}
	sum := 0
	for i, a := range places {
		for _, b := range places[i+1:] {
			sum += cmp.Compare(b, a)
		}
	}
	tau := float64(sum) / float64(len(places)*(len(places)-1)/2)
	return &tau
}
