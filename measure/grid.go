package measure

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate/network"
)

// What a grid's arms keep.
const (
	KeepNothing = "nothing" // a cold start
	KeepBase    = "base"    // the images that the grid names as base: a partial hit
	KeepItself  = "itself"  // what is started: a hit
)

// Grid is arms with every combination of what its lists hold. A list that is left
// out varies nothing.
type Grid struct {
	// Name heads the names of its arms.
	Name string `json:"name,omitempty"`
	// Images are each started alone on a node, Together each list at once.
	Images   []string   `json:"images,omitempty"`
	Together [][]string `json:"together,omitempty"`
	// Nodes are numbers of nodes, on each of which the same is started; one when
	// left out.
	Nodes []int `json:"nodes,omitempty"`
	// Keep is what is present before: nothing (when left out), base, itself.
	Keep []string `json:"keep,omitempty" document:"enum=nothing|base|itself"`
	// Base are the images that base stands for.
	Base []string `json:"base,omitempty"`
	// Links are ways from the registry to the nodes; as it is when left out.
	Links []Link `json:"links,omitempty"`
	// Downloads and Unpacks bound layers at once, as an arm does.
	Downloads []int `json:"maxConcurrentDownloads,omitempty"`
	Unpacks   []int `json:"maxConcurrentUnpacks,omitempty"`
	// DropPageCache is as of an arm.
	DropPageCache []bool `json:"dropPageCache,omitempty"`
}

// size is how many arms there are; more than mostArms need not be exact.
func (g *Grid) size() int {
	n := len(g.Images) + len(g.Together)
	for _, list := range []int{len(g.Nodes), len(g.Keep), len(g.Links), len(g.Downloads), len(g.Unpacks), len(g.DropPageCache)} {
		if n *= max(list, 1); n > mostArms {
			return mostArms + 1
		}
	}
	return n
}

// validate reports conditions that cannot be; known refuses images.
func (g *Grid) validate(known func(string) error) error {
	if len(g.Images)+len(g.Together) == 0 {
		return document.At("images", "a grid needs something to start: list images, or lists of them under together")
	}
	nodes := 1
	for i, n := range g.Nodes {
		if n < 1 || n > MostNodes {
			return document.At(fmt.Sprintf("nodes[%d]", i), "%d nodes cannot be: give 1 to %d", n, MostNodes)
		}
		nodes = max(nodes, n)
	}
	for i, group := range g.groups() {
		at := fmt.Sprintf("images[%d]", i)
		if i >= len(g.Images) {
			at = fmt.Sprintf("together[%d]", i-len(g.Images))
		}
		switch {
		case len(group) == 0:
			return document.At(at, "no images are started together: list some")
		case len(group) > mostStarts/nodes:
			return document.At(at, "%d images together on %d nodes are more than the %d starts that an arm may have: list fewer images or fewer nodes", len(group), nodes, mostStarts)
		}
		for _, ref := range group {
			if err := known(ref); err != nil {
				return document.At(at, "%v", err)
			}
		}
	}
	if err := g.validateKeep(known); err != nil {
		return err
	}
	for i := range g.Links {
		if err := g.Links[i].check(); err != nil {
			return document.Under(fmt.Sprintf("links[%d]", i), err)
		}
	}
	for i, n := range g.Downloads {
		if err := checkAtOnce(fmt.Sprintf("maxConcurrentDownloads[%d]", i), n); err != nil {
			return err
		}
	}
	for i, n := range g.Unpacks {
		if err := checkAtOnce(fmt.Sprintf("maxConcurrentUnpacks[%d]", i), n); err != nil {
			return err
		}
	}
	return nil
}

func (g *Grid) validateKeep(known func(string) error) error {
	for i, keep := range g.Keep {
		if keep != KeepNothing && keep != KeepBase && keep != KeepItself {
			return document.At(fmt.Sprintf("keep[%d]", i), "%q is none of nothing, base, itself", keep)
		}
	}
	if err := checkNames("base", g.Base); err != nil {
		return err
	}
	for i, ref := range g.Base {
		if err := known(ref); err != nil {
			return document.At(fmt.Sprintf("base[%d]", i), "%v", err)
		}
	}
	if uses := slices.Contains(g.Keep, KeepBase); uses != (len(g.Base) > 0) {
		return document.At("base", "keep: [base] and the images that it stands for go together: give both or neither")
	}
	return nil
}

// groups are what is started on a node.
func (g *Grid) groups() [][]string {
	groups := make([][]string, 0, len(g.Images)+len(g.Together))
	for _, ref := range g.Images {
		groups = append(groups, []string{ref})
	}
	return append(groups, g.Together...)
}

// A setting is one value of one condition, with the word for it in an arm's name.
type setting struct {
	word string
	set  func(*Arm)
}

// arms are the combinations: what is started varies slowest, then each condition
// in the order of the fields. Names hold the conditions that the grid lists.
func (g *Grid) arms() []Arm {
	var arms []Arm
	short := shortener(g.groups())
	for _, group := range g.groups() {
		a := Arm{Name: g.Name}
		var words []string
		for _, ref := range group {
			a.Starts = append(a.Starts, Start{Image: ref})
			words = append(words, short(ref))
		}
		a.call(strings.Join(words, "+"))
		arms = append(arms, a)
	}
	for _, condition := range g.conditions() {
		if len(condition) == 0 {
			continue
		}
		var more []Arm
		for _, a := range arms {
			for _, s := range condition {
				varied := a
				varied.call(s.word)
				s.set(&varied)
				more = append(more, varied)
			}
		}
		arms = more
	}
	return arms
}

// call adds a word to an arm's name.
func (a *Arm) call(word string) {
	if a.Name != "" {
		a.Name += " "
	}
	a.Name += word
}

func (g *Grid) conditions() [][]setting {
	return [][]setting{
		settings("nodes", g.Nodes, strconv.Itoa, func(a *Arm, n int) {
			one := a.Starts
			a.Starts = nil
			for node := range n {
				for _, s := range one {
					s.Node = node
					a.Starts = append(a.Starts, s)
				}
			}
		}),
		settings("keep", g.Keep, func(s string) string { return s }, func(a *Arm, keep string) { a.Keep = g.kept(a, keep) }),
		settings("link", g.Links, Link.String, func(a *Arm, l Link) { a.Link = &l }),
		settings("downloads", g.Downloads, strconv.Itoa, func(a *Arm, n int) { a.MaxConcurrentDownloads = n }),
		settings("unpacks", g.Unpacks, strconv.Itoa, func(a *Arm, n int) { a.MaxConcurrentUnpacks = n }),
		settings("page-cache", g.DropPageCache, pageCacheWord, func(a *Arm, drop bool) { a.DropPageCache = drop }),
	}
}

func settings[T any](key string, values []T, word func(T) string, set func(*Arm, T)) []setting {
	list := make([]setting, 0, len(values))
	for _, v := range values {
		list = append(list, setting{key + "=" + word(v), func(a *Arm) { set(a, v) }})
	}
	return list
}

func pageCacheWord(drop bool) string {
	if drop {
		return "dropped"
	}
	return "warm"
}

// kept are the references that an arm keeps.
func (g *Grid) kept(a *Arm, keep string) []string {
	switch keep {
	case KeepBase:
		return slices.Clone(g.Base)
	case KeepItself:
		var refs []string
		for _, s := range a.Starts {
			if !slices.Contains(refs, s.Image) {
				refs = append(refs, s.Image)
			}
		}
		return refs
	}
	return nil
}

// String is "200Mbit/s" or "200Mbit/s+20ms".
func (l Link) String() string {
	text := "unlimited"
	if l.Rate != network.Unlimited {
		text = strconv.FormatFloat(math.Round(float64(l.Rate)*8)/1e6, 'f', -1, 64) + "Mbit/s"
	}
	if l.Delay > 0 {
		text += "+" + l.Delay.String()
	}
	return text
}

// shortener leaves the registry out of references where all have the same.
func shortener(groups [][]string) func(string) string {
	registry, same := "", true
	for _, group := range groups {
		for _, ref := range group {
			host, _, _ := strings.Cut(ref, "/")
			if n, err := layers.ParseName(ref); err != nil || n.Registry != host || registry != "" && registry != host {
				same = false
			}
			registry = host
		}
	}
	return func(ref string) string {
		if same {
			return strings.TrimPrefix(ref, registry+"/")
		}
		return ref
	}
}
