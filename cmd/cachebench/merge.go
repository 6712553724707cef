package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/cachebench/cachebench/simulate"
)

// timelines gathers what several files tell of the arms of one comparison.
type timelines struct {
	whole *simulate.Timeline
	// simulated is the first one that was simulated.
	simulated *namedTimeline
	// files are those that tell of an arm, by source and arm.
	files map[[2]string]string
}

type namedTimeline struct {
	*simulate.Timeline
	name string
	// starts counts the startups of each arm.
	starts int64
}

// add adds a file's timeline. One of another simulation than those before it, or of
// an arm that one of them has, is refused: their startups would be taken for one
// result.
func (m *timelines) add(name string, t *simulate.Timeline) error {
	next := &namedTimeline{Timeline: t, name: name}
	arms := armsOf(t)
	byName := func(x, y [2]string) int { return slices.Compare(x[:], y[:]) }
	for _, key := range slices.SortedFunc(maps.Keys(arms), byName) {
		source, arm := key[0], key[1]
		if other, ok := m.files[key]; ok {
			return usagef("%s and %s both tell of arm %s, %s: name one of them", other, name, arm, source)
		}
		if m.files == nil {
			m.files = make(map[[2]string]string)
		}
		m.files[key] = name
		if source == simulate.Simulated {
			next.starts = arms[key]
		}
	}
	if next.starts > 0 && m.simulated != nil {
		if what := unlike(m.simulated, next); what != "" {
			return usagef("%s and %s are of two simulations: %s; report each by itself", m.simulated.name, name, what)
		}
	} else if next.starts > 0 {
		m.simulated = next
	}
	if m.whole == nil {
		m.whole = t
		return nil
	}
	w := m.whole
	if m.simulated == next {
		// What is simulated is by this one's profile and model, not by the host of those
		// that were measured.
		inputs := w.Provenance.Inputs
		w.Provenance = t.Provenance
		w.Provenance.Inputs = slices.Clone(inputs)
	}
	w.Startups = append(w.Startups, t.Startups...)
	w.Summaries = append(w.Summaries, t.Summaries...)
	w.Voids = append(w.Voids, t.Voids...)
	w.Differences = append(w.Differences, t.Differences...)
	w.Explanations = append(w.Explanations, t.Explanations...)
	w.Observations = append(w.Observations, t.Observations...)
	w.Disturbances = append(w.Disturbances, t.Disturbances...)
	for _, doubt := range t.Doubts {
		if !slices.Contains(w.Doubts, doubt) {
			w.Doubts = append(w.Doubts, doubt)
		}
	}
	for _, input := range t.Provenance.Inputs {
		if !slices.Contains(w.Provenance.Inputs, input) {
			w.Provenance.Inputs = append(w.Provenance.Inputs, input)
		}
	}
	return nil
}

// armsOf counts a timeline's startups by source and arm, those that are void too.
func armsOf(t *simulate.Timeline) map[[2]string]int64 {
	arms := make(map[[2]string]int64)
	for i := range t.Startups {
		s := &t.Startups[i]
		arms[[2]string{s.Source, s.Arm}]++
	}
	unlisted := make(map[[2]string]int64)
	for i := range t.Summaries {
		if s := &t.Summaries[i]; s.App == "" {
			unlisted[[2]string{s.Source, s.Arm}] += s.Total()
		}
	}
	for i := range t.Voids {
		unlisted[[2]string{t.Voids[i].Source, t.Voids[i].Arm}] += t.Voids[i].Starts
	}
	for key, n := range unlisted {
		if arms[key] == 0 {
			arms[key] = n
		}
	}
	return arms
}

// unlike says in what two timelines differ that one simulation's arms have in
// common; empty for nothing.
func unlike(a, b *namedTimeline) string {
	p, q := &a.Provenance, &b.Provenance
	switch {
	case p.Profile != q.Profile || p.ProfileBasis != q.ProfileBasis:
		return fmt.Sprintf("profile %s (%s) and profile %s (%s)", p.Profile, p.ProfileBasis, q.Profile, q.ProfileBasis)
	case p.ProfileDigest != q.ProfileDigest:
		return fmt.Sprintf("profile %s has other values", p.Profile)
	case p.Platform != q.Platform:
		return fmt.Sprintf("platform %s and platform %s", cmp.Or(p.Platform, "unknown"), cmp.Or(q.Platform, "unknown"))
	case p.Model != q.Model:
		return fmt.Sprintf("model %d and model %d", p.Model, q.Model)
	case p.Seed != q.Seed:
		return fmt.Sprintf("seed %d and seed %d", p.Seed, q.Seed)
	case p.Version != q.Version:
		return fmt.Sprintf("cachebench %s and %s", p.Version, q.Version)
	case !slices.Equal(digests(p.Inputs), digests(q.Inputs)):
		return "their input files differ"
	case !slices.Equal(a.Faults, b.Faults):
		return "their faults differ"
	case a.starts != b.starts:
		return fmt.Sprintf("%d startups an arm and %d", a.starts, b.starts)
	case !maps.Equal(startsOf(a.Timeline), startsOf(b.Timeline)):
		return "their apps start another number of times"
	case p.WorkloadDigest != q.WorkloadDigest && p.WorkloadDigest != "" && q.WorkloadDigest != "":
		return "what they start, or when, differs"
	}
	return ""
}

// startsOf counts the simulated startups of each app in one arm, for all arms have
// the same; those that are void too.
func startsOf(t *simulate.Timeline) map[string]int64 {
	apps := make(map[string]int64)
	arm := ""
	add := func(source, of, app string, n int64) {
		if source == simulate.Simulated && (arm == "" || of == arm) && app != "" {
			arm = of
			apps[app] += n
		}
	}
	for i := range t.Summaries {
		s := &t.Summaries[i]
		add(s.Source, s.Arm, s.App, s.Total())
	}
	for i := range t.Voids {
		v := &t.Voids[i]
		add(v.Source, v.Arm, v.App, v.Starts)
	}
	return apps
}

// digests are those of a timeline's inputs, whatever their names and order.
func digests(inputs []simulate.Input) []simulate.Input {
	list := slices.Clone(inputs)
	for i := range list {
		list[i].Name = ""
	}
	slices.SortFunc(list, func(x, y simulate.Input) int { return cmp.Compare(x.Digest, y.Digest) })
	return list
}
