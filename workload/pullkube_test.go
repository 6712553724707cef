package workload

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// What follows writes objects as kubectl prints them: events of kubelets with the
// fields that client-go's recorder sets, pods with the status that a kubelet reports.

type fields = map[string]any

func printed(o fields) string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func stamped(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Truncate(time.Second).Format(time.RFC3339)
}

// digestOf is a digest of one letter.
func digestOf(letter string) string { return "sha256:" + strings.Repeat(letter, 64) }

// A kubePod is a pod as a look sees it. Its container c runs image.
type kubePod struct {
	name, node, image, policy string
	volume                    string // an image volume's reference
	digest                    string // a letter, of the newest run
	version                   int
	created                   time.Time
	// started is the newest run, and ended its end; before is the run before.
	started, ended time.Time
	before         [2]time.Time
	restarts       int
	ready          time.Time
	static         bool
	secrets        bool // it names some to pull with
}

func (p kubePod) text() string {
	meta := fields{
		"name": p.name, "namespace": "a", "uid": p.name, "resourceVersion": fmt.Sprint(p.version), "creationTimestamp": stamped(p.created),
	}
	if p.static {
		meta["uid"] = "mirror of " + p.name
		meta["annotations"] = fields{"kubernetes.io/config.hash": p.name, "kubernetes.io/config.source": "file"}
		meta["ownerReferences"] = []fields{{"apiVersion": "v1", "kind": "Node", "name": p.node, "controller": true}}
	}
	status := fields{"name": "c", "image": p.image, "restartCount": p.restarts, "containerID": "containerd://" + strings.Repeat("c", 64)}
	if p.digest != "" {
		status["imageID"] = "example.com/i@" + digestOf(p.digest)
	}
	switch {
	case !p.ended.IsZero():
		status["state"] = fields{"terminated": fields{"startedAt": stamped(p.started), "finishedAt": stamped(p.ended), "exitCode": 0, "reason": "Completed"}}
	case !p.started.IsZero():
		status["state"] = fields{"running": fields{"startedAt": stamped(p.started)}}
	default:
		status["state"] = fields{"waiting": fields{"reason": "CrashLoopBackOff"}}
	}
	if !p.before[0].IsZero() {
		status["lastState"] = fields{"terminated": fields{"startedAt": stamped(p.before[0]), "finishedAt": stamped(p.before[1]), "exitCode": 1, "reason": "Error"}}
	}
	conditions := []fields{{"type": "PodScheduled", "status": "True", "lastTransitionTime": stamped(p.created)}}
	if !p.ready.IsZero() {
		conditions = append(conditions, fields{"type": "Ready", "status": "True", "lastTransitionTime": stamped(p.ready)})
	}
	spec := fields{"nodeName": p.node, "containers": []fields{{"name": "c", "image": p.image, "imagePullPolicy": p.policy}}}
	if p.volume != "" {
		spec["volumes"] = []fields{{"name": "model", "image": fields{"reference": p.volume, "pullPolicy": "IfNotPresent"}}}
	}
	if p.secrets {
		spec["imagePullSecrets"] = []fields{{"name": "registry-login"}}
	}
	return printed(fields{
		"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec,
		"status": fields{"phase": "Running", "startTime": stamped(p.created), "conditions": conditions, "containerStatuses": []fields{status}},
	})
}

// A kubeEvent is an event of a kubelet about container c of a pod.
type kubeEvent struct {
	pod, host, message string
	// id tells events of one message apart, and is the same for one in all looks.
	id string
	// first is as last, made as first, count 1, where they are not given.
	first, last, made time.Time
	count             int
	noField           bool // it names no container
}

func (e kubeEvent) text() string {
	if e.first.IsZero() {
		e.first = e.last
	}
	if e.made.IsZero() {
		e.made = e.first
	}
	about := fields{"apiVersion": "v1", "kind": "Pod", "namespace": "a", "name": e.pod, "uid": e.pod, "fieldPath": "spec.containers{c}"}
	if e.noField {
		delete(about, "fieldPath")
	}
	reason := "Pulled"
	switch {
	case strings.HasPrefix(strings.ToLower(e.message), "pulling"):
		reason = "Pulling"
	case strings.HasPrefix(e.message, "Failed"):
		reason = "Failed"
	case strings.HasPrefix(e.message, "Successfully assigned"):
		reason = "Scheduled"
		delete(about, "fieldPath")
	}
	id := e.id
	if id == "" {
		id = fmt.Sprintf("%s %s %s %d", e.pod, reason, e.message, e.first.Unix())
	}
	return printed(fields{
		"apiVersion": "v1", "kind": "Event", "type": "Normal", "reason": reason, "message": e.message,
		"metadata":       fields{"name": e.pod + ".17a", "namespace": "a", "uid": id, "resourceVersion": fmt.Sprint(e.last.Unix()), "creationTimestamp": stamped(e.made)},
		"involvedObject": about, "count": max(1, e.count), "firstTimestamp": stamped(e.first), "lastTimestamp": stamped(e.last), "eventTime": nil,
		"source": fields{"component": "kubelet", "host": e.host}, "reportingComponent": "kubelet", "reportingInstance": e.host,
	})
}

// kubeNode writes a node whose last heartbeat was at a time.
func kubeNode(name, pool string, version int, created, heartbeat time.Time, labels ...string) string {
	all := fields{"eks.amazonaws.com/nodegroup": pool, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		all[key] = value
	}
	return printed(fields{
		"apiVersion": "v1", "kind": "Node",
		"metadata": fields{"name": name, "uid": name, "resourceVersion": fmt.Sprint(version), "creationTimestamp": stamped(created), "labels": all},
		"status": fields{
			"allocatable": fields{"cpu": "4", "memory": "16Gi"},
			"nodeInfo":    fields{"containerRuntimeVersion": "containerd://2.1.0", "operatingSystem": "linux", "architecture": "amd64"},
			"conditions": []fields{
				{"type": "MemoryPressure", "status": "False", "lastHeartbeatTime": stamped(heartbeat), "lastTransitionTime": stamped(created)},
				{"type": "Ready", "status": "True", "lastHeartbeatTime": stamped(heartbeat), "lastTransitionTime": stamped(created)},
			},
		},
	})
}

// ofKubelet is a node's text with its kubelet's version.
func ofKubelet(version, node string) string {
	return strings.Replace(node, `"nodeInfo":{`, fmt.Sprintf(`"nodeInfo":{"kubeletVersion":%q,`, version), 1)
}

// pulledIn is a kubelet's message: the pull's time, that with waiting, and the size.
func pulledIn(image, took, waiting string, bytes int64) string {
	return fmt.Sprintf("Successfully pulled image %q in %s (%s including waiting). Image size: %d bytes.", image, took, waiting, bytes)
}

func isPresent(image string) string {
	return fmt.Sprintf("Container image %q already present on machine", image)
}
