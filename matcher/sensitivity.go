package matcher

// A Reading is another reading of an undocumented rule that changes an answer.
type Reading struct {
	// Policy and Value set it: --policy POLICY=VALUE.
	Policy string `json:"policy" document:"required"`
	Value  string `json:"value" document:"required"`
	// CacheID is the cache that would be picked; empty when none. Reason says why.
	CacheID string `json:"cacheId,omitempty"`
	Reason  string `json:"reason,omitempty"`
	// Changes name what differs from the answer: the cache picked, whether the
	// start fails, whether an automatic cache is made, or the bytes still pulled.
	Changes []string `json:"changes"`
}

// Sensitivity answers for many groups under every other reading of each
// undocumented rule, one at a time. Rules that are numbers, and those that end
// the life of caches or build new ones, have no bearing on a match.
type Sensitivity struct {
	readings []reading
}

type reading struct {
	rule, value string
	picker      *Picker
}

// Sensitivity prepares to answer about caches, which must not change meanwhile.
func (m *Matcher) Sensitivity(caches []Cache) *Sensitivity {
	s := &Sensitivity{}
	for _, rule := range Rules() {
		for _, value := range rule.Values {
			if rule.Matching && value != rule.value(&m.policy) {
				s.readings = append(s.readings, reading{rule.Key, value, m.under(rule, value).Picker(caches)})
			}
		}
	}
	return s
}

// Tried is the number of other readings.
func (s *Sensitivity) Tried() int { return len(s.readings) }

// Readings returns the readings that change the answer for g.
func (s *Sensitivity) Readings(g Group, answer *Match) []Reading {
	var changing []Reading
	for _, r := range s.readings {
		if other := r.picker.outcome(g); answer.changes(&other) == nil {
			continue
		}
		other := r.picker.Match(g)
		if changes := answer.changes(&other); changes != nil {
			changing = append(changing, Reading{r.rule, r.value, other.CacheID, other.Reason, changes})
		}
	}
	return changing
}

// outcome is the Match of g without its candidates and its reason, for comparison.
func (p *Picker) outcome(g Group) Match {
	q := p.m.ask(g)
	var positions []int32
	if best, ok := p.pick(&q); ok {
		positions = []int32{int32(best.cache)}
	}
	return p.match(&q, positions, false)
}

// under is the Matcher under another reading of a rule.
func (m *Matcher) under(rule Rule, value string) *Matcher {
	policy := m.policy
	if err := rule.set(&policy, value); err != nil {
		// Unreachable: the value is one of the rule's own.
		return m
	}
	// What is remembered of names holds under any policy but one.
	other := *m
	other.policy, other.scratch = policy, scratch{}
	if policy.Registries != m.policy.Registries {
		other.forget()
	}
	return &other
}

// changes names what another answer has different.
func (match *Match) changes(other *Match) []string {
	var changes []string
	for _, c := range []struct {
		what    string
		differs bool
	}{
		{"cache", match.CacheID != other.CacheID},
		{"failure", (match.Fails == "") != (other.Fails == "")},
		{"automatic cache", match.CreatesAutomatic != other.CreatesAutomatic},
		{"bytes", match.Overlap != other.Overlap},
	} {
		if c.differs {
			changes = append(changes, c.what)
		}
	}
	return changes
}
