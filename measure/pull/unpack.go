package pull

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// fetches are the fetches of an image's layers from the first missing one on.
type fetches struct {
	from   int
	stored []chan struct{} // closed when the blob is there
	done   chan struct{}   // closed when all are, or one failed
	err    error           // after done
}

// startFetches lets all layers race, as unpacker.fetch does.
func (p *pull) startFetches(ctx context.Context, list []layer, from int) *fetches {
	f := &fetches{from: from, stored: make([]chan struct{}, len(list)-from), done: make(chan struct{})}
	for i := range f.stored {
		f.stored[i] = make(chan struct{})
	}
	go func() {
		defer close(f.done)
		group, ctx := errgroup.WithContext(ctx)
		for i, l := range list[from:] {
			group.Go(func() error {
				err := p.fetch(ctx, l.blob, layerFetch{})
				if err == nil {
					close(f.stored[i])
				}
				return err
			})
		}
		f.err = group.Wait()
	}()
	return f
}

// wait waits for the blob of the layer at position i.
func (f *fetches) wait(ctx context.Context, i int) error {
	select {
	case <-f.stored[i-f.from]:
		return nil
	case <-f.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if f.err != nil {
		return f.err
	}
	return nil
}

// unpackAll is unpacker.unpack of containerd: layer by layer from the base up.
func (p *pull) unpackAll(ctx context.Context, img *image) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	u := &unpacking{pull: p, layers: img.layers, parallel: p.host.unpacks != nil}
	for i := range img.layers {
		if err = u.top(ctx, i); err != nil {
			cancel()
			break
		}
	}
	err = u.end(err, cancel)
	// What is still fetched is of layers that another pull has unpacked meanwhile:
	// containerd ends that too.
	cancel()
	if u.fetches != nil {
		<-u.fetches.done
	}
	return err
}

// unpacking is an image's layers on their way.
type unpacking struct {
	pull     *pull
	layers   []layer
	parallel bool
	fetches  *fetches
	// begun are the layers that are unpacked at once, from the base up.
	begun []*unpackedLayer
}

// unpackedLayer is a layer that is being unpacked at once with others.
type unpackedLayer struct {
	layer  *layer
	dir    string
	unlock func()
	done   chan struct{}
	err    error
}

// top begins a layer, and with no unpacks at once also finishes it.
func (u *unpacking) top(ctx context.Context, i int) error {
	p, l := u.pull, &u.layers[i]
	begin := p.now()
	unlock, waited, err := p.host.locks.lock(ctx, chainKey(l.chain))
	if waited {
		p.span(simulate.WaitOtherPull, l.digest, begin, 0)
	}
	if err != nil {
		return err
	}
	if p.host.snapshots.has(l.chain) {
		unlock()
		return nil
	}
	dir, err := p.host.snapshots.begin()
	if err != nil {
		unlock()
		return fmt.Errorf("unpack layer %s: %w", l.digest, err)
	}
	if u.fetches == nil {
		u.fetches = p.startFetches(ctx, u.layers, i)
	}
	if u.parallel {
		return u.begin(ctx, i, dir, unlock)
	}
	defer unlock()
	if err := u.fetches.wait(ctx, i); err != nil {
		return errors.Join(err, removeTree(dir))
	}
	begin = p.now()
	n, err := p.apply(ctx, l, dir, u.below(i))
	if err == nil {
		err = p.commit(dir, l)
	}
	if err != nil {
		return errors.Join(p.unpackError(ctx, l, err), removeTree(dir))
	}
	p.span(simulate.Unpack, l.digest, begin, n)
	return nil
}

// below are the directories of the layers below, the nearest first. Layers that are
// unpacked at once do not see them.
func (u *unpacking) below(i int) (dirs []string) {
	for i--; i >= 0 && !u.parallel; i-- {
		dirs = append(dirs, u.pull.host.snapshots.path(u.layers[i].chain))
	}
	return dirs
}

// begin unpacks a layer at once with others. As containerd does, it takes the slot
// before the blob is there, and keeps the chain's lock until the layer is committed.
func (u *unpacking) begin(ctx context.Context, i int, dir string, unlock func()) error {
	p, l := u.pull, &u.layers[i]
	if err := p.host.unpacks.Acquire(ctx, 1); err != nil {
		unlock()
		return errors.Join(err, removeTree(dir))
	}
	b := &unpackedLayer{layer: l, dir: dir, unlock: unlock, done: make(chan struct{})}
	u.begun = append(u.begun, b)
	go func() {
		defer close(b.done)
		defer p.host.unpacks.Release(1)
		if b.err = u.fetches.wait(ctx, i); b.err != nil {
			return
		}
		begin := p.now()
		n, err := p.apply(ctx, l, dir, nil)
		if err != nil {
			b.err = p.unpackError(ctx, l, err)
			return
		}
		p.span(simulate.Unpack, l.digest, begin, n)
	}()
	return nil
}

// end commits what was unpacked at once, from the base up until one failed.
func (u *unpacking) end(err error, cancel func()) error {
	for _, b := range u.begun {
		<-b.done
		if err == nil {
			err = b.err
		}
		if err == nil {
			err = u.pull.commit(b.dir, b.layer)
		}
		if err != nil {
			cancel()
			err = errors.Join(err, removeTree(b.dir))
		}
		b.unlock()
	}
	return err
}

func (p *pull) commit(dir string, l *layer) error {
	p.host.note(chainKey(l.chain))
	if err := p.host.snapshots.commit(dir, l.chain); err != nil {
		return fmt.Errorf("commit chain %s: %w", l.chain, err)
	}
	return nil
}

func (p *pull) unpackError(ctx context.Context, l *layer, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("unpack layer %s: %w", l.digest, err)
}

// apply inflates a layer's blob into a directory, and checks its diffID.
func (p *pull) apply(ctx context.Context, l *layer, dir string, below []string) (unpackedBytes int64, err error) {
	f, err := os.Open(p.host.content.path(l.digest))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	tar, err := p.host.decoder.open(ctx, f)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, tar.Close()) }()
	sum := &summed{r: tar, sum: sha256.New(), limit: p.host.opt.Limits.tarBytes(l.size)}
	skipped, err := extract(ctx, sum, dir, below, p.host.opt.Limits, l.size)
	if err == nil { // what comes after the tar's end
		_, err = io.Copy(io.Discard, sum)
	}
	if err != nil {
		return 0, err
	}
	if got := layers.Digest("sha256:" + hex.EncodeToString(sum.sum.Sum(nil))); got != l.diffID {
		return 0, fmt.Errorf("it unpacks to diffID %s, the config says %s: push the image again", got, l.diffID)
	}
	p.host.leftOut(l.chain, skipped)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unpacked += sum.n
	p.skipped.add(skipped)
	return sum.n, nil
}

// summed computes a digest of what is read, and refuses more than the limit.
type summed struct {
	r        io.Reader
	sum      hash.Hash
	n, limit int64
}

func (s *summed) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	s.sum.Write(b[:n])
	if s.n += int64(n); s.n > s.limit {
		return 0, fmt.Errorf("it unpacks to more than the %d bytes that Limits allow for a blob of its size%s", s.limit, tooMuch)
	}
	return n, err
}
