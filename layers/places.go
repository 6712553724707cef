package layers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
)

// places tell where each layer of an Inventory can be read: at the first image
// that has it.
type places struct {
	resolver *resolver
	inv      *Inventory
	// image is by layer, the position of the first image that has it.
	image []int
}

func (r *resolver) placesOf(inv *Inventory) *places {
	p := &places{resolver: r, inv: inv, image: make([]int, len(inv.Layers))}
	for i := range slices.Backward(inv.Images) {
		for _, l := range inv.Images[i].Layers {
			p.image[l] = i
		}
	}
	return p
}

// open opens the blob of a layer.
func (p *places) open(ctx context.Context, layer int) (io.ReadCloser, error) {
	l := &p.inv.Layers[layer]
	reference := p.inv.Images[p.image[layer]].Reference
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

// end returns the last bytes of a layer's blob.
func (p *places) end(ctx context.Context, layer int) ([]byte, error) {
	l := &p.inv.Layers[layer]
	from := max(0, l.CompressedBytes-trailerBytes)
	place, _, err := p.resolver.open(ctx, p.inv.Images[p.image[layer]].Reference)
	if err != nil {
		return nil, err
	}
	if registry, ok := place.(*registryPlace); ok {
		return registry.trailerOf(ctx, p.resolver, l, from)
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
// content tells: the reader returns which it is, or -1. It reads what it needs
// before it returns.
type reader func(ctx context.Context, layers []int, sure bool, blob io.Reader, err error) int

// errEnough ends an export of which nothing more is wanted.
var errEnough = errors.New("enough was read")

// jobs returns what is to be done to read the layers given, each once: a job for
// each layer, but for those of an engine's image, which come in one export.
func (p *places) jobs(layers []int) (jobs []func(ctx context.Context, read reader)) {
	exports := make(map[string][]int)
	for _, layer := range layers {
		reference := p.inv.Images[p.image[layer]].Reference
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
	if engine, ok := docker.(*engineImage); ok && err == nil {
		_, err = engine.docker.Export(ctx, engine.name, func(_ string, blob io.Reader) error {
			if got := read(ctx, left, false, blob, nil); got >= 0 {
				left = slices.DeleteFunc(left, func(l int) bool { return l == got })
			}
			if len(left) == 0 {
				return errEnough
			}
			return ctx.Err()
		})
	}
	if err == nil {
		err = fmt.Errorf("the engine's export of %s has no layer of that diffID", reference)
	}
	for _, layer := range left {
		read(ctx, []int{layer}, true, nil, err)
	}
}
