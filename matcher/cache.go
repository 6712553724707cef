// Package matcher says which image cache ECI would pick for a container group,
// why, and what is still pulled; and what a month of starts finds in the caches
// that ECI makes by itself.
//
// The model: a Cache holds images by name at a time; a Group asks for images;
// Match orders the candidates as eci §1.9 describes and leaves what the service
// does not document to named policies. Which cache is picked goes by names;
// what it saves goes by layers: an Overlap counts both blobs already present
// (by digest) and layers already unpacked (by chain), because each saves
// something else.
//
// It does not call the service, does not choose what to cache (package plan)
// and knows no times but those handed to it.
//
// Source of the rules: Alibaba Cloud's ECI documentation as collected in the
// project's fact sheet, cited as "eci §". Undocumented points carry the
// fact sheet's assumption number: "eci §6 #1".
package matcher

import (
	"fmt"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
)

// CachesKind is the kind of a saved list of caches.
const CachesKind = "Caches"

// The states of an image cache (eci §1.3). Only Ready can be used (eci §6 #8).
const (
	StatusPreparing    = "Preparing"
	StatusCreating     = "Creating"
	StatusReady        = "Ready"
	StatusFailed       = "Failed"
	StatusUpdating     = "Updating"
	StatusUpdateFailed = "UpdateFailed"
)

// Limits of a cache (eci §1.4).
const (
	// MaxCacheImages is the most images in one cache.
	MaxCacheImages = 20
	// MinCacheGiB is the smallest size of a cache, and the default of a manual one.
	MinCacheGiB = 20
	// MaxCacheGiB is the greatest size of a cache.
	MaxCacheGiB = 32768
	// AutomaticCacheGiB is the size of an automatic cache (eci §1.2), to which
	// the instance's extra ephemeral storage is added.
	AutomaticCacheGiB = 30
	// FreeStorageGiB is the ephemeral storage every instance has (eci §5.2).
	FreeStorageGiB = 30
	// MaxExtraStorageGiB is the most ephemeral storage asked for above it (eci §2.6).
	MaxExtraStorageGiB = 5000
)

// Caches is a list of image caches.
type Caches struct {
	Caches []Cache `json:"caches"`
}

// Cache is an ECI image cache: a disk snapshot that holds images.
type Cache struct {
	// ID is the service's name for the cache, imc-… .
	ID   string `json:"id" document:"required"`
	Name string `json:"name,omitempty"`
	// Images are the references it was built from.
	Images []string `json:"images" document:"required"`
	// Contents says which digest each reference had when the cache was built;
	// empty when unknown.
	Contents []Content `json:"contents,omitempty"`
	// SizeGiB is the size of the disk made from it.
	SizeGiB float64 `json:"sizeGiB"`
	Status  string  `json:"status" document:"required,enum=Preparing|Creating|Ready|Failed|Updating|UpdateFailed"`
	// CreationTime orders caches that are otherwise alike: newest first.
	CreationTime    time.Time `json:"creationTime"`
	LastMatchedTime time.Time `json:"lastMatchedTime,omitzero"`
	// ExpireTime is when it is deleted; absent means never.
	ExpireTime time.Time `json:"expireTime,omitzero"`
	// Region, Architecture and OSType must equal the group's where both are set.
	Region       string `json:"region,omitempty"`
	Architecture string `json:"architecture,omitempty"`
	OSType       string `json:"osType,omitempty"`
	// Automatic caches were made by the service after a miss (eci §1.2).
	Automatic bool `json:"automatic,omitempty"`
	// EliminationStrategy LRU lets a manual cache be evicted at the quota
	// (eci §1.5); empty keeps it.
	EliminationStrategy string `json:"eliminationStrategy,omitempty" document:"enum=LRU"`
	// Flash caches are usable from a local snapshot first (eci §1.7).
	Flash bool `json:"flash,omitempty"`
}

// Content is one image as a cache holds it.
type Content struct {
	Reference string `json:"reference" document:"required"`
	Digest    string `json:"digest" document:"required"`
}

// ReadCaches reads a list of caches from the bytes of the file called name.
func ReadCaches(name string, data []byte) (*Caches, error) {
	var c Caches
	if err := document.Read(name, data, CachesKind, &c); err != nil {
		return nil, err
	}
	return &c, nil
}

// Validate reports duplicate IDs, empty caches and sizes that cannot be.
func (c *Caches) Validate() error {
	first := make(map[string]int, len(c.Caches))
	for i, cache := range c.Caches {
		at := fmt.Sprintf("caches[%d]", i)
		if j, ok := first[cache.ID]; ok {
			return document.At(at+".id", "duplicate cache %q, also caches[%d]: IDs must be unique", cache.ID, j)
		}
		first[cache.ID] = i
		if len(cache.Images) == 0 {
			return document.At(at+".images", "cache %q holds no image", cache.ID)
		}
		if len(cache.Images) > MaxCacheImages {
			return document.At(at+".images", "cache %q holds %d images: ECI allows %d", cache.ID, len(cache.Images), MaxCacheImages)
		}
		for j, ref := range cache.Images {
			if _, err := layers.ParseName(ref); err != nil {
				return document.At(fmt.Sprintf("%s.images[%d]", at, j), "%v", err)
			}
		}
		// Written so that it is false of a size that is no number.
		if !(cache.SizeGiB >= 0 && cache.SizeGiB <= MaxCacheGiB) {
			return document.At(at+".sizeGiB", "cache %q has %v GiB: the range is %d to %d", cache.ID, cache.SizeGiB, MinCacheGiB, MaxCacheGiB)
		}
	}
	return nil
}
