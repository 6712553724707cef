package distribution

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// newTransport is a pool of connections. Its RoundTrip is called directly, since
// redirects and credentials are ours to judge.
func (c *Client) newTransport(roots *x509.CertPool) *http.Transport {
	dial := c.opt.DialContext
	if dial == nil {
		dial = (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	return &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if _, served := c.served(r.URL.Host); served || c.opt.DialContext != nil {
				return nil, nil
			}
			return http.ProxyFromEnvironment(r)
		},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if to, served := c.served(addr); served {
				addr = to
			}
			return dial(ctx, network, addr)
		},
		TLSClientConfig:     &tls.Config{RootCAs: roots},
		TLSHandshakeTimeout: 10 * time.Second,
		ForceAttemptHTTP2:   true,
		HTTP2:               &http.HTTP2Config{SendPingTimeout: 15 * time.Second},
		// A body is wanted as its digest has it.
		DisableCompression:  true,
		MaxIdleConnsPerHost: c.opt.RequestsAtOnce,
		IdleConnTimeout:     90 * time.Second,
		// Some registries keep large tokens in headers; a megabyte is Go's default.
		MaxResponseHeaderBytes: 1 << 20,
	}
}

// served finds the caller's address of a host, with or without its port.
func (c *Client) served(addr string) (to string, ok bool) {
	if len(c.opt.Dial) == 0 {
		return "", false
	}
	if to, ok = c.opt.Dial[addr]; ok {
		return to, true
	}
	name, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", false
	}
	to, ok = c.opt.Dial[name]
	return to, ok
}

// readRoots adds PEM files to the given pool; nil stands for the system's.
func readRoots(pool *x509.CertPool, files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return pool, nil
	}
	if pool != nil {
		pool = pool.Clone()
	} else if system, err := x509.SystemCertPool(); err == nil {
		pool = system
	} else {
		pool = x509.NewCertPool()
	}
	for _, file := range files {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read certificates: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read certificates: %s holds none in PEM form", file)
		}
	}
	return pool, nil
}

// transportFor is the shared transport, but for a host with certificates of its
// own a transport that knows them (docker's certs.d: *.crt is trusted, *.cert and
// *.key of one name are shown).
func (c *Client) transportFor(name string) (*http.Transport, error) {
	files, err := os.ReadDir(filepath.Join(c.opt.CertificatesDir, name))
	if err != nil || strings.ContainsAny(name, `/\`) || strings.HasPrefix(name, ".") {
		return c.transport, nil
	}
	var trusted []string
	var shown []tls.Certificate
	for _, f := range files {
		path := filepath.Join(c.opt.CertificatesDir, name, f.Name())
		switch filepath.Ext(path) {
		case ".crt":
			trusted = append(trusted, path)
		case ".cert":
			pair, err := tls.LoadX509KeyPair(path, strings.TrimSuffix(path, ".cert")+".key")
			if err != nil {
				return nil, fmt.Errorf("read the client certificate %s: %w", path, err)
			}
			shown = append(shown, pair)
		}
	}
	if len(trusted) == 0 && len(shown) == 0 {
		return c.transport, nil
	}
	roots, err := readRoots(c.roots, trusted)
	if err != nil {
		return nil, err
	}
	t := c.newTransport(roots)
	t.TLSClientConfig.Certificates = shown
	return t, nil
}

// scheme is how a registry is spoken to: in plain HTTP where the caller says so
// or, on a loopback address, where the server does not know TLS.
func (c *Client) scheme(ctx context.Context, name string) (string, error) {
	if _, served := c.served(name); served || slices.Contains(c.opt.PlainHTTP, name) {
		return "http", nil
	}
	if !loopback(name) {
		return "https", nil
	}
	if err := c.probing.enter(ctx); err != nil {
		return "", err
	}
	defer c.probing.leave()
	if scheme, known := c.schemes[name]; known {
		return scheme, nil
	}
	scheme := "http"
	if speaksTLS(ctx, name) {
		scheme = "https"
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	c.schemes[name] = scheme
	return scheme, nil
}

// loopback is true for names that never leave this machine.
func loopback(name string) bool {
	host := hostname(name)
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// hostname is a host without its port and without the brackets of IPv6.
func hostname(name string) string {
	if host, _, err := net.SplitHostPort(name); err == nil {
		return host
	}
	return strings.Trim(name, "[]")
}

// speaksTLS tries a handshake with a loopback server. It sends nothing but that,
// so whom the certificate names does not matter yet.
func speaksTLS(ctx context.Context, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	addr := name
	if _, _, err := net.SplitHostPort(name); err != nil {
		addr = net.JoinHostPort(hostname(name), "443")
	}
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err == nil {
		conn.Close()
		return true
	}
	// A server that wants a client's certificate ends the handshake with an alert.
	var fault *net.OpError
	return errors.As(err, &fault) && fault.Op == "remote error"
}
