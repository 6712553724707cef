package workload

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// poolBuilder makes node pools of what histories tell of nodes, and of the nodes that
// snapshots list.
type poolBuilder struct {
	*tallyBuilder
	// listed are the snapshots' pools, of tells the pool of each node in them.
	listed  []NodePool
	of      map[string]string
	virtual map[string]bool
	// poolsOf are the pools that the nodes of a stem are in, the largest first.
	poolsOf map[string][]string
}

// nodePools are the pools of the nodes that a history told of. Those that snapshots list go
// by the labels there. Of the others a pool is what names of two nodes or more have in
// common, and all else one.
func (p *poolBuilder) nodePools() []NodePool {
	n := &p.nodes
	stats := n.stats(p.from, p.to, func(name string) bool { return p.virtual[name] })
	p.poolsOf = map[string][]string{}
	size := map[string]int{}
	for _, l := range p.listed {
		size[l.Name] = l.Count
	}
	for name, pool := range p.of {
		stem := nodeStem(name)
		if !slices.Contains(p.poolsOf[stem], pool) {
			p.poolsOf[stem] = append(p.poolsOf[stem], pool)
		}
	}
	for _, pools := range p.poolsOf {
		slices.SortFunc(pools, func(a, b string) int { return cmp.Or(size[b]-size[a], strings.Compare(a, b)) })
	}
	isListed := func(name string) bool {
		return slices.ContainsFunc(p.listed, func(l NodePool) bool { return l.Name == name })
	}
	isPool := func(stem string) bool {
		return stem != "" && len(p.poolsOf[stem]) == 0 && stats[stem].nodes > 0 && len(n.groups[stem].names) > 1 && objectName.MatchString(stem) && !isListed(stem)
	}
	rest := defaultPool // of the nodes whose names tell no pool
	for i := 2; isListed(rest) || isPool(rest); i++ {
		rest = fmt.Sprintf("%s-%d", defaultPool, i)
	}
	unlisted := map[string]poolStats{}
	told := map[string]poolStats{}
	shared := map[string][]string{}
	for _, stem := range slices.Sorted(maps.Keys(stats)) {
		s := stats[stem]
		if s.nodes == 0 {
			continue
		}
		pools := p.poolsOf[stem]
		switch {
		case len(pools) == 0:
			name := stem
			if !isPool(stem) {
				name = rest
			}
			sum := unlisted[name]
			sum.add(s)
			unlisted[name] = sum
			p.poolsOf[stem] = []string{name}
		default:
			for _, pool := range pools {
				sum := told[pool]
				sum.add(s)
				told[pool] = sum
				if len(pools) > 1 {
					shared[pool] = append(shared[pool], strings.Join(pools, ", "))
				}
			}
		}
	}
	if len(p.listed) == 0 && len(unlisted) == 1 {
		for name, s := range unlisted { // all names begin alike, and tell nothing
			delete(unlisted, name)
			rest = defaultPool
			unlisted[rest] = s
			for stem := range p.poolsOf {
				p.poolsOf[stem] = []string{rest}
			}
		}
	}
	all, isNoted := slices.Clone(p.listed), map[string]bool{}
	for i := range all {
		if s, ok := told[all[i].Name]; ok {
			p.tell(&all[i], s)
			for _, with := range shared[all[i].Name] {
				if isNoted[with] {
					continue
				}
				isNoted[with] = true
				p.note("nodes of the pools %s are called alike, so that of those that are gone it is not known of which they were: lifetime and placement of each are those of all together", with)
			}
		}
	}
	return append(all, p.unlisted(unlisted, rest)...)
}

// unlisted are the pools that no snapshot lists; rest is that of the nodes whose names tell
// none.
func (p *poolBuilder) unlisted(stats map[string]poolStats, rest string) []NodePool {
	platform, from := unseenPlatform, "taken to be"
	if known := poolPlatforms(p.listed); len(known) == 1 {
		platform, from = known[0], "taken to be that of the nodes that are listed,"
	}
	watched := p.nodes.watched(p.from, p.to)
	var pools []NodePool
	for _, name := range slices.Sorted(maps.Keys(stats)) {
		s := stats[name]
		pool := NodePool{Name: name, Platform: platform, Count: s.mean(watched)}
		what := "all nodes that events name"
		if len(stats)+len(p.listed) > 1 {
			what = "the nodes that events name and no snapshot lists, whose names tell no pool"
			if name != rest {
				what = "the nodes whose names begin so"
			}
		}
		p.note("node pool %s is %s (%d), at a time as many as were there in the mean; its platform is %s %s; kubectl get nodes -o json tells pools by their labels, platforms and sizes", name, what, s.nodes, from, platform)
		p.tell(&pool, s)
		pools = append(pools, pool)
	}
	return pools
}

// tell gives a pool the lifetime and the placement that a history tells of.
func (p *poolBuilder) tell(pool *NodePool, s poolStats) {
	watched := time.Duration(p.nodes.watched(p.from, p.to)) * time.Second
	life, ok := s.lifetime()
	switch {
	case ok && life >= minLifetime:
		pool.LifetimeHours, pool.NewNodesPerDay = threeDigits(life.Hours()), 0
		if p.nodes.tellsGoing {
			p.note("lifetimeHours of node pool %s is the mean: how long its %s were there in %s, over the %d that events tell to have gone%s", pool.Name, count(s.nodes, "node"), SpellTime(watched), s.went, fewWent(s.went))
		} else {
			p.note("lifetimeHours of node pool %s is a lower bound of the mean: no event tells of nodes that go, so how long its %s were told of in %s, over the %d of which nothing more is told for two days and longer%s", pool.Name, count(s.nodes, "node"), SpellTime(watched), s.went, fewWent(s.went))
		}
	case watched > 0:
		p.note("no node of pool %s is told to have gone in %s, and the longest that one is told of is %s: they live longer than that, and without lifetimeHours are simulated as living for ever", pool.Name, SpellTime(watched), SpellTime(time.Duration(s.longest)*time.Second))
	default:
		p.note("lifetimeHours of node pool %s is unknown: no event tells of nodes that go, and the histories are too short to tell it by their silence", pool.Name)
	}
	p.placement(pool, s)
}

// fewWent qualifies a mean of few.
func fewWent(went int) string {
	if went < 10 {
		return ": few, so the mean is rough"
	}
	return ""
}

func (p *poolBuilder) placement(pool *NodePool, s poolStats) {
	if s.ranked < enoughRanks {
		return
	}
	if s.endless*2 > s.started {
		p.note("placement of node pool %s is not judged: of %s on it %d do not say how long they run (runtime_seconds of a trace), so that it is not known what ran on which node", pool.Name, count(s.started, "line"), s.endless)
		return
	}
	rank := s.ranks / float64(s.ranked)
	switch {
	case rank < 0.35:
		pool.Placement = "spread"
	case rank > 0.65 && (pool.CPU > 0 || pool.MemoryGiB > 0):
		pool.Placement = "pack"
	case rank > 0.65:
		p.note("starts went to nodes of pool %s that had more pods than %.0f %% of the others: placement is rather pack, which needs the pool's cpu or memoryGiB", pool.Name, rank*100)
		return
	default:
		p.note("starts went to nodes of pool %s that had more pods than %.0f %% of the others: neither spread nor pack", pool.Name, rank*100)
		return
	}
	p.note("placement of node pool %s: starts went to nodes that had more pods than %.0f %% of the others, of %s; they had %.1f pods in the mean", pool.Name, rank*100, count(s.ranked, "start"), s.pods/float64(s.ranked))
}

// poolOf is the pool of a node; guessed where its name is that of more than one.
func (p *poolBuilder) poolOf(node string) (pool string, guessed bool) {
	switch pools := p.poolsOf[nodeStem(node)]; {
	case node == "" || p.virtual[node]:
		return "", false
	case p.of[node] != "":
		return p.of[node], false
	case len(pools) > 0:
		return pools[0], len(pools) > 1
	}
	return "", false
}
