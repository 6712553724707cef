package layers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// places tell where each layer of an Inventory can be read.
type places struct {
	resolver *resolver
	inv      *Inventory
	// holders are by layer the images to read it from, in the order in which they
	// are tried: those on this machine first. Of several images in one
	// repository the first stands for all.
	holders [][]int
}

// maxHolders bounds the places where a layer is looked for.
const maxHolders = 4

func (r *resolver) placesOf(inv *Inventory) *places {
	p := &places{resolver: r, inv: inv, holders: make([][]int, len(inv.Layers))}
	sources := make([]string, len(inv.Images))
	for i := range inv.Images {
		sources[i] = sourceOf(inv.Images[i].Reference)
	}
	for _, remote := range []bool{false, true} {
		for i := range inv.Images {
			if isRemote(inv.Images[i].Reference) != remote {
				continue
			}
			for _, l := range inv.Images[i].Layers {
				known := slices.ContainsFunc(p.holders[l], func(other int) bool { return sources[other] == sources[i] })
				if !known && len(p.holders[l]) < maxHolders {
					p.holders[l] = append(p.holders[l], i)
				}
			}
		}
	}
	return p
}

// sourceOf is what references to one place have in common: the repository, or
// the file or directory. Each image of an engine is a source of its own.
func sourceOf(reference string) string {
	transport, rest := splitTransport(reference)
	switch transport {
	case "docker":
		if n, err := ParseName(rest); err == nil {
			return n.RepositoryName()
		}
	case "oci", "oci-archive", "docker-archive":
		path, _ := splitPath(rest)
		return transport + ":" + path
	}
	return reference
}

func isRemote(reference string) bool {
	transport, _ := splitTransport(reference)
	return transport == "docker"
}

// open opens the blob of a layer at the first of its holders that gives it.
func (p *places) open(ctx context.Context, layer int) (blob io.ReadCloser, err error) {
	var errs []error
	for _, holder := range p.holders[layer] {
		if blob, err = p.openAt(ctx, holder, &p.inv.Layers[layer]); err == nil {
			return blob, nil
		}
		errs = append(errs, err)
	}
	// The last is the registry's, where there is one.
	return nil, errs[len(errs)-1]
}

func (p *places) openAt(ctx context.Context, image int, l *Layer) (io.ReadCloser, error) {
	reference := p.inv.Images[image].Reference
	place, docker, err := p.resolver.open(ctx, reference)
	if err != nil {
		return nil, err
	}
	if docker == nil {
		return place.blob(ctx, l)
	}
	if archive, ok := docker.(*archivedImage); ok {
		return archive.blob(ctx, l)
	}
	return nil, fmt.Errorf("image %s is an engine's, which gives layers only in one export", reference)
}

// registry is the registry that a layer's end is read from; false where the
// layer is on this machine.
func (p *places) registry(ctx context.Context, layer int) (*registryPlace, bool) {
	place, _, err := p.resolver.open(ctx, p.inv.Images[p.holders[layer][0]].Reference)
	registry, ok := place.(*registryPlace)
	return registry, ok && err == nil
}

// end returns the last bytes of a layer's blob.
func (p *places) end(ctx context.Context, layer int) ([]byte, error) {
	l := &p.inv.Layers[layer]
	from := max(0, l.CompressedBytes-trailerBytes)
	if registry, ok := p.registry(ctx, layer); ok {
		end, _, err := registry.client.Range(ctx, registry.repo, string(l.Digest), from, l.CompressedBytes-from)
		return end, err
	}
	blob, err := p.open(ctx, layer)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	at, ok := blob.(io.ReaderAt)
	if !ok {
		return nil, fmt.Errorf("the source of layer %s is only read from its beginning", l.Digest)
	}
	end := make([]byte, l.CompressedBytes-from)
	_, err = at.ReadAt(end, from)
	return end, err
}

// A reader takes the blob of a layer, or why there is none. With sure it is that
// of the first of layers; else it may be of any of them or of none, and its
// content tells: the reader returns which it is, or -1 and, where that is so,
// why its content could not be read. It reads what it needs before it returns.
type reader func(ctx context.Context, layers []int, sure bool, blob io.Reader, err error) (int, error)

// errEnough ends an export of which nothing more is wanted.
var errEnough = errors.New("enough was read")

// jobs returns what is to be done to read the layers given, each once: a job for
// each layer, but for those of an engine's image, which come in one export.
func (p *places) jobs(layers []int) (jobs []func(ctx context.Context, read reader)) {
	exports := make(map[string][]int)
	for _, layer := range layers {
		reference := p.inv.Images[p.holders[layer][0]].Reference
		if transport, _ := splitTransport(reference); transport == "docker-daemon" {
			exports[reference] = append(exports[reference], layer)
			continue
		}
		jobs = append(jobs, func(ctx context.Context, read reader) { p.read(ctx, layer, read) })
	}
	for _, reference := range sortedKeys(exports) {
		jobs = append(jobs, func(ctx context.Context, read reader) { p.export(ctx, reference, exports[reference], read) })
	}
	return jobs
}

func (p *places) read(ctx context.Context, layer int, read reader) {
	blob, err := p.open(ctx, layer)
	if err != nil {
		read(ctx, []int{layer}, true, nil, err)
		return
	}
	defer blob.Close()
	read(ctx, []int{layer}, true, blob, nil)
}

// export reads the layers of an engine's image. Their names in the export need
// not tell which they are.
func (p *places) export(ctx context.Context, reference string, layers []int, read reader) {
	_, docker, err := p.resolver.open(ctx, reference)
	left := slices.Clone(layers)
	var unread error
	if engine, ok := docker.(*engineImage); ok && err == nil {
		_, err = engine.docker.Export(ctx, engine.name, func(_ string, blob io.Reader) error {
			got, err := read(ctx, left, false, blob, nil)
			if got >= 0 {
				left = slices.DeleteFunc(left, func(l int) bool { return l == got })
			}
			unread = cmp.Or(unread, err)
			if len(left) == 0 {
				return errEnough
			}
			return ctx.Err()
		})
	}
	switch {
	case err == nil && unread != nil:
		err = fmt.Errorf("the engine's export of %s has a layer that cannot be read: %w", reference, unread)
	case err == nil:
		err = fmt.Errorf("the engine's export of %s has no layer of that diffID", reference)
	}
	for _, layer := range left {
		read(ctx, []int{layer}, true, nil, err)
	}
}
