package distribution

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
)

// Options say how registries are reached. The zero value asks on the network with
// the user's docker credentials. Hosts are names with a port where one is given;
// docker.io is the same as index.docker.io.
type Options struct {
	// Keychain finds credentials, one login a registry; nil means the docker
	// configuration with its credential helpers, else none.
	Keychain authn.Keychain
	// Username and Password, when Username is set, go to every registry that asks
	// for a login, in place of Keychain's, but to no mirror. The caller makes sure
	// that it is one.
	Username, Password string
	// PlainHTTP names hosts that speak HTTP without TLS. Of loopback addresses the
	// client finds out by itself.
	PlainHTTP []string
	// Dial gives hosts the address (host:port) where the caller serves them in
	// plain HTTP. They are never reached through a proxy. A host without a port
	// stands for all its ports.
	Dial map[string]string
	// DialContext opens all connections, without a proxy; nil means the network,
	// by the proxy that the environment names. Loopback hosts without PlainHTTP are
	// tried for TLS on the network all the same.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// CAFiles hold certificates (PEM) trusted besides the system's.
	CAFiles []string
	// CertificatesDir holds a directory for each host with *.crt (trusted for that
	// host alone) and *.cert with *.key (shown to it), as docker has them. Empty
	// means /etc/docker/certs.d.
	CertificatesDir string
	// Mirrors are asked first, in order, for what a registry holds; they may have
	// a path (mirror.example.com/hub) that goes before the repository's. Each is
	// tried once; then the registry itself is asked. Tags are its own alone.
	Mirrors map[string][]string
	// RequestsAtOnce is how many requests a host is asked at a time; 0 means 16.
	RequestsAtOnce int
	// RequestsPerSecond is how often a host is asked; 0 means no limit.
	RequestsPerSecond float64
	// Attempts is how often a request is tried when the fault may pass; 0 means 5.
	Attempts int
	// MaxWait is the longest wait that a registry may ask for (Retry-After) before
	// the request is given up instead; 0 means 2 minutes.
	MaxWait time.Duration
	// StallAfter is how long a host may send nothing, neither headers nor a byte
	// of a body; 0 means 30 seconds.
	StallAfter time.Duration
	// Headroom is told what a registry says of its rate limit, when it first does
	// and when it changes by much; one call at a time for a host.
	Headroom func(Headroom)
	// UserAgent names the program; empty means cachebench.
	UserAgent string
}

const (
	defaultRequestsAtOnce  = 16
	defaultAttempts        = 5
	defaultMaxWait         = 2 * time.Minute
	defaultStallAfter      = 30 * time.Second
	defaultCertificatesDir = "/etc/docker/certs.d"
)

// normal has every default filled in and hosts as targets name them.
func (o Options) normal() Options {
	if o.Keychain == nil {
		o.Keychain = authn.DefaultKeychain
	}
	if o.RequestsAtOnce <= 0 {
		o.RequestsAtOnce = defaultRequestsAtOnce
	}
	if o.Attempts <= 0 {
		o.Attempts = defaultAttempts
	}
	if o.MaxWait <= 0 {
		o.MaxWait = defaultMaxWait
	}
	if o.StallAfter <= 0 {
		o.StallAfter = defaultStallAfter
	}
	if o.CertificatesDir == "" {
		o.CertificatesDir = defaultCertificatesDir
	}
	if o.UserAgent == "" {
		o.UserAgent = "cachebench"
	}
	o.PlainHTTP = slices.Clone(o.PlainHTTP)
	for i, name := range o.PlainHTTP {
		o.PlainHTTP[i] = normalHost(name)
	}
	o.Dial, o.Mirrors = byNormalHost(o.Dial), byNormalHost(o.Mirrors)
	return o
}

func byNormalHost[V any](m map[string]V) map[string]V {
	n := make(map[string]V, len(m))
	for name, v := range m {
		n[normalHost(name)] = v
	}
	return n
}

// dockerHub is where docker.io is served, and the name under which docker's
// configuration keeps its login.
const dockerHub = "index.docker.io"

func normalHost(name string) string {
	name = strings.ToLower(name)
	if name == "docker.io" {
		return dockerHub
	}
	return name
}

// Client asks registries. It is safe for concurrent use.
type Client struct {
	opt       Options
	roots     *x509.CertPool // nil: the system's
	transport *http.Transport
	anonymous *grant

	mu       sync.RWMutex
	hosts    map[origin]*host
	targets  map[Repository]*target
	schemes  map[string]string // of loopback hosts
	probing  gate
	template *http.Request
}

// New checks the options, reads the certificates and returns a client. It asks
// nothing yet.
func New(opt Options) (*Client, error) {
	c := &Client{
		opt:     opt.normal(),
		hosts:   make(map[origin]*host),
		targets: make(map[Repository]*target),
		schemes: make(map[string]string),
		probing: newGate(),
	}
	var err error
	if c.roots, err = readRoots(nil, c.opt.CAFiles); err != nil {
		return nil, err
	}
	c.transport = c.newTransport(c.roots)
	c.template = &http.Request{Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	c.anonymous = c.newGrant("", false)
	return c, nil
}

// Close drops idle connections. Requests under way go on.
func (c *Client) Close() {
	c.mu.RLock()
	defer c.mu.RUnlock()
	c.transport.CloseIdleConnections()
	for _, h := range c.hosts {
		h.transport.CloseIdleConnections()
	}
}

// Requests counts the requests sent so far by host, token servers and redirects'
// hosts among them, each attempt by itself.
func (c *Client) Requests() map[string]int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	counts := make(map[string]int64, len(c.hosts))
	for from, h := range c.hosts {
		if n := h.requests.Load(); n > 0 {
			counts[from.host] += n
		}
	}
	return counts
}

// gate lets one goroutine in at a time, and those that wait leave with their
// context.
type gate chan struct{}

func newGate() gate { return make(gate, 1) }

func (g gate) enter(ctx context.Context) error {
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) leave() { <-g }

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
