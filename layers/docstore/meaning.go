package docstore

import (
	"strings"
	"time"
)

// Meaning is what a reference (a tag, most often) meant when a registry was last
// asked.
type Meaning struct {
	// Digest is that of the manifest or index.
	Digest string
	// MediaType is what the registry stated for it; may be empty.
	MediaType string
	// At is when the registry was asked, in UTC.
	At time.Time
}

// MeaningRefresh is by how much a meaning must be newer than the same one kept
// before to be written again: repeated runs do not grow the store, and At is
// this much behind at most.
const MeaningRefresh = 10 * time.Minute

// Meaning returns what a reference meant when last asked.
func (s *Store) Meaning(reference string) (Meaning, bool) {
	m, p, ok := s.meaning(reference)
	if !ok {
		return Meaning{}, s.miss()
	}
	return m, s.hit(p)
}

// PutMeaning keeps what a reference means. It does nothing when a later meaning
// is known, or the same one and less than MeaningRefresh earlier; nor when a
// field holds a line break, the digest is empty, or At is not in the years 1970
// to 2261, which the format's nanoseconds reach.
func (s *Store) PutMeaning(reference string, m Meaning) {
	if year := m.At.UTC().Year(); year < 1970 || year > 2261 {
		return
	}
	if m.Digest == "" || strings.ContainsAny(m.Digest+m.MediaType, "\n\r") {
		return
	}
	if old, p, ok := s.meaning(reference); ok {
		same := m.Digest == old.Digest && m.MediaType == old.MediaType
		if m.At.Before(old.At) || same && m.At.Sub(old.At) < MeaningRefresh {
			p.used.Store(true)
			return
		}
	}
	s.set(kindMeaning, []byte(reference), m.encode(), m.At.UnixNano())
}

func (s *Store) meaning(reference string) (Meaning, *pack, bool) {
	body, _, p, ok := s.get(kindMeaning, []byte(reference))
	if !ok {
		return Meaning{}, nil, false
	}
	m, ok := parseMeaning(string(body))
	return m, p, ok
}

// encode writes three lines: digest, media type, time.
func (m *Meaning) encode() []byte {
	b := append([]byte(m.Digest), '\n')
	b = append(append(b, m.MediaType...), '\n')
	return m.At.UTC().AppendFormat(b, time.RFC3339Nano)
}

func parseMeaning(s string) (m Meaning, ok bool) {
	m.Digest, s, _ = strings.Cut(s, "\n")
	m.MediaType, s, ok = strings.Cut(s, "\n")
	if !ok || m.Digest == "" {
		return Meaning{}, false
	}
	var err error
	m.At, err = time.Parse(time.RFC3339Nano, s)
	return m, err == nil
}
