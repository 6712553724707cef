package cachebench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// doubts are reasons to trust the timeline less, one sentence each.
func (j *Job) doubts(t *simulate.Timeline) []string {
	var doubts []string
	add := func(format string, args ...any) { doubts = append(doubts, fmt.Sprintf(format, args...)) }
	if p := j.Scenario.Profile; !p.OfECI() && j.hasOwn() {
		add("Caches and prices are ECI's, but profile %s describes other hosts.", p.Name)
	}
	j.poolDoubts(add)
	doubts = append(doubts, j.imageDoubts()...)
	j.bulkDoubts(add)
	j.poolNodeDoubts(add)
	j.neverDoubts(add)
	j.staleDoubts(add)
	j.absentDoubts(t, add)
	faultDoubts(t, add)
	j.Scenario.stepDoubts(t, add)
	return append(doubts, j.repeatDoubts()...)
}

// absentDoubts names apps that the simulated window says nothing of.
func (j *Job) absentDoubts(t *simulate.Timeline, add func(string, ...any)) {
	if len(j.Scenario.Bursts) > 0 {
		return // it was asked for those apps alone
	}
	seen := make(map[string]bool)
	for i := range t.Summaries {
		seen[t.Summaries[i].App] = true
	}
	for i := range t.Startups {
		seen[t.Startups[i].App] = true // void ones too
	}
	for i := range t.Voids {
		seen[t.Voids[i].App] = true
	}
	var absent []string
	for _, app := range j.Workload.Apps {
		if !seen[app.Name] {
			absent = append(absent, app.Name)
		}
	}
	switch {
	case len(absent) == len(j.Workload.Apps):
		add("Nothing is simulated: no start falls into the window of %s (windowSeconds).", span(j.Scenario.window()))
	case len(absent) > 0:
		add("Not simulated, because no start falls into the window of %s (windowSeconds): %s.", span(j.Scenario.window()), few(absent))
	}
}

// imageDoubts are those about the profile and the images.
func (j *Job) imageDoubts() []string {
	var doubts []string
	add := func(format string, args ...any) { doubts = append(doubts, fmt.Sprintf(format, args...)) }
	profile := j.Scenario.Profile
	if names := profile.Unlimited(); len(names) > 0 {
		add("Unlimited in profile %s, so never the bottleneck: %s.", profile.Name, strings.Join(names, ", "))
	}
	if profile.UnmeasuredECI() {
		add("No value of profile %s was measured on ECI: calibrate it before spending much on its word.", profile.Name)
	}
	if size := j.Inventory.Total(); size.EstimatedBytes > 0 {
		add("%.0f %% of the unpacked bytes are estimated (%s), not measured.",
			100*float64(size.EstimatedBytes)/float64(size.UnpackedBytes), estimatedBy(j.Inventory))
	}
	unresolved, leftOut := j.Inventory.Unresolved, j.Coverage.LeftOut
	for _, u := range unresolved[:min(len(unresolved), fewNames)] {
		add("%s could not be read: %s.", u.Reference, strings.TrimSuffix(u.Reason, "."))
	}
	if rest := len(unresolved) - fewNames; rest > 0 {
		add("%d more images could not be read.", rest)
	}
	for _, out := range leftOut[:min(len(leftOut), fewNames)] {
		add("App %s is left out: %s.", out.App, strings.TrimSuffix(out.Reason, "."))
	}
	if rest := len(leftOut) - fewNames; rest > 0 {
		add("%d more apps are left out.", rest)
	}
	return doubts
}

// estimatedBy says how unpacked sizes are estimated that are.
func estimatedBy(inv *layers.Inventory) string {
	var ways []string
	for _, o := range layers.SizeOrigins(inv.Layers) {
		switch o.Method {
		case layers.GzipTrailer:
			ways = append(ways, "by the end of the gzip blob")
		case layers.Engine:
			ways = append(ways, "by an engine's sum of files")
		case layers.ByRatio:
			ways = append(ways, fmt.Sprintf("compressed size times %g", layers.GzipRatio))
		}
	}
	return strings.Join(ways, ", ")
}

// fewNames is how many names a sentence gives at most; it counts the others.
const fewNames = 10

func few(names []string) string {
	if len(names) <= fewNames {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:fewNames], ", "), len(names)-fewNames)
}

// neverDoubts names apps that would fail where their images are not present.
func (j *Job) neverDoubts(add func(string, ...any)) {
	var never []string
	for _, app := range j.Workload.Apps {
		if app.PullPolicy == "Never" {
			never = append(never, app.Name)
		}
	}
	if len(never) > 0 {
		add("Pull policy Never: a start that does not find all its images fails, and no time counts it; what is estimated takes it as if it pulled: %s.", few(never))
	}
}

// bulkDoubts names bursts that one snapshot copy is not advised for; by how
// much they would be slower is not published (eci §6 #18).
func (j *Job) bulkDoubts(add func(string, ...any)) {
	limit, known := j.Scenario.startsPerCopies()
	if !known {
		return
	}
	bulk := func(app string, n int) { add(bulkDoubt, app, n, "in a burst", limit) }
	for _, app := range j.Workload.Apps {
		if app.NodePool != "" {
			continue // no image cache is for nodes
		}
		for _, b := range app.Bursts {
			if int64(b.Count) > limit {
				bulk(app.Name, b.Count)
			}
		}
	}
	for _, b := range j.Scenario.Bursts {
		if i := j.appOf(b.App); int64(b.Count) > limit && i >= 0 && j.Workload.Apps[i].NodePool == "" {
			bulk(b.App, b.Count)
		}
	}
}

const bulkDoubt = "App %s starts %d instances %s, and one snapshot of its cache is advised for %d: how much slower more are is not published and not simulated (cache.copies, cache.copyBytesPerSecond)."

// startsPerCopies is how many starts at once the copies of a snapshot are advised
// for; unknown where the profile says how fast a copy is, so that it is simulated.
func (s *Scenario) startsPerCopies() (limit int64, known bool) {
	c := &s.Profile.Cache
	return c.StartsPerCopy.Value * c.Copies.Value, slices.Contains(s.Profile.Unlimited(), "cache.copyBytesPerSecond")
}

// ReleaseDoubts is a sentence where no app is ever released, as far as is stated: what ECI
// caches by itself is then never stale, and a plan's automatic baseline looks better than it
// is. Else there is none.
func (j *Job) ReleaseDoubts() []string {
	if j.recording != nil || !j.hasOwn() || j.Scenario.Baseline != plan.Automatic || hasReleases(&j.Workload) {
		return nil
	}
	return []string{"No releases are stated, so that automatic caches are never stale: set releasesPerMonth of the apps that are released, whose starts find no cache from then until another is made."}
}

// staleDoubts names caches whose content is not what their tags mean now.
func (j *Job) staleDoubts(add func(string, ...any)) {
	for _, c := range j.Scenario.Caches {
		for _, content := range c.Contents {
			i := j.find(content.Reference)
			if i < 0 {
				continue
			}
			img := &j.Inventory.Images[i]
			if d := layers.Digest(content.Digest); d != img.Digest && d != img.IndexDigest {
				add("Cache %s holds an older %s than the tag means now; a start that matches it runs the older image unless its pull policy is Always.", c.ID, content.Reference)
			}
		}
	}
}

// assumptions are what the results rest on besides the plan's own: image caches
// only where a start may find one, prices only where something is priced.
func (j *Job) assumptions(p *plan.Plan) []string {
	s := j.Scenario
	var list []string
	if j.hasOwn() {
		list = append(list, s.matchingAssumption())
	}
	if p != nil {
		list = append(list, s.priceAssumption())
	}
	single := "Single starts come at random at their mean rate (seed " + fmt.Sprint(s.Seed) + ")"
	if j.hasOwn() {
		single += "; automatic caches are replayed over 30 days after 30 days of warm-up"
	}
	list = append(list, single+".")
	list = append(list, j.poolAssumptions()...)
	if hasReleases(&j.Workload) {
		list = append(list, "A release gives an app's first image a new tag, of the same size; where the app asks for latest, that tag moves. What the layers of the older version share with the newer is not credited.")
	}
	if len(s.Bursts) > 0 {
		return append(list, burstAssumption(s))
	}
	return append(list, fmt.Sprintf("Startups are simulated for %s of the month, from %s after its beginning.", span(s.window()), span(s.WindowStart)))
}

func (s *Scenario) priceAssumption() string {
	return "Unit prices: " + strings.Join(s.Prices.Lines(), ", ") + "."
}

// matchingAssumption says how matching is read where ECI documents nothing.
func (s *Scenario) matchingAssumption() string {
	p := s.Policy
	return fmt.Sprintf("Matching where ECI documents nothing: match degree by %s, then size %s, then newest; a cache must hold at least one %s; automatic caches are deleted %s, at most %d are kept.", p.Degree, p.Size, p.Threshold, retention(p.Retention), p.AutomaticQuota) // eci §1.2, §6
}

func retention(rule string) string {
	if rule == "older" {
		return "after 3 days unused (the older rule)"
	}
	return "7 days after creation if never used, else 30 days after the last use"
}

// decidingDoubts are those that can turn the plan's verdict, which come first.
func (j *Job) decidingDoubts(p *plan.Plan) []string {
	if p == nil {
		return nil
	}
	var doubts []string
	if p.Verdict == plan.BuildNothing && p.Baseline == plan.Automatic && j.hasOwn() {
		doubts = append(doubts, fmt.Sprintf("That nothing is built rests on ECI's automatic caches, which only pods get that ask for them (annotation k8s.aliyun.com/eci-image-cache: \"true\", or the cluster's eci-profile): %swhere they do not, compare with baseline cold.", j.askingWords()))
	}
	return append(doubts, j.ReleaseDoubts()...)
}

// askingWords say how many apps do not ask for automatic caches, as far as the workload
// tells it.
func (j *Job) askingWords() string {
	var silent []string
	own := 0
	for i := range j.Workload.Apps {
		app := &j.Workload.Apps[i]
		if !isOwn(app) {
			continue
		}
		own++
		if app.AsksAutomatic != nil && !*app.AsksAutomatic {
			silent = append(silent, app.Name)
		}
	}
	if len(silent) == 0 {
		return ""
	}
	const named = 3
	names := strings.Join(silent[:min(len(silent), named)], ", ")
	if more := len(silent) - named; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("the pods of %d of %d apps (%s) do not ask by the annotation; ", len(silent), own, names)
}

// planDoubts compares the plan with the other arms and with the simulation.
func (j *Job) planDoubts(p *plan.Plan, t *simulate.Timeline) []string {
	var doubts, slower, apart []string
	if len(j.Scenario.Bursts) > 0 {
		doubts = append(doubts, fmt.Sprintf("The plan and what it saves are of the month; the simulated startup times are of made-up starts alone (burst): %s.", burstWords(j.Scenario)))
	}
	mean := coldMeans(t)
	for _, a := range p.Assignments {
		if a.ColdSeconds < a.BaselineSeconds {
			slower = append(slower, fmt.Sprintf("%s (%.1f s cold, %.1f s cached)", a.App, a.ColdSeconds.Seconds(), a.BaselineSeconds.Seconds()))
		}
		if m, ok := mean[a.App]; ok && (m > 1.2*a.ColdSeconds.Seconds() || m < a.ColdSeconds.Seconds()/1.2) {
			apart = append(apart, fmt.Sprintf("%s (estimated %.1f s, simulated %.1f s)", a.App, a.ColdSeconds.Seconds(), m))
		}
	}
	if len(slower) > 0 {
		doubts = append(doubts, "Ready sooner without any cache, because attaching and reading one takes longer than the pull: "+few(slower)+".")
	}
	if len(apart) > 0 {
		doubts = append(doubts, "The plan's estimate of a cold start is far from the simulation's mean, for it leaves out what many starts at once bring (admission, shared links): "+few(apart)+".")
	}
	if p.Profile != "" && p.Profile != j.Scenario.Profile.Name {
		doubts = append(doubts, fmt.Sprintf("The plan was made on profile %s, the startups are simulated on profile %s: their seconds do not compare.", p.Profile, j.Scenario.Profile.Name))
	}
	return doubts
}

// coldMeans are the mean seconds to ready of each app's cold starts.
func coldMeans(t *simulate.Timeline) map[string]float64 {
	mean := make(map[string]float64)
	for i := range t.Summaries {
		if s := &t.Summaries[i]; s.Arm == simulate.ArmCold && s.App != "" {
			mean[s.App] = s.Mean.Value
		}
	}
	return mean
}

func hasReleases(w *workload.Workload) bool {
	for _, a := range w.Apps {
		if a.ReleasesPerMonth > 0 {
			return true
		}
	}
	return false
}
