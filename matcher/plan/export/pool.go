package export

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/matcher/plan"
)

// Pool is a node pool with the images that its nodes are to hold.
type Pool struct {
	Name string
	// Platform is os/arch[/variant] of its nodes; empty is the plan's.
	Platform string
	// Verdict is what the plan advises for it, one of the arms; Reason says why. Images
	// stand there too where the advice is not to hold them: such a pool is exported only
	// when Options name it.
	Verdict, Reason string
	// Warnings are what may undo the plan, one sentence each.
	Warnings []string
	// Images are in the order of what they gain.
	Images []Image
	// NodeSelector are labels that its nodes have, and no others: a workload knows
	// pools by names that mean nothing to a cluster.
	NodeSelector map[string]string
}

// The verdicts on a pool that hold images.
const (
	PrePull = plan.PoolPrePull
	Baked   = plan.PoolBaked
)

// NodeOptions are of what pulls images to the nodes of a pool.
type NodeOptions struct {
	// AllNodes lets a pool without NodeSelector be all nodes of its platform.
	AllNodes bool
	// Pin is how images are named: PinDigest, PinTag or PinBoth; empty is PinBoth where
	// nodes pull them, so that what the plan chose is there under the name that pods have
	// for it, and in lists the digest where it is known.
	Pin string
	// MaxUnavailable is on how many nodes at once a DaemonSet is changed, a number or
	// a percentage; empty is 10%.
	MaxUnavailable string
	// Empty leaves the images out of a DaemonSet: one that is made so and then changed
	// pulls on MaxUnavailable nodes at once, where one that is made with them pulls on
	// all.
	Empty bool
	// Parallelism is on how many nodes at once a job pulls each image; 0 is 5.
	Parallelism int
	// PriorityClass is of the DaemonSet's pods, one that exists; empty makes one that
	// is below all others and displaces nothing.
	PriorityClass string
	// HelperImage has a static /bin/busybox; empty is DefaultHelperImage.
	HelperImage string
	// PauseImage does nothing until it is stopped; empty is DefaultPauseImage.
	PauseImage string
}

// The images that a DaemonSet needs beside those that it is for.
const (
	// DefaultHelperImage has a busybox that is linked statically, as that of the tags
	// without a library and with glibc is not (docker-library/docs, busybox/variant-musl.md
	// and variant-glibc.md).
	DefaultHelperImage = "docker.io/library/busybox:1.37.0-musl"
	// DefaultPauseImage is that of Kubernetes' own sandboxes since 1.31.
	DefaultPauseImage = "registry.k8s.io/pause:3.10"
)

// The defaults of how many nodes are busy at once.
const (
	defaultUnavailable = "10%"
	defaultParallelism = 5
)

var unavailableForm = regexp.MustCompile(`^([1-9][0-9]{0,8})(%?)$`)

func (o *NodeOptions) check() error {
	if o.Pin != "" && o.Pin != PinDigest && o.Pin != PinTag && o.Pin != PinBoth {
		return fmt.Errorf("images are named by %s, %s or %s, not by %q", PinDigest, PinTag, PinBoth, o.Pin)
	}
	if o.MaxUnavailable != "" {
		match := unavailableForm.FindStringSubmatch(o.MaxUnavailable)
		if match == nil || match[2] == "%" && (len(match[1]) > 3 || atoi(match[1]) > 100) {
			return fmt.Errorf("%q is no number of nodes to change at once: write one as 3 or 10%%", o.MaxUnavailable)
		}
	}
	if o.Parallelism < 0 {
		return fmt.Errorf("%d nodes cannot pull at once: say 1 or more", o.Parallelism)
	}
	if o.PriorityClass != "" && !isSubdomain(o.PriorityClass) {
		return fmt.Errorf("%q is no name of a priority class", o.PriorityClass)
	}
	for _, ref := range []string{o.HelperImage, o.PauseImage} {
		if ref == "" {
			continue
		}
		if _, err := parse(ref); err != nil {
			return err
		}
	}
	return nil
}

func atoi(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// or is text, or where there is none what stands for it.
func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// verdict is what the plan says of a pool.
func (p *Pool) verdict() string {
	if len(p.Images) == 0 {
		return fmt.Sprintf("pool %s has no image to hold", said(p.Name))
	}
	text := fmt.Sprintf("the verdict on pool %s is %q", said(p.Name), p.Verdict)
	if p.Reason != "" {
		text += " (" + strings.TrimSuffix(p.Reason, ".") + ")"
	}
	return text
}

// about tells of a pool before its document.
func (e *exporter) about(p *Pool, images []string) []string {
	line := fmt.Sprintf("node pool %s: %d images", said(p.Name), len(p.Images))
	if len(p.Images) == 1 {
		line = strings.TrimSuffix(line, "s")
	}
	if p.Verdict != "" {
		line += "; the plan's verdict is " + p.Verdict
	}
	list := append([]string{line}, e.nameNote(images)...)
	for _, w := range p.Warnings {
		list = append(list, "")
		list = append(list, wrapped(said(w))...)
	}
	return list
}

// A Selector is a label that the nodes of a pool have.
type Selector struct {
	// Pool is the pool's name; empty means every pool.
	Pool       string
	Key, Value string
}

// ParseSelector reads [POOL:]KEY=VALUE.
func ParseSelector(text string) (Selector, error) {
	label, value, ok := strings.Cut(text, "=")
	var s Selector
	if i := strings.LastIndex(label, ":"); i >= 0 { // no key has one
		s.Pool, label = label[:i], label[i+1:]
	}
	s.Key, s.Value = label, value
	if !ok || !isLabelKey(s.Key) || !isLabelValue(s.Value) {
		return s, fmt.Errorf("%q is no label of nodes such as example.com/pool=general, with POOL: before it where there are several pools", text)
	}
	return s, nil
}

// Select adds a label to the pool that it is of, or to all.
func (in *Input) Select(s Selector) error {
	found := s.Pool == ""
	pools := slices.Clone(in.Pools)
	for i := range pools {
		if s.Pool != "" && pools[i].Name != s.Pool {
			continue
		}
		found = true
		labels := maps.Clone(pools[i].NodeSelector)
		if labels == nil {
			labels = map[string]string{}
		}
		labels[s.Key] = s.Value
		pools[i].NodeSelector = labels
	}
	if !found {
		return fmt.Errorf("the plan has no node pool %q; it has %s", s.Pool, poolNames(in.Pools))
	}
	in.Pools = pools
	return nil
}

var platformForm = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?$`)

func checkPlatform(platform string) error {
	if !platformForm.MatchString(platform) {
		return fmt.Errorf("%q is no platform such as linux/amd64", platform)
	}
	return nil
}

// nodeLabels are the labels of the pool's nodes: its own, and those that Kubernetes
// gives every node for its platform.
func (e *exporter) nodeLabels(p *Pool) (map[string]string, error) {
	if len(p.NodeSelector) == 0 && !e.opt.Nodes.AllNodes {
		return nil, fmt.Errorf("node pool %s: which nodes are they? give a label that they have and no others (--node-selector %[1]s:KEY=VALUE), or say that it is all nodes of its platform (--all-nodes)", said(p.Name))
	}
	os, arch, _ := strings.Cut(p.Platform, "/")
	arch, _, _ = strings.Cut(arch, "/")
	if os != "linux" {
		return nil, fmt.Errorf("node pool %s: its platform is %s: images are pulled ahead to nodes of linux only; leave it out by naming the others (--pool)", said(p.Name), p.Platform)
	}
	labels := map[string]string{"kubernetes.io/os": os, "kubernetes.io/arch": arch}
	for _, key := range slices.Sorted(maps.Keys(p.NodeSelector)) {
		value := p.NodeSelector[key]
		if !isLabelKey(key) || !isLabelValue(value) {
			return nil, fmt.Errorf("node pool %s: %q=%q is no label of a node", said(p.Name), key, value)
		}
		if given, ok := labels[key]; ok && given != value {
			return nil, fmt.Errorf("node pool %s: its platform is %s, its label %s=%s", said(p.Name), p.Platform, key, value)
		}
		labels[key] = value
	}
	return labels, nil
}

// pulled are the names that the pool's nodes pull, in the order of what they gain.
func (e *exporter) pulled(p *Pool) []string {
	var list []string
	for _, image := range p.Images {
		list = append(list, image.names(or(e.opt.Nodes.Pin, PinBoth))...)
	}
	return unique(list)
}

// nameNote says what the names of images mean that are pulled by digest, where there
// are any.
func (e *exporter) nameNote(images []string) []string {
	switch {
	case !slices.ContainsFunc(images, func(ref string) bool { return strings.Contains(ref, "@") }):
		return nil
	case e.opt.Nodes.Pin == PinDigest:
		return []string{"",
			"Images with a digest are those that the plan was made for, whatever their tags mean by",
			"now. A node knows them by the digest alone: a pod that names the tag asks the registry",
			"what it means, and downloads no layer. With the tags pulled too (--pin both) it does not",
			"ask."}
	}
	return []string{"",
		"An image whose digest is known is pulled by it, for the plan was made for that, and then",
		"by its tag, which pods name: that downloads nothing, unless the tag has moved since."}
}

// secretNames are those of a namespace; that of namespace:name must be the right one.
func (e *exporter) secretNames() ([]string, error) {
	var list []string
	for _, secret := range e.opt.ImagePullSecrets {
		namespace, name, qualified := strings.Cut(secret, ":")
		if !qualified {
			namespace, name = e.opt.Namespace, secret
		}
		if namespace != e.opt.Namespace || !isSubdomain(name) {
			return nil, fmt.Errorf("secret %q: name one of the namespace that the pods are in, without the namespace", secret)
		}
		list = append(list, name)
	}
	return list, nil
}
