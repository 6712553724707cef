package tarscan

import (
	"io"
	"sync/atomic"
)

// A belt hands blocks of bytes from one goroutine to the next through a few
// buffers that go round, so that memory is bounded and nothing is copied.
//
// The producer calls buffer, fills it, sends it, and at last closes the belt,
// always. The consumer receives until the belt is closed and recycles each block.
type belt struct {
	full chan item
	free chan []byte
	done <-chan struct{}
}

// item is a block with how much of the blob it and those before it took.
type item struct {
	block      []byte
	compressed int64
}

// Three buffers keep both sides busy, a fourth evens out their steps. Blocks of
// 64 KiB cost three times the switching, larger ones than 256 KiB gain nothing.
const (
	beltBuffers = 4
	blockBytes  = 256 << 10
)

// newBelt returns a belt that stops handing out buffers when done is closed.
func newBelt(done <-chan struct{}) *belt {
	b := &belt{full: make(chan item, beltBuffers), free: make(chan []byte, beltBuffers), done: done}
	for range beltBuffers {
		b.free <- nil // made when first used: most layers are smaller than one block
	}
	return b
}

// buffer returns an empty buffer, or nil when the belt was stopped.
func (b *belt) buffer() []byte {
	select {
	case <-b.done:
		return nil
	default:
	}
	select {
	case <-b.done:
		return nil
	case buf := <-b.free:
		if buf == nil {
			buf = make([]byte, blockBytes)
		}
		return buf[:blockBytes]
	}
}

// send hands a block on; it never blocks, since full has room for all buffers.
func (b *belt) send(block []byte, compressed int64) { b.full <- item{block, compressed} }

func (b *belt) close() { close(b.full) }

// receive waits for the next block; false means that there is none.
func (b *belt) receive() (block []byte, compressed int64, ok bool) {
	i, ok := <-b.full
	return i.block, i.compressed, ok
}

// recycle takes a received block back.
func (b *belt) recycle(block []byte) { b.free <- block }

// drain receives what is left.
func (b *belt) drain() {
	for {
		block, _, ok := b.receive()
		if !ok {
			return
		}
		b.recycle(block)
	}
}

// beltReader reads a belt's blocks as a stream.
type beltReader struct {
	belt  *belt
	block []byte       // as received, nil when used up
	rest  []byte       // what of it is unread
	taken atomic.Int64 // bytes read
}

func (r *beltReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if !r.next() {
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	r.taken.Add(int64(n))
	return n, nil
}

func (r *beltReader) next() bool {
	r.release()
	block, _, ok := r.belt.receive()
	if !ok {
		return false
	}
	r.block, r.rest = block, block
	return true
}

// release gives the current block back.
func (r *beltReader) release() {
	if r.block != nil {
		r.belt.recycle(r.block)
		r.block, r.rest = nil, nil
	}
}
