package matcher

import (
	"slices"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
)

// BestCachesKind is the kind of saved BestCaches.
const BestCachesKind = "BestCaches"

// BestCaches says, for each image by itself, which cache shares most bytes with
// it by digest, whatever its names are: what caches hold of a whole fleet. It is
// not what ECI would pick, which goes by names.
type BestCaches struct {
	// At is the time as of which images and caches were looked at.
	At       time.Time `json:"at"`
	Platform string    `json:"platform,omitempty"`
	// Caches counts those that are usable and of the platform.
	Caches int `json:"caches"`
	// Full, Partial and None count the images that the best cache holds whole, in
	// part, and not at all.
	Full    int `json:"full"`
	Partial int `json:"partial"`
	None    int `json:"none"`
	// CompressedBytes are the images', each by itself; SharedBytes are those of
	// them that the best cache of each holds.
	CompressedBytes int64       `json:"compressedBytes"`
	SharedBytes     int64       `json:"sharedBytes"`
	Images          []BestCache `json:"images"`
}

// BestCache is the best cache of one image; the first listed of several.
type BestCache struct {
	Reference string `json:"reference" document:"required"`
	// CacheID is empty where no cache shares a byte.
	CacheID         string `json:"cacheId,omitempty"`
	CompressedBytes int64  `json:"compressedBytes"`
	SharedBytes     int64  `json:"sharedBytes"`
}

// ReadBestCaches reads BestCaches from the bytes of the file called name.
func ReadBestCaches(name string, data []byte) (*BestCaches, error) {
	var b BestCaches
	if err := document.Read(name, data, BestCachesKind, &b); err != nil {
		return nil, err
	}
	return &b, nil
}

// BestCaches answers for the images of the Matcher's platform that the references
// mean now, those of the Inventory where there are none, in its order.
func (m *Matcher) BestCaches(caches []Cache, references []string) *BestCaches {
	p := m.compared(caches)
	group := m.placed(Group{})
	sizes := make([]int64, len(m.inv.Layers))
	for l := range sizes {
		sizes[l] = m.inv.Layers[l].CompressedBytes
	}
	var usable []int
	var held [][]uint32
	for i := range caches {
		if p.barred(&group, &caches[i]) == qualified {
			usable, held = append(usable, i), append(held, m.distinct(p.contents(i)...))
		}
	}
	b := &BestCaches{At: m.at, Platform: m.platform, Caches: len(usable)}
	named := make(map[string]bool, len(references))
	for _, ref := range references {
		named[ref] = true
	}
	var images [][]uint32
	for i := range m.inv.Images {
		img := &m.inv.Images[i]
		asked := len(named) == 0 || named[img.Reference]
		if asked && (m.platform == "" || layers.SamePlatform(img.Platform, m.platform)) && m.find(img.Reference, m.at) == i {
			images = append(images, m.distinct(i))
			b.Images = append(b.Images, BestCache{Reference: img.Reference})
		}
	}
	answers := make([]Best, len(images))
	NewIndex(sizes, nil, held).Search().BestOfAll(images, answers)
	for i, best := range answers {
		b.count(&b.Images[i], best, images[i], sizes)
		if best.Cache >= 0 {
			b.Images[i].CacheID = caches[usable[best.Cache]].ID
		}
	}
	return b
}

// count enters one answer.
func (b *BestCaches) count(to *BestCache, best Best, image []uint32, sizes []int64) {
	to.SharedBytes = best.SharedBytes
	for _, l := range image {
		to.CompressedBytes += sizes[l]
	}
	switch {
	case best.Cache < 0:
		b.None++
	case to.SharedBytes == to.CompressedBytes:
		b.Full++
	default:
		b.Partial++
	}
	b.CompressedBytes += to.CompressedBytes
	b.SharedBytes += to.SharedBytes
}

// distinct are the layers of images by number, each once, in the order of the
// first image's layers.
func (m *Matcher) distinct(images ...int) []uint32 {
	var all []uint32
	s := &m.scratch
	s.begin(m)
	for _, i := range images {
		for _, l := range m.inv.Images[i].Layers {
			if s.blob(l) {
				all = append(all, uint32(l))
			}
		}
	}
	return slices.Clip(all)
}
