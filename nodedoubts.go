package cachebench

import (
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// nodeImages are images that nodes of a class are to hold.
type nodeImages struct {
	on     string // which nodes
	class  *simulate.Profile
	images []int
}

// poolNodeDoubts are those about what the nodes of pools hold.
func (j *Job) poolNodeDoubts(add func(string, ...any)) {
	pools, _ := j.pools() // its error has ended the simulation before
	for _, p := range pools {
		n := nodeImages{on: "node pool " + p.Name, class: p.class, images: slices.Concat(p.setup.Baked, p.setup.Held)}
		for _, pod := range p.setup.Daemon {
			n.images = append(n.images, pod...)
		}
		for i := range j.Workload.Apps {
			if app := &j.Workload.Apps[i]; app.NodePool == p.Name {
				n.images = append(n.images, j.imagesOf(app)...)
			}
		}
		j.diskDoubts(&n, add)
		if r := &p.class.Cache.FirstRead; len(p.setup.Baked) > 0 && r.Distribution == "" && r.Value == network.Unlimited {
			add("On node pool %s baked images are as good as pre-pulled ones: cache.firstReadBytesPerSecond is unlimited in profile %s, so the first read of a disk made from a snapshot takes no time.", p.Name, j.Scenario.Profile.Name)
		}
	}
}

// tracedNodeDoubts are those about what the nodes hold that a trace names.
func (j *Job) tracedNodeDoubts(starts []simulate.Start, add func(string, ...any)) {
	type held struct {
		class string
		image int
	}
	byClass, seen := make(map[string]*nodeImages), make(map[held]bool)
	var order []*nodeImages
	for i := range starts {
		s := &starts[i]
		if s.Node == "" {
			continue
		}
		n := byClass[s.NodeClass]
		if n == nil {
			class, err := j.Scenario.Profile.Class(s.NodeClass)
			if err != nil {
				continue // it has ended the simulation before
			}
			n = &nodeImages{on: "the trace's nodes", class: class}
			if s.NodeClass != "" {
				n.on += " of class " + s.NodeClass
			}
			byClass[s.NodeClass] = n
			order = append(order, n)
		}
		for _, image := range s.Images {
			if key := (held{s.NodeClass, image}); !seen[key] {
				seen[key] = true
				n.images = append(n.images, image)
			}
		}
	}
	for _, n := range order {
		j.diskDoubts(n, add)
	}
}

// diskDoubts names images that do not fit on the disks that are to hold them: they
// are simulated as if they did.
func (j *Job) diskDoubts(n *nodeImages, add func(string, ...any)) {
	disk := n.class.Node.DiskGiB.Value
	var large []string
	for i, image := range n.images {
		if slices.Contains(n.images[:i], image) {
			continue
		}
		size := j.Inventory.Union(image)
		bytes := size.UnpackedBytes
		if n.class.Pull.KeepBlobs.Value {
			bytes += size.CompressedBytes
		}
		if gib := float64(bytes) / (1 << 30); gib > disk {
			large = append(large, fmt.Sprintf("%s (%.1f GiB)", j.Inventory.Images[image].Reference, gib))
		}
	}
	if len(large) > 0 {
		add("Larger than the whole disk of %s (node.diskGiB %g), so that a pull would fail; simulated as if the disk grew: %s.", n.on, disk, few(large))
	}
}
