package ecigroup

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
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
	// log is told what happens, warn what nobody may miss.
	log, warn func(format string, args ...any)
	// key is the fingerprint of the access key; foreign says that the journal was written
	// with another one, and that nothing of it was found here yet.
	key     string
	foreign atomic.Bool

	mu sync.Mutex
	// seen are the names that were in a list, settled the groups of which no automatic
	// cache is still to come.
	seen, settled map[string]bool
}

// newCustody opens the journal of a run for what a client makes and deletes.
func newCustody(ctx context.Context, client *eci.Client, dir, run string, o *Options) (*custody, error) {
	key, err := client.KeyFingerprint(ctx, run)
	if err != nil {
		return nil, err
	}
	j, err := openJournal(dir, run, o.Now())
	if err != nil {
		return nil, err
	}
	j.hook = o.hook
	c := &custody{
		client: client, journal: j, run: run, poll: o.Poll, now: o.Now, sleep: o.Sleep, log: o.Log, warn: o.Warn, key: key,
		seen: map[string]bool{}, settled: map[string]bool{},
	}
	c.foreign.Store(j.key != "" && j.key != key)
	return c, nil
}

// begin notes that the run begins, or goes on.
func (c *custody) begin(until time.Time) error {
	return c.journal.write(true, entry{
		At: c.now().UTC(), What: wroteBegin, Region: c.client.RegionID(), Endpoint: c.client.Endpoint(), Key: c.key, Until: until.UTC(),
	})
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
// finds what a lost line would have said, but for the ID of a group that may cause an
// automatic cache, which tells no more once the group is deleted.
func (c *custody) note(what string, r resource) error {
	return c.journal.write(what == wroteMade && r.Automatic, entry{At: c.now().UTC(), What: what, resource: r})
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

// tags are those that all of the run's resources have.
func (c *custody) tags() []eci.Tag { return []eci.Tag{{Key: TagRun, Value: c.run}} }

// causedBy says whether a cache is an automatic one of a group (eci §1.2).
func causedBy(cache *eci.ImageCache, groups []string) bool {
	id, automatic := cache.Automatic()
	return automatic && (slices.Contains(groups, id) || cache.ContainerGroupID != "" && slices.Contains(groups, cache.ContainerGroupID))
}
