package docstore

import "maps"

// index says where the newest record of each key is. It holds no bodies: about
// 100 bytes a record.
type index struct {
	documents map[sum]place
	named     map[nameKey]named
}

// place is where a record stands: a position in Store.packs and an offset.
type place struct {
	pack, offset, bodyBytes uint32
}

// nameKey is the key of a meaning or a fact.
type nameKey struct {
	kind kind
	sum  sum
}

type named struct {
	place
	keyBytes uint16
	stamp    int64
}

func newIndex(records int) index {
	return index{make(map[sum]place, records), make(map[nameKey]named)}
}

// add enters a record. Among equal keys the one of the higher stamp holds, and
// of equal stamps the one added last.
func (x *index) add(pack uint32, e *entry) {
	at := place{pack, e.offset, e.bodyBytes}
	if e.kind == kindDocument {
		x.documents[e.sum] = at
		return
	}
	k := nameKey{e.kind, e.sum}
	if old, ok := x.named[k]; !ok || e.stamp >= old.stamp {
		x.named[k] = named{at, e.keyBytes, e.stamp}
	}
}

// dropFrom forgets the records of a pack from an offset on.
func (x *index) dropFrom(pack uint32, offset int64) {
	gone := func(p place) bool { return p.pack == pack && int64(p.offset) >= offset }
	maps.DeleteFunc(x.documents, func(_ sum, p place) bool { return gone(p) })
	maps.DeleteFunc(x.named, func(_ nameKey, n named) bool { return gone(n.place) })
}
