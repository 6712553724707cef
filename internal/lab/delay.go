package lab

import (
	"context"
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// forwarder passes connections on, with a delay: what one side sends, and its end,
// reaches the other half a delay later, and a new connection takes a whole one before
// its first byte can be sent.
type forwarder struct {
	listener net.Listener
	dial     func(context.Context) (net.Conn, error)
	setting  atomic.Pointer[setting]
	ctx      context.Context // until close
	cancel   context.CancelFunc
	work     sync.WaitGroup
}

func newForwarder(listener net.Listener, dial func(context.Context) (net.Conn, error)) *forwarder {
	f := &forwarder{listener: listener, dial: dial}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	f.set(setting{})
	f.work.Go(f.accept)
	return f
}

func (f *forwarder) set(s setting) { f.setting.Store(&s) }

func (f *forwarder) close() {
	f.cancel()
	f.listener.Close()
	f.work.Wait()
}

func (f *forwarder) accept() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			if f.ctx.Err() != nil || !sleepUntil(time.Now().Add(10*time.Millisecond), f.ctx.Done()) {
				return
			}
			continue // out of descriptors, say
		}
		f.work.Go(func() { f.pass(conn.(*net.TCPConn), time.Now()) })
	}
}

// pass passes a connection of a node on until both sides have ended it. The
// handshake's packets reach the registry half a delay, the node one, and the registry
// again one and a half after it began.
func (f *forwarder) pass(near *net.TCPConn, began time.Time) {
	s := *f.setting.Load()
	ctx, cancel := context.WithCancel(f.ctx)
	defer cancel()
	conn, err := f.dial(ctx)
	if err != nil {
		sleepUntil(began.Add(s.delay), ctx.Done())
		reset(near)
		return
	}
	far := conn.(*net.TCPConn)
	stop := context.AfterFunc(f.ctx, func() {
		reset(near)
		reset(far)
	})
	defer stop()
	var directions sync.WaitGroup
	up := &line{from: near, to: far, delay: s.delay / 2, open: began.Add(s.delay), done: ctx.Done()}
	down := &line{from: far, to: near, delay: s.delay / 2, open: began.Add(s.delay + s.delay/2), done: ctx.Done()}
	for _, l := range []*line{up, down} {
		l.init(s.bytesPerSecond)
		directions.Go(l.receive)
		directions.Go(l.send)
	}
	directions.Wait()
	near.Close()
	far.Close()
}

// reset ends a connection at once, as its other end has failed.
func reset(conn *net.TCPConn) {
	conn.SetLinger(0)
	conn.Close()
}

// What is on its way in one direction of one connection is bounded by twice what the
// link can send in a whole delay, within these.
const (
	minHeld = 1 << 20
	maxHeld = 64 << 20
	// segment is what memory is taken in.
	segment = 256 << 10
	// minRead is the least room to read into.
	minRead = 16 << 10
	// gather is how long packets are gathered while they come one after another: to
	// take each by itself would cost more than the experiment.
	gather = 400 * time.Microsecond
)

// line is one direction of a connection.
type line struct {
	from, to *net.TCPConn
	delay    time.Duration
	open     time.Time // when the first byte can be sent
	done     <-chan struct{}

	mu      sync.Mutex
	changed sync.Cond
	held    int
	bound   int
	flight  []parcel
	broken  bool // the far end takes no more
}

// parcel is what was received together.
type parcel struct {
	at   time.Time // when it arrives
	data []byte
	end  error // why nothing follows; io.EOF when the sender ended it well
}

func (l *line) init(bytesPerSecond float64) {
	l.changed.L = &l.mu
	if l.bound = maxHeld; math.IsInf(bytesPerSecond, 1) {
		return // whatever the delay: of none the product below would be no number
	}
	l.bound = int(max(min(2*bytesPerSecond*(2*l.delay).Seconds(), maxHeld), minHeld))
}

// receive takes in what one end sends, as long as there is room.
func (l *line) receive() {
	var room []byte
	var last time.Time
	size := 0
	for l.wait() {
		gathering := size > 0 && size < minRead && time.Since(last) < 2*gather
		if gathering {
			nap(gather)
		}
		if len(room) < minRead {
			room = make([]byte, segment)
		}
		n, err := l.from.Read(room)
		size, last = n, time.Now()
		at := last
		if gathering {
			at = at.Add(-gather / 2) // between its first packet and its last
		}
		if at.Before(l.open) {
			at = l.open
		}
		l.put(parcel{at: at.Add(l.delay), data: room[:n:n], end: err})
		if err != nil {
			return
		}
		room = room[n:]
	}
}

// wait waits for room; false when none is wanted any more.
func (l *line) wait() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.held >= l.bound && !l.broken {
		l.changed.Wait()
	}
	return !l.broken
}

func (l *line) put(p parcel) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flight = append(l.flight, p)
	l.held += len(p.data)
	l.changed.Broadcast()
}

// first waits for a parcel and leaves it in flight.
func (l *line) first() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.flight) == 0 {
		l.changed.Wait()
	}
	return l.flight[0].at
}

// arrived takes all that has arrived.
func (l *line) arrived() (data net.Buffers, size int, end error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	taken := 0
	for taken < len(l.flight) && (taken == 0 || !l.flight[taken].at.After(now)) {
		p := l.flight[taken]
		if len(p.data) > 0 {
			data = append(data, p.data)
		}
		size += len(p.data)
		end = p.end
		taken++
	}
	clear(l.flight[:taken])
	l.flight = l.flight[taken:]
	return data, size, end
}

// send delivers what arrives to the other end. It ends when the sender has ended or
// the receiver failed; receive always puts an end.
func (l *line) send() {
	for {
		if !sleepUntil(l.first(), l.done) {
			l.fail()
			return
		}
		data, size, end := l.arrived()
		if _, err := data.WriteTo(l.to); err != nil {
			// The sender learns of it as late as over a line.
			sleepUntil(time.Now().Add(l.delay), l.done)
			l.fail()
			return
		}
		l.mu.Lock()
		l.held -= size
		l.changed.Broadcast()
		l.mu.Unlock()
		switch {
		case end == io.EOF:
			l.to.CloseWrite()
			return
		case end != nil:
			reset(l.to)
			return
		}
	}
}

// fail ends the sender, since nothing of it arrives any more.
func (l *line) fail() {
	l.mu.Lock()
	l.broken = true
	l.changed.Broadcast()
	l.mu.Unlock()
	reset(l.from)
}
