package faulty

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"sync"
)

// Network connects clients with servers in memory, so that in a synctest bubble
// time passes whenever all wait. Its servers speak plain HTTP at port 80.
type Network struct {
	mu      sync.Mutex
	servers map[string]*listener
	running []*http.Server
}

// NewNetwork returns a network without servers.
func NewNetwork() *Network { return &Network{servers: make(map[string]*listener)} }

// Serve gives a host a server.
func (n *Network) Serve(host string, h http.Handler) {
	l := &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	n.mu.Lock()
	n.servers[net.JoinHostPort(host, "80")] = l
	n.running = append(n.running, server)
	n.mu.Unlock()
	go server.Serve(l)
}

// Hosts are the names that have a server.
func (n *Network) Hosts() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var hosts []string
	for addr := range n.servers {
		host, _, _ := net.SplitHostPort(addr)
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	return hosts
}

// Dial opens a connection to a host's server, as net.Dialer.DialContext does.
func (n *Network) Dial(ctx context.Context, _, addr string) (net.Conn, error) {
	n.mu.Lock()
	l := n.servers[addr]
	n.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: addr, IsNotFound: true}}
	}
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close stops the servers.
func (n *Network) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, server := range n.running {
		server.Close()
	}
}

// A listener takes its connections from Dial.
type listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }
