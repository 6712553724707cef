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

// The tags of all that a run makes.
const (
	// TagRun is the run's ID.
	TagRun = "cachebench-run"
	// TagUntil is until when the run may be under way, where nobody can look at its
	// journal's lock.
	TagUntil = "cachebench-until"
)

// atOnce is how many resources are made, or deleted, at once.
const atOnce = 16

// removals is how often the deletion of what is left is tried, each time by a client
// that retries by itself; patience how often where the service does not allow it yet, as
// it may not while a cache is made.
const (
	removals = 5
	patience = 40
)

// custody makes resources and deletes them: what it is about to make is in the journal
// before.
type custody struct {
	client  *eci.Client
	journal *journal
	run     string
	poll    time.Duration
	now     func() time.Time
	sleep   func(context.Context, time.Duration) error
	log     func(format string, args ...any)
	// groups are the run's that may have caused automatic caches, as far as the journal
	// does not know them: once they are deleted nothing else tells.
	groups []string
}

// Left is a resource that could not be deleted.
type Left struct {
	Kind, ID, Name string
	Err            error
}

// LeftError lists what is left behind and costs money.
type LeftError struct {
	Run, Region string
	Left        []Left
}

// Error names every resource with the command that removes it.
func (e *LeftError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d resources of run %s could not be deleted and may cost money; to remove them: cachebench measure eci --clean-up --region %s", len(e.Left), e.Run, e.Region)
	for _, l := range e.Left {
		fmt.Fprintf(&b, "\n  %s %s: %v\n    or: %s", l.Kind, l.name(), l.Err, l.command(e.Region))
	}
	return b.String()
}

// Unwrap are the reasons.
func (e *LeftError) Unwrap() []error {
	var errs []error
	for _, l := range e.Left {
		errs = append(errs, l.Err)
	}
	return errs
}

func (l *Left) name() string { return cmp.Or(l.ID, l.Name) }

// command deletes the resource by Alibaba's own program.
func (l *Left) command(region string) string {
	switch {
	case l.ID == "":
		return "look for " + l.Name + " in the console"
	case l.Kind == Cache:
		return "aliyun eci DeleteImageCache --RegionId " + region + " --ImageCacheId " + l.ID
	}
	return "aliyun eci DeleteContainerGroup --RegionId " + region + " --ContainerGroupId " + l.ID
}

// begin notes that the run begins, or goes on.
func (c *custody) begin() error {
	return c.journal.write(true, entry{At: c.now().UTC(), What: wroteBegin, Region: c.client.RegionID(), Endpoint: c.client.Endpoint()})
}

// ask notes what is about to be made, and gives each its token and its name.
func (c *custody) ask(wanted ...*resource) error {
	if len(wanted) == 0 {
		return nil
	}
	entries := make([]entry, len(wanted))
	for i, r := range wanted {
		token, err := c.client.NewClientToken()
		if err != nil {
			return err
		}
		r.Token, r.Name = token, "cb-"+c.run+"-"+token[:12]
		entries[i] = entry{At: c.now().UTC(), What: wroteAsk, resource: *r}
	}
	return c.journal.write(true, entries...)
}

// note writes what became of a resource. It need not be on the disk at once: the tag
// finds what a lost line would have said.
func (c *custody) note(what string, r resource) error {
	return c.journal.write(false, entry{At: c.now().UTC(), What: what, resource: r})
}

// made settles the answer to a request to make something. Where it is not known whether
// it took effect, the resource is looked for by its name.
func (c *custody) made(ctx context.Context, r *resource, id string, err error) error {
	if err == nil {
		r.ID = id
		return c.note(wroteMade, *r)
	}
	var e *eci.Error
	uncertain := !errors.As(err, &e) || e.Uncertain || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	if !uncertain {
		return errors.Join(err, c.note(wroteNone, *r))
	}
	if ctx.Err() != nil {
		return err // the end of the run looks for it
	}
	found, fault := c.named(ctx, r)
	switch {
	case fault != nil:
		return errors.Join(err, fault)
	case found == "":
		return err // it may yet appear: it stays open until the end looks for it
	}
	r.ID = found
	return c.note(wroteMade, *r)
}

// named looks for a resource by its name, which no other has.
func (c *custody) named(ctx context.Context, r *resource) (id string, err error) {
	if r.Kind == Cache {
		for cache, err := range c.client.ImageCaches(ctx, eci.ImageCacheQuery{Name: r.Name, Tags: c.tags()}) {
			if err != nil {
				return "", err
			}
			if cache.Name == r.Name {
				return cache.ID, nil
			}
		}
		return "", nil
	}
	for group, err := range c.client.ContainerGroups(ctx, eci.ContainerGroupQuery{Name: r.Name, Tags: c.tags()}) {
		if err != nil {
			return "", err
		}
		if group.Name == r.Name {
			return group.ID, nil
		}
	}
	return "", nil
}

// remove deletes resources, some at once, and returns those that it could not.
func (c *custody) remove(ctx context.Context, list []resource) []Left {
	var mu sync.Mutex
	var left []Left
	each(list, func(r *resource) {
		if err := c.removeOne(ctx, r); err != nil {
			mu.Lock()
			defer mu.Unlock()
			left = append(left, Left{r.Kind, r.ID, r.Name, err})
		}
	})
	return left
}

func (c *custody) removeOne(ctx context.Context, r *resource) error {
	var err error
	if r.Kind == Cache {
		err = c.client.DeleteImageCache(ctx, r.ID, "")
	} else {
		err = c.client.DeleteContainerGroup(ctx, eci.ContainerGroupDeletion{ID: r.ID, Force: true})
	}
	if err != nil && !errors.Is(err, eci.ErrNotFound) {
		return err
	}
	return c.note(wroteGone, *r)
}

// each calls do for all, atOnce at a time, and waits.
func each[T any](list []T, do func(*T)) {
	slots := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for i := range list {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			do(&list[i])
		})
	}
	wait.Wait()
}

// removeAll deletes all that the journal and the service know of the run, again and
// again until nothing is left, and then the automatic caches that it caused: as long as
// there are groups there may be more of them.
func (c *custody) removeAll(ctx context.Context) ([]resource, error) {
	var removed []resource
	var left []Left
	for try := 0; try < removals || try < patience && notYet(left); try++ {
		if try > 0 {
			if err := c.sleep(ctx, time.Duration(min(try, removals))*c.poll); err != nil {
				break
			}
		}
		list, unsure, err := c.existing(ctx)
		if err != nil {
			left = leftOf(list, err)
			continue
		}
		if left = nil; len(list) == 0 && (try > 0 || !unsure) {
			return removed, nil
		}
		left = c.remove(ctx, list)
		removed = append(removed, without(list, left)...)
		if len(left) > 0 {
			c.log("%d resources are not deleted yet, the first %s %s: %v", len(left), left[0].Kind, left[0].name(), left[0].Err)
		}
	}
	if len(left) > 0 {
		return removed, &LeftError{c.run, c.client.RegionID(), left}
	}
	return removed, nil
}

// notYet says whether all that is left is only not allowed to be deleted yet.
func notYet(left []Left) bool {
	return len(left) > 0 && !slices.ContainsFunc(left, func(l Left) bool {
		return !errors.Is(l.Err, eci.ErrIncorrectStatus) && !errors.Is(l.Err, eci.ErrConflict)
	})
}

// leftOf is what may be there when the service does not tell.
func leftOf(list []resource, err error) []Left {
	left := []Left{{Kind: "and", Name: "what else has the tag " + TagRun, Err: err}}
	for _, r := range list {
		left = append(left, Left{r.Kind, r.ID, r.Name, err})
	}
	return left
}

// without are the resources that are not left.
func without(list []resource, left []Left) []resource {
	return slices.DeleteFunc(slices.Clone(list), func(r resource) bool {
		return slices.ContainsFunc(left, func(l Left) bool { return l.ID == r.ID })
	})
}

// existing are the resources of the run, groups first: those of the journal that have
// an ID; where it has some without (unsure), also those that have the run's tag; and
// the automatic caches of its groups.
func (c *custody) existing(ctx context.Context) (list []resource, unsure bool, err error) {
	seen := map[string]bool{}
	add := func(r resource) {
		if r.ID != "" && !seen[r.ID] {
			seen[r.ID] = true
			list = append(list, r)
		}
	}
	byName := map[string]resource{}
	unsure = c.journal.suspect
	for _, r := range c.journal.resources() {
		byName[r.Name] = r
		unsure = unsure || r.ID == ""
		add(r)
	}
	if unsure {
		for g, err := range c.client.ContainerGroups(ctx, eci.ContainerGroupQuery{Tags: c.tags()}) {
			if err != nil {
				return list, unsure, err
			}
			if g.Status == eci.GroupTerminating {
				continue // it goes
			}
			r := byName[g.Name]
			if !slices.Contains(c.groups, g.ID) {
				c.groups = append(c.groups, g.ID)
			}
			add(resource{Kind: Group, Name: g.Name, ID: g.ID, Token: r.Token, Automatic: r.Automatic})
		}
	}
	groups := slices.Concat(c.journal.automatics(), c.groups)
	if !unsure && len(groups) == 0 {
		return list, unsure, nil
	}
	for cache, err := range c.client.ImageCaches(ctx, eci.ImageCacheQuery{}) {
		if err != nil {
			return list, unsure, err
		}
		if slices.Contains(cache.Tags, c.tags()[0]) || causedBy(&cache, groups) {
			add(resource{Kind: Cache, Name: cache.Name, ID: cache.ID, Token: byName[cache.Name].Token})
		}
	}
	slices.SortStableFunc(list, func(x, y resource) int { return strings.Compare(x.Kind, y.Kind) })
	return list, unsure, nil
}

// tags are those that all of the run's resources have.
func (c *custody) tags() []eci.Tag { return []eci.Tag{{Key: TagRun, Value: c.run}} }

// causedBy says whether a cache is an automatic one of a group (eci §1.2).
func causedBy(cache *eci.ImageCache, groups []string) bool {
	id, automatic := cache.Automatic()
	return automatic && (slices.Contains(groups, id) || cache.ContainerGroupID != "" && slices.Contains(groups, cache.ContainerGroupID))
}
