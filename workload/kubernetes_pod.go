package workload

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// pod is what is read of a Pod, or of an item that may be one.
type pod struct {
	Kind     string
	Metadata struct {
		UID               string
		Name              string
		GenerateName      string
		Namespace         string
		Labels            map[string]string
		CreationTimestamp time.Time
		OwnerReferences   []ownerReference
	}
	Spec   podSpec
	Status struct {
		Phase                 string
		StartTime             time.Time
		Conditions            []struct{ LastTransitionTime time.Time }
		ContainerStatuses     []containerStatus
		InitContainerStatuses []containerStatus
	}
}

type ownerReference struct {
	Kind, Name string
	Controller bool
}

type podSpec struct {
	NodeName       string
	Containers     []container
	InitContainers []container
	// Resources are those of the pod as a whole, which Kubernetes has since 1.32.
	Resources resources
}

type container struct {
	Name            string
	Image           string
	ImagePullPolicy string
	RestartPolicy   string
	Resources       resources
}

type resources struct {
	Requests, Limits map[string]quantity
}

type containerStatus struct {
	Name    string
	ImageID string
	State   struct {
		Running    struct{ StartedAt time.Time }
		Terminated struct{ StartedAt, FinishedAt time.Time }
	}
}

// podRecord is what is kept of a pod.
type podRecord struct {
	owner      owner
	name       string
	created    time.Time
	latest     time.Time // the newest time that the pod's text names
	images     []string
	initImages []string
	// requests and limits are zero where nothing is stated.
	requests, limits size
	policy           string
	digests          []LockedDigest
	// configOnly are references of which the status tells only the config's
	// digest, elsewhere those with a digest of another repository.
	configOnly, elsewhere []string
	// runtime is how long it ran if finished; running is since when it runs.
	runtime   time.Duration
	finished  bool
	succeeded bool
	running   time.Time
	// scheduled is the time for which a CronJob started it.
	scheduled time.Time
}

// owner is who starts a pod; the kind is in lower case in keys.
type owner struct{ namespace, kind, name string }

// size is that of an instance.
type size struct{ cpu, memoryGiB float64 }

// mixedPolicies stands for containers whose pull policies are not one policy.
const mixedPolicies = "mixed"

var (
	errNotPod  = errors.New("not a pod")
	errNothing = errors.New("a pod without name or image")

	objectName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,253}$`)
	kindName   = regexp.MustCompile(`^[A-Za-z0-9]{1,63}$`)
	// imageText is any text that could be a reference; what is not, the stage
	// that looks it up says.
	imageText = regexp.MustCompile(`^[!-~]{1,1000}$`)
)

// record returns what is kept of an item, errNotPod, errNothing, or what is
// wrong with it.
func (p *pod) record() (*podRecord, error) {
	// Items of a PodList state no kind.
	if p.Kind != "Pod" && (p.Kind != "" || len(p.Spec.Containers) == 0) {
		return nil, errNotPod
	}
	if p.Metadata.Name == "" {
		p.Metadata.Name = strings.TrimRight(p.Metadata.GenerateName, "-")
	}
	if p.Metadata.Namespace == "" {
		p.Metadata.Namespace = "default"
	}
	r := &podRecord{name: p.Metadata.Name, created: p.Metadata.CreationTimestamp}
	for _, group := range []struct {
		from []container
		to   *[]string
	}{{p.Spec.Containers, &r.images}, {p.Spec.InitContainers, &r.initImages}} {
		for _, c := range group.from {
			if c.Image == "" {
				continue
			}
			if !imageText.MatchString(c.Image) {
				return nil, fmt.Errorf("pod %q: %q is not an image reference", r.name, c.Image)
			}
			*group.to = append(*group.to, c.Image)
		}
	}
	if r.name == "" || len(r.images) == 0 {
		return nil, errNothing
	}
	r.owner = p.owner()
	for _, name := range []string{r.name, r.owner.namespace, r.owner.name} {
		if !objectName.MatchString(name) {
			return nil, fmt.Errorf("pod %q: %q is not a name that Kubernetes takes", r.name, name)
		}
	}
	if !kindName.MatchString(r.owner.kind) {
		return nil, fmt.Errorf("pod %q: %q is not a kind", r.name, r.owner.kind)
	}
	if r.owner.kind == "CronJob" {
		r.scheduled, _ = scheduled(p.controller().Name)
	}
	if err := r.sizes(&p.Spec); err != nil {
		return nil, fmt.Errorf("pod %s/%s: %w", r.owner.namespace, r.name, err)
	}
	var err error
	if r.policy, err = p.Spec.pullPolicy(); err != nil {
		return nil, fmt.Errorf("pod %s/%s: %w", r.owner.namespace, r.name, err)
	}
	r.readDigests(p)
	r.readTimes(p)
	return r, nil
}

// key tells whether two records are of one pod.
func (p *pod) key() string {
	if p.Metadata.UID != "" {
		return p.Metadata.UID
	}
	return p.Metadata.Namespace + "/" + p.Metadata.Name
}

// controller returns the owner that manages the pod; its zero value where there
// is none.
func (p *pod) controller() ownerReference {
	for _, o := range p.Metadata.OwnerReferences {
		if o.Controller {
			return o
		}
	}
	if len(p.Metadata.OwnerReferences) > 0 {
		return p.Metadata.OwnerReferences[0]
	}
	return ownerReference{}
}

// owner follows the controller to what a person wrote: a Deployment behind a
// ReplicaSet, a CronJob behind a Job.
func (p *pod) owner() owner {
	c := p.controller()
	o := owner{p.Metadata.Namespace, c.Kind, c.Name}
	switch {
	case c.Name == "":
		// Pods of one generateName are a series, each with a random end.
		o.kind, o.name = "Pod", p.Metadata.Name
		if series := strings.TrimRight(p.Metadata.GenerateName, "-"); series != "" {
			o.name = series
		}
	case c.Kind == "ReplicaSet":
		if name, ok := p.withoutHash("pod-template-hash", c.Name); ok {
			o.kind, o.name = "Deployment", name
		} else if name, ok := p.withoutHash("rollouts-pod-template-hash", c.Name); ok {
			o.kind, o.name = "Rollout", name
		}
	case c.Kind == "Job":
		if at, name := scheduled(c.Name); p.isAbout(at) {
			o.kind, o.name = "CronJob", name
		}
	case c.Kind == "Node":
		// The kubelet calls a static pod name-node.
		o.kind, o.name = "StaticPod", p.Metadata.Name
		if name, ok := strings.CutSuffix(p.Metadata.Name, "-"+p.Spec.NodeName); ok && name != "" {
			o.name = name
		}
	}
	return o
}

// withoutHash cuts the hash that a label holds off the end of a ReplicaSet's
// name.
func (p *pod) withoutHash(label, name string) (string, bool) {
	hash := p.Metadata.Labels[label]
	name, ok := strings.CutSuffix(name, "-"+hash)
	return name, ok && hash != "" && name != ""
}

// isAbout tells a CronJob's time from other digits at the end of a name: its
// Jobs are made at that time, or soon after where the cluster was late.
func (p *pod) isAbout(at time.Time) bool {
	created := p.Metadata.CreationTimestamp
	const late = 7 * 24 * time.Hour
	return !at.IsZero() && (created.IsZero() || created.Sub(at).Abs() < late)
}

var jobTime = regexp.MustCompile(`^(.+)-([0-9]{8}|[0-9]{10})$`)

// scheduled splits a CronJob's Job name into the time for which it was made and
// the CronJob's name. The time stands in minutes since 1970, before Kubernetes
// 1.21 in seconds.
func scheduled(job string) (time.Time, string) {
	match := jobTime.FindStringSubmatch(job)
	if match == nil {
		return time.Time{}, job
	}
	n, err := strconv.ParseInt(match[2], 10, 64)
	if err != nil {
		return time.Time{}, job
	}
	if len(match[2]) == 8 {
		n *= 60
	}
	return time.Unix(n, 0).UTC(), match[1]
}

// pullPolicy returns the policy that all containers state, empty where each has
// the one that Kubernetes gives it by default.
func (s *podSpec) pullPolicy() (string, error) {
	isDefault, first, mixed := true, "", false
	for _, c := range append(append([]container(nil), s.InitContainers...), s.Containers...) {
		switch policy := c.ImagePullPolicy; policy {
		case "", "Always", "IfNotPresent", "Never":
			if policy == "" {
				policy = defaultPolicy(c.Image)
			}
			isDefault = isDefault && policy == defaultPolicy(c.Image)
			mixed = mixed || first != "" && first != policy
			first = policy
		default:
			return "", fmt.Errorf("%q is not a pull policy", policy)
		}
	}
	switch {
	case isDefault:
		return "", nil
	case mixed:
		return mixedPolicies, nil
	}
	return first, nil
}

// defaultPolicy is Kubernetes' own: Always for :latest or no tag.
func defaultPolicy(image string) string {
	repository, digest, _ := strings.Cut(image, "@")
	tag := ""
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		tag = repository[i+1:]
	}
	if tag == "latest" || tag == "" && digest == "" {
		return "Always"
	}
	return "IfNotPresent"
}

// sizes sums the containers' requests and limits.
func (r *podRecord) sizes(s *podSpec) error {
	requests := func(r resources) map[string]quantity { return r.Requests }
	limits := func(r resources) map[string]quantity { return r.Limits }
	for _, each := range []struct {
		to   *float64
		name string
		of   func(resources) map[string]quantity
		unit float64
	}{
		{&r.requests.cpu, "cpu", requests, 1}, {&r.requests.memoryGiB, "memory", requests, 1 << 30},
		{&r.limits.cpu, "cpu", limits, 1}, {&r.limits.memoryGiB, "memory", limits, 1 << 30},
	} {
		value, err := s.sum(func(r resources) (float64, error) { return each.of(r)[each.name].value() })
		if err != nil {
			return fmt.Errorf("%s: %w", each.name, err)
		}
		// To a millionth: sums of 0.1 are not to show what floats cannot hold.
		*each.to = math.Round(value/each.unit*1e6) / 1e6
	}
	return nil
}

// sum is what a pod needs of a resource as Kubernetes reckons it: all its
// containers at once, or while it initialises, one init container beside the
// sidecars before it, whichever is more. What the pod as a whole states wins.
func (s *podSpec) sum(of func(resources) (float64, error)) (float64, error) {
	if whole, err := of(s.Resources); err != nil || whole > 0 {
		return whole, err
	}
	var sidecars, most float64
	for _, c := range s.InitContainers {
		value, err := of(c.Resources)
		if err != nil {
			return 0, err
		}
		most = max(most, sidecars+value)
		if c.RestartPolicy == "Always" {
			sidecars += value
		}
	}
	all := sidecars
	for _, c := range s.Containers {
		value, err := of(c.Resources)
		if err != nil {
			return 0, err
		}
		all += value
	}
	return max(most, all), nil
}

// quantity is a number as Kubernetes writes it: "500m", "1.5", "512Mi", "1G".
type quantity string

// UnmarshalJSON takes a text or a bare number; value says what is wrong with
// anything else.
func (q *quantity) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = string(data)
	}
	*q = quantity(text)
	return nil
}

var (
	quantityForm = regexp.MustCompile(`^\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+|[numkMGTPE]|[KMGTPE]i|)$`)
	// quantityUnits are those of the Kubernetes API's resource.Quantity.
	quantityUnits = map[string]float64{
		"": 1, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
		"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40, "Pi": 1 << 50, "Ei": 1 << 60,
	}
)

// maxQuantity is the most that Kubernetes takes.
const maxQuantity = 1 << 63

func (q quantity) value() (float64, error) {
	if q == "" {
		return 0, nil
	}
	bad := fmt.Errorf("%.40q is not a quantity such as 500m, 1.5 or 512Mi", string(q))
	match := quantityForm.FindStringSubmatch(string(q))
	if match == nil {
		return 0, bad
	}
	number, factor := match[1], 1.0
	if f, ok := quantityUnits[match[2]]; ok {
		factor = f
	} else {
		number += match[2]
	}
	value, err := strconv.ParseFloat(number, 64)
	if err != nil || value*factor > maxQuantity {
		return 0, bad
	}
	return value * factor, nil
}

// readDigests takes from the status what each reference meant.
func (r *podRecord) readDigests(p *pod) {
	for _, group := range []struct {
		containers []container
		statuses   []containerStatus
	}{
		{p.Spec.InitContainers, p.Status.InitContainerStatuses},
		{p.Spec.Containers, p.Status.ContainerStatuses},
	} {
		ids := make(map[string]string, len(group.statuses))
		for _, s := range group.statuses {
			ids[s.Name] = s.ImageID
		}
		for _, c := range group.containers {
			if c.Image != "" && !strings.Contains(c.Image, "@") {
				r.readDigest(c.Image, ids[c.Name])
			}
		}
	}
}

var (
	digestForm = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)
	// configForm is an image's id, the digest of its config: what docker tells of
	// an image that it has not pulled, and older CRI-O of every image.
	configForm = regexp.MustCompile(`^(sha256:)?[0-9a-f]{64}$`)
)

// readDigest reads an imageID: "docker-pullable://repository@sha256:…" from
// docker, without the prefix from containerd and CRI-O.
func (r *podRecord) readDigest(reference, imageID string) {
	imageID = strings.TrimPrefix(strings.TrimPrefix(imageID, "docker-pullable://"), "docker://")
	repository, digest, _ := strings.Cut(imageID, "@")
	switch {
	case configForm.MatchString(imageID):
		r.configOnly = append(r.configOnly, reference)
	case !digestForm.MatchString(digest):
	case repositoryOf(repository) != repositoryOf(reference):
		// A node lists an image that it pulled under two names by either. The
		// other repository's digest need not exist in this one.
		r.elsewhere = append(r.elsewhere, reference)
	default:
		r.digests = append(r.digests, LockedDigest{Reference: reference, Digest: digest})
	}
}

// repositoryOf returns a reference's registry and repository, as docker expands
// them.
func repositoryOf(reference string) string {
	repository, _, _ := strings.Cut(reference, "@")
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		repository = repository[:i]
	}
	host, rest, ok := strings.Cut(repository, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" {
		host, rest = "docker.io", repository
	}
	if host == "index.docker.io" {
		host = "docker.io"
	}
	if host == "docker.io" && !strings.Contains(rest, "/") {
		rest = "library/" + rest
	}
	return host + "/" + rest
}

// readTimes takes how long the pod ran, and the newest time in its text, which
// is no later than kubectl was run.
func (r *podRecord) readTimes(p *pod) {
	var started, finished time.Time
	r.latest = later(r.created, p.Status.StartTime)
	for _, s := range p.Status.ContainerStatuses {
		for _, t := range []time.Time{s.State.Running.StartedAt, s.State.Terminated.StartedAt} {
			r.latest = later(r.latest, t)
			if isTime(t) && (started.IsZero() || t.Before(started)) {
				started = t
			}
		}
		finished = later(finished, s.State.Terminated.FinishedAt)
	}
	r.latest = later(r.latest, finished)
	for _, c := range p.Status.Conditions {
		r.latest = later(r.latest, c.LastTransitionTime)
	}
	r.succeeded = p.Status.Phase == "Succeeded"
	switch p.Status.Phase {
	case "Succeeded", "Failed":
		if isTime(started) && isTime(finished) && !finished.Before(started) {
			r.finished, r.runtime = true, finished.Sub(started)
		}
	case "Running":
		if r.running = p.Status.StartTime; !isTime(r.running) {
			r.running = r.created
		}
	}
}

// isTime is false for the times that Kubernetes writes for none.
func isTime(t time.Time) bool { return t.Unix() > 0 }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
