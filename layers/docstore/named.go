package docstore

import (
	"bytes"
)

// Meanings and facts are named records: unlike documents they have a key that is
// not their hash, and newer ones take the place of older ones.

// get returns the body of a named record, checked against its key and checksums,
// and its stamp.
func (s *Store) get(k kind, key []byte) (body []byte, stamp int64, p *pack, ok bool) {
	name := nameKey{k, hashKey(k, key)}
	s.mu.RLock()
	at, ok := s.index.named[name]
	if !ok {
		s.mu.RUnlock()
		return nil, 0, nil, false
	}
	whole := recordHeadBytes + int(at.keyBytes)
	p, b, err := s.readAndUnlock(at.place, 0, whole+int(at.bodyBytes), nil)
	if err == nil {
		if r, ok := parseHead(b[:whole], p.mark); ok && r.kind == k && bytes.Equal(r.key, key) &&
			r.bodyBytes == at.bodyBytes && checksum(0, b[whole:]) == r.bodyChecksum {
			return b[whole:], r.stamp, p, true
		}
	}
	s.mu.Lock()
	if s.index.named[name] == at {
		delete(s.index.named, name)
		s.damaged(p, err)
	}
	s.mu.Unlock()
	return nil, 0, nil, false
}

// set writes a named record.
func (s *Store) set(k kind, key, body []byte, stamp int64) {
	if len(key) > maxKeyBytes || int64(len(body)) > s.maxBodyBytes() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(&record{kind: k, key: key, stamp: stamp}, hashKey(k, key), body)
}
