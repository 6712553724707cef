package workload

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
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

// holdNodes counts what the nodes of snapshots hold, and those whose images crictl listed. A
// node that is in both counts once, with what crictl listed, which is all.
func (i *HistoryImporter) holdNodes() {
	var listed []*nodeRecord
	for _, name := range slices.Sorted(maps.Keys(i.pulls.nodes)) {
		if n := i.pulls.nodes[name]; !n.virtual && len(n.images) > 0 {
			listed = append(listed, n)
		}
	}
	whole := map[string][]nodeImage{}
	for _, c := range i.crictl {
		n := c.nodeOf(listed)
		switch {
		case n != nil:
			whole[n.name] = c.images
		case len(listed) > 0:
			i.unnamed = append(i.unnamed, c.input)
		default: // nothing else lists images of nodes
			i.holdNode("", c.images, false)
		}
	}
	for _, n := range listed {
		if images, ok := whole[n.name]; ok {
			i.holdNode(n.name, images, false)
		} else {
			i.holdNode(n.name, n.images, len(n.images) >= statusImages)
		}
	}
}

// holdNode counts what a node holds.
func (i *HistoryImporter) holdNode(name string, images []nodeImage, full bool) {
	i.listed++
	if full {
		i.stopped++
	}
	list := heldList{node: name, full: full, images: map[string]string{}}
	seen := map[string]bool{}
	for _, image := range images {
		i.hold(&list, seen, image.Names, image.SizeBytes)
	}
	i.lists = append(i.lists, list)
}

// crictlList is what crictl listed on one node.
type crictlList struct {
	input  string
	images []nodeImage
}

// leastAlike is the least share of crictl's images that the whole list of a node has to hold
// to be taken for the same node's a little earlier or later.
const leastAlike = 0.8

// nodeOf is the node whose images crictl listed: the one after which the file is named, or
// the only one whose images are all in it and are most of it; nil where none is known.
func (c *crictlList) nodeOf(nodes []*nodeRecord) *nodeRecord {
	var named, alike *nodeRecord
	length, several := 0, false
	for _, n := range nodes {
		if len(n.name) >= length && namesNode(c.input, n.name) {
			named, length = n, len(n.name)
		}
	}
	if named != nil {
		return named
	}
	names := map[string]bool{}
	for _, image := range c.images {
		for _, name := range image.Names {
			names[canonical(strings.TrimSpace(name))] = true
		}
	}
	for _, n := range nodes {
		held, all := 0, 0
		for _, image := range n.images {
			keys := image.keys()
			if len(keys) == 0 {
				continue
			}
			all++
			if slices.ContainsFunc(keys, func(key string) bool { return names[key] }) {
				held++
			}
		}
		if held < all || held > len(c.images) || len(n.images) < statusImages && float64(held) < leastAlike*float64(len(c.images)) {
			continue
		}
		several = several || alike != nil
		alike = n
	}
	if several {
		return nil
	}
	return alike
}

// keys tell an image: its digests, or where it has none its names.
func (i *nodeImage) keys() []string {
	var digests, names []string
	for _, name := range i.Names {
		switch name = strings.TrimSpace(name); {
		case !imageText.MatchString(name) || strings.HasPrefix(name, "<none>"):
		case strings.Contains(name, "@"):
			digests = append(digests, canonical(name))
		default:
			names = append(names, canonical(name))
		}
	}
	if len(digests) > 0 {
		return digests
	}
	return names
}

// namesNode is whether the name of a file has a node's in it, with nothing before or behind
// that could be a part of it.
func namesNode(file, node string) bool {
	file = file[strings.LastIndexAny(file, `/\`)+1:]
	isPart := func(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' }
	for from := 0; ; {
		at := strings.Index(file[from:], node)
		if at < 0 {
			return false
		}
		at += from
		end := at + len(node)
		if (at == 0 || !isPart(file[at-1])) && (end == len(file) || !isPart(file[end])) {
			return true
		}
		from = at + 1
	}
}

// readCrictl reads the images of one node.
func (i *HistoryImporter) readCrictl(name string, r lineSource) error {
	list := crictlList{input: name}
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
		n := nodeImage{Names: slices.Concat(image.RepoTags, image.RepoDigests), SizeBytes: bytes}
		if len(n.keys()) > 0 {
			list.images = append(list.images, n)
			i.listedImages++
		}
		return nil
	}
	if err := a.read(r); err != nil {
		return err
	}
	i.crictl = append(i.crictl, list)
	return nil
}

// doubtUnnamed says of which files of crictl's it is not known whose they are.
func (i *HistoryImporter) doubtUnnamed() []string {
	if len(i.unnamed) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("what crictl listed in %s is of one of the nodes that are listed, and it is not known of which: it counts for nothing; call the file after the node, as crictl-NODE.json", few(i.unnamed))}
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
