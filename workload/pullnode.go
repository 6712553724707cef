package workload

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A nodeRecord is what is kept of a Node.
type nodeRecord struct {
	name, pool, platform string
	runtime              string // with its version, as containerd://1.7.27
	kubelet              string // its version, as v1.35.0
	size                 size
	created              time.Time
	heartbeat            time.Time // the newest of its conditions
	version              uint64    // the resourceVersion, 0 where it is no number
	virtual              bool
	looks                []look // the snapshots that it is in
	images               []nodeImage
}

// node is what is read of a Node.
type node struct {
	Status struct {
		Allocatable map[string]quantity
		NodeInfo    struct{ ContainerRuntimeVersion, KubeletVersion, OperatingSystem, Architecture string }
		Conditions  []struct{ LastHeartbeatTime time.Time }
		Images      []nodeImage
	}
}

// poolLabels name a node's pool, those of the services that have them before
// those of the programs that make nodes.
var poolLabels = []string{
	"alibabacloud.com/nodepool-id", "eks.amazonaws.com/nodegroup", "cloud.google.com/gke-nodepool",
	"kubernetes.azure.com/agentpool", "agentpool", "karpenter.sh/nodepool", "node.kubernetes.io/instance-type",
}

// defaultPool is the pool of nodes whose labels name none.
const defaultPool = "nodes"

// nodeRecord returns what is kept of a Node.
func (o *object) nodeRecord() (*nodeRecord, error) {
	var meta metadata
	var n node
	if err := o.decode("metadata", o.metadata, &meta); err != nil {
		return nil, err
	}
	if err := o.decode("status", o.status, &n.Status); err != nil {
		return nil, err
	}
	if !objectName.MatchString(meta.Name) {
		return nil, nil
	}
	info := &n.Status.NodeInfo
	r := &nodeRecord{
		name: meta.Name, pool: defaultPool, runtime: info.ContainerRuntimeVersion, kubelet: info.KubeletVersion, created: meta.CreationTimestamp,
		virtual: meta.Labels["type"] == "virtual-kubelet" || isVirtualName(meta.Name), images: n.Status.Images,
	}
	r.version, _ = strconv.ParseUint(meta.ResourceVersion, 10, 64)
	for _, c := range n.Status.Conditions {
		if isUsable(c.LastHeartbeatTime) {
			r.heartbeat = later(r.heartbeat, c.LastHeartbeatTime)
		}
	}
	for _, label := range poolLabels {
		if name := meta.Labels[label]; objectName.MatchString(name) {
			r.pool = name
			break
		}
	}
	system := cmp.Or(info.OperatingSystem, meta.Labels["kubernetes.io/os"], "linux")
	machine := cmp.Or(info.Architecture, meta.Labels["kubernetes.io/arch"], "amd64")
	if r.platform = system + "/" + machine; !imageText.MatchString(r.platform) {
		r.platform = "linux/amd64"
	}
	var err error
	if r.size.cpu, err = n.Status.Allocatable["cpu"].value(); err != nil {
		return nil, o.fault(o.line, "node %s: cpu: %w", r.name, err)
	}
	if r.size.memoryGiB, err = n.Status.Allocatable["memory"].value(); err != nil {
		return nil, o.fault(o.line, "node %s: memory: %w", r.name, err)
	}
	r.size.memoryGiB /= 1 << 30
	return r, nil
}

// isVirtualName tells virtual nodes by their names: those of Virtual Kubelet, of AKS,
// and the host that the events of ECI's instances state.
func isVirtualName(name string) bool {
	return strings.HasPrefix(name, "virtual-kubelet") || strings.HasPrefix(name, "virtual-node") || name == eciHost
}

// eciHost is the host that the events of ECI's instances state.
const eciHost = "eci"

// merge puts two looks at one node together; the same whatever their order.
func (n *nodeRecord) merge(other *nodeRecord) *nodeRecord {
	if n.compare(other) < 0 {
		n, other = other, n
	}
	merged := *n
	merged.looks = slices.Clone(n.looks)
	for _, at := range other.looks {
		if !slices.Contains(merged.looks, at) {
			merged.looks = append(merged.looks, at)
		}
	}
	return &merged
}

// compare orders looks at one node by how late they are.
func (n *nodeRecord) compare(other *nodeRecord) int {
	return cmp.Or(
		cmp.Compare(n.version, other.version), n.heartbeat.Compare(other.heartbeat), n.created.Compare(other.created),
		cmp.Compare(n.pool, other.pool), cmp.Compare(n.platform, other.platform), cmp.Compare(n.runtime, other.runtime),
		cmp.Compare(n.size.cpu, other.size.cpu), cmp.Compare(n.size.memoryGiB, other.size.memoryGiB), cmp.Compare(n.kubelet, other.kubelet),
	)
}

// firstToAsk is the first minor version of Kubernetes 1 whose kubelet, by default, asks
// the registry about an image that is there: for a pod whose credentials are not those
// that fetched it (KubeletEnsureSecretPulledImages, KEP 2535, on by default since 1.35).
const firstToAsk = 35

// asksAgain says whether a kubelet of that version, as v1.35.1-gke.100, asks the registry
// about images that are there; known is false where the text tells no version.
func asksAgain(version string) (asks, known bool) {
	before, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	text, _, _ := strings.Cut(rest, ".")
	major, err := strconv.Atoi(before)
	if err != nil {
		return false, false
	}
	minor, err := strconv.Atoi(text)
	return major > 1 || major == 1 && minor >= firstToAsk, err == nil
}

// readKubelets tells of which nodes the kubelet asks again, and of nodes that are not in
// the input, or tell no version, what all that do have in common.
func (b *historyBuilder) readKubelets() {
	b.asking = map[string]bool{}
	told := map[bool]bool{}
	for name, n := range b.importer.nodes {
		if asks, known := asksAgain(n.kubelet); known && !n.virtual {
			b.asking[name], told[asks] = asks, true
		}
	}
	if len(told) == 1 {
		b.asking[anyNode] = told[true]
	}
}

// anyNode stands for nodes that tell no version: no node has that name.
const anyNode = ""

// mayAskAgain says whether the kubelet of a pod's node may ask the registry about an
// image that is there, whatever the policy. Where no version is known, it may for pods
// that have credentials of their own; of one that is gone, others of its app tell.
func (b *historyBuilder) mayAskAgain(node, app string, pod *pullPod) bool {
	for _, name := range []string{node, anyNode} {
		if asks, known := b.asking[name]; known {
			return asks
		}
	}
	if pod != nil {
		return pod.secrets
	}
	return b.secrets[app]
}

// nodePools sorts nodes to pools, in order of name, and says which pool each is
// in. Virtual nodes, on which each pod is an instance of its own, are in none.
func (b *historyBuilder) nodePools() (pools []NodePool, of map[string]string) {
	of = map[string]string{}
	nodes := map[string][]*nodeRecord{}
	byName := map[string]*NodePool{}
	for _, name := range slices.Sorted(maps.Keys(b.importer.nodes)) {
		n := b.importer.nodes[name]
		if n.virtual {
			continue
		}
		key := n.pool
		if p := byName[key]; p != nil && p.Platform != n.platform {
			key = fmt.Sprintf("%s-%s", n.pool, strings.ReplaceAll(n.platform, "/", "-"))
		}
		p := byName[key]
		if p == nil {
			p = &NodePool{Name: key, Platform: n.platform, CPU: n.size.cpu, MemoryGiB: threeDigits(n.size.memoryGiB)}
			byName[key] = p
		}
		// Where nodes differ, what all of them have.
		p.CPU, p.MemoryGiB = min(p.CPU, n.size.cpu), min(p.MemoryGiB, threeDigits(n.size.memoryGiB))
		of[name] = key
		nodes[key] = append(nodes[key], n)
	}
	counts := b.newNodeCounts()
	b.ages = nil
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		p := byName[name]
		counts.tell(p, nodes[name])
		if p.Count <= maxPoolNodes {
			pools = append(pools, *p)
			if ages, ok := agesOf(nodes[name], counts.newest); ok {
				if b.ages == nil {
					b.ages = map[string]NodeAges{}
				}
				b.ages[name] = ages
			}
		}
	}
	b.varied = counts.varied
	return pools, of
}

// nodeCounts counts nodes at a time, and how many come in the place of others.
type nodeCounts struct {
	window *Window
	// looks are those that have nodes, with when they were taken; newest is the last of
	// these times.
	looks  map[look]time.Time
	newest time.Time
	// daily: the window is a day, or is taken for one.
	daily bool
	// varied are the pools whose looks differ, with the fewest and the most nodes.
	varied []string
}

func (b *historyBuilder) newNodeCounts() *nodeCounts {
	c := &nodeCounts{window: &b.window, looks: map[look]time.Time{}, daily: b.noStarts() == ""}
	for at, l := range b.importer.looks {
		if l.nodes {
			c.looks[at] = l.taken()
			c.newest = later(c.newest, c.looks[at])
		}
	}
	return c
}

// tell gives a pool the number of its nodes at a time, the median of the looks, and
// of new nodes a day: those made in the window in whose place others went.
func (c *nodeCounts) tell(p *NodePool, nodes []*nodeRecord) {
	perLook := map[look]int{}
	made, gone := 0, 0
	for _, n := range nodes {
		for _, at := range n.looks {
			perLook[at]++
		}
		if c.window.holds(n.created) {
			made++
		}
		if !slices.ContainsFunc(n.looks, func(at look) bool { return c.looks[at].Equal(c.newest) }) {
			gone++
		}
	}
	numbers := make([]int, 0, len(c.looks))
	for at := range c.looks {
		numbers = append(numbers, perLook[at])
	}
	slices.Sort(numbers)
	fewest, most := numbers[0], numbers[len(numbers)-1]
	p.Count = max(1, (numbers[(len(numbers)-1)/2]+numbers[len(numbers)/2]+1)/2)
	if fewest != most {
		c.varied = append(c.varied, fmt.Sprintf("%s %d to %d", p.Name, fewest, most))
	}
	if replaced := min(made, gone); replaced > 0 && c.daily {
		p.NewNodesPerDay = threeDigits(float64(replaced) * float64(day) / float64(c.window.Covered))
		if p.Lifetime() < minLifetime {
			p.NewNodesPerDay = 0
		}
	}
}

// NodeAges are how long the nodes of a pool had been there when they were looked at.
type NodeAges struct {
	Nodes            int
	Youngest, Oldest time.Duration
	Mean             time.Duration
}

// Lifetime is how long nodes of such ages live if one at a time is replaced at an even
// pace: their ages are then spread evenly from 0 to it. It is no more than a guess.
func (a *NodeAges) Lifetime() time.Duration { return 2 * a.Mean }

// agesOf are those of the nodes at a time; false where it or all of theirs are not told.
func agesOf(nodes []*nodeRecord, at time.Time) (a NodeAges, ok bool) {
	sum := 0.0
	for _, n := range nodes {
		age := at.Sub(n.created)
		if at.IsZero() || n.created.IsZero() || age < 0 {
			continue
		}
		if a.Nodes == 0 {
			a.Youngest = age
		}
		a.Nodes++
		a.Youngest, a.Oldest = min(a.Youngest, age), max(a.Oldest, age)
		sum += age.Seconds()
	}
	if a.Nodes == 0 {
		return a, false
	}
	a.Mean = time.Duration(sum/float64(a.Nodes)) * time.Second
	return a, true
}
