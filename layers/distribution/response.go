package distribution

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// watchdog ends a request whose host sends nothing for a while.
type watchdog struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	after  time.Duration
}

func watch(parent context.Context, after time.Duration) *watchdog {
	w := &watchdog{after: after}
	w.ctx, w.cancel = context.WithCancelCause(parent)
	w.timer = time.AfterFunc(after, w.bark)
	return w
}

func (w *watchdog) bark() { w.cancel(errStalled) }

// wake begins a new wait for the host.
func (w *watchdog) wake() { w.timer.Reset(w.after) }

// sleep ends the wait.
func (w *watchdog) sleep() { w.timer.Stop() }

// stalled is how long nothing came, or 0 if that was not the reason.
func (w *watchdog) stalled() time.Duration {
	if context.Cause(w.ctx) == errStalled {
		return w.after
	}
	return 0
}

func (w *watchdog) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// response is an answer whose body holds one of the host's slots until closed.
type response struct {
	*http.Response
	host     *host
	request  *request
	watchdog *watchdog
	closed   bool
}

func (r *response) close() {
	if r.closed {
		return
	}
	r.closed = true
	r.Body.Close()
	r.watchdog.stop()
	r.host.leave()
}

// drain reads what little there may be, so that the connection is used again.
func (r *response) drain() {
	io.CopyN(io.Discard, r, maxErrorBytes)
	r.close()
}

// Read reads the body, keeping watch.
func (r *response) Read(b []byte) (int, error) {
	n, err := r.Body.Read(b)
	if n > 0 && err == nil {
		r.watchdog.wake()
	}
	return n, err
}

// firstBytes is what is set aside for a body before its first byte comes: a
// length is not believed beyond what a usual document has. One byte more lets the
// end be seen.
func (r *response) firstBytes() int {
	const unstated, most = 4 << 10, 64 << 10
	if r.ContentLength < 0 {
		return unstated
	}
	return int(min(r.ContentLength, most)) + 1
}

// read returns the body in buf's room, and an error if it is longer than limit,
// breaks off or stalls.
func (r *response) read(buf []byte, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, r.tooLong(limit)
	}
	buf = buf[:0]
	if need := r.firstBytes(); cap(buf) < need {
		buf = make([]byte, 0, need)
	}
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			return nil, r.tooLong(limit)
		}
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return nil, r.broken(err)
		}
	}
}

func (r *response) tooLong(limit int64) error {
	return &Error{Host: r.host.host, Problem: fmt.Sprintf("%s sends more than %d bytes", r.request.speaker(r.host), limit), Advice: proxyAdvice}
}

// broken words a body that broke off.
func (r *response) broken(err error) *Error {
	return r.request.networkError(r.host, err, r.watchdog.stalled())
}
