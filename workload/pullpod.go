package workload

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A pullPod is what is kept of a pod, put together from all looks at it.
type pullPod struct {
	*podRecord
	key     podKey
	node    string
	runtime string // of its node, as container ids tell: containerd, cri-o, docker
	version uint64
	// tells counts the times that the look tells, sum is of its text: they order
	// looks of one version.
	tells int
	sum   [8]byte
	// in is the snapshot that was read last of those that hold the pod.
	in look
	// scheduled and ready are when it became so, each the first time that is known;
	// zero is unknown. ready is not known where a container ran again before.
	scheduled, ready time.Time
	// ran is the earliest time at which all containers are known to have run.
	ran        time.Time
	containers []pullContainer
	restarted  bool
	// secrets: it names some to pull with.
	secrets bool
}

// pullContainer is one of a pod's: its image volumes first, then init containers, in
// the pod's order, as the kubelet sees to their images.
type pullContainer struct {
	name, reference, policy string
	// volume: it is a volume of the pod, of which no status tells.
	volume, init, sidecar bool
	// restarted: it ran more than once.
	restarted bool
	// started is when its first run began, ended when that ended; zero is unknown.
	started, ended time.Time
	// runs are those that a status told of, in order of time.
	runs []containerRun
}

// A containerRun is one run of a container.
type containerRun struct {
	started time.Time
	// ended is zero where unknown; until is the newest look, of those that are read to
	// their end, at which it ran still, and open says so of the look that is not.
	ended, until time.Time
	open         bool
	// digest is that of its image, empty where unknown; version that of the look that
	// told it.
	digest  string
	version uint64
}

// newPullPod returns what is kept of a pod whose record is r and whose text has the
// sum.
func newPullPod(p *pod, r *podRecord, sum [8]byte) *pullPod {
	k := &pullPod{podRecord: r, key: podKey{p.Metadata.UID, p.Metadata.Namespace, p.Metadata.Name}, node: p.Spec.NodeName}
	k.sum, k.secrets = sum, p.Spec.hasPullSecrets()
	k.version, _ = strconv.ParseUint(p.Metadata.ResourceVersion, 10, 64)
	for _, c := range p.Status.Conditions {
		if c.Status != "True" || !isUsable(c.LastTransitionTime) {
			continue
		}
		switch c.Type {
		case "PodScheduled":
			k.scheduled = c.LastTransitionTime
		case "Ready":
			k.ready, k.ran = c.LastTransitionTime, c.LastTransitionTime
		}
	}
	k.addVolumes(p.Spec.Volumes)
	k.addContainers(p.Spec.InitContainers, p.Status.InitContainerStatuses, true)
	k.addContainers(p.Spec.Containers, p.Status.ContainerStatuses, false)
	if k.restarted {
		// Readiness may have come and gone with the run before.
		k.ready = time.Time{}
	}
	k.tells = k.known()
	return k
}

// addVolumes adds the volumes that are images, each image once.
func (k *pullPod) addVolumes(volumes []volume) {
	for _, v := range volumes {
		reference := strings.TrimSpace(v.Image.Reference)
		if reference == "" || isUnrendered(reference) || slices.ContainsFunc(k.containers, func(c pullContainer) bool { return c.reference == reference }) {
			continue
		}
		k.containers = append(k.containers, pullContainer{
			name: v.Name, reference: reference, policy: cmp.Or(v.Image.PullPolicy, defaultPolicy(reference)), volume: true,
		})
	}
}

func (k *pullPod) addContainers(of []container, statuses []containerStatus, init bool) {
	for _, c := range of {
		if isUnrendered(c.Image) || c.Image == "" {
			continue
		}
		sidecar := init && c.RestartPolicy == "Always"
		kept := pullContainer{name: c.Name, reference: c.Image, init: init, sidecar: sidecar, policy: cmp.Or(c.ImagePullPolicy, defaultPolicy(c.Image))}
		i := slices.IndexFunc(statuses, func(s containerStatus) bool { return s.Name == c.Name })
		if i >= 0 {
			s := &statuses[i]
			if scheme, _, ok := strings.Cut(s.ContainerID, "://"); ok && kindName.MatchString(strings.ReplaceAll(scheme, "-", "")) {
				k.runtime = scheme
			}
			kept.started, kept.ended = s.firstRun()
			kept.runs, kept.restarted = s.runs(k.version), s.RestartCount > 0
			k.restarted = k.restarted || kept.restarted && !init
		}
		k.containers = append(k.containers, kept)
	}
}

// firstRun is when the container's first run began and ended, as far as its status
// tells.
func (s *containerStatus) firstRun() (started, ended time.Time) {
	switch s.RestartCount {
	case 0:
		return s.State.run()
	case 1:
		return s.LastState.run()
	}
	return time.Time{}, time.Time{}
}

// run is when a state's run began and ended; zero is unknown.
func (s *containerState) run() (started, ended time.Time) {
	return firstTime(s.Running.StartedAt, s.Terminated.StartedAt), firstTime(s.Terminated.FinishedAt)
}

// runs are those of which the status tells, in order of time. The digest is that of
// the newest.
func (s *containerStatus) runs(version uint64) []containerRun {
	var runs []containerRun
	for _, state := range []*containerState{&s.LastState, &s.State} {
		if started, ended := state.run(); !started.IsZero() {
			runs = append(runs, containerRun{started: started, ended: ended, open: isUsable(state.Running.StartedAt)})
		}
	}
	if _, digest, _ := strings.Cut(s.ImageID, "@"); len(runs) > 0 && digestForm.MatchString(digest) {
		newest := &runs[len(runs)-1]
		newest.digest, newest.version = digest, version
	}
	return mergeRuns(runs, nil)
}

// mergeRuns puts runs of one container together, in order of time.
func mergeRuns(a, b []containerRun) []containerRun {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(a, b containerRun) int { return a.started.Compare(b.started) })
	merged := all[:0]
	for _, r := range all {
		n := len(merged) - 1
		if n < 0 || !merged[n].started.Equal(r.started) {
			merged = append(merged, r)
			continue
		}
		m := &merged[n]
		m.ended, m.until, m.open = earlier(m.ended, r.ended), later(m.until, r.until), m.open || r.open
		if cmp.Or(cmp.Compare(m.version, r.version), cmp.Compare(m.digest, r.digest)) < 0 {
			m.digest, m.version = r.digest, r.version
		}
	}
	return merged
}

// close ends a look at the pod, taken at a time: what ran then ran until then.
func (k *pullPod) close(taken time.Time) {
	for i := range k.containers {
		for j := range k.containers[i].runs {
			if r := &k.containers[i].runs[j]; r.open {
				r.until, r.open = later(r.until, taken), false
			}
		}
	}
}

// merge puts two looks at one pod together; the same whatever their order.
func (k *pullPod) merge(other *pullPod) *pullPod {
	if k.compare(other) < 0 {
		k, other = other, k
	}
	merged := *k
	merged.node, merged.runtime = cmp.Or(k.node, other.node), cmp.Or(k.runtime, other.runtime)
	merged.scheduled = earlier(k.scheduled, other.scheduled)
	merged.ready, merged.ran = earlier(k.ready, other.ready), earlier(k.ran, other.ran)
	merged.restarted = k.restarted || other.restarted
	merged.containers = slices.Clone(k.containers)
	for i := range merged.containers {
		c := &merged.containers[i]
		j := slices.IndexFunc(other.containers, func(o pullContainer) bool { return o.name == c.name && o.volume == c.volume })
		if j < 0 {
			continue
		}
		o := &other.containers[j]
		c.started, c.ended = earlier(c.started, o.started), earlier(c.ended, o.ended)
		c.restarted, c.runs = c.restarted || o.restarted, mergeRuns(c.runs, o.runs)
	}
	return &merged
}

// compare orders looks at one pod by how late they are.
func (k *pullPod) compare(other *pullPod) int {
	return cmp.Or(
		cmp.Compare(k.version, other.version), k.latest.Compare(other.latest),
		cmp.Compare(k.tells, other.tells), slices.Compare(k.sum[:], other.sum[:]),
	)
}

// known counts the times that are known.
func (k *pullPod) known() int {
	n := 0
	for _, t := range []time.Time{k.scheduled, k.ready} {
		if !t.IsZero() {
			n++
		}
	}
	for _, c := range k.containers {
		if !c.started.IsZero() {
			n++
		}
	}
	return n
}

// container returns the one that an event is about: by its name, else by its image,
// a volume first, of which events tell no name.
func (k *pullPod) container(name, reference string) *pullContainer {
	if k == nil {
		return nil
	}
	for i := range k.containers {
		if c := &k.containers[i]; c.name == name && c.reference == reference {
			return c
		}
	}
	for i := range k.containers {
		if k.containers[i].reference == reference {
			return &k.containers[i]
		}
	}
	return nil
}

// started is when the last of its containers, init containers aside, began to
// run; zero where one's is unknown.
func (k *pullPod) started() time.Time {
	var last time.Time
	for _, c := range k.containers {
		if c.init || c.volume {
			continue
		}
		if c.started.IsZero() {
			return time.Time{}
		}
		last = later(last, c.started)
	}
	return last
}

// isStatic tells a pod that a node has by itself.
func (k *pullPod) isStatic() bool { return k.owner.kind == "StaticPod" }

// startsWithin is how long after its image came a container starts at most.
const startsWithin = 2 * time.Minute

// digestAt is the digest of the image that came at a time, as the container's next
// run had it; empty where unknown. next is when the image was seen to again, zero if
// never.
func (c *pullContainer) digestAt(came, next time.Time) string {
	if c == nil {
		return ""
	}
	for _, r := range c.runs {
		if r.started.Before(came.Add(-granularity)) || r.digest == "" {
			continue
		}
		if r.started.After(came.Add(startsWithin)) || !next.IsZero() && !r.started.Before(next) {
			return ""
		}
		return r.digest
	}
	return ""
}

// earlier of two times, of which zero ones are unknown.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
