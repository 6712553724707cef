// Package lab is a network for experiments on one host: a registry behind a shaped
// link, and nodes that pull from it.
//
// As root on Linux the registry, the link and each node have network namespaces of
// their own, without names, so that nothing is left of them once the process has
// ended, and with it what was started on the nodes: a program that outlives it keeps
// its node's namespace. The link is shaped by the kernel (a token bucket filter).
// Otherwise the registry listens on loopback and paces what it sends. Either way a
// forwarder of the lab's own adds the delay of round trips, since kernels may lack
// netem.
//
// What it does not imitate: slow start over the delay (the forwarder's connections
// have next to no round trip of their own), and losses beyond those of the link's
// queue.
package lab

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"os/exec"
	"sync"
	"time"
)

// SlowestLink is the least rate of a link, in bytes a second: below, a packet takes
// longer than people wait.
const SlowestLink = 1000

// FastestLink is the highest rate that a link is shaped to, 1 Tbit/s: of those above by
// far the kernel's filter cannot count the tokens (32 bits).
const FastestLink = 125e9

// maxNodes is what one switch can take: a Linux bridge has 1024 ports.
const maxNodes = 1000

// Options say what a lab is made of.
type Options struct {
	// Nodes is how many nodes there are, numbered from 0; 0 means one.
	Nodes int
	// Loopback keeps to loopback even where namespaces can be had.
	Loopback bool
}

// Lab is a registry, a link and nodes. Its methods may be called by many at once.
type Lab struct {
	fabric     fabric
	namespaces bool
	why        error // no namespaces
	log        *requestLog
	server     *http.Server
	served     sync.WaitGroup
	closing    sync.Once
	closed     error

	mu         sync.Mutex // setting is read and set
	setting    setting
	forwarders []*forwarder // by node; nil until there is a delay
	done       bool
}

// setting is how the link stands.
type setting struct {
	bytesPerSecond float64
	delay          time.Duration
}

// fabric is the network of a lab.
type fabric interface {
	// listeners are the registry's.
	listeners() []net.Listener
	// registry is the registry's address for a node.
	registry(node int) string
	// nodeOf is the node at the other end of one of the registry's connections.
	nodeOf(net.Conn) int
	// shape sets the rate of the link.
	shape(bytesPerSecond float64) error
	// listen listens on a node, for programs on that node.
	listen(node int) (net.Listener, error)
	dial(ctx context.Context, node int, network, addr string) (net.Conn, error)
	start(node int, cmd *exec.Cmd) error
	close() error
}

// New makes a lab whose registry answers with handler. The link is unshaped and has
// no delay. ctx is for the making alone.
func New(ctx context.Context, handler http.Handler, opt Options) (*Lab, error) {
	nodes := max(opt.Nodes, 1)
	if opt.Nodes < 0 || nodes > maxNodes {
		return nil, fmt.Errorf("make a lab of %d nodes: there can be from 1 to %d", opt.Nodes, maxNodes)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("make a lab: %w", err)
	}
	l := &Lab{
		why:        errors.New("loopback was asked for"),
		log:        &requestLog{handler: handler},
		setting:    setting{bytesPerSecond: math.Inf(1)},
		forwarders: make([]*forwarder, nodes),
	}
	if !opt.Loopback {
		l.fabric, l.why = newNamespaces(nodes)
		l.namespaces = l.why == nil
	}
	if !l.namespaces {
		var err error
		if l.fabric, err = newLoopback(nodes); err != nil {
			return nil, fmt.Errorf("make a lab on loopback: %w", err)
		}
	}
	l.serve()
	return l, nil
}

func (l *Lab) serve() {
	l.server = &http.Server{
		Handler:           l.log,
		ReadHeaderTimeout: 10 * time.Second,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			l.mu.Lock()
			defer l.mu.Unlock()
			boundUnsent(conn, l.setting.bytesPerSecond)
			return withNode(ctx, l.fabric.nodeOf(conn))
		},
	}
	for _, listener := range l.fabric.listeners() {
		l.served.Go(func() { l.server.Serve(listener) })
	}
}

// Namespaces says whether nodes have network namespaces of their own.
func (l *Lab) Namespaces() bool { return l.namespaces }

// WhyLoopback is why nodes have no namespaces of their own; nil where they have.
func (l *Lab) WhyLoopback() error { return l.why }

// Words says in a report what shapes the link.
func (l *Lab) Words() string {
	if l.namespaces {
		return "network namespaces, token bucket filter"
	}
	return "loopback, paced"
}

// Nodes is how many nodes there are.
func (l *Lab) Nodes() int { return len(l.forwarders) }

// Addr is the host:port at which a node reaches the registry; SetLink may change it.
// It is empty for nodes that there are not.
func (l *Lab) Addr(node int) string {
	if l.check(node) != nil {
		return ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.setting.delay > 0 {
		return l.forwarders[node].listener.Addr().String()
	}
	return l.fabric.registry(node)
}

// SetLink sets the rate of the link that all nodes share, in bytes a second with
// headers, +Inf for none, and the delay added to each round trip. It is for the time
// between runs: what is under way is not held to the new link. On an error the link
// may stand at the new rate with the old delay.
func (l *Lab) SetLink(bytesPerSecond float64, delay time.Duration) error {
	if !(bytesPerSecond >= SlowestLink) || bytesPerSecond > FastestLink && !math.IsInf(bytesPerSecond, 1) {
		return fmt.Errorf("set the lab's link to %v bytes a second: a rate is from %d to %v bytes a second, or +Inf for none", bytesPerSecond, SlowestLink, float64(FastestLink))
	}
	if delay < 0 || delay > time.Minute {
		return fmt.Errorf("set the delay of the lab's link to %v: it is from 0 to a minute", delay)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done {
		return errClosed
	}
	if err := l.fabric.shape(bytesPerSecond); err != nil {
		return fmt.Errorf("shape the lab's link to %.0f bytes a second: %w", bytesPerSecond, err)
	}
	next := setting{bytesPerSecond, delay}
	for node := range l.forwarders {
		if err := l.forward(node, next); err != nil {
			return fmt.Errorf("delay the lab's link by %v: %w", delay, err)
		}
	}
	l.setting = next
	return nil
}

// forward gives a node its forwarder once there is a delay, and the forwarder its
// setting.
func (l *Lab) forward(node int, next setting) error {
	f := l.forwarders[node]
	if f == nil && next.delay == 0 {
		return nil
	}
	if f == nil {
		listener, err := l.fabric.listen(node)
		if err != nil {
			return err
		}
		f = newForwarder(listener, func(ctx context.Context) (net.Conn, error) {
			return l.fabric.dial(ctx, node, "tcp", l.fabric.registry(node))
		})
		l.forwarders[node] = f
	}
	f.set(next)
	return nil
}

var errClosed = errors.New("the lab is closed")

func (l *Lab) check(node int) error {
	if node < 0 || node >= len(l.forwarders) {
		return fmt.Errorf("the lab has no node %d: they are numbered from 0 to %d", node, len(l.forwarders)-1)
	}
	return nil
}

// Dial connects from a node. The address is of numbers, as Addr's: names would be
// looked up on the host's network.
func (l *Lab) Dial(ctx context.Context, node int, network, addr string) (net.Conn, error) {
	if err := l.check(node); err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddrPort(addr); err != nil {
		return nil, fmt.Errorf("connect from node %d of the lab to %q: it is no IP address with a port", node, addr)
	}
	return l.fabric.dial(ctx, node, network, addr)
}

// Start starts a program on a node's network. Programs with Pdeathsig get it when
// the process ends, or at Close.
func (l *Lab) Start(node int, cmd *exec.Cmd) error {
	if err := l.check(node); err != nil {
		return err
	}
	return l.fabric.start(node, cmd)
}

// Requests returns what the registry answered since the last call, in the order of
// arrival. It waits up to a second for answers that are being given.
func (l *Lab) Requests() []Request { return l.log.take(time.Second) }

// Close ends the registry and takes all apart, connections of Dial apart. Programs
// that were started are for their starters to end.
func (l *Lab) Close() error {
	l.closing.Do(func() {
		l.mu.Lock()
		l.done = true
		l.mu.Unlock()
		err := l.server.Close()
		for _, f := range l.forwarders {
			if f != nil {
				f.close()
			}
		}
		l.served.Wait()
		// Handlers may still be at work on what they can no longer write.
		l.log.idle(time.Minute)
		l.closed = errors.Join(err, l.fabric.close())
	})
	return l.closed
}
