package layers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cachebench/cachebench/layers/distribution"
	"github.com/cachebench/cachebench/layers/docstore"
)

// registryPlace is one reference in a registry. What it fetches is kept in the
// store, where there is one.
type registryPlace struct {
	client *distribution.Client
	repo   distribution.Repository
	// store is nil for registries that the caller serves.
	store   *docstore.Store
	offline bool
	name    Name
	// untagged says that no tag was given, so that latest is meant.
	untagged bool
	// pinned is where the digest stands that was put in place of a tag; empty for none.
	pinned string
}

// registry finds where a reference is to be fetched; a locked digest takes the
// place of its tag.
func (r *resolver) registry(reference, rest string) (*registryPlace, error) {
	n, err := r.names.parse(rest)
	if err != nil {
		return nil, err
	}
	if to, ok := r.opt.Aliases[n.Registry]; ok {
		n.Registry = normalRegistry(to)
	}
	pinned := ""
	if locked := r.opt.Digests[reference]; locked != "" {
		n.Digest, pinned = locked, cmp.Or(r.opt.DigestPlaces[reference], "the lock")
	}
	p := &registryPlace{
		client: r.client, name: n, repo: distribution.Repository{Host: n.Registry, Path: n.Repository},
		store: r.opt.Store, offline: r.opt.Offline,
		untagged: n.untagged(rest), pinned: pinned,
	}
	if r.opt.served(n.Registry) {
		p.store, p.offline = nil, false
	}
	return p, nil
}

// errOffline ends the errors of what an offline run lacks.
var errOffline = errors.New("look it up once without --offline")

func (p *registryPlace) top(ctx context.Context, buf []byte) (topDocument, error) {
	if p.name.Digest != "" {
		return p.byDigest(ctx, buf)
	}
	reference := p.name.String()
	meaning, known := docstore.Meaning{}, false
	if p.store != nil {
		meaning, known = p.store.Meaning(reference)
	}
	if p.offline {
		if !known {
			return topDocument{}, fmt.Errorf("what %s means was never looked up here: %w", reference, errOffline)
		}
		return p.stored(meaning, buf)
	}
	// A tag whose content is known is asked for by HEAD, which registries with a
	// rate limit do not count.
	if known && p.store.Has(meaning.Digest) {
		digest, _, _, err := p.client.Head(ctx, p.repo, p.name.Tag)
		if err != nil && !refusesHead(err) {
			return topDocument{}, err
		}
		if err == nil && digest == meaning.Digest {
			if doc, err := p.stored(meaning, buf); err == nil {
				p.means(reference, meaning)
				return doc, nil
			}
		}
	}
	got, err := p.client.Manifest(ctx, p.repo, p.name.Tag, buf)
	if err != nil {
		return topDocument{}, p.noted(err)
	}
	doc, err := received(got)
	if err == nil && p.store != nil {
		p.store.PutVerified(got.Digest, got.Body)
		p.means(reference, docstore.Meaning{Digest: got.Digest, MediaType: got.ContentType})
	}
	return doc, err
}

// refusesHead says whether a HEAD failed by an answer that a GET may not get: some
// registries, and proxies before them, know no HEAD.
func refusesHead(err error) bool {
	fault, ok := errors.AsType[*distribution.Error](err)
	if !ok {
		return false
	}
	switch fault.Status {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

// noted says of an image that is not found that its tag was never given.
func (p *registryPlace) noted(err error) error {
	fault, ok := errors.AsType[*distribution.Error](err)
	if !ok || !p.untagged || !errors.Is(err, distribution.ErrNotFound) {
		return err
	}
	with := *fault
	with.Advice = "no such repository, or no tag latest in it, which stands where none is given: name the tag"
	return &with
}

// noPin says of a pinned digest that the registry has deleted it: its tag may well be there,
// with another.
func (p *registryPlace) noPin(err error) error {
	fault, ok := errors.AsType[*distribution.Error](err)
	if !ok || p.pinned == "" || !errors.Is(err, distribution.ErrNotFound) {
		return err
	}
	with := *fault
	with.Advice = fmt.Sprintf("digest %s, which %s pins, is gone: name a tag that is there, or take that reference out of the lock to look its tag up as it is now", p.name.Digest, p.pinned)
	return &with
}

// means notes what the reference means now, whatever time Options.Now pretends.
func (p *registryPlace) means(reference string, m docstore.Meaning) {
	m.At = time.Now()
	p.store.PutMeaning(reference, m)
}

func received(got distribution.Document) (topDocument, error) {
	h, ok := parseHash([]byte(got.Digest))
	if !ok {
		return topDocument{}, fmt.Errorf("digest %q is not sha256: and 64 hex digits", got.Digest)
	}
	return topDocument{raw: got.Body, mediaType: got.ContentType, hash: h}, nil
}

// stored returns the document of a meaning from the store.
func (p *registryPlace) stored(m docstore.Meaning, buf []byte) (topDocument, error) {
	h, ok := parseHash([]byte(m.Digest))
	raw, found := p.store.Document(m.Digest, buf)
	if !ok || !found {
		return topDocument{}, fmt.Errorf("%s is no longer kept here: %w", m.Digest, errOffline)
	}
	return topDocument{raw: raw, mediaType: m.MediaType, hash: h}, nil
}

func (p *registryPlace) byDigest(ctx context.Context, buf []byte) (topDocument, error) {
	h, ok := parseHash([]byte(p.name.Digest))
	if !ok {
		return topDocument{}, p.name.Digest.Validate()
	}
	if p.store != nil {
		if raw, ok := p.store.Document(string(p.name.Digest), buf); ok {
			return topDocument{raw: raw, hash: h}, nil
		}
	}
	if p.offline {
		return topDocument{}, fmt.Errorf("%s is not kept here: %w", p.name, errOffline)
	}
	got, err := p.client.Manifest(ctx, p.repo, string(p.name.Digest), buf)
	if err != nil {
		return topDocument{}, p.noPin(err)
	}
	if p.store != nil {
		p.store.PutVerified(got.Digest, got.Body)
	}
	return received(got)
}

func (p *registryPlace) manifest(ctx context.Context, d *descriptor, buf []byte) ([]byte, error) {
	return p.document(ctx, d, "manifest", buf, func(digest string) ([]byte, error) {
		got, err := p.client.Manifest(ctx, p.repo, digest, buf)
		return got.Body, err
	})
}

func (p *registryPlace) config(ctx context.Context, d *descriptor, buf []byte) ([]byte, error) {
	return p.document(ctx, d, "config", buf, func(digest string) ([]byte, error) {
		return p.client.Document(ctx, p.repo, digest, d.size, buf)
	})
}

// document returns a document by its digest, from the store or else fetched.
func (p *registryPlace) document(ctx context.Context, d *descriptor, what string, buf []byte, fetch func(digest string) ([]byte, error)) ([]byte, error) {
	if d.size > distribution.MaxConfigBytes {
		return nil, fmt.Errorf("%s %s is of %d bytes: no image has such a one", what, d.hash, d.size)
	}
	digest := string(d.hash.digest())
	if p.store != nil {
		if raw, ok := p.store.Document(digest, buf); ok {
			return raw, sized(raw, d)
		}
	}
	if p.offline {
		return nil, fmt.Errorf("%s %s is not kept here: %w", what, digest, errOffline)
	}
	raw, err := fetch(digest)
	if err != nil {
		return nil, err
	}
	if p.store != nil {
		p.store.PutVerified(digest, raw)
	}
	return raw, sized(raw, d)
}

// sized refuses a document whose size is not the one that its descriptor
// states; its digest was checked.
func sized(raw []byte, d *descriptor) error {
	if d.size != int64(len(raw)) {
		return fmt.Errorf("%s has %d bytes, its descriptor says %d", d.hash, len(raw), d.size)
	}
	return nil
}

func (p *registryPlace) blob(ctx context.Context, l *Layer) (io.ReadCloser, error) {
	if p.offline {
		return nil, fmt.Errorf("a registry's layer cannot be read offline: %w", errOffline)
	}
	return p.client.Blob(ctx, p.repo, string(l.Digest), l.CompressedBytes)
}
