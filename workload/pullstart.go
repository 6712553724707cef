package workload

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// PodStart is one pod's way from its creation to ready.
type PodStart struct {
	App, Namespace, Pod, Node string
	// Images are in the order in which they are pulled.
	Images  []string
	Created time.Time
	// Took is from creation to ready, or where that is unknown to all containers
	// running.
	Took time.Duration
	// The phases partition Took, to the second; nil is unknown. Admit is until the
	// pod has a node, Provision until its first image is asked for, Pull while one is
	// pulled or waited for, Resolve while the registry is asked about one that is there
	// (nil where none is), Create the rest until all containers run, and Ready what init
	// containers run and what comes after.
	Admit, Provision, Pull, Resolve, Create, Ready *time.Duration
	// Pulls are places in the history's Pulls; fewer than Images where events are
	// missing.
	Pulls []int
	// Whole: each image has its pull.
	Whole bool
}

// addStarts makes starts of the pods that came to run, if they were made in the
// window or all of their pulls are known.
func (b *historyBuilder) addStarts(h *PullHistory) {
	pulls := map[string][]int{}
	for i := range h.Pulls {
		pulls[h.Pulls[i].pod] = append(pulls[h.Pulls[i].pod], i)
	}
	for _, key := range slices.Sorted(maps.Keys(b.importer.pods)) {
		p := b.importer.pods[key]
		if started := p.started(); started.IsZero() || started.Before(p.created) {
			continue
		}
		s := b.start(key, p, h.Pulls, pulls[key])
		if !s.Whole && !b.window.holds(p.created) {
			continue
		}
		if b.skewed[s.Node] {
			b.skewStarts++
			continue
		}
		b.noteReady(key, p)
		h.Starts = append(h.Starts, s)
	}
	slices.SortStableFunc(h.Starts, func(a, b PodStart) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod))
	})
}

// readyWithin is how long after its start a pod becomes ready for the first time at
// most: a Deployment's default progressDeadlineSeconds. Only the last time is told, and
// a probe that failed, or a kubelet's restart, makes it a later one.
const readyWithin = 10 * time.Minute

// readyTime is when a pod that started became ready; zero where unknown.
func (k *pullPod) readyTime() time.Time {
	if started := k.started(); k.ready.Before(started) || k.ready.Sub(started) > readyWithin {
		return time.Time{}
	}
	return k.ready
}

// noteReady notes how long a pod of a start took from its containers' start to ready.
func (b *historyBuilder) noteReady(key string, p *pullPod) {
	if b.ready == nil {
		b.ready = map[string]time.Duration{}
	}
	switch ready, started := p.readyTime(), p.started(); {
	case !ready.IsZero():
		b.ready[key] = ready.Sub(started)
	case p.ready.After(started):
		b.lateReady++
	}
}

// part is a phase of a start.
type startPart int

const (
	partAdmit startPart = iota
	partProvision
	partPull
	partResolve
	partCreate
	partReady
	startParts
)

func (b *historyBuilder) start(key string, p *pullPod, all []Pull, own []int) PodStart {
	s := PodStart{App: b.appOf[key], Namespace: p.key.namespace, Pod: p.key.name, Created: p.created}
	s.Node, _ = b.placeOf(key, p)
	for _, c := range p.containers {
		s.Images = append(s.Images, c.reference)
	}
	s.Pulls, s.Whole = firstPulls(p, all, own)
	started := p.started()
	end := started
	ready := p.readyTime()
	if !ready.IsZero() {
		end = ready
	}
	s.Took = end.Sub(p.created)
	w := startWalk{pod: p, started: started, end: end, scheduled: p.scheduled}
	if e := b.scheduled[key]; e != nil {
		w.scheduled = earlier(w.scheduled, e.first)
	}
	for _, i := range s.Pulls {
		w.add(&all[i])
	}
	parts := w.parts()
	if !w.scheduled.IsZero() {
		s.Admit = &parts[partAdmit]
		if s.Whole {
			s.Provision = &parts[partProvision]
		}
	}
	if s.Whole {
		s.Pull, s.Create = &parts[partPull], &parts[partCreate]
		if parts[partResolve] > 0 {
			s.Resolve = &parts[partResolve]
		}
	}
	if !ready.IsZero() || parts[partReady] > 0 {
		s.Ready = &parts[partReady]
	}
	return s
}

// firstPulls are those by which the pod's containers first came by their images.
func firstPulls(p *pullPod, all []Pull, own []int) (first []int, whole bool) {
	whole = true
	for _, c := range p.containers {
		// What comes after the first start is of a later one.
		latest := c.started.Add(2 * granularity)
		i := slices.IndexFunc(own, func(i int) bool {
			return all[i].Container == c.name && all[i].Reference == c.reference && (c.started.IsZero() || !all[i].Began.After(latest))
		})
		if i < 0 {
			whole = false
			continue
		}
		first = append(first, own[i])
	}
	return first, whole
}

// A startWalk goes through a start's time.
type startWalk struct {
	pod                     *pullPod
	scheduled, started, end time.Time
	pulls, questions        []span
}

// add adds a pull of the start.
func (w *startWalk) add(p *Pull) {
	if p.Took == nil {
		w.pulls = append(w.pulls, span{from: p.Began, to: p.Began})
		return
	}
	from, end := p.Began, p.Began.Add(*p.Took)
	if p.Waited != nil {
		from = from.Add(-*p.Waited)
	}
	// Failed pulls, and the times between them, count as pull.
	from = earlier(from, p.Asked)
	if p.Outcome == Rechecked {
		w.pulls = append(w.pulls, span{from: from, to: p.Began})
		w.questions = append(w.questions, span{from: p.Began, to: end})
		return
	}
	w.pulls = append(w.pulls, span{from: from, to: end})
}

// parts share out the time from creation to the end: each moment is in one.
func (w *startWalk) parts() (parts [startParts]time.Duration) {
	marks := []time.Time{w.pod.created, w.scheduled, w.started, w.end}
	asked := w.started // when the first image was asked for
	for _, s := range slices.Concat(w.pulls, w.questions) {
		marks = append(marks, s.from, s.to)
		asked = earlier(asked, s.from)
	}
	var inits []span
	for _, c := range w.pod.containers {
		if c.init && !c.sidecar && !c.started.IsZero() && !c.ended.IsZero() {
			inits = append(inits, span{from: c.started, to: c.ended})
			marks = append(marks, c.started, c.ended)
		}
	}
	slices.SortFunc(marks, time.Time.Compare)
	for i := 1; i < len(marks); i++ {
		from, to := marks[i-1], marks[i]
		if from.Before(w.pod.created) || to.After(w.end) {
			continue
		}
		part := partReady
		switch {
		case from.Before(w.scheduled):
			part = partAdmit
		case covers(w.pulls, from, to):
			part = partPull
		case covers(w.questions, from, to):
			part = partResolve
		case from.Before(asked):
			part = partProvision
		case covers(inits, from, to):
		case from.Before(w.started):
			part = partCreate
		}
		parts[part] += to.Sub(from)
	}
	return parts
}

func covers(spans []span, from, to time.Time) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return !from.Before(s.from) && !to.After(s.to) })
}
