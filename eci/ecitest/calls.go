package ecitest

import (
	"slices"
	"strconv"
	"time"

	"github.com/cachebench/cachebench/matcher"
)

// keptCalls is how many calls are kept in full: a soak needs flat memory.
const keptCalls = 10_000

// Call is one request that the server had.
type Call struct {
	Action string
	At     time.Time
	Region string
	// Effect says what the call did: the ID of what it made or ended; empty where it
	// only looked. That of a repeated client token begins with "repeated ".
	Effect string
	// Code is that of the refusal, empty for none. Lost says that the caller had no
	// whole answer.
	Code string
	Lost bool
	// Unknown are parameters that the action does not have, Malformed those whose
	// value is the text of a Go value, as the SDK's typed containers send them (eci
	// §0 point 2).
	Unknown, Malformed []string
}

type callLog struct {
	calls  []Call
	counts map[string]int
	made   map[string]int
}

func (l *callLog) add(c *call, refused *refusal, a answer) {
	logged := Call{Action: c.action, At: c.now, Region: c.region, Effect: c.effect, Lost: a.drop || a.hang || a.cut}
	if refused != nil {
		logged.Code = refused.code
	} else if !c.fault.unreached() {
		logged.Unknown, logged.Malformed = c.given.unknown(), c.given.malformed()
	}
	if l.counts == nil {
		l.counts = make(map[string]int)
	}
	l.counts[c.action]++
	if len(l.calls) >= 2*keptCalls {
		l.calls = slices.Delete(l.calls, 0, keptCalls)
	}
	l.calls = append(l.calls, logged)
}

// Calls are the latest requests, 10,000 at least, oldest first.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log.calls)
}

// Count is how many requests of an action the server had, refused ones too; of all
// actions for the empty one.
func (s *Server) Count(action string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if action != "" {
		return s.log.counts[action]
	}
	sum := 0
	for _, n := range s.log.counts {
		sum += n
	}
	return sum
}

// Created is how many resources an action has made, each counted once however
// often its client token was sent; automatic caches are those of
// "AutomaticImageCache".
func (s *Server) Created(action string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.made[action]
}

func (l *callLog) creates(action string) {
	if l.made == nil {
		l.made = make(map[string]int)
	}
	l.made[action]++
}

// Caches are the image caches now, in the order of their creation.
func (s *Server) Caches() []matcher.Cache {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opt.Clock.Now()
	s.settle(now)
	all := make([]matcher.Cache, 0, len(s.caches))
	for _, c := range s.caches {
		all = append(all, c.at(now, &s.images))
	}
	return all
}

// Copies are the numbers of regular and local snapshots that a cache was last asked to
// have, which no reply tells (eci §1.6); 0 is none stated.
func (s *Server) Copies(cacheID string) (standard, flash int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.caches {
		if c.id == cacheID {
			return c.standardCopies, c.flashCopies
		}
	}
	return 0, 0
}

// GroupState is a container group as a test looks at it.
type GroupState struct {
	ID, Name, Region, Status string
	// CacheID is the cache that it was made from.
	CacheID string
	Images  []string
	Tags    map[string]string
	// Created is when it was, Ready when its containers are; zero where they never
	// will be.
	Created, Ready time.Time
}

// Groups are the container groups that a caller could list now, in the order of
// their creation, helpers of caches not among them.
func (s *Server) Groups() []GroupState {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opt.Clock.Now()
	s.settle(now)
	var all []GroupState
	for _, g := range s.groups {
		if g.helps == nil {
			all = append(all, GroupState{
				ID: g.id, Name: g.name, Region: g.region, Status: g.status(now), CacheID: g.cacheID, Images: g.references(), Tags: g.tags.asMap(),
				Created: g.created, Ready: g.ready,
			})
		}
	}
	return all
}

// Leftovers name what is there and costs money or counts in a quota: caches of
// either kind, each with the helper instances that build it, which go with it, and groups
// that have not ended and that nobody has deleted.
func (s *Server) Leftovers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.opt.Clock.Now()
	s.settle(now)
	var left []string
	for _, c := range s.caches {
		line := "cache " + c.id + " " + strconv.Quote(c.name) + " " + c.status(now)
		for _, g := range s.groups {
			if g.helps == c && g.deleted.IsZero() {
				line += ", built by group " + g.id
			}
		}
		left = append(left, line)
	}
	for _, g := range s.groups {
		if g.helps == nil && g.deleted.IsZero() && !g.over(now) {
			left = append(left, "group "+g.id+" "+strconv.Quote(g.name)+" "+g.status(now))
		}
	}
	return left
}
