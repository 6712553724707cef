package workload

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A nodeRecord is what is kept of a Node.
type nodeRecord struct {
	name, pool, platform string
	runtime              string // with its version, as containerd://1.7.27
	size                 size
	created              time.Time
	version              string
	virtual              bool
}

// node is what is read of a Node.
type node struct {
	Status struct {
		Allocatable map[string]quantity
		NodeInfo    struct{ ContainerRuntimeVersion, OperatingSystem, Architecture string }
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
		name: meta.Name, pool: defaultPool, runtime: info.ContainerRuntimeVersion, created: meta.CreationTimestamp,
		version: meta.ResourceVersion, virtual: meta.Labels["type"] == "virtual-kubelet",
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

// nodePools sorts nodes to pools, in order of name, and says which pool each is
// in. Virtual nodes, on which each pod is an instance of its own, are in none.
func nodePools(nodes map[string]*nodeRecord) (pools []NodePool, of map[string]string) {
	of = map[string]string{}
	byName := map[string]*NodePool{}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		n := nodes[name]
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
		p.Count++
		// Where nodes differ, what all of them have.
		p.CPU, p.MemoryGiB = min(p.CPU, n.size.cpu), min(p.MemoryGiB, threeDigits(n.size.memoryGiB))
		of[name] = key
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if byName[name].Count <= maxPoolNodes {
			pools = append(pools, *byName[name])
		}
	}
	return pools, of
}
