package measure

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/simulate"
)

// resume takes over what an earlier run of the same experiment measured.
func (s *session) resume(old *simulate.Timeline) error {
	if err := s.sameExperiment(old); err != nil {
		return err
	}
	m := s.t.Measurement
	m.Runs, m.Inventory = slices.Clone(old.Measurement.Runs), old.Measurement.Inventory
	// What the runs that are gone on with do not tell is not known of all together; a
	// doubt says so.
	m.Facts = likeEarlier(m.Facts, old.Measurement.Facts)
	s.t.Startups = slices.Clone(old.Startups)
	if len(s.t.Provenance.Inputs) == 0 {
		s.t.Provenance.Inputs = old.Provenance.Inputs
	}
	arms := map[string]*Arm{}
	for i := range s.arms {
		arms[s.arms[i].Name] = &s.arms[i]
	}
	startups := map[runKey][]*simulate.Startup{}
	for i := range s.t.Startups {
		if u := &s.t.Startups[i]; u.Void == "" {
			key := runKey{u.Arm, u.Repeat}
			startups[key] = append(startups[key], u)
		}
	}
	if len(m.Runs) > 0 {
		s.origin = m.Runs[0].At
	}
	seen := map[runKey]bool{}
	for i := range m.Runs {
		run := &m.Runs[i]
		key := runKey{run.Arm, run.Repeat}
		a := arms[run.Arm]
		if a == nil {
			return fmt.Errorf("its runs hold arm %q, which the experiment does not", run.Arm)
		}
		if run.Void != "" {
			continue
		}
		if seen[key] {
			return fmt.Errorf("its runs hold repeat %d of arm %s twice", run.Repeat, run.Arm)
		}
		seen[key] = true
		if err := a.sameStarts(startups[key]); err != nil {
			return fmt.Errorf("repeat %d of arm %s: %w", run.Repeat, run.Arm, err)
		}
		// The limit may be another than that of before. All runs are held to one.
		if run.Void = tooNoisy(run, s.opt.MaxOtherCPUFraction); run.Void != "" {
			for _, u := range startups[key] {
				u.Void = run.Void
			}
			continue
		}
		s.done[key] = true
	}
	return nil
}

// sameStarts compares what was started with what an arm starts.
func (a *Arm) sameStarts(was []*simulate.Startup) error {
	if len(was) != len(a.Starts) {
		return fmt.Errorf("it had %d starts, now it has %d: measure anew", len(was), len(a.Starts))
	}
	for i, s := range a.Starts {
		u := was[i]
		then := fmt.Sprintf("%s as %s on %s", u.Images, u.App, u.Node)
		now := fmt.Sprintf("%s as %s on %s", []string{s.Image}, cmp.Or(s.App, s.Image), NodeName(s.Node))
		if then != now {
			return fmt.Errorf("start %d was %s, now it is %s: measure anew", i+1, then, now)
		}
	}
	return nil
}

// sameExperiment names what differs from an earlier experiment.
func (s *session) sameExperiment(old *simulate.Timeline) error {
	was, is := old.Measurement, s.t.Measurement
	if was == nil || was.Inventory == nil {
		return fmt.Errorf("the timeline does not say how it was measured: it is of no experiment")
	}
	if was.Tool != is.Tool {
		return differs("tool", was.Tool, is.Tool)
	}
	if o, n := old.Provenance.Seed, s.t.Provenance.Seed; o != n {
		return differs("seed", fmt.Sprint(o), fmt.Sprint(n))
	}
	if o, n := old.Provenance.Version, s.t.Provenance.Version; o != n {
		return differs("cachebench", o, n) // another version may pull otherwise
	}
	if err := sameFacts(was.Facts, likeEarlier(is.Facts, was.Facts)); err != nil {
		return err
	}
	if err := sameImages(was, is); err != nil {
		return err
	}
	return sameArms(was.Arms, is.Arms)
}

func differs(what, was, is string) error {
	return fmt.Errorf("%s was %s, now it is %s: measure anew, or as it was", what, cmp.Or(was, "not known"), cmp.Or(is, "not known"))
}

// unnotedBefore are facts that timelines of earlier versions lack.
var unnotedBefore = []string{FactRegistry, FactLink}

// likeEarlier leaves out of the facts what earlier ones lack because they were told
// by an earlier version.
func likeEarlier(is, was []simulate.Fact) []simulate.Fact {
	return slices.DeleteFunc(slices.Clone(is), func(f simulate.Fact) bool {
		return slices.Contains(unnotedBefore, f.Name) && !slices.ContainsFunc(was, func(w simulate.Fact) bool { return w.Name == f.Name })
	})
}

func sameFacts(was, is []simulate.Fact) error {
	values := func(facts []simulate.Fact) map[string]string {
		m := map[string]string{}
		for _, f := range facts {
			m[f.Name] = f.Value
		}
		return m
	}
	w, n := values(was), values(is)
	for _, f := range slices.Concat(was, is) {
		if w[f.Name] != n[f.Name] {
			return differs(f.Name, w[f.Name], n[f.Name])
		}
	}
	return nil
}

func sameImages(was, is *simulate.Measurement) error {
	digests := func(m *simulate.Measurement) map[string]string {
		d := map[string]string{}
		for i := range m.Inventory.Images {
			img := &m.Inventory.Images[i]
			d[img.Reference] = string(img.Digest)
			if img.IndexDigest != "" { // it takes a request more
				d[img.Reference] += " by index " + string(img.IndexDigest)
			}
		}
		return d
	}
	w, n := digests(was), digests(is)
	for _, images := range [][2]*simulate.Measurement{{was}, {is}} {
		for i := range images[0].Inventory.Images {
			ref := images[0].Inventory.Images[i].Reference
			if w[ref] != n[ref] {
				return differs("image "+ref, w[ref], n[ref])
			}
		}
	}
	return nil
}

func sameArms(was, is []simulate.ArmSetup) error {
	for i := range max(len(was), len(is)) {
		switch {
		case i >= len(was):
			return fmt.Errorf("arm %s is new: measure anew", is[i].Arm)
		case i >= len(is):
			return fmt.Errorf("arm %s is no longer there: measure anew", was[i].Arm)
		}
		w, n := &was[i], &is[i]
		switch {
		case w.Arm != n.Arm:
			return differs(fmt.Sprintf("arm %d", i+1), w.Arm, n.Arm)
		case !slices.Equal(w.Kept, n.Kept):
			return differs("what arm "+w.Arm+" keeps", fmt.Sprint(w.Kept), fmt.Sprint(n.Kept))
		case !slices.Equal(w.Starts, n.Starts):
			return differs("how arm "+w.Arm+" starts", fmt.Sprintf("%q", w.Starts), fmt.Sprintf("%q", n.Starts))
		case w.DropPageCache != n.DropPageCache:
			return differs("dropPageCache of arm "+w.Arm, fmt.Sprint(w.DropPageCache), fmt.Sprint(n.DropPageCache))
		case !w.Profile.Equal(n.Profile):
			return differs("the conditions of arm "+w.Arm, asText(w), asText(n))
		}
	}
	return nil
}

func asText(s *simulate.ArmSetup) string {
	text, err := s.Profile.MarshalJSON()
	if err != nil {
		return err.Error()
	}
	return string(text)
}
