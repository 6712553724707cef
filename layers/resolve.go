package layers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"
)

// Options say how references are looked up. The zero value looks on the network
// for linux/amd64 with the user's docker credentials.
type Options struct {
	// Platforms are os/arch[/variant]; empty means DefaultPlatform.
	Platforms []string
	// Registries are served in plain HTTP at an address (host:port) of the
	// caller's, so that references keep their names.
	Registries map[string]string
	// Aliases fetch a registry under another name; the Inventory keeps the
	// original one.
	Aliases map[string]string
	// PlainHTTP names registries that speak HTTP without TLS.
	PlainHTTP []string
	// Jobs is how many references are looked up at once; 0 means 16.
	Jobs int
	// Keychain finds credentials; nil means the docker configuration.
	Keychain authn.Keychain
	// Sizes are measured unpacked sizes of layers, by digest.
	Sizes map[Digest]Measurement
	// Digests are looked up in place of what a reference's tag means now.
	Digests map[string]Digest
	// Now is recorded as the time of resolution.
	Now time.Time
	// Progress is called after each reference, from one goroutine at a time.
	Progress func(done, total int)
}

const defaultJobs = 16

func (o *Options) jobs() int {
	if o.Jobs > 0 {
		return o.Jobs
	}
	return defaultJobs
}

// normal has its registries' names as references have them: docker.io is
// index.docker.io.
func (o Options) normal() Options {
	normal := func(m map[string]string) map[string]string {
		n := make(map[string]string, len(m))
		for host, to := range m {
			n[normalRegistry(host)] = to
		}
		return n
	}
	o.Registries, o.Aliases = normal(o.Registries), normal(o.Aliases)
	o.PlainHTTP = slices.Clone(o.PlainHTTP)
	for i, host := range o.PlainHTTP {
		o.PlainHTTP[i] = normalRegistry(host)
	}
	return o
}

func (o *Options) served(host string) bool {
	if _, ok := o.Registries[host]; ok {
		return true
	}
	name, _, _ := strings.Cut(host, ":")
	_, ok := o.Registries[name]
	return ok
}

func (o *Options) plainHTTP(host string) bool {
	for _, h := range o.PlainHTTP {
		if h == host {
			return true
		}
	}
	return o.served(host)
}

func (o *Options) platforms() ([]platform, error) {
	if len(o.Platforms) == 0 {
		o.Platforms = []string{DefaultPlatform}
	}
	all := make([]platform, len(o.Platforms))
	for i, s := range o.Platforms {
		p, err := parsePlatform(s)
		if err != nil {
			return nil, err
		}
		all[i] = p
	}
	return all, nil
}

// Resolve looks up references on each platform and returns their Inventory.
// References that cannot be read are listed in Unresolved and do not stop the
// rest. When ctx ends, Resolve returns what it has, the remaining references as
// unresolved, and the context's error. The Inventory does not depend on the
// order in which registries answer.
func Resolve(ctx context.Context, references []string, opt Options) (*Inventory, error) {
	opt = opt.normal()
	platforms, err := opt.platforms()
	if err != nil {
		return nil, err
	}
	c, err := newClient(&opt)
	if err != nil {
		return nil, err
	}
	found := make([]resolved, len(references))
	var progress sync.Mutex
	done := 0
	var group errgroup.Group
	group.SetLimit(opt.jobs())
	for i, ref := range references {
		group.Go(func() error {
			found[i] = c.resolve(ctx, ref, platforms)
			progress.Lock()
			defer progress.Unlock()
			done++
			if opt.Progress != nil {
				opt.Progress(done, len(references))
			}
			return nil
		})
	}
	group.Wait()
	return collect(references, found, &opt), ctx.Err()
}

// resolved is what one reference led to.
type resolved struct {
	images []foundImage
	errs   []error
}

type foundImage struct {
	image    Image
	manifest *manifestDocument
	config   *config
}

func (c *client) resolve(ctx context.Context, reference string, platforms []platform) (r resolved) {
	src, err := c.open(reference)
	if err != nil {
		return resolved{errs: []error{err}}
	}
	raw, contentType, err := src.top(ctx)
	if err != nil {
		return resolved{errs: []error{err}}
	}
	for _, p := range platforms {
		img, err := lookUp(ctx, src, raw, contentType, p)
		if err != nil {
			r.errs = append(r.errs, err)
			continue
		}
		img.image.Reference = reference
		r.images = append(r.images, img)
	}
	return r
}

func (c *client) open(reference string) (source, error) {
	switch transport, rest := splitTransport(reference); transport {
	case "docker":
		return c.source(rest, c.opt.Digests[reference])
	case "oci":
		return newLayoutSource(rest)
	default:
		return nil, fmt.Errorf("%s: is not read yet; name the image in a registry or as oci:DIR:TAG", transport)
	}
}

// lookUp walks from the document raw to the image of platform p.
func lookUp(ctx context.Context, src source, raw []byte, contentType string, p platform) (foundImage, error) {
	doc, err := parseManifest(raw, contentType)
	if err != nil {
		return foundImage{}, err
	}
	var index Digest
	// An index may hold indexes; three levels is more than any builder writes.
	for depth := 0; doc.isIndex(); depth++ {
		if depth == 3 {
			return foundImage{}, errors.New("the index is nested more than 3 levels deep")
		}
		if index == "" {
			index = digestOf(raw)
		}
		child, err := choose(doc.Manifests, p)
		if err != nil {
			return foundImage{}, err
		}
		if raw, err = src.manifest(ctx, child); err != nil {
			return foundImage{}, err
		}
		if doc, err = parseManifest(raw, child.MediaType); err != nil {
			return foundImage{}, err
		}
	}
	return finish(ctx, src, doc, raw, index, p)
}

// choose returns the child of an index that serves platform p: the one that
// states it, else a nested index or a child that states no platform.
func choose(children []descriptor, p platform) (descriptor, error) {
	var open []descriptor
	var have []string
	for _, d := range children {
		switch {
		case !d.isImage():
		case d.Platform == nil || d.Platform.OS == "":
			open = append(open, d)
		case d.Platform.equal(p):
			return d, nil
		default:
			have = append(have, d.Platform.String())
		}
	}
	if len(open) == 1 {
		return open[0], nil
	}
	if len(have) == 0 {
		return descriptor{}, fmt.Errorf("the index has no image for %s", p)
	}
	return descriptor{}, fmt.Errorf("the index has no image for %s, only for %s", p, strings.Join(have, ", "))
}

func finish(ctx context.Context, src source, doc *manifestDocument, raw []byte, index Digest, p platform) (foundImage, error) {
	rawConfig, err := src.config(ctx, doc.Config)
	if err != nil {
		return foundImage{}, err
	}
	conf, err := parseConfig(rawConfig, len(doc.Layers))
	if err != nil {
		return foundImage{}, err
	}
	if conf.OS != "" && !conf.serves(p) {
		return foundImage{}, fmt.Errorf("the image is for %s, not for %s", conf.platform, p)
	}
	img := Image{
		Digest: digestOf(raw), IndexDigest: index, Platform: p.String(),
		MediaType: doc.MediaType, ConfigDigest: doc.Config.Digest,
	}
	if conf.Created != nil {
		img.CreatedAt = conf.Created.UTC()
	}
	return foundImage{img, doc, conf}, nil
}

// collect interns the layers in the order of the references.
func collect(references []string, found []resolved, opt *Options) *Inventory {
	inv := &Inventory{ResolvedAt: opt.Now.UTC(), Images: []Image{}, Layers: []Layer{}}
	table := make(map[Digest]int)
	for i, r := range found {
		for _, img := range r.images {
			steps := img.config.createdBy()
			img.image.Layers = make([]int, len(img.manifest.Layers))
			for j, d := range img.manifest.Layers {
				id, ok := table[d.Digest]
				if !ok {
					id = len(inv.Layers)
					table[d.Digest] = id
					inv.Layers = append(inv.Layers, newLayer(d, img.config.RootFS.DiffIDs[j], steps[j], opt.Sizes))
				}
				img.image.Layers[j] = id
			}
			inv.Images = append(inv.Images, img.image)
		}
		for _, err := range r.errs {
			inv.Unresolved = append(inv.Unresolved, Unresolved{references[i], reason(err)})
		}
	}
	inv.shareSizes()
	return inv
}

// shareSizes gives layers of one diffID one unpacked size: they are the same
// tar. A measured size holds for all, else the first estimate.
func (inv *Inventory) shareSizes() {
	known := make(map[Digest]int)
	for i, l := range inv.Layers {
		first, ok := known[l.diffID()]
		if !ok || inv.Layers[first].UnpackedSource == Estimated && l.UnpackedSource == Measured {
			known[l.diffID()] = i
		}
	}
	for i := range inv.Layers {
		l, from := &inv.Layers[i], &inv.Layers[known[inv.Layers[i].diffID()]]
		l.UnpackedBytes, l.UnpackedSource, l.UnpackedMethod, l.Files = from.UnpackedBytes, from.UnpackedSource, from.UnpackedMethod, from.Files
	}
}

func newLayer(d descriptor, diffID Digest, createdBy string, sizes map[Digest]Measurement) Layer {
	l := Layer{Digest: d.Digest, DiffID: diffID, MediaType: d.MediaType, CompressedBytes: d.Size, CreatedBy: createdBy}
	if m, ok := sizes[d.Digest]; ok {
		l.UnpackedBytes, l.Files, l.UnpackedSource = &m.UnpackedBytes, &m.Files, Measured
		return l
	}
	l.estimate()
	return l
}

// reason words an error for a list: what to do about it where that is known.
func reason(err error) string {
	var te *transport.Error
	switch {
	case errors.Is(err, context.Canceled):
		return "not looked up: interrupted"
	case errors.Is(err, context.DeadlineExceeded):
		return "not looked up: out of time"
	case errors.As(err, &te):
		return fmt.Sprintf("the registry answers %d %s%s%s", te.StatusCode, http.StatusText(te.StatusCode), diagnosis(te), advice(te.StatusCode))
	}
	return err.Error()
}

// diagnosis is what the registry says about it, by the distribution
// specification's codes; its details may hold anything and are left out.
func diagnosis(te *transport.Error) string {
	var codes []string
	for _, d := range te.Errors {
		codes = append(codes, string(d.Code))
	}
	if len(codes) == 0 {
		return ""
	}
	return ", " + strings.Join(codes, ", ")
}

func advice(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return " (log in with docker login, or check that the repository exists)"
	case http.StatusNotFound:
		return " (no such repository or tag)"
	case http.StatusTooManyRequests:
		return " (the registry limits requests: log in, or try later)"
	}
	return ""
}
