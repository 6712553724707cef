package workload

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// HeldPool is what the nodes of a pool hold.
type HeldPool struct {
	Pool string `json:"pool" document:"required"`
	// Nodes are those whose images are told, of which FullLists may stop short: that an image
	// is not in such a list says nothing.
	Nodes     int `json:"nodes"`
	FullLists int `json:"fullLists,omitempty"`
	// Apps are the images of the apps that run on the pool, in order.
	Apps []HeldShare `json:"apps,omitempty"`
	// Carried are images that every node holds whose list is whole, and three or more, and
	// that no app and no pull of the input is of: what the disk that nodes are made from
	// carries, or what static pods and what is not in the input runs on each.
	Carried []string `json:"carried,omitempty"`
}

// HeldShare is on how many nodes an image is.
type HeldShare struct {
	Reference string `json:"reference" document:"required"`
	// Nodes hold it, Without do not; of the others the list may stop short.
	Nodes   int `json:"nodes"`
	Without int `json:"without"`
}

// heldList is what one node holds.
type heldList struct {
	node string // empty where that is not told, as by crictl
	full bool
	// images are references as canonical has them, with a name for each.
	images map[string]string
}

// enoughHolding is of how many nodes it is taken for a property of the pool that all hold
// an image, or that new ones have it.
const enoughHolding = 3

// canonical is a reference with its registry and its tag or digest.
func canonical(reference string) string {
	repository := repositoryOf(reference)
	if _, digest, ok := strings.Cut(reference, "@"); ok {
		return repository + "@" + digest
	}
	if i := strings.LastIndexByte(reference, ':'); i > strings.LastIndexByte(reference, '/') {
		return repository + reference[i:]
	}
	return repository + ":latest"
}

// heldPools are what the nodes of the workload's pools hold; poolOf is the pool of a node.
// Lists without a node are of the only pool, if there is one.
func (w *Workload) heldPools(lists []heldList, pulls []Pull, poolOf func(node string) string) []HeldPool {
	used := map[string]bool{}
	for i := range w.Apps {
		for _, ref := range w.Apps[i].AllImages() {
			used[canonical(ref)] = true
		}
	}
	for i := range pulls {
		used[canonical(pulls[i].Reference)] = true
	}
	var all []HeldPool
	for i := range w.NodePools {
		pool := w.NodePools[i].Name
		var mine []heldList
		for _, l := range lists {
			if l.node == "" && len(w.NodePools) == 1 || l.node != "" && poolOf(l.node) == pool {
				mine = append(mine, l)
			}
		}
		if len(mine) == 0 {
			continue
		}
		h := HeldPool{Pool: pool, Nodes: len(mine)}
		for _, l := range mine {
			if l.full {
				h.FullLists++
			}
		}
		h.Apps, h.Carried = w.heldShares(pool, mine), carriedBy(mine, used)
		all = append(all, h)
	}
	return all
}

// holdingOf counts the nodes that hold an image, and those whose list is whole and has it
// not.
func holdingOf(lists []heldList, image string) (nodes, without int) {
	for _, l := range lists {
		switch _, ok := l.images[image]; {
		case ok:
			nodes++
		case !l.full:
			without++
		}
	}
	return nodes, without
}

func (w *Workload) heldShares(pool string, lists []heldList) []HeldShare {
	var shares []HeldShare
	seen := map[string]bool{}
	for i := range w.Apps {
		if w.Apps[i].NodePool != pool {
			continue
		}
		for _, ref := range w.Apps[i].AllImages() {
			if seen[ref] {
				continue
			}
			seen[ref] = true
			nodes, without := holdingOf(lists, canonical(ref))
			shares = append(shares, HeldShare{ref, nodes, without})
		}
	}
	slices.SortFunc(shares, func(a, b HeldShare) int {
		return cmp.Or(cmp.Compare(b.Nodes, a.Nodes), cmp.Compare(a.Reference, b.Reference))
	})
	return shares
}

// carriedBy are the images that all hold, but those that are used.
func carriedBy(lists []heldList, used map[string]bool) []string {
	var carried []string
	seen := map[string]bool{}
	for _, l := range lists {
		for image, name := range l.images {
			// By its digest an image may be one that is used under a tag.
			if used[image] || seen[image] || strings.Contains(image, "@") {
				continue
			}
			seen[image] = true
			if nodes, without := holdingOf(lists, image); nodes >= enoughHolding && without == 0 {
				carried = append(carried, name)
			}
		}
	}
	slices.Sort(carried)
	return carried
}

// tellPrePulled puts into the pools' prePulled the images of their apps that new nodes have
// from the beginning, as far as pulls tell: of three nodes or more that came within the
// input, from when on all is told, the first that is told of the image is that it was there,
// and of none that it was pulled. What nodes hold later tells nothing of that. It returns notes.
func (w *Workload) tellPrePulled(pulls []Pull, came func(node string, at time.Time) bool, poolOf func(node string) string) []string {
	type seen struct{ node, image string }
	first := map[seen]*Pull{}
	for i := range pulls {
		p := &pulls[i]
		if p.Node == "" {
			continue
		}
		key := seen{p.Node, canonical(p.Reference)}
		if old := first[key]; old == nil || p.Began.Before(old.Began) {
			first[key] = p
		}
	}
	type counted struct{ pool, image string }
	there, other := map[counted]int{}, map[counted]int{}
	for key, p := range first {
		if !came(key.node, p.Began) {
			continue
		}
		at := counted{poolOf(key.node), key.image}
		if p.Outcome == Present && !p.again {
			there[at]++
		} else {
			other[at]++
		}
	}
	var notes []string
	for i := range w.NodePools {
		pool := &w.NodePools[i]
		least := 0
		for n := range w.Apps {
			if w.Apps[n].NodePool != pool.Name {
				continue
			}
			for _, ref := range w.Apps[n].AllImages() {
				at := counted{pool.Name, canonical(ref)}
				if there[at] < enoughHolding || other[at] > 0 || slices.Contains(pool.PrePulled, ref) {
					continue
				}
				pool.PrePulled = append(pool.PrePulled, ref)
				if least == 0 || there[at] < least {
					least = there[at]
				}
			}
		}
		if len(pool.PrePulled) > 0 {
			slices.Sort(pool.PrePulled)
			notes = append(notes, fmt.Sprintf("prePulled of node pool %s: on new nodes, %d or more of each, these images were there when they were first asked for, and on none were they pulled; where they are in the disk that nodes are made from, call them baked: %s", pool.Name, least, few(pool.PrePulled)))
		}
	}
	return notes
}

// heldNotes say in the workload what nodes hold besides.
func heldNotes(pools []HeldPool) []string {
	var notes []string
	for i := range pools {
		h := &pools[i]
		if len(h.Carried) > 0 {
			notes = append(notes, fmt.Sprintf("all of %s of pool %s whose images are told hold %s that nothing in the input uses, which simulations leave out: they take room, and give no more than layers that apps share with them; as baked they are in: %s", count(h.Nodes-h.FullLists, "node"), h.Pool, count(len(h.Carried), "image"), few(h.Carried)))
		}
	}
	return notes
}
