package docstore

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Document returns the document of a digest ("sha256:" and 64 lower-case hex
// digits; other digests are never present), checked against it. The bytes stand
// in buf if they fit its capacity, else in a new slice, so that a caller may
// reuse one buffer. A damaged document counts as absent, and is kept anew by the
// next PutDocument.
func (s *Store) Document(digest string, buf []byte) ([]byte, bool) {
	key, ok := parseDigest(digest)
	if !ok {
		return nil, s.miss()
	}
	s.mu.RLock()
	at, ok := s.index.documents[key]
	if !ok {
		s.mu.RUnlock()
		return nil, s.miss()
	}
	p, body, err := s.readAndUnlock(at, recordHeadBytes+len(key), int(at.bodyBytes), buf)
	if err != nil || sha256.Sum256(body) != key {
		s.mu.Lock()
		if s.index.documents[key] == at {
			delete(s.index.documents, key)
			s.damaged(p, err)
		}
		s.mu.Unlock()
		return nil, s.miss()
	}
	return body, s.hit(p)
}

// Has tells whether Document would look for a body: it is not read or checked.
func (s *Store) Has(digest string) bool {
	key, ok := parseDigest(digest)
	if !ok {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok = s.index.documents[key]
	return ok
}

// PutDocument keeps a document. It does nothing when the document is present,
// does not hash to digest, or is larger than MaxDocumentBytes or a sixteenth of
// Options.MaxBytes. The body is not kept in memory beyond a write buffer.
func (s *Store) PutDocument(digest string, body []byte) {
	if key, ok := parseDigest(digest); ok && sha256.Sum256(body) == key {
		s.putDocument(key, body)
	}
}

// PutVerified is PutDocument for a caller that has just checked the body against
// the digest: hashing is a third of the cost. Were it wrong after all, Document
// would find out.
func (s *Store) PutVerified(digest string, body []byte) {
	if key, ok := parseDigest(digest); ok {
		s.putDocument(key, body)
	}
}

func (s *Store) putDocument(key sum, body []byte) {
	if int64(len(body)) > s.maxBodyBytes() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.index.documents[key]; ok {
		s.packs[at.pack].used.Store(true)
		return
	}
	s.put(&record{kind: kindDocument, key: key[:]}, key, body)
}

func parseDigest(digest string) (s sum, ok bool) {
	digits, ok := strings.CutPrefix(digest, "sha256:")
	if !ok || len(digits) != 2*len(s) {
		return s, false
	}
	for i := range len(digits) {
		if c := digits[i]; c >= 'A' && c <= 'F' {
			return s, false
		}
	}
	_, err := hex.Decode(s[:], []byte(digits))
	return s, err == nil
}

// readAndUnlock reads n bytes at offset from of the record at a place. The
// caller holds s.mu for reading; it is released before the disk is read.
func (s *Store) readAndUnlock(at place, from, n int, buf []byte) (*pack, []byte, error) {
	p := s.packs[at.pack]
	pos := int64(at.offset) + int64(from)
	buf = slices.Grow(buf[:0], n)[:n]
	if s.writer != nil && int(at.pack) == s.own && pos >= s.writer.written {
		copy(buf, s.writer.pending[pos-s.writer.written:])
		s.mu.RUnlock()
		return p, buf, nil
	}
	s.mu.RUnlock()
	_, err := p.file.ReadAt(buf, pos)
	return p, buf, err
}

func (s *Store) hit(p *pack) bool {
	if !p.used.Load() {
		p.used.Store(true)
	}
	s.hits.Add(1)
	return true
}

func (s *Store) miss() bool {
	s.misses.Add(1)
	return false
}
