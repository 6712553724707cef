package distribution

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// origin is what credentials are bound to.
type origin struct {
	scheme string
	// host has no port where it is the scheme's own.
	host string
}

func newOrigin(scheme, hostport string) origin {
	hostport = strings.ToLower(hostport)
	switch scheme {
	case "https":
		hostport = strings.TrimSuffix(hostport, ":443")
	case "http":
		hostport = strings.TrimSuffix(hostport, ":80")
	}
	return origin{scheme, hostport}
}

// host is one server with its share of the client's requests.
type host struct {
	origin
	transport *http.Transport
	slots     chan struct{}
	pace      *rate.Limiter // nil: none
	maxWait   time.Duration
	requests  atomic.Int64
	// pausedUntil is in Unix nanoseconds; 0 when the host never asked for a pause.
	pausedUntil atomic.Int64
	// asideUntil is until when a mirror that failed is not asked.
	asideUntil atomic.Int64

	login    login
	basic    atomic.Pointer[grant] // a Basic login that has worked
	headroom headroomState
}

// host returns the one host of an origin.
func (c *Client) host(from origin) (*host, error) {
	c.mu.RLock()
	h := c.hosts[from]
	c.mu.RUnlock()
	if h != nil {
		return h, nil
	}
	transport := c.transport
	if from.scheme == "https" {
		var err error
		if transport, err = c.transportFor(from.host); err != nil {
			return nil, err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.hosts[from]; h != nil {
		return h, nil
	}
	h = &host{
		origin:    from,
		transport: transport,
		slots:     make(chan struct{}, c.opt.RequestsAtOnce),
		maxWait:   c.opt.MaxWait,
		login:     login{gate: newGate()},
		headroom:  headroomState{tell: c.opt.Headroom},
	}
	if c.opt.RequestsPerSecond > 0 {
		h.pace = rate.NewLimiter(rate.Limit(c.opt.RequestsPerSecond), 1)
	}
	c.hosts[from] = h
	return h, nil
}

// enter waits for a slot, for the end of a pause and for the host's pace. Whoever
// entered must leave.
func (h *host) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := h.ready(ctx); err != nil {
		h.leave()
		return err
	}
	h.requests.Add(1)
	return nil
}

func (h *host) leave() { <-h.slots }

func (h *host) ready(ctx context.Context) error {
	for h.pausedUntil.Load() != 0 {
		until := h.paused()
		left := time.Until(until)
		if left <= 0 {
			break
		}
		if left > h.maxWait {
			return waitTooLong(h.host, until)
		}
		if err := sleep(ctx, left); err != nil {
			return err
		}
	}
	if h.pace == nil {
		return nil
	}
	turn := h.pace.Reserve()
	if err := sleep(ctx, turn.Delay()); err != nil {
		turn.Cancel()
		return err
	}
	return nil
}

// paused is when the host may be asked again.
func (h *host) paused() time.Time { return time.Unix(0, h.pausedUntil.Load()) }

// pause keeps all requests from the host until then; a longer pause stands.
func (h *host) pause(until time.Time) { raise(&h.pausedUntil, until) }

// setAside has a mirror passed over for a while.
func (h *host) setAside(until time.Time) { raise(&h.asideUntil, until) }

func raise(to *atomic.Int64, until time.Time) {
	for n := until.UnixNano(); ; {
		old := to.Load()
		if old >= n || to.CompareAndSwap(old, n) {
			return
		}
	}
}

// unfit is true for a mirror that is set aside or paused: the registry itself is
// asked rather than waited for.
func (h *host) unfit() bool {
	aside, paused := h.asideUntil.Load(), h.pausedUntil.Load()
	if aside == 0 && paused == 0 {
		return false
	}
	now := time.Now().UnixNano()
	return now < aside || now < paused
}

// headroomState remembers what was last told of a host's rate limit.
type headroomState struct {
	mu    sync.Mutex
	tell  func(Headroom)
	last  Headroom
	known bool
}
