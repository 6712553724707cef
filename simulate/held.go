package simulate

import "github.com/cachebench/cachebench/internal/table"

// heldImages are the images that a node has, all their layers unpacked. Those that
// no start uses stand in a list by last use, longest ago first.
type heldImages struct {
	images table.Sparse[heldImage]
	// first and last of the idle ones, as previous and next are.
	first, last int32
}

// heldImage is the zero value where the image is not held.
type heldImage struct {
	held  bool
	users int32
	// previous and next are the neighbours among the idle, by their images and 1;
	// 0 where there is none.
	previous, next int32
}

func (h *heldImages) has(image int) bool {
	x := h.images.Find(int32(image))
	return x != nil && x.held
}

// add holds an image more, which a start begins to use; without one it is idle.
func (h *heldImages) add(image int, used bool) {
	x := h.images.At(int32(image))
	*x = heldImage{held: true}
	if used {
		x.users = 1
	} else {
		h.enlist(image, x)
	}
}

// use notes that one more start uses an image.
func (h *heldImages) use(image int) {
	x := h.images.At(int32(image))
	if x.users++; x.users == 1 {
		h.unlist(*x)
		x.previous, x.next = 0, 0
	}
}

// leave notes that one start less does.
func (h *heldImages) leave(image int) {
	x := h.images.At(int32(image))
	if x.users--; x.users == 0 {
		h.enlist(image, x)
	}
}

// touch makes an image that is idle the one last used.
func (h *heldImages) touch(image int) {
	if h.images.At(int32(image)).users == 0 {
		h.use(image)
		h.leave(image)
	}
}

// drop forgets the image that has been idle for longest; false where all are in
// use.
func (h *heldImages) drop() (image int, ok bool) {
	if h.first == 0 {
		return 0, false
	}
	id := h.first - 1
	x := h.images.At(id)
	h.unlist(*x)
	*x = heldImage{}
	return int(id), true
}

func (h *heldImages) enlist(image int, x *heldImage) {
	x.previous = h.last
	h.last = int32(image) + 1
	*h.nextOf(x.previous) = h.last
}

func (h *heldImages) unlist(x heldImage) {
	*h.nextOf(x.previous) = x.next
	if x.next == 0 {
		h.last = x.previous
	} else {
		h.images.At(x.next - 1).previous = x.previous
	}
}

func (h *heldImages) nextOf(previous int32) *int32 {
	if previous == 0 {
		return &h.first
	}
	return &h.images.At(previous - 1).next
}
