package ecigroup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cachebench/cachebench/eci"
)

// late is how long after it was asked for what was made may still be in no list, and not
// be found to be deleted. How long it can be is not documented; it is seconds elsewhere.
const late = time.Minute

// errNotKnownYet is of what is not found although it was just made.
var errNotKnownYet = errors.New("it was just made, and is not known everywhere yet")

// remove deletes resources, some at once. It returns those that it deleted, which are
// not those that were gone before, and those that it could not.
func (c *custody) remove(ctx context.Context, list []resource) (removed []resource, left []Left) {
	var mu sync.Mutex
	each(list, func(r *resource) {
		was, err := c.removeOne(ctx, r)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			left = append(left, Left{r.Kind, r.ID, r.Name, err})
		case was:
			removed = append(removed, *r)
		}
	})
	return removed, left
}

func (c *custody) removeOne(ctx context.Context, r *resource) (was bool, err error) {
	if r.Kind == Cache {
		err = c.client.DeleteImageCache(ctx, r.ID, "")
	} else {
		err = c.client.DeleteContainerGroup(ctx, eci.ContainerGroupDeletion{ID: r.ID, Force: true})
	}
	switch {
	case err == nil:
		c.foreign.Store(false)
	case !errors.Is(err, eci.ErrNotFound):
		return false, err
	case c.foreign.Load():
		return false, errUnknownHere
	case !r.at.IsZero() && c.now().Sub(r.at) < late:
		return false, fmt.Errorf("%w: %w", errNotKnownYet, err)
	}
	return err == nil, c.note(wroteGone, *r)
}

// each calls do for all, atOnce at a time, and waits. What panics in one panics in the
// caller, once the others have ended.
func each[T any](list []T, do func(*T)) {
	slots := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	var once sync.Once
	var panicked any
	for i := range list {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					once.Do(func() { panicked = p })
				}
				<-slots
			}()
			do(&list[i])
		})
	}
	wait.Wait()
	if panicked != nil {
		panic(panicked)
	}
}

// removeAll deletes all that the journal and the service know of the run, again and
// again until nothing is left, and then the automatic caches that it caused: as long as
// there are groups there may be more of them. What may show only later is waited for.
func (c *custody) removeAll(ctx context.Context) ([]resource, error) {
	var removed []resource
	var left []Left
	begun := c.now()
	for try := 1; ; try++ {
		list, err := c.existing(ctx)
		gone, kept := c.remove(ctx, list)
		removed, left = append(removed, gone...), kept
		if err != nil {
			left = append(left, Left{Kind: "and", Name: "what else has the tag " + TagRun, Err: err})
		}
		waits := len(c.mayShow(begun)) > 0
		if len(left) == 0 && len(list) == 0 && !waits {
			return removed, nil
		}
		if len(left) > 0 {
			c.warn("%d resources are not deleted yet, the first %s %s: %v", len(left), left[0].Kind, left[0].name(), left[0].Err)
		}
		if again := try < removals || try < patience && notYet(left); !again && !waits {
			break
		}
		pause := time.Duration(min(try, removals)) * c.poll
		if waits {
			pause = max(pause, late/12)
		}
		if err := c.sleep(ctx, pause); err != nil {
			left = append(left, c.mayShow(begun)...)
			break
		}
	}
	if len(left) > 0 {
		return removed, &LeftError{c.run, c.client.RegionID(), c.client.Endpoint(), c.journal.dir(), left}
	}
	return removed, nil
}

// mayShow is what may be there although no list has it yet: what was asked for without
// an answer, and the automatic caches of groups that were just made. After looking for
// long enough it is nothing: then it was not made.
func (c *custody) mayShow(begun time.Time) (may []Left) {
	now := c.now()
	if now.Sub(begun) >= late {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.journal.resources() {
		if r.ID == "" && !c.seen[r.Name] {
			may = append(may, Left{Kind: r.Kind, Name: r.Name, Err: errMayExist})
		}
	}
	for _, g := range c.journal.causes() {
		if now.Sub(g.at) < late && !c.settled[g.id] {
			may = append(may, Left{Kind: Cache, Name: eci.AutomaticCachePrefix + g.id, Err: errMayExist})
		}
	}
	return may
}

// causedAll notes of a group that no automatic cache of it is still to come: it was
// started from a cache of all its images, which makes none (eci §1.10), or it has one.
func (c *custody) causedAll(group string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settled[group] = true
}

// existing are the resources of the run, groups first: those of the journal that have
// an ID, those that have the run's tag, and the automatic caches of its groups. What is
// known of is returned beside an error, too.
func (c *custody) existing(ctx context.Context) (list []resource, err error) {
	known := map[string]bool{}
	add := func(r resource) {
		if r.ID != "" && !known[r.ID] {
			known[r.ID] = true
			list = append(list, r)
		}
	}
	byName := map[string]resource{}
	for _, r := range c.journal.resources() {
		byName[r.Name] = r
		add(r)
	}
	var errs []error
	for g, err := range c.client.ContainerGroups(ctx, eci.ContainerGroupQuery{Tags: c.tags()}) {
		if err != nil {
			errs = append(errs, err)
			break
		}
		c.found(g.Name)
		if !slices.Contains(c.groups, g.ID) {
			c.groups = append(c.groups, g.ID)
		}
		if g.Status == eci.GroupTerminating {
			continue // it goes
		}
		r := byName[g.Name]
		add(resource{Kind: Group, Name: g.Name, ID: g.ID, Token: r.Token, Automatic: r.Automatic})
	}
	groups := slices.Concat(c.journal.automatics(), c.groups)
	for cache, err := range c.client.ImageCaches(ctx, eci.ImageCacheQuery{}) {
		if err != nil {
			errs = append(errs, err)
			break
		}
		tagged := slices.Contains(cache.Tags, c.tags()[0])
		if tagged {
			c.found(cache.Name)
		}
		if causedBy(&cache, groups) {
			id, _ := cache.Automatic()
			c.causedAll(id)
			tagged = true
		}
		if tagged {
			add(resource{Kind: Cache, Name: cache.Name, ID: cache.ID, Token: byName[cache.Name].Token})
		}
	}
	slices.SortStableFunc(list, func(x, y resource) int { return strings.Compare(x.Kind, y.Kind) })
	return list, errors.Join(errs...)
}

// found notes that something of the run is in a list, and so that this is its account.
func (c *custody) found(name string) {
	c.foreign.Store(false)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[name] = true
}
