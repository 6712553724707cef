package cachebench

import (
	"cmp"
	"slices"

	"github.com/cachebench/cachebench/internal/segment"
	"github.com/cachebench/cachebench/internal/table"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// poolDisks are the disks of the nodes of a pool.
type poolDisks struct {
	images *imageLayers
	// bytes are those of each segment on a disk.
	bytes []int64
	// high and low are the bytes at which images are evicted, and until which.
	high, low float64
	disks     []nodeDisk
	// holders are the nodes that have each image.
	holders []nodeSet
}

// nodeDisk is the disk of a node.
type nodeDisk struct {
	held table.Sparse[placedImage]
	// needed counts the images on it that have each segment.
	needed table.Sparse[int32]
	bytes  int64
}

// placedImage says how many starts use an image, and since when as a serial number
// above 0; it is zero where the image is not held.
type placedImage struct {
	users int32
	used  int
	since int // it came
}

// nodeSet is a set of nodes.
type nodeSet struct {
	count int
	bits  []uint64
}

func (s *nodeSet) has(i int) bool { return s.bits != nil && s.bits[i>>6]&(1<<(i&63)) != 0 }

// imageLayers are the images of an Inventory by their segments.
type imageLayers struct {
	*segment.Segments
	// unpacked and blobs are the bytes of each segment, unpacked as far as known and
	// as blobs.
	unpacked, blobs []int64
	// compressed is the size of each image as the kubelet reports it, which for
	// containerd is that of its blobs.
	compressed []int64
}

func newImageLayers(inv *layers.Inventory) *imageLayers {
	l := &imageLayers{Segments: segment.Of(inv, inv.Chains()), compressed: make([]int64, len(inv.Images))}
	l.unpacked, l.blobs = make([]int64, len(l.All)), make([]int64, len(l.All))
	for id := range l.All {
		s := &l.All[id]
		for bit, k := range s.Layers {
			layer := &inv.Layers[k]
			if bit < len(s.Chains) && layer.UnpackedBytes != nil {
				l.unpacked[id] += *layer.UnpackedBytes
			}
			if s.Blobs&(1<<bit) != 0 {
				l.blobs[id] += layer.CompressedBytes
			}
		}
	}
	for i := range inv.Images {
		for _, k := range inv.Images[i].Layers {
			l.compressed[i] += inv.Layers[k].CompressedBytes
		}
	}
	return l
}

func newPoolDisks(images *imageLayers, class *simulate.Profile, nodes int) poolDisks {
	disk := class.Node.DiskGiB.Value * (1 << 30)
	d := poolDisks{
		images: images, bytes: slices.Clone(images.unpacked), disks: make([]nodeDisk, nodes), holders: make([]nodeSet, len(images.OfImage)),
		high: class.Node.HighFraction.Value * disk, low: class.Node.LowFraction.Value * disk,
	}
	if class.Pull.KeepBlobs.Value {
		for id, bytes := range images.blobs {
			d.bytes[id] += bytes
		}
	}
	return d
}

func (d *poolDisks) clone() poolDisks {
	c := *d
	c.disks, c.holders = slices.Clone(d.disks), slices.Clone(d.holders)
	for i := range c.disks {
		disk := &c.disks[i]
		disk.held, disk.needed = disk.held.Clone(), disk.needed.Clone()
	}
	for image := range c.holders {
		c.holders[image].bits = slices.Clone(c.holders[image].bits)
	}
	return c
}

// clear empties a node's disk.
func (d *poolDisks) clear(i int) {
	d.disks[i].held.All(func(image int32, _ placedImage) { d.setHolder(i, int(image), false) })
	d.disks[i] = nodeDisk{}
}

func (d *poolDisks) setHolder(i, image int, holds bool) {
	s, bit := &d.holders[image], uint64(1)<<(i&63)
	switch {
	case holds && s.bits == nil:
		s.bits = make([]uint64, (len(d.disks)+63)/64)
		fallthrough
	case holds:
		s.bits[i>>6] |= bit
		s.count++
	default:
		s.bits[i>>6] &^= bit
		if s.count--; s.count == 0 {
			s.bits = nil
		}
	}
}

// use puts an image on a node, unless it is there, and counts so many more uses.
func (d *poolDisks) use(i, image, users, serial int) {
	h := d.disks[i].held.At(int32(image))
	if *h == (placedImage{}) {
		d.setHolder(i, image, true)
		d.weigh(i, image, 1)
		h.since = serial
	}
	h.users += int32(users)
	h.used = serial
}

// leave ends the use by a start that was placed at a time, unless the image has gone
// since then: the node may have been emptied, and a release replaces images.
func (d *poolDisks) leave(i, image, placed, serial int) {
	if h := d.disks[i].held.Find(int32(image)); h != nil && h.users > 0 && h.since <= placed {
		h.users--
		h.used = serial
	}
}

// drop takes an image from a node.
func (d *poolDisks) drop(i, image int) {
	*d.disks[i].held.At(int32(image)) = placedImage{}
	d.setHolder(i, image, false)
	d.weigh(i, image, -1)
}

// release makes an image one that nothing asks for any more: its older version.
func (d *poolDisks) release(image int) {
	for i := range d.disks {
		if d.holders[image].has(i) {
			d.drop(i, image)
		}
	}
}

// weigh counts an image's segments once more or once less.
func (d *poolDisks) weigh(i, image int, by int32) {
	disk := &d.disks[i]
	for _, id := range d.images.OfImage[image] {
		needed := disk.needed.At(id)
		before := *needed
		if *needed += by; before == 0 {
			disk.bytes += d.bytes[id]
		} else if *needed == 0 {
			disk.bytes -= d.bytes[id]
		}
	}
}

// evict removes images that nothing uses, least recently used first, as the
// kubelet does when the disk is fuller than the high mark.
func (d *poolDisks) evict(i int) {
	disk := &d.disks[i]
	if float64(disk.bytes) <= d.high {
		return
	}
	for _, image := range disk.byUse(func(x placedImage) bool { return x.users == 0 }) {
		if float64(disk.bytes) <= d.low {
			return
		}
		d.drop(i, image)
	}
}

// byUse are those of a node's images that are asked for, least recently used first.
func (disk *nodeDisk) byUse(want func(placedImage) bool) []int {
	type usedImage struct{ image, used int }
	var found []usedImage
	disk.held.All(func(image int32, x placedImage) {
		if want(x) {
			found = append(found, usedImage{int(image), x.used})
		}
	})
	slices.SortFunc(found, func(a, b usedImage) int { return cmp.Compare(a.used, b.used) })
	images := make([]int, len(found))
	for k := range found {
		images[k] = found[k].image
	}
	return images
}

// The bounds of the ImageLocality score (kube-scheduler,
// pkg/scheduler/framework/plugins/imagelocality, v1.33; facts on peers): a sum
// below the lower counts as nothing, the upper is for each container.
const (
	localityLow  = 23 << 20
	localityHigh = 1000 << 20
)

// localityOf is kube-scheduler's ImageLocality score of a node, from 0 to 100: the
// size of each container's image that the node has, times the share of the nodes
// that have it.
func (d *poolDisks) localityOf(images []int, has func(image int) bool) int64 {
	var sum int64
	for _, image := range images {
		if has(image) {
			sum += int64(float64(d.images.compressed[image]) * float64(d.holders[image].count) / float64(len(d.disks)))
		}
	}
	high := int64(localityHigh) * int64(len(images))
	sum = min(max(sum, localityLow), high)
	return 100 * (sum - localityLow) / (high - localityLow)
}
