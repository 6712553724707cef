package docstore

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// session is what a store must know: exactly, but for what was damaged.
type session struct {
	store    *Store
	docs     map[int]bool
	meanings map[string]Meaning
	facts    map[string]string
	// tainted sessions had their pack damaged while it was being written.
	tainted bool
}

// model is two stores on one directory and what they should hold.
type model struct {
	dir      string
	now      time.Time
	open     [2]*session
	kept     session
	meanings map[string][]Meaning // ever put
	facts    map[string][]string
	// ended: a tainted session has ended. What it put may be there, and is then newer
	// than what is kept for certain.
	ended bool
	bound int64
}

func newSession() session {
	return session{docs: map[int]bool{}, meanings: map[string]Meaning{}, facts: map[string]string{}}
}

func (m *model) session(t *rapid.T) *session {
	i := rapid.IntRange(0, 1).Draw(t, "store")
	if m.open[i] == nil {
		s, err := Open(m.dir, Options{MaxBytes: m.bound, Now: func() time.Time { return m.now }})
		if err != nil {
			t.Fatal(err)
		}
		m.open[i] = &session{s, maps.Clone(m.kept.docs), maps.Clone(m.kept.meanings), maps.Clone(m.kept.facts), false}
	}
	return m.open[i]
}

func (m *model) tick() { m.now = m.now.Add(time.Hour) }

// document asks for a document as a caller does, and puts it if it is absent.
func (m *model) document(t *rapid.T) {
	s, n := m.session(t), rapid.IntRange(0, 60).Draw(t, "document")
	doc := body(n)
	if n == 60 {
		doc = bytes.Repeat(doc, 200) // larger than the write buffer
	}
	got, ok := s.store.Document(digestOf(doc), nil)
	switch {
	case ok && !bytes.Equal(got, doc):
		t.Fatalf("wrong document %d", n)
	case !ok && s.docs[n]:
		t.Fatalf("document %d is lost", n)
	case !ok && rapid.Bool().Draw(t, "put"):
		s.store.PutDocument(digestOf(doc), doc)
		s.docs[n] = true
	}
}

func (m *model) meaning(t *rapid.T) {
	m.tick()
	s, ref := m.session(t), fmt.Sprint("web:", rapid.IntRange(0, 5).Draw(t, "reference"))
	got, ok := s.store.Meaning(ref)
	newer := m.ended && got.At.After(s.meanings[ref].At)
	if want, known := s.meanings[ref]; known && (!ok || got != want && !newer) {
		t.Fatalf("%s: got %v, want %v", ref, got, want)
	}
	if ok && !contains(m.meanings[ref], got) {
		t.Fatalf("%s: got %v, which was never put", ref, got)
	}
	if rapid.Bool().Draw(t, "put") {
		put := Meaning{digestOf([]byte(m.now.String())), ref, m.now}
		s.store.PutMeaning(ref, put)
		s.meanings[ref] = put
		m.meanings[ref] = append(m.meanings[ref], put)
	}
}

func (m *model) fact(t *rapid.T) {
	m.tick()
	s, key := m.session(t), fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "key"))
	got, ok := s.store.Fact("size", key)
	newer := m.ended && string(got) > s.facts[key] // they are times
	if want, known := s.facts[key]; known && (!ok || string(got) != want && !newer) {
		t.Fatalf("fact %s: got %q, %t, want %q", key, got, ok, want)
	}
	if ok && !contains(m.facts[key], string(got)) {
		t.Fatalf("fact %s: got %q, which was never put", key, got)
	}
	if rapid.Bool().Draw(t, "put") {
		put := m.now.String()
		s.store.PutFact("size", key, []byte(put))
		s.facts[key] = put
		m.facts[key] = append(m.facts[key], put)
	}
}

func contains[T comparable](list []T, v T) bool {
	for _, w := range list {
		if v == w {
			return true
		}
	}
	return false
}

func (m *model) close(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "store")
	s := m.open[i]
	if s == nil {
		return
	}
	m.open[i] = nil
	if err := s.store.Close(); err != nil && !s.tainted {
		t.Fatal(err)
	}
	if s.tainted {
		m.ended = true
		return
	}
	maps.Copy(m.kept.docs, s.docs)
	for ref, v := range s.meanings {
		if v.At.After(m.kept.meanings[ref].At) {
			m.kept.meanings[ref] = v
		}
	}
	for key, v := range s.facts {
		if v > m.kept.facts[key] { // they are times
			m.kept.facts[key] = v
		}
	}
}

// damage changes one file; what was kept before may be lost from then on.
func (m *model) damage(t *rapid.T, list []string) {
	if len(list) == 0 {
		return
	}
	path := rapid.SampledFrom(list).Draw(t, "file")
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		return
	}
	at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
	switch rapid.SampledFrom([]string{"flip", "cut", "append", "remove"}).Draw(t, "damage") {
	case "flip":
		b[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "bits"))
		err = os.WriteFile(path, b, 0o600)
	case "cut":
		err = os.Truncate(path, int64(at))
	case "append":
		err = os.WriteFile(path, append(b, b[at:]...), 0o600)
	case "remove":
		err = os.Remove(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.kept = newSession()
	for i, s := range m.open {
		if s != nil {
			fresh := newSession()
			fresh.store, fresh.tainted = s.store, true
			m.open[i] = &fresh
		}
	}
}

// TestModel compares two stores on one directory with maps: nothing is lost
// without damage, and nothing is wrong with it.
func TestModel(t *testing.T) {
	for _, damaged := range []bool{false, true} {
		t.Run(fmt.Sprint("damaged=", damaged), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				// The size of packs and so how often they are merged depends on it.
				bound := rapid.SampledFrom([]int64{16 << 20, 1 << 30}).Draw(rt, "bound")
				m := &model{dir: t.TempDir(), now: time.Unix(1e9, 0).UTC(), kept: newSession(),
					meanings: map[string][]Meaning{}, facts: map[string][]string{}, bound: bound}
				actions := map[string]func(*rapid.T){"document": m.document, "meaning": m.meaning, "fact": m.fact, "close": m.close}
				if damaged {
					actions["damage"] = func(rt *rapid.T) {
						m.damage(rt, append(files(t, m.dir, packSuffix), files(t, m.dir, sidecarSuffix)...))
					}
				}
				rt.Repeat(actions)
				for _, s := range m.open {
					if s != nil {
						_ = s.store.Close()
					}
				}
			})
		})
	}
}
