package plan

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/matcher"
)

const bytesPerGiB = 1 << 30

// candidate is a cache that might be built.
type candidate struct {
	// images are sorted, numbers theirs in the model.
	images  []string
	numbers []int32
	layers  layerSet
	// unpackedBytes counts each layer once; assumedBytes of it rest on
	// matcher.AssumedUnpackRatio.
	unpackedBytes, assumedBytes int64
	cache                       matcher.Cache
	build                       time.Duration
	// builds is the first build and the rebuilds of a month.
	builds                float64
	buildMoney, keepMoney float64
}

func (c *candidate) fixed() float64 { return c.buildMoney + c.keepMoney }

// layerSet holds positions in Inventory.Layers, sorted, each once.
type layerSet []int

func (p *Problem) layersOf(images []string) layerSet {
	var all layerSet
	for _, ref := range images {
		if i := p.find(ref); i >= 0 {
			all = append(all, p.Inventory.Images[i].Layers...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// compressedShared is the compressed bytes of the layers in both sets.
func (p *Problem) compressedShared(x, y layerSet) int64 {
	var total int64
	for len(x) > 0 && len(y) > 0 {
		switch {
		case x[0] < y[0]:
			x = x[1:]
		case x[0] > y[0]:
			y = y[1:]
		default:
			total += p.Inventory.Layers[x[0]].CompressedBytes
			x, y = x[1:], y[1:]
		}
	}
	return total
}

// intersect says whether two sets have a layer in common.
func intersect(x, y layerSet) bool {
	for _, l := range x {
		if _, ok := slices.BinarySearch(y, l); ok {
			return true
		}
	}
	return false
}

func (p *Problem) unpacked(set layerSet) (total, assumed int64) {
	for _, l := range set {
		layer := &p.Inventory.Layers[l]
		if layer.UnpackedBytes == nil {
			total += matcher.AssumedUnpackRatio * layer.CompressedBytes
			assumed += matcher.AssumedUnpackRatio * layer.CompressedBytes
			continue
		}
		total += *layer.UnpackedBytes
	}
	return total, assumed
}

// priceLayers sets what storing each layer costs a month.
func (m *model) priceLayers() error {
	m.layerMoney = make([]float64, len(m.Inventory.Layers))
	for l := range m.layerMoney {
		bytes, _ := m.unpacked(layerSet{l})
		keep, err := m.Prices.Keep(float64(bytes)/bytesPerGiB, month)
		if err != nil {
			return err
		}
		m.layerMoney[l] = keep.Amount
	}
	return nil
}

// newCandidate sizes and prices a set. Its name says which app it was made for
// and tells sets apart.
func (p *Problem) newCandidate(s imageSet) (*candidate, error) {
	c := &candidate{images: s.images, layers: s.layers, builds: 1}
	c.unpackedBytes, c.assumedBytes = p.unpacked(s.layers)
	size := cmp.Or(s.sizeGiB, matcher.SizeToHold(c.unpackedBytes))
	c.cache = matcher.Cache{
		ID: p.nameOf(s), Images: s.images, SizeGiB: size,
		Status: matcher.StatusReady, CreationTime: p.At,
	}
	for _, a := range p.Apps {
		if slices.Contains(s.images, a.App.Images[0]) {
			c.builds += a.App.ReleasesPerMonth
		}
	}
	c.build = p.BuildTime(s.images, size)
	build, err := p.Prices.Build(c.build, size)
	if err != nil {
		return nil, err
	}
	keep, err := p.Prices.Keep(float64(c.unpackedBytes)/bytesPerGiB, month)
	if err != nil {
		return nil, err
	}
	c.buildMoney, c.keepMoney = build.Amount*c.builds, keep.Amount
	return c, nil
}

func (p *Problem) nameOf(s imageSet) string {
	first := ""
	for _, a := range p.Apps {
		held := true
		for _, ref := range a.App.AllImages() {
			held = held && slices.Contains(s.images, ref)
		}
		if held {
			first = a.App.Name
			break
		}
	}
	if first == "" {
		first = "part"
	}
	sum := sha256.Sum256([]byte(s.key()))
	return fmt.Sprintf("%s-%x", plain(first), sum[:4])
}

// plain keeps what every service allows in a name.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '-'
	}, name)
}
