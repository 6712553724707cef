package layers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A place is where the documents and blobs behind one reference are. What its
// methods return of documents was verified.
type place interface {
	// top returns the document that the reference names. It may use buf.
	top(ctx context.Context, buf []byte) (topDocument, error)
	// manifest returns a child of an index, config a config. They may use buf.
	manifest(ctx context.Context, d *descriptor, buf []byte) ([]byte, error)
	config(ctx context.Context, d *descriptor, buf []byte) ([]byte, error)
	// exact returns a manifest, or else a config, by its digest alone, which the caller
	// verifies.
	exact(ctx context.Context, digest Digest, manifest bool) ([]byte, error)
	// blob opens a layer's blob, which the caller verifies.
	blob(ctx context.Context, l *Layer) (io.ReadCloser, error)
}

// topDocument is an index or a manifest.
type topDocument struct {
	raw       []byte
	mediaType string
	hash      hash
}

// checked refuses a document that is not what its descriptor promises.
func checked(raw []byte, d *descriptor) ([]byte, error) {
	if got := digestOf(raw); got != d.hash.digest() {
		return nil, fmt.Errorf("content of %s has digest %s: it was changed or cut off on the way", d.hash, got)
	}
	if d.size != int64(len(raw)) {
		return nil, fmt.Errorf("%s has %d bytes, its descriptor says %d", d.hash, len(raw), d.size)
	}
	return raw, nil
}

// A worker looks references up one after another and uses its space again.
type worker struct {
	*resolver
	// top, childText and conf hold the documents that index, doc and config were
	// parsed from.
	top, childText, conf []byte
	index, doc           manifestDocument
	config               config
	steps                []jsonText
}

// lookUp finds what a reference means on each platform.
func (w *worker) lookUp(ctx context.Context, reference string, into []result) {
	err := ctx.Err()
	var images dockerSource
	var p place
	if err == nil {
		p, images, err = w.open(ctx, reference)
	}
	switch {
	case err != nil:
	case images != nil:
		err = w.fromDocker(ctx, images, into)
	default:
		err = w.fromPlace(ctx, p, into)
	}
	if err == nil {
		return
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	for i := range into {
		into[i] = result{err: err}
	}
}

// open finds where a reference's image is: in a place with documents, or in a
// source of Docker's that has none.
func (r *resolver) open(ctx context.Context, reference string) (place, dockerSource, error) {
	transport, rest := splitTransport(reference)
	if transport == "docker" {
		p, err := r.registry(reference, rest)
		return p, nil, err
	}
	return r.locals.open(ctx, transport, rest)
}

func (w *worker) fromPlace(ctx context.Context, p place, into []result) error {
	top, err := p.top(ctx, w.top)
	if err != nil {
		return err
	}
	w.top = top.raw
	if err := w.index.parse(top.raw, top.mediaType); err != nil {
		return err
	}
	for i, asked := range w.platforms {
		into[i] = w.image(ctx, p, &w.index, top.hash, hash{}, asked, 0)
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// image walks from a parsed document to the image of a platform.
func (w *worker) image(ctx context.Context, p place, doc *manifestDocument, digest, index hash, asked platform, depth int) result {
	if !doc.isIndex() {
		c, err := w.read(ctx, p, doc, digest)
		if err == nil && c.platform.OS != "" && !c.platform.serves(asked) {
			err = platformErrorf("the image is for %s, not for %s", c.platform, asked)
		}
		return result{content: c, manifest: digest, index: index, err: err}
	}
	// An index may hold indexes; three levels is more than any builder writes.
	if depth == 3 {
		return result{err: errors.New("the index is nested more than 3 levels deep")}
	}
	if depth == 0 {
		index = digest
	}
	children, err := choose(doc.manifests, asked)
	if err != nil {
		return result{err: err}
	}
	soci := doc.hasSOCI()
	var found result
	for i := range children {
		found = w.child(ctx, p, &children[i], index, asked, depth+1)
		found.soci = found.soci || soci
		if _, other := errors.AsType[platformError](found.err); !other {
			return found
		}
	}
	if len(children) > 1 {
		found.err = platformErrorf("the index has no image for %s", asked)
	}
	return found
}

// child reads an index's child, and on from there. It reads into w.doc, of which
// the index may be a part.
func (w *worker) child(ctx context.Context, p place, d *descriptor, index hash, asked platform, depth int) result {
	raw, err := p.manifest(ctx, d, w.childText)
	if err != nil {
		return result{err: err}
	}
	w.childText = raw
	if err := w.doc.parse(raw, d.mediaType); err != nil {
		return result{err: err}
	}
	return w.image(ctx, p, &w.doc, d.hash, index, asked, depth)
}

// platformError says that there is no image for the platform asked for.
type platformError string

func (e platformError) Error() string { return string(e) }

func platformErrorf(format string, args ...any) error {
	return platformError(fmt.Sprintf(format, args...))
}

// hasSOCI says whether an index lists a SOCI index beside its images
// (soci-snapshotter, "SOCI Index Manifest v2").
func (doc *manifestDocument) hasSOCI() bool {
	return slices.ContainsFunc(doc.manifests, func(d descriptor) bool { return d.artifactType == sociV2 || d.mediaType == sociV2 })
}

// maxOpen bounds the children of an index that are read because they state no
// platform; builders write one for each platform.
const maxOpen = 16

// choose returns the children of an index that may serve a platform: the one
// that states it, else the one of the nearest variant that it runs, else the
// nested indexes and images that state none. The descriptors are copies.
func choose(children []descriptor, asked platform) ([]descriptor, error) {
	var open []descriptor
	var have []string
	runs := asked.compatible()
	best := -1
	for i := range children {
		switch d := &children[i]; {
		case !d.isImage():
		case d.platform.OS == "":
			open = append(open, *d)
		case slices.Contains(runs, d.platform.normal()):
			if best < 0 || slices.Index(runs, d.platform.normal()) < slices.Index(runs, children[best].platform.normal()) {
				best = i
			}
		default:
			have = append(have, d.platform.String())
		}
	}
	switch {
	case best >= 0:
		return []descriptor{children[best]}, nil
	case len(open) > maxOpen:
		return nil, fmt.Errorf("the index has %d entries that state no platform: name one of them by its digest", len(open))
	case len(open) > 0:
		return open, nil
	case len(have) == 0:
		return nil, platformErrorf("the index has no image for %s", asked)
	}
	return nil, platformErrorf("the index has no image for %s, only for %s", asked, strings.Join(have, ", "))
}

// A reading is a manifest whose config is being looked up, or was.
type reading struct {
	done    chan struct{}
	content *content
	err     error
}

// A contentKey is a manifest where it is read. Registries are one place: they take a
// manifest only when its config is there. A source on this machine took nothing, so that
// another's copy does not tell what it holds.
type contentKey struct {
	manifest hash
	source   any
}

// sourceOfConfig is the source on this machine of a place; nil for registries.
func (r *resolver) sourceOfConfig(p place) any {
	switch p := p.(type) {
	case *storePlace:
		return p.store
	case *registryPlace:
		if r.opt.served(p.name.Registry) {
			return p.name.Registry
		}
	}
	return nil
}

// read returns what a manifest and its config say. A manifest that many
// references to one source mean is read once.
func (w *worker) read(ctx context.Context, p place, doc *manifestDocument, digest hash) (*content, error) {
	key := contentKey{digest, w.sourceOfConfig(p)}
	for {
		w.mu.Lock()
		known := w.contents[key]
		if known == nil {
			known = &reading{done: make(chan struct{})}
			w.contents[key] = known
			w.mu.Unlock()
			known.content, known.err = w.readConfig(ctx, p, doc, digest)
			if known.err != nil {
				// Another reference may be allowed what this one was not.
				w.mu.Lock()
				delete(w.contents, key)
				w.mu.Unlock()
			}
			close(known.done)
			return known.content, known.err
		}
		w.mu.Unlock()
		select {
		case <-known.done:
			if known.err == nil {
				return known.content, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w *worker) readConfig(ctx context.Context, p place, doc *manifestDocument, digest hash) (*content, error) {
	raw, err := p.config(ctx, &doc.config, w.conf)
	if err != nil {
		return nil, err
	}
	w.conf = raw
	if err := w.config.parse(raw, len(doc.layers)); err != nil {
		return nil, err
	}
	w.steps = w.config.createdBy(w.steps[:0])
	return w.table.intern(digest, doc, &w.config, w.steps), nil
}
