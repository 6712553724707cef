package simulate

import "github.com/cachebench/cachebench/internal/table"

// heldImages are the images that a node has, all their layers unpacked, and which
// of them no start uses, in order of their last use.
type heldImages struct {
	images table.Sparse[heldImage]
	count  int
	// idle has a record for each time that an image became idle, from first on. An
	// older record of an image that has another, or is in use again, is skipped:
	// so that using an image touches no other.
	idle  []int32
	first int
}

// heldImage is zero where the image is not held: one that is has users or records.
type heldImage struct{ users, records int32 }

func (h *heldImages) has(image int) bool {
	x := h.images.Find(int32(image))
	return x != nil && *x != heldImage{}
}

// add holds an image more, which a start begins to use; without one it is idle.
func (h *heldImages) add(image int, used bool) {
	h.count++
	if used {
		h.images.At(int32(image)).users = 1
	} else {
		h.record(int32(image), h.images.At(int32(image)))
	}
}

// use notes that one more start uses an image.
func (h *heldImages) use(image int) { h.images.At(int32(image)).users++ }

// leave notes that one start less does.
func (h *heldImages) leave(image int) {
	x := h.images.At(int32(image))
	if x.users--; x.users == 0 {
		h.record(int32(image), x)
	}
}

// touch makes an image that is idle the one last used.
func (h *heldImages) touch(image int) {
	if x := h.images.At(int32(image)); x.users == 0 {
		h.record(int32(image), x)
	}
}

func (h *heldImages) record(image int32, x *heldImage) {
	x.records++
	h.idle = append(h.idle, image)
	const least = 64
	if len(h.idle) < max(least, 2*h.count) {
		return
	}
	kept := h.idle[:0]
	for _, image := range h.idle[h.first:] {
		if h.skip(image) {
			continue
		}
		h.images.At(image).records = 1
		kept = append(kept, image)
	}
	h.idle, h.first = kept, 0
}

// skip takes an image's first record, and says whether it has another or is in use.
func (h *heldImages) skip(image int32) bool {
	x := h.images.At(image)
	x.records--
	return x.records > 0 || x.users > 0
}

// drop forgets the image that has been idle for longest; false where all are in
// use.
func (h *heldImages) drop() (image int, ok bool) {
	for h.first < len(h.idle) {
		image := h.idle[h.first]
		h.first++
		if !h.skip(image) {
			h.count--
			return int(image), true
		}
	}
	return 0, false
}
