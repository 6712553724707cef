package layers

import (
	"math"
	"path"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// GzipRatio is the median of unpacked over compressed bytes of a layer (Zhao
// et al., CLUSTER 2019, over Docker Hub). The same is assumed for zstd, for
// which no survey is published.
const GzipRatio = 2.6

// packedRatio is that of layers that copy files which are compressed already:
// the one of testdata/images that does has 1.00.
const packedRatio = 1.02

// tarOverheadBytes are in every tar whatever it holds: one header and the two
// blocks at the end (POSIX pax, "ustar Interchange Format").
const tarOverheadBytes = 3 * tarBlock

// EstimateError is how far estimated sizes of layers are from measured ones:
// |estimated / measured - 1|. Both are fractions of the measured size.
type EstimateError struct {
	// Layers is how many were compared.
	Layers int
	// Median is that of the layers, P90 the error that nine of ten stay below.
	Median, P90 float64
	// Total is the error of the sum of all their sizes.
	Total float64
}

// MeasuredError is how far estimates of a method are off, as measured on the images of
// make images; false for a method of which nothing was measured.
func (o SizeOrigin) MeasuredError() (e EstimateError, ok bool) {
	switch o.Method {
	case ByRatio:
		// TestRatioError measures it on the recorded images.
		return EstimateError{Layers: 56, Median: 0.147, P90: 0.512, Total: 0.107}, true
	case GzipTrailer:
		// make compare-clients measures it on the images of make images.
		return EstimateError{Layers: 54}, true
	}
	return EstimateError{}, false
}

// SizeOrigin says how the unpacked sizes of some layers are known.
type SizeOrigin struct {
	// Method is UnpackedMethod, of which ByRatio stands for ByCreatedBy too; empty
	// for measured sizes.
	Method string
	// Layers counts them, Bytes sums their unpacked sizes.
	Layers int
	Bytes  int64
}

// SizeOrigins says how the unpacked sizes of layers are known, the most certain
// first. Layers of unknown size are not in it.
func SizeOrigins(list []Layer) []SizeOrigin {
	origins := make([]SizeOrigin, len(methodOrder))
	for i := range list {
		l := &list[i]
		if l.UnpackedBytes == nil {
			continue
		}
		method := l.UnpackedMethod
		if l.UnpackedSource == Estimated && method == "" || method == ByCreatedBy {
			// The error is that of both together.
			method = ByRatio
		}
		o := &origins[slices.Index(methodOrder, method)]
		o.Method = method
		o.Layers++
		o.Bytes += *l.UnpackedBytes
	}
	return slices.DeleteFunc(origins, func(o SizeOrigin) bool { return o.Layers == 0 })
}

// estimate gives the layer an unpacked size by its media type and build step:
// that of an uncompressed tar is stated, every other is a ratio times the
// compressed size.
func (l *Layer) estimate() {
	bytes := l.CompressedBytes
	l.UnpackedBytes = &bytes
	switch l.MediaType {
	case v1.MediaTypeImageLayer, ociForeignTar, dockerTar:
		// Of a layer without a blob CompressedBytes is what it would be as gzip.
		if l.CompressedSource == "" {
			l.UnpackedSource = Measured
			return
		}
	}
	ratio, method := GzipRatio, ByRatio
	if copiesPacked(l.CreatedBy) {
		ratio, method = packedRatio, ByCreatedBy
	}
	bytes = int64(math.Ceil(float64(l.CompressedBytes)*ratio/tarBlock))*tarBlock + tarOverheadBytes
	if l.CompressedBytes == 0 {
		bytes = 0
	}
	l.UnpackedSource, l.UnpackedMethod = Estimated, method
}

// packedFiles are the endings of files that hardly compress again.
var packedFiles = []string{".jar", ".war", ".ear", ".zip", ".gz", ".tgz", ".xz", ".zst", ".bz2", ".whl", ".apk", ".deb", ".rpm", ".png", ".jpg", ".mp4", ".safetensors", ".gguf"}

// copiesPacked says whether a build step copies only files that are compressed
// already, as it names them: COPY target/app.jar /app.jar. An ADD of an archive
// is unpacked by the builder.
func copiesPacked(createdBy string) bool {
	step := strings.TrimSpace(strings.TrimPrefix(createdBy, "/bin/sh -c #(nop) "))
	rest, ok := strings.CutPrefix(step, "COPY ")
	if !ok {
		return false
	}
	words := strings.Fields(strings.TrimSuffix(rest, "# buildkit"))
	words = slices.DeleteFunc(words, func(w string) bool { return strings.HasPrefix(w, "--") || w == "in" || strings.Contains(w, ":") })
	if len(words) < 2 {
		return false
	}
	for _, w := range words[:len(words)-1] {
		if !slices.Contains(packedFiles, strings.ToLower(path.Ext(w))) {
			return false
		}
	}
	return true
}

// estimateMissing gives every layer without an unpacked size an estimate, and
// layers of one diffID one size.
func (inv *Inventory) estimateMissing() {
	for i := range inv.Layers {
		if l := &inv.Layers[i]; l.UnpackedBytes == nil {
			l.estimate()
		}
	}
	inv.shareSizes()
}

// methodOrder ranks how sizes are known, the best first.
var methodOrder = []string{"", GzipTrailer, Engine, ByCreatedBy, ByRatio}

// BetterSize says whether the unpacked size of l is known in a better way than other's.
func (l *Layer) BetterSize(other *Layer) bool {
	if (l.UnpackedSource == Measured) != (other.UnpackedSource == Measured) {
		return l.UnpackedSource == Measured
	}
	return slices.Index(methodOrder, l.UnpackedMethod) < slices.Index(methodOrder, other.UnpackedMethod)
}

// shareSizes gives layers of one diffID one unpacked size: they are the same
// tar. The best known holds for all, of equally good ones the first.
func (inv *Inventory) shareSizes() {
	known := make(map[Digest]int, len(inv.Layers))
	for i := range inv.Layers {
		l := &inv.Layers[i]
		first, ok := known[l.diffID()]
		if !ok || l.BetterSize(&inv.Layers[first]) {
			known[l.diffID()] = i
		}
	}
	if len(known) == len(inv.Layers) {
		return
	}
	for i := range inv.Layers {
		l, from := &inv.Layers[i], &inv.Layers[known[inv.Layers[i].diffID()]]
		if l != from {
			l.UnpackedBytes, l.UnpackedSource, l.UnpackedMethod, l.Files = from.UnpackedBytes, from.UnpackedSource, from.UnpackedMethod, from.Files
		}
	}
}
