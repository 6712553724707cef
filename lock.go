package cachebench

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
)

// LockKind is the kind of a lock file.
const LockKind = "Lock"

// Lock pins references to digests, so that a report can be made again though
// tags have moved.
type Lock struct {
	References []LockedReference `json:"references"`

	// places are the file and line of each reference, where it was read from one.
	places map[string]string
}

// LockedReference is a reference and what it meant.
type LockedReference struct {
	Reference string `json:"reference" document:"required"`
	// Digest is the manifest's or the index's.
	Digest layers.Digest `json:"digest" document:"required"`
}

// ReadLock reads a lock from the bytes of the file called name.
func ReadLock(name string, data []byte) (*Lock, error) {
	var l Lock
	if err := document.Read(name, data, LockKind, &l); err != nil {
		return nil, err
	}
	whole, err := document.Whole(name, data)
	if err != nil {
		return nil, err
	}
	l.places = make(map[string]string, len(l.References))
	for i, r := range l.References {
		var at *document.Error
		if errors.As(whole.At(fmt.Sprintf("references[%d]", i), ""), &at) {
			l.places[r.Reference] = fmt.Sprintf("%s:%d", at.File, at.Line)
		}
	}
	return &l, nil
}

// Validate reports a reference that stands twice.
func (l *Lock) Validate() error {
	first := make(map[string]int)
	for i, r := range l.References {
		if j, ok := first[r.Reference]; ok {
			return document.At(fmt.Sprintf("references[%d]", i), "reference %s stands already at references[%d]", r.Reference, j)
		}
		first[r.Reference] = i
		if err := r.Digest.Validate(); err != nil {
			return document.At(fmt.Sprintf("references[%d].digest", i), "%v", err)
		}
	}
	return nil
}

// With returns the lock with the references of an Inventory that it lacks, each
// pinned to what it meant there, in the Inventory's order. References to sources
// on this machine, and those that name their digest, need no pin. It is the lock
// itself when there is nothing to add.
func (l *Lock) With(inv *layers.Inventory) *Lock {
	pinned := l.digests()
	more := &Lock{References: slices.Clone(l.References), places: l.places}
	for _, img := range inv.Images {
		_, remote := layers.RegistryOf(img.Reference)
		if pinned[img.Reference] != "" || !remote || strings.Contains(img.Reference, "@") {
			continue
		}
		digest := cmp.Or(img.IndexDigest, img.Digest)
		pinned[img.Reference] = digest
		more.References = append(more.References, LockedReference{img.Reference, digest})
	}
	if len(more.References) == len(l.References) {
		return l
	}
	return more
}

func (l *Lock) digests() map[string]layers.Digest {
	m := make(map[string]layers.Digest, len(l.References))
	for _, r := range l.References {
		m[r.Reference] = r.Digest
	}
	return m
}
