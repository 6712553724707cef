// Package faulty makes a good HTTP server meet its requests with faults, and
// gives tests a network of such servers in memory, for time that does not pass
// (testing/synctest).
//
// A Fault takes the place of one good answer or does something to it; a Server
// meets requests with faults in order, or always with one, and notes what it saw.
//
// Use: wrap a registry's handler in a Server; Serve it on a Network under any
// host name; have the client Dial there.
package faulty

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Fault is what one request meets in place of, or on the way to, a good answer.
type Fault func(w http.ResponseWriter, r *http.Request, good http.Handler)

// Request is what a Server saw of a request.
type Request struct {
	Method, URL, Authorization, Range, Form string
	At                                      time.Time
}

// Server meets its requests with faults.
type Server struct {
	// Good answers where no fault does.
	Good http.Handler
	// Always, when not nil, is met by every request that no fault of Meet is for.
	// It may change until the first request.
	Always Fault

	mu     sync.Mutex
	faults []Fault
	seen   []Request
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	form, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(form))
	s.mu.Lock()
	s.seen = append(s.seen, Request{r.Method, r.URL.String(), r.Header.Get("Authorization"), r.Header.Get("Range"), string(form), time.Now()})
	next := s.Always
	if len(s.faults) > 0 {
		next, s.faults = s.faults[0], s.faults[1:]
	}
	s.mu.Unlock()
	if next == nil {
		s.Good.ServeHTTP(w, r)
		return
	}
	next(w, r, s.Good)
}

// Meet has the next requests meet faults, one each; nil is none.
func (s *Server) Meet(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// Requests are those seen so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}
