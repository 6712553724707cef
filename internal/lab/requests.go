package lab

import (
	"context"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Request is one request that the registry answered.
type Request struct {
	Node         int
	Method, Path string
	Status       int
	// Arrived is when the request's header had been read; FirstByte when the answer
	// began to be written; LastByte when all of it was with the kernel. The last byte
	// is on the link later than that, by what is before it in the socket's and the
	// link's queues.
	Arrived, FirstByte, LastByte time.Time
	// Bytes are of the body, as far as it was taken.
	Bytes int64
}

type nodeKey struct{}

func withNode(ctx context.Context, node int) context.Context {
	return context.WithValue(ctx, nodeKey{}, node)
}

// requestLog notes what a handler answers.
type requestLog struct {
	handler http.Handler

	mu      sync.Mutex
	entries []Request
	busy    int
	quiet   chan struct{} // closed when busy falls to 0; nil while it is 0
}

func (l *requestLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	node, _ := r.Context().Value(nodeKey{}).(int)
	rec := &recorder{ResponseWriter: w, request: Request{Node: node, Method: r.Method, Path: r.URL.Path, Arrived: time.Now()}}
	l.begin()
	// A handler that aborts has answered too, in part.
	defer func() { l.end(rec.request) }()
	l.handler.ServeHTTP(rec, r)
	rec.finish()
}

func (l *requestLog) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy == 0 {
		l.quiet = make(chan struct{})
	}
	l.busy++
}

func (l *requestLog) end(r Request) {
	if r.LastByte.IsZero() {
		r.LastByte = time.Now()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, r)
	l.busy--
	if l.busy == 0 {
		close(l.quiet)
		l.quiet = nil
	}
}

// idle waits until nothing is being answered, at most for limit.
func (l *requestLog) idle(limit time.Duration) {
	l.mu.Lock()
	quiet := l.quiet
	l.mu.Unlock()
	if quiet == nil {
		return
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-quiet:
	case <-timer.C:
	}
}

// take empties the log. A client may have its last byte before the handler has
// returned, hence the wait.
func (l *requestLog) take(limit time.Duration) []Request {
	l.idle(limit)
	l.mu.Lock()
	defer l.mu.Unlock()
	entries := l.entries
	l.entries = nil
	slices.SortStableFunc(entries, func(a, b Request) int { return a.Arrived.Compare(b.Arrived) })
	return entries
}

// recorder notes an answer as it is written. Files still go from the page cache to
// the socket without a copy (ReadFrom).
type recorder struct {
	http.ResponseWriter
	request Request
}

var _ io.ReaderFrom = (*recorder)(nil)

func (r *recorder) begin(status int) {
	if r.request.FirstByte.IsZero() {
		r.request.FirstByte = time.Now()
		r.request.Status = status
	}
}

func (r *recorder) WriteHeader(status int) {
	if status >= 200 || status == http.StatusSwitchingProtocols {
		r.begin(status)
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.begin(http.StatusOK)
	n, err := r.ResponseWriter.Write(p)
	r.request.Bytes += int64(n)
	return n, err
}

func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	r.begin(http.StatusOK)
	var n int64
	var err error
	if to, ok := r.ResponseWriter.(io.ReaderFrom); ok {
		n, err = to.ReadFrom(src)
	} else {
		n, err = io.Copy(struct{ io.Writer }{r.ResponseWriter}, src)
	}
	r.request.Bytes += n
	return n, err
}

func (r *recorder) Flush() {
	r.begin(http.StatusOK)
	http.NewResponseController(r.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// finish hands the end of the answer to the kernel. Without a length it is the
// server's to end it, since a flush would change how the answer is framed.
func (r *recorder) finish() {
	r.begin(http.StatusOK)
	if r.Header().Get("Content-Length") != "" {
		http.NewResponseController(r.ResponseWriter).Flush()
	}
	r.request.LastByte = time.Now()
}
