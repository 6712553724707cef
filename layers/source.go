package layers

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// Documents larger than this are refused: registries accept manifests up to
// 4 MiB (distribution specification, "Pushing Manifests"), and no config of a
// runnable image comes near 16 MiB.
const (
	maxManifestBytes = 4 << 20
	maxConfigBytes   = 16 << 20
)

// A source serves the documents behind one reference.
type source interface {
	// top returns the document that the reference names and its content type.
	top(ctx context.Context) (raw []byte, contentType string, err error)
	// manifest returns a child of an index.
	manifest(ctx context.Context, d descriptor) ([]byte, error)
	// config returns a config document.
	config(ctx context.Context, d descriptor) ([]byte, error)
}

// checked refuses a document that is not what its descriptor promises.
func checked(raw []byte, d descriptor) ([]byte, error) {
	if got := digestOf(raw); got != d.Digest {
		return nil, fmt.Errorf("content of %s has digest %s: it was changed or cut off on the way", d.Digest, got)
	}
	if d.Size != int64(len(raw)) {
		return nil, fmt.Errorf("%s has %d bytes, its descriptor says %d", d.Digest, len(raw), d.Size)
	}
	return raw, nil
}

// client reaches registries: one connection pool, one login per registry.
type client struct {
	puller *remote.Puller
	opt    *Options
}

func newClient(opt *Options) (*client, error) {
	keychain := opt.Keychain
	if keychain == nil {
		keychain = authn.DefaultKeychain
	}
	transport := remote.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = opt.jobs()
	// A registry that accepts a connection and never answers must not hold up
	// the other references.
	transport.ResponseHeaderTimeout = 30 * time.Second
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		host, _, _ := net.SplitHostPort(addr)
		if to, ok := opt.Registries[host]; ok {
			addr = to
		} else if to, ok := opt.Registries[addr]; ok {
			addr = to
		}
		return dial(ctx, network, addr)
	}
	transport.Proxy = func(r *http.Request) (*url.URL, error) {
		if opt.served(r.URL.Host) {
			return nil, nil
		}
		return http.ProxyFromEnvironment(r)
	}
	puller, err := remote.NewPuller(remote.WithTransport(transport), remote.WithAuthFromKeychain(keychain),
		remote.WithUserAgent("cachebench"), remote.WithJobs(opt.jobs()))
	if err != nil {
		return nil, fmt.Errorf("set up the registry client: %w", err)
	}
	return &client{puller, opt}, nil
}

// registrySource is one reference in a registry.
type registrySource struct {
	client *client
	ref    name.Reference
}

// source finds where a reference is to be fetched; a locked digest takes the
// place of its tag.
func (c *client) source(reference string, locked Digest) (source, error) {
	n, err := ParseName(reference)
	if err != nil {
		return nil, err
	}
	host := n.Registry
	if to, ok := c.opt.Aliases[host]; ok {
		host = to
	}
	opts := []name.Option{name.WeakValidation}
	if c.opt.plainHTTP(host) {
		opts = append(opts, name.Insecure)
	}
	if locked != "" {
		n.Digest = locked
	}
	tail := ":" + n.Tag
	if n.Digest != "" {
		tail = "@" + string(n.Digest)
	}
	ref, err := name.ParseReference(host+"/"+n.Repository+tail, opts...)
	if err != nil {
		return nil, fmt.Errorf("reference %s at registry %s: %w", reference, host, err)
	}
	return &registrySource{c, ref}, nil
}

func (s *registrySource) top(ctx context.Context) ([]byte, string, error) {
	desc, err := s.client.puller.Get(ctx, s.ref)
	if err != nil {
		return nil, "", fmt.Errorf("fetch manifest %s: %w", s.ref, err)
	}
	if len(desc.Manifest) > maxManifestBytes {
		return nil, "", fmt.Errorf("manifest %s has %d bytes: more than registries accept (%d)", s.ref, len(desc.Manifest), maxManifestBytes)
	}
	return desc.Manifest, string(desc.MediaType), nil
}

func (s *registrySource) manifest(ctx context.Context, d descriptor) ([]byte, error) {
	desc, err := s.client.puller.Get(ctx, s.ref.Context().Digest(string(d.Digest)))
	if err != nil {
		return nil, fmt.Errorf("fetch manifest %s: %w", d.Digest, err)
	}
	return checked(desc.Manifest, d)
}

func (s *registrySource) config(ctx context.Context, d descriptor) ([]byte, error) {
	layer, err := s.client.puller.Layer(ctx, s.ref.Context().Digest(string(d.Digest)))
	if err != nil {
		return nil, fmt.Errorf("fetch config %s: %w", d.Digest, err)
	}
	body, err := layer.Compressed()
	if err != nil {
		return nil, fmt.Errorf("fetch config %s: %w", d.Digest, err)
	}
	defer body.Close()
	raw, err := io.ReadAll(io.LimitReader(body, maxConfigBytes+1))
	if err != nil {
		return nil, fmt.Errorf("fetch config %s: %w", d.Digest, err)
	}
	if len(raw) > maxConfigBytes {
		return nil, fmt.Errorf("config %s is larger than %d bytes", d.Digest, maxConfigBytes)
	}
	return checked(raw, d)
}

// refNameAnnotation names an entry of an OCI layout's index.
const refNameAnnotation = "org.opencontainers.image.ref.name"

// layoutSource is one entry of an OCI layout directory, oci:DIR[:TAG].
type layoutSource struct {
	path layout.Path
	dir  string
	tag  string
}

func newLayoutSource(rest string) (source, error) {
	dir, tag, _ := strings.Cut(rest, ":")
	path, err := layout.FromPath(dir)
	if err != nil {
		return nil, fmt.Errorf("open OCI layout %s: %w", dir, err)
	}
	return &layoutSource{path, dir, tag}, nil
}

func (s *layoutSource) top(ctx context.Context) ([]byte, string, error) {
	index, err := s.path.ImageIndex()
	if err != nil {
		return nil, "", fmt.Errorf("read index of OCI layout %s: %w", s.dir, err)
	}
	raw, err := index.RawManifest()
	if err != nil {
		return nil, "", fmt.Errorf("read index of OCI layout %s: %w", s.dir, err)
	}
	doc, err := parseManifest(raw, "application/vnd.oci.image.index.v1+json")
	if err != nil {
		return nil, "", fmt.Errorf("index of OCI layout %s: %w", s.dir, err)
	}
	d, err := s.entry(doc.Manifests)
	if err != nil {
		return nil, "", err
	}
	raw, err = s.manifest(ctx, d)
	return raw, d.MediaType, err
}

func (s *layoutSource) entry(entries []descriptor) (descriptor, error) {
	var names []string
	for _, d := range entries {
		if d.Annotations[refNameAnnotation] == s.tag && s.tag != "" {
			return d, nil
		}
		names = append(names, d.Annotations[refNameAnnotation])
	}
	if s.tag == "" && len(entries) == 1 {
		return entries[0], nil
	}
	if len(names) > 5 {
		names = append(names[:5], "…")
	}
	if s.tag == "" {
		return descriptor{}, fmt.Errorf("OCI layout %s holds %d images: name one as oci:%s:TAG (%s)", s.dir, len(entries), s.dir, strings.Join(names, ", "))
	}
	return descriptor{}, fmt.Errorf("OCI layout %s has no image named %q; it has %s", s.dir, s.tag, strings.Join(names, ", "))
}

func (s *layoutSource) manifest(_ context.Context, d descriptor) ([]byte, error) {
	return s.blob(d, maxManifestBytes)
}

func (s *layoutSource) config(_ context.Context, d descriptor) ([]byte, error) {
	return s.blob(d, maxConfigBytes)
}

func (s *layoutSource) blob(d descriptor, limit int64) ([]byte, error) {
	if err := d.validate(); err != nil {
		return nil, err
	}
	if d.Size > limit {
		return nil, fmt.Errorf("%s in OCI layout %s has %d bytes: more than %d", d.Digest, s.dir, d.Size, limit)
	}
	hash, err := v1.NewHash(string(d.Digest))
	if err != nil {
		return nil, err
	}
	raw, err := s.path.Bytes(hash)
	if err != nil {
		return nil, fmt.Errorf("read %s in OCI layout %s: %w", d.Digest, s.dir, err)
	}
	return checked(raw, d)
}
