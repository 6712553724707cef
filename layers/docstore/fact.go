package docstore

import (
	"bytes"
	"strings"
)

// Fact returns what PutFact kept of a kind ("scan", "size") under a key (a
// layer's digest). The value is the caller's own copy.
func (s *Store) Fact(kind, key string) ([]byte, bool) {
	value, _, p, ok := s.get(kindFact, factKey(kind, key))
	if !ok {
		return nil, s.miss()
	}
	return value, s.hit(p)
}

// PutFact keeps a small value, in the place of an older one. It does nothing
// when the same value is present, when kind holds a zero byte, or when the value
// is larger than a document may be.
func (s *Store) PutFact(kind, key string, value []byte) {
	if strings.ContainsRune(kind, 0) {
		return
	}
	k := factKey(kind, key)
	old, stamp, p, ok := s.get(kindFact, k)
	if ok && bytes.Equal(old, value) {
		p.used.Store(true)
		return
	}
	// Also when the clock went back, the newer value is the one that holds.
	s.set(kindFact, k, value, max(s.opt.Now().UnixNano(), stamp+1))
}

func factKey(kind, key string) []byte {
	return append(append([]byte(kind), 0), key...)
}
