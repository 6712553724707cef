package distribution

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
)

// Repository is where an image is kept.
type Repository struct {
	// Host is the registry's name, with its port where one is given.
	Host string
	// Path is the repository's name in the registry, such as library/nginx.
	Path string
}

// String is host/path.
func (r Repository) String() string { return r.Host + "/" + r.Path }

// target is a repository with the places where it is asked for: its mirrors, in
// order, and last the registry itself.
type target struct {
	places []*place
}

// place is a repository at one host.
type place struct {
	host   *host
	path   string // "/v2/NAME/"
	name   string // NAME
	mirror bool

	// grant is what requests carry now.
	grant    atomic.Pointer[grant]
	granting gate
}

// target looks up or makes the one target of a repository.
func (c *Client) target(ctx context.Context, repo Repository) (*target, error) {
	c.mu.RLock()
	t := c.targets[repo]
	c.mu.RUnlock()
	if t != nil {
		return t, nil
	}
	t, err := c.newTarget(ctx, repo)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.targets[repo]; known != nil {
		return known, nil
	}
	c.targets[repo] = t
	return t, nil
}

func (c *Client) newTarget(ctx context.Context, repo Repository) (*target, error) {
	name := normalHost(repo.Host)
	t := &target{}
	for _, mirror := range c.opt.Mirrors[name] {
		host, path, _ := strings.Cut(strings.Trim(mirror, "/"), "/")
		if path != "" {
			path += "/"
		}
		p, err := c.newPlace(ctx, normalHost(host), path+repo.Path)
		if err != nil {
			return nil, err
		}
		p.mirror = true
		t.places = append(t.places, p)
	}
	p, err := c.newPlace(ctx, name, repo.Path)
	if err != nil {
		return nil, err
	}
	t.places = append(t.places, p)
	return t, nil
}

func (c *Client) newPlace(ctx context.Context, name, path string) (*place, error) {
	if !validHost(name) {
		return nil, fmt.Errorf("%q is not a registry's name such as registry.example.com:5000", name)
	}
	if !validPath(path) {
		return nil, fmt.Errorf("%q is not a repository's name such as team/app", path)
	}
	scheme, err := c.scheme(ctx, name)
	if err != nil {
		return nil, err
	}
	h, err := c.host(newOrigin(scheme, name))
	if err != nil {
		return nil, err
	}
	p := &place{host: h, path: "/v2/" + path + "/", name: path, granting: newGate()}
	p.grant.Store(c.anonymous)
	if worked := h.basic.Load(); worked != nil {
		p.grant.Store(worked)
	}
	return p, nil
}

func (p *place) url(tail, query string) *url.URL {
	return &url.URL{Scheme: p.host.scheme, Host: p.host.host, Path: p.path + tail, RawQuery: query}
}

// grant is what lets a request through: the headers of each kind of request, with
// or without authorization. Headers are shared by requests and never changed.
type grant struct {
	headers [kinds]http.Header
	// authorization is a secret.
	authorization string
	basic         bool
	// err is why there is no authorization although the registry wants one.
	err error
}

func (c *Client) newGrant(authorization string, basic bool) *grant {
	g := &grant{authorization: authorization, basic: basic}
	for kind, accept := range [kinds]string{manifests: acceptManifests, blobs: "*/*", lists: "application/json"} {
		header := http.Header{"User-Agent": {c.opt.UserAgent}, "Accept": {accept}}
		if authorization != "" {
			header["Authorization"] = []string{authorization}
		}
		g.headers[kind] = header
	}
	return g
}

// kind is what a request asks for.
type kind int

const (
	manifests kind = iota
	blobs
	lists
	kinds
)

// acceptManifests are the types of manifests and indexes. Schema 1 stands last: a
// registry that has nothing else can then say so by the type it answers.
const acceptManifests = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, " +
	"application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, " +
	schema1 + ", application/vnd.docker.distribution.manifest.v1+json;q=0.1"

const schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"

// validHost lets through what is a host with or without a port in a URL.
func validHost(name string) bool {
	host := name
	if h, port, err := net.SplitHostPort(name); err == nil {
		if !isDigits(port) || len(port) > 5 {
			return false
		}
		host = h
	} else {
		host = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	}
	if strings.HasPrefix(name, "[") || strings.Contains(host, ":") {
		return strings.HasPrefix(name, "[") && strings.Contains(host, ":") && net.ParseIP(host) != nil
	}
	return host != "" && len(host) <= 253 && only(host, "-._") && host[0] != '.' && host[0] != '-'
}

// validPath lets through what needs no escape in a URL and does not leave its
// place there; the registry knows the rest of the rule.
func validPath(path string) bool {
	if len(path) > 255 || !only(path, "-._/") {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment[0] == '.' {
			return false
		}
	}
	return true
}

// validTag is the rule of the distribution specification, "Pulling manifests".
func validTag(tag string) bool {
	return tag != "" && len(tag) <= 128 && only(tag, "-._") && tag[0] != '-' && tag[0] != '.'
}

// only is true when s has letters, digits and the bytes of extra alone.
func only(s, extra string) bool {
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
			continue
		}
		if strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return true
}
