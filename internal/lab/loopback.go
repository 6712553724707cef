package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os/exec"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// headers is what a full frame of Ethernet has more than its content: 1514 bytes
// for 1448 of TCP with time stamps. A paced link counts as the kernel's does.
const headers = 1514.0 / 1448

// loopback is a fabric whose nodes are listeners on the host's loopback. All that
// the registry sends is paced by one bucket.
type loopback struct {
	pace   *pacer
	nodes  []net.Listener
	thread *thread
}

func newLoopback(nodes int) (*loopback, error) {
	l := &loopback{pace: newPacer(), thread: newThread()}
	for node := range nodes {
		listener, err := listenTCP(registryConfig(), "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen for node %d: %w", node, err), l.close())
		}
		l.nodes = append(l.nodes, &pacedListener{Listener: listener, node: node, pace: l.pace})
	}
	return l, nil
}

// listenTCP listens without multipath TCP, whose sockets take more work.
func listenTCP(c net.ListenConfig, addr string) (net.Listener, error) {
	c.SetMultipathTCP(false)
	return c.Listen(context.Background(), "tcp4", addr)
}

func (l *loopback) listeners() []net.Listener { return l.nodes }

func (l *loopback) registry(node int) string { return l.nodes[node].Addr().String() }

func (l *loopback) nodeOf(conn net.Conn) int { return conn.(*pacedConn).node }

func (l *loopback) shape(bytesPerSecond float64) error {
	l.pace.set(bytesPerSecond)
	return nil
}

func (l *loopback) listen(int) (net.Listener, error) {
	return listenTCP(net.ListenConfig{}, "127.0.0.1:0")
}

func (l *loopback) dial(ctx context.Context, _ int, network, addr string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

func (l *loopback) start(_ int, cmd *exec.Cmd) error { return l.thread.start(cmd) }

func (l *loopback) close() error {
	for _, listener := range l.nodes {
		listener.Close() // the server has closed it unless New failed
	}
	l.thread.close()
	return nil
}

// pacer is a token bucket that connections take from in turn: each asks for one
// chunk at a time, and chunks go in the order in which they were asked for, so the
// connections that are busy get equal shares.
type pacer struct {
	bucket *rate.Limiter

	mu    sync.Mutex
	chunk int // 0: not paced
}

// A chunk is a millisecond of the link, so that turns are short, from one packet up
// to what a write takes well.
const (
	chunkTime = time.Millisecond
	minChunk  = 1448
	maxChunk  = 128 << 10
	// burstChunks is how many chunks an idle link may send at once, and how much a
	// late wake-up can make up for.
	burstChunks = 4
)

func newPacer() *pacer { return &pacer{bucket: rate.NewLimiter(rate.Inf, 0)} }

func (p *pacer) set(bytesPerSecond float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if math.IsInf(bytesPerSecond, 1) {
		p.chunk = 0
		p.bucket.SetLimit(rate.Inf)
		return
	}
	content := bytesPerSecond / headers
	p.chunk = int(min(max(content*chunkTime.Seconds(), minChunk), maxChunk))
	p.bucket.SetBurst(burstChunks * p.chunk)
	p.bucket.SetLimit(rate.Limit(content))
}

// turn waits until up to want bytes may be sent, and says how many; 0 when done was
// closed meanwhile.
func (p *pacer) turn(want int64, done <-chan struct{}) int64 {
	p.mu.Lock()
	if p.chunk == 0 {
		p.mu.Unlock()
		return want
	}
	n := min(want, int64(p.chunk))
	now := time.Now()
	at := now.Add(p.bucket.ReserveN(now, int(n)).DelayFrom(now))
	p.mu.Unlock()
	if !sleepUntil(at, done) {
		return 0
	}
	return n
}

type pacedListener struct {
	net.Listener
	node int
	pace *pacer
}

func (l *pacedListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &pacedConn{TCPConn: conn.(*net.TCPConn), node: l.node, pace: l.pace, closed: make(chan struct{})}, nil
}

// pacedConn sends by the pacer's leave.
type pacedConn struct {
	*net.TCPConn
	node   int
	pace   *pacer
	once   sync.Once
	closed chan struct{}
}

var _ io.ReaderFrom = (*pacedConn)(nil)

func (c *pacedConn) Write(p []byte) (written int, err error) {
	for len(p) > 0 && err == nil {
		n := c.pace.turn(int64(len(p)), c.closed)
		if n == 0 {
			return written, net.ErrClosed
		}
		var m int
		m, err = c.TCPConn.Write(p[:n])
		written += m
		p = p[m:]
	}
	return written, err
}

// ReadFrom sends files chunk by chunk without copying them.
func (c *pacedConn) ReadFrom(src io.Reader) (sent int64, err error) {
	left := int64(math.MaxInt64)
	limited, ok := src.(*io.LimitedReader)
	if ok {
		// The kernel's way is found below one limit, not below two.
		src, left = limited.R, limited.N
		defer func() { limited.N -= sent }()
	}
	for left > 0 {
		n := c.pace.turn(left, c.closed)
		if n == 0 {
			return sent, net.ErrClosed
		}
		m, err := c.TCPConn.ReadFrom(&io.LimitedReader{R: src, N: n})
		sent += m
		left -= m
		if err != nil || m < n {
			return sent, err
		}
	}
	return sent, nil
}

func (c *pacedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.TCPConn.Close()
}
