package matcher

import (
	"fmt"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
)

// StoresKind is the kind of a saved list of stores.
const StoresKind = "Stores"

// The kinds of a store.
const (
	// NodeStore is a node's own: unpacked layers, and the blobs if it keeps them.
	NodeStore = "node"
	// CacheStore is an image cache's, DiskStore that of a disk with images baked
	// in: what a node left there.
	CacheStore = "cache"
	DiskStore  = "disk"
	// MirrorStore is a registry mirror's: blobs, nothing unpacked. It spares a
	// download from the registry behind it, never an unpack.
	MirrorStore = "mirror"
)

// Holders is a list of what holds layers.
type Holders struct {
	Stores []Holder `json:"stores"`
}

// Holder is a store: something that holds layers: a node, a cache, a disk, a mirror.
type Holder struct {
	Name string `json:"name" document:"required"`
	Kind string `json:"kind" document:"required,enum=node|cache|disk|mirror"`
	// Images are the references that it holds whole.
	Images []string `json:"images,omitempty"`
	// Layers are digests of single blobs that it holds besides, unpacked nowhere.
	Layers []layers.Digest `json:"layers,omitempty"`
	// KeepBlobs says whether it keeps the images' blobs beside their unpacked
	// layers (containerd's discard_unpacked_layers turned round); absent, it is as
	// the profile says. A mirror always does.
	KeepBlobs *bool `json:"keepBlobs,omitempty"`
}

// ReadHolders reads a list of stores from the bytes of the file called name.
func ReadHolders(name string, data []byte) (*Holders, error) {
	var s Holders
	if err := document.Read(name, data, StoresKind, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// Validate reports a list without stores, names that stand twice, digests that
// are none, and mirrors without blobs.
func (s *Holders) Validate() error {
	if len(s.Stores) == 0 {
		return document.At("stores", "no store is listed: name at least one node, cache, disk or mirror")
	}
	first := make(map[string]int, len(s.Stores))
	for i := range s.Stores {
		store, at := &s.Stores[i], fmt.Sprintf("stores[%d]", i)
		if j, ok := first[store.Name]; ok {
			return document.At(at+".name", "duplicate store %q, also stores[%d]: names must be unique", store.Name, j)
		}
		first[store.Name] = i
		if store.Kind == MirrorStore && store.KeepBlobs != nil && !*store.KeepBlobs {
			return document.At(at+".keepBlobs", "store %q is a mirror, which holds nothing but blobs: leave keepBlobs out", store.Name)
		}
		for j, digest := range store.Layers {
			if err := digest.Validate(); err != nil {
				return document.At(fmt.Sprintf("%s.layers[%d]", at, j), "store %q: %v", store.Name, err)
			}
		}
	}
	return nil
}

// References are the images of all stores, each once.
func (s *Holders) References() []string {
	var references []string
	seen := make(map[string]bool)
	for i := range s.Stores {
		for _, ref := range s.Stores[i].Images {
			if !seen[ref] {
				seen[ref] = true
				references = append(references, ref)
			}
		}
	}
	return references
}

// Holding is what a store holds of the layers of an Inventory.
type Holding struct {
	// Store and Kind are the store's.
	Store, Kind string
	// Images are positions of images in the Inventory, Blobs of single layers.
	Images, Blobs []int
	// KeepBlobs says that the images' blobs are kept; a mirror has nothing else.
	KeepBlobs bool
	// Unknown are the references and digests that the Inventory lacks: what they
	// would spare is in no figure.
	Unknown []string
}

// Holdings finds what stores hold in the Inventory; keepBlobs is of those that
// do not say.
func (m *Matcher) Holdings(stores []Holder, keepBlobs bool) []Holding {
	blobs := make(map[layers.Digest]int, len(m.inv.Layers))
	for i := range m.inv.Layers {
		blobs[m.inv.Layers[i].Digest] = i
	}
	list := make([]Holding, len(stores))
	for i := range stores {
		list[i] = m.holding(&stores[i], blobs, keepBlobs)
	}
	return list
}

func (m *Matcher) holding(s *Holder, blobs map[layers.Digest]int, keepBlobs bool) Holding {
	h := Holding{Store: s.Name, Kind: s.Kind, KeepBlobs: keepBlobs}
	switch {
	case s.Kind == MirrorStore:
		h.KeepBlobs = true
	case s.KeepBlobs != nil:
		h.KeepBlobs = *s.KeepBlobs
	}
	for _, ref := range s.Images {
		if i := m.find(ref, m.at); i >= 0 {
			h.Images = append(h.Images, i)
		} else {
			h.Unknown = append(h.Unknown, ref)
		}
	}
	for _, digest := range s.Layers {
		if l, ok := blobs[digest]; ok {
			h.Blobs = append(h.Blobs, l)
		} else {
			h.Unknown = append(h.Unknown, string(digest))
		}
	}
	return h
}

// HoldingOf is what an ECI cache holds of the Inventory, for a start with the
// pull policies of Kubernetes: each reference as it was when the cache was built.
func (m *Matcher) HoldingOf(c *Cache, keepBlobs bool) Holding {
	h := Holding{Store: c.ID, Kind: CacheStore, Images: m.Held(c, ""), KeepBlobs: keepBlobs}
	for _, ref := range c.Images {
		if m.find(ref, m.at) < 0 && m.held(c, ref).content < 0 {
			h.Unknown = append(h.Unknown, ref)
		}
	}
	return h
}

// sets are the blobs and chains of a holding. Where blobs are dropped after
// unpacking, a digest that is present only in an unpacked chain spares the
// download only where the whole chain below it matches (design §4).
func (m *Matcher) sets(h *Holding) store {
	s := m.store(h.Images)
	if !h.KeepBlobs {
		clear(s.layers)
	}
	if h.Kind == MirrorStore {
		clear(s.chains)
	}
	for _, l := range h.Blobs {
		s.layers[l] = true
	}
	return s
}
