// Package lab is a network for experiments on one host: a registry behind a shaped
// link, and nodes that pull from it.
//
// As root on Linux the registry, the link and each node have network namespaces of
// their own, without names, so that nothing is left of them once the process ends;
// the link is shaped by the kernel (a token bucket filter). Otherwise the registry
// listens on loopback and paces what it sends. Either way a forwarder of the lab's
// own adds the delay of round trips, since kernels may lack netem.
package lab

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os/exec"
	"time"
)

// Options say what a lab is made of.
type Options struct {
	// Nodes is how many nodes there are, numbered from 0; 0 means one.
	Nodes int
	// Loopback keeps to loopback even where namespaces can be had.
	Loopback bool
}

// Lab is a registry, a link and nodes.
type Lab struct{}

// Request is one request that the registry answered.
type Request struct {
	Node                         int
	Method, Path                 string
	Status                       int
	Arrived, FirstByte, LastByte time.Time
	Bytes                        int64
}

var errNotYet = errors.New("lab: not built yet")

// New makes a lab whose registry answers with handler.
func New(ctx context.Context, handler http.Handler, opt Options) (*Lab, error) {
	return nil, errNotYet
}

// Namespaces says whether nodes have network namespaces of their own.
func (l *Lab) Namespaces() bool { return false }

// Addr is the host:port at which a node reaches the registry; SetLink may change it.
func (l *Lab) Addr(node int) string { return "" }

// SetLink sets the rate of the link that all nodes share, in bytes a second with
// headers, +Inf for none, and the delay added to each round trip.
func (l *Lab) SetLink(bytesPerSecond float64, delay time.Duration) error { return errNotYet }

// Dial connects from a node.
func (l *Lab) Dial(ctx context.Context, node int, network, addr string) (net.Conn, error) {
	return nil, errNotYet
}

// Start starts a program on a node's network.
func (l *Lab) Start(node int, cmd *exec.Cmd) error { return errNotYet }

// Requests returns what the registry answered since the last call, in the order of
// arrival.
func (l *Lab) Requests() []Request { return nil }

// Close ends the registry and takes all apart.
func (l *Lab) Close() error { return nil }
