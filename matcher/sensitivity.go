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

// Sensitivity answers as Match does under every other reading of each
// undocumented rule, one at a time, and returns those that change the answer
// given, with the number of readings tried. Rules that are numbers, and those
// that end the life of caches or build new ones, have no bearing on a match.
func (m *Matcher) Sensitivity(g Group, caches []Cache, answer *Match) (readings []Reading, tried int) {
	for _, rule := range Rules() {
		if !rule.Matching {
			continue
		}
		for _, value := range rule.Values {
			if value == rule.value(&m.policy) {
				continue
			}
			tried++
			other := m.under(rule, value).Match(g, caches)
			if changes := answer.changes(&other); changes != nil {
				readings = append(readings, Reading{rule.Key, value, other.CacheID, other.Reason, changes})
			}
		}
	}
	return readings, tried
}

// under is the Matcher under another reading of a rule.
func (m *Matcher) under(rule Rule, value string) *Matcher {
	policy := m.policy
	if err := rule.set(&policy, value); err != nil {
		// Unreachable: the value is one of the rule's own.
		return m
	}
	other := New(m.inv, m.platform, m.at, policy)
	other.BuildTime = m.BuildTime
	return other
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
