package matcher

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Errors of a Store, to be told apart with errors.Is.
var (
	// ErrQuota: the region has as many manual caches as it may, and none of them
	// may be evicted (eci §1.5: QuotaExceeded).
	ErrQuota = errors.New("QuotaExceeded")
	// ErrStatus: the cache's status does not allow it (eci §1.3:
	// ImageCache.IncorrectStatus).
	ErrStatus = errors.New("ImageCache.IncorrectStatus")
	// ErrNoCache: the store has no cache of that ID.
	ErrNoCache = errors.New("no such image cache")
	// ErrNoUpdate: nothing would change (eci §2.3: NoNeedUpdate).
	ErrNoUpdate = errors.New("NoNeedUpdate")
)

// Store is the image caches of one region as they evolve: made, built, matched,
// updated, gone stale by releases, expired and evicted. Times are since the
// Matcher's own time; they must not go back: an earlier one is taken as the last.
// A Store counts in its Matcher's memory, so it is not safe for concurrent use.
type Store struct {
	m      *Matcher
	opt    StoreOptions
	now    time.Duration
	caches []*stored
	byID   map[string]*stored
	// gone counts those in caches that are no longer there.
	gone   int
	groups []asker
	shapes shapes
	due    dueList
	// automatic and manual are in order of use; evictable are the manual caches
	// marked LRU.
	automatic, manual, evictable usage
	// making holds the automatic caches that are being built, by what of.
	making             map[makingKey]*stored
	tally              Tally
	numbered, sequence int
}

// StoreOptions say what a Store cannot know.
type StoreOptions struct {
	// BuildTime is how long a cache of these images takes until it is Ready, the
	// same for automatic caches (eci §6 #17); nil takes no time.
	BuildTime func(images []string, sizeGiB float64) time.Duration
	// NoAutomatic makes no automatic caches.
	NoAutomatic bool
	// NamedOnly says of a cache given that matching passes it over: a group gets it by
	// its CacheID alone. Nil means of none.
	NamedOnly func(cacheID string) bool
}

// Tally counts what happened in a Store.
type Tally struct {
	// Created counts caches begun, automatic and manual; Failed those of them that
	// could not be built.
	Created, Failed int
	// Expired ones ended their retention, Evicted ones made room at a quota,
	// Deleted ones were deleted by hand.
	Expired, Evicted, Deleted int
}

// Served is what one start found. Its slices are the Store's: they must not be
// changed.
type Served struct {
	// CacheID is the cache picked, empty when none; Automatic and SizeGiB are its.
	CacheID   string
	Automatic bool
	SizeGiB   float64
	// Images are the cache's references that mean what the start wants of them, or
	// that it uses as they are; Stale are the others, whose content is another
	// version's. Nothing is credited for those.
	Images, Stale []string
	// Full says that the cache holds by name every image that counts.
	Full bool
	// Hit is by unpacked layers present.
	Hit Hit
	// Made is the automatic cache that this start began, empty when none.
	Made string
	// Fails says that the start fails, as in a Match: it asked for a cache that is
	// not there, not Ready or of another platform, is of the Job type, or may not
	// pull an image that it does not find (eci §1.10). It makes no cache.
	Fails bool

	from  *stored
	shape int
}

// NewStore is a region with the caches given, as they stand at the Matcher's
// time, for starts of the groups given. A cache created then or later, as a plan's
// are, is taken to have been Ready all along, so that what it does is seen in the
// long run; one that is still being made becomes Ready a build time after its
// creation.
func (m *Matcher) NewStore(groups []Group, given []Cache, opt StoreOptions) *Store {
	s := &Store{
		m: m, opt: opt, now: -forever, byID: make(map[string]*stored), making: make(map[makingKey]*stored),
	}
	if opt.BuildTime == nil {
		s.opt.BuildTime = func([]string, float64) time.Duration { return 0 }
	}
	s.shapes.init(m)
	byCreation := m.policy.Eviction == evictCreated
	s.automatic.byCreation, s.manual.byCreation, s.evictable.byCreation = byCreation, byCreation, byCreation
	for i := range groups {
		s.groups = append(s.groups, s.shapes.asker(groups[i]))
	}
	for i := range given {
		c := s.given(&given[i])
		s.add(c)
		if underway := s.making[c.making]; c.making.images != "" && (underway == nil || underway.ready < c.ready) {
			s.making[c.making] = c
		}
	}
	return s
}

// Advance lets time pass: builds end, retentions too.
func (s *Store) Advance(at time.Duration) {
	at = max(at, s.now)
	for len(s.due) > 0 && s.due[0].due <= at {
		c := s.due[0]
		s.now = max(s.now, c.due)
		s.settle(c)
	}
	s.now = at
}

// Match is one start of the group at that position: it picks as Matcher.Rank
// orders, touches the cache picked, extends its life if it is an automatic one,
// and begins an automatic cache where the start was not fully served (eci §1.10).
func (s *Store) Match(group int, at time.Duration) Served {
	s.Advance(at)
	a := &s.groups[group]
	served, complete := s.find(a)
	if c := served.from; c != nil {
		s.touch(c)
	}
	if s.makes(a, &served, complete) {
		served.Made = s.make(a)
	}
	return served
}

// find is what a start of the group would get now; complete says that no
// automatic cache is made beside it.
func (s *Store) find(a *asker) (served Served, complete bool) {
	g := &a.query.group
	failed := Served{Hit: Miss, Fails: true, shape: -1}
	shape, from := -1, (*stored)(nil)
	switch {
	case g.Job && g.refusesJob(&s.m.policy):
		return failed, true
	case g.CacheID != "":
		if from = s.byID[g.CacheID]; from == nil || !s.serves(from) {
			return failed, true
		}
		if shape = from.shape; s.shapes.ranked(a, shape).rival.refusal.elsewhere() {
			return failed, true
		}
	case g.NoMatching || g.Job:
	default:
		if shape = s.shapes.pick(a); shape >= 0 {
			from = s.shapes.newest(shape)
		}
	}
	if shape < 0 {
		return Served{Hit: Miss, Fails: unpullable(a.query, nil) != "", shape: -1}, false
	}
	f := s.shapes.finds(a, shape)
	return Served{
		CacheID: from.cache.ID, Automatic: from.cache.Automatic, SizeGiB: from.cache.SizeGiB,
		Images: f.images, Stale: f.stale, Full: f.full, Hit: f.hit, Fails: f.fails, from: from, shape: shape,
	}, f.complete
}

// makes says whether a start makes an automatic cache (eci §1.10, §6 #5).
func (s *Store) makes(a *asker, served *Served, complete bool) bool {
	g := &a.query.group
	if s.opt.NoAutomatic || complete || g.CacheID != "" || g.NoMatching || g.Job || served.Fails || len(a.images) == 0 {
		return false
	}
	return served.from == nil || s.m.policy.CreateOnPartial
}

// make begins an automatic cache of the group's images, unless one of the same is
// being built: the policy says whether each start makes another.
func (s *Store) make(a *asker) string {
	if s.making[a.making] != nil && !s.m.policy.RepeatAutomatic {
		return ""
	}
	c := &stored{
		cache: Cache{
			ID: s.newID("automatic"), Name: "auto-create-for-" + a.query.group.Name, Images: a.images,
			SizeGiB: a.making.sizeGiB, CreationTime: s.m.at.Add(s.now), Automatic: true,
		},
		created: s.now, matched: -forever, status: StatusCreating, making: a.making,
	}
	c.ready = s.now
	if s.m.policy.AutomaticReady == readyBuilt {
		c.ready += s.opt.BuildTime(a.images, c.cache.SizeGiB)
	}
	c.expire = s.m.policy.expiry(c.created, c.matched)
	s.begin(c)
	s.making[a.making] = c
	for s.automatic.Len() > s.m.policy.AutomaticQuota {
		s.evict(s.automatic.first())
	}
	return c.cache.ID
}

// Delete removes a cache; starts made from it are not affected (eci §1.1).
func (s *Store) Delete(id string, at time.Duration) error {
	s.Advance(at)
	c := s.byID[id]
	if c == nil {
		return fmt.Errorf("delete cache %s: %w", id, ErrNoCache)
	}
	s.remove(c)
	s.tally.Deleted++
	return nil
}

// Tally is what happened so far.
func (s *Store) Tally() Tally { return s.tally }

// Ready counts the caches that starts can use now, Automatic the automatic ones,
// those being built too.
func (s *Store) Ready() int     { return s.shapes.serving }
func (s *Store) Automatic() int { return s.automatic.Len() }

// Caches are the caches as they are at that time, in the order of their creation.
func (s *Store) Caches(at time.Duration) []Cache {
	s.Advance(at)
	caches := make([]Cache, 0, len(s.byID))
	for _, c := range s.caches {
		if !c.gone {
			caches = append(caches, s.shown(c))
		}
	}
	return caches
}

// begin adds a cache that is made now.
func (s *Store) begin(c *stored) {
	s.tally.Created++
	s.add(c)
}

// add enters a cache in every list.
func (s *Store) add(c *stored) {
	c.sequence, c.shape, c.heapIndex = s.sequence, -1, -1
	s.sequence++
	c.states = make([]imageState, len(c.cache.Images))
	s.caches = append(s.caches, c)
	s.byID[c.cache.ID] = c
	c.used.c = c
	s.use(c).insert(&c.used)
	if c.cache.EliminationStrategy == "LRU" && !c.cache.Automatic {
		c.evictable = &usageLink{c: c}
		s.evictable.insert(c.evictable)
	}
	s.shelve(c)
	c.due = c.nextDue()
	s.due.add(c)
}

// use is the list of use that a cache stands in.
func (s *Store) use(c *stored) *usage {
	if c.cache.Automatic {
		return &s.automatic
	}
	return &s.manual
}

// remove takes a cache out of every list.
func (s *Store) remove(c *stored) {
	c.gone = true
	s.gone++
	delete(s.byID, c.cache.ID)
	s.use(c).remove(&c.used)
	if c.evictable != nil {
		s.evictable.remove(c.evictable)
	}
	if s.making[c.making] == c {
		delete(s.making, c.making)
	}
	s.shapes.take(c)
	if c.heapIndex >= 0 {
		s.due.drop(c)
	}
	if s.gone > 64 && s.gone > len(s.caches)/2 {
		s.caches = slices.DeleteFunc(s.caches, func(c *stored) bool { return c.gone })
		s.gone = 0
	}
}

func (s *Store) evict(c *stored) {
	s.remove(c)
	s.tally.Evicted++
}

// touch marks a cache as matched now, which extends an automatic one's life.
func (s *Store) touch(c *stored) {
	if s.now <= c.matched {
		return
	}
	c.matched = s.now
	if c.cache.Automatic {
		// What the service said last may be later than what the policy says.
		c.expire = max(c.expire, s.m.policy.expiry(c.created, c.matched))
	}
	s.use(c).moved(&c.used)
	if c.evictable != nil {
		s.evictable.moved(c.evictable)
	}
}

// newID numbers caches, past names that are taken.
func (s *Store) newID(prefix string) string {
	for {
		s.numbered++
		id := fmt.Sprintf("%s-%d", prefix, s.numbered)
		if s.byID[id] == nil {
			return id
		}
	}
}
