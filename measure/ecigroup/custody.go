package ecigroup

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
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
	// log is told what happens, warn what nobody may miss, tell what keeps somebody waiting.
	log, warn, tell func(format string, args ...any)
	// key is the fingerprint of the access key.
	key string
	// wide: lists are read whole, and not by a filter of tags, which is to be relied on
	// where there is nothing besides.
	wide bool
	// trusted: somebody says that this account is the run's.
	trusted bool

	mu sync.Mutex
	// seen are the names that were in a list, settled the groups of which no automatic
	// cache is still to come.
	seen, settled map[string]bool
	// deleted are the IDs of what was deleted and is not told yet, for its helper is there.
	deleted map[string]bool
	// proven are the keys of which something was in a list here: they are of this account.
	proven map[string]bool
	// until is until when the tags of what is here say that the run may be under way.
	until time.Time
}

// newCustody opens the journal of a run for what a client makes and deletes.
func newCustody(ctx context.Context, client *eci.Client, dir, run string, o *Options) (*custody, error) {
	return custodyOf(ctx, client, dir, run, o, openJournal)
}

// holdCustody is newCustody for who only looks, until the journal is kept.
func holdCustody(ctx context.Context, client *eci.Client, dir, run string, o *Options) (*custody, error) {
	return custodyOf(ctx, client, dir, run, o, holdJournal)
}

func custodyOf(ctx context.Context, client *eci.Client, dir, run string, o *Options, open func(dir, run string, now time.Time) (*journal, error)) (*custody, error) {
	key, err := client.KeyFingerprint(ctx, run)
	if err != nil {
		return nil, err
	}
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole // it is told to who may be elsewhere
	}
	j, err := open(dir, run, o.Now())
	if err != nil {
		return nil, err
	}
	j.hook = o.hook
	return &custody{
		client: client, journal: j, run: run, poll: o.Poll, now: o.Now, sleep: o.Sleep, log: o.Log, warn: o.Warn, tell: o.Log, key: key,
		seen: map[string]bool{}, settled: map[string]bool{}, proven: map[string]bool{}, deleted: map[string]bool{},
	}, nil
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
		r.Token, r.Name, r.key = token, "cb-"+c.run+"-"+token[:12], c.key
		entries[i] = c.entry(wroteAsk, r)
	}
	return c.journal.write(true, entries...)
}

// note writes what became of a resource. It need not be on the disk at once: the tag
// finds what a lost line would have said, but for the ID of a group that may cause an
// automatic cache, and for the group that makes a cache: nothing tells of either once the
// group, or the cache, is deleted.
func (c *custody) note(what string, r resource) error {
	return c.journal.write(what == wroteMade && (r.Automatic || r.Helper != ""), c.entry(what, &r))
}

// entry is what a line says of a resource. One that is, or may be, there stands with where
// that is and whose: the line of the run's beginning may be lost.
func (c *custody) entry(what string, r *resource) entry {
	e := entry{At: c.now().UTC(), What: what, Key: cmp.Or(r.key, c.key), resource: *r}
	if what == wroteAsk || what == wroteMade {
		e.Region, e.Endpoint = c.client.RegionID(), c.client.Endpoint()
	}
	return e
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
	fault := c.named(ctx, r)
	switch {
	case fault != nil:
		return errors.Join(err, fault)
	case r.ID == "":
		return err // it may yet appear: it stays open until the end looks for it
	}
	return c.note(wroteMade, *r)
}

// named looks for a resource by its name, which no other has, and takes its ID, and that
// of the group that makes it.
func (c *custody) named(ctx context.Context, r *resource) error {
	if r.Kind == Cache {
		for cache, err := range c.client.ImageCaches(ctx, eci.ImageCacheQuery{Name: r.Name}) {
			if err != nil {
				return err
			}
			if cache.Name == r.Name {
				r.ID, r.Helper = cache.ID, helperOf(&cache)
				return nil
			}
		}
		return nil
	}
	for group, err := range c.client.ContainerGroups(ctx, eci.ContainerGroupQuery{Name: r.Name}) {
		if err != nil {
			return err
		}
		if group.Name == r.Name {
			r.ID = group.ID
			return nil
		}
	}
	return nil
}

// tags are those that all of the run's resources have.
func (c *custody) tags() []eci.Tag { return []eci.Tag{{Key: TagRun, Value: c.run}} }

// mine says whether something of a list is the run's: by its tag, or by its name, for
// neither that a filter holds nor that a list tells tags was ever tried.
func (c *custody) mine(name string, tags []eci.Tag) bool {
	return slices.Contains(tags, c.tags()[0]) || strings.HasPrefix(name, "cb-"+c.run+"-")
}

// causeOf is the group that an automatic cache is of (eci §1.2); false is none of these.
func causeOf(cache *eci.ImageCache, groups []cause) (cause, bool) {
	id, automatic := cache.Automatic()
	i := slices.IndexFunc(groups, func(g cause) bool {
		return g.id == id || cache.ContainerGroupID != "" && g.id == cache.ContainerGroupID
	})
	if !automatic || i < 0 {
		return cause{}, false
	}
	return groups[i], true
}
