//go:build linux

package containerd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	containerd "github.com/containerd/containerd/v2/client"

	"github.com/cachebench/cachebench/measure"
)

// readyWait waits until a container is ready.
type readyWait struct {
	by      *measure.Readiness
	pattern *regexp.Regexp
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)

	mu   sync.Mutex
	last []byte // the end of the output, for errors
	seen chan time.Time
}

// output is one of a container's two streams of output.
type output struct {
	wait *readyWait
	line []byte // the one that is not complete yet
}

// stream takes output of the container.
func (w *readyWait) stream() io.Writer { return &output{wait: w} }

const (
	// probing is how often ports are tried.
	probing = 2 * time.Millisecond
	// longestLine of output is matched; what follows is dropped.
	longestLine = 64 << 10
	tail        = 400
	// lastOutput is how long output may come after its process has ended.
	lastOutput = time.Second
)

func newWait(by *measure.Readiness, n *node) (*readyWait, error) {
	if err := by.Validate(); err != nil {
		return nil, err
	}
	w := &readyWait{by: by, dial: dialerOf(n.runner.opt.Lab, n.number), seen: make(chan time.Time, 1)}
	if by.By == measure.ReadyLog {
		w.pattern = regexp.MustCompile(by.Pattern) // Validate has compiled it
	}
	return w, nil
}

func (o *output) Write(p []byte) (int, error) {
	now, w := time.Now(), o.wait
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = append(w.last, p...)
	w.last = w.last[max(0, len(w.last)-tail):]
	switch w.by.By {
	case measure.ReadyOutput:
		w.saw(now)
	case measure.ReadyLog:
		o.match(p, now)
	}
	return len(p), nil
}

// match looks at lines as soon as they match, complete or not.
func (o *output) match(p []byte, now time.Time) {
	for len(p) > 0 {
		part, rest, whole := bytes.Cut(p, []byte("\n"))
		o.line = append(o.line, part[:min(len(part), longestLine-len(o.line))]...)
		if o.wait.pattern.Match(o.line) {
			o.wait.saw(now)
		}
		if whole {
			o.line = o.line[:0]
		}
		p = rest
	}
}

func (w *readyWait) saw(at time.Time) {
	select {
	case w.seen <- at:
	default: // it was seen before
	}
}

// until returns when the container was ready, which was started at a time.
func (w *readyWait) until(ctx context.Context, started time.Time, exited <-chan containerd.ExitStatus) (time.Time, error) {
	switch w.by.By {
	case measure.ReadyStarted:
		return started, nil
	case measure.ReadyTCP, measure.ReadyHTTP:
		probes, stop := context.WithCancel(ctx)
		defer stop()
		go w.probe(probes)
	}
	select {
	case at := <-w.seen:
		return at, nil
	case <-ctx.Done():
	case status := <-exited:
		if status.Error() == nil || !nearlyOver(ctx) {
			return w.ended(status)
		}
		<-ctx.Done()
	}
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return time.Time{}, fmt.Errorf("not %s: %w", w.by.Words(), ctx.Err())
	}
	return time.Time{}, fmt.Errorf("not %s%s", w.by.Words(), w.said())
}

// nearlyOver says that the time of a context is over, or will be: the daemon is told
// of the deadline too, and may end the wait a moment before.
func nearlyOver(ctx context.Context) bool {
	const moment = 200 * time.Millisecond
	deadline, limited := ctx.Deadline()
	return ctx.Err() != nil || limited && time.Until(deadline) < moment
}

// ended decides about a container whose process has ended.
func (w *readyWait) ended(status containerd.ExitStatus) (time.Time, error) {
	code, at, err := status.Result()
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("wait for its end: %w", err)
	case w.by.By == measure.ReadyExit && code == 0:
		return at, nil
	case w.by.By == measure.ReadyOutput || w.by.By == measure.ReadyLog:
		// Its last output may still be on the way.
		select {
		case at := <-w.seen:
			return at, nil
		case <-time.After(lastOutput):
		}
	default:
		for end := time.Now().Add(lastOutput); !w.wrote() && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
	}
	return time.Time{}, fmt.Errorf("it ended with status %d before it was ready by %s%s", code, w.by.By, w.said())
}

func (w *readyWait) wrote() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.last) > 0
}

func (w *readyWait) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.last) == 0 {
		return "; it wrote nothing"
	}
	return fmt.Sprintf("; its last output: %q", strings.TrimSpace(string(w.last)))
}

// probe tries the port until it answers.
func (w *readyWait) probe(ctx context.Context) {
	addr := loopbackPort(w.by.Port)
	client := &http.Client{
		Transport: &http.Transport{DialContext: w.dial, DisableKeepAlives: true},
		// To be sent elsewhere is an answer, and elsewhere may be another machine.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for ctx.Err() == nil {
		if w.answers(ctx, client, addr) {
			w.saw(time.Now())
			return
		}
		time.Sleep(probing)
	}
}

func loopbackPort(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (w *readyWait) answers(ctx context.Context, client *http.Client, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if w.by.By == measure.ReadyTCP {
		conn, err := w.dial(ctx, "tcp", addr)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	}
	path := w.by.Path
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode < 400
}
