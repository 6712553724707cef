package simulate

// portion is what a node has of a segment: its chains unpacked, and its layers as
// blobs.
type portion struct{ chains, blobs holding }

// holding says by bits which are present, unpacked or stored, and which are
// claimed, about to be by a pull; refs counts the images and pulls that need them.
// Images and pulls have numbers of 31 bits, so that refs cannot overflow.
type holding struct{ present, claimed, refs uint32 }

// The states of a chain or a blob.
const (
	absent = iota
	present
	claimed
)

func (h *holding) state(bit uint32) uint8 {
	switch {
	case h.present&bit != 0:
		return present
	case h.claimed&bit != 0:
		return claimed
	}
	return absent
}

// set makes a bit present; false where it was.
func (h *holding) set(bit uint32) bool {
	was := h.present & bit
	h.claimed &^= bit
	h.present |= bit
	return was == 0
}

// need counts so many more that need it, or less, and returns what goes since
// nobody needs it any more.
func (h *holding) need(by int) (gone uint32) {
	if h.refs = uint32(int(h.refs) + by); h.refs > 0 {
		return 0
	}
	gone, h.present = h.present, 0
	return gone
}
