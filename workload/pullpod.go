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
	// scheduled, initialized and ready are when it became so, each the first time
	// that is known; zero is unknown.
	scheduled, sandbox, ready time.Time
	containers                []pullContainer
	restarted                 bool
}

// pullContainer is one of a pod's, init containers first, in the pod's order.
type pullContainer struct {
	name, reference, policy, digest string
	digestVersion                   uint64 // of the look that told the digest
	init, sidecar                   bool
	// started is when its first run began, ended when that ended; zero is unknown.
	started, ended time.Time
}

// newPullPod returns what is kept of a pod whose record is r and whose text has the
// sum.
func newPullPod(p *pod, r *podRecord, sum [8]byte) *pullPod {
	k := &pullPod{podRecord: r, key: podKey{p.Metadata.UID, p.Metadata.Namespace, p.Metadata.Name}, node: p.Spec.NodeName}
	k.sum = sum
	k.version, _ = strconv.ParseUint(p.Metadata.ResourceVersion, 10, 64)
	for _, c := range p.Status.Conditions {
		if c.Status != "True" || !isUsable(c.LastTransitionTime) {
			continue
		}
		switch c.Type {
		case "PodScheduled":
			k.scheduled = c.LastTransitionTime
		case "PodReadyToStartContainers", "PodHasNetwork":
			k.sandbox = c.LastTransitionTime
		case "Ready":
			k.ready = c.LastTransitionTime
		}
	}
	k.addContainers(p.Spec.InitContainers, p.Status.InitContainerStatuses, true)
	k.addContainers(p.Spec.Containers, p.Status.ContainerStatuses, false)
	if k.restarted {
		// Readiness may have come and gone with the run before.
		k.ready = time.Time{}
	}
	k.tells = k.known()
	return k
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
			if _, digest, _ := strings.Cut(s.ImageID, "@"); digestForm.MatchString(digest) {
				kept.digest, kept.digestVersion = digest, k.version
			}
			if scheme, _, ok := strings.Cut(s.ContainerID, "://"); ok && kindName.MatchString(strings.ReplaceAll(scheme, "-", "")) {
				k.runtime = scheme
			}
			kept.started, kept.ended = s.firstRun()
			k.restarted = k.restarted || s.RestartCount > 0 && !init
		}
		k.containers = append(k.containers, kept)
	}
}

// firstRun is when the container's first run began and ended, as far as its status
// tells.
func (s *containerStatus) firstRun() (started, ended time.Time) {
	state := &s.State
	switch s.RestartCount {
	case 0:
	case 1:
		state = &s.LastState
	default:
		return time.Time{}, time.Time{}
	}
	return firstTime(state.Running.StartedAt, state.Terminated.StartedAt), firstTime(state.Terminated.FinishedAt)
}

// merge puts two looks at one pod together; the same whatever their order.
func (k *pullPod) merge(other *pullPod) *pullPod {
	if k.compare(other) < 0 {
		k, other = other, k
	}
	merged := *k
	merged.node, merged.runtime = cmp.Or(k.node, other.node), cmp.Or(k.runtime, other.runtime)
	merged.scheduled = earlier(k.scheduled, other.scheduled)
	merged.sandbox = earlier(k.sandbox, other.sandbox)
	merged.ready = earlier(k.ready, other.ready)
	merged.restarted = k.restarted || other.restarted
	merged.containers = slices.Clone(k.containers)
	for i := range merged.containers {
		c := &merged.containers[i]
		j := slices.IndexFunc(other.containers, func(o pullContainer) bool { return o.name == c.name })
		if j < 0 {
			continue
		}
		o := &other.containers[j]
		c.started, c.ended = earlier(c.started, o.started), earlier(c.ended, o.ended)
		if cmp.Or(cmp.Compare(c.digestVersion, o.digestVersion), cmp.Compare(c.digest, o.digest)) < 0 {
			c.digest, c.digestVersion = o.digest, o.digestVersion
		}
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
	for _, t := range []time.Time{k.scheduled, k.sandbox, k.ready} {
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

// container returns the one that an event is about: by its name, else by its image.
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
		if c.init {
			continue
		}
		if c.started.IsZero() {
			return time.Time{}
		}
		last = later(last, c.started)
	}
	return last
}

// earlier of two times, of which zero ones are unknown.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
