package workload

import (
	"cmp"
	"errors"
	"slices"
	"time"
)

// PullHistory is what snapshots of a cluster tell of its pulls and starts.
type PullHistory struct {
	// Workload has an app for each controller of which a pod was seen, and the
	// pools of the nodes that were in the input.
	Workload Workload
	// Origins say of each of Workload.Apps where its numbers come from.
	Origins []Origin
	// Digests are what references meant when the pods were started.
	Digests []LockedDigest
	// NoStarts says why Workload lacks startsPerDay; empty where it has them.
	NoStarts string
	// Window is the time that the snapshots cover.
	Window Window
	// Pulls are in the order in which they began; pulls of which no time can be told
	// are counted in Dropped.
	Pulls []Pull
	// Starts are the pods made in the window, or all of whose pulls are in it, that
	// came to run, in order of creation.
	Starts []PodStart
	// Dropped count what was left out as it cannot be.
	Dropped []Dropped
	// Doubts are reasons to trust the history less, the weightiest first; Notes say
	// what of the workload was assumed.
	Doubts, Notes []string
	// History is what inputs that cover a time tell of starts, nil where there are none.
	History *History
	// PulledLives are how long the nodes of pools live by how many starts pulled, as in
	// Imported.
	PulledLives map[string]PulledLife
	// Held are the images that nodes hold, nil where none tells.
	Held *HeldImages
	// PullDurations are how long pulls took by the size of the image, as kubelets count
	// them.
	PullDurations []PullDurations
	// Nodes, Pods and Events (those about pulls) count what was read, each once, in
	// however many snapshots it stands; Runtimes are the nodes' by name, with how many of
	// the nodes have it.
	Nodes, Pods, Events int
	Runtimes            map[string]int
}

// An Outcome is how a node came by an image.
type Outcome string

// The outcomes.
const (
	// Pulled: the image was fetched and unpacked.
	Pulled Outcome = "pulled"
	// PartlyPulled: faster than an image can be fetched and unpacked, so that most of
	// it was there, or comes later.
	PartlyPulled Outcome = "partly"
	// Rechecked: the registry was asked, and the image was there already.
	Rechecked Outcome = "rechecked"
	// Unclear: it cannot be told whether the image was fetched or was there; the
	// kubelet reports both alike. See pullOutcomes.
	Unclear Outcome = "unclear"
	// Present: the image was there, nothing was asked.
	Present Outcome = "present"
)

// Pull is how one container came by its image.
type Pull struct {
	// App is named as in the Workload.
	App string
	// Namespace, Pod and Container say for whom it was.
	Namespace, Pod, Container string
	// Node is empty where unknown, and where it is virtual: each of its pods is an
	// instance of its own.
	Node string
	// Reference is as the pod has it, Digest what it meant, as the container that ran
	// then tells; empty where unknown.
	Reference, Digest string
	Outcome           Outcome
	// Began is when the pull itself began, after it waited; to the second unless
	// the events tell it better.
	Began time.Time
	// Took is how long it took without waiting; nil where nothing was pulled.
	Took *time.Duration
	// Waited is how long it waited for other pulls before; nil where unknown, and
	// then Took may have it within.
	Waited *time.Duration
	// Queued: Took may have waiting for other pulls of the node within.
	Queued bool
	// CompressedBytes and UnpackedBytes are the whole image's, of which a runtime
	// tells one; nil is unknown.
	CompressedBytes, UnpackedBytes *int64
	// Replaces: the node had another image under the reference, and so perhaps some of
	// the layers.
	Replaces bool
	// Failures counts the pulls of the image for the container that failed before.
	Failures int
	// Asked is when it was first asked for, where pulls failed before and that is
	// known; else zero.
	Asked time.Time
	// pod is its key.
	pod string
	// place is the node, or the pod where that is an instance of its own; empty where
	// unknown.
	place string
	// always: the policy is to ask the registry each time.
	always bool
	// asksAgain: its kubelet may ask the registry about an image that is there,
	// whatever the policy, for the pod's credentials.
	asksAgain bool
	// came is when the image had come.
	came time.Time
	// bytes are the image's, of which kind ever; supposed: they are taken for compressed
	// ones, though no runtime is told.
	bytes    *int64
	supposed bool
	// again: its container had run, or had come by its image, before.
	again bool
}

// Fetched is how many compressed bytes were fetched; nil is unknown.
func (p *Pull) Fetched() *int64 {
	if p.Outcome != Pulled || p.Replaces {
		return nil
	}
	return p.CompressedBytes
}

// Sized says whether it is known how much was fetched, and in what time.
func (p *Pull) Sized() bool { return p.Fetched() != nil && !p.Queued }

// Dropped counts pulls that were left out for one reason.
type Dropped struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

// compareDropped orders reasons by how often they were met.
func compareDropped(a, b Dropped) int {
	return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Reason, b.Reason))
}

// PullOptions say how a history is made.
type PullOptions struct {
	// Window is how long the input is known to cover, to its newest time; what is
	// older is left out. 0 takes what the events tell.
	Window time.Duration
	// ScaleToDay gives startsPerDay though less than a day is covered.
	ScaleToDay bool
	// EventLife is how long the cluster keeps events, the API server's --event-ttl; 0
	// takes its default, an hour.
	EventLife time.Duration
	// counted: starts and apps are counted from histories besides.
	counted bool
}

// ErrNoPulls is the error on input without any event about a pull.
var ErrNoPulls = errors.New("no event about a pull")

// History puts together what was read.
func (i *PullImporter) History(opt PullOptions) (*PullHistory, error) {
	b := i.builder(opt)
	if len(b.byPod) == 0 {
		return nil, i.noPulls()
	}
	return b.history(), nil
}

// builder begins a history of what was read.
func (i *PullImporter) builder(opt PullOptions) *historyBuilder {
	for _, p := range i.pods {
		p.close(i.looks[p.in].taken())
	}
	b := &historyBuilder{importer: i, opt: opt, window: i.window(opt), dropped: map[string]int{}}
	b.sortEvents()
	return b
}

func (b *historyBuilder) history() *PullHistory {
	i := b.importer
	b.nameApps()
	b.readRuntimes()
	b.readKubelets()
	b.addPulls()
	b.tellQueued()
	b.tellOutcomes()
	h := &PullHistory{Window: b.window, Pulls: b.pulls, Pods: len(i.pods), Events: i.pullEvents(), Runtimes: b.runtimeCounts(), Nodes: len(b.runtimes)}
	b.addStarts(h)
	b.addWorkload(h)
	for reason, n := range b.dropped {
		h.Dropped = append(h.Dropped, Dropped{reason, n})
	}
	slices.SortFunc(h.Dropped, compareDropped)
	h.Doubts = b.doubts(h)
	return h
}
