package faulty

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Answers gives a status, headers (name, value, …) and a body.
func Answers(status int, body string, headers ...string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// Changed gives the good answer with something done to it; change returns the
// body.
func Changed(change func(a *httptest.ResponseRecorder) []byte) Fault {
	return func(w http.ResponseWriter, r *http.Request, good http.Handler) {
		a := httptest.NewRecorder()
		good.ServeHTTP(a, r)
		body := change(a)
		maps.Copy(w.Header(), a.Header())
		w.WriteHeader(a.Code)
		w.Write(body)
	}
}

// Corrupted turns a byte around.
func Corrupted() Fault {
	return Changed(func(a *httptest.ResponseRecorder) []byte {
		body := bytes.Clone(a.Body.Bytes())
		if len(body) > 0 {
			body[len(body)/2] ^= 1
		}
		return body
	})
}

// Typed states another content type.
func Typed(contentType string) Fault {
	return Changed(func(a *httptest.ResponseRecorder) []byte {
		a.Header().Set("Content-Type", contentType)
		return a.Body.Bytes()
	})
}

// Truncated breaks the connection after n bytes of a good body; a body that has no
// more is left whole.
func Truncated(n int) Fault {
	return func(w http.ResponseWriter, r *http.Request, good http.Handler) {
		if begun(w, r, good, n) {
			panic(http.ErrAbortHandler)
		}
	}
}

// Stalled sends n bytes of a good body and then nothing; negative: no headers. A
// body that has no more is left whole.
func Stalled(n int) Fault {
	return func(w http.ResponseWriter, r *http.Request, good http.Handler) {
		if n < 0 || begun(w, r, good, n) {
			<-r.Context().Done()
		}
	}
}

// begun sends a good answer's headers and n bytes of its body, and says whether
// there are more.
func begun(w http.ResponseWriter, r *http.Request, good http.Handler, n int) bool {
	body := whole(w, r, good)
	w.Write(body[:min(n, len(body))])
	w.(http.Flusher).Flush()
	return n < len(body)
}

// whole sends a good answer's headers, its length among them, and returns its
// body.
func whole(w http.ResponseWriter, r *http.Request, good http.Handler) []byte {
	a := httptest.NewRecorder()
	good.ServeHTTP(a, r)
	maps.Copy(w.Header(), a.Header())
	w.Header().Set("Content-Length", strconv.Itoa(a.Body.Len()))
	w.WriteHeader(a.Code)
	return a.Body.Bytes()
}

// Slow sends a good body in pieces of n bytes, with a wait before each.
func Slow(n int, wait time.Duration) Fault {
	return func(w http.ResponseWriter, r *http.Request, good http.Handler) {
		for piece := range slices.Chunk(whole(w, r, good), n) {
			select {
			case <-time.After(wait):
			case <-r.Context().Done():
				return
			}
			w.Write(piece)
			w.(http.Flusher).Flush()
		}
	}
}

// Reset breaks the connection before any answer.
func Reset() Fault {
	return func(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }
}

// Redirects sends the client elsewhere.
func Redirects(status int, to string) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Location", to)
		w.WriteHeader(status)
	}
}

// First has the first requests for each path meet faults, in order; those after
// them are answered well. It holds for one test.
func First(faults ...Fault) Fault {
	var mu sync.Mutex
	met := make(map[string]int)
	return func(w http.ResponseWriter, r *http.Request, good http.Handler) {
		mu.Lock()
		n := met[r.URL.Path]
		met[r.URL.Path]++
		mu.Unlock()
		if n >= len(faults) || faults[n] == nil {
			good.ServeHTTP(w, r)
			return
		}
		faults[n](w, r, good)
	}
}

// On has the requests for paths with a piece of text meet a fault.
func On(piece string, f Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, good http.Handler) {
		if !strings.Contains(r.URL.Path, piece) {
			good.ServeHTTP(w, r)
			return
		}
		f(w, r, good)
	}
}
