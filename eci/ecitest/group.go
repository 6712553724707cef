package ecitest

import (
	"slices"
	"time"
)

// group is a container group with its schedule.
type group struct {
	id, name, region, zone string
	securityGroup, vSwitch string
	resourceGroup, restart string
	instanceType           string
	cpu, memory            float64
	extraGiB               int
	tags                   tags
	containers             []*container // init containers first
	sequence               int
	address                int
	spot                   string
	// cacheID is the cache that it was made from.
	cacheID string
	// seen is from when on it is in lists and can be deleted (FaultUnlisted).
	created, seen time.Time
	// scheduled is when its instance is there, running when the last container is
	// started, ready when the program is; zero for never.
	scheduled, running, ready time.Time
	// ended is when all is over by itself, zero for never, and failed how. unscheduled
	// is when scheduling failed.
	ended, unscheduled time.Time
	failed             string
	// deleted is when its deletion was asked for, gone when it is.
	deleted, gone time.Time
	events        []event
	// helps is the cache that it makes, which it is a helper for, and making its
	// build.
	helps  *cache
	making *build
}

// How long an ended group is kept, and how many of a region beyond that; how long
// one that could not be scheduled (eci §3.1).
const (
	keptEnded       = time.Hour
	keptMore        = 100
	keptUnscheduled = 24 * time.Hour
)

// status is that of eci §3.1.
func (g *group) status(now time.Time) string {
	reached := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	switch {
	case reached(g.deleted):
		return "Terminating"
	case reached(g.unscheduled):
		return "ScheduleFailed"
	case reached(g.ended) && g.failed != "":
		return "Failed"
	case reached(g.ended):
		return "Succeeded"
	case !reached(g.scheduled):
		return "Scheduling"
	case reached(g.running):
		return "Running"
	}
	return "Pending"
}

// over says that it has ended by itself.
func (g *group) over(now time.Time) bool {
	ended := g.ended
	if !g.unscheduled.IsZero() {
		ended = g.unscheduled
	}
	return !ended.IsZero() && !now.Before(ended)
}

// settleGroups lets groups go: the deleted, helpers whose cache is made or gone,
// and those that ended long ago.
func (s *Server) settleGroups(now time.Time, next func(time.Time)) {
	ended := make(map[string]int)
	gone := make(map[*group]bool)
	for _, g := range slices.Backward(s.byEnd(now)) {
		kept := keptEnded
		if !g.unscheduled.IsZero() {
			kept = keptUnscheduled
		}
		until := later(g.ended, g.unscheduled).Add(kept)
		ended[g.region]++
		switch {
		case now.Before(until):
			next(until)
		case !g.unscheduled.IsZero() || ended[g.region] > keptMore:
			gone[g] = true
		}
	}
	s.groups = slices.DeleteFunc(s.groups, func(g *group) bool {
		switch {
		case g.helps != nil:
			gone[g] = g.helps.gone || g.making.over(now) || !g.gone.IsZero()
			next(g.making.done)
			next(g.making.usable)
		case !g.gone.IsZero():
			gone[g] = gone[g] || !now.Before(g.gone)
			next(g.gone)
		default:
			next(later(g.ended, g.unscheduled))
		}
		if gone[g] {
			delete(s.groupIDs, g.id)
		}
		return gone[g]
	})
}

// byEnd are the groups that have ended, in the order of their ends.
func (s *Server) byEnd(now time.Time) []*group {
	var list []*group
	for _, g := range s.groups {
		if g.over(now) {
			list = append(list, g)
		}
	}
	slices.SortStableFunc(list, func(x, y *group) int {
		return later(x.ended, x.unscheduled).Compare(later(y.ended, y.unscheduled))
	})
	return list
}

// help lists the helper instance of a build, as one whose deletion breaks the cache
// (eci §1.1).
func (s *Server) help(c *cache, b *build) {
	s.sequence++
	// 2 vCPU and 4 GiB (eci §1.2).
	g := &group{
		id: b.helper, name: "helper-of-" + c.id, region: c.region, zone: s.zonesOf(c.region)[0], restart: "Never", cpu: 2, memory: 4,
		created: b.begun, scheduled: b.creating, running: b.creating, ready: b.creating, helps: c, making: b, sequence: s.sequence,
	}
	s.keepGroup(g)
}

func (s *Server) keepGroup(g *group) {
	s.groups = append(s.groups, g)
	s.groupIDs[g.id] = g
	s.changed()
}

// usedVCPU is what the groups of a region have that have not ended, helpers' too.
func (s *Server) usedVCPU(region string, now time.Time) (sum float64) {
	for _, g := range s.groups {
		if g.region == region && g.deleted.IsZero() && !g.over(now) {
			sum += g.cpu
		}
	}
	return sum
}

// references are its images, init containers' first.
func (g *group) references() []string {
	var all []string
	for _, c := range g.containers {
		all = append(all, c.image)
	}
	return all
}
