package export

import (
	"fmt"
	"strings"
)

// The parts of a DaemonSet (Kubernetes API, apps/v1) that are used.
type (
	daemonSetSpec struct {
		Selector             labelSelector  `yaml:"selector"`
		UpdateStrategy       updateStrategy `yaml:"updateStrategy"`
		RevisionHistoryLimit int            `yaml:"revisionHistoryLimit"`
		Template             podTemplate    `yaml:"template"`
	}
	labelSelector struct {
		MatchLabels map[string]string `yaml:"matchLabels"`
	}
	updateStrategy struct {
		Type          string        `yaml:"type"`
		RollingUpdate rollingUpdate `yaml:"rollingUpdate"`
	}
	rollingUpdate struct {
		MaxUnavailable any `yaml:"maxUnavailable"` // a number, or text such as 10%
	}
	podTemplate struct {
		Metadata metadata `yaml:"metadata"`
		Spec     podSpec  `yaml:"spec"`
	}
	podSpec struct {
		NodeSelector                  map[string]string  `yaml:"nodeSelector"`
		Affinity                      affinity           `yaml:"affinity"`
		Tolerations                   []toleration       `yaml:"tolerations"`
		PriorityClassName             string             `yaml:"priorityClassName"`
		AutomountServiceAccountToken  bool               `yaml:"automountServiceAccountToken"`
		EnableServiceLinks            bool               `yaml:"enableServiceLinks"`
		TerminationGracePeriodSeconds int                `yaml:"terminationGracePeriodSeconds"`
		ImagePullSecrets              []namedReference   `yaml:"imagePullSecrets,omitempty"`
		SecurityContext               podSecurityContext `yaml:"securityContext"`
		InitContainers                []container        `yaml:"initContainers,omitempty"`
		Containers                    []container        `yaml:"containers"`
		Volumes                       []volume           `yaml:"volumes"`
	}
	affinity struct {
		NodeAffinity nodeAffinity `yaml:"nodeAffinity"`
	}
	nodeAffinity struct {
		Required nodeSelectorTerms `yaml:"requiredDuringSchedulingIgnoredDuringExecution"`
	}
	nodeSelectorTerms struct {
		Terms []nodeSelectorTerm `yaml:"nodeSelectorTerms"`
	}
	nodeSelectorTerm struct {
		MatchExpressions []expression `yaml:"matchExpressions"`
	}
	expression struct {
		Key      string   `yaml:"key"`
		Operator string   `yaml:"operator"`
		Values   []string `yaml:"values"`
	}
	toleration struct {
		Operator string `yaml:"operator"`
	}
	namedReference struct {
		Name string `yaml:"name"`
	}
	podSecurityContext struct {
		RunAsNonRoot   bool           `yaml:"runAsNonRoot"`
		RunAsUser      int            `yaml:"runAsUser"`
		RunAsGroup     int            `yaml:"runAsGroup"`
		SeccompProfile seccompProfile `yaml:"seccompProfile"`
	}
	seccompProfile struct {
		Type string `yaml:"type"`
	}
	container struct {
		Name            string          `yaml:"name"`
		Image           string          `yaml:"image"`
		ImagePullPolicy string          `yaml:"imagePullPolicy"`
		Command         []string        `yaml:"command,omitempty"`
		WorkingDir      string          `yaml:"workingDir,omitempty"`
		Resources       resources       `yaml:"resources"`
		SecurityContext securityContext `yaml:"securityContext"`
		VolumeMounts    []volumeMount   `yaml:"volumeMounts,omitempty"`
	}
	resources struct {
		Requests amounts `yaml:"requests"`
		Limits   amounts `yaml:"limits"`
	}
	amounts struct {
		CPU    string `yaml:"cpu,omitempty"`
		Memory string `yaml:"memory"`
	}
	securityContext struct {
		AllowPrivilegeEscalation bool         `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   bool         `yaml:"readOnlyRootFilesystem"`
		Capabilities             capabilities `yaml:"capabilities"`
	}
	capabilities struct {
		Drop []string `yaml:"drop"`
	}
	volumeMount struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
		ReadOnly  bool   `yaml:"readOnly,omitempty"`
	}
	volume struct {
		Name     string   `yaml:"name"`
		EmptyDir emptyDir `yaml:"emptyDir"`
	}
	emptyDir struct {
		SizeLimit string `yaml:"sizeLimit"`
	}
	// priorityClass is scheduling.k8s.io/v1.
	priorityClass struct {
		object           `yaml:",inline"`
		Value            int    `yaml:"value"`
		PreemptionPolicy string `yaml:"preemptionPolicy"`
		Description      string `yaml:"description"`
	}
)

// How an image is made to be pulled: a container of it runs the one program that is
// known to be there, because it was put there. So images without a shell, without
// anything but a binary, are pulled too; what they would do by themselves is not run.
const (
	helperVolume = "helper"
	helperPath   = "/.cachebench" // a name that no image has
	helperTrue   = helperPath + "/true"
)

// ownPriority is of the class that is made where none is named: below all pods that
// have none (0).
const (
	ownPriorityClass = "cachebench-prepull"
	ownPriority      = -1
)

// daemonSets writes one DaemonSet for each pool.
func (e *exporter) daemonSets() ([]byte, error) {
	pools, err := e.pools(PrePull)
	if err != nil {
		return nil, err
	}
	secrets, err := e.secretNames()
	if err != nil {
		return nil, err
	}
	var s stream
	s.comment(
		"A DaemonSet for each node pool, which pulls the images that the plan chose, in the order",
		"of what they gain, when it comes to a node: on those that are there, and on new ones.",
		"",
		"Beware: maxUnavailable limits on how many nodes at once it is changed, but not when it is",
		"made, for then all nodes pull at once. To limit that too, apply it first as it is written",
		"with --empty, without the images, and this file when its pods run:",
		"",
		"  cachebench plan export PLAN --as daemonset … --empty | kubectl apply -f -",
		"  kubectl rollout status daemonset/NAME && kubectl apply -f FILE",
		"",
		"An image that cannot be pulled holds up those after it. While its pod is there, the kubelet's",
		"garbage collection counts the images as in use, unless it is told to remove dead containers.")
	if e.opt.Nodes.PriorityClass == "" {
		s.document(priorityClass{
			object: object{APIVersion: "scheduling.k8s.io/v1", Kind: "PriorityClass", Metadata: metadata{Name: ownPriorityClass, Labels: madeBy()}},
			Value:  ownPriority, PreemptionPolicy: "Never", Description: "Pods that only pull images ahead: they give way to all others.",
		})
	}
	taken := names{}
	for i := range pools {
		labels, err := e.nodeLabels(&pools[i])
		if err != nil {
			return nil, err
		}
		images := e.pulled(&pools[i])
		if e.opt.Nodes.Empty {
			images = nil
		}

		s.document(e.daemonSet(taken.of("prepull-"+pools[i].Name, maxLabel), labels, secrets, images), e.about(&pools[i], images)...)
	}
	return s.bytes()
}

func (e *exporter) daemonSet(name string, nodes map[string]string, secrets, images []string) object {
	opt := &e.opt.Nodes
	selector := map[string]string{"app.kubernetes.io/name": "prepull", "app.kubernetes.io/instance": name}
	labels := madeBy()
	for key, value := range selector {
		labels[key] = value
	}
	var refs []namedReference
	for _, secret := range secrets {
		refs = append(refs, namedReference{secret})
	}
	var unavailable any = or(opt.MaxUnavailable, defaultUnavailable)
	if text := unavailable.(string); !strings.HasSuffix(text, "%") {
		unavailable = atoi(text)
	}
	return object{
		APIVersion: "apps/v1", Kind: "DaemonSet", Metadata: metadata{Name: name, Namespace: e.opt.Namespace, Labels: labels},
		Spec: daemonSetSpec{
			Selector:             labelSelector{selector},
			UpdateStrategy:       updateStrategy{"RollingUpdate", rollingUpdate{unavailable}},
			RevisionHistoryLimit: 2,
			Template: podTemplate{metadata{Labels: labels}, podSpec{
				NodeSelector: nodes, Affinity: realNodes(), Tolerations: []toleration{{"Exists"}}, PriorityClassName: or(opt.PriorityClass, ownPriorityClass),
				TerminationGracePeriodSeconds: 1, ImagePullSecrets: refs,
				SecurityContext: podSecurityContext{true, 65534, 65534, seccompProfile{"RuntimeDefault"}},
				InitContainers:  e.pulling(images),
				Containers:      []container{contained("pause", or(opt.PauseImage, DefaultPauseImage))},
				Volumes:         []volume{{helperVolume, emptyDir{"16Mi"}}},
			}},
		},
	}
}

// realNodes keep the pods, which tolerate every taint, from virtual nodes: there each
// would be an instance of its own that is paid for, as on ECI, and no image would stay.
func realNodes() affinity {
	real := expression{"type", "NotIn", []string{"virtual-kubelet"}} // the label that virtual-kubelet gives its nodes
	return affinity{nodeAffinity{nodeSelectorTerms{[]nodeSelectorTerm{{[]expression{real}}}}}}
}

// contained is a container that may do nothing and needs next to nothing. Its limit of
// memory is what a runtime needs to start one.
func contained(name, image string, command ...string) container {
	return container{
		Name: name, Image: bare(image), ImagePullPolicy: "IfNotPresent", Command: command,
		Resources:       resources{Requests: amounts{"1m", "8Mi"}, Limits: amounts{Memory: "32Mi"}},
		SecurityContext: securityContext{Capabilities: capabilities{[]string{"ALL"}}, ReadOnlyRootFilesystem: true},
	}
}

// helper puts busybox where the others find it, called true: it does what its name
// says.
func (e *exporter) helper() container {
	c := contained("helper", or(e.opt.Nodes.HelperImage, DefaultHelperImage), "/bin/busybox", "cp", "/bin/busybox", helperTrue)
	c.VolumeMounts = []volumeMount{{Name: helperVolume, MountPath: helperPath}}
	return c
}

// pulling are containers that end at once, after the one that they need.
func (e *exporter) pulling(images []string) []container {
	if len(images) == 0 {
		return nil
	}
	list := []container{e.helper()}
	for i, image := range images {
		c := contained(containerName(i, image), image, helperTrue)
		// An image's own may be closed to the user.
		c.WorkingDir = "/"
		c.VolumeMounts = []volumeMount{{Name: helperVolume, MountPath: helperPath, ReadOnly: true}}
		list = append(list, c)
	}
	return list
}

// containerName tells containers apart by number, and people what they are of.
func containerName(i int, image string) string {
	repository := image[strings.LastIndex(image, "/")+1:]
	if end := strings.IndexAny(repository, ":@"); end >= 0 {
		repository = repository[:end]
	}
	name := fmt.Sprintf("image-%d-%s", i+1, notInLabel.ReplaceAllString(repository, "-"))
	return strings.TrimRight(name[:min(len(name), maxLabel)], "-")
}
