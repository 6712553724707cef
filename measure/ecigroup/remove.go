package ecigroup

import (
	"cmp"
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
		gone, err := c.removeOne(ctx, r)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			left = append(left, leftOf(r, err))
		case gone != nil:
			removed = append(removed, *gone)
		}
	})
	return removed, left
}

// removeOne deletes a resource, and returns it if it was there; of a cache that was not the
// group that makes it, if that was.
func (c *custody) removeOne(ctx context.Context, r *resource) (gone *resource, err error) {
	if c.foreign(r.key) {
		if err := c.isHere(ctx, r); err != nil {
			return nil, err
		}
	}
	c.noteHelper(r)
	if r.Kind == Cache {
		err = c.client.DeleteImageCache(ctx, r.ID, "")
	} else {
		err = c.client.DeleteContainerGroup(ctx, eci.ContainerGroupDeletion{ID: r.ID, Force: true})
	}
	var e *eci.Error
	if errors.As(err, &e) && e.Uncertain {
		c.known(r.Name) // not to be found then is to be gone
	}
	switch {
	case err == nil:
		c.known(r.Name)
		c.wasDeleted(r.ID)
	case !errors.Is(err, eci.ErrNotFound):
		return nil, err
	case !r.at.IsZero() && c.now().Sub(r.at) < late && !c.wasFound(r.Name):
		return nil, fmt.Errorf("%w: %w", errNotKnownYet, err)
	}
	if r.Helper != "" {
		helper := c.client.DeleteContainerGroup(ctx, eci.ContainerGroupDeletion{ID: r.Helper, Force: true})
		switch {
		case helper == nil:
			gone = &resource{Kind: Group, ID: r.Helper, Name: "the group that makes " + r.ID}
		case !errors.Is(helper, eci.ErrNotFound):
			return nil, &helperError{r.Helper, helper}
		}
	}
	if c.tookAway(r.ID) {
		gone = r
	}
	return gone, c.note(wroteGone, *r)
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
	begun, told := c.now(), false
	for try := 1; ; try++ {
		list, err := c.existing(ctx)
		gone, kept := c.remove(ctx, list)
		removed, left = append(removed, gone...), kept
		if err != nil {
			left = append(left, Left{Kind: "and", Name: "what else has the tag " + TagRun, Err: err})
		}
		may := c.mayShow(begun)
		waits := len(may) > 0
		if len(left) == 0 && len(list) == 0 && !waits {
			break
		}
		if waits && !told && len(left) == 0 && len(list) == 0 {
			told = true
			c.tell("waiting, for %v at most, for what is in no list yet: %s", late, may[0].what())
		}
		if len(left) > 0 {
			c.warn("not deleted yet: %s, the first %s %s: %v", resources(len(left)), left[0].Kind, left[0].name(), left[0].Err)
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
	for _, l := range c.unknownHere() {
		if !slices.ContainsFunc(left, func(o Left) bool { return o.ID == "" && o.Name == l.Name }) {
			left = append(left, l)
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
	known := map[string]int{}
	add := func(r resource) {
		i, there := known[r.ID]
		switch {
		case r.ID == "":
		case there:
			list[i].Helper = cmp.Or(list[i].Helper, r.Helper)
		default:
			known[r.ID] = len(list)
			list = append(list, r)
		}
	}
	byName := map[string]resource{}
	for _, r := range c.journal.resources() {
		byName[r.Name] = r
		add(r)
	}
	var errs []error
	query := eci.ContainerGroupQuery{Tags: c.tags()}
	if c.wide {
		query.Tags = nil
	}
	for g, err := range c.client.ContainerGroups(ctx, query) {
		if err != nil {
			errs = append(errs, err)
			break
		}
		if _, past := c.journal.knows(g.ID); !past && !c.mine(g.Name, g.Tags) {
			continue
		}
		c.found(g.Name, g.Tags)
		r, err := c.adopt(&g, byName[g.Name])
		if err != nil {
			errs = append(errs, err)
		}
		if g.Status != eci.GroupTerminating { // that goes
			add(r)
		}
	}
	groups := c.journal.causes()
	for cache, err := range c.client.ImageCaches(ctx, eci.ImageCacheQuery{}) {
		if err != nil {
			errs = append(errs, err)
			break
		}
		mine := c.mine(cache.Name, cache.Tags)
		if mine {
			c.found(cache.Name, cache.Tags)
			if r, journaled := byName[cache.Name]; journaled {
				c.prove(r.key)
			}
		}
		if group, caused := causeOf(&cache, groups); caused {
			c.causedAll(group.id)
			c.prove(group.key)
			mine = true
		}
		if mine {
			r := byName[cache.Name]
			add(resource{Kind: Cache, Name: cache.Name, ID: cache.ID, Token: cmp.Or(r.Token, cache.ID), Making: r.Making, Helper: helperOf(&cache), key: c.keyOf(r)})
		}
	}
	slices.SortStableFunc(list, func(x, y resource) int { return strings.Compare(x.Kind, y.Kind) })
	return list, errors.Join(errs...)
}

// adopt notes the ID of a group that was found by its tag, before it is deleted: once it
// is nothing else tells which automatic cache it caused. One that the journal does not
// know may be an automatic one.
func (c *custody) adopt(g *eci.ContainerGroup, known resource) (resource, error) {
	r := resource{Kind: Group, Name: g.Name, ID: g.ID, Token: known.Token, Automatic: known.Automatic, key: c.keyOf(known)}
	key, past := c.journal.knows(g.ID)
	if known.Name != "" || past {
		c.prove(cmp.Or(known.key, key))
	}
	if known.ID != "" || past {
		r.at = known.at
		return r, nil
	}
	if r.Token == "" {
		r.Token, r.Automatic = g.ID, true
	}
	err := c.note(wroteMade, r)
	if err == nil && g.Status == eci.GroupTerminating {
		err = c.note(wroteGone, r)
	}
	return r, err
}

// keyOf is the key that what is in a list here was made with, as far as anybody knows: this
// one sees it, too.
func (c *custody) keyOf(known resource) string {
	if known.key == "" || known.key == keyUnknown {
		return c.key
	}
	return known.key
}

// wasFound says whether something of a name was in a list, or was deleted.
func (c *custody) wasFound(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[name]
}

// found notes that something of the run is in a list, and until when its tags say that the
// run may be under way.
func (c *custody) found(name string, tags []eci.Tag) {
	c.known(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until = latest(c.until, untilOf(tags))
}

// known notes that what has a name need not be waited for to be known.
func (c *custody) known(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[name] = true
}
