package workload

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pod is what is read of a Pod, or of an item that may be one.
type pod struct {
	Metadata metadata
	Spec     podSpec
	Status   struct {
		Phase                 string
		StartTime             time.Time
		Conditions            []condition
		ContainerStatuses     []containerStatus
		InitContainerStatuses []containerStatus
	}
}

// metadata is what is read of any object's.
type metadata struct {
	UID               string
	Name              string
	GenerateName      string
	Namespace         string
	Labels            map[string]string
	Annotations       map[string]string
	CreationTimestamp time.Time
	OwnerReferences   []ownerReference
	ResourceVersion   string
}

// condition is one of a pod's.
type condition struct {
	Type, Status       string
	LastTransitionTime time.Time
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
	Volumes   []volume
	// ImagePullSecrets are read by hasPullSecrets alone: what else may stand there, as in
	// a template, is no fault of a workload.
	ImagePullSecrets json.RawMessage
}

// hasPullSecrets says whether the pod names secrets to pull with.
func (s *podSpec) hasPullSecrets() bool {
	var named []struct{ Name string }
	err := json.Unmarshal(s.ImagePullSecrets, &named)
	return err == nil && slices.ContainsFunc(named, func(n struct{ Name string }) bool { return n.Name != "" })
}

type container struct {
	Name            string
	Image           string
	ImagePullPolicy string
	RestartPolicy   string
	Resources       resources
	role            string // what it is called in messages, when not container
	line            int    // of its image; 0 where that was not looked for
}

// volume is one that may be an image, as Kubernetes has since 1.31, or a disk of
// KubeVirt from one.
type volume struct {
	Name          string
	Image         struct{ Reference, PullPolicy string }
	ContainerDisk struct{ Image, ImagePullPolicy string }
	line          int // of its image
}

type resources struct {
	Requests, Limits map[string]quantity
}

type containerStatus struct {
	Name         string
	ImageID      string
	ContainerID  string
	RestartCount int
	State        containerState
	// LastState is of the run before.
	LastState containerState
}

type containerState struct {
	Running    struct{ StartedAt time.Time }
	Terminated struct{ StartedAt, FinishedAt time.Time }
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
	// autoCache: it asks for ECI's automatic image caches.
	autoCache bool
	// labels is the sum of a Job's pods' labels; made says that a Job has a controller.
	labels uint64
	made   bool
	// starters are all that are known to have started it, kinds in lower case.
	starters []owner
}

// owner is who starts a pod; the kind is in lower case in keys.
type owner struct{ namespace, kind, name string }

// size is that of an instance.
type size struct{ cpu, memoryGiB float64 }

// mixedPolicies stands for containers whose pull policies are not one policy.
const mixedPolicies = "mixed"

var (
	errNothing = errors.New("a pod without name or image")

	objectName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,253}$`)
	kindName   = regexp.MustCompile(`^[A-Za-z0-9]{1,63}$`)
	// imageText is any text that could be a reference; what is not, the stage
	// that looks it up says.
	imageText = regexp.MustCompile(`^[!-~]{1,1000}$`)
)

// podSpec decodes the spec of a pod; nil where the object is none. Items of a
// PodList need not state a kind.
func (o *object) podSpec() (*podSpec, error) {
	if o.kind != "Pod" && o.kind != "" {
		return nil, nil
	}
	spec := &podSpec{}
	err := o.decode("spec", o.spec, spec)
	if err != nil || o.kind == "" && len(spec.Containers) == 0 {
		return nil, err
	}
	return spec, nil
}

// pod decodes the object as a pod; nil where it is none.
func (o *object) pod() (*pod, error) {
	spec, err := o.podSpec()
	if err != nil || spec == nil {
		return nil, err
	}
	p := &pod{Spec: *spec}
	if err := o.decode("metadata", o.metadata, &p.Metadata); err != nil {
		return nil, err
	}
	return p, o.decode("status", o.status, &p.Status)
}

// record returns what is kept of a pod, errNothing, or what is wrong with it.
func (p *pod) record() (*podRecord, error) {
	p.Metadata.complete()
	r := &podRecord{name: p.Metadata.Name, created: p.Metadata.CreationTimestamp}
	if err := r.readSpec("pod", &p.Metadata, &p.Spec); err != nil {
		return nil, err
	}
	r.owner = p.owner()
	if !objectName.MatchString(r.owner.name) {
		return nil, fmt.Errorf("pod %q: %q is not a name that Kubernetes takes", r.name, r.owner.name)
	}
	if !kindName.MatchString(r.owner.kind) {
		return nil, fmt.Errorf("pod %q: %q is not a kind", r.name, r.owner.kind)
	}
	if r.owner.kind == "CronJob" {
		r.scheduled, _ = scheduled(p.Metadata.controller().Name)
	}
	if r.owner.kind == "Job" {
		r.labels = labelsSum(p.Metadata.Labels, r.owner.name)
	}
	r.autoCache = p.Metadata.Annotations[autoCache] == "true"
	r.starters = p.starters(r.owner)
	r.readDigests(p)
	r.readTimes(p)
	return r, nil
}

// complete gives the object the name and namespace that go without saying.
func (m *metadata) complete() {
	m.Name = m.name()
	if m.Namespace == "" {
		m.Namespace = "default"
	}
}

func (m *metadata) name() string {
	if m.Name != "" {
		return m.Name
	}
	return strings.TrimRight(m.GenerateName, "-")
}

// readSpec takes images, sizes and policy. Images that are not rendered are left
// out; what is another kind of text is a fault.
func (r *podRecord) readSpec(kind string, meta *metadata, spec *podSpec) error {
	for _, i := range spec.images() {
		switch {
		case isUnrendered(i.reference):
		case !imageText.MatchString(i.reference):
			return fmt.Errorf("%s %q: %q is not an image reference", kind, meta.Name, i.reference)
		case i.isInit:
			r.initImages = append(r.initImages, i.reference)
		default:
			r.images = append(r.images, i.reference)
		}
	}
	if meta.Name == "" || len(r.images) == 0 {
		return errNothing
	}
	for _, name := range []string{meta.Name, meta.Namespace} {
		if !objectName.MatchString(name) {
			return fmt.Errorf("%s %q: %q is not a name that Kubernetes takes", kind, meta.Name, name)
		}
	}
	if err := r.sizes(spec); err != nil {
		return fmt.Errorf("%s %s/%s: %w", kind, meta.Namespace, meta.Name, err)
	}
	var err error
	if r.policy, err = spec.pullPolicy(); err != nil {
		return fmt.Errorf("%s %s/%s: %w", kind, meta.Namespace, meta.Name, err)
	}
	return nil
}

// key tells whether two records are of one pod.
func (p *pod) key() string {
	if p.Metadata.UID != "" {
		return p.Metadata.UID
	}
	return p.Metadata.Namespace + "/" + p.Metadata.Name
}

// controller returns the owner that manages the object; its zero value where
// there is none.
func (m *metadata) controller() ownerReference {
	for _, o := range m.OwnerReferences {
		if o.Controller {
			return o
		}
	}
	if len(m.OwnerReferences) > 0 {
		return m.OwnerReferences[0]
	}
	return ownerReference{}
}

// owner follows the controller to what a person wrote: a Deployment behind a
// ReplicaSet, a CronJob behind a Job.
func (p *pod) owner() owner {
	c := p.Metadata.controller()
	o := owner{p.Metadata.Namespace, c.Kind, c.Name}
	switch {
	case c.Name == "":
		// Pods of one generateName are a series, each with a random end.
		o.kind, o.name = "Pod", p.Metadata.Name
		if series := strings.TrimRight(p.Metadata.GenerateName, "-"); series != "" {
			o.name = series
		}
	case c.Kind == "ReplicaSet", c.Kind == "Job":
		o = p.Metadata.written(o)
	case c.Kind == "Node":
		// The kubelet calls a static pod name-node.
		o.kind, o.name = "StaticPod", p.Metadata.Name
		if name, ok := strings.CutSuffix(p.Metadata.Name, "-"+p.Spec.NodeName); ok && name != "" {
			o.name = name
		}
	}
	return o
}

// starterLabels are those by which pods tell who started them, where that is not
// the owner of their owner's name.
var starterLabels = map[string]string{
	"jobset.sigs.k8s.io/jobset-name":    "jobset",
	"serving.knative.dev/configuration": "configuration",
	"serving.knative.dev/revision":      "revision",
	"serving.knative.dev/service":       "service",
	"tekton.dev/pipeline":               "pipeline",
	"tekton.dev/pipelineRun":            "pipelinerun",
	"tekton.dev/task":                   "task",
}

// starters are the pod's owner, its controller, and those that its labels tell.
func (p *pod) starters(o owner) []owner {
	c := p.Metadata.controller()
	all := []owner{o.key(), owner{o.namespace, c.Kind, c.Name}.key()}
	for label, kind := range starterLabels {
		if name := p.Metadata.Labels[label]; name != "" {
			all = append(all, owner{o.namespace, kind, name})
		}
	}
	return all
}

// key tells owners apart.
func (o owner) key() owner {
	o.kind = strings.ToLower(o.kind)
	return o
}

// written returns what a person wrote in place of the ReplicaSet or the Job that
// was made of it.
func (m *metadata) written(o owner) owner {
	if o.kind == "ReplicaSet" {
		if name, ok := m.withoutHash("pod-template-hash", o.name); ok {
			o.kind, o.name = "Deployment", name
		} else if name, ok := m.withoutHash("rollouts-pod-template-hash", o.name); ok {
			o.kind, o.name = "Rollout", name
		}
		return o
	}
	if at, name := scheduled(o.name); m.isAbout(at) {
		o.kind, o.name = "CronJob", name
	}
	return o
}

// withoutHash cuts the hash that a label holds off the end of a ReplicaSet's
// name.
func (m *metadata) withoutHash(label, name string) (string, bool) {
	hash := m.Labels[label]
	name, ok := strings.CutSuffix(name, "-"+hash)
	return name, ok && hash != "" && name != ""
}

// isAbout tells a CronJob's time from other digits at the end of a name: its
// Jobs are made at that time, or soon after where the cluster was late.
func (m *metadata) isAbout(at time.Time) bool {
	created := m.CreationTimestamp
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

// pullPolicy returns the policy that all images state, empty where each has
// the one that Kubernetes gives it by default.
func (s *podSpec) pullPolicy() (string, error) {
	isDefault, first, mixed := true, "", false
	for _, i := range s.images() {
		policy := i.policy
		if policy == "" || isUnrendered(policy) {
			policy = defaultPolicy(i.reference)
		}
		switch policy {
		case "Always", "IfNotPresent", "Never":
			isDefault = isDefault && policy == defaultPolicy(i.reference)
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
	if q == "" || isUnrendered(string(q)) {
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
	ran := len(p.Status.ContainerStatuses) == 0 // nothing says that it did not
	r.latest = later(r.created, p.Status.StartTime)
	for _, s := range p.Status.ContainerStatuses {
		ran = ran || s.ran()
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
		// So is the phase of a pod whose containers the runtime cannot start (StartError).
		if !ran {
			return
		}
		if r.running = p.Status.StartTime; !isTime(r.running) {
			r.running = r.created
		}
	}
}

// ran says whether a run of the container began: of one that the runtime could not start the
// beginning is told as 1970.
func (s *containerStatus) ran() bool {
	for _, state := range []*containerState{&s.State, &s.LastState} {
		if started, _ := state.run(); !started.IsZero() {
			return true
		}
	}
	return false
}

// isTime is false for the times that Kubernetes writes for none.
func isTime(t time.Time) bool { return t.Unix() > 0 }

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
