package export

import (
	"fmt"
	"math"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
)

// CacheSetKind is the kind of a saved CacheSet.
const CacheSetKind = "CacheSet"

// CacheSet says which image caches an account should have. Unlike Caches, which says
// what there is, it has nothing that only the service decides: no IDs, states, times.
type CacheSet struct {
	// Name tells what cache apply makes of this set from what it makes of others: caches
	// carry it as a tag. Absent it is "default", which all files without a name share:
	// nothing of it is ever pruned.
	Name string `json:"name,omitempty"`
	// Region is where the caches are. It counts where neither flag nor environment gives
	// one; another than they give is refused.
	Region string `json:"region,omitempty"`
	// Defaults are parameters of all caches that do not state their own.
	Defaults *CacheParameters `json:"defaults,omitempty"`
	// Caches are in the order in which they are to be built: what gains most first.
	Caches []WantedCache `json:"caches" document:"required"`
}

// WantedCache is a cache to build, with the parameters of the service's own request
// (eci §2.2) that a plan or its user decides.
type WantedCache struct {
	Name string `json:"name" document:"required"`
	// Images are the references that it holds, named as starts name them.
	Images []string `json:"images" document:"required"`
	// SizeGiB is the size of its disk, in whole GiB.
	SizeGiB int `json:"sizeGiB" document:"required"`
	// Architecture of the images where it is not amd64 (eci §4.2).
	Architecture string `json:"architecture,omitempty"`
	// RetentionDays is when it is deleted, in days since it was built; absent means
	// never.
	RetentionDays int `json:"retentionDays,omitempty"`
	// AutoMatchImageCache lets the build reuse layers of a cache that exists
	// (eci §1.8).
	AutoMatchImageCache bool `json:"autoMatchImageCache,omitempty"`
	// Flash makes it usable from a local snapshot first (eci §1.7).
	Flash bool `json:"flash,omitempty"`
	// EliminationStrategy LRU lets it be evicted at the quota (eci §1.5).
	EliminationStrategy string `json:"eliminationStrategy,omitempty" document:"enum=LRU"`
	CacheParameters
}

// The days after which a cache may be deleted (eci §1.5).
const maxRetentionDays = 65536

// ReadCacheSet reads a CacheSet from the bytes of the file called name.
func ReadCacheSet(name string, data []byte) (*CacheSet, error) {
	var s CacheSet
	if err := document.Read(name, data, CacheSetKind, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// Validate reports caches of one name, and what the service would refuse.
func (s *CacheSet) Validate() error {
	if s.Defaults != nil {
		if err := s.Defaults.check("defaults."); err != nil {
			return err
		}
	}
	first := make(map[string]int, len(s.Caches))
	for i, c := range s.Caches {
		at := fmt.Sprintf("caches[%d]", i)
		if j, ok := first[c.Name]; ok {
			return document.At(at+".name", "duplicate cache %q, also caches[%d]: names must be unique", c.Name, j)
		}
		first[c.Name] = i
		if len(c.Images) == 0 || len(c.Images) > matcher.MaxCacheImages {
			return document.At(at+".images", "cache %q holds %d images: ECI takes 1 to %d", c.Name, len(c.Images), matcher.MaxCacheImages)
		}
		for j, ref := range c.Images {
			if _, err := parse(ref); err != nil {
				return document.At(fmt.Sprintf("%s.images[%d]", at, j), "%v", err)
			}
		}
		if c.SizeGiB < matcher.MinCacheGiB || c.SizeGiB > matcher.MaxCacheGiB {
			return document.At(at+".sizeGiB", "cache %q has %d GiB: the range is %d to %d", c.Name, c.SizeGiB, matcher.MinCacheGiB, matcher.MaxCacheGiB)
		}
		if c.RetentionDays < 0 || c.RetentionDays > maxRetentionDays {
			return document.At(at+".retentionDays", "cache %q is kept %d days: the range is 1 to %d", c.Name, c.RetentionDays, maxRetentionDays)
		}
		if err := c.check(at + "."); err != nil {
			return err
		}
	}
	return nil
}

// CacheOptions are parameters of caches that a plan does not decide.
type CacheOptions struct {
	// Set is the name of the CacheSet.
	Set string
	// RetentionDays is after how many days a cache is deleted; 0 means never.
	RetentionDays int
	// Reuse lets builds reuse layers of caches that exist (eci §1.8).
	Reuse bool
	// Flash makes caches usable sooner (eci §1.7).
	Flash bool
}

func (o *CacheOptions) check() error {
	if o.RetentionDays < 0 || o.RetentionDays > maxRetentionDays {
		return fmt.Errorf("a cache cannot be kept %d days: the range is 1 to %d", o.RetentionDays, maxRetentionDays)
	}
	return nil
}

// checkCache refuses a cache whose creation would fail after it was paid for.
func (e *exporter) checkCache(c *plan.PlannedCache) error {
	images := cacheImages(c)
	if len(images) == 0 || len(images) > matcher.MaxCacheImages {
		return fmt.Errorf("it holds %d images: ECI takes 1 to %d", len(images), matcher.MaxCacheImages)
	}
	for _, ref := range images {
		if _, err := parse(ref); err != nil {
			return err
		}
	}
	// Written so that it is false of a size that is no number.
	if !(c.SizeGiB >= 0 && c.SizeGiB <= matcher.MaxCacheGiB) {
		return fmt.Errorf("its size is %v GiB: the range is %d to %d", c.SizeGiB, matcher.MinCacheGiB, matcher.MaxCacheGiB)
	}
	if size := int64(sizeGiB(c)) << 30; c.UnpackedBytes > size {
		return fmt.Errorf("it holds %d bytes unpacked, more than its %d GiB, and creating it would fail", c.UnpackedBytes, sizeGiB(c)) // eci §1.4
	}
	return nil
}

// cacheImages are the references that a cache is built from, each once.
func cacheImages(c *plan.PlannedCache) []string {
	list := make([]string, 0, len(c.Images))
	for _, ref := range c.Images {
		list = append(list, bare(ref))
	}
	return unique(list)
}

// sizeGiB is a cache's size as it is asked for: whole, and no less than ECI makes.
func sizeGiB(c *plan.PlannedCache) int {
	return max(int(math.Ceil(c.SizeGiB)), matcher.MinCacheGiB)
}

// architecture is of the plan's images where ECI must be told; empty for amd64.
func (e *exporter) architecture() string {
	_, arch, _ := strings.Cut(e.Plan.Platform, "/")
	arch, _, _ = strings.Cut(arch, "/")
	if arch == "amd64" {
		return ""
	}
	return arch
}

// cacheSet writes the caches to build as a CacheSet.
func (e *exporter) cacheSet() ([]byte, error) {
	caches, err := e.caches()
	if err != nil {
		return nil, err
	}
	set := CacheSet{Name: e.opt.Caches.Set}
	for i := range caches {
		set.Caches = append(set.Caches, WantedCache{
			Name: caches[i].Name, Images: cacheImages(&caches[i]), SizeGiB: sizeGiB(&caches[i]), Architecture: e.architecture(),
			RetentionDays: e.opt.Caches.RetentionDays, AutoMatchImageCache: e.opt.Caches.Reuse, Flash: e.opt.Caches.Flash,
		})
	}
	body, err := yamlOf(CacheSetKind, set)
	if err != nil {
		return nil, err
	}
	for i, item := range body.Content[len(body.Content)-1].Content {
		item.HeadComment = cacheLine(i, &caches[i])
	}
	var s stream
	s.comment(
		"The image caches of a plan, in the order of what they gain: the first ones can be",
		"built alone. Their images are named as starts name them, for ECI matches by names. A",
		"cache holds what a tag meant when it was built: build it anew after a release.")
	s.document(body)
	return s.bytes()
}

// cacheLine tells what a cache is for.
func cacheLine(i int, c *plan.PlannedCache) string {
	line := fmt.Sprintf("%d. saves %s of startup a month", i+1, plan.SpellTime(c.SavedSeconds))
	if len(c.Apps) > 0 {
		line += "; for " + saidAll(c.Apps)
	}
	return line
}

// saidAll names the first of some apps, and counts the others.
func saidAll(apps []string) string {
	const most = 5
	var list []string
	for _, app := range apps[:min(most, len(apps))] {
		list = append(list, said(app))
	}
	text := strings.Join(list, ", ")
	if len(apps) > most {
		text += fmt.Sprintf(" and %d more", len(apps)-most)
	}
	return text
}
