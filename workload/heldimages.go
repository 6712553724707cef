package workload

import (
	"bufio"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// lineSource is what lines are read from.
type lineSource = *bufio.Reader

// HeldImage is an image that nodes hold.
type HeldImage struct {
	// Reference is a name of the image, the first with a tag if there is one; Digest is
	// that of its manifest or index, empty where unknown.
	Reference string `json:"reference"`
	Digest    string `json:"digest,omitempty"`
	// Bytes are as the runtime tells them: compressed under containerd, unpacked under
	// docker and CRI-O.
	Bytes int64 `json:"bytes"`
	Nodes int   `json:"nodes"`
}

// HeldImages are the images that nodes hold.
type HeldImages struct {
	// Nodes are those whose images are told; of Full ones the list has as many as a
	// kubelet puts there at most by default (nodeStatusMaxImages, 50), and may stop short.
	Nodes int `json:"nodes"`
	Full  int `json:"fullLists,omitempty"`
	// Images are those first that take most room on all nodes together.
	Images []HeldImage `json:"images,omitempty"`
	// Apps counts the workload's apps all of whose images some node holds.
	Apps int `json:"apps"`
	// Pools are the node pools of nodes whose images are told.
	Pools []HeldPool `json:"pools,omitempty"`
}

// statusImages is how many images a kubelet lists by default, the largest first
// (KubeletConfiguration, nodeStatusMaxImages).
const statusImages = 50

// nodeImage is an image in a node's status.
type nodeImage struct {
	Names     []string
	SizeBytes int64
}

// hold counts an image of a node, once.
func (i *HistoryImporter) hold(list *heldList, seen map[string]bool, names []string, bytes int64) {
	reference, digest := "", ""
	for _, n := range names {
		if n = strings.TrimSpace(n); !imageText.MatchString(n) || strings.HasPrefix(n, "<none>") {
			continue
		}
		if _, d, ok := strings.Cut(n, "@"); ok {
			if digestForm.MatchString(d) {
				digest = d
			}
			if reference == "" {
				reference = n
			}
		} else if reference == "" || strings.Contains(reference, "@") {
			reference = n
		}
	}
	if reference == "" || seen[reference] || bytes < 0 {
		return
	}
	seen[reference] = true
	for _, n := range names {
		if n = strings.TrimSpace(n); imageText.MatchString(n) && !strings.HasPrefix(n, "<none>") {
			list.images[canonical(n)] = reference
		}
	}
	i.listedImages++
	key := reference + " " + digest
	if i.held == nil {
		i.held = map[string]*HeldImage{}
	}
	h := i.held[key]
	if h == nil {
		h = &HeldImage{Reference: reference, Digest: digest}
		i.held[key] = h
	}
	h.Nodes++
	h.Bytes = max(h.Bytes, bytes)
}

// holdNodes counts what the nodes of snapshots hold.
func (i *HistoryImporter) holdNodes() {
	for _, name := range slices.Sorted(maps.Keys(i.pulls.nodes)) {
		n := i.pulls.nodes[name]
		if n.virtual || len(n.images) == 0 {
			continue
		}
		i.listed++
		list := heldList{node: name, full: len(n.images) >= statusImages, images: map[string]string{}}
		if list.full {
			i.stopped++
		}
		seen := map[string]bool{}
		for _, image := range n.images {
			i.hold(&list, seen, image.Names, image.SizeBytes)
		}
		i.lists = append(i.lists, list)
	}
}

// readCrictl reads the images of one node.
func (i *HistoryImporter) readCrictl(name string, r lineSource) error {
	i.listed++
	seen, list := map[string]bool{}, heldList{images: map[string]string{}}
	defer func() { i.lists = append(i.lists, list) }()
	a := &arrayReader{name: name, key: "images", what: "what crictl images -o json prints"}
	a.take = func(line, item int, text []byte) error {
		var image struct {
			RepoTags, RepoDigests []string
			Size                  json.RawMessage
		}
		if err := json.Unmarshal(text, &image); err != nil {
			return a.faultAt(line, "item %d: %v", item, err)
		}
		digits := strings.Trim(string(image.Size), `"`)
		bytes, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || bytes < 0 {
			return a.faultAt(line, "item %d: size %q is no number of bytes", item, digits)
		}
		i.hold(&list, seen, slices.Concat(image.RepoTags, image.RepoDigests), bytes)
		return nil
	}
	return a.read(r)
}

// heldImages are what nodes hold; nil where none tells.
func (i *HistoryImporter) heldImages(h *PullHistory) *HeldImages {
	if i.listed == 0 {
		return nil
	}
	held := &HeldImages{Nodes: i.listed, Full: i.stopped}
	names := map[string]bool{}
	for _, image := range i.held {
		held.Images = append(held.Images, *image)
	}
	for _, l := range i.lists {
		for image := range l.images {
			names[image] = true
		}
	}
	slices.SortFunc(held.Images, func(a, b HeldImage) int {
		return cmp.Or(cmp.Compare(b.Bytes*int64(b.Nodes), a.Bytes*int64(a.Nodes)), cmp.Compare(a.Reference, b.Reference), cmp.Compare(a.Digest, b.Digest))
	})
	for n := range h.Workload.Apps {
		if a := &h.Workload.Apps[n]; !slices.ContainsFunc(a.AllImages(), func(r string) bool { return !names[canonical(r)] }) {
			held.Apps++
		}
	}
	return held
}
