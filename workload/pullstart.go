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
	// pulled or waited for, Create the rest until all containers run, and Ready what
	// init containers run and what comes after.
	Admit, Provision, Pull, Create, Ready *time.Duration
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
		if s := b.start(key, p, h.Pulls, pulls[key]); s.Whole || b.window.holds(p.created) {
			h.Starts = append(h.Starts, s)
		}
	}
	slices.SortStableFunc(h.Starts, func(a, b PodStart) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Pod, b.Pod))
	})
}

// part is a phase of a start.
type startPart int

const (
	partAdmit startPart = iota
	partProvision
	partPull
	partCreate
	partReady
	startParts
)

func (b *historyBuilder) start(key string, p *pullPod, all []Pull, own []int) PodStart {
	s := PodStart{App: b.appOf[key], Namespace: p.key.namespace, Pod: p.key.name, Node: p.node, Created: p.created}
	for _, c := range p.containers {
		s.Images = append(s.Images, c.reference)
	}
	s.Pulls, s.Whole = firstPulls(p, all, own)
	started := p.started()
	end := started
	isReady := !p.ready.IsZero() && !p.ready.Before(started)
	if isReady {
		end = p.ready
	}
	s.Took = end.Sub(p.created)
	w := startWalk{pod: p, started: started, end: end, scheduled: p.scheduled}
	if e := b.scheduled[key]; e != nil {
		w.scheduled = earlier(w.scheduled, e.first)
	}
	for _, i := range s.Pulls {
		if pull := &all[i]; pull.Took != nil {
			from := pull.Began
			if pull.Waited != nil {
				from = from.Add(-*pull.Waited)
			}
			// Failed pulls, and the times between them, count as pull.
			from = earlier(from, pull.Asked)
			w.pulls = append(w.pulls, span{from: from, to: pull.Began.Add(*pull.Took)})
		} else {
			w.pulls = append(w.pulls, span{from: pull.Began, to: pull.Began})
		}
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
	}
	if isReady || parts[partReady] > 0 {
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
	pulls                   []span
}

// parts share out the time from creation to the end: each moment is in one.
func (w *startWalk) parts() (parts [startParts]time.Duration) {
	marks := []time.Time{w.pod.created, w.scheduled, w.started, w.end}
	asked := w.started // when the first image was asked for
	for _, s := range w.pulls {
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
