package workload

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// A manifest is what is kept of a template of pods.
type manifest struct {
	// podRecord has images, sizes, policy and the owner, which is the object.
	podRecord
	// part is of the object, where it has several templates.
	part string
	// parent is the owner of the object, if it has one.
	parent owner
	// replicas is how many pods are started of it at once; 1 where it is not
	// stated.
	replicas int
	stated   bool
	// schedule holds cron expressions, where the object has some.
	schedule  []string
	suspended bool
}

// addManifest takes what is no pod.
func (c *cluster) addManifest(o *object) error {
	if _, ok := o.imageList(); ok {
		c.skip(o, imageLists)
		return nil
	}
	templates, err := o.podTemplates()
	if err != nil {
		return err
	}
	if len(templates) == 0 {
		c.others[o.kindName()]++
		return nil
	}
	if o.kind == "SidecarSet" {
		c.skip(o, injected)
		return nil
	}
	var meta metadata
	if err := o.decode("metadata", o.metadata, &meta); err != nil {
		return err
	}
	c.jobs.note(o, &meta)
	var made []*manifest
	for _, t := range templates {
		c.notes.unrendered(o, &meta, t.name, &t.spec)
		m, err := o.manifest(meta, t)
		switch {
		case errors.Is(err, errNothing):
			c.nothing++
			continue
		case err != nil:
			return o.fault(o.line, "%w", err)
		}
		made = append(made, m)
	}
	if len(made) > 0 {
		tellApart(made)
		c.manifests[made[0].owner.key()] = made
	}
	return nil
}

// skip leaves out what holds images but starts nothing.
func (c *cluster) skip(o *object, why topic) {
	var meta metadata
	o.decode("metadata", o.metadata, &meta)
	c.notes.note(why, strings.TrimSpace(o.kindName()+" "+plain(meta.name())))
	c.skipped++
}

// noKind stands for the kind of an item that states none.
const noKind = "no kind"

// kindName is the kind as notes tell it.
func (o *object) kindName() string {
	if !kindName.MatchString(o.kind) {
		return noKind
	}
	return o.kind
}

// manifest returns what is kept of one of the object's templates, errNothing, or
// what is wrong with it.
func (o *object) manifest(meta metadata, t podTemplate) (*manifest, error) {
	meta.complete()
	if isUnrendered(meta.Name) || isUnrendered(meta.Namespace) {
		return nil, errNothing
	}
	kind := o.kindOr("Object")
	if !kindName.MatchString(kind) {
		return nil, fmt.Errorf("%q is not a kind", kind)
	}
	m := &manifest{part: t.name, replicas: t.replicas, stated: t.stated || slices.Contains(oneByDefault, kind)}
	if err := m.readSpec(kind, &meta, &t.spec); err != nil {
		return nil, err
	}
	m.name, m.owner = meta.Name, owner{meta.Namespace, kind, meta.Name}
	if parent := meta.controller(); parent.Name != "" {
		m.parent = owner{meta.Namespace, parent.Kind, parent.Name}
	}
	spec := parseTree(o.spec)
	if kind == "Job" {
		m.labels = labelsSum(spec.get("template").get("metadata").get("labels").texts(), meta.Name)
	}
	m.suspended = spec.get("suspend").isTrue()
	for _, s := range append(spec.get("schedules").list(), spec.get("schedule")) {
		if text := s.text(); text != "" {
			m.schedule = append(m.schedule, text)
		}
	}
	return m, nil
}

// tellApart gives the parts of one object names that differ.
func tellApart(parts []*manifest) {
	taken := map[string]bool{}
	for _, m := range parts {
		name := m.part
		for n := 2; taken[m.part]; n++ {
			m.part = fmt.Sprintf("%s-%d", name, n)
		}
		taken[m.part] = true
	}
}

// oneByDefault are the kinds that start one pod where nothing else is stated.
var oneByDefault = []string{"Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "Job", "CronJob", "Rollout", "CloneSet"}

// alone returns the manifests that make apps of their own: those that neither
// started one of the pods nor belong to another manifest.
func (c *cluster) alone(records []*podRecord, v *view) []*manifest {
	started := map[owner]bool{}
	for _, r := range records {
		for _, o := range r.starters {
			for !started[o] {
				started[o] = true
				if made := c.manifests[o]; len(made) > 0 {
					o = made[0].parent.key()
				}
			}
		}
	}
	var all []*manifest
	for _, key := range slices.SortedFunc(maps.Keys(c.manifests), owner.compare) {
		for _, m := range c.manifests[key] {
			parent := m.parent.key()
			isMade := parent.name != "" && (m.owner.kind == "ReplicaSet" || m.owner.kind == "Job")
			switch {
			case started[key], c.manifests[parent] != nil, isMade && started[parent]:
			case isMade && m.owner.kind == "ReplicaSet" && m.replicas == 0:
				v.note(oldReplicaSets, m.owner.namespace+"/"+m.owner.name)
			case isMade && kindName.MatchString(m.parent.kind) && objectName.MatchString(m.parent.name):
				of := *m
				of.owner = m.parent
				all = append(all, &of)
			default:
				all = append(all, m)
			}
		}
	}
	return all
}

func (o owner) compare(p owner) int {
	return cmp.Or(cmp.Compare(o.namespace, p.namespace), cmp.Compare(o.kind, p.kind), cmp.Compare(o.name, p.name))
}

// tell puts into the app what the manifest says of starts and runtime, and what
// stands in for what it does not say.
func (m *manifest) tell(name string, app *App, origin *Origin, v *view) {
	v.note(manifestRuntime, name)
	app.Runtime, origin.Runtime = unknownRuntime, "a guess: a manifest tells none"
	perDay, isPlain := m.runsPerDay()
	switch {
	case len(m.schedule) > 0 && m.suspended:
		origin.StartsPerDay = "its schedule is suspended"
		v.note(suspended, name)
	case isPlain:
		app.StartsPerDay = threeDecimals(perDay * float64(m.replicas))
		origin.StartsPerDay = "by its schedule"
		if m.replicas != 1 {
			origin.StartsPerDay += ", " + count(m.replicas, "pod") + " a run"
		}
	case m.isScheduled():
		app.StartsPerDay, origin.StartsPerDay = 1, "unknown: no plain schedule"
		v.note(noSchedule, name)
	case m.runsOnce():
		origin.StartsPerDay = "it runs once"
		v.note(runOnce, name)
		if m.replicas > 0 {
			app.Bursts = []Burst{{Count: m.replicas}}
		}
	default:
		v.note(manifestStarts, name)
		app.Runtime, origin.Runtime = day, "a guess, as it keeps running: a manifest tells none"
		app.StartsPerDay, origin.StartsPerDay = float64(m.replicas), "unknown: each of "+count(m.replicas, "replica")+" once a day"
		if !m.stated {
			origin.StartsPerDay = "unknown, replicas too: 1 stands in"
		}
	}
}

// threeDecimals keeps what a schedule says exactly, such as 10080 a day.
func threeDecimals(v float64) float64 {
	if v < 1 {
		return threeDigits(v)
	}
	return math.Round(v*1000) / 1000
}

// isScheduled tells what should have a schedule.
func (m *manifest) isScheduled() bool {
	return len(m.schedule) > 0 || m.owner.kind == "CronJob" || m.owner.kind == "CronWorkflow" || m.owner.kind == "AdvancedCronJob"
}

// runsOnce tells kinds whose pods run to an end, once: Job and those called so,
// as PyTorchJob, Tekton's runs, Argo's Workflow.
func (m *manifest) runsOnce() bool {
	kind := m.owner.kind
	return strings.HasSuffix(kind, "Job") || strings.HasSuffix(kind, "Run") || kind == "JobSet" || kind == "Workflow"
}

// runsPerDay is how often the schedules come, in the mean, and whether all are
// plain: five fields as in Unix's cron, or @daily and the like, with or without
// a time zone.
func (m *manifest) runsPerDay() (float64, bool) {
	var sum float64
	for _, text := range m.schedule {
		perDay, ok := cronPerDay(text)
		if !ok {
			return 0, false
		}
		sum += perDay
	}
	return sum, len(m.schedule) > 0
}

func cronPerDay(text string) (float64, bool) {
	// The zone moves the runs, and the parser wants a database of zones for it.
	if first, rest, ok := strings.Cut(strings.TrimSpace(text), " "); ok && (strings.HasPrefix(first, "TZ=") || strings.HasPrefix(first, "CRON_TZ=")) {
		text = rest
	}
	if text = strings.TrimSpace(text); strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=") {
		return 0, false
	}
	parsed, err := cron.ParseStandard(text)
	if err != nil {
		return 0, false
	}
	switch s := parsed.(type) {
	case cron.ConstantDelaySchedule:
		return float64(day) / float64(s.Delay), true
	case *cron.SpecSchedule:
		return float64(bits.OnesCount64(s.Minute&^star)*bits.OnesCount64(s.Hour&^star)) * daysShare(s), true
	}
	return 0, false
}

// star is the bit by which the parser marks a field that is *.
const star = 1 << 63

// daysShare is the share of days on which a schedule runs, over the 28 years in
// which the weekdays come round.
func daysShare(s *cron.SpecSchedule) float64 {
	const years = 28
	all, runs := 0, 0
	for d := time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() < 2001+years; d = d.AddDate(0, 0, 1) {
		all++
		if s.Month&(1<<uint(d.Month())) == 0 {
			continue
		}
		inMonth, inWeek := s.Dom&(1<<uint(d.Day())) != 0, s.Dow&(1<<uint(d.Weekday())) != 0
		// Cron runs on either, unless one is *.
		if inMonth && inWeek || (inMonth || inWeek) && s.Dom&star == 0 && s.Dow&star == 0 {
			runs++
		}
	}
	return float64(runs) / float64(all)
}
