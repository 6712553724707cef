package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// place tells where the apps of pods run, and of those on nodes how many of their
// starts pull, as far as events tell it.
func (i *Importer) place(in *Imported) {
	if len(i.pulls.pods) == 0 {
		return
	}
	b := i.pulls.builder(PullOptions{})
	h := b.history()
	byName := map[string]*App{}
	for n := range h.Workload.Apps {
		byName[h.Workload.Apps[n].Name] = &h.Workload.Apps[n]
	}
	unseen := b.unseenNodes()
	split := b.split(in, unseen, h.Pulls)
	var waiting []string
	for n := range in.Workload.Apps {
		app := &in.Workload.Apps[n]
		told := byName[app.Name]
		if told == nil {
			continue
		}
		app.Ready, app.NodePool, app.PulledFraction = told.Ready, told.NodePool, told.PulledFraction
		node, place := b.newestPlace(app.Name)
		if slices.Contains(split.own, app.Name) {
			app.NodePool, app.PulledFraction = "", nil
			node, place = "", "pod"
		}
		switch {
		case app.NodePool != "":
			in.OnNodes++
		case node != "":
			app.NodePool, app.PulledFraction = unseen.Name, pulledFraction(h.Pulls, app.Name)
			in.OnNodes++
		case place != "":
			in.Virtual = append(in.Virtual, app.Name)
		default:
			waiting = append(waiting, app.Name)
		}
	}
	for n := range in.Workload.Apps {
		if app := &in.Workload.Apps[n]; slices.Contains(split.pooled, app.Name) {
			in.OnNodes++
		}
	}
	in.Runtimes, in.Ages = h.Runtimes, b.ages
	in.WithoutAutomatic = b.withoutAutoCache(in.Virtual)
	for n := range in.Workload.Apps {
		if app := &in.Workload.Apps[n]; slices.Contains(in.Virtual, app.Name) {
			app.AsksAutomatic = new(!slices.Contains(in.WithoutAutomatic, app.Name))
		}
	}
	in.Workload.NodePools = h.Workload.NodePools
	if unseen != nil {
		in.Workload.NodePools = append(in.Workload.NodePools, *unseen)
	}
	in.Workload.dropUnusedPools()
	in.PulledLives = in.Workload.pulledLives(h.Pulls)
	in.placed = placement{unseen: unseen, waiting: waiting, events: i.pulls.eventCount > 0, split: split.words}
	in.Notes = in.notes()
}

// placement is what is noted of where apps run besides what an Imported tells.
type placement struct {
	// unseen is the pool of nodes that the input lacks; nil where there is none.
	unseen *NodePool
	// waiting are the apps of which no pod has a node yet.
	waiting []string
	// split are the apps whose pods are on both sides, with how many.
	split  []string
	events bool
}

// splitApps are apps whose pods run both on nodes and as instances of their own.
type splitApps struct {
	// own are the names of their parts on instances, pooled of those on nodes.
	own, pooled []string
	// words say how many pods are where.
	words []string
}

// split makes two apps of one whose pods run both on nodes and on virtual nodes, as where
// a cluster overflows to ECI: each side gets its share of the starts, by the pods. The
// part on instances keeps the name.
func (b *historyBuilder) split(in *Imported, unseen *NodePool, pulls []Pull) (split splitApps) {
	_, poolOf := b.nodePools()
	var apps []App
	var origins []Origin
	for n, app := range in.Workload.Apps {
		origin := in.Origins[n]
		virtual, onNodes := 0, 0
		var newest *pullPod // on a node
		newestNode := ""
		for _, p := range b.podsOf[app.Name] {
			switch node, place := b.placeOf(b.keyOf(p.key), p); {
			case node != "":
				onNodes++
				if newest == nil || p.created.After(newest.created) {
					newest, newestNode = p, node
				}
			case place != "":
				virtual++
			}
		}
		if virtual == 0 || onNodes == 0 || origin.Pods == 0 {
			apps, origins = append(apps, app), append(origins, origin)
			continue
		}
		pods := virtual + onNodes
		side := func(n int, where string) (App, Origin) {
			a, o := app, origin
			a.StartsPerDay, o.Pods = threeDigits(app.StartsPerDay*float64(n)/float64(pods)), n
			o.StartsPerDay = fmt.Sprintf("the share of %d of %d pods, which run on %s: %s", n, pods, where, origin.StartsPerDay)
			return a, o
		}
		own, ownOrigin := side(virtual, "virtual nodes")
		pooled, pooledOrigin := side(onNodes, "nodes")
		pooled.Name += ownNodes
		if pooled.NodePool = poolOf[newestNode]; pooled.NodePool == "" && unseen != nil {
			pooled.NodePool = unseen.Name
		}
		pooled.PulledFraction = pulledFraction(slices.DeleteFunc(slices.Clone(pulls), func(p Pull) bool { return p.Node == "" }), app.Name)
		apps, origins = append(apps, own, pooled), append(origins, ownOrigin, pooledOrigin)
		split.own, split.pooled = append(split.own, own.Name), append(split.pooled, pooled.Name)
		split.words = append(split.words, fmt.Sprintf("%s (%d of %d pods on virtual nodes, %d on nodes: %s)", app.Name, virtual, pods, onNodes, pooled.Name))
	}
	in.Workload.Apps, in.Origins = apps, origins
	return split
}

// ownNodes ends the name of the part of an app that runs on nodes, where another runs as
// instances.
const ownNodes = "/nodes"

// Only keeps the apps that are wanted, with the pools that they run on.
func (w *Workload) Only(want func(*App) bool) {
	w.Apps = slices.DeleteFunc(w.Apps, func(a App) bool { return !want(&a) })
	w.dropUnusedPools()
}

// dropUnusedPools takes out the pools that no app runs on.
func (w *Workload) dropUnusedPools() {
	w.NodePools = slices.DeleteFunc(w.NodePools, func(p NodePool) bool {
		return !slices.ContainsFunc(w.Apps, func(a App) bool { return a.NodePool == p.Name })
	})
	if len(w.NodePools) == 0 {
		w.NodePools = nil
	}
}

// newestPlace is where the newest pod of an app is, as placeOf tells it.
func (b *historyBuilder) newestPlace(app string) (node, place string) {
	for _, a := range b.apps {
		if a.name != app {
			continue
		}
		for _, p := range b.podsOf[app] {
			if p.podRecord == a.newest() {
				return b.placeOf(b.keyOf(p.key), p)
			}
		}
	}
	return "", ""
}

// unseenNodes is a pool of the nodes that pods are on and the input lacks, or whose pool
// is too large to be one; nil where there are none.
func (b *historyBuilder) unseenNodes() *NodePool {
	_, poolOf := b.nodePools()
	nodes := map[string]bool{}
	for key, p := range b.importer.pods {
		if node, _ := b.placeOf(key, p); node != "" && poolOf[node] == "" {
			nodes[node] = true
		}
	}
	if len(nodes) == 0 {
		return nil
	}
	name := defaultPool
	if slices.Contains(slices.Collect(maps.Values(poolOf)), name) {
		name = "other-" + name
	}
	return &NodePool{Name: name, Platform: unseenPlatform, Count: min(len(nodes), maxPoolNodes)}
}

// unseenPlatform stands in for the platform of nodes that are not in the input.
const unseenPlatform = "linux/amd64"

// autoCache is the annotation by which a pod on ECI asks for automatic image caches
// (Alibaba Cloud, "Use image caches to accelerate the creation of pods").
const autoCache = "k8s.aliyun.com/eci-image-cache"

// placeNotes say what was assumed of where apps run.
func placeNotes(in *Imported) []string {
	var texts []string
	unseen, waiting := in.placed.unseen, in.placed.waiting
	isUnseen := func(p NodePool) bool { return p.Name == unseen.Name }
	if unseen != nil && len(in.Virtual) == 0 && slices.ContainsFunc(in.Workload.NodePools, isUnseen) {
		texts = append(texts, fmt.Sprintf("pods run on %s that the input lacks: %s is assumed, and no limit to what they have room for: kubectl get pods,events,nodes -A -o json tells it", count(unseen.Count, "node"), unseenPlatform))
	}
	if platforms := poolPlatforms(in.Workload.NodePools); len(platforms) > 1 {
		texts = append(texts, "nodes are of several platforms, and images are looked up for each: "+strings.Join(platforms, ", "))
	}
	if len(waiting) > 0 && in.OnNodes > 0 {
		texts = append(texts, fmt.Sprintf("no pod has a node yet, so that each start is taken for an instance of its own: name the nodePool: %s", few(waiting)))
	}
	if split := in.placed.split; len(split) > 0 {
		texts = append(texts, "pods of one app run on nodes and on virtual nodes: it is two apps, each with its share of the starts: "+few(split))
	}
	if off := in.WithoutAutomatic; len(off) > 0 {
		texts = append(texts, fmt.Sprintf("the pods on virtual nodes do not all ask for automatic caches (annotation %s: \"true\"): unless the cluster's eci-profile does, compare with baseline: cold: %s", autoCache, few(off)))
	}
	return texts
}

// withoutAutoCache are those of the apps whose newest pod does not ask for automatic
// caches.
func (b *historyBuilder) withoutAutoCache(apps []string) []string {
	var off []string
	for _, a := range b.apps {
		if slices.Contains(apps, a.name) && !a.newest().autoCache {
			off = append(off, a.name)
		}
	}
	return off
}

func poolPlatforms(pools []NodePool) []string {
	var platforms []string
	for _, p := range pools {
		platforms = append(platforms, p.Platform)
	}
	slices.Sort(platforms)
	return slices.Compact(platforms)
}
