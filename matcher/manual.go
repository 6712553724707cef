package matcher

import (
	"fmt"
	"slices"
	"time"
)

// CacheRequest is what CreateImageCache is asked for (eci §2.2).
type CacheRequest struct {
	// ID is the cache's; empty gives it a number.
	ID, Name string
	Images   []string
	// SizeGiB is at least MinCacheGiB; 0 is that (eci §1.4). A build whose images
	// are known to be larger, unpacked, fails.
	SizeGiB float64
	// RetentionDays is after how many days from its creation it is deleted; 0
	// keeps it (eci §1.5).
	RetentionDays int
	// EliminationStrategy LRU lets it be evicted at the quota.
	EliminationStrategy string
	// Region, Architecture and OSType are those of the starts that it serves.
	Region, Architecture, OSType string
}

// maxRetentionDays is the CRD's limit (eci §1.5).
const maxRetentionDays = 65536

// Create begins a manual cache and returns its ID. At the quota (policy
// manual-quota) it is refused with ErrQuota unless caches carry the elimination
// strategy LRU: then the least recently used of those goes (eci §1.2, §1.5).
func (s *Store) Create(r CacheRequest, at time.Duration) (string, error) {
	s.Advance(at)
	if err := s.check(&r); err != nil {
		return "", fmt.Errorf("create cache %s: %w", cmpOr(r.ID, r.Name, "of "+r.Images[0]), err)
	}
	for s.manual.Len() >= s.m.policy.ManualQuota {
		s.evict(s.evictable.first())
	}
	c := &stored{
		cache: Cache{
			ID: r.ID, Name: r.Name, Images: slices.Clone(r.Images), SizeGiB: r.SizeGiB, CreationTime: s.m.at.Add(s.now),
			EliminationStrategy: r.EliminationStrategy, Region: r.Region, Architecture: r.Architecture, OSType: r.OSType,
		},
		created: s.now, matched: -forever, expire: forever, status: StatusCreating,
		ready: s.now + s.opt.BuildTime(r.Images, r.SizeGiB), fails: s.tooLarge(r.Images, r.SizeGiB),
	}
	if r.RetentionDays > 0 {
		c.expire = s.now + time.Duration(r.RetentionDays)*day
	}
	s.begin(c)
	return c.cache.ID, nil
}

// check completes a request and says what is wrong with it.
func (s *Store) check(r *CacheRequest) error {
	if r.SizeGiB == 0 {
		r.SizeGiB = MinCacheGiB
	}
	sizeErr := checkSize(r.SizeGiB)
	switch {
	case len(r.Images) == 0:
		r.Images = []string{"nothing"}
		return fmt.Errorf("it names no image: a cache holds 1 to %d", MaxCacheImages)
	case len(r.Images) > MaxCacheImages:
		return fmt.Errorf("it names %d images: a cache holds 1 to %d", len(r.Images), MaxCacheImages) // eci §1.4
	case sizeErr != nil:
		return sizeErr
	case r.RetentionDays < 0 || r.RetentionDays > maxRetentionDays:
		return fmt.Errorf("retention of %d days is out of the range of 1 to %d, or 0 for ever", r.RetentionDays, maxRetentionDays) // eci §1.5
	case r.EliminationStrategy != "" && r.EliminationStrategy != "LRU":
		return fmt.Errorf("elimination strategy %q is neither LRU nor empty", r.EliminationStrategy) // eci §1.5
	case r.ID != "" && s.byID[r.ID] != nil:
		return fmt.Errorf("there is a cache of this ID already: IDs must be unique")
	case s.manual.Len()-s.evictable.Len() >= s.m.policy.ManualQuota:
		return fmt.Errorf("%w: the region has %d manual caches, %d are allowed (policy manual-quota), and too few carry the elimination strategy LRU: delete one first", // eci §1.5
			ErrQuota, s.manual.Len(), s.m.policy.ManualQuota)
	}
	if r.ID == "" {
		r.ID = s.newID("manual")
	}
	return nil
}

// tooLarge says whether the images are known not to fit, unpacked, into a cache of
// that size (eci §1.4). What is not measured counts nothing.
func (s *Store) tooLarge(images []string, sizeGiB float64) bool {
	var created CreatedCache
	s.m.fit(sizeGiB, s.m.images(images), &created)
	return created.Fails != ""
}

// Update builds a manual or automatic cache anew, of these images or, where none
// are given, of its own. Only one that is Ready or UpdateFailed can be updated,
// and only if that changes something (eci §1.3, §2.3). It is Updating meanwhile.
func (s *Store) Update(id string, images []string, at time.Duration) error {
	s.Advance(at)
	c := s.byID[id]
	if c == nil {
		return fmt.Errorf("update cache %s: %w", id, ErrNoCache)
	}
	if len(images) == 0 {
		images = c.cache.Images
	}
	changes := c.status == StatusUpdateFailed || !slices.Equal(images, c.cache.Images) ||
		slices.ContainsFunc(c.states, func(state imageState) bool { return state.staleness != current })
	switch {
	case c.status != StatusReady && c.status != StatusUpdateFailed:
		return fmt.Errorf("update cache %s: %w: it is %s; wait until it is Ready or UpdateFailed", id, ErrStatus, c.status) // eci §1.3
	case len(images) > MaxCacheImages:
		return fmt.Errorf("update cache %s: it would hold %d images: a cache holds 1 to %d", id, len(images), MaxCacheImages) // eci §1.4
	case !changes:
		return fmt.Errorf("update cache %s: %w: it holds just that", id, ErrNoUpdate) // eci §2.3
	}
	c.status, c.fails = StatusUpdating, s.tooLarge(images, c.cache.SizeGiB)
	c.ready = s.now + s.opt.BuildTime(images, c.cache.SizeGiB)
	c.next = &update{slices.Clone(images), make([]imageState, len(images))}
	s.shelve(c)
	s.schedule(c)
	return nil
}

// Renew builds a cache of the same images beside the one given and puts it in its
// place when it is Ready: until then starts find what is not stale of the old
// one. It is how a plan's caches follow releases; the second cache is not counted
// in the quota.
func (s *Store) Renew(id string, at time.Duration) error {
	s.Advance(at)
	c := s.byID[id]
	if c == nil {
		return fmt.Errorf("renew cache %s: %w", id, ErrNoCache)
	}
	fresh := s.now + s.opt.BuildTime(c.cache.Images, c.cache.SizeGiB)
	for i := range c.states {
		if state := &c.states[i]; state.staleness != current && !state.renewing {
			state.fresh, state.renewing = fresh, true
		}
	}
	s.settle(c)
	return nil
}

// Release says that starts which ask for this reference want a new version of its
// image from now on. It returns the IDs of the caches that hold the old one, in
// the order of their creation, those being built too.
//
// A release is a new tag: what starts ask for, which the Inventory knows by the
// reference given, is not what those caches hold, but another version of the same
// repository. Only a reference by the tag latest, or by none, stays the same: its
// tag moves, so that by name those caches still match (policy stale-tags), and
// whether their old content is used as it is goes by the pull policy (eci §1.10,
// §6 #11). The content of the old version is not known any more: the layers that
// it shares with the new one are not credited.
func (s *Store) Release(reference string, at time.Duration) []string {
	s.Advance(at)
	stale := superseded
	n := s.m.name(reference)
	if n.Digest == "" && n.Tag == "latest" {
		stale = moved
	}
	released := func(ref string) bool { return ref == reference || s.m.name(ref) == n }
	var ids []string
	for _, c := range s.caches {
		if c.gone || c.given && s.now < 0 {
			continue
		}
		if c.next != nil {
			age(c.next.images, c.next.states, released, stale)
		}
		if !age(c.cache.Images, c.states, released, stale) {
			continue
		}
		ids = append(ids, c.cache.ID)
		if s.making[c.making] == c {
			delete(s.making, c.making)
		}
		s.shelve(c)
		s.schedule(c)
	}
	return ids
}

// age marks the images that were released as left behind.
func age(images []string, states []imageState, released func(string) bool, stale staleness) (held bool) {
	for i, ref := range images {
		if released(ref) {
			states[i] = imageState{staleness: stale}
			held = true
		}
	}
	return held
}

// cmpOr returns the first text that is not empty.
func cmpOr(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}
